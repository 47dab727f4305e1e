"""Build the data of a report notebook: as JSON in its code, and as HTML in its outputs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.reports import formatting, phrases
from airflow_clarify.reports.model import Report
from airflow_clarify.reports.sections.pictures import Dot, Picture
from airflow_clarify.reports.tables import Table

_MAX_NAME_LENGTH_IN_PICTURE = 40
#: Style of a value, by the outcome of its check. Both colours are set, so that it is readable in a dark theme too.
_STYLES = {
    Outcome.VIOLATION: "background-color: #fdecea; color: #b3261e; font-weight: bold; white-space: nowrap",
    Outcome.INCONCLUSIVE: "background-color: #fdf3e1; color: #8a5200; white-space: nowrap",
    Outcome.IGNORED: "color: #707a88; white-space: nowrap",
}
#: Classes that keep MathJax from rendering formulas in a table.
_NO_FORMULAS = "tex2jax_ignore mathjax_ignore"


def render_table(table: Table) -> str:
    """Render a table in HTML as running the notebook does; all cells are escaped text.

    :param table: a table of the report
    """
    lines = [f'<table class="{_NO_FORMULAS}">', "<thead><tr>"]
    lines += [f'<th scope="col">{escape(_format_name(column.name))}</th>' for column in table.columns]
    lines += ["</tr></thead>", "<tbody>"]
    for row in range(len(table.rows)):
        cells = (_format_cell(table, row, column) for column in range(len(table.columns)))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>"])


def _format_cell(table: Table, row: int, column: int) -> str:
    shown = escape(_format_name(table.format_value(row, column)))
    mark = table.marks.get((row, column))
    if mark is None or mark.outcome not in _STYLES:
        return f"<td>{shown}</td>"
    return f'<td style="{_STYLES[mark.outcome]}">{phrases.GLYPHS[mark.outcome]} {shown}</td>'


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
    marks = [
        (row, column, mark.outcome.value)
        for (row, column), mark in table.marks.items()
        if mark.outcome is not None and mark.outcome in _STYLES
    ]
    columns = [
        {"name": _format_name(column.name), "kind": column.kind, "none": column.none, "decimals": column.decimals}
        for column in table.columns
    ]
    rows = [[_format_name(value) if isinstance(value, str) else value for value in row] for row in table.rows]
    return _format_object({"columns": _format_json(columns), "marks": _format_json(marks), "rows": _format_array(rows)})


def _serialize_pictures(report: Report) -> Iterator[tuple[str, str]]:
    for index, facet in enumerate(report.facets, start=1):
        for picture in facet.pictures:
            yield f"dots-{index}-{picture.metric}", _serialize_picture(picture)


def _serialize_picture(picture: Picture) -> str:
    axis = (picture.axis.low, picture.axis.high)
    return _format_object(
        {
            "metric": _format_json(picture.metric),
            "parity": _format_json(picture.parity),
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
