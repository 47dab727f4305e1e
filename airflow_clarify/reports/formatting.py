"""Format numbers and names for readers, in the same way in every renderer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from airflow_clarify.bias.contingency import WeightedCount

#: Keeps a number and its percent sign on one line.
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
#: Placeholder for a missing number.
NOTHING = "–"

# Control characters, bidirectional controls and characters of zero width: with them a value can look like another one,
# or reorder the sentence around it. U+200C and U+200D are kept, since Persian and emoji are spelled with them.
# The appearance of a private-use character depends on the font. An unpaired surrogate cannot be encoded in a file, and
# U+FFFE and U+FFFF cannot occur in an XML document such as an SVG picture.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\uf8ff"
    "\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)

#: A value can be a whole page of text. A longer one is cut, and its length is added.
MAX_NAME_LENGTH = 300
_SHORT_NAME = 16


class Name(str):
    """A text from the data: a column, a value, or both as ``column=value``.

    A type of its own, so that a renderer can isolate its writing direction from the sentence around it.
    """


class GroupName(Name):
    """The name of a tested group, as ``column=value``.

    A renderer can isolate the two names from each other: if both are written from right to left, an equals sign alone
    does not keep the column before the value.

    :param column: the facet column
    :param value: the facet value
    """

    column: Name
    value: Name

    def __new__(cls, column: str, value: str) -> GroupName:
        name = super().__new__(cls, f"{build_name(column)}={build_name(value)}")
        name.column, name.value = build_name(column), build_name(value)
        return name


#: Parts of a sentence, to be concatenated; a part that is a :class:`Name` comes from the data.
Sentence = tuple[str, ...]


def escape_invisible(text: str) -> str:
    """Replace each invisible character with its code point.

    >>> escape_invisible("a\\nb")
    'a⟨U+000A⟩b'
    """
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def quote_if_blank(value: str) -> str:
    """Put an empty or blank text in quotes, so that it is visible."""
    return value if value.strip() else f'"{value}"'


def build_name(value: str) -> Name:
    """Return a value of the data for display; a very long one is cut, and its length is added."""
    if len(value) > MAX_NAME_LENGTH:
        length = f" ({format_count(len(value))} characters)"
        value = shorten(value, MAX_NAME_LENGTH - len(length)) + length
    return Name(quote_if_blank(value))


def has_long_name(names: Iterable[str]) -> bool:
    """Return whether any name is longer than a word or two."""
    return any(len(name) > _SHORT_NAME for name in names)


def shorten(text: str, max_length: int) -> str:
    """Cut a text that is too long, and add an ellipsis.

    >>> shorten("Fine gauge", 6)
    'Fine …'
    """
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def serialize_number(number: float | None) -> float | str | None:
    """Round a number to six significant digits for JSON, where infinities become text.

    >>> serialize_number(0.12345678), serialize_number(float("-inf"))
    (0.123457, '-Infinity')
    """
    if number is None:
        return None
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return float(f"{number:.6g}")


def format_count(number: int) -> str:
    """Format a number of rows.

    >>> format_count(22626)
    '22,626'
    """
    return f"{number:,}"


def format_weight(number: float) -> str:
    """Format a sum of weights: at most two decimals, or three significant digits if it is below 1.

    A sum below 1 may be tiny, and is never shown as 0.

    >>> format_weight(1234.5)
    '1,234.5'
    >>> format_weight(0.00123)
    '0.00123'
    """
    if 0 < abs(number) < 1:
        return f"{float(number):.3g}"
    return f"{float(number):,.2f}".rstrip("0").rstrip(".")


def format_amount(tally: WeightedCount, weighted: bool) -> str:
    """Format a count: the number of rows, or their weight if the data are weighted."""
    return format_weight(float(tally.weight)) if weighted else format_count(tally.rows)


def format_percent(share: float) -> str:
    """Format a share as a percentage with one decimal.

    A share between 0 and 1 is never rounded to 0 % or 100 %.

    >>> format_percent(0.6610).replace(NO_BREAK_SPACE, " ")
    '66.1 %'
    >>> format_percent(0.0001).replace(NO_BREAK_SPACE, " ")
    '< 0.1 %'
    """
    if 0 < share < 0.0005:
        return f"<{NO_BREAK_SPACE}0.1{NO_BREAK_SPACE}%"
    if 0.9995 <= share < 1:
        return f">{NO_BREAK_SPACE}99.9{NO_BREAK_SPACE}%"
    return f"{100 * share:.1f}{NO_BREAK_SPACE}%"


def format_interval(low: float, high: float) -> str:
    """Format an interval of shares.

    >>> format_interval(0.64, 0.681).replace(NO_BREAK_SPACE, " ")
    '64.0 – 68.1 %'
    """
    return f"{100 * low:.1f}{NO_BREAK_SPACE}–{NO_BREAK_SPACE}{100 * high:.1f}{NO_BREAK_SPACE}%"


def format_number(value: float, decimals: int = 4) -> str:
    """Format the value of a metric; a value that rounds to zero has no sign.

    >>> format_number(-0.00001)
    '0.0000'
    """
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not float(text) else text


def format_bound(value: float) -> str:
    """Format a bound with the digits in which its author wrote it."""
    return f"{value + 0.0:.15g}"  # 0.0 takes its sign from zero


def format_tick(value: float) -> str:
    """Format a tick of an axis."""
    return f"{value:g}"


def format_plural(number: int, one: str, many: str) -> str:
    """Format a number with the singular or plural of a noun.

    >>> format_plural(1, "check", "checks")
    '1 check'
    """
    return f"{format_count(number)} {one if number == 1 else many}"


def format_date(date: str) -> str:
    """Format an ISO 8601 date to the minute, in UTC; empty if it is not a date.

    >>> format_date("2026-11-27T03:00:00+00:00")
    '2026-11-27 03:00 UTC'
    """
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return ""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
