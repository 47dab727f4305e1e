"""Databases to test with: each takes a table of columns, and is reached through an Airflow connection."""

from __future__ import annotations

import datetime
import importlib.util
import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import duckdb
import pandas
import pyarrow
import pyarrow.parquet
import pytest
from servers import MariaDBServer, find_mariadb, mariadb, postgres
from sqlglot import exp

from airflow_clarify import SparkEngine, SQLEngine

#: What the columns of a test hold: their values, and the SQL type that each database has for them.
TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "decimal": "DECIMAL(12, 2)",
    "boolean": "BOOLEAN",
    "date": "DATE",
}
_ARROW = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "float": pyarrow.float64(),
    "decimal": pyarrow.decimal128(12, 2),
    "boolean": pyarrow.bool_(),
    "date": pyarrow.date32(),
}


@dataclass(frozen=True)
class Column:
    """A column of a test's table.

    :param kind: one of TYPES
    :param values: None where one is missing
    """

    kind: str
    values: Sequence[Any]


Columns = Mapping[str, Column]


class Database(Protocol):
    """A database with an Airflow connection to it."""

    name: str
    conn_id: str
    dialect: str

    def load(self, table: str, columns: Columns) -> None:
        """Make a table, in place of one of that name."""
        ...

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL of the test's own."""
        ...

    def drop(self, table: str) -> None:
        """Drop a table, if it is there."""
        ...

    def has(self, table: str) -> bool:
        """Whether there is such a table."""
        ...

    def as_stored(self, columns: Columns) -> Columns:
        """The columns as the database keeps them, where it knows fewer types."""
        ...

    def engine(self, max_cells: int = 200_000) -> SQLEngine | SparkEngine:
        """The engine that reaches it through its connection."""
        ...


class _DbApiDatabase:
    name: str
    conn_id: str
    dialect: str
    placeholder = "?"

    def connect(self) -> Any:
        raise NotImplementedError

    def load(self, table: str, columns: Columns) -> None:
        kinds = (
            exp.ColumnDef(this=exp.to_identifier(name, quoted=True), kind=exp.DataType.build(TYPES[column.kind]))
            for name, column in columns.items()
        )
        quoted = self.quoted(table)
        made = exp.Schema(this=exp.Table(this=exp.to_identifier(table, quoted=True)), expressions=list(kinds))
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"DROP TABLE IF EXISTS {quoted}")
            cursor.execute(exp.Create(this=made, kind="TABLE").sql(self.dialect))
            rows = list(zip(*(self.adapt(column) for column in columns.values()), strict=True))
            if rows:
                marks = ", ".join([self.placeholder] * len(columns))
                cursor.executemany(f"INSERT INTO {quoted} VALUES ({marks})", rows)
            connection.commit()

    def quoted(self, name: str) -> str:
        return exp.to_identifier(name, quoted=True).sql(self.dialect)

    def drop(self, table: str) -> None:
        with closing(self.connect()) as connection:
            connection.cursor().execute(f"DROP TABLE IF EXISTS {self.quoted(table)}")
            connection.commit()

    def has(self, table: str) -> bool:
        try:
            self.query(f"SELECT 1 FROM {self.quoted(table)}")
        except Exception:
            return False
        return True

    def engine(self, max_cells: int = 200_000) -> SQLEngine:
        return SQLEngine(self.conn_id, max_cells=max_cells)

    def adapt(self, column: Column) -> Sequence[Any]:
        return column.values

    def as_stored(self, columns: Columns) -> Columns:
        return columns

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]


@dataclass
class DuckDBDatabase(_DbApiDatabase):
    path: Path
    name = "duckdb"
    conn_id = "bias_duckdb"
    dialect = "duckdb"

    def connect(self) -> Any:
        return duckdb.connect(str(self.path))

    def load(self, table: str, columns: Columns) -> None:
        """From a file: rows that are inserted one by one take DuckDB minutes."""
        file = as_parquet(columns, self.path.with_name("table.parquet"))
        self.drop(table)
        with closing(self.connect()) as connection:
            connection.execute(f"CREATE TABLE {self.quoted(table)} AS SELECT * FROM read_parquet('{file}')")


@dataclass
class SqliteDatabase(_DbApiDatabase):
    path: Path
    name = "sqlite"
    conn_id = "bias_sqlite"
    dialect = "sqlite"

    def connect(self) -> Any:
        return sqlite3.connect(self.path)

    def adapt(self, column: Column) -> Sequence[Any]:
        return [self._plain(value) for value in column.values]

    def as_stored(self, columns: Columns) -> Columns:
        """SQLite has no booleans, decimals and dates: they are 0 and 1, floats, and texts."""
        kinds = {"boolean": "integer", "decimal": "float", "date": "text"}
        return {
            name: Column(kinds.get(column.kind, column.kind), self.adapt(column)) for name, column in columns.items()
        }

    def _plain(self, value: Any) -> Any:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, Decimal):
            return float(value)
        return value.isoformat() if isinstance(value, datetime.date) else value


@dataclass
class PostgresDatabase(_DbApiDatabase):
    socket: str
    name = "postgres"
    conn_id = "bias_postgres"
    dialect = "postgres"
    placeholder = "%s"

    def connect(self) -> Any:
        import psycopg2

        return psycopg2.connect(host=self.socket, user="postgres", dbname="postgres")


