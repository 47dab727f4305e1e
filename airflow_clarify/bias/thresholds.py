"""Thresholds of metrics, and the verdict on an analysis.

The gate fails closed: a metric that is undefined, or a label with one outcome only, is a violation unless the author
configures otherwise, and a rule for a metric, facet or value that the analysis does not have is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from airflow_clarify.bias.bounds import ALL_OTHERS, Bound, parse_rule
from airflow_clarify.bias.bounds import Bounds as Bounds
from airflow_clarify.bias.bounds import Rule as Rule
from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.bias.verdict import VERDICT_FORMAT as VERDICT_FORMAT
from airflow_clarify.bias.verdict import Finding as Finding
from airflow_clarify.bias.verdict import Outcome as Outcome
from airflow_clarify.bias.verdict import Verdict as Verdict
from airflow_clarify.exceptions import ThresholdError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis


@dataclass(frozen=True)
class Thresholds:
    """Configure the bounds of metrics.

    :param rules: bounds per metric: ``{"DPL": 0.1}`` is ``|DPL| <= 0.1`` for every tested group,
        ``{"DPL": (-0.05, 0.1)}`` a range, ``{"DPL": (None, 0.1)}`` an upper bound, ``{"DPL": {"gender": 0.1}}`` is for
        one facet, ``{"DPL": {"gender": {"F": 0.1, "*": 0.2}}}`` for one value and for all others of the facet. For the
        ratios DI and DIL a single number is a ratio: ``{"DI": 0.8}`` is ``0.8 <= DI <= 1.25``, the four-fifths rule and
        its mirror image. A bound outside the range of its metric is an error, since every value would pass, or none
    :param min_rows: the minimum number of rows of a tested group that the metric is a share of: all its rows for most
        metrics, for RD those with a positive label, for SD those with a negative one, for DAR and DCA those with a
        positive prediction, for DRR and DCR those with a negative one, for TE the false positives. Smaller groups are
        handled by ``below_min_rows``
    :param below_min_rows: "fail" is a violation, "pass" a pass, "ignore" excludes the group from the verdict
    :param confidence: the confidence level, such as 0.95, at which an interval is compared with the bounds: inside
        passes, outside is a violation, across a bound is inconclusive. It is Newcombe's interval for DPL (and for TVD,
        KS and LP if both outcomes occur in both facets), DPPL, RD, SD, DAR, DRR and AD, and Koopman's for the ratios DI
        and DIL. For other metrics the value is compared
    :param on_inconclusive: required with ``confidence``: "fail" or "pass"
    :param undefined: how a null or infinite metric is handled: "fail" (a violation) or "ignore"
    :param correction: with ``confidence``, the correction for the number of questions, over all groups, facets and
        analyses of the gate: "holm" keeps the probability of any false violation at or below 1 - ``confidence``,
        "bonferroni" makes all intervals hold at once, "by" (Benjamini-Yekutieli) keeps the expected share of false
        violations among the violations there. None judges each question as if it were the only one
    :param over_runs: judge on the counts of many runs instead of one: "confidence-sequence" (the probability of ever
        raising a false violation is at most 1 - ``confidence``, or 0.05) or "change" (7,300 nights pass on average
        until a false violation), or a mapping with ``method``, ``alpha`` and ``run_length``. A gate needs ``history``
        for it; a single analysis is a history of one night
    :raises ThresholdError: a parameter is not allowed, or a bound is outside the range of its metric
    """

    rules: Mapping[str, Rule]
    min_rows: int = 0
    below_min_rows: Literal["fail", "pass", "ignore"] = "fail"
    confidence: float | None = None
    on_inconclusive: Literal["fail", "pass"] | None = None
    undefined: Literal["fail", "ignore"] = "fail"
    correction: Literal["holm", "bonferroni", "by"] | None = None
    over_runs: Any = None
    bounds: list[Bound] = field(init=False, repr=False, compare=False, default_factory=list)

    def __post_init__(self) -> None:
        if not isinstance(self.rules, Mapping) or not self.rules:
            raise ThresholdError(f'thresholds: give at least one, such as {{"DPL": 0.1}}, not {self.rules!r}')
        for metric, rule in self.rules.items():
            if metric not in ALL_METRICS:
                raise ThresholdError(f"thresholds: there is no metric {metric!r}; there are {', '.join(ALL_METRICS)}")
            self.bounds.extend(parse_rule(metric, rule))
        _check_choice("below_min_rows", self.below_min_rows, ("fail", "pass", "ignore"))
        _check_choice("undefined", self.undefined, ("fail", "ignore"))
        if isinstance(self.min_rows, bool) or not isinstance(self.min_rows, int) or self.min_rows < 0:
            raise ThresholdError(f"min_rows: a number of rows from 0, not {self.min_rows!r}")
        if self.correction is not None:
            _check_choice("correction", self.correction, ("holm", "bonferroni", "by"))
        if self.over_runs is not None:
            # Imported lazily, since DAG files import this module.
            from airflow_clarify.bias.alarms.config import OverRuns

            if self.correction is not None:
                raise ThresholdError("correction: over_runs corrects for all groups already; leave it out")
            # The dataclass is frozen.
            object.__setattr__(self, "over_runs", OverRuns.coerce(self.over_runs, self.confidence))
            self.over_runs.check_metrics(self.rules)
        if self.confidence is None:
            if self.on_inconclusive is not None:
                raise ThresholdError("on_inconclusive: needs confidence; without it nothing is inconclusive")
            if self.correction is not None:
                raise ThresholdError(
                    f"correction: {self.correction!r} needs confidence, such as 0.95; without it there are no p-values "
                    "to correct"
                )
            return
        if not isinstance(self.confidence, float) or not 0 < self.confidence < 1:
            raise ThresholdError(f"confidence: between 0 and 1, such as 0.95, not {self.confidence!r}")
        if self.on_inconclusive is None:
            raise ThresholdError('on_inconclusive: required with confidence: "fail" or "pass"')
        _check_choice("on_inconclusive", self.on_inconclusive, ("fail", "pass"))

    @property
    def facets(self) -> tuple[str, ...]:
        """The facets that have rules of their own."""
        return tuple(dict.fromkeys(bound.facet for bound in self.bounds if bound.facet != ALL_OTHERS))

    def judge(self, analysis: Analysis) -> Verdict:
        """Compare the metrics of an analysis with their bounds.

        :param analysis: the analysis
        :return: the verdict
        :raises ThresholdError: a rule is for a metric, facet or value that the analysis does not have
        :raises UnfitDataError: ``min_rows`` or ``confidence`` is set and the analysis has no counts, or it has no
            tested group
        """
        return self.judge_all([analysis])[0]

    def judge_all(self, analyses: Sequence[Analysis]) -> list[Verdict]:
        """Compare the metrics of several analyses with their bounds, as one gate.

        :param analyses: the analyses
        :return: one verdict for each; ``correction`` counts the questions of all of them
        :raises ThresholdError: a rule is for a metric, facet or value that an analysis does not have
        :raises UnfitDataError: ``min_rows`` or ``confidence`` is set and an analysis has no counts, or it has no
            tested group
        """
        # Imported lazily, since DAG files import this module and only a judging task judges.
        from airflow_clarify.bias.analysis import Analysis
        from airflow_clarify.bias.judging import judge_all

        for analysis in analyses:
            if not isinstance(analysis, Analysis):
                raise ThresholdError(f"judge: an Analysis is needed, not {type(analysis).__name__}")
        if self.over_runs is not None:
            return [self.judge_over_runs([analysis]) for analysis in analyses]
        return judge_all(self, analyses)

    def judge_over_runs(self, analyses: Sequence[Analysis | None]) -> Verdict:
        """Judge the last of several nights on the counts of all of them.

        :param analyses: the analyses in order of time; None for a night that cannot be judged
        :return: the verdict on the last night
        :raises ThresholdError: ``over_runs`` is not set, or a rule does not fit the analyses
        :raises UnfitDataError: the last night has no analysis, or an analysis has no counts
        """
        from airflow_clarify.bias.alarms.over_runs import judge_over_runs

        if self.over_runs is None:
            raise ThresholdError("over_runs: not set; give 'confidence-sequence' or 'change'")
        judged = judge_over_runs(analyses, replace(self, over_runs=None), self.over_runs)
        if not judged or judged[-1] is None:
            raise UnfitDataError("over_runs: the last night has no analysis, so there is nothing to judge")
        return judged[-1]

    def get_bounds(self, metric: str, facet: str, value: str) -> tuple[float | None, float | None] | None:
        """Return the bounds for a metric of a tested group.

        :param metric: the short name of the metric
        :param facet: the facet column
        :param value: the tested group
        :return: lower and upper bound; None if no rule applies
        """
        bound = self.find_bound(metric, facet, value)
        return None if bound is None else (bound.low, bound.high)

    def find_bound(self, metric: str, facet: str, value: str) -> Bound | None:
        """Return the most specific rule for a metric of a tested group.

        :param metric: the short name of the metric
        :param facet: the facet column
        :param value: the tested group
        :return: its bounds; None if no rule applies
        """
        for wanted in ((facet, value), (facet, ALL_OTHERS), (ALL_OTHERS, ALL_OTHERS)):
            for bound in self.bounds:
                if bound.metric == metric and (bound.facet, bound.value) == wanted:
                    return bound
        return None


def _check_choice(key: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ThresholdError(f"{key}: one of {', '.join(repr(a) for a in allowed)}, not {value!r}")
