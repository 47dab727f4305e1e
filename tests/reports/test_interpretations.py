"""Test the sentences that interpret values: every metric, with and without counts, of labels and of predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import pytest

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.contingency import ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.reports import formatting, interpretations
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.explanations import EXPLANATIONS
from airflow_clarify.reports.formatting import GroupName
from airflow_clarify.reports.interpretations import MeasuredGroup, interpret


def test_every_metric_is_explained() -> None:
    assert set(EXPLANATIONS) == set(ALL_METRICS)
    for name, metric in ALL_METRICS.items():
        assert bool(EXPLANATIONS[name].below) == (metric.lowest < metric.parity)
        assert EXPLANATIONS[name].above
        assert interpretations.get_value_range(name)


def test_a_metric_of_a_newer_version_is_shown_without_an_explanation() -> None:
    results = [FacetResult(value, (MetricResult("NEW", 0.5), MetricResult("DPL", 0.2))) for value in "ab"]
    analysis = Analysis("y", "1", (FacetAnalysis("f", tuple(results)),), ("DPL", "NEW"))
    report = build_report(analysis)

    new = next(metric for metric in report.metrics if metric.name == "NEW")
    assert (new.title, new.formula, new.value_range) == ("NEW", "", "any number")
    assert "".join(new.reading) == "the value for rows with f=a"


CONFUSION = [
    ConfusionCounts(*map(WeightedCount.from_rows, cells)) for cells in ((40, 10, 38, 30), (9000, 900, 8000, 4608))
]
LABELS = Split(*(WeightedCount.from_rows(rows) for rows in (78, 40, 17355, 5153)))
SPLITS = {"none": None, "labels": LABELS, "predictions": Split.from_confusions(*CONFUSION)}


@pytest.mark.parametrize("metric", ALL_METRICS)
@pytest.mark.parametrize("counted", SPLITS)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("value", [0.11, 0.0, -0.11, math.inf, -math.inf])
def test_every_metric_is_interpreted_with_and_without_counts(
    metric: str, counted: str, weighted: bool, value: float
) -> None:
    if value < ALL_METRICS[metric].lowest or value > ALL_METRICS[metric].highest:
        pytest.skip("not a value of this metric")
    group = GroupName("product_category", "Trend")
    sentence = "".join(interpret(metric, MeasuredGroup(group, value, SPLITS[counted], weighted)))
    # GE is one number for all groups.
    assert ("product_category=Trend" in sentence) is (metric != "GE" or math.isinf(value))
    assert sentence[0].islower() or sentence[0].isdigit()
    assert not sentence.endswith(".")
    assert not set("{}") & set(sentence)


def read(metric: str, d: Sequence[int], a: Sequence[int], weight: float | None = None) -> str:
    """Interpret a metric of two confusion matrices (TP, FP, FN, TN)."""
    count = WeightedCount.from_rows if weight is None else partial(WeightedCount.from_equal_weights, weight=weight)
    split = Split.from_confusions(*(ConfusionCounts(*map(count, cells)) for cells in (d, a)))
    value = split.measure(ALL_METRICS[metric])
    group = MeasuredGroup(GroupName("sex", "f"), value, split, weight is not None)
    return "".join(interpret(metric, group)).replace(formatting.NO_BREAK_SPACE, " ")


# The worked examples of AWS's documentation.
EXAMPLES = {
    "AD": (
        (40, 10, 40, 10),
        (60, 10, 20, 10),
        "of rows with sex=f, 50.0 % are predicted correctly; of all others, 70.0 %",
    ),
    "RD": (
        (20, 5, 7, 18),
        (65, 10, 5, 20),
        "of positive rows with sex=f, 74.1 % are predicted positive; of all others, 92.9 %",
    ),
    "SD": (
        (20, 5, 7, 18),
        (65, 10, 5, 20),
        "of not positive rows with sex=f, 78.3 % are predicted not positive; of all others, 66.7 %",
    ),
    "TE": (
        (0, 2, 5, 0),
        (0, 6, 8, 0),
        "rows with sex=f have 2.50 missed positives for each false alarm; all others have 1.33",
    ),
    "DAR": (
        (40, 60, 0, 0),
        (35, 35, 0, 0),
        "of rows with sex=f that are predicted positive, 40.0 % are positive; of all others, 50.0 %",
    ),
    "DRR": (
        (0, 0, 10, 40),
        (0, 0, 20, 80),
        "of rows with sex=f that are predicted not positive, 80.0 % are not positive; of all others, 80.0 %",
    ),
    "DPPL": (
        (20, 5, 7, 18),
        (65, 10, 5, 20),
        "of rows with sex=f, 50.0 % are predicted positive; of all others, 75.0 %",
    ),
    "DI": ((20, 5, 7, 18), (65, 10, 5, 20), "of rows with sex=f, 50.0 % are predicted positive; of all others, 75.0 %"),
    "DIL": ((20, 5, 7, 18), (65, 10, 5, 20), "of rows with sex=f, 54.0 % are positive; of all others, 70.0 %"),
    "DCA": (
        (20, 5, 7, 18),
        (65, 10, 5, 20),
        "rows with sex=f have 1.08 positive labels for each positive prediction; all others have 0.93",
    ),
    "DCR": (
        (20, 5, 7, 18),
        (65, 10, 5, 20),
        "rows with sex=f have 0.92 negative labels for each negative prediction; all others have 1.20",
    ),
}


@pytest.mark.parametrize("metric", EXAMPLES)
def test_a_metric_of_predictions_is_interpreted_by_its_shares(metric: str) -> None:
    d, a, sentence = EXAMPLES[metric]
    assert read(metric, d, a) == sentence
    weighted = "of the weight " + sentence if sentence.startswith("of ") else "by weight, " + sentence
    assert read(metric, d, a, weight=2.5) == weighted


@pytest.mark.parametrize(
    ("metric", "d", "a", "sentence"),
    [
        ("RD", (0, 5, 0, 5), (4, 1, 1, 4), "no row with sex=f is positive, so its share counts as 0"),
        ("RD", (4, 1, 1, 4), (0, 5, 0, 5), "no row without sex=f is positive, so the share of all others counts as 0"),
        ("DAR", (0, 0, 5, 5), (4, 1, 1, 4), "no row with sex=f is predicted positive, so its share counts as 0"),
        ("DCA", (0, 0, 5, 5), (4, 1, 1, 4), "no row with sex=f is predicted positive, so its ratio is infinite"),
        ("TE", (4, 0, 1, 4), (4, 1, 1, 4), "no row with sex=f is a false alarm, so its ratio is infinite"),
        ("TE", (4, 0, 0, 4), (4, 1, 1, 4), "no row with sex=f is a false alarm, so its ratio counts as 0"),
    ],
)
def test_a_share_without_rows_has_its_own_sentence(
    metric: str, d: Sequence[int], a: Sequence[int], sentence: str
) -> None:
    assert read(metric, d, a) == sentence


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        ("DPL", 0.0, "all others are positive as often as rows with f=m"),
        ("DPL", -1e-17, "all others are positive as often as rows with f=m"),
        ("DPL", 0.0001, "all others are positive more often than rows with f=m, by less than 0.1 points"),
        ("DPL", -0.25, "all others are positive less often than rows with f=m, by 25.0 points"),
        ("CDDL", 0.0, "over the groups, the share of rows with f=m among the not positive is as large as among the "),
        ("CDDL", -0.3, "rows with f=m among the not positive is 30.0 points smaller than among the positive"),
        ("KS", 0.0, "the shares of both outcomes are the same in rows with f=m and in all others"),
    ],
)
def test_special_values_have_their_own_sentences(metric: str, value: float, said: str) -> None:
    assert said in "".join(interpret(metric, MeasuredGroup(GroupName("f", "m"), value, None, False)))
