"""Deliberate differences from smclarify.

Each difference says what smclarify does and what we do. Nothing is compared more loosely for it: where a difference
applies, the same question is put to smclarify again, so plainly that there is nothing to misunderstand, and then its
answer must be ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from cases import Case, Column


class Difference(Enum):
    """What smclarify does; what we do."""

    MIXED_VALUES = (
        "It converts values to the column's type only when none matches as given, so that ['5', 4] on integers means 4 "
        "alone, and cuts them, so that [0.5] means 0; we convert each value, and 0.5 equals no integer."
    )
    TRUTHS = (
        "On a column of booleans 'False', 99 and 'no' all mean True to it; to us true, 1 and 1.0 do, false, 0 and 0.0 "
        "mean False, and others are an error."
    )
    NEVER_MATCHING = (
        "A value that cannot be converted to the column's type ('zzz' among numbers) is sometimes an error, sometimes "
        "the error of each metric, sometimes nothing; for us it is always an error that names the value."
    )
    GAP_AT_THE_BEGINNING = (
        "It takes the type of the column from its first row, so when that is missing and no value matches, it fails "
        "or compares with other types; for us no row is positive, with a warning."
    )
    GROUP_GAPS = (
        "Rows without a group fail when the groups are texts, and vanish from the weights when they are numbers or "
        "booleans; we follow it for numbers, and make the others a group of their own, with a warning."
    )
    THE_MISSING_VALUE = (
        "When every value is tested, it looks for the missing one by converting NaN to the column's type: among "
        "booleans that finds True, among dates it fails; for us no row equals it, as among texts."
    )
    DECIMALS = "A decimal 0.53 does not equal the number 0.53 of a configuration to it; it does to us."
    OBJECT_TRUTHS = (
        "It casts a column of dtype object that holds booleans to whole numbers, so that few rows make it continuous; "
        "to us it is boolean."
    )
    JSON_TRUTHS = (
        "It takes the booleans of JSON Lines for numbers, and so for continuous, where one is missing, as pandas reads "
        "them; to us they are booleans."
    )
    JSON_FLOATS = (
        "It takes the floats of JSON Lines for whole numbers where all of them are whole, as pandas reads them; to us "
        "a number that is written 1.0 is a float, as in a CSV file."
    )
    TWO_NANS = (
        "It lists a missing value and the text 'nan' of a facet under one name; we list the missing one as '(missing)' "
        "where there is such a text."
    )
    NEGATIVE_ZERO = "It names a zero as the first row writes it, -0.0 perhaps; we write 0.0."
    DATES = "It cannot convert a text to a date and fails; for us a date equals the text that it is written as."


@dataclass
class Plainly:
    """An unambiguous question, and the difference that made it necessary.

    :param differences: those that apply
    :param question: keys of the question to change
    :param refused: whether we are to refuse it
    """

    differences: set[Difference] = field(default_factory=set)
    question: dict[str, Any] = field(default_factory=dict)
    refused: bool = False


#: Types that Parquet still tells where pandas sees missing values only.
_KNOWN_WHEN_EMPTY = ("boolean", "date", "decimal")


class _CannotMatchError(Exception):
    """A value that no value of the column can equal."""


#: No column holds it.
_ABSENT = 987654321987654321


def put_plainly(case: Case, described: Mapping[str, Mapping[str, Any]]) -> Plainly:
    """Convert the question of a case by the rules of this package, and list the resulting differences.

    :param case: the case
    :param described: how pandas sees the columns
    """
    plainly = Plainly()
    for role, column, values in (
        ("label", case.label, case.label_values),
        ("facet", case.facet, case.facet_values),
    ):
        about = described[role]
        if any(_is_negative_zero(value) for value in column.values):
            plainly.differences.add(Difference.NEGATIVE_ZERO)
        if values is None and column.has_gaps and "nan" in column.values:
            plainly.differences.add(Difference.TWO_NANS)
        if column.dtype == "object" and column.values and all(isinstance(value, bool) for value in column.values):
            plainly.question.setdefault("as_booleans", []).append(role)
            plainly.differences.add(Difference.OBJECT_TRUTHS)
        kind = column.meaning if about["kind"] == "empty" and column.meaning in _KNOWN_WHEN_EMPTY else about["kind"]
        if _is_truths_with_gaps_in_json(case, column):
            plainly.question.setdefault("as_booleans", []).append(role)
            plainly.differences.add(Difference.JSON_TRUTHS)
            kind, about = "boolean", {**about, "continuous": False}
        if case.format == "jsonlines" and about["kind"] == "integer" and any(type(v) is float for v in column.present):
            plainly.question.setdefault("as_floats", []).append(role)
            plainly.differences.add(Difference.JSON_FLOATS)
            if not _can_match_all(values or (), "float"):
                plainly.differences.add(Difference.NEVER_MATCHING)
                plainly.refused = True
            continue
        if about["continuous"]:
            continue
        if values is None:
            if column.has_gaps and kind in ("boolean", "date", "decimal"):
                plainly.differences.add(Difference.THE_MISSING_VALUE)
                plainly.question["as_given"] = True
            continue
        try:
            converted = [_converted(value, kind) for value in values]
        except _CannotMatchError:
            plainly.differences.add(Difference.TRUTHS if kind == "boolean" else Difference.NEVER_MATCHING)
            plainly.refused = True
            continue
        if converted != list(values) or kind in ("integer", "boolean"):
            plainly.question[f"{role}_values"] = converted
            plainly.differences.add(_why_converted(kind))
        if kind in ("date", "decimal"):
            plainly.question.setdefault("as_texts", []).append(role)
            plainly.differences.add(_why_converted(kind))
        if about["begins_with_a_gap"]:
            plainly.differences.add(Difference.GAP_AT_THE_BEGINNING)
        plainly.question["as_given"] = True
    if case.group is not None and _is_truths_with_gaps_in_json(case, case.group):
        plainly.differences |= {Difference.JSON_TRUTHS, Difference.GROUP_GAPS}
        plainly.question.setdefault("as_booleans", []).append("group")
        plainly.question["fill_group"] = True
    elif case.group is not None and case.group.has_gaps and described["group"]["kind"] not in ("integer", "float"):
        plainly.differences.add(Difference.GROUP_GAPS)
        plainly.question["fill_group"] = True
    elif case.group is not None and case.group.has_gaps and case.group.dtype == "object":
        # Numbers beside None in a column of objects cannot be sorted, so that it fails as with texts.
        plainly.differences.add(Difference.GROUP_GAPS)
        plainly.question["number_group"] = True
    return plainly


def _why_converted(kind: str) -> Difference:
    return {"boolean": Difference.TRUTHS, "decimal": Difference.DECIMALS, "date": Difference.DATES}.get(
        kind, Difference.MIXED_VALUES
    )


def _converted(value: Any, kind: str) -> Any:
    """Convert a configured value to the type of a column, without using the package."""
    if kind == "boolean":
        return _truth(value)
    if kind in ("integer", "float", "decimal"):
        number = _number(value)
        if kind == "integer":
            return int(number) if number == number.to_integral_value() else _ABSENT
        if kind == "decimal":
            return f"{number:.2f}" if number == round(number, 2) else str(_ABSENT)
        return float(number)
    return str(value)


def _can_match_all(values: Sequence[Any], kind: str) -> bool:
    try:
        for value in values:
            _converted(value, kind)
    except _CannotMatchError:
        return False
    return True


def _is_truths_with_gaps_in_json(case: Case, column: Column) -> bool:
    return case.format == "jsonlines" and column.meaning == "boolean" and column.has_gaps


def _is_negative_zero(value: object) -> bool:
    return isinstance(value, float) and value == 0 and math.copysign(1, value) < 0


def _number(value: Any) -> Decimal:
    try:
        return Decimal(int(value)) if isinstance(value, bool) else Decimal(str(value))
    except ArithmeticError:
        raise _CannotMatchError from None


def _truth(value: Any) -> bool:
    for truth, words in ((True, ("true", "1", "1.0")), (False, ("false", "0", "0.0"))):
        if str(value).lower() in words:
            return truth
    raise _CannotMatchError
