"""Configuration of a model, whose predictions a Clarify job on SageMaker collects: as in the SageMaker SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import (
    ArgumentType,
    check_argument,
    create_from_mapping,
    describe_given,
    is_templated,
    rename_keys,
)
from airflow_clarify.bias.numbers import parse_number
from airflow_clarify.exceptions import ConfigError

_ACCEPT_TYPES = ("text/csv", "application/jsonlines", "application/json")
_CONTENT_TYPES = (*_ACCEPT_TYPES, "image/jpeg", "image/jpg", "image/png", "application/x-npy")
#: The beginning of a valid name of an endpoint.
_ENDPOINT_PREFIX = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])")
#: The fields that describe a temporary endpoint, all of which are needed for one.
_ENDPOINT_FIELDS = ("model_name", "instance_count", "instance_type")


@dataclass
class ModelConfig:
    """Configure a model from which a Clarify job on SageMaker gets predictions.

    The job starts a temporary ("shadow") endpoint of ``model_name`` with ``instance_count`` instances of
    ``instance_type``, or calls the endpoint ``endpoint_name``. Only :class:`~airflow_clarify.SageMakerEngine` with
    Clarify's image runs models; other engines need a column of predictions, ``DataConfig(predicted_label=...)``.

    :param model_name: the name of a SageMaker model
    :param instance_count: the number of instances of the temporary endpoint
    :param instance_type: the instance type of the temporary endpoint, such as "ml.c5.xlarge"
    :param accept_type: the format of the model's output; None means that of its input
    :param content_type: the format of the model's input; None means that of the dataset
    :param content_template: a template of the input, for JSON and JSON Lines, with ``$features``, ``$record`` or
        ``$records``
    :param record_template: a template of a record of the input, for JSON
    :param custom_attributes: a text that is passed to the endpoint with each request
    :param accelerator_type: the Elastic Inference accelerator of the temporary endpoint
    :param endpoint_name_prefix: the beginning of the name of the temporary endpoint
    :param target_model: the model to call on an endpoint with several models
    :param endpoint_name: the name of an existing endpoint, instead of a model and its instances
    """

    model_name: str | None = None
    instance_count: int | None = None
    instance_type: str | None = None
    accept_type: str | None = None
    content_type: str | None = None
    content_template: str | None = None
    record_template: str | None = None
    custom_attributes: str | None = None
    accelerator_type: str | None = None
    endpoint_name_prefix: str | None = None
    target_model: str | None = None
    endpoint_name: str | None = None

    template_fields: ClassVar[tuple[str, ...]] = (
        "model_name",
        "instance_count",
        "instance_type",
        "custom_attributes",
        "endpoint_name_prefix",
        "target_model",
        "endpoint_name",
    )

    __repr__ = describe_given

    def __post_init__(self) -> None:
        given = [getattr(self, name) for name in (*_ENDPOINT_FIELDS, "endpoint_name", "endpoint_name_prefix")]
        if not any(map(is_templated, given)):
            self._check()

    @classmethod
    def coerce(cls, given: ModelConfig | Mapping[str, Any]) -> ModelConfig:
        """Convert a mapping of fields, or the SageMaker SDK's ``get_predictor_config()``, to a ``ModelConfig``.

        :param given: a ``ModelConfig``, which is returned as it is, or a mapping
        :return: the configuration of the model
        :raises ConfigError: the mapping has an unknown field, or lacks a required one
        """
        if isinstance(given, cls):
            return given
        return create_from_mapping(cls, rename_keys(given, {"initial_instance_count": "instance_count"}))

    def _check(self) -> None:
        for name in ("model_name", "instance_type", "content_template", "record_template", "custom_attributes"):
            if getattr(self, name) is not None:
                check_argument(name, getattr(self, name), argument_types.TEXT)
        self._check_endpoint()
        if self.accept_type is not None:
            _check_media_type("accept_type", self.accept_type, _ACCEPT_TYPES)
        if self.content_type is not None:
            _check_media_type("content_type", self.content_type, _CONTENT_TYPES)
            self._check_templates()

    def _check_endpoint(self) -> None:
        missing = [name for name in _ENDPOINT_FIELDS if not getattr(self, name)]
        if self.endpoint_name:
            unwanted = [name for name in (*_ENDPOINT_FIELDS, "endpoint_name_prefix") if getattr(self, name)]
            if unwanted:
                raise ConfigError(
                    f"endpoint_name and {unwanted[0]}: the job calls an existing endpoint, or starts one for a model; "
                    "leave one of them out"
                )
        elif missing:
            raise ConfigError(
                f"{missing[0]}: a model needs {', '.join(_ENDPOINT_FIELDS)}, or the endpoint_name of an endpoint that "
                "runs already"
            )
        elif _parse_count(self.instance_count) is None:
            raise ConfigError(f"instance_count: give a whole number from 1, not {self.instance_count!r}")
        if self.endpoint_name_prefix and not _ENDPOINT_PREFIX.match(self.endpoint_name_prefix):
            raise ConfigError(
                f"endpoint_name_prefix: {self.endpoint_name_prefix!r} begins with letters, digits and dashes only, and "
                "not with a dash"
            )

    def _check_templates(self) -> None:
        if self.content_type == "application/jsonlines" and "$features" not in (self.content_template or ""):
            raise ConfigError(
                "content_template: JSON Lines need a template with $features, such as '{\"features\": $features}'"
            )
        if self.content_type == "application/json":
            if self.record_template is None:
                raise ConfigError("record_template: JSON needs a template of a record, such as '$features_kvp'")
            if "$record" not in (self.content_template or ""):
                raise ConfigError(
                    "content_template: JSON needs a template with $record or $records, such as "
                    "'{\"instances\": $records}'"
                )

    def get_predictor_config(self) -> dict[str, Any]:
        """Build the ``predictor`` of ``analysis_config.json``, in the SageMaker SDK's order.

        :return: the keys and their JSON values
        :raises ConfigError: a value is not allowed, for example after template rendering
        """
        self._check()
        config: dict[str, Any] = (
            {"endpoint_name": self.endpoint_name}
            if self.endpoint_name
            else {
                "model_name": self.model_name,
                "instance_type": self.instance_type,
                "initial_instance_count": _parse_count(self.instance_count),
            }
        )
        if self.endpoint_name_prefix:
            config["endpoint_name_prefix"] = self.endpoint_name_prefix
        optional = ("accept_type", "content_type", "content_template", "record_template", "custom_attributes")
        for name in (*optional, "accelerator_type", "target_model"):
            if getattr(self, name) is not None:
                config[name] = getattr(self, name)
        return config


@dataclass
class ModelPredictedLabelConfig:
    """Configure how predictions are read: from the output of a model, or from a column of scores.

    :param label: the predicted label in the output of the model: an index, or a JMESPath for JSON
    :param probability: the score in the output of the model: an index, or a JMESPath for JSON
    :param probability_threshold: a score greater than this is the prediction 1, any other 0; also for a column of
        scores in the data. None means 0.5 for a model that returns scores
    :param label_headers: the label of each score, if the model returns one score per label
    """

    label: str | int | None = None
    probability: str | int | None = None
    probability_threshold: float | None = None
    label_headers: Sequence[str] | None = None

    template_fields: ClassVar[tuple[str, ...]] = ("label", "probability", "probability_threshold", "label_headers")

    _types: ClassVar[Mapping[str, ArgumentType]] = {
        "label": argument_types.COLUMN,
        "probability": argument_types.COLUMN,
        "label_headers": argument_types.LIST,
    }

    __repr__ = describe_given

    def __post_init__(self) -> None:
        for name, wanted in self._types.items():
            value = getattr(self, name)
            if value is not None and not is_templated(value):
                check_argument(name, value, wanted)
        if not is_templated(self.probability_threshold):
            parse_probability_threshold(self.probability_threshold)

    @classmethod
    def coerce(cls, given: ModelPredictedLabelConfig | Mapping[str, Any] | str | int) -> ModelPredictedLabelConfig:
        """Convert a mapping of fields, or the predicted label alone, to a ``ModelPredictedLabelConfig``.

        :param given: a ``ModelPredictedLabelConfig``, which is returned as it is, a mapping, or its ``label``
        :return: the configuration of the predicted label
        :raises ConfigError: the mapping has an unknown field
        """
        if isinstance(given, cls):
            return given
        if argument_types.is_column(given):
            return cls(label=given)  # type: ignore[arg-type]
        return create_from_mapping(cls, given)  # type: ignore[arg-type]

    def get_predictor_config(self) -> tuple[float | None, dict[str, Any]]:
        """Build the keys of ``predictor`` in ``analysis_config.json``, in the SageMaker SDK's order.

        :return: ``probability_threshold``, which is a key of its own, and the keys of ``predictor``
        :raises ConfigError: a value is not allowed, for example after template rendering
        """
        for name, wanted in self._types.items():
            if getattr(self, name) is not None:
                check_argument(name, getattr(self, name), wanted, rendered=True)
        given = {name: getattr(self, name) for name in ("label", "probability")}
        given["label_headers"] = None if self.label_headers is None else list(self.label_headers)
        config = {name: value for name, value in given.items() if value is not None}
        return parse_probability_threshold(self.probability_threshold), config


def parse_probability_threshold(given: object, key: str = "probability_threshold") -> float | None:
    """Parse the threshold of scores.

    :param given: a number from 0 to 1, its text from a template or the command line, or None
    :param key: the configuration key for error messages
    :return: the threshold; None if there is none
    :raises ConfigError: it is not a number, or outside 0 to 1
    """
    if given is None:
        return None
    number: Any = given
    if isinstance(given, str):
        try:
            number = parse_number(given)
        except ValueError:
            number = None
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise ConfigError(f"{key}: {given!r} is not a number; give one from 0 to 1, such as 0.5")
    if not 0 <= number <= 1:
        raise ConfigError(f"{key}: {given!r} is outside 0 to 1, and scores are not; give a number such as 0.5")
    return number


def _parse_count(given: object) -> int | None:
    """Parse a number of instances, which a template renders as text; None if it is not one."""
    if isinstance(given, str) and given.strip().isascii() and given.strip().isdigit():
        given = int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) and given >= 1 else None


def _check_media_type(name: str, given: object, allowed: Sequence[str]) -> None:
    if given not in allowed:
        raise ConfigError(f"{name}: {given!r} is not one of {', '.join(allowed)}")
