"""Configuration classes, and `analysis_config.json` as the SageMaker SDK writes it: parsing and validation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from expected_lab import GIFT_CARD_CONFIG, GIFT_CARD_HEADERS
from hypothesis import given
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES

from airflow_clarify.bias.config import (
    PANDAS_NA_VALUES,
    AnalysisConfig,
    BiasConfig,
    DataConfig,
    FacetConfig,
    resolve_column,
)
from airflow_clarify.bias.dataset_types import DATASET_TYPES
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS
from airflow_clarify.exceptions import ConfigError

ALL_METRICS = "CDDL, CI, DPL, JS, KL, KS, LP, TVD"

#: The minimal valid file, and the minimal file for pre-training bias.
LEAST = {"dataset_type": "text/csv", "methods": {}}
ENOUGH = {
    "dataset_type": "text/csv",
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "gender"}],
    "methods": {"pre_training_bias": {"methods": "all"}},
}
#: All keys for pre-training bias on tabular data, and further keys of a Clarify job.
EVERYTHING = {
    "version": "1.0",
    "dataset_type": "application/jsonlines",
    "dataset_uri": "s3://bucket/data",
    "headers": ["approved", "gender", "age", "region", "id"],
    "label": 0,
    "features": "features.values",
    "label_values_or_threshold": [1, "yes", 2.5, True],
    "facet": [
        {"name_or_index": "gender", "value_or_threshold": ["F", 1]},
        {"name_or_index": 2, "value_or_threshold": [40.5]},
        {"name_or_index": "region"},
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
    },
}


def one_line_error(document: object) -> str:
    with pytest.raises(ConfigError) as raised:
        AnalysisConfig(document)  # type: ignore[arg-type]
    text = str(raised.value)
    assert text
    assert "\n" not in text
    return text


# --- Written as the SDK writes it -------------------------------------------------------------------------------------


def test_the_gift_card_lab_is_written_byte_for_byte_as_the_sdk_writes_it() -> None:
    config = AnalysisConfig.build(
        DataConfig(
            input_path="s3://bucket/reviews.csv",
            output_path="s3://bucket/bias",
            label="star_rating",
            headers=GIFT_CARD_HEADERS,
            dataset_type="text/csv",
        ),
        BiasConfig(
            label_values_or_threshold=[5, 4],
            facet_name="product_category",
            facet_values_or_threshold=["Gift Card"],
        ),
        methods=["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"],
    )
    assert config.to_json() == GIFT_CARD_CONFIG


def test_the_line_of_the_gift_card_lab_survives_a_round_trip() -> None:
    assert AnalysisConfig.parse(GIFT_CARD_CONFIG).to_json() == GIFT_CARD_CONFIG


def test_every_key_has_the_position_of_the_sdk() -> None:
    config = AnalysisConfig.build(
        DataConfig(
            input_path="data.jsonl",
            label=0,
            headers=["approved", "gender", "id"],
            excluded_columns=["id"],
            joinsource=2,
            features="[approved, gender]",
        ),
        BiasConfig(label_values_or_threshold=[1], facet_name=1, group_name="region"),
    )
    assert config.to_json() == (
        '{"dataset_type": "application/jsonlines", "features": "[approved, gender]", '
        '"headers": ["approved", "gender", "id"], "label": 0, "joinsource_name_or_index": 2, '
        '"excluded_columns": ["id"], "label_values_or_threshold": [1], "facet": [{"name_or_index": 1}], '
        '"group_variable": "region", '
        '"methods": {"report": {"name": "report", "title": "Analysis Report"}, '
        '"pre_training_bias": {"methods": "all"}}}'
    )


def test_options_unknown_to_clarify_are_not_part_of_its_file() -> None:
    data = DataConfig("data.csv", label="y", weight="w", header_row=False, na_values=["?"], csv_options={"delim": "|"})
    bias = BiasConfig([1], "gender", label_type="categorical", facet_type={"gender": "categorical"})
    config = AnalysisConfig.build(data, bias)
    assert set(config.document) == {"dataset_type", "label", "label_values_or_threshold", "facet", "methods"}
    assert config.label_type == "categorical"
    assert config.facets == (FacetConfig("gender", None, "categorical"),)


def test_a_list_given_by_the_author_is_never_changed() -> None:
    # smclarify 0.5 turns ["5"] into [5.0] in the caller's own list.
    values, methods = ["5"], ["TVD", "CI"]
    config = AnalysisConfig.build(DataConfig("x.csv", label="y"), BiasConfig(values, "g", values), methods)
    assert config.methods == ("CI", "TVD")
    assert (values, methods) == (["5"], ["TVD", "CI"])


# --- Read -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [LEAST, ENOUGH, EVERYTHING], ids=["least", "enough", "everything"])
def test_a_file_is_kept_key_for_key(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert AnalysisConfig.parse(text).to_json() == text


def test_every_key_of_a_file_can_be_read() -> None:
    config = AnalysisConfig(EVERYTHING)
    assert config.dataset_type == "application/jsonlines"
    assert config.headers == ["approved", "gender", "age", "region", "id"]
    assert config.label == 0
    assert config.label_values == (1, "yes", 2.5, True)
    assert config.facets == (
        FacetConfig("gender", ("F", 1)),
        FacetConfig(2, (40.5,)),
        FacetConfig("region", None),
    )
    assert config.group_variable == "region"
    assert config.methods == ("CI", "DPL")
    assert config.post_training_methods == tuple(POST_TRAINING_METRICS)
    assert config.stages == ("pre_training", "post_training")
    assert config.predicted_label == "prediction"
    assert config.probability_threshold == 0.5
    assert config.left_to_clarify == ()


def test_missing_keys_are_none() -> None:
    config = AnalysisConfig(ENOUGH)
    assert config.headers is None
    assert config.group_variable is None
    assert config.left_to_clarify == ()


@pytest.mark.parametrize("section", [{"methods": "all"}, {}])
def test_all_metrics_are_measured_when_all_or_none_are_named(section: dict[str, Any]) -> None:
    config = AnalysisConfig(ENOUGH | {"methods": {"pre_training_bias": section}})
    assert config.methods == tuple(METRICS)


def test_metrics_are_sorted_and_named_once() -> None:
    config = AnalysisConfig(ENOUGH | {"methods": {"pre_training_bias": {"methods": ["TVD", "CI", "TVD", "DPL"]}}})
    assert config.methods == ("CI", "DPL", "TVD")


def test_an_empty_list_of_facet_values_tests_every_value() -> None:
    config = AnalysisConfig(ENOUGH | {"facet": [{"name_or_index": "gender", "value_or_threshold": []}]})
    assert config.facets == (FacetConfig("gender", None),)


@pytest.mark.parametrize(
    "key",
    [
        "predictor",
        "probability",
        "label_headers",
        "time_series_data_config",
        "time_series_predictor_config",
    ],
)
def test_keys_that_need_a_model_are_passed_on_untouched(key: str) -> None:
    document = ENOUGH | {key: {"anything": ["at", "all"]}}
    assert json.loads(AnalysisConfig(document).to_json()) == document


@pytest.mark.parametrize("method", ["shap", "pdp", "asymmetric_shapley_value"])
def test_methods_that_explain_a_model_are_left_to_clarify(method: str) -> None:
    methods = {"pre_training_bias": {"methods": "all"}, method: {"any": "thing"}}
    assert AnalysisConfig(ENOUGH | {"methods": methods}).left_to_clarify == (method,)


@given(
    st.fixed_dictionaries(
        {
            "dataset_type": st.sampled_from(list(DATASET_TYPES)),
            "label_values_or_threshold": st.lists(
                st.one_of(st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False)), min_size=1, max_size=4
            ),
            "methods": st.fixed_dictionaries(
                {
                    "pre_training_bias": st.fixed_dictionaries(
                        {"methods": st.lists(st.sampled_from(list(METRICS)), min_size=1)}
                    )
                }
            ),
        },
        optional={
            "version": st.text(),
            "headers": st.lists(st.text(), unique=True, max_size=4),
            "label": st.one_of(st.text(), st.integers(min_value=0)),
            "facet": st.lists(
                st.fixed_dictionaries(
                    {"name_or_index": st.one_of(st.text(), st.integers(min_value=0))},
                    optional={"value_or_threshold": st.lists(st.one_of(st.text(), st.integers()), max_size=3)},
                ),
                min_size=1,
                max_size=3,
                unique_by=lambda facet: facet["name_or_index"],
            ),
            "group_variable": st.one_of(st.text(), st.integers(min_value=0)),
        },
    )
)
def test_a_valid_document_is_unchanged_by_a_round_trip(document: dict[str, Any]) -> None:
    config = AnalysisConfig(document)
    again = AnalysisConfig.parse(config.to_json())
    assert again == config
    assert again.to_json() == config.to_json()
    assert again.sha256 == config.sha256


# --- Refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "key", "allowed"),
    [
        ({"dataset_type": "csv"}, "dataset_type", "one of text/csv, application/jsonlines, application/json, "),
        ({"dataset_type": None}, "dataset_type", "one of text/csv, application/jsonlines, application/json, "),
        ({"version": 1.0}, "version", "a text"),
        ({"dataset_uri": 3}, "dataset_uri", "a text"),
        ({"headers": "a,b"}, "headers", "a list of column names"),
        ({"headers": ["a", 1]}, "headers[1]", "a list of column names"),
        ({"headers": ["a", "b", "a"]}, "headers", "column names must differ"),
        ({"features": 1}, "features", "a text"),
        ({"label": -1}, "label", "a column name or its index from 0"),
        ({"label": 1.5}, "label", "a column name or its index from 0"),
        ({"label": True}, "label", "a column name or its index from 0"),
        ({"label_values_or_threshold": 1}, "label_values_or_threshold", "a list of values or one threshold"),
        ({"label_values_or_threshold": []}, "label_values_or_threshold", "a list of values or one threshold"),
        ({"label_values_or_threshold": [None]}, "label_values_or_threshold[0]", "a list of values or one threshold"),
        ({"label_values_or_threshold": [[1]]}, "label_values_or_threshold[0]", "a list of values or one threshold"),
        ({"facet": {"name_or_index": "g"}}, "facet", 'a list such as [{"name_or_index": "gender"'),
        ({"facet": []}, "facet", 'a list such as [{"name_or_index": "gender"'),
        ({"facet": ["gender"]}, "facet[0]", 'a list such as [{"name_or_index": "gender"'),
        ({"facet": [{}]}, "facet[0].name_or_index", "a column name or its index from 0"),
        ({"facet": [{"name_or_index": -1}]}, "facet[0].name_or_index", "a column name or its index from 0"),
        (
            {"facet": [{"name_or_index": "a"}, {"name_or_index": "b", "value_or_threshold": "F"}]},
            "facet[1].value_or_threshold",
            "a list of values or one threshold",
        ),
        ({"facet": [{"name_or_index": "a"}, {"name_or_index": "a"}]}, "facet", "put all its values in one entry"),
        ({"group_variable": 1.5}, "group_variable", "a column name or its index from 0"),
        ({"joinsource_name_or_index": []}, "joinsource_name_or_index", "a column name or its index from 0"),
        ({"excluded_columns": "id"}, "excluded_columns", "a list of column names or indexes"),
        ({"excluded_columns": [-2]}, "excluded_columns[0]", "a list of column names or indexes"),
        ({"predicted_label": -1}, "predicted_label", "a column name or its index from 0"),
        ({"probability_threshold": "half"}, "probability_threshold", "a number"),
        ({"methods": "all"}, "methods", 'an object such as {"pre_training_bias"'),
        ({"methods": {"pre_training_bias": "all"}}, "methods.pre_training_bias", 'an object such as {"methods": '),
        (
            {"methods": {"pre_training_bias": {"methods": 5}}},
            "methods.pre_training_bias.methods",
            f"'all' or a list of {ALL_METRICS}",
        ),
        (
            {"methods": {"pre_training_bias": {"methods": ["CI", 5]}}},
            "methods.pre_training_bias.methods",
            f"'all' or a list of {ALL_METRICS}",
        ),
        (
            {"methods": {"pre_training_bias": {"methods": "ALL"}}},
            "methods.pre_training_bias.methods",
            f"neither 'all' nor a list of {ALL_METRICS}",
        ),
        (
            {"methods": {"pre_training_bias": {"methods": []}}},
            "methods.pre_training_bias.methods",
            f"give 'all' or some of {ALL_METRICS}",
        ),
        (
            {"methods": {"pre_training_bias": {"methods": ["CI", "DI"]}}},
            "methods.pre_training_bias.methods",
            f"there is no metric 'DI'; there are {ALL_METRICS}",
        ),
        ({"methods": {"report": {"name": 1}}}, "methods.report.name", "a text"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else value,
)
def test_a_wrong_value_is_refused_with_its_key_and_what_is_allowed(
    wrong: dict[str, Any], key: str, allowed: str
) -> None:
    text = one_line_error(LEAST | wrong)
    assert text.startswith(f"{key}: ")
    assert allowed in text


@pytest.mark.parametrize("key", ["dataset_type", "methods"])
def test_a_required_key_that_is_missing_is_named(key: str) -> None:
    text = one_line_error({name: value for name, value in LEAST.items() if name != key})
    assert text.startswith(f"{key}: required, and missing; give ")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (LEAST | {"lable": "y"}, "lable: Clarify knows no such key; did you mean 'label'?"),
        (
            LEAST | {"facet": [{"name_or_index": "a", "values_or_threshold": [1]}]},
            "facet[0].values_or_threshold: Clarify knows no such key; did you mean 'value_or_threshold'?",
        ),
        (
            LEAST | {"methods": {"pretraining_bias": {}}},
            "methods.pretraining_bias: Clarify knows no such key; did you mean 'pre_training_bias'?",
        ),
        (LEAST | {"zzz": 1}, "zzz: Clarify knows no such key"),
        (LEAST | {"two\nlines": 1}, "'two\\nlines': Clarify knows no such key"),
    ],
)
def test_a_misspelt_key_is_refused_and_the_right_one_suggested(document: dict[str, Any], text: str) -> None:
    assert one_line_error(document) == text


@pytest.mark.parametrize("document", [[], "text", 3, None, [{"dataset_type": "text/csv"}]])
def test_a_document_that_is_not_an_object_is_refused(document: object) -> None:
    assert one_line_error(document).startswith("the configuration is a JSON object with dataset_type and methods, not ")


def test_a_long_invalid_value_is_truncated_in_the_error() -> None:
    assert len(one_line_error(LEAST | {"label": ["x" * 10_000]})) < 200


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "job.json: not JSON (Expecting value at line 1)"),
        ('{"dataset_type": "text/csv",\n "methods": ', "job.json: not JSON (Expecting value at line 2)"),
        ("{'dataset_type': 1}", "job.json: not JSON (Expecting property name enclosed in double quotes at line 1)"),
        ('{"methods": {}}', "job.json: dataset_type: required, and missing; give one of "),
    ],
)
def test_an_error_in_a_file_names_the_file(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as raised:
        AnalysisConfig.parse(text, source="job.json")
    assert str(raised.value).startswith(error)


@pytest.mark.parametrize(
    ("missing", "ask", "text"),
    [
        ("label", "label", "label: name the label column"),
        ("label_values_or_threshold", "label_values", "label_values_or_threshold: name the positive label values"),
        ("facet", "facets", "facet: name at least one facet"),
    ],
)
def test_missing_keys_of_pre_training_bias_are_errors_when_accessed(missing: str, ask: str, text: str) -> None:
    config = AnalysisConfig({key: value for key, value in ENOUGH.items() if key != missing})
    with pytest.raises(ConfigError, match=f"^{text}"):
        getattr(config, ask)


def test_a_file_without_bias_metrics_is_an_error_when_methods_are_accessed() -> None:
    config = AnalysisConfig(ENOUGH | {"methods": {"shap": {}}})
    with pytest.raises(ConfigError, match=r"^methods: pre_training_bias or post_training_bias is missing"):
        config.methods  # noqa: B018


def test_a_file_with_one_stage_has_no_metrics_of_the_other() -> None:
    post_training = AnalysisConfig(ENOUGH | {"methods": {"post_training_bias": {"methods": ["RD", "DI"]}}})
    assert (post_training.methods, post_training.post_training_methods) == ((), ("DI", "RD"))
    assert AnalysisConfig(ENOUGH).post_training_methods == ()


# --- The fingerprint --------------------------------------------------------------------------------------------------


def test_the_fingerprint_ignores_only_the_order_of_keys() -> None:
    config = AnalysisConfig(EVERYTHING)
    assert len(config.sha256) == 64
    assert AnalysisConfig(dict(reversed(EVERYTHING.items()))).sha256 == config.sha256
    others = [
        AnalysisConfig(EVERYTHING | {"label": 1}),
        AnalysisConfig(EVERYTHING | {"label_values_or_threshold": ["yes", 1, 2.5, True]}),
        AnalysisConfig(EVERYTHING, label_type="categorical"),
        AnalysisConfig(EVERYTHING, facet_type="categorical"),
        AnalysisConfig(EVERYTHING, facet_type={"gender": "categorical"}),
    ]
    assert len({config.sha256, *(other.sha256 for other in others)}) == 6


# --- DataConfig -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "dataset_type"),
    [
        ("reviews.csv", "text/csv"),
        ("s3://bucket/reviews.CSV", "text/csv"),
        ("reviews.csv.gz", "text/csv"),
        ("reviews.tsv", "text/csv"),
        ("reviews.jsonl", "application/jsonlines"),
        ("reviews.ndjson.gz", "application/jsonlines"),
        ("year=*/part-*.parquet", "application/x-parquet"),
        ("s3://bucket/reviews.pq", "application/x-parquet"),
        ("s3://bucket/folder/", "text/csv"),
        ("no-suffix", "text/csv"),
    ],
)
def test_the_dataset_type_is_inferred_from_the_file_name(path: str, dataset_type: str) -> None:
    assert DataConfig(path).resolve_dataset_type() == dataset_type


def test_a_configured_dataset_type_overrides_the_file_name() -> None:
    assert DataConfig("reviews.csv", dataset_type="application/x-parquet").get_config() == {
        "dataset_type": "application/x-parquet"
    }


def test_a_mapping_of_fields_is_accepted() -> None:
    fields = {"input_path": "data.csv", "label": "y", "headers": ["y", "g"]}
    assert DataConfig.coerce(fields) == DataConfig("data.csv", label="y", headers=["y", "g"])
    wanted = {"label_values_or_threshold": [1], "facet_name": "g"}
    assert BiasConfig.coerce(wanted) == BiasConfig([1], "g")


def test_coerce_returns_the_object_itself() -> None:
    data, bias = DataConfig("data.csv"), BiasConfig([1], "g")
    assert DataConfig.coerce(data) is data
    assert BiasConfig.coerce(bias) is bias


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "input_path: missing; give it, or table or query with an engine that has them"),
        (
            {"path": "x"},
            "DataConfig: no field 'path'; the fields are input_path, output_path, label, headers, dataset_type, "
            "excluded_columns, joinsource, features, header_row, weight, na_values, csv_options, conn_id, "
            "analysis_config_output_path, table, query, where, predicted_label, predicted_label_dataset_uri, "
            "predicted_label_headers, facet_dataset_uri, facet_headers",
        ),
        ({"table": "t", "query": "SELECT 1"}, "table and query: the data can only be one of them; leave one out"),
        ({"table": "t", "where": {}}, "where: it is empty, which would take all rows; leave it out to mean that"),
        ("data.csv", "expected a DataConfig or a mapping of its fields, got str"),
        (None, "expected a DataConfig or a mapping of its fields, got NoneType"),
        (
            {"input_path": "x", "dataset_type": "csv"},
            "dataset_type: 'csv' is not one of text/csv, application/jsonlines, application/json, "
            "application/x-parquet",
        ),
        ({"input_path": "x", "headers": ["a", "a"]}, "headers: 'a' occurs twice; column names must differ"),
        ({"input_path": "x", "headers": "a,b"}, "headers: give a list, such as ['a,b']"),
        ({"input_path": "x", "excluded_columns": "id"}, "excluded_columns: give a list, such as ['id']"),
        ({"input_path": "x", "na_values": "NA"}, "na_values: give a list, such as ['NA']"),
    ],
)
def test_a_wrong_data_config_is_refused_at_once(given: Any, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        DataConfig.coerce(given)
    assert str(raised.value) == text


def test_the_missing_values_are_those_that_pandas_reads_as_missing() -> None:
    assert set(PANDAS_NA_VALUES) == STR_NA_VALUES


# --- BiasConfig -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "values", "facets"),
    [
        ("gender", None, [{"name_or_index": "gender"}]),
        (3, None, [{"name_or_index": 3}]),
        ("gender", ["F"], [{"name_or_index": "gender", "value_or_threshold": ["F"]}]),
        ("gender", ("F", "X"), [{"name_or_index": "gender", "value_or_threshold": ["F", "X"]}]),
        ("age", [40], [{"name_or_index": "age", "value_or_threshold": [40]}]),
        (["gender", 2], None, [{"name_or_index": "gender"}, {"name_or_index": 2}]),
        (
            ["gender", "age", "region"],
            [["F"], [40], None],
            [
                {"name_or_index": "gender", "value_or_threshold": ["F"]},
                {"name_or_index": "age", "value_or_threshold": [40]},
                {"name_or_index": "region"},
            ],
        ),
        (["gender"], [["F"]], [{"name_or_index": "gender", "value_or_threshold": ["F"]}]),
    ],
)
def test_facets_are_written_as_clarify_writes_them(names: Any, values: Any, facets: list[dict[str, Any]]) -> None:
    assert BiasConfig([1], names, values).get_config()["facet"] == facets


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"label_values_or_threshold": 1, "facet_name": "g"},
            "label_values_or_threshold: give a list, such as [1]",
        ),
        (
            {"label_values_or_threshold": None, "facet_name": "g"},
            "label_values_or_threshold: None names no value; give a list of values or one threshold, such as [1]",
        ),
        (
            {"label_values_or_threshold": "1", "facet_name": "g"},
            "label_values_or_threshold: give a list, such as ['1']",
        ),
        (
            {"label_values_or_threshold": {1}, "facet_name": "g"},
            "label_values_or_threshold: give a list of values or one threshold, such as [1], not {1}",
        ),
        (
            {"label_values_or_threshold": [], "facet_name": "g"},
            "label_values_or_threshold: the list is empty; give at least one value or a threshold",
        ),
        (
            {"label_values_or_threshold": [None], "facet_name": "g"},
            "label_values_or_threshold: None is neither a text nor a number",
        ),
        (
            {"label_values_or_threshold": [float("nan")], "facet_name": "g"},
            "label_values_or_threshold: NaN can never match; missing values count as not positive and as the rest",
        ),
        ({"label_values_or_threshold": [1], "facet_name": []}, "facet_name: name at least one facet column"),
        (
            {"label_values_or_threshold": [1], "facet_name": "g", "facet_values_or_threshold": "F"},
            "facet_values_or_threshold: give a list, such as ['F']",
        ),
        (
            {"label_values_or_threshold": [1], "facet_name": ["g", "h"], "facet_values_or_threshold": ["F", "M"]},
            "facet_values_or_threshold: give a list, such as ['F']",
        ),
        (
            {"label_values_or_threshold": [1], "facet_name": ["g", "h"], "facet_values_or_threshold": [["F"]]},
            "facet_values_or_threshold: 2 facets need a list of 2 lists (or None for a facet whose values are all to "
            "be tested), not 1",
        ),
        (
            {"label_values_or_threshold": [1], "facet_name": "g", "label_type": "nominal"},
            "label_type and facet_type are 'categorical' or 'continuous', not 'nominal'",
        ),
        (
            {"label_values_or_threshold": [1], "facet_name": "g", "facet_type": {"g": "text"}},
            "label_type and facet_type are 'categorical' or 'continuous', not 'text'",
        ),
        (
            {"label_values_or_threshold": [1], "facet_name": ["g", 2], "facet_type": {"h": "continuous"}},
            "facet_type: 'h' is not a facet; facet_name has 'g', 2",
        ),
        (
            {"label_values_or_threshold": [1]},
            "BiasConfig: missing 1 required positional argument: 'facet_name'",
        ),
        (
            {"label_values_or_threshold": [1], "facet": "g"},
            "BiasConfig: no field 'facet'; the fields are label_values_or_threshold, facet_name, "
            "facet_values_or_threshold, group_name, label_type, facet_type",
        ),
        ([1], "expected a BiasConfig or a mapping of its fields, got list"),
    ],
)
def test_a_wrong_bias_config_is_refused_at_once(given: Any, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        BiasConfig.coerce(given)
    assert str(raised.value) == text


def test_facet_type_is_one_type_or_one_per_facet() -> None:
    data = DataConfig("data.csv", label="y")
    for_all = AnalysisConfig.build(data, BiasConfig([1], ["g", 2], facet_type="categorical"))
    assert [facet.declared for facet in for_all.facets] == ["categorical", "categorical"]
    for_each = AnalysisConfig.build(data, BiasConfig([1], ["g", 2], facet_type={"2": "continuous"}))
    assert [facet.declared for facet in for_each.facets] == [None, "continuous"]


# --- Templates --------------------------------------------------------------------------------------------------------


class Reference:
    """A reference to the output of a task, like Airflow's XComArg."""

    def resolve(self, context: object) -> object:
        raise AssertionError("nothing may look inside before the task runs")

    def iter_references(self) -> list[object]:
        return []


