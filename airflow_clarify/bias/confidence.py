"""Confidence intervals for proportions, from counts."""

from __future__ import annotations

import math


def compute_wilson_interval(share: float, rows: float, confidence: float) -> tuple[float, float]:
    """Compute the Wilson score interval of a proportion.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    :param share: the observed proportion, in [0, 1]
    :param rows: the sample size; for weighted rows the effective sample size. The interval is [0, 1] if it is 0
    :param confidence: the confidence level, such as 0.95
    :return: lower and upper bound, in [0, 1]
    """
    from statistics import NormalDist

    if not rows:
        return 0.0, 1.0
    # Use the lower tail: (1 + confidence) / 2 would round to 1 for confidence levels close to 1.
    z = -NormalDist().inv_cdf((1 - confidence) / 2)
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
    low_a, high_a = compute_wilson_interval(share_a, rows_a, confidence)
    low_d, high_d = compute_wilson_interval(share_d, rows_d, confidence)
    difference = share_a - share_d
    low = difference - math.hypot(share_a - low_a, high_d - share_d)
    high = difference + math.hypot(high_a - share_a, share_d - low_d)
    return max(-1.0, low), min(1.0, high)
