"""Summarize results in asset events: what a scheduled DAG needs, within one row of the metadata database.

The summaries are flat mappings of plain values: Airflow 3.1 rejects lists in events of an asset that is updated through
an alias, as the gate's is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset

from airflow_clarify.bias.analysis import display_name
from airflow_clarify.bias.thresholds import Outcome

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.resampling import BalanceResult
    from airflow_clarify.bias.thresholds import Finding, Verdict

Plain = str | int | float | None

#: With names of at most 60 characters, an event is about 2 KB.
_MAX_METRICS = 16
_MAX_LOCATIONS = 3


def add_event_extra(context: Context, outlets: Iterable[Any], extra: Mapping[str, Plain]) -> None:
    """Add values to the events of all assets that a task updates.

    :param context: of the task
    :param outlets: of the task
    :param extra: plain values by name
    """
    for outlet in outlets:
        # An alias has no event of its own; the extra is set where an asset is added to the alias.
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(extra)


def summarize_analysis(analysis: Analysis) -> dict[str, Plain]:
    """Summarize an analysis for the event of the measured data.

    :param analysis: of the data
    :return: ``rows``, the value of largest magnitude of each metric and facet, as in ``"DPL of gender": -0.2``, and
        ``analysis``, the location of the file
    """
    largest: dict[str, float] = {}
    for facet, result in analysis.results():
        for metric in result.metrics:
            name = _name_metric(metric.name, facet.column)
            if metric.value is not None and abs(metric.value) >= abs(largest.get(name, 0.0)):
                largest[name] = metric.value
    return {"rows": analysis.rows, **_select_first(largest), **_describe_location([analysis])}


def summarize_verdicts(analyses: Sequence[Analysis], verdicts: Sequence[Verdict]) -> dict[str, Plain]:
    """Summarize verdicts for the event of data that passed a gate.

    :param analyses: of the data
    :param verdicts: one for each
    :return: ``verdict``, ``checks``, the value of each judged metric and facet with the smallest margin to its
        bounds, as in ``"DPL of gender": 0.04``, and ``analysis``, the location of the file (or of the first few files)
    """
    tightest = find_tightest(finding for verdict in verdicts for finding in verdict.findings)
    worst = {_name_metric(finding.metric, finding.facet): finding.measured for finding in tightest}
    return {
        "verdict": verdicts[0].sentence,
        "checks": sum(len(verdict.checks) for verdict in verdicts),
        **_select_first(worst),
        **_describe_location(analyses),
    }


def find_tightest(findings: Iterable[Finding]) -> list[Finding]:
    """Find the finding with the smallest margin to its bounds, for each judged metric and facet.

    :param findings: of one or several verdicts
    :return: in the order in which metrics and facets appear first
    """
    tightest: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = finding.metric, finding.facet
        is_judged = finding.outcome is not Outcome.IGNORED
        if is_judged and (key not in tightest or _compute_margin(finding) < _compute_margin(tightest[key])):
            tightest[key] = finding
    return list(tightest.values())


def summarize_balance(source: str, result: BalanceResult) -> dict[str, Plain]:
    """Summarize a draw for the event of the balanced copy.

    :param source: the dataset it was drawn from
    :param result: the draw
    :return: ``source``, ``rows_before``, ``rows_after``, ``strategy`` and ``seed``
    """
    return {
        "source": source,
        "rows_before": result.rows_in,
        "rows_after": result.rows_out,
        "strategy": result.strategy,
        "seed": result.seed,
    }


def _name_metric(metric: str, facet: str) -> str:
    return f"{metric} of {display_name(facet)}"


def _compute_margin(finding: Finding) -> float:
    """Compute the margin of a metric to its nearer bound; -inf for an undefined metric."""
    if finding.measured is None:
        return -math.inf
    return min(
        math.inf if finding.high is None else finding.high - finding.measured,
        math.inf if finding.low is None else finding.measured - finding.low,
    )


def _select_first(metrics: Mapping[str, float | None]) -> dict[str, Plain]:
    """Select the first metrics, up to the limit; infinities become text, as in Clarify's file."""
    shown = list(metrics.items())[:_MAX_METRICS]
    return {
        name: value if value is None or math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
        for name, value in shown
    }


def _describe_location(analyses: Sequence[Analysis]) -> dict[str, Plain]:
    known = [analysis.outputs["analysis"] for analysis in analyses if "analysis" in analysis.outputs]
    return {"analysis": ", ".join(known[:_MAX_LOCATIONS])} if known else {}
