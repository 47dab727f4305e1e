"""Running queries in a session on a Spark Connect server."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.sql.column_types import ColumnType
from airflow_clarify.engines.sql.dialects import Dialect, get_dialect
from airflow_clarify.engines.sql.rendering import render
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    from sqlglot import exp

log = logging.getLogger(__name__)

#: Attempts to reach a server, about 17 seconds in all. The client's default is ten minutes, even for a wrong token that
#: a restart could correct.
_MAX_ATTEMPTS = 5
#: Seconds to retry a server that stops responding during the work. The client's default is ten minutes per call,
#: without a log line.
PATIENCE = 60.0
#: Seconds of retries before a warning is logged.
_SECONDS_UNTIL_WARNING = 1.0
#: Maximum seconds between two attempts. Twice as long without an error means that the server has responded since.
_MAX_PAUSE = 10.0
#: Seconds until an idle connection is probed, and seconds to wait for the response: a machine that fails does not close
#: its connections. A server treats probes less than five minutes apart as an attack.
_KEEPALIVE = (330, 30)

_STORED = {
    "string": StorageType.TEXT,
    "tinyint": StorageType.INTEGER,
    "smallint": StorageType.INTEGER,
    "int": StorageType.INTEGER,
    "bigint": StorageType.INTEGER,
    "float": StorageType.FLOAT,
    "double": StorageType.FLOAT,
    "boolean": StorageType.BOOLEAN,
    "decimal": StorageType.DECIMAL,
    "array": StorageType.NESTED,
    "map": StorageType.NESTED,
    "struct": StorageType.NESTED,
    "variant": StorageType.NESTED,
}


class SparkRunner:
    """Run queries in a Spark session.

    :param session: the session, which no other task uses
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.dialect: Dialect = get_dialect("spark")
        self._stopped = False
        self._quiet = _QuietClient()
        self._retry_policy: Any = None
        self._where = ""

    @classmethod
    def open(cls, url: str) -> SparkRunner:
        """Open a session.

        :param url: the server's address, ``sc://host:port/;token=...``
        :raises ConfigError: pyspark-client is not installed, or the server is too old
        :raises DataError: the server cannot be reached
        """
        try:
            with warnings.catch_warnings(), _fake_main_module():
                # The client warns that it does not support pandas 3, which is not used here.
                warnings.simplefilter("ignore", FutureWarning)
                from pyspark.sql.connect.client.core import DefaultChannelBuilder
                from pyspark.sql.connect.client.retries import DefaultPolicy
                from pyspark.sql.connect.session import SparkSession
        except ImportError as error:
            raise ConfigError(
                f"SparkEngine needs pyspark-client ({first_error_line(error)}); pip install 'airflow-clarify[spark]'"
            ) from None
        where = _strip_parameters(url)
        try:
            # Not getOrCreate(), which may return the session of another task of this process, on another server.
            channel = DefaultChannelBuilder(url)
            for name, seconds in zip(("time", "timeout"), _KEEPALIVE, strict=True):
                channel.setChannelOption(f"grpc.keepalive_{name}_ms", seconds * 1000)
            session = SparkSession.builder.channelBuilder(channel).create()
            session.client.set_retry_policies([DefaultPolicy(max_retries=_MAX_ATTEMPTS)])
            with _QuietClient():
                version = str(session.version)
        except Exception as error:
            raise DataError(
                f"the Spark Connect server at {where} cannot be reached: {first_error_line(error)}"
            ) from None
        if int(version.split(".", 1)[0]) < 4:
            session.stop()
            raise ConfigError(f"the Spark Connect server at {where} is Spark {version}; SparkEngine needs 4.0 or later")
        runner = cls(session)
        runner._limit_retries(where)
        return runner

    @property
    def version(self) -> str:
        """Name and version of the counting engine."""
        return f"Spark {self.session.version}"

    def describe_columns(self, query: exp.Select) -> dict[str, ColumnType]:
        """Describe the columns of a query, with their types.

        :param query: the query; it reads no rows
        :raises DataError: the query cannot be run
        :raises ConfigError: two columns have the same name
        """
        found = self._translate_errors(lambda: list(self.session.sql(render(query, self.dialect)).dtypes))
        columns: dict[str, ColumnType] = {}
        for name, kind in found:
            if name in columns:
                raise ConfigError(f"query: two columns are named {name!r}; give one another name")
            stored = _find_storage(kind)
            columns[name] = ColumnType(stored, "plain", kind if stored in _NO_WEIGHTS else "")
        return columns

    def fetch_rows(self, query: exp.Expr, max_rows: int | None = None) -> Iterator[tuple[Any, ...]]:
        """Run a query and yield its rows.

        :param query: the query
        :param max_rows: not used: Spark collects all rows at once
        :raises DataError: the query cannot be run
        """
        text = render(query, self.dialect)
        yield from map(tuple, self._translate_errors(lambda: self.session.sql(text).collect()))

    def run(self, statement: exp.Expr | str) -> None:
        """Run a statement that returns no rows.

        :param statement: an expression, or SQL of Spark
        :raises DataError: the statement cannot be run
        """
        text = statement if isinstance(statement, str) else render(statement, self.dialect)
        self._translate_errors(lambda: self.session.sql(text).collect())

    def begin(self) -> None:
        """Do nothing: Spark has no transactions."""

    def commit(self) -> None:
        """Do nothing: Spark has no transactions."""

    def rollback(self) -> None:
        """Do nothing: Spark has no transactions."""

    def cancel(self) -> None:
        """Cancel all running queries of the session."""
        self._stopped = True
        with contextlib.suppress(Exception), self._quiet:
            self.session.interruptAll()

    def close(self) -> None:
        """Close the session, which drops its views."""
        with contextlib.suppress(Exception), self._quiet:
            self.session.stop()

    def read(self, kind: str, path: str, columns: Sequence[str] | None = None, **options: str) -> Any:
        """Read files into a DataFrame on the cluster.

        :param kind: Spark's name of the format
        :param path: the path, in Spark's notation
        :param columns: the names of the columns, to read all of them as texts; None lets Spark infer the schema
        :param options: the options of Spark's reader, as texts
        :raises DataError: the files cannot be read
        """
        from pyspark.sql.types import StringType, StructField, StructType

        reader = self.session.read.format(kind).options(**options)
        if columns is not None:
            reader = reader.schema(StructType([StructField(name, StringType()) for name in columns]))
        frame = reader.load(path)
        # Spark reads lazily; requesting the schema reports a missing path here.
        self._translate_errors(lambda: frame.schema)
        return frame

    def collect(self, frame: Any) -> list[tuple[Any, ...]]:
        """Fetch all rows of a DataFrame.

        :param frame: a DataFrame of few rows
        :raises DataError: Spark cannot compute the rows
        """
        return [tuple(row) for row in self._translate_errors(frame.collect)]

    def _limit_retries(self, where: str) -> None:
        """Limit the retries of the session to :data:`PATIENCE`.

        :param where: the server, for messages
        """
        self._where = where
        self._retry_policy = _build_retry_policy(where, lambda: self._stopped)
        self.session.client.set_retry_policies([self._retry_policy])

    def _translate_errors(self, action: Any) -> Any:
        if self._stopped:
            raise DataError("Spark: stopped before the query was run")
        try:
            with self._quiet:
                return action()
        except Exception as error:
            if not self._stopped and self._retry_policy is not None and self._retry_policy.has_given_up:
                raise DataError(
                    f"Spark: the server at {self._where} has not answered for {PATIENCE:.0f} s "
                    f"({first_error_line(error)}); check that it is running, then run this again"
                ) from None
            raise DataError(f"Spark: {'stopped' if self._stopped else first_error_line(error)}") from None


