"""Predictions are counted beside labels: columns of labels, columns of scores, and what cannot be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest
from counting_factories import csv_of, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import ModelPredictedLabelConfig
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.engines.counting import contingency as counting
from airflow_clarify.exceptions import ConfigError, DataError

#: Sixty rows: three of four predictions are right, each third row is a woman.
ROWS = {
    "gender": ["F", "M", "M"] * 20,
    "approved": [1, 1, 0, 0] * 15,
    "prediction": [1, 0, 0, 0] * 15,
    "score": [0.9, 0.5, 0.25, 0.0] * 15,
    "branch": ["north", "south"] * 30,
}


def count(
    data: Any,
    predicted: Any = "prediction",
    *,
    positive: tuple[Any, ...] = (1,),
    threshold: float | None = None,
    facet: Any = "gender",
    methods: Any = "all",
    group: str | None = None,
    **options: Any,
) -> tuple[Contingency, AnalysisConfig]:
    described = DataConfig(
        "in memory" if isinstance(data, pandas.DataFrame) else str(data),
        label="approved",
        predicted_label=predicted,
        **{name: options.pop(name) for name in list(options) if name != "label_type"},
    )
    config = AnalysisConfig.build(
        described,
        BiasConfig(list(positive), facet, group_name=group, **options),
        methods,
        post_training_methods="all",
        model_predicted_label_config=None
        if threshold is None
        else ModelPredictedLabelConfig(probability_threshold=threshold),
    )
    where = data if isinstance(data, pandas.DataFrame) else described
    return DuckDBEngine(duckdb_conn_id=None, threads=2).count(where, config), config


def confusions(contingency: Contingency) -> dict[str | None, tuple[int, int, int, int]]:
    """True and false positives, false and true negatives of each facet value, in rows."""
    (facet,) = contingency.facets
    found = {}
    for name, members in facet.list_tested():
        counts = facet.split(members).d_confusion
        assert counts is not None
        found[name] = tuple(each.rows for each in counts.cells)
    return found  # type: ignore[return-value]


def table(**changes: Any) -> pandas.DataFrame:
    return pandas.DataFrame({**ROWS, **changes})


def test_confusions_by_hand(tmp_path: Path) -> None:
    expected = {"F": (5, 0, 5, 10), "M": (10, 0, 10, 20)}
    path = written(tmp_path / "loans.csv", csv_of(ROWS))
    contingency, _ = count(path)
    assert confusions(contingency) == expected
    assert (contingency.predicted_label, contingency.predicted_text) == ("prediction", "1")
    assert contingency.prediction_error is None
    assert confusions(count(table())[0]) == expected


@pytest.mark.parametrize(("threshold", "positive"), [(0.5, 15), (0.25, 30), (0.0, 45), (0.9, 0), (1.0, 0)])
def test_a_score_is_positive_above_the_threshold(threshold: float, positive: int) -> None:
    contingency, _ = count(table(), "score", threshold=threshold)
    assert contingency.facets[0].predicted_total[0].rows == positive
    assert contingency.predicted_text == f"({threshold!r}, 1.0]"


def test_a_missing_score_is_not_positive() -> None:
    contingency, _ = count(table(score=[0.9, None, 0.2, 0.0] * 15), "score", threshold=0.5)
    assert contingency.facets[0].predicted_total[0].rows == 15
    assert any("15 rows have no prediction and count as not positive" in each for each in contingency.warnings)


def test_positive_zero_does_not_make_a_missing_score_positive() -> None:
    contingency, _ = count(table(score=[0.9, None, 0.2, 0.0] * 15), "score", threshold=0.5, positive=(0,))
    assert contingency.facets[0].predicted_total[0].rows == 30


@pytest.mark.parametrize(
    ("scores", "complaint"),
    [
        ([1.5, 0.1, 0.2, 0.3], "predicted_label: column 'score' has 15 of 60 rows outside 0 to 1"),
        ([-0.1, 0.1, 0.2, 0.3], "15 of 60 rows outside 0 to 1"),
        (["yes", "no", "no", "no"], "60 of 60 rows that hold no number, so it holds no scores"),
    ],
)
def test_invalid_scores(scores: list[Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        count(table(score=scores * 15), "score", threshold=0.5)


def test_scores_need_labels_of_zero_and_one() -> None:
    with pytest.raises(ConfigError, match=r"probability_threshold: it makes 0 or 1 of a score.*'approved' is text"):
        count(table(approved=["yes", "no"] * 30), "score", threshold=0.5, positive=("yes",))


@pytest.mark.parametrize(
    ("scores", "written_as"),
    [
        ([1, 0, 0, 0], "DataFrame"),
        ([True, False, False, False], "DataFrame"),
        ([1, 0, 0, 0], "csv"),
        (["1", "0", "0", None], "csv"),
        ([1, 0, 0, 0], "jsonl"),
    ],
)
def test_labels_in_place_of_scores(scores: list[Any], written_as: str, tmp_path: Path) -> None:
    data: Any = table(score=scores * 15)
    if written_as != "DataFrame":
        path = tmp_path / f"loans.{written_as}"
        text = data.to_csv(index=False) if written_as == "csv" else data.to_json(orient="records", lines=True)
        data = written(path, text)
    complaint = "probability_threshold: column 'score' holds only 0 and 1, which are predicted labels, not scores"
    with pytest.raises(ConfigError, match=complaint):
        count(data, "score", threshold=0.5)


@pytest.mark.parametrize("scores", [[1.0, 0.0, 0.0, 0.0], [1, 0, 0, 0.5]])
def test_scores_may_be_zero_and_one(scores: list[Any], tmp_path: Path) -> None:
    for data in (table(score=scores * 15), written(tmp_path / "loans.csv", csv_of({**ROWS, "score": scores * 15}))):
        contingency, _ = count(data, "score", threshold=0.5)
        assert contingency.facets[0].predicted_total[0].rows == 15


def test_text_predictions_of_numeric_labels_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"predicted_label: column 'prediction' holds texts and label 'approved' num"):
        count(table(prediction=["yes", "no", "no", "no"] * 15))
    contingency, _ = count(table(prediction=["1", "0", "unknown", "0"] * 15))
    assert contingency.facets[0].predicted_total[0].rows == 15


def test_scores_without_a_threshold() -> None:
    scores = [number / 60 for number in range(60)]
    with pytest.raises(ConfigError, match=r"is continuous .float, 60 distinct values in 60 rows. and label"):
        count(table(score=scores), "score")


def test_incomparable_types_do_not_affect_the_metrics_of_labels() -> None:
    contingency, config = count(table(prediction=[1.0, 0.0] * 30))
    assert contingency.prediction_error is not None
    assert "is continuous (float, 2 distinct values in 60 rows)" in contingency.prediction_error
    assert not contingency.facets[0].predicted
    analysis = Analysis.from_contingency(contingency, config)
    values = {metric.name: metric.value for metric in analysis.facets[0].results[0].metrics}
    assert values["DPL"] is not None
    assert values["DPPL"] is None
    assert values["GE"] is None


def test_a_declared_type_holds_for_label_and_prediction() -> None:
    contingency, _ = count(table(prediction=[1.0, 0.0, 0.0, 0.0] * 15), label_type="categorical")
    assert contingency.prediction_error is None
    assert confusions(contingency) == {"F": (5, 0, 5, 10), "M": (10, 0, 10, 20)}


def test_a_missing_whole_number_makes_the_prediction_continuous_as_in_pandas(tmp_path: Path) -> None:
    path = written(tmp_path / "loans.csv", csv_of({**ROWS, "prediction": [1, 0, 0, None] * 15}))
    contingency, _ = count(path)
    assert "with missing values, whole numbers are read as floats" in str(contingency.prediction_error)


def test_missing_texts_count_as_negative() -> None:
    contingency, _ = count(
        table(approved=["y", "y", "n", "n"] * 15, prediction=["y", None, "n", "n"] * 15), positive=("y",)
    )
    assert confusions(contingency) == {"F": (5, 0, 5, 10), "M": (10, 0, 10, 20)}
    assert any("15 rows have no prediction" in each for each in contingency.warnings)


def test_an_interval_reaches_to_the_maximum_of_labels_and_predictions() -> None:
    labels = [float(number) for number in range(60)]
    contingency, _ = count(table(approved=labels, prediction=[2 * each for each in labels]), positive=(50,))
    assert contingency.label_text == "(50.0, 59.0]"
    assert contingency.predicted_text == "(50.0, 118.0]"
    assert contingency.facets[0].predicted_total[0].rows == 34


def test_predictions_are_cut_to_whole_numbers_as_the_labels_are() -> None:
    contingency, _ = count(table(approved=range(60), prediction=[each + 0.9 for each in range(60)]), positive=(50,))
    # 50.9 is 50, which is not above the threshold.
    assert contingency.facets[0].predicted_total[0].rows == 9
    assert any("cut to whole numbers" in each for each in contingency.warnings)


@pytest.mark.parametrize(
    ("predicted", "complaint"),
    [
        ("predcition", "predicted_label: the data have no column 'predcition'; did you mean 'prediction'"),
        ("approved", "predicted_label: 'approved' is the label"),
        ("gender", "predicted_label: 'gender' is also a facet"),
        (1, "predicted_label: 'approved' is the label"),
    ],
)
def test_a_column_that_cannot_be_the_prediction(predicted: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        count(table(), predicted)


def test_constant_predictions_are_reported() -> None:
    contingency, config = count(table(prediction=[0] * 60))
    assert contingency.prediction_error is not None or contingency.facets[0].predicted_total[0].rows == 0
    rows = pandas.concat([table(prediction=[0] * 60)] * 5, ignore_index=True)
    contingency, config = count(rows)
    assert "no row of 300 is predicted positive" in str(
        Analysis.from_contingency(contingency, config).one_sided_prediction
    )


def test_predictions_are_not_counted_for_labels_alone() -> None:
    data = DataConfig("in memory", label="approved", predicted_label="prediction")
    config = AnalysisConfig.build(data, BiasConfig([1], "gender"))
    contingency = DuckDBEngine(duckdb_conn_id=None).count(table(), config)
    assert not contingency.facets[0].predicted
    assert contingency.predicted_label == ""


def test_disparity_of_predictions_in_sql_and_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Analysis.from_contingency(*count(table(), group="branch"))
    monkeypatch.setattr(counting, "MAX_GROUPS", 0)
    contingency, config = count(table(), group="branch")
    assert contingency.facets[0].predicted_disparities is not None
    many = Analysis.from_contingency(contingency, config)
    for ours, other in zip(few.facets[0].results, many.facets[0].results, strict=True):
        for name in ("CDDL", "CDDPL"):
            mine, theirs = ours.metric(name), other.metric(name)
            assert mine is not None
            assert theirs is not None
            assert mine.value == pytest.approx(theirs.value, abs=1e-12)


@given(
    rows=st.lists(st.tuples(*[st.sampled_from("ab"), *[st.sampled_from([0, 1, None])] * 2]), min_size=1, max_size=40)
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_confusions_are_those_of_a_loop(rows: list[tuple[str, Any, Any]], tmp_path: Path) -> None:
    # A column without any value has no type.
    rows = [("a", 1, 1), *rows]
    facets, labels, predictions = zip(*rows, strict=True)
    texts = {
        "gender": facets,
        "approved": [None if each is None else f"t{each}" for each in labels],
        "prediction": [None if each is None else f"t{each}" for each in predictions],
    }
    expected = {
        value: tuple(
            sum(f == value and (y == 1) is positive and (p == 1) is predicted for f, y, p in rows)
            for positive, predicted in ((True, True), (False, True), (True, False), (False, False))
        )
        for value in dict.fromkeys(facets)
    }
    path = written(tmp_path / "rows.csv", csv_of(texts))
    assert confusions(count(path, positive=("t1",))[0]) == expected
