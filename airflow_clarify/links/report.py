"""The link to the report of a task, whatever engine has counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom, conf

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class BiasReportLink(BaseOperatorLink):
    """The report where a browser can open it, and the tab "Bias" of the task instance otherwise."""

    name = "Bias report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; empty where the task has measured nothing.

        :param operator: the task
        :param ti_key: the task instance
        """
        # Not imported at the top: a DAG file that is parsed needs none of it.
        from airflow_clarify.plugin import is_task_tab_shown

        overview = XCom.get_value(key="bias_overview", ti_key=ti_key)
        if not isinstance(overview, Mapping):
            return ""
        return get_report_url(overview) or build_task_url(ti_key, with_tab=is_task_tab_shown())


def get_report_url(overview: Mapping[str, Any]) -> str:
    """Return the address of the first report of an overview; empty where it lies where no browser can open it.

    :param overview: what the task has left for the page "Bias"
    """
    analyses = overview.get("analyses") or [{}]
    report = str((analyses[0].get("outputs") or {}).get("report") or "")
    scheme, _, rest = report.partition("://")
    host, _, key = rest.partition("/")
    # Before the @ stands a connection of Airflow's.
    bucket = quote(host.rpartition("@")[2])
    if scheme in ("s3", "s3a", "s3n") and key:
        return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={quote(key)}"
    if scheme in ("gs", "gcs") and key:
        return f"https://console.cloud.google.com/storage/browser/_details/{bucket}/{quote(key)}"
    return report if scheme == "https" and "@" not in host else ""


def build_task_url(ti_key: TaskInstanceKey, *, with_tab: bool) -> str:
    """Return the address of a task instance in Airflow's UI.

    :param ti_key: the task instance
    :param with_tab: whether to open its tab "Bias"
    """
    base = conf.get("api", "base_url", fallback="/").rstrip("/")
    run = f"{base}/dags/{quote(ti_key.dag_id, safe='')}/runs/{quote(ti_key.run_id, safe='')}"
    mapped = f"/mapped/{ti_key.map_index}" if ti_key.map_index >= 0 else ""
    return f"{run}/tasks/{quote(ti_key.task_id, safe='')}{mapped}" + ("/plugin/bias-verdict" if with_tab else "")
