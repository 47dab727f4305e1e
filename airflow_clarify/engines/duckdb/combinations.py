"""Count combinations of column values with DuckDB: two scans, and joins with small tables of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sqlglot import exp

from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.subgroups.combinations import Block, CombinationCounts, SearchColumn
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.engines.base import Progress
from airflow_clarify.engines.counting.cell_query import select_roles
from airflow_clarify.engines.counting.cells import CellStore
from airflow_clarify.engines.counting.column_profile import CellColumn
from airflow_clarify.engines.counting.combinations import (
    CountPlan,
    KeyColumn,
    build_crossings_query,
    build_joint_query,
    build_totals_query,
    plan_count,
    split_mask,
    too_many_combinations_error,
)
from airflow_clarify.engines.counting.expressions import StorageType, ValueFilter
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.duckdb.count import (
    build_create_table,
    describe_version,
    list_storage_types,
    scan_cells,
)
from airflow_clarify.engines.duckdb.errors import explain_error
from airflow_clarify.engines.duckdb.progress import report_progress

if TYPE_CHECKING:
    from airflow_clarify.engines.duckdb.source import Source

#: Up to this number of combinations, those of all columns are fetched, in about 100 bytes each.
MAX_COMBINATIONS = 1_000_000


def count_combinations(
    source: Source,
    config: AnalysisConfig,
    search: SearchConfig,
    weight: str | int | None,
    progress: Progress | None,
    *,
    max_combinations: int = MAX_COMBINATIONS,
) -> CombinationCounts:
    """Count the combinations of a search.

    :param source: the data
    :param config: the label and the columns
    :param search: the question
    :param weight: the column of row weights, by name or index
    :param progress: progress callback
    :param max_combinations: the maximum number of combinations to fetch
    :return: the counts
    :raises ConfigError: the configuration does not fit the data, or there are too many combinations
    :raises DataError: the data cannot be read, hold no rows, or have unusable weights
    """
    roles = ColumnRoles.from_config(config, weight, list(source.columns))
    with report_progress(source.connection, "reading the columns", progress):
        cells = scan_cells(source, roles)
        plan = plan_count(cells, config, search)
        columns = [_create_codes(source, cells, key) for key in plan.keys]
        coded = _select_coded(source, cells, plan)
    described: dict[str, Any] = {
        "label": roles.label,
        "label_text": plan.builder.positive.text,
        "engine": describe_version(),
        "warnings": plan.warnings,
    }
    with report_progress(source.connection, "counting combinations", progress):
        if plan.max_joint <= max_combinations:
            fetched = _fetch(source, build_joint_query(plan, coded))
            codes = [fetched[key.name].astype(np.int64) for key in plan.keys]
            counts = CombinationCounts.from_joint(columns, plan.outcomes, codes, _stack_sums(plan, fetched))
        else:
            query = build_crossings_query(plan, coded, plan.crossings, max_combinations=max_combinations + 1)
            fetched = _fetch(source, query)
            if len(fetched["which"]) > max_combinations:
                raise too_many_combinations_error(plan, max_combinations, "")
            totals = _stack_sums(plan, _fetch(source, build_totals_query(plan, coded)))[:, 0]
            counts = CombinationCounts(tuple(columns), plan.outcomes, totals, blocks=_split_blocks(plan, fetched))
    return counts.describe(**described)


def _create_codes(source: Source, cells: CellStore, key: KeyColumn) -> SearchColumn:
    """Create the table with the code of each stored value of a column, and return the names of the codes."""
    raw = _select_stored(cells, key.column)
    value = key.column.build_value("raw")
    if key.cuts is not None:
        coded = exp.select("raw", key.build_interval_code(value).as_("code")).from_(raw.subquery("stored"))
        source.execute(build_create_table(f"codes_{key.name}", coded))
        return SearchColumn(key.column.name, key.intervals, key.cuts, key.column.profile.missing)
    text = exp.select("raw", key.column.build_text("raw").as_("t")).from_(raw.subquery("stored"))
    rank = "CASE WHEN t IS NULL THEN 0 ELSE DENSE_RANK() OVER (ORDER BY t NULLS LAST) END AS code"
    source.execute(build_create_table(f"codes_{key.name}", exp.select("raw", "t", rank).from_(text.subquery("named"))))
    named = exp.select("code", "MIN(t)").from_(f"codes_{key.name}").where("code > 0").group_by("code").order_by("code")
    return SearchColumn(
        key.column.name, tuple(name for _, name in source.execute(named)), None, key.column.profile.missing
    )


def _select_coded(source: Source, cells: CellStore, plan: CountPlan) -> exp.Select:
    """Select a row per row of the data: the code of each column, the outcome and the weight."""
    roles = cells.roles
    stored = list_storage_types(source, roles)
    rows = select_roles(source.scan(roles.needed).subquery("data"), roles, stored, source.na_values)
    joined = [(key.column, f"codes_{key.name}") for key in plan.keys]
    outcome = _create_outcome(source, cells, plan.builder.label, plan.builder.positive)
    joined.append((plan.builder.label, "codes_label"))
    if plan.predictions is not None and plan.predictions.positive is not None:
        predicted = _create_outcome(source, cells, plan.predictions.column, plan.predictions.positive)
        joined.append((plan.predictions.column, "codes_pred"))
        outcome = outcome * exp.Literal.number(2) + predicted
    codes = [_read_code(f"codes_{key.name}").as_(key.name) for key in plan.keys]
    query = exp.select(*codes, outcome.as_("outcome")).from_(rows.subquery("data_rows"))
    if roles.weight is not None:
        query = query.select("weight")
    for column, table in joined:
        on = _match_stored(column, exp.column(column.role)).eq(exp.column("raw", table=table))
        query = query.join(exp.to_table(table), on=on, join_type="left")
    return query


def _create_outcome(source: Source, cells: CellStore, column: CellColumn, positive: ValueFilter) -> exp.Expr:
    """Create the table with 1 for each stored value that is positive, and return the outcome of a row."""
    raw = _select_stored(cells, column)
    one = exp.case().when(positive.build_condition(column.build_value("raw")), exp.Literal.number(1))
    coded = exp.select("raw", one.else_(exp.Literal.number(0)).as_("code")).from_(raw.subquery("stored"))
    source.execute(build_create_table(f"codes_{column.role}", coded))
    return _read_code(f"codes_{column.role}")


def _select_stored(cells: CellStore, column: CellColumn) -> exp.Select:
    """Select the distinct values of a column as they are stored."""
    stored = _match_stored(column, exp.column(column.role)).as_("raw")
    return exp.select(stored).distinct().from_(cells.select_facet_cells(column.facet))


def _match_stored(column: CellColumn, stored: exp.Expr) -> exp.Expr:
    """Build the expression that equals that of the same value in another table, each at most once."""
    # Zeros of both signs are equal, but may be two groups.
    return column.build_value(stored.name) if column.stored is StorageType.FLOAT else stored


def _read_code(table: str) -> exp.Expr:
    # A missing value matches no row of the table.
    code = exp.Coalesce(this=exp.column("code", table=table), expressions=[exp.Literal.number(0)])
    return exp.cast(code, "INT")


def _fetch(source: Source, query: exp.Expr) -> dict[str, Any]:
    """Run a query and fetch its columns as arrays, with 0 for NULL."""
    import duckdb

    try:
        fetched = source.connection.execute(query.sql(dialect="duckdb")).fetchnumpy()
    except (duckdb.Error, OSError) as error:
        raise explain_error(error, source.location, source.format) from None
    return {name: np.ma.filled(column, 0) for name, column in fetched.items()}


def _stack_sums(plan: CountPlan, fetched: dict[str, Any]) -> Any:
    """Stack the sums as kind, combination and outcome."""
    outcomes, names = len(plan.outcomes), plan.list_sums()
    kinds = [names[start : start + outcomes] for start in range(0, len(names), outcomes)]
    return np.stack([np.stack([fetched[name].astype(np.float64) for name in kind], axis=-1) for kind in kinds])


def _split_blocks(plan: CountPlan, fetched: dict[str, Any]) -> dict[tuple[int, ...], Block]:
    """Split the result of grouping sets into the counts of each combination of columns."""
    sums = _stack_sums(plan, fetched)
    masks = fetched["which"].astype(np.int64)
    order = np.lexsort([fetched[key.name] for key in reversed(plan.keys)] + [masks])
    starts = np.searchsorted(masks[order], (present := np.unique(masks)), side="left")
    places = dict(zip(present.tolist(), np.split(order, starts[1:]), strict=True))
    empty = np.array([], dtype=np.int64)
    blocks = {columns: Block(columns, tuple(empty for _ in columns), sums[:, empty]) for columns in plan.crossings}
    for mask, chosen in places.items():
        columns = split_mask(mask, len(plan.keys))
        codes = tuple(fetched[plan.keys[at].name][chosen].astype(np.int64) for at in columns)
        blocks[columns] = Block(columns, codes, sums[:, chosen])
    return blocks
