"""The horizontal axis of a picture: which stretch of numbers it shows, and where on it a number lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MARGIN = 0.06
_NOTHING = 1e-9
_MOST_TICKS = 7


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers, drawn from left to right.

    :param low: the number at the left end
    :param high: the number at the right end
    :param ticks: round numbers on it
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def spanning(
        cls, points: Iterable[float], spans: Iterable[tuple[float, float]] = (), *, signed: bool = True
    ) -> Axis:
        """An axis that shows zero, every point, and of the spans as much as is good for the points.

        The interval of a group of three rows can be wider than all else together. It may widen the axis by half, and
        is cut off there, or the points would lie on one heap.

        :param points: numbers that must be on it; those that are not finite have no place
        :param spans: intervals that should be
        :param signed: whether numbers below zero can occur, which is what an axis without any points needs to know
        """
        shown = [0.0, *(point for point in points if math.isfinite(point))]
        low, high = min(shown), max(shown)
        if high - low < _NOTHING:
            low, high = (-0.1 if signed else 0.0), 0.1
        most = (high - low) / 2
        ends = [(max(start, low - most), min(end, high + most)) for start, end in spans]
        low, high = min([low, *(start for start, _ in ends)]), max([high, *(end for _, end in ends)])
        margin = (high - low) * _MARGIN
        low, high = low - margin, high + margin
        return cls(low, high, tuple(_choose_round_numbers(low, high)))

    def locate(self, value: float) -> float:
        """Where a number lies: 0 at the left end, 1 at the right end; what is off the axis lies at the nearer end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def contains(self, value: float) -> bool:
        """Whether a number is on the axis."""
        return self.low <= value <= self.high


def _choose_round_numbers(low: float, high: float) -> Sequence[float]:
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    # Rounded, or 3 * 0.1 is written 0.30000000000000004.
    return [round(index * step, 12) for index in range(first, last + 1)]
