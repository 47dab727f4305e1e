"""Share one SageMaker client among all triggers of a process that use the same connection.

A client for each of a thousand jobs would cost the triggerer memory, and send SageMaker a thousand calls at once. The
shared client limits the rate of its calls, makes them in the order of the requests, and slows down when SageMaker
throttles.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.engines.sagemaker.errors import (
    explain_error,
    is_expired,
    is_throttling,
    is_transient,
    is_unknown_job,
)
from airflow_clarify.engines.sagemaker.status import JobStatus, add_jitter
from airflow_clarify.exceptions import JobError
from airflow_clarify.io.filesystem import first_error_line

log = logging.getLogger(__name__)

#: Calls per second of one client and operation. AWS does not publish its limit for DescribeProcessingJob.
CALLS_PER_SECOND = 10.0
#: Lower limit of the rate while SageMaker throttles.
_MIN_CALLS_PER_SECOND = 0.5
#: Increase of the rate after each successful call; from the minimum to the maximum takes half a minute.
_RATE_INCREMENT = 0.1
#: Maximum number of concurrent calls of an operation.
_MAX_CONCURRENT_CALLS = 8
#: Maximum number of seconds between two attempts to stop a job.
_MAX_PAUSE = 60.0


class RateLimiter:
    """Limit the rate of calls: halve it after each throttling, then raise it slowly again.

    :param max_rate: calls per second
    """

    def __init__(self, max_rate: float = CALLS_PER_SECOND) -> None:
        self.max_rate = max_rate
        self.rate = max_rate
        self._concurrent = asyncio.Semaphore(_MAX_CONCURRENT_CALLS)
        self._next = 0.0
        self._slowed_down = float("-inf")

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Wait for a slot, run one call in it, and adapt the rate to its outcome."""
        async with self._concurrent:
            began = await self._wait()
            try:
                yield
            except Exception as error:
                if is_throttling(error):
                    self._reduce_rate(began)
                raise
            self.rate = min(self.rate + _RATE_INCREMENT, self.max_rate)

    async def _wait(self) -> float:
        now = asyncio.get_running_loop().time()
        slot = max(now, self._next)
        self._next = slot + 1 / self.rate
        await asyncio.sleep(slot - now)
        return slot

    def _reduce_rate(self, began: float) -> None:
        """Halve the rate, once for all concurrent calls: they began before the first was throttled."""
        if began > self._slowed_down:
            self.rate = max(self.rate / 2, _MIN_CALLS_PER_SECOND)
            self._slowed_down = asyncio.get_running_loop().time()


