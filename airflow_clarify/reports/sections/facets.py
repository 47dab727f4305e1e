"""The section of a facet: its tested groups with their measurements, the worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_clarify.bias.contingency import Split
from airflow_clarify.bias.post_training import get_metric
from airflow_clarify.bias.results import HIDDEN_REASON, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.verdict import Finding, Outcome, Verdict
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import GroupName, Name, has_long_name
from airflow_clarify.reports.sections.comparison import match_groups
from airflow_clarify.reports.sections.predictions import GroupPredictions, StageChange, build_predictions, build_stages

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Thresholds
    from airflow_clarify.reports.sections.distribution import Distribution
    from airflow_clarify.reports.sections.pictures import Picture

_MAX_NAMES = 10
_HEAT_STEPS = 6
#: Absolute values below this are rounding errors and count as zero.
_ZERO_TOLERANCE = 1e-9
#: Sort key of outcomes, worst first; None means not judged.
RANK = {Outcome.VIOLATION: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2, None: 3, Outcome.IGNORED: 4}


@dataclass(frozen=True, slots=True)
class Measurement:
    """The value of one metric for one tested group, with the result of its check.

    :param metric: short name
    :param value: the value; None if it is not defined
    :param error: why the value is not defined
    :param outcome: outcome of the check; None if no threshold applies
    :param low: lower bound, if there is one
    :param high: upper bound, if there is one
    :param interval: the confidence interval that was checked, if there is one
    :param before: the value before the data were balanced, if there was one
    :param heat: shade of the cell, relative to the largest value of its metric and facet: 0 (at parity) to 6 (largest)
    :param parity: the value that means equal treatment: 1 for a ratio, otherwise 0
    :param p_value: the p-value of the bounds, adjusted for the number of questions; None without a correction
    """

    metric: str
    value: float | None
    error: str | None = None
    outcome: Outcome | None = None
    low: float | None = None
    high: float | None = None
    interval: tuple[float, float] | None = None
    before: float | None = None
    heat: int = 0
    parity: float = 0.0
    p_value: float | None = None

    @property
    def hidden(self) -> bool:
        """Return whether the value is hidden, since a small count could be computed from it."""
        return self.value is None and bool(self.error) and str(self.error).startswith(HIDDEN_REASON)

    @property
    def distance(self) -> float:
        """The distance of the value from parity."""
        return 0.0 if self.value is None else measure_distance(self.value, self.parity)

    @property
    def severity(self) -> tuple[int, float, float]:
        """Sort key, worst first: by outcome, then by the distance beyond the bounds, or from parity without.

        Ties, which are common after balancing, are broken by the distance from parity before.
        """
        rank = RANK[self.outcome]
        earlier = 0.0 if self.before is None else -measure_distance(self.before, self.parity)
        if self.value is None:
            # An undefined value that is a violation sorts first; without a check it cannot be compared, and sorts last.
            return rank, -math.inf if self.outcome is Outcome.VIOLATION else math.inf, earlier
        beyond = [self.value - self.high] if self.high is not None else []
        beyond += [self.low - self.value] if self.low is not None else []
        # Values that differ by rounding only are ties.
        return rank, -round(max(beyond, default=self.distance), 12), earlier


@dataclass(frozen=True, slots=True)
class Group:
    """A tested group: a row of the overview.

    :param key: the facet value as in the analysis
    :param value: the facet value for display
    :param where: the column and the value
    :param measurements: one per metric, in the order of the report's columns
    :param split: the group's counts and those of all other rows; None if the analysis has no counts
    :param rows_before: the group's rows before the data were balanced
    :param too_few: whether the group has fewer rows than the thresholds require
    """

    key: str
    value: Name
    where: GroupName
    measurements: tuple[Measurement, ...]
    split: Split | None = None
    rows_before: int | None = None
    too_few: bool = False

    def get_measurement(self, metric: str) -> Measurement | None:
        """Return the measurement of a metric."""
        return next((each for each in self.measurements if each.metric == metric), None)

    @property
    def hidden(self) -> bool:
        """Return whether counts and metrics of the group are hidden, as a small count could be computed from them."""
        return self.split is None and any(each.hidden for each in self.measurements)

    @property
    def outcome(self) -> Outcome | None:
        """The worst outcome of the group's checks."""
        judged = [each.outcome for each in self.measurements if each.outcome is not None]
        return min(judged, key=RANK.__getitem__, default=None)

    @property
    def share(self) -> float | None:
        """The share of the group's labels that are positive."""
        return self.split.d_positive.compute_share(self.split.d) if self.split else None

    @property
    def rest_share(self) -> float | None:
        """The share of all other rows' labels that are positive."""
        return self.split.a_positive.compute_share(self.split.a) if self.split else None


