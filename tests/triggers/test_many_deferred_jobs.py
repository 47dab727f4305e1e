"""Test many triggers in one event loop: one client, a limited rate of calls, and no interference."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker_stand_in import StandIn
from sagemaker_stand_in.create_jobs import create_jobs

from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.triggers import _client as shared
from airflow_clarify.triggers.sagemaker import ClarifyJobTrigger

JOBS = 200
#: Calls per second in these tests, which would otherwise take minutes.
RATE = 100.0
CONNECTION = AwsConnection("aws_lab")


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn("http://127.0.0.1:1", "k", "s", without_containers=True) as aws:
        yield aws


@pytest.fixture
def aws(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    extra = {"endpoint_url": server.endpoint, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_LAB", json.dumps(connection))
    monkeypatch.setattr(shared, "RateLimiter", functools.partial(shared.RateLimiter, RATE))
    monkeypatch.setattr(shared, "_RATE_INCREMENT", RATE / 100)
    yield server
    server.clear_faults()


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the created clients."""
    made: list[Any] = []
    new_client = shared.SharedClient._create_client

    def noted(self: shared.SharedClient) -> Any:
        made.append(new_client(self))
        return made[-1]

    monkeypatch.setattr(shared.SharedClient, "_create_client", noted)
    return made


def create(aws: StandIn, prefix: str, number: int = JOBS) -> list[str]:
    names = [f"{prefix}-{one:03}" for one in range(number)]
    create_jobs(aws.endpoint, names)
    return names


@contextlib.asynccontextmanager
async def waiting(names: list[str], **settings: Any) -> AsyncIterator[dict[str, asyncio.Task[Any]]]:
    """Run triggers, by the names of their jobs."""

    async def event(trigger: ClarifyJobTrigger) -> Any:
        events = [event.payload async for event in trigger.run()]
        assert len(events) == 1
        return events[0]

    arguments = {"poll_interval": 0.5, "aws_conn_id": "aws_lab"} | settings
    running = {name: asyncio.create_task(event(ClarifyJobTrigger(name, **arguments))) for name in names}
    try:
        yield running
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


async def asked(aws: StandIn, times: int) -> None:
    """Wait for a number of further calls."""
    enough = aws.calls["DescribeProcessingJob"] + times
    while aws.calls["DescribeProcessingJob"] < enough:
        await asyncio.sleep(0.02)


def open_clients() -> int:
    return len(shared._clients.get(asyncio.get_running_loop(), {}))


def ended(names: list[str]) -> list[dict[str, str]]:
    return [{"status": "ended", "job_name": name, "state": "Completed"} for name in names]


# --- Shared client ------------------------------------------------------------------------------------------------


@pytest.mark.server
def test_triggers_share_a_client_and_its_rate_limit(aws: StandIn, clients: list[Any]) -> None:
    names = create(aws, "together")

    async def run() -> None:
        before, began = aws.calls["DescribeProcessingJob"], time.monotonic()
        async with waiting(names) as running:
            await asked(aws, 2 * JOBS)
            assert aws._server is not None
            assert len(aws._server._connections) <= 8 + 1, "and one of boto3's, which has made the jobs"
            aws.complete("together")
            assert await asyncio.gather(*running.values()) == ended(names)
            assert open_clients() == 0, "the last user has closed it"
        calls = aws.calls["DescribeProcessingJob"] - before
        assert calls <= RATE * (time.monotonic() - began) + 8

    asyncio.run(run())
    assert len(clients) == 1


@pytest.mark.server
def test_throttling_and_lost_connections_are_survived(aws: StandIn, clients: list[Any]) -> None:
    names = create(aws, "survived")

    async def run() -> None:
        async with waiting(names) as running:
            await asked(aws, JOBS)
            aws.fail("DescribeProcessingJob", "throttle", times=3)
            aws.fail("DescribeProcessingJob", "lost-connection", times=20)
            aws.fail("DescribeProcessingJob", "server-error", times=20)
            await asked(aws, 43)
            assert not any(task.done() for task in running.values())
            aws.complete("survived")
            assert await asyncio.gather(*running.values()) == ended(names)

    asyncio.run(run())
    assert len(clients) == 1


