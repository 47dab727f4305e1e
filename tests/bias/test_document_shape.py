"""The quick check of an `analysis_config.json`, which must accept nothing that pydantic does not accept."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.document_shape import has_plain_shape
from airflow_clarify.bias.schema_models import parse_document
from airflow_clarify.exceptions import ConfigError

FULL: dict[str, Any] = {
    "version": "1.0",
    "dataset_type": "application/jsonlines",
    "dataset_uri": "s3://bucket/data",
    "headers": ["approved", "gender", "age"],
    "label": 0,
    "features": "features.values",
    "label_values_or_threshold": [1, "yes", 2.5, True],
    "facet": [
        {"name_or_index": "gender", "value_or_threshold": ["F", 1]},
        {"name_or_index": ["gender", "age"], "value_or_threshold": [["F", 40]]},
        {"name_or_index": 2},
    ],
    "group_variable": "region",
    "joinsource_name_or_index": 4,
    "excluded_columns": ["id", 3],
    "predicted_label": "prediction",
    "probability_threshold": 0.5,
    "methods": {
        "pre_training_bias": {"methods": ["CI", "DPL"]},
        "post_training_bias": {"methods": "all"},
        "report": {"name": "report", "title": "Analysis Report"},
        "shap": {"num_samples": 1},
    },
    "predictor": {"model_name": "loans"},
    "predicted_label_dataset_uri": "s3://bucket/predictions",
    "predicted_label_headers": ["prediction"],
    "facet_dataset_uri": None,
    "facet_headers": None,
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(),
    st.text(max_size=2),
    st.binary(max_size=1),
    st.just(()),
    st.just([]),
    st.just({}),
    st.just({1: 2}),
    st.just([[]]),
    st.just(["a", None]),
    st.just(("a", 1)),
    st.just([True]),
)


def list_places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value of a document, those of objects and lists included."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, child in children for place in list_places(child, (*path, key)))][not path :]


def is_accepted(document: dict[str, Any]) -> bool:
    try:
        parse_document(document, {})
    except ConfigError:
        return False
    return True


@given(
    place=st.sampled_from(list_places(FULL)), value=VALUES, how=st.sampled_from(["replace", "remove", "rename", "add"])
)
def test_a_changed_document_is_accepted_only_if_pydantic_accepts_it(
    place: tuple[Any, ...], value: Any, how: str
) -> None:
    document = copy.deepcopy(FULL)
    parent: Any = document
    for key in place[:-1]:
        parent = parent[key]
    if how == "replace":
        parent[place[-1]] = value
    elif how == "add":
        parent.update({"other": value}) if isinstance(parent, dict) else parent.append(value)
    else:
        old = parent.pop(place[-1])
        if how == "rename" and isinstance(parent, dict):
            parent["labell"] = old

    assert not has_plain_shape(document) or is_accepted(document)


def test_every_key_of_a_full_document_is_known_to_both() -> None:
    assert has_plain_shape(FULL)
    assert is_accepted(FULL)
    for name in FULL.keys() - {"dataset_type", "methods"}:
        assert has_plain_shape({key: value for key, value in FULL.items() if key != name})


@pytest.mark.parametrize("name", ["dataset_type", "methods"])
def test_a_required_key_is_missing(name: str) -> None:
    assert not has_plain_shape({key: value for key, value in FULL.items() if key != name})


def test_a_valid_configuration_does_not_import_pydantic() -> None:
    script = f"""
import sys
from airflow_clarify.bias.config import AnalysisConfig
AnalysisConfig({FULL!r})
print("pydantic" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
