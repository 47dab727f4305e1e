"""Order the values of a facet by first appearance, which is the order of Clarify's analysis."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import build_category_text

if TYPE_CHECKING:
    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.duckdb.source import Source

#: The number of first rows to scan, increased until every value has been found.
_FIRST_ROWS = (10_000, 1_000_000, None)


def order_by_first_row(source: Source, column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
    """Sort the values of a column by the first row that holds them.

    In most data the first rows contain all values, which costs next to nothing. Only if a value is missing among them
    are more rows numbered, and finally all, which is a second scan.

    :param source: the data
    :param column: the column
    :param values: its values as canonical texts; None for a missing value
    :return: the values in order
    :raises DataError: the data cannot be read
    """
    first: dict[str | None, int] = {}
    for rows in _FIRST_ROWS:
        first = _find_first_positions(source, column, rows)
        if set(values) <= set(first):
            break
    return tuple(sorted(values, key=first.__getitem__))


def _find_first_positions(source: Source, column: CellColumn, rows: int | None) -> dict[str | None, int]:
    scan = source.scan([column.name])
    if rows is not None:
        scan = scan.limit(rows)
    # A window without partition and order numbers the rows while they stream, in the order of the files.
    position = exp.Window(this=exp.RowNumber()).as_("position")
    numbered = exp.select(exp.column(column.name, quoted=True).as_("raw"), position).from_(scan.subquery("data"))
    earliest = exp.Min(this=exp.column("position")).as_("position")
    firsts = exp.select("raw", earliest.copy()).from_(numbered.subquery("numbered")).group_by("raw")
    text = build_category_text(column.build_value("raw"), column.stored, column.profile)
    # Several raw values can have the same canonical text, such as "1" and "01".
    query = exp.select(text.as_("value"), earliest).from_(firsts.subquery("firsts")).group_by(exp.Literal.number(1))
    return {value: int(position) for value, position in source.execute(query)}