@pytest.mark.server
def test_expired_credentials_are_renewed_for_all_triggers(
    aws: StandIn, clients: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = create(aws, "expired", 50)
    opened: list[str] = []
    open_client = shared.SharedClient._open_client

    async def note(self: shared.SharedClient) -> Any:
        client = await open_client(self)
        opened.append((await client._request_signer._credentials.get_frozen_credentials()).access_key)
        return client

    monkeypatch.setattr(shared.SharedClient, "_open_client", note)

    async def run() -> None:
        async with waiting(names) as running:
            await asked(aws, 50)
            monkeypatch.setenv("AIRFLOW_CONN_AWS_LAB", os.environ["AIRFLOW_CONN_AWS_LAB"].replace("key", "rotated", 1))
            aws.fail("DescribeProcessingJob", "expired-token", times=10)
            await asked(aws, 60)
            aws.complete("expired")
            assert await asyncio.gather(*running.values()) == ended(names)

    asyncio.run(run())
    assert 2 <= len(clients) <= 11
    assert (opened[0], opened[-1]) == ("key", "rotated")


@pytest.mark.server
def test_cancelling_a_trigger_does_not_affect_others(aws: StandIn, clients: list[Any]) -> None:
    names = create(aws, "cancelled", 20)

    async def run() -> None:
        async with waiting(names) as running:
            await asked(aws, 25)
            for name in names[:10]:
                running[name].cancel()
            await asyncio.wait([running[name] for name in names[:10]])
            assert open_clients() == 1
            aws.complete("cancelled")
            rest = [running[name] for name in names[10:]]
            assert await asyncio.gather(*rest) == ended(names[10:])

    asyncio.run(run())
    assert len(clients) == 1


@pytest.mark.server
def test_a_client_can_be_opened_while_its_last_user_closes_it(aws: StandIn) -> None:
    (name,) = create(aws, "come-and-go", 1)

    async def visit(delay: float) -> None:
        await asyncio.sleep(delay)
        async with shared.open_shared_client(CONNECTION) as client:
            description = await client.observe(name)
        assert description is not None, "nobody closes a client that another uses"

    async def run() -> None:
        await asyncio.gather(*(visit(0.005 * number) for number in range(60)))
        assert open_clients() == 0

    asyncio.run(run())


@pytest.mark.server
def test_a_trigger_cancelled_while_it_opens_the_client(aws: StandIn) -> None:
    names = create(aws, "opening", 2)

    async def run() -> None:
        async with waiting(names) as running:
            first, second = running.values()
            await asyncio.sleep(0.001)
            first.cancel()
            aws.complete("opening")
            assert await second == ended(names)[1]
        assert open_clients() == 0

    asyncio.run(run())


def test_all_triggers_fail_if_the_client_cannot_be_opened() -> None:
    async def run() -> None:
        names = [f"job-{number}" for number in range(20)]
        async with waiting(names, aws_conn_id="aws_misspelt") as running:
            events = await asyncio.gather(*running.values())
        assert {event["status"] for event in events} == {"error"}
        assert all("aws_misspelt" in event["message"] for event in events)
        assert open_clients() == 0

    asyncio.run(run())


@pytest.mark.server
def test_stopping_a_job_does_not_wait_behind_polls(aws: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "RateLimiter", functools.partial(shared.RateLimiter.func, 2.0))  # type: ignore[attr-defined]
    names = create(aws, "queue", 40)

    async def run() -> None:
        async with waiting(names):
            await asked(aws, 1)
            began = time.monotonic()
            async with shared.open_shared_client(CONNECTION) as client:
                assert await client.stop(names[-1])
            assert time.monotonic() - began < 5

    asyncio.run(run())


# --- Rate limit ---------------------------------------------------------------------------------------------------


def throttling() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "DescribeProcessingJob")


async def throttled_call(pace: shared.RateLimiter, seconds: float = 0) -> None:
    async def call() -> None:
        async with pace.acquire():
            await asyncio.sleep(seconds)
            raise throttling()

    with pytest.raises(ClientError):
        await call()


def test_calls_are_made_in_the_order_of_the_requests() -> None:
    async def run() -> list[tuple[int, float]]:
        pace, seen, began = shared.RateLimiter(50), [], time.monotonic()

        async def call(number: int) -> None:
            async with pace.acquire():
                seen.append((number, time.monotonic() - began))

        await asyncio.gather(*(call(number) for number in range(25)))
        return seen

    seen = asyncio.run(run())
    assert [number for number, _ in seen] == list(range(25))
    assert seen[-1][1] >= 24 / 50 - 0.02
    # There is no burst at the start either.
    assert all(when >= number / 50 - 0.02 for number, when in seen)


def test_throttling_of_concurrent_calls_halves_the_rate_once() -> None:
    async def run() -> None:
        pace = shared.RateLimiter(1000)
        await asyncio.gather(*(throttled_call(pace, 0.1) for _ in range(8)))
        assert pace.rate == 500
        await throttled_call(pace)
        assert pace.rate == 250

    asyncio.run(run())


def test_the_rate_has_a_minimum_and_recovers() -> None:
    async def run() -> None:
        pace = shared.RateLimiter(1000)
        pace.rate = 0.6
        await throttled_call(pace)
        assert pace.rate == 0.5
        pace.rate = 999.95
        pace._next = 0
        async with pace.acquire():
            pass
        assert pace.rate == 1000
        with pytest.raises(ValueError, match="other"):
            async with pace.acquire():
                raise ValueError("other")
        assert pace.rate == 1000

    asyncio.run(run())


def test_a_cancelled_call_does_not_delay_others() -> None:
    async def run() -> None:
        pace = shared.RateLimiter(100)

        async def call() -> None:
            async with pace.acquire():
                pass

        calls = [asyncio.create_task(call()) for _ in range(100)]
        await asyncio.sleep(0)
        for one in calls[:90]:
            one.cancel()
        await asyncio.wait_for(asyncio.gather(*calls[90:]), 1)

    asyncio.run(run())
