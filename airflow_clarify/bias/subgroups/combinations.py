"""Counts by combinations of column values: what an engine delivers, and how fewer columns are added up from more."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Up to this number of possible combinations, counts are added up in an array with a place for each.
_DENSE = 1 << 21
#: With fewer cells than this, adding them up again and again takes no time.
_FEW_CELLS = 2_000


@dataclass(frozen=True)
class SearchColumn:
    """A column whose values are combined.

    :param name: the name of the column
    :param values: the text of each value; its code is its position plus 1, and 0 is the code of a missing value
    :param cuts: for a numeric column that was cut at quantiles: the upper bounds of all intervals but the last; None
        for a column whose values are compared by equality
    :param missing: the number of rows without a value
    """

    name: str
    values: tuple[str, ...]
    cuts: tuple[float | int, ...] | None = None
    missing: int = 0


@dataclass(frozen=True)
class Block:
    """Counts by the combinations of some columns.

    :param columns: the positions of the columns, ascending
    :param codes: the codes of each column, an array per column
    :param sums: counts by kind, combination and outcome: the kind 0 is the number of rows; for weighted data 1 is the
        sum of the weights, and 2 that of the squared weights
    """

    columns: tuple[int, ...]
    codes: tuple[Integers, ...]
    sums: Floats

    @property
    def rows(self) -> Floats:
        """Return the number of rows of each combination."""
        rows: Floats = self.sums[0].sum(axis=-1)
        return rows

    def select(self, chosen: NDArray[np.bool_]) -> Block:
        """Select some combinations.

        :param chosen: True for each combination to keep
        """
        return Block(self.columns, tuple(codes[chosen] for codes in self.codes), self.sums[:, chosen])


@dataclass
class CombinationCounts:
    """The counts of a search.

    :param columns: the combined columns
    :param outcomes: what is counted of each combination: "negative" and "positive" labels, or "tn", "fp", "fn", "tp"
    :param totals: the counts of all rows, by kind and outcome
    :param joint: the counts of the combinations of all columns, from which all others are added up; None if there are
        too many
    :param blocks: otherwise the counts of each combination of up to ``max_depth`` columns, which may leave out
        combinations with too few rows
    :param label: the label column
    :param label_text: the positive label as Clarify writes it
    :param engine: name and version of the counting engine
    :param warnings: one sentence each
    """

    columns: tuple[SearchColumn, ...]
    outcomes: tuple[str, ...]
    totals: Floats
    joint: Block | None = None
    blocks: Mapping[tuple[int, ...], Block] = field(default_factory=dict)
    label: str = ""
    label_text: str = ""
    engine: str = ""
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_joint(
        cls,
        columns: Sequence[SearchColumn],
        outcomes: tuple[str, ...],
        codes: Sequence[Integers],
        sums: Floats,
    ) -> CombinationCounts:
        """Build the counts from those of the combinations of all columns.

        :param columns: the combined columns
        :param outcomes: the counted outcomes
        :param codes: the codes of each column, an array per column; combinations may repeat
        :param sums: counts by kind, combination and outcome
        """
        every = tuple(range(len(columns)))
        block = Block(every, tuple(codes), sums)
        return cls(tuple(columns), outcomes, sums.sum(axis=1), block)

    def describe(self, *, label: str, label_text: str, engine: str, warnings: tuple[str, ...]) -> CombinationCounts:
        """Return the same counts with a description of what was counted; the parameters are those of the class."""
        return replace(self, label=label, label_text=label_text, engine=engine, warnings=warnings)

    @property
    def weighted(self) -> bool:
        """Return whether rows have weights."""
        return len(self.totals) > 1

    def list_blocks(self, max_depth: int) -> list[Block]:
        """List the counts of all combinations of up to some number of columns, those of fewer columns first.

        :param max_depth: the maximum number of columns
        """
        positions = range(len(self.columns))
        crossings = [
            columns for depth in range(1, max_depth + 1) for columns in itertools.combinations(positions, depth)
        ]
        joint = self.joint
        if joint is None:
            return [self.blocks[columns] for columns in crossings]
        radices = [len(column.values) + 1 for column in self.columns]
        sources = _list_sources(joint, max_depth, radices)
        found: dict[tuple[int, ...], Block] = {}
        for columns in reversed(crossings):
            others = (other for other in positions if other not in columns)
            larger = [found[key] for other in others if (key := tuple(sorted((*columns, other)))) in found]
            within = [source for source in sources if set(columns) <= set(source.columns)]
            smallest = min([*within, *larger], key=lambda block: block.sums.shape[1])
            found[columns] = add_up(smallest, columns, radices)
        return [found[columns] for columns in crossings]


def _list_sources(block: Block, max_depth: int, radices: Sequence[int]) -> list[Block]:
    """List blocks of fewer cells from which all combinations of up to ``max_depth`` columns can be added up.

    The columns are split into ``max_depth + 1`` parts of about equally many combinations. Whatever columns are
    combined, one part is not among them, so a block without it has all that is needed.
    """
    if block.sums.shape[1] < _FEW_CELLS or len(block.columns) <= max_depth + 1:
        return [block]
    parts: list[list[int]] = [[] for _ in range(max_depth + 1)]
    for column in sorted(block.columns, key=lambda column: -radices[column]):
        min(parts, key=lambda part: float(np.prod([radices[one] for one in part], dtype=np.float64))).append(column)
    sources = [block]
    for part in parts:
        kept = tuple(column for column in block.columns if column not in part)
        sources += _list_sources(add_up(block, kept, radices), max_depth, radices)
    return sources


def add_up(block: Block, columns: tuple[int, ...], radices: Sequence[int]) -> Block:
    """Add up the counts of a block by some of its columns.

    :param block: the counts
    :param columns: the positions of the columns to keep, ascending
    :param radices: the number of codes of each column of the data
    :return: the counts of the combinations that occur, each once, sorted by their keys
    """
    keys = build_keys(columns, dict(zip(block.columns, block.codes, strict=True)), radices)
    kinds, _, outcomes = block.sums.shape
    size = int(np.prod([radices[column] for column in columns], dtype=np.float64))
    if size <= _DENSE:
        present, places = None, keys
    else:
        present, places = np.unique(keys, return_inverse=True)
        size = len(present)
    sums = np.empty((kinds, size, outcomes))
    for kind, outcome in itertools.product(range(kinds), range(outcomes)):
        sums[kind, :, outcome] = np.bincount(places, weights=block.sums[kind, :, outcome], minlength=size)
    if present is None:
        present = np.flatnonzero(sums[0].any(axis=-1))
        sums = sums[:, present]
    return Block(columns, split_keys(present, columns, radices), sums)


def build_keys(columns: Sequence[int], codes: Mapping[int, Integers], radices: Sequence[int]) -> Integers:
    """Combine the codes of some columns into one number for each combination.

    :param columns: the positions of the columns
    :param codes: the codes of each column, by position
    :param radices: the number of codes of each column of the data
    """
    keys: Integers = np.zeros(len(next(iter(codes.values()))), dtype=np.int64)
    for column in columns:
        keys = keys * radices[column] + codes[column]
    return keys


def split_keys(keys: Integers, columns: Sequence[int], radices: Sequence[int]) -> tuple[Integers, ...]:
    """Split keys into the codes of their columns, the inverse of :func:`build_keys`.

    :param keys: the keys
    :param columns: the positions of the columns
    :param radices: the number of codes of each column of the data
    """
    codes: list[Integers] = []
    for column in reversed(columns):
        keys, rest = np.divmod(keys, radices[column])
        codes.append(rest)
    return tuple(reversed(codes))
