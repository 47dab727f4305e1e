"""What a job on SageMaker cannot do, told before anything is uploaded or paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.sagemaker.images import get_clarify_image
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.io.filesystem import is_remote, parse_local_path

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.engines.sagemaker import SageMakerEngine


def check_engine(engine: SageMakerEngine, data: DataConfig, config: AnalysisConfig) -> None:
    """See that a job can do what is asked.

    :raises ConfigError: it cannot; names what to change
    """
    check_data(data)
    if not engine.role:
        raise ConfigError("role: nothing is left of it after templating; name the IAM role that the job runs under")
    _ = config.methods, config.label, config.label_values, config.facets
    _check_places(data)
    if data.conn_id is not None and data.conn_id != engine.aws_conn_id:
        raise ConfigError(
            f"conn_id: the job reads with its role, and the task reaches S3 through the engine's aws_conn_id "
            f"({engine.aws_conn_id!r}), not through {data.conn_id!r}; leave it out"
        )
    if engine.instance_count is not None and int(engine.instance_count) > 1 and _get_joinsource(config) is None:
        raise ConfigError("instance_count: more than one instance needs a joinsource in the data configuration")
    if engine.image_uri is None:
        if engine.region_name is not None:
            get_clarify_image(engine.region_name)
        # That there is a header row is what Clarify takes for granted, or finds out, where it has headers to compare.
        beyond = [name for name, value in list_options(data, config).items() if (name, value) != ("header_row", True)]
        if beyond:
            raise ConfigError(
                f"{beyond[0]}: Clarify's image knows no such option; leave it out, run this package's own "
                "image (image_uri), or choose another engine"
            )


def check_data(data: DataConfig) -> None:
    """See that a job can read the data.

    :raises ConfigError: they are no files
    """
    for name in ("table", "query", "where"):
        if getattr(data, name) is not None:
            raise ConfigError(
                f"{name}: a job on SageMaker reads files in S3, all rows of them; write the rows there first, or let "
                "SQLEngine or SparkEngine check them where they are"
            )


def list_options(data: DataConfig, config: AnalysisConfig) -> dict[str, Any]:
    """What is asked beyond Clarify's configuration; our own image can do it, Clarify's cannot."""
    asked = {
        "weight": data.weight,
        "na_values": None if data.na_values is None else list(data.na_values),
        "csv_options": dict(data.csv_options) or None,
        "header_row": data.header_row,
        "label_type": config.label_type,
        "facet_type": config.declared_types.get("facet_type"),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _check_places(data: DataConfig) -> None:
    for key, location in (("input_path", data.input_path), ("output_path", data.output_path)):
        if location is None:
            continue
        if is_remote(str(location)) and not str(location).startswith("s3://"):
            scheme = str(location).split("://", 1)[0]
            raise ConfigError(
                f"{key}: a job on SageMaker reads and writes S3 only, not {scheme}://; copy it to S3, or choose "
                "another engine"
            )
    if data.output_path is not None and not is_remote(data.output_path):
        raise ConfigError(
            f"output_path: a job on SageMaker writes to S3 only, not to {data.output_path}; give s3://bucket/folder, "
            "or leave it out"
        )
    if is_remote(data.input_path):
        if set("*?[") & set(data.input_path):
            raise ConfigError(
                f"input_path: SageMaker takes a file or a folder, not a pattern such as {data.input_path}"
            )
        if "@" in data.input_path.split("://", 1)[1].split("/", 1)[0]:
            raise ConfigError("input_path: name the connection in the engine (aws_conn_id), not in the URI")
    elif not parse_local_path(data.input_path).exists():
        raise ConfigError(f"input_path: {data.input_path}: no such file or folder; check the path")


def _get_joinsource(config: AnalysisConfig) -> Any:
    return config.document.get("joinsource_name_or_index")
