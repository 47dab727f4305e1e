"""An analysis as lines of text, for the log of a task and for a terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.thresholds import Outcome, Verdict

#: What stands behind a number that a threshold judged.
MARKS = {Outcome.PASS: "", Outcome.VIOLATION: "!", Outcome.INCONCLUSIVE: "?", Outcome.IGNORED: "-"}
LEGEND = "! violates its threshold   ? inconclusive   - not judged"
_WIDEST_NAME = 40
_CUT = "..."


def format_table(analysis: Analysis, verdict: Verdict | None = None, most: int = 50) -> list[str]:
    """A table per facet: its values, their rows, their share of positive labels, and the metrics.

    :param analysis: what was measured
    :param verdict: marks what it judged, and puts the worst first
    :param most: facet values to show of each facet
    """
    lines: list[str] = []
    for facet in analysis.facets:
        lines += _format_facet(analysis, facet, _FacetVerdict.from_verdict(facet, verdict), most)
    if verdict is not None and any(MARKS[finding.outcome] for finding in verdict.findings):
        lines.append(LEGEND)
    return lines


def sanitize_line(text: str, widest: int | None = _WIDEST_NAME) -> str:
    """A text from outside, safe for a log or a terminal: one line, no control characters, and not too long.

    :param text: a name out of the data, a path, a sentence that holds such
    :param widest: the most columns that it may take; None for all it needs
    """
    clean = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    # Accents take no room of their own, and still there can be too many of them.
    if widest is None or (_measure_width(clean) <= widest and len(clean) <= 2 * widest):
        return clean
    return _truncate(clean[: 2 * widest], widest - len(_CUT)) + _CUT


@dataclass(frozen=True)
class _FacetVerdict:
    """What a verdict says of one facet: the outcome by tested group and metric, the worst first."""

    outcomes: Mapping[tuple[str, str], Outcome]

    @classmethod
    def from_verdict(cls, facet: FacetAnalysis, verdict: Verdict | None) -> _FacetVerdict:
        outcomes: dict[tuple[str, str], Outcome] = {}
        for finding in verdict.findings if verdict is not None else ():
            if finding.facet == facet.column:
                # The first is the worst, where an analysis of another origin has two groups of one name.
                outcomes.setdefault((finding.value, finding.metric), finding.outcome)
        return cls(outcomes)

    def sort_by_severity(self, results: Sequence[FacetResult]) -> list[FacetResult]:
        """The results in the order of the findings; those that were not judged come last, in their own order."""
        place: dict[str, int] = {}
        for value, _ in self.outcomes:
            place.setdefault(value, len(place))
        return sorted(results, key=lambda result: place.get(result.value, len(place)))

    def mark(self, value: str, metric: str) -> str:
        outcome = self.outcomes.get((value, metric))
        return "" if outcome is None else MARKS[outcome]

    def is_violated(self, result: FacetResult) -> bool:
        return any(self.outcomes.get((result.value, m.name)) is Outcome.VIOLATION for m in result.metrics)


def _format_facet(analysis: Analysis, facet: FacetAnalysis, judgement: _FacetVerdict, most: int) -> list[str]:
    results = judgement.sort_by_severity(facet.results)
    shown, hidden = results[:most], results[most:]
    columns = [[sanitize_line(facet.column), *(sanitize_line(result.value) or "''" for result in shown)]]
    # Clarify's own file has no counts; there is no use in empty columns.
    if any(result.split is not None for result in shown):
        columns.append(["rows", *map(_format_rows, shown)])
        columns.append([_format_share_heading(analysis), *map(_format_share, shown)])
    columns += [_format_metric_column(name, shown, judgement) for name in analysis.methods]
    lines = _align_columns(columns)
    lines.insert(1, "-" * max(map(_measure_width, lines)))
    if hidden:
        violating = sum(map(judgement.is_violated, hidden))
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


def _format_metric_column(name: str, results: Sequence[FacetResult], judgement: _FacetVerdict) -> list[str]:
    """The values of a metric, with room for marks where one of them has one, so that numbers stay below each other."""
    numbers = [_format_number(result.metric(name)) for result in results]
    marks = [judgement.mark(result.value, name) for result in results]
    heading = sanitize_line(name)
    if not any(marks):
        return [heading, *numbers]
    return [f"{heading}  ", *(f"{number} {mark or ' '}" for number, mark in zip(numbers, marks, strict=True))]


def _format_number(metric: MetricResult | None) -> str:
    if metric is None:
        return ""
    if metric.value is None:
        return "undefined"
    # Rounded first, and 0.0 added, for a tiny negative number would be written "-0.0000".
    return f"{round(metric.value, 4) + 0.0:.4f}" if math.isfinite(metric.value) else str(metric.value)


def _align_columns(columns: Sequence[Sequence[str]]) -> list[str]:
    """Columns as lines: the first one flush left, the others flush right."""
    widths = [max(map(_measure_width, column)) for column in columns]
    return ["  ".join(_pad_cells(cells, widths)).rstrip() for cells in zip(*columns, strict=True)]


def _pad_cells(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = (" " * (width - _measure_width(cell)) for cell, width in zip(cells, widths, strict=True))
    return [cells[0] + first, *(space + cell for cell, space in zip(cells[1:], others, strict=True))]


def _measure_width(text: str) -> int:
    """The columns that a text takes on a terminal: two for a Chinese character, none for an accent on its own."""
    return len(text) if text.isascii() else sum(map(_measure_character, text))


def _measure_character(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _truncate(text: str, width: int) -> str:
    """The beginning of a text that fits into so many columns."""
    used = 0
    for position, character in enumerate(text):
        used += _measure_character(character)
        if used > width:
            return text[:position]
    return text
