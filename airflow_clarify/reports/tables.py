"""The tables of a report, which every format shows: HTML, notebook, PDF, log and terminal.

A table holds names and numbers. Renderers format them with :meth:`TableColumn.format_value`, and mark the cells of
:attr:`Table.marks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from airflow_clarify.bias.contingency import WeightedCount
from airflow_clarify.bias.verdict import Outcome
from airflow_clarify.reports import formatting, phrases
from airflow_clarify.reports.formatting import NOTHING, Sentence
from airflow_clarify.reports.sections.facets import Column, FacetSection, Group
from airflow_clarify.reports.sections.predictions import RATES, Rate

if TYPE_CHECKING:
    from airflow_clarify.reports.model import Report
    from airflow_clarify.reports.sections.distribution import Distribution

_FORMATTERS: Mapping[str, Callable[[Any], str]] = {
    "rows": formatting.format_count,
    "weight": formatting.format_weight,
    "share": formatting.format_percent,
    "interval": lambda ends: formatting.format_interval(*ends),
    "text": str,
}
_COUNTS_AS = {True: "positive", False: "not positive", None: phrases.NOT_KNOWN}
UNDEFINED = "not defined"
#: In place of a number that would disclose a small count. It may be larger itself, so that no limit can be shown.
HIDDEN = "hidden"


class TableContext(Protocol):
    """What the tables of a facet need of a report."""

    @property
    def weight(self) -> str | None:
        """Sum of the row weights; None if the data are not weighted."""

    @property
    def rows_before(self) -> int | None:
        """Number of rows before the data were balanced."""


@dataclass(frozen=True)
class TableColumn:
    """A column of a table.

    :param name: heading
    :param kind: "text" or "interval", or the format of its numbers: "rows", "weight", "share" or "metric"
    :param none: placeholder for a missing number
    :param decimals: number of decimals of a metric
    :param part: the part of the table that the column belongs to; a format whose pages are too narrow for all columns
        shows each part as a table of its own
    :param judged: whether any value of a metric was judged
    """

    name: str
    kind: str
    none: str = NOTHING
    decimals: int = 4
    part: str = ""
    judged: bool = True

    def format_value(self, value: Any) -> str:
        """Format a value for display.

        :param value: a value of the column; None if it is missing
        """
        if value is None:
            return self.none
        if self.kind == "metric":
            return formatting.format_number(value, self.decimals)
        return _FORMATTERS[self.kind](value)


@dataclass(frozen=True, slots=True)
class Mark:
    """What distinguishes a cell from others.

    :param outcome: outcome of the check of its value; None if the value was not judged
    :param heat: its shade, as in :class:`~airflow_clarify.reports.sections.facets.Measurement`
    :param note: a remark behind the value
    :param missing: what is shown in place of a missing value, instead of the column's placeholder
    """

    outcome: Outcome | None = None
    heat: int = 0
    note: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the report.

    :param name: identifier within the report, such as "overview-1"
    :param title: heading
    :param columns: the columns, with unique names
    :param rows: names and numbers; None is a missing value
    :param marks: the marks by row and column
    :param caption: a sentence about the table
    :param others: sentence about rows that are left out
    """

    name: str
    title: Sentence
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    marks: Mapping[tuple[int, int], Mark] = field(default_factory=dict)
    caption: Sentence = ()
    others: str = ""

    def format_cell(self, row: int, column: int) -> str:
        """Format a cell for display, with its note."""
        text = self.format_value(row, column)
        mark = self.marks.get((row, column))
        return f"{text} {mark.note}" if mark and mark.note else text

    def format_value(self, row: int, column: int) -> str:
        """Format a cell for display, without its note."""
        value, mark = self.rows[row][column], self.marks.get((row, column))
        return mark.missing if value is None and mark and mark.missing else self.columns[column].format_value(value)

    @property
    def unjudged(self) -> list[str]:
        """The metrics whose values were not judged."""
        return [column.name for column in self.columns if not column.judged]


def build_tables(report: Report) -> dict[str, Table]:
    """Build all tables of a report by name, in display order.

    :param report: see :func:`airflow_clarify.reports.builder.build_report`
    """
    tables = [
        table for index, facet in enumerate(report.facets, 1) for table in build_facet_tables(facet, report, index)
    ]
    if report.compared:
        tables.append(_build_repair_table(report))
    if report.labels.bars:
        tables.append(_build_label_table(report))
    for index, facet in enumerate(report.facets, start=1):
        if facet.distribution:
            tables.append(_build_distribution_table(index, facet, facet.distribution, report))
    return {table.name: table for table in tables}


