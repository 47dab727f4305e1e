"""The data of a configuration as something to select from: a table or a query, and the rows of it that take part."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp, parse, parse_one
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy
from sqlglot.errors import SqlglotError

from airflow_clarify.bias.config import DataConfig, resolve_column
from airflow_clarify.exceptions import ConfigError

#: A part of a dotted name: quoted in one of the ways of SQL, a quote inside it doubled; or anything without a dot.
_PART = re.compile(
    r'"(?P<double>(?:[^"]|"")+)"|`(?P<back>(?:[^`]|``)+)`|\[(?P<bracket>[^\]]+)\]|(?P<plain>[^."`\[\]]+)'
)


def source_query(data: DataConfig, dialect: str) -> exp.Select:
    """``SELECT *`` of a table or a query, all of its rows.

    :param data: where the data are
    :param dialect: sqlglot's name of the SQL that the author writes
    :raises ConfigError: neither is given, or one cannot be understood
    """
    if data.query is not None:
        source: exp.Expr = read_query(data.query, dialect).subquery("data")
    elif data.table is not None:
        source = parse_table(data.table, dialect, "table")
        source.set("alias", exp.TableAlias(this=exp.to_identifier("data")))
    else:
        raise ConfigError("table: nothing is left of it after templating; name a table, or give a query")
    return exp.select(exp.Star()).from_(source)


def parse_condition(where: str, dialect: str) -> exp.Expr:
    """Parse a condition that the author wrote.

    :param where: in the database's SQL
    :param dialect: sqlglot's name of that SQL
    :raises ConfigError: it cannot be understood, or is more than a condition
    """
    if not where:
        raise ConfigError("where: nothing is left of it after templating, and without it all rows would take part")
    try:
        # Read inside a query, where it has to keep to its place.
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
    """The column that an author means, as the database calls it: many fold names that are not quoted.

    :param column: by name, or by index
    :param names: the columns there are
    :param key: the configuration key to name in an error
    :raises ConfigError: there is no such column, or several
    """
    if isinstance(column, str) and column not in names:
        alike = [name for name in names if name.lower() == column.lower()]
        if len(alike) == 1:
            return alike[0]
    return resolve_column(column, names, key)


def parse_table(name: str | Sequence[str], dialect: str, key: str) -> exp.Table:
    """A table, its name quoted, and folded as the database folds names that are not.

    :param name: ``"schema.table"``, where a part may be quoted; or its parts, each taken as it is
    :param dialect: sqlglot's name of the SQL
    :param key: the configuration key to name in an error
    :raises ConfigError: it is no name
    """
    parts = _split_names(name, key) if isinstance(name, str) else [(str(part), True) for part in name]
    if not 1 <= len(parts) <= 3 or not all(part for part, _ in parts):
        raise ConfigError(
            f"{key}: {name!r} is no name of a table; give 'table', 'schema.table' or 'catalog.schema.table'"
        )
    if any("/" in part and not quoted for part, quoted in parts):
        raise ConfigError(f"{key}: {name!r} is a path, and a table is needed; name one, as in 'schema.table'")
    identifiers = [
        exp.to_identifier(_fold_name(part, quoted, dialect), quoted=True) for part, quoted in reversed(parts)
    ]
    return exp.Table(**dict(zip(("this", "db", "catalog"), identifiers, strict=False)))


def read_query(query: str, dialect: str) -> exp.Query:
    """A query of the author's.

    :raises ConfigError: it is not one SELECT, or gives two columns of one name
    """
    try:
        statements = [statement for statement in parse(query, dialect=dialect) if statement is not None]
    except SqlglotError as error:
        raise ConfigError(
            f"query: it cannot be read as {dialect} SQL ({_first_error_line(error)}); make a view of it"
        ) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError("query: give one SELECT, and nothing else")
    # Some databases give the second of two columns with one name another name, and say nothing.
    names = [name for name in statements[0].named_selects if name != "*"]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"query: two columns are named {twice!r}; give one another name")
    return statements[0]


def _split_names(name: str, key: str) -> list[tuple[str, bool]]:
    """The parts of a dotted name, each with whether it is quoted."""
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
    raise ConfigError(f"{key}: {name!r} is no name of a table; quote what has dots or quotes in it, or give a list")


def _fold_name(name: str, quoted: bool, dialect: str) -> str:
    """A name as the database keeps it: one that is not quoted is folded to upper or lower case by some."""
    strategy = Dialect.get_or_raise(dialect).normalization_strategy
    if quoted:
        return name
    if strategy is NormalizationStrategy.UPPERCASE:
        return name.upper()
    return name.lower() if strategy is NormalizationStrategy.LOWERCASE else name


def _first_error_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
