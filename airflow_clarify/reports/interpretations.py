"""Explain each metric: its formula, its direction, and a sentence that interprets a value in these data.

The report first interprets a value by the rows it compares ("of rows with colour=red, 67 % are positive; of all
others, 77 %"), and then gives the formula. ``scripts/explanations.py`` writes the constant texts to a JSON file for the
page in Airflow's UI.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_clarify.bias.contingency import Split
from airflow_clarify.bias.metrics import METRICS, has_dropped_outcome
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import GroupName, Sentence

#: Absolute values below this are rounding errors and count as zero.
_ZERO_TOLERANCE = 1e-9


@dataclass(frozen=True)
class MeasuredGroup:
    """A value of a metric with the counts that its interpretation needs.

    :param group: the tested group, as ``column=value``
    :param value: the metric's value
    :param split: the counts; None if the analysis has no counts
    :param weighted: whether the counts are sums of row weights
    """

    group: GroupName
    value: float
    split: Split | None
    weighted: bool

    @property
    def rows(self) -> str:
        """The beginning of a sentence about a share of the group's rows or weight."""
        return "of the weight of rows with " if self.weighted else "of rows with "


@dataclass(frozen=True)
class Explanation:
    """The constant texts about a metric, and the function that interprets a value.

    :param title: full name
    :param formula: formula; a letter after an underscore is an index
    :param below: meaning of a negative value for the tested group; empty for a metric that is never negative
    :param above: meaning of a positive value for the tested group
    :param interpret: returns a sentence about a value; it starts with a small letter and has no full stop
    """

    title: str
    formula: str
    below: str
    above: str
    interpret: Callable[[MeasuredGroup], Sentence]


def interpret(metric: str, measured: MeasuredGroup) -> Sentence:
    """Return a sentence that interprets a value of a metric in these data.

    :param metric: short name of the metric
    :param measured: the value and its counts
    :return: parts of the sentence; it starts with a small letter and has no full stop
    """
    sentence = EXPLANATIONS[metric].interpret(measured)
    if metric in UNDERSTATED and measured.split is not None and has_dropped_outcome(measured.split.counts):
        return (*sentence, DROPPED_OUTCOME)
    return sentence


def get_value_range(metric: str) -> str:
    """Format the range of a metric, such as "-1 to 1" or "0 and up"."""
    known = METRICS[metric]
    return f"{known.lowest:g} and up" if math.isinf(known.highest) else f"{known.lowest:g} to {known.highest:.5g}"


def _interpret_class_imbalance(measured: MeasuredGroup) -> Sentence:
    # CI = (n_a - n_d) / n and n_a + n_d = n, so the group's share of the data follows without counts.
    share = formatting.format_percent((1 - measured.value) / 2)
    if measured.split is None:
        return ("rows with ", measured.group, f" are {share} of the data")
    own, rest = measured.split.d, measured.split.a
    if measured.weighted:
        what = f"{formatting.format_weight(float(own.weight))} of weight in rows with "
    else:
        what = f"{formatting.format_plural(own.rows, 'row', 'rows')} with "
    others = formatting.format_amount(rest, measured.weighted)
    return (what, measured.group, f" against {others} of all others: {share} of the data")


def _interpret_difference_in_proportions(measured: MeasuredGroup) -> Sentence:
    if measured.split is None or not measured.split.counts.n_d or not measured.split.counts.n_a:
        if abs(measured.value) < _ZERO_TOLERANCE:
            return ("all others are positive as often as rows with ", measured.group)
        more = "more" if measured.value > 0 else "less"
        by = f", by {_format_points(measured.value)}"
        return (f"all others are positive {more} often than rows with ", measured.group, by)
    counts = measured.split.counts
    own, rest = float(counts.d_positive / counts.n_d), float(counts.a_positive / counts.n_a)
    return (
        measured.rows,
        measured.group,
        f", {formatting.format_percent(own)} are positive; of all others, {formatting.format_percent(rest)}",
    )


def _interpret_kullback_leibler(measured: MeasuredGroup) -> Sentence:
    return (
        "expecting the labels of all others to be as those of rows with ",
        measured.group,
        f" costs {formatting.format_number(measured.value)} nats a row; 0 would mean that they are alike",
    )


def _interpret_jensen_shannon(measured: MeasuredGroup) -> Sentence:
    part = formatting.format_percent(measured.value / math.log(2))
    return (
        "the labels of rows with ",
        measured.group,
        f" are {part} of the way to having nothing in common with others",
    )


