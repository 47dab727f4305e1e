"""Factories for tests of the history: analyses and records with known counts."""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.history.record import HistoryRecord

FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def make_analysis(
    counts: Mapping[str, tuple[int, int]], *, positive: str = "1", facet: str = "g", source: str = "loans"
) -> Analysis:
    """Build an analysis from the positive rows and all rows of each facet value."""
    cells = []
    for value, (good, rows) in counts.items():
        cells.append(Cell(value, positive, True, None, WeightedCount.from_rows(good)))
        cells.append(Cell(value, "other", False, None, WeightedCount.from_rows(rows - good)))
    contingency = Contingency("ok", positive, [FacetContingency(facet, list(counts), cells)])
    config = AnalysisConfig(
        {
            "dataset_type": "text/csv",
            "label": "ok",
            "label_values_or_threshold": [positive],
            "facet": [{"name_or_index": facet}],
            "methods": {"pre_training_bias": {"methods": ["CI", "DPL", "KL"]}},
        }
    )
    return replace(Analysis.from_contingency(contingency, config), whereabouts={"path": source})


def make_night(night: int, difference: float, *, seed: int = 0, rows: tuple[int, int] = (200, 800)) -> Analysis:
    """Draw the analysis of a night with a true DPL."""
    draw = random.Random(1000 * seed + night)
    few, many = rows
    good_d = sum(draw.random() < 0.5 - difference for _ in range(few))
    good_a = sum(draw.random() < 0.5 for _ in range(many))
    return make_analysis({"F": (good_d, few), "M": (good_a, many)})


def make_record(night: int, analysis: Analysis | None = None, **fields: Any) -> HistoryRecord:
    """Build the record of a nightly run."""
    start = FIRST + night * DAY
    run = {"dag_id": "watch", "task_id": "bias", "run_id": f"scheduled__{start.date()}"}
    record = HistoryRecord.build(analysis or make_night(night, 0.0), run=run, start=start, end=start + DAY)
    return replace(record, **{"recorded_at": start + DAY, **fields})


def make_context(night: int, task_id: str, pushed: dict[str, Any] | None = None) -> Any:
    """Build the context of a task of a nightly run, whose XComs are kept in a dictionary."""
    start = FIRST + night * DAY
    run_id = f"scheduled__{start.date()}"
    kept: dict[str, Any] = {} if pushed is None else pushed
    ti = SimpleNamespace(dag_id="watch", task_id=task_id, run_id=run_id, map_index=-1)
    ti.xcom_push = lambda key, value: kept.__setitem__(key, value)
    dag = SimpleNamespace(task_dict={})
    return {"ti": ti, "dag": dag, "logical_date": start, "data_interval_start": start, "data_interval_end": start + DAY}
