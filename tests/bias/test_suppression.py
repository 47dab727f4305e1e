"""Suppression of small counts: what is hidden cannot be computed from what is shown, and verdicts stay the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from analysis_factories import Counts, make_analysis, make_config, make_facet
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.artifacts import read_analysis, write_analysis
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.bias.suppression import (
    check_suppress_below,
    find_hidden_groups,
    hide_small_counts,
    hide_small_findings,
)
from airflow_clarify.bias.thresholds import Outcome, Thresholds
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.reports.console import format_table
from airflow_clarify.reports.xcom import build_overview


def measure(counts: Counts, below: int = 10, **options: Any) -> Analysis:
    return replace(make_analysis(counts, **options), suppress_below=below)


def list_hidden(counts: Counts, below: int = 10) -> set[str]:
    return {value for _, value in find_hidden_groups(measure(counts, below))}


# --- Which groups are hidden ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        pytest.param({"A": (50, 50), "B": (30, 40), "C": (10, 10)}, set(), id="no count is under 10"),
        pytest.param(
            {"A": (50, 50), "B": (30, 40), "C": (9, 10)}, {"B", "C"}, id="one group, and the smallest beside it"
        ),
        pytest.param(
            {"A": (50, 50), "B": (30, 40), "C": (10, 0)}, {"B", "C"}, id="a share of 100 % is a small count too"
        ),
        pytest.param(
            {"A": (50, 50), "B": (3, 40), "C": (9, 10)}, {"B", "C"}, id="two hide each other, with 12 positives"
        ),
        pytest.param(
            {"A": (50, 50), "B": (3, 40), "C": (4, 10)}, {"A", "B", "C"}, id="two that have 7 together do not"
        ),
        pytest.param({"F": (5, 50), "M": (50, 50)}, {"F", "M"}, id="of two groups each is the rest of the other"),
        pytest.param({"A": (50, 50), "B": (30, 40), None: (3, 2)}, {"A", "B"}, id="missing values are what is left"),
        pytest.param({"A": (50, 50), "B": (30, 40), None: (30, 20)}, set(), id="many missing values are not small"),
    ],
)
def test_small_groups_and_those_that_reveal_them_are_hidden(counts: Counts, hidden: set[str]) -> None:
    assert list_hidden(counts) == hidden


def test_nothing_is_hidden_without_a_limit() -> None:
    analysis = measure({"A": (50, 50), "B": (3, 4)}, 0)
    assert find_hidden_groups(analysis) == set()
    assert hide_small_counts(analysis) is analysis


any_counts = st.dictionaries(
    st.sampled_from([*"ABCDEFG", None]), st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1
).filter(lambda counts: any(map(sum, counts.values())))


@given(any_counts, st.integers(2, 30))
def test_shown_groups_never_reveal_a_small_count(counts: Counts, below: int) -> None:
    """From the totals and the shown groups, an attacker knows what is left: of several groups, and no small count."""
    shown = hide_small_counts(measure(counts, below)).facets[0]
    groups = {result.value: counts[result.value] for result in shown.results if result.split and result.split.d.rows}
    for value, (positive, negative) in groups.items():
        assert min(positive, negative) >= below, value
    if not groups:
        return
    left = [sum(cells[at] for cells in counts.values()) - sum(cells[at] for cells in groups.values()) for at in (0, 1)]
    if sum(left):
        assert min(left) >= below
        n_left = sum(1 for value, cells in counts.items() if value not in groups and sum(cells))
        assert n_left != 1 or None in counts


@given(any_counts, st.integers(2, 30))
def test_hiding_twice_hides_no_more(counts: Counts, below: int) -> None:
    once = hide_small_counts(measure(counts, below))
    assert hide_small_counts(once) == once


def test_groups_of_a_crossed_facet_do_not_reveal_those_of_its_columns() -> None:
    facets = [
        make_facet({"F": (60, 60), "M": (70, 70)}),
        make_facet({"a": (65, 65), "b": (65, 65)}, facet="race"),
        make_facet({"F+a": (55, 56), "F+b": (5, 4), "M+a": (10, 9), "M+b": (60, 61)}, facet="gender+race"),
    ]
    config = make_config(["DPL"], facets=["gender", "race", "gender+race"])
    analysis = Analysis.from_contingency(Contingency("approved", "yes", facets), config)
    hidden = find_hidden_groups(replace(analysis, suppress_below=10))
    assert hidden == {("gender+race", value) for value in ("F+a", "F+b", "M+a", "M+b")}
    facets[0] = make_facet({"F": (5, 4), "M": (125, 126)})
    analysis = Analysis.from_contingency(Contingency("approved", "yes", facets), config)
    hidden = find_hidden_groups(replace(analysis, suppress_below=10))
    assert {facet for facet, _ in hidden} == {"gender", "gender+race"}


# --- Where they are hidden --------------------------------------------------------------------------------------------

#: C has 7 of 20 positive rows, and hides B with 31 of 77.
SMALL: Counts = {"A": (153, 147), "B": (31, 46), "C": (7, 13)}


def test_hidden_groups_have_no_counts_and_no_metrics() -> None:
    shown = hide_small_counts(measure(SMALL)).facets[0]
    assert [result.value for result in shown.results if result.split is None] == ["B", "C"]
    for result in shown.results[1:]:
        assert {metric.value for metric in result.metrics} == {None}
        assert {metric.error for metric in result.metrics} == {
            "hidden: a count under 10 could be read or computed from it"
        }
    assert shown.results[0] == measure(SMALL).facets[0].results[0]


def test_small_totals_and_labels_are_hidden() -> None:
    shown = hide_small_counts(measure({"A": (4, 100), "B": (3, 100)})).facets[0]
    assert (shown.positive, shown.negative, shown.labels) == (None, None, {})


def test_numbers_in_warnings_are_hidden() -> None:
    analysis = replace(measure(SMALL), warnings=("3 labels are missing", "12 rows have no value", "compared with '5'"))
    assert hide_small_counts(analysis).warnings == (
        "fewer than 10 labels are missing",
        "12 rows have no value",
        "compared with '5'",
    )


def test_the_xcom_value_has_no_hidden_count_and_can_be_read() -> None:
    shown = hide_small_counts(measure(SMALL))
    document = json.loads(json.dumps(shown.to_xcom(), allow_nan=False))
    values = {row[0]: row[1:] for row in document["facets"]["gender"]["values"]}
    assert values["A"] == [153, 147]
    assert not any(isinstance(number, int | float) for row in (values["B"], values["C"]) for number in row)
    assert document["suppress_below"] == 10
    read = Analysis.from_xcom(document)
    assert read.suppress_below == 10
    assert [result.split is None for result in read.facets[0].results] == [False, True, True]
    assert read.to_xcom() == shown.to_xcom()


def test_the_output_files_have_all_counts() -> None:
    analysis = measure(SMALL)
    read = Analysis.from_clarify_json(analysis.to_clarify_json()).with_summary(json.dumps(analysis.to_summary()))
    assert read.suppress_below == 10
    assert read.facets[0].results[2].split == analysis.facets[0].results[2].split


def test_reports_tables_and_the_page_show_a_hidden_group_without_its_numbers(tmp_path: Path) -> None:
    analysis = measure(SMALL, methods=["DPL"])
    shown = hide_small_counts(analysis)
    written = write_analysis(str(tmp_path), analysis, make_config(["DPL"]), formats=["html", "ipynb"])
    texts = [Path(written.outputs[kind]).read_text() for kind in ("report", "notebook")]
    texts.append("\n".join(format_table(shown)))
    assert all("51" in text for text in texts)  # the share of the group that is shown, in percent
    texts.append(json.dumps(build_overview([shown])))
    for text in texts:
        for number in (">7<", ">13<", " 77 ", ">77<", "0.35", "35.0%", "40.3%"):
            assert number not in text
    exact = read_analysis(written.outputs["analysis"])
    assert exact.facets[0].results[2].split == analysis.facets[0].results[2].split


# --- Verdicts ---------------------------------------------------------------------------------------------------------


@given(any_counts, st.floats(0, 0.6), st.sampled_from([None, 0.95]))
def test_verdicts_do_not_change(counts: Counts, bound: float, confidence: float | None) -> None:
    options: Any = {} if confidence is None else {"confidence": confidence, "on_inconclusive": "fail"}
    rules = Thresholds({"DPL": bound}, **options)
    analysis = measure(counts)
    exact = rules.judge(analysis)
    shown = hide_small_findings(exact, analysis)
    assert shown.outcome is exact.outcome
    assert [(f.value, f.outcome) for f in shown.findings] == [(f.value, f.outcome) for f in exact.findings]
    hidden = {value for _, value in find_hidden_groups(analysis)}
    for finding in shown.findings:
        if finding.value in hidden:
            assert (finding.measured, finding.interval, finding.rows, finding.rows_needed) == (None,) * 4
            assert not any(letter.isdigit() for letter in finding.reason.replace("suppress_below=10", ""))


def test_a_finding_on_a_hidden_group_has_its_outcome_only() -> None:
    analysis = measure(SMALL)
    verdict = hide_small_findings(Thresholds({"DPL": 0.1}).judge(analysis), analysis)
    assert verdict.outcome is Outcome.VIOLATION
    assert verdict.sentence == (
        "violation: 2 of 3 checks fail, the worst: DPL of gender=C is a violation; its numbers are hidden "
        "(suppress_below=10)"
    )


@pytest.mark.parametrize("given_", [-1, 2.5, True, "10", None])
def test_a_limit_is_a_number_of_rows(given_: Any) -> None:
    with pytest.raises(ConfigError, match=r"^suppress_below: a number of rows such as 10, or 0 to hide nothing, not "):
        check_suppress_below(given_)
