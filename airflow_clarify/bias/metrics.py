"""Clarify's eight pre-training bias metrics: counts in, a float out.

Formulas and ranges are those of the Amazon SageMaker Clarify documentation ("Measure Pre-training Bias"); the edge
cases are those of Amazon's open-source package smclarify 0.5, which Clarify's container follows. Facet *d* is the
sensitive group under test, *a* is everybody else, and every metric looks at the label as positive or not positive.

The texts of the errors are part of the file format: they stand in ``analysis.json`` beside a null value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from airflow_clarify.exceptions import MetricError

#: A number of rows, or an exact sum of row weights.
Count = int | Fraction

_NO_COMMON_OUTCOME = "No instance of common facet found, dataset may be too small"


@dataclass(frozen=True)
class FacetCounts:
    """Rows (or summed weights) of one facet value against all other rows.

    :param d_positive: rows of the facet value under test whose label is positive
    :param d_negative: rows of the facet value under test whose label is not positive, or missing
    :param a_positive: all other rows whose label is positive
    :param a_negative: all other rows whose label is not positive, or missing
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
        """The shares (P_a, P_d) of each outcome that occurs on both sides."""
        pairs = ((self.a_positive, self.d_positive), (self.a_negative, self.d_negative))
        return tuple((float(a / self.n_a), float(d / self.n_d)) for a, d in pairs if a and d)


class GroupCounts(NamedTuple):
    """Rows of one group: those of the facet value under test, and all of the group, by label."""

    d_positive: Count
    d_negative: Count
    positive: Count
    negative: Count


def compute_class_imbalance(counts: FacetCounts) -> float:
    """CI = (n_a - n_d) / (n_a + n_d), in [-1, 1].

    :raises MetricError: no row has the facet value, or every row has it
    """
    if not counts.n_a:
        raise MetricError("CI: negated facet set is empty. Check that x[~facet] has non-zero length.")
    if not counts.n_d:
        raise MetricError("CI: facet set is empty. Check that x[facet] has non-zero length.")
    return float((counts.n_a - counts.n_d) / (counts.n_a + counts.n_d))


def compute_difference_in_positive_proportions(counts: FacetCounts) -> float:
    """DPL = q_a - q_d, the difference of the shares of positive labels, in [-1, 1].

    :raises MetricError: no row has the facet value, or every row has it
    """
    if not counts.n_a:
        raise MetricError("Negative facet set is empty.")
    if not counts.n_d:
        raise MetricError("Facet set is empty.")
    return float(counts.a_positive / counts.n_a) - float(counts.d_positive / counts.n_d)


def compute_kullback_leibler(counts: FacetCounts) -> float:
    """KL = sum of P_a ln(P_a / P_d), in nats, in [0, inf); negative at times where an outcome was dropped.

    :raises MetricError: the two sides have no outcome in common
    """
    return sum(p_a * math.log(p_a / p_d) for p_a, p_d in select_common_outcomes(counts))


def compute_jensen_shannon(counts: FacetCounts) -> float:
    """JS = (KL(P_a, M) + KL(P_d, M)) / 2 with M = (P_a + P_d) / 2, in nats, in [0, ln 2].

    :raises MetricError: the two sides have no outcome in common
    """
    triples = [(p_a, p_d, (p_a + p_d) / 2) for p_a, p_d in select_common_outcomes(counts)]
    from_a = sum(p_a * math.log(p_a / mean) for p_a, _, mean in triples)
    from_d = sum(p_d * math.log(p_d / mean) for _, p_d, mean in triples)
    return (from_a + from_d) / 2


def compute_lp_norm(counts: FacetCounts) -> float:
    """LP = L2 norm of P_a - P_d, in [0, sqrt 2].

    :raises MetricError: the two sides have no outcome in common
    """
    return math.sqrt(sum((p_a - p_d) ** 2 for p_a, p_d in select_common_outcomes(counts)))


def compute_total_variation_distance(counts: FacetCounts) -> float:
    """TVD = half the L1 norm of P_a - P_d, in [0, 1].

    :raises MetricError: the two sides have no outcome in common
    """
    return sum(abs(p_a - p_d) for p_a, p_d in select_common_outcomes(counts)) / 2


def compute_kolmogorov_smirnov(counts: FacetCounts) -> float:
    """KS = the largest of |P_a - P_d|, in [0, 1].

    :raises MetricError: the two sides have no outcome in common
    """
    return max(abs(p_a - p_d) for p_a, p_d in select_common_outcomes(counts))


def select_common_outcomes(counts: FacetCounts) -> tuple[tuple[float, float], ...]:
    """The shares (P_a, P_d) of each outcome that occurs on both sides.

    Clarify drops an outcome that is absent from either side and does not rescale what is left, so with one side all
    positive TVD is half of |DPL|. Its numbers are kept, and the analysis warns (see :func:`dropped_outcome`).

    :raises MetricError: no outcome is left
    """
    if not counts.common_shares:
        raise MetricError(_NO_COMMON_OUTCOME)
    return counts.common_shares


def has_dropped_outcome(counts: FacetCounts) -> bool:
    """Whether an outcome occurs on one side only, so that KL, JS, LP and TVD leave it out."""
    pairs = ((counts.a_positive, counts.d_positive), (counts.a_negative, counts.d_negative))
    return bool(counts.n_a and counts.n_d) and any(bool(a) != bool(d) for a, d in pairs)


def compute_conditional_demographic_disparity(
    groups: Iterable[GroupCounts], positive: Count, negative: Count, n: Count
) -> float:
    """CDDL = (1/n) sum over groups g of n_g (n_d,g(0) / n_g(0) - n_d,g(1) / n_g(1)), in [-1, 1].

    Inside a group 0/0 counts as 0.

    :param groups: one entry per distinct value of the group variable; one without the facet value may be left out, as
        it adds nothing
    :param positive: rows with a positive label in the whole data
    :param negative: rows with another label in the whole data
    :param n: rows of all groups
    :raises MetricError: the data hold no positive or no negative label at all
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


@dataclass(frozen=True)
class Metric:
    """A metric as Clarify names it.

    :param name: the short name, as in ``methods`` and ``analysis.json``
    :param description: the text beside it in ``analysis.json`` (with Clarify's spelling)
    :param lowest: the lowest value it can take
    :param highest: the highest value it can take
    :param function: counts in, float out; None for CDDL, which needs the groups as well
    :param question: what it asks, in one plain sentence
    """

    name: str
    description: str
    lowest: float
    highest: float
    function: Callable[[FacetCounts], float] | None
    question: str

    @property
    def needs_groups(self) -> bool:
        return self.function is None


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

#: Every pre-training metric by its short name, in the order in which Clarify writes them.
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}

NO_GROUP_VARIABLE = "Group variable is empty or not provided"
