"""What it costs to count predictions beside labels, and a second facet beside the first.

The same rows are in a Parquet file, which DuckDBEngine reads, and in a table of a PostgreSQL server on this machine.
Each figure is the median of several counts in one process, which are made in turn.

    labels       one facet, all pre-training metrics, CDDL with 50 groups
    both stages  the same with predictions, and all post-training metrics but FT; the target is 1.15 times labels
    two facets   labels, for two facets; the target is 1.2 times labels in PostgreSQL
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import processes

TESTS = Path(__file__).resolve().parents[1] / "tests"
POST_TRAINING = ["AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "GE", "RD", "SD", "TE"]
ROWS_OF_DATA = """
SELECT 'Value ' || (mix(i) % 18) AS facet, 'Value ' || (mix(i + 5) % 18) AS second, (mix(i + 17) % 2)::INTEGER AS label,
       (mix(i + 23) % 2)::INTEGER AS prediction, 'Area ' || (mix(i + 42) % 50) AS area
FROM range($rows) AS t(i)
"""
TARGETS = {"both stages": 1.15, "two facets": 1.2}


def count(engine: Any, data: dict[str, Any], facets: list[str], post: list[str] | None) -> float:
    """Count, and compute the metrics; the seconds of it."""
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig

    described = DataConfig(label="label", predicted_label="prediction", **data)
    config = AnalysisConfig.build(described, BiasConfig([1], facets, None, "area"), post_training_methods=post)
    began = time.perf_counter()
    Analysis.from_contingency(engine.count(described, config), config)
    return time.perf_counter() - began


def measure(engine: Any, data: dict[str, Any], rounds: int) -> dict[str, float]:
    """The median seconds of each question."""
    questions: dict[str, tuple[list[str], list[str] | None]] = {
        "labels": (["facet"], None),
        "both stages": (["facet"], POST_TRAINING),
        "two facets": (["facet", "second"], None),
    }
    seconds: dict[str, list[float]] = {name: [] for name in questions}
    for number in range(rounds + 1):
        for name, (facets, post) in questions.items():
            taken = count(engine, data, facets, post)
            # The first round fills caches.
            seconds[name] += [taken] if number else []
    return {name: statistics.median(each) for name, each in seconds.items()}


def report(engine: str, seconds: dict[str, float]) -> None:
    print(f"\n{engine}")
    for name, taken in seconds.items():
        target = f"  (target: {TARGETS[name]})" if name in TARGETS else ""
        print(f"  {name:12} {taken:8.2f} s  {taken / seconds['labels']:5.2f} times labels{target}", flush=True)


def measure_postgres(path: Path, rounds: int) -> None:
    """Load the rows into a PostgreSQL server, and count them there."""
    import duckdb
    import psycopg2
    from servers import postgres

    from airflow_clarify import SQLEngine

    with postgres() as where:
        socket = parse_qs(urlsplit(f"postgresql://{where}").query)["host"][0]
        connection = psycopg2.connect(host=socket, user="postgres", dbname="postgres")
        connection.autocommit = True
        with connection.cursor() as cursor, tempfile.TemporaryDirectory() as folder:
            types = "facet text, second text, label int, prediction int, area text"
            cursor.execute(f"CREATE TABLE reviews ({types})")
            copy = Path(folder) / "reviews.csv"
            duckdb.execute(f"COPY (FROM '{path}') TO '{copy}' (HEADER false)")
            with copy.open() as file:
                cursor.copy_expert("COPY reviews FROM STDIN (FORMAT csv)", file)
            cursor.execute("VACUUM ANALYZE reviews")
        given = {"conn_type": "postgres", "host": socket, "login": "postgres", "schema": "postgres"}
        os.environ["AIRFLOW_CONN_BENCHMARK"] = json.dumps(given)
        report("SQLEngine, PostgreSQL", measure(SQLEngine("benchmark"), {"table": "reviews"}, rounds))


def main(argv: Sequence[str] | None = None) -> int:
    """Make the data, count them in both, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()) / "airflow_clarify_benchmarks")
    arguments, _ = parser.parse_known_args(argv)
    sys.path.insert(0, str(TESTS))
    path = processes.make_data(
        arguments.data_dir / f"stages-{arguments.rows}.parquet", arguments.rows, query=ROWS_OF_DATA
    )
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-stages-") as home:
        os.environ["AIRFLOW_HOME"] = home
        from airflow_clarify import DuckDBEngine

        print(f"{arguments.rows:,} rows")
        report("DuckDBEngine, Parquet", measure(DuckDBEngine(None), {"input_path": str(path)}, arguments.rounds))
        measure_postgres(path, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
