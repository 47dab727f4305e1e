"""What a job leaves behind, read back and looked over: a job that says Completed is not yet an answer.

``analysis.json`` has to be there, to be of this job and not of an earlier one in the same folder, and to hold what was
asked for; the report has to be there where one was asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from airflow_clarify import artifacts as outputs
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.cli.sagemaker_job import parse_options
from airflow_clarify.engines.sagemaker.request import (
    CONFIG_FILE,
    CONFIG_INPUT,
    DATA_INPUT,
    RESULT_OUTPUT,
    list_job_locations,
)
from airflow_clarify.engines.sagemaker.s3 import S3Files
from airflow_clarify.exceptions import DataError, JobError

#: Clarify's report, by kind: all of one name, which the configuration may change. Ours stands beside it.
_CLARIFYS_REPORTS = {"clarify_report": ".html", "clarify_notebook": ".ipynb", "clarify_pdf": ".pdf"}
OUR_REPORT = "bias_report.html"
#: S3 keeps whole seconds, and clocks differ a little.
_CLOCKS_DIFFER = timedelta(seconds=5)


def read_configuration(description: Mapping[str, Any], files: S3Files) -> AnalysisConfig:
    """The configuration that a Clarify job was given, and the types that our own image was told beside it.

    :raises JobError: it is not there any more
    :raises ConfigError: it is none
    """
    uri = find_config_uri(description)
    found = files.read(uri)
    if found is None:
        raise JobError(f"{uri}: the configuration of job {_name(description)} is not there any more")
    options = _read_options(description)
    types = {name: options[name] for name in ("label_type", "facet_type") if name in options}
    return replace(AnalysisConfig.parse(found, uri), **types)


def find_config_uri(description: Mapping[str, Any]) -> str:
    """Where the configuration of a Clarify job lies; its input names the file or its folder."""
    uri = list_job_locations(description)[CONFIG_INPUT]
    return uri if uri.endswith(".json") else f"{uri.rstrip('/')}/{CONFIG_FILE}"


def collect(description: Mapping[str, Any], config: AnalysisConfig, files: S3Files) -> Analysis:
    """Read the analysis of a job that has completed, and write our report beside it.

    :param description: the job, as SageMaker describes it
    :param config: what was asked of it, see :func:`configuration`
    :raises JobError: an output is missing, broken, of another job, or not what was asked for
    :raises ServiceError: S3 refused, or could not be reached; that says nothing of the job
    """
    folder = list_job_locations(description)[RESULT_OUTPUT].rstrip("/")
    since = description["CreationTime"] - _CLOCKS_DIFFER
    there = {name: (size, when) for name, (size, when) in files.list_sizes(folder).items() if when >= since}
    _check_files(_name(description), folder, there, files, config)
    try:
        analysis = _read(description, folder, there, config, files)
    except DataError as error:
        raise JobError(f"the processing job {_name(description)} left a broken output: {error}") from None
    data = list_job_locations(description).get(DATA_INPUT)
    analysis = replace(analysis, whereabouts={} if data is None else {"path": data})
    _check_completeness(analysis, config, f"{folder}/{outputs.ANALYSIS}")
    if analysis.rows is None:
        analysis = _write_report(analysis, config, folder, files)
    return analysis


def _check_files(
    name: str, folder: str, there: Mapping[str, tuple[int, datetime]], files: S3Files, config: AnalysisConfig
) -> None:
    wanted = [outputs.ANALYSIS]
    if config.document["methods"].get("report") is not None:
        wanted.append(config.report_file)
    for file in wanted:
        if there.get(file, (0, None))[0]:
            continue
        old = file not in there and file in files.list_sizes(folder)
        what = "is of an earlier job" if old else "is empty" if file in there else "is missing"
        raise JobError(
            f"the processing job {name} completed, but {folder}/{file} {what}; look at the job's logs, and whether its "
            "role may write there"
        )


def _read(
    description: Mapping[str, Any],
    folder: str,
    there: Mapping[str, tuple[int, datetime]],
    config: AnalysisConfig,
    files: S3Files,
) -> Analysis:
    location = f"{folder}/{outputs.ANALYSIS}"
    text = _read_text(files, location)
    analysis = Analysis.from_clarify_json(text, location)
    analysis = replace(analysis, file_sha256=hashlib.sha256(text.encode()).hexdigest())
    found = {"analysis": location, "config": find_config_uri(description)}
    if outputs.SUMMARY in there:
        # Our own image leaves the counts as well.
        uri = f"{folder}/{outputs.SUMMARY}"
        analysis = analysis.with_summary(_read_text(files, uri), uri)
        return replace(analysis, outputs=found | {"report": f"{folder}/{config.report_file}", "summary": uri})
    named = {kind: config.report_file.removesuffix(".html") + ending for kind, ending in _CLARIFYS_REPORTS.items()}
    reports = {kind: f"{folder}/{file}" for kind, file in named.items() if file in there}
    if _read_options(description):
        raise JobError(
            f"{folder} holds no {outputs.SUMMARY}, so whether the image took "
            f"{', '.join(_read_options(description))} into account cannot be told; use this package's own image"
        )
    if analysis.summary_sha256:
        raise JobError(f"{folder} holds no {outputs.SUMMARY} of this job, and {outputs.ANALYSIS} was written with one")
    image = str(description.get("AppSpecification", {}).get("ImageUri", "")).rpartition("/")[2]
    return replace(
        analysis,
        outputs=found | reports,
        engine=f"sagemaker {image}",
        config_sha256=config.sha256,
        warnings=(*analysis.warnings, *_build_notices(analysis)),
    )


def _read_options(description: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked of our own image beyond Clarify's configuration."""
    return parse_options(description.get("Environment") or {})


