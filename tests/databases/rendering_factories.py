"""Databases that are not installed: statements for them are parsed back from their SQL, and run in DuckDB.

sqlglot turns their SQL into DuckDB's, and leaves a few words as they are; those are put into DuckDB's words here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import ErrorLevel, exp, parse, parse_one, tokenize

from airflow_clarify.engines.sql.column_types import ColumnType, parse_column_type
from airflow_clarify.engines.sql.dialects import Dialect, get_dialect
from airflow_clarify.engines.sql.rendering import render, sqlglot_dialect
from airflow_clarify.exceptions import DataError


def read_back(text: str, dialect: Dialect) -> exp.Expr:
    """Parse one statement of a dialect, which sqlglot renders to the same text."""
    (statement,) = parse(text, dialect=dialect.name)
    assert statement is not None
    assert not list(statement.find_all(exp.Command)), text
    assert statement.sql(dialect=sqlglot_dialect(dialect), comments=False) == text
    return statement


def in_duckdb(statement: exp.Expr, dialect: Dialect) -> str:
    """Translate a statement of another dialect to DuckDB's SQL."""
    translated = statement.copy()
    for node in reversed(list(translated.walk())):  # The inner parts first.
        node.replace(_in_duckdb(node, dialect.name))
    return translated.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)


@dataclass
class Transpiling:
    """Run queries of a dialect in DuckDB.

    :param dialect: the dialect
    :param connection: to a DuckDB that holds the tables
    :param seen: the texts that would have been sent
    """

    dialect: Dialect
    connection: duckdb.DuckDBPyConnection
    seen: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, name: str) -> Transpiling:
        """One of a dialect, with an empty database."""
        return cls(get_dialect(name), duckdb.connect(config={"threads": 1}))

    def __enter__(self) -> Transpiling:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def load(self, table: str, path: Path) -> None:
        """Make a table of a Parquet file."""
        self.connection.execute(f"CREATE TABLE {table} AS FROM '{path}'")

    @property
    def version(self) -> str:
        """Name and version of the counting engine."""
        return f"{self.dialect.title} (in DuckDB)"

    def describe_columns(self, query: exp.Select) -> dict[str, ColumnType]:
        """The columns that a query gives."""
        nothing = query.copy().where(exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0)))
        found = self._execute(render(nothing, self.dialect))
        return {str(column[0]): parse_column_type("duckdb", column[1]) for column in found.description}

    def fetch_rows(self, query: exp.Expr, max_rows: int | None = None) -> Iterator[tuple[Any, ...]]:
        """The rows of a query."""
        yield from self._execute(render(query, self.dialect)).fetchall()

    def run(self, statement: exp.Expr | str) -> None:
        """Run a statement that gives no rows."""
        if isinstance(statement, str):
            self._rename(statement)
        else:
            self._execute(render(statement, self.dialect))

    def begin(self) -> None:
        """Begin a transaction."""
        self.connection.begin()

    def commit(self) -> None:
        """Commit the transaction."""
        self.connection.commit()

    def rollback(self) -> None:
        """Roll back the transaction, if there is one."""
        with suppress(duckdb.Error):
            self.connection.rollback()

    def _execute(self, text: str) -> duckdb.DuckDBPyConnection:
        self.seen.append(text)
        try:
            return self.connection.execute(in_duckdb(read_back(text, self.dialect), self.dialect))
        except duckdb.Error as error:
            raise DataError(str(error)) from None

    def _rename(self, text: str) -> None:
        """``RENAME TABLE a TO b, c TO d``, which sqlglot cannot read: it gives all names at once, or none."""
        self.seen.append(text)
        command, pairs = text[:13], text[13:]
        assert command == "RENAME TABLE "
        names = [parse_one(name, into=exp.Table, dialect=self.dialect.name) for name in _tables_named(pairs)]
        self.connection.begin()
        for here, there in zip(names[::2], names[1::2], strict=True):
            new = exp.to_identifier(there.name, quoted=True).sql("duckdb")
            self.connection.execute(f"ALTER TABLE {here.sql('duckdb')} RENAME TO {new}")
        self.connection.commit()


def _tables_named(pairs: str) -> list[str]:
    """The tables of ``a TO b, c TO d``, in their order."""
    names = [""]
    for token in tokenize(pairs, read="mysql"):
        said = pairs[token.start : token.end + 1]
        if said in ("TO", ","):
            names.append("")
        else:
            names[-1] += said
    return names


def _in_duckdb(node: exp.Expr, dialect: str) -> exp.Expr:
    """A part of a statement, where sqlglot would leave it in words that DuckDB does not know, or takes otherwise."""
    if isinstance(node, exp.DataType):
        return _type_in_duckdb(node, dialect)
    if isinstance(node, exp.Collate):
        # DuckDB compares texts exactly by itself.
        return node.this
    if isinstance(node, exp.Cast) and node.to.is_type("hugeint"):
        # What is too large for DuckDB's largest type is within the numbers of PostgreSQL and MySQL.
        return exp.TryCast(this=node.this, to=node.to, safe=True)
    if isinstance(node, exp.Literal) and node.is_string and node.name == "NaN" and dialect == "redshift":
        # It is a text there, which DuckDB writes otherwise.
        return exp.Literal.string("nan")
    if isinstance(node, exp.National):
        return exp.Literal.string(node.name)
    if isinstance(node, exp.Like) and "[" in node.expression.name:
        # SQL Server's LIKE knows sets of characters.
        return exp.RegexpLike(this=node.this, expression=exp.Literal.string(node.expression.name.strip("%")))
    if isinstance(node, exp.Add) and node.find_ancestor(exp.MD5) is not None:
        # SQL Server has the same sign for joining texts.
        return exp.DPipe(this=node.this, expression=node.expression)
    if isinstance(node, exp.EQ) and isinstance(node.this, exp.Typeof):
        # SQLite makes a float of a text that is too large for 64 bits.
        fitting = exp.TryCast(this=node.this.this.this, to=exp.DataType.build("BIGINT"), safe=True)
        return exp.not_(exp.Is(this=fitting, expression=exp.null()))
    return node


def _type_in_duckdb(node: exp.DataType, dialect: str) -> exp.Expr:
    """The type that a dialect means, where its name means another to DuckDB or to sqlglot."""
    kinds = {exp.DataType.Type.DECIMAL: "HUGEINT", exp.DataType.Type.NVARCHAR: "VARCHAR"}
    if dialect in ("tsql", "sqlite"):
        kinds |= {exp.DataType.Type.FLOAT: "DOUBLE", exp.DataType.Type.INT: "BIGINT"}
    return exp.DataType.build(kinds[node.this], dialect="duckdb") if node.this in kinds else node
