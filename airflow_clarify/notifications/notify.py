"""Pass a verdict to Airflow's notifiers: mail, chat, queues, and any other for which there is a provider."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.types import Logger

#: When notifications are sent.
NotifyOn = Literal["violation", "always", "change"]

#: Path of the tab "Bias", relative to Airflow's page of a task instance.
BIAS_TAB = "plugin/bias-verdict"


def notify_all(
    notifiers: Sequence[Callable[[Context], Any]], context: Context, verdict: Mapping[str, Any], log: Logger
) -> None:
    """Call all notifiers with a verdict; log a warning for each that fails.

    :param notifiers: Airflow notifiers, or functions that take a context
    :param context: of the task
    :param verdict: the gate's XCom ``verdict``
    :param log: the task's log
    """
    for notifier in notifiers:
        try:
            # Both are copied: a notifier renders its templates in place, and adds its fields to the context.
            copy.copy(notifier)(cast("Context", {**context, **template_context(context, verdict)}))
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            log.warning("%s could not send the verdict, which is unchanged: %s", _get_notifier_name(notifier), what)


def template_context(context: Context, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Build the variables for the templates of a notifier, in addition to Airflow's.

    :param context: of the task
    :param verdict: the gate's XCom ``verdict``
    """
    from airflow_clarify.notifications.messages import format_html, format_markdown, format_slack, format_text

    url = build_page_url(context)
    return {
        "verdict": verdict,
        "verdict_text": format_text(verdict, url),
        "verdict_markdown": format_markdown(verdict, url),
        "verdict_slack": format_slack(verdict, url),
        "verdict_html": format_html(verdict, url),
        "verdict_url": url,
    }


def build_page_url(context: Context) -> str:
    """Return the URL of the tab "Bias" of this task instance, or of the instance if the tab is hidden.

    :param context: of the task
    """
    from airflow_clarify.plugin import is_task_tab_shown

    page = context["ti"].log_url.partition("?")[0]
    return f"{page}/{BIAS_TAB}" if is_task_tab_shown() else page


def _get_notifier_name(notifier: Any) -> str:
    return getattr(notifier, "__name__", type(notifier).__name__)
