"""When a column is categorical, when it is continuous, and which of its values a configured value means.

The rules are Clarify's (smclarify 0.5, ``ensure_series_data_type`` and ``_interval_index``), which sees a column as
pandas reads it: whole numbers with gaps are floats, text is text even where it holds whole numbers.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from airflow_clarify.exceptions import ConfigError, DataError

#: A value as it stands in ``label_values_or_threshold`` or ``value_or_threshold``.
Value = str | int | float | bool

ColumnKind = Literal["integer", "float", "boolean", "text", "timestamp", "other"]
DeclaredType = Literal["categorical", "continuous"]

#: Columns with at most this many distinct values are likely to be codes for categories rather than measurements.
FEW_VALUES = 10

#: An integer column whose share of distinct values is at least this is continuous (Clarify's rule).
UNIQUENESS_THRESHOLD = 0.05


class Scale(Enum):
    """How the values of a column are told apart: by equality, or by a threshold."""

    CATEGORICAL = "categorical"
    CONTINUOUS = "continuous"


@dataclass(frozen=True)
class ColumnProfile:
    """What the rules need to know of a column.

    :param name: name of the column
    :param kind: what its present values are: ``integer``, ``float``, ``boolean``, ``text``, ``timestamp`` or ``other``
        (dates, say)
    :param present: rows with a value
    :param missing: rows without
    :param distinct: number of distinct present values
    :param minimum: smallest number; None where the values are not numbers
    :param maximum: largest number; None where the values are not numbers
    :param stored_as_text: whole numbers that their source stores as text, or decimals, which pandas holds as objects
    :param held_as_objects: numbers in a DataFrame column of dtype object, which Clarify treats like texts of numbers
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
        """Whether pandas holds the column as objects, so that Clarify tries to cast it to whole numbers."""
        return self.stored_as_text or self.held_as_objects

    @property
    def kind_text(self) -> str:
        """The type of the column as an error names it."""
        return "text of whole numbers" if self.kind == "integer" and self.stored_as_text else self.kind

    @property
    def uniqueness(self) -> float:
        return self.distinct / self.present if self.present else 0.0

    @property
    def seen_as_float(self) -> bool:
        """Whether pandas, and so Clarify, holds the column as floats: whole numbers with gaps become floats too."""
        if self.object_like:
            return False
        return self.kind == "float" or (self.kind == "integer" and self.missing > 0)


@dataclass(frozen=True)
class Interval:
    """The rows ``low < x <= high``. Neither bound where no value can lie inside."""

    low: int | float | None
    high: int | float | None

    @property
    def text(self) -> str:
        """As Clarify writes it: "(40, 89]", "(0.5, 3.36]", or "" where it has no bounds."""
        return "" if self.low is None or self.high is None else f"({self.low!r}, {self.high!r}]"


def determine_scale(
    profile: ColumnProfile, values: Sequence[Value] | None, declared: DeclaredType | None = None
) -> Scale:
    """Decide whether a column is compared by equality or by a threshold.

    :param profile: what the column holds
    :param values: the configured values or threshold, if any
    :param declared: the author's own word, which beats the rule
    """
    if declared is not None:
        return Scale(declared)
    if values is not None and len(values) > 1:
        return Scale.CATEGORICAL
    if profile.seen_as_float:
        return Scale.CONTINUOUS
    countable = profile.kind == "integer" or (profile.kind == "float" and profile.object_like)
    # What pandas holds as objects stays so where there are gaps: it cannot cast a missing value to an integer.
    countable = countable and not (profile.object_like and profile.missing)
    return Scale.CONTINUOUS if countable and profile.uniqueness >= UNIQUENESS_THRESHOLD else Scale.CATEGORICAL


def build_interval(profile: ColumnProfile, values: Sequence[Value] | None, key: str) -> Interval:
    """The interval that a threshold t selects: (t, max], or (max, t] when t lies beyond the maximum.

    :param profile: what the column holds
    :param values: the configured threshold, as a list of one
    :param key: the configuration key to name in an error
    :raises ConfigError: no threshold, several, or one that is not a number
    :raises DataError: the column holds no number
    """
    if not profile.present:
        selects = f"{key} = {values[0]!r} selects nothing" if values else "there is nothing to compare"
        raise DataError(f"column '{profile.name}' holds no value, so {selects}; check the column")
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
        raise DataError(
            f"column '{profile.name}' holds {profile.kind} values, not numbers, so {key} = {values[0]!r} selects "
            "nothing; check the column"
        )
    maximum = float(profile.maximum) if profile.seen_as_float else profile.maximum
    if abs(maximum) == threshold:
        # Clarify compares the threshold with the *absolute* maximum and then has no upper bound to add.
        return Interval(None, None)
    low, high = sorted((threshold, maximum))
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    return Interval(low, high)


def format_category(value: Value, profile: ColumnProfile, key: str) -> str:
    """The text under which an engine counts a configured value, after converting it to the column's type.

    :param value: the configured value: ``1``, ``"1"``, ``True``, ``"Gift Card"``
    :param profile: what the column holds
    :param key: the configuration key to name in an error
    :raises ConfigError: the value cannot be converted, so it could never match
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
    """The text of a number that is the same for 1 and 1.0, as they are equal."""
    return str(int(number)) if isinstance(number, int) or number.is_integer() else repr(float(number))


def format_timestamp(text: str) -> str:
    """Write a timestamp as the engines do, "2026-01-31 10:00:00"; a day alone is its midnight, as in pandas.

    :param text: the configured value, in ISO 8601
    :return: the timestamp's text, in UTC where it has an offset; ``text`` itself where it is not a timestamp
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
    """Several values as Clarify writes them: "a,b"."""
    return ",".join(map(str, values))


def is_number(value: Value) -> bool:
    """Whether a configured value is a number, or the text of one."""
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
    """The whole number that a text writes, exact where a float would round it: identifiers are often that long."""
    try:
        return int(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _parse_boolean(value: Value) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(value.lower())
    return bool(value) if value in (0, 1) else None
