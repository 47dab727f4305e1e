"""The history: records, folders, tables, the order of nights, and what cannot be judged."""

from __future__ import annotations

import datetime
import json
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from history_factories import DAY, FIRST, make_analysis, make_night, make_record

from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError
from airflow_clarify.history.folder import FolderHistory
from airflow_clarify.history.nights import order_nights
from airflow_clarify.history.reading import BiasHistory, open_history
from airflow_clarify.history.record import HistoryRecord, name_dataset
from airflow_clarify.history.sql import SQLHistory


def test_a_record_is_read_as_it_was_written() -> None:
    record = make_record(3)
    again = HistoryRecord.parse(record.to_json(), "x")

    assert again == record
    assert again.period == "2026-01-04"
    assert again.analysis.facets == record.analysis.facets


def test_the_order_of_facets_does_not_change_the_configuration() -> None:
    record = make_record(0)
    facets = {**record.document["facets"], "a": record.document["facets"]["g"]}
    first = replace(record, document={**record.document, "facets": facets})
    # PostgreSQL does not keep the order of keys.
    second = replace(first, document={**first.document, "facets": dict(reversed(facets.items()))})

    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != record.fingerprint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "not a record"),
        ("{", "not a record"),
        ('{"format": "airflow_clarify.summary/1"}', "not a record"),
        ('{"format": "airflow_clarify.history/2"}', "newer version"),
        ('{"format": "airflow_clarify.history/1"}', "not a record"),
    ],
)
def test_what_is_not_a_record_is_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as raised:
        HistoryRecord.parse(text, "history/x.json")

    assert str(raised.value).startswith("history/x.json: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("s3://b/loans/2026-01-31.csv", "s3://b/loans/<date>.csv"),
        ("s3://b/year=2026/month=01/day=31/", "s3://b/<date>/"),
        ("loans_20260131.parquet", "loans_<date>.parquet"),
        ("reviews", "reviews"),
        ("s3://b/v20/part-1234567.csv", "s3://b/v20/part-1234567.csv"),
    ],
)
def test_a_dataset_is_named_without_its_date(source: str, name: str) -> None:
    assert name_dataset(source) == name


def test_a_retry_replaces_its_own_record_and_no_other(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path / "history"))
    store.write([make_record(0), make_record(1)])
    repaired = make_record(0, make_analysis({"F": (1, 2), "M": (1, 2)}))
    store.write([repaired])

    by_period = {record.period: record for record in store.read()}
    assert by_period["2026-01-01"].document["rows"] == 4
    assert by_period["2026-01-02"].document["rows"] == 1000


def test_concurrent_runs_leave_complete_records(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path / "history"))
    records = [make_record(night) for night in range(4)]
    threads = [threading.Thread(target=store.write, args=([record],)) for record in records * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(record.period for record in store.read()) == [record.period for record in records]
    assert not [path for path in (tmp_path / "history").iterdir() if path.suffix != ".json"]


def test_an_empty_folder_has_no_records(tmp_path: Path) -> None:
    assert FolderHistory(str(tmp_path / "nothing")).read() == []


def test_a_history_is_a_folder_or_a_table() -> None:
    with pytest.raises(ConfigError, match="history: a folder"):
        open_history(7)
    with pytest.raises(ConfigError, match="history: table"):
        SQLHistory("warehouse", "x; DROP TABLE y")


def test_a_thousand_runs_are_read_in_under_a_second(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path / "history"))
    (tmp_path / "history").mkdir()
    record = make_record(0)
    text = json.loads(record.to_json())
    for number in range(1000):
        (tmp_path / "history" / f"{number}.json").write_text(json.dumps({**text, "run_id": str(number)}))

    begun = time.process_time()
    assert len(store.read()) == 1000
    assert time.process_time() - begun < 1


