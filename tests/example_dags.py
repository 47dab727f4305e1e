"""Load the example DAGs, and read their results."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from dag_runs import Ran

from airflow_clarify import Analysis

DAGS = Path(__file__).resolve().parents[1] / "dags"


def load(name: str) -> ModuleType:
    """An example DAG's module."""
    spec = importlib.util.spec_from_file_location(name, DAGS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def analysis_of(ran: Ran, task_id: str) -> Analysis:
    """Return the analysis of a task."""
    return Analysis.from_xcom(ran.xcoms[task_id]["return_value"])


def metric(analysis: Analysis, value: str, name: str) -> float:
    """A metric of a value of the first facet."""
    result = analysis.facets[0].result(value)
    assert result is not None
    found = result.metric(name)
    assert found is not None
    assert found.value is not None
    return found.value
