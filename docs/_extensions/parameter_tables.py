"""Replace the parameter tables of the pages by Sphinx's ``autoclass`` directives.

The tables, written by ``scripts/parameter_tables.py``, are for readers of the Markdown files in the repository.
"""

from __future__ import annotations

import re
from typing import Any

_TABLE = re.compile(
    r"<!-- parameters of (?P<name>\w+)(?:; members: (?P<members>.*?))? -->\n.*?<!-- end of parameters -->", re.DOTALL
)


def setup(app: Any) -> dict[str, bool]:
    """Register the replacement for when a page is read."""
    app.connect("source-read", _replace_tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _replace_tables(app: Any, page: str, source: list[str]) -> None:
    source[0] = _TABLE.sub(_build_directive, source[0])


def _build_directive(found: re.Match[str]) -> str:
    members = f"\n   :members: {found['members']}" if found["members"] else ""
    return f"```{{eval-rst}}\n.. autoclass:: airflow_clarify.{found['name']}{members}\n```"
