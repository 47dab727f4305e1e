"""Names of crossed facets and of their values: the names of the parts, joined by "+".

A "+" or a backslash inside a part is preceded by a backslash. Different combinations therefore have different names,
whatever texts the data hold: ("a", "b+c") is ``a+b\\+c`` and ("a+b", "c") is ``a\\+b+c``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from airflow_clarify.bias.argument_types import is_list
from airflow_clarify.exceptions import ConfigError

#: Joins the parts of a name.
SEPARATOR = "+"
_ESCAPE = "\\"


def join_parts(parts: Iterable[str]) -> str:
    """Join the parts of a name.

    :param parts: the names of columns, or the texts of their values
    :return: the name, from which :func:`split_parts` restores the parts

    >>> join_parts(["gender", "race"])
    'gender+race'
    """
    return SEPARATOR.join(map(_escape, parts))


def split_parts(name: str) -> tuple[str, ...]:
    """Split a name into its parts.

    :param name: a name from :func:`join_parts`, or one written by hand
    :return: the parts; a single one if the name has no separator

    >>> split_parts("gender+race")
    ('gender', 'race')
    """
    parts, position = [""], 0
    while position < len(name):
        letter = name[position]
        if letter == _ESCAPE and name[position + 1 : position + 2] in (SEPARATOR, _ESCAPE):
            position += 1
            parts[-1] += name[position]
        elif letter == SEPARATOR:
            parts.append("")
        else:
            parts[-1] += letter
        position += 1
    return tuple(parts)


def list_parts(reference: Any) -> tuple[str | int, ...] | None:
    """List the columns of a crossed facet.

    :param reference: an entry of ``facet_name``, or a ``name_or_index`` of ``analysis_config.json``
    :return: the columns; None if the facet is a single column
    """
    return tuple(reference) if is_list(reference) else None


def name_facet(reference: str | int | Sequence[str | int]) -> str | None:
    """Name a facet.

    :param reference: the column, or the columns of a crossed facet
    :return: such as "gender" or "gender+race"; None if a column is given by index
    """
    parts = list_parts(reference)
    if parts is None:
        return reference if isinstance(reference, str) else None
    return join_parts(map(str, parts)) if all(isinstance(part, str) for part in parts) else None


def check_crossed_facet(parts: Sequence[str | int], values: Any, key: str, values_key: str) -> None:
    """Check the columns of a crossed facet, and the combinations under test.

    :param parts: the columns
    :param values: the combinations; None compares each with the rest
    :param key: the author's name of the setting with the columns, for error messages
    :param values_key: the author's name of the setting with the values
    :raises ConfigError: there is one column only, one is repeated, or the values are not combinations of them
    """
    written = name_facet(parts) or repr(tuple(parts))
    if len(parts) < 2:
        raise ConfigError(f"{key}: {tuple(parts)!r} has {len(parts)} columns; a crossed facet has two or more")
    if len(set(parts)) < len(parts):
        raise ConfigError(f"{key}: {written!r} crosses a column with itself; name different columns")
    if values is None:
        return
    example = tuple(f"a {part}" for part in parts)
    if not is_list(values) or not values:
        raise ConfigError(f"{values_key}: give a list of combinations of {written}, such as [{example!r}]")
    for value in values:
        given = split_parts(value) if isinstance(value, str) else value
        if not is_list(given) or len(given) != len(parts):
            raise ConfigError(
                f"{values_key}: the crossed facet {written!r} takes combinations such as {example!r}, not {value!r}; "
                "it has no threshold"
            )
        if not all(isinstance(part, str | int | float) and part == part for part in given):
            raise ConfigError(f"{values_key}: {value!r} holds what is neither a text nor a number")


def _escape(part: str) -> str:
    return part.replace(_ESCAPE, _ESCAPE * 2).replace(SEPARATOR, _ESCAPE + SEPARATOR)
