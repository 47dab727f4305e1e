"""Test with a real scheduler, worker and triggerer: clearing, marking, and killed workers."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
from airflow_services import AirflowServices
from conftest_sagemaker import Aws
from sagemaker_stand_in import StandIn
from sagemaker_stand_in.create_jobs import create_jobs

pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.slow]

DAGS = """
from datetime import timedelta

from airflow.sdk import DAG

from airflow_clarify import (
    BiasConfig,
    ClarifyJobSensor,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SageMakerEngine,
)

with DAG("watched", schedule=None, catchup=False):
    ClarifyJobSensor(
        task_id="bias",
        job_name="{{ dag_run.conf['job_name'] }}",
        aws_conn_id="clarify_watched",
        deferrable=True,
        poke_interval=1,
    )

for how, deferrable in (("in_task", False), ("deferred", True)):
    for name, seconds in (("quick", 3), ("endless", 3600)):
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


#: The jobs of others, which sensors wait for.
OTHERS = ("ends-after-the-restart", "is-waited-for-no-longer")


@pytest.fixture(scope="module")
def others() -> Iterator[StandIn]:
    """Start the jobs of others, which end when a test says so."""
    with StandIn("http://127.0.0.1:1", "k", "s", without_containers=True) as aws:
        create_jobs(aws.endpoint, OTHERS)
        yield aws


@pytest.fixture(scope="module")
def airflow(both: Aws, others: StandIn, shared_airflow: AirflowServices) -> AirflowServices:
    shared_airflow.add_connection("clarify_lab", both.connection())
    extra = {"endpoint_url": others.endpoint, "region_name": "us-east-1"}
    watched = {"conn_type": "aws", "login": "k", "password": "s", "extra": extra}
    shared_airflow.add_connection("clarify_watched", json.dumps(watched))
    shared_airflow.add_dags("jobs.py", DAGS)
    return shared_airflow


class Waiting:
    """A run whose task waits for a job that does not end by itself.

    :param airflow: the running Airflow
    :param aws: the stand-in that runs the job
    :param dag_id: the DAG of the run, which decides who waits: the task or a trigger
    """

    def __init__(self, airflow: AirflowServices, aws: Aws, dag_id: str) -> None:
        self.airflow, self.aws, self.dag_id = airflow, aws, dag_id
        self.state = "deferred" if dag_id.endswith("deferred") else "running"
        self.run_id = airflow.trigger(dag_id)

    def job(self, after: str = "") -> str:
        """Return the name of the job when the task waits for it.

        :param after: the job of an earlier try
        """
        self.airflow.until(lambda: self.pushed() not in ("", after), f"{self.run_id} has a job other than {after!r}")
        self.airflow.wait_for(self.dag_id, self.run_id, "bias", self.state)
        self.await_first_look()
        return self.pushed()

    def pushed(self) -> str:
        """Return the name of the job in the task's XCom; empty if there is none."""
        try:
            return str(self.airflow.xcom(self.dag_id, self.run_id, "bias", "clarify_job")["job_name"])
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return ""

    def await_first_look(self) -> None:
        """Wait until the job is looked at by whoever waits for it.

        Before a triggerer runs a trigger, nobody is there whom Airflow could tell that the task was killed.
        """
        if self.state == "running":
            time.sleep(2)
            return
        job = self.pushed()
        before = self.looks(job)
        self.airflow.until(lambda: self.looks(job) > before, "the trigger has looked")

    def looks(self, job: str) -> int:
        """Count the calls that described a job."""
        calls = self.aws.sagemaker.requests("DescribeProcessingJob")
        return sum(call["ProcessingJobName"] == job for call in calls)

    def mark(self, state: str) -> None:
        """Mark the task as failed or succeeded, as a user does."""
        self.airflow.mark(self.dag_id, self.run_id, "bias", state)


ENDLESS = ("endless_in_task", "endless_deferred")
ACTIONS = ("failed", "success", "clear")


@pytest.fixture(scope="module")
def runs(airflow: AirflowServices, both: Aws) -> dict[tuple[str, str], Waiting]:
    """Start the runs of all tests at once, by DAG and by what happens to them."""
    happens = {"endless_in_task": [*ACTIONS, "killed worker"], "endless_deferred": [*ACTIONS, "restart"]}
    return {(dag_id, what): Waiting(airflow, both, dag_id) for dag_id in ENDLESS for what in happens[dag_id]}


@pytest.fixture(scope="module")
def sensors(runs: dict[tuple[str, str], Waiting], airflow: AirflowServices) -> dict[str, str]:
    """Start a sensor for each of the jobs of others, after the other runs."""
    return {name: airflow.trigger("watched", job_name=name) for name in OTHERS}


