"""The direction of each metric: which of two groups is worse off, and how it is worse off."""

from __future__ import annotations

#: Per metric: the sign of (value - parity) at which the tested group is worse off, and how it is, in words.
_DIRECTIONS: dict[str, tuple[int, str]] = {
    "AD": (1, "less accurate predictions"),
    "CDDL": (1, "rejected more often than comparable rows"),
    "CDDPL": (1, "predicted to be rejected more often than comparable rows"),
    "CI": (1, "fewer rows"),
    "DAR": (1, "positive predictions that are less often right"),
    "DCA": (-1, "fewer positive predictions than its labels call for"),
    "DCR": (-1, "more negative predictions than its labels call for"),
    "DI": (-1, "fewer positive predictions"),
    "DIL": (-1, "fewer positive labels"),
    "DPL": (1, "fewer positive labels"),
    "DPPL": (1, "fewer positive predictions"),
    "DRR": (-1, "negative predictions that are less often right"),
    "FT": (-1, "rejected where similar rows are accepted"),
    "RD": (1, "lower recall"),
    "SD": (-1, "lower specificity"),
    "TE": (1, "more false negatives per false positive"),
}


def is_tested_group_worse_off(metric: str, difference: float) -> bool | None:
    """Return whether the tested group is worse off than the rest.

    :param metric: the short name of the metric
    :param difference: the value of the metric, less its value at parity
    :return: None if the metric has no direction, or both are equal
    """
    direction = _DIRECTIONS.get(metric)
    if direction is None or not difference:
        return None
    return direction[0] * difference > 0


def describe_disadvantage(metric: str) -> str:
    """Return in which way a group is worse off, as a noun phrase.

    :param metric: the short name of a metric with a direction
    """
    return _DIRECTIONS[metric][1]
