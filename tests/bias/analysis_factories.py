"""Factories for tests of the core: configurations, contingency tables from rows or counts, and analyses.

`count_rows` replaces an engine: it counts rows in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount

#: A row of test data: facet value, label, group and weight; None for a missing value.
Row = tuple[str | None, str | None, str | None, float]
#: The number of positive rows and of all other rows, per facet value.
Counts = Mapping[str, tuple[int, int]] | Mapping[str | None, tuple[int, int]]


def make_config(
    methods: str | Sequence[str] = "all",
    *,
    facets: Sequence[str] = ("gender",),
    values: Sequence[Any] | None = None,
    group: str | None = None,
    **beyond: Any,
) -> AnalysisConfig:
    """Build a configuration with the label 'approved', whose positive value is "yes"."""
    document: dict[str, Any] = {
        "dataset_type": "text/csv",
        "label": "approved",
        "label_values_or_threshold": ["yes"],
        "facet": [
            {"name_or_index": facet} if values is None else {"name_or_index": facet, "value_or_threshold": list(values)}
            for facet in facets
        ],
    }
    if group is not None:
        document["group_variable"] = group
    document["methods"] = {"pre_training_bias": {"methods": methods if isinstance(methods, str) else list(methods)}}
    return AnalysisConfig(document, **beyond)


def count_rows(
    rows: Iterable[Row],
    *,
    positive: Iterable[str] = ("yes",),
    sensitive: Sequence[str] | None = None,
    grouped: bool = False,
    drop_missing_groups: bool = False,
    weighted: bool = False,
    facet: str = "gender",
) -> Contingency:
    """Build a contingency table with one cell for each row."""
    rows = list(rows)
    cells = [
        Cell(
            value,
            label,
            label in set(positive),
            group if grouped else None,
            WeightedCount.from_weights(1, weight, weight * weight) if weighted else WeightedCount.from_rows(1),
        )
        for value, label, group, weight in rows
    ]
    contingency = FacetContingency(
        column=facet,
        values=list(dict.fromkeys(value for value, *_ in rows)),
        cells=cells,
        sensitive=None if sensitive is None else frozenset(sensitive),
        name=None if sensitive is None else ",".join(sensitive),
        grouped=grouped,
        drop_missing_groups=drop_missing_groups,
    )
    return Contingency("approved", ",".join(positive), [contingency], engine="a loop", weighted=weighted)


def make_facet(
    counts: Counts, *, facet: str = "gender", positive: str = "yes", negative: str = "no"
) -> FacetContingency:
    """Build the contingency table of a facet from (positive rows, other rows) per value."""
    cells = [
        Cell(value, label, label == positive, None, WeightedCount.from_rows(rows))
        for value, of_value in counts.items()
        for label, rows in zip((positive, negative), of_value, strict=True)
        if rows
    ]
    return FacetContingency(facet, list(counts), cells)


def make_analysis(
    counts: Counts,
    methods: str | Sequence[str] = ("CI", "DPL", "JS", "KL", "KS", "LP", "TVD"),
    *,
    facet: str = "gender",
) -> Analysis:
    """Build the analysis of (positive rows, other rows) per facet value, each value against the rest."""
    contingency = Contingency("approved", "yes", [make_facet(counts, facet=facet)], engine="a dictionary")
    return Analysis.from_contingency(contingency, make_config(methods, facets=[facet]))


def metrics_by_group(analysis: Analysis, facet: str | None = None) -> dict[str, dict[str, float | None]]:
    """Return the metrics of every tested group, by name."""
    found = analysis.facets[0] if facet is None else analysis.facet(facet)
    assert found is not None
    return {result.value: {metric.name: metric.value for metric in result.metrics} for result in found.results}


def errors_by_group(analysis: Analysis) -> dict[str, dict[str, str]]:
    """Return the errors of every tested group, by name of the metric."""
    return {
        result.value: {metric.name: metric.error for metric in result.metrics if metric.error is not None}
        for _, result in analysis.results()
    }


#: A row of test data with a prediction: facet value, whether label and prediction are positive, group and weight.
PredictedRow = tuple[str | None, bool, bool, str | None, float]


def make_prediction_config(
    post_training_methods: str | Sequence[str] | None = "all",
    methods: str | Sequence[str] | None = None,
    **keys: Any,
) -> AnalysisConfig:
    """Build a configuration with predictions in the column 'predicted'."""
    document = {**make_config().document, "predicted_label": "predicted", "methods": {}, **keys}
    for section, asked in (("pre_training_bias", methods), ("post_training_bias", post_training_methods)):
        if asked is not None:
            document["methods"][section] = {"methods": asked if isinstance(asked, str) else list(asked)}
    return AnalysisConfig(document)


def count_predictions(
    rows: Iterable[PredictedRow], *, grouped: bool = False, weighted: bool = False, **more: Any
) -> Contingency:
    """Build a contingency table with predictions, with one cell for each row."""
    rows = list(rows)
    cells = [
        Cell(
            value,
            "yes" if positive else "no",
            positive,
            group if grouped else None,
            WeightedCount.from_weights(1, weight, weight * weight) if weighted else WeightedCount.from_rows(1),
            predicted,
        )
        for value, positive, predicted, group, weight in rows
    ]
    values = list(dict.fromkeys(value for value, *_ in rows))
    facet = FacetContingency("gender", values, cells, grouped=grouped, predicted=True)
    return Contingency(
        "approved",
        "yes",
        [facet],
        "a loop",
        weighted=weighted,
        predicted_label="predicted",
        predicted_text="yes",
        **more,
    )


def repeat_outcomes(value: str, tp: int, fp: int, fn: int, tn: int) -> list[PredictedRow]:
    """List rows of a facet value with the given confusion matrix."""
    outcomes = {(True, True): tp, (False, True): fp, (True, False): fn, (False, False): tn}
    return [(value, *outcome, None, 1.0) for outcome, times in outcomes.items() for _ in range(times)]
