"""Counts of made-up rows for the search for subgroups, and a plain reference implementation over rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from airflow_clarify.bias.subgroups.combinations import CombinationCounts, SearchColumn
from airflow_clarify.bias.subgroups.rates import CONFUSION_OUTCOMES, LABEL_OUTCOMES

Codes = list[np.ndarray]


def draw_codes(n: int, sizes: Sequence[int], seed: int) -> Codes:
    """Draw a code from 1 for each row and column."""
    random = np.random.default_rng(seed)
    return [random.integers(1, size + 1, n) for size in sizes]


def count_rows(
    codes: Codes,
    labels: np.ndarray,
    predictions: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    sizes: Sequence[int] | None = None,
) -> CombinationCounts:
    """Count rows, each as a combination of its own. The values of column "a" are "a1", "a2" and so on."""
    n = len(labels)
    outcomes = LABEL_OUTCOMES if predictions is None else CONFUSION_OUTCOMES
    at = labels.astype(int) if predictions is None else 2 * labels.astype(int) + predictions.astype(int)
    sums = np.zeros((1 if weights is None else 3, n, len(outcomes)))
    sums[0, np.arange(n), at] = 1
    if weights is not None:
        sums[1, np.arange(n), at], sums[2, np.arange(n), at] = weights, weights**2
    sizes = sizes or [int(column.max()) for column in codes]
    columns = [
        SearchColumn(name, tuple(f"{name}{code}" for code in range(1, size + 1)))
        for name, size in zip("abcdefgh", sizes, strict=False)
    ]
    return CombinationCounts.from_joint(columns, outcomes, codes, sums)


def search_rows(
    codes: Codes, min_rows: int, max_depth: int, rate: Callable[[np.ndarray], float | None], sign: int = 1
) -> dict[tuple[tuple[str, str], ...], tuple[int, float | None, float]]:
    """Compute rows, value and excess of every combination, row by row.

    :param rate: the rate of the rows of a mask; None if it is undefined
    """
    n = len(codes[0])
    found: dict[tuple[tuple[str, str], ...], tuple[int, float | None, float]] = {}

    def select(items: Sequence[tuple[int, int]]) -> np.ndarray:
        mask = np.ones(n, dtype=bool)
        for column, code in items:
            mask &= codes[column] == code
        return mask

    def compare(own: np.ndarray, rest: np.ndarray) -> float | None:
        one, other = rate(own), rate(rest)
        return None if one is None or other is None else sign * (other - one)

    for depth in range(1, max_depth + 1):
        for columns in itertools.combinations(range(len(codes)), depth):
            for values in itertools.product(*(sorted(set(codes[column]) - {0}) for column in columns)):
                items = list(zip(columns, values, strict=True))
                own = select(items)
                if own.sum() < min_rows:
                    continue
                parents = [select([item for item in items if item is not left_out]) for left_out in items]
                differences = [compare(own, parent & ~own) for parent in parents]
                known = [one for one in differences if one is not None]
                same_sign = len(known) == len(differences) and len({one > 0 for one in known}) == 1
                excess = min(known, key=abs) if same_sign and 0 not in known else 0.0
                name = tuple(("abcdefgh"[column], f"{'abcdefgh'[column]}{code}") for column, code in items)
                found[name] = (int(own.sum()), compare(own, ~own), excess)
    return found
