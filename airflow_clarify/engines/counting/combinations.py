"""Count combinations of column values for the search for subgroups: what to count, and the statements that count it.

The columns are examined first: one scan counts the values of each, from which follow its type, the cuts of a numeric
column, and how many combinations there can be. If those are few, a second scan counts the combinations of all columns,
from which all others are added up; otherwise it counts the combinations of up to ``max_depth`` columns by grouping
sets, without those that have too few rows.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod

from sqlglot import exp

from airflow_clarify.bias.column_types import ColumnProfile, DeclaredType, Scale, determine_scale, format_number
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.subgroups.config import MAX_CODES, MAX_VALUES, SearchConfig
from airflow_clarify.bias.subgroups.rates import CONFUSION_OUTCOMES, LABEL_OUTCOMES
from airflow_clarify.engines.counting import warnings as notices
from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.column_profile import CellColumn, profile_column
from airflow_clarify.engines.counting.contingency import ContingencyBuilder
from airflow_clarify.engines.counting.expressions import cast_to_float, cast_to_integer
from airflow_clarify.engines.counting.predictions import Predictions
from airflow_clarify.engines.counting.roles import name_facet_column
from airflow_clarify.exceptions import ConfigError, UnfitDataError


@dataclass(frozen=True)
class KeyColumn:
    """A column whose values are combined.

    :param number: the index of the column in the cells
    :param column: the column with its profile
    :param cuts: the upper bounds of all intervals but the last, if the column is cut at quantiles; None if its values
        are compared by equality
    """

    number: int
    column: CellColumn
    cuts: tuple[int | float, ...] | None

    @property
    def name(self) -> str:
        """Return the name of its code or value in the statements."""
        return f"k{self.number}"

    @property
    def intervals(self) -> tuple[str, ...]:
        """Return the names of its intervals, in the notation of Clarify: "(28, 37]"; the first contains its minimum."""
        profile = self.column.profile
        if self.cuts is None or profile.minimum is None or profile.maximum is None:
            return ()
        bounds = [profile.minimum, *self.cuts, profile.maximum]
        texts = [format_number(bound) for bound in bounds]
        return tuple(f"{'(' if at else '['}{low}, {high}]" for at, (low, high) in enumerate(itertools.pairwise(texts)))

    @property
    def size(self) -> int:
        """Return the number of its codes, with one for missing values."""
        values = self.column.profile.distinct if self.cuts is None else len(self.cuts) + 1
        return values + bool(self.column.profile.missing)

    def build_interval_code(self, value: exp.Expr) -> exp.Expr:
        """Build the code of the interval of a value, from 1; 0 for a missing value.

        :param value: the value as in the data, NULL if missing
        """
        assert self.cuts is not None
        number = _read_number(self.column, value)
        code = exp.case().when(exp.Is(this=number, expression=exp.null()), exp.Literal.number(0))
        for position, cut in enumerate(self.cuts, start=1):
            code = code.when(number.copy() <= _build_bound(cut), exp.Literal.number(position))
        return code.else_(exp.Literal.number(len(self.cuts) + 1))


@dataclass(frozen=True)
class CountPlan:
    """Define the counts that a search needs.

    :param search: the question
    :param keys: the columns, in their order
    :param builder: reads the label, and the predictions if there are any
    :param rows: the number of rows
    :param weighted: whether rows have weights
    :param warnings: one sentence each
    """

    search: SearchConfig
    keys: tuple[KeyColumn, ...]
    builder: ContingencyBuilder
    rows: int
    weighted: bool
    warnings: tuple[str, ...]

    @property
    def predictions(self) -> Predictions | None:
        """Return the predictions, if the metric needs them."""
        return self.builder.predictions if self.search.rate.needs_predictions else None

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Return the outcomes that are counted."""
        return CONFUSION_OUTCOMES if self.search.rate.needs_predictions else LABEL_OUTCOMES

    @property
    def crossings(self) -> list[tuple[int, ...]]:
        """Return the combinations of columns, as positions in ``keys``, those of fewer columns first."""
        depths = range(1, self.search.depth + 1)
        return [columns for depth in depths for columns in itertools.combinations(range(len(self.keys)), depth)]

    @property
    def max_joint(self) -> int:
        """Return the largest possible number of combinations of all columns."""
        return min(self.rows, prod(key.size for key in self.keys))

    def list_sums(self) -> list[str]:
        """List the names of the sums in the statements: rows, weights and squared weights by outcome."""
        kinds = ("n", "w", "q") if self.weighted else ("n",)
        return [f"{kind}{outcome}" for kind in kinds for outcome in range(len(self.outcomes))]


