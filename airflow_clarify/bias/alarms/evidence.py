"""Evidence of each night against "the true value is within its bound", from the counts of two proportions.

A night has counts of two groups, d and a: ``positive_d`` of ``rows_d`` rows, ``positive_a`` of ``rows_a`` rows. The
hypothesis is a half-plane of the two true proportions, ``slope_a * q_a + slope_d * q_d <= limit``: for the bound 0.1 of
DPL, ``q_a - q_d <= 0.1``. The evidence (e-value) of a night is a likelihood ratio

    e = p(counts; alternative) / p(counts; projection of the alternative)

where the projection is the point of the half-plane with the smallest Kullback-Leibler divergence from the alternative.

Statement. If the alternative depends on earlier nights and on the numbers of rows only, then for every night whose true
proportions lie in the half-plane, whatever they are and however they differ from those of other nights, the expected
value of e, given all earlier nights, is at most 1. It is exact for every number of rows.

Source: R. J. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for
optional stopping", arXiv:2106.02693 (2021), and R. J. Turner, P. Grünwald, "Exact anytime-valid confidence intervals
for contingency tables and beyond", Statistics & Probability Letters 198 (2023), Theorem 1 (convex hypotheses).

The evidence is averaged over alternatives at several distances from the bound. Their weights are a half-Cauchy density
whose scale is one standard error of a night (H. Jeffreys, "Theory of Probability", 1961, section 5.2): most weight is
on the distances that some weeks can show, and the long tail lets one night show a large one.

Arrays have the nights on their last axis; leading axes are histories or groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Number of alternatives, whose distances from the bound increase geometrically.
N_ALTERNATIVES = 10
#: The smallest distance in standard errors of the first night, and the largest as a share of what is possible.
_NEAREST, _FARTHEST = 0.35, 0.9
#: Proportions that are assumed before there are counts.
_FIRST_RATES = (0.05, 0.2, 0.5, 0.8, 0.95)
#: Pseudo-counts (Jeffreys) that keep the proportions of earlier nights away from 0 and 1.
_PSEUDO_COUNT = 0.5
_MAX_STEPS = 80
_TOLERANCE = 1e-12
#: Smallest distance of a proportion from 0 and 1.
_MARGIN = 1e-9


@dataclass(frozen=True)
class NightCounts:
    """Counts of two groups, night by night.

    :param positive_d: positive rows of the tested group, shape (..., nights)
    :param rows_d: all rows of the tested group
    :param positive_a: positive rows of the other group
    :param rows_a: all rows of the other group
    """

    positive_d: Array
    rows_d: Array
    positive_a: Array
    rows_a: Array

    @classmethod
    def from_lists(cls, positive_d: Any, rows_d: Any, positive_a: Any, rows_a: Any) -> NightCounts:
        """Convert lists or arrays to counts.

        :param positive_d: positive rows of the tested group
        :param rows_d: all rows of the tested group
        :param positive_a: positive rows of the other group
        :param rows_a: all rows of the other group
        """
        import numpy as np

        return cls(*(np.asarray(given, dtype=np.float64) for given in (positive_d, rows_d, positive_a, rows_a)))


@dataclass(frozen=True)
class HalfPlane:
    """The hypothesis ``slope_a * q_a + slope_d * q_d <= limit`` about two proportions.

    :param slope_a: the factor of ``q_a``; not 0
    :param slope_d: the factor of ``q_d``; not 0, with the opposite sign
    :param limit: the bound
    """

    slope_a: float
    slope_d: float
    limit: float

    @property
    def highest(self) -> float:
        """The largest value of the left side for proportions in [0, 1]."""
        return max(self.slope_a, 0.0) + max(self.slope_d, 0.0)

    @property
    def can_be_violated(self) -> bool:
        """Return whether proportions outside the half-plane exist."""
        return self.limit < self.highest - 1e-9


@dataclass(frozen=True)
class Evidence:
    """The evidence of each night against a hypothesis, for several alternatives.

    :param log_ratios: its logarithm, shape (..., nights, alternatives); 0 for nights without rows in one of the groups
    :param log_weights: the logarithms of the weights of the alternatives, whose sum is 1, shape (..., alternatives)
    """

    log_ratios: Array
    log_weights: Array


def compute_evidence(counts: NightCounts, hypothesis: HalfPlane) -> Evidence:
    """Compute the evidence of each night against a hypothesis.

    :param counts: the counts of all nights, in order of time
    :param hypothesis: the hypothesis
    """
    import numpy as np

    if not hypothesis.can_be_violated:
        log_ratios = np.zeros((*counts.rows_d.shape, N_ALTERNATIVES))
        return Evidence(log_ratios, np.full((*counts.rows_d.shape[:-1], N_ALTERNATIVES), -np.log(N_ALTERNATIVES)))
    usable = (counts.rows_d > 0) & (counts.rows_a > 0)
    rows_d, rows_a = (np.where(usable, rows, 1.0)[..., None] for rows in (counts.rows_d, counts.rows_a))
    positive_d, positive_a = (
        np.where(usable, positive, 0.5)[..., None] for positive in (counts.positive_d, counts.positive_a)
    )
    distances, log_weights = _choose_distances(counts, usable, hypothesis)
    limits = hypothesis.limit + distances[..., None, :]
    earlier = _sum_earlier(counts, usable)
    log_ratios = np.empty((*usable.shape, N_ALTERNATIVES))
    night = (positive_d, rows_d, positive_a, rows_a)
    log_ratios[..., 1:, :] = _compare(
        tuple(part[..., 1:, :] for part in night), tuple(part[..., 1:, :] for part in earlier), hypothesis, limits
    )
    log_ratios[..., :1, :] = _compare_first(tuple(part[..., :1, :] for part in night), hypothesis, limits)
    return Evidence(np.where(usable[..., None], log_ratios, 0.0), log_weights)


def _choose_distances(counts: NightCounts, usable: Any, hypothesis: HalfPlane) -> tuple[Array, Array]:
    """Choose the distances of the alternatives from the bound, by the numbers of rows of the first usable night.

    :return: the distances, and the logarithms of their weights; shape (..., alternatives)
    """
    import numpy as np

    first = np.argmax(usable, axis=-1)[..., None]
    rows_a, rows_d = (np.maximum(np.take_along_axis(rows, first, -1), 1.0) for rows in (counts.rows_a, counts.rows_d))
    error = np.sqrt(0.25 * (hypothesis.slope_a**2 / rows_a + hypothesis.slope_d**2 / rows_d))
    farthest = _FARTHEST * (hypothesis.highest - hypothesis.limit)
    nearest = np.minimum(_NEAREST * error, farthest / 4)
    exponents = np.arange(N_ALTERNATIVES) / (N_ALTERNATIVES - 1)
    distances: Array = nearest * (farthest / nearest) ** exponents
    # The density at distances that increase geometrically is that of the logarithm of the distance.
    weights = (distances / error) / (1.0 + (distances / error) ** 2)
    return distances, np.log(weights / weights.sum(axis=-1, keepdims=True))


def _sum_earlier(counts: NightCounts, usable: Any) -> tuple[Array, ...]:
    """Sum the counts of all earlier nights, with pseudo-counts."""
    import numpy as np

    def sum_before(values: Array) -> Array:
        kept = np.where(usable, values, 0.0)
        summed: Array = (np.cumsum(kept, axis=-1) - kept)[..., None]
        return summed

    return (
        sum_before(counts.positive_d) + _PSEUDO_COUNT,
        sum_before(counts.rows_d) + 2 * _PSEUDO_COUNT,
        sum_before(counts.positive_a) + _PSEUDO_COUNT,
        sum_before(counts.rows_a) + 2 * _PSEUDO_COUNT,
    )


def _compare(night: tuple[Array, ...], earlier: tuple[Array, ...], hypothesis: HalfPlane, limits: Array) -> Array:
    """Compare each night with the alternatives that fit the earlier nights best."""
    positive_d, rows_d, positive_a, rows_a = night
    before_d, before_rows_d, before_a, before_rows_a = earlier
    alternative = _project(
        before_a / before_rows_a, before_d / before_rows_d, before_rows_a, before_rows_d, hypothesis, limits
    )
    null = _project(*alternative, rows_a, rows_d, hypothesis, hypothesis.limit)
    return _compute_log_ratio(positive_a, rows_a, alternative[0], null[0]) + _compute_log_ratio(
        positive_d, rows_d, alternative[1], null[1]
    )


def _compare_first(night: tuple[Array, ...], hypothesis: HalfPlane, limits: Array) -> Array:
    """Compare the first night with alternatives of several rates, whose evidence is averaged."""
    import numpy as np

    _, rows_d, _, rows_a = night
    found = [
        _compare(night, (rate * rows_d, rows_d, rate * rows_a, rows_a), hypothesis, limits) for rate in _FIRST_RATES
    ]
    averaged: Array = np.logaddexp.reduce(found, axis=0) - np.log(len(_FIRST_RATES))
    return averaged


def _compute_log_ratio(positive: Array, rows: Array, alternative: Array, null: Array) -> Array:
    import numpy as np

    ratio: Array = positive * np.log(alternative / null) + (rows - positive) * np.log1p(
        (null - alternative) / (1.0 - null)
    )
    return ratio


def _project(
    rate_a: Any, rate_d: Any, rows_a: Any, rows_d: Any, hypothesis: HalfPlane, limit: Any
) -> tuple[Array, Array]:
    """Find the point of the line ``slope_a * q_a + slope_d * q_d = limit`` nearest to two proportions.

    It minimizes ``rows_a * KL(rate_a | q_a) + rows_d * KL(rate_d | q_d)``, which is convex on the line. This is also
    the maximum likelihood estimate under the constraint. Its derivative, multiplied by the variances of both
    proportions, is a cubic polynomial with one root between the ends of the line (O. Miettinen, M. Nurminen,
    "Comparative analysis of two rates", Statistics in Medicine 4 (1985)), which Newton's method finds within a bracket.

    :param rate_a: the proportion of group a
    :param rate_d: the proportion of group d
    :param rows_a: the weight of group a
    :param rows_d: the weight of group d
    :param hypothesis: the slopes of the line
    :param limit: the limit of the line
    :return: ``q_a`` and ``q_d``
    """
    import numpy as np

    slope = -hypothesis.slope_a / hypothesis.slope_d
    offset = limit / hypothesis.slope_d
    # The slopes have opposite signs, so q_d increases with q_a.
    low = np.maximum(0.0, -offset / slope)
    high = np.minimum(1.0, (1.0 - offset) / slope)
    shape = np.broadcast_shapes(*(np.shape(each) for each in (rate_a, rate_d, rows_a, rows_d, limit)))
    margin = _MARGIN * (high - low)
    low, high = np.broadcast_to(low + margin, shape).copy(), np.broadcast_to(high - margin, shape).copy()
    # Begin where the weighted squared distance is smallest.
    weight_a, weight_d = rows_a, rows_d * slope**2
    q_a = np.clip((weight_a * rate_a + weight_d * (rate_d - offset) / slope) / (weight_a + weight_d), low, high)
    factor_a = rows_a / (rows_a + slope * rows_d)
    factor_d = 1.0 - factor_a
    for _ in range(_MAX_STEPS):
        q_d = offset + slope * q_a
        variance_a, variance_d = q_a * (1 - q_a), q_d * (1 - q_d)
        from_a, from_d = q_a - rate_a, q_d - rate_d
        value = factor_a * from_a * variance_d + factor_d * from_d * variance_a
        derivative = factor_a * (variance_d + slope * from_a * (1 - 2 * q_d))
        derivative += factor_d * (slope * variance_a + from_d * (1 - 2 * q_a))
        is_above = value > 0
        np.copyto(high, q_a, where=is_above)
        np.copyto(low, q_a, where=~is_above)
        step = q_a - value / np.where(derivative == 0, np.inf, derivative)
        np.copyto(step, (low + high) / 2, where=~((step >= low) & (step <= high)))
        moved = float(np.max(np.abs(step - q_a), initial=0.0))
        q_a = step
        if moved < _TOLERANCE:
            break
    return q_a, offset + slope * q_a
