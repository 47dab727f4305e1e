"""The time of the arithmetic is linear in the number of cells.

Function calls are counted, not seconds: they are the same on every machine and on every run.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from itertools import product
from types import FrameType

import pytest
from analysis_factories import make_config

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.thresholds import Thresholds


def contingency(values: int, *, groups: int, in_group: int) -> Contingency:
    """Build the contingency table of a facet with many values, each of which occurs in some of the groups."""
    cells = [
        Cell(
            f"value {value}",
            label,
            label == "yes",
            f"group {(value + step) % groups}",
            WeightedCount.from_rows(1 + value % 7),
        )
        for value, label, step in product(range(values), ("yes", "no"), range(in_group))
    ]
    facet = FacetContingency("gender", [f"value {value}" for value in range(values)], cells, grouped=True)
    return Contingency("approved", "yes", [facet])


def count_calls(work: Callable[[], object]) -> int:
    """Count the Python function calls of a callable, without those of the first call and of the garbage collector."""
    work()
    gc.collect()
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    gc.disable()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls


ALL_WITH_GROUPS = make_config(group="region")
TOLERANT = Thresholds({"DPL": 1, "CDDL": {"gender": 1}, "CI": {"gender": {"value 0": 1, "*": 1}}}, min_rows=1)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(
            lambda counts: lambda: Analysis.from_contingency(counts, ALL_WITH_GROUPS), id="measuring a contingency"
        ),
        pytest.param(
            lambda counts: Analysis.from_contingency(counts, ALL_WITH_GROUPS).to_clarify_json, id="writing the file"
        ),
        pytest.param(
            lambda counts: Analysis.from_contingency(counts, ALL_WITH_GROUPS).to_summary, id="writing the summary"
        ),
        pytest.param(
            lambda counts: lambda: Analysis.from_xcom(Analysis.from_contingency(counts, ALL_WITH_GROUPS).to_xcom()),
            id="travelling through XCom",
        ),
        pytest.param(
            lambda counts: lambda: TOLERANT.judge(Analysis.from_contingency(counts, ALL_WITH_GROUPS)), id="judging"
        ),
    ],
)
def test_the_work_is_linear_in_the_number_of_facet_values(work: Callable[[Contingency], Callable[[], object]]) -> None:
    once = count_calls(work(contingency(60, groups=20, in_group=5)))
    twice = count_calls(work(contingency(120, groups=20, in_group=5)))
    assert once > 200
    assert twice < 2.1 * once


def test_the_work_is_at_most_linear_in_the_number_of_groups() -> None:
    once = count_calls(lambda: Analysis.from_contingency(contingency(20, groups=50, in_group=50), ALL_WITH_GROUPS))
    twice = count_calls(lambda: Analysis.from_contingency(contingency(20, groups=100, in_group=100), ALL_WITH_GROUPS))
    assert twice < 2.1 * once


@pytest.mark.costly
def test_10_000_facet_values_with_8_metrics_and_50_groups(capsys: pytest.CaptureFixture[str]) -> None:
    counts = contingency(10_000, groups=50, in_group=2)
    start = time.perf_counter()
    analysis = Analysis.from_contingency(counts, ALL_WITH_GROUPS)
    verdict = TOLERANT.judge(analysis)
    seconds = time.perf_counter() - start
    with capsys.disabled():
        print(f"\n10,000 facet values, 8 metrics, 50 groups, 40,000 cells: {seconds:.2f} s")
    assert len(analysis.facets[0].results) == 10_000
    assert all(len(result.metrics) == len(METRICS) == 8 for _, result in analysis.results())
    assert verdict.passed
    assert len(verdict.findings) == 30_000
    assert len(json.loads(analysis.to_clarify_json())["pre_training_bias_metrics"]["facets"]["gender"]) == 10_000
