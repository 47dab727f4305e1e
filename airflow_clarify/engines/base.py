"""The protocol of an engine: count for an analysis, and resample for a balanced dataset, where the data are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from airflow_clarify.bias.config import resolve_column

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.contingency import Contingency
    from airflow_clarify.bias.resampling import BalanceResult

#: A progress callback: a description of the current step, and the finished share from 0 to 1 (negative if unknown).
Progress = Callable[[str, float], None]


def find_prior_weight(plan: Mapping[str, Any], data: DataConfig, columns: Sequence[str]) -> str | None:
    """Find the column with the weights of the rows before reweighing.

    That is the weight column of the plan; for the strategy ``reweigh`` it defaults to that of the data.

    :param plan: the arguments of the resampling: strategy, weight and so on
    :param data: the location and description of the data
    :param columns: the names of their columns
    :return: the name of the column; None if the rows are not weighted
    :raises ConfigError: the column does not exist
    """
    weight = plan.get("weight")
    if weight is None and plan.get("strategy") == "reweigh":
        weight = data.weight
    return None if weight is None else resolve_column(weight, columns, "weight")


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
        by: Sequence[str | int],
        *,
        progress: Progress | None = None,
        **plan: Any,
    ) -> BalanceResult:
        """Write a balanced copy of the data.

        :param data: the location and description of the data
        :param target: the location of the copy; it is complete or absent
        :param by: the columns whose combined values form the strata
        :param progress: progress callback
        :param plan: strategy, size, fraction, seed and so on
        :return: the number of rows of each stratum before and after
        :raises QuotaError: a stratum has too few rows for its quota
        :raises DataError: the data cannot be read
        :raises OutputError: the copy cannot be written; no partial file remains
        """
        ...

    def cancel(self) -> None:
        """Stop the running query or copy, as when a task is killed."""
        ...
