"""Build the section about the verdict: headline, reasons and rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.analysis import display_name
from airflow_clarify.bias.corrections import CORRECTION_NAMES
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.bias.verdict import SEVERITY, Finding, Outcome, Verdict
from airflow_clarify.reports import formatting
from airflow_clarify.reports.formatting import GroupName, Sentence

_MAX_REASONS = 5
_MAX_RULES = 8

_HEADLINES = {Outcome.PASS: "Pass", Outcome.VIOLATION: "Violation", Outcome.INCONCLUSIVE: "Inconclusive"}


@dataclass(frozen=True)
class VerdictSection:
    """The verdict in words.

    :param outcome: pass, violation or inconclusive; None if the data were not judged
    :param headline: the verdict in a word or two
    :param summary: the result of the checks in one sentence
    :param reasons: the reasons, the worst first
    :param more_reasons: number of reasons that are not listed
    :param tallies: number of checks by outcome, the worst first; outcomes without checks are omitted
    :param rules: the rules that were applied
    """

    outcome: Outcome | None
    headline: str
    summary: str
    reasons: tuple[Sentence, ...] = ()
    more_reasons: int = 0
    tallies: tuple[tuple[Outcome, int], ...] = ()
    rules: tuple[str, ...] = ()


def build_verdict_section(verdict: Verdict | None, thresholds: Thresholds | None) -> VerdictSection:
    """Build the section about a verdict.

    :param verdict: the verdict; None if the data were not judged
    :param thresholds: the rules behind the verdict; without them only the bounds are listed
    """
    if verdict is None:
        return VerdictSection(
            None,
            "Not judged",
            "No thresholds were given, so these values were measured, but not judged.",
        )
    found: list[Finding] = []
    if not verdict.passed:
        found = [finding for finding in verdict.checks if finding.outcome is verdict.outcome]
    reasons = [*((reason,) for reason in verdict.reasons), *(_build_reason(finding) for finding in found)]
    return VerdictSection(
        outcome=verdict.outcome,
        headline=_HEADLINES.get(verdict.outcome, verdict.outcome.value.capitalize()),
        summary=_summarize(verdict),
        reasons=tuple(reasons[:_MAX_REASONS]),
        more_reasons=max(0, len(reasons) - _MAX_REASONS),
        tallies=tuple((outcome, count) for outcome, count in count_shown_outcomes(verdict).items() if count),
        rules=(
            *_shorten_rules([*_summarize_bounds(verdict.checks)]),
            *(_list_conditions(thresholds, verdict) if thresholds else ()),
        ),
    )


def count_shown_outcomes(verdict: Verdict) -> dict[Outcome, int]:
    """Count the checks by the outcome that is shown for them, the worst first.

    :param verdict: the verdict
    """
    shown = [finding.shown_outcome for finding in verdict.checks]
    return {outcome: shown.count(outcome) for outcome in SEVERITY}


def _summarize(verdict: Verdict) -> str:
    judged = verdict.judged
    if verdict.passed and not verdict.checks:
        return "This is the first run of the history, so there is no baseline to compare it with."
    if verdict.passed and not judged:
        checks = formatting.format_plural(len(verdict.checks), "check", "checks")
        return f"None of {checks} was judged: every tested group has fewer rows than min_rows, and such groups pass."
    checks = formatting.format_plural(judged, "check", "checks")
    unsure = verdict.count(Outcome.INCONCLUSIVE)
    if verdict.passed:
        if unsure:
            verb = "is" if unsure == 1 else "are"
            number = formatting.format_count(unsure)
            return f"No check fails; {number} of {checks} {verb} inconclusive, and inconclusive checks pass here."
        return f"All {checks} pass." if judged != 1 else "The only check passes."
    broken = verdict.count(Outcome.VIOLATION)
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return f"{formatting.format_count(unsure)} of {checks} cannot be decided: the interval reaches across a bound."
    if broken:
        return f"{formatting.format_count(broken)} of {checks} {'fails' if broken == 1 else 'fail'}."
    return f"None of {checks} fails, but the data cannot be judged."


def _build_reason(finding: Finding) -> Sentence:
    """Isolate the tested group in the reason of a finding, since its name may be written from right to left."""
    stem = f"{finding.metric} of {display_name(finding.facet)}={display_name(finding.value)}"
    reason = finding.reason if finding.p_value is None else f"{finding.reason} ({_format_p_value(finding.p_value)})"
    if not reason.startswith(stem):
        return (reason,)
    return (f"{finding.metric} of ", GroupName(finding.facet, finding.value), reason.removeprefix(stem))


def _format_p_value(p_value: float) -> str:
    return "adjusted p < 0.0001" if p_value < 0.0001 else f"adjusted p = {p_value:.2g}"


def _summarize_bounds(findings: Iterable[Finding]) -> Iterator[str]:
    """List the bounds of each metric, with the number of checks that use them."""
    counts: dict[tuple[str, float | None, float | None], int] = {}
    for finding in findings:
        key = (finding.metric, finding.low, finding.high)
        counts[key] = counts.get(key, 0) + 1
    for (metric, low, high), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1])):
        yield f"{_format_range(metric, low, high)} ({formatting.format_plural(count, 'check', 'checks')})"


def _format_range(metric: str, low: float | None, high: float | None) -> str:
    if low is None:
        return metric if high is None else f"{metric} at most {formatting.format_bound(high)}"
    if high is None:
        return f"{metric} at least {formatting.format_bound(low)}"
    return (
        f"|{metric}| at most {formatting.format_bound(high)}"
        if low == -high
        else f"{metric} from {formatting.format_bound(low)} to {formatting.format_bound(high)}"
    )


def _list_conditions(thresholds: Thresholds, verdict: Verdict) -> Iterator[str]:
    """List the conditions of the rules other than bounds."""
    if thresholds.min_rows:
        effect = {"fail": "is a violation", "pass": "passes", "ignore": "is ignored"}[thresholds.below_min_rows]
        yield f"a group of fewer than {formatting.format_plural(thresholds.min_rows, 'row', 'rows')} {effect}"
    if thresholds.confidence is not None:
        effect = "fails" if thresholds.on_inconclusive == "fail" else "passes"
        level = f"{100 * thresholds.confidence:g}{formatting.NO_BREAK_SPACE}%"
        yield f"the {level} confidence interval of a metric that has one is judged, and an inconclusive check {effect}"
    if thresholds.correction is not None:
        asked = formatting.format_plural(verdict.questions, "question", "questions")
        yield f"p-values are adjusted for {asked} ({CORRECTION_NAMES[thresholds.correction]})"
    if thresholds.undefined == "ignore":
        yield "a metric that is not defined is ignored"


def _shorten_rules(rules: Sequence[str]) -> Sequence[str]:
    if len(rules) <= _MAX_RULES:
        return rules
    return [*rules[:_MAX_RULES], f"{len(rules) - _MAX_RULES} more bounds, drawn in the pictures"]
