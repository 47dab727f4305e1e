"""Test the overview that tasks push to XCom for the page in Airflow's UI."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.reports.xcom import MAX_VALUES, build_overview

CONFIG = AnalysisConfig.build(DataConfig("data.csv", label="y"), BiasConfig([1], "f"))


def analysed(counts: dict[str, tuple[int, int]]) -> Analysis:
    """Analyse counts of positive and negative rows by facet value, with all metrics."""
    cells = [
        Cell(value, "1" if positive else "0", positive, None, WeightedCount.from_rows(rows))
        for value, pair in counts.items()
        for positive, rows in zip((True, False), pair, strict=True)
        if rows
    ]
    return Analysis.from_contingency(Contingency("y", "1", [FacetContingency("f", list(counts), cells)]), CONFIG)


BIASED = analysed({"even": (50, 50), "<b>low</b>": (10, 90), "high": (70, 30)})


def plain_json(document: Any) -> Any:
    """Serialize and parse as XCom does; NaN and infinity are refused, since they are not JSON."""
    return json.loads(json.dumps(document, allow_nan=False))


def test_the_worst_comes_first_with_its_counts_and_bounds() -> None:
    thresholds = Thresholds({"DPL": 0.3})
    document = build_overview([BIASED], [thresholds.judge(BIASED)], thresholds=thresholds, reaction="fail")
    assert plain_json(document) == document
    assert (document["kind"], document["outcome"], document["reaction"]) == ("gate", "violation", "fail")
    (one,) = document["analyses"]
    assert (one["rows"], one["positive_rows"], one["checks"]["violation"]) == (300, 130, 2)
    (facet,) = one["facets"]
    assert facet["values"][0] == "<b>low</b>"
    assert (facet["rows"][0], facet["positive"][0], facet["rest"][0]) == (100, 10, [200, 120])
    assert facet["metrics"]["DPL"][0] == 0.5
    assert facet["judged"].keys() == {"DPL"}
    assert facet["judged"]["DPL"]["outcomes"] == ["violation", "violation", "pass"]
    assert (facet["judged"]["DPL"]["low"][0], facet["judged"]["DPL"]["high"][0]) == (-0.3, 0.3)
    assert facet["errors"] == {"CDDL": "Group variable is empty or not provided"}
    assert facet["metrics"]["CDDL"] == [None, None, None]


def test_an_analysis_without_a_verdict_has_no_outcome() -> None:
    document = build_overview([BIASED])
    assert (document["kind"], document["outcome"]) == ("analysis", None)
    assert document["analyses"][0]["facets"][0]["judged"] == {}
    assert "reaction" not in document


def test_the_worst_of_several_verdicts_is_the_outcome() -> None:
    thresholds = Thresholds({"DPL": 0.3})
    fair = analysed({"a": (50, 50), "b": (50, 50)})
    document = build_overview([fair, BIASED], [thresholds.judge(fair), thresholds.judge(BIASED)], reaction="warn")
    assert document["outcome"] == "violation"
    assert [one["outcome"] for one in document["analyses"]] == ["pass", "violation"]


def test_an_analysis_of_clarify_has_metrics_and_no_counts() -> None:
    read = Analysis.from_clarify_json(BIASED.to_clarify_json())
    (one,) = build_overview([read])["analyses"]
    assert one["rows"] is None
    assert (one["facets"][0]["rows"], one["facets"][0]["rest"]) == (None, None)
    assert max(one["facets"][0]["metrics"]["DPL"]) == 0.5


def test_intervals_stand_beside_what_was_judged_by_them() -> None:
    thresholds = Thresholds({"DPL": 0.3}, confidence=0.95, on_inconclusive="pass")
    (one,) = build_overview([BIASED], [thresholds.judge(BIASED)])["analyses"]
    low, high = one["facets"][0]["judged"]["DPL"]["intervals"][0]
    assert low < 0.5 < high


@pytest.mark.parametrize("values", [600, 700])
def test_the_overview_stays_small_for_any_number_of_values(values: int) -> None:
    counts = {f"Category number {n:04d}": (n % 17 + 1, n % 13 + 1) for n in range(values)}
    many, thresholds = analysed(counts), Thresholds({"DPL": 0.1})
    document = build_overview([many], [thresholds.judge(many)])
    facet = document["analyses"][0]["facets"][0]
    assert facet["left_out"] == max(0, values - MAX_VALUES)
    # Those that are left out count as well.
    failing = {finding.value for finding in thresholds.judge(many).violations}
    assert facet["not_passing"] == len(failing)
    assert len(json.dumps(document)) < 120_000


@pytest.mark.costly
def test_many_analyses_share_the_size_limit_of_one() -> None:
    many, some = (
        analysed({f"Category number {n:04d}": (n % 17 + 1, n % 13 + 1) for n in range(values)}) for values in (700, 70)
    )
    document = build_overview([many] * 10)
    facets = [one["facets"][0] for one in document["analyses"]]
    assert {(len(facet["values"]), facet["left_out"]) for facet in facets} == {(60, 640)}
    assert len(json.dumps(document)) < 120_000
    assert len(build_overview([some] * 100)["analyses"][0]["facets"][0]["values"]) == 10


def test_very_long_values_are_shortened() -> None:
    long = analysed({f"{n} " + "x" * 20_000: (n + 1, 5) for n in range(30)})
    assert len(json.dumps(build_overview([long]))) < 30_000


def test_the_overview_names_the_data_and_the_instance_of_a_mapped_task() -> None:
    where = {"engine": "sql", "conn_id": "warehouse", "dialect": None, "table": ["lake", "loans"]}
    document = build_overview([replace(BIASED, whereabouts=where), BIASED], instance="Germany")
    assert document["instance"] == "Germany"
    assert document["analyses"][0]["data"] == {
        "kind": "table",
        "name": "lake.loans",
        "short": "lake.loans",
        "conn_id": "warehouse",
    }
    assert document["analyses"][1]["data"] is None


def test_hidden_groups_are_marked_and_the_others_keep_their_counts() -> None:
    from airflow_clarify.bias.suppression import hide_small_counts

    counted = replace(analysed({"A": (300, 300), "B": (200, 250), "C": (4, 15), "D": (8, 17)}), suppress_below=10)
    (one,) = build_overview([hide_small_counts(counted)])["analyses"]
    (facet,) = one["facets"]
    hidden = [facet["values"][rank] for rank in facet["hidden"]]
    assert sorted(hidden) == ["C", "D"]
    rows = dict(zip(facet["values"], facet["rows"], strict=True))
    assert rows == {"A": 600, "B": 450, "C": None, "D": None}
    assert one["suppress_below"] == 10
    # The reason of a metric that is undefined everywhere is not replaced by the reason of the hidden groups.
    assert facet["errors"] == {"CDDL": "Group variable is empty or not provided"}


def test_questions_and_adjusted_p_values_stand_beside_what_they_decide() -> None:
    rules = Thresholds({"DPL": 0.3}, confidence=0.95, on_inconclusive="pass", correction="holm")
    document = build_overview([BIASED], [rules.judge(BIASED)], thresholds=rules, series=True)
    (one,) = document["analyses"]
    assert (one["correction"], one["questions"]) == ("Holm", 3)
    judged = one["facets"][0]["judged"]["DPL"]
    assert judged["p_values"][0] < 0.05 <= judged["p_values"][2]
    assert judged["outcomes"][0] == "violation"
    assert document["rule"]["on_inconclusive"] == "pass"
    assert document["series"] is True


def test_a_search_has_the_texts_of_its_report() -> None:
    from airflow_clarify.bias.subgroups.result import CombinedColumn, FoldedGroup, Subgroup, SubgroupSearch
    from airflow_clarify.links.report import get_report_url
    from airflow_clarify.reports.sections.subgroups import build_subgroup_page
    from airflow_clarify.reports.xcom import build_search_overview

    whole = Subgroup({"sex": "F"}, 1200, 0.2, 0.2, (0.15, 0.25), 1e-6, 1e-5, 0.4, 0.6, "lower", folded=1)
    part = replace(whole, group={"sex": "F", "age": "[18, 29]"}, rows=300, beyond={"sex": "F"}, parent=0)
    part = replace(part, folded_groups=(FoldedGroup({"sex": "F", "age": "[18, 29]", "r": "n"}, 120, None),))
    found = SubgroupSearch(
        *("ok", "1", "DPL", "share of positive labels", (CombinedColumn("sex", 2),), 2, 100, 0.95, "holm", 2400),
        *(("negative", "positive"), (1400, 1000), 12, 2, (whole, part)),
        outputs={"report": "s3://lab/subgroups.html"},
    )
    document = build_search_overview(found, instance="Germany")
    assert plain_json(document) == document
    assert (document["kind"], document["outcome"], document["instance"]) == ("search", None, "Germany")
    search = document["search"]
    assert search["summary"] == build_subgroup_page(found).summary
    assert "adjusted for 12 questions (Holm)" in search["explanation"]
    assert [row["level"] for row in search["rows"]] == [0, 1]
    assert search["rows"][1]["beyond"] == [{"column": "sex", "value": "F"}]
    assert search["rows"][1]["examples"][0]["text"] == "120 rows, undefined"
    assert get_report_url(document) == "https://console.aws.amazon.com/s3/object/lab?prefix=subgroups.html"
