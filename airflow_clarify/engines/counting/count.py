"""From raw cells to contingencies: what a column is, which labels are positive, and how values are written."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.columns import DeclaredType, Scale
from airflow_clarify.bias.config import AnalysisConfig, FacetConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, Tally
from airflow_clarify.engines.counting import notices
from airflow_clarify.engines.counting.cells import Cells, add_up, steady
from airflow_clarify.engines.counting.disparities import disparities
from airflow_clarify.engines.counting.expressions import Selection
from airflow_clarify.engines.counting.profile import CountedColumn, look_at
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from sqlglot import exp

#: Facets with more values than this must name the values to test.
MAX_FACET_VALUES = 10_000
#: Labels beyond this many distinct values are counted as positive or not only.
MAX_LABELS = 100
#: With more cells than this, sums of weights are added up in SQL, with rounding, though the weights may be told apart.
MAX_CELLS_APART = 100_000
#: With more groups than this, times the tested values, their cells are not brought to Python: CDDL is summed in SQL.
MAX_GROUPS = 20_000


def contingency(cells: Cells, config: AnalysisConfig, engine: str) -> Contingency:
    """Answer a configuration from raw cells.

    :param cells: the counts by raw cell
    :param config: what is asked of them
    :param engine: name and version of what counted
    :raises ConfigError: the configuration does not fit the data
    :raises DataError: a question cannot be answered
    """
    counter = _Counter(cells, config)
    facets = [counter.facet(number, facet) for number, facet in enumerate(config.facets)]
    return Contingency(
        label=cells.roles.label,
        label_text=counter.positive.text,
        label_reading=counter.label_reading,
        facets=facets,
        engine=engine,
        warnings=(*counter.warnings, *notices.of_methods_left_out(config.left_to_clarify)),
        weighted=cells.roles.weight is not None,
    )


class _Counter:
    """Turns raw cells into contingencies.

    :param cells: the counts by raw cell
    :param config: what is asked of them
    """

    def __init__(self, cells: Cells, config: AnalysisConfig) -> None:
        self.cells = cells
        roles = cells.roles
        self.label = look_at(cells, "label", roles.label)
        self._values_key = config.spell_key("value_or_threshold")
        label_key = config.spell_key("label_values_or_threshold")
        self.positive = _selected(self.label, config.label_values, config.label_type, label_key)
        categorical = _spell_categorical(config.spell_key("label_type"))
        self._facet_categorical = _spell_categorical(config.spell_key("facet_type"))
        self.label_reading = notices.describe_reading(self.label, self.positive, "positive", categorical)
        self.warnings = notices.of_label(self.label, self.positive, self.label_reading)
        self.group = None if roles.group is None else look_at(cells, "grp", roles.group)
        self.drop_missing_groups = False
        if self.group is not None:
            # Clarify drops missing numbers, and fails on missing texts, by accident: those are a group of their own.
            profile = self.group.profile
            self.drop_missing_groups = profile.numeric and not profile.stored_as_text
            self.warnings += notices.of_group(self.group, drop_missing_groups=self.drop_missing_groups)
        self._weights_apart = roles.weights_apart and _rows_of(cells) <= MAX_CELLS_APART

    def facet(self, number: int, facet: FacetConfig) -> FacetContingency:
        """The contingency of one facet.

        :param number: its position among the facets
        :param facet: what is asked of it
        :raises ConfigError: the configured values do not fit the column, or it has too many to test each
        """
        name = self.cells.roles.facets[number]
        column = look_at(self.cells, "facet", name, number)
        sensitive = _selected(column, facet.values, facet.declared, f"{self._values_key} of facet '{name}'")
        reading = notices.describe_reading(column, sensitive, "the group under test", self._facet_categorical)
        self.warnings += notices.of_facet(column, sensitive, reading)
        every_value = sensitive.scale is Scale.CATEGORICAL and facet.values is None
        if every_value:
            _check_number_of_values(column, self._values_key)
            key = self.cells.category(column)
        else:
            key = _either(sensitive.condition(column.value), sensitive.text, "rest")
        grouped, disparity = self.group is not None, None
        tested = max(column.profile.distinct, 1) if every_value else 1
        if self.group is not None and self.group.profile.distinct * tested > MAX_GROUPS:
            # Not added up by label first: every sum that is wanted is by group and facet value.
            by_group, _ = self._select_keys(number, key, with_groups=True)
            found = disparities(self.cells, by_group, drop_missing_groups=self.drop_missing_groups)
            names = self.cells.texts(column, list(found)) if every_value else list(found)
            disparity = {name: value for name, value in zip(names, found.values(), strict=True) if name is not None}
        counted = self._counted(number, key, with_groups=grouped and disparity is None)
        if every_value:
            counted = _renamed(counted, "facet", self.cells.texts(column, [cell.facet for cell in counted]))
        return FacetContingency(
            name,
            self.cells.in_order(column, {cell.facet for cell in counted}) if every_value else (),
            counted,
            sensitive=None if every_value else frozenset([sensitive.text]),
            name=None if every_value else sensitive.text,
            grouped=grouped,
            drop_missing_groups=self.drop_missing_groups,
            disparities=disparity,
        )

    def _counted(self, number: int, key: exp.Expr, *, with_groups: bool) -> list[Cell]:
        from sqlglot import exp

        keyed = self._keyed(number, key, with_groups=with_groups, weights_apart=self._weights_apart)
        query = keyed.order_by(*(exp.Literal.number(position) for position in range(1, 5 if with_groups else 4)))
        tallies: dict[tuple[Any, ...], list[Tally]] = {}
        for facet, label, positive, *rest in self.cells.execute(query):
            group = rest.pop(0) if with_groups else None
            of_key = tallies.setdefault((facet, label, bool(positive), None if group is None else str(group)), [])
            of_key.append(_tally(*rest, weights_apart=self._weights_apart))
        counted = [
            Cell(facet, label, positive, group, Tally.total(of_cell))
            for (facet, label, positive, group), of_cell in tallies.items()
        ]
        if self._labels_apart:
            counted = _renamed(counted, "label", self.cells.texts(self.label, [cell.label for cell in counted]))
        return counted

    def _keyed(self, number: int, key: exp.Expr, *, with_groups: bool, weights_apart: bool = False) -> exp.Select:
        """The sums of the cells by the keys by which they are told apart in the end: ``k_facet`` and so on.

        :param number: which facet
        :param key: tells the values of the facet apart
        :param with_groups: whether groups are told apart
        :param weights_apart: whether weights are, whose sums then are left to the caller
        """
        from sqlglot import exp

        raw, keys = self._select_keys(number, key, with_groups=with_groups, weights_apart=weights_apart)
        sums = [add_up(name).as_(name) for name in (["n"] if weights_apart else self.cells.roles.sums)]
        return exp.select(*keys, *sums).from_(raw.subquery("raw")).group_by(*keys)

    def _select_keys(
        self, number: int, key: exp.Expr, *, with_groups: bool, weights_apart: bool = False
    ) -> tuple[exp.Select, list[str]]:
        """Select the cells under their keys, with what can be added up; return the keys too."""
        from sqlglot import exp

        condition = self.positive.condition(self.label.value)
        positive = exp.case().when(condition, exp.Literal.number(1)).else_(exp.Literal.number(0))
        keys = {"k_facet": key, "k_label": self._label_key(condition), "k_positive": positive}
        if with_groups and self.group is not None:
            keys["k_grp"] = self.group.key
        if weights_apart:
            keys["k_weight"] = exp.column("weight")
        selected = [expression.copy().as_(name) for name, expression in keys.items()]
        return exp.select(*selected, *self.cells.roles.sums).from_(self.cells.of_facet(number)), list(keys)

    @property
    def _labels_apart(self) -> bool:
        return self.positive.scale is Scale.CATEGORICAL and self.label.profile.distinct <= MAX_LABELS

    def _label_key(self, positive: exp.Expr) -> exp.Expr:
        """What the counts say of the labels: each of them, where they are few; otherwise whether they are positive."""
        from sqlglot import exp

        if self._labels_apart:
            return self.cells.category(self.label)
        missing = exp.Is(this=self.label.value, expression=exp.null())
        return exp.case().when(missing, exp.null()).else_(_either(positive, self.positive.text, "other"))


def _tally(*counted: Any, weights_apart: bool) -> Tally:
    """The rows and weights of a cell, from what was counted of it."""
    if weights_apart:
        weight, rows = counted
        return Tally.of_equal_weights(int(rows), float(weight))
    rows, *sums = counted
    return Tally.of_weights(int(rows), *map(steady, sums)) if sums else Tally.of_rows(int(rows))


def _rows_of(cells: Cells) -> int:
    from sqlglot import exp

    ((rows,),) = cells.execute(exp.select(exp.Count(this=exp.Star())).from_(cells.of_facet(0)))
    return int(rows)


def _spell_categorical(key: str) -> str:
    """Spell the setting that has a column compared by equality as its author writes it."""
    return f"{key} categorical" if key.startswith("--") else f'{key}="categorical"'


def _selected(
    column: CountedColumn, values: tuple[str | int | float | bool, ...] | None, declared: DeclaredType | None, key: str
) -> Selection:
    if declared is None and column.name in column.cells.categorical:
        declared = "categorical"
    return Selection(column.profile, column.stored, values, declared, key)


def _renamed(cells: list[Cell], field: str, texts: list[str | None]) -> list[Cell]:
    """The cells with other texts for their facet or label."""
    return [replace(cell, **{field: text}) for cell, text in zip(cells, texts, strict=True)]  # type: ignore[arg-type]


def _check_number_of_values(column: CountedColumn, values_key: str) -> None:
    profile = column.profile
    if profile.distinct > MAX_FACET_VALUES:
        raise ConfigError(
            f"facet '{profile.name}' holds {profile.distinct} different values, more than {MAX_FACET_VALUES}; name the "
            f"values to test in {values_key}"
        )


def _letters(text: str) -> str:
    """A text without case, accents and blanks around it, as some collations compare texts."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().strip()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _either(condition: exp.Expr, then: str, otherwise: str) -> exp.Expr:
    """One of two texts, which differ even where a value of the data is called as we call the others."""
    from sqlglot import exp

    apart = otherwise if _letters(otherwise) != _letters(then) else f"not {then}"
    return exp.case().when(condition.copy(), exp.Literal.string(then)).else_(exp.Literal.string(apart))
