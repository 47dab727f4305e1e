"""Prepare a running stack for the SageMaker lab: create a bucket with reviews and a connection to AWS, unpause the DAG.

Everything is done through S3 and Airflow's REST API, as a user would do it. The script can be repeated at any time.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from clothing_reviews import build_reviews_csv

#: The default parameter of the DAG, so that it can be triggered in the UI without changes.
BUCKET = "my-bucket"
DAG = "clarify_on_sagemaker"
CONNECTION = "aws_default"
REGION = "us-east-1"
#: In seconds. The DAG processor lists new files every few minutes, and parses all of them when it starts.
DAG_DISCOVERY_TIMEOUT = 180


class Airflow:
    """Client of Airflow's REST API, as the user ``admin``."""

    def __init__(self, url: str, password: str) -> None:
        self._url = url
        self._token = ""
        self._token = self.call("POST", "auth/token", {"username": "admin", "password": password})["access_token"]

    def call(self, method: str, path: str, document: Any = None) -> Any:
        """Send a request with a JSON document, and return the JSON document of the response.

        :param method: the HTTP method
        :param path: the path below the URL of Airflow
        :param document: the body of the request; None for no body
        :return: the document of the response; None if it is empty
        :raises urllib.error.HTTPError: if Airflow rejects the request
        """
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self._url}/{path}", method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            content = response.read()
        return json.loads(content) if content else None

    def has(self, path: str) -> bool:
        """Return whether the resource exists."""
        try:
            self.call("GET", path)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True


def seed(keys: Path, airflow_url: str, s3_url: str, sagemaker_url: str, ui_url: str) -> None:
    """Seed the stack.

    :param keys: the folder of the keys
    :param airflow_url: URL of Airflow's api-server
    :param s3_url: URL of the S3 server
    :param sagemaker_url: URL of the stand-in for SageMaker
    :param ui_url: URL of Airflow for a browser on the host
    """
    access_key, secret_key, password = (
        (keys / name).read_text() for name in ("s3_access_key", "s3_secret_key", "admin_password")
    )
    import boto3

    s3 = boto3.client(
        "s3",
        endpoint_url=s3_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=REGION,
    )
    _put_reviews(s3)
    airflow = Airflow(airflow_url, password)
    extra = {
        "region_name": REGION,
        "endpoint_url": sagemaker_url,
        "service_config": {"s3": {"endpoint_url": s3_url}},
    }
    _connect(airflow, {"login": access_key, "password": secret_key, "extra": json.dumps(extra)})
    _unpause(airflow, ui_url)


def _put_reviews(s3: Any) -> None:
    if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="data/reviews.csv", Body=build_reviews_csv().encode())
    _print(f"The reviews are in s3://{BUCKET}/data/reviews.csv.")


def _connect(airflow: Airflow, settings: dict[str, str]) -> None:
    connection = {"connection_id": CONNECTION, "conn_type": "aws", **settings}
    if airflow.has(f"api/v2/connections/{CONNECTION}"):
        airflow.call("PATCH", f"api/v2/connections/{CONNECTION}", connection)
    else:
        airflow.call("POST", "api/v2/connections", connection)
    _print(f"The connection {CONNECTION} uses the S3 server and the SageMaker stand-in of the stack.")


def _unpause(airflow: Airflow, ui_url: str) -> None:
    deadline = time.monotonic() + DAG_DISCOVERY_TIMEOUT
    while not airflow.has(f"api/v2/dags/{DAG}"):
        if time.monotonic() > deadline:
            sys.exit(f"Airflow does not know the DAG {DAG}: see `docker compose logs dag-processor`, then seed again.")
        time.sleep(1)
    airflow.call("PATCH", f"api/v2/dags/{DAG}", {"is_paused": False})
    _print(f"The DAG {DAG} is ready to be started: {ui_url}/dags/{DAG}")


def _print(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    seed(
        Path(os.environ["STACK_KEYS"]),
        os.environ["STACK_AIRFLOW_URL"],
        os.environ["STACK_S3_URL"],
        os.environ["STACK_SAGEMAKER_URL"],
        os.environ["STACK_UI_URL"],
    )
