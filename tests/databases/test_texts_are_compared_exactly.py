"""Texts are compared exactly, whatever the collation of their column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from database_factories import Database
from test_sql_engine import HOMES, analyse

from airflow_clarify import DataConfig, DuckDBEngine
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.exceptions import ConfigError

#: Spellings that some collation takes for one: by case, accents, or blanks at the end.
SPELLINGS = ["a", "A", "é", "e", "E", "ss", "ß"]
LABELS = ["yes", "Yes", "no"]
ROWS = [(number, SPELLINGS[number % 7], LABELS[number % 5 % 3], SPELLINGS[number % 11 % 7]) for number in range(210)]


#: How each database is told to take some of them for one.
COLLATED = {
    "sqlite": "TEXT COLLATE NOCASE",
    "duckdb": "VARCHAR COLLATE NOCASE",
    "postgres": "CITEXT",
    "mariadb": "VARCHAR(20) COLLATE utf8mb4_general_ci",
}


@pytest.fixture
def collated(database: Database) -> Iterator[Database]:
    """Provide each database with a table whose collation ignores case."""
    connect, kind = database.connect, COLLATED[database.name]  # type: ignore[attr-defined]
    with closing(connect()) as connection:
        cursor = connection.cursor()
        if database.name == "postgres":
            cursor.execute("CREATE EXTENSION IF NOT EXISTS citext")
        cursor.execute("DROP TABLE IF EXISTS collated")
        cursor.execute("DROP TABLE IF EXISTS fair")
        cursor.execute(f"CREATE TABLE collated (id INTEGER, facet {kind}, label {kind}, grp {kind})")
        marks = ", ".join([database.placeholder] * 4)  # type: ignore[attr-defined]
        cursor.executemany(f"INSERT INTO collated VALUES ({marks})", ROWS)
        connection.commit()
    assert len(database.query("SELECT label FROM collated GROUP BY label")) == 2
    yield database
    database.drop("collated")
    database.drop("fair")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The same rows as a file."""
    path = tmp_path / "rows.parquet"
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows (id INTEGER, facet VARCHAR, label VARCHAR, grp VARCHAR)")
    connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", ROWS)
    connection.execute(f"COPY rows TO '{path}'")
    return str(path)


def values(analysis: Any) -> dict[tuple[str, str], Any]:
    return {
        (result.value, metric.name): metric.error if metric.value is None else round(metric.value, 9)
        for result in analysis.facets[0].results
        for metric in result.metrics
    }


@HOMES
@pytest.mark.parametrize(("positive", "tested"), [(["yes"], None), (["YES", "no"], ["a", "ß"])], ids=str)
def test_collations_do_not_change_results(
    positive: list[str], tested: list[str] | None, max_cells: int, collated: Database, file: str
) -> None:
    asked: dict[str, Any] = {
        "label_values_or_threshold": positive,
        "group_name": "grp",
        "facet_values_or_threshold": tested,
    }
    expected = analyse(DuckDBEngine(duckdb_conn_id=None), DataConfig(file, label="label"), "facet", **asked)
    found = analyse(collated.engine(max_cells), DataConfig(table="collated", label="label"), "facet", **asked)
    assert values(found) == values(expected)
    assert sorted(found.warnings) == sorted(expected.warnings)


def test_conditions_compare_texts_exactly(collated: Database) -> None:
    data = DataConfig(table="collated", label="label", where={"facet": ["a", "ß"], "label": ["yes", "no"]})
    expected = sum(facet in ("a", "ß") and label in ("yes", "no") for _, facet, label, _ in ROWS)
    assert analyse(collated.engine(), data, "facet", label_values_or_threshold=["yes"]).rows == expected


@pytest.mark.parametrize("key", ["id", "facet"])
def test_strata_and_keys_compare_texts_exactly(key: str, collated: Database) -> None:
    data = DataConfig(table="collated", where={"id": list(range(7))} if key == "facet" else None)
    # Each spelling stands in one of the first seven rows, so it is a key.
    by = ["grp"] if key == "facet" else ["facet", "label"]
    plan: dict[str, Any] = {"strategy": "oversample"} if key == "facet" else {}
    result = collated.engine().balance(data, "fair", BalanceConfig(by, key=[key], if_exists="replace", **plan))
    made = Counter(collated.query(f"SELECT {', '.join(by)} FROM fair"))
    assert len(result.strata) == len(set(made)) == len({share.values for share in result.strata})
    assert set(made.values()) == {share.after for share in result.strata}


def test_equal_texts_are_a_duplicate_key(collated: Database) -> None:
    with pytest.raises(ConfigError, match="key: facet does not identify every row"):
        collated.engine().balance(DataConfig(table="collated"), "fair", BalanceConfig(["label"], key=["facet"]))
