"""The engine on a real cluster: the numbers of the embedded engine, from files, tables and queries."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from database_factories import Column, SparkDatabase, as_parquet
from hypothesis import given, settings
from hypothesis import strategies as st
from spark_cluster import SparkCluster
from test_balance_in_databases import BY, REVIEWS, reviews
from test_same_in_databases import Case, answer, assert_same, cases, expected_of

from airflow_clarify import BiasConfig, DataConfig, DuckDBEngine, SparkEngine
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.engines.spark import session
from airflow_clarify.engines.spark.session import build_address
from airflow_clarify.exceptions import ConfigError, DataError

pytestmark = [pytest.mark.server, pytest.mark.slow]

REVIEWS_Y = DataConfig(table="reviews", label="sentiment")
BY_CATEGORY = AnalysisConfig.build(REVIEWS_Y, BiasConfig([1], "category"))

#: Every example is some seconds of a cluster's work.
EXAMPLES = max(settings.default.max_examples // 8, 2)

HOMES = pytest.mark.parametrize("max_cells", [200_000, 0], ids=["at home", "afar"])


@pytest.fixture
def engine(database: SparkDatabase) -> SparkEngine:
    database.load("reviews", reviews())
    database.drop("balanced")
    return database.engine()


# --- The same numbers ---------------------------------------------------------------------------------------------


@HOMES
@given(case=cases())
@settings(max_examples=EXAMPLES)
def test_a_table_has_the_results_of_the_embedded_engine(max_cells: int, database: SparkDatabase, case: Case) -> None:
    database.load("data", case.columns)
    data = DataConfig(table="data", label="y", weight="w" if case.weighted else None, predicted_label="p")
    with tempfile.TemporaryDirectory() as folder:
        expected = expected_of(database, case, Path(folder))
    assert_same(answer(database.engine(max_cells), data, case), expected)


#: Cells that mean something to CSV, to Spark, to pandas' reader, or to nobody.
CELLS = {
    "texts": st.sampled_from(
        ["a", "b c", "é", "日本", 'say "q"', "x,y", "two\nlines", "\\", "a\\b", "a\tb", " a", "#a"]
    ),
    "missing texts": st.sampled_from(["a", "", "NA", "nan", "None", "null", "NULL"]),
    "integers": st.integers(-20, 20).map(str) | st.sampled_from(["01", " 7", "+3", ""]),
    "floats": st.sampled_from(["1.5", "-2.25", "1e3", ".5", "3.", "inf", "", "nan", "7"]),
    "booleans": st.sampled_from(["True", "False", "true", "FALSE", ""]),
}


@st.composite
def text_cases(draw: st.DrawFn) -> Case:
    rows = draw(st.integers(2, 20))
    columns = {}
    for name in ("g", "h", "y", "z"):
        cells = CELLS[draw(st.sampled_from(sorted(CELLS)))]
        columns[name] = Column("text", draw(st.lists(cells, min_size=rows, max_size=rows)))
    columns["w"] = Column("text", draw(st.lists(st.sampled_from(["1", "0.5", "2e0"]), min_size=rows, max_size=rows)))
    positive = draw(st.lists(st.sampled_from(columns["y"].values), min_size=1, max_size=2))
    values = draw(st.none() | st.lists(st.sampled_from(columns["g"].values), min_size=1, max_size=2))
    return Case(columns, positive, values, draw(st.sampled_from([["g"], ["g", "h"]])), draw(st.booleans()))


@HOMES
@given(case=text_cases())
@settings(max_examples=EXAMPLES)
def test_cells_of_csv_files_are_read_as_by_the_embedded_engine(
    max_cells: int, database: SparkDatabase, case: Case
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        writer.writerows([tuple(case.columns), *zip(*(c.values for c in case.columns.values()), strict=True)])
        file.write_text(text.getvalue(), newline="")
        data = DataConfig(str(file), label="y", weight="w" if case.weighted else None)
        expected = answer(DuckDBEngine(duckdb_conn_id=None, threads=2), data, case)
        assert_same(answer(database.engine(max_cells), data, case), expected)


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_other_files_are_read_too(kind: str, database: SparkDatabase, tmp_path: Path) -> None:
    columns = reviews(60)
    if kind == "parquet":
        file = as_parquet(columns, tmp_path / "data.parquet")
    else:
        file = tmp_path / "data.jsonl"
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*(c.values for c in columns.values()), strict=True)]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataConfig(str(file), label="sentiment")
    config = AnalysisConfig.build(data, BiasConfig([1], "category"))
    found, expected = (engine.count(data, config) for engine in (database.engine(), DuckDBEngine(duckdb_conn_id=None)))
    assert Counter(found.facets[0].cells) == Counter(expected.facets[0].cells)


def test_several_files_of_a_folder_are_one_dataset(database: SparkDatabase, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text("y,g\n" + "1,a\n0,b\n" * 5)
    data = DataConfig(str(tmp_path), label="y")
    counted = database.engine().count(data, AnalysisConfig.build(data, BiasConfig([1], "g")))
    assert sum(cell.tally.rows for cell in counted.facets[0].cells) == 30


def test_queries_run_on_the_workers(spark: SparkCluster, engine: SparkEngine) -> None:
    before = spark.tasks_by_executor()
    engine.count(REVIEWS_Y, BY_CATEGORY)
    after = spark.tasks_by_executor()
    assert sum(after.values()) > sum(before.values())


# --- Balanced copies ----------------------------------------------------------------------------------------------


def test_a_table_has_exact_quotas_and_the_same_rows_every_time(database: SparkDatabase, engine: SparkEngine) -> None:
    drawn = []
    for _ in range(2):
        database.drop("balanced")
        result = engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"]))
        drawn.append(sorted(database.query("SELECT * FROM balanced")))
    assert drawn[0] == drawn[1]
    assert set(Counter((row[1], row[2]) for row in drawn[0]).values()) == {result.strata[0].after}
    assert set(drawn[0]) <= set(database.query("SELECT * FROM reviews"))


def test_an_existing_table_is_not_replaced(database: SparkDatabase, engine: SparkEngine) -> None:
    engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"]))
    with pytest.raises(ConfigError, match="there is a table balanced already"):
        engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"]))
    with pytest.raises(ConfigError, match=r"target: .out/path. is a path, and a table is"):
        engine.balance(REVIEWS, "out/path", BalanceConfig(BY, key=["id"]))
    with pytest.raises(ConfigError, match="Spark cannot replace a table in one step; drop balanced"):
        engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"], if_exists="replace"))


@pytest.mark.parametrize("plan", [{"strategy": "oversample"}, {"strategy": "reweigh"}, {"fraction": 0.25}], ids=str)
def test_every_strategy_has_the_results_of_the_embedded_engine(
    plan: dict[str, Any], database: SparkDatabase, engine: SparkEngine, tmp_path: Path
) -> None:
    file = as_parquet(reviews(), tmp_path / "reviews.parquet")
    target = str(tmp_path / "out.parquet")
    expected = DuckDBEngine(duckdb_conn_id=None).balance(DataConfig(str(file)), target, BalanceConfig(BY, **plan))
    result = engine.balance(DataConfig(str(file)), "balanced", BalanceConfig(BY, key=["id"], **plan))
    assert result.strata == expected.strata
    made = Counter(database.query("SELECT category, CAST(sentiment AS STRING) FROM balanced"))
    assert made == {share.values: share.after for share in expected.strata}


# --- What goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            DataConfig("/no/such/folder", label="y"),
            r"Spark: \[PATH_NOT_FOUND\] Path does not exist: file:/no/such/folder.",
        ),
        (
            DataConfig(table="no.such", label="y"),
            r"Spark: \[TABLE_OR_VIEW_NOT_FOUND\] The table or view `no`.`such` cannot",
        ),
        (DataConfig(table="reviews", label="nope"), "label: the data have no column 'nope'"),
        (
            DataConfig(table="reviews", label="y", headers=["y"]),
            "headers: it describes a file, and the data are reviews",
        ),
        (DataConfig(table="reviews", label="sentiment", where="category = 'none'"), "reviews: the data hold no rows"),
    ],
    ids=lambda value: value.source if isinstance(value, DataConfig) else "",
)
def test_errors_are_one_sentence(data: DataConfig, sentence: str, engine: SparkEngine) -> None:
    with pytest.raises((ConfigError, DataError), match=sentence) as raised:
        engine.count(data, AnalysisConfig.build(data, BiasConfig([1], "category")))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("nested", ["named_struct('a', id % 2)", "array(id % 2)", "map('a', id % 2)"])
def test_nested_values_are_refused_by_name(nested: str, database: SparkDatabase, engine: SparkEngine) -> None:
    data = DataConfig(query=f"SELECT id % 2 AS y, id % 3 AS h, {nested} AS g FROM range(12)", label="y")
    sentence = r"column 'g' holds nested values \(structs, lists or maps\)"
    with pytest.raises(ConfigError, match=rf"^facet: {sentence}"):
        engine.count(data, AnalysisConfig.build(data, BiasConfig([1], "g")))
    with pytest.raises(ConfigError, match=rf"^group_variable: {sentence}"):
        engine.count(data, AnalysisConfig.build(data, BiasConfig([1], "h", group_name="g")))
    with pytest.raises(ConfigError, match=rf"^by: {sentence}"):
        engine.balance(data, "balanced", BalanceConfig(["g"]))


def test_rows_of_too_few_cells_are_an_error(engine: SparkEngine, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("y,g,more\n1,a,x\n0,b\n1,a,x\n")
    data = DataConfig(str(tmp_path / "data.csv"), label="y")
    with pytest.raises(DataError, match=r"FAILED_READ_FILE.*data.csv.*MALFORMED_CSV_RECORD"):
        engine.count(data, AnalysisConfig.build(data, BiasConfig([1], "g")))


def test_an_unreachable_server_is_reported_within_seconds() -> None:
    begun = time.monotonic()
    with pytest.raises(DataError, match=r"the Spark Connect server at sc://127.0.0.1:1 cannot be reached") as raised:
        SparkEngine(url="sc://127.0.0.1:1/;token=secret").count(
            REVIEWS_Y, AnalysisConfig.build(REVIEWS_Y, BiasConfig([1], "g"))
        )
    assert time.monotonic() - begun < 60
    assert "secret" not in str(raised.value)


class _Wire:
    """A proxy to a server that can be cut: open connections break, and no new ones are accepted."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ends = (self._listener.accept()[0], socket.create_connection(self._server))
                self._open += ends
                for source, target in (ends, ends[::-1]):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_a_server_that_dies_during_a_query_is_reported_within_seconds(
    spark: SparkCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "PATIENCE", 6.0)
    wire = _Wire(spark.host, spark.port)
    # The workers sleep; nothing of it is left on the cluster a few seconds later.
    asleep = "reflect('java.lang.Thread', 'sleep', 2000L) IS NULL"
    data = DataConfig(query=f"SELECT id % 2 AS g, id % 2 AS y FROM range(16) WHERE {asleep}", label="y")
    engine = SparkEngine(url=f"sc://127.0.0.1:{wire.port}")
    cutter = threading.Timer(8, wire.cut)
    cutter.start()
    with pytest.raises(DataError, match=r"Spark: the server at sc://127.0.0.1:\d+ has not answered for 6 s") as raised:
        engine.count(data, AnalysisConfig.build(data, BiasConfig([1], "g")))
    cutter.join()
    ended = time.monotonic()
    assert "\n" not in str(raised.value)
    (warning,) = [said for said in map(logging.LogRecord.getMessage, caplog.records) if "does not answer" in said]
    assert "retrying for 6 s" in warning
    # And nothing else is asked of it that would take as long: neither to end the session, nor to release the query.
    engine.cancel()
    assert time.monotonic() - ended < 30


