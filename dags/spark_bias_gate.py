"""Measure the bias of reviews on a Spark cluster, balance them there if necessary, and train on what passed a gate.

Rows are not transferred to Airflow: Spark counts them, through Spark Connect, and creates the table of balanced
reviews. Only the training task fetches rows, those it trains on.

    make_reviews ─▶ bias ─▶ gate ─────────── within bounds ──────────▶ train
                              └─ biased ─▶ balance ─▶ bias_after ─▶ gate_after ─┘

The connection ``spark_connect_default`` is that of the cluster. The worker writes to ``folder`` and Spark reads from
it: a path that both can access, or a bucket (if the worker's ``s3://`` is Spark's ``s3a://``, write the reviews by
other means, and set ``reviews``).

The training task also needs scikit-learn: `pip install scikit-learn`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task
from clothing_reviews import build_reviews_csv

from airflow_clarify import (
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SparkEngine,
)

SPARK = "spark_connect_default"
METHODS = ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]
FOLDER = "{{ params.folder }}/{{ run_id | replace(':', '-') }}"
#: A table for each run, because Spark cannot replace a table atomically.
BALANCED = "reviews_balanced_{{ dag_run.run_after.strftime('%Y%m%d_%H%M%S_%f') }}"

with DAG(
    dag_id="spark_bias_gate",
    description="Measure, gate and repair training data on a Spark cluster",
    schedule=None,
    catchup=False,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={
        "folder": Param(str(Path(tempfile.gettempdir()) / "airflow_clarify" / "spark"), type="string"),
        "reviews": Param(
            "", type="string", description="A CSV file that Spark can read; empty writes synthetic reviews"
        ),
    },
) as dag:

    @task
    def make_reviews(folder: str, given: str) -> str:
        """Write synthetic reviews with the counts of the women's clothing lab, unless a file is given."""
        if given:
            return given
        path = Path(folder) / "reviews.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(build_reviews_csv(), encoding="utf-8", newline="")
        return str(path)

    reviews = make_reviews(FOLDER, "{{ params.reviews }}")
    positive_reviews = BiasConfig(label_values_or_threshold=[1], facet_name="product_category")
    spark = SparkEngine(SPARK)

    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        data_config=DataConfig(reviews, output_path=f"{FOLDER}/unbalanced", label="sentiment"),
        bias_config=positive_reviews,
        methods=METHODS,
        engine=spark,
    )
    gate = BiasGateOperator(
        task_id="gate",
        analysis=bias.output,
        thresholds={"DPL": 0.1},
        on_violation="branch",
        branch_to="balance",
    )
    balance = BalanceDatasetOperator(
        task_id="balance",
        source=reviews,
        target=BALANCED,
        by=["product_category", "sentiment"],
        # The texts of the reviews are unique, so they identify the rows, and a retry draws the same ones.
        key=["review_body"],
        seed=2022,
        engine=spark,
    )
    bias_after = ClarifyPreTrainingBiasOperator(
        task_id="bias_after",
        data_config=DataConfig(table=balance.output["target"], output_path=f"{FOLDER}/balanced", label="sentiment"),
        bias_config=positive_reviews,
        methods=METHODS,
        engine=spark,
    )
    gate_after = BiasGateOperator(task_id="gate_after", analysis=bias_after.output, thresholds={"DPL": 0.1})

    @task(trigger_rule="none_failed_min_one_success")
    def train(original: str, ti: Any = None) -> dict[str, Any]:
        """Train a small sentiment model on the reviews that passed a gate."""
        from importlib.util import find_spec

        from airflow.providers.common.compat.sdk import AirflowFailException

        if find_spec("sklearn") is None:
            raise AirflowFailException(
                "the training task needs scikit-learn, which is not installed: pip install scikit-learn"
            )

        from airflow.providers.apache.spark.hooks.spark_connect import SparkConnectHook
        from pyspark.sql.connect.session import SparkSession
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.pipeline import make_pipeline

        repaired = ti.xcom_pull(task_ids="balance")
        session = SparkSession.builder.remote(SparkConnectHook(SPARK).get_connection_url()).create()
        try:
            read = session.read.options(header=True, multiLine=True, escape='"')
            rows = (session.table(repaired["target"]) if repaired else read.csv(original)).toPandas()
        finally:
            session.stop()
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
        accuracy = float(cross_val_score(model, rows["review_body"], rows["sentiment"], cv=3).mean())
        data = repaired["target"] if repaired else original
        print(f"Trained on {len(rows):,} reviews of {data}; accuracy {accuracy:.1%}")
        return {"data": data, "rows": len(rows), "accuracy": accuracy}

    trained = train(reviews)

    bias >> gate >> [balance, trained]
    balance >> bias_after >> gate_after >> trained


if __name__ == "__main__":
    dag.test()
