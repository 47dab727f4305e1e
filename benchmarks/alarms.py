"""False alarms and delays of rules over many nights, on simulated histories: ``make bench ARGS=alarms``.

Each night has 200 + 800 rows and a true DPL; the bound is 0.1. All rules judge the same histories, drawn with fixed
seeds. The first table has the share of histories with a violation within 90 and 365 nights, which is false if the true
DPL is within the bound on all nights. The second has the median number of nights until the first violation, counted
from the night of the change if there is one. ``--picture FILE`` draws how the shares grow night by night.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from airflow_clarify.bias.alarms.change import DEFAULT_RUN_LENGTH, accumulate_since_change
from airflow_clarify.bias.alarms.evidence import Evidence, NightCounts, compute_evidence
from airflow_clarify.bias.alarms.over_runs import SHARE_OF_FIRST
from airflow_clarify.bias.alarms.sequence import (
    Sequence as ConfidenceSequence,
)
from airflow_clarify.bias.alarms.sequence import (
    build_lower_hypothesis,
    build_upper_hypothesis,
    multiply_evidence,
)

ROWS_D, ROWS_A, BOUND, BASE_RATE = 200, 800, 0.1, 0.5
#: Night of a change, counted from 1.
CHANGE_NIGHT = 30
HORIZONS = (90, 365)
#: Histories that are judged at once; few enough that the arrays stay in the processor's cache.
CHUNK = 20


@dataclass(frozen=True)
class Case:
    """Describe the true DPL of simulated histories.

    :param value: the true DPL
    :param change: the true DPL from night 30 on; None if it does not change
    """

    value: float
    change: float | None = None

    def __str__(self) -> str:
        return f"{self.value:g}" if self.change is None else f"{self.value:g}, then {self.change:g}"

    @property
    def first_bad_night(self) -> int:
        return 1 if self.change is None else CHANGE_NIGHT


WITHIN = (Case(0.0), Case(0.08), Case(0.10))
BEYOND = (Case(0.13), Case(0.15), Case(0.20), Case(0.0, 0.15), Case(0.0, 0.20))


@dataclass(frozen=True)
class Histories:
    """Simulated histories.

    :param counts: their counts, shape (histories, nights)
    :param evidence: the evidence of each night against the upper and the lower bound
    """

    counts: NightCounts
    evidence: tuple[Evidence, Evidence]

    @classmethod
    def build(cls, counts: NightCounts) -> Histories:
        hypotheses = build_upper_hypothesis("difference", BOUND), build_lower_hypothesis("difference", -BOUND)
        return cls(counts, (compute_evidence(counts, hypotheses[0]), compute_evidence(counts, hypotheses[1])))


def simulate(case: Case, nights: int, histories: int, draw: Any) -> NightCounts:
    differences = np.full(nights, case.value)
    if case.change is not None:
        differences[CHANGE_NIGHT - 1 :] = case.change
    shape = (histories, nights)
    positive_d = draw.binomial(ROWS_D, BASE_RATE - differences, shape)
    positive_a = draw.binomial(ROWS_A, BASE_RATE, shape)
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


def judge_each_night(histories: Histories, confidence: float = 0.95) -> Any:
    low, high = compute_newcombe_bounds(histories.counts, confidence)
    return (low > BOUND) | (high < -BOUND)


def judge_as_model_monitor(histories: Histories) -> Any:
    """Compare each night with the first, which is the baseline."""
    counts = histories.counts
    difference = np.abs(counts.positive_a / counts.rows_a - counts.positive_d / counts.rows_d)
    return difference > difference[..., :1]


def judge_by_bonferroni(histories: Histories) -> Any:
    return judge_each_night(histories, 1 - 0.05 / histories.counts.rows_d.shape[-1])


def judge_by_sequence(histories: Histories) -> Any:
    sequence = ConfidenceSequence(*(multiply_evidence(evidence) for evidence in histories.evidence))
    return sequence.find_alarms(0.05 * SHARE_OF_FIRST)


def judge_by_change(histories: Histories) -> Any:
    threshold = math.log(2 * DEFAULT_RUN_LENGTH / SHARE_OF_FIRST)
    detectors = [accumulate_since_change(evidence, threshold) for evidence in histories.evidence]
    return np.maximum(*detectors) >= threshold


RULES: dict[str, Callable[[Histories], Any]] = {
    "each night alone, 95 %": judge_each_night,
    "Model Monitor's rule": judge_as_model_monitor,
    "Bonferroni over the nights": judge_by_bonferroni,
    '`over_runs="confidence-sequence"`': judge_by_sequence,
    '`over_runs="change"`': judge_by_change,
}


@dataclass(frozen=True)
class FirstAlarms:
    """When a rule raises alarms.

    :param first: the night of the first alarm in each history, counted from 1; infinity without one
    :param since: the night of the first alarm at or after the change
    """

    first: Any
    since: Any

    def get_share(self, nights: int) -> float:
        return float((self.first <= nights).mean())


def find_first_alarms(case: Case, nights: int, n_histories: int) -> dict[str, FirstAlarms]:
    """Judge simulated histories by all rules."""
    draw = np.random.default_rng([int(1000 * case.value), int(1000 * (case.change or 0)), 7])
    found: dict[str, list[tuple[Any, Any]]] = {rule: [] for rule in RULES}
    for start in range(0, n_histories, CHUNK):
        histories = Histories.build(simulate(case, nights, min(CHUNK, n_histories - start), draw))
        for rule, judge in RULES.items():
            alarms = judge(histories)
            found[rule].append((find_first(alarms, 1), find_first(alarms, case.first_bad_night)))
    return {rule: FirstAlarms(*map(np.concatenate, zip(*parts, strict=True))) for rule, parts in found.items()}


def find_first(alarms: Any, start: int) -> Any:
    """Return the first night with an alarm from a night on, both counted from 1; infinity without one."""
    later = alarms[..., start - 1 :]
    return np.where(later.any(axis=-1), later.argmax(axis=-1) + float(start), np.inf)


def main(argv: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=4000)
    parser.add_argument("--picture", help="draw the shares of histories with a violation to this file (SVG)")
    arguments = parser.parse_args(list(argv))
    nights = HORIZONS[-1]
    found = {case: find_first_alarms(case, nights, arguments.histories) for case in (*WITHIN, *BEYOND)}
    print(f"{arguments.histories} histories, {ROWS_D} + {ROWS_A} rows a night, bound {BOUND:g}\n")
    print("\n".join([*format_false_alarms(found), "", *format_delays(found)]))
    if arguments.picture:
        draw_picture(found, arguments.picture)


def format_false_alarms(found: dict[Case, dict[str, FirstAlarms]]) -> list[str]:
    """Format the shares of histories with a false violation as a table."""
    columns = [(case, horizon) for case in WITHIN for horizon in HORIZONS]
    lines = ["| Rule | " + " | ".join(f"DPL {case}, {horizon} nights" for case, horizon in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for rule in RULES:
        shares = (f"{100 * found[case][rule].get_share(horizon):.1f} %" for case, horizon in columns)
        lines.append(f"| {rule} | {' | '.join(shares)} |")
    return lines


def format_delays(found: dict[Case, dict[str, FirstAlarms]]) -> list[str]:
    """Format the median numbers of nights until the first violation as a table."""
    lines = ["| Rule | " + " | ".join(f"DPL {case}" for case in BEYOND) + " |"]
    lines.append("|---" * (len(BEYOND) + 1) + "|")
    for rule in RULES:
        cells = []
        for case in BEYOND:
            delay = float(np.median(found[case][rule].since)) - case.first_bad_night + 1
            cells.append("> 365" if math.isinf(delay) else f"{delay:g}")
        lines.append(f"| {rule} | {' | '.join(cells)} |")
    return lines


def draw_picture(found: dict[Case, dict[str, FirstAlarms]], target: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    # The same numbers give the same file.
    mpl.rcParams.update({"svg.hashsalt": "alarms", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(11, 3.6), sharey=True)
    shown = ((Case(0.10), 365, "DPL 0.10, at the bound: false"), (Case(0.15), 40, "DPL 0.15: right"))
    shown = (*shown, (Case(0.0, 0.15), 60, "DPL 0, from night 30 on 0.15"))
    for axes, (case, nights, title) in zip(panels, shown, strict=True):
        for rule, alarms in found[case].items():
            counted = range(1, nights + 1)
            axes.step(
                counted, [alarms.get_share(night) for night in counted], where="post", label=rule.replace("`", "")
            )
        if case.change is not None:
            axes.axvline(CHANGE_NIGHT, color="grey", linewidth=0.8)
        axes.set_title(title)
        axes.set_xlabel("night")
    panels[0].set_ylabel("histories with a violation so far")
    panels[0].yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=len(RULES), frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
