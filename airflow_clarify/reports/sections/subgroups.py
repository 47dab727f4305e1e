"""The report of a search for subgroups: a page with the tree of findings, and a table for logs and terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.subgroups.result import FoldedGroup, Subgroup, SubgroupSearch
from airflow_clarify.reports.console import align_columns, sanitize_line

_CORRECTIONS = {"holm": "Holm", "bonferroni": "Bonferroni", "by": "Benjamini-Yekutieli"}


@dataclass(frozen=True)
class Item:
    """A column and its value.

    :param column: the column
    :param value: the value
    """

    column: str
    value: str


@dataclass(frozen=True)
class Figure:
    """A number with its title.

    :param title: the title
    :param text: the number
    """

    title: str
    text: str


@dataclass(frozen=True)
class FoldedRow:
    """A combination that a finding explains.

    :param group: its columns and values
    :param text: its rows and its metric
    """

    group: tuple[Item, ...]
    text: str


@dataclass(frozen=True)
class FindingRow:
    """A finding, with its numbers as texts.

    :param group: its columns and values
    :param level: the number of findings that contain it
    :param rows: number of its rows
    :param own_rate: its rate
    :param rest_rate: the rate of all other rows
    :param value: the metric
    :param excess: what its parents do not explain
    :param direction: "lower" or "higher"
    :param interval: the interval of the excess
    :param p_adjusted: the adjusted p-value
    :param beyond: the parent that explains most; empty for all rows
    :param folded: the number of combinations that it explains; empty if there is none
    :param examples: some of them
    """

    group: tuple[Item, ...]
    level: int
    rows: str
    own_rate: str
    rest_rate: str
    value: str
    excess: str
    direction: str
    interval: str
    p_adjusted: str
    beyond: tuple[Item, ...]
    folded: str
    examples: tuple[FoldedRow, ...]


@dataclass(frozen=True)
class ColumnRow:
    """A combined column.

    :param name: its name
    :param values: the number of its values, or its intervals
    :param missing: number of rows without a value
    """

    name: str
    values: str
    missing: str


@dataclass(frozen=True)
class SubgroupPage:
    """The page of a search.

    :param source: the location of the data
    :param label: the label column
    :param positive: the positive label
    :param metric: the metric
    :param rate: the rate that it compares
    :param summary: the result in one sentence
    :param explanation: how to read the findings
    :param figures: numbers of the search
    :param rows: the findings, each below the finding that contains it
    :param columns: the combined columns
    :param warnings: one sentence each
    :param counted: what counted the rows
    """

    source: str
    label: str
    positive: str
    metric: str
    rate: str
    summary: str
    explanation: str
    figures: tuple[Figure, ...]
    rows: tuple[FindingRow, ...]
    columns: tuple[ColumnRow, ...]
    warnings: tuple[str, ...]
    counted: str


def build_subgroup_page(found: SubgroupSearch) -> SubgroupPage:
    """Build the page of a search.

    :param found: the result of the search
    """
    named = found.whereabouts
    table = named.get("table", "")
    source = named.get("path") or (table if isinstance(table, str) else ".".join(table)) or named.get("query", "")
    return SubgroupPage(
        source=" ".join(str(source).split()),
        label=found.label,
        positive=found.label_value_or_threshold,
        metric=found.metric,
        rate=found.rate[:1].upper() + found.rate[1:],
        summary=found.sentence[:1].upper() + found.sentence[1:] + ".",
        explanation=_explain(found),
        figures=(
            Figure("Rows", f"{found.rows:,}"),
            Figure("Groups tested", f"{found.questions:,}"),
            Figure("Findings", f"{found.found:,}"),
            Figure("Confidence", f"{found.confidence:.4g}"),
        ),
        rows=tuple(_build_row(found.subgroups[at], level) for at, level in _order_tree(found.subgroups)),
        columns=tuple(
            ColumnRow(
                column.name,
                ", ".join(column.intervals) if column.intervals else f"{column.values:,} values",
                "hidden" if column.missing is None else f"{column.missing:,}",
            )
            for column in found.columns
        ),
        warnings=found.warnings,
        counted=f"Counted by {found.engine}. " * bool(found.engine)
        + "A numeric column is cut at quantiles, into intervals of about equally many rows.",
    )


def render_subgroups(found: SubgroupSearch) -> str:
    """Render the page of a search as HTML.

    :param found: the result of the search
    :return: the page, without anything that is loaded from elsewhere
    """
    from airflow_clarify.reports.html.renderer import create_environment

    return create_environment().get_template("subgroups.html.jinja").render(page=build_subgroup_page(found))


def format_subgroups(found: SubgroupSearch) -> list[str]:
    """Format the findings as a table for a log or a terminal, the worst first, and the result in one sentence.

    :param found: the result of the search
    """
    lines = [sanitize_line(f"{found.sentence[:1].upper()}{found.sentence[1:]}", None)]
    if not found.subgroups:
        return lines
    shown = [_build_row(subgroup, 0) for subgroup in found.subgroups]
    columns = [
        ["subgroup", *(sanitize_line(subgroup.name, 80) for subgroup in found.subgroups)],
        ["rows", *(row.rows for row in shown)],
        ["rate", *(row.own_rate for row in shown)],
        ["rest", *(row.rest_rate for row in shown)],
        [found.metric, *(row.value for row in shown)],
        ["excess", *(row.excess for row in shown)],
        ["interval", *(row.interval for row in shown)],
        ["p adjusted", *(row.p_adjusted for row in shown)],
        ["explains", *(row.folded or "0" for row in shown)],
    ]
    table = align_columns(columns)
    return [*table[:1], "-" * max(map(len, table)), *table[1:], *lines]


def _explain(found: SubgroupSearch) -> str:
    corrected = (
        f"p-values are adjusted for {found.questions:,} questions ({_CORRECTIONS[found.correction]})"
        if found.correction in _CORRECTIONS
        else "p-values are not adjusted for the number of questions"
    )
    return (
        "A subgroup is listed if no group that contains it explains its difference: within each of them it differs "
        "from the other rows. The smallest of these differences is the excess, by which the findings are ranked; "
        f"{corrected}. Combinations that a finding explains are folded into it. An arrow marks a subgroup of the "
        "finding above it."
    )


def _order_tree(subgroups: Sequence[Subgroup]) -> list[tuple[int, int]]:
    """Order findings so that each follows the one that contains it; return positions and levels."""
    children: dict[int | None, list[int]] = {}
    for position, subgroup in enumerate(subgroups):
        children.setdefault(subgroup.parent, []).append(position)
    ordered: list[tuple[int, int]] = []

    def add(parent: int | None, level: int) -> None:
        for position in children.get(parent, ()):
            ordered.append((position, level))
            add(position, level + 1)

    add(None, 0)
    return ordered


def _build_row(subgroup: Subgroup, level: int) -> FindingRow:
    low, high = subgroup.interval
    return FindingRow(
        group=_list_items(subgroup.group),
        level=level,
        rows=f"{subgroup.rows:,}",
        own_rate=f"{subgroup.rate:.1%}",
        rest_rate=f"{subgroup.rest_rate:.1%}",
        value=_format_number(subgroup.value),
        excess=_format_number(subgroup.excess),
        direction=subgroup.direction,
        interval=f"{_format_number(low)} to {_format_number(high)}",
        p_adjusted=f"{subgroup.p_adjusted:.2g}",
        beyond=_list_items(subgroup.beyond),
        folded=f"{subgroup.folded:,}" if subgroup.folded else "",
        examples=tuple(map(_build_folded_row, subgroup.folded_groups)),
    )


def _build_folded_row(folded: FoldedGroup) -> FoldedRow:
    value = "undefined" if folded.value is None else _format_number(folded.value)
    return FoldedRow(_list_items(folded.group), f"{folded.rows:,} rows, {value}")


def _list_items(group: Mapping[str, str]) -> tuple[Item, ...]:
    return tuple(Item(column, value) for column, value in group.items())


def _format_number(number: float) -> str:
    # Rounded first, and 0.0 added: otherwise a tiny negative number is formatted as "-0.0000".
    return f"{round(number, 4) + 0.0:.4f}"
