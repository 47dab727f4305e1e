"""Thresholds of metrics, and the verdict on an analysis.

The gate fails closed: a metric that is undefined, or a label with one outcome only, is a violation unless the author
configures otherwise, and a rule for a metric, facet or value that the analysis does not have is an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult, display_name
from airflow_clarify.bias.contingency import Split
from airflow_clarify.bias.metrics import METRICS, has_dropped_outcome
from airflow_clarify.exceptions import ThresholdError, UnfitDataError

#: The bounds of a metric: 0.1 for [-0.1, 0.1], or a pair of lower and upper bound, where None is no bound.
Bounds = float | int | Sequence[float | int | None]
#: Bounds for all tested groups, per facet, or per facet and value; "*" stands for all others.
Rule = Bounds | Mapping[str, Bounds | Mapping[str, Bounds]]

ALL_OTHERS = "*"
VERDICT_FORMAT = "airflow_clarify.verdict/1"


class Outcome(Enum):
    """The outcome of a check, or of all checks together."""

    PASS = "pass"
    VIOLATION = "violation"
    INCONCLUSIVE = "inconclusive"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Finding:
    """The check of one metric of one tested group against its bounds.

    :param facet: the facet column
    :param value: the tested group
    :param metric: the short name of the metric
    :param measured: the value of the metric; None if it is undefined
    :param low: the lower bound; None if there is none
    :param high: the upper bound; None if there is none
    :param outcome: the outcome of the check
    :param reason: one sentence; empty for a metric within its bounds
    :param interval: the confidence interval that was compared with the bounds; None without ``confidence``
    :param rows: number of rows of the tested group; None if they are not known
    """

    facet: str
    value: str
    metric: str
    measured: float | None
    low: float | None
    high: float | None
    outcome: Outcome
    reason: str = ""
    interval: tuple[float, float] | None = None
    rows: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Serialize the finding for ``verdict.json`` and XCom.

        :return: JSON values only; infinities are the strings "Infinity" and "-Infinity"
        """
        document: dict[str, Any] = {
            "facet": self.facet,
            "value": self.value,
            "metric": self.metric,
            "measured": _number_to_json(self.measured),
            "bounds": [self.low, self.high],
            "outcome": self.outcome.value,
        }
        extras = {
            "reason": self.reason or None,
            "interval": None if self.interval is None else list(self.interval),
            "rows": self.rows,
        }
        return document | {key: value for key, value in extras.items() if value is not None}


