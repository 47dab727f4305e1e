"""Test the report model: formatted numbers, axes, and the order of groups."""

from __future__ import annotations

import doctest
import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, Split, WeightedCount
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.io.redaction import redact_secrets
from airflow_clarify.lineage import dataset
from airflow_clarify.reports import formatting, interpretations, phrases
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.formatting import GroupName
from airflow_clarify.reports.interpretations import MeasuredGroup, interpret
from airflow_clarify.reports.notebook import markdown
from airflow_clarify.reports.sections.provenance import compute_fingerprint


@pytest.mark.parametrize("module", [formatting, interpretations, dataset, markdown])
def test_the_examples_of_the_texts_are_true(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted
    assert not tried.failed


@pytest.mark.parametrize(
    ("share", "written"),
    [(0, "0.0 %"), (0.0004, "< 0.1 %"), (0.5, "50.0 %"), (0.9996, "> 99.9 %"), (1, "100.0 %")],
)
def test_only_exact_shares_are_written_as_0_or_100_percent(share: float, written: str) -> None:
    assert formatting.format_percent(share).replace(formatting.NO_BREAK_SPACE, " ") == written


def test_one_row_is_written_in_the_singular() -> None:
    split = Split(*(WeightedCount.from_rows(rows) for rows in (1, 0, 5, 4)))
    assert "".join(interpret("CI", MeasuredGroup(GroupName("f", "m"), 0.8, split, False))).startswith(
        "1 row with f=m against 9 of"
    )


@pytest.mark.parametrize(
    ("weight", "written"),
    [
        (0, "0"),
        (0.00003, "3e-05"),
        (0.0125, "0.0125"),
        (0.5, "0.5"),
        (-0.25, "-0.25"),
        (1.005, "1"),
        (1e6, "1,000,000"),
    ],
)
def test_only_a_weight_of_zero_is_written_as_0(weight: float, written: str) -> None:
    assert formatting.format_weight(weight) == written


@pytest.mark.parametrize(("bound", "written"), [(0.1, "0.1"), (0.12345678, "0.12345678"), (-0.0, "0"), (2.0, "2")])
def test_a_bound_is_written_as_its_author_wrote_it(bound: float, written: str) -> None:
    assert formatting.format_bound(bound) == written


def test_a_very_long_value_is_shown_by_its_beginning_and_length() -> None:
    assert formatting.build_name("x" * 300) == "x" * 300
    cut = formatting.build_name("x" * 20_000)
    assert cut.endswith("xx… (20,000 characters)")
    assert len(cut) == 300
    assert len(GroupName("c" * 301, "v" * 301)) == 601


def test_weights_of_zero_differ_from_missing_counts() -> None:
    cells = [Cell("a", label, label == "1", None, WeightedCount.from_weights(5, 0.0, 0.0)) for label in "01"]
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([1], "group"), ["DPL"])
    contingency = Contingency("ok", "1", [FacetContingency("group", ["a"], cells)], weighted=True)
    weightless = Analysis.from_contingency(contingency, config)
    said = "".join(phrases.describe_label(build_report(weightless)))
    assert said.endswith("when ok is 1. The weight of every row is 0, so no share can be computed.")
    without = Analysis.from_clarify_json(weightless.to_clarify_json())
    assert "analysis.json does not contain" in "".join(phrases.describe_label(build_report(without)))


def test_an_interpretation_mentions_a_dropped_outcome() -> None:
    split = Split(*(WeightedCount.from_rows(rows) for rows in (10, 0, 50, 50)))
    group = GroupName("gender", "f")
    assert "read DPL instead" in "".join(interpret("TVD", MeasuredGroup(group, 0.25, split, False)))
    for whole in ("DPL", "KS"):
        assert "read DPL instead" not in "".join(interpret(whole, MeasuredGroup(group, 0.5, split, False)))


