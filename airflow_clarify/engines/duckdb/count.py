"""Count files in one streaming scan into a small table of cells, which all further queries read.

The table is small for most data. If there are very many cells (a facet with a million values, a customer id as group
variable), DuckDB spills it to disk when necessary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.engines.base import Progress
from airflow_clarify.engines.counting.cell_query import CELLS, build_grouping_sets_query, select_roles
from airflow_clarify.engines.counting.cells import CellTable, ValueOrder
from airflow_clarify.engines.counting.contingency import ContingencyBuilder
from airflow_clarify.engines.counting.expressions import StorageType, is_one_of, looks_nested
from airflow_clarify.engines.counting.predictions import check_score_type
from airflow_clarify.engines.counting.queries import select_from
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.counting.weights import (
    build_weight_check_query,
    check_rows,
    check_weight_type,
    count_weights,
    has_few_weights,
)
from airflow_clarify.engines.duckdb.first_seen import order_by_first_row
from airflow_clarify.engines.duckdb.progress import report_progress
from airflow_clarify.engines.duckdb.storage_types import map_storage_type

if TYPE_CHECKING:
    from airflow_clarify.engines.duckdb.source import Source


def count_files(
    source: Source, config: AnalysisConfig, weight: str | int | None, progress: Progress | None
) -> Contingency:
    """Count a dataset for an analysis.

    :param source: the data
    :param config: the analysis configuration
    :param weight: the column of row weights, by name or index
    :param progress: progress callback
    :return: the counts of each facet
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: the data cannot be read, hold no rows, or have unusable weights
    """
    roles = ColumnRoles.from_config(config, weight, list(source.columns), source.prediction_columns)
    with report_progress(source.connection, "reading the data", progress):
        cells = scan_cells(source, roles)
    with report_progress(source.connection, "looking at the columns", progress):
        builder = ContingencyBuilder(cells, config)
        contingency = builder.build(describe_version())
    if "FT" not in config.post_training_methods:
        return contingency
    from airflow_clarify.engines.duckdb.flip_test import add_flip_tests

    with report_progress(source.connection, "comparing rows with their neighbours", progress):
        return add_flip_tests(contingency, source, builder, config)


def describe_version() -> str:
    """Return name and version of the counting engine."""
    import duckdb

    return f"duckdb {duckdb.__version__}"


def scan_cells(source: Source, roles: ColumnRoles) -> CellTable:
    """Count all rows in one scan, whatever the number of facets.

    :param source: the data
    :param roles: the analysed columns
    :return: the table of the cells
    :raises ConfigError: a column is nested, or the weight column is not numeric
    :raises DataError: the data cannot be read, hold no rows, or have unusable weights
    """
    rows, roles = select_rows(source, roles)
    source.execute(build_create_table(CELLS, build_grouping_sets_query(rows, roles)))
    refuse_nested_fields(source, roles)
    if source.format == "jsonlines" and source.execute(_select_rows_without_values(roles)):
        source.refuse_null_lines()
    return create_cells(source, roles, partial(order_by_first_row, source))


def list_storage_types(source: Source, roles: ColumnRoles) -> dict[str, StorageType]:
    """List how the analysed columns are stored.

    :param source: the data
    :param roles: the analysed columns
    :return: the storage type of each column by its name
    """
    return {name: map_storage_type(source.columns[name], typed=source.is_typed(name)) for name in roles.needed}


def select_rows(source: Source, roles: ColumnRoles, *others: str) -> tuple[exp.Select, ColumnRoles]:
    """Select the rows of the data with one column for each role, and check the types of the columns.

    :param source: the data
    :param roles: the analysed columns
    :param others: further columns, which the query can be extended by
    :return: the query, and the roles with weights apart if there are few
    :raises ConfigError: a column is nested, or weights or scores are not numeric
    :raises DataError: the data cannot be read
    """
    by_name = list_storage_types(source, roles)
    roles.check_storage(by_name.get)
    if roles.weight is not None:
        check_weight_type(roles.weight, by_name[roles.weight], source.columns[roles.weight])
    if roles.score_threshold is not None and roles.prediction is not None:
        check_score_type(roles.prediction, by_name[roles.prediction], source.columns[roles.prediction])
    rows = select_roles(source.scan([*roles.needed, *others]).subquery("data"), roles, by_name, source.na_values)
    if roles.weight is not None:
        ((weights,),) = source.execute(count_weights(rows))
        roles = replace(roles, weights_apart=has_few_weights(int(weights)))
    return rows, roles


def refuse_nested_fields(source: Source, roles: ColumnRoles, table: str = CELLS) -> None:
    """Check that no analysed field of JSON Lines holds arrays or objects, which DuckDB reads as texts.

    :param source: the data
    :param roles: the analysed columns
    :param table: the table of the cells
    :raises ConfigError: a field does
    """
    if source.format != "jsonlines":
        return
    columns = [(name, role) for name, role in roles.list_cell_columns() if not source.is_typed(name)]
    columns = [each for each in columns if each[1] != "pred" or roles.score_threshold is None]
    starts = [exp.func("max", looks_nested(exp.column(role))) for _, role in columns]
    (found,) = source.execute(exp.select(*starts).from_(table))
    suspected = [name for (name, _), starts_so in zip(columns, found, strict=True) if starts_so]
    nested = source.find_nested_fields(suspected)
    roles.check_storage(lambda name: StorageType.NESTED if name in nested else None)


def create_cells(source: Source, roles: ColumnRoles, order: ValueOrder) -> CellTable:
    """Check the cells that have been counted into their table, and return them.

    :param source: the data
    :param roles: the analysed columns
    :param order: sorts the values of a facet
    :return: the table of the cells
    :raises DataError: the data hold no rows, or have unusable weights
    """
    counted, *unusable = source.execute(build_weight_check_query(roles, CELLS))[0]
    check_rows(source.location, roles, counted, unusable[0] if unusable else None)
    by_name = list_storage_types(source, roles)
    stored = {role: by_name[name] for name, role in roles.list_cell_columns()}
    if roles.score_threshold is not None:
        stored["pred"] = StorageType.INTEGER
    return CellTable(
        roles,
        stored,
        source.execute,
        order,
        _find_missing_texts(source, [role for role, kind in stored.items() if kind is StorageType.TEXT_CELL]),
        source.categorical,
        source.held_as_objects,
        source.has_whole_scores,
    )


def _find_missing_texts(source: Source, roles: Sequence[str]) -> frozenset[str]:
    """Find the texts in the cells that count as missing; queries take less time without those that do not occur.

    :param source: the data
    :param roles: the columns of the cells that hold texts
    """
    if not roles or not source.na_values:
        return frozenset()
    columns = [exp.column(role) for role in roles]
    found = [select_from(CELLS, column, where=is_one_of(column, source.na_values)) for column in columns]
    return frozenset(text for (text,) in source.execute(exp.union(*found) if len(found) > 1 else found[0]))


def _select_rows_without_values(roles: ColumnRoles) -> exp.Select:
    """Build the query for a cell whose rows have no value in any analysed column."""
    empty = [exp.column(name).is_(exp.null()) for _, name in roles.list_cell_columns()]
    return exp.select("1").from_(CELLS).where(*empty).limit(1)


def build_create_table(name: str, query: exp.Expr, *, replace: bool = False) -> exp.Create:
    """Build the statement that creates a temporary table from a query.

    :param name: the name of the table
    :param query: the query
    :param replace: whether a table of that name is replaced
    """
    temporary = exp.Properties(expressions=[exp.TemporaryProperty()])
    return exp.Create(this=exp.to_table(name), kind="TABLE", expression=query, properties=temporary, replace=replace)