#: The storage types that cannot hold weights, such as dates.
_NO_WEIGHTS = (StorageType.OTHER, StorageType.TIMESTAMP, StorageType.NESTED)


def _find_storage(kind: str) -> StorageType:
    """Find the storage type of a column from Spark's name of its type."""
    base = kind.split("(")[0].split("<")[0]
    return _STORED.get(base, StorageType.OTHER)


def build_address(conn_id: str | None, url: str | None) -> str:
    """Build the address of a Spark Connect server.

    :param conn_id: an Airflow connection of the type ``spark_connect``; not used if there is a url
    :param url: the address
    :return: the address, ``sc://host:port/;token=...``
    :raises ConfigError: neither is given, there is no such connection, or it is of another type
    """
    if url:
        if not url.startswith("sc://"):
            raise ConfigError("url: the address of a Spark Connect server begins with sc://, as in sc://host:15002")
        from airflow.sdk.log import mask_secret

        for token in re.findall(r";(?:token|authorization|x-[\w-]*(?:auth|token)[\w-]*)=([^;]+)", url, re.IGNORECASE):
            mask_secret(token)
        return url
    if not conn_id:
        raise ConfigError("conn_id: name a connection to Spark Connect, or give its url")
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise ConfigError(f"conn_id: there is no Airflow connection {conn_id!r}; add it, or give a url") from None
    if connection.conn_type != "spark_connect":
        raise ConfigError(
            f"conn_id: the connection {conn_id!r} is of the type {connection.conn_type}; SparkEngine needs one of the "
            "type spark_connect"
        )
    return _build_connection_address(connection, conn_id)


