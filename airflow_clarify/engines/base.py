"""The protocol of an engine: count for an analysis, and resample for a balanced dataset, where the data are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.contingency import Contingency
    from airflow_clarify.bias.resampling import BalanceConfig, BalanceResult

#: A progress callback: a description of the current step, and the finished share from 0 to 1 (negative if unknown).
Progress = Callable[[str, float], None]

_ABILITIES = {"count_periods": "count by period", "count_combinations": "search for subgroups"}


def check_ability(engine: Any, method: Literal["count_periods", "count_combinations"]) -> None:
    """Check that an engine has a method that not every engine has.

    :param engine: the engine
    :param method: the name of the method
    :raises ConfigError: the engine does not have it
    """
    if not hasattr(engine, method):
        raise ConfigError(
            f"engine: {type(engine).__name__} cannot {_ABILITIES[method]}; DuckDBEngine, SQLEngine and SparkEngine can"
        )


@runtime_checkable
class Engine(Protocol):
    """Counts and resamples rows where they are stored, so that only counts enter Python."""

    name: ClassVar[str]
    #: Whether rows are drawn by key columns; otherwise by their position in files.
    samples_by_key: ClassVar[bool]

    def data_config_for(self, source: str) -> DataConfig:
        """Build the data configuration for a source given as a string.

        :param source: a path or a table name, depending on the engine
        :return: the data configuration
        """
        ...

    def check_data(self, data: DataConfig) -> None:
        """Check that the engine can read the data.

        Called when a DAG is parsed, and again before each run.

        :param data: the location and description of the data; its fields may still hold templates
        :raises ConfigError: this engine cannot read such data
        """
        ...

    def count(self, data: DataConfig, config: AnalysisConfig, *, progress: Progress | None = None) -> Contingency:
        """Count the rows by facet value, label and group.

        :param data: the location and description of the data
        :param config: the analysis configuration
        :param progress: progress callback
        :return: the counts of each facet
        :raises ConfigError: the configuration does not fit the data
        :raises DataError: the data cannot be read, or do not match the configuration
        """
        ...

    def balance(
        self,
        data: DataConfig,
        target: str,
        plan: BalanceConfig,
        *,
        progress: Progress | None = None,
    ) -> BalanceResult:
        """Write a balanced copy of the data.

        :param data: the location and description of the data
        :param target: the location of the copy; it is complete or absent
        :param plan: how to balance: columns, strategy, seed and so on
        :param progress: progress callback
        :return: the number of rows of each stratum before and after
        :raises QuotaError: a stratum has too few rows for its quota
        :raises DataError: the data cannot be read
        :raises OutputError: the copy cannot be written; no partial file remains
        """
        ...

    def cancel(self) -> None:
        """Stop the running query or copy, as when a task is killed."""
        ...
