"""The time and memory of an analysis by the number of rows, of values of a facet, and of facets.

Each figure is that of a whole process of its own, start-up and imports included: of several runs, the shortest time and
the largest memory. All eight metrics are asked for, CDDL with 50 groups, of a facet with 18 values and a label with 3,
unless it says otherwise. The data are Parquet files, and tables of PostgreSQL.

    DuckDBEngine  the data are read by the task itself
    SparkEngine   they are read by a cluster of two workers with one core each, the one that the tests start on this
                  machine. Its Python is named by CLARIFY_SPARK_PYTHON (`make bench` makes that and sets it)
    SQLEngine     they are read by a PostgreSQL server on this machine

    limit         the same reader, through the same client, reads the same columns, and every value of them
    ns a row      of all processors' time beyond what a thousand rows take
    cpu s         of the task's process, and of the server's or the cluster's: it says more than the clock where others
                  use the machine too
    task MB       the peak memory of the task's process, which holds the counts, never the rows
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import processes
import psutil

TESTS = Path(__file__).resolve().parents[1] / "tests"
MILLION = 1_000_000
FEW = 1_000
ROWS = [million * MILLION for million in (1, 3, 10, 30, 100)]
TABLE_ROWS = [1 * MILLION, 10 * MILLION]
#: Rows of the data whose facets, or their values, grow.
LARGE = 10 * MILLION
VALUES = (10, 100, 1_000, 10_000)
FACETS = (1, 2, 5, 10, 20)
PARTS = ("rows", "values", "values_alone", "facets", "measurements", "arithmetic")
TABLE = "reviews"
#: Each is measured at most so often, and not again after so many seconds.
MOST_ROUNDS, ENOUGH_SECONDS = 5, 40

DUCKDB, SPARK, SQL = "DuckDBEngine", "SparkEngine", "SQLEngine"


@dataclass(frozen=True)
class Question:
    """What one process is asked.

    :param source: a Parquet file, or a table
    :param rows: how many it holds
    :param facets: how many facets are asked about
    :param values: how many values each of them has
    :param grouped: whether there is a group variable, which CDDL needs: one metric fewer where there is none
    :param measured: whether the facet is a column of measurements instead, tested above a threshold
    :param url: of the cluster
    """

    source: str
    rows: int
    facets: int = 1
    values: int = 18
    grouped: bool = True
    measured: bool = False
    url: str = ""

    @property
    def facet_columns(self) -> list[str]:
        return ["amount"] if self.measured else [f"facet_{number}" for number in range(self.facets)]

    @property
    def columns(self) -> list[str]:
        return [*self.facet_columns, "label", *(["area"] if self.grouped else [])]


@dataclass(frozen=True)
class Figures:
    """What a process took, or the best of several.

    :param seconds: from its start to its end
    :param task_cpu: seconds of the process
    :param server_cpu: seconds of what it talked to
    :param megabytes: its peak memory
    :param printed: its last line
    """

    seconds: float
    task_cpu: float
    server_cpu: float
    megabytes: float
    printed: str

    @property
    def cpu(self) -> float:
        return self.task_cpu + self.server_cpu


@dataclass(frozen=True)
class Point:
    """What was measured of an engine on some data.

    :param at: how many rows, values or facets
    :param rows: of the data
    :param ours: the analysis
    :param limit: the bare read
    """

    at: int
    rows: int
    ours: Figures
    limit: Figures


#: Points by what grows and by engine.
Numbers = dict[str, dict[str, list[Point]]]


# What the processes do. ---------------------------------------------------------------------------------------------


def make_data(question: Question) -> str:
    """Write the file. The draws are DuckDB's hashes of the row's number: no column tells anything of another."""
    import duckdb

    def drawn(column: int, values: int) -> str:
        return f"hash(i + {column * 10**10}::BIGINT) % {values}"

    columns = [f"'Value ' || ({drawn(n, question.values)}) AS facet_{n}" for n in range(question.facets)]
    columns += [f"'Label ' || ({drawn(101, 3)}) AS label", f"'Area ' || ({drawn(102, 50)}) AS area"]
    # From 0 to 1000, and hardly one of them twice.
    columns += [f"({drawn(103, 10**9)}) / 1e6 AS amount"] if question.facets == 1 else []
    query = f"SELECT {', '.join(columns)} FROM range({question.rows}) AS t(i)"
    partial = f"{question.source}.partial"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{partial}' (FORMAT parquet)")
    Path(partial).rename(question.source)
    return ""


def load_table(question: Question) -> str:
    """Load a file into PostgreSQL, as its table of so many rows."""
    import duckdb
    import psycopg2

    text = Path(question.source).with_suffix(".csv")
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM read_parquet('{question.source}')) TO '{text}' (HEADER false)")
    connection = psycopg2.connect(os.environ["SCALE_POSTGRES"])
    connection.autocommit = True
    table = table_of(question.rows)
    with connection.cursor() as cursor, text.open("rb") as lines:
        cursor.execute(f"CREATE TABLE {table} (facet_0 text, label text, area text, amount double precision)")
        cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", lines)
        cursor.execute(f"VACUUM ANALYZE {table}")
    text.unlink()
    connection.close()
    return ""


def read_with_duckdb(question: Question) -> str:
    import duckdb

    hashes = ", ".join(f"bit_xor(hash({column}))" for column in question.columns)
    return str(duckdb.execute(f"SELECT {hashes} FROM read_parquet(?)", [question.source]).fetchall())


def read_with_spark(question: Question) -> str:
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(question.url).create()
    hashes = [f"bit_xor(xxhash64({column}))" for column in question.columns]
    read = str(session.read.parquet(question.source).selectExpr(*hashes).collect())
    session.stop()
    return read


def read_with_postgres(question: Question) -> str:
    import psycopg2

    hashes = ", ".join(f"bit_xor(hashtext({column}::text))" for column in question.columns)
    if question.measured:
        hashes = hashes.replace("hashtext(amount::text)", "hashfloat8(amount)")
    with psycopg2.connect(os.environ["SCALE_POSTGRES"]) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {hashes} FROM {question.source}")
        return str(cursor.fetchall())


def analyse_with_duckdb(question: Question) -> str:
    from airflow_clarify.engines.duckdb import DuckDBEngine

    return _analyse(question, DuckDBEngine(duckdb_conn_id=None))


def analyse_with_spark(question: Question) -> str:
    from airflow_clarify.engines.spark import SparkEngine

    return _analyse(question, SparkEngine(url=question.url))


def analyse_with_postgres(question: Question) -> str:
    from airflow_clarify.engines.sql import SQLEngine

    return _analyse(question, SQLEngine("scale_postgres"))


def _analyse(question: Question, engine: Any) -> str:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
    from airflow_clarify.bias.metrics import METRICS

    where = {"table": question.source} if question.source.startswith(TABLE) else {"input_path": question.source}
    data = DataConfig(**where, label="label")
    thresholds = [[500]] if question.measured else None
    group = "area" if question.grouped else None
    methods = "all" if question.grouped else [name for name in METRICS if name != "CDDL"]
    config = AnalysisConfig.build(data, BiasConfig(["Label 1"], question.facet_columns, thresholds, group), methods)
    analysis = Analysis.from_contingency(engine.count(data, config), config)
    results = [result for facet in analysis.facets for result in facet.results]
    values = {metric.value is not None for result in results for metric in result.metrics}
    assert values == {True}, "a metric was not computed"
    return f"{len(results):,} facet values"


def arithmetic(question: Question) -> str:
    """The metrics of counts that are there already: the best of five, in seconds."""
    from itertools import product

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
    from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount

    names = [f"Value {value}" for value in range(question.values)]
    cells = [
        Cell(name, label, label == "yes", f"Area {area}", WeightedCount.from_rows(1 + (value + area) % 7))
        for (value, name), label, area in product(enumerate(names), ("yes", "no"), range(question.facets))
    ]
    contingency = Contingency("label", "yes", [FacetContingency("facet", names, cells, grouped=True)])
    data = DataConfig(input_path="data.parquet", label="label")
    config = AnalysisConfig.build(data, BiasConfig(["yes"], "facet", group_name="area"), "all")
    seconds, cpu_seconds = [], []
    for _ in range(5):
        began, began_cpu = time.perf_counter(), time.process_time()
        Analysis.from_contingency(contingency, config)
        seconds.append(time.perf_counter() - began)
        cpu_seconds.append(time.process_time() - began_cpu)
    return json.dumps({"cells": len(cells), "seconds": min(seconds), "cpu_seconds": min(cpu_seconds)})


WORK: dict[str, Callable[[Question], str]] = {
    work.__name__: work
    for work in (
        make_data,
        load_table,
        read_with_duckdb,
        read_with_spark,
        read_with_postgres,
        analyse_with_duckdb,
        analyse_with_spark,
        analyse_with_postgres,
        arithmetic,
    )
}


# How they are measured. ---------------------------------------------------------------------------------------------


@dataclass
class Server:
    """What a task talks to, for the time of its processors.

    :param process: whose descendants are the server; None where the task does everything itself
    :param url: of a cluster
    """

    process: psutil.Process | None = None
    url: str = ""

    def cpu_seconds(self) -> float:
        if self.process is None:
            return 0.0
        # Those of a server that serves each client in a process of its own are its ended children's, as a rule.
        times = [self.process.cpu_times()] if self.process.pid != os.getpid() else []
        found = sum(each.user + each.system + each.children_user + each.children_system for each in times)
        for child in self.process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                each = child.cpu_times()
                found += each.user + each.system
        return found


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Server]:
    """The tests' Spark cluster."""
    from spark_cluster import spark_cluster

    with spark_cluster(folder / "spark", os.environ["CLARIFY_SPARK_PYTHON"]) as started:
        yield Server(psutil.Process(), started.url)


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """The tests' PostgreSQL, and an Airflow connection to it."""
    import servers

    with servers.postgres() as where:
        socket = parse_qs(urlsplit(f"postgresql://{where}").query)["host"][0]
        connection = {"conn_type": "postgres", "host": socket, "login": "postgres", "schema": "postgres"}
        os.environ["AIRFLOW_CONN_SCALE_POSTGRES"] = json.dumps(connection)
        os.environ["SCALE_POSTGRES"] = f"postgresql://{where}"
        yield Server(psutil.Process(int((Path(socket) / "postmaster.pid").read_text().split()[0])))


