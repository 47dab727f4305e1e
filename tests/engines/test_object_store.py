"""Counting in an object store, through an Airflow connection, on a real S3 server."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from counting_factories import LOANS, count, tallies
from servers import S3Server, s3_server

from airflow_clarify import AnalysisConfig, BiasConfig, BiasHistory, DataConfig, Thresholds, analyze
from airflow_clarify.artifacts import read_analysis, write_analysis, write_verdict
from airflow_clarify.exceptions import ConfigError, DataError, OutputError
from airflow_clarify.history.folder import FolderHistory
from airflow_clarify.history.record import HistoryRecord
from airflow_clarify.io.filesystem import _find_default_connection

pytestmark = [pytest.mark.airflow, pytest.mark.server]

JSON = '{"gender": "F", "approved": 1}\n{"gender": "M", "approved": 0}\n' * 30
BIG_ROWS = 300_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("objects")
    query = (
        f"SELECT 'g' || (i % 3) AS gender, i % 2 AS approved, md5(i::VARCHAR) AS note FROM range({BIG_ROWS}) AS t(i)"
    )
    for ending in ("csv", "parquet"):
        duckdb.execute(f"COPY ({query}) TO '{folder}/big.{ending}'")
    partition = "COPY (SELECT {approved} AS approved FROM range(30)) TO '{folder}/{name}.parquet'"
    for name, approved in (("F", 1), ("M", 0)):
        duckdb.execute(partition.format(approved=approved, folder=folder, name=name))
    with s3_server() as server:
        client = server.client()
        client.create_bucket(Bucket="lab")
        objects = {
            "loans.csv": LOANS.encode(),
            "loans.csv.gz": gzip.compress(LOANS.encode()),
            "loans.jsonl": JSON.encode(),
            "two/a.csv": LOANS.encode(),
            "two/sub/b.csv": LOANS.encode(),
            "two/_SUCCESS": b"",
            "two/.part.csv.crc": b"\x00",
            "bare/part-0": LOANS.encode(),
            "bare/sub/part-1": LOANS.encode(),
            "bare/_temporary/part-2": b"\x00",
            "odd/[1] a+b%20.csv": LOANS.encode(),
            "ragged.csv": (LOANS + "F\n").encode(),
            "empty.csv": b"",
            "big.csv": (folder / "big.csv").read_bytes(),
            "big.parquet": (folder / "big.parquet").read_bytes(),
            "hive/gender=F/part.parquet": (folder / "F.parquet").read_bytes(),
            "hive/gender=M/part.parquet": (folder / "M.parquet").read_bytes(),
        }
        for key, body in objects.items():
            client.put_object(Bucket="lab", Key=key, Body=body)
        yield server


@pytest.fixture(autouse=True)
def _connected(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # Airflow keeps the filesystem of a connection, so each module that has a server has a connection of its own.
    monkeypatch.setenv("AIRFLOW_CONN_OBJECTS", store.airflow_connection())


COUNTED = {"F": (30, 0), "M": (0, 30)}
TWICE = {"F": (60, 0), "M": (0, 60)}


@pytest.mark.parametrize(
    ("location", "found", "about"),
    [
        ("s3://lab/loans.csv", COUNTED, {}),
        ("s3://lab/loans.csv.gz", COUNTED, {}),
        ("s3://lab/loans.jsonl", COUNTED, {}),
        ("s3://lab/two", TWICE, {}),
        ("s3://lab/two/", TWICE, {}),
        ("s3://lab/two/*.csv", COUNTED, {}),
        ("s3://lab/two/**/*.csv", TWICE, {}),
        ("s3://lab/bare/**", TWICE, {}),
        ("s3://lab/odd", COUNTED, {}),
        ("s3://lab/odd/[[]1] a+b%20.csv", COUNTED, {}),
        ("s3://lab/hive", COUNTED, {"dataset_type": "application/x-parquet"}),
        ("s3://lab/hive/*/part.parquet", COUNTED, {}),
    ],
)
def test_every_format_is_read_from_a_store(location: str, found: Any, about: dict[str, Any]) -> None:
    assert tallies(count(location, conn_id="objects", **about)[0]) == found


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_large_object_is_read_in_ranges(ending: str) -> None:
    found = tallies(count(f"s3://lab/big.{ending}", conn_id="objects")[0])
    assert found == {f"g{i}": (BIG_ROWS // 6, BIG_ROWS // 6) for i in range(3)}


def test_without_a_connection_the_default_connection_is_used(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where Airflow runs, it is imported; elsewhere there are no connections.
    import airflow.sdk  # noqa: F401

    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", store.airflow_connection())
    assert tallies(count("s3://lab/loans.csv")[0]) == COUNTED

    # As a gate does it, after a job of an engine that takes the default connection.
    bias = BiasConfig([1], "gender", label_type="categorical")
    analysis = analyze(DataConfig("s3://lab/loans.csv", label="approved"), bias)
    config = AnalysisConfig.build(DataConfig("x.csv", label="approved"), bias)
    analysis = write_analysis("s3://lab/bias", replace(analysis, config_sha256=config.sha256), config, formats=["html"])
    rules = Thresholds({"DPL": 0.1})
    write_verdict(analysis, rules.judge(analysis), rules)
    verdict = store.client().get_object(Bucket="lab", Key="bias/verdict.json")["Body"].read()
    assert b'"violation"' in verdict
    assert read_analysis("s3://lab/bias/analysis.json").rows == 60


def test_a_history_is_written_replaced_read_and_deleted() -> None:
    history = FolderHistory("s3://lab/bias/history", "objects")
    analysis = analyze(DataConfig("s3://lab/loans.csv", label="approved", conn_id="objects"), BiasConfig([1], "gender"))
    first = datetime(2026, 1, 1, tzinfo=UTC)

    def make_record(night: int) -> HistoryRecord:
        run = {"dag_id": "watch", "task_id": "bias", "run_id": f"night {night}"}
        return HistoryRecord.build(analysis, run=run, start=first + night * timedelta(days=1))

    assert history.read() == []
    # A backfill of several months writes and reads its records concurrently.
    records = [make_record(night) for night in range(150)]
    history.write(records)
    again = records[1].with_verdict({"outcome": "pass", "sentence": "passed", "gate": "gate"})
    history.write([again])
    found = sorted(history.read(), key=lambda record: record.period)

    assert found == [records[0], again, *records[2:]]
    assert [night.period for night in BiasHistory(history).list_nights()][-1] == "2026-05-30"
    history.delete(records[2:])
    assert len(history.read()) == 2


def test_an_object_that_is_not_a_record_is_one_sentence(store: S3Server) -> None:
    store.client().put_object(Bucket="lab", Key="other/x.json", Body=b"[]")

    with pytest.raises(DataError, match=r"^lab/other/x.json: not a record of a history") as caught:
        FolderHistory("s3://lab/other", "objects").read()
    assert "\n" not in str(caught.value)


def test_a_history_that_cannot_be_written_is_one_sentence(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STRANGER", store.airflow_connection().replace("only-on-loopback", "wrong"))
    analysis = analyze(DataConfig("s3://lab/loans.csv", label="approved", conn_id="objects"), BiasConfig([1], "gender"))

    with pytest.raises(OutputError, match=r"^s3://lab/history cannot be written: .*signature") as caught:
        FolderHistory("s3://lab/history", "stranger").write([HistoryRecord.build(analysis)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "conn_id", "uri"),
    [
        ("s3a", "aws_default", "aws://"),
        ("gs", "google_cloud_default", "google-cloud-platform://"),
        ("abfs", "wasb_default", "wasb://account@"),
        ("abfss", "adls_default", "adls://account@"),
    ],
)
def test_each_store_has_its_default_connection(
    protocol: str, conn_id: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"AIRFLOW_CONN_{conn_id.upper()}", raising=False)
    assert _find_default_connection(protocol) is None
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", uri)
    assert _find_default_connection(protocol) == conn_id


def test_a_default_connection_of_airflow_without_an_account_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WASB_DEFAULT", '{"conn_type": "wasb", "extra": {"sas_token": null}}')
    assert _find_default_connection("abfs") is None
    assert _find_default_connection("memory") is None


def test_the_connection_can_stand_in_the_uri() -> None:
    assert tallies(count("s3://objects@lab/loans.csv")[0]) == COUNTED


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("s3://lab/nothing.csv", "s3://lab/nothing.csv: no file there (.csv, .tsv, .txt); check the path"),
        ("s3://lab/nothing/*.csv", "s3://lab/nothing/*.csv: no file there (.csv, .tsv, .txt); check the path"),
        (
            "s3://nowhere/loans.csv",
            "s3://nowhere/loans.csv: cannot be listed (The specified bucket does not exist); check the path",
        ),
        ("s3://lab/empty.csv", "s3://lab/empty.csv: the file is empty"),
        (
            "s3://lab/ragged.csv",
            "s3://lab/ragged.csv: line 62 has 1 cell, not 2; correct the file, or set its dialect in csv_options",
        ),
    ],
)
def test_an_unreadable_object_is_one_sentence(location: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        count(location, conn_id="objects")
    assert str(caught.value) == said


def test_wrong_credentials_are_one_sentence(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STRANGER", store.airflow_connection().replace("only-on-loopback", "wrong"))
    with pytest.raises(DataError, match=r"^s3://lab/loans.csv: .*no permission") as caught:
        count("s3://lab/loans.csv", conn_id="stranger")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("location", "conn_id"), [("s3://lab/x.csv", "nowhere"), ("s3://nowhere@lab/x.csv", None)])
def test_a_missing_connection_is_one_sentence(location: str, conn_id: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        count(location, conn_id=conn_id)
    assert str(caught.value) == f"{location}: there is no Airflow connection 'nowhere'; add it, or name another"


def test_an_unreachable_server_is_one_sentence(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = store.airflow_connection().replace(store.endpoint, "http://127.0.0.1:9")
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", elsewhere)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(DataError) as caught:
        count("s3://lab/loans.csv", conn_id="elsewhere")
    assert str(caught.value).startswith("s3://lab/loans.csv: cannot be ")
    assert "\n" not in str(caught.value)


def test_nothing_is_written_to_the_local_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    count("s3://lab/big.csv", conn_id="objects")
    assert list(tmp_path.iterdir()) == []
