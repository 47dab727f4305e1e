"""Test import errors in Airflow: one sentence, and the line in the author's DAG file."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

DAG_FILE = """\
from airflow.sdk import DAG, task, task_group
from airflow_clarify import *

BIAS = BiasConfig([1], "f")
with DAG("mistaken", schedule=None):
    @task
    def train():
        pass
    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias", data_config=DataConfig("d.csv", label="y"), bias_config=BIAS, methods=["CI", "DPL"]
    )
    gated = {"task_id": "gate", "analysis": bias.output, "thresholds": {"DPL": 0.1}}
    measured = {"task_id": "again", "data_config": DataConfig("d.csv", label="y"), "bias_config": BIAS}
    MISTAKE
"""
LINE_OF_THE_MISTAKE = DAG_FILE[: DAG_FILE.index("MISTAKE")].count("\n") + 1


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (
            "ClarifyPreTrainingBiasOperator(**{**measured, 'methods': ['CDDL', 'DPL']})",
            "task 'again': group_name: CDDL needs a group variable",
        ),
        (
            "BiasGateOperator(**{**gated, 'thresholds': {'DPL': {'gendr': 0.1}}})",
            "task 'gate': thresholds: facet 'gendr' is not measured: the facets of task 'bias' are 'f'",
        ),
        (
            "BiasGateOperator(**{**gated, 'analysis': [bias, bias.output], 'thresholds': {'KL': 0.1}})",
            "task 'gate': thresholds: KL is not measured: methods of task 'bias' are CI, DPL",
        ),
        (
            "BiasGateOperator(**gated, on_violation='branch', branch_to='balnce') >> train()",
            "task 'gate': branch_to: 'balnce' is not directly downstream of this gate; these tasks are: train",
        ),
        (
            "BiasGateOperator.partial(task_id='gate', thresholds={'DPL': 10})",
            "task 'gate': thresholds: DPL: the bound 10 is beyond the range of DPL",
        ),
        (
            "ClarifyPreTrainingBiasOperator(**measured, engine='duckdb')",
            "task 'again': engine: give an engine, such as DuckDBEngine(), SQLEngine(conn_id), SparkEngine()",
        ),
        (
            "ClarifyPreTrainingBiasOperator(**measured, engine=DuckDBEngine)",
            "task 'again': engine: DuckDBEngine is a class; write DuckDBEngine(...)",
        ),
        ("BiasConfig(None, 'f')", "label_values_or_threshold: None names no value"),
        ("Thresholds({'DPL': 10})", "thresholds: DPL: the bound 10 is beyond the range of DPL"),
    ],
)
def test_an_import_error_contains_the_mistake_and_its_line(
    airflow_db: Path, tmp_path: Path, mistake: str, sentence: str
) -> None:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag

    file = tmp_path / "mistaken.py"
    file.write_text(DAG_FILE.replace("MISTAKE", mistake))
    bag = DagBag(dag_folder=str(file))

    (shown,) = bag.import_errors.values()
    assert sentence in shown
    assert f'File "{file}", line {LINE_OF_THE_MISTAKE}' in shown


def test_a_task_as_argument_means_its_output(airflow_db: Path, tmp_path: Path) -> None:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag

    file = tmp_path / "fine.py"
    file.write_text(DAG_FILE.replace("MISTAKE", "BiasGateOperator(**{**gated, 'analysis': bias, 'before': bias})"))
    bag = DagBag(dag_folder=str(file))

    assert bag.import_errors == {}
    assert bag.dags["mistaken"].get_task("gate").upstream_task_ids == {"bias"}
