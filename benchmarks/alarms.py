"""False alarms and delays of rules over many nights, on simulated histories: ``make bench ARGS=alarms``.

Each night has 200 + 800 rows and a true DPL; the bound is 0.1. The table shows for each rule the share of histories
with a violation within 90 and 365 nights (false, if the true DPL is within the bound), and the median night of the
first one, counted from the change if there is one. ``--picture FILE`` draws the shares.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from airflow_clarify.bias.alarms.change import DEFAULT_RUN_LENGTH, compute_detector
from airflow_clarify.bias.alarms.evidence import NightCounts
from airflow_clarify.bias.alarms.over_runs import SHARE_OF_FIRST
from airflow_clarify.bias.alarms.sequence import compute_sequence

ROWS_D, ROWS_A, BOUND, BASE_RATE = 200, 800, 0.1, 0.5
TRUE_VALUES = (0.0, 0.08, 0.10, 0.13, 0.15, 0.20)
#: From 0 to this value on night 30.
CHANGES = (0.15, 0.20)
CHANGE_NIGHT = 29
HORIZONS = (90, 365)
CHUNK = 200


def simulate(difference: float, change: float | None, nights: int, histories: int, draw: Any) -> NightCounts:
    differences = np.full(nights, float(difference))
    if change is not None:
        differences[CHANGE_NIGHT:] = change
    shape = (histories, nights)
    positive_d, positive_a = (
        draw.binomial(ROWS_D, BASE_RATE - differences, shape),
        draw.binomial(ROWS_A, BASE_RATE, shape),
    )
    return NightCounts.from_lists(positive_d, np.full(shape, ROWS_D), positive_a, np.full(shape, ROWS_A))


def compute_newcombe_bounds(counts: NightCounts, confidence: float) -> tuple[Any, Any]:
    """Compute Newcombe's interval of every night, as airflow_clarify.bias.confidence does for one."""
    z = -NormalDist().inv_cdf((1 - confidence) / 2)

    def wilson(share: Any, rows: Any) -> tuple[Any, Any]:
        centre = share + z * z / (2 * rows)
        spread = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
        return (centre - spread) / (1 + z * z / rows), (centre + spread) / (1 + z * z / rows)

    share_d, share_a = counts.positive_d / counts.rows_d, counts.positive_a / counts.rows_a
    (low_d, high_d), (low_a, high_a) = wilson(share_d, counts.rows_d), wilson(share_a, counts.rows_a)
    difference = share_a - share_d
    return (
        difference - np.hypot(share_a - low_a, high_d - share_d),
        difference + np.hypot(high_a - share_a, share_d - low_d),
    )


def judge_nightly(counts: NightCounts) -> Any:
    low, high = compute_newcombe_bounds(counts, 0.95)
    return (low > BOUND) | (high < -BOUND)


def judge_by_bonferroni(counts: NightCounts) -> Any:
    low, high = compute_newcombe_bounds(counts, 1 - 0.05 / counts.rows_d.shape[-1])
    return (low > BOUND) | (high < -BOUND)


def judge_as_model_monitor(counts: NightCounts) -> Any:
    """Compare with the first night, the baseline."""
    difference = np.abs(counts.positive_a / counts.rows_a - counts.positive_d / counts.rows_d)
    return difference > difference[..., :1]


def judge_by_sequence(counts: NightCounts) -> Any:
    return compute_sequence(counts, "difference", -BOUND, BOUND).find_alarms(0.05 * SHARE_OF_FIRST)


def judge_by_change(counts: NightCounts) -> Any:
    threshold = math.log(2 * DEFAULT_RUN_LENGTH / SHARE_OF_FIRST)
    return compute_detector(counts, "difference", -BOUND, BOUND, threshold) >= threshold


RULES: dict[str, Callable[[NightCounts], Any]] = {
    "gate of each night, 95 %": judge_nightly,
    "Model Monitor's rule": judge_as_model_monitor,
    "Bonferroni over nights": judge_by_bonferroni,
    "confidence sequence": judge_by_sequence,
    "change detection": judge_by_change,
}


def find_first_alarms(rule: str, difference: float, change: float | None, nights: int, histories: int) -> Any:
    """Return the first night with an alarm in each history, counted from 1; infinity without one."""
    draw = np.random.default_rng([int(1000 * difference), int(1000 * (change or 0)), 7])
    first = []
    for start in range(0, histories, CHUNK):
        alarms = RULES[rule](simulate(difference, change, nights, min(CHUNK, histories - start), draw))
        first.append(np.where(alarms.any(axis=-1), alarms.argmax(axis=-1) + 1.0, np.inf))
    return np.concatenate(first)


def main(argv: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=4000)
    parser.add_argument("--nights", type=int, default=HORIZONS[-1])
    parser.add_argument("--picture", help="draw the shares of histories with a violation to this file")
    arguments = parser.parse_args(list(argv))
    cases: list[tuple[float, float | None]] = [(value, None) for value in TRUE_VALUES]
    cases += [(0.0, change) for change in CHANGES]
    shares: dict[str, list[float]] = {}
    for difference, change in cases:
        named = f"{difference:g}" if change is None else f"{difference:g}, from night 30 on {change:g}"
        print(f"\nTrue DPL {named}, bound {BOUND:g}: {arguments.histories} histories")
        horizons = [horizon for horizon in HORIZONS if horizon <= arguments.nights] or [arguments.nights]
        print("| Rule | " + " | ".join(f"alarm within {horizon} nights" for horizon in horizons) + " | median delay |")
        print("|---|" + "---|" * (len(horizons) + 1))
        for rule in RULES:
            first = find_first_alarms(rule, difference, change, arguments.nights, arguments.histories)
            # An alarm before the change is false, and no detection.
            begun = CHANGE_NIGHT if change is not None else 0
            delays = np.where(first > begun, first - begun, np.inf)
            median = float(np.median(delays))
            told = [f"{(first <= horizon).mean():.1%}" for horizon in horizons]
            early = f" ({(first <= begun).mean():.1%} before it)" if change is not None else ""
            print(
                f"| {rule} | {' | '.join(told)}{early} | {'none' if math.isinf(median) else f'{median:g}'} |",
                flush=True,
            )
            if change is None:
                shares.setdefault(rule, []).append(float((first <= arguments.nights).mean()))
    if arguments.picture:
        draw_picture(shares, arguments.nights, arguments.picture)


def draw_picture(shares: dict[str, list[float]], nights: int, target: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for rule, values in shares.items():
        axes.plot(TRUE_VALUES, values, marker="o", label=rule)
    axes.axvline(BOUND, color="grey", linewidth=0.8)
    axes.set_xlabel("true DPL on all nights (bound 0.1)")
    axes.set_ylabel(f"histories with a violation in {nights} nights")
    axes.legend()
    figure.tight_layout()
    figure.savefig(target)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
