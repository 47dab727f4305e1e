"""The operations of SageMaker, on requests that keep to its model."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from sagemaker_stand_in.errors import ApiError, invalid
from sagemaker_stand_in.faults import Faults
from sagemaker_stand_in.identity import partition
from sagemaker_stand_in.jobs import Job, Jobs
from sagemaker_stand_in.rules import MAX_TAGS, check_job, check_tags

#: The default of MaxResults, which the API reference of ListProcessingJobs does not tell.
PAGE = 10


class SageMaker:
    """Processing jobs as its API shows them.

    :param account: the account that they are in
    """

    def __init__(self, account: str, jobs: Jobs, faults: Faults) -> None:
        self._account, self._jobs, self._faults = account, jobs, faults

    def create_processing_job(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer CreateProcessingJob."""
        check_job(request)
        name = request["ProcessingJobName"]
        arn = f"arn:{partition(region)}:sagemaker:{region}:{self._account}:processing-job/{name}"
        already = ApiError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists "
            f"({arn})",
        )
        # A job that cannot be does not use up a fault that waits for a job.
        if self._jobs.find(region, name) is not None:
            raise already
        fault = self._faults.for_job(name)
        job = self._jobs.start(region, arn, request, fault)
        if job is None:
            raise already
        if fault == "finished-at-once":
            job.finished.wait()
        return {"ProcessingJobArn": arn}

    def describe_processing_job(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DescribeProcessingJob."""
        return self._job(region, request["ProcessingJobName"]).described()

    def stop_processing_job(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer StopProcessingJob."""
        status = self._job(region, request["ProcessingJobName"]).stop()
        if status not in ("InProgress", "Stopping"):
            raise invalid(f"The request was rejected because the processing job is in status {status}.")
        return {}

    def list_processing_jobs(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListProcessingJobs."""
        summaries = [
            summary
            for job in self._jobs.all()
            if job.region == region and _is_wanted(summary := job.summary(), request)
        ]
        member = {"Name": "ProcessingJobName", "Status": "ProcessingJobStatus"}.get(
            request.get("SortBy", ""), "CreationTime"
        )
        summaries.sort(key=lambda summary: summary[member], reverse=request.get("SortOrder") == "Descending")
        page, token = _page(summaries, request.get("MaxResults") or PAGE, request.get("NextToken"))
        return {"ProcessingJobSummaries": page} | token

    def add_tags(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer AddTags."""
        job, tags = self._by_arn(region, request["ResourceArn"]), request["Tags"]
        check_tags(tags)
        with job.lock:
            together = job.tags | {tag["Key"]: tag["Value"] for tag in tags}
            # Documented with the tagging strategies of AWS.
            if len(together) > MAX_TAGS:
                raise invalid(f"A resource can have at most {MAX_TAGS} tags.")
            job.tags = together
            return {"Tags": _as_list(together)}

    def list_tags(self, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ListTags."""
        job = self._by_arn(region, request["ResourceArn"])
        page, token = _page(_as_list(job.tags), request.get("MaxResults") or MAX_TAGS, request.get("NextToken"))
        return {"Tags": page} | token

    def _job(self, region: str, name: str) -> Job:
        job = self._jobs.find(region, name)
        if job is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return job

    def _by_arn(self, region: str, arn: str) -> Job:
        job = self._jobs.find(region, arn.rpartition("/")[2])
        if job is None or job.arn != arn:
            raise invalid(f"Could not find requested resource: {arn}")
        return job


def _is_wanted(summary: dict[str, Any], request: dict[str, Any]) -> bool:
    created, modified = summary["CreationTime"], summary["LastModifiedTime"]
    return (
        request.get("NameContains", "") in summary["ProcessingJobName"]
        and request.get("StatusEquals", summary["ProcessingJobStatus"]) == summary["ProcessingJobStatus"]
        and created > request.get("CreationTimeAfter", 0)
        and created < request.get("CreationTimeBefore", float("inf"))
        and modified > request.get("LastModifiedTimeAfter", 0)
        and modified < request.get("LastModifiedTimeBefore", float("inf"))
    )


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _page(things: list[Any], size: int, token: str | None) -> tuple[list[Any], dict[str, str]]:
    try:
        first = int(base64.b64decode(token, validate=True)) if token else 0
    except (ValueError, binascii.Error):
        raise invalid("Invalid NextToken") from None
    last = first + size
    more = {"NextToken": base64.b64encode(str(last).encode()).decode()} if last < len(things) else {}
    return things[first:last], more
