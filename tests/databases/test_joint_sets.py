"""Facets that are counted together: which, and that their counts stay the same."""

from __future__ import annotations

import math
from typing import Any

import pytest
from database_factories import Column, Database
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.engines.sql import joint_sets
from airflow_clarify.engines.sql.joint_sets import group_sets

SETS = [(0,), (1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("values", "limit", "expected"),
    [
        ([18, 18, 18, 18], 400, [[(0,), (1,)], [(2,), (3,)]]),
        ([18, 18, 18, 18], 6_000, [[(0,), (1,), (2,)]]),
        ([18, 18, 18, math.inf], 6_000, [[(0,), (1,), (2,)]]),
        ([18, 18, 18, 18], 100, []),
        ([2, 500, 2, 500], 2_000, [[(0,), (2,), (1,)]]),
    ],
)
def test_facets_of_few_values_are_counted_together(values: list[float], limit: float, expected: Any) -> None:
    assert group_sets(SETS, values, limit) == expected


def test_a_crossed_facet_is_counted_with_its_parts() -> None:
    assert group_sets([(0,), (0, 1)], [10, 10], 100) == [[(0,), (0, 1)]]


@given(values=st.lists(st.integers(1, 1000), min_size=1, max_size=12), limit=st.floats(1, 1e6), width=st.integers(1, 2))
def test_no_group_has_more_combinations_than_the_limit(values: list[int], limit: float, width: int) -> None:
    sets = [tuple(range(start, min(start + width, len(values)))) for start in range(len(values))]
    groups = group_sets(sets, values, limit)
    for group in groups:
        assert len(group) > 1
        assert math.prod(values[column] for column in {each for members in group for each in members}) <= limit
    together = [members for group in groups for members in group]
    assert len(together) == len(set(together))


def check_joint_counts(database: Database) -> None:
    """Check the counts of four facets, one crossed, against the rows."""
    rows = range(240)
    columns = {
        "g": Column("text", ["a", "b", None] * 80),
        "h": Column("integer", [number % 5 for number in rows]),
        "k": Column("text", [f"k{number % 7}" for number in rows]),
        "y": Column("text", ["yes", "no", "no", "yes", None] * 48),
        "p": Column("text", ["no", "yes"] * 120),
        "w": Column("float", [(number % 3 + 1) / 4 for number in rows]),
    }
    database.load("data", columns)
    data = DataConfig(table="data", label="y", predicted_label="p", weight="w")
    bias = BiasConfig(["yes"], ["g", "h", ("g", "k"), "k"])
    config = AnalysisConfig.build(data, bias, post_training_methods="all")
    counted = database.engine().count(data, config)
    for facet, parts in zip(counted.facets, (("g",), ("h",), ("g", "k"), ("k",)), strict=True):
        expected: dict[Any, list[Any]] = {}
        for number in rows:
            key = [columns[part].values[number] for part in parts]
            name = None if None in key else "+".join(map(str, key))
            label, prediction = (columns[each].values[number] == "yes" for each in ("y", "p"))
            found = expected.setdefault((name, label, prediction), [0, 0.0])
            found[0] += 1
            found[1] += columns["w"].values[number]
        found_cells: dict[Any, list[Any]] = {}
        for cell in facet.cells:
            total = found_cells.setdefault((cell.facet, cell.positive, cell.predicted), [0, 0.0])
            total[0] += cell.tally.rows
            total[1] += float(cell.tally.weight)
        assert found_cells == {key: pytest.approx(value) for key, value in expected.items()}


@pytest.mark.parametrize("limit", [0, 50, 10**6])
def test_the_counts_do_not_depend_on_joint_counting(
    limit: int, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint_sets, "_MAX_COMBINATIONS", limit)
    check_joint_counts(database)
