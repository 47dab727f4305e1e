"""SQL for the questions that the rules ask of a column, built as expressions and rendered by each engine's dialect.

A column comes as it is stored. ``Stored.TEXT_CELL`` is a cell of a text file, whose type is told from what it holds, as
pandas does; ``Stored.TEXT`` is a column of texts; the others are typed by their source.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import Enum

from sqlglot import exp

from airflow_clarify.bias.column_types import (
    ColumnKind,
    ColumnProfile,
    DeclaredType,
    Interval,
    Scale,
    Value,
    build_interval,
    determine_scale,
    format_category,
    join_values,
)
from airflow_clarify.exceptions import ConfigError

#: A whole number as pandas' reader takes it, white space around it included.
INTEGER_PATTERN = r"[[:space:]]*[+-]?[0-9]+[[:space:]]*"
#: A whole number with zeros at its beginning, such as a postcode or an identifier.
LEADING_ZEROS_PATTERN = r"[[:space:]]*[+-]?0+[0-9]+[[:space:]]*"
FLOAT_PATTERN = (
    r"[[:space:]]*[+-]?"
    r"(([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?)"
    r"[[:space:]]*"
)
#: A timestamp as its key writes it.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")


class StorageType(Enum):
    """How a source stores a column."""

    TEXT_CELL = "text cell"
    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    OTHER = "other"
    NESTED = "nested"

    @property
    def is_text(self) -> bool:
        return self in (StorageType.TEXT_CELL, StorageType.TEXT)

    @property
    def is_number(self) -> bool:
        return self in (StorageType.INTEGER, StorageType.FLOAT, StorageType.DECIMAL)


def check_not_nested(column: str, stored: StorageType | None, key: str) -> None:
    """Refuse a column of structs, lists or maps: there is no definition of which of them are one category.

    :param column: its name
    :param stored: how its source stores it, where that is known
    :param key: the setting that names it
    :raises ConfigError: its values are nested
    """
    if stored is StorageType.NESTED:
        raise ConfigError(
            f"{key}: column '{column}' holds nested values (structs, lists or maps), which are neither categories nor "
            "numbers; name another column, or write the field that you mean to a column of its own"
        )


def null_if_missing(column: exp.Expr, stored: StorageType, na_values: Collection[str]) -> exp.Expr:
    """Select the values of a column in the one form in which equal values are the same.

    NULL is what counts as missing: an NA text in a text file, NaN in a float column. Negative zero is zero.
    """
    if stored is StorageType.TEXT_CELL and na_values:
        return exp.case().when(is_one_of(column, na_values), exp.null()).else_(column.copy())
    if stored is StorageType.FLOAT:
        not_a_number = exp.Anonymous(this="isnan", expressions=[column.copy()])
        # ABS keeps the type of the column, so that the digits of its values stay the same.
        zero = exp.Abs(this=column.copy())
        return exp.case().when(not_a_number, exp.null()).when(_is_zero(column), zero).else_(column.copy())
    return column


def is_one_of(column: exp.Expr, texts: Collection[str]) -> exp.Expr:
    """Whether the column is one of some texts."""
    return column.copy().isin(*(exp.Literal.string(text) for text in sorted(texts)))


def is_at(text: exp.Expr, keys: Collection[str]) -> exp.Expr:
    """Whether the text of a timestamp is one of some moments, whatever offset or zeros the database writes behind it.

    :param text: the text of the timestamp
    :param keys: as :func:`~airflow_clarify.bias.column_types.format_timestamp` writes them
    """

    def is_key(key: str) -> exp.Expr:
        if key.endswith("+00"):
            return is_one_of(text, [key, f"{key}:00"])
        if not _MOMENT.fullmatch(key):
            return is_one_of(text, [key])
        whole, _, fraction = key.partition(".")
        spelled = {f"{whole}.{fraction.ljust(digits, '0')}" for digits in (3, 6, 7, 9) if digits >= len(fraction)}
        spelled |= {key}
        with_offset = [exp.Like(this=text.copy(), expression=exp.Literal.string(f"{key}{sign}%")) for sign in "+-"]
        return exp.or_(is_one_of(text, spelled), *with_offset)

    return exp.paren(exp.or_(*map(is_key, keys)))


def is_whole_text(column: exp.Expr) -> exp.Expr:
    """Whether a text writes a whole number, of whatever size."""
    return _match_pattern(column, INTEGER_PATTERN)


def cast_to_integer(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """The column as whole numbers; NULL where a text holds none, or one beyond 64 bits."""
    if not stored.is_text:
        return column.copy()
    # A cast alone would also take "1.0" and "1e3", which pandas reads as floats.
    return exp.case().when(is_whole_text(column), _cast_or_null(column, "BIGINT"))


def cast_to_float(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """The column as floats; NULL where a text holds none."""
    if not stored.is_text:
        return exp.cast(column.copy(), "DOUBLE")
    number = _cast_or_null(column, "DOUBLE")
    # The text "-0.0" is the number 0.0.
    number = exp.case().when(_is_zero(number), exp.Abs(this=number.copy())).else_(number)
    return exp.case().when(_match_pattern(column, FLOAT_PATTERN), number)


def cast_to_weight(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """The column as row weights; NULL where a text holds no number."""
    if stored is StorageType.BOOLEAN:
        # PostgreSQL casts no truth value to a float.
        one, zero = (exp.cast(exp.Literal.number(number), "DOUBLE") for number in (1, 0))
        return exp.case().when(column.copy(), one).when(exp.not_(column.copy()), zero)
    if not stored.is_text:
        return exp.cast(column.copy(), "DOUBLE")
    # This is asked of every row, so it takes what a cast takes, and no pattern is held against it. Without TRIM, DuckDB
    # 2.0 lets its CSV reader do the cast, which then fails instead of giving NULL.
    return _cast_or_null(exp.Trim(this=column.copy()), "DOUBLE")


def cast_to_boolean(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """The column as truth values; NULL where a text holds none."""
    if not stored.is_text:
        return column.copy()
    word = exp.Lower(this=column.copy())
    return exp.case().when(is_one_of(word, ["true"]), exp.true()).when(is_one_of(word, ["false"]), exp.false())


def build_category_text(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    """The text under which a value of a column is counted, as Clarify writes it."""
    if profile.kind == "boolean":
        truth = cast_to_boolean(column, stored)
        return (
            exp.case().when(truth, exp.Literal.string("True")).when(exp.not_(truth.copy()), exp.Literal.string("False"))
        )
    if stored is StorageType.TEXT_CELL and profile.numeric:
        return exp.cast(_read_number(column, stored, profile), "VARCHAR")
    return exp.cast(column.copy(), "VARCHAR")


def category(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    """What tells the categories of a column apart, without the text under which they are counted.

    Databases write the texts of typed values in ways of their own, so those are compared as they are.
    """
    if stored is not StorageType.TEXT_CELL:
        return column.copy()
    return cast_to_float(column, stored) if profile.kind == "float" else build_category_text(column, stored, profile)


def build_group_key(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    """What tells the groups of a group variable apart: its values, which for a text file are what its cells say."""
    if stored is not StorageType.TEXT_CELL:
        return column.copy()
    return _read_number(column, stored, profile) if profile.numeric else build_category_text(column, stored, profile)


class ValueFilter:
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
        self,
        profile: ColumnProfile,
        stored: StorageType,
        values: Sequence[Value] | None,
        declared: DeclaredType | None,
        key: str,
    ) -> None:
        self.profile = profile
        self.stored = stored
        self.values = tuple(values or ())
        self.declared = declared
        self.scale = determine_scale(profile, values, declared)
        self.interval: Interval | None = None
        self.keys: tuple[str, ...] = ()
        if self.scale is Scale.CONTINUOUS:
            self.interval = build_interval(profile, values, key)
            self.text = self.interval.text
        else:
            self.keys = tuple(format_category(value, profile, key) for value in values or ())
            self.text = join_values(values or ())

    def build_condition(self, column: exp.Expr) -> exp.Expr:
        """Whether a row is meant; not true where the value is missing."""
        if self.interval is not None:
            return self._build_interval_condition(column, self.interval)
        if self.profile.kind == "float":
            numbers = [exp.cast(exp.Literal.string(key), "DOUBLE") for key in self.keys]
            return cast_to_float(column, self.stored).isin(*numbers)
        if self.profile.kind == "timestamp":
            return is_at(build_category_text(column, self.stored, self.profile), self.keys)
        return is_one_of(build_category_text(column, self.stored, self.profile), self.keys)

    def is_at_threshold(self, column: exp.Expr) -> exp.Expr:
        """Whether a row holds the threshold itself."""
        number = exp.cast(_read_number(column, self.stored, self.profile), "DOUBLE")
        return exp.EQ(this=number, expression=_build_bound(float(self.values[0])))

    def _build_interval_condition(self, column: exp.Expr, interval: Interval) -> exp.Expr:
        if interval.low is None or interval.high is None:
            # Nothing is. (SQL Server has no word for false.)
            return exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
        number = _read_number(column, self.stored, self.profile)
        if isinstance(interval.low, float) or isinstance(interval.high, float):
            # Whole numbers are compared with floats as floats, as in pandas; SQLite, for one, would do so exactly.
            number = exp.cast(number, "DOUBLE")
        above = exp.GT(this=number, expression=_build_bound(interval.low))
        up_to = exp.LTE(this=number.copy(), expression=_build_bound(interval.high))
        return exp.and_(above, up_to)


def determine_kind(
    stored: StorageType, present_values: int, *, looking_whole: int, integers: int, floats: int, booleans: int
) -> ColumnKind:
    """What the present values of a column are, from how many of its distinct values can be read as what."""
    typed: dict[StorageType, ColumnKind] = {
        StorageType.INTEGER: "integer",
        StorageType.FLOAT: "float",
        StorageType.DECIMAL: "float",
        StorageType.BOOLEAN: "boolean",
        StorageType.TIMESTAMP: "timestamp",
        StorageType.OTHER: "other",
    }
    if stored in typed:
        return typed[stored]
    if not present_values:
        # pandas reads a column without any value as floats.
        return "float" if stored is StorageType.TEXT_CELL else "text"
    if integers == present_values:
        return "integer"
    # Whole numbers beyond 64 bits stay texts in pandas, which would round them as floats.
    if stored is StorageType.TEXT_CELL and floats == present_values and looking_whole < present_values:
        return "float"
    if stored is StorageType.TEXT_CELL and booleans == present_values:
        return "boolean"
    return "text"


def _read_number(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    return cast_to_integer(column, stored) if profile.kind == "integer" else cast_to_float(column, stored)


def _is_zero(number: exp.Expr) -> exp.Expr:
    return exp.EQ(this=number.copy(), expression=exp.Literal.number(0))


def _build_bound(number: int | float) -> exp.Expr:
    # As a bare literal a decimal point makes a DECIMAL, into which large whole numbers do not fit; infinity has none.
    return exp.cast(exp.Literal.string(repr(number)), "DOUBLE") if isinstance(number, float) else exp.convert(number)


def _match_pattern(column: exp.Expr, pattern: str) -> exp.Expr:
    return exp.Anonymous(this="regexp_full_match", expressions=[column.copy(), exp.Literal.string(pattern)])


def _cast_or_null(column: exp.Expr, kind: str) -> exp.Expr:
    return exp.TryCast(this=column.copy(), to=exp.DataType.build(kind))
