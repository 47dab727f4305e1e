"""Direction: who is worse off, and two groups that mirror each other."""

from __future__ import annotations

from typing import Any

import pytest
from analysis_factories import make_analysis

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.directions import describe_disadvantage, is_tested_group_worse_off
from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.bias.thresholds import Outcome, Thresholds, Verdict

#: Women are worse off by 0.18, and men are listed first.
MEN_FIRST = make_analysis({"M": (60, 40), "F": (42, 58)})


def judge(rules: Any, analysis: Analysis = MEN_FIRST, **options: Any) -> Verdict:
    return Thresholds(rules, **options).judge(analysis)


def test_of_two_groups_the_sentence_names_the_one_that_is_worse_off() -> None:
    assert judge({"DPL": 0.1}).sentence == (
        "violation: 1 of 1 check fails, the worst: DPL of gender=F is 0.1800, outside [-0.1, 0.1]: this group is worse "
        "off (fewer positive labels)"
    )


def test_two_groups_that_mirror_each_other_are_one_check() -> None:
    verdict = judge({"DPL": 0.1})
    assert verdict.count(Outcome.VIOLATION) == 1
    first, second = verdict.findings
    assert (first.value, first.mirror_of, first.worse_off) == ("F", None, "F")
    assert (second.value, second.mirror_of, second.worse_off) == ("M", "F", "F")
    assert second.outcome is Outcome.VIOLATION  # both are marked in tables and reports
    assert (
        second.reason
        == "DPL of gender=M is -0.1800, outside [-0.1, 0.1]: all others are worse off (fewer positive labels)"
    )
    assert verdict.to_json()["checks"] == {"pass": 0, "violation": 1, "inconclusive": 0, "ignored": 0}
    assert verdict.to_json()["questions"] == 1


def test_bounds_on_one_side_of_either_group_are_one_question_and_the_violation_counts() -> None:
    verdict = judge({"DPL": (None, 0.1)})
    assert [(f.value, f.outcome, f.mirror_of) for f in verdict.findings] == [
        ("F", Outcome.VIOLATION, None),
        ("M", Outcome.PASS, "F"),
    ]
    assert verdict.count(Outcome.VIOLATION) == 1
    assert verdict.count(Outcome.PASS) == 0


@pytest.mark.parametrize(
    ("of_f", "of_m", "checks"),
    [
        (0.1, 0.1, 1),
        ((-0.05, 0.1), (-0.1, 0.05), 1),
        ((None, 0.1), (None, 0.1), 1),
        (0.1, 0.2, 2),
        ((None, 0.1), (-0.2, None), 2),
        ((None, -0.05), (None, -0.05), 2),
    ],
)
def test_different_bounds_of_the_same_number_are_two_questions(of_f: Any, of_m: Any, checks: int) -> None:
    verdict = judge({"DPL": {"gender": {"F": of_f, "M": of_m}}})
    assert len(verdict.checks) == checks


@pytest.mark.parametrize("metric", ["DPL", "CI", "TVD", "KS", "LP", "JS"])
def test_metrics_that_are_mirrored_or_equal_are_one_check(metric: str) -> None:
    assert len(judge({metric: 0.01}).checks) == 1


def test_the_divergence_of_two_groups_differs_so_it_is_two_checks() -> None:
    assert len(judge({"KL": 0.01}, make_analysis({"M": (60, 40), "F": (10, 90)})).checks) == 2


def test_a_pair_of_which_one_is_not_judged_is_not_one_question() -> None:
    verdict = judge({"DPL": 0.1}, make_analysis({"M": (60, 40), "F": (2, 5)}), min_rows=10, below_min_rows="ignore")
    assert [(f.value, f.outcome, f.mirror_of) for f in verdict.findings] == [
        ("M", Outcome.VIOLATION, None),
        ("F", Outcome.IGNORED, None),
    ]


def test_of_many_groups_none_mirrors_another_and_all_others_may_be_worse_off() -> None:
    verdict = judge({"DPL": 0.1}, make_analysis({"A": (50, 50), "B": (50, 50), "C": (90, 10)}))
    assert len(verdict.checks) == 3
    worst = verdict.findings[0]
    assert (worst.value, worst.worse_off) == ("C", "all others")
    assert "all others are worse off (fewer positive labels)" in worst.reason


def test_of_one_group_against_the_rest_the_rest_may_be_worse_off() -> None:
    verdict = judge({"DPL": {"gender": {"M": 0.1}}})
    assert verdict.sentence == (
        "violation: 1 of 1 check fails, the worst: DPL of gender=M is -0.1800, outside [-0.1, 0.1]: all others are "
        "worse off (fewer positive labels)"
    )


def test_clarifys_file_of_two_groups_is_read_as_a_pair_too() -> None:
    read = Analysis.from_clarify_json(MEN_FIRST.to_clarify_json())
    verdict = judge({"DPL": 0.1}, read)
    assert [finding.value for finding in verdict.checks] == ["F"]


@pytest.mark.parametrize(
    ("metric", "value", "worse"),
    [
        ("DPL", 0.2, True),
        ("DPL", -0.2, False),
        ("CI", 0.2, True),
        ("CDDL", 0.2, True),
        ("DPPL", 0.2, True),
        ("CDDPL", 0.2, True),
        ("DI", -0.2, True),
        ("DI", 0.25, False),
        ("DIL", -0.2, True),
        ("RD", 0.2, True),
        ("SD", -0.2, True),
        ("AD", 0.2, True),
        ("DAR", 0.2, True),
        ("DRR", -0.2, True),
        ("DCA", -0.2, True),
        ("DCR", -0.2, True),
        ("TE", 0.2, True),
        ("FT", -0.2, True),
        ("DPL", 0.0, None),
        ("KL", 0.2, None),
        ("JS", 0.2, None),
        ("GE", 0.2, None),
    ],
)
def test_each_metric_has_its_direction(metric: str, value: float, worse: bool | None) -> None:
    assert is_tested_group_worse_off(metric, value) is worse
    if worse is not None:
        assert describe_disadvantage(metric)


def test_only_metrics_without_a_sign_have_no_direction() -> None:
    undirected = {name for name in ALL_METRICS if is_tested_group_worse_off(name, 0.5) is None}
    assert undirected == {"KL", "JS", "LP", "TVD", "KS", "GE"}
