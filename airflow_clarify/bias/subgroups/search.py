"""Find the subgroups that differ from all other rows by more than their parents explain.

A subgroup is a combination of values of up to ``max_depth`` columns with at least ``min_rows`` rows. Its parents are
the groups that contain it: the same combination with one value left out; the parent of a single value is the whole
data. Within each parent the subgroup is compared with the other rows of the parent. Its *excess* is the smallest of
these differences if all have the same sign, and 0 if not: the part that no parent explains.
For a single value the excess is the metric itself.

This is the conditional form of the local contribution of DivExplorer, f(I) - f(I without an item), whose pruning
removes an itemset where one contribution is small (E. Pastor, L. de Alfaro, E. Baralis, "Looking for Trouble: Analyzing
Classifier Behavior via Pattern Divergence", SIGMOD 2021), and of the effect size of Slice Finder, which compares a
slice with its counterpart (Y. Chung et al., "Slice Finder: Automated Data Slicing for Model Validation", ICDE 2019). As
a subgroup and the rest of its parent have no row in common, the difference has an exact test and an interval.

The hypothesis that some parent explains the subgroup is rejected if the test against every parent rejects it: the
p-value is the largest over the parents (R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling",
Technometrics 24, 1982). It is doubled, as both directions are open, and then corrected for the number of subgroups.
Which subgroups are tested depends on the columns only, never on the labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_clarify.bias.confidence import compute_newcombe_interval
from airflow_clarify.bias.corrections import adjust_p_values
from airflow_clarify.bias.subgroups.combinations import Block, CombinationCounts, Floats, Integers, build_keys
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.bias.subgroups.rates import RateMetric
from airflow_clarify.bias.subgroups.result import CombinedColumn, FoldedGroup, Subgroup, SubgroupSearch
from airflow_clarify.bias.subgroups.significance import compute_lower_tails, compute_score_tails
from airflow_clarify.exceptions import UnfitDataError

#: The parent of a single value: all rows.
ROOT = -1
#: The maximum number of folded combinations that are named with a finding.
_NAMED = 5


@dataclass(frozen=True)
class Candidates:
    """All combinations with enough rows, one per position of the arrays; those of fewer columns come first.

    :param blocks: the counts, by columns
    :param starts: the position of the first combination of each block
    :param sums: counts by kind, combination and outcome
    :param value: the metric of each against all other rows, NaN where it is undefined
    :param excess: the smallest difference within a parent, with the sign of the metric; 0 if the signs differ
    :param p_value: of the hypothesis that a parent explains the combination
    :param asked: whether the combination is a question of its own
    :param parent: the position of the parent that explains most, :data:`ROOT` for all rows
    :param parents: the positions of all parents, an array per left out column, filled with :data:`ROOT`
    """

    blocks: tuple[Block, ...]
    starts: tuple[int, ...]
    sums: Floats
    value: Floats
    excess: Floats
    p_value: Floats
    asked: NDArray[np.bool_]
    parent: Integers
    parents: Integers

    @property
    def rows(self) -> Floats:
        """Return the number of rows of each combination."""
        rows: Floats = self.sums[0].sum(axis=-1)
        return rows

    def get_codes(self, position: int) -> dict[int, int]:
        """Return the codes of a combination, by column.

        :param position: the position of the combination
        """
        number = int(np.searchsorted(self.starts, position, side="right")) - 1
        block, place = self.blocks[number], position - self.starts[number]
        return {column: int(codes[place]) for column, codes in zip(block.columns, block.codes, strict=True)}


@dataclass(frozen=True)
class Findings:
    """The findings of a search.

    :param subgroups: all of them, the worst first
    :param questions: the number of combinations that were tested
    :param candidates: the number of combinations with enough rows
    """

    subgroups: tuple[Subgroup, ...]
    questions: int
    candidates: int


def search_counts(counts: CombinationCounts, config: SearchConfig) -> SubgroupSearch:
    """Search counts for subgroups, and describe the result.

    :param counts: the counts of an engine
    :param config: the question
    :return: the result
    :raises UnfitDataError: no value of any column has ``min_rows`` rows, or all labels have one outcome
    """
    totals = counts.totals
    rate = float(_Rates(config.rate, counts.outcomes).compute_rate(totals))
    if np.isnan(rate) or rate in (0.0, 1.0):
        raise UnfitDataError(_describe_one_sided(counts, config, rate))
    found = find_subgroups(counts, config)
    listed = [_forget_parent(one, config.top) for one in found.subgroups[: config.top]]
    furthest = []
    for sign in (1, -1):
        one = max(found.subgroups, key=lambda one: sign * one.value, default=None)
        if one is not None and all(sign * one.value > sign * other.value for other in listed):
            furthest.append(_forget_parent(one, config.top))
    return SubgroupSearch(
        label=counts.label,
        label_value_or_threshold=counts.label_text,
        metric=config.metric,
        rate=config.rate.rate,
        columns=tuple(
            CombinedColumn(
                column.name, len(column.values), () if column.cuts is None else column.values, column.missing
            )
            for column in counts.columns
        ),
        max_depth=config.max_depth,
        min_rows=config.min_rows,
        confidence=float(config.confidence),
        correction=config.correction,
        rows=int(totals[0].sum()),
        outcomes=counts.outcomes,
        counts=tuple(int(rows) for rows in totals[0]),
        questions=found.questions,
        found=len(found.subgroups),
        subgroups=tuple(listed),
        furthest=tuple(furthest),
        weights=tuple(tuple(float(total) for total in kind) for kind in totals[1:]),
        engine=counts.engine,
        warnings=counts.warnings,
    )


def find_subgroups(counts: CombinationCounts, config: SearchConfig) -> Findings:
    """Find the subgroups whose excess is not a chance finding, the largest excess first.

    :param counts: the counts of an engine
    :param config: the question
    :return: the findings
    :raises UnfitDataError: no value of any column has ``min_rows`` rows
    """
    found = evaluate_candidates(counts, config)
    asked = np.flatnonzero(found.asked)
    adjusted = np.ones(len(found.value))
    p_values = found.p_value[asked]
    adjusted[asked] = p_values if config.correction is None else adjust_p_values(p_values.tolist(), config.correction)
    is_finding = found.asked & (adjusted <= config.alpha)
    order = sorted(np.flatnonzero(is_finding).tolist(), key=lambda at: (-abs(found.excess[at]), found.p_value[at], at))
    owners = _find_owners(found, is_finding)
    level = _compute_level(config, len(asked), len(order))
    folded = _list_folded(found, counts, is_finding, owners)
    ranks = {at: rank for rank, at in enumerate(order)}
    subgroups = tuple(
        _describe(found, counts, config.rate, at, float(adjusted[at]), level, ranks.get(int(owners[at])), folded)
        for at in order
    )
    return Findings(subgroups, len(asked), len(found.value))


def evaluate_candidates(counts: CombinationCounts, config: SearchConfig) -> Candidates:
    """Compute metric, excess and p-value of every combination with enough rows.

    :param counts: the counts of an engine
    :param config: the question
    :return: all combinations with at least ``min_rows`` rows and without a missing value
    :raises UnfitDataError: no value of any column has ``min_rows`` rows
    """
    blocks = counts.list_blocks(config.depth)
    blocks = [block.select(_is_complete(block) & (block.rows >= config.min_rows)) for block in blocks]
    blocks = _drop_synonyms(blocks)
    starts = np.concatenate([[0], np.cumsum([block.sums.shape[1] for block in blocks])]).astype(np.int64)
    if not starts[-1]:
        raise UnfitDataError(_describe_too_few(counts, config.min_rows))
    radices = [len(column.values) + 1 for column in counts.columns]
    keys = [build_keys(block.columns, dict(zip(block.columns, block.codes, strict=True)), radices) for block in blocks]
    numbers = {block.columns: number for number, block in enumerate(blocks)}
    parents = np.full((config.depth, starts[-1]), ROOT, dtype=np.int64)
    for number, block in enumerate(blocks):
        if len(block.columns) == 1:
            continue
        codes = dict(zip(block.columns, block.codes, strict=True))
        for left_out, column in enumerate(block.columns):
            others = tuple(other for other in block.columns if other != column)
            wanted = build_keys(others, {other: codes[other] for other in others}, radices)
            places = np.searchsorted(keys[numbers[others]], wanted)
            parents[left_out, starts[number] : starts[number + 1]] = starts[numbers[others]] + places
    sums = np.concatenate([block.sums for block in blocks], axis=1)
    depths = np.repeat([len(block.columns) for block in blocks], np.diff(starts))
    return _compare(counts, config, tuple(blocks), tuple(starts[:-1].tolist()), sums, parents, depths)


def _compare(
    counts: CombinationCounts,
    config: SearchConfig,
    blocks: tuple[Block, ...],
    starts: tuple[int, ...],
    sums: Floats,
    parents: Integers,
    depths: Integers,
) -> Candidates:
    """Compare each combination with the rest of each of its parents."""
    rates = _Rates(config.rate, counts.outcomes)
    size = sums.shape[1]
    value = rates.compute_difference(sums, counts.totals[:, None, :] - sums)
    excess, parent = np.full(size, np.inf), np.full(size, ROOT, dtype=np.int64)
    worst_p, sign = np.zeros(size), np.zeros(size)
    explained, mixed = np.isnan(value), np.zeros(size, dtype=bool)
    for left_out in range(len(parents)):
        places = np.flatnonzero((depths > left_out) & ~explained)
        own = sums[:, places]
        whole = sums[:, parents[left_out, places]] if depths.max(initial=1) > 1 else own
        whole = np.where(parents[left_out, places][None, :, None] == ROOT, counts.totals[:, None, :], whole)
        rest = np.where(whole[:1].sum(-1, keepdims=True) > own[:1].sum(-1, keepdims=True), whole - own, 0.0)
        difference = rates.compute_difference(own, rest)
        # The parent has no other row to compare with, so it is the same group for this metric.
        same = np.isnan(difference)
        explained[places[same]] = True
        parent[places[same]] = parents[left_out, places[same]]
        places, difference = places[~same], difference[~same]
        mixed[places] |= sign[places] * difference < 0
        sign[places] = np.where(sign[places] == 0, np.sign(difference), sign[places])
        closer = np.abs(difference) < np.abs(excess[places])
        excess[places[closer]] = difference[closer]
        parent[places[closer]] = parents[left_out, places[closer]]
        p_values = rates.compute_p_values(own[:, ~same], rest[:, ~same])
        worst_p[places] = np.maximum(worst_p[places], p_values)
    none = explained | mixed | ~np.isfinite(excess) | (excess == 0)
    excess[none] = 0.0
    p_value = np.where(none, 1.0, np.minimum(1.0, 2 * worst_p))
    asked = ~explained
    found = Candidates(blocks, starts, sums, value, excess, p_value, asked, parent, parents)
    for kept, mirrored in _find_mirrored(found, counts, rates):
        asked[mirrored], parent[mirrored] = False, kept
    return found


class _Rates:
    """The rate of a metric, its differences and their tests, for arrays of counts."""

    def __init__(self, metric: RateMetric, outcomes: tuple[str, ...]) -> None:
        trials, successes = metric.weigh_outcomes(outcomes)
        self.sign = metric.sign
        self._trials, self._successes = np.array(trials, dtype=float), np.array(successes, dtype=float)

    def compute_rate(self, sums: Floats) -> Floats:
        """Compute the rate, NaN where there is no trial."""
        counted = sums[min(len(sums) - 1, 1)]
        trials = counted @ self._trials
        rate: Floats = np.where(trials > 0, counted @ self._successes / np.where(trials > 0, trials, 1.0), np.nan)
        return rate

    def compute_size(self, sums: Floats) -> Floats:
        """Compute the number of trials, for weighted rows Kish's effective sample size."""
        trials: Floats = sums[0] @ self._trials
        if len(sums) == 1:
            return trials
        squares = sums[2] @ self._trials
        effective = (sums[1] @ self._trials) ** 2 / np.where(squares > 0, squares, 1.0)
        size: Floats = np.where(squares > 0, np.minimum(trials, effective), 0.0)
        return size

    def compute_difference(self, own: Floats, rest: Floats) -> Floats:
        """Compute the metric of a group against other rows, with Clarify's sign."""
        return self.sign * (self.compute_rate(rest) - self.compute_rate(own))

    def compute_p_values(self, own: Floats, rest: Floats) -> Floats:
        """Compute one-sided p-values, in the direction of the difference."""
        share, rest_share = self.compute_rate(own), self.compute_rate(rest)
        higher = share > rest_share
        if len(own) == 1:
            trials, all_trials = own[0] @ self._trials, (own[0] + rest[0]) @ self._trials
            successes, all_successes = own[0] @ self._successes, (own[0] + rest[0]) @ self._successes
            successes = np.where(higher, trials - successes, successes)
            all_successes = np.where(higher, all_trials - all_successes, all_successes)
            return compute_lower_tails(successes, trials, all_successes, all_trials)
        share, rest_share = np.where(higher, 1 - share, share), np.where(higher, 1 - rest_share, rest_share)
        return compute_score_tails(share, self.compute_size(own), rest_share, self.compute_size(rest))


