"""How tasks tell what they found: to their log, with names out of the data, and to the page in Airflow's UI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Thresholds, Verdict


def log_analysis(log: Logger, analysis: Analysis, verdict: Verdict | None = None) -> None:
    """Write the table of an analysis, with its verdict where there is one, and its warnings."""
    from airflow_clarify.reports.console import format_table

    for line in format_table(analysis, verdict):
        log.info("%s", line)
    log_warnings(log, analysis.warnings)


def push_overview(
    context: Context,
    analyses: Sequence[Analysis],
    verdicts: Sequence[Verdict] = (),
    thresholds: Thresholds | None = None,
    reaction: str | None = None,
) -> None:
    """Leave in XCom what the page in Airflow's UI shows."""
    from airflow_clarify.reports.xcom import XCOM_KEY, build_overview

    instance = describe_run(context).get("instance")
    value = build_overview(analyses, verdicts, thresholds=thresholds, reaction=reaction, instance=instance)
    context["ti"].xcom_push(key=XCOM_KEY, value=value)


def describe_run(context: Context) -> dict[str, str]:
    """Name the task instance: its DAG, run, task and date, and of a mapped task which instance it is.

    :param context: of the task
    :return: ``dag_id``, ``run_id``, ``task_id``, ``date`` (of the logical date, or of when the run was due), and
        ``instance``, as ``map_index_template`` names it, or its number
    """
    ti, run = context["ti"], context.get("dag_run")
    described = {"dag_id": str(ti.dag_id), "run_id": str(ti.run_id), "task_id": str(ti.task_id)}
    # A run that an asset or a person has triggered need not have a logical date.
    date = context.get("logical_date") or getattr(run, "run_after", None)
    if date is not None:
        described["date"] = date.isoformat()
    if ti.map_index is not None and ti.map_index >= 0:
        described["instance"] = _name_instance(context) or str(ti.map_index)
    return described


def _name_instance(context: Context) -> str | None:
    """Render the task's ``map_index_template``, which Airflow itself renders when the task has ended."""
    task = context.get("task")
    template = getattr(task, "map_index_template", None)
    if task is None or not template:
        return None
    try:
        return str(task.get_template_env().from_string(template).render(context))
    except Exception:
        # It may name what only the end of the task sets. The number names the instance as well.
        return None


def log_warnings(log: Logger, warnings: Iterable[str]) -> None:
    """Write warnings."""
    from airflow_clarify.reports.console import sanitize_line

    for warning in warnings:
        log.warning("%s", sanitize_line(warning, None))


def log_lines(log: Logger, lines: Iterable[str]) -> None:
    """Write the lines of a job; none of them does what a terminal would obey."""
    from airflow_clarify.reports.console import sanitize_line

    for line in lines:
        log.info("%s", sanitize_line(line, None))
