"""Counting and sampling in a database, through any Airflow connection whose hook is a DbApiHook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.balance import BalanceResult
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.contingency import Contingency
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.sql.hook import HookRunner


@dataclass
class SQLEngine:
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
    _runner: HookRunner | None = field(default=None, init=False, repr=False, compare=False)

    name: ClassVar[str] = "sql"
    draws_by_key: ClassVar[bool] = True
    template_fields: ClassVar[tuple[str, ...]] = ("conn_id", "dialect", "hook_params")

    def data_named(self, source: str) -> DataConfig:
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
        if data.conn_id is not None and data.conn_id != self.conn_id:
            raise ConfigError(
                f"conn_id: the engine's own ({self.conn_id!r}) reads the data; leave {data.conn_id!r} out"
            )
        refuse_file_options(data)

    def count(self, data: DataConfig, config: AnalysisConfig, *, progress: Progress | None = None) -> Contingency:
        """Count the rows by facet value, label and group.

        :param data: a table or a query
        :param config: what is asked of them
        :param progress: told what is being done
        :raises ConfigError: the configuration does not fit the data, or there is no such connection
        :raises DataError: the database cannot do it
        """
        from airflow_clarify.engines.sql.count import count
        from airflow_clarify.engines.sql.relation import relation
        from airflow_clarify.engines.sql.source import SqlSource

        self.check_data(data)
        with self._open() as runner:
            source = SqlSource.open(runner, data.source, relation(data, runner.dialect.name), data)
            return count(source, config, data.weight, progress, max_cells=int(self.max_cells))

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

        :param data: a table or a query
        :param target: the table to make, such as "schema.table"
        :param by: the columns that make the strata
        :param progress: told what is being done
        :param plan: as for :func:`airflow_clarify.engines.sql.balance.balance`
        :raises ConfigError: the parameters do not fit together, the target is the source, or is there already
        :raises QuotaError: a stratum is empty, or holds fewer rows than asked of it
        :raises DataError: the database cannot read the data
        :raises OutputError: it cannot make the table
        """
        from airflow_clarify.engines.sql.balance import balance
        from airflow_clarify.engines.sql.relation import relation
        from airflow_clarify.engines.sql.source import SqlSource

        self.check_data(data)
        with self._open() as runner:
            source = SqlSource.open(runner, data.source, relation(data, runner.dialect.name), data)
            return balance(source, runner, data, target, by, progress=progress, **plan)

    def cancel(self) -> None:
        """Stop the query that is running."""
        if self._runner is not None:
            self._runner.cancel()

    @contextmanager
    def _open(self) -> Iterator[HookRunner]:
        from airflow_clarify.engines.sql.hook import HookRunner

        runner = HookRunner.open(self.conn_id, self.dialect, self.hook_params)
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