def _interpret_lp_norm(measured: MeasuredGroup) -> Sentence:
    part = formatting.format_percent(measured.value / math.sqrt(2))
    return ("the labels of rows with ", measured.group, f" are {part} of the largest possible distance from all others")


def _interpret_total_variation(measured: MeasuredGroup) -> Sentence:
    share = formatting.format_percent(measured.value)
    return (f"{share} of the labels of rows with ", measured.group, " would have to change to be spread as all others'")


def _interpret_kolmogorov_smirnov(measured: MeasuredGroup) -> Sentence:
    if measured.value < _ZERO_TOLERANCE:
        return ("the shares of both outcomes are the same in rows with ", measured.group, " and in all others")
    return (
        f"the share of one outcome differs by {_format_points(measured.value)} between rows with ",
        measured.group,
        " and all others",
    )


def _interpret_conditional_disparity(measured: MeasuredGroup) -> Sentence:
    compared = "as large as"
    if abs(measured.value) >= _ZERO_TOLERANCE:
        compared = f"{_format_points(measured.value)} {'larger' if measured.value > 0 else 'smaller'} than"
    return (
        "over the groups, the share of rows with ",
        measured.group,
        f" among the not positive is {compared} among the positive",
    )


def _format_points(value: float) -> str:
    """Format a difference of two shares in percentage points; a non-zero difference is never shown as 0."""
    size = 100 * abs(value)
    return f"{formatting.format_number(size, 1)} points" if size >= 0.05 else "less than 0.1 points"


#: Metrics that are too small when Clarify omits an outcome that occurs on one side only. KS is not affected: the other
#: outcome differs by the same amount.
UNDERSTATED = frozenset(["KL", "JS", "LP", "TVD"])
#: End of the sentence about such a value.
DROPPED_OUTCOME = "; but an outcome that occurs on one side only was left out, so read DPL instead"

_DIFFERENT = "labels spread less like the rest"

#: The explanation of each metric by its short name.
EXPLANATIONS: Mapping[str, Explanation] = {
    "CDDL": Explanation(
        "Conditional demographic disparity in labels",
        "(1/n) Σ_g n_g · (n_d,g(0) / n_g(0) - n_d,g(1) / n_g(1))",
        "larger share of the positive",
        "larger share of the not positive",
        _interpret_conditional_disparity,
    ),
    "CI": Explanation(
        "Class imbalance",
        "(n_a - n_d) / (n_a + n_d)",
        "more rows than the rest",
        "fewer rows than the rest",
        _interpret_class_imbalance,
    ),
    "DPL": Explanation(
        "Difference in positive proportions in labels",
        "q_a - q_d",
        "positive more often than the rest",
        "positive less often than the rest",
        _interpret_difference_in_proportions,
    ),
    "JS": Explanation(
        "Jensen-Shannon divergence",
        "½ KL(P_a, M) + ½ KL(P_d, M) with M = ½ (P_a + P_d)",
        "",
        _DIFFERENT,
        _interpret_jensen_shannon,
    ),
    "KL": Explanation(
        "Kullback-Leibler divergence", "Σ P_a · ln(P_a / P_d)", "", _DIFFERENT, _interpret_kullback_leibler
    ),
    "KS": Explanation("Kolmogorov-Smirnov distance", "max |P_a - P_d|", "", _DIFFERENT, _interpret_kolmogorov_smirnov),
    "LP": Explanation("L-p norm, with p = 2", "√ Σ (P_a - P_d)²", "", _DIFFERENT, _interpret_lp_norm),
    "TVD": Explanation("Total variation distance", "½ Σ |P_a - P_d|", "", _DIFFERENT, _interpret_total_variation),
}

#: The meaning of the letters in the formulas.
NOTATION = (
    "d is the facet value under test and a all other rows; n counts rows; q is the share of positive labels; "
    "P is the distribution over the two outcomes, positive (1) and not positive (0), over which Σ and max go; g is a "
    "value of the group variable, and inside a group 0/0 counts as 0. As in Amazon SageMaker Clarify, an outcome that "
    "occurs on one side only is left out of KL, JS, LP, TVD and KS."
)
_INDEX = re.compile(r"_([a-z](?:,[a-z])?)")


def get_notation(*, weighted: bool) -> str:
    """Return the meaning of the letters in the formulas.

    :param weighted: whether rows have weights
    """
    return NOTATION + (" These data are weighted, so n is a sum of weights." if weighted else "")


def split_indices(formula: str) -> list[str]:
    """Split a formula into parts, of which every second one is an index (subscript).

    >>> split_indices("q_a - q_d")
    ['q', 'a', ' - q', 'd', '']
    """
    return _INDEX.split(formula)
