"""The lab on a real Spark cluster, run by Airflow's own runner."""

from __future__ import annotations

from pathlib import Path

import pytest
from dag_runs import Ran, run
from example_dags import analysis_of, load, metric
from spark_cluster import SparkCluster

pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(airflow_db: Path, spark: SparkCluster, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_SPARK_CONNECT_DEFAULT", spark.airflow_connection())
        return run(load("spark_bias_gate").dag, folder=str(tmp_path_factory.mktemp("reviews")))


def test_the_numbers_are_those_of_the_lab(lab: Ran) -> None:
    assert set(lab.states.values()) == {"success"}
    unbalanced, balanced = analysis_of(lab, "bias"), analysis_of(lab, "bias_after")

    assert unbalanced.engine.startswith("Spark 4.")
    assert unbalanced.rows == 22_626
    assert len(unbalanced.facets[0].results) == 18
    assert metric(unbalanced, "Blouses", "CI") == pytest.approx(0.7363210465835764, abs=1e-12)
    assert metric(unbalanced, "Trend", "DPL") == pytest.approx(0.11004222980605016, abs=1e-12)
    assert balanced.rows == 486
    for result in balanced.facets[0].results:
        assert metric(balanced, result.value, "CI") == pytest.approx(0.8888888888888888, abs=1e-12)
        assert metric(balanced, result.value, "DPL") == 0


def test_the_model_is_trained_on_the_balanced_table(lab: Ran) -> None:
    assert [finding["value"] for finding in lab.xcoms["gate"]["verdict"]["findings"]] == ["Trend"]
    trained = lab.xcoms["train"]["return_value"]
    assert trained["data"] == lab.xcoms["balance"]["target"]
    assert trained["data"].startswith("reviews_balanced_")
    assert trained["rows"] == 486
