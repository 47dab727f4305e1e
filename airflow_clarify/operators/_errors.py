"""How a task says that something is wrong: one sentence, and no retries where they could not help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_clarify.exceptions import ClarifyError, ConfigError, QuotaError, UnfitDataError


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn our errors into Airflow's.

    What would be the same at the next try fails the task at once: what the DAG's author wrote, connections that are
    not there, XComs, and data that were read and do not fit. What could not be read or reached is tried again.

    :raises AirflowFailException: trying again cannot help
    :raises AirflowException: trying again may help
    """
    try:
        yield
    except (ConfigError, QuotaError, UnfitDataError) as error:
        raise AirflowFailException(str(error)) from None
    except ClarifyError as error:
        raise AirflowException(str(error)) from None


@contextmanager
def parse_time_errors(task: Any, task_id: str | None = None) -> Iterator[None]:
    """Name the task in an error that is found when the DAG file is read.

    The arguments of a mapped task are known only when it runs. Then the error fails it at once.

    :param task: the operator
    :param task_id: its id, while the operator is not set up yet
    :raises ConfigError: with the task id in front
    :raises AirflowFailException: the same, where the task is running
    """
    try:
        yield
    except ConfigError as error:
        if getattr(task, "_BaseOperator__from_mapped", False):
            raise AirflowFailException(str(error)) from None
        raise ConfigError(f"task '{task_id or task.task_id}': {error}") from None


def parse_number(name: str, value: Any) -> Any:
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


def parse_optional_number(name: str, value: Any) -> Any:
    """The same, where a template may say that there is none.

    :raises ConfigError: a text that is no number
    """
    return None if isinstance(value, str) and value.strip() in ("", "None") else parse_number(name, value)


def parse_rendered(text: str) -> Any:
    """Read what a template has left as a text: JSON, or Python's own notation, in which Jinja prints a mapping.

    :return: the value; the text itself where it is neither
    """
    import ast
    import json

    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return text


def is_templated(value: Any) -> bool:
    """Whether a value is known only when the task runs: a template, or the output of another task."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, dict):
        return any(is_templated(part) for part in (*value, *value.values()))
    if isinstance(value, list | tuple | set):
        return any(is_templated(part) for part in value)
    return hasattr(value, "resolve") and hasattr(value, "iter_references")
