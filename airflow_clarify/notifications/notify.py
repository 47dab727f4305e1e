"""Handing a verdict to Airflow's notifiers: mail, chat, queues, whatever there is a provider for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.types import Logger

#: When people are told.
NotifyOn = Literal["violation", "always"]

#: Where the page of a task instance stands, below Airflow's own page of it.
BIAS_TAB = "plugin/bias-verdict"


def notify_all(
    notifiers: Sequence[Callable[[Context], Any]], context: Context, verdict: Mapping[str, Any], log: Logger
) -> None:
    """Tell all notifiers of a verdict. One that fails changes nothing: it is a warning in the log.

    :param notifiers: to tell
    :param context: of the task
    :param verdict: as the gate leaves it in XCom
    :param log: of the task
    """
    for notifier in notifiers:
        try:
            # A notifier renders its templates in place, and adds its fields to the context.
            copy.copy(notifier)(cast("Context", {**context, **template_context(context, verdict)}))
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            log.warning(
                "%s could not tell of the verdict, which stands all the same: %s", _get_notifier_name(notifier), what
            )


def template_context(context: Context, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates of a notifier find beside what Airflow gives them.

    :param context: of the task
    :param verdict: as the gate leaves it in XCom
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
    """The address of the page "Bias" of this task instance in Airflow's UI, or of the instance where that is hidden."""
    from airflow_clarify.plugin import is_task_tab_shown

    page = context["ti"].log_url.partition("?")[0]
    return f"{page}/{BIAS_TAB}" if is_task_tab_shown() else page


def _get_notifier_name(notifier: Any) -> str:
    return getattr(notifier, "__name__", type(notifier).__name__)
