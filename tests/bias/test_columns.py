"""Column types: categorical or continuous, the interval of a threshold, and the text of a configured value.

Where a comment states it, the expected value is the result of smclarify 0.5 (with pandas 2.2) for the same column.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.column_types import (
    ColumnProfile,
    Interval,
    Scale,
    build_interval,
    determine_scale,
    format_category,
    format_number,
    join_values,
)
from airflow_clarify.exceptions import ConfigError, DataError


def column(kind: Any, values: list[Any], **beyond: Any) -> ColumnProfile:
    """Build the profile of a column with these values; None is a missing value."""
    present = [value for value in values if value is not None]
    numbers = kind in ("integer", "float")
    return ColumnProfile(
        name="x",
        kind=kind,
        present=len(present),
        missing=len(values) - len(present),
        distinct=len(set(present)),
        minimum=min(present) if numbers and present else None,
        maximum=max(present) if numbers and present else None,
        **beyond,
    )


# --- Categorical or continuous (expected values from smclarify 0.5) ---------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "values", "scale"),
    [
        pytest.param(column("text", ["a", "b"]), ["a"], Scale.CATEGORICAL, id="text"),
        pytest.param(column("text", ["1.5", "2"]), [2], Scale.CATEGORICAL, id="text that holds decimals"),
        pytest.param(column("other", ["2020-01-01"]), ["2020-01-01"], Scale.CATEGORICAL, id="dates"),
        pytest.param(column("boolean", [True, False]), [1], Scale.CATEGORICAL, id="truth values"),
        pytest.param(column("boolean", [True, False, None]), [1], Scale.CATEGORICAL, id="truth values with gaps"),
        pytest.param(column("float", [0.0, 1.0] * 500), [1], Scale.CONTINUOUS, id="floats, however few"),
        pytest.param(column("integer", [1, 2, 3]), [1], Scale.CONTINUOUS, id="many different whole numbers"),
        pytest.param(column("integer", [1] * 19 + [2]), [1], Scale.CONTINUOUS, id="2 different of 20"),
        pytest.param(column("integer", [1] * 39 + [2]), [1], Scale.CONTINUOUS, id="2 of 40 are exactly 5 %"),
        pytest.param(column("integer", [1] * 40 + [2]), [1], Scale.CATEGORICAL, id="2 of 41 are below 5 %"),
        pytest.param(column("integer", [1, 2] * 100 + [None]), [1], Scale.CONTINUOUS, id="with gaps they are floats"),
        pytest.param(
            column("integer", [1, 2, 3], stored_as_text=True), [2], Scale.CONTINUOUS, id="whole numbers stored as text"
        ),
        pytest.param(
            column("integer", [1, 2] * 100, stored_as_text=True), [2], Scale.CATEGORICAL, id="few of them as text"
        ),
        pytest.param(
            column("integer", [1, 2, None], stored_as_text=True), [2], Scale.CATEGORICAL, id="as text with gaps"
        ),
        pytest.param(column("float", [1.5, 2.5, 3.5], stored_as_text=True), [2], Scale.CONTINUOUS, id="decimals"),
        pytest.param(
            column("float", [1.5, 2.5] * 100, stored_as_text=True), [2], Scale.CATEGORICAL, id="few different decimals"
        ),
        pytest.param(
            column("float", [1.5, 2.5, None], stored_as_text=True), [2], Scale.CATEGORICAL, id="decimals with gaps"
        ),
        pytest.param(column("float", [1.5, 2.5, 3.5], held_as_objects=True), [2], Scale.CONTINUOUS, id="object floats"),
        pytest.param(
            column("float", [1.5, 2.5] * 100, held_as_objects=True), [2], Scale.CATEGORICAL, id="few different objects"
        ),
        pytest.param(
            column("integer", [1, 2, None], held_as_objects=True), [2], Scale.CATEGORICAL, id="objects with gaps"
        ),
        pytest.param(column("float", [1.0, 2.0]), [1, 2], Scale.CATEGORICAL, id="two values are never a threshold"),
        pytest.param(column("integer", [1, 2, 3]), [1, 2], Scale.CATEGORICAL, id="nor among many whole numbers"),
        pytest.param(column("float", [1.0, 2.0]), None, Scale.CONTINUOUS, id="floats without a threshold"),
        pytest.param(column("integer", [1, 2] * 100), None, Scale.CATEGORICAL, id="few whole numbers, no values given"),
        pytest.param(column("integer", []), None, Scale.CATEGORICAL, id="an empty column of whole numbers"),
    ],
)
def test_the_scale_is_that_of_clarify(profile: ColumnProfile, values: list[Any] | None, scale: Scale) -> None:
    assert determine_scale(profile, values) is scale


def test_60_star_ratings_are_continuous_and_101_are_not() -> None:
    # With [5] as the positive label, none of the 60 ratings exceeds the threshold 5, so all distances are 0.
    assert determine_scale(column("integer", [1, 2, 3, 4, 5] * 12), [5]) is Scale.CONTINUOUS
    assert build_interval(column("integer", [1, 2, 3, 4, 5] * 12), [5], "label_values_or_threshold").text == ""
    assert determine_scale(column("integer", [1, 2, 3, 4, 5] * 20 + [5]), [5]) is Scale.CATEGORICAL


@given(
    st.integers(min_value=1, max_value=400).flatmap(
        lambda rows: st.tuples(st.just(rows), st.integers(min_value=1, max_value=rows))
    )
)
def test_the_uniqueness_threshold_is_5_percent(sizes: tuple[int, int]) -> None:
    rows, distinct = sizes
    profile = column("integer", list(range(distinct)) + [0] * (rows - distinct))
    assert (determine_scale(profile, [1]) is Scale.CONTINUOUS) == (20 * distinct >= rows)


@pytest.mark.parametrize("kind", ["integer", "float", "text", "boolean"])
@pytest.mark.parametrize("values", [None, [1], [1, 2]])
def test_a_declared_type_overrides_the_rule(kind: str, values: list[Any] | None) -> None:
    profile = column(kind, [1, 2, 3])
    assert determine_scale(profile, values, "categorical") is Scale.CATEGORICAL
    assert determine_scale(profile, values, "continuous") is Scale.CONTINUOUS


# --- Intervals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "threshold", "text"),
    [
        # All as smclarify 0.5 wrote them.
        pytest.param(column("integer", [10, 40, 89]), 40, "(40, 89]", id="whole numbers"),
        pytest.param(column("float", [0.5, 3.3586053478338584]), 0.5, "(0.5, 3.3586053478338584]", id="floats"),
        pytest.param(column("float", [0.5, 1.0]), 0, "(0.0, 1.0]", id="a whole threshold among floats"),
        pytest.param(column("integer", [1, 2, 3]), 2.5, "(2.5, 3.0]", id="a float threshold among whole numbers"),
        pytest.param(column("integer", [1, 2, 89]), "40", "(40.0, 89.0]", id="a threshold written as text is a float"),
        pytest.param(column("integer", [1, 2, 3]), True, "(1, 3]", id="true is 1"),
        pytest.param(column("float", [1.0, 2.0, None]), 1, "(1.0, 2.0]", id="gaps take no part"),
        pytest.param(column("integer", [1, 2, None]), 1, "(1.0, 2.0]", id="whole numbers with gaps are floats"),
        pytest.param(column("integer", [1, 2, 30], stored_as_text=True), 2, "(2, 30]", id="numbers stored as text"),
        pytest.param(column("float", [1.5, 2.5, 3.5], stored_as_text=True), 2, "(2.0, 3.5]", id="decimals"),
        pytest.param(column("float", [1e-05, 1e16]), 1e-06, "(1e-06, 1e+16]", id="very small and very large"),
        pytest.param(column("float", [0.0, 0.1 + 0.2]), 0.1, "(0.1, 0.30000000000000004]", id="every digit"),
        pytest.param(column("float", [1.0, math.inf]), 1, "(1.0, inf]", id="an infinite maximum"),
        pytest.param(column("integer", [1, 2**53 + 1]), 1, "(1, 9007199254740993]", id="beyond a float's digits"),
        pytest.param(column("integer", [1, 2, 3]), 3, "", id="the maximum itself leaves no bounds"),
        pytest.param(column("integer", [-5, -3]), 3, "", id="so does the absolute value of a negative maximum"),
        pytest.param(column("integer", [-5, -3]), -3, "(-3, -3]", id="but not the negative maximum"),
        pytest.param(column("integer", [-5, -3]), -4, "(-4, -3]", id="among negative numbers"),
        pytest.param(column("integer", [1, 2, 3]), 9, "(3, 9]", id="beyond the maximum"),
        pytest.param(column("float", [1.0, 2.0]), 9, "(2.0, 9.0]", id="beyond the maximum of floats"),
        pytest.param(column("integer", [1, 2, 3]), math.inf, "(3.0, inf]", id="an infinite threshold"),
    ],
)
def test_a_threshold_selects_what_lies_above_it_up_to_the_maximum(
    profile: ColumnProfile, threshold: Any, text: str
) -> None:
    assert build_interval(profile, [threshold], "value_or_threshold").text == text


def test_an_interval_has_both_bounds_or_none() -> None:
    assert build_interval(column("integer", [10, 40, 89]), [40], "k") == Interval(40, 89)
    assert build_interval(column("integer", [1, 2, 3]), [9], "k") == Interval(3, 9)
    assert build_interval(column("integer", [1, 2, 3]), [3], "k") == Interval(None, None)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_an_interval_runs_from_the_threshold_to_the_maximum_in_whichever_order(threshold: int, maximum: int) -> None:
    interval = build_interval(column("integer", [maximum]), [threshold], "k")
    if threshold == abs(maximum):
        assert interval == Interval(None, None)
    else:
        assert interval == Interval(min(threshold, maximum), max(threshold, maximum))
        assert interval.text == f"({interval.low}, {interval.high}]"


@pytest.mark.parametrize(
    ("profile", "values", "error", "text"),
    [
        pytest.param(
            column("float", [0.5, 1.5]),
            None,
            ConfigError,
            "facet.value_or_threshold: column 'x' is continuous (float, 2 distinct values in 2 rows), so it needs a "
            "threshold such as [0.5], or the type 'categorical'",
            id="no threshold",
        ),
        pytest.param(
            column("integer", [1, 2, 3]),
            [1, 2],
            ConfigError,
            "facet.value_or_threshold: a continuous column takes one threshold, not 2 ([1, 2])",
            id="two thresholds, declared continuous",
        ),
        pytest.param(
            column("integer", [1, 2, 3]),
            ["young"],
            ConfigError,
            "facet.value_or_threshold: column 'x' is continuous, and 'young' is not a number",
            id="not a number",
        ),
        pytest.param(
            column("integer", [1, 2, 3]),
            [math.nan],
            ConfigError,
            "facet.value_or_threshold: column 'x' is continuous, and nan is not a number",
            id="NaN",
        ),
        pytest.param(
            column("float", [None, None]),
            [1],
            DataError,
            "column 'x' holds no value, so facet.value_or_threshold = 1 selects nothing; check the column",
            id="nothing but gaps",
        ),
        pytest.param(
            column("float", [None, None]),
            None,
            DataError,
            "column 'x' holds no value, so there is nothing to compare; check the column",
            id="nothing but gaps and no threshold",
        ),
        pytest.param(
            column("integer", [1, 2], stored_as_text=True),
            None,
            ConfigError,
            "facet.value_or_threshold: column 'x' is continuous (text of whole numbers, 2 distinct values in 2 rows), "
            "so it needs a threshold such as [0.5], or the type 'categorical'",
            id="text of whole numbers without a threshold",
        ),
        pytest.param(
            column("text", ["a", "b"]),
            [1],
            DataError,
            "column 'x' holds text values, not numbers, so facet.value_or_threshold = 1 selects nothing; check the "
            "column",
            id="text declared continuous",
        ),
    ],
)
def test_an_invalid_threshold_is_an_error(
    profile: ColumnProfile, values: list[Any] | None, error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        build_interval(profile, values, "facet.value_or_threshold")
    assert str(raised.value) == text


# --- Categories -----------------------------------------------------------------------------------------------------

TEXT = column("text", ["a", "1"])
NUMERALS = column("integer", [0, 1], stored_as_text=True)
INTEGERS = column("integer", [0, 1, 4, 5])
FLOATS = column("float", [1.0, 2.5])
TRUTHS = column("boolean", [True, False])
DATES = column("other", ["2020-01-01"])
MOMENTS = column("timestamp", ["2020-01-01 00:00:00"])
OBJECTS = column("integer", [0, 1], held_as_objects=True)


@pytest.mark.parametrize(
    ("profile", "value", "key"),
    [
        # As smclarify 0.5 matched them: the value is converted to the type of the column.
        (TEXT, "a", "a"),
        (TEXT, "", ""),
        (TEXT, 1, "1"),
        (TEXT, 1.0, "1.0"),  # which "1" is not
        (TEXT, True, "True"),
        (NUMERALS, 1, "1"),
        (NUMERALS, "01", "01"),  # text stays text: "01" and "1" are two
        (NUMERALS, "1", "1"),
        (INTEGERS, 1, "1"),
        (INTEGERS, "1", "1"),
        (INTEGERS, "1.0", "1"),
        (INTEGERS, 1.0, "1"),
        (INTEGERS, True, "1"),
        (INTEGERS, "5", "5"),
        (INTEGERS, "9007199254740993", "9007199254740993"),
        (FLOATS, 1, "1"),
        (FLOATS, "1", "1"),
        (FLOATS, "2.5", "2.5"),
        (FLOATS, 2.5, "2.5"),
        (TRUTHS, "True", "True"),
        (TRUTHS, "true", "True"),
        (TRUTHS, "1", "True"),
        (TRUTHS, 1, "True"),
        (TRUTHS, 1.0, "True"),
        (TRUTHS, True, "True"),
        (TRUTHS, 0, "False"),
        (TRUTHS, False, "False"),
        # Better than smclarify 0.5, for which the texts "False" and "0" match True.
        (TRUTHS, "False", "False"),
        (TRUTHS, "false", "False"),
        (TRUTHS, "0", "False"),
        (DATES, "2020-01-01", "2020-01-01"),
        # A date is compared as midnight, as in pandas.
        (MOMENTS, "2020-01-01", "2020-01-01 00:00:00"),
        (MOMENTS, "2020-01-01T10:00", "2020-01-01 10:00:00"),
        (MOMENTS, "2020-01-01 10:00:00.250", "2020-01-01 10:00:00.25"),
        (MOMENTS, "2020-01-01T10:00:00+02:00", "2020-01-01 08:00:00+00"),
        (MOMENTS, "yesterday", "yesterday"),
        (OBJECTS, 1.0, "1"),
        (OBJECTS, "1", "1"),
    ],
)
def test_a_configured_value_is_formatted_like_the_column(profile: ColumnProfile, value: Any, key: str) -> None:
    assert format_category(value, profile, "value_or_threshold") == key


@pytest.mark.parametrize(
    ("profile", "value", "text"),
    [
        (INTEGERS, "x", "facet: column 'x' holds numbers, which 'x' can never match"),
        (INTEGERS, "", "facet: column 'x' holds numbers, which '' can never match"),
        (FLOATS, "nan", "facet: column 'x' holds numbers, which 'nan' can never match"),
        (FLOATS, math.nan, "facet: column 'x' holds numbers, which nan can never match"),
        (TRUTHS, "yes", "facet: column 'x' holds True and False, which 'yes' can never match"),
        (TRUTHS, 2, "facet: column 'x' holds True and False, which 2 can never match"),
    ],
)
def test_a_value_that_could_never_match_is_an_error(profile: ColumnProfile, value: Any, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        format_category(value, profile, "facet")
    assert str(raised.value) == text


@given(st.integers())
def test_the_text_of_a_whole_number_is_exact(number: int) -> None:
    assert int(format_number(number)) == number


@given(st.floats(allow_nan=False))
def test_the_text_of_a_float_is_exact_and_that_of_the_equal_whole_number(number: float) -> None:
    assert float(format_number(number)) == number
    if number.is_integer():
        assert format_number(number) == format_number(int(number))


def test_a_number_that_no_float_can_hold_keeps_its_text() -> None:
    assert format_number(10**400) == str(10**400)


@pytest.mark.parametrize(
    ("values", "text"), [([1], "1"), ([5, 4], "5,4"), (["Gift Card"], "Gift Card"), (["a", 1, 2.5], "a,1,2.5")]
)
def test_several_values_are_joined_by_commas_in_the_configured_order(values: list[Any], text: str) -> None:
    assert join_values(values) == text
