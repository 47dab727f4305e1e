"""What a description of a processing job says: whether it has ended, whether all is well, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: The states in which SageMaker still works on a job. Whatever is none of these has ended, states not yet invented too.
_RUNNING = frozenset({"InProgress", "Stopping"})


@dataclass(frozen=True)
class JobStatus:
    """The state of a processing job.

    :param name: name of the job
    :param state: SageMaker's word for it: InProgress, Completed, Failed, Stopping or Stopped
    :param failure_reason: SageMaker's reason, where it gives one
    :param exit_message: the container's own last word, where it left one
    """

    name: str
    state: str
    failure_reason: str = ""
    exit_message: str = ""

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> JobStatus:
        """Read what ``DescribeProcessingJob`` answers."""
        return cls(
            name=str(description.get("ProcessingJobName", "")),
            state=str(description.get("ProcessingJobStatus", "unknown")),
            failure_reason=_join_lines(description.get("FailureReason")),
            exit_message=_join_lines(description.get("ExitMessage")),
        )

    @property
    def ended(self) -> bool:
        return self.state not in _RUNNING

    @property
    def running(self) -> bool:
        """Whether it may still complete; a job that is being stopped will not."""
        return self.state == "InProgress"

    @property
    def completed(self) -> bool:
        """Whether all is well. No other state is, not even Stopped, whoever stopped it."""
        return self.state == "Completed"

    @property
    def why(self) -> str:
        """Why the job did not complete: SageMaker's reason, the container's message, or else the state alone."""
        reasons = [reason for reason in (self.failure_reason, self.exit_message) if reason]
        if len(reasons) == 2 and self.exit_message in self.failure_reason:
            reasons.pop()
        told = "; exit message: ".join(reasons) if self.failure_reason else "".join(reasons)
        return f"{self.state}: {told}" if told else f"{self.state}, and SageMaker gives no reason"


def replace_datetimes(value: Any) -> Any:
    """A description as JSON can carry it: times as ISO texts, and nothing of the HTTP answer."""
    if isinstance(value, Mapping):
        return {key: replace_datetimes(part) for key, part in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [replace_datetimes(part) for part in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _join_lines(text: Any) -> str:
    return " ".join(str(text).split()) if text else ""
