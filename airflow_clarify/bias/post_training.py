"""Clarify's thirteen post-training bias metrics as functions of confusion matrices.

Formulas and ranges are those of the Amazon SageMaker Clarify documentation ("Measure Post-training Data and Model
Bias"); the edge cases and the error messages, which are part of ``analysis.json``, are those of Amazon's open-source
package smclarify 0.5. Facet *d* is the tested sensitive group, facet *a* contains all other rows. A label or a
prediction is positive if it is one of the configured label values, and otherwise, also if it is missing, negative.

Where a difference is that of two infinite ratios, Clarify writes 0: as an integer for most metrics, as a float for AD
and TE. ``analysis.json`` has to be the same, so these functions return the same type of zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from airflow_clarify.bias.metrics import (
    METRICS,
    OWN_METRICS,
    Count,
    Metric,
    divide,
)
from airflow_clarify.exceptions import MetricError

#: Why FT has no value where an engine delivers counts only.
FLIP_TEST_NEEDS_ROWS = (
    "FT compares single rows, and this engine delivers counts only; measure with DuckDBEngine, or leave FT out of the "
    "methods"
)
#: Metrics whose denominators include the number of predicted positives of a facet.
RATIOS_OF_PREDICTED_POSITIVES = frozenset({"DAR", "DCA", "DI", "TE"})
#: Metrics of the predictions alone; all others compare predictions with labels.
METRICS_OF_PREDICTIONS = frozenset({"CDDPL", "DI", "DPPL", "FT"})


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of one facet, in rows or in exact sums of weights.

    :param tp: rows with a positive label and a positive prediction
    :param fp: rows with a negative label and a positive prediction
    :param fn: rows with a positive label and a negative prediction
    :param tn: rows with a negative label and a negative prediction
    """

    tp: Count
    fp: Count
    fn: Count
    tn: Count

    @cached_property
    def n(self) -> Count:
        return self.tp + self.fp + self.fn + self.tn

    @property
    def positive(self) -> Count:
        """Rows with a positive label."""
        return self.tp + self.fn

    @property
    def negative(self) -> Count:
        """Rows with a negative label."""
        return self.fp + self.tn

    @property
    def predicted_positive(self) -> Count:
        return self.tp + self.fp

    @property
    def predicted_negative(self) -> Count:
        return self.fn + self.tn

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)


def compute_difference_in_predicted_proportions(d: Confusion, a: Confusion) -> float:
    """Compute the difference in positive proportions in predicted labels, DPPL = q'_a - q'_d.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: DPPL, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    if not a.n:
        raise MetricError("Negative facet set is empty.")
    if not d.n:
        raise MetricError("Facet set is empty.")
    return divide(a.predicted_positive, a.n) - divide(d.predicted_positive, d.n)


def compute_disparate_impact(d: Confusion, a: Confusion) -> float:
    """Compute disparate impact, DI = q'_d / q'_a: the ratio of the proportions of positive predictions.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: DI, in [0, inf]; 1 is parity, and 0 if no row is predicted positive
    :raises MetricError: no row has the facet value, or every row has it
    """
    if not a.n:
        raise MetricError("Negated facet set is empty")
    if not d.n:
        raise MetricError("Facet set is empty")
    return divide(divide(d.predicted_positive, d.n), divide(a.predicted_positive, a.n))


def compute_accuracy_difference(d: Confusion, a: Confusion) -> float:
    """Compute the accuracy difference, AD = (TP_a + TN_a) / n_a - (TP_d + TN_d) / n_d.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: AD, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a)
    return divide(a.tp + a.tn, a.n) - divide(d.tp + d.tn, d.n)


