"""Options of a processing job that Clarify's configuration file does not have, as environment variables.

The engine writes them into a job's request, our container reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import ArgumentType, check_argument
from airflow_clarify.exceptions import ConfigError

#: The environment variable for options that are not part of ``analysis_config.json``, as one JSON object. SageMaker
#: limits a variable to 256 characters, so the text can be split into parts with the suffixes "_1", "_2" and so on.
OPTIONS = "AIRFLOW_CLARIFY_OPTIONS"

_TYPES = "'categorical' or 'continuous'"
#: The type of each option.
_ALLOWED: Mapping[str, ArgumentType] = {
    "label_type": ArgumentType(_TYPES, lambda value: isinstance(value, str)),
    "facet_type": ArgumentType(
        f"{_TYPES}, or an object with one per facet", lambda value: isinstance(value, str | dict)
    ),
    "weight": argument_types.COLUMN,
    "na_values": argument_types.TEXTS,
    "csv_options": ArgumentType('an object such as {"delim": ";"}', lambda value: isinstance(value, dict)),
    "header_row": ArgumentType("true or false", lambda value: isinstance(value, bool)),
}


def parse_options(environment: Mapping[str, str]) -> dict[str, Any]:
    """Parse the options in the environment of a job.

    :param environment: the environment variables of the job
    :return: the options, without those that are null
    :raises ConfigError: the variable is not a JSON object, or an option is unknown or has a wrong type
    """
    text = _join_option_parts(environment)
    if not text.strip():
        return {}
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{OPTIONS}: not JSON ({error}); give one object, its parts numbered from 1 on") from None
    if not isinstance(options, dict):
        raise ConfigError(f'{OPTIONS}: {options!r} is not an object such as {{"weight": "w"}}')
    unknown = [repr(name) for name in options if name not in _ALLOWED]
    if unknown:
        raise ConfigError(f"{OPTIONS}: no option {', '.join(unknown)}; there are {', '.join(_ALLOWED)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        check_argument(f"{OPTIONS}: {name}", value, _ALLOWED[name])
    return given


def _join_option_parts(environment: Mapping[str, str]) -> str:
    """Return the text of the variable, or of its numbered parts."""
    parts = {name for name in environment if name.startswith(f"{OPTIONS}_")}
    names = [f"{OPTIONS}_{number}" for number in range(1, len(parts) + 1)]
    if unexpected := sorted(parts - set(names)):
        raise ConfigError(f"{unexpected[0]}: parts are numbered from 1 on without gaps; with {len(parts)}: {names}")
    if parts and OPTIONS in environment:
        raise ConfigError(f"{OPTIONS}: {names[0]} is there too; give the whole, or its parts")
    return "".join(environment[name] for name in names) if parts else environment.get(OPTIONS, "")
