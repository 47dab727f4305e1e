"""Run a notebook's SageMaker SDK code as a task, followed by a sensor and a gate.

A working notebook need not be rewritten to wait for its job and gate on the result. The first task is the notebook
cell, except that it does not wait; the sensor waits, without the SDK, and reads the analysis; the gate stops the DAG if
|DPL| is greater than 0.1.

    start_clarify_job ─▶ wait ─▶ gate

**The SDK** cannot be installed in Airflow's environment, so the first task runs in a virtual environment that is
created at every run: 560 MB, which take half a minute with uv and several minutes with pip. To avoid this, create one
in advance (``pip install "sagemaker>=3,<4"``), and set its Python in the environment of the workers and the DAG
processor: ``AIRFLOW_CLARIFY_SDK_PYTHON=/opt/sagemaker/bin/python``.

**Credentials** are those of the Airflow connection ``aws_default``, for all tasks. The SDK cannot read connections, so
the worker passes the credentials as environment variables of the SDK's process. They are not written to XCom, rendered
templates or files; if the connection assumes a role, they are those of the role, and expire. Without such a connection,
boto3's default credentials on the worker are used, such as the role of its machine.

**Required permissions**: for the SDK ``sagemaker:CreateProcessingJob``, ``iam:PassRole`` for the job's role (and
``iam:GetRole`` if the role is given by name), and ``s3:PutObject`` on the outputs, to upload the configuration; for the
sensor ``sagemaker:DescribeProcessingJob``, on the outputs ``s3:ListBucket``, ``s3:GetObject`` and ``s3:PutObject``, and
for the log ``logs:DescribeLogStreams`` and ``logs:GetLogEvents``. The job itself has the permissions of its role.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_clarify import BiasGateOperator, ClarifyJobSensor

CONNECTION = "aws_default"
#: Python of an environment with the SDK; if it is not set, an environment is created for each run.
SDK_PYTHON = os.environ.get("AIRFLOW_CLARIFY_SDK_PYTHON")


def start_clarify_job(role: str, region: str, data: str, output: str) -> str:
    """Start the job, as in the notebook cell; it must import all it needs, because it runs outside of this file."""
    import boto3
    from sagemaker.core.clarify import BiasConfig, DataConfig, SageMakerClarifyProcessor  # noqa: TID251
    from sagemaker.core.helper.session_helper import Session  # noqa: TID251

    processor = SageMakerClarifyProcessor(
        role=role,
        instance_count=1,
        instance_type="ml.m5.xlarge",
        sagemaker_session=Session(boto3.Session(region_name=region)),
    )
    processor.run_pre_training_bias(
        data_config=DataConfig(
            s3_data_input_path=data,
            s3_output_path=output,
            label="sentiment",
            headers=["sentiment", "review_body", "product_category"],
            dataset_type="text/csv",
        ),
        data_bias_config=BiasConfig(label_values_or_threshold=[1], facet_name="product_category"),
        methods=["CI", "DPL", "KL", "JS", "LP", "TVD", "KS"],
        # The sensor waits, and copies the log.
        wait=False,
        logs=False,
    )
    return str(processor.latest_job.processing_job_name)


def pass_credentials(context: Any) -> None:
    """Set credentials and endpoints of the connection as environment variables of the task's process."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook = AwsBaseHook(CONNECTION, region_name=context["params"]["region"])
    # From here on Airflow masks them in the log.
    credentials = hook.get_credentials()
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
    }
    for service in ("sagemaker", "s3", "iam"):
        variables[f"AWS_ENDPOINT_URL_{service.upper()}"] = hook.conn_config.get_service_endpoint_url(service)
    context["task"].env_vars = {name: value for name, value in variables.items() if value}


def build_sdk_task(function: Any) -> Any:
    """Build a task that runs the function in an environment with the SDK."""
    settings: dict[str, Any] = {"expect_airflow": False, "pre_execute": pass_credentials}
    if SDK_PYTHON:
        return task.external_python(python=SDK_PYTHON, **settings)(function)
    return task.virtualenv(requirements=["sagemaker>=3,<4"], system_site_packages=False, **settings)(function)


with DAG(
    dag_id="clarify_from_the_sdk",
    description="A notebook's SageMaker SDK code starts a Clarify job; a sensor waits for it, a gate judges it",
    schedule=None,
    catchup=False,
    tags=["airflow_clarify", "example"],
    doc_md=__doc__,
    params={
        "role": Param("AmazonSageMaker-ExecutionRole", type="string", description="The job's role, by name or ARN"),
        "region": Param("us-east-1", type="string"),
        "data": Param("s3://my-bucket/reviews/reviews.csv", type="string", pattern="^s3://"),
        "output": Param("s3://my-bucket/reviews/bias", type="string", pattern="^s3://"),
    },
) as dag:
    job_name = build_sdk_task(start_clarify_job)(
        role="{{ params.role }}",
        region="{{ params.region }}",
        data="{{ params.data }}",
        # A folder for each run keeps the outputs of runs apart.
        output="{{ params.output }}/{{ run_id | replace(':', '-') | replace('+', '-') }}",
    )
    wait = ClarifyJobSensor(
        task_id="wait",
        job_name=job_name,
        aws_conn_id=CONNECTION,
        region_name="{{ params.region }}",
        poke_interval=30,
        timeout=2 * 60 * 60,
    )
    gate = BiasGateOperator(task_id="gate", analysis=wait.output, thresholds={"DPL": 0.1})


if __name__ == "__main__":
    dag.test()