def test_templates_and_references_are_not_checked_before_rendering() -> None:
    DataConfig("{{ params.path }}", dataset_type="{{ params.type }}", headers="{{ params.headers }}")
    DataConfig("data.csv", headers=["{{ params.a }}", "{{ params.a }}"])
    DataConfig("data.csv", headers=Reference())  # type: ignore[arg-type]
    BiasConfig("{{ params.positive }}", "{{ params.facet }}", "{{ params.values }}")
    BiasConfig(Reference(), Reference(), Reference())  # type: ignore[arg-type]
    BiasConfig([1], ["gender", "age"], "{{ params.values }}")
    BiasConfig([1], "{{ params.facets }}", [["F"], [40]])
    BiasConfig(["{{ params.positive }}"], ["{% if x %}a{% endif %}", "b"], Reference())  # type: ignore[arg-type]


def test_rendered_values_are_checked_when_the_configuration_is_built() -> None:
    data, bias = DataConfig("data.csv", headers="{{ params.headers }}"), BiasConfig("{{ params.positive }}", "g")
    data.headers, bias.label_values_or_threshold = "[1]", "[1]"
    with pytest.raises(ConfigError, match=r"^headers: its template gives the text '\[1\]'"):
        data.get_config()
    with pytest.raises(ConfigError, match=r"^label_values_or_threshold: its template gives the text"):
        bias.get_config()


