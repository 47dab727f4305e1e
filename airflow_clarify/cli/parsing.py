"""Parse the values of options: lists, numbers, CSV options and thresholds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_clarify.bias import numbers
from airflow_clarify.exceptions import ClarifyError, ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.column_types import Value


def parse_values(given: Sequence[str], option: str) -> list[Value]:
    """Parse values like JSON: 1 is a number, F and "1" in quotes are strings.

    :param given: the values of a repeatable option
    :param option: its name, for errors
    :raises ConfigError: a text begins like a JSON list but is not one
    """
    return [value for text in given for value in _parse_value_list(text, option)]


def _parse_value_list(text: str, option: str) -> list[Value]:
    if text.lstrip().startswith("["):
        return _parse_json_list(text, option)
    values = _parse_json(f"[{text}]")
    if values is not None and all(map(_is_value, values)):
        return list(values)
    if '"' in text and "," in text:
        raise ConfigError(f"""{option}: {text!r}: with quotes and commas write a JSON list, such as '["a,b", "c"]'""")
    return [_parse_value(part) for part in text.split(",")]


def _parse_value(text: str) -> Value:
    value: Value = _parse_json(text)
    return value if _is_value(value) else text


def parse_texts(given: Sequence[str], option: str) -> list[str]:
    """Parse strings that are separated by commas, or a JSON list.

    :param given: the values of a repeatable option
    :param option: its name, for errors
    :raises ConfigError: a text begins like a JSON list but is not one
    """
    texts: list[str] = []
    for text in given:
        texts += map(str, _parse_json_list(text, option)) if text.lstrip().startswith("[") else text.split(",")
    return texts


def _parse_json_list(text: str, option: str) -> list[Value]:
    values = _parse_json(text)
    if not isinstance(values, list) or not all(map(_is_value, values)):
        raise ConfigError(
            f'{option}: {text!r} begins with "[" but is not a JSON list of texts and numbers, such as '
            """'["a,b", "[c"]'"""
        )
    return values


def _parse_json(text: str) -> Any:
    """Parse a text as JSON; return None if it is not JSON."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON, though Python reads it")


def _is_value(value: object) -> bool:
    return isinstance(value, str | int | float)


def parse_number(text: str) -> float:
    """Parse the number of an option.

    :raises argparse.ArgumentTypeError: the text is not a number in decimal notation
    """
    try:
        return float(numbers.parse_number(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_whole_number(text: str) -> int:
    """Parse the integer of an option.

    :raises argparse.ArgumentTypeError: the text is not an integer in decimal digits
    """
    try:
        number = numbers.parse_number(text)
    except ValueError:
        number = 0.5
    if not isinstance(number, int):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return number


def parse_csv_option(text: str) -> tuple[str, str]:
    """Parse an option of the CSV format, such as ``delim=;``.

    :param text: the value of --csv-option
    :raises ConfigError: the text is not of the form KEY=VALUE
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--csv-option: {text!r} is not of the form KEY=VALUE, such as delim=';'")
    return key, "\t" if value == "\\t" else value


def parse_thresholds(texts: Sequence[str]) -> dict[str, Any]:
    """Parse thresholds such as ``DPL:gender:F=0.1`` to the rules of :class:`Thresholds`.

    :param texts: the values of --threshold
    :raises ConfigError: a threshold is not valid, or is given twice
    """
    if any(text.lstrip().startswith("{") for text in texts):
        return _parse_json_thresholds(texts)
    rules: dict[str, dict[str, dict[str, Any]]] = {}
    for text in texts:
        # A facet value may contain an equals sign, bounds cannot.
        where, _, bounds = text.rpartition("=")
        if not where:
            raise ConfigError(f"--threshold: {text!r} is not of the form METRIC=BOUND, such as DPL=0.1")
        metric, *narrower = where.split(":", 2)
        facet, value = (*narrower, "*", "*")[:2]
        facet_rule = rules.setdefault(metric, {}).setdefault(facet, {})
        if value in facet_rule:
            raise ConfigError(f"--threshold: {text!r}: there is another for {where}; leave one out")
        facet_rule[value] = _parse_bounds(bounds, text)
    return rules


def _parse_json_thresholds(texts: Sequence[str]) -> dict[str, Any]:
    if len(texts) > 1:
        raise ConfigError("--threshold: JSON cannot be combined with other thresholds; put all of them into it")
    try:
        rules: dict[str, Any] = json.loads(texts[0], object_pairs_hook=_refuse_repeated_keys)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ClarifyError):
            raise
        raise ConfigError(f"--threshold: {texts[0]!r} is not valid JSON ({error})") from None
    return rules


def _refuse_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object; refuse repeated keys, of which Python silently keeps the last."""
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"--threshold: {twice!r} occurs twice; leave one out")
    return document


def _parse_bounds(text: str, whole: str) -> float | tuple[float | None, float | None]:
    try:
        if ":" in text:
            low, high = text.split(":")
            return (numbers.parse_number(low) if low else None, numbers.parse_number(high) if high else None)
        return numbers.parse_number(text)
    except ValueError:
        raise ConfigError(
            f"--threshold: {whole!r}: {text!r} is neither a number nor a range such as -0.05:0.1"
        ) from None
