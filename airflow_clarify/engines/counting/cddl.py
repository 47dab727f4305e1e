"""CDDL computed in SQL, for group variables with too many values to fetch their cells into Python."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from airflow_clarify.engines.counting.cells import CellStore, round_significant, sum_column


def compute_disparities(cells: CellStore, keyed: exp.Select, *, drop_missing_groups: bool) -> dict[Any, float]:
    """Compute the conditional demographic disparity of every facet value.

    It is (1/n) times the sum over groups g of n_g (n_d,g(0) / n_g(0) - n_d,g(1) / n_g(1)), where 0/0 counts as 0, as in
    :func:`airflow_clarify.bias.metrics.compute_conditional_demographic_disparity`.

    :param cells: the raw cells
    :param keyed: the query for the cells to sum, with ``k_facet``, ``k_positive`` and ``k_grp``
    :param drop_missing_groups: leave rows without a group out
    :return: the disparity by ``k_facet``, from -1 to 1, rounded to 12 significant digits; empty if the total is 0
    :raises DataError: the query fails
    """
    facet, group = exp.column("k_facet"), exp.column("k_grp")
    # One row per facet value and group, with its sums and, by a window, those of the whole group: one pass, no join.
    by_facet = (
        exp.select(
            facet.copy(), group.copy(), *_sum_accepted_and_rejected("w" if cells.roles.weight is not None else "n")
        )
        .from_(keyed.subquery("keyed"))
        .group_by(facet.copy(), group.copy())
    )
    if drop_missing_groups:
        by_facet = by_facet.where(exp.not_(exp.Is(this=group.copy(), expression=exp.null())))
    with_group_sums = exp.select(
        facet.copy(), "accepted", "rejected", _sum_over_group("accepted"), _sum_over_group("rejected")
    ).from_(by_facet.subquery("by_facet"))
    size = exp.Add(this=exp.column("group_accepted"), expression=exp.column("group_rejected"))
    difference = exp.Sub(this=_build_share("rejected"), expression=_build_share("accepted"))
    term = exp.Mul(this=exp.paren(size), expression=exp.paren(difference))
    rows = exp.Add(this=exp.column("accepted"), expression=exp.column("rejected"))
    query = (
        exp.select(facet.copy(), exp.Anonymous(this="fsum", expressions=[term]), exp.func("sum", exp.paren(rows)))
        .from_(with_group_sums.subquery("with_group_sums"))
        .group_by(facet.copy())
    )
    sums = cells.execute(query)
    total = float(sum(rows_of_facet for _, _, rows_of_facet in sums))
    return (
        {name: round_significant(float(value) / total) for name, value, _ in sums if name is not None} if total else {}
    )


def _sum_accepted_and_rejected(sums: str) -> list[exp.Expr]:
    """Build the sums of the accepted (positive) and of the rejected rows or weights."""

    def sum_where(positive: int) -> exp.Expr:
        has_outcome = exp.EQ(this=exp.column("k_positive"), expression=exp.Literal.number(positive))
        total = sum_column(sums)
        total.expressions[0].replace(exp.case().when(has_outcome, exp.column(sums)).else_(exp.Literal.number(0)))
        return total

    return [sum_where(1).as_("accepted"), sum_where(0).as_("rejected")]


def _sum_over_group(name: str) -> exp.Expr:
    return exp.Window(this=exp.func("sum", exp.column(name)), partition_by=[exp.column("k_grp")]).as_(f"group_{name}")


def _build_share(name: str) -> exp.Expr:
    """Build a facet value's share of its group's accepted or rejected rows, with 0/0 = 0."""
    nonzero = exp.Nullif(this=exp.column(f"group_{name}"), expression=exp.Literal.number(0))
    quotient = exp.Div(this=exp.cast(exp.column(name), "DOUBLE"), expression=nonzero)
    return exp.Coalesce(this=quotient, expressions=[exp.Literal.number(0)])