def test_records_of_a_folder_are_queried_by_duckdb(tmp_path: Path) -> None:
    import duckdb

    FolderHistory(str(tmp_path)).write([make_record(night) for night in range(3)])
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT period, analysis.rows FROM read_json_auto('{tmp_path}/*.json') ORDER BY period"
        ).fetchall()

    assert [(str(period), rows) for period, rows in found] == [(f"2026-01-0{day}", 1000) for day in (1, 2, 3)]


def test_the_data_frame_has_a_row_for_each_metric(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path))
    store.write([make_record(0), make_record(1, verdict={"outcome": "pass", "sentence": "", "gate": "gate"})])
    frame = BiasHistory(str(tmp_path)).to_pandas()

    assert list(frame["period"].unique()) == ["2026-01-01", "2026-01-02"]
    assert len(frame) == 2 * 2 * 3
    assert set(frame["metric"]) == {"CI", "DPL", "KL"}
    assert frame["outcome"].tolist() == [None] * 6 + ["pass"] * 6


# --- Nights -------------------------------------------------------------------------------------------------------


def test_a_missing_night_is_not_judged() -> None:
    nights = order_nights([make_record(night) for night in (0, 1, 4)], "history")

    assert [night.period for night in nights] == [f"2026-01-0{day}" for day in (1, 2, 3, 4, 5)]
    assert [bool(night.problem) for night in nights] == [False, False, True, True, False]
    assert "no record of this night" in nights[2].problem


def test_runs_without_data_intervals_have_missing_nights_only_if_regular() -> None:
    daily = [make_record(night, end=None) for night in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13)]
    working_days = [make_record(night, end=None) for night in range(28) if (FIRST + night * DAY).weekday() < 5]

    assert [night.period for night in order_nights(daily, "history") if night.problem] == ["2026-01-13"]
    assert not [night for night in order_nights(working_days, "history") if night.problem]


def test_a_run_that_begins_a_little_late_is_not_a_missing_night() -> None:
    late = datetime.timedelta(hours=1)
    clocks_change = [make_record(night, end=None) for night in range(20)]
    clocks_change += [make_record(night, start=FIRST + night * DAY + late, end=None) for night in range(20, 24)]
    in_local_time = [
        make_record(night, start=FIRST + night * DAY + late * (night > 3), end=FIRST + (night + 1) * DAY)
        for night in (0, 1, 2, 5, 6)
    ]

    assert not [night for night in order_nights(clocks_change, "history") if night.problem]
    assert [night.period for night in order_nights(in_local_time, "history") if night.problem] == [
        "2026-01-04",
        "2026-01-05",
    ]


def test_two_runs_of_one_night_are_not_judged() -> None:
    nights = order_nights([make_record(0), make_record(0, run_id="manual"), make_record(1)], "history")

    assert [night.record is None for night in nights] == [True, False]
    assert "two runs of one night" in nights[0].problem


def test_the_record_of_a_run_replaces_a_backfilled_one() -> None:
    backfilled = make_record(0, dag_id="", task_id="backfill", run_id="backfill__2026-01-01")
    nights = order_nights([backfilled, make_record(0)], "history")

    assert [night.record.run_id for night in nights if night.record] == ["scheduled__2026-01-01"]


def test_a_sliding_window_is_refused() -> None:
    week = [make_record(night, end=FIRST + (night + 7) * DAY) for night in range(3)]

    with pytest.raises(DataError, match="overlap; a sliding window counts rows twice"):
        order_nights(week, "history")


def test_another_configuration_is_refused() -> None:
    other = make_record(0, make_analysis({"F": (1, 2), "M": (1, 2)}, positive="yes"))

    with pytest.raises(DataError, match="another configuration"):
        order_nights([other, make_record(1)], "history")


def test_nights_whose_interval_ends_before_it_begins_are_not_judged() -> None:
    backwards = make_record(0, end=FIRST - DAY)
    early = make_record(1, recorded_at=FIRST - 3 * DAY)
    nights = order_nights([backwards, early, make_record(2)], "history")

    assert ["clock" in night.problem for night in nights] == [True, True, False]


