"""Small counts in the result of a search: hidden, and not to be computed from what is shown."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from subgroup_factories import count_rows, draw_codes

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.subgroups.adapter import build_analysis
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.bias.subgroups.result import CombinedColumn, Subgroup, SubgroupSearch
from airflow_clarify.bias.subgroups.search import search_counts
from airflow_clarify.bias.subgroups.suppression import find_hidden_subgroups, hide_small_subgroups
from airflow_clarify.bias.suppression import hide_small_counts, hide_small_findings
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.reports.sections.subgroups import format_subgroups, render_subgroups

TOTAL = (1_000, 1_000)


def finding(counts: tuple[int, ...], parent: int | None = None, **group: str) -> Subgroup:
    rate = counts[1] / sum(counts)
    return Subgroup(
        group, sum(counts), 0.5 - rate, 0.1, (0.05, 0.2), 0.001, 0.01, rate, 0.5, "lower", {}, parent, 0, (), counts
    )


def build_search(*subgroups: Subgroup, below: int = 10, counts: tuple[int, ...] = TOTAL) -> SubgroupSearch:
    columns = (CombinedColumn("sex", 2, missing=3), CombinedColumn("region", 4, missing=300))
    fields: dict[str, Any] = {"max_depth": 2, "min_rows": 50, "confidence": 0.95, "correction": "holm"}
    return SubgroupSearch(
        "ok", "1", "DPL", "share of positive labels", columns, rows=sum(counts), outcomes=("negative", "positive"),
        counts=counts, questions=20, found=len(subgroups), subgroups=subgroups, suppress_below=below,
        warnings=("column 'sex': 3 of 2000 rows have no value",), **fields,
    )  # fmt: skip


F, F_NORTH = {"sex": "F"}, {"sex": "F", "region": "north"}


@pytest.mark.parametrize(
    ("subgroups", "shown"),
    [
        ([finding((300, 200), **F)], [F]),
        # A small count of its own.
        ([finding((300, 9), **F)], []),
        # One of all other rows.
        ([finding((995, 500), **F)], []),
        # What is left of a finding without the one that it contains.
        ([finding((300, 200), **F), finding((295, 150), 0, **F_NORTH)], [F]),
        ([finding((300, 200), **F), finding((200, 150), 0, **F_NORTH)], [F, F_NORTH]),
        # What is left of all rows without the values of a column: the smaller one is hidden.
        ([finding((600, 500), sex="M"), finding((395, 480), **F)], [{"sex": "M"}]),
    ],
)
def test_findings_that_reveal_a_small_count_are_hidden(subgroups: list[Subgroup], shown: list[Any]) -> None:
    hidden = hide_small_subgroups(build_search(*subgroups))

    assert [one.group for one in hidden.subgroups] == shown
    assert hidden.hidden == len(subgroups) - len(shown)
    assert hidden.found == len(subgroups)


def test_the_rest_of_a_parent_that_is_not_listed_is_hidden_too() -> None:
    small = replace(finding((200, 150), **F_NORTH), smallest_count=4)
    assert hide_small_subgroups(build_search(small)).subgroups == ()


def test_rows_in_neither_of_two_findings_are_hidden() -> None:
    both = [finding((600, 600), **F), finding((600, 600), region="north"), finding((205, 300), **F_NORTH)]
    assert [one.group for one in hide_small_subgroups(build_search(*both)).subgroups] == [F, {"region": "north"}]


def test_a_hidden_finding_is_not_listed_as_a_parent() -> None:
    middle = finding((295, 150), 0, sex="F", age="old")
    last = finding((100, 100), 1, sex="F", age="old", region="north")
    shown = hide_small_subgroups(build_search(finding((300, 200), **F), middle, last))
    assert [(len(one.group), one.parent) for one in shown.subgroups] == [(1, None), (3, 0)]


def test_the_shown_findings_have_no_small_count() -> None:
    exact = build_search(finding((300, 9), **F))
    shown = hide_small_subgroups(exact)

    assert shown.sentence == ("1 of 20 groups of at least 50 rows differs in DPL; 1 is hidden (suppress_below=10)")
    assert shown.warnings == ("column 'sex': fewer than 10 of 2000 rows have no value",)
    assert [column.missing for column in shown.columns] == [None, 300]
    assert SubgroupSearch.from_json(json.loads(json.dumps(shown.to_json()))) == shown
    page = render_subgroups(shown)
    assert "309" not in page + "".join(format_subgroups(shown))
    assert "1 is hidden" in page
    assert hide_small_subgroups(shown) == shown


def test_small_totals_are_hidden() -> None:
    shown = hide_small_subgroups(build_search(finding((300, 2), **F), counts=(1_000, 5)))
    assert (shown.counts, shown.subgroups) == ((), ())
    assert Analysis.from_xcom(shown.to_json()).facets[0].positive is None


def test_hidden_findings_do_not_pass_and_their_numbers_are_not_in_the_verdict() -> None:
    exact = build_search(finding((300, 9), **F), finding((200, 100), region="north"))
    shown = build_analysis(hide_small_subgroups(build_search(finding((300, 9), **F))))
    assert not Thresholds({"DPL": 0.9}).judge(shown).passed

    analysis = build_analysis(exact)
    verdict = Thresholds({"DPL": 0.2}).judge(analysis)
    published = hide_small_findings(verdict, analysis)
    assert not published.passed
    assert published.outcome is verdict.outcome
    (worst,) = [one for one in published.findings if one.facet == "sex"]
    assert (worst.measured, worst.rows) == (None, None)
    assert hide_small_counts(analysis).facets[0].results[0].split is None


def test_nothing_is_hidden_without_a_limit() -> None:
    found = build_search(finding((300, 9), **F), below=0)
    assert hide_small_subgroups(found) is found
    assert find_hidden_subgroups(found) == set()


@given(seed=st.integers(0, 10_000), below=st.integers(1, 60))
@settings(max_examples=15)
def test_no_small_count_can_be_computed_from_two_findings(seed: int, below: int) -> None:
    random = np.random.default_rng(seed)
    codes = draw_codes(1_500, (2, 3, 3), seed)
    low = (codes[0] == 1) | ((codes[1] == 2) & (codes[2] == 1))
    labels = random.random(1_500) < np.where(low, 0.2, 0.7)
    question = SearchConfig(("a", "b", "c"), min_rows=50)
    exact = replace(search_counts(count_rows(codes, labels), question), suppress_below=below)
    shown = [set(one.group.items()) for one in hide_small_subgroups(exact).subgroups]

    masks = [
        np.logical_and.reduce([codes["abc".index(name)] == int(value[1:]) for name, value in group]) for group in shown
    ]
    masks.append(np.ones(1_500, dtype=bool))
    for one, other in itertools.permutations(masks, 2):
        if (other & ~one).any():
            continue
        left = one & ~other
        cells = [int((left & (labels == label)).sum()) for label in (False, True)]
        assert not sum(cells) or min(cells) >= below
