"""The evidence of a night: its projection, its expected value, and the guarantees of what is built on it."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.alarms.change import compute_detector
from airflow_clarify.bias.alarms.evidence import HalfPlane, NightCounts, _project, compute_evidence
from airflow_clarify.bias.alarms.sequence import compute_exclusion, compute_interval, compute_sequence

rates = st.floats(0.01, 0.99)
weights = st.floats(1, 10_000)


def divergence(rate: float, other: float) -> float:
    return rate * math.log(rate / other) + (1 - rate) * math.log((1 - rate) / (1 - other))


def simulate(
    difference: float, nights: int, histories: int = 1, *, change: tuple[int, float] | None = None, seed: int = 1
) -> NightCounts:
    """Draw histories with 200 + 800 rows a night and a true DPL, which may change on a night."""
    draw = np.random.default_rng(seed)
    differences = np.full(nights, float(difference))
    if change is not None:
        differences[change[0] :] = change[1]
    shape = (histories, nights)
    positive_d = draw.binomial(200, 0.5 - differences, shape)
    positive_a = draw.binomial(800, 0.5, shape)
    return NightCounts.from_lists(positive_d, np.full(shape, 200), positive_a, np.full(shape, 800))


@given(rates, rates, weights, weights, st.floats(-0.9, 0.9))
def test_the_projection_is_the_nearest_point_of_the_line(
    rate_a: float, rate_d: float, rows_a: float, rows_d: float, limit: float
) -> None:
    q_a, q_d = _project(np.array([rate_a]), np.array([rate_d]), rows_a, rows_d, HalfPlane(1, -1, limit), limit)

    def distance(q: float) -> float:
        return rows_a * divergence(rate_a, q) + rows_d * divergence(rate_d, q - limit)

    found = float(q_a[0])
    assert float(q_d[0]) == pytest.approx(found - limit, abs=1e-12)
    low, high = max(0.0, limit), min(1.0, 1 + limit)
    others = np.linspace(low, high, 99)[1:-1]
    assert distance(found) <= min(distance(float(q)) for q in others) + 1e-6


@pytest.mark.parametrize(
    ("hypothesis", "q_a", "q_d"),
    [
        (HalfPlane(1, -1, 0.1), 0.6, 0.5),
        (HalfPlane(1, -1, 0.1), 0.15, 0.05),
        (HalfPlane(1, -1, 0.1), 0.3, 0.4),
        (HalfPlane(-1, 1, 0.1), 0.5, 0.6),
        (HalfPlane(0.8, -1, 0.0), 0.5, 0.4),
        (HalfPlane(-1.25, 1, 0.0), 0.4, 0.5),
    ],
)
def test_the_expected_evidence_is_at_most_one_for_every_number_of_rows(
    hypothesis: HalfPlane, q_a: float, q_d: float
) -> None:
    """Enumerate all outcomes of two nights with few rows: each night's evidence has a mean of at most 1."""
    rows_d, rows_a = 3, 4

    def probability(positive: int, rows: int, rate: float) -> float:
        return math.comb(rows, positive) * rate**positive * (1 - rate) ** (rows - positive)

    outcomes = list(product(range(rows_d + 1), range(rows_a + 1)))
    chances = [probability(d, rows_d, q_d) * probability(a, rows_a, q_a) for d, a in outcomes]
    for first in outcomes:
        positive_d = np.array([[first[0], d] for d, _ in outcomes])
        positive_a = np.array([[first[1], a] for _, a in outcomes])
        counts = NightCounts.from_lists(
            positive_d, np.full(positive_d.shape, rows_d), positive_a, np.full(positive_a.shape, rows_a)
        )
        second = np.exp(compute_evidence(counts, hypothesis).log_ratios[:, 1, :])
        assert np.all(np.array(chances) @ second <= 1 + 1e-9)
    one_night = NightCounts.from_lists(
        [[d] for d, _ in outcomes], [[rows_d]] * len(outcomes), [[a] for _, a in outcomes], [[rows_a]] * len(outcomes)
    )
    assert np.all(np.array(chances) @ np.exp(compute_evidence(one_night, hypothesis).log_ratios[:, 0, :]) <= 1 + 1e-9)


def test_a_night_without_rows_in_a_group_has_no_evidence() -> None:
    counts = NightCounts.from_lists([10, 0, 12], [20, 0, 20], [30, 31, 32], [60, 60, 60])

    assert np.all(compute_evidence(counts, HalfPlane(1, -1, 0.1)).log_ratios[1] == 0)


