"""Format the tables of a report as lines of text, for a task log and for a terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.verdict import Outcome, Verdict
from airflow_clarify.reports.formatting import NO_BREAK_SPACE, Name
from airflow_clarify.reports.sections.facets import FacetSection, build_facets
from airflow_clarify.reports.tables import Mark, Table, TableColumn, build_facet_tables

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Thresholds

#: Mark after a value, by the outcome of its check.
MARKS = {Outcome.PASS: "", Outcome.VIOLATION: "!", Outcome.INCONCLUSIVE: "?", Outcome.IGNORED: "-"}
LEGEND = "! violates its threshold   ? inconclusive   - not judged"
#: Count columns that a log shows; the report has all.
_SHOWN_COUNTS = ("Rows", "Positive share")
_MAX_NAME_WIDTH = 40
_ELLIPSIS = "..."


def format_table(
    analysis: Analysis,
    verdict: Verdict | None = None,
    max_values: int = 50,
    *,
    thresholds: Thresholds | None = None,
    before: Analysis | None = None,
) -> list[str]:
    """Format the tables of each facet: its values, their rows, their share of positive labels, and the metrics.

    With predictions, a table has the confusion matrix and the rates of each value, and with both stages another one has
    the difference in the labels beside that in the predictions.

    :param analysis: the analysis
    :param verdict: the verdict, whose outcomes are marked and sort the values, worst first
    :param max_values: maximum number of values per facet
    :param thresholds: the rules behind the verdict
    :param before: the analysis of the same data before they were balanced
    :return: the lines of all tables, and a legend if any value is marked
    """
    lines: list[str] = []
    context = _Context(analysis.weighted)
    for index, (facet, section) in enumerate(
        zip(analysis.facets, build_facets(analysis, verdict, thresholds, before), strict=True)
    ):
        # Without a verdict, the order is that of the analysis.
        order = None if verdict is not None else {result.value: place for place, result in enumerate(facet.results)}
        tables = list(build_facet_tables(section, context, index + 1))
        for table in tables:
            if len(tables) > 1:
                lines.append(f"{sanitize_line(''.join(table.title), None)}:")
            lines += _format_lines(_select_columns(table, analysis), section, order, max_values)
    if verdict is not None and any(MARKS[finding.outcome] for finding in verdict.findings):
        lines.append(LEGEND)
    if verdict is not None and (unjudged := _list_unjudged(analysis, verdict)):
        lines.append(f"without a threshold, so not judged: {', '.join(map(sanitize_line, unjudged))}")
    return lines


@dataclass(frozen=True)
class _Context:
    """What the tables need of a report; a log does not compare with the data before balancing."""

    weighted: bool
    rows_before: int | None = None

    @property
    def weight(self) -> str | None:
        return "" if self.weighted else None


def _list_unjudged(analysis: Analysis, verdict: Verdict) -> list[str]:
    judged = {finding.metric for finding in verdict.findings}
    return [name for name in analysis.methods if name not in judged] if judged else []


def sanitize_line(text: str, max_width: int | None = _MAX_NAME_WIDTH) -> str:
    """Make an untrusted text safe for a log or a terminal: one line, no control characters, not too long.

    :param text: a name from the data, a path, or a sentence that contains one
    :param max_width: maximum number of terminal columns; None for no limit
    :return: the text, escaped and cut
    """
    clean = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    # Combining characters have zero width, so the number of characters is limited as well.
    if max_width is None or (_measure_width(clean) <= max_width and len(clean) <= 2 * max_width):
        return clean
    return _truncate(clean[: 2 * max_width], max_width - len(_ELLIPSIS)) + _ELLIPSIS


def _select_columns(table: Table, analysis: Analysis) -> Table:
    """Select the columns that a log has room for, with headings in its style."""
    places, columns = [0], [table.columns[0]]
    for place, column in enumerate(table.columns[1:], start=1):
        if column.part != "Counts" or column.name in _SHOWN_COUNTS:
            places.append(place)
            columns.append(_rename_column(column, analysis))
    rows = tuple(tuple(row[place] for place in places) for row in table.rows)
    new_places = {place: new for new, place in enumerate(places)}
    marks = {(row, new_places[old]): mark for (row, old), mark in table.marks.items() if old in new_places}
    return Table(table.name, table.title, tuple(columns), rows, marks)


def _rename_column(column: TableColumn, analysis: Analysis) -> TableColumn:
    name = column.name
    if column.part == "Counts":
        name = "rows" if name == "Rows" else _format_share_heading(analysis)
    return TableColumn(name, column.kind, "undefined" if column.kind == "metric" else "")


def _format_share_heading(analysis: Analysis) -> str:
    positive = sanitize_line(analysis.label_value_or_threshold) or "nothing"
    return f"{sanitize_line(analysis.label)}={positive}" + (" (weighted)" if analysis.weighted else "")


def _format_lines(table: Table, facet: FacetSection, order: dict[str, int] | None, max_values: int) -> Iterator[str]:
    keys = [group.key for group in facet.groups]
    places = list(range(len(keys)))
    if order is not None:
        places.sort(key=lambda place: order[keys[place]])
    shown, hidden = places[:max_values], places[max_values:]
    # Rows after those of the tested groups are totals.
    shown += range(len(keys), len(table.rows))
    columns = [_format_column(table, column, shown) for column in range(len(table.columns))]
    lines = align_columns(list(_merge_intervals(table, columns)))
    yield lines[0]
    yield "-" * max(map(_measure_width, lines))
    yield from lines[1:]
    if hidden:
        violating = sum(facet.groups[place].outcome is Outcome.VIOLATION for place in hidden)
        more = f"... and {len(hidden):,} more value{'s' if len(hidden) > 1 else ''}"
        yield more + (f", {violating:,} in violation" if violating else "")


def _format_column(table: Table, column: int, rows: Sequence[int]) -> list[str]:
    """Format the cells of a column; if any is marked, all get space for a mark, to align the numbers."""
    heading = sanitize_line(table.columns[column].name)
    cells = [_format_cell(table, row, column) for row in rows]
    marks = [_get_mark(table.marks.get((row, column))) for row in rows]
    if not any(marks):
        return [heading, *cells]
    return [f"{heading}  ", *(f"{cell} {mark or ' '}" for cell, mark in zip(cells, marks, strict=True))]


def _get_mark(mark: Mark | None) -> str:
    return "" if mark is None or mark.outcome is None else MARKS[mark.outcome]


def _format_cell(table: Table, row: int, column: int) -> str:
    value: Any = table.rows[row][column]
    kind = table.columns[column].kind
    if kind == "interval" and value is not None:
        return "[{:.1f}, {:.1f}]".format(*(100 * end for end in value))
    if kind == "metric" and value is not None and math.isinf(value):
        return str(value)
    text = table.format_value(row, column).replace(NO_BREAK_SPACE, "")
    return sanitize_line(text) if isinstance(value, Name) or kind == "text" else text


def _merge_intervals(table: Table, columns: Sequence[list[str]]) -> Iterator[list[str]]:
    """Put each interval behind its share, in one column."""
    for column, cells in enumerate(columns):
        if table.columns[column].kind == "interval":
            continue
        following = column + 1
        if following < len(columns) and table.columns[following].kind == "interval":
            widest = max(map(len, columns[following][1:]), default=0)
            pairs = zip(cells[1:], columns[following][1:], strict=True)
            yield [cells[0], *(f"{share} {interval:>{widest}}" for share, interval in pairs)]
        else:
            yield cells


def align_columns(columns: Sequence[Sequence[str]]) -> list[str]:
    """Join columns into lines: the first one left-aligned, the others right-aligned.

    :param columns: the cells of each column, with its heading first
    """
    widths = [max(map(_measure_width, column)) for column in columns]
    return ["  ".join(_pad_cells(cells, widths)).rstrip() for cells in zip(*columns, strict=True)]


def _pad_cells(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = (" " * (width - _measure_width(cell)) for cell, width in zip(cells, widths, strict=True))
    return [cells[0] + first, *(space + cell for cell, space in zip(cells[1:], others, strict=True))]


def _measure_width(text: str) -> int:
    """Measure the width of a text on a terminal: wide characters count 2, combining characters 0."""
    return len(text) if text.isascii() else sum(map(_measure_character, text))


def _measure_character(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _truncate(text: str, width: int) -> str:
    """Cut a text to a number of terminal columns."""
    used = 0
    for position, character in enumerate(text):
        used += _measure_character(character)
        if used > width:
            return text[:position]
    return text