def plan_count(cells: CellStore, config: AnalysisConfig, search: SearchConfig) -> CountPlan:
    """Examine the columns, and plan what to count.

    :param cells: the counts of each column by itself
    :param config: the label and the columns
    :param search: the question
    :return: the plan
    :raises ConfigError: the columns do not fit, such as one with thousands of values
    :raises UnfitDataError: there are fewer rows than a subgroup must have
    """
    builder = ContingencyBuilder(cells, config)
    if search.rate.needs_predictions and builder.predictions is None:
        raise ConfigError(
            f"metric: {search.metric} needs predictions; name their column in {config.spell_key('predicted_label')}"
        )
    if builder.predictions is not None and builder.predictions.error is not None:
        raise UnfitDataError(builder.predictions.error)
    keys, warnings = [], list(builder.warnings)
    for number, (name, facet) in enumerate(zip(cells.roles.columns, config.facets, strict=True)):
        column = profile_column(cells, name_facet_column(number), name, number)
        declared = search.get_declared_type(str(facet.name_or_index)) or search.get_declared_type(name)
        if declared is None and name in cells.categorical:
            declared = "categorical"
        cuts = _find_cuts(cells, column, search.bins) if _is_cut(column.profile, declared, search.bins) else None
        keys.append(KeyColumn(number, column, cuts))
        warnings += _warn_of_column(column)
    profile = builder.label.profile
    rows = profile.present + profile.missing
    if search.min_rows > rows:
        raise UnfitDataError(
            f"min_rows: {search.min_rows:,} is above the number of rows, {rows:,}, so no group can be searched; "
            "lower it"
        )
    return CountPlan(search, tuple(keys), builder, rows, cells.roles.weight is not None, tuple(dict.fromkeys(warnings)))


def _is_cut(profile: ColumnProfile, declared: DeclaredType | None, bins: int) -> bool:
    """Decide whether a column is cut at quantiles.

    :raises ConfigError: it is neither a number nor has few values
    """
    if declared == "continuous" and not profile.numeric:
        raise ConfigError(
            f"column_types: column '{profile.name}' holds {profile.kind_text} values, which cannot be cut at "
            "quantiles; leave it out of column_types"
        )
    is_measure = declared == "continuous" or profile.distinct > MAX_CODES
    is_cut = (
        profile.numeric
        and declared != "categorical"
        and profile.distinct > bins
        and (is_measure or determine_scale(profile, None) is Scale.CONTINUOUS)
    )
    if not is_cut and profile.distinct > MAX_VALUES:
        raise ConfigError(
            f"columns: '{profile.name}' holds {profile.distinct:,} different values, more than {MAX_VALUES:,}; leave "
            "it out, or group its values in a column of their own"
        )
    return is_cut


def _find_cuts(cells: CellStore, column: CellColumn, bins: int) -> tuple[int | float, ...]:
    """Find the quantiles that cut a column into intervals of about equally many rows.

    A quantile is the smallest value up to which the share of rows is at least i / bins: an observed value, so the cuts
    do not depend on the engine.
    """
    number = _read_number(column, column.build_value("raw"))
    raw = exp.select(exp.column(column.role).as_("raw"), "n").from_(cells.select_facet_cells(column.facet))
    values = exp.select(number.as_("v"), "n").from_(raw.subquery("raw_values"))
    counted = exp.select("v", "SUM(n) AS n").from_(values.subquery("numbers")).where("v IS NOT NULL").group_by("v")
    running = exp.select("v", "SUM(n) OVER (ORDER BY v) AS below").from_(counted.subquery("counted"))
    bounds = []
    for position in range(1, bins):
        reached = exp.column("below") * exp.Literal.number(bins)
        needed = exp.Literal.number(position * column.profile.present)
        bounds.append(exp.Min(this=exp.case().when(reached >= needed, exp.column("v"))).as_(f"c{position}"))
    ((*found,),) = cells.execute(exp.select(*bounds).from_(running.subquery("running")))
    is_whole = column.profile.kind == "integer"
    numbers = sorted({int(value) if is_whole else float(value) for value in found})
    maximum = column.profile.maximum
    return tuple(value for value in numbers if maximum is None or value < maximum)


def _warn_of_column(column: CellColumn) -> Iterator[str]:
    yield from notices.warn_of_missing_texts(column)
    yield from notices.warn_of_leading_zeros(column)
    profile = column.profile
    if profile.missing:
        yield (
            f"column {profile.name!r}: {profile.missing:,} of {profile.missing + profile.present:,} rows have no "
            "value; they belong to no subgroup of it, and to the rest of each"
        )


def _read_number(column: CellColumn, value: exp.Expr) -> exp.Expr:
    read = cast_to_integer if column.profile.kind == "integer" else cast_to_float
    return read(value, column.stored)


def _build_bound(number: int | float) -> exp.Expr:
    return exp.cast(exp.Literal.string(repr(number)), "DOUBLE") if isinstance(number, float) else exp.convert(number)


# --- Statements -----------------------------------------------------------------------------------------------------


