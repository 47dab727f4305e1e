"""The Spark cluster of the tests, the connection of Airflow's Spark provider to it, and the versions of the extra."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
import pyarrow.parquet
import pytest
from airflow.providers.apache.spark.hooks.spark_connect import SparkConnectHook
from spark_cluster import WORKERS, SparkCluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROJECT = Path(__file__).resolve().parents[2]

ROWS = [("FMX"[n % 3], n % 2) for n in range(600)]
COUNTED = [("F", 0, 100), ("F", 1, 100), ("M", 0, 100), ("M", 1, 100), ("X", 0, 100), ("X", 1, 100)]


@pytest.fixture
def session(spark: SparkCluster) -> Iterator[SparkSession]:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote(spark.url).create()
    yield session
    session.stop()


def counts(rows: list[Any]) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in rows)


@pytest.mark.server
@pytest.mark.slow
def test_the_cluster_has_two_workers(spark: SparkCluster) -> None:
    workers = spark.workers()

    assert len(workers) == WORKERS == 2
    assert [worker["coresused"] for worker in workers] == [1, 1]
    assert len({worker["port"] for worker in workers}) == 2


@pytest.mark.server
@pytest.mark.slow
def test_a_csv_file_is_counted(session: SparkSession, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("facet,label\n" + "".join(f"{facet},{label}\n" for facet, label in ROWS))

    rows = session.read.csv(str(file), header=True, schema="facet string, label int")

    assert counts(rows.groupBy("facet", "label").count().collect()) == COUNTED


@pytest.mark.server
@pytest.mark.slow
def test_a_parquet_file_is_counted(session: SparkSession, tmp_path: Path) -> None:
    facets, labels = zip(*ROWS, strict=True)
    file = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"facet": facets, "label": labels}), file)

    counted = session.sql(
        "SELECT facet, label, count(*) FROM {rows} GROUP BY facet, label", rows=session.read.parquet(str(file))
    )

    assert counts(counted.collect()) == COUNTED


@pytest.mark.server
@pytest.mark.slow
def test_both_workers_execute_tasks(spark: SparkCluster, session: SparkSession) -> None:
    tasks = 8
    before = spark.tasks_by_executor()

    assert session.conf.get("spark.master") == spark.master_url
    assert session.range(0, 10_000_000, 1, tasks).selectExpr("sum(id) AS n").collect()[0].n == 49_999_995_000_000

    def done() -> dict[str, int]:
        return {executor: finished - before[executor] for executor, finished in spark.tasks_by_executor().items()}

    end = time.monotonic() + 30
    while sum(done().values()) < tasks and time.monotonic() < end:
        time.sleep(0.1)
    assert sum(done().values()) >= tasks
    assert [finished > 0 for finished in done().values()] == [True] * WORKERS


@pytest.mark.server
@pytest.mark.slow
def test_the_connection_of_the_spark_provider_works(
    spark: SparkCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql import SparkSession

    monkeypatch.setenv("AIRFLOW_CONN_CLARIFY_SPARK", spark.airflow_connection())

    url = SparkConnectHook("clarify_spark").get_connection_url()
    session = SparkSession.builder.remote(url).create()

    assert url == f"{spark.url}/"
    assert session.range(3).count() == 3
    session.stop()


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ({"host": "spark.example", "port": 15002}, "sc://spark.example:15002/"),
        ({"host": "spark.example"}, "sc://spark.example/"),
        ({"host": "sc://spark.example", "port": 15002}, "sc://spark.example:15002/"),
        ({"host": "h", "login": "ada", "password": "s;c=ret"}, "sc://h/;user_id=ada;token=s%3Bc%3Dret"),
        ({"host": "h", "extra": {"use_ssl": True}}, "sc://h/;use_ssl=True"),
        ({"host": "h", "extra": {"use_ssl": False, "session_id": "never sent"}}, "sc://h/;use_ssl=False"),
        (
            {"host": "h", "login": "a", "password": "t", "extra": {"use_ssl": True}},
            "sc://h/;user_id=a;token=t;use_ssl=True",
        ),
    ],
)
def test_the_url_that_the_provider_builds_from_a_connection(
    connection: dict[str, Any], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CLARIFY_SPARK", json.dumps({"conn_type": "spark_connect", **connection}))

    assert SparkConnectHook("clarify_spark").get_connection_url() == url


@pytest.mark.parametrize(
    ("parameters", "secure", "user", "token"),
    [
        ("", False, None, None),
        (";user_id=ada", False, "ada", None),
        (";use_ssl=True", True, None, None),
        (";use_ssl=False", False, None, None),
        # Whatever is said of SSL: a token is only ever sent encrypted.
        (";token=s%3Bc%3Dret;use_ssl=False", True, None, "s;c=ret"),
    ],
)
def test_the_channel_that_the_client_builds_from_the_url(
    parameters: str, secure: bool, user: str | None, token: str | None
) -> None:
    from pyspark.sql.connect.client import DefaultChannelBuilder

    channel = DefaultChannelBuilder(f"sc://spark.example/{parameters}")

    assert (channel.endpoint, channel.secure, channel.userId, channel.token) == (
        "spark.example:15002",
        secure,
        user,
        token,
    )


def test_the_extra_allows_the_tested_versions() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())

    extra = project["project"]["optional-dependencies"]["spark"]
    assert [requirement for requirement in extra if requirement not in project["dependency-groups"]["test"]] == []
