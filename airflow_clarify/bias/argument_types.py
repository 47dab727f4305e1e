"""Type checks of configuration arguments.

Their errors name the argument and what is allowed. Without them Python raises an error where the argument is used,
which names neither.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple, TypeVar

from airflow_clarify.exceptions import ConfigError

_Config = TypeVar("_Config")


class ArgumentType(NamedTuple):
    """The type of an argument.

    :param description: a description of allowed values, to follow "give" in an error message
    :param accepts: a predicate for allowed values
    :param listed: whether it is a list of strings, for which a single string is a likely mistake
    """

    description: str
    accepts: Callable[[Any], bool]
    listed: bool = False


def is_column(value: object) -> bool:
    """Return whether a value is a column name or a column index.

    :param value: any value
    :return: True for a string, or an integer that is not a boolean
    """
    return isinstance(value, str | int) and not isinstance(value, bool)


def is_list(value: object) -> bool:
    """Return whether a value is a list or another sequence, but not a string.

    :param value: any value
    :return: False for ``str`` and ``bytes``
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def is_written_list(text: str) -> bool:
    """Return whether a string is the repr of a list.

    Templates render lists to such strings, which are not used as column names.

    :param text: any string
    :return: whether it is a list literal in Python
    """
    try:
        return isinstance(ast.literal_eval(text), list)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _is_location(value: object) -> bool:
    # Path classes of different libraries have no common base, and all of them can be converted to a string.
    return not isinstance(value, bool | int | float | bytes | Mapping | set | list | tuple)


COLUMN = ArgumentType("a column name or its index from 0", is_column)
COLUMNS = ArgumentType(
    "a list of column names or indexes", lambda value: is_list(value) and all(map(is_column, value)), listed=True
)
FACETS = ArgumentType(
    "a column name or its index from 0, or a list of them; in a list, a tuple of columns crosses them",
    # How many columns a crossed facet needs is checked with the facet, whose error message says so.
    lambda value: is_list(value) and all(is_column(each) or COLUMNS.accepts(each) for each in value),
)
LIST = ArgumentType("a list", is_list)
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
    """Check the type of an argument.

    :param name: the name of the argument for error messages
    :param value: its value
    :param wanted: the allowed type
    :param rendered: whether templates were rendered since the last check, so that an unexpected string comes from a
        template
    :raises ConfigError: the value is not allowed; names the argument and what is allowed
    """
    if rendered and isinstance(value, str) and not wanted.accepts(value):
        raise ConfigError(f"{name}: {refuse_rendered_text(value)}")
    if wanted.listed and isinstance(value, str):
        raise ConfigError(f"{name}: give a list, such as [{value!r}]")
    if not wanted.accepts(value):
        raise ConfigError(f"{name}: {value!r} is not allowed; give {wanted.description}")


def refuse_rendered_text(text: str) -> str:
    """Return an error message for a template that rendered to an unexpected string.

    :param text: the rendered string
    :return: the message, with the remedy, to follow the name of the argument
    """
    return (
        f"its template gives the text {text!r}; write a template for each entry, as in ['{{{{ params.value }}}}'], or "
        "set render_template_as_native_obj=True on the DAG"
    )


def parse_boolean(given: object, key: str) -> bool:
    """Parse a boolean, or its string form from a template or the command line.

    :param given: True, False, "true" or "false" in any case
    :param key: the configuration key for error messages
    :return: the boolean
    :raises ConfigError: any other value, such as "no" or 0
    """
    if isinstance(given, bool):
        return given
    text = given.strip().lower() if isinstance(given, str) else ""
    if text not in ("true", "false"):
        raise ConfigError(f"{key}: it is true or false, not {given!r}")
    return text == "true"


def is_templated(value: Any) -> bool:
    """Return whether a value is a Jinja template or an XComArg, or contains one.

    The value of such an argument is known only when the task runs.

    :param value: an argument as the author of the DAG wrote it
    :return: True also for a list, a set or a mapping that contains such a value
    """
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(is_templated(part) for part in (*value, *value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(is_templated(part) for part in value)
    return hasattr(value, "resolve") and hasattr(value, "iter_references")


def is_templated_anywhere(value: Any) -> bool:
    """Return whether a value, or a field of a configuration object, is templated.

    :param value: an argument as the author of the DAG wrote it
    :return: True also for a configuration object whose template fields contain a template or an XComArg
    """
    fields = getattr(value, "template_fields", None)
    return any(is_templated(getattr(value, name)) for name in fields) if fields else is_templated(value)


def describe_given(config: Any) -> str:
    """Return the repr of a configuration object without its unset fields.

    :param config: a dataclass instance
    :return: such as ``BiasConfig(label_values_or_threshold=[1], facet_name='gender')``
    """
    given = [(each.name, getattr(config, each.name)) for each in fields(config) if each.repr]
    written = ", ".join(f"{name}={value!r}" for name, value in given if value is not None and value != {})
    return f"{type(config).__name__}({written})"


def rename_keys(given: Any, names: Mapping[str, str]) -> Any:
    """Rename keys of a mapping.

    :param given: the mapping; any other value is returned unchanged
    :param names: the new names by the old ones
    :return: the mapping with its new keys
    """
    return {names.get(name, name): value for name, value in given.items()} if isinstance(given, Mapping) else given


def create_from_mapping(cls: type[_Config], given: Mapping[str, Any]) -> _Config:
    """Create a configuration object from a mapping of its fields.

    :param cls: a dataclass
    :param given: the fields
    :return: the object
    :raises ConfigError: an unknown field, a missing one, or no mapping
    """
    if not isinstance(given, Mapping):
        raise ConfigError(f"expected a {cls.__name__} or a mapping of its fields, got {type(given).__name__}")
    allowed = [each.name for each in fields(cls)]  # type: ignore[arg-type]
    unknown = [name for name in given if name not in allowed]
    if unknown:
        raise ConfigError(f"{cls.__name__}: no field {unknown[0]!r}; the fields are {', '.join(allowed)}")
    try:
        return cls(**given)
    except TypeError as error:
        raise ConfigError(f"{cls.__name__}: {str(error).removeprefix(f'{cls.__name__}.__init__() ')}") from None
