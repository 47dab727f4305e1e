"""Our counts and formulas against the definitions, read off the rows one by one.

The second implementation below shares nothing with the first: it knows no cells and no counts, only rows, and walks
over all of them again for every number it needs. Slow and plain, it says what the metrics mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

import pytest
from bias_makers import Row, configured, counted, errors_of, values_of
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import Cell, Contingency, WeightedCount

CLOSE = 1e-12

# --- The definitions ------------------------------------------------------------------------------------------------


class NotDefinedError(Exception):
    """The definition has no value here."""


def weight_of(rows: Iterable[Row]) -> Fraction:
    return sum((Fraction(weight) for _, _, _, weight in rows), Fraction(0))


def defined_metrics(
    rows: list[Row], positive: set[str], tested: set[str], *, grouped: bool, keep_missing_groups: bool
) -> dict[str, float | str]:
    """Each metric of the rows with a tested facet value against all others: its value, or its error."""
    d = [row for row in rows if row[0] in tested]
    a = [row for row in rows if row[0] not in tested]

    def accepted(some: list[Row]) -> list[Row]:
        return [row for row in some if row[1] in positive]

    def rejected(some: list[Row]) -> list[Row]:
        return [row for row in some if row[1] not in positive]

    def imbalance() -> float:
        if not weight_of(a):
            raise NotDefinedError("CI: negated facet set is empty. Check that x[~facet] has non-zero length.")
        if not weight_of(d):
            raise NotDefinedError("CI: facet set is empty. Check that x[facet] has non-zero length.")
        return float((weight_of(a) - weight_of(d)) / weight_of(rows))

    def difference() -> float:
        if not weight_of(a):
            raise NotDefinedError("Negative facet set is empty.")
        if not weight_of(d):
            raise NotDefinedError("Facet set is empty.")
        return float(weight_of(accepted(a)) / weight_of(a) - weight_of(accepted(d)) / weight_of(d))

    def shares() -> list[tuple[float, float]]:
        found = []
        for outcome in (accepted, rejected):
            of_a, of_d = weight_of(outcome(a)), weight_of(outcome(d))
            if of_a > 0 and of_d > 0:
                found.append((float(of_a / weight_of(a)), float(of_d / weight_of(d))))
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
        if not weight_of(accepted(rows)):
            raise NotDefinedError("No positive labels in set")
        if not weight_of(rejected(rows)):
            raise NotDefinedError("No negative labels in set")
        total = Fraction(0)
        everything = Fraction(0)
        for group in {row[2] for row in rows}:
            if group is None and not keep_missing_groups:
                continue
            in_group = [row for row in rows if row[2] == group]
            d_in_group = [row for row in d if row[2] == group]
            disparity_here = Fraction(0)
            if weight_of(rejected(in_group)):
                disparity_here += weight_of(rejected(d_in_group)) / weight_of(rejected(in_group))
            if weight_of(accepted(in_group)):
                disparity_here -= weight_of(accepted(d_in_group)) / weight_of(accepted(in_group))
            total += weight_of(in_group) * disparity_here
            everything += weight_of(in_group)
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


def as_defined(
    rows: list[Row], positive: set[str], sensitive: list[str] | None, *, grouped: bool, keep_missing_groups: bool
) -> dict[str, dict[str, float | str]]:
    """All that an analysis reports: the tested groups by the names that Clarify gives them."""
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


def as_reported(analysis: Analysis) -> dict[str, dict[str, float | str | None]]:
    errors = errors_of(analysis)
    return {
        value: {name: errors[value].get(name, measured) for name, measured in metrics.items()}
        for value, metrics in values_of(analysis).items()
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


def analyse(contingency: Contingency, sensitive: list[str] | None, grouped: bool) -> Analysis:
    return Analysis.from_contingency(contingency, configured(values=sensitive, group="region" if grouped else None))


@given(unweighted_rows, positive_labels, sensitive_values, st.booleans(), st.booleans())
@settings(max_examples=300)
def test_counts_and_formulas_give_what_the_definitions_say_of_the_rows(
    rows: list[Row], positive: set[str], sensitive: list[str] | None, grouped: bool, drop: bool
) -> None:
    contingency = counted(rows, positive=positive, sensitive=sensitive, grouped=grouped, drop_missing_groups=drop)
    expected = as_defined(rows, positive, sensitive, grouped=grouped, keep_missing_groups=not drop)
    reported = as_reported(analyse(contingency, sensitive, grouped))
    assert reported == close_to(expected)
    assert list(reported) == list(expected)


@given(weighted_rows, positive_labels, sensitive_values, st.booleans(), st.booleans())
@settings(max_examples=300)
def test_weights_take_the_place_of_counts_in_every_definition(
    rows: list[Row], positive: set[str], sensitive: list[str] | None, grouped: bool, drop: bool
) -> None:
    contingency = counted(
        rows, positive=positive, sensitive=sensitive, grouped=grouped, drop_missing_groups=drop, weighted=True
    )
    expected = as_defined(rows, positive, sensitive, grouped=grouped, keep_missing_groups=not drop)
    assert as_reported(analyse(contingency, sensitive, grouped)) == close_to(expected)


@given(weighted_rows, st.data())
def test_the_order_of_the_rows_changes_no_number(rows: list[Row], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(rows))
    in_order = as_reported(analyse(counted(rows, grouped=True, weighted=True), None, True))
    out_of_order = as_reported(analyse(counted(shuffled, grouped=True, weighted=True), None, True))
    assert out_of_order == in_order


def merged(contingency: Contingency) -> Contingency:
    """The same counts, as an engine delivers them: one cell per facet value, label and group."""
    facet = contingency.facets[0]
    tallies: dict[tuple[str | None, str | None, bool, str | None], WeightedCount] = {}
    for cell in facet.cells:
        key = (cell.facet, cell.label, cell.positive, cell.group)
        tallies[key] = tallies.get(key, WeightedCount()) + cell.tally
    cells = [Cell(value, label, positive, group, tally) for (value, label, positive, group), tally in tallies.items()]
    return replace(contingency, facets=[replace(facet, cells=cells)])


@given(weighted_rows, sensitive_values)
def test_cells_may_come_in_parts(rows: list[Row], sensitive: list[str] | None) -> None:
    by_row = counted(rows, sensitive=sensitive, grouped=True, weighted=True)
    whole = analyse(merged(by_row), sensitive, True)
    assert as_reported(analyse(by_row, sensitive, True)) == as_reported(whole)
    assert whole.facets[0].labels == analyse(by_row, sensitive, True).facets[0].labels


@given(unweighted_rows, st.integers(min_value=2, max_value=5))
def test_repeating_every_row_changes_no_number(rows: list[Row], times: int) -> None:
    once = as_reported(analyse(counted(rows, grouped=True), None, True))
    repeated = as_reported(analyse(counted(rows * times, grouped=True), None, True))
    assert repeated == close_to(once)


@given(unweighted_rows)
def test_two_values_tested_as_one_are_one_value_under_another_name(rows: list[Row]) -> None:
    together = as_reported(analyse(counted(rows, sensitive=["F", "M"], grouped=True), ["F", "M"], True))
    renamed = [("F" if value == "M" else value, label, group, weight) for value, label, group, weight in rows]
    apart = as_reported(analyse(counted(renamed, sensitive=["F"], grouped=True), ["F"], True))
    assert list(together.values()) == list(apart.values())


@given(unweighted_rows)
def test_a_missing_label_is_one_that_is_not_positive(rows: list[Row]) -> None:
    filled = [(value, "no" if label is None else label, group, weight) for value, label, group, weight in rows]
    with_gaps = as_reported(analyse(counted(rows, grouped=True), None, True))
    assert as_reported(analyse(counted(filled, grouped=True), None, True)) == with_gaps


@given(unweighted_rows)
def test_a_row_without_a_facet_value_belongs_to_the_rest_of_every_value(rows: list[Row]) -> None:
    filled = [("other" if value is None else value, label, group, weight) for value, label, group, weight in rows]
    with_gaps = as_reported(analyse(counted(rows, grouped=True), None, True))
    without = as_reported(analyse(counted(filled, grouped=True), None, True))
    for value in with_gaps.keys() & without.keys():
        assert with_gaps[value] == without[value]


@given(unweighted_rows, positive_labels, sensitive_values)
def test_a_disparity_that_the_engine_summed_itself_stands_for_the_groups(
    rows: list[Row], positive: set[str], sensitive: list[str] | None
) -> None:
    with_groups = counted(rows, positive=positive, sensitive=sensitive, grouped=True)
    expected = as_reported(analyse(with_groups, sensitive, True))
    facet = with_groups.facets[0]
    summed = {
        value: measured
        for value, metrics in expected.items()
        if isinstance(measured := metrics["CDDL"], float) and value != "nan"
    }
    without_groups = replace(facet, cells=[replace(cell, group=None) for cell in facet.cells], disparities=summed)
    assert as_reported(analyse(replace(with_groups, facets=[without_groups]), sensitive, True)) == expected