def compute_difference_in_conditional_acceptance(d: Confusion, a: Confusion) -> float:
    """Compute the difference in conditional acceptance, DCA = c_a - c_d.

    c is the number of positive labels divided by the number of positive predictions.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: DCA, in [-inf, inf]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a, "DCO: ")
    return _subtract(divide(a.positive, a.predicted_positive), divide(d.positive, d.predicted_positive))


def compute_difference_in_conditional_rejection(d: Confusion, a: Confusion) -> float:
    """Compute the difference in conditional rejection, DCR = r_d - r_a.

    r is the number of negative labels divided by the number of negative predictions.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: DCR, in [-inf, inf]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a, "DCO: ")
    return _subtract(divide(d.negative, d.predicted_negative), divide(a.negative, a.predicted_negative))


def compute_difference_in_acceptance_rates(d: Confusion, a: Confusion) -> float:
    """Compute the difference in acceptance rates, DAR = TP_a / (TP_a + FP_a) - TP_d / (TP_d + FP_d).

    An acceptance rate is the precision of the positive predictions.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: DAR, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a, "DLR: ")
    return divide(a.tp, a.predicted_positive) - divide(d.tp, d.predicted_positive)


def compute_difference_in_rejection_rates(d: Confusion, a: Confusion) -> float:
    """Compute the difference in rejection rates, DRR = TN_d / (TN_d + FN_d) - TN_a / (TN_a + FN_a).

    A rejection rate is the precision of the negative predictions.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: DRR, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a, "DLR: ")
    return divide(d.tn, d.predicted_negative) - divide(a.tn, a.predicted_negative)


def compute_recall_difference(d: Confusion, a: Confusion) -> float:
    """Compute the recall difference, RD = TP_a / (TP_a + FN_a) - TP_d / (TP_d + FN_d).

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: RD, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a, "DLA: ")
    return divide(a.tp, a.positive) - divide(d.tp, d.positive)


def compute_specificity_difference(d: Confusion, a: Confusion) -> float:
    """Compute the specificity difference, SD = TN_d / (TN_d + FP_d) - TN_a / (TN_a + FP_a).

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: SD, in [-1, 1]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a, "DLA: ")
    return divide(d.tn, d.negative) - divide(a.tn, a.negative)


def compute_treatment_equality(d: Confusion, a: Confusion) -> float:
    """Compute treatment equality, TE = FN_d / FP_d - FN_a / FP_a.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: TE, in [-inf, inf]
    :raises MetricError: no row has the facet value, or every row has it
    """
    _check_facets(d, a)
    return float(_subtract(divide(d.fn, d.fp), divide(a.fn, a.fp)))


def compute_generalized_entropy(d: Confusion, a: Confusion) -> float:
    """Compute the generalized entropy index with alpha = 2, over the rows of both facets.

    The benefit of a row is prediction - label + 1: 2 for a false positive, 0 for a false negative, otherwise 1. So
    GE = (n (n + 3 FP - FN) / (n + FP - FN)^2 - 1) / 2, the same number for every facet value. T. Speicher et al., "A
    unified approach to quantifying algorithmic unfairness", KDD 2018.

    :param d: the confusion matrix of the tested facet value
    :param a: the confusion matrix of all other rows
    :return: GE, in [0, inf)
    :raises MetricError: there are no rows, or every prediction is a false negative
    """
    both = d + a
    if not both.n:
        raise MetricError("dataset must be non-empty")
    benefit = both.n + both.fp - both.fn
    if not benefit:
        raise MetricError(
            "All predicted labels are false negatives. "
            "There should be at least one prediction that is not false negative."
        )
    # The difference of the two terms is formed exactly, since it can be small beside either of them.
    squares = both.n * (both.n + 3 * both.fp - both.fn)
    return float((squares - benefit * benefit) / (2 * benefit * benefit))


def _check_facets(d: Confusion, a: Confusion, prefix: str = "") -> None:
    if not d.n:
        raise MetricError(f"{prefix}Facet set is empty")
    if not a.n:
        raise MetricError(f"{prefix}Negated Facet set is empty")


