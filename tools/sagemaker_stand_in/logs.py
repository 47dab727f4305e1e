"""CloudWatch Logs, as much of it as one needs to follow a job: what was written, and how it is read page by page."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sagemaker_stand_in.errors import ApiError
from sagemaker_stand_in.identity import partition

GROUP = "/aws/sagemaker/ProcessingJobs"
#: The limits of one answer of GetLogEvents: so many events, and so many bytes with 26 for each event.
MAX_EVENTS, MAX_BYTES, BYTES_BESIDE_MESSAGE = 10_000, 1_048_576, 26
MAX_STREAMS = 50


class Event(NamedTuple):
    """A line, and when it was written, in milliseconds."""

    timestamp: int
    message: str

    @property
    def size(self) -> int:
        """What it takes of an answer."""
        return len(self.message.encode()) + BYTES_BESIDE_MESSAGE


@dataclass
class Stream:
    """What one container has written."""

    name: str
    created: int
    events: list[Event] = field(default_factory=list)


class Logs:
    """The log streams of all jobs, by region. A group exists as soon as a first job has written."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._regions: dict[str, dict[str, Stream]] = {}

    def write(self, region: str, stream: str, message: str) -> None:
        """Add a line to a stream, which comes into being with its first line."""
        now = int(time.time() * 1000)
        with self._lock:
            streams = self._regions.setdefault(region, {})
            streams.setdefault(stream, Stream(stream, now)).events.append(Event(now, message))

    def describe_log_streams(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeLogStreams."""
        prefix, by_time = request.get("logStreamNamePrefix", ""), request.get("orderBy") == "LastEventTime"
        if prefix and by_time:
            raise _invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        with self._lock:
            streams = [one for one in self._group(region, request).values() if one.name.startswith(prefix)]
            streams.sort(
                key=lambda one: (one.events[-1].timestamp if by_time else 0, one.name),
                reverse=request.get("descending", False),
            )
            first = _number(request.get("nextToken", "0"), r"(\d+)")
            last = first + request.get("limit", MAX_STREAMS)
            answer: dict[str, Any] = {"logStreams": [self._described(region, one) for one in streams[first:last]]}
        if last < len(streams):
            answer["nextToken"] = str(last)
        return answer

    def get_log_events(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer GetLogEvents. Whoever is at the end gets the token back that they came with."""
        with self._lock:
            stream = self._group(region, request).get(request["logStreamName"])
            if stream is None:
                raise ApiError("ResourceNotFoundException", "The specified log stream does not exist.")
            events = list(stream.events)
        token = request.get("nextToken") or ("f/0" if request.get("startFromHead", False) else f"b/{len(events)}")
        position = _number(token, r"[fb]/(\d+)(?:/s)?")
        if position > len(events):
            raise _invalid_parameter("The specified nextToken is invalid.")
        page = _Page(request)
        first, last = page.forward(events, position) if token.startswith("f") else page.backward(events, position)
        return {
            "events": [
                {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.timestamp}
                for event in events[first:last]
                if page.wants(event)
            ],
            "nextForwardToken": _token("f", last),
            "nextBackwardToken": _token("b", first),
        }

    def _group(self, region: str, request: dict[str, Any]) -> dict[str, Stream]:
        name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
        if (name is None) == (identifier is None):
            raise _invalid_parameter("Specify exactly one of logGroupName or logGroupIdentifier.")
        asked = name or str(identifier).removeprefix(self._group_arn(region)[: -len(GROUP)])
        if asked != GROUP or region not in self._regions:
            raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
        return self._regions[region]

    def _group_arn(self, region: str) -> str:
        return f"arn:{partition(region)}:logs:{region}:{self._account}:log-group:{GROUP}"

    def _described(self, region: str, stream: Stream) -> dict[str, Any]:
        return {
            "logStreamName": stream.name,
            "creationTime": stream.created,
            "firstEventTimestamp": stream.events[0].timestamp,
            "lastEventTimestamp": stream.events[-1].timestamp,
            "lastIngestionTime": stream.events[-1].timestamp,
            "arn": f"{self._group_arn(region)}:log-stream:{stream.name}",
            "storedBytes": 0,
        }


class _Page:
    """How much of a stream one answer holds."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._limit = request.get("limit", MAX_EVENTS)
        self._from, self._before = request.get("startTime", 0), request.get("endTime")

    def wants(self, event: Event) -> bool:
        """Whether an event is of the time that was asked for."""
        return event.timestamp >= self._from and (self._before is None or event.timestamp < self._before)

    def forward(self, events: list[Event], position: int) -> tuple[int, int]:
        """Return the part of the stream that begins at a position."""
        return position, position + self._fitting(events[position:])

    def backward(self, events: list[Event], position: int) -> tuple[int, int]:
        """Return the part of the stream that ends at a position."""
        return position - self._fitting(events[position - 1 :: -1] if position else []), position

    def _fitting(self, events: list[Event]) -> int:
        number = size = 0
        for looked_at, event in enumerate(events):
            if self.wants(event):
                number, size = number + 1, size + event.size
                if number > self._limit or size > MAX_BYTES:
                    return looked_at
        return len(events)


def _token(direction: str, position: int) -> str:
    return f"{direction}/{position:056d}/s"


def _number(token: str, pattern: str) -> int:
    found = re.fullmatch(pattern, token)
    if found is None:
        raise _invalid_parameter("The specified nextToken is invalid.")
    return int(found[1])


def _invalid_parameter(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)
