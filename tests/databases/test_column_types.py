"""Columns of types that databases convert without an error: weights, conditions, and empty columns."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from database_factories import Column, Database, as_parquet
from test_balance_in_databases import reviews
from test_sql_engine import HOMES, analyse

from airflow_clarify import DataConfig, DuckDBEngine
from airflow_clarify.engines.sql.column_types import infer_type, parse_column_type
from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError


@contextmanager
def table(database: Database, name: str, definition: str, rows: list[tuple[Any, ...]]) -> Iterator[None]:
    """A table of the database's own types."""
    database.drop(name)
    with closing(database.connect()) as connection:  # type: ignore[attr-defined]
        cursor = connection.cursor()
        cursor.execute(f"CREATE TABLE {name} ({definition})")
        marks = ", ".join([database.placeholder] * len(rows[0]))  # type: ignore[attr-defined]
        cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        connection.commit()
    yield
    database.drop(name)


# --- Weights ------------------------------------------------------------------------------------------------------


@HOMES
@pytest.mark.parametrize("bad", ["1,5", "", "abc", "1.5 kg", "inf", "2026-01-31"])
def test_a_text_that_is_not_a_number_is_not_a_weight(bad: str, max_cells: int, database: Database) -> None:
    weights = Column("text", ["1.5"] * 199 + [bad])
    database.load("weighted", {**reviews(), "w": weights})
    with pytest.raises(DataError, match="weight: column 'w' has 1 of 200 rows without a number"):
        analyse(database.engine(max_cells), DataConfig(table="weighted", label="sentiment", weight="w"))


@HOMES
def test_texts_that_are_numbers_are_weights(max_cells: int, database: Database, tmp_path: Path) -> None:
    columns = {**reviews(), "w": Column("text", [("1.5", " 2 ", "0", ".5e1")[n % 4] for n in range(200)])}
    database.load("weighted", columns)
    file = as_parquet(columns, tmp_path / "data.parquet")
    expected = analyse(DuckDBEngine(duckdb_conn_id=None), DataConfig(str(file), label="sentiment", weight="w"))
    found = analyse(database.engine(max_cells), DataConfig(table="weighted", label="sentiment", weight="w"))
    for result in expected.facets[0].results:
        same = found.facets[0].result(result.value)
        assert same is not None
        for metric in result.metrics:
            assert same.metric(metric.name).value == pytest.approx(metric.value, abs=1e-12)  # type: ignore[union-attr]


#: Types whose values are no weights, and what a database may be told to make of them.
NO_WEIGHTS = {
    "duckdb": ["DATE", "TIMESTAMP", "TIME", "UUID"],
    "sqlite": [],
    "postgres": ["DATE", "TIMESTAMP", "TIME", "UUID", "INTERVAL"],
    "mariadb": ["DATE", "DATETIME", "TIMESTAMP", "TIME", "YEAR", "BLOB"],
}
EXAMPLES = {
    "DATE": "2026-01-31",
    "DATETIME": "2026-01-31 10:00:00",
    "TIMESTAMP": "2026-01-31 10:00:00",
    "TIME": "10:00:00",
    "YEAR": 2026,
    "UUID": "6ccd780c-baba-1026-9564-5b8c656024db",
    "INTERVAL": "1 day",
    "BLOB": "12",
}


