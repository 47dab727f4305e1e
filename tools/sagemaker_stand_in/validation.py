"""Does a request keep to the service's own model, the one that boto3 carries?

boto3 itself checks only a part of it before it sends (names, types, required members, minimal lengths), so code that
is tested against a lenient server learns of the rest in production.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from sagemaker_stand_in.errors import invalid

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

#: What is wrong, and where: the value as AWS shows it, the path of the member, the rule.
Problem = tuple[str, str, str]

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
}


@cache
def service_model(service: str) -> ServiceModel:
    """Load botocore's model of a service.

    :param service: botocore's name for it: ``sagemaker``, ``logs``
    """
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def check(service: str, operation: str, document: Any) -> None:
    """Raise a ValidationException that names everything in which a request departs from the model.

    :param document: the request, parsed from JSON
    """
    shape = service_model(service).operation_model(operation).input_shape
    problems = list(_problems(shape, document, ""))
    if problems:
        count = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
        sentences = "; ".join(
            f"Value {value} at '{path}' failed to satisfy constraint: {rule}" for value, path, rule in problems
        )
        raise invalid(f"{count} detected: {sentences}")


def _problems(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not _has_type(shape, value):
        yield _shown(value), path, f"Member must be of type {shape.type_name}"
    elif shape.type_name == "structure":
        yield from _structure_problems(shape, value, path)
    elif shape.type_name == "list":
        yield from _list_problems(shape, value, path)
    elif shape.type_name == "map":
        yield from _map_problems(shape, value, path)
    else:
        yield from ((_shown(value), path, rule) for rule in _broken_rules(shape, value))


def _has_type(shape: Shape, value: Any) -> bool:
    # For Python True is a number; for AWS it is not.
    if isinstance(value, bool) and shape.type_name != "boolean":
        return False
    return isinstance(value, _PYTHON_TYPES[shape.type_name])


def _structure_problems(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[Problem]:
    # AWS takes null for absent.
    present = {name: member for name, member in value.items() if member is not None}
    for name in shape.required_members:
        if name not in present:
            yield "null", _below(path, name), "Member must not be null"
    for name, member in present.items():
        if name in shape.members:
            yield from _problems(shape.members[name], member, _below(path, name))
        else:
            # AWS ignores what it does not know, and a typing mistake with it; this is where a stand-in can help.
            yield _shown(member), _below(path, name), f"{shape.name} has no member {name}"


def _list_problems(shape: ListShape, value: list[Any], path: str) -> Iterator[Problem]:
    yield from ((_shown(value), path, rule) for rule in _size_rules(shape, len(value)))
    for number, member in enumerate(value, start=1):
        yield from _problems(shape.member, member, f"{path}.{number}.member")


def _map_problems(shape: MapShape, value: dict[str, Any], path: str) -> Iterator[Problem]:
    yield from ((_shown(value), path, rule) for rule in _size_rules(shape, len(value)))
    for what, member_shape, members in (("keys", shape.key, value.keys()), ("value", shape.value, value.values())):
        for member in members:
            broken = [rule for _, _, rule in _problems(member_shape, member, path)]
            if broken:
                yield _shown(value), path, f"Map {what} must satisfy constraint: [{', '.join(broken)}]"


def _broken_rules(shape: Shape, value: Any) -> Iterator[str]:
    if shape.type_name == "string":
        yield from _size_rules(shape, len(value))
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        pattern = shape.metadata.get("pattern")
        if pattern is not None and not _compiled(pattern).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {pattern}"
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _bounds(shape, value, "value")


def _size_rules(shape: Shape, size: int) -> Iterator[str]:
    return _bounds(shape, size, "length")


def _bounds(shape: Shape, number: float, what: str) -> Iterator[str]:
    if number < shape.metadata.get("min", number):
        yield f"Member must have {what} greater than or equal to {shape.metadata['min']}"
    if number > shape.metadata.get("max", number):
        yield f"Member must have {what} less than or equal to {shape.metadata['max']}"


def _below(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _shown(value: Any) -> str:
    return f"'{_as_java(value)}'"


def _as_java(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_as_java, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}={_as_java(member)}" for key, member in value.items()) + "}"
        case _:
            return "null" if value is None else str(value)


# --- The model's patterns are Java's ------------------------------------------------------------------------------


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = re.sub(r"\\u(D[89AB]..)\\u(D[C-F]..)", _joined_surrogates, pattern)
    return re.compile(re.sub(r"\\p\{([A-Z])\}", lambda found: _characters_of(found[1]), pattern))


def _joined_surrogates(pair: re.Match[str]) -> str:
    return "\\U" + f"{ord(bytes.fromhex(pair[1] + pair[2]).decode('utf-16-be')):08x}"


@cache
def _characters_of(category: str) -> str:
    r"""Build the characters of ``\p{L}`` for square brackets; Python's ``re`` has no such class."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == category:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
