"""Test the content of asset events, in Airflow's runner and in edge cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, AssetAlias
from dag_runs import run

from airflow_clarify import (
    Analysis,
    AnalysisConfig,
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    Thresholds,
)
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.operators.asset_events import summarize_analysis, summarize_verdicts

LOANS, MEASURED, CHECKED, BALANCED = (Asset(name, uri=f"file:///lineage/{name}.csv") for name in "abcd")


def events_of(dag_id: str) -> dict[str, dict[str, Any]]:
    """Return the content of the events of a DAG's assets, by asset."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetModel.name, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        return dict(session.execute(query.where(AssetEvent.source_dag_id == dag_id)).all())


@pytest.mark.airflow
def test_events_contain_the_results(airflow_db: Path, tmp_path: Path) -> None:
    rows = [f"{f},{int(n < positive)}" for f, positive in (("x", 60), ("z", 10)) for n in range(100)]
    data = tmp_path / "data.csv"
    data.write_text("\n".join(["f,y", *rows]) + "\n")
    with DAG("assets_that_say", schedule=None) as dag:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(data), output_path=str(tmp_path / "out"), label="y"),
            bias_config=BiasConfig([1], "f"),
            methods=["CI", "DPL"],
            outlets=[MEASURED, AssetAlias("nobody's")],
        )
        bias >> BiasGateOperator(
            task_id="gate",
            analysis=bias.output,
            thresholds={"DPL": 0.6, "CI": (-0.5, 0.9)},
            on_violation="warn",
            asset_on_pass=CHECKED,
            asset_extra={"partition": "2026-11-22"},
        )
        BalanceDatasetOperator(
            task_id="balance",
            source=str(data),
            target=str(tmp_path / "balanced.csv"),
            by=["f", "y"],
            seed=7,
            outlets=[BALANCED],
        )
    ran = run(dag)

    assert ran.state == "success"
    said = events_of(dag.dag_id)
    analysis = str(tmp_path / "out" / "analysis.json")
    assert said["b"] == {
        "rows": 200,
        "CI of f": 0.0,
        "DPL of f": 0.5,
        "analysis": analysis,
    }
    assert said["c"] == {
        "partition": "2026-11-22",
        "verdict": f"passed: 3 of 3 checks are within their bounds; data: {data}",
        "checks": 3,
        "DPL of f": -0.5,
        "CI of f": 0.0,
        "analysis": analysis,
    }
    assert said["d"] == {
        "source": str(data),
        "rows_before": 200,
        "rows_after": 40,
        "strategy": "undersample",
        "seed": 7,
    }


def analysis_of(columns: int, values: list[str], negatives: int = 40) -> Analysis:
    """Build an analysis with equal facets; without negatives the first value has only one outcome."""
    facets = []
    for n in range(columns):
        cells = [
            Cell(value, label, label == "1", None, WeightedCount.from_rows(60 if label == "1" else negatives or 5 * at))
            for at, value in enumerate(values)
            for label in ("1", "0")
        ]
        facets.append(FacetContingency(f"{n}" + "\u202e<b>" * 100, values, cells))
    config = AnalysisConfig.build(DataConfig("data.csv", label="y"), BiasConfig([1], "f"), "all")
    return Analysis.from_contingency(Contingency("y", "1", facets), config)


@pytest.mark.parametrize("negatives", [40, 0])
def test_events_stay_small_and_flat_for_all_data(negatives: int) -> None:
    hostile = [f"{n}" + "\n\u202e<script>" * 60 for n in range(20)]
    analysis = analysis_of(columns=12, values=hostile, negatives=negatives)
    rules = Thresholds({"DPL": 1.0, "KL": (None, 100.0), "CI": 1.0}, undefined="ignore")
    verdict = rules.judge(analysis)

    for extra in (summarize_analysis(analysis), summarize_verdicts([analysis] * 9, [verdict] * 9)):
        text = json.dumps(extra, allow_nan=False)
        assert len(text) < 2500
        assert json.loads(text) == extra
        assert all(name.isprintable() for name in extra)
        # Airflow 3.1 requires plain values.
        assert hash(frozenset(extra.items()))
        assert sum(name.startswith(("DPL of", "KL of", "CI of")) for name in extra) >= 3


def test_infinities_are_text_as_in_clarifys_file() -> None:
    document = {
        "version": "1.0",
        "pre_training_bias_metrics": {
            "label": "y",
            "facets": {
                "f": [{"value_or_threshold": "a", "metrics": [_metric("DPL", -0.25), _metric("KL", "Infinity")]}]
            },
            "label_value_or_threshold": "1",
        },
    }
    analysis = Analysis.from_clarify_json(json.dumps(document))

    assert summarize_analysis(analysis) == {"rows": None, "DPL of f": -0.25, "KL of f": "Infinity"}


def _metric(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "description": name, "value": value}
