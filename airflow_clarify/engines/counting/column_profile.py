"""Profile a column from the raw cells: its kind, distinct values, bounds and missing values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlglot import exp

from airflow_clarify.bias.column_types import ColumnKind, ColumnProfile
from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.expressions import (
    LEADING_ZEROS_PATTERN,
    StorageType,
    build_category_text,
    build_group_key,
    cast_to_boolean,
    cast_to_float,
    cast_to_integer,
    determine_kind,
    is_one_of,
    is_whole_text,
    null_if_missing,
)


@dataclass(frozen=True)
class LeadingZeros:
    """Texts with leading zeros, such as "01067", in a column read as whole numbers.

    :param rows: the number of rows with such a text
    :param example: one of the texts
    """

    rows: int
    example: str


@dataclass(frozen=True)
class CellColumn:
    """A column of the raw cells.

    :param cells: the raw cells
    :param role: the column's name in the cells: "facet0" and so on, "label", "grp" or "pred"
    :param facet: the index of the facet whose cells are queried; label and group are the same in the cells of each
    :param stored: how the source stores the column
    :param profile: the profile of its values
    :param missing_texts: the texts that count as missing, except the empty one, with the number of their rows
    :param leading_zeros: the texts that lose leading zeros because the column is read as whole numbers
    """

    cells: CellStore
    role: str
    facet: int
    stored: StorageType
    profile: ColumnProfile
    missing_texts: Mapping[str, int] = field(default_factory=dict)
    leading_zeros: LeadingZeros | None = None

    @property
    def name(self) -> str:
        """Return the name of the column in the data."""
        return self.profile.name

    @property
    def value(self) -> exp.Expr:
        """Build the expression for its values, NULL if missing."""
        return self.build_value(self.role)

    @property
    def text(self) -> exp.Expr:
        """Build the expression for its values as canonical texts."""
        return self.build_text(self.role)

    @property
    def key(self) -> exp.Expr:
        """Build the expression for its values as keys of a group variable."""
        return build_group_key(self.value, self.stored, self.profile)

    def build_value(self, column: str) -> exp.Expr:
        """Build the expression for its values, read from another column.

        :param column: the name of that column
        """
        return null_if_missing(exp.column(column), self.stored, self.cells.na_values)

    def build_text(self, column: str) -> exp.Expr:
        """Build the expression for its values as canonical texts, read from another column.

        :param column: the name of that column
        """
        return build_category_text(self.build_value(column), self.stored, self.profile)


def profile_column(cells: CellStore, role: str, name: str, facet: int = 0) -> CellColumn:
    """Profile a column from its distinct values.

    :param cells: the raw cells
    :param role: the column's name in the cells
    :param name: the column's name in the data
    :param facet: the index of the facet whose cells are queried
    :return: the column with its profile
    :raises DataError: a query fails
    """
    stored = cells.get_storage_type(role)
    na_texts = [text for text in cells.na_values if text] if stored is StorageType.TEXT_CELL else []
    raw = (
        exp.select(exp.column(role).as_("raw"), "SUM(n) AS n")
        .from_(cells.select_facet_cells(facet))
        .group_by(exp.column(role))
    )
    value = null_if_missing(exp.column("raw"), stored, cells.na_values).as_("v")
    values = exp.select("raw", "n", value).from_(raw.subquery("raw_values"))
    read = exp.select("raw", "n", "v", *_build_readings(stored)).from_(values.subquery("distinct_values"))
    ((rows, present, *statistics),) = cells.execute(
        exp.select(*_build_statistics(stored)).from_(read.subquery("values_read"))
    )
    kind, distinct, low, high = _interpret_statistics(stored, *map(_to_python_number, statistics))
    profile = ColumnProfile(
        name,
        kind,
        present=int(present or 0),
        missing=int(rows) - int(present or 0),
        distinct=distinct,
        minimum=low,
        maximum=high,
        stored_as_text=stored in (StorageType.TEXT, StorageType.DECIMAL),
        held_as_objects=name in cells.held_as_objects,
    )
    missing_texts = _count_missing_texts(cells, raw, na_texts) if profile.missing and na_texts else {}
    zeros = _find_leading_zeros(cells, raw) if stored is StorageType.TEXT_CELL and kind == "integer" else None
    return CellColumn(cells, role, facet, stored, profile, missing_texts, zeros)


def format_canonical(
    execute: Callable[[exp.Expr], list[tuple[Any, ...]]],
    values: exp.Expr,
    stored: StorageType,
    na_values: Collection[str],
    profile: ColumnProfile | None = None,
) -> tuple[ColumnProfile, list[str | None]]:
    """Format the distinct values of a column as canonical texts.

    Values that counting considers equal have equal texts.

    :param execute: runs a query in DuckDB
    :param values: a relation with the columns ``position`` and ``raw``, the distinct values of a whole column
    :param stored: how the source stores the column
    :param na_values: the texts that count as missing in the columns of a text file
    :param profile: the profile of the column, if known
    :return: the profile of the column, and the text of each value by position; None for a missing value
    """
    value = null_if_missing(exp.column("raw"), stored, na_values)
    profile = profile or _profile_values(execute, values, value, stored)
    text = build_category_text(value, stored, profile)
    rows = execute(exp.select(text.as_("text")).from_(values.copy()).order_by("position"))
    return profile, [text for (text,) in rows]


def _profile_values(
    execute: Callable[[exp.Expr], list[tuple[Any, ...]]], values: exp.Expr, value: exp.Expr, stored: StorageType
) -> ColumnProfile:
    distinct = exp.select(value.copy().as_("v"), "1 AS n").from_(values.copy())
    read = exp.select("n", "v", *_build_readings(stored)).from_(distinct.subquery("distinct_values"))
    ((rows, present, *statistics),) = execute(
        exp.select(*_build_statistics(stored)).from_(read.subquery("values_read"))
    )
    kind, n_distinct, low, high = _interpret_statistics(stored, *map(_to_python_number, statistics))
    missing = int(rows or 0) - int(present or 0)
    return ColumnProfile("", kind, int(present or 0), missing, n_distinct, low, high, stored is StorageType.TEXT)


def _find_leading_zeros(cells: CellStore, raw: exp.Select) -> LeadingZeros | None:
    pattern = exp.Anonymous(
        this="regexp_full_match", expressions=[exp.column("raw"), exp.Literal.string(LEADING_ZEROS_PATTERN)]
    )
    query = exp.select("SUM(n)", "MIN(raw)").from_(raw.subquery("raw_values")).where(pattern)
    ((rows, example),) = cells.execute(query)
    return LeadingZeros(int(rows), str(example)) if rows else None


def _build_readings(stored: StorageType) -> list[exp.Expr]:
    """Build the casts of a value to each type, NULL where the storage type excludes them."""
    value, null = exp.column("v"), exp.null()
    whole = cast_to_integer(value, stored) if stored.is_text or stored is StorageType.INTEGER else null
    # A text column of a typed source is read as texts or as whole numbers only.
    number = cast_to_float(value, stored) if stored is StorageType.TEXT_CELL or stored.is_number else null
    truth = cast_to_boolean(value, stored) if stored is StorageType.TEXT_CELL else null
    whole_looking = exp.case().when(is_whole_text(value), "1") if stored.is_text else null
    readings = {"whole": whole, "number": number, "truth": truth, "whole_looking": whole_looking}
    return [reading.copy().as_(name) for name, reading in readings.items()]


def _build_statistics(stored: StorageType) -> list[str]:
    """Build the aggregates over the distinct values and their casts, as one row."""

    # Only in a text file can several texts be one number. Elsewhere the values are distinct already, and a second
    # DISTINCT is expensive.
    distinct = "DISTINCT " if stored is StorageType.TEXT_CELL else ""
    return [
        *("SUM(n)", "SUM(CASE WHEN v IS NULL THEN 0 ELSE n END)"),
        *("COUNT(v)", "COUNT(whole_looking)", "COUNT(whole)", "COUNT(number)", "COUNT(truth)"),
        *(f"COUNT({distinct}whole)", f"COUNT({distinct}number)"),
        *("MIN(whole)", "MAX(whole)", "MIN(number)", "MAX(number)"),
    ]


def _count_missing_texts(cells: CellStore, raw: exp.Select, texts: list[str]) -> dict[str, int]:
    """Count the rows of each text that occurs."""
    query = exp.select("raw", "n").from_(raw.subquery("raw_values")).where(is_one_of(exp.column("raw"), texts))
    return {text: int(rows) for text, rows in sorted(cells.execute(query))}


def _to_python_number(answer: Any) -> Any:
    """Convert a count or bound to int or float, as some drivers return decimals."""
    if isinstance(answer, Decimal):
        return int(answer) if answer == answer.to_integral_value() else float(answer)
    return answer


def _interpret_statistics(
    stored: StorageType,
    values: int,
    looking_whole: int,
    integers: int,
    floats: int,
    booleans: int,
    distinct_integers: int,
    distinct_floats: int,
    *bounds: Any,
) -> tuple[ColumnKind, int, int | float | None, int | float | None]:
    """Determine the kind of a column, the number of its distinct values, and its bounds if numeric."""
    kind = determine_kind(
        stored, values, looking_whole=looking_whole, integers=integers, floats=floats, booleans=booleans
    )
    # "1" and "01" are the same number in a text file, but two values in a text column of a typed source.
    distinct = values
    if stored is StorageType.TEXT_CELL:
        distinct = {"integer": distinct_integers, "float": distinct_floats, "boolean": min(values, 2)}.get(kind, values)
    if kind == "integer":
        return kind, distinct, *bounds[:2]
    return (kind, distinct, *bounds[2:]) if kind == "float" else (kind, distinct, None, None)
