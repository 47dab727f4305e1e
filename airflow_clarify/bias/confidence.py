"""Confidence intervals of proportions, of their differences and of their ratios, and p-values from them.

For each interval there is the standard score at which it touches a bound: the largest *z* for which the interval still
excludes it. The two-sided p-value of the bound is the probability beyond that score, so that p < 1 - confidence exactly
where the interval at ``confidence`` excludes the bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

#: Scores beyond this have a two-sided p-value below 1e-300.
_MAX_SCORE = 37.0


class Proportion(NamedTuple):
    """An observed proportion.

    :param share: the proportion, in [0, 1]
    :param rows: its denominator: a number of rows, or for weighted rows the effective number of rows
    """

    share: float
    rows: float


def compute_score(confidence: float) -> float:
    """Compute the standard score of a two-sided confidence level, such as 1.96 of 0.95.

    :param confidence: the confidence level, in (0, 1)
    :return: the score
    """
    from statistics import NormalDist

    # Use the lower tail: (1 + confidence) / 2 would round to 1 for confidence levels close to 1.
    return -NormalDist().inv_cdf((1 - confidence) / 2)


def compute_p_value(score: float) -> float:
    """Compute the two-sided p-value of a standard score.

    :param score: how far the estimate lies on the rejecting side of a bound; 0 or less if it does not
    :return: the p-value, in [0, 1]
    """
    return math.erfc(score / math.sqrt(2)) if score > 0 else 1.0


def compute_wilson_interval(share: float, rows: float, confidence: float) -> tuple[float, float]:
    """Compute the Wilson score interval of a proportion.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    :param share: the observed proportion, in [0, 1]
    :param rows: the sample size; for weighted rows the effective sample size. The interval is [0, 1] if it is 0
    :param confidence: the confidence level, such as 0.95
    :return: lower and upper bound, in [0, 1]
    """
    return _compute_wilson(Proportion(share, rows), compute_score(confidence))


def _compute_wilson(proportion: Proportion, z: float) -> tuple[float, float]:
    share, rows = proportion
    if not rows:
        return 0.0, 1.0
    centre = share + z * z / (2 * rows)
    spread = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    scale = 1 + z * z / rows
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def compute_newcombe_interval(
    share_a: float, rows_a: float, share_d: float, rows_d: float, confidence: float
) -> tuple[float, float]:
    """Compute Newcombe's interval of the difference ``share_a - share_d`` of two independent proportions.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17 (1998), method 10: the score interval without continuity correction.

    :param share_a: the proportion in facet a, in [0, 1]
    :param rows_a: the (effective) sample size of facet a
    :param share_d: the proportion in facet d, in [0, 1]
    :param rows_d: the (effective) sample size of facet d
    :param confidence: the confidence level, such as 0.95
    :return: lower and upper bound, in [-1, 1]
    """
    a, d, z = Proportion(share_a, rows_a), Proportion(share_d, rows_d), compute_score(confidence)
    return max(-1.0, _compute_newcombe_low(a, d, z)), min(1.0, -_compute_newcombe_low(d, a, z))


def _compute_newcombe_low(a: Proportion, d: Proportion, z: float) -> float:
    low_a, high_d = _compute_wilson(a, z)[0], _compute_wilson(d, z)[1]
    return a.share - d.share - math.hypot(a.share - low_a, high_d - d.share)


def compute_newcombe_score(a: Proportion, d: Proportion, bound: float) -> float:
    """Compute the standard score at which Newcombe's interval of ``a - d`` touches a bound.

    :param a: the first proportion
    :param d: the second proportion
    :param bound: the bound of the difference
    :return: the score; positive if the difference lies above the bound, negative if below, infinite if no interval
        reaches the bound
    """
    difference = a.share - d.share
    if difference == bound:
        return 0.0
    if difference < bound:
        return -compute_newcombe_score(d, a, -bound)
    variance = sum(max(share * (1 - share), 1 / (rows + 1)) / max(rows, 1.0) for share, rows in (a, d))
    start = min(max(1.2 * (difference - bound) / math.sqrt(variance), 1e-3), _MAX_SCORE)
    return _find_root(lambda z: _compute_newcombe_low(a, d, z) - bound, start=start)


def compute_koopman_interval(d: Proportion, a: Proportion, confidence: float) -> tuple[float, float]:
    """Compute Koopman's score interval of the ratio ``d / a`` of two independent proportions.

    P. A. R. Koopman, "Confidence intervals for the ratio of two binomial proportions", Biometrics 40 (1984). Unlike the
    logarithmic interval (Katz et al., Biometrics 34, 1978) it is defined where a count is 0, and keeps its level in
    small groups.

    :param d: the proportion in the numerator
    :param a: the proportion in the denominator
    :param confidence: the confidence level, such as 0.95
    :return: lower and upper bound, in [0, inf]; 0 to inf if neither proportion is positive
    """
    z = compute_score(confidence)
    low = _find_ratio(d, a, z) if d.share > 0 else 0.0
    high = _find_ratio(d, a, -z) if a.share > 0 else math.inf
    return low, high


def compute_koopman_score(d: Proportion, a: Proportion, bound: float) -> float:
    """Compute the standard score at which Koopman's interval of ``d / a`` touches a bound.

    It is the score statistic of the hypothesis that the ratio is the bound. The variance is that of the proportions
    which are most likely under the hypothesis; their closed form is that of O. S. Miettinen and M. Nurminen,
    "Comparative analysis of two rates", Statistics in Medicine 4 (1985).

    :param d: the proportion in the numerator
    :param a: the proportion in the denominator
    :param bound: the bound of the ratio, above 0
    :return: the score; positive if the ratio lies above the bound, negative if below
    """
    if not d.rows or not a.rows:
        return 0.0
    positive_d, positive_a = d.share * d.rows, a.share * a.rows
    positive = positive_d + positive_a
    if not positive:
        return 0.0
    linear = bound * (d.rows + positive_a) + a.rows + positive_d
    root = math.sqrt(max(0.0, linear * linear - 4 * bound * (d.rows + a.rows) * positive))
    # The smaller root of the quadratic equation, in the form that does not cancel.
    expected_a = 2 * positive / (linear + root)
    expected_d = min(1.0, bound * expected_a)
    variance = expected_d * (1 - expected_d) / d.rows + bound * bound * expected_a * (1 - expected_a) / a.rows
    difference = d.share - bound * a.share
    if variance <= 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(variance)


def _find_ratio(d: Proportion, a: Proportion, z: float) -> float:
    """Find the ratio whose score is ``z``: below the estimate for a positive ``z``, above it for a negative one."""
    start = d.share / a.share if d.share and a.share else (1 / a.rows if a.share else d.rows)
    step = -1.0 if z > 0 else 1.0
    # Without a positive row in one group the estimate is 0 or infinite, and the start may lie beyond the root.
    while (compute_koopman_score(d, a, start) - z) * step < 0:
        start *= math.exp(-step)
    centre = math.log(start)

    def compute_excess(distance: float) -> float:
        return (compute_koopman_score(d, a, math.exp(centre + step * distance)) - z) * step

    return math.exp(centre + step * _find_root(compute_excess, limit=600.0))


def _find_root(function: Callable[[float], float], limit: float = _MAX_SCORE, start: float = 2.0) -> float:
    """Find the root of a decreasing function that is not negative at 0.

    C. J. F. Ridders, "A new algorithm for computing a single root of a real continuous function", IEEE Transactions on
    Circuits and Systems 26 (1979).

    :param function: the function
    :param limit: the largest root that is searched for
    :param start: a value that is expected to be a little above the root
    :return: the root, to 10 digits; infinity if there is none up to the limit
    """
    low, at_low = 0.0, function(0.0)
    if at_low <= 0:
        return 0.0
    high = min(start, limit)
    while (at_high := function(high)) > 0:
        if high >= limit:
            return math.inf
        low, at_low, high = high, at_high, min(2 * high, limit)
    root = high
    for _ in range(60):
        middle = (low + high) / 2
        at_middle = function(middle)
        previous = root
        # With at_low > 0 >= at_high the radicand is positive, unless the middle is the root.
        root = middle + (middle - low) * at_middle / math.sqrt(at_middle * at_middle - at_low * at_high or 1.0)
        at_root = function(root)
        if abs(root - previous) <= 1e-10 * max(1.0, root) or at_root == 0:
            return root
        # Of the three points, keep the pair around the root that is closest.
        points = sorted([(low, at_low), (middle, at_middle), (root, at_root), (high, at_high)])
        for (left, at_left), (right, at_right) in pairwise(points):
            if at_left > 0 >= at_right:
                low, at_low, high, at_high = left, at_left, right, at_right
    return root
