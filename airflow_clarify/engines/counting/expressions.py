"""SQL expressions that implement Clarify's rules for columns, rendered in the dialect of each engine.

The input is a column as it is stored. ``StorageType.TEXT_CELL`` is a cell of a text file, whose type is inferred from
its contents as in pandas; ``StorageType.TEXT`` is a text column of a typed source; the others are typed by the source.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from enum import Enum, IntEnum

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

#: A whole number as the reader of pandas accepts it, with surrounding white space.
INTEGER_PATTERN = r"[[:space:]]*[+-]?[0-9]+[[:space:]]*"
#: A whole number with leading zeros, such as a postcode or an identifier.
LEADING_ZEROS_PATTERN = r"[[:space:]]*[+-]?0+[0-9]+[[:space:]]*"
FLOAT_PATTERN = (
    r"[[:space:]]*[+-]?"
    r"(([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?)"
    r"[[:space:]]*"
)
#: Types as expressions, as their names would be parsed at each use.
_BIGINT = exp.DataType(this=exp.DataType.Type.BIGINT)
_DOUBLE = exp.DataType(this=exp.DataType.Type.DOUBLE)
_TEXT = exp.DataType(this=exp.DataType.Type.VARCHAR)
#: The canonical text of a timestamp.
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
        """Return whether the values are stored as texts."""
        return self in (StorageType.TEXT_CELL, StorageType.TEXT)

    @property
    def is_number(self) -> bool:
        """Return whether the values are stored as numbers."""
        return self in (StorageType.INTEGER, StorageType.FLOAT, StorageType.DECIMAL)


def check_not_nested(column: str, stored: StorageType | None, key: str) -> None:
    """Check that a column is not nested, as structs, lists and maps have no defined categories.

    :param column: the name of the column
    :param stored: how its source stores it; None if unknown
    :param key: the setting that names the column, for the error message
    :raises ConfigError: the column holds nested values
    """
    if stored is StorageType.NESTED:
        raise ConfigError(
            f"{key}: column '{column}' holds nested values (structs, lists or maps), which are neither categories nor "
            "numbers; name another column, or write the field that you mean to a column of its own"
        )


def looks_nested(text: exp.Expr) -> exp.Expr:
    """Build the condition that a text begins like an array or an object of JSON.

    :param text: the text
    """
    return exp.or_(text.like("[%"), text.copy().like("{%"))


def null_if_missing(column: exp.Expr, stored: StorageType, na_values: Collection[str]) -> exp.Expr:
    """Replace missing values by NULL and negative zero by zero.

    Equal values are then identical. Missing are the NA texts in a text file, and NaN in a float column.

    :param column: the column
    :param stored: how its source stores it
    :param na_values: the texts that count as missing in a text file
    """
    if stored is StorageType.TEXT_CELL and na_values:
        return exp.case().when(is_one_of(column, na_values), exp.null()).else_(column.copy())
    if stored is StorageType.FLOAT:
        not_a_number = exp.Anonymous(this="isnan", expressions=[column.copy()])
        # ABS keeps the type of the column, and so the digits of its values.
        zero = exp.Abs(this=column.copy())
        return exp.case().when(not_a_number, exp.null()).when(_is_zero(column), zero).else_(column.copy())
    return column


def is_one_of(column: exp.Expr, texts: Collection[str]) -> exp.Expr:
    """Build the condition that a column equals one of some texts.

    :param column: the column
    :param texts: the texts
    """
    return column.copy().isin(*(exp.Literal.string(text) for text in sorted(texts)))


def is_at(text: exp.Expr, keys: Collection[str]) -> exp.Expr:
    """Build the condition that a timestamp equals one of some timestamps.

    It holds whatever UTC offset or trailing zeros the database writes.

    :param text: the timestamp as text
    :param keys: timestamps formatted by :func:`~airflow_clarify.bias.column_types.format_timestamp`
    """

    def is_key(key: str) -> exp.Expr:
        if key.endswith("+00"):
            return is_one_of(text, [key, f"{key}:00"])
        if not _MOMENT.fullmatch(key):
            return is_one_of(text, [key])
        whole, _, fraction = key.partition(".")
        spelled = {f"{whole}.{fraction.ljust(digits, '0')}" for digits in (3, 6, 7, 9) if digits >= len(fraction)}
        spelled |= {key}
        with_offset = [text.like(f"{key}{sign}%") for sign in "+-"]
        return exp.or_(is_one_of(text, spelled), *with_offset)

    return exp.paren(exp.or_(*map(is_key, keys)))


def is_whole_text(column: exp.Expr) -> exp.Expr:
    """Build the condition that a text is a whole number, of any size.

    :param column: the text
    """
    return _match_pattern(column, INTEGER_PATTERN)


def cast_to_integer(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """Cast a column to whole numbers; NULL for texts that are not 64-bit integers.

    :param column: the column
    :param stored: how its source stores it
    """
    if not stored.is_text:
        return column.copy()
    # A cast alone would also take "1.0" and "1e3", which pandas reads as floats.
    return exp.case().when(is_whole_text(column), _cast_or_null(column, _BIGINT))


def cast_to_float(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """Cast a column to floats; NULL for a text that is not a number.

    :param column: the column
    :param stored: how its source stores it
    """
    if not stored.is_text:
        return exp.cast(column.copy(), _DOUBLE)
    number = _cast_or_null(column, _DOUBLE)
    # The text "-0.0" is the number 0.0.
    number = exp.case().when(_is_zero(number), exp.Abs(this=number.copy())).else_(number)
    return exp.case().when(_match_pattern(column, FLOAT_PATTERN), number)


def cast_to_weight(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """Cast a column to row weights; NULL for a text that is not a number.

    :param column: the column
    :param stored: how its source stores it
    """
    if stored is StorageType.BOOLEAN:
        # PostgreSQL cannot cast a boolean to a float.
        return exp.case().when(column.copy(), exp.cast(1, _DOUBLE)).when(exp.not_(column), exp.cast(0, _DOUBLE))
    if not stored.is_text:
        return exp.cast(column.copy(), _DOUBLE)
    # Evaluated for every row, so it accepts whatever a cast accepts instead of matching a pattern. Without TRIM, DuckDB
    # 2.0 moves the cast into its CSV reader, where it fails instead of returning NULL.
    return _cast_or_null(exp.Trim(this=column.copy()), _DOUBLE)


class ScoreCode(IntEnum):
    """What a row's score counts as; a missing score is NULL."""

    NEGATIVE = 0
    POSITIVE = 1
    OUTSIDE = 2
    NO_NUMBER = 3


