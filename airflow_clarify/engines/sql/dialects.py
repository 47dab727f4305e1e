"""What SQL dialects can do and how they say it, where sqlglot's own rendering leaves that to the author.

Queries are built once, in the words of DuckDB; :func:`render` turns the few words that others lack into theirs, and
sqlglot does the rest: names and texts are quoted by it, never pasted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from sqlglot import exp

#: How an existing table is replaced in one step: by a word of the statement itself, by a transaction around dropping
#: and making, by giving two tables other names at once, or not at all.
Replacing = Literal["or replace", "transaction", "rename", "no"]
#: How a float is asked whether it is a number at all: by a function, by comparing, or not, as there are no others.
NotANumber = Literal["ISNAN", "IS_NAN", "equals", "none"]


@dataclass(frozen=True)
class Dialect:
    """A dialect of SQL.

    :param name: sqlglot's name of it
    :param title: as people call it
    :param grouping_sets: whether several facets can be counted in one scan
    :param not_a_number: how it tells floats that are no numbers
    :param replacing: how it replaces a table
    :param random: the function that gives every row another number
    """

    name: str
    title: str
    grouping_sets: bool = True
    not_a_number: NotANumber = "none"
    replacing: Replacing = "no"
    random: str = "RANDOM"


_DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("athena", "Athena", not_a_number="IS_NAN"),
        Dialect("bigquery", "BigQuery", not_a_number="IS_NAN", replacing="or replace", random="RAND"),
        Dialect("databricks", "Databricks", not_a_number="ISNAN", replacing="or replace", random="RAND"),
        Dialect("duckdb", "DuckDB", not_a_number="ISNAN", replacing="transaction"),
        Dialect("mysql", "MySQL", grouping_sets=False, replacing="rename", random="RAND"),
        Dialect("postgres", "PostgreSQL", not_a_number="equals", replacing="transaction"),
        Dialect("redshift", "Redshift", not_a_number="equals", replacing="transaction"),
        Dialect("snowflake", "Snowflake", not_a_number="equals", replacing="or replace"),
        Dialect("spark", "Spark", not_a_number="ISNAN", random="RAND"),
        Dialect("sqlite", "SQLite", grouping_sets=False, replacing="transaction"),
        Dialect("trino", "Trino", not_a_number="IS_NAN"),
        Dialect("tsql", "SQL Server", replacing="transaction", random="NEWID"),
    )
}

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


def dialect_named(name: str) -> Dialect:
    """The dialect of that name.

    :raises ConfigError: there is none
    """
    if name not in _DIALECTS:
        raise ConfigError(f"dialect: there is no {name!r}; choose one of {', '.join(_DIALECTS)}")
    return _DIALECTS[name]


def dialect_of(conn_type: str, conn_id: str) -> Dialect:
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


def render(query: exp.Expr, dialect: Dialect) -> str:
    """The text of a query in a dialect.

    :param query: an expression
    :param dialect: in which to say it
    :raises ConfigError: it has no words for a part of it
    """
    from sqlglot import ErrorLevel
    from sqlglot.errors import UnsupportedError

    try:
        translated = query.copy().transform(lambda node: _translated(node, dialect))
        return translated.sql(dialect=dialect.name, unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise ConfigError(f"{dialect.title} cannot run what is asked ({error})") from None


def _translated(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        word = _WORDS.get(str(node.this).lower())
        return node if word is None else word(node, dialect)
    if dialect.name == "tsql":
        if isinstance(node, exp.Literal) and node.is_string and not node.this.isascii():
            return exp.National(this=node.this)
        # Without a length SQL Server means 30 characters.
        if isinstance(node, exp.DataType) and node.this is exp.DataType.Type.VARCHAR and not node.expressions:
            return exp.DataType.build("NVARCHAR(MAX)", dialect="tsql")
    if isinstance(node, exp.TryCast):
        # sqlglot takes Spark's CAST for one that gives NULL, which it was before Spark 4.
        node.set("safe", True)
    return node


def _sum(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """DuckDB's compensated sum; others have the plain one."""
    from sqlglot import exp

    return node if dialect.name == "duckdb" else exp.Sum(this=node.expressions[0])


def _is_not_a_number(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    from sqlglot import exp

    (value,) = node.expressions
    if dialect.not_a_number == "none":
        return exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    if dialect.not_a_number == "equals":
        return exp.EQ(this=value, expression=exp.cast(exp.Literal.string("NaN"), "DOUBLE"))
    return exp.Anonymous(this=dialect.not_a_number, expressions=[value])


def _matches(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Whether a text is, as a whole, of a pattern."""
    from sqlglot import exp

    if dialect.name == "duckdb":
        return node
    value, pattern = node.expressions
    if dialect.name == "tsql":
        return _whole_number_in_tsql(value)
    whole = f"^({pattern.this})$".replace("[[:space:]]", "[ \t\n\r\f\v]").replace(r"\.", "[.]")
    return exp.RegexpLike(this=value, expression=exp.Literal.string(whole))


def _whole_number_in_tsql(value: exp.Expr) -> exp.Expr:
    """SQL Server has no patterns that could say it; it casts "" and "-" to 0, and takes white space."""
    from sqlglot import exp

    def like(pattern: str) -> exp.Expr:
        return exp.Like(this=value.copy(), expression=exp.Literal.string(pattern))

    cast = exp.TryCast(this=value.copy(), to=exp.DataType.build("BIGINT"))
    castable = exp.not_(exp.Is(this=cast, expression=exp.null()))
    return exp.paren(exp.and_(like("%[0-9]%"), exp.not_(like("%[^-+0-9 ]%")), castable))


_WORDS: dict[str, Callable[[exp.Anonymous, Dialect], exp.Expr]] = {
    "fsum": _sum,
    "isnan": _is_not_a_number,
    "regexp_full_match": _matches,
}
