"""Bias checks without a DAG: for a notebook, a script, or a test, on a DataFrame or on files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.argument_types import COLUMN, check_argument
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, ColumnRef, DataConfig, Methods
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    import pandas

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.engines.duckdb import DuckDBEngine


def analyze(
    data: pandas.DataFrame | DataConfig,
    bias_config: BiasConfig,
    *,
    label: ColumnRef | None = None,
    methods: Methods = "all",
    weight: ColumnRef | None = None,
    engine: DuckDBEngine | None = None,
) -> Analysis:
    """Measure the bias of a DataFrame, or of files.

    :param data: a DataFrame with one row per example, or where the files are
    :param bias_config: which labels are positive, and which groups to compare
    :param label: the label column; for files it may stand in ``data``
    :param methods: "all", or names of metrics
    :param weight: a column of row weights; for files it may stand in ``data``
    :param engine: a :class:`~airflow_clarify.DuckDBEngine` with limits of its own; by default one without Airflow
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: the data cannot be read, or hold no rows
    """
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.engines.duckdb import DuckDBEngine

    if not isinstance(bias_config, BiasConfig):
        raise ConfigError(f"bias_config: a BiasConfig is needed, not {type(bias_config).__name__}")
    if weight is not None:
        check_argument("weight", weight, COLUMN)
    engine = engine if engine is not None else DuckDBEngine(duckdb_conn_id=None)
    if not isinstance(engine, DuckDBEngine):
        raise ConfigError(f"engine: a DuckDBEngine is needed here, not {type(engine).__name__}")
    if isinstance(data, DataConfig):
        data = replace(
            data, label=data.label if label is None else label, weight=data.weight if weight is None else weight
        )
        config = AnalysisConfig.build(data, bias_config, methods)
        return Analysis.from_contingency(engine.count(data, config), config)
    _check_frame(data, "a pandas DataFrame or a DataConfig")
    described = DataConfig("DataFrame", label=label, headers=[str(c) for c in data.columns], dataset_type="text/csv")
    config = AnalysisConfig.build(described, bias_config, methods)
    return Analysis.from_contingency(engine.count(data, config, weight=weight), config)


def balance(frame: pandas.DataFrame, by: Sequence[str], **plan: Any) -> pandas.DataFrame:
    """A balanced copy of a DataFrame; the same rows that the engine would draw from a file of the same rows.

    :param frame: one row per example
    :param by: the columns whose combinations are the strata
    :param plan: ``strategy``, ``size``, ``fraction``, ``seed``, ``weight_column``, ``weight``, ``empty`` and
        ``missing``, as for :class:`~airflow_clarify.BalanceDatasetOperator`
    :return: a new DataFrame with the original index, order, columns and types
    :raises ConfigError: the plan does not fit together or to the DataFrame
    :raises QuotaError: a stratum is empty, or holds fewer rows than asked of it
    :raises DataError: there is nothing to balance
    """
    from airflow_clarify.engines.duckdb.resampling.resample import resample_dataframe

    _check_frame(frame, "a pandas DataFrame")
    return resample_dataframe(frame, by, **plan)


def _check_frame(given: object, wanted: str) -> None:
    import pandas

    if not isinstance(given, pandas.DataFrame):
        raise ConfigError(f"data: {wanted} is needed, not {type(given).__name__}")
