"""Staging folders: those of killed runs are removed, and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_clarify import BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.cli.main import main
from airflow_clarify.exceptions import OutputError
from airflow_clarify.io.atomic import atomic_write
from airflow_clarify.io.staging import open_spill_folder, open_staging_folder, open_temporary_folder

OPENS_AND_WAITS = """
import sys
from pathlib import Path
from airflow_clarify.io.staging import open_staging_folder
with open_staging_folder(Path(sys.argv[1])) as folder:
    (folder / "half a file").write_text("a,b")
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def run_with_folder_in(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has a staging folder, and its folder."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", OPENS_AND_WAITS, str(parent)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_staging_folder_is_removed_at_the_end_of_its_run(tmp_path: Path) -> None:
    with open_staging_folder(tmp_path) as folder:
        (folder / "partial").write_text("a")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_a_run_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    with run_with_folder_in(tmp_path) as (process, folder):
        with open_staging_folder(tmp_path) as other:
            assert {other, folder} == set(tmp_path.iterdir())
        assert (folder / "half a file").exists()

        process.send_signal(signal.SIGKILL)
        process.wait()
        assert folder.exists()
        with open_staging_folder(tmp_path) as other:
            assert list(tmp_path.iterdir()) == [other]


def test_the_folder_of_a_run_that_was_killed_before_its_lock_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".airflow_clarify_0123456789abcdef.partial").mkdir()
    with open_staging_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    "name", [".loans.csv.1a2b3c4d.partial", "airflow_clarify_notes", ".airflow_clarify_0123456789abcdef.partial.bak"]
)
def test_files_of_other_programs_are_not_removed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "lock").write_text("")
    with open_staging_folder(tmp_path), open_spill_folder(str(tmp_path)):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_without_a_lock_that_is_not_empty_or_a_link_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "lock").write_text("")
    (tmp_path / "airflow_clarify_0123456789abcdef").symlink_to(tmp_path / "else")
    held = tmp_path / "airflow_clarify_fedcba9876543210"
    held.mkdir()
    (held / "lock-not-supported").write_text("")
    with open_staging_folder(tmp_path):
        pass
    assert (tmp_path / "else" / "lock").exists()
    assert held.exists()
    assert (tmp_path / "airflow_clarify_0123456789abcdef").is_symlink()


def test_nothing_is_removed_on_a_filesystem_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        with open_staging_folder(tmp_path) as folder:
            patch.undo()
            with open_staging_folder(tmp_path) as other:
                assert {folder, other} == set(tmp_path.iterdir())


def test_data_are_spilled_below_the_configured_folder(tmp_path: Path) -> None:
    abandoned = tmp_path / "airflow_clarify_0123456789abcdef"
    abandoned.mkdir()
    (abandoned / "lock").write_text("")
    (abandoned / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("spilled")
    data = tmp_path / "data.csv"
    data.write_text("g,y\na,1\nb,0\n")
    config = AnalysisConfig.build(DataConfig(str(data), label="y"), BiasConfig([1], "g", label_type="categorical"))

    engine = DuckDBEngine(duckdb_conn_id=None, temp_directory=str(tmp_path))
    assert engine.count(DataConfig(str(data), label="y"), config).facets[0].column == "g"
    assert list(tmp_path.iterdir()) == [data]

    engine = DuckDBEngine(duckdb_conn_id=None, temp_directory=str(tmp_path / "not" / "there"))
    engine.count(DataConfig(str(data), label="y"), config)
    assert list(tmp_path.iterdir()) == [data]


def test_a_folder_that_cannot_be_created_is_left_to_duckdb(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for given in (str(tmp_path / "file"), ""):
        with open_spill_folder(given) as folder:
            assert folder == given


def test_a_missing_temporary_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    data = tmp_path / "data.csv"
    data.write_text("g,y\na,1\nb,0\n")
    asked = ["--data", str(data), "--label", "y", "--positive", "1", "--facet", "g", "--label-type", "categorical"]
    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert main(["analyze", *asked]) == 2
    assert "no temporary folder can be written (No usable temporary directory found" in capsys.readouterr().err

    # Where there is another place, none is needed.
    assert main(["analyze", *asked, "--temp-directory", str(tmp_path / "spill")]) == 0

    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="no temporary folder can be written"), open_temporary_folder():
        pass
    with pytest.raises(OutputError, match="no temporary folder"), atomic_write("memory://lab/out.csv"):
        pass


def test_concurrent_runs_do_not_remove_each_others_folders(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from airflow_clarify.io.staging import open_staging_folder
for _ in range(200):
    with open_staging_folder(Path(sys.argv[1])) as folder:
        (folder / "a").write_text("a")
        (folder / "a").replace(folder / "b")
        assert (folder / "b").exists()
"""
    runs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []
