"""Count combinations of column values in a database: the codes of cut columns and the outcomes are computed there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from airflow_clarify.engines.counting.expressions import build_category_key
from airflow_clarify.engines.counting.roles import ColumnRoles
from airflow_clarify.engines.sql.fetched_cells import TooManyCellsError, fetch_cells, format_values
from airflow_clarify.engines.sql.pushdown_cells import PushdownCells

if TYPE_CHECKING:
    import duckdb

    from airflow_clarify.engines.sql.source import SqlSource


def count_combinations(
    source: SqlSource,
    config: AnalysisConfig,
    search: SearchConfig,
    weight: str | int | None,
    progress: Progress | None,
    *,
    max_cells: int,
) -> CombinationCounts:
    """Count the combinations of a search.

    :param source: the data
    :param config: the label and the columns
    :param search: the question
    :param weight: the column of row weights, by name or index
    :param progress: progress callback
    :param max_cells: the maximum number of combinations to fetch
    :return: the counts
    :raises ConfigError: the configuration does not fit the data, or there are too many combinations
    :raises DataError: the data cannot be read, hold no rows, or have unusable weights
    """
    import duckdb

    report = progress or (lambda step, share: None)
    roles = ColumnRoles.from_config(config, weight, source.resolve_columns(config, weight))
    roles.check_storage(source.get_storage_type)
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as embedded:
        report("reading the columns", -1.0)
        cells = _examine(embedded, source, roles, max_cells)
        plan = plan_count(cells, config, search)
        coded = _select_coded(source, cells.roles, plan)
        report("counting combinations", -1.0)
        described: dict[str, Any] = {
            "label": roles.label,
            "label_text": plan.builder.positive.text,
            "engine": source.runner.version,
            "warnings": plan.warnings,
        }
        if plan.max_joint <= max_cells:
            rows = list(source.runner.fetch_rows(build_joint_query(plan, coded)))
            columns, codes = _encode(embedded, plan, rows)
            counts = CombinationCounts.from_joint(
                columns, plan.outcomes, codes, _stack_sums(plan, rows, len(plan.keys))
            )
        else:
            rows = _fetch_crossings(source, plan, coded, max_cells)
            columns, codes = _encode(embedded, plan, rows)
            (totals,) = source.execute(build_totals_query(plan, coded))
            counts = CombinationCounts(
                tuple(columns),
                plan.outcomes,
                _stack_sums(plan, [totals], 0)[:, 0],
                blocks=_split_blocks(plan, rows, columns, codes),
            )
        return counts.describe(**described)


def _examine(embedded: duckdb.DuckDBPyConnection, source: SqlSource, roles: ColumnRoles, max_cells: int) -> CellStore:
    """Count the values of each column: here if there are few, otherwise in the database."""
    try:
        return fetch_cells(embedded, source, roles, max_cells)
    except TooManyCellsError as error:
        cells = PushdownCells(embedded, source, roles, error.stored)
        cells.check()
        return cells


def _select_coded(source: SqlSource, roles: ColumnRoles, plan: CountPlan) -> exp.Select:
    """Select a row per row of the data: the value or the code of each column, the outcome and the weight."""
    rows = select_roles(
        source.scan(roles.needed).subquery("data"), roles, source.find_number_types(roles), source.na_values
    )
    outcome = _flag(plan.builder.positive.build_condition(plan.builder.label.value))
    if plan.predictions is not None:
        outcome = exp.paren(outcome * exp.Literal.number(2)) + _flag(plan.predictions.condition)
    keys = [_build_key(key).as_(key.name) for key in plan.keys]
    query = exp.select(*keys, outcome.as_("outcome")).from_(rows.subquery("data_rows"))
    return query if roles.weight is None else query.select("weight")


def _build_key(key: KeyColumn) -> exp.Expr:
    column = key.column
    if key.cuts is not None:
        return key.build_interval_code(column.value)
    return build_category_key(column.value, column.stored, column.profile)


def _flag(condition: exp.Expr) -> exp.Expr:
    return exp.case().when(condition, exp.Literal.number(1)).else_(exp.Literal.number(0))


def _fetch_crossings(source: SqlSource, plan: CountPlan, coded: exp.Select, max_cells: int) -> list[tuple[Any, ...]]:
    """Fetch the counts of all combinations of up to ``max_depth`` columns, in as few statements as possible.

    :raises ConfigError: there are too many
    """
    crossings = plan.crossings
    # Grouping sets over combinations that are counted once need one statement, whatever their number. Without grouping
    # sets, each combination of columns needs its own.
    size = 1 if source.runner.dialect.facets_at_once == 1 else len(crossings)
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(crossings), size):
        remaining = max_cells + 1 - len(found)
        query = build_crossings_query(plan, coded, crossings[start : start + size], max_combinations=remaining)
        found += source.runner.fetch_rows(query, remaining)
        if len(found) > max_cells:
            raise too_many_combinations_error(plan, max_cells, "max_cells")
    return found


def _encode(
    embedded: duckdb.DuckDBPyConnection, plan: CountPlan, rows: Sequence[tuple[Any, ...]]
) -> tuple[list[SearchColumn], list[Any]]:
    """Replace the fetched values by codes, and name these."""
    columns, encoded = [], []
    for at, key in enumerate(plan.keys):
        values = [row[at] for row in rows]
        missing = key.column.profile.missing
        if key.cuts is not None:
            columns.append(SearchColumn(key.column.name, key.intervals, key.cuts, missing))
            codes: Iterable[int] = (0 if value is None else int(value) for value in values)
        else:
            distinct = list(dict.fromkeys(values))
            texts = dict(zip(distinct, format_values(embedded, key.column, distinct), strict=True))
            named = sorted({text for text in texts.values() if text is not None}, key=_build_sort_key(key.column))
            places = {text: place for place, text in enumerate(named, start=1)}
            columns.append(SearchColumn(key.column.name, tuple(named), None, missing))
            codes = (places.get(texts[value] or "", 0) if texts[value] is not None else 0 for value in values)
        encoded.append(np.fromiter(codes, dtype=np.int64, count=len(values)))
    return columns, encoded


def _build_sort_key(column: CellColumn) -> Any:
    return lambda text: (float(text) if column.profile.numeric else 0.0, text)


def _stack_sums(plan: CountPlan, rows: Sequence[tuple[Any, ...]], start: int) -> Any:
    """Stack the sums, which begin at a position of each row, as kind, combination and outcome."""
    names, outcomes = plan.list_sums(), len(plan.outcomes)
    flat = np.array(
        [[0.0 if value is None else float(value) for value in row[start : start + len(names)]] for row in rows]
    ).reshape(len(rows), len(names) // outcomes, outcomes)
    return flat.transpose(1, 0, 2)


def _split_blocks(
    plan: CountPlan, rows: Sequence[tuple[Any, ...]], columns: Sequence[SearchColumn], codes: Sequence[Any]
) -> dict[tuple[int, ...], Block]:
    """Split the fetched counts by the columns that are combined, sorted by their codes."""
    sums = _stack_sums(plan, rows, len(plan.keys))
    places: dict[tuple[int, ...], list[int]] = {chosen: [] for chosen in plan.crossings}
    for place, row in enumerate(rows):
        places[split_mask(int(row[-1]), len(plan.keys))].append(place)
    blocks = {}
    for chosen, found in places.items():
        at = np.array(found, dtype=np.int64)
        if len(at):
            at = at[np.lexsort([codes[column][at] for column in reversed(chosen)])]
        blocks[chosen] = Block(chosen, tuple(codes[column][at] for column in chosen), sums[:, at])
    return blocks
