"""The supported SQL dialects, and the capabilities of their databases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from airflow_clarify.exceptions import ConfigError

#: How an existing table is replaced in one step: by CREATE OR REPLACE, by a transaction around DROP and CREATE, by
#: renaming two tables at once, or not at all.
Replacing = Literal["or replace", "transaction", "rename", "no"]
#: How NaN is detected: by a function, by comparing the value or its text, or not at all, because the database has no
#: NaN.
NotANumber = Literal["ISNAN", "IS_NAN", "equals", "text", "none"]


@dataclass(frozen=True)
class Dialect:
    """A dialect of SQL.

    :param name: sqlglot's name of the dialect
    :param title: the name of the database, for messages
    :param facets_at_once: the maximum number of facets counted in one scan, by grouping sets; 1 if these are not
        supported. Spark expands each row once per set, and slows down disproportionately with more of them
    :param max_joint_cells: the number of combinations of several facets (with those of label and group) up to which
        they are counted faster in one GROUP BY of all of them, from which each is added up, than by grouping sets; 0
        if they never are
    :param not_a_number: how NaN is detected
    :param replacing: how an existing table is replaced
    :param random: the function that returns a different random number for every row
    :param collation: the collation under which texts are equal only if all characters are, trailing blanks included.
        Empty if all texts are compared that way, or if no collation can be named
    """

    name: str
    title: str
    facets_at_once: int = 100
    max_joint_cells: int = 0
    not_a_number: NotANumber = "none"
    replacing: Replacing = "no"
    random: str = "RANDOM"
    collation: str = ""

    @property
    def has_column_types(self) -> bool:
        """Return whether all values of a column have one type, unlike in SQLite."""
        return self.name != "sqlite"


_DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("athena", "Athena", not_a_number="IS_NAN", random="RAND"),
        Dialect("bigquery", "BigQuery", not_a_number="IS_NAN", replacing="or replace", random="RAND", collation="''"),
        Dialect(
            "databricks",
            "Databricks",
            5,
            not_a_number="ISNAN",
            replacing="or replace",
            random="RAND",
        ),
        Dialect("duckdb", "DuckDB", not_a_number="ISNAN", replacing="transaction", collation="binary"),
        Dialect("mysql", "MySQL", facets_at_once=1, replacing="rename", random="RAND", collation="utf8mb4_0900_bin"),
        Dialect(
            "postgres",
            "PostgreSQL",
            max_joint_cells=250_000,
            not_a_number="equals",
            replacing="transaction",
            collation="C",
        ),
        # Whether NaN equals NaN is undocumented; its text is "NaN", as in PostgreSQL.
        Dialect("redshift", "Redshift", not_a_number="text", replacing="transaction"),
        Dialect("snowflake", "Snowflake", not_a_number="equals", replacing="or replace", collation="''"),
        Dialect("spark", "Spark", 5, not_a_number="ISNAN", random="RAND"),
        Dialect("sqlite", "SQLite", facets_at_once=1, replacing="transaction", collation="BINARY"),
        Dialect("trino", "Trino", not_a_number="IS_NAN", random="RAND"),
        Dialect("tsql", "SQL Server", replacing="transaction", random="NEWID", collation="Latin1_General_100_BIN2"),
    )
}
#: MariaDB has MySQL's dialect and different collations.
MARIADB = replace(_DIALECTS["mysql"], title="MariaDB", collation="utf8mb4_nopad_bin")

#: The dialect of each of Airflow's connection types.
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
    """Return the dialect of a name.

    :param name: sqlglot's name of the dialect
    :raises ConfigError: the dialect is not supported
    """
    if name not in _DIALECTS:
        raise ConfigError(f"dialect: there is no {name!r}; choose one of {', '.join(_DIALECTS)}")
    return _DIALECTS[name]


def find_dialect(conn_type: str, conn_id: str) -> Dialect:
    """Find the dialect of a type of connection.

    :param conn_type: Airflow's name of the type
    :param conn_id: the id of the connection, for the error
    :raises ConfigError: the dialect of this type is unknown
    """
    if conn_type not in _BY_CONNECTION:
        raise ConfigError(
            f"conn_id: the SQL dialect of connection {conn_id!r} (type {conn_type}) is unknown; name it, as in "
            f"SQLEngine({conn_id!r}, dialect='postgres'), one of {', '.join(_DIALECTS)}"
        )
    return _DIALECTS[_BY_CONNECTION[conn_type]]
