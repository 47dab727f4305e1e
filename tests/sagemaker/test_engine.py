"""Test the engine without Airflow's runner: validation, requests, uploads, results, and failures of AWS."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import logging
import pickle
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest_sagemaker import CSV, Aws
from hypothesis import given
from hypothesis import strategies as st

from airflow_clarify import Analysis, BiasConfig, DataConfig, SageMakerEngine
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.engines.sagemaker.client import ProcessingJobs
from airflow_clarify.engines.sagemaker.images import REGIONS, get_clarify_image
from airflow_clarify.engines.sagemaker.logs import LogTail
from airflow_clarify.engines.sagemaker.request import MAX_NAME_LENGTH, JobPlan, build_job_name
from airflow_clarify.engines.sagemaker.results import read_configuration
from airflow_clarify.engines.sagemaker.s3 import S3Files
from airflow_clarify.engines.sagemaker.status import JobStatus, replace_datetimes
from airflow_clarify.exceptions import ConfigError, DataError, JobError, ServiceError
from airflow_clarify.operators.sagemaker_job import JobIdentity, TaskJob

_numbers = itertools.count(1)
log = logging.getLogger(__name__)


def engine(**changes: Any) -> SageMakerEngine:
    return SageMakerEngine(**{"role": "clarify", "aws_conn_id": "clarify_lab", **changes})


def data(**changes: Any) -> DataConfig:
    return DataConfig(
        **{"input_path": "s3://lab/data/reviews.csv", "output_path": "s3://lab/out", "label": "y", **changes}
    )


def config(given: DataConfig, **changes: Any) -> AnalysisConfig:
    bias = BiasConfig(**{"label_values_or_threshold": [1], "facet_name": "f", **changes})
    return AnalysisConfig.build(given, bias, ["CI", "DPL"])


# --- Names, images, states ----------------------------------------------------------------------------------------


@given(st.text(max_size=80), st.text(), st.integers(1, 100))
def test_job_names_are_valid_for_sagemaker(prefix: str, identity: str, attempt: int) -> None:
    if not re.search("[a-zA-Z0-9]", prefix):
        with pytest.raises(ConfigError, match="holds no letter or digit"):
            build_job_name(prefix, identity, attempt)
        return
    name = build_job_name(prefix, identity, attempt)
    assert re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
    assert name == build_job_name(prefix, identity, attempt)


def test_job_names_with_long_prefixes_stay_unique() -> None:
    long = "training-data-bias-of-the-marketing-department-in-" * 3
    names = {build_job_name(long, identity, attempt) for identity in ("a", "b") for attempt in (1, 2, 10)}
    assert len(names) == 6
    assert max(map(len, names)) == MAX_NAME_LENGTH
    assert build_job_name("p", None) != build_job_name("p", None)


def test_images_of_all_regions() -> None:
    assert len(REGIONS) == 28
    assert (
        get_clarify_image("us-east-1")
        == "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
    )
    assert get_clarify_image("cn-north-1").endswith(
        "122526803553.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-clarify-processing:1.0"
    )
    with pytest.raises(ConfigError, match="no Clarify image for 'mars-east-1'; choose one of af-south-1"):
        get_clarify_image("mars-east-1")


@pytest.mark.parametrize(
    ("description", "why"),
    [
        (
            {"FailureReason": "AlgorithmError: exit code: 2", "ExitMessage": "no column\n 'g'"},
            "Failed: AlgorithmError: exit code: 2; exit message: no column 'g'",
        ),
        ({"FailureReason": "Error: no column", "ExitMessage": "no column"}, "Failed: Error: no column"),
        ({"ExitMessage": "no column"}, "Failed: no column"),
        ({}, "Failed, and SageMaker gives no reason"),
    ],
)  # fmt: skip
def test_why_a_job_failed(description: dict[str, Any], why: str) -> None:
    status = JobStatus.from_description({"ProcessingJobName": "j", "ProcessingJobStatus": "Failed", **description})
    assert status.why == why
    assert status.ended
    assert not status.completed


def test_an_unknown_state_is_not_a_success() -> None:
    assert not JobStatus.from_description({"ProcessingJobStatus": "Paused"}).completed
    assert JobStatus.from_description({"ProcessingJobStatus": "Paused"}).ended
    assert not JobStatus.from_description({}).completed


# --- Unsupported configurations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "of_data", "of_bias", "said"),
    [
        ({}, {"input_path": "gs://b/data.csv"}, {}, "input_path: a job on SageMaker reads and writes S3 only"),
        ({}, {"input_path": "s3://lab/data/*.csv"}, {}, "input_path: SageMaker reads a file or a folder, not a"),
        ({}, {"input_path": "s3://lab@lab/data.csv"}, {}, "input_path: name the connection in the engine"),
        ({}, {"input_path": "absent.csv"}, {}, "input_path: absent.csv: no such file or folder"),
        ({}, {"output_path": "out"}, {}, "output_path: a job on SageMaker writes to S3 only, not to out"),
        ({}, {"weight": "w"}, {}, "weight: Clarify's image does not support this option; leave it out, run this"),
        ({}, {"na_values": ["?"]}, {}, "na_values: Clarify's image does not support this option"),
        ({}, {"header_row": False}, {}, "header_row: Clarify's image does not support this option"),
        ({}, {}, {"label_type": "categorical"}, "label_type: Clarify's image does not support this option"),
        ({}, {"conn_id": "other"}, {}, "conn_id: the job reads with its role, and the task"),
        ({"instance_count": 2}, {}, {}, "instance_count: more than one instance needs a joinsource"),
        ({"region_name": "mars-1"}, {}, {}, "region_name: Amazon publishes no Clarify image for 'mars-1'"),
        ({"aws_conn_id": "lap"}, {}, {}, "aws_conn_id: there is no Airflow connection 'lap'"),
    ],
)  # fmt: skip
def test_unsupported_configurations_are_rejected_before_submission(
    changes: dict[str, Any], of_data: dict[str, Any], of_bias: dict[str, Any], said: str
) -> None:
    given = data(**of_data)
    with pytest.raises(ConfigError) as raised:
        engine(**changes).plan(given, config(given, **of_bias))
    assert str(raised.value).startswith(said)


def test_the_engine_requires_a_role_and_can_be_pickled() -> None:
    with pytest.raises(ConfigError, match="role: name the IAM role"):
        SageMakerEngine(role="")
    assert pickle.loads(pickle.dumps(engine(tags={"a": "b"}))) == engine(tags={"a": "b"})


# --- Against S3 and the stand-in --------------------------------------------------------------------------------------


@pytest.fixture
def ran(aws: Aws) -> Callable[..., tuple[dict[str, Any], AnalysisConfig, S3Files]]:
    """Run a job to its end."""

    def run(
        given: DataConfig | None = None, of_engine: SageMakerEngine | None = None, **of_bias: Any
    ) -> tuple[dict[str, Any], AnalysisConfig, S3Files]:
        of_engine = of_engine or engine()
        given = given or data(output_path=f"s3://lab/engine-{next(_numbers)}")
        asked = config(given, **of_bias)
        name = of_engine.job_name(None)
        of_engine.submit(of_engine.plan(given, asked), name)
        aws.sagemaker.wait(name)
        return ProcessingJobs(of_engine.connection).describe(name), asked, S3Files(of_engine.connection)

    return run


server = pytest.mark.server


@server
def test_the_request_contains_only_given_settings(aws: Aws, ran: Callable[..., Any]) -> None:
    ran()
    assert set(aws.created()[-1]) == {
        "ProcessingJobName",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "AppSpecification",
        "RoleArn",
    }
    assert aws.created()[-1]["RoleArn"] == "arn:aws:iam::111122223333:role/clarify"


@server
def test_the_request_contains_all_settings(aws: Aws, ran: Callable[..., Any]) -> None:
    arn = "arn:aws:iam::111122223333:role/service/other"
    description, *_ = ran(
        data(joinsource="f", output_path="s3://lab/all"),
        engine(
            role=arn,
            instance_type="ml.c5.xlarge",
            instance_count=2,
            volume_size_in_gb=50,
            volume_kms_key="volume-key",
            max_runtime_in_seconds=1200,
            subnets=["subnet-1"],
            security_group_ids=["sg-1"],
            enable_network_isolation=True,
            encrypt_inter_container_traffic=True,
            env={"A": "1"},
            tags={"team": "risk"},
            experiment_config={"ExperimentName": "bias"},
            job_name_prefix="lab_bias",
            image_uri="111122223333.dkr.ecr.us-east-1.amazonaws.com/airflow-clarify:0.1.0",
        ),
    )
    request = aws.created()[-1]
    assert request["ProcessingJobName"].startswith("lab-bias-")
    assert request["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 2,
        "VolumeSizeInGB": 50,
        "VolumeKmsKeyId": "volume-key",
    }
    assert request["NetworkConfig"] == {
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    }
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 1200}
    assert request["Tags"] == [{"Key": "team", "Value": "risk"}]
    assert (request["RoleArn"], request["ExperimentConfig"]) == (arn, {"ExperimentName": "bias"})
    assert description["ProcessingJobStatus"] == "Completed"


def test_the_output_key_also_encrypts_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The S3 server of the tests does not support KMS, so the test inspects the client."""
    from botocore.session import Session
    from botocore.stub import Stubber

    client = Session().create_client("s3", "us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
    files = S3Files(engine().connection, "the-key")
    monkeypatch.setattr(S3Files, "_client", client)
    with Stubber(client) as stubber:
        encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "the-key"}
        stubber.add_response("put_object", {}, {"Bucket": "b", "Key": "k", "Body": b"{}", **encrypted})
        files.write("s3://b/k", b"{}")
    plan = JobPlan("{}", "s3://b/d.csv", None, "s3://b/out", None, {}, "the-key")
    assert plan.build_request("j", plan.data)["ProcessingOutputConfig"]["KmsKeyId"] == "the-key"


