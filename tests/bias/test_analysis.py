"""Analysis: metrics from counts, warnings, and serialization to Clarify's file, the summary and XCom."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pandas
import pytest
from analysis_factories import (
    Counts,
    Row,
    count_rows,
    errors_by_group,
    make_analysis,
    make_config,
    make_facet,
    metrics_by_group,
)
from expected_lab import COUNTS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, Split, WeightedCount
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.serialization import XCOM_FORMAT
from airflow_clarify.bias.thresholds import Thresholds
from airflow_clarify.exceptions import DataError

LARGEST_XCOM = 65_535

#: Clarify's file of a small analysis.
WRITTEN = make_analysis({"F": (1, 3), "M": (6, 2)}).to_clarify_json()


def pass_through_xcom(analysis: Analysis) -> Analysis:
    """Serialize an analysis for XCom and deserialize it, through strict JSON as in the metadata database."""
    return Analysis.from_xcom(json.loads(json.dumps(analysis.to_xcom(), allow_nan=False)))


# --- Clarify's file ---------------------------------------------------------------------------------------------------


def test_the_file_is_byte_for_byte_what_clarify_writes() -> None:
    # 4 women, one of them approved; 8 others, six of them approved.
    analysis = make_analysis({"F": (1, 3), "M": (6, 2)}, ["TVD", "CI", "DPL"])
    assert (
        analysis.to_clarify_json()
        == """\
{
    "version": "1.0",
    "pre_training_bias_metrics": {
        "label": "approved",
        "facets": {
            "gender": [
                {
                    "value_or_threshold": "F",
                    "metrics": [
                        {
                            "name": "CI",
                            "description": "Class Imbalance (CI)",
                            "value": 0.3333333333333333
                        },
                        {
                            "name": "DPL",
                            "description": "Difference in Positive Proportions in Labels (DPL)",
                            "value": 0.5
                        },
                        {
                            "name": "TVD",
                            "description": "Total Variation Distance (TVD)",
                            "value": 0.5
                        }
                    ]
                },
                {
                    "value_or_threshold": "M",
                    "metrics": [
                        {
                            "name": "CI",
                            "description": "Class Imbalance (CI)",
                            "value": -0.3333333333333333
                        },
                        {
                            "name": "DPL",
                            "description": "Difference in Positive Proportions in Labels (DPL)",
                            "value": -0.5
                        },
                        {
                            "name": "TVD",
                            "description": "Total Variation Distance (TVD)",
                            "value": 0.5
                        }
                    ]
                }
            ]
        },
        "label_value_or_threshold": "yes"
    }
}"""
    )


def test_an_undefined_metric_has_a_null_value_followed_by_an_error() -> None:
    document = json.loads(make_analysis({"F": (1, 3)}, ["CI"]).to_clarify_json())
    (metric,) = document["pre_training_bias_metrics"]["facets"]["gender"][0]["metrics"]
    assert list(metric.items()) == [
        ("name", "CI"),
        ("description", "Class Imbalance (CI)"),
        ("value", None),
        ("error", "CI: negated facet set is empty. Check that x[~facet] has non-zero length."),
    ]


def test_all_metrics_without_a_group_variable_still_list_cddl() -> None:
    document = json.loads(make_analysis({"F": (1, 3), "M": (6, 2)}, "all").to_clarify_json())
    metrics = document["pre_training_bias_metrics"]["facets"]["gender"][0]["metrics"]
    assert [metric["name"] for metric in metrics] == list(METRICS)
    assert metrics[0] == {
        "name": "CDDL",
        "description": "Conditional Demographic Disparity in Labels (CDDL)",
        "value": None,
        "error": "Group variable is empty or not provided",
    }
    assert not any("error" in metric for metric in metrics[1:])


def make_analysis_of_one_metric(value: float | None, error: str | None = None, name: str = "KL") -> Analysis:
    result = FacetResult("F", (MetricResult(name, value, error),))
    return Analysis("approved", "yes", (FacetAnalysis("gender", (result,)),), (name,))


@pytest.mark.parametrize(("value", "text"), [(math.inf, '"Infinity"'), (-math.inf, '"-Infinity"')])
def test_an_infinite_value_is_a_text(value: float, text: str) -> None:
    written = make_analysis_of_one_metric(value).to_clarify_json()
    assert f'"value": {text}\n' in written
    assert Analysis.from_clarify_json(written) == make_analysis_of_one_metric(value)


def test_facets_are_in_configuration_order_and_values_in_data_order() -> None:
    facets = [make_facet({"b": (1, 1), "a": (2, 1)}, facet="z"), make_facet({"y": (3, 2)}, facet="k")]
    contingency = Contingency("approved", "yes", facets)
    analysis = Analysis.from_contingency(contingency, make_config(["CI"], facets=["z", "k"]))
    section = json.loads(analysis.to_clarify_json())["pre_training_bias_metrics"]
    order = {
        column: [entry["value_or_threshold"] for entry in entries] for column, entries in section["facets"].items()
    }
    assert list(order.items()) == [("z", ["b", "a"]), ("k", ["y"])]


def test_names_of_any_kind_survive_the_file() -> None:
    odd = 'a "quoted", <b>bold</b>\n\tü \\ ; DROP TABLE x; --'
    analysis = make_analysis({odd: (1, 3), "": (6, 2)}, ["CI"], facet=odd)
    again = Analysis.from_clarify_json(analysis.to_clarify_json())
    assert metrics_by_group(again, odd) == metrics_by_group(analysis, odd)
    assert analysis.to_clarify_json().isascii()


@given(
    st.dictionaries(
        st.text(max_size=8), st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6
    ).filter(lambda counts: any(map(sum, counts.values())))
)
def test_the_file_is_read_as_it_was_written(counts: Counts) -> None:
    analysis = make_analysis(counts)
    again = Analysis.from_clarify_json(analysis.to_clarify_json())
    assert metrics_by_group(again) == metrics_by_group(analysis)
    assert errors_by_group(again) == errors_by_group(analysis)
    assert again.to_clarify_json() == analysis.to_clarify_json()
    assert again.methods == analysis.methods
    assert again.rows is None


def test_both_sections_of_a_file_are_read() -> None:
    # The shape of a real job's file: sections of a trained model first, "Infinity" among their values.
    pre_training = make_analysis({"F": (1, 3), "M": (6, 2)})
    section = json.loads(pre_training.to_clarify_json())["pre_training_bias_metrics"]
    metric = {"name": "DI", "description": "Disparate Impact (DI)", "value": "Infinity"}
    model = section | {
        "facets": {"gender": [{"value_or_threshold": value, "metrics": [metric]} for value in ("F", "M")]}
    }
    sections = {"post_training_bias_metrics": model, "pre_training_bias_metrics": section}

    read = Analysis.from_clarify_json(json.dumps({"version": "1.0", "explanations": {}} | sections, indent=4))

    assert read.methods == (*pre_training.methods, "DI")
    assert read.stages == ("pre_training", "post_training")
    assert metrics_by_group(read) == {
        group: metrics | {"DI": math.inf} for group, metrics in metrics_by_group(pre_training).items()
    }
    assert read.to_clarify_json() == json.dumps({"version": "1.0"} | sections, indent=4)


@pytest.mark.parametrize("change", [{"label": "value"}, {"facets": {"city": []}}, {"label_value_or_threshold": "2"}])
def test_sections_that_do_not_match_are_refused(change: dict[str, Any]) -> None:
    sections = {"pre_training_bias_metrics": SECTION, "post_training_bias_metrics": SECTION | change}
    with pytest.raises(DataError, match=r"^analysis\.json: not an analysis\.json with bias metrics \(ValueError: "):
        Analysis.from_clarify_json(json.dumps(sections))


@pytest.mark.parametrize("value", ["NaN", '"nan"', "null"])
def test_nan_and_null_are_read_as_undefined(value: str) -> None:
    text = make_analysis_of_one_metric(0.125).to_clarify_json().replace("0.125", value)
    (metric,) = Analysis.from_clarify_json(text).facets[0].results[0].metrics
    assert metric == MetricResult("KL", None, "no value")
    assert not metric.usable


@pytest.mark.parametrize(
    ("value", "error", "usable"),
    [
        (0.1, None, True),
        (0.0, None, True),
        (math.inf, None, False),
        (-math.inf, None, False),
        (None, "why", False),
        (0.1, "a value beside an error is not to be trusted", False),
    ],
)
def test_only_a_finite_value_without_an_error_is_usable(value: float | None, error: str | None, usable: bool) -> None:
    assert MetricResult("KL", value, error).usable is usable


@pytest.mark.parametrize("end", range(0, len(WRITTEN) - 1, 97))
def test_a_truncated_file_is_refused(end: int) -> None:
    with pytest.raises(DataError, match=r"^job/analysis\.json: not JSON \(.+ at line \d+\); was it cut off\?$"):
        Analysis.from_clarify_json(WRITTEN[:end], source="job/analysis.json")


SECTION = json.loads(WRITTEN)["pre_training_bias_metrics"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"version": "1.0"},
        {"post_training_bias_metrics": None},
        {"pre_training_bias_metrics": None},
        {"pre_training_bias_metrics": []},
        {"pre_training_bias_metrics": {key: value for key, value in SECTION.items() if key != "label"}},
        {"pre_training_bias_metrics": {key: value for key, value in SECTION.items() if key != "facets"}},
        {"pre_training_bias_metrics": SECTION | {"facets": []}},
        {"pre_training_bias_metrics": SECTION | {"facets": {}}},
        {"pre_training_bias_metrics": SECTION | {"facets": {"gender": []}}},
        {"pre_training_bias_metrics": SECTION | {"facets": SECTION["facets"] | {"empty": []}}},
        {"pre_training_bias_metrics": SECTION | {"facets": {"gender": {"F": 0.1}}}},
        {"pre_training_bias_metrics": SECTION | {"facets": {"gender": [{"value_or_threshold": "F"}]}}},
        {"pre_training_bias_metrics": SECTION | {"facets": {"gender": [{"value_or_threshold": "F", "metrics": [{}]}]}}},
        {
            "pre_training_bias_metrics": SECTION
            | {"facets": {"gender": [{"value_or_threshold": "F", "metrics": [{"name": "CI", "value": "much"}]}]}}
        },
        {
            "pre_training_bias_metrics": SECTION
            | {"facets": {"gender": [{"value_or_threshold": "F", "metrics": [{"name": "CI", "value": 10**400}]}]}}
        },
    ],
    ids=lambda document: json.dumps(document)[:60],
)
def test_json_with_another_schema_is_refused_in_one_line(document: object) -> None:
    with pytest.raises(DataError) as raised:
        Analysis.from_clarify_json(json.dumps(document))
    text = str(raised.value)
    assert text.startswith("analysis.json: not an analysis.json with bias metrics (")
    assert "\n" not in text


def test_deeply_nested_json_is_refused() -> None:
    with pytest.raises(DataError, match=r"^analysis\.json: not an analysis\.json"):
        Analysis.from_clarify_json("[" * 100_000)


# --- From counts ------------------------------------------------------------------------------------------------------


def test_an_analysis_records_label_methods_engine_and_configuration() -> None:
    contingency = replace(count_rows([("F", "yes", None, 1.0), ("M", None, None, 1.0)]), warnings=("a row was odd",))
    config = make_config(["CI"])
    analysis = Analysis.from_contingency(contingency, config)
    assert (analysis.engine, analysis.config_sha256, analysis.rows) == ("a loop", config.sha256, 2)
    assert analysis.warnings == ("a row was odd",)
    assert analysis.facets[0].labels == {"yes": WeightedCount.from_rows(1), None: WeightedCount.from_rows(1)}
    assert (analysis.facets[0].positive, analysis.facets[0].negative) == (
        WeightedCount.from_rows(1),
        WeightedCount.from_rows(1),
    )


def test_results_are_found_by_name() -> None:
    analysis = make_analysis({"F": (1, 3), "M": (6, 2)}, ["CI"])
    facet = analysis.facet("gender")
    assert facet is not None
    result = facet.result("F")
    assert result is not None
    assert result.metric("CI") == MetricResult("CI", 1 / 3)
    assert result.split == Split(*(WeightedCount.from_rows(rows) for rows in (1, 3, 6, 2)))
    assert (analysis.facet("age"), facet.result("X"), result.metric("DPL")) == (None, None, None)
    assert [(of.column, found.value) for of, found in analysis.results()] == [("gender", "F"), ("gender", "M")]


def test_data_without_rows_are_refused() -> None:
    with pytest.raises(DataError, match=r"^the data hold no rows, so there is nothing to measure; check the input"):
        Analysis.from_contingency(count_rows([]), make_config())


@pytest.mark.parametrize("section", [{}, {"methods": "all"}])
def test_a_configuration_without_metrics_computes_all(section: dict[str, Any]) -> None:
    document = make_config().document | {"methods": {"pre_training_bias": section}}
    analysis = Analysis.from_contingency(count_rows([("F", "yes", None, 1.0)]), AnalysisConfig(document))
    assert analysis.methods == tuple(METRICS)


def test_the_missing_facet_value_is_listed_as_nan_and_has_no_metric() -> None:
    rows: list[Row] = [("F", "yes", "x", 1.0), (None, "no", "x", 1.0), ("M", "no", "x", 1.0)]
    analysis = Analysis.from_contingency(count_rows(rows, grouped=True), make_config(group="region"))
    assert list(metrics_by_group(analysis)) == ["F", "nan", "M"]
    # As smclarify 0.5: no row equals the missing value, so there is no facet; CDDL of no facet is 0.
    assert metrics_by_group(analysis)["nan"] == {"CDDL": 0.0} | dict.fromkeys(
        ("CI", "DPL", "JS", "KL", "KS", "LP", "TVD")
    )
    assert errors_by_group(analysis)["nan"]["DPL"] == "Facet set is empty."


def test_a_group_of_all_values_has_an_empty_rest() -> None:
    rows: list[Row] = [("F", "yes", "x", 1.0), ("F", "no", "x", 1.0), ("M", "yes", "x", 1.0), ("M", "no", "x", 1.0)]
    contingency = count_rows(rows, sensitive=["F", "M"], grouped=True)
    analysis = Analysis.from_contingency(contingency, make_config(values=["F", "M"], group="region"))
    assert metrics_by_group(analysis)["F,M"]["CDDL"] == 0.0
    assert errors_by_group(analysis)["F,M"] == {
        "CI": "CI: negated facet set is empty. Check that x[~facet] has non-zero length.",
        "DPL": "Negative facet set is empty.",
    } | dict.fromkeys(("JS", "KL", "KS", "LP", "TVD"), "No instance of common facet found, dataset may be too small")


# --- Warnings ---------------------------------------------------------------------------------------------------------


def make_warnings(counts: Counts, methods: str | list[str] = "all") -> tuple[str, ...]:
    return make_analysis(counts, methods).warnings


def test_cddl_without_a_group_variable_gives_no_warning_if_all_metrics_are_requested() -> None:
    assert make_warnings({"F": (1, 3), "M": (6, 2)}) == ()


def test_a_dropped_outcome_gives_a_warning() -> None:
    assert make_warnings({"F": (5, 0), "M": (3, 1), "X": (2, 2)}) == (
        "facet 'gender': an outcome occurs on one side only for F, and Clarify leaves it out of KL, JS, LP and TVD, so "
        "these do not show the whole difference; read DPL",
    )


@pytest.mark.parametrize("methods", [["CI"], ["DPL"], ["KS"], ["CI", "DPL", "KS"]])
def test_a_dropped_outcome_gives_no_warning_without_an_affected_metric(methods: list[str]) -> None:
    assert make_warnings({"F": (5, 0), "M": (3, 1), "X": (2, 2)}, methods) == ()


def test_undefined_metrics_give_one_warning_per_reason() -> None:
    assert make_warnings({"F": (1, 3), None: (1, 1)}, ["CI", "KL", "TVD"]) == (
        "facet 'gender': not defined: CI of nan (CI: facet set is empty. Check that x[facet] has non-zero length.)",
        "facet 'gender': not defined: KL of nan, TVD of nan (No instance of common facet found, dataset may be too "
        "small)",
    )


def test_a_warning_of_many_values_names_the_first_five() -> None:
    counts = {f"v{index}": (1, 0) for index in range(9)} | {"X": (5, 5), "Y": (5, 5)}
    (warning,) = make_warnings(counts, ["TVD"])
    assert "for v0, v1, v2, v3, v4 and 4 more, and" in warning


def test_a_configured_group_variable_without_counts_gives_a_warning() -> None:
    contingency = count_rows([("F", "yes", None, 1.0), ("M", "no", None, 1.0)])
    analysis = Analysis.from_contingency(contingency, make_config(["CDDL"]))
    assert analysis.warnings == (
        "facet 'gender': not defined: CDDL of F, CDDL of M (Group variable is empty or not provided)",
    )


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (
            {"F": (0, 3), "M": (0, 2)},
            "no row of 5 counts as positive: label 'approved' was compared with yes and holds 'no', so DPL and the "
            "distances mean nothing; check label_values_or_threshold, or set label_type",
        ),
        (
            {"F": (3, 0), "M": (2, 0)},
            "every row of 5 counts as positive: label 'approved' was compared with yes and holds 'yes', so DPL and the "
            "distances mean nothing; check label_values_or_threshold, or set label_type",
        ),
    ],
)
def test_a_one_sided_label_gives_a_warning(counts: Counts, sentence: str) -> None:
    analysis = make_analysis(counts)
    assert {of_value["DPL"] for of_value in metrics_by_group(analysis).values()} == {0.0}
    assert analysis.one_sided_label == sentence
    assert analysis.warnings == (sentence,)
    assert pass_through_xcom(analysis).one_sided_label == sentence


def test_a_label_beyond_its_own_maximum_is_compared_with_an_empty_interval() -> None:
    contingency = replace(count_rows([("F", "1.0", None, 1.0), ("M", None, None, 1.0)]), label_text="")
    sentence = Analysis.from_contingency(contingency, make_config(["DPL"])).one_sided_label
    assert sentence is not None
    assert "was compared with an empty interval and holds '1.0', missing, so" in sentence


def test_positive_rows_with_weight_zero_count_as_no_positive_rows() -> None:
    rows: list[Row] = [("F", "yes", None, 0.0), ("M", "yes", None, 0.0), ("F", "no", None, 1.0), ("M", "no", None, 1.0)]
    analysis = Analysis.from_contingency(count_rows(rows, weighted=True), make_config(["DPL"]))
    assert {of_value["DPL"] for of_value in metrics_by_group(analysis).values()} == {0.0}
    assert analysis.one_sided_label is not None
    assert analysis.one_sided_label.startswith("no row of 4 counts as positive (weight 0 counts for nothing): label ")


def test_names_in_warnings_are_escaped_and_truncated() -> None:
    odd, long = "a\nb", "x" * 10_000
    for analysis in (
        make_analysis({odd: (5, 0), long: (4, 0), "M": (3, 1)}, facet=odd),
        make_analysis({odd: (1, 3), None: (1, 1)}, facet=long),
        make_analysis({long: (0, 3), odd: (0, 1)}, facet=odd),
    ):
        assert analysis.warnings
        for warning in analysis.warnings:
            assert "\n" not in warning
            assert len(warning) < 500


def test_a_one_sided_label_is_not_detected_without_counts() -> None:
    assert (
        Analysis.from_clarify_json(make_analysis({"F": (0, 3), "M": (0, 2)}).to_clarify_json()).one_sided_label is None
    )


# --- The summary ------------------------------------------------------------------------------------------------------


def test_the_summary_has_counts_warnings_and_fingerprints() -> None:
    analysis = replace(make_analysis({"F": (1, 3), "M": (6, 2)}, ["CI"]), outputs={"report": "s3://bucket/report.html"})
    assert analysis.to_summary() == {
        "format": "airflow_clarify.summary/1",
        "rows": 12,
        "weighted": False,
        "label": "approved",
        "label_value_or_threshold": "yes",
        "facets": {
            "gender": {
                "labels": [{"label": "yes", "rows": 7}, {"label": "no", "rows": 5}],
                "values": [
                    {
                        "value_or_threshold": "F",
                        "positive": {"rows": 1},
                        "negative": {"rows": 3},
                        "rest_positive": {"rows": 6},
                        "rest_negative": {"rows": 2},
                        "metrics": {"DIL": (1 / 4) / (6 / 8)},
                    },
                    {
                        "value_or_threshold": "M",
                        "positive": {"rows": 6},
                        "negative": {"rows": 2},
                        "rest_positive": {"rows": 1},
                        "rest_negative": {"rows": 3},
                        "metrics": {"DIL": 3.0},
                    },
                ],
            }
        },
        "warnings": [],
        "engine": "a dictionary",
        "config_sha256": make_config(["CI"]).sha256,
        "declared_types": {},
        "outputs": {"report": "s3://bucket/report.html"},
        "data": {},
    }


def test_the_summary_of_weighted_data_holds_rows_weights_and_their_squares() -> None:
    rows: list[Row] = [("F", "yes", None, 2.5), ("F", None, None, 0.5), ("M", "no", None, 1.0)]
    analysis = Analysis.from_contingency(count_rows(rows, weighted=True), make_config(["CI"]))
    facet = json.loads(json.dumps(analysis.to_summary(), allow_nan=False))["facets"]["gender"]
    assert facet["labels"] == [
        {"label": "yes", "rows": 1, "weight": 2.5, "squares": 6.25},
        {"label": None, "rows": 1, "weight": 0.5, "squares": 0.25},
        {"label": "no", "rows": 1, "weight": 1.0, "squares": 1.0},
    ]
    assert facet["values"][0] == {
        "value_or_threshold": "F",
        "positive": {"rows": 1, "weight": 2.5, "squares": 6.25},
        "negative": {"rows": 1, "weight": 0.5, "squares": 0.25},
        "rest_positive": {"rows": 0, "weight": 0.0, "squares": 0.0},
        "rest_negative": {"rows": 1, "weight": 1.0, "squares": 1.0},
        "metrics": {"DIL": "Infinity"},
    }


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["F", "M", "X", "", None]),
            st.sampled_from(["yes", "no", "maybe", None]),
            st.sampled_from(["north", "south", None]),
            # Sums of these are exact, as the sums that an engine delivers are.
            st.sampled_from([0.0, 0.5, 1.0, 2.25]),
        ),
        min_size=1,
        max_size=30,
    ),
    st.booleans(),
)
def test_an_analysis_is_restored_from_clarifys_file_and_the_summary(rows: list[Row], weighted: bool) -> None:
    contingency = count_rows(rows, grouped=True, weighted=weighted)
    analysis = Analysis.from_contingency(contingency, make_config(group="region"))
    summary = json.dumps(analysis.to_summary(), allow_nan=False)
    assert Analysis.from_clarify_json(analysis.to_clarify_json()).with_summary(summary) == analysis


SUMMARY = make_analysis({"F": (1, 3), "M": (6, 2)}).to_summary()


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        ("", "out/summary.json: not a summary ("),
        (json.dumps(SUMMARY)[:-20], "out/summary.json: not a summary ("),
        ("[]", "out/summary.json: not a summary ("),
        ("null", "out/summary.json: not a summary ("),
        (WRITTEN, "out/summary.json: not a summary ("),
        (json.dumps(SUMMARY | {"facets": None}), "out/summary.json: not a summary ("),
        (json.dumps(SUMMARY | {"facets": {"gender": {"values": [], "labels": []}}}), "out/summary.json: not a summ"),
        (json.dumps(SUMMARY | {"label": "hired"}), "out/summary.json: belongs to another analysis "),
        (json.dumps(SUMMARY | {"facets": {"age": {}}}), "out/summary.json: belongs to another analysis "),
    ],
)
def test_a_summary_that_does_not_belong_to_the_file_is_refused(summary: str, text: str) -> None:
    with pytest.raises(DataError) as raised:
        Analysis.from_clarify_json(WRITTEN).with_summary(summary, source="out/summary.json")
    assert str(raised.value).startswith(text)
    assert str(raised.value).endswith("; run the analysis again")


# --- pandas -----------------------------------------------------------------------------------------------------------


def test_an_analysis_is_converted_to_a_data_frame() -> None:
    frame = make_analysis({"F": (1, 3), None: (6, 2)}, ["CI", "DPL"]).to_pandas()
    expected = pandas.DataFrame(
        [
            ("gender", "F", "CI", 1 / 3, None, 4, 1, 8, 6),
            ("gender", "F", "DPL", 0.5, None, 4, 1, 8, 6),
            (
                "gender",
                "nan",
                "CI",
                math.nan,
                "CI: facet set is empty. Check that x[facet] has non-zero length.",
                0,
                0,
                12,
                7,
            ),
            ("gender", "nan", "DPL", math.nan, "Facet set is empty.", 0, 0, 12, 7),
        ],
        columns=[
            "facet",
            "value_or_threshold",
            "metric",
            "value",
            "error",
            "rows",
            "positive_rows",
            "rest_rows",
            "rest_positive_rows",
        ],
    )
    pandas.testing.assert_frame_equal(frame, expected)


def test_an_analysis_without_counts_is_converted_to_a_data_frame_without_counts() -> None:
    frame = Analysis.from_clarify_json(WRITTEN).to_pandas()
    assert frame["value"].dtype == "float64"
    assert frame["rows"].isna().all()
    assert len(frame) == 14


# --- XCom -------------------------------------------------------------------------------------------------------------

facet_values = st.sampled_from(["F", "M", "X", "", "nan", None])
labels = st.sampled_from(["yes", "no", "maybe", None])
groups = st.sampled_from(["north", "south", None])
weights = st.one_of(st.just(0.0), st.floats(min_value=1e-6, max_value=1e6))


@given(
    st.lists(st.tuples(facet_values, labels, groups, st.just(1.0)), min_size=1, max_size=30),
    st.lists(st.sampled_from(list(METRICS)), min_size=1, unique=True),
    st.booleans(),
)
def test_xcom_restores_an_unweighted_analysis(rows: list[Row], methods: list[str], grouped: bool) -> None:
    config = make_config(methods, group="region" if grouped else None)
    analysis = Analysis.from_contingency(count_rows(rows, grouped=grouped), config)
    analysis = replace(analysis, outputs={"analysis": "s3://bucket/analysis.json"})
    assert pass_through_xcom(analysis) == analysis


@given(st.lists(st.tuples(facet_values, labels, groups, weights), min_size=1, max_size=30))
# The difference of rounded sums of weights must not become an outcome or a negative count.
@example([("F", "yes", None, 0.1), ("F", "yes", None, 0.2), ("F", "no", None, 1.0), ("M", "yes", None, 0.0)])
@example([("F", "yes", None, 1e9), ("F", "no", None, 1e9), ("M", "yes", None, 0.3), ("M", "no", None, 0.1)])
def test_xcom_restores_the_metrics_of_a_weighted_analysis(rows: list[Row]) -> None:
    config = make_config(group="region")
    analysis = Analysis.from_contingency(count_rows(rows, grouped=True, weighted=True), config)
    again = pass_through_xcom(analysis)
    assert errors_by_group(again) == errors_by_group(analysis)
    for value, metrics in metrics_by_group(analysis).items():
        assert metrics_by_group(again)[value] == pytest.approx(metrics, abs=1e-12)
    assert again.rows == analysis.rows
    assert again.one_sided_label == analysis.one_sided_label


@given(st.lists(st.tuples(st.sampled_from("FMX"), labels, st.none(), weights), min_size=1, max_size=30))
@settings(max_examples=2 * settings.default.max_examples)
def test_xcom_does_not_change_the_verdict_on_a_weighted_analysis(rows: list[Row]) -> None:
    analysis = Analysis.from_contingency(count_rows(rows, weighted=True), make_config(["CI", "DPL", "TVD"]))
    thresholds = Thresholds({"DPL": 0.2345678, "TVD": 0.2345678}, confidence=0.95, on_inconclusive="fail")
    before, after = thresholds.judge(analysis), thresholds.judge(pass_through_xcom(analysis))
    assert after.outcome is before.outcome
    for was, now in zip(
        sorted(before.findings, key=lambda f: (f.value, f.metric)),
        sorted(after.findings, key=lambda f: (f.value, f.metric)),
        strict=True,
    ):
        assert now.interval == (None if was.interval is None else pytest.approx(was.interval, abs=1e-9))


def test_xcom_has_the_metrics_of_an_analysis_without_counts() -> None:
    for analysis in (
        Analysis.from_clarify_json(WRITTEN),
        Analysis.from_clarify_json(make_analysis({"F": (1, 3), None: (6, 2)}, "all").to_clarify_json()),
        make_analysis_of_one_metric(math.inf),
        make_analysis_of_one_metric(-math.inf),
        make_analysis_of_one_metric(None, "why"),
    ):
        assert pass_through_xcom(analysis) == analysis


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_null_or_nan_metric_in_xcom_is_undefined(value: float | None) -> None:
    document = make_analysis_of_one_metric(0.125).to_xcom()
    document["facets"]["gender"]["values"] = [["F", {"KL": value}]]
    assert Analysis.from_xcom(document) == make_analysis_of_one_metric(None, "no value")


def test_xcom_restores_several_facets() -> None:
    facets = [make_facet({"b": (1, 1), "a": (2, 1)}, facet="z"), make_facet({"y": (3, 2)}, facet="k")]
    contingency = Contingency("approved", "yes", facets, warnings=("one", "two"))
    analysis = Analysis.from_contingency(contingency, make_config("all", facets=["z", "k"]))
    assert pass_through_xcom(analysis) == analysis


def make_large_analysis(values: int, *, weighted: bool = False) -> Analysis:
    """Build an analysis with CDDL and many facet values, whose names have 40 characters."""
    cells = []
    for index in range(values):
        for label in ("yes", "no"):
            for group in ("north", "south"):
                rows = 100_000 + 7919 * index % 1009 + (index if label == "yes" else 3) + len(group)
                tally = (
                    WeightedCount.from_weights(rows, rows / 3, rows / 9) if weighted else WeightedCount.from_rows(rows)
                )
                cells.append(Cell(f"{index:040d}", label, label == "yes", group, tally))
    facet = FacetContingency("gender", [f"{index:040d}" for index in range(values)], cells, grouped=True)
    contingency = Contingency("approved", "yes", [facet], weighted=weighted)
    return Analysis.from_contingency(contingency, make_config("all", group="region"))


def test_600_facet_values_and_8_metrics_fit_into_xcom() -> None:
    analysis = make_large_analysis(600)
    text = json.dumps(analysis.to_xcom())
    assert len(text.encode()) < LARGEST_XCOM
    assert len(analysis.methods) == 8
    assert Analysis.from_xcom(json.loads(text)) == analysis


def test_xcom_carries_at_most_21_short_warnings() -> None:
    analysis = replace(make_analysis({"F": (1, 3), "M": (6, 2)}), warnings=tuple("w" * 1000 for _ in range(500)))
    warnings = pass_through_xcom(analysis).warnings
    assert len(warnings) == 21
    assert {len(warning) for warning in warnings[:20]} == {500}
    assert warnings[20] == "... and 480 more warnings"


def test_xcom_carries_the_first_20_label_values() -> None:
    rows: list[Row] = [("F", f"l{index}", None, 1.0) for index in range(1000)]
    facet = pass_through_xcom(Analysis.from_contingency(count_rows(rows), make_config(["CI"]))).facets[0]
    assert list(facet.labels) == [f"l{index}" for index in range(20)]
    assert facet.negative == WeightedCount.from_rows(1000)


@pytest.mark.parametrize(
    ("document", "got"),
    [
        (None, "nothing"),
        ([], "list"),
        ("text", "str"),
        ({}, "dict"),
        ({"format": "airflow_clarify.verdict/1"}, "dict"),
        ({"format": "airflow_clarify.analysis/2"}, "dict"),
    ],
)
def test_an_xcom_that_is_not_an_analysis_is_refused(document: Any, got: str) -> None:
    with pytest.raises(DataError) as raised:
        Analysis.from_xcom(document)
    assert str(raised.value) == (
        f"expected an analysis (XCom of ClarifyPreTrainingBiasOperator, format {XCOM_FORMAT}), got {got}; "
        "did the upstream task run and return one?"
    )


@pytest.mark.parametrize("key", ["label", "methods", "facets", "weighted", "engine", "warnings", "outputs"])
def test_an_xcom_with_a_missing_key_is_refused(key: str) -> None:
    document = make_analysis({"F": (1, 3), "M": (6, 2)}).to_xcom()
    del document[key]
    with pytest.raises(DataError, match=rf"^the analysis is damaged \(KeyError: '{key}'\); run its task again$"):
        Analysis.from_xcom(document)


@pytest.mark.parametrize(
    "facet",
    [
        None,
        [],
        {},
        {"values": None, "total": [7, 5], "labels": []},
        {"values": [], "total": [7], "labels": []},
        {"values": [["F", 1]], "total": [7, 5], "labels": []},
        {"values": [["F", 1, 3]], "total": [7, 5], "labels": []},  # CDDL is not there
        {"values": [["F", "few", 3, 0.1]], "total": [7, 5], "labels": []},
        {"values": [["F", 1, 3, []]], "total": [7, 5], "labels": []},
        {"values": [["F", 1, 3, 0.1]], "total": [7, 5]},
        {"values": [["F", 9, 3, 0.1]], "total": [7, 5], "labels": []},  # more positive rows than there are in all
    ],
)
def test_an_xcom_with_a_damaged_facet_is_refused(facet: Any) -> None:
    document = make_analysis({"F": (1, 3), "M": (6, 2)}, "all").to_xcom()
    document["facets"]["gender"] = facet
    with pytest.raises(DataError, match=r"^the analysis is damaged "):
        Analysis.from_xcom(document)


# --- Counts -----------------------------------------------------------------------------------------------------------


def test_the_effective_sample_size_is_that_of_kish() -> None:
    assert WeightedCount.from_rows(40).effective_rows == 40.0
    weighed = WeightedCount.from_weights(1, 1.0, 1.0) + WeightedCount.from_weights(1, 3.0, 9.0)
    assert weighed.effective_rows == 16 / 10
    assert WeightedCount().effective_rows == 0.0


def test_weights_are_added_up_exactly() -> None:
    tenths = [WeightedCount.from_weights(1, 0.1, 0.01)] * 10
    assert sum(tenths, WeightedCount()).weight == 10 * Fraction(0.1)
    assert (sum(tenths, WeightedCount()) - sum(tenths[:9], WeightedCount())).weight == Fraction(0.1)


def test_the_difference_of_equal_counts_has_no_weight() -> None:
    rounded_up = WeightedCount.from_weights(3, 0.30000000000000004, 0.03)
    assert rounded_up - WeightedCount.from_weights(3, 0.3, 0.03) == WeightedCount()


def test_the_lab_fits_and_holds_its_counts() -> None:
    analysis = make_analysis({name: (counts[2], counts[0] + counts[1]) for name, counts in COUNTS.items()})
    assert pass_through_xcom(analysis) == analysis
    assert sum(result.split.d.rows for _, result in analysis.results() if result.split) == 22_626


def test_a_summary_left_over_from_an_earlier_run_is_refused() -> None:
    now, before = make_analysis({"F": (1, 3), "M": (6, 2)}), make_analysis({"F": (2, 2), "M": (6, 2)})
    alone = Analysis.from_clarify_json(now.to_clarify_json())
    assert alone.with_summary(json.dumps(now.to_summary())).rows == 12
    with pytest.raises(DataError, match=r"its counts do not give the (CI|DPL) of F"):
        alone.with_summary(json.dumps(before.to_summary()))
