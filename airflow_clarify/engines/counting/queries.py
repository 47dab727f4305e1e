"""Build queries from names and expressions.

The builders of sqlglot parse texts and copy the query at every step, which takes longer than to run a small query.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp


def select_from(
    source: str | exp.Expr,
    *columns: str | exp.Expr,
    where: exp.Expr | None = None,
    group_by: Sequence[str | exp.Expr] = (),
) -> exp.Select:
    """Build ``SELECT columns FROM source WHERE where GROUP BY group_by``.

    :param source: the name of a table, or a relation
    :param columns: names of columns, or expressions
    :param where: the condition for the rows
    :param group_by: names of columns, or expressions
    """
    relation = exp.table_(source) if isinstance(source, str) else source
    query = exp.select(*map(_build_column, columns), copy=False).from_(relation, copy=False)
    if where is not None:
        query.where(where, copy=False)
    if group_by:
        query.group_by(*map(_build_column, group_by), copy=False)
    return query


def count_rows() -> exp.Expr:
    """Build ``COUNT(*)``, which has 64 bits in every dialect."""
    return exp.func("count", exp.Star())


def aggregate(function: str, column: str, *, distinct: bool = False) -> exp.Expr:
    """Build an aggregate of a column, such as ``COUNT(DISTINCT column)``.

    :param function: the name of the function, such as "count"
    :param column: the name of the column
    :param distinct: whether equal values are taken once
    """
    value: exp.Expr = exp.column(column)
    return exp.func(function, exp.Distinct(expressions=[value]) if distinct else value)


def _build_column(column: str | exp.Expr) -> exp.Expr:
    return exp.column(column) if isinstance(column, str) else column
