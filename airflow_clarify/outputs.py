"""Writing the files of an analysis: each complete under its name, or absent.

A file is written aside and then moved, and ``analysis.json``, which readers wait for, comes last. When one cannot be
written, those of this call are taken away again.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_clarify.engines.duckdb.storage import first_line, is_remote, local_path, open_filesystem
from airflow_clarify.exceptions import DataError, OutputError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_clarify.bias.analysis import Analysis

ANALYSIS = "analysis.json"
SUMMARY = "summary.json"
CONFIG = "analysis_config.json"
REPORT = "report.html"
VERDICT = "verdict.json"


def locations(folder: str, names: Mapping[str, str]) -> dict[str, str]:
    """Where the files of a folder will be.

    :param folder: a local path or a URI
    :param names: kind to file name
    """
    return {kind: f"{folder.rstrip('/')}/{name}" for kind, name in names.items()}


def write_files(folder: str, files: Mapping[str, str], conn_id: str | None = None) -> None:
    """Write texts into a folder, made where it is missing, in the order of the mapping.

    :param folder: a local path or a URI
    :param files: file name to text
    :param conn_id: the Airflow connection of a URI
    :raises OutputError: one cannot be written; then none of them is left
    """
    try:
        if is_remote(folder):
            _write_remote(open_filesystem(folder, conn_id), folder, files)
        else:
            _write_local(local_path(folder), files)
    except OutputError:
        raise
    except DataError as error:
        raise OutputError(str(error)) from None
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or first_line(error)})") from None
    except Exception as error:  # the stores' own errors share no base
        raise OutputError(f"{folder}: cannot be written ({first_line(error)})") from None


def read_file(location: str, conn_id: str | None = None) -> str:
    """Read a text.

    :raises DataError: it is not there, or cannot be read
    """
    try:
        if is_remote(location):
            filesystem = open_filesystem(location, conn_id)
            return str(filesystem.cat_file(_key(location)).decode())
        return local_path(location).read_text(encoding="utf-8")
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{location}: no such file; did the task that writes it run?") from None
    except UnicodeDecodeError:
        raise DataError(f"{location}: not a text file") from None
    except Exception as error:
        raise DataError(f"{location}: cannot be read ({first_line(error)})") from None


def read_analysis(location: str, conn_id: str | None = None) -> Analysis:
    """Read an ``analysis.json``, and the counts from the ``summary.json`` beside it, where we wrote one.

    Clarify's own jobs leave no counts. Then a label that is positive nowhere cannot be told from one without bias.

    :raises DataError: it is not there, or is no analysis; or the summary beside it speaks of another one
    """
    from airflow_clarify.bias.analysis import Analysis

    analysis = Analysis.from_clarify_json(read_file(location, conn_id), location)
    beside = location.rpartition("/")[0] + "/" + SUMMARY if "/" in location else SUMMARY
    try:
        summary = read_file(beside, conn_id)
    except DataError:
        return analysis
    return analysis.with_summary(summary, beside)


def _write_local(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    aside = {name: folder / f".{name}.{uuid.uuid4().hex}.partial" for name in files}
    try:
        for name, text in files.items():
            aside[name].write_text(text, encoding="utf-8", newline="")
        for name in files:
            aside[name].replace(folder / name)
    except BaseException:
        for path in aside.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _write_remote(filesystem: AbstractFileSystem, folder: str, files: Mapping[str, str]) -> None:
    written = []
    try:
        for name, text in files.items():
            # An object of a store appears whole, once its upload ends.
            path = f"{_key(folder).rstrip('/')}/{name}"
            written.append(path)
            filesystem.pipe_file(path, text.encode())
    except BaseException:
        for path in written:
            with contextlib.suppress(Exception):
                filesystem.rm_file(path)
        raise


def _key(location: str) -> str:
    """The part of a URI that fsspec takes: no protocol, and no connection before the bucket."""
    return location.split("://", 1)[1].split("@", 1)[-1]
