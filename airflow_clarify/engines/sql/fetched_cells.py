"""Raw cells that are brought home: counted where the data are, and looked at in an embedded DuckDB.

So what a value is, and how it is written, is settled in one place for all databases, and a database is only asked to
count. It does what it can do best, and Python sees the counts.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
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
from airflow_clarify.engines.counting.column_profile import format_canonical
from airflow_clarify.engines.counting.expressions import StorageType, build_category_text, null_if_missing
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.duckdb.cells import CELLS, select_facet_cells
from airflow_clarify.engines.duckdb.decimals import find_decimal_type
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    import duckdb

    from airflow_clarify.bias.column_types import ColumnProfile
    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.sql.source import SqlSource

#: The table of the values of a column whose texts are asked for.
_VALUES = "airflow_clarify_values"
_INT64 = 1 << 63


class TooManyCellsError(Exception):
    """There are more raw cells than are to be brought home. What was seen of them tells the types of the columns.

    :param stored: how each column is stored
    """

    def __init__(self, stored: dict[str, StorageType]) -> None:
        super().__init__("too many cells")
        self.stored = stored


class FetchedCells:
    """Raw cells in an embedded DuckDB.

    :param connection: to DuckDB
    :param roles: the columns that take part
    :param stored: how each of them is stored
    :param na_values: the texts that mean "missing", where columns are cells of text files
    """

    categorical: frozenset[str] = frozenset()
    held_as_objects: frozenset[str] = frozenset()

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        roles: ColumnRoles,
        stored: dict[str, StorageType],
        na_values: frozenset[str],
    ) -> None:
        self.connection = connection
        self.roles = roles
        self.na_values = na_values
        self._stored = stored

    @classmethod
    def fetch(
        cls, connection: duckdb.DuckDBPyConnection, source: SqlSource, roles: ColumnRoles, at_most: int
    ) -> FetchedCells:
        """Count in the database, and bring the cells home.

        :param connection: to an empty DuckDB
        :param source: the data
        :param roles: the columns that take part
        :param at_most: how many cells
        :raises TooManyCellsError: there are more
        :raises DataError: the data hold no rows, or unusable weights
        """
        counted = _fetch_counts(source, roles, at_most + 1)
        columns = [list(column) for column in zip(*counted, strict=True)] or [[] for _ in _list_cell_columns(roles)]
        by_name = dict(zip(_list_cell_columns(roles), columns, strict=True))
        stored = {}
        for name, role in _list_role_columns(roles):
            if len(counted) > at_most and not any(value is not None for value in by_name[role]):
                by_name[role] = _fetch_example(source, name)
                if not by_name[role] and source.get_storage_type(name) is None:
                    source.read_as_text(name)
            stored[name], by_name[role] = _infer_storage_type(by_name[role], source.get_storage_type(name), name)
        if len(counted) > at_most:
            raise TooManyCellsError(stored)
        cells = cls(connection, roles, stored, source.na_values)
        cells._fill_table(by_name, {role: stored[name] for name, role in _list_role_columns(roles)})
        rows, *unusable = cells.execute(build_weight_check_query(roles, CELLS))[0]
        check_rows(source.location, roles, rows, unusable[0] if unusable else None)
        return cells

    def get_storage_type(self, column: str) -> StorageType:
        """How the source stores a column."""
        return self._stored[column]

    def select_facet_cells(self, facet: int) -> exp.Subquery:
        """The counts by one facet."""
        return select_facet_cells(facet, self.roles)

    def execute(self, query: exp.Expr) -> list[tuple[Any, ...]]:
        """Run a query on the cells."""
        return self.connection.execute(query.sql(dialect="duckdb")).fetchall()

    def build_category_key(self, column: CellColumn) -> exp.Expr:
        """The texts of the values themselves."""
        return column.text

    def format_categories(self, column: CellColumn, categories: Sequence[Any]) -> list[str | None]:
        """The categories as they are."""
        return list(categories)

    def order_values(self, column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
        """Sorted: a table has no first row."""
        return sort_values(column, values)

    def _fill_table(self, columns: dict[str, list[Any]], stored: dict[str, StorageType]) -> None:
        kinds = {name: _choose_duckdb_type(stored.get(name), name, values) for name, values in columns.items()}
        made = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        self.connection.execute(f"CREATE TABLE {CELLS} ({made})")
        lists = ", ".join(f"unnest(?::{kind}[])" for kind in kinds.values())
        if next(iter(columns.values())):
            self.connection.execute(f"INSERT INTO {CELLS} SELECT {lists}", list(columns.values()))


def sort_values(column: CellColumn, values: Collection[str | None]) -> tuple[str | None, ...]:
    """The values of a facet, numbers by size and the rest by their texts, missing ones last."""

    def place(value: str | None) -> tuple[bool, float, str]:
        number = float(value) if value is not None and column.profile.numeric else 0.0
        return value is None, number, value or ""

    return tuple(sorted(values, key=place))


def format_values(connection: duckdb.DuckDBPyConnection, column: CellColumn, values: Sequence[Any]) -> list[str | None]:
    """Values as a database gave them, as the texts under which they are counted.

    :param connection: to DuckDB, which writes all texts
    :param column: whose values they are
    :param values: typed; a text is one already
    """
    stored, values = _infer_storage_type(
        list(values), None if column.stored is StorageType.TEXT_CELL else column.stored, column.name
    )
    if not values or stored.is_text:
        return list(values)
    value = null_if_missing(exp.column("v"), stored, ())
    text = build_category_text(value, stored, column.profile).sql(dialect="duckdb")
    kind = _choose_duckdb_type(stored, column.role, values)
    return [
        row[0]
        for row in connection.execute(f"SELECT {text} FROM (SELECT unnest(?::{kind}[]) AS v)", [values]).fetchall()
    ]


def format_stratum_values(
    connection: duckdb.DuckDBPyConnection,
    values: Sequence[Any],
    known: StorageType | None,
    column: str,
    na_values: Collection[str],
    profile: ColumnProfile | None = None,
) -> tuple[StorageType, ColumnProfile, list[str | None]]:
    """Write the values of a column as the texts under which counting knows them.

    :param connection: to DuckDB, which writes all texts
    :param values: as a database gave them
    :param known: how the column is stored, where that is known
    :param column: its name, for an error
    :param na_values: the texts that mean "missing", where columns are cells of text files
    :param profile: what the column holds, where that is known
    :return: how the column is stored, what it holds, and the texts; None where a value is missing
    """
    stored, typed = _infer_storage_type(list(values), known, column)
    kind = _choose_duckdb_type(stored, column, typed)
    connection.execute(
        f"CREATE OR REPLACE TABLE {_VALUES} AS "
        f"SELECT unnest(range({len(typed)})) AS position, unnest(?::{kind}[]) AS raw",
        [typed],
    )

    def execute(query: exp.Expr) -> list[tuple[Any, ...]]:
        return connection.execute(query.sql(dialect="duckdb")).fetchall()

    profile, texts = format_canonical(execute, exp.to_table(_VALUES), stored, na_values, profile)
    return stored, profile, texts


def sample_has_few_weights(source: SqlSource, roles: ColumnRoles) -> bool:
    """Whether rows of different weights can be counted apart, to go by the first rows that the database gives."""
    if roles.weight is None:
        return False
    stored = source.get_storage_type(roles.weight) or StorageType.FLOAT
    rows = select_roles(source.scan(roles.needed).subquery("data"), roles, stored)
    ((found,),) = source.execute(count_weights(rows))
    return has_few_weights(int(found or 0))


def _fetch_counts(source: SqlSource, roles: ColumnRoles, at_most: int) -> list[tuple[Any, ...]]:
    """The raw cells of all facets, in the layout of the table of cells."""
    stored_weight = None if roles.weight is None else source.find_weight_type(roles.weight)
    facets, size = len(roles.facets), _choose_facets_per_statement(source, roles)
    counted: list[tuple[Any, ...]] = []
    for start in range(0, facets, size):
        part = replace(roles, facets=roles.facets[start : start + size])
        rows = select_roles(source.scan(part.needed).subquery("data"), part, stored_weight)
        wanted = at_most - len(counted)
        found = source.runner.fetch_rows(build_grouping_sets_query(rows, part).limit(wanted), wanted)
        counted += (_place_cell(row, len(part.facets), start, facets) for row in itertools.islice(found, wanted))
        if len(counted) >= at_most:
            break
    return counted


def _choose_facets_per_statement(source: SqlSource, roles: ColumnRoles) -> int:
    """How many facets are counted in one statement."""
    # A column in two roles is one to an optimizer, which then takes the grouping sets for others than they are.
    repeated = len({*roles.facets, roles.label, roles.group}) < len(roles.facets) + 2
    return 1 if repeated else source.runner.dialect.facets_at_once


def _place_cell(row: tuple[Any, ...], of_part: int, start: int, facets: int) -> tuple[Any, ...]:
    """A cell that was counted with some of the facets, in its place among all of them.

    :param row: a value of each of those facets, and what else there is of the cell; last which facet it is of, where
        there are several
    :param of_part: how many facets were counted with it
    :param start: the first of them
    :param facets: how many there are
    """
    if facets == 1:
        return row
    values, rest = row[:of_part], row[of_part:]
    position = 0
    if of_part > 1:
        *rest_of, which = rest
        position, rest = [grouping_mask(each, of_part) for each in range(of_part)].index(int(which)), tuple(rest_of)
    placed: list[Any] = [None] * facets
    placed[start + position] = values[position]
    return (*placed, *rest, grouping_mask(start + position, facets))


def _fetch_example(source: SqlSource, column: str) -> list[Any]:
    """A value of a column, where it has one."""
    there = exp.not_(exp.Is(this=exp.column(column, quoted=True), expression=exp.null()))
    query = exp.select(exp.Star()).from_(source.scan([column]).subquery("data")).where(there).limit(1)
    return [value for (value,) in source.execute(query)]


def _list_cell_columns(roles: ColumnRoles) -> list[str]:
    """The columns of the table of cells, in the order of the query."""
    names = [name_facet_column(number) for number in range(len(roles.facets))] + ["label"]
    names += ["grp"] if roles.group is not None else []
    names += ["weight"] if roles.weights_apart else []
    names += ["n", "bad", "w", "w2"] if roles.weight is not None else ["n"]
    return names + (["which"] if len(roles.facets) > 1 else [])


def _list_role_columns(roles: ColumnRoles) -> Iterable[tuple[str, str]]:
    """The columns that take part, each with the name of its cells."""
    for number, facet in enumerate(roles.facets):
        yield facet, name_facet_column(number)
    yield roles.label, "label"
    if roles.group is not None:
        yield roles.group, "grp"


def _infer_storage_type(values: list[Any], known: StorageType | None, column: str) -> tuple[StorageType, list[Any]]:
    """How a column is stored, told from its values where it is not known, and the values as DuckDB takes them."""
    types = {type(value) for value in values if value is not None}
    if not types:
        return known or StorageType.TEXT, values
    if types <= {str}:
        return (known if known is not None and known.is_text else StorageType.TEXT), values
    if types <= {bool}:
        return StorageType.BOOLEAN, values
    if types <= {int}:
        return StorageType.INTEGER, values
    if types <= {int, float}:
        return StorageType.FLOAT, values
    if types <= {int, Decimal}:
        return _infer_decimal_type(values)
    if types <= {datetime.date}:
        return StorageType.OTHER, values
    if types <= {datetime.datetime} and all(value is None or value.tzinfo is None for value in values):
        return StorageType.TIMESTAMP, values
    if types & {bytes, bytearray, memoryview, list, dict, tuple}:
        kind = next(iter(types)).__name__
        raise ConfigError(f"column '{column}' holds {kind} values, which are no categories; choose another, or cast it")
    texts = [None if value is None else str(value) for value in values]
    if types <= {datetime.datetime}:
        return StorageType.TIMESTAMP, texts
    # A column of several types (SQLite has them) is one of texts; others, such as times and identifiers, are no texts.
    return StorageType.TEXT if str in types else StorageType.OTHER, texts


def _infer_decimal_type(values: list[Any]) -> tuple[StorageType, list[Any]]:
    if find_decimal_type(values) is None:
        return StorageType.FLOAT, [None if value is None else float(value) for value in values]
    return StorageType.DECIMAL, values


def _choose_duckdb_type(stored: StorageType | None, name: str, values: Sequence[Any]) -> str:
    if stored is None:
        return "DOUBLE" if name in ("w", "w2", "weight") else "BIGINT"
    if stored is StorageType.INTEGER:
        wide = any(value is not None and not -_INT64 <= value < _INT64 for value in values)
        return "HUGEINT" if wide else "BIGINT"
    if stored is StorageType.DECIMAL:
        return find_decimal_type(values) or "DOUBLE"
    first = next((value for value in values if value is not None), None)
    if isinstance(first, datetime.datetime):
        return "TIMESTAMP"
    if isinstance(first, datetime.date):
        return "DATE"
    return {StorageType.FLOAT: "DOUBLE", StorageType.BOOLEAN: "BOOLEAN"}.get(stored, "VARCHAR")
