"""Apply rules to the past: which nights would they have stopped?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_clarify.exceptions import ClarifyError, ThresholdError
from airflow_clarify.history.nights import Night
from airflow_clarify.history.record import NOT_JUDGED, name_outcome

if TYPE_CHECKING:
    from airflow_clarify.bias.alarms.config import OverRuns
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Thresholds, Verdict


@dataclass(frozen=True)
class JudgedNight:
    """The outcome of a night under some rules.

    :param period: the night
    :param outcome: "pass", "violation", "inconclusive" or "not judged"
    :param sentence: the verdict, or why there is none
    :param run_id: the run; empty for a missing night
    :param verdict: the verdict; None if the night could not be judged
    """

    period: str
    outcome: str
    sentence: str
    run_id: str = ""
    verdict: Verdict | None = None

    def to_json(self) -> dict[str, Any]:
        """Serialize the outcome.

        :return: period, outcome, sentence and run, and the worst finding with its value
        """
        document: dict[str, Any] = {"period": self.period, "outcome": self.outcome, "sentence": self.sentence}
        if self.run_id:
            document["run_id"] = self.run_id
        if self.verdict is not None and self.verdict.findings:
            document["worst"] = self.verdict.findings[0].to_json()
        return document


def backtest(nights: Sequence[Night], thresholds: Thresholds, over_runs: OverRuns | None = None) -> list[JudgedNight]:
    """Judge the nights of a history.

    :param nights: the nights, in order of time
    :param thresholds: the bounds
    :param over_runs: judge on the evidence of all nights up to each; None judges each night alone
    :return: one outcome for each night
    :raises ThresholdError: the rules fit none of the nights
    """
    judged: list[tuple[Analysis | None, Verdict | None, str]] = [_judge_alone(night, thresholds) for night in nights]
    errors = [
        why for (analysis, _, why), night in zip(judged, nights, strict=True) if analysis is None and not night.problem
    ]
    if errors and all(analysis is None for analysis, _, _ in judged):
        raise ThresholdError(errors[-1])
    if over_runs is not None:
        from airflow_clarify.bias.alarms.over_runs import judge_over_runs

        verdicts = judge_over_runs([analysis for analysis, _, _ in judged], thresholds, over_runs)
        judged = [(analysis, verdict, why) for (analysis, _, why), verdict in zip(judged, verdicts, strict=True)]
    return [_describe(night, verdict, why) for night, (_, verdict, why) in zip(nights, judged, strict=True)]


def _judge_alone(night: Night, thresholds: Thresholds) -> tuple[Analysis | None, Verdict | None, str]:
    if night.record is None:
        return None, None, night.problem
    try:
        analysis = night.record.analysis
        return analysis, thresholds.judge(analysis), ""
    except ClarifyError as error:
        return None, None, str(error)


def _describe(night: Night, verdict: Verdict | None, why: str) -> JudgedNight:
    run_id = night.run_id if night.record is None else night.record.run_id
    if verdict is None:
        return JudgedNight(night.period, NOT_JUDGED, why, run_id)
    return JudgedNight(night.period, name_outcome(verdict), verdict.sentence, run_id, verdict)