class TestAxis:
    def test_the_axis_contains_zero_and_every_point(self) -> None:
        axis = Axis.from_points([0.2, 0.9, math.inf])
        assert axis.low < 0 < 0.9 < axis.high < 1
        assert axis.locate(math.inf) == 1

    def test_the_axis_is_not_stretched_by_one_wide_interval(self) -> None:
        axis = Axis.from_points([-0.1, 0.1], [(-1.0, 1.0)])
        assert -0.3 < axis.low < -0.15
        assert not axis.contains(1.0)
        assert axis.locate(1.0) == 1

    @pytest.mark.parametrize("points", [[], [0.0], [1e-17, -1e-17]])
    def test_the_axis_has_an_extent_if_all_values_are_zero(self, points: list[float]) -> None:
        assert Axis.from_points(points).ticks == (-0.1, -0.05, 0.0, 0.05, 0.1)
        assert Axis.from_points(points, signed=False).low > -0.05

    @pytest.mark.parametrize("largest", [1e-6, 0.003, 0.11, 1.0, 7.3, 4e5])
    def test_the_axis_has_a_few_round_ticks(self, largest: float) -> None:
        ticks = Axis.from_points([largest]).ticks
        assert 3 <= len(ticks) <= 9
        assert 0 in ticks
        assert all(len(f"{tick:g}") <= 6 for tick in ticks)


def analysis_of(counts: dict[str, tuple[int, int]]) -> Analysis:
    cells = [
        Cell(value, label, label == "1", None, WeightedCount.from_rows(rows))
        for value, (positive, negative) in counts.items()
        for label, rows in (("1", positive), ("0", negative))
    ]
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([1], "group"), ["CI", "DPL", "KL"])
    return Analysis.from_contingency(Contingency("ok", "1", [FacetContingency("group", list(counts), cells)]), config)


def test_groups_come_by_outcome_and_then_by_how_far_they_are_out() -> None:
    analysis = analysis_of({"even": (45, 55), "inside": (50, 50), "worst": (5, 95), "tiny": (0, 1), "high": (80, 20)})
    rules = Thresholds({"DPL": 0.1}, min_rows=10, below_min_rows="ignore")
    facet = build_report(analysis, thresholds=rules).facets[0]
    assert [group.value for group in facet.groups] == ["worst", "high", "inside", "even", "tiny"]
    assert facet.groups[-1].too_few


def test_without_a_verdict_the_largest_value_comes_first() -> None:
    report = build_report(analysis_of({"a": (50, 50), "b": (60, 40), "c": (20, 80)}))
    assert report.facets[0].groups[0].value == "c"
    assert report.verdict.outcome is None


def test_groups_that_are_alike_after_a_repair_come_as_they_were_before() -> None:
    before = analysis_of({"a": (50, 50), "b": (60, 40), "c": (20, 80)})
    report = build_report(analysis_of({"a": (9, 18), "b": (9, 18), "c": (9, 18)}), before=before)
    assert [group.value for group in report.facets[0].groups] == ["c", "b", "a"]
    assert report.primary is not None
    assert report.primary.before == ("group=c", "0.3500")
    assert report.primary.after == ("every group", "0.0000")


def test_two_values_that_differ_by_their_sign_are_not_one_value_of_every_group() -> None:
    analysis = analysis_of({"a": (40, 60), "b": (60, 40)})
    before = {metric.name: metric.before for metric in build_report(analysis, before=analysis).metrics}
    assert before["DPL"] == ("group=a", "0.2000")
    assert before["CI"] == ("every group", "0.0000")


@pytest.mark.parametrize("rule", [None, (None, 0.1), (-0.1, None), (-0.05, 0.3)])
def test_the_table_of_before_and_after_and_the_card_show_the_same_group(rule: Any) -> None:
    analysis = analysis_of({"a": (50, 50), "b": (60, 40), "c": (20, 80), "d": (45, 55)})
    report = build_report(analysis, before=analysis, thresholds=None if rule is None else Thresholds({"DPL": rule}))
    assert report.primary is not None
    assert report.primary.after == report.primary.worst
    assert str(report.primary.worst[0] if report.primary.worst else "") in "".join(report.primary.reading)


def test_an_interval_is_compared_though_its_end_has_changed() -> None:
    now, then, other = (analysis_of({name: (5, 5)}) for name in ("(40.0, 65.0]", "(40.0, 70.0]", "(50.0, 70.0]"))
    assert build_report(now, before=then).facets[0].groups[0].rows_before == 10
    assert build_report(now, before=then).warnings == build_report(now).warnings
    assert build_report(now, before=other).facets[0].groups[0].rows_before is None


