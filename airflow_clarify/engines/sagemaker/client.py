"""Processing jobs and their logs, through boto3: describe, create, stop, and nothing that lists."""

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

#: How often a call is made that is not part of a wait, which has its own patience.
_TRIES = 5


class ProcessingJobs:
    """The processing jobs of one account and region.

    :param connection: how AWS is reached
    """

    def __init__(self, connection: AwsConnection) -> None:
        self.connection = connection

    @cached_property
    def _hook(self) -> Any:
        return self.connection.hook("sagemaker")

    @property
    def _client(self) -> Any:
        return self._hook.conn

    @cached_property
    def region(self) -> str:
        """The region."""
        with translate_errors("SageMaker"):
            return str(self._hook.conn_region_name)

    @cached_property
    def partition(self) -> str:
        """The partition: "aws", "aws-cn", "aws-us-gov" and so on."""
        with translate_errors("SageMaker"):
            return str(self._hook.conn_partition)

    @cached_property
    def account(self) -> str:
        """The account's number, from STS."""
        with translate_errors("GetCallerIdentity"):
            return str(self._hook.account_id)

    def resolve_role_arn(self, role: str) -> str:
        """The ARN of a role, which may be given by its name alone.

        :raises ConfigError: there is no role of that name
        """
        with translate_errors(f"GetRole of {role}"):
            return str(self._hook.expand_role(role))

    def describe(self, name: str) -> dict[str, Any]:
        """What SageMaker knows of a job.

        :raises JobError: there is no such job
        :raises ServiceError: AWS refused, or could not be reached
        """
        found: dict[str, Any] = self._retry("DescribeProcessingJob", name, lambda: self._describe(name))
        return found

    def find(self, name: str) -> dict[str, Any] | None:
        """What SageMaker knows of a job; None where there is none of that name."""
        try:
            return self.describe(name)
        except _UnknownJobError:
            return None

    def create(self, request: Mapping[str, Any]) -> None:
        """Start a job.

        A name that is taken is no error: names are unique to what is asked for, so it is this very job, and an answer
        to an earlier call was lost.
        """
        name = request["ProcessingJobName"]

        def call() -> None:
            try:
                self._client.create_processing_job(**request)
            except Exception as error:
                if not is_name_conflict(error):
                    raise
                log.info("Job %s was there already", name)

        self._retry("CreateProcessingJob", name, call)

    def stop(self, name: str) -> bool:
        """Ask SageMaker to stop a job.

        :return: whether there was something to stop
        """
        description = self.find(name)
        if description is None or JobStatus.from_description(description).ended:
            return False
        try:
            self._retry("StopProcessingJob", name, lambda: self._client.stop_processing_job(ProcessingJobName=name))
        except Exception:
            # It may have ended since.
            if JobStatus.from_description(self.describe(name)).ended:
                return False
            raise
        return True

    def observe(self, name: str) -> dict[str, Any] | None:
        """What SageMaker knows of a job just now; None where it does not answer, which passes.

        :raises JobError: there is no such job
        :raises ServiceError: AWS refuses
        """
        try:
            return self._describe(name)
        except Exception as error:
            if not is_transient(error):
                raise explain_error(error, f"DescribeProcessingJob of {name}") from None
            log.warning("SageMaker does not say how job %s is just now: %s", name, first_error_line(error))
            if is_expired(error):
                self.renew()
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

    def renew(self) -> None:
        """Forget the client, so that the next call gets new credentials."""
        self.__dict__.pop("_hook", None)

    def _retry(self, what: str, name: str, call: Callable[[], Any]) -> Any:
        """Make a call, again where its failure may pass, with growing pauses.

        :raises ConfigError: the request is wrong
        :raises ServiceError: AWS refused, or could not be reached
        """
        for tried in range(1, _TRIES + 1):
            try:
                return call()
            except Exception as error:
                if not is_transient(error) or tried == _TRIES:
                    raise explain_error(error, f"{what} of {name}") from None
                if is_expired(error):
                    self.renew()
                time.sleep(random.uniform(0.5, 1) * 2 ** (tried - 1))
        raise AssertionError("unreachable")


class _UnknownJobError(JobError):
    """There is no job of that name."""