# --- Which combinations are questions of their own ------------------------------------------------------------------


def _is_complete(block: Block) -> NDArray[np.bool_]:
    """Select combinations without a missing value."""
    complete = np.ones(block.sums.shape[1], dtype=bool)
    for codes in block.codes:
        complete &= codes > 0
    return complete


def _drop_synonyms(blocks: Sequence[Block]) -> list[Block]:
    """Drop values that select the same rows as a value of an earlier column, with all their combinations.

    They are the same group under another name, such as a code beside its text: as many rows have each of the two values
    as have both.
    """
    rows = {
        (block.columns[0], int(code)): count
        for block in blocks
        if len(block.columns) == 1
        for code, count in zip(block.codes[0], block.rows, strict=True)
    }
    synonyms: dict[int, set[int]] = {}
    for block in blocks:
        if len(block.columns) != 2:
            continue
        (first, second), (first_codes, second_codes) = block.columns, block.codes
        for one, other, both in zip(first_codes.tolist(), second_codes.tolist(), block.rows.tolist(), strict=True):
            if both == rows.get((first, one)) == rows.get((second, other)):
                synonyms.setdefault(second, set()).add(other)
    if not synonyms:
        return list(blocks)
    kept = []
    for block in blocks:
        keep = np.ones(block.sums.shape[1], dtype=bool)
        for column, codes in zip(block.columns, block.codes, strict=True):
            keep &= ~np.isin(codes, list(synonyms.get(column, ())))
        kept.append(block.select(keep))
    return kept


