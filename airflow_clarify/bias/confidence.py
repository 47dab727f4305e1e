"""Confidence intervals for proportions, from counts."""

from __future__ import annotations

import math


def compute_wilson_interval(share: float, rows: float, confidence: float) -> tuple[float, float]:
    """The score interval of one proportion (E. B. Wilson, JASA 22, 1927).

    :param share: the observed proportion, in [0, 1]
    :param rows: the number of rows it was observed in; an effective number where rows are weighted;
        without any, nothing is known
    :param confidence: such as 0.95
    """
    from statistics import NormalDist

    if not rows:
        return 0.0, 1.0
    # The lower tail, which is exact where 1 - confidence is; (1 + confidence) / 2 rounds to 1 for the largest ones.
    z = -NormalDist().inv_cdf((1 - confidence) / 2)
    centre = share + z * z / (2 * rows)
    spread = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    scale = 1 + z * z / rows
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def compute_newcombe_interval(
    share_a: float, rows_a: float, share_d: float, rows_d: float, confidence: float
) -> tuple[float, float]:
    """The interval of the difference ``share_a - share_d`` of two independent proportions.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17 (1998), method 10: the score interval without continuity correction.
    """
    low_a, high_a = compute_wilson_interval(share_a, rows_a, confidence)
    low_d, high_d = compute_wilson_interval(share_d, rows_d, confidence)
    difference = share_a - share_d
    low = difference - math.hypot(share_a - low_a, high_d - share_d)
    high = difference + math.hypot(high_a - share_a, share_d - low_d)
    return max(-1.0, low), min(1.0, high)
