"""Order the values of a facet by first appearance, which is the order of Clarify's analysis."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.engines.counting.expressions import build_category_text
from airflow_clarify.engines.counting.queries import aggregate, select_from

if TYPE_CHECKING:
    from airflow_clarify.engines.counting.cells import Combination
    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.duckdb.source import Source

#: The number of first rows to scan, increased until every value has been found.
_FIRST_ROWS = (10_000, 1_000_000, None)


def order_by_first_row(
    source: Source, columns: Sequence[CellColumn], values: Collection[Combination]
) -> list[Combination]:
    """Sort the values of a facet by the first row that holds them.

    In most data the first rows contain all values, which costs next to nothing. Only if a value is missing among them
    are more rows numbered, and finally all, which is a second scan.

    :param source: the data
    :param columns: the columns of the facet: one, or several for a crossed facet
    :param values: its values as canonical texts, one for each column; None for a missing value
    :return: the values in order
    :raises DataError: the data cannot be read
    """
    first: dict[Combination, int] = {}
    for rows in _FIRST_ROWS:
        first = _find_first_positions(source, columns, rows)
        if set(values) <= set(first):
            break
    return sorted(values, key=first.__getitem__)


def _find_first_positions(source: Source, columns: Sequence[CellColumn], rows: int | None) -> dict[Combination, int]:
    raw = [f"raw{number}" for number in range(len(columns))]
    named = [exp.column(column.name, quoted=True).as_(name) for column, name in zip(columns, raw, strict=True)]
    scan = source.scan_numbered([column.name for column in columns], rows)
    numbered = select_from(scan.subquery("data"), *named, "position")
    first = aggregate("min", "position")
    firsts = select_from(numbered.subquery("numbered"), *raw, first.as_("position"), group_by=raw)
    texts = [
        build_category_text(column.build_value(name), column.stored, column.profile)
        for column, name in zip(columns, raw, strict=True)
    ]
    # Several raw values can have the same canonical text, such as "1" and "01".
    places = [exp.Literal.number(1 + number) for number in range(len(texts))]
    query = select_from(firsts.subquery("firsts"), *texts, first, group_by=places)
    return {tuple(value): int(position) for *value, position in source.execute(query)}
