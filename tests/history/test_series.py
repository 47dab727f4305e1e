"""The compact copy of a history for the page, and the extremes by which it judges nights against another bound."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from history_factories import make_analysis, make_night, make_record
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.bounds import Bound
from airflow_clarify.bias.extremes import judge_with_extremes
from airflow_clarify.bias.thresholds import Outcome, Thresholds
from airflow_clarify.history import series
from airflow_clarify.history.series import build_series, format_key

COUNTS = st.dictionaries(
    st.sampled_from("ABCDE"), st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2
)


def build(nights: list[Any], rules: Thresholds | None, **fields: Any) -> dict[str, Any]:
    records = [make_record(number, analysis, **fields) for number, analysis in enumerate(nights)]
    verdict = None if rules is None else replace(rules, over_runs=None).judge(nights[-1])
    return build_series(records, nights[-1], rules, verdict)


@given(
    COUNTS,
    st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.7]),
    st.sampled_from([None, 0.9, 0.95]),
    st.sampled_from([None, "bonferroni"]),
    st.sampled_from([0, 10]),
    st.sampled_from(["fail", "pass", "ignore"]),
)
def test_the_extremes_decide_as_the_gate_does(counts, bound, confidence, correction, min_rows, below) -> None:
    options: dict[str, Any] = {"min_rows": min_rows, "below_min_rows": below}
    if confidence is not None:
        options |= {"confidence": confidence, "on_inconclusive": "fail", "correction": correction}
    analysis = make_analysis(counts)
    # The extremes do not depend on the bounds of the rules from which they come.
    _, extremes = judge_with_extremes(Thresholds({"DPL": 0.25}, **options), analysis)
    verdict = Thresholds({"DPL": bound}, **options).judge(analysis)
    expected = {one.outcome for one in verdict.findings} | ({Outcome.VIOLATION} if verdict.reasons else set())
    worst = next((one for one in (Outcome.VIOLATION, Outcome.INCONCLUSIVE, Outcome.PASS) if one in expected), None)
    judged = extremes["DPL", "g"].judge(Bound("DPL", "g", "*", -bound, bound))
    nothing = all(one.outcome is Outcome.IGNORED for one in verdict.findings)
    assert judged is worst or (nothing and judged in (None, Outcome.VIOLATION))


def test_the_series_has_values_outcomes_and_extremes_of_each_night() -> None:
    nights = [make_night(night, 0.02) for night in range(3)] + [make_night(3, 0.4)]
    rules = Thresholds({"DPL": 0.2}, confidence=0.95, on_inconclusive="pass")
    document = build(nights, rules)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["outcomes"]["DPL|g|F"] == "pppv"
    assert {key.split("|")[0] for key in document["values"]} == {"DPL", "CI", "KL", "DIL"}
    extremes = document["extremes"]["DPL|g"]
    finding = rules.judge(nights[-1]).findings[0]
    # Of two mirrored groups, one interval is the mirror image of the other.
    low, high = sorted(map(abs, finding.interval))
    assert extremes["low"][1][-1] == pytest.approx(low, rel=1e-5)
    assert extremes["high"][1][-1] == pytest.approx(high, rel=1e-5)
    assert extremes["low"][0][-1] == pytest.approx(-high, rel=1e-5)
    assert "decided" not in extremes


def test_without_intervals_the_upper_ends_are_left_out() -> None:
    document = build([make_night(0, 0.0)], Thresholds({"DPL": 0.2}))
    assert document["extremes"]["DPL|g"].keys() == {"low"}


def test_undefined_metrics_are_decided_whatever_the_bound() -> None:
    nights = [make_analysis({"A": (0, 5), "B": (0, 9)}), make_night(1, 0.0)]
    document = build(nights, Thresholds({"DPL": 0.2}))
    assert document["extremes"]["DPL|g"]["decided"] == ["violation", None]


def test_the_reasons_are_those_of_the_nights_that_did_not_pass() -> None:
    nights = [make_night(night, 0.0) for night in range(2)]
    records = [
        make_record(0, nights[0], verdict={"outcome": "violation", "sentence": "violation: " + "x" * 400}),
        make_record(1, nights[1], verdict={"outcome": "pass", "sentence": "passed"}),
    ]
    document = build_series(records, nights[1], Thresholds({"DPL": 0.2}))
    assert [len(sentence or "") for sentence in document["sentences"]] == [300, 0]
    assert [night[2] for night in document["nights"]] == ["violation", "pass"]


def test_the_series_of_a_gate_with_drift_has_values_only() -> None:
    document = build([make_night(0, 0.0)], None)
    assert "outcomes" not in document
    assert "extremes" not in document
    assert next(iter(document["values"])).startswith("DPL|")


def test_a_night_that_the_rules_do_not_fit_is_not_judged() -> None:
    nights = [make_night(0, 0.0), make_analysis({"F": (10, 100), "M": (20, 100), "X": (5, 10)})]
    document = build(nights, Thresholds({"DPL": {"g": {"X": 0.3, "*": 0.2}}}))
    assert document["outcomes"]["DPL|g|F"] == "-p"
    assert document["extremes"]["DPL|g"]["low"][0][0] is None


def test_a_facet_without_bounds_has_no_extremes() -> None:
    night = make_night(0, 0.0)
    other = replace(night.facets[0], column="other")
    document = build([replace(night, facets=(*night.facets, other))], Thresholds({"DPL": {"g": 0.2}}))
    assert list(document["extremes"]) == ["DPL|g"]
    # Its values are carried, for the trial of a bound.
    assert "DPL|other|F" in document["values"]
    assert document["outcomes"]["DPL|other|F"] == "-"


def test_many_groups_share_the_maximum_number_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_NUMBERS", 100)
    monkeypatch.setattr(series, "MAX_CHECKS", 400)
    counts = {f"store {number}": (50 + number, 200) for number in range(30)}
    document = build([make_analysis(counts)] * 20, Thresholds({"DPL": 0.1}))
    # 30 checks a night leave room for 13 nights; 13 nights for 7 groups, the worst ones.
    assert len(document["nights"]) == 13
    assert len(document["values"]) == 7
    verdict = Thresholds({"DPL": 0.1}).judge(make_analysis(counts))
    worst = dict.fromkeys(finding.value for finding in verdict.findings)
    assert [key.split("|")[2] for key in document["values"]] == list(worst)[:7]


def test_keys_are_unambiguous() -> None:
    assert format_key("DPL", "a|b", "c|d") == "DPL|a\\|b|c|d"
    assert format_key("DPL", "a", "b|c|d") == "DPL|a|b|c|d"
