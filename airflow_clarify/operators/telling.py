"""How tasks tell what they found: to their log, with names out of the data, and to the page in Airflow's UI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Thresholds, Verdict


def tell(log: Logger, analysis: Analysis, verdict: Verdict | None = None) -> None:
    """Write the table of an analysis, with its verdict where there is one, and its warnings."""
    from airflow_clarify.reports.table import table

    for line in table(analysis, verdict):
        log.info("%s", line)
    warn(log, analysis.warnings)


def leave_overview(
    context: Context,
    analyses: Sequence[Analysis],
    verdicts: Sequence[Verdict] = (),
    thresholds: Thresholds | None = None,
    reaction: str | None = None,
) -> None:
    """Leave in XCom what the page in Airflow's UI shows."""
    from airflow_clarify.reports.overview import XCOM_KEY, overview

    value = overview(analyses, verdicts, thresholds=thresholds, reaction=reaction)
    context["ti"].xcom_push(key=XCOM_KEY, value=value)


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
