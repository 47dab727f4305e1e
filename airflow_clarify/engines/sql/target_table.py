"""The table that a balanced copy becomes: made by one statement, whole or absent, and never in place of the source."""

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
    """A runner that also makes tables, and is stopped and closed by its engine."""

    def run(self, statement: exp.Expr | str) -> None:
        """Run a statement that gives no rows.

        :raises DataError: it cannot be run
        """
        ...

    def begin(self) -> None:
        """Begin a transaction, where the database has them."""
        ...

    def commit(self) -> None:
        """Make what was done since then permanent."""
        ...

    def rollback(self) -> None:
        """Undo what was done since then."""
        ...

    def cancel(self) -> None:
        """Stop what is running."""
        ...

    def close(self) -> None:
        """End the connection or session."""
        ...


class TargetTable:
    """A table to make.

    :param runner: runs statements
    :param name: the table, as the author names it
    :param if_exists: what to do where it is there already: "fail", or "replace"
    :raises ConfigError: it is no name, or ``if_exists`` is something else
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
        """See that it can be made.

        :param data: the source, which it must not be
        :raises ConfigError: it is (in) the source, or is there already and cannot be replaced
        """
        tables = _list_tables(data, self.runner.dialect.name)
        for table in tables:
            if _can_be_same(table, self.table):
                raise ConfigError(
                    f"target: {self.name} is the source, or cannot be told from it; name another table, or write both "
                    "with their schema"
                )
        self._exists = self._is_there()
        if self._exists and not self._replace:
            raise ConfigError(f"target: there is a table {self.name} already; name another, or say if_exists='replace'")
        if self._exists and self.runner.dialect.replacing == "no":
            raise ConfigError(
                f"if_exists: {self.runner.dialect.title} cannot replace a table in one step; drop {self.name} in a "
                "task before, or name another one for each run"
            )
        if self._exists:
            self._check_views(tables)

    def _check_views(self, sources: Sequence[exp.Table]) -> None:
        """Check that what is to be replaced is a table, and none that a view of the source reads.

        :raises ConfigError: it is a view, or the source reads it, or does not show what it reads
        """
        if find_view(self.runner, self.table) is not None:
            raise ConfigError(f"target: {self.name} is a view, and a balanced copy is a table; name another")

        def refuse(view: exp.Table) -> None:
            if self.runner.dialect.replacing == "transaction":
                return  # Such databases make no table while a view that reads it has none.
            raise ConfigError(
                f"target: whether the view {view.name}, a part of the source, reads {self.name} cannot be seen (its "
                "definition is hidden or cannot be parsed), so the table is not replaced; name another target, or let "
                "the connection's user see the definition"
            )

        for table in list_tables_read(self.runner, sources, refuse):
            if _can_be_same(table, self.table):
                raise ConfigError(
                    f"target: {self.name} is read by a view of the source, so replacing it would change the source; "
                    "name another table"
                )

    @contextmanager
    def create(self, query: exp.Select) -> Iterator[exp.Table]:
        """Make the table, let the body look at it, and keep it unless the body raises.

        :param query: gives its rows
        :raises OutputError: the database cannot make it; it is as absent, or as it was, as before
        """
        how = self.runner.dialect.replacing
        table = self._name_staging_table() if self._exists and how == "rename" else self.table
        in_transaction = how == "transaction"
        created = False
        try:
            with self._translate_errors():
                if in_transaction:
                    self.runner.begin()
                    if self._exists:
                        self._drop(self.table)
                self.runner.run(_build_create_table(table, query, replace=self._exists and how == "or replace"))
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

    def _is_there(self) -> bool:
        nothing = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
        try:
            list(self.runner.fetch_rows(exp.select(exp.Literal.number(1)).from_(self.table.copy()).where(nothing)))
        except DataError:
            # A transaction in which a statement has failed is good for nothing else in PostgreSQL.
            self.runner.rollback()
            return False
        return True

    def _name_staging_table(self) -> exp.Table:
        aside = self.table.copy()
        aside.set("this", exp.to_identifier(f"airflow_clarify_{uuid.uuid4().hex[:12]}", quoted=True))
        return aside

    def _drop(self, table: exp.Table) -> None:
        # As a statement of its own, for Athena quotes names otherwise in such than in queries.
        statement = parse_one("DROP TABLE IF EXISTS made")
        next(statement.find_all(exp.Table)).replace(table.copy())
        self.runner.run(statement)

    def _swap(self, made: exp.Table) -> None:
        """Give the new table the name of the old one, both at once (MySQL)."""
        old = self._name_staging_table()
        here, there, away = (render(table, self.runner.dialect) for table in (self.table, made, old))
        self.runner.run(f"RENAME TABLE {here} TO {away}, {there} TO {here}")
        self._drop(old)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except ClarifyError as error:
            raise OutputError(f"{self.name}: the table cannot be made: {error}") from None


def _list_tables(data: DataConfig, dialect: str) -> list[exp.Table]:
    if data.query is None:
        return [] if data.table is None else [parse_table(data.table, dialect, "table")]
    return list_query_tables(read_query(data.query, dialect))


def _can_be_same(one: exp.Table, other: exp.Table) -> bool:
    """Whether two names can mean one table: where one says less than the other, nobody knows."""
    pairs = ((one.name, other.name), (one.db, other.db), (one.catalog, other.catalog))
    return all(not a or not b or a.lower() == b.lower() for a, b in pairs)


def _build_create_table(table: exp.Table, query: exp.Select, *, replace: bool) -> exp.Create:
    return exp.Create(this=table.copy(), kind="TABLE", expression=query, replace=replace)
