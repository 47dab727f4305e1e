"""The stand-in for SageMaker, called by boto3, with jobs that run and a real S3 server."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from sagemaker_stand_in import StandIn
from sagemaker_stand_in.validation import service_model
from servers import ACCESS_KEY, SECRET_KEY, S3Server, s3_server

pytestmark = pytest.mark.server

TOOLS = Path(__file__).resolve().parents[2] / "tools"
ACCOUNT = "111122223333"
IN, OUT = "/opt/ml/processing/input/data", "/opt/ml/processing/output"
GROUP = "/aws/sagemaker/ProcessingJobs"

# A container: it copies its inputs, and tells what it was given.
COPY = """
import json, os, pathlib, shutil, sys
ml = pathlib.Path(os.environ["AIRFLOW_CLARIFY_ML_FOLDER"])
host = json.loads((ml / "config/resourceconfig.json").read_text())["current_host"]
print("arguments", *sys.argv[1:])
print("to stderr", file=sys.stderr)
shutil.copytree(ml / "processing/input/data", ml / "processing/output" / host)
seen = {"environment": dict(os.environ), "cwd": os.getcwd(), "host": host}
(ml / "processing/output/analysis.json").write_text(json.dumps(seen))
(ml / "output/message").write_text(f"copied by {host};")
"""
COMMAND = [sys.executable, "-c", COPY]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        client = server.client()
        client.create_bucket(Bucket="lab")
        for key in ("data/a.csv", "data/b.csv", "data/deep/c.csv", "data-2/d.csv"):
            client.put_object(Bucket="lab", Key=key, Body=key.encode())
        yield server


@pytest.fixture(scope="module")
def start(s3: S3Server) -> Callable[..., StandIn]:
    def start(**options: Any) -> StandIn:
        options = {"command": COMMAND, "stop_grace": 1.0} | options
        return StandIn(s3_endpoint=s3.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, **options)

    return start


@pytest.fixture(scope="module")
def shared(start: Callable[..., StandIn]) -> Iterator[StandIn]:
    with start() as aws:
        yield aws


@pytest.fixture
def aws(shared: StandIn) -> Iterator[StandIn]:
    yield shared
    shared.clear_faults()


def client_of(endpoint: str, service: str = "sagemaker", region: str = "us-east-1", **config: Any) -> Any:
    # boto3's own checks and its retries would hide what the stand-in answers.
    config = {"parameter_validation": False, "retries": {"max_attempts": 0}} | config
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(**config),
    )


@pytest.fixture
def sagemaker(aws: StandIn) -> Any:
    return client_of(aws.endpoint)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[-50:].strip("-")


def job(name: str, **changes: Any) -> dict[str, Any]:
    """Build a valid request."""
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": [s3_input("data", "s3://lab/data", IN)],
        "ProcessingOutputConfig": {"Outputs": [s3_output("out", f"s3://lab/out/{name}", OUT)]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        },
        "AppSpecification": {"ImageUri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/clarify:1"},
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/lab",
    } | changes


def s3_input(name: str, uri: str, path: str, **more: Any) -> dict[str, Any]:
    return {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix"} | more}


def s3_output(name: str, uri: str, path: str, mode: str = "EndOfJob") -> dict[str, Any]:
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}}


def python(script: str) -> dict[str, Any]:
    """An application whose container runs a script."""
    script = f"import os, pathlib, sys, time; ml = pathlib.Path(os.environ['AIRFLOW_CLARIFY_ML_FOLDER'])\n{script}"
    # In an entry point the API has neither line breaks nor more than 256 characters at a time.
    code = script.encode().hex()
    parts = [code[start : start + 256] for start in range(0, len(code), 256)]
    command = [sys.executable, "-c", "import sys; exec(bytes.fromhex(''.join(sys.argv[1:])))", *parts]
    return {"AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": command}}


def error_of(call: Callable[..., Any], /, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def error_of_document(endpoint: str, operation: str, document: Any) -> tuple[str, str]:
    """Return the answer to a request that boto3 would not send."""
    headers = {
        "X-Amz-Target": f"SageMaker.{operation}",
        "Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/sagemaker/aws4_request, ...",
    }
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(urllib.request.Request(endpoint, json.dumps(document).encode(), headers))
    error = json.load(raised.value)
    assert (raised.value.code, raised.value.headers["Content-Type"]) == (400, "application/x-amz-json-1.1")
    return error["__type"], error["message"]


def uploaded(s3: S3Server, prefix: str) -> dict[str, str]:
    client = s3.client()
    found = client.list_objects_v2(Bucket="lab", Prefix=prefix).get("Contents", [])
    return {
        one["Key"].removeprefix(prefix): client.get_object(Bucket="lab", Key=one["Key"])["Body"].read().decode()
        for one in found
    }


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- A job that goes well -----------------------------------------------------------------------------------------


def test_a_job_really_runs(aws: StandIn, sagemaker: Any, s3: S3Server, name: str) -> None:
    tags = [{"Key": "team", "Value": "lab"}]
    request = job(name, Environment={"SEED": "7"}, Tags=tags)
    request["AppSpecification"]["ContainerArguments"] = ["--x", "1"]
    before = time.time()
    arn = sagemaker.create_processing_job(**request)["ProcessingJobArn"]

    assert arn == f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:processing-job/{name}"
    assert aws.wait(name) == "Completed"
    described = sagemaker.describe_processing_job(ProcessingJobName=name)
    del described["ResponseMetadata"]
    times = [described.pop(one).timestamp() for one in ("CreationTime", "ProcessingStartTime", "ProcessingEndTime")]
    assert before - 1 <= times[0] <= times[1] <= times[2] == described.pop("LastModifiedTime").timestamp()
    del request["Tags"]
    assert described == request | {
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": "Completed",
        "ExitMessage": "copied by algo-1;",
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
    }
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags

    files = uploaded(s3, f"out/{name}/")
    seen = json.loads(files.pop("analysis.json"))
    # A prefix is not a folder: what lies beside it and begins the same way comes too.
    assert files == {
        "algo-1/a.csv": "data/a.csv",
        "algo-1/b.csv": "data/b.csv",
        "algo-1/deep/c.csv": "data/deep/c.csv",
        "algo-1/data-2/d.csv": "data-2/d.csv",
    }
    record = aws.jobs[name]
    assert Path(seen["cwd"]).samefile(record.folder)
    assert seen["environment"]["SEED"] == "7"
    assert "AIRFLOW_HOME" not in seen["environment"]
    assert json.loads((record.folder / "config/processingjobconfig.json").read_text())["ProcessingJobName"] == name
    assert aws.requests("CreateProcessingJob")[-1]["ProcessingJobName"] == name
    assert record.request == aws.requests("CreateProcessingJob")[-1]
    assert (record.status, record.tags, len(record.pids)) == ("Completed", {"team": "lab"}, 1)


def test_an_input_may_be_a_single_object(aws: StandIn, sagemaker: Any, s3: S3Server, name: str) -> None:
    sagemaker.create_processing_job(**job(name, ProcessingInputs=[s3_input("data", "s3://lab/data/deep/c.csv", IN)]))
    assert aws.wait(name) == "Completed"
    assert "algo-1/c.csv" in uploaded(s3, f"out/{name}/")


def test_several_instances(aws: StandIn, sagemaker: Any, s3: S3Server, name: str) -> None:
    request = job(name, ProcessingInputs=[s3_input("d", "s3://lab/data/", IN, S3DataDistributionType="ShardedByS3Key")])
    request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 2
    sagemaker.create_processing_job(**request)

    assert aws.wait(name) == "Completed"
    assert sagemaker.describe_processing_job(ProcessingJobName=name)["ExitMessage"] == (
        "copied by algo-1;copied by algo-2;"
    )
    files = uploaded(s3, f"out/{name}/")
    assert json.loads(files.pop("analysis.json"))["host"] == "algo-2", "outputs are uploaded host by host"
    assert set(files) == {"algo-1/a.csv", "algo-1/deep/c.csv", "algo-2/b.csv"}
    assert len(aws.jobs[name].pids) == 2
    config = json.loads((aws.jobs[name].folders[1] / "config/resourceconfig.json").read_text())
    assert config == {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    streams = client_of(aws.endpoint, "logs").describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")
    assert [re.sub(r"\d+$", "", one["logStreamName"]) for one in streams["logStreams"]] == [
        f"{name}/algo-1-",
        f"{name}/algo-2-",
    ]


def test_jobs_take_the_configured_time(start: Callable[..., StandIn], name: str) -> None:
    with start(start_after=0.5, end_after=1.2) as aws:
        sagemaker = client_of(aws.endpoint)
        sagemaker.create_processing_job(**job(name))
        described = sagemaker.describe_processing_job(ProcessingJobName=name)
        assert described["ProcessingJobStatus"] == "InProgress"
        assert "ProcessingStartTime" not in described
        assert aws.wait(name) == "Completed"
        described = sagemaker.describe_processing_job(ProcessingJobName=name)
        created = described["CreationTime"]
        assert (described["ProcessingStartTime"] - created).total_seconds() >= 0.5
        assert (described["ProcessingEndTime"] - created).total_seconds() >= 1.2


def test_the_number_of_concurrent_jobs_is_limited(start: Callable[..., StandIn], name: str) -> None:
    with start(max_running=1, keep_folders=False) as aws:
        sagemaker = client_of(aws.endpoint)
        for number in range(3):
            sagemaker.create_processing_job(**job(f"{name}-{number}", **python("time.sleep(0.3)")))
        assert {aws.wait(one) for one in aws.jobs} == {"Completed"}
        records = sorted(aws.jobs.values(), key=lambda record: record.started or 0)
        assert all(b.started >= a.started + 0.3 for a, b in itertools.pairwise(records))
        assert not any(record.folder.exists() for record in records)


# --- What is refused ----------------------------------------------------------------------------------------------


def without(member: str) -> Callable[[dict[str, Any]], None]:
    return lambda request: request.pop(member)


def put(value: Any, *path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(request: dict[str, Any]) -> None:
        place: Any = request
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


CLUSTER = ("ProcessingResources", "ClusterConfig")
INPUT = ("ProcessingInputs", 0)
OUTPUT = ("ProcessingOutputConfig", "Outputs", 0)
LESS_OR_EQUAL = "Member must have {} less than or equal to {}"
REFUSED = {
    "unknown member": (
        put(1, "Nmae"),
        "at 'nmae' failed to satisfy constraint: CreateProcessingJobRequest has no member",
    ),
    "unknown deep": (put(1, *INPUT, "S3Input", "Uri"), "at 'processingInputs.1.member.s3Input.uri' failed"),
    "missing": (without("RoleArn"), "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
    "missing deep": (put({}, "StoppingCondition"), "Value null at 'stoppingCondition.maxRuntimeInSeconds' failed"),
    "null": (put(None, "RoleArn"), "Value null at 'roleArn'"),
    "type": (put("20", *CLUSTER, "VolumeSizeInGB"), "Member must be of type integer"),
    "type of a flag": (put({"EnableNetworkIsolation": 1}, "NetworkConfig"), "Member must be of type boolean"),
    "flag for a number": (put(True, *CLUSTER, "InstanceCount"), "Member must be of type integer"),
    "name too long": (put("x" * 64, "ProcessingJobName"), LESS_OR_EQUAL.format("length", 63)),
    "name pattern": (put("a_b", "ProcessingJobName"), "regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"),
    "name ends in a newline": (put("ab\n", "ProcessingJobName"), "regular expression pattern"),
    "role": (put("arn:aws:iam::12345:role/lab", "RoleArn"), "at 'roleArn' failed to satisfy constraint: Member must s"),
    "enum": (put("ml.m5.tiny", *CLUSTER, "InstanceType"), "Member must satisfy enum value set: [ml.t3.medium,"),
    "number too large": (put(777_601, "StoppingCondition"), "Member must be of type structure"),
    "run time": (put({"MaxRuntimeInSeconds": 777_601}, "StoppingCondition"), LESS_OR_EQUAL.format("value", 777_600)),
    "no instances": (put(0, *CLUSTER, "InstanceCount"), "Member must have value greater than or equal to 1"),
    "many inputs": (
        put([s3_input(f"i{n}", "s3://lab/data", f"{IN}/{n}") for n in range(11)], "ProcessingInputs"),
        LESS_OR_EQUAL.format("length", 10),
    ),
    "no arguments": (put([], "AppSpecification", "ContainerArguments"), "length greater than or equal to 1"),
    "long argument": (put(["x" * 257], "AppSpecification", "ContainerArguments"), "containerArguments.1.member"),
    "environment key": (put({"1A": "x"}, "Environment"), "Map keys must satisfy constraint: [Member must satisfy reg"),
    "environment value": (put({"A": "x" * 257}, "Environment"), "Map value must satisfy constraint: [Member must have"),
    "tag characters": (
        put([{"Key": "a!", "Value": ""}], "Tags"),
        "at 'tags.1.member.key' failed to satisfy constraint",
    ),
    "duplicate tags": (
        put([{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}], "Tags"),
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    ),
    "reserved tags": (put([{"Key": "aws:a", "Value": ""}], "Tags"), "aws: prefixed tag key names are not allowed"),
    "local path": (put("/opt/ml/input", *INPUT, "S3Input", "LocalPath"), "must begin with /opt/ml/processing/"),
    "local path leads out": (put(f"{IN}/../../..", *INPUT, "S3Input", "LocalPath"), "must begin with"),
    "no local path": (lambda request: request["ProcessingInputs"][0]["S3Input"].pop("LocalPath"), "must begin with"),
    "output path": (put("/tmp/x", *OUTPUT, "S3Output", "LocalPath"), "must begin with /opt/ml/processing/"),
    "uri": (put("https://lab/data", *INPUT, "S3Input", "S3Uri"), "must start with s3://"),
    "uri pattern": (put("data.csv", *INPUT, "S3Input", "S3Uri"), "regular expression pattern: (https|s3)://"),
    "no source": (without("ProcessingInputs"), None),
    "empty input": (put({"InputName": "a"}, *INPUT), "exactly one of S3Input or DatasetDefinition"),
    "gzip": (put("Gzip", *INPUT, "S3Input", "S3CompressionType"), "can only be used when S3InputMode is Pipe"),
    "pipe": (put("Pipe", *INPUT, "S3Input", "S3InputMode"), "SageMaker can do this, the stand-in cannot"),
    "manifest": (put("ManifestFile", *INPUT, "S3Input", "S3DataType"), "SageMaker can do this, the stand-in cannot"),
    "continuous": (put("Continuous", *OUTPUT, "S3Output", "S3UploadMode"), "SageMaker can do this, the stand-in ca"),
    "same names": (
        put([s3_input("a", "s3://lab/data", f"{IN}/{n}") for n in "ab"], "ProcessingInputs"),
        "The input names of a processing job must be unique: a.",
    ),
    "same paths": (put(OUT + "/", *INPUT, "S3Input", "LocalPath"), "The local paths of a processing job must be uniq"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_invalid_requests(aws: StandIn, sagemaker: Any, name: str, case: str) -> None:
    change, expected = REFUSED[case]
    request = job(name)
    change(request)
    accepted = len(aws.requests("CreateProcessingJob"))
    if expected is None:
        # One that looks wrong, and is not: a job needs no inputs.
        sagemaker.create_processing_job(**request | python("pass"))
        assert aws.wait(name) == "Completed"
        return
    code, message = error_of_document(aws.endpoint, "CreateProcessingJob", request)
    assert code == "ValidationException"
    assert expected in message
    if " validation error" in message:
        assert message.startswith(("1 validation error detected: Value ", "2 validation errors detected: Value "))
    assert len(aws.requests("CreateProcessingJob")) == accepted
    assert name not in aws.jobs


REFUSED_INSTANCES = {
    "read-only": (put("ml.m5.large", *CLUSTER, "SelectedInstanceType"), "SelectedInstanceType is read-only"),
    "two kinds of instances": (
        put([{"InstanceType": "ml.m5.large"}], *CLUSTER, "InstancePreferences"),
        "exactly one of InstanceType or InstancePreferences",
    ),
    "no instance type": (
        put({"InstanceCount": 1, "VolumeSizeInGB": 1}, *CLUSTER),
        "exactly one of InstanceType or InstancePreferences",
    ),
}
knows_preferences = pytest.mark.skipif(
    "InstancePreferences" not in service_model("sagemaker").shape_for("ProcessingClusterConfig").members,
    reason="this boto3 is older than the preferences among instances",
)


@knows_preferences
@pytest.mark.parametrize("case", REFUSED_INSTANCES)
def test_invalid_instances(aws: StandIn, name: str, case: str) -> None:
    change, expected = REFUSED_INSTANCES[case]
    request = job(name)
    change(request)
    code, message = error_of_document(aws.endpoint, "CreateProcessingJob", request)
    assert code == "ValidationException"
    assert expected in message


@knows_preferences
def test_preferred_instances(aws: StandIn, sagemaker: Any, name: str) -> None:
    preferred = [
        {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceType": "ml.t3.large", "InstanceCount": 2},
    ]
    cluster = {"VolumeSizeInGB": 1, "InstancePreferences": preferred}
    sagemaker.create_processing_job(**job(name, ProcessingResources={"ClusterConfig": cluster}))
    described = sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingResources"]["ClusterConfig"]
    assert described == cluster | {"SelectedInstanceType": "ml.m5.large", "SelectedInstanceCount": 1}
    assert aws.wait(name) == "Completed"


def test_all_errors_of_a_request_are_listed_and_counted(sagemaker: Any) -> None:
    request = job("x" * 64, RoleArn="me")
    code, message = error_of(sagemaker.create_processing_job, **request)
    assert code == "ValidationException"
    # The name is too long and so does not fit its pattern; the role is too short and does not fit its own.
    assert message.startswith("4 validation errors detected: Value ")
    assert message.count("failed to satisfy constraint") == message.count("; Value") + 1 == 4


def test_tags_may_be_of_any_language(aws: StandIn, sagemaker: Any, name: str) -> None:
    tags = [{"Key": "équipe 1/a:b", "Value": "データ ۳ x@y+z=_."}]
    sagemaker.create_processing_job(**job(name, Tags=tags))
    arn = aws.jobs[name].arn
    more = [{"Key": "stage", "Value": "dev"}]
    assert sagemaker.add_tags(ResourceArn=arn, Tags=more)["Tags"] == tags + more
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags + more
    many = [{"Key": f"k{number}", "Value": ""} for number in range(49)]
    assert "at most 50 tags" in error_of(sagemaker.add_tags, ResourceArn=arn, Tags=many)[1]
    assert "Could not find" in error_of(sagemaker.list_tags, ResourceArn=arn + "x")[1]
    assert error_of(sagemaker.list_tags, ResourceArn=arn, MaxResults=49)[0] == "ValidationException"


def test_a_catalog_may_be_of_any_language(aws: StandIn, name: str) -> None:
    # The model's pattern for it has Java's surrogates.
    athena = {
        "Catalog": "データ😀",
        "Database": "d",
        "QueryString": "q",
        "OutputS3Uri": "s3://b",
        "OutputFormat": "CSV",
    }
    request = job(name, ProcessingInputs=[{"InputName": "i", "DatasetDefinition": {"AthenaDatasetDefinition": athena}}])
    message = error_of_document(aws.endpoint, "CreateProcessingJob", request)[1]
    assert message.startswith("1 validation error detected: Value 'CSV' at ")
    athena["OutputFormat"] = "JSON"
    message = error_of_document(aws.endpoint, "CreateProcessingJob", request)[1]
    assert "dataset definitions: SageMaker can do this, the stand-in cannot" in message


def test_a_name_is_used_once(aws: StandIn, sagemaker: Any, name: str) -> None:
    sagemaker.create_processing_job(**job(name))
    code, message = error_of(sagemaker.create_processing_job, **job(name))
    assert code == "ResourceInUse"
    assert "a job with this name already exists" in message
    # In another region it is another job.
    arn = client_of(aws.endpoint, region="cn-north-1").create_processing_job(**job(name))["ProcessingJobArn"]
    assert arn == f"arn:aws-cn:sagemaker:cn-north-1:{ACCOUNT}:processing-job/{name}"


def test_a_job_that_does_not_exist(sagemaker: Any) -> None:
    for call in (sagemaker.describe_processing_job, sagemaker.stop_processing_job):
        assert error_of(call, ProcessingJobName="nobody") == (
            "ValidationException",
            "Could not find requested job with name: nobody",
        )


def test_an_unknown_operation(sagemaker: Any) -> None:
    assert error_of(sagemaker.list_models)[0] == "UnknownOperationException"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "MissingAuthenticationToken"),
        ({"X-Amz-Target": "SageMaker.ListProcessingJobs"}, 403, "MissingAuthenticationTokenException"),
        ({"Authorization": "Basic eDp5"}, 400, "IncompleteSignature"),
        (
            {
                "X-Amz-Target": "SageMaker.ListProcessingJobs",
                "Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/logs/aws4_request, ...",
            },
            403,
            "InvalidSignatureException",
        ),
        (
            {
                "X-Amz-Target": "SageMaker.ListProcessingJobs",
                "Authorization": "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/sagemaker/aws4_request, ...",
            },
            400,
            "SerializationException",
        ),
    ],
)
def test_requests_that_are_not_calls_of_aws(aws: StandIn, headers: dict[str, str], status: int, code: str) -> None:
    request = urllib.request.Request(aws.endpoint, data=b"{Action", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request)
    assert (raised.value.code, raised.value.headers["x-amzn-errortype"]) == (status, code)


# --- Jobs that go wrong -------------------------------------------------------------------------------------------


def ended(aws: StandIn, sagemaker: Any, request: dict[str, Any]) -> dict[str, Any]:
    """The description of a job that ran to its end."""
    sagemaker.create_processing_job(**request)
    aws.wait(request["ProcessingJobName"])
    return dict(sagemaker.describe_processing_job(ProcessingJobName=request["ProcessingJobName"]))


def test_a_container_that_fails(aws: StandIn, sagemaker: Any, s3: S3Server, name: str) -> None:
    script = "(ml/'processing/output/part').write_text('x'); (ml/'output/message').write_text('ü' * 2000); sys.exit(3)"
    described = ended(aws, sagemaker, job(name, **python(script)))
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 3"
    assert described["ExitMessage"] == "ü" * 1024
    assert uploaded(s3, f"out/{name}/") == {"part": "x"}


def test_a_message_that_is_not_text(aws: StandIn, sagemaker: Any, name: str) -> None:
    described = ended(aws, sagemaker, job(name, **python(r"(ml/'output/message').write_bytes(b'\xff\xfe')")))
    assert described["FailureReason"].startswith("ClientError: ")
    assert "ExitMessage" not in described


def test_a_container_that_is_killed_or_cannot_start(aws: StandIn, sagemaker: Any, name: str) -> None:
    described = ended(aws, sagemaker, job(name, **python("os.kill(os.getpid(), 9)")))
    assert described["FailureReason"].endswith("exit code: 137")
    nowhere = {"AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": ["/no/such/command"]}}
    assert ended(aws, sagemaker, job(f"{name}-2", **nowhere))["FailureReason"].endswith("exit code: 127")


@pytest.mark.parametrize("uri", ["s3://lab/absent", "s3://absent-bucket/data", "s3://lab/data/absent/"])
def test_an_input_without_objects(aws: StandIn, sagemaker: Any, name: str, uri: str) -> None:
    described = ended(aws, sagemaker, job(name, ProcessingInputs=[s3_input("d", uri, IN)]))
    assert described["ProcessingJobStatus"] == "Failed"
    assert described["FailureReason"].startswith(
        f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data source.'
    )
    assert "ProcessingStartTime" not in described
    assert aws.jobs[name].pids == []


def test_an_output_that_cannot_be_written(aws: StandIn, sagemaker: Any, name: str) -> None:
    outputs = {"Outputs": [s3_output("o", "s3://not a bucket/x", OUT)]}
    described = ended(aws, sagemaker, job(name, ProcessingOutputConfig=outputs))
    assert described["FailureReason"].startswith("ClientError: Failed to upload output to s3://not a bucket/x/")


def test_an_unreachable_store() -> None:
    with StandIn("http://127.0.0.1:9", "k", "s", command=COMMAND) as aws:
        described = ended(aws, client_of(aws.endpoint), job("away"))
    assert described["FailureReason"] == ("InternalServerError: We encountered an internal error. Please try again.")


# A container that starts another process, and takes SIGTERM as told.
STUBBORN = """
import subprocess, signal
signal.signal(signal.SIGTERM, {handler})
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
(ml/'processing/output/x').write_text('x')
print(child.pid)
time.sleep(60)
"""
IGNORES, OBEYS = "signal.SIG_IGN", "lambda *_: sys.exit((ml/'output/message').write_text('stopped'))"


def child_of(aws: StandIn, name: str) -> int:
    """The process that the container has started, as soon as it says so."""
    logs = client_of(aws.endpoint, "logs")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if (lines := lines_of(logs, name)) != []:
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError("the container says nothing")


def lines_of(logs: Any, name: str) -> list[str]:
    try:
        streams = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    events = [
        logs.get_log_events(logGroupName=GROUP, logStreamName=one["logStreamName"], startFromHead=True)["events"]
        for one in streams
    ]
    return [event["message"] for some in events for event in some]


@pytest.mark.parametrize(("handler", "message"), [(OBEYS, "stopped"), (IGNORES, None)])
def test_stop(aws: StandIn, sagemaker: Any, s3: S3Server, name: str, handler: str, message: str | None) -> None:
    sagemaker.create_processing_job(**job(name, **python(STUBBORN.format(handler=handler))))
    child = child_of(aws, name)
    sagemaker.stop_processing_job(ProcessingJobName=name)

    if handler == IGNORES:
        assert sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopping"
        # A second call changes nothing.
        sagemaker.stop_processing_job(ProcessingJobName=name)
    assert aws.wait(name, 10) == "Stopped"
    described = sagemaker.describe_processing_job(ProcessingJobName=name)
    assert "FailureReason" not in described
    assert described.get("ExitMessage") == message
    gone(aws.jobs[name].pids[0], child)
    assert uploaded(s3, f"out/{name}/") == {}
    assert error_of(sagemaker.stop_processing_job, ProcessingJobName=name) == (
        "ValidationException",
        "The request was rejected because the processing job is in status Stopped.",
    )


def gone(*pids: int) -> None:
    """Wait until processes have ended; the process that inherits them reaps them a moment later."""
    deadline = time.monotonic() + 5
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_alive, pids))


def test_stop_before_the_container_starts(start: Callable[..., StandIn], name: str) -> None:
    with start(start_after=60) as aws:
        sagemaker = client_of(aws.endpoint)
        sagemaker.create_processing_job(**job(name))
        sagemaker.stop_processing_job(ProcessingJobName=name)
        assert aws.wait(name, 5) == "Stopped"
        assert aws.jobs[name].pids == []


def test_a_job_that_takes_too_long(aws: StandIn, sagemaker: Any, name: str) -> None:
    request = job(name, StoppingCondition={"MaxRuntimeInSeconds": 1}, **python(STUBBORN.format(handler=OBEYS)))
    described = ended(aws, sagemaker, request)
    assert described["ProcessingJobStatus"] == "Stopped"
    assert not {"FailureReason", "ExitMessage"} & described.keys()
    gone(*aws.jobs[name].pids)


def test_the_end_of_the_stand_in_ends_its_jobs(start: Callable[..., StandIn], name: str) -> None:
    with start(stop_grace=60) as aws:
        client_of(aws.endpoint).create_processing_job(**job(name, **python(STUBBORN.format(handler=IGNORES))))
        child = child_of(aws, name)
    gone(aws.jobs[name].pids[0], child)
    assert not aws.jobs[name].folder.exists()


# --- Faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "ThrottlingException", 400),
        ("server-error", "InternalFailure", 500),
        ("unavailable", "ServiceUnavailable", 503),
        ("access-denied", "AccessDeniedException", 400),
        ("expired-token", "ExpiredTokenException", 403),
    ],
)
def test_a_call_that_fails(aws: StandIn, sagemaker: Any, kind: str, code: str, status: int) -> None:
    before = aws.calls["ListProcessingJobs"]
    aws.fail("ListProcessingJobs", kind, times=2)
    for _ in range(2):
        with pytest.raises(ClientError) as raised:
            sagemaker.list_processing_jobs()
        assert raised.value.response["Error"]["Code"] == code
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    sagemaker.list_processing_jobs()
    assert aws.calls["ListProcessingJobs"] == before + 3


def test_a_connection_that_is_lost(aws: StandIn, sagemaker: Any, name: str) -> None:
    aws.fail("CreateProcessingJob", "lost-connection")
    with pytest.raises(ConnectionClosedError):
        sagemaker.create_processing_job(**job(name))
    assert name not in aws.jobs
    aws.fail("CreateProcessingJob", "lost-answer")
    with pytest.raises(ConnectionClosedError):
        sagemaker.create_processing_job(**job(name))
    assert error_of(sagemaker.create_processing_job, **job(name))[0] == "ResourceInUse"


def test_boto3_retries_transient_faults(aws: StandIn) -> None:
    patient = client_of(aws.endpoint, retries={"mode": "standard", "max_attempts": 4})
    before = aws.calls["ListProcessingJobs"]
    for kind in ("throttle", "lost-connection"):
        aws.fail("ListProcessingJobs", kind)
    patient.list_processing_jobs()
    assert aws.calls["ListProcessingJobs"] == before + 3


def test_other_services_fail_too(aws: StandIn) -> None:
    aws.fail("GetRole", "throttle")
    assert error_of(client_of(aws.endpoint, "iam").get_role, RoleName="lab")[0] == "ThrottlingException"


INTERNAL = "InternalServerError: We encountered an internal error. Please try again."
ALGORITHM = "AlgorithmError: See job logs for more information, exit code: 1"


@pytest.mark.parametrize(
    ("kind", "status", "reason", "message", "outputs"),
    [
        ("internal-error", "Failed", INTERNAL, False, False),
        ("stopped", "Stopped", None, False, False),
        ("failed", "Failed", ALGORITHM, True, False),
        ("failed-without-reason", "Failed", None, False, False),
        ("missing-output", "Completed", None, True, False),
        ("truncated-output", "Completed", None, True, True),
        ("finished-at-once", "Completed", None, True, True),
    ],
)
def test_a_job_with_a_fault(
    aws: StandIn,
    sagemaker: Any,
    s3: S3Server,
    name: str,
    kind: str,
    status: str,
    reason: str | None,
    message: bool,
    outputs: bool,
) -> None:
    aws.fail_job(kind, name_prefix=name)
    # It is for others than this one.
    assert ended(aws, sagemaker, job(f"not-{name}"[:63]))["ProcessingJobStatus"] == "Completed"

    described = ended(aws, sagemaker, job(name))
    assert described["ProcessingJobStatus"] == status
    assert described.get("FailureReason") == reason
    assert ("ExitMessage" in described) == message
    files = uploaded(s3, f"out/{name}/")
    assert bool(files) == outputs
    if outputs:
        is_whole = kind != "truncated-output"
        assert files["analysis.json"].endswith("}") == is_whole
        assert files["algo-1/a.csv"] == "data/a.csv"

    assert ended(aws, sagemaker, job(f"{name}-2"))["ProcessingJobStatus"] == "Completed", "the fault is used up"


def test_a_job_that_has_finished_when_it_was_created(start: Callable[..., StandIn], name: str) -> None:
    with start(start_after=60, end_after=60) as aws:
        aws.fail_job("finished-at-once")
        sagemaker = client_of(aws.endpoint)
        sagemaker.create_processing_job(**job(name))
        assert sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Completed"


def test_unknown_faults(aws: StandIn) -> None:
    for call in (
        lambda: aws.fail("ListModels", "throttle"),
        lambda: aws.fail("GetRole", "fire"),
        lambda: aws.fail_job("fire"),
        lambda: aws.fail_job("stopped", times=0),
    ):
        with pytest.raises(ValueError, match=r".+"):
            call()


def ask(endpoint: str, what: str, method: str = "GET", document: Any = None) -> tuple[int, Any]:
    data = None if document is None else json.dumps(document).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_stand_in/{what}", data, method=method)) as got:
            return got.status, json.load(got)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_faults_over_http(aws: StandIn, sagemaker: Any, name: str) -> None:
    assert ask(aws.endpoint, "health") == (200, {"status": "up"})
    throttle = {"operation": "ListProcessingJobs", "fault": "throttle", "times": 2}
    assert ask(aws.endpoint, "faults", "POST", throttle) == (200, {"calls": [throttle], "jobs": []})
    assert error_of(sagemaker.list_processing_jobs)[0] == "ThrottlingException"
    assert ask(aws.endpoint, "faults")[1]["calls"][0]["times"] == 1
    assert ask(aws.endpoint, "faults", "DELETE") == (200, {"calls": [], "jobs": []})
    sagemaker.list_processing_jobs()

    stopped = {"job": "stopped", "times": 1, "name_prefix": name}
    assert ask(aws.endpoint, "faults", "POST", stopped)[1]["jobs"] == [stopped]
    assert ended(aws, sagemaker, job(name))["ProcessingJobStatus"] == "Stopped"
    assert ask(aws.endpoint, "calls")[1] == dict(aws.calls)
    for wrong in ({"job": "fire"}, {"job": "stopped", "time": 1}, [], {"job": "stopped", "times": "x"}):
        assert ask(aws.endpoint, "faults", "POST", wrong)[0] == 400
    assert ask(aws.endpoint, "nothing")[0] == 404


def test_many_jobs_without_containers(start: Callable[..., StandIn], name: str) -> None:
    with start(without_containers=True) as aws:
        sagemaker = client_of(aws.endpoint)
        names = [f"{name}-{number}" for number in range(50)]
        for one in names:
            sagemaker.create_processing_job(**job(one))

        assert {aws.jobs[one].status for one in names} == {"InProgress"}
        assert ask(aws.endpoint, "complete", "POST", {"name_prefix": names[7]}) == (200, {"jobs": 1})
        sagemaker.stop_processing_job(ProcessingJobName=names[8])
        assert (aws.wait(names[7]), aws.wait(names[8])) == ("Completed", "Stopped")
        assert aws.jobs[names[9]].status == "InProgress"

        assert aws.complete(name) == 50
        assert [aws.wait(one) for one in names].count("Completed") == 49
        assert all(not aws.jobs[one].pids for one in names)
        assert ask(aws.endpoint, "complete", "POST", {})[0] == 400


# --- The other operations -----------------------------------------------------------------------------------------


def test_list_jobs(start: Callable[..., StandIn]) -> None:
    with start() as aws:
        sagemaker = client_of(aws.endpoint)
        names = [f"list-{number:02}" for number in range(12)]
        aws.fail_job("stopped", times=11)
        for one in names:
            sagemaker.create_processing_job(**job(one))
            aws.wait(one)

        def listed(**request: Any) -> list[str]:
            pages = sagemaker.get_paginator("list_processing_jobs").paginate(**request)
            return [one["ProcessingJobName"] for page in pages for one in page["ProcessingJobSummaries"]]

        assert len(sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == 10
        assert listed() == listed(SortBy="CreationTime") == listed(SortBy="Name", MaxResults=5) == names
        assert listed(SortBy="Name", SortOrder="Descending") == names[::-1]
        assert listed(StatusEquals="Completed") == listed(NameContains="t-11") == ["list-11"]
        hour_ago, in_an_hour = time.time() - 3600, time.time() + 3600
        assert listed(CreationTimeAfter=hour_ago, LastModifiedTimeBefore=in_an_hour) == names
        assert listed(CreationTimeBefore=hour_ago) == listed(LastModifiedTimeAfter=in_an_hour) == []
        assert error_of(sagemaker.list_processing_jobs, NextToken="?")[0] == "ValidationException"
        assert client_of(aws.endpoint, region="eu-west-1").list_processing_jobs()["ProcessingJobSummaries"] == []


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_the_caller_identity_and_the_role(aws: StandIn, region: str, partition: str) -> None:
    assert client_of(aws.endpoint, "sts", region).get_caller_identity()["Account"] == ACCOUNT
    iam = client_of(aws.endpoint, "iam", region)
    assert iam.get_role(RoleName="lab")["Role"]["Arn"] == f"arn:{partition}:iam::{ACCOUNT}:role/lab"
    assert error_of(iam.get_role, RoleName="no-such-role") == (
        "NoSuchEntity",
        "The role with name no-such-role cannot be found.",
    )
    assert error_of(iam.list_roles)[0] == "InvalidAction"


def test_no_log_group_before_the_first_line(start: Callable[..., StandIn]) -> None:
    with start() as aws:
        logs = client_of(aws.endpoint, "logs")
        assert error_of(logs.describe_log_streams, logGroupName=GROUP)[0] == "ResourceNotFoundException"


def test_follow_a_log(aws: StandIn, sagemaker: Any, name: str) -> None:
    # It says a line, waits until that was read, and says the next.
    script = """
