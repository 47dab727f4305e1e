"""Build the model of a report from an analysis and its verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.thresholds import Thresholds, Verdict
from airflow_clarify.io.redaction import redact_secrets
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import Name
from airflow_clarify.reports.model import Report
from airflow_clarify.reports.sections.comparison import list_incomparable
from airflow_clarify.reports.sections.distribution import build_distribution, build_label_section
from airflow_clarify.reports.sections.facets import ReportInputs, build_facets
from airflow_clarify.reports.sections.metrics import build_metric_section
from airflow_clarify.reports.sections.pictures import build_pictures
from airflow_clarify.reports.sections.provenance import NO_HASHES, list_evidence, redact_document
from airflow_clarify.reports.sections.verdict_section import build_verdict_section

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig

_TITLE = "Analysis Report"


def build_report(
    analysis: Analysis,
    *,
    verdict: Verdict | None = None,
    thresholds: Thresholds | None = None,
    config: AnalysisConfig | None = None,
    title: str = _TITLE,
    before: Analysis | None = None,
    created: datetime | None = None,
    data: str = "",
    hashes: Mapping[str, str] = NO_HASHES,
) -> Report:
    """Build the report model of an analysis and its verdict.

    :param analysis: the measured metrics and counts
    :param verdict: the verdict; if None and ``thresholds`` are given, they are applied to the analysis
    :param thresholds: the rules behind the verdict
    :param config: the configuration of the analysis
    :param title: the report's title; a blank one is replaced by the default, since a page and a PDF must have a title
    :param before: the analysis of the same data before they were balanced
    :param created: creation time of the report; None means now
    :param data: location of the data (an input path, a table or a query), listed as evidence
    :param hashes: SHA-256 of the files that contain the numbers, by file name, listed as evidence
    :return: the model that every renderer lays out
    :raises ThresholdError: ``thresholds`` refer to a facet or metric that the analysis does not contain
    :raises DataError: ``thresholds`` need counts, and the analysis has none
    """
    if verdict is None and thresholds is not None:
        verdict = thresholds.judge(analysis)
    moment = _format_utc(created or datetime.now(UTC))
    dataset = analysis.data_name or formatting.shorten(
        " ".join(redact_secrets(data).split()), formatting.MAX_NAME_LENGTH
    )
    inputs = ReportInputs(analysis, verdict, before)
    facets = tuple(
        replace(
            section,
            pictures=tuple(build_pictures(section.columns, section.groups, inputs.primary)),
            distribution=build_distribution(facet),
        )
        for section, facet in zip(build_facets(analysis, verdict, thresholds, before), analysis.facets, strict=True)
    )
    order = sorted(inputs.metrics, key=lambda metric: metric != inputs.primary)
    return Report(
        title=title if title.strip() else _TITLE,
        verdict=build_verdict_section(verdict, thresholds),
        rows=analysis.rows,
        rows_before=before.rows if before else None,
        weight=_sum_weight(analysis),
        labels=build_label_section(analysis),
        facets=facets,
        metrics=tuple(build_metric_section(metric, analysis, facets, before) for metric in order),
        warnings=_build_warnings(analysis, verdict, config, before),
        compared=before is not None,
        configuration=_format_configuration(config) if config else "",
        provenance=tuple(list_evidence(analysis, before=before, data=data, hashes=hashes, created=moment)),
        created=moment,
        origin=tuple(_describe_origin(analysis, dataset)),
        dataset=dataset,
        run=_name_run(analysis.run),
        predicted=formatting.build_name(analysis.predicted_label) if analysis.predicted_label else None,
    )


def _format_configuration(config: AnalysisConfig) -> str:
    # The declared types are no part of Clarify's configuration, but they affect the numbers, so they are shown too.
    document = {**config.document, **config.declared_types}
    return json.dumps(redact_document(document), indent=2, ensure_ascii=False)


def _describe_origin(analysis: Analysis, dataset: str) -> Iterator[tuple[str, Name]]:
    """List the data, the Airflow run and its date, for the top of the report."""
    if dataset:
        yield "Data", formatting.build_name(dataset)
    run = analysis.run
    if "dag_id" in run:
        yield "DAG", formatting.build_name(run["dag_id"])
        task = run.get("task_id", "")
        yield "Task", formatting.build_name(f"{task} [{run['instance']}]" if "instance" in run else task)
        yield "Run", formatting.build_name(run.get("run_id", ""))
    if date := formatting.format_date(run.get("date", "")):
        yield "Date", formatting.build_name(date)


def _name_run(run: Mapping[str, str]) -> str:
    """Format the DAG and the date of its run, or the run id if it has no date, for a title."""
    if "dag_id" not in run:
        return ""
    return f"{run['dag_id']}, {formatting.format_date(run.get('date', '')) or run.get('run_id', '')}"


def _format_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- The whole data -----------------------------------------------------------------------------------------------


def _sum_weight(analysis: Analysis) -> str | None:
    first = analysis.facets[0]
    if not analysis.weighted or first.positive is None or first.negative is None:
        return None
    return formatting.format_amount(first.positive + first.negative, weighted=True)


def _build_warnings(
    analysis: Analysis, verdict: Verdict | None, config: AnalysisConfig | None, before: Analysis | None
) -> tuple[str, ...]:
    """Collect the warnings of the analysis that are not already reasons of the verdict."""
    reasons = verdict.reasons if verdict else ()
    warnings = [warning for warning in analysis.warnings if warning not in reasons]
    if config is not None and analysis.config_sha256 and config.sha256 != analysis.config_sha256:
        warnings.append(
            "the configuration shown here is not the one of this analysis: their fingerprints differ, "
            f"{config.sha256[:12]} here and {analysis.config_sha256[:12]} there"
        )
    return (*warnings, *(list_incomparable(analysis, before) if before else ()))
