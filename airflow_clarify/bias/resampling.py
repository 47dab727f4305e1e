"""Strata and quotas: how many rows of each stratum a balanced dataset holds, or what weight they carry.

A stratum is the rows that share a value in each of the columns the data are balanced by. Only their counts are needed
here; which rows are drawn is the engine's business.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, cast, get_args

from airflow_clarify.bias.argument_types import COLUMNS, check_argument, is_list
from airflow_clarify.exceptions import ConfigError, DataError, QuotaError, UnfitDataError

#: The texts of a stratum, one for each column; None where the value is missing.
Stratum = tuple[str | None, ...]

Strategy = Literal["undersample", "oversample", "reweigh"]
Missing = Literal["drop", "keep", "error"]
Empty = Literal["error", "ignore"]

#: How many strata a sentence names before it says "and so on".
_NAMED = 3


@dataclass(frozen=True, slots=True)
class StratumPlan:
    """What becomes of a stratum.

    :param values: its texts, in the order of the columns
    :param before: its rows in the source
    :param after: its rows in the balanced data
    :param weight: the weight each of its rows carries, where the data are reweighed; where rows had weights before,
        what these are multiplied by
    """

    values: Stratum
    before: int
    after: int
    weight: float | None = None

    @property
    def copies(self) -> int:
        """How often each of its rows is written, before some are drawn that are written once more.

        A stratum that keeps all its rows counts as drawn whole: then nothing is ever repeated where nothing grows.
        """
        return max(0, (self.after - 1) // self.before)

    @property
    def drawn(self) -> int:
        """How many of its rows are written once more."""
        return self.after - self.copies * self.before


@dataclass(frozen=True, slots=True)
class BalancePlan:
    """What becomes of every stratum, and what the author should know about it."""

    shares: tuple[StratumPlan, ...]
    warnings: tuple[str, ...] = ()


def require_list(columns: Sequence[str | int], key: str) -> Sequence[str | int]:
    """Columns, as the list that they are to be.

    :raises ConfigError: anything but a list; a text would be taken for a list of letters
    """
    if isinstance(columns, str):
        raise ConfigError(f"{key}: {columns!r} is not a list of columns; give one, such as [{columns!r}]")
    check_argument(key, columns, COLUMNS)
    return columns


def check_seed(seed: Any) -> None:
    """See that a draw can be made from it.

    :raises ConfigError: it is no whole number
    """
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ConfigError(f"seed: {seed!r} is not a whole number")


@dataclass(frozen=True, slots=True)
class BalanceConfig:
    """How data are to be balanced. Making one checks it, so that a DAG can fail while it is parsed.

    Rows with a missing value in one of the columns are their own matter, since nobody knows which group they belong to:
    ``missing="drop"`` leaves them out (the default where rows are drawn, and what pandas' groupby does),
    ``"keep"`` lets "missing" be a value like any other (the default of ``reweigh``, which loses no row), and
    ``"error"`` refuses them.

    A combination of values that occur, but never together, is an empty stratum. Nothing can be drawn from it and no
    weight can make up for it, so it is an error, unless ``empty="ignore"`` leaves it empty with a warning. Where rows
    with a missing value are kept, they are expected to have every value of the last column, and it to have every group:
    Clarify counts them among the rest of each group, and a missing label as not positive.

    :param by: the columns whose combined values make the strata; for ``reweigh`` the facets and then the label
    :param strategy: ``undersample`` draws from each stratum as many rows as the smallest has; ``oversample`` repeats
        rows until each stratum has as many as the largest; ``reweigh`` keeps every row and gives it a weight
    :param size: rows of each stratum instead, for ``undersample`` and ``oversample``
    :param fraction: for ``undersample``: this share of each stratum, in (0, 1], rounded half up, but at least one row;
        it makes the data smaller and keeps its proportions
    :param empty: what an empty stratum is, "error" or "ignore"
    :param missing: what rows with a missing value are, "drop", "keep" or "error"; None takes the strategy's default
    :param weight: for ``reweigh``: the column of weights that rows have already, which are counted in place of rows
    :raises ConfigError: the parameters do not fit together
    """

    by: tuple[str, ...]
    strategy: Strategy = "undersample"
    size: int | None = None
    fraction: float | None = None
    empty: Empty = "error"
    missing: Missing | None = None
    weight: str | None = None

    def __post_init__(self) -> None:
        self._check_columns()
        _check_choice("strategy", self.strategy, get_args(Strategy))
        _check_choice("empty", self.empty, get_args(Empty))
        if self.missing is not None:
            _check_choice("missing", self.missing, get_args(Missing))
        self._check_quota()
        self._check_weight()

    def _check_weight(self) -> None:
        if self.weight is None:
            return
        if self.strategy != "reweigh":
            raise ConfigError(
                f"weight: {self.strategy} counts rows and not weights; leave weight out, or choose reweigh"
            )
        if self.weight in self.by:
            raise ConfigError(f"weight: {self.weight!r} also stands in by; rows have weights beside facet and label")

    def _check_columns(self) -> None:
        if isinstance(self.by, str) or (not self.by and is_list(self.by)):
            raise ConfigError(f"by: {self.by!r} is not a list of columns; give at least one, as in ['gender', 'label']")
        check_argument("by", self.by, COLUMNS)
        twice = [name for name, count in Counter(self.by).items() if count > 1]
        if twice:
            raise ConfigError(f"by: column {twice[0]!r} is listed twice; list it once")
        if self.strategy == "reweigh" and len(self.by) < 2:
            raise ConfigError(
                "by: reweigh makes facet and label independent, so it needs both; give the facets, then the label"
            )

    def _check_quota(self) -> None:
        if self.size is not None:
            if self.strategy == "reweigh":
                raise ConfigError("size: reweigh keeps every row; leave size out, or choose undersample or oversample")
            if self.fraction is not None:
                raise ConfigError("size and fraction: only one of them can set how many rows are kept; leave one out")
            if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 1:
                raise ConfigError(f"size: {self.size!r} is not a number of rows; give a whole number of at least 1")
        if self.fraction is not None:
            if self.strategy != "undersample":
                raise ConfigError(f"fraction: {self.strategy} never drops rows; leave it out, or choose undersample")
            if (
                isinstance(self.fraction, bool)
                or not isinstance(self.fraction, int | float)
                or not 0 < self.fraction <= 1
            ):
                raise ConfigError(
                    f"fraction: {self.fraction!r} is not a share of the rows; give one above 0, at most 1"
                )

    @property
    def missing_rows(self) -> Missing:
        """What happens to rows with a missing value."""
        return self.missing or ("keep" if self.strategy == "reweigh" else "drop")

    def plan(self, counts: Mapping[Stratum, int], weights: Mapping[Stratum, Fraction] | None = None) -> BalancePlan:
        """Settle what becomes of each stratum.

        :param counts: the rows of each stratum that occurs
        :param weights: the sum of the weights that these rows have already, where they have any
        :raises DataError: there are no rows to balance, or rows with a missing value that are not allowed
        :raises QuotaError: a stratum is empty, or has other than the rows that are asked of it
        """
        counts = {stratum: rows for stratum, rows in counts.items() if rows}
        if not counts:
            raise UnfitDataError("there is no row to balance; the source is empty")
        kept, warnings = self._drop_missing(counts)
        amounts: Mapping[Stratum, int | Fraction] = kept
        if weights is not None:
            # Rows of weight 0 count for nothing, so a stratum of nothing else is as empty as one without rows.
            amounts = {stratum: weights[stratum] for stratum in kept if weights[stratum]}
            if not amounts:
                raise DataError(f"weight: column '{self.weight}' is 0 in all rows, so there is nothing to balance")
        warnings += self._check_empty(amounts)
        quotas = self._compute_quotas(kept)
        factors = compute_weights(amounts) if self.strategy == "reweigh" else {}
        if weights is not None:
            factors = {stratum: factors.get(stratum, 0.0) for stratum in kept}
        shares = (
            StratumPlan(stratum, counts[stratum], quotas.get(stratum, 0), factors.get(stratum))
            for stratum in sorted(counts, key=_sort_key)
        )
        return BalancePlan(tuple(shares), tuple(warnings))

    def describe(self, stratum: Stratum) -> str:
        """A stratum as a person reads it: gender='F' and label='1'."""
        values = zip(self.by, stratum, strict=True)
        return " and ".join(f"{name} missing" if text is None else f"{name}={text!r}" for name, text in values)

    def _drop_missing(self, counts: Mapping[Stratum, int]) -> tuple[Mapping[Stratum, int], list[str]]:
        missing = sum(rows for stratum, rows in counts.items() if None in stratum)
        if not missing or self.missing_rows == "keep":
            return counts, []
        columns = " or ".join(self.by)
        rows = _count_rows(missing)
        if self.missing_rows == "error":
            raise DataError(
                f"{rows} without a value in {columns}; mend the data, or say missing='drop' or missing='keep'"
            )
        kept = {stratum: rows for stratum, rows in counts.items() if None not in stratum}
        if not kept:
            raise UnfitDataError(f"no row has a value in each of {columns}; check the columns, or say missing='keep'")
        return kept, [f"{rows} without a value in {columns}, left out; missing='keep' makes strata of them"]

    def _check_empty(self, counts: Mapping[Stratum, int | Fraction]) -> list[str]:
        # A share of nothing is nothing: a fraction can always be met.
        complete, incomplete = (0, 0) if self.fraction is not None else _count_empty(counts)
        empty = complete + incomplete
        if not empty:
            return []
        named = [self.describe(stratum) for stratum in itertools.islice(_iterate_absent(counts), _NAMED)]
        if self.empty == "error":
            others = f" ({_append_others(named[1:], empty - 1)})" if empty > 1 else ""
            drop = "say missing='drop' to leave out rows with a missing value, " if incomplete else ""
            what = "no row (count 0)" if self.weight is None else "no row with a weight above 0"
            raise QuotaError(
                f"{what} has {named[0]}{others}, so {self.strategy} cannot balance by {', '.join(self.by)}; "
                f"add such rows, balance by fewer columns, {drop}or say empty='ignore'"
            )
        return [f"combinations of values without any row, in the copy as in the source: {_append_others(named, empty)}"]

    def _compute_quotas(self, counts: Mapping[Stratum, int]) -> dict[Stratum, int]:
        if self.strategy == "reweigh":
            return dict(counts)
        if self.fraction is not None:
            return {stratum: _round_share(rows, self.fraction) for stratum, rows in counts.items()}
        if self.size is not None:
            self._check_size(counts, self.size)
            return dict.fromkeys(counts, self.size)
        extreme = min if self.strategy == "undersample" else max
        return dict.fromkeys(counts, extreme(counts.values()))

    def _check_size(self, counts: Mapping[Stratum, int], size: int) -> None:
        if self.strategy == "undersample":
            stratum = min(counts, key=lambda s: (counts[s], _sort_key(s)))
            if counts[stratum] < size:
                raise QuotaError(
                    f"{_count_rows(counts[stratum])} with {self.describe(stratum)}, fewer than the size of {size} "
                    f"asked for; ask for at most {counts[stratum]}, or choose oversample"
                )
        else:
            stratum = max(counts, key=lambda s: (counts[s], _sort_key(s)))
            if counts[stratum] > size:
                raise QuotaError(
                    f"{_count_rows(counts[stratum])} with {self.describe(stratum)}, more than the size of {size} asked "
                    f"for, and oversample drops none; ask for at least {counts[stratum]}, or choose undersample"
                )


@dataclass(frozen=True, slots=True)
class BalanceResult:
    """What was written, small enough for XCom.

    :param target: where the balanced data are
    :param by: the columns that made the strata
    :param strategy: how they were balanced
    :param seed: of the draw; the same data, columns and seed give the same rows again
    :param strata: what became of each stratum
    :param rows_in: rows of the source
    :param rows_out: rows of the target
    :param weight_column: the column that holds the weights, where the data were reweighed
    :param warnings: what the author should know
    """

    target: str
    by: tuple[str, ...]
    strategy: str
    seed: int
    strata: tuple[StratumPlan, ...]
    rows_in: int
    rows_out: int
    weight_column: str | None = None
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {
            "target": self.target,
            "by": list(self.by),
            "strategy": self.strategy,
            "seed": self.seed,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "weight_column": self.weight_column,
            "warnings": list(self.warnings),
            "strata": [
                {"values": list(share.values), "before": share.before, "after": share.after}
                | ({} if share.weight is None else {"weight": share.weight})
                for share in self.strata
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BalanceResult:
        """Read what :meth:`to_json` wrote."""
        strata = (
            StratumPlan(tuple(share["values"]), share["before"], share["after"], share.get("weight"))
            for share in data["strata"]
        )
        return cls(
            target=data["target"],
            by=tuple(data["by"]),
            strategy=data["strategy"],
            seed=data["seed"],
            strata=tuple(strata),
            rows_in=data["rows_in"],
            rows_out=data["rows_out"],
            weight_column=data.get("weight_column"),
            warnings=tuple(data.get("warnings", ())),
        )


def compute_weights(counts: Mapping[Stratum, int | Fraction]) -> dict[Stratum, float]:
    """The weight of a row of each stratum that makes facet and label independent.

    ``w(facet, label) = n(facet) n(label) / (n n(facet, label))``: what the count would be if the two were independent,
    over what it is (F. Kamiran and T. Calders, "Data preprocessing techniques for classification without
    discrimination", Knowledge and Information Systems 33, 2012). Where no stratum is empty the weights of
    all rows sum to the number of rows, and every facet has the same weighted share of each label. Where rows have
    weights already, n is a sum of these, and the weights found are factors of them, as in AIF360's ``Reweighing``.

    :param counts: rows of each stratum, or their weight; its last text is the label, all before it are the facet
    """
    facets: dict[Stratum, int | Fraction] = {}
    labels: dict[str | None, int | Fraction] = {}
    for stratum, amount in counts.items():
        facets[stratum[:-1]] = facets.get(stratum[:-1], 0) + amount
        labels[stratum[-1]] = labels.get(stratum[-1], 0) + amount
    total = sum(counts.values())
    return {
        stratum: float(facets[stratum[:-1]] * labels[stratum[-1]] / (total * amount))
        for stratum, amount in counts.items()
        if amount
    }


def _check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}: there is no {value!r}; choose one of {', '.join(allowed)}")


def _round_share(rows: int, fraction: float) -> int:
    """A share of some rows, rounded half up, at least one.

    The fraction is taken as the decimal it is written as: 0.15 of 10 rows is 2, though the float is a little less.
    """
    return max(1, math.floor(Fraction(str(fraction)) * rows + Fraction(1, 2)))


def _list_observed(counts: Mapping[Stratum, int | Fraction]) -> list[list[str]]:
    """The values that occur in each column, missing ones aside."""
    complete = [stratum for stratum in counts if None not in stratum]
    return [sorted(set(column)) for column in zip(*cast(list[tuple[str, ...]], complete), strict=True)]


def _split_groups_and_labels(counts: Mapping[Stratum, int | Fraction]) -> tuple[list[Stratum], list[Stratum]]:
    """What occurs in all columns but the last together, and what occurs in the last one."""
    groups, labels = {stratum[:-1] for stratum in counts}, {stratum[-1:] for stratum in counts}
    return sorted(groups, key=_sort_key), sorted(labels, key=_sort_key)


def _count_empty(counts: Mapping[Stratum, int | Fraction]) -> tuple[int, int]:
    """Count the expected strata that have no row: those of present values, and those with a missing one."""
    incomplete = sum(None in stratum for stratum in counts)
    complete = len(counts) - incomplete
    # Not by going through them: columns of identifiers make very many.
    empty = math.prod(map(len, _list_observed(counts))) - complete if complete else 0
    groups, labels = _split_groups_and_labels(counts)
    present_groups = sum(None not in group for group in groups)
    present_labels = sum(None not in label for label in labels)
    return empty, len(groups) * len(labels) - present_groups * present_labels - incomplete


def _iterate_absent(counts: Mapping[Stratum, int | Fraction]) -> Iterator[Stratum]:
    """Generate the expected strata that have no row, those without a missing value first."""
    yield from (stratum for stratum in itertools.product(*_list_observed(counts)) if stratum and stratum not in counts)
    groups, labels = _split_groups_and_labels(counts)
    for group, label in itertools.product(groups, labels):
        stratum = (*group, *label)
        if None in stratum and stratum not in counts:
            yield stratum


def _sort_key(stratum: Stratum) -> tuple[tuple[bool, str], ...]:
    return tuple((text is None, text or "") for text in stratum)


def _count_rows(count: int) -> str:
    """The number of rows as the beginning of a sentence: "there is 1 row" or "there are 5 rows"."""
    return "there is 1 row" if count == 1 else f"there are {count} rows"


def _append_others(named: Sequence[str], count: int) -> str:
    rest = count - len(named)
    return "; ".join(named) + (f"; and {rest} more" if rest > 0 else "")
