"""Build contingencies from raw cells: column types, positive labels and the canonical text of each value."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

from sqlglot import exp

from airflow_clarify.bias.column_types import DeclaredType, Scale
from airflow_clarify.bias.config import AnalysisConfig, FacetConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.engines.counting import warnings as notices
from airflow_clarify.engines.counting.cddl import compute_disparities
from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.column_profile import CellColumn, profile_column
from airflow_clarify.engines.counting.expressions import ValueFilter
from airflow_clarify.engines.counting.roles import name_facet_column
from airflow_clarify.engines.counting.weights import round_significant, sum_column
from airflow_clarify.exceptions import ConfigError

#: For a facet with more distinct values than this, the configuration must name the values to test.
MAX_FACET_VALUES = 10_000
#: Labels with more distinct values than this are counted only as positive or not.
MAX_LABELS = 100
#: With more cells than this, weights are summed in SQL, with rounding, even if they are part of the cell key.
MAX_CELLS_APART = 100_000
#: If groups times tested values exceed this, CDDL is computed in SQL instead of fetching the cells into Python.
MAX_GROUPS = 20_000


def build_contingency(cells: CellStore, config: AnalysisConfig, engine: str) -> Contingency:
    """Build the contingency of an analysis from raw cells.

    :param cells: the raw cells
    :param config: the analysis configuration
    :param engine: name and version of the counting engine
    :return: the counts of each facet by value, label and group
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: a query fails
    """
    builder = ContingencyBuilder(cells, config)
    facets = [builder.build_facet(number, facet) for number, facet in enumerate(config.facets)]
    return Contingency(
        label=cells.roles.label,
        label_text=builder.positive.text,
        label_reading=builder.label_reading,
        facets=facets,
        engine=engine,
        warnings=(*builder.warnings, *notices.warn_of_omitted_methods(config.left_to_clarify)),
        weighted=cells.roles.weight is not None,
    )


class ContingencyBuilder:
    """Converts raw cells into contingencies, facet by facet.

    :param cells: the raw cells
    :param config: the analysis configuration
    :raises ConfigError: the configured label values do not fit the label column
    :raises DataError: a query fails
    """

    def __init__(self, cells: CellStore, config: AnalysisConfig) -> None:
        self.cells = cells
        roles = cells.roles
        self.label = profile_column(cells, "label", roles.label)
        self._values_key = config.spell_key("value_or_threshold")
        label_key = config.spell_key("label_values_or_threshold")
        self.positive = _build_value_filter(self.label, config.label_values, config.label_type, label_key)
        categorical = _spell_categorical(config.spell_key("label_type"))
        self._facet_categorical = _spell_categorical(config.spell_key("facet_type"))
        self.label_reading = notices.describe_reading(self.label, self.positive, "positive", categorical)
        self.warnings = notices.warn_of_label(self.label, self.positive, self.label_reading)
        self.group = None if roles.group is None else profile_column(cells, "grp", roles.group)
        self.drop_missing_groups = False
        if self.group is not None:
            # Clarify drops missing numbers and fails on missing texts. The failure is a defect, so missing texts are a
            # group of their own here.
            profile = self.group.profile
            self.drop_missing_groups = profile.numeric and not profile.stored_as_text
            self.warnings += notices.warn_of_group(self.group, drop_missing_groups=self.drop_missing_groups)
        self._weights_apart = roles.weights_apart and _count_rows(cells) <= MAX_CELLS_APART

    def build_facet(self, number: int, facet: FacetConfig) -> FacetContingency:
        """Build the contingency of one facet.

        :param number: the index of the facet
        :param facet: the configuration of the facet
        :return: its counts by value, label and group
        :raises ConfigError: the configured values do not fit the column, or it has too many values to test each
        :raises DataError: a query fails
        """
        (name,) = self.cells.roles.facets[number]
        (position,) = self.cells.roles.list_columns(number)
        column = profile_column(self.cells, name_facet_column(position), name, number)
        sensitive = _build_value_filter(column, facet.values, facet.declared, f"{self._values_key} of facet '{name}'")
        reading = notices.describe_reading(column, sensitive, "the group under test", self._facet_categorical)
        self.warnings += notices.warn_of_facet(column, sensitive, reading)
        every_value = sensitive.scale is Scale.CATEGORICAL and facet.values is None
        if every_value:
            _check_number_of_values(column, self._values_key)
            key = self.cells.build_category_key(column)
        else:
            key = _choose_text(sensitive.build_condition(column.value), sensitive.text, "rest")
        grouped, disparity = self.group is not None, None
        tested = max(column.profile.distinct, 1) if every_value else 1
        if self.group is not None and self.group.profile.distinct * tested > MAX_GROUPS:
            # The cells are not grouped by label first, as all sums of CDDL are by group and facet value.
            by_group, _ = self._select_keys(number, key, with_groups=True)
            by_key = compute_disparities(
                self.cells, by_group, ["k_facet"], "k_positive", drop_missing_groups=self.drop_missing_groups
            )
            keys = [key for (key,) in by_key]
            names = self.cells.format_categories(column, keys) if every_value else keys
            disparity = {name: value for name, value in zip(names, by_key.values(), strict=True) if name is not None}
        counted = self._fetch_cells(number, key, with_groups=grouped and disparity is None)
        if every_value:
            counted = _replace_texts(
                counted, "facet", self.cells.format_categories(column, [cell.facet for cell in counted])
            )
        values = self.cells.order_values([column], {(cell.facet,) for cell in counted}) if every_value else []
        return FacetContingency(
            name,
            tuple(value for (value,) in values),
            counted,
            sensitive=None if every_value else frozenset([sensitive.text]),
            name=None if every_value else sensitive.text,
            grouped=grouped,
            drop_missing_groups=self.drop_missing_groups,
            disparities=disparity,
        )

    def _fetch_cells(self, number: int, key: exp.Expr, *, with_groups: bool) -> list[Cell]:
        keyed = self._build_cell_query(number, key, with_groups=with_groups, weights_apart=self._weights_apart)
        query = keyed.order_by(*(exp.Literal.number(position) for position in range(1, 5 if with_groups else 4)))
        counts: dict[tuple[Any, ...], list[WeightedCount]] = {}
        for facet, label, positive, *rest in self.cells.execute(query):
            group = rest.pop(0) if with_groups else None
            cell_key = (facet, label, bool(positive), None if group is None else str(group))
            counts.setdefault(cell_key, []).append(_build_weighted_count(*rest, weights_apart=self._weights_apart))
        counted = [
            Cell(facet, label, positive, group, WeightedCount.add_all(cell_counts))
            for (facet, label, positive, group), cell_counts in counts.items()
        ]
        if self._labels_apart:
            counted = _replace_texts(
                counted, "label", self.cells.format_categories(self.label, [cell.label for cell in counted])
            )
        return counted

    def _build_cell_query(
        self, number: int, key: exp.Expr, *, with_groups: bool, weights_apart: bool = False
    ) -> exp.Select:
        """Build the query for the sums by the final keys: ``k_facet``, ``k_label`` and so on.

        :param number: the index of the facet
        :param key: the key of the facet's values
        :param with_groups: whether the group is part of the key
        :param weights_apart: whether the weight is part of the key; its sums are then left to the caller
        """
        raw, keys = self._select_keys(number, key, with_groups=with_groups, weights_apart=weights_apart)
        sums = [sum_column(name).as_(name) for name in (["n"] if weights_apart else self.cells.roles.sums)]
        return exp.select(*keys, *sums).from_(raw.subquery("raw")).group_by(*keys)

    def _select_keys(
        self, number: int, key: exp.Expr, *, with_groups: bool, weights_apart: bool = False
    ) -> tuple[exp.Select, list[str]]:
        """Build the query for keys and additive columns; return also the names of the keys."""
        condition = self.positive.build_condition(self.label.value)
        keys = {
            "k_facet": key,
            "k_label": self._build_label_key(condition),
            "k_positive": exp.case().when(condition, "1").else_("0"),
        }
        if with_groups and self.group is not None:
            keys["k_grp"] = self.group.key
        if weights_apart:
            keys["k_weight"] = exp.column("weight")
        selected = [expression.copy().as_(name) for name, expression in keys.items()]
        return exp.select(*selected, *self.cells.roles.sums).from_(self.cells.select_facet_cells(number)), list(keys)

    @property
    def _labels_apart(self) -> bool:
        return self.positive.scale is Scale.CATEGORICAL and self.label.profile.distinct <= MAX_LABELS

    def _build_label_key(self, positive: exp.Expr) -> exp.Expr:
        """Build the label key: the label if there are few, otherwise whether it is positive."""
        if self._labels_apart:
            return self.cells.build_category_key(self.label)
        missing = self.label.value.is_(exp.null())
        return exp.case().when(missing, exp.null()).else_(_choose_text(positive, self.positive.text, "other"))


def _build_weighted_count(*counted: Any, weights_apart: bool) -> WeightedCount:
    """Build the weighted count of a cell from a row of the query."""
    if weights_apart:
        weight, rows = counted
        return WeightedCount.from_equal_weights(int(rows), float(weight))
    rows, *sums = counted
    return (
        WeightedCount.from_weights(int(rows), *map(round_significant, sums))
        if sums
        else WeightedCount.from_rows(int(rows))
    )


def _count_rows(cells: CellStore) -> int:
    ((rows,),) = cells.execute(exp.select("COUNT(*)").from_(cells.select_facet_cells(0)))
    return int(rows)


def _spell_categorical(key: str) -> str:
    """Spell the setting for a categorical column in Python or as an option of the command line."""
    return f"{key} categorical" if key.startswith("--") else f'{key}="categorical"'


def _build_value_filter(
    column: CellColumn, values: tuple[str | int | float | bool, ...] | None, declared: DeclaredType | None, key: str
) -> ValueFilter:
    if declared is None and column.name in column.cells.categorical:
        declared = "categorical"
    return ValueFilter(column.profile, column.stored, values, declared, key)


def _replace_texts(cells: list[Cell], field: str, texts: list[str | None]) -> list[Cell]:
    """Replace the facet or label of each cell."""
    return [replace(cell, **{field: text}) for cell, text in zip(cells, texts, strict=True)]  # type: ignore[arg-type]


def _check_number_of_values(column: CellColumn, values_key: str) -> None:
    profile = column.profile
    if profile.distinct > MAX_FACET_VALUES:
        raise ConfigError(
            f"facet '{profile.name}' holds {profile.distinct} different values, more than {MAX_FACET_VALUES}; name the "
            f"values to test in {values_key}"
        )


def _fold_text(text: str) -> str:
    """Remove case, accents and surrounding blanks from a text, as some collations compare texts."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().strip()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _choose_text(condition: exp.Expr, then: str, otherwise: str) -> exp.Expr:
    """Build a choice of two texts, which differ even if ``then`` equals ``otherwise``."""
    distinct = otherwise if _fold_text(otherwise) != _fold_text(then) else f"not {then}"
    return exp.case().when(condition.copy(), exp.Literal.string(then)).else_(exp.Literal.string(distinct))
