"""Test how the operator identifies its job, and how it handles unexpected trigger events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from conftest_sagemaker import Aws

from airflow_clarify import BiasConfig, ClarifyPreTrainingBiasOperator, DataConfig, SageMakerEngine
from airflow_clarify.operators.sagemaker_job import JobIdentity

STARTED = datetime(2026, 11, 22, 8, tzinfo=UTC)


def context(**changes: Any) -> Any:
    """Build the part of a task's context that the identity of its job needs."""
    given = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "max_tries": 2, "retries": 2, **changes}
    run = SimpleNamespace(start_date=given.pop("start_date", STARTED), run_after=STARTED)
    return {"ti": SimpleNamespace(**given), "task": SimpleNamespace(retries=given["retries"]), "dag_run": run}


def identity(**changes: Any) -> JobIdentity:
    return JobIdentity.from_context(context(**changes))


def test_tries_of_one_task_instance_share_an_identity() -> None:
    assert identity() == identity(try_number=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"dag_id": "e"},
        {"run_id": "s"},
        {"task_id": "u"},
        {"map_index": 0},
        # Cleared after one try: Airflow raises max_tries by the number of used tries.
        {"max_tries": 3},
        # A run of the same name in another deployment, or the same run restarted.
        {"start_date": datetime(2026, 11, 22, 9, tzinfo=UTC)},
    ],
)
def test_other_task_instances_have_other_identities(changes: dict[str, Any]) -> None:
    assert identity(**changes) != identity()


def test_identities_before_the_task_was_cleared() -> None:
    assert [earlier.generation for earlier in identity(max_tries=4).iterate_earlier()] == [0, 1]
    assert list(identity().iterate_earlier()) == []
    assert identity(max_tries=2).generation == 0
    # The retries of the DAG were raised while it ran.
    assert identity(max_tries=0).generation == 0


@pytest.fixture
def waiting(aws: Aws) -> Iterator[tuple[ClarifyPreTrainingBiasOperator, dict[str, Any], Any]]:
    """Yield a deferred task with a job that does not end by itself."""
    xcoms: dict[str, Any] = {}
    given = context()
    given["ti"].xcom_push = lambda key, value: xcoms.update({key: value})
    given["ti"].xcom_pull = lambda key, **_: xcoms.get(key)
    operator = ClarifyPreTrainingBiasOperator(
        task_id="t",
        data_config=DataConfig("s3://lab/data/reviews.csv", label="y"),
        bias_config=BiasConfig([1], "f"),
        engine=SageMakerEngine(role="clarify", bucket="lab", aws_conn_id="clarify_lab", env={"SLEEP_FIRST": "60"}),
        deferrable=True,
        durable=False,
    )
    with pytest.raises(TaskDeferred):
        operator.execute(given)
    job = aws.sagemaker.jobs[xcoms["clarify_job"]["job_name"]]
    yield operator, given, job
    job.stop()


@pytest.mark.server
@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (None, "the trigger sent no valid event"),
        ({}, "the trigger sent no valid event"),
        ("Completed", "the trigger sent no valid event"),
        ({"status": "timeout"}, "did not end within its timeout"),
        ({"status": "error", "message": "AccessDenied"}, "cannot be waited for: AccessDenied"),
    ],
)
def test_an_event_without_an_end_fails_and_stops_the_job(event: Any, sentence: str, aws: Aws, waiting: Any) -> None:
    operator, given, job = waiting
    with pytest.raises(AirflowException, match=sentence):
        operator.execute_complete(given, event)
    assert aws.sagemaker.wait(job.name, 20) == "Stopped"


@pytest.mark.server
def test_an_event_of_another_job_defers_again(waiting: Any) -> None:
    operator, given, job = waiting
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute_complete(given, {"status": "ended", "job_name": "another", "state": "Completed"})
    assert deferred.value.trigger.job_name == job.name
    assert job.status == "InProgress"


@pytest.mark.server
@pytest.mark.parametrize("error", ["Trigger timeout", "Trigger failure"])
def test_a_failed_trigger_stops_the_job(error: str, aws: Aws, waiting: Any) -> None:
    operator, given, job = waiting
    with pytest.raises(Exception, match=error):
        operator.resume_execution("__fail__", {"error": error}, given)
    assert aws.sagemaker.wait(job.name, 20) == "Stopped"


@pytest.mark.server
def test_a_deleted_xcom_raises_an_error_without_traceback(waiting: Any) -> None:
    operator, given, _ = waiting
    given["ti"].xcom_pull = lambda **_: None
    with pytest.raises(AirflowException, match="the job of this task is unknown"):
        operator.execute_complete(given, {"status": "ended"})
