"""Parsing of numbers in text, as from the command line and from templates."""

from __future__ import annotations

import re

# Stricter than int() and float(), which also accept "1_0" and the digits of other scripts.
_WHOLE = re.compile(r"[+-]?[0-9]+")
# Infinity and NaN are accepted, so that callers can refuse them with a specific error message.
_DECIMAL = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|inf|nan)")


def parse_number(text: str) -> int | float:
    """Parse a number in decimal notation, with optional surrounding whitespace.

    :param text: such as "10", "-0.5" or "1e-3"
    :return: an integer if the text has only digits and a sign, else a float
    :raises ValueError: the text is not a number
    """
    stripped = text.strip(" \t\r\n")
    if _WHOLE.fullmatch(stripped):
        return int(stripped)
    if _DECIMAL.fullmatch(stripped):
        return float(stripped)
    raise ValueError(f"{text!r} is not a number")
