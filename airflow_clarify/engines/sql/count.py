"""Counting in a database: usually one query, and a few more if a column has very many values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.engines.base import Progress
from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.contingency import build_contingency
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.sql.fetched_cells import TooManyCellsError, fetch_cells, sample_has_few_weights
from airflow_clarify.engines.sql.pushdown_cells import PushdownCells

if TYPE_CHECKING:
    import duckdb

    from airflow_clarify.engines.sql.source import SqlSource

#: Maximum number of fetched cells; a few tens of megabytes.
MAX_CELLS = 200_000


def count_table(
    source: SqlSource,
    config: AnalysisConfig,
    weight: str | int | None,
    progress: Progress | None,
    *,
    max_cells: int = MAX_CELLS,
) -> Contingency:
    """Count a dataset for an analysis.

    :param source: the data
    :param config: the analysis to count for
    :param weight: the column of row weights, by name or index; None weights all rows equally
    :param progress: called with the current step
    :param max_cells: the maximum number of cells to fetch
    :return: the counts
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: the data cannot be read, hold no rows, or have unusable weights
    """
    import duckdb

    report = progress or (lambda step, share: None)
    roles = ColumnRoles.from_config(config, weight, source.resolve_columns(config, weight))
    roles.check_storage(source.get_storage_type)
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as embedded:
        cells: CellStore
        report("counting at the source", -1.0)
        try:
            cells = _fetch(embedded, source, roles, max_cells)
        except TooManyCellsError as error:
            report("querying columns of many values", -1.0)
            cells = pushdown = PushdownCells(embedded, source, roles, error.stored)
            pushdown.check()
        return build_contingency(cells, config, source.runner.version)


def _fetch(embedded: duckdb.DuckDBPyConnection, source: SqlSource, roles: ColumnRoles, max_cells: int) -> CellStore:
    """Fetch the cells, with separate weights if a sample has few, otherwise with sums.

    :raises TooManyCellsError: there are too many cells either way
    """
    if sample_has_few_weights(source, roles):
        try:
            return fetch_cells(embedded, source, replace(roles, weights_apart=True), max_cells)
        except TooManyCellsError:
            pass
    return fetch_cells(embedded, source, roles, max_cells)
