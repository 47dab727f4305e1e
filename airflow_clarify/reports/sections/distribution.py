"""Build the distributions of the rows over the labels and over the values of a facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis
from airflow_clarify.bias.contingency import WeightedCount
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import Name

_MAX_BARS = 20


@dataclass(frozen=True, slots=True)
class GroupBar:
    """A bar of a distribution: the rows of one tested group.

    :param value: the facet value; None for all rows that no other bar shows
    :param all: the group's rows
    :param positive: the rows whose label is positive
    """

    value: Name | None
    all: WeightedCount
    positive: WeightedCount

    @property
    def size(self) -> float:
        """The length of the bar: rows, or their weight if the data are weighted."""
        return _clip_at_zero(self.all)

    @property
    def positive_size(self) -> float:
        """The part of the bar that is positive."""
        return min(self.size, _clip_at_zero(self.positive))

    @property
    def positive_share(self) -> float | None:
        """The positive share of the bar; None if its weight is 0."""
        return self.positive_size / self.size if self.size else None


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution of the rows over the tested groups of a facet.

    :param bars: the groups that are shown, the largest first
    :param others: number of tested groups that are not shown
    :param rest: all rows that ``bars`` do not show; None if there are none
    """

    bars: tuple[GroupBar, ...]
    others: int
    rest: GroupBar | None

    @property
    def all_bars(self) -> tuple[GroupBar, ...]:
        """The bars, with the rest as the last one."""
        return (*self.bars, self.rest) if self.rest else self.bars

    @property
    def longest(self) -> float:
        """The length of the longest bar, as a divisor; never 0."""
        return max((bar.size for bar in self.all_bars), default=0.0) or 1.0


@dataclass(frozen=True, slots=True)
class LabelBar:
    """A bar of the label distribution.

    :param label: the label; None if it is missing
    :param all: the rows with this label
    :param share: their share of all rows; None if the total weight is 0
    :param positive: whether the label counts as positive; None if unknown
    """

    label: Name | None
    all: WeightedCount
    share: float | None
    positive: bool | None = None

    @property
    def size(self) -> float:
        """The length of the bar: rows, or their weight if the data are weighted."""
        return _clip_at_zero(self.all)


@dataclass(frozen=True)
class LabelSection:
    """The labels of all rows.

    :param column: the label column
    :param positive_text: the labels that count as positive, in Clarify's notation
    :param positive: positive rows, or their weight; None if the analysis has no counts
    :param positive_share: their share of all rows
    :param bars: the labels that are shown, the most frequent first
    :param others: number of labels that are not shown
    :param rest: all rows that ``bars`` do not show; None if there are none
    """

    column: Name
    positive_text: Name
    positive: str | None
    positive_share: float | None
    bars: tuple[LabelBar, ...] = ()
    others: int = 0
    rest: WeightedCount | None = None

    @property
    def longest(self) -> float:
        """The length of the longest bar, as a divisor; never 0."""
        return max((bar.size for bar in self.bars), default=0.0) or 1.0

    @property
    def unknown(self) -> bool:
        """Return whether there is a label that may or may not count as positive."""
        return any(bar.positive is None for bar in self.bars)


def _clip_at_zero(tally: WeightedCount) -> float:
    """Return a weight, at least 0: subtracting rounded sums can leave a tiny negative number."""
    return max(0.0, float(tally.weight))


# --- Building -----------------------------------------------------------------------------------------------------


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
            tally.compute_share(total),
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
        positive_share=facet.positive.compute_share(total),
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
