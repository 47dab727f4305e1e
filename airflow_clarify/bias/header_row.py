"""Whether the first row of a CSV file is a header row, where the author gives the column names as well.

A header row that is counted as data becomes a person, and moves every metric a little without a word. So a first row
that is neither the given names nor plainly data is an error, which says how to settle it.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_clarify.bias.config import PANDAS_NA_VALUES
from airflow_clarify.exceptions import ConfigError

#: Rows after the first that are enough to recognize a column of numbers.
SAMPLE_ROWS = 100

_EITHER_WAY = "say header_row=True (--header) if it is a header row, or header_row=False (--no-header) if it is data"


def has_header_row(
    where: str,
    first: Sequence[str],
    following: Sequence[Sequence[str]],
    headers: Sequence[str],
    header_row: bool | None,
) -> bool:
    """Decide whether the first row of a file is a header row.

    :param where: the file, as an error names it
    :param first: the cells of its first row
    :param following: the cells of some rows after it
    :param headers: the column names that the author gives, as many as there are cells
    :param header_row: what the author states; None compares the first row with the names
    :return: whether the first row is one
    :raises ConfigError: the row looks like a header row with other names, or contradicts what the author states
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
            "file or leave them out, or say header_row=False (--no-header) if that row is data"
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
    """A name without case, blanks and punctuation, which is what spellings of one name differ in."""
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
    """Whether a name that the file has in one place is given to another, so that columns would be taken for others."""
    moved = [name for name, other in zip(own, given, strict=True) if name != other and _is_name(name)]
    elsewhere = {name for name, other in zip(given, own, strict=True) if name != other}
    # One equal text alone can be chance: a cell "male" of a row, and a column "Male".
    return sum(name in elsewhere for name in moved) > 1


def _is_respelled(first: Sequence[str], own: Sequence[str], given: Sequence[str]) -> bool:
    """Whether some names are the given ones but for their spelling, at least one exactly or half of them nearly."""
    from difflib import SequenceMatcher

    pairs = [(a, b) for cell, a, b in zip(first, own, given, strict=True) if _is_name(cell)]
    if any(a == b for a, b in pairs):
        return True
    near = sum(SequenceMatcher(None, a, b).ratio() >= 0.75 for a, b in pairs)
    elsewhere = len({a for a, _ in pairs} & set(given))
    return bool(pairs) and 2 * max(near, elsewhere) >= len(first)


def _name_above_numbers(first: Sequence[str], following: Sequence[Sequence[str]]) -> int | None:
    """The first column that holds a name in the first row and numbers below; None where that row holds numbers too."""
    names, numbers = [], 0
    for position, cell in enumerate(first):
        below = [row[position] for row in following if position < len(row)]
        present = [each for each in below if each.strip() not in PANDAS_NA_VALUES]
        if present and all(map(_is_number, present)):
            if _is_name(cell):
                names.append(position)
            elif _is_number(cell):
                numbers += 1
    # A row of data can hold one word for a missing number beside the numbers that it has; a header row has none.
    return names[0] if len(names) > numbers else None
