"""SageMaker processing job in place of Clarify's: ``airflow-clarify analyze`` without arguments.

SageMaker provides a container with folders and environment variables only. The folders are those of Clarify's image, so
the same job definition works with both images; ``container/Dockerfile`` builds ours:

=========================================================== =========================================================
``/opt/ml/processing/input/config/analysis_config.json``    the analysis configuration
``/opt/ml/processing/input/data``                           the dataset, files of any name
``/opt/ml/processing/input/predicted_label``                predictions, if the configuration has them in other files
``/opt/ml/processing/input/facet``                          facets, if the configuration has them in other files
``/opt/ml/processing/output``                               ``analysis.json``, ``report.html`` and the other files
``/opt/ml/config/resourceconfig.json``                      the instances of the job, and the current one
``/opt/ml/output/message``                                  one sentence on the result, the job's ``ExitMessage``
=========================================================== =========================================================

This module does not import Airflow, boto3, fsspec or pandas, which the image does not contain.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_clarify.engines.sagemaker.container_options import parse_options
from airflow_clarify.engines.sagemaker.request import JOINED_INPUTS, list_joined_files
from airflow_clarify.exceptions import ConfigError, DataError, OutputError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig

#: The environment variable that replaces the folder /opt/ml, for tests.
ML_FOLDER = "AIRFLOW_CLARIFY_ML_FOLDER"
#: SageMaker displays the first kilobyte of the message, and fails the job if that is not valid UTF-8.
_MAX_MESSAGE_BYTES = 1024

_ANALYSIS_OPTIONS = ("label_type", "facet_type")


class ProcessingJobRun:
    """A processing job inside its container.

    :param environment: the environment variables of the container
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.environment = environment
        self.folder = Path(environment.get(ML_FOLDER) or "/opt/ml")
        self.config = self.folder / "processing" / "input" / "config" / "analysis_config.json"
        self.data = self.folder / "processing" / "input" / "data"
        self.output = self.folder / "processing" / "output"
        self.resources = self.folder / "config" / "resourceconfig.json"
        self.message = self.folder / "output" / "message"

    def run(self, log: Callable[[str], None]) -> None:
        """Compute the bias metrics, and write the files that Clarify writes.

        :param log: a function that prints text to the log of the job
        :raises ConfigError: there is no configuration, or it needs Clarify's image
        :raises DataError: the data cannot be read
        :raises OutputError: the output cannot be written
        """
        from airflow_clarify.api import measure
        from airflow_clarify.artifacts import list_files
        from airflow_clarify.engines.duckdb import DuckDBEngine
        from airflow_clarify.reports.console import format_table, sanitize_line

        self._check_job_exists()
        worker, current = self._read_hosts()
        if current != worker:
            log(sanitize_line(f"Nothing to do on {current}: all instances have all data, and {worker} runs", None))
            return
        config, data = self._build_configs()
        self._check_output()
        log(sanitize_line(f"Reading {config.dataset_type} from {self.data}", None))
        data = replace(data, output_path=str(self.output))
        # The report omits the folder inside the container, which does not identify the dataset.
        analysis = measure(data, config, DuckDBEngine(duckdb_conn_id=None), location={})
        log("\n".join([f"Read {_format_count(analysis.rows or 0, 'row')}", *format_table(analysis)]))
        for warning in analysis.warnings:
            log(sanitize_line(f"warning: {warning}", None))
        log(sanitize_line(f"Wrote {', '.join(list_files(config).values())} to {self.output}", None))
        self._report_success(analysis, log)

    def write_message(self, sentence: str) -> None:
        """Write the exit message of the job.

        Errors are ignored, since the log has the sentence too. Outside a container, where the folder of the job does
        not exist, nothing is written.

        :param sentence: the message, of which the first kilobyte is kept
        """
        with contextlib.suppress(OSError):
            if self.folder.is_dir():
                self._write_message(sentence)

    # --- Input --------------------------------------------------------------------------------------------------------

    def _check_job_exists(self) -> None:
        if not _exists(self.config):
            raise ConfigError(
                "the following arguments are required: --data; see airflow-clarify analyze --help (without arguments "
                f"it takes the files of a processing job, and there is no {self.config})"
            )

    def _read_hosts(self) -> tuple[str, str]:
        """Return the instance that runs the analysis, and the current instance."""
        from airflow_clarify.artifacts import read_file

        if not _exists(self.resources):
            return "", ""
        try:
            resources = json.loads(read_file(str(self.resources)))
            current, hosts = resources["current_host"], sorted(resources["hosts"])
            if current not in hosts:
                raise KeyError("current_host")
        except (ValueError, RecursionError, TypeError, KeyError):
            raise ConfigError(
                f"{self.resources}: does not say which instance this is, as in "
                '{"current_host": "algo-1", "hosts": ["algo-1"]}'
            ) from None
        return hosts[0], current

    def _build_configs(self) -> tuple[AnalysisConfig, DataConfig]:
        from airflow_clarify.artifacts import read_file
        from airflow_clarify.bias.config import AnalysisConfig, DataConfig

        config = AnalysisConfig.parse(read_file(str(self.config)), str(self.config))
        _refuse_unsupported(config, self.data)
        options = parse_options(self.environment)
        declared_types = {name: options.pop(name) for name in _ANALYSIS_OPTIONS if name in options}
        config = replace(config, **declared_types)
        _check_types(config)
        self._check_input()
        # Names of S3 objects often have no suffix, so the dataset type is that of the configuration.
        everything = f"{self.data}/**"
        features = config.document.get("features")
        return config, DataConfig(
            everything,
            dataset_type=config.dataset_type,
            headers=config.headers,
            features=features,
            **self._find_joined_files(config),
            **options,
        )

    def _find_joined_files(self, config: AnalysisConfig) -> dict[str, Any]:
        """Find the files of predictions and of facets, which are inputs of the job under their own folders."""
        found: dict[str, Any] = {}
        for key, uri in list_joined_files(config).items():
            name, folder = JOINED_INPUTS[key]
            mounted = self.folder / Path(folder).relative_to("/opt/ml")
            if not _exists(mounted):
                raise ConfigError(
                    f"{key}: this image does not read {uri} from S3; give the job an input {name} with the LocalPath "
                    f"{folder}, as SageMakerEngine does, or run Clarify's own image"
                )
            headers = key.replace("dataset_uri", "headers")
            found |= {key: f"{mounted}/**", headers: config.document.get(headers)}
        return found

    def _check_input(self) -> None:
        from airflow_clarify.io.filesystem import permission_error

        if not _exists(self.data):
            raise DataError(f"{self.data}: no such folder; give the job its dataset as an input with this LocalPath")
        if not os.access(self.data, os.R_OK | os.X_OK):
            raise DataError(permission_error(str(self.data)))

    # --- Output -------------------------------------------------------------------------------------------------------

    def _check_output(self) -> None:
        """Check that the output folder is writable before any work is done."""
        existing = next(path for path in (self.output, *self.output.parents) if path.exists())
        if existing.is_dir() and not os.access(existing, os.W_OK | os.X_OK):
            raise OutputError(
                f"{self.output} cannot be written by user {os.getuid()}, for whom SageMaker has not mounted it; build "
                "the image with another RUN_AS, as container/Dockerfile says"
            )

    def _report_success(self, analysis: Analysis, log: Callable[[str], None]) -> None:
        values = _format_count(sum(1 for _ in analysis.results()), "facet value")
        sentence = f"Completed: airflow-clarify measured {values} over {_format_count(analysis.rows or 0, 'row')}"
        try:
            self._write_message(sentence)
        except OSError as error:
            log(f"warning: {self.message} cannot be written ({error.strerror}); the job will show no message")

    def _write_message(self, sentence: str) -> None:
        from airflow_clarify.reports.console import sanitize_line

        self.message.parent.mkdir(parents=True, exist_ok=True)
        content = sanitize_line(sentence, None).encode()
        if len(content) > _MAX_MESSAGE_BYTES:
            ellipsis = "…".encode()
            # Decoding drops a character that the truncation has split.
            content = content[: _MAX_MESSAGE_BYTES - len(ellipsis)].decode(errors="ignore").encode() + ellipsis
        self.message.write_bytes(content)


