"""What a report says, as plain data: sorted, counted and put into words, but not yet laid out.

A renderer (:mod:`airflow_clarify.reports.html.renderer`) decides how it looks and computes nothing. So every
format of the report says the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from airflow_clarify.bias.contingency import Split, WeightedCount
from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.formatting import GroupName, Name, Sentence
from airflow_clarify.reports.sections.verdict_section import VerdictSection

_SHORT_NAME = 16
#: Sorts outcomes, the worst first; None is what nobody judged.
RANK = {Outcome.VIOLATION: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2, None: 2, Outcome.IGNORED: 3}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One metric of one tested group, and what its rule says of it.

    :param metric: short name
    :param value: the value; None where it is not defined
    :param error: why it is not
    :param outcome: what its rule found; None where no rule speaks of it
    :param low: lower bound, where there is one
    :param high: upper bound, where there is one
    :param interval: the confidence interval it was judged by, where there is one
    :param before: the value before the data were repaired, where there was one
    :param heat: how large it is beside the others of its metric and facet: 0 (next to nothing) to 6 (the largest)
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

    @property
    def severity(self) -> tuple[int, float, float]:
        """Sorts the most violating first: by outcome, then by how far it is beyond its bounds, or from zero.

        Those that are alike, as after a repair, come in the order of how far they were from zero before.
        """
        rank, earlier = RANK[self.outcome], -abs(self.before or 0.0)
        if self.value is None:
            # A rule that fails what is undefined puts it on top; where nobody judged, it has nothing to compare.
            return rank, -math.inf if self.outcome is Outcome.VIOLATION else math.inf, earlier
        beyond = [self.value - self.high] if self.high is not None else []
        beyond += [self.low - self.value] if self.low is not None else []
        # What differs by rounding alone is alike.
        return rank, -round(max(beyond, default=abs(self.value)), 12), earlier


@dataclass(frozen=True, slots=True)
class Group:
    """One tested group: a row of the overview.

    :param value: its name
    :param where: its name with its column
    :param marks: its metrics, in the order of the report's columns
    :param split: its counts against all other rows; None where the analysis has none
    :param rows_before: its rows before the data were repaired
    :param too_few: whether it has fewer rows than the thresholds ask for
    """

    value: Name
    where: GroupName
    marks: tuple[Measurement, ...]
    split: Split | None = None
    rows_before: int | None = None
    too_few: bool = False

    def mark(self, metric: str) -> Measurement | None:
        """Its mark of that metric."""
        return next((mark for mark in self.marks if mark.metric == metric), None)

    @property
    def outcome(self) -> Outcome | None:
        """The worst that any rule found in it."""
        judged = [mark.outcome for mark in self.marks if mark.outcome is not None]
        return min(judged, key=RANK.__getitem__, default=None)

    @property
    def share(self) -> float | None:
        """The share of its labels that are positive."""
        return compute_share(self.split.d_positive, self.split.d) if self.split else None

    @property
    def rest_share(self) -> float | None:
        """The same of all other rows."""
        return compute_share(self.split.a_positive, self.split.a) if self.split else None


@dataclass(frozen=True, slots=True)
class Column:
    """One metric's column of the overview.

    :param metric: short name
    :param decimals: how many its values are written with
    """

    metric: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Dot:
    """One tested group in a picture."""

    group: Group
    mark: Measurement


@dataclass(frozen=True)
class Picture:
    """Every tested group's value of one metric on one axis, against its bounds.

    :param metric: short name
    :param axis: the axis
    :param dots: what is drawn, the most violating first
    :param omitted: how many tested groups are not drawn
    :param decimals: how many the values are written with
    :param below: what lies left of zero; empty for a metric that is never below zero
    :param above: what lies right of zero
    """

    metric: str
    axis: Axis
    dots: tuple[Dot, ...]
    omitted: int
    decimals: int
    below: str
    above: str

    @property
    def outcomes(self) -> frozenset[Outcome | None]:
        """The outcomes that occur in it, so that the legend explains no others."""
        return frozenset(dot.mark.outcome for dot in self.dots)

    @property
    def intervals(self) -> bool:
        return any(dot.mark.interval for dot in self.dots)

    @property
    def bounded(self) -> bool:
        return any(dot.mark.low is not None or dot.mark.high is not None for dot in self.dots)

    @property
    def compared(self) -> bool:
        return any(dot.mark.before is not None for dot in self.dots)

    @property
    def long_names(self) -> bool:
        """Whether a name needs more room than a short word or two."""
        return any(len(dot.group.value) > _SHORT_NAME for dot in self.dots)


@dataclass(frozen=True, slots=True)
class Undefined:
    """An error that a metric of one or more tested groups ended with.

    :param metric: short name
    :param error: what went wrong
    :param named: the first of the tested groups
    :param others: how many more there are
    """

    metric: str
    error: str
    named: tuple[Name, ...]
    others: int


@dataclass(frozen=True, slots=True)
class GroupBar:
    """How much of the data a tested group is.

    :param value: its name; None stands for all rows that no other bar shows
    :param all: its rows
    :param positive: those of them whose label is positive
    """

    value: Name | None
    all: WeightedCount
    positive: WeightedCount

    @property
    def size(self) -> float:
        """Its rows, or their weight where the data are weighted: how long the bar is."""
        return _clip_at_zero(self.all)

    @property
    def positive_size(self) -> float:
        """The part of the bar that is positive."""
        return min(self.size, _clip_at_zero(self.positive))

    @property
    def positive_share(self) -> float | None:
        """The share of it that is positive; None where it weighs nothing."""
        return self.positive_size / self.size if self.size else None


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the rows are spread over the tested groups of a facet.

    :param bars: the groups, the largest first, as far as they are shown
    :param others: how many tested groups are not shown
    :param rest: all rows that ``bars`` do not show; None where there are none
    """

    bars: tuple[GroupBar, ...]
    others: int
    rest: GroupBar | None

    @property
    def all_bars(self) -> tuple[GroupBar, ...]:
        return (*self.bars, self.rest) if self.rest else self.bars

    @property
    def longest(self) -> float:
        """The size of the longest bar, to divide by: never 0."""
        return max((bar.size for bar in self.all_bars), default=0.0) or 1.0


