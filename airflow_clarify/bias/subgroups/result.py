"""The result of a search for subgroups, and its serialization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FoldedGroup:
    """A combination that a finding explains, so that it is not a finding of its own.

    :param group: the value of each column
    :param rows: number of its rows
    :param value: its metric against all other rows; None where it is undefined
    """

    group: Mapping[str, str]
    rows: int
    value: float | None


@dataclass(frozen=True)
class Subgroup:
    """A subgroup that lies further from the rest than its parents explain.

    :param group: the value of each column
    :param rows: number of its rows
    :param value: the metric of the subgroup against all other rows, with Clarify's sign
    :param excess: the smallest difference between the subgroup and the rest of one of its parents, with the sign of the
        metric; for a single value the metric itself
    :param interval: the confidence interval of the excess
    :param p_value: the p-value of the hypothesis that a parent explains the subgroup
    :param p_adjusted: the p-value, adjusted for the number of subgroups
    :param rate: the rate that the metric compares, in the subgroup
    :param rest_rate: the rate among all other rows
    :param direction: "lower" or "higher": how the rate of the subgroup compares with that of the rest of each parent
    :param beyond: the parent that explains most; empty for all rows
    :param parent: the position in the result of the nearest finding that contains the subgroup; None if there is none
    :param folded: the number of combinations that the subgroup explains
    :param folded_groups: those of them with the largest values
    :param counts: number of rows by outcome
    :param weights: for weighted data: the sums of weights by outcome, and those of squared weights
    """

    group: Mapping[str, str]
    rows: int
    value: float
    excess: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    rate: float
    rest_rate: float
    direction: str
    beyond: Mapping[str, str] = field(default_factory=dict)
    parent: int | None = None
    folded: int = 0
    folded_groups: tuple[FoldedGroup, ...] = ()
    counts: tuple[int, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()

    @property
    def name(self) -> str:
        """Return the name of the subgroup for sentences, such as "sex=F and region=north"."""
        return name_group(self.group)

    def to_json(self) -> dict[str, Any]:
        """Serialize the subgroup.

        :return: JSON values only; what is empty is left out
        """
        document: dict[str, Any] = {
            "group": dict(self.group),
            "rows": self.rows,
            "value": self.value,
            "excess": self.excess,
            "interval": list(self.interval),
            "p_adjusted": self.p_adjusted,
            "p_value": self.p_value,
            "direction": self.direction,
            "rate": self.rate,
            "rest_rate": self.rest_rate,
            "beyond": dict(self.beyond),
            "parent": self.parent,
            "folded": self.folded,
            "counts": list(self.counts),
        }
        folded = [{"group": dict(one.group), "rows": one.rows, "value": one.value} for one in self.folded_groups]
        extras = {"folded_groups": folded, "weights": [list(kind) for kind in self.weights]}
        return document | {key: value for key, value in extras.items() if value}


def name_group(group: Mapping[str, str]) -> str:
    """Name a group for sentences, such as "sex=F and region=north"; "all rows" if it is empty.

    :param group: the value of each column
    """
    return " and ".join(f"{column}={value}" for column, value in group.items()) or "all rows"
