"""Post-training metrics against the open-source Clarify metrics, on random confusion matrices and on random data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed
from prediction_cases import PredictionCase, Table, prediction_cases, random_tables
from test_conformance import CLOSE, DATASETS, SEED, Oracle, disagreement, random_cases, seen
from test_conformance import oracle as oracle

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.api import measure
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.post_training import METRICS_OF_PREDICTIONS, POST_TRAINING_METRICS, Confusion
from airflow_clarify.exceptions import ClarifyError, MetricError

pytestmark = pytest.mark.conformance

#: Errors for which Clarify's whole job fails, where we report what is defined.
OTHER_TYPE = "ValueError: Predicted Label Column series datatype is not the same as Label Column series"
#: It converts continuous predictions to the type of the labels, and a missing one is not a whole number.
MISSING_IS_NOT_WHOLE = "IntCastingNaNError: Cannot convert non-finite values (NA or inf) to integer"
NOTHING_PREDICTED = "ValueError: No Label values are present in the predicted Label Column,"
_TYPES = {"csv": "text/csv", "parquet": "application/x-parquet"}

# --- Confusion matrices -------------------------------------------------------------------------------------------

#: Published tables, and those at the edges.
KNOWN_TABLES: list[Table] = [
    ((1187, 17, 0, 0), (2707, 89, 0, 0)),
    ((2779, 16, 0, 1), (2707, 88, 0, 1)),
    ((0, 0, 0, 5), (5, 0, 0, 0)),
    ((556, 31, 52, 229), (27, 1, 1, 3)),
    ((0, 0, 0, 0), (0, 0, 0, 0)),
    ((0, 0, 0, 0), (3, 1, 2, 4)),
    ((3, 1, 2, 4), (0, 0, 0, 0)),
    ((0, 0, 3, 0), (0, 0, 4, 0)),
    ((0, 0, 3, 4), (0, 0, 1, 2)),
    ((3, 4, 0, 0), (1, 2, 0, 0)),
]


def test_random_confusion_matrices(oracle: Oracle) -> None:
    tables = [*KNOWN_TABLES, *random_tables(SEED, DATASETS)]
    theirs = oracle.send({"tables": tables})["tables"]
    for (d, a), expected in zip(tables, theirs, strict=True):
        assert expected.keys() == POST_TRAINING_METRICS.keys() - {"CDDPL", "FT"}
        for name, value in expected.items():
            mine = compute(name, Confusion(*d), Confusion(*a))
            assert are_alike(mine, value), f"CLARIFY_CONFORMANCE_SEED={SEED}: {name} of {d}, {a}: {mine!r} / {value!r}"
    seen["confusion matrices"] += len(tables)


def compute(name: str, d: Confusion, a: Confusion) -> float | str:
    function = POST_TRAINING_METRICS[name].function
    assert function is not None
    try:
        return function(d, a)
    except MetricError as error:
        return str(error)


def are_alike(mine: float | str, value: float | str) -> bool:
    if isinstance(mine, str) or isinstance(value, str):
        return mine == value
    # An integer is written differently from a float.
    return type(mine) is type(value) and (mine == value or abs(mine - value) <= CLOSE * max(1.0, abs(value)))


# --- Data -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("predictions")


def analyze(case: PredictionCase, path: Path) -> Analysis:
    bias = BiasConfig(
        list(case.label_values),
        "facet",
        None if case.facet_values is None else list(case.facet_values),
        "group" if case.has_group else None,
    )
    data = DataConfig(str(path), label="label", predicted_label="predicted", dataset_type=_TYPES[case.format])
    config = AnalysisConfig.build(data, bias, None, post_training_methods=list(case.methods))
    return measure(data, config, DuckDBEngine(duckdb_conn_id=None, threads=1))


def try_to_analyze(case: PredictionCase, path: Path) -> tuple[Analysis | None, str]:
    try:
        return analyze(case, path), ""
    except ClarifyError as error:
        return None, str(error)


def ask(oracle: Oracle, case: PredictionCase, path: Path, **changes: Any) -> dict[str, Any]:
    return oracle.send(
        {
            "path": str(path),
            "format": case.format,
            "label": "label",
            "label_values": list(case.label_values),
            "facet": "facet",
            "facet_values": None if case.facet_values is None else list(case.facet_values),
            "group": "group" if case.has_group else None,
            "predicted": "predicted",
            "methods": list(case.methods),
            **changes,
        }
    )


def compare(case: PredictionCase, oracle: Oracle, folder: Path) -> None:
    path = case.write(folder)
    theirs = ask(oracle, case, path)
    analysis, refused = try_to_analyze(case, path)
    error = theirs.get("error", "")
    if analysis is None:
        assert error, f"{refused} / {theirs}"
        seen["errors of both, with predictions"] += 1
        return
    if error.startswith(MISSING_IS_NOT_WHOLE) and not analysis.prediction_error:
        # Whole numbers beside missing ones are floats to pandas only. A missing prediction is negative, as a prediction
        # that equals the threshold.
        seen["missing whole predictions"] += 1
        theirs = ask(oracle, case, path, fill_predicted=case.label_values[0])
        error = theirs.get("error", "")
    if error.startswith((OTHER_TYPE, MISSING_IS_NOT_WHOLE)):
        seen["predictions of another type"] += 1
        assert analysis.prediction_error
        compared = [m for _, r in analysis.results() for m in r.metrics if m.name not in METRICS_OF_PREDICTIONS]
        assert all(metric.value is None and metric.error for metric in compared)
        return
    if error.startswith(NOTHING_PREDICTED):
        seen["no row predicted positive"] += 1
        assert analysis.one_sided_prediction is not None
        assert analysis.one_sided_prediction.startswith("no row of ")
        return
    assert not analysis.prediction_error, f"{analysis.prediction_error} / {theirs}"
    section = json.loads(analysis.to_clarify_json())["post_training_bias_metrics"]
    mine = {"facet": section["facets"]["facet"], "label_text": section["label_value_or_threshold"]}
    found = disagreement(mine, theirs)
    assert found is None, found
    seen["alike, with predictions"] += 1


@seed(SEED)
@random_cases
@given(case=prediction_cases())
@pytest.mark.timeout(1800)
def test_random_predictions(case: PredictionCase, oracle: Oracle, folder: Path) -> None:
    compare(case, oracle, folder)
