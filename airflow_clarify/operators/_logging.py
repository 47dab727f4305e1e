"""Report the results of tasks: lines in the task log, and an overview in XCom for the page in Airflow's UI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.subgroups.result import SubgroupSearch
    from airflow_clarify.bias.thresholds import Thresholds, Verdict


def log_analysis(
    log: Logger,
    analysis: Analysis,
    verdict: Verdict | None = None,
    thresholds: Thresholds | None = None,
    before: Analysis | None = None,
) -> None:
    """Log the table of an analysis, with its verdict if there is one, and its warnings.

    :param log: the task's log
    :param analysis: the analysis
    :param verdict: its verdict, for a gate
    :param thresholds: what it was judged against
    :param before: the analysis of the data before their repair, with which the report compares
    """
    from airflow_clarify.reports.console import format_table

    for line in format_table(analysis, verdict, thresholds=thresholds, before=before):
        log.info("%s", line)
    log_warnings(log, analysis.warnings)


def push_overview(
    context: Context,
    analyses: Sequence[Analysis],
    verdicts: Sequence[Verdict] = (),
    thresholds: Thresholds | None = None,
    reaction: str | None = None,
    before: Sequence[Analysis | None] = (),
    *,
    series: bool = False,
) -> None:
    """Push the overview to XCom that the page "Bias" in Airflow's UI shows.

    :param context: of the task
    :param analyses: the measured or judged analyses
    :param verdicts: one for each analysis, for a gate
    :param thresholds: what the analyses were judged against
    :param reaction: the gate's ``on_violation``
    :param before: for a gate, the analyses of the data before their repair
    :param series: whether the gate also pushes the compact copy of its history
    """
    from airflow_clarify.reports.xcom import XCOM_KEY, build_overview

    instance = describe_run(context).get("instance")
    value = build_overview(
        analyses, verdicts, thresholds=thresholds, reaction=reaction, instance=instance, before=before, series=series
    )
    context["ti"].xcom_push(key=XCOM_KEY, value=value)


def push_search_overview(context: Context, found: SubgroupSearch) -> None:
    """Push the overview of a search to XCom that the page "Bias" in Airflow's UI shows.

    :param context: of the task
    :param found: the result of the search
    """
    from airflow_clarify.reports.xcom import XCOM_KEY, build_search_overview

    value = build_search_overview(found, instance=describe_run(context).get("instance"))
    context["ti"].xcom_push(key=XCOM_KEY, value=value)


def describe_run(context: Context) -> dict[str, str]:
    """Describe the task instance: its DAG, run, task, date and, if mapped, the instance.

    :param context: of the task
    :return: ``dag_id``, ``run_id``, ``task_id``, ``date`` (the logical date, or else the run's ``run_after``), and
        for a mapped task ``instance``: its rendered ``map_index_template``, or its map index
    """
    ti, run = context["ti"], context.get("dag_run")
    described = {"dag_id": str(ti.dag_id), "run_id": str(ti.run_id), "task_id": str(ti.task_id)}
    # A run that was triggered by an asset or by hand need not have a logical date.
    date = context.get("logical_date") or getattr(run, "run_after", None)
    if date is not None:
        described["date"] = date.isoformat()
    if ti.map_index is not None and ti.map_index >= 0:
        described["instance"] = _name_instance(context) or str(ti.map_index)
    return described


def _name_instance(context: Context) -> str | None:
    """Render the task's ``map_index_template``, which Airflow itself renders only when the task has ended."""
    task = context.get("task")
    template = getattr(task, "map_index_template", None)
    if task is None or not template:
        return None
    try:
        return str(task.get_template_env().from_string(template).render(context))
    except Exception:
        # The template may use variables that are set only at the end of the task; the map index identifies it too.
        return None


def log_warnings(log: Logger, warnings: Iterable[str]) -> None:
    """Log warnings, with control characters in names from the data escaped."""
    from airflow_clarify.reports.console import sanitize_line

    for warning in warnings:
        log.warning("%s", sanitize_line(warning, None))


def log_lines(log: Logger, lines: Iterable[str]) -> None:
    """Log the lines of a job, with terminal control sequences escaped."""
    from airflow_clarify.reports.console import sanitize_line

    for line in lines:
        log.info("%s", sanitize_line(line, None))