def build_score_code(score: exp.Expr, stored: StorageType, na_values: Collection[str], threshold: float) -> exp.Expr:
    """Build the :class:`ScoreCode` of a row: positive if its score is above the threshold.

    :param score: the column of scores
    :param stored: how its source stores it
    :param na_values: the texts that count as missing in a text file
    :param threshold: the threshold, from 0 to 1
    """
    number, bound = cast_to_weight(score, stored), exp.cast(exp.Literal.string(repr(float(threshold))), _DOUBLE)
    missing = null_if_missing(score, stored, na_values).is_(exp.null())
    # NaN is above all numbers in some databases, and compares false in others; it is in neither of the ranges.
    return (
        exp.case()
        .when((number > bound) & (number <= 1), str(ScoreCode.POSITIVE.value))
        .when((number >= 0) & (number <= bound), str(ScoreCode.NEGATIVE.value))
        .when(missing, exp.null())
        .when(number.is_(exp.null()), str(ScoreCode.NO_NUMBER.value))
        .else_(str(ScoreCode.OUTSIDE.value))
    )


def cast_to_boolean(column: exp.Expr, stored: StorageType) -> exp.Expr:
    """Cast a column to booleans; NULL for texts other than "true" and "false", ignoring case.

    :param column: the column
    :param stored: how its source stores it
    """
    if not stored.is_text:
        return column.copy()
    word = exp.Lower(this=column.copy())
    return exp.case().when(is_one_of(word, ["true"]), exp.true()).when(is_one_of(word, ["false"]), exp.false())


