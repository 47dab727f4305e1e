"""Quick check of the types in an ``analysis_config.json``, without pydantic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_Check = Callable[[Any], bool]


def has_plain_shape(document: Mapping[Any, Any]) -> bool:
    """Return whether a document has the keys and types of Clarify's schema, in plain lists and objects.

    It is False for each document that the schema in :mod:`airflow_clarify.bias.schema_models` does not accept, which
    then describes the error, and for some that it accepts, such as those with a tuple for a list.

    :param document: the content of an ``analysis_config.json``
    :return: True if every key and type is allowed
    """
    return _is_object(dict(document), _DOCUMENT, required=("dataset_type", "methods"))


def shorten_repr(value: object) -> str:
    """Return the repr of a value for an error message, at most 60 characters long.

    :param value: any value
    :return: the repr; a long one is cut
    """
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_object(value: Any, keys: Mapping[str, _Check], required: tuple[str, ...] = ()) -> bool:
    return (
        type(value) is dict
        and all(name in keys and keys[name](part) for name, part in value.items())
        and all(name in value for name in required)
    )


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_column(value: Any) -> bool:
    return type(value) is str or (type(value) is int and value >= 0)


def _is_value(value: Any) -> bool:
    return type(value) in (str, bool, int, float)


def _is_any(_: Any) -> bool:
    return True


def _check_list(check: _Check, *, min_length: int = 0) -> _Check:
    """Build the check of a list whose items pass another check."""
    return lambda value: type(value) is list and len(value) >= min_length and all(map(check, value))


def _check_either(*checks: _Check) -> _Check:
    """Build the check of a value that passes one of several checks."""
    return lambda value: any(check(value) for check in checks)


def _check_optional(check: _Check) -> _Check:
    """Build the check of a value that may be null."""
    return lambda value: value is None or check(value)


def _check_object(keys: Mapping[str, _Check], *required: str) -> _Check:
    """Build the check of an object with certain keys."""
    return lambda value: _is_object(value, keys, required)


_FACET: Mapping[str, _Check] = {
    "name_or_index": _check_either(_is_column, _check_list(_is_column)),
    "value_or_threshold": _check_optional(_check_list(_check_either(_is_value, _check_list(_is_value)))),
}
_BIAS_METHODS: Mapping[str, _Check] = {"methods": _check_either(_is_text, _check_list(_is_text))}
_METHODS: Mapping[str, _Check] = {
    "pre_training_bias": _check_optional(_check_object(_BIAS_METHODS)),
    "post_training_bias": _check_optional(_check_object(_BIAS_METHODS)),
    "shap": _is_any,
    "pdp": _is_any,
    "asymmetric_shapley_value": _is_any,
    "report": _check_optional(_check_object({"name": _is_text, "title": _check_optional(_is_text)})),
}
_OPTIONAL_TEXT = _check_optional(_is_text)
_OPTIONAL_TEXTS = _check_optional(_check_list(_is_text))
_OPTIONAL_COLUMN = _check_optional(_is_column)
_DOCUMENT: Mapping[str, _Check] = {
    "version": _OPTIONAL_TEXT,
    "dataset_type": _is_text,
    "dataset_uri": _OPTIONAL_TEXT,
    "headers": _OPTIONAL_TEXTS,
    "label": _OPTIONAL_COLUMN,
    "features": _OPTIONAL_TEXT,
    "label_values_or_threshold": _check_optional(_check_list(_is_value, min_length=1)),
    "facet": _check_optional(_check_list(_check_object(_FACET, "name_or_index"), min_length=1)),
    "group_variable": _OPTIONAL_COLUMN,
    "joinsource_name_or_index": _OPTIONAL_COLUMN,
    "excluded_columns": _check_optional(_check_list(_is_column)),
    "predicted_label": _OPTIONAL_COLUMN,
    "probability_threshold": lambda value: value is None or type(value) in (int, float),
    "methods": _check_object(_METHODS),
    "predictor": lambda value: value is None or (type(value) is dict and all(type(key) is str for key in value)),
    "predicted_label_dataset_uri": _OPTIONAL_TEXT,
    "predicted_label_headers": _OPTIONAL_TEXTS,
    "facet_dataset_uri": _OPTIONAL_TEXT,
    "facet_headers": _OPTIONAL_TEXTS,
    "probability": _is_any,
    "label_headers": _is_any,
    "time_series_data_config": _is_any,
    "time_series_predictor_config": _is_any,
}
