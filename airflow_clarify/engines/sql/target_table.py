"""The table of a balanced copy: created by one statement, complete or absent, and never replacing its source."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from sqlglot import exp, parse_one

from airflow_clarify.bias.config import DataConfig
from airflow_clarify.engines.sql.parsing import parse_table, read_query
from airflow_clarify.engines.sql.rendering import render
from airflow_clarify.engines.sql.source import QueryRunner
from airflow_clarify.engines.sql.views import find_view, list_query_tables, list_tables_read
from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError, OutputError


class TableWriter(QueryRunner, Protocol):
    """Protocol for running statements; the engine cancels and closes the connection."""

    def run(self, statement: exp.Expr | str) -> None:
        """Run a statement that returns no rows.

        :param statement: an expression, or SQL of the dialect
        :raises DataError: the statement cannot be run
        """
        ...

    def begin(self) -> None:
        """Begin a transaction, if the database supports them."""
        ...

    def commit(self) -> None:
        """Commit the transaction."""
        ...

    def rollback(self) -> None:
        """Roll the transaction back."""
        ...

    def cancel(self) -> None:
        """Cancel the running query."""
        ...

    def close(self) -> None:
        """Close the connection or session."""
        ...


class TargetTable:
    """A table to create.

    :param runner: runs statements
    :param name: the author's name of the table, or a list of its parts
    :param if_exists: what to do if the table exists already: "fail", or "replace"
    :raises ConfigError: the name is invalid, or ``if_exists`` is
    """

    def __init__(self, runner: TableWriter, name: str | Sequence[str], if_exists: str) -> None:
        if if_exists not in ("fail", "replace"):
            raise ConfigError(f"if_exists: there is no {if_exists!r}; choose 'fail' or 'replace'")
        self.runner = runner
        self.name = name if isinstance(name, str) else ".".join(name)
        self.table = parse_table(name, runner.dialect.name, "target")
        self._replace = if_exists == "replace"
        self._exists = False

    def check(self, data: DataConfig) -> None:
        """Check that the table can be created without changing the source.

        :param data: the source
        :raises ConfigError: the source reads the table, or the table exists already and cannot be replaced
        """
        tables = _list_tables(data, self.runner.dialect.name)
        for table in tables:
            if _can_be_same(table, self.table):
                raise ConfigError(
                    f"target: {self.name} is the source, or may be the same table; name another table, or write both "
                    "with their schema"
                )
        self._exists = self._find_existing()
        if self._exists and not self._replace:
            raise ConfigError(f"target: there is a table {self.name} already; name another, or set if_exists='replace'")
        if self._exists and self.runner.dialect.replacing == "no":
            raise ConfigError(
                f"if_exists: {self.runner.dialect.title} cannot replace a table in one step; drop {self.name} in a "
                "task before, or name another one for each run"
            )
        if self._exists:
            self._check_views(tables)

    def _check_views(self, sources: Sequence[exp.Table]) -> None:
        """Check that the table to replace is neither a view nor read by the source.

        :param sources: the tables and views of the source
        :raises ConfigError: it is a view, the source reads it, or the definition of a view is hidden
        """
        if find_view(self.runner, self.table) is not None:
            raise ConfigError(f"target: {self.name} is a view, and a balanced copy is a table; name another")

        def refuse(view: exp.Table) -> None:
            if self.runner.dialect.replacing == "transaction":
                return  # These databases refuse to drop a table that a view reads.
            raise ConfigError(
                f"target: whether the view {view.name}, a part of the source, reads {self.name} cannot be determined "
                "(its definition is hidden or cannot be parsed), so the table is not replaced; name another target, or "
                "give the connection's user access to the definition"
            )

        for table in list_tables_read(self.runner, sources, refuse):
            if _can_be_same(table, self.table):
                raise ConfigError(
                    f"target: {self.name} is read by a view of the source, so replacing it would change the source; "
                    "name another table"
                )

    @contextmanager
    def create(self, query: exp.Select) -> Iterator[exp.Table]:
        """Create the table, run the body, and keep the table unless the body raises.

        :param query: selects the rows
        :return: the created table, perhaps still under a temporary name
        :raises OutputError: the database cannot create it; it is absent, or unchanged
        """
        method = self.runner.dialect.replacing
        table = self._name_staging_table() if self._exists and method == "rename" else self.table
        in_transaction = method == "transaction"
        created = False
        try:
            with self._translate_errors():
                if in_transaction:
                    self.runner.begin()
                    if self._exists:
                        self._drop(self.table)
                self.runner.run(_build_create_table(table, query, replace=self._exists and method == "or replace"))
                created = True
            yield table
            with self._translate_errors():
                if table is not self.table:
                    self._swap(table)
                if in_transaction:
                    self.runner.commit()
        except BaseException:
            if in_transaction:
                self.runner.rollback()
            elif created:
                with suppress(Exception):
                    self._drop(table)
            raise

    def _find_existing(self) -> bool:
        """Return whether the table exists, according to a query that reads no rows."""
        never = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
        try:
            list(self.runner.fetch_rows(exp.select(exp.Literal.number(1)).from_(self.table.copy()).where(never)))
        except DataError:
            # PostgreSQL refuses further statements in a transaction after an error.
            self.runner.rollback()
            return False
        return True

    def _name_staging_table(self) -> exp.Table:
        staging = self.table.copy()
        staging.set("this", exp.to_identifier(f"airflow_clarify_{uuid.uuid4().hex[:12]}", quoted=True))
        return staging

    def _drop(self, table: exp.Table) -> None:
        # Parsed as a statement, because Athena quotes names differently in statements than in queries.
        statement = parse_one("DROP TABLE IF EXISTS name")
        next(statement.find_all(exp.Table)).replace(table.copy())
        self.runner.run(statement)

    def _swap(self, created: exp.Table) -> None:
        """Replace the old table with the created one by renaming both at once (MySQL)."""
        old = self._name_staging_table()
        tables = (self.table, created, old)
        name, created_name, old_name = (render(table, self.runner.dialect) for table in tables)
        self.runner.run(f"RENAME TABLE {name} TO {old_name}, {created_name} TO {name}")
        self._drop(old)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except ClarifyError as error:
            raise OutputError(f"{self.name}: the table cannot be created: {error}") from None


def _list_tables(data: DataConfig, dialect: str) -> list[exp.Table]:
    if data.query is None:
        return [] if data.table is None else [parse_table(data.table, dialect, "table")]
    return list_query_tables(read_query(data.query, dialect))


def _can_be_same(one: exp.Table, other: exp.Table) -> bool:
    """Return whether two names may denote one table; a missing schema or catalog may be any."""
    pairs = ((one.name, other.name), (one.db, other.db), (one.catalog, other.catalog))
    return all(not a or not b or a.lower() == b.lower() for a, b in pairs)


def _build_create_table(table: exp.Table, query: exp.Select, *, replace: bool) -> exp.Create:
    return exp.Create(this=table.copy(), kind="TABLE", expression=query, replace=replace)
