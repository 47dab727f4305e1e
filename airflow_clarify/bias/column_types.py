"""Clarify's rules for column types, and how configured values match the values of a column.

Whether a column is categorical or continuous depends on the rules of smclarify 0.5 (``ensure_series_data_type`` and
``_interval_index``), which use the dtype in pandas: an integer column with missing values is a float column, and text
that contains integers is text.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from airflow_clarify.exceptions import ConfigError, UnfitDataError

#: A value in ``label_values_or_threshold`` or ``value_or_threshold``.
Value = str | int | float | bool

ColumnKind = Literal["integer", "float", "boolean", "text", "timestamp", "other"]
DeclaredType = Literal["categorical", "continuous"]

#: Columns with at most this many distinct values are likely to be category codes rather than measurements.
FEW_VALUES = 10

#: An integer column whose share of distinct values is at least this is continuous (Clarify's rule).
UNIQUENESS_THRESHOLD = 0.05


class Scale(Enum):
    """How the values of a column are compared: by equality, or with a threshold."""

    CATEGORICAL = "categorical"
    CONTINUOUS = "continuous"


@dataclass(frozen=True)
class ColumnProfile:
    """Statistics of a column, from which its type is inferred.

    :param name: name of the column
    :param kind: the type of its values: ``integer``, ``float``, ``boolean``, ``text``, ``timestamp`` or ``other``, such
        as dates
    :param present: number of rows with a value
    :param missing: number of rows without a value
    :param distinct: number of distinct values, without the missing value
    :param minimum: smallest number; None if the values are not numbers
    :param maximum: largest number; None if the values are not numbers
    :param stored_as_text: whether the source stores integers as text, or decimals, which have dtype object in pandas
    :param held_as_objects: whether the numbers are in a DataFrame column of dtype object, which Clarify treats like
        text
    """

    name: str
    kind: ColumnKind
    present: int
    missing: int = 0
    distinct: int = 0
    minimum: int | float | None = None
    maximum: int | float | None = None
    stored_as_text: bool = False
    held_as_objects: bool = False

    @property
    def numeric(self) -> bool:
        return self.kind in ("integer", "float")

    @property
    def object_like(self) -> bool:
        """Return whether the column has dtype object in pandas, which Clarify casts to integers if possible."""
        return self.stored_as_text or self.held_as_objects

    @property
    def kind_text(self) -> str:
        """Name of the column type for error messages."""
        return "text of whole numbers" if self.kind == "integer" and self.stored_as_text else self.kind

    @property
    def uniqueness(self) -> float:
        return self.distinct / self.present if self.present else 0.0

    @property
    def seen_as_float(self) -> bool:
        """Return whether the column has a float dtype in pandas, as have integers with missing values."""
        if self.object_like:
            return False
        return self.kind == "float" or (self.kind == "integer" and self.missing > 0)


@dataclass(frozen=True)
class Interval:
    """The interval ``low < x <= high``.

    :param low: the open lower bound; None if the interval is empty
    :param high: the closed upper bound; None if the interval is empty
    """

    low: int | float | None
    high: int | float | None

    @property
    def text(self) -> str:
        """The interval as Clarify writes it: "(40, 89]", or "" if it is empty."""
        return "" if self.low is None or self.high is None else f"({self.low!r}, {self.high!r}]"


def determine_scale(
    profile: ColumnProfile, values: Sequence[Value] | None, declared: DeclaredType | None = None
) -> Scale:
    """Determine whether a column is categorical or continuous, by the rules of smclarify.

    :param profile: the statistics of the column
    :param values: the configured values or threshold, if any
    :param declared: the declared type, which overrides the rules
    :return: the scale of the column
    """
    if declared is not None:
        return Scale(declared)
    if values is not None and len(values) > 1:
        return Scale.CATEGORICAL
    if profile.seen_as_float:
        return Scale.CONTINUOUS
    countable = profile.kind == "integer" or (profile.kind == "float" and profile.object_like)
    # A column of dtype object with missing values stays categorical: the cast to integers fails.
    countable = countable and not (profile.object_like and profile.missing)
    return Scale.CONTINUOUS if countable and profile.uniqueness >= UNIQUENESS_THRESHOLD else Scale.CATEGORICAL


def build_interval(profile: ColumnProfile, values: Sequence[Value] | None, key: str) -> Interval:
    """Build the interval that a threshold selects.

    For a threshold t it is (t, max], or (max, t] where t exceeds the maximum.

    :param profile: the statistics of the column
    :param values: the configured threshold, as a list with one number
    :param key: the configuration key for error messages
    :return: the interval; empty where t equals the absolute maximum, as in Clarify
    :raises ConfigError: there is no threshold, more than one, or it is not a number
    :raises UnfitDataError: the column has no numbers
    """
    if not profile.present:
        selects = f"{key} = {values[0]!r} selects nothing" if values else "there is nothing to compare"
        raise UnfitDataError(f"column '{profile.name}' holds no value, so {selects}; check the column")
    if not values:
        raise ConfigError(
            f"{key}: column '{profile.name}' is continuous ({profile.kind_text}, {profile.distinct} distinct values in "
            f"{profile.present} rows), so it needs a threshold such as [0.5], or the type 'categorical'"
        )
    if len(values) > 1:
        raise ConfigError(f"{key}: a continuous column takes one threshold, not {len(values)} ({list(values)!r})")
    threshold = _parse_number(values[0])
    if threshold is None:
        raise ConfigError(f"{key}: column '{profile.name}' is continuous, and {values[0]!r} is not a number")
    if profile.maximum is None:
        raise UnfitDataError(
            f"column '{profile.name}' holds {profile.kind} values, not numbers, so {key} = {values[0]!r} selects "
            "nothing; check the column"
        )
    maximum = float(profile.maximum) if profile.seen_as_float else profile.maximum
    if abs(maximum) == threshold:
        # Clarify compares the threshold with the *absolute* maximum and then adds no upper bound.
        return Interval(None, None)
    low, high = sorted((threshold, maximum))
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    return Interval(low, high)


def format_category(value: Value, profile: ColumnProfile, key: str) -> str:
    """Format a configured value like the cells of the column, after conversion to its type.

    :param value: the configured value: ``1``, ``"1"``, ``True``, ``"Gift Card"``
    :param profile: the statistics of the column
    :param key: the configuration key for error messages
    :return: the text that an engine counts rows with this value under
    :raises ConfigError: the value cannot be converted, so no row can match
    """
    if profile.kind == "boolean":
        truth = _parse_boolean(value)
        if truth is None:
            raise ConfigError(f"{key}: column '{profile.name}' holds True and False, which {value!r} can never match")
        return str(truth)
    if profile.kind == "timestamp":
        return format_timestamp(str(value))
    if not profile.numeric or (profile.kind == "integer" and profile.stored_as_text):
        return str(value)
    number: int | float | None = _parse_whole_number(value) if profile.kind == "integer" else None
    if number is None:
        number = _parse_number(value)
    if number is None:
        raise ConfigError(f"{key}: column '{profile.name}' holds numbers, which {value!r} can never match")
    return format_number(number)


def format_number(number: int | float) -> str:
    """Format a number, with equal texts for 1 and 1.0.

    :param number: an integer or a float
    :return: without a decimal point where the number is whole
    """
    return str(int(number)) if isinstance(number, int) or number.is_integer() else repr(float(number))


def format_timestamp(text: str) -> str:
    """Format a timestamp as the engines do, "2026-01-31 10:00:00".

    A date without a time is midnight, as in pandas.

    :param text: the configured value, in ISO 8601
    :return: the timestamp, in UTC if it has an offset; ``text`` unchanged if it is not a timestamp
    """
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    offset = ""
    if moment.tzinfo is not None:
        moment, offset = moment.astimezone(datetime.UTC), "+00"
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}{offset}"


def join_values(values: Sequence[Value]) -> str:
    """Join values as Clarify does, "a,b".

    :param values: the configured values
    :return: the values, separated by commas
    """
    return ",".join(map(str, values))


def is_number(value: Value) -> bool:
    """Return whether a configured value is a number or the text of a number.

    :param value: the configured value
    :return: False for NaN
    """
    return _parse_number(value) is not None


def _parse_number(value: Value) -> int | float | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return None if value != value else value
    try:
        number = float(value)
    except ValueError:
        return None
    return None if number != number else number


def _parse_whole_number(value: Value) -> int | None:
    """Parse an integer exactly, since a float would round long identifiers."""
    try:
        return int(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _parse_boolean(value: Value) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(value.lower())
    return bool(value) if value in (0, 1) else None
