"""Test the lab as a pipeline: DAG, S3, two jobs that run, reports, gates, the repair and the training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest_sagemaker import Aws
from dag_runs import run

from airflow_clarify import Analysis

pytestmark = [pytest.mark.airflow, pytest.mark.server]


def test_the_lab_on_sagemaker(aws: Aws, airflow_db: Path) -> None:
    from clarify_on_sagemaker import dag

    before = len(aws.created())
    ran = run(dag, bucket="lab", role="clarify", conn_id="clarify_lab")

    assert set(ran.states.values()) == {"success"}
    assert len(aws.created()) == before + 2
    unbalanced, balanced = (Analysis.from_xcom(ran.xcoms[t]["return_value"]) for t in ("unbalanced", "balanced"))
    trend = unbalanced.facets[0].result("Trend")
    assert trend is not None
    assert {metric.name: metric.value for metric in trend.metrics}["DPL"] == pytest.approx(
        0.11004222980605016, abs=1e-12
    )
    assert (unbalanced.rows, balanced.rows) == (22_626, 486)
    assert ran.xcoms["gate"]["verdict"]["outcome"] == "violation"
    assert ran.xcoms["gate_after"]["verdict"]["outcome"] == "pass"
    assert ran.xcoms["train"]["return_value"]["rows"] == 486

    folder = unbalanced.outputs["analysis"].removeprefix("s3://lab/").removesuffix("/analysis.json")
    verdict = json.loads(aws.read(f"{folder}/verdict.json"))
    assert [finding["value"] for finding in verdict["findings"]] == ["Trend"]
    assert b"violation" in aws.read(f"{folder}/report.html").lower()
    assert aws.created()[-1]["Tags"] == [{"Key": "dag", "Value": "clarify_on_sagemaker"}]
