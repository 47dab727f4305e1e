"""Build the JSON document that the Typst template lays out as a PDF."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_clarify.reports import formatting, interpretations, phrases
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.formatting import NOTHING, GroupName, Name, Sentence
from airflow_clarify.reports.model import Report
from airflow_clarify.reports.sections.distribution import Distribution, LabelSection
from airflow_clarify.reports.sections.facets import FacetSection, Measurement
from airflow_clarify.reports.sections.metrics import MetricSection
from airflow_clarify.reports.sections.pictures import Dot, Picture
from airflow_clarify.reports.sections.predictions import GroupPredictions, summarize_stages
from airflow_clarify.reports.tables import HIDDEN, UNDEFINED, Mark, Table, build_tables

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
#: Maximum number of confusion bars.
_MAX_BARS = 40
#: Kinds of tables about one facet, in display order.
_OF_FACETS = ("overview", "rates", "predictions", "stages")


def build_document(report: Report) -> dict[str, Any]:
    """Build a report as JSON: texts, lists of texts, and positions between 0 and 1 in pictures.

    A sentence is a list; a name from the data is an object in it, so that the template can isolate it.

    :param report: the report model
    :return: the document
    """
    tables = build_tables(report)
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
        "facets": [_build_facet(facet, report, tables, index) for index, facet in enumerate(report.facets, start=1)],
        "repair": _build_table(tables["repair"]) if "repair" in tables else None,
        "labels": _build_labels(report, tables),
        "metrics": [_build_metric(metric) for metric in report.metrics],
        "notation": interpretations.get_notation(
            [metric.name for metric in report.metrics], weighted=report.weight is not None
        ),
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


def _build_facet(facet: FacetSection, report: Report, tables: Mapping[str, Table], index: int) -> dict[str, Any]:
    measurements = [measurement for group in facet.groups for measurement in group.measurements]
    about = [tables[name] for name in (f"{kind}-{index}" for kind in _OF_FACETS) if name in tables]
    return {
        "column": _build_name(facet.column),
        "opening": _build_sentence(phrases.describe_tested(facet)),
        "pictures": [_build_picture(picture, facet) for picture in facet.pictures],
        "tables": [_build_table(table) for table in about],
        "summary": _build_sentence(summarize_stages(facet.stages)) if facet.stages else [],
        "confusion": [_build_confusion(each) for each in facet.predictions[:_MAX_BARS]],
        "compared": len(facet.groups) > 1,
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
        "distribution": _build_bars(tables[f"distribution-{index}"], _list_group_bars(facet.distribution))
        if facet.distribution
        else None,
    }


def _build_table(table: Table) -> dict[str, Any]:
    """Build a table; on a page that is too narrow for all its columns, each part is a table of its own."""
    columns = table.columns[1:]
    shown = range(min(len(table.rows), _MAX_ROWS))
    return {
        "kind": table.name.partition("-")[0],
        "title": _build_sentence(table.title),
        "caption": _build_sentence(table.caption),
        "first": _build_name(Name(table.columns[0].name)),
        "columns": [
            {
                "heading": _break_words(column.name),
                "part": column.part,
                "metric": column.kind == "metric",
                "words": column.kind == "text",
                "judged": column.judged,
            }
            for column in columns
        ],
        "rows": [
            {
                "name": _build_row_name(table.rows[row][0]),
                "cells": [_build_table_cell(table, row, column) for column in range(1, len(table.columns))],
            }
            for row in shown
        ],
    }


def _build_row_name(name: str) -> dict[str, Any] | str:
    return _build_name(name) if isinstance(name, Name) else name


def _build_table_cell(table: Table, row: int, column: int) -> dict[str, Any]:
    mark = table.marks.get((row, column), Mark())
    value = table.rows[row][column]
    text = table.format_cell(row, column)
    return {
        "text": _isolate_name(text) if isinstance(value, Name) else text,
        "word": phrases.name_outcome(mark.outcome),
        "heat": mark.heat,
    }


def _build_cell(measurement: Measurement | None, decimals: int) -> dict[str, Any]:
    if measurement is None:
        return {"text": NOTHING, "word": "", "heat": 0}
    missing = HIDDEN if measurement.hidden else UNDEFINED
    written = missing if measurement.value is None else formatting.format_number(measurement.value, decimals)
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
            {"at": axis.locate(tick), "text": formatting.format_tick(tick), "zero": tick == picture.parity}
            for tick in axis.ticks
        ],
        "left_out": phrases.describe_drawn(picture, facet),
        "outcomes": sorted(phrases.name_outcome(outcome) for outcome in picture.outcomes),
        "bounded": picture.bounded,
        "intervals": picture.intervals,
        "compared": picture.compared,
        "compared_with": picture.compared_with,
        "counted": facet.counted,
        "dots": [_build_dot(dot, picture) for dot in picture.dots],
    }


def _build_dot(dot: Dot, picture: Picture) -> dict[str, Any]:
    axis, measurement, split = picture.axis, dot.measurement, dot.group.split
    bounded = measurement.low is not None or measurement.high is not None
    return {
        "name": _build_name(Name(formatting.shorten(dot.group.value, _MAX_NAME_LENGTH_IN_PICTURE)), breakable=False),
        "cell": _build_cell(measurement, picture.decimals),
        "before": NOTHING
        if measurement.before is None
        else formatting.format_number(measurement.before, picture.decimals),
        "rows": NOTHING if split is None else formatting.format_count(split.d.rows),
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


def _list_group_bars(distribution: Distribution) -> list[dict[str, float]]:
    longest = distribution.longest
    return [
        {"positive": bar.positive_size / longest, "other": (bar.size - bar.positive_size) / longest, "unknown": 0}
        for bar in distribution.all_bars
    ]


def _list_label_bars(labels: LabelSection) -> list[dict[str, float]]:
    """List the bar of each label, of one colour; the last row of the table, of all other labels, has none."""
    kinds = {True: "positive", False: "other", None: "unknown"}
    empty = {"positive": 0.0, "other": 0.0, "unknown": 0.0}
    return [*({**empty, kinds[bar.positive]: bar.size / labels.longest} for bar in labels.bars), empty]


def _build_bars(table: Table, bars: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Build a table of bars with their sizes and shares."""
    headings = [_break_words(column.name) for column in table.columns[1:]]
    rows = [
        {
            "name": _build_row_name(row[0]),
            "cells": [table.format_cell(index, column) for column in range(1, len(table.columns))],
            "bar": bars[index],
        }
        for index, row in enumerate(table.rows)
    ]
    return {
        "title": _build_sentence(table.title),
        "first": _build_name(Name(table.columns[0].name)),
        "headings": headings,
        "rows": rows,
        "others": table.others,
    }


def _build_confusion(predictions: GroupPredictions) -> dict[str, Any]:
    total = float(predictions.confusion.total.weight) or 1.0
    shares = {name: float(getattr(predictions.confusion, name).weight) / total for name in ("tp", "fn", "fp", "tn")}
    return {"name": predictions.title if predictions.value is None else _build_name(predictions.value), **shares}


def _build_labels(report: Report, tables: Mapping[str, Table]) -> dict[str, Any]:
    labels = report.labels
    return {
        "sentence": _build_sentence(phrases.describe_label(report)),
        "bars": _build_bars(tables["labels"], _list_label_bars(labels)) if labels.bars else None,
        "unknown": phrases.NOT_KNOWN if labels.unknown else "",
    }


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
