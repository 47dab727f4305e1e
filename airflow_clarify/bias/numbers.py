"""Numbers that people write as texts: on the command line, and through templates."""

from __future__ import annotations

import re

# Python's own int() and float() read "1_0" and the digits of every script as well, which nobody means.
_WHOLE = re.compile(r"[+-]?[0-9]+")
# What is not finite is read, for whoever asked for the number to refuse it in words of its own.
_DECIMAL = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|inf|nan)")


def parse_number(text: str) -> int | float:
    """Read a number in plain decimal notation; surrounding blanks are allowed.

    :param text: such as "10", "-0.5" or "1e-3"
    :return: an integer where the text is one, else a float
    :raises ValueError: it is not such a number
    """
    stripped = text.strip(" \t\r\n")
    if _WHOLE.fullmatch(stripped):
        return int(stripped)
    if _DECIMAL.fullmatch(stripped):
        return float(stripped)
    raise ValueError(f"{text!r} is not a number")
