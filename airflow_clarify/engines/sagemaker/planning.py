"""From an engine's settings and a configuration to a job: first all is worked out, then uploaded, then started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_clarify.cli.sagemaker_job import OPTIONS
from airflow_clarify.engines.sagemaker.client import ProcessingJobs
from airflow_clarify.engines.sagemaker.errors import translate_errors
from airflow_clarify.engines.sagemaker.images import get_clarify_image
from airflow_clarify.engines.sagemaker.request import JobPlan
from airflow_clarify.engines.sagemaker.s3 import S3Files
from airflow_clarify.engines.sagemaker.validation import list_options
from airflow_clarify.io.filesystem import is_remote, parse_local_path

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.engines.sagemaker import SageMakerEngine


#: SageMaker takes so many characters of an environment variable.
_ENVIRONMENT_VALUE = 256


def plan_job(engine: SageMakerEngine, data: DataConfig, config: AnalysisConfig) -> JobPlan:
    """Work out a job; see :meth:`airflow_clarify.engines.sagemaker.SageMakerEngine.plan`."""
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
        data_state=_describe_state(parse_local_path(data.input_path)) if local else "",
    )


def submit_job(plan: JobPlan, name: str, jobs: ProcessingJobs, files: S3Files) -> None:
    """Upload the dataset where it is local, then the configuration, then start the job.

    :raises ConfigError: SageMaker does not accept the request
    :raises ServiceError: AWS refused, or could not be reached
    """
    if plan.bucket is not None and (plan.data_is_local or plan.output is None):
        with translate_errors(f"bucket {plan.bucket}"):
            files.ensure_bucket(plan.bucket, jobs.account, jobs.region)
    data_uri = files.upload(Path(plan.data), plan.upload_folder(name)) if plan.data_is_local else plan.data
    files.write(plan.config_uri(name), plan.config.encode())
    jobs.create(plan.build_request(name, data_uri))


def _build_settings(engine: SageMakerEngine, jobs: ProcessingJobs, beyond: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the request that is the same whatever the job is called; only what was said, as with the SDK."""
    cluster = {
        "InstanceType": engine.instance_type,
        "InstanceCount": int(engine.instance_count),
        "VolumeSizeInGB": int(engine.volume_size_in_gb),
        "VolumeKmsKeyId": engine.volume_kms_key,
    }
    environment = {**(engine.env or {}), **build_options_environment(beyond)}
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


def build_options_environment(beyond: Mapping[str, Any]) -> dict[str, str]:
    """What goes to our own image beyond Clarify's configuration, as environment variables of allowed length."""
    if not beyond:
        return {}
    text = json.dumps(beyond)
    parts = [text[start : start + _ENVIRONMENT_VALUE] for start in range(0, len(text), _ENVIRONMENT_VALUE)]
    if len(parts) == 1:
        return {OPTIONS: text}
    return {f"{OPTIONS}_{number}": part for number, part in enumerate(parts, start=1)}


def _build_network(engine: SageMakerEngine) -> dict[str, Any] | None:
    asked = (
        engine.subnets,
        engine.security_group_ids,
        engine.enable_network_isolation,
        engine.encrypt_inter_container_traffic,
    )
    if all(part is None for part in asked):
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


def _drop_unset(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _describe_state(path: Path) -> str:
    """What changes when a local dataset does."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return "\n".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)
