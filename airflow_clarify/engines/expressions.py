"""SQL for the questions that the rules ask of a column, built as expressions and rendered by each engine's dialect.

A column comes as it is stored. ``Stored.TEXT_CELL`` is a cell of a text file, whose type is told from what it holds, as
pandas does; ``Stored.TEXT`` is a column of texts; the others are typed by their source.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.columns import (
    ColumnKind,
    ColumnProfile,
    Interval,
    Scale,
    Value,
    category_key,
    interval_above,
    scale_of,
)

if TYPE_CHECKING:
    from sqlglot import exp

#: A whole number as pandas' reader takes it, spaces around it included.
INTEGER_PATTERN = r"\s*[+-]?[0-9]+\s*"
FLOAT_PATTERN = (
    r"\s*[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\s*"
)


class Stored(Enum):
    """How a source stores a column."""

    TEXT_CELL = "text cell"
    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    OTHER = "other"

    @property
    def is_text(self) -> bool:
        return self in (Stored.TEXT_CELL, Stored.TEXT)


def present(column: exp.Expression, stored: Stored, na_values: Collection[str]) -> exp.Expression:
    """The column, NULL where its value counts as missing: an NA text in a text file, NaN in a float column."""
    from sqlglot import exp

    if stored is Stored.TEXT_CELL and na_values:
        listed = [exp.Literal.string(value) for value in sorted(na_values)]
        return exp.case().when(column.copy().isin(*listed), exp.null()).else_(column.copy())
    if stored is Stored.FLOAT:
        not_a_number = exp.Anonymous(this="isnan", expressions=[column.copy()])
        return exp.case().when(not_a_number, exp.null()).else_(column.copy())
    return column


def as_integer(column: exp.Expression, stored: Stored) -> exp.Expression:
    """The column as whole numbers; NULL where a text holds none."""
    from sqlglot import exp

    if not stored.is_text:
        return column.copy()
    # A cast alone would also take "1.0" and "1e3", which pandas reads as floats.
    whole = exp.Anonymous(
        this="regexp_full_match", expressions=[column.copy(), exp.Literal.string(INTEGER_PATTERN)]
    )
    return exp.case().when(whole, exp.TryCast(this=exp.Trim(this=column.copy()), to=exp.DataType.build("BIGINT")))


def as_float(column: exp.Expression, stored: Stored) -> exp.Expression:
    """The column as floats; NULL where a text holds none."""
    from sqlglot import exp

    if not stored.is_text:
        return exp.cast(column.copy(), "DOUBLE")
    number = exp.Anonymous(this="regexp_full_match", expressions=[column.copy(), exp.Literal.string(FLOAT_PATTERN)])
    return exp.case().when(number, exp.TryCast(this=exp.Trim(this=column.copy()), to=exp.DataType.build("DOUBLE")))


def as_boolean(column: exp.Expression, stored: Stored) -> exp.Expression:
    """The column as truth values; NULL where a text holds none."""
    from sqlglot import exp

    if not stored.is_text:
        return column.copy()
    true = column.copy().isin(*(exp.Literal.string(t) for t in ("True", "TRUE", "true")))
    false = column.copy().isin(*(exp.Literal.string(t) for t in ("False", "FALSE", "false")))
    return exp.case().when(true, exp.true()).when(false, exp.false())


def category_text(column: exp.Expression, stored: Stored, profile: ColumnProfile) -> exp.Expression:
    """The text under which a value of a column is counted, as Clarify writes it."""
    from sqlglot import exp

    if profile.kind == "boolean":
        truth = as_boolean(column, stored)
        return (
            exp.case()
            .when(truth, exp.Literal.string("True"))
            .when(exp.not_(truth.copy()), exp.Literal.string("False"))
        )
    if profile.kind == "integer" and stored is not Stored.TEXT:
        return exp.cast(as_integer(column, stored), "VARCHAR")
    if profile.kind == "float" and stored is Stored.TEXT_CELL:
        return exp.cast(as_float(column, stored), "VARCHAR")
    return exp.cast(column.copy(), "VARCHAR")


def group_key(column: exp.Expression, stored: Stored, profile: ColumnProfile) -> exp.Expression:
    """What tells the groups of a group variable apart: its numbers where it holds numbers, which are lighter."""
    if profile.numeric and stored is not Stored.TEXT:
        return as_integer(column, stored) if profile.kind == "integer" else as_float(column, stored)
    return category_text(column, stored, profile)


class Selection:
    """The rows of a column that a configuration means: some of its values, or an interval.

    :param profile: what the column holds
    :param stored: how
    :param values: the configured values or threshold
    :param declared: the author's word on the column's type
    :param key: the configuration key to name in an error
    :raises ConfigError: the values do not fit the column
    :raises DataError: the column holds no number to hold a threshold against
    """

    def __init__(
        self, profile: ColumnProfile, stored: Stored, values: Sequence[Value] | None, declared: Any, key: str
    ) -> None:
        self.profile = profile
        self.stored = stored
        self.scale = scale_of(profile, values, declared)
        self.interval: Interval | None = None
        self.keys: tuple[str, ...] = ()
        if self.scale is Scale.CONTINUOUS:
            self.interval = interval_above(profile, values, key)
            self.text = self.interval.text
        else:
            self.keys = tuple(category_key(value, profile, key) for value in values or ())
            self.text = ",".join(map(str, values or ()))

    def condition(self, column: exp.Expression) -> exp.Expression:
        """Whether a row is meant; false where the value is missing."""
        from sqlglot import exp

        if self.interval is not None:
            if self.interval.low is None or self.interval.high is None:
                return exp.false()
            number = self._number(column)
            above = exp.GT(this=number, expression=exp.convert(self.interval.low))
            up_to = exp.LTE(this=number.copy(), expression=exp.convert(self.interval.high))
            return exp.Coalesce(this=exp.paren(exp.and_(above, up_to)), expressions=[exp.false()])
        if self.profile.kind == "float":
            numbers = [exp.cast(exp.Literal.string(key), "DOUBLE") for key in self.keys]
            return exp.Coalesce(this=as_float(column, self.stored).isin(*numbers), expressions=[exp.false()])
        texts = [exp.Literal.string(key) for key in self.keys]
        meant = category_text(column, self.stored, self.profile).isin(*texts)
        return exp.Coalesce(this=meant, expressions=[exp.false()])

    def _number(self, column: exp.Expression) -> exp.Expression:
        return as_integer(column, self.stored) if self.profile.kind == "integer" else as_float(column, self.stored)


def kind_of(stored: Stored, present_rows: int, integers: int, floats: int, booleans: int) -> ColumnKind:
    """What the present values of a column are, from how many of its distinct values read as each."""
    typed: dict[Stored, ColumnKind] = {
        Stored.INTEGER: "integer",
        Stored.FLOAT: "float",
        Stored.DECIMAL: "float",
        Stored.BOOLEAN: "boolean",
        Stored.OTHER: "other",
    }
    if stored in typed:
        return typed[stored]
    if not present_rows:
        # pandas reads a column without any value as floats.
        return "float" if stored is Stored.TEXT_CELL else "text"
    if integers == present_rows:
        return "integer"
    if stored is Stored.TEXT_CELL and floats == present_rows:
        return "float"
    if stored is Stored.TEXT_CELL and booleans == present_rows:
        return "boolean"
    return "text"
