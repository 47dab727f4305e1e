"""Build the model of a report from an analysis and its verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.thresholds import Finding, Outcome, Thresholds, Verdict
from airflow_clarify.io.redaction import redact_secrets
from airflow_clarify.reports import formatting, interpretations
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.formatting import GroupName, Name, Sentence
from airflow_clarify.reports.model import (
    RANK,
    Column,
    Dot,
    FacetSection,
    Group,
    Measurement,
    MetricSection,
    Picture,
    Report,
    Undefined,
)
from airflow_clarify.reports.sections.comparison import list_incomparable, match_groups
from airflow_clarify.reports.sections.distribution import build_distribution, build_label_section
from airflow_clarify.reports.sections.provenance import NO_HASHES, list_evidence, redact_document
from airflow_clarify.reports.sections.verdict_section import build_verdict_section

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig

#: Maximum number of tested groups in the picture of the primary metric, and in that of any other metric.
MAX_DOTS = 40
MAX_DOTS_OTHER_METRICS = 10
_MAX_NAMES = 10
_HEAT_STEPS = 6
#: Absolute values below this are rounding errors and count as zero.
_ZERO_TOLERANCE = 1e-9
_EVERY_GROUP = "every group"
_TITLE = "Analysis Report"


def build_report(
    analysis: Analysis,
    *,
    verdict: Verdict | None = None,
    thresholds: Thresholds | None = None,
    config: AnalysisConfig | None = None,
    title: str = _TITLE,
    before: Analysis | None = None,
    created: datetime | None = None,
    data: str = "",
    hashes: Mapping[str, str] = NO_HASHES,
) -> Report:
    """Build the report model of an analysis and its verdict.

    :param analysis: the measured metrics and counts
    :param verdict: the verdict; if None and ``thresholds`` are given, they are applied to the analysis
    :param thresholds: the rules behind the verdict
    :param config: the configuration of the analysis
    :param title: the report's title; a blank one is replaced by the default, since a page and a PDF must have a title
    :param before: the analysis of the same data before they were balanced
    :param created: creation time of the report; None means now
    :param data: location of the data (an input path, a table or a query), listed as evidence
    :param hashes: SHA-256 of the files that contain the numbers, by file name, listed as evidence
    :return: the model that every renderer lays out
    :raises ThresholdError: ``thresholds`` refer to a facet or metric that the analysis does not contain
    :raises DataError: ``thresholds`` need counts, and the analysis has none
    """
    if verdict is None and thresholds is not None:
        verdict = thresholds.judge(analysis)
    moment = _format_utc(created or datetime.now(UTC))
    dataset = analysis.data_name or formatting.shorten(
        " ".join(redact_secrets(data).split()), formatting.MAX_NAME_LENGTH
    )
    primary = _choose_primary_metric(analysis.methods, verdict.findings if verdict else ())
    inputs = ReportInputs(analysis, verdict, before, primary, min_rows=thresholds.min_rows if thresholds else 0)
    facets = tuple(_build_facet_section(facet, inputs) for facet in analysis.facets)
    order = sorted(analysis.methods, key=lambda metric: metric != primary)
    return Report(
        title=title if title.strip() else _TITLE,
        verdict=build_verdict_section(verdict, thresholds),
        rows=analysis.rows,
        rows_before=before.rows if before else None,
        weight=_sum_weight(analysis),
        labels=build_label_section(analysis),
        facets=facets,
        metrics=tuple(_build_metric_section(metric, analysis, facets, before) for metric in order),
        warnings=_build_warnings(analysis, verdict, config, before),
        compared=before is not None,
        configuration=_format_configuration(config) if config else "",
        provenance=tuple(list_evidence(analysis, before=before, data=data, hashes=hashes, created=moment)),
        created=moment,
        origin=tuple(_describe_origin(analysis, dataset)),
        dataset=dataset,
        run=_name_run(analysis.run),
    )


def _format_configuration(config: AnalysisConfig) -> str:
    # The declared types are no part of Clarify's configuration, but they affect the numbers, so they are shown too.
    document = {**config.document, **config.declared_types}
    return json.dumps(redact_document(document), indent=2, ensure_ascii=False)


def _describe_origin(analysis: Analysis, dataset: str) -> Iterator[tuple[str, Name]]:
    """List the data, the Airflow run and its date, for the top of the report."""
    if dataset:
        yield "Data", formatting.build_name(dataset)
    run = analysis.run
    if "dag_id" in run:
        yield "DAG", formatting.build_name(run["dag_id"])
        task = run.get("task_id", "")
        yield "Task", formatting.build_name(f"{task} [{run['instance']}]" if "instance" in run else task)
        yield "Run", formatting.build_name(run.get("run_id", ""))
    if date := formatting.format_date(run.get("date", "")):
        yield "Date", formatting.build_name(date)


def _name_run(run: Mapping[str, str]) -> str:
    """Format the DAG and the date of its run, or the run id if it has no date, for a title."""
    if "dag_id" not in run:
        return ""
    return f"{run['dag_id']}, {formatting.format_date(run.get('date', '')) or run.get('run_id', '')}"


def _format_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _choose_primary_metric(methods: Sequence[str], findings: Iterable[Finding]) -> str | None:
    """Choose the metric to draw: DPL, or the first judged metric if DPL is not judged."""
    judged = {finding.metric for finding in findings}
    candidates = [metric for metric in methods if metric in judged] or list(methods)
    return "DPL" if "DPL" in candidates else next(iter(candidates), None)


@dataclass(frozen=True)
class ReportInputs:
    """Hold the inputs of a report, with look-ups by tested group."""

    analysis: Analysis
    verdict: Verdict | None
    before: Analysis | None
    primary: str | None
    min_rows: int

    @cached_property
    def _findings(self) -> Mapping[tuple[str, str, str], Finding]:
        return {(f.facet, f.value, f.metric): f for f in self.verdict.findings} if self.verdict else {}

    @cached_property
    def _earlier(self) -> Mapping[tuple[str, str], FacetResult]:
        return dict(match_groups(self.analysis, self.before)) if self.before else {}

    def get_finding(self, facet: FacetAnalysis, result: FacetResult, metric: str) -> Finding | None:
        """Return the finding about a metric of a tested group."""
        return self._findings.get((facet.column, result.value, metric))

    def get_earlier(self, facet: FacetAnalysis, result: FacetResult) -> FacetResult | None:
        """Return the result of a tested group before the data were balanced."""
        return self._earlier.get((facet.column, result.value))


# --- Facets -------------------------------------------------------------------------------------------------------


def _build_facet_section(facet: FacetAnalysis, inputs: ReportInputs) -> FacetSection:
    methods, primary = inputs.analysis.methods, inputs.primary
    largest = {metric: _find_largest(metric, facet, inputs) for metric in methods}
    groups = [_build_group(facet, result, largest, inputs) for result in facet.results]
    columns = tuple(Column(metric, _choose_decimals(metric, groups)) for metric in methods)
    return FacetSection(
        column=formatting.build_name(facet.column),
        columns=columns,
        groups=tuple(sorted(groups, key=lambda group: _rank_severity(group, primary))),
        pictures=tuple(_build_pictures(columns, groups, primary)),
        undefined=tuple(_list_undefined(methods, groups)),
        counted=any(group.split is not None for group in groups),
        distribution=build_distribution(facet),
    )


def _build_group(
    facet: FacetAnalysis, result: FacetResult, largest: Mapping[str, float], inputs: ReportInputs
) -> Group:
    earlier = inputs.get_earlier(facet, result)
    measurements = tuple(
        _build_measurement(
            metric,
            inputs.get_finding(facet, result, metric.name),
            earlier.metric(metric.name) if earlier else None,
            largest[metric.name],
        )
        for metric in result.metrics
    )
    return Group(
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
    size = 0.0 if metric.value is None or largest < _ZERO_TOLERANCE else min(1.0, abs(metric.value) / largest)
    return Measurement(
        metric=metric.name,
        value=metric.value,
        error=metric.error,
        outcome=finding.outcome if finding else None,
        low=finding.low if finding else None,
        high=finding.high if finding else None,
        interval=finding.interval if finding else None,
        before=earlier.value if earlier else None,
        heat=math.ceil(_HEAT_STEPS * size - 0.5),
    )


def _find_largest(metric: str, facet: FacetAnalysis, inputs: ReportInputs) -> float:
    """Return the absolute value that gets the darkest shade: the largest value or bound of a metric.

    The value of a facet with a single tested group is compared with its bounds only, since there is no other value.
    """
    sizes = [0.0]
    alone = len(facet.results) == 1
    for result in facet.results:
        measured, finding = result.metric(metric), inputs.get_finding(facet, result, metric)
        numbers = [measured.value if measured and not alone else None]
        numbers += [finding.low, finding.high] if finding else []
        sizes += [abs(number) for number in numbers if number is not None and math.isfinite(number)]
    return max(sizes)


def _choose_decimals(metric: str, groups: Iterable[Group]) -> int:
    """Choose the number of decimals of a metric: four, or up to six if all its values are small."""
    values = [
        measurement.value
        for group in groups
        if (measurement := group.get_measurement(metric)) and measurement.value is not None
    ]
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


# --- Pictures -----------------------------------------------------------------------------------------------------


def _build_pictures(columns: Iterable[Column], groups: Sequence[Group], primary: str | None) -> Iterator[Picture]:
    """Build the picture of the primary metric, then of each metric that some tested group violates."""
    for column in sorted(columns, key=lambda column: column.metric != primary):
        dots = [
            Dot(group, measurement)
            for group in groups
            if (measurement := group.get_measurement(column.metric)) is not None
        ]
        troubled = any(dot.measurement.outcome in (Outcome.VIOLATION, Outcome.INCONCLUSIVE) for dot in dots)
        if dots and (column.metric == primary or troubled):
            max_dots = MAX_DOTS if column.metric == primary else MAX_DOTS_OTHER_METRICS
            yield _build_picture(column, sorted(dots, key=lambda dot: dot.measurement.severity), max_dots)


def _build_picture(column: Column, dots: Sequence[Dot], max_dots: int) -> Picture:
    drawn = tuple(dots[:max_dots])
    measurements = [dot.measurement for dot in drawn]
    points = [
        number
        for measurement in measurements
        for number in (measurement.value, measurement.before, measurement.low, measurement.high)
        if number is not None
    ]
    signed = METRICS[column.metric].lowest < 0
    # A single threshold t bounds |value|. For a metric that is never negative, -t would leave half the picture empty.
    shown = points if signed else [point for point in points if point >= 0 or point in _list_values(measurements)]
    explanation = interpretations.EXPLANATIONS[column.metric]
    return Picture(
        metric=column.metric,
        axis=Axis.from_points(
            shown, [measurement.interval for measurement in measurements if measurement.interval], signed=signed
        ),
        dots=drawn,
        omitted=len(dots) - len(drawn),
        decimals=column.decimals,
        below=explanation.below,
        above=explanation.above,
    )


def _list_values(measurements: Iterable[Measurement]) -> set[float | None]:
    return {number for measurement in measurements for number in (measurement.value, measurement.before)}


# --- Metrics ------------------------------------------------------------------------------------------------------


def _build_metric_section(
    metric: str, analysis: Analysis, facets: Iterable[FacetSection], before: Analysis | None
) -> MetricSection:
    explanation = interpretations.EXPLANATIONS[metric]
    decimals = max((c.decimals for facet in facets for c in facet.columns if c.metric == metric), default=4)
    worst, reading = _find_worst(metric, analysis, facets, decimals)
    return MetricSection(
        name=metric,
        title=explanation.title,
        question=METRICS[metric].question,
        formula=explanation.formula,
        value_range=interpretations.get_value_range(metric),
        worst=worst,
        reading=reading,
        before=_find_largest_value(metric, before, decimals) if before else None,
        after=_name_worst_group(metric, analysis, worst) if before else None,
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
    if math.isinf(value):
        return worst, ("an outcome that occurs among all others never occurs in rows with ", group.where)
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
    where, value = max(measured, key=lambda candidate: abs(candidate[1]))
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


# --- The whole data -----------------------------------------------------------------------------------------------


def _sum_weight(analysis: Analysis) -> str | None:
    first = analysis.facets[0]
    if not analysis.weighted or first.positive is None or first.negative is None:
        return None
    return formatting.format_amount(first.positive + first.negative, weighted=True)


def _build_warnings(
    analysis: Analysis, verdict: Verdict | None, config: AnalysisConfig | None, before: Analysis | None
) -> tuple[str, ...]:
    """Collect the warnings of the analysis that are not already reasons of the verdict."""
    reasons = verdict.reasons if verdict else ()
    warnings = [warning for warning in analysis.warnings if warning not in reasons]
    if config is not None and analysis.config_sha256 and config.sha256 != analysis.config_sha256:
        warnings.append(
            "the configuration shown here is not the one of this analysis: their fingerprints differ, "
            f"{config.sha256[:12]} here and {analysis.config_sha256[:12]} there"
        )
    return (*warnings, *(list_incomparable(analysis, before) if before else ()))
