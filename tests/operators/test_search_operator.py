"""Test the search for subgroups in Airflow: checks at parse time, the run of a DAG, and the gate behind it."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Param
from dag_runs import run

from airflow_clarify import (
    BiasConfig,
    BiasGateOperator,
    DataConfig,
    FindBiasedSubgroupsOperator,
    SageMakerEngine,
    SQLEngine,
)
from airflow_clarify.api import find_subgroups
from airflow_clarify.artifacts import read_exact_search, write_search
from airflow_clarify.bias.subgroups.suppression import hide_small_subgroups
from airflow_clarify.exceptions import ConfigError, DataError


def search(**changes: Any) -> FindBiasedSubgroupsOperator:
    arguments: dict[str, Any] = {
        "data_config": DataConfig("loans.csv"),
        "label": "ok",
        "label_values_or_threshold": [1],
        "columns": ["sex", "region"],
        **changes,
    }
    return FindBiasedSubgroupsOperator(task_id="search", **arguments)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"columns": ["sex", "sex"]}, "columns: 'sex' is given twice; a column cannot be crossed with itself"),
        ({"columns": "sex"}, "columns: give a list of columns, such as ['sex', 'age'], not 'sex'"),
        ({"columns": ["sex", "ok"]}, "columns: 'ok' is the label; a label cannot be biased against itself"),
        ({"metric": "CI"}, "metric: 'CI' is not a difference of two proportions"),
        ({"metric": "RD"}, "metric: RD needs predictions; name their column in predicted_label"),
        ({"max_depth": 9}, "max_depth: a whole number from 1 to 5, not 9"),
        ({"min_rows": 0}, "min_rows: a whole number from 1, not 0"),
        ({"label": None}, "label: name the label column"),
        ({"label_values_or_threshold": None}, "label_values_or_threshold: give either it or bias_config"),
        ({"bias_config": BiasConfig([1], "sex")}, "label_values_or_threshold: give either it or bias_config"),
        ({"engine": SageMakerEngine(role="r")}, "engine: SageMakerEngine cannot search for subgroups"),
        ({"engine": SQLEngine("warehouse")}, "input_path: a database cannot read loans.csv"),
        ({"engine": "duckdb"}, "engine: give an engine"),
        ({"suppress_below": -1}, "suppress_below: a number of rows such as 10, or 0 to hide nothing, not -1"),
        ({"suppress_below": 10}, "suppress_below: set output_path in the DataConfig; subgroups.json there keeps"),
    ],
)
def test_a_mistake_is_an_error_of_the_task_when_the_dag_is_parsed(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"task 'search': {sentence}")):
        search(**changes)


def test_what_templates_hold_is_checked_when_the_task_runs() -> None:
    task = search(columns="{{ params.columns }}", min_rows="{{ params.rows }}", label="{{ params.label }}")

    assert {"columns", "min_rows", "label_column", "data_config"} <= set(task.template_fields)


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    draw = random.Random(5)
    lines = ["sex,region,ok"]
    for _ in range(3_000):
        sex, region = draw.choice("FM"), draw.choice(["north", "south", "east"])
        low = sex == "F" and region == "north"
        lines.append(f"{sex},{region},{int(draw.random() < (0.2 if low else 0.6))}")
    path = tmp_path / "loans.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.airflow
def test_a_gate_stops_at_what_the_search_has_found(airflow_db: Path, loans: Path, tmp_path: Path) -> None:
    params = {"columns": Param(["sex", "region"]), "rows": Param(150)}
    with DAG("search", schedule=None, params=params) as dag:
        found = FindBiasedSubgroupsOperator(
            task_id="search",
            data_config=DataConfig(str(loans), output_path=str(tmp_path / "out")),
            label="ok",
            label_values_or_threshold=[1],
            columns="{{ params.columns }}",  # type: ignore[arg-type]
            min_rows="{{ params.rows }}",  # type: ignore[arg-type]
            suppress_below=200,
        )
        found >> BiasGateOperator(task_id="tight", analysis=found.output, thresholds={"DPL": 0.2})
        found >> BiasGateOperator(task_id="wide", analysis=found.output, thresholds={"DPL": 0.9})

    ran = run(dag)

    assert ran.states == {"search": "success", "tight": "failed", "wide": "success"}
    returned = ran.xcoms["search"]["return_value"]
    assert returned["format"] == "airflow_clarify.subgroups/1"
    assert returned["min_rows"] == 150
    # The gate judges a finding with fewer than 200 positive labels, of which only the file has the numbers.
    assert {"sex": "F", "region": "north"} not in [one["group"] for one in returned["subgroups"]]
    assert returned["hidden"] >= 1
    assert returned["run"]["task_id"] == "search"
    shown = ran.xcoms["search"]["bias_overview"]
    assert shown["kind"] == "search"
    # The page shows what the XCom has, without the hidden finding.
    assert len(shown["search"]["rows"]) == len(returned["subgroups"])
    assert "hidden (suppress_below=200)" in shown["search"]["summary"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["subgroups.html", "subgroups.json"]
    sentence = ran.xcoms["tight"]["verdict"]["sentence"]
    assert "DPL of sex+region=F+north is a violation; its numbers are hidden (suppress_below=200)" in sentence


def test_hidden_counts_are_read_from_the_file_of_the_same_search(loans: Path, tmp_path: Path) -> None:
    data = DataConfig(str(loans), label="ok")
    found = find_subgroups(data, ["sex", "region"], [1], min_rows=150)
    exact = write_search(str(tmp_path / "out"), replace(found, suppress_below=200))
    shown = hide_small_subgroups(exact)

    assert read_exact_search(shown) == exact
    with pytest.raises(DataError, match=r"analysis: counts under 200 are hidden, and there are no files to read them"):
        read_exact_search(replace(shown, outputs={}))
    with pytest.raises(DataError, match=r"subgroups.json is of another search; give each run an output_path of its"):
        read_exact_search(replace(shown, questions=3))
