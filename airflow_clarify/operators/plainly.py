"""How a task says that something is wrong: one sentence, and no retries where they could not help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_clarify.exceptions import ClarifyError, ConfigError, QuotaError


@contextmanager
def plainly() -> Iterator[None]:
    """Turn our errors into Airflow's.

    A wrong configuration or quota fails the task at once; unreadable data may be there at the next try.

    :raises AirflowFailException: trying again cannot help
    :raises AirflowException: trying again may help
    """
    try:
        yield
    except (ConfigError, QuotaError) as error:
        raise AirflowFailException(str(error)) from None
    except ClarifyError as error:
        raise AirflowException(str(error)) from None


@contextmanager
def at_parse_time(task_id: str) -> Iterator[None]:
    """Name the task in an error that is found when the DAG file is read.

    :raises ConfigError: with the task id in front
    """
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"task '{task_id}': {error}") from None


def unresolved(value: Any) -> bool:
    """Whether a value is known only when the task runs: a template, or the output of another task."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, dict):
        return any(unresolved(part) for part in (*value, *value.values()))
    if isinstance(value, list | tuple | set):
        return any(unresolved(part) for part in value)
    return hasattr(value, "resolve") and hasattr(value, "iter_references")
