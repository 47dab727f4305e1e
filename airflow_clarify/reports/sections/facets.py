"""Build the section of a facet: its tested groups with their measurements, the worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.thresholds import Finding, Verdict
from airflow_clarify.reports import formatting, interpretations
from airflow_clarify.reports.formatting import GroupName, Name
from airflow_clarify.reports.model import (
    RANK,
    Column,
    FacetSection,
    Group,
    Measurement,
    Undefined,
    measure_distance,
)
from airflow_clarify.reports.sections.comparison import match_groups
from airflow_clarify.reports.sections.distribution import build_distribution
from airflow_clarify.reports.sections.pictures import build_pictures
from airflow_clarify.reports.sections.predictions import build_predictions, build_stages
from airflow_clarify.reports.sections.verdict_section import get_shown_outcome

_MAX_NAMES = 10
_HEAT_STEPS = 6
#: Absolute values below this are rounding errors and count as zero.
_ZERO_TOLERANCE = 1e-9


@dataclass(frozen=True)
class ReportInputs:
    """Hold the inputs of a report, with look-ups by tested group."""

    analysis: Analysis
    verdict: Verdict | None
    before: Analysis | None
    min_rows: int = 0

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the report shows: those of the analysis, and DIL beside the other metrics of labels."""
        judged = {metric for _, _, metric in self._findings}
        own = set(self.analysis.available_metrics) - {*self.analysis.methods}
        labelled = "pre_training" in self.analysis.stages
        shown = {*self.analysis.methods, *(metric for metric in own if labelled or metric in judged)}
        return tuple(sorted(shown, key=lambda metric: (_is_predicted(metric), metric)))

    @cached_property
    def primary(self) -> str | None:
        """The metric that is drawn: DPL or DPPL, or the first judged metric if that is not judged."""
        judged = {metric for _, _, metric in self._findings}
        candidates = [metric for metric in self.metrics if metric in judged] or list(self.metrics)
        return next((name for name in ("DPL", "DPPL") if name in candidates), next(iter(candidates), None))

    @cached_property
    def _findings(self) -> Mapping[tuple[str, str, str], Finding]:
        # The first finding is the worst: an analysis from another source can have two groups of the same name.
        return {(f.facet, f.value, f.metric): f for f in reversed(self.verdict.findings)} if self.verdict else {}

    @cached_property
    def _earlier(self) -> Mapping[tuple[str, str], FacetResult]:
        return dict(match_groups(self.analysis, self.before)) if self.before else {}

    def get_finding(self, facet: FacetAnalysis, result: FacetResult, metric: str) -> Finding | None:
        """Return the finding about a metric of a tested group."""
        return self._findings.get((facet.column, result.value, metric))

    def get_earlier(self, facet: FacetAnalysis, result: FacetResult) -> FacetResult | None:
        """Return the result of a tested group before the data were balanced."""
        return self._earlier.get((facet.column, result.value))


def build_facet_section(facet: FacetAnalysis, inputs: ReportInputs) -> FacetSection:
    """Build the section of a facet column: its groups, the worst first, and everything that is shown about them.

    :param facet: the measured facet
    :param inputs: the inputs of the report
    """
    primary = inputs.primary
    largest = {metric: _find_largest(metric, facet, inputs) for metric in inputs.metrics}
    groups = sorted(
        (_build_group(facet, result, largest, inputs) for result in facet.results),
        key=lambda group: _rank_severity(group, primary),
    )
    columns = tuple(_build_column(metric, groups) for metric in inputs.metrics)
    order = [group.key for group in groups]
    stages = build_stages(facet, order)
    return FacetSection(
        column=formatting.build_name(facet.column),
        columns=columns,
        groups=tuple(groups),
        pictures=tuple(build_pictures(columns, groups, primary)),
        undefined=tuple(_list_undefined(inputs.metrics, groups)),
        counted=any(group.split is not None for group in groups),
        distribution=build_distribution(facet),
        predictions=build_predictions(facet, order),
        stages=stages,
    )


