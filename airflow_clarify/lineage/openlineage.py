"""Build the OpenLineage lineage of tasks: datasets read and written, metrics, and assertions.

Only OpenLineage's extractor calls this module, after a task has ended and outside of it, so that an error here cannot
fail a task. No other module may import it, because it requires the provider ``openlineage``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    InputDatasetFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    output_statistics_output_dataset,
)

from airflow_clarify.bias.analysis import display_name
from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.lineage.dataset import DatasetName, build_path_name, list_dataset_names

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.resampling import BalanceResult
    from airflow_clarify.bias.subgroups.result import SubgroupSearch
    from airflow_clarify.bias.thresholds import Finding, Verdict

#: Limits on the size of an event, which a catalogue stores.
_MAX_METRICS = 200
_MAX_ASSERTIONS = 500

_Kind = TypeVar("_Kind")


@attr.define
class BiasMetric:
    """Value of a metric for a tested group.

    :param metric: short name, such as "DPL"
    :param facet: the facet column
    :param value: the tested group
    :param measured: its value; "Infinity" or "-Infinity" if it is infinite
    """

    metric: str
    facet: str
    value: str
    measured: float | str


@attr.define
class BiasMetricsInputDatasetFacet(InputDatasetFacet):
    """Bias metrics of a dataset, as a custom OpenLineage facet.

    :param label: the label column
    :param positive: the positive label, as Clarify writes it
    :param metrics: in descending order of magnitude
    :param omitted: number of further metrics
    """

    label: str
    positive: str
    metrics: list[BiasMetric]
    omitted: int = 0


@attr.define
class Subgroup:
    """A finding of a search for subgroups.

    :param group: its columns and values, such as "sex=F and region=north"
    :param rows: number of its rows
    :param value: the metric of the subgroup against all other rows
    :param excess: the part of it that no parent explains
    """

    group: str
    rows: int
    value: float
    excess: float


@attr.define
class SubgroupsInputDatasetFacet(InputDatasetFacet):
    """The findings of a search for subgroups, as a custom OpenLineage facet.

    :param label: the label column
    :param positive: the positive label, as Clarify writes it
    :param metric: the metric by which subgroups are ranked
    :param questions: number of subgroups that were tested
    :param found: number of findings
    :param subgroups: the first of them, the worst first
    """

    label: str
    positive: str
    metric: str
    questions: int
    found: int
    subgroups: list[Subgroup]


def build_analysis_lineage(whereabouts: Mapping[str, Any], analysis: Analysis | None) -> OperatorLineage[Any, Any]:
    """Build the lineage of a measuring task.

    :param whereabouts: location of the data
    :param analysis: None if the task did not complete
    """
    names = list_dataset_names(whereabouts)
    if analysis is None:
        return OperatorLineage(inputs=[InputDataset(*name) for name in names])
    # The metrics of a query over several tables do not describe any one of them.
    facets = (
        {}
        if len(names) > 1
        else {"dataQualityMetrics": _build_row_facets(analysis), "clarify_biasMetrics": _build_bias_facets(analysis)}
    )
    return OperatorLineage(
        inputs=[InputDataset(*name, inputFacets=dict(facets)) for name in names],
        outputs=[OutputDataset(*build_path_name(location)) for location in analysis.outputs.values()],
    )


def build_search_lineage(whereabouts: Mapping[str, Any], found: SubgroupSearch | None) -> OperatorLineage[Any, Any]:
    """Build the lineage of a search for subgroups.

    :param whereabouts: location of the data
    :param found: the result as it is shown; None if the task did not complete
    """
    names = list_dataset_names(whereabouts)
    if found is None:
        return OperatorLineage(inputs=[InputDataset(*name) for name in names])
    rows = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(columnMetrics={}, rowCount=found.rows)
    facet = SubgroupsInputDatasetFacet(
        label=found.label,
        positive=found.label_value_or_threshold,
        metric=found.metric,
        questions=found.questions,
        found=found.found,
        subgroups=[
            Subgroup(display_name(one.name), one.rows, one.value, one.excess) for one in found.subgroups[:_MAX_METRICS]
        ],
    )
    # The findings in a query over several tables do not describe any one of them.
    facets: dict[str, Any] = {} if len(names) > 1 else {"dataQualityMetrics": rows, "clarify_subgroups": facet}
    return OperatorLineage(
        inputs=[InputDataset(*name, inputFacets=dict(facets)) for name in names],
        outputs=[OutputDataset(*build_path_name(location)) for location in found.outputs.values()],
    )


def build_verdict_lineage(
    whereabouts: Sequence[Mapping[str, Any]], verdicts: Sequence[Verdict], *, stops: bool, inconclusive_passes: bool
) -> OperatorLineage[Any, Any]:
    """Build the lineage of a gate.

    :param whereabouts: location of the data of each analysis; empty if unknown
    :param verdicts: one for each
    :param stops: whether a violation stops the DAG
    :param inconclusive_passes: whether an inconclusive check passes
    """
    passing = {Outcome.PASS, Outcome.INCONCLUSIVE} if inconclusive_passes else {Outcome.PASS}
    severity = "error" if stops else "warn"
    assertions: dict[DatasetName, list[Any]] = {}
    for where, verdict in zip(whereabouts, verdicts, strict=True):
        made = [_build_dataset_assertion(reason, severity) for reason in verdict.reasons]
        made += [
            _build_assertion(one, passing, severity) for one in verdict.findings if one.outcome is not Outcome.IGNORED
        ]
        for name in list_dataset_names(where) if where else ():
            assertions.setdefault(name, []).extend(made)
    return OperatorLineage(
        inputs=[
            InputDataset(
                *name,
                inputFacets={
                    "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
                        assertions=made[:_MAX_ASSERTIONS]
                    )
                },
            )
            for name, made in assertions.items()
        ]
    )


def build_empty_lineage() -> OperatorLineage[Any, Any]:
    """Return the empty lineage of a task without results."""
    return OperatorLineage()


def build_balance_lineage(
    source: Mapping[str, Any], target: Mapping[str, Any], result: BalanceResult | None
) -> OperatorLineage[Any, Any]:
    """Build the lineage of a balancing task.

    :param source: location of the dataset
    :param target: location of the balanced copy
    :param result: None if the task did not complete
    """
    read, written = list_dataset_names(source), list_dataset_names(target)
    if result is None:
        return OperatorLineage(inputs=[InputDataset(*name) for name in read])
    metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        columnMetrics={}, rowCount=result.rows_in
    )
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=result.rows_out)
    return OperatorLineage(
        inputs=[
            InputDataset(*name, inputFacets={"dataQualityMetrics": metrics} if len(read) == 1 else {}) for name in read
        ],
        outputs=[
            OutputDataset(
                *name,
                outputFacets={"outputStatistics": statistics},
                facets={"columnLineage": _build_column_lineage(result, read[0])} if len(read) == 1 else {},
            )
            for name in written
        ],
    )


def _build_row_facets(analysis: Analysis) -> Any:
    """Build the facet with the number of rows, and the counts of the label column."""
    columns = {}
    labels = analysis.facets[0].labels
    if labels:
        missing = labels.get(None)
        columns[analysis.label] = data_quality_metrics_input_dataset.ColumnMetrics(
            nullCount=0 if missing is None else missing.rows,
            distinctCount=sum(label is not None for label in labels),
            count=analysis.rows,
        )
    return data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        columnMetrics=columns, rowCount=analysis.rows
    )


def _build_bias_facets(analysis: Analysis) -> BiasMetricsInputDatasetFacet:
    measured = [
        (metric.name, facet.column, result.value, metric.value)
        for facet, result in analysis.results()
        for metric in result.metrics
        if metric.value is not None
    ]
    measured.sort(key=lambda one: -abs(one[3]))
    return BiasMetricsInputDatasetFacet(
        label=analysis.label,
        positive=analysis.label_value_or_threshold,
        metrics=[
            BiasMetric(name, display_name(column), display_name(value), _number_to_json(number))
            for name, column, value, number in measured[:_MAX_METRICS]
        ],
        omitted=max(0, len(measured) - _MAX_METRICS),
    )


def _build_assertion(finding: Finding, passing: Iterable[Outcome], severity: str) -> Any:
    where = f"{finding.metric} of {display_name(finding.facet)}={display_name(finding.value)}"
    low = "-inf" if finding.low is None else f"{finding.low:g}"
    high = "inf" if finding.high is None else f"{finding.high:g}"
    name = f"{where} within [{low}, {high}]"
    return _build_facet(
        data_quality_assertions_dataset.Assertion,
        assertion=name,
        success=finding.outcome in passing,
        column=finding.facet,
        severity=severity,
        name=name,
        description=finding.reason or None,
        expected=f"[{low}, {high}]",
        actual=None if finding.measured is None else str(_number_to_json(finding.measured)),
    )


def _build_dataset_assertion(reason: str, severity: str) -> Any:
    """Build a failed assertion on the dataset as a whole."""
    return _build_facet(
        data_quality_assertions_dataset.Assertion,
        assertion="the data are fit to be judged",
        success=False,
        severity=severity,
        name="the data are fit to be judged",
        description=reason,
    )


def _build_column_lineage(result: BalanceResult, source: DatasetName) -> Any:
    """Build the column lineage: the columns of the strata determine the selected rows and the weights."""
    strata = [column_lineage_dataset.InputField(*source, field=column) for column in result.by]
    weights = {} if result.weight_column is None else {result.weight_column: strata}
    same = {column: [field] for column, field in zip(result.by, strata, strict=True)}
    return _build_facet(
        column_lineage_dataset.ColumnLineageDatasetFacet,
        fields={
            name: column_lineage_dataset.Fields(inputFields=fields) for name, fields in {**same, **weights}.items()
        },
        dataset=strata,
    )


def _build_facet(kind: type[_Kind], **values: Any) -> _Kind:
    """Build a facet from those values that the installed version of OpenLineage supports."""
    known = {field.name for field in attr.fields(cast(Any, kind))}
    return kind(**{name: value for name, value in values.items() if name in known})


def _number_to_json(value: float) -> float | str:
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
