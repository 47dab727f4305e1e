"""Writing the files of an analysis, all of them or none, and reading them again.

Each file is written aside and then moved, and ``analysis.json``, which readers wait for, comes last. When one cannot be
written, what was there before is there again.

A run that is killed between two moves leaves files of two runs. So that nobody takes them for one, the SHA-256 of
``analysis.json`` stands in ``summary.json``, ``verdict.json`` and the report, and that of the summary's counts in
``analysis.json``. The summary is the first file to be replaced: from then on, until ``analysis.json`` has followed,
:func:`read_analysis` refuses the folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.dataset_types import DATASET_TYPES
from airflow_clarify.exceptions import ConfigError, DataError, OutputError
from airflow_clarify.io.atomic import check_not_source, write_error
from airflow_clarify.io.filesystem import first_error_line, is_remote, object_key, open_filesystem, parse_local_path
from airflow_clarify.io.staging import open_staging_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.thresholds import Thresholds, Verdict

ANALYSIS = "analysis.json"
SUMMARY = "summary.json"
CONFIG = "analysis_config.json"
VERDICT = "verdict.json"
#: The formats of the report, by the kind under which an analysis names the file.
_REPORTS = {"report": "html", "notebook": "ipynb", "pdf": "pdf"}
#: What Clarify leaves, and so we.
FORMATS = tuple(_REPORTS.values())


def list_files(config: AnalysisConfig, formats: Collection[str] = FORMATS) -> dict[str, str]:
    """The files of an analysis, by kind; the one that readers wait for comes last.

    :param formats: of the report
    :raises ConfigError: the configuration gives the report a name that is none
    """
    stem = config.report_file.removesuffix(".html")
    reports = {kind: f"{stem}.{ending}" for kind, ending in _REPORTS.items() if ending in formats}
    return {**reports, "summary": SUMMARY, "config": CONFIG, "analysis": ANALYSIS}


def list_locations(folder: str, config: AnalysisConfig, formats: Collection[str] = FORMATS) -> dict[str, str]:
    """Where the files of an analysis will be.

    :param folder: a local path or a URI
    :param formats: of the report
    :raises ConfigError: the configuration gives the report a name that is none
    """
    return {kind: f"{folder.rstrip('/')}/{name}" for kind, name in list_files(config, formats).items()}


def check_folder(folder: str, data: DataConfig, config: AnalysisConfig, formats: Collection[str] = FORMATS) -> None:
    """See, before any work is done, that the files of an analysis can lie in a folder.

    :param folder: a local path or a URI
    :param data: what is to be measured
    :param formats: of the report
    :raises ConfigError: a file would take the place of the data, as with ``out/analysis.json`` for data and ``out`` for
        a folder, or the next run would read it as data
    :raises OutputError: it is local, and nobody may write there
    """
    if not is_remote(folder):
        _check_local(folder)
    if data.input_path:
        json_lines = DATASET_TYPES.get(data.resolve_dataset_type()) == "jsonlines"
        source = PurePosixPath(data.input_path)
        for target in list_locations(folder, config, formats).values():
            suffix = PurePosixPath(target).suffix
            # Others are passed over where a folder is read.
            if suffix == source.suffix or source.name.endswith("*") or (json_lines and suffix == ".json"):
                check_not_source(target, data.input_path, [data.input_path])


def _check_local(folder: str) -> None:
    target = parse_local_path(folder).absolute()
    try:
        there = next(path for path in (target, *target.parents) if path.exists())
    except OSError as error:
        raise write_error(folder, error) from error
    if not there.is_dir():
        raise write_error(folder, NotADirectoryError(errno.ENOTDIR, "no folder"))
    if not os.access(there, os.W_OK | os.X_OK):
        raise write_error(folder, PermissionError(errno.EACCES, "no permission"))


def write_analysis(
    folder: str,
    analysis: Analysis,
    config: AnalysisConfig,
    conn_id: str | None = None,
    formats: Collection[str] = FORMATS,
) -> Analysis:
    """Write the files of an analysis: the report, the summary, the configuration and ``analysis.json``.

    The verdict on an earlier analysis in that folder is removed.

    :param folder: a local path or a URI
    :param conn_id: the Airflow connection of a URI
    :param formats: of the report
    :return: the analysis, which now knows where its files are
    :raises ConfigError: there is no such format
    :raises OutputError: one cannot be written; then all is as it was before
    """
    from airflow_clarify.bias.analysis import compute_summary_fingerprint

    analysis = replace(analysis, outputs=list_locations(folder, config, formats))
    summary = analysis.to_summary()
    document = analysis.to_clarify_json(compute_summary_fingerprint(summary))
    analysis = replace(analysis, file_sha256=_compute_sha256(document.encode()))
    reports = render_report_files(analysis, formats, config=config, hashes={ANALYSIS: analysis.file_sha256})
    files: dict[str, str | bytes | None] = {
        # It spoke of what was here before.
        VERDICT: None,
        SUMMARY: json.dumps({**summary, "analysis_sha256": analysis.file_sha256}, indent=4),
        **dict.fromkeys(_list_reports(folder, conn_id) - reports.keys()),
        **reports,
        CONFIG: config.to_json(),
        ANALYSIS: document,
    }
    write_files(folder, files, conn_id)
    return analysis


def _list_reports(folder: str, conn_id: str | None) -> set[str]:
    """The names of the report's files that an earlier run has left in a folder, in any format."""
    try:
        outputs = json.loads(_read_if_there(f"{folder.rstrip('/')}/{SUMMARY}", conn_id) or "{}")["outputs"]
        return {str(outputs[kind]).rpartition("/")[2] for kind in _REPORTS if outputs.get(kind)} - {""}
    except (DataError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        # There was none, or it is damaged; what it spoke of stays.
        return set()


def write_verdict(
    analysis: Analysis,
    verdict: Verdict,
    thresholds: Thresholds,
    conn_id: str | None = None,
    before: Analysis | None = None,
    gate: str | None = None,
) -> None:
    """Write a verdict beside its analysis, and the report anew with it, in the formats that are there.

    Of several gates that judge one analysis, the files say what the last one said, and which one it was. Where another
    run has written its files there since, they stay as they are.

    :param analysis: which knows where its files are
    :param thresholds: the rules behind the verdict
    :param conn_id: the Airflow connection of the files
    :param before: the analysis of the same data before they were repaired
    :param gate: the task that judges
    :raises DataError: the files are of another run than what was judged, or cannot be read
    :raises OutputError: a file cannot be written; then all is as it was before
    """
    from airflow_clarify.bias.config import AnalysisConfig

    _check_judged(analysis, conn_id)
    config = AnalysisConfig.parse(read_file(analysis.outputs["config"], conn_id), analysis.outputs["config"])
    config = replace(config, **analysis.declared_types)
    if config.sha256 != analysis.config_sha256:
        raise DataError(f"{analysis.outputs['config']}: {_OF_ANOTHER_RUN}")
    formats = [ending for kind, ending in _REPORTS.items() if kind in analysis.outputs]
    hashes = _hash_files(analysis, before, conn_id)
    said = {"verdict": verdict, "thresholds": thresholds, "config": config, "before": before, "hashes": hashes}
    reports = render_report_files(analysis, formats, **said)
    whose = {
        "gate": gate,
        "thresholds": thresholds.rules,
        "config_sha256": analysis.config_sha256,
        "analysis_sha256": hashes.get(ANALYSIS, analysis.file_sha256),
    }
    files: dict[str, str | bytes | None] = {**reports, VERDICT: json.dumps(verdict.to_json() | whose, indent=4)}
    # To lay out a report takes seconds, in which another run may have come.
    _check_judged(analysis, conn_id)
    folder, slash, _ = analysis.outputs["analysis"].rpartition("/")
    write_files(folder or slash or ".", files, conn_id)


#: Behind the name of a file that a verdict is not written beside.
_OF_ANOTHER_RUN = (
    "is of another run than the analysis that was judged, so the files there stay as they are; give each run an "
    'output_path of its own, as in "s3://bucket/bias/{{ run_id }}"'
)


def _check_judged(analysis: Analysis, conn_id: str | None) -> None:
    """Check that the files beside an analysis are still those that were written with it.

    :raises DataError: they are of another run, or cannot be read
    """
    location = analysis.outputs["analysis"]
    content = _read_content_if_there(location, conn_id)
    if content is None or not _is_file_of(content, analysis, location):
        raise DataError(f"{location}: {'is not there any more' if content is None else _OF_ANOTHER_RUN}")


def _is_file_of(content: bytes, analysis: Analysis, location: str) -> bool:
    """Whether an ``analysis.json`` is the one that an analysis was written to or read from."""
    from airflow_clarify.bias.analysis import Analysis

    if analysis.file_sha256:
        return _compute_sha256(content) == analysis.file_sha256
    # Earlier versions left an XCom without it.
    return _list_numbers(Analysis.from_clarify_json(_decode_text(content, location), location)) == _list_numbers(
        analysis
    )


def _list_numbers(analysis: Analysis) -> dict[tuple[str, str, str], float | None]:
    return {
        (facet.column, result.value, metric.name): None if metric.value is None else float(f"{metric.value:.9g}")
        for facet, result in analysis.results()
        for metric in result.metrics
    }


def _hash_files(analysis: Analysis, before: Analysis | None, conn_id: str | None) -> dict[str, str]:
    """The SHA-256 of each ``analysis.json`` that the report shows; one that is not as it was has none."""
    analyses = {ANALYSIS: analysis}
    if (
        before is not None
        and before.outputs.get("analysis", analysis.outputs["analysis"]) != (analysis.outputs["analysis"])
    ):
        analyses[f"{ANALYSIS} before"] = before
    hashes = {}
    for name, one in analyses.items():
        location = one.outputs["analysis"]
        # The report can do without, so this is no reason to withhold a verdict.
        with contextlib.suppress(DataError):
            content = _read_content_if_there(location, conn_id)
            if content is not None and _is_file_of(content, one, location):
                hashes[name] = _compute_sha256(content)
    return hashes


def _compute_sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def render_report_files(analysis: Analysis, formats: Collection[str], **said: Any) -> dict[str, bytes]:
    """The report in some formats, under the names that the analysis has for it.

    :param said: as for :func:`airflow_clarify.reports.render.render_files`
    :raises ConfigError: there is no such format
    """
    from airflow_clarify.reports.render import render_files

    rendered = render_files(analysis, formats=formats, data=analysis.source, **said)
    kinds = {f"report.{ending}": kind for kind, ending in _REPORTS.items()}
    return {analysis.outputs[kinds[name]].rpartition("/")[2]: content for name, content in rendered.items()}


def write_files(folder: str, files: Mapping[str, str | bytes | None], conn_id: str | None = None) -> None:
    """Write files into a folder, made where it is missing, in the order of the mapping.

    :param folder: a local path or a URI
    :param files: file name to content; None removes the file
    :param conn_id: the Airflow connection of a URI
    :raises OutputError: one cannot be written; then all is as it was before
    """
    if not folder.strip():
        raise OutputError(f"the output folder is {folder!r}; name one")
    contents = {name: content.encode() if isinstance(content, str) else content for name, content in files.items()}
    try:
        if is_remote(folder):
            _write_remote(open_filesystem(folder, conn_id), folder, contents)
        else:
            _write_local(parse_local_path(folder), contents)
    except (OutputError, ConfigError):
        raise
    except DataError as error:
        raise OutputError(str(error)) from None
    except Exception as error:  # the stores' own errors share no base
        raise write_error(folder, error) from error


def read_file(location: str, conn_id: str | None = None) -> str:
    """Read a text.

    :raises DataError: it is not there, or cannot be read
    """
    text = _read_if_there(location, conn_id)
    if text is None:
        raise DataError(_missing_file_error(location))
    return text


def read_analysis(location: str, conn_id: str | None = None) -> Analysis:
    """Read an ``analysis.json``, and the counts from the ``summary.json`` beside it, where we wrote one.

    Clarify's own jobs leave no counts. Then a label that is positive nowhere cannot be told from one without bias.

    :return: the analysis, which knows where its files are
    :raises DataError: it is not there, or is no analysis; or the summary that was written with it is not there, cannot
        be read, or is of another run: counts that might show what is wrong are never passed over
    """
    from airflow_clarify.bias.analysis import Analysis

    content = _read_content_if_there(location, conn_id)
    if content is None:
        raise DataError(_missing_file_error(location))
    analysis = Analysis.from_clarify_json(_decode_text(content, location), location)
    analysis = replace(analysis, file_sha256=_compute_sha256(content))
    folder, slash, _ = location.rpartition("/")
    beside = f"{folder}{slash}{SUMMARY}"
    summary = _read_if_there(beside, conn_id)
    if summary is not None:
        analysis = analysis.with_summary(summary, beside)
    elif analysis.summary_sha256:
        raise DataError(
            f"{beside}: no such file, and {location} was written with it; copy both of them, or run the analysis again"
        )
    # The summary says where the files were written; they may have been copied since.
    found = {kind: f"{folder}{slash}{where.rpartition('/')[2]}" for kind, where in analysis.outputs.items()}
    return replace(analysis, outputs={**found, "analysis": location})


# --- Reading ------------------------------------------------------------------------------------------------------


def _read_if_there(location: str, conn_id: str | None) -> str | None:
    """A text; None where there is no such file. What is there and cannot be read is an error all the same."""
    content = _read_content_if_there(location, conn_id)
    return None if content is None else _decode_text(content, location)


def _missing_file_error(location: str) -> str:
    return f"{location}: no such file; check the path, and whether what writes it has run"


def _decode_text(content: bytes, location: str) -> str:
    try:
        # Editors on Windows begin a file with a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{location}: not a text file") from None


def _read_content_if_there(location: str, conn_id: str | None) -> bytes | None:
    try:
        if is_remote(location):
            return bytes(open_filesystem(location, conn_id).cat_file(object_key(location)))
        return parse_local_path(location).read_bytes()
    except (ConfigError, DataError):
        raise
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise DataError(f"{location}: a folder, not a file; name the file in it") from None
    except OSError as error:
        raise DataError(f"{location}: cannot be read ({error.strerror or first_error_line(error)})") from None
    except Exception as error:  # the stores' own errors share no base
        raise DataError(f"{location}: cannot be read ({first_error_line(error)})") from None


# --- Writing ------------------------------------------------------------------------------------------------------


def _write_local(folder: Path, files: Mapping[str, bytes | None]) -> None:
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open_staging_folder(folder) as staging:
            for name, content in files.items():
                if content is not None:
                    (staging / name).write_bytes(content)
            _replace_file({staging / name: folder / name for name in files})
    except BaseException:
        for path in made:
            # A folder that somebody else has begun to use stays.
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _replace_file(moves: Mapping[Path, Path]) -> None:
    """Give every file its name, or none of them; what has nothing to take its place is removed."""
    before = {target: _read_bytes_if_there(target) for target in moves.values()}
    touched = []
    try:
        for partial, target in moves.items():
            touched.append((partial, target))
            if partial.exists():
                partial.replace(target)
            else:
                target.unlink(missing_ok=True)
    except BaseException:
        for partial, target in touched:
            with contextlib.suppress(OSError):
                _restore_file(target, before[target], partial)
        raise


def _read_bytes_if_there(target: Path) -> bytes | None:
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise write_error(str(target), error) from error


def _restore_file(target: Path, content: bytes | None, partial: Path) -> None:
    if content is None:
        target.unlink(missing_ok=True)
    else:
        partial.write_bytes(content)
        partial.replace(target)


def _write_remote(filesystem: AbstractFileSystem, folder: str, files: Mapping[str, bytes | None]) -> None:
    """Upload the files. An object of a store appears whole, once its upload ends."""
    paths = {name: f"{object_key(folder).rstrip('/')}/{name}" for name in files}
    before = _read_objects(filesystem, paths.values())
    touched = []
    try:
        for name, content in files.items():
            if content is not None:
                touched.append(paths[name])
                filesystem.pipe_file(paths[name], content)
            elif before.get(paths[name]) is not None:
                touched.append(paths[name])
                filesystem.rm_file(paths[name])
    except BaseException:
        for path in touched:
            if path in before:
                with contextlib.suppress(Exception):
                    _restore_object(filesystem, path, before[path])
        raise


def _read_objects(filesystem: AbstractFileSystem, paths: Iterable[str]) -> dict[str, bytes | None]:
    """What is there before; None where nothing is. What may be written but not read is left out."""
    found: dict[str, bytes | None] = {}
    for path in paths:
        try:
            found[path] = bytes(filesystem.cat_file(path))
        except FileNotFoundError:
            found[path] = None
        except PermissionError:
            continue
    return found


def _restore_object(filesystem: AbstractFileSystem, path: str, content: bytes | None) -> None:
    if content is None:
        filesystem.rm_file(path)
    else:
        filesystem.pipe_file(path, content)