def test_an_invalid_rendered_dataset_type_is_refused() -> None:
    data = DataConfig("data.csv", dataset_type="{{ params.type }}")
    data.dataset_type = "excel"
    with pytest.raises(ConfigError, match=r"^dataset_type: 'excel' is not one of text/csv"):
        data.get_config()


@pytest.mark.parametrize("config", [DataConfig, BiasConfig])
def test_every_template_field_is_a_field(config: type) -> None:
    assert set(config.template_fields) <= set(config.__dataclass_fields__)


# --- Columns by name and by index -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "name"), [("gender", "gender"), (0, "approved"), (2, "Age "), ("1", "1"), ("", "")]
)
def test_a_column_is_found_by_name_or_by_index(reference: str | int, name: str) -> None:
    assert resolve_column(reference, ["approved", "gender", "Age ", "1", ""], "label") == name


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (3, "label: index 3 is outside the 3 columns (0 to 2)"),
        (-1, "label: index -1 is outside the 3 columns (0 to 2)"),
        ("sex", "label: the data have no column 'sex' (columns: 'approved', 'gender', 'Age ')"),
        ("age", "label: the data have no column 'age'; did you mean 'Age '? (columns: 'approved', 'gender', 'Age ')"),
    ],
)
def test_a_column_that_does_not_exist_is_an_error(reference: str | int, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        resolve_column(reference, ["approved", "gender", "Age "], "label")
    assert str(raised.value) == text


def test_of_many_columns_only_the_first_are_listed() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve_column("x", [f"c{index}" for index in range(1000)], "facet")
    assert str(raised.value).endswith("'c19', ...)")
    with pytest.raises(ConfigError) as raised:
        resolve_column("x", [f"c{index}" for index in range(20)], "facet")
    assert str(raised.value).endswith("'c19')")


def test_a_duplicate_column_name_is_refused_with_the_indexes() -> None:
    with pytest.raises(ConfigError, match=r"^label: 2 columns are named 'a'; name one by its index: \[0, 2\]$"):
        resolve_column("a", ["a", "b", "a"], "label")
    assert resolve_column(2, ["a", "b", "a"], "label") == "a"


# --- The SageMaker SDK's names ----------------------------------------------------------------------------------------


def test_the_names_of_the_sdk_are_accepted() -> None:
    given = {
        "s3_data_input_path": "s3://b/d.csv",
        "s3_output_path": "s3://b/out",
        "s3_analysis_config_output_path": "s3://b/config",
        "dataset_type": "text/csv",
        "headers": ["id", "f", "y"],
        "label": "y",
        "joinsource_name_or_index": "id",
    }
    data = DataConfig.coerce(given)
    assert (data.input_path, data.output_path, data.joinsource) == ("s3://b/d.csv", "s3://b/out", "id")
    assert data.analysis_config_output_path == "s3://b/config"


@pytest.mark.parametrize(
    "bias",
    [
        BiasConfig([1], "f"),
        BiasConfig([1, 2], "f", ["a"], "g"),
        BiasConfig(["x"], ["f", "h"]),
        BiasConfig(["x"], ["f", 3], [["a"], None]),
    ],
)
def test_what_get_config_gives_is_accepted_again(bias: BiasConfig) -> None:
    assert BiasConfig.coerce(bias.get_config()).get_config() == bias.get_config()


def test_an_invalid_facet_list_is_refused() -> None:
    with pytest.raises(ConfigError, match="BiasConfig: no field 'facet'"):
        BiasConfig.coerce({"label_values_or_threshold": [1], "facet": "f"})


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("[" * 100_000, "job.json: nested too deeply; an analysis_config.json has a few levels only"),
        (
            '{"a":' * 3_000 + "1" + "}" * 3_000,
            "job.json: nested too deeply; an analysis_config.json has a few levels only",
        ),
        ('{"label": "a", "label": "b"}', "job.json: label: the key occurs twice; leave one out"),
    ],
)
def test_a_file_that_is_nested_too_deeply_or_repeats_a_key(text: str, refusal: str) -> None:
    with pytest.raises(ConfigError) as raised:
        AnalysisConfig.parse(text, "job.json")
    assert str(raised.value) == refusal


