"""Metrics that compare two proportions, and can therefore be judged over nights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow_clarify.bias.alarms.config import WATCHABLE
from airflow_clarify.bias.comparisons import build_comparison

if TYPE_CHECKING:
    from airflow_clarify.bias.alarms.sequence import Kind
    from airflow_clarify.bias.contingency import Split

_RATIOS = frozenset({"DI", "DIL"})
#: Distances, which are never negative and have an upper bound only, with their factor of the absolute difference.
_DISTANCES = {"TVD": 1.0, "KS": 1.0, "LP": math.sqrt(2)}


def get_kind(metric: str) -> Kind:
    """Return whether a metric is a difference or a ratio of two proportions.

    :param metric: the short name
    """
    return "ratio" if metric in _RATIOS else "difference"


def is_comparison(metric: str) -> bool:
    """Return whether a metric is a difference or a ratio of two proportions, with a sign.

    :param metric: the short name
    """
    return metric in WATCHABLE and metric not in _DISTANCES


def get_counts(metric: str, split: Split | None) -> tuple[float, float, float, float]:
    """Return the counts of both proportions of a metric; zeros if there are none.

    :param metric: the short name
    :param split: the counts of a tested group
    :return: positive and all rows of "d" and of "a", such that the metric is ``q_a - q_d`` or ``q_d / q_a``; effective
        rows if they are weighted
    """
    comparison = None if split is None else build_comparison(metric, split)
    if comparison is None:
        return 0.0, 0.0, 0.0, 0.0
    first = (float(comparison.first.share) * comparison.first.rows, float(comparison.first.rows))
    second = (float(comparison.second.share) * comparison.second.rows, float(comparison.second.rows))
    return (*first, *second) if metric in _RATIOS else (*second, *first)


def scale_bounds(metric: str, low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """Convert the bounds of a metric to bounds of its difference or ratio.

    :param metric: the short name
    :param low: the lower bound
    :param high: the upper bound
    :return: bounds that a difference or ratio can violate; None for the others
    """
    if metric in _DISTANCES:
        return (None, None) if high is None else (-high / _DISTANCES[metric], high / _DISTANCES[metric])
    if metric in _RATIOS:
        return (low if low is not None and low > 0 else None), (high if high is not None and high > 0 else None)
    return low, high


def scale_interval(metric: str, interval: tuple[float, float]) -> tuple[float, float]:
    """Convert an interval of the difference or ratio to one of the metric.

    :param metric: the short name
    :param interval: lower and upper limit
    """
    if metric not in _DISTANCES:
        return interval
    low, high = interval
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return _DISTANCES[metric] * nearest, _DISTANCES[metric] * max(abs(low), abs(high))