def jobs(aws: Aws, dag_id: str) -> list[Any]:
    return [job for name, job in aws.sagemaker.jobs.items() if name.startswith(dag_id.replace("_", "-"))]


def test_a_cleared_task_starts_a_new_job_after_a_completed_one(airflow: AirflowServices, aws: Aws) -> None:
    runs = {dag_id: airflow.trigger(dag_id) for dag_id in ("quick_in_task", "quick_deferred")}
    first = {}
    for dag_id, run_id in runs.items():
        airflow.wait_for(dag_id, run_id, "bias", "success", "failed")
        airflow.wait_for_run(dag_id, run_id)
        first[dag_id] = airflow.xcom(dag_id, run_id, "bias", "clarify_job")
        airflow.clear(dag_id, run_id, "bias")
    for dag_id, run_id in runs.items():
        airflow.until(lambda d=dag_id: len(jobs(aws, d)) == 2, "a second job is started")
        airflow.wait_for(dag_id, run_id, "bias", "success", "failed")
        second = airflow.xcom(dag_id, run_id, "bias", "clarify_job")
        assert first[dag_id]["job_name"] != second["job_name"]
        assert airflow.task(dag_id, run_id, "bias")["state"] == "success"


# The sensors wait meanwhile for what a later test does.
@pytest.mark.usefixtures("sensors")
@pytest.mark.parametrize("dag_id", ENDLESS)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_user_action_stops_the_job(
    action: str, dag_id: str, runs: dict[tuple[str, str], Waiting], airflow: AirflowServices, aws: Aws
) -> None:
    run = runs[dag_id, action]
    job = run.job()
    if action == "clear":
        airflow.clear(dag_id, run.run_id, "bias")
    else:
        run.mark(action)
    assert aws.sagemaker.wait(job, 180) == "Stopped"
    if action == "clear":
        second = run.job(after=job)
        run.mark("failed")
        assert aws.sagemaker.wait(second, 180) == "Stopped"


def test_a_retry_takes_over_the_job_of_a_killed_worker(
    runs: dict[tuple[str, str], Waiting], airflow: AirflowServices, aws: Aws
) -> None:
    run = runs["endless_in_task", "killed worker"]
    job = run.job()
    airflow.until(lambda: all(other.pushed() for other in runs.values()), "no other run starts a job")
    created = len(jobs(aws, run.dag_id))
    _kill_with_children(airflow.task(run.dag_id, run.run_id, "bias")["pid"])
    airflow.until(lambda: airflow.task(run.dag_id, run.run_id, "bias")["try_number"] == 2, "there is a second try")
    airflow.wait_for(run.dag_id, run.run_id, "bias", "running")
    airflow.until(lambda: run.pushed() == job, "the second try waits for the same job")
    time.sleep(2)
    assert len(jobs(aws, run.dag_id)) == created
    assert aws.sagemaker.jobs[job].status == "InProgress"
    run.mark("failed")
    assert aws.sagemaker.wait(job, 180) == "Stopped"


def _kill_with_children(pid: int) -> None:
    """Kill a worker without notice, as if its machine had failed."""
    import psutil

    process = psutil.Process(pid)
    supervisor = process.parent()
    for victim in [supervisor, process, *process.children(recursive=True)]:
        if victim is not None:
            os.kill(victim.pid, signal.SIGKILL)


def test_a_restarted_triggerer_continues_to_wait(
    runs: dict[tuple[str, str], Waiting],
    sensors: dict[str, str],
    airflow: AirflowServices,
    aws: Aws,
    others: StandIn,
) -> None:
    run = runs["endless_deferred", "restart"]
    job = run.job()
    ends, kept = OTHERS
    for name in OTHERS:
        airflow.wait_for("watched", sensors[name], "bias", "deferred")
        before = others.calls["DescribeProcessingJob"]
        airflow.until(lambda n=before: others.calls["DescribeProcessingJob"] > n + 2, "the triggers of sensors look")
    airflow.mark("watched", sensors[kept], "bias", "failed")
    time.sleep(2)
    airflow.stop("triggerer")
    assert aws.sagemaker.jobs[job].status == "InProgress"
    looks = run.looks(job)
    airflow.start("triggerer")
    # A trigger that is not yet assigned to a triggerer is deleted without notice.
    airflow.until(lambda: run.looks(job) > looks, "the job is looked at again", 120)
    assert aws.sagemaker.jobs[job].status == "InProgress"
    # A sensor does not stop a job, and what it waits for after the restart reaches its task.
    others.complete(ends)
    airflow.wait_for("watched", sensors[ends], "bias", "success", "failed")
    assert airflow.task("watched", sensors[ends], "bias")["state"] == "success"
    assert others.jobs[kept].status == "InProgress"
    assert others.calls["StopProcessingJob"] == 0
    run.mark("failed")
    assert aws.sagemaker.wait(job, 180) == "Stopped"
