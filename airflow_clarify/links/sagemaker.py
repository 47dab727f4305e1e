"""Links from a task to its job in the AWS console: the job, its logs, its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_clarify.exceptions import JobError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

#: The XCom that the links are made of. It is pushed when the job is known, so that a try that fails has them too.
KEY = "clarify_job"

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def push_job(context: Context, job_name: str, region: str, partition: str, output: str | None) -> None:
    """Keep what the links need.

    :param output: where the job writes in S3
    """
    job = {"job_name": job_name, "region": region, "partition": partition, "output": output}
    context["ti"].xcom_push(key=KEY, value=job)


def read_job(context: Context) -> dict[str, Any]:
    """What this task has kept before it was deferred.

    :raises JobError: nothing; somebody has deleted it
    """
    ti = context["ti"]
    found = ti.xcom_pull(task_ids=ti.task_id, key=KEY, map_indexes=ti.map_index)
    if not isinstance(found, Mapping):
        raise JobError(f"which job this task has started is not known any more: its XCom {KEY!r} is gone")
    return dict(found)


class _JobLink(BaseOperatorLink):
    """A link that follows from a job.

    :cvar _build_url: makes it from what was kept and the address of the console
    """

    _build_url: Callable[[Mapping[str, Any], str], str]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The link of a try; empty where it has no job, or where its partition has no console that we know of."""
        job = XCom.get_value(key=KEY, ti_key=ti_key)
        console = _CONSOLES.get(str(job.get("partition"))) if isinstance(job, Mapping) else None
        return type(self)._build_url(job, console) if console else ""


class ClarifyJobLink(_JobLink):
    """The processing job."""

    name = "Processing job"

    @staticmethod
    def _build_url(job: Mapping[str, Any], console: str) -> str:
        region = job["region"]
        return f"https://{region}.{console}/sagemaker/home?region={region}#/processing-jobs/{quote(job['job_name'])}"


class ClarifyJobLogsLink(_JobLink):
    """The job's log streams in CloudWatch."""

    name = "CloudWatch logs"

    @staticmethod
    def _build_url(job: Mapping[str, Any], console: str) -> str:
        region = job["region"]
        # CloudWatch reads the part behind "#" with "$" in the place of "%", and quoted twice.
        group = quote(quote("/aws/sagemaker/ProcessingJobs", safe=""), safe="").replace("%", "$")
        streams = f"$3FlogStreamNameFilter$3D{quote(quote(job['job_name'] + '/', safe=''), safe='').replace('%', '$')}"
        return (
            f"https://{region}.{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}{streams}"
        )


class ClarifyJobOutputLink(_JobLink):
    """The job's output in S3."""

    name = "Output in S3"

    @staticmethod
    def _build_url(job: Mapping[str, Any], console: str) -> str:
        bucket, _, prefix = str(job.get("output") or "").removeprefix("s3://").partition("/")
        if not bucket:
            return ""
        region = job["region"]
        folder = quote(prefix.rstrip("/") + "/", safe="/")
        return f"https://{region}.{console}/s3/buckets/{bucket}?region={region}&prefix={folder}"


JOB_LINKS = (ClarifyJobLink(), ClarifyJobLogsLink(), ClarifyJobOutputLink())
