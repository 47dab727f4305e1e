"""Count files in one streaming scan into a small table of cells, which all further queries read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.engines.base import Progress
from airflow_clarify.engines.counting.contingency import build_contingency
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.duckdb.cells import CellTable
from airflow_clarify.engines.duckdb.progress import report_progress

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
    roles = ColumnRoles.from_config(config, weight, list(source.columns))
    with report_progress(source.connection, "reading the data", progress):
        cells = CellTable.scan(source, roles)
    with report_progress(source.connection, "looking at the columns", progress):
        return build_contingency(cells, config, describe_version())


def describe_version() -> str:
    """Return name and version of the counting engine."""
    import duckdb

    return f"duckdb {duckdb.__version__}"
