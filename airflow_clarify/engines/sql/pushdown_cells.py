"""Cells that stay in the database, because there are too many of them to fetch.

A column of measurements has nearly as many values as rows, and so has a customer id as group variable. In that case
each step of the analysis runs as a query in the database, one scan per query, and only the results are fetched.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.counting.cell_query import build_ungrouped_query, select_roles
from airflow_clarify.engines.counting.cells import Combination, sort_values
from airflow_clarify.engines.counting.expressions import StorageType, build_category_key
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.counting.weights import build_weight_check_query, check_rows
from airflow_clarify.engines.sql.fetched_cells import format_values

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.sql.source import SqlSource


class PushdownCells:
    """Cells in the database.

    :param connection: the connection to an embedded DuckDB, which formats values as texts
    :param source: the data
    :param roles: the columns of the analysis
    :param stored: the storage type of each column of the cell key
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
        self._rows = select_roles(
            source.scan(roles.needed).subquery("data"), roles, source.find_number_types(roles), source.na_values
        )

    def check(self) -> None:
        """Check that all rows have usable weights.

        :raises DataError: a weight is missing, negative or not a number
        """
        if self.roles.weight is None:
            return  # There are rows: more cells than could be fetched.
        found = self.execute(build_weight_check_query(self.roles, self.select_facet_cells(0)))[0]
        rows, unusable = (int(number or 0) * len(self.roles.sets) for number in found)
        check_rows(self.source.location, self.roles, rows, unusable)

    @property
    def na_values(self) -> frozenset[str]:
        """The texts that mean "missing", if columns are cells of text files."""
        return self.source.na_values

    def get_storage_type(self, role: str) -> StorageType:
        """Return the storage type of a column of the cell key.

        :param role: the name of the column in the cells
        """
        return self._stored[role]

    def has_whole_scores(self) -> bool:
        """Return whether the column of scores has whole numbers only."""
        return self.roles.prediction is not None and self.source.has_whole_scores(self.roles.prediction)

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """Select the rows as cells of one facet, without grouping.

        :param facet: the index of the facet
        """
        return build_ungrouped_query(self._rows, self.roles, facet).subquery("cells")

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query in the database and fetch all rows.

        :param query: the query
        :raises DataError: the query cannot be run
        """
        return self.source.execute(query)

    def build_category_key(self, column: CellColumn) -> exp.Expr:
        """Build the expression that identifies a category: its value.

        Databases differ in how they format values as texts, so the texts are built by DuckDB.

        :param column: the column of the category
        """
        return build_category_key(column.value, column.stored, column.profile)

    def format_categories(self, column: CellColumn, categories: Sequence[Any]) -> list[str | None]:
        """Format the values of a column as texts.

        :param column: the column of the categories
        :param categories: the results of :meth:`build_category_key`
        """
        return format_values(self.connection, column, categories)

    def order_values(self, columns: Sequence[CellColumn], values: Collection[Combination]) -> list[Combination]:
        """Sort the values of a facet, because the rows of a table have no order.

        :param columns: the columns of the facet
        :param values: its values, each with a text per column; None for a missing value
        """
        return sort_values(columns, values)
