"""What an operation raises to answer with an error, as AWS would."""

from __future__ import annotations


class ApiError(Exception):
    """An error that goes back to the client.

    :param code: what boto3 shows as ``error.response["Error"]["Code"]``
    :param message: the sentence beside it
    :param status: the HTTP status
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class LostConnection(Exception):  # noqa: N818 (it is not an error of ours, it is what the client is to meet)
    """The connection is closed without an answer."""


def invalid(message: str) -> ApiError:
    """Build the error that SageMaker gives for nearly every wrong request."""
    return ApiError("ValidationException", message)
