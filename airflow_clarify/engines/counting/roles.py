"""The columns of an analysis and their roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from airflow_clarify.bias.config import AnalysisConfig, ColumnRef, FacetConfig, resolve_column
from airflow_clarify.bias.crossing import join_parts, split_parts
from airflow_clarify.engines.counting.expressions import StorageType, check_not_nested
from airflow_clarify.exceptions import ConfigError


def name_facet_column(number: int) -> str:
    """Return the name of a facet column in the cells.

    :param number: the index of the column among the columns of all facets
    """
    return f"facet{number}"


@dataclass(frozen=True)
class ColumnRoles:
    """The columns of an analysis, by role.

    :param label: the label column
    :param facets: the columns of each facet: one, or several for a crossed facet
    :param group: the group variable of CDDL
    :param weight: the column of row weights
    :param prediction: the column of predicted labels, or of scores; None if predictions are not counted
    :param score_threshold: the threshold above which a score is the prediction 1; None if the predictions are labels
    :param weights_apart: whether the weight is part of the cell key, so that sums of weights are exact; only if there
        are few distinct weights, as after reweighing
    :param together: the columns that are counted together, by index, where single facets are added up from the counts
        of several columns; None counts each facet by its own columns
    """

    label: str
    facets: tuple[tuple[str, ...], ...]
    group: str | None = None
    weight: str | None = None
    prediction: str | None = None
    score_threshold: float | None = None
    weights_apart: bool = False
    together: tuple[tuple[int, ...], ...] | None = None

    @classmethod
    def from_config(
        cls,
        config: AnalysisConfig,
        weight: str | int | None,
        names: Sequence[str],
        predictions: Sequence[str] | None = None,
    ) -> ColumnRoles:
        """Resolve the columns of a configuration.

        :param config: the analysis configuration
        :param weight: the column of row weights, by name or index
        :param names: the names of the columns of the data
        :param predictions: the names of the columns of the file of predictions; None if they are part of the data
        :return: the columns by role
        :raises ConfigError: a column does not exist, or has two roles that exclude each other
        """
        group, prediction, facet_key = None, None, config.spell_key("facet")
        if config.group_variable is not None:
            group = resolve_column(config.group_variable, names, config.spell_key("group_variable"))
        if config.predicted_label is not None:
            candidates = names if predictions is None else predictions
            prediction = resolve_column(config.predicted_label, candidates, config.spell_key("predicted_label"))
        roles = cls(
            label=resolve_column(config.label, names, config.spell_key("label")),
            facets=tuple(
                tuple(resolve_column(column, names, facet_key) for column in list_facet_references(facet, names))
                for facet in config.facets
            ),
            # Only CDDL and CDDPL need the groups, and there can be many.
            group=group if {"CDDL", "CDDPL"} & {*config.methods, *config.post_training_methods} else None,
            weight=None if weight is None else resolve_column(weight, names, config.spell_key("weight")),
            prediction=prediction,
            score_threshold=config.probability_threshold if prediction is not None else None,
        )
        roles._check(config)
        return roles

    @property
    def facet_names(self) -> tuple[str, ...]:
        """Return the name of each facet: its column, or "a+b" for a crossed facet."""
        return tuple(facet[0] if len(facet) == 1 else join_parts(facet) for facet in self.facets)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of all facets, without duplicates."""
        return tuple(dict.fromkeys(name for facet in self.facets for name in facet))

    def list_columns(self, facet: int) -> tuple[int, ...]:
        """List the columns of a facet, as indexes into :attr:`columns`.

        :param facet: the index of the facet
        """
        return tuple(map(self.columns.index, self.facets[facet]))

    @cached_property
    def sets(self) -> tuple[tuple[int, ...], ...]:
        """Return the grouping sets: the columns that are counted together, as indexes into :attr:`columns`."""
        if self.together is not None:
            return self.together
        return tuple(dict.fromkeys(tuple(sorted(self.list_columns(number))) for number in range(len(self.facets))))

    def find_set(self, facet: int) -> tuple[int, ...]:
        """Find the grouping set with the fewest columns from which a facet is counted.

        :param facet: the index of the facet
        """
        columns = set(self.list_columns(facet))
        return min((members for members in self.sets if columns <= set(members)), key=len)

    @property
    def key_columns(self) -> list[str]:
        """Return the columns of the cell key beside those of the facets."""
        names = ["label", *(["grp"] if self.group is not None else [])]
        names += ["pred"] if self.prediction is not None else []
        return [*names, *(["weight"] if self.weights_apart else [])]

    @property
    def needed(self) -> list[str]:
        """Return the columns to scan, without duplicates."""
        named = (*self.columns, self.label, self.group, self.prediction, self.weight)
        return list(dict.fromkeys(name for name in named if name is not None))

    def list_cell_columns(self) -> list[tuple[str, str]]:
        """List the columns of the data that are part of the cell key, each with its name in the cells."""
        named = [(name, name_facet_column(number)) for number, name in enumerate(self.columns)]
        named.append((self.label, "label"))
        named += [(self.group, "grp")] if self.group is not None else []
        return [*named, *([(self.prediction, "pred")] if self.prediction is not None else [])]

    def check_storage(self, stored: Callable[[str], StorageType | None]) -> None:
        """Check that no column is nested, as no engine can count such columns.

        :param stored: returns how the source stores a column; None if unknown
        :raises ConfigError: a column holds nested values
        """
        by_key = [(facet, "facet") for facet in self.columns]
        by_key += [(self.label, "label"), (self.group or "", "group_variable"), (self.weight or "", "weight")]
        by_key.append((self.prediction or "", "predicted_label"))
        for column, key in by_key:
            if column:
                check_not_nested(column, stored(column), key)

    @property
    def sums(self) -> list[str]:
        """Return the additive columns: row count, sum of weights, sum of squared weights."""
        return ["n", "w", "w2"] if self.weight is not None else ["n"]

    def _check(self, config: AnalysisConfig) -> None:
        facet_key = config.spell_key("facet")
        if self.label in self.columns:
            raise ConfigError(f"{facet_key}: '{self.label}' is the label; a label cannot be biased against itself")
        if self.prediction is not None:
            key = config.spell_key("predicted_label")
            if self.prediction == self.label:
                raise ConfigError(f"{key}: '{self.label}' is the label; name the column of predictions")
            if self.prediction in self.columns:
                raise ConfigError(f"{key}: '{self.prediction}' is also a facet; name the column of predictions")
        if self.weight is not None and self.weight in (self.label, self.group, *self.columns):
            raise ConfigError(
                f"{config.spell_key('weight')}: '{self.weight}' is also the label, a facet or the group variable"
            )
        if self.weight is not None and self.weight == self.prediction:
            raise ConfigError(f"{config.spell_key('weight')}: '{self.weight}' is also the column of predictions")
        self._check_facets(facet_key)

    def _check_facets(self, key: str) -> None:
        for facet, name in zip(self.facets, self.facet_names, strict=True):
            if len(set(facet)) < len(facet):
                raise ConfigError(f"{key}: {name!r} crosses a column with itself; name different columns")
        repeated = [name for i, name in enumerate(self.facet_names) if set(self.facets[i]) in map(set, self.facets[:i])]
        if repeated:
            raise ConfigError(f"{key}: '{repeated[0]}' is given twice, perhaps by name and by index")
        repeated = [name for i, name in enumerate(self.facet_names) if name in self.facet_names[:i]]
        if repeated:
            raise ConfigError(f"{key}: two facets have the name {repeated[0]!r}; rename a column, or leave one out")


def list_facet_references(facet: FacetConfig, names: Sequence[str]) -> tuple[ColumnRef, ...]:
    """List the columns of a facet as the author wrote them.

    A text such as "gender+race" is the column of that name if there is one, and otherwise a crossed facet.

    :param facet: the configuration of the facet
    :param names: the names of the columns of the data
    :return: one reference, or several for a crossed facet
    """
    reference = facet.name_or_index
    if not isinstance(reference, str | int):
        return tuple(reference)
    if isinstance(reference, str) and reference.lower() not in map(str.lower, names):
        parts = split_parts(reference)
        # A name that cannot be split is resolved as a whole, so that the error shows it.
        return parts if len(parts) > 1 and all(parts) else (reference,)
    return (reference,)
