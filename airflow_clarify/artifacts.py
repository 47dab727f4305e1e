"""Writing the files of an analysis and a verdict atomically, and reading them.

Each file is written to a staging folder and then renamed, and ``analysis.json``, which readers wait for, comes last. If
a file cannot be written, the previous files are restored.

A run that is killed between two renames leaves files of two runs. To detect this, ``summary.json``, ``verdict.json``
and the report contain the SHA-256 of ``analysis.json``, which contains the SHA-256 of the summary's counts. The summary
is replaced first: until ``analysis.json`` is replaced too, :func:`read_analysis` refuses the folder.
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

from airflow_clarify.bias.config import ALL_FORMATS, REPORT_FORMATS
from airflow_clarify.bias.dataset_types import DATASET_TYPES
from airflow_clarify.bias.serialization import SUBGROUPS_FORMAT
from airflow_clarify.exceptions import ConfigError, DataError, OutputError, UnfitDataError
from airflow_clarify.io.atomic import check_not_source, write_error
from airflow_clarify.io.filesystem import first_error_line, is_remote, object_key, open_filesystem, parse_local_path
from airflow_clarify.io.staging import open_staging_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.subgroups.result import SubgroupSearch
    from airflow_clarify.bias.thresholds import Thresholds, Verdict

ANALYSIS = "analysis.json"
SUMMARY = "summary.json"
CONFIG = "analysis_config.json"
VERDICT = "verdict.json"
SUBGROUPS = "subgroups.json"
SUBGROUPS_REPORT = "subgroups.html"


def list_files(config: AnalysisConfig, formats: Collection[str] = ALL_FORMATS) -> dict[str, str]:
    """List the file names of an analysis by kind, in the order of writing.

    :param config: the analysis configuration, with the name of the report
    :param formats: the formats of the report
    :return: file name by kind; ``analysis.json`` comes last
    :raises ConfigError: the name of the report is not a valid file name
    """
    stem = config.report_file.removesuffix(".html")
    reports = {kind: f"{stem}.{suffix}" for kind, suffix in REPORT_FORMATS.items() if suffix in formats}
    return {**reports, "summary": SUMMARY, "config": CONFIG, "analysis": ANALYSIS}


def list_locations(folder: str, config: AnalysisConfig, formats: Collection[str] = ALL_FORMATS) -> dict[str, str]:
    """List the locations of the files of an analysis by kind.

    :param folder: a local path or a URI
    :param config: the analysis configuration, with the name of the report
    :param formats: the formats of the report
    :return: path or URI by kind
    :raises ConfigError: the name of the report is not a valid file name
    """
    return {kind: f"{folder.rstrip('/')}/{name}" for kind, name in list_files(config, formats).items()}


def check_folder(folder: str, data: DataConfig, config: AnalysisConfig, formats: Collection[str] = ALL_FORMATS) -> None:
    """Check that an output folder is writable and does not overlap with the data.

    :param folder: a local path or a URI
    :param data: the data configuration
    :param config: the analysis configuration, with the name of the report
    :param formats: the formats of the report
    :raises ConfigError: a file would replace the data, as with the data ``out/analysis.json`` and the folder ``out``,
        or the next run would read it as data
    :raises OutputError: the folder is local and not writable
    """
    if not is_remote(folder):
        _check_local(folder)
    if data.input_path:
        json_lines = DATASET_TYPES.get(data.resolve_dataset_type()) == "jsonlines"
        source = PurePosixPath(data.input_path)
        for target in list_locations(folder, config, formats).values():
            suffix = PurePosixPath(target).suffix
            # Files with other suffixes are ignored when a folder is read.
            if suffix == source.suffix or source.name.endswith("*") or (json_lines and suffix == ".json"):
                check_not_source(target, data.input_path, [data.input_path])


def _check_local(folder: str) -> None:
    target = parse_local_path(folder).absolute()
    try:
        existing = next(path for path in (target, *target.parents) if path.exists())
    except OSError as error:
        raise write_error(folder, error) from error
    if not existing.is_dir():
        raise write_error(folder, NotADirectoryError(errno.ENOTDIR, "no folder"))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise write_error(folder, PermissionError(errno.EACCES, "no permission"))


def write_analysis(
    folder: str,
    analysis: Analysis,
    config: AnalysisConfig,
    conn_id: str | None = None,
    formats: Collection[str] = ALL_FORMATS,
) -> Analysis:
    """Write the files of an analysis: report, summary, configuration and ``analysis.json``.

    The verdict on an earlier analysis in the folder is removed. With ``suppress_below``, the report hides small counts;
    the summary and ``analysis.json`` have all of them.

    :param folder: a local path or a URI
    :param analysis: the analysis
    :param config: its configuration
    :param conn_id: the Airflow connection for a URI
    :param formats: the formats of the report
    :return: a copy of the analysis with the locations of its files
    :raises ConfigError: a format is not supported
    :raises OutputError: a file cannot be written; the previous files are then unchanged
    """
    from airflow_clarify.bias.serialization import compute_summary_fingerprint
    from airflow_clarify.bias.suppression import hide_small_counts

    analysis = replace(analysis, outputs=list_locations(folder, config, formats))
    summary = analysis.to_summary()
    document = analysis.to_clarify_json(compute_summary_fingerprint(summary))
    analysis = replace(analysis, file_sha256=_compute_sha256(document.encode()))
    reports = render_report_files(
        hide_small_counts(analysis), formats, config=config, hashes={ANALYSIS: analysis.file_sha256}
    )
    files: dict[str, str | bytes | None] = {
        # An existing verdict is about the previous analysis.
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
    """List the report files of an earlier run in a folder, in any format."""
    try:
        outputs = json.loads(_read_if_exists(f"{folder.rstrip('/')}/{SUMMARY}", conn_id) or "{}")["outputs"]
        return {str(outputs[kind]).rpartition("/")[2] for kind in REPORT_FORMATS if outputs.get(kind)} - {""}
    except (DataError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        # There is no valid summary, so the report files of the earlier run are unknown and remain.
        return set()


def write_verdict(
    analysis: Analysis,
    verdict: Verdict,
    thresholds: Thresholds | None,
    conn_id: str | None = None,
    before: Analysis | None = None,
    gate: str | None = None,
    drift: Any = None,
) -> None:
    """Write a verdict to the folder of its analysis, and update the report.

    If several gates judge one analysis, the files have the verdict and the name of the last gate. If another run has
    written its files to the folder in the meantime, they are not changed.

    :param analysis: the analysis, with the locations of its files
    :param verdict: the verdict on the analysis
    :param thresholds: the thresholds of the verdict; None if it is on drift only
    :param conn_id: the Airflow connection for the files
    :param before: the analysis of the data before balancing, for comparison in the report
    :param gate: the task ID of the gate
    :param drift: the largest changes against the baseline, or "model-monitor"; None if the gate judges no drift
    :raises DataError: the files belong to another run than the analysis, or cannot be read
    :raises OutputError: a file cannot be written; the previous files are then unchanged
    """
    from airflow_clarify.bias.config import AnalysisConfig
    from airflow_clarify.bias.suppression import hide_small_counts, hide_small_findings

    verdict, analysis = hide_small_findings(verdict, analysis), hide_small_counts(analysis)
    before = None if before is None else hide_small_counts(before)
    _check_judged(analysis, conn_id)
    config = AnalysisConfig.parse(read_file(analysis.outputs["config"], conn_id), analysis.outputs["config"])
    config = replace(config, **analysis.declared_types)
    if config.sha256 != analysis.config_sha256:
        raise DataError(f"{analysis.outputs['config']}: {_OTHER_RUN}")
    formats = [suffix for kind, suffix in REPORT_FORMATS.items() if kind in analysis.outputs]
    hashes = _hash_files(analysis, before, conn_id)
    reports = render_report_files(
        analysis, formats, verdict=verdict, thresholds=thresholds, config=config, before=before, hashes=hashes
    )
    provenance = {
        "gate": gate,
        "thresholds": {} if thresholds is None else thresholds.rules,
        **({} if drift is None else {"drift": drift}),
        "config_sha256": analysis.config_sha256,
        "analysis_sha256": hashes.get(ANALYSIS, analysis.file_sha256),
    }
    files: dict[str, str | bytes | None] = {**reports, VERDICT: json.dumps(verdict.to_json() | provenance, indent=4)}
    # Rendering the report takes seconds, in which another run may have written its files.
    _check_judged(analysis, conn_id)
    folder, slash, _ = analysis.outputs["analysis"].rpartition("/")
    write_files(folder or slash or ".", files, conn_id)


def check_search_folder(folder: str, data: DataConfig) -> None:
    """Check that the output folder of a search is writable and does not overlap with the data.

    :param folder: a local path or a URI
    :param data: the data configuration
    :raises ConfigError: a file would replace the data, or the next run would read it as data
    :raises OutputError: the folder is local and not writable
    """
    if not is_remote(folder):
        _check_local(folder)
    if data.input_path:
        check_not_source(f"{folder.rstrip('/')}/{SUBGROUPS}", data.input_path, [data.input_path])


def write_search(folder: str, found: SubgroupSearch, conn_id: str | None = None) -> SubgroupSearch:
    """Write the files of a search for subgroups: ``subgroups.json`` and the report ``subgroups.html``, both or none.

    With ``suppress_below``, the report hides small counts; ``subgroups.json`` has all of them.

    :param folder: a local path or a URI
    :param found: the result of the search
    :param conn_id: the Airflow connection for a URI
    :return: a copy of the result with the locations of its files
    :raises OutputError: a file cannot be written; the previous files are then unchanged
    """
    from airflow_clarify.bias.subgroups.suppression import hide_small_subgroups
    from airflow_clarify.reports.sections.subgroups import render_subgroups

    base = folder.rstrip("/")
    found = replace(found, outputs={"subgroups": f"{base}/{SUBGROUPS}", "report": f"{base}/{SUBGROUPS_REPORT}"})
    page = render_subgroups(hide_small_subgroups(found))
    write_files(folder, {SUBGROUPS_REPORT: page, SUBGROUPS: json.dumps(found.to_json(), indent=4)}, conn_id)
    return found


#: The error message after the name of a file that belongs to another run than the judged analysis.
_OTHER_RUN = (
    "belongs to another run than the analysis that was judged, so the files there are not changed; give each run an "
    'output_path of its own, as in "s3://bucket/bias/{{ run_id }}"'
)


def _check_judged(analysis: Analysis, conn_id: str | None) -> None:
    """Check that the ``analysis.json`` of an analysis has not been replaced by another run.

    :raises DataError: it belongs to another run, or cannot be read
    """
    location = analysis.outputs["analysis"]
    content = _read_content_if_exists(location, conn_id)
    if content is None or not _belongs_to(content, analysis, location):
        raise DataError(f"{location}: {'no longer exists' if content is None else _OTHER_RUN}")


def _belongs_to(content: bytes, analysis: Analysis, location: str) -> bool:
    """Return whether the content of an ``analysis.json`` is that of an analysis."""
    from airflow_clarify.bias.analysis import Analysis

    if analysis.file_sha256:
        return _compute_sha256(content) == analysis.file_sha256
    # XComs of earlier versions have no SHA-256, so the metrics are compared.
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
    """Compute the SHA-256 of each ``analysis.json`` in the report; without files that have changed."""
    analyses = {ANALYSIS: analysis}
    if (
        before is not None
        and before.outputs.get("analysis", analysis.outputs["analysis"]) != (analysis.outputs["analysis"])
    ):
        analyses[f"{ANALYSIS} before"] = before
    hashes = {}
    for name, one in analyses.items():
        location = one.outputs["analysis"]
        # The SHA-256 is optional in the report, so an error must not prevent the verdict.
        with contextlib.suppress(DataError):
            content = _read_content_if_exists(location, conn_id)
            if content is not None and _belongs_to(content, one, location):
                hashes[name] = _compute_sha256(content)
    return hashes


def _compute_sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def render_report_files(analysis: Analysis, formats: Collection[str], **options: Any) -> dict[str, bytes]:
    """Render the report in some formats.

    :param analysis: the analysis, with the locations of its files
    :param formats: the formats of the report
    :param options: as for :func:`airflow_clarify.reports.render.render_files`
    :return: content by file name
    :raises ConfigError: a format is not supported
    """
    from airflow_clarify.reports.render import render_files

    rendered = render_files(analysis, formats=formats, data=analysis.source, **options)
    kinds = {f"report.{suffix}": kind for kind, suffix in REPORT_FORMATS.items()}
    return {analysis.outputs[kinds[name]].rpartition("/")[2]: content for name, content in rendered.items()}


def write_files(folder: str, files: Mapping[str, str | bytes | None], conn_id: str | None = None) -> None:
    """Write files to a folder, all or none, in the order of the mapping.

    The folder is created if it does not exist.

    :param folder: a local path or a URI
    :param files: content by file name; None removes the file
    :param conn_id: the Airflow connection for a URI
    :raises OutputError: a file cannot be written; the previous files are then unchanged
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
    except Exception as error:  # the errors of the filesystems have no common base class
        raise write_error(folder, error) from error


