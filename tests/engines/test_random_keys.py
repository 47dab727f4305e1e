from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from airflow_clarify.engines.duckdb.resampling.random_keys import BLOCK, KEY_SPACE, RowKeys, key_thresholds
from airflow_clarify.exceptions import DataError


def key_by_definition(seed: int, position: int) -> int:
    """The definition of the module's docstring, word for word."""
    digest = hashlib.sha256(b"airflow-clarify draw 1 " + str(seed).encode()).digest()
    k0, k1, k2, k3 = (int.from_bytes(digest[i : i + 4], "big") for i in (0, 4, 8, 12))
    x0 = (position + k0) % 2**32
    x1 = ((x0 ^ (x0 >> 16)) * 0x7FEB352D + k1) % 2**32
    x2 = ((x1 ^ (x1 >> 15)) * 0x2C1B3C6D + k2) % 2**32
    return ((x2 ^ (x2 >> 12)) * 0x297A2D39 + k3) % 2**32


GOLDEN = {
    0: [4051370515, 1250981411, 878076556, 727873755, 2392295108, 2256386573],
    7: [997304935, 2124615441, 1257134040, 1673783661, 1167501298, 4159580069],
    -1: [1984406489, 4143522885, 1733806803, 404197839, 843214307, 3474616376],
    20261121: [4262115700, 1893348708, 454624066, 1290024651, 4116290385, 4216462161],
}


def keys_in_sql(seed: int, start: int, stop: int) -> list[int]:
    rows = exp.select(exp.alias_(exp.column("range"), "at")).from_(f"range({start}, {stop})")
    return [
        row[0]
        for row in duckdb.sql(RowKeys(seed).add_to_query(rows, "at", "key").sql("duckdb")).project("key").fetchall()
    ]


@pytest.mark.parametrize("seed", GOLDEN)
def test_keys_are_the_same_as_in_earlier_versions(seed: int) -> None:
    assert RowKeys(seed).compute_range(0, 6).tolist() == GOLDEN[seed]


@given(st.integers(), st.integers(0, KEY_SPACE - 50))
def test_keys_are_the_same_in_numpy_in_sql_and_by_definition(seed: int, start: int) -> None:
    keys = RowKeys(seed).compute_range(start, start + 50)

    assert keys.dtype == np.uint32
    assert keys.tolist() == [key_by_definition(seed, position) for position in range(start, start + 50)]
    assert keys.tolist() == keys_in_sql(seed, start, start + 50)


def test_only_positions_up_to_the_maximum_have_keys() -> None:
    assert RowKeys(3).compute_range(KEY_SPACE - 1, KEY_SPACE).tolist() == [key_by_definition(3, KEY_SPACE - 1)]
    with pytest.raises(DataError, match="more than 4294967296 rows"):
        RowKeys(3).compute_range(KEY_SPACE, KEY_SPACE + 1)


@given(st.integers(), st.integers(0, KEY_SPACE - 20_000))
def test_no_two_rows_have_the_same_key(seed: int, start: int) -> None:
    assert len(np.unique(RowKeys(seed).compute_range(start, start + 20_000))) == 20_000


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 3), min_size=1, max_size=300),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_thresholds_select_exactly_the_quota(seed: int, rows: list[int], shares: list[float]) -> None:
    codes = np.array(rows, dtype=np.uint8)
    stratum_of_code = np.array([0, 1, 2, 1], dtype=np.uint32)
    strata = stratum_of_code[codes]
    counts = np.bincount(strata, minlength=3).tolist()
    quotas = [math.floor(count * share) for count, share in zip(counts, shares, strict=True)]

    limits = key_thresholds(RowKeys(seed), codes, stratum_of_code, counts, quotas)

    keys = RowKeys(seed).compute_range(0, len(rows))
    for stratum in range(3):
        drawn = np.flatnonzero((strata == stratum) & (keys < np.array(limits)[strata]))
        ranked = sorted(np.flatnonzero(strata == stratum), key=lambda row: keys[row])
        assert sorted(ranked[: quotas[stratum]]) == drawn.tolist()


