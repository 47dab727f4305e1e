"""Results of an analysis: the metrics of each tested group, next to its counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from airflow_clarify.bias.contingency import NO_PREDICTIONS, ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.metrics import OWN_METRICS, Metric, Stage
from airflow_clarify.bias.post_training import METRICS_OF_PREDICTIONS, RATIOS_OF_PREDICTED_POSITIVES, get_metric
from airflow_clarify.exceptions import MetricError

#: The error of a ratio of positive predictions where there are none. Clarify's whole job fails there.
NO_POSITIVE_PREDICTION = "no row is predicted positive, so there is nothing to divide by"

#: Begins the reason why a metric has no value if small counts are suppressed.
HIDDEN_REASON = "hidden"


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The value of one metric, or the reason why it is undefined.

    :param name: the short name, such as "DPL"
    :param value: the value; None if the metric is undefined
    :param error: the reason why it is undefined; None if it is defined
    """

    name: str
    value: float | None
    error: str | None = None

    @property
    def usable(self) -> bool:
        """Return whether the value can be compared with a threshold: it is defined and finite."""
        return self.value is not None and math.isfinite(self.value) and self.error is None


@dataclass(frozen=True)
class FacetResult:
    """The result for one tested group: a facet value, several values, or an interval.

    :param value: the name of the group as Clarify writes it
    :param metrics: its metrics: those of the labels, then those of the predictions, each sorted by name
    :param split: the counts of the group and of the rest; None for an analysis that was read from Clarify's file
    """

    value: str
    metrics: tuple[MetricResult, ...]
    split: Split | None = None

    def metric(self, name: str) -> MetricResult | None:
        """Return the metric with a name.

        :param name: the short name; also of a metric of our own, such as "DIL"
        :return: the metric; None if it was not computed
        """
        return next((metric for metric in (*self.metrics, *self.own_metrics) if metric.name == name), None)

    @cached_property
    def own_metrics(self) -> tuple[MetricResult, ...]:
        """Metrics of labels that Clarify does not have, such as DIL; empty without counts.

        They need no name in ``methods``, and are not part of ``analysis.json``.
        """
        return () if self.split is None else tuple(measure(metric, self.split) for metric in OWN_METRICS.values())

    def list_metrics(self, stage: Stage) -> tuple[MetricResult, ...]:
        """List the metrics of a stage that Clarify has.

        :param stage: "pre_training" or "post_training"
        :return: the metrics, sorted by name
        """
        return tuple(metric for metric in self.metrics if get_stage(metric.name) == stage)


@dataclass(frozen=True)
class FacetAnalysis:
    """The results for all tested groups of one facet column.

    :param column: the facet column
    :param results: one per tested group, in Clarify's order
    :param positive: the count of all rows with a positive label; None for an analysis that was read from Clarify's file
    :param negative: the count of all other rows
    :param labels: the count of each label; the missing label has the key None
    """

    column: str
    results: tuple[FacetResult, ...]
    positive: WeightedCount | None = None
    negative: WeightedCount | None = None
    labels: Mapping[str | None, WeightedCount] = field(default_factory=dict)

    @property
    def confusion(self) -> ConfusionCounts | None:
        """The confusion matrix of all rows; None if predictions were not counted."""
        split = self.results[0].split if self.results else None
        if split is None or split.d_confusion is None or split.a_confusion is None:
            return None
        return split.d_confusion + split.a_confusion

    def result(self, value: str) -> FacetResult | None:
        """Return the result for a tested group.

        :param value: the name of the group
        :return: the result; None if there is no such group
        """
        return next((result for result in self.results if result.value == value), None)


def measure(metric: Metric, split: Split, prediction_error: str | None = None) -> MetricResult:
    """Compute a metric that is a function of the counts of a tested group.

    Where Clarify's job fails as a whole, only the metrics that are not defined have an error: those that compare labels
    with predictions that cannot be compared, those of predictions that were not counted for that reason, and ratios of
    positive predictions where there are none.

    :param metric: a metric of any stage with a function
    :param split: the counts of the group and of the rest
    :param prediction_error: why predictions cannot be compared with labels; None if they can
    :return: its value, or the reason why it is undefined
    """
    try:
        compares_labels = metric.name not in METRICS_OF_PREDICTIONS or split.d_confusion is None
        if metric.stage == "post_training" and prediction_error and compares_labels:
            raise MetricError(prediction_error)
        value = split.measure(metric)
        if metric.name in RATIOS_OF_PREDICTED_POSITIVES and not has_positive_prediction(split):
            raise MetricError(NO_POSITIVE_PREDICTION)
    except MetricError as error:
        return MetricResult(metric.name, None, str(error))
    return MetricResult(metric.name, value)


def has_positive_prediction(split: Split) -> bool:
    """Return whether a row has a positive prediction and a weight.

    :param split: the counts of a tested group and of the rest
    :raises MetricError: predictions were not counted
    """
    if split.d_confusion is None or split.a_confusion is None:
        raise MetricError(NO_PREDICTIONS)
    return any(side.confusion.predicted_positive for side in (split.d_confusion, split.a_confusion))


def get_stage(name: str) -> Stage:
    """Return the stage of a metric.

    :param name: the short name; a metric that is not known here is taken as one of labels
    """
    return get_metric(name).stage


def display_name(text: str, max_length: int = 60) -> str:
    """Format a name from the data for a one-line message.

    :param text: the name, such as a column or a facet value
    :param max_length: the maximum number of characters
    :return: the name, truncated if necessary, with control characters escaped
    """
    shown = text if text.isprintable() else repr(text)
    return shown if len(shown) <= max_length else f"{shown[: max_length - 3]}..."


def list_some(names: Sequence[str], max_names: int = 5) -> str:
    """Join names for a one-line message.

    :param names: the names
    :param max_names: how many are named; the number of the others is added
    """
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more
