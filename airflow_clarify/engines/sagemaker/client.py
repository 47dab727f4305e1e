"""Processing jobs through boto3: describe, create and stop, with retries."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.engines.sagemaker.errors import (
    explain_error,
    is_expired,
    is_name_conflict,
    is_transient,
    is_unknown_job,
    translate_errors,
)
from airflow_clarify.engines.sagemaker.status import JobStatus
from airflow_clarify.exceptions import JobError
from airflow_clarify.io.filesystem import first_error_line

log = logging.getLogger(__name__)

#: Attempts of a call that is not part of a wait; a wait retries by polling.
_MAX_ATTEMPTS = 5


class ProcessingJobs:
    """The client for the processing jobs of one account and region.

    :param connection: the AWS connection
    """

    def __init__(self, connection: AwsConnection) -> None:
        self.connection = connection

    @property
    def _hook(self) -> Any:
        return self.connection.hook("sagemaker")

    @property
    def _client(self) -> Any:
        return self._hook.conn

    def connect(self) -> None:
        """Create the client now, so that a later call needs nothing but its request.

        :raises ConfigError: there is no such connection
        :raises ServiceError: AWS refused, or could not be reached
        """
        with translate_errors("SageMaker"):
            _ = self._client

    @cached_property
    def region(self) -> str:
        """The AWS region."""
        with translate_errors("SageMaker"):
            return str(self._hook.conn_region_name)

    @cached_property
    def partition(self) -> str:
        """The AWS partition: "aws", "aws-cn", "aws-us-gov" and so on."""
        with translate_errors("SageMaker"):
            return str(self._hook.conn_partition)

    @cached_property
    def account(self) -> str:
        """The number of the AWS account, from STS."""
        with translate_errors("GetCallerIdentity"):
            return str(self._hook.account_id)

    def resolve_role_arn(self, role: str) -> str:
        """Resolve an IAM role to its ARN.

        :param role: the name or ARN of the role
        :raises ConfigError: there is no role of that name
        :raises ServiceError: AWS refused, or could not be reached
        """
        with translate_errors(f"GetRole of {role}"):
            return str(self._hook.expand_role(role))

    def describe(self, name: str) -> dict[str, Any]:
        """Describe a job, with retries.

        :param name: the name of the job
        :return: the response of ``DescribeProcessingJob``
        :raises JobError: there is no such job
        :raises ServiceError: AWS refused, or could not be reached
        """
        found: dict[str, Any] = self._retry("DescribeProcessingJob", name, lambda: self._describe(name))
        return found

    def find(self, name: str) -> dict[str, Any] | None:
        """Describe a job, or return None if there is no job of that name.

        :param name: the name of the job
        """
        try:
            return self.describe(name)
        except _UnknownJobError:
            return None

    def create(self, request: Mapping[str, Any]) -> None:
        """Start a job.

        A name conflict is not an error: a job's name identifies its work, so the existing job is the requested one,
        and the response of an earlier call was lost.

        :param request: the arguments of ``CreateProcessingJob``
        :raises ConfigError: the request is invalid
        :raises ServiceError: AWS refused, or could not be reached
        """
        name = request["ProcessingJobName"]

        def call() -> None:
            try:
                self._client.create_processing_job(**request)
            except Exception as error:
                if not is_name_conflict(error):
                    raise
                log.info("Job %s exists already", name)

        self._retry("CreateProcessingJob", name, call)

    def stop(self, name: str) -> bool:
        """Stop a job that has not ended.

        :param name: the name of the job
        :return: whether a job was stopped
        :raises ServiceError: AWS refused, or could not be reached
        """
        description = self.find(name)
        if description is None or JobStatus.from_description(description).ended:
            return False
        try:
            self._retry("StopProcessingJob", name, lambda: self._client.stop_processing_job(ProcessingJobName=name))
        except Exception:
            # The job may have ended in the meantime.
            if JobStatus.from_description(self.describe(name)).ended:
                return False
            raise
        return True

    def observe(self, name: str) -> dict[str, Any] | None:
        """Describe a job once, or return None if the call fails transiently.

        :param name: the name of the job
        :return: the response of ``DescribeProcessingJob``
        :raises JobError: there is no such job
        :raises ServiceError: AWS refused the call
        """
        try:
            return self._describe(name)
        except Exception as error:
            if not is_transient(error):
                raise explain_error(error, f"DescribeProcessingJob of {name}") from None
            log.warning("The state of job %s is temporarily unavailable: %s", name, first_error_line(error))
            if is_expired(error):
                self.connection.forget_hooks()
            return None

    def _describe(self, name: str) -> dict[str, Any]:
        try:
            return dict(self._client.describe_processing_job(ProcessingJobName=name))
        except Exception as error:
            if is_unknown_job(error):
                raise _UnknownJobError(
                    f"there is no processing job {name!r} in {self.region}; check the name and the region"
                ) from None
            raise

    def _retry(self, what: str, name: str, call: Callable[[], Any]) -> Any:
        """Make a call, and retry transient failures with exponential backoff.

        :raises ConfigError: the request is invalid
        :raises ServiceError: AWS refused, or could not be reached
        """
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                return call()
            except Exception as error:
                if not is_transient(error) or attempt == _MAX_ATTEMPTS:
                    raise explain_error(error, f"{what} of {name}") from None
                if is_expired(error):
                    self.connection.forget_hooks()
                time.sleep(random.uniform(0.5, 1) * 2 ** (attempt - 1))
        raise AssertionError("unreachable")


class _UnknownJobError(JobError):
    """There is no job of that name."""
