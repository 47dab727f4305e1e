"""The pipeline: measure data, balance them, and judge the results.

Operators, the command line, the container and notebooks call the same steps. Each is a function for an engine and a
configuration, and one for notebooks: :func:`measure` and :func:`analyze`, :func:`search` and :func:`find_subgroups`,
:func:`resample` and :func:`balance`, and :func:`gate`. An engine counts where the data are, ``bias`` turns counts into
metrics, ``artifacts`` writes the files.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow_clarify.bias.argument_types import COLUMN, check_argument
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, ColumnRef, DataConfig, Methods
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    import pandas

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.resampling import BalanceConfig, BalanceResult
    from airflow_clarify.bias.subgroups.config import SearchConfig
    from airflow_clarify.bias.subgroups.result import SubgroupSearch
    from airflow_clarify.bias.thresholds import Thresholds, Verdict
    from airflow_clarify.engines.base import Engine, Progress
    from airflow_clarify.engines.duckdb import DuckDBEngine


def measure(
    data: DataConfig,
    config: AnalysisConfig,
    engine: Engine,
    *,
    run: Mapping[str, str] | None = None,
    location: Mapping[str, Any] | None = None,
    formats: Collection[str] | None = None,
    progress: Progress | None = None,
    suppress_below: int = 0,
) -> Analysis:
    """Count the data, compute the metrics and write the files of the analysis.

    :param data: the data configuration; without ``output_path`` no files are written
    :param config: the analysis configuration
    :param engine: the engine that counts the data
    :param run: the Airflow run for the report: DAG, run and task; None outside Airflow
    :param location: the location of the data for report and lineage; None derives it from ``data`` and ``engine``
    :param formats: the formats of the report, "html", "ipynb" and "pdf"; None writes all of them
    :param progress: called with a description and the completed share of the work
    :param suppress_below: the report hides counts under this number; the analysis that is returned has all of them, and
        hides them where it is passed on. 0 hides nothing
    :return: the analysis, with the locations of its files
    :raises ConfigError: the configuration does not match the data, or a file would replace the data
    :raises DataError: the data cannot be read, or have no rows
    :raises OutputError: a file cannot be written; the previous files are then unchanged
    """
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import ALL_FORMATS, fill_unset_fields
    from airflow_clarify.bias.suppression import check_suppress_below

    check_suppress_below(suppress_below)
    formats = ALL_FORMATS if formats is None else formats
    data = fill_unset_fields(data, config)
    if data.output_path is not None:
        from airflow_clarify.artifacts import check_folder

        check_folder(data.output_path, data, config, formats)
    counted = Analysis.from_contingency(engine.count(data, config, progress=progress), config)
    if location is None:
        from airflow_clarify.lineage.dataset import describe_source

        location = describe_source(data, engine)
    analysis = replace(counted, whereabouts=dict(location), run=dict(run or {}), suppress_below=suppress_below)
    if data.output_path is None:
        return analysis
    from airflow_clarify.artifacts import write_analysis

    return write_analysis(data.output_path, analysis, config, data.conn_id, formats)


def analyze(
    data: pandas.DataFrame | DataConfig,
    bias_config: BiasConfig,
    *,
    label: ColumnRef | None = None,
    methods: Methods = "all",
    weight: ColumnRef | None = None,
    engine: DuckDBEngine | None = None,
    predicted_label: ColumnRef | None = None,
    probability_threshold: float | None = None,
) -> Analysis:
    """Compute the bias metrics of a DataFrame or of files.

    :param data: a DataFrame with one row per example, or a data configuration with the location of files; with an
        ``output_path`` the report, ``analysis.json`` and the other files are written there
    :param bias_config: the positive label values and the facets
    :param label: the label column; for files it can be set in ``data`` instead
    :param methods: "all", or names of metrics of labels and of predictions
    :param weight: a column of row weights; for files it can be set in ``data`` instead
    :param engine: a :class:`~airflow_clarify.DuckDBEngine` with resource limits; the default does not use Airflow
    :param predicted_label: the column of predictions, for post-training metrics; for files it can be set in ``data``
    :param probability_threshold: for a column of scores: a score above it is the prediction 1, any other 0
    :return: the analysis
    :raises ConfigError: the configuration is not valid, or does not match the data
    :raises DataError: the data cannot be read, or have no rows
    """
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.stages import infer_config
    from airflow_clarify.engines.duckdb import DuckDBEngine
    from airflow_clarify.engines.duckdb.dataframe import describe_frame

    if not isinstance(bias_config, BiasConfig):
        raise ConfigError(f"bias_config: a BiasConfig is needed, not {type(bias_config).__name__}")
    if weight is not None:
        check_argument("weight", weight, COLUMN)
    engine = engine if engine is not None else DuckDBEngine(duckdb_conn_id=None)
    if not isinstance(engine, DuckDBEngine):
        raise ConfigError(f"engine: a DuckDBEngine is needed here, not {type(engine).__name__}")
    if isinstance(data, DataConfig):
        data = _set_columns(data, label=label, weight=weight, predicted_label=predicted_label)
        return measure(data, infer_config(data, bias_config, methods, probability_threshold), engine)
    described = describe_frame(data, label, predicted_label)
    config = infer_config(described, bias_config, methods, probability_threshold)
    return Analysis.from_contingency(engine.count(data, config, weight=weight), config)


def resample(
    data: DataConfig, target: str, plan: BalanceConfig, engine: Engine, *, progress: Progress | None = None
) -> BalanceResult:
    """Write a balanced copy of files or of a table.

    :param data: the data configuration
    :param target: the file to write, or the table to create; it is complete or absent
    :param plan: how to balance
    :param engine: the engine that reads the data
    :param progress: called with a description and the completed share of the work
    :return: the number of rows of each stratum before and after
    :raises ConfigError: the plan does not match the data, or the target would replace them
    :raises QuotaError: a stratum is empty, or has fewer rows than its quota
    :raises DataError: the data cannot be read, or have no rows
    :raises OutputError: the copy cannot be written
    """
    return engine.balance(data, target, plan, progress=progress)


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
    from airflow_clarify.bias.resampling import BalanceConfig
    from airflow_clarify.engines.duckdb.resampling.resample import resample_dataframe

    return resample_dataframe(frame, BalanceConfig(by, **plan))


def gate(analysis: Analysis | str, thresholds: Thresholds | Mapping[str, Any]) -> Verdict:
    """Compare an analysis with thresholds.

    :param analysis: an analysis, or the location of an ``analysis.json`` of this package or of Clarify
    :param thresholds: thresholds, or a mapping of rules such as ``{"DPL": 0.1}``
    :return: the verdict; ``passed`` is True if no threshold is violated
    :raises ThresholdError: a rule is for a metric, facet or value that the analysis does not have
    :raises DataError: the file cannot be read, or lacks counts that an option of the thresholds needs
    """
    from airflow_clarify.artifacts import read_analysis

    return _build_thresholds(thresholds).judge(read_analysis(analysis) if isinstance(analysis, str) else analysis)


def gate_all(analyses: Sequence[Analysis], thresholds: Thresholds | Mapping[str, Any]) -> list[Verdict]:
    """Compare several analyses with thresholds, as one gate.

    :param analyses: the analyses
    :param thresholds: thresholds, or a mapping of rules such as ``{"DPL": 0.1}``
    :return: one verdict for each; the ``correction`` of the thresholds counts the questions of all of them
    :raises ThresholdError: a rule is for a metric, facet or value that an analysis does not have
    :raises DataError: an analysis lacks counts that an option of the thresholds needs
    """
    return _build_thresholds(thresholds).judge_all(analyses)


def search(
    data: DataConfig,
    config: AnalysisConfig,
    question: SearchConfig,
    engine: Engine,
    *,
    run: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    suppress_below: int = 0,
) -> SubgroupSearch:
    """Count the combinations of column values, search them for subgroups and write the files of the search.

    :param data: the data configuration; without ``output_path`` no files are written
    :param config: the label, and the columns as facets, as ``build_search_config`` builds it
    :param question: the columns, and what to search for
    :param engine: the engine that counts the data
    :param run: the Airflow run; None outside Airflow
    :param progress: called with a description and the completed share of the work
    :param suppress_below: the report hides counts under this number; the result that is returned has all of them, and
        :func:`~airflow_clarify.bias.subgroups.suppression.hide_small_subgroups` hides them. 0 hides nothing
    :return: the result, with the locations of its files
    :raises ConfigError: the configuration does not match the data, or a file would replace the data
    :raises DataError: the data cannot be read, have no rows, or fewer than ``min_rows``
    :raises OutputError: a file cannot be written; the previous files are then unchanged
    """
    from airflow_clarify import artifacts
    from airflow_clarify.bias.subgroups.search import search_counts
    from airflow_clarify.bias.suppression import check_suppress_below
    from airflow_clarify.engines.base import check_ability
    from airflow_clarify.lineage.dataset import describe_source

    check_suppress_below(suppress_below)
    check_ability(engine, "count_combinations")
    if data.output_path is not None:
        artifacts.check_search_folder(data.output_path, data)
    found = search_counts(cast(Any, engine).count_combinations(data, config, question, progress=progress), question)
    location = describe_source(data, engine)
    found = replace(found, whereabouts=location, run=dict(run or {}), suppress_below=suppress_below)
    if data.output_path is None:
        return found
    return artifacts.write_search(data.output_path, found, data.conn_id)


def find_subgroups(
    data: pandas.DataFrame | DataConfig,
    columns: Sequence[ColumnRef],
    label_values_or_threshold: Sequence[Any],
    *,
    label: ColumnRef | None = None,
    predicted_label: ColumnRef | None = None,
    probability_threshold: float | None = None,
    weight: ColumnRef | None = None,
    engine: DuckDBEngine | None = None,
    **question: Any,
) -> SubgroupSearch:
    """Find the subgroups of a DataFrame or of files that differ by more than their parents explain.

    :param data: a DataFrame with one row per example, or a data configuration with the location of files; with an
        ``output_path`` the result is written there
    :param columns: the columns whose values are combined
    :param label_values_or_threshold: the positive label values, or one threshold
    :param label: the label column; for files it can be set in ``data`` instead
    :param predicted_label: the column of predictions, for all metrics but DPL; for files it can be set in ``data``
    :param probability_threshold: if the predictions are scores: a score greater than this is the prediction 1
    :param weight: a column of row weights; for files it can be set in ``data`` instead
    :param engine: a :class:`~airflow_clarify.DuckDBEngine` with resource limits; the default does not use Airflow
    :param question: ``max_depth``, ``min_rows``, ``metric``, ``top``, ``confidence``, ``correction``, ``bins`` and
        ``column_types``, as for :class:`~airflow_clarify.FindBiasedSubgroupsOperator`
    :return: the result, the worst subgroup first
    :raises ConfigError: the configuration is not valid, or does not match the data
    :raises DataError: the data cannot be read, have no rows, or fewer than ``min_rows``
    """
    from airflow_clarify.bias.model_config import ModelPredictedLabelConfig
    from airflow_clarify.bias.subgroups.analysis_config import build_search_config
    from airflow_clarify.bias.subgroups.config import SearchConfig
    from airflow_clarify.bias.subgroups.search import search_counts
    from airflow_clarify.engines.duckdb import DuckDBEngine
    from airflow_clarify.engines.duckdb.dataframe import describe_frame

    unknown = [name for name in question if name not in SearchConfig.__dataclass_fields__]
    if unknown:
        raise ConfigError(f"{unknown[0]}: no such parameter; there are {', '.join(SearchConfig.__dataclass_fields__)}")
    asked = SearchConfig(cast(Any, columns if isinstance(columns, str) else tuple(columns)), **question)
    engine = engine if engine is not None else DuckDBEngine(duckdb_conn_id=None)
    predicted = ModelPredictedLabelConfig(probability_threshold=probability_threshold)
    if isinstance(data, DataConfig):
        data = _set_columns(data, label=label, weight=weight, predicted_label=predicted_label)
        config = build_search_config(data, label_values_or_threshold, asked, predicted=predicted)
        return search(data, config, asked, engine)
    described = describe_frame(data, label, predicted_label)
    config = build_search_config(described, label_values_or_threshold, asked, predicted=predicted)
    return search_counts(engine.count_combinations(data, config, asked, weight=weight), asked)


def _build_thresholds(given: Thresholds | Mapping[str, Any]) -> Thresholds:
    from airflow_clarify.bias.thresholds import Thresholds

    return given if isinstance(given, Thresholds) else Thresholds(given)


def _set_columns(data: DataConfig, **columns: ColumnRef | None) -> DataConfig:
    """Set the columns that are given beside the data configuration."""
    given: dict[str, Any] = {name: column for name, column in columns.items() if column is not None}
    return replace(data, **given)
