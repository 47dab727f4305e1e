"""Count a table for many periods in one scan."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.bias.config import AnalysisConfig, resolve_column
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.bias.periods import Every, truncate_date
from airflow_clarify.engines.counting.contingency import build_contingency
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.counting.periods import check_time_column, parse_date, unusable_date_error
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.sql.fetched_cells import fetch_cells_by_period, fill_cells, sample_has_few_weights
from airflow_clarify.exceptions import UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.sql.source import SqlSource

#: The cells of many periods are fetched together, so there may be more of them.
_MORE_CELLS = 10


def count_table_periods(
    source: SqlSource,
    config: AnalysisConfig,
    weight: str | int | None,
    time_column: str | int,
    every: Every,
    progress: Progress | None,
    *,
    max_cells: int,
) -> Iterator[tuple[datetime.date, Contingency]]:
    """Count a dataset for each period. The database groups by day; days are added up here.

    :param source: the data
    :param config: the analysis configuration
    :param weight: the column of row weights, by name or index
    :param time_column: the column of dates or times, by name or index
    :param every: the length of the periods
    :param progress: called with the current step
    :param max_cells: the maximum number of cells to fetch, for ten periods
    :return: the first day and the counts of each period, in order of time
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: the data cannot be read, hold no rows, have rows without a date, or too many cells
    """
    import duckdb

    report = progress or (lambda step, share: None)
    roles = ColumnRoles.from_config(config, weight, source.resolve_columns(config, weight))
    roles.check_storage(source.get_storage_type)
    actual = resolve_column(time_column, list(source.columns), "time_column")
    check_time_column(actual, [source.spelled.get(name, name) for name in roles.needed])
    report("counting at the source", -1.0)
    roles = replace(roles, weights_apart=sample_has_few_weights(source, roles))
    limit = _MORE_CELLS * max_cells
    counted = fetch_cells_by_period(source, roles, _build_day(source, actual), limit)
    if counted is None and roles.weights_apart:
        roles = replace(roles, weights_apart=False)
        counted = fetch_cells_by_period(source, roles, _build_day(source, actual), limit)
    if counted is None:
        raise UnfitDataError(
            f"{source.location}: more than {limit:,} cells; count fewer periods or facets, or raise max_cells"
        )
    by_period: dict[datetime.date, list[tuple[Any, ...]]] = {}
    for value, counts in counted.items():
        if value is None:
            raise unusable_date_error(actual, None)
        by_period.setdefault(truncate_date(parse_date(value, actual), every), []).extend(counts)
    if not by_period:
        raise UnfitDataError(f"{source.location}: the data hold no rows, so there is nothing to measure")
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as embedded:
        for period in sorted(by_period):
            cells = fill_cells(embedded, source, roles, by_period[period], limit)
            yield period, build_contingency(cells, config, source.runner.version)


def _build_day(source: SqlSource, column: str) -> exp.Expr:
    """Build the day of a row: a date, the first ten characters of a text, or a number such as 20260131."""
    stored = source.find_type(column).stored
    if stored is StorageType.INTEGER:
        return exp.column(column, quoted=True)
    if stored is None or stored.is_text or not source.runner.dialect.has_column_types:
        text = exp.cast(exp.column(column, quoted=True), "VARCHAR")
        return exp.Substring(this=text, start=exp.Literal.number(1), length=exp.Literal.number(10))
    return exp.cast(exp.column(column, quoted=True), "DATE")