def _subtract(minuend: float, subtrahend: float) -> float:
    """Subtract two ratios; the difference of two infinite ones is the integer 0, as in Clarify."""
    return 0 if math.isinf(minuend) and math.isinf(subtrahend) else minuend - subtrahend


_METRICS = (
    Metric(
        "AD",
        "Accuracy Difference (AD)",
        -1.0,
        1.0,
        compute_accuracy_difference,
        "Are the predictions for all others correct more often than those for this facet value?",
        "post_training",
    ),
    Metric(
        "CDDPL",
        "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
        -1.0,
        1.0,
        None,
        "Within comparable groups, does this facet value take a larger share of the predicted rejections than of the "
        "predicted acceptances?",
        "post_training",
    ),
    Metric(
        "DAR",
        "Difference in Acceptance Rates (DAR)",
        -1.0,
        1.0,
        compute_difference_in_acceptance_rates,
        "Are positive predictions for all others correct more often than those for this facet value?",
        "post_training",
    ),
    Metric(
        "DCA",
        "Difference in Conditional Acceptance (DCA)",
        -math.inf,
        math.inf,
        compute_difference_in_conditional_acceptance,
        "Does the model accept this facet value more generously than all others, compared with the labels?",
        "post_training",
    ),
    Metric(
        "DCR",
        "Difference in Conditional Rejection (DCR)",
        -math.inf,
        math.inf,
        compute_difference_in_conditional_rejection,
        "Does the model reject all others more often than this facet value, compared with the labels?",
        "post_training",
    ),
    Metric(
        "DI",
        "Disparate Impact (DI)",
        0.0,
        math.inf,
        compute_disparate_impact,
        "What is the ratio of this facet value's rate of positive predictions to that of all others?",
        "post_training",
        parity=1.0,
    ),
    Metric(
        "DPPL",
        "Difference in Positive Proportions in Predicted Labels (DPPL)",
        -1.0,
        1.0,
        compute_difference_in_predicted_proportions,
        "Do all others get positive predictions more often than this facet value?",
        "post_training",
    ),
    Metric(
        "DRR",
        "Difference in Rejection Rates (DRR)",
        -1.0,
        1.0,
        compute_difference_in_rejection_rates,
        "Are negative predictions for this facet value correct more often than those for all others?",
        "post_training",
    ),
    Metric(
        "FT",
        "Flip Test (FT)",
        -1.0,
        1.0,
        None,
        "Do similar rows among all others get another prediction than the rows of this facet value?",
        "post_training",
    ),
    Metric(
        "GE",
        "Generalized Entropy (GE)",
        0.0,
        math.inf,
        compute_generalized_entropy,
        "How unequally are the benefits of wrong predictions distributed over all rows?",
        "post_training",
    ),
    Metric(
        "RD",
        "Recall Difference (RD)",
        -1.0,
        1.0,
        compute_recall_difference,
        "Are positive labels of all others recognized more often than those of this facet value?",
        "post_training",
    ),
    Metric(
        "SD",
        "Specificity Difference (SD)",
        -1.0,
        1.0,
        compute_specificity_difference,
        "Are negative labels of this facet value recognized more often than those of all others?",
        "post_training",
    ),
    Metric(
        "TE",
        "Treatment Equality (TE)",
        -math.inf,
        math.inf,
        compute_treatment_equality,
        "Does this facet value have more false negatives per false positive than all others?",
        "post_training",
    ),
)

#: All post-training bias metrics by short name, in the order in which Clarify writes them.
POST_TRAINING_METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}

#: The metrics of both stages and our own, by short name.
ALL_METRICS: Mapping[str, Metric] = {**METRICS, **OWN_METRICS, **POST_TRAINING_METRICS}


def get_metric(name: str) -> Metric:
    """Return the definition of a metric; of an unknown one, as from a newer version, only the name is known.

    :param name: the short name
    """
    return ALL_METRICS.get(name) or Metric(name, name, -math.inf, math.inf, None, "")
