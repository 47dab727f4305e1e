"""Judging: compare the metrics of analyses with thresholds, and conclude the verdicts.

The checks of all analyses are first drafted, then paired where two groups mirror each other, then corrected for their
number, and only then concluded: a correction has to know every question that the gate asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult, display_name
from airflow_clarify.bias.bounds import ALL_OTHERS, Bound
from airflow_clarify.bias.comparisons import Comparison, Denominators, build_comparison, find_denominators
from airflow_clarify.bias.confidence import compute_p_value, compute_score
from airflow_clarify.bias.corrections import adjust_p_values
from airflow_clarify.bias.directions import describe_disadvantage, is_tested_group_worse_off
from airflow_clarify.bias.metrics import OWN_METRICS
from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.bias.sample_size import POWER, find_row_factor
from airflow_clarify.bias.verdict import SEVERITY, Finding, Outcome, Verdict, determine_outcome
from airflow_clarify.exceptions import ThresholdError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.bias.thresholds import Thresholds

#: The rest, where it consists of several groups.
_REST = "all others"


@dataclass
class DraftedCheck:
    """The draft of a finding: what is compared with which bounds, before all drafts together are concluded.

    :param facet: the facet column
    :param value: the tested group
    :param metric: its metric
    :param bound: its bounds
    :param rows: number of its rows; None if they are not known
    """

    facet: str
    value: str
    metric: MetricResult
    bound: Bound
    rows: int | None
    denominators: Denominators | None = None
    comparison: Comparison | None = None
    #: The outcome and its reason, if neither bounds nor interval decide it.
    decided: tuple[Outcome, str] | None = None
    #: The check of the other group, if both are one question.
    mirror: DraftedCheck | None = None
    p_value: float | None = None

    @property
    def where(self) -> str:
        """Return the metric and the group for sentences."""
        return f"{self.metric.name} of {display_name(self.facet)}={display_name(self.value)}"

    @property
    def measured(self) -> float:
        """Return the value of the metric, which is defined."""
        assert self.metric.value is not None
        return self.metric.value

    @property
    def worse_off(self) -> str | None:
        """The group that is worse off."""
        if self.decided is not None:
            return None
        worse = is_tested_group_worse_off(self.metric.name, self.measured - ALL_METRICS[self.metric.name].parity)
        if worse is None:
            return None
        return self.value if worse else (_REST if self.mirror is None else self.mirror.value)

    def compute_breach_score(self) -> float:
        """Compute how far the interval can grow until it touches the bounds, from outside; 0 or less inside them."""
        assert self.comparison is not None
        low, high = self.bound.low, self.bound.high
        above = -math.inf if high is None else self.comparison.compute_high_score(high)
        below = -math.inf if low is None else -self.comparison.compute_low_score(low)
        return max(above, below)


def judge_all(rules: Thresholds, analyses: Sequence[Analysis]) -> list[Verdict]:
    """Judge the analyses of one gate.

    :param rules: the thresholds
    :param analyses: the analyses
    :return: one verdict for each; with a correction, adjusted for the questions of all of them together
    :raises ThresholdError: a rule is for a metric, facet or value that an analysis does not have
    :raises UnfitDataError: counts are needed and an analysis has none, or it has no tested group
    """
    drafts, questions = draft_all(rules, analyses)
    return [_conclude(rules, analysis, checks, questions) for analysis, checks in zip(analyses, drafts, strict=True)]


def draft_all(rules: Thresholds, analyses: Sequence[Analysis]) -> tuple[list[list[DraftedCheck]], int]:
    """Draft the checks of the analyses of one gate, with p-values adjusted for all of them.

    :param rules: the thresholds
    :param analyses: the analyses
    :return: the checks of each analysis, and the number of questions that a correction adjusts for; 0 without one
    :raises ThresholdError: as for :func:`judge_all`
    :raises UnfitDataError: as for :func:`judge_all`
    """
    drafts = []
    for analysis in analyses:
        _check_applies(rules, analysis)
        checks = list(_draft_checks(rules, analysis))
        _pair_mirrored_groups(rules, analysis, checks)
        drafts.append(checks)
    questions = 0
    if rules.correction is not None:
        questions = _adjust(rules, list(zip(analyses, drafts, strict=True)))
    return drafts, questions


def _conclude(rules: Thresholds, analysis: Analysis, checks: Sequence[DraftedCheck], questions: int) -> Verdict:
    outcomes = [decide(rules, check, questions) for check in checks]
    findings = [
        _build_finding(rules, check, outcome, questions) for check, outcome in zip(checks, outcomes, strict=True)
    ]
    findings = list(_mark_mirrored_findings(checks, findings))
    findings.sort(key=_rank_severity)
    reasons = list_reasons(analysis, rules.rules)
    if all(finding.outcome is Outcome.IGNORED for finding in findings):
        reasons.append("nothing was judged: every tested group has too few rows, or undefined metrics")
    return Verdict(
        determine_outcome(findings, reasons, rules.on_inconclusive),
        tuple(findings),
        tuple(reasons),
        analysis.data_name,
        rules.correction,
        questions,
    )


def list_reasons(analysis: Analysis, metrics: Iterable[str]) -> list[str]:
    """List why an analysis as a whole does not pass, whatever its metrics are.

    :param analysis: the analysis
    :param metrics: the metrics that are judged
    :return: one sentence each; those about predictions only if a metric of predictions is judged
    """
    reasons = [analysis.one_sided_label]
    # A file of Clarify may have metrics that are not known here.
    if any(metric in ALL_METRICS and ALL_METRICS[metric].stage == "post_training" for metric in metrics):
        reasons += [analysis.prediction_error, analysis.one_sided_prediction]
    return [reason for reason in reasons if reason]


# --- Drafting ---------------------------------------------------------------------------------------------------------


def _check_applies(rules: Thresholds, analysis: Analysis) -> None:
    available = analysis.available_metrics
    for bound in rules.bounds:
        if bound.metric not in available and bound.metric in OWN_METRICS:
            raise UnfitDataError(
                f"thresholds: {bound.metric} needs counts, and this analysis was read from an analysis.json, which has "
                "none; use DI or DPL"
            )
        if bound.metric not in available:
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
    if not counted and (rules.min_rows or rules.confidence is not None):
        raise UnfitDataError(
            "min_rows and confidence need counts, and this analysis was read from an analysis.json, which has "
            "none; judge it without them"
        )
    if not any(True for _ in analysis.results()):
        raise UnfitDataError("the analysis holds no tested group, so there is nothing to judge")


def _draft_checks(rules: Thresholds, analysis: Analysis) -> Iterator[DraftedCheck]:
    for metric in rules.rules:
        for facet, result in analysis.results():
            bound = rules.find_bound(metric, facet.column, result.value)
            if bound is not None:
                yield _draft_check(rules, facet, result, metric, bound)


def _draft_check(rules: Thresholds, facet: FacetAnalysis, result: FacetResult, name: str, bound: Bound) -> DraftedCheck:
    metric = result.metric(name)
    if metric is None:
        raise ThresholdError(f"thresholds: the analysis has no {name} for {result.value!r} of {facet.column!r}")
    rows = None if result.split is None else result.split.d.rows
    check = DraftedCheck(facet.column, result.value, metric, bound, rows, find_denominators(name, result.split))
    counted, noun = rows, "rows"
    if check.denominators is not None:
        counted, noun = check.denominators.d.rows, check.denominators.rows
    undefined = _find_undefined(check)
    if counted is not None and counted < rules.min_rows:
        outcome = {"fail": Outcome.VIOLATION, "pass": Outcome.PASS, "ignore": Outcome.IGNORED}[rules.below_min_rows]
        check.decided = outcome, f"{check.where}: {counted} {noun} are fewer than min_rows {rules.min_rows}"
    elif undefined is not None:
        outcome = Outcome.VIOLATION if rules.undefined == "fail" else Outcome.IGNORED
        check.decided = outcome, f"{check.where} is not defined: {undefined}"
    elif rules.confidence is not None:
        check.comparison = build_comparison(name, result.split)
    return check


def _find_undefined(check: DraftedCheck) -> str | None:
    """Return why a metric is undefined; None if it can be judged.

    Clarify takes 0/0 as 0, and the difference of two infinite ratios too, which would pass as fair.
    """
    if not check.metric.usable:
        return check.metric.error or f"its value is {check.metric.value}"
    if check.denominators is None:
        return None
    for side, group in ((check.denominators.d, "this group has"), (check.denominators.a, "all others have")):
        if not side.weight:
            return f"{group} no {check.denominators.rows}"
    return None


# --- Mirrored groups --------------------------------------------------------------------------------------------------


def _pair_mirrored_groups(rules: Thresholds, analysis: Analysis, checks: Iterable[DraftedCheck]) -> None:
    """Pair the checks of two groups that are each the rest of the other, as they answer one question.

    Where both could violate different bounds at once, they remain two questions.
    """
    by_group = {(check.facet, check.value, check.metric.name): check for check in checks if check.decided is None}
    for facet in analysis.facets:
        if not _is_pair(facet):
            continue
        first_value, second_value = (result.value for result in facet.results)
        for metric in rules.rules:
            first = by_group.get((facet.column, first_value, metric))
            second = by_group.get((facet.column, second_value, metric))
            if first and second and (turned := _turn(second, first)) and _is_one_question(first.bound, turned):
                first.mirror, second.mirror = second, first


def _is_pair(facet: FacetAnalysis) -> bool:
    if len(facet.results) != 2:
        return False
    first, second = (result.split for result in facet.results)
    if first is None or second is None:
        # Clarify's file has no counts; the values decide.
        return first is second
    return first.d.rows == second.a.rows and first.a.rows == second.d.rows


def _turn(check: DraftedCheck, other: DraftedCheck) -> Bound | None:
    """Express the bounds of a check as bounds of the metric of the other group; None if it is no mirror image."""
    value, mirrored, bound = check.measured, other.measured, check.bound
    if ALL_METRICS[check.metric.name].is_ratio:
        if not math.isclose(value * mirrored, 1.0, rel_tol=1e-9):
            return None
        low, high = _invert(bound.high), _invert(bound.low)
    elif math.isclose(value, -mirrored, rel_tol=1e-9, abs_tol=1e-12):
        low = None if bound.high is None else -bound.high
        high = None if bound.low is None else -bound.low
    elif math.isclose(value, mirrored, rel_tol=1e-9):
        low, high = bound.low, bound.high
    else:
        return None
    return Bound(bound.metric, bound.facet, other.value, low, high)


def _invert(bound: float | None) -> float | None:
    if bound is None:
        return None
    return 1 / bound if bound else math.inf


def _is_one_question(first: Bound, second: Bound) -> bool:
    """Return whether two bounds of one number are the same, or bound it on different sides."""
    lows = [bound.low for bound in (first, second) if bound.low is not None]
    highs = [bound.high for bound in (first, second) if bound.high is not None]
    same = all(len(ends) < 2 or math.isclose(*ends, rel_tol=1e-9) for ends in (lows, highs))
    return same and max(lows, default=-math.inf) <= min(highs, default=math.inf)


def _mark_mirrored_findings(checks: Sequence[DraftedCheck], findings: Sequence[Finding]) -> Iterator[Finding]:
    """Mark the less severe finding of each pair, and of two equal ones that of the group that is better off."""
    by_check = {id(check): finding for check, finding in zip(checks, findings, strict=True)}
    for check, finding in zip(checks, findings, strict=True):
        if check.mirror is None:
            yield finding
            continue
        other = by_check[id(check.mirror)]

        def rank(one: Finding) -> tuple[int, bool]:
            return SEVERITY.index(one.outcome), one.worse_off != one.value

        # Of two that are equal in everything, the first one counts.
        is_second = rank(finding) > rank(other) or (
            rank(finding) == rank(other) and findings.index(other) < findings.index(finding)
        )
        yield replace(finding, mirror_of=other.value) if is_second else finding


# --- Concluding -------------------------------------------------------------------------------------------------------


def _adjust(rules: Thresholds, drafts: Iterable[tuple[Analysis, Sequence[DraftedCheck]]]) -> int:
    """Set the adjusted p-values of all checks that have one.

    :return: the number of questions, where two groups that mirror each other ask one
    """
    assert rules.correction is not None
    questions: list[list[DraftedCheck]] = []
    for analysis, checks in drafts:
        asked = list(_list_questions(checks))
        # The groups that a search has tested and left out are questions too, with p-values of up to 1.
        questions += asked + [[]] * max(0, analysis.selected_from - len(asked))
    p_values = [
        min((check.p_value for check in question if check.p_value is not None), default=1.0) for question in questions
    ]
    for question, p_value, adjusted in zip(
        questions, p_values, adjust_p_values(p_values, rules.correction), strict=True
    ):
        for check in question:
            # Of two bounds on different sides, only one can be violated; the other keeps its p-value of 1.
            if check.p_value is not None:
                check.p_value = max(adjusted, check.p_value) if check.p_value > p_value else adjusted
    return len(questions)


def _list_questions(checks: Iterable[DraftedCheck]) -> Iterator[list[DraftedCheck]]:
    """Yield the checks of each question, and set their p-values."""
    for check in checks:
        if check.comparison is None:
            continue
        check.p_value = compute_p_value(check.compute_breach_score())
        if check.mirror is None or check.mirror.p_value is None:
            yield [check] if check.mirror is None else [check, check.mirror]


def _get_level(rules: Thresholds, questions: int, *, breached: bool) -> float:
    """Return the confidence level at which one check is judged.

    With Bonferroni's correction all intervals hold at once. Otherwise only violations are corrected: the gate passes if
    every check does, which needs no correction (R. L. Berger, "Multiparameter hypothesis testing and acceptance
    sampling", Technometrics 24, 1982).

    :param rules: the thresholds, with a confidence level
    :param questions: the number of questions that a correction adjusts for
    :param breached: whether the value lies outside of its bounds
    """
    assert rules.confidence is not None
    if rules.correction is None or (rules.correction != "bonferroni" and not breached):
        return rules.confidence
    return 1 - (1 - rules.confidence) / max(1, questions)


def decide(rules: Thresholds, check: DraftedCheck, questions: int) -> tuple[Outcome, tuple[float, float] | None]:
    """Decide a check.

    :param rules: the thresholds
    :param check: the check
    :param questions: the number of questions that a correction adjusts for
    :return: the outcome, and the interval that was compared with the bounds; None if the value was
    """
    if check.decided is not None:
        return check.decided[0], None
    if check.comparison is None:
        inside = check.bound.contains(check.measured)
        return (Outcome.PASS if inside else Outcome.VIOLATION), None
    assert rules.confidence is not None
    interval = low, high = check.comparison.compute_interval(_get_level(rules, questions, breached=False))
    if check.bound.contains(low) and check.bound.contains(high):
        return Outcome.PASS, interval
    if check.p_value is None:
        breached = check.bound.is_below(high) or check.bound.is_above(low)
    else:
        breached = check.p_value < 1 - rules.confidence
    return (Outcome.VIOLATION if breached else Outcome.INCONCLUSIVE), interval


def _build_finding(
    rules: Thresholds, check: DraftedCheck, decided: tuple[Outcome, tuple[float, float] | None], questions: int
) -> Finding:
    outcome, interval = decided
    rows_needed = None
    if outcome is Outcome.INCONCLUSIVE:
        rows_needed = _compute_rows_needed(rules, check, questions)
    return Finding(
        check.facet,
        check.value,
        check.metric.name,
        check.metric.value,
        check.bound.low,
        check.bound.high,
        outcome,
        _build_reason(rules, check, outcome, interval, questions, rows_needed),
        interval,
        check.rows,
        None if check.denominators is None else check.denominators.d.rows,
        p_value=check.p_value,
        rows_needed=rows_needed,
        worse_off=check.worse_off,
    )


def _build_reason(
    rules: Thresholds,
    check: DraftedCheck,
    outcome: Outcome,
    interval: tuple[float, float] | None,
    questions: int,
    rows_needed: int | None,
) -> str:
    if check.decided is not None:
        return check.decided[1]
    if outcome is Outcome.PASS:
        return ""
    spread = ""
    if interval is not None:
        level = _get_level(rules, questions, breached=False)
        spread = f" ({100 * level:.4g}% interval {interval[0]:.4f} to {interval[1]:.4f})"
    value = f"{check.where} is {check.measured:.4f}{spread}"
    worse = _describe_worse_off(check)
    if outcome is Outcome.VIOLATION:
        return f"{value}, {check.bound.describe_breach()}{worse}"
    assert interval is not None
    if check.bound.is_below(interval[1]) or check.bound.is_above(interval[0]):
        verdict = f"{check.bound.describe_breach()}, but not significantly so among {questions} questions"
        verdict += f" (adjusted p-value {check.p_value:.2g})"
    else:
        verdict = f"which reaches across {check.bound.describe()}"
    if rows_needed is None:
        needed = "too close to a bound for any number of rows to settle it"
    else:
        needed = (
            f"a verdict needs about {rows_needed:,} rows of the group, which has {check.rows:,} ({POWER:.0%} power)"
        )
    return f"{value}, {verdict}{worse}; {needed}"


def _describe_worse_off(check: DraftedCheck) -> str:
    # No name: in a sentence, names from the data stand only where renderers expect and isolate them.
    if check.worse_off is None:
        return ""
    group = "this group is" if check.worse_off == check.value else "all others are"
    return f": {group} worse off ({describe_disadvantage(check.metric.name)})"


def _compute_rows_needed(rules: Thresholds, check: DraftedCheck, questions: int) -> int | None:
    comparison, bound = check.comparison, check.bound
    assert comparison is not None
    breached = not bound.contains(check.measured)
    low, high = bound.low, bound.high
    factor = find_row_factor(
        None if low is None else lambda factor: comparison.grow(factor).compute_low_score(low),
        None if high is None else lambda factor: comparison.grow(factor).compute_high_score(high),
        compute_score(_get_level(rules, questions, breached=breached)),
    )
    return None if factor is None or check.rows is None else math.ceil(factor * check.rows)


def _rank_severity(finding: Finding) -> tuple[int, float, bool]:
    measured = finding.measured if finding.measured is not None else math.inf
    # A ratio of 0.4 is as far from 1 as one of 2.5.
    scale = _compute_log if ALL_METRICS[finding.metric].is_ratio else float
    beyond = max(
        -math.inf if finding.high is None else scale(measured) - scale(finding.high),
        -math.inf if finding.low is None else scale(finding.low) - scale(measured),
    )
    # Where all is well, the groups stay in their order.
    is_second = finding.mirror_of is not None and finding.outcome is not Outcome.PASS
    return SEVERITY.index(finding.outcome), -beyond, is_second


def _compute_log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -1e300
