"""What goes wrong on purpose: with the next calls of an operation, or with the next jobs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from sagemaker_stand_in.errors import ApiError, LostConnection

#: With a lost answer the request is carried out; with a lost connection it is not. A client cannot tell them apart.
LOST_ANSWER = "lost-answer"
CALL_FAULTS = (
    "throttle",
    "server-error",
    "unavailable",
    "access-denied",
    "expired-token",
    "lost-connection",
    LOST_ANSWER,
)
JOB_FAULTS = (
    "internal-error",
    "stopped",
    "failed",
    "failed-without-reason",
    "missing-output",
    "truncated-output",
    "finished-at-once",
)


@dataclass
class _Fault:
    """One that waits to happen.

    :param where: the operation, or what the name of the job begins with
    """

    kind: str
    where: str
    times: int


class Faults:
    """The faults that wait to happen. The oldest that fits happens first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[_Fault] = []
        self._jobs: list[_Fault] = []

    def add_to_calls(self, operation: str, kind: str, times: int) -> None:
        """Let the next calls of an operation fail.

        :param kind: one of ``CALL_FAULTS``
        """
        self._add(self._calls, _Fault(_known(kind, CALL_FAULTS), operation, times))

    def add_to_jobs(self, kind: str, times: int, name_prefix: str = "") -> None:
        """Let the next jobs that are created go wrong.

        :param kind: one of ``JOB_FAULTS``
        :param name_prefix: only jobs whose names begin so
        """
        self._add(self._jobs, _Fault(_known(kind, JOB_FAULTS), name_prefix, times))

    def for_call(self, operation: str) -> str | None:
        """Take the kind of fault for this call; each fault is used once."""
        with self._lock:
            return _take(self._calls, [fault for fault in self._calls if fault.where == operation])

    def for_job(self, name: str) -> str | None:
        """Take the kind of fault for this job; each fault is used once."""
        with self._lock:
            return _take(self._jobs, [fault for fault in self._jobs if name.startswith(fault.where)])

    def clear(self) -> None:
        """Forget all that wait."""
        with self._lock:
            self._calls.clear()
            self._jobs.clear()

    def document(self) -> dict[str, Any]:
        """Those that wait, as JSON shows them."""
        with self._lock:
            return {
                "calls": [{"operation": one.where, "fault": one.kind, "times": one.times} for one in self._calls],
                "jobs": [{"job": one.kind, "name_prefix": one.where, "times": one.times} for one in self._jobs],
            }

    def _add(self, faults: list[_Fault], fault: _Fault) -> None:
        if fault.times < 1:
            raise ValueError(f"times={fault.times}: a fault happens once or more often")
        with self._lock:
            faults.append(fault)


def raise_fault(kind: str) -> None:
    """Raise what makes a call meet a fault. A lost answer raises nothing: the request is carried out first."""
    if kind == "throttle":
        raise ApiError("ThrottlingException", "Rate exceeded")
    if kind == "server-error":
        raise ApiError("InternalFailure", "The request processing has failed because of an unknown error.", 500)
    if kind == "unavailable":
        raise ApiError("ServiceUnavailable", "The request has failed due to a temporary failure of the server.", 503)
    # Documented with the common errors of SageMaker's API.
    if kind == "access-denied":
        raise ApiError("AccessDeniedException", "You do not have sufficient access to perform this action.")
    if kind == "expired-token":
        raise ApiError("ExpiredTokenException", "The security token included in the request is expired", 403)
    if kind == "lost-connection":
        raise LostConnection


def _known(kind: str, kinds: tuple[str, ...]) -> str:
    if kind not in kinds:
        raise ValueError(f"{kind!r} is not a fault that can be had here; these are: {', '.join(kinds)}")
    return kind


def _take(faults: list[_Fault], fitting: list[_Fault]) -> str | None:
    if not fitting:
        return None
    fault = fitting[0]
    fault.times -= 1
    if fault.times == 0:
        faults.remove(fault)
    return fault.kind
