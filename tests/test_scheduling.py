"""Test that the order in which test files start names files that exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from scheduling import LONGEST, UNITS

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("file", sorted({*LONGEST, *(file for files in UNITS.values() for file in files)}))
def test_a_file_that_is_named_exists(file: str) -> None:
    assert (PROJECT / file).is_file(), "tests/scheduling.py names a file that was moved"
