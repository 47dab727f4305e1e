"""Test the trigger in this process: its arguments, its events, and when it stops a job."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger
from sagemaker_stand_in import StandIn
from sagemaker_stand_in.create_jobs import create_jobs

from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.triggers import _client as shared
from airflow_clarify.triggers import sagemaker
from airflow_clarify.triggers.sagemaker import ClarifyJobTrigger

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIn]:
    with StandIn("http://127.0.0.1:1", "k", "s", without_containers=True) as aws:
        yield aws


@pytest.fixture(autouse=True)
def _connection(aws: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    extra = {"endpoint_url": aws.endpoint, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_LAB", json.dumps(connection))
    yield
    aws.clear_faults()


@pytest.fixture
def job(aws: StandIn, request: pytest.FixtureRequest) -> str:
    """Create a job that is in progress."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[-60:].strip("-")
    create_jobs(aws.endpoint, [name])
    return name


def trigger(job_name: str, **settings: Any) -> ClarifyJobTrigger:
    return ClarifyJobTrigger(job_name, **{"poll_interval": 0.05, "aws_conn_id": "aws_lab"} | settings)


def event_of(waiting: ClarifyJobTrigger) -> Any:
    async def first() -> Any:
        events = [event async for event in waiting.run()]
        assert len(events) == 1
        return events[0].payload

    return asyncio.run(asyncio.wait_for(first(), 30))


async def run_for_a_while(waiting: ClarifyJobTrigger, aws: StandIn) -> asyncio.Task[list[Any]]:
    async def events() -> list[Any]:
        return [event async for event in waiting.run()]

    before = aws.calls["DescribeProcessingJob"]
    running = asyncio.create_task(events())
    while aws.calls["DescribeProcessingJob"] == before:
        await asyncio.sleep(0.01)
    return running


async def cancel(running: asyncio.Task[Any]) -> None:
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()


class _Task:
    """The task instance that the triggerer sets on a trigger."""

    dag_id, run_id, task_id, map_index = "dag", "run", "task", -1


def set_task_states(monkeypatch: pytest.MonkeyPatch, states: Any) -> None:
    """Set the task states that Airflow returns."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def get_task_states(**_: Any) -> Any:
        if isinstance(states, Exception):
            raise states
        return states

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))


# --- Arguments ----------------------------------------------------------------------------------------------------


def test_its_arguments_survive_a_deferral() -> None:
    settings = {
        "job_name": "job",
        "deadline": 1_800_000_000.5,
        "poll_interval": 7.5,
        "stop_job_on_kill": False,
        "aws_conn_id": "aws_lab",
        "region_name": "eu-west-1",
        "verify": "/etc/authorities.pem",
        "botocore_config": {"connect_timeout": 3, "retries": {"max_attempts": 2}},
    }
    path, arguments = ClarifyJobTrigger(**settings).serialize()
    assert path == "airflow_clarify.triggers.sagemaker.ClarifyJobTrigger"
    assert json.loads(json.dumps(arguments)) == arguments == settings
    assert ClarifyJobTrigger(**arguments).serialize() == (path, arguments)


def test_its_arguments_survive_the_metadata_database() -> None:
    from airflow.models import Trigger

    waiting = ClarifyJobTrigger("job", deadline=time.time(), verify=False, botocore_config={"read_timeout": 5})
    row = Trigger.from_object(waiting)
    assert (row.classpath, row.kwargs) == waiting.serialize()


def test_default_arguments_are_serialized() -> None:
    arguments = ClarifyJobTrigger("job").serialize()[1]
    assert {name for name, value in arguments.items() if value is None} == {
        *("deadline", "region_name", "verify", "botocore_config"),
    }


# --- Events -------------------------------------------------------------------------------------------------------


def test_a_completed_job(aws: StandIn, job: str) -> None:
    aws.complete(job)
    assert event_of(trigger(job)) == {"status": "ended", "job_name": job, "state": "Completed"}


def test_a_stopped_job(aws: StandIn, job: str) -> None:
    aws.jobs[job].stop()
    assert event_of(trigger(job)) == {"status": "ended", "job_name": job, "state": "Stopped"}


def test_a_failed_job(aws: StandIn, request: pytest.FixtureRequest) -> None:
    aws.fail_job("failed")
    failed = request.getfixturevalue("job")
    assert event_of(trigger(failed)) == {"status": "ended", "job_name": failed, "state": "Failed"}


def test_a_deadline(aws: StandIn, job: str) -> None:
    began = time.time()
    event = event_of(trigger(job, deadline=began + 0.5, poll_interval=30))
    assert event == {"status": "timeout", "job_name": job}
    assert 0.5 <= time.time() - began < 5
    assert aws.jobs[job].status == "InProgress", "what becomes of the job is for the task to say"


def test_a_job_that_has_ended_by_its_deadline(aws: StandIn, job: str) -> None:
    aws.complete(job)
    assert event_of(trigger(job, deadline=time.time() - 1))["status"] == "ended"


def test_the_first_poll_is_not_immediate(aws: StandIn, job: str) -> None:
    """Airflow can lose an event that is fired within the first second of a task's deferral."""
    aws.complete(job)
    for deadline in (None, time.time() + 3600):
        began = time.monotonic()
        assert event_of(trigger(job, deadline=deadline, poll_interval=1.5))["status"] == "ended"
        assert time.monotonic() - began > 1


