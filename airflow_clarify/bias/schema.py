"""Schema of Clarify's ``analysis_config.json``, as pydantic models, and its validation.

Keys for pre-training bias on tabular data are validated in full. Keys that need a trained model are accepted by name
and passed on unchanged. Any other key is an error, since a misspelt key must not be silently ignored.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from airflow_clarify.bias.dataset_types import DATASET_TYPES
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.exceptions import ConfigError

_Index = Annotated[StrictInt, Field(ge=0)]
_Column = StrictStr | _Index
_Value = StrictStr | StrictBool | StrictInt | StrictFloat
_Values = Annotated[list[_Value], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class _Facet(_Strict):
    name_or_index: _Column
    # An empty list means "all values" to Clarify.
    value_or_threshold: list[_Value] | None = None


class _BiasMethods(_Strict):
    methods: StrictStr | list[StrictStr] = "all"


class _Report(_Strict):
    name: StrictStr = "report"
    title: StrictStr | None = None


class _Methods(_Strict):
    pre_training_bias: _BiasMethods | None = None
    post_training_bias: Any = None
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
    # Keys of Clarify that do not affect pre-training bias.
    predictor: Any = None
    probability: Any = None
    label_headers: Any = None
    predicted_label_dataset_uri: Any = None
    predicted_label_headers: Any = None
    facet_dataset_uri: Any = None
    facet_headers: Any = None
    time_series_data_config: Any = None
    time_series_predictor_config: Any = None


#: What is allowed under a key (or a path of keys), for error messages; pydantic's own messages are for programmers.
_ALLOWED = {
    "dataset_type": f"one of {', '.join(DATASET_TYPES)}",
    "headers": "a list of column names",
    "label": "a column name or its index from 0",
    "label_values_or_threshold": "a list of values or one threshold, such as [1]",
    "facet": 'a list such as [{"name_or_index": "gender", "value_or_threshold": ["F"]}]',
    "name_or_index": "a column name or its index from 0",
    "value_or_threshold": 'a list of values or one threshold, such as ["F"]',
    "group_variable": "a column name or its index from 0",
    "joinsource_name_or_index": "a column name or its index from 0",
    "excluded_columns": "a list of column names or indexes",
    "predicted_label": "a column name or its index from 0",
    "probability_threshold": "a number",
    "methods": 'an object such as {"pre_training_bias": {"methods": "all"}}',
    "pre_training_bias": 'an object such as {"methods": "all"} or {"methods": ["CI", "DPL"]}',
    "methods.pre_training_bias.methods": f"'all' or a list of {', '.join(METRICS)}",
    "report": 'an object such as {"name": "report", "title": "Analysis Report"}',
}


def check_document(document: object, key_names: Mapping[str, str] | None = None) -> None:
    """Validate a document against Clarify's schema.

    :param document: the content of an ``analysis_config.json``
    :param key_names: the author's names of keys of the file; error messages use them if they include ``facet``
    :raises ConfigError: names the first invalid key and what is allowed there
    """
    names = key_names if key_names and "facet" in key_names else {}
    if not isinstance(document, Mapping):
        raise ConfigError(
            f"the configuration is a JSON object with dataset_type and methods, not {_shorten_repr(document)}"
        )
    try:
        parsed = _Document.model_validate(dict(document))
    except ValidationError as error:
        raise ConfigError(_describe_error(error, names)) from None
    if parsed.dataset_type not in DATASET_TYPES:
        raise ConfigError(f"dataset_type: {parsed.dataset_type!r} is not {_ALLOWED['dataset_type']}")
    _check_headers(parsed.headers)
    if parsed.methods.pre_training_bias is not None:
        _check_metrics(parsed.methods.pre_training_bias.methods, names)
    _check_facets_differ(parsed.facet, names)


def _check_headers(headers: Sequence[str] | None) -> None:
    seen: set[str] = set()
    for header in headers or ():
        if header in seen:
            raise ConfigError(f"headers: {header!r} occurs twice; column names must differ")
        seen.add(header)


def _check_metrics(methods: str | list[str], key_names: Mapping[str, str]) -> None:
    key = key_names.get("methods", "methods") if key_names else "methods.pre_training_bias.methods"
    if isinstance(methods, str):
        if methods != "all":
            raise ConfigError(f"{key}: {methods!r} is neither 'all' nor a list of {', '.join(METRICS)}")
        return
    if not methods:
        raise ConfigError(f"{key}: the list is empty; give 'all' or some of {', '.join(METRICS)}")
    for name in methods:
        if name not in METRICS:
            raise ConfigError(f"{key}: there is no metric {name!r}; there are {', '.join(METRICS)}")


def _check_facets_differ(facets: list[_Facet] | None, key_names: Mapping[str, str]) -> None:
    seen: set[str | int] = set()
    for facet in facets or ():
        if facet.name_or_index in seen:
            key = key_names.get("facet", "facet")
            raise ConfigError(f"{key}: {facet.name_or_index!r} occurs twice; put all its values in one entry")
        seen.add(facet.name_or_index)


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
    return f"{key}: {_shorten_repr(first['input'])} is not allowed; give {allowed}"


def _format_key(path: Sequence[str | int], key_names: Mapping[str, str]) -> str:
    """Return the author's name of a key, without list indexes and method sections."""
    names = [part for part in path if isinstance(part, str)]
    if names[:1] == ["facet"]:
        names = ["facet" if name == "name_or_index" else name for name in names[1:] or names]
    if names[:2] == ["methods", "pre_training_bias"]:
        names = ["methods"]
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


def _shorten_repr(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_KEYS = {
    name
    for model in (_Document, _Methods, _BiasMethods, _Report, _Facet)
    for name in model.model_fields  # the other parts of pydantic's error paths are names of union members
}
