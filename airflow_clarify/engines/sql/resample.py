"""Balanced copies inside a database: count the strata, compute the quotas, and create the table with one statement.

The draw depends on the seed and on key columns that identify every row: the rows of a stratum are ordered by
``md5("airflow-clarify draw 1 " + seed + "|" + key)`` and then by the key, and the first ones are drawn. The same data,
key and seed therefore give the same rows in every run, whatever the order in which a database reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.bias.config import DataConfig
from airflow_clarify.bias.resampling import BalanceConfig, BalancePlan, BalanceResult, Stratum
from airflow_clarify.engines.counting.expressions import cast_to_weight, check_not_nested
from airflow_clarify.engines.counting.weights import round_significant, sum_weights, unusable_weights_error
from airflow_clarify.engines.sql.fetched_cells import format_stratum_values, holds_mixed_types
from airflow_clarify.engines.sql.parsing import resolve_name
from airflow_clarify.engines.sql.sample_query import Raw, SampleQuery, StratumColumn
from airflow_clarify.engines.sql.target_table import TableWriter, TargetTable
from airflow_clarify.exceptions import ConfigError, OutputError

if TYPE_CHECKING:
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.sql.source import SqlSource

#: The maximum number of strata; with more of them, databases refuse the statement.
MAX_STRATA = 10_000
#: The alias of the existing weight of a row.
_PRIOR = "airflow_clarify_prior"


def resample_table(
    source: SqlSource,
    writer: TableWriter,
    data: DataConfig,
    target: str | Sequence[str],
    config: BalanceConfig,
    progress: Progress | None = None,
) -> BalanceResult:
    """Create a table with a balanced copy of the data.

    :param source: the data
    :param writer: creates the table
    :param data: the configuration of the data
    :param target: the table to create
    :param config: how to balance. Without a key the draw cannot be repeated, and a warning is given
    :param progress: called with the current step
    :return: the sizes of the strata, and the table
    :raises ConfigError: the configuration does not fit the data
    :raises QuotaError: a stratum is empty, or smaller than its quota
    :raises DataError: the data cannot be read
    :raises OutputError: the table cannot be created; it is absent, or unchanged
    """
    report = progress or (lambda step, share: None)
    columns = list(source.columns)
    config = config.resolve(columns, data.weight, resolve_name)
    names, keys = config.names, tuple(map(str, config.key))
    for name in (*names, *keys):
        check_not_nested(name, source.get_storage_type(name), "by" if name in names else "key")
    prior = None if config.weight is None else str(config.weight)
    table = TargetTable(writer, target, config.if_exists or "fail")
    table.check(data)
    report("counting the strata", -1.0)
    prior_weight = None if prior is None else cast_to_weight(source.read(prior), source.find_weight_type(prior))
    strata = _Strata.count(source, source.everything, names, prior, prior_weight)
    plan = config.plan(strata.rows, strata.weights)
    read_keys = [source.read(key) for key in keys]
    sample = SampleQuery(
        strata.columns,
        strata.build_plans(plan),
        read_keys,
        config.seed,
        writer.dialect.random,
        config.added_column,
        prior_weight,
    )
    warnings = [*plan.warnings, *_check_repeatable(source, sample, keys)]
    report("creating the table", -1.0)
    with table.create(sample.select(source.everything, columns)) as created:
        report("counting the created rows", -1.0)
        _check_strata(table.name, plan, _Strata.count(source, _select_all(created), names, known=strata.columns))
    return BalanceResult(
        target=table.name,
        by=names,
        strategy=config.strategy,
        seed=config.seed,
        strata=plan.shares,
        rows_in=sum(share.before for share in plan.shares),
        rows_out=sum(share.after for share in plan.shares),
        weight_column=config.added_column,
        warnings=tuple(warnings),
    )


class _Strata:
    """The strata of some rows, by their texts and by the values of the database.

    :param columns: the columns that define the strata
    :param raw: the texts of each stratum, with the values that the database compares; several values may share a text
    :param rows: the number of rows of each stratum
    :param weights: the sum of the existing weights of each stratum; None if rows have no weights
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
        """Count the strata in the database.

        :param source: the data
        :param rows: selects the rows of the analysis
        :param by: the columns that define the strata
        :param prior: the column of existing weights
        :param prior_weight: the expression that reads an existing weight as a number
        :param known: the columns that define the strata, if their types are known
        :raises ConfigError: there are too many strata
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
            .limit(MAX_STRATA + 1)
        )
        found = source.execute(query)
        if len(found) > MAX_STRATA:
            raise ConfigError(
                f"by: {', '.join(by)} make more than {MAX_STRATA} strata in {source.location}; balance by fewer "
                "columns, or by columns with few values"
            )
        if prior is not None and any(row[-2] for row in found):
            raise unusable_weights_error(
                prior, sum(int(row[-2]) for row in found), sum(int(row[len(by)]) for row in found)
            )
        values = list(zip(*found, strict=True)) or [()] * (len(by) + 1)
        mixed = [] if source.runner.dialect.has_column_types else list(map(holds_mixed_types, values[: len(by)]))
        if any(mixed):
            # As in counting, 1 and "1" are one value.
            for name, is_mixed in zip(by, mixed, strict=True):
                if is_mixed:
                    source.read_mixed_as_text(name)
            return cls.count(source, rows, by, prior, prior_weight, known)
        columns, texts = [], []
        with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as embedded:
            for number, (name, column_values) in enumerate(zip(by, values, strict=False)):
                profile = None if known is None else known[number].profile
                stored, profile, as_texts = format_stratum_values(
                    embedded, column_values, source.get_storage_type(name), name, source.na_values, profile
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
            triples = zip(columns, row, stratum, strict=False)
            raw.setdefault(stratum, set()).add(tuple(column.to_raw(value, text) for column, value, text in triples))
        return cls(columns, raw, counted, None if prior is None else weights)

    def build_plans(self, plan: BalancePlan) -> dict[Raw, Any]:
        """Build the plan of each stratum, keyed by the values that the database compares.

        :param plan: the plan, keyed by texts
        """
        return {raw: share for share in plan.shares for raw in sorted(self.raw[share.values], key=repr)}


def _check_repeatable(source: SqlSource, sample: SampleQuery, keys: Sequence[str]) -> list[str]:
    """Check that the key identifies every row, so that the draw can be repeated.

    :return: a warning if rows are drawn without a key
    :raises ConfigError: several rows have the same key
    """
    if not sample.draws:
        return []
    if not sample.keys:
        return ["the draw cannot be repeated without a key; name the columns that identify a row in key"]
    read = exp.select(*(key.copy().as_(f"k{position}") for position, key in enumerate(sample.keys)))
    more_than_one = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))
    shared = (
        exp.select(exp.Literal.number(1).as_("one"))
        .from_(read.from_(source.everything.copy().subquery("data")).subquery("keys"))
        .group_by(*(exp.column(f"k{position}") for position in range(len(sample.keys))))
        .having(more_than_one)
    )
    ((number,),) = source.execute(exp.select(exp.Count(this=exp.Star())).from_(shared.subquery("shared")))
    if number:
        raise ConfigError(
            f"key: {', '.join(keys)} does not identify every row ({int(number)} of its values occur in "
            "several rows), so the draw could not be repeated; add columns, or leave key out to draw at random"
        )
    return []


def _check_strata(target: str, plan: BalancePlan, created: _Strata) -> None:
    """Check the strata of the created table, because the data may have changed.

    :raises OutputError: the quotas are not met
    """
    expected = {share.values: share.after for share in plan.shares if share.after}
    if created.rows != expected:
        raise OutputError(
            f"{target}: the data changed while they were balanced, so the quotas would not be met; nothing was kept, "
            "try again"
        )


def _select_all(table: exp.Table) -> exp.Select:
    return exp.select(exp.Star()).from_(table.copy())
