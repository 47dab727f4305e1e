"""Render the report as a PDF for printing and archiving: tagged for screen readers (PDF/UA), with embedded fonts.

Typst compiles it. The content is passed as JSON, so that nothing in it is parsed as markup.

Typst's own fonts cover Latin, Greek, Cyrillic, Arabic, Hebrew and more. System fonts are used only for characters that
these lack. A character that no font contains is replaced with its code point: a PDF/UA file must show every character,
so Typst reports those that it could not show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from airflow_clarify.reports.model import Report
from airflow_clarify.reports.pdf.document import build_document

_TEMPLATE = "report.typ"
# Typst's diagnostics contain a Rust string literal: "x", or "\u{200d}" for an invisible character.
_MISSING_GLYPHS = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_RUST_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}|\\(.)")


def render_pdf(report: Report) -> bytes:
    """Render a report as a PDF in A4.

    The output is deterministic on one machine, and identical on all machines if Typst's own fonts suffice.

    :param report: see :func:`airflow_clarify.reports.builder.build_report`
    :return: the content of the file
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
            # A replacement, or the text around it, can be set in another font and lack other characters: try again.
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
    return (Path(__file__).parent / _TEMPLATE).read_bytes()


def _find_missing_glyphs(error: Any) -> frozenset[str]:
    """Find the characters that Typst could not show; empty if it failed for another reason."""
    return frozenset(
        character for shown in _MISSING_GLYPHS.findall(error.diagnostic) for character in _parse_rust_string(shown)
    )


def _parse_rust_string(shown: str) -> str:
    return _RUST_ESCAPE.sub(lambda part: chr(int(part[1], 16)) if part[1] else part[2], shown)


def _escape_characters(value: Any, characters: Collection[str]) -> Any:
    """Replace these characters of a document with their code points."""
    if not characters:
        return value
    if isinstance(value, str):
        return "".join(f"⟨U+{ord(c):04X}⟩" if c in characters else c for c in value)
    if isinstance(value, Mapping):
        return {key: _escape_characters(each, characters) for key, each in value.items()}
    return [_escape_characters(each, characters) for each in value] if isinstance(value, list | tuple) else value
