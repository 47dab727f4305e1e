"""One client of SageMaker for all triggers of a process that use the same connection.

A client of its own for each of a thousand jobs would cost a triggerer gigabytes and stand in its own way. One client is
enough: it makes a measured number of calls a second, in the order in which they are asked for, and fewer when SageMaker
throttles.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from airflow_clarify.engines.duckdb.storage import first_line
from airflow_clarify.engines.sagemaker.calls import explain, is_expired, is_passing, is_throttling, is_unknown_job
from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.engines.sagemaker.status import JobStatus
from airflow_clarify.exceptions import JobError

log = logging.getLogger(__name__)

#: Calls a second, of one client. AWS does not publish its limit for DescribeProcessingJob.
CALLS_PER_SECOND = 10.0
#: And when SageMaker throttles, no fewer than this.
_FEWEST_CALLS_PER_SECOND = 0.5
#: Calls under way at the same time.
_AT_ONCE = 8


class Pace:
    """Lets calls through one after the other: half as many a second after each throttling, then slowly more again.

    :param most: calls a second
    """

    def __init__(self, most: float = CALLS_PER_SECOND) -> None:
        self.most = most
        self.rate = most
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + 1 / self.rate
        await asyncio.sleep(mine - now)

    def throttled(self) -> None:
        """Slow down."""
        self.rate = max(self.rate / 2, _FEWEST_CALLS_PER_SECOND)

    def went_well(self) -> None:
        """Speed up a little."""
        self.rate = min(self.rate * 1.02, self.most)


class SharedClient:
    """A client that many triggers use.

    :param connection: how AWS is reached
    """

    def __init__(self, connection: AwsConnection) -> None:
        self.connection = connection
        self.users = 0
        self.pace = Pace()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._opening = asyncio.Lock()
        self._open: AsyncExitStack | None = None
        self._client: Any = None

    async def look(self, name: str) -> dict[str, Any] | None:
        """What SageMaker knows of a job just now; None where it does not answer, which passes.

        :raises JobError: there is no such job
        :raises ServiceError: AWS refuses
        """
        try:
            return dict(await self._call("describe_processing_job", name))
        except Exception as error:
            if is_unknown_job(error):
                raise JobError(f"there is no processing job {name!r} in that region") from None
            if not is_passing(error):
                raise explain(error, f"DescribeProcessingJob of {name}") from None
            log.warning("SageMaker does not say how job %s is just now: %s", name, first_line(error))
            return None

    async def stop(self, name: str) -> bool:
        """Ask SageMaker to stop a job, until it takes it in.

        :return: whether there was something to stop
        """
        while True:
            try:
                await self._call("stop_processing_job", name)
                return True
            except Exception as error:
                if is_passing(error):
                    continue
                description = await self.look(name)
                if description is not None and JobStatus.of(description).state != "InProgress":
                    return False
                raise explain(error, f"StopProcessingJob of {name}") from None

    async def _call(self, operation: str, name: str) -> Any:
        async with self._at_once:
            await self.pace.turn()
            client = await self._opened()
            try:
                answer = await getattr(client, operation)(ProcessingJobName=name)
            except Exception as error:
                if is_throttling(error):
                    self.pace.throttled()
                if is_expired(error):
                    await self.close()
                raise
            self.pace.went_well()
            return answer

    async def _opened(self) -> Any:
        async with self._opening:
            if self._open is None:
                stack = AsyncExitStack()
                # Finding the connection and building a client take time that the event loop does not have.
                hook = await asyncio.get_running_loop().run_in_executor(None, self.connection.hook, "sagemaker")
                self._client = await stack.enter_async_context(await hook.get_async_conn())
                self._open = stack
            return self._client

    async def close(self) -> None:
        """Close the client; the next call opens another."""
        stack, self._open, self._client = self._open, None, None
        if stack is not None:
            await stack.aclose()


_Clients = dict[str, SharedClient]
_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def shared_client(connection: AwsConnection) -> AsyncIterator[SharedClient]:
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


async def is_still_deferred(ti: Any) -> bool:
    """Whether a task is still waiting for its trigger; then it was not a user who ended it.

    :param ti: the trigger's task instance
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    if ti is None:
        return True
    states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    state = states.get(ti.run_id, {}).get(ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}")
    return state is None or str(state) == "deferred"
