"""Accept a night as the baseline of a dataset: a person reads its numbers, and gives a reason.

The gate of ``warehouse_partition_watch`` compares each night with the accepted baseline. After a repair, or after a
change that is intended, this DAG proposes a night as the new one. "Required Actions" in Airflow's UI shows its numbers,
and a person approves with a reason, or rejects. Rules over many nights begin anew after the accepted night.

    propose ─▶ approval ─ approved ─▶ accept
                   └─ rejected: the baseline stays

Who has accepted it, when and why is recorded in the history, and `airflow-clarify baseline show` prints it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task

from airflow_clarify import BiasHistory, SQLHistory

HISTORY = SQLHistory("warehouse")

APPROVAL_BODY = """\
{% set proposed = ti.xcom_pull(task_ids="propose") %}
The night {{ proposed.period }} of `{{ proposed.dataset }}` ({{ proposed.outcome or "without a verdict" }}) is proposed
as the baseline of later nights.

```
{{ proposed.table }}
```

**Approve** compares later nights with it, and records your reason. **Reject** keeps the present baseline.
"""

with DAG(
    dag_id="accept_baseline",
    description="Propose a night as the baseline, ask a person, and accept it with a recorded reason",
    schedule=None,
    catchup=False,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={"period": Param("", type="string", description="the night, such as 2026-01-31; empty for the last one")},
) as dag:

    @task
    def propose(period: str) -> dict[str, Any]:
        """Find the night in the history, and describe it."""
        from airflow_clarify.reports.console import format_table

        records = [record for record in BiasHistory(HISTORY).list_records() if record.has_counts]
        found = [record for record in records if period in ("", record.period)]
        if not found:
            raise AirflowFailException(f"period: the history has no counts of {period or 'any night'}")
        record = found[-1]
        return {**record.describe(), "table": "\n".join(format_table(record.analysis))}

    proposed = propose("{{ params.period }}")
    approval = ApprovalOperator(
        task_id="approval",
        subject="Accept this night as the baseline?",
        body=APPROVAL_BODY,
        # The form requires a reason. The task `accept` checks it again, as the REST API also accepts answers.
        params={"reason": Param("", type="string", title="Reason", description="why this night is the baseline")},
        response_timeout=timedelta(days=3),
    )

    @task
    def accept(answer: dict[str, Any], night: dict[str, Any]) -> dict[str, Any]:
        """Accept the proposed night, with the person and the reason."""
        reason = str((answer["params_input"] or {}).get("reason") or "").strip()
        if not reason:
            raise AirflowFailException("approved without a reason; clear the task 'approval' and answer it with one")
        accepted = BiasHistory(HISTORY).accept_baseline(
            period=night["period"], dataset=night["dataset"], by=answer["responded_by_user"]["name"], note=reason
        )
        return {"period": accepted.period, **(accepted.verdict or {})}

    proposed >> approval >> accept(approval.output, proposed)


if __name__ == "__main__":
    dag.test()
