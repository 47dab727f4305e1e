"""Share files between the processes of a test run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder of the test run, which all of its processes see."""
    folder = tmp_path_factory.getbasetemp()
    # With pytest-xdist, each process has a folder in that of the run.
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Create a folder unless it exists, and keep other processes from using it; the lock ends with this process."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
