"""Test the example DAG that gates a deployment in Airflow's runner: what is deployed has passed a gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dag_runs import Ran, run
from example_dags import analysis_of, load, metric

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def ran(airflow_db: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(load("model_bias_gate").dag, folder=str(tmp_path_factory.mktemp("model")))


def test_the_biased_model_is_stopped_and_the_reweighed_one_is_deployed(ran: Ran) -> None:
    assert set(ran.states.values()) == {"success"}
    violations = ran.xcoms["gate"]["verdict"]["findings"]
    assert ran.xcoms["gate"]["verdict"]["outcome"] == "violation"
    assert {finding["metric"] for finding in violations if finding["outcome"] == "violation"} == {"DI", "RD"}
    assert ran.xcoms["gate_again"]["verdict"]["outcome"] == "pass"

    deployed = ran.xcoms["deploy"]["return_value"]
    assert deployed["trained_by"] == "train_again"
    assert deployed["verdict"]["outcome"] == "pass"
    assert Path(deployed["model"]).read_bytes() == Path(ran.xcoms["train_again"]["model"]).read_bytes()
    assert json.loads(Path(deployed["model"]).with_name("model.json").read_text()) == deployed


def test_weights_bring_the_predictions_within_the_four_fifths_rule(ran: Ran) -> None:
    before, after = analysis_of(ran, "model_bias"), analysis_of(ran, "model_bias_again")

    # The labels are the same rows; only the predictions differ.
    assert metric(before, "1", "DPL") == metric(after, "1", "DPL")
    assert metric(before, "1", "DI") < 0.8 < metric(after, "1", "DI") <= 1.25
    assert metric(after, "1", "RD") <= 0.1 < metric(before, "1", "RD")
    # The first model made the bias of its labels worse.
    assert metric(before, "1", "DPPL") > metric(before, "1", "DPL")


def test_a_model_within_bounds_is_deployed_at_once(airflow_db: Path, tmp_path: Path) -> None:
    ran = run(load("model_bias_gate").dag, folder=str(tmp_path), ratio=0.5, recall=0.5)

    assert ran.xcoms["gate"]["verdict"]["outcome"] == "pass"
    assert {ran.states[task] for task in ("reweigh", "train_again", "model_bias_again", "gate_again")} == {"skipped"}
    assert ran.xcoms["deploy"]["return_value"]["trained_by"] == "train"


def test_nothing_is_deployed_if_the_second_model_is_biased_too(airflow_db: Path, tmp_path: Path) -> None:
    ran = run(load("model_bias_gate").dag, folder=str(tmp_path), ratio=0.99)

    assert ran.states["gate_again"] == "failed"
    assert ran.states["deploy"] == "upstream_failed"
    assert not (tmp_path / "registry").exists()
    assert list(tmp_path.rglob("registry")) == []
