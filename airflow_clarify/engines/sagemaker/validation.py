"""Checks that a job on SageMaker can run an analysis, before anything is uploaded or paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.sagemaker.images import get_clarify_image
from airflow_clarify.engines.sagemaker.request import list_joined_files, list_options
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.io.filesystem import is_remote, parse_local_path

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.engines.sagemaker.engine import SageMakerEngine


def check_engine(engine: SageMakerEngine, data: DataConfig, config: AnalysisConfig) -> None:
    """Check that a job can run an analysis.

    :param engine: the settings of the job
    :param data: where the data are
    :param config: the analysis to run
    :raises ConfigError: the job cannot run it; the message names the setting to change
    """
    check_data(data)
    if not engine.role:
        raise ConfigError("role: empty after its template was rendered; name the IAM role that the job runs under")
    # Reading these properties parses them, so an invalid configuration fails before the upload.
    _ = config.methods, config.post_training_methods, config.label, config.label_values, config.facets
    if config.document.get("predictor") is None:
        _ = config.predicted_label
    _check_locations(data)
    _check_joined_files(config, clarifys_image=engine.image_uri is None)
    if data.conn_id is not None and data.conn_id != engine.aws_conn_id:
        raise ConfigError(
            f"conn_id: the job reads with its role, and the task reaches S3 through the engine's aws_conn_id "
            f"({engine.aws_conn_id!r}), not through {data.conn_id!r}; leave it out"
        )
    if engine.instance_count is not None and int(engine.instance_count) > 1 and _get_joinsource(config) is None:
        raise ConfigError("instance_count: more than one instance needs a joinsource in the data configuration")
    if engine.image_uri is None:
        refuse_crossed_facets(config)
        if engine.region_name is not None:
            get_clarify_image(engine.region_name)
        # A header row is Clarify's default; if headers are given, Clarify compares the first row with them.
        unsupported = [
            name for name, value in list_options(data, config).items() if (name, value) != ("header_row", True)
        ]
        if unsupported:
            raise ConfigError(
                f"{unsupported[0]}: Clarify's image does not support this option; leave it out, run this package's own "
                "image (image_uri), or choose another engine"
            )


def refuse_crossed_facets(config: AnalysisConfig) -> None:
    """Check that no facet is crossed.

    :param config: the analysis to run
    :raises ConfigError: a facet is; Clarify's image has single columns as facets only
    """
    given = config.facets if config.document.get("facet") else ()
    crossed = next((facet for facet in given if not isinstance(facet.name_or_index, str | int)), None)
    if crossed is not None:
        raise ConfigError(
            f"{config.spell_key('facet')}: Clarify's image cannot cross columns "
            f"({crossed.name or crossed.name_or_index}); write the combinations to a column, run this package's own "
            "image (image_uri), or choose another engine"
        )


def check_data(data: DataConfig) -> None:
    """Check that a job can read the data: whole files.

    :param data: where the data are
    :raises ConfigError: the data are a table, a query or a selection of rows
    """
    for name in ("table", "query", "where"):
        if getattr(data, name) is not None:
            raise ConfigError(
                f"{name}: a job on SageMaker reads files in S3, all rows of them; write the rows there first, or let "
                "SQLEngine or SparkEngine check them where they are"
            )


def _check_locations(data: DataConfig) -> None:
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
                f"input_path: SageMaker reads a file or a folder, not a pattern such as {data.input_path}"
            )
        if "@" in data.input_path.split("://", 1)[1].split("/", 1)[0]:
            raise ConfigError("input_path: name the connection in the engine (aws_conn_id), not in the URI")
    elif not parse_local_path(data.input_path).exists():
        raise ConfigError(f"input_path: {data.input_path}: no such file or folder; check the path")


def _check_joined_files(config: AnalysisConfig, *, clarifys_image: bool) -> None:
    for key, location in list_joined_files(config).items():
        if not location.startswith("s3://"):
            raise ConfigError(
                f"{key}: a job on SageMaker reads S3 only, not {location}; copy the file there, or choose another "
                "engine"
            )
        if clarifys_image and config.dataset_type != "text/csv":
            raise ConfigError(
                f"{key}: Clarify joins files of text/csv only, and the data are {config.dataset_type}; write the "
                "column into the dataset, or choose another engine"
            )


def _get_joinsource(config: AnalysisConfig) -> Any:
    return config.document.get("joinsource_name_or_index")
