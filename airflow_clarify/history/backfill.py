"""Fill a history from past data: one scan, grouped by day, week or month."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow_clarify.history.reading import open_history
from airflow_clarify.history.record import BACKFILL, HistoryRecord

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.periods import Every
    from airflow_clarify.engines.base import Engine, Progress


def backfill(
    data: DataConfig,
    config: AnalysisConfig,
    engine: Engine,
    history: Any,
    *,
    time_column: str | int,
    every: Every = "day",
    dataset: str | None = None,
    run: Mapping[str, str] | None = None,
    location: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> list[HistoryRecord]:
    """Count past data by period in one scan, and write one record for each period.

    Filling a history again replaces the records of the same periods.

    :param data: the data configuration
    :param config: the analysis configuration
    :param engine: the engine that counts the data
    :param history: a folder, a :class:`~airflow_clarify.history.folder.FolderHistory` or a
        :class:`~airflow_clarify.history.sql.SQLHistory`
    :param time_column: the column of dates or times, by name or index
    :param every: "day", "week" (from Monday) or "month"
    :param dataset: the name of the dataset in the history; None derives it from the location of the data
    :param run: the DAG and task whose history it is; None for any task that measures the dataset
    :param location: the location of the data; None derives it from ``data`` and ``engine``
    :param progress: progress callback
    :return: the records, in order of time
    :raises ConfigError: the configuration does not fit the data, or the engine cannot count by period
    :raises DataError: the data cannot be read, or have rows without a date
    :raises OutputError: the history cannot be written
    """
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import fill_unset_fields
    from airflow_clarify.bias.periods import add_period_length, check_every
    from airflow_clarify.engines.base import check_ability
    from airflow_clarify.lineage.dataset import describe_source

    check_every(every)
    store = open_history(history, data.conn_id)
    check_ability(engine, "count_periods")
    data = fill_unset_fields(data, config)
    where = describe_source(data, engine) if location is None else location
    records = []
    periods = cast(Any, engine).count_periods(data, config, time_column, every, progress=progress)
    for first_day, contingency in periods:
        analysis = replace(Analysis.from_contingency(contingency, config), whereabouts=dict(where))
        start = datetime.datetime.combine(first_day, datetime.time(), datetime.UTC)
        end = datetime.datetime.combine(add_period_length(first_day, every), datetime.time(), datetime.UTC)
        named = {"task_id": BACKFILL, **(run or {}), "run_id": f"{BACKFILL}__{first_day.isoformat()}"}
        records.append(HistoryRecord.build(analysis, run=named, start=start, end=end, dataset=dataset))
    store.write(records)
    return records
