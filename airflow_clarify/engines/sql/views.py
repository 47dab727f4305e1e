"""The tables that views read, so that no table is replaced that is part of its own source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from airflow_clarify.exceptions import ClarifyError

if TYPE_CHECKING:
    from airflow_clarify.engines.sql.target_table import TableWriter


def find_view(runner: TableWriter, table: exp.Table) -> str | None:
    """Fetch the definition of a view.

    :param runner: runs queries
    :param table: the name of the view
    :return: its SQL, empty if the database hides it; None if there is no view of that name, or the database has no
        list of views
    """
    name, schema = exp.Lower(this=exp.Literal.string(table.name)), table.db
    if runner.dialect.name == "sqlite":
        query = exp.select("sql").from_(exp.to_table("sqlite_master"))
        query = query.where(exp.EQ(this=exp.column("type"), expression=exp.Literal.string("view")))
        query = query.where(exp.EQ(this=exp.Lower(this=exp.column("name")), expression=name))
    else:
        query = exp.select("view_definition").from_(_build_view_list(runner.dialect.name, table))
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
        # PostgreSQL refuses further statements in a transaction after an error.
        runner.rollback()
        return None
    return None if not found else str(found[0][0] or "")


def _build_view_list(dialect: str, table: exp.Table) -> exp.Table:
    """Build the name of the database's list of views for the schema of a table."""
    if dialect == "bigquery":
        # BigQuery has one list per dataset.
        name = exp.to_identifier("INFORMATION_SCHEMA.VIEWS", quoted=True)
        views = exp.Table(this=name, alias=exp.TableAlias(this=exp.to_identifier("VIEWS")))
        for part in ("db", "catalog"):
            if table.args.get(part):
                views.set(part, table.args[part].copy())
        return views
    # SQL Server may compare names exactly, and these are in upper case.
    views = exp.to_table("INFORMATION_SCHEMA.VIEWS" if dialect == "tsql" else "information_schema.views")
    if table.catalog:
        views.set("catalog", exp.to_identifier(table.catalog, quoted=True))
    return views


def list_tables_read(
    runner: TableWriter, tables: Sequence[exp.Table], on_hidden: Callable[[exp.Table], None]
) -> Iterator[exp.Table]:
    """List tables and views, with all that they read, directly or through other views.

    :param runner: runs queries
    :param tables: the tables and views to start with; they are listed too
    :param on_hidden: called with a view whose definition is hidden, or cannot be parsed
    """
    queue, seen = list(tables), set()
    while queue:
        table = queue.pop()
        key = tuple(part.lower() for part in (table.catalog, table.db, table.name))
        if key in seen:
            continue
        seen.add(key)
        yield table
        definition = find_view(runner, table)
        if definition is None:
            continue
        tables_read = _parse_tables(definition, runner.dialect.name)
        if tables_read is None:
            on_hidden(table)
            continue
        for each in tables_read:
            if not each.db and table.db:
                each.set("db", table.args["db"].copy())
            queue.append(each)


def _parse_tables(definition: str, dialect: str) -> list[exp.Table] | None:
    """Parse the tables of a view's SQL; None if it cannot be parsed.

    Some databases return the definition with its CREATE VIEW.
    """
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
    """List the tables of a query, without its common table expressions.

    :param query: the query
    """
    ctes = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    return [table.copy() for table in query.find_all(exp.Table) if table.db or table.name.lower() not in ctes]
