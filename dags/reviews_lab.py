"""The women's clothing lab: 18 product categories, three sentiments, one biased dataset and its repair.

This is the lab that many meet SageMaker Clarify in. Its reviews are not ours to pass on, so the sentences here are
made up; the counts are the lab's own (22,626 reviews by category and sentiment), and so are the numbers that come out:
the category Trend has the largest DPL, 0.11. Balanced by category and sentiment to the smallest stratum, 486 reviews
are left, CI is the same for every category, and DPL is 0.

    make_reviews ─▶ bias ─▶ gate ─────────── within bounds ──────────▶ train
                              └─ biased ─▶ balance ─▶ bias_after ─▶ gate_after ─┘

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
        """Write made-up reviews in the lab's numbers."""
        path = Path(folder) / "reviews.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reviews_as_csv(), encoding="utf-8", newline="")
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
        """Train a small sentiment model on the reviews that a gate let through."""
        from importlib.util import find_spec

        from airflow.providers.common.compat.sdk import AirflowFailException

        if find_spec("sklearn") is None:
            raise AirflowFailException(
                "the training needs scikit-learn, which is not installed: pip install scikit-learn"
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
        print(f"Trained on {len(rows):,} reviews of {path}; right in {accuracy:.1%} of cases")
        return {"data": path, "rows": len(rows), "accuracy": accuracy}

    trained = train(reviews)

    bias >> gate >> [balance, trained]
    balance >> bias_after >> gate_after >> trained


if __name__ == "__main__":
    dag.test()
