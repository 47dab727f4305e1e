"""The SageMaker engine: a Clarify processing job, or our own image in its place, on Amazon SageMaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.argument_types import parse_boolean
from airflow_clarify.bias.config import describe_given
from airflow_clarify.engines.sagemaker.connection import DEFAULT_CONNECTION, AwsConnection
from airflow_clarify.engines.sagemaker.names import DEFAULT_PREFIX, build_job_name
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.engines.sagemaker.request import JobPlan

#: What SageMaker itself allows a job where nothing was said (seconds).
DEFAULT_MAX_RUNTIME = 86_400


@dataclass
class SageMakerEngine:
    """Runs the analysis as a processing job on SageMaker, with Clarify's image or another that keeps its contract.

    The names are those of the SageMaker SDK's ``SageMakerClarifyProcessor`` and ``NetworkConfig``.

    :param role: the IAM role of the job, by name or ARN
    :param instance_type: such as "ml.m5.xlarge"
    :param instance_count: how many; more than one needs a ``joinsource`` in the data configuration
    :param volume_size_in_gb: size of the disk of each instance
    :param volume_kms_key: the KMS key that encrypts these disks
    :param output_kms_key: the KMS key that encrypts the outputs, and what is uploaded for the job
    :param max_runtime_in_seconds: after which SageMaker stops the job; None leaves it at SageMaker's 24 hours
    :param subnets: subnets of a VPC for the job
    :param security_group_ids: security groups in that VPC
    :param enable_network_isolation: whether the container is to have no network at all
    :param encrypt_inter_container_traffic: whether instances talk to each other encrypted
    :param env: environment variables of the container
    :param tags: tags of the job: a mapping, or a list of ``{"Key": ..., "Value": ...}``
    :param experiment_config: ``ExperimentName``, ``TrialName`` and so on
    :param job_name_prefix: the beginning of the job's name, "Clarify-Pretraining-Bias" by default
    :param image_uri: the image to run instead of Clarify's, such as our own (see ``container/Dockerfile``)
    :param bucket: where a local dataset goes, and outputs without an ``output_path``; by default
        ``sagemaker-{region}-{account}``, which is made where it is missing, as the SDK does
    :param aws_conn_id: the Airflow connection
    :param region_name: instead of the connection's
    :param verify: whether to check TLS certificates, or the path of the authorities' file
    :param botocore_config: keyword arguments of ``botocore.config.Config``
    """

    role: str
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    volume_size_in_gb: int = 30
    volume_kms_key: str | None = None
    output_kms_key: str | None = None
    max_runtime_in_seconds: int | None = None
    subnets: Sequence[str] | None = None
    security_group_ids: Sequence[str] | None = None
    enable_network_isolation: bool | None = None
    encrypt_inter_container_traffic: bool | None = None
    env: Mapping[str, str] | None = None
    tags: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None
    experiment_config: Mapping[str, str] | None = None
    job_name_prefix: str | None = None
    image_uri: str | None = None
    bucket: str | None = None
    aws_conn_id: str | None = DEFAULT_CONNECTION
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: Mapping[str, Any] | None = None

    name: ClassVar[str] = "sagemaker"
    template_fields: ClassVar[tuple[str, ...]] = (
        "role",
        "instance_type",
        "instance_count",
        "volume_size_in_gb",
        "volume_kms_key",
        "output_kms_key",
        "max_runtime_in_seconds",
        "subnets",
        "security_group_ids",
        "env",
        "tags",
        "experiment_config",
        "job_name_prefix",
        "image_uri",
        "bucket",
        "aws_conn_id",
        "region_name",
        "verify",
    )

    __repr__ = describe_given

    def check_data(self, data: DataConfig) -> None:
        """Say what cannot be done with this data, before any work.

        :raises ConfigError: the data are no files
        """
        from airflow_clarify.engines.sagemaker.validation import check_data

        check_data(data)

    @property
    def connection(self) -> AwsConnection:
        """How AWS is reached."""
        return AwsConnection(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)

    def check(self, data: DataConfig, config: AnalysisConfig) -> None:
        """See that a job can do what is asked, before anything is done.

        :raises ConfigError: it cannot; names what to change
        """
        from airflow_clarify.engines.sagemaker.validation import check_engine

        check_engine(self, data, config)

    def plan(self, data: DataConfig, config: AnalysisConfig) -> JobPlan:
        """Work out all of the job but its name. Asks AWS for what was not said: region, account, the role's ARN.

        :raises ConfigError: a job cannot do what is asked, or a name is unknown
        :raises DataError: a local dataset is not there
        :raises ServiceError: AWS refused, or could not be reached
        """
        from airflow_clarify.engines.sagemaker.planning import plan_job

        self.check(data, config)
        return plan_job(self, data, config)

    def job_name(self, identity: str | None, attempt: int = 1) -> str:
        """The name of a job; the same for the same identity and attempt.

        :param identity: what the job is for; None makes a name that never comes again
        """
        return build_job_name(self.job_name_prefix or DEFAULT_PREFIX, identity, attempt)

    def submit(self, plan: JobPlan, name: str) -> None:
        """Upload what the job needs, and start it.

        :raises ConfigError: SageMaker does not accept the request
        :raises DataError: a local dataset cannot be read
        :raises ServiceError: AWS refused, or could not be reached
        """
        from airflow_clarify.engines.sagemaker.client import ProcessingJobs
        from airflow_clarify.engines.sagemaker.planning import submit_job
        from airflow_clarify.engines.sagemaker.s3 import S3Files

        submit_job(plan, name, ProcessingJobs(self.connection), S3Files(self.connection, self.output_kms_key))

    @property
    def longest_run(self) -> int:
        """The seconds after which SageMaker ends the job by itself."""
        return int(self.max_runtime_in_seconds or DEFAULT_MAX_RUNTIME)

    def __post_init__(self) -> None:
        if not self.role:
            raise ConfigError("role: name the IAM role that the job runs under, by name or ARN")
        for name in ("enable_network_isolation", "encrypt_inter_container_traffic"):
            if getattr(self, name) is not None:
                setattr(self, name, parse_boolean(getattr(self, name), name))
