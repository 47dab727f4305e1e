"""The history in a table of real databases, and past data that a database counts by period."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from database_factories import Column, Database

from airflow_clarify import AnalysisConfig, BiasConfig, BiasHistory, DataConfig, DuckDBEngine, SQLHistory, analyze
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.exceptions import DataError
from airflow_clarify.history.backfill import backfill
from airflow_clarify.history.folder import FolderHistory
from airflow_clarify.history.record import HistoryRecord

FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
TABLE = "clarify_history"
#: The databases in which a history is kept.
STORES = ("sqlite", "postgres")


def make_loans(nights: int = 5) -> dict[str, Column]:
    """Forty rows for each night, with hostile and missing groups."""
    rows = range(40 * nights)
    return {
        "night": Column("date", [(FIRST + row // 40 * DAY).date() for row in rows]),
        "g": Column("text", [("O'Hara", "日本", None, "b c")[row * 7 % 11 % 4] for row in rows]),
        "ok": Column("integer", [(row * 5 // 3) % 2 for row in rows]),
    }


def build_config(data: DataConfig) -> AnalysisConfig:
    return AnalysisConfig.build(data, BiasConfig(label_values_or_threshold=[1], facet_name="g"), ["CI", "DPL"])


def make_record(analysis: Analysis, night: int, **fields: str) -> HistoryRecord:
    start = FIRST + night * DAY
    run = {"dag_id": "watch", "task_id": "bias", "run_id": f"scheduled__{start.date()}", **fields}
    return HistoryRecord.build(analysis, run=run, start=start, end=start + DAY)


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """An analysis with names that need quoting."""
    file = tmp_path_factory.mktemp("loans") / "loans.csv"
    file.write_text("g,ok\n" + "O'Hara,1\n日本,0\n'; DROP TABLE x;--,1\n日本,1\n" * 10)
    return analyze(DataConfig(str(file), label="ok"), BiasConfig([1], "g"), methods=["CI", "DPL"])


@pytest.fixture
def store(database: Database) -> Iterator[SQLHistory]:
    """A history in an empty database."""
    if database.name not in STORES:
        pytest.skip(f"a history is not kept in {database.name}")
    database.drop(TABLE)
    yield SQLHistory(database.conn_id)
    database.drop(TABLE)


def test_records_are_written_replaced_read_and_deleted(store: SQLHistory, analysis: Analysis) -> None:
    records = [make_record(analysis, night) for night in range(3)]
    assert store.read() == []
    store.write(records)
    again = replace(records[1], verdict={"outcome": "pass", "sentence": "O'Hara's – 日本", "gate": "gate"})
    store.write([again])

    assert store.read() == [records[0], again, records[2]]
    store.delete(records[:1])
    assert [record.period for record in store.read()] == ["2026-01-02", "2026-01-03"]


def test_a_record_of_many_groups_is_complete(store: SQLHistory, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("g,ok\n" + "".join(f"group {group:034},{label}\n" for group in range(1500) for label in (0, 1)))
    large = analyze(DataConfig(str(file), label="ok"), BiasConfig([1], "g"), methods=["DPL"])
    record = make_record(large, 0)
    store.write([record])

    assert len(record.to_json()) > 2**16
    assert store.read() == [record]


def test_concurrent_writers_of_one_record_leave_one(store: SQLHistory, analysis: Analysis) -> None:
    store.write([make_record(analysis, 9)])
    errors: list[Exception] = []

    def write(number: int) -> None:
        try:
            for _ in range(3):
                store.write([make_record(analysis, 0), make_record(analysis, number + 1)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert [record.period[-2:] for record in store.read()] == ["01", "02", "03", "04", "05", "10"]


def test_a_table_that_is_not_a_history_is_one_sentence(store: SQLHistory, database: Database) -> None:
    database.load("reviews", {"id": Column("integer", [1])})

    with pytest.raises(DataError, match=r"table reviews of connection .* cannot be read") as raised:
        BiasHistory(replace(store, table="reviews")).list_records()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("every", ["day", "week"])
def test_a_table_is_counted_by_period_as_each_night_would_be(database: Database, every: str, tmp_path: Path) -> None:
    loans = make_loans()
    database.load("loans", loans)
    data = DataConfig(table="loans", label="ok")
    store = FolderHistory(str(tmp_path / "history"))
    records = backfill(data, build_config(data), database.engine(), store, time_column="night", every=every)  # type: ignore[arg-type]

    starts = {"day": [1, 2, 3, 4, 5], "week": [-2, 5]}[every]
    assert [record.start for record in records] == [FIRST + (day - 1) * DAY for day in starts]
    for record, nights in zip(
        records, [[1], [2], [3], [4], [5]] if every == "day" else [[1, 2, 3, 4], [5]], strict=True
    ):
        rows = [row for row in range(len(loans["ok"].values)) if row // 40 + 1 in nights]
        file = tmp_path / "night.csv"
        texts = [(loans["g"].values[row] or "", loans["ok"].values[row]) for row in rows]
        file.write_text("g,ok\n" + "".join(f"{group},{label}\n" for group, label in texts))
        alone = DuckDBEngine().count(DataConfig(str(file), label="ok"), build_config(DataConfig(str(file), label="ok")))
        expected = Analysis.from_contingency(alone, build_config(DataConfig(str(file), label="ok")))
        counted = {result.value: result for _, result in record.analysis.results()}
        assert counted == {result.value: result for _, result in expected.results()}
    assert {record.key for record in store.read()} == {record.key for record in records}
