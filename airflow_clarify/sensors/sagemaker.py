"""Wait for a Clarify job that a notebook, a pipeline or another task started: `ClarifyJobSensor`."""

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
from airflow_clarify.exceptions import ConfigError, JobError
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.links.sagemaker import JOB_LINKS, push_job
from airflow_clarify.operators._errors import parse_time_errors, translate_errors
from airflow_clarify.operators._logging import describe_run, log_analysis, log_lines, push_overview
from airflow_clarify.operators.base import TemplateChecks, check_flag

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, PokeReturnValue

    from airflow_clarify.engines.sagemaker.client import ProcessingJobs


class ClarifyJobSensor(TemplateChecks, BaseSensorOperator):
    """Wait for a Clarify job that was started elsewhere, and read its analysis.

    Returns ``{"job": ..., "analysis": ...}``: SageMaker's description of the job, with times as ISO 8601 texts, and its
    analysis, the input of :class:`~airflow_clarify.BiasGateOperator` (``analysis=sensor.output``). For a job that does
    not measure pre-training bias the analysis is None.

    The job does not belong to this task, so killing the task does not stop it.

    :param job_name: the job (templated)
    :param deferrable: wait in the triggerer, without occupying a worker slot
    :param logs: whether to copy the job's log lines to the task's log: new lines at each poll, the rest at the end
    :param aws_conn_id: the Airflow connection to AWS (templated)
    :param region_name: the region, in place of the connection's (templated)
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated)
    :param botocore_config: keyword arguments of ``botocore.config.Config``
    :raises AirflowFailException: the job did not complete; the task is not retried, and with ``soft_fail`` it is
        skipped
    :raises AirflowException: the output of the job is missing or damaged, or AWS rejected the request
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
        with parse_time_errors(self):
            check_flag("deferrable", deferrable)
            check_flag("logs", logs)
            if not isinstance(job_name, str | XComArg) or not job_name:
                raise ConfigError(f"job_name: the name of a processing job, not {job_name!r}")

    def execute(self, context: Context) -> Any:
        """Poll until the job has ended, or defer to the triggerer.

        :param context: of the task
        :return: the job and its analysis
        """
        with translate_errors():
            self.check_rendered()
        if not self.deferrable:
            return super().execute(context)
        try:
            polled = self.poke(context)
        except AirflowFailException as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        if not isinstance(polled, bool):
            return polled.xcom_value
        self._defer()
        return None

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Resume after the trigger has fired, and read the job and its analysis.

        :param context: of the task
        :param event: of :class:`~airflow_clarify.triggers.sagemaker.ClarifyJobTrigger`
        :return: the job and its analysis
        """
        fields = event if isinstance(event, Mapping) else {}
        if fields.get("status") == "timeout":
            raise AirflowSensorTimeout(f"the processing job {self.job_name} had not ended after {self.timeout:g} s")
        with translate_errors():
            if fields.get("status") != "ended":
                message = fields.get("message") or f"the trigger sent {event!r}"
                raise JobError(f"the processing job {self.job_name} cannot be waited for: {message}")
            return self._build_result(context, self._jobs.describe(self.job_name))

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Poll the job once.

        :param context: of the task
        :return: False while the job runs, then the job and its analysis
        """
        from airflow.providers.common.compat.sdk import PokeReturnValue

        from airflow_clarify.engines.sagemaker.status import JobStatus

        with translate_errors():
            description = self._jobs.observe(self.job_name)
            if description is None:
                return False
            status = JobStatus.from_description(description)
            self.log.info("Job %s is %s", self.job_name, status.state)
            self._push_job(context, description)
            if not status.ended:
                if self.logs and self.mode == "poke" and not self.deferrable:
                    log_lines(self.log, self._tail.read_new())
                return False
            return PokeReturnValue(is_done=True, xcom_value=self._build_result(context, description))

    @property
    def connection(self) -> AwsConnection:
        """Return the connection to AWS."""
        return AwsConnection(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)

    @cached_property
    def _jobs(self) -> ProcessingJobs:
        from airflow_clarify.engines.sagemaker.client import ProcessingJobs

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
        timeout = timedelta(seconds=self.timeout) + timedelta(minutes=10)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)

    def _build_result(self, context: Context, description: Mapping[str, Any]) -> dict[str, Any]:
        """Build the return value for a job that has ended.

        :raises AirflowFailException: the job did not complete
        :raises JobError: its output is missing or damaged
        """
        from airflow_clarify.engines.sagemaker.status import JobStatus, replace_datetimes

        status = JobStatus.from_description(description)
        if self.logs:
            log_lines(self.log, self._tail.read_rest())
        if not status.completed:
            raise AirflowFailException(f"the processing job {status.name} did not complete ({status.why})")
        return {"job": replace_datetimes(description), "analysis": self._load_analysis(context, description)}

    def _load_analysis(self, context: Context, description: Mapping[str, Any]) -> dict[str, Any] | None:
        from airflow_clarify.engines.sagemaker.request import is_clarify_job
        from airflow_clarify.engines.sagemaker.results import collect, read_configuration
        from airflow_clarify.engines.sagemaker.s3 import S3Files
        from airflow_clarify.operators.asset_events import add_event_extra, summarize_analysis

        if not is_clarify_job(description):
            self.log.info("Job %s is not a Clarify job, so it has no analysis", self.job_name)
            return None
        files = S3Files(self.connection, (description.get("ProcessingOutputConfig") or {}).get("KmsKeyId"))
        config = read_configuration(description, files)
        if "pre_training_bias" not in config.document["methods"]:
            self.log.info("Job %s did not measure pre-training bias, so it has no analysis", self.job_name)
            return None
        analysis = replace(collect(description, config, files), run=describe_run(context))
        log_analysis(self.log, analysis)
        push_overview(context, [analysis])
        add_event_extra(context, self.outlets, summarize_analysis(analysis))
        return analysis.to_xcom()

    def _push_job(self, context: Context, description: Mapping[str, Any]) -> None:
        from airflow_clarify.engines.sagemaker.request import RESULT_OUTPUT, list_job_locations

        output = list_job_locations(description).get(RESULT_OUTPUT)
        push_job(context, self.job_name, self._jobs.region, self._jobs.partition, output)
