"""The women's clothing lab: 18 product categories, three sentiments, one biased dataset and its repair.

This lab is a common introduction to SageMaker Clarify. Its reviews cannot be redistributed, so the sentences here are
synthetic; the counts are those of the lab (22,626 reviews by category and sentiment), and so are the results: the
category Trend has the largest DPL, 0.11. After balancing by category and sentiment to the smallest stratum, 486 reviews
remain, CI is the same for every category, and DPL is 0.

    make_reviews ─▶ bias ─▶ gate ─────────── within bounds ──────────▶ train
                              └─ biased ─▶ balance ─▶ bias_after ─▶ gate_after ─┘

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
)

METHODS = ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]
FOLDER = "{{ params.folder }}/{{ run_id | replace(':', '-') }}"

with DAG(
    dag_id="reviews_lab",
    description="The women's clothing lab of SageMaker Clarify, without SageMaker",
    schedule=None,
    catchup=False,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={"folder": Param(str(Path(tempfile.gettempdir()) / "airflow_clarify" / "reviews_lab"), type="string")},
) as dag:

    @task
    def make_reviews(folder: str) -> str:
        """Write synthetic reviews with the lab's counts."""
        path = Path(folder) / "reviews.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(build_reviews_csv(), encoding="utf-8", newline="")
        return str(path)

    reviews = make_reviews(FOLDER)
    positive_reviews = BiasConfig(label_values_or_threshold=[1], facet_name="product_category")

    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        data_config=DataConfig(reviews, output_path=f"{FOLDER}/unbalanced", label="sentiment"),
        bias_config=positive_reviews,
        methods=METHODS,
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
        target=f"{FOLDER}/balanced.csv",
        by=["product_category", "sentiment"],
        seed=2022,
    )
    bias_after = ClarifyPreTrainingBiasOperator(
        task_id="bias_after",
        data_config=DataConfig(balance.output["target"], output_path=f"{FOLDER}/balanced", label="sentiment"),
        bias_config=positive_reviews,
        methods=METHODS,
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

        import pandas
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.pipeline import make_pipeline

        repaired = ti.xcom_pull(task_ids="balance")
        path = repaired["target"] if repaired else original
        rows = pandas.read_csv(path)
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
        accuracy = float(cross_val_score(model, rows["review_body"], rows["sentiment"], cv=3).mean())
        print(f"Trained on {len(rows):,} reviews of {path}; accuracy {accuracy:.1%}")
        return {"data": path, "rows": len(rows), "accuracy": accuracy}

    trained = train(reviews)

    bias >> gate >> [balance, trained]
    balance >> bias_after >> gate_after >> trained


if __name__ == "__main__":
    dag.test()
