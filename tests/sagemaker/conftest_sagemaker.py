"""Fixtures for SageMaker: a real S3 server, and a stand-in for the service that runs the container's command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sagemaker_stand_in import StandIn
from servers import ACCESS_KEY, SECRET_KEY, S3Server, s3_server

#: Command of the container: a Python with the package; `make test` sets one without Airflow. The variable SLEEP_FIRST
#: in the environment of a job delays it.
CONTAINER = [
    *("sh", "-c", 'sleep "${SLEEP_FIRST:-0}"; exec "$0" -m airflow_clarify.cli analyze'),
    os.environ.get("CLARIFY_CONTAINER_PYTHON", sys.executable),
]

ROWS = [(f, int(n < positive)) for f, positive in (("a", 60), ("b", 10)) for n in range(100)]
CSV = "\n".join(["f,y", *(f"{f},{y}" for f, y in ROWS)]) + "\n"


@dataclass(frozen=True)
class Aws:
    """The S3 server and the stand-in, with access to their content."""

    s3: S3Server
    sagemaker: StandIn

    def connection(self) -> str:
        """Build the value of an ``AIRFLOW_CONN_...`` variable."""
        extra = {
            "region_name": "us-east-1",
            "endpoint_url": self.sagemaker.endpoint,
            "service_config": {"s3": {"endpoint_url": self.s3.endpoint}},
        }
        return json.dumps({"conn_type": "aws", "login": ACCESS_KEY, "password": SECRET_KEY, "extra": extra})

    def client(self, service: str) -> Any:
        """Create a boto3 client of the stand-in."""
        import boto3

        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        return boto3.client(service, endpoint_url=self.sagemaker.endpoint, region_name="us-east-1", **keys)

    def keys(self, prefix: str) -> list[str]:
        """List the keys of the objects below a prefix."""
        found = self.s3.client().list_objects_v2(Bucket="lab", Prefix=prefix).get("Contents", [])
        return sorted(one["Key"] for one in found)

    def read(self, key: str) -> bytes:
        """Read the content of an object."""
        content: bytes = self.s3.client().get_object(Bucket="lab", Key=key)["Body"].read()
        return content

    def created(self) -> list[dict[str, Any]]:
        """List the requests that created jobs."""
        return self.sagemaker.requests("CreateProcessingJob")


@pytest.fixture(scope="session")
def both() -> Iterator[Aws]:
    import boto3

    with s3_server() as s3:
        client = s3.client()
        # Tasks that run in process inherit what these have parsed.
        for service in ("sagemaker", "logs"):
            boto3.client(service, endpoint_url=s3.endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="lab")
        client.put_object(Bucket="lab", Key="data/reviews.csv", Body=CSV.encode())
        with StandIn(s3.endpoint, ACCESS_KEY, SECRET_KEY, command=CONTAINER) as sagemaker:
            yield Aws(s3, sagemaker)


@pytest.fixture
def aws(both: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Connect to both with the Airflow connection ``clarify_lab``; faults and calls of earlier tests are reset."""
    monkeypatch.setenv("AIRFLOW_CONN_CLARIFY_LAB", both.connection())
    yield both
    both.sagemaker.clear_faults()
