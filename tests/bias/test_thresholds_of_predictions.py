"""Thresholds of post-training metrics and of ratios: bounds, denominators, intervals and the silent pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from analysis_factories import make_analysis

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS
from airflow_clarify.bias.results import FacetAnalysis, FacetResult, measure
from airflow_clarify.bias.thresholds import Finding, Outcome, Thresholds, Verdict
from airflow_clarify.exceptions import DataError, ThresholdError

PASS, VIOLATION, INCONCLUSIVE, IGNORED = Outcome.PASS, Outcome.VIOLATION, Outcome.INCONCLUSIVE, Outcome.IGNORED
METHODS = tuple(sorted(name for name, metric in POST_TRAINING_METRICS.items() if metric.function is not None))
#: (tp, fp, fn, tn) of each group.
Confusions = Mapping[str, tuple[int, int, int, int]]


def predict(groups: Confusions, *, weight: float | None = None, prediction_error: str = "") -> Analysis:
    """Build the analysis of predictions from the confusion matrix of each group, each against the rest."""

    def count(rows: int) -> WeightedCount:
        return WeightedCount.from_rows(rows) if weight is None else WeightedCount.from_equal_weights(rows, weight)

    matrices = {value: ConfusionCounts(*map(count, cells)) for value, cells in groups.items()}
    first, *others = matrices.values()
    total = first
    for other in others:
        total = total + other
    results = []
    for value, matrix in matrices.items():
        split = Split.from_confusions(matrix, total - matrix)
        metrics = tuple(measure(POST_TRAINING_METRICS[name], split, prediction_error or None) for name in METHODS)
        results.append(FacetResult(value, metrics, split))
    facet = FacetAnalysis("group", tuple(results), total.positive, total.negative)
    return Analysis(
        "approved",
        "1",
        (facet,),
        METHODS,
        predicted_label="predicted",
        predicted_value_or_threshold="1",
        prediction_error=prediction_error,
        weighted=weight is not None,
    )


#: F is accepted in 30 of 100 rows, M in 50 of 100; the recall of F is 0.5, that of M 0.8.
MODEL = predict({"F": (25, 5, 25, 45), "M": (40, 10, 10, 40)})


def judge(rules: Any, analysis: Analysis = MODEL, **options: Any) -> Verdict:
    return Thresholds(rules, **options).judge(analysis)


def find(verdict: Verdict, value: str = "F") -> Finding:
    (finding,) = [finding for finding in verdict.findings if finding.value == value]
    return finding


# --- Ratios -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["DI", "DIL"])
def test_a_single_number_is_a_ratio_and_its_mirror(metric: str) -> None:
    thresholds = Thresholds({metric: 0.8})
    assert thresholds.get_bounds(metric, "group", "F") == (0.8, 1.25)
    assert Thresholds({metric: 1}).get_bounds(metric, "group", "F") == (1.0, 1.0)
    assert Thresholds({metric: {"group": {"F": (0.8, None)}}}).get_bounds(metric, "group", "F") == (0.8, None)
    assert Thresholds({metric: (0.5, 3)}).get_bounds(metric, "group", "F") == (0.5, 3.0)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (0, "DI: a single number t means t <= DI <= 1/t, as 0.8 means 0.8 to 1.25; it is above 0 and at most 1, not 0"),
        (-0.8, "it is above 0 and at most 1, not -0.8"),
        (
            1.25,
            "DI: a single number t means t <= DI <= 1/t, as 0.8 means 0.8 to 1.25; it is above 0 and at most 1, not "
            "1.25, so write 0.8, or a pair such as (None, 1.25)",
        ),
        (80, "not 80, so write 0.0125"),
        (float("inf"), "it is above 0 and at most 1, not inf"),
        ((-0.1, 0.1), "DI: DI is a ratio and never below 0, so -0.1 bounds nothing"),
        ((0, None), "DI: the bound 0 would let everything pass, as DI is never below 0; give an upper bound"),
        ((None, -1), "DI: DI is a ratio and never below 0, so -1 bounds nothing"),
        ((1.2, 0.8), "DI: the lower bound 1.2 is above the upper bound 0.8"),
        ("0.8", "DI: '0.8' is neither a number such as 0.8 nor a pair such as (0.8, None)"),
    ],
)
def test_a_bound_that_a_ratio_cannot_have_is_refused(rule: Any, text: str) -> None:
    with pytest.raises(ThresholdError) as raised:
        Thresholds({"DI": rule})
    assert text in str(raised.value)


def test_four_fifths_of_predictions_and_of_labels() -> None:
    of_predictions = judge({"DI": 0.8})
    assert of_predictions.sentence == (
        "violation: 1 of 1 check fails, the worst: DI of group=F is 0.6000, outside [0.8, 1.25]: this group is worse "
        "off (fewer positive predictions)"
    )
    labels = make_analysis({"F": (30, 70), "M": (50, 50)})
    assert judge({"DIL": 0.8}, labels).sentence == (
        "violation: 1 of 1 check fails, the worst: DIL of gender=F is 0.6000, outside [0.8, 1.25]: this group is worse "
        "off (fewer positive labels)"
    )
    assert judge({"DI": 0.6, "DIL": 0.5}).passed


def test_the_ratio_of_labels_needs_counts() -> None:
    read = Analysis.from_clarify_json(make_analysis({"F": (30, 70), "M": (50, 50)}).to_clarify_json())
    with pytest.raises(DataError, match=r"^thresholds: DIL needs counts, and this analysis was read from"):
        judge({"DIL": 0.8}, read)


@pytest.mark.parametrize(
    ("cells", "outcome"),
    [((3, 0, 0, 7), INCONCLUSIVE), ((30, 0, 0, 70), VIOLATION), ((980, 0, 0, 1020), PASS)],
)
def test_a_ratio_is_judged_by_koopmans_interval(cells: tuple[int, int, int, int], outcome: Outcome) -> None:
    """The four-fifths rule without its trap: 3 of 10 against 5 of 10 is no evidence."""
    analysis = predict({"F": cells, "M": (5000, 0, 0, 5000)})
    finding = find(judge({"DI": 0.8}, analysis, confidence=0.95, on_inconclusive="fail"))
    assert finding.outcome is outcome
    assert finding.interval is not None
    low, high = finding.interval
    assert low < finding.measured < high  # type: ignore[operator]
    if outcome is INCONCLUSIVE:
        assert finding.rows_needed is not None
        assert "reaches across a bound of [0.8, 1.25]: this group is worse off" in finding.reason


# --- Differences of rates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "measured", "words"),
    [
        ("DPPL", 0.2, "this group is worse off (fewer positive predictions)"),
        ("RD", 0.3, "this group is worse off (lower recall)"),
        ("SD", 0.1, "all others are worse off (lower specificity)"),
        ("AD", 0.1, "this group is worse off (less accurate predictions)"),
        ("DRR", 45 / 70 - 0.8, "this group is worse off (negative predictions that are less often right)"),
    ],
)
def test_each_metric_names_the_group_that_is_worse_off(metric: str, measured: float, words: str) -> None:
    finding = find(judge({metric: {"group": {"F": 0.05}}}))
    assert finding.measured == pytest.approx(measured)
    assert finding.reason.endswith(words)


@pytest.mark.parametrize("metric", ["DPPL", "RD", "SD", "DAR", "DRR", "AD", "DI", "DIL"])
def test_the_interval_has_the_denominators_of_its_metric(metric: str) -> None:
    """Twice as many rows elsewhere than in the denominator leave the interval as it is."""
    elsewhere = {"RD": (1, 3), "SD": (0, 2), "DAR": (2, 3), "DRR": (0, 1)}.get(metric, ())
    groups = {"F": [25, 5, 25, 45], "M": [40, 10, 10, 40]}
    grown = {
        value: tuple(n * (2 if at in elsewhere else 1) for at, n in enumerate(cells)) for value, cells in groups.items()
    }
    options: Any = {"confidence": 0.95, "on_inconclusive": "pass"}
    first = find(judge({metric: 0.5}, MODEL, **options))
    second = find(judge({metric: 0.5}, predict(grown), **options))  # type: ignore[arg-type]
    assert first.interval == pytest.approx(second.interval)
    assert first.measured == pytest.approx(second.measured)


@pytest.mark.parametrize("metric", ["DCA", "DCR", "TE", "GE"])
def test_metrics_without_an_interval_are_judged_by_their_value(metric: str) -> None:
    findings = judge({metric: (-50, 50)}, confidence=0.95, on_inconclusive="fail").findings
    assert {(finding.interval, finding.outcome) for finding in findings} == {(None, PASS)}


def test_weights_count_as_effective_rows() -> None:
    options: Any = {"confidence": 0.95, "on_inconclusive": "pass"}
    groups = {"F": (25, 5, 25, 45), "M": (40, 10, 10, 40)}
    plain, weighted = (find(judge({"RD": 0.5}, predict(groups, weight=w), **options)) for w in (None, 7.5))
    assert plain.interval == pytest.approx(weighted.interval)


# --- Denominators -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "counted"),
    [
        ("RD", "3 rows with a positive label"),
        ("SD", "397 rows with a negative label"),
        ("DAR", "12 rows with a positive prediction"),
        ("DCA", "12 rows with a positive prediction"),
        ("DRR", "388 rows with a negative prediction"),
        ("DCR", "388 rows with a negative prediction"),
        ("TE", "10 false positives"),
        ("AD", "400 rows"),
        ("DPPL", "400 rows"),
        ("DI", "400 rows"),
        ("DIL", "400 rows"),
    ],
)
def test_min_rows_counts_what_the_metric_is_a_share_of(metric: str, counted: str) -> None:
    """A recall over three positives does not pass as that of a group of 400 rows."""
    analysis = predict({"F": (2, 10, 1, 387), "M": (400, 50, 100, 450)})
    finding = find(judge({metric: 0.9}, analysis, min_rows=500))
    assert finding.outcome is VIOLATION
    assert finding.reason == f"{metric} of group=F: {counted} are fewer than min_rows 500"
    assert finding.rows == 400
    number = int(counted.split()[0])
    assert finding.denominator == (None if counted == "400 rows" else number)
    assert "min_rows" not in find(judge({metric: 0.9}, analysis, min_rows=number)).reason


@pytest.mark.parametrize(
    ("metric", "f", "m", "reason"),
    [
        ("RD", (0, 5, 0, 5), (5, 5, 5, 5), "this group has no rows with a positive label"),
        ("RD", (5, 5, 5, 5), (0, 5, 0, 5), "all others have no rows with a positive label"),
        ("SD", (5, 0, 5, 0), (5, 5, 5, 5), "this group has no rows with a negative label"),
        ("DAR", (0, 0, 5, 5), (5, 5, 5, 5), "this group has no rows with a positive prediction"),
        ("DRR", (5, 5, 0, 0), (5, 5, 5, 5), "this group has no rows with a negative prediction"),
        ("TE", (5, 0, 0, 5), (5, 5, 5, 5), "this group has no false positives"),
    ],
)
def test_a_rate_without_a_denominator_is_undefined_though_clarify_writes_0(
    metric: str, f: tuple[int, int, int, int], m: tuple[int, int, int, int], reason: str
) -> None:
    analysis = predict({"F": f, "M": m})
    finding = find(judge({metric: (-1, 1)}, analysis))
    assert finding.measured is not None
    assert (finding.outcome, finding.reason) == (VIOLATION, f"{metric} of group=F is not defined: {reason}")
    ignored = judge({metric: (-1, 1)}, analysis, undefined="ignore")
    assert find(ignored).outcome is IGNORED
    assert "ignored" in ignored.sentence


# --- The silent pass --------------------------------------------------------------------------------------------------


def test_all_positive_predictions_look_fair_and_do_not_pass() -> None:
    analysis = predict({"F": (40, 60, 0, 0), "M": (50, 50, 0, 0)})
    verdict = judge({"DI": 0.8, "DPPL": 0.1}, analysis)
    assert {finding.outcome for finding in verdict.findings} == {PASS}
    assert verdict.outcome is VIOLATION
    assert verdict.sentence.startswith(
        "violation: every row of 200 is predicted positive: predictions 'predicted' were"
    )


@pytest.mark.parametrize("undefined", ["fail", "ignore"])
def test_all_negative_predictions_do_not_pass(undefined: Any) -> None:
    analysis = predict({"F": (0, 0, 40, 60), "M": (0, 0, 50, 50)})
    verdict = judge({"DPPL": 0.1, "DI": 0.8}, analysis, undefined=undefined)
    assert verdict.outcome is VIOLATION
    assert "no row of 200 is predicted positive" in verdict.sentence


def test_predictions_that_cannot_be_compared_with_labels_keep_the_gate_closed() -> None:
    analysis = predict(
        {"F": (25, 5, 25, 45), "M": (40, 10, 10, 40)}, prediction_error="labels are integers, predictions are text"
    )
    verdict = judge({"DPPL": 0.5}, analysis)
    assert verdict.sentence == "violation: labels are integers, predictions are text"
    assert judge({"DPPL": 0.5, "RD": 0.5}, analysis, undefined="ignore").outcome is VIOLATION


def test_a_gate_on_labels_alone_needs_no_predictions() -> None:
    analysis = predict({"F": (40, 60, 0, 0), "M": (50, 50, 0, 0)})
    assert judge({"DIL": 0.5}, analysis).passed
