from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy
import pandas
import pytest
from counting_factories import count, tallies

from airflow_clarify.exceptions import ConfigError, DataError


def values_of(column: Any, **asked: Any) -> tuple[str | None, ...]:
    """How the values of a DataFrame's column are written."""
    frame = pandas.DataFrame({"g": column, "y": [0, 1, 1][: len(column)]})
    asked = {"label_type": "categorical", "facet_type": "categorical"} | asked
    return tuple(count(frame, "g", label="y", **asked)[0].facets[0].values)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param(["a", "b", None], ("a", "b", None), id="texts"),
        pytest.param(pandas.Series(["a", "b", None], dtype=object), ("a", "b", None), id="objects"),
        pytest.param(pandas.Series(["a", numpy.nan, pandas.NA], dtype=object), ("a", None), id="kinds of missing"),
        pytest.param(pandas.Series(["a", 1, 2.5], dtype=object), ("a", "1", "2.5"), id="mixed objects"),
        pytest.param(pandas.Series([1, 2, None], dtype=object), ("1", "2", None), id="whole objects"),
        pytest.param(pandas.Series([True, False, None], dtype=object), ("True", "False", None), id="true objects"),
        pytest.param(pandas.Series([1.5, 2, None], dtype=object), ("1.5", "2.0", None), id="objects that are floats"),
        pytest.param([Decimal("1.50"), None, Decimal(2)], ("1.50", None, "2.00"), id="decimals"),
        pytest.param(
            [datetime.date(2020, 1, 31), None, datetime.date(2020, 2, 1)],
            ("2020-01-31", None, "2020-02-01"),
            id="dates",
        ),
        pytest.param(pandas.Series(["a", "b", None], dtype="string"), ("a", "b", None), id="string"),
        pytest.param(pandas.Series([1, None, 3], dtype="Int64"), ("1", None, "3"), id="Int64"),
        pytest.param(pandas.Series([True, None, False], dtype="boolean"), ("True", None, "False"), id="boolean"),
        pytest.param(pandas.Series([1.5, None, 3], dtype="Float64"), ("1.5", None, "3.0"), id="Float64"),
        pytest.param(pandas.Series([1, None, 3], dtype="int64[pyarrow]"), ("1", None, "3"), id="arrow integers"),
        pytest.param(pandas.Series(["a", None, "b"], dtype="string[pyarrow]"), ("a", None, "b"), id="arrow texts"),
        pytest.param(numpy.array([1, 2, 3], dtype="uint8"), ("1", "2", "3"), id="small integers"),
        pytest.param([0, 1, 2**64 - 1], ("0", "1", "18446744073709551615"), id="large integers"),
        pytest.param([1.0, numpy.nan, 0.1], ("1.0", None, "0.1"), id="floats"),
        pytest.param([True, False, True], ("True", "False"), id="truths"),
        pytest.param(
            pandas.to_datetime(["2020-01-31", None, "2020-02-01"]),
            ("2020-01-31 00:00:00", None, "2020-02-01 00:00:00"),
            id="times",
        ),
        pytest.param(pandas.Series(["b", None, "a"], dtype="category"), ("b", None, "a"), id="categories"),
        pytest.param(pandas.Series([7, None, 5], dtype="category"), ("7", None, "5"), id="whole categories"),
        pytest.param(pandas.Series([0.5, None, 5], dtype="category"), ("0.5", None, "5.0"), id="float categories"),
        pytest.param(
            pandas.Series([True, None, False], dtype="category"), ("True", None, "False"), id="true categories"
        ),
        pytest.param(pandas.cut([1, 5, 9], [0, 4, 10]), ("(0, 4]", "(4, 10]"), id="intervals"),
        pytest.param(
            pandas.period_range("2020-01", periods=3, freq="M"), ("2020-01", "2020-02", "2020-03"), id="periods"
        ),
        pytest.param(pandas.arrays.SparseArray([0, 1, 0]), ("0", "1"), id="sparse"),
        pytest.param([1j, 2j, 1j], ("1j", "2j"), id="complex"),
    ],
)
def test_a_column_of_any_type_can_be_a_facet(column: Any, values: tuple[str | None, ...]) -> None:
    assert values_of(column) == values


def test_a_column_of_dtype_category_is_categorical() -> None:
    ages = pandas.Series(range(60))
    frame = pandas.DataFrame({"age": ages, "group": ages.astype("category"), "y": [0, 1] * 30})
    with pytest.raises(ConfigError, match="is continuous"):
        count(frame, "age", label="y")
    assert count(frame, "group", label="y")[0].facets[0].values == tuple(map(str, range(60)))
    assert count(frame, "group", label="y", values=[7])[0].facets[0].name == "7"
    # Unless the author says otherwise.
    assert count(frame, "group", label="y", values=[7], facet_type="continuous")[0].facets[0].name == "(7, 59]"


