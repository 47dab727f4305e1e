"""Test the nightly check of warehouse partitions, for a day that passes and for one that does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from airflow_services import AirflowServices
from dag_runs import run
from example_dags import DAGS, analysis_of, load

pytestmark = pytest.mark.airflow

#: The last day is biased, the six days before are not.
WEEK = "2026-01-31"
BIASED_NIGHT, GOOD_NIGHT = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)


def connection(folder: Path) -> str:
    return json.dumps({"conn_type": "sqlite", "host": str(folder / "warehouse.db")})


@pytest.fixture
def watch(airflow_db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection(tmp_path))
    module = load("warehouse_partition_watch")
    module.fill(WEEK)
    return module


def test_an_unbiased_day_passes(watch: ModuleType) -> None:
    ran = run(watch.watch, GOOD_NIGHT)

    assert ran.states == {"bias": "success", "gate": "success"}
    analysis = analysis_of(ran, "bias")
    # Only the day before the run is counted.
    assert analysis.rows == 400
    assert [facet.column for facet in analysis.facets] == ["product_category", "reviewer"]


def test_a_biased_day_stops_at_the_gate(watch: ModuleType) -> None:
    ran = run(watch.watch, BIASED_NIGHT)

    assert ran.states == {"bias": "success", "gate": "failed"}
    found = ran.xcoms["gate"]["verdict"]["findings"]
    assert {finding["facet"] for finding in found} == {"reviewer"}


def test_a_day_without_rows_does_not_pass(watch: ModuleType) -> None:
    ran = run(watch.watch, datetime(2026, 3, 1, tzinfo=UTC))

    assert ran.states == {"bias": "failed", "gate": "upstream_failed"}


@pytest.fixture
def airflow(watch: ModuleType, shared_airflow: AirflowServices, tmp_path: Path) -> AirflowServices:
    shared_airflow.add_connection("warehouse", connection(tmp_path))
    shared_airflow.add_dags("warehouse_partition_watch.py", (DAGS / "warehouse_partition_watch.py").read_text())
    return shared_airflow


@pytest.mark.server
@pytest.mark.slow
def test_the_scheduler_starts_training_only_after_a_day_has_passed(airflow: AirflowServices) -> None:
    def trainings() -> list[str]:
        return [each["dag_run_id"] for each in airflow.call("GET", "dags/train_on_checked_reviews/dagRuns")["dag_runs"]]

    airflow.unpause("train_on_checked_reviews")
    biased = airflow.trigger("watch_reviews", BIASED_NIGHT.isoformat())
    airflow.wait_for("watch_reviews", biased, "gate", "failed")
    passed = airflow.trigger("watch_reviews", GOOD_NIGHT.isoformat())
    airflow.wait_for("watch_reviews", passed, "gate", "success")
    airflow.until(lambda: bool(trainings()), "training has started")
    airflow.wait_for("train_on_checked_reviews", trainings()[0], "train", "success")

    assert len(trainings()) == 1
    assert airflow.xcom("train_on_checked_reviews", trainings()[0], "train") == {"2026-01-30": 400}
