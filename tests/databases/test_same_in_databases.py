"""A database gives the same analysis as the embedded engine gives of the same rows in a Parquet file."""

from __future__ import annotations

import datetime
import math
import os
import tempfile
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from database_factories import Column, Database, as_parquet
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.engines.base import Engine
from airflow_clarify.exceptions import ClarifyError

HOSTILE = ["a", "b c", "é", "ß", "日本", 'say "q"', "x,y", "O'Hara", "a\\b", "'; DROP TABLE t; --", "%s", "rest", "{x}"]

KINDS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "texts": ("text", st.sampled_from(HOSTILE)),
    "integers as text": ("text", st.integers(-20, 20).map(str) | st.sampled_from(["01", " 7", "+3"])),
    "nearly integers as text": ("text", st.sampled_from(["1", "2", "x", "1.0", "", "-"])),
    "integers": ("integer", st.integers(-5, 5)),
    "many integers": ("integer", st.integers(-(2**62), 2**62)),
    "floats": ("float", st.integers(-40, 40).map(lambda n: n / 8 + 0.0625)),
    "decimals": ("decimal", st.integers(-400, 400).map(lambda n: Decimal(n) / 4)),
    "booleans": ("boolean", st.booleans()),
    "dates": ("date", st.integers(0, 5).map(lambda n: datetime.date(2026, 1, 28) + datetime.timedelta(n))),
}


@dataclass(frozen=True)
class Case:
    """Random rows, and what is asked of them."""

    columns: dict[str, Column]
    positive: list[Any]
    values: list[Any] | None
    facets: list[Any]
    weighted: bool
    predicted: bool = False


def plain(value: Any) -> Any:
    """A value as a configuration can say it."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime.date) else value


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows = draw(st.integers(1, 25))
    repeats = draw(st.sampled_from([1, 8]))
    columns = {}
    for name in ("g", "h", "y", "z"):
        kind, values = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        values = draw(st.sampled_from([values, st.none() | values]))
        # A column of missing values alone has no type that its values could tell.
        cells = draw(
            st.lists(values, min_size=rows, max_size=rows).filter(lambda cells: cells.count(None) < len(cells))
        )
        columns[name] = Column(kind, cells * repeats)
    columns["w"] = Column(
        "float", draw(st.lists(st.integers(0, 8).map(lambda n: n / 4), min_size=rows, max_size=rows)) * repeats
    )
    there = {name: [plain(cell) for cell in column.values if cell is not None] for name, column in columns.items()}
    positive = draw(st.lists(st.sampled_from(there["y"]), min_size=1, max_size=2))
    values = draw(st.none() | st.lists(st.sampled_from(there["g"]), min_size=1, max_size=2))
    # Predictions that the labels can be compared with, or of any other kind.
    kind, values_of_kind = columns["y"].kind, there["y"]
    if draw(st.booleans()):
        cells = draw(st.lists(st.sampled_from([*columns["y"].values, None]), min_size=rows, max_size=rows))
        cells[0] = columns["y"].values[0]
        columns["p"] = Column(kind, cells * repeats)
    else:
        columns["p"] = columns["h"]
    if all(cell is None for cell in columns["p"].values):
        columns["p"] = columns["y"]
    facets = draw(st.sampled_from([["g"], ["g", "h"], ["g", "z"], ["g", ("g", "h")], ["g", ("h", "z"), "h"]]))
    return Case(columns, positive, values, facets, draw(st.booleans()), draw(st.booleans()) and bool(values_of_kind))


def configs(case: Case, data: DataConfig) -> AnalysisConfig:
    values = None if case.values is None else [case.values, *[None] * (len(case.facets) - 1)]
    bias = BiasConfig(case.positive, case.facets, values, "z")
    return AnalysisConfig.build(data, bias, post_training_methods="all" if case.predicted else None)


def answer(engine: Engine, data: DataConfig, case: Case) -> Analysis | str:
    """The analysis with the engine's own warnings, which know no order; or the error."""
    config = configs(case, data)
    try:
        counted = engine.count(data, config)
        return replace(Analysis.from_contingency(counted, config), warnings=tuple(sorted(counted.warnings)))
    except ClarifyError as error:
        return f"{type(error).__name__}: {error}".replace(data.source, "DATA")


def numbers(analysis: Analysis) -> dict[tuple[str, str, str], Any]:
    """Every metric that is computed from counts, by facet, value and name; FT needs rows."""
    found: dict[tuple[str, str, str], Any] = {}
    for facet, result in analysis.results():
        for metric in result.metrics:
            if metric.name == "FT":
                continue
            found[facet.column, result.value, metric.name] = metric.value if metric.error is None else metric.error
    return found


def assert_same(found: Analysis | str, expected: Analysis | str) -> None:
    if isinstance(found, str) or isinstance(expected, str):
        assert found == expected
        return
    assert found.warnings == expected.warnings
    here, there = numbers(found), numbers(expected)
    assert set(here) == set(there)
    for key, value in there.items():
        if isinstance(value, float) and math.isfinite(value):
            assert here[key] == pytest.approx(value, rel=0, abs=1e-12), key
        else:
            assert here[key] == value, key


def expected_of(database: Database, case: Case, folder: Path) -> Analysis | str:
    path = as_parquet(database.as_stored(case.columns), folder / "data.parquet")
    data = DataConfig(str(path), label="y", weight="w" if case.weighted else None, predicted_label="p")
    return answer(DuckDBEngine(duckdb_conn_id=None, threads=2), data, case)


#: A label whose threshold is a float that not every whole number near it can be told from.
BEYOND_FLOATS = Case(
    {
        "g": Column("text", ["a"] * 11 + ["b"]),
        "h": Column("boolean", [False] * 12),
        "y": Column("integer", [None] * 10 + [1 - 2**54, 0]),
        "z": Column("boolean", [False] * 12),
        "w": Column("float", [1.0] * 12),
        "p": Column("integer", [None] * 10 + [1 - 2**54, 0]),
    },
    positive=[1 - 2**54],
    values=None,
    facets=["g"],
    weighted=False,
)


@pytest.mark.parametrize("max_cells", [200_000, 0], ids=["at home", "afar"])
@given(case=cases())
@example(case=BEYOND_FLOATS)
@settings(max_examples=settings.default.max_examples // 3)
def test_a_database_agrees_with_the_embedded_engine(max_cells: int, database: Database, case: Case) -> None:
    database.load("data", case.columns)
    data = DataConfig(table="data", label="y", weight="w" if case.weighted else None, predicted_label="p")
    with tempfile.TemporaryDirectory() as folder:
        expected = expected_of(database, case, Path(folder))
    assert_same(answer(database.engine(max_cells), data, case), expected)


#: As many random tables as `make conformance` is asked for datasets, by four engines each.
TABLES = int(os.environ.get("CLARIFY_CONFORMANCE_DATASETS") or 600) // 20


@pytest.mark.conformance
@pytest.mark.timeout(7200)
@given(case=cases(), afar=st.booleans())
@settings(max_examples=TABLES, derandomize=False, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_all_engines_agree(all_databases: dict[str, Database], case: Case, afar: bool) -> None:
    for database in all_databases.values():
        database.load("data", case.columns)
        data = DataConfig(table="data", label="y", weight="w" if case.weighted else None, predicted_label="p")
        with tempfile.TemporaryDirectory() as folder:
            expected = expected_of(database, case, Path(folder))
        assert_same(answer(database.engine(0 if afar else 200_000), data, case), expected)
