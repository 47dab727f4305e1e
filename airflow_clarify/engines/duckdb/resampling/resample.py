"""Write balanced copies of a dataset: exact quotas, drawn without replacement, independent of threads and format.

There are three steps: determine the stratum of every row (a scan of only the columns concerned), compute the quotas and
the key thresholds, and stream the rows from source to target. Memory use is a few bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

from airflow_clarify.bias.resampling import BalanceConfig, BalancePlan, BalanceResult, check_seed, require_list
from airflow_clarify.engines.duckdb.resampling.random_keys import RowKeys
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    import pandas

    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb.source import Source
    from airflow_clarify.io.atomic import Publish

#: The default name of the column that reweighing adds.
WEIGHT_COLUMN = "weight"


def resample(
    source: Source,
    target: str,
    by: Sequence[str],
    *,
    strategy: str = "undersample",
    size: int | None = None,
    fraction: float | None = None,
    seed: int = 0,
    weight_column: str = WEIGHT_COLUMN,
    empty: str = "error",
    missing: str | None = None,
    weight: str | None = None,
    publish: Publish | None = None,
    progress: Progress | None = None,
) -> BalanceResult:
    """Write a balanced copy of the data, complete or absent.

    The copy keeps the order of the rows, and the texts or types of the cells. The copies of a row are adjacent. The
    format is that of the source, unless the name of the target has the ending of another one (.csv, .tsv, .parquet,
    .jsonl; .gz compresses). A CSV that is written as Parquet keeps its cells as texts.

    :param source: the data
    :param target: the file to write, as a local path or a URI
    :param by: the columns whose combined values form the strata
    :param strategy: ``undersample``, ``oversample`` or ``reweigh``; see
        :class:`~airflow_clarify.bias.resampling.BalanceConfig`
    :param size: the number of rows of each stratum
    :param fraction: the fraction of each stratum to draw, for ``undersample``
    :param seed: any whole number; the rows drawn are a function of it and of the rows' positions, see
        :mod:`airflow_clarify.engines.duckdb.resampling.random_keys`
    :param weight_column: the column that ``reweigh`` adds
    :param empty: how to handle an empty stratum, "error" or "ignore"
    :param missing: how to handle rows with a missing value, "drop", "keep" or "error"; None uses the strategy's default
    :param weight: for ``reweigh``, the column of prior weights, by which the new ones are multiplied
    :param publish: uploads the finished local file to the URI; by default through the URI's filesystem
    :param progress: progress callback
    :return: the number of rows of each stratum before and after
    :raises ConfigError: the parameters do not fit together or do not fit the data, or the target is (in) the source
    :raises QuotaError: a stratum is empty, or has fewer rows than its quota
    :raises DataError: the data cannot be read
    :raises OutputError: the target cannot be written; no partial file remains
    """
    from airflow_clarify.engines.duckdb.progress import report_progress
    from airflow_clarify.engines.duckdb.resampling.selection import select_from_strata
    from airflow_clarify.engines.duckdb.resampling.strata import read_strata, read_weights
    from airflow_clarify.engines.duckdb.resampling.writer import parse_output_format, write_rows
    from airflow_clarify.io.atomic import atomic_write, check_not_source

    balance, draw = _check_parameters(by, strategy, size, fraction, empty, missing, weight, seed)
    _check_weight_column(balance, weight_column, list(source.columns))
    kind = parse_output_format(target, source)
    check_not_source(target, source.location, source.files)
    # Positions refer to the order of the rows, so DuckDB must not reorder them to save memory.
    source.connection.execute("SET preserve_insertion_order = true")
    with report_progress(source.connection, "reading the strata", progress) if progress is not None else nullcontext():
        rows = read_strata(source, balance.by)
        prior = None if weight is None else (weight, read_weights(source, weight))
    if prior is not None and len(prior[1]) != len(rows.codes):
        raise DataError(f"{source.location}: it changed while it was read; run again when nobody writes to it")
    plan = balance.plan(rows.count_strata(), None if prior is None else rows.sum_weights(prior[1]))
    selection = select_from_strata(rows, plan, draw, prior)
    with atomic_write(target, publish) as path:
        write_rows(source, selection, path, kind, weight_column=weight_column, name=target, progress=progress)
    return _build_result(target, balance, draw, plan, weight_column)


def resample_dataframe(
    frame: pandas.DataFrame,
    by: Sequence[str],
    *,
    strategy: str = "undersample",
    size: int | None = None,
    fraction: float | None = None,
    seed: int = 0,
    weight_column: str = WEIGHT_COLUMN,
    empty: str = "error",
    missing: str | None = None,
    weight: str | None = None,
) -> pandas.DataFrame:
    """Build a balanced copy of a DataFrame.

    It has the rows that :func:`resample` would draw from the same rows in a file. Index, column types and order are
    kept; ``attrs["balance"]`` of the copy holds the number of rows of each stratum before and after.

    :param frame: the data
    :param by: the columns whose combined values form the strata
    :param strategy: ``undersample``, ``oversample`` or ``reweigh``, as for :func:`resample`
    :param size: the number of rows of each stratum
    :param fraction: the fraction of each stratum to draw, for ``undersample``
    :param seed: any whole number
    :param weight_column: the column that ``reweigh`` adds
    :param empty: how to handle an empty stratum, "error" or "ignore"
    :param missing: how to handle rows with a missing value, "drop", "keep" or "error"; None uses the strategy's default
    :param weight: for ``reweigh``, the column of prior weights, by which the new ones are multiplied
    :return: the copy
    :raises ConfigError: the parameters do not fit together or do not fit the data
    :raises QuotaError: a stratum is empty, or has fewer rows than its quota
    :raises DataError: a column cannot be read, or rows have no usable weight
    """
    import numpy as np

    from airflow_clarify.engines.duckdb.resampling.selection import select_from_strata
    from airflow_clarify.engines.duckdb.resampling.strata import read_frame_strata, read_frame_weights

    balance, draw = _check_parameters(by, strategy, size, fraction, empty, missing, weight, seed)
    _check_weight_column(balance, weight_column, list(frame.columns))
    rows = read_frame_strata(frame, balance.by)
    prior = None if weight is None else (weight, read_frame_weights(frame, weight))
    plan = balance.plan(rows.count_strata(), None if prior is None else rows.sum_weights(prior[1]))
    selection = select_from_strata(rows, plan, draw, prior)
    chosen = np.repeat(np.arange(len(frame)), selection.count_copies(0, len(frame)))
    balanced = frame.take(chosen)
    if selection.weights is not None:
        balanced = balanced.assign(**{weight_column: selection.get_weights(0, len(frame))[chosen]})
    balanced.attrs["balance"] = _build_result("", balance, draw, plan, weight_column).to_json()
    return balanced


def _check_parameters(
    by: Sequence[str],
    strategy: str,
    size: int | None,
    fraction: float | None,
    empty: str,
    missing: str | None,
    weight: str | None,
    seed: int,
) -> tuple[BalanceConfig, RowKeys]:
    """Check the parameters and build the configuration and the random keys."""
    columns = tuple(require_list(by, "by"))
    balance = BalanceConfig(
        cast(Any, columns), cast(Any, strategy), size, fraction, cast(Any, empty), cast(Any, missing), weight
    )
    check_seed(seed)
    return balance, RowKeys(seed)


def _build_result(
    target: str, balance: BalanceConfig, draw: RowKeys, plan: BalancePlan, weight_column: str
) -> BalanceResult:
    return BalanceResult(
        target=target,
        by=balance.by,
        strategy=balance.strategy,
        seed=draw.seed,
        strata=plan.shares,
        rows_in=sum(share.before for share in plan.shares),
        rows_out=sum(share.after for share in plan.shares),
        weight_column=weight_column if balance.strategy == "reweigh" else None,
        warnings=plan.warnings,
    )


def _check_weight_column(balance: BalanceConfig, name: str, columns: Sequence[str]) -> None:
    if balance.strategy != "reweigh":
        return
    if not name:
        raise ConfigError("weight_column: it is empty; give the column of weights a name")
    # Names in DuckDB are not case-sensitive.
    if name.lower() in {str(column).lower() for column in columns}:
        raise ConfigError(f"weight_column: there is a column {name!r} already; choose another name")