def test_differences_that_prevent_a_comparison_are_listed() -> None:
    now = analysis_of({"a": (5, 5), "b": (6, 4)})
    gone = analysis_of({"a": (5, 5), "b": (6, 4), "c": (7, 3), **{f"d{place}": (1, 1) for place in range(9)}})
    told = build_report(now, before=gone).warnings[-1]
    assert told == ("facet 'group': tested before, but not now: 'c', 'd0', 'd1', 'd2', 'd3' and 5 more")
    other = replace(now, label="price", facets=tuple(replace(facet, column="colour") for facet in now.facets))
    label, columns = build_report(now, before=other).warnings[-2:]
    assert label.startswith("the data before were measured by another label, 'price' and not 'ok'")
    assert columns.startswith("before, the facet columns were 'colour', and now they are 'group'")
    told = build_report(now, before=replace(now, label_value_or_threshold="0")).warnings[-1]
    assert told == "before, label 'ok' was positive when 0, which is now 1, so the values cannot be compared"
    for same, end in (("(3.0, 5.0]", "(3.0, 4.0]"), ("1", "1")):
        before = replace(now, label_value_or_threshold=same)
        assert (
            build_report(replace(now, label_value_or_threshold=end), before=before).warnings
            == build_report(now).warnings
        )


@pytest.mark.parametrize(("rules", "primary"), [({"KL": 1.0}, "KL"), ({"KL": 1.0, "DPL": 1.0}, "DPL"), (None, "DPL")])
def test_the_primary_metric_is_one_that_is_judged(rules: dict[str, float] | None, primary: str) -> None:
    report = build_report(analysis_of({"a": (50, 50), "b": (60, 40)}), thresholds=Thresholds(rules) if rules else None)
    assert report.primary is not None
    assert report.primary.name == primary
    assert report.facets[0].pictures[0].metric == primary


def test_heat_is_against_the_largest_value_or_bound() -> None:
    analysis = analysis_of({"a": (50, 50), "b": (52, 48), "c": (48, 52)})
    unjudged = build_report(analysis).facets[0].groups
    assert max(group.get_measurement("DPL").heat for group in unjudged) == 6  # type: ignore[union-attr]
    judged = build_report(analysis, thresholds=Thresholds({"DPL": 0.5})).facets[0].groups
    assert max(group.get_measurement("DPL").heat for group in judged) <= 1  # type: ignore[union-attr]


def test_there_is_no_heat_if_all_values_are_zero() -> None:
    groups = build_report(analysis_of({"a": (9, 18), "b": (9, 18)})).facets[0].groups
    assert {group.get_measurement("DPL").heat for group in groups} == {0}  # type: ignore[union-attr]


def test_labels_of_which_all_are_known_are_marked_positive() -> None:
    bars = build_report(analysis_of({"a": (50, 30), "b": (60, 40)})).labels.bars
    assert [(bar.label, bar.size, bar.positive) for bar in bars] == [("1", 110, True), ("0", 70, False)]


@pytest.mark.parametrize(
    ("labels", "positive_text", "positive"),
    [
        ({"1.0": True, "0.0": False}, "1", {"1.0": True, "0.0": False}),
        ({"1": True, "1.0": False}, "1", {"1": True, "1.0": False}),
        ({"low": False, "so, so": True, None: False}, "so, so,high", {"low": None, "so, so": None, None: False}),
    ],
)
def test_a_label_is_marked_positive_or_not_only_if_that_is_certain(
    labels: dict[str | None, bool], positive_text: str, positive: dict[str | None, bool | None]
) -> None:
    cells = [
        Cell("a", label, known, None, WeightedCount.from_rows(5 + place))
        for place, (label, known) in enumerate(labels.items())
    ]
    cells.append(Cell("b", "high" if "so, so" in labels else "1", True, None, WeightedCount.from_rows(2)))
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([1], "group"), ["DPL"])
    contingency = Contingency("ok", positive_text, [FacetContingency("group", ["a", "b"], cells)])
    bars = build_report(Analysis.from_contingency(contingency, config)).labels.bars
    assert {bar.label: bar.positive for bar in bars if bar.label in positive} == positive


