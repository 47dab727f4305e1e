"""The log lines of a job's containers, read from CloudWatch while the job runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

from airflow_clarify.engines.sagemaker.connection import AwsConnection
from airflow_clarify.engines.sagemaker.errors import is_transient
from airflow_clarify.io.filesystem import first_error_line

log = logging.getLogger(__name__)

GROUP = "/aws/sagemaker/ProcessingJobs"
#: CloudWatch returns at most this many events per call.
_PAGE = 10_000


class LogTail:
    """Follow the logs of one job.

    Unreadable logs cause one warning and are then ignored: they do not affect the result of the job.

    :param connection: the AWS connection
    :param name: the name of the job
    """

    def __init__(self, connection: AwsConnection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._tokens: dict[str, str | None] = {}
        self._unreadable = False

    @property
    def _client(self) -> Any:
        return self._connection.hook("logs").conn

    def read_new(self) -> list[str]:
        """Read the lines written since the last call.

        :return: the lines, prefixed with the instance if there are several; none if the logs are unreadable
        """
        if self._unreadable:
            return []
        try:
            streams = self._list_streams()
            several = len(streams) > 1
            return [
                f"[{_parse_instance(stream)}] {line}" if several else line
                for stream in streams
                for line in self._read(stream)
            ]
        except Exception as error:
            if _is_missing(error) or is_transient(error):
                return []
            self._unreadable = True
            log.warning(
                "The logs of job %s cannot be read (%s); they are in %s", self._name, first_error_line(error), GROUP
            )
            return []

    def read_rest(self, patience: float = 3.0) -> list[str]:
        """Read the remaining lines of a job that has ended.

        CloudWatch shows lines a few seconds after the job has written them.

        :param patience: seconds to wait for the first line, if none has been read yet
        """
        lines = self.read_new()
        deadline = time.monotonic() + patience
        while not lines and not self._tokens and not self._unreadable and time.monotonic() < deadline:
            time.sleep(min(1.0, patience))
            lines = self.read_new()
        return lines

    def _list_streams(self) -> list[str]:
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=GROUP, logStreamNamePrefix=f"{self._name}/"
        )
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]

    def _read(self, stream: str) -> Iterator[str]:
        """Read a stream to its end, which CloudWatch marks by repeating the token."""
        while True:
            token = self._tokens.get(stream)
            position = {"nextToken": token} if token else {}
            page = self._client.get_log_events(
                logGroupName=GROUP, logStreamName=stream, startFromHead=True, limit=_PAGE, **position
            )
            self._tokens[stream] = page["nextForwardToken"]
            for event in page["events"]:
                yield str(event["message"]).rstrip()
            if page["nextForwardToken"] == token or not page["events"]:
                return


def _parse_instance(stream: str) -> str:
    """Parse the host from a stream's name, such as ``job/algo-1-1700000000``."""
    return stream.rpartition("/")[2].rpartition("-")[0]


def _is_missing(error: Exception) -> bool:
    """Return whether the log group or the stream does not exist yet.

    The group is created by the first job of an account, the stream by the first line of a job.
    """
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException"
