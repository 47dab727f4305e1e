"""The rules that the benchmark simulates are those of the product."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_clarify.bias.alarms.config import OverRuns
from airflow_clarify.bias.alarms.over_runs import judge_over_runs
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.drift import Drift
from airflow_clarify.bias.thresholds import Outcome, Thresholds

PROJECT = Path(__file__).resolve().parents[3]
NIGHTS = 40
CONFIG = AnalysisConfig(
    {
        "dataset_type": "text/csv",
        "label": "ok",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "g"}],
        "methods": {"pre_training_bias": {"methods": ["DPL"]}},
    }
)


@pytest.fixture(scope="module")
def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("benchmark_of_alarms", PROJECT / "benchmarks" / "alarms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their module by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def build_analyses(counts: Any, history: int) -> list[Analysis]:
    """Build the analyses of one simulated history, as an engine would count them."""
    analyses = []
    for night in range(counts.rows_d.shape[-1]):
        cells = []
        for group, positive, rows in (("d", "positive_d", "rows_d"), ("a", "positive_a", "rows_a")):
            good, both = (int(getattr(counts, name)[history, night]) for name in (positive, rows))
            cells.append(Cell(group, "1", True, None, WeightedCount.from_rows(good)))
            cells.append(Cell(group, "0", False, None, WeightedCount.from_rows(both - good)))
        contingency = Contingency("ok", "1", [FacetContingency("g", ["d", "a"], cells)])
        analyses.append(Analysis.from_contingency(contingency, CONFIG))
    return analyses


def judge_each(confidence: float) -> Callable[[list[Analysis]], list[Any]]:
    rules = Thresholds({"DPL": 0.1}, confidence=confidence, on_inconclusive="pass")
    return lambda analyses: [rules.judge(analysis) for analysis in analyses]


def judge_over(method: Any) -> Callable[[list[Analysis]], list[Any]]:
    return lambda analyses: judge_over_runs(analyses, Thresholds({"DPL": 0.1}), OverRuns(method))


def judge_as_model_monitor(analyses: list[Analysis]) -> list[Any]:
    return [Drift("model-monitor").judge(analysis, analyses[0]) for analysis in analyses]


@pytest.mark.parametrize(
    ("rule", "judge_as_product"),
    [
        ("judge_each_night", judge_each(0.95)),
        ("judge_as_model_monitor", judge_as_model_monitor),
        ("judge_by_bonferroni", judge_each(1 - 0.05 / NIGHTS)),
        ("judge_by_sequence", judge_over("confidence-sequence")),
        ("judge_by_change", judge_over("change")),
    ],
)
def test_a_simulated_rule_is_that_of_the_product(
    benchmark: Any, rule: str, judge_as_product: Callable[[list[Analysis]], list[Any]]
) -> None:
    draw = np.random.default_rng(11)
    seen: set[bool] = set()
    for case in (benchmark.Case(0.1), benchmark.Case(0.2), benchmark.Case(0.0, 0.3)):
        histories = benchmark.Histories.build(benchmark.simulate(case, NIGHTS, 2, draw))
        simulated = getattr(benchmark, rule)(histories)
        for history in range(2):
            verdicts = judge_as_product(build_analyses(histories.counts, history))
            assert [verdict.outcome is Outcome.VIOLATION for verdict in verdicts] == simulated[history].tolist()
        seen |= set(simulated.flat)
    assert seen == {False, True}


def test_the_tables_have_a_number_for_each_rule(benchmark: Any) -> None:
    found = {case: benchmark.find_first_alarms(case, 365, 2) for case in (*benchmark.WITHIN, *benchmark.BEYOND)}
    lines = [*benchmark.format_false_alarms(found), *benchmark.format_delays(found)]

    assert sum(line.startswith("| `over_runs=") for line in lines) == 4
    assert "nan" not in "".join(lines)


def test_the_first_alarm_from_a_night_on(benchmark: Any) -> None:
    alarms = np.array([[False, True, False, True], [False, True, False, False]])

    assert benchmark.find_first(alarms, 1).tolist() == [2, 2]
    assert benchmark.find_first(alarms, 3).tolist() == [4, np.inf]
