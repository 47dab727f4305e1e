"""Contingency tables of (facet value, label, group), from which all bias metrics are computed.

An engine produces one contingency table per facet. It is small, with a few hundred cells for most data, and can be
split into one facet value and all other rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from operator import attrgetter

from airflow_clarify.bias.metrics import Count, FacetCounts, GroupCounts

#: The name of a missing facet value, label or group in text; as in pandas, and therefore in Clarify.
MISSING_TEXT = "nan"


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
    """The count of rows with the same facet value, label and group.

    :param facet: the facet value; None if it is missing
    :param label: the label; None if it is missing
    :param positive: whether the label is positive; False for a missing label
    :param group: the value of the group variable; None if it is missing or not counted
    :param tally: the count of the rows
    """

    facet: str | None
    label: str | None
    positive: bool
    group: str | None
    tally: WeightedCount


@dataclass(frozen=True)
class Split:
    """The counts of one facet value (d) and of all other rows (a), by label.

    :param d_positive: rows of the tested group with a positive label
    :param d_negative: rows of the tested group with a negative or missing label
    :param a_positive: all other rows with a positive label
    :param a_negative: all other rows with a negative or missing label
    """

    d_positive: WeightedCount
    d_negative: WeightedCount
    a_positive: WeightedCount
    a_negative: WeightedCount

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
    """

    column: str
    values: Sequence[str | None]
    cells: Sequence[Cell]
    sensitive: frozenset[str | None] | None = None
    name: str | None = None
    grouped: bool = False
    drop_missing_groups: bool = False
    disparities: Mapping[str, float] | None = None

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
        positive, negative = self.total
        d_positive, d_negative = _sum_by_label(self._select_cells(members))
        return Split(d_positive, d_negative, positive - d_positive, negative - d_negative)

    def groups(self, members: Iterable[str | None]) -> list[GroupCounts]:
        """Compute the counts for CDDL, per value of the group variable.

        :param members: the facet values of the tested group
        :return: one entry for each group that is part of CDDL and has rows of ``members``
        """
        return [
            GroupCounts(positive, negative, *self._all_groups[group])
            for group, (positive, negative) in _sum_by_group(self._select_cells(members)).items()
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
        return _sum_by_group(self.cells)

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
    :param label_reading: how the type of the label was inferred, such as "taken as continuous (2 distinct values in 30
        rows), ..."; empty if the configuration declares it
    """

    label: str
    label_text: str
    facets: Sequence[FacetContingency]
    engine: str = ""
    warnings: Sequence[str] = field(default_factory=tuple)
    weighted: bool = False
    label_reading: str = ""


def _sum_by_label(cells: Iterable[Cell]) -> tuple[WeightedCount, WeightedCount]:
    positive: list[WeightedCount] = []
    negative: list[WeightedCount] = []
    for cell in cells:
        (positive if cell.positive else negative).append(cell.tally)
    return WeightedCount.add_all(positive), WeightedCount.add_all(negative)


def _sum_by_group(cells: Iterable[Cell]) -> dict[str | None, tuple[Count, Count]]:
    """Sum the weights of positive and of negative labels in each group."""
    positive: dict[str | None, Count] = {}
    negative: dict[str | None, Count] = {}
    for cell in cells:
        same, other = (positive, negative) if cell.positive else (negative, positive)
        same[cell.group] = same.get(cell.group, 0) + cell.tally.weight
        other.setdefault(cell.group, 0)
    return {group: (weight, negative[group]) for group, weight in positive.items()}
