"""Interpret the value of a metric in these data, in a sentence.

The report first interprets a value by the rows it compares ("of rows with colour=red, 67 % are positive; of all
others, 77 %"), and then gives the formula. The texts are in :mod:`airflow_clarify.reports.explanations`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from airflow_clarify.bias.contingency import Split
from airflow_clarify.bias.metrics import has_dropped_outcome
from airflow_clarify.bias.post_training import get_metric
from airflow_clarify.reports import formatting
from airflow_clarify.reports.explanations import EXPLANATIONS, Comparison, Explanation
from airflow_clarify.reports.formatting import GroupName, Sentence

#: Absolute values below this are rounding errors and count as zero.
_ZERO_TOLERANCE = 1e-9
#: Explanation of a metric that this version does not know, as from the file of a newer one.
_UNKNOWN = Explanation("", "", "", "", {"positive": "the value for rows with {group}"}, "number")


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


def get_explanation(metric: str) -> Explanation:
    """Return the texts about a metric; empty texts for an unknown one.

    :param metric: short name of the metric
    """
    return EXPLANATIONS.get(metric, _UNKNOWN)


def interpret(metric: str, measured: MeasuredGroup) -> Sentence:
    """Return a sentence that interprets a value of a metric in these data.

    :param metric: short name of the metric
    :param measured: the value and its counts
    :return: parts of the sentence; it starts with a small letter and has no full stop
    """
    explanation = get_explanation(metric)
    if metric == "CI":
        sentence = _interpret_class_imbalance(measured)
    else:
        sentence = _interpret_comparison(explanation, measured) or _interpret_value(explanation, measured)
    if metric in UNDERSTATED and measured.split is not None and has_dropped_outcome(measured.split.counts):
        return (*sentence, DROPPED_OUTCOME)
    return sentence


def _interpret_value(explanation: Explanation, measured: MeasuredGroup) -> Sentence:
    if math.isinf(measured.value):
        return _fill_template(explanation.sentences.get("infinite", INFINITE), measured.group)
    template = _choose_template(explanation.sentences, measured.value)
    return _fill_template(template, measured.group, amount=_format_amount(explanation, measured.value))


def _choose_template(sentences: Mapping[str, str], value: float) -> str:
    case = "zero" if abs(value) < _ZERO_TOLERANCE else "positive" if value > 0 else "negative"
    return sentences.get(case, sentences["positive"])


def _fill_template(template: str, group: GroupName, **amounts: str) -> Sentence:
    """Fill the placeholders of a template; the group is a part of its own, so that a renderer can isolate it."""
    before, mentioned, after = template.partition("{group}")
    parts = (before.format(**amounts), group if mentioned else "", after.format(**amounts))
    return tuple(part for part in parts if part)


def _format_amount(explanation: Explanation, value: float) -> str:
    if explanation.unit == "points":
        return _format_points(value)
    if explanation.unit == "share":
        return formatting.format_percent(value / explanation.largest)
    if explanation.unit == "ratio":
        return f"{formatting.format_number(value, 2)} times"
    return formatting.format_number(abs(value))


def get_value_range(metric: str) -> str:
    """Format the range of a metric, such as "-1 to 1" or "0 and up"."""
    known = get_metric(metric)
    if math.isinf(known.lowest):
        return "any number"
    around = f"; {known.parity:g} is parity" if known.parity else ""
    if math.isinf(known.highest):
        return f"{known.lowest:g} and up{around}"
    return f"{known.lowest:g} to {known.highest:.5g}{around}"


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


def _interpret_comparison(explanation: Explanation, measured: MeasuredGroup) -> Sentence:
    """Interpret a value by the two shares or ratios that it compares; empty without the counts of both."""
    compared, template = explanation.compared, explanation.sentences.get("counted")
    if compared is None or template is None or measured.split is None:
        return ()
    sides = [_sum_counts(compared, counts) for counts in _list_sides(measured.split)]
    if None in sides:
        return ()
    texts = []
    for side, (part, whole) in zip(("own", "others"), filter(None, sides), strict=True):
        if not whole and not compared.base:
            return ()
        if not whole:
            amounts = {"kind": "ratio" if compared.is_ratio else "share", "result": EMPTY[bool(part)]}
            return _fill_template(NO_BASE[side], measured.group, base=compared.base, **amounts)
        share = float(part / whole)
        texts.append(formatting.format_number(share, 2) if compared.is_ratio else formatting.format_percent(share))
    prefix = "" if not measured.weighted else "of the weight " if template.startswith("of ") else "by weight, "
    return _fill_template(prefix + template, measured.group, own=texts[0], others=texts[1])


def _list_sides(split: Split) -> list[dict[str, Fraction | int]]:
    """List the counts of the tested group and of all other rows by name, as in :class:`Comparison`."""
    sides: list[dict[str, Fraction | int]] = [
        {"positive": split.d_positive.weight, "all": split.d.weight},
        {"positive": split.a_positive.weight, "all": split.a.weight},
    ]
    for side, confusion in zip(sides, (split.d_confusion, split.a_confusion), strict=True):
        if confusion is not None:
            side |= {name: getattr(confusion, name).weight for name in ("tp", "fp", "fn", "tn")}
    return sides


def _sum_counts(
    compared: Comparison, counts: Mapping[str, Fraction | int]
) -> tuple[Fraction | int, Fraction | int] | None:
    if not {*compared.part, *compared.whole} <= counts.keys():
        return None
    return sum(counts[name] for name in compared.part), sum(counts[name] for name in compared.whole)


def _format_points(value: float) -> str:
    """Format a difference of two shares in percentage points; a non-zero difference is never shown as 0."""
    size = 100 * abs(value)
    return f"{formatting.format_number(size, 1)} points" if size >= 0.05 else "less than 0.1 points"


#: Metrics that are too small when Clarify omits an outcome that occurs on one side only. KS is not affected: the other
#: outcome differs by the same amount.
UNDERSTATED = frozenset(["KL", "JS", "LP", "TVD"])
#: End of the sentence about such a value.
DROPPED_OUTCOME = "; but an outcome that occurs on one side only was left out, so read DPL instead"
#: Sentence about a share or a ratio whose denominator is 0, in the tested group or among all others.
NO_BASE: Mapping[str, str] = {
    "own": "no row with {group} is {base}, so its {kind} {result}",
    "others": "no row without {group} is {base}, so the {kind} of all others {result}",
}
#: End of that sentence, by whether the numerator is positive.
EMPTY: Mapping[bool, str] = {False: "counts as 0", True: "is infinite"}
#: Sentence about an infinite value that no counts explain.
INFINITE = "the value for rows with {group} is infinite: it was divided by 0"

#: The meaning of the letters in the formulas.
NOTATION = (
    "d is the facet value under test and a all other rows; n counts rows; q is the share of positive labels; g is a "
    "value of the group variable, and inside a group 0/0 counts as 0."
)
#: The meaning of the further letters in the formulas of labels.
NOTATION_OF_LABELS = (
    " P is the distribution over the two outcomes, positive (1) and not positive (0), over which Σ and max go. As in "
    "Amazon SageMaker Clarify, an outcome that occurs on one side only is left out of KL, JS, LP, TVD and KS."
)
#: The meaning of the further letters in the formulas of predictions.
NOTATION_OF_PREDICTIONS = (
    " Of predictions, TP, FP, FN and TN count the rows that are truly positive, falsely positive, falsely negative and "
    "truly negative; q' and n' are the q and n of the predicted labels; F(1,0) counts rows predicted positive whose "
    "nearest neighbours in a are not, and F(0,1) the reverse. 0/0 counts as 0, and anything else divided by 0 is "
    "infinite."
)
_INDEX = re.compile(r"_([a-z](?:,[a-z])?)")


def get_notation(metrics: Iterable[str], *, weighted: bool) -> str:
    """Return the meaning of the letters in the formulas.

    :param metrics: the metrics whose formulas are shown
    :param weighted: whether rows have weights
    """
    stages = {get_metric(metric).stage for metric in metrics}
    parts = [NOTATION]
    if "pre_training" in stages:
        parts.append(NOTATION_OF_LABELS)
    if "post_training" in stages:
        parts.append(NOTATION_OF_PREDICTIONS)
    if weighted:
        parts.append(" These data are weighted, so n is a sum of weights.")
    return "".join(parts)


def split_indices(formula: str) -> list[str]:
    """Split a formula into parts, of which every second one is an index (subscript).

    >>> split_indices("q_a - q_d")
    ['q', 'a', ' - q', 'd', '']
    """
    return _INDEX.split(formula)
