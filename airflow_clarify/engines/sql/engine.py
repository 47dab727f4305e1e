"""SQLEngine, and the base class of the engines that run SQL in a database or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.config import describe_given
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from datetime import date

    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.contingency import Contingency
    from airflow_clarify.bias.periods import Every
    from airflow_clarify.bias.resampling import BalanceConfig, BalanceResult
    from airflow_clarify.bias.subgroups.combinations import CombinationCounts
    from airflow_clarify.bias.subgroups.config import SearchConfig
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.sql.source import SqlSource
    from airflow_clarify.engines.sql.target_table import TableWriter


class TableEngine:
    """Base class of the engines that count and sample with SQL.

    Only counts are fetched by the task.

    :param max_cells: the maximum number of cells that the task fetches
    """

    samples_by_key: ClassVar[bool] = True
    max_cells: int
    _runner: TableWriter | None

    def check_data(self, data: DataConfig) -> None:
        """Check that this engine can read the data, before any work.

        :param data: where the data are; its fields may still hold templates
        :raises ConfigError: this engine cannot read such data
        """
        raise NotImplementedError

    def count(self, data: DataConfig, config: AnalysisConfig, *, progress: Progress | None = None) -> Contingency:
        """Count the rows by facet value, label and group.

        :param data: where the data are
        :param config: the analysis to count for
        :param progress: called with the current step
        :return: the counts
        :raises ConfigError: the configuration does not fit the data, or there is no such connection
        :raises DataError: the database cannot be reached, or cannot run the queries
        """
        from airflow_clarify.engines.sql.count import count_table

        self.check_data(data)
        refuse_joined_files(config.document)
        with self._open() as runner:
            source = self._select_source(runner, data)
            return count_table(source, config, data.weight, progress, max_cells=int(self.max_cells))

    def count_periods(
        self,
        data: DataConfig,
        config: AnalysisConfig,
        time_column: str | int,
        every: Every,
        *,
        progress: Progress | None = None,
    ) -> Iterator[tuple[date, Contingency]]:
        """Count the rows of each day, week or month, in one scan.

        :param data: where the data are
        :param config: the analysis to count for
        :param time_column: the column of dates or times, by name or index
        :param every: "day", "week" or "month"
        :param progress: called with the current step
        :return: the first day and the counts of each period, in order of time
        :raises ConfigError: the configuration does not fit the data, or there is no such connection
        :raises DataError: the database cannot be reached, or cannot run the queries
        """
        from airflow_clarify.engines.sql.periods import count_table_periods

        self.check_data(data)
        with self._open() as runner:
            source = self._select_source(runner, data)
            yield from count_table_periods(
                source, config, data.weight, time_column, every, progress, max_cells=int(self.max_cells)
            )

    def count_combinations(
        self, data: DataConfig, config: AnalysisConfig, search: SearchConfig, *, progress: Progress | None = None
    ) -> CombinationCounts:
        """Count the rows by combinations of column values and label.

        :param data: where the data are
        :param config: the label, and the columns as facets
        :param search: the question
        :param progress: called with the current step
        :return: the counts
        :raises ConfigError: the configuration does not fit the data, or there are too many combinations
        :raises DataError: the database cannot be reached, or cannot run the queries
        """
        from airflow_clarify.engines.sql.combinations import count_combinations

        self.check_data(data)
        with self._open() as runner:
            source = self._select_source(runner, data)
            return count_combinations(source, config, search, data.weight, progress, max_cells=int(self.max_cells))

    def balance(
        self, data: DataConfig, target: str | Sequence[str], plan: BalanceConfig, *, progress: Progress | None = None
    ) -> BalanceResult:
        """Create a table with a balanced copy of the data, complete or absent.

        :param data: where the data are
        :param target: the table to create, such as "schema.table"
        :param plan: how to balance
        :param progress: called with the current step
        :return: the sizes of the strata, and the table
        :raises ConfigError: the plan does not fit the data, or the target is the source or exists already
        :raises QuotaError: a stratum is empty, or smaller than its quota
        :raises DataError: the data cannot be read
        :raises OutputError: the table cannot be created
        """
        from airflow_clarify.engines.sql.resample import resample_table

        self.check_data(data)
        with self._open() as runner:
            return resample_table(self._select_source(runner, data), runner, data, target, plan, progress)

    def cancel(self) -> None:
        """Cancel the running query."""
        if self._runner is not None:
            self._runner.cancel()

    def _connect(self) -> TableWriter:
        """Open the connection or session that runs the SQL."""
        raise NotImplementedError

    def _select_source(self, runner: TableWriter, data: DataConfig) -> SqlSource:
        """Resolve the data to a source of rows."""
        raise NotImplementedError

    @contextmanager
    def _open(self) -> Iterator[TableWriter]:
        runner = self._connect()
        self._runner = runner
        try:
            yield runner
        finally:
            self._runner = None
            runner.close()


def refuse_joined_files(given: DataConfig | Mapping[str, Any]) -> None:
    """Refuse predictions and facets in files of their own.

    :param given: the data configuration, or the content of an analysis configuration
    :raises ConfigError: there is such a file
    """
    for name in ("predicted_label_dataset_uri", "facet_dataset_uri"):
        if given.get(name) if isinstance(given, Mapping) else getattr(given, name):
            raise ConfigError(
                f"{name}: SQL does not join a file to the data by row position; join them in the query (query=...), "
                "or let DuckDBEngine read files"
            )


def refuse_file_options(data: DataConfig) -> None:
    """Refuse options that describe files, for data that are a table or a query.

    :param data: where the data are
    :raises ConfigError: such an option is given
    """
    for name in ("headers", "csv_options", "na_values", "header_row", "dataset_type"):
        if getattr(data, name):
            raise ConfigError(f"{name}: it describes a file, and the data are {data.source}; leave it out")


@dataclass
class SQLEngine(TableEngine):
    """Count and sample in a database.

    Only counts are fetched by the task. The data are a table or a query (``DataConfig(table=...)`` or
    ``DataConfig(query=...)``), and ``where`` selects the rows. If all values of a facet are tested, they are sorted,
    because the rows of a table have no order.

    :param conn_id: an Airflow connection to a database
    :param dialect: sqlglot's name of the database's SQL dialect, such as "postgres", "tsql" or "bigquery"; None uses
        the type of the connection
    :param hook_params: arguments of the connection's hook, such as a warehouse or a location
    :param max_cells: the maximum number of cells (combinations of facet, label and group) that the task fetches. If
        there are more, as with a facet of measurements, the database runs a few more queries instead
    """

    conn_id: str
    dialect: str | None = None
    hook_params: dict[str, Any] | None = None
    max_cells: int = 200_000
    _runner: TableWriter | None = field(default=None, init=False, repr=False, compare=False)

    name: ClassVar[str] = "sql"
    template_fields: ClassVar[tuple[str, ...]] = ("conn_id", "dialect", "hook_params")

    __repr__ = describe_given

    def data_config_for(self, source: str) -> DataConfig:
        """Build the configuration of a table.

        :param source: the name of the table
        """
        from airflow_clarify.bias.config import DataConfig

        return DataConfig(table=source)

    def check_data(self, data: DataConfig) -> None:
        """Check that a database can read the data, before any work.

        :param data: where the data are; its fields may still hold templates
        :raises ConfigError: the data are a file, or options of files are given
        """
        if data.table is None and data.query is None:
            raise ConfigError(
                f"input_path: a database cannot read {data.input_path}; load it into a table (table=...), or let "
                "DuckDBEngine or SparkEngine read it where it is"
            )
        refuse_file_options(data)
        refuse_joined_files(data)

    def _connect(self) -> TableWriter:
        from airflow_clarify.engines.sql.connection import DbApiRunner

        return DbApiRunner.open(self.conn_id, self.dialect, self.hook_params)

    def _select_source(self, runner: TableWriter, data: DataConfig) -> SqlSource:
        from airflow_clarify.engines.sql.parsing import source_query
        from airflow_clarify.engines.sql.source import SqlSource

        return SqlSource.open(runner, data.source, source_query(data, runner.dialect.name), data)
