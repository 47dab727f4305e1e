"""What a column holds, asked of the raw cells: its kind, its distinct values, its bounds, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.columns import ColumnKind, ColumnProfile
from airflow_clarify.engines.counting.cells import Cells
from airflow_clarify.engines.counting.expressions import (
    LEADING_ZEROS_PATTERN,
    Stored,
    as_boolean,
    as_float,
    as_integer,
    category_text,
    group_key,
    is_one_of,
    kind_of,
    looks_whole,
    present,
)
from airflow_clarify.engines.counting.roles import Role

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True)
class LeadingZeros:
    """Texts such as "01067" in a text file whose column is read as whole numbers.

    :param rows: the number of rows that hold one
    :param example: one of them
    """

    rows: int
    example: str


@dataclass(frozen=True)
class CountedColumn:
    """A column of the raw cells.

    :param cells: the raw cells
    :param role: the column's name among them
    :param facet: whose cells; the label and the group are the same in those of every facet
    :param stored: how the source stores it
    :param profile: what it holds
    :param missing_texts: texts that count as missing, other than the empty one, and in how many rows they stand
    :param leading_zeros: the texts that lose zeros at their beginning because the column is read as whole numbers
    """

    cells: Cells
    role: Role
    facet: int
    stored: Stored
    profile: ColumnProfile
    missing_texts: Mapping[str, int] = field(default_factory=dict)
    leading_zeros: LeadingZeros | None = None

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def value(self) -> exp.Expr:
        """Its values, NULL where they are missing."""
        return self.present_in(self.role)

    @property
    def text(self) -> exp.Expr:
        """Its values as the texts under which they are counted."""
        return category_text(self.value, self.stored, self.profile)

    @property
    def key(self) -> exp.Expr:
        """Its values as a group variable's."""
        return group_key(self.value, self.stored, self.profile)

    def present_in(self, column: str) -> exp.Expr:
        """Its values, where they stand in a column of another name."""
        from sqlglot import exp

        return present(exp.column(column), self.stored, self.cells.na_values)


def look_at(cells: Cells, role: Role, name: str, facet: int = 0) -> CountedColumn:
    """Find out what a column holds, from its distinct values.

    :param cells: the counts
    :param role: the column's name in them
    :param name: the column's name in the data
    :param facet: the facet in whose cells to look
    """
    from sqlglot import exp

    stored = cells.stored(name)
    na_texts = [text for text in cells.na_values if text] if stored is Stored.TEXT_CELL else []
    raw = (
        exp.select(exp.column(role).as_("raw"), exp.func("sum", exp.column("n")).as_("n"))
        .from_(cells.of_facet(facet))
        .group_by(exp.column(role))
    )
    value = present(exp.column("raw"), stored, cells.na_values).as_("v")
    values = exp.select("raw", "n", value).from_(raw.subquery("raw_values"))
    read = exp.select("raw", "n", "v", *_readings(stored)).from_(values.subquery("distinct_values"))
    ((rows, here, *about_values),) = cells.execute(exp.select(*_questions(stored)).from_(read.subquery("values_read")))
    kind, distinct, low, high = _understood(stored, *map(_plain, about_values))
    profile = ColumnProfile(
        name,
        kind,
        present=int(here or 0),
        missing=int(rows) - int(here or 0),
        distinct=distinct,
        minimum=low,
        maximum=high,
        stored_as_text=stored in (Stored.TEXT, Stored.DECIMAL),
        held_as_objects=name in cells.held_as_objects,
    )
    missing_texts = _occurring(cells, raw, na_texts) if profile.missing and na_texts else {}
    zeros = _find_leading_zeros(cells, raw) if stored is Stored.TEXT_CELL and kind == "integer" else None
    return CountedColumn(cells, role, facet, stored, profile, missing_texts, zeros)


def canonical_texts(
    execute: Callable[[exp.Expr], list[tuple[Any, ...]]],
    values: exp.Expr,
    stored: Stored,
    na_values: Collection[str],
    profile: ColumnProfile | None = None,
) -> tuple[ColumnProfile, list[str | None]]:
    """Write the distinct values of a column as counting does, so that equal values have equal texts.

    :param execute: runs a query in DuckDB
    :param values: a relation with the columns ``position`` and ``raw``, the distinct values of a whole column
    :param stored: how the source stores the column
    :param na_values: the texts that mean "missing" in columns whose cells are texts of a file
    :param profile: what the column holds, where that is known
    :return: what the column holds, and the text of each value in the order of their positions, None where it is missing
    """
    from sqlglot import exp

    value = present(exp.column("raw"), stored, na_values)
    profile = profile or _profile_values(execute, values, value, stored)
    text = category_text(value, stored, profile)
    found = execute(exp.select(text.as_("text")).from_(values.copy()).order_by("position"))
    return profile, [text for (text,) in found]


