"""Test the example with a waiver: answers through the REST API of a real Airflow, with and without training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from airflow_services import AirflowServices
from example_dags import DAGS, load

DAG_ID = "bias_waiver"
REASON = "Agreed with the board on 3 March: the model only sorts applications that people decide on."
ENDED = ("success", "failed", "skipped", "upstream_failed")


def test_the_approval_is_between_the_gate_and_the_training(airflow_home: Path) -> None:
    dag = load(DAG_ID).dag

    assert dag.get_task("gate").downstream_task_ids == {"approval", "train"}
    assert dag.get_task("approval").downstream_task_ids == {"waiver", "train"}
    assert dag.get_task("waiver").downstream_task_ids == {"train"}


@pytest.fixture(scope="module")
def airflow(shared_airflow: AirflowServices) -> AirflowServices:
    shared_airflow.add_dags(f"{DAG_ID}.py", (DAGS / f"{DAG_ID}.py").read_text())
    return shared_airflow


@pytest.fixture(scope="module")
def runs(airflow: AirflowServices) -> dict[str, str]:
    """Start a run for each answer, answer those that wait, and return when all have ended."""
    answers: dict[str, tuple[str, dict[str, str]]] = {
        "approved": ("Approve", {"reason": REASON}),
        "rejected": ("Reject", {"reason": "not these data"}),
        "without a reason": ("Approve", {"reason": "  "}),
        "without a form": ("Approve", {}),
    }
    started = {answer: airflow.trigger(DAG_ID, folder=str(airflow.home / "loans")) for answer in answers}
    started["within bounds"] = airflow.trigger(DAG_ID, folder=str(airflow.home / "loans"), dpl=0.5)
    for name, (option, form) in answers.items():
        wait_until_asked(airflow, started[name])
        airflow.call("PATCH", request(started[name]), {"chosen_options": [option], "params_input": form})
    for run_id in started.values():
        airflow.wait_for(DAG_ID, run_id, "train", *ENDED, patience=180)
        airflow.wait_for_run(DAG_ID, run_id)
    return started


def wait_until_asked(airflow: AirflowServices, run_id: str) -> None:
    airflow.wait_for(DAG_ID, run_id, "approval", "awaiting_input", "deferred", patience=180)
    # A person is slower: an answer before the scheduler has processed the end of the requesting process fails the
    # task, because the scheduler mistakes one for the other.
    heard = f"TaskInstance Finished: dag_id={DAG_ID}, task_id=approval, run_id={run_id},"
    airflow.until(lambda: heard in airflow.log_of("scheduler"), "the scheduler knows that somebody is asked", 90)


def request(run_id: str) -> str:
    return f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/approval/-1/hitlDetails"


def states(airflow: AirflowServices, run_id: str) -> dict[str, Any]:
    found = airflow.call("GET", f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
    return {instance["task_id"]: instance["state"] for instance in found}


@pytest.mark.airflow
@pytest.mark.server
@pytest.mark.slow
class TestAnswers:
    def test_the_approval_shows_the_findings_of_the_gate(self, airflow: AirflowServices, runs: dict[str, str]) -> None:
        asked = airflow.call("GET", request(runs["approved"]))

        assert asked["subject"] == "Train on biased data?"
        assert re.search(r"\*\*Violation in `\S+`\.\*\* 1 of 1 check fails\.", asked["body"])
        assert "- DPL of `black=1` is 0.2244, outside [-0.1, 0.1]" in asked["body"]
        assert "{{" not in asked["body"]
        assert asked["params"]["reason"]["schema"] == {"type": "string", "title": "Reason"}

    def test_an_approval_with_a_reason_is_recorded_with_the_model(
        self, airflow: AirflowServices, runs: dict[str, str]
    ) -> None:
        run_id = runs["approved"]
        waiver = airflow.xcom(DAG_ID, run_id, "waiver")

        assert set(states(airflow, run_id).values()) == {"success"}
        assert waiver["reason"] == REASON
        assert waiver["approved_by"]["id"]
        assert waiver["approved_at"].startswith("20")
        assert waiver["verdict"].startswith("violation: 1 of 1 check fails")
        event = event_of(airflow, run_id)
        assert event["waiver"] == waiver
        assert event["rows"] == 1989

    def test_a_rejection_trains_no_model(self, airflow: AirflowServices, runs: dict[str, str]) -> None:
        found = states(airflow, runs["rejected"])

        assert (found["gate"], found["approval"]) == ("success", "success")
        assert (found["waiver"], found["train"]) == ("skipped", "skipped")
        assert event_of(airflow, runs["rejected"]) is None

    def test_clearing_does_not_start_a_rejected_training(self, airflow: AirflowServices, runs: dict[str, str]) -> None:
        airflow.clear(DAG_ID, runs["rejected"], "train")

        assert airflow.wait_for(DAG_ID, runs["rejected"], "train", *ENDED)["state"] == "skipped"

    @pytest.mark.parametrize("answer", ["without a reason", "without a form"])
    def test_an_approval_without_a_reason_fails(
        self, airflow: AirflowServices, runs: dict[str, str], answer: str
    ) -> None:
        found = states(airflow, runs[answer])

        assert (found["waiver"], found["train"]) == ("failed", "upstream_failed")
        assert event_of(airflow, runs[answer]) is None

    def test_no_approval_is_requested_if_the_data_pass(self, airflow: AirflowServices, runs: dict[str, str]) -> None:
        found = states(airflow, runs["within bounds"])

        assert (found["approval"], found["waiver"]) == ("skipped", "skipped")
        assert found["train"] == "success"
        assert event_of(airflow, runs["within bounds"])["waiver"] is None


def event_of(airflow: AirflowServices, run_id: str) -> Any:
    """Return the content of the run's event for the model; None if there is no event."""
    events = airflow.call("GET", "assets/events")["asset_events"]
    return next((event["extra"] for event in events if event["source_run_id"] == run_id), None)
