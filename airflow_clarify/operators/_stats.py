"""Send the verdict of a gate to Airflow's own metrics (StatsD or OpenTelemetry), for dashboards and alerts.

Each metric is sent twice, as Airflow does with its own: under a short name with tags, for OpenTelemetry and DogStatsD;
and under a name that contains the tags, for plain StatsD, which has none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_clarify.operators.asset_events import find_tightest

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_clarify.bias.verdict import Verdict

#: Counter of verdicts, by outcome.
VERDICT = "clarify.verdict"
#: Gauge: 1 if the latest verdict is a pass, else 0.
PASSED = "clarify.passed"
#: Gauge: of each judged metric and facet, the value that is nearest to its bound or farthest beyond it.
WORST = "clarify.worst"
_MAX_LENGTH = 60


def send_verdicts(context: Context, verdicts: Sequence[Verdict], log: Logger) -> None:
    """Send the verdicts of a gate to Airflow's metrics. If this fails, a warning is logged.

    :param context: of the task
    :param verdicts: the verdicts, with small counts hidden
    :param log: the task's log
    """
    from airflow_clarify.history.record import NOT_JUDGED, name_outcome

    outcomes = [name_outcome(verdict) for verdict in verdicts]
    # The most severe outcome is that of the gate.
    decisive = next((outcome for outcome in ("violation", "inconclusive", NOT_JUDGED) if outcome in outcomes), "pass")
    worst = {
        (finding.metric, finding.facet): finding.measured
        for finding in find_tightest(finding for verdict in verdicts for finding in verdict.findings)
        if finding.measured is not None and math.isfinite(finding.measured)
    }
    _send(context, decisive, worst, log)


def send_not_judged(context: Context, log: Logger) -> None:
    """Send to Airflow's metrics that a gate could not judge.

    :param context: of the task
    :param log: the task's log
    """
    from airflow_clarify.history.record import NOT_JUDGED

    _send(context, NOT_JUDGED, {}, log)


def _send(context: Context, outcome: str, worst: Mapping[tuple[str, str], float], log: Logger) -> None:
    try:
        stats = _import_stats()
        task = {"dag_id": str(context["ti"].dag_id), "task_id": str(context["ti"].task_id)}
        tags = {**task, "outcome": outcome.replace(" ", "_")}
        stats.incr(VERDICT, tags=tags)
        stats.incr(_build_name(VERDICT, tags))
        stats.gauge(PASSED, int(outcome == "pass"), tags=task)
        stats.gauge(_build_name(PASSED, task), int(outcome == "pass"))
        for (metric, facet), value in worst.items():
            tags = {**task, "metric": metric.replace(" ", "_"), "facet": _clean(facet)}
            stats.gauge(WORST, value, tags=tags)
            stats.gauge(_build_name(WORST, tags), value)
    except Exception as error:
        # Metrics accompany a verdict and must not decide it.
        log.warning("The verdict was not sent to Airflow's metrics (%s: %s)", type(error).__name__, error)


def _import_stats() -> Any:
    """Import Airflow's metrics, whose place depends on the version of Airflow."""
    try:
        from airflow.sdk.observability.stats import Stats
    except ImportError:  # Airflow 3.1
        from airflow.stats import Stats
    return Stats


def _build_name(name: str, tags: Mapping[str, str]) -> str:
    return ".".join((name, *map(_clean, tags.values())))


def _clean(part: str) -> str:
    """Replace what a name of a metric must not contain, and dots, which separate its parts."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", part.replace(".", "__"))[:_MAX_LENGTH]
