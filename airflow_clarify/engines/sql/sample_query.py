"""The SELECT of a balanced copy: which rows of each stratum, how often, and with which weight.

A stratum is told by the values that the database gave of it, so that it is the database that compares them.
"""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.bias.resampling import StratumPlan
from airflow_clarify.engines.counting.expressions import StorageType, category, null_if_missing

if TYPE_CHECKING:
    from airflow_clarify.bias.column_types import ColumnProfile

#: What the columns are called that only the statement itself sees.
_DRAW, _PLACE, _COPY = "airflow_clarify_draw", "airflow_clarify_place", "airflow_clarify_copy"

#: A stratum as the database gave it: a value of each column, None where it is missing.
Raw = tuple[Any, ...]


@dataclass(frozen=True)
class StratumColumn:
    """A column that the data are balanced by.

    :param read: the expression that reads it
    :param stored: how it is stored
    :param profile: what it holds
    :param na_values: the texts that mean "missing", where it holds cells of a text file
    """

    read: exp.Expr
    stored: StorageType
    profile: ColumnProfile
    na_values: frozenset[str] = frozenset()

    @property
    def value(self) -> exp.Expr:
        """Its values, compared as counting compares them; NULL where they are missing."""
        value = null_if_missing(self.read.copy(), self.stored, self.na_values)
        return category(value, self.stored, self.profile)

    def raw(self, value: Any, text: str | None) -> Any:
        """What :attr:`value` gives for a value.

        :param value: as the database gave it
        :param text: its text, None where it is missing
        """
        if text is None:
            return None
        if self.stored is StorageType.TEXT_CELL:
            return float(text) if self.profile.kind == "float" else text
        # Negative zero is zero.
        return value + 0.0 if isinstance(value, float) else value


@dataclass(frozen=True)
class SampleQuery:
    """How the rows of each stratum are chosen.

    :param columns: the columns that make the strata
    :param shares: what becomes of each stratum
    :param keys: the expressions that read the columns which tell rows apart; none draws at random
    :param seed: of the draw
    :param random: the database's function for a random number
    :param weight_column: the column to add, where rows are weighted
    :param prior_weight: the weight that a row has already, as a number, where it has one
    """

    columns: Sequence[StratumColumn]
    shares: Mapping[Raw, StratumPlan]
    keys: Sequence[exp.Expr]
    seed: int
    random: str
    weight_column: str | None
    prior_weight: exp.Expr | None = None

    @property
    def draws(self) -> bool:
        """Whether some rows of a stratum are chosen, and others are not."""
        return any(0 < share.drawn < share.before for share in self.shares.values())

    def select(self, rows: exp.Select, names: Sequence[str]) -> exp.Select:
        """The rows of the balanced copy.

        :param rows: all rows that take part
        :param names: their columns
        """
        selected = [exp.column(name, quoted=True) for name in names]
        source = rows.copy()
        if self.draws:
            # Some databases take no random number inside a window, and others compute it there again and again.
            drawn = exp.select(exp.Star(), self._build_draw_key().as_(_DRAW)).from_(source.subquery("data"))
            source = exp.select(exp.Star(), self._build_rank().as_(_PLACE)).from_(drawn.subquery("data"))
        query = exp.select(*selected).from_(source.subquery("data"))
        if self.weight_column is not None:
            weight = self._build_by_stratum(lambda share: share.weight or 0.0)
            if self.prior_weight is not None:
                weight = exp.Mul(this=self.prior_weight.copy(), expression=exp.paren(weight))
            query = query.select(weight.as_(self.weight_column, quoted=True))
        most = max(share.copies for share in self.shares.values())
        if not most:
            return query.where(self._is_drawn())
        copy, copies = exp.column(_COPY), self._build_by_stratum(lambda share: share.copies)
        is_last = exp.EQ(this=copy, expression=copies)
        is_written = exp.or_(exp.LT(this=copy.copy(), expression=copies.copy()), exp.and_(is_last, self._is_drawn()))
        return query.join(_build_number_series(most + 1), join_type="CROSS").where(is_written)

    def _is_drawn(self) -> exp.Expr:
        """Whether a row is one of those that are written once more."""
        drawn = self._build_by_stratum(lambda share: share.drawn)
        if self.draws:
            return exp.LTE(this=exp.column(_PLACE), expression=drawn)
        # All rows of a stratum are, or none.
        return exp.GT(this=drawn, expression=exp.Literal.number(0))

    def _build_draw_key(self) -> exp.Expr:
        """What a row draws: a digest of the seed and its key, or a number at random."""
        if not self.keys:
            return exp.Anonymous(this=self.random, expressions=[])
        parts: list[exp.Expr] = [exp.Literal.string(f"airflow-clarify draw 1 {self.seed:d}")]
        for key in self.keys:
            text = exp.cast(key.copy(), "VARCHAR")
            parts += [exp.Literal.string("|"), exp.Coalesce(this=text, expressions=[exp.Literal.string("")])]
        return exp.MD5(this=exp.Concat(expressions=parts, safe=False, coalesce=False))

    def _build_rank(self) -> exp.Expr:
        """The place of a row among those of its stratum, in the order of the draw."""
        order = [exp.column(_DRAW), *(key.copy() for key in self.keys)]
        # Without a word on NULLs, no dialect needs one of its own.
        ordered = exp.Order(expressions=[exp.Ordered(this=part, nulls_first=None) for part in order])
        return exp.Window(this=exp.RowNumber(), partition_by=[column.value for column in self.columns], order=ordered)

    def _build_by_stratum(self, of: Callable[[StratumPlan], int | float]) -> exp.Expr:
        return _build_stratum_number(self.columns, {raw: of(share) for raw, share in self.shares.items()})


