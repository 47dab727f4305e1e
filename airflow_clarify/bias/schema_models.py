"""Schema of Clarify's ``analysis_config.json`` as pydantic models, and the messages about what does not conform to it.

Importing pydantic takes as long as a small analysis, so :mod:`airflow_clarify.bias.schema` imports this module only for
a document that is not plainly valid.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from airflow_clarify.bias.dataset_types import DATASET_TYPES
from airflow_clarify.bias.document_shape import shorten_repr
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS
from airflow_clarify.exceptions import ConfigError

_Index = Annotated[StrictInt, Field(ge=0)]
_Column = StrictStr | _Index
_Value = StrictStr | StrictBool | StrictInt | StrictFloat
_Values = Annotated[list[_Value], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class _Facet(_Strict):
    # Clarify has single columns only; a list of columns is a crossed facet, and its values are lists too.
    name_or_index: _Column | list[_Column]
    # An empty list means "all values" to Clarify.
    value_or_threshold: list[_Value | list[_Value]] | None = None


class _BiasMethods(_Strict):
    methods: StrictStr | list[StrictStr] = "all"


class _Report(_Strict):
    name: StrictStr = "report"
    title: StrictStr | None = None


class _Methods(_Strict):
    pre_training_bias: _BiasMethods | None = None
    post_training_bias: _BiasMethods | None = None
    shap: Any = None
    pdp: Any = None
    asymmetric_shapley_value: Any = None
    report: _Report | None = None


class _Document(_Strict):
    version: StrictStr | None = None
    dataset_type: StrictStr
    dataset_uri: StrictStr | None = None
    headers: list[StrictStr] | None = None
    label: _Column | None = None
    features: StrictStr | None = None
    label_values_or_threshold: _Values | None = None
    facet: Annotated[list[_Facet], Field(min_length=1)] | None = None
    group_variable: _Column | None = None
    joinsource_name_or_index: _Column | None = None
    excluded_columns: list[_Column] | None = None
    predicted_label: _Column | None = None
    probability_threshold: StrictFloat | StrictInt | None = None
    methods: _Methods
    predictor: dict[str, Any] | None = None
    predicted_label_dataset_uri: StrictStr | None = None
    predicted_label_headers: list[StrictStr] | None = None
    facet_dataset_uri: StrictStr | None = None
    facet_headers: list[StrictStr] | None = None
    # Keys of Clarify that do not affect bias metrics.
    probability: Any = None
    label_headers: Any = None
    time_series_data_config: Any = None
    time_series_predictor_config: Any = None


#: What is allowed under a key (or a path of keys), for error messages; pydantic's own messages are for programmers.
_ALLOWED = {
    "dataset_type": f"one of {', '.join(DATASET_TYPES)}",
    "headers": "a list of column names",
    "label": "a column name or its index from 0",
    "label_values_or_threshold": "a list of values or one threshold, such as [1]",
    "facet": 'a list such as [{"name_or_index": "gender", "value_or_threshold": ["F"]}]',
    "name_or_index": "a column name or its index from 0, or a list of columns that are crossed",
    "value_or_threshold": 'a list of values or one threshold, such as ["F"]',
    "group_variable": "a column name or its index from 0",
    "joinsource_name_or_index": "a column name or its index from 0",
    "excluded_columns": "a list of column names or indexes",
    "predicted_label": "a column name or its index from 0",
    "probability_threshold": "a number from 0 to 1",
    "predictor": 'an object such as {"endpoint_name": "loans"}',
    "predicted_label_dataset_uri": "the location of a file of predictions",
    "predicted_label_headers": "a list of column names",
    "facet_dataset_uri": "the location of a file of facets",
    "facet_headers": "a list of column names",
    "methods": 'an object such as {"pre_training_bias": {"methods": "all"}}',
    "pre_training_bias": 'an object such as {"methods": "all"} or {"methods": ["CI", "DPL"]}',
    "methods.pre_training_bias.methods": f"'all' or a list of {', '.join(METRICS)}",
    "post_training_bias": 'an object such as {"methods": "all"} or {"methods": ["DPPL", "DI"]}',
    "methods.post_training_bias.methods": f"'all' or a list of {', '.join(POST_TRAINING_METRICS)}",
    "report": 'an object such as {"name": "report", "title": "Analysis Report"}',
}


def parse_document(document: Mapping[str, Any], key_names: Mapping[str, str]) -> dict[str, Any]:
    """Parse a document into plain lists and objects.

    :param document: the content of an ``analysis_config.json``
    :param key_names: the author's names of keys of the file, for error messages
    :return: the document with its defaults
    :raises ConfigError: names the first invalid key and what is allowed there
    """
    try:
        return _Document.model_validate(dict(document)).model_dump()
    except ValidationError as error:
        raise ConfigError(_describe_error(error, key_names)) from None


def _describe_error(error: ValidationError, key_names: Mapping[str, str]) -> str:
    first = error.errors()[0]
    unknown = first["type"] == "extra_forbidden"
    path = [part for part in first["loc"] if unknown or isinstance(part, int) or part in _KEYS]
    key = _format_key(path, key_names) if key_names else _join_path(path)
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if first["type"] == "missing":
        return f"{key}: required, and missing; give {_ALLOWED.get(name, 'a value')}"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, sorted(_KEYS), n=1)
        return f"{key}: Clarify knows no such key" + (f"; did you mean {near[0]!r}?" if near else "")
    names = ".".join(part for part in path if isinstance(part, str))
    allowed = _ALLOWED.get(names) or _ALLOWED.get(name, "a text")
    if key_names and names == "facet":
        allowed = "a column name, or a list of them"
    return f"{key}: {shorten_repr(first['input'])} is not allowed; give {allowed}"


def _format_key(path: Sequence[str | int], key_names: Mapping[str, str]) -> str:
    """Return the author's name of a key, without list indexes and method sections."""
    names = [part for part in path if isinstance(part, str)]
    if names[:1] == ["facet"]:
        names = ["facet" if name == "name_or_index" else name for name in names[1:] or names]
    if names[:2] in (["methods", "pre_training_bias"], ["methods", "post_training_bias"]):
        names = [names[1]] if names[1] in key_names else ["methods"]
    return ".".join(key_names.get(name, name) for name in names)


def _join_path(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        shown = part if part.isprintable() else repr(part)
        text += f".{shown}" if text else shown
    return text


_KEYS = {
    name
    for model in (_Document, _Methods, _BiasMethods, _Report, _Facet)
    for name in model.model_fields  # the other parts of pydantic's error paths are names of union members
}
