"""The columns of an analysis and their roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_clarify.bias.config import AnalysisConfig, resolve_column
from airflow_clarify.engines.counting.expressions import StorageType, check_not_nested
from airflow_clarify.exceptions import ConfigError

#: The column names of a facet, the label and the group variable in the cells.
Role = Literal["facet", "label", "grp"]


@dataclass(frozen=True)
class ColumnRoles:
    """The columns of an analysis, by role.

    :param label: the label column
    :param facets: the facet columns
    :param group: the group variable of CDDL
    :param weight: the column of row weights
    :param weights_apart: whether the weight is part of the cell key, so that sums of weights are exact; only if there
        are few distinct weights, as after reweighing
    """

    label: str
    facets: tuple[str, ...]
    group: str | None = None
    weight: str | None = None
    weights_apart: bool = False

    @classmethod
    def from_config(cls, config: AnalysisConfig, weight: str | int | None, names: Sequence[str]) -> ColumnRoles:
        """Resolve the columns of a configuration.

        :param config: the analysis configuration
        :param weight: the column of row weights, by name or index
        :param names: the names of the columns of the data
        :return: the columns by role
        :raises ConfigError: a column does not exist, or has two roles that exclude each other
        """
        group, facet_key = None, config.spell_key("facet")
        if config.group_variable is not None:
            group = resolve_column(config.group_variable, names, config.spell_key("group_variable"))
        roles = cls(
            label=resolve_column(config.label, names, config.spell_key("label")),
            facets=tuple(resolve_column(facet.name_or_index, names, facet_key) for facet in config.facets),
            # Only CDDL needs the groups, and there can be many.
            group=group if "CDDL" in config.methods else None,
            weight=None if weight is None else resolve_column(weight, names, config.spell_key("weight")),
        )
        roles._check(config)
        return roles

    @property
    def needed(self) -> list[str]:
        """Return the columns to scan, without duplicates."""
        named = (*self.facets, self.label, self.group, self.weight)
        return list(dict.fromkeys(name for name in named if name is not None))

    def check_storage(self, stored: Callable[[str], StorageType | None]) -> None:
        """Check that no column is nested, as no engine can count such columns.

        :param stored: returns how the source stores a column; None if unknown
        :raises ConfigError: a column holds nested values
        """
        by_key = [(facet, "facet") for facet in self.facets]
        by_key += [(self.label, "label"), (self.group or "", "group_variable"), (self.weight or "", "weight")]
        for column, key in by_key:
            if column:
                check_not_nested(column, stored(column), key)

    @property
    def sums(self) -> list[str]:
        """Return the additive columns: row count, sum of weights, sum of squared weights."""
        return ["n", "w", "w2"] if self.weight is not None else ["n"]

    def _check(self, config: AnalysisConfig) -> None:
        facet_key = config.spell_key("facet")
        if self.label in self.facets:
            raise ConfigError(f"{facet_key}: '{self.label}' is the label; a label cannot be biased against itself")
        if self.weight is not None and self.weight in (self.label, self.group, *self.facets):
            raise ConfigError(
                f"{config.spell_key('weight')}: '{self.weight}' is also the label, a facet or the group variable"
            )
        repeated = [facet for i, facet in enumerate(self.facets) if facet in self.facets[:i]]
        if repeated:
            raise ConfigError(f"{facet_key}: '{repeated[0]}' is given twice, perhaps by name and by index")
