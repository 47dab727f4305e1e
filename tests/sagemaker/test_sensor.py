"""Test the sensor, poke by poke: job ownership, return value, and failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from conftest_sagemaker import Aws

from airflow_clarify import Analysis, BiasConfig, ClarifyJobSensor, DataConfig, SageMakerEngine
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.triggers.sagemaker import ClarifyJobTrigger

pytestmark = pytest.mark.server


class TaskInstance:
    """The part of a task instance that a sensor uses."""

    dag_id, run_id, task_id, map_index = "jobs", "manual__1", "sensor", -1

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@pytest.fixture
def context() -> dict[str, Any]:
    return {"ti": TaskInstance()}


@pytest.fixture
def started(aws: Aws) -> Callable[..., str]:
    """Start a job as another program would."""

    def start(*, wait: bool = True, **changes: Any) -> str:
        engine = SageMakerEngine(**{"role": "clarify", "aws_conn_id": "clarify_lab", "bucket": "lab", **changes})
        data = DataConfig("s3://lab/data/reviews.csv", label="y")
        config = AnalysisConfig.build(data, BiasConfig([1], "f"), ["CI", "DPL"])
        name = engine.job_name(None)
        engine.submit(engine.plan(data, config), name)
        if wait:
            aws.sagemaker.wait(name)
        return name

    return start


def sensor(name: str, **changes: Any) -> ClarifyJobSensor:
    arguments: dict[str, Any] = {"aws_conn_id": "clarify_lab", "poke_interval": 0.2, "timeout": 30, **changes}
    return ClarifyJobSensor(task_id="sensor", job_name=name, **arguments)


def test_it_returns_the_job_and_its_analysis(started: Callable[..., str], context: Any) -> None:
    name = started(wait=False)
    returned = sensor(name).execute(context)

    assert json.loads(json.dumps(returned)) == returned
    assert returned["job"]["ProcessingJobName"] == name
    assert returned["job"]["ProcessingJobStatus"] == "Completed"
    assert Analysis.from_xcom(returned["analysis"]).rows == 200
    assert context["ti"].xcoms["clarify_job"] == {
        "job_name": name,
        "region": "us-east-1",
        "partition": "aws",
        "output": f"s3://lab/{name}/output/analysis_result",
    }


def test_a_deferrable_sensor_polls_before_it_defers(started: Callable[..., str], context: Any) -> None:
    assert sensor(started(), deferrable=True).execute(context)["job"]["ProcessingJobStatus"] == "Completed"

    running = started(wait=False, env={"SLEEP_FIRST": "30"})
    with pytest.raises(TaskDeferred) as deferred:
        sensor(
            running, deferrable=True, region_name="us-east-1", verify=False, botocore_config={"read_timeout": 9}
        ).execute(context)
    path, arguments = deferred.value.trigger.serialize()
    assert path == "airflow_clarify.triggers.sagemaker.ClarifyJobTrigger"
    again = ClarifyJobTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert (arguments["region_name"], arguments["verify"]) == ("us-east-1", False)
    assert arguments["botocore_config"] == {"read_timeout": 9}
    # The sensor does not stop a job that it did not start.
    assert arguments["stop_job_on_kill"] is False
    assert deferred.value.timeout is not None
    assert deferred.value.timeout > timedelta(seconds=30)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_job_fails_the_sensor_or_skips_it_with_soft_fail(
    deferrable: bool, aws: Aws, started: Callable[..., str], context: Any
) -> None:
    aws.sagemaker.fail_job("failed")
    name = started()
    with pytest.raises(AirflowFailException, match=r"did not complete \(Failed: AlgorithmError"):
        sensor(name, deferrable=deferrable).execute(context)
    with pytest.raises(AirflowSkipException):
        sensor(name, deferrable=deferrable, soft_fail=True).execute(context)
    with pytest.raises(AirflowFailException):
        sensor(name, deferrable=True).execute_complete(context, {"status": "ended", "job_name": name})


def test_a_missing_job(aws: Aws, context: Any) -> None:
    with pytest.raises(AirflowException, match="there is no processing job 'absent' in us-east-1"):
        sensor("absent").execute(context)


@pytest.mark.parametrize(
    ("event", "error", "sentence"),
    [
        ({"status": "timeout"}, AirflowSensorTimeout, "had not ended after 30 s"),
        ({"status": "error", "message": "AccessDenied"}, AirflowException, "cannot be waited for: AccessDenied"),
        (None, AirflowException, "the trigger sent None"),
        ({"state": "Completed"}, AirflowException, "the trigger sent"),
    ],
)
def test_an_event_without_an_end_fails(
    event: Any, error: type[Exception], sentence: str, aws: Aws, context: Any
) -> None:
    with pytest.raises(error, match=sentence):
        sensor("any", deferrable=True).execute_complete(context, event)


def test_the_job_is_described_again_after_an_event(started: Callable[..., str], aws: Aws, context: Any) -> None:
    aws.sagemaker.fail_job("stopped")
    with pytest.raises(AirflowFailException, match="Stopped"):
        sensor(started()).execute_complete(context, {"status": "ended", "state": "Completed"})


def test_a_processing_job_other_than_clarify(aws: Aws, context: Any) -> None:
    aws.client("sagemaker").create_processing_job(
        ProcessingJobName="plain",
        RoleArn="arn:aws:iam::111122223333:role/r",
        AppSpecification={"ImageUri": "image", "ContainerEntrypoint": ["true"]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )
    aws.sagemaker.wait("plain")
    returned = sensor("plain").execute(context)
    assert returned["analysis"] is None
    assert returned["job"]["ProcessingJobStatus"] == "Completed"


def test_polling_continues_after_an_unreadable_response(started: Callable[..., str], aws: Aws, context: Any) -> None:
    name = started()
    aws.sagemaker.fail("DescribeProcessingJob", "unavailable", times=2)
    waiting = sensor(name, botocore_config={"retries": {"total_max_attempts": 1}})
    assert waiting.execute(context)["job"]["ProcessingJobName"] == name