def _find_mirrored(found: Candidates, counts: CombinationCounts, rates: _Rates) -> list[tuple[int, int]]:
    """Find pairs of groups that are all rows together, which are a single question: the one of the lower rate first."""
    mirrored = []
    total = counts.totals[0].sum()
    rate, rows = rates.compute_rate(found.sums), found.rows
    for start, block in zip(found.starts, found.blocks, strict=True):
        if len(block.columns) == 1 and block.sums.shape[1] == 2 and rows[start : start + 2].sum() == total:
            higher = int(rate[start + 1] >= rate[start])
            mirrored.append((start + 1 - higher, start + higher))
    return mirrored


# --- Findings -------------------------------------------------------------------------------------------------------


def _find_owners(found: Candidates, is_finding: NDArray[np.bool_]) -> Integers:
    """Find the finding that explains each combination, the nearest one among its ancestors; ROOT if there is none."""
    owners = np.full(len(found.value), ROOT, dtype=np.int64)
    bounds = [*found.starts, len(found.value)]
    for start, end in itertools.pairwise(bounds):
        parent = found.parent[start:end]
        at = np.maximum(parent, 0)
        # A parent belongs to an earlier block, whose owners are known.
        owners[start:end] = np.where(parent == ROOT, ROOT, np.where(is_finding[at], at, owners[at]))
    return owners


