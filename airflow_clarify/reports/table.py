"""An analysis as lines of text, for the log of a task and for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.thresholds import Outcome, Verdict

#: What stands behind a number that a threshold judged.
MARKS = {Outcome.PASS: "", Outcome.VIOLATION: " !", Outcome.INCONCLUSIVE: " ?", Outcome.IGNORED: " -"}
LEGEND = "! violates its threshold   ? inconclusive   - not judged"
_WIDEST_NAME = 40


def table(analysis: Analysis, verdict: Verdict | None = None, most: int = 50) -> list[str]:
    """A table per facet: its values, their rows, their share of positive labels, and the metrics.

    :param analysis: what was measured
    :param verdict: marks what it judged, and puts the worst first
    :param most: facet values to show of each facet
    """
    lines: list[str] = []
    for facet in analysis.facets:
        lines += _facet_lines(analysis, facet, verdict, most)
    if verdict is not None and any(MARKS[finding.outcome] for finding in verdict.findings):
        lines.append(LEGEND)
    return lines


def _facet_lines(analysis: Analysis, facet: FacetAnalysis, verdict: Verdict | None, most: int) -> list[str]:
    outcomes = {
        (finding.value, finding.metric): finding.outcome
        for finding in (verdict.findings if verdict else ())
        if finding.facet == facet.column
    }
    order = list(dict.fromkeys(value for value, _ in outcomes)) if verdict else []
    results = sorted(facet.results, key=lambda r: order.index(r.value) if r.value in order else len(order))
    shown = results[:most]
    positive = analysis.label_value_or_threshold or "nothing"
    header = [printable(facet.column), "rows", f"{printable(analysis.label)}={printable(positive)}", *analysis.methods]
    rows = [header, *(_cells(result, analysis.methods, outcomes) for result in shown)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "-" * len(lines[0]))
    if len(results) > most:
        lines.append(f"... and {len(results) - most} more values")
    return lines


def _cells(
    result: FacetResult, methods: Sequence[str], outcomes: dict[tuple[str, str], Outcome]
) -> list[str]:
    split = result.split
    rows = "" if split is None else f"{split.d.rows:,}"
    share = "" if split is None or not split.d.weight else f"{float(split.d_positive.weight / split.d.weight):.1%}"
    cells = [printable(result.value), rows, share]
    for name in methods:
        metric = result.metric(name)
        outcome = outcomes.get((result.value, name))
        cells.append(_number(metric) + (MARKS[outcome] if outcome else ""))
    return cells


def _number(metric: MetricResult | None) -> str:
    if metric is None:
        return ""
    if metric.value is None:
        return "undefined"
    return f"{metric.value:.4f}" if math.isfinite(metric.value) else str(metric.value)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (f"{cell:<{width}}" if i == 0 else f"{cell:>{width}}" for i, (cell, width) in enumerate(zip(cells, widths, strict=True)))
    return "  ".join([first, *rest]).rstrip()


def printable(text: str, widest: int = _WIDEST_NAME) -> str:
    """A name from the data, safe for a log: no control characters, no line breaks, and not too long."""
    clean = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return clean if len(clean) <= widest else f"{clean[: widest - 3]}..."
