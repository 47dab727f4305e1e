"""The page "Bias" in Airflow's own UI.

Airflow shows it in three places: as a tab of a task instance, as a tab of a DAG, and in the navigation. What we serve
are files that anybody may see. All data come from Airflow's public REST API, which the page asks from the browser with
the session of the person who looks at it, and so with that person's permissions.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin, conf

from airflow_clarify.plugin.lazy_app import LazyASGIApp

#: The path, below Airflow's own, under which the files are served.
PREFIX = "clarify"


def _build_view(destination: str, url_route: str, page: str) -> dict[str, Any]:
    # Addresses without a leading slash: the browser resolves them against Airflow's own address, which knows the path
    # that a proxy has put before it.
    return {
        "name": "Bias",
        "href": f"{PREFIX}/{page}",
        "destination": destination,
        "url_route": url_route,
        "icon": f"{PREFIX}/icons/bias-light.svg",
        "icon_dark_mode": f"{PREFIX}/icons/bias-dark.svg",
    }


_APPS = [
    {
        "name": "Bias",
        "url_prefix": f"/{PREFIX}",
        "app": LazyASGIApp("airflow_clarify.plugin.pages", "create_app"),
    }
]


def read_shown_views() -> list[str]:
    """Where the page is shown: the setting ``[clarify] bias_page``, of which unknown names are passed over."""
    places = conf.get("clarify", "bias_page", fallback=_EVERYWHERE).lower().replace(",", " ").split()
    return [place for place in _EVERYWHERE.split(", ") if place in places]


def is_task_tab_shown() -> bool:
    """Whether a task instance has the tab "Bias"."""
    return "task_instance" in read_shown_views()


_EVERYWHERE = "nav, dag, task_instance"

_VIEWS = [
    _build_view("nav", "bias", "gates"),
    _build_view("dag", "bias-history", "history?dag_id={DAG_ID}"),
    _build_view(
        "task_instance",
        "bias-verdict",
        "verdict?dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}",
    ),
]

_SHOWN = [view for view in _VIEWS if view["destination"] in read_shown_views()]


class ClarifyPlugin(AirflowPlugin):
    """Adds the page "Bias" to task instances, to DAGs and to the navigation."""

    name = "clarify"
    fastapi_apps = _APPS
    external_views = _SHOWN
