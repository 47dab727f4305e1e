"""A session on a Spark Connect server, and running queries in it."""

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

#: Attempts to reach a server, about 17 seconds in all. By itself the client goes on for ten minutes, also where a
#: token is wrong in a way that a restart could mend.
_ATTEMPTS = 5
#: Seconds for which a server that does not answer in the middle of the work is asked again. By itself the client goes
#: on for ten minutes, without a word, for each of several questions.
PATIENCE = 60.0
#: Seconds after which the first word about it is in the log.
_SECONDS_UNTIL_WARNING = 1.0
#: Seconds between two attempts at most. After twice as many without an error, the server has answered in between.
_LONGEST_PAUSE = 10.0
#: A connection on which nothing is heard for so many seconds is tested, and is lost after so many more without an
#: answer: a machine that vanishes says nothing. A server takes tests at less than five minutes from each other for an
#: attack.
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
    """Runs queries in a session of its own.

    :param session: the session
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
                # That it is not made for pandas 3 yet: we take no pandas from it.
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
            # Not getOrCreate(), which gives the session of another task of this process, on whatever server.
            channel = DefaultChannelBuilder(url)
            for name, seconds in zip(("time", "timeout"), _KEEPALIVE, strict=True):
                channel.setChannelOption(f"grpc.keepalive_{name}_ms", seconds * 1000)
            session = SparkSession.builder.channelBuilder(channel).create()
            session.client.set_retry_policies([DefaultPolicy(max_retries=_ATTEMPTS)])
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
        """What counts, and which version of it."""
        return f"Spark {self.session.version}"

    def describe_columns(self, query: exp.Select) -> dict[str, ColumnType]:
        """The columns that a query gives, and how they are stored."""
        found = self._translate_errors(lambda: list(self.session.sql(render(query, self.dialect)).dtypes))
        columns: dict[str, ColumnType] = {}
        for name, kind in found:
            if name in columns:
                raise ConfigError(f"query: two columns are named {name!r}; give one another name")
            stored = _find_storage(kind)
            columns[name] = ColumnType(stored, "plain", kind if stored in _NO_WEIGHTS else "")
        return columns

    def fetch_rows(self, query: exp.Expr, at_most: int | None = None) -> Iterator[tuple[Any, ...]]:
        """Run a query and give its rows."""
        text = render(query, self.dialect)
        yield from map(tuple, self._translate_errors(lambda: self.session.sql(text).collect()))

    def run(self, statement: exp.Expr | str) -> None:
        """Run a statement that gives no rows."""
        text = statement if isinstance(statement, str) else render(statement, self.dialect)
        self._translate_errors(lambda: self.session.sql(text).collect())

    def begin(self) -> None:
        """Nothing: Spark has no transactions."""

    def commit(self) -> None:
        """Nothing: Spark has no transactions."""

    def rollback(self) -> None:
        """Nothing: Spark has no transactions."""

    def cancel(self) -> None:
        """Stop what is running."""
        self._stopped = True
        with contextlib.suppress(Exception), self._quiet:
            self.session.interruptAll()

    def close(self) -> None:
        """End the session, and with it its views."""
        with contextlib.suppress(Exception), self._quiet:
            self.session.stop()

    def read(self, kind: str, path: str, columns: Sequence[str] | None = None, **options: str) -> Any:
        """A DataFrame on the cluster, of files there.

        :param kind: Spark's name of the format
        :param path: as Spark reads it
        :param columns: their names, where all are to be texts; None leaves it to Spark
        :param options: Spark's, all of them texts
        :raises DataError: they cannot be read
        """
        from pyspark.sql.types import StringType, StructField, StructType

        reader = self.session.read.format(kind).options(**options)
        if columns is not None:
            reader = reader.schema(StructType([StructField(name, StringType()) for name in columns]))
        frame = reader.load(path)
        # Nothing is read before it is needed, so that a path that is not there would be told of somewhere else.
        self._translate_errors(lambda: frame.schema)
        return frame

    def collect(self, frame: Any) -> list[tuple[Any, ...]]:
        """The rows of a DataFrame; they are few."""
        return [tuple(row) for row in self._translate_errors(frame.collect)]

    def _limit_retries(self, where: str) -> None:
        """Have what does not answer asked again for a minute, and not for ten.

        :param where: the server, for people
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
                    f"({first_error_line(error)}); see whether it is running, then run this again"
                ) from None
            raise DataError(f"Spark: {'stopped' if self._stopped else first_error_line(error)}") from None


