"""``AnalysisConfig``, the content of Clarify's ``analysis_config.json``; all configuration classes by one import.

A DAG author writes ``DataConfig``, ``BiasConfig`` and ``ModelConfig``, with the parameter names of the SageMaker Python
SDK. Together with the metrics they form an :class:`AnalysisConfig`, which parses, validates and writes the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import (
    check_argument,
)
from airflow_clarify.bias.argument_types import describe_given as describe_given
from airflow_clarify.bias.bias_config import BiasConfig as BiasConfig
from airflow_clarify.bias.column_names import ColumnRef as ColumnRef
from airflow_clarify.bias.column_names import close_name as close_name
from airflow_clarify.bias.column_names import missing_column_error as missing_column_error
from airflow_clarify.bias.column_names import resolve_column as resolve_column
from airflow_clarify.bias.column_names import suggest_delimiter as suggest_delimiter
from airflow_clarify.bias.column_types import DeclaredType, Value
from airflow_clarify.bias.crossing import list_parts, name_facet
from airflow_clarify.bias.data_config import JSON_NA_VALUES as JSON_NA_VALUES
from airflow_clarify.bias.data_config import PANDAS_NA_VALUES as PANDAS_NA_VALUES
from airflow_clarify.bias.data_config import DataConfig as DataConfig
from airflow_clarify.bias.data_config import check_features as check_features
from airflow_clarify.bias.dataset_types import DATASET_TYPES as DATASET_TYPES
from airflow_clarify.bias.metrics import METRICS, Stage
from airflow_clarify.bias.model_config import ModelConfig as ModelConfig
from airflow_clarify.bias.model_config import ModelPredictedLabelConfig as ModelPredictedLabelConfig
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS
from airflow_clarify.exceptions import ConfigError

Methods = Literal["all"] | Sequence[str]


_DEFAULT_REPORT = {"name": "report", "title": "Analysis Report"}

#: The formats of the report by the key of the file in ``Analysis.outputs``.
REPORT_FORMATS: Mapping[str, str] = {"report": "html", "notebook": "ipynb", "pdf": "pdf"}
#: The formats in which Clarify writes the report, which are the default.
ALL_FORMATS = tuple(REPORT_FORMATS.values())

#: The argument names of the SDK classes for keys of ``analysis_config.json`` that are named differently.
AUTHOR_NAMES: Mapping[str, str] = {
    "facet": "facet_name",
    "value_or_threshold": "facet_values_or_threshold",
    "group_variable": "group_name",
    "joinsource_name_or_index": "joinsource",
    "predictor": "model_config",
}

#: The stages of bias metrics by their section under ``methods`` of ``analysis_config.json``.
STAGES: Mapping[str, Stage] = {"pre_training_bias": "pre_training", "post_training_bias": "post_training"}
#: Method sections of ``analysis_config.json`` that explain a model. They are preserved; only Clarify runs them.
_MODEL_METHODS = ("shap", "pdp", "asymmetric_shapley_value")
#: The name of a column of predictions without a name, as in Clarify.
DEFAULT_PREDICTED_LABEL = "predicted_label"


@dataclass(frozen=True)
class FacetConfig:
    """One facet of an analysis: a column, or several that are crossed.

    :param name_or_index: the column, or the columns of a crossed facet
    :param values: the values of the sensitive group, or a threshold; None compares each value with the rest. The values
        of a crossed facet are combinations: a value for each column, or their name such as "F+Black"
    :param declared: the declared type, which overrides Clarify's rule
    """

    name_or_index: ColumnRef | tuple[ColumnRef, ...]
    values: tuple[Any, ...] | None = None
    declared: DeclaredType | None = None

    @property
    def name(self) -> str | None:
        """Name of the facet, such as "gender" or "gender+race"; None if a column is given by index."""
        return name_facet(self.name_or_index)


@dataclass(frozen=True)
class AnalysisConfig:
    """Hold the validated content of Clarify's ``analysis_config.json``.

    :param document: the content of the file
    :param label_type: the declared type of the label (not supported by Clarify, so not part of the file)
    :param facet_type: the declared types of the facets
    :param key_names: the author's names of keys of the file, for error messages: an operator argument or a command
        line option. Keys that are not in the mapping have the same name as in the file
    :raises ConfigError: the document is not a valid configuration; names the key
    """

    document: Mapping[str, Any]
    label_type: DeclaredType | None = None
    facet_type: DeclaredType | Mapping[str, DeclaredType] | None = None
    key_names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        from airflow_clarify.bias.schema import check_document

        check_document(self.document, self.key_names)
        _ = self.report_file

    @classmethod
    def build(
        cls,
        data: DataConfig,
        bias: BiasConfig,
        methods: Methods | None = "all",
        key_names: Mapping[str, str] = AUTHOR_NAMES,
        *,
        post_training_methods: Methods | None = None,
        model_config: ModelConfig | None = None,
        model_predicted_label_config: ModelPredictedLabelConfig | None = None,
    ) -> AnalysisConfig:
        """Build a configuration as the SageMaker SDK does for ``run_bias`` and the runs of a single stage.

        :param data: the dataset, its label column and, for post-training metrics, its column of predictions
        :param bias: the positive label values and the facets
        :param methods: the pre-training metrics: "all", or names; None leaves the stage out
        :param key_names: the author's names of keys of the file, for error messages; "pre_training_bias" and
            "post_training_bias" are the arguments with the metrics of a stage
        :param post_training_methods: the post-training metrics: "all", or names; None leaves the stage out
        :param model_config: the model that a Clarify job on SageMaker gets predictions from
        :param model_predicted_label_config: how predictions are read from scores, or from the output of the model
        :return: the analysis configuration
        :raises ConfigError: a value is missing or not allowed; names the key
        """
        document = data.get_config() | bias.get_config()
        document["methods"] = {"report": dict(_DEFAULT_REPORT)}
        for section, asked in (("pre_training_bias", methods), ("post_training_bias", post_training_methods)):
            if asked is not None:
                check_argument(key_names.get(section, "methods"), asked, argument_types.METHODS)
                document["methods"][section] = {"methods": asked if isinstance(asked, str) else list(asked)}
        if post_training_methods is not None:
            _add_predictor(document, model_config, model_predicted_label_config)
        return cls(document, label_type=bias.label_type, facet_type=bias.facet_type, key_names=key_names)

    @classmethod
    def parse(cls, text: str, source: str = "analysis_config.json") -> AnalysisConfig:
        """Parse the text of an ``analysis_config.json``.

        :param text: the content of the file
        :param source: the file name for error messages
        :return: the analysis configuration
        :raises ConfigError: the text is not JSON, or a key is not allowed; names the key and what is allowed
        """
        if not isinstance(text, str):
            raise ConfigError(f"{source}: give its text, not {type(text).__name__}")
        try:
            return cls(json.loads(text, object_pairs_hook=_refuse_repeated_keys))
        except json.JSONDecodeError as error:
            raise ConfigError(f"{source}: not JSON ({error.msg} at line {error.lineno})") from None
        except RecursionError:
            raise ConfigError(f"{source}: nested too deeply; an analysis_config.json has a few levels only") from None
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None

    def spell_key(self, key: str) -> str:
        """Return the author's name of a key of the file.

        :param key: a key of ``analysis_config.json``, or ``weight``, ``label_type`` or ``facet_type``
        :return: an operator argument, a command line option, or the key itself
        """
        return self.key_names.get(key, key)

    def to_json(self) -> str:
        """Serialize the configuration as the SageMaker SDK does: one line without a final newline.

        :return: the content of ``analysis_config.json``
        """
        return json.dumps(self.document)

    @property
    def sha256(self) -> str:
        """SHA-256 of the configuration and the declared types, independent of the order of keys."""
        configured = {"config": self.document, "label_type": self.label_type, "facet_type": self.facet_type}
        return hashlib.sha256(json.dumps(configured, sort_keys=True).encode()).hexdigest()

    @property
    def declared_types(self) -> dict[str, Any]:
        """The declared types of label and facets; without those that are not set."""
        facet_type = dict(self.facet_type) if isinstance(self.facet_type, Mapping) else self.facet_type
        declared = {"label_type": self.label_type, "facet_type": facet_type}
        return {name: value for name, value in declared.items() if value is not None}

    @property
    def dataset_type(self) -> str:
        return str(self.document["dataset_type"])

    @property
    def headers(self) -> list[str] | None:
        return self.document.get("headers")

    @property
    def label(self) -> ColumnRef:
        """The label column.

        :raises ConfigError: the configuration has no label
        """
        if self.document.get("label") is None:
            raise ConfigError(
                f"{self.spell_key('label')}: name the label column; {self._describe_stages()} bias cannot be measured "
                "without one"
            )
        return cast(ColumnRef, self.document["label"])

    @property
    def label_values(self) -> tuple[Value, ...]:
        """The positive label values, or the threshold.

        :raises ConfigError: the configuration has none
        """
        values = self.document.get("label_values_or_threshold")
        if not values:
            key = self.spell_key("label_values_or_threshold")
            raise ConfigError(f"{key}: name the positive label values, such as [1]")
        return tuple(values)

    @property
    def facets(self) -> tuple[FacetConfig, ...]:
        """The facets.

        :raises ConfigError: the configuration has none
        """
        given = self.document.get("facet")
        if not given:
            example = '"gender"' if "facet" in self.key_names else '[{"name_or_index": "gender"}]'
            raise ConfigError(f"{self.spell_key('facet')}: name at least one facet, such as {example}")
        return tuple(
            FacetConfig(
                list_parts(facet["name_or_index"]) or facet["name_or_index"],
                tuple(facet["value_or_threshold"]) if facet.get("value_or_threshold") else None,
                self.get_declared_type(name_facet(facet["name_or_index"]) or facet["name_or_index"]),
            )
            for facet in given
        )

    @property
    def group_variable(self) -> ColumnRef | None:
        return self.document.get("group_variable")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages whose metrics are to be computed.

        :raises ConfigError: the configuration has neither ``pre_training_bias`` nor ``post_training_bias``
        """
        stages = tuple(stage for section, stage in STAGES.items() if self.document["methods"].get(section) is not None)
        if not stages:
            raise ConfigError(
                "methods: pre_training_bias or post_training_bias is missing, and these are what is measured here; add "
                '"pre_training_bias": {"methods": "all"}'
            )
        return stages

    def _describe_stages(self) -> str:
        return " and ".join(stage.replace("_", "-") for stage in self.stages)

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the pre-training metrics to compute, sorted as Clarify writes them; empty without that stage.

        :raises ConfigError: the configuration has neither ``pre_training_bias`` nor ``post_training_bias``
        """
        return self._list_methods("pre_training_bias", METRICS)

    @property
    def post_training_methods(self) -> tuple[str, ...]:
        """The names of the post-training metrics to compute, sorted as Clarify writes them; empty without that stage.

        :raises ConfigError: the configuration has neither ``pre_training_bias`` nor ``post_training_bias``
        """
        return self._list_methods("post_training_bias", POST_TRAINING_METRICS)

    def _list_methods(self, section: str, known: Mapping[str, Any]) -> tuple[str, ...]:
        if STAGES[section] not in self.stages:
            return ()
        methods = self.document["methods"][section].get("methods", "all")
        return tuple(known) if methods == "all" else tuple(sorted(set(methods)))

    @property
    def all_methods(self) -> bool:
        """Return whether the metrics of some stage are asked for as "all" rather than by name."""
        sections = [self.document["methods"].get(section) for section in STAGES]
        return any(section is not None and section.get("methods", "all") == "all" for section in sections)

    @property
    def predicted_label(self) -> ColumnRef | None:
        """The column of predictions; None if no post-training metric is to be computed.

        :raises ConfigError: post-training metrics are to be computed, and no column of predictions is configured
        """
        if "post_training" not in self.stages:
            return None
        given = self.document.get("predicted_label")
        if given is not None:
            return cast(ColumnRef, given)
        if self.document.get("predicted_label_dataset_uri") is not None:
            return self._default_predicted_label()
        key = self.spell_key("predicted_label")
        if self.document.get("predictor") is not None:
            raise ConfigError(
                f"{self.spell_key('predictor')}: only a Clarify job runs a model; name a column of predictions in "
                f"{key}, or measure with SageMakerEngine and Clarify's image"
            )
        raise ConfigError(f"{key}: name the column of predictions; post-training bias cannot be measured without one")

    def _default_predicted_label(self) -> ColumnRef:
        headers = self.document.get("predicted_label_headers") or [DEFAULT_PREDICTED_LABEL]
        columns = [name for name in headers if name != self.document.get("joinsource_name_or_index")]
        if len(columns) != 1:
            raise ConfigError(
                f"{self.spell_key('predicted_label')}: name the column of predictions; "
                f"{self.spell_key('predicted_label_headers')} has {len(columns)} that may be it"
            )
        return cast(ColumnRef, columns[0])

    @property
    def probability_threshold(self) -> float | None:
        """The threshold above which a score is the prediction 1; None if the predictions are labels."""
        given = self.document.get("probability_threshold")
        return cast("float | None", given) if "post_training" in self.stages else None

    @property
    def report_file(self) -> str:
        """The file name of the HTML report; Clarify's ``report`` method has it without the suffix.

        :raises ConfigError: the name is not a valid file name
        """
        name = str((self.document["methods"].get("report") or _DEFAULT_REPORT).get("name", _DEFAULT_REPORT["name"]))
        if not name.strip() or name.startswith(".") or set(name) & set("/\\\0"):
            raise ConfigError(f"methods.report.name: {name!r} is not a file name; give one without a suffix")
        return f"{name}.html"

    @property
    def left_to_clarify(self) -> tuple[str, ...]:
        """The configured methods that explain a model, which only a Clarify job can run."""
        return tuple(name for name in self.document["methods"] if name in _MODEL_METHODS)

    def get_declared_type(self, facet: ColumnRef) -> DeclaredType | None:
        """Return the declared type of a facet, or of a column of a crossed facet.

        :param facet: the column, or the name of a crossed facet
        :return: the type; None if none is declared
        """
        if isinstance(self.facet_type, Mapping):
            return self.facet_type.get(str(facet))
        return self.facet_type


def fill_unset_fields(data: DataConfig, config: AnalysisConfig) -> DataConfig:
    """Fill unset fields of a data configuration from an analysis configuration.

    :param data: the data configuration; one without ``input_path`` is returned as it is
    :param config: the analysis configuration
    :return: a data configuration with the fields set that both have
    """
    if not data.input_path:
        return data
    open_fields = [name for name in _COMMON_FIELDS if getattr(data, name) is None]
    keys = {"joinsource": "joinsource_name_or_index"}
    stated: dict[str, Any] = {name: config.document.get(keys.get(name, name)) for name in open_fields}
    return replace(data, **stated)


def _add_predictor(
    document: dict[str, Any], model: ModelConfig | None, predicted: ModelPredictedLabelConfig | None
) -> None:
    """Add the model, and how predictions are read, to a document, as the SageMaker SDK does."""
    threshold, keys = (None, {}) if predicted is None else predicted.get_predictor_config()
    if model is not None:
        document["predictor"] = model.get_predictor_config() | keys
    elif document.get("predicted_label") is None and document.get("predicted_label_dataset_uri") is None:
        raise ConfigError(
            "predicted_label: name the column of predictions; post-training bias cannot be measured without one (a "
            "Clarify job on SageMaker can get them from a model: model_config)"
        )
    elif keys:
        raise ConfigError(
            f"model_predicted_label_config: {next(iter(keys))} is about the output of a model; give model_config too, "
            "or leave it out"
        )
    if threshold is not None:
        document["probability_threshold"] = threshold


def _refuse_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object; refuse repeated keys, of which Python silently keeps the last."""
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ConfigError(f"{repeated}: the key occurs twice; leave one out")
    return document


#: Fields of a data configuration that an analysis configuration has too.
_COMMON_FIELDS = (
    "headers",
    "features",
    "dataset_type",
    "joinsource",
    "predicted_label",
    "predicted_label_dataset_uri",
    "predicted_label_headers",
    "facet_dataset_uri",
    "facet_headers",
)
