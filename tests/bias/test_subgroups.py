"""The search for subgroups: what it finds, what it folds, and how often it is wrong."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from subgroup_factories import count_rows, draw_codes, search_rows

from airflow_clarify.bias.confidence import compute_newcombe_interval
from airflow_clarify.bias.subgroups.combinations import Block, CombinationCounts
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.bias.subgroups.rates import RATE_METRICS
from airflow_clarify.bias.subgroups.search import Findings, evaluate_candidates, find_subgroups
from airflow_clarify.bias.subgroups.significance import compute_lower_tails
from airflow_clarify.exceptions import ConfigError, UnfitDataError

SIZES = (2, 3, 4)
COLUMNS = ("a", "b", "c")


def plant(chance: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(len(chance)) < chance


def search(codes: list[np.ndarray], labels: np.ndarray, **options: object) -> Findings:
    columns = tuple("abcdefgh"[: len(codes)])
    return find_subgroups(count_rows(codes, labels), SearchConfig(columns, **options))  # type: ignore[arg-type]


# --- What is found --------------------------------------------------------------------------------------------------


def test_the_planted_combination_comes_first_and_its_children_are_folded() -> None:
    codes = draw_codes(12_000, SIZES, seed=3)
    planted = (codes[0] == 1) & (codes[1] == 2)

    found = search(codes, plant(np.where(planted, 0.2, 0.6)))
    first = found.subgroups[0]

    assert first.group == {"a": "a1", "b": "b2"}
    assert first.rows == planted.sum()
    assert first.direction == "lower"
    assert first.interval[0] < 0.4 < first.interval[1]
    assert first.interval[0] <= first.excess <= first.interval[1]
    assert first.p_adjusted < 1e-50
    # Children of the planted combination are explained by it, and no finding contains it and more.
    assert first.folded == 4
    assert not [one for one in found.subgroups if set(first.group.items()) < set(one.group.items())]
    # The values that make it up differ from the rest as well, but less, as it is a part of them.
    parents = [found.subgroups[position] for position in [first.parent] if position is not None]
    assert [set(parent.group.items()) < set(first.group.items()) for parent in parents] == [True]
    assert all(abs(one.excess) < 0.25 for one in found.subgroups[1:])


def test_a_single_value_explains_all_combinations_with_it() -> None:
    codes = draw_codes(12_000, SIZES, seed=4)

    found = search(codes, plant(np.where(codes[0] == 2, 0.4, 0.6)))

    assert [one.group for one in found.subgroups] == [{"a": "a2"}]
    # 3 + 4 pairs and 12 triples with a2, as many with a1, and a1 itself, which is the same question.
    assert found.subgroups[0].folded == 39
    assert found.subgroups[0].value == found.subgroups[0].excess > 0
    assert found.subgroups[0].beyond == {}


def test_two_effects_that_add_up_make_their_combination_a_finding() -> None:
    codes = draw_codes(20_000, SIZES, seed=5)
    chance = 0.7 - 0.2 * (codes[0] == 1) - 0.2 * (codes[1] == 3)

    found = search(codes, plant(chance))

    groups = [one.group for one in found.subgroups]
    assert {"a": "a1"} in groups
    assert {"b": "b3"} in groups
    assert {"a": "a1", "b": "b3"} in groups
    # Whoever has neither is better off than the rest of both parents.
    assert all(
        one.direction == "lower"
        for one in found.subgroups
        if one.group.get("a", "a1") == "a1" and "b3" in one.group.values()
    )


def test_a_group_that_is_better_off_has_the_other_sign() -> None:
    codes = draw_codes(12_000, SIZES, seed=6)

    found = search(codes, plant(np.where((codes[0] == 1) & (codes[2] == 3), 0.9, 0.5)))

    first = found.subgroups[0]
    assert first.group == {"a": "a1", "c": "c3"}
    assert first.direction == "higher"
    assert first.value < 0 > first.excess
    assert first.interval[0] < first.excess < first.interval[1] < 0


def test_of_two_mirrored_groups_the_one_that_is_worse_off_is_named() -> None:
    codes = draw_codes(2_000, (2,), seed=7)

    for low in (1, 2):
        found = search(codes, plant(np.where(codes[0] == low, 0.3, 0.6)))
        assert [(one.group, one.direction) for one in found.subgroups] == [({"a": f"a{low}"}, "lower")]
        assert found.questions == 1
        assert found.candidates == 2


def test_values_that_select_the_same_rows_are_tested_once() -> None:
    codes = draw_codes(3_000, (3, 4), seed=8)
    labels = plant(np.where(codes[0] == 1, 0.3, 0.6))

    alone = search(codes, labels)
    with_synonym = search([*codes, codes[0]], labels)

    assert [one.group for one in with_synonym.subgroups] == [one.group for one in alone.subgroups]
    assert with_synonym.questions == alone.questions


def test_rows_without_a_value_are_in_no_group_but_in_the_rest() -> None:
    codes = draw_codes(4_000, (2, 3), seed=9)
    codes[0][:1000] = 0
    labels = plant(np.where(codes[0] == 0, 0.1, 0.6))

    found = evaluate_candidates(count_rows(codes, labels), SearchConfig(("a", "b"), max_depth=1))

    names = [found.get_codes(at) for at in range(len(found.value))]
    assert names == [{0: 1}, {0: 2}, {1: 1}, {1: 2}, {1: 3}]
    # Both values of "a" are better off than the rest, with the rows without a value. They are not mirrored.
    assert found.value[0] == pytest.approx(labels[codes[0] != 1].mean() - labels[codes[0] == 1].mean())
    assert found.asked.all()


def test_ranking_is_by_the_excess() -> None:
    codes = draw_codes(20_000, (2, 3, 4, 5), seed=10)
    labels = plant(0.8 - 0.1 * (codes[0] == 1) - 0.3 * ((codes[1] == 2) & (codes[2] == 1)) - 0.2 * (codes[3] == 4))

    found = search(codes, labels).subgroups

    assert [abs(one.excess) for one in found] == sorted((abs(one.excess) for one in found), reverse=True)
    assert all(one.p_adjusted <= 0.05 for one in found)


# --- The arithmetic -------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.sampled_from(sorted(RATE_METRICS)), st.integers(1, 30))
def test_value_and_excess_are_those_of_the_rows(seed: int, metric: str, min_rows: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(20, 80))
    codes = [random.integers(0, 4, n), random.integers(0, 3, n), random.integers(1, 3, n)]
    labels, predictions = random.random(n) < 0.5, random.random(n) < 0.5
    rate = RATE_METRICS[metric]
    trials, successes = rate.weigh_outcomes(("tn", "fp", "fn", "tp"))
    outcome = 2 * labels.astype(int) + predictions

    def compute_rate(mask: np.ndarray) -> float | None:
        of_mask = outcome[mask]
        tried = np.isin(of_mask, np.flatnonzero(trials))
        return float(np.isin(of_mask[tried], np.flatnonzero(successes)).mean()) if tried.any() else None

    expected = search_rows(codes, min_rows, 3, compute_rate, rate.sign)
    counts = count_rows(codes, labels, predictions, sizes=(3, 2, 2))
    config = SearchConfig(COLUMNS, min_rows=min_rows, metric=metric)
    if not expected:
        with pytest.raises(UnfitDataError, match="min_rows"):
            evaluate_candidates(counts, config)
        return
    found = evaluate_candidates(counts, config)

    names = [
        tuple((COLUMNS[column], f"{COLUMNS[column]}{code}") for column, code in found.get_codes(at).items())
        for at in range(len(found.value))
    ]
    # Values that select the same rows as an earlier one are left out.
    assert set(names) <= set(expected)
    for at, name in enumerate(names):
        rows, value, excess = expected[name]
        assert found.rows[at] == rows
        assert found.excess[at] == pytest.approx(excess, abs=1e-12)
        assert found.value[at] == pytest.approx(np.nan if value is None else value, abs=1e-12, nan_ok=True)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_p_values_bound_fishers_exact_test(trials: int, others: int, data: st.DataObject) -> None:
    all_trials = trials + others
    all_successes = data.draw(st.integers(0, all_trials))
    successes = data.draw(st.integers(max(0, all_successes - others), min(trials, all_successes)))
    exact = sum(
        Fraction(comb(all_successes, k) * comb(all_trials - all_successes, trials - k), comb(all_trials, trials))
        for k in range(max(0, all_successes - others), successes + 1)
    )

    arrays = (np.array([float(number)]) for number in (successes, trials, all_successes, all_trials))
    (bound,) = compute_lower_tails(*arrays)

    assert float(exact) * (1 - 1e-9) <= bound <= 1
    if exact < Fraction(1, 20):
        assert bound <= 1.25 * float(exact)


def test_p_values_hold_for_millions_of_rows() -> None:
    # A normal distribution is a good approximation here: 10 standard deviations below the mean.
    trials, all_trials, share = 1e6, 3e6, 0.4
    deviation = np.sqrt(trials * share * (1 - share) * (all_trials - trials) / all_trials)

    (tail,) = compute_lower_tails(
        np.array([np.floor(trials * share - 10 * deviation)]),
        np.array([trials]),
        np.array([all_trials * share]),
        np.array([all_trials]),
    )

    assert tail == pytest.approx(7.6e-24, rel=0.15)


def test_the_interval_of_a_single_value_is_newcombes() -> None:
    codes = draw_codes(3_000, (3,), seed=11)
    labels = plant(np.where(codes[0] == 1, 0.3, 0.6))
    group = codes[0] == 1

    (first, *_) = search(codes, labels, correction=None).subgroups

    expected = compute_newcombe_interval(
        labels[~group].mean(), int((~group).sum()), labels[group].mean(), int(group.sum()), 0.95
    )
    assert first.interval == pytest.approx(expected)


def test_corrections_ask_for_more_evidence() -> None:
    codes = draw_codes(2_000, SIZES, seed=12)
    labels = plant(np.where(codes[0] == 1, 0.45, 0.55))

    p_values = {
        correction: next(
            one
            for one in search(codes, labels, correction=correction, confidence=1e-9).subgroups
            if one.group == {"a": "a1"}
        )
        for correction in (None, "holm", "bonferroni", "by")
    }

    plain = p_values[None]
    assert plain.p_adjusted == plain.p_value < p_values["holm"].p_adjusted
    assert all(one.interval[0] < plain.interval[0] for name, one in p_values.items() if name)


def test_the_joint_table_and_separate_tables_give_the_same() -> None:
    codes = draw_codes(5_000, (2, 3, 4, 5), seed=13)
    labels = plant(np.where((codes[0] == 1) & (codes[3] == 2), 0.3, 0.5))
    joint = count_rows(codes, labels)
    config = SearchConfig(tuple("abcd"))

    separate = CombinationCounts(
        joint.columns,
        joint.outcomes,
        joint.totals,
        blocks={block.columns: block for block in joint.list_blocks(3)},
    )

    assert find_subgroups(separate, config) == find_subgroups(joint, config)


def test_counts_of_many_columns_are_added_up_in_steps() -> None:
    codes = draw_codes(4_000, (2, 3, 4, 2, 3, 4, 2), seed=14)
    counts = count_rows(codes, plant(np.full(4_000, 0.5)))

    blocks = {block.columns: block for block in counts.list_blocks(3)}

    assert len(blocks) == 7 + 21 + 35
    block: Block = blocks[1, 3, 6]
    for place in range(block.sums.shape[1]):
        values = [column[place] for column in block.codes]
        chosen = (codes[1] == values[0]) & (codes[3] == values[1]) & (codes[6] == values[2])
        assert block.rows[place] == chosen.sum()


def test_equal_weights_change_no_rate() -> None:
    codes = draw_codes(6_000, SIZES, seed=15)
    labels = plant(np.where((codes[0] == 1) & (codes[1] == 2), 0.3, 0.5))
    config = SearchConfig(COLUMNS)

    plain = find_subgroups(count_rows(codes, labels), config).subgroups
    weighted = find_subgroups(count_rows(codes, labels, weights=np.full(6_000, 2.5)), config).subgroups

    assert [one.group for one in weighted][:1] == [one.group for one in plain][:1]
    assert weighted[0].value == pytest.approx(plain[0].value)
    assert weighted[0].interval == pytest.approx(plain[0].interval)
    assert len(weighted[0].weights) == 2


def test_unequal_weights_count_as_fewer_rows() -> None:
    codes = draw_codes(6_000, SIZES, seed=16)
    labels = plant(np.where(codes[0] == 1, 0.4, 0.5))
    weights = np.random.default_rng(17).choice([0.1, 5.0], 6_000)
    config = SearchConfig(COLUMNS, max_depth=1)

    plain = find_subgroups(count_rows(codes, labels), config).subgroups[0]
    weighted = find_subgroups(count_rows(codes, labels, weights=weights), config).subgroups[0]

    assert weighted.group == plain.group
    assert weighted.value == pytest.approx(
        np.average(labels[codes[0] == 2], weights=weights[codes[0] == 2])
        - np.average(labels[codes[0] == 1], weights=weights[codes[0] == 1])
    )
    assert weighted.interval[1] - weighted.interval[0] > 1.2 * (plain.interval[1] - plain.interval[0])


# --- How often it is wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 0.03])
def test_findings_are_as_rare_as_guaranteed_if_nothing_differs(share: float) -> None:
    runs = 150
    false = 0
    for run in range(runs):
        codes = draw_codes(1_000, (2, 3, 4, 3), seed=run)
        found = search(codes, plant(np.full(1_000, share), seed=run + 10_000), min_rows=30, confidence=0.9)
        assert found.questions > 60
        false += bool(found.subgroups)

    # At most 10 % of all runs: 15 are expected at most, and more than 24 have a probability below 1 %.
    assert false <= 24


def test_combinations_are_findings_as_rarely_as_guaranteed_if_one_value_differs() -> None:
    runs = 120
    false = 0
    for run in range(runs):
        codes = draw_codes(1_500, (2, 3, 4), seed=run)
        found = search(codes, plant(np.where(codes[0] == 1, 0.2, 0.7), seed=run + 20_000), min_rows=30, confidence=0.9)
        groups = [one.group for one in found.subgroups]
        assert {"a": "a1"} in groups
        false += len(groups) > 1

    # 12 are expected at most, and more than 20 have a probability below 1 %.
    assert false <= 20


# --- Bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"columns": ("sex", "age", "sex")}, "columns: 'sex' is given twice; a column cannot be crossed with itself"),
        ({"columns": ()}, "columns: name at least one column"),
        ({"columns": "sex"}, "columns: give a list of columns"),
        ({"columns": ("sex", None)}, "columns: None is not the name of a column"),
        ({"metric": "CDDL"}, "metric: 'CDDL' is not a difference of two proportions.*AD, DAR, DPL"),
        ({"max_depth": 0}, "max_depth: a whole number from 1 to 5, not 0"),
        ({"max_depth": 6}, "max_depth: a whole number from 1 to 5, not 6"),
        ({"min_rows": 0}, "min_rows: a whole number from 1, not 0"),
        ({"min_rows": 2.5}, r"min_rows: a whole number from 1, not 2\.5"),
        ({"top": True}, "top: a whole number from 1, not True"),
        ({"bins": 1}, "bins: a whole number from 2 to 20, not 1"),
        ({"confidence": 95}, "confidence: between 0 and 1, such as 0.95, not 95"),
        ({"confidence": "0.95"}, "confidence: a number between 0 and 1"),
        ({"correction": "bh"}, "correction: 'holm', 'bonferroni', 'by' or None, not 'bh'"),
        ({"column_types": {"race": "categorical"}}, "column_types: 'race' is not among the columns"),
        ({"column_types": {"sex": "number"}}, "column_types: 'categorical' or 'continuous' for 'sex', not 'number'"),
        (
            {"columns": tuple(f"c{number}" for number in range(40))},
            "columns: 40 columns have 10,700 combinations of up to 3, more than 5,000; name fewer columns",
        ),
    ],
)
def test_invalid_search_settings_are_one_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        SearchConfig(**({"columns": ("sex", "age")} | options))  # type: ignore[arg-type]


def test_min_rows_above_the_number_of_rows_is_refused() -> None:
    codes = draw_codes(500, SIZES, seed=18)
    labels = plant(np.full(500, 0.5))

    with pytest.raises(UnfitDataError, match="min_rows: 501 is above the number of rows, 500"):
        search(codes, labels, min_rows=501)
    with pytest.raises(UnfitDataError, match="min_rows: no value of the columns has 400 of the 500 rows"):
        search(codes, labels, min_rows=400)
