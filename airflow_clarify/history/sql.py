"""A history in a table of a database, through the hook of an Airflow connection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from airflow_clarify.exceptions import ConfigError, DataError, OutputError
from airflow_clarify.history.record import HistoryRecord
from airflow_clarify.io.filesystem import first_error_line

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}", re.ASCII)
_COLUMNS = (
    "record_key",
    "dag_id",
    "task_id",
    "instance",
    "run_id",
    "dataset",
    "period_start",
    "period_end",
    "recorded_at",
    "fingerprint",
    "outcome",
    "record",
)
_MAX_ATTEMPTS = 3
#: Attempts to write records that other writers insert at the same time; each new record can fail one of them.
_MAX_CONFLICTS = 20
#: SQLSTATE of a missing table, in PostgreSQL and in MySQL.
_MISSING_TABLE = ("42P01", "42S02")


@dataclass(frozen=True)
class SQLHistory:
    """Keep the history in a table of a database, one row for each run.

    The table is created when it is first written to. A retry or a cleared task replaces its own row only. All records
    of one call, such as those of a backfill, are written in one transaction. Databases with Airflow's SQL hook
    (``DbApiHook``) and the types VARCHAR and TEXT are supported; PostgreSQL and SQLite are tested. DuckDB is not
    supported, as it allows one writing process only.

    :param conn_id: an Airflow connection to a database
    :param table: the table, such as "clarify_history" or "schema.clarify_history"
    :raises ConfigError: the name of the table is not valid
    """

    conn_id: str
    table: str = "clarify_history"

    def __post_init__(self) -> None:
        if not isinstance(self.table, str) or not _NAME.fullmatch(self.table):
            raise ConfigError(f"history: table: a name such as 'clarify_history', not {self.table!r}")
        if not isinstance(self.conn_id, str) or not self.conn_id.strip():
            raise ConfigError(f"history: conn_id: an Airflow connection to a database, not {self.conn_id!r}")

    def write(self, records: Iterable[HistoryRecord]) -> None:
        """Write records; each replaces the earlier record of its run.

        :param records: the records
        :raises OutputError: a record cannot be written
        """
        hook = self._get_hook()
        try:
            with closing(hook.get_conn()) as connection:
                self._create_table(connection, _name_text_type(hook))
                self._replace(connection, hook.placeholder, list(records))
        except Exception as error:  # the errors of the drivers have no common base class
            raise OutputError(
                f"history: table {self.table} of connection {self.conn_id!r} cannot be written "
                f"({first_error_line(error)})"
            ) from None

    def read(self) -> list[HistoryRecord]:
        """Read all records.

        :return: the records, in order of time
        :raises DataError: the table or a record cannot be read, or is from a newer version
        """
        hook = self._get_hook()
        where = f"table {self.table} of connection {self.conn_id!r}"
        try:
            with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(f"SELECT record FROM {self.table} ORDER BY period_start, record_key")
                texts = [row[0] for row in cursor.fetchall()]
        except Exception as error:
            if _is_missing_table(error):
                return []
            raise DataError(f"history: {where} cannot be read ({first_error_line(error)})") from None
        return [HistoryRecord.parse(text, where) for text in texts]

    def delete(self, records: Sequence[HistoryRecord]) -> None:
        """Delete records.

        :param records: the records
        :raises OutputError: a record cannot be deleted
        """
        hook = self._get_hook()
        try:
            with closing(hook.get_conn()) as connection:
                for record in records:
                    with _transaction(connection) as cursor:
                        cursor.execute(f"DELETE FROM {self.table} WHERE record_key = {hook.placeholder}", (record.key,))
        except Exception as error:
            raise OutputError(f"history: table {self.table}: cannot be deleted ({first_error_line(error)})") from None

    def _get_hook(self) -> Any:
        from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

        try:
            hook = BaseHook.get_connection(self.conn_id).get_hook()
        except AirflowNotFoundException:
            raise ConfigError(f"history: there is no Airflow connection {self.conn_id!r}; add it") from None
        if not hasattr(hook, "placeholder"):
            raise ConfigError(f"history: connection {self.conn_id!r} is not an SQL connection")
        return hook

    def _create_table(self, connection: Any, text: str) -> None:
        columns = ", ".join(f"{name} VARCHAR(1000)" for name in _COLUMNS[1:-1])
        with _transaction(connection) as cursor:
            try:
                # Without the right to create tables, one that exists already can still be used.
                cursor.execute(f"SELECT record_key FROM {self.table} WHERE 1 = 0")
                return
            except Exception as error:
                if not _is_missing_table(error):
                    raise
        try:
            with _transaction(connection) as cursor:
                cursor.execute(
                    f"CREATE TABLE {self.table} (record_key VARCHAR(64) NOT NULL PRIMARY KEY, {columns}, record {text})"
                )
        except Exception:
            # Another run may have created it in the meantime.
            with _transaction(connection) as cursor:
                cursor.execute(f"SELECT record_key FROM {self.table} WHERE 1 = 0")

    def _replace(self, connection: Any, placeholder: str, records: Sequence[HistoryRecord]) -> None:
        """Replace records in one transaction, in the order of their keys, so that writers do not lock each other."""
        marks = ", ".join([placeholder] * len(_COLUMNS))
        insert = f"INSERT INTO {self.table} ({', '.join(_COLUMNS)}) VALUES ({marks})"
        new_values = ", ".join(f"{column} = {placeholder}" for column in _COLUMNS[1:])
        where = f"WHERE record_key = {placeholder}"
        for attempt in range(1, _MAX_CONFLICTS + 1):
            try:
                with _transaction(connection) as cursor:
                    for key, *values in sorted(map(_list_values, records)):
                        cursor.execute(f"SELECT record_key FROM {self.table} {where}", (key,))
                        if cursor.fetchall():
                            cursor.execute(f"UPDATE {self.table} SET {new_values} {where}", (*values, key))
                        else:
                            cursor.execute(insert, (key, *values))
                return
            except Exception as error:
                # Two writers of a new record: one inserts it between the other's SELECT and INSERT. The next attempt
                # finds it; several are needed if this happens to several records.
                if attempt >= (_MAX_CONFLICTS if _is_conflict(error) else _MAX_ATTEMPTS):
                    raise


def _list_values(record: HistoryRecord) -> tuple[str, ...]:
    """List the values of a row, in the order of the columns."""
    return (
        record.key,
        record.dag_id,
        record.task_id,
        record.instance,
        record.run_id,
        record.dataset[:1000],
        "" if record.start is None else record.start.isoformat(),
        "" if record.end is None else record.end.isoformat(),
        "" if record.recorded_at is None else record.recorded_at.isoformat(),
        record.fingerprint,
        "" if record.verdict is None else str(record.verdict.get("outcome", "")),
        record.to_json(),
    )


@contextmanager
def _transaction(connection: Any) -> Iterator[Any]:
    """Run statements in one transaction."""
    with closing(connection.cursor()) as cursor:
        try:
            yield cursor
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def _name_text_type(hook: Any) -> str:
    """Return the type of long texts; TEXT of MySQL and MariaDB ends at 64 KiB."""
    return "LONGTEXT" if getattr(hook, "conn_type", "") == "mysql" else "TEXT"


def _is_conflict(error: Exception) -> bool:
    """Return whether a key exists already; the drivers share the name of this error (PEP 249), not its class."""
    return any(kind.__name__ == "IntegrityError" for kind in type(error).__mro__)


def _is_missing_table(error: Exception) -> bool:
    state = str(getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or "")
    if state:
        return state in _MISSING_TABLE
    text = str(error).lower()
    signs = ("does not exist", "no such table", "doesn't exist", "undefined table")
    # A column may be missing too, in a table that is not a history.
    return any(sign in text for sign in signs) and "column" not in text
