"""Count files for many periods in one scan."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.bias.config import AnalysisConfig, resolve_column
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.engines.counting.cell_query import CELLS, build_grouping_sets_query, select_roles
from airflow_clarify.engines.counting.cells import CellTable, sort_values
from airflow_clarify.engines.counting.contingency import build_contingency
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.counting.periods import PERIOD, Every, add_period, check_time_column, unusable_date_error
from airflow_clarify.engines.counting.predictions import check_score_type
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.counting.weights import (
    build_weight_check_query,
    check_rows,
    check_weight_type,
    count_weights,
    has_few_weights,
)
from airflow_clarify.engines.duckdb.count import describe_version
from airflow_clarify.engines.duckdb.progress import report_progress
from airflow_clarify.engines.duckdb.storage_types import map_storage_type

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
    roles = ColumnRoles.from_config(config, weight, list(source.columns))
    time = resolve_column(time_column, list(source.columns), "time_column")
    check_time_column(time, roles.needed)
    with report_progress(source.connection, "reading the data", progress):
        roles = _scan(source, roles, time, every)
    periods = source.execute(exp.select(exp.column(PERIOD)).distinct().from_(_ALL_CELLS).order_by(PERIOD))
    for (period,) in periods:
        of_period = exp.EQ(this=exp.column(PERIOD), expression=exp.cast(exp.Literal.string(str(period)), "DATE"))
        of_this_period = exp.select(exp.Star()).from_(_ALL_CELLS).where(of_period)
        source.execute(_build_create_table(CELLS, of_this_period))
        cells = _select_cells(source, roles)
        counted, *unusable = source.execute(build_weight_check_query(roles, CELLS))[0]
        check_rows(source.location, roles, counted, unusable[0] if unusable else None)
        yield period, build_contingency(cells, config, describe_version())


def _scan(source: Source, roles: ColumnRoles, time: str, every: Every) -> ColumnRoles:
    """Count all rows by period in one scan, into a table.

    :return: the roles, with weights apart if there are few
    """
    by_name = {name: map_storage_type(source.columns[name], typed=source.typed) for name in roles.needed}
    roles.check_storage(by_name.get)
    if roles.weight is not None:
        check_weight_type(roles.weight, by_name[roles.weight], source.columns[roles.weight])
    if roles.score_threshold is not None and roles.prediction is not None:
        check_score_type(roles.prediction, by_name[roles.prediction], source.columns[roles.prediction])
    data = source.scan([*roles.needed, time]).subquery("data")
    rows = select_roles(data, roles, by_name, source.na_values)
    if roles.weight is not None:
        ((weights,),) = source.execute(count_weights(rows))
        roles = replace(roles, weights_apart=has_few_weights(int(weights)))
    rows = rows.select(_build_period(time, every).as_(PERIOD))
    source.execute(_build_create_table(_ALL_CELLS, add_period(build_grouping_sets_query(rows, roles))))
    is_missing = exp.column(PERIOD).is_(exp.null())
    ((undated,),) = source.execute(exp.select(exp.func("sum", exp.column("n"))).from_(_ALL_CELLS).where(is_missing))
    if undated:
        column = exp.column(time, quoted=True)
        no_period = _build_period(time, every).is_(exp.null())
        scanned = source.scan([time]).subquery("data")
        example = source.execute(exp.select(column).from_(scanned).where(no_period).limit(1))
        raise unusable_date_error(time, example[0][0] if example else None, int(undated) // len(roles.sets))
    return roles


def _select_cells(source: Source, roles: ColumnRoles) -> CellTable:
    """Return the cells of a period, whose values are sorted, since their first rows would need another scan."""
    by_name = {name: map_storage_type(source.columns[name], typed=source.typed) for name in roles.needed}
    stored = {role: by_name[name] for name, role in roles.list_cell_columns()}
    if roles.score_threshold is not None:
        stored["pred"] = StorageType.INTEGER
    return CellTable(roles, stored, source.execute, sort_values, source.na_values, source.categorical)


def _build_create_table(name: str, query: exp.Expr) -> exp.Create:
    temporary = exp.Properties(expressions=[exp.TemporaryProperty()])
    return exp.Create(this=exp.to_table(name), kind="TABLE", expression=query, properties=temporary, replace=True)


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
