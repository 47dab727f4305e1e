"""Manage the SageMaker job of a task: find or start it, wait for it, stop it, read its output.

Every try of a task instance derives the same job name, so a retry after a worker crash or a lost response finds the job
of the previous try instead of paying for another. A new name is used after a job that failed or was stopped, and for a
task instance that was cleared.
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

#: Limit on the jobs of one task instance: after so many failures another job would fail too.
_MAX_ATTEMPTS = 100
#: Number of trailing log lines of a failed job that are logged.
_N_LAST_LINES = 20


@dataclass(frozen=True)
class FoundJob:
    """The job of a task: just started, or found from an earlier try.

    :param name: its name
    :param description: SageMaker's description of it; None if it was started just now
    :param analysis: its analysis, if it had completed already
    """

    name: str
    description: Mapping[str, Any] | None = None
    analysis: Analysis | None = None


@dataclass(frozen=True)
class JobIdentity:
    """Identify a task instance and how often it has been cleared.

    Tries between two clearings share an identity. The start of the run distinguishes deployments that share an account.

    :param task_instance: DAG id, run id, task id and map index
    :param started: the start of its run; clearing a run that had ended starts it anew
    :param generation: number of tries that were used when it was last cleared; 0 if it never was
    """

    task_instance: tuple[str, str, str, int]
    started: str
    generation: int

    @classmethod
    def from_context(cls, context: Context) -> JobIdentity:
        """Build the identity of the running task.

        :param context: of the task
        """
        ti, run = context["ti"], context["dag_run"]
        started = getattr(run, "start_date", None) or getattr(run, "run_after", None)
        # As Airflow counts: clearing raises max_tries by the number of used tries, a retry does not change it.
        generation = (getattr(ti, "max_tries", 0) or 0) - (context["task"].retries or 0)
        map_index = -1 if ti.map_index is None else ti.map_index
        return cls((ti.dag_id, ti.run_id, ti.task_id, map_index), str(started), max(generation, 0))

    def serialize_job(self, plan: JobPlan) -> str:
        """Serialize the identity and the fingerprint of a plan, from which the job name is derived."""
        return json.dumps([*self.task_instance, self.started, self.generation, plan.fingerprint])

    def iterate_earlier(self) -> Iterator[JobIdentity]:
        """Iterate over the identities that this task instance had before it was cleared."""
        for generation in range(self.generation):
            yield replace(self, generation=generation)


class TaskJob:
    """Start, find, await and stop the processing job of one task.

    :param engine: the engine of the task
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
        self, plan: JobPlan, config: AnalysisConfig, identity: JobIdentity | None, remember: Callable[[str], None]
    ) -> FoundJob:
        """Find the job that an earlier try started for a plan, or start a new one.

        :param plan: the job to run
        :param config: the analysis configuration, which a completed job must match
        :param identity: the task instance; None starts a new job without searching for an earlier one
        :param remember: called with the name of a job before it is started, so that it can be stopped in any case
        :return: the job
        :raises JobError: too many jobs of this task instance have failed
        """
        known = None if identity is None else identity.serialize_job(plan)
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            name = self.engine.job_name(known, attempt, plan.default_prefix)
            description = None if known is None else self.jobs.find(name)
            if description is None:
                remember(name)
                self.engine.submit(plan, name)
                self.log.info("Started job %s", name)
                return FoundJob(name)
            found = self._reuse_job(name, description, config)
            if found is not None:
                remember(name)
                return found
        raise JobError(f"{_MAX_ATTEMPTS} jobs of this task did not complete; find out why, then clear the task")

    def stop_cleared(self, plan: JobPlan, identity: JobIdentity) -> None:
        """Stop jobs that the task instance started before it was cleared and that still run.

        A trigger stops its job when its task is cleared, but only if a triggerer was running at that time.

        :param plan: the job to run
        :param identity: the task instance
        """
        for earlier in identity.iterate_earlier():
            for attempt in range(1, _MAX_ATTEMPTS + 1):
                name = self.engine.job_name(earlier.serialize_job(plan), attempt, plan.default_prefix)
                description = self.jobs.find(name)
                if description is None:
                    break
                if JobStatus.from_description(description).running:
                    self.log.info("Job %s was started before this task was cleared", name)
                    self.stop(name)

    def _reuse_job(self, name: str, description: Mapping[str, Any], config: AnalysisConfig) -> FoundJob | None:
        """Return the job of an earlier try if it is running, or has completed with the requested output."""
        from airflow_clarify.engines.sagemaker.results import collect

        status = JobStatus.from_description(description)
        if status.running:
            self.log.info("An earlier try has started job %s, which is %s", name, status.state)
            return FoundJob(name, description)
        if not status.completed:
            self.log.info("The job %s of an earlier try cannot be used: %s", name, status.why)
            return None
        try:
            analysis = collect(description, config, self.files)
        except JobError as error:
            self.log.warning("The job %s of an earlier try cannot be used: %s", name, error)
            return None
        self.log.info("An earlier try has started job %s, which has completed", name)
        return FoundJob(name, description, analysis)

    def wait(
        self, name: str, deadline: float, poll_interval: float, check_killed: Callable[[], None], *, logs: bool
    ) -> Mapping[str, Any]:
        """Wait until a job has ended.

        :param name: the job
        :param deadline: seconds since the epoch
        :param poll_interval: average number of seconds between two polls
        :param check_killed: called every second; raises when the task is killed
        :param logs: whether the job's log lines go to the task's log
        :return: SageMaker's description of the ended job
        :raises JobError: it did not end in time, or it no longer exists
        :raises ServiceError: AWS rejected the request
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
                raise JobError(f"the processing job {name} did not end within its timeout")
            _sleep_interruptibly(min(add_jitter(poll_interval), max(deadline - time.time(), 0)), check_killed)

    def finish(self, description: Mapping[str, Any], config: AnalysisConfig, *, shown: bool) -> Analysis:
        """Read the analysis of a job that has ended.

        :param description: SageMaker's description of the ended job
        :param config: the analysis configuration that the output must match
        :param shown: whether the job's log lines were logged already; if not, the last lines of a failed job are
        :return: the analysis
        :raises JobError: it did not complete, or its output is not the requested one
        """
        from airflow_clarify.engines.sagemaker.results import collect

        status = JobStatus.from_description(description)
        if not status.completed:
            if not shown:
                self.log_job_lines(status.name, last=_N_LAST_LINES)
            raise JobError(f"the processing job {status.name} did not complete ({status.why})")
        return collect(description, config, self.files)

    def log_job_lines(self, name: str, last: int | None = None) -> None:
        """Copy the job's log lines, or the last of them, to the task's log.

        :param name: the job
        :param last: number of lines; None for all
        """
        from airflow_clarify.engines.sagemaker.logs import LogTail

        lines = LogTail(self.engine.connection, name).read_rest()
        log_lines(self.log, lines if last is None else lines[-last:])

    def stop(self, name: str) -> None:
        """Stop a job; log a failure to do so, which must not hide the reason for stopping it.

        :param name: the job
        """
        try:
            if self.jobs.stop(name):
                self.log.info("Stopping job %s", name)
        except ClarifyError as error:
            self.log.error("Job %s may still be running, and cost money: %s", name, error)


def get_start_time(description: Mapping[str, Any] | None) -> float:
    """Return when a job was created, in seconds since the epoch.

    :param description: SageMaker's description; None for a job that was started just now
    """
    created = (description or {}).get("CreationTime")
    return created.timestamp() if isinstance(created, datetime) else datetime.now(UTC).timestamp()


def _sleep_interruptibly(seconds: float, check_killed: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    check_killed()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(1.0, left))
        check_killed()
