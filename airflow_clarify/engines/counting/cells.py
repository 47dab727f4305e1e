"""Raw cells: the number of rows with each raw facet value, label and group, and how to query them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow_clarify.engines.counting.cell_query import select_facet_cells
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.counting.roles import ColumnRoles

if TYPE_CHECKING:
    from sqlglot import exp

    from airflow_clarify.engines.counting.column_profile import CellColumn

#: The values of a facet, or the combinations of a crossed one, each as the texts of its columns; None is missing.
Combination = tuple[str | None, ...]
#: Sorts the values of a facet, given with its columns, into the order of the analysis.
ValueOrder = Callable[[Sequence["CellColumn"], Collection[Combination]], list[Combination]]


class CellStore(Protocol):
    """The raw cells of a dataset, which can be queried with SQL."""

    @property
    def roles(self) -> ColumnRoles:
        """Return the analysed columns and their roles."""
        ...

    @property
    def na_values(self) -> frozenset[str]:
        """Return the texts that count as missing in the columns of a text file."""
        ...

    @property
    def categorical(self) -> frozenset[str]:
        """Return the columns that are compared by equality whatever their type."""
        ...

    @property
    def held_as_objects(self) -> frozenset[str]:
        """Return the numeric columns of a DataFrame that have the dtype object."""
        ...

    def get_storage_type(self, role: str) -> StorageType:
        """Return how a column of the cell key is stored.

        :param role: the name of the column in the cells
        """
        ...

    def has_whole_scores(self) -> bool:
        """Return whether the column of scores has whole numbers only; its cells hold codes of the scores."""
        ...

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """Build the subquery for the counts by one facet.

        Its columns are those of the facet (``facet0`` and so on), ``label``, ``grp`` (if there is a group variable),
        ``pred`` (if there are predictions) and the sums. Several of its rows can have the same key.

        :param facet: the index of the facet
        """
        ...

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query with a small result and fetch all of its rows.

        :param query: the query
        :return: the rows
        :raises DataError: the query fails; the message gives the reason
        """
        ...

    def build_category_key(self, column: CellColumn) -> exp.Expr:
        """Build the expression by which the categories of a column are grouped.

        :param column: the column
        """
        ...

    def format_categories(self, column: CellColumn, categories: Sequence[Any]) -> list[str | None]:
        """Format category keys as the texts that Clarify writes.

        :param column: the column
        :param categories: values of its category key
        :return: the text of each; None for a missing value
        """
        ...

    def order_values(self, columns: Sequence[CellColumn], values: Collection[Combination]) -> list[Combination]:
        """Sort the values of a facet into the order of the analysis.

        :param columns: the columns of the facet
        :param values: its values, each with a text per column; None for a missing value
        """
        ...


@dataclass(frozen=True)
class CellTable:
    """The raw cells of a dataset, in a table of an embedded DuckDB.

    :param roles: the analysed columns
    :param stored: the storage type of each column of the cell key, by its name in the cells
    :param run: runs a query in DuckDB and fetches its rows
    :param order: sorts the values of a facet into the order of the analysis
    :param na_values: the texts that count as missing in the columns of a text file
    :param categorical: the columns that are compared by equality whatever their type
    :param held_as_objects: the numeric columns of a DataFrame that have the dtype object
    :param check_scores: returns whether a column of scores has whole numbers only
    """

    roles: ColumnRoles
    stored: Mapping[str, StorageType]
    run: Callable[[exp.Expr], list[tuple[Any, ...]]]
    order: ValueOrder
    na_values: frozenset[str] = frozenset()
    categorical: frozenset[str] = frozenset()
    held_as_objects: frozenset[str] = frozenset()
    check_scores: Callable[[str], bool] | None = None

    def has_whole_scores(self) -> bool:
        """Return whether the column of scores has whole numbers only."""
        scores = self.roles.prediction
        return scores is not None and self.check_scores is not None and self.check_scores(scores)

    def get_storage_type(self, role: str) -> StorageType:
        """Return how a column of the cell key is stored.

        :param role: the name of the column in the cells
        """
        return self.stored[role]

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """Build the subquery for the counts by one facet.

        :param facet: the index of the facet
        """
        return select_facet_cells(facet, self.roles)

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query on the cells and fetch its rows.

        :param query: the query
        :raises DataError: the query fails
        """
        return self.run(query)

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

    def order_values(self, columns: Sequence[CellColumn], values: Collection[Combination]) -> list[Combination]:
        """Sort the values of a facet into the order of the analysis.

        :param columns: the columns of the facet
        :param values: its values, each with a text per column; None for a missing value
        """
        return self.order(columns, values)


def sort_values(columns: Sequence[CellColumn], values: Collection[Combination]) -> list[Combination]:
    """Sort the values of a facet, with missing ones last, because the rows of a table have no order.

    :param columns: the columns of the facet; numbers are sorted by size, all other values by their texts
    :param values: texts, one for each column; None is a missing value
    """

    def sort_key(value: Combination) -> list[tuple[bool, float, str]]:
        return [
            (text is None, float(text) if text is not None and column.profile.numeric else 0.0, text or "")
            for text, column in zip(value, columns, strict=True)
        ]

    return sorted(values, key=sort_key)
