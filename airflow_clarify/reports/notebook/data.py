"""Build the data of a report notebook: as JSON in its code, and as HTML in its outputs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from airflow_clarify.bias.contingency import WeightedCount
from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.reports import formatting, phrases
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

_MAX_NAME_LENGTH_IN_PICTURE = 40
#: Style of a value, by the outcome of its check. Both colours are set, so that it is readable in a dark theme too.
_STYLES = {
    Outcome.VIOLATION: "background-color: #fdecea; color: #b3261e; font-weight: bold; white-space: nowrap",
    Outcome.INCONCLUSIVE: "background-color: #fdf3e1; color: #8a5200; white-space: nowrap",
    Outcome.IGNORED: "color: #707a88; white-space: nowrap",
}
_FORMATTERS: Mapping[str, Callable[[Any], str]] = {
    "rows": formatting.format_count,
    "weight": formatting.format_weight,
    "share": formatting.format_percent,
    "text": str,
}
_COUNTS_AS = {True: "positive", False: "not positive", None: phrases.NOT_KNOWN}
#: Classes that keep MathJax from rendering formulas in a table.
_NO_FORMULAS = "tex2jax_ignore mathjax_ignore"


@dataclass(frozen=True)
class TableColumn:
    """A column of a table.

    :param name: heading
    :param kind: "text", or the format of its numbers: "rows", "weight", "share" or "metric"
    :param none: placeholder for a missing number
    :param decimals: number of decimals of a metric
    """

    name: str
    kind: str
    none: str = phrases.NOTHING
    decimals: int = 4

    def format_value(self, value: Any) -> str:
        """Format a value for display."""
        if value is None:
            return self.none
        if self.kind == "metric":
            return formatting.format_number(value, self.decimals)
        return _FORMATTERS[self.kind](value)


@dataclass(frozen=True)
class Table:
    """A table of the report, in which every value that did not pass its check is marked.

    :param columns: the columns, with unique names
    :param rows: names and numbers
    :param marks: row, column and outcome of each marked value
    """

    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    marks: tuple[tuple[int, int, Outcome], ...] = ()

    def as_html(self) -> str:
        """Render the table as running the notebook does; all cells are escaped text."""
        outcomes = {(row, column): outcome for row, column, outcome in self.marks}
        lines = [f'<table class="{_NO_FORMULAS}">', "<thead><tr>"]
        lines += [f'<th scope="col">{escape(column.name)}</th>' for column in self.columns]
        lines += ["</tr></thead>", "<tbody>"]
        for index, row in enumerate(self.rows):
            cells = (
                _format_cell(column.format_value(value), outcomes.get((index, place)))
                for place, (column, value) in enumerate(zip(self.columns, row, strict=True))
            )
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return "\n".join([*lines, "</tbody>", "</table>"])


def _format_cell(shown: str, outcome: Outcome | None) -> str:
    if outcome is None:
        return f"<td>{escape(shown)}</td>"
    return f'<td style="{_STYLES[outcome]}">{phrases.GLYPHS[outcome]} {escape(shown)}</td>'


# --- Tables -------------------------------------------------------------------------------------------------------


def build_tables(report: Report) -> dict[str, Table]:
    """Build all tables of a notebook by name, in display order."""
    tables = {f"overview-{index}": _build_overview(facet, report) for index, facet in enumerate(report.facets, start=1)}
    if report.compared:
        tables["repair"] = _build_repair_table(report.metrics)
    if report.labels.bars:
        tables["labels"] = _build_label_table(report)
    for index, facet in enumerate(report.facets, start=1):
        if facet.distribution:
            tables[f"distribution-{index}"] = _build_distribution_table(facet, facet.distribution, report)
    return tables


def _build_overview(facet: FacetSection, report: Report) -> Table:
    weighted, repaired = report.weight is not None, report.rows_before is not None
    kinds = ["rows", *(["rows"] if repaired else []), *(["weight"] if weighted else [])]
    kinds += ["weight" if weighted else "rows", "share", "share"]
    headings = phrases.list_count_headings(report, facet)
    columns = [TableColumn(heading, kind) for heading, kind in zip(headings, kinds[: len(headings)], strict=True)]
    columns += [TableColumn(column.metric, "metric", "not defined", column.decimals) for column in facet.columns]
    rows, marks = [], []
    for index, group in enumerate(facet.groups):
        measured = [group.get_measurement(column.metric) for column in facet.columns]
        row = [_format_name(group.value), *_build_counts(group, facet, weighted, repaired), *map(_get_value, measured)]
        first = len(row) - len(measured)
        marks += [
            (index, first + place, measurement.outcome)
            for place, measurement in enumerate(measured)
            if measurement is not None and measurement.outcome in _STYLES
        ]
        rows.append(tuple(row))
    return Table((_build_first_column(facet.column, columns), *columns), tuple(rows), tuple(marks))


def _build_counts(group: Group, facet: FacetSection, weighted: bool, repaired: bool) -> list[Any]:
    if not facet.counted:
        return []
    before = [group.rows_before] if repaired else []
    if group.split is None:
        return [None, *before, *([None] if weighted else []), None, None, None]
    d, positive = group.split.d, group.split.d_positive
    weight = [float(d.weight)] if weighted else []
    amount = float(positive.weight) if weighted else positive.rows
    return [d.rows, *before, *weight, amount, group.share, group.rest_share]


def _get_value(measurement: Measurement | None) -> float | None:
    return None if measurement is None else measurement.value


def _build_repair_table(metrics: Iterable[MetricSection]) -> Table:
    columns = tuple(
        TableColumn(name, "text", "not defined") for name in ("Metric", "Before", "Of", "After", "Of, after")
    )
    rows = []
    for metric in metrics:
        found = [(each[1], _format_name(each[0])) if each else (None, "") for each in (metric.before, metric.after)]
        rows.append((metric.name, *found[0], *found[1]))
    return Table(columns, tuple(rows))


def _build_label_table(report: Report) -> Table:
    labels = report.labels
    columns = [_build_size_column(report), TableColumn("Share", "share", ""), TableColumn("Counts as", "text")]
    rows: list[tuple[Any, ...]] = [
        (_format_name(phrases.name_label(bar)), _get_size(bar.all, report), bar.share, _COUNTS_AS[bar.positive])
        for bar in labels.bars
    ]
    if labels.rest:
        rows.append((phrases.name_other_labels(report), _get_size(labels.rest, report), None, ""))
    return Table((_build_first_column(labels.column, columns), *columns), tuple(rows))


def _build_distribution_table(facet: FacetSection, distribution: Distribution, report: Report) -> Table:
    size = _build_size_column(report)
    columns = [size, TableColumn("Positive", size.kind), TableColumn("Not positive", size.kind)]
    columns.append(TableColumn("Positive share", "share"))
    rows = tuple(
        (
            phrases.ALL_OTHERS if bar.value is None else _format_name(bar.value),
            _get_size(bar.all, report),
            _get_size(bar.positive, report),
            _get_size(bar.all - bar.positive, report),
            bar.positive_share,
        )
        for bar in distribution.all_bars
    )
    return Table((_build_first_column(facet.column, columns), *columns), rows)


def _build_size_column(report: Report) -> TableColumn:
    return TableColumn(phrases.get_bar_heading(report), "rows" if report.weight is None else "weight")


def _get_size(tally: WeightedCount, report: Report) -> float:
    return tally.rows if report.weight is None else float(tally.weight)


def _build_first_column(name: str, others: Iterable[TableColumn]) -> TableColumn:
    """Build the column of names, with a unique heading, which pandas needs to style a table."""
    shown = _format_name(name)
    return TableColumn(f"{shown} (value)" if shown in {column.name for column in others} else shown, "text")


def _format_name(name: str) -> str:
    return formatting.escape_invisible(name)


# --- As JSON ------------------------------------------------------------------------------------------------------


def serialize_data(report: Report, tables: Mapping[str, Table]) -> str:
    """Serialize the tables and pictures of a notebook as JSON, in readable lines.

    The notebook contains the JSON in a raw, triple-quoted Python string. The data cannot end that string: in JSON, each
    quotation mark of the data is preceded by a backslash, and JSON's own quotation marks never occur three in a row.
    """
    parts = {
        "glyphs": _format_json({outcome.value: phrases.GLYPHS[outcome] for outcome in _STYLES}),
        "styles": _format_json({outcome.value: style for outcome, style in _STYLES.items()}),
        "tables": _format_object({name: _serialize_table(table) for name, table in tables.items()}),
        "pictures": _format_object(dict(_serialize_pictures(report))),
    }
    return _format_object(parts)


def _serialize_table(table: Table) -> str:
    marks = [(row, column, outcome.value) for row, column, outcome in table.marks]
    columns = [asdict(column) for column in table.columns]
    return _format_object(
        {"columns": _format_json(columns), "marks": _format_json(marks), "rows": _format_array(table.rows)}
    )


def _serialize_pictures(report: Report) -> Iterator[tuple[str, str]]:
    for index, facet in enumerate(report.facets, start=1):
        for picture in facet.pictures:
            yield f"dots-{index}-{picture.metric}", _serialize_picture(picture)


def _serialize_picture(picture: Picture) -> str:
    axis = (picture.axis.low, picture.axis.high)
    return _format_object(
        {
            "metric": _format_json(picture.metric),
            "axis": _format_json(axis),
            "dots": _format_array(map(_serialize_dot, picture.dots)),
        }
    )


def _serialize_dot(dot: Dot) -> dict[str, Any]:
    measurement = dot.measurement
    return {
        "name": formatting.shorten(_format_name(dot.group.value), _MAX_NAME_LENGTH_IN_PICTURE),
        "value": measurement.value if measurement.value is None or math.isfinite(measurement.value) else None,
        "bounds": (measurement.low, measurement.high),
        "outcome": phrases.name_outcome(measurement.outcome),
        "interval": measurement.interval,
        "before": measurement.before,
    }


def _format_object(parts: Mapping[str, str]) -> str:
    return "{" + ",\n".join(f"{_format_json(name)}: {part}" for name, part in parts.items()) + "}"


def _format_array(items: Iterable[Any]) -> str:
    return "[\n" + ",\n".join(map(_format_json, items)) + "]"


def _format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
