"""Build overviews as the operators push them to XCom, from tables of counts."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.subgroups.result import CombinedColumn, FoldedGroup, Subgroup, SubgroupSearch
from airflow_clarify.bias.suppression import hide_small_counts, hide_small_findings
from airflow_clarify.bias.thresholds import Outcome, Thresholds
from airflow_clarify.history.record import HistoryRecord
from airflow_clarify.history.series import build_series
from airflow_clarify.reports.xcom import build_overview as written
from airflow_clarify.reports.xcom import build_search_overview

METHODS = ["CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]

#: Rows and positive rows by facet value.
Counts = dict[str, tuple[int, int]]

#: The women's clothing lab: reviews per product category, and those of positive sentiment.
WOMENS_CLOTHING: Counts = {
    "Blouses": (2983, 2256),
    "Dresses": (6145, 4634),
    "Pants": (1350, 1074),
    "Knits": (4626, 3523),
    "Intimates": (147, 117),
    "Outerwear": (319, 254),
    "Lounge": (669, 545),
    "Sweaters": (1380, 1036),
    "Skirts": (903, 714),
    "Fine gauge": (1059, 837),
    "Sleep": (214, 175),
    "Jackets": (683, 550),
    "Swim": (332, 252),
    "Trend": (118, 78),
    "Jeans": (1104, 909),
    "Legwear": (158, 126),
    "Shorts": (304, 240),
    "Layering": (132, 113),
}

#: Small groups, whose counts are hidden.
PRIVATE: Counts = {
    "north": (5200, 2200),
    "south": (6100, 3700),
    "east": (2900, 1750),
    "west": (2500, 1400),
    "island": (31, 7),
    "abroad": (44, 20),
}

BALANCED: Counts = dict.fromkeys(WOMENS_CLOTHING, (27, 9))

#: Hostile facet values.
HOSTILE = (
    "<script>document.body.dataset.hacked='1'</script>",
    "<img src=x onerror=\"document.body.dataset.hacked='1'\">",
    "javascript:document.body.dataset.hacked='1'",
    "\"><svg onload=document.body.dataset.hacked='1'>",
    "evil\u202eexe.txt",
    "line\nbreak\ttab",
    "\u05d0\u05d1\u05d2 value",
    "a" * 500,
    "</style><style>body{display:none}</style>",
    "url(x);position:fixed",
    "",
    "__proto__",
    "constructor",
)


def overview(
    kind: str,
    counts: Counts,
    bounds: dict[str, float] | None = None,
    *,
    column: str = "product_category",
    label: str = "sentiment",
    positive: str = "1",
    confidence: float | None = None,
    reaction: str = "fail",
    reasons: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    correction: Any = None,
    suppress_below: int = 0,
    series: bool = False,
) -> dict[str, Any]:
    """Build the overview of one facet, as tasks push it.

    :param kind: analysis or gate
    :param bounds: the largest absolute value by metric, for a gate
    :param confidence: judge intervals of DPL, not values
    :param reasons: what is wrong with the data as a whole
    :param correction: of p-values for the number of questions
    :param suppress_below: hides smaller counts
    :param series: announces the copy of a history
    """
    analysis = replace(
        analysed(counts, column, label, positive),
        warnings=warnings,
        suppress_below=suppress_below,
        outputs={
            "analysis": "s3://lab-bucket/bias/2026-11-22/analysis.json",
            "report": "s3://lab-bucket/bias/2026-11-22/report.html",
        },
        engine="DuckDB 2.0.0",
    )
    if kind == "analysis":
        return written([hide_small_counts(analysis)])
    thresholds = Thresholds(
        bounds or {}, confidence=confidence, on_inconclusive="fail" if confidence else None, correction=correction
    )
    verdict = hide_small_findings(thresholds.judge(analysis), analysis)
    if reasons:
        verdict = replace(verdict, outcome=Outcome.VIOLATION, reasons=reasons)
    shown = hide_small_counts(analysis)
    return written([shown], [verdict], thresholds=thresholds, reaction=reaction, series=series)


def nightly_series(nights: list[tuple[str, datetime, Counts]], bound: float = 0.1) -> dict[str, Any]:
    """Build the copy of a history, as a gate of DPL pushes it.

    :param nights: run ID, start of the data interval and counts of each night
    """
    rules = Thresholds({"DPL": bound})
    records = []
    for run_id, start, counts in nights:
        analysis = analysed(counts, "product_category", "sentiment", "1")
        run = {"dag_id": "d", "task_id": "bias", "run_id": run_id}
        records.append(HistoryRecord.build(analysis, run=run, start=start, verdict=rules.judge(analysis)))
    return build_series(records, records[-1].analysis, rules, rules.judge(records[-1].analysis))


def subgroups() -> dict[str, Any]:
    """Build the overview of a search: women in the north are worse off than both parents explain."""
    draw = random.Random(3)
    found = Subgroup({"sex": "F"}, 5200, 0.21, 0.21, (0.19, 0.23), 1e-9, 3e-8, 0.41, 0.62, "lower", folded=4)
    inner = replace(
        found,
        group={"sex": "F", "region": "north <b>"},
        rows=1234,
        excess=0.08,
        beyond={"sex": "F"},
        parent=0,
        folded=1,
        folded_groups=(FoldedGroup({"sex": "F", "region": "north <b>", "age": "[18, 29]"}, 310, 0.33),),
    )
    other = replace(found, group={"age": "[18, 29]"}, value=-0.1, excess=-0.1, direction="higher", folded=0)
    columns = (
        CombinedColumn("sex", 2),
        CombinedColumn("region", 4, missing=3),
        CombinedColumn("age", 4, ("[18, 29]",)),
    )
    search = SubgroupSearch(
        "approved", "1", "DPL", "share of positive labels", columns, 3, 100, 0.95, "holm", draw.randint(9000, 9999),
        ("negative", "positive"), (5000, 4000), 74, 3, (found, inner, other), engine="DuckDB 2.0.0",
        outputs={"subgroups": "s3://lab/subgroups.json", "report": "s3://lab/subgroups.html"},
        whereabouts={"path": "s3://lab/loans.parquet"},
    )  # fmt: skip
    return build_search_overview(search)


def analysed(counts: Counts, column: str, label: str, positive: str) -> Analysis:
    """Analyse counts of one facet."""
    cells = [
        Cell(value, positive if good else f"not {positive}", good, None, WeightedCount.from_rows(rows))
        for value, (own, of_those) in counts.items()
        for good, rows in ((True, of_those), (False, own - of_those))
        if rows
    ]
    config = AnalysisConfig.build(DataConfig("data.csv", label=label), BiasConfig([positive], column), METHODS)
    contingency = Contingency(label, positive, [FacetContingency(column, list(counts), cells)])
    return Analysis.from_contingency(contingency, config)


def drifting(counts: Counts, seed: int, worse: float = 0.0) -> Counts:
    """Vary counts, as for the same data on another day.

    :param seed: says which day
    :param worse: how much smaller the share of positive rows becomes in the group that has the smallest
    """
    draw = random.Random(seed)
    unlucky = min(counts, key=lambda value: counts[value][1] / counts[value][0])
    found = {}
    for value, (rows, positive) in counts.items():
        own = max(9, round(rows * draw.uniform(0.85, 1.15)))
        share = positive / rows + draw.gauss(0, 0.13 / math.sqrt(own)) - (worse if value == unlucky else 0)
        found[value] = (own, min(own, max(0, round(own * share))))
    return found


def many(values: int, seed: int = 5) -> Counts:
    """Build counts of many facet values."""
    draw = random.Random(seed)
    found = {}
    for number in range(values):
        rows = round(math.exp(draw.uniform(3.5, 8)))
        found[f"store-{number:03}"] = (rows, round(rows * min(0.99, max(0.01, draw.gauss(0.7, 0.06)))))
    return found