def test_several_datasets_or_tasks_are_named(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path))
    store.write([make_record(0), make_record(1, dataset="other"), make_record(2, task_id="second")])
    history = BiasHistory(store)

    with pytest.raises(DataError, match="several datasets"):
        history.list_nights()
    with pytest.raises(DataError, match="several tasks"):
        history.list_nights(dataset="loans")
    assert len(history.list_nights(dataset="loans", task_id="bias")) == 1
    with pytest.raises(DataError, match="no record of nobody"):
        history.list_nights(dag_id="nobody")


# --- Tables -------------------------------------------------------------------------------------------------------


def write_and_read(store: SQLHistory) -> None:
    """Write, replace, read and delete records."""
    assert store.read() == []
    store.write([make_record(night) for night in range(3)])
    store.write([make_record(1, make_analysis({"F": (1, 2), "M": (1, 2)}))])

    assert [record.document["rows"] for record in store.read()] == [1000, 4, 1000]
    store.delete([make_record(0)])
    assert [record.period for record in store.read()] == ["2026-01-02", "2026-01-03"]


@pytest.mark.airflow
def test_a_table_of_sqlite(airflow_db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = tmp_path / "history.db"
    monkeypatch.setenv("AIRFLOW_CONN_HISTORY", json.dumps({"conn_type": "sqlite", "host": str(location)}))
    write_and_read(SQLHistory("history"))

    with sqlite3.connect(location) as connection:
        assert connection.execute("SELECT COUNT(*) FROM clarify_history").fetchone() == (2,)


@pytest.mark.airflow
def test_a_connection_that_does_not_exist(airflow_db: Path) -> None:
    with pytest.raises(ClarifyError, match="there is no Airflow connection 'nobody'"):
        SQLHistory("nobody").read()


def test_a_night_has_its_own_time_zone() -> None:
    local = datetime.timezone(datetime.timedelta(hours=2))
    start = datetime.datetime(2026, 1, 1, 2, tzinfo=local)

    assert HistoryRecord.build(make_night(0, 0.0), run={}, start=start).period == "2026-01-01"


def test_the_times_of_airflow_are_plain_times() -> None:
    pendulum = pytest.importorskip("pendulum")
    start = pendulum.datetime(2026, 1, 1)
    run = {"dag_id": "watch", "task_id": "bias", "run_id": "r"}
    record = HistoryRecord.build(make_night(0, 0.0), run=run, start=start, end=start.add(days=1))

    assert [night.problem for night in order_nights([record, make_record(1)], "history")] == ["", ""]


@pytest.mark.airflow
def test_a_table_is_counted_by_period_in_one_scan(
    airflow_db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, SQLEngine
    from airflow_clarify.history.backfill import backfill

    location = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(location)}))
    rows = [(str((FIRST + night * DAY).date()), "FM"[row % 2], row % 3 % 2) for night in range(5) for row in range(50)]
    with sqlite3.connect(location) as connection:
        connection.execute("CREATE TABLE loans (night TEXT, g TEXT, ok INTEGER)")
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?)", rows)
    data = DataConfig(table="loans", label="ok")
    config = AnalysisConfig.build(data, BiasConfig(label_values_or_threshold=[1], facet_name="g"), ["DPL"])
    store = FolderHistory(str(tmp_path / "history"))
    days = backfill(data, config, SQLEngine("warehouse"), store, time_column="night", every="day")
    weeks = backfill(data, config, SQLEngine("warehouse"), store, time_column="night", every="week")

    assert [(record.period, record.document["rows"]) for record in days] == [
        (f"2026-01-0{day}", 50) for day in range(1, 6)
    ]
    assert [(record.period, record.document["rows"]) for record in weeks] == [("2025-12-29", 200), ("2026-01-05", 50)]
