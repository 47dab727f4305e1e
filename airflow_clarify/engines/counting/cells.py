"""Raw cells: the number of rows with each raw facet value, label and group, and the protocol to query them.

The statement that creates them groups by the values as they are stored. It parses no text and infers no type.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import StorageType, cast_to_weight
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.engines.counting.column_profile import CellColumn

#: Weights other than 0 must lie between these bounds, so that the sum of their squares is finite and above 0 for any
#: number of rows.
SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-100, 1e100


#: The number of first rows examined to estimate whether the data have few distinct weights, and the largest number of
#: distinct weights that counts as few. A wrong estimate costs only time, or the last digits of sums.
_HEAD, _FEW_WEIGHTS = 10_000, 256


class CellStore(Protocol):
    """The raw cells of a dataset, which can be queried with SQL."""

    @property
    def roles(self) -> ColumnRoles:
        """Return the analysed columns and their roles."""
        ...

    @property
    def na_values(self) -> frozenset[str]:
        """Return the texts that count as missing in the columns of a text file."""
        ...

    @property
    def categorical(self) -> frozenset[str]:
        """Return the columns that are compared by equality whatever their type."""
        ...

    @property
    def held_as_objects(self) -> frozenset[str]:
        """Return the numeric columns of a DataFrame that have the dtype object."""
        ...

    def get_storage_type(self, column: str) -> StorageType:
        """Return how the source stores a column.

        :param column: the name of the column
        """
        ...

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """Build the subquery for the counts by one facet.

        Its columns are ``facet``, ``label``, ``grp`` (if there is a group variable) and the sums.

        :param facet: the index of the facet
        """
        ...

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query with a small result and fetch all of its rows.

        :param query: the query
        :return: the rows
        :raises DataError: the query fails; the message gives the reason
        """
        ...

    def build_category_key(self, column: CellColumn) -> exp.Expr:
        """Build the expression by which the categories of a column are grouped.

        :param column: the column
        """
        ...

    def format_categories(self, column: CellColumn, categories: Sequence[Any]) -> list[str | None]:
        """Format category keys as the texts that Clarify writes.

        :param column: the column
        :param categories: values of its category key
        :return: the text of each; None for a missing value
        """
        ...

    def order_values(self, column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
        """Sort the values of a facet into the order of the analysis.

        :param column: the column
        :param values: its values; None for a missing value
        """
        ...


def name_facet_column(number: int) -> str:
    """Return the column name of a facet in the cells of all facets.

    :param number: the index of the facet
    """
    return f"facet{number}"


def grouping_mask(facet: int, facets: int) -> int:
    """Compute the value of ``which`` in the cells of a facet.

    As with SQL's GROUPING, a bit is set for each facet that is aggregated away; the first facet has the highest bit.

    :param facet: the index of the facet
    :param facets: the number of facets
    """
    return (1 << facets) - 1 - (1 << (facets - 1 - facet))


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
    selected = [_quote_column(facet).as_(name_facet_column(number)) for number, facet in enumerate(roles.facets)]
    selected.append(_quote_column(roles.label).as_("label"))
    if roles.group is not None:
        selected.append(_quote_column(roles.group).as_("grp"))
    if roles.weight is not None and stored_weight is not None:
        check_weight_type(roles.weight, stored_weight, weight_type)
        selected.append(cast_to_weight(_quote_column(roles.weight), stored_weight).as_("weight"))
    return exp.select(*selected).from_(data)


def count_weights(rows: exp.Select) -> exp.Select:
    """Build the query for the number of distinct weights among the first rows.

    :param rows: the rows as selected by :func:`select_roles`
    """
    head = exp.select("weight").from_(rows.subquery("data_rows")).limit(_HEAD)
    distinct = exp.Count(this=exp.Distinct(expressions=[exp.column("weight")]))
    return exp.select(distinct).from_(head.subquery("first_rows"))


def has_few_weights(found: int) -> bool:
    """Check whether the weights are few enough to be cell keys of their own.

    :param found: the number of distinct weights among the first rows
    """
    return found <= _FEW_WEIGHTS


def build_grouping_sets_query(rows: exp.Select, roles: ColumnRoles) -> exp.Select:
    """Build the query that counts rows by each facet, label and group in one scan.

    Several facets are counted by GROUPING SETS; the column ``which`` then identifies the facet, see
    :func:`grouping_mask`.

    :param rows: the rows as selected by :func:`select_roles`
    :param roles: the analysed columns
    """
    facets = [exp.column(name_facet_column(number)) for number in range(len(roles.facets))]
    others = _list_other_roles(roles)
    query = exp.select(*facets, *others, *_build_aggregates(roles)).from_(rows.subquery("data_rows"))
    if len(facets) == 1:
        return query.group_by(*facets, *others)
    # GROUPING with several arguments returns a bit for each in some dialects, and is an error in others.
    bits: list[exp.Expr] = [
        exp.Mul(
            this=exp.Anonymous(this="GROUPING", expressions=[facet.copy()]),
            expression=exp.Literal.number(1 << (len(facets) - 1 - number)),
        )
        for number, facet in enumerate(facets)
    ]
    which = bits[0]
    for bit in bits[1:]:
        which = exp.Add(this=which, expression=bit)
    sets = [exp.Tuple(expressions=[facet.copy(), *(other.copy() for other in others)]) for facet in facets]
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
    selected = [
        exp.column(name_facet_column(facet)).as_("facet"),
        *_list_other_roles(roles),
        exp.Literal.number(1).as_("n"),
    ]
    if roles.weight is not None:
        weight = exp.column("weight")
        selected += [
            _flag_unusable(weight).as_("bad"),
            _select_usable_weight(weight).as_("w"),
            _build_square(weight).as_("w2"),
        ]
    return exp.select(*selected).from_(rows.subquery("data_rows"))


def check_rows(location: str, roles: ColumnRoles, rows: int | None, unusable: int | None) -> None:
    """Check that the data have rows, and that every row has a usable weight.

    :param location: the location of the data, for error messages
    :param roles: the analysed columns
    :param rows: the number of rows, summed over all facets
    :param unusable: the number of them with an unusable weight
    :raises DataError: there are no rows, or some have no usable weight
    """
    if not rows:
        raise UnfitDataError(f"{location}: the data hold no rows, so there is nothing to measure")
    if unusable:
        # With several facets, every row is counted once for each.
        facets = len(roles.facets)
        raise unusable_weights_error(str(roles.weight), int(unusable) // facets, int(rows) // facets)


def unusable_weights_error(column: str, unusable: int, rows: int) -> DataError:
    """Build the error for rows without a usable weight.

    :param column: the column
    :param unusable: the number of rows without a usable weight
    :param rows: the number of all rows
    """
    return DataError(
        f"weight: column '{column}' has {unusable} of {rows} rows without a number from 0; every row needs a weight, "
        f"which is 0 or between {SMALLEST_WEIGHT:g} and {LARGEST_WEIGHT:g}"
    )


def check_weight_type(column: str, stored: StorageType, type_name: str) -> None:
    """Check that a column is of a type that can hold weights.

    :param column: the name of the column
    :param stored: how the source stores it
    :param type_name: the source's name for its type; empty if unknown
    :raises ConfigError: the type cannot hold weights
    """
    if stored in (StorageType.TIMESTAMP, StorageType.OTHER) and type_name:
        raise ConfigError(f"weight: column '{column}' holds {type_name} values, which cannot be weights")


def build_weight_check_query(roles: ColumnRoles, cells: str | exp.Expr) -> exp.Select:
    """Build the query for the number of rows and of unusable weights, for :func:`check_rows`.

    :param roles: the analysed columns
    :param cells: the table of the cells
    """
    counted = [exp.func("sum", exp.column("n"))]
    if roles.weight is not None:
        counted.append(exp.func("sum", exp.column("bad")))
    return exp.select(*counted).from_(cells)


def sum_column(column: str) -> exp.Expr:
    """Build the sum of an additive column of the cells.

    Sums of weights use compensated (Kahan) summation, so that they hardly depend on the order of the rows.

    :param column: "n", a row count, or a sum of weights
    """
    return exp.Anonymous(this="sum" if column == "n" else "fsum", expressions=[exp.column(column)])


def round_significant(total: float) -> float:
    """Round to 12 significant digits; the rest depends on the order in which threads add.

    :param total: a sum of weights
    """
    return float(f"{total:.12g}")


def _list_other_roles(roles: ColumnRoles) -> list[exp.Expr]:
    names = ["label", *(["grp"] if roles.group is not None else []), *(["weight"] if roles.weights_apart else [])]
    return [exp.column(name) for name in names]


def _build_aggregates(roles: ColumnRoles) -> list[exp.Expr]:
    rows = exp.Count(this=exp.Star()).as_("n")
    if roles.weight is None:
        return [rows]
    weight = exp.column("weight")
    # fsum compensates for rounding, so that the result hardly depends on the order of the threads.
    return [
        rows,
        *sum_weights(weight),
        exp.Anonymous(this="fsum", expressions=[_build_square(weight)]).as_("w2"),
    ]


def _flag_unusable(weight: exp.Expr) -> exp.Expr:
    """Flag unusable weights: 0 for zero and for numbers within the bounds, else 1."""
    return exp.case().when(_is_usable(weight), exp.Literal.number(0)).else_(exp.Literal.number(1))


def sum_weights(weight: exp.Expr) -> list[exp.Expr]:
    """Build ``bad``, the number of unusable weights, and ``w``, the sum of the others.

    :param weight: an expression from :func:`~airflow_clarify.engines.counting.expressions.cast_to_weight`
    """
    return [
        exp.func("sum", _flag_unusable(weight)).as_("bad"),
        exp.Anonymous(this="fsum", expressions=[_select_usable_weight(weight)]).as_("w"),
    ]


def _is_usable(weight: exp.Expr) -> exp.Expr:
    smallest, largest = (
        exp.cast(exp.Literal.string(repr(bound)), "DOUBLE") for bound in (SMALLEST_WEIGHT, LARGEST_WEIGHT)
    )
    is_zero = exp.EQ(this=weight.copy(), expression=exp.Literal.number(0))
    # Some databases order NaN above all numbers, in others it compares false; neither is within this range.
    is_ordinary = exp.and_(
        exp.GTE(this=weight.copy(), expression=smallest), exp.LTE(this=weight.copy(), expression=largest)
    )
    return exp.or_(is_zero, exp.paren(is_ordinary))


def _select_usable_weight(weight: exp.Expr) -> exp.Expr:
    """Select usable weights, else NULL, as sums and squares that overflow are errors in some databases."""
    return exp.case().when(_is_usable(weight), weight.copy())


def _build_square(weight: exp.Expr) -> exp.Expr:
    return exp.case().when(_is_usable(weight), exp.Mul(this=weight.copy(), expression=weight.copy()))


def _quote_column(name: str) -> Any:
    return exp.column(name, quoted=True)