def build_joint_query(plan: CountPlan, coded: exp.Select) -> exp.Select:
    """Build the query that counts the combinations of all columns.

    :param plan: what to count
    :param coded: selects a row per row of the data, with the columns ``k0`` and so on, ``outcome`` and ``weight``
    """
    keys = [key.name for key in plan.keys]
    return exp.select(*keys, *_sum_rows(plan)).from_(coded.subquery("coded")).group_by(*keys)


def build_crossings_query(
    plan: CountPlan, coded: exp.Select, crossings: Sequence[tuple[int, ...]], *, max_combinations: int
) -> exp.Select:
    """Build the query that counts several combinations of columns by grouping sets, with ``which`` for each.

    Combinations with fewer than ``min_rows`` rows are left out.

    :param plan: what to count
    :param coded: selects a row per row of the data
    :param crossings: the combinations of columns
    :param max_combinations: the maximum number of rows of the result
    """
    keys = [key.name for key in plan.keys]
    rows, sums = _select_countable(plan, coded)
    query = exp.select(*keys, *sums).from_(rows)
    if len(crossings) == 1:
        (chosen,) = crossings
        named = [exp.column(name) if at in chosen else exp.null().as_(name) for at, name in enumerate(keys)]
        query = exp.select(*named, *sums, exp.Literal.number(_mask(chosen, len(keys))).as_("which")).from_(rows)
        query = query.group_by(*(keys[at] for at in chosen))
    else:
        which: exp.Expr | None = None
        for at, name in enumerate(keys):
            grouping = exp.Anonymous(this="GROUPING", expressions=[exp.column(name)])
            bit = grouping * exp.Literal.number(1 << at)
            which = bit if which is None else which + bit
        assert which is not None
        query = query.select(which.as_("which"))
        sets = [exp.Tuple(expressions=[exp.column(keys[at]) for at in chosen]) for chosen in crossings]
        query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
    return query.having(_count_all(plan, sums) >= exp.Literal.number(plan.search.min_rows)).limit(max_combinations)


def build_totals_query(plan: CountPlan, coded: exp.Select) -> exp.Select:
    """Build the query for the sums of all rows.

    :param plan: what to count
    :param coded: selects a row per row of the data
    """
    return exp.select(*_sum_rows(plan)).from_(coded.subquery("coded"))


def split_mask(which: int, keys: int) -> tuple[int, ...]:
    """Return the columns of a grouping set, from the value of ``which``.

    :param which: a bit for each column that is not part of the set, the first column has the lowest
    :param keys: the number of columns
    """
    return tuple(at for at in range(keys) if not which >> at & 1)


def too_many_combinations_error(plan: CountPlan, max_combinations: int, setting: str) -> ConfigError:
    """Build the error for more combinations than may be fetched.

    :param plan: what was counted
    :param max_combinations: the maximum
    :param setting: the name of the maximum, if the author can set it
    """
    columns, depth = len(plan.keys), plan.search.depth
    raised = f", or raise {setting}" if setting else ""
    return ConfigError(
        f"columns: {columns} columns have more than {max_combinations:,} combinations of up to {depth} values with "
        f"{plan.search.min_rows:,} rows; name fewer columns, lower max_depth, raise min_rows{raised}"
    )


def _mask(chosen: tuple[int, ...], keys: int) -> int:
    return sum(1 << at for at in range(keys) if at not in chosen)


def _select_countable(plan: CountPlan, coded: exp.Select) -> tuple[exp.Subquery, list[exp.Expr]]:
    """Select what grouping sets count: the rows, or the combinations of all columns if those are far fewer.

    An engine processes each of its input rows once for each grouping set.
    """
    if plan.max_joint > plan.rows // 2:
        return coded.subquery("coded"), _sum_rows(plan)
    sums: list[exp.Expr] = [_sum(name, exp.column(name)).as_(name) for name in plan.list_sums()]
    return build_joint_query(plan, coded).subquery("combinations"), sums


def _sum_rows(plan: CountPlan) -> list[exp.Expr]:
    sums: list[exp.Expr] = []
    weight = exp.column("weight")
    summands: dict[str, exp.Expr] = {"n": exp.Literal.number(1), "w": weight, "q": weight * weight}
    for name in plan.list_sums():
        of_outcome = exp.column("outcome").eq(exp.Literal.number(int(name[1:])))
        summand = exp.case().when(of_outcome, summands[name[0]].copy()).else_(exp.Literal.number(0))
        sums.append(_sum(name, summand).as_(name))
    return sums


def _sum(name: str, summand: exp.Expr) -> exp.Expr:
    # fsum compensates for rounding, so that sums of weights hardly depend on the order of the rows.
    return exp.Sum(this=summand) if name[0] == "n" else exp.Anonymous(this="fsum", expressions=[summand])


def _count_all(plan: CountPlan, sums: Sequence[exp.Expr]) -> exp.Expr:
    first, *others = (one.this.copy() for one in sums[: len(plan.outcomes)])
    return exp.paren(reduce(operator.add, others, first))
