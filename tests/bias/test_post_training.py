"""The post-training metrics: formulas, published values, ranges, invariants and edge cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_clarify.bias.metrics import METRICS, OWN_METRICS, FacetCounts, compute_disparate_impact_in_labels
from airflow_clarify.bias.post_training import (
    ALL_METRICS,
    POST_TRAINING_METRICS,
    Confusion,
    compute_difference_in_conditional_acceptance,
    compute_difference_in_conditional_rejection,
    compute_disparate_impact,
    compute_generalized_entropy,
    compute_treatment_equality,
)
from airflow_clarify.exceptions import MetricError

#: The metrics that are functions of two confusion matrices.
COMPUTED = {name: metric.function for name, metric in POST_TRAINING_METRICS.items() if metric.function is not None}
#: Metrics that change their sign if the facets are exchanged.
ANTISYMMETRIC = ["AD", "DAR", "DCA", "DCR", "DPPL", "DRR", "RD", "SD", "TE"]
ROUNDING = 1e-12

rows = st.integers(min_value=0, max_value=1_000_000)
some_rows = st.integers(min_value=1, max_value=1_000_000)
confusions = st.builds(Confusion, *[st.one_of(st.integers(0, 3), rows)] * 4)
filled = confusions.filter(lambda confusion: confusion.n > 0)
full = st.builds(Confusion, *[some_rows] * 4)


def compute(name: str, d: Confusion, a: Confusion) -> float:
    function = POST_TRAINING_METRICS[name].function
    assert function is not None
    return function(d, a)


def compute_all(d: Confusion, a: Confusion) -> dict[str, float]:
    return {name: compute(name, d, a) for name in COMPUTED}


def scale(confusion: Confusion, by: int | Fraction) -> Confusion:
    return Confusion(*(count * by for count in astuple(confusion)))


# --- Published values ---------------------------------------------------------------------------------------------

#: Counts of real jobs of Clarify (and of smclarify's own test), with the values that they published.
PUBLISHED = {
    "a fraud model that predicts every row positive": (
        Confusion(1187, 17, 0, 0),
        Confusion(2707, 89, 0, 0),
        {
            "AD": -0.017711586081682884,
            "DAR": -0.017711586081682884,
            "DCA": -0.017711586081682884,
            "DCR": 0,
            "DI": 1.0,
            "DPPL": 0.0,
            "DRR": 0.0,
            "RD": 0.0,
            "TE": 0.0,
        },
    ),
    "a fraud model on balanced data": (
        Confusion(2779, 16, 0, 1),
        Confusion(2707, 88, 0, 1),
        {
            "AD": -0.025751072961373356,
            "DAR": -0.025760286225402607,
            "DCA": -0.025760286225402607,
            "DCR": -72.0,
            "DI": 1.0,
            "DPPL": 0.0,
            "DRR": 0.0,
            "RD": 0.0,
            "TE": 0.0,
        },
    ),
    "a model of reviews that is always right": (
        Confusion(0, 0, 0, 40),
        Confusion(40, 0, 0, 0),
        {"AD": 0.0, "DAR": 1.0, "DCA": 1.0, "DCR": 1.0, "DI": 0.0, "DPPL": 1.0, "DRR": 1.0, "RD": 1.0, "TE": 0.0},
    ),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_values_are_computed_to_the_last_digit(case: str) -> None:
    d, a, published = PUBLISHED[case]
    computed = compute_all(d, a)
    assert {name: computed[name] for name in published} == published
    assert {name: type(computed[name]) for name in published} == {name: type(v) for name, v in published.items()}


@pytest.mark.parametrize(
    ("name", "d", "a", "value"),
    [
        ("AD", Confusion(40, 10, 40, 10), Confusion(60, 10, 20, 10), 0.2),
        ("RD", Confusion(20, 5, 7, 18), Confusion(65, 10, 5, 20), 65 / 70 - 20 / 27),
        ("SD", Confusion(20, 5, 7, 18), Confusion(65, 10, 5, 20), 18 / 23 - 20 / 30),
        ("TE", Confusion(0, 2, 5, 0), Confusion(0, 6, 8, 0), 7 / 6),
        ("DAR", Confusion(40, 60, 0, 0), Confusion(35, 35, 0, 0), 0.1),
        ("DRR", Confusion(0, 0, 10, 40), Confusion(0, 0, 20, 80), 0.0),
    ],
)
def test_the_worked_examples_of_the_aws_documentation(name: str, d: Confusion, a: Confusion, value: float) -> None:
    assert compute(name, d, a) == pytest.approx(value, abs=1e-15)


#: German credit, as in smclarify's own test.
GERMAN_CREDIT = (Confusion(556, 31, 52, 229), Confusion(27, 1, 1, 3))


def test_each_metric_is_its_formula() -> None:
    d, a = GERMAN_CREDIT
    n, fp, fn = 900, 32, 53
    by_hand = {
        "AD": 30 / 32 - 785 / 868,
        "DAR": 27 / 28 - 556 / 587,
        "DCA": 28 / 28 - 608 / 587,
        "DCR": 260 / 281 - 4 / 4,
        "DI": (587 / 868) / (28 / 32),
        "DPPL": 28 / 32 - 587 / 868,
        "DRR": 229 / 281 - 3 / 4,
        "GE": ((n * (n + 3 * fp - fn)) / (n + fp - fn) ** 2 - 1) / 2,
        "RD": 27 / 28 - 556 / 608,
        "SD": 229 / 260 - 3 / 4,
        "TE": 52 / 31 - 1 / 1,
    }
    assert compute_all(d, a) == pytest.approx(by_hand, abs=1e-14)


# --- Edge cases, as in smclarify 0.5 --------------------------------------------------------------------------------

EMPTY, SOME = Confusion(0, 0, 0, 0), Confusion(3, 1, 2, 4)


@pytest.mark.parametrize(
    ("names", "without_d", "without_a"),
    [
        (["DPPL"], "Facet set is empty.", "Negative facet set is empty."),
        (["DI"], "Facet set is empty", "Negated facet set is empty"),
        (["AD", "TE"], "Facet set is empty", "Negated Facet set is empty"),
        (["DCA", "DCR"], "DCO: Facet set is empty", "DCO: Negated Facet set is empty"),
        (["DAR", "DRR"], "DLR: Facet set is empty", "DLR: Negated Facet set is empty"),
        (["RD", "SD"], "DLA: Facet set is empty", "DLA: Negated Facet set is empty"),
    ],
)
def test_an_empty_facet_has_clarifys_error_message(names: Sequence[str], without_d: str, without_a: str) -> None:
    for name in names:
        for d, a, text in ((EMPTY, SOME, without_d), (SOME, EMPTY, without_a)):
            with pytest.raises(MetricError) as error:
                compute(name, d, a)
            assert str(error.value) == text


def test_generalized_entropy_has_a_value_for_an_empty_facet() -> None:
    assert compute_generalized_entropy(EMPTY, SOME) == compute_generalized_entropy(SOME, EMPTY) > 0


def test_generalized_entropy_without_a_benefit_is_an_error() -> None:
    with pytest.raises(MetricError, match=r"^All predicted labels are false negatives\. There should be at least one"):
        compute_generalized_entropy(Confusion(0, 0, 3, 0), Confusion(0, 0, 4, 0))
    with pytest.raises(MetricError, match=r"^dataset must be non-empty$"):
        compute_generalized_entropy(EMPTY, EMPTY)


def test_the_difference_of_infinite_ratios_is_zero_of_clarifys_type() -> None:
    nothing_predicted = Confusion(0, 0, 3, 4), Confusion(0, 0, 1, 2)
    everything_predicted = Confusion(3, 4, 0, 0), Confusion(1, 2, 0, 0)
    no_false_positive = Confusion(1, 0, 3, 4), Confusion(2, 0, 1, 2)
    found = [
        compute_difference_in_conditional_acceptance(*nothing_predicted),
        compute_difference_in_conditional_rejection(*everything_predicted),
        compute_treatment_equality(*no_false_positive),
    ]
    assert [repr(value) for value in found] == ["0", "0", "0.0"]


def test_one_infinite_ratio_makes_an_infinite_difference() -> None:
    accepted, rejected = Confusion(1, 0, 1, 2), Confusion(0, 0, 3, 4)
    assert compute_difference_in_conditional_acceptance(rejected, accepted) == -math.inf
    assert compute_difference_in_conditional_acceptance(accepted, rejected) == math.inf
    assert compute_treatment_equality(Confusion(1, 0, 3, 4), SOME) == math.inf
    assert compute_disparate_impact(SOME, rejected) == math.inf
    assert compute_disparate_impact(rejected, rejected) == 0.0


# --- Properties -----------------------------------------------------------------------------------------------------


@given(filled, filled)
def test_values_are_within_the_range_of_the_metric(d: Confusion, a: Confusion) -> None:
    for name, metric in POST_TRAINING_METRICS.items():
        if metric.function is None or (name == "GE" and not (d + a).n + (d + a).fp - (d + a).fn):
            continue
        assert metric.lowest - ROUNDING <= compute(name, d, a) <= metric.highest + ROUNDING


@given(filled, filled)
def test_exchanging_the_facets_changes_the_sign(d: Confusion, a: Confusion) -> None:
    for name in ANTISYMMETRIC:
        assert compute(name, d, a) == -compute(name, a, d)


@given(full, full)
def test_exchanging_the_facets_inverts_the_ratio(d: Confusion, a: Confusion) -> None:
    assert compute_disparate_impact(d, a) * compute_disparate_impact(a, d) == pytest.approx(1)


@given(full)
def test_equal_facets_are_at_parity(confusion: Confusion) -> None:
    for name, value in compute_all(confusion, confusion).items():
        if name != "GE":
            assert value == POST_TRAINING_METRICS[name].parity


@given(full, full, st.integers(2, 50) | st.fractions(Fraction(1, 9), 9).filter(bool))
def test_values_depend_on_proportions_only(d: Confusion, a: Confusion, by: int | Fraction) -> None:
    assert compute_all(scale(d, by), scale(a, by)) == pytest.approx(compute_all(d, a), rel=1e-12, abs=1e-12)


@given(filled, filled)
def test_a_model_that_is_always_right_has_no_difference_of_error_rates(d: Confusion, a: Confusion) -> None:
    right_d, right_a = (Confusion(side.positive, 0, 0, side.negative) for side in (d, a))
    assume(right_d.tp and right_d.tn and right_a.tp and right_a.tn)
    found = compute_all(right_d, right_a)
    assert {name: found[name] for name in ("AD", "DAR", "DCA", "DCR", "DRR", "GE", "RD", "SD", "TE")} == dict.fromkeys(
        ("AD", "DAR", "DCA", "DCR", "DRR", "GE", "RD", "SD", "TE"), 0.0
    )
    # The predictions are the labels, so metrics of predictions are those of the labels.
    counts = FacetCounts(right_d.tp, right_d.tn, right_a.tp, right_a.tn)
    assert found["DI"] == compute_disparate_impact_in_labels(counts)
    dpl = METRICS["DPL"].function
    assert dpl is not None
    assert found["DPPL"] == dpl(counts)


@given(confusions, confusions)
def test_generalized_entropy_is_that_of_the_benefits_of_single_rows(d: Confusion, a: Confusion) -> None:
    both = d + a
    assume(both.n and both.n + both.fp - both.fn)
    # As in smclarify: alpha = 2, benefit = prediction - label + 1.
    benefits = {1: both.tp + both.tn, 2: both.fp, 0: both.fn}
    mean = Fraction(sum(benefit * n for benefit, n in benefits.items())) / both.n
    by_rows = sum(n * ((benefit / mean) ** 2 - 1) for benefit, n in benefits.items()) / (both.n * 2)
    assert compute_generalized_entropy(d, a) == pytest.approx(float(by_rows), rel=1e-12, abs=1e-15)


# --- The registry ---------------------------------------------------------------------------------------------------


def test_metrics_are_those_of_clarify_in_its_order() -> None:
    assert list(POST_TRAINING_METRICS) == [
        *("AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "GE", "RD", "SD", "TE")
    ]
    assert {metric.stage for metric in POST_TRAINING_METRICS.values()} == {"post_training"}
    assert {metric.stage for metric in METRICS.values()} == {"pre_training"}


def test_names_are_unique_over_stages_and_our_own_metrics() -> None:
    assert len(ALL_METRICS) == len(METRICS) + len(POST_TRAINING_METRICS) + len(OWN_METRICS)
    assert all(metric.description.endswith(f"({name})") for name, metric in ALL_METRICS.items())
    assert all(metric.question.endswith("?") for metric in ALL_METRICS.values())
    assert [name for name, metric in ALL_METRICS.items() if not metric.is_clarifys] == ["DIL"]
    assert [name for name, metric in ALL_METRICS.items() if metric.is_ratio] == ["DIL", "DI"]
    assert [name for name, metric in ALL_METRICS.items() if metric.needs_groups] == ["CDDL", "CDDPL"]
    assert [name for name, metric in ALL_METRICS.items() if metric.needs_rows] == ["FT"]


# --- Our own metric: the ratio of label rates -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "value"),
    [
        (FacetCounts(40, 60, 60, 40), 2 / 3),
        (FacetCounts(4, 1, 5, 0), 0.8),
        (FacetCounts(3, 0, 0, 3), math.inf),
        (FacetCounts(0, 3, 3, 0), 0.0),
        (FacetCounts(0, 3, 0, 3), 0.0),
        (FacetCounts(Fraction(1, 3), Fraction(2, 3), Fraction(1, 2), Fraction(1, 2)), 2 / 3),
    ],
)
def test_the_ratio_of_label_rates(counts: FacetCounts, value: float) -> None:
    assert compute_disparate_impact_in_labels(counts) == pytest.approx(value)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (FacetCounts(0, 0, 3, 2), "Facet set is empty"),
        (FacetCounts(3, 2, 0, 0), "Negated facet set is empty"),
    ],
)
def test_the_ratio_of_label_rates_of_an_empty_facet_is_an_error(counts: FacetCounts, text: str) -> None:
    function: Callable[[FacetCounts], float] = compute_disparate_impact_in_labels
    with pytest.raises(MetricError, match=f"^{text}$"):
        function(counts)
