"""The statements that count raw cells: rows grouped by the values as they are stored.

They parse no text and infer no type.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import StorageType, cast_to_weight
from airflow_clarify.engines.counting.roles import ColumnRoles, name_facet_column
from airflow_clarify.engines.counting.weights import (
    build_square,
    build_weight_aggregates,
    check_weight_type,
    flag_unusable,
    select_usable_weight,
)

#: The table of the cells in an embedded DuckDB.
CELLS = "airflow_clarify_cells"


def select_roles(
    data: exp.Expr, roles: ColumnRoles, stored_weight: StorageType | None, weight_type: str = ""
) -> exp.Select:
    """Build the query for the rows, with one column for each role.

    A column that has several roles is selected once for each of them.

    :param data: the relation to select from
    :param roles: the analysed columns
    :param stored_weight: how the source stores the weights; None without weights
    :param weight_type: the source's name for their type
    :return: a query with the columns ``facet0`` and so on, ``label``, ``grp`` and ``weight``
    :raises ConfigError: the weight column is not numeric
    """
    selected = [_quote_column(name).as_(name_facet_column(number)) for number, name in enumerate(roles.columns)]
    selected.append(_quote_column(roles.label).as_("label"))
    if roles.group is not None:
        selected.append(_quote_column(roles.group).as_("grp"))
    if roles.weight is not None and stored_weight is not None:
        check_weight_type(roles.weight, stored_weight, weight_type)
        selected.append(cast_to_weight(_quote_column(roles.weight), stored_weight).as_("weight"))
    return exp.select(*selected).from_(data)


def build_grouping_sets_query(rows: exp.Select, roles: ColumnRoles) -> exp.Select:
    """Build the query that counts rows by the columns of each grouping set, label and group in one scan.

    Several sets are counted by GROUPING SETS; the column ``which`` then identifies the set, see
    :func:`compute_grouping_mask`.

    :param rows: the rows as selected by :func:`select_roles`
    :param roles: the analysed columns
    """
    columns = [name_facet_column(number) for number in range(len(roles.columns))]
    others = roles.key_columns
    query = exp.select(*columns, *others, *_build_aggregates(roles)).from_(rows.subquery("data_rows"))
    if len(roles.sets) == 1:
        return query.group_by(*columns, *others)
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
    return exp.select(*selected).from_(rows.subquery("data_rows"))


def select_facet_cells(facet: int, roles: ColumnRoles) -> exp.Subquery:
    """Build the subquery for the counts by one facet from the table of all cells.

    :param facet: the index of the facet
    :param roles: the analysed columns
    """
    names = [name_facet_column(number) for number in roles.list_columns(facet)]
    query = exp.select(*names, *roles.key_columns, *roles.sums).from_(CELLS)
    if len(roles.sets) > 1:
        query = query.where(exp.column("which").eq(compute_grouping_mask(roles.find_set(facet), len(roles.columns))))
    return query.subquery("cells")


def compute_grouping_mask(members: tuple[int, ...], columns: int) -> int:
    """Compute the value of ``which`` in the cells of a grouping set.

    As with SQL's GROUPING, a bit is set for each column that is aggregated away; the first has the highest bit.

    :param members: the indexes of the columns of the set
    :param columns: the number of all facet columns
    """
    return (1 << columns) - 1 - sum(1 << (columns - 1 - number) for number in members)


def _build_aggregates(roles: ColumnRoles) -> list[exp.Expr]:
    rows = exp.Count(this=exp.Star()).as_("n")
    return [rows] if roles.weight is None else [rows, *build_weight_aggregates(exp.column("weight"))]


def _quote_column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)