@dataclass(frozen=True)
class Verdict:
    """The verdict on an analysis.

    :param outcome: pass, violation or inconclusive
    :param findings: one per metric and tested group, the most severe first
    :param reasons: violations of the analysis as a whole, one sentence each
    :param data: the name of the data: a path, a table or a query; empty if it is not known
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...] = ()
    data: str = ""

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASS

    @property
    def violations(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.outcome is Outcome.VIOLATION)

    def count(self, outcome: Outcome) -> int:
        """Count the findings with an outcome.

        :param outcome: the outcome
        :return: the number of findings
        """
        return sum(finding.outcome is outcome for finding in self.findings)

    @property
    def not_judged(self) -> int:
        """Number of checks that pass because their group has fewer rows than ``min_rows``."""
        return sum(finding.outcome is Outcome.PASS and bool(finding.reason) for finding in self.findings)

    @property
    def sentence(self) -> str:
        """The verdict as one line of text."""
        # The name of the data comes last, so that the sentence begins with the outcome.
        return self._describe() + (f"; data: {self.data}" if self.data else "")

    def _describe(self) -> str:
        judged = len(self.findings) - self.count(Outcome.IGNORED) - self.not_judged
        if self.passed and not judged:
            return (
                f"passed: none of {len(self.findings)} checks was judged, as every tested group has fewer rows than "
                "min_rows, which below_min_rows='pass' lets through"
            )
        if self.passed:
            within = self.count(Outcome.PASS) - self.not_judged
            return f"passed: {within} of {judged} checks are within their bounds" + self._describe_asides()
        parts = list(self.reasons)
        worst = [f.reason for f in self.findings if f.outcome is self.outcome and f.reason]
        if worst:
            count = self.count(self.outcome)
            verb = "fail" if self.outcome is Outcome.VIOLATION else "are inconclusive"
            parts.append(f"{count} of {judged} checks {verb}, the worst: {worst[0]}")
        return f"{self.outcome.value}: {'; '.join(parts)}" + self._describe_asides()

    def _describe_asides(self) -> str:
        asides = [
            f"{self.count(outcome)} {outcome.value}"
            for outcome in (Outcome.INCONCLUSIVE, Outcome.IGNORED)
            if self.count(outcome) and outcome is not self.outcome
        ]
        if self.not_judged:
            asides.append(f"{self.not_judged} not judged: fewer rows than min_rows")
        return f" ({', '.join(asides)})" if asides else ""

    def to_json(self, max_findings: int = 100) -> dict[str, Any]:
        """Serialize the verdict for ``verdict.json`` and XCom.

        :param max_findings: the maximum number of findings; those without a reason to pass are counted only
        :return: JSON values only
        """
        noted = [finding for finding in self.findings if finding.outcome is not Outcome.PASS or finding.reason]
        return {
            "format": VERDICT_FORMAT,
            "outcome": self.outcome.value,
            "sentence": self.sentence,
            "reasons": list(self.reasons),
            "checks": {outcome.value: self.count(outcome) for outcome in Outcome},
            **({"not_judged": self.not_judged} if self.not_judged else {}),
            "findings": [finding.to_json() for finding in noted[:max_findings]],
            **({"data": self.data} if self.data else {}),
        }


@dataclass(frozen=True)
class Thresholds:
    """Configure the bounds of metrics.

    :param rules: bounds per metric: ``{"DPL": 0.1}`` is ``|DPL| <= 0.1`` for every tested group,
        ``{"DPL": (-0.05, 0.1)}`` a range, ``{"DPL": (None, 0.1)}`` an upper bound, ``{"DPL": {"gender": 0.1}}`` is for
        one facet, ``{"DPL": {"gender": {"F": 0.1, "*": 0.2}}}`` for one value and for all others of the facet. A bound
        outside the range of its metric is an error, since every value would pass, or none
    :param min_rows: the minimum number of rows of a tested group; smaller groups are handled by ``below_min_rows``
    :param below_min_rows: "fail" is a violation, "pass" a pass, "ignore" excludes the group from the verdict
    :param confidence: the confidence level, such as 0.95, at which Newcombe's interval of DPL (and of TVD, KS and LP if
        both outcomes occur in both facets) is compared with the bounds: inside passes, outside is a violation, across
        a bound is inconclusive. For other metrics the value is compared
    :param on_inconclusive: required with ``confidence``: "fail" or "pass"
    :param undefined: how a null or infinite metric is handled: "fail" (a violation) or "ignore"
    :raises ThresholdError: a parameter is not allowed, or a bound is outside the range of its metric
    """

    rules: Mapping[str, Rule]
    min_rows: int = 0
    below_min_rows: Literal["fail", "pass", "ignore"] = "fail"
    confidence: float | None = None
    on_inconclusive: Literal["fail", "pass"] | None = None
    undefined: Literal["fail", "ignore"] = "fail"
    _bounds: list[_Bound] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        if not isinstance(self.rules, Mapping) or not self.rules:
            raise ThresholdError(f'thresholds: give at least one, such as {{"DPL": 0.1}}, not {self.rules!r}')
        for metric, rule in self.rules.items():
            if metric not in METRICS:
                raise ThresholdError(f"thresholds: there is no metric {metric!r}; there are {', '.join(METRICS)}")
            self._bounds.extend(_parse_rule(metric, rule))
        _check_choice("below_min_rows", self.below_min_rows, ("fail", "pass", "ignore"))
        _check_choice("undefined", self.undefined, ("fail", "ignore"))
        if isinstance(self.min_rows, bool) or not isinstance(self.min_rows, int) or self.min_rows < 0:
            raise ThresholdError(f"min_rows: a number of rows from 0, not {self.min_rows!r}")
        if self.confidence is None:
            if self.on_inconclusive is not None:
                raise ThresholdError("on_inconclusive: needs confidence; without it nothing is inconclusive")
            return
        if not isinstance(self.confidence, float) or not 0 < self.confidence < 1:
            raise ThresholdError(f"confidence: between 0 and 1, such as 0.95, not {self.confidence!r}")
        if self.on_inconclusive is None:
            raise ThresholdError('on_inconclusive: with confidence, say what inconclusive does: "fail" or "pass"')
        _check_choice("on_inconclusive", self.on_inconclusive, ("fail", "pass"))

    @property
    def facets(self) -> tuple[str, ...]:
        """The facets that have rules of their own."""
        return tuple(dict.fromkeys(bound.facet for bound in self._bounds if bound.facet != ALL_OTHERS))

    def judge(self, analysis: Analysis) -> Verdict:
        """Compare the metrics of an analysis with their bounds.

        :param analysis: the analysis
        :return: the verdict
        :raises ThresholdError: a rule is for a metric, facet or value that the analysis does not have
        :raises UnfitDataError: ``min_rows`` or ``confidence`` is set and the analysis has no counts, or it has no
            tested group
        """
        if not isinstance(analysis, Analysis):
            raise ThresholdError(f"judge: an Analysis is needed, not {type(analysis).__name__}")
        self._check_applies(analysis)
        findings = [
            self._judge(facet, result, metric, bound)
            for metric in self.rules
            for facet, result in analysis.results()
            if (bound := self._find_bound(metric, facet.column, result.value)) is not None
        ]
        findings.sort(key=_rank_severity)
        reasons = [analysis.one_sided_label] if analysis.one_sided_label else []
        if all(finding.outcome is Outcome.IGNORED for finding in findings):
            reasons.append("nothing was judged: every tested group was ignored for its rows or its undefined metrics")
        return Verdict(self._determine_outcome(findings, reasons), tuple(findings), tuple(reasons), analysis.data_name)

    def get_bounds(self, metric: str, facet: str, value: str) -> tuple[float | None, float | None] | None:
        """Return the bounds for a metric of a tested group.

        :param metric: the short name of the metric
        :param facet: the facet column
        :param value: the tested group
        :return: lower and upper bound; None if no rule applies
        """
        bound = self._find_bound(metric, facet, value)
        return None if bound is None else (bound.low, bound.high)

    def _determine_outcome(self, findings: Sequence[Finding], reasons: Sequence[str]) -> Outcome:
        outcomes = {finding.outcome for finding in findings}
        if reasons or Outcome.VIOLATION in outcomes:
            return Outcome.VIOLATION
        if Outcome.INCONCLUSIVE in outcomes and self.on_inconclusive == "fail":
            return Outcome.INCONCLUSIVE
        return Outcome.PASS

    def _find_bound(self, metric: str, facet: str, value: str) -> _Bound | None:
        """Return the most specific rule for a metric of a tested group."""
        for wanted in ((facet, value), (facet, ALL_OTHERS), (ALL_OTHERS, ALL_OTHERS)):
            for bound in self._bounds:
                if bound.metric == metric and (bound.facet, bound.value) == wanted:
                    return bound
        return None

    def _check_applies(self, analysis: Analysis) -> None:
        for bound in self._bounds:
            if bound.metric not in analysis.methods:
                raise ThresholdError(
                    f"thresholds: the analysis has no {bound.metric}; it has {', '.join(analysis.methods)}; "
                    "add the metric to methods"
                )
            if bound.facet == ALL_OTHERS:
                continue
            facet = analysis.facet(bound.facet)
            if facet is None:
                columns = ", ".join(repr(facet.column) for facet in analysis.facets)
                raise ThresholdError(f"thresholds: the analysis has no facet {bound.facet!r}; it has {columns}")
            if bound.value != ALL_OTHERS and facet.result(bound.value) is None:
                values = ", ".join(repr(result.value) for result in facet.results[:20])
                raise ThresholdError(
                    f"thresholds: facet {bound.facet!r} of the analysis has no value {bound.value!r}; it has {values}"
                )
        counted = all(result.split is not None for _, result in analysis.results())
        if not counted and (self.min_rows or self.confidence is not None):
            raise UnfitDataError(
                "min_rows and confidence need counts, and this analysis was read from an analysis.json, which has "
                "none; judge it without them"
            )
        if not any(True for _ in analysis.results()):
            raise UnfitDataError("the analysis holds no tested group, so there is nothing to judge")

    def _judge(self, facet: FacetAnalysis, result: FacetResult, name: str, bound: _Bound) -> Finding:
        metric = result.metric(name)
        if metric is None:
            raise ThresholdError(f"thresholds: the analysis has no {name} for {result.value!r} of {facet.column!r}")
        rows = None if result.split is None else result.split.d.rows
        interval = None

        def create_finding(outcome: Outcome, reason: str = "") -> Finding:
            return Finding(
                facet.column, result.value, name, metric.value, bound.low, bound.high, outcome, reason, interval, rows
            )

        where = f"{name} of {display_name(facet.column)}={display_name(result.value)}"
        if rows is not None and rows < self.min_rows:
            outcome = {"fail": Outcome.VIOLATION, "pass": Outcome.PASS, "ignore": Outcome.IGNORED}[self.below_min_rows]
            return create_finding(outcome, f"{where}: {rows} rows are fewer than min_rows {self.min_rows}")
        if not metric.usable:
            outcome = Outcome.VIOLATION if self.undefined == "fail" else Outcome.IGNORED
            shown = metric.error or f"its value is {metric.value}"
            return create_finding(outcome, f"{where} is not defined: {shown}")
        assert metric.value is not None
        interval = None if self.confidence is None else _compute_interval(name, result.split, self.confidence)
        return create_finding(*_compare_with_bounds(where, metric, bound, interval, self.confidence))


@dataclass(frozen=True)
class _Bound:
    metric: str
    facet: str
    value: str
    low: float | None
    high: float | None


def _compare_with_bounds(
    where: str, metric: MetricResult, bound: _Bound, interval: tuple[float, float] | None, confidence: float | None
) -> tuple[Outcome, str]:
    assert metric.value is not None
    low, high = interval if interval is not None else (metric.value, metric.value)
    spread = ""
    if interval is not None and confidence is not None:
        spread = f" ({100 * confidence:.4g}% interval {low:.4f} to {high:.4f})"
    if _is_inside(low, bound) and _is_inside(high, bound):
        return Outcome.PASS, ""
    if _is_below(high, bound) or _is_above(low, bound):
        return Outcome.VIOLATION, f"{where} is {metric.value:.4f}{spread}, {_describe_breach(bound)}"
    return (
        Outcome.INCONCLUSIVE,
        f"{where} is {metric.value:.4f}{spread}, which reaches across {_describe_bounds(bound)}",
    )


def _is_inside(value: float, bound: _Bound) -> bool:
    return not _is_below(value, bound) and not _is_above(value, bound)


def _is_below(value: float, bound: _Bound) -> bool:
    return bound.low is not None and value < bound.low


def _is_above(value: float, bound: _Bound) -> bool:
    return bound.high is not None and value > bound.high


def _compute_interval(name: str, split: Split | None, confidence: float) -> tuple[float, float] | None:
    """Compute the confidence interval of a metric; None if undetermined by DPL."""
    if split is None or name not in ("DPL", "TVD", "KS", "LP"):
        return None
    counts = split.counts
    if name != "DPL" and has_dropped_outcome(counts):
        return None
    # Imported lazily, since DAG files import this module and only a judging task computes intervals.
    from airflow_clarify.bias.confidence import compute_newcombe_interval

    share_a, share_d = float(counts.a_positive / counts.n_a), float(counts.d_positive / counts.n_d)
    low, high = compute_newcombe_interval(share_a, split.a.effective_rows, share_d, split.d.effective_rows, confidence)
    if name == "DPL":
        return low, high
    # For a binary label TVD = KS = |DPL| and LP = sqrt(2) |DPL|.
    scale = math.sqrt(2) if name == "LP" else 1.0
    smallest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return scale * smallest, scale * max(abs(low), abs(high))


def _parse_rule(metric: str, rule: object) -> Iterator[_Bound]:
    if not isinstance(rule, Mapping):
        yield _Bound(metric, ALL_OTHERS, ALL_OTHERS, *_parse_bounds(metric, metric, rule))
        return
    if not rule:
        raise ThresholdError(f"thresholds: {metric} has no bounds; give some, such as 0.1")
    for facet, facet_rule in rule.items():
        if not isinstance(facet_rule, Mapping):
            where = _describe_rule(metric, facet, ALL_OTHERS)
            yield _Bound(metric, str(facet), ALL_OTHERS, *_parse_bounds(metric, where, facet_rule))
            continue
        if not facet_rule:
            raise ThresholdError(f"thresholds: {metric} of {facet} has no bounds; give some, such as 0.1")
        for value, bounds in facet_rule.items():
            if facet == ALL_OTHERS and value != ALL_OTHERS:
                raise ThresholdError(f"thresholds: {metric} of {facet}={value}: name the facet of the value {value!r}")
            where = _describe_rule(metric, facet, value)
            yield _Bound(metric, str(facet), str(value), *_parse_bounds(metric, where, bounds))


def _describe_rule(metric: str, facet: object, value: object) -> str:
    """Return the name of a rule for error messages, without wildcards."""
    if facet == ALL_OTHERS:
        return metric
    return f"{metric} of {facet}" if value == ALL_OTHERS else f"{metric} of {facet}={value}"


def _parse_bounds(metric: str, where: str, bounds: object) -> tuple[float | None, float | None]:
    if isinstance(bounds, int | float) and not isinstance(bounds, bool):
        if not 0 <= bounds < math.inf:
            raise ThresholdError(
                f"thresholds: {where}: a single number t means |value| <= t, so it is from 0 and finite, not {bounds}"
            )
        _check_range(metric, where, bounds)
        # Subtracting avoids -0.0, which reports would display.
        return 0.0 - float(bounds), float(bounds)
    if isinstance(bounds, Sequence) and not isinstance(bounds, str) and len(bounds) == 2:
        low, high = (_parse_bound(metric, where, bound) for bound in bounds)
        if low is None and high is None:
            raise ThresholdError(f"thresholds: {where}: a range without any bound would let everything pass")
        if low is not None and high is not None and low > high:
            raise ThresholdError(f"thresholds: {where}: the lower bound {low} is above the upper bound {high}")
        lowest = METRICS[metric].lowest
        if high is not None and high < lowest:
            raise ThresholdError(
                f"thresholds: {where}: no value can be at most {high:g}, as {metric} is never below {lowest:g}"
            )
        if high is None and low is not None and low < lowest:
            raise ThresholdError(
                f"thresholds: {where}: the bound {low:g} would let everything pass, as {metric} is never below "
                f"{lowest:g}; give an upper bound"
            )
        return low, high
    allowed = "neither a number such as 0.1 nor a pair such as (-0.05, 0.1)"
    raise ThresholdError(f"thresholds: {where}: {bounds!r} is {allowed}")


def _parse_bound(metric: str, where: str, bound: object) -> float | None:
    if bound is None:
        return None
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
        raise ThresholdError(f"thresholds: {where}: {bound!r} is not a finite number; None stands for no bound")
    _check_range(metric, where, bound)
    return float(bound)


def _check_range(metric: str, where: str, bound: float) -> None:
    """Check that a bound is within the range of its metric.

    A negative lower bound of a metric that is never negative is allowed, as the mirror image of the upper bound.

    :raises ThresholdError: the bound is outside the range of the metric
    """
    lowest, highest = METRICS[metric].lowest, METRICS[metric].highest
    if abs(bound) <= max(abs(lowest), abs(highest)):
        return
    remedy = f"give a number between {lowest:g} and {highest:.4g}"
    if 1 < abs(bound) <= 100:
        remedy = f"if {bound:g} means percent, write {bound / 100:g}"
    raise ThresholdError(
        f"thresholds: {where}: the bound {bound:g} is beyond the range of {metric}, which is {lowest:g} to "
        f"{highest:.4g}; {remedy}"
    )


def _check_choice(key: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ThresholdError(f"{key}: one of {', '.join(repr(a) for a in allowed)}, not {value!r}")


def _rank_severity(finding: Finding) -> tuple[int, float]:
    order = [Outcome.VIOLATION, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.IGNORED]
    measured = finding.measured if finding.measured is not None else math.inf
    beyond = max(
        measured - finding.high if finding.high is not None else -math.inf,
        finding.low - measured if finding.low is not None else -math.inf,
    )
    return order.index(finding.outcome), -beyond


def _number_to_json(number: float | None) -> float | str | None:
    if number is None or math.isfinite(number):
        return number
    return "Infinity" if number > 0 else "-Infinity"


def _describe_breach(bound: _Bound) -> str:
    """Describe on which side of its bounds a value lies, without a missing bound."""
    if bound.low is None:
        return f"above {bound.high:g}"
    return f"below {bound.low:g}" if bound.high is None else f"outside [{bound.low:g}, {bound.high:g}]"


def _describe_bounds(bound: _Bound) -> str:
    if bound.low is None or bound.high is None:
        return f"the bound {bound.high if bound.low is None else bound.low:g}"
    return f"a bound of [{bound.low:g}, {bound.high:g}]"
