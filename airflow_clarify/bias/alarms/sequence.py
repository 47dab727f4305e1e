"""A confidence sequence: whether counts of all nights together show a value outside its bounds, at any time.

The product of the evidence of independent nights (:mod:`airflow_clarify.bias.alarms.evidence`), averaged over the
alternatives, is a nonnegative supermartingale that begins at 1, if on every night the true value is within its bounds.
By Ville's inequality the probability that it *ever* reaches ``1 / alpha``, on whichever night one looks, is at most
``alpha``:

    P(there is a night t: E_t >= 1 / alpha) <= alpha

J. Ville, "Étude critique de la notion de collectif" (1939); S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49 (2021), section 2; Turner
and Grünwald (2023), section 3, for the interval of the difference: it contains every difference that the evidence does
not exclude.
An average over alternatives, whatever their weights, is the method of mixtures (Robbins 1970).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_clarify.bias.alarms.evidence import HalfPlane, NightCounts, compute_evidence

if TYPE_CHECKING:
    from airflow_clarify.bias.alarms.evidence import Array, Evidence

#: Whether a metric is the difference ``q_a - q_d`` of two proportions, or their ratio ``q_d / q_a``.
Kind = Literal["difference", "ratio"]
_BISECTIONS = 24
_LARGEST_RATIO = 1e4


@dataclass(frozen=True)
class Sequence:
    """The result of a confidence sequence, night by night.

    :param above: the logarithm of the evidence that the value is above its upper bound; shape (..., nights)
    :param below: the logarithm of the evidence that it is below its lower bound
    """

    above: Array
    below: Array

    def find_alarms(self, level: float) -> Any:
        """Find the nights on which a bound is violated.

        :param level: the error rate of this metric and group, for both bounds together
        :return: an array of bool
        """
        import numpy as np

        return np.maximum(self.above, self.below) >= math.log(2 / level)


def build_upper_hypothesis(kind: Kind, bound: float) -> HalfPlane:
    """Build the hypothesis that the value is at most a bound.

    :param kind: difference or ratio
    :param bound: the bound; for a ratio above 0
    """
    return HalfPlane(1.0, -1.0, bound) if kind == "difference" else HalfPlane(-bound, 1.0, 0.0)


def build_lower_hypothesis(kind: Kind, bound: float) -> HalfPlane:
    """Build the hypothesis that the value is at least a bound.

    :param kind: difference or ratio
    :param bound: the bound; for a ratio above 0
    """
    return HalfPlane(-1.0, 1.0, -bound) if kind == "difference" else HalfPlane(bound, -1.0, 0.0)


def compute_sequence(counts: NightCounts, kind: Kind, low: float | None, high: float | None) -> Sequence:
    """Compute the evidence of all nights so far against bounds.

    :param counts: the counts since the baseline, in order of time
    :param kind: difference or ratio
    :param low: the lower bound; None if there is none
    :param high: the upper bound; None if there is none
    """
    import numpy as np

    none = np.full(counts.rows_d.shape, -np.inf)
    above = none if high is None else accumulate(counts, build_upper_hypothesis(kind, high))
    below = none if low is None else accumulate(counts, build_lower_hypothesis(kind, low))
    return Sequence(above, below)


def compute_exclusion(counts: NightCounts, kind: Kind, low: float | None, high: float | None) -> Array:
    """Compute the evidence of all nights so far that the value is within its bounds.

    :param counts: the counts since the baseline, in order of time
    :param kind: difference or ratio
    :param low: the lower bound; None if there is none
    :param high: the upper bound; None if there is none
    :return: the logarithm of the evidence against a value beyond either bound: the smaller of both
    """
    import numpy as np

    parts = [] if high is None else [accumulate(counts, build_lower_hypothesis(kind, high))]
    parts += [] if low is None else [accumulate(counts, build_upper_hypothesis(kind, low))]
    smaller: Array = np.minimum.reduce(parts)
    return smaller


def accumulate(counts: NightCounts, hypothesis: HalfPlane) -> Array:
    """Multiply the evidence of the nights, and average it over the alternatives.

    :param counts: the counts, in order of time
    :param hypothesis: the hypothesis
    :return: the logarithm, shape (..., nights)
    """
    return multiply_evidence(compute_evidence(counts, hypothesis))


def multiply_evidence(evidence: Evidence) -> Array:
    """Multiply the evidence of all nights up to each, and average it over the alternatives.

    :param evidence: the evidence of each night
    :return: the logarithm, shape (..., nights)
    """
    import numpy as np

    products = np.cumsum(evidence.log_ratios, axis=-2) + evidence.log_weights[..., None, :]
    averaged: Array = np.logaddexp.reduce(products, axis=-1)
    return averaged


def compute_interval(counts: NightCounts, kind: Kind, level: float) -> tuple[float, float]:
    """Compute the interval of the confidence sequence after the last night, by bisection.

    :param counts: the counts of one group, shape (nights,)
    :param kind: difference or ratio
    :param level: one minus the confidence
    :return: the lower and the upper limit; with this confidence the value is inside on all nights at once
    """
    rows_d, rows_a = float(counts.rows_d.sum()), float(counts.rows_a.sum())
    if not rows_d or not rows_a:
        return (-1.0, 1.0) if kind == "difference" else (0.0, math.inf)
    q_d, q_a = float(counts.positive_d.sum()) / rows_d, float(counts.positive_a.sum()) / rows_a
    threshold = math.log(2 / level)
    if kind == "difference":
        value = q_a - q_d
        low = _bisect(value, -1.0, lambda bound: _exceeds(counts, build_upper_hypothesis(kind, bound), threshold))
        high = _bisect(value, 1.0, lambda bound: _exceeds(counts, build_lower_hypothesis(kind, bound), threshold))
        return low, high
    if not q_a or not q_d:
        return 0.0, math.inf
    # On a logarithmic scale, since ratios are positive.
    middle, end = math.log(q_d / q_a), math.log(_LARGEST_RATIO)
    low = _bisect(
        middle, -end, lambda bound: _exceeds(counts, build_upper_hypothesis(kind, math.exp(bound)), threshold)
    )
    high = _bisect(
        middle, end, lambda bound: _exceeds(counts, build_lower_hypothesis(kind, math.exp(bound)), threshold)
    )
    return math.exp(low) if low > -end else 0.0, math.exp(high) if high < end else math.inf


def _exceeds(counts: NightCounts, hypothesis: HalfPlane, threshold: float) -> bool:
    return hypothesis.can_be_violated and bool(accumulate(counts, hypothesis)[-1] >= threshold)


def _bisect(inside: float, outside: float, is_excluded: Any) -> float:
    """Find the limit between a value that is not excluded and one that may be."""
    if not is_excluded(outside * (1 - 1e-6)):
        return outside
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if is_excluded(middle) else (middle, outside)
    return outside
