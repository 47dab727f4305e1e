"""The flip test: by hand, against a loop over all distances, and where it is undefined."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.engines.duckdb import flip_test

pytestmark = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")


def measure(data: Any, methods: Any = ("FT",), facet: Any = "gender", **options: Any) -> Analysis:
    described = DataConfig(
        "in memory" if isinstance(data, pandas.DataFrame) else str(data),
        label="approved",
        predicted_label="prediction",
        **options,
    )
    config = AnalysisConfig.build(described, BiasConfig(["yes"], facet), None, post_training_methods=methods)
    where = data if isinstance(data, pandas.DataFrame) else described
    weight = options.get("weight")
    return Analysis.from_contingency(
        DuckDBEngine(duckdb_conn_id=None, threads=2).count(where, config, weight=weight), config
    )


def flips(analysis: Analysis) -> dict[str, Any]:
    found = {}
    for result in analysis.facets[0].results:
        metric = result.metric("FT")
        assert metric is not None
        found[result.value] = metric.error if metric.value is None else metric.value
    return found


#: Three women between four men; a single neighbour votes, as there are few men.
FEW = pandas.DataFrame(
    {
        "gender": ["M", "M", "M", "M", "F", "F", "F"],
        "approved": ["yes", "no"] * 3 + ["yes"],
        "prediction": ["no", "no", "yes", "yes", "no", "no", "yes"],
        "income": [1.0, 2.0, 8.0, 9.0, 1.2, 8.8, 9.2],
    }
)


def test_a_small_example_computed_by_hand(tmp_path: Path) -> None:
    # Only the woman with an income of 8.8 is treated unlike her neighbour, who is predicted positive.
    assert flips(measure(FEW))["F"] == -1 / 3
    FEW.to_csv(tmp_path / "few.csv", index=False)
    assert flips(measure(tmp_path / "few.csv")) == flips(measure(FEW))


def test_five_neighbours_vote_as_in_a_loop_over_all_distances() -> None:
    chance = numpy.random.default_rng(5)
    rows = 200
    frame = pandas.DataFrame(
        {
            "gender": chance.choice(["F", "M"], rows),
            "approved": chance.choice(["yes", "no"], rows),
            "prediction": chance.choice(["yes", "no"], rows),
            "income": chance.random(rows),
            "owner": chance.random(rows) < 0.5,
        }
    )
    features = frame[["income", "owner"]].to_numpy(dtype=float)
    predicted = (frame.prediction == "yes").to_numpy()
    for value, found in flips(measure(frame)).items():
        member = (frame.gender == value).to_numpy()
        distances = ((features[member][:, None] - features[~member][None]) ** 2).sum(axis=2)
        expected = predicted[~member][numpy.argsort(distances, axis=1)[:, :5]].sum(axis=1) > 2
        own = predicted[member]
        assert found == ((own & ~expected).sum() - (~own & expected).sum()) / member.sum()


def test_other_columns_than_numbers() -> None:
    assert set(flips(measure(FEW.assign(city="x"))).values()) == {flip_test.NON_NUMERIC}
    assert flips(measure(FEW.assign(city="x"), excluded_columns=["city"])) == flips(measure(FEW))


def test_a_missing_number() -> None:
    found = flips(measure(FEW.assign(income=[None, *FEW.income[1:]])))
    assert set(found.values()) == {"Input X contains NaN."}


def test_weighted_data_have_no_flip_test() -> None:
    assert "cannot use their weights" in flips(measure(FEW.assign(w=1.0), weight="w"))["F"]


def test_many_rows_are_compared_only_if_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flip_test, "MAX_ROWS", 6)
    assert "7 rows are more than 6; name FT in the methods" in flips(measure(FEW, "all"))["F"]
    assert flips(measure(FEW))["F"] == -1 / 3


def test_data_without_a_feature_are_an_error() -> None:
    assert flips(measure(FEW.drop(columns="income"))) == dict.fromkeys("MF", flip_test.NO_FEATURES)
