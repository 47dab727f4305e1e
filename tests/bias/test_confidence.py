"""Intervals: Koopman's of a ratio, their inversion, and the coverage of the metrics' intervals by simulation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.comparisons import build_comparison
from airflow_clarify.bias.confidence import (
    Proportion,
    compute_koopman_interval,
    compute_koopman_score,
    compute_newcombe_interval,
    compute_newcombe_score,
    compute_p_value,
    compute_score,
)
from airflow_clarify.bias.contingency import ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.post_training import ALL_METRICS

counts = st.integers(1, 3000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))
levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


def make_proportion(positive: int, rows: int) -> Proportion:
    return Proportion(positive / rows, rows)


# --- Koopman's interval -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "a", "low", "high"),
    [
        # P. A. R. Koopman, Biometrics 40 (1984), 513-517: 36 of 40 against 16 of 80.
        ((36, 40), (16, 80), 2.94, 7.15),
        # Turned round, it is the reciprocal.
        ((16, 80), (36, 40), 1 / 7.15, 1 / 2.94),
    ],
)
def test_the_interval_of_a_ratio_is_koopmans(d: tuple[int, int], a: tuple[int, int], low: float, high: float) -> None:
    found = compute_koopman_interval(make_proportion(*d), make_proportion(*a), 0.95)
    assert found == pytest.approx((low, high), rel=0.002)


def test_without_positive_rows_an_interval_ends_at_0_or_at_infinity() -> None:
    none, some = make_proportion(0, 20), make_proportion(5, 30)
    low, high = compute_koopman_interval(none, some, 0.95)
    assert low == 0
    assert 0.9 < high < 1.2
    assert compute_koopman_interval(some, none, 0.95) == pytest.approx((1 / high, math.inf))
    assert compute_koopman_interval(none, none, 0.95) == (0, math.inf)


@given(counts, counts, levels)
def test_the_interval_of_a_ratio_contains_it_and_turns_into_its_reciprocal(
    d: tuple[int, int], a: tuple[int, int], confidence: float
) -> None:
    of_d, of_a = make_proportion(*d), make_proportion(*a)
    low, high = compute_koopman_interval(of_d, of_a, confidence)
    if a[0]:
        assert low <= of_d.share / of_a.share * (1 + 1e-9)
        assert high >= of_d.share / of_a.share * (1 - 1e-9)
    turned = compute_koopman_interval(of_a, of_d, confidence)
    expected = (1 / high if high else math.inf, 1 / low if low else math.inf)
    assert turned == pytest.approx(expected, rel=1e-6)


@given(counts, counts, levels)
def test_an_interval_ends_where_the_score_is_that_of_its_level(
    d: tuple[int, int], a: tuple[int, int], confidence: float
) -> None:
    of_d, of_a, z = make_proportion(*d), make_proportion(*a), compute_score(confidence)
    low, high = compute_koopman_interval(of_d, of_a, confidence)
    if low > 0:
        assert compute_koopman_score(of_d, of_a, low) == pytest.approx(z, abs=1e-6)
    if high < math.inf:
        assert compute_koopman_score(of_d, of_a, high) == pytest.approx(-z, abs=1e-6)
    low, high = compute_newcombe_interval(*of_a, *of_d, confidence)
    if low > -1:
        assert compute_newcombe_score(of_a, of_d, low) == pytest.approx(z, abs=1e-6)
    if high < 1:
        assert compute_newcombe_score(of_a, of_d, high) == pytest.approx(-z, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "p_value"), [(0.0, 1.0), (-3.0, 1.0), (1.959964, 0.05), (6.0, 1.97e-9), (math.inf, 0)]
)
def test_the_p_value_of_a_score_has_two_sides(score: float, p_value: float) -> None:
    assert compute_p_value(score) == pytest.approx(p_value, rel=0.01)


# --- Coverage ---------------------------------------------------------------------------------------------------------

#: Probabilities of (tp, fp, fn, tn) within a group: recall 0.8 against 0.9, and rare positives.
D, A = (0.16, 0.08, 0.04, 0.72), (0.27, 0.07, 0.03, 0.63)
#: Rows of the group and of the rest; about 12 and 90 of them have a positive label.
SMALL = (60, 300)
LARGE = (600, 3000)


def make_split(cells: list[int]) -> Split:
    d, a = (ConfusionCounts(*map(WeightedCount.from_rows, cells[start : start + 4])) for start in (0, 4))
    return Split.from_confusions(d, a)


def simulate_coverage(metric: str, rows: tuple[int, int], draws: int) -> float:
    """The share of samples whose interval at 95 % contains the true value of the metric."""
    numpy = pytest.importorskip("numpy")
    generator = numpy.random.default_rng(list(metric.encode()) + list(rows))
    exact = make_split([round(10_000 * p) for p in (*D, *A)])
    truth = exact.measure(ALL_METRICS[metric])
    drawn = zip(*(generator.multinomial(n, p, draws).tolist() for n, p in zip(rows, (D, A), strict=True)), strict=True)
    covered = 0
    for d, a in drawn:
        comparison = build_comparison(metric, make_split([*d, *a]))
        assert comparison is not None
        low, high = comparison.compute_interval(0.95)
        covered += low <= truth <= high
    return covered / draws


@pytest.mark.parametrize("rows", [SMALL, LARGE], ids=["60 rows", "600 rows"])
@pytest.mark.parametrize("metric", ["DPL", "DPPL", "RD", "SD", "DAR", "DRR", "AD", "DI", "DIL"])
def test_intervals_cover_the_true_value_at_the_confidence_level(metric: str, rows: tuple[int, int]) -> None:
    """The table in docs/thresholds.md. The standard error of each share is half a point."""
    assert 0.935 <= simulate_coverage(metric, rows, 1500) <= 0.975


def test_katz_interval_would_miss_the_ratio_in_small_groups_or_not_exist() -> None:
    """Why the ratio has Koopman's interval: no positive prediction in the group leaves no logarithm."""
    numpy = pytest.importorskip("numpy")
    rows, rest, share_d, share_a = 12, 300, 0.15, 0.3
    generator = numpy.random.default_rng(1)
    z, truth, draws = compute_score(0.95), share_d / share_a, 1500
    katz = koopman = 0
    for x_d, x_a in zip(
        generator.binomial(rows, share_d, draws).tolist(),
        generator.binomial(rest, share_a, draws).tolist(),
        strict=True,
    ):
        low, high = compute_koopman_interval(make_proportion(x_d, rows), make_proportion(x_a, rest), 0.95)
        koopman += low <= truth <= high
        if x_d:
            spread = z * math.sqrt(1 / x_d - 1 / rows + 1 / x_a - 1 / rest)
            katz += abs(math.log(x_d / rows / (x_a / rest)) - math.log(truth)) <= spread
    assert 0.93 <= koopman / draws <= 0.98
    assert katz / draws < 0.92
