"""Runs that are killed at each write, rename and removal: the files that remain, and the next run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from airflow_clarify.cli.main import main

KILL_POINTS = Path(__file__).with_name("kill_points.py")
CONFIG = "analysis_config.json"
FILES = {"analysis.json", "summary.json", CONFIG, "report.html", "report.ipynb", "report.pdf"}
#: Fair; and women are hired less often.
FAIR = [("F", 1)] * 5 + [("F", 0)] * 5 + [("M", 1)] * 5 + [("M", 0)] * 5
BIASED = [("F", 1)] * 2 + [("F", 0)] * 8 + [("M", 1)] * 7 + [("M", 0)] * 3

pytestmark = pytest.mark.slow


def write_csv(path: Path, rows: Sequence[tuple[str, int]]) -> Path:
    path.write_text("gender,hired\n" + "".join(f"{gender},{hired}\n" for gender, hired in rows))
    return path


def analyze(data: Path, folder: Path) -> list[str]:
    asked = ["--label", "hired", "--positive", "1", "--facet", "gender", "--label-type", "categorical"]
    return ["analyze", "--data", str(data), *asked, "--output", str(folder / "out")]


def judge(folder: Path) -> int:
    return main(["gate", "--analysis", str(folder / "out" / "analysis.json"), "--threshold", "DPL=0.1"])


def kill_at_each_point(folder: Path, arguments: Sequence[str]) -> Iterator[Path]:
    """Yield the content of the folder after each kill, and last of a run that was not killed."""
    (folder / "tmp").mkdir(exist_ok=True)
    outcomes = folder.with_name("outcomes")
    subprocess.run([sys.executable, KILL_POINTS, folder, outcomes, *arguments], check=True, timeout=280)
    yield from sorted(outcomes.iterdir(), key=lambda outcome: int(outcome.name))


def leftovers(folder: Path) -> set[str]:
    """List all files below a folder that are neither outputs nor data."""
    expected = {"tmp", "out", *(f"out/{name}" for name in FILES), "data.csv", "balanced.csv", "balanced.parquet"}
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} - expected


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def is_one_run(files: dict[str, bytes]) -> bool:
    """Whether all files are there, and summary and report name this ``analysis.json``."""
    if files.keys() < FILES:
        return False
    sha256 = hashlib.sha256(files["analysis.json"]).hexdigest()
    return json.loads(files["summary.json"])["analysis_sha256"] == sha256 and sha256.encode() in files["report.html"]


def test_an_analysis_that_is_killed_leaves_one_run_or_what_the_gate_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    data = write_csv(work / "data.csv", FAIR)
    assert main(analyze(data, work)) == 0
    before = contents(work / "out")
    write_csv(data, BIASED)
    states: list[str] = []

    for outcome in kill_at_each_point(work, analyze(data, work)):
        found = contents(outcome / "out")
        capsys.readouterr()
        status = judge(outcome)
        sentence = capsys.readouterr().err
        is_new = is_one_run(found) and not found.items() & {k: v for k, v in before.items() if k != CONFIG}.items()
        state = "old" if found == before else "new" if is_new else "mixed"
        assert status == {"old": 0, "new": 1, "mixed": 2}[state], f"{outcome.name}, {state}: {sentence}"
        if state == "mixed":
            assert "summary.json: belongs to another run than the file beside it" in sentence
        if state not in states:
            # Whoever runs it again gets it whole, and nothing of what the other has left.
            assert main([argument.replace(str(work), str(outcome)) for argument in analyze(data, work)]) == 0
            assert {path for path in leftovers(outcome) if not path.startswith("tmp/")} == set()
            assert judge(outcome) == 1
            states.append(state)
    assert states == ["old", "mixed", "new"]


@pytest.mark.parametrize("name", ["balanced.csv", "balanced.parquet"])
def test_a_balance_that_is_killed_leaves_the_old_copy_or_the_new_one(name: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    data = write_csv(work / "data.csv", BIASED)
    target = work / name
    arguments = ["balance", "--data", str(data), "--by", "gender,hired", "--output", str(target)]
    assert main(arguments) == 0
    old = target.read_bytes()
    outcomes = list(kill_at_each_point(work, [*arguments, "--seed", "9", "--size", "1"]))
    new = (outcomes[-1] / name).read_bytes()
    assert old != new
    assert {(outcome / name).read_bytes() for outcome in outcomes} == {old, new}
    assert leftovers(outcomes[-1]) == set()
    assert any(leftovers(outcome) for outcome in outcomes)

    for outcome in outcomes[:: max(1, len(outcomes) // 5)]:
        assert main([argument.replace(str(work), str(outcome)) for argument in arguments]) == 0
        assert {path for path in leftovers(outcome) if not path.startswith("tmp/")} == set()
