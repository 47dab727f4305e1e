"""What AWS asks of a processing job beyond its model, and what the stand-in does not do.

Each rule says where it is documented. "The API reference" is that of CreateProcessingJob and the types it names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from sagemaker_stand_in.errors import invalid

ML_FOLDER = PurePosixPath("/opt/ml")
PROCESSING_FOLDER = "/opt/ml/processing/"
MAX_TAGS = 50


def check_job(request: dict[str, Any]) -> None:
    """Raise a ValidationException for the first rule that a request breaks.

    :param request: a request that keeps to the model
    """
    inputs = request.get("ProcessingInputs") or []
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    for one in inputs:
        _check_input(one)
    for one in outputs:
        _check_output(one)
    # The API reference says of both names that they identify the input or output of the job.
    _check_unique("input names", (one["InputName"] for one in inputs))
    _check_unique("output names", (one["OutputName"] for one in outputs))
    # Not documented, but known from reports to AWS: two inputs in one folder, or an output in the folder of an input,
    # are refused.
    local_paths = [one["S3Input"]["LocalPath"] for one in inputs] + [one["S3Output"]["LocalPath"] for one in outputs]
    _check_unique("local paths", (str(PurePosixPath(path)) for path in local_paths))
    _check_cluster(request["ProcessingResources"]["ClusterConfig"])
    check_tags(request.get("Tags") or [])


def check_tags(tags: list[dict[str, str]]) -> None:
    """Raise a ValidationException for tags that contradict each other or are not a customer's to set."""
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) < len(keys):
        raise invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    # Documented with the tagging strategies of AWS.
    if any(key.startswith("aws:") for key in keys):
        raise invalid("aws: prefixed tag key names are not allowed for external use.")


def host_count(request: dict[str, Any]) -> int:
    """How many instances a job has."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    # The API reference: the default value is 1.
    return int(cluster.get("InstanceCount") or selected_instance(cluster).get("InstanceCount") or 1)


def selected_instance(cluster: dict[str, Any]) -> dict[str, Any]:
    """Return the first preferred instance type, for which the stand-in has capacity; empty without a preference."""
    preferences = cluster.get("InstancePreferences") or [{}]
    return dict(preferences[0])


def _check_input(one: dict[str, Any]) -> None:
    where = f"ProcessingInput {one['InputName']}"
    if ("S3Input" in one) == ("DatasetDefinition" in one):
        # The API reference: exactly one of either S3Input or DatasetDefinition.
        raise invalid(f"{where} must specify exactly one of S3Input or DatasetDefinition.")
    _refuse(where, "DatasetDefinition" in one, "dataset definitions")
    _refuse(where, one.get("AppManaged", False), "inputs that the application manages")
    source = one["S3Input"]
    _check_place(where, source)
    mode, compression = source.get("S3InputMode", "File"), source.get("S3CompressionType", "None")
    if compression == "Gzip" and mode != "Pipe":
        # The API reference: Gzip can only be used when Pipe mode is specified.
        raise invalid(f"{where}: S3CompressionType Gzip can only be used when S3InputMode is Pipe.")
    _refuse(where, mode == "Pipe", "S3InputMode Pipe")
    _refuse(where, source["S3DataType"] != "S3Prefix", "S3DataType ManifestFile")


def _check_output(one: dict[str, Any]) -> None:
    where = f"ProcessingOutput {one['OutputName']}"
    if ("S3Output" in one) == ("FeatureStoreOutput" in one):
        # The API reference: exactly one of either S3Output or FeatureStoreOutput.
        raise invalid(f"{where} must specify exactly one of S3Output or FeatureStoreOutput.")
    _refuse(where, "FeatureStoreOutput" in one, "outputs into the Feature Store")
    _refuse(where, one.get("AppManaged", False), "outputs that the application manages")
    _check_place(where, one["S3Output"])
    _refuse(where, one["S3Output"]["S3UploadMode"] != "EndOfJob", "S3UploadMode Continuous")


def _check_place(where: str, place: dict[str, Any]) -> None:
    # The API reference, of inputs: required when AppManaged is False, and must begin with /opt/ml/processing/. Of
    # outputs it only says that the path is absolute; we ask the same, for the guide knows no other place.
    path = place.get("LocalPath") or ""
    if not path.startswith(PROCESSING_FOLDER) or ".." in PurePosixPath(path).parts:
        raise invalid(f"{where}: LocalPath '{path}' must begin with {PROCESSING_FOLDER}.")
    # The model also lets https:// pass; SageMaker's guide knows only s3://.
    if not place["S3Uri"].startswith("s3://"):
        raise invalid(f"{where}: S3Uri '{place['S3Uri']}' must start with s3://.")


def _check_cluster(cluster: dict[str, Any]) -> None:
    for name in ("SelectedInstanceType", "SelectedInstanceCount"):
        if name in cluster:
            # The API reference: this field is read-only and isn't accepted in CreateProcessingJob requests.
            raise invalid(f"{name} is read-only.")
    preferences = cluster.get("InstancePreferences")
    if (preferences is None) == ("InstanceType" not in cluster):
        # The API reference: InstancePreferences is mutually exclusive with InstanceType.
        raise invalid("ClusterConfig must specify exactly one of InstanceType or InstancePreferences.")
    if preferences is None:
        return
    _check_unique("instance types", (one["InstanceType"] for one in preferences))
    # The API reference: the count is set on every preference, or once for the job.
    counted = ["InstanceCount" in one for one in preferences]
    if any(counted) == ("InstanceCount" in cluster) or any(counted) != all(counted):
        raise invalid("Set InstanceCount either on every one of InstancePreferences or in ClusterConfig.")


def _check_unique(what: str, values: Iterable[str]) -> None:
    found = list(values)
    repeated = sorted({value for value in found if found.count(value) > 1})
    if repeated:
        raise invalid(f"The {what} of a processing job must be unique: {', '.join(repeated)}.")


def _refuse(where: str, wanted: bool, what: str) -> None:
    if wanted:
        raise invalid(f"{where}: {what}: SageMaker can do this, the stand-in cannot.")
