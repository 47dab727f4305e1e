"""Raw cells that stay where they are, because there are too many of them to bring home.

A column of measurements has nearly as many values as rows, and so has a customer id as group variable. Then each
question that the rules ask is put to the database, and only the answers come home: a scan for each, not one for all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.counting.cells import check_rows, role_rows, rows_and_unusable, rows_as_cells
from airflow_clarify.engines.counting.expressions import Stored, category
from airflow_clarify.engines.counting.roles import Roles
from airflow_clarify.engines.sql.home import sorted_values, texts_of

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

    from airflow_clarify.engines.counting.profile import CountedColumn
    from airflow_clarify.engines.sql.source import SqlSource


class FarCells:
    """Raw cells in the database.

    :param connection: to an embedded DuckDB, which writes the texts of values
    :param source: the data
    :param roles: the columns that take part
    :param stored: how each of them is stored
    """

    categorical: frozenset[str] = frozenset()
    held_as_objects: frozenset[str] = frozenset()

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, source: SqlSource, roles: Roles, stored: dict[str, Stored]
    ) -> None:
        self.connection = connection
        self.source = source
        self.roles = roles
        self._stored = stored
        stored_weight = None if roles.weight is None else source.stored_weight(roles.weight)
        self._rows = role_rows(source.scan(roles.needed).subquery("data"), roles, stored_weight)

    def check(self) -> None:
        """See that there are rows, and usable weights.

        :raises DataError: there are not
        """
        if self.roles.weight is None:
            return  # That there are rows is why we are here.
        found = self.execute(rows_and_unusable(self.roles, self.of_facet(0)))[0]
        facets = len(self.roles.facets)
        rows, unusable = (int(number or 0) * facets for number in found)
        check_rows(self.source.location, self.roles, rows, unusable)

    @property
    def na_values(self) -> frozenset[str]:
        """The texts that mean "missing", where columns are cells of text files."""
        return self.source.na_values

    def stored(self, column: str) -> Stored:
        """How the source stores a column."""
        return self._stored[column]

    def of_facet(self, facet: int) -> exp.Subquery:
        """The rows, each a cell of its own."""
        return rows_as_cells(self._rows, self.roles, facet).subquery("cells")

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query where the data are."""
        return self.source.execute(query)

    def category(self, column: CountedColumn) -> exp.Expr:
        """The values themselves: databases differ in how they write them."""
        return category(column.value, column.stored, column.profile)

    def texts(self, column: CountedColumn, categories: Sequence[Any]) -> list[str | None]:
        """The values as texts."""
        return texts_of(self.connection, column, categories)

    def in_order(self, column: CountedColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
        """Sorted: a table has no first row."""
        return sorted_values(column, values)