@pytest.mark.parametrize(("poll_interval", "expected"), [(30, 10), (3600, 10), (10, 10), (2.5, 2.5)])
def test_the_first_poll_is_after_ten_seconds_or_the_poll_interval(
    aws: StandIn, job: str, poll_interval: float, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FirstSleepError(Exception):
        pass

    async def sleep(seconds: float) -> None:
        raise FirstSleepError(seconds)

    monkeypatch.setattr(sagemaker.asyncio, "sleep", sleep)
    monkeypatch.setattr(sagemaker, "add_jitter", lambda seconds: seconds)
    with pytest.raises(FirstSleepError) as raised:
        event_of(trigger(job, poll_interval=poll_interval))
    assert raised.value.args == (expected,)


def test_a_missing_job() -> None:
    event = event_of(trigger("no-such-job"))
    assert (event["status"], event["job_name"]) == ("error", "no-such-job")
    assert "'no-such-job'" in event["message"]


def test_a_rejected_request(aws: StandIn, job: str) -> None:
    aws.fail("DescribeProcessingJob", "access-denied")
    event = event_of(trigger(job))
    assert event["status"] == "error"
    assert "AccessDenied" in event["message"]


def test_a_missing_connection(job: str) -> None:
    event = event_of(trigger(job, aws_conn_id="aws_misspelt"))
    assert event["status"] == "error"
    assert "aws_misspelt" in event["message"]


@pytest.mark.parametrize("fault", ["throttle", "server-error", "unavailable", "expired-token", "lost-connection"])
def test_transient_failures_are_retried(aws: StandIn, job: str, fault: str) -> None:
    before = aws.calls["DescribeProcessingJob"]
    aws.fail("DescribeProcessingJob", fault, times=2)
    aws.complete(job)
    assert event_of(trigger(job))["state"] == "Completed"
    # Each failure is one call: the client does not retry by itself, bypassing the rate limiter.
    assert aws.calls["DescribeProcessingJob"] == before + 3


def test_settings_of_the_connection_are_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"region_name": "us-east-1", "config_kwargs": {"connect_timeout": 7, "retries": {"max_attempts": 9}}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_LAB", json.dumps({"conn_type": "aws", "extra": extra}))

    async def config() -> Any:
        async with shared.open_shared_client(AwsConnection("aws_lab")) as client:
            return (await client._open_client()).meta.config

    found = asyncio.run(config())
    assert found.connect_timeout == 7
    assert found.retries["total_max_attempts"] == 1


# --- Stopping jobs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "stopped"),
    [
        ({"run": {"task": "failed"}}, True),
        ({"run": {"task": "scheduled"}}, True),
        ({"run": {"task": None}}, True),
        ({}, True),
        ({"run": {"task": "deferred"}}, False),
        (RuntimeError("the supervisor has gone"), False),
    ],
    ids=["marked", "cleared-and-scheduled", "cleared", "run-deleted", "still-deferred", "unknown"],
)
def test_the_job_of_a_task_that_is_no_longer_deferred_is_stopped(
    aws: StandIn, job: str, monkeypatch: pytest.MonkeyPatch, states: Any, stopped: bool
) -> None:
    set_task_states(monkeypatch, states)
    waiting = trigger(job)
    waiting.task_instance = _Task()  # type: ignore[assignment]

    async def kill() -> None:
        await cancel(await run_for_a_while(waiting, aws))
        # Airflow before 3.3 has no such method, and cancels the trigger instead.
        if hasattr(BaseTrigger, "on_kill"):
            assert aws.jobs[job].status == "InProgress", "a cancellation alone may be a restart"
            await waiting.on_kill()

    asyncio.run(kill())
    if stopped:
        assert aws.wait(job, 10) == "Stopped"
    else:
        assert aws.jobs[job].status == "InProgress"


