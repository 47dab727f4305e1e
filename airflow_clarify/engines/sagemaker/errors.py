"""Errors of calls to AWS: which ones are transient, and one-sentence messages for the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_clarify.exceptions import ClarifyError, ConfigError, ServiceError
from airflow_clarify.io.filesystem import first_error_line

#: The error codes of throttled calls.
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
#: The error codes of credentials that expired during a long wait; the next call uses new ones.
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_TRANSIENT = _THROTTLED | _EXPIRED | {"InternalFailure", "InternalError", "RequestTimeout", "ServiceUnavailable"}


def is_transient(error: BaseException) -> bool:
    """Return whether a retry may succeed: throttling, a server error or a lost connection.

    :param error: an error of a call to AWS
    """
    from botocore.exceptions import ClientError, CredentialRetrievalError

    if isinstance(error, ClientError):
        return _get_error_code(error) in _TRANSIENT or _get_http_status(error) >= 500
    return _is_network_error(error) or isinstance(error, CredentialRetrievalError)


def is_throttling(error: BaseException) -> bool:
    """Return whether the service throttles calls.

    :param error: an error of a call to AWS
    """
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError) and (_get_error_code(error) in _THROTTLED or _get_http_status(error) == 429)


def is_expired(error: BaseException) -> bool:
    """Return whether the credentials of the client have expired.

    :param error: an error of a call to AWS
    """
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError) and _get_error_code(error) in _EXPIRED


def is_unknown_job(error: BaseException) -> bool:
    """Return whether the error means that there is no job of that name.

    :param error: an error of a call to AWS
    """
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return False
    not_found = _get_error_code(error) == "ValidationException" and "could not find" in str(error).lower()
    return not_found or _get_error_code(error) in ("ResourceNotFound", "ResourceNotFoundException")


def is_name_conflict(error: BaseException) -> bool:
    """Return whether the error means that a job of that name exists already.

    :param error: an error of a call to AWS
    """
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError) and _get_error_code(error) in ("ResourceInUse", "ResourceInUseException")


@contextmanager
def translate_errors(what: str) -> Iterator[None]:
    """Translate the errors of boto to errors with a one-sentence message.

    :param what: the call, such as "DescribeProcessingJob of lab-1"
    :raises ConfigError: the request, a parameter or a setting of the client is invalid
    :raises ServiceError: AWS refused, or could not be reached
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClarifyError:
        raise
    except (BotoCoreError, ClientError, OSError) as error:
        raise explain_error(error, what) from None


def explain_error(error: BaseException, what: str) -> BaseException:
    """Translate an error of a call to AWS to one with a one-sentence message.

    :param error: the error; an error from elsewhere is returned unchanged
    :param what: the call, such as "DescribeProcessingJob of lab-1"
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        ParamValidationError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    if isinstance(error, NoRegionError):
        return ConfigError(f"{what}: no region; set region_name, or region_name in the connection's extra")
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return ServiceError(f"{what}: no AWS credentials; give the connection some, or the worker a role")
    if isinstance(error, ParamValidationError):
        return ConfigError(f"{what}: {_flatten(error)}")
    if isinstance(error, ClientError):
        return _build_refusal(error, what)
    if _is_network_error(error):
        return ServiceError(f"{what}: AWS cannot be reached ({_flatten(error)}); check the network and the endpoint")
    return ServiceError(f"{what}: {_flatten(error)}") if isinstance(error, BotoCoreError | OSError) else error


def _build_refusal(error: Any, what: str) -> ClarifyError:
    code, message = _get_error_code(error), str(error.response.get("Error", {}).get("Message", "")).strip()
    sentence = f"{what}: {code}" + (f": {' '.join(message.split())}" if message else "")
    if code in ("AccessDenied", "AccessDeniedException", "403"):
        return ServiceError(f"{sentence}; give the credentials of the connection that permission")
    if code in ("NoSuchBucket", "NoSuchEntity", "NoSuchEntityException"):
        return ConfigError(f"{sentence}; check the name")
    if code == "ResourceLimitExceeded":
        return ServiceError(f"{sentence}; choose another instance_type, or ask AWS for a higher quota")
    if code == "ValidationException":
        return ConfigError(sentence)
    return ServiceError(sentence)


def _is_network_error(error: BaseException) -> bool:
    """Return whether a connection was refused, lost or timed out."""
    # botocore has two base classes for these errors.
    from botocore import exceptions

    return isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError | ConnectionError | TimeoutError)


def _get_error_code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _get_http_status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _flatten(error: BaseException) -> str:
    return " ".join(str(error).split()) or first_error_line(error)
