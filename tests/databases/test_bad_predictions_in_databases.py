"""Test the errors for columns that cannot be predictions, in every database."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from database_factories import Column, Database

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.config import ModelPredictedLabelConfig
from airflow_clarify.exceptions import ClarifyError

COLUMNS = {
    "g": Column("text", ["a", "b"] * 30),
    "y": Column("integer", [1, 0, 0] * 20),
    "texts": Column("text", ["yes", "no", "no"] * 20),
    "labels": Column("integer", [1, 0, 0] * 20),
    "scores": Column("float", [number / 60 for number in range(60)]),
    "percent": Column("float", [float(number) for number in range(60)]),
}


def check_bad_predictions(database: Database, max_cells: Sequence[int] = (200_000, 0)) -> None:
    """Check the sentence of each column that is not what the configuration says."""
    database.load("scored", COLUMNS)
    labels = "probability_threshold: column 'labels' holds only 0 and 1, which are predicted labels, not scores"
    cases = [
        ("nope", None, "predicted_label: the data have no column 'nope'"),
        ("y", None, "predicted_label: 'y' is the label; name the column of predictions"),
        ("texts", None, "predicted_label: column 'texts' holds texts and label 'y' numbers, so no prediction is posi"),
        ("texts", 0.5, "predicted_label: column 'texts' has 60 of 60 rows that hold no number, so it holds no scores"),
        ("scores", None, "predicted_label: column 'scores' is continuous (float, 60 distinct values in 60 rows)"),
        ("percent", 0.5, "predicted_label: column 'percent' has 58 of 60 rows outside 0 to 1; scores that"),
        *([("labels", 0.5, labels)] if database.name != "sqlite" else []),
    ]

    def count(column: str, threshold: float | None, limit: int) -> None:
        data = DataConfig(table="scored", label="y", predicted_label=column)
        predicted = ModelPredictedLabelConfig(probability_threshold=threshold)
        bias, methods = BiasConfig([1], "g"), ["DPPL"]
        config = AnalysisConfig.build(data, bias, post_training_methods=methods, model_predicted_label_config=predicted)
        database.engine(limit).count(data, config)

    for limit in max_cells:
        for column, threshold, sentence in cases:
            with pytest.raises(ClarifyError) as raised:
                count(column, threshold, limit)
            assert str(raised.value).startswith(sentence)
            assert "\n" not in str(raised.value)


def test_bad_predictions_are_one_sentence(database: Database) -> None:
    check_bad_predictions(database)