def _compute_level(config: SearchConfig, questions: int, findings: int) -> float:
    """Compute the error rate of each interval, so that those of all findings hold together.

    With "holm" and "bonferroni" all intervals of a search hold at once with the configured confidence. With "by" the
    expected share of intervals that do not hold is limited (Y. Benjamini and D. Yekutieli, "False discovery
    rate-adjusted multiple confidence intervals for selected parameters", JASA 100, 2005).
    """
    if config.correction is None or not questions:
        return config.alpha
    if config.correction == "by":
        harmonic = sum(1 / rank for rank in range(1, questions + 1))
        return config.alpha * max(findings, 1) / (questions * harmonic)
    return config.alpha / questions


def _list_folded(
    found: Candidates, counts: CombinationCounts, is_finding: NDArray[np.bool_], owners: Integers
) -> dict[int, tuple[int, tuple[FoldedGroup, ...]]]:
    """List the combinations that each finding explains: their number, and those with the largest values."""
    explained = np.flatnonzero((owners != ROOT) & ~is_finding)
    values = np.abs(np.nan_to_num(found.value[explained]))
    order = np.lexsort((explained, -values, owners[explained]))
    explained = explained[order]
    owned = owners[explained]
    folded = {}
    rows = found.rows
    for owner in np.unique(owned).tolist():
        start, end = np.searchsorted(owned, [owner, owner + 1]).tolist()
        named = tuple(
            FoldedGroup(_name_group(found, counts, at), int(rows[at]), _to_optional(found.value[at]))
            for at in explained[start : min(end, start + _NAMED)].tolist()
        )
        folded[owner] = (end - start, named)
    return folded


