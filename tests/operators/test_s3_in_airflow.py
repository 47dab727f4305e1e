"""Test data, outputs and balanced copies in an object store, with an Airflow connection to a real S3 server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.sdk import DAG
from dag_runs import run
from servers import S3Server, s3_server

from airflow_clarify import (
    Analysis,
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
)

pytestmark = [pytest.mark.airflow, pytest.mark.server]

ROWS = [(f, int(n < positive)) for f, positive in (("a", 60), ("b", 10)) for n in range(100)]
CSV = "\n".join(["f,y", *(f"{f},{y}" for f, y in ROWS)]) + "\n"


@pytest.fixture(scope="module")
def store() -> Iterator[S3Server]:
    with s3_server() as server:
        client = server.client()
        client.create_bucket(Bucket="lab")
        client.put_object(Bucket="lab", Key="data/part-1.csv", Body=CSV.encode())
        client.put_object(Bucket="lab", Key="data/part-2.csv", Body=CSV.encode())
        client.put_object(Bucket="lab", Key="data/_SUCCESS", Body=b"")
        yield server


@pytest.fixture
def _connected(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAB", store.airflow_connection())


def keys(store: S3Server, prefix: str) -> list[str]:
    found = store.client().list_objects_v2(Bucket="lab", Prefix=prefix).get("Contents", [])
    return sorted(one["Key"] for one in found)


@pytest.mark.usefixtures("_connected")
def test_from_s3_to_s3(airflow_db: Path, store: S3Server) -> None:
    def data(path: str, output: str | None = None) -> DataConfig:
        return DataConfig(path, output_path=output, label="y", conn_id="lab")

    with DAG("object_store", schedule=None) as dag:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias", data_config=data("s3://lab/data", "s3://lab/out"), bias_config=BiasConfig([1], "f")
        )
        gate = BiasGateOperator(
            task_id="gate", analysis=bias.output, thresholds={"DPL": 0.1}, on_violation="warn", conn_id="lab"
        )
        balance = BalanceDatasetOperator(
            task_id="balance", source=data("s3://lab/data/*.csv"), target="s3://lab/balanced.csv", by=["f", "y"]
        )
        again = ClarifyPreTrainingBiasOperator(
            task_id="again", data_config=data("s3://lab/balanced.csv"), bias_config=BiasConfig([1], "f")
        )
        from_file = BiasGateOperator(
            task_id="from_file",
            analysis="s3://lab/out/analysis.json",
            thresholds={"DPL": 0.1},
            on_violation="warn",
            conn_id="lab",
        )
        bias >> gate >> balance >> again >> from_file
    ran = run(dag)

    assert set(ran.states.values()) == {"success"}
    assert Analysis.from_xcom(ran.xcoms["bias"]["return_value"]).rows == 400
    assert keys(store, "out/") == [
        *("out/analysis.json", "out/analysis_config.json"),
        *("out/report.html", "out/report.ipynb", "out/report.pdf"),
        *("out/summary.json", "out/verdict.json"),
    ]
    verdict = json.loads(store.client().get_object(Bucket="lab", Key="out/verdict.json")["Body"].read())
    assert verdict["outcome"] == "violation"
    # The gate that reads the file has the same verdict, because the summary beside it contains the counts.
    assert ran.xcoms["from_file"]["verdict"]["checks"] == verdict["checks"]
    assert ran.xcoms["balance"]["return_value"]["rows_out"] == 4 * 20
    assert Analysis.from_xcom(ran.xcoms["again"]["return_value"]).rows == 80


@pytest.mark.usefixtures("_connected")
def test_missing_objects_are_reported_and_nothing_is_written(
    airflow_db: Path, store: S3Server, capfd: pytest.CaptureFixture[str]
) -> None:
    with DAG("nothing_there", schedule=None) as dag:
        ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig("s3://lab/absent.csv", output_path="s3://lab/none", label="y", conn_id="lab"),
            bias_config=BiasConfig([1], "f"),
        )
        BalanceDatasetOperator(
            task_id="onto_itself",
            source=DataConfig("s3://lab/data/part-1.csv", conn_id="lab"),
            target="s3://lab/data/part-1.csv",
            by=["f", "y"],
        )
    ran = run(dag)

    assert set(ran.states.values()) == {"failed"}
    assert "s3://lab/absent.csv: no file there" in capfd.readouterr().out
    assert keys(store, "none") == []
    assert store.client().get_object(Bucket="lab", Key="data/part-1.csv")["Body"].read() == CSV.encode()
