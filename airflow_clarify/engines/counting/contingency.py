"""Build contingencies from raw cells: column types, positive labels and the canonical text of each value."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from airflow_clarify.bias.column_types import DeclaredType, Scale
from airflow_clarify.bias.config import AnalysisConfig, FacetConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.engines.counting import warnings as notices
from airflow_clarify.engines.counting.cddl import compute_disparities
from airflow_clarify.engines.counting.cells import CellStore, Combination
from airflow_clarify.engines.counting.column_profile import CellColumn, profile_column
from airflow_clarify.engines.counting.crossed_facets import (
    GroupSelection,
    count_combinations,
    name_combination,
    select_crossed_group,
)
from airflow_clarify.engines.counting.expressions import ValueFilter
from airflow_clarify.engines.counting.predictions import Predictions, interpret_predictions
from airflow_clarify.engines.counting.queries import count_rows, select_from
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
    return ContingencyBuilder(cells, config).build(engine)


@dataclass(frozen=True)
class TestedFacet:
    """How the rows of a facet are assigned to its tested groups.

    :param name: the name of the facet
    :param keys: the expressions, over the columns of the cells, whose values identify a group
    :param format: names the groups of key values; None for a missing value
    """

    name: str
    keys: list[exp.Expr]
    format: Callable[[list[tuple[Any, ...]]], list[str | None]]


class ContingencyBuilder:
    """Converts raw cells into contingencies, facet by facet.

    :param cells: the raw cells
    :param config: the analysis configuration
    :raises ConfigError: the configured label values do not fit the label column
    :raises DataError: a query fails
    """

    def __init__(self, cells: CellStore, config: AnalysisConfig) -> None:
        self.cells = cells
        self.config = config
        roles = cells.roles
        self.label = profile_column(cells, "label", roles.label)
        self._values_key = config.spell_key("value_or_threshold")
        label_key = config.spell_key("label_values_or_threshold")
        self.positive = _build_value_filter(self.label, config.label_values, config.label_type, label_key)
        categorical = _spell_categorical(config.spell_key("label_type"))
        self._facet_categorical = _spell_categorical(config.spell_key("facet_type"))
        self.label_reading = notices.describe_reading(self.label, self.positive, "positive", categorical)
        self.warnings = notices.warn_of_label(self.label, self.positive, self.label_reading)
        self.predictions: Predictions | None = None
        if roles.prediction is not None:
            self.predictions = interpret_predictions(cells, config, self.label, self.positive)
            self.warnings += self.predictions.warnings
            # The contingency has the error in a field of its own, from which the analysis makes a warning.
        self.group = None if roles.group is None else profile_column(cells, "grp", roles.group)
        self.drop_missing_groups = False
        if self.group is not None:
            # Clarify drops missing numbers and fails on missing texts. The failure is a defect, so missing texts are a
            # group of their own here.
            profile = self.group.profile
            self.drop_missing_groups = profile.numeric and not profile.stored_as_text
            self.warnings += notices.warn_of_group(self.group, drop_missing_groups=self.drop_missing_groups)
        self._weights_apart = roles.weights_apart and _count_rows(cells) <= MAX_CELLS_APART
        #: The facets that have been built.
        self.tested: list[TestedFacet] = []

    @property
    def predicted(self) -> bool:
        """Return whether predictions are counted."""
        return self.predictions is not None and self.predictions.error is None

    def build(self, engine: str) -> Contingency:
        """Build the contingency of the analysis.

        :param engine: name and version of the counting engine
        :raises ConfigError: the configuration does not fit the data
        :raises DataError: a query fails
        """
        facets = [self.build_facet(number, facet) for number, facet in enumerate(self.config.facets)]
        roles, predictions = self.cells.roles, self.predictions
        return Contingency(
            label=roles.label,
            label_text=self.positive.text,
            label_reading=self.label_reading,
            facets=facets,
            engine=engine,
            warnings=(*self.warnings, *notices.warn_of_omitted_methods(self.config.left_to_clarify)),
            weighted=roles.weight is not None,
            predicted_label=roles.prediction or "",
            predicted_text="" if predictions is None else predictions.text,
            prediction_error=None if predictions is None else predictions.error,
        )

    def build_facet(self, number: int, facet: FacetConfig) -> FacetContingency:
        """Build the contingency of one facet.

        :param number: the index of the facet
        :param facet: the configuration of the facet
        :return: its counts by value, label and group
        :raises ConfigError: the configured values do not fit the column, or it has too many values to test each
        :raises DataError: a query fails
        """
        roles = self.cells.roles
        columns = [
            profile_column(self.cells, name_facet_column(position), name, number)
            for name, position in zip(roles.facets[number], roles.list_columns(number), strict=True)
        ]
        name = roles.facet_names[number]
        selection = self._select_group(columns, facet, name)
        every_value = selection is None
        if selection is None:
            keys = [self.cells.build_category_key(column) for column in columns]
            tested = _check_number_of_values(columns, name, self._values_key)
        else:
            keys, tested = [_choose_text(selection.condition, selection.text, "rest")], 1

        def name_values(found: list[tuple[Any, ...]]) -> list[str | None]:
            return [key for (key,) in found] if selection is not None else self._name_values(columns, found)[1]

        self.tested.append(TestedFacet(name, keys, name_values))
        grouped, disparities, predicted_disparities = self.group is not None, None, None
        if self.group is not None and self.group.profile.distinct * tested > MAX_GROUPS:
            disparities = self._compute_disparities(number, keys, name_values, "k_positive")
            if self.predicted:
                predicted_disparities = self._compute_disparities(number, keys, name_values, "k_predicted")
        with_groups = grouped and disparities is None
        counts = self._fetch_counts(number, keys, with_groups=with_groups)
        found = [key[: len(keys)] for key in counts]
        values: list[str | None] = []
        if every_value:
            combinations, names = self._name_values(columns, found)
            named = dict(zip(combinations, names, strict=True))
            values = list(dict.fromkeys(named[each] for each in self.cells.order_values(columns, named)))
        else:
            names = name_values(found)
        return FacetContingency(
            name,
            tuple(values),
            self._build_cells(names, counts, with_groups=with_groups),
            sensitive=None if selection is None else frozenset([selection.text]),
            name=None if selection is None else selection.text,
            grouped=grouped,
            drop_missing_groups=self.drop_missing_groups,
            disparities=disparities,
            predicted=self.predicted,
            predicted_disparities=predicted_disparities,
        )

    def _select_group(self, columns: list[CellColumn], facet: FacetConfig, name: str) -> GroupSelection | None:
        """Select the rows of the group under test; None if each value is compared with the rest."""
        if len(columns) > 1:
            selection, warnings = select_crossed_group(columns, facet, name, self.config)
            self.warnings += warnings
            return selection
        (column,) = columns
        sensitive = _build_value_filter(column, facet.values, facet.declared, f"{self._values_key} of facet '{name}'")
        reading = notices.describe_reading(column, sensitive, "the group under test", self._facet_categorical)
        self.warnings += notices.warn_of_facet(column, sensitive, reading)
        if sensitive.scale is Scale.CATEGORICAL and facet.values is None:
            return None
        return GroupSelection(sensitive.build_condition(column.value), sensitive.text)

    def _name_values(
        self, columns: list[CellColumn], found: list[tuple[Any, ...]]
    ) -> tuple[list[Combination], list[str | None]]:
        """Format the values of a facet, and name them.

        :param columns: the columns of the facet
        :param found: the keys of each value, one for each column
        :return: the texts of each value, one for each column, and its name; None for a missing value
        """
        texts = [
            self.cells.format_categories(column, [key[position] for key in found])
            for position, column in enumerate(columns)
        ]
        combinations = list(zip(*texts, strict=True))
        return combinations, [name_combination(combination) for combination in combinations]

    def _compute_disparities(
        self,
        number: int,
        keys: list[exp.Expr],
        name_values: Callable[[list[tuple[Any, ...]]], list[str | None]],
        outcome: str,
    ) -> dict[str, float]:
        """Compute CDDL or CDDPL in SQL.

        The cells are not grouped by label first, as all sums are by group and facet value.
        """
        by_group, named = self._select_keys(number, keys, with_groups=True)
        facet_keys = [name for name in named if name.startswith("k_facet")]
        by_key = compute_disparities(
            self.cells, by_group, facet_keys, outcome, drop_missing_groups=self.drop_missing_groups
        )
        names = name_values(list(by_key))
        return {name: value for name, value in zip(names, by_key.values(), strict=True) if name is not None}

    def _fetch_counts(
        self, number: int, keys: list[exp.Expr], *, with_groups: bool
    ) -> dict[tuple[Any, ...], WeightedCount]:
        """Fetch the counts of a facet.

        :return: the counts by the keys of the facet value, the label, whether it is positive, whether the prediction is
            positive (if predictions are counted), and the group (if ``with_groups``)
        """
        weights_apart = self._weights_apart
        raw, named = self._select_keys(number, keys, with_groups=with_groups, weights_apart=weights_apart)
        sums = [sum_column(name).as_(name) for name in (["n"] if weights_apart else self.cells.roles.sums)]
        query = select_from(raw.subquery("raw"), *named, *sums, group_by=named)
        n_keys = len(named) - (1 if weights_apart else 0)
        query = query.order_by(*(exp.Literal.number(1 + position) for position in range(n_keys)), copy=False)
        counts: dict[tuple[Any, ...], list[WeightedCount]] = {}
        for row in self.cells.execute(query):
            counted = _build_weighted_count(*row[n_keys:], weights_apart=weights_apart)
            counts.setdefault(tuple(row[:n_keys]), []).append(counted)
        return {key: each[0] if len(each) == 1 else WeightedCount.add_all(each) for key, each in counts.items()}

    def _build_cells(
        self, facets: Sequence[str | None], counts: dict[tuple[Any, ...], WeightedCount], *, with_groups: bool
    ) -> list[Cell]:
        """Build the cells of a facet.

        :param facets: the name of the facet value of each count
        :param counts: the counts, as :meth:`_fetch_counts` returns them
        """
        others = 2 + self.predicted + with_groups
        keys = [key[-others:] for key in counts]
        labels = [key[0] for key in keys]
        if self._labels_apart:
            labels = self.cells.format_categories(self.label, labels)
        return [
            Cell(
                facet,
                label,
                bool(key[1]),
                str(key[-1]) if with_groups and key[-1] is not None else None,
                tally,
                bool(key[2]) if self.predicted else None,
            )
            for facet, label, key, tally in zip(facets, labels, keys, counts.values(), strict=True)
        ]

    def _select_keys(
        self, number: int, facet: list[exp.Expr], *, with_groups: bool, weights_apart: bool = False
    ) -> tuple[exp.Select, list[str]]:
        """Build the query for keys and additive columns; return also the names of the keys.

        :param number: the index of the facet
        :param facet: the keys of the facet's values
        :param with_groups: whether the group is part of the key
        :param weights_apart: whether the weight is part of the key; its sums are then left to the caller
        """
        condition = self.positive.build_condition(self.label.value)
        keys = {f"k_facet{position}": key for position, key in enumerate(facet)}
        keys |= {"k_label": self._build_label_key(condition), "k_positive": _flag(condition)}
        if self.predictions is not None and self.predicted:
            keys["k_predicted"] = _flag(self.predictions.condition)
        if with_groups and self.group is not None:
            keys["k_grp"] = self.group.key
        if weights_apart:
            keys["k_weight"] = exp.column("weight")
        selected = [expression.copy().as_(name) for name, expression in keys.items()]
        return select_from(self.cells.select_facet_cells(number), *selected, *self.cells.roles.sums), list(keys)

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
    ((rows,),) = cells.execute(select_from(cells.select_facet_cells(0), count_rows()))
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


def _flag(condition: exp.Expr) -> exp.Expr:
    """Build 1 where a condition is true, and 0 elsewhere."""
    return exp.case().when(condition.copy(), exp.Literal.number(1)).else_(exp.Literal.number(0))


def _check_number_of_values(columns: list[CellColumn], name: str, values_key: str) -> int:
    """Check that the values of a facet are few enough to test each.

    :return: their number
    :raises ConfigError: there are too many
    """
    if len(columns) > 1:
        return count_combinations(columns, name, values_key, MAX_FACET_VALUES)
    profile = columns[0].profile
    if profile.distinct > MAX_FACET_VALUES:
        raise ConfigError(
            f"facet '{profile.name}' holds {profile.distinct} different values, more than {MAX_FACET_VALUES}; name the "
            f"values to test in {values_key}"
        )
    return max(profile.distinct, 1)


def _fold_text(text: str) -> str:
    """Remove case, accents and surrounding blanks from a text, as some collations compare texts."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().strip()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _choose_text(condition: exp.Expr, then: str, otherwise: str) -> exp.Expr:
    """Build a choice of two texts, which differ even if ``then`` equals ``otherwise``."""
    distinct = otherwise if _fold_text(otherwise) != _fold_text(then) else f"not {then}"
    return exp.case().when(condition.copy(), exp.Literal.string(then)).else_(exp.Literal.string(distinct))
