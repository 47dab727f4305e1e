"""Build the distributions of the rows over the labels and over the values of a facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis
from airflow_clarify.bias.contingency import WeightedCount
from airflow_clarify.reports import formatting
from airflow_clarify.reports.model import Distribution, GroupBar, LabelBar, LabelSection, compute_share

_MAX_BARS = 20


def build_label_section(analysis: Analysis) -> LabelSection:
    """Build the section about the labels of all rows, the most frequent first.

    :return: the section, without bars if the analysis has no counts
    """
    column, positive_text = (
        formatting.build_name(analysis.label),
        formatting.build_name(analysis.label_value_or_threshold),
    )
    facet = next((f for f in analysis.facets if f.positive is not None and f.negative is not None), None)
    if facet is None or facet.positive is None or facet.negative is None:
        return LabelSection(column, positive_text, None, None)
    total = facet.positive + facet.negative
    known = _find_positive_labels(facet.labels, analysis.label_value_or_threshold, facet.positive.rows)
    ranked = sorted(facet.labels.items(), key=lambda item: -item[1].weight)
    shown = ranked[:_MAX_BARS] if total.rows else []
    bars = tuple(
        LabelBar(
            None if label is None else formatting.build_name(label),
            tally,
            compute_share(tally, total),
            # A missing label is never positive.
            label in known if known is not None else (False if label is None else None),
        )
        for label, tally in shown
    )
    rest = total - WeightedCount.add_all([tally for _, tally in shown])
    return LabelSection(
        column=column,
        positive_text=positive_text,
        positive=formatting.format_amount(facet.positive, analysis.weighted),
        positive_share=compute_share(facet.positive, total),
        bars=bars,
        others=max(0, len(ranked) - _MAX_BARS),
        rest=rest if bars and rest.rows > 0 else None,
    )


def _find_positive_labels(
    labels: Mapping[str | None, WeightedCount], positive_text: str, positive_rows: int
) -> set[str | None] | None:
    """Find the labels that count as positive; None if they cannot be determined.

    An analysis does not list them, but contains their number of rows. So labels that equal a positive label, as text
    or as a number, are accepted only if they have that number of rows.
    """
    names = {positive_text, *positive_text.split(",")}
    numbers = {number for each in names if (number := _parse_number(each)) is not None}
    same_text = {label for label in labels if label is not None and label in names}
    same_number = {label for label in labels if label is not None and _parse_number(label) in numbers}
    for found in (same_text, same_text | same_number):
        if sum(labels[label].rows for label in found) == positive_rows:
            return {*found}
    return None


def _parse_number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def build_distribution(facet: FacetAnalysis) -> Distribution | None:
    """Build the distribution of the rows over the tested groups; None if the analysis has no counts."""
    if facet.positive is None or facet.negative is None:
        return None
    bars = [
        GroupBar(formatting.build_name(result.value), result.split.d, result.split.d_positive)
        for result in facet.results
        if result.split is not None and result.split.d.rows
    ]
    bars.sort(key=lambda bar: -bar.size)
    return Distribution(
        bars=tuple(bars[:_MAX_BARS]),
        others=max(0, len(bars) - _MAX_BARS),
        rest=_sum_rest(facet.positive, facet.negative, bars[:_MAX_BARS]),
    )


def _sum_rest(positive: WeightedCount, negative: WeightedCount, shown: Sequence[GroupBar]) -> GroupBar | None:
    """Sum all rows that no bar shows: of groups that are not drawn or not tested, or without a value."""
    rest = positive + negative - WeightedCount.add_all([bar.all for bar in shown])
    return (
        GroupBar(None, rest, positive - WeightedCount.add_all([bar.positive for bar in shown]))
        if rest.rows > 0
        else None
    )
