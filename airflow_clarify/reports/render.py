"""Render a report model to files in the requested formats."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.thresholds import Thresholds, Verdict
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.reports.builder import build_report
from airflow_clarify.reports.model import Report
from airflow_clarify.reports.sections.provenance import NO_HASHES

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig

_FILE_NAME = "report"
#: The package that each format needs, imported only when a report is rendered.
_PACKAGES = {"html": "jinja2", "ipynb": "jinja2", "pdf": "typst"}


def render_files(
    analysis: Analysis,
    *,
    verdict: Verdict | None = None,
    thresholds: Thresholds | None = None,
    config: AnalysisConfig | None = None,
    title: str = "Analysis Report",
    before: Analysis | None = None,
    created: datetime | None = None,
    formats: Collection[str] = ("html", "ipynb", "pdf"),
    data: str = "",
    hashes: Mapping[str, str] = NO_HASHES,
) -> dict[str, bytes]:
    """Render an analysis and its verdict as report files of equal content.

    :param analysis: the measured metrics and counts
    :param verdict: the verdict; if None and ``thresholds`` are given, they are applied to the analysis
    :param thresholds: the rules behind the verdict
    :param config: the configuration of the analysis, shown at the end
    :param title: the title of each file
    :param before: the analysis of the same data before they were balanced
    :param created: creation time of the report; None means now
    :param formats: any of "html", "ipynb" and "pdf"
    :param data: location of the data (an input path, a table or a query), listed as evidence
    :param hashes: SHA-256 of the files that contain the numbers, by file name, listed as evidence
    :return: the content of ``report.html``, ``report.ipynb`` and ``report.pdf`` by file name, in this order, for the
        requested formats
    :raises ConfigError: a format is unknown, or the package that it needs is not installed
    :raises ThresholdError: ``thresholds`` refer to a facet or metric that the analysis does not contain
    :raises DataError: ``thresholds`` need counts, and the analysis has none
    """
    if isinstance(formats, str):
        raise ConfigError(f"report formats are {formats!r}, one text; give a list of them, such as [{formats!r}]")
    for name in formats:
        _check_format(name)
    report = build_report(
        analysis,
        verdict=verdict,
        thresholds=thresholds,
        config=config,
        title=title,
        before=before,
        created=created,
        data=data,
        hashes=hashes,
    )
    return {f"{_FILE_NAME}.{name}": render(report) for name, render in _RENDERERS.items() if name in formats}


def _check_format(name: str) -> None:
    if name not in _RENDERERS:
        raise ConfigError(f"report format {name!r} is not known; the known ones are {', '.join(_RENDERERS)}")
    package = _PACKAGES[name]
    if find_spec(package) is None:
        raise ConfigError(
            f"report format {name!r} needs the package {package}, which is not installed here; install it, or leave "
            f"{name!r} out of the formats"
        )


def _render_html(report: Report) -> bytes:
    from airflow_clarify.reports.html.renderer import render_html

    return render_html(report).encode()


def _render_notebook(report: Report) -> bytes:
    from airflow_clarify.reports.notebook.renderer import render_notebook

    return render_notebook(report).encode()


def _render_pdf(report: Report) -> bytes:
    from airflow_clarify.reports.pdf.renderer import render_pdf

    return render_pdf(report)


_RENDERERS: Mapping[str, Callable[[Report], bytes]] = {
    "html": _render_html,
    "ipynb": _render_notebook,
    "pdf": _render_pdf,
}
