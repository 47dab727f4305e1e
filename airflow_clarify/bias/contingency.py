"""Contingency tables of (facet value, label, prediction, group), from which all bias metrics are computed.

An engine produces one contingency table per facet. It is small, with a few hundred cells for most data, and can be
split into one facet value and all other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from operator import attrgetter

from airflow_clarify.bias.metrics import Count, FacetCounts, GroupCounts, Metric
from airflow_clarify.bias.post_training import Confusion
from airflow_clarify.exceptions import MetricError

#: The name of a missing facet value, label or group in text; as in pandas, and therefore in Clarify.
MISSING_TEXT = "nan"
#: The error of a post-training metric where no predictions were counted.
NO_PREDICTIONS = "predictions were not counted"


def name_missing(values: Iterable[str | None]) -> str:
    """Return a name for the missing value of a facet.

    It is "nan" as in Clarify, unless a value of the facet has that name.

    :param values: the values of the facet
    :return: "nan", or a name in parentheses that no value has
    """
    name, taken = MISSING_TEXT, set(values)
    while name in taken:
        name = "(missing)" if name == MISSING_TEXT else f"({name})"
    return name


@dataclass(frozen=True, slots=True)
class WeightedCount:
    """A number of rows, with the sums of their weights and squared weights.

    :param rows: number of rows
    :param weight: the exact sum of their weights; equal to ``rows`` for unweighted data
    :param squares: the exact sum of the squared weights, from which confidence intervals are computed
    """

    rows: int = 0
    weight: Count = 0
    squares: Count = 0

    @classmethod
    def from_rows(cls, rows: int) -> WeightedCount:
        """Build the count of unweighted rows.

        :param rows: number of rows
        :return: the count, with weight 1 for each row
        """
        return cls(rows, rows, rows)

    @classmethod
    def from_weights(cls, rows: int, weight: float, squares: float) -> WeightedCount:
        """Build the count of weighted rows from sums.

        :param rows: number of rows
        :param weight: the sum of their weights
        :param squares: the sum of their squared weights
        :return: the count, with both sums as fractions
        """
        return cls(rows, Fraction(weight), Fraction(squares))

    @classmethod
    def from_equal_weights(cls, rows: int, weight: float) -> WeightedCount:
        """Build the count of rows with equal weights, with exact sums.

        :param rows: number of rows
        :param weight: the weight of each row
        :return: the count
        """
        exact = Fraction(weight)
        return cls(rows, rows * exact, rows * exact * exact)

    @classmethod
    def add_all(cls, tallies: Sequence[WeightedCount]) -> WeightedCount:
        """Add up counts, attribute by attribute, which is fast for hundreds of thousands of them.

        :param tallies: the counts
        :return: their sum
        """
        rows, weight, squares = (sum(map(part, tallies)) for part in _PARTS)
        return cls(rows, weight, squares)

    def __add__(self, other: WeightedCount) -> WeightedCount:
        return WeightedCount(self.rows + other.rows, self.weight + other.weight, self.squares + other.squares)

    def __sub__(self, other: WeightedCount) -> WeightedCount:
        rows = self.rows - other.rows
        # The engine rounds sums of weights, so the difference of weights may be nonzero where no row is left.
        return (
            WeightedCount(rows, self.weight - other.weight, self.squares - other.squares) if rows else WeightedCount()
        )

    def compute_share(self, whole: WeightedCount) -> float | None:
        """Compute the weighted share that these rows are of others.

        :param whole: the rows that they are part of
        :return: the share; None if the weight of the whole is 0
        """
        return float(self.weight / whole.weight) if whole.weight else None

    @property
    def effective_rows(self) -> float:
        """Kish's effective sample size ``(sum w)^2 / sum w^2`` (L. Kish, "Survey Sampling", 1965).

        It is limited to the number of rows, which only rounded sums can exceed.
        """
        if not self.squares:
            return 0.0
        return float(min(Fraction(self.rows), Fraction(self.weight) ** 2 / Fraction(self.squares)))


_PARTS = (attrgetter("rows"), attrgetter("weight"), attrgetter("squares"))


@dataclass(frozen=True, slots=True)
class Cell:
    """The count of rows with the same facet value, label, prediction and group.

    :param facet: the facet value; None if it is missing
    :param label: the label; None if it is missing
    :param positive: whether the label is positive; False for a missing label
    :param group: the value of the group variable; None if it is missing or not counted
    :param tally: the count of the rows
    :param predicted: whether the prediction is positive; False for a missing prediction, None if predictions are not
        counted
    """

    facet: str | None
    label: str | None
    positive: bool
    group: str | None
    tally: WeightedCount
    predicted: bool | None = None


@dataclass(frozen=True)
class ConfusionCounts:
    """The confusion matrix of one side of a split, with rows, weights and squared weights.

    :param tp: the count of rows with a positive label and a positive prediction
    :param fp: the count of rows with a negative label and a positive prediction
    :param fn: the count of rows with a positive label and a negative prediction
    :param tn: the count of rows with a negative label and a negative prediction
    """

    tp: WeightedCount
    fp: WeightedCount
    fn: WeightedCount
    tn: WeightedCount

    @cached_property
    def confusion(self) -> Confusion:
        """The sums of weights, from which metrics are computed."""
        return Confusion(self.tp.weight, self.fp.weight, self.fn.weight, self.tn.weight)

    @property
    def positive(self) -> WeightedCount:
        """Count of rows with a positive label."""
        return self.tp + self.fn

    @property
    def negative(self) -> WeightedCount:
        """Count of rows with a negative label."""
        return self.fp + self.tn

    @property
    def predicted_positive(self) -> WeightedCount:
        return self.tp + self.fp

    @property
    def predicted_negative(self) -> WeightedCount:
        return self.fn + self.tn

    @property
    def total(self) -> WeightedCount:
        return self.positive + self.negative

    @property
    def cells(self) -> tuple[WeightedCount, WeightedCount, WeightedCount, WeightedCount]:
        """The counts as a tuple: tp, fp, fn, tn."""
        return self.tp, self.fp, self.fn, self.tn

    def __add__(self, other: ConfusionCounts) -> ConfusionCounts:
        return ConfusionCounts(*(mine + others for mine, others in zip(self.cells, other.cells, strict=True)))

    def __sub__(self, other: ConfusionCounts) -> ConfusionCounts:
        return ConfusionCounts(*(mine - others for mine, others in zip(self.cells, other.cells, strict=True)))


@dataclass(frozen=True)
class Split:
    """The counts of one facet value (d) and of all other rows (a), by label, and by prediction if that is counted.

    :param d_positive: rows of the tested group with a positive label
    :param d_negative: rows of the tested group with a negative or missing label
    :param a_positive: all other rows with a positive label
    :param a_negative: all other rows with a negative or missing label
    :param d_confusion: the confusion matrix of the tested group; None if predictions are not counted
    :param a_confusion: the confusion matrix of all other rows; None if predictions are not counted
    """

    d_positive: WeightedCount
    d_negative: WeightedCount
    a_positive: WeightedCount
    a_negative: WeightedCount
    d_confusion: ConfusionCounts | None = None
    a_confusion: ConfusionCounts | None = None

    @classmethod
    def from_confusions(cls, d: ConfusionCounts, a: ConfusionCounts) -> Split:
        """Build a split from the confusion matrices of both sides.

        :param d: the confusion matrix of the tested group
        :param a: the confusion matrix of all other rows
        :return: the counts by label and by prediction
        """
        return cls(d.positive, d.negative, a.positive, a.negative, d, a)

    @property
    def d(self) -> WeightedCount:
        return self.d_positive + self.d_negative

    @property
    def a(self) -> WeightedCount:
        return self.a_positive + self.a_negative

    @cached_property
    def counts(self) -> FacetCounts:
        return FacetCounts(
            self.d_positive.weight, self.d_negative.weight, self.a_positive.weight, self.a_negative.weight
        )

    def measure(self, metric: Metric) -> float:
        """Compute a metric that is a function of these counts.

        :param metric: a metric of any stage with a function
        :return: its value
        :raises MetricError: the metric is undefined for these counts, or needs predictions, groups or rows
        """
        if metric.function is None:
            raise MetricError(f"{metric.name} is not a function of these counts")
        if metric.stage == "pre_training":
            return metric.function(self.counts)
        if self.d_confusion is None or self.a_confusion is None:
            raise MetricError(NO_PREDICTIONS)
        return metric.function(self.d_confusion.confusion, self.a_confusion.confusion)


@dataclass(frozen=True)
class FacetContingency:
    """The contingency table of one facet column.

    :param column: name of the facet column
    :param values: its values in order of first appearance; None for the missing value
    :param cells: the counts; cells with the same key are added up
    :param sensitive: the values of the tested group, if they are configured; None compares each value with the rest
    :param name: the name of the tested group, "a,b" or "(t, max]"; only with ``sensitive``
    :param grouped: whether a group variable was counted
    :param drop_missing_groups: exclude rows without a group from CDDL, as Clarify does for numeric group variables
    :param disparities: CDDL per tested group, if the engine computed it because there are too many groups
    :param predicted: whether predictions were counted, so that no ``Cell.predicted`` is None
    :param predicted_disparities: CDDPL per tested group, if the engine computed it
    :param flip_tests: FT per tested group, from the rows, or the reason why it is undefined there; None if the engine
        does not compute it
    :param flip_test_error: why the engine does not compute FT; None uses a sentence about engines that only count
    """

    column: str
    values: Sequence[str | None]
    cells: Sequence[Cell]
    sensitive: frozenset[str | None] | None = None
    name: str | None = None
    grouped: bool = False
    drop_missing_groups: bool = False
    disparities: Mapping[str, float] | None = None
    predicted: bool = False
    predicted_disparities: Mapping[str, float] | None = None
    flip_tests: Mapping[str, float | str] | None = None
    flip_test_error: str | None = None

    @cached_property
    def predicted_total(self) -> tuple[WeightedCount, WeightedCount]:
        """Counts of all rows with a positive prediction, and of all others."""
        return self._confusion.predicted_positive, self._confusion.predicted_negative

    @cached_property
    def _confusion(self) -> ConfusionCounts:
        return _sum_by_outcome(self.cells)

    @cached_property
    def total(self) -> tuple[WeightedCount, WeightedCount]:
        """Counts of all rows with a positive label, and of all others."""
        return _sum_by_label(self.cells)

    @cached_property
    def _by_value(self) -> dict[str | None, list[Cell]]:
        by_value: dict[str | None, list[Cell]] = {}
        for cell in self.cells:
            by_value.setdefault(cell.facet, []).append(cell)
        return by_value

    def list_tested(self) -> list[tuple[str, frozenset[str | None]]]:
        """List the tested groups.

        :return: the name of each group as Clarify writes it, and its facet values
        """
        if self.sensitive is not None:
            return [(self.name or "", self.sensitive)]
        # As in Clarify, no row equals the missing value, so its group is empty.
        missing = name_missing(self.values)
        return [(missing, frozenset()) if v is None else (v, frozenset([v])) for v in self.values]

    def split(self, members: Iterable[str | None]) -> Split:
        """Split the counts into a tested group and all other rows.

        :param members: the facet values of the tested group
        :return: the counts of both sides
        """
        cells = self._select_cells(members)
        if self.predicted:
            d = _sum_by_outcome(cells)
            return Split.from_confusions(d, self._confusion - d)
        positive, negative = self.total
        d_positive, d_negative = _sum_by_label(cells)
        return Split(d_positive, d_negative, positive - d_positive, negative - d_negative)

    def groups(self, members: Iterable[str | None]) -> list[GroupCounts]:
        """Compute the counts for CDDL, per value of the group variable.

        :param members: the facet values of the tested group
        :return: one entry for each group that is part of CDDL and has rows of ``members``
        """
        return self._count_groups(members, self._all_groups, is_positive_label)

    def predicted_groups(self, members: Iterable[str | None]) -> list[GroupCounts]:
        """Compute the counts for CDDPL: as for CDDL, but by prediction instead of label.

        :param members: the facet values of the tested group
        :return: one entry for each group that is part of CDDPL and has rows of ``members``
        """
        return self._count_groups(members, self._all_predicted_groups, is_positive_prediction)

    def _count_groups(
        self,
        members: Iterable[str | None],
        all_groups: Mapping[str | None, tuple[Count, Count]],
        is_positive: Callable[[Cell], bool],
    ) -> list[GroupCounts]:
        return [
            GroupCounts(positive, negative, *all_groups[group])
            for group, (positive, negative) in _sum_by_group(self._select_cells(members), is_positive).items()
            if self._is_counted(group)
        ]

    @cached_property
    def grouped_weight(self) -> Count:
        """Number of rows (or sum of weights) of all groups that are part of CDDL."""
        return sum(
            positive + negative for group, (positive, negative) in self._all_groups.items() if self._is_counted(group)
        )

    def _is_counted(self, group: str | None) -> bool:
        return group is not None or not self.drop_missing_groups

    def label_values(self) -> dict[str | None, WeightedCount]:
        """Count the rows of each label.

        :return: the count by label, in the order of the cells
        """
        tallies_by_label: dict[str | None, list[WeightedCount]] = {}
        for cell in self.cells:
            tallies_by_label.setdefault(cell.label, []).append(cell.tally)
        return {label: WeightedCount.add_all(tallies) for label, tallies in tallies_by_label.items()}

    @cached_property
    def _all_groups(self) -> dict[str | None, tuple[Count, Count]]:
        return _sum_by_group(self.cells, is_positive_label)

    @cached_property
    def _all_predicted_groups(self) -> dict[str | None, tuple[Count, Count]]:
        return _sum_by_group(self.cells, is_positive_prediction)

    def _select_cells(self, members: Iterable[str | None]) -> list[Cell]:
        return [cell for value in members for cell in self._by_value.get(value, ())]


@dataclass(frozen=True)
class Contingency:
    """The result of one scan by an engine: a contingency table per facet, and warnings.

    :param label: name of the label column
    :param label_text: the positive label as text: "1", "5,4" or "(0.0, 1.0]"
    :param facets: one contingency table per facet column, in the order of the configuration
    :param engine: name and version of the counting engine
    :param warnings: one sentence each
    :param weighted: whether the counts are sums of row weights
    :param label_reading: how the type of the label was inferred, such as "treated as continuous (2 distinct values
        in 30 rows), ..."; empty if the configuration declares it
    :param predicted_label: name of the column of predictions; empty if predictions are not counted
    :param predicted_text: the positive prediction as text: as ``label_text``, or the threshold of scores, "(0.5, 1.0]"
    :param prediction_error: why predictions cannot be compared with labels, as where they have different types; None
        if they can
    """

    label: str
    label_text: str
    facets: Sequence[FacetContingency]
    engine: str = ""
    warnings: Sequence[str] = field(default_factory=tuple)
    weighted: bool = False
    label_reading: str = ""
    predicted_label: str = ""
    predicted_text: str = ""
    prediction_error: str | None = None


def is_positive_label(cell: Cell) -> bool:
    """Return whether a cell counts as positive for CDDL.

    :param cell: a cell
    """
    return cell.positive


def is_positive_prediction(cell: Cell) -> bool:
    """Return whether a cell counts as positive for CDDPL.

    :param cell: a cell
    :return: False also where the prediction is missing or was not counted
    """
    return bool(cell.predicted)


def _sum_by_outcome(cells: Iterable[Cell]) -> ConfusionCounts:
    tallies: dict[tuple[bool, bool], list[WeightedCount]] = {}
    for cell in cells:
        tallies.setdefault((cell.positive, bool(cell.predicted)), []).append(cell.tally)
    outcomes = ((True, True), (False, True), (True, False), (False, False))
    return ConfusionCounts(*(WeightedCount.add_all(tallies.get(outcome, ())) for outcome in outcomes))


def _sum_by_label(cells: Iterable[Cell]) -> tuple[WeightedCount, WeightedCount]:
    positive: list[WeightedCount] = []
    negative: list[WeightedCount] = []
    for cell in cells:
        (positive if cell.positive else negative).append(cell.tally)
    return WeightedCount.add_all(positive), WeightedCount.add_all(negative)


def _sum_by_group(cells: Iterable[Cell], is_positive: Callable[[Cell], bool]) -> dict[str | None, tuple[Count, Count]]:
    """Sum the weights of positive and of negative cells in each group."""
    positive: dict[str | None, Count] = {}
    negative: dict[str | None, Count] = {}
    for cell in cells:
        same, other = (positive, negative) if is_positive(cell) else (negative, positive)
        same[cell.group] = same.get(cell.group, 0) + cell.tally.weight
        other.setdefault(cell.group, 0)
    return {group: (weight, negative[group]) for group, weight in positive.items()}
