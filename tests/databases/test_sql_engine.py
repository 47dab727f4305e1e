"""The SQL engine: configurations, the statements that it sends, and its errors."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clothing_reviews import build_reviews_csv
from database_factories import Column, Database
from test_balance_in_databases import reviews
from test_same_in_databases import HOSTILE

from airflow_clarify import BiasConfig, DataConfig, DuckDBEngine, SQLEngine
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.engines.sql.connection import DbApiRunner
from airflow_clarify.engines.sql.dialects import get_dialect
from airflow_clarify.exceptions import ConfigError, DataError

HOMES = pytest.mark.parametrize("max_cells", [200_000, 0], ids=["at home", "afar"])


def analyse(engine: Any, data: DataConfig, facet: Any = "category", **asked: Any) -> Analysis:
    bias = {"label_values_or_threshold": [1], "facet_name": facet, **asked}
    config = AnalysisConfig.build(data, BiasConfig(**bias))
    return Analysis.from_contingency(engine.count(data, config), config)


@pytest.fixture
def loaded(database: Database) -> Database:
    """The database, with 200 reviews."""
    database.load("reviews", reviews())
    return database


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record all SQL that is sent."""
    sent: list[str] = []
    execute = DbApiRunner._execute

    def listening(self: DbApiRunner, cursor: Any, sql: str) -> None:
        sent.append(sql)
        execute(self, cursor, sql)

    monkeypatch.setattr(DbApiRunner, "_execute", listening)
    return sent


# --- The lab ------------------------------------------------------------------------------------------------------


