"""Cells that are counted in the database, fetched, and evaluated in an embedded DuckDB.

The database only groups and counts. The type of a value and its text are decided in one place for all databases.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.engines.counting.cell_query import (
    CELLS,
    build_grouping_sets_query,
    compute_grouping_mask,
    select_roles,
)
from airflow_clarify.engines.counting.cells import CellTable, sort_values
from airflow_clarify.engines.counting.column_profile import format_canonical
from airflow_clarify.engines.counting.expressions import StorageType, build_category_text, null_if_missing
from airflow_clarify.engines.counting.periods import PERIOD, add_period
from airflow_clarify.engines.counting.roles import ColumnRoles, name_facet_column
from airflow_clarify.engines.counting.weights import (
    build_weight_check_query,
    check_rows,
    count_weights,
    has_few_weights,
)
from airflow_clarify.engines.duckdb.decimals import find_decimal_type
from airflow_clarify.engines.sql.joint_sets import GroupingSet, choose_joint_sets
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    import duckdb

    from airflow_clarify.bias.column_types import ColumnProfile
    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.sql.source import SqlSource

#: The table of the values of a column that are to be formatted as texts.
_VALUES = "airflow_clarify_values"
_INT64 = 1 << 63


class TooManyCellsError(Exception):
    """There are more cells than the task may fetch.

    :param stored: the storage type of each column of the cell key, inferred from the fetched cells
    """

    def __init__(self, stored: dict[str, StorageType]) -> None:
        super().__init__("too many cells")
        self.stored = stored


def fetch_cells(
    connection: duckdb.DuckDBPyConnection, source: SqlSource, roles: ColumnRoles, max_cells: int
) -> CellTable:
    """Count in the database, and fetch the cells into a table of an embedded DuckDB.

    :param connection: the connection to an empty DuckDB
    :param source: the data
    :param roles: the columns of the analysis
    :param max_cells: the maximum number of cells to fetch
    :raises TooManyCellsError: there are more cells
    :raises DataError: the data hold no rows, or unusable weights
    """
    counted = _fetch_counts(source, roles, max_cells + 1)
    if not source.runner.dialect.has_column_types and _read_mixed_as_text(source, roles, counted, max_cells):
        counted = _fetch_counts(source, roles, max_cells + 1)
    return fill_cells(connection, source, roles, counted, max_cells)


def fetch_cells_by_period(
    source: SqlSource, roles: ColumnRoles, period: exp.Expr, max_cells: int
) -> dict[Any, list[tuple[Any, ...]]] | None:
    """Count in the database by period, and fetch the cells.

    :param source: the data
    :param roles: the columns of the analysis
    :param period: the expression of the period of a row
    :param max_cells: the maximum number of cells to fetch
    :return: the cells by period; None if there are more cells
    """
    counted = _fetch_counts(source, roles, max_cells + 1, period)
    by_period: dict[Any, list[tuple[Any, ...]]] = {}
    for value, *cell in counted:
        by_period.setdefault(value, []).append(tuple(cell))
    return by_period if len(counted) <= max_cells else None


def fill_cells(
    connection: duckdb.DuckDBPyConnection,
    source: SqlSource,
    roles: ColumnRoles,
    counted: Sequence[tuple[Any, ...]],
    max_cells: int,
) -> CellTable:
    """Fill the table of an embedded DuckDB with fetched cells.

    :param connection: the connection to DuckDB
    :param source: the data
    :param roles: the columns of the analysis
    :param counted: the cells
    :param max_cells: the maximum number of cells
    :raises TooManyCellsError: there are more cells
    :raises DataError: the data hold no rows, or unusable weights
    """
    names = _list_table_columns(roles)
    by_name = dict(zip(names, map(list, zip(*counted, strict=True)) if counted else [[] for _ in names], strict=True))
    stored: dict[str, StorageType] = {}
    for name, role in roles.list_cell_columns():
        if role == "pred" and roles.score_threshold is not None:
            stored[role] = StorageType.INTEGER
            continue
        if len(counted) > max_cells and not any(value is not None for value in by_name[role]):
            by_name[role] = _fetch_example(source, name)
            if not by_name[role] and source.get_storage_type(name) is None:
                source.read_as_text(name)
        stored[role], by_name[role] = _infer_storage_type(by_name[role], source.get_storage_type(name), name)
    if len(counted) > max_cells:
        raise TooManyCellsError(stored)
    _fill_table(connection, by_name, stored)

    def run(query: exp.Expr) -> list[tuple[Any, ...]]:
        return connection.execute(query.sql(dialect="duckdb")).fetchall()

    rows, *unusable = run(build_weight_check_query(roles, CELLS))[0]
    check_rows(source.location, roles, rows, unusable[0] if unusable else None)
    return CellTable(roles, stored, run, sort_values, source.na_values, check_scores=source.has_whole_scores)


def _fill_table(
    connection: duckdb.DuckDBPyConnection, columns: dict[str, list[Any]], stored: dict[str, StorageType]
) -> None:
    kinds = {name: _choose_duckdb_type(stored.get(name), name, values) for name, values in columns.items()}
    columns_sql = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    connection.execute(f"CREATE OR REPLACE TABLE {CELLS} ({columns_sql})")
    lists = ", ".join(f"unnest(?::{kind}[])" for kind in kinds.values())
    if next(iter(columns.values())):
        connection.execute(f"INSERT INTO {CELLS} SELECT {lists}", list(columns.values()))


def holds_mixed_types(values: Iterable[Any]) -> bool:
    """Return whether there are both numbers and texts among values, as SQLite allows in one column.

    :param values: the values
    """
    types = {type(value) for value in values}
    return str in types and bool(types & {int, float})


def _read_mixed_as_text(
    source: SqlSource, roles: ColumnRoles, counted: Sequence[tuple[Any, ...]], max_cells: int
) -> bool:
    """Read columns that hold both numbers and texts as texts from now on, so that 1 equals "1" everywhere.

    :return: whether there are such columns
    """
    columns = [name for name, role in roles.list_cell_columns() if role != "pred" or roles.score_threshold is None]
    columns = [name for name in dict.fromkeys(columns) if source.get_storage_type(name) is None]
    if len(counted) > max_cells:
        mixed = source.find_mixed_columns(columns)
    else:
        by_name: dict[str, list[Any]] = {}
        places = {role: place for place, role in enumerate(_list_table_columns(roles))}
        for name, role in roles.list_cell_columns():
            by_name.setdefault(name, []).extend(row[places[role]] for row in counted)
        mixed = [name for name in columns if holds_mixed_types(by_name[name])]
    for name in mixed:
        source.read_mixed_as_text(name)
    return bool(mixed)


def format_values(connection: duckdb.DuckDBPyConnection, column: CellColumn, values: Sequence[Any]) -> list[str | None]:
    """Format the values of a column as the texts under which they are counted.

    :param connection: the connection to DuckDB, which formats all texts
    :param column: the column of the values
    :param values: the database's values; texts are returned unchanged
    :return: the texts; None is a missing value
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
    """Format the values of a stratum column as the texts under which they are counted.

    :param connection: the connection to DuckDB, which formats all texts
    :param values: the database's values
    :param known: the storage type of the column, if known
    :param column: the name of the column, for an error
    :param na_values: the texts that mean "missing", if columns are cells of text files
    :param profile: the profile of the column, if known
    :return: the storage type, the profile, and the texts; None is a missing value
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
    """Return whether the first rows have few distinct weights.

    If so, rows of different weights can be counted in separate cells.

    :param source: the data
    :param roles: the columns of the analysis
    """
    if roles.weight is None:
        return False
    rows = select_roles(
        source.scan(roles.needed).subquery("data"), roles, source.find_number_types(roles), source.na_values
    )
    ((found,),) = source.execute(count_weights(rows))
    return has_few_weights(int(found or 0))


def _fetch_counts(
    source: SqlSource, roles: ColumnRoles, max_cells: int, period: exp.Expr | None = None
) -> list[tuple[Any, ...]]:
    """Fetch the cells of all grouping sets, in the layout of the table of cells, after their period if there is one."""
    numbers = source.find_number_types(roles)
    counted: list[tuple[Any, ...]] = []
    # Periods are part of the key, so there are too many combinations to count several facets together.
    for sets, jointly in _list_statements(source, roles, jointly=period is None):
        part = _Part(roles, sets)
        scanned = source.scan(part.roles.needed)
        if period is not None:
            scanned = scanned.select(period.copy().as_(PERIOD))
        rows = select_roles(scanned.subquery("data"), part.roles, numbers, source.na_values)
        remaining = max_cells - len(counted)
        if period is None:
            query = build_grouping_sets_query(rows, part.roles, jointly=jointly).limit(remaining)
            found = source.runner.fetch_rows(query, remaining)
            counted += map(part.place_cell, itertools.islice(found, remaining))
        else:
            query = add_period(build_grouping_sets_query(rows.select(PERIOD), part.roles)).limit(remaining)
            found = itertools.islice(source.runner.fetch_rows(query, remaining), remaining)
            counted += ((row[-1], *part.place_cell(tuple(row[:-1]))) for row in found)
        if len(counted) >= max_cells:
            break
    return counted


def _list_statements(source: SqlSource, roles: ColumnRoles, *, jointly: bool) -> list[tuple[list[GroupingSet], bool]]:
    """List the grouping sets of each statement, and whether it counts them jointly."""
    # If a column has two roles, an optimizer merges them and evaluates the wrong grouping sets.
    names = [name for name, _ in roles.list_cell_columns()]
    if len(set(names)) < len(names):
        return [([members], False) for members in roles.sets]
    joint = choose_joint_sets(source, roles) if jointly else []
    single = [members for members in roles.sets if not any(members in group for group in joint)]
    size = source.runner.dialect.facets_at_once
    chunks = [single[start : start + size] for start in range(0, len(single), size)]
    return [*((group, True) for group in joint), *((chunk, False) for chunk in chunks)]


class _Part:
    """Some of the grouping sets, which one statement counts.

    :param roles: the columns of the analysis
    :param sets: the grouping sets, by the indexes of their columns
    """

    def __init__(self, roles: ColumnRoles, sets: Sequence[tuple[int, ...]]) -> None:
        self._all = roles
        self._columns = sorted({number for members in sets for number in members})
        names = {number: roles.columns[number] for number in self._columns}
        self.roles = replace(
            roles,
            facets=tuple((name,) for name in names.values()),
            together=tuple(tuple(map(self._columns.index, members)) for members in sets),
        )
        size = len(self._columns)
        self._masks = {
            compute_grouping_mask(members, size): compute_grouping_mask(original, len(roles.columns))
            for members, original in zip(self.roles.sets, sets, strict=True)
        }

    def place_cell(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Extend a cell to the layout of all facet columns.

        :param row: one value per counted column, the rest of the cell, and last the set of the cell, if there are
            several
        """
        if len(self._all.sets) == 1:
            return row
        values, rest = row[: len(self._columns)], row[len(self._columns) :]
        (mask,) = self._masks.values() if len(self._masks) == 1 else (self._masks[int(rest[-1])],)
        placed: list[Any] = [None] * len(self._all.columns)
        for number, value in zip(self._columns, values, strict=True):
            placed[number] = value
        return (*placed, *(rest if len(self._masks) == 1 else rest[:-1]), mask)


