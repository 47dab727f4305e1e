"""The bounds of a metric: parsing what authors write, and describing it in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.exceptions import ThresholdError

#: The bounds of a metric: 0.1 for [-0.1, 0.1], for a ratio 0.8 for [0.8, 1.25], or a pair of lower and upper bound,
#: where None is no bound.
Bounds = float | int | Sequence[float | int | None]
#: Bounds for all tested groups, per facet, or per facet and value; "*" stands for all others.
Rule = Bounds | Mapping[str, Bounds | Mapping[str, Bounds]]

ALL_OTHERS = "*"


@dataclass(frozen=True)
class Bound:
    """The bounds of one metric for one facet value, or for all others.

    :param metric: the short name of the metric
    :param facet: the facet column, or "*"
    :param value: the tested group, or "*"
    :param low: the lower bound; None if there is none
    :param high: the upper bound; None if there is none
    """

    metric: str
    facet: str
    value: str
    low: float | None
    high: float | None

    def contains(self, value: float) -> bool:
        """Return whether a value lies within the bounds, themselves included.

        :param value: the value of the metric
        """
        return not self.is_above(value) and not self.is_below(value)

    def is_below(self, value: float) -> bool:
        """Return whether a value lies below the lower bound.

        :param value: the value of the metric
        """
        return self.low is not None and value < self.low

    def is_above(self, value: float) -> bool:
        """Return whether a value lies above the upper bound.

        :param value: the value of the metric
        """
        return self.high is not None and value > self.high

    def describe_breach(self) -> str:
        """Describe on which side of the bounds a value lies, without a missing bound."""
        if self.low is None:
            return f"above {self.high:g}"
        return f"below {self.low:g}" if self.high is None else f"outside [{self.low:g}, {self.high:g}]"

    def describe(self) -> str:
        """Describe the bounds that an interval reaches across."""
        if self.low is None or self.high is None:
            return f"the bound {self.high if self.low is None else self.low:g}"
        return f"a bound of [{self.low:g}, {self.high:g}]"


def parse_rule(metric: str, rule: object) -> Iterator[Bound]:
    """Parse the rule of one metric.

    :param metric: the short name of the metric
    :param rule: bounds, or a mapping of facets, or of facets and values, to bounds
    :return: the bounds by facet and value
    :raises ThresholdError: the rule has another form, or a bound is outside the range of the metric
    """
    if not isinstance(rule, Mapping):
        yield Bound(metric, ALL_OTHERS, ALL_OTHERS, *_parse_bounds(metric, metric, rule))
        return
    if not rule:
        raise ThresholdError(f"thresholds: {metric} has no bounds; give some, such as 0.1")
    for facet, facet_rule in rule.items():
        if not isinstance(facet_rule, Mapping):
            where = _describe_rule(metric, facet, ALL_OTHERS)
            yield Bound(metric, str(facet), ALL_OTHERS, *_parse_bounds(metric, where, facet_rule))
            continue
        if not facet_rule:
            raise ThresholdError(f"thresholds: {metric} of {facet} has no bounds; give some, such as 0.1")
        for value, bounds in facet_rule.items():
            if facet == ALL_OTHERS and value != ALL_OTHERS:
                raise ThresholdError(f"thresholds: {metric} of {facet}={value}: name the facet of the value {value!r}")
            where = _describe_rule(metric, facet, value)
            yield Bound(metric, str(facet), str(value), *_parse_bounds(metric, where, bounds))


def _describe_rule(metric: str, facet: object, value: object) -> str:
    """Return the name of a rule for error messages, without wildcards."""
    if facet == ALL_OTHERS:
        return metric
    return f"{metric} of {facet}" if value == ALL_OTHERS else f"{metric} of {facet}={value}"


def _parse_bounds(metric: str, where: str, bounds: object) -> tuple[float | None, float | None]:
    if isinstance(bounds, int | float) and not isinstance(bounds, bool):
        return (
            _parse_ratio(metric, where, bounds)
            if ALL_METRICS[metric].is_ratio
            else _parse_tolerance(metric, where, bounds)
        )
    if isinstance(bounds, Sequence) and not isinstance(bounds, str) and len(bounds) == 2:
        low, high = (_parse_bound(metric, where, bound) for bound in bounds)
        if low is None and high is None:
            raise ThresholdError(f"thresholds: {where}: a range without any bound would let everything pass")
        if low is not None and high is not None and low > high:
            raise ThresholdError(f"thresholds: {where}: the lower bound {low} is above the upper bound {high}")
        lowest = ALL_METRICS[metric].lowest
        if high is not None and high < lowest:
            raise ThresholdError(
                f"thresholds: {where}: no value can be at most {high:g}, as {metric} is never below {lowest:g}"
            )
        is_idle = low is not None and (low < lowest or (ALL_METRICS[metric].is_ratio and low == lowest))
        if high is None and is_idle:
            raise ThresholdError(
                f"thresholds: {where}: the bound {low:g} would let everything pass, as {metric} is never below "
                f"{lowest:g}; give an upper bound"
            )
        return low, high
    number, pair = ("0.8", "(0.8, None)") if ALL_METRICS[metric].is_ratio else ("0.1", "(-0.05, 0.1)")
    raise ThresholdError(
        f"thresholds: {where}: {bounds!r} is neither a number such as {number} nor a pair such as {pair}"
    )


def _parse_tolerance(metric: str, where: str, bound: float) -> tuple[float, float]:
    if not 0 <= bound < math.inf:
        raise ThresholdError(
            f"thresholds: {where}: a single number t means |value| <= t, so it is from 0 and finite, not {bound}"
        )
    _check_range(metric, where, bound)
    # Subtracting avoids -0.0, which reports would display.
    return 0.0 - float(bound), float(bound)


def _parse_ratio(metric: str, where: str, bound: float) -> tuple[float, float]:
    """Parse a single bound of a ratio: 0.8 stands for itself and for its mirror, 1.25."""
    if not 0 < bound <= 1:
        mirror = f", so write {1 / bound:.4g}, or a pair such as (None, {bound:g})" if 1 < bound < math.inf else ""
        raise ThresholdError(
            f"thresholds: {where}: a single number t means t <= {metric} <= 1/t, as 0.8 means 0.8 to 1.25; it is above "
            f"0 and at most 1, not {bound}{mirror}"
        )
    return float(bound), 1 / float(bound)


def _parse_bound(metric: str, where: str, bound: object) -> float | None:
    if bound is None:
        return None
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
        raise ThresholdError(f"thresholds: {where}: {bound!r} is not a finite number; None stands for no bound")
    if ALL_METRICS[metric].is_ratio and bound < 0:
        raise ThresholdError(f"thresholds: {where}: {metric} is a ratio and never below 0, so {bound:g} bounds nothing")
    _check_range(metric, where, bound)
    return float(bound)


def _check_range(metric: str, where: str, bound: float) -> None:
    """Check that a bound is within the range of its metric.

    A negative lower bound of a metric that is never negative is allowed, as the mirror image of the upper bound.

    :raises ThresholdError: the bound is outside the range of the metric
    """
    lowest, highest = ALL_METRICS[metric].lowest, ALL_METRICS[metric].highest
    if abs(bound) <= max(abs(lowest), abs(highest)):
        return
    remedy = f"give a number between {lowest:g} and {highest:.4g}"
    if 1 < abs(bound) <= 100:
        remedy = f"if {bound:g} means percent, write {bound / 100:g}"
    raise ThresholdError(
        f"thresholds: {where}: the bound {bound:g} is beyond the range of {metric}, which is {lowest:g} to "
        f"{highest:.4g}; {remedy}"
    )
