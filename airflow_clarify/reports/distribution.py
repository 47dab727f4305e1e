"""How the rows of the data are spread over their labels and over the values of a facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis
from airflow_clarify.bias.contingency import Tally
from airflow_clarify.reports import text
from airflow_clarify.reports.model import Distribution, GroupBar, LabelBar, LabelSection, share_of

_MOST_BARS = 20


def labels_of(analysis: Analysis) -> LabelSection:
    """The labels of the whole data: how much there is of each, the most frequent first."""
    column, positive_text = text.name(analysis.label), text.name(analysis.label_value_or_threshold)
    facet = next((f for f in analysis.facets if f.positive is not None and f.negative is not None), None)
    if facet is None or facet.positive is None or facet.negative is None:
        return LabelSection(column, positive_text, None, None)
    total = facet.positive + facet.negative
    known = _positive_labels(facet.labels, analysis.label_value_or_threshold, facet.positive.rows)
    ranked = sorted(facet.labels.items(), key=lambda item: -item[1].weight)
    shown = ranked[:_MOST_BARS] if total.rows else []
    bars = tuple(
        LabelBar(
            None if label is None else text.name(label),
            tally,
            share_of(tally, total),
            # A missing label is never positive.
            label in known if known is not None else (False if label is None else None),
        )
        for label, tally in shown
    )
    rest = total - Tally.total([tally for _, tally in shown])
    return LabelSection(
        column=column,
        positive_text=positive_text,
        positive=text.amount(facet.positive, analysis.weighted),
        positive_share=share_of(facet.positive, total),
        bars=bars,
        others=max(0, len(ranked) - _MOST_BARS),
        rest=rest if bars and rest.rows > 0 else None,
    )


def _positive_labels(
    labels: Mapping[str | None, Tally], positive_text: str, positive_rows: int
) -> set[str | None] | None:
    """The labels that count as positive, or None where that is not known.

    An analysis does not list them; it does say how many rows they have. So those that bear the name of a positive
    label, be it written as another kind of number, are taken where they have as many.
    """
    names = {positive_text, *positive_text.split(",")}
    numbers = {number for each in names if (number := _number(each)) is not None}
    same_text = {label for label in labels if label is not None and label in names}
    same_number = {label for label in labels if label is not None and _number(label) in numbers}
    for found in (same_text, same_text | same_number):
        if sum(labels[label].rows for label in found) == positive_rows:
            return {*found}
    return None


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def distribution_of(facet: FacetAnalysis) -> Distribution | None:
    """The rows of each tested group, positive and not; None where the analysis has no counts."""
    if facet.positive is None or facet.negative is None:
        return None
    bars = [
        GroupBar(text.name(result.value), result.split.d, result.split.d_positive)
        for result in facet.results
        if result.split is not None and result.split.d.rows
    ]
    bars.sort(key=lambda bar: -bar.size)
    return Distribution(
        bars=tuple(bars[:_MOST_BARS]),
        others=max(0, len(bars) - _MOST_BARS),
        rest=_rest(facet.positive, facet.negative, bars[:_MOST_BARS]),
    )


def _rest(positive: Tally, negative: Tally, shown: Sequence[GroupBar]) -> GroupBar | None:
    """All rows that no bar shows: of groups that are not drawn or not tested, or without a value."""
    rest = positive + negative - Tally.total([bar.all for bar in shown])
    return GroupBar(None, rest, positive - Tally.total([bar.positive for bar in shown])) if rest.rows > 0 else None
