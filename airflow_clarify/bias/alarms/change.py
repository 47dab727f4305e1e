"""Change detection: whether the value has been outside its bounds since some unknown night.

A confidence sequence weighs all nights since the baseline, so months of good nights drown a new problem. A
Shiryaev-Roberts e-detector adds up the evidence since each possible night of a change:

    M_t = (M_{t-1} + 1) * e_t,    M_0 = 0

averaged over the alternatives. While the true value is within its bounds on every night, ``M_t - t`` is a
supermartingale. Statements, for an alarm at ``M_t >= c``:

- the average number of nights until a false alarm is at least ``c`` (J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a
  nonparametric framework for sequential change detection", New England Journal of Statistics in Data Science 2 (2023),
  arXiv:2203.03532, Theorem 2.4; mixtures of e-detectors are e-detectors, section 4.2);
- the probability of a false alarm within any ``T`` nights after the start is at most ``T / c`` (Doob's inequality for
  the supermartingale ``M_t + T - t``): with the default of 7,300 nights, at most 5 % in a year of nights.

For several groups and two bounds, each has the threshold ``c`` divided by its share, so that the average of all
detectors, which is an e-detector, reaches ``c`` whenever one of them raises an alarm.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow_clarify.bias.alarms.evidence import NightCounts, compute_evidence
from airflow_clarify.bias.alarms.sequence import Kind, build_lower_hypothesis, build_upper_hypothesis

if TYPE_CHECKING:
    from airflow_clarify.bias.alarms.evidence import Array, Evidence

#: Default of the average number of nights between false alarms: at most 5 % in 365 nights.
DEFAULT_RUN_LENGTH = 7300
#: Evidence beyond this multiple of the threshold is not kept, so that an alarm ends soon after its cause.
_CAP = 20.0


def compute_detector(
    counts: NightCounts, kind: Kind, low: float | None, high: float | None, log_threshold: float
) -> Array:
    """Compute the detector of a value outside its bounds, night by night.

    :param counts: the counts since the baseline, in order of time
    :param kind: difference or ratio
    :param low: the lower bound; None if there is none
    :param high: the upper bound; None if there is none
    :param log_threshold: the logarithm of the threshold for an alarm, which limits the evidence that is kept
    :return: the logarithm of the larger detector of both bounds, shape (..., nights)
    """
    import numpy as np

    hypotheses = [] if high is None else [build_upper_hypothesis(kind, high)]
    hypotheses += [] if low is None else [build_lower_hypothesis(kind, low)]
    detectors = [
        accumulate_since_change(compute_evidence(counts, hypothesis), log_threshold) for hypothesis in hypotheses
    ]
    larger: Array = np.maximum.reduce(detectors)
    return larger


def accumulate_since_change(evidence: Evidence, log_threshold: float) -> Array:
    """Add up the evidence since each possible night of a change, and average it over the alternatives.

    :param evidence: the evidence of each night
    :param log_threshold: the logarithm of the threshold for an alarm, which limits the evidence that is kept
    :return: the logarithm of the detector, shape (..., nights)
    """
    import numpy as np

    log_ratios = evidence.log_ratios
    cap = log_threshold + math.log(_CAP)
    state = np.full((*log_ratios.shape[:-2], log_ratios.shape[-1]), -np.inf)
    detector = np.empty(log_ratios.shape[:-1])
    for night in range(log_ratios.shape[-2]):
        # A smaller detector keeps its guarantee, so each part may be capped.
        state = np.minimum(np.logaddexp(state, 0.0) + log_ratios[..., night, :], cap)
        detector[..., night] = np.logaddexp.reduce(state + evidence.log_weights, axis=-1)
    return detector
