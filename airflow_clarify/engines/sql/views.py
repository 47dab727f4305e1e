"""What a view reads: so that no table is replaced that the source of its own rows is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from airflow_clarify.exceptions import ClarifyError

if TYPE_CHECKING:
    from airflow_clarify.engines.sql.target_table import TableWriter


def find_view(runner: TableWriter, table: exp.Table) -> str | None:
    """Look up the definition of a view.

    :param runner: runs queries
    :param table: its name
    :return: its SQL, empty where the database does not show it; None where the name is no view's, or where the
        database has no such list
    """
    name, schema = exp.Lower(this=exp.Literal.string(table.name)), table.db
    if runner.dialect.name == "sqlite":
        query = exp.select("sql").from_(exp.to_table("sqlite_master"))
        query = query.where(exp.EQ(this=exp.column("type"), expression=exp.Literal.string("view")))
        query = query.where(exp.EQ(this=exp.Lower(this=exp.column("name")), expression=name))
    else:
        query = exp.select("view_definition").from_(_list_of_views(runner.dialect.name, table))
        query = query.where(exp.EQ(this=exp.Lower(this=exp.column("table_name")), expression=name))
        if schema:
            lowered = exp.Lower(this=exp.Literal.string(schema))
            query = query.where(exp.EQ(this=exp.Lower(this=exp.column("table_schema")), expression=lowered))
        elif runner.dialect.name == "mysql":
            current = exp.Anonymous(this="SCHEMA", expressions=[])
            query = query.where(exp.EQ(this=exp.column("table_schema"), expression=current))
    try:
        found = list(runner.fetch_rows(query))
    except ClarifyError:
        # A transaction in which a statement has failed is good for nothing else in PostgreSQL.
        runner.rollback()
        return None
    return None if not found else str(found[0][0] or "")


def _list_of_views(dialect: str, table: exp.Table) -> exp.Table:
    """The table of views that has a table's name, if it is a view."""
    if dialect == "bigquery":
        # Its list belongs to a data set.
        name = exp.to_identifier("INFORMATION_SCHEMA.VIEWS", quoted=True)
        views = exp.Table(this=name, alias=exp.TableAlias(this=exp.to_identifier("VIEWS")))
        for part in ("db", "catalog"):
            if table.args.get(part):
                views.set(part, table.args[part].copy())
        return views
    # Where names are compared exactly, they are in upper case.
    views = exp.to_table("INFORMATION_SCHEMA.VIEWS" if dialect == "tsql" else "information_schema.views")
    if table.catalog:
        views.set("catalog", exp.to_identifier(table.catalog, quoted=True))
    return views


def list_tables_read(
    runner: TableWriter, tables: Sequence[exp.Table], on_hidden: Callable[[exp.Table], None]
) -> Iterator[exp.Table]:
    """List the tables and views that some tables and views read, directly or through other views.

    :param runner: runs queries
    :param tables: where to begin; they are listed too
    :param on_hidden: called with a view whose definition the database does not show, or that cannot be parsed
    """
    waiting, seen = list(tables), set()
    while waiting:
        table = waiting.pop()
        key = tuple(part.lower() for part in (table.catalog, table.db, table.name))
        if key in seen:
            continue
        seen.add(key)
        yield table
        definition = find_view(runner, table)
        if definition is None:
            continue
        inside = _parse_tables(definition, runner.dialect.name)
        if inside is None:
            on_hidden(table)
            continue
        for each in inside:
            if not each.db and table.db:
                each.set("db", table.args["db"].copy())
            waiting.append(each)


def _parse_tables(definition: str, dialect: str) -> list[exp.Table] | None:
    """The tables in a view's SQL, which some databases give with its CREATE VIEW; None where it cannot be read."""
    if not definition.strip():
        return None
    try:
        tree = parse_one(definition, dialect=dialect)
    except SqlglotError:
        return None
    query = tree.expression if isinstance(tree, exp.Create) else tree
    if not isinstance(query, exp.Query):
        return None
    return list_query_tables(query)


def list_query_tables(query: exp.Query) -> list[exp.Table]:
    """The tables of a query, without the names that it gives to parts of its own."""
    named = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    return [table.copy() for table in query.find_all(exp.Table) if table.db or table.name.lower() not in named]
