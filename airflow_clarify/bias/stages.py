"""Infer the stages of an analysis, before and after training, from the data and the names of the metrics."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import check_argument
from airflow_clarify.bias.config import AUTHOR_NAMES, AnalysisConfig, BiasConfig, DataConfig, Methods
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.model_config import ModelPredictedLabelConfig, parse_probability_threshold
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS
from airflow_clarify.exceptions import ConfigError


def infer_config(
    data: DataConfig,
    bias: BiasConfig,
    methods: Methods = "all",
    probability_threshold: float | str | None = None,
    key_names: Mapping[str, str] = AUTHOR_NAMES,
) -> AnalysisConfig:
    """Build a configuration whose stages follow from the data and the names of the metrics.

    :param data: the dataset, its label column and, for post-training metrics, its column of predictions
    :param bias: the positive label values and the facets
    :param methods: "all" metrics of the stages for which there are columns, or names of metrics of either stage
    :param probability_threshold: the threshold above which a score is the prediction 1, for a column of scores
    :param key_names: the author's names of keys of the file, for error messages
    :return: the analysis configuration
    :raises ConfigError: a value is missing or not allowed; names the key
    """
    names = {key: key_names.get(key, key) for key in ("methods", "predicted_label", "probability_threshold")}
    predicted = data.predicted_label is not None or data.predicted_label_dataset_uri is not None
    if probability_threshold is not None and not predicted:
        raise ConfigError(
            f"{names['probability_threshold']}: there are no scores to compare with it; name their column in "
            f"{names['predicted_label']}, or leave it out"
        )
    pre: Methods | None = methods
    post: Methods | None = "all" if predicted else None
    if not isinstance(methods, str):
        check_argument(names["methods"], methods, argument_types.METHODS)
        post = [name for name in methods if name in POST_TRAINING_METRICS] or None
        pre = [name for name in methods if name not in POST_TRAINING_METRICS] or (None if post else methods)
        unknown = [name for name in pre or () if name not in METRICS]
        if unknown and predicted:
            raise ConfigError(
                f"{names['methods']}: there is no metric {unknown[0]!r}; there are {', '.join(METRICS)} and, of "
                f"predictions, {', '.join(POST_TRAINING_METRICS)}"
            )
        if post is not None and not predicted:
            raise ConfigError(
                f"{names['methods']}: {post[0]} is a metric of predictions; name their column in "
                f"{names['predicted_label']}, or leave {post[0]} out"
            )
        if predicted and post is None:
            raise ConfigError(
                f"{names['predicted_label']}: no metric in {names['methods']} is one of predictions; add one, such "
                "as DPPL, or leave the column out"
            )
    scores = (
        None
        if probability_threshold is None
        else ModelPredictedLabelConfig(
            probability_threshold=parse_probability_threshold(probability_threshold, names["probability_threshold"])
        )
    )
    return AnalysisConfig.build(
        data, bias, pre, key_names, post_training_methods=post, model_predicted_label_config=scores
    )
