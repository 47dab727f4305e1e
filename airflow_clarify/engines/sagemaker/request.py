"""The request that starts a Clarify job: planning it, naming it, and submitting it.

A plan is complete before anything is uploaded or started, so a configuration error costs nothing. The request is
``CreateProcessingJob``, with the fields that the SageMaker SDK 3 sends. Inputs, outputs and their paths are Clarify's
contract with its container, see
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-parameters.html. `make conformance`
compares the whole request with the SDK's. (SDK 2.x also sends ``"AppManaged": false`` for every input and output, which
is SageMaker's default.)
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.sagemaker.images import get_clarify_image
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.io.filesystem import is_remote, parse_local_path

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.metrics import Stage
    from airflow_clarify.engines.sagemaker.client import ProcessingJobs
    from airflow_clarify.engines.sagemaker.engine import SageMakerEngine
    from airflow_clarify.engines.sagemaker.s3 import S3Files

DATA_INPUT, DATA_FOLDER = "dataset", "/opt/ml/processing/input/data"
CONFIG_INPUT, CONFIG_FOLDER = "analysis_config", "/opt/ml/processing/input/config"
RESULT_OUTPUT, RESULT_FOLDER = "analysis_result", "/opt/ml/processing/output"
CONFIG_FILE = "analysis_config.json"
#: Inputs with files of predictions and of facets, by the key of the configuration. Clarify's image reads the files from
#: S3 itself; any other image gets them as inputs, since it may have no access to S3.
JOINED_INPUTS = {
    "predicted_label_dataset_uri": ("predicted_label_dataset", "/opt/ml/processing/input/predicted_label"),
    "facet_dataset_uri": ("facet_dataset", "/opt/ml/processing/input/facet"),
}

DEFAULT_PREFIX = "Clarify-Pretraining-Bias"
#: The beginning of a job's name by its stages, as the SDK names its jobs.
_PREFIXES: Mapping[tuple[Stage, ...], str] = {
    ("pre_training",): DEFAULT_PREFIX,
    ("post_training",): "Clarify-Posttraining-Bias",
    ("pre_training", "post_training"): "Clarify-Bias",
}
#: Longest name of a job that SageMaker accepts, in characters.
MAX_NAME_LENGTH = 63
#: Digits of the digest in a job's name: 16^12 values, so two jobs of an account do not collide in practice.
_DIGITS = 12
#: Longest value of an environment variable that SageMaker accepts, in characters.
_MAX_ENVIRONMENT_VALUE = 256


@dataclass(frozen=True)
class JobPlan:
    """A processing job without its name, and the files to upload before it starts.

    :param config: the text of ``analysis_config.json``
    :param data: the dataset: an S3 URI, or a local file or folder to upload
    :param bucket: the bucket for everything without a location of its own; None if everything has one
    :param output: the output folder in S3; None uses the bucket, under the name of the job
    :param config_folder: the folder for ``analysis_config.json``; None uses the output folder
    :param settings: the fields of the request that depend on neither the name nor a location
    :param output_kms_key: the KMS key for the outputs and the uploads
    :param data_state: names, sizes and modification times of a local dataset's files, so that a changed dataset
        changes the fingerprint
    :param default_prefix: the beginning of the job's name, unless the engine has a prefix
    :param joined: the S3 URIs of files of predictions and of facets that are inputs of the job, by the key of the
        configuration
    """

    config: str
    data: str
    bucket: str | None
    output: str | None
    config_folder: str | None
    settings: Mapping[str, Any]
    output_kms_key: str | None = None
    data_state: str = ""
    default_prefix: str = DEFAULT_PREFIX
    joined: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan: equal for two plans only if they request the same job."""
        everything = [self.config, self.data, self.bucket, self.output, self.config_folder, self.settings]
        text = json.dumps([*everything, self.output_kms_key, self.data_state], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def data_is_local(self) -> bool:
        return not self.data.startswith("s3://")

    def get_upload_folder(self, job_name: str) -> str:
        """Return the S3 folder for a local dataset, the same as the SDK's.

        :param job_name: the name of the job
        """
        return f"s3://{self.bucket}/{job_name}/input/{DATA_INPUT}"

    def get_output_uri(self, job_name: str) -> str:
        """Return the S3 folder of the job's output; the SDK's default if none is configured.

        :param job_name: the name of the job
        """
        return self.output or f"s3://{self.bucket}/{job_name}/output/{RESULT_OUTPUT}"

    def get_config_uri(self, job_name: str) -> str:
        """Return the S3 URI of the uploaded ``analysis_config.json``.

        :param job_name: the name of the job
        """
        return f"{(self.config_folder or self.get_output_uri(job_name)).rstrip('/')}/{CONFIG_FILE}"

    def build_request(self, job_name: str, data_uri: str) -> dict[str, Any]:
        """Build the arguments of ``CreateProcessingJob``.

        :param job_name: the name of the job
        :param data_uri: the S3 URI of the dataset, after any upload
        """
        outputs: dict[str, Any] = {
            "Outputs": [_build_output(RESULT_OUTPUT, self.get_output_uri(job_name), RESULT_FOLDER)]
        }
        if self.output_kms_key is not None:
            outputs["KmsKeyId"] = self.output_kms_key
        return {
            "ProcessingJobName": job_name,
            "ProcessingInputs": [
                _build_input(DATA_INPUT, data_uri, DATA_FOLDER),
                _build_input(CONFIG_INPUT, self.get_config_uri(job_name), CONFIG_FOLDER),
                *(_build_input(JOINED_INPUTS[key][0], uri, JOINED_INPUTS[key][1]) for key, uri in self.joined.items()),
            ],
            "ProcessingOutputConfig": outputs,
            **self.settings,
        }


def plan_job(engine: SageMakerEngine, data: DataConfig, config: AnalysisConfig) -> JobPlan:
    """Plan a job; see :meth:`airflow_clarify.engines.sagemaker.SageMakerEngine.plan`.

    :param engine: the settings of the job
    :param data: where the data are
    :param config: the analysis to run
    """
    from airflow_clarify.engines.sagemaker.client import ProcessingJobs
    from airflow_clarify.engines.sagemaker.s3 import S3Files

    jobs = ProcessingJobs(engine.connection)
    local = not is_remote(data.input_path)
    if not local:
        S3Files(engine.connection).check_dataset(data.input_path)
    bucket = engine.bucket
    if bucket is None and (local or data.output_path is None):
        bucket = f"sagemaker-{jobs.region}-{jobs.account}"
    return JobPlan(
        config=config.to_json(),
        data=str(parse_local_path(data.input_path).absolute()) if local else data.input_path,
        bucket=bucket,
        output=data.output_path,
        config_folder=data.analysis_config_output_path,
        settings=_build_settings(engine, jobs, list_options(data, config)),
        output_kms_key=engine.output_kms_key,
        data_state=_describe_files(parse_local_path(data.input_path)) if local else "",
        default_prefix=_PREFIXES[config.stages],
        joined={} if engine.image_uri is None else list_joined_files(config),
    )


def list_joined_files(config: AnalysisConfig) -> dict[str, str]:
    """List the files of predictions and of facets that an analysis joins to the dataset.

    :param config: the configuration of the analysis
    :return: their locations, by the key of the configuration
    """
    found = {key: config.document.get(key) for key in JOINED_INPUTS}
    return {key: str(uri) for key, uri in found.items() if uri is not None}


def submit_job(plan: JobPlan, name: str, jobs: ProcessingJobs, files: S3Files) -> None:
    """Upload a local dataset and the configuration, then start the job.

    :param plan: the job
    :param name: the name of the job
    :param jobs: the client for processing jobs
    :param files: the client for S3
    :raises ConfigError: SageMaker does not accept the request
    :raises ServiceError: AWS refused, or could not be reached
    """
    from airflow_clarify.engines.sagemaker.errors import translate_errors

    if plan.bucket is not None and (plan.data_is_local or plan.output is None):
        with translate_errors(f"bucket {plan.bucket}"):
            files.ensure_bucket(plan.bucket, jobs.account, jobs.region)
    data_uri = files.upload(Path(plan.data), plan.get_upload_folder(name)) if plan.data_is_local else plan.data
    files.write(plan.get_config_uri(name), plan.config.encode())
    jobs.create(plan.build_request(name, data_uri))


def build_job_name(prefix: str, identity: str | None, attempt: int = 1) -> str:
    """Build the name of a job, equal for every retry of the same work.

    Names are unique in an account and region. SageMaker recognises a repeated request by the job's name only: a second
    request with an existing name is refused. A name derived from the task instance therefore makes submission safe to
    repeat after a lost answer, a dead worker or a task retry: the second attempt finds the job of the first. The digest
    and the attempt are at the end and are never cut off; a long prefix is.

    :param prefix: the beginning of the name; characters that SageMaker does not allow become dashes
    :param identity: identifies the work; None makes a unique name
    :param attempt: 1 for the first job of that identity, 2 if that one failed, and so on
    :return: at most :data:`MAX_NAME_LENGTH` characters
    :raises ConfigError: the prefix holds no letter or digit
    """
    if identity is None:
        identity = uuid.uuid4().hex
    ending = f"-{hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]}-{attempt}"
    beginning = re.sub(r"[^a-zA-Z0-9-]", "-", prefix).strip("-")
    if not beginning:
        raise ConfigError(f"job_name_prefix: {prefix!r} holds no letter or digit from a to z and 0 to 9; give one")
    return beginning[: MAX_NAME_LENGTH - len(ending)].rstrip("-") + ending


def list_options(data: DataConfig, config: AnalysisConfig) -> dict[str, Any]:
    """List the options that only this package's own image supports, not Clarify's.

    :param data: the configuration of the data
    :param config: the configuration of the analysis
    """
    options = {
        "weight": data.weight,
        "na_values": None if data.na_values is None else list(data.na_values),
        "csv_options": dict(data.csv_options) or None,
        "header_row": data.header_row,
        "label_type": config.label_type,
        "facet_type": config.declared_types.get("facet_type"),
    }
    return _drop_unset(options)


def list_job_locations(description: Mapping[str, Any]) -> dict[str, str]:
    """List the S3 locations of a job's inputs and outputs, by their names.

    :param description: the response of ``DescribeProcessingJob``
    """
    inputs: Sequence[Mapping[str, Any]] = description.get("ProcessingInputs") or ()
    outputs: Sequence[Mapping[str, Any]] = (description.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    found = {one["InputName"]: one.get("S3Input", {}).get("S3Uri") for one in inputs}
    found |= {one["OutputName"]: one.get("S3Output", {}).get("S3Uri") for one in outputs}
    return {name: uri for name, uri in found.items() if uri}


def is_clarify_job(description: Mapping[str, Any]) -> bool:
    """Return whether a processing job has the inputs and outputs of Clarify's contract.

    :param description: the response of ``DescribeProcessingJob``, of a job with any image
    """
    return {CONFIG_INPUT, RESULT_OUTPUT} <= list_job_locations(description).keys()


def _build_settings(engine: SageMakerEngine, jobs: ProcessingJobs, options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the fields of the request that do not depend on the job's name."""
    cluster = {
        "InstanceType": engine.instance_type,
        "InstanceCount": int(engine.instance_count),
        "VolumeSizeInGB": int(engine.volume_size_in_gb),
        "VolumeKmsKeyId": engine.volume_kms_key,
    }
    environment = {**(engine.env or {}), **_build_options_environment(options)}
    settings = {
        "ProcessingResources": {"ClusterConfig": _drop_unset(cluster)},
        "AppSpecification": {"ImageUri": engine.image_uri or get_clarify_image(jobs.region)},
        "RoleArn": jobs.resolve_role_arn(engine.role),
        "Environment": environment if environment or engine.env is not None else None,
        "NetworkConfig": _build_network(engine),
        "StoppingCondition": _build_stopping_condition(engine),
        "Tags": _build_tags(engine.tags),
        "ExperimentConfig": dict(engine.experiment_config) if engine.experiment_config else None,
    }
    return _drop_unset(settings)


def _build_options_environment(options: Mapping[str, Any]) -> dict[str, str]:
    """Encode the options as environment variables, split into values that SageMaker accepts."""
    from airflow_clarify.engines.sagemaker.container_options import OPTIONS

    if not options:
        return {}
    text = json.dumps(options)
    parts = [text[start : start + _MAX_ENVIRONMENT_VALUE] for start in range(0, len(text), _MAX_ENVIRONMENT_VALUE)]
    if len(parts) == 1:
        return {OPTIONS: text}
    return {f"{OPTIONS}_{number}": part for number, part in enumerate(parts, start=1)}


def _build_network(engine: SageMakerEngine) -> dict[str, Any] | None:
    requested = (
        engine.subnets,
        engine.security_group_ids,
        engine.enable_network_isolation,
        engine.encrypt_inter_container_traffic,
    )
    if all(part is None for part in requested):
        return None
    vpc = _drop_unset({"SecurityGroupIds": engine.security_group_ids, "Subnets": engine.subnets})
    return _drop_unset(
        {
            "EnableNetworkIsolation": bool(engine.enable_network_isolation),
            "EnableInterContainerTrafficEncryption": engine.encrypt_inter_container_traffic,
            "VpcConfig": {name: list(ids) for name, ids in vpc.items()} or None,
        }
    )


def _build_stopping_condition(engine: SageMakerEngine) -> dict[str, int] | None:
    if engine.max_runtime_in_seconds is None:
        return None
    return {"MaxRuntimeInSeconds": int(engine.max_runtime_in_seconds)}


def _build_tags(tags: Mapping[str, str] | Sequence[Mapping[str, str]] | None) -> list[dict[str, str]] | None:
    if tags is None:
        return None
    if isinstance(tags, Mapping):
        return [{"Key": key, "Value": value} for key, value in tags.items()]
    return [dict(tag) for tag in tags]


def _build_input(name: str, uri: str, folder: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": folder,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _build_output(name: str, uri: str, folder: str) -> dict[str, Any]:
    return {
        "OutputName": name,
        "S3Output": {"S3Uri": uri, "LocalPath": folder, "S3UploadMode": "EndOfJob"},
    }


def _drop_unset(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _describe_files(path: Path) -> str:
    """Describe the state of a local dataset: name, size and modification time of every file."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return "\n".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)
