"""Sample sizes: how many more rows would turn an inconclusive check into a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable

POWER = 0.8
#: Beyond this multiple of the rows, no number is given.
_MAX_FACTOR = 1e6


def find_row_factor(
    score_low: Callable[[float], float] | None,
    score_high: Callable[[float], float] | None,
    z: float,
    power: float = POWER,
) -> float | None:
    """Find by which factor the rows have to grow for a verdict with a given probability.

    The observed proportions, and the ratio of both groups, are taken as the true ones. The score at a bound grows with
    the square root of the rows, and is normally distributed with variance 1 around its expected value: the usual
    sample-size formula, here with the score of the very interval that is judged (C. P. Farrington and G. Manning, "Test
    statistics and sample size formulae for comparative binomial trials with null hypothesis of non-zero risk difference
    or non-unity relative risk", Statistics in Medicine 9, 1990). Inside both bounds, the interval has to stay clear of
    either (two one-sided tests).

    :param score_low: the score at the lower bound as a function of the factor; None without a lower bound
    :param score_high: the same at the upper bound
    :param z: the score of the confidence level
    :param power: the probability of a verdict
    :return: the factor, above 1; None if the value lies on a bound, or almost
    """
    from statistics import NormalDist

    normal = NormalDist()

    def compute_power(factor: float) -> float:
        # How far the value is above the lower bound, and below the upper bound, in scores.
        above = math.inf if score_low is None else score_low(factor)
        below = math.inf if score_high is None else -score_high(factor)
        if above < 0 or below < 0:
            return normal.cdf(-min(above, below) - z)
        return sum(1.0 if math.isinf(margin) else normal.cdf(margin - z) for margin in (above, below)) - 1

    if compute_power(_MAX_FACTOR) < power:
        return None
    low, high = 1.0, 2.0
    while compute_power(high) < power:
        low, high = high, 2 * high
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if compute_power(middle) >= power else (middle, high)
    return high
