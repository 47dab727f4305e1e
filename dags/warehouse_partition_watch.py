"""Watch a warehouse table night by night, and train only on days that have passed.

The first DAG runs every night. It counts yesterday's rows in the database of the connection ``warehouse``, and records
the counts in a table of the same database. The gate judges them in two ways:

- over all nights: has DPL of a group been beyond 0.15 since some night? At least 7,300 nights pass on average until a
  false alarm (``over_runs="change"``)
- against a baseline that a person has accepted: has DPL of a group changed by more than 0.25?

A day that passes updates the asset ``checked_reviews``; the second DAG is scheduled on that asset, so only days that
have passed are used for training. The DAG ``accept_baseline`` lets a person accept another baseline.

    watch_reviews (every night)          train_on_checked_reviews (when a day has passed)

    bias ─▶ gate ─ passed ─▶ (checked_reviews) ─▶ train
      └──┬───┘
     clarify_history: counts, verdicts, baseline

To try it, set the connection to an SQLite file, and fill it with two weeks of synthetic reviews, the last day of which
is biased, and with the history of the days before:

    export AIRFLOW_CONN_WAREHOUSE='{"conn_type": "sqlite", "host": "/tmp/warehouse.db"}'
    python dags/warehouse_partition_watch.py 2026-01-31
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, BaseHook, task

from airflow_clarify import (
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SQLEngine,
    SQLHistory,
)

try:
    from airflow.sdk import CronDataIntervalTimetable
except ImportError:  # Airflow 3.1
    from airflow.timetables.interval import CronDataIntervalTimetable

WAREHOUSE = "warehouse"
HISTORY = SQLHistory(WAREHOUSE)
#: A nightly run checks the day of its data interval, which is the previous day.
DAY = "{{ data_interval_start | ds }}"
BIAS = BiasConfig(label_values_or_threshold=[1], facet_name=["product_category", "reviewer"])
METHODS = ["CI", "DPL", "KS"]
checked_reviews = Asset("checked_reviews")

with DAG(
    dag_id="watch_reviews",
    description="Check yesterday's reviews in the warehouse, and release them for training if they pass",
    # With data intervals, the history records which day a run has counted.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    catchup=False,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
) as watch:
    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        # The engine quotes the day as a value, so it cannot inject SQL.
        data_config=DataConfig(table="reviews", where={"review_date": DAY}, label="sentiment"),
        bias_config=BIAS,
        methods=METHODS,
        engine=SQLEngine(WAREHOUSE),
        history=HISTORY,
    )
    gate = BiasGateOperator(
        task_id="gate",
        analysis=bias.output,
        thresholds={"DPL": 0.15},
        # A few reviews are not sufficient for a judgement.
        min_rows=30,
        below_min_rows="ignore",
        history=HISTORY,
        over_runs="change",
        baseline="accepted",
        drift={"DPL": 0.25},
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
    """Create the table with reviews of two weeks up to a day, and the history of the days before that day.

    On the last day, one group of reviewers is rarely pleased. The first day becomes the baseline.
    """
    import datetime
    import random

    from airflow_clarify import AnalysisConfig, BiasHistory
    from airflow_clarify.history.backfill import backfill

    last = datetime.date.fromisoformat(last_day)
    draw = random.Random(7)

    def draw_reviews(day: datetime.date) -> list[tuple[str, str, str, int]]:
        reviews = []
        for _ in range(400):
            category, reviewer = draw.choice(["Dresses", "Knits", "Pants"]), draw.choice(["guest", "member"])
            pleased = draw.random() < (0.2 if day == last and reviewer == "guest" else 0.8)
            reviews.append((day.isoformat(), category, reviewer, int(pleased)))
        return reviews

    hook = BaseHook.get_connection(WAREHOUSE).get_hook()
    for table in ("reviews", HISTORY.table):
        hook.run(f"DROP TABLE IF EXISTS {table}")
    hook.run(
        "CREATE TABLE reviews (review_date DATE, product_category VARCHAR(40), reviewer VARCHAR(40), sentiment INTEGER)"
    )
    earlier = [last - datetime.timedelta(days=before) for before in range(13, 0, -1)]
    hook.insert_rows("reviews", [review for day in earlier for review in draw_reviews(day)])
    data = DataConfig(table="reviews", label="sentiment")
    config = AnalysisConfig.build(data, BIAS, METHODS)
    backfill(data, config, SQLEngine(WAREHOUSE), HISTORY, time_column="review_date")
    BiasHistory(HISTORY).accept_baseline(period=earlier[0].isoformat(), by="example", note="the first day")
    hook.insert_rows("reviews", draw_reviews(last))


if __name__ == "__main__":
    import sys

    fill(sys.argv[1])
