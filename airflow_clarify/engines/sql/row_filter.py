"""``where={column: value}``: selecting rows by values, compared by the type of the column.

Databases convert the types of a comparison in different ways: in MySQL 0 equals every text that is not a number, and in
no database 0.7 equals a value of a column of single-precision floats.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.engines.sql.column_types import ColumnType
    from airflow_clarify.engines.sql.dialects import Dialect

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def build_conditions(
    where: Mapping[str, Any],
    type_of: Callable[[str], ColumnType],
    read: Callable[[str], exp.Expr],
    dialect: Dialect,
) -> exp.Expr:
    """Build the condition that every column has one of its values.

    :param where: the names of columns in the database, with the value or values of each
    :param type_of: returns the type of a column
    :param read: returns the expression that reads a column
    :param dialect: the dialect of the database
    :raises ConfigError: there are no values, or a column cannot hold one of them
    """
    if not where:
        raise ConfigError("where: empty after its template was rendered, and without it all rows would be selected")
    return exp.and_(
        *(_build_column_condition(name, value, type_of(name), read, dialect) for name, value in where.items())
    )


def _build_column_condition(
    name: str, value: Any, kind: ColumnType, read: Callable[[str], exp.Expr], dialect: Dialect
) -> exp.Expr:
    missing = exp.Is(this=exp.column(name, quoted=True), expression=exp.null())
    if value is None:
        return missing
    if not isinstance(value, list | tuple | set | frozenset):
        return _is_one_of(name, [value], kind, read, dialect)
    if not value:
        raise ConfigError(f"where: the list of values of {name!r} is empty, so no row could take part")
    values = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
    present = [each for each in values if each is not None]
    if not present:
        return missing
    one_of = _is_one_of(name, present, kind, read, dialect)
    # IN never matches NULL, even if the list holds NULL.
    return exp.or_(one_of, missing) if None in values else one_of


def _is_one_of(
    name: str, values: Sequence[Any], kind: ColumnType, read: Callable[[str], exp.Expr], dialect: Dialect
) -> exp.Expr:
    column = _build_column(name)
    if not dialect.has_column_types:
        return _compare_by_each_type(column, read(name), values)
    if kind.reading == "text":
        texts = [_format_text(value) for value in values]
        reading = read(name)
        exact = _build_in(reading, texts)
        if kind.stored is not StorageType.TEXT or reading == column:
            return exact
        if dialect.name == "mysql" and not all(text.isascii() for text in texts):
            return exact  # MySQL cannot compare a column of another character set with such a text.
        # Indexes and partitions use the column's own collation, which matches at least as many texts.
        return _build_and(_build_in(column, texts), exact)
    if kind.stored is StorageType.TEXT:
        return _build_in(column, [_format_text(value) for value in values])
    if kind.stored in (StorageType.INTEGER, StorageType.FLOAT, StorageType.DECIMAL):
        numbers = [_parse_number(name, value) for value in values]
        return _build_in(
            column, [*numbers, *(_round_to_single(number) for number in numbers if kind.reading == "single")]
        )
    if kind.stored is StorageType.BOOLEAN:
        return _build_in(column, [_parse_boolean(name, value) for value in values])
    return _build_in(column, list(values))


def _compare_by_each_type(column: exp.Expr, text: exp.Expr, values: Sequence[Any]) -> exp.Expr:
    """Compare values by their own types in SQLite: texts with texts, numbers with numbers."""
    stored = exp.Anonymous(this="TYPEOF", expressions=[column.copy()])
    is_text = exp.EQ(this=stored, expression=exp.Literal.string("text"))
    same_text = _build_and(is_text, _build_in(text, [_format_text(value) for value in values]))
    numbers = [number for value in values if (number := _try_parse_number(value)) is not None]
    if not numbers:
        return same_text
    return exp.or_(
        same_text,
        _build_and(exp.NEQ(this=stored.copy(), expression=is_text.expression.copy()), _build_in(column, numbers)),
    )


def _build_in(column: exp.Expr, values: Sequence[Any]) -> exp.Expr:
    literals = [value if isinstance(value, exp.Expression) else exp.convert(value) for value in values]
    if len(literals) == 1:
        return exp.EQ(this=column.copy(), expression=literals[0])
    return column.copy().isin(*literals)


def _build_and(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.and_(one, other)


def _build_column(name: str) -> exp.Expr:
    return exp.column(name, quoted=True)


def _format_text(value: Any) -> str:
    return str(value)


def _parse_number(name: str, value: Any) -> exp.Expr:
    number = _try_parse_number(value)
    if number is None:
        raise ConfigError(f"where: column {name!r} holds numbers, which {value!r} can never match")
    return number


def _try_parse_number(value: Any) -> exp.Expr | None:
    """Parse a number into a literal with the same digits; None if it is not one."""
    if isinstance(value, bool | int | float | Decimal):
        written = repr(value) if isinstance(value, float) else str(int(value) if isinstance(value, bool) else value)
    else:
        written = str(value).strip()
    if _NUMBER.fullmatch(written) is None:
        return None
    sign, digits = written[:1], written.lstrip("+-")
    return exp.Neg(this=exp.Literal.number(digits)) if sign == "-" else exp.Literal.number(digits)


def _round_to_single(number: exp.Expr) -> exp.Expr:
    """Round a number to the nearest single-precision float."""
    value = float(number.sql())
    try:
        nearest = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        nearest = value
    literal = _try_parse_number(nearest)
    return number.copy() if literal is None else literal


def _parse_boolean(name: str, value: Any) -> bool:
    truth = value if isinstance(value, bool) else _BOOLEANS.get(str(value).strip().lower())
    if truth is None:
        raise ConfigError(f"where: column {name!r} holds True and False, which {value!r} can never match")
    return truth
