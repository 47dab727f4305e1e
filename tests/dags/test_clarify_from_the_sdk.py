"""Test the DAG that runs SageMaker SDK code: its structure, and a full run if an SDK is installed."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from dag_runs import run
from sagemaker_stand_in import StandIn
from servers import ACCESS_KEY, SECRET_KEY, S3Server, s3_server

from airflow_clarify import Analysis

DAG_FILE = Path(__file__).resolve().parents[2] / "dags" / "clarify_from_the_sdk.py"
#: Command of the container: a Python with the package; `make test` sets one without Airflow.
CONTAINER = [os.environ.get("CLARIFY_CONTAINER_PYTHON", sys.executable), "-m", "airflow_clarify.cli", "analyze"]
#: Number of positive reviews out of 100, by category.
POSITIVE = {"Jeans": 60, "Trend": 30}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("clarify_from_the_sdk", DAG_FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reviews(positive: dict[str, int]) -> bytes:
    """Build reviews without a header row; the configuration contains the column names."""
    rows = [(int(n < number), "Some words.", category) for category, number in positive.items() for n in range(100)]
    random.Random(2022).shuffle(rows)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


# --- Structure ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("python", "decorator"), [("", "@task.virtualenv"), ("/opt/sagemaker/bin/python", "@task.external_python")]
)
def test_the_tasks_are_sdk_sensor_and_gate(monkeypatch: pytest.MonkeyPatch, python: str, decorator: str) -> None:
    monkeypatch.setenv("AIRFLOW_CLARIFY_SDK_PYTHON", python)

    dag = load().dag

    assert [task.task_id for task in dag.topological_sort()] == ["start_clarify_job", "wait", "gate"]
    assert dag.get_task("wait").upstream_task_ids == {"start_clarify_job"}
    assert dag.get_task("gate").upstream_task_ids == {"wait"}
    assert dag.get_task("start_clarify_job").custom_operator_name == decorator
    assert "sagemaker" not in sys.modules


# --- Full run -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Iterator[S3Server]:
    with s3_server() as server:
        client = server.client()
        client.create_bucket(Bucket="lab")
        client.put_object(Bucket="lab", Key="biased/reviews.csv", Body=reviews(POSITIVE))
        client.put_object(Bucket="lab", Key="fair/reviews.csv", Body=reviews(dict.fromkeys(POSITIVE, 50)))
        yield server


@pytest.fixture
def sagemaker(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with StandIn(store.endpoint, ACCESS_KEY, SECRET_KEY, command=CONTAINER) as aws:
        extra = {
            "region_name": "us-east-1",
            "endpoint_url": aws.endpoint,
            "service_config": {"s3": {"endpoint_url": store.endpoint}},
        }
        connection = {"conn_type": "aws", "login": ACCESS_KEY, "password": SECRET_KEY, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        yield aws


@pytest.mark.airflow
@pytest.mark.server
@pytest.mark.conformance("CLARIFY_SDK3_PYTHON")
@pytest.mark.parametrize(
    ("data", "verdict", "ending"), [("fair", "pass", "success"), ("biased", "violation", "failed")]
)
def test_the_gate_judges_the_job_that_the_sdk_started(
    airflow_db: Path,
    sagemaker: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    data: str,
    verdict: str,
    ending: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CLARIFY_SDK_PYTHON", os.environ["CLARIFY_SDK3_PYTHON"])
    dag = load().dag
    dag.get_task("wait").poke_interval = 0.2

    ran = run(dag, role="clarify", data=f"s3://lab/{data}/reviews.csv", output=f"s3://lab/{data}/bias")

    assert ran.states == {"start_clarify_job": "success", "wait": "success", "gate": ending}
    name = ran.xcoms["start_clarify_job"]["return_value"]
    (request,) = sagemaker.requests("CreateProcessingJob")
    assert request["ProcessingJobName"] == name
    assert request["RoleArn"] == "arn:aws:iam::111122223333:role/clarify"
    analysis = Analysis.from_xcom(ran.xcoms["wait"]["return_value"]["analysis"])
    assert analysis.rows == 200
    assert ran.xcoms["gate"]["verdict"]["outcome"] == verdict
    # Neither Airflow's database nor the log contains a secret.
    assert SECRET_KEY not in json.dumps(ran.xcoms, default=str)
    assert SECRET_KEY not in str(capfd.readouterr())
