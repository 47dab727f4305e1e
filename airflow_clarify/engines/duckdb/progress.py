"""Report the progress of DuckDB's queries while they run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from airflow_clarify.engines.base import Progress

_SECONDS_BETWEEN = 0.25


@contextlib.contextmanager
def report_progress(connection: duckdb.DuckDBPyConnection, what: str, progress: Progress | None) -> Iterator[None]:
    """Report the progress of the queries inside the ``with`` block, four times a second.

    :param connection: the connection that runs them
    :param what: the description of the step
    :param progress: progress callback; its share is -1 while DuckDB has no estimate. None reports nothing
    """
    if progress is None:
        yield
        return
    progress(what, -1.0)
    # DuckDB tracks progress only while its progress bar is enabled; printing of the bar is disabled.
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET progress_bar_time = 0")
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(connection, what, progress, done), daemon=True)
    try:
        watcher.start()
    except RuntimeError:
        # The system has no thread left. The query may still run without another one; progress is then not reported.
        done.set()
    try:
        yield
    finally:
        if not done.is_set():
            done.set()
            watcher.join()


def _watch(connection: duckdb.DuckDBPyConnection, what: str, progress: Progress, done: threading.Event) -> None:
    while not done.wait(_SECONDS_BETWEEN):
        percent = connection.query_progress()
        progress(what, percent / 100 if percent >= 0 else -1.0)
