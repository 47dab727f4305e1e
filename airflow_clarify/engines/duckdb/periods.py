"""Count files for many periods in one scan."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.bias.config import AnalysisConfig, resolve_column
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.bias.periods import Every
from airflow_clarify.engines.counting.cell_query import CELLS, build_grouping_sets_query
from airflow_clarify.engines.counting.cells import sort_values
from airflow_clarify.engines.counting.contingency import build_contingency
from airflow_clarify.engines.counting.periods import PERIOD, add_period, check_time_column, unusable_date_error
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.duckdb.count import (
    build_create_table,
    create_cells,
    describe_version,
    refuse_nested_fields,
    select_rows,
)
from airflow_clarify.engines.duckdb.progress import report_progress

if TYPE_CHECKING:
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb.source import Source

#: The table of the cells of all periods.
_ALL_CELLS = "airflow_clarify_all_cells"


def count_file_periods(
    source: Source,
    config: AnalysisConfig,
    weight: str | int | None,
    time_column: str | int,
    every: Every,
    progress: Progress | None,
) -> Iterator[tuple[datetime.date, Contingency]]:
    """Count a dataset for each period.

    :param source: the data
    :param config: the analysis configuration
    :param weight: the column of row weights, by name or index
    :param time_column: the column of dates or times, by name or index
    :param every: the length of the periods
    :param progress: progress callback
    :return: the first day and the counts of each period, in order of time
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: the data cannot be read, hold no rows, or have rows without a date
    """
    roles = ColumnRoles.from_config(config, weight, list(source.columns), source.prediction_columns)
    time = resolve_column(time_column, list(source.columns), "time_column")
    check_time_column(time, roles.needed)
    with report_progress(source.connection, "reading the data", progress):
        roles = _scan(source, roles, time, every)
    periods = source.execute(exp.select(exp.column(PERIOD)).distinct().from_(_ALL_CELLS).order_by(PERIOD))
    for (period,) in periods:
        of_period = exp.EQ(this=exp.column(PERIOD), expression=exp.cast(exp.Literal.string(str(period)), "DATE"))
        of_this_period = exp.select(exp.Star()).from_(_ALL_CELLS).where(of_period)
        source.execute(build_create_table(CELLS, of_this_period, replace=True))
        # The values are sorted, since finding their first rows would need another scan.
        cells = create_cells(source, roles, sort_values)
        yield period, build_contingency(cells, config, describe_version())


def _scan(source: Source, roles: ColumnRoles, time: str, every: Every) -> ColumnRoles:
    """Count all rows by period in one scan, into a table.

    :return: the roles, with weights apart if there are few
    """
    rows, roles = select_rows(source, roles, time)
    rows = rows.select(_build_period(time, every).as_(PERIOD))
    source.execute(build_create_table(_ALL_CELLS, add_period(build_grouping_sets_query(rows, roles)), replace=True))
    refuse_nested_fields(source, roles, _ALL_CELLS)
    is_missing = exp.column(PERIOD).is_(exp.null())
    ((undated,),) = source.execute(exp.select(exp.func("sum", exp.column("n"))).from_(_ALL_CELLS).where(is_missing))
    if undated:
        column = exp.column(time, quoted=True)
        no_period = _build_period(time, every).is_(exp.null())
        scanned = source.scan([time]).subquery("data")
        example = source.execute(exp.select(column).from_(scanned).where(no_period).limit(1))
        raise unusable_date_error(time, example[0][0] if example else None, int(undated) // len(roles.sets))
    return roles


def _build_period(time: str, every: Every) -> exp.Expr:
    """Build the first day of the period of a row; NULL without a date."""
    text = exp.cast(exp.column(time, quoted=True), "VARCHAR")
    moment = exp.func(
        "coalesce",
        exp.TryCast(this=text, to=exp.DataType.build("TIMESTAMP")),
        exp.Anonymous(this="try_strptime", expressions=[text.copy(), exp.Literal.string("%Y%m%d")]),
    )
    truncated = exp.Anonymous(this="date_trunc", expressions=[exp.Literal.string(every), moment])
    return exp.cast(truncated, "DATE")
