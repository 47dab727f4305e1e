"""Apache Airflow provider for bias checks of training data, compatible with Amazon SageMaker Clarify.

All public names can be imported from here. They are imported when they are first used (PEP 562), so that a DAG
processor, which imports DAG files every few seconds, only loads the modules that a file uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_clarify.api import analyze as analyze
    from airflow_clarify.api import balance as balance
    from airflow_clarify.api import find_subgroups as find_subgroups
    from airflow_clarify.api import gate as gate
    from airflow_clarify.bias.analysis import Analysis as Analysis
    from airflow_clarify.bias.config import AnalysisConfig as AnalysisConfig
    from airflow_clarify.bias.config import BiasConfig as BiasConfig
    from airflow_clarify.bias.config import DataConfig as DataConfig
    from airflow_clarify.bias.model_config import ModelConfig as ModelConfig
    from airflow_clarify.bias.model_config import ModelPredictedLabelConfig as ModelPredictedLabelConfig
    from airflow_clarify.bias.thresholds import Thresholds as Thresholds
    from airflow_clarify.bias.thresholds import Verdict as Verdict
    from airflow_clarify.engines.duckdb import DuckDBEngine as DuckDBEngine
    from airflow_clarify.engines.sagemaker.engine import SageMakerEngine as SageMakerEngine
    from airflow_clarify.engines.spark.engine import SparkEngine as SparkEngine
    from airflow_clarify.engines.sql.engine import SQLEngine as SQLEngine
    from airflow_clarify.history.reading import BiasHistory as BiasHistory
    from airflow_clarify.history.sql import SQLHistory as SQLHistory
    from airflow_clarify.operators.backfill import BackfillBiasHistoryOperator as BackfillBiasHistoryOperator
    from airflow_clarify.operators.balance import BalanceDatasetOperator as BalanceDatasetOperator
    from airflow_clarify.operators.bias import ClarifyBiasOperator as ClarifyBiasOperator
    from airflow_clarify.operators.bias import ClarifyPostTrainingBiasOperator as ClarifyPostTrainingBiasOperator
    from airflow_clarify.operators.bias import ClarifyPreTrainingBiasOperator as ClarifyPreTrainingBiasOperator
    from airflow_clarify.operators.gate import BiasGateOperator as BiasGateOperator
    from airflow_clarify.operators.search import FindBiasedSubgroupsOperator as FindBiasedSubgroupsOperator
    from airflow_clarify.sensors.sagemaker import ClarifyJobSensor as ClarifyJobSensor

__version__ = "0.1.0"

# Type checkers use the imports above, __getattr__ uses this mapping; a test compares the two.
_LAZY_IMPORTS = {
    "Analysis": "airflow_clarify.bias.analysis",
    "AnalysisConfig": "airflow_clarify.bias.config",
    "BackfillBiasHistoryOperator": "airflow_clarify.operators.backfill",
    "BalanceDatasetOperator": "airflow_clarify.operators.balance",
    "BiasConfig": "airflow_clarify.bias.config",
    "BiasGateOperator": "airflow_clarify.operators.gate",
    "BiasHistory": "airflow_clarify.history.reading",
    "ClarifyBiasOperator": "airflow_clarify.operators.bias",
    "ClarifyJobSensor": "airflow_clarify.sensors.sagemaker",
    "ClarifyPostTrainingBiasOperator": "airflow_clarify.operators.bias",
    "ClarifyPreTrainingBiasOperator": "airflow_clarify.operators.bias",
    "DataConfig": "airflow_clarify.bias.config",
    "DuckDBEngine": "airflow_clarify.engines.duckdb",
    "FindBiasedSubgroupsOperator": "airflow_clarify.operators.search",
    "ModelConfig": "airflow_clarify.bias.model_config",
    "ModelPredictedLabelConfig": "airflow_clarify.bias.model_config",
    "SQLEngine": "airflow_clarify.engines.sql.engine",
    "SQLHistory": "airflow_clarify.history.sql",
    "SageMakerEngine": "airflow_clarify.engines.sagemaker.engine",
    "SparkEngine": "airflow_clarify.engines.spark.engine",
    "Thresholds": "airflow_clarify.bias.thresholds",
    "Verdict": "airflow_clarify.bias.thresholds",
    "analyze": "airflow_clarify.api",
    "balance": "airflow_clarify.api",
    "find_subgroups": "airflow_clarify.api",
    "gate": "airflow_clarify.api",
}

__all__ = [  # noqa: RUF022
    "__version__",
    "Analysis",
    "AnalysisConfig",
    "BackfillBiasHistoryOperator",
    "BalanceDatasetOperator",
    "BiasConfig",
    "BiasGateOperator",
    "BiasHistory",
    "ClarifyBiasOperator",
    "ClarifyJobSensor",
    "ClarifyPostTrainingBiasOperator",
    "ClarifyPreTrainingBiasOperator",
    "DataConfig",
    "DuckDBEngine",
    "FindBiasedSubgroupsOperator",
    "ModelConfig",
    "ModelPredictedLabelConfig",
    "SQLEngine",
    "SQLHistory",
    "SageMakerEngine",
    "SparkEngine",
    "Thresholds",
    "Verdict",
    "analyze",
    "balance",
    "find_subgroups",
    "gate",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_IMPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY_IMPORTS[name]), name)
    globals()[name] = value  # from now on an ordinary attribute, without a call of __getattr__
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
