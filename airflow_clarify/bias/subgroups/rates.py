"""The metrics that a search can rank subgroups by: differences of two proportions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_clarify.exceptions import ConfigError

#: The outcomes of a row, in the order in which combinations are counted: without predictions, and with them.
LABEL_OUTCOMES = ("negative", "positive")
CONFUSION_OUTCOMES = ("tn", "fp", "fn", "tp")


@dataclass(frozen=True)
class RateMetric:
    """A metric that is the difference of a rate between the rest and a group.

    :param name: the short name, as Clarify writes it
    :param sign: 1 for rest minus group (Clarify's q_a - q_d), -1 for group minus rest
    :param trials: the outcomes in the denominator of the rate
    :param successes: the outcomes in its numerator
    :param rate: the name of the rate in a sentence, such as "recall"
    :param needs_predictions: whether the rate depends on predictions
    """

    name: str
    sign: int
    trials: frozenset[str]
    successes: frozenset[str]
    rate: str
    needs_predictions: bool = True

    def weigh_outcomes(self, outcomes: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """Return 0 or 1 for each outcome: whether it counts as a trial, and whether as a success.

        :param outcomes: :data:`LABEL_OUTCOMES` or :data:`CONFUSION_OUTCOMES`
        :return: one list for trials and one for successes
        """
        trials, successes = self.trials, self.successes
        if outcomes == LABEL_OUTCOMES:
            trials, successes = frozenset(LABEL_OUTCOMES), frozenset({"positive"})
        return [int(outcome in trials) for outcome in outcomes], [int(outcome in successes) for outcome in outcomes]


def _build(name: str, sign: int, trials: str, successes: str, rate: str, *, predictions: bool = True) -> RateMetric:
    return RateMetric(name, sign, frozenset(trials.split()), frozenset(successes.split()), rate, predictions)


#: Amazon SageMaker Clarify's differences of proportions, by short name ("Measure Pre-training Bias" and "Measure
#: Post-training Data and Model Bias" of its documentation). Its other metrics are ratios, distances that are functions
#: of DPL, or need more than two proportions.
RATE_METRICS: Mapping[str, RateMetric] = {
    metric.name: metric
    for metric in (
        _build("AD", 1, "tn fp fn tp", "tn tp", "accuracy"),
        _build("DAR", 1, "fp tp", "tp", "share of correct acceptances (precision)"),
        _build("DPL", 1, "tn fp fn tp", "fn tp", "share of positive labels", predictions=False),
        _build("DPPL", 1, "tn fp fn tp", "fp tp", "share of positive predictions"),
        _build("DRR", -1, "tn fn", "tn", "share of correct rejections"),
        _build("RD", 1, "fn tp", "tp", "recall"),
        _build("SD", -1, "tn fp", "tn", "specificity"),
    )
}


def get_rate_metric(name: object) -> RateMetric:
    """Return a metric by its short name.

    :param name: the short name
    :return: the metric
    :raises ConfigError: there is no such metric, or it is not a difference of two proportions
    """
    if isinstance(name, str) and name in RATE_METRICS:
        return RATE_METRICS[name]
    raise ConfigError(
        f"metric: {name!r} is not a difference of two proportions, by which subgroups are ranked; choose one of "
        f"{', '.join(RATE_METRICS)}"
    )
