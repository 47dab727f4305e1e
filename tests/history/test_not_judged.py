"""Nights that could not be judged: they are in the history and in XCom, and never count as a pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from history_factories import make_analysis, make_context, make_night, make_record

from airflow_clarify import BiasConfig, BiasGateOperator, ClarifyPreTrainingBiasOperator, DataConfig
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.cli.main import main
from airflow_clarify.exceptions import ConfigError, UnfitDataError
from airflow_clarify.history.backtest import backtest
from airflow_clarify.history.baseline import accept_baseline, find_baseline
from airflow_clarify.history.folder import FolderHistory
from airflow_clarify.history.nights import order_nights
from airflow_clarify.history.reading import BiasHistory
from airflow_clarify.history.record import NOT_JUDGED, HistoryRecord, name_outcome
from airflow_clarify.history.series import build_series
from airflow_clarify.operators._not_judged import build_not_judged_verdict


def fail_night(night: int, reason: str = "the data have no rows") -> HistoryRecord:
    record = make_record(night)
    run = {"dag_id": record.dag_id, "task_id": record.task_id, "run_id": record.run_id}
    return HistoryRecord.build_not_judged(reason, record.dataset, run=run, start=record.start, end=record.end)


def test_a_record_without_counts_is_read_as_it_was_written() -> None:
    record = fail_night(2)
    again = HistoryRecord.parse(record.to_json(), "x")

    assert again == record
    assert again.describe()["outcome"] == NOT_JUDGED
    assert again.reason == "the data have no rows"
    with pytest.raises(UnfitDataError, match="2026-01-03 has no counts: the data have no rows"):
        _ = again.analysis


def test_a_verdict_of_too_few_rows_is_not_a_pass_in_the_history() -> None:
    analysis = make_night(0, 0.3)
    rules = Thresholds({"DPL": 0.1}, min_rows=10_000, below_min_rows="pass")
    verdict = rules.judge(analysis)

    assert verdict.passed
    assert name_outcome(verdict) == NOT_JUDGED
    assert HistoryRecord.build(analysis, verdict=verdict, gate="gate").describe()["outcome"] == NOT_JUDGED


def test_a_failed_night_is_an_outcome_of_its_own_in_a_back_test() -> None:
    judged = backtest(
        order_nights([make_record(0), fail_night(1), make_record(2)], "history"), Thresholds({"DPL": 0.5})
    )

    assert [night.outcome for night in judged] == ["pass", NOT_JUDGED, "pass"]
    assert judged[1].sentence == "the data have no rows"
    assert judged[1].run_id == "scheduled__2026-01-02"


def test_a_successful_run_takes_the_place_of_a_failed_one_of_the_same_night() -> None:
    manual = make_record(1, run_id="manual")
    (first, second) = order_nights([make_record(0), fail_night(1), manual], "history")

    assert second.record == manual
    assert first.record is not None


def test_a_failed_night_cannot_be_a_baseline(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path))
    with pytest.raises(UnfitDataError, match=r"2026-01-01: not judged \(the data have no rows\)"):
        accept_baseline(store, fail_night(0))
    found = find_baseline("first", [fail_night(0), make_record(1)], make_record(2), "history")

    assert found == make_record(1)


def test_the_commands_show_failed_and_missing_nights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FolderHistory(str(tmp_path)).write([make_record(0), fail_night(1), make_record(3)])
    history = ["--history", str(tmp_path)]

    assert main(["history", "list", *history, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(row["period"], row["outcome"]) for row in listed] == [
        ("2026-01-01", None),
        ("2026-01-02", NOT_JUDGED),
        ("2026-01-03", NOT_JUDGED),
        ("2026-01-04", None),
    ]
    assert [bool(row["run_id"]) for row in listed] == [True, True, False, True]
    assert main(["history", "list", *history]) == 0
    assert "4 runs: 2 without a verdict, 2 not judged" in capsys.readouterr().out
    assert main(["history", "show", *history, "--period", "2026-01-02"]) == 0
    assert "Not judged: the data have no rows" in capsys.readouterr().out
    assert main(["backtest", *history, "--threshold", "DPL=0.5"]) == 0
    assert "4 nights: 2 pass, 2 not judged" in capsys.readouterr().out
    assert main(["baseline", "accept", *history]) == 0
    assert "Accepted 2026-01-04" in capsys.readouterr().out
    assert main(["baseline", "accept", *history, "--period", "2026-01-02"]) == 2
    assert "accept another night" in capsys.readouterr().err


def test_a_table_has_a_row_for_a_failed_night(tmp_path: Path) -> None:
    FolderHistory(str(tmp_path)).write([make_record(0), fail_night(1)])
    frame = BiasHistory(str(tmp_path)).to_pandas()

    (failed,) = frame[frame["period"] == "2026-01-02"].to_dict("records")
    assert (failed["outcome"], failed["error"]) == (NOT_JUDGED, "the data have no rows")
    FolderHistory(str(tmp_path)).delete([make_record(0)])
    assert list(BiasHistory(str(tmp_path)).to_pandas().columns) == list(frame.columns)


def test_the_series_for_the_page_has_failed_and_missing_nights() -> None:
    rules = Thresholds({"DPL": 0.1})
    series = build_series([make_record(0), fail_night(1), make_record(3)], make_record(3).analysis, rules)

    assert series["nights"] == [
        ["2026-01-01", "scheduled__2026-01-01", None],
        ["2026-01-02", "scheduled__2026-01-02", NOT_JUDGED],
        ["2026-01-03", "", NOT_JUDGED],
        ["2026-01-04", "scheduled__2026-01-04", None],
    ]
    assert series["sentences"][1] == "the data have no rows"
    assert series["sentences"][2] == "no record of this night; run it again, or backfill it"
    assert series["values"]["DPL|g|F"][1:3] == [None, None]
    assert series["outcomes"]["DPL|g|F"] == "p--p"


def test_a_measurement_that_fails_records_why_and_a_later_run_replaces_it(tmp_path: Path) -> None:
    data = tmp_path / "2026-01-01.csv"
    data.write_text("ok,g\n")
    task = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        data_config=DataConfig(input_path=str(data), label="ok"),
        bias_config=BiasConfig([1], "g"),
        methods=["DPL"],
        history=str(tmp_path / "history"),
    )
    with pytest.raises(AirflowFailException) as raised:
        task.execute(make_context(0, "bias"))
    store = FolderHistory(str(tmp_path / "history"))
    (failed,) = store.read()
    assert failed.verdict == {"outcome": NOT_JUDGED, "sentence": str(raised.value), "gate": ""}

    data.write_text("ok,g\n1,F\n0,M\n1,M\n")
    task.execute(make_context(0, "bias"))
    (record,) = store.read()
    assert record.has_counts
    assert record.key == failed.key


def test_a_gate_that_cannot_judge_records_it_in_xcom_and_in_the_history(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path / "history"))
    measured = make_record(0)
    store.write([measured])
    other = make_analysis({"F": (1, 2), "M": (1, 2)}, positive="yes").to_xcom()
    gate = BiasGateOperator(
        task_id="gate",
        analysis=replace(
            measured.analysis, run={"dag_id": "watch", "task_id": "bias", "run_id": measured.run_id}
        ).to_xcom(),
        baseline=other,
        drift={"DPL": 0.1},
        history=str(tmp_path / "history"),
    )
    pushed: dict[str, Any] = {}
    with pytest.raises(AirflowFailException, match="give a baseline of the same configuration"):
        gate.execute(make_context(0, "gate", pushed))

    assert pushed["verdict"]["outcome"] == NOT_JUDGED
    assert pushed["verdict"]["sentence"].startswith("not judged: ")
    assert pushed["bias_series"]["nights"] == [["2026-01-01", measured.run_id, NOT_JUDGED]]
    (record,) = store.read()
    assert record.describe()["outcome"] == NOT_JUDGED
    assert record.has_counts


def test_a_refused_second_run_does_not_spoil_the_night_of_the_first(tmp_path: Path) -> None:
    store = FolderHistory(str(tmp_path / "history"))
    store.write([make_record(0)])
    run = {"dag_id": "watch", "task_id": "bias", "run_id": "manual"}
    gate = BiasGateOperator(
        task_id="gate",
        analysis=replace(make_night(0, 0.0), run=run).to_xcom(),
        thresholds={"DPL": 0.1},
        over_runs="change",
        history=str(tmp_path / "history"),
    )
    with pytest.raises(AirflowFailException, match="two runs of one night"):
        gate.execute(make_context(0, "gate"))

    assert {record.run_id: record.has_counts for record in store.read()} == {
        "scheduled__2026-01-01": True,
        "manual": False,
    }
    (night,) = order_nights(store.read(), "history")
    assert night.record is not None


def test_a_verdict_that_was_not_reached_has_the_form_of_a_verdict() -> None:
    verdict = build_not_judged_verdict("the analysis is absent")

    reached = Thresholds({"DPL": 0.5}).judge(make_night(0, 0.0)).to_json()
    assert verdict.keys() <= reached.keys()
    assert sum(verdict["checks"].values()) == 0
    with pytest.raises(ConfigError):
        BiasGateOperator(task_id="gate", analysis="a.json", thresholds={"DPL": 0.1}, over_runs="change")
