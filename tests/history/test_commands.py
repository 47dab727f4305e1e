"""The commands history, backfill, backtest, suggest, baseline, and drift of gate."""

from __future__ import annotations

import datetime
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from airflow_clarify.cli.main import main

ARGUMENTS = ["--label", "ok", "--positive", "1", "--facet", "g", "--time-column", "night"]


def write_nights(path: Path, differences: list[float], rows: tuple[int, int] = (200, 800)) -> None:
    """Write a file with one DPL for each night."""
    draw = random.Random(7)
    lines = ["night,g,ok"]
    for night, difference in enumerate(differences):
        date = datetime.date(2026, 1, 1) + datetime.timedelta(days=night)
        lines += [f"{date},F,{int(draw.random() < 0.5 - difference)}" for _ in range(rows[0])]
        lines += [f"{date},M,{int(draw.random() < 0.5)}" for _ in range(rows[1])]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fill a history with 12 good nights and 12 bad ones."""
    folder = tmp_path_factory.mktemp("nights")
    write_nights(folder / "loans.csv", [0.0] * 12 + [0.25] * 12)
    location = str(folder / "history")
    assert (
        main(["backfill", "--data", str(folder / "loans.csv"), *ARGUMENTS, "--every", "day", "--history", location])
        == 0
    )
    return location


def read_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_backfill_counts_as_each_night_would_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_nights(tmp_path / "all.csv", [0.1, 0.2], (30, 40))
    lines = (tmp_path / "all.csv").read_text().splitlines()
    (tmp_path / "second.csv").write_text("\n".join([lines[0], *(one for one in lines if "2026-01-02" in one)]))
    location = str(tmp_path / "history")
    periods = read_json(
        capsys, "backfill", "--data", str(tmp_path / "all.csv"), *ARGUMENTS, "--history", location, "--json"
    )
    assert periods == [{"period": "2026-01-01", "rows": 70}, {"period": "2026-01-02", "rows": 70}]

    shown = read_json(capsys, "history", "show", "--history", location, "--period", "2026-01-02", "--json")
    assert (
        main(["analyze", "--data", str(tmp_path / "second.csv"), *ARGUMENTS[:-2], "--output", str(tmp_path / "o")]) == 0
    )
    counted = json.loads((tmp_path / "o" / "summary.json").read_text())["facets"]["g"]["values"]
    recorded = {row[0]: (row[1], row[2]) for row in shown[0]["analysis"]["facets"]["g"]["values"]}
    assert recorded == {
        row["value_or_threshold"]: (row["positive"]["rows"], row["negative"]["rows"]) for row in counted
    }


@pytest.mark.parametrize(("every", "periods"), [("week", ["2025-12-29", "2026-01-05"]), ("month", ["2026-01-01"])])
def test_backfill_by_week_and_month(
    every: str, periods: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nights(tmp_path / "all.csv", [0.1] * 9, (10, 10))
    command = ["backfill", "--data", str(tmp_path / "all.csv"), *ARGUMENTS, "--every", every]
    found = read_json(capsys, *command, "--history", str(tmp_path / "history"), "--json")

    assert [one["period"] for one in found] == periods
    assert sum(one["rows"] for one in found) == 180


def test_backfill_refuses_rows_without_a_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loans.csv").write_text("night,g,ok\n2026-01-01,F,1\nsoon,M,0\n,M,1\n")
    status = main(["backfill", "--data", str(tmp_path / "loans.csv"), *ARGUMENTS, "--history", str(tmp_path / "h")])

    assert status == 2
    assert "time_column: column 'night' has 2 rows without a date, such as 'soon'" in capsys.readouterr().err
    assert not (tmp_path / "h").exists()


def test_backtest_judges_each_night_alone(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    nights = read_json(capsys, "backtest", "--history", history, "--threshold", "DPL=0.12", "--json")

    assert [night["period"] for night in nights] == sorted(night["period"] for night in nights)
    assert [night["outcome"] for night in nights] == ["pass"] * 12 + ["violation"] * 12


def test_backtest_over_runs_needs_evidence(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("backtest", "--history", history, "--threshold", "DPL=0.1", "--json")
    changed = [night["outcome"] for night in read_json(capsys, *command, "--over-runs", "change")]
    sequence = [night["outcome"] for night in read_json(capsys, *command, "--over-runs", "confidence-sequence")]
    since = read_json(capsys, *command, "--over-runs", "confidence-sequence", "--since", "2026-01-13")

    assert changed[:12] == ["pass"] * 12
    assert changed.index("violation") in (13, 14)
    assert changed[-1] == "violation"
    # Old evidence weighs: the good nights before count as well.
    assert sequence.count("violation") < changed.count("violation")
    assert [night["outcome"] for night in since].index("violation") <= 2


def test_backtest_with_intervals(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("backtest", "--history", history, "--threshold", "DPL=0.1", "--confidence", "0.95", "--json")
    passing = read_json(capsys, *command, "--on-inconclusive", "pass")
    failing = read_json(capsys, *command, "--on-inconclusive", "fail")

    assert {night["outcome"] for night in passing[:12]} == {"pass"}
    assert "inconclusive" in {night["outcome"] for night in failing}


def test_backtest_shows_a_table_and_a_chart(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--history", history, "--threshold", "DPL=0.12"]) == 0
    out = capsys.readouterr().out

    assert "2026-01-01  ............XXXXXXXXXXXX" in out
    assert "24 nights: 12 pass, 12 violation" in out


def test_a_missing_night_is_not_judged_and_never_a_pass(
    history: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in Path(history).iterdir():
        if "2026_01_05" not in file.name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    nights = read_json(capsys, "backtest", "--history", str(tmp_path), "--threshold", "DPL=0.12", "--json")

    assert {night["period"]: night["outcome"] for night in nights}["2026-01-05"] == "not judged"
    assert len(nights) == 24


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--threshold", "KL=0.1", "--over-runs", "change"], "KL does not compare two proportions"),
        (["--threshold", "DPL=0.1", "--run-length", "50"], "--run-length: needs --over-runs change"),
        (["--threshold", "DPL:x=0.1"], "no facet 'x'"),
        (["--threshold", "DPL=0.1", "--since", "2030-01-01"], "the history has no record"),
    ],
)
def test_backtest_refuses_what_it_cannot_judge(
    arguments: list[str], reason: str, history: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", "--history", history, *arguments]) == 2
    err = capsys.readouterr().err
    assert reason in err
    assert len(err.splitlines()) == 1


def test_suggest_covers_further_nights(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("suggest", "--history", history, "--until", "2026-01-12", "--json")
    often, seldom = (read_json(capsys, *command, "--alarm-rate", rate)["DPL"]["g"] for rate in ("0.2", "0.01"))

    # Twelve nights with a standard deviation of 0.04.
    assert 0.03 < often < seldom < 0.16


def test_suggest_needs_nights(history: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suggest", "--history", history, "--until", "2026-01-03"]) == 2
    assert "needs at least 5" in capsys.readouterr().err


@pytest.fixture
def copy(history: str, tmp_path: Path) -> Path:
    """Copy the history, for a test that changes it."""
    return Path(shutil.copytree(history, tmp_path / "history"))


def test_history_is_listed_exported_and_deleted(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pandas

    listed = read_json(capsys, "history", "list", "--history", str(copy), "--json")
    assert [one["rows"] for one in listed] == [1000] * 24
    for name, read in (("x.csv", pandas.read_csv), ("x.parquet", pandas.read_parquet)):
        assert main(["history", "export", "--history", str(copy), "--output", str(tmp_path / name)]) == 0
        assert len(read(tmp_path / name)) == 24 * 2 * 8
    assert main(["history", "delete", "--history", str(copy), "--until", "2026-01-20"]) == 0
    assert len(list(copy.iterdir())) == 4
    assert main(["history", "delete", "--history", str(copy)]) == 2
    assert main(["history", "export", "--history", str(copy), "--output", "x.xlsx"]) == 2


def test_a_baseline_is_accepted_shown_and_cleared(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["--history", str(copy)]
    assert main(["baseline", "show", *base]) == 2
    assert main(["baseline", "accept", *base, "--period", "2026-01-03", "--by", "ann", "--note", "checked"]) == 0
    shown = read_json(capsys, "baseline", "show", *base, "--json")
    assert (shown["period"], shown["verdict"]["by"], shown["verdict"]["sentence"]) == ("2026-01-03", "ann", "checked")
    # A baseline is not a night.
    assert len(read_json(capsys, "history", "list", *base, "--json")) == 24
    assert main(["baseline", "clear", *base]) == 0
    assert main(["baseline", "show", *base]) == 2


# --- Drift --------------------------------------------------------------------------------------------------------


def analyze(folder: Path, name: str, difference: float, rows: tuple[int, int] = (2000, 2000)) -> str:
    """Analyze a file with an exact DPL."""
    lines = ["g,ok"]
    for value, share, count in (("F", 0.5 - difference, rows[0]), ("M", 0.5, rows[1])):
        good = round(share * count)
        lines += [f"{value},{int(row < good)}" for row in range(count)]
    (folder / f"{name}.csv").write_text("\n".join(lines))
    command = ["analyze", "--data", str(folder / f"{name}.csv"), *ARGUMENTS[:-2], "--methods", "CI,DPL,KL"]
    assert main([*command, "--output", str(folder / name)]) == 0
    return str(folder / name / "analysis.json")


@pytest.mark.parametrize(
    ("now", "base", "status"),
    [
        (0.02, 0.0, 0),
        (0.25, 0.02, 1),
        # A change of sign is a change, though |now| < |baseline|.
        (0.1, -0.15, 1),
        (0.12, 0.12, 0),
    ],
)
def test_drift_is_judged_by_the_interval_of_the_change(now: float, base: float, status: int, tmp_path: Path) -> None:
    files = ["--analysis", analyze(tmp_path, "now", now), "--baseline", analyze(tmp_path, "base", base)]

    assert main(["gate", *files, "--drift", "DPL=0.05"]) == status


def test_a_small_group_does_not_drift_by_chance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now, base = analyze(tmp_path, "now", 0.15, (40, 40)), analyze(tmp_path, "base", 0.0, (40, 40))
    files = ["--analysis", now, "--baseline", base, "--drift", "DPL=0.05"]

    assert main(["gate", *files]) == 0
    assert main(["gate", *files, "--confidence", "0.95", "--on-inconclusive", "fail"]) == 1
    assert "reaches across" in capsys.readouterr().out


def test_model_monitor_compares_magnitudes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now, base = analyze(tmp_path, "now", 0.11), analyze(tmp_path, "base", 0.10)
    target = tmp_path / "constraint_violations.json"
    command = ["gate", "--analysis", now, "--baseline", base, "--drift", "model-monitor", "--violations", str(target)]

    assert main(command) == 1
    written = json.loads(target.read_text())
    assert written["version"] == "1.0"
    names = [one["metric_name"] for one in written["violations"]]
    assert names == ["DPL", "DPL", "KL", "KL"]
    assert written["violations"][0] == {
        "facet": "g",
        "facet_value": "F",
        "metric_name": "DPL",
        "constraint_check_type": "bias_drift_check",
        "description": "Metric value 0.10999999999999999 doesn't meet the baseline constraint requirement "
        "0.09999999999999998",
    }


def test_model_monitor_passes_what_is_not_larger(tmp_path: Path) -> None:
    now, base = analyze(tmp_path, "now", 0.05), analyze(tmp_path, "base", 0.10)
    target = tmp_path / "constraint_violations.json"
    command = ["gate", "--analysis", now, "--baseline", base, "--drift", "model-monitor", "--violations", str(target)]

    assert main(command) == 0
    assert json.loads(target.read_text()) == {"version": "1.0", "violations": []}


def test_a_baseline_without_counts_has_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now, base = analyze(tmp_path, "now", 0.05), Path(analyze(tmp_path, "base", 0.10))
    document = json.loads(base.read_text())
    document.pop("airflow_clarify")
    clarify = tmp_path / "clarify.json"
    clarify.write_text(json.dumps(document))

    assert main(["gate", "--analysis", now, "--baseline", str(clarify), "--drift", "DPL=0.05"]) == 2
    assert "the baseline has no counts" in capsys.readouterr().err
    assert main(["gate", "--analysis", now, "--baseline", str(clarify), "--drift", "model-monitor"]) == 0


@pytest.mark.parametrize("drift", ["DPPL=0.05", "model-monitor"])
def test_predictions_that_are_all_positive_do_not_pass(
    drift: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {}
    for name, share in (("base", 3), ("now", 4)):
        rows = [f"{'FM'[row % 2]},{row // 2 % 2},{int(row // 2 % 4 < share)}" for row in range(400)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["g,ok,predicted", *rows]))
        command = [
            "analyze",
            "--data",
            str(tmp_path / f"{name}.csv"),
            *ARGUMENTS[:-2],
            "--predicted-label",
            "predicted",
        ]
        assert main([*command, "--methods", "DPL,DPPL", "--output", str(tmp_path / name)]) == 0
        files[name] = str(tmp_path / name / "analysis.json")
    capsys.readouterr()

    # DPPL is 0 in both.
    assert main(["gate", "--analysis", files["now"], "--baseline", files["base"], "--drift", drift]) == 1
    assert "every row of 400" in capsys.readouterr().out
    assert main(["gate", "--analysis", files["base"], "--baseline", files["base"], "--drift", drift]) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "--threshold: give at least one"),
        (["--drift", "DPL=0.1"], "--drift: needs --baseline"),
        (["--threshold", "DPL=0.1", "--baseline", "x"], "--baseline: needs --drift"),
        (["--baseline", "x", "--drift", "DPL:g=0.1"], "limited for all groups"),
    ],
)
def test_options_of_drift_belong_together(
    options: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", "--analysis", str(tmp_path / "analysis.json"), *options]) == 2
    assert reason in capsys.readouterr().err
