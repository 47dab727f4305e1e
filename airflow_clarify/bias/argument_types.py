"""Types of configuration arguments, checked with a sentence that names the argument.

Python would otherwise fail deep inside, where the argument is used, with an error that names neither it nor the remedy.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_clarify.exceptions import ConfigError


class ArgumentType(NamedTuple):
    """What an argument may be.

    :param description: in words, to follow "give"
    :param accepts: tests a value
    :param listed: whether it is a list, in which a single text may stand by mistake
    """

    description: str
    accepts: Callable[[Any], bool]
    listed: bool = False


def is_column(value: object) -> bool:
    """Test for a column name or an index."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def is_list(value: object) -> bool:
    """Test for a list or another sequence that is not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def is_written_list(text: str) -> bool:
    """Test for a text that spells a list, which no column is called but many templates give."""
    try:
        return isinstance(ast.literal_eval(text), list)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _is_location(value: object) -> bool:
    # Paths of several libraries share no base, and each is a location once it is a text.
    return not isinstance(value, bool | int | float | bytes | Mapping | set | list | tuple)


COLUMN = ArgumentType("a column name or its index from 0", is_column)
COLUMNS = ArgumentType(
    "a list of column names or indexes", lambda value: is_list(value) and all(map(is_column, value)), listed=True
)
FACETS = ArgumentType("a column name or its index from 0, or a list of them", COLUMNS.accepts)
METHODS = ArgumentType(
    "'all' or a list of metrics", lambda value: isinstance(value, str | tuple | list | frozenset | set)
)
LOCATION = ArgumentType("a path or a URI", _is_location)
OPTIONS = ArgumentType('a mapping such as {"delim": ";"}', lambda value: isinstance(value, Mapping))
TABLE = ArgumentType(
    "a table's name, or its parts as a list",
    lambda value: isinstance(value, str) or (is_list(value) and all(isinstance(part, str) for part in value)),
)
TEXT = ArgumentType("a text", lambda value: isinstance(value, str))
TEXTS = ArgumentType(
    "a list of texts", lambda value: is_list(value) and all(isinstance(part, str) for part in value), listed=True
)


def check_argument(name: str, value: object, wanted: ArgumentType, *, rendered: bool = False) -> None:
    """Refuse an argument of another type.

    :param name: the argument, as its author writes it
    :param value: what was given
    :param wanted: what it may be
    :param rendered: whether templates were rendered since the argument was last checked, so that a text where none may
        stand comes from a template
    :raises ConfigError: names the argument and says what to give
    """
    if rendered and isinstance(value, str) and not wanted.accepts(value):
        raise ConfigError(f"{name}: {refuse_rendered_text(value)}")
    if wanted.listed and isinstance(value, str):
        raise ConfigError(f"{name}: give a list, such as [{value!r}]")
    if not wanted.accepts(value):
        raise ConfigError(f"{name}: {value!r} is not allowed; give {wanted.description}")


def refuse_rendered_text(text: str) -> str:
    """Explain what to do about a template that was to give a list or a mapping, and gave a text."""
    return (
        f"its template gives the text {text!r}; write a template for each entry, as in ['{{{{ params.value }}}}'], or "
        "set render_template_as_native_obj=True on the DAG"
    )


def parse_boolean(given: object, key: str) -> bool:
    """A truth value, also as the text that a template or the command line makes of it.

    :param key: the configuration key to name in an error
    :raises ConfigError: it is anything else, such as "no" or 0
    """
    if isinstance(given, bool):
        return given
    text = given.strip().lower() if isinstance(given, str) else ""
    if text not in ("true", "false"):
        raise ConfigError(f"{key}: it is true or false, not {given!r}")
    return text == "true"


def is_known_later(value: object) -> bool:
    """Test for a template or the output of another task, which is known only when the task runs."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, list | tuple):
        return any(is_known_later(part) for part in value)
    return hasattr(value, "resolve") and hasattr(value, "iter_references")
