"""The cost of counting predictions beside labels, and a second facet beside the first.

The same rows are in a Parquet file, which DuckDBEngine reads, and in a table of a PostgreSQL server on this machine.
Each figure is that of a process of its own, the least of several that run in turn: seconds with start-up and imports,
seconds of its processors (not of the server's), and seconds of the count alone, which loads DuckDB and sqlglot.

    labels       one facet, all pre-training metrics, CDDL with 50 groups
    both stages  the same with predictions, and all post-training metrics but FT; the target is 1.15 times labels
    two facets   labels, for two facets; the target is 1.2 times labels in PostgreSQL

DuckDB itself groups by four columns in 1.2 times the time of three of them, whatever the form of the query.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import processes

TESTS = Path(__file__).resolve().parents[1] / "tests"
POST_TRAINING = ["AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "GE", "RD", "SD", "TE"]
ROWS_OF_DATA = """
SELECT 'Value ' || (mix(i) % 18) AS facet, 'Value ' || (mix(i + 5) % 18) AS second, (mix(i + 17) % 2)::INTEGER AS label,
       (mix(i + 23) % 2)::INTEGER AS prediction, 'Area ' || (mix(i + 42) % 50) AS area
FROM range($rows) AS t(i)
"""
DUCKDB = "DuckDBEngine"
#: The facets and the post-training methods of each question.
QUESTIONS: dict[str, tuple[list[str], list[str] | None]] = {
    "labels": (["facet"], None),
    "both stages": (["facet"], POST_TRAINING),
    "two facets": (["facet", "second"], None),
}
TARGETS = {"both stages": 1.15, "two facets": 1.2}


def count(question: str, engine: str, source: str) -> float:
    """Count, and compute the metrics; the seconds of it."""
    from airflow_clarify import DuckDBEngine, SQLEngine
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig

    facets, post = QUESTIONS[question]
    where = {"input_path": source} if engine == DUCKDB else {"table": source}
    described = DataConfig(label="label", predicted_label="prediction", **where)
    config = AnalysisConfig.build(described, BiasConfig([1], facets, None, "area"), post_training_methods=post)
    counting = DuckDBEngine(None) if engine == DUCKDB else SQLEngine("benchmark")
    began = time.perf_counter()
    Analysis.from_contingency(counting.count(described, config), config)
    return time.perf_counter() - began


def measure(engine: str, source: str, rounds: int) -> None:
    """Ask each question in processes of its own, in turn, and print the least figures."""
    runs: dict[str, list[processes.Run]] = {question: [] for question in QUESTIONS}
    for number in range(rounds + 1):
        for question, found in runs.items():
            command = [sys.executable, "-W", "ignore", __file__, "--child", question, engine, source]
            run = processes.run(command)
            # The first round fills caches.
            found += [run] if number else []
    print(f"\n{engine}, {source}")
    print(" " * 15 + "".join(f"{heading:>11} {'x labels':>8}" for heading in ("seconds", "CPU s", "the count")))
    best = {
        question: (
            min(run.seconds for run in found),
            min(run.cpu_seconds for run in found),
            min(float(run.printed) for run in found),
        )
        for question, found in runs.items()
    }
    for question, figures in best.items():
        ratios = zip(figures, best["labels"], strict=True)
        shown = "".join(f"{figure:11.2f} {figure / first:8.2f}" for figure, first in ratios)
        target = f"  (target: {TARGETS[question]})" if question in TARGETS else ""
        print(f"  {question:13}{shown}{target}", flush=True)


def measure_postgres(path: Path, rounds: int) -> None:
    """Load the rows into a PostgreSQL server, and count them there."""
    import duckdb
    import psycopg2
    from servers import postgres

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
        measure("SQLEngine, PostgreSQL", "reviews", rounds)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the data, count them in both, print the ratios."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given[:1] == ["--child"]:
        print(count(*given[1:]))
        return 0
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
        print(f"{arguments.rows:,} rows")
        measure(DUCKDB, str(path), arguments.rounds)
        measure_postgres(path, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
