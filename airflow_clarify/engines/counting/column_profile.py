"""Profile a column from the raw cells: its kind, distinct values, bounds and missing values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
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
from airflow_clarify.engines.counting.queries import aggregate, select_from


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
    rows = aggregate("sum", "n").as_("n")
    raw = select_from(cells.select_facet_cells(facet), exp.column(role).as_("raw"), rows, group_by=[role])
    value = null_if_missing(exp.column("raw"), stored, cells.na_values)
    profile = replace(
        _profile_values(cells.execute, select_from(raw.subquery("raw_values"), "n", value.as_("v")), stored),
        name=name,
        stored_as_text=stored in (StorageType.TEXT, StorageType.DECIMAL),
        held_as_objects=name in cells.held_as_objects,
    )
    missing_texts = _count_missing_texts(cells, raw, na_texts) if profile.missing and na_texts else {}
    has_zeros = stored is StorageType.TEXT_CELL and profile.kind == "integer"
    zeros = _find_leading_zeros(cells, raw) if has_zeros else None
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
    if profile is None:
        one_row = exp.Literal.number(1).as_("n")
        profile = _profile_values(execute, select_from(values.copy(), value.as_("v"), one_row), stored)
    text = build_category_text(value, stored, profile)
    rows = execute(exp.select(text.as_("text")).from_(values.copy()).order_by("position"))
    return profile, [text for (text,) in rows]


def _profile_values(
    execute: Callable[[exp.Expr], list[tuple[Any, ...]]], distinct: exp.Select, stored: StorageType
) -> ColumnProfile:
    """Profile the distinct values ``v`` of a column without a name, each in ``n`` rows."""
    read = select_from(distinct.subquery("distinct_values"), "n", "v", *_build_readings(stored))
    ((rows, present, *statistics),) = execute(select_from(read.subquery("values_read"), *_build_statistics(stored)))
    kind, n_distinct, low, high = _interpret_statistics(stored, *map(_to_python_number, statistics))
    missing = int(rows or 0) - int(present or 0)
    return ColumnProfile("", kind, int(present or 0), missing, n_distinct, low, high, stored is StorageType.TEXT)


def _find_leading_zeros(cells: CellStore, raw: exp.Select) -> LeadingZeros | None:
    pattern = exp.Anonymous(
        this="regexp_full_match", expressions=[exp.column("raw"), exp.Literal.string(LEADING_ZEROS_PATTERN)]
    )
    sums = aggregate("sum", "n"), aggregate("min", "raw")
    query = select_from(raw.subquery("raw_values"), *sums, where=pattern)
    ((rows, example),) = cells.execute(query)
    return LeadingZeros(int(rows), str(example)) if rows else None


def _build_readings(stored: StorageType) -> list[exp.Expr]:
    """Build the casts of a value to each type, NULL where the storage type excludes them."""
    value, null = exp.column("v"), exp.null()
    whole = cast_to_integer(value, stored) if stored.is_text or stored is StorageType.INTEGER else null
    # A text column of a typed source is read as texts or as whole numbers only.
    number = cast_to_float(value, stored) if stored is StorageType.TEXT_CELL or stored.is_number else null
    truth = cast_to_boolean(value, stored) if stored is StorageType.TEXT_CELL else null
    whole_looking = exp.case().when(is_whole_text(value), exp.Literal.number(1)) if stored.is_text else null
    readings = {"whole": whole, "number": number, "truth": truth, "whole_looking": whole_looking}
    return [reading.copy().as_(name) for name, reading in readings.items()]


def _build_statistics(stored: StorageType) -> list[exp.Expr]:
    """Build the aggregates over the distinct values and their casts, as one row."""
    is_missing = exp.column("v").is_(exp.null())
    present = exp.case().when(is_missing, exp.Literal.number(0)).else_(exp.column("n"))
    # Only in a text file can several texts be one number. Elsewhere the values are distinct already, and a second
    # DISTINCT is expensive.
    distinct = stored is StorageType.TEXT_CELL
    return [
        *(aggregate("sum", "n"), exp.func("sum", present)),
        *(aggregate("count", name) for name in ("v", "whole_looking", "whole", "number", "truth")),
        *(aggregate("count", name, distinct=distinct) for name in ("whole", "number")),
        *(aggregate(function, name) for name in ("whole", "number") for function in ("min", "max")),
    ]


def _count_missing_texts(cells: CellStore, raw: exp.Select, texts: list[str]) -> dict[str, int]:
    """Count the rows of each text that occurs."""
    query = select_from(raw.subquery("raw_values"), "raw", "n", where=is_one_of(exp.column("raw"), texts))
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