def _describe(
    found: Candidates,
    counts: CombinationCounts,
    metric: RateMetric,
    at: int,
    adjusted: float,
    level: float,
    parent: int | None,
    folded: Mapping[int, tuple[int, tuple[FoldedGroup, ...]]],
) -> Subgroup:
    rates = _Rates(metric, counts.outcomes)
    own = found.sums[:, at]
    beyond = int(found.parent[at])
    number, named = folded.get(at, (0, ()))
    return Subgroup(
        group=_name_group(found, counts, at),
        rows=int(own[0].sum()),
        value=float(found.value[at]),
        excess=float(found.excess[at]),
        interval=_compute_interval(found, counts, rates, at, level),
        p_value=float(found.p_value[at]),
        p_adjusted=adjusted,
        rate=float(rates.compute_rate(own)),
        rest_rate=float(rates.compute_rate(counts.totals - own)),
        direction="lower" if found.excess[at] * metric.sign > 0 else "higher",
        beyond={} if beyond == ROOT else _name_group(found, counts, beyond),
        parent=parent,
        folded=number,
        folded_groups=named,
        counts=tuple(int(rows) for rows in own[0]),
        weights=tuple(tuple(float(total) for total in kind) for kind in own[1:]),
        smallest_count=_find_smallest_count(found, counts, at),
    )


def _find_smallest_count(found: Candidates, counts: CombinationCounts, at: int) -> int:
    """Find the smallest number of rows by outcome of a group, of all other rows, and of the rest of each parent."""
    own = found.sums[0, at]
    wholes = [counts.totals[0], *(found.sums[0, parent] for parent in found.parents[:, at].tolist() if parent != ROOT)]
    return int(min(own.min(), *((whole - own).min() for whole in wholes)))


def _compute_interval(
    found: Candidates, counts: CombinationCounts, rates: _Rates, at: int, level: float
) -> tuple[float, float]:
    """Compute the interval of the excess, by Newcombe's method.

    Its end near 0 is the nearest of the intervals within all parents, so it holds whichever parent has the smallest
    difference. The other end is that of the parent with the smallest observed difference.
    """
    own = found.sums[:, at]
    depth = len(found.get_codes(at))
    intervals = {}
    for parent in {int(parent) for parent in found.parents[:depth, at]}:
        rest = (counts.totals if parent == ROOT else found.sums[:, parent]) - own
        low, high = compute_newcombe_interval(
            float(rates.compute_rate(rest)),
            float(rates.compute_size(rest)),
            float(rates.compute_rate(own)),
            float(rates.compute_size(own)),
            1 - level,
        )
        intervals[parent] = (low, high) if rates.sign > 0 else (-high, -low)
    low, high = intervals[int(found.parent[at])]
    if found.excess[at] > 0:
        return min(one for one, _ in intervals.values()), high
    return low, max(other for _, other in intervals.values())


def _name_group(found: Candidates, counts: CombinationCounts, at: int) -> dict[str, str]:
    return {
        counts.columns[column].name: counts.columns[column].values[code - 1]
        for column, code in found.get_codes(at).items()
    }


def _to_optional(number: Any) -> float | None:
    return None if np.isnan(number) else float(number)


def _describe_too_few(counts: CombinationCounts, min_rows: int) -> str:
    total = int(counts.totals[0].sum())
    if min_rows > total:
        return f"min_rows: {min_rows:,} is above the number of rows, {total:,}, so no group can be searched; lower it"
    return (
        f"min_rows: no value of the columns has {min_rows:,} of the {total:,} rows, so there is no group to search; "
        "lower it"
    )


def _forget_parent(subgroup: Subgroup, listed: int) -> Subgroup:
    """Leave out a parent that is not among the listed findings."""
    return subgroup if subgroup.parent is None or subgroup.parent < listed else replace(subgroup, parent=None)


def _describe_one_sided(counts: CombinationCounts, config: SearchConfig, rate: float) -> str:
    rows = int(counts.totals[0].sum())
    if np.isnan(rate):
        return f"metric: {config.metric} is undefined for all {rows:,} rows: none counts for the {config.rate.rate}"
    which = "no row" if rate == 0 else "every row"
    if config.metric == "DPL":
        return (
            f"label: {which} of {rows:,} counts as positive, so no group differs; column '{counts.label}' was compared "
            f"with {counts.label_text or 'an empty interval'}; check label_values_or_threshold"
        )
    return f"metric: the {config.rate.rate} is {rate:.0%} in all {rows:,} rows, so no group differs in {config.metric}"