def read_file(location: str, conn_id: str | None = None) -> str:
    """Read a text file.

    :param location: a local path or a URI
    :param conn_id: the Airflow connection for a URI
    :return: the content, without a byte order mark
    :raises DataError: the file does not exist, or cannot be read
    """
    text = _read_if_exists(location, conn_id)
    if text is None:
        raise DataError(_missing_file_error(location))
    return text


def read_analysis(location: str, conn_id: str | None = None) -> Analysis:
    """Read an ``analysis.json``, and the counts from the ``summary.json`` in the same folder; or a ``subgroups.json``.

    Clarify's own jobs write no counts. A label without positive values then looks like a dataset without bias.

    :param location: the path or the URI of the ``analysis.json``
    :param conn_id: the Airflow connection for a URI
    :return: the analysis, with the locations of its files
    :raises DataError: the file does not exist or is not an analysis; or the summary that was written with it does not
        exist, cannot be read, or belongs to another run, since counts that can reveal a problem must not be ignored
    """
    from airflow_clarify.bias.analysis import Analysis

    content = _read_content_if_exists(location, conn_id)
    if content is None:
        raise DataError(_missing_file_error(location))
    text = _decode_text(content, location)
    if SUBGROUPS_FORMAT in text[:200]:
        from airflow_clarify.bias.subgroups.adapter import build_analysis

        return build_analysis(_parse_search(text, location))
    analysis = Analysis.from_clarify_json(text, location)
    analysis = replace(analysis, file_sha256=_compute_sha256(content))
    folder, slash, _ = location.rpartition("/")
    summary_location = f"{folder}{slash}{SUMMARY}"
    summary = _read_if_exists(summary_location, conn_id)
    if summary is not None:
        analysis = analysis.with_summary(summary, summary_location)
    elif analysis.summary_sha256:
        raise DataError(
            f"{summary_location}: no such file, and {location} was written with it; copy both of them, or run the "
            "analysis again"
        )
    # The summary has the locations to which the files were written; they may have been copied since.
    found = {kind: f"{folder}{slash}{where.rpartition('/')[2]}" for kind, where in analysis.outputs.items()}
    return replace(analysis, outputs={**found, "analysis": location})


