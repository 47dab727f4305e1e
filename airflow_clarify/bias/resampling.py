"""Stratified resampling and reweighing: the quota or the row weight of each stratum.

A stratum is the set of rows with the same values in the columns that the data are balanced by. The plan depends on the
row counts of the strata only; the engine selects the rows.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, cast, get_args

from airflow_clarify.bias.argument_types import COLUMNS, check_argument, is_list
from airflow_clarify.exceptions import ConfigError, QuotaError, UnfitDataError

#: The values of a stratum as text, one for each column; None where the value is missing.
Stratum = tuple[str | None, ...]

Strategy = Literal["undersample", "oversample", "reweigh"]
Missing = Literal["drop", "keep", "error"]
Empty = Literal["error", "ignore"]
IfExists = Literal["fail", "replace"]

#: The default name of the column that reweighing adds.
WEIGHT_COLUMN = "weight"

#: Resolves a column: a name or an index, the names of all columns, and the parameter for errors.
ResolveColumn = Callable[[str | int, Sequence[str], str], str]

#: The number of strata that a message lists before it abbreviates.
_MAX_LISTED = 3


@dataclass(frozen=True, slots=True)
class StratumPlan:
    """The row counts of a stratum before and after balancing, or its row weight.

    :param values: its values as text, in the order of the columns
    :param before: its number of rows in the source
    :param after: its number of rows in the balanced data
    :param weight: the weight of each of its rows, for ``reweigh``; where rows had weights before, the factor by which
        these are multiplied
    """

    values: Stratum
    before: int
    after: int
    weight: float | None = None

    @property
    def copies(self) -> int:
        """Number of times that every row is written, without the random draw.

        It is 0 for a stratum that keeps exactly its rows; :attr:`drawn` is then all of them.
        """
        return max(0, (self.after - 1) // self.before)

    @property
    def drawn(self) -> int:
        """Number of rows that are drawn at random and written once in addition to :attr:`copies`."""
        return self.after - self.copies * self.before


@dataclass(frozen=True, slots=True)
class BalancePlan:
    """The plan for all strata.

    :param shares: one entry per stratum, sorted by values
    :param warnings: one sentence each
    """

    shares: tuple[StratumPlan, ...]
    warnings: tuple[str, ...] = ()


def require_list(columns: Sequence[str | int], key: str) -> Sequence[str | int]:
    """Check that columns are given as a list.

    A string would be read as a list of characters.

    :param columns: column names or indexes
    :param key: the parameter for error messages
    :return: the columns, unchanged
    :raises ConfigError: ``columns`` is not a list of column names or indexes
    """
    if isinstance(columns, str):
        raise ConfigError(f"{key}: {columns!r} is not a list of columns; give one, such as [{columns!r}]")
    check_argument(key, columns, COLUMNS)
    return columns


@dataclass(frozen=True, slots=True)
class BalanceConfig:
    """Configure how a dataset is balanced.

    The constructor validates the parameters, so that a DAG fails while it is parsed.

    ``missing`` sets how rows with a missing value in one of the columns are handled, since their group is unknown:
    ``"drop"`` leaves them out (the default of ``undersample`` and ``oversample``, as in pandas' groupby), ``"keep"``
    treats "missing" as a value (the default of ``reweigh``, which keeps every row), and ``"error"`` refuses them.

    A combination of observed values without any row is an empty stratum. No row can be drawn from it and no weight can
    compensate for it, so it is an error, unless ``empty="ignore"`` leaves it empty with a warning. Where rows with a
    missing value are kept, all combinations of groups and labels, missing ones included, are expected to have rows:
    Clarify counts rows with a missing facet value in the rest of each group, and a missing label as not positive.

    :param by: the columns whose combined values define the strata; for ``reweigh`` the facets, followed by the label
    :param strategy: ``undersample`` draws as many rows from each stratum as the smallest one has; ``oversample``
        repeats rows until each stratum has as many as the largest one; ``reweigh`` keeps every row and adds a weight
    :param size: the number of rows of each stratum instead, for ``undersample`` and ``oversample``
    :param fraction: for ``undersample``: this fraction of each stratum, in (0, 1], rounded half up, but at least one
        row; it reduces the data and keeps their proportions
    :param empty: whether an empty stratum is an error, "error" or "ignore"
    :param missing: how rows with a missing value are handled, "drop", "keep" or "error"; None uses the default of the
        strategy
    :param weight: for ``reweigh``: the column of existing row weights, which are summed instead of counting rows; None
        uses that of the data configuration
    :param seed: the seed of the random draw, any whole number
    :param weight_column: the column that ``reweigh`` adds
    :param key: for tables: the columns that identify a row; without them the draw cannot be repeated
    :param if_exists: for tables: what to do if the target exists, "fail" (also the meaning of None) or "replace"
    :raises ConfigError: a parameter is not allowed, or two of them exclude each other
    """

    by: Sequence[str | int]
    strategy: Strategy = "undersample"
    size: int | None = None
    fraction: float | None = None
    empty: Empty = "error"
    missing: Missing | None = None
    weight: str | int | None = None
    seed: int = 0
    weight_column: str = WEIGHT_COLUMN
    key: Sequence[str | int] = ()
    if_exists: IfExists | None = None

    def __post_init__(self) -> None:
        self._check_columns()
        object.__setattr__(self, "by", tuple(self.by))
        object.__setattr__(self, "key", tuple(require_list(self.key, "key")))
        _check_choice("strategy", self.strategy, get_args(Strategy))
        _check_choice("empty", self.empty, get_args(Empty))
        if self.missing is not None:
            _check_choice("missing", self.missing, get_args(Missing))
        self._check_quota()
        self._check_weight()
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise ConfigError(f"seed: {self.seed!r} is not a whole number")
        if self.strategy == "reweigh" and not self.weight_column:
            raise ConfigError("weight_column: it is empty; give the column of weights a name")

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
    def names(self) -> tuple[str, ...]:
        """The columns that define the strata, as names."""
        return tuple(map(str, self.by))

    @property
    def added_column(self) -> str | None:
        """The column of weights that the copy has and the source does not; None if no column is added."""
        return self.weight_column if self.strategy == "reweigh" else None

    def resolve(self, columns: Sequence[str], weight: str | int | None, resolve: ResolveColumn) -> BalanceConfig:
        """Replace references to columns by their names, and check them against the columns of the data.

        :param columns: the names of the columns of the data
        :param weight: the weight column of the data configuration, which ``reweigh`` uses by default
        :param resolve: returns the name of a column, given a name or index, the columns, and the parameter for errors
        :return: the configuration with names only
        :raises ConfigError: a column does not exist, or ``weight_column`` exists already
        """
        prior = weight if self.weight is None and self.strategy == "reweigh" else self.weight
        resolved = replace(
            self,
            by=[resolve(column, columns, "by") for column in self.by],
            key=[resolve(column, columns, "key") for column in self.key],
            weight=None if prior is None else resolve(prior, columns, "weight"),
        )
        resolved.check_added_column(columns)
        return resolved

    def check_added_column(self, columns: Sequence[str]) -> None:
        """Check that the column of weights does not exist yet; names are compared without regard to case.

        :param columns: the names of the columns of the data
        :raises ConfigError: there is a column of this name
        """
        name = self.added_column
        # Names in DuckDB and in most databases are not case-sensitive.
        if name is not None and name.lower() in {str(column).lower() for column in columns}:
            raise ConfigError(f"weight_column: there is a column {name!r} already; choose another name")

    @property
    def missing_rows(self) -> Missing:
        """How rows with a missing value are handled, with the default of the strategy applied."""
        return self.missing or ("keep" if self.strategy == "reweigh" else "drop")

    def plan(self, counts: Mapping[Stratum, int], weights: Mapping[Stratum, Fraction] | None = None) -> BalancePlan:
        """Compute the quota or the weight of each stratum.

        :param counts: the number of rows of each stratum that occurs
        :param weights: the sum of the existing row weights of each stratum, where the data have such weights
        :return: the plan, with warnings about rows and strata that are left out
        :raises UnfitDataError: there are no rows to balance, or rows with a missing value, which ``missing`` refuses
        :raises QuotaError: a stratum is empty, or its size does not permit the quota
        """
        counts = {stratum: rows for stratum, rows in counts.items() if rows}
        if not counts:
            raise UnfitDataError("there is no row to balance; the source is empty")
        kept, warnings = self._drop_missing(counts)
        amounts: Mapping[Stratum, int | Fraction] = kept
        if weights is not None:
            # A stratum whose rows all have weight 0 is as empty as one without rows.
            amounts = {stratum: weights[stratum] for stratum in kept if weights[stratum]}
            if not amounts:
                raise UnfitDataError(f"weight: column '{self.weight}' is 0 in all rows, so there is nothing to balance")
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
        """Format a stratum for a message.

        :param stratum: its values, in the order of ``by``
        :return: such as ``gender='F' and label='1'``
        """
        values = zip(self.names, stratum, strict=True)
        return " and ".join(f"{name} missing" if text is None else f"{name}={text!r}" for name, text in values)

    def _drop_missing(self, counts: Mapping[Stratum, int]) -> tuple[Mapping[Stratum, int], list[str]]:
        missing = sum(rows for stratum, rows in counts.items() if None in stratum)
        if not missing or self.missing_rows == "keep":
            return counts, []
        columns = " or ".join(self.names)
        rows = _count_rows(missing)
        if self.missing_rows == "error":
            raise UnfitDataError(
                f"{rows} without a value in {columns}; correct the data, or set missing='drop' or missing='keep'"
            )
        kept = {stratum: rows for stratum, rows in counts.items() if None not in stratum}
        if not kept:
            raise UnfitDataError(f"no row has a value in each of {columns}; check the columns, or set missing='keep'")
        return kept, [f"{rows} without a value in {columns}, left out; missing='keep' makes strata of them"]

    def _check_empty(self, counts: Mapping[Stratum, int | Fraction]) -> list[str]:
        # With a fraction an empty stratum stays empty, so no quota can fail.
        complete, incomplete = (0, 0) if self.fraction is not None else _count_empty(counts)
        empty = complete + incomplete
        if not empty:
            return []
        listed = [self.describe(stratum) for stratum in itertools.islice(_iterate_absent(counts), _MAX_LISTED)]
        if self.empty == "error":
            others = f" ({_append_others(listed[1:], empty - 1)})" if empty > 1 else ""
            drop = "set missing='drop' to leave out rows with a missing value, " if incomplete else ""
            what = "no row (count 0)" if self.weight is None else "no row with a weight above 0"
            raise QuotaError(
                f"{what} has {listed[0]}{others}, so {self.strategy} cannot balance by {', '.join(self.names)}; "
                f"add such rows, balance by fewer columns, {drop}or set empty='ignore'"
            )
        return [
            f"combinations of values without any row, in the copy as in the source: {_append_others(listed, empty)}"
        ]

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
    """Summarize a balanced dataset, in a size that fits into XCom.

    :param target: the path or the table of the balanced data
    :param by: the columns that define the strata
    :param strategy: the balancing strategy
    :param seed: the seed of the draw; the same data, columns and seed select the same rows
    :param strata: row counts or weight of each stratum
    :param rows_in: number of rows of the source
    :param rows_out: number of rows of the target
    :param weight_column: the column with the weights, for ``reweigh``
    :param warnings: one sentence each
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
        """Serialize the result for XCom.

        :return: JSON values only
        """
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
        """Deserialize the output of :meth:`to_json`.

        :param data: the JSON object
        :return: the result
        """
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
    """Compute the row weight of each stratum that makes facet and label independent.

    ``w(facet, label) = n(facet) n(label) / (n n(facet, label))``: the expected count under independence divided by the
    observed count (F. Kamiran and T. Calders, "Data preprocessing techniques for classification without
    discrimination", Knowledge and Information Systems 33, 2012). Where no stratum is empty, the weights of all rows sum
    to the number of rows, and every facet value has the same weighted share of each label. Where rows already have
    weights, n is the sum of these and the result is a factor for them, as in AIF360's ``Reweighing``.

    :param counts: the number of rows of each stratum, or the sum of their weights; the last value of a stratum is the
        label, the values before it are the facets
    :return: the weight of each stratum that is not empty
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
    """Compute a fraction of a number of rows, rounded half up, but at least 1.

    The fraction is used as the decimal number that was written: 0.15 of 10 rows is 2, although the float 0.15 is
    slightly smaller.
    """
    return max(1, math.floor(Fraction(str(fraction)) * rows + Fraction(1, 2)))


def _list_observed(counts: Mapping[Stratum, int | Fraction]) -> list[list[str]]:
    """List the distinct values of each column, from the strata without a missing value."""
    complete = [stratum for stratum in counts if None not in stratum]
    return [sorted(set(column)) for column in zip(*cast(list[tuple[str, ...]], complete), strict=True)]


def _split_groups_and_labels(counts: Mapping[Stratum, int | Fraction]) -> tuple[list[Stratum], list[Stratum]]:
    """List the distinct groups (all columns but the last) and labels (the last column)."""
    groups, labels = {stratum[:-1] for stratum in counts}, {stratum[-1:] for stratum in counts}
    return sorted(groups, key=_sort_key), sorted(labels, key=_sort_key)


def _count_empty(counts: Mapping[Stratum, int | Fraction]) -> tuple[int, int]:
    """Count the expected strata without rows: those without and those with a missing value."""
    incomplete = sum(None in stratum for stratum in counts)
    complete = len(counts) - incomplete
    # Computed rather than enumerated, since identifier columns lead to very many combinations.
    empty = math.prod(map(len, _list_observed(counts))) - complete if complete else 0
    groups, labels = _split_groups_and_labels(counts)
    present_groups = sum(None not in group for group in groups)
    present_labels = sum(None not in label for label in labels)
    return empty, len(groups) * len(labels) - present_groups * present_labels - incomplete


def _iterate_absent(counts: Mapping[Stratum, int | Fraction]) -> Iterator[Stratum]:
    """Generate the expected strata without rows, those without a missing value first."""
    yield from (stratum for stratum in itertools.product(*_list_observed(counts)) if stratum and stratum not in counts)
    groups, labels = _split_groups_and_labels(counts)
    for group, label in itertools.product(groups, labels):
        stratum = (*group, *label)
        if None in stratum and stratum not in counts:
            yield stratum


def _sort_key(stratum: Stratum) -> tuple[tuple[bool, str], ...]:
    return tuple((text is None, text or "") for text in stratum)


def _count_rows(count: int) -> str:
    """Return the beginning of a sentence, "there is 1 row" or "there are 5 rows"."""
    return "there is 1 row" if count == 1 else f"there are {count} rows"


def _append_others(listed: Sequence[str], count: int) -> str:
    rest = count - len(listed)
    return "; ".join(listed) + (f"; and {rest} more" if rest > 0 else "")