for n in range(3):
    print('line', n)
    print()
    while not (ml / f'go{n}').exists():
        time.sleep(0.01)
print('end')
"""
    sagemaker.create_processing_job(**job(name, **python(script)))
    logs, token, read = client_of(aws.endpoint, "logs"), {}, []
    stream = stream_of(logs, name)
    for number in range(3):
        while len(read) <= number:
            got = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token)
            read += [event["message"] for event in got["events"]]
            token = {"nextToken": got["nextForwardToken"]}
        (aws.jobs[name].folder / f"go{number}").touch()
    assert aws.wait(name) == "Completed"
    got = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token)
    assert [*read, *(event["message"] for event in got["events"])] == ["line 0", "line 1", "line 2", "end"]
    again = logs.get_log_events(
        logGroupName=GROUP, logStreamName=stream, startFromHead=True, nextToken=got["nextForwardToken"]
    )
    assert (again["events"], again["nextForwardToken"]) == ([], got["nextForwardToken"])


def stream_of(logs: Any, name: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            found = []
        if found:
            return str(found[0]["logStreamName"])
        time.sleep(0.02)
    raise AssertionError("no log stream")


def test_pages_of_a_log(aws: StandIn, sagemaker: Any, name: str) -> None:
    ended(aws, sagemaker, job(name, **python("for n in range(10): print(n)")))
    logs = client_of(aws.endpoint, "logs")
    stream = stream_of(logs, name)
    assert re.fullmatch(rf"{name}/algo-1-\d{{10}}", stream)

    def events(**request: Any) -> tuple[str, dict[str, Any]]:
        got = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, **request)
        return "".join(event["message"] for event in got["events"]), got

    assert events(startFromHead=True)[0] == "0123456789"
    text, first = events(startFromHead=True, limit=4)
    assert text == "0123"
    assert events(startFromHead=True, limit=4, nextToken=first["nextForwardToken"])[0] == "4567"
    text, last = events(limit=4)
    assert text == "6789"
    assert events(limit=4, nextToken=last["nextBackwardToken"])[0] == "2345"
    assert events(nextToken=last["nextForwardToken"])[0] == ""
    now = int(time.time() * 1000)
    assert (events(startTime=now + 1000)[0], events(endTime=now + 1000)[0]) == ("", "0123456789")
    assert error_of(events, nextToken="x")[0] == "InvalidParameterException"
    assert error_of(events, limit=10_001)[0] == "ValidationException"
    for request in ({"logGroupName": GROUP, "logStreamName": "x"}, {"logGroupName": "x", "logStreamName": stream}):
        assert error_of(logs.get_log_events, **request)[0] == "ResourceNotFoundException"


def test_pages_of_log_streams(aws: StandIn, sagemaker: Any, name: str) -> None:
    for number in range(3):
        ended(aws, sagemaker, job(f"{name}-{number}"))
    logs = client_of(aws.endpoint, "logs")

    def streams(**request: Any) -> list[str]:
        pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=GROUP, **request)
        return [one["logStreamName"].partition("/")[0] for page in pages for one in page["logStreams"]]

    names = [f"{name}-{number}" for number in range(3)]
    assert streams(logStreamNamePrefix=name) == streams(logStreamNamePrefix=name, limit=1) == names
    assert streams(logStreamNamePrefix=name, descending=True) == names[::-1]
    assert streams(orderBy="LastEventTime", descending=True)[:3] == names[::-1]
    code, _ = error_of(logs.describe_log_streams, logGroupName=GROUP, orderBy="LastEventTime", logStreamNamePrefix="x")
    assert code == "InvalidParameterException"


def test_a_thousand_clients(start: Callable[..., StandIn], name: str) -> None:
    clients, rounds = 1000, 3
    with start(start_after=600) as aws:
        one = client_of(aws.endpoint)
        one.create_processing_job(**job(name))
        request = _polling_request(aws.endpoint, name)
        answers: list[bytes] = []
        with ThreadPoolExecutor(1) as pool:
            answers = pool.submit(_poll, aws.endpoint, request, clients, rounds).result()
        assert len(answers) == clients * rounds
        assert all(answer.startswith(b"HTTP/1.1 200") and b"InProgress" in answer for answer in answers)


def _polling_request(endpoint: str, name: str) -> bytes:
    body = json.dumps({"ProcessingJobName": name}).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {endpoint.removeprefix('http://')}\r\n"
        "X-Amz-Target: SageMaker.DescribeProcessingJob\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/sagemaker/aws4_request\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _poll(endpoint: str, request: bytes, clients: int, rounds: int) -> list[bytes]:
    """As many connections at once, each of which is used again."""
    import asyncio

    host, port = endpoint.removeprefix("http://").split(":")

    async def client() -> list[bytes]:
        reader, writer = await asyncio.open_connection(host, int(port))
        answers = []
        for _ in range(rounds):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert length
            answers.append(head + await reader.readexactly(int(length[1])))
        writer.close()
        return answers

    async def all_clients() -> list[bytes]:
        return [answer for answers in await asyncio.gather(*(client() for _ in range(clients))) for answer in answers]

    return asyncio.run(all_clients())


# --- As a process -------------------------------------------------------------------------------------------------


@pytest.fixture
def process(s3: S3Server) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sagemaker_stand_in", "--port", "0", "--s3-endpoint", s3.endpoint]
    secrets = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    options = ["--account", "999988887777", "--stop-grace", "60"]
    environment = os.environ | secrets | {"PYTHONPATH": str(TOOLS)}
    with subprocess.Popen([*command, *options], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_as_a_process(process: subprocess.Popen[str], s3: S3Server, name: str) -> None:
    assert process.stdout is not None
    endpoint = process.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", endpoint)
    assert ask(endpoint, "health")[0] == 200
    sagemaker = client_of(endpoint)
    created = sagemaker.create_processing_job(**job(name, **python("(ml/'processing/output/x').write_text('x')")))
    assert created["ProcessingJobArn"] == f"arn:aws:sagemaker:us-east-1:999988887777:processing-job/{name}"
    waiter = sagemaker.get_waiter("processing_job_completed_or_stopped")
    waiter.wait(ProcessingJobName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
    assert uploaded(s3, f"out/{name}/") == {"x": "x"}

    sagemaker.create_processing_job(**job(f"{name}-2", **python("print(os.getpid()); time.sleep(60)")))
    logs = client_of(endpoint, "logs")
    stream_of(logs, f"{name}-2")
    [pid] = map(int, lines_of(logs, f"{name}-2"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert process.stdout.read() == ""
    gone(pid)


def test_the_help_does_not_contain_the_secret() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "sagemaker_stand_in", "--help"],
        env=os.environ | {"PYTHONPATH": str(TOOLS), "AWS_SECRET_ACCESS_KEY": "hush-hush"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--s3-endpoint" in told.stdout
    assert "hush-hush" not in told.stdout


def test_it_can_be_asked_from_many_threads(aws: StandIn, sagemaker: Any, name: str) -> None:
    aws.fail_job("stopped", times=20, name_prefix=name)
    barrier = threading.Barrier(20)

    def create(_: int) -> bool:
        barrier.wait()
        try:
            sagemaker.create_processing_job(**job(name))
        except sagemaker.exceptions.ResourceInUse:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(create, range(20))) == 1
