"""The pages of the documentation, and the blocks of code on them.

A comment right above a block says what is special about it; readers do not see it:

- ``<!-- not run: why -->``: it is only read, as far as that goes
- ``<!-- run -->``: a DAG that Airflow runs, not only loads
- ``<!-- log -->``: lines that the run above has written to its log
- ``<!-- file: name -->``: the content of a file, which is there for the blocks below
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]

_NOTE = re.compile(r"<!--\s*(not run|run|log|file)(?::\s*(.*?))?\s*-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    :param page: where it stands
    :param line: the line it begins in, counted from 1
    :param language: as written behind the fence; empty for an indented block
    :param text: the code
    :param note: what the comment above it says: "not run", "run", "log", "file", or nothing
    :param about: the text of the comment
    """

    page: Path
    line: int
    language: str
    text: str
    note: str = ""
    about: str = ""

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def is_directive(self) -> bool:
        """Whether it is an instruction to Sphinx, which the build of the pages tests."""
        return self.language.startswith("{")


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    """Return the blocks of a page in their order."""
    found = []
    above = ""
    for token in MarkdownIt("commonmark").parse(page.read_text()):
        if token.type in ("fence", "code_block"):
            note = _NOTE.fullmatch(above.strip())
            line = (token.map or [0])[0] + 1
            kind, about = (note.group(1), note.group(2) or "") if note else ("", "")
            found.append(Block(page, line, token.info.strip(), token.content, kind, about))
        if token.type != "list_item_open":
            above = token.content if token.type == "html_block" else ""
    return tuple(found)


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page) if not block.is_directive]


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """Return the anchors of the headings of a page, in the repository and in Sphinx's output."""
    headings = re.findall(r"^#{1,3} (.+)$", page.read_text(), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings)
