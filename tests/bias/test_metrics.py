"""The eight metrics: formulas, ranges, invariants and edge cases."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.metrics import (
    METRICS,
    FacetCounts,
    GroupCounts,
    compute_class_imbalance,
    compute_conditional_demographic_disparity,
    compute_difference_in_positive_proportions,
    compute_jensen_shannon,
    compute_kolmogorov_smirnov,
    compute_kullback_leibler,
    compute_lp_norm,
    compute_total_variation_distance,
    has_dropped_outcome,
    select_common_outcomes,
)
from airflow_clarify.exceptions import MetricError

DISTANCES = [
    compute_kullback_leibler,
    compute_jensen_shannon,
    compute_lp_norm,
    compute_total_variation_distance,
    compute_kolmogorov_smirnov,
]
SYMMETRIC = [compute_jensen_shannon, compute_lp_norm, compute_total_variation_distance, compute_kolmogorov_smirnov]
ROUNDING = 1e-12

rows = st.integers(min_value=0, max_value=1_000_000)
some_rows = st.integers(min_value=1, max_value=1_000_000)
#: Arbitrary counts, including edge cases.
any_counts = st.builds(FacetCounts, rows, rows, rows, rows)
#: Counts with rows in both facets.
two_sided = any_counts.filter(lambda counts: counts.n_a and counts.n_d)
#: Counts with both outcomes in both facets, so that no outcome is dropped.
full = st.builds(FacetCounts, some_rows, some_rows, some_rows, some_rows)


def swap_facets(counts: FacetCounts) -> FacetCounts:
    return FacetCounts(counts.a_positive, counts.a_negative, counts.d_positive, counts.d_negative)


def swap_labels(counts: FacetCounts) -> FacetCounts:
    return FacetCounts(counts.d_negative, counts.d_positive, counts.a_negative, counts.a_positive)


def scale(counts: FacetCounts, by: int | Fraction) -> FacetCounts:
    return FacetCounts(*(count * by for count in astuple(counts)))


# --- Formulas -----------------------------------------------------------------------------------------------------

#: 4 rows of the facet value, a quarter of them positive; 8 other rows, three quarters of them positive.
QUARTER_TO_THREE = FacetCounts(d_positive=1, d_negative=3, a_positive=6, a_negative=2)


@pytest.mark.parametrize(
    ("metric", "by_hand"),
    [
        (compute_class_imbalance, (8 - 4) / (8 + 4)),
        (compute_difference_in_positive_proportions, 0.75 - 0.25),
        (compute_kullback_leibler, 0.75 * math.log(0.75 / 0.25) + 0.25 * math.log(0.25 / 0.75)),
        (compute_jensen_shannon, 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)),
        (compute_lp_norm, math.sqrt(0.5**2 + 0.5**2)),
        (compute_total_variation_distance, (0.5 + 0.5) / 2),
        (compute_kolmogorov_smirnov, 0.5),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_metric_is_its_formula(metric: Callable[[FacetCounts], float], by_hand: float) -> None:
    assert metric(QUARTER_TO_THREE) == pytest.approx(by_hand, abs=1e-15)


def test_cddl_is_the_mean_over_groups_of_the_share_of_rejections_minus_that_of_acceptances() -> None:
    groups = [
        GroupCounts(d_positive=2, d_negative=0, positive=5, negative=0),  # 0/0 of the rejected: counts as 0
        GroupCounts(d_positive=0, d_negative=1, positive=0, negative=5),  # 0/0 of the accepted
        GroupCounts(d_positive=1, d_negative=3, positive=3, negative=4),
    ]
    by_hand = (5 * (0 - 2 / 5) + 5 * (1 / 5 - 0) + 7 * (3 / 4 - 1 / 3)) / 17
    assert compute_conditional_demographic_disparity(groups, positive=8, negative=9, n=17) == pytest.approx(
        by_hand, abs=1e-15
    )


def test_cddl_of_one_group_is_the_demographic_disparity_itself() -> None:
    whole = [GroupCounts(d_positive=1, d_negative=3, positive=7, negative=5)]
    assert compute_conditional_demographic_disparity(whole, 7, 5, 12) == pytest.approx(3 / 5 - 1 / 7, abs=1e-15)


def test_cddl_needs_only_the_groups_that_hold_the_facet_value() -> None:
    holding = GroupCounts(1, 3, 3, 4)
    empty = GroupCounts(0, 0, 5, 5)
    with_all = compute_conditional_demographic_disparity([holding, empty], 8, 9, 17)
    assert compute_conditional_demographic_disparity([holding], 8, 9, 17) == with_all


def test_kl_is_the_divergence_of_facet_a_from_facet_d() -> None:
    counts = FacetCounts(d_positive=1, d_negative=3, a_positive=5, a_negative=5)
    assert compute_kullback_leibler(counts) == pytest.approx(0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75))
    assert compute_kullback_leibler(swap_facets(counts)) == pytest.approx(
        0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    )


def test_js_uses_the_mean_of_both_distributions_and_not_the_pooled_rows() -> None:
    few_against_many = FacetCounts(d_positive=1, d_negative=3, a_positive=600, a_negative=200)
    assert compute_jensen_shannon(few_against_many) == pytest.approx(
        compute_jensen_shannon(QUARTER_TO_THREE), abs=1e-15
    )


# --- Edge cases, as in smclarify 0.5 --------------------------------------------------------------------------------

# One facet has a single outcome, so the other outcome is dropped. The numbers are the results of smclarify 0.5.
DROPPED = {
    FacetCounts(5, 0, 3, 1): {
        "CI": -0.1111111111111111,
        "DPL": -0.25,
        "JS": 0.008959191377039405,
        "KL": -0.21576155433883568,
        "KS": 0.25,
        "LP": 0.25,
        "TVD": 0.125,
    },
    FacetCounts(0, 4, 3, 1): {
        "CI": 0.0,
        "DPL": 0.75,
        "JS": 0.12046547313859844,
        "KL": -0.34657359027997264,
        "KS": 0.75,
        "LP": 0.75,
        "TVD": 0.375,
    },
    FacetCounts(3, 1, 5, 0): {
        "CI": 0.1111111111111111,
        "DPL": 0.25,
        "JS": 0.008959191377039405,
        "KL": 0.28768207245178085,
        "KS": 0.25,
        "LP": 0.25,
        "TVD": 0.125,
    },
}


@pytest.mark.parametrize("counts", DROPPED, ids=str)
def test_an_outcome_in_one_facet_only_is_dropped_as_in_clarify(counts: FacetCounts) -> None:
    measured = {name: metric.function(counts) for name, metric in METRICS.items() if metric.function is not None}
    assert measured == pytest.approx(DROPPED[counts], abs=1e-15)
    assert has_dropped_outcome(counts)
    assert len(select_common_outcomes(counts)) == 1


def test_with_a_dropped_outcome_ks_keeps_the_difference_and_tvd_halves_it() -> None:
    counts = FacetCounts(d_positive=7, d_negative=0, a_positive=2, a_negative=8)
    difference = abs(compute_difference_in_positive_proportions(counts))
    assert compute_kolmogorov_smirnov(counts) == difference
    assert compute_lp_norm(counts) == difference
    assert compute_total_variation_distance(counts) == difference / 2


@pytest.mark.parametrize("metric", DISTANCES, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(FacetCounts(5, 0, 0, 4), id="all of one side positive, none of the other"),
        pytest.param(FacetCounts(0, 5, 4, 0), id="none of one side positive, all of the other"),
        pytest.param(FacetCounts(0, 0, 3, 2), id="no row has the facet value"),
        pytest.param(FacetCounts(3, 2, 0, 0), id="every row has the facet value"),
        pytest.param(FacetCounts(0, 0, 0, 0), id="no row at all"),
    ],
)
def test_without_a_common_outcome_a_distance_is_not_defined(
    metric: Callable[[FacetCounts], float], counts: FacetCounts
) -> None:
    with pytest.raises(MetricError) as error:
        metric(counts)
    assert str(error.value) == "No instance of common facet found, dataset may be too small"


def test_opposite_sides_still_have_a_difference_of_proportions() -> None:
    opposite = FacetCounts(5, 0, 0, 4)
    assert compute_difference_in_positive_proportions(opposite) == -1.0
    assert compute_difference_in_positive_proportions(swap_facets(opposite)) == 1.0


@pytest.mark.parametrize(
    ("metric", "counts", "text"),
    [
        (
            compute_class_imbalance,
            FacetCounts(0, 0, 3, 2),
            "CI: facet set is empty. Check that x[facet] has non-zero length.",
        ),
        (
            compute_class_imbalance,
            FacetCounts(3, 2, 0, 0),
            "CI: negated facet set is empty. Check that x[~facet] has non-zero length.",
        ),
        (
            compute_class_imbalance,
            FacetCounts(0, 0, 0, 0),
            "CI: negated facet set is empty. Check that x[~facet] has non-zero length.",
        ),
        (compute_difference_in_positive_proportions, FacetCounts(0, 0, 3, 2), "Facet set is empty."),
        (compute_difference_in_positive_proportions, FacetCounts(3, 2, 0, 0), "Negative facet set is empty."),
        (compute_difference_in_positive_proportions, FacetCounts(0, 0, 0, 0), "Negative facet set is empty."),
    ],
)
def test_an_empty_facet_has_clarifys_error_message(
    metric: Callable[[FacetCounts], float], counts: FacetCounts, text: str
) -> None:
    with pytest.raises(MetricError) as error:
        metric(counts)
    assert str(error.value) == text


@pytest.mark.parametrize(("positive", "negative"), [(0, 9), (0, 0)])
def test_cddl_without_any_positive_label_is_an_error(positive: int, negative: int) -> None:
    with pytest.raises(MetricError, match=r"^No positive labels in set$"):
        compute_conditional_demographic_disparity([GroupCounts(0, 4, 0, 9)], positive, negative, 9)


def test_cddl_without_any_negative_label_is_an_error() -> None:
    with pytest.raises(MetricError, match=r"^No negative labels in set$"):
        compute_conditional_demographic_disparity([GroupCounts(4, 0, 9, 0)], 9, 0, 9)


def test_cddl_of_a_facet_value_that_no_group_holds_is_zero() -> None:
    assert compute_conditional_demographic_disparity([], positive=8, negative=9, n=17) == 0.0


def test_cddl_without_a_row_that_has_a_group_is_zero() -> None:
    assert compute_conditional_demographic_disparity([], positive=8, negative=9, n=0) == 0.0


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param(FacetCounts(0, 3, 0, 4), id="no label is positive"),
        pytest.param(FacetCounts(5, 0, 4, 0), id="every label is positive"),
    ],
)
def test_all_distances_of_a_one_sided_label_are_zero(counts: FacetCounts) -> None:
    # smclarify 0.5 reports these zeros; the analysis warns and the gate refuses (see test_thresholds).
    assert [metric(counts) for metric in (compute_difference_in_positive_proportions, *DISTANCES)] == [0.0] * 6
    assert not has_dropped_outcome(counts)


# --- Invariants -----------------------------------------------------------------------------------------------------


@given(any_counts)
def test_every_metric_is_in_its_range_or_undefined(counts: FacetCounts) -> None:
    for metric in METRICS.values():
        if metric.function is None:
            continue
        try:
            value = metric.function(counts)
        except MetricError:
            continue
        assert math.isfinite(value)
        if metric.name != "KL" or not has_dropped_outcome(counts):  # the one exception: see below
            assert metric.lowest - ROUNDING <= value <= metric.highest + ROUNDING, metric.name


@given(any_counts)
def test_a_metric_is_undefined_only_without_facet_or_common_outcome(counts: FacetCounts) -> None:
    for metric in METRICS.values():
        if metric.function is None:
            continue
        sided = bool(counts.n_a and counts.n_d)
        common = bool((counts.a_positive and counts.d_positive) or (counts.a_negative and counts.d_negative))
        defined = sided if metric.name in ("CI", "DPL") else common
        if defined:
            metric.function(counts)
        else:
            with pytest.raises(MetricError):
                metric.function(counts)


@given(full)
def test_kl_is_never_negative_while_no_outcome_is_dropped(counts: FacetCounts) -> None:
    assert not has_dropped_outcome(counts)
    assert compute_kullback_leibler(counts) >= -ROUNDING


@given(full)
def test_swapping_the_facets_negates_ci_and_dpl_and_keeps_the_distances(counts: FacetCounts) -> None:
    other = swap_facets(counts)
    assert compute_class_imbalance(other) == pytest.approx(-compute_class_imbalance(counts), abs=ROUNDING)
    assert compute_difference_in_positive_proportions(other) == -compute_difference_in_positive_proportions(counts)
    for metric in SYMMETRIC:
        assert metric(other) == pytest.approx(metric(counts), abs=ROUNDING)


@given(full)
def test_swapping_the_labels_negates_dpl_and_keeps_all_distances(counts: FacetCounts) -> None:
    other = swap_labels(counts)
    assert compute_class_imbalance(other) == compute_class_imbalance(counts)
    turned = -compute_difference_in_positive_proportions(counts)
    assert compute_difference_in_positive_proportions(other) == pytest.approx(turned, abs=ROUNDING)
    for metric in DISTANCES:
        assert metric(other) == pytest.approx(metric(counts), abs=ROUNDING)


@given(full)
def test_on_a_binary_label_the_distances_are_multiples_of_the_difference(counts: FacetCounts) -> None:
    difference = abs(compute_difference_in_positive_proportions(counts))
    assert compute_total_variation_distance(counts) == pytest.approx(difference, abs=ROUNDING)
    assert compute_kolmogorov_smirnov(counts) == pytest.approx(difference, abs=ROUNDING)
    assert compute_lp_norm(counts) == pytest.approx(math.sqrt(2) * difference, abs=ROUNDING)


@given(two_sided)
def test_tvd_never_exceeds_ks_nor_ks_lp_nor_lp_the_square_root_of_two_ks(counts: FacetCounts) -> None:
    try:
        distance = compute_total_variation_distance(counts)
    except MetricError:
        return
    assert distance <= compute_kolmogorov_smirnov(counts) + ROUNDING
    assert compute_kolmogorov_smirnov(counts) <= compute_lp_norm(counts) + ROUNDING
    assert compute_lp_norm(counts) <= math.sqrt(2) * compute_kolmogorov_smirnov(counts) + ROUNDING
    # KS is the difference of proportions even if an outcome is dropped.
    assert compute_kolmogorov_smirnov(counts) == pytest.approx(
        abs(compute_difference_in_positive_proportions(counts)), abs=ROUNDING
    )


@given(full)
def test_pinskers_inequality_ties_kl_to_tvd(counts: FacetCounts) -> None:
    assert compute_total_variation_distance(counts) <= math.sqrt(max(0.0, compute_kullback_leibler(counts)) / 2) + 1e-9


@given(full)
def test_distances_are_zero_only_for_equal_shares(counts: FacetCounts) -> None:
    equal = counts.a_positive * counts.d_negative == counts.d_positive * counts.a_negative
    assert (compute_kolmogorov_smirnov(counts) < 1e-15) == equal


@given(two_sided, st.integers(min_value=2, max_value=1000))
def test_distances_depend_on_shares_only(counts: FacetCounts, factor: int) -> None:
    for metric in METRICS.values():
        if metric.function is None:
            continue
        try:
            expected = metric.function(counts)
        except MetricError as error:
            with pytest.raises(MetricError, match=f"^{error}$"):
                metric.function(scale(counts, factor))
        else:
            assert metric.function(scale(counts, factor)) == expected


@given(two_sided, st.fractions(min_value=Fraction(1, 1000), max_value=1000))
def test_rows_of_equal_weight_give_the_numbers_of_unweighted_rows(counts: FacetCounts, weight: Fraction) -> None:
    for metric in METRICS.values():
        if metric.function is None:
            continue
        try:
            expected = metric.function(counts)
        except MetricError:
            continue
        assert metric.function(scale(counts, weight)) == expected


@st.composite
def grouped_counts(draw: st.DrawFn) -> list[GroupCounts]:
    groups = []
    for _ in range(draw(st.integers(min_value=1, max_value=6))):
        positive, negative = draw(st.integers(0, 50)), draw(st.integers(0, 50))
        groups.append(
            GroupCounts(
                draw(st.integers(0, positive)), draw(st.integers(0, negative)), Fraction(positive), Fraction(negative)
            )
        )
    return groups


def disparity(groups: list[GroupCounts]) -> float:
    positive, negative = sum(group.positive for group in groups), sum(group.negative for group in groups)
    return compute_conditional_demographic_disparity(groups, positive, negative, positive + negative)


def both_labels(groups: list[GroupCounts]) -> bool:
    return any(group.positive for group in groups) and any(group.negative for group in groups)


@given(grouped_counts().filter(both_labels))
def test_cddl_lies_between_minus_one_and_one_whatever_the_order_of_the_groups(groups: list[GroupCounts]) -> None:
    value = disparity(groups)
    assert -1 - ROUNDING <= value <= 1 + ROUNDING
    assert disparity(groups[::-1]) == value


@given(grouped_counts().filter(both_labels))
def test_cddl_of_a_facet_value_and_of_all_others_cancel_where_every_group_has_both_labels(
    groups: list[GroupCounts],
) -> None:
    groups = [group for group in groups if group.positive and group.negative]
    if not groups:
        return
    others = [
        GroupCounts(positive - d_positive, negative - d_negative, positive, negative)
        for d_positive, d_negative, positive, negative in groups
    ]
    assert disparity(others) == pytest.approx(-disparity(groups), abs=ROUNDING)


@given(grouped_counts().filter(both_labels), st.fractions(min_value=Fraction(1, 100), max_value=100))
def test_cddl_of_rows_of_equal_weight_is_that_of_unweighted_rows(groups: list[GroupCounts], weight: Fraction) -> None:
    weighed = [GroupCounts(*(count * weight for count in group)) for group in groups]
    assert disparity(weighed) == pytest.approx(disparity(groups), abs=ROUNDING)


# --- Names and ranges ---------------------------------------------------------------------------------------------


def test_the_metrics_have_clarifys_order_and_names() -> None:
    assert {name: metric.description for name, metric in METRICS.items()} == {
        "CDDL": "Conditional Demographic Disparity in Labels (CDDL)",
        "CI": "Class Imbalance (CI)",
        "DPL": "Difference in Positive Proportions in Labels (DPL)",
        "JS": "Jensen-Shannon Divergence (JS)",
        "KL": "Kullback-Liebler Divergence (KL)",
        "KS": "Kolmogorov-Smirnov Distance (KS)",
        "LP": "L-p Norm (LP)",
        "TVD": "Total Variation Distance (TVD)",
    }
    assert list(METRICS) == sorted(METRICS)
    assert [name for name, metric in METRICS.items() if metric.needs_groups] == ["CDDL"]


def test_their_ranges_are_those_of_the_definitions() -> None:
    assert {name: (metric.lowest, metric.highest) for name, metric in METRICS.items()} == {
        "CDDL": (-1, 1),
        "CI": (-1, 1),
        "DPL": (-1, 1),
        "JS": (0, math.log(2)),
        "KL": (0, math.inf),
        "KS": (0, 1),
        "LP": (0, math.sqrt(2)),
        "TVD": (0, 1),
    }


def test_nearly_opposite_facets_approach_the_limits_of_the_ranges() -> None:
    most = 10**12
    opposite = FacetCounts(d_positive=1, d_negative=most, a_positive=most, a_negative=1)
    for name in ("DPL", "JS", "KS", "LP", "TVD"):
        metric = METRICS[name]
        assert metric.function is not None
        assert metric.function(opposite) == pytest.approx(metric.highest, abs=1e-9)
    assert compute_difference_in_positive_proportions(swap_facets(opposite)) == pytest.approx(-1, abs=1e-9)
    assert compute_class_imbalance(FacetCounts(1, 0, most, most)) == pytest.approx(1, abs=1e-9)
    assert compute_kullback_leibler(opposite) > 27  # and so on without end


def test_counts_add_up_by_side_and_by_label() -> None:
    counts = FacetCounts(d_positive=1, d_negative=20, a_positive=300, a_negative=4000)
    assert (counts.n_d, counts.n_a, counts.positive, counts.negative) == (21, 4300, 301, 4020)
