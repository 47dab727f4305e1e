"""The horizontal axis of a picture: its range, its ticks, and the positions of values on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MARGIN = 0.06
_ZERO_TOLERANCE = 1e-9
_MAX_TICKS = 7


@dataclass(frozen=True)
class Axis:
    """A range of numbers, drawn from left to right.

    :param low: the value at the left end
    :param high: the value at the right end
    :param ticks: round values on the axis
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def from_points(
        cls,
        points: Iterable[float],
        spans: Iterable[tuple[float, float]] = (),
        *,
        signed: bool = True,
        origin: float = 0.0,
    ) -> Axis:
        """Create an axis that contains its origin, every point, and the intervals up to a limit.

        The confidence interval of a group of three rows can be wider than the range of all points. Intervals extend
        the axis by at most half of that range at either end and are cut off there; otherwise the points would overlap.

        :param points: values that must be on the axis; infinite values are ignored
        :param spans: intervals that should be on the axis
        :param signed: whether negative values can occur; determines the range if there are no points
        :param origin: the value that means equal treatment: 0, or 1 for a ratio
        :return: the axis, with a margin at both ends
        """
        shown = [origin, *(point for point in points if math.isfinite(point))]
        low, high = min(shown), max(shown)
        if high - low < _ZERO_TOLERANCE:
            low, high = origin - (0.1 if signed or origin else 0.0), origin + 0.1
        extension = (high - low) / 2
        ends = [(max(start, low - extension), min(end, high + extension)) for start, end in spans]
        low, high = min([low, *(start for start, _ in ends)]), max([high, *(end for _, end in ends)])
        margin = (high - low) * _MARGIN
        low, high = low - margin, high + margin
        return cls(low, high, tuple(_choose_round_numbers(low, high)))

    def locate(self, value: float) -> float:
        """Return the position of a value, from 0 (left end) to 1 (right end); values off the axis are clipped."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def contains(self, value: float) -> bool:
        """Return whether a value is on the axis."""
        return self.low <= value <= self.high


def _choose_round_numbers(low: float, high: float) -> Sequence[float]:
    rough = (high - low) / _MAX_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    # Rounded, since 3 * 0.1 is 0.30000000000000004.
    return [round(index * step, 12) for index in range(first, last + 1)]