def run(work: Callable[[Question], str], question: Question, server: Server | None = None) -> Figures:
    """Do it in a process of its own. This one stays small: a child's peak memory is never less than its parent's."""
    server = server or Server()
    child = json.dumps([work.__name__, asdict(replace(question, url=server.url))])
    before = server.cpu_seconds()
    found = processes.run([sys.executable, "-W", "ignore", __file__, "--child", child])
    # That part of a server that served the ended process takes a moment to end, too.
    if server.process is not None:
        time.sleep(0.2)
    return Figures(found.seconds, found.cpu_seconds, server.cpu_seconds() - before, found.megabytes, found.printed)


def compare(engine: str, question: Question, at: int, server: Server | None = None) -> Point:
    """An engine's analysis and its limit, in turn, the more often the faster they are."""
    limit, ours = {
        DUCKDB: (read_with_duckdb, analyse_with_duckdb),
        SPARK: (read_with_spark, analyse_with_spark),
        SQL: (read_with_postgres, analyse_with_postgres),
    }[engine]
    runs: dict[Callable[[Question], str], list[Figures]] = {limit: [], ours: []}
    began = time.monotonic()
    while len(runs[ours]) < MOST_ROUNDS and time.monotonic() - began < ENOUGH_SECONDS:
        for work, found in runs.items():
            found.append(run(work, question, server))
    point = Point(at, question.rows, best(runs[ours]), best(runs[limit]))
    facets = "measurements" if question.measured else f"{question.facets} x {question.values:,} values"
    print(
        f"  {engine}, {question.rows:,} rows, {facets}: {point.ours.seconds:.2f} s, limit {point.limit.seconds:.2f} s",
        flush=True,
    )
    return point


