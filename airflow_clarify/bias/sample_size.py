"""Sample sizes: how many more rows would turn an inconclusive check into a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable

POWER = 0.8
#: Beyond this multiple of the rows, no number is given.
_MAX_FACTOR = 1e6
#: The relative precision of the factor.
_PRECISION = 1e-3


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
    # How far the value lies from each bound, in scores; beyond a bound, only that one has to be left behind.
    margins = [_measure_margin(score) for score in (score_low, score_high) if score is not None]
    if score_low is not None and score_low(1.0) < 0:
        margins = margins[:1]
    elif score_high is not None and score_high(1.0) > 0:
        margins = margins[-1:]
    margins.sort(key=lambda margin: margin(1.0))
    nearest = margins[0]
    if nearest(1.0) * math.sqrt(_MAX_FACTOR) < z + normal.inv_cdf(power):
        return None
    if len(margins) == 1 or margins[1](1.0) > 2 * nearest(1.0):
        return _find_factor(nearest, z + normal.inv_cdf(power))
    # Between two bounds that are about as near, the interval has to stay clear of both.
    low, high = (_find_factor(nearest, z + normal.inv_cdf(each)) for each in (power, (1 + power) / 2))
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        clear = math.fsum(normal.cdf(margin(middle) - z) for margin in margins) - 1
        low, high = (low, middle) if clear >= power else (middle, high)
    return high


def _measure_margin(score: Callable[[float], float]) -> Callable[[float], float]:
    return lambda factor: abs(score(factor))


def _find_factor(margin: Callable[[float], float], wanted: float) -> float:
    """Find the factor at which a margin, which grows about as its square root, has a size."""
    factor = 1.0
    for _ in range(50):
        previous, factor = factor, factor * (wanted / margin(factor)) ** 2
        if abs(factor - previous) <= _PRECISION * factor:
            break
    return factor
