"""Test measuring and balancing a table in Airflow's runner: templates, XCom, the gate, and a second run."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from airflow.sdk import DAG, Param
from dag_runs import Ran, run

from airflow_clarify import (
    Analysis,
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SQLEngine,
)

pytestmark = pytest.mark.airflow


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a table of applicants of two days, the second of which is biased."""
    path = tmp_path / "warehouse.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE applicants (id INTEGER, day DATE, sex TEXT, hired INTEGER)")
        rows = [
            (n + 1000 * day, f"2026-01-0{day}", "FM"[n % 2], int(n % 4 < 2 if day == 1 else n % 2 == 1 or n % 8 == 0))
            for day in (1, 2)
            for n in range(400)
        ]
        connection.executemany("INSERT INTO applicants VALUES (?, ?, ?, ?)", [*rows, (5000, "2026-01-02", "M", 0)])
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def checked_and_repaired() -> DAG:
    with DAG("hiring_in_a_warehouse", schedule=None, params={"day": Param("2026-01-01", type="string")}) as dag:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(table="applicants", where={"day": "{{ params.day }}"}, label="hired"),
            bias_config=BiasConfig([1], "sex"),
            engine=SQLEngine("{{ 'ware' ~ 'house' }}"),
        )
        gate = BiasGateOperator(
            task_id="gate",
            analysis=bias.output,
            thresholds={"DPL": 0.1},
            on_violation="branch",
            branch_to="balance",
        )
        balance = BalanceDatasetOperator(
            task_id="balance",
            source=DataConfig(query="SELECT * FROM applicants", where="day = '{{ params.day }}'"),
            target="balanced_{{ params.day | replace('-', '_') }}",
            by=["sex", "hired"],
            key=["id"],
            if_exists="replace",
            engine=SQLEngine("warehouse"),
        )
        after = ClarifyPreTrainingBiasOperator(
            task_id="bias_after",
            data_config=DataConfig(table=balance.output["target"], label="hired"),
            bias_config=BiasConfig([1], "sex"),
            engine=SQLEngine("warehouse"),
        )
        bias >> gate >> balance >> after
    return dag


def dpl(ran: Ran, task_id: str) -> float | None:
    result = Analysis.from_xcom(ran.xcoms[task_id]["return_value"]).facets[0].result("F")
    assert result is not None
    return result.metric("DPL").value  # type: ignore[union-attr]


def test_a_day_within_bounds_is_not_balanced(airflow_db: Path, warehouse: Path) -> None:
    ran = run(checked_and_repaired(), day="2026-01-01")

    assert ran.states == {"bias": "success", "gate": "success", "balance": "skipped", "bias_after": "skipped"}
    assert dpl(ran, "bias") == 0


def test_a_biased_day_is_repaired_in_the_database(airflow_db: Path, warehouse: Path) -> None:
    for _ in range(2):  # A second run replaces the table of the first.
        ran = run(checked_and_repaired(), day="2026-01-02")

    assert set(ran.states.values()) == {"success"}
    assert ran.xcoms["gate"]["verdict"]["outcome"] == "violation"
    assert dpl(ran, "bias_after") == 0
    balanced = ran.xcoms["balance"]["return_value"]
    assert balanced["target"] == ran.xcoms["balance"]["target"] == "balanced_2026_01_02"
    with sqlite3.connect(warehouse) as connection:
        made = connection.execute("SELECT sex, hired, COUNT(*) FROM balanced_2026_01_02 GROUP BY 1, 2").fetchall()
    # Only one man was not hired, so every stratum is reduced to one row.
    assert made == [("F", 0, 1), ("F", 1, 1), ("M", 0, 1), ("M", 1, 1)]


def test_a_user_supplied_value_is_quoted(airflow_db: Path, warehouse: Path) -> None:
    ran = run(checked_and_repaired(), day="' OR 1 = 1 --")

    assert ran.states["bias"] == "failed"
    assert ran.states["gate"] == "upstream_failed"
