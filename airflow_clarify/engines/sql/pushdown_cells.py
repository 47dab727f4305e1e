"""Raw cells that stay where they are, because there are too many of them to bring home.

A column of measurements has nearly as many values as rows, and so has a customer id as group variable. Then each
question that the rules ask is put to the database, and only the answers come home: a scan for each, not one for all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.counting.cells import (
    build_ungrouped_query,
    build_weight_check_query,
    check_rows,
    select_roles,
)
from airflow_clarify.engines.counting.expressions import StorageType, category
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.sql.fetched_cells import format_values, sort_values

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.sql.source import SqlSource


class PushdownCells:
    """Raw cells in the database.

    :param connection: to an embedded DuckDB, which writes the texts of values
    :param source: the data
    :param roles: the columns that take part
    :param stored: how each of them is stored
    """

    categorical: frozenset[str] = frozenset()
    held_as_objects: frozenset[str] = frozenset()

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: SqlSource,
        roles: ColumnRoles,
        stored: dict[str, StorageType],
    ) -> None:
        self.connection = connection
        self.source = source
        self.roles = roles
        self._stored = stored
        stored_weight = None if roles.weight is None else source.find_weight_type(roles.weight)
        self._rows = select_roles(source.scan(roles.needed).subquery("data"), roles, stored_weight)

    def check(self) -> None:
        """See that there are rows, and usable weights.

        :raises DataError: there are not
        """
        if self.roles.weight is None:
            return  # That there are rows is why we are here.
        found = self.execute(build_weight_check_query(self.roles, self.select_facet_cells(0)))[0]
        facets = len(self.roles.facets)
        rows, unusable = (int(number or 0) * facets for number in found)
        check_rows(self.source.location, self.roles, rows, unusable)

    @property
    def na_values(self) -> frozenset[str]:
        """The texts that mean "missing", where columns are cells of text files."""
        return self.source.na_values

    def get_storage_type(self, column: str) -> StorageType:
        """How the source stores a column."""
        return self._stored[column]

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """The rows, each a cell of its own."""
        return build_ungrouped_query(self._rows, self.roles, facet).subquery("cells")

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query where the data are."""
        return self.source.execute(query)

    def build_category_key(self, column: CellColumn) -> exp.Expr:
        """The values themselves: databases differ in how they write them."""
        return category(column.value, column.stored, column.profile)

    def format_categories(self, column: CellColumn, categories: Sequence[Any]) -> list[str | None]:
        """The values as texts."""
        return format_values(self.connection, column, categories)

    def order_values(self, column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
        """Sorted: a table has no first row."""
        return sort_values(column, values)
