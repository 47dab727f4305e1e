"""Test the trigger in an `airflow triggerer` process: user actions and restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagemaker_stand_in import StandIn
from triggerer_helpers import DeferredRun, triggerer

from airflow_clarify.triggers.sagemaker import ClarifyJobTrigger

pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.slow]

CONNECTION = "aws_of_triggers"
ENDS, MARKED, CLEARED, KEPT, NOT_OURS = range(5)


@pytest.fixture
def aws() -> Iterator[StandIn]:
    with StandIn("http://127.0.0.1:1", "k", "s", without_containers=True) as aws:
        yield aws


@pytest.fixture
def connection(aws: StandIn, airflow_db: Path) -> Iterator[None]:
    """Store the connection in the metadata database, which a trigger reads through the triggerer's main process."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    extra = json.dumps({"endpoint_url": aws.endpoint, "region_name": "us-east-1"})
    with create_session() as session:
        session.add(Connection(conn_id=CONNECTION, conn_type="aws", login="key", password="secret", extra=extra))
    yield
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id == CONNECTION).delete()


def create(aws: StandIn, name: str) -> None:
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    boto3.client("sagemaker", endpoint_url=aws.endpoint, **keys).create_processing_job(
        ProcessingJobName=name,
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        },
        AppSpecification={"ImageUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/clarify:1"},
        RoleArn="arn:aws:iam::111122223333:role/lab",
    )


def until(holds: Callable[[], Any], log: Path, seconds: float = 180) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"this did not happen; the triggerer said:\n{log.read_text()[-5000:]}"
        time.sleep(0.2)


def asked_about(aws: StandIn) -> set[str]:
    return {request["ProcessingJobName"] for request in aws.requests("DescribeProcessingJob")}


def test_a_user_stops_a_job_and_a_restart_does_not(aws: StandIn, connection: None, tmp_path: Path) -> None:
    log = tmp_path / "triggerer.log"
    names = [f"job-{number}" for number in (ENDS, MARKED, CLEARED, KEPT, NOT_OURS)]
    for name in names:
        create(aws, name)
    run = DeferredRun("in_a_real_triggerer", len(names))
    triggers = {
        number: ClarifyJobTrigger(
            name, time.time() + 600, poll_interval=1, stop_job_on_kill=number != NOT_OURS, aws_conn_id=CONNECTION
        )
        for number, name in enumerate(names)
    }
    with triggerer(log):
        run.defer(triggers)
        until(lambda: asked_about(aws) >= set(names), log)
        run.mark_failed(MARKED)
        run.mark_failed(NOT_OURS)
        run.clear(CLEARED)
        until(lambda: {aws.jobs[names[number]].status for number in (MARKED, CLEARED)} == {"Stopped"}, log)

    states = {number: aws.jobs[name].status for number, name in enumerate(names)}
    assert {states[number] for number in (ENDS, KEPT, NOT_OURS)} == {"InProgress"}, log.read_text()[-5000:]
    assert run.states()[ENDS] == "deferred"

    with triggerer(log):
        aws.complete(names[ENDS])
        until(lambda: ENDS in run.events(), log)

    assert run.events() == {ENDS: {"status": "ended", "job_name": names[ENDS], "state": "Completed"}}
    assert [run.states()[number] for number in (ENDS, MARKED, CLEARED, KEPT)] == [
        *("scheduled", "failed", "scheduled", "deferred"),
    ]
    assert aws.jobs[names[KEPT]].status == "InProgress"
    assert aws.calls["StopProcessingJob"] == 2
