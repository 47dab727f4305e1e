"""Build the analysis configuration of a search, whose facets are the columns that are combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from airflow_clarify.bias.config import AUTHOR_NAMES, AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.model_config import ModelPredictedLabelConfig
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.exceptions import ConfigError


def build_search_config(
    data: DataConfig,
    bias: BiasConfig | Sequence[Any],
    question: SearchConfig,
    key_names: Mapping[str, str] = AUTHOR_NAMES,
    predicted: ModelPredictedLabelConfig | None = None,
) -> AnalysisConfig:
    """Build the configuration of the label and of the columns, which are the facets of a search.

    :param data: the data configuration, with the label column
    :param bias: the positive label values, or a bias configuration that has them
    :param question: the columns, and what to search for
    :param key_names: the author's names of keys, for error messages
    :param predicted: how predictions are read from a column of scores
    :return: the configuration
    :raises ConfigError: a value is missing or not allowed
    """
    if question.rate.needs_predictions and data.predicted_label is None:
        key = key_names.get("predicted_label", "predicted_label")
        raise ConfigError(f"metric: {question.metric} needs predictions; name their column in {key}")
    for name in ("predicted_label_dataset_uri", "facet_dataset_uri"):
        if getattr(data, name) is not None:
            raise ConfigError(f"{name}: a search reads one dataset; join the files into one, and leave this out")
    values, label_type = bias, None
    if isinstance(bias, BiasConfig):
        values, label_type = bias.label_values_or_threshold, bias.label_type
    crossed = BiasConfig(cast(Any, values), list(question.columns), label_type=label_type)
    names = {**key_names, "facet": key_names.get("columns", "columns")}
    if not question.rate.needs_predictions:
        return AnalysisConfig.build(replace(data, predicted_label=None), crossed, ["DPL"], names)
    return AnalysisConfig.build(
        data,
        crossed,
        None,
        names,
        post_training_methods=[question.metric],
        model_predicted_label_config=predicted,
    )
