"""Test that the documented policies allow exactly the calls that are made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest_sagemaker import Aws

from airflow_clarify import BiasConfig, DataConfig, SageMakerEngine
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.operators.sagemaker_job import JobIdentity, TaskJob

PAGE = Path(__file__).resolve().parents[2] / "docs" / "aws-permissions.md"

#: Permissions of calls whose names differ from their permission.
PERMISSIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "sts:GetCallerIdentity": None,
}


def policies() -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def actions(policy: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for statement in policy["Statement"]:
        given = statement["Action"]
        found |= {given} if isinstance(given, str) else set(given)
    return found


@pytest.mark.server
def test_the_task_policy_allows_all_calls_of_a_task(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import logging
    import time

    from botocore.client import BaseClient

    called: set[str] = set()
    original = BaseClient._make_api_call

    def noting(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        called.add(f"{self.meta.service_model.signing_name}:{operation}")
        return original(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noting)
    engine = SageMakerEngine(role="clarify", aws_conn_id="clarify_lab", bucket="lab", tags={"a": "b"})
    data = DataConfig("s3://lab/data/reviews.csv", label="y")
    config = AnalysisConfig.build(data, BiasConfig([1], "f"))
    job = TaskJob(engine, logging.getLogger(__name__))
    found = job.find_or_start(
        engine.plan(data, config), config, JobIdentity(("d", "r", "t", -1), "now", 0), lambda _: None
    )
    job.finish(job.wait(found.name, time.time() + 30, 0.1, lambda: None, logs=True), config, shown=True)
    endless = SageMakerEngine(role="clarify", aws_conn_id="clarify_lab", bucket="lab", env={"SLEEP_FIRST": "60"})
    job.stop(job.find_or_start(endless.plan(data, config), config, None, lambda _: None).name)

    needed = {PERMISSIONS.get(call, call) for call in called} - {None}
    # Tags in a request require a separate permission, and so does the role.
    needed |= {"sagemaker:AddTags", "iam:PassRole"}
    assert needed == actions(policies()[0])


def test_policies_contain_existing_actions_without_wildcards() -> None:
    from botocore.session import get_session

    session = get_session()
    for policy in policies():
        assert policy["Version"] == "2012-10-17"
        for action in actions(policy):
            service, _, name = action.partition(":")
            assert "*" not in action
            if action not in ("iam:PassRole", "s3:ListBucket", "s3:GetObject", "s3:PutObject"):
                assert name in session.get_service_model(service).operation_names, action
