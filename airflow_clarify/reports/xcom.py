"""Render the report model as the JSON overview that the page in Airflow's UI shows.

Tasks push the overview to XCom. It is organised by column, with six significant digits, to keep it small.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.corrections import CORRECTION_NAMES
from airflow_clarify.bias.thresholds import Outcome, Thresholds, Verdict
from airflow_clarify.reports import formatting
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.formatting import Name
from airflow_clarify.reports.sections.facets import RANK, FacetSection, Group, Measurement
from airflow_clarify.reports.sections.predictions import summarize_stages
from airflow_clarify.reports.sections.subgroups import build_subgroup_page
from airflow_clarify.reports.sections.verdict_section import count_shown_outcomes

if TYPE_CHECKING:
    from airflow_clarify.bias.subgroups.result import SubgroupSearch
    from airflow_clarify.reports.model import Report

FORMAT = "airflow_clarify.overview/1"
#: XCom key of the overview.
XCOM_KEY = "bias_overview"
#: Maximum number of tested groups in all facets together, since XCom is not meant for large values.
MAX_VALUES = 600
_MIN_VALUES = 10
_MAX_WARNINGS = 20
_MAX_QUERY_LENGTH = 1000


def build_overview(
    analyses: Sequence[Analysis],
    verdicts: Sequence[Verdict] = (),
    *,
    thresholds: Thresholds | None = None,
    reaction: str | None = None,
    instance: str | None = None,
    before: Sequence[Analysis | None] = (),
    series: bool = False,
) -> dict[str, Any]:
    """Build the overview of analyses and their verdicts for the page in Airflow's UI.

    :param analyses: the analyses
    :param verdicts: one for each analysis, or empty
    :param thresholds: the rules behind the verdicts
    :param reaction: what the gate does if the data do not pass
    :param instance: the name of a mapped task's instance
    :param before: the analyses before the data were balanced, with which the report of this task compares
    :param series: whether the gate also pushes the compact copy of its history
    :return: JSON-compatible values: no NaN, and infinities as text, as in Clarify's file
    """
    judged: Sequence[Verdict | None] = verdicts or [None] * len(analyses)
    document: dict[str, Any] = {"format": FORMAT, "kind": "gate" if verdicts else "analysis"}
    if reaction is not None:
        document["reaction"] = reaction
    if instance is not None:
        document["instance"] = formatting.shorten(instance, formatting.MAX_NAME_LENGTH)
    if series:
        document["series"] = True
    if thresholds is not None:
        document["rule"] = _describe_rule(thresholds)
    outcomes = [verdict.outcome for verdict in verdicts]
    document["outcome"] = min(outcomes, key=RANK.__getitem__).value if outcomes else None
    # The limit is shared by all facets, so that the size does not grow with their number.
    max_values = max(_MIN_VALUES, MAX_VALUES // max(1, sum(len(analysis.facets) for analysis in analyses)))
    document["analyses"] = [
        _build_entry(analysis, verdict, thresholds, max_values, earlier)
        for analysis, verdict, earlier in zip(analyses, judged, before or [None] * len(analyses), strict=True)
    ]
    return document


def build_search_overview(found: SubgroupSearch, *, instance: str | None = None) -> dict[str, Any]:
    """Build the overview of a search for subgroups for the page in Airflow's UI, with the texts of its report.

    :param found: the result of the search
    :param instance: the name of a mapped task's instance
    :return: JSON-compatible values
    """
    page = asdict(build_subgroup_page(found))
    document: dict[str, Any] = {"format": FORMAT, "kind": "search"}
    if instance is not None:
        document["instance"] = formatting.shorten(instance, formatting.MAX_NAME_LENGTH)
    document["outcome"] = None
    document["search"] = json.loads(json.dumps(page)) | {"outputs": dict(found.outputs)}
    return document


def _build_entry(
    analysis: Analysis,
    verdict: Verdict | None,
    thresholds: Thresholds | None,
    max_values: int,
    before: Analysis | None,
) -> dict[str, Any]:
    report = build_report(analysis, verdict=verdict, thresholds=thresholds, before=before)
    first = analysis.facets[0]
    metrics = [metric.name for metric in report.metrics]
    return {
        "label": analysis.label,
        "positive": formatting.shorten(analysis.label_value_or_threshold, formatting.MAX_NAME_LENGTH),
        "rows": analysis.rows,
        "positive_rows": None if first.positive is None else first.positive.rows,
        "weighted": analysis.weighted,
        "outcome": None if verdict is None else verdict.outcome.value,
        "sentence": "" if verdict is None else verdict.sentence,
        "reasons": [] if verdict is None else list(verdict.reasons),
        "checks": _count_checks(verdict),
        **_describe_correction(verdict),
        "methods": list(analysis.methods),
        **_describe_predictions(analysis),
        "facets": [
            _build_facet(facet.column, section, sorted(metrics), max_values)
            for facet, section in zip(analysis.facets, report.facets, strict=True)
        ],
        **({"suppress_below": analysis.suppress_below} if analysis.suppress_below else {}),
        "warnings": _list_warnings(report),
        "data": _describe_data(analysis),
        "outputs": dict(analysis.outputs),
        "engine": analysis.engine,
        "config_sha256": analysis.config_sha256,
    }


def _describe_rule(thresholds: Thresholds) -> dict[str, Any]:
    """Describe the rules other than bounds, by which the page judges nights against another bound."""
    return {
        "confidence": thresholds.confidence,
        "on_inconclusive": thresholds.on_inconclusive,
        "min_rows": thresholds.min_rows,
        "correction": thresholds.correction,
        "over_runs": None if thresholds.over_runs is None else thresholds.over_runs.method,
    }


def _describe_correction(verdict: Verdict | None) -> dict[str, Any]:
    """Name the correction and the number of questions that it adjusts for; empty without one."""
    if verdict is None or verdict.correction is None:
        return {}
    return {"correction": CORRECTION_NAMES[verdict.correction], "questions": verdict.questions}


def _count_checks(verdict: Verdict | None) -> dict[str, int]:
    counts = {} if verdict is None else count_shown_outcomes(verdict)
    return {outcome.value: count for outcome, count in counts.items()}


def _describe_predictions(analysis: Analysis) -> dict[str, Any]:
    """Describe the predictions; empty if the analysis is of labels only."""
    if "post_training" not in analysis.stages:
        return {}
    return {
        "stages": list(analysis.stages),
        "predicted_label": analysis.predicted_label,
        "predicted": formatting.shorten(analysis.predicted_value_or_threshold, formatting.MAX_NAME_LENGTH),
        "prediction_error": analysis.prediction_error,
    }


def _describe_data(analysis: Analysis) -> dict[str, Any] | None:
    """Describe the location of the data: a path, or a table or query with its connection."""
    where = analysis.whereabouts
    kind = next((kind for kind in ("path", "table", "query") if where.get(kind)), None)
    if kind is None:
        return None
    found = {"kind": kind, "name": formatting.shorten(analysis.source, _MAX_QUERY_LENGTH), "short": analysis.data_name}
    return found | ({"conn_id": where["conn_id"]} if where.get("conn_id") else {})


def _build_facet(column: str, section: FacetSection, methods: Sequence[str], max_values: int) -> dict[str, Any]:
    groups = section.groups[:max_values]
    document: dict[str, Any] = {"column": column, "values": [group.where.value for group in groups]}
    splits = [group.split for group in groups]
    counted = any(splits)
    document["rows"] = [split and split.d.rows for split in splits] if counted else None
    document["positive"] = [split and split.d_positive.rows for split in splits] if counted else None
    document["rest"] = [split and [split.a.rows, split.a_positive.rows] for split in splits] if counted else None
    if hidden := [rank for rank, group in enumerate(groups) if group.hidden]:
        document["hidden"] = hidden
    if section.predictions:
        document["confusion"] = _list_confusions(groups)
    if section.stages:
        document["stages"] = {
            "sentence": [
                {"name": part} if isinstance(part, Name) else part for part in summarize_stages(section.stages)
            ],
            "changes": [change.change for change in section.stages[:max_values]],
        }
    measured = {method: [_build_measurement(group, method) for group in groups] for method in methods}
    document["metrics"] = {
        method: [formatting.serialize_number(each.value) for each in measurements]
        for method, measurements in measured.items()
    }
    document["errors"] = {
        method: errors[0]
        for method, measurements in measured.items()
        if (errors := [each.error for each in measurements if each.error is not None and not each.hidden])
    }
    document["judged"] = {
        method: _list_judged(measurements)
        for method, measurements in measured.items()
        if any(each.outcome is not None for each in measurements)
    }
    document["left_out"] = len(section.groups) - len(groups)
    document["not_passing"] = sum(
        group.outcome in (Outcome.VIOLATION, Outcome.INCONCLUSIVE) for group in section.groups
    )
    return document


def _list_confusions(groups: Sequence[Group]) -> list[list[int]]:
    """List TP, FP, FN and TN in rows, of each tested group and then of all others; nothing for a hidden group."""
    sides = [(group.split.d_confusion, group.split.a_confusion) if group.split else () for group in groups]
    return [[cell.rows for side in both if side is not None for cell in side.cells] for both in sides]


def _build_measurement(group: Group, method: str) -> Measurement:
    return group.get_measurement(method) or Measurement(method, None)


def _list_judged(measurements: Sequence[Measurement]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "low": [formatting.serialize_number(each.low) for each in measurements],
        "high": [formatting.serialize_number(each.high) for each in measurements],
        "outcomes": [None if each.outcome is None else each.outcome.value for each in measurements],
    }
    if any(each.interval for each in measurements):
        document["intervals"] = [
            None if each.interval is None else [formatting.serialize_number(end) for end in each.interval]
            for each in measurements
        ]
    if any(each.p_value is not None for each in measurements):
        document["p_values"] = [None if each.p_value is None else float(f"{each.p_value:.2g}") for each in measurements]
    return document


def _list_warnings(report: Report) -> list[str]:
    kept = list(report.warnings[:_MAX_WARNINGS])
    more = len(report.warnings) - len(kept)
    return [*kept, f"... and {more} more warnings"] if more else kept
