"""Numbers and names as people read them. Every renderer writes them the same way."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from airflow_clarify.bias.contingency import WeightedCount

#: Keeps a number and its sign of percent on one line.
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

# Control characters, and those that turn the direction of text around or take no room: with them a value can look like
# another, or swallow the sentence around it. U+200C and U+200D stay, as Persian and emoji are spelled with them.
# A character for private use looks as the font of the moment likes. A surrogate without its partner cannot be written
# to a file at all, and the last two code points before U+10000 not to an XML document, as a picture is one.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\uf8ff"
    "\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)

#: A value can be a whole page of text. It is told by its beginning, and its length where that is not all of it.
LONGEST_NAME = 300


class Name(str):
    """A text that comes from the data: a column, a value, or both as ``column=value``.

    A renderer may set it apart, so that its direction of writing does not reach into the sentence around it.
    """


class GroupName(Name):
    """A tested group, as ``column=value``.

    A renderer may set its two names apart from each other: between two names that are written from right to left, the
    sign of equality alone would not keep the column before the value.
    """

    column: Name
    value: Name

    def __new__(cls, column: str, value: str) -> GroupName:
        where = super().__new__(cls, f"{build_name(column)}={build_name(value)}")
        where.column, where.value = build_name(column), build_name(value)
        return where


#: Parts that make one sentence when written one after the other.
Sentence = tuple[str, ...]


def escape_invisible(text: str) -> str:
    """The text with each character that cannot be seen written as its code point.

    >>> escape_invisible("a\\nb")
    'a⟨U+000A⟩b'
    """
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def quote_if_blank(value: str) -> str:
    """A text; an empty or blank one in quotes, so that there is something to see."""
    return value if value.strip() else f'"{value}"'


def build_name(value: str) -> Name:
    """A value of the data, as it is shown: of a very long one the beginning, and how long it is."""
    if len(value) > LONGEST_NAME:
        length = f" ({format_count(len(value))} characters)"
        value = shorten(value, LONGEST_NAME - len(length)) + length
    return Name(quote_if_blank(value))


def shorten(text: str, longest: int) -> str:
    """The beginning of a text that is too long.

    >>> shorten("Fine gauge", 6)
    'Fine …'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def format_count(number: int) -> str:
    """A number of rows.

    >>> format_count(22626)
    '22,626'
    """
    return f"{number:,}"


def format_weight(number: float) -> str:
    """A sum of weights: two decimals at most; of one below 1 three digits, as it may be tiny and is not nothing.

    >>> format_weight(1234.5)
    '1,234.5'
    >>> format_weight(0.00123)
    '0.00123'
    """
    if 0 < abs(number) < 1:
        return f"{float(number):.3g}"
    return f"{float(number):,.2f}".rstrip("0").rstrip(".")


def format_amount(tally: WeightedCount, weighted: bool) -> str:
    """How much there is: rows, or their weight where the data are weighted."""
    return format_weight(float(tally.weight)) if weighted else format_count(tally.rows)


def format_percent(share: float) -> str:
    """A share, with one decimal; a share that is neither nothing nor all is never written as if it were.

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


def format_number(value: float, decimals: int = 4) -> str:
    """A metric's value. What rounds to zero has no sign, and infinity has its own.

    >>> format_number(-0.00001)
    '0.0000'
    """
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not float(text) else text


def format_bound(value: float) -> str:
    """A bound, as its author wrote it."""
    return f"{value + 0.0:.15g}"  # 0.0 takes its sign from zero


def format_tick(value: float) -> str:
    """A round number on an axis, where there is little room."""
    return f"{value:g}"


def format_plural(how_many: int, one: str, many: str) -> str:
    """A number and the noun that fits it.

    >>> format_plural(1, "check", "checks")
    '1 check'
    """
    return f"{format_count(how_many)} {one if how_many == 1 else many}"


def format_date(date: str) -> str:
    """Write a date in ISO form to the minute; empty where it is no date.

    >>> format_date("2026-11-27T03:00:00+00:00")
    '2026-11-27 03:00 UTC'
    """
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return ""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
