"""The raw cells as a temporary table in DuckDB, on which all further queries run.

The table is small for most data. If there are very many cells (a facet with a million values, a customer id as group
variable), DuckDB spills it to disk when necessary.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.engines.counting.cells import (
    build_grouping_sets_query,
    build_weight_check_query,
    check_rows,
    count_weights,
    grouping_mask,
    has_few_weights,
    name_facet_column,
    select_roles,
)
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.duckdb.first_seen import order_by_first_row

if TYPE_CHECKING:
    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.duckdb.source import Source

#: The name of the table.
CELLS = "airflow_clarify_cells"


class CellTable:
    """The raw cells of a dataset, in a table of DuckDB.

    :param source: the data
    :param roles: the analysed columns
    """

    def __init__(self, source: Source, roles: ColumnRoles) -> None:
        self.source = source
        self.roles = roles

    @classmethod
    def scan(cls, source: Source, roles: ColumnRoles) -> CellTable:
        """Count all rows in one scan, whatever the number of facets.

        :param source: the data
        :param roles: the analysed columns
        :return: the table of the cells
        :raises ConfigError: a column is nested, or the weight column is not numeric
        :raises DataError: the data cannot be read, hold no rows, or have unusable weights
        """
        cells = cls(source, roles)
        roles.check_storage(cells.get_storage_type)
        stored_weight = None if roles.weight is None else cells.get_storage_type(roles.weight)
        weight_type = "" if roles.weight is None else source.columns[roles.weight]
        rows = select_roles(source.scan(roles.needed).subquery("data"), roles, stored_weight, weight_type)
        if roles.weight is not None:
            ((weights,),) = source.execute(count_weights(rows))
            cells.roles = roles = replace(roles, weights_apart=has_few_weights(int(weights)))
        source.execute(build_create_table(build_grouping_sets_query(rows, roles)))
        if source.format == "jsonlines" and source.execute(_select_rows_without_values(roles)):
            source.refuse_null_lines()
        counted, *unusable = source.execute(build_weight_check_query(roles, CELLS))[0]
        check_rows(source.location, roles, counted, unusable[0] if unusable else None)
        return cells

    @property
    def na_values(self) -> frozenset[str]:
        """Return the texts that count as missing."""
        return self.source.na_values

    @property
    def categorical(self) -> frozenset[str]:
        """Return the columns that are compared by equality whatever their type."""
        return self.source.categorical

    @property
    def held_as_objects(self) -> frozenset[str]:
        """Return the numeric columns of a DataFrame that have the dtype object."""
        return self.source.held_as_objects

    def get_storage_type(self, column: str) -> StorageType:
        """Return how the source stores a column.

        :param column: the name of the column
        """
        return map_storage_type(self.source.columns[column], typed=self.source.typed)

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """Build the subquery for the counts by one facet.

        :param facet: the index of the facet
        """
        return select_facet_cells(facet, self.roles)

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query and fetch its rows.

        :param query: the query
        :raises DataError: the query fails
        """
        return self.source.execute(query)

    def build_category_key(self, column: CellColumn) -> exp.Expr:
        """Build the canonical text of the values, which is the category key in DuckDB.

        :param column: the column
        """
        return column.text

    def format_categories(self, column: CellColumn, categories: Sequence[Any]) -> list[str | None]:
        """Return the category keys, which are canonical texts already.

        :param column: the column
        :param categories: its category keys
        """
        return list(categories)

    def order_values(self, column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
        """Sort the values by their first row in the data.

        :param column: the column
        :param values: its values as canonical texts; None for a missing value
        """
        return order_by_first_row(self.source, column, values)


def select_facet_cells(facet: int, roles: ColumnRoles) -> exp.Subquery:
    """Build the subquery for the counts by one facet from the table of all cells.

    :param facet: the index of the facet
    :param roles: the analysed columns
    """
    others = ["label", *(["grp"] if roles.group is not None else []), *roles.sums]
    others += ["weight"] if roles.weights_apart else []
    query = exp.select(exp.column(name_facet_column(facet)).as_("facet"), *map(exp.column, others)).from_(CELLS)
    if len(roles.facets) > 1:
        mask = exp.Literal.number(grouping_mask(facet, len(roles.facets)))
        query = query.where(exp.EQ(this=exp.column("which"), expression=mask))
    return query.subquery("cells")


def _select_rows_without_values(roles: ColumnRoles) -> exp.Select:
    """Build the query for a cell whose rows have no value in any analysed column."""
    columns = [name_facet_column(0), "label", *(["grp"] if roles.group is not None else [])]
    empty = [exp.Is(this=exp.column(name), expression=exp.null()) for name in columns]
    return exp.select(exp.Literal.number(1)).from_(CELLS).where(*empty).limit(1)


def build_create_table(query: exp.Expr) -> exp.Create:
    """Build the statement that creates the table of the cells from a query.

    :param query: the query
    """
    return exp.Create(
        this=exp.to_table(CELLS),
        kind="TABLE",
        expression=query,
        properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
    )


def map_storage_type(duckdb_type: str, *, typed: bool) -> StorageType:
    """Map a type of DuckDB to a storage type.

    :param duckdb_type: the type, such as "BIGINT" or "DECIMAL(10,2)"
    :param typed: whether the columns of the source are typed; if not, VARCHAR is the text of a file's cells
    """
    base = duckdb_type.upper().split("(")[0]
    if duckdb_type.endswith("]") or base.strip() in ("STRUCT", "MAP", "UNION", "LIST", "VARIANT"):
        return StorageType.NESTED
    if base.startswith("ENUM"):
        return StorageType.TEXT
    if base == "VARCHAR":
        return StorageType.TEXT if typed else StorageType.TEXT_CELL
    if base in ("FLOAT", "DOUBLE", "REAL"):
        return StorageType.FLOAT
    if base == "DECIMAL":
        return StorageType.DECIMAL
    if base == "BOOLEAN":
        return StorageType.BOOLEAN
    if base.startswith("TIMESTAMP"):
        return StorageType.TIMESTAMP
    if base.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        return StorageType.INTEGER
    return StorageType.OTHER
