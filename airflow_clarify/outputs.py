"""Writing the files of an analysis, all of them or none, and reading them again.

Each file is written aside and then moved, and ``analysis.json``, which readers wait for, comes last. When one cannot be
written, what was there before is there again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.config import DATASET_TYPES
from airflow_clarify.engines.duckdb.aside import cannot_write, refuse_the_source
from airflow_clarify.engines.duckdb.storage import first_line, is_remote, key_of, local_path, open_filesystem
from airflow_clarify.exceptions import DataError, OutputError

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


def files_of(config: AnalysisConfig, formats: Collection[str] = FORMATS) -> dict[str, str]:
    """The files of an analysis, by kind, in the order in which they are written.

    :param formats: of the report
    :raises ConfigError: the configuration gives the report a name that is none
    """
    stem = config.report_file.removesuffix(".html")
    reports = {kind: f"{stem}.{ending}" for kind, ending in _REPORTS.items() if ending in formats}
    return {**reports, "summary": SUMMARY, "config": CONFIG, "analysis": ANALYSIS}


def locations(folder: str, config: AnalysisConfig, formats: Collection[str] = FORMATS) -> dict[str, str]:
    """Where the files of an analysis will be.

    :param folder: a local path or a URI
    :param formats: of the report
    :raises ConfigError: the configuration gives the report a name that is none
    """
    return {kind: f"{folder.rstrip('/')}/{name}" for kind, name in files_of(config, formats).items()}


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
        json_lines = DATASET_TYPES.get(data.resolved_dataset_type()) == "jsonlines"
        source = PurePosixPath(data.input_path)
        for target in locations(folder, config, formats).values():
            suffix = PurePosixPath(target).suffix
            # Others are passed over where a folder is read.
            if suffix == source.suffix or source.name.endswith("*") or (json_lines and suffix == ".json"):
                refuse_the_source(target, data.input_path, [data.input_path])


def _check_local(folder: str) -> None:
    target = local_path(folder).absolute()
    try:
        there = next(path for path in (target, *target.parents) if path.exists())
    except OSError as error:
        raise cannot_write(folder, error) from error
    if not there.is_dir():
        raise cannot_write(folder, NotADirectoryError(errno.ENOTDIR, "no folder"))
    if not os.access(there, os.W_OK | os.X_OK):
        raise cannot_write(folder, PermissionError(errno.EACCES, "no permission"))


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
    analysis = replace(analysis, outputs=locations(folder, config, formats))
    document = analysis.to_clarify_json()
    files: dict[str, str | bytes | None] = {
        # It spoke of what was here before.
        VERDICT: None,
        **report_files(analysis, formats, config=config, hashes={ANALYSIS: _sha256(document.encode())}),
        SUMMARY: json.dumps(analysis.to_summary(), indent=4),
        CONFIG: config.to_json(),
        ANALYSIS: document,
    }
    write_files(folder, files, conn_id)
    return analysis


def write_verdict(
    analysis: Analysis,
    verdict: Verdict,
    thresholds: Thresholds,
    conn_id: str | None = None,
    before: Analysis | None = None,
    gate: str | None = None,
) -> None:
    """Write a verdict beside its analysis, and the report anew with it, in the formats that are there.

    Of several gates that judge one analysis, the files say what the last one said, and which one it was.

    :param analysis: which knows where its files are
    :param thresholds: the rules behind the verdict
    :param conn_id: the Airflow connection of the files
    :param before: the analysis of the same data before they were repaired
    :param gate: the task that judges
    :raises DataError: the configuration beside the analysis cannot be read
    :raises OutputError: a file cannot be written; then all is as it was before
    """
    from airflow_clarify.bias.config import AnalysisConfig

    config = AnalysisConfig.parse(read_file(analysis.outputs["config"], conn_id))
    config = replace(config, **analysis.declared_types)
    formats = [ending for kind, ending in _REPORTS.items() if kind in analysis.outputs]
    hashes = _hashes_of(analysis, before, conn_id)
    said = {"verdict": verdict, "thresholds": thresholds, "config": config, "before": before, "hashes": hashes}
    reports = report_files(analysis, formats, **said)
    whose = {"gate": gate, "thresholds": thresholds.rules, "config_sha256": analysis.config_sha256}
    files: dict[str, str | bytes | None] = {**reports, VERDICT: json.dumps(verdict.to_json() | whose, indent=4)}
    folder, slash, _ = analysis.outputs["analysis"].rpartition("/")
    write_files(folder or slash or ".", files, conn_id)


def _hashes_of(analysis: Analysis, before: Analysis | None, conn_id: str | None) -> dict[str, str]:
    """The SHA-256 of each ``analysis.json`` as it lies there; one that cannot be read has none."""
    places = {ANALYSIS: analysis.outputs["analysis"]}
    if before is not None and before.outputs.get("analysis", places[ANALYSIS]) != places[ANALYSIS]:
        places[f"{ANALYSIS} before"] = before.outputs["analysis"]
    hashes = {}
    for name, location in places.items():
        # The report can do without, so this is no reason to withhold a verdict.
        with contextlib.suppress(DataError):
            content = _content_if_there(location, conn_id)
            if content is not None:
                hashes[name] = _sha256(content)
    return hashes


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def report_files(analysis: Analysis, formats: Collection[str], **said: Any) -> dict[str, bytes]:
    """The report in some formats, under the names that the analysis has for it.

    :param said: as for :func:`airflow_clarify.reports.files.render_files`
    :raises ConfigError: there is no such format
    """
    from airflow_clarify.reports.files import render_files

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
            _write_local(local_path(folder), contents)
    except OutputError:
        raise
    except DataError as error:
        raise OutputError(str(error)) from None
    except Exception as error:  # the stores' own errors share no base
        raise cannot_write(folder, error) from error


def read_file(location: str, conn_id: str | None = None) -> str:
    """Read a text.

    :raises DataError: it is not there, or cannot be read
    """
    text = _read_if_there(location, conn_id)
    if text is None:
        raise DataError(f"{location}: no such file; check the path, and whether what writes it has run")
    return text


def read_analysis(location: str, conn_id: str | None = None) -> Analysis:
    """Read an ``analysis.json``, and the counts from the ``summary.json`` beside it, where we wrote one.

    Clarify's own jobs leave no counts. Then a label that is positive nowhere cannot be told from one without bias.

    :return: the analysis, which knows where its files are
    :raises DataError: it is not there, or is no analysis; or the summary beside it cannot be read, or speaks of another
        analysis: counts that might show what is wrong are never passed over
    """
    from airflow_clarify.bias.analysis import Analysis

    analysis = Analysis.from_clarify_json(read_file(location, conn_id), location)
    folder, slash, _ = location.rpartition("/")
    beside = f"{folder}{slash}{SUMMARY}"
    summary = _read_if_there(beside, conn_id)
    if summary is not None:
        analysis = analysis.with_summary(summary, beside)
    # The summary says where the files were written; they may have been copied since.
    found = {kind: f"{folder}{slash}{where.rpartition('/')[2]}" for kind, where in analysis.outputs.items()}
    return replace(analysis, outputs={**found, "analysis": location})


# --- Reading ------------------------------------------------------------------------------------------------------


def _read_if_there(location: str, conn_id: str | None) -> str | None:
    """A text; None where there is no such file. What is there and cannot be read is an error all the same."""
    content = _content_if_there(location, conn_id)
    try:
        # Editors on Windows begin a file with a byte order mark.
        return None if content is None else content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{location}: not a text file") from None


def _content_if_there(location: str, conn_id: str | None) -> bytes | None:
    try:
        if is_remote(location):
            return bytes(open_filesystem(location, conn_id).cat_file(key_of(location)))
        return local_path(location).read_bytes()
    except DataError:
        raise
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise DataError(f"{location}: a folder, not a file; name the file in it") from None
    except OSError as error:
        raise DataError(f"{location}: cannot be read ({error.strerror or first_line(error)})") from None
    except Exception as error:  # the stores' own errors share no base
        raise DataError(f"{location}: cannot be read ({first_line(error)})") from None


# --- Writing ------------------------------------------------------------------------------------------------------


def _write_local(folder: Path, files: Mapping[str, bytes | None]) -> None:
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    aside = {name: folder / f".{name}.{uuid.uuid4().hex}.partial" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if content is not None:
                aside[name].write_bytes(content)
        _move({aside[name]: folder / name for name in files})
    except BaseException:
        _remove(aside.values(), made)
        raise


def _move(moves: Mapping[Path, Path]) -> None:
    """Give every file its name, or none of them; what has nothing to take its place is removed."""
    before = {target: _content_of(target) for target in moves.values()}
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
                _put_back(target, before[target], partial)
        raise


def _content_of(target: Path) -> bytes | None:
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_write(str(target), error) from error


def _put_back(target: Path, content: bytes | None, partial: Path) -> None:
    if content is None:
        target.unlink(missing_ok=True)
    else:
        partial.write_bytes(content)
        partial.replace(target)


def _remove(files: Iterable[Path], folders: Iterable[Path]) -> None:
    for path in files:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    for folder in folders:
        # A folder that somebody else has begun to use stays.
        with contextlib.suppress(OSError):
            folder.rmdir()


def _write_remote(filesystem: AbstractFileSystem, folder: str, files: Mapping[str, bytes | None]) -> None:
    """Upload the files. An object of a store appears whole, once its upload ends."""
    paths = {name: f"{key_of(folder).rstrip('/')}/{name}" for name in files}
    before = _objects_of(filesystem, paths.values())
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
                    _put_object_back(filesystem, path, before[path])
        raise


def _objects_of(filesystem: AbstractFileSystem, paths: Iterable[str]) -> dict[str, bytes | None]:
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


def _put_object_back(filesystem: AbstractFileSystem, path: str, content: bytes | None) -> None:
    if content is None:
        filesystem.rm_file(path)
    else:
        filesystem.pipe_file(path, content)
