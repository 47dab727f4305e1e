"""The speed of writing a balanced copy, against that of reading all rows and writing the same number of rows.

Each contender runs as a process of its own, start-up and imports included, in rounds, so that whatever else the machine
does meets all of them alike. The figures are medians; the ratios are against the limit of the same round. Where others
use the machine too, the processors' time says more than the clock.

    limit            DuckDB reads every row and writes as many as the quotas make, by a filter on one column
    airflow_clarify  exact quotas, drawn by seed
    ... 512 MB       the same under DuckDB's memory_limit
    pandas           read, groupby(...).sample(...), write: as in the lab; it is slow, so it runs once
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import processes

BY = ["product_category", "star_rating"]
#: The strata are nearly equal; this share of a stratum is kept, as many rows as the limit's filter lets through.
KEPT_STARS = ("1", "2", "4")


def data_file(folder: Path, rows: int, ending: str) -> Path:
    return folder / f"reviews-{rows}.{ending}"


# What the processes do. ---------------------------------------------------------------------------------------------


def limit(source: str, target: str, size: int) -> int:
    import duckdb

    reader = f"read_csv('{source}', all_varchar = true)" if source.endswith(".csv") else f"read_parquet('{source}')"
    rows = f"SELECT * FROM {reader} WHERE star_rating::VARCHAR IN {KEPT_STARS}"
    return int(duckdb.execute(f"COPY ({rows}) TO '{target}'").fetchall()[0][0])


def ours(source: str, target: str, size: int, **settings: str) -> int:
    from airflow_clarify.bias.config import DataConfig
    from airflow_clarify.bias.resampling import BalanceConfig
    from airflow_clarify.engines.duckdb import DuckDBEngine

    engine = DuckDBEngine(duckdb_conn_id=None, **settings)
    return engine.balance(DataConfig(input_path=source), target, BalanceConfig(BY, size=size, seed=7)).rows_out


def ours_in_512_mb(source: str, target: str, size: int) -> int:
    return ours(source, target, size, memory_limit="512MB")


def pandas_way(source: str, target: str, size: int) -> int:
    import pandas as pd

    frame = pd.read_csv(source) if source.endswith(".csv") else pd.read_parquet(source)
    balanced = frame.groupby(BY).sample(n=size, random_state=7)
    if target.endswith(".csv"):
        balanced.to_csv(target, index=False)
    else:
        balanced.to_parquet(target)
    return len(balanced)


CONTENDERS: dict[str, Callable[[str, str, int], int]] = {
    "limit": limit,
    "airflow_clarify": ours,
    "airflow_clarify, 512 MB": ours_in_512_mb,
    "pandas": pandas_way,
}


# How they are measured. ---------------------------------------------------------------------------------------------


def run(contender: str, source: Path, size: int) -> processes.Run:
    """Run a contender in a process of its own."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        target = Path(folder) / f"balanced{source.suffix}"
        child = json.dumps([contender, str(source), str(target), size])
        return processes.run([sys.executable, __file__, "--child", child])


def measure(source: Path, size: int, rounds: int, with_pandas: bool) -> dict[str, list[processes.Run]]:
    """Run the contenders in turn, several times."""
    runs: dict[str, list[processes.Run]] = {name: [] for name in CONTENDERS}
    for number in range(rounds):
        for name in CONTENDERS:
            if name != "pandas" or (with_pandas and number == 0):
                runs[name].append(run(name, source, size))
                print(f"  {source.suffix[1:]} round {number + 1}: {name} {runs[name][-1].seconds:.1f} s", flush=True)
    return {name: of_it for name, of_it in runs.items() if of_it}


def report(title: str, runs: dict[str, list[processes.Run]]) -> None:
    print(f"\n{title}")
    headings = ("seconds", "x limit", "pandas x", "cpu s", "x limit", "peak MB", "rows")
    print(f"  {'':24}" + "".join(f" {heading:>10}" for heading in headings))
    for name, of_it in runs.items():
        seconds = statistics.median(each.seconds for each in of_it)
        cpu_seconds = statistics.median(each.cpu_seconds for each in of_it)
        pairs = list(zip(of_it, runs["limit"], strict=False))
        ratio = statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)
        cpu_ratio = statistics.median(ours.cpu_seconds / theirs.cpu_seconds for ours, theirs in pairs)
        slower = f"{runs['pandas'][0].seconds / seconds:10.1f}" if "pandas" in runs else " " * 10
        peak = max(each.megabytes for each in of_it)
        print(
            f"  {name:24} {seconds:10.2f} {ratio:10.2f} {slower} {cpu_seconds:10.2f} {cpu_ratio:10.2f} {peak:10.0f} "
            f"{int(of_it[0].printed):10,}"
        )
    print(flush=True)


def main(argv: list[str] | None = None) -> int:
    """Make the data, run everything, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()) / "airflow_clarify_benchmarks")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-pandas", action="store_true", help="leave out the slow one; it needs some 9 GB")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments, _ = parser.parse_known_args(argv)
    if arguments.child:
        contender, source, target, size = json.loads(arguments.child)
        print(CONTENDERS[contender](source, target, size))
        return 0
    size = arguments.rows * len(KEPT_STARS) // 5 // 15
    for ending in ("csv", "parquet"):
        source = processes.make_data(data_file(arguments.data_dir, arguments.rows, ending), arguments.rows)
        runs = measure(source, size, arguments.rounds, not arguments.no_pandas)
        report(f"{arguments.rows:,} rows, {ending}, {source.stat().st_size / 1e9:.2f} GB", runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
