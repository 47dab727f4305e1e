"""The extremes of a metric over the groups of a facet, which suffice to judge all of them against any bounds.

A gate that judges each group alone stops if an interval lies outside the bounds, and passes if all intervals lie
inside. Both depend on the extreme ends of the intervals only, so four numbers for each run replace those of all groups.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_clarify.bias.bounds import Bound
from airflow_clarify.bias.judging import decide, draft_all, list_reasons
from airflow_clarify.bias.verdict import SEVERITY, Outcome

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Thresholds


@dataclass(frozen=True)
class Extremes:
    """The extremes of a metric over the groups of one facet.

    Where values are compared with bounds instead of intervals, both ends of an interval are the value.

    :param low: the smallest and the largest lower end; None if no group is compared with bounds
    :param high: the smallest and the largest upper end
    :param decided: the worst outcome of the groups that are not compared with bounds, such as those with an undefined
        metric; None if there is none
    """

    low: tuple[float, float] | None
    high: tuple[float, float] | None
    decided: Outcome | None = None

    def judge(self, bound: Bound) -> Outcome | None:
        """Judge all groups against the same bounds, each group alone.

        :param bound: the bounds
        :return: the worst outcome; None if no group was judged
        """
        outcomes = [self.decided]
        if self.low is not None and self.high is not None:
            if bound.is_below(self.high[0]) or bound.is_above(self.low[1]):
                outcomes.append(Outcome.VIOLATION)
            elif bound.contains(self.low[0]) and bound.contains(self.high[1]):
                outcomes.append(Outcome.PASS)
            else:
                outcomes.append(Outcome.INCONCLUSIVE)
        judged = [outcome for outcome in outcomes if outcome is not None and outcome is not Outcome.IGNORED]
        return min(judged, key=SEVERITY.index) if judged else None


def judge_with_extremes(
    rules: Thresholds, analysis: Analysis, hidden: Set[tuple[str, str]] = frozenset()
) -> tuple[dict[tuple[str, str, str], Outcome], dict[tuple[str, str], Extremes]]:
    """Judge an analysis, and find the extremes of each judged metric by the same rules.

    The rules are intervals, ``min_rows`` and ``undefined``. Of the corrections, Bonferroni's is included in the
    intervals; the others depend on the bounds of all groups, so the extremes are without them.

    :param rules: the thresholds
    :param analysis: the analysis
    :param hidden: facets and values of groups that the extremes leave out
    :return: the outcomes by metric, facet and group, and the extremes by metric and facet
    :raises ThresholdError: as for :meth:`~airflow_clarify.Thresholds.judge`
    :raises UnfitDataError: as for :meth:`~airflow_clarify.Thresholds.judge`
    """
    (checks,), questions = draft_all(rules, [analysis])
    outcomes: dict[tuple[str, str, str], Outcome] = {}
    intervals: dict[tuple[str, str], list[tuple[float, float]]] = {}
    decided: dict[tuple[str, str], list[Outcome]] = {}
    fails = {metric for metric in rules.rules if list_reasons(analysis, [metric])}
    for check in checks:
        outcome, interval = decide(rules, check, questions)
        place = check.metric.name, check.facet
        outcomes[check.metric.name, check.facet, check.value] = outcome
        decided.setdefault(place, [Outcome.VIOLATION] if check.metric.name in fails else [])
        if (check.facet, check.value) in hidden:
            continue
        if check.decided is not None:
            decided[place].append(outcome)
        else:
            intervals.setdefault(place, []).append(interval or (check.measured, check.measured))
    return outcomes, {place: _summarize(intervals.get(place, ()), each) for place, each in decided.items()}


def _summarize(intervals: Sequence[tuple[float, float]], decided: Sequence[Outcome]) -> Extremes:
    worst = min(decided, key=SEVERITY.index, default=None)
    if not intervals:
        return Extremes(None, None, worst)
    lows, highs = zip(*intervals, strict=True)
    return Extremes((min(lows), max(lows)), (min(highs), max(highs)), worst)