@server
@pytest.mark.parametrize("folder", [False, True])
def test_a_local_dataset_is_uploaded_first(folder: bool, aws: Aws, ran: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text(CSV)
    (tmp_path / ".hidden").write_text("no data")
    description, asked, files = ran(data(input_path=str(tmp_path if folder else path), output_path=None))
    name = description["ProcessingJobName"]
    bucket = "sagemaker-us-east-1-111122223333"
    analysis = collected(description, asked, files)

    assert analysis.rows == 200
    assert description["ProcessingInputs"][0]["S3Input"]["S3Uri"] == (
        f"s3://{bucket}/{name}/input/dataset" + ("" if folder else "/reviews.csv")
    )
    assert analysis.outputs["analysis"] == f"s3://{bucket}/{name}/output/analysis_result/analysis.json"
    listed = aws.s3.client().list_objects_v2(Bucket=bucket, Prefix=f"{name}/input/")["Contents"]
    assert [one["Key"] for one in listed] == [f"{name}/input/dataset/reviews.csv"]


@server
def test_options_are_passed_to_the_package_image(aws: Aws, ran: Callable[..., Any]) -> None:
    given = data(na_values=["a" * 120, "b" * 120, "c" * 120], output_path="s3://lab/options", header_row=True)
    ours = engine(image_uri="111122223333.dkr.ecr.us-east-1.amazonaws.com/airflow-clarify:0.1.0")
    description, asked, files = ran(given, ours, label_type="categorical", facet_type="categorical")
    assert {"AIRFLOW_CLARIFY_OPTIONS_1", "AIRFLOW_CLARIFY_OPTIONS_2"} <= description["Environment"].keys()
    analysis = collected(description, asked, files)
    assert analysis.declared_types == {"label_type": "categorical", "facet_type": "categorical"}
    # A sensor has only the job's description.
    again = collected(description, read_configuration(description, files), files)
    assert again.config_sha256 == analysis.config_sha256

    # An image without support for the options writes no summary.
    leave_as_clarify(aws, "options")
    with pytest.raises(
        JobError,
        match=r"holds no summary.json, so it is unknown whether the image applied na_values, header_row, label",
    ):
        collected(description, asked, files)


@server
@pytest.mark.parametrize(
    ("also", "asked", "sentence"),
    [
        ("more/reviews.csv.bak", "more/reviews.csv", "so s3://lab/more/reviews.csv.bak too"),
        ("twice-old/reviews.csv", "twice", "so s3://lab/twice-old/reviews.csv too"),
    ],
)
def test_prefixes_that_match_other_objects_are_rejected(also: str, asked: str, sentence: str, aws: Aws) -> None:
    for key in (also, asked if asked.endswith(".csv") else f"{asked}/reviews.csv"):
        aws.s3.client().put_object(Bucket="lab", Key=key, Body=CSV.encode())
    given = data(input_path=f"s3://lab/{asked}")
    with pytest.raises(ConfigError, match=sentence):
        engine().plan(given, config(given))
    if not asked.endswith(".csv"):
        engine().plan(replace(given, input_path=f"s3://lab/{asked}/"), config(given))


@server
def test_a_missing_dataset(aws: Aws) -> None:
    given = data(input_path="s3://lab/absent.csv")
    with pytest.raises(DataError, match=r"s3://lab/absent.csv: no file there"):
        engine().plan(given, config(given))


# --- Failures of AWS ------------------------------------------------------------------------------------------------


def leave_as_clarify(aws: Aws, folder: str) -> None:
    """Reduce an output of our image to what Clarify's image writes: without counts and their fingerprints."""
    document = json.loads(aws.read(f"{folder}/analysis.json"))
    document.pop("airflow_clarify", None)
    aws.s3.client().put_object(Bucket="lab", Key=f"{folder}/analysis.json", Body=json.dumps(document).encode())
    aws.s3.client().delete_object(Bucket="lab", Key=f"{folder}/summary.json")


def collected(description: dict[str, Any], asked: AnalysisConfig, files: S3Files) -> Analysis:
    from airflow_clarify.engines.sagemaker.results import collect

    return collect(description, asked, files)


@server
@pytest.mark.parametrize("fault", ["throttle", "server-error", "unavailable", "lost-connection"])
def test_waiting_survives_transient_failures(fault: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    given = data(output_path=f"s3://lab/survives-{fault}")
    plain = engine(env={"SLEEP_FIRST": "1"}, botocore_config={"retries": {"total_max_attempts": 1}})
    job = TaskJob(plain, log)
    asked = config(given)
    found = job.find_or_start(plain.plan(given, asked), asked, None, lambda _: None)
    aws.sagemaker.fail("DescribeProcessingJob", fault, times=4)
    aws.sagemaker.fail("DescribeLogStreams", fault, times=1)
    ended = job.wait(found.name, time.time() + 30, 0.1, lambda: None, logs=True)
    assert job.finish(ended, asked, shown=True).rows == 200


@server
def test_expired_credentials_are_read_anew_from_the_connection(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = engine(botocore_config={"retries": {"total_max_attempts": 1}})
    jobs, files = ProcessingJobs(plain.connection), S3Files(plain.connection)
    jobs.connect()
    files.write("s3://lab/before-the-rotation", b"")
    rotated = json.loads(aws.connection()) | {"login": "rotated"}
    monkeypatch.setenv("AIRFLOW_CONN_CLARIFY_LAB", json.dumps(rotated))
    aws.sagemaker.fail("DescribeProcessingJob", "expired-token", times=1)
    assert jobs.observe("any-job") is None

    clients = [client._client for client in (jobs, files, LogTail(plain.connection, "any-job"))]
    assert [client._request_signer._credentials.access_key for client in clients] == ["rotated"] * 3


@server
@pytest.mark.parametrize("operation", ["CreateProcessingJob", "StopProcessingJob", "GetRole"])
def test_single_calls_are_retried(operation: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_clarify.engines.sagemaker.client.time.sleep", lambda _: None)
    given = data(output_path=f"s3://lab/again-{operation}")
    plain = engine(env={"SLEEP_FIRST": "60"})
    aws.sagemaker.fail(operation, "throttle", times=2)
    name = plain.job_name(None)
    plain.submit(plain.plan(given, config(given)), name)
    assert ProcessingJobs(plain.connection).stop(name)
    assert aws.sagemaker.wait(name) == "Stopped"
    assert not ProcessingJobs(plain.connection).stop(name)


@server
def test_a_job_that_ended_before_the_wait_began(aws: Aws) -> None:
    aws.sagemaker.fail_job("finished-at-once")
    given = data(output_path="s3://lab/at-once")
    job, asked = TaskJob(engine(), log), config(given)
    found = job.find_or_start(engine().plan(given, asked), asked, None, lambda _: None)
    ended = job.wait(found.name, time.time() + 5, 30, lambda: None, logs=False)
    assert job.finish(ended, asked, shown=False).rows == 200


@server
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("internal-error", r"\(Failed: InternalServerError: We encountered an internal error"),
        ("failed-without-reason", r"\(Failed, and SageMaker gives no reason\)"),
        ("stopped", r"\(Stopped, and SageMaker gives no reason\)"),
    ],
)
def test_a_job_that_did_not_complete(fault: str, sentence: str, aws: Aws, ran: Callable[..., Any]) -> None:
    aws.sagemaker.fail_job(fault)
    description, asked, _ = ran()
    with pytest.raises(JobError, match=f"{description['ProcessingJobName']} did not complete {sentence}"):
        TaskJob(engine(), log).finish(description, asked, shown=False)


@server
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("missing-output", "analysis.json is missing"),
        ("truncated-output", "wrote an invalid output: .*analysis.json: not JSON .*was it cut off"),
    ],
)
def test_a_job_that_completed_without_its_output(fault: str, sentence: str, aws: Aws, ran: Callable[..., Any]) -> None:
    aws.sagemaker.fail_job(fault)
    with pytest.raises(JobError, match=sentence):
        collected(*ran())


