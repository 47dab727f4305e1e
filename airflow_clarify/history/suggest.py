"""Suggest bounds from a history, for a wanted rate of alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.alarms.proportions import get_counts, is_comparison
from airflow_clarify.exceptions import ThresholdError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis

_DRAWS = 200_000
_SEED = 20_260_101
MIN_NIGHTS = 5


@dataclass(frozen=True)
class SuggestedBound:
    """A bound for the tested groups of one facet.

    :param metric: the metric
    :param facet: the facet
    :param bound: the suggested bound
    :param typical: the median of the largest absolute value of each night
    :param nights: the number of nights it is based on
    :param groups: the number of tested groups
    """

    metric: str
    facet: str
    bound: float
    typical: float
    nights: int
    groups: int


def suggest_bounds(analyses: Sequence[Analysis], metric: str, alarm_rate: float) -> list[SuggestedBound]:
    """Suggest one bound for each facet, that the next night exceeds with a wanted probability.

    Each side of each group is described by a beta-binomial distribution: the nights' counts are binomial, and their
    rates vary by a beta distribution that is fitted by its moments (J. G. Skellam, 1948; C. Williams, Biometrics 31
    (1975)). The bound is the upper limit of the prediction interval of the largest absolute value among the groups of
    the facet, for a night with the median number of rows. Both sides are drawn independently, which is cautious if they
    vary together.

    :param analyses: the analyses, in order of time, with counts
    :param metric: a difference of two proportions, such as DPL
    :param alarm_rate: the probability that a night raises an alarm, for all facets together
    :raises ThresholdError: the metric or the rate is not allowed
    :raises UnfitDataError: there are too few nights
    """
    import numpy as np

    from airflow_clarify.bias.alarms.proportions import get_kind

    if not is_comparison(metric) or get_kind(metric) != "difference":
        raise ThresholdError(
            f"--metric: bounds can be suggested for differences of two proportions (DPL), not {metric!r}"
        )
    if not 0 < alarm_rate < 1:
        raise ThresholdError(f"--alarm-rate: a share of nights between 0 and 1, such as 0.01, not {alarm_rate!r}")
    if len(analyses) < MIN_NIGHTS:
        raise UnfitDataError(
            f"the history has {len(analyses)} nights that can be judged, and a suggestion needs at least {MIN_NIGHTS}"
        )
    facets = list(dict.fromkeys(facet.column for analysis in analyses for facet in analysis.facets))
    draw = np.random.default_rng(_SEED)
    return [_suggest(analyses, metric, facet, alarm_rate / len(facets), draw) for facet in facets]


def _suggest(analyses: Sequence[Analysis], metric: str, facet: str, rate: float, draw: Any) -> SuggestedBound:
    import numpy as np

    by_value: dict[str, list[tuple[float, float, float, float]]] = {}
    largest_by_night = []
    for analysis in analyses:
        found = analysis.facet(facet)
        values = []
        for result in found.results if found is not None else ():
            counts = get_counts(metric, result.split)
            if counts[1] and counts[3]:
                by_value.setdefault(result.value, []).append(counts)
                values.append(abs(counts[2] / counts[3] - counts[0] / counts[1]))
        largest_by_night += [max(values)] if values else []
    if not by_value:
        raise UnfitDataError(f"the history has no counts of facet {facet!r}, which a suggestion needs")
    largest = np.zeros(_DRAWS)
    for nights in by_value.values():
        positive_d, rows_d, positive_a, rows_a = np.array(nights).T
        difference = _predict(positive_a, rows_a, draw) - _predict(positive_d, rows_d, draw)
        largest = np.maximum(largest, np.abs(difference))
    # Rounded upwards, so that the rate is not exceeded.
    bound = float(np.ceil(np.quantile(largest, 1 - rate) * 1000) / 1000)
    typical = float(np.median(largest_by_night))
    return SuggestedBound(metric, facet, min(bound, 1.0), typical, len(largest_by_night), len(by_value))


def _predict(positive: Any, rows: Any, draw: Any) -> Any:
    """Draw the proportion of a further night from the fitted beta-binomial distribution."""
    import numpy as np

    n_nights = len(rows)
    rate = (positive.sum() + 0.5) / (rows.sum() + 1.0)
    typical = max(round(float(np.median(rows))), 1)
    # Correlation within nights by moments; 0 if nights vary no more than binomial counts.
    dispersion = float((((positive - rows * rate) ** 2) / (rows * rate * (1 - rate))).sum()) / max(n_nights - 1, 1)
    excess = float((rows - 1).sum()) / n_nights
    correlation = min(max((dispersion - 1) / excess, 0.0), 0.99) if excess > 0 else 0.0
    # The rate itself is estimated from all rows.
    effective = rows.sum() / (1 + (rows.mean() - 1) * correlation)
    centres = draw.beta(rate * effective + 0.5, (1 - rate) * effective + 0.5, _DRAWS)
    if correlation > 0:
        size = (1 - correlation) / correlation
        centres = draw.beta(np.maximum(centres * size, 1e-9), np.maximum((1 - centres) * size, 1e-9))
    return draw.binomial(typical, centres) / typical
