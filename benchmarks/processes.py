"""Helpers of the benchmarks: synthetic reviews in files, and measurements of whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

#: About 250 bytes a row. $facet is an expression of i, the number of the row.
DATA = """
SELECT 'US' AS marketplace, (i * 7919) % 50000000 AS customer_id, 'R' || md5(i::VARCHAR) AS review_id,
       $facet AS product_category,
       (mix(i + 17) % 5 + 1)::INTEGER AS star_rating, (mix(i + 23) % 100)::INTEGER AS helpful_votes,
       'It is a ' || repeat('good product, works well ', (5 + mix(i + 42) % 4)::INTEGER) AS review_body,
       DATE '2015-01-01' + (i % 700)::INTEGER AS review_date
FROM range($rows) AS t(i)
"""
#: In the gift-card lab's proportions.
THREE_VALUES = (
    "CASE WHEN mix(i) % 3966 < 1490 THEN 'Gift Card' WHEN mix(i) % 3966 < 2511 THEN 'Digital_Software' "
    "ELSE 'Digital_Video_Games' END"
)
EIGHTEEN_VALUES = "'Category ' || (mix(i) % 18)"


class Run(NamedTuple):
    """What one process took.

    :param seconds: from its start to its end
    :param cpu_seconds: of all processors together
    :param megabytes: its peak resident memory
    :param printed: its last line
    """

    seconds: float
    cpu_seconds: float
    megabytes: float
    printed: str


def make_data(path: Path, rows: int, facet: str = THREE_VALUES, query: str = DATA) -> Path:
    """Write reviews to a file of the path's format, unless it is there."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        print(f"writing {path}", flush=True)
        partial = path.with_suffix(".partial")
        with duckdb.connect() as connection:
            connection.execute("CREATE MACRO mix(x) AS (x * 2654435761 % 4294967296) // 65536")
            filled = query.replace("$rows", str(rows)).replace("$facet", facet)
            connection.execute(f"COPY ({filled}) TO '{partial}' (FORMAT {path.suffix[1:]})")
        partial.rename(path)
    return path


def run(command: Sequence[str]) -> Run:
    """Run a command to its end; its figures are the operating system's own."""
    # Where it is set, a process compiles all that it imports, and that is what would be measured.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    printed = process.stdout.read().strip()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"this failed: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    last = printed.splitlines()[-1] if printed else ""
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6, last)
