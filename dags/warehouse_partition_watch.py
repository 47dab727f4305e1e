"""Check each night's partition of a warehouse table, and train only on days that have passed.

The first DAG runs every night. It counts yesterday's rows in the database of the connection ``warehouse``, and judges
them. A day that passes updates the asset ``checked_reviews``; the second DAG is scheduled on that asset, so only days
that have passed are used for training.

    watch_reviews (every night)          train_on_checked_reviews (when a day has passed)

    bias ─▶ gate ─ passed ─▶ (checked_reviews) ─▶ train

To try it, set the connection to an SQLite file, and fill it with a week of synthetic reviews, the last day of which is
biased:

    export AIRFLOW_CONN_WAREHOUSE='{"conn_type": "sqlite", "host": "/tmp/warehouse.db"}'
    python dags/warehouse_partition_watch.py 2026-01-31
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, BaseHook, task

from airflow_clarify import BiasConfig, BiasGateOperator, ClarifyPreTrainingBiasOperator, DataConfig, SQLEngine

WAREHOUSE = "warehouse"
#: A nightly run checks the previous day.
DAY = "{{ macros.ds_add(ds, -1) }}"
checked_reviews = Asset("checked_reviews")

with DAG(
    dag_id="watch_reviews",
    description="Check yesterday's reviews in the warehouse, and release them for training if they pass",
    schedule="@daily",
    catchup=False,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
) as watch:
    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        # The engine quotes the day as a value, so it cannot inject SQL.
        data_config=DataConfig(table="reviews", where={"review_date": DAY}, label="sentiment"),
        bias_config=BiasConfig(label_values_or_threshold=[1], facet_name=["product_category", "reviewer"]),
        methods=["CI", "DPL", "KS"],
        engine=SQLEngine(WAREHOUSE),
    )
    gate = BiasGateOperator(
        task_id="gate",
        analysis=bias.output,
        thresholds={"DPL": 0.15},
        # A few reviews are not sufficient for a judgement.
        min_rows=30,
        below_min_rows="ignore",
        asset_on_pass=checked_reviews,
        asset_extra={"day": DAY},
    )
    bias >> gate

with DAG(
    dag_id="train_on_checked_reviews",
    description="Train on the days that have passed the check",
    schedule=[checked_reviews],
    catchup=False,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
) as train_on_checked:

    @task(inlets=[checked_reviews])
    def train(triggering_asset_events: Any = None) -> dict[str, int]:
        """Read the days that have passed; a real task would train a model on them."""
        days = sorted(event.extra["day"] for events in triggering_asset_events.values() for event in events)
        hook = BaseHook.get_connection(WAREHOUSE).get_hook()
        rows = {day: hook.get_first(f"SELECT COUNT(*) FROM reviews WHERE review_date = '{day}'")[0] for day in days}
        print(f"Training on {sum(rows.values()):,} reviews of {', '.join(days)}")
        return rows

    train()


def fill(last_day: str) -> None:
    """Create the table with reviews of the week up to a day; on that day one group of reviewers is rarely pleased."""
    import datetime
    import random

    last = datetime.date.fromisoformat(last_day)
    draw = random.Random(7)
    reviews = []
    for before in range(7):
        day = last - datetime.timedelta(days=before)
        for _ in range(400):
            category, reviewer = draw.choice(["Dresses", "Knits", "Pants"]), draw.choice(["guest", "member"])
            pleased = draw.random() < (0.2 if before == 0 and reviewer == "guest" else 0.8)
            reviews.append((day.isoformat(), category, reviewer, int(pleased)))
    hook = BaseHook.get_connection(WAREHOUSE).get_hook()
    hook.run("DROP TABLE IF EXISTS reviews")
    hook.run(
        "CREATE TABLE reviews (review_date DATE, product_category VARCHAR(40), reviewer VARCHAR(40), sentiment INTEGER)"
    )
    hook.insert_rows("reviews", reviews)


if __name__ == "__main__":
    import sys

    fill(sys.argv[1])