# --- Facets -------------------------------------------------------------------------------------------------------


def build_facet_tables(facet: FacetSection, report: TableContext, index: int = 1) -> Iterator[Table]:
    """Build the tables of one facet: all metrics, predictions, and both stages side by side.

    :param facet: the section of the facet
    :param report: the report, or what the tables need of it
    :param index: number of the facet, from 1
    """
    before = [column for column in facet.columns if not column.predicted]
    after = [column for column in facet.columns if column.predicted]
    by_facet = (" by ", facet.column)
    if before and after:
        labels = ("Metrics of the labels, before training,", *by_facet)
        yield _build_metrics_table(f"overview-{index}", labels, facet, before, report)
        if facet.predictions:
            yield _build_rates_table(f"rates-{index}", facet, report)
        predictions = ("Metrics of the predictions, after training,", *by_facet)
        yield _build_metrics_table(f"predictions-{index}", predictions, facet, after, report, counted=False)
    else:
        title = ("All metrics", *by_facet)
        yield _build_metrics_table(f"overview-{index}", title, facet, facet.columns, report, labels=not after)
        if facet.predictions:
            yield _build_rates_table(f"rates-{index}", facet, report)
    if facet.stages:
        yield _build_stages_table(f"stages-{index}", facet)


def _build_metrics_table(
    name: str,
    title: Sentence,
    facet: FacetSection,
    shown: Sequence[Column],
    report: TableContext,
    *,
    counted: bool = True,
    labels: bool = True,
) -> Table:
    counts = _build_count_columns(facet, report, labels=labels) if counted else []
    judged = any(column.judged for column in facet.columns)
    columns = counts + [
        TableColumn(each.metric, "metric", UNDEFINED, each.decimals, "All metrics", judged=each.judged or not judged)
        for each in shown
    ]
    rows, marks = [], {}
    for index, group in enumerate(facet.groups):
        measured = [group.get_measurement(column.metric) for column in shown]
        values = [None if each is None else each.value for each in measured]
        rows.append((group.value, *(_list_counts(group, report)[: len(counts)]), *values))
        for place, measurement in enumerate(measured, start=1 + len(counts)):
            if measurement is not None:
                heat = 0 if measurement.value is None else measurement.heat
                marks[index, place] = Mark(measurement.outcome, heat)
        if counts and group.too_few:
            marks[index, 1] = Mark(note="too few")
        if group.hidden:
            for place in range(1, 1 + len(columns)):
                marks[index, place] = replace(marks.get((index, place), Mark()), missing=HIDDEN)
    return Table(name, title, (_build_first_column(facet.column, columns), *columns), tuple(rows), marks)


def _build_count_columns(facet: FacetSection, report: TableContext, *, labels: bool) -> list[TableColumn]:
    """Build the columns of the counts: rows, and with ``labels`` those of the positive labels among them."""
    if not facet.counted:
        return []
    weighted = report.weight is not None
    kinds = {
        "Rows": "rows",
        **({"Rows before": "rows"} if report.rows_before is not None else {}),
        **({"Weight": "weight"} if weighted else {}),
    }
    if labels:
        kinds |= {
            f"Positive {'weight' if weighted else 'rows'}": "weight" if weighted else "rows",
            "Positive share": "share",
            "Others' positive share": "share",
        }
    return [TableColumn(name, kind, part="Counts") for name, kind in kinds.items()]


def _list_counts(group: Group, report: TableContext) -> list[Any]:
    weighted, repaired = report.weight is not None, report.rows_before is not None
    before = [group.rows_before] if repaired else []
    if group.split is None:
        return [None, *before, *([None] if weighted else []), None, None, None]
    d, positive = group.split.d, group.split.d_positive
    weight = [float(d.weight)] if weighted else []
    return [d.rows, *before, *weight, _get_size(positive, report), group.share, group.rest_share]


def _build_rates_table(name: str, facet: FacetSection, report: TableContext) -> Table:
    kind = "rows" if report.weight is None else "weight"
    columns = [TableColumn(cell, kind, part="Confusion matrix") for cell in ("TP", "FP", "FN", "TN")]
    for rate in RATES:
        columns.append(TableColumn(rate, "share", part=rate))
        columns.append(TableColumn(f"{rate}, 95\u00a0%", "interval", part=rate))
    rows: list[tuple[Any, ...]] = [
        (
            each.title if each.value is None else each.value,
            *(_get_size(cell, report) for cell in each.confusion.cells),
            *(value for rate in each.rates for value in _list_rate(rate)),
        )
        for each in facet.predictions
    ]
    marks: dict[tuple[int, int], Mark] = {}
    # Hidden groups have no confusion matrix. They are listed all the same, in the same place as in the other tables.
    for place, group in enumerate(facet.groups):
        if group.split is None:
            rows.insert(place, (group.value, *([None] * len(columns))))
            marks |= {(place, column): Mark(missing=HIDDEN) for column in range(1, 1 + len(columns)) if group.hidden}
    title = ("Predictions by ", facet.column)
    first = _build_first_column(facet.column, columns)
    return Table(name, title, (first, *columns), tuple(rows), marks, caption=(phrases.RATES,))


