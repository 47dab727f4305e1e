"""Put into a running stack what the SageMaker lab needs: a bucket, reviews, the connection to AWS, and a DAG that runs.

It does so from outside, as its user would: through S3 and through Airflow's REST API. It may run again at any time.
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

from clothing_reviews import reviews_as_csv

#: The DAG's own default, so that it can be started in the UI as it stands.
BUCKET = "my-bucket"
DAG = "clarify_on_sagemaker"
CONNECTION = "aws_default"
REGION = "us-east-1"
#: The DAG processor looks for new files every few minutes, and at all of them when it starts.
SECONDS_UNTIL_THE_DAG_IS_KNOWN = 180


class Airflow:
    """The REST API, as the user ``admin``."""

    def __init__(self, url: str, password: str) -> None:
        self._url = url
        self._token = ""
        self._token = self.call("POST", "auth/token", {"username": "admin", "password": password})["access_token"]

    def call(self, method: str, path: str, document: Any = None) -> Any:
        """Send a document, get a document.

        :raise urllib.error.HTTPError: it was refused
        """
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self._url}/{path}", method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def has(self, path: str) -> bool:
        """Whether there is such a thing."""
        try:
            self.call("GET", path)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True


def seed(keys: Path, airflow_url: str, s3_url: str, sagemaker_url: str, ui_url: str) -> None:
    """Seed the stack.

    :param keys: the folder of its keys
    :param airflow_url: where Airflow's api-server is
    :param s3_url: where S3 is
    :param sagemaker_url: where the stand-in for SageMaker is
    :param ui_url: where a browser on the host finds Airflow
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
    s3.put_object(Bucket=BUCKET, Key="data/reviews.csv", Body=reviews_as_csv().encode())
    _say(f"There are reviews in s3://{BUCKET}/data/reviews.csv.")


def _connect(airflow: Airflow, how: dict[str, str]) -> None:
    connection = {"connection_id": CONNECTION, "conn_type": "aws", **how}
    if airflow.has(f"api/v2/connections/{CONNECTION}"):
        airflow.call("PATCH", f"api/v2/connections/{CONNECTION}", connection)
    else:
        airflow.call("POST", "api/v2/connections", connection)
    _say(f"The connection {CONNECTION} leads to the stack's own S3 and SageMaker.")


def _unpause(airflow: Airflow, ui_url: str) -> None:
    deadline = time.monotonic() + SECONDS_UNTIL_THE_DAG_IS_KNOWN
    while not airflow.has(f"api/v2/dags/{DAG}"):
        if time.monotonic() > deadline:
            sys.exit(f"Airflow does not know the DAG {DAG}: see `docker compose logs dag-processor`, then seed again.")
        time.sleep(1)
    airflow.call("PATCH", f"api/v2/dags/{DAG}", {"is_paused": False})
    _say(f"The DAG {DAG} is ready to be started: {ui_url}/dags/{DAG}")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    seed(
        Path(os.environ["STACK_KEYS"]),
        os.environ["STACK_AIRFLOW_URL"],
        os.environ["STACK_S3_URL"],
        os.environ["STACK_SAGEMAKER_URL"],
        os.environ["STACK_UI_URL"],
    )
