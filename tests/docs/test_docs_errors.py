"""The errors on the page about troubleshooting exist in the code."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from docs_pages import DOCS, PROJECT

PAGE = DOCS / "troubleshooting.md"
HEADINGS = re.findall(r"^### `+ ?(.+?) ?`+$", PAGE.read_text(), re.MULTILINE) if PAGE.exists() else []


@cache
def sentences() -> tuple[re.Pattern[str], ...]:
    """Return every text of the package as a pattern, in which inserted values match anything."""
    found = []
    for file in sorted((PROJECT / "airflow_clarify").rglob("*.py")):
        tree = ast.parse(file.read_text())
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ".*?" for part in node.values]
                fixed = sum(len(part.value) for part in node.values if isinstance(part, ast.Constant))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                parts, fixed = [re.escape(node.value)], len(node.value)
            else:
                continue
            if fixed >= 15:
                found.append(re.compile("".join(parts), re.DOTALL))
    return tuple(found)


def test_the_page_contains_errors() -> None:
    assert len(HEADINGS) > 20


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_error_on_the_page_exists_in_the_code(heading: str) -> None:
    assert any(pattern.fullmatch(heading) for pattern in sentences()), f"the program never says: {heading}"
