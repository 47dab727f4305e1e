"""Wait for processing jobs in the triggerer, many at once, with one client and a limited rate of calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_clarify.engines.sagemaker.connection import DEFAULT_CONNECTION, AwsConnection
from airflow_clarify.engines.sagemaker.status import JobStatus, add_jitter
from airflow_clarify.exceptions import ClarifyError

#: Maximum number of seconds until the first poll. Airflow can lose an event that a trigger fires within the first
#: second of its task's deferral, so there is no immediate poll, even of a job that has already ended.
FIRST_POLL_DELAY = 10.0

#: Tasks that are stopping jobs. The event loop itself holds only weak references to its tasks.
_stopping: set[asyncio.Task[None]] = set()


class ClarifyJobTrigger(BaseTrigger):
    """Wait until a processing job has ended, successfully or not.

    Fires one event: ``{"status": "ended", "job_name": ..., "state": ...}``, ``"timeout"``, or ``"error"`` with a
    ``message`` if AWS rejects a request. The task describes the job again, and decides what its state means.

    :param job_name: the job
    :param deadline: when to stop waiting, in seconds since the epoch; None waits without limit
    :param poll_interval: average number of seconds between two polls; longer for many jobs, or when AWS throttles. The
        first poll is after this time, or after 10 seconds if that is shorter
    :param stop_job_on_kill: whether to stop the job when a user kills, clears or marks the task
    :param aws_conn_id: the Airflow connection to AWS
    :param region_name: the region, in place of the connection's
    :param verify: whether to verify TLS certificates, or the path of a CA bundle
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
        """Return the path of this class and its arguments, from which the triggerer recreates it."""
        arguments = {
            "job_name": self.job_name,
            "deadline": self.deadline,
            "poll_interval": self.poll_interval,
            "stop_job_on_kill": self.stop_job_on_kill,
            **self.connection.to_dict(),
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the job to end, and fire one event."""
        try:
            yield TriggerEvent(await self._wait())
        except ClarifyError as error:
            yield TriggerEvent(self._build_event("error", message=str(error)))
        except asyncio.CancelledError as cancelled:
            await self._handle_cancel(cancelled)
            raise

    async def on_kill(self) -> None:
        """Stop the job when a user kills the task; Airflow calls this since 3.3.

        Airflow waits for 30 seconds, but stopping the last of a thousand jobs takes longer, so the stop is shielded
        from cancellation.
        """
        if self.stop_job_on_kill:
            await asyncio.shield(self._begin_to_stop())

    async def _wait(self) -> dict[str, Any]:
        from airflow_clarify.triggers._client import open_shared_client

        async with open_shared_client(self.connection) as client:
            pause = min(FIRST_POLL_DELAY, self.poll_interval)
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
        """Stop the job, unless the task is still deferred to another triggerer or a restarted one.

        Airflow before 3.3 cancels a trigger in the same way for a user's action and for its own restart. Every version
        also cancels, as if by a user, triggers that it reassigned while this triggerer did not respond.
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
        """Begin to stop the job immediately if a user may have caused the cancellation.

        Airflow since 3.3 passes a message in that case, and calls ``on_kill``. But it cancels again every second, and
        if many tasks are killed together, ``on_kill`` of most is never reached.
        """
        if not hasattr(BaseTrigger, "on_kill"):
            await self.on_kill()
        elif cancelled.args and self.stop_job_on_kill:
            self._begin_to_stop()

    def _begin_to_stop(self) -> asyncio.Task[None]:
        """Create a task that stops the job, which a cancellation of the trigger does not affect."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop_unless_deferred())
            _stopping.add(self._stopping)
            self._stopping.add_done_callback(_stopping.discard)
        return self._stopping
