"""The gate with a history, a baseline and rules over many runs, without Airflow's database."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from history_factories import DAY, FIRST, make_analysis, make_context, make_night, make_record

from airflow_clarify import BiasConfig, ClarifyPreTrainingBiasOperator, DataConfig
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.thresholds import Outcome, Thresholds
from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError, ThresholdError, UnfitDataError
from airflow_clarify.history.baseline import accept_baseline
from airflow_clarify.history.folder import FolderHistory
from airflow_clarify.operators._gate_history import GateHistory
from airflow_clarify.operators.gate import BiasGateOperator


def run_of(night: int) -> dict[str, str]:
    date = (FIRST + night * DAY).date()
    return {"dag_id": "watch", "task_id": "bias", "run_id": f"scheduled__{date}"}


def measure(night: int, difference: float, **options: Any) -> Analysis:
    from dataclasses import replace

    return replace(make_night(night, difference, **options), run=run_of(night))


def make_gate(tmp_path: Path, **arguments: Any) -> BiasGateOperator:
    arguments = {"thresholds": {"DPL": 0.1}, "history": str(tmp_path / "history"), **arguments}
    return BiasGateOperator(task_id="gate", analysis="analysis.json", **arguments)


def judge(gate: BiasGateOperator, night: int, analysis: Analysis) -> Any:
    history = GateHistory(gate, make_context(night, "gate"), gate._build_thresholds())
    (verdict,) = history.judge([analysis])
    changed = history.has_changed([analysis], [verdict])
    history.write([analysis], [verdict])
    return verdict, changed


def test_a_gate_over_runs_needs_several_bad_nights(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, over_runs="change")
    differences = [0.0] * 6 + [0.22] * 6
    outcomes = [judge(gate, night, measure(night, gap))[0].outcome for night, gap in enumerate(differences)]

    assert set(outcomes[:7]) == {Outcome.PASS}
    assert outcomes[-1] is Outcome.VIOLATION
    records = FolderHistory(str(tmp_path / "history")).read()
    assert len(records) == 12
    assert {record.verdict["outcome"] for record in records if record.verdict} == {"pass", "violation"}


def test_a_rerun_replaces_its_night(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, over_runs="confidence-sequence")
    once = [judge(gate, night, measure(night, 0.13))[0] for night in range(5)][-1]
    again = judge(gate, 4, measure(4, 0.13))[0]

    assert again.findings == once.findings


def test_a_second_run_of_a_night_is_refused(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, over_runs="change")
    judge(gate, 0, measure(0, 0.0))
    from dataclasses import replace

    other = replace(measure(0, 0.0), run={**run_of(0), "run_id": "manual"})
    with pytest.raises(UnfitDataError, match="two runs of one night"):
        judge(gate, 0, other)


def test_an_accepted_baseline_begins_the_sequence_anew(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, over_runs="confidence-sequence")
    for night in range(6):
        judge(gate, night, measure(night, 0.3))
    store = FolderHistory(str(tmp_path / "history"))
    assert judge(gate, 6, measure(6, 0.0))[0].outcome is Outcome.VIOLATION

    accept_baseline(store, next(record for record in store.read() if record.period == "2026-01-07"))
    assert judge(gate, 7, measure(7, 0.0))[0].outcome is Outcome.PASS


def test_notifications_on_change_report_the_beginning_the_worsening_and_the_end(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, notify_on="change")
    differences = [0.0, 0.2, 0.2, 0.2, 0.45, 0.45, 0.0, 0.0]
    changed = [judge(gate, night, measure(night, gap, rows=(4000, 4000)))[1] for night, gap in enumerate(differences)]

    assert changed == [False, True, False, False, True, False, True, False]


def test_drift_against_the_first_run(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, thresholds=None, baseline="first", drift={"DPL": 0.05})
    verdicts = [judge(gate, night, measure(night, gap))[0] for night, gap in enumerate([0.0, 0.01, 0.3])]

    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS, Outcome.PASS, Outcome.VIOLATION]
    assert "was" in verdicts[-1].sentence
    assert "in the baseline" in verdicts[-1].sentence


def test_drift_against_the_last_run_that_passed(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, baseline="last_passed", drift={"DPL": 0.15}, thresholds={"DPL": 0.3})
    outcomes = [judge(gate, night, measure(night, gap))[0].outcome for night, gap in enumerate([0.0, 0.45, 0.45])]

    assert outcomes == [Outcome.PASS, Outcome.VIOLATION, Outcome.VIOLATION]


def test_no_earlier_run_has_passed(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, baseline="last_passed", drift={"DPL": 0.15})
    judge(gate, 0, measure(0, 0.4))

    with pytest.raises(UnfitDataError, match="none of the 1 earlier runs has passed"):
        judge(gate, 1, measure(1, 0.0))


def test_no_baseline_was_accepted(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, baseline="accepted", drift="model-monitor")

    with pytest.raises(DataError, match="no baseline was accepted"):
        judge(gate, 0, measure(0, 0.0))


def test_a_passing_run_becomes_the_baseline(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, register_baseline_on_pass=True)
    judge(gate, 0, measure(0, 0.0))
    judge(gate, 1, measure(1, 0.4))

    (baseline,) = [record for record in FolderHistory(str(tmp_path / "history")).read() if record.is_baseline]
    assert baseline.period == "2026-01-01"


def test_model_monitors_file_is_written(tmp_path: Path) -> None:
    target = tmp_path / "monitor" / "constraint_violations.json"
    gate = make_gate(
        tmp_path,
        thresholds=None,
        baseline=measure(0, 0.0).to_xcom(),
        drift="model-monitor",
        violations_path=str(target),
        history=None,
    )
    verdict, _ = GateHistory(gate, make_context(1, "gate"), None).judge([measure(1, 0.3)])[0], None

    assert verdict.outcome is Outcome.VIOLATION
    assert {one["metric_name"] for one in json.loads(target.read_text())["violations"]} == {"DPL", "KL"}


def test_a_baseline_of_another_configuration_is_refused(tmp_path: Path) -> None:
    other = make_analysis({"F": (1, 2), "M": (1, 2)}, positive="yes").to_xcom()
    gate = make_gate(tmp_path, thresholds=None, baseline=other, drift={"DPL": 0.1}, history=None)

    with pytest.raises(UnfitDataError, match="give a baseline of the same configuration"):
        GateHistory(gate, make_context(1, "gate"), None).judge([measure(1, 0.0)])


def test_the_series_is_a_compact_copy_for_the_page(tmp_path: Path) -> None:
    gate = make_gate(tmp_path)
    for night in range(3):
        judge(gate, night, measure(night, 0.0))
    history = GateHistory(gate, make_context(3, "gate"), gate._build_thresholds())
    analysis = measure(3, 0.3)
    (verdict,) = history.judge([analysis])
    series = history.build_series(analysis, verdict)

    assert [night[0] for night in series["nights"]] == [f"2026-01-0{day}" for day in (1, 2, 3, 4)]
    assert [night[2] for night in series["nights"]] == ["pass", "pass", "pass", "violation"]
    assert len(series["values"]["DPL|g|F"]) == 4
    json.dumps(series)


def test_the_series_hides_small_groups_of_all_nights(tmp_path: Path) -> None:
    from dataclasses import replace

    def count(night: int, rows: int) -> Analysis:
        counts = {"A": (300, 600), "B": (250, 500), "C": (rows // 2, rows)}
        return replace(make_analysis(counts), run=run_of(night))

    gate = make_gate(tmp_path)
    # The first night was recorded when nothing was hidden.
    judge(gate, 0, count(0, 6))
    judge(gate, 1, count(1, 300))
    analysis = replace(count(2, 8), suppress_below=10)
    history = GateHistory(gate, make_context(2, "gate"), gate._build_thresholds())
    (verdict,) = history.judge([analysis])
    series = history.build_series(analysis, verdict)

    assert series["values"]["DPL|g|C"] == [None, 0.0, None]
    # B is hidden too, since C is what is left of all rows without A and B.
    assert [value is None for value in series["values"]["DPL|g|B"]] == [True, False, True]
    assert None not in series["values"]["DPL|g|A"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"history": None, "over_runs": "change"}, "over_runs: needs history"),
        ({"history": None, "notify_on": "change"}, "notify_on: 'change' needs history"),
        ({"history": None, "baseline": "first", "drift": {"DPL": 0.1}}, "baseline: 'first' needs history"),
        ({"baseline": "first"}, "drift: baseline needs it"),
        ({"drift": {"DPL": 0.1}}, "baseline: drift needs it"),
        ({"thresholds": None}, "thresholds: give bounds"),
        ({"history": None, "register_baseline_on_pass": True}, "register_baseline_on_pass: needs history"),
        ({"violations_path": "x.json"}, "violations_path: needs drift"),
        ({"over_runs": "sometimes"}, "over_runs: one of"),
        ({"thresholds": {"KL": 0.1}, "over_runs": "change"}, "KL does not compare two proportions"),
    ],
)
def test_arguments_that_need_others_are_refused_when_the_dag_is_parsed(
    arguments: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=reason):
        make_gate(tmp_path, **arguments)


def test_thresholds_judge_over_runs_themselves() -> None:
    rules = Thresholds({"DPL": 0.1}, over_runs={"method": "change", "run_length": 100})
    nights = [measure(night, 0.3) for night in range(4)]

    assert rules.judge_over_runs(nights).outcome is Outcome.VIOLATION
    assert rules.judge(nights[0]).findings
    with pytest.raises(UnfitDataError, match="the last night has no analysis"):
        rules.judge_over_runs([*nights, None])
    with pytest.raises(ThresholdError, match="over_runs: not set"):
        Thresholds({"DPL": 0.1}).judge_over_runs(nights)
    with pytest.raises(ThresholdError, match="correction: over_runs corrects"):
        Thresholds({"DPL": 0.1}, over_runs="change", correction="holm", confidence=0.95, on_inconclusive="pass")


def test_an_analysis_without_counts_cannot_be_judged_over_runs() -> None:
    rules = Thresholds({"DPL": 0.1}, over_runs="change")
    clarify = Analysis.from_clarify_json(measure(0, 0.0).to_clarify_json())

    with pytest.raises(ClarifyError, match="has no counts"):
        rules.judge_over_runs([clarify])


def test_a_missing_night_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = make_gate(tmp_path, over_runs="change")
    judge(gate, 0, measure(0, 0.0))
    verdict, _ = judge(gate, 2, measure(2, 0.0))

    assert verdict.outcome is Outcome.PASS
    assert "2026-01-02 counts as not judged" in capsys.readouterr().out


def test_records_of_a_newer_version_stop_the_gate(tmp_path: Path) -> None:
    gate = make_gate(tmp_path)
    record = make_record(0, end=FIRST + timedelta(days=1))
    FolderHistory(str(tmp_path / "history")).write([record])
    (file,) = (tmp_path / "history").iterdir()
    file.write_text(file.read_text().replace("history/1", "history/2"))

    with pytest.raises(DataError, match="newer version"):
        judge(gate, 1, measure(1, 0.0))


def test_a_gate_with_drift_only_writes_its_verdict_and_report(tmp_path: Path) -> None:
    gate = make_gate(tmp_path, thresholds=None, baseline="first", drift={"DPL": 0.05}, on_violation="warn")
    sentences = []
    for night, positive in enumerate((100, 20)):
        (tmp_path / f"2026-01-0{night + 1}.csv").write_text(
            "ok,g\n" + "1,F\n" * positive + "0,F\n" * (200 - positive) + "1,M\n0,M\n" * 100
        )
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(tmp_path / f"2026-01-0{night + 1}.csv"), str(tmp_path / f"out{night}"), "ok"),
            bias_config=BiasConfig([1], "g", ["F"]),
            methods=["DPL"],
            report_formats=["html"],
        )
        gate.analysis = bias.execute(make_context(night, "bias"))
        sentences.append(gate.execute(make_context(night, "gate"))["sentence"])
    first, second = (json.loads((tmp_path / f"out{night}" / "verdict.json").read_text()) for night in range(2))

    assert first["outcome"] == "pass"
    assert "the first run of the history" in sentences[0]
    assert second["outcome"] == "violation"
    assert second["drift"] == {"DPL": 0.05}
    assert second["findings"][0]["metric"] == "DPL drift"
    report = (tmp_path / "out1" / "report.html").read_text()
    assert "Violation" in report
    assert "in the baseline: a change of 0.4000" in report


def test_drift_keeps_the_correction_of_the_thresholds(tmp_path: Path) -> None:
    options = {"confidence": 0.95, "on_inconclusive": "pass", "correction": "holm"}
    gate = make_gate(tmp_path, baseline="first", drift={"DPL": 0.5}, **options)
    judge(gate, 0, measure(0, 0.0))
    verdict, _ = judge(gate, 1, measure(1, 0.0))

    assert verdict.correction == "holm"
    assert verdict.questions == 1
