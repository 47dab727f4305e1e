"""A column of SQLite can hold numbers and texts: 1 equals "1" in analyses, searches and balances alike."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from database_factories import SqliteDatabase, connection_of

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.bias.subgroups.analysis_config import build_search_config
from airflow_clarify.bias.subgroups.config import SearchConfig

#: Each is the value of 20 rows.
VALUES = [1, "1", 2, "2", 1.0, "1.0", None, "x"]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteDatabase:
    database = SqliteDatabase(tmp_path / "mixed.db")
    monkeypatch.setenv(f"AIRFLOW_CONN_{database.conn_id.upper()}", connection_of(database))
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("CREATE TABLE data (id INTEGER, g, y INTEGER)")
        rows = [(number, VALUES[number % 8], number // 8 % 2) for number in range(160)]
        connection.executemany("INSERT INTO data VALUES (?, ?, ?)", rows)
        connection.commit()
    return database


@pytest.mark.parametrize("max_cells", [200_000, 3, 0])
def test_an_analysis_counts_equal_numbers_and_texts_as_one_value(database: SqliteDatabase, max_cells: int) -> None:
    data = DataConfig(table="data", label="y")
    counted = database.engine(max_cells).count(data, AnalysisConfig.build(data, BiasConfig([1], "g")))
    found: Counter[str | None] = Counter()
    for cell in counted.facets[0].cells:
        found[cell.facet] += cell.tally.rows
    # 1 and "1" are one value, and the number 1.0 is written "1.0".
    assert found == {"1": 40, "1.0": 40, "2": 40, None: 20, "x": 20}


def test_a_search_counts_equal_numbers_and_texts_as_one_value(database: SqliteDatabase) -> None:
    data, question = DataConfig(table="data", label="y"), SearchConfig(("g",), min_rows=1)
    found = database.engine().count_combinations(data, build_search_config(data, [1], question), question)
    assert [column.values for column in found.columns] == [("1", "1.0", "2", "x")]


@pytest.mark.parametrize("key", [(), ("id",)])
def test_a_balance_draws_equal_numbers_and_texts_from_one_stratum(
    database: SqliteDatabase, key: tuple[str, ...]
) -> None:
    plan = BalanceConfig(["g"], key=list(key), size=15, missing="keep")
    result = database.engine().balance(DataConfig(table="data"), "balanced", plan)
    assert {share.values: share.after for share in result.strata} == {
        (value,): 15 for value in ("1", "1.0", "2", "x", None)
    }
    copied = Counter(value for (value,) in database.query("SELECT CAST(g AS TEXT) FROM balanced"))
    assert set(copied.values()) == {15}