def test_errors_of_the_server_are_not_logged_with_its_stack(
    database: SparkDatabase, engine: SparkEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pyspark.sql.connect.logging import logger

    # As in a task, where Airflow sets up the logging anew.
    monkeypatch.setattr(logger, "disabled", False)
    monkeypatch.setattr(logger, "propagate", True)
    logged: list[logging.LogRecord] = []
    listener = logging.Handler()
    monkeypatch.setattr(listener, "emit", logged.append)
    logger.addHandler(listener)
    try:
        engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"]))
    finally:
        logger.removeHandler(listener)
    assert [record.getMessage()[:200] for record in logged if record.levelno >= logging.WARNING] == []


def test_a_running_query_is_cancelled(database: SparkDatabase) -> None:
    # A cross join of this size would keep the cluster busy for hours.
    query = "SELECT a.id % 3 AS g, (a.id + b.id) % 2 AS y FROM range(2000000) AS a CROSS JOIN range(2000000) AS b"
    data = DataConfig(query=query, label="y")
    engine = database.engine()
    stopper = threading.Timer(5, engine.cancel)
    stopper.start()
    begun = time.monotonic()
    with pytest.raises(DataError, match="stopped"):
        engine.count(data, AnalysisConfig.build(data, BiasConfig([1], "g")))
    assert time.monotonic() - begun < 60


def test_a_worker_that_is_started_with_python_c_does_not_end_at_the_import() -> None:
    program = """
from airflow_clarify.engines.spark import session
session._MAX_ATTEMPTS = 0
try:
    session.SparkRunner.open("sc://127.0.0.1:1")
except Exception as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.startswith("the Spark Connect server at sc://127.0.0.1:1 cannot be reached"), ran.stderr


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(SparkEngine(url="sc://host:443/;token=secret"))


def test_the_url_is_built_from_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {
        "conn_type": "spark_connect",
        "host": "spark.example.com",
        "port": 443,
        "login": "me",
        "password": "a/b=c",
    }
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_HERE", json.dumps({**fields, "extra": {"use_ssl": True}}))
    assert build_address("spark_here", None) == "sc://spark.example.com:443/;user_id=me;token=a%2Fb%3Dc;use_ssl=true"
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_HERE", json.dumps({**fields, "conn_type": "postgres"}))
    with pytest.raises(ConfigError, match="is of the type postgres; SparkEngine needs one of the type spark_connect"):
        build_address("spark_here", None)
    with pytest.raises(ConfigError, match="there is no Airflow connection 'not_there'; add it, or give a url"):
        build_address("not_there", None)
