"""The Spark engine: counts and samples on a cluster, through Spark Connect; the worker needs no Java and no Spark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from airflow_clarify.bias.config import describe_given
from airflow_clarify.engines.sql.engine import TableEngine, refuse_file_options, refuse_joined_files
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import DataConfig
    from airflow_clarify.engines.sql.source import SqlSource
    from airflow_clarify.engines.sql.target_table import TableWriter


@dataclass
class SparkEngine(TableEngine):
    """Count and sample on a Spark cluster (Spark 4 or later).

    Only counts are fetched by the task. The data are files that Spark can read (``input_path``), a table or a query.
    If all values of a facet are tested, they are sorted, because the rows that a cluster reads have no order.

    :param conn_id: an Airflow connection of the type ``spark_connect``
    :param url: the address of a Spark Connect server, ``sc://host:port/;token=...``, instead of a connection
    :param max_cells: the maximum number of cells (combinations of facet, label and group) that the task fetches. If
        there are more, as with a facet of measurements, the cluster runs a few more queries instead
    """

    conn_id: str | None = "spark_connect_default"
    # The address may hold a token, and Airflow shows the repr of an engine.
    url: str | None = field(default=None, repr=False)
    max_cells: int = 200_000
    _runner: TableWriter | None = field(default=None, init=False, repr=False, compare=False)

    name: ClassVar[str] = "spark"
    template_fields: ClassVar[tuple[str, ...]] = ("conn_id", "url")

    __repr__ = describe_given

    def data_config_for(self, source: str) -> DataConfig:
        """Build the configuration of files if the source is a path, otherwise of a table.

        :param source: a path, recognised by a slash, or the name of a table
        """
        from airflow_clarify.bias.config import DataConfig

        return DataConfig(source) if "/" in source else DataConfig(table=source)

    def check_data(self, data: DataConfig) -> None:
        """Check that Spark can read the data, before any work.

        :param data: where the data are; its fields may still hold templates
        :raises ConfigError: Spark cannot read the data, or options of files are given for a table
        """
        refuse_joined_files(data)
        if data.table is not None or data.query is not None:
            refuse_file_options(data)
        elif data.resolve_dataset_type() == "application/json":
            raise ConfigError(
                "dataset_type: application/json needs JMESPath features, which only a Clarify job reads; Spark reads "
                "application/jsonlines"
            )

    def _connect(self) -> TableWriter:
        from airflow_clarify.engines.spark.session import SparkRunner, build_address

        return SparkRunner.open(build_address(self.conn_id, self.url))

    def _select_source(self, runner: TableWriter, data: DataConfig) -> SqlSource:
        from airflow_clarify.engines.spark.session import SparkRunner
        from airflow_clarify.engines.spark.source import open_source

        assert isinstance(runner, SparkRunner)
        return open_source(runner, data)
