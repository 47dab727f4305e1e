"""Detection of the header row of a CSV file, from rows as lists of cells."""

from __future__ import annotations

import pytest

from airflow_clarify.bias.header_row import has_header_row
from airflow_clarify.exceptions import ConfigError

HEADERS = ["Sex", "Age", "Hired"]
ROWS = [["F", "30", "1"], ["M", "41", "0"], ["F", "", "1"]]
EITHER_WAY = "set header_row=True (--header) if it is a header row, or header_row=False (--no-header) if it is data"


def detect(first: str, header_row: bool | None = None, headers: list[str] = HEADERS) -> bool:
    return has_header_row("x.csv", first.split(","), ROWS, headers, header_row)


def test_a_row_equal_to_the_headers_is_a_header_row() -> None:
    assert detect("Sex,Age,Hired")
    assert detect("Sex,Age,Hired", header_row=True)


@pytest.mark.parametrize(
    "first", ["F,30,1", "unknown,30,1", "F,unknown,1", "NA,NA,NA", ",,", "-,-,-", "male,30,0", "NaN,inf,1e3"]
)
def test_a_row_of_data_is_not_a_header_row(first: str) -> None:
    assert not detect(first)
    assert not detect(first, header_row=False)


@pytest.mark.parametrize(
    "first", ["Sex,Age,hired", " sex,age,hired", "SEX,AGE,HIRED", "sex,years,outcome", "Sexe,Agee,Hired?", "sex ,a,b"]
)
def test_another_spelling_is_an_error_with_two_remedies(first: str) -> None:
    with pytest.raises(ConfigError) as caught:
        detect(first)
    assert str(caught.value) == (
        f"headers: the first row of x.csv seems to hold the same names in another spelling; {EITHER_WAY}"
    )
    assert detect(first, header_row=True)
    if first.lower().replace(" ", "") != "sex,age,hired":
        assert not detect(first, header_row=False)


@pytest.mark.parametrize("first", ["Age,Sex,Hired", "hired,age,sex", "hired,sex,age"])
@pytest.mark.parametrize("header_row", [None, True])
def test_another_order_of_the_names_is_an_error(first: str, header_row: bool | None) -> None:
    with pytest.raises(ConfigError) as caught:
        detect(first, header_row)
    assert str(caught.value) == (
        "headers: the first row of x.csv has the same names in another order; give headers in the order of the file or "
        "leave them out, or set header_row=False (--no-header) if that row is data"
    )
    assert not detect(first, header_row=False)


def test_names_above_numbers_are_an_error_with_two_remedies() -> None:
    with pytest.raises(ConfigError) as caught:
        detect("gender,years,outcome")
    assert str(caught.value) == (
        "headers: the first row of x.csv seems to hold names, for column 'Age' holds a word there and numbers below; "
        + EITHER_WAY
    )
    assert detect("gender,years,outcome", header_row=True)
    assert not detect("gender,years,outcome", header_row=False)


def test_header_row_false_is_an_error_for_a_row_equal_to_the_headers() -> None:
    with pytest.raises(ConfigError) as caught:
        detect("sex,age,hired", header_row=False)
    assert str(caught.value) == (
        "header_row: it is False, and the first row of x.csv holds the headers themselves, which would count as a row "
        "of data; leave header_row out, or set it to True (--header)"
    )
    # Numbers can be column names and data.
    assert not detect("0,1,2", header_row=False, headers=["0", "1", "2"])
