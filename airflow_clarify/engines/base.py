"""What every engine can do: count for an analysis, and sample for a balanced dataset, where the data live."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from airflow_clarify.bias.config import resolve_column

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.contingency import Contingency
    from airflow_clarify.bias.resampling import BalanceResult

#: Told what is being done and how far it is, from 0 to 1 (or below 0 where that is not known).
Progress = Callable[[str, float], None]


def find_prior_weight(plan: Mapping[str, Any], data: DataConfig, columns: Sequence[str]) -> str | None:
    """Find the column of weights that rows have before they are reweighed: the plan's own, or that of the data.

    :param plan: strategy, weight and so on
    :param data: where the data are
    :param columns: their columns
    :raises ConfigError: there is no such column
    """
    weight = plan.get("weight")
    if weight is None and plan.get("strategy") == "reweigh":
        weight = data.weight
    return None if weight is None else resolve_column(weight, columns, "weight")


@runtime_checkable
class Engine(Protocol):
    """Counts and samples where the data live. Python sees counts only."""

    name: str
    #: Whether rows are drawn by key columns; otherwise by their position in files.
    samples_by_key: bool

    def data_config_for(self, source: str) -> DataConfig:
        """The data that a plain text means to this engine: a path, or a table."""
        ...

    def check_data(self, data: DataConfig) -> None:
        """Say what cannot be done with this data. Called when a DAG is parsed, and again before any work.

        :param data: where the data are; its fields may still hold templates
        :raises ConfigError: this engine cannot read such data
        """
        ...

    def count(self, data: DataConfig, config: AnalysisConfig, *, progress: Progress | None = None) -> Contingency:
        """Count the rows by facet value, label and group.

        :param data: where the data are
        :param config: what is asked of them
        :param progress: told what is being done
        :raises ConfigError: the configuration does not fit the data
        :raises DataError: the data cannot be read, or are not what the configuration says
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

        :param data: where the data are
        :param target: where the copy goes; complete or absent
        :param by: the columns that make the strata
        :param plan: strategy, size, fraction, seed and so on
        :raises QuotaError: a stratum cannot give what is asked of it
        :raises DataError: the data cannot be read
        :raises OutputError: the copy cannot be written; nothing is left behind
        """
        ...

    def cancel(self) -> None:
        """Stop what is running, as when a task is killed."""
        ...
