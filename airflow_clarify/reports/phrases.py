"""The sentences and the table of a report, in the words that every format of it uses."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_clarify.bias.contingency import WeightedCount
from airflow_clarify.bias.thresholds import Outcome
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import Sentence
from airflow_clarify.reports.model import FacetSection, Group, LabelBar, Picture, Report

#: What stands before a number that a rule did not let through.
GLYPHS = {Outcome.VIOLATION: "◆", Outcome.INCONCLUSIVE: "△", Outcome.IGNORED: "○", Outcome.PASS: "●"}
#: What stands where there is no number.
NOTHING = "–"
#: What the bars of a distribution call the rows that no other bar shows.
ALL_OTHERS = "all others"
#: What is said of a label of which it is not known whether it is positive.
NOT_KNOWN = "not known"
#: What the comparison of the data before and after a repair shows.
REPAIR = "The largest value of each metric among all groups, before the data were repaired and after."
_NOT_JUDGED = "unjudged"


def name_outcome(outcome: Outcome | None) -> str:
    """An outcome in one word; None is a value that nobody judged."""
    return _NOT_JUDGED if outcome is None else outcome.value


def name_subject(report: Report) -> Sentence:
    """What the report is about."""
    parts: list[str] = ["Bias in the label ", report.labels.column, ", positive when ", report.labels.positive_text]
    for index, facet in enumerate(report.facets):
        last = index == len(report.facets) - 1
        parts += [", by " if index == 0 else (" and " if last else ", "), facet.column]
    return (*parts, ": the data after a repair, beside the data before it." if report.compared else ".")


def describe_tested(facet: FacetSection) -> Sentence:
    """What was tested of a facet."""
    if len(facet.groups) == 1:
        return ("Rows with ", facet.groups[0].where, " against all other rows.")
    groups = formatting.format_count(len(facet.groups))
    return (f"{groups} groups tested, each against all other rows; the {_describe_order(facet)} first.",)


def describe_drawn(picture: Picture, facet: FacetSection) -> str:
    """What a picture leaves out; empty where it shows all."""
    if not picture.omitted:
        return ""
    return f"{_describe_first(len(picture.dots), facet)} are drawn; the table of all metrics has the others."


def describe_listed(shown: int, facet: FacetSection) -> str:
    """What a table leaves out; empty where it shows all."""
    if shown >= len(facet.groups):
        return ""
    return f"{_describe_first(shown, facet)} are listed; the report in HTML has all."


def _describe_first(shown: int, facet: FacetSection) -> str:
    return (
        f"The {formatting.format_count(shown)} {_describe_order(facet)} of {formatting.format_count(len(facet.groups))}"
    )


def _describe_order(facet: FacetSection) -> str:
    """What comes first: only what was judged can violate anything."""
    return "most violating" if facet.judged else "largest"


def list_figures(report: Report) -> Iterator[tuple[str, str, str]]:
    """The few numbers that stand beside the verdict: what, how much, and what else to know of it."""
    if report.rows is not None:
        aside = f"weight {report.weight}" if report.weight else ""
        if report.rows_before is not None:
            aside = f"before: {formatting.format_count(report.rows_before)}"
        yield "Rows", formatting.format_count(report.rows), aside
    if report.labels.positive_share is not None:
        positive = f"weight {report.labels.positive}" if report.weight else f"{report.labels.positive} rows"
        yield "Positive", formatting.format_percent(report.labels.positive_share), positive
    yield "Groups tested", formatting.format_count(report.groups), ""
    if report.primary and report.primary.worst:
        where, value = report.primary.worst
        yield f"{'Worst' if report.judgement.outcome else 'Largest'} {report.primary.name}", value, where


def list_notes(report: Report) -> Iterator[str]:
    """What to know of the numbers before reading them."""
    if report.rows is None:
        yield (
            "This analysis was read from an analysis.json, which holds metrics and no counts: how many rows each value "
            "has, and how many of them are positive, cannot be shown."
        )
    if report.weight:
        yield (
            "The data are weighted: every metric, share and bar is computed from sums of row weights. Rows are counted "
            "beside them."
        )


def describe_label(report: Report) -> Sentence:
    """How much of the data is positive, and what that means."""
    labels = report.labels
    if labels.positive_share is None:
        uncounted = ". How many do is not in the analysis.json."
        weightless = ". The weight of every row is 0, so there is nothing to have a share of."
        why = uncounted if labels.positive is None else weightless
        return ("A row counts as positive when ", labels.column, " is ", labels.positive_text, why)
    share = f"{formatting.format_percent(labels.positive_share)} of {'the weight' if report.weight else 'all rows'}"
    return (f"{share} ({labels.positive}) count as positive: ", labels.column, " is ", labels.positive_text, ".")


def get_bar_heading(report: Report) -> str:
    """What the bars of a distribution show."""
    return "Rows" if report.weight is None else "Weight"


def format_bar_amount(report: Report, tally: WeightedCount) -> str:
    """How long a bar is, in words."""
    return formatting.format_amount(tally, weighted=report.weight is not None)


def format_share(part: float | None) -> str:
    """A share; of nothing, there is none."""
    return NOTHING if part is None else formatting.format_percent(part)


def name_label(bar: LabelBar) -> str:
    """A label; of one that is missing, the word."""
    return "missing" if bar.label is None else bar.label


def name_other_labels(report: Report) -> str:
    """What the bars of the labels call all labels that have none."""
    others = report.labels.others
    return formatting.format_plural(others, "other label", "other labels") if others else ALL_OTHERS


def count_headings(report: Report, facet: FacetSection) -> tuple[str, ...]:
    """The headings over the counts of a facet's table, which stand before those of the metrics."""
    if not facet.counted:
        return ()
    weighted = report.weight is not None
    return (
        "Rows",
        *(["Rows before"] if report.rows_before is not None else []),
        *(["Weight"] if weighted else []),
        f"Positive {'weight' if weighted else 'rows'}",
        "Positive share",
        "Others' positive share",
    )


def count_cells(report: Report, facet: FacetSection, group: Group) -> tuple[str, ...]:
    """The counts of a tested group, under the headings of :func:`count_headings`."""
    if group.split is None:
        return (NOTHING,) * len(count_headings(report, facet))
    weighted = report.weight is not None
    before = NOTHING if group.rows_before is None else formatting.format_count(group.rows_before)
    return (
        formatting.format_count(group.split.d.rows) + (" too few" if group.too_few else ""),
        *([before] if report.rows_before is not None else []),
        *([formatting.format_amount(group.split.d, True)] if weighted else []),
        formatting.format_amount(group.split.d_positive, weighted),
        format_share(group.share),
        format_share(group.rest_share),
    )
