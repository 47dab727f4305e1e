"""The types of a database's columns, from the description of a cursor.

If the driver gives no type (SQLite), or an unknown one, the type is inferred from the values.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from airflow_clarify.engines.counting.expressions import StorageType

#: How a query reads a column: unchanged, as text that is compared exactly, as the integer of a bit field, or as the
#: double with the displayed digits of a single-precision float. "unknown" is resolved by a value of the column.
Reading = Literal["plain", "text", "mixed", "bits", "single", "unknown"]


@dataclass(frozen=True)
class ColumnType:
    """The type of a column.

    :param stored: the storage type; None if it has to be inferred from the values
    :param reading: how a query reads the column
    :param no_weight: the name of a type whose values cannot be weights, such as "DATE"; empty for all others
    """

    stored: StorageType | None = None
    reading: Reading = "unknown"
    no_weight: str = ""


_TEXT = ColumnType(StorageType.TEXT, "text")
_INTEGER = ColumnType(StorageType.INTEGER, "plain")
_FLOAT = ColumnType(StorageType.FLOAT, "plain")
_SINGLE = ColumnType(StorageType.FLOAT, "single")
_DECIMAL = ColumnType(StorageType.DECIMAL, "plain")
_BOOLEAN = ColumnType(StorageType.BOOLEAN, "plain")
_UNKNOWN = ColumnType()


def _build_other(name: str) -> ColumnType:
    return ColumnType(StorageType.OTHER, "plain", name)


def _build_timestamp(name: str) -> ColumnType:
    return ColumnType(StorageType.TIMESTAMP, "plain", name)


#: PostgreSQL's types by object identifier. All others (citext, enumerations) are unknown.
_POSTGRES: Mapping[int, ColumnType] = {
    16: _BOOLEAN,
    **dict.fromkeys((20, 21, 23, 26), _INTEGER),
    **dict.fromkeys((18, 19, 25, 1042, 1043), _TEXT),
    700: _SINGLE,
    701: _FLOAT,
    1700: _DECIMAL,
    1082: _build_other("DATE"),
    1083: _build_other("TIME"),
    1114: _build_timestamp("TIMESTAMP"),
    1184: _build_timestamp("TIMESTAMP WITH TIME ZONE"),
    1186: _build_other("INTERVAL"),
    1266: _build_other("TIME WITH TIME ZONE"),
}
#: MySQL's types by number. Texts and bytes share their numbers and differ in their character set.
_MYSQL: Mapping[int, ColumnType] = {
    **dict.fromkeys((1, 2, 3, 8, 9), _INTEGER),
    **dict.fromkeys((0, 246), _DECIMAL),
    4: _SINGLE,
    5: _FLOAT,
    7: _build_timestamp("TIMESTAMP"),
    **dict.fromkeys((10, 14), _build_other("DATE")),
    11: _build_other("TIME"),
    12: _build_timestamp("DATETIME"),
    13: ColumnType(StorageType.INTEGER, "plain", "YEAR"),
    16: ColumnType(StorageType.INTEGER, "bits"),
}
_MYSQL_TEXTS_OR_BYTES = frozenset({15, 245, 247, 248, 249, 250, 251, 252, 253, 254})
_SNOWFLAKE: Mapping[int, ColumnType] = {
    1: _FLOAT,
    2: _TEXT,
    3: _build_other("DATE"),
    **dict.fromkeys((4, 6, 7, 8), _build_timestamp("TIMESTAMP")),
    12: _build_other("TIME"),
    13: _BOOLEAN,
}
_PYTHON: tuple[tuple[type, ColumnType], ...] = (
    (bool, _BOOLEAN),
    (int, _INTEGER),
    (float, _FLOAT),
    (Decimal, _DECIMAL),
    (str, _TEXT),
    (datetime.datetime, _build_timestamp("DATETIME")),
    (datetime.date, _build_other("DATE")),
    (datetime.time, _build_other("TIME")),
    (datetime.timedelta, _build_other("TIME")),
)
#: The type names that databases share.
_NAMED: Mapping[str, ColumnType] = {
    **dict.fromkeys(("char", "varchar", "string", "text", "nvarchar", "nchar"), _TEXT),
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "int64", "bigint", "hugeint"), _INTEGER),
    **dict.fromkeys(("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"), _INTEGER),
    **dict.fromkeys(("double", "float64", "real", "float"), _FLOAT),
    **dict.fromkeys(("decimal", "numeric", "bignumeric"), _DECIMAL),
    **dict.fromkeys(("boolean", "bool"), _BOOLEAN),
    **{name: _build_other(name.upper()) for name in ("date", "time", "interval", "uuid", "bytes")},
    **{name: _build_timestamp(name.upper()) for name in ("datetime", "timestamp", "timestamptz")},
}


def parse_column_type(dialect: str, type_code: Any, charset: str | None = None) -> ColumnType:
    """Parse the type of a column from a cursor's description.

    :param dialect: sqlglot's name of the database's dialect
    :param type_code: the second entry of the column's description
    :param charset: the character set of the column, in MySQL; "binary" for everything except text
    :return: the type; its reading is "unknown" if the driver's type is unknown
    """
    if isinstance(type_code, type):
        return next((found for kind, found in _PYTHON if issubclass(type_code, kind)), _UNKNOWN)
    if dialect == "mysql":
        return _map_mysql_type(type_code, charset)
    if dialect in ("postgres", "redshift") and isinstance(type_code, int):
        return _POSTGRES.get(type_code, _UNKNOWN)
    if dialect == "snowflake" and isinstance(type_code, int):
        return _SNOWFLAKE.get(type_code, _UNKNOWN)
    if dialect in ("sqlite", "tsql"):
        return _UNKNOWN
    return _parse_type_name(dialect, str(type_code))


def infer_type(value: Any) -> ColumnType:
    """Infer the type of a column from one of its values.

    :param value: the driver's value; None if the column has no value, which is read as text
    """
    if value is None:
        return _TEXT
    found = next((found for kind, found in _PYTHON if isinstance(value, kind)), None)
    return _build_other(type(value).__name__) if found is None else found


def _map_mysql_type(type_code: Any, charset: str | None) -> ColumnType:
    if type_code not in _MYSQL_TEXTS_OR_BYTES:
        return _MYSQL.get(type_code, _UNKNOWN)
    if charset is None:
        return _UNKNOWN
    return _build_other("BINARY") if charset == "binary" else _TEXT


def _parse_type_name(dialect: str, name: str) -> ColumnType:
    """Parse the name of a type, such as "DECIMAL(10, 2)" or "timestamp with time zone"."""
    base = re.split(r"[^a-z0-9]", name.strip().lower(), maxsplit=1)[0]
    if name.rstrip().endswith("]"):
        return _UNKNOWN
    if dialect == "duckdb" and base == "enum":
        return _TEXT
    return _NAMED.get(base, _UNKNOWN)
