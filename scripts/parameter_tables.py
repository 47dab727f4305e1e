#!/usr/bin/env python3
"""Write the tables of parameters in docs/ from the docstrings, for readers of the Markdown files.

    scripts/parameter_tables.py [--check]

A table is enclosed in two comments; the first names the class and, for the HTML pages, its members. In the HTML pages
``docs/_extensions/parameter_tables.py`` replaces the table by Sphinx's rendering of the docstring.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
_TABLE = re.compile(r"(<!-- parameters of (\w+).*? -->\n).*?(<!-- end of parameters -->)", re.DOTALL)
_FIELD = re.compile(r"^:param (\w+):(.*?)(?=^:|\Z)", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")


def write_tables(page: str) -> str:
    """Rewrite the tables of a page.

    :param page: the Markdown text of the page
    :return: the text with current tables
    """
    return _TABLE.sub(lambda found: f"{found[1]}\n{build_table(found[2])}\n\n{found[3]}", page)


def build_table(name: str) -> str:
    """Build the Markdown table of the parameters of a public class.

    :param name: the class, such as "DataConfig"
    """
    import airflow_clarify

    cls = getattr(airflow_clarify, name)
    defaults = {one.name: one.default for one in inspect.signature(cls).parameters.values()}
    rows = [
        f"| `{parameter}` | {_format_default(defaults.get(parameter))} | {_format_text(text)} |"
        for parameter, text in _FIELD.findall(inspect.getdoc(cls) or "")
    ]
    return "\n".join(["| Parameter | Default | Meaning |", "|---|---|---|", *rows])


def _format_default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    return f"`{value!r}`" if value is None or isinstance(value, bool | int | float | str | tuple) else ""


def _format_text(text: str) -> str:
    joined = " ".join(text.split())
    return _REFERENCE.sub(r"`\1`", joined).replace("``", "`").replace("|", "\\|")


def main() -> int:
    """Write the tables, or with ``--check`` only compare them with the docstrings."""
    changed = []
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text()
        renewed = write_tables(page)
        if renewed != page:
            changed.append(path.name)
            if "--check" not in sys.argv[1:]:
                path.write_text(renewed)
    print("\n".join(changed) or "All tables are up to date")
    return int(bool(changed) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
