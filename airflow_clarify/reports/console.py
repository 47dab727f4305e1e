"""Format an analysis as lines of text, for a task log and for a terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.thresholds import Outcome, Verdict

#: Mark after a value, by the outcome of its check.
MARKS = {Outcome.PASS: "", Outcome.VIOLATION: "!", Outcome.INCONCLUSIVE: "?", Outcome.IGNORED: "-"}
LEGEND = "! violates its threshold   ? inconclusive   - not judged"
_MAX_NAME_WIDTH = 40
_ELLIPSIS = "..."


def format_table(analysis: Analysis, verdict: Verdict | None = None, max_values: int = 50) -> list[str]:
    """Format a table per facet: its values, their rows, their share of positive labels, and the metrics.

    :param analysis: the analysis
    :param verdict: the verdict, whose outcomes are marked and sort the values, worst first
    :param max_values: maximum number of values per facet
    :return: the lines of all tables, and a legend if any value is marked
    """
    lines: list[str] = []
    for facet in analysis.facets:
        lines += _format_facet(analysis, facet, _FacetVerdict.from_verdict(facet, verdict), max_values)
    if verdict is not None and any(MARKS[finding.outcome] for finding in verdict.findings):
        lines.append(LEGEND)
    return lines


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


@dataclass(frozen=True)
class _FacetVerdict:
    """The outcomes of one facet by tested group and metric, worst first."""

    outcomes: Mapping[tuple[str, str], Outcome]

    @classmethod
    def from_verdict(cls, facet: FacetAnalysis, verdict: Verdict | None) -> _FacetVerdict:
        outcomes: dict[tuple[str, str], Outcome] = {}
        for finding in verdict.findings if verdict is not None else ():
            if finding.facet == facet.column:
                # The first is the worst: an analysis from another source can have two groups of the same name.
                outcomes.setdefault((finding.value, finding.metric), finding.outcome)
        return cls(outcomes)

    def sort_by_severity(self, results: Sequence[FacetResult]) -> list[FacetResult]:
        """Sort the results in the order of the findings; results without a finding keep their order, at the end."""
        place: dict[str, int] = {}
        for value, _ in self.outcomes:
            place.setdefault(value, len(place))
        return sorted(results, key=lambda result: place.get(result.value, len(place)))

    def get_mark(self, value: str, metric: str) -> str:
        outcome = self.outcomes.get((value, metric))
        return "" if outcome is None else MARKS[outcome]

    def is_violated(self, result: FacetResult) -> bool:
        return any(self.outcomes.get((result.value, m.name)) is Outcome.VIOLATION for m in result.metrics)


def _format_facet(analysis: Analysis, facet: FacetAnalysis, verdict: _FacetVerdict, max_values: int) -> list[str]:
    results = verdict.sort_by_severity(facet.results)
    shown, hidden = results[:max_values], results[max_values:]
    columns = [[sanitize_line(facet.column), *(sanitize_line(result.value) or "''" for result in shown)]]
    # An analysis.json by Clarify has no counts; the columns would be empty.
    if any(result.split is not None for result in shown):
        columns.append(["rows", *map(_format_rows, shown)])
        columns.append([_format_share_heading(analysis), *map(_format_share, shown)])
    columns += [_format_metric_column(name, shown, verdict) for name in analysis.methods]
    lines = align_columns(columns)
    lines.insert(1, "-" * max(map(_measure_width, lines)))
    if hidden:
        violating = sum(map(verdict.is_violated, hidden))
        more = f"... and {len(hidden):,} more value{'s' if len(hidden) > 1 else ''}"
        lines.append(more + (f", {violating:,} in violation" if violating else ""))
    return lines


def _format_share_heading(analysis: Analysis) -> str:
    positive = sanitize_line(analysis.label_value_or_threshold) or "nothing"
    return f"{sanitize_line(analysis.label)}={positive}" + (" (weighted)" if analysis.weighted else "")


def _format_rows(result: FacetResult) -> str:
    return "" if result.split is None else f"{result.split.d.rows:,}"


def _format_share(result: FacetResult) -> str:
    split = result.split
    return "" if split is None or not split.d.weight else f"{float(split.d_positive.weight / split.d.weight):.1%}"


def _format_metric_column(name: str, results: Sequence[FacetResult], verdict: _FacetVerdict) -> list[str]:
    """Format the values of a metric; if any is marked, all get space for a mark, to align the numbers."""
    numbers = [_format_number(result.metric(name)) for result in results]
    marks = [verdict.get_mark(result.value, name) for result in results]
    heading = sanitize_line(name)
    if not any(marks):
        return [heading, *numbers]
    return [f"{heading}  ", *(f"{number} {mark or ' '}" for number, mark in zip(numbers, marks, strict=True))]


def _format_number(metric: MetricResult | None) -> str:
    if metric is None:
        return ""
    if metric.value is None:
        return "undefined"
    # Rounded first, and 0.0 added: otherwise a tiny negative number is formatted as "-0.0000".
    return f"{round(metric.value, 4) + 0.0:.4f}" if math.isfinite(metric.value) else str(metric.value)


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