def test_many_labels_are_summed_up() -> None:
    cells = [Cell("a", str(label), label > 30, None, WeightedCount.from_rows(label)) for label in range(1, 41)]
    cells.append(Cell("b", None, False, None, WeightedCount.from_rows(1)))
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([30], "group"), ["DPL"])
    contingency = Contingency("ok", "(30, 40]", [FacetContingency("group", ["a", "b"], cells)])
    labels = build_report(Analysis.from_contingency(contingency, config)).labels
    assert len(labels.bars) == 20
    assert labels.others == 21
    assert labels.rest == WeightedCount.from_rows(sum(range(1, 21)) + 1)
    assert {bar.positive for bar in labels.bars} == {None}  # an interval does not say which labels are in it


# --- Distributions ------------------------------------------------------------------------------------------------

COUNTS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)).filter(lambda rows: sum(rows) > 0),
    min_size=1,
    max_size=40,
)


@given(COUNTS)
def test_the_bars_contain_all_rows_the_longest_first(counts: dict[str, tuple[int, int]]) -> None:
    distribution = build_report(analysis_of(counts)).facets[0].distribution
    assert distribution is not None
    assert sum(bar.size for bar in distribution.all_bars) == sum(map(sum, counts.values()))
    assert sum(bar.positive_size for bar in distribution.all_bars) == sum(positive for positive, _ in counts.values())
    lengths = [bar.size for bar in distribution.bars]
    assert lengths == sorted(lengths, reverse=True)
    assert len(distribution.bars) + distribution.others == len(counts)
    assert (distribution.rest is not None) == (distribution.others > 0)
    assert all(0 <= bar.positive_size <= bar.size <= distribution.longest for bar in distribution.all_bars)


def test_rows_without_a_group_have_a_bar() -> None:
    cells = [
        Cell("a", "1", True, None, WeightedCount.from_rows(5)),
        Cell(None, "0", False, None, WeightedCount.from_rows(3)),
    ]
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([1], "group"), ["DPL"])
    contingency = Contingency("ok", "1", [FacetContingency("group", ["a", None], cells)])
    distribution = build_report(Analysis.from_contingency(contingency, config)).facets[0].distribution
    assert distribution is not None
    bars = [(bar.value, bar.size, bar.positive_size) for bar in distribution.all_bars]
    assert bars == [("a", 5, 5), (None, 3, 0)]


def test_the_bars_of_weighted_data_have_the_shares_of_the_table() -> None:
    cells = [
        Cell("f", "1", True, None, WeightedCount.from_weights(10, 90.0, 810.0)),
        Cell("f", "0", False, None, WeightedCount.from_weights(90, 10.0, 2.0)),
        Cell("m", "1", True, None, WeightedCount.from_weights(50, 50.0, 50.0)),
        Cell("m", "0", False, None, WeightedCount.from_weights(50, 150.0, 450.0)),
    ]
    config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([1], "group"), ["DPL"])
    contingency = Contingency("ok", "1", [FacetContingency("group", ["f", "m"], cells)], weighted=True)
    report = build_report(Analysis.from_xcom(Analysis.from_contingency(contingency, config).to_xcom()))
    (section,) = report.facets
    assert section.distribution is not None
    assert {bar.value: bar.positive_share for bar in section.distribution.bars} == {"m": 0.25, "f": 0.9}
    assert {group.value: group.share for group in section.groups} == {"m": 0.25, "f": 0.9}
    assert [bar.size for bar in section.distribution.bars] == [200, 100]
    assert [(bar.label, bar.share) for bar in report.labels.bars] == [("0", 160 / 300), ("1", 140 / 300)]
    assert report.labels.positive_share == 140 / 300


def test_there_are_no_bars_without_counts() -> None:
    without = Analysis.from_clarify_json(analysis_of({"a": (1, 2), "b": (2, 1)}).to_clarify_json())
    assert build_report(without).facets[0].distribution is None


# --- Evidence -----------------------------------------------------------------------------------------------------


@given(COUNTS, st.randoms())
def test_the_order_of_counts_does_not_change_the_fingerprint(
    counts: dict[str, tuple[int, int]], chance: random.Random
) -> None:
    shuffled = [*counts.items()]
    chance.shuffle(shuffled)
    assert compute_fingerprint(analysis_of(dict(shuffled))) == compute_fingerprint(analysis_of(counts))


