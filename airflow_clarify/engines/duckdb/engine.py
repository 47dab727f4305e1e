"""The engine that counts and samples with DuckDB in the process of the task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.argument_types import is_templated
from airflow_clarify.bias.config import DataConfig, describe_given
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    from datetime import date

    import duckdb
    import pandas

    from airflow_clarify.bias.config import AnalysisConfig
    from airflow_clarify.bias.contingency import Contingency
    from airflow_clarify.bias.periods import Every
    from airflow_clarify.bias.resampling import BalanceConfig, BalanceResult
    from airflow_clarify.bias.subgroups.combinations import CombinationCounts
    from airflow_clarify.bias.subgroups.config import SearchConfig
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb.source import Source


@dataclass
class DuckDBEngine:
    """Counts and resamples with DuckDB, in bounded memory.

    Settings that are not given are taken from Airflow's configuration (section ``[clarify]``), then from the DuckDB
    connection, then from DuckDB's defaults.

    :param duckdb_conn_id: the Airflow connection to DuckDB, which need not exist under its default name. None opens
        DuckDB without Airflow, as the command line does
    :param memory_limit: the memory limit, such as "2GB"; larger data are spilled to ``temp_directory``
    :param threads: the number of threads, up to 1,024; None uses all cores
    :param temp_directory: the folder for spilled data; None uses the system's folder for temporary files. Each run
        spills into a subfolder of its own and removes it afterwards
    :raises ConfigError: ``threads`` is not a whole number from 1 to 1,024
    """

    duckdb_conn_id: str | None = "duckdb_default"
    memory_limit: str | None = None
    threads: int | None = None
    temp_directory: str | None = None
    _running: duckdb.DuckDBPyConnection | None = field(default=None, init=False, repr=False, compare=False)
    _stopped: bool = field(default=False, init=False, repr=False, compare=False)

    name: ClassVar[str] = "duckdb"
    samples_by_key: ClassVar[bool] = False
    template_fields: ClassVar[tuple[str, ...]] = ("duckdb_conn_id", "memory_limit", "threads", "temp_directory")

    __repr__ = describe_given

    def __post_init__(self) -> None:
        if not is_templated(self.threads):
            _parse_threads(self.threads, "threads")

    def data_config_for(self, source: str) -> DataConfig:
        """Build the data configuration for files.

        :param source: a file, a folder or a glob; a local path or a URI
        """
        return DataConfig(source)

    def check_data(self, data: DataConfig) -> None:
        """Check that the data are files, read as a whole.

        :param data: the location and description of the data; its fields may still hold templates
        :raises ConfigError: the data are a table or a query, or rows are selected with ``where``
        """
        if data.table is not None or data.query is not None:
            what = "table" if data.table is not None else "query"
            raise ConfigError(
                f"{what}: DuckDBEngine reads files (input_path) and DataFrames; name a database with "
                "engine=SQLEngine(conn_id), or a cluster with SparkEngine(conn_id)"
            )
        if data.where is not None:
            raise ConfigError(
                "where: DuckDBEngine reads all rows of its files; name the files of a partition in input_path, or let "
                "SQLEngine or SparkEngine read the data"
            )

    def count(
        self,
        data: DataConfig | pandas.DataFrame,
        config: AnalysisConfig,
        *,
        weight: str | int | None = None,
        progress: Progress | None = None,
    ) -> Contingency:
        """Count the rows by facet value, label and group, in one streaming scan.

        Only the columns of the analysis are read.

        :param data: the location and description of the data, or a DataFrame
        :param config: the analysis configuration
        :param weight: the column of row weights of a DataFrame; for files it is given in ``data``
        :param progress: progress callback
        :return: the counts of each facet
        :raises ConfigError: the configuration does not fit the data
        :raises DataError: the data cannot be read, or hold no rows
        """
        from airflow_clarify.engines.duckdb.count import count_files

        weight = data.weight if isinstance(data, DataConfig) else weight
        with self._open_joined(data, config) as source:
            return count_files(source, config, weight, progress)

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

        :param data: the location and description of the data
        :param config: the analysis configuration
        :param time_column: the column of dates or times, by name or index
        :param every: "day", "week" or "month"
        :param progress: progress callback
        :return: the first day and the counts of each period, in order of time
        :raises ConfigError: the configuration does not fit the data
        :raises DataError: the data cannot be read, hold no rows, or have rows without a date
        """
        from airflow_clarify.engines.duckdb.periods import count_file_periods

        with self._open_joined(data, config) as source:
            yield from count_file_periods(source, config, data.weight, time_column, every, progress)

    def count_combinations(
        self,
        data: DataConfig | pandas.DataFrame,
        config: AnalysisConfig,
        search: SearchConfig,
        *,
        weight: str | int | None = None,
        progress: Progress | None = None,
    ) -> CombinationCounts:
        """Count the rows by combinations of column values and label, in two streaming scans.

        :param data: the location and description of the data, or a DataFrame
        :param config: the label, and the columns as facets
        :param search: the question
        :param weight: the column of row weights of a DataFrame; for files it is given in ``data``
        :param progress: progress callback
        :return: the counts
        :raises ConfigError: the configuration does not fit the data, or there are too many combinations
        :raises DataError: the data cannot be read, or hold no rows
        """
        from airflow_clarify.engines.duckdb.combinations import count_combinations

        weight = data.weight if isinstance(data, DataConfig) else weight
        with self._open(data) as source:
            return count_combinations(source, config, search, weight, progress)

    def balance(
        self, data: DataConfig, target: str, plan: BalanceConfig, *, progress: Progress | None = None
    ) -> BalanceResult:
        """Write a balanced copy of the data, complete or absent.

        :param data: the location and description of the data
        :param target: the file to write, as a local path or a URI
        :param plan: how to balance
        :param progress: progress callback
        :return: the number of rows of each stratum before and after
        :raises ConfigError: the plan does not fit the data
        :raises QuotaError: a stratum is empty, or has fewer rows than its quota
        :raises DataError: the data cannot be read
        :raises OutputError: the copy cannot be written
        """
        from airflow_clarify.bias.config import resolve_column
        from airflow_clarify.engines.duckdb.resampling.resample import resample
        from airflow_clarify.io.atomic import build_uploader

        with self._open(data) as source:
            plan = plan.resolve(list(source.columns), data.weight, resolve_column)

            def report(what: str, part: float) -> None:
                # While records are copied, no query is running that cancel() could interrupt, so stop here instead.
                if self._stopped:
                    raise DataError(f"{source.location}: stopped before {target} was written")
                if progress is not None:
                    progress(what, part)

            return resample(source, target, plan, publish=build_uploader(target, data.conn_id), progress=report)

    def cancel(self) -> None:
        """Stop the running query or copy."""
        self._stopped = True
        if self._running is not None:
            self._running.interrupt()

    @contextmanager
    def _open_joined(self, data: DataConfig | pandas.DataFrame, config: AnalysisConfig) -> Iterator[Source]:
        """Open the data, joined with predictions and facets that are in files of their own."""
        with self._open(data) as source:
            if isinstance(data, DataConfig) and (data.predicted_label_dataset_uri or data.facet_dataset_uri):
                from airflow_clarify.engines.duckdb.joined_files import join_files

                source = join_files(source.connection, source, data, config)
            yield source

    @contextmanager
    def _open(self, data: DataConfig | pandas.DataFrame) -> Iterator[Source]:
        import duckdb

        from airflow_clarify.engines.duckdb.errors import explain_error
        from airflow_clarify.engines.duckdb.source import open_frame, open_source

        if isinstance(data, DataConfig):
            self.check_data(data)
        with ExitStack() as stack:
            connection = self._connect(stack)
            location = data.source if isinstance(data, DataConfig) else "the DataFrame"
            self._running, self._stopped = connection, False
            # If Python was not started with a file, DuckDB assumes an interactive session and prints a progress bar.
            try:
                connection.execute("SET enable_progress_bar_print = false")
                # Timestamps with a time zone are formatted in UTC, whatever the time zone of the machine.
                with suppress(duckdb.Error):
                    connection.execute("SET TimeZone = 'UTC'")
                yield open_source(connection, data) if isinstance(data, DataConfig) else open_frame(connection, data)
            except duckdb.InterruptException as error:
                # Most statements explain their errors themselves; this is for an interrupt between them.
                raise explain_error(error, location) from None
            finally:
                self._running = None
                connection.close()

    def _connect(self, stack: ExitStack) -> duckdb.DuckDBPyConnection:
        import duckdb

        from airflow_clarify.engines.duckdb.errors import explain_error, is_short_of_threads
        from airflow_clarify.io.staging import open_spill_folder

        threads = _parse_threads(self.threads, "threads")
        limits = {"memory_limit": self.memory_limit, "threads": threads, "temp_directory": self.temp_directory}
        limits = {name: value for name, value in limits.items() if value is not None}
        try:
            if self.duckdb_conn_id is None:
                spill = {"temp_directory": stack.enter_context(open_spill_folder(self.temp_directory))}
                return duckdb.connect(config=_list_config_texts({**_OFFLINE, **limits, **spill}))
            return self._connect_through_airflow(limits, stack)
        except duckdb.Error as error:
            if is_short_of_threads(error):
                raise explain_error(error, "DuckDB") from None
            raise ConfigError(f"DuckDB cannot be opened with {limits}: {str(error).splitlines()[0]}") from None

    def _connect_through_airflow(self, limits: dict[str, Any], stack: ExitStack) -> duckdb.DuckDBPyConnection:
        from airflow.providers.common.compat.sdk import AirflowNotFoundException
        from airflow.providers.duckdb.hooks.duckdb import DuckDBHook

        from airflow_clarify.io.staging import open_spill_folder

        settings = {**_read_airflow_limits(), **limits}
        try:
            hook = DuckDBHook(duckdb_conn_id=self.duckdb_conn_id, **settings)
            _parse_threads(hook.threads, f"threads of the connection {self.duckdb_conn_id!r}")
            spill = {"temp_directory": stack.enter_context(open_spill_folder(hook.temp_directory))}
            return DuckDBHook(duckdb_conn_id=self.duckdb_conn_id, **{**settings, **spill}).get_conn()
        except AirflowNotFoundException:
            raise ConfigError(
                f"duckdb_conn_id: there is no Airflow connection {self.duckdb_conn_id!r}; add it, or leave it out"
            ) from None


