"""Test the names of test files: those in the order in which files start, and those that pytest could confuse."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from scheduling import LONGEST, SERVICE_FILES, UNITS, FileScheduling

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "file", sorted({*LONGEST, *SERVICE_FILES, *(file for files in UNITS.values() for file in files)})
)
def test_a_file_that_is_named_exists(file: str) -> None:
    assert (PROJECT / file).is_file(), "tests/scheduling.py names a file that was moved"


def test_files_with_services_run_one_after_the_other() -> None:
    split = FileScheduling._split_scope
    scheduler = object.__new__(FileScheduling)
    assert {split(scheduler, f"{file}::test_one") for file in SERVICE_FILES} == {"service files"}
    assert split(scheduler, "tests/bias/test_metrics.py::test_one") == "tests/bias/test_metrics.py"


def test_names_of_test_files_are_unique() -> None:
    # The folders of tests are not packages, so pytest imports each file under its name alone.
    names = Counter(file.name for file in (PROJECT / "tests").rglob("test_*.py"))
    assert [name for name, files in names.items() if files > 1] == []