def test_a_bound_that_nothing_can_violate_has_no_evidence() -> None:
    counts = NightCounts.from_lists([0], [20], [60], [60])

    assert np.all(compute_evidence(counts, HalfPlane(1, -1, 1.0)).log_ratios == 0)


@given(st.floats(-0.5, 1.0), st.integers(0, 10_000), st.integers(1, 10_000))
def test_the_weights_of_the_alternatives_add_up_to_one(limit: float, rows_d: int, rows_a: int) -> None:
    counts = NightCounts.from_lists([0.0], [rows_d], [0.0], [rows_a])
    weights = np.exp(compute_evidence(counts, HalfPlane(1, -1, limit)).log_weights)

    assert weights.sum() == pytest.approx(1)
    assert weights.min() > 0


def test_a_confidence_sequence_raises_few_false_alarms_and_finds_a_violation_within_days() -> None:
    at_the_bound = compute_sequence(simulate(0.1, 60, 200), "difference", -0.1, 0.1).find_alarms(0.05)
    beyond = compute_sequence(simulate(0.15, 40, 200), "difference", -0.1, 0.1).find_alarms(0.05)

    assert at_the_bound.any(axis=1).mean() <= 0.05
    assert beyond.any(axis=1).all()
    assert np.median(beyond.argmax(axis=1) + 1) <= 7


@pytest.mark.parametrize(("changed", "nights"), [(0.15, 15), (0.2, 5)])
def test_a_change_is_found_after_many_good_nights(changed: float, nights: int) -> None:
    threshold = math.log(2 * 7300)
    counts = simulate(0.0, 29 + 40, 100, change=(29, changed))
    alarms = compute_detector(counts, "difference", -0.1, 0.1, threshold) >= threshold

    assert not alarms[:, :29].any()
    assert np.median(alarms.argmax(axis=1) - 28) <= nights


def test_an_alarm_ends_soon_after_its_cause() -> None:
    threshold = math.log(2 * 7300)
    counts = simulate(0.2, 120, 20, change=(100, 0.0))
    alarms = compute_detector(counts, "difference", -0.1, 0.1, threshold) >= threshold

    assert alarms[:, 99].all()
    assert not alarms[:, 104:].any()


def test_the_interval_holds_the_true_difference_and_shrinks() -> None:
    counts = simulate(0.15, 60)
    one = NightCounts(*(part[0] for part in (counts.positive_d, counts.rows_d, counts.positive_a, counts.rows_a)))
    early = NightCounts(*(part[:5] for part in (one.positive_d, one.rows_d, one.positive_a, one.rows_a)))
    low, high = compute_interval(one, "difference", 0.05)
    early_low, early_high = compute_interval(early, "difference", 0.05)

    assert low < 0.15 < high
    assert high - low < (early_high - early_low) / 2
    # About that of a normal mixture, and wider than a fixed interval of the same counts.
    fixed = 1.96 * math.sqrt(0.25 / (800 * 60) + 0.35 * 0.65 / (200 * 60))
    assert fixed < (high - low) / 2 < 2.2 * fixed


def test_the_interval_agrees_with_the_alarm() -> None:
    counts = simulate(0.15, 30, seed=3)
    one = NightCounts(*(part[0] for part in (counts.positive_d, counts.rows_d, counts.positive_a, counts.rows_a)))
    alarm = bool(compute_sequence(one, "difference", -0.1, 0.1).find_alarms(0.05)[-1])

    assert alarm == (compute_interval(one, "difference", 0.05)[0] > 0.1)


def test_good_nights_show_that_the_value_is_within_its_bounds() -> None:
    counts = simulate(0.0, 30, 20)

    assert (compute_exclusion(counts, "difference", -0.1, 0.1)[:, -1] > math.log(40)).all()


def test_a_ratio_is_judged_by_the_four_fifths_rule() -> None:
    draw = np.random.default_rng(5)
    shape = (50, 30)
    counts = NightCounts.from_lists(
        draw.binomial(200, 0.3, shape), np.full(shape, 200), draw.binomial(800, 0.5, shape), np.full(shape, 800)
    )
    fair = NightCounts.from_lists(
        draw.binomial(200, 0.4, shape), np.full(shape, 200), draw.binomial(800, 0.5, shape), np.full(shape, 800)
    )

    assert compute_sequence(counts, "ratio", 0.8, None).find_alarms(0.05).any(axis=1).all()
    assert compute_sequence(fair, "ratio", 0.8, None).find_alarms(0.05).any(axis=1).mean() <= 0.06
