"""The pictures of a facet: a dot for each tested group, on an axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from airflow_clarify.bias.post_training import get_metric
from airflow_clarify.bias.verdict import Outcome
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.formatting import has_long_name
from airflow_clarify.reports.interpretations import get_explanation
from airflow_clarify.reports.sections.facets import Column, Group, Measurement

#: Maximum number of tested groups in the picture of the primary metric, and in that of any other metric.
MAX_DOTS = 40
MAX_DOTS_OTHER_METRICS = 10


@dataclass(frozen=True, slots=True)
class Dot:
    """A tested group in a picture, with its value of the picture's metric."""

    group: Group
    measurement: Measurement


@dataclass(frozen=True)
class Picture:
    """A dot plot of one metric: the value of each tested group, with its bounds.

    :param metric: short name
    :param axis: the axis
    :param dots: the groups that are drawn, the worst first
    :param omitted: number of tested groups that are not drawn
    :param decimals: number of decimals of the values
    :param below: meaning of values left of parity; empty for a metric that is never below it
    :param above: meaning of values right of parity
    :param parity: the value that means equal treatment
    :param compared_with: name of the values that are drawn beside those of the metric
    """

    metric: str
    axis: Axis
    dots: tuple[Dot, ...]
    omitted: int
    decimals: int
    below: str
    above: str
    parity: float = 0.0
    compared_with: str = "before"

    @property
    def outcomes(self) -> frozenset[Outcome | None]:
        """The outcomes that occur in the picture, for its legend."""
        return frozenset(dot.measurement.outcome for dot in self.dots)

    @property
    def intervals(self) -> bool:
        """Return whether any value has a confidence interval."""
        return any(dot.measurement.interval for dot in self.dots)

    @property
    def bounded(self) -> bool:
        """Return whether any value has a bound."""
        return any(dot.measurement.low is not None or dot.measurement.high is not None for dot in self.dots)

    @property
    def compared(self) -> bool:
        """Return whether any value is compared with another one: before balancing, or of the labels."""
        return any(dot.measurement.before is not None for dot in self.dots)

    @property
    def long_names(self) -> bool:
        """Return whether any name is longer than a word or two."""
        return has_long_name(dot.group.value for dot in self.dots)


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
    metric = get_metric(column.metric)
    signed = metric.lowest < 0
    # A single threshold t bounds |value|. For a metric that is never negative, -t would leave half the picture empty.
    shown = points if signed else [point for point in points if point >= 0 or point in _list_values(measurements)]
    explanation = get_explanation(column.metric)
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
