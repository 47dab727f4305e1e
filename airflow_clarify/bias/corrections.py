"""Corrections for many comparisons: p-values adjusted for the number of questions that a gate asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Correction = Literal["holm", "bonferroni", "by"]
CORRECTIONS: tuple[Correction, ...] = ("holm", "bonferroni", "by")
#: How a correction is called in sentences.
CORRECTION_NAMES = {"holm": "Holm", "bonferroni": "Bonferroni", "by": "Benjamini-Yekutieli"}


def adjust_p_values(p_values: Sequence[float], correction: Correction) -> list[float]:
    """Adjust p-values for their number.

    An adjusted p-value below alpha rejects. "bonferroni" and "holm" (S. Holm, "A simple sequentially rejective multiple
    test procedure", Scandinavian Journal of Statistics 6, 1979) keep the probability of any false rejection at or below
    alpha, "by" (Y. Benjamini and D. Yekutieli, "The control of the false discovery rate in multiple testing under
    dependency", Annals of Statistics 29, 2001) the expected share of false ones among the rejections. All three hold
    whatever the dependence, and groups that are compared with the rest do depend on each other: they share rows.

    :param p_values: one for each question
    :param correction: "holm", "bonferroni" or "by"
    :return: the adjusted p-values, in the same order, at most 1
    """
    count = len(p_values)
    if correction == "bonferroni":
        return [min(1.0, count * p) for p in p_values]
    adjusted = [1.0] * count
    order = sorted(range(count), key=p_values.__getitem__)
    if correction == "holm":
        largest = 0.0
        for rank, position in enumerate(order):
            largest = max(largest, min(1.0, (count - rank) * p_values[position]))
            adjusted[position] = largest
        return adjusted
    harmonic = sum(1 / rank for rank in range(1, count + 1))
    smallest = 1.0
    for rank in range(count, 0, -1):
        position = order[rank - 1]
        smallest = min(smallest, count * harmonic / rank * p_values[position])
        adjusted[position] = smallest
    return adjusted
