"""The sensor for a Clarify job that something else has started: a notebook, a pipeline, another task."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    XComArg,
    conf,
)

from airflow_clarify.engines.sagemaker.connection import DEFAULT_CONNECTION, AwsConnection
from airflow_clarify.engines.sagemaker.status import JobStatus, without_datetimes
from airflow_clarify.exceptions import ConfigError, JobError
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.links.sagemaker import JOB_LINKS, keep_links
from airflow_clarify.operators.base import TemplateChecks, check_flag
from airflow_clarify.operators.plainly import at_parse_time, plainly
from airflow_clarify.operators.telling import describe_run, leave_overview, show, tell

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, PokeReturnValue

    from airflow_clarify.engines.sagemaker.jobs import ProcessingJobs


class ClarifyJobSensor(TemplateChecks, BaseSensorOperator):
    """Wait for a Clarify job that something else has started, and read its analysis.

    Returns ``{"job": ..., "analysis": ...}``: the job as SageMaker describes it, times as texts, and its analysis,
    which :class:`~airflow_clarify.BiasGateOperator` judges (``analysis=sensor.output``). Of a job that measures no
    pre-training bias the analysis is None.

    The job is not this task's, so it is not stopped when the task is.

    :param job_name: the job (templated)
    :param deferrable: wait in the triggerer, without a worker's slot
    :param logs: whether the job's log lines go to the task's log: new ones at each look, the rest in the end
    :param aws_conn_id: the Airflow connection (templated)
    :param region_name: instead of the connection's (templated)
    :param verify: whether to check TLS certificates, or the path of the authorities' file (templated)
    :param botocore_config: keyword arguments of ``botocore.config.Config``
    :raises AirflowFailException: the job did not complete, which is not tried again; ``soft_fail`` makes it a skip
    :raises AirflowException: what the job left is not there or broken, or AWS refuses to tell
    """

    template_fields: Sequence[str] = ("job_name", "aws_conn_id", "region_name", "verify")
    operator_extra_links = (BiasReportLink(), *JOB_LINKS)
    ui_color = "#e3eef9"

    def __init__(
        self,
        *,
        job_name: str,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        logs: bool = True,
        aws_conn_id: str | None = DEFAULT_CONNECTION,
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.deferrable = deferrable
        self.logs = logs
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        with at_parse_time(self):
            check_flag("deferrable", deferrable)
            check_flag("logs", logs)
            if not isinstance(job_name, str | XComArg) or not job_name:
                raise ConfigError(f"job_name: the name of a processing job, not {job_name!r}")

    def execute(self, context: Context) -> Any:
        with plainly():
            self.check_rendered()
        if not self.deferrable:
            return super().execute(context)
        try:
            looked = self.poke(context)
        except AirflowFailException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        if not isinstance(looked, bool):
            return looked.xcom_value
        self._defer()
        return None

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Go on when the triggerer says that the job has ended; it is looked at again."""
        said = event if isinstance(event, Mapping) else {}
        if said.get("status") == "timeout":
            raise AirflowSensorTimeout(f"the processing job {self.job_name} had not ended after {self.timeout:g} s")
        with plainly():
            if said.get("status") != "ended":
                message = said.get("message") or f"the triggerer said {event!r}"
                raise JobError(f"the processing job {self.job_name} cannot be waited for: {message}")
            return self._result(context, self._jobs.describe(self.job_name))

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once."""
        from airflow.providers.common.compat.sdk import PokeReturnValue

        with plainly():
            description = self._jobs.look(self.job_name)
            if description is None:
                return False
            status = JobStatus.of(description)
            self.log.info("Job %s is %s", self.job_name, status.state)
            self._keep_links(context, description)
            if not status.ended:
                if self.logs and self.mode == "poke" and not self.deferrable:
                    show(self.log, self._tail.new_lines())
                return False
            return PokeReturnValue(is_done=True, xcom_value=self._result(context, description))

    @property
    def connection(self) -> AwsConnection:
        """How AWS is reached."""
        return AwsConnection(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)

    @cached_property
    def _jobs(self) -> ProcessingJobs:
        from airflow_clarify.engines.sagemaker.jobs import ProcessingJobs

        return ProcessingJobs(self.connection)

    @cached_property
    def _tail(self) -> Any:
        from airflow_clarify.engines.sagemaker.logs import LogTail

        return LogTail(self.connection, self.job_name)

    def _defer(self) -> None:
        from airflow_clarify.triggers.sagemaker import ClarifyJobTrigger

        trigger = ClarifyJobTrigger(
            job_name=self.job_name,
            deadline=time.time() + self.timeout,
            poll_interval=self.poke_interval,
            stop_job_on_kill=False,
            **self.connection.to_dict(),
        )
        patience = timedelta(seconds=self.timeout) + timedelta(minutes=10)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=patience)

    def _result(self, context: Context, description: Mapping[str, Any]) -> dict[str, Any]:
        """What the sensor returns of a job that has ended.

        :raises AirflowFailException: it did not complete
        :raises JobError: what it left is missing or broken
        """
        status = JobStatus.of(description)
        if self.logs:
            show(self.log, self._tail.rest())
        if not status.completed:
            raise AirflowFailException(f"the processing job {status.name} did not complete ({status.why})")
        return {"job": without_datetimes(description), "analysis": self._analysis(context, description)}

    def _analysis(self, context: Context, description: Mapping[str, Any]) -> dict[str, Any] | None:
        from airflow_clarify.engines.sagemaker.collect import collect, configuration
        from airflow_clarify.engines.sagemaker.files import S3Files
        from airflow_clarify.engines.sagemaker.request import is_clarify_job
        from airflow_clarify.operators.asset_events import of_analysis, say

        if not is_clarify_job(description):
            self.log.info("Job %s is none of Clarify's, so it has no analysis", self.job_name)
            return None
        files = S3Files(self.connection, (description.get("ProcessingOutputConfig") or {}).get("KmsKeyId"))
        config = configuration(description, files)
        if "pre_training_bias" not in config.document["methods"]:
            self.log.info("Job %s measured no pre-training bias, so it has no analysis", self.job_name)
            return None
        analysis = replace(collect(description, config, files), run=describe_run(context))
        tell(self.log, analysis)
        leave_overview(context, [analysis])
        say(context, self.outlets, of_analysis(analysis))
        return analysis.to_xcom()

    def _keep_links(self, context: Context, description: Mapping[str, Any]) -> None:
        from airflow_clarify.engines.sagemaker.request import RESULT_OUTPUT, locations

        output = locations(description).get(RESULT_OUTPUT)
        keep_links(context, self.job_name, self._jobs.region, self._jobs.partition, output)
