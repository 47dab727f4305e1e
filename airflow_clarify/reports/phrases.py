"""The sentences and table headings that every format of the report shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_clarify.bias.contingency import WeightedCount
from airflow_clarify.bias.verdict import Outcome
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import NOTHING, Sentence

if TYPE_CHECKING:
    from airflow_clarify.reports.model import Report
    from airflow_clarify.reports.sections.distribution import Distribution, LabelBar
    from airflow_clarify.reports.sections.facets import FacetSection
    from airflow_clarify.reports.sections.pictures import Picture

#: Symbol before a value, by the outcome of its check.
GLYPHS = {Outcome.VIOLATION: "◆", Outcome.INCONCLUSIVE: "△", Outcome.IGNORED: "○", Outcome.PASS: "●"}
#: Name of the bar for the rows that no other bar shows.
ALL_OTHERS = "all others"
#: Shown for a label that may or may not count as positive.
NOT_KNOWN = "not known"
#: Caption of the comparison before and after balancing.
REPAIR = "The largest value of each metric among all groups, before the data were repaired and after."
#: Caption of the confusion matrices and rates.
RATES = (
    "TP, FP, FN and TN count the rows that are truly positive, falsely positive, falsely negative and truly negative. "
    "Acceptance is the share of rows that are predicted positive; recall and specificity are the shares of the "
    "positive and of the not positive rows that are recognized; precision is the share of the predicted positive rows "
    "that are positive; accuracy is the share that is predicted correctly. The intervals are Wilson's, at 95\u00a0%."
)
#: Caption of the comparison of labels and predictions.
STAGES = (
    "DPL is the difference in the labels that the model was trained on or is compared with, DPPL the one in its "
    "predictions for the same rows. A change is clear where its 95\u00a0% interval excludes 0."
)
_NOT_JUDGED = "unjudged"


def name_outcome(outcome: Outcome | None) -> str:
    """Name an outcome in one word; None means that the value was not judged."""
    return _NOT_JUDGED if outcome is None else outcome.value


def name_subject(report: Report) -> Sentence:
    """Describe the subject of the report: the label, the positive label and the facets."""
    parts: list[str] = ["Bias in the label ", report.labels.column, ", positive when ", report.labels.positive_text]
    if report.predicted is not None:
        parts[:2] = ["Bias in the predictions ", report.predicted, " beside the label ", report.labels.column]
    for index, facet in enumerate(report.facets):
        last = index == len(report.facets) - 1
        parts += [", by " if index == 0 else (" and " if last else ", "), facet.column]
    return (*parts, ": the data after a repair, beside the data before it." if report.compared else ".")


def describe_tested(facet: FacetSection) -> Sentence:
    """Describe which groups of a facet were tested."""
    if len(facet.groups) == 1:
        return ("Rows with ", facet.groups[0].where, " against all other rows.")
    groups = formatting.format_count(len(facet.groups))
    return (f"{groups} groups tested, each against all other rows; the {_describe_order(facet)} first.",)


def describe_drawn(picture: Picture, facet: FacetSection) -> str:
    """Describe which groups a picture omits; empty if it shows all."""
    if not picture.omitted:
        return ""
    return f"{_describe_first(len(picture.dots), facet)} are drawn; the table of all metrics has the others."


def describe_listed(shown: int, facet: FacetSection) -> str:
    """Describe which groups a table omits; empty if it shows all."""
    if shown >= len(facet.groups):
        return ""
    return f"{_describe_first(shown, facet)} are listed; the report in HTML has all."


def _describe_first(shown: int, facet: FacetSection) -> str:
    return (
        f"The {formatting.format_count(shown)} {_describe_order(facet)} of {formatting.format_count(len(facet.groups))}"
    )


def _describe_order(facet: FacetSection) -> str:
    """Describe the order of the groups; only judged groups can be in violation."""
    return "worst" if facet.judged else "largest"


def list_figures(report: Report) -> Iterator[tuple[str, str, str]]:
    """List the key figures beside the verdict: name, value and annotation."""
    if report.rows is not None:
        annotation = f"weight {report.weight}" if report.weight else ""
        if report.rows_before is not None:
            annotation = f"before: {formatting.format_count(report.rows_before)}"
        yield "Rows", formatting.format_count(report.rows), annotation
    if report.labels.positive_share is not None:
        positive = f"weight {report.labels.positive}" if report.weight else f"{report.labels.positive} rows"
        yield "Positive", formatting.format_percent(report.labels.positive_share), positive
    yield "Groups tested", formatting.format_count(report.groups), ""
    if report.primary and report.primary.worst:
        where, value = report.primary.worst
        yield f"{'Worst' if report.verdict.outcome else 'Largest'} {report.primary.name}", value, where


def list_notes(report: Report) -> Iterator[str]:
    """List the notes about counts and weights that precede the numbers."""
    if report.rows is None:
        yield (
            "This analysis was read from an analysis.json, which contains metrics but no counts: the number of rows "
            "of each value, and how many of them are positive, are unknown."
        )
    if report.weight:
        yield (
            "The data are weighted: every metric, share and bar is computed from sums of row weights. Numbers of rows "
            "are counts without weights."
        )


def describe_label(report: Report) -> Sentence:
    """Describe which share of the data is positive, and what counts as positive."""
    labels = report.labels
    if labels.positive_share is None:
        uncounted = ". The analysis.json does not contain the number of such rows."
        weightless = ". The weight of every row is 0, so no share can be computed."
        why = uncounted if labels.positive is None else weightless
        return ("A row counts as positive when ", labels.column, " is ", labels.positive_text, why)
    share = f"{formatting.format_percent(labels.positive_share)} of {'the weight' if report.weight else 'all rows'}"
    return (f"{share} ({labels.positive}) count as positive: ", labels.column, " is ", labels.positive_text, ".")


def get_bar_heading(report: Report) -> str:
    """Return the heading of the bars of a distribution."""
    return "Rows" if report.weight is None else "Weight"


def format_bar_amount(report: Report, tally: WeightedCount) -> str:
    """Format the length of a bar: rows or weight."""
    return formatting.format_amount(tally, weighted=report.weight is not None)


def format_share(part: float | None) -> str:
    """Format a share; None becomes a placeholder."""
    return NOTHING if part is None else formatting.format_percent(part)


def name_label(bar: LabelBar) -> str:
    """Return the name of a label; a missing label is called "missing"."""
    return "missing" if bar.label is None else bar.label


def name_other_labels(report: Report) -> str:
    """Name the labels without a bar of their own."""
    others = report.labels.others
    return formatting.format_plural(others, "other label", "other labels") if others else ALL_OTHERS


def describe_bars(report: Report, distribution: Distribution) -> str:
    """Describe which groups a distribution omits; empty if it shows all."""
    if not distribution.others:
        return ""
    shown = f"The {len(distribution.bars)} groups of most {get_bar_heading(report).lower()} are drawn"
    return f"{shown}; the table above has all."
