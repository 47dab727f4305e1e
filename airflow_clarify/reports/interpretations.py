"""Explain each metric: its formula, its direction, and a sentence that interprets a value in these data.

The report first interprets a value by the rows it compares ("of rows with colour=red, 67 % are positive; of all
others, 77 %"), and then gives the formula. ``scripts/explanations.py`` writes the constant texts to a JSON file for the
page in Airflow's UI.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
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


@dataclass(frozen=True)
class Explanation:
    """The texts about a metric.

    :param title: full name
    :param formula: formula; a letter after an underscore is an index
    :param below: meaning of a negative value for the tested group; empty for a metric that is never negative
    :param above: meaning of a positive value for the tested group
    :param sentences: templates of the sentence that interprets a value, by the case that they apply to: "positive",
        "negative" (default: as positive), "zero" (default: as positive), and for some metrics "counted" and
        "counted_weighted", which need counts. ``{group}`` is the tested group, ``{amount}`` the absolute value in
        ``unit``. A sentence starts with a small letter and has no full stop.
    :param unit: unit of ``{amount}``: "number", "share" (a percentage of ``largest``) or "points" (percentage points)
    :param largest: largest possible value of a metric whose unit is "share"
    """

    title: str
    formula: str
    below: str
    above: str
    sentences: Mapping[str, str]
    unit: str
    largest: float = 1.0


def interpret(metric: str, measured: MeasuredGroup) -> Sentence:
    """Return a sentence that interprets a value of a metric in these data.

    :param metric: short name of the metric
    :param measured: the value and its counts
    :return: parts of the sentence; it starts with a small letter and has no full stop
    """
    if metric == "CI":
        sentence = _interpret_class_imbalance(measured)
    elif metric == "DPL" and measured.split is not None and measured.split.counts.n_d and measured.split.counts.n_a:
        sentence = _interpret_proportions(measured, measured.split)
    else:
        explanation = EXPLANATIONS[metric]
        template = _choose_template(explanation.sentences, measured.value)
        sentence = _fill_template(template, measured.group, amount=_format_amount(explanation, measured.value))
    if metric in UNDERSTATED and measured.split is not None and has_dropped_outcome(measured.split.counts):
        return (*sentence, DROPPED_OUTCOME)
    return sentence


def _choose_template(sentences: Mapping[str, str], value: float) -> str:
    case = "zero" if abs(value) < _ZERO_TOLERANCE else "positive" if value > 0 else "negative"
    return sentences.get(case, sentences["positive"])


def _fill_template(template: str, group: GroupName, **amounts: str) -> Sentence:
    """Fill the placeholders of a template; the group is a part of its own, so that a renderer can isolate it."""
    before, _, after = template.partition("{group}")
    return tuple(part for part in (before.format(**amounts), group, after.format(**amounts)) if part)


def _format_amount(explanation: Explanation, value: float) -> str:
    if explanation.unit == "points":
        return _format_points(value)
    if explanation.unit == "share":
        return formatting.format_percent(value / explanation.largest)
    return formatting.format_number(value)


def get_value_range(metric: str) -> str:
    """Format the range of a metric, such as "-1 to 1" or "0 and up"."""
    known = METRICS[metric]
    return f"{known.lowest:g} and up" if math.isinf(known.highest) else f"{known.lowest:g} to {known.highest:.5g}"


def _interpret_class_imbalance(measured: MeasuredGroup) -> Sentence:
    sentences = EXPLANATIONS["CI"].sentences
    # CI = (n_a - n_d) / n and n_a + n_d = n, so the group's share of the data follows without counts.
    amounts = {"amount": formatting.format_percent((1 - measured.value) / 2), "whole": "the data"}
    if measured.split is None:
        return _fill_template(sentences["positive"], measured.group, **amounts)
    own, rest = measured.split.d, measured.split.a
    if measured.weighted:
        rows = f"{formatting.format_weight(float(own.weight))} of weight in rows"
    else:
        rows = formatting.format_plural(own.rows, "row", "rows")
    others = formatting.format_amount(rest, measured.weighted)
    return _fill_template(sentences["counted"], measured.group, rows=rows, others=others, **amounts)


def _interpret_proportions(measured: MeasuredGroup, split: Split) -> Sentence:
    counts = split.counts
    own, rest = float(counts.d_positive / counts.n_d), float(counts.a_positive / counts.n_a)
    template = EXPLANATIONS["DPL"].sentences["counted_weighted" if measured.weighted else "counted"]
    own_share, others_share = formatting.format_percent(own), formatting.format_percent(rest)
    return _fill_template(template, measured.group, own_share=own_share, others_share=others_share)


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
        {
            "positive": "over the groups, the share of rows with {group} among the not positive is {amount} larger "
            "than among the positive",
            "negative": "over the groups, the share of rows with {group} among the not positive is {amount} smaller "
            "than among the positive",
            "zero": "over the groups, the share of rows with {group} among the not positive is as large as among the "
            "positive",
        },
        "points",
    ),
    "CI": Explanation(
        "Class imbalance",
        "(n_a - n_d) / (n_a + n_d)",
        "more rows than the rest",
        "fewer rows than the rest",
        {
            "positive": "rows with {group} are {amount} of {whole}",
            "counted": "{rows} with {group} against {others} of all others: {amount} of {whole}",
        },
        "share",
    ),
    "DPL": Explanation(
        "Difference in positive proportions in labels",
        "q_a - q_d",
        "positive more often than the rest",
        "positive less often than the rest",
        {
            "positive": "all others are positive more often than rows with {group}, by {amount}",
            "negative": "all others are positive less often than rows with {group}, by {amount}",
            "zero": "all others are positive as often as rows with {group}",
            "counted": "of rows with {group}, {own_share} are positive; of all others, {others_share}",
            "counted_weighted": "of the weight of rows with {group}, {own_share} are positive; of all others, "
            "{others_share}",
        },
        "points",
    ),
    "JS": Explanation(
        "Jensen-Shannon divergence",
        "½ KL(P_a, M) + ½ KL(P_d, M) with M = ½ (P_a + P_d)",
        "",
        _DIFFERENT,
        {"positive": "the labels of rows with {group} are {amount} of the way to having nothing in common with others"},
        "share",
        math.log(2),
    ),
    "KL": Explanation(
        "Kullback-Leibler divergence",
        "Σ P_a · ln(P_a / P_d)",
        "",
        _DIFFERENT,
        {
            "positive": "expecting the labels of all others to be as those of rows with {group} costs {amount} nats a "
            "row; 0 would mean that they are alike"
        },
        "number",
    ),
    "KS": Explanation(
        "Kolmogorov-Smirnov distance",
        "max |P_a - P_d|",
        "",
        _DIFFERENT,
        {
            "positive": "the share of one outcome differs by {amount} between rows with {group} and all others",
            "zero": "the shares of both outcomes are the same in rows with {group} and in all others",
        },
        "points",
    ),
    "LP": Explanation(
        "L-p norm, with p = 2",
        "√ Σ (P_a - P_d)²",
        "",
        _DIFFERENT,
        {"positive": "the labels of rows with {group} are {amount} of the largest possible distance from all others"},
        "share",
        math.sqrt(2),
    ),
    "TVD": Explanation(
        "Total variation distance",
        "½ Σ |P_a - P_d|",
        "",
        _DIFFERENT,
        {"positive": "{amount} of the labels of rows with {group} would have to change to be spread as all others'"},
        "share",
    ),
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
