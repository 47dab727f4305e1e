"""Suppression of small counts in the result of a search: findings from which a small count could be computed.

Besides the counts of a finding, of all other rows and of the rest of each parent (``Subgroup.smallest_count``), these
are the counts that are left when listed findings are taken from one that contains them or from all rows, and those of
rows in neither of two findings. Methods: A. Hundepool et al., "Statistical Disclosure Control" (2012), chapter 4.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from airflow_clarify.bias.subgroups.result import CombinedColumn, Subgroup, SubgroupSearch
from airflow_clarify.bias.suppression import hide_small_numbers

_Group = frozenset[tuple[str, str]]
_Counts = tuple[int, ...]


def hide_small_subgroups(found: SubgroupSearch) -> SubgroupSearch:
    """Return a result without its small counts, as it is shown in reports, logs and XCom.

    :param found: the result; unchanged if its ``suppress_below`` is 0
    :return: a copy without the findings from which a small count could be computed, and without folded groups
    """
    below = found.suppress_below
    if not below:
        return found
    hidden = find_hidden_subgroups(found)
    places = {at: None for at, one in enumerate(found.subgroups) if _name(one) not in hidden}
    numbers = {at: number for number, at in enumerate(places)}

    def find_parent(one: Subgroup) -> int | None:
        parent = one.parent
        while parent is not None and parent not in numbers:
            parent = found.subgroups[parent].parent
        return None if parent is None else numbers[parent]

    def show(one: Subgroup) -> Subgroup:
        return replace(one, parent=find_parent(one), folded_groups=(), smallest_count=None)

    has_small_total = min(found.counts, default=0) < below
    return replace(
        found,
        subgroups=tuple(show(found.subgroups[at]) for at in places),
        furthest=tuple(show(one) for one in found.furthest if _name(one) not in hidden),
        hidden=found.hidden + len(found.subgroups) - len(places),
        counts=() if has_small_total else found.counts,
        weights=() if has_small_total else found.weights,
        columns=tuple(_hide_missing(column, below) for column in found.columns),
        warnings=tuple(hide_small_numbers(warning, below) for warning in found.warnings),
    )


def find_hidden_subgroups(found: SubgroupSearch) -> set[_Group]:
    """Find the findings that have to be hidden.

    :param found: the result with its exact counts
    :return: their columns and values; empty if ``suppress_below`` is 0
    """
    below = found.suppress_below
    if not below:
        return set()
    counts: dict[_Group, _Counts] = {_name(one): one.counts for one in (*found.subgroups, *found.furthest)}
    hidden = {
        _name(one)
        for one in (*found.subgroups, *found.furthest)
        if min(_find_smallest(one), *_subtract(found.counts, [one.counts])) < below
    }
    while True:
        shown = {name: cells for name, cells in counts.items() if name not in hidden}
        given_back = _find_given_back({frozenset(): found.counts, **shown}, below)
        if given_back is None:
            return hidden
        hidden.add(given_back)


def _find_given_back(shown: Mapping[_Group, _Counts], below: int) -> _Group | None:
    """Find a group without which a small count could not be computed from those that are shown: the smallest such."""
    for whole, cells in shown.items():
        parts: dict[frozenset[str], list[_Group]] = {}
        for name in shown:
            if name > whole:
                parts.setdefault(frozenset(column for column, _ in name - whole), []).append(name)
        for groups in parts.values():
            if _is_small(_subtract(cells, [shown[name] for name in groups]), below):
                return min(groups, key=lambda name: (sum(shown[name]), sorted(name)))
    total = shown[frozenset()]
    for one, other in itertools.combinations([name for name in shown if name], 2):
        both = shown.get(one | other)
        if both is None or one <= other or other <= one:
            continue
        neither = tuple(
            left + again for left, again in zip(_subtract(total, [shown[one], shown[other]]), both, strict=True)
        )
        if _is_small(neither, below):
            return one | other
    return None


def _subtract(cells: _Counts, parts: Sequence[_Counts]) -> _Counts:
    return tuple(whole - sum(part[at] for part in parts) for at, whole in enumerate(cells))


def _is_small(cells: _Counts, below: int) -> bool:
    return sum(cells) > 0 and min(cells) < below


def _find_smallest(one: Subgroup) -> int:
    smallest = min(one.counts)
    return smallest if one.smallest_count is None else min(smallest, one.smallest_count)


def _name(one: Subgroup) -> _Group:
    return cast(_Group, frozenset(one.group.items()))


def _hide_missing(column: CombinedColumn, below: int) -> CombinedColumn:
    return replace(column, missing=None) if column.missing is not None and 0 < column.missing < below else column
