"""A dataset in a database: its columns, and the rows of it that take part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow_clarify.bias.config import AnalysisConfig, DataConfig
from airflow_clarify.engines.sql.relation import actual_name, condition
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from sqlglot import exp

    from airflow_clarify.engines.counting.expressions import Stored
    from airflow_clarify.engines.sql.dialects import Dialect


class Runner(Protocol):
    """What runs queries: a thin layer over a connection to a database, or a Spark session."""

    @property
    def dialect(self) -> Dialect:
        """The SQL that it speaks."""
        ...

    @property
    def version(self) -> str:
        """What counts, and which version of it, such as "postgres (warehouse)"."""
        ...

    def columns(self, query: exp.Select) -> Mapping[str, Stored | None]:
        """The columns that a query gives, and how they are stored as far as that is known without looking at them.

        :raises DataError: it cannot be run
        :raises ConfigError: two columns have the same name
        """
        ...

    def rows(self, query: exp.Expr, at_most: int | None = None) -> Iterator[tuple[Any, ...]]:
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
    :param columns: as the database names them, and how they are stored, where that is known
    :param spelled: columns that the author spells otherwise, and what the database calls them
    :param na_values: the texts that mean "missing", where the columns are cells of text files
    """

    runner: Runner
    location: str
    everything: exp.Select
    columns: dict[str, Stored | None]
    spelled: dict[str, str]
    na_values: frozenset[str] = frozenset()

    @classmethod
    def open(cls, runner: Runner, location: str, rows: exp.Select, data: DataConfig) -> SqlSource:
        """Ask for the columns, and settle which rows take part.

        :param runner: runs queries
        :param location: the data as the author named them
        :param rows: selects all rows and columns
        :param data: what the author says of the data
        :raises ConfigError: the condition cannot be understood, or columns are named alike
        :raises DataError: the data cannot be read
        """
        columns = dict(runner.columns(_filtered(rows, data, runner.dialect.name)))
        if data.where is not None:
            rows = rows.where(condition(data.where, runner.dialect.name, list(columns)))
        return cls(runner, location, rows, columns, {})

    def understand(self, config: AnalysisConfig, weight: str | int | None) -> list[str]:
        """The columns under the names that a configuration has for them, in their order.

        :raises ConfigError: there is no such column
        """
        named = [(config.label, "label"), *((facet.name_or_index, "facet") for facet in config.facets)]
        named += [(config.group_variable, "group_variable")] if config.group_variable is not None else []
        named += [(weight, "weight")] if weight is not None else []
        names = list(self.columns)
        self.spelled = {
            column: actual_name(column, names, key)
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
        from sqlglot import exp

        selected = [exp.column(self.spelled.get(name, name), quoted=True).as_(name, quoted=True) for name in columns]
        query = self.everything.copy()
        query.set("expressions", selected)
        return query

    def stored(self, column: str) -> Stored | None:
        """How a column is stored, where that is known without looking at it."""
        return self.columns.get(self.spelled.get(column, column))

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query and fetch all of its rows; they are few."""
        return list(self.runner.rows(query))


def _filtered(rows: exp.Select, data: DataConfig, dialect: str) -> exp.Select:
    """The rows whose columns are asked for: BigQuery can be told to answer nothing without a condition."""
    if isinstance(data.where, str):
        return rows.where(condition(data.where, dialect, []))
    if data.where and dialect == "bigquery":
        # Its columns are found however they are written.
        return rows.where(condition(data.where, dialect, list(data.where)))
    return rows