def test_a_label_of_null_is_a_missing_label() -> None:
    config = AnalysisConfig(ENOUGH | {"label": None})
    with pytest.raises(ConfigError, match=r"^label: name the label column"):
        _ = config.label


@pytest.mark.parametrize(
    ("facet_name", "methods", "refusal"),
    [
        (["g", "g"], "all", "facet_name: 'g' occurs twice; put all its values in one entry"),
        (
            [["g"]],
            "all",
            "facet_name: ('g',) has 1 columns; a crossed facet has two or more",
        ),
        ("g", ["SPD"], f"methods: there is no metric 'SPD'; there are {ALL_METRICS}"),
        ("g", "CI", f"methods: 'CI' is neither 'all' nor a list of {ALL_METRICS}"),
    ],
)
def test_errors_use_the_authors_names_of_keys(facet_name: Any, methods: Any, refusal: str) -> None:
    with pytest.raises(ConfigError) as raised:
        AnalysisConfig.build(DataConfig("data.csv", label="y"), BiasConfig([1], facet_name), methods)
    assert str(raised.value) == refusal


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("label_values_or_threshold", "[1, 2]"),
        ("facet_values_or_threshold", "['F']"),
        ("facet_name", "['gender', 'race']"),
    ],
)
def test_a_template_that_gives_a_text_for_a_list_gets_advice_that_works(name: str, rendered: str) -> None:
    bias = BiasConfig(**({"label_values_or_threshold": [1], "facet_name": "g"} | {name: "{{ params.values }}"}))  # type: ignore[arg-type]
    setattr(bias, name, rendered)
    with pytest.raises(ConfigError) as raised:
        bias.get_config()
    assert str(raised.value) == (
        f"{name}: its template gives the text {rendered!r}; write a template for each entry, as in "
        "['{{ params.value }}'], or set render_template_as_native_obj=True on the DAG"
    )


@pytest.mark.parametrize(("name", "rendered"), [("headers", "['a']"), ("csv_options", "{'delim': ';'}")])
def test_templates_of_a_data_config_that_give_texts_get_the_same_advice(name: str, rendered: str) -> None:
    data = DataConfig(**({"input_path": "data.csv"} | {name: "{{ params.values }}"}))  # type: ignore[arg-type]
    setattr(data, name, rendered)
    with pytest.raises(ConfigError, match=f"{name}: its template gives the text"):
        data.get_config()
