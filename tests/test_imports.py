"""The cost of importing a DAG file, which the scheduler does every few seconds.

Seconds depend on the machine, modules do not: so modules are counted, in a fresh interpreter.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_clarify

PROJECT = Path(__file__).resolve().parents[1]
EXAMPLE_DAGS = sorted((PROJECT / "dags").glob("*.py"))

HEAVY = {"boto3", "botocore", "duckdb", "jinja2", "numpy", "pandas", "pyarrow", "pyspark", "sklearn", "sqlglot"}
BUDGET = 66

PLAIN_DAG = """
from airflow.sdk import DAG, task

with DAG("plain", schedule=None):

    @task
    def hello():
        return "hello"

    hello()
"""

EVERY_NAME = """
import airflow_clarify

for name in airflow_clarify.__all__:
    getattr(airflow_clarify, name)
"""

DAG_OF_THE_README = """
from airflow.sdk import DAG

from airflow_clarify import BalanceDatasetOperator, BiasConfig, BiasGateOperator, ClarifyPreTrainingBiasOperator
from airflow_clarify import DataConfig

with DAG("bias", schedule=None):
    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        data_config=DataConfig(input_path="reviews.csv", output_path="bias", label="sentiment"),
        bias_config=BiasConfig(label_values_or_threshold=[1], facet_name="product_category"),
        methods=["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"],
    )
    bias >> BiasGateOperator(task_id="gate", analysis=bias.output, thresholds={"DPL": 0.1}, on_violation="fail")
"""


#: Runs a plain DAG file, and then each of the given codes in a fork of that state.
MEASURE = f"""
import json, os, sys
exec({PLAIN_DAG!r})
before = {{name for name in sys.modules if name.partition(".")[0] != "airflow_clarify"}}
for code in json.load(sys.stdin):
    reader, writer = os.pipe()
    if os.fork() == 0:
        exec(code, {{}})
        os.write(writer, json.dumps(sorted(set(sys.modules) - before)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as added:
        print(added.read() or "null")
    os.wait()
"""


def build_code(dag: Path) -> str:
    """Build the code that runs a DAG file."""
    return f"import runpy, sys; sys.path.append({str(dag.parent)!r}); runpy.run_path({str(dag)!r})"


@pytest.fixture(scope="module")
def modules_added_by() -> dict[str, set[str]]:
    """The modules that each code loads beyond a plain DAG file's, and all of ours.

    Airflow looks at every provider's information while it starts, so part of ours is there before the code runs.
    """
    codes = [EVERY_NAME, DAG_OF_THE_README, "import airflow_clarify", *map(build_code, EXAMPLE_DAGS)]
    command = [sys.executable, "-W", "ignore", "-c", MEASURE]
    run = subprocess.run(command, input=json.dumps(codes), capture_output=True, text=True, check=False)
    added = [json.loads(line) for line in run.stdout.splitlines()[-len(codes) :]]
    assert len(added) == len(codes), run.stderr
    assert None not in added, run.stderr
    return {code: set(modules) for code, modules in zip(codes, added, strict=True)}


def top_level(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("code", [EVERY_NAME, DAG_OF_THE_README], ids=["every public name", "the DAG of the README"])
def test_public_names_load_no_heavy_module(code: str, modules_added_by: dict[str, set[str]]) -> None:
    added = modules_added_by[code]

    assert top_level(added) & HEAVY == set()
    assert len(added) <= BUDGET, f"{len(added)} modules: {sorted(added)}"


def test_importing_the_package_loads_no_submodule(modules_added_by: dict[str, set[str]]) -> None:
    assert modules_added_by["import airflow_clarify"] <= {"airflow_clarify", "airflow_clarify.get_provider_info"}


@pytest.mark.parametrize("dag", EXAMPLE_DAGS, ids=lambda dag: dag.name)
def test_example_dags_load_nothing_heavy(dag: Path, modules_added_by: dict[str, set[str]]) -> None:
    assert top_level(modules_added_by[build_code(dag)]) & HEAVY == set()


def test_every_public_name_is_found_and_listed() -> None:
    for name in airflow_clarify.__all__:
        assert getattr(airflow_clarify, name) is not None
    assert set(airflow_clarify.__all__) <= set(dir(airflow_clarify))
    assert sorted(airflow_clarify._LAZY_IMPORTS) == sorted(set(airflow_clarify.__all__) - {"__version__"})


def test_type_checkers_see_the_names_where_python_finds_them() -> None:
    tree = ast.parse((PROJECT / "airflow_clarify" / "__init__.py").read_text())
    for_type_checkers = {
        alias.name: statement.module
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert for_type_checkers == airflow_clarify._LAZY_IMPORTS


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clarifier'"):
        airflow_clarify.Clarifier  # noqa: B018