#: How values are stored that cannot be weights, such as dates.
_NO_WEIGHTS = (StorageType.OTHER, StorageType.TIMESTAMP, StorageType.NESTED)


def _find_storage(kind: str) -> StorageType:
    """Tell how Spark stores a column, from its name of the type."""
    base = kind.split("(")[0].split("<")[0]
    return _STORED.get(base, StorageType.OTHER)


def build_address(conn_id: str | None, url: str | None) -> str:
    """The address of a Spark Connect server.

    :param conn_id: an Airflow connection of the type ``spark_connect``
    :param url: the address itself
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
    return _read_address(connection, conn_id)


def first_error_line(error: Exception) -> str:
    """What an error of Spark's says, without the server's stack; with its cause, where it only says that it has one."""
    text = str(error).strip()
    refused = re.search(r'details = "(.*)"', text)
    lines = (refused.group(1) if refused else text).splitlines() or [type(error).__name__]
    causes = [line.partition(": ")[2] for line in lines if line.startswith("Caused by: ") and ": [" in line]
    said = [_strip_sql_state(lines[0])] + [f"({_strip_sql_state(cause)})" for cause in causes[-1:]]
    return " ".join(said)


def _strip_sql_state(line: str) -> str:
    return line.split(" SQLSTATE:")[0].strip()


class _QuietClient:
    """Keep the client from logging the errors that are raised in its body.

    It logs each with the server's stack, 11,000 characters of it, also where an error is an expected answer, as to
    whether there is a table. Whoever asked gets the same error as an exception.
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
        return not getattr(_QuietClient._threads, "depth", 0) or record.levelno < logging.WARNING


def _build_retry_policy(where: str, is_stopped: Callable[[], bool]) -> Any:
    """Make the rule by which a session's questions are asked again: for a minute in all, and not without a word.

    :param where: the server, for people
    :param is_stopped: whether the work was stopped, after which nothing is asked again
    """
    from pyspark.sql.connect.client.retries import DefaultPolicy

    class LimitedPolicy(DefaultPolicy):
        """Ask a server again for as long as :data:`PATIENCE`, counted from the first of a row of errors."""

        def __init__(self) -> None:
            pause = int(_LONGEST_PAUSE * 1000)
            super().__init__(max_retries=None, max_backoff=pause, max_server_retry_delay=pause)
            self._first = self._last = float("-inf")
            self._warned = self.has_given_up = False

        def can_retry(self, error: BaseException) -> bool:
            if is_stopped() or not super().can_retry(error):
                return False
            now = time.monotonic()
            if now - self._last > 2 * _LONGEST_PAUSE:
                self._first, self._warned, self.has_given_up = now, False, False
            self._last = now
            if not self._warned and now - self._first > _SECONDS_UNTIL_WARNING:
                log.warning("Spark: the server at %s does not answer; it is asked again for %.0f s", where, PATIENCE)
                self._warned = True
            self.has_given_up = now - self._first >= PATIENCE
            return not self.has_given_up

    return LimitedPolicy()


@contextlib.contextmanager
def _fake_main_module() -> Iterator[None]:
    """Let the main module look like a program.

    The client takes `python -c`, which may be how a worker is started, for a run of its own doctests, and ends the
    process where their tools are missing: with the code 0, as if all were well.
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


def _read_address(connection: Any, conn_id: str) -> str:
    """As the provider's hook makes it; but that leaves a slash in a token, which the client then takes for a path."""
    host = str(connection.host or "").removeprefix("sc://").rstrip("/")
    if not host or "/" in host:
        raise ConfigError(f"conn_id: the connection {conn_id!r} has no usable host ({connection.host!r}); give it one")
    parameters = {"user_id": connection.login, "token": connection.password}
    use_ssl = connection.extra_dejson.get("use_ssl")
    if use_ssl is not None:
        parameters["use_ssl"] = str(use_ssl).lower()
    given = "".join(f";{name}={quote(value, safe='')}" for name, value in parameters.items() if value)
    port = f":{connection.port}" if connection.port else ""
    return f"sc://{host}{port}/{given}"


def _strip_parameters(url: str) -> str:
    return url.split("/;", 1)[0].split(";", 1)[0].rstrip("/")
