"""Configuration of positive labels, facets and groups: ``BiasConfig`` as in the SageMaker SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import (
    check_argument,
    create_from_mapping,
    describe_given,
    is_list,
    is_templated,
    refuse_rendered_text,
    rename_keys,
)
from airflow_clarify.bias.column_names import ColumnRef
from airflow_clarify.bias.column_types import DeclaredType, Value
from airflow_clarify.bias.crossing import check_crossed_facet, list_parts, name_facet
from airflow_clarify.exceptions import ConfigError


@dataclass
class BiasConfig:
    """Configure the positive label values, the facets and the group variable.

    :param label_values_or_threshold: the positive label values, or one threshold t (a label x > t is then positive)
    :param facet_name: the facet column, by name or by index; or a list of them. In a list, a tuple of columns such as
        ``("gender", "race")`` is a crossed facet, whose values are the combinations that occur (not supported by
        Clarify)
    :param facet_values_or_threshold: the values of the sensitive group, or a threshold; for several facets a list with
        one entry (or None) per facet; None compares each value with the rest. The values of a crossed facet are
        combinations, such as ``("F", "Black")``
    :param group_name: the group variable for CDDL, by name or by index
    :param label_type: "categorical" or "continuous"; None applies Clarify's rule (not supported by Clarify)
    :param facet_type: the type of the facets: one for all, or a mapping of facet columns, as in ``facet_name``, to
        types (not supported by Clarify)
    """

    label_values_or_threshold: Sequence[Value]
    facet_name: ColumnRef | Sequence[ColumnRef | Sequence[ColumnRef]]
    facet_values_or_threshold: Sequence[Any] | None = None
    group_name: ColumnRef | None = None
    label_type: DeclaredType | None = None
    facet_type: DeclaredType | Mapping[str, DeclaredType] | None = None

    template_fields: ClassVar[tuple[str, ...]] = (
        "label_values_or_threshold",
        "facet_name",
        "facet_values_or_threshold",
        "group_name",
    )
    #: None says that each value is compared with the rest, so a template may render to it.
    none_allowed: ClassVar[frozenset[str]] = frozenset({"facet_values_or_threshold"})

    __repr__ = describe_given

    def __post_init__(self) -> None:
        if not is_templated(self.label_values_or_threshold):
            _check_values(self.label_values_or_threshold, "label_values_or_threshold")
        for declared in [self.label_type, *_list_declared_types(self.facet_type)]:
            if declared not in (None, "categorical", "continuous"):
                raise ConfigError(f"label_type and facet_type are 'categorical' or 'continuous', not {declared!r}")
        if not is_templated(self.facet_name) and not is_templated(self.facet_values_or_threshold):
            self.build_facets()
        if self.group_name is not None and not is_templated(self.group_name):
            check_argument("group_name", self.group_name, argument_types.COLUMN)

    @classmethod
    def coerce(cls, given: BiasConfig | Mapping[str, Any]) -> BiasConfig:
        """Convert a mapping of fields, or the SageMaker SDK's ``get_config()``, to a ``BiasConfig``.

        :param given: a ``BiasConfig``, which is returned as it is, or a mapping
        :return: the bias configuration
        :raises ConfigError: the mapping has an unknown field, or lacks a required one
        """
        if isinstance(given, BiasConfig):
            return given
        return create_from_mapping(cls, _map_bias_fields(given))

    def build_facets(self) -> list[dict[str, Any]]:
        """Build the ``facet`` list of ``analysis_config.json``.

        :return: one entry per facet column
        :raises ConfigError: the facet names, values and types do not match
        """
        if isinstance(self.facet_name, str | int):
            names: list[ColumnRef | Sequence[ColumnRef]] = [self.facet_name]
            values: list[Sequence[Any] | None] = [self.facet_values_or_threshold]
        else:
            check_argument("facet_name", self.facet_name, argument_types.FACETS)
            names = list(self.facet_name)
            given = self.facet_values_or_threshold
            if given is not None and not is_list(given):
                raise ConfigError(f"facet_values_or_threshold: give a list with an entry per facet, not {given!r}")
            values = [None] * len(names) if given is None else list(given)
            if len(values) != len(names):
                raise ConfigError(
                    f"facet_values_or_threshold: {len(names)} facets need a list of {len(names)} lists (or None for a "
                    f"facet whose values are all to be tested), not {len(values)}"
                )
        if not names:
            raise ConfigError("facet_name: name at least one facet column")
        if isinstance(self.facet_type, Mapping):
            known = {str(column) for name in names for column in (list_parts(name) or [name])}
            known |= {str(name_facet(name)) for name in names}
            for column in self.facet_type:
                if str(column) not in known:
                    raise ConfigError(
                        f"facet_type: {column!r} is not a facet; facet_name has {', '.join(map(repr, names))}"
                    )
        facets: list[dict[str, Any]] = []
        for name, facet_values in zip(names, values, strict=True):
            parts = list_parts(name)
            facet: dict[str, Any] = {"name_or_index": name if parts is None else list(parts)}
            if parts is not None:
                check_crossed_facet(parts, facet_values, "facet_name", "facet_values_or_threshold")
            if facet_values is not None and parts is not None:
                facet["value_or_threshold"] = [each if isinstance(each, str) else list(each) for each in facet_values]
            elif facet_values is not None:
                facet["value_or_threshold"] = list(_check_values(facet_values, "facet_values_or_threshold"))
            facets.append(facet)
        return facets

    def get_config(self) -> dict[str, Any]:
        """Build this object's keys of ``analysis_config.json``, in the SageMaker SDK's order.

        :return: the keys and their JSON values
        :raises ConfigError: a value has a type that is not allowed, for example after template rendering
        """
        if self.group_name is not None:
            check_argument("group_name", self.group_name, argument_types.COLUMN)
        # The constructor refuses plain strings here, so a string can only come from template rendering.
        for name in ("label_values_or_threshold", "facet_values_or_threshold"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ConfigError(f"{name}: {refuse_rendered_text(value)}")
        if isinstance(self.facet_name, str) and argument_types.is_written_list(self.facet_name):
            raise ConfigError(f"facet_name: {refuse_rendered_text(self.facet_name)}")
        config: dict[str, Any] = {
            "label_values_or_threshold": list(
                _check_values(self.label_values_or_threshold, "label_values_or_threshold")
            ),
            "facet": self.build_facets(),
        }
        if self.group_name is not None:
            config["group_variable"] = self.group_name
        return config


def _list_declared_types(given: object) -> list[object]:
    return list(given.values()) if isinstance(given, Mapping) else [given]


def _check_values(values: Sequence[Value], key: str) -> Sequence[Value]:
    if values is None:
        raise ConfigError(f"{key}: None names no value; give a list of values or one threshold, such as [1]")
    if isinstance(values, str | int | float):
        raise ConfigError(f"{key}: give a list, such as [{values!r}]")
    if isinstance(values, bytes) or not isinstance(values, Sequence):
        raise ConfigError(f"{key}: give a list of values or one threshold, such as [1], not {values!r}")
    if not values:
        raise ConfigError(f"{key}: the list is empty; give at least one value or a threshold")
    for value in values:
        if not isinstance(value, str | int | float):
            raise ConfigError(f"{key}: {value!r} is neither a text nor a number")
        if isinstance(value, float) and value != value:
            raise ConfigError(f"{key}: NaN can never match; missing values count as not positive and as the rest")
    return values


def _map_bias_fields(given: Any) -> Any:
    """Map keys of ``analysis_config.json``, where facets are a list, to fields of ``BiasConfig``."""
    facets = given.get("facet") if isinstance(given, Mapping) else None
    if not isinstance(facets, Sequence) or not all(isinstance(f, Mapping) and "name_or_index" in f for f in facets):
        return given
    values = [facet.get("value_or_threshold") for facet in facets]
    fields_given = {name: value for name, value in given.items() if name != "facet"} | {
        "facet_name": [facet["name_or_index"] for facet in facets],
        "facet_values_or_threshold": values if any(value is not None for value in values) else None,
    }
    return rename_keys(fields_given, {"group_variable": "group_name"})
