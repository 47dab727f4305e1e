"""Progress messages while DuckDB runs a query."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from airflow_clarify import DataConfig, DuckDBEngine
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.engines.duckdb.progress import report_progress
from airflow_clarify.exceptions import DataError


def test_progress_is_reported_while_a_query_runs() -> None:
    heard: list[tuple[str, float]] = []
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE numbers AS SELECT range AS i FROM range(2_000_000)")
        with report_progress(connection, "counting", lambda what, part: heard.append((what, part))):
            while len(heard) < 3:
                connection.execute("SELECT sum(sin(i)) FROM numbers").fetchall()

    assert {what for what, _ in heard} == {"counting"}
    assert heard[0] == ("counting", -1.0)
    assert all(part == -1.0 or 0 <= part <= 1 for _, part in heard)


def test_progress_is_off_by_default() -> None:
    asked = "SELECT current_setting('enable_progress_bar')"
    with duckdb.connect() as connection:
        # DuckDB has a bar of its own where it takes a process for an interactive one.
        before = connection.execute(asked).fetchall()
        with report_progress(connection, "counting", None):
            assert connection.execute(asked).fetchall() == before


def test_the_watcher_ends_after_an_error() -> None:
    heard: list[float] = []
    with duckdb.connect() as connection:
        with (
            pytest.raises(duckdb.CatalogException),
            report_progress(connection, "counting", lambda _, part: heard.append(part)),
        ):
            connection.execute("SELECT * FROM nowhere")
        told_until_then = len(heard)
        connection.execute("SELECT 1")

    assert len(heard) == told_until_then


def test_a_copy_that_is_cancelled_between_its_lines_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("f,y\n" + "".join(f"{n % 2},{n % 3 % 2}\n" for n in range(200_000)))
    engine = DuckDBEngine(duckdb_conn_id=None)

    def cancel(what: str, part: float) -> None:
        if what == "writing the rows":
            engine.cancel()

    with pytest.raises(DataError, match="stopped before"):
        engine.balance(
            DataConfig(str(data)), str(tmp_path / "balanced.csv"), BalanceConfig(["f", "y"]), progress=cancel
        )

    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]
    # The engine is not spoilt by it.
    engine.balance(DataConfig(str(data)), str(tmp_path / "balanced.csv"), BalanceConfig(["f", "y"]))
    assert (tmp_path / "balanced.csv").exists()