@HOMES
def test_the_lab_has_the_same_results_in_every_database(max_cells: int, database: Database, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text(build_reviews_csv(), newline="")
    sentiments, _, categories = zip(*list(csv.reader(io.StringIO(build_reviews_csv())))[1:], strict=True)
    columns = {"sentiment": Column("integer", list(map(int, sentiments))), "category": Column("text", categories)}
    database.load("lab", columns)
    file = DataConfig(str(tmp_path / "reviews.csv"), label="sentiment")
    expected = analyse(DuckDBEngine(duckdb_conn_id=None), file, "product_category")
    found = analyse(database.engine(max_cells), DataConfig(table="lab", label="sentiment"))
    assert found.rows == 22_626
    assert len(found.facets[0].results) == 18
    for result in expected.facets[0].results:
        here = found.facets[0].result(result.value)
        assert here is not None
        for metric in result.metrics:
            same = here.metric(metric.name)
            assert same is not None
            assert same.error == metric.error
            assert metric.value is None or same.value == pytest.approx(metric.value, rel=0, abs=1e-12)


# --- What a database is asked -------------------------------------------------------------------------------------


def test_a_count_is_one_statement(loaded: Database, asked: list[str]) -> None:
    analyse(loaded.engine(), DataConfig(table="reviews", label="sentiment"), group_name="note")
    *columns, counting = asked
    assert any("WHERE 1 = 0" in sql for sql in columns)
    assert "GROUP BY" in counting
    # MariaDB is asked what it is and which columns are texts, too.
    assert len(columns) == (4 if loaded.name == "mariadb" else 1)
    assert not any("GROUP BY" in sql for sql in columns)


def test_several_facets_are_counted_in_one_statement_if_the_database_supports_it(
    loaded: Database, asked: list[str]
) -> None:
    analysis = analyse(loaded.engine(), DataConfig(table="reviews", label="sentiment"), ["category", "note"])
    assert [facet.column for facet in analysis.facets] == ["category", "note"]
    counting = [sql for sql in asked if "COUNT(*)" in sql]
    has_sets = loaded.name not in ("sqlite", "mariadb")
    assert len(counting) == (1 if has_sets else 2)
    assert all(("GROUPING SETS" in sql) == has_sets for sql in counting)


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_results_do_not_depend_on_the_number_of_facets(
    at_once: int, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"facet {number}" for number in range(5)]
    columns = {name: Column("integer", [n % (number + 2) for n in range(420)]) for number, name in enumerate(names)}
    database.load("many", {**columns, "sentiment": Column("integer", [n % 7 % 2 for n in range(420)])})
    data = DataConfig(table="many", label="sentiment")
    alone = [analyse(database.engine(), data, name).facets[0] for name in names]
    at_once = min(at_once, get_dialect(database.dialect).facets_at_once)
    dialect = replace(get_dialect(database.dialect), facets_at_once=at_once)
    monkeypatch.setattr("airflow_clarify.engines.sql.connection.find_dialect", lambda *_: dialect)
    assert list(analyse(database.engine(), data, names).facets) == alone


@HOMES
def test_a_facet_can_be_the_group_variable_too(max_cells: int, loaded: Database) -> None:
    data = DataConfig(table="reviews", label="sentiment")
    together = analyse(loaded.engine(max_cells), data, ["category", "note"], group_name="category")
    for position, facet in enumerate(["category", "note"]):
        alone = analyse(loaded.engine(max_cells), data, facet, group_name="category")
        assert together.facets[position].results == alone.facets[0].results


def test_at_most_max_cells_are_fetched(loaded: Database, asked: list[str]) -> None:
    data = DataConfig(table="reviews", label="sentiment")
    cells = len(loaded.query("SELECT DISTINCT category, sentiment FROM reviews"))
    few, many = (analyse(loaded.engine(most), data) for most in (cells, cells - 1))
    assert few.facets == many.facets
    assert len([sql for sql in asked if "data_rows" in sql]) > 2


@HOMES
def test_a_facet_of_measurements_takes_a_threshold(max_cells: int, database: Database) -> None:
    columns = {"price": Column("float", [n + 0.5 for n in range(100)]), "sentiment": Column("integer", [0, 1] * 50)}
    database.load("priced", columns)
    data = DataConfig(table="priced", label="sentiment")
    analysis = analyse(database.engine(max_cells), data, "price", facet_values_or_threshold=[50])
    (result,) = analysis.facets[0].results
    assert result.value == "(50.0, 99.5]"
    assert result.metric("CI").value == 0  # type: ignore[union-attr]


# --- Names and values ---------------------------------------------------------------------------------------------


@HOMES
def test_names_and_values_of_any_kind(max_cells: int, database: Database) -> None:
    names = ['fa"cet', "order", "gr.oup--"]
    table = "select * from; 'x'"
    rows = [(HOSTILE[i % len(HOSTILE)], i % 2, HOSTILE[i % 3]) for i in range(120)]
    kinds = ("text", "integer", "text")
    columns = zip(*rows, strict=True)
    database.load(table, {n: Column(k, list(c)) for n, k, c in zip(names, kinds, columns, strict=True)})
    data = DataConfig(table=[table], label="order", where={'fa"cet': HOSTILE})
    analysis = analyse(database.engine(max_cells), data, 'fa"cet', group_name="gr.oup--")
    assert {result.value for result in analysis.facets[0].results} == set(HOSTILE)
    named = analyse(database.engine(max_cells), data, 'fa"cet', facet_values_or_threshold=HOSTILE[:2])
    assert named.facets[0].results[0].value == "a,b c"
    nobody = DataConfig(table=[table], label="order", where={'fa"cet': "' OR 1=1 --"})
    with pytest.raises(DataError, match="the data hold no rows"):
        analyse(database.engine(max_cells), nobody, 'fa"cet')


def test_a_column_name_may_differ_in_case(loaded: Database) -> None:
    analysis = analyse(loaded.engine(), DataConfig(table="reviews", label="SENTIMENT"), "Category")
    assert (analysis.label, analysis.facets[0].column) == ("SENTIMENT", "Category")


def test_an_unknown_column_is_an_error_that_lists_the_columns(loaded: Database) -> None:
    with pytest.raises(ConfigError, match=r"facet: the data have no column 'colour' \(columns: 'id', 'category'"):
        analyse(loaded.engine(), DataConfig(table="reviews", label="sentiment"), "colour")


# --- Which rows take part -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    ["sentiment = 1 OR category = 'b c'", {"sentiment": 1}, {"category": ["b c", "日本"], "sentiment": 0}],
    ids=str,
)
def test_a_condition_selects_rows(where: Any, loaded: Database) -> None:
    def takes_part(category: str, sentiment: int) -> bool:
        if isinstance(where, str):
            return sentiment == 1 or category == "b c"
        return sentiment == where["sentiment"] and category in where.get("category", [category])

    expected = sum(takes_part(*row) for row in loaded.query("SELECT category, sentiment FROM reviews"))
    data = DataConfig(table="reviews", label="sentiment", where=where)
    assert analyse(loaded.engine(), data).rows == expected
    query = DataConfig(query="SELECT category, sentiment FROM reviews", label="sentiment", where=where)
    assert analyse(loaded.engine(), query).rows == expected


@pytest.mark.parametrize(
    "where",
    [
        "1 = 1) UNION SELECT (2",
        "1 = 1) GROUP BY (category",
        "category = 'a'; DROP TABLE reviews",
        "x) FROM secret WHERE (1 = 1",
        "a = ",
        "a = 1 /*",
        {"colour": "red"},
        {"category": []},
    ],
    ids=str,
)
def test_an_invalid_condition_is_refused(where: Any, loaded: Database) -> None:
    with pytest.raises(ConfigError, match=r"^where: .*"):
        analyse(loaded.engine(), DataConfig(table="reviews", label="sentiment", where=where))
    assert loaded.has("reviews")


@pytest.mark.parametrize("query", ["DELETE FROM reviews", "SELECT 1; SELECT 2", "SELEC 1", "DROP TABLE reviews"])
def test_an_invalid_query_is_refused(query: str, loaded: Database) -> None:
    with pytest.raises(ConfigError, match=r"^query: .*"):
        analyse(loaded.engine(), DataConfig(query=query, label="sentiment"))
    assert len(loaded.query("SELECT * FROM reviews")) == 200


