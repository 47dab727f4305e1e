"""A real cluster counts combinations, of a search and of several facets, as the embedded engine does."""

from __future__ import annotations

from pathlib import Path

import pytest
from database_factories import SparkDatabase, as_frame, as_parquet
from test_bad_predictions_in_databases import check_bad_predictions
from test_combinations_in_databases import list_counts, make_columns
from test_joint_sets import check_joint_counts

from airflow_clarify import DataConfig, DuckDBEngine
from airflow_clarify.bias.subgroups.analysis_config import build_search_config
from airflow_clarify.bias.subgroups.config import SearchConfig

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.parametrize(
    ("ending", "max_cells"), [("csv", 200_000), ("parquet", 150)], ids=["all columns together", "grouping sets"]
)
def test_a_search_counts_what_the_embedded_engine_counts(
    database: SparkDatabase, tmp_path: Path, ending: str, max_cells: int
) -> None:
    columns = make_columns()
    path = tmp_path / f"loans.{ending}"
    if ending == "csv":
        as_frame(columns).to_csv(path, index=False)
    else:
        as_parquet(columns, path)
    question = SearchConfig(("sex", "region", "age", "score"), metric="RD", min_rows=150)
    data = DataConfig(str(path), label="ok", predicted_label="predicted", weight="w")
    config = build_search_config(data, ["yes"], question)

    found = database.engine(max_cells).count_combinations(data, config, question)
    expected = DuckDBEngine(duckdb_conn_id=None).count_combinations(data, config, question)

    assert (found.joint is None) == (max_cells == 150)
    assert found.columns == expected.columns
    assert found.totals.tolist() == expected.totals.tolist()
    assert list_counts(found, 3, 150) == list_counts(expected, 3, 150)


def test_several_facets_are_counted_as_they_are_in_the_rows(database: SparkDatabase) -> None:
    check_joint_counts(database)


def test_bad_predictions_are_one_sentence(database: SparkDatabase) -> None:
    check_bad_predictions(database, [200_000])
