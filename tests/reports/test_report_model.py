"""What every format of the report is made from: numbers in words, axes, and the order of things."""

from __future__ import annotations

import doctest
import math

import pytest

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, Split, Tally
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.reports import readings, text
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.builder import build
from airflow_clarify.reports.readings import Measured, reading
from airflow_clarify.reports.text import Where


def test_the_examples_of_the_texts_are_true() -> None:
    assert doctest.testmod(text).failed == 0


@pytest.mark.parametrize(
    ("share", "written"),
    [(0, "0.0 %"), (0.0004, "< 0.1 %"), (0.5, "50.0 %"), (0.9996, "> 99.9 %"), (1, "100.0 %")],
)
def test_a_share_is_only_all_or_nothing_when_it_is(share: float, written: str) -> None:
    assert text.percent(share).replace(text.NO_BREAK_SPACE, " ") == written


def test_every_metric_is_explained() -> None:
    assert set(readings.EXPLANATIONS) == set(METRICS)
    for name, metric in METRICS.items():
        assert bool(readings.EXPLANATIONS[name].below) == (metric.lowest < 0)
        assert readings.value_range(name)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_every_metric_can_be_read_with_and_without_counts(metric: str, counted: bool, weighted: bool) -> None:
    split = Split(*(Tally.of_rows(rows) for rows in (78, 40, 17355, 5153))) if counted else None
    sentence = reading(metric, Measured(Where("product_category", "Trend"), 0.11, split, weighted))
    assert "product_category=Trend" in "".join(sentence)
    assert not "".join(sentence).endswith(".")


def test_a_reading_says_when_an_outcome_was_left_out() -> None:
    split = Split(*(Tally.of_rows(rows) for rows in (10, 0, 50, 50)))
    group = Where("gender", "f")
    assert "read DPL instead" in "".join(reading("TVD", Measured(group, 0.25, split, False)))
    for whole in ("DPL", "KS"):
        assert "read DPL instead" not in "".join(reading(whole, Measured(group, 0.5, split, False)))


class TestAxis:
    def test_shows_zero_and_every_point(self) -> None:
        axis = Axis.over([0.2, 0.9, math.inf])
        assert axis.low < 0 < 0.9 < axis.high < 1
        assert axis.at(math.inf) == 1

    def test_is_not_stretched_by_one_wide_interval(self) -> None:
        axis = Axis.over([-0.1, 0.1], [(-1.0, 1.0)])
        assert -0.3 < axis.low < -0.15
        assert not axis.holds(1.0)
        assert axis.at(1.0) == 1

    @pytest.mark.parametrize("points", [[], [0.0], [1e-17, -1e-17]])
    def test_has_some_extent_where_all_is_zero(self, points: list[float]) -> None:
        assert Axis.over(points).ticks == (-0.1, -0.05, 0.0, 0.05, 0.1)
        assert Axis.over(points, signed=False).low > -0.05

    @pytest.mark.parametrize("largest", [1e-6, 0.003, 0.11, 1.0, 7.3, 4e5])
    def test_has_a_few_round_ticks(self, largest: float) -> None:
        ticks = Axis.over([largest]).ticks
        assert 3 <= len(ticks) <= 9
        assert 0 in ticks
        assert all(len(f"{tick:g}") <= 6 for tick in ticks)


def analysis_of(counts: dict[str, tuple[int, int]]) -> Analysis:
    cells = [
        Cell(value, label, label == "1", None, Tally.of_rows(rows))
        for value, (positive, negative) in counts.items()
        for label, rows in (("1", positive), ("0", negative))
    ]
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([1], "group"), ["CI", "DPL", "KL"])
    return Analysis.from_contingency(Contingency("ok", "1", [FacetContingency("group", list(counts), cells)]), config)


def test_groups_come_by_outcome_and_then_by_how_far_they_are_out() -> None:
    analysis = analysis_of({"even": (45, 55), "inside": (50, 50), "worst": (5, 95), "tiny": (0, 1), "high": (80, 20)})
    rules = Thresholds({"DPL": 0.1}, min_rows=10, below_min_rows="ignore")
    facet = build(analysis, thresholds=rules).facets[0]
    assert [group.value for group in facet.groups] == ["worst", "high", "inside", "even", "tiny"]
    assert facet.groups[-1].too_few


def test_without_a_verdict_the_largest_value_comes_first() -> None:
    report = build(analysis_of({"a": (50, 50), "b": (60, 40), "c": (20, 80)}))
    assert report.facets[0].groups[0].value == "c"
    assert report.judgement.outcome is None


@pytest.mark.parametrize(("rules", "primary"), [({"KL": 1.0}, "KL"), ({"KL": 1.0, "DPL": 1.0}, "DPL"), (None, "DPL")])
def test_the_primary_metric_is_one_that_is_judged(rules: dict[str, float] | None, primary: str) -> None:
    report = build(analysis_of({"a": (50, 50), "b": (60, 40)}), thresholds=Thresholds(rules) if rules else None)
    assert report.primary is not None
    assert report.primary.name == primary
    assert report.facets[0].pictures[0].metric == primary


def test_heat_is_against_the_largest_value_or_bound() -> None:
    analysis = analysis_of({"a": (50, 50), "b": (52, 48), "c": (48, 52)})
    unjudged = build(analysis).facets[0].groups
    assert max(group.mark("DPL").heat for group in unjudged) == 6  # type: ignore[union-attr]
    judged = build(analysis, thresholds=Thresholds({"DPL": 0.5})).facets[0].groups
    assert max(group.mark("DPL").heat for group in judged) <= 1  # type: ignore[union-attr]


def test_no_heat_where_all_is_zero() -> None:
    groups = build(analysis_of({"a": (9, 18), "b": (9, 18)})).facets[0].groups
    assert {group.mark("DPL").heat for group in groups} == {0}  # type: ignore[union-attr]


def test_labels_of_which_all_are_known_are_marked_positive() -> None:
    bars = build(analysis_of({"a": (50, 30), "b": (60, 40)})).labels.bars
    assert [(bar.label, bar.rows, bar.positive) for bar in bars] == [("1", 110, True), ("0", 70, False)]


def test_many_labels_are_summed_up() -> None:
    cells = [Cell("a", str(label), label > 30, None, Tally.of_rows(label)) for label in range(1, 41)]
    cells.append(Cell("b", None, False, None, Tally.of_rows(1)))
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([30], "group"), ["DPL"])
    contingency = Contingency("ok", "(30, 40]", [FacetContingency("group", ["a", "b"], cells)])
    labels = build(Analysis.from_contingency(contingency, config)).labels
    assert len(labels.bars) == 20
    assert labels.others == 21
    assert labels.other_rows == sum(range(1, 21)) + 1
    assert not any(bar.positive for bar in labels.bars)