#: No extension is downloaded at run time, as with Airflow's hook.
_OFFLINE = {"autoinstall_known_extensions": False}


#: More threads than a large machine can run. DuckDB starts as many as requested, and too many block the machine.
_MAX_THREADS = 1024


def _parse_threads(given: object, key: str) -> int | None:
    """Parse a number of threads, which may be a text if it was templated.

    :param given: the value; None leaves the number to DuckDB
    :param key: the setting to name in an error
    :return: the number; None if it is not set
    :raises ConfigError: the value is not a whole number, or out of bounds
    """
    if given is None or (isinstance(given, str) and given.strip() in ("", "None")):
        return None
    text = str(given).strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= _MAX_THREADS):
        raise ConfigError(f"{key}: it is a whole number from 1 to {_MAX_THREADS}, not {given!r}")
    return int(text)


def _read_airflow_limits() -> dict[str, Any]:
    """Read the limits that Airflow's configuration sets for all tasks."""
    from airflow.configuration import conf

    threads = _parse_threads(conf.getint("clarify", "duckdb_threads", fallback=0) or None, "[clarify] duckdb_threads")
    limits = {
        "memory_limit": conf.get("clarify", "duckdb_memory_limit", fallback="") or None,
        "temp_directory": conf.get("clarify", "duckdb_temp_directory", fallback="") or None,
        "threads": threads,
    }
    return {name: value for name, value in limits.items() if value is not None}


def _list_config_texts(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, bool | int) else str(value) for name, value in config.items()}
