"""Thresholds and verdicts: the gate fails closed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from analysis_factories import Counts, Row, count_rows, make_analysis, make_config, make_facet
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.confidence import compute_newcombe_interval, compute_wilson_interval
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.thresholds import Finding, Outcome, Thresholds, Verdict
from airflow_clarify.exceptions import ConfigError, DataError, ThresholdError

KNOWN_METRICS = "CDDL, CI, DPL, JS, KL, KS, LP, TVD, DIL, AD, CDDPL, DAR, DCA, DCR, DI, DPPL, DRR, FT, GE, RD, SD, TE"
PASS, VIOLATION, INCONCLUSIVE, IGNORED = Outcome.PASS, Outcome.VIOLATION, Outcome.INCONCLUSIVE, Outcome.IGNORED

#: DPL of F is 0.5, of M -0.5; CI of F 1/3, of M -1/3.
SKEWED = make_analysis({"F": (1, 3), "M": (6, 2)})


def outcomes(verdict: Verdict) -> dict[tuple[str, str], Outcome]:
    return {(finding.metric, finding.value): finding.outcome for finding in verdict.findings}


def dpl_outcomes(thresholds: Thresholds, analysis: Analysis) -> dict[str, Outcome]:
    return {finding.value: finding.outcome for finding in thresholds.judge(analysis).findings}


# --- The forms of a rule ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "of_f", "of_m"),
    [
        pytest.param(0.5, PASS, PASS, id="a number bounds the absolute value, itself included"),
        pytest.param(0.49, VIOLATION, VIOLATION, id="on both sides"),
        pytest.param(1, PASS, PASS, id="a whole number"),
        pytest.param(0, VIOLATION, VIOLATION, id="nothing is tolerated"),
        pytest.param((-0.5, 0.1), VIOLATION, PASS, id="a range"),
        pytest.param([-0.1, 0.5], PASS, VIOLATION, id="a range as JSON has it"),
        pytest.param((None, 0.1), VIOLATION, PASS, id="no lower bound"),
        pytest.param((-0.1, None), PASS, VIOLATION, id="no upper bound"),
        pytest.param((0.2, 0.6), PASS, VIOLATION, id="a range need not hold 0"),
        pytest.param({"gender": 0.1}, VIOLATION, VIOLATION, id="one facet"),
        pytest.param({"gender": (None, 0.1)}, VIOLATION, PASS, id="a range of one facet"),
        pytest.param({"gender": {"F": 0.5, "M": 0.1}}, PASS, VIOLATION, id="each value its own"),
        pytest.param({"gender": {"F": 0.1, "*": 0.5}}, VIOLATION, PASS, id="one value, and all others of the facet"),
        pytest.param({"gender": 0.1, "*": 0.5}, VIOLATION, VIOLATION, id="one facet, and all others"),
        pytest.param({"*": 0.5}, PASS, PASS, id="all facets"),
        pytest.param({"*": {"*": 0.5}}, PASS, PASS, id="all values of all facets"),
    ],
)
def test_a_rule_may_be_written_in_many_ways(rule: Any, of_f: Outcome, of_m: Outcome) -> None:
    assert dpl_outcomes(Thresholds({"DPL": rule}), SKEWED) == {"F": of_f, "M": of_m}


def test_a_rule_for_one_value_judges_no_other() -> None:
    verdict = Thresholds({"DPL": {"gender": {"F": 0.5}}}).judge(SKEWED)
    assert outcomes(verdict) == {("DPL", "F"): PASS}
    assert verdict.sentence == "passed: 1 of 1 check is within its bounds"


def test_every_rule_judges_every_tested_group() -> None:
    verdict = Thresholds({"DPL": 0.5, "CI": (None, 0.3)}).judge(SKEWED)
    assert outcomes(verdict) == {("DPL", "F"): PASS, ("DPL", "M"): PASS, ("CI", "F"): VIOLATION, ("CI", "M"): PASS}
    assert verdict.outcome is VIOLATION
    assert not verdict.passed


@pytest.mark.parametrize(
    ("rule", "bounds"),
    [
        ({"*": 0.9, "gender": {"F": 0.1, "*": 0.5}}, {"F": 0.1, "M": 0.5, "age": 0.9}),
        ({"gender": {"*": 0.5, "F": 0.1}, "*": 0.9}, {"F": 0.1, "M": 0.5, "age": 0.9}),
        ({"*": 0.9, "gender": {"F": 0.1}}, {"F": 0.1, "M": 0.9, "age": 0.9}),
        ({"gender": {"F": 0.1}}, {"F": 0.1, "M": None, "age": None}),
        ({"gender": 0.5}, {"F": 0.5, "M": 0.5, "age": None}),
    ],
)
def test_the_most_specific_rule_applies_in_any_order(rule: Any, bounds: dict[str, float | None]) -> None:
    thresholds = Thresholds({"DPL": rule})
    found = {
        "F": thresholds.get_bounds("DPL", "gender", "F"),
        "M": thresholds.get_bounds("DPL", "gender", "M"),
        "age": thresholds.get_bounds("DPL", "age", "(40, 89]"),
    }
    assert found == {name: None if bound is None else (-bound, bound) for name, bound in bounds.items()}


def test_values_and_facets_may_be_numbers_in_a_rule() -> None:
    analysis = make_analysis({"0": (1, 3), "1": (6, 2)}, facet="3")
    assert dpl_outcomes(Thresholds({"DPL": {3: {0: 0.1, 1: 0.9}}}), analysis) == {"0": VIOLATION, "1": PASS}


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({}, 'thresholds: give at least one, such as {"DPL": 0.1}, not {}'),
        (None, 'thresholds: give at least one, such as {"DPL": 0.1}, not None'),
        (0.1, 'thresholds: give at least one, such as {"DPL": 0.1}, not 0.1'),
        ({"DPI": 0.1}, f"thresholds: there is no metric 'DPI'; there are {KNOWN_METRICS}"),
        ({"dpl": 0.1}, f"thresholds: there is no metric 'dpl'; there are {KNOWN_METRICS}"),
        (
            {"DPL": "0.1"},
            "thresholds: DPL: '0.1' is neither a number such as 0.1 nor a pair such as (-0.05, 0.1)",
        ),
        ({"DPL": True}, "thresholds: DPL: True is neither a number such as 0.1 nor a pair such as (-0.05, 0.1)"),
        ({"DPL": None}, "thresholds: DPL: None is neither a number such as 0.1 nor a pair such as (-0.05, 0.1)"),
        ({"DPL": [0.1]}, "thresholds: DPL: [0.1] is neither a number such as 0.1 nor a pair such as (-0.05, 0.1)"),
        (
            {"DPL": (0, 1, 2)},
            "thresholds: DPL: (0, 1, 2) is neither a number such as 0.1 nor a pair such as (-0.05, 0.1)",
        ),
        (
            {"DPL": -0.1},
            "thresholds: DPL: a single number t means |value| <= t, so it is from 0 and finite, not -0.1",
        ),
        (
            {"DPL": math.nan},
            "thresholds: DPL: a single number t means |value| <= t, so it is from 0 and finite, not nan",
        ),
        (
            {"DPL": math.inf},
            "thresholds: DPL: a single number t means |value| <= t, so it is from 0 and finite, not inf",
        ),
        ({"DPL": (None, None)}, "thresholds: DPL: a range without any bound would let everything pass"),
        (
            {"DPL": (-math.inf, math.inf)},
            "thresholds: DPL: -inf is not a finite number; None stands for no bound",
        ),
        ({"DPL": (0.1, math.nan)}, "thresholds: DPL: nan is not a finite number; None stands for no bound"),
        ({"DPL": ("low", 0.1)}, "thresholds: DPL: 'low' is not a finite number; None stands for no bound"),
        ({"DPL": (False, 0.1)}, "thresholds: DPL: False is not a finite number; None stands for no bound"),
        ({"DPL": (0.2, 0.1)}, "thresholds: DPL: the lower bound 0.2 is above the upper bound 0.1"),
        ({"DPL": {}}, "thresholds: DPL has no bounds; give some, such as 0.1"),
        ({"DPL": {"gender": {}}}, "thresholds: DPL of gender has no bounds; give some, such as 0.1"),
        (
            {"DPL": {"gender": {"F": {"x": 1}}}},
            "thresholds: DPL of gender=F: {'x': 1} is neither a number such as 0.1 nor a pair such as (-0.05, 0.1)",
        ),
        (
            {"DPL": {"gender": "0.1"}},
            "thresholds: DPL of gender: '0.1' is neither a number such as 0.1 nor a pair such as (-0.05, 0.1)",
        ),
        ({"DPL": {"*": {"F": 0.1}}}, "thresholds: DPL of *=F: name the facet of the value 'F'"),
    ],
)
def test_an_invalid_rule_is_refused_by_the_constructor(rules: Any, text: str) -> None:
    with pytest.raises(ThresholdError) as raised:
        Thresholds(rules)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ({"DPL": 10}, "DPL: the bound 10 is beyond the range of DPL, which is -1 to 1; if 10 means percent, write 0.1"),
        ({"KS": 100}, "KS: the bound 100 is beyond the range of KS, which is 0 to 1; if 100 means percent, write 1"),
        ({"DPL": [-9, 9]}, "DPL: the bound -9 is beyond the range of DPL, which is -1 to 1; if -9 means percent"),
        ({"DPL": (None, 5)}, "if 5 means percent, write 0.05"),
        ({"CI": {"gender": {"F": 50}}}, "CI of gender=F: the bound 50 is beyond the range of CI, which is -1 to 1"),
        ({"CDDL": {"gender": 1.5}}, "CDDL of gender: the bound 1.5 is beyond the range of CDDL"),
        (
            {"TVD": 1000},
            "TVD: the bound 1000 is beyond the range of TVD, which is 0 to 1; give a number between 0 and 1",
        ),
        ({"JS": 0.7}, "JS: the bound 0.7 is beyond the range of JS, which is 0 to 0.6931; give a number between"),
        ({"LP": 1.5}, "LP: the bound 1.5 is beyond the range of LP, which is 0 to 1.414"),
        ({"KS": (-0.5, -0.1)}, "KS: no value can be at most -0.1, as KS is never below 0"),
        ({"KL": (None, -0.1)}, "KL: no value can be at most -0.1, as KL is never below 0"),
        ({"TVD": (-0.1, None)}, "TVD: the bound -0.1 would let everything pass, as TVD is never below 0"),
        ({"DPL": (2, 3)}, "DPL: the bound 2 is beyond the range of DPL"),
    ],
)
def test_a_bound_outside_the_range_of_its_metric_is_refused(rules: Any, text: str) -> None:
    with pytest.raises(ThresholdError) as error:
        Thresholds(rules)
    assert str(error.value).startswith("thresholds: ")
    assert text in str(error.value)


def test_bounds_at_the_ends_of_a_range_and_mirrored_ones_are_allowed() -> None:
    for metric in METRICS.values():
        Thresholds({metric.name: min(metric.highest, 50.0)})
        Thresholds({metric.name: (-0.1, 0.1)})
        Thresholds({metric.name: (metric.lowest, 0.1)})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_rows": -1}, "min_rows: a number of rows from 0, not -1"),
        ({"min_rows": 1.5}, "min_rows: a number of rows from 0, not 1.5"),
        ({"min_rows": True}, "min_rows: a number of rows from 0, not True"),
        ({"min_rows": None}, "min_rows: a number of rows from 0, not None"),
        ({"below_min_rows": "skip"}, "below_min_rows: one of 'fail', 'pass', 'ignore', not 'skip'"),
        ({"undefined": "pass"}, "undefined: one of 'fail', 'ignore', not 'pass'"),
        ({"undefined": None}, "undefined: one of 'fail', 'ignore', not None"),
        ({"on_inconclusive": "pass"}, "on_inconclusive: needs confidence; without it nothing is inconclusive"),
        (
            {"confidence": 0.95},
            'on_inconclusive: required with confidence: "fail" or "pass"',
        ),
        (
            {"confidence": 0.95, "on_inconclusive": "ignore"},
            "on_inconclusive: one of 'fail', 'pass', not 'ignore'",
        ),
        ({"confidence": 95, "on_inconclusive": "fail"}, "confidence: between 0 and 1, such as 0.95, not 95"),
        ({"confidence": 1.0, "on_inconclusive": "fail"}, "confidence: between 0 and 1, such as 0.95, not 1.0"),
        ({"confidence": 0.0, "on_inconclusive": "fail"}, "confidence: between 0 and 1, such as 0.95, not 0.0"),
        ({"confidence": math.nan, "on_inconclusive": "fail"}, "confidence: between 0 and 1, such as 0.95, not nan"),
        ({"confidence": "0.95", "on_inconclusive": "fail"}, "confidence: between 0 and 1, such as 0.95, not '0.95'"),
    ],
)
def test_an_invalid_option_is_refused_by_the_constructor(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ThresholdError) as raised:
        Thresholds({"DPL": 0.1}, **options)
    assert str(raised.value) == text
    assert isinstance(raised.value, ConfigError)


# --- Rules that do not match the analysis -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (
            {"CDDL": 0.1},
            "thresholds: the analysis has no CDDL; it has CI, DPL, JS, KL, KS, LP, TVD; add the metric to methods",
        ),
        ({"DPL": {"sex": 0.1}}, "thresholds: the analysis has no facet 'sex'; it has 'gender'"),
        (
            {"DPL": {"gender": {"f": 0.1, "*": 0.9}}},
            "thresholds: facet 'gender' of the analysis has no value 'f'; it has 'F', 'M'",
        ),
        ({"DPL": 0.9, "CI": {"sex": {"F": 0.1}}}, "thresholds: the analysis has no facet 'sex'; it has 'gender'"),
        ({"DPL": {"*": 0.9, "sex": 0.1}}, "thresholds: the analysis has no facet 'sex'; it has 'gender'"),
    ],
)
def test_a_rule_for_an_unknown_metric_facet_or_value_is_an_error(rules: Any, text: str) -> None:
    with pytest.raises(ThresholdError) as raised:
        Thresholds(rules).judge(SKEWED)
    assert str(raised.value) == text


def test_a_metric_that_one_tested_group_lacks_is_an_error() -> None:
    results = (FacetResult("F", (MetricResult("DPL", 0.0),)), FacetResult("M", (MetricResult("CI", 0.0),)))
    analysis = Analysis("approved", "yes", (FacetAnalysis("gender", results),), ("CI", "DPL"))
    with pytest.raises(ThresholdError, match=r"^thresholds: the analysis has no DPL for 'M' of 'gender'$"):
        Thresholds({"DPL": 0.1}).judge(analysis)


def test_an_analysis_without_a_tested_group_is_an_error() -> None:
    analysis = Analysis("approved", "yes", (FacetAnalysis("gender", ()),), ("DPL",))
    with pytest.raises(DataError, match=r"^the analysis holds no tested group, so there is nothing to judge$"):
        Thresholds({"DPL": 0.1}).judge(analysis)


@pytest.mark.parametrize("options", [{"min_rows": 1}, {"confidence": 0.95, "on_inconclusive": "pass"}])
def test_options_that_need_counts_are_refused_for_clarifys_file(options: dict[str, Any]) -> None:
    read = Analysis.from_clarify_json(SKEWED.to_clarify_json())
    with pytest.raises(DataError, match=r"^min_rows and confidence need counts"):
        Thresholds({"DPL": 0.9}, **options).judge(read)
    assert Thresholds({"DPL": 0.9}).judge(read).passed


# --- Small groups -----------------------------------------------------------------------------------------------------

#: X has 3 rows and a large DPL; the DPL of F and M is small.
SMALL_X = make_analysis({"F": (50, 50), "M": (50, 50), "X": (3, 0)}, ["DPL"])


@pytest.mark.parametrize(
    ("below", "of_x", "verdict"),
    [("fail", VIOLATION, VIOLATION), ("pass", PASS, PASS), ("ignore", IGNORED, PASS)],
)
def test_a_small_group_is_handled_by_below_min_rows(below: Any, of_x: Outcome, verdict: Outcome) -> None:
    judged = Thresholds({"DPL": 0.1}, min_rows=30, below_min_rows=below).judge(SMALL_X)
    assert outcomes(judged) == {("DPL", "F"): PASS, ("DPL", "M"): PASS, ("DPL", "X"): of_x}
    assert judged.outcome is verdict
    (finding,) = [finding for finding in judged.findings if finding.value == "X"]
    assert finding.reason == "DPL of gender=X: 3 rows are fewer than min_rows 30"
    assert finding.rows == 3
    # The group is reported in any case.
    assert finding.to_json() in judged.to_json()["findings"]


def test_the_sentence_counts_groups_below_min_rows() -> None:
    """F has 4 rows, and M has 8."""
    thresholds = {"rules": {"DPL": 0.5}, "below_min_rows": "pass"}
    some, none = (Thresholds(min_rows=rows, **thresholds).judge(SKEWED) for rows in (5, 9))

    assert some.sentence == ("passed: 1 of 1 check is within its bounds (1 not judged: fewer rows than min_rows)")
    assert none.passed
    assert none.sentence == (
        "passed: none of 2 checks was judged, as every tested group has fewer rows than min_rows, which "
        "below_min_rows='pass' lets through"
    )
    assert (some.to_json()["not_judged"], none.to_json()["not_judged"]) == (1, 2)


@pytest.mark.parametrize("below", ["fail", "pass", "ignore"])
@pytest.mark.parametrize("min_rows", [0, 3])
def test_enough_rows_are_enough(below: Any, min_rows: int) -> None:
    judged = Thresholds({"DPL": 0.1}, min_rows=min_rows, below_min_rows=below).judge(SMALL_X)
    assert outcomes(judged)["DPL", "X"] is VIOLATION


def test_a_verdict_with_all_groups_ignored_is_a_violation() -> None:
    judged = Thresholds({"DPL": 0.1}, min_rows=1000, below_min_rows="ignore").judge(SMALL_X)
    assert judged.outcome is VIOLATION
    assert judged.sentence == (
        "violation: nothing was judged: every tested group has too few rows, or undefined metrics (3 ignored)"
    )


# --- Undefined metrics ------------------------------------------------------------------------------------------------


def make_analysis_of_one_metric(value: float | None, error: str | None = None) -> Analysis:
    results = (FacetResult("F", (MetricResult("KL", value, error),)), FacetResult("M", (MetricResult("KL", 0.0),)))
    return Analysis("approved", "yes", (FacetAnalysis("gender", results),), ("KL",))


@pytest.mark.parametrize(
    ("value", "error", "reason"),
    [
        (None, "No positive labels in set", "KL of gender=F is not defined: No positive labels in set"),
        (None, None, "KL of gender=F is not defined: its value is None"),
        (math.inf, None, "KL of gender=F is not defined: its value is inf"),
        (-math.inf, None, "KL of gender=F is not defined: its value is -inf"),
        (math.nan, None, "KL of gender=F is not defined: its value is nan"),
        (0.0, "it broke", "KL of gender=F is not defined: it broke"),
    ],
)
def test_an_undefined_or_infinite_metric_is_a_violation_unless_ignored(
    value: float | None, error: str | None, reason: str
) -> None:
    analysis = make_analysis_of_one_metric(value, error)
    judged = Thresholds({"KL": (None, 1000.0)}).judge(analysis)
    assert (judged.outcome, judged.findings[0].outcome, judged.findings[0].reason) == (VIOLATION, VIOLATION, reason)
    assert reason in judged.sentence
    ignored = Thresholds({"KL": (None, 1000.0)}, undefined="ignore").judge(analysis)
    assert ignored.outcome is PASS
    assert outcomes(ignored) == {("KL", "F"): IGNORED, ("KL", "M"): PASS}
    assert ignored.sentence == "passed: 1 of 1 check is within its bounds (1 ignored)"


def test_a_verdict_with_all_metrics_ignored_is_a_violation() -> None:
    results = (FacetResult("F", (MetricResult("KL", None, "why"),)),)
    analysis = Analysis("approved", "yes", (FacetAnalysis("gender", results),), ("KL",))
    judged = Thresholds({"KL": 1}, undefined="ignore").judge(analysis)
    assert judged.outcome is VIOLATION
    assert judged.sentence.startswith("violation: nothing was judged")


def test_the_undefined_metrics_of_the_missing_facet_value_do_not_pass() -> None:
    analysis = make_analysis({"F": (50, 50), "M": (50, 50), None: (5, 5)}, ["DPL"])
    assert dpl_outcomes(Thresholds({"DPL": 0.1}), analysis) == {"F": PASS, "M": PASS, "nan": VIOLATION}
    assert Thresholds({"DPL": 0.1}, undefined="ignore").judge(analysis).passed
    assert Thresholds({"DPL": {"gender": {"F": 0.1, "M": 0.1}}}).judge(analysis).passed


# --- Labels with one outcome ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [{"F": (0, 3), "M": (0, 5)}, {"F": (3, 0), "M": (5, 0)}])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"undefined": "ignore"},
        {"min_rows": 4, "below_min_rows": "ignore"},
        {"min_rows": 100, "below_min_rows": "pass"},
        {"confidence": 0.95, "on_inconclusive": "pass"},
    ],
)
def test_a_one_sided_label_is_a_violation_whatever_the_options(counts: Counts, options: dict[str, Any]) -> None:
    analysis = make_analysis(counts)
    assert {result.metric("DPL") for _, result in analysis.results()} == {MetricResult("DPL", 0.0)}
    judged = Thresholds({"DPL": 1, "CI": 1}, **options).judge(analysis)
    assert judged.outcome is VIOLATION
    assert judged.reasons == (analysis.one_sided_label,)
    assert "counts as positive: label 'approved' was compared with yes and holds " in judged.sentence


def test_a_label_with_all_positive_rows_of_weight_zero_is_a_violation() -> None:
    rows: list[Row] = [("F", "yes", None, 0.0), ("F", "no", None, 1.0), ("M", "no", None, 1.0), ("M", "yes", None, 0.0)]
    analysis = Analysis.from_contingency(count_rows(rows, weighted=True), make_config(["DPL"]))
    judged = Thresholds({"DPL": 0.1}).judge(analysis)
    assert outcomes(judged) == {("DPL", "F"): PASS, ("DPL", "M"): PASS}
    assert judged.outcome is VIOLATION


# --- Confidence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "d", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_is_newcombes(a: tuple[int, int], d: tuple[int, int], low: float, high: float) -> None:
    found = compute_newcombe_interval(a[0] / a[1], a[1], d[0] / d[1], d[1], 0.95)
    assert found == pytest.approx((low, high), abs=0.00005)


@pytest.mark.parametrize(
    ("positive", "rows", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_one_proportion_is_wilsons(positive: int, rows: int, low: float, high: float) -> None:
    assert compute_wilson_interval(positive / rows, rows, 0.95) == pytest.approx((low, high), abs=0.00005)


def test_the_interval_of_the_largest_confidence_that_a_float_holds() -> None:
    # The lower tail is (1 - 0.9999999999999999) / 2 = 5.55e-17, and z is 8.2924.
    assert compute_wilson_interval(0.5, 100, math.nextafter(1.0, 0.0)) == pytest.approx((0.18084, 0.81916), abs=1e-5)


def test_the_interval_without_rows_is_0_to_1() -> None:
    assert compute_wilson_interval(0.5, 0.0, 0.95) == (0.0, 1.0)


@pytest.mark.parametrize("size", [1e-200, 1e-100, 1.0, 1e100])
def test_an_interval_does_not_depend_on_the_size_of_the_weights(size: float) -> None:
    def analysis(weight: float) -> Analysis:
        def tally(rows: int) -> WeightedCount:
            return WeightedCount(rows, rows * Fraction(weight), rows * Fraction(weight) ** 2)

        counts = {("a", 1): 50, ("a", 0): 30, ("b", 1): 60, ("b", 0): 90}
        cells = [Cell(facet, str(label), label == 1, None, tally(rows)) for (facet, label), rows in counts.items()]
        contingency = Contingency("y", "1", [FacetContingency("g", ["a", "b"], cells)], weighted=True)
        config = AnalysisConfig.build(DataConfig("x.csv", label="y"), BiasConfig([1], "g"), ["DPL"])
        return Analysis.from_contingency(contingency, config)

    rules = Thresholds({"DPL": 0.3}, confidence=0.95, on_inconclusive="fail")
    found = [finding.interval for finding in rules.judge(analysis(size)).findings]
    assert found == [finding.interval for finding in rules.judge(analysis(1.0)).findings]


proportions = st.integers(1, 10_000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))
levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@given(proportions, proportions, levels)
def test_an_interval_contains_the_difference_and_is_antisymmetric(
    a: tuple[int, int], d: tuple[int, int], confidence: float
) -> None:
    q_a, q_d = a[0] / a[1], d[0] / d[1]
    low, high = compute_newcombe_interval(q_a, a[1], q_d, d[1], confidence)
    assert -1 <= low <= q_a - q_d + 1e-12
    assert q_a - q_d - 1e-12 <= high <= 1
    turned = compute_newcombe_interval(q_d, d[1], q_a, a[1], confidence)
    assert turned == pytest.approx((-high, -low), abs=1e-12)


@given(proportions, proportions, levels)
def test_more_rows_narrow_an_interval_and_more_confidence_widens_it(
    a: tuple[int, int], d: tuple[int, int], confidence: float
) -> None:
    q_a, q_d = a[0] / a[1], d[0] / d[1]
    low, high = compute_newcombe_interval(q_a, a[1], q_d, d[1], confidence)
    narrow_low, narrow_high = compute_newcombe_interval(q_a, 10 * a[1], q_d, 10 * d[1], confidence)
    assert narrow_high - narrow_low < high - low
    wide_low, wide_high = compute_newcombe_interval(q_a, a[1], q_d, d[1], (1 + confidence) / 2)
    assert wide_high - wide_low > high - low


#: Newcombe's first example: 56 of 70 others and 48 of 80 of F are positive; DPL 0.2 with 0.0524 to 0.3339 at 95 %.
NEWCOMBE = make_analysis({"F": (48, 32), "M": (56, 14)})


@pytest.mark.parametrize(
    ("metric", "bounds", "outcome"),
    [
        ("DPL", (None, 0.3339), PASS),
        ("DPL", (None, 0.3338), INCONCLUSIVE),
        ("DPL", (None, 0.2), INCONCLUSIVE),
        ("DPL", (None, 0.0525), INCONCLUSIVE),
        ("DPL", (None, 0.0524), VIOLATION),
        ("DPL", (0.0524, 0.3339), PASS),
        ("DPL", (0.0525, None), INCONCLUSIVE),
        ("DPL", (0.3339, None), VIOLATION),
        ("DPL", (0.1, 0.3), INCONCLUSIVE),
        ("TVD", 0.3339, PASS),
        ("TVD", 0.1, INCONCLUSIVE),
        ("TVD", 0.05, VIOLATION),
        ("KS", 0.3339, PASS),
        ("KS", 0.1, INCONCLUSIVE),
        ("KS", 0.05, VIOLATION),
        ("LP", 0.3339 * math.sqrt(2), PASS),
        ("LP", 0.3339, INCONCLUSIVE),
        ("LP", 0.0524 * math.sqrt(2), VIOLATION),
    ],
)
def test_inside_passes_outside_violates_and_across_is_inconclusive(metric: str, bounds: Any, outcome: Outcome) -> None:
    thresholds = Thresholds({metric: {"gender": {"F": bounds}}}, confidence=0.95, on_inconclusive="fail")
    judged = thresholds.judge(NEWCOMBE)
    assert judged.outcome is outcome
    (finding,) = judged.findings
    assert finding.interval is not None
    scale = math.sqrt(2) if metric == "LP" else 1
    assert finding.interval == pytest.approx((0.0524 * scale, 0.3339 * scale), abs=0.0001)


def test_the_interval_of_a_distance_starts_at_zero_where_dpl_may_be_zero() -> None:
    analysis = make_analysis({"F": (5, 51), "M": (1, 28)})
    thresholds = Thresholds({"DPL": 1, "TVD": 1, "LP": 1.4}, confidence=0.95, on_inconclusive="fail")
    intervals = {
        finding.metric: finding.interval for finding in thresholds.judge(analysis).findings if finding.value == "F"
    }
    assert intervals["DPL"] is not None
    low, high = intervals["DPL"]
    assert low < 0 < high
    furthest = max(-low, high)
    assert intervals["TVD"] == pytest.approx((0.0, furthest))
    assert intervals["LP"] == pytest.approx((0.0, math.sqrt(2) * furthest))


@pytest.mark.parametrize("metric", ["CI", "KL", "JS"])
def test_other_metrics_are_judged_by_their_value(metric: str) -> None:
    thresholds = Thresholds({metric: 0.6}, confidence=0.95, on_inconclusive="fail")
    assert [(f.interval, f.outcome) for f in thresholds.judge(NEWCOMBE).findings] == [(None, PASS)] * 2


def test_a_distance_with_a_dropped_outcome_is_judged_by_its_value() -> None:
    analysis = make_analysis({"F": (5, 0), "M": (50, 50)})
    judged = Thresholds({"DPL": 1, "TVD": 1}, confidence=0.95, on_inconclusive="fail").judge(analysis)
    assert {(f.metric, f.interval is None) for f in judged.findings} == {("DPL", False), ("TVD", True)}


@pytest.mark.parametrize(("on_inconclusive", "outcome"), [("fail", INCONCLUSIVE), ("pass", PASS)])
def test_on_inconclusive_sets_the_outcome(on_inconclusive: Any, outcome: Outcome) -> None:
    judged = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive=on_inconclusive).judge(NEWCOMBE)
    assert judged.outcome is outcome
    assert judged.passed is (on_inconclusive == "pass")
    assert judged.count(INCONCLUSIVE) == 1


@pytest.mark.parametrize(
    ("confidence", "said"), [(0.95, "95%"), (0.975, "97.5%"), (0.999, "99.9%"), (1 - 0.05 / 18, "99.72%")]
)
def test_a_reason_names_the_confidence_it_was_judged_with(confidence: float, said: str) -> None:
    judged = Thresholds({"DPL": 0.1}, confidence=confidence, on_inconclusive="fail").judge(NEWCOMBE)
    assert {f" ({said} interval " in finding.reason for finding in judged.findings} == {True}


@pytest.mark.parametrize("on_inconclusive", ["fail", "pass"])
def test_a_violation_takes_precedence_over_inconclusive(on_inconclusive: Any) -> None:
    rules = {"DPL": 0.1, "CI": 0.001}
    judged = Thresholds(rules, confidence=0.95, on_inconclusive=on_inconclusive).judge(NEWCOMBE)
    assert judged.outcome is VIOLATION
    assert {finding.metric for finding in judged.violations} == {"CI"}


def test_equal_shares_are_inconclusive_for_small_groups_only() -> None:
    thresholds = Thresholds({"DPL": {"gender": {"X": 0.1}}}, confidence=0.95, on_inconclusive="fail")
    assert thresholds.judge(make_analysis({"X": (3, 5), "M": (500, 300)})).outcome is INCONCLUSIVE
    assert thresholds.judge(make_analysis({"X": (300, 500), "M": (500, 300)})).outcome is VIOLATION
    assert thresholds.judge(make_analysis({"X": (5000, 3000), "M": (5000, 3000)})).outcome is PASS


def weighted(rows: list[Row]) -> Analysis:
    return Analysis.from_contingency(count_rows(rows, weighted=True), make_config(["DPL"]))


def test_the_interval_of_weighted_rows_uses_the_effective_sample_size() -> None:
    thresholds = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="fail")

    def interval(weights: tuple[float, float]) -> tuple[float, float]:
        rows: list[Row] = []
        for value, positive in (("F", 10), ("M", 20)):
            rows += [(value, "yes" if index < positive else "no", None, weights[index % 2]) for index in range(40)]
        (finding,) = [f for f in thresholds.judge(weighted(rows)).findings if f.value == "F"]
        assert finding.interval is not None
        return finding.interval

    even = interval((1.0, 1.0))
    assert even == pytest.approx(compute_newcombe_interval(20 / 40, 40, 10 / 40, 40, 0.95))
    assert interval((7.0, 7.0)) == pytest.approx(even)  # what all rows weigh does not make them more
    uneven = interval((1.0, 3.0))  # Kish: (20 * 1 + 20 * 3)^2 / (20 * 1 + 20 * 9) = 32 rows
    assert uneven == pytest.approx(compute_newcombe_interval(20 / 40, 32, 10 / 40, 32, 0.95))


# --- The verdict ------------------------------------------------------------------------------------------------------


def test_a_pass_is_one_sentence() -> None:
    assert Thresholds({"DPL": 0.5, "CI": 0.5}).judge(SKEWED).sentence == "passed: 2 of 2 checks are within their bounds"


def test_a_violation_says_how_many_fail_and_which_is_the_worst() -> None:
    analysis = make_analysis({"F": (1, 3), "M": (6, 2), "X": (9, 1)})
    judged = Thresholds({"DPL": {"gender": {"F": 0.1, "M": (None, 0.05), "X": 0.1}}}).judge(analysis)
    assert judged.sentence == (
        "violation: 2 of 3 checks fail, the worst: DPL of gender=F is 0.5833, outside [-0.1, 0.1]: "
        "this group is worse off (fewer positive labels)"
    )
    assert [finding.value for finding in judged.findings] == ["F", "X", "M"]


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ({"path": "s3://bucket/germany.csv"}, "s3://bucket/germany.csv"),
        ({"table": ["lake", "loans"], "engine": "sql"}, "lake.loans"),
        ({"query": "SELECT *\n  FROM loans", "engine": "sql"}, "SELECT * FROM loans"),
        ({"path": f"/{'folder/' * 30}germany.csv"}, f"…/{'folder/' * 15}germany.csv"[-120:]),
        ({"path": "a\x1bb.csv"}, "a\\x1bb.csv"),
    ],
)
def test_a_verdict_names_its_data(where: dict[str, object], name: str) -> None:
    analysis = replace(SKEWED, whereabouts=where)
    passed, failed = Thresholds({"DPL": 0.5}).judge(analysis), Thresholds({"DPL": 0.1}).judge(analysis)
    assert passed.sentence.endswith(f"within its bounds; data: {analysis.data_name}")
    assert failed.sentence.endswith(f"worse off (fewer positive labels); data: {analysis.data_name}")
    assert failed.to_json()["data"] == analysis.data_name
    assert analysis.data_name.endswith(name.removeprefix("…"))
    assert len(analysis.data_name) <= 120


def test_an_inconclusive_verdict_shows_the_interval() -> None:
    thresholds = Thresholds({"DPL": {"gender": {"F": (None, 0.1)}}}, confidence=0.95, on_inconclusive="fail")
    assert thresholds.judge(NEWCOMBE).sentence == (
        "inconclusive: 1 of 1 check is inconclusive, the worst: DPL of gender=F is 0.2000 (95% interval 0.0524 to "
        "0.3339), which reaches across the bound 0.1: this group is worse off (fewer positive labels); a verdict needs "
        "about 351 rows of the group, which has 80 (80% power)"
    )


def test_the_sentence_of_a_pass_counts_inconclusive_checks() -> None:
    judged = Thresholds({"DPL": 0.1, "CI": 0.5}, confidence=0.95, on_inconclusive="pass").judge(NEWCOMBE)
    assert judged.sentence == "passed: 1 of 2 checks is within its bounds (1 inconclusive)"


def test_the_worst_findings_come_first() -> None:
    analysis = make_analysis(
        {"A": (1, 99), "B": (40, 60), "C": (50, 50), "D": (99, 1), "E": (5, 0), None: (1, 1)}, ["DPL"]
    )
    judged = Thresholds({"DPL": (-0.3, 0.2)}, min_rows=6, below_min_rows="ignore").judge(analysis)
    found = [(finding.value, finding.outcome) for finding in judged.findings]
    assert found[:2] == [("A", VIOLATION), ("D", VIOLATION)]  # 0.43 above the upper bound, 0.38 below the lower one
    assert {value for value, outcome in found[2:4] if outcome is PASS} == {"B", "C"}
    assert {value for value, outcome in found[4:] if outcome is IGNORED} == {"E", "nan"}


def test_undefined_metrics_are_the_most_severe_findings() -> None:
    judged = Thresholds({"DPL": 0.1}).judge(make_analysis({"A": (1, 99), "B": (99, 1), None: (1, 1)}, ["DPL"]))
    assert judged.findings[0].value == "nan"


def test_a_verdict_stays_on_one_line_whatever_the_names() -> None:
    analysis = make_analysis({"a\nb": (1, 3), "x" * 10_000: (6, 2)}, facet="two\r\nlines")
    for thresholds in (Thresholds({"DPL": 0.1}), Thresholds({"DPL": 0.1}, min_rows=1000)):
        sentence = thresholds.judge(analysis).sentence
        assert sentence.isprintable()
        assert len(sentence) < 400


def test_a_verdict_as_json() -> None:
    judged = Thresholds({"DPL": {"gender": {"F": (None, 0.1), "M": 0.5}}}).judge(SKEWED)
    reason = "DPL of gender=F is 0.5000, above 0.1: this group is worse off (fewer positive labels)"
    assert json.loads(json.dumps(judged.to_json(), allow_nan=False)) == {
        "format": "airflow_clarify.verdict/1",
        "outcome": "violation",
        "sentence": f"violation: 1 of 2 checks fails, the worst: {reason}",
        "reasons": [],
        "checks": {"pass": 1, "violation": 1, "inconclusive": 0, "ignored": 0},
        "questions": 2,
        "findings": [
            {
                "facet": "gender",
                "value": "F",
                "metric": "DPL",
                "measured": 0.5,
                "bounds": [None, 0.1],
                "outcome": "violation",
                "reason": reason,
                "rows": 4,
                "worse_off": "F",
            }
        ],
    }


def test_the_json_of_a_finding_has_its_interval() -> None:
    thresholds = Thresholds({"DPL": {"gender": {"F": 0.1}}}, confidence=0.95, on_inconclusive="fail")
    (finding,) = thresholds.judge(NEWCOMBE).to_json()["findings"]
    assert finding["interval"] == pytest.approx([0.0524, 0.3339], abs=0.0001)


@pytest.mark.parametrize("value", [None, math.inf, -math.inf])
def test_an_undefined_value_is_still_json(value: float | None) -> None:
    text = json.dumps(Thresholds({"KL": 1}).judge(make_analysis_of_one_metric(value)).to_json(), allow_nan=False)
    assert json.loads(text)["checks"]["violation"] == 1


def test_the_json_of_600_values_and_7_metrics_stays_small() -> None:
    counts = {f"{index:040d}": (index % 7 + 1, index % 11 + 1) for index in range(600)}
    rules = dict.fromkeys(("CI", "DPL", "JS", "KL", "KS", "LP", "TVD"), 0.0)
    judged = Thresholds(rules, confidence=0.95, on_inconclusive="fail").judge(make_analysis(counts))
    assert len(judged.findings) == 600 * 7
    document = judged.to_json()
    assert len(json.dumps(document)) < 65_535
    assert sum(document["checks"].values()) == 600 * 7
    assert len(document["findings"]) == 100


def test_several_facets_are_judged_together() -> None:
    facets = [make_facet({"F": (1, 3), "M": (6, 2)}), make_facet({"old": (3, 3), "young": (4, 2)}, facet="age")]
    config = make_config(["DPL"], facets=["gender", "age"])
    analysis = Analysis.from_contingency(Contingency("approved", "yes", facets), config)
    judged = Thresholds({"DPL": {"gender": 0.5, "age": 0.1}}).judge(analysis)
    assert {(finding.facet, finding.value): finding.outcome for finding in judged.findings} == {
        ("gender", "F"): PASS,
        ("gender", "M"): PASS,
        ("age", "old"): VIOLATION,
        ("age", "young"): VIOLATION,
    }
    assert {finding.facet for finding in Thresholds({"DPL": {"gender": 0.5}}).judge(analysis).findings} == {"gender"}


# --- Invariants -------------------------------------------------------------------------------------------------------

any_counts = st.dictionaries(
    st.sampled_from(["F", "M", "X", "", None]),
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
    min_size=1,
).filter(lambda counts: any(map(sum, counts.values())))
# Ln 2 is the end of the shortest range, that of JS.
any_rules = st.dictionaries(
    st.sampled_from([name for name in METRICS if name != "CDDL"]),
    st.one_of(
        st.floats(0, 0.69),
        st.tuples(st.floats(-0.69, 0), st.floats(0, 0.69)),
        st.tuples(st.none(), st.floats(0, 0.69)),
    ),
    min_size=1,
)
any_measured = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


@given(any_counts, any_rules)
def test_no_analysis_with_an_undefined_metric_ever_passes_by_default(counts: Counts, rules: dict[str, Any]) -> None:
    analysis = make_analysis(counts)
    judged = Thresholds(rules).judge(analysis)
    undefined = any(
        not metric.usable for _, result in analysis.results() for metric in result.metrics if metric.name in rules
    )
    if undefined or analysis.one_sided_label:
        assert judged.outcome is VIOLATION
    assert len(judged.findings) == len(rules) * len(counts)


@given(st.lists(any_measured, min_size=1, max_size=5), st.floats(0, 1e300))
def test_only_a_number_within_its_bounds_passes(measured: list[float | None], bound: float) -> None:
    results = tuple(FacetResult(str(index), (MetricResult("KL", value),)) for index, value in enumerate(measured))
    judged = Thresholds({"KL": bound}).judge(Analysis("y", "1", (FacetAnalysis("g", results),), ("KL",)))
    assert judged.passed is all(value is not None and abs(value) <= bound for value in measured)


@given(any_counts, st.floats(0, 0.5), st.floats(0, 0.5))
def test_an_analysis_that_passes_also_passes_wider_bounds(counts: Counts, bound: float, wider: float) -> None:
    analysis = make_analysis(counts)
    narrow = outcomes(Thresholds({"DPL": bound}).judge(analysis))
    wide = outcomes(Thresholds({"DPL": bound + wider}).judge(analysis))
    assert {check for check, outcome in narrow.items() if outcome is PASS} <= {
        check for check, outcome in wide.items() if outcome is PASS
    }


@given(any_counts, st.floats(0, 1), levels)
def test_confidence_never_turns_a_clear_violation_into_a_pass_nor_back(
    counts: Counts, bound: float, confidence: float
) -> None:
    analysis = make_analysis(counts)
    by_value = outcomes(Thresholds({"DPL": bound}).judge(analysis))
    by_interval = outcomes(Thresholds({"DPL": bound}, confidence=confidence, on_inconclusive="fail").judge(analysis))
    for check, outcome in by_value.items():
        assert by_interval[check] in (outcome, INCONCLUSIVE)


def test_a_finding_has_plain_values_only() -> None:
    finding = Finding("gender", "F", "DPL", math.inf, None, 0.1, VIOLATION, "why", None, 4)
    assert json.dumps(finding.to_json(), allow_nan=False)
