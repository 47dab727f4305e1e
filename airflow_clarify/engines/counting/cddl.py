"""CDDL and CDDPL computed in SQL, for group variables with too many values to fetch their cells into Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp, parse_one

from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.weights import round_significant, sum_column

#: A facet value's share of its group's rejected and accepted rows, with 0/0 = 0.
_SHARE = "COALESCE(CAST({outcome} AS DOUBLE) / NULLIF(group_{outcome}, 0), 0)"


def compute_disparities(
    cells: CellStore, keyed: exp.Select, facet: Sequence[str], outcome: str, *, drop_missing_groups: bool
) -> dict[tuple[Any, ...], float]:
    """Compute the conditional demographic disparity of every facet value.

    It is (1/n) times the sum over groups g of n_g (n_d,g(0) / n_g(0) - n_d,g(1) / n_g(1)), where 0/0 counts as 0, as in
    :func:`airflow_clarify.bias.metrics.compute_conditional_demographic_disparity`.

    :param cells: the raw cells
    :param keyed: the query for the cells to sum, with the columns of the facet, the outcome and ``k_grp``
    :param facet: the names of the key columns of the facet
    :param outcome: the column that is 1 for accepted rows and 0 for rejected ones: "k_positive" or "k_predicted"
    :param drop_missing_groups: leave rows without a group out
    :return: the disparity by facet key, from -1 to 1, rounded to 12 significant digits; empty if the total is 0. Keys
        with a missing value are left out
    :raises DataError: the query fails
    """
    sums = "w" if cells.roles.weight is not None else "n"
    # One row per facet value and group, with its sums and, by a window, those of the whole group: one pass, no join.
    by_facet = (
        exp.select(
            *facet, "k_grp", _sum_outcome(sums, outcome, 1, "accepted"), _sum_outcome(sums, outcome, 0, "rejected")
        )
        .from_(keyed.subquery("keyed"))
        .group_by(*facet, "k_grp")
    )
    if drop_missing_groups:
        by_facet = by_facet.where("NOT k_grp IS NULL")
    with_group_sums = exp.select(
        *(*facet, "accepted", "rejected"),
        "SUM(accepted) OVER (PARTITION BY k_grp) AS group_accepted",
        "SUM(rejected) OVER (PARTITION BY k_grp) AS group_rejected",
    ).from_(by_facet.subquery("by_facet"))
    size = exp.column("group_accepted") + exp.column("group_rejected")
    rejected, accepted = (parse_one(_SHARE.format(outcome=name)) for name in ("rejected", "accepted"))
    query = (
        exp.select(
            *facet, exp.Anonymous(this="fsum", expressions=[size * (rejected - accepted)]), "SUM(accepted + rejected)"
        )
        .from_(with_group_sums.subquery("with_group_sums"))
        .group_by(*facet)
    )
    found = cells.execute(query)
    total = float(sum(rows for *_, rows in found))
    return {
        tuple(key): round_significant(float(value) / total)
        for *key, value, _ in found
        if total and all(part is not None for part in key)
    }


def _sum_outcome(sums: str, outcome: str, value: int, name: str) -> exp.Expr:
    """Build the sum of the rows or weights with one outcome."""
    total = sum_column(sums)
    total.set("expressions", [parse_one(f"CASE WHEN {outcome} = {value} THEN {sums} ELSE 0 END")])
    return total.as_(name)
