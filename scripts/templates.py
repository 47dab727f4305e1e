#!/usr/bin/env python3
"""Compile the Jinja templates of the report to Python modules, so that a task need not compile them.

    scripts/templates.py

The modules are committed. A module is used only with the version of Jinja that has compiled it; with any other, and
after a change of a template in a checkout, the report compiles the template itself. A test fails when a committed
module is out of date.
"""

from __future__ import annotations

import hashlib
import sys

import jinja2

from airflow_clarify.reports.html.renderer import COMPILED, TEMPLATES, create_environment, read_template

_HEADER = '''"""Jinja template, compiled by scripts/templates.py; do not edit."""
# ruff: noqa
# mypy: ignore-errors
JINJA = {jinja!r}
SOURCE = {source!r}
'''


def compile_template(name: str) -> str:
    """Compile a template to the code of a module, with the versions of its source and of Jinja."""
    source = read_template(name)
    code = create_environment().compile(source, name=name, filename=name, raw=True, defer_init=True)
    header = _HEADER.format(jinja=jinja2.__version__, source=hashlib.sha256(source.encode()).hexdigest())
    return f"{header}{code}\n"


def main() -> int:
    """Write the module of each template."""
    for name, module in TEMPLATES.items():
        (COMPILED / f"{module}.py").write_text(compile_template(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
