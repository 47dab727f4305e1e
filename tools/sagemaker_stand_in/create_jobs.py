"""Create jobs that only have to exist, for what waits for them."""

from __future__ import annotations

from collections.abc import Iterable


def create_jobs(endpoint: str, names: Iterable[str]) -> None:
    """Create a processing job of each name, by the smallest valid request.

    :param endpoint: the address of a stand-in without containers
    :param names: the names of the jobs
    """
    import boto3

    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("sagemaker", endpoint_url=endpoint, **keys)
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    for name in names:
        client.create_processing_job(
            ProcessingJobName=name,
            ProcessingResources={"ClusterConfig": cluster},
            AppSpecification={"ImageUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/clarify:1"},
            RoleArn="arn:aws:iam::111122223333:role/lab",
        )
