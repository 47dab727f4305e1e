"""Python API for notebooks, scripts and tests: bias analysis and balancing without a DAG."""

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
    """Compute the bias metrics of a DataFrame or of files.

    :param data: a DataFrame with one row per example, or a data configuration with the location of files
    :param bias_config: the positive label values and the facets
    :param label: the label column; for files it can be set in ``data`` instead
    :param methods: "all", or names of metrics
    :param weight: a column of row weights; for files it can be set in ``data`` instead
    :param engine: a :class:`~airflow_clarify.DuckDBEngine` with resource limits; the default does not use Airflow
    :return: the analysis
    :raises ConfigError: the configuration is not valid, or does not match the data
    :raises DataError: the data cannot be read, or have no rows
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
    """Return a balanced copy of a DataFrame.

    It has the same rows as the balanced copy of a file with the content of the DataFrame.

    :param frame: a DataFrame with one row per example
    :param by: the columns whose combined values define the strata
    :param plan: ``strategy``, ``size``, ``fraction``, ``seed``, ``weight_column``, ``weight``, ``empty`` and
        ``missing``, as for :class:`~airflow_clarify.BalanceDatasetOperator`
    :return: a new DataFrame with the index, row order, columns and dtypes of the original
    :raises ConfigError: a parameter is not allowed, or does not match the DataFrame
    :raises QuotaError: a stratum is empty, or has fewer rows than its quota
    :raises DataError: there are no rows to balance
    """
    from airflow_clarify.engines.duckdb.resampling.resample import resample_dataframe

    _check_frame(frame, "a pandas DataFrame")
    return resample_dataframe(frame, by, **plan)


def _check_frame(given: object, wanted: str) -> None:
    import pandas

    if not isinstance(given, pandas.DataFrame):
        raise ConfigError(f"data: {wanted} is needed, not {type(given).__name__}")
