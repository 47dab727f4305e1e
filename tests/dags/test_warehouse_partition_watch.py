"""Test the nightly watch of a warehouse: its history, its baseline, and the person who accepts another one."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow_services import AirflowServices
from dag_runs import run
from example_dags import DAGS, analysis_of, load

from airflow_clarify import BiasHistory
from airflow_clarify.history.baseline import list_baselines

pytestmark = pytest.mark.airflow

#: The last day is biased, the days before are not.
LAST_DAY = "2026-01-31"
BIASED_NIGHT, GOOD_NIGHT = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)


def connection(folder: Path) -> str:
    return json.dumps({"conn_type": "sqlite", "host": str(folder / "warehouse.db")})


@pytest.fixture(scope="module")
def filled(airflow_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a warehouse once; each test works on a copy."""
    folder = tmp_path_factory.mktemp("warehouse")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_WAREHOUSE", connection(folder))
        load("warehouse_partition_watch").fill(LAST_DAY)
    return folder / "warehouse.db"


@pytest.fixture
def watch(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    shutil.copy(filled, tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection(tmp_path))
    return load("warehouse_partition_watch")


def test_an_unbiased_day_passes(watch: ModuleType) -> None:
    ran = run(watch.watch, GOOD_NIGHT)

    assert ran.states == {"bias": "success", "gate": "success"}
    analysis = analysis_of(ran, "bias")
    # Only the day before the run is counted.
    assert analysis.rows == 400
    assert [facet.column for facet in analysis.facets] == ["product_category", "reviewer"]
    nights = BiasHistory(watch.HISTORY).list_nights()
    # The run takes the place of the backfilled record of the same day.
    assert [night.period for night in nights][-2:] == ["2026-01-29", "2026-01-30"]
    assert nights[-1].record is not None
    assert nights[-1].record.dag_id == "watch_reviews"
    assert nights[-1].record.describe()["outcome"] == "pass"
    series = ran.xcoms["gate"]["bias_series"]
    assert [night[2] for night in series["nights"]] == [None] * 12 + ["pass"]
    # The page recognizes the runs of the copy by their IDs, and its overview announces the copy.
    assert series["nights"][-1][1] == ran.run_id
    assert ran.xcoms["gate"]["bias_overview"]["series"] is True
    assert ran.xcoms["gate"]["bias_overview"]["rule"]["over_runs"] == "change"
    assert {len(line) for line in series["values"].values()} == {13}
    assert {len(letters) for letters in series["outcomes"].values()} == {13}


def test_a_biased_day_stops_at_the_gate(watch: ModuleType) -> None:
    ran = run(watch.watch, BIASED_NIGHT)

    assert ran.states == {"bias": "success", "gate": "failed"}
    found = ran.xcoms["gate"]["verdict"]["findings"]
    violated = [finding for finding in found if finding["outcome"] == "violation"]
    assert {finding["facet"] for finding in violated} == {"reviewer"}
    assert {finding["metric"] for finding in violated} == {"DPL", "DPL drift"}
    reasons = " ".join(finding["reason"] for finding in violated)
    assert "the nights since a change, of 13 nights" in reasons
    assert "in the baseline: a change of" in reasons
    assert BiasHistory(watch.HISTORY).list_records()[-1].describe()["outcome"] == "violation"


def test_a_day_without_rows_does_not_pass(watch: ModuleType) -> None:
    ran = run(watch.watch, datetime(2026, 3, 1, tzinfo=UTC))

    assert ran.states == {"bias": "failed", "gate": "upstream_failed"}
    described = BiasHistory(watch.HISTORY).list_records()[-1].describe()
    assert (described["period"], described["outcome"]) == ("2026-02-28", "not judged")


class TestBaseline:
    """The tasks of the DAG ``accept_baseline`` in this process, with answers as Airflow passes them on."""

    @pytest.fixture
    def accept_baseline(self, watch: ModuleType) -> ModuleType:
        return load("accept_baseline")

    def answer(self, accept_baseline: ModuleType, option: str, reason: str) -> Any:
        """Answer the approval as the API does, and return what the operator returns."""
        task = accept_baseline.dag.get_task("approval")
        event = {
            "chosen_options": [option],
            # Airflow 3.1 returns the parameters of the DAG too.
            "params_input": {**task.params.dump(), "reason": reason},
            "responded_at": datetime(2026, 2, 1, tzinfo=UTC),
            "responded_by_user": {"id": "7", "name": "ann"},
        }
        context = {"ti": SimpleNamespace(map_index=-1), "task": task}
        return task.execute_complete(context, event)

    def call(self, accept_baseline: ModuleType, task_id: str, *arguments: Any) -> Any:
        return accept_baseline.dag.get_task(task_id).python_callable(*arguments)

    def test_an_approved_night_becomes_the_baseline(self, accept_baseline: ModuleType) -> None:
        proposed = self.call(accept_baseline, "propose", "")
        assert proposed["period"] == "2026-01-30"
        assert "reviewer" in proposed["table"]
        answer = self.answer(accept_baseline, "Approve", "the catalogue was repaired")
        accepted = self.call(accept_baseline, "accept", answer, proposed)

        assert accepted["period"] == "2026-01-30"
        assert (accepted["by"], accepted["sentence"]) == ("ann", "the catalogue was repaired")
        (baseline,) = list_baselines(accept_baseline.HISTORY.read())
        assert baseline.period == "2026-01-30"

    def test_a_rejection_skips_the_acceptance(
        self, accept_baseline: ModuleType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        skipped: list[str] = []
        approval = accept_baseline.dag.get_task("approval")
        monkeypatch.setattr(
            type(approval), "skip", lambda self, ti, tasks: skipped.extend(task.task_id for task in tasks)
        )
        self.answer(accept_baseline, "Reject", "not yet")

        assert skipped == ["accept"]

    def test_an_approval_without_a_reason_changes_nothing(self, accept_baseline: ModuleType) -> None:
        proposed = self.call(accept_baseline, "propose", "2026-01-20")
        with pytest.raises(AirflowFailException, match="approved without a reason"):
            self.call(accept_baseline, "accept", self.answer(accept_baseline, "Approve", "  "), proposed)
        with pytest.raises(AirflowFailException, match="no counts of 2025-01-01"):
            self.call(accept_baseline, "propose", "2025-01-01")

        (baseline,) = list_baselines(accept_baseline.HISTORY.read())
        assert baseline.period == "2026-01-18"


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
