"""Read values of template fields: parse the text to which a template was rendered."""

from __future__ import annotations

from typing import Any

from airflow_clarify.exceptions import ConfigError


def parse_number(name: str, value: Any) -> Any:
    """Parse a number that a rendered template left as text; return any other type unchanged.

    Validation of other types is left to the code that uses the value.

    :param name: the argument, for the error
    :param value: the rendered value
    :return: a number where the value was text, otherwise the value itself
    :raises ConfigError: the text is not a number
    """
    if not isinstance(value, str):
        return value
    from airflow_clarify.bias.numbers import parse_number

    try:
        return parse_number(value)
    except ValueError:
        raise ConfigError(f"{name}: {value!r} is not a number; check what its template renders to") from None


def parse_optional_number(name: str, value: Any) -> Any:
    """Parse a number that may be absent: empty text and "None" become None.

    :param name: the argument, for the error
    :param value: the rendered value
    :return: a number or None where the value was text, otherwise the value itself
    :raises ConfigError: the text is neither a number nor empty nor "None"
    """
    return None if isinstance(value, str) and value.strip() in ("", "None") else parse_number(name, value)


def parse_rendered(text: str) -> Any:
    """Parse rendered text as JSON, or as a Python literal, which is how Jinja prints a mapping.

    :param text: what rendering a template gave
    :return: the value; the text itself where it is neither JSON nor a Python literal
    """
    import ast
    import json

    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return text