def _profile_values(
    execute: Callable[[exp.Expr], list[tuple[Any, ...]]], values: exp.Expr, value: exp.Expr, stored: Stored
) -> ColumnProfile:
    from sqlglot import exp

    distinct = exp.select(value.copy().as_("v"), exp.Literal.number(1).as_("n")).from_(values.copy())
    read = exp.select("n", "v", *_readings(stored)).from_(distinct.subquery("distinct_values"))
    ((rows, here, *about_values),) = execute(exp.select(*_questions(stored)).from_(read.subquery("values_read")))
    kind, number_of_values, low, high = _understood(stored, *map(_plain, about_values))
    missing = int(rows or 0) - int(here or 0)
    return ColumnProfile("", kind, int(here or 0), missing, number_of_values, low, high, stored is Stored.TEXT)


def _find_leading_zeros(cells: Cells, raw: exp.Select) -> LeadingZeros | None:
    from sqlglot import exp

    pattern = exp.Anonymous(
        this="regexp_full_match", expressions=[exp.column("raw"), exp.Literal.string(LEADING_ZEROS_PATTERN)]
    )
    query = (
        exp.select(exp.func("sum", exp.column("n")), exp.Min(this=exp.column("raw")))
        .from_(raw.subquery("raw_values"))
        .where(pattern)
    )
    ((rows, example),) = cells.execute(query)
    return LeadingZeros(int(rows), str(example)) if rows else None


def _readings(stored: Stored) -> list[exp.Expr]:
    """What a value can be read as; NULL where it cannot, or where its type rules it out."""
    from sqlglot import exp

    value, nothing = exp.column("v"), exp.null()
    whole = as_integer(value, stored) if stored.is_text or stored is Stored.INTEGER else nothing
    # A column of texts that are no file's cells holds texts or whole numbers, and nothing else.
    number = as_float(value, stored) if stored is Stored.TEXT_CELL or stored.is_number else nothing
    truth = as_boolean(value, stored) if stored is Stored.TEXT_CELL else nothing
    whole_looking = exp.case().when(looks_whole(value), exp.Literal.number(1)) if stored.is_text else nothing
    readings = {"whole": whole, "number": number, "truth": truth, "whole_looking": whole_looking}
    return [reading.copy().as_(name) for name, reading in readings.items()]


def _questions(stored: Stored) -> list[exp.Expr]:
    """All there is to ask of the distinct values and their readings, in one row."""
    from sqlglot import exp

    def distinct(reading: str) -> exp.Expr:
        # Only in a file are several texts one number. Elsewhere they are told apart already, and once more is dear.
        column = exp.column(reading)
        return exp.Count(this=exp.Distinct(expressions=[column]) if stored is Stored.TEXT_CELL else column)

    is_missing = exp.Is(this=exp.column("v"), expression=exp.null())
    rows_there = exp.case().when(is_missing, exp.Literal.number(0)).else_(exp.column("n"))
    return [
        exp.func("sum", exp.column("n")),
        exp.func("sum", rows_there),
        *(exp.Count(this=exp.column(name)) for name in ("v", "whole_looking", "whole", "number", "truth")),
        *(distinct(name) for name in ("whole", "number")),
        *(extreme(this=exp.column(name)) for name in ("whole", "number") for extreme in (exp.Min, exp.Max)),
    ]


def _occurring(cells: Cells, raw: exp.Select, texts: list[str]) -> dict[str, int]:
    """Those of some texts that occur, and in how many rows."""
    from sqlglot import exp

    query = exp.select("raw", "n").from_(raw.subquery("raw_values")).where(is_one_of(exp.column("raw"), texts))
    return {text: int(rows) for text, rows in sorted(cells.execute(query))}


def _plain(answer: Any) -> Any:
    """A count or bound as Python's own number; some drivers give whole numbers as decimals."""
    if isinstance(answer, Decimal):
        return int(answer) if answer == answer.to_integral_value() else float(answer)
    return answer


def _understood(
    stored: Stored,
    values: int,
    looking_whole: int,
    integers: int,
    floats: int,
    booleans: int,
    distinct_integers: int,
    distinct_floats: int,
    *bounds: Any,
) -> tuple[ColumnKind, int, int | float | None, int | float | None]:
    """The kind of a column, its distinct values, and its bounds where they are numbers."""
    kind = kind_of(stored, values, looking_whole=looking_whole, integers=integers, floats=floats, booleans=booleans)
    # "1" and "01" are one number to the reader of a text file, and two texts in a column of texts.
    distinct = values
    if stored is Stored.TEXT_CELL:
        distinct = {"integer": distinct_integers, "float": distinct_floats, "boolean": min(values, 2)}.get(kind, values)
    if kind == "integer":
        return kind, distinct, *bounds[:2]
    return (kind, distinct, *bounds[2:]) if kind == "float" else (kind, distinct, None, None)