def _list_rate(rate: Rate) -> tuple[float | None, tuple[float, float] | None]:
    return rate.share, None if rate.share is None else (rate.low, rate.high)


def _build_stages_table(name: str, facet: FacetSection) -> Table:
    columns = [
        TableColumn("DPL (labels)", "metric", UNDEFINED),
        TableColumn("DPPL (predictions)", "metric", UNDEFINED),
        TableColumn("Change", "metric", UNDEFINED),
    ]
    ratios = any(each.before_ratio is not None and each.after_ratio is not None for each in facet.stages)
    if ratios:
        columns += [
            TableColumn("DIL (labels)", "metric", UNDEFINED),
            TableColumn("DI (predictions)", "metric", UNDEFINED),
        ]
    columns.append(TableColumn("Difference in predictions", "text"))
    rows: list[tuple[Any, ...]] = []
    marks: dict[tuple[int, int], Mark] = {}
    for index, each in enumerate(facet.stages):
        if facet.groups[index].hidden:
            marks |= {(index, place): Mark(missing=HIDDEN) for place in range(1, 1 + len(columns))}
        change = None if each.before is None or each.after is None else each.after - each.before
        pair = (each.before_ratio, each.after_ratio) if ratios else ()
        rows.append((each.value, each.before, each.after, change, *pair, each.change))
    title = ("Before and after training by ", facet.column)
    return Table(
        name,
        title,
        (_build_first_column(facet.column, columns), *columns),
        tuple(rows),
        marks,
        caption=(phrases.STAGES,),
    )


# --- The whole data -----------------------------------------------------------------------------------------------


def _build_repair_table(report: Report) -> Table:
    columns = [TableColumn("Metric", "text")]
    for when in ("Before", "After"):
        columns += [TableColumn(when, "text", UNDEFINED), TableColumn(f"Of, {when.lower()}", "text")]
    rows = []
    for metric in report.metrics:
        found = [(each[1], each[0]) if each else (None, "") for each in (metric.before, metric.after)]
        rows.append((metric.name, *found[0], *found[1]))
    return Table("repair", ("Before and after",), tuple(columns), tuple(rows), caption=(phrases.REPAIR,))


def _build_label_table(report: Report) -> Table:
    labels = report.labels
    columns = [_build_size_column(report), TableColumn("Share", "share", ""), TableColumn("Counts as", "text")]
    rows: list[tuple[Any, ...]] = [
        (phrases.name_label(bar), _get_size(bar.all, report), bar.share, _COUNTS_AS[bar.positive])
        for bar in labels.bars
    ]
    if labels.rest:
        rows.append((phrases.name_other_labels(report), _get_size(labels.rest, report), None, ""))
    first = _build_first_column(labels.column, columns)
    return Table("labels", ("Labels",), (first, *columns), tuple(rows))


def _build_distribution_table(index: int, facet: FacetSection, distribution: Distribution, report: Report) -> Table:
    size = _build_size_column(report)
    columns = [size, TableColumn("Positive", size.kind), TableColumn("Positive share", "share")]
    rows = tuple(
        (
            phrases.ALL_OTHERS if bar.value is None else bar.value,
            _get_size(bar.all, report),
            _get_size(bar.positive, report),
            bar.positive_share,
        )
        for bar in distribution.all_bars
    )
    title = (f"{size.name} by ", facet.column)
    first = _build_first_column(facet.column, columns)
    others = phrases.describe_bars(report, distribution)
    return Table(f"distribution-{index}", title, (first, *columns), rows, others=others)


def _build_size_column(report: Report) -> TableColumn:
    return TableColumn(phrases.get_bar_heading(report), "rows" if report.weight is None else "weight")


def _get_size(tally: WeightedCount, report: TableContext) -> float:
    return tally.rows if report.weight is None else float(tally.weight)


def _build_first_column(name: str, others: Iterable[TableColumn]) -> TableColumn:
    """Build the column of names, with a unique heading, which pandas needs to style a table."""
    taken = {column.name for column in others}
    return TableColumn(f"{name} (value)" if formatting.escape_invisible(name) in taken else name, "text")
