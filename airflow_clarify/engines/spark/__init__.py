"""Counting and sampling on a Spark cluster, through Spark Connect; the worker needs no Java and no Spark."""

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
    from airflow_clarify.engines.spark.session import SparkRunner


@dataclass
class SparkEngine:
    """Counts and samples on a Spark cluster (Spark 4 or later); only counts come to the task.

    The data are files that Spark can read (``input_path``), a table or a query. A facet whose values are all tested
    lists them sorted, for what a cluster reads has no order.

    :param conn_id: an Airflow connection of the type ``spark_connect``
    :param url: the address of a Spark Connect server instead, ``sc://host:port/;token=...``
    :param max_cells: how many raw cells (combinations of facet, label and group) are brought to the task at most. With
        more of them, as with a facet of measurements, the cluster is asked a few more questions instead
    """

    conn_id: str | None = "spark_connect_default"
    # It may hold a token, and Airflow shows how an engine prints.
    url: str | None = field(default=None, repr=False)
    max_cells: int = 200_000
    _runner: SparkRunner | None = field(default=None, init=False, repr=False, compare=False)

    name: ClassVar[str] = "spark"
    draws_by_key: ClassVar[bool] = True
    template_fields: ClassVar[tuple[str, ...]] = ("conn_id", "url")

    def data_named(self, source: str) -> DataConfig:
        """Files, where it looks like a path; otherwise a table."""
        from airflow_clarify.bias.config import DataConfig

        return DataConfig(source) if "/" in source else DataConfig(table=source)

    def check_data(self, data: DataConfig) -> None:
        """Say what cannot be done with this data, before any work.

        :raises ConfigError: Spark cannot read it, or options of files are given for a table
        """
        from airflow_clarify.engines.sql import refuse_file_options

        if data.conn_id is not None:
            raise ConfigError(f"conn_id: Spark reads the data with rights of its own; leave {data.conn_id!r} out")
        if data.table is not None or data.query is not None:
            refuse_file_options(data)
        elif data.resolved_dataset_type() == "application/json":
            raise ConfigError(
                "dataset_type: application/json needs JMESPath features, which only a Clarify job reads; Spark reads "
                "application/jsonlines"
            )

    def count(self, data: DataConfig, config: AnalysisConfig, *, progress: Progress | None = None) -> Contingency:
        """Count the rows by facet value, label and group.

        :param data: files, a table or a query
        :param config: what is asked of them
        :param progress: told what is being done
        :raises ConfigError: the configuration does not fit the data, or there is no such connection
        :raises DataError: the cluster cannot be reached, or cannot do it
        """
        from airflow_clarify.engines.spark.source import open_source
        from airflow_clarify.engines.sql.count import count

        self.check_data(data)
        with self._open() as runner:
            return count(open_source(runner, data), config, data.weight, progress, max_cells=int(self.max_cells))

    def balance(
        self,
        data: DataConfig,
        target: str | Sequence[str],
        by: Sequence[str | int],
        *,
        progress: Progress | None = None,
        **plan: Any,
    ) -> BalanceResult:
        """Make a table of a balanced copy of the data, with one statement.

        :param data: files, a table or a query
        :param target: the table to make, such as "schema.table"
        :param by: the columns that make the strata
        :param progress: told what is being done
        :param plan: as for :func:`airflow_clarify.engines.sql.balance.balance`
        :raises ConfigError: the parameters do not fit together, the target is the source, or is there already
        :raises QuotaError: a stratum is empty, or holds fewer rows than asked of it
        :raises DataError: the cluster cannot be reached, or cannot read the data
        :raises OutputError: it cannot make the table
        """
        from airflow_clarify.engines.spark.source import open_source
        from airflow_clarify.engines.sql.balance import balance

        self.check_data(data)
        if isinstance(target, str) and "/" in target:
            raise ConfigError(f"target: Spark makes a table of a balanced copy, and {target} is a path; name a table")
        with self._open() as runner:
            return balance(open_source(runner, data), runner, data, target, by, progress=progress, **plan)

    def cancel(self) -> None:
        """Stop what is running on the cluster."""
        if self._runner is not None:
            self._runner.cancel()

    @contextmanager
    def _open(self) -> Iterator[SparkRunner]:
        from airflow_clarify.engines.spark.session import SparkRunner, address

        runner = SparkRunner.open(address(self.conn_id, self.url))
        self._runner = runner
        try:
            yield runner
        finally:
            self._runner = None
            runner.close()