def _parse_search(text: str, location: str) -> SubgroupSearch:
    """Parse the result of a search.

    :raises DataError: the text is not a ``subgroups.json``
    """
    from airflow_clarify.bias.subgroups.result import SubgroupSearch

    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{location}: not JSON ({error.msg} at line {error.lineno}); was it cut off?") from None
    return SubgroupSearch.from_json(document, location)


def read_exact_search(shown: SubgroupSearch, conn_id: str | None = None) -> SubgroupSearch:
    """Read the result of a search with all of its counts, from the files of a result without small ones.

    :param shown: the result without small counts
    :param conn_id: the Airflow connection for a URI
    :raises DataError: the file does not exist, or cannot be read
    :raises UnfitDataError: there is no file, or it is of another search
    """
    from airflow_clarify.bias.subgroups.suppression import hide_small_subgroups

    location = shown.outputs.get("subgroups")
    if location is None:
        raise UnfitDataError(
            f"analysis: counts under {shown.suppress_below} are hidden, and there are no files to read them from; set "
            "output_path in the DataConfig of the search"
        )
    exact = _parse_search(read_file(location, conn_id), location)
    if hide_small_subgroups(exact) != shown:
        raise UnfitDataError(
            f"analysis: the hidden counts cannot be read, as {location} is of another search; give each run an "
            "output_path of its own"
        )
    return exact


