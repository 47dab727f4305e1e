"""Link a task to its bias report, for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom, conf

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class BiasReportLink(BaseOperatorLink):
    """Link to the report if a browser can open it, otherwise to the tab "Bias" of the task instance."""

    name = "Bias report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the report; empty if the task has no analysis.

        :param operator: the task
        :param ti_key: the task instance
        """
        # Imported here, because parsing a DAG file does not need the plugin.
        from airflow_clarify.plugin import is_task_tab_shown

        overview = XCom.get_value(key="bias_overview", ti_key=ti_key)
        if not isinstance(overview, Mapping):
            return ""
        return get_report_url(overview) or build_task_url(ti_key, with_tab=is_task_tab_shown())


def get_report_url(overview: Mapping[str, Any]) -> str:
    """Return the URL of the first report of an overview; empty if a browser cannot open it.

    :param overview: the XCom that the task pushed for the page "Bias"
    """
    analyses = overview.get("analyses") or [overview.get("search") or {}]
    report = str((analyses[0].get("outputs") or {}).get("report") or "")
    scheme, _, rest = report.partition("://")
    host, _, key = rest.partition("/")
    # The part before the @ is the id of an Airflow connection.
    bucket = quote(host.rpartition("@")[2])
    if scheme in ("s3", "s3a", "s3n") and key:
        return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={quote(key)}"
    if scheme in ("gs", "gcs") and key:
        return f"https://console.cloud.google.com/storage/browser/_details/{bucket}/{quote(key)}"
    return report if scheme == "https" and "@" not in host else ""


def build_task_url(ti_key: TaskInstanceKey, *, with_tab: bool) -> str:
    """Return the URL of a task instance in Airflow's UI.

    :param ti_key: the task instance
    :param with_tab: whether to open its tab "Bias"
    """
    base = conf.get("api", "base_url", fallback="/").rstrip("/")
    run = f"{base}/dags/{quote(ti_key.dag_id, safe='')}/runs/{quote(ti_key.run_id, safe='')}"
    mapped = f"/mapped/{ti_key.map_index}" if ti_key.map_index >= 0 else ""
    return f"{run}/tasks/{quote(ti_key.task_id, safe='')}{mapped}" + ("/plugin/bias-verdict" if with_tab else "")
