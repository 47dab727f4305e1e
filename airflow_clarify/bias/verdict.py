"""The verdict of a gate, and its findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

VERDICT_FORMAT = "airflow_clarify.verdict/1"


class Outcome(Enum):
    """The outcome of a check, or of all checks together."""

    PASS = "pass"
    VIOLATION = "violation"
    INCONCLUSIVE = "inconclusive"
    IGNORED = "ignored"


#: The outcomes, the most severe first.
SEVERITY = (Outcome.VIOLATION, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.IGNORED)


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
    :param denominator: number of rows of the tested group that the metric is a share of, such as those with a positive
        label for RD; None if it is ``rows``
    :param p_value: with ``correction``: the p-value of the bounds, adjusted for the number of questions; a violation if
        it is below 1 - ``confidence``
    :param rows_needed: for an inconclusive check: how many rows of the group a verdict needs with a probability of
        80 %; None if no number of rows would do
    :param worse_off: the group that is worse off: ``value``, that of the mirrored group, or "all others"; None for a
        metric without a direction
    :param mirror_of: of two groups that are compared with each other, the one whose finding answers the same question
        and is counted; None for all other findings
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
    denominator: int | None = None
    p_value: float | None = None
    rows_needed: int | None = None
    worse_off: str | None = None
    mirror_of: str | None = None

    @property
    def shown_outcome(self) -> Outcome:
        """Return the outcome as it is shown: a check that passes for want of rows was not judged, and is no pass."""
        return Outcome.IGNORED if self.outcome is Outcome.PASS and self.reason else self.outcome

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
            "interval": None if self.interval is None else [_number_to_json(end) for end in self.interval],
            "rows": self.rows,
            "denominator": self.denominator,
            "p_value": self.p_value,
            "rows_needed": self.rows_needed,
            "worse_off": self.worse_off,
            "mirror_of": self.mirror_of,
        }
        return document | {key: value for key, value in extras.items() if value is not None}


@dataclass(frozen=True)
class Verdict:
    """The verdict on an analysis.

    :param outcome: pass, violation or inconclusive
    :param findings: one per metric and tested group, the most severe first
    :param reasons: violations of the analysis as a whole, one sentence each
    :param data: the name of the data: a path, a table or a query; empty if it is not known
    :param correction: the correction for many comparisons, "holm", "bonferroni" or "by"; None if there is none
    :param questions: the number of questions that the correction adjusts for, over all groups, facets and analyses of
        the gate
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...] = ()
    data: str = ""
    correction: str | None = None
    questions: int = 0

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASS

    @property
    def violations(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.outcome is Outcome.VIOLATION)

    @property
    def checks(self) -> tuple[Finding, ...]:
        """The findings, without those that answer the question of another one again."""
        return tuple(finding for finding in self.findings if finding.mirror_of is None)

    def count(self, outcome: Outcome) -> int:
        """Count the checks with an outcome; two groups that mirror each other are one check.

        :param outcome: the outcome
        :return: the number of checks
        """
        return sum(finding.outcome is outcome for finding in self.checks)

    @property
    def judged(self) -> int:
        """Number of checks that were judged: neither ignored, nor passed for want of rows."""
        return len(self.checks) - self.count(Outcome.IGNORED) - self.not_judged

    @property
    def not_judged(self) -> int:
        """Number of checks that pass because their group has fewer rows than ``min_rows``."""
        return sum(finding.outcome is Outcome.PASS and bool(finding.reason) for finding in self.checks)

    @property
    def sentence(self) -> str:
        """The verdict as one line of text."""
        # The name of the data comes last, so that the sentence begins with the outcome.
        return self._describe() + (f"; data: {self.data}" if self.data else "")

    def _describe(self) -> str:
        if self.passed and not self.checks:
            return "passed: this is the first run of the history, so there is no baseline to compare it with"
        if self.passed and not self.judged:
            return (
                f"passed: none of {len(self.checks)} checks was judged, as every tested group has fewer "
                "rows than min_rows, which below_min_rows='pass' lets through"
            )
        if self.passed:
            within = self.count(Outcome.PASS) - self.not_judged
            verb = "is within its bounds" if within == 1 else "are within their bounds"
            return f"passed: {within} of {self._name_judged()} {verb}" + self._describe_asides()
        parts = list(self.reasons)
        worst = [f.reason for f in self.checks if f.outcome is self.outcome and f.reason]
        if worst:
            count = self.count(self.outcome)
            verb = "fails" if count == 1 else "fail"
            if self.outcome is not Outcome.VIOLATION:
                verb = "is inconclusive" if count == 1 else "are inconclusive"
            parts.append(f"{count} of {self._name_judged()} {verb}, the worst: {worst[0]}")
        return f"{self.outcome.value}: {'; '.join(parts)}" + self._describe_asides()

    def _name_judged(self) -> str:
        return "1 check" if self.judged == 1 else f"{self.judged} checks"

    def _describe_asides(self) -> str:
        asides = [
            f"{self.count(outcome)} {outcome.value}"
            for outcome in (Outcome.INCONCLUSIVE, Outcome.IGNORED)
            if self.count(outcome) and outcome is not self.outcome
        ]
        if self.not_judged:
            asides.append(f"{self.not_judged} not judged: fewer rows than min_rows")
        if self.correction is not None:
            from airflow_clarify.bias.corrections import CORRECTION_NAMES

            name = CORRECTION_NAMES[self.correction]
            asides.append(f"{self.questions} question{'' if self.questions == 1 else 's'} asked, {name} correction")
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
            "questions": self.judged if self.correction is None else self.questions,
            **({"correction": self.correction} if self.correction else {}),
            "findings": [finding.to_json() for finding in noted[:max_findings]],
            **({"data": self.data} if self.data else {}),
        }


def _number_to_json(number: float | None) -> float | str | None:
    if number is None or math.isfinite(number):
        return number
    return "Infinity" if number > 0 else "-Infinity"


def determine_outcome(findings: Iterable[Finding], reasons: Sequence[str], on_inconclusive: str | None) -> Outcome:
    """Determine the outcome of all checks together.

    :param findings: the checks
    :param reasons: why the analysis as a whole does not pass; empty if nothing is wrong with it
    :param on_inconclusive: whether an inconclusive check fails; "fail", "pass" or None, as of thresholds
    :return: a violation, an inconclusive outcome or a pass
    """
    outcomes = {finding.outcome for finding in findings}
    if reasons or Outcome.VIOLATION in outcomes:
        return Outcome.VIOLATION
    if Outcome.INCONCLUSIVE in outcomes and on_inconclusive == "fail":
        return Outcome.INCONCLUSIVE
    return Outcome.PASS
