"""A database counts the combinations of a search as the embedded engine counts them in a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from database_factories import Column, Database, as_parquet

from airflow_clarify import DataConfig, DuckDBEngine
from airflow_clarify.api import search
from airflow_clarify.bias.subgroups.analysis_config import build_search_config
from airflow_clarify.bias.subgroups.combinations import CombinationCounts
from airflow_clarify.bias.subgroups.config import SearchConfig
from airflow_clarify.exceptions import ConfigError

ROWS = 3_000


def make_columns() -> dict[str, Column]:
    random = np.random.default_rng(31)
    sex = random.choice(["F", "M"], ROWS)
    region = random.choice(["north", "south", "O'Hara é", None], ROWS)
    low = (sex == "F") & (region == "south")
    label = random.random(ROWS) < np.where(low, 0.2, 0.6)
    predicted = random.random(ROWS) < np.where(label, np.where(low, 0.3, 0.8), 0.2)

    def list_values(values: Any) -> list[Any]:
        return [None if value is None else value.item() if hasattr(value, "item") else value for value in values]

    return {
        "sex": Column("text", list_values(sex)),
        "region": Column("text", list_values(region)),
        "age": Column("integer", list_values(random.integers(18, 80, ROWS))),
        "score": Column("float", [None if n % 50 == 0 else n / 8 for n in range(ROWS)]),
        "ok": Column("text", ["yes" if one else "no" for one in label]),
        "predicted": Column("text", ["yes" if one else "no" for one in predicted]),
        "w": Column("float", list_values(random.choice([0.5, 2.0], ROWS))),
    }


def list_counts(counts: CombinationCounts, depth: int, min_rows: int) -> dict[Any, list[list[float]]]:
    found = {}
    for block in counts.list_blocks(depth):
        for place in range(block.sums.shape[1]):
            values = [(counts.columns[at], int(block.codes[number][place])) for number, at in enumerate(block.columns)]
            names = tuple((column.name, column.values[code - 1] if code else "") for column, code in values)
            if block.rows[place] >= min_rows:
                found[names] = block.sums[:, place].tolist()
    return found


@pytest.mark.parametrize("max_cells", [200_000, 150], ids=["combinations of all columns", "grouping sets"])
@pytest.mark.parametrize(("metric", "weight"), [("DPL", None), ("RD", None), ("DPL", "w")])
def test_counts_are_those_of_the_embedded_engine(
    database: Database, tmp_path: Path, metric: str, weight: str | None, max_cells: int
) -> None:
    columns = make_columns()
    database.load("loans", columns)
    question = SearchConfig(("sex", "region", "age", "score"), metric=metric, min_rows=150)
    described: dict[str, Any] = {"label": "ok", "predicted_label": "predicted", "weight": weight}
    table = DataConfig(table="loans", **described)
    file = DataConfig(str(as_parquet(database.as_stored(columns), tmp_path / "loans.parquet")), **described)

    found = database.engine(max_cells).count_combinations(
        table, build_search_config(table, ["yes"], question), question
    )
    expected = DuckDBEngine(duckdb_conn_id=None).count_combinations(
        file, build_search_config(file, ["yes"], question), question
    )

    assert (found.joint is None) == (max_cells == 150)
    assert found.columns == expected.columns
    assert found.totals == pytest.approx(expected.totals)
    here, there = list_counts(found, 3, 150), list_counts(expected, 3, 150)
    assert here.keys() == there.keys()
    for names, sums in there.items():
        assert np.array(here[names]) == pytest.approx(np.array(sums)), names


def test_the_same_subgroup_comes_first(database: Database) -> None:
    database.load("loans", make_columns())
    question = SearchConfig(("sex", "region", "age"))
    data = DataConfig(table="loans", label="ok")

    found = search(data, build_search_config(data, ["yes"], question), question, database.engine())

    assert found.subgroups[0].group == {"sex": "F", "region": "south"}
    assert found.whereabouts["table"] == "loans"


def test_too_many_combinations_name_max_cells(database: Database) -> None:
    database.load("loans", make_columns())
    question = SearchConfig(("sex", "region", "age"), min_rows=1)
    data = DataConfig(table="loans", label="ok")

    with pytest.raises(ConfigError, match=r"columns: 3 columns have more than 20 combinations .*, or raise max_cells"):
        search(data, build_search_config(data, ["yes"], question), question, database.engine(20))
