"""Parsing what the author of a configuration writes in SQL: tables, queries, conditions and names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp, parse, parse_one
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy
from sqlglot.errors import SqlglotError

from airflow_clarify.bias.config import DataConfig, resolve_column
from airflow_clarify.exceptions import ConfigError

#: A part of a dotted name: quoted in one of SQL's styles, with inner quotes doubled; or any text without a dot.
_PART = re.compile(
    r'"(?P<double>(?:[^"]|"")+)"|`(?P<back>(?:[^`]|``)+)`|\[(?P<bracket>[^\]]+)\]|(?P<plain>[^."`\[\]]+)'
)


def source_query(data: DataConfig, dialect: str) -> exp.Select:
    """Build ``SELECT *`` from the table or query of a configuration.

    :param data: where the data are
    :param dialect: sqlglot's name of the author's SQL dialect
    :raises ConfigError: neither is given, or one cannot be parsed
    """
    if data.query is not None:
        source: exp.Expr = read_query(data.query, dialect).subquery("data")
    elif data.table is not None:
        source = parse_table(data.table, dialect, "table")
        source.set("alias", exp.TableAlias(this=exp.to_identifier("data")))
    else:
        raise ConfigError("table: empty after its template was rendered; name a table, or give a query")
    return exp.select(exp.Star()).from_(source)


def parse_condition(where: str, dialect: str) -> exp.Expr:
    """Parse the author's condition.

    :param where: the condition, in the database's SQL
    :param dialect: sqlglot's name of the dialect
    :raises ConfigError: the text cannot be parsed, or is more than a condition
    """
    if not where:
        raise ConfigError("where: empty after its template was rendered, and without it all rows would be selected")
    try:
        # Parsed inside a query, so that text that ends the condition early is detected.
        holder = parse_one(f"SELECT 1 WHERE ({where}\n)", dialect=dialect)
    except SqlglotError as error:
        raise ConfigError(
            f"where: {where!r} cannot be read as a {dialect} condition ({_first_error_line(error)})"
        ) from None
    read = {name: part for name, part in holder.args.items() if part and name not in ("kind", "expressions")}
    if not isinstance(holder, exp.Select) or list(read) != ["where"] or not isinstance(read["where"].this, exp.Paren):
        raise ConfigError(f"where: {where!r} is more than a condition; give one, such as \"day = '2026-01-31'\"")
    inside: exp.Expr = read["where"].this
    return inside


def resolve_name(column: str | int, names: Sequence[str], key: str) -> str:
    """Resolve a column to its name in the database.

    The database may have folded the case of the name, so a single match without regard to case is accepted.

    :param column: the name or index of the column
    :param names: the names of all columns
    :param key: the configuration key to name in an error
    :raises ConfigError: there is no such column, or several
    """
    if isinstance(column, str) and column not in names:
        alike = [name for name in names if name.lower() == column.lower()]
        if len(alike) == 1:
            return alike[0]
    return resolve_column(column, names, key)


def parse_table(name: str | Sequence[str], dialect: str, key: str) -> exp.Table:
    """Parse the name of a table, with unquoted parts folded like in the database.

    :param name: ``"schema.table"``, where a part may be quoted; or a list of parts, each used unchanged
    :param dialect: sqlglot's name of the dialect
    :param key: the configuration key to name in an error
    :return: the table, with all parts quoted
    :raises ConfigError: the text is not a table name
    """
    parts = _split_names(name, key) if isinstance(name, str) else [(str(part), True) for part in name]
    if not 1 <= len(parts) <= 3 or not all(part for part, _ in parts):
        raise ConfigError(
            f"{key}: {name!r} is not a table name; give 'table', 'schema.table' or 'catalog.schema.table'"
        )
    if any("/" in part and not quoted for part, quoted in parts):
        raise ConfigError(f"{key}: {name!r} is a path, and a table is needed; name one, as in 'schema.table'")
    identifiers = [
        exp.to_identifier(_fold_name(part, quoted, dialect), quoted=True) for part, quoted in reversed(parts)
    ]
    return exp.Table(**dict(zip(("this", "db", "catalog"), identifiers, strict=False)))


def read_query(query: str, dialect: str) -> exp.Query:
    """Parse the author's query.

    :param query: the query, in the database's SQL
    :param dialect: sqlglot's name of the dialect
    :raises ConfigError: the text is not a single SELECT, or two of its columns have the same name
    """
    try:
        statements = [statement for statement in parse(query, dialect=dialect) if statement is not None]
    except SqlglotError as error:
        raise ConfigError(
            f"query: it cannot be read as {dialect} SQL ({_first_error_line(error)}); make a view of it"
        ) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError("query: give one SELECT, and nothing else")
    # Some databases silently rename the second of two columns with the same name.
    names = [name for name in statements[0].named_selects if name != "*"]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise ConfigError(f"query: two columns are named {duplicate!r}; give one another name")
    return statements[0]


def _split_names(name: str, key: str) -> list[tuple[str, bool]]:
    """Split a dotted name into parts, each with whether it is quoted."""
    parts: list[tuple[str, bool]] = []
    rest = name
    while part := _PART.match(rest):
        quoted = (part["double"] or "").replace('""', '"') or (part["back"] or "").replace("``", "`") or part["bracket"]
        parts.append((quoted, True) if quoted else (part["plain"].strip(), False))
        rest = rest[part.end() :]
        if not rest:
            return parts
        if not rest.startswith("."):
            break
        rest = rest[1:]
    raise ConfigError(f"{key}: {name!r} is not a table name; quote parts with dots or quotes, or give a list")


def _fold_name(name: str, quoted: bool, dialect: str) -> str:
    """Fold the case of an unquoted name like the database."""
    strategy = Dialect.get_or_raise(dialect).normalization_strategy
    if quoted:
        return name
    if strategy is NormalizationStrategy.UPPERCASE:
        return name.upper()
    return name.lower() if strategy is NormalizationStrategy.LOWERCASE else name


def _first_error_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