def test_dates_and_times_are_not_weights(database: Database) -> None:
    for kind in NO_WEIGHTS[database.name]:
        rows = [("ab"[n % 2], n // 2 % 2, EXAMPLES[kind]) for n in range(8)]
        with (
            table(database, "dated", f"f VARCHAR(9), y INTEGER, w {kind}", rows),
            # psycopg2 gives UUIDs as texts.
            pytest.raises(
                ClarifyError, match=r"^weight: column 'w' (holds \w+ values, which cannot be weights|has 8 of 8)"
            ),
        ):
            analyse(database.engine(), DataConfig(table="dated", label="y", weight="w"), "f")


def test_booleans_are_weights_of_one_and_zero(database: Database) -> None:
    columns = {**reviews(), "w": Column("boolean", [n % 2 == 0 for n in range(200)])}
    database.load("weighted", columns)
    found = analyse(database.engine(), DataConfig(table="weighted", label="sentiment", weight="w"))
    half = analyse(database.engine(), DataConfig(table="weighted", label="sentiment", where="MOD(id, 2) = 0"))
    ours, theirs = (
        {result.value: result.metric("DPL").value for result in analysis.facets[0].results}  # type: ignore[union-attr]
        for analysis in (found, half)
    )
    assert ours == pytest.approx(theirs)


# --- Conditions ---------------------------------------------------------------------------------------------------

CHOSEN: list[tuple[dict[str, Any], list[int]]] = [
    ({"t": 0}, [0]),
    ({"t": [0, 1.5]}, [0, 1]),
    ({"t": "x"}, [2]),
    ({"t": False}, []),
    ({"n": 7}, [1]),
    ({"n": "7"}, [1]),
    ({"n": 7.0}, [1]),
    ({"n": ["0", None]}, [0, 3]),
    ({"d": 0.5}, [0]),
    ({"d": "1.25"}, [1]),
    ({"b": True}, [0, 2]),
    ({"b": 0}, [1]),
    ({"b": "true"}, [0, 2]),
    ({"day": "2026-01-30"}, [2]),
]


@pytest.mark.parametrize(("where", "rows"), CHOSEN, ids=[str(where) for where, _ in CHOSEN])
def test_a_value_is_compared_by_the_type_of_the_column(
    where: dict[str, Any], rows: list[int], database: Database
) -> None:
    if database.name in ("sqlite", "mariadb") and where == {"b": "true"}:
        pytest.skip("its truth values are the numbers 0 and 1")
    days = [f"2026-01-{28 + n}" for n in range(4)]
    columns = {
        "id": Column("integer", [0, 1, 2, 3]),
        "t": Column("text", ["0", "1.5", "x", "00"]),
        "n": Column("integer", [0, 7, 70, None]),
        "d": Column("decimal", [Decimal(each) for each in ("0.50", "1.25", "3", "4")]),
        "b": Column("boolean", [True, False, True, None]),
        "day": Column("date", [datetime.date.fromisoformat(day) for day in days]),
    }
    database.load("chosen", columns)
    data = DataConfig(table="chosen", label="n", where=where)
    if not rows:
        with pytest.raises(DataError, match="the data hold no rows"):
            analyse(database.engine(), data, "id", facet_values_or_threshold=[1])
        return
    assert analyse(database.engine(), data, "id", facet_values_or_threshold=[1]).rows == len(rows)


@pytest.mark.parametrize("where", [{"n": "abc"}, {"n": ""}, {"n": [1, "x"]}], ids=str)
def test_a_value_that_is_not_a_number_is_refused_for_a_numeric_column(
    where: dict[str, Any], database: Database
) -> None:
    database.load("chosen", {"n": Column("integer", [0, 1]), "y": Column("integer", [0, 1])})
    wanted, sentence = ConfigError, "^where: column 'n' holds numbers, which .* can never match"
    if database.name == "sqlite" and where != {"n": [1, "x"]}:
        wanted, sentence = DataError, "the data hold no rows"  # type: ignore[assignment]
    if database.name == "sqlite" and where == {"n": [1, "x"]}:
        pytest.skip("a column of SQLite may hold texts, too")
    with pytest.raises(wanted, match=sentence):
        analyse(
            database.engine(), DataConfig(table="chosen", label="y", where=where), "n", facet_values_or_threshold=[1]
        )


def test_a_single_precision_float_is_matched_by_its_decimal_text(database: Database) -> None:
    kind = {"sqlite": "REAL", "postgres": "REAL"}.get(database.name, "FLOAT")
    rows = [(("ab"[n % 2]), n // 2 % 2, (0.7, 0.1, 2.5)[n % 3]) for n in range(12)]
    with table(database, "short", f"f VARCHAR(9), y INTEGER, h {kind}", rows):
        for value in (0.7, "0.7", [0.7]):
            data = DataConfig(table="short", label="y", where={"h": value})
            assert analyse(database.engine(), data, "f").rows == 4


# --- Columns without any value ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "integer", "float", "decimal", "boolean", "date"])
@pytest.mark.parametrize("role", ["grp", "facet", "label"])
def test_a_column_without_any_value_is_measured_as_by_other_engines(
    role: str, kind: str, database: Database, tmp_path: Path
) -> None:
    if database.as_stored({"x": Column(kind, [])})["x"].kind != kind or database.name == "sqlite":
        pytest.skip("it has no such type")
    columns = {
        "facet": Column("text", ["a", "b"] * 20),
        "label": Column("integer", [0, 1, 1, 1] * 10),
        "grp": Column("integer", [0, 1, 2, 3] * 10),
        role: Column(kind, [None] * 40),
    }
    database.load("bare", columns)
    file = as_parquet(columns, tmp_path / "bare.parquet")

    def measure(engine: Any, data: DataConfig) -> Any:
        try:
            analysis = analyse(engine, data, "facet", group_name="grp")
        except ClarifyError as error:
            return f"{type(error).__name__}: {error}"
        return [
            (result.value, metric.name, None if metric.value is None or math.isnan(metric.value) else metric.value)
            for result in analysis.facets[0].results
            for metric in result.metrics
        ]

    expected = measure(DuckDBEngine(duckdb_conn_id=None), DataConfig(str(file), label="label"))
    for max_cells in (200_000, 0):
        assert measure(database.engine(max_cells), DataConfig(table="bare", label="label")) == expected


@HOMES
def test_identifiers_are_texts_on_both_paths(max_cells: int, database: Database) -> None:
    if database.name == "sqlite":
        pytest.skip("it has no such type")
    ids = [f"{n:08d}-baba-1026-9564-5b8c656024db" for n in (1, 2)]
    rows = [(ids[n % 2], n // 2 % 2) for n in range(8)]
    with table(database, "identified", "f UUID, y INTEGER", rows):
        analysis = analyse(database.engine(max_cells), DataConfig(table="identified", label="y"), "f")
        assert [result.value for result in analysis.facets[0].results] == ids
        named = analyse(
            database.engine(max_cells),
            DataConfig(table="identified", label="y"),
            "f",
            facet_values_or_threshold=ids[:1],
        )
        assert named.facets[0].results[0].value == ids[0]


# --- What drivers say of types ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "code", "stored"),
    [
        ("postgres", 1043, "text"),
        ("postgres", 1700, "decimal"),
        ("postgres", 999_999, None),
        ("mysql", 246, "decimal"),
        ("mysql", 253, None),
        ("duckdb", "DECIMAL(12,2)", "decimal"),
        ("duckdb", "ENUM('x', 'y')", "text"),
        ("duckdb", "INTEGER[]", None),
        ("duckdb", "TIMESTAMP WITH TIME ZONE", "timestamp"),
        ("snowflake", 2, "text"),
        ("snowflake", 0, None),
        ("trino", "varchar(20)", "text"),
        ("trino", "array(varchar)", None),
        ("bigquery", "INT64", "integer"),
        ("tsql", str, "text"),
        ("tsql", bool, "boolean"),
        ("tsql", 3, None),
        ("sqlite", None, None),
    ],
)
def test_column_types_reported_by_drivers(dialect: str, code: Any, stored: str | None) -> None:
    found = parse_column_type(dialect, code).stored
    assert (None if found is None else found.value) == stored


def test_the_type_is_inferred_from_a_value_if_the_driver_reports_none() -> None:
    assert infer_type(True).stored is not infer_type(1).stored
    assert infer_type(b"1").no_weight == "bytes"
    assert infer_type("x").reading == infer_type(None).reading == "text"
