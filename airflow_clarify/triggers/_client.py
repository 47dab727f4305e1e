"""One client of SageMaker for all triggers of a process that use the same connection.

A client of its own for each of a thousand jobs would cost a triggerer memory, and SageMaker as many calls as there are
jobs. One client is enough: it makes a measured number of calls a second, in the order in which they are asked for, and
fewer when SageMaker throttles.
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

#: Calls a second, of one client and operation. AWS does not publish its limit for DescribeProcessingJob.
CALLS_PER_SECOND = 10.0
#: And when SageMaker throttles, no fewer than this.
_FEWEST_CALLS_PER_SECOND = 0.5
#: How many more after each call that goes well; from the fewest to the most takes half a minute.
_FASTER = 0.1
#: Calls of an operation that are under way at the same time.
_AT_ONCE = 8
#: Seconds between two attempts to stop a job, in the end.
_LONGEST_PAUSE = 60.0


class RateLimiter:
    """Lets calls through one after the other: half as many a second after each throttling, then slowly more again.

    :param most: calls a second
    """

    def __init__(self, most: float = CALLS_PER_SECOND) -> None:
        self.most = most
        self.rate = most
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._next = 0.0
        self._slowed_down = float("-inf")

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[None]:
        """Wait for one's turn, and learn from how the call goes."""
        async with self._at_once:
            began = await self._wait()
            try:
                yield
            except Exception as error:
                if is_throttling(error):
                    self._reduce_rate(began)
                raise
            self.rate = min(self.rate + _FASTER, self.most)

    async def _wait(self) -> float:
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + 1 / self.rate
        await asyncio.sleep(mine - now)
        return mine

    def _reduce_rate(self, began: float) -> None:
        """Once for all calls that were under way together: they did not know of each other."""
        if began > self._slowed_down:
            self.rate = max(self.rate / 2, _FEWEST_CALLS_PER_SECOND)
            self._slowed_down = asyncio.get_running_loop().time()


class SharedClient:
    """A client that many triggers use.

    :param connection: how AWS is reached
    """

    def __init__(self, connection: AwsConnection) -> None:
        self.connection = connection
        self.users = 0
        # A thousand looks must not be before those who stop a job: Airflow gives them half a minute.
        self.paces = {"describe_processing_job": RateLimiter(), "stop_processing_job": RateLimiter()}
        self._opening = asyncio.Lock()
        self._open: AsyncExitStack | None = None
        self._client: Any = None

    async def observe(self, name: str) -> dict[str, Any] | None:
        """What SageMaker knows of a job just now; None where it does not answer, which passes.

        :raises JobError: there is no such job
        :raises ServiceError: AWS refuses
        """
        try:
            return dict(await self._call("describe_processing_job", name))
        except Exception as error:
            if is_unknown_job(error):
                raise JobError(f"there is no processing job {name!r} in that region") from None
            if not is_transient(error):
                raise explain_error(error, f"DescribeProcessingJob of {name}") from None
            log.warning("SageMaker does not say how job %s is just now: %s", name, first_error_line(error))
            return None

    async def stop(self, name: str) -> bool:
        """Ask SageMaker to stop a job, until it takes it in.

        :return: whether there was something to stop
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
                log.warning("SageMaker does not stop job %s just now: %s", name, first_error_line(error))
            await asyncio.sleep(add_jitter(pause))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _call(self, operation: str, name: str) -> Any:
        async with self.paces[operation].acquire():
            client = await self._open_client()
            try:
                return await getattr(client, operation)(ProcessingJobName=name)
            except Exception as error:
                # Another call may have seen to it already.
                if is_expired(error) and client is self._client:
                    await self.close()
                raise

    async def _open_client(self) -> Any:
        from asgiref.sync import sync_to_async

        async with self._opening:
            if self._open is None:
                stack = AsyncExitStack()
                # All of this takes time that the event loop does not have. In a thread of any other kind Airflow
                # before 3.3 cannot look for a connection in its database.
                client = await sync_to_async(self._create_client, thread_sensitive=False)()
                self._client = await stack.enter_async_context(client)
                self._open = stack
            return self._client

    def _create_client(self) -> Any:
        """A client that is not open yet, and leaves trying again to us: its own retries would hide throttling."""
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
        """Close the client; the next call opens another."""
        stack, self._open, self._client = self._open, None, None
        if stack is not None:
            await stack.aclose()


async def _open_and_close(client: Any) -> None:
    async with client:
        pass


#: The first client of a process reads megabytes of JSON while it is opened. One that nobody uses does so in a thread.
_models_are_read = False

_Clients = dict[str, SharedClient]
_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def open_shared_client(connection: AwsConnection) -> AsyncIterator[SharedClient]:
    """The client of a connection in this event loop; the last to leave closes it."""
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
    """Asks Airflow for the states of tasks: once for all instances of a mapped task that want to know at about the same
    time. Airflow looks at each of them for every question.
    """

    def __init__(self) -> None:
        self._asking = asyncio.Lock()
        self._answers: dict[tuple[str, str, str], tuple[float, dict[str, Any]]] = {}

    async def get_state(self, ti: Any) -> str | None:
        """The state of a task instance, not before now; None of one that was cleared, or is there no longer."""
        now = asyncio.get_running_loop().time
        since, key = now(), (ti.dag_id, ti.run_id, ti.task_id)
        async with self._asking:
            began, states = self._answers.get(key, (float("-inf"), {}))
            if began < since:
                began, states = now(), await self._ask(*key)
                self._answers = {old: answer for old, answer in self._answers.items() if answer[0] > began - 60}
                self._answers[key] = began, states
        state = states.get(ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}")
        return None if state is None else str(state)

    async def _ask(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from asgiref.sync import sync_to_async

        ask = sync_to_async(RuntimeTaskInstance.get_task_states)
        return dict((await ask(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])).get(run_id, {}))


_task_states: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _TaskStates] = weakref.WeakKeyDictionary()


async def is_still_deferred(ti: Any) -> bool:
    """Whether a task is still waiting for a trigger; then it was not a user who ended it.

    :param ti: the trigger's task instance
    :return: also where Airflow cannot say, as when it is shutting down itself
    """
    if ti is None:
        return True
    states = _task_states.setdefault(asyncio.get_running_loop(), _TaskStates())
    try:
        return await states.get_state(ti) == "deferred"
    except Exception as error:
        log.warning("Airflow does not say what state task %s is in: %s", ti.task_id, first_error_line(error))
        return True
