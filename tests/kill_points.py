"""Run a command repeatedly, and kill it at each of its writes, renames and removals, one at a time.

    python tests/kill_points.py FOLDER OUTCOMES ARGUMENT...

Before each try FOLDER is set back to what it held. What each try leaves of it is copied to OUTCOMES/1, OUTCOMES/2 and
so on; the last one is of a run that nobody killed. A process of its own, because it forks: in a child that is forked
from one that has imported everything, a try takes a fraction of a second.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_MAX_POINTS = 500


def main() -> None:
    folder, outcomes, arguments = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    _import_everything()
    held = outcomes / "held"
    shutil.copytree(folder, held)
    for point in range(1, _MAX_POINTS):
        shutil.rmtree(folder)
        shutil.copytree(held, folder)
        status = _run_killed_at(point, folder, arguments)
        shutil.copytree(folder, outcomes / str(point))
        if status == 0:
            shutil.rmtree(held)
            return
        assert status == -signal.SIGKILL, f"ended with {status} at point {point}"
    raise AssertionError(f"more than {_MAX_POINTS} points")


def _run_killed_at(point: int, folder: Path, arguments: Sequence[str]) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = point

    def watch(event: str, details: tuple[Any, ...]) -> None:
        nonlocal left
        is_change = event in _CHANGES or (event == "open" and isinstance(details[2], int) and details[2] & _WRITES)
        # A relative path is that of a file in an open folder, as rmtree() removes it.
        if is_change and (str(details[0]).startswith(str(folder)) or not os.path.isabs(str(details[0]))):  # noqa: PTH117
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        os.environ["TMPDIR"] = str(folder / "tmp")
        tempfile.tempdir = None
        from airflow_clarify.cli.main import main as run

        sys.addaudithook(watch)
        status = run(arguments)
        sys.stdout.flush()
        os._exit(status)
    finally:
        os._exit(70)


def _import_everything() -> None:
    modules = ["duckdb", "jinja2", "numpy", "sqlglot", "typst"]
    modules += [f"airflow_clarify.engines.duckdb.{name}" for name in ("count", "resampling.resample", "source")]
    modules += [f"airflow_clarify.reports.{name}.renderer" for name in ("html", "notebook", "pdf")]
    modules.append("airflow_clarify.reports.console")
    for module in modules:
        importlib.import_module(module)


if __name__ == "__main__":
    main()
