"""Check reviews on a Spark cluster, repair them there if need be, and train on what a gate let through.

The rows never come to Airflow: Spark counts them, through Spark Connect, and Spark makes the table of balanced reviews.
Only the training fetches rows, those it trains on.

    make_reviews ─▶ bias ─▶ gate ─────────── within bounds ──────────▶ train
                              └─ biased ─▶ balance ─▶ bias_after ─▶ gate_after ─┘

The connection ``spark_connect_default`` leads to the cluster. ``folder`` is where the worker writes and Spark reads: a
path that both can see, or a bucket (the worker's ``s3://`` may be Spark's ``s3a://``; then write the reviews
otherwise, and name them in ``reviews``).

The training needs scikit-learn beside the package: `pip install scikit-learn`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task
from clothing_reviews import reviews_as_csv

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
#: A table for each run, for Spark cannot replace one in one step.
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
        "reviews": Param("", type="string", description="A CSV file that Spark can read; empty makes reviews up"),
    },
) as dag:

    @task
    def make_reviews(folder: str, given: str) -> str:
        """Write made-up reviews in the numbers of the women's clothing lab, unless there are others."""
        if given:
            return given
        path = Path(folder) / "reviews.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reviews_as_csv(), encoding="utf-8", newline="")
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
        # No two reviews say the same, so their texts tell them apart, and a retry draws the same ones.
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
        """Train a small sentiment model on the reviews that a gate let through."""
        from importlib.util import find_spec

        from airflow.providers.common.compat.sdk import AirflowFailException

        if find_spec("sklearn") is None:
            raise AirflowFailException(
                "the training needs scikit-learn, which is not installed: pip install scikit-learn"
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
        print(f"Trained on {len(rows):,} reviews of {data}; right in {accuracy:.1%} of cases")
        return {"data": data, "rows": len(rows), "accuracy": accuracy}

    trained = train(reviews)

    bias >> gate >> [balance, trained]
    balance >> bias_after >> gate_after >> trained


if __name__ == "__main__":
    dag.test()
