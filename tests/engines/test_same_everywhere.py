"""The same rows as CSV, Parquet, JSON Lines and a DataFrame give the same analysis, and that of a loop over them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas
import pytest
from counting_factories import analyse, csv_of, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.exceptions import ClarifyError

#: The texts of no column read as numbers, truths or missing values, so that all formats hold texts.
TEXTS = st.sampled_from(["a", "b", "c d", "é", 'say "q"', "x,y", "rest", "<i>", "O'Hara"])
#: No gaps among whole numbers, which make them floats in a DataFrame and in pandas' readers; floats without fractions.
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "texts": TEXTS,
    "texts with gaps": st.none() | TEXTS,
    "whole numbers": st.integers(-5, 5),
    "large whole numbers": st.integers(-(2**62), 2**62),
    "floats": st.integers(-40, 40).map(lambda n: n / 8 + 0.0625),
    "floats with gaps": st.none() | st.integers(-40, 40).map(lambda n: n / 8 + 0.0625),
    "truths": st.booleans(),
}


@dataclass(frozen=True)
class Table:
    """Random rows, and what is asked of them."""

    columns: dict[str, list[Any]]
    positive: list[Any]
    values: list[Any] | None

    def frame(self) -> pandas.DataFrame:
        return pandas.DataFrame(self.columns)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(1, 30))
    repeats = draw(st.sampled_from([1, 10]))
    columns = {
        name: draw(st.lists(KINDS[draw(st.sampled_from(sorted(KINDS)))], min_size=rows, max_size=rows)) * repeats
        for name in ("g", "y", "z")
    }
    # A column of missing values alone has no type to agree on.
    for cells in columns.values():
        if all(cell is None for cell in cells):
            cells[0] = "a"
    present = {name: [cell for cell in cells if cell is not None] for name, cells in columns.items()}
    positive = draw(st.lists(st.sampled_from(present["y"]), min_size=1, max_size=2))
    values = draw(st.none() | st.lists(st.sampled_from(present["g"]), min_size=1, max_size=2))
    return Table(columns, positive, values)


def answer(data: Any, table: Table) -> Analysis | str:
    """The analysis, or the type of error."""
    try:
        found = analyse(data, "g", label="y", group="z", positive=table.positive, values=table.values)
    except ClarifyError as error:
        return type(error).__name__
    return replace(found, config_sha256="", engine="")


def as_csv(table: Table, folder: Path) -> Any:
    return written(folder / "data.csv", csv_of(table.columns))


def as_parquet(table: Table, folder: Path) -> Any:
    table.frame().to_parquet(folder / "data.parquet")
    return folder / "data.parquet"


def as_json_lines(table: Table, folder: Path) -> Any:
    rows = (dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True))
    return written(folder / "data.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def as_frame(table: Table, _: Path) -> Any:
    return table.frame()


@given(table=tables())
@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_formats_agree(table: Table, tmp_path: Path) -> None:
    formats: list[Callable[[Table, Path], Any]] = [as_csv, as_parquet, as_json_lines, as_frame]
    answers = [answer(make(table, tmp_path), table) for make in formats]
    for other in answers[1:]:
        assert other == answers[0]


# --- From the definition ------------------------------------------------------------------------------------------


def loop_over_rows(table: Table) -> dict[str, dict[str, float | None]]:
    """CI, DPL, KS and CDDL of every facet value, from the rows alone; None where there is no value."""
    rows = list(zip(table.columns["g"], table.columns["y"], table.columns["z"], strict=True))
    found: dict[str, dict[str, float | None]] = {}
    for tested in dict.fromkeys(table.columns["g"]):
        # A missing value equals nothing, itself included.
        d = [row for row in rows if row[0] is not None and row[0] == tested]
        a = [row for row in rows if row[0] is None or row[0] != tested]
        found["nan" if tested is None else str(tested)] = {
            "CI": (len(a) - len(d)) / len(rows) if a and d else None,
            "DPL": share(a, table) - share(d, table) if a and d else None,
            "CDDL": disparity(rows, tested, table),
        }
    return found


def accepted(rows: list[Any], table: Table) -> list[Any]:
    return [row for row in rows if row[1] in table.positive]


def share(rows: list[Any], table: Table) -> float:
    return len(accepted(rows, table)) / len(rows)


def disparity(rows: list[Any], tested: Any, table: Table) -> float | None:
    if len(accepted(rows, table)) in (0, len(rows)):
        return None
    total = 0.0
    for group in {row[2] for row in rows}:
        members = [row for row in rows if row[2] == group]
        yes = accepted(members, table)
        no = [row for row in members if row not in yes]
        of_no, of_yes = (
            sum(row[0] is not None and row[0] == tested for row in part) / len(part) if part else 0
            for part in (no, yes)
        )
        total += len(members) * (of_no - of_yes)
    return total / len(rows)


@given(
    table=st.builds(
        lambda cells: Table(
            {name: list(column) for name, column in zip(("g", "y", "z"), zip(*cells, strict=True), strict=True)},
            ["yes"],
            None,
        ),
        st.lists(
            st.tuples(st.none() | TEXTS, st.sampled_from(["yes", "no", "maybe", None]), st.none() | TEXTS),
            min_size=1,
            max_size=40,
        ).filter(lambda cells: all(any(row[i] is not None for row in cells) for i in range(3))),
    )
)
@settings(max_examples=settings.default.max_examples // 4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("make", [as_csv, as_parquet, as_json_lines, as_frame])
def test_the_numbers_are_those_of_a_loop_over_the_rows(
    make: Callable[[Table, Path], Any], table: Table, tmp_path: Path
) -> None:
    analysis = analyse(make(table, tmp_path), "g", label="y", group="z", positive=table.positive)
    expected = loop_over_rows(table)
    assert [result.value for _, result in analysis.results()] == list(expected)
    for _, result in analysis.results():
        for name, value in expected[result.value].items():
            measured = result.metric(name)
            assert measured is not None
            if value is None:
                assert measured.value is None
            else:
                assert measured.value is not None
                assert math.isclose(measured.value, value, rel_tol=0, abs_tol=1e-12)
