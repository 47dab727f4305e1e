"""Test which errors are retried: those that may not recur."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_clarify import (
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyJobSensor,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    DuckDBEngine,
    SageMakerEngine,
    SparkEngine,
    SQLEngine,
)

pytestmark = pytest.mark.airflow

BIAS = BiasConfig([1], "f")


def measure(data: DataConfig, **kwargs: Any) -> ClarifyPreTrainingBiasOperator:
    return ClarifyPreTrainingBiasOperator(task_id="bias", data_config=data, bias_config=BIAS, **kwargs)


def table(**fields: Any) -> DataConfig:
    return DataConfig(table="t", label="y", **fields)


def judge_rendered(analysis: Any) -> BiasGateOperator:
    """Make a gate whose analysis came by rendering; written in the DAG file, a wrong one is refused there."""
    gate = BiasGateOperator(task_id="g", analysis="analysis.json", thresholds={"DPL": 1})
    gate.analysis = analysis
    return gate


@pytest.fixture
def header_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_db: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").write_text("f,y\n")
    (tmp_path / "few.csv").write_text("f,y\na,1\nb,0\n")
    return tmp_path


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: measure(DataConfig("s3://b/d.csv", label="y", conn_id="nowhere")), id="no S3 connection"),
        pytest.param(lambda: measure(DataConfig("s3://nowhere@b/d.csv", label="y")), id="no S3 connection in a URI"),
        pytest.param(lambda: measure(table(), engine=SQLEngine("nowhere")), id="no database connection"),
        pytest.param(lambda: measure(table(), engine=SparkEngine("nowhere")), id="no Spark connection"),
        pytest.param(
            lambda: measure(DataConfig("few.csv", label="y"), engine=DuckDBEngine("nowhere")), id="no DuckDB connection"
        ),
        pytest.param(
            lambda: measure(
                DataConfig("s3://b/d.csv", label="y"), engine=SageMakerEngine(role="r", aws_conn_id="nowhere")
            ),
            id="no AWS connection",
        ),
        pytest.param(lambda: ClarifyJobSensor(task_id="s", job_name="j", aws_conn_id="nowhere"), id="none of a sensor"),
        pytest.param(
            lambda: BiasGateOperator(
                task_id="g", analysis="s3://b/analysis.json", thresholds={"DPL": 1}, conn_id="nowhere"
            ),
            id="none of a gate",
        ),
        pytest.param(lambda: measure(DataConfig("empty.csv", label="y")), id="no rows"),
        pytest.param(lambda: measure(DataConfig("few.csv", label="z")), id="no such column"),
        pytest.param(
            lambda: BalanceDatasetOperator(task_id="b", source="empty.csv", target="b.csv", by=["f", "y"]),
            id="no rows to balance",
        ),
        pytest.param(
            lambda: BalanceDatasetOperator(task_id="b", source="few.csv", target="b.csv", by=["f", "y"]),
            id="an empty stratum",
        ),
        pytest.param(
            lambda: BiasGateOperator(task_id="g", analysis={"dpl": 0.0}, thresholds={"DPL": 1}), id="a wrong XCom"
        ),
        pytest.param(lambda: judge_rendered([None]), id="an absent XCom"),
    ],
)
def test_permanent_errors_are_not_retried(header_only: Path, make: Callable[[], Any]) -> None:
    with pytest.raises(AirflowFailException) as raised:
        make().execute(a_context())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: measure(DataConfig("absent.csv", label="y")), id="a file that is not there yet"),
        pytest.param(
            lambda: BiasGateOperator(task_id="g", analysis="absent/analysis.json", thresholds={"DPL": 1}),
            id="an analysis that is not there yet",
        ),
    ],
)
def test_transient_errors_are_retried(header_only: Path, make: Callable[[], Any]) -> None:
    with pytest.raises(AirflowException) as raised:
        make().execute(a_context())
    assert not isinstance(raised.value, AirflowFailException)
    assert "\n" not in str(raised.value)


def a_context() -> Any:
    from types import SimpleNamespace

    return {
        "ti": SimpleNamespace(map_index=-1, dag_id="d", run_id="r", task_id="t", max_tries=0),
        "dag": SimpleNamespace(task_dict={}),
        "dag_run": SimpleNamespace(start_date=None, run_after=None),
        "task": SimpleNamespace(retries=0),
    }
