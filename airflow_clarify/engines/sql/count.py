"""Counting in a database: one statement as a rule, and a few more where a column has very many values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.engines.base import Progress
from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.contingency import build_contingency
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.sql.fetched_cells import FetchedCells, TooManyCellsError, sample_has_few_weights
from airflow_clarify.engines.sql.pushdown_cells import PushdownCells

if TYPE_CHECKING:
    import duckdb

    from airflow_clarify.engines.sql.source import SqlSource

#: Raw cells that are brought home at most; a few tens of megabytes.
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
    :param config: what is asked of them
    :param weight: the column of row weights, by name or index
    :param progress: told what is being done
    :param max_cells: raw cells that are brought home at most
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: the data cannot be read, hold no rows, or have unusable weights
    """
    import duckdb

    told = progress or (lambda what, part: None)
    roles = ColumnRoles.from_config(config, weight, source.resolve_columns(config, weight))
    roles.check_storage(source.get_storage_type)
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as home:
        cells: CellStore
        told("counting where the data are", -1.0)
        try:
            cells = _fetch(home, source, roles, max_cells)
        except TooManyCellsError as seen:
            told("asking about columns of many values", -1.0)
            cells = far = PushdownCells(home, source, roles, seen.stored)
            far.check()
        return build_contingency(cells, config, source.runner.version)


def _fetch(home: duckdb.DuckDBPyConnection, source: SqlSource, roles: ColumnRoles, max_cells: int) -> FetchedCells:
    """Bring the cells home: with each weight apart where weights seem to be few, otherwise with sums of weights.

    :raises TooManyCellsError: there are too many either way
    """
    if sample_has_few_weights(source, roles):
        try:
            return FetchedCells.fetch(home, source, replace(roles, weights_apart=True), max_cells)
        except TooManyCellsError:
            pass
    return FetchedCells.fetch(home, source, roles, max_cells)
