"""Test the example DAGs in Airflow's runner on their data: task states and metrics."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Ran, run
from example_dags import analysis_of, load, metric

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def loans(airflow_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(load("loan_approvals").dag, folder=str(tmp_path_factory.mktemp("loans")))


def test_the_loans_are_measured_stopped_repaired_and_then_trained_on(loans: Ran) -> None:
    assert set(loans.states.values()) == {"success"}
    assert loans.xcoms["gate"]["verdict"]["outcome"] == "violation"
    assert loans.xcoms["gate_after"]["verdict"]["outcome"] == "pass"
    trained = loans.xcoms["train"]["return_value"]
    assert trained["data"] == loans.xcoms["balance"]["target"]
    assert trained["rows"] == 4 * 64


def test_metrics_of_the_loans(loans: Ran) -> None:
    before, after = analysis_of(loans, "bias"), analysis_of(loans, "bias_after")

    assert before.rows == 1989
    # 1,612 of 1,792 other applicants were approved, and 133 of 197 black ones.
    assert metric(before, "1", "DPL") == pytest.approx(1612 / 1792 - 133 / 197, abs=1e-12)
    assert metric(before, "1", "CI") == pytest.approx((1792 - 197) / 1989, abs=1e-12)
    assert (metric(after, "1", "DPL"), metric(after, "1", "CI")) == (0, 0)


def test_reports_of_the_loans_contain_their_verdicts(loans: Ran) -> None:
    for task_id, word in (("bias", "violation"), ("bias_after", "pass")):
        outputs = analysis_of(loans, task_id).outputs
        report = Path(outputs["report"]).read_text()
        assert word in report.lower()
        # The gate has rewritten the report, with the configuration of the judged analysis.
        assert "fingerprints differ" not in report
        assert json.loads(Path(outputs["analysis"]).read_text())["version"] == "1.0"


def test_the_balanced_loans_are_rows_of_the_original(loans: Ran) -> None:
    def rows(path: str) -> list[tuple[str, ...]]:
        with Path(path).open(newline="") as file:
            return [tuple(row) for row in csv.reader(file)]

    original, balanced = rows(loans.xcoms["load"]["return_value"]), rows(loans.xcoms["balance"]["target"])
    assert balanced[0] == original[0]
    positions = iter(original[1:])
    # The balanced rows are a subsequence of the original: unchanged, and in the same order.
    assert all(row in positions for row in balanced[1:])


def test_without_the_repair_no_model_is_trained(airflow_db: Path, tmp_path: Path) -> None:
    dag = load("loan_approvals").dag
    dag.get_task("balance").by = ["no_such_column"]

    ran = run(dag, folder=str(tmp_path))

    assert ran.states["gate"] == "success"
    assert ran.states["balance"] == "failed"
    assert ran.states["train"] == "upstream_failed"
    assert "return_value" not in ran.xcoms["train"]


def test_loans_within_bounds_are_not_balanced(airflow_db: Path, tmp_path: Path) -> None:
    ran = run(load("loan_approvals").dag, folder=str(tmp_path), dpl=0.5)

    assert ran.xcoms["gate"]["verdict"]["outcome"] == "pass"
    assert {ran.states[task_id] for task_id in ("balance", "bias_after", "gate_after")} == {"skipped"}
    assert ran.states["train"] == "success"
    assert ran.xcoms["train"]["return_value"]["rows"] == 1989


def test_a_file_of_the_user(airflow_db: Path, tmp_path: Path) -> None:
    own = tmp_path / "hired.csv"
    rows: list[tuple[Any, ...]] = [
        (age, "F" if age % 2 else "M", "yes" if age % 2 == 0 or age % 5 == 0 else "no") for age in range(200)
    ]
    with own.open("w", newline="") as file:
        csv.writer(file).writerows([("age", "sex", "hired"), *rows])
    conf = {"data": str(own), "label": "hired", "positive": ["yes"], "facet": "sex", "sensitive": None}

    ran = run(load("loan_approvals").dag, folder=str(tmp_path / "out"), **conf)

    # Every man of even age was hired, so the stratum (M, no) is empty and balancing fails.
    assert ran.xcoms["gate"]["verdict"]["outcome"] == "violation"
    assert ran.states["balance"] == "failed"
    assert ran.states["train"] == "upstream_failed"


@pytest.fixture(scope="module")
def lab(airflow_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(load("reviews_lab").dag, folder=str(tmp_path_factory.mktemp("reviews")))


def test_metrics_of_the_lab_are_the_published_ones(lab: Ran) -> None:
    assert set(lab.states.values()) == {"success"}
    unbalanced, balanced = analysis_of(lab, "bias"), analysis_of(lab, "bias_after")

    assert unbalanced.rows == 22_626
    assert len(unbalanced.facets[0].results) == 18
    assert metric(unbalanced, "Blouses", "CI") == pytest.approx(0.7363210465835764, abs=1e-12)
    assert metric(unbalanced, "Blouses", "DPL") == pytest.approx(0.016356035010386294, abs=1e-12)
    assert metric(unbalanced, "Trend", "DPL") == pytest.approx(0.11004222980605016, abs=1e-12)
    assert balanced.rows == 486
    for result in balanced.facets[0].results:
        assert metric(balanced, result.value, "CI") == pytest.approx(0.8888888888888888, abs=1e-12)
        assert metric(balanced, result.value, "DPL") == 0


def test_the_lab_trains_on_the_balanced_reviews_only(lab: Ran) -> None:
    assert [finding["value"] for finding in lab.xcoms["gate"]["verdict"]["findings"]] == ["Trend"]
    assert lab.xcoms["train"]["return_value"]["rows"] == 486
