"""What a page needs to show an analysis and its verdict: a renderer of the report's model that writes plain JSON.

Tasks leave it in XCom, where the page in Airflow's own UI finds it, by columns and with six digits to keep it small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.thresholds import Outcome, Thresholds, Verdict
from airflow_clarify.reports import formatting
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.model import RANK, FacetSection, Group, Measurement

if TYPE_CHECKING:
    from airflow_clarify.reports.model import Report

FORMAT = "airflow_clarify.overview/1"
#: Under this key it is in XCom.
XCOM_KEY = "bias_overview"
#: Of all facets. A page with more tested groups would not be read, and XCom is not for large things.
MOST_VALUES = 600
_FEWEST_VALUES = 10
_MOST_WARNINGS = 20
_MOST_OF_A_QUERY = 1000


def build_overview(
    analyses: Sequence[Analysis],
    verdicts: Sequence[Verdict] = (),
    *,
    thresholds: Thresholds | None = None,
    reaction: str | None = None,
    instance: str | None = None,
) -> dict[str, Any]:
    """Put analyses, and the verdicts on them where there are any, into the form that the page reads.

    :param analyses: the analyses
    :param verdicts: one for each, or none
    :param thresholds: the rules behind the verdicts
    :param reaction: what the gate does when data do not pass
    :param instance: the name of a mapped task's instance
    :return: JSON-plain values: no NaN, infinities as text as in Clarify's file
    """
    judged: Sequence[Verdict | None] = verdicts or [None] * len(analyses)
    document: dict[str, Any] = {"format": FORMAT, "kind": "gate" if verdicts else "analysis"}
    if reaction is not None:
        document["reaction"] = reaction
    if instance is not None:
        document["instance"] = formatting.shorten(instance, formatting.LONGEST_NAME)
    outcomes = [verdict.outcome for verdict in verdicts]
    document["outcome"] = min(outcomes, key=RANK.__getitem__).value if outcomes else None
    # Of many facets each has fewer, so that all together stay as small as one.
    most = max(_FEWEST_VALUES, MOST_VALUES // max(1, sum(len(analysis.facets) for analysis in analyses)))
    document["analyses"] = [
        _build_entry(analysis, verdict, thresholds, most) for analysis, verdict in zip(analyses, judged, strict=True)
    ]
    return document


def _build_entry(
    analysis: Analysis, verdict: Verdict | None, thresholds: Thresholds | None, most: int
) -> dict[str, Any]:
    report = build_report(analysis, verdict=verdict, thresholds=thresholds)
    first = analysis.facets[0]
    return {
        "label": analysis.label,
        "positive": formatting.shorten(analysis.label_value_or_threshold, formatting.LONGEST_NAME),
        "rows": analysis.rows,
        "positive_rows": None if first.positive is None else first.positive.rows,
        "weighted": analysis.weighted,
        "outcome": None if verdict is None else verdict.outcome.value,
        "sentence": "" if verdict is None else verdict.sentence,
        "reasons": [] if verdict is None else list(verdict.reasons),
        "checks": {} if verdict is None else {outcome.value: verdict.count(outcome) for outcome in Outcome},
        "methods": list(analysis.methods),
        "facets": [
            _build_facet(facet.column, section, analysis.methods, most)
            for facet, section in zip(analysis.facets, report.facets, strict=True)
        ],
        "warnings": _list_warnings(report),
        "data": _describe_data(analysis),
        "outputs": dict(analysis.outputs),
        "engine": analysis.engine,
        "config_sha256": analysis.config_sha256,
    }


def _describe_data(analysis: Analysis) -> dict[str, Any] | None:
    """Where the data are: a path, a table or a query, and the connection of the latter two."""
    where = analysis.whereabouts
    kind = next((kind for kind in ("path", "table", "query") if where.get(kind)), None)
    if kind is None:
        return None
    found = {"kind": kind, "name": formatting.shorten(analysis.source, _MOST_OF_A_QUERY), "short": analysis.data_name}
    return found | ({"conn_id": where["conn_id"]} if where.get("conn_id") else {})


def _build_facet(column: str, section: FacetSection, methods: Sequence[str], most: int) -> dict[str, Any]:
    groups = section.groups[:most]
    document: dict[str, Any] = {"column": column, "values": [group.where.value for group in groups]}
    splits = [group.split for group in groups if group.split is not None]
    counted = len(splits) == len(groups)
    document["rows"] = [split.d.rows for split in splits] if counted else None
    document["positive"] = [split.d_positive.rows for split in splits] if counted else None
    document["rest"] = [[split.a.rows, split.a_positive.rows] for split in splits] if counted else None
    marks = {method: [_build_measurement(group, method) for group in groups] for method in methods}
    document["metrics"] = {
        method: [_number_to_json(mark.value) for mark in of_method] for method, of_method in marks.items()
    }
    document["errors"] = {
        method: errors[0]
        for method, of_method in marks.items()
        if (errors := [mark.error for mark in of_method if mark.error is not None])
    }
    document["judged"] = {
        method: _list_judged(of_method)
        for method, of_method in marks.items()
        if any(mark.outcome is not None for mark in of_method)
    }
    document["left_out"] = len(section.groups) - len(groups)
    document["not_passing"] = sum(
        group.outcome in (Outcome.VIOLATION, Outcome.INCONCLUSIVE) for group in section.groups
    )
    return document


def _build_measurement(group: Group, method: str) -> Measurement:
    return group.mark(method) or Measurement(method, None)


def _list_judged(marks: Sequence[Measurement]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "low": [_number_to_json(mark.low) for mark in marks],
        "high": [_number_to_json(mark.high) for mark in marks],
        "outcomes": [None if mark.outcome is None else mark.outcome.value for mark in marks],
    }
    if any(mark.interval for mark in marks):
        document["intervals"] = [
            None if mark.interval is None else [_number_to_json(end) for end in mark.interval] for mark in marks
        ]
    return document


def _number_to_json(value: float | None) -> float | str | None:
    if value is None:
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{value:.6g}")


def _list_warnings(report: Report) -> list[str]:
    kept = list(report.warnings[:_MOST_WARNINGS])
    more = len(report.warnings) - len(kept)
    return [*kept, f"... and {more} more warnings"] if more else kept
