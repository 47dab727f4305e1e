"""Comparison of metrics from counts with their definitions, computed from individual rows.

The second implementation below shares nothing with the first: it knows no cells and no counts, only rows, and walks
over all of them again for every number it needs. Slow and plain, it says what the metrics mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

import pytest
from analysis_factories import Row, count_rows, errors_by_group, make_config, metrics_by_group
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import Cell, Contingency, WeightedCount

CLOSE = 1e-12

# --- The definitions ------------------------------------------------------------------------------------------------


class NotDefinedError(Exception):
    """The metric is undefined for these rows."""


def sum_weights(rows: Iterable[Row]) -> Fraction:
    return sum((Fraction(weight) for _, _, _, weight in rows), Fraction(0))


def defined_metrics(
    rows: list[Row], positive: set[str], tested: set[str], *, grouped: bool, keep_missing_groups: bool
) -> dict[str, float | str]:
    """Compute each metric by its definition: its value, or its error."""
    d = [row for row in rows if row[0] in tested]
    a = [row for row in rows if row[0] not in tested]

    def accepted(some: list[Row]) -> list[Row]:
        return [row for row in some if row[1] in positive]

    def rejected(some: list[Row]) -> list[Row]:
        return [row for row in some if row[1] not in positive]

    def imbalance() -> float:
        if not sum_weights(a):
            raise NotDefinedError("CI: negated facet set is empty. Check that x[~facet] has non-zero length.")
        if not sum_weights(d):
            raise NotDefinedError("CI: facet set is empty. Check that x[facet] has non-zero length.")
        return float((sum_weights(a) - sum_weights(d)) / sum_weights(rows))

    def difference() -> float:
        if not sum_weights(a):
            raise NotDefinedError("Negative facet set is empty.")
        if not sum_weights(d):
            raise NotDefinedError("Facet set is empty.")
        return float(sum_weights(accepted(a)) / sum_weights(a) - sum_weights(accepted(d)) / sum_weights(d))

    def shares() -> list[tuple[float, float]]:
        found = []
        for outcome in (accepted, rejected):
            of_a, of_d = sum_weights(outcome(a)), sum_weights(outcome(d))
            if of_a > 0 and of_d > 0:
                found.append((float(of_a / sum_weights(a)), float(of_d / sum_weights(d))))
        if not found:
            raise NotDefinedError("No instance of common facet found, dataset may be too small")
        return found

    def divergence() -> float:
        return sum(p * math.log(p / q) for p, q in shares())

    def divergence_from_the_mean() -> float:
        total = 0.0
        for p, q in shares():
            mean = (p + q) / 2
            total += 0.5 * p * math.log(p / mean) + 0.5 * q * math.log(q / mean)
        return total

    def disparity() -> float:
        if not grouped:
            raise NotDefinedError("Group variable is empty or not provided")
        if not sum_weights(accepted(rows)):
            raise NotDefinedError("No positive labels in set")
        if not sum_weights(rejected(rows)):
            raise NotDefinedError("No negative labels in set")
        total = Fraction(0)
        everything = Fraction(0)
        for group in {row[2] for row in rows}:
            if group is None and not keep_missing_groups:
                continue
            in_group = [row for row in rows if row[2] == group]
            d_in_group = [row for row in d if row[2] == group]
            disparity_here = Fraction(0)
            if sum_weights(rejected(in_group)):
                disparity_here += sum_weights(rejected(d_in_group)) / sum_weights(rejected(in_group))
            if sum_weights(accepted(in_group)):
                disparity_here -= sum_weights(accepted(d_in_group)) / sum_weights(accepted(in_group))
            total += sum_weights(in_group) * disparity_here
            everything += sum_weights(in_group)
        return float(total / everything) if everything else 0.0

    definitions: dict[str, Callable[[], float]] = {
        "CDDL": disparity,
        "CI": imbalance,
        "DPL": difference,
        "JS": divergence_from_the_mean,
        "KL": divergence,
        "KS": lambda: max(abs(p - q) for p, q in shares()),
        "LP": lambda: math.sqrt(sum((p - q) ** 2 for p, q in shares())),
        "TVD": lambda: sum(abs(p - q) for p, q in shares()) / 2,
    }
    found: dict[str, float | str] = {}
    for name, definition in definitions.items():
        try:
            found[name] = definition()
        except NotDefinedError as error:
            found[name] = str(error)
    return found


def list_defined(
    rows: list[Row], positive: set[str], sensitive: list[str] | None, *, grouped: bool, keep_missing_groups: bool
) -> dict[str, dict[str, float | str]]:
    """Compute the metrics of all tested groups by definition, with Clarify's names of groups."""
    if sensitive is not None:
        tested = {",".join(sensitive): set(sensitive)}
    else:
        tested = {}
        for value, *_ in rows:  # in order of first appearance; the missing value is listed, and equals no row
            tested.setdefault("nan" if value is None else value, set() if value is None else {value})
    return {
        name: defined_metrics(rows, positive, members, grouped=grouped, keep_missing_groups=keep_missing_groups)
        for name, members in tested.items()
    }


