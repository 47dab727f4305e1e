"""The SELECT of a balanced copy: the drawn rows of each stratum, their copies and their weights.

Strata are identified by the values that the database returned, so that the database's own comparison applies.
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
from airflow_clarify.engines.counting.expressions import StorageType, build_category_key, null_if_missing

if TYPE_CHECKING:
    from airflow_clarify.bias.column_types import ColumnProfile

#: The aliases of columns that only exist inside the statement.
_DRAW, _PLACE, _COPY = "airflow_clarify_draw", "airflow_clarify_place", "airflow_clarify_copy"

#: The values of a stratum as the database returned them, one per column; None is a missing value.
Raw = tuple[Any, ...]


@dataclass(frozen=True)
class StratumColumn:
    """A column that defines strata.

    :param read: the expression that reads the column
    :param stored: the storage type
    :param profile: the profile of its values
    :param na_values: the texts that mean "missing", if the column holds cells of a text file
    """

    read: exp.Expr
    stored: StorageType
    profile: ColumnProfile
    na_values: frozenset[str] = frozenset()

    @property
    def value(self) -> exp.Expr:
        """The expression for the column's category, as in counting; NULL if the value is missing."""
        value = null_if_missing(self.read.copy(), self.stored, self.na_values)
        return build_category_key(value, self.stored, self.profile)

    def to_raw(self, value: Any, text: str | None) -> Any:
        """Convert a value of the database to the result of :attr:`value`.

        :param value: the value that the database returned
        :param text: its text; None if the value is missing
        """
        if text is None:
            return None
        if self.stored is StorageType.TEXT_CELL:
            return float(text) if self.profile.kind == "float" else text
        # Converts negative zero to zero.
        return value + 0.0 if isinstance(value, float) else value


@dataclass(frozen=True)
class SampleQuery:
    """The selection of the rows of a balanced copy.

    :param columns: the columns that define the strata
    :param shares: the plan of each stratum
    :param keys: the expressions that read the columns of the key; without any, rows are drawn at random
    :param seed: the seed of the draw
    :param random: the database's function for a random number
    :param weight_column: the column of weights to add; None adds none
    :param prior_weight: the expression that reads an existing weight as a number; None if rows have none
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
        """Return whether only some rows of a stratum are drawn."""
        return any(0 < share.drawn < share.before for share in self.shares.values())

    def select(self, rows: exp.Select, names: Sequence[str]) -> exp.Select:
        """Select the rows of the balanced copy.

        :param rows: selects all rows
        :param names: the names of their columns
        """
        selected = [exp.column(name, quoted=True) for name in names]
        source = rows.copy()
        if self.draws:
            # Some databases refuse a random number inside a window, and others compute it repeatedly there.
            drawn = exp.select(exp.Star(), self._build_draw_key().as_(_DRAW)).from_(source.subquery("data"))
            source = exp.select(exp.Star(), self._build_rank().as_(_PLACE)).from_(drawn.subquery("data"))
        query = exp.select(*selected).from_(source.subquery("data"))
        if self.weight_column is not None:
            weight = self._build_by_stratum(lambda share: share.weight or 0.0)
            if self.prior_weight is not None:
                weight = exp.Mul(this=self.prior_weight.copy(), expression=exp.paren(weight))
            query = query.select(weight.as_(self.weight_column, quoted=True))
        max_copies = max(share.copies for share in self.shares.values())
        if not max_copies:
            return query.where(self._is_drawn())
        copy, copies = exp.column(_COPY), self._build_by_stratum(lambda share: share.copies)
        is_last = exp.EQ(this=copy, expression=copies)
        is_written = exp.or_(exp.LT(this=copy.copy(), expression=copies.copy()), exp.and_(is_last, self._is_drawn()))
        return query.join(_build_number_series(max_copies + 1), join_type="CROSS").where(is_written)

    def _is_drawn(self) -> exp.Expr:
        """Build the condition that a row is drawn, in addition to its full copies."""
        drawn = self._build_by_stratum(lambda share: share.drawn)
        if self.draws:
            return exp.LTE(this=exp.column(_PLACE), expression=drawn)
        # Every stratum is drawn completely, or not at all.
        return exp.GT(this=drawn, expression=exp.Literal.number(0))

    def _build_draw_key(self) -> exp.Expr:
        """Build the sort key of the draw: a digest of seed and key, or random."""
        if not self.keys:
            return exp.Anonymous(this=self.random, expressions=[])
        parts: list[exp.Expr] = [exp.Literal.string(f"airflow-clarify draw 1 {self.seed:d}")]
        for key in self.keys:
            text = exp.cast(key.copy(), "VARCHAR")
            parts += [exp.Literal.string("|"), exp.Coalesce(this=text, expressions=[exp.Literal.string("")])]
        return exp.MD5(this=exp.Concat(expressions=parts, safe=False, coalesce=False))

    def _build_rank(self) -> exp.Expr:
        """Build the rank of a row in its stratum, in the order of the draw."""
        order = [exp.column(_DRAW), *(key.copy() for key in self.keys)]
        # Without an explicit order of NULLs, no dialect needs an additional expression.
        ordered = exp.Order(expressions=[exp.Ordered(this=part, nulls_first=None) for part in order])
        return exp.Window(this=exp.RowNumber(), partition_by=[column.value for column in self.columns], order=ordered)

    def _build_by_stratum(self, get_number: Callable[[StratumPlan], int | float]) -> exp.Expr:
        return _build_stratum_number(self.columns, {raw: get_number(share) for raw, share in self.shares.items()})


def _build_stratum_number(columns: Sequence[StratumColumn], numbers: Mapping[Raw, int | float]) -> exp.Expr:
    """Build the number of a row's stratum as nested CASEs over the columns.

    The most frequent branch becomes the ELSE, which keeps the statement short.
    """
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
    """Build the literal of a value that a database returned.

    :param value: the value; types without a literal become texts
    """
    if isinstance(value, float):
        # A bare number would be read as a decimal, with a different value.
        return exp.cast(exp.Literal.string(repr(value)), "DOUBLE")
    if isinstance(value, bool | int | Decimal | str | datetime.date | datetime.datetime):
        return exp.convert(value)
    return exp.Literal.string(str(value))


def _build_number_series(count: int) -> exp.Subquery:
    """Build the numbers below ``count`` as rows, in SQL that all dialects support."""
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
