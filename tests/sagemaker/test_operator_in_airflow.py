"""Test Clarify jobs of a DAG: in the task, deferred, or with a sensor; success, failure, retries, and kills."""

from __future__ import annotations

import itertools
import json
import os
import pkgutil
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from conftest_sagemaker import CSV, Aws
from dag_runs import Ran, run

from airflow_clarify import (
    Analysis,
    BiasConfig,
    BiasGateOperator,
    ClarifyJobSensor,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SageMakerEngine,
)

pytestmark = [pytest.mark.airflow, pytest.mark.server]

WAITS = ["task", "deferred", "sensor", "rescheduled sensor", "deferred sensor"]
_numbers = itertools.count(1)


@pytest.fixture
def folder() -> str:
    """Return a new folder in S3 for each test."""
    return f"test-{next(_numbers)}"


def engine(**changes: Any) -> SageMakerEngine:
    return SageMakerEngine(role="clarify", aws_conn_id="clarify_lab", **changes)


def check(folder: str, task_id: str = "bias", **changes: Any) -> ClarifyPreTrainingBiasOperator:
    arguments: dict[str, Any] = {
        "data_config": DataConfig("s3://lab/data/reviews.csv", output_path=f"s3://lab/{folder}", label="y"),
        "bias_config": BiasConfig([1], "f"),
        "methods": ["CI", "DPL"],
        "engine": engine(),
        "poll_interval": 0.2,
        **changes,
    }
    return ClarifyPreTrainingBiasOperator(task_id=task_id, **arguments)


def waiting(how: str, folder: str, **changes: Any) -> DAG:
    """Build a DAG with a task "bias" that starts a job, awaited by "bias" or "sensor"; the gate only warns."""
    with DAG(f"sagemaker_{how.replace(' ', '_')}", schedule=None) as dag:
        if how in ("task", "deferred"):
            analysis: Any = check(folder, deferrable=how == "deferred", **changes).output
        else:
            started = check(folder, wait_for_completion=False, **changes)
            sensor = ClarifyJobSensor(
                task_id="sensor",
                job_name=started.output,
                aws_conn_id="clarify_lab",
                poke_interval=0.2,
                mode="reschedule" if how == "rescheduled sensor" else "poke",
                deferrable=how == "deferred sensor",
            )
            analysis = sensor.output
        BiasGateOperator(
            task_id="gate", analysis=analysis, thresholds={"DPL": 0.1}, on_violation="warn", conn_id="clarify_lab"
        )
    return dag


def analysis_of(ran: Ran) -> Analysis:
    xcom = (
        ran.xcoms["sensor"]["return_value"]["analysis"] if "sensor" in ran.xcoms else ran.xcoms["bias"]["return_value"]
    )
    return Analysis.from_xcom(xcom)


@pytest.mark.parametrize("how", WAITS)
def test_all_ways_to_wait_give_the_same_analysis(how: str, folder: str, aws: Aws, airflow_db: Path) -> None:
    before = len(aws.created())
    ran = run(waiting(how, folder))

    assert set(ran.states.values()) == {"success"}
    assert len(aws.created()) == before + 1
    analysis = analysis_of(ran)
    embedded = _embedded(airflow_db)
    assert [facet.results for facet in analysis.facets] == [facet.results for facet in embedded.facets]
    assert analysis.outputs["analysis"] == f"s3://lab/{folder}/analysis.json"
    assert {f"{folder}/{name}" for name in ("analysis.json", "report.html", "verdict.json")} <= set(aws.keys(folder))
    assert json.loads(aws.read(f"{folder}/verdict.json"))["outcome"] == "violation"
    assert ran.xcoms["gate"]["verdict"]["outcome"] == "violation"


def _embedded(tmp: Path) -> Analysis:
    from airflow_clarify.bias.config import AnalysisConfig
    from airflow_clarify.engines.duckdb import DuckDBEngine

    path = tmp.parent / "reviews.csv"
    path.write_text(CSV)
    data = DataConfig(str(path), label="y")
    config = AnalysisConfig.build(data, BiasConfig([1], "f"), ["CI", "DPL"])
    return Analysis.from_contingency(DuckDBEngine(duckdb_conn_id=None).count(data, config), config)


