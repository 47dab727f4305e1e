"""A dataset in a database: its columns, and the rows of it that take part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlglot import exp

from airflow_clarify.bias.config import AnalysisConfig, DataConfig
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.sql.column_types import ColumnType, infer_type
from airflow_clarify.engines.sql.dialects import get_dialect
from airflow_clarify.engines.sql.parsing import parse_condition, resolve_name
from airflow_clarify.engines.sql.row_filter import build_conditions
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    from airflow_clarify.engines.sql.dialects import Dialect

#: Readings that are written as a function, whose words each dialect has of its own.
_READINGS = {"text": "exact_text", "bits": "bits", "single": "displayed_float"}


class QueryRunner(Protocol):
    """What runs queries: a thin layer over a connection to a database, or a Spark session."""

    @property
    def dialect(self) -> Dialect:
        """The SQL that it speaks."""
        ...

    @property
    def version(self) -> str:
        """What counts, and which version of it, such as "postgres (warehouse)"."""
        ...

    def describe_columns(self, query: exp.Select) -> Mapping[str, ColumnType]:
        """The columns that a query gives, and how they are stored as far as that is known without looking at them.

        :raises DataError: it cannot be run
        :raises ConfigError: two columns have the same name
        """
        ...

    def fetch_rows(self, query: exp.Expr, at_most: int | None = None) -> Iterator[tuple[Any, ...]]:
        """Run a query and give its rows, by and by.

        :param at_most: how many are wanted, as far as that is known
        :raises DataError: it cannot be run
        """
        ...


@dataclass
class SqlSource:
    """A dataset in a database.

    :param runner: runs queries on it
    :param location: the data as the author named them
    :param everything: selects the rows that take part, with all columns
    :param columns: as the database names them, and how they are stored
    :param spelled: columns that the author spells otherwise, and what the database calls them
    :param na_values: the texts that mean "missing", where the columns are cells of text files
    """

    runner: QueryRunner
    location: str
    everything: exp.Select
    columns: dict[str, ColumnType]
    spelled: dict[str, str]
    na_values: frozenset[str] = frozenset()

    @classmethod
    def open(cls, runner: QueryRunner, location: str, rows: exp.Select, data: DataConfig) -> SqlSource:
        """Ask for the columns, and settle which rows take part.

        :param runner: runs queries
        :param location: the data as the author named them
        :param rows: selects all rows and columns
        :param data: what the author says of the data
        :raises ConfigError: the condition cannot be understood, or columns are named alike
        :raises DataError: the data cannot be read
        """
        columns = dict(runner.describe_columns(_filter_rows(rows, data, runner.dialect.name)))
        source = cls(runner, location, rows, columns, {})
        if isinstance(data.where, Mapping):
            names = list(columns)
            chosen = {resolve_name(name, names, "where"): value for name, value in data.where.items()}
            source.everything = rows.where(
                build_conditions(chosen, source.find_comparison_type, source.read, runner.dialect)
            )
        elif data.where is not None:
            source.everything = rows.where(parse_condition(data.where, runner.dialect.name))
        return source

    def resolve_columns(self, config: AnalysisConfig, weight: str | int | None) -> list[str]:
        """The columns under the names that a configuration has for them, in their order.

        :raises ConfigError: there is no such column
        """
        named = [(config.label, "label"), *((facet.name_or_index, "facet") for facet in config.facets)]
        named += [(config.group_variable, "group_variable")] if config.group_variable is not None else []
        named += [(weight, "weight")] if weight is not None else []
        names = list(self.columns)
        self.spelled = {
            column: resolve_name(column, names, key)
            for column, key in named
            if isinstance(column, str) and column not in names
        }
        spelling = {actual: spelled for spelled, actual in self.spelled.items()}
        if len(spelling) < len(self.spelled):
            twice = next(name for name in self.spelled if spelling[self.spelled[name]] != name)
            raise ConfigError(f"{twice!r} and {spelling[self.spelled[twice]]!r} are the same column; spell it one way")
        return [spelling.get(name, name) for name in names]

    def scan(self, columns: Sequence[str]) -> exp.Select:
        """Select columns, under the names that the author has for them."""
        selected = [self.read(self.spelled.get(name, name)).as_(name, quoted=True) for name in columns]
        query = self.everything.copy()
        query.set("expressions", selected)
        return query

    def read(self, name: str) -> exp.Expr:
        """A column as queries read it: texts so that they are compared exactly.

        :param name: as the database calls it
        """
        column = exp.column(name, quoted=True)
        kind = self.find_type(name)
        if kind.stored is StorageType.TEXT and not self.runner.dialect.collation:
            return column
        word = _READINGS.get(kind.reading)
        return column if word is None else exp.Anonymous(this=word, expressions=[column])

    def find_type(self, name: str) -> ColumnType:
        """How a column is stored; where the driver does not say so, one of its values does.

        :param name: as the database calls it
        :raises DataError: the data cannot be read
        """
        found = self.columns[name]
        if found.reading == "unknown":
            found = self.columns[name] = self._infer_type(name)
        return found

    def find_comparison_type(self, name: str) -> ColumnType:
        """The same, for a condition: a database may give no value before it has one (BigQuery's partitions)."""
        try:
            return self.find_type(name)
        except DataError:
            return ColumnType(reading="plain")

    def read_as_text(self, column: str) -> None:
        """Read a column as text from now on: it has no value, and nothing says of which type it is."""
        self.columns[self.spelled.get(column, column)] = ColumnType(None, "text")

    def get_storage_type(self, column: str) -> StorageType | None:
        """How a column is stored, where that is known without looking at it."""
        return self.columns[self.spelled.get(column, column)].stored

    def find_weight_type(self, column: str) -> StorageType:
        """How weights are stored: as numbers, or as texts that are numbers or not.

        :raises ConfigError: they are of a type that can be no weight, such as a date
        """
        found = self.find_type(self.spelled.get(column, column))
        if found.no_weight:
            raise ConfigError(f"weight: column '{column}' holds {found.no_weight} values, which cannot be weights")
        return found.stored or (StorageType.TEXT if found.reading == "text" else StorageType.FLOAT)

    def _infer_type(self, name: str) -> ColumnType:
        if not self.runner.dialect.knows_types:
            return ColumnType(None, "text")
        column = exp.column(name, quoted=True)
        query = self.everything.copy()
        query.set("expressions", [column.copy().as_("v")])
        there = exp.not_(exp.Is(this=exp.column("v"), expression=exp.null()))
        found = self.execute(exp.select("v").from_(query.subquery("data")).where(there).limit(1))
        known = infer_type(found[0][0] if found else None)
        # What a driver gives as text may be of another type; its values are told from all that come.
        return ColumnType(None, known.reading, known.no_weight)

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query and fetch all of its rows; they are few."""
        return list(self.runner.fetch_rows(query))


def _filter_rows(rows: exp.Select, data: DataConfig, dialect: str) -> exp.Select:
    """The rows whose columns are asked for: BigQuery can be told to answer nothing without a condition."""
    if isinstance(data.where, str):
        return rows.where(parse_condition(data.where, dialect))
    if data.where and dialect == "bigquery":
        # Its columns are found however they are written.
        named = {str(name): value for name, value in data.where.items()}
        return rows.where(
            build_conditions(named, lambda name: ColumnType(reading="plain"), _named, get_dialect(dialect))
        )
    return rows


def _named(name: str) -> exp.Expr:
    return exp.column(name, quoted=True)
