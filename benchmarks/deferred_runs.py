"""Helpers for deferred tasks without a scheduler, and for an `airflow triggerer` process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger

TASK = "wait"


class DeferredRun:
    """Run of a DAG with one mapped task, each instance of which waits for a trigger.

    The rows are written as they are after `TaskDeferred`. To send a thousand tasks through a scheduler and workers
    first would take half an hour, and a triggerer does not see the difference.

    :param dag_id: the DAG, which is written to the metadata database
    :param size: how many instances the task has; none of them is deferred yet
    """

    def __init__(self, dag_id: str, size: int) -> None:
        self.dag_id, self.size = dag_id, size
        self.run_id = f"deferred-{datetime.now(UTC).timestamp()}"
        _make_known(dag_id, size)
        self._create_run()

    def defer(self, triggers: Mapping[int, BaseTrigger]) -> None:
        """Defer instances, by map index, to triggers."""
        from airflow.models import Trigger
        from airflow.utils.session import create_session
        from airflow.utils.state import TaskInstanceState

        with create_session() as session:
            instances = {one.map_index: one for one in self._instances(session)}
            for index, trigger in triggers.items():
                row = Trigger.from_object(trigger)
                session.add(row)
                session.flush()
                instance = instances[index]
                instance.state, instance.trigger_id = TaskInstanceState.DEFERRED, row.id
                instance.try_number, instance.start_date = 1, datetime.now(UTC)
                instance.next_method, instance.next_kwargs = "execute_complete", {}

    def states(self) -> dict[int, str | None]:
        """Return the states of the instances by map index."""
        return {index: state for index, (state, _) in self.changes().items()}

    def changes(self) -> dict[int, tuple[str | None, datetime]]:
        """Return the states of the instances by map index, and when their rows were last changed."""
        from airflow.models import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            columns = (TaskInstance.map_index, TaskInstance.state, TaskInstance.updated_at)
            rows = session.execute(select(*columns).where(TaskInstance.run_id == self.run_id)).all()
        return {index: (None if state is None else str(state), changed) for index, state, changed in rows}

    def events(self) -> dict[int, Any]:
        """Return the events of the triggers by map index."""
        from airflow.utils.session import create_session

        with create_session() as session:
            said = {one.map_index: _plain(one.next_kwargs or {}) for one in self._instances(session)}
        return {index: kwargs["event"] for index, kwargs in said.items() if "event" in kwargs}

    def with_triggerer(self) -> int:
        """Count the instances that wait for a trigger assigned to a triggerer."""
        from airflow.models import TaskInstance, Trigger
        from airflow.utils.session import create_session
        from sqlalchemy import func, select

        with create_session() as session:
            rows = select(func.count(Trigger.id)).join(TaskInstance, TaskInstance.trigger_id == Trigger.id)
            taken = rows.where(TaskInstance.run_id == self.run_id, Trigger.triggerer_id.is_not(None))
            return int(session.execute(taken).scalar_one())

    def _instances(self, session: Any) -> Sequence[Any]:
        from airflow.models import TaskInstance
        from sqlalchemy import select

        return list(session.scalars(select(TaskInstance).where(TaskInstance.run_id == self.run_id)))

    def _create_run(self) -> None:
        from airflow.models.dagbag import DBDagBag
        from airflow.utils.session import create_session
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        with create_session() as session:
            dag = DBDagBag().get_latest_version_of_dag(self.dag_id, session=session)
            assert dag is not None
            now = datetime.now(UTC)
            run = dag.create_dagrun(
                run_id=self.run_id,
                logical_date=now,
                data_interval=(now, now),
                run_after=now,
                start_date=now,
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.TEST,
                state=DagRunState.RUNNING,
                session=session,
            )
            run.verify_integrity(session=session, dag_version_id=run.created_dag_version_id)


@contextmanager
def triggerer(log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `airflow triggerer` with the Airflow home of this process.

    :param log: where it writes what it says
    :param environment: more environment variables
    """
    # With this variable set, the process would recompile all its imports.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            env=inherited | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            # The signal that deployments use; the triggerer then waits for its triggers.
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=180)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=30)
                raise


def _make_known(dag_id: str, size: int) -> None:
    """Write the DAG to the metadata database, as the DAG processor does for DAG files."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.sdk import DAG, task

    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag, sync_bag_to_db

    @task(task_id=TASK, retries=0)
    def wait(number: int) -> None: ...

    with DAG(dag_id, schedule=None, max_active_tasks=size) as dag:
        wait.expand(number=list(range(size)))
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=os.devnull)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)


def _plain(kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        from airflow.sdk.serde import deserialize
    except ImportError:
        # In Airflow 3.1 the column returns them unencoded.
        return kwargs
    plain: dict[str, Any] = deserialize(kwargs)
    return plain
