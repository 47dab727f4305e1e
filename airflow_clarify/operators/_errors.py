"""Translate errors of this package into Airflow's: one sentence, and no retries where they could not help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_clarify.exceptions import ClarifyError, ConfigError, QuotaError, UnfitDataError


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate errors of this package into Airflow's, with or without retries.

    Errors that would recur on a retry fail the task at once: mistakes in the DAG file, missing connections, unusable
    XComs, and data that were read and do not fit. Data or services that could not be reached are retried.

    :raises AirflowFailException: a retry cannot help
    :raises AirflowException: a retry may help
    """
    try:
        yield
    except (ConfigError, QuotaError, UnfitDataError) as error:
        raise AirflowFailException(str(error)) from None
    except ClarifyError as error:
        raise AirflowException(str(error)) from None


@contextmanager
def parse_time_errors(task: Any, task_id: str | None = None) -> Iterator[None]:
    """Prefix configuration errors that are found while the DAG file is parsed with the task id.

    The arguments of a mapped task are known only when it runs, so there the error fails the task without retries.

    :param task: the operator
    :param task_id: its id, if the operator is not initialised yet
    :raises ConfigError: the error, with the task id in front
    :raises AirflowFailException: the error, where the task is already running
    """
    try:
        yield
    except ConfigError as error:
        if getattr(task, "_BaseOperator__from_mapped", False):
            raise AirflowFailException(str(error)) from None
        raise ConfigError(f"task '{task_id or task.task_id}': {error}") from None
