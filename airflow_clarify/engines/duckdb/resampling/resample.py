"""Write balanced copies of a dataset: exact quotas, drawn without replacement, independent of threads and format.

There are three steps: determine the stratum of every row (a scan of only the columns concerned), compute the quotas and
the key thresholds, and stream the rows from source to target. Memory use is a few bytes a row.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from airflow_clarify.bias.resampling import BalanceConfig, BalancePlan, BalanceResult
from airflow_clarify.engines.duckdb.resampling.random_keys import RowKeys
from airflow_clarify.exceptions import DataError

if TYPE_CHECKING:
    import pandas

    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb.source import Source
    from airflow_clarify.io.atomic import Publish


def resample(
    source: Source,
    target: str,
    config: BalanceConfig,
    *,
    publish: Publish | None = None,
    progress: Progress | None = None,
) -> BalanceResult:
    """Write a balanced copy of the data, complete or absent.

    The copy keeps the order of the rows, and the texts or types of the cells. The copies of a row are adjacent. The
    format is that of the source, unless the name of the target has the ending of another one (.csv, .tsv, .parquet,
    .jsonl; .gz compresses). A CSV that is written as Parquet keeps its cells as texts.

    The rows drawn are a function of the seed and of the rows' positions, see
    :mod:`airflow_clarify.engines.duckdb.resampling.random_keys`.

    :param source: the data
    :param target: the file to write, as a local path or a URI
    :param config: how to balance, with the names of columns
    :param publish: uploads the finished local file to the URI; by default through the URI's filesystem
    :param progress: progress callback
    :return: the number of rows of each stratum before and after
    :raises ConfigError: the configuration does not fit the data, or the target is (in) the source
    :raises QuotaError: a stratum is empty, or has fewer rows than its quota
    :raises DataError: the data cannot be read
    :raises OutputError: the target cannot be written; no partial file remains
    """
    from airflow_clarify.engines.duckdb.progress import report_progress
    from airflow_clarify.engines.duckdb.resampling.selection import select_from_strata
    from airflow_clarify.engines.duckdb.resampling.strata import read_strata, read_weights
    from airflow_clarify.engines.duckdb.resampling.writer import parse_output_format, write_rows
    from airflow_clarify.io.atomic import atomic_write, check_not_source

    config.check_added_column(list(source.columns))
    weight = None if config.weight is None else str(config.weight)
    kind = parse_output_format(target, source)
    check_not_source(target, source.location, source.files)
    # Positions refer to the order of the rows, so DuckDB must not reorder them to save memory.
    source.connection.execute("SET preserve_insertion_order = true")
    with report_progress(source.connection, "reading the strata", progress) if progress is not None else nullcontext():
        rows = read_strata(source, config.names)
        prior = None if weight is None else (weight, read_weights(source, weight))
    if prior is not None and len(prior[1]) != len(rows.codes):
        raise DataError(f"{source.location}: it changed while it was read; run again when nobody writes to it")
    plan = config.plan(rows.count_strata(), None if prior is None else rows.sum_weights(prior[1]))
    selection = select_from_strata(rows, plan, RowKeys(config.seed), prior)
    with atomic_write(target, publish) as path:
        write_rows(source, selection, path, kind, weight_column=config.weight_column, name=target, progress=progress)
    return _build_result(target, config, plan)


def resample_dataframe(frame: pandas.DataFrame, config: BalanceConfig) -> pandas.DataFrame:
    """Build a balanced copy of a DataFrame.

    It has the rows that :func:`resample` would draw from the same rows in a file. Index, column types and order are
    kept; ``attrs["balance"]`` of the copy holds the number of rows of each stratum before and after.

    :param frame: the data
    :param config: how to balance
    :return: the copy
    :raises ConfigError: it is not a DataFrame, or the configuration does not fit the data
    :raises QuotaError: a stratum is empty, or has fewer rows than its quota
    :raises DataError: a column cannot be read, or rows have no usable weight
    """
    import numpy as np

    from airflow_clarify.engines.duckdb.dataframe import check_frame
    from airflow_clarify.engines.duckdb.resampling.selection import select_from_strata
    from airflow_clarify.engines.duckdb.resampling.strata import read_frame_strata, read_frame_weights

    check_frame(frame)
    config.check_added_column(list(frame.columns))
    rows = read_frame_strata(frame, config.names)
    weight = None if config.weight is None else str(config.weight)
    prior = None if weight is None else (weight, read_frame_weights(frame, weight))
    plan = config.plan(rows.count_strata(), None if prior is None else rows.sum_weights(prior[1]))
    selection = select_from_strata(rows, plan, RowKeys(config.seed), prior)
    chosen = np.repeat(np.arange(len(frame)), selection.count_copies(0, len(frame)))
    balanced = frame.take(chosen)
    if selection.weights is not None:
        balanced = balanced.assign(**{config.weight_column: selection.get_weights(0, len(frame))[chosen]})
    balanced.attrs["balance"] = _build_result("", config, plan).to_json()
    return balanced


def _build_result(target: str, config: BalanceConfig, plan: BalancePlan) -> BalanceResult:
    return BalanceResult(
        target=target,
        by=config.names,
        strategy=config.strategy,
        seed=config.seed,
        strata=plan.shares,
        rows_in=sum(share.before for share in plan.shares),
        rows_out=sum(share.after for share in plan.shares),
        weight_column=config.added_column,
        warnings=plan.warnings,
    )
