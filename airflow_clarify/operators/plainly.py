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


def number(name: str, value: Any) -> Any:
    """A number that a template has left as a text; what is none stays, for whoever needs one to refuse it.

    :raises ConfigError: a text that is no number
    """
    if not isinstance(value, str):
        return value
    from airflow_clarify.bias.numbers import parse_number

    try:
        return parse_number(value)
    except ValueError:
        raise ConfigError(f"{name}: {value!r} is not a number; see what its template gives") from None


def number_or_none(name: str, value: Any) -> Any:
    """The same, where a template may say that there is none.

    :raises ConfigError: a text that is no number
    """
    return None if isinstance(value, str) and value.strip() in ("", "None") else number(name, value)


def unresolved(value: Any) -> bool:
    """Whether a value is known only when the task runs: a template, or the output of another task."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, dict):
        return any(unresolved(part) for part in (*value, *value.values()))
    if isinstance(value, list | tuple | set):
        return any(unresolved(part) for part in value)
    return hasattr(value, "resolve") and hasattr(value, "iter_references")
