"""How many rows a verdict needs: the formula, and the promised power by simulation."""

from __future__ import annotations

from typing import Any

import pytest
from analysis_factories import make_analysis

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.comparisons import Comparison
from airflow_clarify.bias.confidence import Proportion, compute_score
from airflow_clarify.bias.sample_size import find_row_factor
from airflow_clarify.bias.thresholds import Finding, Outcome, Thresholds


def find_rows(comparison: Comparison, low: float | None, high: float | None) -> float | None:
    return find_row_factor(
        None if low is None else lambda factor: comparison.grow(factor).compute_low_score(low),
        None if high is None else lambda factor: comparison.grow(factor).compute_high_score(high),
        compute_score(0.95),
    )


def judge(analysis: Analysis, rules: Any, **options: Any) -> Finding:
    options = {"confidence": 0.95, "on_inconclusive": "fail", **options}
    return Thresholds(rules, **options).judge(analysis).findings[0]


@pytest.mark.parametrize(
    ("d", "a", "kind", "low", "high"),
    [
        pytest.param(0.35, 0.55, "difference", -0.1, 0.1, id="twice the tolerated difference"),
        pytest.param(0.50, 0.53, "difference", -0.1, 0.1, id="well within the bounds"),
        pytest.param(0.50, 0.50, "difference", -0.1, 0.1, id="in the middle of them"),
        pytest.param(0.10, 0.30, "difference", None, 0.1, id="one bound, rare positives"),
        pytest.param(0.30, 0.50, "ratio", 0.8, 1.25, id="a ratio of 0.6 against four fifths"),
        pytest.param(0.48, 0.50, "ratio", 0.8, 1.25, id="a ratio within four fifths"),
    ],
)
def test_the_rows_needed_give_a_verdict_in_eight_of_ten_cases(
    d: float, a: float, kind: Any, low: float | None, high: float | None
) -> None:
    numpy = pytest.importorskip("numpy")
    rows, rest = 40, 120
    pair = (Proportion(d, rows), Proportion(a, rest))
    comparison = Comparison(*(pair if kind == "ratio" else reversed(pair)), kind)
    factor = find_rows(comparison, low, high)
    assert factor is not None
    rows, rest = round(factor * rows), round(factor * rest)
    generator = numpy.random.default_rng(3)
    decided, runs = 0, 1500
    for x_d, x_a in zip(
        generator.binomial(rows, d, runs).tolist(), generator.binomial(rest, a, runs).tolist(), strict=True
    ):
        drawn = (Proportion(x_d / rows, rows), Proportion(x_a / rest, rest))
        lower, upper = Comparison(*(drawn if kind == "ratio" else reversed(drawn)), kind).compute_interval(0.95)
        ends = (-float("inf") if low is None else low, float("inf") if high is None else high)
        decided += (lower > ends[1] or upper < ends[0]) or (ends[0] <= lower and upper <= ends[1])
    assert 0.75 <= decided / runs <= 0.87


def test_an_inconclusive_finding_names_the_rows_that_a_verdict_needs() -> None:
    finding = judge(make_analysis({"F": (48, 32), "M": (56, 14)}, ["DPL"]), {"DPL": {"gender": {"F": (None, 0.1)}}})
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.rows_needed == pytest.approx(351, abs=1)
    assert finding.reason.endswith("a verdict needs about 351 rows of the group, which has 80 (80% power)")
    assert finding.to_json()["rows_needed"] == finding.rows_needed


def test_the_rows_needed_are_conclusive_and_half_of_them_are_not() -> None:
    rules: Any = {"DPL": {"gender": {"F": (None, 0.1)}}}
    needed = judge(make_analysis({"F": (48, 32), "M": (56, 14)}, ["DPL"]), rules).rows_needed
    assert needed is not None

    def grow(rows: float) -> Analysis:
        of_m = rows * 70 / 80
        return make_analysis(
            {"F": (round(rows * 0.6), round(rows * 0.4)), "M": (round(of_m * 0.8), round(of_m * 0.2))}, ["DPL"]
        )

    assert judge(grow(needed), rules).outcome is Outcome.VIOLATION
    assert judge(grow(needed / 2.5), rules).outcome is Outcome.INCONCLUSIVE


def test_a_value_on_a_bound_is_inconclusive_for_any_number_of_rows() -> None:
    finding = judge(make_analysis({"F": (50, 50), "M": (60, 40)}, ["DPL"]), {"DPL": {"gender": {"F": (None, 0.1)}}})
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.rows_needed is None
    assert finding.reason.endswith("; too close to a bound for any number of rows to settle it")


def test_a_correction_needs_more_rows() -> None:
    groups = {f"g{i}": (100, 100) for i in range(10)} | {"X": (35, 65)}
    rules: Any = {"DPL": {"gender": {"X": 0.1, "*": 0.1}}}
    findings = {
        correction: judge(make_analysis(groups, ["DPL"]), rules, correction=correction) for correction in (None, "holm")
    }
    assert {finding.value for finding in findings.values()} == {"X"}
    plain, corrected = (findings[correction].rows_needed for correction in (None, "holm"))
    assert plain is not None
    assert corrected is not None
    assert corrected > 1.5 * plain


def test_conclusive_findings_have_no_rows_needed() -> None:
    verdict = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="fail").judge(
        make_analysis({"F": (100, 300), "M": (300, 100)}, ["DPL"])
    )
    assert {finding.rows_needed for finding in verdict.findings} == {None}
