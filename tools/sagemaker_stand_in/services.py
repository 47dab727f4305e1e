"""From an HTTP request to the operation that it asks for, and from its result to an HTTP answer."""

from __future__ import annotations

import copy
import json
import logging
import re
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from sagemaker_stand_in import identity
from sagemaker_stand_in.errors import ApiError, LostConnection
from sagemaker_stand_in.faults import LOST_ANSWER, Faults, raise_fault
from sagemaker_stand_in.logs import Logs
from sagemaker_stand_in.sagemaker import SageMaker
from sagemaker_stand_in.validation import check

log = logging.getLogger(__name__)

#: How many requests of each operation are kept; one that runs for days is polled millions of times.
REMEMBERED = 10_000
JSON_TYPE, XML_TYPE = "application/x-amz-json-1.1", "text/xml"
_CREDENTIAL = re.compile(r"Credential=[^/\s]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[^/\s]+)/aws4_request")
Operation = Callable[[str, dict[str, Any]], dict[str, Any]]
QueryOperation = Callable[[str, dict[str, str]], str]


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    content_type: str
    body: bytes
    error: str | None = None


class Services:
    """The operations of all services at one address.

    They are told apart by the header ``X-Amz-Target``, or by the form field ``Action``.
    """

    def __init__(self, account: str, sagemaker: SageMaker, logs: Logs, faults: Faults) -> None:
        self._faults = faults
        # By the target's prefix: botocore's name for the service, which is also that of the signature; its operations.
        self._json: dict[str, tuple[str, dict[str, Operation]]] = {
            "SageMaker": (
                "sagemaker",
                {
                    "CreateProcessingJob": sagemaker.create_processing_job,
                    "DescribeProcessingJob": sagemaker.describe_processing_job,
                    "StopProcessingJob": sagemaker.stop_processing_job,
                    "ListProcessingJobs": sagemaker.list_processing_jobs,
                    "AddTags": sagemaker.add_tags,
                    "ListTags": sagemaker.list_tags,
                },
            ),
            "Logs_20140328": (
                "logs",
                {"DescribeLogStreams": logs.describe_log_streams, "GetLogEvents": logs.get_log_events},
            ),
        }
        self._query: dict[tuple[str, str], QueryOperation] = {
            ("sts", "GetCallerIdentity"): lambda region, _: identity.caller_identity(account, region),
            ("iam", "GetRole"): lambda region, form: identity.role(account, region, form.get("RoleName", "")),
        }
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._accepted: dict[str, deque[dict[str, Any]]] = {}

    @property
    def operations(self) -> set[str]:
        """The names of all operations."""
        names = {name for _, operations in self._json.values() for name in operations}
        return names | {name for _, name in self._query}

    def calls(self) -> Counter[str]:
        """How often each operation was called, with or without success."""
        with self._lock:
            return self._calls.copy()

    def accepted(self, operation: str) -> list[dict[str, Any]]:
        """Return the requests of an operation that were carried out."""
        with self._lock:
            return copy.deepcopy(list(self._accepted.get(operation, ())))

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Carry out a request.

        :raises LostConnection: when the client is not to be answered
        """
        target = headers.get("X-Amz-Target")
        if target is not None:
            return self._answer_in_json(target, headers, body)
        return self._answer_in_xml(headers, body)

    def _answer_in_json(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            result = self._carry_out_json(target, headers, body)
            return Answer(200, JSON_TYPE, json.dumps(result).encode())
        except ApiError as error:
            document = {"__type": error.code, "message": error.message}
            return Answer(error.status, JSON_TYPE, json.dumps(document).encode(), error.code)

    def _carry_out_json(self, target: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        prefix, _, name = target.partition(".")
        service, operations = self._json.get(prefix, ("", {}))
        region, signed_for = _scope(headers, "MissingAuthenticationTokenException")
        if name not in operations:
            self._count(name)
            raise ApiError("UnknownOperationException", f"The stand-in has no operation {target}.")
        if signed_for != service:
            raise ApiError(
                "InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.", 403
            )
        with self._met(name) as call:
            request = _document(body)
            check(service, name, request)
            result = operations[name](region, request)
            call.accept(request)
        return result

    def _answer_in_xml(self, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            return Answer(200, XML_TYPE, self._carry_out_query(headers, body).encode())
        except ApiError as error:
            return Answer(error.status, XML_TYPE, identity.error_answer(error).encode(), error.code)

    def _carry_out_query(self, headers: Mapping[str, str], body: bytes) -> str:
        region, service = _scope(headers, "MissingAuthenticationToken")
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        name = form.get("Action", "")
        operation = self._query.get((service, name))
        if operation is None:
            self._count(name)
            raise ApiError("InvalidAction", f"The stand-in has no operation {name or '(none was named)'} of {service}.")
        with self._met(name) as call:
            result = operation(region, form)
            call.accept(dict(form))
        return result

    def _met(self, operation: str) -> _Call:
        self._count(operation)
        return _Call(self._faults.for_call(operation), lambda request: self._accept(operation, request))

    def _count(self, operation: str) -> None:
        with self._lock:
            self._calls[operation] += 1

    def _accept(self, operation: str, request: dict[str, Any]) -> None:
        with self._lock:
            self._accepted.setdefault(operation, deque(maxlen=REMEMBERED)).append(request)


class _Call:
    """One call of an operation, with what is to go wrong with it."""

    def __init__(self, fault: str | None, accept: Callable[[dict[str, Any]], None]) -> None:
        self._fault, self.accept = fault, accept

    def __enter__(self) -> _Call:
        if self._fault is not None:
            raise_fault(self._fault)
        return self

    def __exit__(self, *_: object) -> None:
        if self._fault == LOST_ANSWER:
            raise LostConnection


def request_id() -> str:
    """Build the headers that AWS puts on every answer."""
    return str(uuid.uuid4())


def _scope(headers: Mapping[str, str], code: str) -> tuple[str, str]:
    """Return the region and the service that a request is signed for. The signature itself is not checked."""
    authorization = headers.get("Authorization")
    if not authorization:
        raise ApiError(code, "Missing Authentication Token", 403)
    found = _CREDENTIAL.search(authorization)
    if found is None:
        raise ApiError("IncompleteSignature", "The Authorization header has no credential scope.", 400)
    return found["region"], found["service"]


def _document(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError("SerializationException", f"The request is not JSON: {error}") from None