# --- Reading ------------------------------------------------------------------------------------------------------


def _read_if_exists(location: str, conn_id: str | None) -> str | None:
    """Read a text file; return None if it does not exist.

    :raises DataError: the file exists and cannot be read
    """
    content = _read_content_if_exists(location, conn_id)
    return None if content is None else _decode_text(content, location)


def _missing_file_error(location: str) -> str:
    return f"{location}: no such file; check the path, and whether what writes it has run"


def _decode_text(content: bytes, location: str) -> str:
    try:
        # Some editors on Windows write a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{location}: not a text file") from None


def _read_content_if_exists(location: str, conn_id: str | None) -> bytes | None:
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
    except Exception as error:  # the errors of the filesystems have no common base class
        raise DataError(f"{location}: cannot be read ({first_error_line(error)})") from None


# --- Writing ------------------------------------------------------------------------------------------------------


def _write_local(folder: Path, files: Mapping[str, bytes | None]) -> None:
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open_staging_folder(folder) as staging:
            for name, content in files.items():
                if content is not None:
                    (staging / name).write_bytes(content)
            _replace_files({staging / name: folder / name for name in files})
    except BaseException:
        for path in created:
            # rmdir() fails for a folder that another process has written to.
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _replace_files(moves: Mapping[Path, Path]) -> None:
    """Rename staging files, all or none; remove a target without a staging file."""
    before = {target: _read_bytes_if_exists(target) for target in moves.values()}
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


def _read_bytes_if_exists(target: Path) -> bytes | None:
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
    """Upload files, all or none.

    An object in an object store appears when its upload is complete, so no staging is necessary.
    """
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
    """Read the previous objects; None for objects that do not exist, without unreadable objects."""
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
