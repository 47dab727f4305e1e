"""Test the notebook: it runs, reproduces its stored outputs, and hostile data stay text."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from nbclient import NotebookClient
from report_factories import CLOTHES, CREATED, METHODS, analysis_of, configuration, facet, hostile_analysis
from test_report_files import Cells

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.formatting import Name, escape_invisible
from airflow_clarify.reports.notebook import markdown
from airflow_clarify.reports.notebook.renderer import render_notebook

RULES = Thresholds({"DPL": 0.1}, min_rows=12, below_min_rows="ignore", confidence=0.95, on_inconclusive="fail")
#: The HTML tags that the notebook's Markdown renders to.
_OURS = {"h1", "h2", "h3", "p", "ul", "li", "strong", "code", "pre", "blockquote", "em"}


#: The names that the notebook's tools define, whatever the data are.
_NAMES_OF_THE_TOOLS = {
    *("__builtins__", "json", "warnings", "pandas", "report"),
    *("format_value", "show", "numbers", "draw"),
}


def notebook_of(analysis: Analysis, **options: Any) -> nbformat.NotebookNode:
    source = render_notebook(build_report(analysis, created=CREATED, **options))
    read = nbformat.reads(source, as_version=nbformat.NO_CONVERT)
    # The report writes the JSON itself; it must be what nbformat would write.
    assert nbformat.writes(read) + "\n" == source
    nbformat.validate(read)
    return read


def cell(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    return next(each for each in notebook.cells if each.id == name)


def code_of(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [each for each in notebook.cells if each.cell_type == "code"]


@pytest.fixture(scope="module")
def hostile() -> nbformat.NotebookNode:
    """Render hostile names, one of them without rows, in data that were balanced."""
    analysis = hostile_analysis()
    options = {"thresholds": RULES, "before": analysis, "config": configuration("<script>alert(4)</script> ```")}
    return notebook_of(analysis, title="# <script>alert(6)</script> $x$\n# more", **options)


@pytest.fixture(scope="module")
def executed(hostile: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return NotebookClient(nbformat.from_dict(hostile), timeout=120).execute()  # type: ignore[no-any-return, no-untyped-call]


# --- It runs ------------------------------------------------------------------------------------------------------


@pytest.mark.costly
def test_running_it_gives_the_tables_that_are_stored_in_it(
    hostile: nbformat.NotebookNode, executed: nbformat.NotebookNode
) -> None:
    compared = 0
    for stored, ran in zip(code_of(hostile), code_of(executed), strict=True):
        assert stored.execution_count == ran.execution_count
        assert [output.output_type for output in ran.outputs] == [output.output_type for output in stored.outputs]
        for expected, output in zip(stored.outputs, ran.outputs, strict=True):
            if "text/html" in expected.data:
                assert Cells(output.data["text/html"]).rows == Cells(expected.data["text/html"]).rows
                compared += 1
            else:
                assert "image/svg+xml" in output.data
    assert compared == 6  # overview and distribution of two facets, the repair, the labels


def test_its_charts_are_valid_xml(hostile: nbformat.NotebookNode) -> None:
    drawn = [output for each in code_of(hostile) for output in each.outputs if "image/svg+xml" in output.data]
    assert drawn
    for output in drawn:
        assert ElementTree.fromstring(output.data["image/svg+xml"]).tag.endswith("svg")


def test_weights_are_shown_as_they_are_stored() -> None:
    notebook = notebook_of(analysis_of(facet("g", {"a": (5, 5), "b": (1, 9)}, weight=0.00123), weighted=True))
    variables = _run(notebook, "tools")
    for name in ("overview-1", "labels", "distribution-1"):
        rows = Cells(cell(notebook, name).outputs[0].data["text/html"]).rows
        assert Cells(variables["show"](name).to_html()).rows == rows
        assert "Weight" in rows[0]
        assert ("0.0172" if name == "labels" else "0.0135") in {each for row in rows for each in row}


def test_running_it_outputs_text_only(executed: nbformat.NotebookNode) -> None:
    for each in code_of(executed):
        for output in each.outputs:
            shown = output.data.get("text/html", "") + output.data.get("image/svg+xml", "")
            assert not re.search(r"<(script|img|a|b|iframe)\b", shown)
            if "text/html" in output.data:
                assert 'class="tex2jax_ignore mathjax_ignore"' in shown


@contextlib.contextmanager
def _without(*modules: str) -> Iterator[None]:
    inside = tuple(f"{module}." for module in modules)
    hidden = {name: sys.modules.pop(name) for name in [*sys.modules] if f"{name}.".startswith(inside)}
    sys.modules.update(dict.fromkeys(modules))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(hidden)


def _run(notebook: nbformat.NotebookNode, *names: str) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    for name in names:
        exec(cell(notebook, name).source, variables)
    return variables


def test_it_needs_pandas_and_nothing_else(hostile: nbformat.NotebookNode) -> None:
    # Once it is imported, the module of pandas that needs jinja2 works without it.
    absent = ("matplotlib", "matplotlib_inline", "jinja2", "pandas.io.formats.style")
    with _without(*absent), contextlib.redirect_stdout(io.StringIO()) as printed:
        variables = _run(hostile, "tools", "dots-1-DPL")
        table = variables["show"]("overview-1")
        shown = table._repr_html_()
    assert "matplotlib is not installed" in printed.getvalue()
    assert "<script>" not in shown
    assert "tex2jax_ignore" in shown
    assert len(table) == len(hostile_analysis().facets[0].results)


def test_it_begins_with_a_data_frame() -> None:
    notebook = notebook_of(analysis_of(facet("product_category", CLOTHES)))
    tools, results = code_of(notebook)[:2]
    assert (tools.id, results.id) == ("tools", "results")
    assert tools.metadata["jupyter"]["source_hidden"]
    assert "jupyter" not in results.metadata
    frame = _run(notebook, "tools", "results")["results"]
    assert list(frame.columns[:2]) == ["product_category", "Rows"]
    assert frame["DPL"].abs().max() == pytest.approx(0.11, abs=1e-4)


def test_its_numbers_have_numeric_types() -> None:
    variables = _run(notebook_of(analysis_of(facet("product_category", CLOTHES))), "tools")
    numbers = variables["numbers"]("overview-1").set_index("product_category")
    assert numbers.loc["Trend", "Rows"] == 118
    assert numbers["Rows"].sum() == 22626
    assert abs(numbers.loc["Trend", "DPL"] - 0.11) < 0.0001
    assert variables["numbers"]("labels")["Rows"].sum() == 22626


def test_a_column_with_an_internal_name_is_shown() -> None:
    notebook = notebook_of(analysis_of(facet("Rows", {"a": (5, 5), "b": (1, 9)})))
    variables = _run(notebook, "tools")
    assert (
        Cells(variables["show"]("overview-1").to_html()).rows
        == Cells(cell(notebook, "overview-1").outputs[0].data["text/html"]).rows
    )


def test_what_is_not_defined_or_infinite_is_shown_as_it_is_stored() -> None:
    document = json.loads(analysis_of(facet("g", {"a": (5, 5), "b": (1, 9), "c": (7, 3)})).to_clarify_json())
    first, second, third = document["pre_training_bias_metrics"]["facets"]["g"]
    for entry, value in ((first, "Infinity"), (second, None), (third, -0.0000001)):
        metric = next(metric for metric in entry["metrics"] if metric["name"] == "KL")
        metric.update(value=value, **({"error": "no luck"} if value is None else {}))
    notebook = notebook_of(Analysis.from_clarify_json(json.dumps(document)), thresholds=Thresholds({"KL": 0.1}))
    shown = _run(notebook, "tools")["show"]("overview-1").to_html()
    rows = Cells(shown).rows
    assert rows == Cells(cell(notebook, "overview-1").outputs[0].data["text/html"]).rows
    column = rows[0].index("KL")
    assert {row[0]: row[column] for row in rows[1:]} == {"a": "◆ ∞", "b": "◆ not defined", "c": "0.000000"}


# --- It is text ---------------------------------------------------------------------------------------------------


def test_markdown_cells_contain_no_markup_from_the_data(hostile: nbformat.NotebookNode) -> None:
    reader = MarkdownIt("commonmark", {"linkify": True}).enable(["table", "strikethrough", "linkify"])
    for each in hostile.cells:
        if each.cell_type == "markdown":
            html = reader.render(each.source)
            assert set(re.findall(r"<(\w+)", html)) <= _OURS | {"hr"}
            assert 'evil.test"' not in html


def test_the_title_is_one_line(hostile: nbformat.NotebookNode) -> None:
    first = cell(hostile, "verdict").source.split("\n")
    assert first[0].startswith("# ")
    assert "⟨U+000A⟩" in first[0]
    assert sum(line.startswith("# ") for line in first) == 1


def test_formulas_of_the_data_are_code(hostile: nbformat.NotebookNode) -> None:
    for each in hostile.cells:
        if each.cell_type == "markdown":
            outside = re.sub(r"(`{3,})[^\n]*\n.*?\n\1|(`+).+?(?<!`)\2(?!`)", "", each.source, flags=re.DOTALL)
            assert "$" not in outside
            assert "\\" not in outside


@given(st.text(max_size=60))
def test_no_text_is_markup_in_a_sentence(words: str) -> None:
    reader = MarkdownIt("commonmark", {"linkify": True}).enable(["table", "strikethrough", "linkify"])
    tokens = reader.parse(f"- {markdown.escape(words)}")
    kinds = [token.type for token in tokens]
    inline = [child for token in tokens if token.type == "inline" for child in token.children or ()]
    assert set(kinds) <= {
        "bullet_list_open", "list_item_open", "paragraph_open", "inline",
        "paragraph_close", "list_item_close", "bullet_list_close",
    }  # fmt: skip
    assert kinds.count("list_item_open") == 1
    assert {child.type for child in inline} <= {"text", "code_inline", "text_special"}
    assert "".join(child.content for child in inline).split() == escape_invisible(words).split()
    assert not re.search(r"[$\\]", "".join(child.content for child in inline if child.type != "code_inline"))


@given(st.text(max_size=60))
def test_names_stay_inside_code_spans(words: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"DPL of {markdown.format_sentence([Name(words)])} is 0.1")
    children = next(token for token in tokens if token.type == "inline").children
    assert children is not None
    assert [child.type for child in children] == ["text", "code_inline", "text"]
    assert children[1].content == escape_invisible(words if words.strip() else f'"{words}"')


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5, unique_by=escape_invisible))
def test_values_stay_inside_the_data(values: list[str]) -> None:
    analysis = analysis_of(facet('g"\'\'\'"""', dict.fromkeys(values, (3, 5))))
    variables = _run(notebook_of(analysis), "tools")
    assert set(variables) == _NAMES_OF_THE_TOOLS
    rows = variables["report"]["tables"]["overview-1"]["rows"]
    assert sorted(row[0] for row in rows) == sorted(
        escape_invisible(v) if v.strip() else f'"{escape_invisible(v)}"' for v in values
    )


