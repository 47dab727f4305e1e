"""Configuration of the rules that judge many runs together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from airflow_clarify.exceptions import ThresholdError

METHODS = ("confidence-sequence", "change")
#: The metrics that compare two proportions.
WATCHABLE = ("DPL", "TVD", "KS", "LP", "DIL", "DPPL", "DI", "AD", "RD", "SD", "DAR", "DRR")


@dataclass(frozen=True)
class OverRuns:
    """Judge on the evidence of many runs, with a guarantee about false alarms over all of them.

    :param method: "confidence-sequence": on the counts of all nights since the baseline, the probability of ever
        raising a false violation is at most ``alpha``, for all metrics and groups together; "change": on the evidence
        since an unknown night, at least ``run_length`` nights pass on average until a false violation
    :param alpha: for "confidence-sequence": the error rate
    :param run_length: for "change": the average number of nights until a false violation; the default, 7300, keeps the
        probability of one within a year at 5 %
    :raises ThresholdError: a parameter is not allowed
    """

    method: Literal["confidence-sequence", "change"]
    alpha: float = 0.05
    run_length: float = 7300.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ThresholdError(f"over_runs: one of {', '.join(map(repr, METHODS))}, not {self.method!r}")
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, int | float) or not 0 < self.alpha < 1:
            raise ThresholdError(f"over_runs: alpha: between 0 and 1, such as 0.05, not {self.alpha!r}")
        length = self.run_length
        if isinstance(length, bool) or not isinstance(length, int | float) or not 1 < length < 1e12:
            raise ThresholdError(f"over_runs: run_length: a number of nights above 1, such as 7300, not {length!r}")

    @classmethod
    def coerce(cls, given: Any, confidence: float | None = None) -> OverRuns | None:
        """Build from a method's name, a mapping of parameters, or an object.

        :param given: "confidence-sequence", "change", a mapping, an object, or None
        :param confidence: the confidence level of the thresholds, from which ``alpha`` follows
        :raises ThresholdError: it is something else
        """
        if given is None or isinstance(given, cls):
            return given
        defaults = {} if confidence is None else {"alpha": 1 - confidence}
        if isinstance(given, str):
            return cls(given, **defaults)  # type: ignore[arg-type]
        if isinstance(given, Mapping) and "method" in given and given.keys() <= {"method", "alpha", "run_length"}:
            return cls(**{**defaults, **given})
        raise ThresholdError(
            f"over_runs: one of {', '.join(map(repr, METHODS))}, or a mapping with method, alpha and run_length, not "
            f"{given!r}"
        )

    def check_metrics(self, metrics: Iterable[str]) -> None:
        """Check that metrics can be judged over runs.

        :param metrics: their short names
        :raises ThresholdError: one does not compare two proportions
        """
        for metric in metrics:
            if metric not in WATCHABLE:
                raise ThresholdError(
                    f"over_runs: {metric} does not compare two proportions; {', '.join(WATCHABLE)} can be judged over "
                    "runs; judge the others by a gate of their own"
                )

    def describe(self, nights: int, interval: tuple[float, float] | None) -> str:
        """Describe the evidence for a reason.

        :param nights: the number of nights so far
        :param interval: the interval of the confidence sequence, if it is known
        """
        counted = f"{nights} nights" if nights != 1 else "1 night"
        if self.method == "change":
            return f"the nights since a change, of {counted},"
        spread = (
            ""
            if interval is None
            else f" ({100 * (1 - self.alpha):.4g}% confidence sequence {interval[0]:.4f} to {interval[1]:.4f})"
        )
        return f"all {counted}{spread}" if nights != 1 else f"1 night{spread}"
