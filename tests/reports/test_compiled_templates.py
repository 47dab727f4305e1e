"""Test that the compiled templates of the report are up to date, and equivalent to their sources."""

from __future__ import annotations

import hashlib
import runpy
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest
from report_factories import CREATED, hostile_analysis

from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.html import renderer
from airflow_clarify.reports.html.renderer import TEMPLATES, render_html, render_picture

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "templates.py"


def load_compiled(name: str) -> ModuleType:
    return import_module(f"airflow_clarify.reports.html.compiled.{TEMPLATES[name]}")


@pytest.fixture(autouse=True)
def _fresh_templates() -> Any:
    renderer._load_template.cache_clear()
    yield
    renderer._load_template.cache_clear()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_compiled_template_is_that_of_its_source(name: str) -> None:
    compiled = load_compiled(name)
    source = hashlib.sha256(renderer.read_template(name).encode()).hexdigest()

    assert source == compiled.SOURCE, "a template has changed since it was compiled: run `make templates`"
    if jinja2.__version__ == compiled.JINJA and SCRIPT.is_file():
        assert compiled.__file__ is not None
        written = Path(compiled.__file__).read_text(encoding="utf-8")
        assert runpy.run_path(str(SCRIPT))["compile_template"](name) == written, "run `make templates`"


@pytest.mark.parametrize("changed", ["JINJA", "SOURCE"])
def test_another_jinja_or_another_source_is_compiled_anew_to_the_same_report(
    changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = build_report(hostile_analysis(), thresholds=Thresholds({"DPL": 0.1, "JS": 0.01}), created=CREATED)
    facet = report.facets[0]
    expected = render_html(report), [render_picture(picture, facet) for picture in facet.pictures]
    renderer._load_template.cache_clear()
    compilations: list[str] = []
    compile_source = jinja2.Environment.compile

    def count(self: Any, source: Any, name: Any = None, *others: Any, **options: Any) -> Any:
        compilations.append(name)
        return compile_source(self, source, name, *others, **options)

    renderer.create_environment().cache.clear()  # type: ignore[union-attr]
    monkeypatch.setattr(jinja2.Environment, "compile", count)
    for name in TEMPLATES:
        monkeypatch.setattr(load_compiled(name), changed, "another")

    assert (render_html(report), [render_picture(picture, facet) for picture in facet.pictures]) == expected
    assert sorted(compilations) == sorted(TEMPLATES)


def test_a_report_compiles_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    if any(jinja2.__version__ != load_compiled(name).JINJA for name in TEMPLATES):
        pytest.skip("the templates were compiled by another version of Jinja")
    report = build_report(hostile_analysis(), created=CREATED)
    monkeypatch.setattr(jinja2.Environment, "compile", lambda *_, **__: pytest.fail("a template was compiled"))

    assert render_html(report).startswith("<!DOCTYPE html>")
