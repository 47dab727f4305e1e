"""Helpers for tests of counting: write rows, count them, and compute the same results in a loop over the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.contingency import Contingency, FacetContingency
from airflow_clarify.engines.base import Progress
from airflow_clarify.engines.duckdb import DuckDBEngine

#: Thirty approved women, thirty rejected men, as CSV.
LOANS = "gender,approved\n" + "F,1\nM,0\n" * 30


def written(path: Path, content: str | bytes) -> Path:
    """A file with this content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def csv_of(columns: Mapping[str, Iterable[Any]]) -> str:
    """Columns as the text of a CSV file; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def count(
    data: Path | str | pandas.DataFrame,
    facet: Any = "gender",
    *,
    label: str | int = "approved",
    positive: Sequence[Any] = (1,),
    values: Sequence[Any] | None = None,
    group: str | int | None = None,
    methods: str | Sequence[str] = "all",
    engine: DuckDBEngine | None = None,
    progress: Progress | None = None,
    label_type: Any = None,
    facet_type: Any = None,
    **about_the_data: Any,
) -> tuple[Contingency, AnalysisConfig]:
    """Count, and the configuration that was counted for."""
    path = "in memory" if isinstance(data, pandas.DataFrame) else str(data)
    data_config = DataConfig(path, label=label, **about_the_data)
    bias_config = BiasConfig(list(positive), facet, values, group, label_type, facet_type)
    config = AnalysisConfig.build(data_config, bias_config, methods)
    where = data if isinstance(data, pandas.DataFrame) else data_config
    engine = engine or DuckDBEngine(duckdb_conn_id=None, threads=2)
    return engine.count(where, config, progress=progress), config


def analyse(*arguments: Any, **keywords: Any) -> Analysis:
    """As :func:`count`, with the metrics."""
    contingency, config = count(*arguments, **keywords)
    return Analysis.from_contingency(contingency, config)


def tallies(contingency: Contingency | FacetContingency) -> dict[str | None, tuple[int, int]]:
    """Rows with a positive label, and others, of each facet value."""
    facet = contingency.facets[0] if isinstance(contingency, Contingency) else contingency
    found: dict[str | None, tuple[int, int]] = {}
    for cell in facet.cells:
        positive, negative = found.get(cell.facet, (0, 0))
        rows = cell.tally.rows
        found[cell.facet] = (positive + rows, negative) if cell.positive else (positive, negative + rows)
    return found


def metric(analysis: Analysis, name: str) -> dict[str, float | None]:
    """The values of one metric, by tested group."""
    found = {}
    for _, result in analysis.results():
        measured = result.metric(name)
        assert measured is not None
        found[result.value] = measured.value
    return found
