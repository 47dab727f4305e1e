"""Counting and sampling in a database, through any Airflow connection whose hook is a DbApiHook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.config import describe_given
from airflow_clarify.engines.sql.engine import TableEngine, refuse_file_options
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import DataConfig
    from airflow_clarify.engines.sql.source import SqlSource
    from airflow_clarify.engines.sql.target_table import TableWriter


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