@dataclass(frozen=True, slots=True)
class Column:
    """A metric column of the overview.

    :param metric: short name
    :param decimals: number of decimals of its values
    :param predicted: whether it is a metric of the predictions
    :param judged: whether any of its values was judged
    """

    metric: str
    decimals: int
    predicted: bool = False
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Undefined:
    """The reason why a metric is not defined for one or more tested groups.

    :param metric: short name
    :param error: the reason
    :param named: the first of the tested groups
    :param others: number of tested groups that are not named
    """

    metric: str
    error: str
    named: tuple[Name, ...]
    others: int


@dataclass(frozen=True)
class FacetSection:
    """The section of one facet column.

    :param column: name of the column
    :param columns: the metric columns of the overview
    :param groups: the tested groups, the worst first
    :param undefined: the metrics that are not defined, with the reason
    :param counted: whether the analysis has counts
    :param pictures: the picture of the primary metric, then those of other metrics that did not pass; empty outside a
        report
    :param distribution: distribution of the rows over the tested groups; None without counts and outside a report
    :param predictions: confusion matrix and rates of each group; empty if predictions were not counted
    :param stages: the differences in labels and predictions; empty if one of them was not measured
    """

    column: Name
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    undefined: tuple[Undefined, ...]
    counted: bool
    pictures: tuple[Picture, ...] = ()
    distribution: Distribution | None = None
    predictions: tuple[GroupPredictions, ...] = ()
    stages: tuple[StageChange, ...] = ()

    @property
    def long_names(self) -> bool:
        """Return whether any name is longer than a word or two."""
        return has_long_name(group.value for group in self.groups)

    @property
    def judged(self) -> bool:
        """Return whether any value was judged."""
        return any(group.outcome is not None for group in self.groups)

    @property
    def outcomes(self) -> frozenset[Outcome]:
        """The outcomes that occur in the overview, for its legend."""
        found = (each.outcome for group in self.groups for each in group.measurements)
        return frozenset(outcome for outcome in found if outcome is not None)


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


def build_facets(
    analysis: Analysis, verdict: Verdict | None, thresholds: Thresholds | None, before: Analysis | None
) -> tuple[FacetSection, ...]:
    """Build the sections of all facets, from which files, log and overview are rendered.

    :param analysis: the analysis
    :param verdict: the verdict on it
    :param thresholds: the rules behind the verdict
    :param before: the analysis of the same data before they were balanced
    """
    inputs = ReportInputs(analysis, verdict, before, min_rows=thresholds.min_rows if thresholds else 0)
    return tuple(_build_facet_section(facet, inputs) for facet in analysis.facets)


def _build_facet_section(facet: FacetAnalysis, inputs: ReportInputs) -> FacetSection:
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
        undefined=tuple(_list_undefined(inputs.metrics, groups)),
        counted=any(group.split is not None for group in groups),
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
    return get_metric(metric).stage == "post_training"


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
    parity = get_metric(metric.name).parity
    distance = 0.0 if metric.value is None else measure_distance(metric.value, parity)
    size = 0.0 if largest < _ZERO_TOLERANCE else min(1.0, distance / largest)
    return Measurement(
        metric=metric.name,
        value=metric.value,
        error=metric.error,
        outcome=finding.shown_outcome if finding else None,
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
    parity = get_metric(metric).parity
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


def measure_distance(value: float, parity: float) -> float:
    """Measure how far a value is from parity: for a ratio, a half is as far as twice.

    :param value: the value of a metric
    :param parity: 1 for a ratio, otherwise 0
    :return: the distance, at least 0
    """
    if not parity:
        return abs(value)
    return math.inf if value <= 0 else max(value / parity, parity / value) - 1
