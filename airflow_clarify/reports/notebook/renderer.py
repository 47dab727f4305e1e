"""Render the report as a Jupyter notebook that contains its numbers, so that a reader can compute with them.

The notebook is stored with its outputs, so that it is readable without being run. Running it needs pandas, and
matplotlib to draw the pictures.

Names from the data are untrusted. In Markdown they are formatted as code
(:mod:`airflow_clarify.reports.notebook.markdown`), in code they are JSON within a raw string, and in outputs they are
escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from airflow_clarify.reports import formatting, interpretations, phrases
from airflow_clarify.reports.html.renderer import render_picture
from airflow_clarify.reports.model import Report
from airflow_clarify.reports.notebook import markdown
from airflow_clarify.reports.notebook.data import render_table, serialize_data
from airflow_clarify.reports.sections.facets import FacetSection
from airflow_clarify.reports.sections.metrics import MetricSection
from airflow_clarify.reports.sections.pictures import Picture
from airflow_clarify.reports.sections.predictions import summarize_stages
from airflow_clarify.reports.tables import Table, build_tables

#: Kinds of tables about one facet, in display order.
_OF_FACETS = ("overview", "rates", "predictions", "stages")
#: A cell or an output of a notebook, as JSON.
Node = dict[str, Any]
_TOOLS = "notebook_tools.txt"
_DRAW = "notebook_draw.txt"
#: Cell metadata that collapses the code of a cell.
_FOLDED = {"jupyter": {"source_hidden": True}}
#: Starting point for a reader's own computations; the other tables are loaded in the same way.
_RESULTS = """\
# Every tested group with its counts and metrics, as a DataFrame for further analysis: results.sort_values("DPL")
results = numbers("overview-1")"""
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def render_notebook(report: Report) -> str:
    """Render a report as a notebook.

    :param report: see :func:`airflow_clarify.reports.builder.build_report`
    :return: the content of the file, in nbformat 4.5
    """
    notebook = {
        "cells": _number_cells(_build_cells(report)),
        "metadata": {
            "title": formatting.escape_invisible(report.full_title),
            "kernelspec": _KERNEL,
            "language_info": {"name": "python", "mimetype": "text/x-python", "file_extension": ".py"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    # The layout of nbformat, whose import takes longer than everything else here; tests validate the result with it.
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False, separators=(",", ": ")) + "\n"


def _build_cells(report: Report) -> Iterator[Node]:
    tables = build_tables(report)
    yield _build_text_cell("verdict", _format_verdict(report))
    if report.warnings:
        yield _build_text_cell("warnings", _format_warnings(report))
    yield _build_code_cell("tools", _build_tools_code(report, tables), folded=True)
    yield _build_code_cell("results", _RESULTS)
    for index, facet in enumerate(report.facets, start=1):
        yield from _build_facet_cells(index, facet, tables)
    if "repair" in tables:
        yield _build_text_cell("before-and-after", ["## Before and after", *tables["repair"].caption])
        yield _build_table_cell("repair", tables)
    yield _build_text_cell(
        "rows", ["## The rows behind the numbers", markdown.format_sentence(phrases.describe_label(report))]
    )
    for name in tables:
        if name.startswith(("labels", "distribution")):
            yield _build_table_cell(name, tables)
    yield _build_text_cell("metrics", _format_metrics(report))
    yield _build_text_cell("evidence", _format_evidence(report))


def _build_tools_code(report: Report, tables: Mapping[str, Table]) -> str:
    """Join the data and the functions that show them into the code of one collapsed cell."""
    parts = [_read_code(_TOOLS), f'report = json.loads(r"""\n{serialize_data(report, tables)}\n""")']
    if any(facet.pictures for facet in report.facets):
        parts.append(_read_code(_DRAW))
    return "\n\n\n".join(parts)


def _build_facet_cells(index: int, facet: FacetSection, tables: Mapping[str, Table]) -> Iterator[Node]:
    opening = markdown.format_sentence(phrases.describe_tested(facet))
    yield _build_text_cell(f"facet-{index}", [f"## By {markdown.format_code(facet.column)}", opening])
    drawn = [_build_picture_cell(index, picture, facet) for picture in facet.pictures]
    yield from drawn[:1]
    yield from _build_facet_tables(index, facet, tables)
    yield from drawn[1:]
    if facet.undefined:
        yield _build_text_cell(f"undefined-{index}", ["### Not defined", _format_list(_format_undefined(facet))])


def _build_facet_tables(index: int, facet: FacetSection, tables: Mapping[str, Table]) -> Iterator[Node]:
    """Build a cell for each table of a facet; if there are predictions, with a heading before each."""
    names = [name for name in (f"{kind}-{index}" for kind in _OF_FACETS) if name in tables]
    for name in names:
        if len(names) > 1:
            opening = [f"### {markdown.format_sentence(tables[name].title)}", *tables[name].caption]
            if name.startswith("stages"):
                opening.append(markdown.format_sentence(summarize_stages(facet.stages)))
            yield _build_text_cell(f"about-{name}", opening)
        yield _build_table_cell(name, tables)


# --- Cells --------------------------------------------------------------------------------------------------------


def _build_text_cell(name: str, paragraphs: Iterable[str]) -> Node:
    source = "\n\n".join(filter(None, paragraphs))
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": _split_lines(source)}


def _build_code_cell(name: str, source: str, *outputs: Node, folded: bool = False) -> Node:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": _FOLDED if folded else {},
        "outputs": [*outputs],
        "source": _split_lines(source),
    }


def _split_lines(text: str) -> list[str]:
    """Split a text into lines with their ends, as notebooks store it."""
    return text.splitlines(keepends=True)


def _build_table_cell(name: str, tables: Mapping[str, Table]) -> Node:
    table = tables[name]
    rows = formatting.format_plural(len(table.rows), "row", "rows")
    shape = f"{rows} of {formatting.format_plural(len(table.columns), 'column', 'columns')}"
    shown = {"text/html": render_table(table), "text/plain": shape}
    return _build_code_cell(name, f'show("{name}")', _build_output("execute_result", shown))


def _build_picture_cell(index: int, picture: Picture, facet: FacetSection) -> Node:
    name = f"dots-{index}-{picture.metric}"
    shown = {"image/svg+xml": render_picture(picture, facet), "text/plain": f"{picture.metric} of each group, drawn"}
    return _build_code_cell(name, f'draw("{name}")', _build_output("display_data", shown))


def _build_output(kind: str, shown: Mapping[str, str]) -> Node:
    counted = {"execution_count": None} if kind == "execute_result" else {}
    data = {media_type: _split_lines(content) for media_type, content in shown.items()}
    return {"output_type": kind, "metadata": {}, "data": data, **counted}


def _number_cells(cells: Iterable[Node]) -> list[Node]:
    """Set the execution counts of cells and outputs as if the cells had been run in order."""
    listed = [*cells]
    code = (cell for cell in listed if cell["cell_type"] == "code")
    for count, cell in enumerate(code, start=1):
        cell["execution_count"] = count
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
    return listed


@cache
def _read_code(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8").rstrip()


# --- Contents ---------------------------------------------------------------------------------------------------


def _format_verdict(report: Report) -> Iterator[str]:
    verdict = report.verdict
    yield f"# {markdown.escape_inside(report.title)}"
    yield markdown.format_sentence(phrases.name_subject(report))
    yield "  \n".join(f"{what}: {markdown.format_code(value)}" for what, value in report.origin)
    glyph = phrases.GLYPHS.get(verdict.outcome) if verdict.outcome else None
    yield f"## {f'{glyph} ' if glyph else ''}{verdict.headline}"
    yield f"**{markdown.escape_inside(verdict.summary)}**"
    reasons = [markdown.format_sentence(reason) for reason in verdict.reasons]
    if verdict.more_reasons:
        reasons.append(f"{formatting.format_count(verdict.more_reasons)} more, marked in the tables below")
    yield _format_list(reasons)
    yield ", ".join(
        f"{phrases.GLYPHS[outcome]} {formatting.format_count(count)} {outcome.value}"
        for outcome, count in verdict.tallies
    )
    if verdict.rules:
        yield f"**Rules:** {markdown.escape_inside('; '.join(verdict.rules))}."
    yield _format_list(_format_figure(*figure) for figure in phrases.list_figures(report))
    yield from map(markdown.escape_inside, phrases.list_notes(report))


def _format_figure(what: str, value: str, aside: str) -> str:
    return f"{what}: **{value}**" + (f" ({markdown.format_sentence([aside])})" if aside else "")


def _format_warnings(report: Report) -> Iterator[str]:
    yield f"## {formatting.format_plural(len(report.warnings), 'warning', 'warnings')}"
    yield _format_list(map(markdown.escape, report.warnings))


def _format_undefined(facet: FacetSection) -> Iterator[str]:
    for undefined in facet.undefined:
        named = ", ".join(map(markdown.format_code, undefined.named))
        more = f" and {formatting.format_count(undefined.others)} more" if undefined.others else ""
        yield f"**{undefined.metric}** of {named}{more}: {markdown.escape_inside(undefined.error)}"


def _format_metrics(report: Report) -> Iterator[str]:
    yield "## What the metrics mean here"
    yield from map(_format_metric, report.metrics)
    yield markdown.escape_inside(
        interpretations.get_notation([metric.name for metric in report.metrics], weighted=report.weight is not None)
    )


def _format_metric(metric: MetricSection) -> str:
    reading = "It is not defined for any group of these data."
    if metric.worst:
        reading = f"**{metric.worst[1]}**: {markdown.format_sentence(metric.reading)}."
    formula = f"{markdown.format_code(metric.formula)} (range: {metric.value_range})"
    return f"### {metric.name}: {metric.title}\n\n{metric.question}\n\n> {reading}\n\n{formula}"


def _format_evidence(report: Report) -> Iterator[str]:
    yield "## Evidence"
    yield _format_list(f"{name}: {markdown.format_code(value)}" for name, value in report.provenance)
    if report.configuration:
        yield "### Configuration"
        yield markdown.format_block(report.configuration, "json")


def _format_list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
