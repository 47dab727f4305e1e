"""The lab on a real AWS account: run only on request, since it costs money and takes half an hour.

    CLARIFY_SYSTEM_TEST='{"bucket": "...", "role": "...", "connection": {"conn_type": "aws", "login": "<access key>",
    "password": "<secret key>", "extra": {"region_name": "us-east-1"}}}' make test ARGS="-m system"

Add "image_uri" to run our own image in the place of Clarify's. What the run leaves in the bucket, below
airflow-clarify/, is for you to look at and to remove.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dag_runs import run

from airflow_clarify import Analysis

GIVEN = os.environ.get("CLARIFY_SYSTEM_TEST", "")
pytestmark = [
    pytest.mark.airflow,
    pytest.mark.system,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(not GIVEN, reason="needs an AWS account: CLARIFY_SYSTEM_TEST, see tests/system/test_on_aws.py"),
]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(GIVEN)
    monkeypatch.setenv("AIRFLOW_CONN_SYSTEM_TEST", json.dumps(given.pop("connection")))
    return {**given, "conn_id": "system_test"}


def test_the_lab_on_a_real_account(account: dict[str, Any], airflow_db: Path) -> None:
    from clarify_on_sagemaker import dag

    ran = run(dag, **account)

    assert set(ran.states.values()) == {"success"}
    unbalanced, balanced = (Analysis.from_xcom(ran.xcoms[task]["return_value"]) for task in ("unbalanced", "balanced"))
    trend = unbalanced.facets[0].result("Trend")
    assert trend is not None
    dpl = trend.metric("DPL")
    assert dpl is not None
    assert dpl.value == pytest.approx(0.11004222980605016, abs=1e-12)
    for result in balanced.facets[0].results:
        after = result.metric("DPL")
        assert after is not None
        assert after.value == 0
    assert ran.xcoms["gate"]["verdict"]["outcome"] == "violation"
    assert ran.xcoms["gate_after"]["verdict"]["outcome"] == "pass"
    assert ran.xcoms["unbalanced"]["_link_ClarifyJobLink"].startswith("https://")
