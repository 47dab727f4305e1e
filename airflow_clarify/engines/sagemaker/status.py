"""The state of a processing job: whether it has ended, whether it completed, and if not, why."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: The states in which SageMaker still works on a job. Every other state, including unknown ones, counts as ended.
_RUNNING = frozenset({"InProgress", "Stopping"})


@dataclass(frozen=True)
class JobStatus:
    """The state of a processing job.

    :param name: name of the job
    :param state: SageMaker's ``ProcessingJobStatus``: InProgress, Completed, Failed, Stopping or Stopped
    :param failure_reason: SageMaker's reason for a failure; empty if there is none
    :param exit_message: the message that the container wrote when it exited; empty if there is none
    """

    name: str
    state: str
    failure_reason: str = ""
    exit_message: str = ""

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> JobStatus:
        """Read the state from the response of ``DescribeProcessingJob``.

        :param description: the response
        """
        return cls(
            name=str(description.get("ProcessingJobName", "")),
            state=str(description.get("ProcessingJobStatus", "unknown")),
            failure_reason=_join_lines(description.get("FailureReason")),
            exit_message=_join_lines(description.get("ExitMessage")),
        )

    @property
    def ended(self) -> bool:
        """Return whether SageMaker no longer works on the job."""
        return self.state not in _RUNNING

    @property
    def running(self) -> bool:
        """Return whether the job may still complete; a job that is being stopped will not."""
        return self.state == "InProgress"

    @property
    def completed(self) -> bool:
        """Return whether the job completed. Every other state is a failure, including Stopped."""
        return self.state == "Completed"

    @property
    def why(self) -> str:
        """The reason why the job did not complete, from SageMaker and the container."""
        reasons = [reason for reason in (self.failure_reason, self.exit_message) if reason]
        if len(reasons) == 2 and self.exit_message in self.failure_reason:
            reasons.pop()
        reason = "; exit message: ".join(reasons) if self.failure_reason else "".join(reasons)
        return f"{self.state}: {reason}" if reason else f"{self.state}, and SageMaker gives no reason"


def replace_datetimes(value: Any) -> Any:
    """Convert a response of AWS to JSON values, without its HTTP metadata.

    :param value: the response, or a part of it; times become ISO texts
    """
    if isinstance(value, Mapping):
        return {key: replace_datetimes(part) for key, part in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [replace_datetimes(part) for part in value]
    return value.isoformat() if isinstance(value, datetime) else value


def add_jitter(seconds: float) -> float:
    """Vary the pause between two polls at random, by up to 20 %.

    Jobs that were started together would otherwise be polled together until they end.

    :param seconds: the mean length of the pause, in seconds
    :return: the length of the pause, in seconds
    """
    return seconds * random.uniform(0.8, 1.2)


def _join_lines(text: Any) -> str:
    return " ".join(str(text).split()) if text else ""
