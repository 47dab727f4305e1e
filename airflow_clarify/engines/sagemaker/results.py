"""The outputs of a job, read and checked: the state Completed alone does not guarantee a result.

``analysis.json`` has to exist, to belong to this job and not to an earlier one in the same folder, and to hold the
requested facets and metrics. The report has to exist if it was requested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from airflow_clarify import artifacts
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.engines.sagemaker.container_options import parse_options
from airflow_clarify.engines.sagemaker.request import (
    CONFIG_FILE,
    CONFIG_INPUT,
    DATA_INPUT,
    RESULT_OUTPUT,
    list_job_locations,
)
from airflow_clarify.engines.sagemaker.s3 import S3Files
from airflow_clarify.exceptions import DataError, JobError

#: The formats of Clarify's report. They share one name, which the configuration may change.
_CLARIFY_REPORTS = {"clarify_report": ".html", "clarify_notebook": ".ipynb", "clarify_pdf": ".pdf"}
OUR_REPORT = "bias_report.html"
#: Metrics that Clarify may leave out without a group variable.
_GROUP_METRICS = frozenset({"CDDL", "CDDPL"})
#: Metrics that images from before August 2022 do not have, so that "all" does not include them.
_NEW_METRICS = frozenset({"GE", "SD"})
#: Metrics of predictions that are 0 if all predictions have the same outcome.
_ZERO_IF_ONE_SIDED = frozenset({"DPPL", "RD", "TE"})
#: Tolerance for comparing times: S3 keeps whole seconds, and clocks differ slightly.
_CLOCK_TOLERANCE = timedelta(seconds=5)


def read_configuration(description: Mapping[str, Any], files: S3Files) -> AnalysisConfig:
    """Read the configuration of a Clarify job, with the type options of the image.

    :param description: the response of ``DescribeProcessingJob``
    :param files: the client for S3
    :raises JobError: the configuration no longer exists
    :raises ConfigError: the file is not a valid configuration
    :raises ServiceError: S3 refused, or could not be reached
    """
    uri = find_config_uri(description)
    found = files.read(uri)
    if found is None:
        raise JobError(f"{uri}: the configuration of job {_get_name(description)} no longer exists")
    options = _read_options(description)
    types = {name: options[name] for name in ("label_type", "facet_type") if name in options}
    return replace(AnalysisConfig.parse(found, uri), **types)


def find_config_uri(description: Mapping[str, Any]) -> str:
    """Find the S3 URI of a Clarify job's configuration.

    :param description: the response of ``DescribeProcessingJob``; its input is the file or its folder
    """
    uri = list_job_locations(description)[CONFIG_INPUT]
    return uri if uri.endswith(".json") else f"{uri.rstrip('/')}/{CONFIG_FILE}"


def collect(description: Mapping[str, Any], config: AnalysisConfig, files: S3Files) -> Analysis:
    """Read the analysis of a completed job, and write this package's report.

    :param description: the response of ``DescribeProcessingJob``
    :param config: the configuration of the job, see :func:`read_configuration`
    :param files: the client for S3
    :return: the analysis, with the locations of its files
    :raises JobError: an output is missing, invalid, incomplete or of another job
    :raises ServiceError: S3 refused, or could not be reached; the job itself may have succeeded
    """
    folder = list_job_locations(description)[RESULT_OUTPUT].rstrip("/")
    since = description["CreationTime"] - _CLOCK_TOLERANCE
    sizes = {name: (size, when) for name, (size, when) in files.list_sizes(folder).items() if when >= since}
    _check_files(_get_name(description), folder, sizes, files, config)
    try:
        analysis = _read_analysis(description, folder, sizes, config, files)
    except DataError as error:
        raise JobError(f"the processing job {_get_name(description)} wrote an invalid output: {error}") from None
    data = list_job_locations(description).get(DATA_INPUT)
    analysis = replace(analysis, whereabouts={} if data is None else {"path": data})
    _check_completeness(analysis, config, f"{folder}/{artifacts.ANALYSIS}")
    if analysis.rows is None:
        analysis = _write_report(analysis, config, folder, files)
    return analysis


def _check_files(
    name: str, folder: str, sizes: Mapping[str, tuple[int, datetime]], files: S3Files, config: AnalysisConfig
) -> None:
    """Check that the requested files exist, are not empty, and belong to this job."""
    wanted = [artifacts.ANALYSIS]
    if config.document["methods"].get("report") is not None:
        wanted.append(config.report_file)
    for file in wanted:
        if sizes.get(file, (0, None))[0]:
            continue
        old = file not in sizes and file in files.list_sizes(folder)
        what = "is of an earlier job" if old else "is empty" if file in sizes else "is missing"
        raise JobError(
            f"the processing job {name} completed, but {folder}/{file} {what}; look at the job's logs, and whether its "
            "role may write there"
        )


def _read_analysis(
    description: Mapping[str, Any],
    folder: str,
    sizes: Mapping[str, tuple[int, datetime]],
    config: AnalysisConfig,
    files: S3Files,
) -> Analysis:
    location = f"{folder}/{artifacts.ANALYSIS}"
    text = _read_text(files, location)
    analysis = Analysis.from_clarify_json(text, location)
    analysis = replace(analysis, file_sha256=hashlib.sha256(text.encode()).hexdigest())
    found = {"analysis": location, "config": find_config_uri(description)}
    if artifacts.SUMMARY in sizes:
        # This package's own image also writes the counts.
        uri = f"{folder}/{artifacts.SUMMARY}"
        analysis = analysis.with_summary(_read_text(files, uri), uri)
        return replace(analysis, outputs=found | {"report": f"{folder}/{config.report_file}", "summary": uri})
    named = {kind: config.report_file.removesuffix(".html") + ending for kind, ending in _CLARIFY_REPORTS.items()}
    reports = {kind: f"{folder}/{file}" for kind, file in named.items() if file in sizes}
    if _read_options(description):
        raise JobError(
            f"{folder} holds no {artifacts.SUMMARY}, so it is unknown whether the image "
            f"applied {', '.join(_read_options(description))}; use this package's own image"
        )
    if analysis.summary_sha256:
        raise JobError(
            f"{folder} holds no {artifacts.SUMMARY} of this job, and {artifacts.ANALYSIS} was written with one"
        )
    image = str(description.get("AppSpecification", {}).get("ImageUri", "")).rpartition("/")[2]
    return replace(
        analysis,
        outputs=found | reports,
        engine=f"sagemaker {image}",
        config_sha256=config.sha256,
        warnings=(*analysis.warnings, *_list_warnings(analysis)),
    )


def _read_options(description: Mapping[str, Any]) -> dict[str, Any]:
    """Read the options beyond Clarify's configuration from the job's environment."""
    return parse_options(description.get("Environment") or {})


def _read_text(files: S3Files, uri: str) -> str:
    found = files.read(uri)
    if found is None:
        raise JobError(f"{uri} does not exist")
    return found


def _check_completeness(analysis: Analysis, config: AnalysisConfig, uri: str) -> None:
    """Check that the analysis holds every requested facet and metric."""
    if analysis.config_sha256 != config.sha256:
        raise JobError(f"{uri}: the image did not apply the options of the configuration")
    if len(analysis.facets) != len(config.facets):
        raise JobError(f"{uri} holds {len(analysis.facets)} facets, and {len(config.facets)} were asked for")
    optional = _GROUP_METRICS | (_NEW_METRICS if config.all_methods else frozenset())
    required = [name for name in (*config.methods, *config.post_training_methods) if name not in optional]
    for facet, result in analysis.results():
        for method in required:
            if result.metric(method) is None:
                raise JobError(f"{uri} holds no {method} of {facet.column} {result.value}, which was asked for")
    for facet in analysis.facets:
        if not facet.results:
            raise JobError(f"{uri} holds no value of facet {facet.column}")


def _list_warnings(analysis: Analysis) -> list[str]:
    """List warnings about results that Clarify's file leaves ambiguous, because it holds no counts."""
    results = [result for _, result in analysis.results()]
    labels = [m.value for result in results for m in result.list_metrics("pre_training") if m.name != "CI"]
    predictions = [m.value for result in results for m in result.metrics if m.name in _ZERO_IF_ONE_SIDED]
    warnings = []
    if _are_zero(labels):
        warnings.append(
            "every metric but CI is 0, which is perfect balance, or a label that is positive in no row or in all: "
            "Clarify's output has no counts to tell them apart; check label_values_or_threshold"
        )
    if _are_zero(predictions):
        warnings.append(
            "every DPPL, RD and TE is 0, which is perfect balance, or a model that predicts the same for every row: "
            "Clarify's output has no counts to tell them apart; check label_values_or_threshold and the model"
        )
    return warnings


def _are_zero(values: Sequence[float | None]) -> bool:
    return bool(values) and all(value == 0 for value in values if value is not None)


def _write_report(analysis: Analysis, config: AnalysisConfig, folder: str, files: S3Files) -> Analysis:
    """Write this package's report of Clarify's metrics; the gate adds its verdict to it."""
    from airflow_clarify.reports.builder import build_report
    from airflow_clarify.reports.html.renderer import render_html

    uri = f"{folder}/{OUR_REPORT if config.report_file != OUR_REPORT else f'our_{OUR_REPORT}'}"
    analysis = replace(analysis, outputs={**analysis.outputs, "report": uri})
    files.write(uri, render_html(build_report(analysis, config=config)).encode())
    return analysis


def _get_name(description: Mapping[str, Any]) -> str:
    return str(description.get("ProcessingJobName"))
