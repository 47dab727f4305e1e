"""Names and indexes of columns: resolving them, and errors that suggest the intended one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_clarify.exceptions import ConfigError

ColumnRef = str | int

#: A single column name that an error shows; a file of another format may have been parsed into a single column.
_NAME = re.compile(r"[\w .-]{1,40}")


def resolve_column(reference: ColumnRef, columns: Sequence[str], key: str) -> str:
    """Resolve a column name or index to a column name.

    :param reference: a name, or a zero-based index
    :param columns: the columns of the data, in their order
    :param key: the configuration key for error messages
    :return: the name of the column
    :raises ConfigError: there is no such column, or several columns have the name
    """
    if isinstance(reference, int):
        if not 0 <= reference < len(columns):
            last = len(columns) - 1
            raise ConfigError(f"{key}: index {reference} is outside the {len(columns)} columns (0 to {last})")
        return columns[reference]
    same = [position for position, column in enumerate(columns) if column == reference]
    if len(same) > 1:
        raise ConfigError(f"{key}: {len(same)} columns are named {reference!r}; name one by its index: {same}")
    if same:
        return reference
    raise missing_column_error(reference, columns, key)


def missing_column_error(reference: str, columns: Sequence[str], key: str, where: str = "the data") -> ConfigError:
    """Build the error for an unknown column, with the closest existing name as a suggestion.

    :param reference: the unknown name
    :param columns: the columns of the data
    :param key: the configuration key for the message
    :param where: the name of the data for the message
    :return: the error, to be raised by the caller
    """
    near = close_name(reference, columns)
    hint = f"; did you mean {near!r}?" if near is not None else ""
    if len(columns) == 1:
        # A single column may be the first line of a file of another format, which may hold confidential data.
        hint = hint or suggest_delimiter(columns)
        shown = repr(columns[0]) if _NAME.fullmatch(columns[0]) else "one, whose name is no word"
    else:
        shown = ", ".join(repr(column) for column in columns[:20]) + (", ..." if len(columns) > 20 else "")
    return ConfigError(f"{key}: {where} have no column {reference!r}{hint} (columns: {shown})")


def close_name(name: str, names: Sequence[str]) -> str | None:
    """Return the name that is closest to a misspelt one.

    :param name: the misspelt name
    :param names: the existing names
    :return: the closest name; None where no name is similar

    >>> close_name("Aproved", ["age", "approved"])
    'approved'
    """
    from difflib import get_close_matches

    by_folded = {each.strip().casefold(): each for each in reversed(names)}
    folded = name.strip().casefold()
    near = [folded] if folded in by_folded else get_close_matches(folded, by_folded, n=1, cutoff=0.7)
    return by_folded[near[0]] if near else None


def suggest_delimiter(cells: Sequence[str], delimiter: str = ",") -> str:
    """Suggest another CSV delimiter where a row was parsed into a single cell.

    :param cells: the cells of a row, or the names of all columns
    :param delimiter: the delimiter that the row was split by
    :return: the end of an error message; empty where no other delimiter is found
    """
    if len(cells) == 1:
        for other in (";", "\t", "|", ","):
            if other != delimiter and other in cells[0]:
                return f"; it seems to be separated by {other!r}: set csv_options={{'delim': {other!r}}}"
    return ""


def check_headers(headers: Sequence[str] | None, key: str) -> None:
    """Check that column names differ.

    :param headers: the names; None if there are none
    :param key: the configuration key for the error
    :raises ConfigError: a name occurs twice
    """
    seen: set[str] = set()
    for header in headers or ():
        if header in seen:
            raise ConfigError(f"{key}: {header!r} occurs twice; column names must differ")
        seen.add(header)