def test_thresholds_select_the_quota_across_blocks_and_strata() -> None:
    rows = 2 * BLOCK + 12_345
    codes = (np.arange(rows) * 7919 % 3000).astype(np.uint16)
    stratum_of_code = np.arange(3000, dtype=np.uint32)
    counts = np.bincount(codes).tolist()

    limits = np.array(key_thresholds(RowKeys(11), codes, stratum_of_code, counts, [c // 3 for c in counts]))

    drawn = RowKeys(11).compute_range(0, rows) < limits[codes]
    assert np.bincount(codes[drawn]).tolist() == [count // 3 for count in counts]


class TestStatistics:
    """Over many seeds, a draw has the distribution of a random sample without replacement.

    The seeds are fixed, so these pass always or never; the bounds are where one run in ten thousand would go astray.
    """

    SEEDS = range(20_000)

    @staticmethod
    def excess(observed: list[int], expected: float) -> float:
        """By how many standard deviations chi-square is above what chance makes it (Wilson and Hilferty 1931)."""
        freedom = len(observed) - 1
        chi_square = sum((o - expected) ** 2 for o in observed) / expected
        return ((chi_square / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))

    @pytest.mark.parametrize(
        "positions",
        [(0, 1, 2, 3, 4), (0, 2, 4, 6, 8), (5, 1005, 2005, 3005, 4005), (0, 1 << 16, 1 << 17, 1 << 20, 1 << 31)],
        ids=["neighbours", "every other", "every thousandth", "powers of two"],
    )
    def test_all_orders_of_a_few_rows_are_equally_likely(self, positions: tuple[int, ...]) -> None:
        at = np.array(positions, dtype=np.uint32)
        keys = np.stack([RowKeys(seed).compute(at) for seed in self.SEEDS])
        seen = Counter(map(tuple, np.argsort(keys, axis=1).tolist()))

        orders = [seen[order] for order in itertools.permutations(range(len(positions)))]
        assert abs(self.excess(orders, len(self.SEEDS) / math.factorial(len(positions)))) < 4

    def test_each_row_and_each_pair_of_neighbours_is_drawn_equally_often(self) -> None:
        rows, quota, seeds = 60, 20, self.SEEDS
        drawn = np.zeros((len(seeds), rows), dtype=bool)
        for number, seed in enumerate(seeds):
            keys = RowKeys(seed).compute_range(0, rows)
            drawn[number] = keys < np.partition(keys, quota)[quota]

        share = quota / rows
        singles = drawn.sum(axis=0)
        # Rows of one draw are not independent: chi-square is smaller by the share that is not drawn.
        assert abs(self.excess((singles / (1 - share)).tolist(), len(seeds) * share / (1 - share))) < 4
        pair = share * (quota - 1) / (rows - 1)
        for distance in (1, 2, 3, 7, 16, 32):
            together = (drawn[:, :-distance] & drawn[:, distance:]).mean(axis=1)
            error = together.std() / math.sqrt(len(seeds))
            assert abs(together.mean() - pair) / error < 4, distance

    @pytest.mark.parametrize("step", [1, 3, 1024])
    @pytest.mark.parametrize("pattern", ["blocks", "residues"])
    def test_draws_are_neither_clumped_nor_evenly_spread(self, step: int, pattern: str) -> None:
        rows, quota, parts, seeds = 4096, 1000, 64, self.SEEDS[:2000]
        positions = np.arange(0, rows * step, step, dtype=np.uint32)
        spread = []
        for seed in seeds:
            keys = RowKeys(seed).compute(positions)
            drawn = keys < np.partition(keys, quota)[quota]
            split = drawn.reshape(parts, -1).sum(1) if pattern == "blocks" else drawn.reshape(-1, parts).sum(0)
            spread.append(split.var())

        size, share = rows / parts, quota / rows
        hypergeometric = size * share * (1 - share) * (rows - size) / (rows - 1)
        error = np.std(spread) / math.sqrt(len(seeds))
        assert abs(np.mean(spread) - hypergeometric) / error < 4