def test_a_query_may_have_ctes_and_subqueries(loaded: Database) -> None:
    query = "WITH part AS (SELECT * FROM reviews WHERE id < 50) SELECT *, id AS number FROM part ORDER BY id -- all"
    assert analyse(loaded.engine(), DataConfig(query=query, label="sentiment")).rows == 50


def test_duplicate_column_names_are_refused(loaded: Database) -> None:
    query = "SELECT a.category, b.category, a.sentiment FROM reviews AS a JOIN reviews AS b ON a.id = b.id"
    with pytest.raises(ConfigError, match="query: two columns are named 'category'; give one another name"):
        analyse(loaded.engine(), DataConfig(query=query, label="sentiment"))


# --- What goes wrong ----------------------------------------------------------------------------------------------


def test_a_missing_table(loaded: Database) -> None:
    with pytest.raises(DataError, match="nothing_here") as raised:
        analyse(loaded.engine(), DataConfig(table="nothing_here", label="y"))
    assert "\n" not in str(raised.value)
    assert loaded.conn_id in str(raised.value)


def test_an_empty_table(database: Database) -> None:
    database.load("empty", {name: Column("integer", []) for name in ("category", "sentiment")})
    with pytest.raises(DataError, match="empty: the data hold no rows, so there is nothing to measure"):
        analyse(database.engine(), DataConfig(table="empty", label="sentiment"))


@HOMES
@pytest.mark.parametrize("weight", [None, -1.0, 1e200, 1.7e308, 1e-200])
def test_invalid_weights(weight: float | None, max_cells: int, database: Database) -> None:
    weights = Column("float", [1.0] * 198 + [weight] * 2)
    database.load("weighted", {**reviews(), "w": weights})
    data = DataConfig(table="weighted", label="sentiment", weight="w")
    with pytest.raises(DataError, match="weight: column 'w' has 2 of 200 rows without a number from 0"):
        analyse(database.engine(max_cells), data)


def test_connections_that_are_not_supported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = DataConfig(table="reviews", label="sentiment")
    with pytest.raises(ConfigError, match="conn_id: there is no Airflow connection 'not_there'; add it, or name"):
        analyse(SQLEngine("not_there"), data)
    monkeypatch.setenv("AIRFLOW_CONN_CLOUD", json.dumps({"conn_type": "aws"}))
    with pytest.raises(ConfigError, match=r"conn_id: the connection 'cloud' \(type aws\) is not an SQL connection"):
        analyse(SQLEngine("cloud"), data)
    monkeypatch.setenv("AIRFLOW_CONN_EXOTIC", json.dumps({"conn_type": "exotic"}))
    with pytest.raises(ConfigError, match=r"conn_id: the connection 'exotic' \(type exotic\) has no hook here"):
        analyse(SQLEngine("exotic"), data)
    monkeypatch.setenv("AIRFLOW_CONN_HERE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "db")}))
    with pytest.raises(ConfigError, match="dialect: there is no 'cobol'; choose one of athena, bigquery"):
        analyse(SQLEngine("here", dialect="cobol"), data)
    gone = {"conn_type": "postgres", "host": str(tmp_path), "login": "me", "schema": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_GONE", json.dumps(gone))
    with pytest.raises(DataError, match="the connection 'gone' cannot be opened"):
        analyse(SQLEngine("gone"), data)


def test_a_running_query_can_be_cancelled(all_databases: dict[str, Database]) -> None:
    database = all_databases["postgres"]
    engine = database.engine()
    data = DataConfig(query="SELECT 1 AS category, 1 AS sentiment, CAST(pg_sleep(600) AS TEXT) AS z", label="sentiment")
    threading.Timer(2, engine.cancel).start()
    begun = time.monotonic()
    with pytest.raises(DataError, match="stopped while it ran a query"):
        analyse(engine, data, "category", group_name="z")
    assert time.monotonic() - begun < 30


# --- Data that an engine cannot read ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "data", "sentence"),
    [
        (SQLEngine("x"), DataConfig("data.csv"), "input_path: a database cannot read data.csv; load it into"),
        (
            SQLEngine("x"),
            DataConfig(table="t", na_values=["?"]),
            "na_values: it describes a file, and the data are",
        ),
        (DuckDBEngine(), DataConfig(table="t"), "table: DuckDBEngine reads files .* engine=SQLEngine"),
        (DuckDBEngine(), DataConfig(query="SELECT 1"), "query: DuckDBEngine reads files"),
        (
            DuckDBEngine(),
            DataConfig("data.csv", where="a = 1"),
            "where: DuckDBEngine reads all rows of its files",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unsupported_configurations_are_refused(engine: Any, data: DataConfig, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        engine.check_data(data)


@pytest.mark.parametrize("where", [{"category": None}, {"category": ["b c", None]}], ids=str)
def test_missing_values_can_be_selected(where: dict[str, Any], database: Database) -> None:
    categories = ["b c", None, "x", None] * 10
    database.load("gaps", {"category": Column("text", categories), "sentiment": Column("integer", [0, 1] * 20)})
    data = DataConfig(table="gaps", label="sentiment", where=where)
    assert analyse(database.engine(), data).rows == (20 if where["category"] is None else 30)
