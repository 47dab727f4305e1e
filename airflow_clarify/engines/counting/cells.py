"""Raw cells: how many rows have each raw facet value, label and group; and what every engine's cells can be asked.

The statement that makes them parses nothing and guesses nothing: it groups by the cells as they stand in the data.
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

#: Weights other than 0 lie between these: sums of their squares are then finite and above 0, however many they are.
SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-100, 1e100


#: So many rows are looked at to guess whether weights are few, and so many different ones are. A wrong guess costs time
#: or the last digits of sums, and nothing else.
_HEAD, _FEW_WEIGHTS = 10_000, 256


class CellStore(Protocol):
    """The raw cells of a dataset, as something that SQL can be put to."""

    @property
    def roles(self) -> ColumnRoles:
        """The columns that take part."""
        ...

    @property
    def na_values(self) -> frozenset[str]:
        """The texts that mean "missing" in columns whose cells are texts of a file."""
        ...

    @property
    def categorical(self) -> frozenset[str]:
        """Columns that are compared by equality, whatever they hold."""
        ...

    @property
    def held_as_objects(self) -> frozenset[str]:
        """Columns of numbers in a DataFrame that have the dtype object."""
        ...

    def get_storage_type(self, column: str) -> StorageType:
        """How the source stores a column."""
        ...

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """The counts by one facet: ``facet``, ``label``, ``grp`` (where there is a group variable) and the sums."""
        ...

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query and fetch all of its rows; they are few.

        :raises DataError: it cannot be run; the sentence says why
        """
        ...

    def build_category_key(self, column: CellColumn) -> exp.Expr:
        """What tells the categories of a column apart in a query."""
        ...

    def format_categories(self, column: CellColumn, categories: Sequence[Any]) -> list[str | None]:
        """Such categories, as the texts that Clarify writes."""
        ...

    def order_values(self, column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
        """The values of a facet, in the order in which they are listed."""
        ...


def name_facet_column(number: int) -> str:
    """The name under which a facet stands among the cells of all facets."""
    return f"facet{number}"


def grouping_mask(facet: int, facets: int) -> int:
    """What ``which`` is in the cells of a facet: a bit for every other one, the first facet's the highest."""
    return (1 << facets) - 1 - (1 << (facets - 1 - facet))


def select_roles(
    data: exp.Expr, roles: ColumnRoles, stored_weight: StorageType | None, weight_type: str = ""
) -> exp.Select:
    """The rows with their columns under the names of the cells, one each: a column can have several roles.

    :param data: what to select from
    :param roles: the columns that take part
    :param stored_weight: how the source stores the weights, where there are any
    :param weight_type: what the source calls their type
    :raises ConfigError: the weights are no numbers
    """
    selected = [_alias(facet).as_(name_facet_column(number)) for number, facet in enumerate(roles.facets)]
    selected.append(_alias(roles.label).as_("label"))
    if roles.group is not None:
        selected.append(_alias(roles.group).as_("grp"))
    if roles.weight is not None and stored_weight is not None:
        check_weight_type(roles.weight, stored_weight, weight_type)
        selected.append(cast_to_weight(_alias(roles.weight), stored_weight).as_("weight"))
    return exp.select(*selected).from_(data)


def count_weights(rows: exp.Select) -> exp.Select:
    """Build the query for the number of different weights among the first rows.

    :param rows: as :func:`role_rows` gives them
    """
    head = exp.select("weight").from_(rows.subquery("data_rows")).limit(_HEAD)
    distinct = exp.Count(this=exp.Distinct(expressions=[exp.column("weight")]))
    return exp.select(distinct).from_(head.subquery("first_rows"))


def has_few_weights(found: int) -> bool:
    """Whether so many different weights among the first rows are few enough to count each apart."""
    return found <= _FEW_WEIGHTS


def build_grouping_sets_query(rows: exp.Select, roles: ColumnRoles) -> exp.Select:
    """Group the rows by each facet with the label and the group, several facets in the same scan (grouping sets).

    :param rows: as :func:`role_rows` gives them
    :param roles: the columns that take part
    """
    facets = [exp.column(name_facet_column(number)) for number in range(len(roles.facets))]
    others = _list_other_roles(roles)
    query = exp.select(*facets, *others, *_build_aggregates(roles)).from_(rows.subquery("data_rows"))
    if len(facets) == 1:
        return query.group_by(*facets, *others)
    # GROUPING of several columns at once has a bit for each in some dialects, and is an error in others.
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
    """Each row as a cell of its own: where there are hardly fewer cells than rows, to add them up first is for nothing.

    :param rows: as :func:`role_rows` gives them
    :param roles: the columns that take part
    :param facet: which facet
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
            _square(weight).as_("w2"),
        ]
    return exp.select(*selected).from_(rows.subquery("data_rows"))


def check_rows(location: str, roles: ColumnRoles, rows: int | None, unusable: int | None) -> None:
    """See that there is something to measure.

    :param location: the data, as an error names them
    :param roles: the columns that take part
    :param rows: how many were counted, by all facets
    :param unusable: how many of them have no usable weight
    :raises DataError: there are no rows, or some without a weight
    """
    if not rows:
        raise UnfitDataError(f"{location}: the data hold no rows, so there is nothing to measure")
    if unusable:
        # Several facets count every row once each.
        facets = len(roles.facets)
        raise unusable_weights_error(str(roles.weight), int(unusable) // facets, int(rows) // facets)


def unusable_weights_error(column: str, unusable: int, rows: int) -> DataError:
    """Name a column of weights that some rows lack.

    :param column: the column
    :param unusable: how many rows have no usable weight
    :param rows: of how many
    """
    return DataError(
        f"weight: column '{column}' has {unusable} of {rows} rows without a number from 0; every row needs a weight, "
        f"which is 0 or between {SMALLEST_WEIGHT:g} and {LARGEST_WEIGHT:g}"
    )


def check_weight_type(column: str, stored: StorageType, type_name: str) -> None:
    """See that the values of a column can be weights.

    :param column: the column
    :param stored: how the source stores it
    :param type_name: what the source calls its type; empty where that is not known
    :raises ConfigError: they cannot
    """
    if stored in (StorageType.TIMESTAMP, StorageType.OTHER) and type_name:
        raise ConfigError(f"weight: column '{column}' holds {type_name} values, which are no weights")


def build_weight_check_query(roles: ColumnRoles, cells: str | exp.Expr) -> exp.Select:
    """The query for the numbers that :func:`check_rows` judges."""
    counted = [exp.func("sum", exp.column("n"))]
    if roles.weight is not None:
        counted.append(exp.func("sum", exp.column("bad")))
    return exp.select(*counted).from_(cells)


def sum_column(column: str) -> exp.Expr:
    """The sum of one of the columns that can be added up, which do not depend on the order as far as they can help it.

    :param column: "n", which is exact, or a sum of weights, whose rounding is compensated for (Kahan)
    """
    return exp.Anonymous(this="sum" if column == "n" else "fsum", expressions=[exp.column(column)])


def round_significant(total: float) -> float:
    """A sum to 12 digits: what is far beyond depends on the order in which threads add."""
    return float(f"{total:.12g}")


def _list_other_roles(roles: ColumnRoles) -> list[exp.Expr]:
    names = ["label", *(["grp"] if roles.group is not None else []), *(["weight"] if roles.weights_apart else [])]
    return [exp.column(name) for name in names]


def _build_aggregates(roles: ColumnRoles) -> list[exp.Expr]:
    rows = exp.Count(this=exp.Star()).as_("n")
    if roles.weight is None:
        return [rows]
    weight = exp.column("weight")
    # fsum compensates for rounding, so that the order of the threads hardly shows.
    return [
        rows,
        *sum_weights(weight),
        exp.Anonymous(this="fsum", expressions=[_square(weight)]).as_("w2"),
    ]


def _flag_unusable(weight: exp.Expr) -> exp.Expr:
    """Flag unusable weights: 0 for 0 and for a number of an ordinary size, else 1."""
    return exp.case().when(_is_usable(weight), exp.Literal.number(0)).else_(exp.Literal.number(1))


def sum_weights(weight: exp.Expr) -> list[exp.Expr]:
    """Build the number of unusable weights and the sum of the others, as ``bad`` and ``w``.

    :param weight: as :func:`~airflow_clarify.engines.counting.expressions.cast_to_weight` gives it
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
    # Not a number is above all numbers to some databases, and beside them to others; neither is within this range.
    is_ordinary = exp.and_(
        exp.GTE(this=weight.copy(), expression=smallest), exp.LTE(this=weight.copy(), expression=largest)
    )
    return exp.or_(is_zero, exp.paren(is_ordinary))


def _select_usable_weight(weight: exp.Expr) -> exp.Expr:
    """The usable weights, else NULL: a sum or a square beyond the largest float is an error to some databases."""
    return exp.case().when(_is_usable(weight), weight.copy())


def _square(weight: exp.Expr) -> exp.Expr:
    return exp.case().when(_is_usable(weight), exp.Mul(this=weight.copy(), expression=weight.copy()))


def _alias(name: str) -> Any:
    return exp.column(name, quoted=True)
