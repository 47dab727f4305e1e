"""Configuration of a search for subgroups: columns, depth, minimum number of rows, metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

from airflow_clarify.bias.column_types import DeclaredType
from airflow_clarify.bias.subgroups.rates import RateMetric, get_rate_metric
from airflow_clarify.exceptions import ConfigError

#: Combinations of more columns cannot be named in a sentence, and hardly ever have enough rows.
MAX_DEPTH = 5
#: The maximum number of combinations of columns; each is a table of counts.
MAX_CROSSINGS = 5_000
#: A categorical column with more values than this is an identifier rather than a group.
MAX_VALUES = 1_000
#: A numeric column with more values than this is cut at quantiles, also if Clarify takes it for a code.
MAX_CODES = 20

Correction = Literal["holm", "bonferroni", "by"]


@dataclass(frozen=True)
class SearchConfig:
    """Configure a search for subgroups.

    :param columns: the columns whose values are combined, by name or by zero-based index
    :param max_depth: the maximum number of columns in a combination, from 1 to 5
    :param min_rows: the minimum number of rows of a subgroup
    :param metric: the metric by which subgroups are ranked: DPL, or with predictions AD, DAR, DPPL, DRR, RD or SD
    :param top: the maximum number of subgroups in the result
    :param confidence: the confidence level: with ``correction="holm"``, the probability that no subgroup of the result
        is there by chance is at least this
    :param correction: the correction for the number of subgroups: "holm" (the default), "bonferroni" or "by", as in
        :class:`~airflow_clarify.Thresholds`; None for no correction
    :param bins: the number of intervals of equally many rows into which numeric columns are cut
    :param column_types: "categorical" or "continuous" for some columns, instead of the rule: numeric columns are cut
        where Clarify takes them for continuous, and where they have more than 20 values
    :raises ConfigError: a parameter is not allowed
    """

    columns: tuple[str | int, ...]
    max_depth: int = 3
    min_rows: int = 100
    metric: str = "DPL"
    top: int = 20
    confidence: float = 0.95
    correction: Correction | None = "holm"
    bins: int = 4
    column_types: Mapping[str, DeclaredType] | None = None

    def __post_init__(self) -> None:
        _check_columns(self.columns)
        get_rate_metric(self.metric)
        _check_whole("max_depth", self.max_depth, 1, MAX_DEPTH)
        _check_whole("min_rows", self.min_rows, 1)
        _check_whole("top", self.top, 1)
        _check_whole("bins", self.bins, 2, MAX_CODES)
        if isinstance(self.confidence, bool) or not isinstance(self.confidence, int | float):
            raise ConfigError(f"confidence: a number between 0 and 1, such as 0.95, not {self.confidence!r}")
        if not 0 < self.confidence < 1:
            raise ConfigError(f"confidence: between 0 and 1, such as 0.95, not {self.confidence!r}")
        if self.correction not in ("holm", "bonferroni", "by", None):
            raise ConfigError(f"correction: 'holm', 'bonferroni', 'by' or None, not {self.correction!r}")
        if self.column_types is not None:
            _check_types(self.column_types, self.columns)
        crossings = sum(comb(len(self.columns), depth) for depth in range(1, self.depth + 1))
        if crossings > MAX_CROSSINGS:
            raise ConfigError(
                f"columns: {len(self.columns)} columns have {crossings:,} combinations of up to {self.max_depth}, more "
                f"than {MAX_CROSSINGS:,}; name fewer columns, or lower max_depth"
            )

    @property
    def depth(self) -> int:
        """Return the number of columns of the deepest combinations."""
        return min(self.max_depth, len(self.columns))

    @property
    def rate(self) -> RateMetric:
        """Return the metric with its definition."""
        return get_rate_metric(self.metric)

    @property
    def alpha(self) -> float:
        """Return the error rate, one minus the confidence level."""
        return 1 - self.confidence

    def get_declared_type(self, reference: str | int) -> DeclaredType | None:
        """Return the declared type of a column.

        :param reference: the column as in ``columns``
        :return: None where the rule decides
        """
        return None if self.column_types is None else self.column_types.get(str(reference))


def _check_columns(columns: object) -> None:
    if isinstance(columns, str | bytes) or not isinstance(columns, Sequence):
        raise ConfigError(f"columns: give a list of columns, such as ['sex', 'age'], not {columns!r}")
    if not columns:
        raise ConfigError("columns: name at least one column, such as ['sex', 'age']")
    for position, column in enumerate(columns):
        if isinstance(column, bool) or not isinstance(column, str | int) or column == "":
            raise ConfigError(f"columns: {column!r} is not the name of a column")
        if column in columns[:position]:
            raise ConfigError(f"columns: {column!r} is given twice; a column cannot be crossed with itself")


def _check_whole(name: str, value: object, low: int, high: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        allowed = f"from {low} to {high}" if high is not None else f"from {low}"
        raise ConfigError(f"{name}: a whole number {allowed}, not {value!r}")


def _check_types(types: object, columns: Sequence[str | int]) -> None:
    if not isinstance(types, Mapping):
        raise ConfigError(f'column_types: a mapping such as {{"age": "continuous"}}, not {types!r}')
    for column, declared in types.items():
        if str(column) not in map(str, columns):
            raise ConfigError(
                f"column_types: {column!r} is not among the columns; they are {', '.join(map(repr, columns))}"
            )
        if declared not in ("categorical", "continuous"):
            raise ConfigError(f"column_types: 'categorical' or 'continuous' for {column!r}, not {declared!r}")
