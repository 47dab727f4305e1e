"""Measure the bias of data and of predictions in a task: an operator for each stage, and one for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.operators.base import copy_config
from airflow_clarify.operators.measure import MeasureBiasOperator

if TYPE_CHECKING:
    from airflow_clarify.bias.config import Methods, ModelConfig, ModelPredictedLabelConfig


class ClarifyPreTrainingBiasOperator(MeasureBiasOperator):
    """Measure the bias of a dataset with Clarify's pre-training metrics, where the data live.

    With ``engine=SageMakerEngine(...)`` a processing job computes the metrics, with Clarify's image or with this
    package's. The task waits for the job, in the worker or deferred, or returns its name immediately. Every try of the
    task derives the same job name, so a retry after a crash finds the running job; and killing the task stops the job.

    Writes ``analysis.json`` (Clarify's format), ``summary.json`` (counts, warnings, fingerprints), the report and
    ``analysis_config.json`` to ``data_config.output_path``, and returns a small JSON form of the analysis, the input of
    :class:`~airflow_clarify.operators.gate.BiasGateOperator`. The events of its ``outlets`` contain ``rows``, the
    largest value of each metric and facet (as in ``"DPL of gender": -0.2``), and ``analysis``, the location of the
    file.

    :param methods: "all", or names among CDDL, CI, DPL, JS, KL, KS, LP, TVD (templated)
    :raises AirflowFailException: the configuration does not fit the data; the task is not retried
    :raises AirflowException: the data cannot be read, the outputs cannot be written, or the job did not complete; the
        task may be retried
    """

    template_fields: Sequence[str] = ("data_config", "bias_config", "methods", "analysis_config", "engine", "history")
    methods_arguments: ClassVar[Mapping[str, str]] = {"pre_training_bias": "methods"}

    def __init__(self, *, methods: Methods = "all", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.methods = methods
        self.check_now()


class _ModelBiasOperator(MeasureBiasOperator):
    """Measure the bias of predictions, which are a column of the data or come from a model on SageMaker.

    :param model_config: the model from which a Clarify job on SageMaker gets the predictions: a
        :class:`~airflow_clarify.ModelConfig`, or its fields as a mapping; other engines need a column,
        ``DataConfig(predicted_label=...)`` (templated)
    :param model_predicted_label_config: how predictions are read: a
        :class:`~airflow_clarify.ModelPredictedLabelConfig`, or its fields as a mapping. For a column of scores, the
        ``probability_threshold`` above which a score is the prediction 1 (templated)
    """

    def __init__(
        self,
        *,
        model_config: ModelConfig | Mapping[str, Any] | None = None,
        model_predicted_label_config: ModelPredictedLabelConfig | Mapping[str, Any] | str | int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_config = copy_config(model_config)
        self.model_predicted_label_config = copy_config(model_predicted_label_config)
        self.wait_for_nested(model_config, model_predicted_label_config)


class ClarifyPostTrainingBiasOperator(_ModelBiasOperator):
    """Measure the bias of a model's predictions with Clarify's post-training metrics, where the data live.

    The predictions are a column of the data, ``DataConfig(predicted_label=...)``, or a file of their own,
    ``predicted_label_dataset_uri``: labels, or scores with a ``probability_threshold``. All metrics but FT are computed
    from counts. Engines, jobs on SageMaker, files and results are those of
    :class:`~airflow_clarify.ClarifyPreTrainingBiasOperator`.

    :param methods: "all", or names among AD, CDDPL, DAR, DCA, DCR, DI, DPPL, DRR, FT, GE, RD, SD, TE (templated)
    :raises AirflowFailException: the configuration does not fit the data; the task is not retried
    :raises AirflowException: the data cannot be read, the outputs cannot be written, or the job did not complete; the
        task may be retried
    """

    template_fields: Sequence[str] = (
        "data_config",
        "bias_config",
        "methods",
        "model_config",
        "model_predicted_label_config",
        "analysis_config",
        "engine",
        "history",
    )
    methods_arguments: ClassVar[Mapping[str, str]] = {"post_training_bias": "methods"}

    def __init__(self, *, methods: Methods = "all", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.methods = methods
        self.check_now()


class ClarifyBiasOperator(_ModelBiasOperator):
    """Measure the bias of the labels and of a model's predictions together, in one scan, where the data live.

    One ``analysis.json`` holds the metrics of both stages, and the report shows them beside each other: whether the
    model made the bias of its training data worse. Everything else is as for
    :class:`~airflow_clarify.ClarifyPreTrainingBiasOperator` and
    :class:`~airflow_clarify.ClarifyPostTrainingBiasOperator`.

    :param pre_training_methods: "all", or names of pre-training metrics (templated)
    :param post_training_methods: "all", or names of post-training metrics (templated)
    :raises AirflowFailException: the configuration does not fit the data; the task is not retried
    :raises AirflowException: the data cannot be read, the outputs cannot be written, or the job did not complete; the
        task may be retried
    """

    template_fields: Sequence[str] = (
        "data_config",
        "bias_config",
        "pre_training_methods",
        "post_training_methods",
        "model_config",
        "model_predicted_label_config",
        "analysis_config",
        "engine",
        "history",
    )
    methods_arguments: ClassVar[Mapping[str, str]] = {
        "pre_training_bias": "pre_training_methods",
        "post_training_bias": "post_training_methods",
    }

    def __init__(
        self, *, pre_training_methods: Methods = "all", post_training_methods: Methods = "all", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pre_training_methods = pre_training_methods
        self.post_training_methods = post_training_methods
        self.check_now()
