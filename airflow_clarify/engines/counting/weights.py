"""Row weights: which are usable, their sums, and the checks of a dataset's weights."""

from __future__ import annotations

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.counting.queries import aggregate, select_from
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.exceptions import ConfigError, UnfitDataError

#: Weights other than 0 must lie between these bounds, so that the sum of their squares is finite and above 0 for any
#: number of rows.
SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-100, 1e100

#: The number of first rows examined to estimate whether the data have few distinct weights, and the largest number of
#: distinct weights that counts as few. A wrong estimate costs only time, or the last digits of sums.
_HEAD, _FEW_WEIGHTS = 10_000, 256


def count_weights(rows: exp.Select) -> exp.Select:
    """Build the query for the number of distinct weights among the first rows.

    :param rows: the rows as selected by :func:`~airflow_clarify.engines.counting.cell_query.select_roles`
    """
    head = select_from(rows.subquery("data_rows"), "weight").limit(_HEAD)
    return select_from(head.subquery("first_rows"), aggregate("count", "weight", distinct=True))


def has_few_weights(found: int) -> bool:
    """Check whether the weights are few enough to be cell keys of their own.

    :param found: the number of distinct weights among the first rows
    """
    return found <= _FEW_WEIGHTS


def check_rows(location: str, roles: ColumnRoles, rows: int | None, unusable: int | None) -> None:
    """Check that the data have rows, and that every row has a usable weight.

    :param location: the location of the data, for error messages
    :param roles: the analysed columns
    :param rows: the number of rows, summed over all grouping sets
    :param unusable: the number of them with an unusable weight
    :raises UnfitDataError: there are no rows, or some have no usable weight
    """
    if not rows:
        raise UnfitDataError(f"{location}: the data hold no rows, so there is nothing to measure")
    if unusable:
        # Every row is counted once for each grouping set.
        sets = len(roles.sets)
        raise unusable_weights_error(str(roles.weight), int(unusable) // sets, int(rows) // sets)


def unusable_weights_error(column: str, unusable: int, rows: int) -> UnfitDataError:
    """Build the error for rows without a usable weight.

    :param column: the column
    :param unusable: the number of rows without a usable weight
    :param rows: the number of all rows
    """
    return UnfitDataError(
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
    summed = ["n", "bad"] if roles.weight is not None else ["n"]
    return select_from(cells, *(aggregate("sum", name) for name in summed))


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


def sum_weights(weight: exp.Expr) -> list[exp.Expr]:
    """Build ``bad``, the number of unusable weights, and ``w``, the sum of the others.

    :param weight: an expression from :func:`~airflow_clarify.engines.counting.expressions.cast_to_weight`
    """
    return [
        exp.func("sum", flag_unusable(weight)).as_("bad"),
        exp.Anonymous(this="fsum", expressions=[select_usable_weight(weight)]).as_("w"),
    ]


def build_weight_aggregates(weight: exp.Expr) -> list[exp.Expr]:
    """Build ``bad``, ``w`` and ``w2``: the unusable weights, the sum of the others, and that of their squares.

    :param weight: the weight of a row
    """
    # fsum compensates for rounding, so that the result hardly depends on the order of the threads.
    return [*sum_weights(weight), exp.Anonymous(this="fsum", expressions=[build_square(weight)]).as_("w2")]


def flag_unusable(weight: exp.Expr) -> exp.Expr:
    """Flag unusable weights: 0 for zero and for numbers within the bounds, else 1.

    :param weight: the weight of a row
    """
    return exp.case().when(_is_usable(weight), "0").else_("1")


def select_usable_weight(weight: exp.Expr) -> exp.Expr:
    """Select usable weights, else NULL, as sums and squares that overflow are errors in some databases.

    :param weight: the weight of a row
    """
    return exp.case().when(_is_usable(weight), weight.copy())


def build_square(weight: exp.Expr) -> exp.Expr:
    """Build the square of a usable weight, else NULL.

    :param weight: the weight of a row
    """
    return exp.case().when(_is_usable(weight), weight * weight)


def _is_usable(weight: exp.Expr) -> exp.Expr:
    low, high = (exp.cast(exp.Literal.string(repr(bound)), "DOUBLE") for bound in (SMALLEST_WEIGHT, LARGEST_WEIGHT))
    # Some databases order NaN above all numbers, in others it compares false; neither is within this range.
    return weight.eq(0) | ((weight >= low) & (weight <= high))
