"""Detection of the header row of a CSV file with configured column names.

A header row that is counted as data silently changes every metric. So a first row that neither equals the configured
names nor is clearly data is an error, which names the setting that resolves it.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_clarify.bias.config import PANDAS_NA_VALUES
from airflow_clarify.exceptions import ConfigError

#: The number of rows after the first from which columns of numbers are recognized.
SAMPLE_ROWS = 100

_EITHER_WAY = "set header_row=True (--header) if it is a header row, or header_row=False (--no-header) if it is data"


def has_header_row(
    where: str,
    first: Sequence[str],
    following: Sequence[Sequence[str]],
    headers: Sequence[str],
    header_row: bool | None,
) -> bool:
    """Return whether the first row of a file is a header row.

    :param where: the name of the file for error messages
    :param first: the cells of its first row
    :param following: the cells of some rows after it
    :param headers: the configured column names, one per cell
    :param header_row: the configured ``header_row``; None compares the first row with the names
    :return: whether the first row is a header row
    :raises ConfigError: the row looks like a header row with other names, or contradicts ``header_row``
    """
    own, given = [_fold_name(cell) for cell in first], [_fold_name(name) for name in headers]
    if header_row is False and own == given and any(map(_is_name, first)):
        raise ConfigError(
            f"header_row: it is False, and the first row of {where} holds the headers themselves, which would count as "
            "a row of data; leave header_row out, or set it to True (--header)"
        )
    if header_row is False:
        return False
    if _is_reordered(own, given):
        raise ConfigError(
            f"headers: the first row of {where} has the same names in another order; give headers in the order of the "
            "file or leave them out, or set header_row=False (--no-header) if that row is data"
        )
    if header_row or list(first) == list(headers):
        return True
    if _is_respelled(first, own, given):
        raise ConfigError(
            f"headers: the first row of {where} seems to hold the same names in another spelling; {_EITHER_WAY}"
        )
    if (column := _name_above_numbers(first, following)) is not None:
        raise ConfigError(
            f"headers: the first row of {where} seems to hold names, for column {headers[column]!r} holds a word there "
            f"and numbers below; {_EITHER_WAY}"
        )
    return False


def _fold_name(name: str) -> str:
    """Normalize a column name: remove case, whitespace and punctuation."""
    return "".join(character for character in name.casefold() if character.isalnum()) or name


def _is_name(cell: str) -> bool:
    return any(character.isalpha() for character in cell) and cell not in PANDAS_NA_VALUES and not _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _is_reordered(own: Sequence[str], given: Sequence[str]) -> bool:
    """Return whether names of the file are configured for other columns."""
    moved = [name for name, other in zip(own, given, strict=True) if name != other and _is_name(name)]
    elsewhere = {name for name, other in zip(given, own, strict=True) if name != other}
    # A single match can be a coincidence: a cell "male" in a row of data, and a column "Male".
    return sum(name in elsewhere for name in moved) > 1


def _is_respelled(first: Sequence[str], own: Sequence[str], given: Sequence[str]) -> bool:
    """Return whether one name equals its configured name after normalization, or half are similar."""
    from difflib import SequenceMatcher

    pairs = [(a, b) for cell, a, b in zip(first, own, given, strict=True) if _is_name(cell)]
    if any(a == b for a, b in pairs):
        return True
    near = sum(SequenceMatcher(None, a, b).ratio() >= 0.75 for a, b in pairs)
    elsewhere = len({a for a, _ in pairs} & set(given))
    return bool(pairs) and 2 * max(near, elsewhere) >= len(first)


def _name_above_numbers(first: Sequence[str], following: Sequence[Sequence[str]]) -> int | None:
    """Return the first column with a name in the first row and numbers below.

    :return: its position; None where the first row has as many numbers as such names, so that it is data
    """
    names, numbers = [], 0
    for position, cell in enumerate(first):
        below = [row[position] for row in following if position < len(row)]
        present = [each for each in below if each.strip() not in PANDAS_NA_VALUES]
        if present and all(map(_is_number, present)):
            if _is_name(cell):
                names.append(position)
            elif _is_number(cell):
                numbers += 1
    # A row of data can have a word for a missing number next to other numbers; a header row has no numbers.
    return names[0] if len(names) > numbers else None