@server
def test_an_unavailable_store_does_not_start_another_job(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    given = data(output_path="s3://lab/store-away")
    job, asked, identity = TaskJob(engine(), log), config(given), JobIdentity(("d", "r", "t", -1), "then", 0)
    found = job.find_or_start(engine().plan(given, asked), asked, identity, lambda _: None)
    aws.sagemaker.wait(found.name)
    again = TaskJob(engine(), log)

    def away(*_: Any) -> None:
        raise ServiceError("GetObject: AWS cannot be reached")

    monkeypatch.setattr(again.files, "read", away)
    before = len(aws.created())
    with pytest.raises(ServiceError):
        again.find_or_start(engine().plan(given, asked), asked, identity, lambda _: None)
    assert len(aws.created()) == before

    monkeypatch.undo()
    monkeypatch.setenv("AIRFLOW_CONN_CLARIFY_LAB", aws.connection())
    taken_over = TaskJob(engine(), log).find_or_start(engine().plan(given, asked), asked, identity, lambda _: None)
    assert (taken_over.name, len(aws.created())) == (found.name, before)
    assert taken_over.analysis is not None


@server
def test_the_output_of_an_earlier_job_is_rejected(aws: Aws, ran: Callable[..., Any]) -> None:
    """The last job has no output, but that of an earlier job has the same form."""
    given = data(output_path="s3://lab/used-again")
    ran(given)
    time.sleep(6)
    aws.sagemaker.fail_job("missing-output")
    with pytest.raises(JobError, match=r"used-again/analysis.json is of an earlier job"):
        collected(*ran(given))


@server
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"facets": {}}, "no facet"),
        (
            {"facets": {"f": [{"value_or_threshold": "a", "metrics": [{"name": "CI", "value": 0.1}]}]}},
            "holds no DPL of f a, which was asked for",
        ),
        ({"facets": {"g": []}}, "a facet without a tested group"),
    ],
)  # fmt: skip
def test_an_analysis_of_another_request_is_rejected(
    change: dict[str, Any], sentence: str, aws: Aws, ran: Callable[..., Any]
) -> None:
    description, asked, files = ran()
    folder = description["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://lab/")
    document = json.loads(aws.read(f"{folder}/analysis.json"))
    document["pre_training_bias_metrics"] |= change
    aws.s3.client().put_object(Bucket="lab", Key=f"{folder}/analysis.json", Body=json.dumps(document).encode())
    leave_as_clarify(aws, folder)
    with pytest.raises(JobError, match=sentence):
        collected(description, asked, files)


