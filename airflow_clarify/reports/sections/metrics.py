"""The section of a metric: its explanation, and the interpretation of its worst value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.post_training import get_metric
from airflow_clarify.reports import formatting, interpretations
from airflow_clarify.reports.formatting import GroupName, Sentence
from airflow_clarify.reports.sections.facets import FacetSection, measure_distance

#: Absolute values below this are rounding errors and count as zero.
_ZERO_TOLERANCE = 1e-9
_EVERY_GROUP = "every group"


@dataclass(frozen=True, slots=True)
class MetricSection:
    """The section of one metric: its explanation, and the interpretation of its worst value.

    :param name: short name
    :param title: full name
    :param question: the question that the metric answers
    :param formula: its formula
    :param value_range: the range of its values
    :param worst: the worst value with its group; None if no group has a value
    :param reading: a sentence that interprets the worst value
    :param before: the largest value before the data were balanced, with its group, or "every group" if all values are
        equal; None without an analysis from before
    :param after: the largest value after balancing; None without an analysis from before
    :param predicted: whether it is a metric of the predictions
    """

    name: str
    title: str
    question: str
    formula: str
    value_range: str
    worst: tuple[GroupName, str] | None
    reading: Sentence
    before: tuple[str, str] | None
    after: tuple[str, str] | None
    predicted: bool = False


def build_metric_section(
    metric: str, analysis: Analysis, facets: Iterable[FacetSection], before: Analysis | None
) -> MetricSection:
    """Build the section of a metric: its explanation, and the interpretation of its worst value.

    :param metric: short name
    :param analysis: the analysis
    :param facets: the sections of its facets
    :param before: the analysis of the same data before they were balanced
    """
    explanation, known = interpretations.get_explanation(metric), get_metric(metric)
    decimals = max((c.decimals for facet in facets for c in facet.columns if c.metric == metric), default=4)
    worst, reading = _find_worst(metric, analysis, facets, decimals)
    return MetricSection(
        name=metric,
        title=explanation.title or known.description,
        question=known.question,
        formula=explanation.formula,
        value_range=interpretations.get_value_range(metric),
        worst=worst,
        reading=reading,
        before=_find_largest_value(metric, before, decimals) if before else None,
        after=_name_worst_group(metric, analysis, worst) if before else None,
        predicted=known.stage == "post_training",
    )


def _find_worst(
    metric: str, analysis: Analysis, facets: Iterable[FacetSection], decimals: int
) -> tuple[tuple[GroupName, str] | None, Sentence]:
    candidates = [
        (measurement.severity, group, measurement.value)
        for facet in facets
        for group in facet.groups
        if (measurement := group.get_measurement(metric)) is not None and measurement.value is not None
    ]
    if not candidates:
        return None, ()
    _, group, value = min(candidates, key=lambda candidate: candidate[0])
    worst = (group.where, formatting.format_number(value, decimals))
    return worst, interpretations.interpret(
        metric, interpretations.MeasuredGroup(group.where, value, group.split, analysis.weighted)
    )


def _find_largest_value(metric: str, analysis: Analysis, decimals: int) -> tuple[str, str] | None:
    measured = [
        (GroupName(facet.column, group.value), result.value)
        for facet, group in analysis.results()
        if (result := group.metric(metric)) is not None and result.value is not None
    ]
    if not measured:
        return None
    where, value = max(measured, key=lambda candidate: measure_distance(candidate[1], get_metric(metric).parity))
    return _EVERY_GROUP if _is_alike([each for _, each in measured]) else where, formatting.format_number(
        value, decimals
    )


def _name_worst_group(metric: str, analysis: Analysis, worst: tuple[GroupName, str] | None) -> tuple[str, str] | None:
    """Name the worst group for the table of before and after, as in the section of its metric."""
    if worst is None:
        return None
    values = [
        result.value
        for _, group in analysis.results()
        if (result := group.metric(metric)) is not None and result.value is not None
    ]
    return (_EVERY_GROUP, worst[1]) if _is_alike(values) else worst


def _is_alike(values: Sequence[float]) -> bool:
    """Return whether several values differ by rounding only, as the two values of a binary facet do."""
    return len(values) > 1 and all(math.isclose(value, values[0], abs_tol=_ZERO_TOLERANCE) for value in values)
