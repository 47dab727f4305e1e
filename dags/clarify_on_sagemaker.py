"""The women's clothing lab on Amazon SageMaker: measure, stop, balance, measure again, train, as one pipeline.

In the lab's notebook a person starts a Clarify job, waits, reads the report, balances the reviews, starts a second job
and compares. This DAG automates it: both Clarify jobs run on SageMaker (deferred, so they occupy no worker slot), a
gate judges the first and branches to the balancing, and a model is trained only after the second gate has passed.

    make_reviews ─▶ unbalanced ─▶ gate ─────────── within bounds ──────────▶ train
                                    └─ biased ─▶ balance ─▶ balanced ─▶ gate_after ─┘

Set ``bucket`` and ``role``; the connection ``aws_default`` (or ``conn_id``) needs the permissions of the DAG's policy
in ``docs/aws-permissions.md``, and the role those of the job's policy. If Clarify is not available to the account,
build this package's image (``container/Dockerfile``) and set ``image_uri``. A job takes several minutes, and incurs the
cost of its instance.

The training task also needs scikit-learn: `pip install scikit-learn`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, ObjectStoragePath, Param, task
from clothing_reviews import build_reviews_csv

from airflow_clarify import (
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SageMakerEngine,
)

METHODS = ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"]
CONN_ID = "{{ params.conn_id }}"
FOLDER = "s3://{{ params.bucket }}/airflow-clarify/{{ run_id | replace(':', '-') | replace('+', '-') }}"

with DAG(
    dag_id="clarify_on_sagemaker",
    description="The women's clothing lab of SageMaker Clarify, as a pipeline on SageMaker",
    schedule=None,
    catchup=False,
    # Makes an empty image_uri None when it is rendered.
    render_template_as_native_obj=True,
    tags=["airflow_clarify", "example", "sagemaker"],
    doc_md=__doc__,
    params={
        "bucket": Param("my-bucket", type="string", description="an S3 bucket for data and results"),
        "role": Param("SageMakerClarifyRole", type="string", description="the IAM role of the jobs, by name or ARN"),
        "instance_type": Param("ml.m5.xlarge", type="string"),
        "image_uri": Param("", type="string", description="an image in place of Clarify's, such as this package's"),
        "conn_id": Param("aws_default", type="string", description="the Airflow connection to AWS"),
        "dpl": Param(0.1, type="number", minimum=0, maximum=1, description="the largest allowed difference"),
    },
) as dag:

    @task
    def make_reviews(folder: str, conn_id: str) -> str:
        """Write synthetic reviews with the lab's counts to S3."""
        path = ObjectStoragePath(f"{folder}/reviews.csv", conn_id=conn_id)
        path.write_text(build_reviews_csv())
        return f"{folder}/reviews.csv"

    reviews = make_reviews(FOLDER, CONN_ID)
    positive_reviews = BiasConfig(label_values_or_threshold=[1], facet_name="product_category")
    clarify = SageMakerEngine(
        role="{{ params.role }}",
        instance_type="{{ params.instance_type }}",
        image_uri="{{ params.image_uri or none }}",
        job_name_prefix="women-clothing-lab",
        max_runtime_in_seconds=3600,
        tags={"dag": "{{ dag.dag_id }}"},
        aws_conn_id=CONN_ID,
    )

    unbalanced = ClarifyPreTrainingBiasOperator(
        task_id="unbalanced",
        data_config=DataConfig(reviews, output_path=f"{FOLDER}/unbalanced", label="sentiment"),
        bias_config=positive_reviews,
        methods=METHODS,
        engine=clarify,
        deferrable=True,
        retries=1,
    )
    gate = BiasGateOperator(
        task_id="gate",
        analysis=unbalanced.output,
        thresholds={"DPL": "{{ params.dpl }}"},
        on_violation="branch",
        branch_to="balance",
        conn_id=CONN_ID,
    )
    balance = BalanceDatasetOperator(
        task_id="balance",
        source=DataConfig(reviews, conn_id=CONN_ID),
        target=f"{FOLDER}/balanced.csv",
        by=["product_category", "sentiment"],
        seed=2022,
    )
    balanced = ClarifyPreTrainingBiasOperator(
        task_id="balanced",
        data_config=DataConfig(balance.output["target"], output_path=f"{FOLDER}/balanced", label="sentiment"),
        bias_config=positive_reviews,
        methods=METHODS,
        engine=clarify,
        deferrable=True,
        retries=1,
    )
    gate_after = BiasGateOperator(
        task_id="gate_after",
        analysis=balanced.output,
        thresholds={"DPL": "{{ params.dpl }}"},
        conn_id=CONN_ID,
    )

    @task(trigger_rule="none_failed_min_one_success")
    def train(original: str, conn_id: str, ti: Any = None) -> dict[str, Any]:
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
        location = repaired["target"] if repaired else original
        with ObjectStoragePath(location, conn_id=conn_id).open() as file:
            rows = pandas.read_csv(file)
        model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
        accuracy = float(cross_val_score(model, rows["review_body"], rows["sentiment"], cv=3).mean())
        print(f"Trained on {len(rows):,} reviews of {location}; accuracy {accuracy:.1%}")
        return {"data": location, "rows": len(rows), "accuracy": accuracy}

    trained = train(reviews, CONN_ID)

    unbalanced >> gate >> [balance, trained]
    balance >> balanced >> gate_after >> trained


if __name__ == "__main__":
    dag.test()
