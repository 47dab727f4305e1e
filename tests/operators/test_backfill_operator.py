"""Test the operator that fills a history: checks at parse time, and a nightly gate on what it has written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Param
from dag_runs import run

from airflow_clarify import (
    BackfillBiasHistoryOperator,
    BiasConfig,
    BiasGateOperator,
    BiasHistory,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SageMakerEngine,
    SQLEngine,
)
from airflow_clarify.exceptions import ConfigError

BIAS = BiasConfig(label_values_or_threshold=[1], facet_name="g")


def backfill(**changes: Any) -> BackfillBiasHistoryOperator:
    arguments: dict[str, Any] = {
        "data_config": DataConfig("loans.csv", label="ok"),
        "bias_config": BIAS,
        "time_column": "night",
        "history": "history",
        **changes,
    }
    return BackfillBiasHistoryOperator(task_id="backfill", **arguments)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"every": "hour"}, "every: one of 'day', 'week', 'month', not 'hour'"),
        ({"time_column": None}, "time_column: the name or the index of a column, not None"),
        ({"time_column": "ok"}, "time_column: 'ok' is the label; name the column of dates or times"),
        ({"history": 5}, "history: a folder, such as 's3://bucket/bias/history'"),
        ({"history": " "}, "history: name a folder"),
        ({"engine": SageMakerEngine(role="r")}, "engine: SageMakerEngine cannot count by period"),
        ({"engine": SQLEngine("warehouse")}, "input_path: a database cannot read loans.csv"),
        ({"methods": ["DPPL"]}, "methods: DPPL is a metric of predictions"),
        ({"data_config": DataConfig("loans.csv")}, "label: "),
    ],
)
def test_a_mistake_is_an_error_of_the_task_when_the_dag_is_parsed(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"task 'backfill': {sentence}")):
        backfill(**changes)


def test_what_templates_hold_is_checked_when_the_task_runs() -> None:
    task = backfill(time_column="{{ params.time }}", every="{{ params.every }}", history="{{ params.history }}")

    assert {"time_column", "every", "history", "data_config", "dataset"} <= set(task.template_fields)


def write_night(file: Path, night: datetime, bad: bool) -> list[str]:
    """Write the rows of a night, whose true DPL is 0.4 if it is bad, and return them."""
    rows = [
        f"{night.date()},{'FM'[row % 2]},{int(row // 2 % 10 < (5 if row % 2 or not bad else 1))}" for row in range(400)
    ]
    file.write_text("\n".join(["night,g,ok", *rows]) + "\n")
    return rows


@pytest.mark.airflow
def test_a_gate_over_runs_uses_the_backfilled_nights(airflow_db: Path, tmp_path: Path) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        row
        for night in range(6)
        for row in write_night(tmp_path / "night.csv", first + timedelta(days=night), bad=night > 2)
    ]
    (tmp_path / "past.csv").write_text("\n".join(["night,g,ok", *rows]) + "\n")
    (tmp_path / "loans").mkdir()
    write_night(tmp_path / "loans" / "2026-01-07.csv", first + timedelta(days=6), bad=True)
    history = str(tmp_path / "history")
    dataset = str(tmp_path / "loans" / "<date>.csv")

    with DAG("fill", schedule=None, params={"every": Param("day")}) as fill:
        backfill(
            data_config=DataConfig(str(tmp_path / "past.csv"), label="ok"),
            history=history,
            every="{{ params.every }}",
            dataset=dataset,
        )
    with DAG("watch", schedule="@daily", start_date=first) as watch:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(tmp_path / "loans" / "{{ ds }}.csv"), label="ok"),
            bias_config=BIAS,
            history=history,
        )
        gate = BiasGateOperator(
            task_id="gate", analysis=bias.output, thresholds={"DPL": 0.1}, history=history, over_runs="change"
        )
        bias >> gate

    filled = run(fill)
    assert filled.xcoms["backfill"]["return_value"] == {
        "periods": 6,
        "first": "2026-01-01",
        "last": "2026-01-06",
        "rows": 2400,
        "dataset": dataset,
    }
    watched = run(watch, first + timedelta(days=6))
    assert watched.states == {"bias": "success", "gate": "failed"}
    assert "the nights since a change" in watched.xcoms["gate"]["verdict"]["findings"][0]["reason"]
    nights = BiasHistory(history).list_nights()
    assert [night.period for night in nights] == [f"2026-01-0{day}" for day in range(1, 8)]


@pytest.mark.airflow
def test_a_column_without_dates_fails_without_a_retry(airflow_db: Path, tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("night,g,ok\nsoon,F,1\nlater,M,0\n")
    with DAG("undated", schedule=None) as dag:
        backfill(
            data_config=DataConfig(str(tmp_path / "loans.csv"), label="ok"),
            history=str(tmp_path / "history"),
            retries=3,
        )

    assert run(dag).states == {"backfill": "failed"}
    assert BiasHistory(str(tmp_path / "history")).list_records() == []
