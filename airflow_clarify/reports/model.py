"""The report model: sorted, counted and formulated content, before layout.

A renderer (such as :mod:`airflow_clarify.reports.html.renderer`) only lays the model out and computes nothing, so that
every format of the report has the same content.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow_clarify.reports.formatting import Name
from airflow_clarify.reports.sections.distribution import LabelSection
from airflow_clarify.reports.sections.facets import FacetSection
from airflow_clarify.reports.sections.metrics import MetricSection
from airflow_clarify.reports.sections.verdict_section import VerdictSection


@dataclass(frozen=True)
class Report:
    """The content of a report.

    :param title: title of the report
    :param verdict: the verdict, in words
    :param rows: number of rows; None if the analysis has no counts
    :param rows_before: number of rows before the data were balanced
    :param weight: sum of the row weights, if the data are weighted
    :param labels: the labels of all rows
    :param facets: one section per facet column
    :param metrics: one section per metric, the primary one first
    :param warnings: warnings, one sentence each
    :param compared: whether the report compares the data before and after balancing
    :param configuration: the configuration as indented JSON; empty if unknown
    :param provenance: name and value of each fingerprint and version
    :param created: creation time, in UTC
    :param origin: the data and the Airflow run that measured them: name and value of each
    :param dataset: name of the data; empty if unknown
    :param run: the DAG and the date of its run; empty outside Airflow
    :param predicted: the column of predictions; None if it is not known
    """

    title: str
    verdict: VerdictSection
    rows: int | None
    rows_before: int | None
    weight: str | None
    labels: LabelSection
    facets: tuple[FacetSection, ...]
    metrics: tuple[MetricSection, ...]
    warnings: tuple[str, ...]
    compared: bool
    configuration: str
    provenance: tuple[tuple[str, str], ...]
    created: datetime
    origin: tuple[tuple[str, Name], ...] = ()
    dataset: str = ""
    run: str = ""
    predicted: Name | None = None

    @property
    def full_title(self) -> str:
        """The title with the verdict, the data and the run, so that reports in several tabs are distinguishable."""
        parts = [f"{self.title}: {self.verdict.headline}", self.dataset, self.run]
        return " · ".join(part for part in parts if part)

    @property
    def groups(self) -> int:
        """Number of tested groups in all facets."""
        return sum(len(facet.groups) for facet in self.facets)

    @property
    def primary(self) -> MetricSection | None:
        """The section of the primary metric, which the pictures show."""
        return self.metrics[0] if self.metrics else None
