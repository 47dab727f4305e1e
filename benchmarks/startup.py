"""The fixed cost of the command line, beyond a bare process that asks DuckDB the same GROUP BY.

The commands run in turn, each as a process of its own, imports included. The figures are medians; the differences are
medians of the differences within a round, which the load of the machine affects less.

    bare           Python imports DuckDB, which counts rows by facet value and label
    analyze        airflow-clarify analyze, which prints the metrics
    with reports   the same, and writes analysis.json and the report in three formats
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import processes

DATA = """
SELECT $facet AS product_category, (mix(i + 17) % 5 + 1)::INTEGER AS star_rating, i FROM range($rows) AS t(i)
"""
BARE = """
import duckdb, sys
reader = "read_csv" if sys.argv[1].endswith(".csv") else "read_parquet"
query = f"SELECT product_category, star_rating, count(*) FROM {reader}(?) GROUP BY ALL"
print(len(duckdb.connect().execute(query, [sys.argv[1]]).fetchall()), "cells")
"""
OPTIONS = ["--label", "star_rating", "--positive", "5,4", "--facet", "product_category"]
#: Targets in seconds: of `analyze` beyond the bare process, and of all reports beyond that.
TARGET = 0.15


def main(argv: Sequence[str] | None = None) -> int:
    """Make the data, run the commands in turn, and print both differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()) / "airflow_clarify_benchmarks")
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    arguments, _ = parser.parse_known_args(argv)
    for ending in ("parquet", "csv"):
        source = arguments.data_dir / f"startup-{arguments.rows}.{ending}"
        processes.make_data(source, arguments.rows, processes.EIGHTEEN_VALUES, DATA)
        with tempfile.TemporaryDirectory() as folder:
            report(f"{arguments.rows:,} rows, {ending}", measure(source, Path(folder), arguments.rounds))
    return 0


def measure(source: Path, folder: Path, rounds: int) -> dict[str, list[processes.Run]]:
    """Run the commands in turn; the first round, which fills caches, is not counted."""
    analyze = [str(Path(sys.executable).with_name("airflow-clarify")), "analyze", "--data", str(source), *OPTIONS]
    commands = {
        "bare": [sys.executable, "-c", BARE, str(source)],
        "analyze": analyze,
        "with reports": [*analyze, "--output", str(folder / "out")],
    }
    runs: dict[str, list[processes.Run]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            run = processes.run(command)
            if number:
                runs[name].append(run)
    return runs


def report(title: str, runs: dict[str, list[processes.Run]]) -> None:
    """Print the medians of each command, and how much each takes beyond the one before."""
    print(f"\n{title}\n  {'':14}{'seconds':>9}{'cpu s':>9}{'more s':>9}{'more cpu s':>12}{'target':>9}")
    before: list[processes.Run] | None = None
    for name, own in runs.items():
        figures = [statistics.median(getattr(run, field) for run in own) for field in ("seconds", "cpu_seconds")]
        line = f"  {name:14}{figures[0]:9.3f}{figures[1]:9.3f}"
        if before is not None:
            pairs = list(zip(own, before, strict=True))
            wall = statistics.median(one.seconds - other.seconds for one, other in pairs)
            cpu = statistics.median(one.cpu_seconds - other.cpu_seconds for one, other in pairs)
            line += f"{wall:9.3f}{cpu:12.3f}{TARGET:9.2f}"
        print(line, flush=True)
        before = own


if __name__ == "__main__":
    sys.exit(main())
