"""The statements that count raw cells: rows grouped by the values as they are stored.

They parse no text and infer no type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import StorageType, build_score_code, cast_to_weight
from airflow_clarify.engines.counting.queries import count_rows, select_from
from airflow_clarify.engines.counting.roles import ColumnRoles, name_facet_column
from airflow_clarify.engines.counting.weights import (
    build_square,
    build_weight_aggregates,
    flag_unusable,
    select_usable_weight,
    sum_column,
)

#: The table of the cells in an embedded DuckDB.
CELLS = "airflow_clarify_cells"


def select_roles(
    data: exp.Expr, roles: ColumnRoles, numbers: Mapping[str, StorageType], na_values: Collection[str] = ()
) -> exp.Select:
    """Build the query for the rows, with one column for each role.

    A column that has several roles is selected once for each of them.

    :param data: the relation to select from
    :param roles: the analysed columns
    :param numbers: how the source stores the columns that are read as numbers: weights and scores
    :param na_values: the texts that count as missing in the columns of a text file
    :return: a query with the columns ``facet0`` and so on, ``label``, ``grp``, ``pred`` and ``weight``
    """
    selected: list[exp.Expr] = [
        exp.column(name, quoted=True).as_(role) for name, role in roles.list_cell_columns() if role != "pred"
    ]
    if roles.prediction is not None:
        prediction: exp.Expr = exp.column(roles.prediction, quoted=True)
        if roles.score_threshold is not None:
            prediction = build_score_code(prediction, numbers[roles.prediction], na_values, roles.score_threshold)
        selected.append(prediction.as_("pred"))
    if roles.weight is not None:
        selected.append(cast_to_weight(exp.column(roles.weight, quoted=True), numbers[roles.weight]).as_("weight"))
    return select_from(data, *selected)


def build_grouping_sets_query(rows: exp.Select, roles: ColumnRoles, *, jointly: bool = False) -> exp.Select:
    """Build the query that counts rows by the columns of each grouping set, label and group in one scan.

    Several sets are counted by GROUPING SETS; the column ``which`` then identifies the set, see
    :func:`compute_grouping_mask`.

    :param rows: the rows as selected by :func:`select_roles`
    :param roles: the analysed columns
    :param jointly: whether to count the rows by all columns together first, and add up the sets from these counts. It
        is faster where a database evaluates grouping sets row by row, and the columns have few combinations
    """
    columns = [name_facet_column(number) for number in range(len(roles.columns))]
    others = roles.key_columns
    data, aggregates = rows.subquery("data_rows"), _build_aggregates(roles)
    if jointly:
        joint = select_from(data, *columns, *others, *aggregates, group_by=[*columns, *others])
        data = joint.subquery("joint_cells")
        aggregates = [sum_column(name).as_(name) for name in ("n", *(("bad", "w", "w2") if roles.weight else ()))]
    if len(roles.sets) == 1:
        return select_from(data, *columns, *others, *aggregates, group_by=[*columns, *others])
    query = select_from(data, *columns, *others, *aggregates)
    # GROUPING with several arguments returns a bit for each in some dialects, and is an error in others.
    which: exp.Expr | None = None
    for number, name in enumerate(columns):
        grouping = exp.Anonymous(this="GROUPING", expressions=[exp.column(name)])
        bit = exp.Mul(this=grouping, expression=exp.Literal.number(1 << (len(columns) - 1 - number)))
        which = bit if which is None else exp.Add(this=which, expression=bit)
    assert which is not None
    sets = [
        exp.Tuple(expressions=[exp.column(name) for name in (*(columns[number] for number in members), *others)])
        for members in roles.sets
    ]
    query = query.select(which.as_("which"))
    query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
    return query


def build_ungrouped_query(rows: exp.Select, roles: ColumnRoles, facet: int) -> exp.Select:
    """Build the query that selects each row as a cell of its own, without grouping.

    Used when nearly every row is its own cell, where a GROUP BY would cost more than it saves.

    :param rows: the rows as selected by :func:`select_roles`
    :param roles: the analysed columns
    :param facet: the index of the facet
    """
    names = [name_facet_column(number) for number in roles.list_columns(facet)] + roles.key_columns
    selected: list[str | exp.Expr] = [*names, exp.Literal.number(1).as_("n")]
    if roles.weight is not None:
        weight = exp.column("weight")
        selected += [
            flag_unusable(weight).as_("bad"),
            select_usable_weight(weight).as_("w"),
            build_square(weight).as_("w2"),
        ]
    return select_from(rows.subquery("data_rows"), *selected)


def select_facet_cells(facet: int, roles: ColumnRoles) -> exp.Subquery:
    """Build the subquery for the counts by one facet from the table of all cells.

    :param facet: the index of the facet
    :param roles: the analysed columns
    """
    names = [name_facet_column(number) for number in roles.list_columns(facet)]
    in_set: exp.Expr | None = None
    if len(roles.sets) > 1:
        in_set = exp.column("which").eq(compute_grouping_mask(roles.find_set(facet), len(roles.columns)))
    return select_from(CELLS, *names, *roles.key_columns, *roles.sums, where=in_set).subquery("cells", copy=False)


def compute_grouping_mask(members: tuple[int, ...], columns: int) -> int:
    """Compute the value of ``which`` in the cells of a grouping set.

    As with SQL's GROUPING, a bit is set for each column that is aggregated away; the first has the highest bit.

    :param members: the indexes of the columns of the set
    :param columns: the number of all facet columns
    """
    return (1 << columns) - 1 - sum(1 << (columns - 1 - number) for number in members)


def _build_aggregates(roles: ColumnRoles) -> list[exp.Expr]:
    rows = count_rows().as_("n")
    return [rows] if roles.weight is None else [rows, *build_weight_aggregates(exp.column("weight"))]
