"""Counts by (facet value, label, group): all that a bias metric needs to know of the data.

A contingency holds one facet. It is small (a few hundred cells for most data), comes from an engine, and knows how to
set one facet value against all other rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from operator import attrgetter

from airflow_clarify.bias.metrics import Count, FacetCounts, GroupCounts

#: How a missing facet value, label or group is written where text is needed (pandas' way, so Clarify's).
MISSING_TEXT = "nan"


def name_missing(values: Iterable[str | None]) -> str:
    """Name the missing value of a facet: "nan" as Clarify does, or another name where a present value is called so.

    :param values: the values of the facet
    """
    name, taken = MISSING_TEXT, set(values)
    while name in taken:
        name = "(missing)" if name == MISSING_TEXT else f"({name})"
    return name


@dataclass(frozen=True, slots=True)
class WeightedCount:
    """How much there is of something.

    :param rows: number of rows
    :param weight: the sum of their weights, exact; equal to ``rows`` where the data are not weighted
    :param squares: the sum of the squared weights, which the confidence interval needs
    """

    rows: int = 0
    weight: Count = 0
    squares: Count = 0

    @classmethod
    def from_rows(cls, rows: int) -> WeightedCount:
        return cls(rows, rows, rows)

    @classmethod
    def from_weights(cls, rows: int, weight: float, squares: float) -> WeightedCount:
        return cls(rows, Fraction(weight), Fraction(squares))

    @classmethod
    def from_equal_weights(cls, rows: int, weight: float) -> WeightedCount:
        """Add up rows that all have the same weight, exactly."""
        exact = Fraction(weight)
        return cls(rows, rows * exact, rows * exact * exact)

    @classmethod
    def add_all(cls, tallies: Sequence[WeightedCount]) -> WeightedCount:
        """All of them together. (Column by column: thousands of facet values have hundreds of thousands of tallies.)"""
        rows, weight, squares = (sum(map(part, tallies)) for part in _PARTS)
        return cls(rows, weight, squares)

    def __add__(self, other: WeightedCount) -> WeightedCount:
        return WeightedCount(self.rows + other.rows, self.weight + other.weight, self.squares + other.squares)

    def __sub__(self, other: WeightedCount) -> WeightedCount:
        rows = self.rows - other.rows
        # Sums of weights are rounded by the engine; where no row is left, no weight is.
        return (
            WeightedCount(rows, self.weight - other.weight, self.squares - other.squares) if rows else WeightedCount()
        )

    @property
    def effective_rows(self) -> float:
        """Rows an unweighted sample of the same precision would have: Kish's (sum w)^2 / sum w^2 (Kish 1965).

        It is at most the number of rows, beyond which only rounded sums can take it.
        """
        if not self.squares:
            return 0.0
        return float(min(Fraction(self.rows), Fraction(self.weight) ** 2 / Fraction(self.squares)))


_PARTS = (attrgetter("rows"), attrgetter("weight"), attrgetter("squares"))


@dataclass(frozen=True, slots=True)
class Cell:
    """The rows that share a facet value, a label and a group. None stands for a missing value.

    :param positive: whether the label counts as positive (a missing one does not)
    """

    facet: str | None
    label: str | None
    positive: bool
    group: str | None
    tally: WeightedCount


@dataclass(frozen=True)
class Split:
    """Tallies of one facet value (d) against all other rows (a), by label."""

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
    """The cells of one facet column.

    :param column: name of the facet column
    :param values: its values in order of first appearance; None where it is missing
    :param cells: the counts; cells of equal key are added up
    :param sensitive: the values that form the tested group, when the configuration names any; None tests every value
        against the rest
    :param name: how the tested group is written, "a,b" or "(t, max]"; only with ``sensitive``
    :param grouped: whether a group variable was counted
    :param drop_missing_groups: leave rows without a group out of CDDL, as Clarify does for numeric group variables
    :param disparities: CDDL per tested group, where an engine has summed over too many groups to bring them here
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
        """All rows with a positive label, and all others."""
        return _sum_by_label(self.cells)

    @cached_property
    def _by_value(self) -> dict[str | None, list[Cell]]:
        by_value: dict[str | None, list[Cell]] = {}
        for cell in self.cells:
            by_value.setdefault(cell.facet, []).append(cell)
        return by_value

    def list_tested(self) -> list[tuple[str, frozenset[str | None]]]:
        """What is tested: the name of each tested group as Clarify writes it, and the values that belong to it."""
        if self.sensitive is not None:
            return [(self.name or "", self.sensitive)]
        # No row ever equals the missing value.
        missing = name_missing(self.values)
        return [(missing, frozenset()) if v is None else (v, frozenset([v])) for v in self.values]

    def split(self, members: Iterable[str | None]) -> Split:
        """Set the rows whose facet value is one of ``members`` against all others."""
        positive, negative = self.total
        d_positive, d_negative = _sum_by_label(self._select_cells(members))
        return Split(d_positive, d_negative, positive - d_positive, negative - d_negative)

    def groups(self, members: Iterable[str | None]) -> list[GroupCounts]:
        """The counts that CDDL needs: of every group that takes part and holds ``members``, theirs and all of it."""
        return [
            GroupCounts(positive, negative, *self._all_groups[group])
            for group, (positive, negative) in _sum_by_group(self._select_cells(members)).items()
            if self._is_counted(group)
        ]

    @cached_property
    def grouped_weight(self) -> Count:
        """Rows of all groups that take part in CDDL."""
        return sum(
            positive + negative for group, (positive, negative) in self._all_groups.items() if self._is_counted(group)
        )

    def _is_counted(self, group: str | None) -> bool:
        return group is not None or not self.drop_missing_groups

    def label_values(self) -> dict[str | None, WeightedCount]:
        """How much there is of each label, in the order of the cells."""
        tallies: dict[str | None, list[WeightedCount]] = {}
        for cell in self.cells:
            tallies.setdefault(cell.label, []).append(cell.tally)
        return {label: WeightedCount.add_all(of_label) for label, of_label in tallies.items()}

    @cached_property
    def _all_groups(self) -> dict[str | None, tuple[Count, Count]]:
        return _sum_by_group(self.cells)

    def _select_cells(self, members: Iterable[str | None]) -> list[Cell]:
        return [cell for value in members for cell in self._by_value.get(value, ())]


@dataclass(frozen=True)
class Contingency:
    """What an engine counted in one scan: a contingency per facet, and what it noticed on the way.

    :param label: name of the label column
    :param label_text: how the positive label is written: "1", "5,4" or "(0.0, 1.0]"
    :param facets: one contingency per facet column, in the order of the configuration
    :param engine: name and version of what counted
    :param warnings: one sentence each
    :param label_reading: how the label was read where a rule decided it and not the author, such as "taken as
        continuous (2 distinct values in 30 rows), ..."; empty where the author did
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
    """Of every group, how much has a positive label, and how much another."""
    positive: dict[str | None, Count] = {}
    negative: dict[str | None, Count] = {}
    for cell in cells:
        ours, others = (positive, negative) if cell.positive else (negative, positive)
        ours[cell.group] = ours.get(cell.group, 0) + cell.tally.weight
        others.setdefault(cell.group, 0)
    return {group: (weight, negative[group]) for group, weight in positive.items()}
