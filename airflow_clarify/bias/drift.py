"""Drift: the change of a metric against a baseline.

The default rule compares the change of a metric with a bound, by the confidence interval of the change. For a
difference of two proportions (DPL) the change is the difference of two differences; its interval combines Newcombe's
intervals of both (MOVER: G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures", Statistics in
Medicine 27 (2008)). For a ratio (DI, DIL) the change is the ratio of both ratios, and the interval is Katz's on the
logarithmic scale (D. Katz et al., Biometrics 34 (1978)). For other metrics the values are compared.

The rule "model-monitor" is that of Amazon SageMaker Model Monitor, as its files show it: a violation is
``|now| > |baseline|``, whatever the sample size.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from airflow_clarify.bias.alarms.proportions import get_counts, get_kind, is_comparison
from airflow_clarify.bias.analysis import Analysis, FacetResult, MetricResult, display_name
from airflow_clarify.bias.bounds import Bound
from airflow_clarify.bias.judging import list_reasons
from airflow_clarify.bias.verdict import SEVERITY, Finding, Outcome, Verdict, determine_outcome
from airflow_clarify.exceptions import ThresholdError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.bias.thresholds import Bounds

MODEL_MONITOR = "model-monitor"
DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Drift:
    """Configure the comparison with a baseline.

    :param rules: the largest change by metric, such as ``{"DPL": 0.05}``: the metric may differ from its baseline by at
        most 0.05; a pair such as ``(None, 0.05)`` limits one direction. For DI and DIL, 0.2 lets the ratio to the
        baseline be between 1 / 1.2 and 1.2. Or "model-monitor": no absolute value may exceed that of the baseline
    :param confidence: the confidence level of the interval of the change
    :param on_inconclusive: whether a change whose interval reaches across the bound fails; "pass" reports it only
    :param undefined: how a metric or group without value now or in the baseline is handled: "fail" or "ignore"
    :raises ThresholdError: a parameter is not allowed
    """

    rules: Mapping[str, Bounds] | Literal["model-monitor"]
    confidence: float = DEFAULT_CONFIDENCE
    on_inconclusive: Literal["fail", "pass"] = "pass"
    undefined: Literal["fail", "ignore"] = "fail"

    def __post_init__(self) -> None:
        if isinstance(self.rules, str):
            if self.rules != MODEL_MONITOR:
                raise ThresholdError(f'drift: "{MODEL_MONITOR}" or bounds such as {{"DPL": 0.05}}, not {self.rules!r}')
        elif not isinstance(self.rules, Mapping) or not self.rules:
            raise ThresholdError(f'drift: bounds such as {{"DPL": 0.05}}, or "{MODEL_MONITOR}", not {self.rules!r}')
        else:
            for metric, rule in self.rules.items():
                _parse_change(metric, rule)
        if not isinstance(self.confidence, float) or not 0 < self.confidence < 1:
            raise ThresholdError(f"confidence: between 0 and 1, such as 0.95, not {self.confidence!r}")

    def judge(self, analysis: Analysis, baseline: Analysis) -> Verdict:
        """Compare an analysis with its baseline.

        :param analysis: the analysis of this run
        :param baseline: the baseline
        :return: the verdict; a finding has the change as its measured value, or for "model-monitor" the value itself
        :raises ThresholdError: a metric was not measured
        :raises UnfitDataError: the baseline is of other data, or has no counts, which the interval needs
        """
        check_baseline(analysis, baseline)
        if isinstance(self.rules, str):
            findings = _judge_as_model_monitor(analysis, baseline, self.undefined)
        else:
            findings = [
                self._judge(facet.column, result, metric, rule, baseline)
                for metric, rule in self.rules.items()
                for facet, result in analysis.results()
            ]
            findings += self._find_absent(analysis, baseline)
        reasons = list_reasons(analysis, analysis.methods if isinstance(self.rules, str) else self.rules)
        if not findings or all(finding.outcome is Outcome.IGNORED for finding in findings):
            reasons.append("nothing was compared with the baseline")
        outcome = determine_outcome(findings, reasons, self.on_inconclusive)
        findings.sort(key=lambda finding: (SEVERITY.index(finding.outcome), -abs(finding.measured or 0)))
        return Verdict(outcome, tuple(findings), tuple(reasons), analysis.data_name)

    def _judge(self, facet: str, result: FacetResult, metric: str, rule: Bounds, baseline: Analysis) -> Finding:
        low, high = _parse_change(metric, rule)
        where = f"{metric} of {display_name(facet)}={display_name(result.value)}"
        now, rows = result.metric(metric), None if result.split is None else result.split.d.rows
        if now is None:
            raise ThresholdError(f"drift: {metric} was not measured in this run; add it to methods")
        found = _find_result(baseline, facet, result.value)
        before = None if found is None else found.metric(metric)

        def build(outcome: Outcome, reason: str, change: float | None, interval: Any = None) -> Finding:
            return Finding(facet, result.value, f"{metric} drift", change, low, high, outcome, reason, interval, rows)

        if before is None or not before.usable or not now.usable:
            missing = f"{where} has no value in the baseline" if now.usable else f"{where} is not defined: {now.error}"
            return build(Outcome.VIOLATION if self.undefined == "fail" else Outcome.IGNORED, missing, None)
        assert found is not None
        assert now.value is not None
        assert before.value is not None
        change, interval = compute_change(metric, result, found, now.value, before.value, self.confidence)
        if change is None:
            return build(
                Outcome.VIOLATION if self.undefined == "fail" else Outcome.IGNORED,
                f"{where} was {before.value:.4f} in the baseline, so a ratio to it is not defined",
                None,
            )
        lower, upper = interval or (change, change)
        told = f"{where} is {now.value:.4f} and was {before.value:.4f} in the baseline: a change of {change:.4f}"
        if interval is not None:
            told += f" ({100 * self.confidence:.4g}% interval {lower:.4f} to {upper:.4f})"
        bound = Bound(metric, facet, result.value, low, high)
        if bound.contains(lower) and bound.contains(upper):
            return build(Outcome.PASS, "", change, interval)
        if bound.is_above(lower) or bound.is_below(upper):
            return build(Outcome.VIOLATION, f"{told}, beyond {_describe(low, high)}", change, interval)
        return build(Outcome.INCONCLUSIVE, f"{told}, which reaches across {_describe(low, high)}", change, interval)

    def _find_absent(self, analysis: Analysis, baseline: Analysis) -> list[Finding]:
        """Find the groups of the baseline that this run does not have."""
        outcome = Outcome.VIOLATION if self.undefined == "fail" else Outcome.IGNORED
        return [
            Finding(
                facet.column,
                result.value,
                f"{metric} drift",
                None,
                None,
                None,
                outcome,
                f"{display_name(facet.column)}={display_name(result.value)} of the baseline is absent in this run",
            )
            for facet, result in baseline.results()
            if analysis.facet(facet.column) is not None and _find_result(analysis, facet.column, result.value) is None
            for metric in self.rules
        ]


def check_baseline(analysis: Analysis, baseline: Analysis) -> None:
    """Check that a baseline measured the same label and facets.

    :param analysis: the analysis of this run
    :param baseline: the baseline
    :raises UnfitDataError: it did not
    """
    ours = (analysis.label, analysis.label_value_or_threshold)
    theirs = (baseline.label, baseline.label_value_or_threshold)
    if ours != theirs:
        raise UnfitDataError(
            f"baseline: it measured label {display_name(theirs[0])!r} = {display_name(theirs[1])!r}, and this run "
            f"{display_name(ours[0])!r} = {display_name(ours[1])!r}; give a baseline of the same configuration"
        )
    missing = [facet.column for facet in analysis.facets if baseline.facet(facet.column) is None]
    if missing:
        raise UnfitDataError(
            f"baseline: it has no facet {display_name(missing[0])!r}; give a baseline of the same configuration"
        )


def build_constraint_violations(verdict: Verdict, analysis: Analysis, baseline: Analysis) -> str:
    """Serialize the violations of a verdict on drift as Model Monitor's ``constraint_violations.json``.

    :param verdict: the verdict of :meth:`Drift.judge`
    :param analysis: the analysis of this run
    :param baseline: the baseline
    :return: the text of the file
    """
    violations = []
    for finding in verdict.violations:
        metric = finding.metric.removesuffix(" drift")
        now = _get_value(analysis, finding.facet, finding.value, metric)
        before = _get_value(baseline, finding.facet, finding.value, metric)
        violations.append(
            {
                "facet": finding.facet,
                "facet_value": finding.value,
                "metric_name": metric,
                "constraint_check_type": "bias_drift_check",
                "description": f"Metric value {_format_number(now)} doesn't meet the baseline constraint requirement "
                f"{_format_number(before)}",
            }
        )
    places = {(facet.column, result.value): n for n, (facet, result) in enumerate(analysis.results())}
    violations.sort(key=lambda one: (one["metric_name"], places.get((one["facet"], one["facet_value"]), len(places))))
    return json.dumps({"version": "1.0", "violations": violations}, indent=4)


def _judge_as_model_monitor(analysis: Analysis, baseline: Analysis, undefined: str) -> list[Finding]:
    findings = []
    for facet, result in baseline.results():
        now_result = _find_result(analysis, facet.column, result.value)
        for before in result.metrics:
            if before.value is None:
                # Without a constraint there is nothing to violate.
                continue
            now = None if now_result is None else now_result.metric(before.name)
            findings.append(_compare_magnitudes(facet.column, result.value, now, before, undefined))
    for facet, result in analysis.results():
        if _find_result(baseline, facet.column, result.value) is None:
            reason = f"{display_name(facet.column)}={display_name(result.value)} has no baseline"
            outcome = Outcome.VIOLATION if undefined == "fail" else Outcome.IGNORED
            findings += [
                Finding(facet.column, result.value, metric.name, metric.value, None, None, outcome, reason)
                for metric in result.metrics
                if metric.value is not None
            ]
    return findings


def _compare_magnitudes(
    facet: str, value: str, now: MetricResult | None, before: MetricResult, undefined: str
) -> Finding:
    assert before.value is not None
    where = f"{before.name} of {display_name(facet)}={display_name(value)}"
    limit = abs(before.value)
    low, high = (-limit, limit) if math.isfinite(limit) else (None, None)
    if now is None or now.value is None:
        outcome = Outcome.VIOLATION if undefined == "fail" else Outcome.IGNORED
        why = "is absent in this run" if now is None else f"is not defined: {now.error}"
        return Finding(facet, value, before.name, None, low, high, outcome, f"{where} {why}")
    if abs(now.value) > limit:
        reason = f"{where} is {now.value:.4f}, beyond {before.value:.4f} of the baseline"
        return Finding(facet, value, before.name, now.value, low, high, Outcome.VIOLATION, reason)
    return Finding(facet, value, before.name, now.value, low, high, Outcome.PASS)


def compute_change(
    metric: str, now: FacetResult, before: FacetResult, value: float, earlier: float, confidence: float
) -> tuple[float | None, tuple[float, float] | None]:
    """Compute the change of a metric and its interval.

    :param metric: the short name
    :param now: the result of this run
    :param before: that of the baseline
    :param value: the value of this run
    :param earlier: that of the baseline
    :param confidence: the confidence level
    :return: the change, None if a ratio is not defined; and its interval, None for metrics without one
    :raises UnfitDataError: there are no counts, which the interval needs
    """
    if not is_comparison(metric):
        return value - earlier, None
    if now.split is None or before.split is None:
        which = "baseline" if before.split is None else "analysis"
        raise UnfitDataError(
            f"drift: the {which} has no counts, as an analysis.json of Clarify, so the interval of the change is "
            "unknown; "
            f"give an analysis of this package, or use drift='{MODEL_MONITOR}'"
        )
    here, there = get_counts(metric, now.split), get_counts(metric, before.split)
    if get_kind(metric) == "ratio":
        return _compute_ratio_change(here, there, confidence)
    low, high = _compute_difference_interval(here, confidence)
    low_before, high_before = _compute_difference_interval(there, confidence)
    change = value - earlier
    interval = (
        change - math.hypot(value - low, high_before - earlier),
        change + math.hypot(high - value, earlier - low_before),
    )
    return change, interval


def _compute_difference_interval(counts: Sequence[float], confidence: float) -> tuple[float, float]:
    from airflow_clarify.bias.confidence import compute_newcombe_interval

    positive_d, rows_d, positive_a, rows_a = counts
    return compute_newcombe_interval(positive_a / rows_a, rows_a, positive_d / rows_d, rows_d, confidence)


def _compute_ratio_change(
    now: Sequence[float], before: Sequence[float], confidence: float
) -> tuple[float | None, tuple[float, float] | None]:
    """Compute the ratio of two ratios minus 1, and its interval."""
    from statistics import NormalDist

    if not all(counts[0] and counts[2] for counts in (now, before)):
        return None, None
    log_ratio, variance = 0.0, 0.0
    for counts, sign in ((now, 1), (before, -1)):
        positive_d, rows_d, positive_a, rows_a = counts
        log_ratio += sign * (math.log(positive_d / rows_d) - math.log(positive_a / rows_a))
        variance += 1 / positive_d - 1 / rows_d + 1 / positive_a - 1 / rows_a
    spread = -NormalDist().inv_cdf((1 - confidence) / 2) * math.sqrt(max(variance, 0.0))
    return math.expm1(log_ratio), (math.expm1(log_ratio - spread), math.expm1(log_ratio + spread))


def _parse_change(metric: str, rule: object) -> tuple[float | None, float | None]:
    """Parse the bounds of a change."""
    from airflow_clarify.bias.post_training import ALL_METRICS

    if metric not in ALL_METRICS and not is_comparison(metric):
        raise ThresholdError(f"drift: there is no metric {metric!r}; there are {', '.join(ALL_METRICS)}")
    if isinstance(rule, int | float) and not isinstance(rule, bool):
        if not 0 <= rule < math.inf:
            raise ThresholdError(f"drift: {metric}: a change from 0, such as 0.05, not {rule!r}")
        if is_comparison(metric) and get_kind(metric) == "ratio":
            return 1 / (1 + rule) - 1, float(rule)
        return 0.0 - rule, float(rule)
    if isinstance(rule, Sequence) and not isinstance(rule, str) and len(rule) == 2 and any(b is not None for b in rule):
        low, high = (None if bound is None else float(bound) for bound in rule)
        if low is None or high is None or low <= high:
            return low, high
    raise ThresholdError(f"drift: {metric}: a number such as 0.05, or a pair such as (None, 0.05), not {rule!r}")


def _find_result(analysis: Analysis, facet: str, value: str) -> FacetResult | None:
    found = analysis.facet(facet)
    return None if found is None else found.result(value)


def _get_value(analysis: Analysis, facet: str, value: str, metric: str) -> float | None:
    result = _find_result(analysis, facet, value)
    found = None if result is None else result.metric(metric)
    return None if found is None else found.value


def _format_number(value: float | None) -> str:
    if value is None:
        return "None"
    return repr(value) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _describe(low: float | None, high: float | None) -> str:
    if low is None:
        return f"{high:g}"
    return f"{low:g}" if high is None else f"[{low:g}, {high:g}]"


def combine(first: Verdict, second: Verdict) -> Verdict:
    """Combine the verdicts on thresholds and on drift: the more severe one decides.

    :param first: the verdict on thresholds
    :param second: the verdict on drift
    :return: one verdict with the findings of both
    """
    outcome = min((first.outcome, second.outcome), key=SEVERITY.index)
    findings = sorted((*first.findings, *second.findings), key=lambda finding: SEVERITY.index(finding.outcome))
    reasons = tuple(dict.fromkeys((*first.reasons, *second.reasons)))
    return replace(first, outcome=outcome, findings=tuple(findings), reasons=reasons)
