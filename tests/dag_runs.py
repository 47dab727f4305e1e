"""Run a DAG with Airflow's own runner, and read its results."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.sdk import DAG


@dataclass(frozen=True)
class Ran:
    """A DAG run that has ended.

    :param run_id: its id
    :param state: of the run
    :param states: of every task; of a mapped one, by "task_id[index]"
    :param xcoms: by task (or "task_id[index]") and key
    """

    run_id: str
    state: str
    states: dict[str, str]
    xcoms: dict[str, dict[str, Any]]


def run(dag: DAG, logical_date: datetime | None = None, **conf: Any) -> Ran:
    """Run a DAG in this process, as ``airflow dags test`` does."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    _make_known(dag)
    at: dict[str, Any] = {} if logical_date is None else {"run_after": logical_date, "logical_date": logical_date}
    ended = dag.test(**at, run_conf=conf or None)
    states, xcoms = {}, {}
    for instance in ended.get_task_instances():
        name = instance.task_id if instance.map_index < 0 else f"{instance.task_id}[{instance.map_index}]"
        states[name] = str(instance.state)
        with create_session() as session:
            found = session.scalars(
                XComModel.get_many(
                    run_id=ended.run_id,
                    dag_ids=dag.dag_id,
                    task_ids=instance.task_id,
                    map_indexes=instance.map_index,
                )
            ).all()
            xcoms[name] = {row.key: XComModel.deserialize_value(row) for row in found}
    return Ran(ended.run_id, str(ended.state), states, xcoms)


def _make_known(dag: DAG) -> None:
    """Write the DAG to the metadata database, as the DAG processor does with those it finds in files."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=os.devnull)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
