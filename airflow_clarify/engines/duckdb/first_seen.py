"""The values of a facet in order of first appearance, which is the order in which Clarify lists them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import build_category_text

if TYPE_CHECKING:
    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.duckdb.source import Source

#: How many of the first rows are looked at, until every value was seen.
_FIRST_ROWS = (10_000, 1_000_000, None)


def order_by_first_row(source: Source, column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
    """Sort the values of a column by the first row that holds them.

    The first rows show all values of most data, at no cost. Only when one is not among them are more rows numbered, and
    at last all, which is a second scan.

    :param source: the data
    :param column: the column
    :param values: its values, as they are counted; None where it is missing
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
    # A window over nothing numbers the rows as they stream by, in the order of the files.
    position = exp.Window(this=exp.RowNumber()).as_("position")
    numbered = exp.select(exp.column(column.name, quoted=True).as_("raw"), position).from_(scan.subquery("data"))
    earliest = exp.Min(this=exp.column("position")).as_("position")
    firsts = exp.select("raw", earliest.copy()).from_(numbered.subquery("numbered")).group_by("raw")
    text = build_category_text(column.build_value("raw"), column.stored, column.profile)
    # Several raw cells can be the same value, as "1" and "01" are.
    query = exp.select(text.as_("value"), earliest).from_(firsts.subquery("firsts")).group_by(exp.Literal.number(1))
    return {value: int(position) for value, position in source.execute(query)}
