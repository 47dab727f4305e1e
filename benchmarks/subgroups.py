"""The time of a search for subgroups, compared with DivExplorer at the same minimum support.

Each contender runs as a process of its own, start-up and imports included. DivExplorer runs in an environment of its
own, whose Python CLARIFY_SUBGROUPS_PYTHON names (`make bench` makes it and sets that); it has no limit of depth, and
`make conformance` compares what both find. The data are a Parquet file of eight columns of 2 to 12 values.

    bare read        DuckDB reads the nine columns, and every value of them
    airflow_clarify  counts all combinations of up to three values, ranks and tests them
    DivExplorer      all itemsets of the same least support; its own time, without start-up and reading, in parentheses

The target: at least 10 times as fast as DivExplorer at a million rows, and memory that does not grow with the rows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import processes

SIZES = (2, 3, 4, 5, 6, 8, 10, 12)
COLUMNS = [f"c{number}" for number in range(len(SIZES))]
#: The label is positive in half of the rows, and in a third of those of one combination of three values.
LABEL = "(hash(i * 9 + 8) % 6000 < CASE WHEN c0 = 'v1' AND c2 = 'v0' AND c4 = 'v3' THEN 2000 ELSE 3000 END)::INTEGER"
DATA = f"""
SELECT * EXCLUDE (i), {LABEL} AS ok FROM (SELECT i, {
    ", ".join(f"'v' || (hash(i * 9 + {number}) % {size}) AS c{number}" for number, size in enumerate(SIZES))
} FROM range($rows) AS t(i))
"""

BARE_READ = f"""
import duckdb, sys
columns = ", ".join(f"bit_xor(hash({{name}}))" for name in {[*COLUMNS, "ok"]!r})
print(duckdb.execute(f"SELECT {{columns}} FROM read_parquet(?)", [sys.argv[1]]).fetchall())
"""

OURS = f"""
import sys
from airflow_clarify import DataConfig, find_subgroups
columns, rows = {COLUMNS!r}, int(sys.argv[2])
found = find_subgroups(DataConfig(sys.argv[1], label="ok"), columns, [1], min_rows=rows)
print(found.questions, "groups tested, the worst:", found.subgroups[0].name)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the data, run the contenders and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="DivExplorer gets the first"
    )
    parser.add_argument("--min-rows", type=int, default=1_000, help="the least rows of a subgroup (default: 1,000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "airflow_clarify_benchmarks")
    options, _ = parser.parse_known_args(argv)
    theirs = os.environ.get("CLARIFY_SUBGROUPS_PYTHON")
    oracle = Path(__file__).resolve().parents[1] / "tests" / "conformance" / "subgroup_oracle.py"
    print(f"{'':16} {'rows':>12} {'seconds':>9} {'CPU s':>8} {'MB':>7}")
    for place, rows in enumerate(options.rows):
        path = processes.make_data(options.folder / f"subgroups-{rows}.parquet", rows, query=DATA)
        contenders = {
            "bare read": [sys.executable, "-c", BARE_READ, str(path)],
            "airflow_clarify": [sys.executable, "-c", OURS, str(path), str(options.min_rows)],
        }
        medians = {}
        for name, command in contenders.items():
            runs = [processes.run(command) for _ in range(options.rounds)]
            medians[name] = statistics.median(run.seconds for run in runs)
            cpu = statistics.median(run.cpu_seconds for run in runs)
            print(f"{name:16} {rows:12,} {medians[name]:9.2f} {cpu:8.2f} {max(run.megabytes for run in runs):7.0f}")
            if name == "airflow_clarify":
                print(f"{'':16} {runs[0].printed}", flush=True)
        if theirs is None or place:
            continue
        support = repr((options.min_rows - 0.5) / rows)
        run = processes.run([theirs, str(oracle), "divexplorer", str(path), "ok", support, "0"])
        answer = json.loads(run.printed)
        itself = f"({answer['seconds']:.1f} of its own for {answer['itemsets']:,} itemsets)"
        print(f"{'DivExplorer':16} {rows:12,} {run.seconds:9.2f} {run.cpu_seconds:8.2f} {run.megabytes:7.0f} {itself}")
        print(f"{'':16} {run.seconds / medians['airflow_clarify']:.0f} times as long as airflow_clarify (target: 10)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