def best(runs: Sequence[Figures]) -> Figures:
    return Figures(
        min(found.seconds for found in runs),
        min(found.task_cpu for found in runs),
        min(found.server_cpu for found in runs),
        max(found.megabytes for found in runs),
        runs[0].printed,
    )


class Data:
    """The files, made when they are asked for.

    :param folder: where they are
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, rows: int, *, facets: int = 1, values: int = 18, asked: int | None = None) -> Question:
        """A question about a file.

        :param asked: how many of its facets, where not all
        """
        path = self.folder / f"rows-{rows}-facets-{facets}-values-{values}.parquet"
        question = Question(str(path), rows, facets, values)
        if not path.exists():
            run(make_data, question)
        return replace(question, facets=asked or facets)


def table_of(rows: int) -> str:
    return f"{TABLE}_{rows}"


def measure(parts: Sequence[str], most: int, folder: Path) -> Numbers:
    """Measure some of the parts, engine by engine: nothing else of ours runs beside what is measured.

    :param parts: which
    :param most: rows at most
    :param folder: for the data
    """
    numbers: Numbers = {part: {} for part in parts if part != "arithmetic"}
    data = Data(folder)
    if not numbers:
        return numbers
    measure_engine(DUCKDB, numbers, most, data, Server())
    if os.environ.get("CLARIFY_SPARK_PYTHON"):
        with cluster(folder) as server:
            # The first queries compile what all later ones use.
            for _ in range(2):
                run(analyse_with_spark, data.of(min(MILLION, most)), server)
            measure_engine(SPARK, numbers, most, data, server)
    else:
        print("  without Spark: CLARIFY_SPARK_PYTHON names no Python that has it", flush=True)
    if {"rows", "measurements"} & set(parts):
        with postgres() as server:
            for rows in up_to(most, TABLE_ROWS):
                run(load_table, data.of(rows))
            for part in sorted({"rows", "measurements"} & set(parts)):
                asked = [
                    Question(table_of(rows), rows, measured=part == "measurements") for rows in up_to(most, TABLE_ROWS)
                ]
                numbers[part][SQL] = [compare(SQL, question, question.rows, server) for question in asked]
    return numbers


def measure_engine(engine: str, numbers: Numbers, most: int, data: Data, server: Server) -> None:
    """Put the numbers of an engine that reads files to the others."""
    large = min(LARGE, most)
    if "rows" in numbers:
        numbers["rows"][engine] = [compare(engine, data.of(rows), rows, server) for rows in up_to(most, ROWS)]
    if "values" in numbers:
        numbers["values"][engine] = [
            compare(engine, data.of(large, values=values), values, server) for values in VALUES
        ]
    if "values_alone" in numbers:
        numbers["values_alone"][engine] = [
            compare(engine, replace(data.of(large, values=values), grouped=False), values, server) for values in VALUES
        ]
    if "facets" in numbers:
        numbers["facets"][engine] = [
            compare(engine, data.of(large, facets=max(FACETS), asked=asked), asked, server) for asked in FACETS
        ]
    if "measurements" in numbers:
        asked_of = [replace(data.of(rows), measured=True) for rows in up_to(most, TABLE_ROWS)]
        numbers["measurements"][engine] = [compare(engine, question, question.rows, server) for question in asked_of]


def up_to(most: int, sizes: Sequence[int]) -> list[int]:
    """A few rows, which tell what does not depend on their number, and the sizes that are not too large."""
    return [FEW, *(rows for rows in sizes if rows <= most)]


# How they are shown. ------------------------------------------------------------------------------------------------

TITLES = {
    "rows": "Rows; a facet of 18 values",
    "values": "Values of the facet, with 50 groups",
    "values_alone": "Values of the facet, without groups and CDDL",
    "facets": "Facets of 18 values each",
    "measurements": "Rows; a facet of measurements, nearly all different, tested above a threshold",
}


def report(numbers: Numbers) -> None:
    for part, engines in numbers.items():
        for engine, points in engines.items():
            rows = "" if part in ("rows", "measurements") else f", {points[0].rows:,} rows"
            print(f"\n{TITLES[part]}: {engine}{rows}")
            along = "rows" if part == "measurements" else part.removesuffix("_alone")
            headings = ("seconds", "x limit", "ns a row", "task cpu s", "all cpu s", "x limit", "task MB", "limit's MB")
            print(f"  {along:>12}" + "".join(f" {each:>10}" for each in headings))
            for point in points:
                ours, limit = point.ours, point.limit
                a_row = ns_a_row(point, points)
                print(
                    f"  {point.at:12,} {ours.seconds:10.2f} {ours.seconds / limit.seconds:10.2f} "
                    + (f"{a_row:10.0f}" if a_row is not None else " " * 10)
                    + f" {ours.task_cpu:10.2f} {ours.cpu:10.2f} {ours.cpu / limit.cpu:10.2f} {ours.megabytes:10.0f} "
                    f"{limit.megabytes:10.0f}"
                )
    print(flush=True)


def ns_a_row(point: Point, points: Sequence[Point]) -> float | None:
    """Of the processors' time beyond that for a few rows, where this is known; of all of it otherwise."""
    if point.rows == FEW:
        return None
    few = points[0].ours.cpu if points[0].rows == FEW else 0.0
    return (point.ours.cpu - few) / point.rows * 1e9