def test_configured_values_match_columns_of_every_type() -> None:
    label = [1, 0] * 30
    for column, value in (
        (pandas.Series([1, 2] * 30, dtype="category"), 1),
        (pandas.Series([1, 2] * 30, dtype="category"), "1"),
        (pandas.Series([1.0, 2.0] * 30, dtype="category"), 1),
        (pandas.Series(["1", "2"] * 30, dtype="category"), 1),
        (pandas.Series([1, "b"] * 30, dtype=object), 1),
        (pandas.Series([True, False] * 30, dtype=object), 1),
        (pandas.Series([True, None] * 30, dtype=object), "true"),
    ):
        frame = pandas.DataFrame({"g": column, "y": label})
        facet = count(frame, "g", label="y", values=[value])[0].facets[0]
        assert tallies(facet) == {str(value): (30, 0), "rest": (0, 30)}


@pytest.mark.parametrize(
    "index",
    [
        pandas.RangeIndex(5, 65, name="y"),
        pandas.Index(["same"] * 60, name="y"),
        pandas.date_range("2020", periods=60, name="g"),
        pandas.MultiIndex.from_product([["a", "b"], range(30)], names=["g", "y"]),
    ],
)
def test_the_index_is_ignored(index: pandas.Index) -> None:
    frame = pandas.DataFrame({"g": pandas.arrays.SparseArray([1, 0] * 30), "h": [1, "x"] * 30, "y": [1, 0] * 30})
    frame.index = index
    for facet, values in (("g", ("1", "0")), ("h", ("1", "x"))):
        counted = count(frame, facet, label="y")[0].facets[0]
        assert counted.values == values
        assert tallies(counted)[values[0]] == (30, 0)


def test_decimals_with_any_number_of_digits_are_numbers() -> None:
    amounts = [Decimal("1.50"), Decimal("1.5"), Decimal(2), Decimal("60000.1")] * 20
    frame = pandas.DataFrame({"amount": amounts, "y": [Decimal("1.00"), Decimal("0.00")] * 40})
    counted = count(frame, "amount", label="y")[0].facets[0]
    assert tallies(counted) == {"1.50": (20, 20), "2.00": (20, 0), "60000.10": (0, 20)}
    above = count(frame, "amount", label="y", values=[50_000], facet_type="continuous")[0].facets[0]
    assert tallies(above) == {"(50000.0, 60000.1]": (0, 20), "rest": (40, 20)}


def test_numbers_of_dtype_object_have_the_scale_that_clarify_gives_them() -> None:
    """As in smclarify 0.5: categorical below 5 % distinct values, and if values are missing."""
    label = [1, 0] * 50
    for values, name in (
        ([1.5, 2.5] * 50, "1.5"),
        ([1.5, 2.5, 3.5, None] * 25, "1.5"),
        ([1, 2, 3, None] * 25, "1"),
    ):
        frame = pandas.DataFrame({"g": pandas.Series(values, dtype=object), "y": label})
        assert count(frame, "g", label="y", values=[float(name)])[0].facets[0].name == str(float(name))
    frame = pandas.DataFrame({"g": pandas.Series([n + 0.5 for n in range(100)], dtype=object), "y": label})
    assert count(frame, "g", label="y", values=[50])[0].facets[0].name == "(50.0, 99.5]"


def test_the_frame_is_not_modified() -> None:
    frame = pandas.DataFrame(
        {"g": [1, "x"] * 30, "c": pandas.Series(["a", "b"] * 30, dtype="category"), "y": [1, 0] * 30}
    )
    before = frame.copy(deep=True)
    count(frame, ["g", "c"], label="y")
    pandas.testing.assert_frame_equal(frame, before)


def test_frames_that_cannot_be_queried() -> None:
    for columns, said in (
        ([0, 1], "the DataFrame has columns whose names are not texts; rename them with df.columns = [...]"),
        (
            [("a", "b"), ("a", "c")],
            "the DataFrame has columns whose names are not texts; rename them with df.columns = [...]",
        ),
        (["g", "g"], "the DataFrame: column 'g' occurs twice; rename one, or give headers"),
        (["g", "G"], "the DataFrame: columns 'g' and 'G' differ only in case; rename one, or give headers"),
    ):
        frame = pandas.DataFrame([["F", 1], ["M", 0]], columns=columns)
        with pytest.raises(DataError) as caught:
            count(frame, "g", label="y")
        assert str(caught.value) == said
    with pytest.raises(DataError, match=r"^the DataFrame has no columns; give one with a row per example$"):
        count(pandas.DataFrame(index=range(3)), "g", label="y")


def test_a_frame_without_rows() -> None:
    with pytest.raises(DataError, match=r"^the DataFrame: the data hold no rows, so there is nothing to measure$"):
        count(pandas.DataFrame({"g": [], "y": []}), "g", label="y")