@server
def test_output_of_clarify_without_counts_gets_our_report(aws: Aws, ran: Callable[..., Any]) -> None:
    description, asked, files = ran()
    folder = description["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://lab/")
    leave_as_clarify(aws, folder)
    aws.s3.client().put_object(Bucket="lab", Key=f"{folder}/report.pdf", Body=b"%PDF")
    analysis = collected(description, asked, files)
    assert analysis.file_sha256 == hashlib.sha256(aws.read(f"{folder}/analysis.json")).hexdigest()

    assert analysis.rows is None
    assert analysis.engine == "sagemaker sagemaker-clarify-processing:1.0"
    assert analysis.outputs == {
        "analysis": f"s3://lab/{folder}/analysis.json",
        "config": f"s3://lab/{folder}/analysis_config.json",
        "clarify_report": f"s3://lab/{folder}/report.html",
        "clarify_notebook": f"s3://lab/{folder}/report.ipynb",
        "clarify_pdf": f"s3://lab/{folder}/report.pdf",
        "report": f"s3://lab/{folder}/bias_report.html",
    }
    assert b"<html" in aws.read(f"{folder}/bias_report.html")
    assert [m.value for m in analysis.facets[0].results[1].metrics] == [0.0, 0.5]


@server
@pytest.mark.parametrize(("name", "ours"), [("lab", "bias_report.html"), ("bias_report", "our_bias_report.html")])
def test_the_report_may_have_another_name(name: str, ours: str, aws: Aws) -> None:
    given = data(output_path=f"s3://lab/named-{name}")
    document = config(given).document
    asked = AnalysisConfig({**document, "methods": {**document["methods"], "report": {"name": name}}})
    job_name = engine().job_name(None)
    engine().submit(engine().plan(given, asked), job_name)
    aws.sagemaker.wait(job_name)
    description, files = ProcessingJobs(engine().connection).describe(job_name), S3Files(engine().connection)
    assert collected(description, asked, files).outputs["report"] == f"s3://lab/named-{name}/{name}.html"

    leave_as_clarify(aws, f"named-{name}")
    found = collected(description, asked, files).outputs
    assert found["clarify_report"] == f"s3://lab/named-{name}/{name}.html"
    assert found["report"] == f"s3://lab/named-{name}/{ours}"


