"""The report as a PDF for printing and for filing: tagged for screen readers (PDF/UA), with every font inside.

Typst sets it. What the report says goes in as JSON, so nothing in it is ever read as markup.

The fonts that come with Typst know Latin, Greek, Cyrillic, Arabic, Hebrew and more. For characters that they lack,
those of the machine are asked. What no font has is written as its code point: a PDF/UA file must show every character,
so Typst says which ones it could not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from typing import Any

from airflow_clarify.reports.model import Report
from airflow_clarify.reports.pdf.document import build_document

_TEMPLATE = "report.typ"
# In the diagnostics of Typst, as Rust writes a text: "x", or "\u{200d}" for what cannot be seen.
_NOT_SHOWN = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_ESCAPE_OF_RUST = re.compile(r"\\u\{([0-9a-f]+)\}|\\(.)")


def render_pdf(report: Report) -> bytes:
    """Lay out what a report says, on A4.

    The same report gives the same bytes on one machine, and on every machine where the fonts of Typst suffice.

    :param report: see :func:`airflow_clarify.reports.builder.build_report`
    :return: the file
    """
    import typst

    document = build_document(report)
    missing: frozenset[str] = frozenset()
    system_fonts = False
    while True:
        try:
            return _compile(_escape_characters(document, missing), system_fonts)
        except typst.TypstError as error:
            found = _find_missing_glyphs(error)
            # What is written instead of a character, or what it stood beside, can be set in another font: so again.
            if not found or found <= missing:
                raise
            missing, system_fonts = (missing | found, True) if system_fonts else (missing, True)


def _compile(document: Any, system_fonts: bool) -> bytes:
    import typst

    written: bytes = typst.compile(
        _read_template(),
        format="pdf",
        sys_inputs={"report": json.dumps(document)},
        font_paths=_load_fonts(system_fonts),
        pdf_standards=["ua-1"],
    )
    return written


@cache
def _load_fonts(system_fonts: bool) -> Any:
    import typst

    return typst.Fonts(include_system_fonts=system_fonts)


@cache
def _read_template() -> bytes:
    return (resources.files(__package__) / _TEMPLATE).read_bytes()


def _find_missing_glyphs(error: Any) -> frozenset[str]:
    """The characters that Typst could not show; none where it failed for another reason."""
    return frozenset(
        character for shown in _NOT_SHOWN.findall(error.diagnostic) for character in _parse_rust_string(shown)
    )


def _parse_rust_string(shown: str) -> str:
    return _ESCAPE_OF_RUST.sub(lambda part: chr(int(part[1], 16)) if part[1] else part[2], shown)


def _escape_characters(value: Any, characters: Collection[str]) -> Any:
    """The same document with these characters written as their code points."""
    if not characters:
        return value
    if isinstance(value, str):
        return "".join(f"⟨U+{ord(c):04X}⟩" if c in characters else c for c in value)
    if isinstance(value, Mapping):
        return {key: _escape_characters(each, characters) for key, each in value.items()}
    return [_escape_characters(each, characters) for each in value] if isinstance(value, list | tuple) else value
