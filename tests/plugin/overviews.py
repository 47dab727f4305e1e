"""Build overviews as the operators push them to XCom, from tables of counts."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.thresholds import Outcome, Thresholds
from airflow_clarify.reports.xcom import build_overview as written

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
) -> dict[str, Any]:
    """Build the overview of one facet, as tasks push it.

    :param kind: analysis or gate
    :param bounds: the largest absolute value by metric, for a gate
    :param confidence: judge intervals of DPL, not values
    :param reasons: what is wrong with the data as a whole
    """
    analysis = replace(
        _analysis(counts, column, label, positive),
        warnings=warnings,
        outputs={
            "analysis": "s3://lab-bucket/bias/2026-11-22/analysis.json",
            "report": "s3://lab-bucket/bias/2026-11-22/report.html",
        },
        engine="DuckDB 2.0.0",
    )
    if kind == "analysis":
        return written([analysis])
    thresholds = Thresholds(bounds or {}, confidence=confidence, on_inconclusive="fail" if confidence else None)
    verdict = thresholds.judge(analysis)
    if reasons:
        verdict = replace(verdict, outcome=Outcome.VIOLATION, reasons=reasons)
    return written([analysis], [verdict], thresholds=thresholds, reaction=reaction)


def _analysis(counts: Counts, column: str, label: str, positive: str) -> Analysis:
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