@server
def test_rejections_are_one_sentence(aws: Aws) -> None:
    given = data()
    with pytest.raises(ConfigError, match=r"GetRole of no-such-role: NoSuchEntity.*; check the name"):
        engine(role="no-such-role").plan(given, config(given))
    enormous = engine(instance_type="ml.enormous")
    plan = enormous.plan(given, config(given))
    with pytest.raises(ConfigError, match=r"CreateProcessingJob of .*: ValidationException: .*[iI]nstanceType"):
        enormous.submit(plan, enormous.job_name(None))
    with pytest.raises(JobError, match="there is no processing job 'absent' in us-east-1; check the name"):
        ProcessingJobs(engine().connection).describe("absent")


def test_an_unreachable_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_clarify.engines.sagemaker.client.time.sleep", lambda _: None)
    extra = {"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1"}
    monkeypatch.setenv(
        "AIRFLOW_CONN_NOWHERE", json.dumps({"conn_type": "aws", "login": "k", "password": "s", "extra": extra})
    )
    nowhere = engine(aws_conn_id="nowhere", botocore_config={"retries": {"total_max_attempts": 1}})
    with pytest.raises(ServiceError, match=r"DescribeProcessingJob of j: AWS cannot be reached .*; check the network"):
        ProcessingJobs(nowhere.connection).describe("j")


def test_descriptions_for_xcom_have_no_datetimes(aws: Aws, ran: Callable[..., Any]) -> None:
    description, *_ = ran()
    plain = replace_datetimes(description)
    assert json.loads(json.dumps(plain)) == plain
    assert "ResponseMetadata" not in plain
    assert plain["CreationTime"].startswith("20")


def test_clients_of_an_engine_are_created_once_and_not_copied(aws: Aws) -> None:
    plain = engine()
    hook = plain.connection.hook("s3")
    copies = [copy.deepcopy(plain), pickle.loads(pickle.dumps(plain))]

    assert plain.connection.hook("s3") is hook
    assert all(other == plain and other.connection.hook("s3") is not hook for other in copies)
    plain.region_name = "eu-west-1"
    assert plain.connection.hook("s3").region_name == "eu-west-1"
    assert plain.connection.to_dict() == {
        "aws_conn_id": "clarify_lab",
        "region_name": "eu-west-1",
        "verify": None,
        "botocore_config": None,
    }
