"""Test links to the AWS console, in the right partition, from the XCom of a try."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_clarify import BiasConfig, ClarifyPreTrainingBiasOperator, DataConfig, SageMakerEngine
from airflow_clarify.get_provider_info import get_provider_info
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.links.sagemaker import JOB_LINKS

JOB = {"job_name": "lab-1", "region": "eu-west-1", "partition": "aws", "output": "s3://lab/a b/out/"}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    job = dict(JOB)
    monkeypatch.setattr("airflow_clarify.links.sagemaker.XCom.get_value", lambda **_: job)
    return job


def links() -> list[str]:
    return [link.get_link(None, ti_key=None) for link in JOB_LINKS]  # type: ignore[arg-type]


def test_links_of_a_job(job: dict[str, Any]) -> None:
    assert links() == [
        "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/processing-jobs/lab-1",
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
        "$252Faws$252Fsagemaker$252FProcessingJobs$3FlogStreamNameFilter$3Dlab-1$252F",
        "https://eu-west-1.console.aws.amazon.com/s3/buckets/lab?region=eu-west-1&prefix=a%20b/out/",
    ]


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws-cn", "cn-north-1", "https://cn-north-1.console.amazonaws.cn/"),
        ("aws-us-gov", "us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/"),
    ],
)
def test_links_stay_in_their_partition(partition: str, region: str, host: str, job: dict[str, Any]) -> None:
    job.update(partition=partition, region=region)
    assert all(link.startswith(host) for link in links())


def test_no_link_without_a_job(job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    job.update(output=None)
    assert links()[2] == ""
    job.update(partition="aws-iso-f")
    assert links() == ["", "", ""]
    monkeypatch.setattr("airflow_clarify.links.sagemaker.XCom.get_value", lambda **_: None)
    assert links() == ["", "", ""]


def test_only_tasks_with_jobs_have_links() -> None:
    with DAG("links", schedule=None):
        arguments: dict[str, Any] = {
            "data_config": DataConfig("s3://b/d.csv", label="y"),
            "bias_config": BiasConfig([1], "f"),
        }
        embedded = ClarifyPreTrainingBiasOperator(task_id="embedded", **arguments)
        assert [link.name for link in embedded.operator_extra_links] == ["Bias report"]
        job = ClarifyPreTrainingBiasOperator(task_id="job", engine=SageMakerEngine(role="r"), **arguments)
        assert [link.name for link in job.operator_extra_links] == [
            "Bias report",
            "Processing job",
            "CloudWatch logs",
            "Output in S3",
        ]


def test_the_provider_lists_all_links() -> None:
    named = [f"{type(link).__module__}.{type(link).__qualname__}" for link in (BiasReportLink(), *JOB_LINKS)]
    assert get_provider_info()["extra-links"] == named