def _build_column(metric: str, groups: Sequence[Group]) -> Column:
    measurements = [each for group in groups if (each := group.get_measurement(metric)) is not None]
    return Column(
        metric,
        _choose_decimals(measurements),
        predicted=_is_predicted(metric),
        judged=any(each.outcome is not None for each in measurements),
    )


def _is_predicted(metric: str) -> bool:
    return interpretations.get_metric(metric).stage == "post_training"


def _build_group(
    facet: FacetAnalysis, result: FacetResult, largest: Mapping[str, float], inputs: ReportInputs
) -> Group:
    earlier = inputs.get_earlier(facet, result)
    measurements = tuple(
        _build_measurement(
            metric,
            inputs.get_finding(facet, result, name),
            earlier.metric(name) if earlier else None,
            largest[name],
        )
        for name in inputs.metrics
        if (metric := result.metric(name)) is not None
    )
    return Group(
        key=result.value,
        value=formatting.build_name(result.value),
        where=GroupName(facet.column, result.value),
        measurements=measurements,
        split=result.split,
        rows_before=earlier.split.d.rows if earlier and earlier.split else None,
        too_few=result.split is not None and result.split.d.rows < inputs.min_rows,
    )


def _build_measurement(
    metric: MetricResult, finding: Finding | None, earlier: MetricResult | None, largest: float
) -> Measurement:
    parity = interpretations.get_metric(metric.name).parity
    distance = 0.0 if metric.value is None else measure_distance(metric.value, parity)
    size = 0.0 if largest < _ZERO_TOLERANCE else min(1.0, distance / largest)
    return Measurement(
        metric=metric.name,
        value=metric.value,
        error=metric.error,
        outcome=get_shown_outcome(finding) if finding else None,
        low=finding.low if finding else None,
        high=finding.high if finding else None,
        interval=finding.interval if finding else None,
        before=earlier.value if earlier else None,
        heat=math.ceil(_HEAT_STEPS * size - 0.5),
        parity=parity,
        p_value=finding.p_value if finding else None,
    )


def _find_largest(metric: str, facet: FacetAnalysis, inputs: ReportInputs) -> float:
    """Return the distance from parity that gets the darkest shade: that of the largest value or bound of a metric.

    The value of a facet with a single tested group is compared with its bounds only, since there is no other value.
    """
    sizes = [0.0]
    parity = interpretations.get_metric(metric).parity
    alone = len(facet.results) == 1
    for result in facet.results:
        measured, finding = result.metric(metric), inputs.get_finding(facet, result, metric)
        numbers = [measured.value if measured and not alone else None]
        numbers += [finding.low, finding.high] if finding else []
        sizes += [measure_distance(number, parity) for number in numbers if number is not None]
    return max(size for size in sizes if math.isfinite(size))


def _choose_decimals(measurements: Iterable[Measurement]) -> int:
    """Choose the number of decimals of a metric: four, or up to six if all its values are small."""
    values = [each.value for each in measurements if each.value is not None]
    largest = max((abs(value) for value in values if math.isfinite(value)), default=1.0)
    if largest < _ZERO_TOLERANCE or largest >= 0.1:
        return 4
    return 5 if largest >= 0.01 else 6


def _rank_severity(group: Group, primary: str | None) -> tuple[int, tuple[int, float, float]]:
    measurement = group.get_measurement(primary) if primary else None
    return RANK[group.outcome], measurement.severity if measurement else (0, 0.0, 0.0)


def _list_undefined(methods: Sequence[str], groups: Iterable[Group]) -> Iterator[Undefined]:
    which: dict[tuple[str, str], list[Name]] = {}
    for group in groups:
        for measurement in group.measurements:
            if measurement.value is None or not math.isfinite(measurement.value):
                error = measurement.error or ("no value" if measurement.value is None else "its value is infinite")
                which.setdefault((measurement.metric, error), []).append(group.value)
    for (metric, error), names in sorted(which.items(), key=lambda item: methods.index(item[0][0])):
        yield Undefined(metric, error, tuple(names[:_MAX_NAMES]), max(0, len(names) - _MAX_NAMES))
