"""How far DuckDB is with a query, told while it runs."""

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
    """Tell how far the queries are that run inside the ``with`` block.

    :param connection: the one that runs them
    :param what: what they do
    :param progress: told ``what`` and a share from 0 to 1, or -1 while DuckDB cannot say; None where nobody asks
    """
    if progress is None:
        yield
        return
    progress(what, -1.0)
    # DuckDB keeps count only while it believes that it shows a bar; ours are silent.
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET progress_bar_time = 0")
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(connection, what, progress, done), daemon=True)
    try:
        watcher.start()
    except RuntimeError:
        # The system has no thread left. The query may do without one, and so can whoever looks at its progress.
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