def _read_text(files: S3Files, uri: str) -> str:
    found = files.read(uri)
    if found is None:
        raise JobError(f"{uri} is not there")
    return found


def _check_completeness(analysis: Analysis, config: AnalysisConfig, uri: str) -> None:
    """See that every facet and every metric that was asked for is there."""
    if analysis.config_sha256 != config.sha256:
        raise JobError(f"{uri}: the image did not take the options into account that go with the configuration")
    if len(analysis.facets) != len(config.facets):
        raise JobError(f"{uri} holds {len(analysis.facets)} facets, and {len(config.facets)} were asked for")
    for facet, result in analysis.results():
        for method in config.methods:
            if result.metric(method) is None and method != "CDDL":
                raise JobError(f"{uri} holds no {method} of {facet.column} {result.value}, which was asked for")
    for facet in analysis.facets:
        if not facet.results:
            raise JobError(f"{uri} holds no value of facet {facet.column}")


def _build_notices(analysis: Analysis) -> list[str]:
    """What Clarify's file cannot tell: it has no counts."""
    values = [metric.value for _, result in analysis.results() for metric in result.metrics if metric.name != "CI"]
    if values and all(value == 0 for value in values if value is not None):
        return [
            "every metric but CI is 0, which is perfect balance, or a label that is positive nowhere or everywhere: "
            "Clarify's output has no counts to tell them apart; check label_values_or_threshold"
        ]
    return []


def _write_report(analysis: Analysis, config: AnalysisConfig, folder: str, files: S3Files) -> Analysis:
    """Write our report of Clarify's numbers, which the gate adds its verdict to."""
    from airflow_clarify.reports.builder import build_report
    from airflow_clarify.reports.html.renderer import render_html

    uri = f"{folder}/{OUR_REPORT if config.report_file != OUR_REPORT else f'our_{OUR_REPORT}'}"
    analysis = replace(analysis, outputs={**analysis.outputs, "report": uri})
    files.write(uri, render_html(build_report(analysis, config=config)).encode())
    return analysis


def _name(description: Mapping[str, Any]) -> str:
    return str(description.get("ProcessingJobName"))
