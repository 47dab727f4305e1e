"""The code in README and docs works as shown, and every block is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs_languages import commands, is_tested, read
from docs_pages import PAGES, Block, all_blocks, anchors_of, blocks_of
from docs_reader import Reader


@pytest.mark.parametrize("block", all_blocks(), ids=lambda block: block.place)
def test_every_block_is_valid_and_names_existing_things(block: Block) -> None:
    read(block)


@pytest.mark.parametrize("block", all_blocks(), ids=lambda block: block.place)
def test_a_block_that_is_not_run_gives_a_reason(block: Block) -> None:
    if block.note == "not run":
        assert len(block.about.split()) >= 3, "say what is missing here to run it"
    elif block.language == "console":
        strange = [command for command in commands(block.text) if not is_tested(command)]
        assert not strange, f"nothing tests {strange[0]!r}; say above why it is not run"
    else:
        assert block.language != "dockerfile"


@pytest.mark.airflow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_can_be_run_in_order(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Reader(tmp_path, lambda: "".join(capfd.readouterr())).follow(page)


def test_every_comment_belongs_to_the_block_below() -> None:
    """A comment in the wrong place would leave its block untested, or tested in another way."""
    for page in PAGES:
        noted = sum(bool(block.note) for block in blocks_of(page))
        written = sum(page.read_text().count(f"<!-- {note}") for note in ("not run", "run", "log", "file"))
        assert noted == written, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_have_targets(page: Path) -> None:
    """Also where the pages are read in the repository, and not built by Sphinx."""
    for link in re.findall(r"\]\((?!\w+:|#)([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        there = page.parent / path
        assert there.exists(), link
        if anchor:
            assert anchor in anchors_of(there), link
