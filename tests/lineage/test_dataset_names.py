"""Test the OpenLineage names of datasets, and that locations contain no secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_clarify import DataConfig, DuckDBEngine, SageMakerEngine, SparkEngine, SQLEngine
from airflow_clarify.lineage.dataset import build_path_name, describe_source, describe_target, list_dataset_names


@pytest.mark.parametrize(
    ("path", "namespace", "name"),
    [
        ("/data/loans.csv", "file", "/data/loans.csv"),
        ("file:///data/loans.csv", "file", "/data/loans.csv"),
        ("s3://bucket/loans/2026/*.parquet", "s3://bucket", "loans/2026/*.parquet"),
        ("s3a://bucket/loans.csv", "s3://bucket", "loans.csv"),
        ("s3://aws_default@bucket/loans.csv", "s3://bucket", "loans.csv"),
        ("gcs://bucket/loans/", "gs://bucket", "loans/"),
        ("s3://bucket", "s3://bucket", "/"),
        ("abfss://box@store.dfs.core.windows.net/loans.csv", "abfss://box@store.dfs.core.windows.net", "loans.csv"),
        ("hdfs://name:8020/loans.csv", "hdfs://name:8020", "/loans.csv"),
        ("https://ada:secret@host/loans.csv?token=secret", "https://host", "loans.csv"),
        ("s3://bucket/loans_202?.csv", "s3://bucket", "loans_202?.csv"),
        ("s3://bucket/a#1.csv", "s3://bucket", "a#1.csv"),
        ("file:///data/a#1?.csv", "file", "/data/a#1?.csv"),
    ],
)
def test_names_of_paths(path: str, namespace: str, name: str) -> None:
    assert build_path_name(path) == (namespace, name)


@pytest.mark.parametrize(
    ("data", "engine"),
    [
        (DataConfig("https://ada:secret@host/loans.csv?sig=secret"), DuckDBEngine()),
        (
            DataConfig(query="SELECT * FROM loans WHERE url = 'https://host/x?sig=secret'"),
            SparkEngine(url="sc://spark"),
        ),
    ],
)
def test_locations_contain_no_secrets(data: DataConfig, engine: Any) -> None:
    found = describe_source(data, engine)
    assert "secret" not in json.dumps(found)
    assert list_dataset_names(found) == list_dataset_names(describe_source(data, engine))


def test_relative_paths_become_absolute() -> None:
    assert build_path_name("loans.csv") == ("file", str(Path.cwd() / "loans.csv"))


@pytest.mark.parametrize("engine", [DuckDBEngine(), SparkEngine(), SageMakerEngine(role="clarify")])
def test_names_of_files_do_not_depend_on_the_engine(engine: Any) -> None:
    found = describe_source(DataConfig("s3://bucket/loans.csv"), engine)
    assert list_dataset_names(found) == [("s3://bucket", "loans.csv")]


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> SQLEngine:
    """Configure an unreachable PostgreSQL: naming a table does not connect to it."""
    pytest.importorskip("airflow.providers.openlineage", reason="the provider openlineage is not installed")
    connection = {"conn_type": "postgres", "host": "db", "schema": "lending", "login": "ada", "password": "secret"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    return SQLEngine("warehouse")


@pytest.mark.airflow
class TestTables:
    @pytest.mark.parametrize(
        ("table", "name"),
        [
            ("risk.Loans", "lending.risk.loans"),
            ('risk."Loans"', "lending.risk.Loans"),
            (["risk", "Loans.2026"], "lending.risk.Loans.2026"),
            ("other.risk.loans", "other.risk.loans"),
        ],
    )
    def test_a_table_of_postgresql(self, warehouse: SQLEngine, table: Any, name: str) -> None:
        for found in (describe_source(DataConfig(table=table), warehouse), describe_target(table, warehouse)):
            assert list_dataset_names(json.loads(json.dumps(found))) == [("postgres://db:5432", name)]
            assert "secret" not in str(found)

    def test_the_tables_of_a_query(self, warehouse: SQLEngine) -> None:
        query = """
            WITH recent AS (SELECT * FROM risk.loans WHERE day > '2026-01-01')
            SELECT recent.*, b.sex FROM recent JOIN risk.borrowers AS b USING (borrower) JOIN risk.loans USING (id)
        """
        found = list_dataset_names(describe_source(DataConfig(query=query), warehouse))
        assert sorted(found) == [
            ("postgres://db:5432", "lending.risk.borrowers"),
            ("postgres://db:5432", "lending.risk.loans"),
        ]


def test_the_name_of_a_spark_table_contains_no_token() -> None:
    engine = SparkEngine(url="sc://spark:15002/;token=secret;user_id=ada")

    found = describe_source(DataConfig(table="lake.loans"), engine)
    assert "secret" not in json.dumps(found)
    assert list_dataset_names(found) == [("spark://spark:15002", "lake.loans")]


@pytest.mark.airflow
def test_a_spark_connection_is_resolved_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "spark_connect", "host": "spark", "port": 15003}))

    found = describe_target("lake.loans", SparkEngine("lake"))
    assert list_dataset_names(found) == [("spark://spark:15003", "lake.loans")]
    assert describe_target("s3://bucket/loans", SparkEngine("lake")) == {"path": "s3://bucket/loans"}


def test_openlineage_is_not_imported_if_it_is_not_installed() -> None:
    script = """
import sys
sys.modules["openlineage"] = None
import airflow_clarify
for name in airflow_clarify.__all__:
    getattr(airflow_clarify, name)
assert "airflow_clarify.lineage.openlineage" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
