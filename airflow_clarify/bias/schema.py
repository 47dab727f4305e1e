"""Validation of the content of Clarify's ``analysis_config.json``.

Keys for bias metrics on tabular data are validated in full. Keys that explain a model are accepted by name and passed
on unchanged. Any other key is an error, since a misspelt key must not be silently ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_clarify.bias.column_names import check_headers
from airflow_clarify.bias.crossing import check_crossed_facet
from airflow_clarify.bias.dataset_types import DATASET_TYPES
from airflow_clarify.bias.document_shape import has_plain_shape, shorten_repr
from airflow_clarify.bias.metrics import METRICS, OWN_METRICS
from airflow_clarify.bias.model_config import parse_probability_threshold
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS
from airflow_clarify.exceptions import ConfigError


def check_document(document: object, key_names: Mapping[str, str] | None = None) -> None:
    """Validate a document against Clarify's schema.

    :param document: the content of an ``analysis_config.json``
    :param key_names: the author's names of keys of the file; error messages use them if they include ``facet``
    :raises ConfigError: names the first invalid key and what is allowed there
    """
    names = key_names if key_names and "facet" in key_names else {}
    if not isinstance(document, Mapping):
        raise ConfigError(
            f"the configuration is a JSON object with dataset_type and methods, not {shorten_repr(document)}"
        )
    parsed = _parse_document(document, names)
    if parsed["dataset_type"] not in DATASET_TYPES:
        raise ConfigError(f"dataset_type: {parsed['dataset_type']!r} is not one of {', '.join(DATASET_TYPES)}")
    for key in ("headers", "predicted_label_headers", "facet_headers"):
        check_headers(parsed.get(key), key)
    pre_training, post_training = (parsed["methods"].get(f"{stage}_training_bias") for stage in ("pre", "post"))
    if pre_training is not None:
        _check_metrics("pre_training_bias", pre_training.get("methods", "all"), METRICS, names)
    if post_training is not None:
        _check_metrics("post_training_bias", post_training.get("methods", "all"), POST_TRAINING_METRICS, names)
        _check_predictions(parsed, names)
    _check_facets(parsed.get("facet"), names)


def _parse_document(document: Mapping[Any, Any], key_names: Mapping[str, str]) -> Mapping[str, Any]:
    if has_plain_shape(document):
        return document
    from airflow_clarify.bias.schema_models import parse_document

    return parse_document(document, key_names)


def _check_metrics(
    section: str, methods: str | list[str], known: Mapping[str, object], key_names: Mapping[str, str]
) -> None:
    key = key_names.get(section, key_names.get("methods", "methods")) if key_names else f"methods.{section}.methods"
    allowed = ", ".join(known)
    if isinstance(methods, str):
        if methods != "all":
            raise ConfigError(f"{key}: {methods!r} is neither 'all' nor a list of {allowed}")
        return
    if not methods:
        raise ConfigError(f"{key}: the list is empty; give 'all' or some of {allowed}")
    for name in methods:
        if name not in known:
            raise ConfigError(f"{key}: there is no metric {name!r}; there are {allowed}{_name_other_stage(name)}")


def _name_other_stage(name: str) -> str:
    """Return the end of an error message if a metric belongs to the other stage, or is computed without asking."""
    if name in POST_TRAINING_METRICS:
        return f" ({name} measures predictions: it is a post-training metric)"
    if name in METRICS:
        return f" ({name} measures labels: it is a pre-training metric)"
    return f" ({name} is not a metric of Clarify; it is always computed)" if name in OWN_METRICS else ""


def _check_predictions(parsed: Mapping[str, Any], key_names: Mapping[str, str]) -> None:
    """Check the keys about predictions, which concern post-training metrics only."""
    key = key_names.get("predicted_label", "predicted_label")
    label, predicted = parsed.get("label"), parsed.get("predicted_label")
    is_in_own_file = parsed.get("predicted_label_dataset_uri") is not None
    # In a file of their own, predictions may have any index, but not the name of a column of the dataset.
    is_comparable = isinstance(label, str) or not is_in_own_file
    if predicted is not None and predicted == label and is_comparable:
        raise ConfigError(f"{key}: {label!r} is the label; name the column of predictions")
    headers = parsed.get("predicted_label_headers")
    if headers is not None and isinstance(predicted, str) and predicted not in headers:
        raise ConfigError(
            f"{key}: {key_names.get('predicted_label_headers', 'predicted_label_headers')} has no column "
            f"{predicted!r} (columns: {', '.join(map(repr, headers))})"
        )
    threshold = parsed.get("probability_threshold")
    if threshold is not None:
        threshold_key = key_names.get("probability_threshold", "probability_threshold")
        parse_probability_threshold(threshold, threshold_key)
        if predicted is None and not is_in_own_file and parsed.get("predictor") is None:
            raise ConfigError(f"{threshold_key}: there are no scores to compare with it; name their column in {key}")


def _check_facets(facets: Sequence[Mapping[str, Any]] | None, key_names: Mapping[str, str]) -> None:
    key = key_names.get("facet", "facet")
    seen: set[object] = set()
    for facet in facets or ():
        reference, values = facet["name_or_index"], facet.get("value_or_threshold")
        if isinstance(reference, list):
            values_key = key_names.get("value_or_threshold", "value_or_threshold")
            check_crossed_facet(reference, values or None, key, values_key)
        elif any(isinstance(value, list) for value in values or ()) and "+" not in str(reference):
            raise ConfigError(
                f"{key}: {reference!r} is one column, so its values are not combinations; give single values"
            )
        compared = frozenset(reference) if isinstance(reference, list) else reference
        if compared in seen:
            raise ConfigError(f"{key}: {reference!r} occurs twice; put all its values in one entry")
        seen.add(compared)