@given(COUNTS, st.data())
def test_one_more_row_changes_the_fingerprint(counts: dict[str, tuple[int, int]], data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([*counts]))
    positive, negative = counts[value]
    changed = counts | {value: (positive + 1, negative)}
    assert compute_fingerprint(analysis_of(changed)) != compute_fingerprint(analysis_of(counts))


def test_other_weights_change_the_fingerprint_and_rounding_does_not() -> None:
    def weighed(weight: float) -> Analysis:
        tallies = {("a", 1): weight, ("a", 0): 2.0, ("b", 1): 3.0, ("b", 0): 4.0}
        cells = [
            Cell(facet, str(label), label == 1, None, WeightedCount.from_weights(10, of_cell, of_cell**2))
            for (facet, label), of_cell in tallies.items()
        ]
        contingency = Contingency("ok", "1", [FacetContingency("group", ["a", "b"], cells)], weighted=True)
        config = AnalysisConfig.build(DataConfig("data.csv", label="ok"), BiasConfig([1], "group"), ["DPL"])
        return Analysis.from_contingency(contingency, config)

    assert compute_fingerprint(weighed(1.0)) != compute_fingerprint(weighed(1.5))
    assert compute_fingerprint(weighed(1.0)) == compute_fingerprint(weighed(1.0 + 1e-13))


def test_the_fingerprint_survives_xcom_and_is_absent_without_counts() -> None:
    analysis = analysis_of({"a": (50, 30), "b": (60, 40)})
    assert compute_fingerprint(Analysis.from_xcom(analysis.to_xcom())) == compute_fingerprint(analysis)
    without = Analysis.from_clarify_json(analysis.to_clarify_json())
    assert compute_fingerprint(without) is None
    assert not any(name.startswith("Counts") for name, _ in build_report(without).provenance)


def test_evidence_names_the_location_of_the_data_and_the_engine() -> None:
    analysis = analysis_of({"a": (50, 30), "b": (60, 40)})
    found = dict(build_report(analysis, before=analysis, data="select *\n  from reviews\n").provenance)
    assert found["Data"] == "select * from reviews"
    assert found["Rows"] == "180"
    assert found["Counts, SHA-256"] == found["Counts before, SHA-256"] == compute_fingerprint(analysis)
    assert "airflow_clarify" in found["Made by"]
    assert "Python 3." in found["Made by"]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("s3://bucket/reviews.csv", "s3://bucket/reviews.csv"),
        ("/data/who?.csv", "/data/who?.csv"),
        ("select a from b where c = '?'", "select a from b where c = '?'"),
        ("https://b/r.csv?X-Amz-Signature=secret&x", "https://b/r.csv?***"),
        ("postgresql+psycopg2://ana:s3:cret@db:5432/x", "postgresql+psycopg2://ana:***@db:5432/x"),
        ("postgresql://ana:p@ss@db/x", "postgresql://ana:***@db/x"),
        ("HTTPS://h/my file.csv?sig=s", "HTTPS://h/my file.csv?***"),
        ("s3://b/r?.csv", "s3://b/r?.csv"),
        ("s3://b/r.csv?s3_secret_access_key=s", "s3://b/r.csv?***"),
        ("jdbc:postgresql://h/db?user=u&password=p", "jdbc:postgresql://h/db?***"),
        (
            "select '?' from read_csv('https://h/a b.csv?sig=s', header=true) where c = 'd?'",
            "select '?' from read_csv('https://h/a b.csv?***', header=true) where c = 'd?'",
        ),
        ("https://h:443/a@b.csv", "https://h:443/a@b.csv"),
    ],
)
def test_evidence_holds_no_secrets(data: str, shown: str) -> None:
    assert redact_secrets(data) == shown


def test_the_time_is_in_utc() -> None:
    east = datetime(2026, 11, 21, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    for created in (east, datetime(2026, 11, 21, 12, 0, tzinfo=UTC), datetime(2026, 11, 21, 12, 0)):  # noqa: DTZ001
        report = build_report(analysis_of({"a": (5, 3), "b": (6, 4)}), created=created)
        assert dict(report.provenance)["Created"] == "2026-11-21 12:00:00 UTC"
