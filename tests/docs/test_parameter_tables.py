"""The tables of parameters in the pages, as the repository shows them, are those of the docstrings."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
from docs_pages import DOCS, PROJECT

import airflow_clarify

_SPEC = importlib.util.spec_from_file_location("parameter_tables", PROJECT / "scripts" / "parameter_tables.py")
assert _SPEC is not None
assert _SPEC.loader is not None
parameter_tables = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(parameter_tables)

PAGES = sorted(DOCS.glob("*.md"))
TABLES = {name: page for page in PAGES for name in re.findall(r"<!-- parameters of (\w+)", page.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_those_of_the_docstrings(page: Path) -> None:
    text = page.read_text()
    assert text == parameter_tables.write_tables(text), "run scripts/parameter_tables.py (make parameter-tables)"
    # What only Sphinx understands shows nothing in the repository.
    assert "autoclass" not in text


@pytest.mark.parametrize(
    "name", [name for name in airflow_clarify.__all__ if inspect.isclass(getattr(airflow_clarify, name))]
)
def test_every_public_class_has_its_table(name: str) -> None:
    named = getattr(airflow_clarify, name)
    if ":param" in (inspect.getdoc(named) or "") and not issubclass(named, BaseException):
        assert name in TABLES
        assert parameter_tables.build_table(name).count("\n") >= 2


def test_a_table_is_markdown_of_one_line_for_each_parameter() -> None:
    first, second, *rows = parameter_tables.build_table("DataConfig").splitlines()
    assert (first, second) == ("| Parameter | Default | Meaning |", "|---|---|---|")
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
    assert not any(":class:" in row or "``" in row for row in rows)
