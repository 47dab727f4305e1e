"""Running queries through an Airflow connection whose hook is a DbApiHook."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.engines.sql.column_types import ColumnType, parse_column_type
from airflow_clarify.engines.sql.dialects import MARIADB, Dialect, find_dialect, get_dialect
from airflow_clarify.engines.sql.rendering import render
from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

#: Rows per fetch.
_BATCH = 10_000

#: Arguments that a hook needs to accept the dialect written for it, by type of connection.
_HOOK_PARAMS: dict[str, dict[str, Any]] = {"gcpbigquery": {"use_legacy_sql": False}}


class DbApiRunner:
    """Run queries on one connection of a DbApiHook.

    :param hook: the hook
    :param dialect: the SQL dialect of its database
    :param conn_id: the id of the connection, for messages
    :raises DataError: the connection cannot be opened
    """

    def __init__(self, hook: DbApiHook, dialect: Dialect, conn_id: str) -> None:
        self.hook = hook
        self.dialect = dialect
        self.conn_id = conn_id
        self._running: Any = None
        self._stopped = False
        try:
            self.connection: Any = hook.get_conn()
        except Exception as error:
            raise DataError(f"the connection {conn_id!r} cannot be opened: {first_error_line(error)}") from None
        if dialect.name == "sqlite":
            _register_sqlite_functions(self.connection)
        if dialect.name == "mysql":
            try:
                self._prepare_mysql()
            except ClarifyError:
                self.close()
                raise

    @classmethod
    def open(cls, conn_id: str, dialect: str | None, hook_params: dict[str, Any] | None) -> DbApiRunner:
        """Open an Airflow connection.

        :param conn_id: the id of the connection
        :param dialect: sqlglot's name of the dialect; None uses the type of the connection
        :param hook_params: arguments of the hook
        :raises ConfigError: there is no such connection, it is not an SQL connection, or its dialect is unknown
        :raises DataError: the connection cannot be opened
        """
        from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
        from airflow.providers.common.sql.hooks.sql import DbApiHook

        try:
            connection = BaseHook.get_connection(conn_id)
        except AirflowNotFoundException:
            raise ConfigError(f"conn_id: there is no Airflow connection {conn_id!r}; add it, or name another") from None
        kind = str(connection.conn_type)
        try:
            hook = connection.get_hook(hook_params={**_HOOK_PARAMS.get(kind, {}), **(hook_params or {})})
        except Exception as error:
            raise ConfigError(
                f"conn_id: the connection {conn_id!r} (type {kind}) has no hook here: {first_error_line(error)}; "
                "install its provider package"
            ) from None
        if not isinstance(hook, DbApiHook):
            raise ConfigError(f"conn_id: the connection {conn_id!r} (type {kind}) is not an SQL connection")
        found = get_dialect(dialect) if dialect is not None else find_dialect(kind, conn_id)
        return cls(hook, found, conn_id)

    @property
    def version(self) -> str:
        """Name of the counting engine and its connection."""
        return f"{self.dialect.title} (connection {self.conn_id})"

    def describe_columns(self, query: exp.Select) -> dict[str, ColumnType]:
        """Describe the columns of a query, with the types that the driver gives.

        :param query: the query; it reads no rows
        :raises DataError: the query cannot be run
        :raises ConfigError: two columns have the same name
        """
        empty = query.copy().where(exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0)))
        with self._open_cursor() as cursor:
            self._execute(cursor, render(empty, self.dialect))
            with suppress(Exception):  # Some drivers describe the columns only after a fetch.
                cursor.fetchall()
            described = [(str(column[0]), column[1]) for column in cursor.description or ()]
        names = [name for name, _ in described]
        if len(set(names)) < len(names):
            duplicate, _ = Counter(names).most_common(1)[0]
            raise ConfigError(f"query: two columns are named {duplicate!r}; give one another name")
        charsets = self._fetch_charsets(query, names) if self.dialect.name == "mysql" else {}
        return {name: parse_column_type(self.dialect.name, code, charsets.get(name)) for name, code in described}

    def fetch_rows(self, query: exp.Expr, max_rows: int | None = None) -> Iterator[tuple[Any, ...]]:
        """Run a query and yield its rows in batches.

        :param query: the query
        :param max_rows: the number of rows that the caller reads, if known
        :raises DataError: the query cannot be run
        """
        with self._open_cursor() as cursor:
            self._execute(cursor, render(query, self.dialect))
            while batch := cursor.fetchmany(_BATCH if max_rows is None else min(_BATCH, max_rows)):
                yield from map(tuple, batch)

    def run(self, statement: exp.Expr | str) -> None:
        """Run a statement that returns no rows.

        :param statement: an expression, or SQL of the dialect
        :raises DataError: the statement cannot be run
        """
        text = statement if isinstance(statement, str) else render(statement, self.dialect)
        with self._open_cursor() as cursor:
            self._execute(cursor, text)

    def begin(self) -> None:
        """Begin a transaction; most drivers begin one with the first statement."""
        if self.dialect.name in ("duckdb", "sqlite"):
            self.run("BEGIN TRANSACTION")

    def commit(self) -> None:
        """Commit the transaction."""
        self._translate_errors(self.connection.commit)

    def rollback(self) -> None:
        """Roll the transaction back, if the database supports it."""
        with suppress(Exception):
            self.connection.rollback()

    def cancel(self) -> None:
        """Cancel the running query, with the method that the driver supports."""
        self._stopped = True
        for target, method in ((self._running, "cancel"), (self.connection, "cancel"), (self.connection, "interrupt")):
            stop = getattr(target, method, None)
            if callable(stop):
                with suppress(Exception):
                    stop()
                    return
        with suppress(Exception):
            self.connection.close()

    def close(self) -> None:
        """Close the connection."""
        with suppress(Exception):
            self.connection.close()

    def _prepare_mysql(self) -> None:
        """Detect MariaDB, and compare the texts of literals as exactly as those of columns."""
        ((version,),) = self.fetch_rows(exp.select(exp.Anonymous(this="VERSION", expressions=[])))
        if "mariadb" in str(version).lower():
            self.dialect = MARIADB
        self.run(f"SET collation_connection = {self.dialect.collation}")

    def _fetch_charsets(self, query: exp.Select, names: Sequence[str]) -> dict[str, str]:
        """Fetch the character set of each column of a query; "binary" for columns without text.

        MySQL gives texts and bytes the same types, and drivers differ in the rest of a column's description. CHARSET
        depends on the type alone, so no row is read.
        """
        if not names:
            return {}
        columns = [exp.column(name, "described", quoted=True) for name in names]
        charsets = [exp.Anonymous(this="CHARSET", expressions=[column]) for column in columns]
        one = exp.select(exp.Literal.number(1).as_("one")).subquery("one")
        never = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
        rows = exp.select(*charsets).from_(one).join(query.copy().subquery("described"), on=never, join_type="left")
        (found,) = self.fetch_rows(rows)
        return dict(zip(names, map(str, found), strict=True))

    @contextmanager
    def _open_cursor(self) -> Iterator[Any]:
        if self.dialect.name == "duckdb":
            # DuckDB's cursors are separate connections, outside this connection's transaction.
            yield self.connection
        else:
            with closing(self.connection.cursor()) as cursor:
                yield cursor

    def _execute(self, cursor: Any, sql: str) -> None:
        self._running = cursor
        try:
            self._translate_errors(lambda: cursor.execute(sql))
        finally:
            self._running = None

    def _translate_errors(self, action: Any) -> None:
        if self._stopped:
            raise DataError(f"{self.conn_id}: stopped before the query was run")
        try:
            action()
        except Exception as error:
            reason = "stopped while it ran a query" if self._stopped else first_error_line(error)
            raise DataError(f"{self.dialect.title} (connection {self.conn_id!r}): {reason}") from None


def first_error_line(error: Exception) -> str:
    """Return the first line of an error's message.

    :param error: the error; its type is returned if the message is empty
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _register_sqlite_functions(connection: Any) -> None:
    """Register functions for regular expressions and digests, which SQLite does not have."""

    def matches(pattern: str, value: Any) -> bool | None:
        return None if value is None else re.search(pattern, str(value)) is not None

    def digest(value: Any) -> str | None:
        return None if value is None else hashlib.md5(str(value).encode(), usedforsecurity=False).hexdigest()

    connection.create_function("REGEXP", 2, matches, deterministic=True)
    # The name that older versions of sqlglot use.
    connection.create_function("REGEXP_LIKE", 2, lambda value, pattern: matches(pattern, value), deterministic=True)
    connection.create_function("MD5", 1, digest, deterministic=True)