def report_arithmetic() -> None:
    print("\nThe arithmetic alone: 10,000 facet values, 8 metrics, CDDL with 10 groups; limit: 1 s")
    for groups in (2, 10):
        found = json.loads(run(arithmetic, Question("", 0, facets=groups, values=10_000)).printed)
        print(f"  {found['cells']:10,} cells {found['seconds']:8.2f} s {found['cpu_seconds']:8.2f} cpu s", flush=True)


def draw(numbers: Numbers, path: Path) -> None:
    """A picture of the numbers, in six panels."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    pyplot.rcParams.update({"font.size": 9, "axes.titlesize": 10.5, "axes.titlelocation": "left"})
    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7.6), dpi=120)
    (seconds, a_row, memory), (values, facets, measured) = axes

    plot(seconds, numbers.get("rows", {}), lambda point, _: point.ours.seconds, lambda point: point.limit.seconds)
    title(seconds, "Time: seconds of the whole process", "rows")
    plot(a_row, numbers.get("rows", {}), ns_a_row, None)
    title(a_row, "Time a row: ns of all processors, without the start", "rows")
    plot(memory, numbers.get("rows", {}), lambda point, _: point.ours.megabytes, None, up="linear")
    title(memory, "Memory of the task: peak, MB", "rows")
    plot(values, numbers.get("values", {}), lambda point, _: point.ours.seconds, lambda point: point.limit.seconds)
    title(values, f"Time: seconds, {_rows_of(numbers, 'values')}", "values of the facet")
    if alone := numbers.get("values_alone"):
        plot(values, alone, lambda point, _: point.ours.seconds, None, marker="o:")
        values.set_xlabel("values of the facet; dotted: without groups")
    plot(facets, numbers.get("facets", {}), lambda point, _: point.ours.seconds, lambda point: point.limit.seconds)
    title(facets, f"Time: seconds, {_rows_of(numbers, 'facets')}", "facets of 18 values each, in one analysis")
    plot(measured, numbers.get("measurements", {}), lambda point, _: point.ours.megabytes, None, up="linear")
    title(measured, "A facet of measurements: the task's peak, MB", "rows, nearly all of another value")

    engines = [engine for engine in LOOKS if any(engine in found for found in numbers.values())]
    handles = [Line2D([], [], color=LOOKS[engine][0], marker="o", markersize=4) for engine in engines]
    handles.append(Line2D([], [], color="#555555", linestyle="--", linewidth=1))
    names = [LOOKS[engine][1] for engine in engines] + ["dashed: the limit, a bare read of the same columns"]
    figure.suptitle("What an analysis with all eight metrics costs", x=0.012, ha="left", fontsize=13, fontweight="bold")
    figure.legend(handles, names, loc="upper left", ncols=len(names), frameon=False, bbox_to_anchor=(0.006, 0.965))
    figure.tight_layout(rect=(0, 0, 1, 0.94), h_pad=2.2, w_pad=2.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


#: Colour and name of each engine.
LOOKS = {
    DUCKDB: ("#0b6e99", "DuckDB, in the task"),
    SPARK: ("#c2571a", "Spark, two workers of one core"),
    SQL: ("#5b7f2b", "PostgreSQL"),
}


def plot(
    axis: Any,
    engines: dict[str, list[Point]],
    ours: Callable[[Point, Sequence[Point]], float | None],
    limit: Callable[[Point], float] | None,
    up: str = "log",
    marker: str = "o-",
) -> None:
    """A line for every engine, and a dashed one for its limit."""
    from matplotlib import ticker

    highest, ticks = 0.0, set()
    for engine, points in engines.items():
        shown = [point for point in points if point.rows > FEW]
        along = [point.at for point in shown]
        values = [ours(point, points) or 0.0 for point in shown]
        axis.plot(along, values, marker, color=LOOKS[engine][0], markersize=4, linewidth=1.6)
        if limit is not None:
            axis.plot(along, [limit(point) for point in shown], "--", color=LOOKS[engine][0], linewidth=1)
        highest = max(highest, *values)
        ticks.update(along)
        if values:
            axis.annotate(
                f"{values[-1]:.2g}" if values[-1] < 10 else f"{values[-1]:,.0f}",
                (along[-1], values[-1]),
                (0, 6),
                textcoords="offset points",
                ha="center",
                color=LOOKS[engine][0],
            )
    axis.set(xscale="log", yscale=up)
    if up == "linear":
        axis.set_ylim(0, 1.25 * highest or 1)
    else:
        axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(ticker.NullFormatter())
    axis.xaxis.set_major_locator(ticker.FixedLocator(sorted(ticks)))
    axis.xaxis.set_minor_locator(ticker.NullLocator())
    axis.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short(value)))
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def title(axis: Any, text: str, along: str) -> None:
    axis.set_title(text, pad=9)
    axis.set_xlabel(along)


def _rows_of(numbers: Numbers, part: str) -> str:
    points = next(iter(numbers.get(part, {}).values()), None)
    return f"{short(points[0].rows)} rows" if points else "rows"


def added(numbers: Numbers, path: Path) -> Numbers:
    """The numbers and those of a file, which is written anew with all of them."""
    if path.exists():
        kept = json.loads(path.read_text())
        read = {
            part: {
                engine: [
                    Point(**{**point, "ours": Figures(**point["ours"]), "limit": Figures(**point["limit"])})
                    for point in points
                ]
                for engine, points in engines.items()
            }
            for part, engines in kept.items()
        }
        numbers = {part: {**read.get(part, {}), **numbers.get(part, {})} for part in {**read, **numbers}}
    plain = {
        part: {engine: [asdict(point) for point in points] for engine, points in engines.items()}
        for part, engines in numbers.items()
    }
    path.write_text(json.dumps(plain, indent=1))
    return numbers


def short(number: float) -> str:
    """Such as 10 M."""
    return f"{number / MILLION:g} M" if number >= MILLION else f"{number:,.0f}"


# What is asked for. -------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Make the data, run everything, print the tables, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=max(ROWS), help="the most")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS, help="all, unless some are named")
    parser.add_argument("--picture", type=Path, help="a PNG to draw")
    parser.add_argument("--numbers", type=Path, help="a JSON file to add the numbers to, and to draw from")
    parser.add_argument("--data-dir", type=Path, help="where to leave the data for the next time: two gigabytes")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments, _ = parser.parse_known_args(argv)
    if arguments.child:
        work, question = json.loads(arguments.child)
        print(WORK[work](Question(**question)))
        return 0
    sys.path.insert(0, str(TESTS))
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-scale-") as temporary:
        os.environ["AIRFLOW_HOME"] = f"{temporary}/airflow"
        folder = arguments.data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        numbers = measure(arguments.parts, arguments.rows, folder)
    report(numbers)
    if arguments.numbers:
        numbers = added(numbers, arguments.numbers)
    if arguments.picture:
        draw(numbers, arguments.picture)
    if "arithmetic" in arguments.parts:
        report_arithmetic()
    return 0


if __name__ == "__main__":
    sys.exit(main())
