"""The request that starts a Clarify job: ``CreateProcessingJob``, field for field what the SageMaker SDK 3 sends.

Inputs, output and their paths are Clarify's contract with its container, see
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-parameters.html. `make conformance`
compares the whole request with the SDK's. (2.x also says ``"AppManaged": false`` of every input and output, which
SageMaker takes for granted.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DATA_INPUT, DATA_FOLDER = "dataset", "/opt/ml/processing/input/data"
CONFIG_INPUT, CONFIG_FOLDER = "analysis_config", "/opt/ml/processing/input/config"
RESULT_OUTPUT, RESULT_FOLDER = "analysis_result", "/opt/ml/processing/output"
CONFIG_FILE = "analysis_config.json"


@dataclass(frozen=True)
class JobPlan:
    """All of a job but its name, and what is uploaded before it starts.

    :param config: the text of ``analysis_config.json``
    :param data: the dataset: an S3 URI, or a local file or folder that is uploaded
    :param bucket: for what has no place of its own; None where everything has one
    :param output: where Clarify writes; None takes the bucket, below the name of the job
    :param config_folder: where ``analysis_config.json`` is uploaded; None takes the output's
    :param settings: the fields of the request that neither the name nor a location stands in
    :param output_kms_key: the key for the outputs, and for what is uploaded
    :param data_state: what tells a local dataset's state, such as its size and time of change
    """

    config: str
    data: str
    bucket: str | None
    output: str | None
    config_folder: str | None
    settings: Mapping[str, Any]
    output_kms_key: str | None = None
    data_state: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for two plans only where they ask for the same."""
        everything = [self.config, self.data, self.bucket, self.output, self.config_folder, self.settings]
        text = json.dumps([*everything, self.output_kms_key, self.data_state], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def data_is_local(self) -> bool:
        return not self.data.startswith("s3://")

    def upload_folder(self, job_name: str) -> str:
        """Where a local dataset goes, as with the SDK."""
        return f"s3://{self.bucket}/{job_name}/input/{DATA_INPUT}"

    def get_output_uri(self, job_name: str) -> str:
        """Where the job writes; as with the SDK where it was not said."""
        return self.output or f"s3://{self.bucket}/{job_name}/output/{RESULT_OUTPUT}"

    def config_uri(self, job_name: str) -> str:
        """Where the configuration lies."""
        return f"{(self.config_folder or self.get_output_uri(job_name)).rstrip('/')}/{CONFIG_FILE}"

    def build_request(self, job_name: str, data_uri: str) -> dict[str, Any]:
        """The request.

        :param data_uri: where the dataset is, now that it is in S3
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
                _build_input(CONFIG_INPUT, self.config_uri(job_name), CONFIG_FOLDER),
            ],
            "ProcessingOutputConfig": outputs,
            **self.settings,
        }


def list_job_locations(description: Mapping[str, Any]) -> dict[str, str]:
    """Where a job reads and writes in S3, by the names of its inputs and outputs."""
    inputs: Sequence[Mapping[str, Any]] = description.get("ProcessingInputs") or ()
    outputs: Sequence[Mapping[str, Any]] = (description.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    found = {one["InputName"]: one.get("S3Input", {}).get("S3Uri") for one in inputs}
    found |= {one["OutputName"]: one.get("S3Output", {}).get("S3Uri") for one in outputs}
    return {name: uri for name, uri in found.items() if uri}


def is_clarify_job(description: Mapping[str, Any]) -> bool:
    """Whether a processing job keeps Clarify's contract, whoever's image it runs."""
    return {CONFIG_INPUT, RESULT_OUTPUT} <= list_job_locations(description).keys()


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
