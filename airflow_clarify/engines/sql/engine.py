"""What the engines share that have SQL run elsewhere, in a database or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.config import describe_given
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.contingency import Contingency
    from airflow_clarify.bias.resampling import BalanceResult
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.sql.source import SqlSource
    from airflow_clarify.engines.sql.target_table import TableWriter


class TableEngine:
    """Counts and samples by SQL that runs elsewhere; only counts come to the task."""

    samples_by_key: ClassVar[bool] = True
    max_cells: int
    _runner: TableWriter | None

    def check_data(self, data: DataConfig) -> None:
        """Say what cannot be done with this data, before any work.

        :raises ConfigError: this engine cannot read such data
        """
        raise NotImplementedError

    def count(self, data: DataConfig, config: AnalysisConfig, *, progress: Progress | None = None) -> Contingency:
        """Count the rows by facet value, label and group.

        :param data: where the data are
        :param config: what is asked of them
        :param progress: told what is being done
        :raises ConfigError: the configuration does not fit the data, or there is no such connection
        :raises DataError: it cannot be reached, or cannot do it
        """
        from airflow_clarify.engines.sql.count import count_table

        self.check_data(data)
        with self._open() as runner:
            source = self._select_source(runner, data)
            return count_table(source, config, data.weight, progress, max_cells=int(self.max_cells))

    def balance(
        self,
        data: DataConfig,
        target: str | Sequence[str],
        by: Sequence[str | int],
        *,
        progress: Progress | None = None,
        **plan: Any,
    ) -> BalanceResult:
        """Make a table of a balanced copy of the data, with one statement: whole, or absent.

        :param data: where the data are
        :param target: the table to make, such as "schema.table"
        :param by: the columns that make the strata
        :param progress: told what is being done
        :param plan: as for :func:`airflow_clarify.engines.sql.resample.resample_table`
        :raises ConfigError: the parameters do not fit together, the target is the source, or is there already
        :raises QuotaError: a stratum is empty, or holds fewer rows than asked of it
        :raises DataError: the data cannot be read
        :raises OutputError: the table cannot be made
        """
        from airflow_clarify.engines.sql.resample import resample_table

        self.check_data(data)
        with self._open() as runner:
            return resample_table(
                self._select_source(runner, data), runner, data, target, by, progress=progress, **plan
            )

    def cancel(self) -> None:
        """Stop what is running."""
        if self._runner is not None:
            self._runner.cancel()

    def _connect(self) -> TableWriter:
        """Something that runs SQL."""
        raise NotImplementedError

    def _select_source(self, runner: TableWriter, data: DataConfig) -> SqlSource:
        """The data, as something to select from."""
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


def refuse_file_options(data: DataConfig) -> None:
    """Say that options of files mean nothing to a table.

    :raises ConfigError: one is given
    """
    for name in ("headers", "csv_options", "na_values", "header_row", "dataset_type"):
        if getattr(data, name):
            raise ConfigError(f"{name}: it describes a file, and the data are {data.source}; leave it out")


@dataclass
class SQLEngine(TableEngine):
    """Counts and samples in a database; only counts come to the task.

    The data are a table or a query (``DataConfig(table=...)`` or ``DataConfig(query=...)``), and ``where`` picks the
    rows that take part. A facet whose values are all tested lists them sorted, for a table has no first row.

    :param conn_id: an Airflow connection to a database
    :param dialect: the SQL that it speaks, by sqlglot's name, such as "postgres", "tsql" or "bigquery"; None goes by
        the connection's type
    :param hook_params: arguments of the connection's hook, such as a warehouse or a location
    :param max_cells: how many raw cells (combinations of facet, label and group) are brought to the task at most. With
        more of them, as with a facet of measurements, the database is asked a few more questions instead
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
        """A table."""
        from airflow_clarify.bias.config import DataConfig

        return DataConfig(table=source)

    def check_data(self, data: DataConfig) -> None:
        """Say what cannot be done with this data, before any work.

        :raises ConfigError: the data are a file, or are described as one
        """
        if data.table is None and data.query is None:
            raise ConfigError(
                f"input_path: a database cannot read {data.input_path}; load it into a table (table=...), or let "
                "DuckDBEngine or SparkEngine read it where it is"
            )
        refuse_file_options(data)

    def _connect(self) -> TableWriter:
        from airflow_clarify.engines.sql.connection import DbApiRunner

        return DbApiRunner.open(self.conn_id, self.dialect, self.hook_params)

    def _select_source(self, runner: TableWriter, data: DataConfig) -> SqlSource:
        from airflow_clarify.engines.sql.parsing import source_query
        from airflow_clarify.engines.sql.source import SqlSource

        return SqlSource.open(runner, data.source, source_query(data, runner.dialect.name), data)
