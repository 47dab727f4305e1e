"""The report as files: one model, laid out in every format that is asked for."""

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

_NAME = "report"
#: What writes each format; none of it is imported before a report is made.
_PACKAGES = {"html": "jinja2", "ipynb": "nbformat", "pdf": "typst"}


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
    """Write an analysis, and its verdict where there is one, as files that say the same.

    :param verdict: the judgement; None lets ``thresholds`` judge, where they are given
    :param thresholds: the rules that led to the verdict
    :param config: the configuration of the analysis, to be shown at the end
    :param title: the title of each file
    :param before: the analysis of the same data before they were repaired
    :param created: when the report was made; None is now
    :param formats: some of "html", "ipynb" and "pdf"
    :param data: where the data lie, an input path, a table or a query, to be shown as evidence
    :param hashes: the SHA-256 of files that the numbers are in, by what they are called, to be shown as well
    :return: ``report.html``, ``report.ipynb`` and ``report.pdf``, in this order, as far as they were asked for
    :raises ConfigError: a format is not one of these, or the package that writes it is not installed
    :raises ThresholdError: ``thresholds`` speak of what the analysis does not hold
    :raises DataError: ``thresholds`` need counts, and the analysis has none
    """
    if isinstance(formats, str):
        raise ConfigError(f"report formats are {formats!r}, one text; give a list of them, such as [{formats!r}]")
    for name in formats:
        _check(name)
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
    return {f"{_NAME}.{name}": render(report) for name, render in _WAYS.items() if name in formats}


def _check(name: str) -> None:
    if name not in _WAYS:
        raise ConfigError(f"report format {name!r} is not known; the known ones are {', '.join(_WAYS)}")
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


_WAYS: Mapping[str, Callable[[Report], bytes]] = {"html": _render_html, "ipynb": _render_notebook, "pdf": _render_pdf}
