"""The report model: sorted, counted and formulated content, before layout.

A renderer (such as :mod:`airflow_clarify.reports.html.renderer`) only lays the model out and computes nothing, so that
every format of the report has the same content.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from airflow_clarify.bias.contingency import Split
from airflow_clarify.bias.results import HIDDEN_REASON
from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.formatting import GroupName, Name, Sentence
from airflow_clarify.reports.sections.distribution import Distribution, LabelSection, compute_share
from airflow_clarify.reports.sections.predictions import GroupPredictions, StageChange
from airflow_clarify.reports.sections.verdict_section import VerdictSection

_SHORT_NAME = 16
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
        return compute_share(self.split.d_positive, self.split.d) if self.split else None

    @property
    def rest_share(self) -> float | None:
        """The share of all other rows' labels that are positive."""
        return compute_share(self.split.a_positive, self.split.a) if self.split else None


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
        return any(len(dot.group.value) > _SHORT_NAME for dot in self.dots)


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
    :param pictures: the picture of the primary metric, then those of other metrics that did not pass
    :param undefined: the metrics that are not defined, with the reason
    :param counted: whether the analysis has counts
    :param distribution: distribution of the rows over the tested groups; None if the analysis has no counts
    :param predictions: confusion matrix and rates of each group; empty if predictions were not counted
    :param stages: the differences in labels and predictions; empty if one of them was not measured
    """

    column: Name
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    pictures: tuple[Picture, ...]
    undefined: tuple[Undefined, ...]
    counted: bool
    distribution: Distribution | None = None
    predictions: tuple[GroupPredictions, ...] = ()
    stages: tuple[StageChange, ...] = ()

    @property
    def long_names(self) -> bool:
        """Return whether any name is longer than a word or two."""
        return any(len(group.value) > _SHORT_NAME for group in self.groups)

    @property
    def judged(self) -> bool:
        """Return whether any value was judged."""
        return any(group.outcome is not None for group in self.groups)

    @property
    def outcomes(self) -> frozenset[Outcome]:
        """The outcomes that occur in the overview, for its legend."""
        found = (each.outcome for group in self.groups for each in group.measurements)
        return frozenset(outcome for outcome in found if outcome is not None)


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


@dataclass(frozen=True)
class Report:
    """The content of a report.

    :param title: title of the report
    :param verdict: the verdict, in words
    :param rows: number of rows; None if the analysis has no counts
    :param rows_before: number of rows before the data were balanced
    :param weight: sum of the row weights, if the data are weighted
    :param labels: the labels of all rows
    :param facets: one section per facet column
    :param metrics: one section per metric, the primary one first
    :param warnings: warnings, one sentence each
    :param compared: whether the report compares the data before and after balancing
    :param configuration: the configuration as indented JSON; empty if unknown
    :param provenance: name and value of each fingerprint and version
    :param created: creation time, in UTC
    :param origin: the data and the Airflow run that measured them: name and value of each
    :param dataset: name of the data; empty if unknown
    :param run: the DAG and the date of its run; empty outside Airflow
    :param predicted: the column of predictions; None if it is not known
    """

    title: str
    verdict: VerdictSection
    rows: int | None
    rows_before: int | None
    weight: str | None
    labels: LabelSection
    facets: tuple[FacetSection, ...]
    metrics: tuple[MetricSection, ...]
    warnings: tuple[str, ...]
    compared: bool
    configuration: str
    provenance: tuple[tuple[str, str], ...]
    created: datetime
    origin: tuple[tuple[str, Name], ...] = ()
    dataset: str = ""
    run: str = ""
    predicted: Name | None = None

    @property
    def full_title(self) -> str:
        """The title with the verdict, the data and the run, so that reports in several tabs are distinguishable."""
        parts = [f"{self.title}: {self.verdict.headline}", self.dataset, self.run]
        return " · ".join(part for part in parts if part)

    @property
    def groups(self) -> int:
        """Number of tested groups in all facets."""
        return sum(len(facet.groups) for facet in self.facets)

    @property
    def primary(self) -> MetricSection | None:
        """The section of the primary metric, which the pictures show."""
        return self.metrics[0] if self.metrics else None


def measure_distance(value: float, parity: float) -> float:
    """Measure how far a value is from parity: for a ratio, a half is as far as twice.

    :param value: the value of a metric
    :param parity: 1 for a ratio, otherwise 0
    :return: the distance, at least 0
    """
    if not parity:
        return abs(value)
    return math.inf if value <= 0 else max(value / parity, parity / value) - 1
