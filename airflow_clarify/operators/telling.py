"""How tasks write to their log what others have written: numbers, warnings and lines with names out of the data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Verdict


def tell(log: Logger, analysis: Analysis, verdict: Verdict | None = None) -> None:
    """Write the table of an analysis, with its verdict where there is one, and its warnings."""
    from airflow_clarify.reports.table import table

    for line in table(analysis, verdict):
        log.info("%s", line)
    warn(log, analysis.warnings)


def warn(log: Logger, warnings: Iterable[str]) -> None:
    """Write warnings."""
    from airflow_clarify.reports.table import printable

    for warning in warnings:
        log.warning("%s", printable(warning, None))


def show(log: Logger, lines: Iterable[str]) -> None:
    """Write the lines of a job; none of them does what a terminal would obey."""
    from airflow_clarify.reports.table import printable

    for line in lines:
        log.info("%s", printable(line, None))
