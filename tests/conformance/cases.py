"""Random datasets and configurations, with every type, format and form of column."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow
import pyarrow.parquet
from hypothesis import strategies as st

#: How a column is meant. In a CSV all of them are texts; in Parquet each has its type.
Format = Literal["csv", "parquet", "jsonlines", "dataframe"]
Meaning = Literal["text", "integer", "float", "boolean", "whole texts", "decimal", "date", "nothing"]

_ARROW = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "float": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
    "whole texts": pyarrow.string(),
    "decimal": pyarrow.decimal128(12, 2),
    "date": pyarrow.date32(),
    "nothing": pyarrow.string(),
}


@dataclass(frozen=True)
class Column:
    """A column as it is written: in a CSV the texts of its cells, in Parquet typed values; None is missing."""

    meaning: Meaning
    values: tuple[Any, ...]
    dtype: Literal["object", "category"] | None = None

    def as_json(self) -> dict[str, Any]:
        """The arguments of :func:`case_frames.series_of`."""
        values = [str(value) if isinstance(value, Decimal | date) else value for value in self.values]
        return {"values": values, "meaning": self.meaning, "dtype": self.dtype}

    @property
    def present(self) -> list[Any]:
        return [value for value in self.values if value is not None]

    @property
    def has_gaps(self) -> bool:
        """Whether a value is missing; in a CSV, whether a cell reads as missing."""
        return any(value is None or value in _GAPS for value in self.values)


@dataclass(frozen=True)
class Case:
    """A dataset, and what is asked of it.

    :param second: another facet, which is asked for beside the first one
    :param weights: of each row: one for all, or whole numbers
    """

    format: Format
    label: Column
    facet: Column
    group: Column | None
    label_values: tuple[Any, ...]
    facet_values: tuple[Any, ...] | None
    methods: tuple[str, ...]
    second: Column | None = None
    weights: tuple[float, ...] | None = None

    @property
    def columns(self) -> dict[str, Column]:
        columns = {"label": self.label, "facet": self.facet}
        others = {"group": self.group, "second": self.second}
        return columns | {name: column for name, column in others.items() if column is not None}

    def of_second(self) -> Case:
        """The same question about each value of the second facet."""
        assert self.second is not None
        return replace(self, facet=self.second, facet_values=None, second=None, weights=None)

    def repeated(self) -> Case:
        """Each row as often as its weight says."""
        assert self.weights is not None
        times = [int(weight) for weight in self.weights]

        def of(column: Column | None) -> Any:
            if column is None:
                return None
            values = (value for value, count in zip(column.values, times, strict=True) for _ in range(count))
            return replace(column, values=tuple(values))

        return replace(
            self, label=of(self.label), facet=of(self.facet), group=of(self.group), second=None, weights=None
        )

    def write(self, folder: Path) -> Path:
        """The dataset as a file."""
        columns = dict(self.columns)
        if self.weights is not None:
            columns["w"] = Column(
                "float", tuple(repr(w) for w in self.weights) if self.format == "csv" else self.weights
            )
        path = folder / f"data.{self.format}"
        if self.format == "dataframe":
            path.write_text(json.dumps({name: column.as_json() for name, column in columns.items()}))
            return path
        if self.format == "jsonlines":
            rows = zip(*(column.values for column in columns.values()), strict=True)
            path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
            return path
        if self.format == "parquet":
            arrays = {
                name: pyarrow.array(column.values, type=_ARROW[column.meaning]) for name, column in columns.items()
            }
            pyarrow.parquet.write_table(pyarrow.table(arrays), path)
            return path
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(column.values for column in columns.values()), strict=True))
        return path


_TEXTS = (
    "a",
    "b",
    "c d",
    "é",
    "x,y",
    'say "q"',
    "O'Hara",
    "<b>",
    "rest",
    "other",
    "1a",
    "0x1",
    "1-0",
    "1 2",
    "-",
    "True!",
    "two\nlines",
)
_WHOLE_TEXTS = ("1", "01", " 1", "1 ", "+1", "2", "-3", "40", "007", "100000")
_GAPS = ("", "", "NA", "NaN", "nan", "null", "None", "n/a", "#N/A")
_TRUTHS = (("True", "False"), ("true", "false"), ("TRUE", "FALSE"), ("True", "true", "FALSE"))


def _pool(meaning: Meaning, written: str) -> st.SearchStrategy[list[Any]]:
    """A few distinct values of a column."""
    if meaning == "text":
        return st.lists(st.sampled_from(_TEXTS), min_size=1, max_size=5, unique=True)
    if meaning == "whole texts":
        return st.lists(st.sampled_from(_WHOLE_TEXTS), min_size=1, max_size=6, unique=True)
    if meaning == "integer":
        small, large = st.integers(-3, 5), st.integers(-(10**15), 10**15)
        numbers = st.lists(st.one_of(small, small, large), min_size=1, max_size=8, unique=True)
        return numbers.map(lambda found: [str(n) for n in found]) if written == "csv" else numbers
    if meaning == "float":
        # Exact in a few digits: pandas' reader rounds long decimals in its own way.
        eighths = st.integers(-40, 40).map(lambda n: n / 8)
        # Told apart as texts, so that zero can have both signs.
        numbers = st.lists(eighths | st.sampled_from([0.0, -0.0]), min_size=1, max_size=8, unique_by=repr)
        if written == "csv":
            return numbers.map(lambda found: [repr(n) for n in found])
        return numbers.map(lambda found: [float(n) for n in found])
    if meaning == "boolean":
        if written == "csv":
            return st.sampled_from(_TRUTHS).flatmap(
                lambda spelt: st.lists(st.sampled_from(spelt), min_size=1, max_size=3, unique=True)
            )
        return st.lists(st.booleans(), min_size=1, max_size=2, unique=True)
    if meaning == "decimal":
        return st.lists(st.integers(-300, 300).map(lambda n: Decimal(n) / 100), min_size=1, max_size=5, unique=True)
    if meaning == "date":
        return st.lists(st.dates(date(1990, 1, 1), date(2030, 1, 1)), min_size=1, max_size=5, unique=True)
    return st.just([None])


@st.composite
def columns(draw: st.DrawFn, written: str, rows: int, repeats: int) -> Column:
    """A column of ``rows`` random cells, all of them ``repeats`` times: that is what the 5 % rule looks at."""
    meanings: list[Meaning] = ["text", "integer", "integer", "float", "boolean", "whole texts"]
    meanings += ["decimal", "date"] if written in ("parquet", "dataframe") else []
    meaning = draw(st.sampled_from([*meanings, *meanings, "nothing"]))
    pool = draw(_pool(meaning, written))
    if meaning != "nothing" and draw(st.integers(0, 2)) == 0:
        pool = [*pool, None]
    cells = draw(st.lists(st.sampled_from(pool), min_size=rows, max_size=rows))
    if written == "csv":
        gap = draw(st.sampled_from(_GAPS))
        cells = [gap if cell is None else cell for cell in cells]
    dtype = draw(st.sampled_from([None, None, "object", "category"])) if written == "dataframe" else None
    return Column(meaning, tuple(cells * repeats), dtype)


def _asked(column: Column) -> st.SearchStrategy[tuple[Any, ...]]:
    """Configured values: of the column, as themselves or as texts or numbers; near it; now and then foreign to it."""
    present = [value for value in dict.fromkeys(column.values) if value is not None and value not in _GAPS]
    own: list[Any] = [value if isinstance(value, str | int | float | bool) else str(value) for value in present]
    own += [str(value) for value in own]
    numbers = [number for number in map(_number, own) if number is not None]
    near = [*numbers, *(n + 1 for n in numbers), *(n - 1 for n in numbers), *(-n for n in numbers)]
    near += [n + 0.5 for n in numbers if abs(n) < 10**6]
    near = [round(n, 3) if isinstance(n, float) else n for n in near]
    foreign: list[Any] = ["zzz", 99, 0.5, 1, 0, "1", "0", "1.0", True, False, "True", "False", "true"]
    familiar = [*([st.sampled_from(own)] if own else []), *([st.sampled_from(near)] if near else [])]
    sensible = st.one_of(familiar or [st.sampled_from(foreign)])
    anything = st.one_of(sensible, st.sampled_from(foreign))
    return st.one_of(
        sensible.map(lambda value: (value,)),
        st.lists(sensible, min_size=2, max_size=4).map(tuple),
        st.lists(anything, min_size=1, max_size=3).map(tuple),
    )


def _asked_of_facet(column: Column) -> st.SearchStrategy[tuple[Any, ...] | None]:
    """As for a label, or every value; numbers mostly need a threshold."""
    every_value: st.SearchStrategy[None] = st.none()
    if column.meaning in ("integer", "float", "whole texts", "decimal"):
        return st.one_of(_asked(column), _asked(column), _asked(column), every_value)
    return st.one_of(every_value, every_value, _asked(column))


def _number(value: Any) -> int | float | None:
    for read in (int, float):
        try:
            return read(value)
        except (TypeError, ValueError):
            continue
    return None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random dataset, and a random question about it."""
    written = draw(st.sampled_from(["csv", "parquet", "jsonlines", "dataframe"]))
    rows = draw(st.integers(1, 24))
    repeats = draw(st.sampled_from([1, 1, 1, 7, 40]))
    label, facet = draw(columns(written, rows, repeats)), draw(columns(written, rows, repeats))
    group = draw(st.none() | columns(written, rows, repeats))
    methods = draw(st.sampled_from([("all",), ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS"), ("CDDL",), ("KS", "CI")]))
    second = draw(st.none() | st.none() | columns(written, rows, repeats))
    case = Case(written, label, facet, group, draw(_asked(label)), draw(_asked_of_facet(facet)), methods, second)
    if draw(st.integers(0, 2)) > 0:
        return case
    if all(column.meaning == "text" for column in case.columns.values()):
        weights = draw(st.lists(st.integers(1, 3).map(float), min_size=rows, max_size=rows)) * repeats
    else:
        weights = [draw(st.sampled_from([0.3, 1.0, 7.5]))] * (rows * repeats)
    return replace(case, weights=tuple(weights))
