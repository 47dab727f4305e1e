"""The dialects of SQL that are known here, and what their databases can do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from airflow_clarify.exceptions import ConfigError

#: How an existing table is replaced in one step: by a word of the statement itself, by a transaction around dropping
#: and making, by giving two tables other names at once, or not at all.
Replacing = Literal["or replace", "transaction", "rename", "no"]
#: How a float is asked whether it is a number at all: by a function, by comparing it or its text, or not, as there are
#: no others.
NotANumber = Literal["ISNAN", "IS_NAN", "equals", "text", "none"]


@dataclass(frozen=True)
class Dialect:
    """A dialect of SQL.

    :param name: sqlglot's name of it
    :param title: as people call it
    :param facets_at_once: how many facets are counted in one scan, by grouping sets; 1 where there are none. Spark
        makes a wide row of each row for each set, and takes ever longer for more of them
    :param not_a_number: how it tells floats that are no numbers
    :param replacing: how it replaces a table
    :param random: the function that gives every row another number
    :param collation: the collation under which texts are equal only if they are the same, character by character,
        blanks at the end included. Empty where all texts are compared so, or where no collation can be named
    """

    name: str
    title: str
    facets_at_once: int = 100
    not_a_number: NotANumber = "none"
    replacing: Replacing = "no"
    random: str = "RANDOM"
    collation: str = ""

    @property
    def knows_types(self) -> bool:
        """Whether a column's type decides how it is read, rather than each of its values (SQLite)."""
        return self.name != "sqlite"


_DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("athena", "Athena", not_a_number="IS_NAN", random="RAND"),
        Dialect("bigquery", "BigQuery", not_a_number="IS_NAN", replacing="or replace", random="RAND", collation="''"),
        Dialect("databricks", "Databricks", 5, not_a_number="ISNAN", replacing="or replace", random="RAND"),
        Dialect("duckdb", "DuckDB", not_a_number="ISNAN", replacing="transaction", collation="binary"),
        Dialect("mysql", "MySQL", facets_at_once=1, replacing="rename", random="RAND", collation="utf8mb4_0900_bin"),
        Dialect("postgres", "PostgreSQL", not_a_number="equals", replacing="transaction", collation="C"),
        # Whether NaN equals NaN is written nowhere; that its text is "NaN" goes for PostgreSQL as well.
        Dialect("redshift", "Redshift", not_a_number="text", replacing="transaction"),
        Dialect("snowflake", "Snowflake", not_a_number="equals", replacing="or replace", collation="''"),
        Dialect("spark", "Spark", 5, not_a_number="ISNAN", random="RAND"),
        Dialect("sqlite", "SQLite", facets_at_once=1, replacing="transaction", collation="BINARY"),
        Dialect("trino", "Trino", not_a_number="IS_NAN", random="RAND"),
        Dialect("tsql", "SQL Server", replacing="transaction", random="NEWID", collation="Latin1_General_100_BIN2"),
    )
}
#: MariaDB speaks MySQL's SQL, and has other collations.
MARIADB = replace(_DIALECTS["mysql"], title="MariaDB", collation="utf8mb4_nopad_bin")

#: By Airflow's connection types.
_BY_CONNECTION = {
    "athena": "athena",
    "databricks": "databricks",
    "duckdb": "duckdb",
    "duckdb_aws": "duckdb",
    "gcpbigquery": "bigquery",
    "mssql": "tsql",
    "mysql": "mysql",
    "postgres": "postgres",
    "presto": "trino",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "sqlite": "sqlite",
    "trino": "trino",
}


def get_dialect(name: str) -> Dialect:
    """The dialect of that name.

    :raises ConfigError: there is none
    """
    if name not in _DIALECTS:
        raise ConfigError(f"dialect: there is no {name!r}; choose one of {', '.join(_DIALECTS)}")
    return _DIALECTS[name]


def find_dialect(conn_type: str, conn_id: str) -> Dialect:
    """The dialect that a type of connection speaks.

    :param conn_type: Airflow's name of the type
    :param conn_id: the connection, for the error
    :raises ConfigError: it is not known
    """
    if conn_type not in _BY_CONNECTION:
        raise ConfigError(
            f"conn_id: which SQL connection {conn_id!r} (type {conn_type}) speaks is not known; say it, as in "
            f"SQLEngine({conn_id!r}, dialect='postgres'), one of {', '.join(_DIALECTS)}"
        )
    return _DIALECTS[_BY_CONNECTION[conn_type]]