def test_a_job_is_not_stopped_without_stop_job_on_kill(aws: StandIn, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_task_states(monkeypatch, {"run": {"task": "failed"}})
    waiting = trigger(job, stop_job_on_kill=False)
    waiting.task_instance = _Task()  # type: ignore[assignment]

    async def kill() -> None:
        await cancel(await run_for_a_while(waiting, aws))
        await waiting.on_kill()

    asyncio.run(kill())
    assert aws.jobs[job].status == "InProgress"


def test_a_mapped_task(aws: StandIn, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_task_states(monkeypatch, {"run": {"task_2": "failed", "task": "deferred"}})
    waiting = trigger(job)
    waiting.task_instance = _Task()  # type: ignore[assignment]
    waiting.task_instance.map_index = 2
    asyncio.run(waiting.on_kill())
    assert aws.wait(job, 10) == "Stopped"


def test_the_job_is_stopped_after_airflow_stops_waiting(
    aws: StandIn, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_task_states(monkeypatch, {"run": {"task": "failed"}})
    aws.fail("StopProcessingJob", "throttle")
    waiting = trigger(job)
    waiting.task_instance = _Task()  # type: ignore[assignment]

    async def kill() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting.on_kill(), 0.01)
        while aws.jobs[job].status == "InProgress":
            await asyncio.sleep(0.05)

    asyncio.run(kill())
    assert aws.wait(job, 10) == "Stopped"


def test_a_job_that_may_not_be_stopped_is_logged_as_a_cost(
    aws: StandIn, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_task_states(monkeypatch, {"run": {"task": "failed"}})
    aws.fail("StopProcessingJob", "access-denied")
    waiting = trigger(job)
    waiting.task_instance = _Task()  # type: ignore[assignment]
    sentences: list[str] = []
    monkeypatch.setattr(waiting.log, "error", lambda text, *of: sentences.append(text % of))
    asyncio.run(waiting.on_kill())
    (sentence,) = sentences
    assert sentence.startswith(f"Job {job} may still be running, and cost money: StopProcessingJob of {job}")
    assert "AccessDenied" in sentence
    assert aws.jobs[job].status == "InProgress"


def test_a_job_that_has_ended_is_not_stopped(aws: StandIn, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_task_states(monkeypatch, {"run": {"task": "failed"}})
    aws.complete(job)
    aws.wait(job)
    waiting = trigger(job)
    waiting.task_instance = _Task()  # type: ignore[assignment]
    asyncio.run(waiting.on_kill())
    assert aws.jobs[job].status == "Completed"


def test_tasks_killed_together_share_a_state_request(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    class Instance(_Task):
        def __init__(self, map_index: int) -> None:
            self.map_index = map_index

    questions: list[dict[str, Any]] = []

    def get_task_states(**question: Any) -> Any:
        questions.append(question)
        time.sleep(0.05)
        return {"run": {f"task_{number}": "failed" if number % 2 else "deferred" for number in range(100)}}

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))

    async def ask() -> list[bool]:
        return await asyncio.gather(*(shared.is_still_deferred(Instance(number)) for number in range(100)))

    async def twice() -> None:
        assert await ask() == [number % 2 == 0 for number in range(100)]
        await ask()

    asyncio.run(twice())
    # A response is never older than its request: those made during a call share the next one.
    assert 2 <= len(questions) <= 4
    assert questions[0] == {"dag_id": "dag", "task_ids": ["task"], "run_ids": ["run"]}


@pytest.mark.skipif(
    not hasattr(BaseTrigger, "on_kill"), reason="Airflow tells a user's action by a message from 3.3 on"
)
def test_the_job_is_stopped_if_airflow_does_not_call_on_kill(
    aws: StandIn, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_task_states(monkeypatch, {"run": {"task": "failed"}})
    waiting = trigger(job)
    waiting.task_instance = _Task()  # type: ignore[assignment]

    async def kill() -> None:
        running = await run_for_a_while(waiting, aws)
        running.cancel("a user's action")
        with contextlib.suppress(asyncio.CancelledError):
            await running
        while aws.jobs[job].status == "InProgress":
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(kill(), 20))
    assert aws.wait(job, 10) == "Stopped"