STOPPED = "did not complete (Stopped, and SageMaker gives no reason)"
MISSING = "/analysis.json is missing; look at the job's logs"


@pytest.mark.parametrize(
    ("how", "fault", "sentence"),
    [
        ("task", "failed", "did not complete (Failed: "),
        ("task", "missing-output", MISSING),
        ("deferred", "stopped", STOPPED),
        ("deferred", "missing-output", MISSING),
        ("sensor", "stopped", STOPPED),
        ("rescheduled sensor", "missing-output", MISSING),
        ("deferred sensor", "failed", "did not complete (Failed: "),
    ],
)
def test_only_a_completed_job_passes(
    how: str, fault: str, sentence: str, folder: str, aws: Aws, airflow_db: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    aws.sagemaker.fail_job(fault)
    ran = run(waiting(how, folder))

    assert ran.state == "failed"
    assert ran.states["sensor" if "sensor" in how else "bias"] == "failed"
    assert ran.states["gate"] == "upstream_failed"
    assert sentence in capfd.readouterr().out
    # The links exist nevertheless.
    assert ran.xcoms["bias"]["clarify_job"]["job_name"].startswith("Clarify-Pretraining-Bias-")
    assert "#/processing-jobs/Clarify-Pretraining-Bias-" in ran.xcoms["bias"]["_link_ClarifyJobLink"]


def test_the_failure_reason_of_the_container_is_logged(
    folder: str, aws: Aws, airflow_db: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = run(waiting("deferred", folder, bias_config=BiasConfig([1], "g")))

    assert ran.states["bias"] == "failed"
    told = capfd.readouterr().out
    assert "exit message: " in told
    assert "the data have no column 'g'" in told


def test_log_lines_of_the_job_are_in_the_task_log(
    folder: str, aws: Aws, airflow_db: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for how in ("task", "deferred"):
        assert run(waiting(how, f"{folder}-{how}")).state == "success"
        assert "Read 200 rows" in capfd.readouterr().out
    assert run(waiting("task", f"{folder}-quiet", logs=False)).state == "success"
    assert "Read 200 rows" not in capfd.readouterr().out


# --- Tries ------------------------------------------------------------------------------------------------------------


def with_retries(folder: str, **changes: Any) -> DAG:
    with DAG("sagemaker_retried", schedule=None) as dag:
        check(folder, retries=2, retry_delay=timedelta(0), **changes)
    return dag


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_retry_after_a_crash_takes_over_the_running_job(
    deferrable: bool, folder: str, aws: Aws, airflow_db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(aws.created())
    dag = with_retries(folder, deferrable=deferrable)
    crash_once(monkeypatch, "airflow_clarify.operators.measure.push_job")
    ran = run(dag)

    assert ran.states == {"bias": "success"}
    assert len(aws.created()) == before + 1
    assert ran.xcoms["bias"]["clarify_job"]["job_name"] == aws.created()[-1]["ProcessingJobName"]


def test_without_durable_a_retry_starts_another_job(
    folder: str, aws: Aws, airflow_db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(aws.created())
    crash_once(monkeypatch, "airflow_clarify.operators.measure.push_job")
    assert run(with_retries(folder, durable=False)).states == {"bias": "success"}
    assert len(aws.created()) == before + 2


def test_a_retry_after_a_failed_job_starts_another(folder: str, aws: Aws, airflow_db: Path) -> None:
    before = len(aws.created())
    aws.sagemaker.fail_job("internal-error")
    aws.sagemaker.fail_job("truncated-output")
    assert run(with_retries(folder)).states == {"bias": "success"}
    names = [request["ProcessingJobName"] for request in aws.created()[before:]]
    assert [name[-2:] for name in names] == ["-1", "-2", "-3"]
    assert len({name[:-2] for name in names}) == 1


def test_another_run_starts_another_job(folder: str, aws: Aws, airflow_db: Path) -> None:
    before = len(aws.created())
    for _ in range(2):
        assert run(with_retries(folder)).states == {"bias": "success"}
    first, second = [request["ProcessingJobName"] for request in aws.created()[before:]]
    assert first != second


def test_a_lost_response_does_not_start_a_second_job(folder: str, aws: Aws, airflow_db: Path) -> None:
    before = len(aws.created())
    aws.sagemaker.fail("CreateProcessingJob", "lost-answer", times=2)
    assert run(with_retries(folder)).states == {"bias": "success"}
    assert len(aws.created()) == before + 1


def crash_once(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Make a function raise at its first call, as if the worker had crashed there."""
    original = pkgutil.resolve_name(path)
    calls = itertools.count()

    def crashing(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 0:
            raise RuntimeError("the worker is gone")
        return original(*args, **kwargs)

    monkeypatch.setattr(path, crashing)


# --- Timeouts and kills -----------------------------------------------------------------------------------------------


@pytest.fixture
def slow(aws: Aws) -> Iterator[Aws]:
    """Make jobs of ``endless()`` outlast every timeout; jobs that a test leaves running are stopped after it."""
    yield aws
    for job in aws.sagemaker.jobs.values():
        if job.status == "InProgress":
            aws.client("sagemaker").stop_processing_job(ProcessingJobName=job.name)


def endless() -> SageMakerEngine:
    return engine(env={"SLEEP_FIRST": "600"})


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_job_that_takes_too_long_is_stopped(
    deferrable: bool, stop: bool, folder: str, slow: Aws, airflow_db: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with DAG("sagemaker_too_long", schedule=None) as dag:
        check(folder, engine=endless(), deferrable=deferrable, timeout=2, stop_job_on_kill=stop)
    ran = run(dag)

    assert ran.states == {"bias": "failed"}
    assert "did not end within its timeout" in capfd.readouterr().out
    assert status_of_the_last(slow, ended=stop) == ("Stopped" if stop else "InProgress")


def test_an_execution_timeout_stops_the_job_too(folder: str, slow: Aws, airflow_db: Path) -> None:
    with DAG("sagemaker_execution_timeout", schedule=None) as dag:
        check(folder, engine=endless(), execution_timeout=timedelta(seconds=4))
    assert run(dag).states == {"bias": "failed"}
    assert status_of_the_last(slow, ended=True) == "Stopped"


@pytest.mark.parametrize("stop", [True, False])
def test_a_killed_task_stops_its_job(
    stop: bool, folder: str, slow: Aws, airflow_db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker receives a signal, which Airflow's runner passes to the operator."""
    before = signal.getsignal(signal.SIGTERM)

    class DeadlyTime:
        """Replace ``time`` in the operator's module only, because other threads sleep too."""

        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

        def sleep(self, seconds: float) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("airflow_clarify.operators.sagemaker_job.time", DeadlyTime())
    with DAG("sagemaker_killed", schedule=None) as dag:
        check(folder, engine=endless(), stop_job_on_kill=stop)
    try:
        ran = run(dag)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert ran.states == {"bias": "failed"}
    assert status_of_the_last(slow, ended=stop) == ("Stopped" if stop else "InProgress")


def test_a_task_killed_during_submission_leaves_no_running_job(
    folder: str, slow: Aws, airflow_db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_clarify.engines.sagemaker.client import ProcessingJobs

    before = signal.getsignal(signal.SIGTERM)
    create = ProcessingJobs.create

    def killed_before_it_is_there(self: ProcessingJobs, request: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        create(self, request)

    monkeypatch.setattr(ProcessingJobs, "create", killed_before_it_is_there)
    with DAG("sagemaker_killed_early", schedule=None) as dag:
        check(folder, engine=endless(), deferrable=True)
    try:
        ran = run(dag)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert ran.states == {"bias": "failed"}
    assert status_of_the_last(slow, ended=True) == "Stopped"


def status_of_the_last(aws: Aws, *, ended: bool) -> str:
    name = aws.created()[-1]["ProcessingJobName"]
    return aws.sagemaker.wait(name, 20) if ended else aws.sagemaker.jobs[name].status
