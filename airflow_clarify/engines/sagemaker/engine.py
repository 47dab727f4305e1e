"""The SageMaker engine: runs the analysis as a processing job, with Clarify's image or this package's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.argument_types import parse_boolean
from airflow_clarify.bias.config import describe_given
from airflow_clarify.engines.sagemaker.connection import DEFAULT_CONNECTION, AwsConnection
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.engines.sagemaker.request import JobPlan

#: SageMaker's own limit for the run time of a job, in seconds.
DEFAULT_MAX_RUNTIME = 86_400


@dataclass
class SageMakerEngine:
    """Run the analysis as a processing job on SageMaker.

    The job runs Clarify's image or another image with the same contract. The parameters have the names that the
    SageMaker SDK's ``SageMakerClarifyProcessor`` and ``NetworkConfig`` use.

    :param role: the IAM role of the job, by name or ARN
    :param instance_type: the type of the instances, such as "ml.m5.xlarge"
    :param instance_count: the number of instances; more than one needs a ``joinsource`` in the data configuration
    :param volume_size_in_gb: the size of the disk of each instance, in GB
    :param volume_kms_key: the KMS key that encrypts these disks
    :param output_kms_key: the KMS key that encrypts the outputs and the uploads of the job
    :param max_runtime_in_seconds: the run time after which SageMaker stops the job; None keeps SageMaker's 24 hours
    :param subnets: subnets of a VPC for the job
    :param security_group_ids: security groups in that VPC
    :param enable_network_isolation: whether the container runs without any network access
    :param encrypt_inter_container_traffic: whether traffic between instances is encrypted
    :param env: environment variables of the container
    :param tags: tags of the job: a mapping, or a list of ``{"Key": ..., "Value": ...}``
    :param experiment_config: ``ExperimentName``, ``TrialName`` and so on
    :param job_name_prefix: the beginning of the job's name; None uses "Clarify-Pretraining-Bias",
        "Clarify-Posttraining-Bias" or, for both stages, "Clarify-Bias"
    :param image_uri: the container image to run instead of Clarify's, such as this package's own (see
        ``container/Dockerfile``)
    :param bucket: the bucket for a local dataset, and for outputs without an ``output_path``; None uses
        ``sagemaker-{region}-{account}``, which is created if it is missing, as the SDK does
    :param aws_conn_id: the Airflow connection to AWS
    :param region_name: the AWS region; None uses the connection's
    :param verify: whether to check TLS certificates, or the path of a file of certificate authorities
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
    _connection: AwsConnection | None = field(default=None, init=False, repr=False, compare=False)

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
        """Check that a job can read the data, before any work.

        :param data: where the data are; its fields may still hold templates
        :raises ConfigError: the data are a table, a query or a selection of rows
        """
        from airflow_clarify.engines.sagemaker.validation import check_data

        check_data(data)

    @property
    def connection(self) -> AwsConnection:
        """The AWS connection that all clients of the engine share."""
        connection = AwsConnection(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)
        if self._connection != connection:
            self._connection = connection
        assert self._connection is not None
        return self._connection

    def check(self, data: DataConfig, config: AnalysisConfig) -> None:
        """Check that a job can run the analysis, before any work.

        :param data: where the data are
        :param config: the analysis to run
        :raises ConfigError: the job cannot run it; the message names the setting to change
        """
        from airflow_clarify.engines.sagemaker.validation import check_engine

        check_engine(self, data, config)

    def check_facets(self, config: AnalysisConfig) -> None:
        """Check that the image of the job can measure the facets.

        :param config: the analysis to run
        :raises ConfigError: a facet is crossed, which Clarify's image cannot
        """
        if self.image_uri is None:
            from airflow_clarify.engines.sagemaker.validation import refuse_crossed_facets

            refuse_crossed_facets(config)

    def plan(self, data: DataConfig, config: AnalysisConfig) -> JobPlan:
        """Plan the job, without its name.

        Settings that were not given are requested from AWS: the region, the account and the role's ARN.

        :param data: where the data are
        :param config: the analysis to run
        :return: the plan, for :meth:`submit`
        :raises ConfigError: a job cannot run the analysis, or a name is unknown
        :raises DataError: a local dataset does not exist
        :raises ServiceError: AWS refused, or could not be reached
        """
        from airflow_clarify.engines.sagemaker.request import plan_job

        self.check(data, config)
        return plan_job(self, data, config)

    def job_name(self, identity: str | None, attempt: int = 1, default_prefix: str | None = None) -> str:
        """Build the name of a job, which is equal for equal identities and attempts.

        :param identity: identifies the work; None makes a unique name
        :param attempt: 1 for the first job of that identity, 2 if that one failed, and so on
        :param default_prefix: the beginning of the name without a ``job_name_prefix``, from the plan
        :raises ConfigError: ``job_name_prefix`` holds no letter or digit
        """
        from airflow_clarify.engines.sagemaker.request import DEFAULT_PREFIX, build_job_name

        return build_job_name(self.job_name_prefix or default_prefix or DEFAULT_PREFIX, identity, attempt)

    def submit(self, plan: JobPlan, name: str) -> None:
        """Upload the job's inputs and start the job.

        :param plan: the plan, from :meth:`plan`
        :param name: the name of the job, from :meth:`job_name`
        :raises ConfigError: SageMaker does not accept the request
        :raises DataError: a local dataset cannot be read
        :raises ServiceError: AWS refused, or could not be reached
        """
        from airflow_clarify.engines.sagemaker.client import ProcessingJobs
        from airflow_clarify.engines.sagemaker.request import submit_job
        from airflow_clarify.engines.sagemaker.s3 import S3Files

        submit_job(plan, name, ProcessingJobs(self.connection), S3Files(self.connection, self.output_kms_key))

    @property
    def longest_run(self) -> int:
        """The run time after which SageMaker stops the job, in seconds."""
        return int(self.max_runtime_in_seconds or DEFAULT_MAX_RUNTIME)

    def __post_init__(self) -> None:
        if not self.role:
            raise ConfigError("role: name the IAM role that the job runs under, by name or ARN")
        for name in ("enable_network_isolation", "encrypt_inter_container_traffic"):
            if getattr(self, name) is not None:
                setattr(self, name, parse_boolean(getattr(self, name), name))
