"""Jobs of this package and of the SageMaker Python SDK: the same request, and byte for byte the same files in S3.

Both are driven for real against the same servers, the SDK in an environment of its own. The requests are compared
whole, as they were received; nothing is left out but the names of jobs that are made up.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sagemaker_stand_in import StandIn
from sdk_cases import BUCKET, DATASETS, JOBS, LOCAL_FILE, Job, configurations
from servers import ACCESS_KEY, SECRET_KEY, S3Server, s3_server
from test_conformance import SEED

from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.bias.model_config import ModelConfig, ModelPredictedLabelConfig
from airflow_clarify.engines.sagemaker import SageMakerEngine, request
from airflow_clarify.engines.sagemaker.client import ProcessingJobs
from airflow_clarify.engines.sagemaker.images import REGIONS, get_clarify_image
from airflow_clarify.engines.sagemaker.s3 import S3Files

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

CONFIGURATIONS = 150
#: What is in S3: bucket and key to content.
Objects = dict[str, bytes]
#: What was compared, for the summary.
seen: Counter[str] = Counter()


@dataclass(frozen=True)
class Done:
    """The results of all jobs.

    :param requests: the requests to create them, by the name of the case
    :param objects: what was in S3 afterwards
    :param answer: what the SDK has said beside that
    """

    requests: dict[str, dict[str, Any]]
    objects: Objects
    answer: dict[str, Any] = field(default_factory=dict)

    def configuration(self, case: str) -> bytes:
        """The file that the job was given."""
        inputs = {one["InputName"]: one["S3Input"]["S3Uri"] for one in self.requests[case]["ProcessingInputs"]}
        return self.objects[inputs["analysis_config"].removeprefix("s3://").replace("//", "/")]


@pytest.fixture(scope="module")
def store() -> Iterator[S3Server]:
    with s3_server() as server:
        for bucket in (BUCKET, DATASETS):
            server.client().create_bucket(Bucket=bucket)
        server.client().put_object(Bucket=DATASETS, Key="lab/reviews.csv", Body=b"star_rating\n5\n")
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a notebook, with a dataset."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / LOCAL_FILE).parent.mkdir()
    (folder / LOCAL_FILE).write_text("star_rating,product_category\n5,Gift Card\n")
    (folder / LOCAL_FILE).with_name("more.csv").write_text("1,Shoes\n")
    return folder


@contextlib.contextmanager
def stand_in(store: S3Server) -> Iterator[StandIn]:
    """Provide a stand-in that accepts jobs; other tests check their results."""
    with StandIn(store.endpoint, ACCESS_KEY, SECRET_KEY, command=["true"]) as aws:
        yield aws


def taken_out(store: S3Server) -> Objects:
    """Return all objects, and delete them, so that the next submission finds an empty bucket."""
    client, objects = store.client(), {}
    for name in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]} - {DATASETS}:
        for one in client.list_objects_v2(Bucket=name).get("Contents", []):
            objects[f"{name}/{one['Key']}"] = client.get_object(Bucket=name, Key=one["Key"])["Body"].read()
            client.delete_object(Bucket=name, Key=one["Key"])
    return objects


def requests_of(aws: StandIn, names: list[str]) -> dict[str, dict[str, Any]]:
    by_name = {request["ProcessingJobName"]: request for request in aws.requests("CreateProcessingJob")}
    return {job.name: by_name[name] for job, name in zip(JOBS, names, strict=True)}


# --- We -----------------------------------------------------------------------------------------------------------


def our_engine(job: Job) -> SageMakerEngine:
    return SageMakerEngine(
        **job.all_of_processor,
        **job.network,
        experiment_config=job.experiment_config,
        region_name=None if job.region == "us-east-1" else job.region,
    )


def our_config(configuration: Mapping[str, Any]) -> AnalysisConfig:
    return AnalysisConfig.build(
        DataConfig.coerce(configuration["data"]),
        BiasConfig(**configuration["bias"]),
        configuration["methods"],
        post_training_methods=configuration["post_training_methods"],
        **our_model(configuration["model"], configuration["predicted"]),
    )


def our_model(model: Mapping[str, Any] | None, predicted: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "model_config": None if model is None else ModelConfig(**model),
        "model_predicted_label_config": None if predicted is None else ModelPredictedLabelConfig(**predicted),
    }


def submit(job: Job) -> str:
    """Start a job as the operator does, and return its name."""
    engine, data = our_engine(job), DataConfig.coerce(job.all_of_data)
    config = AnalysisConfig.build(
        data,
        BiasConfig(**job.bias),
        job.methods,
        post_training_methods=job.post_training_methods,
        **our_model(job.model, job.predicted),
    )
    plan = engine.plan(data, config)
    name = engine.job_name(job.name, default_prefix=plan.default_prefix)
    # As engine.submit() does, but that nothing is encrypted on its way to S3: the server has no keys. The SDK encrypts
    # uploads only when it is told to for each run (3.x a dataset also with the key of the output).
    request.submit_job(plan, name, ProcessingJobs(engine.connection), S3Files(engine.connection))
    return name


@pytest.fixture(scope="module")
def ours(store: S3Server, folder: Path) -> Iterator[Done]:
    with stand_in(store) as aws, contextlib.chdir(folder), pytest.MonkeyPatch.context() as environment:
        extra = {
            "region_name": "us-east-1",
            "endpoint_url": aws.endpoint,
            "service_config": {"s3": {"endpoint_url": store.endpoint}},
        }
        connection = {"conn_type": "aws", "login": ACCESS_KEY, "password": SECRET_KEY, "extra": extra}
        environment.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        names = [submit(job) for job in JOBS]
        yield Done(requests_of(aws, names), taken_out(store))


# --- The SDK ------------------------------------------------------------------------------------------------------


def ask(python: str, question: dict[str, Any], folder: Path, aws: StandIn, store: S3Server) -> dict[str, Any]:
    """Let the SDK start jobs, and answer questions."""
    environment = {
        "PATH": os.defpath,
        # A developer's settings for the SDK are not what is compared with.
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ENDPOINT_URL_S3": store.endpoint,
    }
    answered = folder / "answer.json"
    ran = subprocess.run(
        [python, str(Path(__file__).with_name("sagemaker_sdk.py")), str(answered)],
        input=json.dumps(question),
        capture_output=True,
        encoding="utf-8",
        env=environment,
        cwd=folder,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    answer: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return answer


def in_its_words(job: Job, name: str) -> dict[str, Any]:
    """Convert a job to the format of the driver."""
    run = {**job.named_methods, "experiment_config": job.experiment_config}
    return {
        "region": job.region,
        "processor": {**job.all_of_processor, "skip_early_validation": job.is_refused_early},
        "network": dict(job.network),
        "data": job.all_of_data,
        "bias": dict(job.bias),
        "model": job.model and dict(job.model),
        "predicted": job.predicted and dict(job.predicted),
        "method": job.method,
        "run": run | ({"job_name": name} if job.is_named else {}),
    }


@pytest.fixture(
    scope="module",
    params=[pytest.param(major, marks=pytest.mark.conformance(f"CLARIFY_SDK{major}_PYTHON")) for major in (2, 3)],
    ids=lambda major: f"SDK {major}",
)
def sdk(request: pytest.FixtureRequest, ours: Done, store: S3Server, folder: Path) -> Iterator[Done]:
    question = {
        "jobs": [in_its_words(job, ours.requests[job.name]["ProcessingJobName"]) for job in JOBS],
        "configurations": configurations(SEED, CONFIGURATIONS),
        "regions": REGIONS,
    }
    with stand_in(store) as aws:
        answer = ask(os.environ[f"CLARIFY_SDK{request.param}_PYTHON"], question, folder, aws, store)
        assert answer["version"].startswith(f"{request.param}.")
        seen[f"jobs of SDK {answer['version']}"] = len(JOBS)
        yield Done(requests_of(aws, answer["jobs"]), taken_out(store), answer)


def put_our_way(request: dict[str, Any]) -> dict[str, Any]:
    """Return the SDK's request without its two known differences.

    2.x says of every input and output that the application does not manage it. That is what SageMaker takes for
    granted, and 3.x does not say it any more; nor do we.

    Where a location ends in a slash, or is a whole bucket, the SDK puts a second slash before the name of the
    configuration, so that it lies in a folder without a name; ours lies in the folder.
    """
    for one in (*request["ProcessingInputs"], *request["ProcessingOutputConfig"]["Outputs"]):
        assert one.pop("AppManaged", False) is False
    source = request["ProcessingInputs"][1]["S3Input"]
    source["S3Uri"] = source["S3Uri"].replace("//analysis_config.json", "/analysis_config.json")
    return request


# --- The same -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_request_is_the_same(ours: Done, sdk: Done, job: Job) -> None:
    mine, theirs = dict(ours.requests[job.name]), put_our_way(copy.deepcopy(sdk.requests[job.name]))
    if not job.is_named:
        names = [request.pop("ProcessingJobName") for request in (mine, theirs)]
        assert [name[: len(job.prefix) + 1] for name in names] == [f"{job.prefix}-"] * 2
    assert mine == theirs


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_configuration_is_the_same_to_the_byte(ours: Done, sdk: Done, job: Job) -> None:
    assert ours.configuration(job.name) == sdk.configuration(job.name)


def test_the_objects_in_s3_are_the_same(ours: Done, sdk: Done) -> None:
    """The same objects under the same keys, including uploaded datasets."""
    assert ours.objects == sdk.objects


def test_random_configurations_are_the_same_to_the_byte(sdk: Done) -> None:
    for asked, written in zip(configurations(SEED, CONFIGURATIONS), sdk.answer["configurations"], strict=True):
        assert our_config(asked).to_json() == written["text"], f"CLARIFY_CONFORMANCE_SEED={SEED}: {asked}"


def test_the_dictionaries_of_sdk_objects_are_accepted(sdk: Done) -> None:
    """A notebook's ``DataConfig`` and ``BiasConfig``, whole, give the same configuration when they are read by us."""
    for asked, written in zip(configurations(SEED, CONFIGURATIONS), sdk.answer["configurations"], strict=True):
        data, bias = written["data"], written["bias"]
        others = {key: value for key, value in json.loads(written["text"]).items() if key not in {**data, **bias}}
        locations = {name: asked["data"][name] for name in ("s3_data_input_path", "s3_output_path")}

        assert AnalysisConfig({**data, **bias, **others}).to_json() == written["text"]
        assert AnalysisConfig.parse(written["text"]).to_json() == written["text"]
        assert BiasConfig.coerce(bias).get_config() == bias
        assert list(BiasConfig.coerce(bias).get_config()) == list(bias)
        assert DataConfig.coerce({**locations, **data}).get_config() == data
        assert list(DataConfig.coerce({**locations, **data}).get_config()) == list(data)


def test_every_region_has_the_same_image(sdk: Done) -> None:
    assert len(REGIONS) == 28
    assert {region: get_clarify_image(region) for region in REGIONS} == sdk.answer["images"]
