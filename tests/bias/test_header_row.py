"""Whether the first row of a file is a header row: the rows of it are lists of cells, as a reader gives them."""

from __future__ import annotations

import pytest

from airflow_clarify.bias.header_row import has_header_row
from airflow_clarify.exceptions import ConfigError

HEADERS = ["Sex", "Age", "Hired"]
ROWS = [["F", "30", "1"], ["M", "41", "0"], ["F", "", "1"]]
EITHER_WAY = "say header_row=True (--header) if it is a header row, or header_row=False (--no-header) if it is data"


def settle(first: str, header_row: bool | None = None, headers: list[str] = HEADERS) -> bool:
    return has_header_row("x.csv", first.split(","), ROWS, headers, header_row)


def test_the_headers_themselves_are_a_header_row() -> None:
    assert settle("Sex,Age,Hired")
    assert settle("Sex,Age,Hired", header_row=True)


@pytest.mark.parametrize(
    "first", ["F,30,1", "unknown,30,1", "F,unknown,1", "NA,NA,NA", ",,", "-,-,-", "male,30,0", "NaN,inf,1e3"]
)
def test_a_row_of_data_is_none(first: str) -> None:
    assert not settle(first)
    assert not settle(first, header_row=False)


@pytest.mark.parametrize(
    "first", ["Sex,Age,hired", " sex,age,hired", "SEX,AGE,HIRED", "sex,years,outcome", "Sexe,Agee,Hired?", "sex ,a,b"]
)
def test_another_spelling_has_two_ways_out(first: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settle(first)
    assert str(caught.value) == (
        f"headers: the first row of x.csv seems to hold the same names in another spelling; {EITHER_WAY}"
    )
    assert settle(first, header_row=True)
    if first.lower().replace(" ", "") != "sex,age,hired":
        assert not settle(first, header_row=False)


@pytest.mark.parametrize("first", ["Age,Sex,Hired", "hired,age,sex", "hired,sex,age"])
@pytest.mark.parametrize("header_row", [None, True])
def test_another_order_would_swap_columns(first: str, header_row: bool | None) -> None:
    with pytest.raises(ConfigError) as caught:
        settle(first, header_row)
    assert str(caught.value) == (
        "headers: the first row of x.csv has the same names in another order; give headers in the order of the file or "
        "leave them out, or say header_row=False (--no-header) if that row is data"
    )
    assert not settle(first, header_row=False)


def test_names_above_numbers_have_two_ways_out() -> None:
    with pytest.raises(ConfigError) as caught:
        settle("gender,years,outcome")
    assert str(caught.value) == (
        "headers: the first row of x.csv seems to hold names, for column 'Age' holds a word there and numbers below; "
        + EITHER_WAY
    )
    assert settle("gender,years,outcome", header_row=True)
    assert not settle("gender,years,outcome", header_row=False)


def test_headers_that_are_said_to_be_data_are_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        settle("sex,age,hired", header_row=False)
    assert str(caught.value) == (
        "header_row: it is False, and the first row of x.csv holds the headers themselves, which would count as a row "
        "of data; leave header_row out, or set it to True (--header)"
    )
    # Numbers can be both.
    assert not settle("0,1,2", header_row=False, headers=["0", "1", "2"])