def _exists(path: Path) -> bool:
    """Return whether a path exists; a lack of permissions is reported when it is read."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def _format_count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# --- Checks -----------------------------------------------------------------------------------------------------------


def _refuse_unsupported(config: AnalysisConfig, data: Path) -> None:
    """Refuse methods that only Clarify supports, such as SHAP, which must not be silently skipped."""
    if config.left_to_clarify:
        raise ConfigError(
            f"methods: {', '.join(config.left_to_clarify)}: this needs a trained model, which only Clarify's own image "
            "supports; leave it out, and measure pre_training_bias or post_training_bias here"
        )
    _ = config.predicted_label
    if config.document.get("dataset_uri") is not None:
        # In Clarify it takes precedence over the input of the job, so reading the input would be wrong.
        raise ConfigError(
            f"dataset_uri: only Clarify's own image reads it; leave it out, and give the job its dataset as {data}"
        )


def _check_types(config: AnalysisConfig) -> None:
    """Check the declared types and their facets, with the checks of ``BiasConfig``."""
    from airflow_clarify.bias.config import BiasConfig

    BiasConfig(
        config.label_values,
        [facet.name_or_index for facet in config.facets],
        [facet.values for facet in config.facets],
        label_type=config.label_type,
        facet_type=config.facet_type,
    )
