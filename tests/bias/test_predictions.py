"""Analyses with predictions: metrics from contingency tables, warnings, and the formats of files and XCom."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from analysis_factories import (
    PredictedRow,
    count_predictions,
    errors_by_group,
    make_analysis,
    make_prediction_config,
    metrics_by_group,
    repeat_outcomes,
)
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify.bias.analysis import Analysis, MetricResult
from airflow_clarify.bias.contingency import NO_PREDICTIONS, ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.metrics import METRICS, NO_GROUP_VARIABLE
from airflow_clarify.bias.post_training import FLIP_TEST_NEEDS_ROWS, POST_TRAINING_METRICS
from airflow_clarify.bias.results import NO_POSITIVE_PREDICTION
from airflow_clarify.bias.serialization import compute_summary_fingerprint
from airflow_clarify.exceptions import DataError, MetricError

ROWS = [*repeat_outcomes("F", 3, 1, 2, 4), *repeat_outcomes("M", 6, 2, 1, 1)]
DIFFERENT_TYPES = "label 'approved' is text and prediction 'predicted' a number; write both the same way"

any_rows = st.lists(
    st.tuples(
        st.sampled_from(["F", "M", "X", None]),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["north", "south", None]),
        # Sums of these are exact, as the sums that an engine delivers are.
        st.sampled_from([0.0, 0.5, 1.0, 2.25]),
    ),
    min_size=1,
    max_size=30,
)


def analyze(rows: list[PredictedRow] = ROWS, methods: Any = None, post: Any = "all", **more: Any) -> Analysis:
    group = {"group_variable": "region"} if more.get("grouped") else {}
    return Analysis.from_contingency(count_predictions(rows, **more), make_prediction_config(post, methods, **group))


# --- From counts ------------------------------------------------------------------------------------------------------


def test_the_split_of_a_table_has_confusion_matrices_and_label_counts() -> None:
    (facet,) = count_predictions(ROWS).facets
    split = facet.split(["F"])
    d, a = (ConfusionCounts(*map(WeightedCount.from_rows, cells)) for cells in ((3, 1, 2, 4), (6, 2, 1, 1)))
    assert split == Split.from_confusions(d, a)
    assert [count.rows for count in (split.d_positive, split.d_negative, split.a_positive, split.a_negative)] == [
        *(5, 5, 7, 3)
    ]
    assert [count.rows for count in facet.total] == [12, 8]
    assert [count.rows for count in facet.predicted_total] == [12, 8]


def test_both_stages_are_measured_in_one_scan_labels_first() -> None:
    analysis = analyze(methods=["DPL", "CI"], post=["RD", "DI"])
    assert analysis.methods == ("CI", "DPL", "DI", "RD")
    assert analysis.stages == ("pre_training", "post_training")
    assert metrics_by_group(analysis)["F"] == pytest.approx(
        {"CI": 0.0, "DPL": 7 / 10 - 5 / 10, "DI": (4 / 10) / (8 / 10), "RD": 6 / 7 - 3 / 5}
    )
    assert analysis.warnings == ()


def test_one_stage_can_be_measured_alone() -> None:
    assert analyze(post=["RD"]).methods == ("RD",)
    assert analyze(post=["RD"]).stages == ("post_training",)
    assert analyze(methods=["CI"], post=None).stages == ("pre_training",)


def test_all_metrics_are_listed_with_errors_for_those_that_need_more() -> None:
    analysis = analyze()
    assert analysis.methods == tuple(POST_TRAINING_METRICS)
    assert errors_by_group(analysis)["F"] == {"CDDPL": NO_GROUP_VARIABLE, "FT": FLIP_TEST_NEEDS_ROWS}
    assert analysis.warnings == ()


def test_a_flip_test_that_is_requested_by_name_and_not_computed_gives_a_warning() -> None:
    (warning,) = analyze(post=["FT"]).warnings
    assert warning == f"facet 'gender': not defined: FT of F, FT of M ({FLIP_TEST_NEEDS_ROWS})"


def test_the_flip_test_of_the_engine_is_used() -> None:
    contingency = count_predictions(ROWS)
    facet = replace(contingency.facets[0], flip_tests={"F": 0.25, "M": "FlipTest does not support non-numeric columns"})
    analysis = Analysis.from_contingency(replace(contingency, facets=[facet]), make_prediction_config(["FT"]))
    assert [result.metric("FT") for result in analysis.facets[0].results] == [
        MetricResult("FT", 0.25),
        MetricResult("FT", None, "FlipTest does not support non-numeric columns"),
    ]
    assert Analysis.from_xcom(analysis.to_xcom()).facets == analysis.facets


def test_cddpl_is_cddl_of_the_predictions() -> None:
    rows: list[PredictedRow] = [
        (value, index % 2 == 0, index % 3 == 0, "north" if index % 5 else "south", 1.0)
        for index, value in enumerate("FMFFMMFMFMFFFMMM")
    ]
    as_labels: list[PredictedRow] = [
        (value, predicted, positive, group, weight) for value, positive, predicted, group, weight in rows
    ]
    predicted = metrics_by_group(analyze(rows, grouped=True, post=["CDDPL"]))
    labels = metrics_by_group(analyze(as_labels, methods=["CDDL"], post=None, grouped=True))
    assert {group: found["CDDPL"] for group, found in predicted.items()} == {
        group: found["CDDL"] for group, found in labels.items()
    }


def test_a_disparity_that_the_engine_computed_is_used() -> None:
    contingency = count_predictions(ROWS, grouped=True)
    facet = replace(contingency.facets[0], predicted_disparities={"F": 0.125})
    config = make_prediction_config(["CDDPL"], group_variable="region")
    found = metrics_by_group(Analysis.from_contingency(replace(contingency, facets=[facet]), config))
    assert found == {"F": {"CDDPL": 0.125}, "M": {"CDDPL": 0.0}}


def test_without_counted_predictions_no_metric_has_a_value() -> None:
    contingency = count_predictions(ROWS)
    facets = [replace(facet, predicted=False) for facet in contingency.facets]
    analysis = Analysis.from_contingency(replace(contingency, facets=facets), make_prediction_config())
    assert {metric.error for _, result in analysis.results() for metric in result.metrics} == {NO_PREDICTIONS}
    with pytest.raises(MetricError, match=f"^{NO_PREDICTIONS}$"):
        facets[0].split(["F"]).measure(POST_TRAINING_METRICS["DI"])
    with pytest.raises(MetricError, match=r"^FT is not a function of these counts$"):
        facets[0].split(["F"]).measure(POST_TRAINING_METRICS["FT"])


# --- What says nothing ------------------------------------------------------------------------------------------------


def test_where_every_row_is_predicted_positive_the_numbers_are_clarifys_with_a_warning() -> None:
    analysis = analyze([*repeat_outcomes("F", 3, 2, 0, 0), *repeat_outcomes("M", 4, 1, 0, 0)], post=["DI", "DPPL"])
    assert metrics_by_group(analysis)["F"] == {"DI": 1.0, "DPPL": 0.0}
    assert analysis.one_sided_prediction == (
        "every row of 10 is predicted positive: predictions 'predicted' were compared with yes, so DPPL, DI and the "
        "differences of error rates mean nothing; check label_values_or_threshold, probability_threshold and the model"
    )
    assert analysis.warnings == (analysis.one_sided_prediction,)
    assert analysis.one_sided_label is None


def test_where_no_row_is_predicted_positive_ratios_of_such_rows_are_undefined() -> None:
    analysis = analyze([*repeat_outcomes("F", 0, 0, 3, 2), *repeat_outcomes("M", 0, 0, 4, 1)])
    found, errors = metrics_by_group(analysis)["F"], errors_by_group(analysis)["F"]
    assert {name: errors[name] for name in ("DAR", "DCA", "DI", "TE")} == dict.fromkeys(
        ("DAR", "DCA", "DI", "TE"), NO_POSITIVE_PREDICTION
    )
    assert (found["DPPL"], found["RD"], found["SD"]) == (0.0, 0.0, 0.0)
    assert (found["AD"], found["DRR"]) == pytest.approx((1 / 5 - 2 / 5, 2 / 5 - 1 / 5))
    assert analysis.one_sided_prediction is not None
    assert analysis.one_sided_prediction.startswith("no row of 10 is predicted positive: ")
    assert analysis.warnings == (analysis.one_sided_prediction,)


def test_rows_of_weight_zero_do_not_count_as_an_outcome() -> None:
    rows = [*repeat_outcomes("F", 3, 2, 0, 0), *repeat_outcomes("M", 4, 1, 0, 0), ("F", True, False, None, 0.0)]
    assert analyze(rows, weighted=True).one_sided_prediction is not None
    assert analyze(rows).one_sided_prediction is None


def test_where_labels_and_predictions_cannot_be_compared_metrics_of_predictions_remain() -> None:
    analysis = analyze(prediction_error=DIFFERENT_TYPES)
    errors = errors_by_group(analysis)["F"]
    compared = {"AD", "DAR", "DCA", "DCR", "DRR", "GE", "RD", "SD", "TE"}
    assert {name for name, error in errors.items() if error == DIFFERENT_TYPES} == compared
    assert metrics_by_group(analysis)["F"]["DPPL"] == pytest.approx(0.4)
    assert analysis.prediction_error == DIFFERENT_TYPES
    assert analysis.warnings == (DIFFERENT_TYPES,)
    for again in (Analysis.from_xcom(analysis.to_xcom()), read_files(analysis)):
        assert again.prediction_error == DIFFERENT_TYPES
        assert errors_by_group(again)["F"] == errors


def test_predictions_that_were_not_counted_for_that_reason_have_no_metric() -> None:
    contingency = count_predictions(ROWS, prediction_error=DIFFERENT_TYPES)
    facets = [replace(facet, predicted=False) for facet in contingency.facets]
    analysis = Analysis.from_contingency(replace(contingency, facets=facets), make_prediction_config())
    assert {metric.error for _, result in analysis.results() for metric in result.metrics} == {DIFFERENT_TYPES}
    assert analysis.warnings == (DIFFERENT_TYPES,)
    sent = Analysis.from_xcom(json.loads(json.dumps(analysis.to_xcom())))
    assert errors_by_group(sent) == errors_by_group(analysis)


# --- Our own metric ---------------------------------------------------------------------------------------------------


def test_the_ratio_of_label_rates_is_always_computed() -> None:
    analysis = make_analysis({"F": (1, 3), "M": (6, 2)}, ["CI"])
    result = analysis.facets[0].results[0]
    assert result.metric("DIL") == MetricResult("DIL", (1 / 4) / (6 / 8))
    assert result.own_metrics == (MetricResult("DIL", (1 / 4) / (6 / 8)),)
    assert [metric.name for metric in result.metrics] == ["CI"]
    assert analysis.available_metrics == ("CI", "DIL")
    assert "DIL" not in analysis.to_clarify_json()
    assert Analysis.from_xcom(analysis.to_xcom()).facets[0].results[0].metric("DIL") == result.metric("DIL")
    assert Analysis.from_clarify_json(analysis.to_clarify_json()).available_metrics == ("CI",)


# --- Files and XCom ---------------------------------------------------------------------------------------------------


def assert_same_metrics(found: Analysis, expected: Analysis) -> None:
    """Compare all values, which may be infinite, and all errors."""
    assert errors_by_group(found) == errors_by_group(expected)
    for group, metrics in metrics_by_group(expected).items():
        values = {name: value for name, value in metrics.items() if value is not None}
        same = {name: value for name, value in metrics_by_group(found)[group].items() if value is not None}
        assert same == pytest.approx(values, rel=1e-12, abs=1e-12)


def read_files(analysis: Analysis) -> Analysis:
    """Write and read ``analysis.json`` and ``summary.json``."""
    summary = json.loads(json.dumps(analysis.to_summary(), allow_nan=False))
    text = analysis.to_clarify_json(compute_summary_fingerprint(summary))
    read = Analysis.from_clarify_json(text)
    return replace(read, file_sha256="f" * 64).with_summary(json.dumps(summary | {"analysis_sha256": "f" * 64}))


def test_clarifys_file_has_the_section_of_predictions_first() -> None:
    text = analyze(methods=["CI"], post=["DCR", "DI"]).to_clarify_json()
    document = json.loads(text)
    assert list(document) == ["version", "post_training_bias_metrics", "pre_training_bias_metrics"]
    section = document["post_training_bias_metrics"]
    assert list(section) == ["label", "facets", "label_value_or_threshold"]
    assert section["facets"]["gender"][0] == {
        "value_or_threshold": "F",
        "metrics": [
            {
                "name": "DCR",
                "description": "Difference in Conditional Rejection (DCR)",
                "value": pytest.approx(5 / 6 - 3 / 2),
            },
            {"name": "DI", "description": "Disparate Impact (DI)", "value": 0.5},
        ],
    }
    assert [metric["name"] for metric in document["pre_training_bias_metrics"]["facets"]["gender"][0]["metrics"]] == [
        "CI"
    ]
    assert Analysis.from_clarify_json(text).to_clarify_json() == text


def test_an_integer_zero_and_infinity_survive_the_file() -> None:
    rows = [*repeat_outcomes("F", 1, 2, 0, 0), *repeat_outcomes("M", 1, 2, 0, 0), *repeat_outcomes("X", 1, 0, 1, 1)]
    text = analyze(rows, post=["DCR", "TE"]).to_clarify_json()
    assert '"value": "Infinity"' in text
    assert Analysis.from_clarify_json(text).to_clarify_json() == text
    everything = analyze([*repeat_outcomes("F", 1, 2, 0, 0), *repeat_outcomes("M", 2, 2, 0, 0)], post=["DCR", "DRR"])
    values = [metric["value"] for metric in _first_metrics(everything)]
    assert [repr(value) for value in values] == ["0", "0.0"]
    again = Analysis.from_clarify_json(everything.to_clarify_json())
    assert again.to_clarify_json() == everything.to_clarify_json()


def _first_metrics(analysis: Analysis) -> list[dict[str, Any]]:
    section = json.loads(analysis.to_clarify_json())["post_training_bias_metrics"]
    metrics: list[dict[str, Any]] = section["facets"]["gender"][0]["metrics"]
    return metrics


@given(any_rows, st.booleans(), st.sampled_from([None, "all", ["CI", "CDDL"]]))
def test_files_and_xcom_are_read_as_they_were_written(rows: list[PredictedRow], weighted: bool, methods: Any) -> None:
    analysis = analyze(rows, methods=methods, grouped=True, weighted=weighted)
    sent = Analysis.from_xcom(json.loads(json.dumps(analysis.to_xcom(), allow_nan=False)))
    read = read_files(analysis)
    for again in (sent, read):
        assert again.methods == analysis.methods
        assert_same_metrics(again, analysis)
        assert again.predicted_label == "predicted"
        assert again.predicted_value_or_threshold == "yes"
        assert again.facets[0].confusion == analysis.facets[0].confusion
        assert again.one_sided_prediction == analysis.one_sided_prediction
    assert [result.split for _, result in read.results()] == [result.split for _, result in analysis.results()]


def test_an_analysis_without_counts_is_sent_with_all_its_metrics() -> None:
    read = Analysis.from_clarify_json(analyze(methods="all").to_clarify_json())
    sent = Analysis.from_xcom(json.loads(json.dumps(read.to_xcom(), allow_nan=False)))
    assert metrics_by_group(sent) == metrics_by_group(read)
    assert errors_by_group(sent) == errors_by_group(read)
    assert sent.one_sided_prediction is None


def test_xcom_holds_four_numbers_for_each_group() -> None:
    document = analyze(methods=["CI", "DPL"], post=["RD", "SD", "AD", "DI", "DPPL"]).to_xcom()
    assert document["facets"]["gender"] == {
        "values": [["F", 3, 1, 2, 4], ["M", 6, 2, 1, 1]],
        "total": [9, 3, 3, 5],
        "labels": [["yes", 12], ["no", 8]],
    }
    many = [row for index in range(500) for row in repeat_outcomes(f"value {index}", 1, 2, 1, 1)]
    assert len(json.dumps(analyze(many, methods="all").to_xcom())) < 100 * 500


@pytest.mark.parametrize(
    "values", [[["F", 3, 1, 2]], [["F", 3, 1, 2, 4, 0.5]], [["F", 3, 1, 2, "few"]], [["F", 90, 1, 2, 4]]]
)
def test_a_damaged_xcom_is_refused(values: list[list[Any]]) -> None:
    document = analyze(post=["RD"]).to_xcom()
    document["facets"]["gender"]["values"] = values
    with pytest.raises(DataError, match=r"^the analysis is damaged \("):
        Analysis.from_xcom(document)


def test_the_fingerprint_covers_predictions() -> None:
    summary = analyze().to_summary()
    changed = json.loads(json.dumps(summary))
    cells = changed["facets"]["gender"]["values"][0]["confusion"]
    cells["tp"]["rows"], cells["fn"]["rows"] = cells["fn"]["rows"], cells["tp"]["rows"]
    fingerprints = {compute_summary_fingerprint(document) for document in (summary, changed)}
    fingerprints |= {compute_summary_fingerprint(summary | {"prediction_error": "x"})}
    fingerprints |= {compute_summary_fingerprint(summary | {"predicted_label": "score"})}
    assert len(fingerprints) == 4


def test_a_summary_with_other_predictions_is_refused() -> None:
    analysis = analyze(methods=["CI"], post=["RD"])
    summary = json.loads(json.dumps(analysis.to_summary()))
    first = summary["facets"]["gender"]["values"][0]
    first["confusion"]["tp"]["rows"] += 1
    read = Analysis.from_clarify_json(analysis.to_clarify_json())
    with pytest.raises(DataError, match=r"^summary\.json: not a summary \(ValueError: the confusion matrix of F has"):
        read.with_summary(json.dumps(summary))
    first["confusion"]["fn"]["rows"] -= 1
    with pytest.raises(DataError, match=r"\(ValueError: its counts do not give the RD of F\)"):
        read.with_summary(json.dumps(summary))


def test_documents_without_predictions_are_as_in_earlier_versions() -> None:
    analysis = make_analysis({"F": (1, 3), "M": (6, 2)})
    for document in (analysis.to_xcom(), analysis.to_summary()):
        assert not any("predict" in key for key in document)
    assert analysis.to_xcom()["facets"]["gender"]["values"] == [["F", 1, 3], ["M", 6, 2]]


def test_the_frame_has_outcomes_of_both_sides() -> None:
    frame = analyze(methods=["DPL"], post=["RD"]).to_pandas()
    assert list(frame["metric"]) == ["DPL", "RD"] * 2
    first = frame.iloc[1]
    names = ("true_positive", "false_positive", "false_negative", "true_negative")
    assert [first[f"{name}_rows"] for name in names] == [3, 1, 2, 4]
    assert [first[f"rest_{name}_rows"] for name in names] == [6, 2, 1, 1]
    assert not any("true" in column for column in make_analysis({"F": (1, 3), "M": (6, 2)}).to_pandas())


def test_weights_count_as_repeated_rows() -> None:
    once: list[PredictedRow] = [
        (value, positive, predicted, None, float(2 + index % 3))
        for index, (value, positive, predicted, _, _) in enumerate(ROWS)
    ]
    repeated = [row for row in once for _ in range(int(row[4]))]
    unweighted = analyze(repeated, methods="all")
    assert_same_metrics(analyze(once, methods="all", weighted=True), unweighted)
    metrics = metrics_by_group(unweighted)["F"]
    assert set(metrics) == {*METRICS, *POST_TRAINING_METRICS}
    assert {name for name, value in metrics.items() if value is None} == {"CDDL", "CDDPL", "FT"}
    assert not any(value is not None and math.isinf(value) for value in metrics.values())
