"""Build the sections about predictions: confusion matrices, rates with intervals, and both stages side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.analysis import FacetAnalysis, FacetResult
from airflow_clarify.bias.confidence import compute_wilson_interval
from airflow_clarify.bias.contingency import ConfusionCounts, WeightedCount
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import NOTHING, Name, Sentence

#: Confidence level of the intervals of rates and of the change between labels and predictions.
CONFIDENCE = 0.95
_NORMAL_QUANTILE = 1.959963984540054
_ZERO_TOLERANCE = 1e-9
#: Values of :attr:`StageChange.change`, for one group; the worst first.
LARGER, REVERSED, UNCLEAR, UNCHANGED, SMALLER = "larger", "reversed", "no clear change", "unchanged", "smaller"


@dataclass(frozen=True, slots=True)
class Rate:
    """The share of some rows of a group, with its Wilson interval.

    :param share: the share; None if there are no rows to have a share of
    :param low: lower end of the interval
    :param high: upper end of the interval
    """

    share: float | None
    low: float
    high: float


#: Numerator and denominator of each rate, by name; the names are those of :class:`ConfusionCounts`.
RATES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Acceptance": (("tp", "fp"), ("tp", "fp", "fn", "tn")),
    "Recall": (("tp",), ("tp", "fn")),
    "Specificity": (("tn",), ("fp", "tn")),
    "Precision": (("tp",), ("tp", "fp")),
    "Accuracy": (("tp", "tn"), ("tp", "fp", "fn", "tn")),
}


@dataclass(frozen=True, slots=True)
class GroupPredictions:
    """The predictions for one group of rows.

    :param value: the facet value; None for a row of the table that is not a tested group
    :param title: name of such a row: "all others" or "all rows"
    :param confusion: its confusion matrix
    :param rates: one for each of :data:`RATES`
    """

    value: Name | None
    title: str
    confusion: ConfusionCounts
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class StageChange:
    """The difference of one group in the labels beside that in the predictions.

    :param value: the facet value
    :param before: DPL, of the labels
    :param after: DPPL, of the predictions
    :param before_ratio: DIL, of the labels; None if it is not known
    :param after_ratio: DI, of the predictions; None if it is not known
    :param interval: confidence interval of ``after - before``; None without counts
    :param change: what the model did to the difference: :data:`LARGER`, :data:`SMALLER`, ...
    """

    value: Name
    before: float | None
    after: float | None
    before_ratio: float | None
    after_ratio: float | None
    interval: tuple[float, float] | None
    change: str


def build_predictions(facet: FacetAnalysis, order: Sequence[str]) -> tuple[GroupPredictions, ...]:
    """Build the confusion matrix and the rates of each tested group, of the others if there is one group, and of all.

    :param facet: the facet
    :param order: the tested groups in display order
    :return: one entry for each row of the table; empty if predictions were not counted
    """
    # Groups whose counts are suppressed have no split.
    splits = [result.split for result in facet.results if result.split is not None]
    own, rest = (splits[0].d_confusion, splits[0].a_confusion) if splits else (None, None)
    if own is None or rest is None:
        return ()
    results = {result.value: result for result in facet.results}
    rows = [
        _build_group(split.d_confusion, formatting.build_name(value))
        for value in order
        if (split := results[value].split) is not None and split.d_confusion is not None
    ]
    only = facet.results[0].split if len(facet.results) == 1 else None
    if only is not None and only.a_confusion is not None:
        rows.append(_build_group(only.a_confusion, None, "all others"))
    return (*rows, _build_group(own + rest, None, "all rows"))


def _build_group(confusion: ConfusionCounts, value: Name | None, title: str = "") -> GroupPredictions:
    rates = tuple(_build_rate(confusion, part, whole) for part, whole in RATES.values())
    return GroupPredictions(value, title, confusion, rates)


def _build_rate(confusion: ConfusionCounts, part: Sequence[str], whole: Sequence[str]) -> Rate:
    counted, base = _add_counts(confusion, part), _add_counts(confusion, whole)
    share = min(1.0, max(0.0, float(counted.weight / base.weight))) if base.weight else None
    return Rate(share, *compute_wilson_interval(share or 0.0, base.effective_rows if base.weight else 0.0, CONFIDENCE))


def _add_counts(confusion: ConfusionCounts, names: Sequence[str]) -> WeightedCount:
    return WeightedCount.add_all([getattr(confusion, name) for name in names])


# --- Both stages --------------------------------------------------------------------------------------------------


def build_stages(facet: FacetAnalysis, order: Sequence[str]) -> tuple[StageChange, ...]:
    """Compare the difference in the labels of each tested group with that in its predictions.

    :param facet: the facet
    :param order: the tested groups in display order
    :return: one entry for each group; empty if DPL or DPPL was not measured
    """
    results = {result.value: result for result in facet.results}
    if not any(result.metric("DPL") and result.metric("DPPL") for result in facet.results):
        return ()
    return tuple(_build_change(results[value]) for value in order)


def _build_change(result: FacetResult) -> StageChange:
    before, after, before_ratio, after_ratio = (
        measured.value if (measured := result.metric(name)) else None for name in ("DPL", "DPPL", "DIL", "DI")
    )
    interval = _compute_change_interval(result)
    return StageChange(
        formatting.build_name(result.value),
        before,
        after,
        before_ratio,
        after_ratio,
        interval,
        _describe_change(before, after, interval),
    )


def _compute_change_interval(result: FacetResult) -> tuple[float, float] | None:
    """Compute the interval of DPPL - DPL, which are of the same rows.

    Per side, the difference of the paired proportions is (FP - FN) / n, with the variance
    ((FP + FN) / n - ((FP - FN) / n)^2) / n (A. Agresti, "Categorical Data Analysis", 3rd edition, section 11.1.1). The
    two sides are independent.
    """
    split = result.split
    if split is None or split.d_confusion is None or split.a_confusion is None:
        return None
    if not split.d.weight or not split.a.weight:
        return None
    differences, variances = zip(*map(_compute_paired, (split.a_confusion, split.d_confusion)), strict=True)
    change, spread = differences[0] - differences[1], _NORMAL_QUANTILE * math.sqrt(sum(variances))
    return change - spread, change + spread


def _compute_paired(confusion: ConfusionCounts) -> tuple[float, float]:
    total = confusion.total
    only_predicted, only_labelled = (float(side.weight / total.weight) for side in (confusion.fp, confusion.fn))
    difference = only_predicted - only_labelled
    return difference, max(0.0, only_predicted + only_labelled - difference**2) / total.effective_rows


def _describe_change(before: float | None, after: float | None, interval: tuple[float, float] | None) -> str:
    if before is None or after is None:
        return NOTHING
    if abs(after - before) < _ZERO_TOLERANCE:
        return UNCHANGED
    if interval is not None and interval[0] <= 0 <= interval[1]:
        return UNCLEAR
    if before * after < 0 and min(abs(before), abs(after)) > _ZERO_TOLERANCE:
        return REVERSED
    return LARGER if abs(after) > abs(before) else SMALLER


def summarize_stages(changes: Sequence[StageChange]) -> Sentence:
    """Summarize what the model did to the differences between groups, in one sentence.

    :param changes: one entry for each tested group
    :return: parts of the sentence
    """
    known = [each for each in changes if each.before is not None and each.after is not None]
    if not known:
        return ("No group has a difference in both its labels and its predictions.",)
    worst = max(known, key=lambda each: abs(each.after or 0.0) - abs(each.before or 0.0))
    values = f"DPL {_format(worst.before)} in the labels, DPPL {_format(worst.after)} in the predictions."
    if len(known) == 1:
        return (f"{_ONE_GROUP[worst.change]}: {values}",)
    counts = {word: sum(each.change == word for each in known) for word in _SEVERAL_GROUPS}
    named = [(text, formatting.format_count(counts[word])) for word, text in _SEVERAL_GROUPS.items() if counts[word]]
    (text, number), *others = named
    first = f"{text} for {number} of {formatting.format_count(len(known))} groups"
    changed = ", ".join([first, *(f"{text} for {number}" for text, number in others)])
    start = f"Compared with the labels, the difference from the rest in the predictions is {changed}"
    if abs(worst.after or 0.0) - abs(worst.before or 0.0) <= _ZERO_TOLERANCE:
        return (f"{start}.",)
    return (f"{start}; it grew most for ", worst.value, f": {values}")


def _format(value: float | None) -> str:
    return formatting.format_number(value or 0.0)


_ONE_GROUP = {
    LARGER: "The model made the difference larger",
    REVERSED: "The model reversed the difference",
    UNCLEAR: "The model did not clearly change the difference",
    UNCHANGED: "The model did not change the difference",
    SMALLER: "The model made the difference smaller",
}
_SEVERAL_GROUPS = {
    LARGER: "larger",
    REVERSED: "reversed",
    SMALLER: "smaller",
    UNCLEAR: "not clearly changed",
    UNCHANGED: "the same",
}
