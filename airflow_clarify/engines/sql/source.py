"""A dataset in a database: its columns, and the rows to analyse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlglot import exp

from airflow_clarify.bias.config import AnalysisConfig, DataConfig
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.counting.predictions import build_fraction_query, check_score_type
from airflow_clarify.engines.counting.roles import ColumnRoles, list_facet_references
from airflow_clarify.engines.sql.column_types import ColumnType, infer_type
from airflow_clarify.engines.sql.dialects import get_dialect
from airflow_clarify.engines.sql.parsing import parse_condition, resolve_name
from airflow_clarify.engines.sql.row_filter import build_conditions
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    from airflow_clarify.engines.sql.dialects import Dialect

#: Readings that need a function, which each dialect renders in its own way.
_READINGS = {"text": "exact_text", "bits": "bits", "single": "displayed_float"}


class QueryRunner(Protocol):
    """Protocol for running queries, on a connection to a database or in a Spark session."""

    @property
    def dialect(self) -> Dialect:
        """The SQL dialect of the database."""
        ...

    @property
    def version(self) -> str:
        """Name and version of the counting engine, such as "PostgreSQL (connection warehouse)"."""
        ...

    def describe_columns(self, query: exp.Select) -> Mapping[str, ColumnType]:
        """Describe the columns of a query, with the types that the driver gives.

        :param query: the query; it reads no rows
        :raises DataError: the query cannot be run
        :raises ConfigError: two columns have the same name
        """
        ...

    def fetch_rows(self, query: exp.Expr, max_rows: int | None = None) -> Iterator[tuple[Any, ...]]:
        """Run a query and yield its rows.

        :param query: the query
        :param max_rows: the number of rows that the caller reads, if known
        :raises DataError: the query cannot be run
        """
        ...


@dataclass
class SqlSource:
    """A dataset in a database.

    :param runner: runs queries on the dataset
    :param location: the author's name of the data
    :param everything: selects the rows to analyse, with all columns
    :param columns: the type of each column, by its name in the database
    :param spelled: the name in the database of each column that the author spells differently
    :param na_values: the texts that mean "missing", if the columns are cells of text files
    """

    runner: QueryRunner
    location: str
    everything: exp.Select
    columns: dict[str, ColumnType]
    spelled: dict[str, str]
    na_values: frozenset[str] = frozenset()
    #: Whether the scores are whole numbers only; None if it has not been checked.
    whole_scores: bool | None = None

    @classmethod
    def open(cls, runner: QueryRunner, location: str, rows: exp.Select, data: DataConfig) -> SqlSource:
        """Describe the columns of a dataset, and select the rows to analyse.

        :param runner: runs queries
        :param location: the author's name of the data
        :param rows: selects all rows and columns
        :param data: the configuration of the data
        :raises ConfigError: the condition cannot be parsed, or two columns have the same name
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
        """Resolve the columns of an analysis, and list all columns by the author's names.

        :param config: the analysis
        :param weight: the column of row weights, by name or index; None if there is none
        :return: the names of all columns, in their order
        :raises ConfigError: there is no such column, or one column has two spellings
        """
        names = list(self.columns)
        named = [(config.label, "label")]
        named += [(column, "facet") for facet in config.facets for column in list_facet_references(facet, names)]
        named += [(config.group_variable, "group_variable")] if config.group_variable is not None else []
        named += [(config.predicted_label, "predicted_label")] if config.predicted_label is not None else []
        named += [(weight, "weight")] if weight is not None else []
        self.spelled = {
            column: resolve_name(column, names, key)
            for column, key in named
            if isinstance(column, str) and column not in names
        }
        spelling = {actual: spelled for spelled, actual in self.spelled.items()}
        if len(spelling) < len(self.spelled):
            duplicate = next(name for name in self.spelled if spelling[self.spelled[name]] != name)
            raise ConfigError(
                f"{duplicate!r} and {spelling[self.spelled[duplicate]]!r} are the same column; spell it one way"
            )
        return [spelling.get(name, name) for name in names]

    def scan(self, columns: Sequence[str]) -> exp.Select:
        """Select columns under the author's names.

        :param columns: the author's names of the columns
        """
        selected = [self.read(self.spelled.get(name, name)).as_(name, quoted=True) for name in columns]
        query = self.everything.copy()
        query.set("expressions", selected)
        return query

    def read(self, name: str) -> exp.Expr:
        """Build the expression that reads a column; texts are compared exactly.

        :param name: the name of the column in the database
        """
        column = exp.column(name, quoted=True)
        kind = self.find_type(name)
        if kind.reading == "mixed":
            return exp.Anonymous(this=_READINGS["text"], expressions=[exp.cast(column, "VARCHAR")])
        if kind.stored is StorageType.TEXT and not self.runner.dialect.collation:
            return column
        function = _READINGS.get(kind.reading)
        return column if function is None else exp.Anonymous(this=function, expressions=[column])

    def find_type(self, name: str) -> ColumnType:
        """Find the type of a column: the driver's, or inferred from one of its values.

        :param name: the name of the column in the database
        :raises DataError: the data cannot be read
        """
        found = self.columns[name]
        if found.reading == "unknown":
            found = self.columns[name] = self._infer_type(name)
        return found

    def find_comparison_type(self, name: str) -> ColumnType:
        """Find the type of a column for a condition.

        The type is unknown if the database refuses queries without the condition (BigQuery's partition filters).

        :param name: the name of the column in the database
        """
        try:
            return self.find_type(name)
        except DataError:
            return ColumnType(reading="plain")

    def read_as_text(self, column: str) -> None:
        """Read a column as text from now on.

        Used for a column with neither a value nor a known type.

        :param column: the author's name of the column
        """
        self.columns[self.spelled.get(column, column)] = ColumnType(None, "text")

    def read_mixed_as_text(self, column: str) -> None:
        """Cast a column of both numbers and texts (SQLite) to text from now on, so that 1 equals "1".

        :param column: the author's name of the column
        """
        self.columns[self.spelled.get(column, column)] = ColumnType(None, "mixed")

    def get_storage_type(self, column: str) -> StorageType | None:
        """Return the storage type of a column, as given by the driver.

        :param column: the author's name of the column
        :return: the type; None if it has to be inferred from the values
        """
        return self.columns[self.spelled.get(column, column)].stored

    def find_weight_type(self, column: str) -> StorageType:
        """Find the storage type of a column of weights.

        :param column: the author's name of the column
        :return: a type of numbers, or of texts that are parsed as numbers
        :raises ConfigError: the type cannot hold weights, such as a date
        """
        found = self.find_type(self.spelled.get(column, column))
        if found.no_weight:
            raise ConfigError(f"weight: column '{column}' holds {found.no_weight} values, which cannot be weights")
        return found.stored or (StorageType.TEXT if found.reading in ("text", "mixed") else StorageType.FLOAT)

    def find_number_types(self, roles: ColumnRoles) -> dict[str, StorageType]:
        """Find the storage types of the columns that are read as numbers: weights and scores.

        :param roles: the columns of the analysis
        :return: the storage type by the author's name of the column
        :raises ConfigError: the type cannot hold numbers, such as a date
        """
        types = {} if roles.weight is None else {roles.weight: self.find_weight_type(roles.weight)}
        if roles.prediction is not None and roles.score_threshold is not None:
            found = self.find_type(self.spelled.get(roles.prediction, roles.prediction))
            stored = found.stored or (StorageType.TEXT if found.reading in ("text", "mixed") else StorageType.FLOAT)
            check_score_type(roles.prediction, stored, found.no_weight)
            types[roles.prediction] = stored
        return types

    def find_mixed_columns(self, columns: Sequence[str]) -> list[str]:
        """Find the columns that hold both numbers and texts, in a database whose columns have no types (SQLite).

        :param columns: the author's names of the columns
        :raises DataError: the data cannot be read
        """
        kinds = []
        for name in columns:
            kind = exp.Anonymous(this="TYPEOF", expressions=[exp.column(self.spelled.get(name, name), quoted=True)])
            is_text = exp.case().when(kind.eq("text"), "1").when(kind.copy().isin("integer", "real"), "2")
            kinds.append(exp.Count(this=exp.Distinct(expressions=[is_text])))
        if not kinds:
            return []
        query = self.everything.copy()
        query.set("expressions", kinds)
        (found,) = self.execute(query)
        return [name for name, number in zip(columns, found, strict=True) if int(number) > 1]

    def has_whole_scores(self, column: str) -> bool:
        """Return whether a column of scores has whole numbers only, so that it holds labels.

        :param column: the author's name of the column
        :return: False for a database that does not report the types of columns
        :raises DataError: the data cannot be read
        """
        stored = self.get_storage_type(column)
        if self.whole_scores is None and stored is StorageType.TEXT_CELL:
            query = build_fraction_query(column, self.scan([column]).subquery("data"))
            self.whole_scores = not self.execute(query)
        return stored in (StorageType.INTEGER, StorageType.BOOLEAN) or bool(self.whole_scores)

    def _infer_type(self, name: str) -> ColumnType:
        if not self.runner.dialect.has_column_types:
            return ColumnType(None, "text")
        column = exp.column(name, quoted=True)
        query = self.everything.copy()
        query.set("expressions", [column.copy().as_("v")])
        has_value = exp.not_(exp.Is(this=exp.column("v"), expression=exp.null()))
        found = self.execute(exp.select("v").from_(query.subquery("data")).where(has_value).limit(1))
        known = infer_type(found[0][0] if found else None)
        # A driver's text may come from another type, so the storage type is inferred from all fetched values.
        return ColumnType(None, known.reading, known.no_weight)

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query and fetch all rows.

        :param query: a query with few rows
        :raises DataError: the query cannot be run
        """
        return list(self.runner.fetch_rows(query))


def _filter_rows(rows: exp.Select, data: DataConfig, dialect: str) -> exp.Select:
    """Filter the rows of the query that describes columns.

    BigQuery tables may require a partition filter in every query.
    """
    if isinstance(data.where, str):
        return rows.where(parse_condition(data.where, dialect))
    if data.where and dialect == "bigquery":
        # BigQuery resolves column names without regard to case.
        named = {str(name): value for name, value in data.where.items()}
        return rows.where(
            build_conditions(named, lambda name: ColumnType(reading="plain"), _build_column, get_dialect(dialect))
        )
    return rows


def _build_column(name: str) -> exp.Expr:
    return exp.column(name, quoted=True)
