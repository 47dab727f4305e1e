"""Text from the data in Markdown, where it must stay text: no markup, no HTML, no formula, no link.

Jupyter, GitHub and the rest each read Markdown a little differently, and formulas between signs of dollar are found in
the finished page, whatever was escaped in its source. Only code is left alone by all of them: so names are set as code,
and in sentences so is every character that could begin a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import Name

# What is markup anywhere, and then what is where a line starts.
_MARKUP = re.compile(r"(?P<formula>[$\\]+)|[&<>`*_~\[\]|#!@{}^]|://|www\.|\A\W|\A\d+[.)]")
_RUN_OF_BACKTICKS = re.compile("`+")


def escape(words: str) -> str:
    """A sentence in which nothing is markup.

    >>> escape("a <b> & *c*")
    'a &#60;b&#62; &#38; &#42;c&#42;'
    """
    return _MARKUP.sub(_escape_controls, formatting.escape_invisible(words))


def format_code(words: str) -> str:
    """A text of one line as code.

    >>> format_code("a`b")
    '``a`b``'
    """
    shown = formatting.escape_invisible(formatting.quote_if_blank(words))
    fence = "`" * (1 + _find_longest_run(shown))
    # A space at both ends is dropped by the reader, and keeps a backtick there from joining the fence.
    space = " " if shown[:1] in ("`", " ") or shown[-1:] in ("`", " ") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def format_sentence(parts: Iterable[str]) -> str:
    """A sentence with its names set as code."""
    return "".join(format_code(part) if isinstance(part, Name) else escape_inside(part) for part in parts)


def escape_inside(words: str) -> str:
    """The middle of a sentence in which nothing is markup. What means something only at the start of a line stays."""
    return escape(f"x{words}")[1:]


def format_block(words: str, language: str = "") -> str:
    """Lines as a block of code."""
    lines = "\n".join(formatting.escape_invisible(line) for line in words.split("\n"))
    fence = "`" * max(3, 1 + _find_longest_run(lines))
    return f"{fence}{language}\n{lines}\n{fence}"


def _find_longest_run(words: str) -> int:
    return max(map(len, _RUN_OF_BACKTICKS.findall(words)), default=0)


def _escape_controls(found: re.Match[str]) -> str:
    return format_code(found[0]) if found["formula"] else "".join(f"&#{ord(character)};" for character in found[0])
