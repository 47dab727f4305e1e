"""The texts about each metric: its full name, its formula, its direction, and sentences about its values.

``scripts/explanations.py`` writes them to a JSON file for the page in Airflow's UI.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """What a metric compares between the tested group and all other rows: a share, or a ratio of two counts.

    The counts are "all" and "positive" (labels), and with predictions "tp", "fp", "fn" and "tn".

    :param part: the counts that are added up for the numerator
    :param whole: the counts that are added up for the denominator
    :param base: the rows of the denominator, as the end of "no row is ..."; empty for all rows
    :param is_ratio: whether the numerator is not a part of the denominator
    """

    part: tuple[str, ...]
    whole: tuple[str, ...]
    base: str = ""
    is_ratio: bool = False


@dataclass(frozen=True)
class Explanation:
    """The texts about a metric.

    :param title: full name
    :param formula: formula; a letter after an underscore is an index
    :param below: meaning for the tested group of a value below parity (0, or 1 for a ratio); empty if there is none
    :param above: meaning for the tested group of a value above parity
    :param sentences: templates of the sentence that interprets a value, by the case that they apply to: "positive",
        "negative" (default: as positive), "zero" (default: as positive), "infinite", and for some metrics "counted",
        which needs counts. ``{group}`` is the tested group, ``{amount}`` the absolute value in ``unit``, and
        ``{own}`` and ``{others}`` the two shares or ratios that are compared. A sentence starts with a small letter
        and has no full stop.
    :param unit: unit of ``{amount}``: "number", "share" (a percentage of ``largest``), "points" (percentage points)
        or "ratio"
    :param largest: largest possible value of a metric whose unit is "share"
    :param compared: what the metric compares between both facets; None if it is not a share or a ratio
    """

    title: str
    formula: str
    below: str
    above: str
    sentences: Mapping[str, str]
    unit: str
    largest: float = 1.0
    compared: Comparison | None = None


_DIFFERENT = "labels differ more from those of the rest"

_LABELS = Comparison(("positive",), ("all",))

#: The explanations of the metrics before training.
OF_LABELS: Mapping[str, Explanation] = {
    "CDDL": Explanation(
        "Conditional demographic disparity in labels",
        "(1/n) Σ_g n_g · (n_d,g(0) / n_g(0) - n_d,g(1) / n_g(1))",
        "larger share of the positive",
        "larger share of the not positive",
        {
            "positive": "over the groups, the share of rows with {group} among the not positive is {amount} larger "
            "than among the positive",
            "negative": "over the groups, the share of rows with {group} among the not positive is {amount} smaller "
            "than among the positive",
            "zero": "over the groups, the share of rows with {group} among the not positive is as large as among the "
            "positive",
        },
        "points",
    ),
    "CI": Explanation(
        "Class imbalance",
        "(n_a - n_d) / (n_a + n_d)",
        "more rows than the rest",
        "fewer rows than the rest",
        {
            "positive": "rows with {group} are {amount} of {whole}",
            "counted": "{rows} with {group} against {others} of all others: {amount} of {whole}",
        },
        "share",
    ),
    "DIL": Explanation(
        "Disparate impact in labels",
        "q_d / q_a",
        "positive less often than the rest",
        "positive more often than the rest",
        {
            "positive": "rows with {group} are positive {amount} as often as all others",
            "counted": "of rows with {group}, {own} are positive; of all others, {others}",
        },
        "ratio",
        compared=_LABELS,
    ),
    "DPL": Explanation(
        "Difference in positive proportions in labels",
        "q_a - q_d",
        "positive more often than the rest",
        "positive less often than the rest",
        {
            "positive": "all others are positive more often than rows with {group}, by {amount}",
            "negative": "all others are positive less often than rows with {group}, by {amount}",
            "zero": "all others are positive as often as rows with {group}",
            "counted": "of rows with {group}, {own} are positive; of all others, {others}",
        },
        "points",
        compared=_LABELS,
    ),
    "JS": Explanation(
        "Jensen-Shannon divergence",
        "½ KL(P_a, M) + ½ KL(P_d, M) with M = ½ (P_a + P_d)",
        "",
        _DIFFERENT,
        {
            "positive": "the labels of rows with {group} differ from those of all others by {amount} of the largest "
            "divergence"
        },
        "share",
        math.log(2),
    ),
    "KL": Explanation(
        "Kullback-Leibler divergence",
        "Σ P_a · ln(P_a / P_d)",
        "",
        _DIFFERENT,
        {
            "positive": "the distribution of labels of all others diverges from that of rows with {group} by {amount} "
            "nats; 0 would mean that both are the same",
            "infinite": "an outcome that occurs among all others never occurs in rows with {group}",
        },
        "number",
    ),
    "KS": Explanation(
        "Kolmogorov-Smirnov distance",
        "max |P_a - P_d|",
        "",
        _DIFFERENT,
        {
            "positive": "the share of one outcome differs by {amount} between rows with {group} and all others",
            "zero": "the shares of both outcomes are the same in rows with {group} and in all others",
        },
        "points",
    ),
    "LP": Explanation(
        "L-p norm, with p = 2",
        "√ Σ (P_a - P_d)²",
        "",
        _DIFFERENT,
        {
            "positive": "the labels of rows with {group} differ from those of all others by {amount} of the largest "
            "distance"
        },
        "share",
        math.sqrt(2),
    ),
    "TVD": Explanation(
        "Total variation distance",
        "½ Σ |P_a - P_d|",
        "",
        _DIFFERENT,
        {
            "positive": "{amount} of the labels of rows with {group} would have to change to be distributed as those "
            "of all others"
        },
        "share",
    ),
}


_ALL = ("tp", "fp", "fn", "tn")
_PREDICTED = Comparison(("tp", "fp"), _ALL)
_PREDICTED_COUNTED = "of rows with {group}, {own} are predicted positive; of all others, {others}"

#: The explanations of the metrics after training.
OF_PREDICTIONS: Mapping[str, Explanation] = {
    "AD": Explanation(
        "Accuracy difference",
        "(TP_a + TN_a) / n_a - (TP_d + TN_d) / n_d",
        "predicted correctly more often than the rest",
        "predicted correctly less often than the rest",
        {
            "positive": "all others are predicted correctly more often than rows with {group}, by {amount}",
            "negative": "all others are predicted correctly less often than rows with {group}, by {amount}",
            "zero": "all others are predicted correctly as often as rows with {group}",
            "counted": "of rows with {group}, {own} are predicted correctly; of all others, {others}",
        },
        "points",
        compared=Comparison(("tp", "tn"), _ALL),
    ),
    "CDDPL": Explanation(
        "Conditional demographic disparity in predicted labels",
        "(1/n) Σ_g n_g · (n'_d,g(0) / n'_g(0) - n'_d,g(1) / n'_g(1))",
        "larger share of the predicted positive",
        "larger share of the predicted not positive",
        {
            "positive": "over the groups, the share of rows with {group} among the predicted not positive is {amount} "
            "larger than among the predicted positive",
            "negative": "over the groups, the share of rows with {group} among the predicted not positive is {amount} "
            "smaller than among the predicted positive",
            "zero": "over the groups, the share of rows with {group} among the predicted not positive is as large as "
            "among the predicted positive",
        },
        "points",
    ),
    "DAR": Explanation(
        "Difference in acceptance rates",
        "TP_a / (TP_a + FP_a) - TP_d / (TP_d + FP_d)",
        "positive predictions are correct more often than for the rest",
        "positive predictions are correct less often than for the rest",
        {
            "positive": "positive predictions are correct more often for all others than for rows with {group}, by "
            "{amount}",
            "negative": "positive predictions are correct less often for all others than for rows with {group}, by "
            "{amount}",
            "zero": "positive predictions are correct as often for all others as for rows with {group}",
            "counted": "of rows with {group} that are predicted positive, {own} are positive; of all others, {others}",
        },
        "points",
        compared=Comparison(("tp",), ("tp", "fp"), "predicted positive"),
    ),
    "DCA": Explanation(
        "Difference in conditional acceptance",
        "(TP_a + FN_a) / (TP_a + FP_a) - (TP_d + FN_d) / (TP_d + FP_d)",
        "accepted less generously than the rest",
        "accepted more generously than the rest",
        {
            "positive": "all others have {amount} more positive labels for each positive prediction than rows with "
            "{group}",
            "negative": "all others have {amount} fewer positive labels for each positive prediction than rows with "
            "{group}",
            "zero": "all others have as many positive labels for each positive prediction as rows with {group}",
            "counted": "rows with {group} have {own} positive labels for each positive prediction; all others have "
            "{others}",
        },
        "number",
        compared=Comparison(("tp", "fn"), ("tp", "fp"), "predicted positive", is_ratio=True),
    ),
    "DCR": Explanation(
        "Difference in conditional rejection",
        "(TN_d + FP_d) / (TN_d + FN_d) - (TN_a + FP_a) / (TN_a + FN_a)",
        "rejected more strictly than the rest",
        "rejected less strictly than the rest",
        {
            "positive": "all others have {amount} fewer negative labels for each negative prediction than rows with "
            "{group}",
            "negative": "all others have {amount} more negative labels for each negative prediction than rows with "
            "{group}",
            "zero": "all others have as many negative labels for each negative prediction as rows with {group}",
            "counted": "rows with {group} have {own} negative labels for each negative prediction; all others have "
            "{others}",
        },
        "number",
        compared=Comparison(("fp", "tn"), ("fn", "tn"), "predicted not positive", is_ratio=True),
    ),
    "DI": Explanation(
        "Disparate impact",
        "q'_d / q'_a",
        "predicted positive less often than the rest",
        "predicted positive more often than the rest",
        {
            "positive": "rows with {group} are predicted positive {amount} as often as all others",
            "counted": _PREDICTED_COUNTED,
        },
        "ratio",
        compared=_PREDICTED,
    ),
    "DPPL": Explanation(
        "Difference in positive proportions in predicted labels",
        "q'_a - q'_d",
        "predicted positive more often than the rest",
        "predicted positive less often than the rest",
        {
            "positive": "all others are predicted positive more often than rows with {group}, by {amount}",
            "negative": "all others are predicted positive less often than rows with {group}, by {amount}",
            "zero": "all others are predicted positive as often as rows with {group}",
            "counted": _PREDICTED_COUNTED,
        },
        "points",
        compared=_PREDICTED,
    ),
    "DRR": Explanation(
        "Difference in rejection rates",
        "TN_d / (TN_d + FN_d) - TN_a / (TN_a + FN_a)",
        "negative predictions are correct less often than for the rest",
        "negative predictions are correct more often than for the rest",
        {
            "positive": "negative predictions are correct less often for all others than for rows with {group}, by "
            "{amount}",
            "negative": "negative predictions are correct more often for all others than for rows with {group}, by "
            "{amount}",
            "zero": "negative predictions are correct as often for all others as for rows with {group}",
            "counted": "of rows with {group} that are predicted not positive, {own} are not positive; of all others, "
            "{others}",
        },
        "points",
        compared=Comparison(("tn",), ("fn", "tn"), "predicted not positive"),
    ),
    "FT": Explanation(
        "Flip test",
        "(F_d(1,0) - F_d(0,1)) / n_d",
        "predicted positive less often than similar rows of the rest",
        "predicted positive more often than similar rows of the rest",
        {
            "positive": "rows with {group} are predicted positive more often than the most similar rows among all "
            "others, by {amount}",
            "negative": "rows with {group} are predicted positive less often than the most similar rows among all "
            "others, by {amount}",
            "zero": "rows with {group} are predicted positive as often as the most similar rows among all others",
        },
        "points",
    ),
    "GE": Explanation(
        "Generalized entropy",
        "½ (n (n + 3 FP - FN) / (n + FP - FN)² - 1)",
        "",
        "errors distribute benefits less equally",
        {
            "positive": "over all rows of every group, wrong predictions make benefits unequal by {amount}; 0 would "
            "mean that no prediction is wrong",
            "zero": "over all rows of every group, wrong predictions make no benefit unequal",
        },
        "number",
    ),
    "RD": Explanation(
        "Recall difference",
        "TP_a / (TP_a + FN_a) - TP_d / (TP_d + FN_d)",
        "positive rows are recognized more often than in the rest",
        "positive rows are recognized less often than in the rest",
        {
            "positive": "positive rows are recognized more often among all others than among rows with {group}, by "
            "{amount}",
            "negative": "positive rows are recognized less often among all others than among rows with {group}, by "
            "{amount}",
            "zero": "positive rows are recognized as often among all others as among rows with {group}",
            "counted": "of positive rows with {group}, {own} are predicted positive; of all others, {others}",
        },
        "points",
        compared=Comparison(("tp",), ("tp", "fn"), "positive"),
    ),
    "SD": Explanation(
        "Specificity difference",
        "TN_d / (TN_d + FP_d) - TN_a / (TN_a + FP_a)",
        "not positive rows are recognized less often than in the rest",
        "not positive rows are recognized more often than in the rest",
        {
            "positive": "not positive rows are recognized less often among all others than among rows with {group}, "
            "by {amount}",
            "negative": "not positive rows are recognized more often among all others than among rows with {group}, "
            "by {amount}",
            "zero": "not positive rows are recognized as often among all others as among rows with {group}",
            "counted": "of not positive rows with {group}, {own} are predicted not positive; of all others, {others}",
        },
        "points",
        compared=Comparison(("tn",), ("fp", "tn"), "not positive"),
    ),
    "TE": Explanation(
        "Treatment equality",
        "FN_d / FP_d - FN_a / FP_a",
        "fewer missed positives for each false alarm than the rest",
        "more missed positives for each false alarm than the rest",
        {
            "positive": "rows with {group} have {amount} more missed positives for each false alarm than all others",
            "negative": "rows with {group} have {amount} fewer missed positives for each false alarm than all others",
            "zero": "rows with {group} have as many missed positives for each false alarm as all others",
            "counted": "rows with {group} have {own} missed positives for each false alarm; all others have {others}",
        },
        "number",
        compared=Comparison(("fn",), ("fp",), "a false alarm", is_ratio=True),
    ),
}

#: The explanation of each metric of both stages by its short name.
EXPLANATIONS: Mapping[str, Explanation] = {**OF_LABELS, **OF_PREDICTIONS}
