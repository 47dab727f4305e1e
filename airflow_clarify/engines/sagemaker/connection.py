"""The AWS connection: the settings that every client of one engine or sensor shares, through Airflow's hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

DEFAULT_CONNECTION = "aws_default"


@dataclass(frozen=True)
class AwsConnection:
    """An Airflow connection to AWS, and the settings that override it.

    The settings are JSON values, so that a trigger can carry them. The hooks, with their clients, are created once and
    shared by all that use the connection: each client takes a tenth of a second.

    :param aws_conn_id: the Airflow connection; None uses boto3's default credentials
    :param region_name: the AWS region; None uses the connection's
    :param verify: whether to check TLS certificates, or the path of a file of certificate authorities
    :param botocore_config: keyword arguments of ``botocore.config.Config``
    """

    aws_conn_id: str | None = DEFAULT_CONNECTION
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: Mapping[str, Any] | None = None
    _hooks: dict[str, AwsGenericHook[Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings: neither a copy nor another process can share clients."""
        return {**self.__dict__, "_hooks": {}}

    def to_dict(self) -> dict[str, Any]:
        """Convert the settings to keyword arguments, for a trigger."""
        settings = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return {**settings, "botocore_config": dict(self.botocore_config) if self.botocore_config else None}

    def hook(self, service: str) -> AwsGenericHook[Any]:
        """Return the hook of an AWS service.

        Endpoints are those of the connection's extra.

        :param service: the service, such as "sagemaker", "s3" or "logs"
        :raises ConfigError: there is no such connection
        """
        from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

        hook = self._hooks.get(service)
        if hook is None:
            self._check()
            hook = self._hooks[service] = AwsGenericHook(
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                verify=self.verify,
                config=dict(self.botocore_config) if self.botocore_config else None,
                client_type=service,
            )
        return hook

    def forget_hooks(self) -> None:
        """Discard the hooks and their clients, so that the next call reads the connection and its credentials anew."""
        self._hooks.clear()

    def _check(self) -> None:
        """Check that the connection exists.

        For a missing connection, the Amazon provider would use any credentials it finds.
        """
        from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

        if self.aws_conn_id in (None, "", DEFAULT_CONNECTION):
            return
        try:
            BaseHook.get_connection(self.aws_conn_id)
        except AirflowNotFoundException:
            raise ConfigError(
                f"aws_conn_id: there is no Airflow connection {self.aws_conn_id!r}; add it, or name another"
            ) from None
