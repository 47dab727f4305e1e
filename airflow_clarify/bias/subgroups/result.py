"""The result of a search for subgroups, and its serialization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_clarify.bias.serialization import SUBGROUPS_FORMAT
from airflow_clarify.exceptions import DataError


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
    :param smallest_count: the smallest number of rows by outcome of the subgroup, of all other rows, and of the other
        rows of each parent; None if it is unknown or hidden
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
    smallest_count: int | None = None

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
        document |= {} if self.smallest_count is None else {"smallest_count": self.smallest_count}
        return document | {key: value for key, value in extras.items() if value}


def name_group(group: Mapping[str, str]) -> str:
    """Name a group for sentences, such as "sex=F and region=north"; "all rows" if it is empty.

    :param group: the value of each column
    """
    return " and ".join(f"{column}={value}" for column, value in group.items()) or "all rows"


@dataclass(frozen=True)
class CombinedColumn:
    """A column whose values were combined.

    :param name: the name of the column
    :param values: the number of its values or intervals
    :param intervals: the intervals at whose bounds a numeric column was cut; empty for all other columns
    :param missing: number of rows without a value; None if it is hidden
    """

    name: str
    values: int
    intervals: tuple[str, ...] = ()
    missing: int | None = 0

    def to_json(self) -> dict[str, Any]:
        """Serialize the column; what is empty is left out."""
        document: dict[str, Any] = {"name": self.name, "values": self.values}
        document |= {"intervals": list(self.intervals)} if self.intervals else {}
        return document | ({} if self.missing == 0 else {"missing": self.missing})


@dataclass(frozen=True)
class SubgroupSearch:
    """The result of a search for subgroups.

    :param label: the label column
    :param label_value_or_threshold: the positive label as Clarify writes it
    :param metric: the metric by which subgroups are ranked
    :param rate: the name of the rate that it compares
    :param columns: the combined columns
    :param max_depth: the maximum number of columns in a combination
    :param min_rows: the minimum number of rows of a subgroup
    :param confidence: the confidence level
    :param correction: the correction for the number of questions; None for no correction
    :param rows: number of rows of the data
    :param outcomes: the outcomes by which rows are counted: "negative" and "positive", or "tn", "fp", "fn" and "tp"
    :param counts: number of rows of the data by outcome
    :param weights: for weighted data: the sums of weights by outcome, and those of squared weights
    :param questions: the number of combinations that were tested
    :param found: the number of all findings, of which ``subgroups`` are the first
    :param subgroups: the findings, the worst first
    :param furthest: of the other findings, those that lie further from the rest of the data than all of ``subgroups``
        in one direction, so that a bound of the metric is exceeded by a listed finding if it is by any
    :param engine: name and version of the counting engine
    :param warnings: one sentence each
    :param outputs: the locations of the output files by kind
    :param whereabouts: the location of the data
    :param run: the Airflow run; empty outside Airflow
    :param suppress_below: counts under this number are hidden wherever the result is shown or passed on;
        ``subgroups.json`` has all of them. 0 hides nothing
    :param hidden: the number of listed findings that are hidden
    """

    label: str
    label_value_or_threshold: str
    metric: str
    rate: str
    columns: tuple[CombinedColumn, ...]
    max_depth: int
    min_rows: int
    confidence: float
    correction: str | None
    rows: int
    outcomes: tuple[str, ...]
    counts: tuple[int, ...]
    questions: int
    found: int
    subgroups: tuple[Subgroup, ...]
    furthest: tuple[Subgroup, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    engine: str = ""
    warnings: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    whereabouts: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, str] = field(default_factory=dict)
    suppress_below: int = 0
    hidden: int = 0

    @property
    def sentence(self) -> str:
        """Return the result as one line of text."""
        asked = f"{self.questions:,} {'group' if self.questions == 1 else 'groups'} of at least {self.min_rows:,} rows"
        verb = "differs" if self.found == 1 else "differ"
        hidden = f"{self.hidden:,} {'is' if self.hidden == 1 else 'are'} hidden (suppress_below={self.suppress_below})"
        if not self.subgroups and self.hidden:
            return f"{self.found:,} of {asked} {verb} in {self.metric}; {hidden}"
        if not self.subgroups:
            return f"none of {asked} differs in {self.metric} from the rest beyond chance and beyond its parents"
        worst = f"the worst: {self.describe(self.subgroups[0])}"
        if self.hidden:
            worst = f"{hidden}, the worst that is shown: {self.describe(self.subgroups[0])}"
        return f"{self.found:,} of {asked} {verb} in {self.metric}, {worst}"

    def describe(self, subgroup: Subgroup) -> str:
        """Describe a finding in one sentence.

        :param subgroup: the finding
        :return: such as "sex=F and region=north (1,234 rows): share of positive labels 20.1 % against 60.2 % ..."
        """
        beyond = f", {abs(subgroup.excess):.4g} beyond {name_group(subgroup.beyond)}" if subgroup.beyond else ""
        return (
            f"{subgroup.name} ({subgroup.rows:,} rows): {self.rate} {subgroup.rate:.1%} against "
            f"{subgroup.rest_rate:.1%} of the rest, {self.metric} {subgroup.value:.4g}{beyond}"
        )

    def to_json(self) -> dict[str, Any]:
        """Serialize the result for ``subgroups.json`` and XCom.

        :return: JSON values only; what is empty is left out
        """
        document: dict[str, Any] = {
            "format": SUBGROUPS_FORMAT,
            "label": self.label,
            "label_value_or_threshold": self.label_value_or_threshold,
            "metric": self.metric,
            "rate": self.rate,
            "columns": [column.to_json() for column in self.columns],
            "max_depth": self.max_depth,
            "min_rows": self.min_rows,
            "confidence": self.confidence,
            "correction": self.correction,
            "rows": self.rows,
            "outcomes": list(self.outcomes),
            "counts": list(self.counts),
            "questions": self.questions,
            "found": self.found,
            "sentence": self.sentence,
            "subgroups": [subgroup.to_json() for subgroup in self.subgroups],
        }
        extras = {
            "furthest": [subgroup.to_json() for subgroup in self.furthest],
            "weights": [list(kind) for kind in self.weights],
            "engine": self.engine,
            "warnings": list(self.warnings),
            "outputs": dict(self.outputs),
            "whereabouts": dict(self.whereabouts),
            "run": dict(self.run),
            "suppress_below": self.suppress_below,
            "hidden": self.hidden,
        }
        return document | {key: value for key, value in extras.items() if value}

    @classmethod
    def from_json(cls, document: Mapping[str, Any], source: str = "subgroups.json") -> SubgroupSearch:
        """Read a result from what :meth:`to_json` returns.

        :param document: the content of ``subgroups.json``, or an XCom
        :param source: the name of the document for error messages
        :return: the result
        :raises DataError: the document is something else
        """
        try:
            if document["format"] != SUBGROUPS_FORMAT:
                raise ValueError(f"the format is {document['format']!r}")
            return cls(
                columns=tuple(map(_read_column, document["columns"])),
                subgroups=tuple(map(_read_subgroup, document["subgroups"])),
                furthest=tuple(map(_read_subgroup, document.get("furthest", ()))),
                outcomes=tuple(document["outcomes"]),
                counts=tuple(map(int, document["counts"])),
                weights=_read_weights(document),
                warnings=tuple(document.get("warnings", ())),
                outputs=dict(document.get("outputs", {})),
                whereabouts=dict(document.get("whereabouts", {})),
                run=dict(document.get("run", {})),
                engine=str(document.get("engine", "")),
                suppress_below=int(document.get("suppress_below", 0)),
                hidden=int(document.get("hidden", 0)),
                **{name: document[name] for name in _PLAIN},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{source}: not a result of a search for subgroups ({type(error).__name__}: {error})"
            ) from None


_PLAIN = (
    "label",
    "label_value_or_threshold",
    "metric",
    "rate",
    "max_depth",
    "min_rows",
    "confidence",
    "correction",
    "rows",
    "questions",
    "found",
)


def _read_column(document: Mapping[str, Any]) -> CombinedColumn:
    return CombinedColumn(
        str(document["name"]),
        int(document["values"]),
        tuple(map(str, document.get("intervals", ()))),
        None if (missing := document.get("missing", 0)) is None else int(missing),
    )


def _read_subgroup(document: Mapping[str, Any]) -> Subgroup:
    low, high = document["interval"]
    return Subgroup(
        group=dict(document["group"]),
        rows=int(document["rows"]),
        value=float(document["value"]),
        excess=float(document["excess"]),
        interval=(float(low), float(high)),
        p_value=float(document["p_value"]),
        p_adjusted=float(document["p_adjusted"]),
        rate=float(document["rate"]),
        rest_rate=float(document["rest_rate"]),
        direction=str(document["direction"]),
        beyond=dict(document["beyond"]),
        parent=document["parent"],
        folded=int(document["folded"]),
        folded_groups=tuple(
            FoldedGroup(dict(one["group"]), int(one["rows"]), one["value"]) for one in document.get("folded_groups", ())
        ),
        counts=tuple(map(int, document["counts"])),
        weights=_read_weights(document),
        smallest_count=None if (smallest := document.get("smallest_count")) is None else int(smallest),
    )


def _read_weights(document: Mapping[str, Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, kind)) for kind in document.get("weights", ()))