def _fetch_example(source: SqlSource, column: str) -> list[Any]:
    """Fetch one value of a column; an empty list if it has none."""
    has_value = exp.not_(exp.column(column, quoted=True).is_(exp.null()))
    query = exp.select(exp.Star()).from_(source.scan([column]).subquery("data")).where(has_value).limit(1)
    return [value for (value,) in source.execute(query)]


def _list_table_columns(roles: ColumnRoles) -> list[str]:
    """List the columns of the table of cells, in the order of the query."""
    names = [name_facet_column(number) for number in range(len(roles.columns))] + roles.key_columns
    names += ["n", "bad", "w", "w2"] if roles.weight is not None else ["n"]
    return names + (["which"] if len(roles.sets) > 1 else [])


def _infer_storage_type(values: list[Any], known: StorageType | None, column: str) -> tuple[StorageType, list[Any]]:
    """Infer the storage type of a column from its values, and convert these for DuckDB."""
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
        raise ConfigError(
            f"column '{column}' holds {kind} values, which cannot be categories; choose another, or cast it"
        )
    texts = [None if value is None else str(value) for value in values]
    if types <= {datetime.datetime}:
        return StorageType.TIMESTAMP, texts
    # A column of several types (SQLite) counts as text; other types, such as times and UUIDs, do not.
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