@dataclass
class MariaDatabase(_DbApiDatabase):
    server: MariaDBServer
    name = "mariadb"
    conn_id = "bias_mariadb"
    dialect = "mysql"
    placeholder = "%s"

    def connect(self) -> Any:
        import mysql.connector

        server = self.server
        return mysql.connector.connect(
            host="127.0.0.1",
            port=server.port,
            user=server.user,
            password=server.password,
            database=server.schema,
            charset="utf8mb4",
            sql_mode="ANSI_QUOTES,STRICT_ALL_TABLES",
        )

    def load(self, table: str, columns: Columns) -> None:
        """With texts of a length: without one, they cannot be keys."""
        kinds = ", ".join(f"{self.quoted(name)} {_MARIADB[column.kind]}" for name, column in columns.items())
        self.drop(table)
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"CREATE TABLE {self.quoted(table)} ({kinds}) CHARACTER SET utf8mb4")
            rows = list(zip(*(column.values for column in columns.values()), strict=True))
            if rows:
                marks = ", ".join([self.placeholder] * len(columns))
                cursor.executemany(f"INSERT INTO {self.quoted(table)} VALUES ({marks})", rows)
            connection.commit()

    def as_stored(self, columns: Columns) -> Columns:
        """MariaDB has no booleans: they are 0 and 1."""
        return {
            name: Column("integer", [None if value is None else int(value) for value in column.values])
            if column.kind == "boolean"
            else column
            for name, column in columns.items()
        }


#: MariaDB's types of the columns of tests.
_MARIADB = {**TYPES, "text": "VARCHAR(200)"}


class SparkDatabase:
    """Tables of a Spark cluster, each a Parquet file.

    :param url: of its Spark Connect server
    :param folder: for the files
    """

    name = "spark"
    conn_id = "bias_spark"
    dialect = "spark"

    def __init__(self, url: str, folder: Path) -> None:
        from pyspark.sql.connect.session import SparkSession

        self.session = SparkSession.builder.remote(url).create()
        self.folder = folder

    def load(self, table: str, columns: Columns) -> None:
        """Spark keeps what it knows of a file's content under its name, so every table has files of its own."""
        self.drop(table)
        path = as_parquet(columns, self.folder / f"{uuid.uuid4().hex}.parquet")
        self.query(f"CREATE TABLE {self.quoted(table)} USING parquet OPTIONS (path '{path}')")

    def quoted(self, name: str) -> str:
        return exp.to_identifier(name, quoted=True).sql("spark")

    def drop(self, table: str) -> None:
        self.query(f"DROP TABLE IF EXISTS {self.quoted(table)}")

    def has(self, table: str) -> bool:
        try:
            self.query(f"SELECT 1 FROM {self.quoted(table)}")
        except Exception:
            return False
        return True

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.session.sql(sql).collect()]

    def as_stored(self, columns: Columns) -> Columns:
        return columns

    def engine(self, max_cells: int = 200_000) -> SparkEngine:
        return SparkEngine(self.conn_id, max_cells=max_cells)


def connection_of(database: Any) -> str:
    """The Airflow connection, as its environment variable has it."""
    if isinstance(database, PostgresDatabase):
        return json.dumps({"conn_type": "postgres", "host": database.socket, "login": "postgres", "schema": "postgres"})
    if isinstance(database, MariaDatabase):
        server = database.server
        return json.dumps(
            {
                "conn_type": "mysql",
                "host": "127.0.0.1",
                "port": server.port,
                "login": server.user,
                "password": server.password,
                "schema": server.schema,
                # The one of the hook's two clients that pip can install without a compiler.
                "extra": {"client": "mysql-connector-python"},
            }
        )
    return json.dumps({"conn_type": database.name, "host": str(database.path)})


def mariadb_is_here() -> bool:
    """Whether there is a MariaDB to start, and what talks to it: `make test-databases` sees to the second."""
    wanted = ("mysql.connector", "airflow.providers.mysql")
    return find_mariadb() is not None and all(_can_import(name) for name in wanted)


def _can_import(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def names_of_databases() -> list[str]:
    """The databases that are here."""
    return ["duckdb", "sqlite", "postgres", *(["mariadb"] if mariadb_is_here() else [])]


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, Database]]:
    """A DuckDB, an SQLite and a PostgreSQL, a MariaDB where it is here, and Airflow connections to them."""
    with ExitStack() as servers, pytest.MonkeyPatch.context() as environment:
        where = servers.enter_context(postgres())
        host = parse_qs(urlsplit(f"postgresql://{where}").query)["host"][0]
        made: list[Any] = [
            DuckDBDatabase(folder / "db.duckdb"),
            SqliteDatabase(folder / "db.sqlite"),
            PostgresDatabase(host),
        ]
        if mariadb_is_here():
            made.append(MariaDatabase(servers.enter_context(mariadb())))
        for database in made:
            environment.setenv(f"AIRFLOW_CONN_{database.conn_id.upper()}", connection_of(database))
        yield {database.name: database for database in made}


def as_parquet(columns: Columns, path: Path) -> Path:
    """The same columns as a Parquet file, for the embedded engine."""
    arrays = {name: pyarrow.array(column.values, _ARROW[column.kind]) for name, column in columns.items()}
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)
    return path


def as_frame(columns: Columns) -> pandas.DataFrame:
    """The same columns as a DataFrame."""
    return pandas.DataFrame({name: list(column.values) for name, column in columns.items()})
