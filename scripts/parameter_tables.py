#!/usr/bin/env python3
"""Write the tables of parameters into the pages of docs/, from the docstrings, for who reads them in the repository.

    scripts/parameter_tables.py [--check]

A table stands between two comments, the first of which names the class and, for the HTML pages, its members. There
Sphinx reads the docstring itself: ``docs/_extensions/parameter_tables.py`` puts it in the table's place.
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
    """Renew the tables of a page.

    :param page: its text
    """
    return _TABLE.sub(lambda found: f"{found[1]}\n{build_table(found[2])}\n\n{found[3]}", page)


def build_table(name: str) -> str:
    """Build the Markdown table of the parameters of a public class.

    :param name: such as "DataConfig"
    """
    import airflow_clarify

    named = getattr(airflow_clarify, name)
    defaults = {one.name: one.default for one in inspect.signature(named).parameters.values()}
    rows = [
        f"| `{parameter}` | {_format_default(defaults.get(parameter))} | {_format_text(text)} |"
        for parameter, text in _FIELD.findall(inspect.getdoc(named) or "")
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
    """Write the tables, or only see whether they are those of the docstrings."""
    changed = []
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text()
        renewed = write_tables(page)
        if renewed != page:
            changed.append(path.name)
            if "--check" not in sys.argv[1:]:
                path.write_text(renewed)
    print("\n".join(changed) or "All tables are those of the docstrings")
    return int(bool(changed) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
