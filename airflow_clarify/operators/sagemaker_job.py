"""A task and its job on SageMaker: find it or start it, wait for it, stop it, read what it leaves.

Every try of a task instance asks for a job of the same name, so a try that comes second, because a worker died or an
answer was lost, finds the job of the first instead of paying for another. There is a new name after a job that failed
or was stopped, and for a task instance that was cleared.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.sagemaker.status import JobStatus
from airflow_clarify.exceptions import ClarifyError, JobError
from airflow_clarify.operators._logging import log_lines

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig
    from airflow_clarify.engines.sagemaker import SageMakerEngine
    from airflow_clarify.engines.sagemaker.request import JobPlan

#: After so many jobs of one task instance that failed, something is wrong that another would not mend.
_MOST_ATTEMPTS = 100
#: How many of the last log lines of a job that failed are shown.
_LAST_LINES = 20


@dataclass(frozen=True)
class FoundJob:
    """A job that is a task's own.

    :param name: its name
    :param description: what SageMaker says of it; None where it was started just now
    :param analysis: what it has left behind, where it had completed already
    """

    name: str
    description: Mapping[str, Any] | None = None
    analysis: Analysis | None = None


@dataclass(frozen=True)
class JobIdentity:
    """What tells a task instance from all others, and its life since it was last cleared from those before.

    Tries of one life share it. The start of the run tells deployments apart that share an account.

    :param of: the task instance
    :param started: the start of its run; clearing a run that had ended starts it anew
    :param life: as many tries as were used when it was last cleared
    """

    of: tuple[str, str, str, int]
    started: str
    generation: int

    @classmethod
    def from_context(cls, context: Context) -> JobIdentity:
        """That of the task that runs."""
        ti, run = context["ti"], context["dag_run"]
        started = getattr(run, "start_date", None) or getattr(run, "run_after", None)
        # As Airflow itself counts: clearing raises max_tries by the tries that were used, a retry leaves it.
        life = (getattr(ti, "max_tries", 0) or 0) - (context["task"].retries or 0)
        map_index = -1 if ti.map_index is None else ti.map_index
        return cls((ti.dag_id, ti.run_id, ti.task_id, map_index), str(started), max(life, 0))

    def serialize_job(self, plan: JobPlan) -> str:
        """What the name of its job for a plan is made of."""
        return json.dumps([*self.of, self.started, self.generation, plan.fingerprint])

    def iterate_earlier(self) -> Iterator[JobIdentity]:
        """Those in which jobs may have been started that were cleared away."""
        for life in range(self.generation):
            yield replace(self, generation=life)


class TaskJob:
    """The job of one task.

    :param engine: the engine
    :param log: the task's log
    """

    def __init__(self, engine: SageMakerEngine, log: Logger) -> None:
        from airflow_clarify.engines.sagemaker.client import ProcessingJobs
        from airflow_clarify.engines.sagemaker.s3 import S3Files

        self.engine = engine
        self.log = log
        self.jobs = ProcessingJobs(engine.connection)
        self.files = S3Files(engine.connection, engine.output_kms_key)

    def find_or_start(
        self, plan: JobPlan, config: AnalysisConfig, whose: JobIdentity | None, claim: Callable[[str], None]
    ) -> FoundJob:
        """The job for a plan: one that an earlier try has started, or a new one.

        :param config: what is asked of it
        :param whose: the task instance; None starts a new job whatever there is
        :param claim: told the name of a job before it is started, so that it can be stopped whatever happens
        """
        known = None if whose is None else whose.serialize_job(plan)
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            name = self.engine.job_name(known, attempt)
            description = None if known is None else self.jobs.find(name)
            if description is None:
                claim(name)
                self.engine.submit(plan, name)
                self.log.info("Started job %s", name)
                return FoundJob(name)
            found = self._reuse_job(name, description, config)
            if found is not None:
                claim(name)
                return found
        raise JobError(f"{_MOST_ATTEMPTS} jobs of this task did not complete; look at why, then clear the task")

    def stop_cleared(self, plan: JobPlan, whose: JobIdentity) -> None:
        """Stop what the task instance had started before it was cleared, where nobody has.

        A trigger stops its job when its task is cleared; but not where no triggerer was there to be told.
        """
        for earlier in whose.iterate_earlier():
            for attempt in range(1, _MOST_ATTEMPTS + 1):
                name = self.engine.job_name(earlier.serialize_job(plan), attempt)
                description = self.jobs.find(name)
                if description is None:
                    break
                if JobStatus.from_description(description).running:
                    self.log.info("Job %s was started before this task was cleared", name)
                    self.stop(name)

    def _reuse_job(self, name: str, description: Mapping[str, Any], config: AnalysisConfig) -> FoundJob | None:
        """An earlier try's job, if it is still running, or has completed and left what was asked for."""
        from airflow_clarify.engines.sagemaker.results import collect

        status = JobStatus.from_description(description)
        if status.running:
            self.log.info("An earlier try has started job %s, which is %s", name, status.state)
            return FoundJob(name, description)
        if not status.completed:
            self.log.info("An earlier try has started job %s, of no use now: %s", name, status.why)
            return None
        try:
            analysis = collect(description, config, self.files)
        except JobError as error:
            self.log.warning("An earlier try has started job %s, of no use now: %s", name, error)
            return None
        self.log.info("An earlier try has started job %s, which has completed", name)
        return FoundJob(name, description, analysis)

    def wait(
        self, name: str, deadline: float, poll_interval: float, gone_on: Callable[[], None], *, logs: bool
    ) -> Mapping[str, Any]:
        """Wait until a job has ended.

        :param deadline: seconds since the epoch
        :param poll_interval: seconds between two looks, on average
        :param gone_on: called every second; raises when the task is killed
        :param logs: whether the job's log lines go to the task's log
        :return: the job as it ended
        :raises JobError: it did not end in time, or there is no such job any more
        :raises ServiceError: AWS refuses to tell
        """
        from airflow_clarify.engines.sagemaker.logs import LogTail
        from airflow_clarify.engines.sagemaker.status import add_jitter

        tail = LogTail(self.engine.connection, name) if logs else None
        state = ""
        while True:
            description = self.jobs.observe(name)
            if description is not None:
                status = JobStatus.from_description(description)
                if status.state != state:
                    state = status.state
                    self.log.info("Job %s is %s", name, state)
                if status.ended:
                    log_lines(self.log, tail.read_rest() if tail is not None else [])
                    return description
            log_lines(self.log, tail.read_new() if tail is not None else [])
            if time.time() >= deadline:
                raise JobError(f"the processing job {name} had not ended when its time was up")
            _sleep_interruptibly(min(add_jitter(poll_interval), max(deadline - time.time(), 0)), gone_on)

    def finish(self, description: Mapping[str, Any], config: AnalysisConfig, *, shown: bool) -> Analysis:
        """The analysis of a job that has ended.

        :param description: the job as it ended
        :param shown: whether the job's log lines were shown already; where not, a failed job's last ones are
        :raises JobError: it did not complete, or what it left is not what was asked for
        """
        from airflow_clarify.engines.sagemaker.results import collect

        status = JobStatus.from_description(description)
        if not status.completed:
            if not shown:
                self.log_job_lines(status.name, last=_LAST_LINES)
            raise JobError(f"the processing job {status.name} did not complete ({status.why})")
        return collect(description, config, self.files)

    def log_job_lines(self, name: str, last: int | None = None) -> None:
        """Write the job's log lines, or the last of them, to the task's log."""
        from airflow_clarify.engines.sagemaker.logs import LogTail

        lines = LogTail(self.engine.connection, name).read_rest()
        log_lines(self.log, lines if last is None else lines[-last:])

    def stop(self, name: str) -> None:
        """Stop a job. That it cannot be stopped must not hide why it was to be."""
        try:
            if self.jobs.stop(name):
                self.log.info("Stopping job %s", name)
        except ClarifyError as error:
            self.log.error("Job %s may still be running, and cost money: %s", name, error)


def get_start_time(description: Mapping[str, Any] | None) -> float:
    """When a job was created, in seconds since the epoch; now, where it was just now."""
    created = (description or {}).get("CreationTime")
    return created.timestamp() if isinstance(created, datetime) else datetime.now(UTC).timestamp()


def _sleep_interruptibly(seconds: float, gone_on: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    gone_on()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(1.0, left))
        gone_on()
