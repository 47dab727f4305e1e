"""Tests and intervals for many differences of two proportions at once, in NumPy arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The number of terms of a tail that are added up; a bound covers the others.
_TERMS = 32
#: Factorials up to this number are tabulated, Stirling's series is used beyond it.
_TABLE = 256
_LOG_FACTORIALS: Floats = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, _TABLE)))])


def compute_lower_tails(successes: Floats, trials: Floats, all_successes: Floats, all_trials: Floats) -> Floats:
    """Compute one-sided p-values of Fisher's exact test: that a group has so few successes, or fewer.

    Given the margins, the number of successes in the group has a hypergeometric distribution if the group does not
    differ from the rest (R. A. Fisher, "The Design of Experiments", 1935). The p-value therefore holds for any number
    of rows, also for rare outcomes. The first terms of the tail are added up. As the distribution is log-concave, the
    ratio of consecutive terms decreases, and a geometric series bounds the sum of the others from above: the result is
    never below the exact p-value, and above it by less than 20 % where it is below 0.05.

    :param successes: successes in each group
    :param trials: trials in each group
    :param all_successes: successes in the group and the rest together
    :param all_trials: trials in the group and the rest together
    :return: the p-values, at most 1
    """
    failures, others = trials - successes, all_successes - successes
    rest_failures = all_trials - all_successes - failures
    log_first = (
        _log_factorial(all_successes)
        + _log_factorial(all_trials - all_successes)
        + _log_factorial(trials)
        + _log_factorial(all_trials - trials)
        - _log_factorial(all_trials)
        - _log_factorial(successes)
        - _log_factorial(others)
        - _log_factorial(failures)
        - _log_factorial(rest_failures)
    )
    total, term, ratio = np.zeros_like(log_first), np.ones_like(log_first), np.zeros_like(log_first)
    for step in range(_TERMS):
        total += term
        ratio = (successes - step) * (rest_failures - step) / ((others + step + 1) * (failures + step + 1))
        # The tail ends where no success is left, or no failure in the rest.
        ratio = np.maximum(np.where((successes > step) & (rest_failures > step), ratio, 0.0), 0.0)
        term = term * ratio
    bounded = np.where(ratio < 1, term / np.maximum(1 - ratio, 1e-300), np.inf)
    with np.errstate(over="ignore"):
        return np.minimum(1.0, np.exp(np.minimum(log_first, 0.0)) * (total + bounded))


def compute_score_tails(share: Floats, size: Floats, rest_share: Floats, rest_size: Floats) -> Floats:
    """Compute one-sided p-values of the score test that a group's proportion is so far below that of the rest.

    The test with the pooled variance (Pearson's chi-squared test). Used for weighted rows, with effective sample sizes,
    for which Fisher's test does not exist; it holds approximately.

    :param share: the proportion of each group
    :param size: its (effective) sample size
    :param rest_share: the proportion of the rest
    :param rest_size: its (effective) sample size
    :return: the p-values
    """
    pooled = (share * size + rest_share * rest_size) / (size + rest_size)
    spread = np.sqrt(np.maximum(pooled * (1 - pooled), 0.0) * (1 / size + 1 / rest_size))
    scores = np.where(spread > 0, (rest_share - share) / np.where(spread > 0, spread, 1.0), 0.0)
    return np.array([0.5 * math.erfc(score / math.sqrt(2)) for score in scores.tolist()], dtype=np.float64)


def _log_factorial(numbers: Floats) -> Floats:
    """Compute the logarithms of factorials, by Stirling's series above a table."""
    large = np.maximum(numbers, _TABLE - 1.0)
    inverse = 1 / large
    series = large * np.log(large) - large + 0.5 * np.log(2 * math.pi * large)
    series += inverse / 12 - inverse**3 / 360 + inverse**5 / 1260
    small = _LOG_FACTORIALS[np.minimum(numbers, _TABLE - 1).astype(np.int64)]
    result: Floats = np.where(numbers < _TABLE, small, series)
    return result
