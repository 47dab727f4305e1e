"""The files of an analysis: atomic writes to folders and object stores, and strict reading."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clarify import artifacts as outputs
from airflow_clarify.bias.analysis import Analysis, MetricResult
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.bias.serialization import compute_summary_fingerprint
from airflow_clarify.bias.thresholds import Outcome, Thresholds
from airflow_clarify.exceptions import ConfigError, DataError, OutputError

CONFIG = AnalysisConfig.build(DataConfig("loans.csv", label="approved"), BiasConfig([1], "gender"))
OLD = {"report.html": "an old report", "summary.json": "an old summary", "analysis.json": "an old analysis"}
NEW = {"report.html": "a new report", "summary.json": "a new summary", "analysis.json": "a new analysis"}


def make_analysis(counts: Mapping[str, tuple[int, int]], *, weighted: bool = False) -> Analysis:
    """Build the analysis of (positive rows, other rows) per gender."""
    each = 1.0 / 3 if weighted else 1.0
    cells = [
        Cell(
            value, str(int(positive)), positive, None, WeightedCount.from_weights(rows, rows * each, rows * each * each)
        )
        if weighted
        else Cell(value, str(int(positive)), positive, None, WeightedCount.from_rows(rows))
        for value, of_value in counts.items()
        for positive, rows in zip((True, False), of_value, strict=True)
        if rows
    ]
    facet = FacetContingency("gender", list(counts), cells)
    return Analysis.from_contingency(Contingency("approved", "1", [facet], weighted=weighted), CONFIG)


BIASED = make_analysis({"F": (40, 60), "M": (60, 40)})


def files_in(folder: Path) -> dict[str, str]:
    """Read all files below a folder, including hidden ones."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(errors="replace") for path in files}


@pytest.fixture
def store() -> Iterator[MemoryFileSystem]:
    """An object store in memory."""
    filesystem = fsspec.filesystem("memory")
    # The store is global to the process, and other tests use it too.
    filesystem.store.clear()
    yield filesystem
    filesystem.store.clear()
    filesystem.pseudo_dirs[:] = [""]


def objects_in(store: MemoryFileSystem) -> dict[str, str]:
    return {name: store.cat_file(name).decode() for name in store.store}


# --- Writing to a local folder ------------------------------------------------------------------------------------


def test_files_are_written_into_folders_made_for_them(tmp_path: Path) -> None:
    outputs.write_files(str(tmp_path / "a" / "b"), {"x.json": "{}\n", "ü.txt": "ä\r\n€"})

    assert (tmp_path / "a" / "b" / "x.json").read_bytes() == b"{}\n"
    assert (tmp_path / "a" / "b" / "ü.txt").read_bytes() == "ä\r\n€".encode()
    assert len(files_in(tmp_path)) == 2


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_folder_can_be_named_in_several_ways(prefix: str, tmp_path: Path) -> None:
    outputs.write_files(f"{prefix}{tmp_path}/out/", NEW)

    assert files_in(tmp_path / "out") == NEW


def test_the_analysis_is_renamed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace_file = Path.replace

    def note(self: Path, target: Path) -> Path:
        moved.append(target.name)
        assert target.exists() or self.read_text() == NEW[target.name]
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", note)
    outputs.write_files(str(tmp_path), NEW)

    assert moved == list(NEW)
    assert list(outputs.list_files(CONFIG).values())[-1] == outputs.ANALYSIS


def test_earlier_files_are_replaced_and_other_files_remain(tmp_path: Path) -> None:
    outputs.write_files(str(tmp_path), {**OLD, "verdict.json": "an old verdict"})

    outputs.write_files(str(tmp_path), NEW)

    assert files_in(tmp_path) == {**NEW, "verdict.json": "an old verdict"}


