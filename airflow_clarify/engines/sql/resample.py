"""Balanced copies inside a database: the strata are counted, the quotas settled, and one statement makes the table.

Which rows of a stratum are drawn follows from the seed and from key columns that tell all rows apart: the rows of a
stratum are ordered by ``md5("airflow-clarify draw 1 " + seed + "|" + key)`` and then by the key, and the first ones are
taken. So the same data, key and seed give the same rows in every run, whatever the order in which a database reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from sqlglot import exp

from airflow_clarify.bias.config import DataConfig
from airflow_clarify.bias.resampling import BalanceConfig, BalancePlan, BalanceResult, Stratum, check_seed, require_list
from airflow_clarify.engines.counting.cells import round_significant, sum_weights, unusable_weights_error
from airflow_clarify.engines.counting.expressions import cast_to_weight, check_not_nested
from airflow_clarify.engines.sql.fetched_cells import format_stratum_values
from airflow_clarify.engines.sql.parsing import resolve_name
from airflow_clarify.engines.sql.sample_query import Raw, SampleQuery, StratumColumn
from airflow_clarify.engines.sql.target_table import TableWriter, TargetTable
from airflow_clarify.exceptions import ConfigError, OutputError

if TYPE_CHECKING:
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.sql.source import SqlSource

#: More strata than this would make a statement that databases refuse.
MOST_STRATA = 10_000
#: The weight that a row has already, among the columns of the strata.
_PRIOR = "airflow_clarify_prior"


def resample_table(
    source: SqlSource,
    writer: TableWriter,
    data: DataConfig,
    target: str | Sequence[str],
    by: Sequence[str | int],
    *,
    strategy: str = "undersample",
    size: int | None = None,
    fraction: float | None = None,
    seed: int = 0,
    weight_column: str = "weight",
    empty: str = "error",
    missing: str | None = None,
    weight: str | int | None = None,
    key: Sequence[str | int] | None = None,
    if_exists: str = "fail",
    progress: Progress | None = None,
) -> BalanceResult:
    """Make a table of a balanced copy of the data.

    :param source: the data
    :param writer: makes the table
    :param data: what the author says of the data
    :param target: the table to make
    :param by: the columns whose combined values make the strata
    :param strategy: ``undersample``, ``oversample`` or ``reweigh``; see
        :class:`~airflow_clarify.bias.resampling.BalanceConfig`
    :param size: rows of each stratum
    :param fraction: of each stratum, for ``undersample``
    :param seed: any whole number
    :param weight_column: the column that ``reweigh`` adds
    :param empty: what an empty stratum is, "error" or "ignore"
    :param missing: what rows with a missing value are, "drop", "keep" or "error"; None takes the strategy's default
    :param weight: for ``reweigh``: the column of weights that rows have already, which the new ones are multiplied
        with; by default the one of the data
    :param key: the columns that tell rows apart. Without them nobody can draw the same rows again; a warning says so
    :param if_exists: what to do where the target is there already: "fail", or "replace"
    :param progress: told what is being done
    :raises ConfigError: the parameters do not fit together or to the data
    :raises QuotaError: a stratum is empty, or holds fewer rows than asked of it
    :raises DataError: the data cannot be read
    :raises OutputError: the table cannot be made; it is absent, or as it was
    """
    told = progress or (lambda what, part: None)
    columns = list(source.columns)
    names = tuple(resolve_name(column, columns, "by") for column in require_list(by, "by"))
    keys = tuple(resolve_name(column, columns, "key") for column in require_list(key or (), "key"))
    for name in (*names, *keys):
        check_not_nested(name, source.get_storage_type(name), "by" if name in names else "key")
    if weight is None and strategy == "reweigh":
        weight = data.weight
    prior = None if weight is None else resolve_name(weight, columns, "weight")
    settled = BalanceConfig(names, cast(Any, strategy), size, fraction, cast(Any, empty), cast(Any, missing), prior)
    check_seed(seed)
    weighted = weight_column if settled.strategy == "reweigh" else None
    _check_weight_column(weighted, columns)
    made = TargetTable(writer, target, if_exists)
    made.check(data)
    told("counting the strata", -1.0)
    prior_weight = None if prior is None else cast_to_weight(source.read(prior), source.find_weight_type(prior))
    strata = _Strata.count(source, source.everything, names, prior, prior_weight)
    plan = settled.plan(strata.rows, strata.weights)
    read_keys = [source.read(key) for key in keys]
    selecting = SampleQuery(
        strata.columns, strata.build_plans(plan), read_keys, seed, writer.dialect.random, weighted, prior_weight
    )
    warnings = [*plan.warnings, *_check_repeatable(source, selecting, keys)]
    told("making the table", -1.0)
    with made.create(selecting.select(source.everything, columns)) as table:
        told("counting what was made", -1.0)
        _check(made.name, plan, _Strata.count(source, _select_all(table), names, known=strata.columns))
    return BalanceResult(
        target=made.name,
        by=names,
        strategy=settled.strategy,
        seed=seed,
        strata=plan.shares,
        rows_in=sum(share.before for share in plan.shares),
        rows_out=sum(share.after for share in plan.shares),
        weight_column=weighted,
        warnings=tuple(warnings),
    )


class _Strata:
    """The strata of some rows, as a database knows them and as texts.

    :param columns: the columns that make them
    :param raw: a stratum's texts, and its values as the database compares them
    :param rows: how many rows each has
    :param weights: the sum of the weights that these have already, where they have any
    """

    def __init__(
        self,
        columns: Sequence[StratumColumn],
        raw: dict[Stratum, set[Raw]],
        rows: dict[Stratum, int],
        weights: dict[Stratum, Fraction] | None,
    ) -> None:
        self.columns = columns
        self.raw = raw
        self.rows = rows
        self.weights = weights

    @classmethod
    def count(
        cls,
        source: SqlSource,
        rows: exp.Select,
        by: Sequence[str],
        prior: str | None = None,
        prior_weight: exp.Expr | None = None,
        known: Sequence[StratumColumn] | None = None,
    ) -> _Strata:
        """Ask a database.

        :param source: the data
        :param rows: selects the rows that take part
        :param by: the columns that make the strata
        :param prior: the column of weights that the rows have already
        :param prior_weight: such a weight as a number
        :param known: the columns that make the strata, where it is known what they hold
        :raises ConfigError: there are too many
        :raises DataError: rows have no usable weight
        """
        import duckdb

        named = [exp.column(name, quoted=True) for name in by]
        read = exp.select(*(source.read(name).as_(name, quoted=True) for name in by))
        summed: list[exp.Expr] = []
        if prior_weight is not None:
            read = read.select(prior_weight.copy().as_(_PRIOR))
            summed = sum_weights(exp.column(_PRIOR))
        query = (
            exp.select(*named, exp.Count(this=exp.Star()).as_("airflow_clarify_rows"), *summed)
            .from_(read.from_(rows.copy().subquery("data")).subquery("strata"))
            .group_by(*(name.copy() for name in named))
            .limit(MOST_STRATA + 1)
        )
        found = source.execute(query)
        if len(found) > MOST_STRATA:
            raise ConfigError(
                f"by: {', '.join(by)} make more than {MOST_STRATA} strata in {source.location}; balance by fewer "
                "columns, or by such as have few values"
            )
        if prior is not None and any(row[-2] for row in found):
            raise unusable_weights_error(
                prior, sum(int(row[-2]) for row in found), sum(int(row[len(by)]) for row in found)
            )
        values = list(zip(*found, strict=True)) or [()] * (len(by) + 1)
        columns, texts = [], []
        with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as home:
            for number, (name, of_column) in enumerate(zip(by, values, strict=False)):
                profile = None if known is None else known[number].profile
                stored, profile, as_texts = format_stratum_values(
                    home, of_column, source.get_storage_type(name), name, source.na_values, profile
                )
                columns.append(StratumColumn(source.read(name), stored, profile, source.na_values))
                texts.append(as_texts)
        raw: dict[Stratum, set[Raw]] = {}
        counted: dict[Stratum, int] = {}
        weights: dict[Stratum, Fraction] = {}
        for stratum, row in zip(zip(*texts, strict=True), found, strict=True):
            counted[stratum] = counted.get(stratum, 0) + int(row[len(by)])
            if prior is not None:
                weights[stratum] = weights.get(stratum, Fraction()) + Fraction(round_significant(float(row[-1])))
            of_columns = zip(columns, row, stratum, strict=False)
            raw.setdefault(stratum, set()).add(tuple(column.raw(value, text) for column, value, text in of_columns))
        return cls(columns, raw, counted, None if prior is None else weights)

    def build_plans(self, plan: BalancePlan) -> dict[Raw, Any]:
        """What becomes of each stratum, by its values as the database compares them."""
        return {raw: share for share in plan.shares for raw in sorted(self.raw[share.values], key=repr)}


def _check_repeatable(source: SqlSource, selecting: SampleQuery, keys: Sequence[str]) -> list[str]:
    """See that the draw can be repeated, or say that it cannot.

    :raises ConfigError: rows have the same key
    """
    if not selecting.draws:
        return []
    if not selecting.keys:
        return ["the same rows cannot be drawn again, since nothing tells them apart; name the columns that do in key"]
    read = exp.select(*(key.copy().as_(f"k{position}") for position, key in enumerate(selecting.keys)))
    more_than_one = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))
    shared = (
        exp.select(exp.Literal.number(1).as_("one"))
        .from_(read.from_(source.everything.copy().subquery("data")).subquery("keys"))
        .group_by(*(exp.column(f"k{position}") for position in range(len(selecting.keys))))
        .having(more_than_one)
    )
    ((number,),) = source.execute(exp.select(exp.Count(this=exp.Star())).from_(shared.subquery("shared")))
    if number:
        raise ConfigError(
            f"key: {', '.join(keys)} does not tell all rows apart ({int(number)} of its values stand in "
            "several rows), so the draw could not be repeated; add columns, or leave key out to draw at random"
        )
    return []


def _check(target: str, plan: BalancePlan, made: _Strata) -> None:
    """See that the table holds what it should: somebody may have changed the data since they were counted.

    :raises OutputError: it does not
    """
    wanted = {share.values: share.after for share in plan.shares if share.after}
    if made.rows != wanted:
        raise OutputError(
            f"{target}: the data changed while they were balanced, so the quotas would not be met; nothing was kept, "
            "try again"
        )


def _select_all(table: exp.Table) -> exp.Select:
    return exp.select(exp.Star()).from_(table.copy())


def _check_weight_column(name: str | None, columns: Sequence[str]) -> None:
    if name is None:
        return
    if not name:
        raise ConfigError("weight_column: it is empty; give the column of weights a name")
    if name.lower() in {column.lower() for column in columns}:
        raise ConfigError(f"weight_column: there is a column {name!r} already; choose another name")
