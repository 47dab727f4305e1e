"""Compute the metrics of an analysis from counts, and the warnings about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_clarify.bias.contingency import NO_PREDICTIONS, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.metrics import (
    NO_GROUP_VARIABLE,
    GroupCounts,
    Metric,
    compute_conditional_demographic_disparity,
    has_dropped_outcome,
)
from airflow_clarify.bias.post_training import ALL_METRICS, FLIP_TEST_NEEDS_ROWS
from airflow_clarify.bias.results import (
    FacetAnalysis,
    FacetResult,
    MetricResult,
    display_name,
    get_stage,
    list_some,
    measure,
)
from airflow_clarify.exceptions import MetricError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis


def measure_facets(contingency: Contingency, methods: Sequence[str]) -> tuple[FacetAnalysis, ...]:
    """Compute metrics from counts.

    :param contingency: the counts of an engine
    :param methods: the names of the metrics
    :return: the results, one entry per facet column
    :raises UnfitDataError: the data have no rows
    """
    return tuple(_measure_facet(facet, methods, contingency.prediction_error) for facet in contingency.facets)


def _measure_facet(facet: FacetContingency, methods: Sequence[str], prediction_error: str | None) -> FacetAnalysis:
    positive, negative = facet.total
    if not positive.rows + negative.rows:
        raise UnfitDataError("the data hold no rows, so there is nothing to measure; check the input path")
    results = []
    for name, members in facet.list_tested():
        split = facet.split(members)
        metrics = tuple(
            _measure_from_table(ALL_METRICS[method], facet, name, members, prediction_error)
            if ALL_METRICS[method].function is None
            else measure(ALL_METRICS[method], split, prediction_error)
            for method in methods
        )
        results.append(FacetResult(name, metrics, split))
    return FacetAnalysis(facet.column, tuple(results), positive, negative, facet.label_values())


def _measure_from_table(
    metric: Metric,
    facet: FacetContingency,
    name: str,
    members: frozenset[str | None],
    prediction_error: str | None,
) -> MetricResult:
    """Compute a metric that is not a function of one split."""
    compute = {"CDDL": _compute_disparity, "CDDPL": _compute_predicted_disparity, "FT": _get_flip_test}[metric.name]
    try:
        if metric.stage == "post_training" and not facet.predicted:
            raise MetricError(prediction_error or NO_PREDICTIONS)
        return MetricResult(metric.name, compute(facet, name, members))
    except MetricError as error:
        return MetricResult(metric.name, None, str(error))


def _compute_disparity(facet: FacetContingency, name: str, members: frozenset[str | None]) -> float:
    return _condition_on_groups(facet, name, facet.total, facet.disparities, lambda: facet.groups(members))


def _compute_predicted_disparity(facet: FacetContingency, name: str, members: frozenset[str | None]) -> float:
    counted = facet.predicted_disparities
    return _condition_on_groups(facet, name, facet.predicted_total, counted, lambda: facet.predicted_groups(members))


def _condition_on_groups(
    facet: FacetContingency,
    name: str,
    total: tuple[WeightedCount, WeightedCount],
    counted: Mapping[str, float] | None,
    count_groups: Callable[[], Iterable[GroupCounts]],
) -> float:
    """Compute CDDL, or CDDPL, which is CDDL with predictions in place of labels.

    :param total: the counts of all positive and of all other labels, or predictions
    :param counted: the values that the engine has computed; None if it has counted groups
    :param count_groups: counts the groups of the facet value
    """
    if not facet.grouped:
        raise MetricError(NO_GROUP_VARIABLE)
    positive, negative = total
    if counted is not None and positive.weight and negative.weight:
        return counted.get(name, 0.0)
    return compute_conditional_demographic_disparity(
        count_groups(), positive.weight, negative.weight, facet.grouped_weight
    )


def _get_flip_test(facet: FacetContingency, name: str, members: frozenset[str | None]) -> float:
    if facet.flip_tests is None:
        raise MetricError(facet.flip_test_error or FLIP_TEST_NEEDS_ROWS)
    value = facet.flip_tests[name]
    if isinstance(value, str):
        raise MetricError(value)
    return value


# --- Warnings -----------------------------------------------------------------------------------------------------


def build_notices(analysis: Analysis, contingency: Contingency, *, expected: bool, has_groups: bool) -> list[str]:
    """Build warnings about metrics that are undefined or of limited meaning, one sentence each.

    :param analysis: the metrics
    :param contingency: the counts
    :param expected: whether the metrics are asked for by name; with "all", those that need a group variable or rows are
        omitted without a warning
    :param has_groups: whether a group variable is configured
    """
    notices = [
        sentence
        for sentence in (analysis.one_sided_label, contingency.prediction_error, analysis.one_sided_prediction)
        if sentence
    ]
    silent = set(notices)
    if not expected:
        silent |= {facet.flip_test_error or FLIP_TEST_NEEDS_ROWS for facet in contingency.facets}
        if not has_groups:
            silent.add(NO_GROUP_VARIABLE)
    for facet in analysis.facets:
        if not analysis.one_sided_label:
            notices += _build_dropped_notices(facet, analysis.methods)
        notices += _build_undefined_notices(
            facet,
            (
                (result, metric)
                for result in facet.results
                for metric in result.metrics
                if metric.error not in silent and not _is_explained(metric, analysis)
            ),
        )
    return notices


def _is_explained(metric: MetricResult, analysis: Analysis) -> bool:
    """Return whether a warning about one-sided labels or predictions explains an undefined metric."""
    if get_stage(metric.name) == "post_training":
        return analysis.one_sided_prediction is not None
    return analysis.one_sided_label is not None


def _build_dropped_notices(facet: FacetAnalysis, methods: Sequence[str]) -> list[str]:
    dropped = [
        display_name(r.value) for r in facet.results if r.split is not None and has_dropped_outcome(r.split.counts)
    ]
    if not dropped or not {"KL", "JS", "LP", "TVD"} & set(methods):
        return []
    return [
        f"facet '{display_name(facet.column)}': an outcome occurs on one side only for {list_some(dropped)}, "
        "and Clarify leaves it out of KL, JS, LP and TVD, so these do not show the whole difference; read DPL"
    ]


def _build_undefined_notices(facet: FacetAnalysis, metrics: Iterable[tuple[FacetResult, MetricResult]]) -> list[str]:
    undefined: dict[str, list[str]] = {}
    for result, metric in metrics:
        if metric.error:
            undefined.setdefault(metric.error, []).append(f"{metric.name} of {display_name(result.value)}")
    return [
        f"facet '{display_name(facet.column)}': not defined: {list_some(names)} ({error})"
        for error, names in undefined.items()
    ]
