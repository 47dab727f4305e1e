"""Link a task to its processing job in the AWS console: the job, its logs, its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_clarify.exceptions import JobError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

#: The XCom with the data of the links. It is pushed as soon as the job is known, so that failed tries have links too.
KEY = "clarify_job"

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def push_job(context: Context, job_name: str, region: str, partition: str, output: str | None) -> None:
    """Push the data of the links to XCom.

    :param context: of the task
    :param job_name: the job
    :param region: its AWS region
    :param partition: the partition of that region, such as "aws-cn"
    :param output: the S3 URI of its output, if known
    """
    job = {"job_name": job_name, "region": region, "partition": partition, "output": output}
    context["ti"].xcom_push(key=KEY, value=job)


def read_job(context: Context) -> dict[str, Any]:
    """Read the job that this task pushed before it was deferred.

    :param context: of the task
    :return: the parameters of :func:`push_job`
    :raises JobError: the XCom was deleted
    """
    ti = context["ti"]
    found = ti.xcom_pull(task_ids=ti.task_id, key=KEY, map_indexes=ti.map_index)
    if not isinstance(found, Mapping):
        raise JobError(f"the job of this task is unknown, because its XCom {KEY!r} was deleted")
    return dict(found)


class _JobLink(BaseOperatorLink):
    """Base class of links to a job in the AWS console.

    :cvar _build_url: builds the URL from the pushed job and the host of the console
    """

    _build_url: Callable[[Mapping[str, Any], str], str]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL for a try; empty if it has no job, or its partition no known console.

        :param operator: the task
        :param ti_key: the task instance
        """
        job = XCom.get_value(key=KEY, ti_key=ti_key)
        console = _CONSOLES.get(str(job.get("partition"))) if isinstance(job, Mapping) else None
        return type(self)._build_url(job, console) if console else ""


class ClarifyJobLink(_JobLink):
    """Link to the processing job."""

    name = "Processing job"

    @staticmethod
    def _build_url(job: Mapping[str, Any], console: str) -> str:
        region = job["region"]
        return f"https://{region}.{console}/sagemaker/home?region={region}#/processing-jobs/{quote(job['job_name'])}"


class ClarifyJobLogsLink(_JobLink):
    """Link to the job's log streams in CloudWatch."""

    name = "CloudWatch logs"

    @staticmethod
    def _build_url(job: Mapping[str, Any], console: str) -> str:
        region = job["region"]
        # CloudWatch expects the fragment quoted twice, with "$" in place of "%".
        group = quote(quote("/aws/sagemaker/ProcessingJobs", safe=""), safe="").replace("%", "$")
        streams = f"$3FlogStreamNameFilter$3D{quote(quote(job['job_name'] + '/', safe=''), safe='').replace('%', '$')}"
        return (
            f"https://{region}.{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}{streams}"
        )


class ClarifyJobOutputLink(_JobLink):
    """Link to the job's output in S3."""

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
