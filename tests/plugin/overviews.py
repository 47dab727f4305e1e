"""Overviews as the operators push them to XCom, computed by the package's own formulas from tables of counts."""

from __future__ import annotations

import math
import random
from typing import Any

from airflow_clarify.bias.intervals import newcombe
from airflow_clarify.bias.metrics import METRICS, FacetCounts
from airflow_clarify.exceptions import MetricError

METHODS = ("CI", "DPL", "JS", "KL", "KS", "LP", "TVD")

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

#: What a facet value may hold when whoever fills in the data does not mean well.
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
    """An overview of one facet.

    :param kind: analysis or gate
    :param bounds: the largest absolute value by metric; none: not judged
    :param confidence: judge intervals of DPL, not values
    :param reasons: what is wrong with the data as a whole
    """
    rows = sum(own for own, _ in counts.values())
    positive_rows = sum(own for _, own in counts.values())
    facet = _facet(column, counts, rows, positive_rows, bounds or {}, confidence)
    checks = dict.fromkeys(("pass", "violation", "inconclusive", "ignored"), 0)
    for judged in facet["judged"].values():
        for outcome in judged["outcomes"]:
            checks[outcome] += 1
    outcome = None
    if bounds:
        outcome = next((name for name in ("violation", "inconclusive") if checks[name]), "pass")
        outcome = "violation" if reasons else outcome
    analysis = {
        "label": label,
        "positive": positive,
        "rows": rows,
        "positive_rows": positive_rows,
        "weighted": False,
        "outcome": outcome,
        "sentence": _sentence(facet, outcome, bounds or {}),
        "reasons": list(reasons),
        "checks": checks if bounds else {},
        "methods": list(METHODS),
        "facets": [facet],
        "warnings": list(warnings),
        "outputs": {
            "analysis": "s3://lab-bucket/bias/2026-11-22/analysis.json",
            "report": "s3://lab-bucket/bias/2026-11-22/report.html",
        },
        "engine": "DuckDB 2.0.0",
        "config_sha256": "5f2c3c9b7d0e4a11b6b7a4c6f0d83e5b9a8e61d2f3b4c5d6e7f8091a2b3c4d5e",
    }
    found: dict[str, Any] = {"format": "airflow_clarify.overview/1", "kind": kind, "outcome": outcome}
    if kind == "gate":
        found["reaction"] = reaction
    return found | {"analyses": [analysis]}


def drifting(counts: Counts, seed: int, worse: float = 0.0) -> Counts:
    """The same data on another day.

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
    """Counts of many facet values."""
    draw = random.Random(seed)
    found = {}
    for number in range(values):
        rows = round(math.exp(draw.uniform(3.5, 8)))
        found[f"store-{number:03}"] = (rows, round(rows * min(0.99, max(0.01, draw.gauss(0.7, 0.06)))))
    return found


def _facet(
    column: str, counts: Counts, rows: int, positive: int, bounds: dict[str, float], confidence: float | None
) -> dict[str, Any]:
    found = []
    for value, (own_rows, own_positive) in counts.items():
        rest = [rows - own_rows, positive - own_positive]
        split = FacetCounts(own_positive, own_rows - own_positive, rest[1], rest[0] - rest[1])
        metrics = {method: _measure(method, split) for method in METHODS}
        interval = _interval(split, confidence) if confidence else None
        outcomes = {name: _judge(metrics[name], interval if name == "DPL" else None, bounds[name]) for name in bounds}
        found.append((value, own_rows, own_positive, rest, metrics, interval, outcomes))
    found.sort(key=lambda entry: (_worst(entry[6]), -abs(entry[4]["DPL"] or 0)))
    judged: dict[str, Any] = {}
    for name, most in bounds.items():
        judged[name] = {
            "low": [-most if METRICS[name].lowest < 0 else None for _ in found],
            "high": [most for _ in found],
            "outcomes": [entry[6][name] for entry in found],
        }
        if confidence and name == "DPL":
            judged[name]["intervals"] = [entry[5] for entry in found]
    return {
        "column": column,
        "values": [entry[0] for entry in found],
        "rows": [entry[1] for entry in found],
        "positive": [entry[2] for entry in found],
        "rest": [entry[3] for entry in found],
        "metrics": {method: [entry[4][method] for entry in found] for method in METHODS},
        "errors": {},
        "judged": judged,
        "left_out": 0,
    }


def _measure(method: str, split: FacetCounts) -> Any:
    function = METRICS[method].function
    assert function is not None
    try:
        value = function(split)
    except MetricError:
        return None
    return "Infinity" if math.isinf(value) else float(f"{value:.6g}")


def _interval(split: FacetCounts, confidence: float) -> list[float]:
    n_a, n_d = float(split.n_a), float(split.n_d)
    low, high = newcombe(float(split.a_positive) / n_a, n_a, float(split.d_positive) / n_d, n_d, confidence)
    return [float(f"{low:.6g}"), float(f"{high:.6g}")]


def _judge(value: Any, interval: list[float] | None, most: float) -> str:
    if value is None:
        return "violation"
    low, high = interval or (float(value), float(value))
    if low > most or high < -most:
        return "violation"
    return "pass" if high <= most and low >= -most else "inconclusive"


def _worst(outcomes: dict[str, str]) -> int:
    return min((("violation", "inconclusive", "pass").index(outcome) for outcome in outcomes.values()), default=3)


def _sentence(facet: dict[str, Any], outcome: str | None, bounds: dict[str, float]) -> str:
    if outcome is None:
        return ""
    for metric, judged in facet["judged"].items():
        for number, found in enumerate(judged["outcomes"]):
            if found == outcome != "pass":
                value = facet["metrics"][metric][number]
                below = float(facet["metrics"][metric][number] or 0) < 0
                side = "below -" if below else "above "
                side = side if found == "violation" else f"and its interval reaches across {'-' if below else ''}"
                where = f"{facet['column']}={facet['values'][number]}"
                return f"{outcome}: {metric} of {where} is {float(value or 0):.6g}, {side}{bounds[metric]:g}"
    return "pass: every check is within its bounds" if outcome == "pass" else "violation: the data are not fit"
