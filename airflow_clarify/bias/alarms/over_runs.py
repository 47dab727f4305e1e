"""Judge each night of a history on the evidence of all nights up to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.alarms.config import OverRuns
from airflow_clarify.bias.alarms.proportions import (
    get_counts,
    get_kind,
    scale_bounds,
    scale_interval,
)

if TYPE_CHECKING:
    from airflow_clarify.bias.alarms.evidence import NightCounts
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Finding, Thresholds, Verdict

#: The share of the error rate for the groups of the first night; the rest is for groups that appear later.
SHARE_OF_FIRST = 0.9


@dataclass(frozen=True)
class _Series:
    """One metric of one tested group over all nights.

    :param alarms: whether there is an alarm, by night
    :param settled: whether the evidence shows that the value is within its bounds, by night; None if not asked for
    """

    metric: str
    counts: NightCounts
    level: float
    alarms: Any
    settled: Any


def judge_over_runs(
    analyses: Sequence[Analysis | None], thresholds: Thresholds, over_runs: OverRuns
) -> list[Verdict | None]:
    """Judge each night on the counts of all nights up to it.

    Every night's verdict depends on that night and on earlier ones only, so the verdicts are those that a gate would
    have given, night by night.

    :param analyses: the analyses in order of time; None for a night that cannot be judged
    :param thresholds: the bounds
    :param over_runs: the method and its error rate
    :return: one verdict for each night; None where there is no analysis
    :raises ThresholdError: a metric is not a comparison of two proportions, or a rule does not fit the analyses
    :raises UnfitDataError: an analysis has no counts
    """
    present = [analysis for analysis in analyses if analysis is not None]
    if not present:
        return [None] * len(analyses)
    over_runs.check_metrics(thresholds.rules)
    _check_counts(present)
    watched = _watch(present, thresholds, over_runs)
    verdicts: list[Verdict | None] = []
    night = 0
    for analysis in analyses:
        if analysis is None:
            verdicts.append(None)
            continue
        is_last = night == len(present) - 1
        verdicts.append(_judge_night(analysis, night, watched, thresholds, over_runs, with_interval=is_last))
        night += 1
    return verdicts


def _check_counts(analyses: Sequence[Analysis]) -> None:
    from airflow_clarify.exceptions import UnfitDataError

    for analysis in analyses:
        if any(result.split is None for _, result in analysis.results()):
            raise UnfitDataError(
                "over_runs: an analysis has no counts, as one that was read from Clarify's analysis.json, so its "
                "evidence "
                "is unknown; use the analyses of this package"
            )


def _watch(
    analyses: Sequence[Analysis], thresholds: Thresholds, over_runs: OverRuns
) -> dict[tuple[str, str, str], _Series]:
    """Compute the evidence of each metric and tested group with bounds."""
    from airflow_clarify.bias.alarms.change import compute_detector
    from airflow_clarify.bias.alarms.evidence import NightCounts
    from airflow_clarify.bias.alarms.sequence import compute_exclusion, compute_sequence

    watched = {}
    for key, share in _share_error_rate(analyses, thresholds).items():
        metric, facet, value = key
        bounds = thresholds.get_bounds(metric, facet, value)
        assert bounds is not None
        low, high = scale_bounds(metric, *bounds)
        splits = [
            None
            if (found := analysis.facet(facet)) is None or (result := found.result(value)) is None
            else result.split
            for analysis in analyses
        ]
        counts = NightCounts.from_lists(*zip(*(get_counts(metric, split) for split in splits), strict=True))
        level = over_runs.alpha * share
        if low is None and high is None:
            continue
        settled = None
        if over_runs.method == "change":
            log_threshold = math.log(2 * over_runs.run_length / share)
            alarms = compute_detector(counts, get_kind(metric), low, high, log_threshold) >= log_threshold
        else:
            alarms = compute_sequence(counts, get_kind(metric), low, high).find_alarms(level)
            if thresholds.confidence is not None:
                settled = compute_exclusion(counts, get_kind(metric), low, high) >= math.log(2 / level)
        watched[key] = _Series(metric, counts, level, alarms, settled)
    return watched


def _share_error_rate(analyses: Sequence[Analysis], thresholds: Thresholds) -> dict[tuple[str, str, str], float]:
    """Divide the error rate among metrics and tested groups, so that their shares add up to at most 1.

    Groups that appear on a later night get shares ``1 / (k * (k + 1))`` of a reserve. A facet with two values compares
    the same two groups twice, so its values share one part.
    """
    first: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    later: list[tuple[str, str, str]] = []
    for night, analysis in enumerate(analyses):
        for metric in thresholds.rules:
            for facet, result in analysis.results():
                key = (metric, facet.column, result.value)
                if key in first or key in later or thresholds.get_bounds(*key) is None:
                    continue
                if night:
                    later.append(key)
                else:
                    is_pair = len(facet.results) == 2 and _has_mirrored_bounds(thresholds, metric, facet)
                    first[key] = (metric, facet.column) if is_pair else key
    n_parts = max(len(set(first.values())), 1)
    shares = dict.fromkeys(first, SHARE_OF_FIRST / n_parts)
    reserve = 1 - SHARE_OF_FIRST
    return shares | {key: reserve / ((k + 1) * (k + 2)) for k, key in enumerate(later)}


def _has_mirrored_bounds(thresholds: Thresholds, metric: str, facet: Any) -> bool:
    """Return whether a facet has two values, each the rest of the other, with the same bounds symmetric to zero."""
    if get_kind(metric) != "difference":
        return False
    bounds = {thresholds.get_bounds(metric, facet.column, result.value) for result in facet.results}
    splits = [result.split for result in facet.results]
    is_rest = splits[0].d.rows == splits[1].a.rows and splits[0].d_positive.rows == splits[1].a_positive.rows
    low, high = next(iter(bounds)) or (None, None)
    return len(bounds) == 1 and low is not None and high is not None and low == -high and is_rest


def _judge_night(
    analysis: Analysis,
    night: int,
    watched: dict[tuple[str, str, str], _Series],
    thresholds: Thresholds,
    over_runs: OverRuns,
    *,
    with_interval: bool,
) -> Verdict:
    from airflow_clarify.bias.verdict import SEVERITY, determine_outcome

    nightly = thresholds.judge(analysis)
    findings = sorted(
        (
            _replace_outcome(finding, night, watched, thresholds, over_runs, with_interval=with_interval)
            for finding in nightly.findings
        ),
        key=lambda finding: SEVERITY.index(finding.outcome),
    )
    outcome = determine_outcome(findings, nightly.reasons, thresholds.on_inconclusive)
    return replace(nightly, outcome=outcome, findings=tuple(findings))


def _replace_outcome(
    finding: Finding,
    night: int,
    watched: dict[tuple[str, str, str], _Series],
    thresholds: Thresholds,
    over_runs: OverRuns,
    *,
    with_interval: bool,
) -> Finding:
    """Replace the outcome of a comparison with bounds; keep that of an undefined metric or of too few rows."""
    from airflow_clarify.bias.analysis import display_name
    from airflow_clarify.bias.bounds import Bound
    from airflow_clarify.bias.thresholds import Outcome

    compared = finding.measured is not None and math.isfinite(finding.measured)
    compared = compared and (finding.rows is None or finding.rows >= thresholds.min_rows)
    series = watched.get((finding.metric, finding.facet, finding.value))
    if not compared or series is None:
        return finding
    outcome = Outcome.PASS
    if series.alarms[night]:
        outcome = Outcome.VIOLATION
    elif series.settled is not None and not series.settled[night]:
        outcome = Outcome.INCONCLUSIVE
    if outcome is Outcome.PASS:
        return replace(finding, outcome=outcome, reason="", interval=None)
    interval = _compute_interval(series) if with_interval and over_runs.method == "confidence-sequence" else None
    where = f"{finding.metric} of {display_name(finding.facet)}={display_name(finding.value)}"
    bound = Bound(finding.metric, finding.facet, finding.value, finding.low, finding.high)
    reason = f"{where} is {finding.measured:.4f}; {over_runs.describe(night + 1, interval)}"
    reason += f" {'show' if night else 'shows'} it {bound.describe_breach()}"
    if outcome is Outcome.INCONCLUSIVE:
        reason = f"{where} is {finding.measured:.4f}; {over_runs.describe(night + 1, interval)} reach across its bounds"
    return replace(finding, outcome=outcome, reason=reason, interval=interval)


def _compute_interval(series: _Series) -> tuple[float, float]:
    from airflow_clarify.bias.alarms.sequence import compute_interval

    return scale_interval(series.metric, compute_interval(series.counts, get_kind(series.metric), series.level))
