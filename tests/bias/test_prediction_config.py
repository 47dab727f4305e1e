"""Configuration of predictions and models: the keys that the SDK writes, and errors in one sentence."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from analysis_factories import make_config, make_prediction_config

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig
from airflow_clarify.bias.argument_types import is_templated
from airflow_clarify.bias.config import fill_unset_fields
from airflow_clarify.exceptions import ConfigError

BIAS = BiasConfig(label_values_or_threshold=[1], facet_name="gender")
SHADOW = {"model_name": "loans", "instance_count": 1, "instance_type": "ml.m5.large"}


def build(**given: Any) -> AnalysisConfig:
    """Build a configuration with post-training metrics."""
    stages = {name: given.pop(name) for name in ("methods", "post_training_methods") if name in given}
    model = {name: given.pop(name) for name in ("model_config", "model_predicted_label_config") if name in given}
    data = DataConfig(**{"input_path": "s3://b/d.csv", "label": "approved", "dataset_type": "text/csv"} | given)
    return AnalysisConfig.build(data, BIAS, **{"methods": None, "post_training_methods": "all"} | stages, **model)


# --- As the SDK writes it ---------------------------------------------------------------------------------------------


def test_run_bias_with_predictions_in_a_file_of_their_own() -> None:
    config = build(
        joinsource="id",
        facet_dataset_uri="s3://b/facets.csv",
        facet_headers=["gender", "id"],
        predicted_label_dataset_uri="s3://b/predictions.csv",
        predicted_label_headers=["score", "id"],
        predicted_label="score",
        excluded_columns=["age"],
        methods=["CI"],
        post_training_methods=["DI", "RD"],
        model_predicted_label_config=ModelPredictedLabelConfig(probability_threshold=0.25),
    )
    assert config.to_json() == (
        '{"dataset_type": "text/csv", "label": "approved", "joinsource_name_or_index": "id", '
        '"facet_dataset_uri": "s3://b/facets.csv", "facet_headers": ["gender", "id"], '
        '"predicted_label_dataset_uri": "s3://b/predictions.csv", "predicted_label_headers": ["score", "id"], '
        '"predicted_label": "score", "excluded_columns": ["age"], "label_values_or_threshold": [1], '
        '"facet": [{"name_or_index": "gender"}], "methods": {"report": {"name": "report", "title": "Analysis Report"}, '
        '"pre_training_bias": {"methods": ["CI"]}, "post_training_bias": {"methods": ["DI", "RD"]}}, '
        '"probability_threshold": 0.25}'
    )
    assert AnalysisConfig.parse(config.to_json()) == AnalysisConfig(config.document)


def test_run_post_training_bias_with_a_model() -> None:
    config = build(
        model_config=ModelConfig(**SHADOW, accept_type="text/csv", endpoint_name_prefix="loans"),
        model_predicted_label_config=ModelPredictedLabelConfig(label=0, probability=1, label_headers=["no", "yes"]),
    )
    assert json.loads(config.to_json())["methods"] == {
        "report": {"name": "report", "title": "Analysis Report"},
        "post_training_bias": {"methods": "all"},
    }
    assert json.dumps(config.document["predictor"]) == (
        '{"model_name": "loans", "instance_type": "ml.m5.large", "initial_instance_count": 1, '
        '"endpoint_name_prefix": "loans", "accept_type": "text/csv", "label": 0, "probability": 1, '
        '"label_headers": ["no", "yes"]}'
    )


def test_an_endpoint_that_runs_already() -> None:
    assert ModelConfig(endpoint_name="loans", target_model="a").get_predictor_config() == {
        "endpoint_name": "loans",
        "target_model": "a",
    }


def test_the_sdks_dictionaries_are_accepted() -> None:
    model = ModelConfig(**SHADOW, content_type="application/jsonlines", content_template='{"features": $features}')
    assert ModelConfig.coerce(model.get_predictor_config()) == model
    assert ModelConfig.coerce(model) is model
    assert ModelPredictedLabelConfig.coerce("score") == ModelPredictedLabelConfig(label="score")
    assert ModelPredictedLabelConfig.coerce({"probability": 1}) == ModelPredictedLabelConfig(probability=1)
    data = DataConfig("d.csv", predicted_label=3, predicted_label_dataset_uri="p.csv", predicted_label_headers=["p"])
    assert DataConfig.coerce({"input_path": "d.csv", **data.get_config()}).get_config() == data.get_config()


def test_configurations_survive_pickle_and_show_what_is_set() -> None:
    for given in (ModelConfig(**SHADOW), ModelPredictedLabelConfig(probability_threshold=0.5)):
        assert pickle.loads(pickle.dumps(given)) == given
    assert repr(ModelConfig(endpoint_name="loans")) == "ModelConfig(endpoint_name='loans')"


def test_templates_are_checked_when_they_are_rendered() -> None:
    model = ModelConfig(model_name="{{ params.model }}", instance_count="{{ params.n }}", instance_type="ml.m5.large")  # type: ignore[arg-type]
    model.model_name, model.instance_count = "loans", "2"  # type: ignore[assignment]
    assert model.get_predictor_config()["initial_instance_count"] == 2
    predicted = ModelPredictedLabelConfig(probability_threshold="{{ params.threshold }}")  # type: ignore[arg-type]
    predicted.probability_threshold = "0.25"  # type: ignore[assignment]
    assert predicted.get_predictor_config() == (0.25, {})
    model.instance_count = "many"  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=r"^instance_count: give a whole number from 1, not 'many'$"):
        model.get_predictor_config()


@pytest.mark.parametrize(
    ("value", "templated"),
    [
        ("{{ ds }}", True),
        (["a", "{% if x %}"], True),
        ({"a": {"b": "{{ ds }}"}}, True),
        ({"{{ ds }}": 1}, True),
        (frozenset({"{{ ds }}"}), True),
        ({"a": ["b"]}, False),
        (None, False),
    ],
)
def test_templates_are_found_in_every_container(value: Any, templated: bool) -> None:
    assert is_templated(value) is templated


# --- The column of predictions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "column"),
    [
        ({}, "predicted"),
        ({"predicted_label": 4}, 4),
        ({"predicted_label": None, "predicted_label_dataset_uri": "p.csv"}, "predicted_label"),
        (
            {"predicted_label": None, "predicted_label_dataset_uri": "p.csv", "predicted_label_headers": ["yhat"]},
            "yhat",
        ),
        (
            {
                "predicted_label": None,
                "predicted_label_dataset_uri": "p.csv",
                "predicted_label_headers": ["id", "yhat"],
                "joinsource_name_or_index": "id",
            },
            "yhat",
        ),
        ({"predictor": {"endpoint_name": "loans"}}, "predicted"),
    ],
)
def test_the_column_of_predictions(keys: dict[str, Any], column: str | int) -> None:
    given = {key: value for key, value in make_prediction_config(**keys).document.items() if value is not None}
    assert AnalysisConfig(given).predicted_label == column


def test_without_post_training_metrics_no_prediction_is_read() -> None:
    config = make_prediction_config(None, "all", probability_threshold=0.5)
    assert (config.predicted_label, config.probability_threshold, config.stages) == (None, None, ("pre_training",))


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "predicted_label: name the column of predictions; post-training bias cannot be measured without one"),
        (
            {"predictor": {"endpoint_name": "loans"}},
            "predictor: only a Clarify job runs a model; name a column of predictions in predicted_label, or measure "
            "with SageMakerEngine and Clarify's image",
        ),
        (
            {"predicted_label_dataset_uri": "p.csv", "predicted_label_headers": ["a", "b"]},
            "predicted_label: name the column of predictions; predicted_label_headers has 2 that may be it",
        ),
    ],
)
def test_a_missing_column_of_predictions_is_an_error(keys: dict[str, Any], text: str) -> None:
    document = make_config().document | {"methods": {"post_training_bias": {"methods": "all"}}} | keys
    with pytest.raises(ConfigError) as error:
        _ = AnalysisConfig(document).predicted_label
    assert str(error.value) == text


def test_unset_fields_of_the_data_are_those_of_the_file() -> None:
    config = build(predicted_label_dataset_uri="p.csv", predicted_label_headers=["yhat"], joinsource="id")
    data = fill_unset_fields(DataConfig("other.csv"), config)
    assert (data.predicted_label_dataset_uri, data.predicted_label_headers, data.joinsource) == (
        "p.csv",
        ["yhat"],
        "id",
    )


# --- Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"predicted_label": "approved"}, "predicted_label: 'approved' is the label; name the column of predictions"),
        ({"label": 2, "predicted_label": 2}, "predicted_label: 2 is the label; name the column of predictions"),
        (
            {"probability_threshold": 1.5},
            "probability_threshold: 1.5 is outside 0 to 1, and scores are not; give a number such as 0.5",
        ),
        (
            {"probability_threshold": "0.5"},
            "probability_threshold: '0.5' is not allowed; give a number from 0 to 1",
        ),
        (
            {"predicted_label_headers": ["a", "a"], "predicted_label_dataset_uri": "p.csv"},
            "predicted_label_headers: 'a' occurs twice; column names must differ",
        ),
        (
            {"predicted_label_headers": ["a"], "predicted_label_dataset_uri": "p.csv"},
            "predicted_label: predicted_label_headers has no column 'predicted' (columns: 'a')",
        ),
        (
            {"predicted_label_dataset_uri": ["p.csv"]},
            "predicted_label_dataset_uri: ['p.csv'] is not allowed; give the location of a file of predictions",
        ),
        (
            {"methods": {"post_training_bias": {"methods": ["DI", "XX"]}}},
            "methods.post_training_bias.methods: there is no metric 'XX'; there are AD, CDDPL, DAR, DCA, DCR, DI, "
            "DPPL, DRR, FT, GE, RD, SD, TE",
        ),
        (
            {"methods": {"post_training_bias": {"methods": ["DPL"]}}},
            "methods.post_training_bias.methods: there is no metric 'DPL'; there are AD, CDDPL, DAR, DCA, DCR, DI, "
            "DPPL, DRR, FT, GE, RD, SD, TE (DPL measures labels: it is a pre-training metric)",
        ),
        (
            {"methods": {"pre_training_bias": {"methods": ["DIL"]}}},
            "methods.pre_training_bias.methods: there is no metric 'DIL'; there are CDDL, CI, DPL, JS, KL, KS, LP, TVD "
            "(DIL is not a metric of Clarify; it is always computed)",
        ),
        (
            {"methods": {"post_training_bias": {"methods": []}}},
            "methods.post_training_bias.methods: the list is empty; give 'all' or some of AD, CDDPL, DAR, DCA, DCR, "
            "DI, DPPL, DRR, FT, GE, RD, SD, TE",
        ),
    ],
)
def test_a_wrong_file_is_refused(keys: dict[str, Any], text: str) -> None:
    document = {**make_prediction_config().document, **keys}
    with pytest.raises(ConfigError) as error:
        AnalysisConfig(document)
    assert str(error.value) == text


def test_a_threshold_without_scores_is_refused() -> None:
    document = make_config().document | {"methods": {"post_training_bias": {"methods": "all"}}}
    with pytest.raises(
        ConfigError, match=r"^probability_threshold: there are no scores to compare with it; name their"
    ):
        AnalysisConfig(document | {"probability_threshold": 0.5})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {},
            "predicted_label: name the column of predictions; post-training bias cannot be measured without one (a "
            "Clarify job on SageMaker can get them from a model: model_config)",
        ),
        (
            {"predicted_label": "yhat", "model_predicted_label_config": ModelPredictedLabelConfig(label=0)},
            "model_predicted_label_config: label is about the output of a model; give model_config too, or "
            "leave it out",
        ),
        (
            {"predicted_label_headers": ["yhat"]},
            "predicted_label_headers: they name the columns of predicted_label_dataset_uri; give that too, or leave "
            "them out",
        ),
        (
            {"facet_headers": ["gender"]},
            "facet_headers: they name the columns of facet_dataset_uri; give that too, or leave them out",
        ),
        ({"predicted_label": ["yhat"]}, "predicted_label: ['yhat'] is not allowed; give a column name or its index"),
        ({"predicted_label": "yhat", "post_training_methods": 5}, "methods: 5 is not allowed; give 'all' or a list of"),
    ],
)
def test_wrong_arguments_are_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(**given)
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"model_name": "loans"},
            "instance_count: a model needs model_name, instance_count, instance_type, or the endpoint_name of an "
            "endpoint that runs already",
        ),
        ({}, "model_name: a model needs model_name, instance_count, instance_type, or the endpoint_name of an"),
        (
            {**SHADOW, "endpoint_name": "e"},
            "endpoint_name and model_name: the job calls an existing endpoint, or starts one for a model; leave one of",
        ),
        ({"endpoint_name": "e", "endpoint_name_prefix": "p"}, "endpoint_name and endpoint_name_prefix: the job calls"),
        ({**SHADOW, "instance_count": 1.5}, "instance_count: give a whole number from 1, not 1.5"),
        ({**SHADOW, "endpoint_name_prefix": "-"}, "endpoint_name_prefix: '-' begins with letters, digits and dashes"),
        ({**SHADOW, "accept_type": "csv"}, "accept_type: 'csv' is not one of text/csv, application/jsonlines,"),
        ({**SHADOW, "content_type": "csv"}, "content_type: 'csv' is not one of text/csv, application/jsonlines,"),
        (
            {**SHADOW, "content_type": "application/jsonlines", "content_template": "{}"},
            "content_template: JSON Lines need a template with $features, such as '{\"features\": $features}'",
        ),
        (
            {**SHADOW, "content_type": "application/json", "content_template": "$records"},
            "record_template: JSON needs a template of a record, such as '$features_kvp'",
        ),
        (
            {**SHADOW, "content_type": "application/json", "record_template": "$features"},
            "content_template: JSON needs a template with $record or $records, such as '{\"instances\": $records}'",
        ),
        (
            {"model": "loans"},
            "ModelConfig: no field 'model'; the fields are model_name, instance_count, instance_type,",
        ),
    ],
)
def test_a_wrong_model_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        ModelConfig.coerce(given)
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"probability_threshold": "half"}, "probability_threshold: 'half' is not a number; give one from 0 to 1"),
        ({"probability_threshold": True}, "probability_threshold: True is not a number; give one from 0 to 1"),
        ({"probability_threshold": -0.1}, "probability_threshold: -0.1 is outside 0 to 1, and scores are not; give"),
        ({"probability_threshold": float("nan")}, "probability_threshold: nan is outside 0 to 1, and scores are not;"),
        ({"label_headers": "yes"}, "label_headers: 'yes' is not allowed; give a list"),
        ({"label": 1.5}, "label: 1.5 is not allowed; give a column name or its index from 0"),
        ({"threshold": 0.5}, "ModelPredictedLabelConfig: no field 'threshold'; the fields are label, probability,"),
    ],
)
def test_wrong_settings_of_the_predicted_label_are_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        ModelPredictedLabelConfig.coerce(given)
    assert str(error.value).startswith(text)