def fail_at_call(count: int, error: BaseException, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that its `count`-th call raises the error."""
    calls = 0

    def failing(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            raise error
        return function(*args, **kwargs)

    return failing


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("step", ["write_bytes", "replace"])
@pytest.mark.parametrize("before", [{}, OLD, {"analysis.json": "an old analysis"}], ids=["none", "all", "some"])
def test_a_write_that_fails_changes_nothing(
    count: int, step: str, before: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs.write_files(str(tmp_path), before)
    no_space = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(Path, step, fail_at_call(count, no_space, getattr(Path, step)))

    with pytest.raises(OutputError, match="the disk is full"):
        outputs.write_files(str(tmp_path), NEW)

    assert files_in(tmp_path) == before


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_an_interrupted_write_changes_nothing(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs.write_files(str(tmp_path), OLD)
    monkeypatch.setattr(Path, step, fail_at_call(2, KeyboardInterrupt(), getattr(Path, step)))

    with pytest.raises(KeyboardInterrupt):
        outputs.write_files(str(tmp_path), NEW)

    assert files_in(tmp_path) == OLD


def test_an_interrupt_after_a_rename_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs.write_files(str(tmp_path), OLD)
    replace_file, moved = Path.replace, []

    def moves_and_stops(self: Path, target: Path) -> None:
        replace_file(self, target)
        moved.append(target)
        if len(moved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", moves_and_stops)

    with pytest.raises(KeyboardInterrupt):
        outputs.write_files(str(tmp_path), NEW)

    assert files_in(tmp_path) == OLD


def test_folders_made_for_a_write_that_fails_are_removed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.setattr(Path, "write_bytes", fail_at_call(2, PermissionError(errno.EACCES, "denied"), Path.write_bytes))

    with pytest.raises(OutputError, match="no permission"):
        outputs.write_files(str(tmp_path / "there" / "made" / "for it"), NEW)

    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


def test_a_file_is_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")

    for folder in ("out", "out/bias"):
        with pytest.raises(OutputError, match="a part of its path is a file"):
            outputs.write_files(str(tmp_path / folder), NEW)

    assert files_in(tmp_path) == {"out": "a file"}


def test_a_folder_is_in_the_way_of_the_last_file(tmp_path: Path) -> None:
    outputs.write_files(str(tmp_path), {"report.html": "an old report"})
    (tmp_path / "analysis.json").mkdir()

    with pytest.raises(OutputError, match=r"analysis\.json cannot be written: it is a folder"):
        outputs.write_files(str(tmp_path), NEW)

    assert files_in(tmp_path) == {"report.html": "an old report"}


@pytest.mark.parametrize("folder", ["", "  "])
def test_an_empty_folder_name_is_refused(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(OutputError, match="name one"):
        outputs.write_files(folder, NEW)

    assert files_in(tmp_path) == {}


# --- Writing to an object store -----------------------------------------------------------------------------------


def test_files_are_uploaded(store: MemoryFileSystem) -> None:
    outputs.write_files("memory://bucket/team@corp/bias/", NEW)

    assert objects_in(store) == {f"/bucket/team@corp/bias/{name}": text for name, text in NEW.items()}
    assert outputs.read_file("memory://bucket/team@corp/bias/report.html") == "a new report"


def test_a_connection_in_the_uri_is_not_part_of_the_path(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Connections need Airflow, which does not support the store in memory.
    monkeypatch.setattr(outputs, "open_filesystem", lambda uri, conn_id: store)

    outputs.write_files("memory://my_conn@bucket/bias", NEW)

    assert set(objects_in(store)) == {f"/bucket/bias/{name}" for name in NEW}


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("before", [{}, OLD, {"analysis.json": "an old analysis"}], ids=["none", "all", "some"])
@pytest.mark.parametrize("error", [PermissionError("Access Denied"), RuntimeError("the store's own")], ids=str)
def test_an_upload_that_fails_changes_nothing(
    count: int, before: dict[str, str], error: Exception, store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before:
        outputs.write_files("memory://bucket/bias", before)
    complete = objects_in(store)
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", fail_at_call(count, error, MemoryFileSystem.pipe_file))

    with pytest.raises(OutputError, match=f"memory://bucket/bias cannot be written: {error}"):
        outputs.write_files("memory://bucket/bias", NEW)

    assert objects_in(store) == complete


def test_write_permission_without_read_permission_is_sufficient(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> bytes:
        raise PermissionError("Forbidden")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "cat_file", denied)
        outputs.write_files("memory://bucket/bias", NEW)

    assert set(objects_in(store).values()) == set(NEW.values())


def test_a_missing_filesystem_package_is_named() -> None:
    with pytest.raises(OutputError, match="nosuchstore://bucket/bias: cannot be opened"):
        outputs.write_files("nosuchstore://bucket/bias", NEW)
    with pytest.raises(DataError, match="nosuchstore://bucket/bias/x: cannot be opened"):
        outputs.read_file("nosuchstore://bucket/bias/x")


# --- Reading ------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nosuch\.json: no such file"):
        outputs.read_file(str(tmp_path / "nosuch.json"))


def test_a_missing_object_is_named_with_its_uri(store: MemoryFileSystem) -> None:
    with pytest.raises(DataError, match=r"memory://bucket/nosuch\.json: no such file"):
        outputs.read_file("memory://bucket/nosuch.json")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(DataError, match="binary: not a text file"):
        outputs.read_file(str(tmp_path / "binary"))
    with pytest.raises(DataError, match="a folder, not a file"):
        outputs.read_file(str(tmp_path))


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf{}")

    assert outputs.read_file(str(tmp_path / "config.json")) == "{}"


# --- The files of an analysis -------------------------------------------------------------------------------------


def test_all_files_of_an_analysis_are_written(tmp_path: Path) -> None:
    written = outputs.write_analysis(str(tmp_path / "out"), BIASED, CONFIG)

    found = files_in(tmp_path / "out")
    reports = {"report.html", "report.ipynb", "report.pdf"}
    assert set(found) == {"analysis.json", "summary.json", "analysis_config.json", *reports}
    # Clarify's format, with an additional section that has the SHA-256 of the summary.
    document = json.loads(found["analysis.json"])
    summary = json.loads(found["summary.json"])
    assert document.pop("airflow_clarify") == {"summary_sha256": compute_summary_fingerprint(summary)}
    assert document == json.loads(BIASED.to_clarify_json())
    assert summary["analysis_sha256"] == hashlib.sha256(found["analysis.json"].encode()).hexdigest()
    assert summary["analysis_sha256"] in found["report.html"]
    assert found["analysis_config.json"] == CONFIG.to_json()
    assert summary["outputs"] == dict(written.outputs)
    assert found["report.html"].startswith("<!DOCTYPE html>")
    assert found["report.pdf"].startswith("%PDF-")
    assert json.loads(found["report.ipynb"])["nbformat"] == 4
    assert {kind: Path(place).name for kind, place in written.outputs.items()} == outputs.list_files(CONFIG)
    assert all(Path(place).exists() for place in written.outputs.values())


def test_the_report_has_the_name_that_the_configuration_gives_it(tmp_path: Path) -> None:
    named = AnalysisConfig(CONFIG.document | {"methods": {**CONFIG.document["methods"], "report": {"name": "loans"}}})
    written = outputs.write_analysis(str(tmp_path), BIASED, named)

    assert written.outputs["report"] == f"{tmp_path}/loans.html"
    assert {path.name for path in tmp_path.glob("*.[hip][tpd]*")} == {"loans.html", "loans.ipynb", "loans.pdf"}


def test_only_the_configured_formats_are_written(tmp_path: Path) -> None:
    written = outputs.write_analysis(
        str(tmp_path), replace(BIASED, whereabouts={"path": "loans.csv"}), CONFIG, formats=["ipynb"]
    )
    assert {path.name for path in tmp_path.glob("report.*")} == {"report.ipynb"}
    assert written.outputs.keys() == {"notebook", "summary", "config", "analysis"}

    thresholds = Thresholds({"DPL": 0.1})
    outputs.write_verdict(
        written, thresholds.judge(written), thresholds, before=make_analysis({"F": (1, 99), "M": (60, 40)})
    )
    assert {path.name for path in tmp_path.glob("report.*")} == {"report.ipynb"}
    judged = (tmp_path / "report.ipynb").read_text()
    assert "Violation" in judged
    assert "loans.csv" in judged
    assert json.loads((tmp_path / "verdict.json").read_text())["outcome"] == "violation"


def test_a_verdict_names_its_gate(tmp_path: Path) -> None:
    written = outputs.write_analysis(str(tmp_path), BIASED, CONFIG)
    thresholds = Thresholds({"DPL": (None, 0.1)})
    outputs.write_verdict(written, thresholds.judge(written), thresholds, gate="before_training")

    said = json.loads((tmp_path / "verdict.json").read_text())
    assert said["gate"] == "before_training"
    assert said["thresholds"] == {"DPL": [None, 0.1]}
    assert said["config_sha256"] == CONFIG.sha256


def test_an_earlier_verdict_is_removed(tmp_path: Path, store: MemoryFileSystem) -> None:
    thresholds = Thresholds({"DPL": 0.1})
    for folder in (str(tmp_path), "memory://lab/out"):
        written = outputs.write_analysis(folder, BIASED, CONFIG, formats=[])
        outputs.write_verdict(written, thresholds.judge(written), thresholds)
        outputs.read_file(f"{folder}/verdict.json")

        outputs.write_analysis(folder, BIASED, CONFIG, formats=[])
        with pytest.raises(DataError, match="no such file"):
            outputs.read_file(f"{folder}/verdict.json")


def test_an_earlier_verdict_remains_if_the_write_fails(tmp_path: Path, store: MemoryFileSystem) -> None:
    (tmp_path / "verdict.json").write_text("an old verdict")
    (tmp_path / "analysis.json").mkdir()
    with pytest.raises(OutputError):
        outputs.write_analysis(str(tmp_path), BIASED, CONFIG, formats=[])
    assert (tmp_path / "verdict.json").read_text() == "an old verdict"


@pytest.mark.parametrize(
    ("data", "folder", "sentence"),
    [
        (DataConfig("out/analysis.json"), "out", "the target is the source"),
        (DataConfig("./out/summary.json"), "out/", "the target is the source"),
        (DataConfig("s3://lab/out/analysis.json"), "s3://lab/out", "the target is the source"),
        (DataConfig("out", dataset_type="application/jsonlines"), "out/bias", "inside the source out"),
        (DataConfig("out/*.json"), "out", "inside the source"),
        (DataConfig("s3://lab/out/*"), "s3://lab/out", "inside the source"),
    ],
)
def test_no_output_file_replaces_the_data(
    data: DataConfig, folder: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    for name in ("analysis.json", "summary.json"):
        (tmp_path / "out" / name).write_text("{}")
    with pytest.raises(ConfigError, match=sentence):
        outputs.check_folder(folder, data, CONFIG)


def test_the_output_folder_may_contain_data_of_another_format(tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("a")
    for data in (DataConfig(str(tmp_path)), DataConfig(str(tmp_path / "loans.csv")), DataConfig(table="loans")):
        outputs.check_folder(str(tmp_path), data, CONFIG)
        outputs.check_folder(str(tmp_path / "new" / "folder"), data, CONFIG)


def test_a_file_in_place_of_the_folder_is_found_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        outputs.check_folder(str(tmp_path / "file" / "out"), DataConfig("loans.csv"), CONFIG)


def test_copied_files_are_read_from_their_new_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs.write_analysis(str(tmp_path / "out"), replace(BIASED, whereabouts={"path": "loans.csv"}), CONFIG)
    (tmp_path / "out").rename(tmp_path / "kept")

    monkeypatch.chdir(tmp_path / "kept")
    here = outputs.read_analysis("analysis.json")
    thresholds = Thresholds({"DPL": 0.1})
    outputs.write_verdict(here, thresholds.judge(here), thresholds)
    assert (tmp_path / "kept" / "verdict.json").exists()

    read = outputs.read_analysis(str(tmp_path / "kept" / "analysis.json"))
    assert read.outputs["config"] == str(tmp_path / "kept" / "analysis_config.json")
    assert read.whereabouts == {"path": "loans.csv"}


@pytest.mark.parametrize("name", ["", " ", "../up", "a/b", "a\\b", ".hidden"])
def test_an_invalid_report_name_is_refused_with_the_configuration(name: str) -> None:
    with pytest.raises(ConfigError, match=r"methods.report.name: .* is not a file name"):
        AnalysisConfig(CONFIG.document | {"methods": {**CONFIG.document["methods"], "report": {"name": name}}})


@pytest.mark.parametrize("weighted", [False, True])
def test_an_analysis_is_read_as_it_was_written(weighted: bool, tmp_path: Path) -> None:
    analysis = make_analysis({"F": (37, 64), "M": (61, 43), "X": (7, 11)}, weighted=weighted)
    outputs.write_analysis(str(tmp_path), analysis, CONFIG)

    read = outputs.read_analysis(str(tmp_path / "analysis.json"))

    assert read.to_clarify_json() == analysis.to_clarify_json()
    assert read.rows == analysis.rows
    assert read.weighted is weighted
    assert read.warnings == analysis.warnings
    assert read.config_sha256 == analysis.config_sha256
    assert [result.split is not None for _, result in read.results()] == [True] * 3


def test_an_analysis_is_read_from_an_object_store(store: MemoryFileSystem) -> None:
    outputs.write_analysis("memory://bucket/bias", BIASED, CONFIG)

    read = outputs.read_analysis("memory://bucket/bias/analysis.json")

    assert read.rows == 200


def test_an_analysis_is_read_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs.write_analysis(str(tmp_path), BIASED, CONFIG)
    monkeypatch.chdir(tmp_path)

    assert outputs.read_analysis("analysis.json").rows == 200


def test_clarifys_files_have_no_counts(tmp_path: Path) -> None:
    (tmp_path / "analysis.json").write_text(BIASED.to_clarify_json())

    read = outputs.read_analysis(str(tmp_path / "analysis.json"))

    assert read.rows is None
    assert read.to_clarify_json() == BIASED.to_clarify_json()


def test_a_label_without_positive_rows_is_detected_from_the_summary(tmp_path: Path) -> None:
    silent = make_analysis({"F": (0, 100), "M": (0, 100)})
    outputs.write_analysis(str(tmp_path), silent, CONFIG)
    read = outputs.read_analysis(str(tmp_path / "analysis.json"))

    assert Thresholds({"DPL": 0.1}).judge(read).outcome is Outcome.VIOLATION

    (tmp_path / "summary.json").unlink()
    with pytest.raises(DataError, match=r"summary\.json: no such file, and .* was written with it"):
        outputs.read_analysis(str(tmp_path / "analysis.json"))

    # Clarify writes no summary.
    (tmp_path / "analysis.json").write_text(silent.to_clarify_json())
    without_counts = outputs.read_analysis(str(tmp_path / "analysis.json"))
    assert Thresholds({"DPL": 0.1}).judge(without_counts).outcome is Outcome.PASS


def write_as_earlier_versions(folder: Path, analysis: Analysis, summary: Analysis | str | None = None) -> Path:
    """Write files as versions without SHA-256 did; the summary may belong to another run."""
    outputs.write_analysis(str(folder), analysis, CONFIG, formats=[])
    (folder / "analysis.json").write_text(analysis.to_clarify_json())
    text = summary if isinstance(summary, str) else json.dumps((summary or analysis).to_summary())
    (folder / "summary.json").write_text(text)
    return folder / "analysis.json"


def damage_summary(summary: dict[str, Any], what: str) -> str:
    """Return the text of a damaged summary."""
    if what.startswith("no "):
        del summary[what.removeprefix("no ")]
    elif what == "cut off":
        return json.dumps(summary)[:-20]
    elif what == "not an object":
        return "[1, 2]"
    elif what == "deep":
        return "[" * 100_000
    elif what == "a value less":
        summary["facets"]["gender"]["values"].pop()
    elif what == "infinite rows":
        summary["facets"]["gender"]["values"][0]["positive"]["rows"] = float("inf")
    elif what == "rows in words":
        summary["facets"]["gender"]["values"][0]["positive"]["rows"] = "many"
    elif what == "negative rows":
        summary["facets"]["gender"]["values"][0]["positive"]["rows"] = -1000
    return json.dumps(summary)


@pytest.mark.parametrize(
    "what",
    [
        *(f"no {key}" for key in ("label", "facets", "engine", "warnings", "weighted", "config_sha256")),
        *("cut off", "deep", "not an object"),
        *("a value less", "infinite rows", "rows in words", "negative rows"),
    ],
)
def test_a_damaged_summary_is_an_error(what: str, tmp_path: Path) -> None:
    analysis = write_as_earlier_versions(tmp_path, BIASED, damage_summary(BIASED.to_summary(), what))
    with pytest.raises(DataError, match=r"summary\.json: .*run the analysis again") as of_earlier:
        outputs.read_analysis(str(analysis))

    outputs.write_analysis(str(tmp_path), BIASED, CONFIG, formats=[])
    summary = json.loads((tmp_path / "summary.json").read_text())
    (tmp_path / "summary.json").write_text(damage_summary(summary, what))
    with pytest.raises(DataError, match=r"summary\.json: .*run the analysis again") as raised:
        outputs.read_analysis(str(analysis))

    for error in (of_earlier, raised):
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "other",
    [
        make_analysis({"F": (0, 100), "M": (0, 100)}),
        make_analysis({"F": (41, 59), "M": (60, 40)}),
        make_analysis({"F": (400, 600), "M": (60, 40)}),
        make_analysis({"F": (40, 60), "X": (60, 40)}),
        make_analysis({"F": (100, 0), "M": (0, 100)}),
        replace(BIASED, label="granted"),
    ],
    ids=["one-sided", "one row off", "larger", "other values", "undefined metrics", "other label"],
)
def test_the_summary_of_another_analysis_is_an_error(other: Analysis, tmp_path: Path) -> None:
    of_earlier = write_as_earlier_versions(tmp_path / "earlier", BIASED, other)
    with pytest.raises(DataError, match=r"summary\.json: .*run the analysis again"):
        outputs.read_analysis(str(of_earlier))

    assert_mixed_runs_are_refused(BIASED, other, tmp_path)


def assert_mixed_runs_are_refused(ours: Analysis, other: Analysis, tmp_path: Path) -> None:
    """Check that the files of two runs are refused in both combinations."""
    for name, analysis in {"ours": ours, "other": other}.items():
        outputs.write_analysis(str(tmp_path / name), analysis, CONFIG, formats=[])
        outputs.read_analysis(str(tmp_path / name / "analysis.json"))
    for file in ("summary.json", "analysis.json"):
        mixed = tmp_path / f"{file} of the other"
        shutil.copytree(tmp_path / "ours", mixed)
        shutil.copy(tmp_path / "other" / file, mixed / file)
        with pytest.raises(DataError, match=r"summary\.json: belongs to another .*run the analysis again"):
            outputs.read_analysis(str(mixed / "analysis.json"))


def make_cddl_analysis(disparity: float) -> Analysis:
    """Build an analysis with CDDL only."""
    facet = BIASED.facets[0]
    results = tuple(replace(result, metrics=(MetricResult("CDDL", disparity),)) for result in facet.results)
    return replace(BIASED, facets=(replace(facet, results=results),), methods=("CDDL",))


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (make_analysis({"F": (1, 3), "M": (2, 2)}), make_analysis({"F": (25, 75), "M": (50, 50)})),
        (make_cddl_analysis(0.3), make_cddl_analysis(0.01)),
    ],
    ids=["counts that are a multiple", "nothing but CDDL"],
)
def test_the_summary_of_another_run_is_an_error(ours: Analysis, other: Analysis, tmp_path: Path) -> None:
    assert_mixed_runs_are_refused(ours, other, tmp_path)


def test_a_manually_changed_number_is_an_error(tmp_path: Path) -> None:
    outputs.write_analysis(str(tmp_path), make_cddl_analysis(0.3), CONFIG, formats=[])
    analysis = tmp_path / "analysis.json"
    analysis.write_text(analysis.read_text().replace("0.3", "0.0"))
    with pytest.raises(DataError, match="belongs to another run"):
        outputs.read_analysis(str(analysis))


def test_files_of_earlier_versions_and_of_clarify_are_still_read(tmp_path: Path) -> None:
    of_earlier = write_as_earlier_versions(tmp_path / "earlier", BIASED)
    assert outputs.read_analysis(str(of_earlier)).rows == 200

    (tmp_path / "clarify").mkdir()
    of_clarify = tmp_path / "clarify" / "analysis.json"
    of_clarify.write_text(make_cddl_analysis(0.3).to_clarify_json())
    assert outputs.read_analysis(str(of_clarify)).rows is None


def test_files_of_earlier_versions_are_refused_if_the_run_cannot_be_verified(tmp_path: Path) -> None:
    of_earlier = write_as_earlier_versions(tmp_path / "cddl", make_cddl_analysis(0.3), make_cddl_analysis(0.01))
    with pytest.raises(DataError, match="cannot be seen from CDDL; run the analysis again"):
        outputs.read_analysis(str(of_earlier))

    for folder, analysis in {"a": BIASED, "b": make_analysis({"F": (80, 120), "M": (120, 80)})}.items():
        outputs.write_analysis(str(tmp_path / folder), analysis, CONFIG, formats=[])
    # As when a run starts to replace the files of Clarify or of an earlier version.
    (tmp_path / "a" / "analysis.json").write_text(BIASED.to_clarify_json())
    with pytest.raises(DataError, match="belongs to another run"):
        outputs.read_analysis(str(tmp_path / "a" / "analysis.json"))


def test_a_report_in_a_format_that_is_no_longer_configured_is_removed(tmp_path: Path, store: MemoryFileSystem) -> None:
    for folder in (str(tmp_path), "memory://lab/out"):
        outputs.write_analysis(folder, BIASED, CONFIG, formats=["html", "ipynb"])
        outputs.write_analysis(folder, BIASED, CONFIG, formats=["html"])
        outputs.read_file(f"{folder}/report.html")
        with pytest.raises(DataError, match="no such file"):
            outputs.read_file(f"{folder}/report.ipynb")

    (tmp_path / "report.pdf").write_text("somebody's own")
    outputs.write_analysis(str(tmp_path), BIASED, CONFIG, formats=["html"])
    assert (tmp_path / "report.pdf").read_text() == "somebody's own"


@pytest.mark.parametrize("folder", ["out", "memory://lab/out"])
@pytest.mark.parametrize("how", ["as written", "through XCom", "XCom of an earlier version"])
def test_a_verdict_is_not_written_to_the_files_of_another_run(
    folder: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: MemoryFileSystem
) -> None:
    monkeypatch.chdir(tmp_path)
    fair = outputs.write_analysis(folder, make_analysis({"F": (50, 50), "M": (50, 50)}), CONFIG)
    document = fair.to_xcom() if how != "as written" else {}
    if "earlier" in how:
        del document["analysis_sha256"]
    judged = Analysis.from_xcom(document) if document else fair
    thresholds = Thresholds({"DPL": 0.1})
    outputs.write_verdict(judged, thresholds.judge(judged), thresholds)
    sha256 = hashlib.sha256(outputs.read_file(f"{folder}/analysis.json").encode()).hexdigest()
    assert json.loads(outputs.read_file(f"{folder}/verdict.json"))["analysis_sha256"] == sha256

    outputs.write_analysis(folder, BIASED, CONFIG)
    before = {name: outputs.read_file(f"{folder}/{name}") for name in ("report.html", "report.ipynb", "summary.json")}
    with pytest.raises(DataError, match=r"analysis\.json: belongs to another run .* output_path of its own"):
        outputs.write_verdict(judged, thresholds.judge(judged), thresholds)

    assert {name: outputs.read_file(f"{folder}/{name}") for name in before} == before
    with pytest.raises(DataError, match="no such file"):
        outputs.read_file(f"{folder}/verdict.json")


def test_a_verdict_needs_the_files_of_its_analysis(tmp_path: Path) -> None:
    written = outputs.write_analysis(str(tmp_path), BIASED, CONFIG, formats=["html"])
    thresholds = Thresholds({"DPL": 0.1})
    (tmp_path / "analysis_config.json").write_text(AnalysisConfig(CONFIG.document | {"label": "granted"}).to_json())
    with pytest.raises(DataError, match=r"analysis_config\.json: belongs to another run"):
        outputs.write_verdict(written, thresholds.judge(written), thresholds)

    (tmp_path / "analysis.json").unlink()
    with pytest.raises(DataError, match=r"analysis\.json: no longer exists"):
        outputs.write_verdict(written, thresholds.judge(written), thresholds)
    assert not (tmp_path / "verdict.json").exists()


def test_the_report_has_the_sha256_of_unchanged_files_only(tmp_path: Path) -> None:
    before = outputs.write_analysis(str(tmp_path / "before"), BIASED, CONFIG, formats=[])
    after = outputs.write_analysis(str(tmp_path / "after"), BIASED, CONFIG, formats=["html"])
    thresholds = Thresholds({"DPL": 0.1})
    outputs.write_verdict(after, thresholds.judge(after), thresholds, before=before)
    assert "analysis.json before, SHA-256" in (tmp_path / "after" / "report.html").read_text()

    outputs.write_analysis(str(tmp_path / "before"), make_analysis({"F": (1, 9), "M": (9, 1)}), CONFIG, formats=[])
    outputs.write_verdict(after, thresholds.judge(after), thresholds, before=before)
    report = (tmp_path / "after" / "report.html").read_text()
    assert "analysis.json before, SHA-256" not in report
    assert "analysis.json, SHA-256" in report


def test_an_unreadable_summary_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs.write_analysis(str(tmp_path), make_analysis({"F": (0, 100), "M": (0, 100)}), CONFIG)
    read_bytes = Path.read_bytes

    def denied(self: Path) -> bytes:
        if self.name == outputs.SUMMARY:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", denied)

    with pytest.raises(DataError, match=r"summary\.json: cannot be read \(Permission denied\)"):
        outputs.read_analysis(str(tmp_path / "analysis.json"))


def test_a_summary_that_a_store_refuses_is_an_error(store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs.write_analysis("memory://bucket/bias", BIASED, CONFIG)
    cat_file = MemoryFileSystem.cat_file

    def refuses(self: MemoryFileSystem, path: str, **how: Any) -> bytes:
        if path.endswith(outputs.SUMMARY):
            raise ConnectionError("slow down")
        return bytes(cat_file(self, path, **how))

    monkeypatch.setattr(MemoryFileSystem, "cat_file", refuses)

    with pytest.raises(DataError, match=r"summary\.json: cannot be read \(slow down\)"):
        outputs.read_analysis("memory://bucket/bias/analysis.json")


def test_a_folder_in_place_of_the_summary(tmp_path: Path) -> None:
    (tmp_path / "analysis.json").write_text(BIASED.to_clarify_json())
    (tmp_path / "summary.json").mkdir()

    with pytest.raises(DataError, match=r"summary\.json: a folder"):
        outputs.read_analysis(str(tmp_path / "analysis.json"))


def test_undefined_metrics_agree_with_counts_that_leave_them_undefined(tmp_path: Path) -> None:
    undefined = make_analysis({"F": (10, 0), "M": (0, 10), "nobody": (0, 0)})
    assert any(metric.value is None for _, result in undefined.results() for metric in result.metrics)
    outputs.write_analysis(str(tmp_path), undefined, CONFIG)

    assert outputs.read_analysis(str(tmp_path / "analysis.json")).rows == 20
