"""The raw cells as a table in DuckDB, that all questions are put to.

The table is small for most data. One with very many cells (a facet with a million values, a customer id as group
variable) stays in DuckDB, which spills it to disk when it must.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.counting.cells import (
    are_few_weights,
    cells_in_one_pass,
    check_rows,
    count_weights,
    facet_column,
    mask,
    role_rows,
    rows_and_unusable,
)
from airflow_clarify.engines.counting.expressions import Stored
from airflow_clarify.engines.counting.roles import Roles
from airflow_clarify.engines.duckdb.appearance import in_order_of_appearance

if TYPE_CHECKING:
    from sqlglot import exp

    from airflow_clarify.engines.counting.profile import CountedColumn
    from airflow_clarify.engines.duckdb.source import Source

#: The table's name.
CELLS = "airflow_clarify_cells"


class CellTable:
    """The counts of a dataset, by raw cell.

    :param source: the data
    :param roles: the columns that take part
    """

    def __init__(self, source: Source, roles: Roles) -> None:
        self.source = source
        self.roles = roles

    @classmethod
    def scan(cls, source: Source, roles: Roles) -> CellTable:
        """Count all rows, once; several facets in the same scan.

        :raises ConfigError: the weights are no numbers
        :raises DataError: the data cannot be read, hold no rows, or have unusable weights
        """
        cells = cls(source, roles)
        roles.check_storage(cells.stored)
        stored_weight = None if roles.weight is None else cells.stored(roles.weight)
        weight_type = "" if roles.weight is None else source.columns[roles.weight]
        rows = role_rows(source.scan(roles.needed).subquery("data"), roles, stored_weight, weight_type)
        if roles.weight is not None:
            ((weights,),) = source.execute(count_weights(rows))
            cells.roles = roles = replace(roles, weights_apart=are_few_weights(int(weights)))
        source.execute(table_of(cells_in_one_pass(rows, roles)))
        if source.format == "jsonlines" and source.execute(_rows_without_values(roles)):
            source.refuse_null_lines()
        counted, *unusable = source.execute(rows_and_unusable(roles, CELLS))[0]
        check_rows(source.location, roles, counted, unusable[0] if unusable else None)
        return cells

    @property
    def na_values(self) -> frozenset[str]:
        """The texts that mean "missing"."""
        return self.source.na_values

    @property
    def categorical(self) -> frozenset[str]:
        """Columns that are compared by equality whatever they hold."""
        return self.source.categorical

    @property
    def held_as_objects(self) -> frozenset[str]:
        """Columns of numbers in a DataFrame that have the dtype object."""
        return self.source.held_as_objects

    def stored(self, column: str) -> Stored:
        """How the source stores a column."""
        return stored_as(self.source.columns[column], typed=self.source.typed)

    def of_facet(self, facet: int) -> exp.Subquery:
        """The counts by one facet."""
        return cells_of(facet, self.roles)

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query."""
        return self.source.execute(query)

    def category(self, column: CountedColumn) -> exp.Expr:
        """The texts of the values themselves."""
        return column.text

    def texts(self, column: CountedColumn, categories: Sequence[Any]) -> list[str | None]:
        """The categories as they are."""
        return list(categories)

    def in_order(self, column: CountedColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
        """By first appearance in the data."""
        return in_order_of_appearance(self.source, column, values)


def cells_of(facet: int, roles: Roles) -> exp.Subquery:
    """The counts by one facet, from the table of the cells of all facets."""
    from sqlglot import exp

    others = ["label", *(["grp"] if roles.group is not None else []), *roles.sums]
    others += ["weight"] if roles.weights_apart else []
    query = exp.select(exp.column(facet_column(facet)).as_("facet"), *map(exp.column, others)).from_(CELLS)
    if len(roles.facets) > 1:
        of_it = exp.Literal.number(mask(facet, len(roles.facets)))
        query = query.where(exp.EQ(this=exp.column("which"), expression=of_it))
    return query.subquery("cells")


def _rows_without_values(roles: Roles) -> exp.Select:
    """The query for a cell of rows without a value in any column that takes part."""
    from sqlglot import exp

    columns = [facet_column(0), "label", *(["grp"] if roles.group is not None else [])]
    empty = [exp.Is(this=exp.column(name), expression=exp.null()) for name in columns]
    return exp.select(exp.Literal.number(1)).from_(CELLS).where(*empty).limit(1)


def table_of(query: exp.Expr) -> exp.Create:
    """The statement that makes the table of what a query gives."""
    from sqlglot import exp

    return exp.Create(
        this=exp.to_table(CELLS),
        kind="TABLE",
        expression=query,
        properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
    )


def stored_as(duckdb_type: str, *, typed: bool) -> Stored:
    """How DuckDB's type of a column is to be taken.

    :param duckdb_type: such as "BIGINT" or "DECIMAL(10,2)"
    :param typed: whether the source knows its columns' types; otherwise all are texts, whatever they hold
    """
    base = duckdb_type.upper().split("(")[0]
    if duckdb_type.endswith("]") or base.strip() in ("STRUCT", "MAP", "UNION", "LIST", "VARIANT"):
        return Stored.NESTED
    if base.startswith("ENUM"):
        return Stored.TEXT
    if base == "VARCHAR":
        return Stored.TEXT if typed else Stored.TEXT_CELL
    if base in ("FLOAT", "DOUBLE", "REAL"):
        return Stored.FLOAT
    if base == "DECIMAL":
        return Stored.DECIMAL
    if base == "BOOLEAN":
        return Stored.BOOLEAN
    if base.startswith("TIMESTAMP"):
        return Stored.TIMESTAMP
    if base.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        return Stored.INTEGER
    return Stored.OTHER