def _build_stratum_number(columns: Sequence[StratumColumn], numbers: Mapping[Raw, int | float]) -> exp.Expr:
    """The number of a row's stratum: nested CASEs over the columns, the most frequent branch last."""
    if len(set(numbers.values())) == 1:
        return build_literal(next(iter(numbers.values())))
    by_value: dict[Any, dict[Raw, int | float]] = {}
    for raw, number in numbers.items():
        by_value.setdefault(raw[0], {})[raw[1:]] = number
    branches = {value: _build_stratum_number(columns[1:], inner) for value, inner in by_value.items()}
    common = Counter(branch.sql() for branch in branches.values()).most_common(1)[0][0]
    otherwise = next(branch for branch in branches.values() if branch.sql() == common)
    case = exp.case()
    for value, branch in branches.items():
        if branch.sql() != common:
            case = case.when(_build_equality(columns[0], value), branch)
    return case.else_(otherwise) if case.args.get("ifs") else otherwise


def _build_equality(column: StratumColumn, value: Any) -> exp.Expr:
    if value is None:
        return exp.Is(this=column.value, expression=exp.null())
    return exp.EQ(this=column.value, expression=build_literal(value))


def build_literal(value: Any) -> exp.Expr:
    """A value that a database gave, as it takes it."""
    if isinstance(value, float):
        # As a bare number it would be a decimal, and another one.
        return exp.cast(exp.Literal.string(repr(value)), "DOUBLE")
    if isinstance(value, bool | int | Decimal | str | datetime.date | datetime.datetime):
        return exp.convert(value)
    return exp.Literal.string(str(value))


def _build_number_series(count: int) -> exp.Subquery:
    """The numbers below ``count`` as rows, from their digits: no dialect lacks the words for that."""
    digits = max(1, math.ceil(math.log10(count))) if count > 1 else 1
    total: exp.Expr = exp.column("d", table="t0")
    for place in range(1, digits):
        scaled = exp.Mul(this=exp.column("d", table=f"t{place}"), expression=exp.Literal.number(10**place))
        total = exp.Add(this=total, expression=scaled)
    query = exp.select(total.copy().as_(_COPY)).from_(_build_digits("t0"))
    for place in range(1, digits):
        query = query.join(_build_digits(f"t{place}"), join_type="CROSS")
    return query.where(exp.LT(this=total, expression=exp.Literal.number(count))).subquery("copies")


def _build_digits(alias: str) -> exp.Subquery:
    query: exp.Query = exp.select(exp.Literal.number(0).as_("d"))
    for digit in range(1, 10):
        query = query.union(exp.select(exp.Literal.number(digit).as_("d")), distinct=False)
    return query.subquery(alias)