def list_reported(analysis: Analysis) -> dict[str, dict[str, float | str | None]]:
    errors = errors_by_group(analysis)
    return {
        value: {name: errors[value].get(name, measured) for name, measured in metrics.items()}
        for value, metrics in metrics_by_group(analysis).items()
    }


def close_to(expected: dict[str, dict[str, float | str]]) -> dict[str, object]:
    return {
        value: {
            name: measured if isinstance(measured, str) else pytest.approx(measured, abs=CLOSE)
            for name, measured in metrics.items()
        }
        for value, metrics in expected.items()
    }


# --- Random data ----------------------------------------------------------------------------------------------------

facet_values = st.sampled_from(["F", "M", "X", "F,M", "", None])
labels = st.sampled_from(["yes", "no", "maybe", None])
groups = st.sampled_from(["north", "south", "", "nan", None])
weights = st.one_of(st.just(1.0), st.just(0.0), st.floats(min_value=1e-3, max_value=1e3))


def some_rows(weight: st.SearchStrategy[float]) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.tuples(facet_values, labels, groups, weight), min_size=1, max_size=40)


unweighted_rows = some_rows(st.just(1.0))
weighted_rows = some_rows(weights)
positive_labels = st.sampled_from([{"yes"}, {"yes", "maybe"}, {"no"}, {"never seen"}])
sensitive_values = st.one_of(
    st.none(),
    st.lists(st.sampled_from(["F", "M", "X", "F,M", "", "never seen"]), min_size=1, max_size=4, unique=True),
)


def analyze_counts(contingency: Contingency, sensitive: list[str] | None, grouped: bool) -> Analysis:
    return Analysis.from_contingency(contingency, make_config(values=sensitive, group="region" if grouped else None))


@given(unweighted_rows, positive_labels, sensitive_values, st.booleans(), st.booleans())
@settings(max_examples=6 * settings.default.max_examples)
def test_metrics_from_counts_equal_their_definitions(
    rows: list[Row], positive: set[str], sensitive: list[str] | None, grouped: bool, drop: bool
) -> None:
    contingency = count_rows(rows, positive=positive, sensitive=sensitive, grouped=grouped, drop_missing_groups=drop)
    expected = list_defined(rows, positive, sensitive, grouped=grouped, keep_missing_groups=not drop)
    reported = list_reported(analyze_counts(contingency, sensitive, grouped))
    assert reported == close_to(expected)
    assert list(reported) == list(expected)


@given(weighted_rows, positive_labels, sensitive_values, st.booleans(), st.booleans())
@settings(max_examples=6 * settings.default.max_examples)
def test_weighted_metrics_equal_their_definitions(
    rows: list[Row], positive: set[str], sensitive: list[str] | None, grouped: bool, drop: bool
) -> None:
    contingency = count_rows(
        rows, positive=positive, sensitive=sensitive, grouped=grouped, drop_missing_groups=drop, weighted=True
    )
    expected = list_defined(rows, positive, sensitive, grouped=grouped, keep_missing_groups=not drop)
    assert list_reported(analyze_counts(contingency, sensitive, grouped)) == close_to(expected)