@dataclass(frozen=True)
class FacetSection:
    """What the report says of one facet column.

    :param column: its name
    :param columns: the metrics of the overview
    :param groups: its tested groups, the most violating first
    :param pictures: the primary metric's, then those of other metrics that were judged and did not pass
    :param undefined: the metrics that have no value, and why
    :param counted: whether there are counts
    :param distribution: how the rows are spread over its tested groups; None where there are no counts
    """

    column: Name
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    pictures: tuple[Picture, ...]
    undefined: tuple[Undefined, ...]
    counted: bool
    distribution: Distribution | None = None

    @property
    def long_names(self) -> bool:
        """Whether a name needs more room than a short word or two."""
        return any(len(group.value) > _SHORT_NAME for group in self.groups)

    @property
    def judged(self) -> bool:
        """Whether a rule speaks of any of it."""
        return any(group.outcome is not None for group in self.groups)


@dataclass(frozen=True, slots=True)
class MetricSection:
    """A metric in words, and how to read it in this data.

    :param name: short name
    :param title: full name
    :param question: what it asks
    :param formula: how it is computed
    :param value_range: the values it can take
    :param worst: the value that the reading reads, with its group; None where there is no value at all
    :param reading: one sentence that reads it
    :param before: the largest value before the data were repaired, with its group, or where it is the value of all,
        with words for that; None without a "before"
    :param after: the largest value now; None without a "before"
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


@dataclass(frozen=True, slots=True)
class LabelBar:
    """How much there is of one label.

    :param label: the label; None where it is missing
    :param all: its rows
    :param share: its share of all rows; None where these weigh nothing
    :param positive: whether it counts as positive; None where that is not known
    """

    label: Name | None
    all: WeightedCount
    share: float | None
    positive: bool | None = None

    @property
    def size(self) -> float:
        """Its rows, or their weight where the data are weighted: how long the bar is."""
        return _clip_at_zero(self.all)


@dataclass(frozen=True)
class LabelSection:
    """The labels of the whole data.

    :param column: the label column
    :param positive_text: what counts as positive, as Clarify writes it
    :param positive: positive rows, or their weight; None where the analysis has no counts
    :param positive_share: their share
    :param bars: how much there is of each label, as far as they are shown
    :param others: how many labels are not shown
    :param rest: all rows that ``bars`` do not show; None where there are none
    """

    column: Name
    positive_text: Name
    positive: str | None
    positive_share: float | None
    bars: tuple[LabelBar, ...] = ()
    others: int = 0
    rest: WeightedCount | None = None

    @property
    def longest(self) -> float:
        """The size of the longest bar, to divide by: never 0."""
        return max((bar.size for bar in self.bars), default=0.0) or 1.0

    @property
    def unknown(self) -> bool:
        """Whether it is not known of some label if it counts as positive."""
        return any(bar.positive is None for bar in self.bars)


@dataclass(frozen=True)
class Report:
    """All that a report says.

    :param title: its title
    :param judgement: the verdict, in words
    :param rows: rows of the data; None where the analysis has no counts
    :param rows_before: rows before the data were repaired
    :param weight: the sum of their weights, where the data are weighted
    :param labels: the labels of the whole data
    :param facets: one section per facet column
    :param metrics: one section per metric, the primary one first
    :param warnings: one sentence each
    :param compared: whether there is a "before"
    :param configuration: pretty JSON; empty where none was given
    :param provenance: name and value of each fingerprint and version
    :param created: when it was made, in UTC
    :param origin: what was measured, and the Airflow run that measured it: name and value of each
    :param dataset: the name of the data; empty where it is not known
    :param run: the DAG and the date of its run; empty outside Airflow
    """

    title: str
    judgement: VerdictSection
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

    @property
    def full_title(self) -> str:
        """The title with the verdict, the data and the run, so that two reports in two tabs can be told apart."""
        parts = [f"{self.title}: {self.judgement.headline}", self.dataset, self.run]
        return " · ".join(part for part in parts if part)

    @property
    def groups(self) -> int:
        """How many groups were tested."""
        return sum(len(facet.groups) for facet in self.facets)

    @property
    def primary(self) -> MetricSection | None:
        """The metric that the pictures show."""
        return self.metrics[0] if self.metrics else None


def compute_share(part: WeightedCount, whole: WeightedCount) -> float | None:
    """What share of the weight a part is; None of nothing."""
    return float(part.weight / whole.weight) if whole.weight else None


def _clip_at_zero(tally: WeightedCount) -> float:
    """A weight. What is left after subtracting rounded sums can be next to nothing on the wrong side of zero."""
    return max(0.0, float(tally.weight))