def test_controls_are_visible_everywhere(hostile: nbformat.NotebookNode) -> None:
    source = nbformat.writes(hostile)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", source)
    assert not re.search(r"\\u(00[01]|20[26])", source)
    for each in ("⟨U+202E⟩gpj.exe", "⟨U+001B⟩[31mred"):
        assert each in source


# --- Its form -----------------------------------------------------------------------------------------------------


def test_cells_have_stable_ids() -> None:
    analysis = analysis_of(facet("product_category", CLOTHES))
    names = [each.id for each in notebook_of(analysis, thresholds=RULES, config=configuration()).cells]
    assert names == [
        "verdict", "tools", "results", "facet-1", "dots-1-DPL", "overview-1", "rows", "labels",
        "distribution-1", "metrics", "evidence",
    ]  # fmt: skip


def test_the_verdict_precedes_all_code_and_every_metric_is_explained() -> None:
    notebook = notebook_of(analysis_of(facet("product_category", CLOTHES)), thresholds=Thresholds({"DPL": 0.1}))
    assert notebook.cells[0].cell_type == "markdown"
    assert "## ◆ Violation" in notebook.cells[0].source
    assert "DPL of `product_category=Trend` is 0.1100" in notebook.cells[0].source
    assert all(f"### {metric}: " in cell(notebook, "metrics").source for metric in METHODS)
