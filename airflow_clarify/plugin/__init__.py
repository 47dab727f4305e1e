"""Add the page "Bias" to Airflow's UI.

Airflow shows it in three places: as a tab of a task instance, as a tab of a DAG, and in the navigation. The plugin
serves only static files, which are public. All data come from Airflow's public REST API, which the page calls from the
browser with the session, and therefore the permissions, of the user.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin, conf

from airflow_clarify.plugin.lazy_app import LazyASGIApp

#: The path, below Airflow's own, under which the files are served.
PREFIX = "clarify"


def _build_view(destination: str, url_route: str, page: str) -> dict[str, Any]:
    # URLs without a leading slash: the browser resolves them against Airflow's base URL, which includes the path prefix
    # of a proxy.
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
    """Read where the page is shown from the setting ``[clarify] bias_page``; unknown names are ignored."""
    places = conf.get("clarify", "bias_page", fallback=_ALL_PLACES).lower().replace(",", " ").split()
    return [place for place in _ALL_PLACES.split(", ") if place in places]


def is_task_tab_shown() -> bool:
    """Return whether task instances have the tab "Bias"."""
    return "task_instance" in read_shown_views()


_ALL_PLACES = "nav, dag, task_instance"

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
    """Add the page "Bias" to task instances, to DAGs and to the navigation."""

    name = "clarify"
    fastapi_apps = _APPS
    external_views = _SHOWN
