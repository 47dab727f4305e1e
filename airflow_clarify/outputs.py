"""Writing the files of an analysis, all of them or none, and reading them again.

Each file is written aside and then moved, and ``analysis.json``, which readers wait for, comes last. When one cannot be
written, what was there before is there again.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.duckdb.aside import cannot_write
from airflow_clarify.engines.duckdb.storage import first_line, is_remote, key_of, local_path, open_filesystem
from airflow_clarify.exceptions import DataError, OutputError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig
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


def write_analysis(
    folder: str,
    analysis: Analysis,
    config: AnalysisConfig,
    conn_id: str | None = None,
    formats: Collection[str] = FORMATS,
) -> Analysis:
    """Write the files of an analysis: the report, the summary, the configuration and ``analysis.json``.

    :param folder: a local path or a URI
    :param conn_id: the Airflow connection of a URI
    :param formats: of the report
    :return: the analysis, which now knows where its files are
    :raises ConfigError: there is no such format
    :raises OutputError: one cannot be written; then all is as it was before
    """
    analysis = replace(analysis, outputs=locations(folder, config, formats))
    files: dict[str, str | bytes] = {
        **report_files(analysis, formats, config=config),
        SUMMARY: json.dumps(analysis.to_summary(), indent=4),
        CONFIG: config.to_json(),
        ANALYSIS: analysis.to_clarify_json(),
    }
    write_files(folder, files, conn_id)
    return analysis


def write_verdict(
    analysis: Analysis,
    verdict: Verdict,
    thresholds: Thresholds,
    conn_id: str | None = None,
    before: Analysis | None = None,
) -> None:
    """Write a verdict beside its analysis, and the report anew with it, in the formats that are there.

    :param analysis: which knows where its files are
    :param thresholds: the rules behind the verdict
    :param conn_id: the Airflow connection of the files
    :param before: the analysis of the same data before they were repaired
    :raises DataError: the configuration beside the analysis cannot be read
    :raises OutputError: a file cannot be written; then all is as it was before
    """
    from airflow_clarify.bias.config import AnalysisConfig

    config = AnalysisConfig.parse(read_file(analysis.outputs["config"], conn_id))
    config = replace(config, **analysis.declared_types)
    formats = [ending for kind, ending in _REPORTS.items() if kind in analysis.outputs]
    reports = report_files(analysis, formats, verdict=verdict, thresholds=thresholds, config=config, before=before)
    files: dict[str, str | bytes] = {**reports, VERDICT: json.dumps(verdict.to_json(), indent=4)}
    write_files(analysis.outputs["analysis"].rpartition("/")[0], files, conn_id)


def report_files(analysis: Analysis, formats: Collection[str], **said: Any) -> dict[str, bytes]:
    """The report in some formats, under the names that the analysis has for it.

    :param said: as for :func:`airflow_clarify.reports.files.render_files`
    :raises ConfigError: there is no such format
    """
    from airflow_clarify.reports.files import render_files

    rendered = render_files(analysis, formats=formats, data=analysis.source, **said)
    kinds = {f"report.{ending}": kind for kind, ending in _REPORTS.items()}
    return {analysis.outputs[kinds[name]].rpartition("/")[2]: content for name, content in rendered.items()}


def write_files(folder: str, files: Mapping[str, str | bytes], conn_id: str | None = None) -> None:
    """Write files into a folder, made where it is missing, in the order of the mapping.

    :param folder: a local path or a URI
    :param files: file name to content
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

    :raises DataError: it is not there, or is no analysis; or the summary beside it cannot be read, or speaks of another
        analysis: counts that might show what is wrong are never passed over
    """
    from airflow_clarify.bias.analysis import Analysis

    analysis = Analysis.from_clarify_json(read_file(location, conn_id), location)
    folder, slash, _ = location.rpartition("/")
    beside = f"{folder}{slash}{SUMMARY}"
    summary = _read_if_there(beside, conn_id)
    return analysis if summary is None else analysis.with_summary(summary, beside)


# --- Reading ------------------------------------------------------------------------------------------------------


def _read_if_there(location: str, conn_id: str | None) -> str | None:
    """A text; None where there is no such file. What is there and cannot be read is an error all the same."""
    try:
        if is_remote(location):
            content = bytes(open_filesystem(location, conn_id).cat_file(key_of(location)))
        else:
            content = local_path(location).read_bytes()
        # Editors on Windows begin a file with a byte order mark.
        return content.decode("utf-8-sig")
    except DataError:
        raise
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise DataError(f"{location}: a folder, not a file; name the file in it") from None
    except UnicodeDecodeError:
        raise DataError(f"{location}: not a text file") from None
    except OSError as error:
        raise DataError(f"{location}: cannot be read ({error.strerror or first_line(error)})") from None
    except Exception as error:  # the stores' own errors share no base
        raise DataError(f"{location}: cannot be read ({first_line(error)})") from None


# --- Writing ------------------------------------------------------------------------------------------------------


def _write_local(folder: Path, files: Mapping[str, bytes]) -> None:
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    aside = {name: folder / f".{name}.{uuid.uuid4().hex}.partial" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            aside[name].write_bytes(content)
        _move({aside[name]: folder / name for name in files})
    except BaseException:
        _remove(aside.values(), made)
        raise


def _move(moves: Mapping[Path, Path]) -> None:
    """Give every file its name, or none of them."""
    before = {target: _content_of(target) for target in moves.values()}
    touched = []
    try:
        for partial, target in moves.items():
            touched.append((partial, target))
            partial.replace(target)
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


def _write_remote(filesystem: AbstractFileSystem, folder: str, files: Mapping[str, bytes]) -> None:
    """Upload the files. An object of a store appears whole, once its upload ends."""
    paths = {name: f"{key_of(folder).rstrip('/')}/{name}" for name in files}
    before = _objects_of(filesystem, paths.values())
    touched = []
    try:
        for name, content in files.items():
            touched.append(paths[name])
            filesystem.pipe_file(paths[name], content)
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
