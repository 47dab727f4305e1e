"""Build the JSON document that the Typst template lays out as a PDF."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from airflow_clarify.reports import formatting, interpretations, phrases
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.formatting import GroupName, Name, Sentence
from airflow_clarify.reports.model import (
    Distribution,
    Dot,
    FacetSection,
    Group,
    Measurement,
    MetricSection,
    Picture,
    Report,
)

# Put around a name, so that its writing direction does not affect the sentence around it.
_ISOLATE, _END_OF_ISOLATE = "\N{LEFT-TO-RIGHT ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"
_RIGHT_TO_LEFT = frozenset(["R", "AL", "AN"])
_LONG_WORD = re.compile(r"\S{17,}")
_LONG_CODE_WORD = re.compile(r"\S{81,}")
_PIECE = re.compile(r".{8}(?=.)")
_MAX_NAME_LENGTH_IN_PICTURE = 32
# Typesetting 5,000 rows takes a gigabyte of memory.
_MAX_ROWS = 1000
_MAX_PAGE_TITLE_LENGTH = 80


def build_document(report: Report) -> dict[str, Any]:
    """Build a report as JSON: texts, lists of texts, and positions between 0 and 1 in pictures.

    A sentence is a list; a name from the data is an object in it, so that the template can isolate it.

    :param report: the report model
    :return: the document
    """
    return {
        "title": _break_words(report.title),
        "short_title": _break_words(formatting.shorten(_build_page_title(report), _MAX_PAGE_TITLE_LENGTH)),
        "full_title": formatting.escape_invisible(report.full_title),
        "origin": [[what, _build_name(value)] for what, value in report.origin],
        "created": _format_moment(report.created),
        "subject": _build_sentence(phrases.name_subject(report)),
        "verdict": _build_verdict(report),
        "figures": [[what, value, _build_sentence([aside])] for what, value, aside in phrases.list_figures(report)],
        "notes": list(phrases.list_notes(report)),
        "warnings": [_break_words(warning) for warning in report.warnings],
        "facets": [_build_facet(facet, report) for facet in report.facets],
        "repair": [_build_repair_row(metric) for metric in report.metrics] if report.compared else [],
        "labels": _build_labels(report),
        "metrics": [_build_metric(metric) for metric in report.metrics],
        "notation": interpretations.get_notation(weighted=report.weight is not None),
        "evidence": [[_break_words(name), _break_words(value)] for name, value in report.provenance],
        "configuration": _split_lines(report.configuration),
    }


def _build_page_title(report: Report) -> str:
    return " · ".join(part for part in (report.title, report.dataset, report.run) if part)


def _format_moment(moment: datetime) -> dict[str, int]:
    return {unit: getattr(moment, unit) for unit in ("year", "month", "day", "hour", "minute", "second")}


def _split_lines(code: str) -> list[str]:
    return [_break_words(line, _LONG_CODE_WORD) for line in code.split("\n")] if code else []


def _build_verdict(report: Report) -> dict[str, Any]:
    verdict = report.verdict
    return {
        "word": phrases.name_outcome(verdict.outcome),
        "headline": verdict.headline,
        "summary": verdict.summary,
        "reasons": [_build_sentence(reason) for reason in verdict.reasons],
        "more": formatting.format_count(verdict.more_reasons) if verdict.more_reasons else "",
        "tallies": [
            [phrases.name_outcome(outcome), formatting.format_count(count)] for outcome, count in verdict.tallies
        ],
        "rules": _break_words("; ".join(verdict.rules)),
    }


# --- Facets -------------------------------------------------------------------------------------------------------


def _build_facet(facet: FacetSection, report: Report) -> dict[str, Any]:
    measurements = [measurement for group in facet.groups for measurement in group.measurements]
    return {
        "column": _build_name(facet.column),
        "opening": _build_sentence(phrases.describe_tested(facet)),
        "pictures": [_build_picture(picture, facet) for picture in facet.pictures],
        "counts": phrases.list_count_headings(report, facet),
        "metrics": [column.metric for column in facet.columns],
        "rows": [_build_row(group, facet, report) for group in facet.groups[:_MAX_ROWS]],
        "left_out": phrases.describe_listed(_MAX_ROWS, facet),
        "outcomes": sorted({phrases.name_outcome(measurement.outcome) for measurement in measurements}),
        "undefined": [
            {
                "metric": undefined.metric,
                "named": [_build_name(value) for value in undefined.named],
                "others": formatting.format_count(undefined.others) if undefined.others else "",
                "error": _break_words(undefined.error),
            }
            for undefined in facet.undefined
        ],
        "distribution": _build_distribution(facet.distribution, report) if facet.distribution else None,
    }


def _build_row(group: Group, facet: FacetSection, report: Report) -> dict[str, Any]:
    measurements = [(group.get_measurement(column.metric), column.decimals) for column in facet.columns]
    return {
        "name": _build_name(group.value),
        "counts": phrases.format_count_cells(report, facet, group),
        "marks": [_build_cell(measurement, decimals) for measurement, decimals in measurements],
    }


def _build_cell(measurement: Measurement | None, decimals: int) -> dict[str, Any]:
    if measurement is None:
        return {"text": phrases.NOTHING, "word": "", "heat": 0}
    written = "not defined" if measurement.value is None else formatting.format_number(measurement.value, decimals)
    return {
        "text": written,
        "word": phrases.name_outcome(measurement.outcome),
        "heat": 0 if measurement.value is None else measurement.heat,
    }


def _build_picture(picture: Picture, facet: FacetSection) -> dict[str, Any]:
    axis = picture.axis
    return {
        "metric": picture.metric,
        "below": picture.below,
        "above": picture.above,
        "ticks": [
            {"at": axis.locate(tick), "text": formatting.format_tick(tick), "zero": tick == 0} for tick in axis.ticks
        ],
        "left_out": phrases.describe_drawn(picture, facet),
        "outcomes": sorted(phrases.name_outcome(outcome) for outcome in picture.outcomes),
        "bounded": picture.bounded,
        "intervals": picture.intervals,
        "compared": picture.compared,
        "counted": facet.counted,
        "dots": [_build_dot(dot, picture) for dot in picture.dots],
    }


def _build_dot(dot: Dot, picture: Picture) -> dict[str, Any]:
    axis, measurement, split = picture.axis, dot.measurement, dot.group.split
    bounded = measurement.low is not None or measurement.high is not None
    return {
        "name": _build_name(Name(formatting.shorten(dot.group.value, _MAX_NAME_LENGTH_IN_PICTURE)), breakable=False),
        "cell": _build_cell(measurement, picture.decimals),
        "before": phrases.NOTHING
        if measurement.before is None
        else formatting.format_number(measurement.before, picture.decimals),
        "rows": phrases.NOTHING if split is None else formatting.format_count(split.d.rows),
        "at": None if measurement.value is None else axis.locate(measurement.value),
        "before_at": None if measurement.before is None else axis.locate(measurement.before),
        "band": [_format_end(axis, measurement.low, 0.0), _format_end(axis, measurement.high, 1.0)]
        if bounded
        else None,
        "bounds": [
            axis.locate(end) for end in (measurement.low, measurement.high) if end is not None and axis.contains(end)
        ],
        # The end of an interval is drawn only if it is on the axis.
        "interval": [[axis.locate(end), axis.contains(end)] for end in measurement.interval]
        if measurement.interval
        else None,
    }


def _format_end(axis: Axis, bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else axis.locate(bound)


# --- The whole data -----------------------------------------------------------------------------------------------


def _build_distribution(distribution: Distribution, report: Report) -> list[dict[str, Any]]:
    longest = distribution.longest
    return [
        {
            "name": phrases.ALL_OTHERS if bar.value is None else _build_name(bar.value),
            "size": phrases.format_bar_amount(report, bar.all),
            "share": phrases.format_share(bar.positive_share),
            "positive": bar.positive_size / longest,
            "other": (bar.size - bar.positive_size) / longest,
            "unknown": 0,
        }
        for bar in distribution.all_bars
    ]


def _build_labels(report: Report) -> dict[str, Any]:
    labels = report.labels
    bars: list[dict[str, Any]] = [
        {
            "name": phrases.name_label(bar) if bar.label is None else _build_name(bar.label),
            "size": phrases.format_bar_amount(report, bar.all),
            "share": phrases.format_share(bar.share),
            **_build_bar(bar.size / labels.longest, bar.positive),
        }
        for bar in labels.bars
    ]
    if labels.rest:
        size = phrases.format_bar_amount(report, labels.rest)
        bars.append({"name": phrases.name_other_labels(report), "size": size, "share": "", **_build_bar(0, False)})
    return {
        "column": _build_name(labels.column),
        "sentence": _build_sentence(phrases.describe_label(report)),
        "heading": phrases.get_bar_heading(report),
        "bars": bars,
        "unknown": phrases.NOT_KNOWN if labels.unknown else "",
    }


def _build_bar(length: float, positive: bool | None) -> dict[str, float]:
    """Build a bar of one colour."""
    kind = {True: "positive", False: "other", None: "unknown"}[positive]
    return {"positive": 0, "other": 0, "unknown": 0, kind: length}


def _build_repair_row(metric: MetricSection) -> list[Any]:
    return [metric.name, *_format_finding(metric.before), *_format_finding(metric.after)]


def _format_finding(found: tuple[str, str] | None) -> tuple[str, list[Any]]:
    return (found[1], _build_sentence([found[0]])) if found else ("not defined", [])


def _build_metric(metric: MetricSection) -> dict[str, Any]:
    return {
        "name": metric.name,
        "title": metric.title,
        "question": metric.question,
        "value": metric.worst[1] if metric.worst else "",
        "reading": _build_sentence(metric.reading),
        "formula": [
            [part, bool(index % 2)] for index, part in enumerate(interpretations.split_indices(metric.formula))
        ],
        "range": metric.value_range,
    }


# --- Texts --------------------------------------------------------------------------------------------------------


def _build_sentence(parts: Iterable[str] | Sentence) -> list[Any]:
    return [_build_name(part) if isinstance(part, Name) else _break_words(part) for part in parts if part]


def _build_name(name: Name, *, breakable: bool = True) -> dict[str, str]:
    """Isolate a name from the data; column and value of a group are isolated from each other as well."""
    parts = (
        [_isolate_name(name.column), "=", _isolate_name(name.value)]
        if isinstance(name, GroupName)
        else [_isolate_name(name)]
    )
    shown = "".join(parts)
    return {"name": shown if breakable else shown.replace(_ZERO_WIDTH_SPACE, "")}


def _isolate_name(name: str) -> str:
    """Isolate a name written from right to left; other names stay unchanged, and searchable in the PDF."""
    if not any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in name):
        return _break_words(name)
    return f"{_ISOLATE}{_break_words(name)}{_END_OF_ISOLATE}"


def _break_words(text: str, long_word: re.Pattern[str] = _LONG_WORD) -> str:
    """Escape invisible characters, and add possible line breaks in long words."""
    return long_word.sub(
        lambda word: _PIECE.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", word[0]), formatting.escape_invisible(text)
    )
