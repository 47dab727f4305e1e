"""What a report says, as the JSON that the template of the PDF lays out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from airflow_clarify.reports import readings, text, wording
from airflow_clarify.reports.axis import Axis
from airflow_clarify.reports.model import Distribution, Dot, FacetSection, Group, Mark, MetricSection, Picture, Report
from airflow_clarify.reports.text import Name, Sentence, Where

# Set by us around a name, so that its direction of writing does not reach into the sentence around it.
_ISOLATE, _END_OF_ISOLATE = "\N{LEFT-TO-RIGHT ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"
_RIGHT_TO_LEFT = frozenset(["R", "AL", "AN"])
_LONG_WORD = re.compile(r"\S{17,}")
_LONG_WORD_OF_CODE = re.compile(r"\S{81,}")
_PIECE = re.compile(r".{8}(?=.)")
_LONGEST_IN_A_PICTURE = 32
# Thousands of rows are read by nobody on paper, and setting 5,000 of them takes a gigabyte of memory.
_MOST_ROWS = 1000
_LONGEST_TITLE_OF_A_PAGE = 80


def document_of(report: Report) -> dict[str, Any]:
    """A report as JSON: texts, lists of texts, and numbers between 0 and 1 for what is drawn.

    A sentence is a list, in which a name of the data is an object with its text, so that it can be set apart.
    """
    return {
        "title": _words(report.title),
        "short_title": _words(text.shortened(_title_of_a_page(report), _LONGEST_TITLE_OF_A_PAGE)),
        "full_title": text.visible(report.full_title),
        "origin": [[what, _name(value)] for what, value in report.origin],
        "created": _moment(report.created),
        "subject": _sentence(wording.subject_of(report)),
        "judgement": _judgement(report),
        "figures": [[what, value, _sentence([aside])] for what, value, aside in wording.figures_of(report)],
        "notes": list(wording.notes_of(report)),
        "warnings": [_words(warning) for warning in report.warnings],
        "facets": [_facet(facet, report) for facet in report.facets],
        "repair": [_repair(metric) for metric in report.metrics] if report.compared else [],
        "labels": _labels(report),
        "metrics": [_metric(metric) for metric in report.metrics],
        "notation": readings.notation(weighted=report.weight is not None),
        "evidence": [[_words(name), _words(value)] for name, value in report.provenance],
        "configuration": _lines(report.configuration),
    }


def _title_of_a_page(report: Report) -> str:
    return " · ".join(part for part in (report.title, report.dataset, report.run) if part)


def _moment(moment: datetime) -> dict[str, int]:
    return {unit: getattr(moment, unit) for unit in ("year", "month", "day", "hour", "minute", "second")}


def _lines(code: str) -> list[str]:
    return [_words(line, _LONG_WORD_OF_CODE) for line in code.split("\n")] if code else []


def _judgement(report: Report) -> dict[str, Any]:
    judgement = report.judgement
    return {
        "word": wording.word(judgement.outcome),
        "headline": judgement.headline,
        "summary": judgement.summary,
        "reasons": [_sentence(reason) for reason in judgement.reasons],
        "more": text.count(judgement.more_reasons) if judgement.more_reasons else "",
        "tallies": [[wording.word(outcome), text.count(count)] for outcome, count in judgement.tallies],
        "rules": _words("; ".join(judgement.rules)),
    }


# --- Facets -------------------------------------------------------------------------------------------------------


def _facet(facet: FacetSection, report: Report) -> dict[str, Any]:
    marks = [mark for group in facet.groups for mark in group.marks]
    return {
        "column": _name(facet.column),
        "opening": _sentence(wording.opening_of(facet)),
        "pictures": [_picture(picture, facet) for picture in facet.pictures],
        "counts": wording.count_headings(report, facet),
        "metrics": [column.metric for column in facet.columns],
        "rows": [_row(group, facet, report) for group in facet.groups[:_MOST_ROWS]],
        "left_out": wording.listed_of(_MOST_ROWS, facet),
        "outcomes": sorted({wording.word(mark.outcome) for mark in marks}),
        "undefined": [
            {
                "metric": undefined.metric,
                "named": [_name(value) for value in undefined.named],
                "others": text.count(undefined.others) if undefined.others else "",
                "error": _words(undefined.error),
            }
            for undefined in facet.undefined
        ],
        "distribution": _distribution(facet.distribution, report) if facet.distribution else None,
    }


def _row(group: Group, facet: FacetSection, report: Report) -> dict[str, Any]:
    marks = [(group.mark(column.metric), column.decimals) for column in facet.columns]
    return {
        "name": _name(group.value),
        "counts": wording.count_cells(report, facet, group),
        "marks": [_cell(mark, decimals) for mark, decimals in marks],
    }


def _cell(mark: Mark | None, decimals: int) -> dict[str, Any]:
    if mark is None:
        return {"text": wording.NOTHING, "word": "", "heat": 0}
    written = "not defined" if mark.value is None else text.number(mark.value, decimals)
    return {"text": written, "word": wording.word(mark.outcome), "heat": 0 if mark.value is None else mark.heat}


def _picture(picture: Picture, facet: FacetSection) -> dict[str, Any]:
    axis = picture.axis
    return {
        "metric": picture.metric,
        "below": picture.below,
        "above": picture.above,
        "ticks": [{"at": axis.at(tick), "text": text.tick(tick), "zero": tick == 0} for tick in axis.ticks],
        "left_out": wording.drawn_of(picture, facet),
        "outcomes": sorted(wording.word(outcome) for outcome in picture.outcomes),
        "bounded": picture.bounded,
        "intervals": picture.intervals,
        "compared": picture.compared,
        "counted": facet.counted,
        "dots": [_dot(dot, picture) for dot in picture.dots],
    }


def _dot(dot: Dot, picture: Picture) -> dict[str, Any]:
    axis, mark, split = picture.axis, dot.mark, dot.group.split
    bounded = mark.low is not None or mark.high is not None
    return {
        "name": _name(Name(text.shortened(dot.group.value, _LONGEST_IN_A_PICTURE)), breakable=False),
        "cell": _cell(mark, picture.decimals),
        "before": wording.NOTHING if mark.before is None else text.number(mark.before, picture.decimals),
        "rows": wording.NOTHING if split is None else text.count(split.d.rows),
        "at": None if mark.value is None else axis.at(mark.value),
        "before_at": None if mark.before is None else axis.at(mark.before),
        "band": [_end(axis, mark.low, 0.0), _end(axis, mark.high, 1.0)] if bounded else None,
        "bounds": [axis.at(end) for end in (mark.low, mark.high) if end is not None and axis.holds(end)],
        # Where an interval goes on beyond the axis, its end is not drawn as one.
        "interval": [[axis.at(end), axis.holds(end)] for end in mark.interval] if mark.interval else None,
    }


def _end(axis: Axis, bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else axis.at(bound)


# --- The whole data -----------------------------------------------------------------------------------------------


def _distribution(distribution: Distribution, report: Report) -> list[dict[str, Any]]:
    longest = distribution.longest
    return [
        {
            "name": wording.ALL_OTHERS if bar.value is None else _name(bar.value),
            "size": wording.bar_amount(report, bar.all),
            "share": wording.share(bar.positive_share),
            "positive": bar.positive_size / longest,
            "other": (bar.size - bar.positive_size) / longest,
            "unknown": 0,
        }
        for bar in distribution.all_bars
    ]


def _labels(report: Report) -> dict[str, Any]:
    labels = report.labels
    bars: list[dict[str, Any]] = [
        {
            "name": wording.label_name(bar) if bar.label is None else _name(bar.label),
            "size": wording.bar_amount(report, bar.all),
            "share": wording.share(bar.share),
            **_length(bar.size / labels.longest, bar.positive),
        }
        for bar in labels.bars
    ]
    if labels.rest:
        size = wording.bar_amount(report, labels.rest)
        bars.append({"name": wording.other_labels(report), "size": size, "share": "", **_length(0, False)})
    return {
        "column": _name(labels.column),
        "sentence": _sentence(wording.label_sentence(report)),
        "heading": wording.bar_heading(report),
        "bars": bars,
        "unknown": wording.NOT_KNOWN if labels.unknown else "",
    }


def _length(length: float, positive: bool | None) -> dict[str, float]:
    """A bar of one colour."""
    kind = {True: "positive", False: "other", None: "unknown"}[positive]
    return {"positive": 0, "other": 0, "unknown": 0, kind: length}


def _repair(metric: MetricSection) -> list[Any]:
    return [metric.name, *_found(metric.before), *_found(metric.after)]


def _found(found: tuple[str, str] | None) -> tuple[str, list[Any]]:
    return (found[1], _sentence([found[0]])) if found else ("not defined", [])


def _metric(metric: MetricSection) -> dict[str, Any]:
    return {
        "name": metric.name,
        "title": metric.title,
        "question": metric.question,
        "value": metric.worst[1] if metric.worst else "",
        "reading": _sentence(metric.reading),
        "formula": [[part, bool(index % 2)] for index, part in enumerate(readings.with_indices(metric.formula))],
        "range": metric.value_range,
    }


# --- Texts --------------------------------------------------------------------------------------------------------


def _sentence(parts: Iterable[str] | Sentence) -> list[Any]:
    return [_name(part) if isinstance(part, Name) else _words(part) for part in parts if part]


def _name(name: Name, *, breakable: bool = True) -> dict[str, str]:
    """A name of the data; the two names of a group each by itself, or the one could reach over the other."""
    parts = [_isolated(name.column), "=", _isolated(name.value)] if isinstance(name, Where) else [_isolated(name)]
    shown = "".join(parts)
    return {"name": shown if breakable else shown.replace(_ZERO_WIDTH_SPACE, "")}


def _isolated(name: str) -> str:
    """A name that cannot turn what is around it; one written from left to right has no need, and is found as it is."""
    if not any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in name):
        return _words(name)
    return f"{_ISOLATE}{_words(name)}{_END_OF_ISOLATE}"


def _words(words: str, long_word: re.Pattern[str] = _LONG_WORD) -> str:
    """What can be seen of a text, with places in long words where a line may end."""
    return long_word.sub(lambda word: _PIECE.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", word[0]), text.visible(words))