def first_error_line(error: Exception) -> str:
    """Return the first line of a Spark error, and of its cause.

    :param error: the error; the server's stack trace is left out
    """
    text = str(error).strip()
    refused = re.search(r'details = "(.*)"', text)
    lines = (refused.group(1) if refused else text).splitlines() or [type(error).__name__]
    causes = [line.partition(": ")[2] for line in lines if line.startswith("Caused by: ") and ": [" in line]
    parts = [_strip_sql_state(lines[0])] + [f"({_strip_sql_state(cause)})" for cause in causes[-1:]]
    return " ".join(parts)


def _strip_sql_state(line: str) -> str:
    return line.split(" SQLSTATE:")[0].strip()


class _QuietClient:
    """Suppress the client's log of the errors that are raised in the body.

    The client logs each error with the server's stack trace of 11,000 characters, even an expected one, such as a
    missing table. The caller receives the same error as an exception. Results are released in threads of the client's
    own; that fails if the session is closed first, which releases them too.
    """

    _threads: ClassVar[threading.local] = threading.local()
    _installed: ClassVar[bool] = False

    def __enter__(self) -> None:
        from pyspark.sql.connect.logging import logger

        if not _QuietClient._installed:
            logger.addFilter(_QuietClient._is_passed)
            _QuietClient._installed = True
        self._threads.depth = getattr(self._threads, "depth", 0) + 1

    def __exit__(self, *_: object) -> None:
        self._threads.depth -= 1

    @staticmethod
    def _is_passed(record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        is_release = record.getMessage().startswith("ReleaseExecute failed")
        return not is_release and not getattr(_QuietClient._threads, "depth", 0)


def _build_retry_policy(where: str, is_stopped: Callable[[], bool]) -> Any:
    """Build a retry policy that gives up after :data:`PATIENCE` and logs a warning before.

    :param where: the server, for messages
    :param is_stopped: returns whether the work was cancelled, after which nothing is retried
    """
    from pyspark.sql.connect.client.retries import DefaultPolicy

    class LimitedPolicy(DefaultPolicy):
        """Retry for :data:`PATIENCE` seconds, counted from the first of consecutive errors."""

        def __init__(self) -> None:
            pause = int(_MAX_PAUSE * 1000)
            super().__init__(max_retries=None, max_backoff=pause, max_server_retry_delay=pause)
            self._first = self._last = float("-inf")
            self._warned = self.has_given_up = False

        def can_retry(self, error: BaseException) -> bool:
            if is_stopped() or not super().can_retry(error):
                return False
            now = time.monotonic()
            if now - self._last > 2 * _MAX_PAUSE:
                self._first, self._warned, self.has_given_up = now, False, False
            self._last = now
            if not self._warned and now - self._first > _SECONDS_UNTIL_WARNING:
                log.warning("Spark: the server at %s does not answer; retrying for %.0f s", where, PATIENCE)
                self._warned = True
            self.has_given_up = now - self._first >= PATIENCE
            return not self.has_given_up

    return LimitedPolicy()


@contextlib.contextmanager
def _fake_main_module() -> Iterator[None]:
    """Give the main module a file name while the client is imported.

    The client mistakes `python -c`, with which a worker may be started, for a run of its own doctests, and exits the
    process if their tools are missing, with the exit code 0.
    """
    main = sys.modules["__main__"]
    if main.__spec__ is not None or hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "python -c"
    try:
        yield
    finally:
        del main.__file__


def _build_connection_address(connection: Any, conn_id: str) -> str:
    """Build the address of a connection, with escaped parameters.

    The provider's hook does not escape a slash in a token, which the client then reads as a path.
    """
    host = str(connection.host or "").removeprefix("sc://").rstrip("/")
    if not host or "/" in host:
        raise ConfigError(f"conn_id: the connection {conn_id!r} has no usable host ({connection.host!r}); give it one")
    parameters = {"user_id": connection.login, "token": connection.password}
    use_ssl = connection.extra_dejson.get("use_ssl")
    if use_ssl is not None:
        parameters["use_ssl"] = str(use_ssl).lower()
    suffix = "".join(f";{name}={quote(value, safe='')}" for name, value in parameters.items() if value)
    port = f":{connection.port}" if connection.port else ""
    return f"sc://{host}{port}/{suffix}"


def _strip_parameters(url: str) -> str:
    return url.split("/;", 1)[0].split(";", 1)[0].rstrip("/")
