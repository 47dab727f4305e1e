"""Test the OpenLineage events that its provider writes while Airflow's runner runs a DAG."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow.providers.openlineage", reason="the provider openlineage is not installed")

HERE = Path(__file__).parent
Event = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lineage")


@pytest.fixture(scope="module")
def events(airflow_db: Path, folder: Path) -> dict[str, Event]:
    """Return the last event of each task."""
    log = folder / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(log), "append": True}
    loans = {"conn_type": "sqlite", "host": str(folder / "loans.db")}
    environment = {
        **os.environ,
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW_CONN_LOANS_DB": json.dumps(loans),
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "openlineage_helpers.py"), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    (folder / "run.log").write_text(ran.stdout + ran.stderr)
    found: dict[str, Event] = {}
    for line in log.read_text().splitlines():
        event = json.loads(line)
        found[event["job"]["name"].rpartition(".")[2]] = event
    return found


pytestmark = [pytest.mark.airflow, pytest.mark.slow]


def only(datasets: list[Event]) -> Event:
    assert len(datasets) == 1
    return datasets[0]


def test_openlineage_does_not_change_task_states(events: dict[str, Event]) -> None:
    ended = {name: event["eventType"] for name, event in events.items()}
    assert ended["bias"] == ended["open"] == ended["balance"] == ended["in_database"] == ended["plain"] == "COMPLETE"
    assert ended["closed"] == ended["cannot_judge"] == "FAIL"


def test_no_errors_are_logged_by_openlineage(events: dict[str, Event], folder: Path) -> None:
    assert "OpenLineage method failed" not in (folder / "run.log").read_text()
    assert not any("extractionError" in event["run"]["facets"] for event in events.values())


def test_inputs_of_a_measuring_task(events: dict[str, Event], folder: Path) -> None:
    read = only(events["bias"]["inputs"])

    assert (read["namespace"], read["name"]) == ("file", str(folder / "data.csv"))
    quality = read["inputFacets"]["dataQualityMetrics"]
    assert quality["_schemaURL"].endswith("DataQualityMetricsInputDatasetFacet")
    assert quality["rowCount"] == 210
    assert quality["columnMetrics"]["y"]["count"] == 210
    assert quality["columnMetrics"]["y"]["distinctCount"] == 2
    assert quality["columnMetrics"]["y"]["nullCount"] == 0


def test_bias_metrics_facet(events: dict[str, Event]) -> None:
    bias = only(events["bias"]["inputs"])["inputFacets"]["clarify_biasMetrics"]

    assert (bias["label"], bias["positive"], bias["omitted"]) == ("y", "1", 0)
    measured = {(one["metric"], one["value"]): one["measured"] for one in bias["metrics"]}
    assert len(measured) == 9
    assert measured["DPL", "z"] == pytest.approx(65 / 110 - 10 / 100, abs=1e-12)
    assert all(value.isprintable() for _, value in measured)


def test_outputs_of_a_measuring_task(events: dict[str, Event], folder: Path) -> None:
    written = {(one["namespace"], one["name"]) for one in events["bias"]["outputs"]}
    assert ("file", str(folder / "out" / "analysis.json")) in written


def test_lineage_of_a_search(events: dict[str, Event], folder: Path) -> None:
    read = only(events["search"]["inputs"])
    facet = read["inputFacets"]["clarify_subgroups"]
    written = {one["name"] for one in events["search"]["outputs"]}

    assert read["name"] == str(folder / "data.csv")
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == 210
    assert (facet["label"], facet["positive"], facet["metric"]) == ("y", "1", "DPL")
    assert [(one["group"], one["rows"]) for one in facet["subgroups"]] == [("f=z", 100), ("f=x", 100)]
    assert written == {str(folder / "found" / name) for name in ("subgroups.json", "subgroups.html")}


@pytest.mark.parametrize(("task_id", "severity"), [("closed", "error"), ("open", "warn")])
def test_assertions_of_a_gate(events: dict[str, Event], folder: Path, task_id: str, severity: str) -> None:
    judged = only(events[task_id]["inputs"])
    facet = judged["inputFacets"]["dataQualityAssertions"]
    by_name = {one["assertion"]: one for one in facet["assertions"]}

    assert judged["name"] == str(folder / "data.csv")
    assert facet["_schemaURL"].endswith("DataQualityAssertionsDatasetFacet")
    assert len(by_name) == (6 if task_id == "closed" else 3)
    held = by_name["DPL of f=z within [-0.6, 0.6]"]
    assert (held["success"], held["column"]) == (True, "f")
    assert held.get("severity", severity) == severity
    if task_id == "closed":
        assert not by_name["CI of f='<b>\\n\\u202e{{ 7 * 7 }}' within [-inf, 0.5]"]["success"]
        assert sum(not one["success"] for one in by_name.values()) == 1


def test_a_gate_without_a_verdict_has_no_assertions(events: dict[str, Event]) -> None:
    assert events["cannot_judge"]["inputs"] == []


def test_lineage_of_a_balancing_task(events: dict[str, Event], folder: Path) -> None:
    read, written = only(events["balance"]["inputs"]), only(events["balance"]["outputs"])

    assert read["name"] == str(folder / "data.csv")
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == 210
    assert written["name"] == str(folder / "balanced.csv")
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 6 * 5
    assert written["facets"]["columnLineage"]["fields"]["f"]["inputFields"][0]["field"] == "f"


def test_the_tables_of_a_query(events: dict[str, Event], folder: Path) -> None:
    read = only(events["in_database"]["inputs"])
    assert read["name"] == "loans"
    assert read["namespace"].startswith("sqlite")
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == 200