class SharedClient:
    """Describe and stop processing jobs for many triggers with one client.

    :param connection: the connection to AWS
    """

    def __init__(self, connection: AwsConnection) -> None:
        self.connection = connection
        self.users = 0
        # Separate limits: a call that stops a job must not wait behind a thousand polls, as Airflow allows 30 seconds.
        self.limiters = {"describe_processing_job": RateLimiter(), "stop_processing_job": RateLimiter()}
        self._opening = asyncio.Lock()
        self._open: AsyncExitStack | None = None
        self._client: Any = None

    async def observe(self, name: str) -> dict[str, Any] | None:
        """Describe a job; return None after a transient failure.

        :param name: the job
        :return: SageMaker's description
        :raises JobError: there is no such job
        :raises ServiceError: AWS rejected the request
        """
        try:
            return dict(await self._call("describe_processing_job", name))
        except Exception as error:
            if is_unknown_job(error):
                raise JobError(f"there is no processing job {name!r} in that region") from None
            if not is_transient(error):
                raise explain_error(error, f"DescribeProcessingJob of {name}") from None
            log.warning("SageMaker could not describe job %s, will retry: %s", name, first_error_line(error))
            return None

    async def stop(self, name: str) -> bool:
        """Stop a job, and repeat the call until SageMaker has accepted it.

        :param name: the job
        :return: whether the job was running
        :raises ServiceError: AWS rejected the request
        """
        pause = 1.0
        while True:
            try:
                await self._call("stop_processing_job", name)
                return True
            except Exception as error:
                if not is_transient(error):
                    description = await self.observe(name)
                    if description is not None and not JobStatus.from_description(description).running:
                        return False
                    raise explain_error(error, f"StopProcessingJob of {name}") from None
                log.warning("SageMaker could not stop job %s, will retry: %s", name, first_error_line(error))
            await asyncio.sleep(add_jitter(pause))
            pause = min(2 * pause, _MAX_PAUSE)

    async def _call(self, operation: str, name: str) -> Any:
        async with self.limiters[operation].acquire():
            client = await self._open_client()
            try:
                return await getattr(client, operation)(ProcessingJobName=name)
            except Exception as error:
                # Another call may have replaced the client already.
                if is_expired(error) and client is self._client:
                    await self.close()
                raise

    async def _open_client(self) -> Any:
        from asgiref.sync import sync_to_async

        async with self._opening:
            if self._open is None:
                stack = AsyncExitStack()
                # Creating a client would block the event loop, so it runs in a thread. Airflow before 3.3 can read a
                # connection from its database only in a thread that is not thread sensitive.
                client = await sync_to_async(self._create_client, thread_sensitive=False)()
                self._client = await stack.enter_async_context(client)
                self._open = stack
            return self._client

    def _create_client(self) -> Any:
        """Create an unopened client without retries, which would hide throttling from the rate limiter."""
        from botocore.config import Config

        global _models_are_read
        hook = self.connection.hook("sagemaker")
        config = hook.config.merge(Config(retries={"total_max_attempts": 1}))

        def client() -> Any:
            return hook.get_client_type(region_name=hook.region_name, config=config, deferrable=True)

        if not _models_are_read:
            asyncio.run(_open_and_close(client()))
            _models_are_read = True
        return client()

    async def close(self) -> None:
        """Close the client; the next call opens a new one, and reads the Airflow connection anew."""
        self.connection.forget_hooks()
        stack, self._open, self._client = self._open, None, None
        if stack is not None:
            await stack.aclose()


async def _open_and_close(client: Any) -> None:
    async with client:
        pass


#: The first client of a process reads megabytes of JSON when it is opened, so an unused one is opened in a thread.
_models_are_read = False

_Clients = dict[str, SharedClient]
_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def open_shared_client(connection: AwsConnection) -> AsyncIterator[SharedClient]:
    """Return the client of a connection in this event loop; it is closed after its last user.

    :param connection: the connection to AWS
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    key = repr(sorted(connection.to_dict().items()))
    client = clients.setdefault(key, SharedClient(connection))
    client.users += 1
    try:
        yield client
    finally:
        client.users -= 1
        if not client.users:
            clients.pop(key, None)
            await client.close()


class _TaskStates:
    """Request task states from Airflow, once for concurrent requests of the instances of a mapped task.

    Airflow reads the states of all instances for each request.
    """

    def __init__(self) -> None:
        self._requesting = asyncio.Lock()
        self._answers: dict[tuple[str, str, str], tuple[float, dict[str, Any]]] = {}

    async def get_state(self, ti: Any) -> str | None:
        """Return the current state of a task instance; None if it was cleared or no longer exists."""
        now = asyncio.get_running_loop().time
        since, key = now(), (ti.dag_id, ti.run_id, ti.task_id)
        async with self._requesting:
            began, states = self._answers.get(key, (float("-inf"), {}))
            if began < since:
                began, states = now(), await self._request_states(*key)
                self._answers = {old: answer for old, answer in self._answers.items() if answer[0] > began - 60}
                self._answers[key] = began, states
        state = states.get(ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}")
        return None if state is None else str(state)

    async def _request_states(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from asgiref.sync import sync_to_async

        request = sync_to_async(RuntimeTaskInstance.get_task_states)
        return dict((await request(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])).get(run_id, {}))


_task_states: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _TaskStates] = weakref.WeakKeyDictionary()


async def is_still_deferred(ti: Any) -> bool:
    """Return whether a task is still deferred, so that its trigger was not cancelled by a user.

    :param ti: the trigger's task instance
    :return: True also if Airflow cannot return the state, such as during its own shutdown
    """
    if ti is None:
        return True
    states = _task_states.setdefault(asyncio.get_running_loop(), _TaskStates())
    try:
        return await states.get_state(ti) == "deferred"
    except Exception as error:
        log.warning("Airflow could not return the state of task %s: %s", ti.task_id, first_error_line(error))
        return True
