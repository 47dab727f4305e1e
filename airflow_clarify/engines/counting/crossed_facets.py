"""Crossed facets: the groups of a facet of several columns are the combinations of values that occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from airflow_clarify.bias.column_types import Scale, Value, determine_scale, join_values
from airflow_clarify.bias.config import AnalysisConfig, FacetConfig
from airflow_clarify.bias.crossing import join_parts, split_parts
from airflow_clarify.engines.counting import warnings as notices
from airflow_clarify.engines.counting.cells import Combination
from airflow_clarify.engines.counting.column_profile import CellColumn
from airflow_clarify.engines.counting.expressions import ValueFilter
from airflow_clarify.engines.counting.queries import count_rows, select_from
from airflow_clarify.exceptions import ConfigError


@dataclass(frozen=True)
class GroupSelection:
    """The rows of the group under test.

    :param condition: the condition for them, over the columns of the cells
    :param text: the name of the group as Clarify writes it
    """

    condition: exp.Expr
    text: str


def name_combination(combination: Combination) -> str | None:
    """Name a value of a facet.

    :param combination: the texts of its columns
    :return: the text of a single column, or the name of a combination; None if a part is missing
    """
    if any(part is None for part in combination):
        return None
    return combination[0] if len(combination) == 1 else join_parts(map(str, combination))


def select_crossed_group(
    columns: list[CellColumn], facet: FacetConfig, name: str, config: AnalysisConfig
) -> tuple[GroupSelection | None, list[str]]:
    """Select the rows of the combinations under test.

    :param columns: the columns of the facet
    :param facet: the configuration of the facet
    :param name: the name of the facet
    :param config: the analysis configuration
    :return: the group under test, None if each combination is compared with the rest; and warnings, one sentence each
    :raises ConfigError: a column is continuous, or a configured value is not a combination of the columns
    """
    warnings: list[str] = []
    for column in columns:
        _check_categorical(column, facet, name, config)
        warnings += notices.warn_of_missing_texts(column) + notices.warn_of_leading_zeros(column)
        if column.profile.missing:
            warnings.append(
                f"facet {name!r}: {column.profile.missing} rows have no {column.name!r} and count among the rest of "
                "every combination"
            )
    if facet.values is None:
        return None, warnings
    key = f"{config.spell_key('value_or_threshold')} of facet '{name}'"
    conditions, names = [], []
    for value in facet.values:
        parts = _parse_combination(value, columns, key)
        filters = [
            ValueFilter(column.profile, column.stored, [part], "categorical", key)
            for column, part in zip(columns, parts, strict=True)
        ]
        conditions.append(
            exp.and_(*(each.build_condition(column.value) for each, column in zip(filters, columns, strict=True)))
        )
        names.append(join_parts(map(str, parts)))
        if not notices.has_row(columns[0], conditions[-1]):
            warnings.append(f"facet {name!r}: no row holds {names[-1]!r}")
    return GroupSelection(exp.or_(*conditions), join_values(names)), warnings


def count_combinations(columns: list[CellColumn], name: str, values_key: str, limit: int) -> int:
    """Count the combinations of values that occur.

    :param columns: the columns of the facet
    :param name: the name of the facet
    :param values_key: the setting that names the combinations to test
    :param limit: the maximum number of combinations
    :return: the number of combinations, at least 1
    :raises ConfigError: there are more than the maximum
    """
    cells = columns[0].cells
    distinct = exp.select(*(column.value.as_(column.role) for column in columns)).distinct()
    distinct = distinct.from_(cells.select_facet_cells(columns[0].facet))
    ((found,),) = cells.execute(select_from(distinct.subquery("combinations"), count_rows()))
    if int(found) > limit:
        raise ConfigError(
            f"facet '{name}' has {int(found)} combinations of values, more than {limit}; cross fewer columns, or "
            f"name the combinations to test in {values_key}"
        )
    return max(int(found), 1)


def _check_categorical(column: CellColumn, facet: FacetConfig, name: str, config: AnalysisConfig) -> None:
    declared = config.get_declared_type(column.name) or facet.declared
    if declared is None and column.name in column.cells.categorical:
        declared = "categorical"
    if determine_scale(column.profile, None, declared) is Scale.CATEGORICAL:
        return
    profile = column.profile
    raise ConfigError(
        f"{config.spell_key('facet')}: '{column.name}' of the crossed facet '{name}' is continuous "
        f"({profile.kind_text}, {profile.distinct} distinct values in {profile.present} rows), and a crossed facet "
        f"has no threshold; cross a column of categories, or declare it categorical in {config.spell_key('facet_type')}"
    )


def _parse_combination(value: Any, columns: Sequence[CellColumn], key: str) -> tuple[Value, ...]:
    parts: tuple[Value, ...] = split_parts(value) if isinstance(value, str) else ()
    if isinstance(value, list | tuple):
        parts = tuple(value)
    if len(parts) != len(columns):
        example = join_parts(column.name for column in columns)
        raise ConfigError(
            f"{key}: {value!r} is not a combination of {example}; give a value for each of the {len(columns)} columns, "
            f"such as {tuple(f'a {column.name}' for column in columns)!r}"
        )
    return parts
