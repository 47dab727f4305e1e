"""The speed of counting and measuring, against DuckDB's bare read of the same columns and against smclarify.

Each contender runs as a process of its own, start-up and imports included, in rounds; the figures are medians.
smclarify is Amazon's open-source package; it runs in an environment of its own, whose Python CLARIFY_ORACLE_PYTHON
names (`make bench` makes it and sets that).

    start-up         Python and DuckDB are imported, and nothing is read
    bare read        DuckDB reads the two columns, and every value of them: it would answer a count from statistics
    airflow_clarify  counts, seven metrics of every facet value, one against the rest
    smclarify        the same, on pandas
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import processes

NARROW = """
SELECT $facet AS product_category, (mix(i + 17) % 5 + 1)::INTEGER AS star_rating, i FROM range($rows) AS t(i)
"""
METHODS = ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]
LAB_ROWS = 396_601

START_UP = "import duckdb; duckdb.connect()"

BARE_READ = """
import duckdb, sys
path = sys.argv[1]
reader = "read_csv(?, all_varchar = true)" if path.endswith(".csv") else "read_parquet(?)"
columns = "bit_xor(hash(product_category)), bit_xor(hash(star_rating))"
print(duckdb.execute(f"SELECT {columns} FROM {reader}", [path]).fetchall())
"""

OURS = f"""
import sys
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
data = DataConfig(sys.argv[1], label="star_rating")
config = AnalysisConfig.build(data, BiasConfig([5, 4], "product_category"), {METHODS!r})
analysis = Analysis.from_contingency(DuckDBEngine(duckdb_conn_id=None).count(data, config), config)
print(len(analysis.facets[0].results), "facet values")
"""

SMCLARIFY = f"""
import sys, pandas
from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report
data = pandas.read_csv(sys.argv[1])
label = LabelColumn("star_rating", data["star_rating"], [5, 4])
found = bias_report(data, FacetColumn("product_category"), label, StageType.PRE_TRAINING, metrics={METHODS!r})
print(len(found), "facet values")
"""


def measure(source: Path, scripts: dict[str, list[str]], rounds: int) -> dict[str, list[processes.Run]]:
    """Run the contenders in turn, several times; smclarify, which is slow, once."""
    runs: dict[str, list[processes.Run]] = {name: [] for name in scripts}
    for number in range(rounds):
        for name, command in scripts.items():
            if name != "smclarify" or number == 0:
                runs[name].append(processes.run([*command, str(source)]))
                print(f"  round {number + 1}: {name} {runs[name][-1].seconds:.2f} s", flush=True)
    return runs


def report(title: str, runs: dict[str, list[processes.Run]]) -> None:
    print(f"\n{title}")
    headings = ("seconds", "cpu s", "peak MB")
    print(f"  {'':16}" + "".join(f" {heading:>10}" for heading in headings))
    for name, of_it in runs.items():
        peak = max(each.megabytes for each in of_it)
        print(f"  {name:16} {_seconds(of_it):10.2f} {_cpu(of_it):10.2f} {peak:10.0f}   {of_it[0].printed}")
    start_up = _seconds(runs["start-up"])
    ours, bare, start_up = (_seconds(runs[name]) for name in ("airflow_clarify", "bare read", "start-up"))
    print(
        f"  airflow_clarify: {ours / bare:.2f} times the bare read; {ours - 1.2 * bare:+.2f} s beyond 1.2 times it",
        end="",
    )
    print(f" (the bare read takes {bare - start_up:.2f} s over the start-up)")
    if "smclarify" in runs:
        faster = _seconds(runs["smclarify"]) / _seconds(runs["airflow_clarify"])
        print(f"  smclarify takes {faster:.1f} times as long as airflow_clarify, whole process to whole process")
    print(flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the data, run everything, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()) / "airflow_clarify_benchmarks")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--narrow-rows", type=int, default=100_000_000, help="rows of three columns, in Parquet")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-smclarify", action="store_true", help="leave it out of the large file: 200 s, 6 GB")
    arguments, _ = parser.parse_known_args(argv)
    folder: Path = arguments.data_dir

    for name, facet in (("3", processes.THREE_VALUES), ("18", processes.EIGHTEEN_VALUES)):
        lab = processes.make_data(folder / f"lab-{name}.csv", LAB_ROWS, facet)
        report(f"{LAB_ROWS:,} rows, csv, {name} facet values", measure(lab, _scripts(True), arguments.rounds))
    for ending in ("csv", "parquet"):
        source = processes.make_data(folder / f"reviews-{arguments.rows}.{ending}", arguments.rows)
        scripts = _scripts(ending == "csv" and not arguments.no_smclarify)
        report(f"{arguments.rows:,} rows, {ending}", measure(source, scripts, arguments.rounds))
    narrow = (
        "SELECT $facet AS product_category, (mix(i + 17) % 5 + 1)::INTEGER AS star_rating, i FROM range($rows) AS t(i)"
    )
    source = processes.make_data(
        folder / f"narrow-{arguments.narrow_rows}.parquet", arguments.narrow_rows, query=narrow
    )
    report(f"{arguments.narrow_rows:,} rows of 3 columns, parquet", measure(source, _scripts(False), arguments.rounds))
    return 0


def _scripts(with_smclarify: bool) -> dict[str, list[str]]:
    scripts = {"start-up": START_UP, "bare read": BARE_READ, "airflow_clarify": OURS}
    commands = {name: [sys.executable, "-c", script] for name, script in scripts.items()}
    oracle = os.environ.get("CLARIFY_ORACLE_PYTHON")
    if with_smclarify and oracle:
        commands["smclarify"] = [oracle, "-W", "ignore", "-c", SMCLARIFY]
    return commands


def _seconds(runs: list[processes.Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def _cpu(runs: list[processes.Run]) -> float:
    return statistics.median(run.cpu_seconds for run in runs)


if __name__ == "__main__":
    sys.exit(main())
