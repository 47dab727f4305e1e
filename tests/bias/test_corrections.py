"""Corrections for many comparisons: the arithmetic, and the guarantees by simulation."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from analysis_factories import make_analysis, make_config, make_facet
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.comparisons import build_comparison
from airflow_clarify.bias.confidence import Proportion, compute_newcombe_score, compute_p_value
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.bias.corrections import CORRECTIONS, Correction, adjust_p_values
from airflow_clarify.bias.thresholds import Outcome, Thresholds, Verdict
from airflow_clarify.exceptions import ThresholdError

p_value_lists = st.lists(st.floats(0, 1), min_size=1, max_size=30)


# --- The arithmetic ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("correction", "adjusted"),
    [
        # p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.5), method) of R.
        ("bonferroni", [0.05, 0.2, 0.15, 0.025, 1.0]),
        ("holm", [0.04, 0.09, 0.09, 0.025, 0.5]),
        ("by", [0.0570833, 0.1141667, 0.1141667, 0.0570833, 1.0]),
    ],
)
def test_adjusted_p_values_are_those_of_r(correction: Correction, adjusted: list[float]) -> None:
    assert adjust_p_values([0.01, 0.04, 0.03, 0.005, 0.5], correction) == pytest.approx(adjusted, abs=1e-6)


@given(p_value_lists)
def test_benjamini_yekutieli_agrees_with_scipy(p_values: list[float]) -> None:
    from scipy.stats import false_discovery_control

    expected = false_discovery_control(p_values, method="by")
    assert adjust_p_values(p_values, "by") == pytest.approx(list(expected), abs=1e-12)


@given(p_value_lists, st.sampled_from(CORRECTIONS))
def test_a_correction_never_lowers_a_p_value_nor_changes_the_order(
    p_values: list[float], correction: Correction
) -> None:
    adjusted = adjust_p_values(p_values, correction)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    ordered = [a for _, a in sorted(zip(p_values, adjusted, strict=True))]
    assert ordered == sorted(ordered)


@given(p_value_lists)
def test_holm_rejects_whatever_bonferroni_rejects(p_values: list[float]) -> None:
    pairs = zip(adjust_p_values(p_values, "holm"), adjust_p_values(p_values, "bonferroni"), strict=True)
    assert all(holm <= bonferroni for holm, bonferroni in pairs)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_one_question_needs_no_correction(correction: Correction) -> None:
    assert adjust_p_values([0.03], correction) == pytest.approx([0.03])
    assert adjust_p_values([], correction) == []


# --- In the gate ------------------------------------------------------------------------------------------------------

#: Of 19 groups, X is 14 points worse off; the interval at 95 % lies above 0.1 by a little.
GROUPS = {f"g{index:02}": (500, 500) for index in range(18)} | {"X": (292, 528)}


def judge(correction: Any, **options: Any) -> Verdict:
    rules = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="pass", correction=correction, **options)
    return rules.judge(make_analysis(GROUPS, ["DPL"]))


def test_a_correction_turns_a_violation_by_chance_into_an_inconclusive_check() -> None:
    alone, corrected = judge(None), judge("holm")

    assert alone.outcome is Outcome.VIOLATION
    assert corrected.outcome is Outcome.PASS
    (finding,) = [finding for finding in corrected.findings if finding.outcome is Outcome.INCONCLUSIVE]
    assert finding.value == "X"
    assert finding.p_value is not None
    assert finding.p_value > 0.05
    assert "outside [-0.1, 0.1], but not significantly so among 19 questions (adjusted p-value 0." in finding.reason


@pytest.mark.parametrize(("correction", "name"), [("holm", "Holm"), ("by", "Benjamini-Yekutieli")])
def test_a_verdict_contains_the_number_of_questions(correction: Correction, name: str) -> None:
    verdict = judge(correction)
    assert verdict.sentence.endswith(f"(1 inconclusive, 19 questions asked, {name} correction)")
    document = verdict.to_json()
    assert (document["questions"], document["correction"]) == (19, correction)
    assert judge(None).to_json()["questions"] == 19
    assert "correction" not in judge(None).to_json()


def test_bonferroni_is_the_interval_at_the_level_divided_by_the_number_of_questions() -> None:
    by_hand = Thresholds({"DPL": 0.1}, confidence=1 - 0.05 / 19, on_inconclusive="pass")
    expected = by_hand.judge(make_analysis(GROUPS, ["DPL"]))
    found = judge("bonferroni")
    assert [(f.value, f.outcome) for f in found.findings] == [(f.value, f.outcome) for f in expected.findings]
    for one, other in zip(found.findings, expected.findings, strict=True):
        assert one.interval == pytest.approx(other.interval)
    assert "(99.74% interval " in found.findings[0].reason


def test_a_pass_is_not_corrected_except_by_bonferroni_since_the_gate_needs_all_of_them() -> None:
    """Each group needs about 100 rows for a pass at 95 %, and more at 99.7 %."""
    analysis = make_analysis({f"g{index:02}": (85, 85) for index in range(18)}, ["DPL"])
    outcomes = {
        correction: Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="fail", correction=correction)
        .judge(analysis)
        .outcome
        for correction in (None, *CORRECTIONS)
    }
    assert outcomes == {
        None: Outcome.PASS,
        "holm": Outcome.PASS,
        "by": Outcome.PASS,
        "bonferroni": Outcome.INCONCLUSIVE,
    }


def test_questions_are_counted_over_facets_and_metrics_with_an_interval_and_pairs_once() -> None:
    facets = [
        make_facet({"F": (30, 70), "M": (50, 50)}),
        make_facet({"a": (30, 30), "b": (25, 45), "c": (25, 45)}, facet="age"),
    ]
    config = make_config(["CI", "DPL", "KS"], facets=["gender", "age"])
    analysis = Analysis.from_contingency(Contingency("approved", "yes", facets), config)
    rules = Thresholds({"DPL": 0.1, "KS": 0.1, "CI": 1}, confidence=0.95, on_inconclusive="pass", correction="holm")
    # DPL and KS: one of gender, three of age each. CI has no interval.
    assert rules.judge(analysis).questions == 8


def test_groups_that_are_not_judged_do_not_count_as_questions() -> None:
    analysis = make_analysis({"F": (50, 50), "M": (50, 50), "X": (3, 0), None: (2, 2)}, ["DPL"])
    rules = Thresholds(
        {"DPL": 0.1}, 30, "ignore", confidence=0.95, on_inconclusive="pass", undefined="ignore", correction="holm"
    )
    assert rules.judge(analysis).questions == 2


def test_a_gate_over_several_analyses_corrects_for_the_questions_of_all() -> None:
    rules = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="pass", correction="holm")
    days = [make_analysis({"F": (30 + day, 70), "M": (50, 50)}, ["DPL"]) for day in range(10)]
    together = rules.judge_all(days)
    assert {verdict.questions for verdict in together} == {10}
    assert rules.judge(days[0]).questions == 1
    first, alone = together[0].findings[0].p_value, rules.judge(days[0]).findings[0].p_value
    assert first is not None
    assert alone is not None
    assert first > alone


def test_findings_of_a_search_count_all_groups_that_it_has_tested() -> None:
    """The 3 worst of 500 groups are not 3 questions."""
    rules = Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="pass", correction="holm")
    listed = make_analysis({"A": (30, 70), "B": (55, 45), "C": (60, 40)}, ["DPL"])
    plain, selected = rules.judge(listed), rules.judge(replace(listed, selected_from=500))
    assert (plain.questions, selected.questions) == (3, 500)
    assert plain.outcome is Outcome.VIOLATION
    assert selected.count(Outcome.VIOLATION) == 0
    assert "500 questions asked, Holm correction" in selected.sentence


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"correction": "holm"},
            "correction: 'holm' needs confidence, such as 0.95; without it there are no p-values to correct",
        ),
        (
            {"correction": "fdr", "confidence": 0.95, "on_inconclusive": "pass"},
            "correction: one of 'holm', 'bonferroni', 'by', not 'fdr'",
        ),
        (
            {"correction": True, "confidence": 0.95, "on_inconclusive": "pass"},
            "correction: one of 'holm', 'bonferroni', 'by', not True",
        ),
    ],
)
def test_a_correction_needs_a_confidence_level_and_a_known_name(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ThresholdError) as raised:
        Thresholds({"DPL": 0.1}, **options)
    assert str(raised.value) == text


counts = st.dictionaries(
    st.sampled_from("ABCDE"), st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2
).filter(lambda counts: all(map(sum, counts.values())) and len({bool(p) for p, _ in counts.values()} | {True}) == 1)


@given(counts, st.floats(0, 0.6), st.sampled_from([0.8, 0.95, 0.999]))
def test_a_p_value_below_the_level_is_an_interval_outside_the_bounds(
    groups: dict[str, tuple[int, int]], bound: float, confidence: float
) -> None:
    """Of one question, a correction changes nothing."""
    analysis = make_analysis(groups, ["DPL"])
    for value in groups:
        rules: Any = {"DPL": {"gender": {value: bound}}}
        plain = Thresholds(rules, confidence=confidence, on_inconclusive="pass").judge(analysis)
        for correction in CORRECTIONS:
            corrected = Thresholds(rules, confidence=confidence, on_inconclusive="pass", correction=correction).judge(
                analysis
            )
            assert [f.outcome for f in corrected.findings] == [f.outcome for f in plain.findings]


# --- The guarantees, by simulation ------------------------------------------------------------------------------------


def draw_groups(generator: random.Random, shares: list[float], rows: int) -> list[int]:
    return [sum(generator.random() < share for _ in range(rows)) for share in shares]


def compute_p_values(positive: list[int], rows: int, bound: float) -> list[float]:
    """P-values of |DPL| <= bound, of each group against the rest."""
    total, n_rest = sum(positive), rows * (len(positive) - 1)

    @cache
    def compute(count: int) -> float:
        rest, group = Proportion((total - count) / n_rest, n_rest), Proportion(count / rows, rows)
        above = compute_newcombe_score(rest, group, bound)
        below = -compute_newcombe_score(rest, group, -bound)
        return compute_p_value(max(above, below))

    return [compute(count) for count in positive]


def make_shares_at_the_bound(n_groups: int, bound: float) -> list[float]:
    """Half of the groups lie at DPL = bound, the other half at -bound, exactly."""
    distance = bound * (n_groups - 1) / n_groups
    return [0.5 - distance] * (n_groups // 2) + [0.5 + distance] * (n_groups // 2)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_with_600_groups_at_the_bound_any_violation_is_rare(correction: Correction) -> None:
    """All 600 groups are within the bounds, so every violation is false."""
    numpy = pytest.importorskip("numpy")
    generator = numpy.random.default_rng(20261127)
    shares, rows, runs = make_shares_at_the_bound(600, 0.1), 200, 200
    closed = uncorrected = 0
    for _ in range(runs):
        positive = generator.binomial(rows, shares).tolist()
        p_values = compute_p_values(positive, rows, 0.1)
        uncorrected += min(p_values) < 0.05
        closed += min(adjust_p_values(p_values, correction)) < 0.05
    assert uncorrected == runs  # what the gate does without a correction: it closes every time
    assert closed / runs <= 0.05


def test_benjamini_yekutieli_limits_the_share_of_false_violations() -> None:
    """100 groups lie at the bound, 100 far beyond it: holm finds fewer of them, by more, with few false ones."""
    numpy = pytest.importorskip("numpy")
    generator = numpy.random.default_rng(7)
    shares, rows, runs = [0.4] * 50 + [0.6] * 50 + [0.3] * 50 + [0.7] * 50, 300, 100
    false_share, found = 0.0, dict.fromkeys(("by", "holm"), 0)
    family_wise = 0
    for _ in range(runs):
        positive = generator.binomial(rows, shares).tolist()
        p_values = compute_p_values(positive, rows, 0.1005)
        by, holm = adjust_p_values(p_values, "by"), adjust_p_values(p_values, "holm")
        rejected = [index for index, p in enumerate(by) if p < 0.05]
        false_share += sum(index < 100 for index in rejected) / max(1, len(rejected)) / runs
        family_wise += any(p < 0.05 for p in holm[:100])
        found["by"] += len(rejected)
        found["holm"] += sum(p < 0.05 for p in holm)
    assert false_share <= 0.05
    assert family_wise / runs <= 0.05
    assert found["by"] > found["holm"] > 0


def test_the_whole_gate_keeps_holms_guarantee() -> None:
    """Through Thresholds and Analysis: 18 groups at the bound, as in docs/thresholds.md."""
    generator = random.Random(5)
    shares = make_shares_at_the_bound(18, 0.1)
    rules = {
        correction: Thresholds({"DPL": 0.1}, confidence=0.95, on_inconclusive="pass", correction=correction)
        for correction in (None, "holm")
    }
    closed = dict.fromkeys(rules, 0)
    runs = 60
    for _ in range(runs):
        positive = draw_groups(generator, shares, 150)
        analysis = make_analysis({f"g{i}": (count, 150 - count) for i, count in enumerate(positive)}, ["DPL"])
        for correction, thresholds in rules.items():
            closed[correction] += not thresholds.judge(analysis).passed
    assert closed["holm"] / runs <= 0.05
    assert closed[None] / runs > 0.25


def test_the_score_of_a_distance_is_that_of_its_interval() -> None:
    analysis = make_analysis({"F": (30, 70), "M": (50, 50)})
    split = analysis.facets[0].results[0].split
    for metric in ("KS", "TVD", "LP"):
        comparison = build_comparison(metric, split)
        assert comparison is not None
        low, high = comparison.compute_interval(0.95)
        assert comparison.compute_low_score(low) == pytest.approx(1.959964, abs=1e-5)
        assert comparison.compute_high_score(high) == pytest.approx(-1.959964, abs=1e-5)
        assert comparison.compute_low_score(0.0) == float("inf")
