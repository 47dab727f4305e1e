"""Test the operators of the post-training stage and of both stages in Airflow's runner, beside the first one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.models.asset import AssetEvent
from airflow.sdk import DAG, Asset
from airflow.utils.session import create_session
from dag_runs import Ran, run
from sqlalchemy import select

from airflow_clarify import (
    Analysis,
    BiasConfig,
    BiasGateOperator,
    ClarifyBiasOperator,
    ClarifyPostTrainingBiasOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    ModelPredictedLabelConfig,
)

pytestmark = pytest.mark.airflow

#: Rows of a group by label and prediction: TP, FP, FN and TN.
COUNTS = {"F": (18, 2, 12, 68), "M": (110, 16, 10, 64)}
PRE, POST = ["CI", "DPL"], ["AD", "DI", "DPPL", "RD"]
BIAS = BiasConfig([1], "gender", ["F"], label_type="categorical", facet_type="categorical")


def write_people(path: Path) -> Path:
    kinds = [(1, 1), (0, 1), (1, 0), (0, 0)]
    rows = [
        f"{gender},{label},{predicted},{0.9 if predicted else 0.1}"
        for gender, counts in COUNTS.items()
        for (label, predicted), number in zip(kinds, counts, strict=True)
        for _ in range(number)
    ]
    path.write_text("\n".join(["gender,hired,predicted,score", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def ran(airflow_db: Path, folder: Path) -> Ran:
    people = str(write_people(folder / "people.csv"))

    def describe(task_id: str, **fields: Any) -> DataConfig:
        return DataConfig(people, output_path=str(folder / task_id), label="hired", **fields)

    with DAG("stages", schedule=None, params={"threshold": 0.5, "column": "score"}) as dag:
        ClarifyPreTrainingBiasOperator(task_id="pre", data_config=describe("pre"), bias_config=BIAS, methods=PRE)
        ClarifyPostTrainingBiasOperator(
            task_id="post",
            data_config=describe("post", predicted_label="{{ params.column }}"),
            bias_config=BIAS,
            methods=POST,
            model_predicted_label_config=ModelPredictedLabelConfig(probability_threshold="{{ params.threshold }}"),
        )
        both = ClarifyBiasOperator(
            task_id="both",
            data_config=describe("both", predicted_label="predicted"),
            bias_config=BIAS,
            pre_training_methods=PRE,
            post_training_methods=POST,
            outlets=[Asset("people_with_predictions")],
        )
        configured = ClarifyPostTrainingBiasOperator(
            task_id="configured",
            data_config=describe("configured"),
            analysis_config=str(folder / "both" / "analysis_config.json"),
            report_formats=["html"],
        )
        gate = BiasGateOperator(
            task_id="gate", analysis=both.output, thresholds={"DI": 0.8, "DPL": 0.4}, on_violation="warn"
        )
        both >> [gate, configured]
    return run(dag)


def metrics(ran: Ran, task_id: str) -> dict[str, float | None]:
    (result,) = Analysis.from_xcom(ran.xcoms[task_id]["return_value"]).facets[0].results
    return {metric.name: metric.value for metric in result.metrics}


def test_both_stages_are_the_two_stages_together(ran: Ran, folder: Path) -> None:
    assert set(ran.states.values()) == {"success"}
    pre, post, both = (metrics(ran, task_id) for task_id in ("pre", "post", "both"))
    assert list(pre) == PRE
    assert list(post) == POST
    assert both == {**pre, **post}
    assert post == pytest.approx({"AD": 0.01, "DI": 20 / 126 * 2, "DPPL": 0.43, "RD": 110 / 120 - 18 / 30})

    sections = {
        task_id: [key for key in json.loads((folder / task_id / "analysis.json").read_text()) if "bias" in key]
        for task_id in ("pre", "post", "both")
    }
    assert sections == {
        "pre": ["pre_training_bias_metrics"],
        "post": ["post_training_bias_metrics"],
        "both": ["post_training_bias_metrics", "pre_training_bias_metrics"],
    }
    written = {task_id: {path.name for path in (folder / task_id).iterdir()} - {"verdict.json"} for task_id in sections}
    assert written["pre"] == written["post"] == written["both"]


def test_an_operator_of_one_stage_leaves_the_other_stage_of_a_configuration_out(ran: Ran) -> None:
    assert metrics(ran, "configured") == metrics(ran, "post")


def test_the_gate_judges_both_stages(ran: Ran) -> None:
    verdict = ran.xcoms["gate"]["verdict"]
    assert [finding["metric"] for finding in verdict["findings"] if finding["outcome"] == "violation"] == ["DI"]
    assert verdict["sentence"].startswith("violation: 1 of 2 checks fails, the worst: DI of gender=F is 0.31")


def test_the_event_and_the_overview_have_the_metrics_of_both_stages(ran: Ran) -> None:
    with create_session() as session:
        extra = session.scalars(select(AssetEvent.extra).where(AssetEvent.source_dag_id == "stages")).one()
    assert {f"{name} of gender" for name in (*PRE, *POST)} <= set(extra)
    assert extra["DPPL of gender"] == pytest.approx(0.43)
    assert "DPPL" in json.dumps(ran.xcoms["both"]["bias_overview"])


@pytest.mark.parametrize(
    ("data", "config", "sentence"),
    [
        ({"predicted_label": "forecast"}, None, "predicted_label: the data have no column 'forecast'"),
        (
            {"predicted_label": "gender_"},
            {"probability_threshold": 0.5},
            "predicted_label: column 'gender_' has 300 of 300 rows that hold no number",
        ),
    ],
)
def test_bad_predictions_fail_the_task_at_once(
    data: dict[str, Any],
    config: dict[str, Any] | None,
    sentence: str,
    airflow_db: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    people = write_people(tmp_path / "people.csv")
    lines = people.read_text().splitlines()
    people.write_text("\n".join([lines[0] + ",gender_", *(f"{line},{line[0]}" for line in lines[1:])]) + "\n")
    with DAG("bad", schedule=None) as dag:
        ClarifyBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(people), output_path=str(tmp_path / "out"), label="hired", **data),
            bias_config=BIAS,
            model_predicted_label_config=config,
            retries=3,
        )

    assert run(dag).states["bias"] == "failed"
    assert sentence in capfd.readouterr().out
    assert not (tmp_path / "out").exists()
