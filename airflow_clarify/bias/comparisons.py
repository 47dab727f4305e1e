"""Comparisons of two proportions: what the gate's intervals, p-values and sample sizes are computed from.

Each metric that is a difference, a distance or a ratio of two proportions has its own proportions, with denominators of
their own: all rows for DPL, the rows with a positive label for RD, those predicted to be positive for DAR.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from airflow_clarify.bias.confidence import (
    Proportion,
    compute_koopman_interval,
    compute_koopman_score,
    compute_newcombe_interval,
    compute_newcombe_score,
)
from airflow_clarify.bias.contingency import ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.metrics import has_dropped_outcome


@dataclass(frozen=True)
class Comparison:
    """Two independent proportions, and the metric that compares them.

    :param first: the proportion that is the minuend or the numerator
    :param second: the proportion that is subtracted or divided by
    :param kind: "difference" of both, its absolute value ("distance"), or their "ratio"
    :param scale: a distance is multiplied by it
    """

    first: Proportion
    second: Proportion
    kind: Literal["difference", "distance", "ratio"]
    scale: float = 1.0

    def compute_interval(self, confidence: float) -> tuple[float, float]:
        """Compute the confidence interval of the metric: Newcombe's of a difference, Koopman's of a ratio.

        :param confidence: the confidence level, such as 0.95
        :return: lower and upper bound
        """
        if self.kind == "ratio":
            return compute_koopman_interval(self.first, self.second, confidence)
        low, high = compute_newcombe_interval(*self.first, *self.second, confidence)
        if self.kind == "difference":
            return low, high
        smallest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return self.scale * smallest, self.scale * max(abs(low), abs(high))

    def compute_low_score(self, low: float) -> float:
        """Compute the standard score at which the interval touches a lower bound.

        :param low: the lower bound
        :return: the score, positive above the bound; infinite if no value can be below it
        """
        return math.inf if self.kind != "difference" and low <= 0 else self._compute_score(low)

    def compute_high_score(self, high: float) -> float:
        """Compute the standard score at which the interval touches an upper bound.

        :param high: the upper bound
        :return: the score, positive above the bound
        """
        if self.kind == "ratio" and high <= 0:
            return math.inf if self.first.share else 0.0
        return self._compute_score(high)

    def grow(self, factor: float) -> Comparison:
        """Return the comparison of the same proportions of more rows.

        :param factor: the factor by which both denominators grow
        """
        first, second = (Proportion(one.share, one.rows * factor) for one in (self.first, self.second))
        return Comparison(first, second, self.kind, self.scale)

    def _compute_score(self, bound: float) -> float:
        if self.kind == "ratio":
            return compute_koopman_score(self.first, self.second, bound)
        if self.kind == "difference":
            return compute_newcombe_score(self.first, self.second, bound)
        bound = bound / self.scale
        larger, smaller = sorted((self.first, self.second), key=lambda one: one.share, reverse=True)
        score = compute_newcombe_score(larger, smaller, bound)
        # Within the bound, the interval of the difference has to exclude the bound and its mirror image.
        return score if score > 0 else max(score, -compute_newcombe_score(larger, smaller, -bound))


@dataclass(frozen=True)
class _Rate:
    """A rate of a confusion matrix: of which rows, how many.

    :param part: the rows that are counted; None if the metric is not a comparison of two proportions
    :param whole: the rows that could be counted
    :param rows: the rows of ``whole`` in words
    :param is_d_first: whether the metric subtracts the rate of facet a from that of d; otherwise that of d from a
    """

    part: Callable[[ConfusionCounts], WeightedCount] | None
    whole: Callable[[ConfusionCounts], WeightedCount]
    rows: str
    is_d_first: bool = False


_TOTAL, _POSITIVE, _NEGATIVE, _ACCEPTED, _REJECTED = map(
    attrgetter, ("total", "positive", "negative", "predicted_positive", "predicted_negative")
)
_RATES = {
    "AD": _Rate(lambda counts: counts.tp + counts.tn, _TOTAL, "rows"),
    "DAR": _Rate(attrgetter("tp"), _ACCEPTED, "rows with a positive prediction"),
    "DCA": _Rate(None, _ACCEPTED, "rows with a positive prediction"),
    "DCR": _Rate(None, _REJECTED, "rows with a negative prediction"),
    "DI": _Rate(_ACCEPTED, _TOTAL, "rows", is_d_first=True),
    "DPPL": _Rate(_ACCEPTED, _TOTAL, "rows"),
    "DRR": _Rate(attrgetter("tn"), _REJECTED, "rows with a negative prediction", is_d_first=True),
    "RD": _Rate(attrgetter("tp"), _POSITIVE, "rows with a positive label"),
    "SD": _Rate(attrgetter("tn"), _NEGATIVE, "rows with a negative label", is_d_first=True),
    "TE": _Rate(None, attrgetter("fp"), "false positives"),
}


@dataclass(frozen=True)
class Denominators:
    """The rows that a rate is a share of, on both sides.

    :param d: the count of the tested group
    :param a: the count of all other rows
    :param rows: what is counted, in words
    """

    d: WeightedCount
    a: WeightedCount
    rows: str


def find_denominators(metric: str, split: Split | None) -> Denominators | None:
    """Return the denominators of a metric that compares rates within labels or predictions.

    :param metric: the short name of the metric
    :param split: the counts; None if there are none
    :return: None if all rows of both sides are counted, or there are no counts of predictions
    """
    rate = _RATES.get(metric)
    if rate is None or rate.whole is _TOTAL:
        return None
    if split is None or split.d_confusion is None or split.a_confusion is None:
        return None
    return Denominators(rate.whole(split.d_confusion), rate.whole(split.a_confusion), rate.rows)


def build_comparison(metric: str, split: Split | None) -> Comparison | None:
    """Build the comparison that a metric is computed from.

    :param metric: the short name of the metric
    :param split: the counts; None if there are none
    :return: None if the metric is not determined by two proportions, or there are no counts
    """
    if split is None:
        return None
    if metric in _RATES:
        return _build_rate_comparison(metric, split)
    if metric not in ("DIL", "DPL", "TVD", "KS", "LP"):
        return None
    a = build_proportion(split.a_positive, split.a)
    d = build_proportion(split.d_positive, split.d)
    if metric == "DIL":
        return Comparison(d, a, "ratio")
    if metric == "DPL":
        return Comparison(a, d, "difference")
    if has_dropped_outcome(split.counts):
        return None
    # For a binary label TVD = KS = |DPL| and LP = sqrt(2) |DPL|.
    return Comparison(a, d, "distance", math.sqrt(2) if metric == "LP" else 1.0)


def _build_rate_comparison(metric: str, split: Split) -> Comparison | None:
    rate = _RATES[metric]
    if rate.part is None or split.d_confusion is None or split.a_confusion is None:
        return None
    d, a = (build_proportion(rate.part(side), rate.whole(side)) for side in (split.d_confusion, split.a_confusion))
    return Comparison(*((d, a) if rate.is_d_first else (a, d)), "ratio" if metric == "DI" else "difference")


def build_proportion(part: WeightedCount, whole: WeightedCount) -> Proportion:
    """Build a proportion from counts.

    :param part: the rows that have the outcome
    :param whole: all rows that could have it
    :return: the share of the weights, and the effective number of rows
    """
    return Proportion(float(part.weight / whole.weight) if whole.weight else 0.0, whole.effective_rows)
