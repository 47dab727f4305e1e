"""Build the pictures of a facet: a dot for each tested group, on an axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.reports import interpretations
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.model import Column, Dot, Group, Measurement, Picture

#: Maximum number of tested groups in the picture of the primary metric, and in that of any other metric.
MAX_DOTS = 40
MAX_DOTS_OTHER_METRICS = 10


def build_pictures(columns: Sequence[Column], groups: Sequence[Group], primary: str | None) -> Iterator[Picture]:
    """Build the picture of the primary metric, then of each metric that some tested group violates.

    With both stages, DPPL is always drawn, beside DPL of the same groups.

    :param columns: the metrics
    :param groups: the tested groups
    :param primary: the metric whose picture comes first
    """
    both = {"DPL", "DPPL"} <= {column.metric for column in columns}
    for column in sorted(columns, key=lambda column: column.metric != primary):
        dots = [
            Dot(group, measurement)
            for group in groups
            if (measurement := group.get_measurement(column.metric)) is not None
        ]
        troubled = any(dot.measurement.outcome in (Outcome.VIOLATION, Outcome.INCONCLUSIVE) for dot in dots)
        staged = both and column.metric == "DPPL"
        if dots and (column.metric == primary or troubled or staged):
            max_dots = MAX_DOTS if column.metric == primary or staged else MAX_DOTS_OTHER_METRICS
            dots.sort(key=lambda dot: dot.measurement.severity)
            if staged and not any(dot.measurement.before is not None for dot in dots):
                yield _build_picture(column, _add_labels(dots), max_dots, "DPL of the labels")
            else:
                yield _build_picture(column, dots, max_dots)


def _add_labels(dots: Iterable[Dot]) -> list[Dot]:
    """Add DPL of the labels to each value of DPPL, so that both are drawn beside each other."""
    return [
        Dot(dot.group, replace(dot.measurement, before=labels.value))
        if (labels := dot.group.get_measurement("DPL")) is not None
        else dot
        for dot in dots
    ]


def _build_picture(column: Column, dots: Sequence[Dot], max_dots: int, compared_with: str = "before") -> Picture:
    drawn = tuple(dots[:max_dots])
    measurements = [dot.measurement for dot in drawn]
    points = [
        number
        for measurement in measurements
        for number in (measurement.value, measurement.before, measurement.low, measurement.high)
        if number is not None
    ]
    metric = interpretations.get_metric(column.metric)
    signed = metric.lowest < 0
    # A single threshold t bounds |value|. For a metric that is never negative, -t would leave half the picture empty.
    shown = points if signed else [point for point in points if point >= 0 or point in _list_values(measurements)]
    explanation = interpretations.get_explanation(column.metric)
    return Picture(
        metric=column.metric,
        axis=Axis.from_points(
            shown,
            [measurement.interval for measurement in measurements if measurement.interval],
            signed=signed,
            origin=metric.parity,
        ),
        dots=drawn,
        omitted=len(dots) - len(drawn),
        decimals=column.decimals,
        below=explanation.below,
        above=explanation.above,
        parity=metric.parity,
        compared_with=compared_with,
    )


def _list_values(measurements: Iterable[Measurement]) -> set[float | None]:
    return {number for measurement in measurements for number in (measurement.value, measurement.before)}
