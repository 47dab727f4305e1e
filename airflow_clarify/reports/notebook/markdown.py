"""Escape text from the data for Markdown: no markup, no HTML, no formula, no link.

Jupyter, GitHub and others parse Markdown differently, and MathJax finds formulas between dollar signs in the rendered
page, even if they were escaped in the source. Only code is not parsed by any of them. So names are formatted as code,
and so is every character in a sentence that could start a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import Name

# Markup at any position, and then markup at the start of a line only.
_MARKUP = re.compile(r"(?P<formula>[$\\]+)|[&<>`*_~\[\]|#!@{}^]|://|www\.|\A\W|\A\d+[.)]")
_RUN_OF_BACKTICKS = re.compile("`+")


def escape(text: str) -> str:
    """Escape all markup in a sentence.

    >>> escape("a <b> & *c*")
    'a &#60;b&#62; &#38; &#42;c&#42;'
    """
    return _MARKUP.sub(_escape_controls, formatting.escape_invisible(text))


def format_code(text: str) -> str:
    """Format a text of one line as code.

    >>> format_code("a`b")
    '``a`b``'
    """
    shown = formatting.escape_invisible(formatting.quote_if_blank(text))
    fence = "`" * (1 + _find_longest_run(shown))
    # Markdown drops a space at both ends; it separates a backtick at an end from the fence.
    space = " " if shown[:1] in ("`", " ") or shown[-1:] in ("`", " ") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def format_sentence(parts: Iterable[str]) -> str:
    """Format a sentence with its names as code."""
    return "".join(format_code(part) if isinstance(part, Name) else escape_inside(part) for part in parts)


def escape_inside(text: str) -> str:
    """Escape markup in the middle of a sentence; characters that are markup only at the start of a line are kept."""
    return escape(f"x{text}")[1:]


def format_block(text: str, language: str = "") -> str:
    """Format lines as a code block."""
    lines = "\n".join(formatting.escape_invisible(line) for line in text.split("\n"))
    fence = "`" * max(3, 1 + _find_longest_run(lines))
    return f"{fence}{language}\n{lines}\n{fence}"


def _find_longest_run(text: str) -> int:
    return max(map(len, _RUN_OF_BACKTICKS.findall(text)), default=0)


def _escape_controls(found: re.Match[str]) -> str:
    return format_code(found[0]) if found["formula"] else "".join(f"&#{ord(character)};" for character in found[0])
