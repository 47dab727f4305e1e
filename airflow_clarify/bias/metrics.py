"""Clarify's eight pre-training bias metrics, and one of our own, as functions of counts.

Formulas and ranges are those of the Amazon SageMaker Clarify documentation ("Measure Pre-training Bias"); the edge
cases are those of Amazon's open-source package smclarify 0.5, which Clarify's container implements. Facet *d* is the
tested sensitive group, facet *a* contains all other rows, and the label is binary: positive or not positive.

The error messages are part of the file format: ``analysis.json`` contains them next to a null value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal, NamedTuple

from airflow_clarify.exceptions import MetricError

#: A number of rows, or an exact sum of row weights.
Count = int | Fraction
#: Before training, metrics compare labels; after training, predictions, alone or with the labels.
Stage = Literal["pre_training", "post_training"]

_NO_COMMON_OUTCOME = "No instance of common facet found, dataset may be too small"


@dataclass(frozen=True)
class FacetCounts:
    """Row counts (or sums of weights) of the facets d and a, by label.

    :param d_positive: rows of the tested facet value with a positive label
    :param d_negative: rows of the tested facet value with a negative or missing label
    :param a_positive: all other rows with a positive label
    :param a_negative: all other rows with a negative or missing label
    """

    d_positive: Count
    d_negative: Count
    a_positive: Count
    a_negative: Count

    @cached_property
    def n_d(self) -> Count:
        return self.d_positive + self.d_negative

    @cached_property
    def n_a(self) -> Count:
        return self.a_positive + self.a_negative

    @property
    def positive(self) -> Count:
        return self.d_positive + self.a_positive

    @property
    def negative(self) -> Count:
        return self.d_negative + self.a_negative

    @cached_property
    def common_shares(self) -> tuple[tuple[float, float], ...]:
        """The shares (P_a, P_d) of each outcome that occurs in both facets."""
        pairs = ((self.a_positive, self.d_positive), (self.a_negative, self.d_negative))
        return tuple((float(a / self.n_a), float(d / self.n_d)) for a, d in pairs if a and d)


class GroupCounts(NamedTuple):
    """Row counts of one group of CDDL, by label.

    :param d_positive: rows of the tested facet value with a positive label
    :param d_negative: rows of the tested facet value with a negative or missing label
    :param positive: all rows of the group with a positive label
    :param negative: all rows of the group with a negative or missing label
    """

    d_positive: Count
    d_negative: Count
    positive: Count
    negative: Count


def compute_class_imbalance(counts: FacetCounts) -> float:
    """Compute class imbalance, CI = (n_a - n_d) / (n_a + n_d).

    :param counts: the counts of both facets
    :return: CI, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    if not counts.n_a:
        raise MetricError("CI: negated facet set is empty. Check that x[~facet] has non-zero length.")
    if not counts.n_d:
        raise MetricError("CI: facet set is empty. Check that x[facet] has non-zero length.")
    return float((counts.n_a - counts.n_d) / (counts.n_a + counts.n_d))