@given(weighted_rows, st.data())
def test_the_order_of_the_rows_changes_no_number(rows: list[Row], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    in_order = list_reported(analyze_counts(count_rows(rows, grouped=True, weighted=True), None, True))
    out_of_order = list_reported(analyze_counts(count_rows(shuffled, grouped=True, weighted=True), None, True))
    assert out_of_order == in_order


def merge_cells(contingency: Contingency) -> Contingency:
    """Merge cells as an engine does: one cell per facet value, label and group."""
    facet = contingency.facets[0]
    tallies: dict[tuple[str | None, str | None, bool, str | None], WeightedCount] = {}
    for cell in facet.cells:
        key = (cell.facet, cell.label, cell.positive, cell.group)
        tallies[key] = tallies.get(key, WeightedCount()) + cell.tally
    cells = [Cell(value, label, positive, group, tally) for (value, label, positive, group), tally in tallies.items()]
    return replace(contingency, facets=[replace(facet, cells=cells)])


@given(weighted_rows, sensitive_values)
def test_cells_with_equal_keys_are_added_up(rows: list[Row], sensitive: list[str] | None) -> None:
    by_row = count_rows(rows, sensitive=sensitive, grouped=True, weighted=True)
    whole = analyze_counts(merge_cells(by_row), sensitive, True)
    assert list_reported(analyze_counts(by_row, sensitive, True)) == list_reported(whole)
    assert whole.facets[0].labels == analyze_counts(by_row, sensitive, True).facets[0].labels


@given(unweighted_rows, st.integers(min_value=2, max_value=5))
def test_repeating_every_row_changes_no_number(rows: list[Row], times: int) -> None:
    once = list_reported(analyze_counts(count_rows(rows, grouped=True), None, True))
    repeated = list_reported(analyze_counts(count_rows(rows * times, grouped=True), None, True))
    assert repeated == close_to(once)


@given(unweighted_rows)
def test_a_group_of_two_values_equals_one_merged_value(rows: list[Row]) -> None:
    together = list_reported(analyze_counts(count_rows(rows, sensitive=["F", "M"], grouped=True), ["F", "M"], True))
    renamed = [("F" if value == "M" else value, label, group, weight) for value, label, group, weight in rows]
    apart = list_reported(analyze_counts(count_rows(renamed, sensitive=["F"], grouped=True), ["F"], True))
    assert list(together.values()) == list(apart.values())


@given(unweighted_rows)
def test_a_missing_label_counts_as_not_positive(rows: list[Row]) -> None:
    filled = [(value, "no" if label is None else label, group, weight) for value, label, group, weight in rows]
    with_gaps = list_reported(analyze_counts(count_rows(rows, grouped=True), None, True))
    assert list_reported(analyze_counts(count_rows(filled, grouped=True), None, True)) == with_gaps


@given(unweighted_rows)
def test_a_row_without_a_facet_value_belongs_to_the_rest_of_every_value(rows: list[Row]) -> None:
    filled = [("other" if value is None else value, label, group, weight) for value, label, group, weight in rows]
    with_gaps = list_reported(analyze_counts(count_rows(rows, grouped=True), None, True))
    without = list_reported(analyze_counts(count_rows(filled, grouped=True), None, True))
    for value in with_gaps.keys() & without.keys():
        assert with_gaps[value] == without[value]


@given(unweighted_rows, positive_labels, sensitive_values)
def test_a_cddl_computed_by_the_engine_replaces_the_groups(
    rows: list[Row], positive: set[str], sensitive: list[str] | None
) -> None:
    with_groups = count_rows(rows, positive=positive, sensitive=sensitive, grouped=True)
    expected = list_reported(analyze_counts(with_groups, sensitive, True))
    facet = with_groups.facets[0]
    summed = {
        value: measured
        for value, metrics in expected.items()
        if isinstance(measured := metrics["CDDL"], float) and value != "nan"
    }
    without_groups = replace(facet, cells=[replace(cell, group=None) for cell in facet.cells], disparities=summed)
    assert list_reported(analyze_counts(replace(with_groups, facets=[without_groups]), sensitive, True)) == expected
