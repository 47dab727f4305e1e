"""Test with a real scheduler, worker and triggerer: clearing, marking, and killed workers."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
from airflow_services import AirflowServices
from conftest_sagemaker import Aws

pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.slow]

DAGS = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_clarify import BiasConfig, ClarifyPreTrainingBiasOperator, DataConfig, SageMakerEngine

for how, deferrable in (("in_task", False), ("deferred", True)):
    for name, seconds in (("quick", 3), ("endless", 600)):
        with DAG(f"{name}_{how}", schedule=None, catchup=False) as dag:
            ClarifyPreTrainingBiasOperator(
                task_id="bias",
                data_config=DataConfig("s3://lab/data/reviews.csv", label="y"),
                bias_config=BiasConfig([1], "f"),
                engine=SageMakerEngine(
                    role="clarify",
                    bucket="lab",
                    aws_conn_id="clarify_lab",
                    env={"SLEEP_FIRST": str(seconds)},
                    job_name_prefix=dag.dag_id,
                ),
                deferrable=deferrable,
                poll_interval=1,
                retries=2,
                retry_delay=timedelta(0),
            )
        globals()[dag.dag_id] = dag
"""


@pytest.fixture(scope="module")
def airflow(both: Aws, shared_airflow: AirflowServices) -> AirflowServices:
    shared_airflow.add_connection("clarify_lab", both.connection())
    shared_airflow.add_dags("jobs.py", DAGS)
    return shared_airflow


def jobs(aws: Aws, prefix: str) -> list[Any]:
    found = [job for name, job in aws.sagemaker.jobs.items() if name.startswith(prefix.replace("_", "-"))]
    return sorted(found, key=lambda job: job.created)


def running(airflow: AirflowServices, aws: Aws, dag_id: str, state: str) -> tuple[str, Any]:
    """Start a run with a job that does not end by itself, and return when the task waits for it."""
    run_id = airflow.trigger(dag_id)
    before = len(jobs(aws, dag_id))
    airflow.wait_for(dag_id, run_id, "bias", state)
    airflow.until(lambda: len(jobs(aws, dag_id)) > before or _is_running(aws, dag_id), "the job is started")
    await_first_look(airflow, aws, state)
    return run_id, jobs(aws, dag_id)[-1]


def await_first_look(airflow: AirflowServices, aws: Aws, state: str) -> None:
    """Wait until who waits for the job has looked at it.

    Before a triggerer runs a trigger, nobody is there whom Airflow could tell that the task was killed.
    """
    before = aws.sagemaker.calls
    if state == "deferred":
        looks = ("DescribeProcessingJob", "ListProcessingJobs")
        airflow.until(
            lambda: any(aws.sagemaker.calls[name] > before[name] for name in looks), "the trigger has looked", 60
        )
    else:
        time.sleep(2)


def _is_running(aws: Aws, dag_id: str) -> bool:
    found = jobs(aws, dag_id)
    return bool(found) and found[-1].status == "InProgress"


def test_a_cleared_task_starts_a_new_job_after_a_completed_one(airflow: AirflowServices, aws: Aws) -> None:
    for dag_id in ("quick_in_task", "quick_deferred"):
        run_id = airflow.trigger(dag_id)
        airflow.wait_for(dag_id, run_id, "bias", "success", "failed")
        airflow.wait_for_run(dag_id, run_id)
        first = airflow.xcom(dag_id, run_id, "bias", "clarify_job")
        airflow.clear(dag_id, run_id, "bias")
        airflow.until(lambda d=dag_id: len(jobs(aws, d)) == 2, "a second job is started", 60)
        airflow.wait_for(dag_id, run_id, "bias", "success", "failed")
        second = airflow.xcom(dag_id, run_id, "bias", "clarify_job")
        assert first["job_name"] != second["job_name"]
        assert airflow.task(dag_id, run_id, "bias")["state"] == "success"


@pytest.mark.parametrize(("dag_id", "state"), [("endless_in_task", "running"), ("endless_deferred", "deferred")])
@pytest.mark.parametrize("action", ["failed", "success", "clear"])
def test_every_user_action_stops_the_job(
    action: str, dag_id: str, state: str, airflow: AirflowServices, aws: Aws
) -> None:
    run_id, job = running(airflow, aws, dag_id, state)
    if action == "clear":
        airflow.clear(dag_id, run_id, "bias")
    else:
        airflow.mark(dag_id, run_id, "bias", action)
    assert aws.sagemaker.wait(job.name, 60) == "Stopped"
    if action == "clear":
        airflow.until(lambda: jobs(aws, dag_id)[-1].name != job.name, "the cleared task has started another job", 60)
        airflow.wait_for(dag_id, run_id, "bias", state)
        await_first_look(airflow, aws, state)
        airflow.mark(dag_id, run_id, "bias", "failed")
        assert aws.sagemaker.wait(jobs(aws, dag_id)[-1].name, 60) == "Stopped"


def test_a_retry_takes_over_the_job_of_a_killed_worker(airflow: AirflowServices, aws: Aws) -> None:
    dag_id = "endless_in_task"
    run_id, job = running(airflow, aws, dag_id, "running")
    number = len(jobs(aws, dag_id))
    worker = airflow.task(dag_id, run_id, "bias")["pid"]
    _kill_with_children(worker)
    airflow.until(lambda: airflow.task(dag_id, run_id, "bias")["try_number"] == 2, "there is a second try", 90)
    airflow.wait_for(dag_id, run_id, "bias", "running")
    time.sleep(5)
    assert len(jobs(aws, dag_id)) == number
    assert job.status == "InProgress"
    airflow.mark(dag_id, run_id, "bias", "failed")
    assert aws.sagemaker.wait(job.name, 60) == "Stopped"


def _kill_with_children(pid: int) -> None:
    """Kill a worker without notice, as if its machine had failed."""
    import psutil

    process = psutil.Process(pid)
    supervisor = process.parent()
    for victim in [supervisor, process, *process.children(recursive=True)]:
        if victim is not None:
            os.kill(victim.pid, signal.SIGKILL)


def test_a_restarted_triggerer_continues_to_wait(airflow: AirflowServices, aws: Aws) -> None:
    dag_id = "endless_deferred"
    run_id, job = running(airflow, aws, dag_id, "deferred")
    airflow.stop("triggerer")
    assert job.status == "InProgress"
    looks = aws.sagemaker.calls["DescribeProcessingJob"]
    airflow.start("triggerer")
    # A trigger that is not yet assigned to a triggerer is deleted without notice.
    airflow.until(lambda: aws.sagemaker.calls["DescribeProcessingJob"] > looks, "the job is looked at again", 120)
    assert job.status == "InProgress"
    airflow.mark(dag_id, run_id, "bias", "failed")
    assert aws.sagemaker.wait(job.name, 180) == "Stopped"