def build_category_text(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    """Build the canonical text of a column's values, as Clarify writes them.

    :param column: the column
    :param stored: how its source stores it
    :param profile: the profile of the column
    """
    if profile.kind == "boolean":
        truth = cast_to_boolean(column, stored)
        return (
            exp.case().when(truth, exp.Literal.string("True")).when(exp.not_(truth.copy()), exp.Literal.string("False"))
        )
    if stored is StorageType.TEXT_CELL and profile.numeric:
        return exp.cast(_read_number(column, stored, profile), _TEXT)
    return exp.cast(column.copy(), _TEXT)


def build_category_key(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    """Build the key that identifies the categories of a column in a database.

    Databases differ in how they convert typed values to texts, so typed values are compared without a conversion.

    :param column: the column
    :param stored: how its source stores it
    :param profile: the profile of the column
    """
    if stored is not StorageType.TEXT_CELL:
        return column.copy()
    return cast_to_float(column, stored) if profile.kind == "float" else build_category_text(column, stored, profile)


def build_group_key(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    """Build the key that identifies the groups of a group variable.

    The cells of a text file are parsed first; typed values are compared without a conversion.

    :param column: the column
    :param stored: how its source stores it
    :param profile: the profile of the column
    """
    if stored is not StorageType.TEXT_CELL:
        return column.copy()
    return _read_number(column, stored, profile) if profile.numeric else build_category_text(column, stored, profile)


class ValueFilter:
    """A filter for the rows with certain values, or in an interval, of a column.

    :param profile: the profile of the column
    :param stored: how the source stores it
    :param values: the configured values or threshold
    :param declared: the column type that the configuration declares; None to infer it
    :param key: the configuration key to name in an error
    :raises ConfigError: the values do not fit the column
    :raises DataError: the column holds no number to compare with a threshold
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
        #: Whether numbers are truncated to whole ones before they are compared with an interval.
        self.truncated = False
        if self.scale is Scale.CONTINUOUS:
            self.interval = build_interval(profile, values, key)
            self.text = self.interval.text
        else:
            self.keys = tuple(format_category(value, profile, key) for value in values or ())
            self.text = join_values(values or ())

    def build_condition(self, column: exp.Expr) -> exp.Expr:
        """Build the condition that selects a row; it is not true for a missing value.

        :param column: the column
        """
        if self.interval is not None:
            return self._build_interval_condition(column, self.interval)
        if self.profile.kind == "float":
            numbers = [exp.cast(exp.Literal.string(key), _DOUBLE) for key in self.keys]
            return cast_to_float(column, self.stored).isin(*numbers)
        if self.profile.kind == "timestamp":
            return is_at(build_category_text(column, self.stored, self.profile), self.keys)
        return is_one_of(build_category_text(column, self.stored, self.profile), self.keys)

    def is_at_threshold(self, column: exp.Expr) -> exp.Expr:
        """Build the condition that a row's value equals the threshold.

        :param column: the column
        """
        number = exp.cast(_read_number(column, self.stored, self.profile), _DOUBLE)
        return number.eq(_build_bound(float(self.values[0])))

    def _build_interval_condition(self, column: exp.Expr, interval: Interval) -> exp.Expr:
        if interval.low is None or interval.high is None:
            # The interval is empty. SQL Server has no literal for false.
            return exp.Literal.number(1).eq(0)
        number = _read_number(column, self.stored, self.profile)
        if self.truncated:
            number = exp.case().when(number < 0, exp.Ceil(this=number.copy())).else_(exp.Floor(this=number.copy()))
        if isinstance(interval.low, float) or isinstance(interval.high, float):
            # Whole numbers and floats are compared as floats, as in pandas; SQLite, for example, compares them exactly.
            number = exp.cast(number, _DOUBLE)
        return (number > _build_bound(interval.low)) & (number <= _build_bound(interval.high))


def determine_kind(
    stored: StorageType, present_values: int, *, looking_whole: int, integers: int, floats: int, booleans: int
) -> ColumnKind:
    """Determine the kind of a column from the casts of its distinct values.

    :param stored: how the source stores the column
    :param present_values: the number of distinct values that are not missing
    :param looking_whole: the number that are written as whole numbers, of any size
    :param integers: the number that are whole numbers of 64 bits
    :param floats: the number that are numbers
    :param booleans: the number that are booleans
    """
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
        # pandas reads an empty column as floats.
        return "float" if stored is StorageType.TEXT_CELL else "text"
    if integers == present_values:
        return "integer"
    # pandas keeps whole numbers beyond 64 bits as texts, as floats would be rounded.
    if stored is StorageType.TEXT_CELL and floats == present_values and looking_whole < present_values:
        return "float"
    if stored is StorageType.TEXT_CELL and booleans == present_values:
        return "boolean"
    return "text"


def _read_number(column: exp.Expr, stored: StorageType, profile: ColumnProfile) -> exp.Expr:
    return cast_to_integer(column, stored) if profile.kind == "integer" else cast_to_float(column, stored)


def _is_zero(number: exp.Expr) -> exp.Expr:
    return number.eq(0)


def _build_bound(number: int | float) -> exp.Expr:
    # A literal with a decimal point is a DECIMAL, which cannot hold large whole numbers; infinity has no literal.
    return exp.cast(exp.Literal.string(repr(number)), _DOUBLE) if isinstance(number, float) else exp.convert(number)


def _match_pattern(column: exp.Expr, pattern: str) -> exp.Expr:
    return exp.Anonymous(this="regexp_full_match", expressions=[column.copy(), exp.Literal.string(pattern)])


def _cast_or_null(column: exp.Expr, kind: exp.DataType) -> exp.Expr:
    return exp.TryCast(this=column.copy(), to=exp.DataType.build(kind))
