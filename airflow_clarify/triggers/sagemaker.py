"""The trigger that waits for a processing job: many at once, with one client and a measured number of calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_clarify.engines.sagemaker.connection import DEFAULT_CONNECTION, AwsConnection
from airflow_clarify.engines.sagemaker.status import JobStatus, add_jitter
from airflow_clarify.exceptions import ClarifyError

#: Seconds until the first look at most. Airflow can lose an event that a trigger fires within the first second of its
#: task's deferral, so there is no look at once, not even at a job that has ended already.
FIRST_LOOK = 10.0

#: Jobs that are being stopped. An event loop itself keeps no hold of its tasks.
_stopping: set[asyncio.Task[None]] = set()


class ClarifyJobTrigger(BaseTrigger):
    """Wait until a processing job has ended, however.

    Fires one event: ``{"status": "ended", "job_name": ..., "state": ...}``, ``"timeout"``, or ``"error"`` with a
    ``message`` where AWS refuses to tell. What the end means is for the task to find out, which looks for itself.

    :param job_name: the job
    :param deadline: seconds since the epoch, after which it is not waited for any more; None waits for ever
    :param poll_interval: seconds between two looks, on average; more when there are many jobs, or when AWS throttles.
        The first look is after as many seconds, or after 10 where that is less
    :param stop_job_on_kill: whether the job is stopped when a user kills, clears or marks the task
    :param aws_conn_id: the Airflow connection
    :param region_name: instead of the connection's
    :param verify: whether to check TLS certificates, or the path of the authorities' file
    :param botocore_config: keyword arguments of ``botocore.config.Config``
    """

    def __init__(
        self,
        job_name: str,
        deadline: float | None = None,
        poll_interval: float = 30,
        stop_job_on_kill: bool = True,
        aws_conn_id: str | None = DEFAULT_CONNECTION,
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_name = job_name
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.stop_job_on_kill = stop_job_on_kill
        self.connection = AwsConnection(aws_conn_id, region_name, verify, botocore_config)
        self._stopping: asyncio.Task[None] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The path of this class, and its arguments."""
        arguments = {
            "job_name": self.job_name,
            "deadline": self.deadline,
            "poll_interval": self.poll_interval,
            "stop_job_on_kill": self.stop_job_on_kill,
            **self.connection.to_dict(),
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire."""
        try:
            yield TriggerEvent(await self._wait())
        except ClarifyError as error:
            yield TriggerEvent(self._build_event("error", message=str(error)))
        except asyncio.CancelledError as cancelled:
            await self._handle_cancel(cancelled)
            raise

    async def on_kill(self) -> None:
        """Stop the job when a user kills the task; Airflow calls this from 3.3 on.

        Airflow waits for half a minute. The job of the last of a thousand tasks is stopped later than that.
        """
        if self.stop_job_on_kill:
            await asyncio.shield(self._begin_to_stop())

    async def _wait(self) -> dict[str, Any]:
        from airflow_clarify.triggers._client import open_shared_client

        async with open_shared_client(self.connection) as client:
            pause = min(FIRST_LOOK, self.poll_interval)
            while True:
                await asyncio.sleep(min(add_jitter(pause), self._compute_seconds_left()))
                description = await client.observe(self.job_name)
                if description is not None and JobStatus.from_description(description).ended:
                    return self._build_event("ended", state=JobStatus.from_description(description).state)
                if self._compute_seconds_left() <= 0:
                    return self._build_event("timeout")
                pause = self.poll_interval

    def _compute_seconds_left(self) -> float:
        return float("inf") if self.deadline is None else max(self.deadline - time.time(), 0)

    async def _stop_unless_deferred(self) -> None:
        """Stop the job, unless the task goes on waiting: with another triggerer, or with this one after a restart.

        Airflow before 3.3 cancels a trigger for a user's action as for its own restart; and any version also cancels,
        as if it were a user, those that it gave to another triggerer while this one did not answer.
        """
        from airflow_clarify.triggers._client import is_still_deferred, open_shared_client

        if await is_still_deferred(self.task_instance):
            return
        try:
            async with open_shared_client(self.connection) as client:
                if await client.stop(self.job_name):
                    self.log.info("Stopping job %s", self.job_name)
        except ClarifyError as error:
            self.log.error("Job %s may still be running, and cost money: %s", self.job_name, error)

    def _build_event(self, status: str, **more: Any) -> dict[str, Any]:
        return {"status": status, "job_name": self.job_name, **more}

    async def _handle_cancel(self, cancelled: asyncio.CancelledError) -> None:
        """Begin to stop the job at once where a user may be the reason.

        Airflow from 3.3 on says so by a message, and calls ``on_kill``. But it cancels once more every second, and
        where many tasks are killed together, most do not get that far.
        """
        if not hasattr(BaseTrigger, "on_kill"):
            await self.on_kill()
        elif cancelled.args and self.stop_job_on_kill:
            self._begin_to_stop()

    def _begin_to_stop(self) -> asyncio.Task[None]:
        """Stop the job in a task of its own, which a cancellation of the trigger does not reach."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop_unless_deferred())
            _stopping.add(self._stopping)
            self._stopping.add_done_callback(_stopping.discard)
        return self._stopping