def compute_difference_in_positive_proportions(counts: FacetCounts) -> float:
    """Compute the difference in positive proportions in labels, DPL = q_a - q_d.

    :param counts: the counts of both facets
    :return: DPL, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    if not counts.n_a:
        raise MetricError("Negative facet set is empty.")
    if not counts.n_d:
        raise MetricError("Facet set is empty.")
    return float(counts.a_positive / counts.n_a) - float(counts.d_positive / counts.n_d)


def compute_kullback_leibler(counts: FacetCounts) -> float:
    """Compute the Kullback-Leibler divergence, KL = sum of P_a ln(P_a / P_d).

    :param counts: the counts of both facets
    :return: KL in nats, in [0, inf); it can be negative where an outcome was dropped
    :raises MetricError: the two facets have no outcome in common
    """
    return sum(p_a * math.log(p_a / p_d) for p_a, p_d in select_common_outcomes(counts))


def compute_jensen_shannon(counts: FacetCounts) -> float:
    """Compute the Jensen-Shannon divergence, JS = (KL(P_a, M) + KL(P_d, M)) / 2.

    M is the mean of both distributions, (P_a + P_d) / 2.

    :param counts: the counts of both facets
    :return: JS in nats, in [0, ln 2]
    :raises MetricError: the two facets have no outcome in common
    """
    triples = [(p_a, p_d, (p_a + p_d) / 2) for p_a, p_d in select_common_outcomes(counts)]
    from_a = sum(p_a * math.log(p_a / mean) for p_a, _, mean in triples)
    from_d = sum(p_d * math.log(p_d / mean) for _, p_d, mean in triples)
    return (from_a + from_d) / 2


def compute_lp_norm(counts: FacetCounts) -> float:
    """Compute the Lp norm with p = 2, LP = |P_a - P_d|_2.

    :param counts: the counts of both facets
    :return: LP, in [0, sqrt 2]
    :raises MetricError: the two facets have no outcome in common
    """
    return math.sqrt(sum((p_a - p_d) ** 2 for p_a, p_d in select_common_outcomes(counts)))


def compute_total_variation_distance(counts: FacetCounts) -> float:
    """Compute the total variation distance, TVD = |P_a - P_d|_1 / 2.

    :param counts: the counts of both facets
    :return: TVD, in [0, 1]
    :raises MetricError: the two facets have no outcome in common
    """
    return sum(abs(p_a - p_d) for p_a, p_d in select_common_outcomes(counts)) / 2


def compute_kolmogorov_smirnov(counts: FacetCounts) -> float:
    """Compute the Kolmogorov-Smirnov distance, KS = max |P_a - P_d|.

    :param counts: the counts of both facets
    :return: KS, in [0, 1]
    :raises MetricError: the two facets have no outcome in common
    """
    return max(abs(p_a - p_d) for p_a, p_d in select_common_outcomes(counts))


def select_common_outcomes(counts: FacetCounts) -> tuple[tuple[float, float], ...]:
    """Return the shares (P_a, P_d) of each outcome that occurs in both facets.

    Clarify drops an outcome that is absent from one facet and does not normalize the remaining shares: where all labels
    of one facet are positive, TVD is half of |DPL|. This is reproduced, and the analysis has a warning about it (see
    :func:`has_dropped_outcome`).

    :param counts: the counts of both facets
    :return: one pair of shares per common outcome
    :raises MetricError: the two facets have no outcome in common
    """
    if not counts.common_shares:
        raise MetricError(_NO_COMMON_OUTCOME)
    return counts.common_shares


def has_dropped_outcome(counts: FacetCounts) -> bool:
    """Return whether an outcome occurs in one facet only.

    KL, JS, LP and TVD drop such an outcome.

    :param counts: the counts of both facets
    :return: False where one of the facets is empty
    """
    pairs = ((counts.a_positive, counts.d_positive), (counts.a_negative, counts.d_negative))
    return bool(counts.n_a and counts.n_d) and any(bool(a) != bool(d) for a, d in pairs)


def compute_conditional_demographic_disparity(
    groups: Iterable[GroupCounts], positive: Count, negative: Count, n: Count
) -> float:
    """Compute conditional demographic disparity in labels (CDDL).

    CDDL = (1/n) sum over groups g of n_g (n_d,g(0) / n_g(0) - n_d,g(1) / n_g(1)), where 0/0 is 0.

    :param groups: one entry per distinct value of the group variable; groups without rows of facet d may be omitted, as
        their term is 0
    :param positive: number of rows with a positive label in the whole dataset
    :param negative: number of rows with a negative or missing label in the whole dataset
    :param n: number of rows of all groups
    :return: CDDL, in [-1, 1]
    :raises MetricError: the dataset has no positive label, or no negative label
    """
    if not positive:
        raise MetricError("No positive labels in set")
    if not negative:
        raise MetricError("No negative labels in set")
    weighted = []
    for group in groups:
        rejected = float(group.d_negative / group.negative) if group.negative else 0.0
        accepted = float(group.d_positive / group.positive) if group.positive else 0.0
        weighted.append(float(group.positive + group.negative) * (rejected - accepted))
    return math.fsum(weighted) / float(n) if n else 0.0


def compute_disparate_impact_in_labels(counts: FacetCounts) -> float:
    """Compute disparate impact in labels, DIL = q_d / q_a: the ratio of the positive proportions.

    The four-fifths rule of the U.S. Uniform Guidelines on Employee Selection Procedures (29 CFR 1607.4 D, 1978) takes a
    ratio below 0.8 as evidence of adverse impact. Clarify has this ratio for predictions only, as DI.

    :param counts: the counts of both facets
    :return: DIL, in [0, inf]; 1 is parity, and 0 if no label is positive, as DI in Clarify
    :raises MetricError: no row has the facet value, or every row has it
    """
    if not counts.n_a:
        raise MetricError("Negated facet set is empty")
    if not counts.n_d:
        raise MetricError("Facet set is empty")
    return divide(float(counts.d_positive / counts.n_d), float(counts.a_positive / counts.n_a))


def divide(numerator: Count | float, denominator: Count | float) -> float:
    """Divide two numbers that are not negative as Clarify does: 0/0 is 0, and x/0 is infinite.

    :param numerator: a count, or a sum of weights
    :param denominator: a count, or a sum of weights
    :return: the quotient as a float
    """
    if denominator:
        return float(numerator / denominator)
    return math.inf if numerator else 0.0


@dataclass(frozen=True)
class Metric:
    """A bias metric with Clarify's name and description.

    :param name: the short name, as in ``methods`` and ``analysis.json``; unique over both stages
    :param description: its description in ``analysis.json``, in Clarify's spelling
    :param lowest: its lowest possible value
    :param highest: its highest possible value
    :param function: computes the metric: before training from the :class:`FacetCounts`, after training from the
        :class:`~airflow_clarify.bias.post_training.Confusion` of d and that of a. None for CDDL and CDDPL, which need
        the group counts, and for FT, which needs rows
    :param question: the question that the metric answers, in one sentence
    :param stage: "pre_training" or "post_training"
    :param parity: its value if both facets are treated equally: 1 for a ratio, otherwise 0
    """

    name: str
    description: str
    lowest: float
    highest: float
    function: Callable[..., float] | None
    question: str
    stage: Stage = "pre_training"
    parity: float = 0.0

    @property
    def needs_groups(self) -> bool:
        return self.name in ("CDDL", "CDDPL")

    @property
    def needs_rows(self) -> bool:
        return self.function is None and not self.needs_groups

    @property
    def is_ratio(self) -> bool:
        return self.parity == 1.0

    @property
    def is_clarifys(self) -> bool:
        """Return whether Clarify has the metric, so that it can be part of ``analysis.json``."""
        return self.name not in OWN_METRICS


_METRICS = (
    Metric(
        "CDDL",
        "Conditional Demographic Disparity in Labels (CDDL)",
        -1.0,
        1.0,
        None,
        "Within comparable groups, does this facet value take a larger share of the rejected than of the accepted?",
    ),
    Metric(
        "CI",
        "Class Imbalance (CI)",
        -1.0,
        1.0,
        compute_class_imbalance,
        "Does this facet value have far fewer rows than all others together?",
    ),
    Metric(
        "DPL",
        "Difference in Positive Proportions in Labels (DPL)",
        -1.0,
        1.0,
        compute_difference_in_positive_proportions,
        "Do all others get positive labels more often than this facet value?",
    ),
    Metric(
        "JS",
        "Jensen-Shannon Divergence (JS)",
        0.0,
        math.log(2),
        compute_jensen_shannon,
        "How far are both label distributions from their mean?",
    ),
    Metric(
        "KL",
        "Kullback-Liebler Divergence (KL)",
        0.0,
        math.inf,
        compute_kullback_leibler,
        "How far does the label distribution of this facet value diverge from that of all others?",
    ),
    Metric(
        "KS",
        "Kolmogorov-Smirnov Distance (KS)",
        0.0,
        1.0,
        compute_kolmogorov_smirnov,
        "What is the largest gap between the two label distributions?",
    ),
    Metric(
        "LP",
        "L-p Norm (LP)",
        0.0,
        math.sqrt(2),
        compute_lp_norm,
        "What is the straight-line distance between the two label distributions?",
    ),
    Metric(
        "TVD",
        "Total Variation Distance (TVD)",
        0.0,
        1.0,
        compute_total_variation_distance,
        "What share of labels would have to change for the two distributions to agree?",
    ),
)

#: All pre-training bias metrics by short name, in the order in which Clarify writes them.
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}

#: Metrics of our own, computed from the same counts; not part of ``analysis.json`` and not named in ``methods``.
OWN_METRICS: Mapping[str, Metric] = {
    "DIL": Metric(
        "DIL",
        "Disparate Impact in Labels (DIL)",
        0.0,
        math.inf,
        compute_disparate_impact_in_labels,
        "What is the ratio of this facet value's rate of positive labels to that of all others?",
        parity=1.0,
    )
}

NO_GROUP_VARIABLE = "Group variable is empty or not provided"
