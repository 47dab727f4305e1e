"""Run a DAG with OpenLineage enabled, as a separate process, because Airflow loads listeners at startup.

Called with a folder to work in; the events go to the file ``events.jsonl`` in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow.sdk import DAG, task
from dag_runs import run

from airflow_clarify import (
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    FindBiasedSubgroupsOperator,
    SQLEngine,
)

DAG_ID = "with_lineage"
HOSTILE = "<b>\n\u202e{{ 7 * 7 }}"


def write_data(path: Path) -> None:
    """Write 100 rows each of a group with 60 and one with 10 positives, and ten rows with a hostile name."""
    rows = [f"{f},{int(n < positive)}" for f, positive in (("x", 60), ("z", 10)) for n in range(100)]
    rows += [f'"{HOSTILE}",{n % 2}' for n in range(10)]
    path.write_text("\n".join(["f,y", *rows]) + "\n", encoding="utf-8")


def write_table(path: Path) -> None:
    """Write the same rows to an SQLite table."""
    import sqlite3

    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE loans (f TEXT, y INTEGER)")
        rows = [(f, int(n < positive)) for f, positive in (("x", 60), ("z", 10)) for n in range(100)]
        connection.executemany("INSERT INTO loans VALUES (?, ?)", rows)


def dag_in(folder: Path) -> DAG:
    """Build a DAG with every kind of task that has lineage."""
    data = folder / "data.csv"
    write_data(data)
    write_table(folder / "loans.db")
    positive = BiasConfig([1], "f")
    with DAG(DAG_ID, schedule=None) as dag:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(data), output_path=str(folder / "out"), label="y"),
            bias_config=positive,
            methods=["CI", "DPL", "KL"],
        )
        BiasGateOperator(task_id="closed", analysis=bias.output, thresholds={"DPL": 0.6, "CI": (None, 0.5)})
        BiasGateOperator(task_id="open", analysis=bias.output, thresholds={"DPL": 0.6}, on_violation="warn")
        BalanceDatasetOperator(
            task_id="balance", source=str(data), target=str(folder / "balanced.csv"), by=["f", "y"], seed=7
        )
        ClarifyPreTrainingBiasOperator(
            task_id="in_database",
            data_config=DataConfig(query="SELECT f, y FROM loans", label="y"),
            bias_config=positive,
            methods=["DPL"],
            engine=SQLEngine("loans_db"),
        )
        FindBiasedSubgroupsOperator(
            task_id="search",
            data_config=DataConfig(str(data), output_path=str(folder / "found"), label="y"),
            label_values_or_threshold=[1],
            columns=["f"],
            min_rows=50,
        )
        BiasGateOperator(task_id="cannot_judge", analysis="/nowhere/analysis.json", thresholds={"DPL": 0.1})

        @task
        def plain() -> None:
            """A task without an operator of this package."""

        plain()
    return dag


if __name__ == "__main__":
    run(dag_in(Path(sys.argv[1])))
