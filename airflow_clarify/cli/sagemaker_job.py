"""``airflow-clarify analyze`` without arguments: a SageMaker processing job in the place of Clarify's.

SageMaker gives a container folders, environment variables and nothing else. The folders are those of Clarify's image,
so the same job runs with either; ``container/Dockerfile`` makes ours:

=========================================================== =========================================================
``/opt/ml/processing/input/config/analysis_config.json``    what to measure
``/opt/ml/processing/input/data``                           the dataset, files of any name
``/opt/ml/processing/output``                               ``analysis.json``, ``report.html`` and the rest
``/opt/ml/config/resourceconfig.json``                      which instance this is
``/opt/ml/output/message``                                  one sentence on what came of it, the job's ``ExitMessage``
=========================================================== =========================================================

Nothing here imports Airflow, boto3, fsspec or pandas: none of them is in the image.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import ArgumentType, check_argument
from airflow_clarify.exceptions import ConfigError, DataError, OutputError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig

#: The environment variable that puts another folder in the place of /opt/ml, for tests.
ML_FOLDER = "AIRFLOW_CLARIFY_ML_FOLDER"
#: The environment variable for what ``analysis_config.json`` has no place for, as one JSON object. SageMaker takes 256
#: characters of a variable, so the text may be cut into parts: this name with "_1", "_2" and so on behind it.
OPTIONS = "AIRFLOW_CLARIFY_OPTIONS"

#: SageMaker shows the first KB of the message, and fails the job should that not be UTF-8.
_LONGEST_MESSAGE = 1024

_OF_THE_ANALYSIS = ("label_type", "facet_type")
_TYPES = "'categorical' or 'continuous'"
#: What is allowed in an option, in words, and whether something is.
_ALLOWED: Mapping[str, ArgumentType] = {
    "label_type": ArgumentType(_TYPES, lambda value: isinstance(value, str)),
    "facet_type": ArgumentType(
        f"{_TYPES}, or an object with one per facet", lambda value: isinstance(value, str | dict)
    ),
    "weight": argument_types.COLUMN,
    "na_values": argument_types.TEXTS,
    "csv_options": ArgumentType('an object such as {"delim": ";"}', lambda value: isinstance(value, dict)),
    "header_row": ArgumentType("true or false", lambda value: isinstance(value, bool)),
}


class ProcessingJobRun:
    """A processing job, as a container sees it.

    :param environment: the environment variables
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.environment = environment
        self.folder = Path(environment.get(ML_FOLDER) or "/opt/ml")
        self.config = self.folder / "processing" / "input" / "config" / "analysis_config.json"
        self.data = self.folder / "processing" / "input" / "data"
        self.output = self.folder / "processing" / "output"
        self.resources = self.folder / "config" / "resourceconfig.json"
        self.message = self.folder / "output" / "message"

    def run(self, say: Callable[[str], None]) -> None:
        """Measure, and write what Clarify would have written.

        :param say: prints a line to the job's log
        :raises ConfigError: there is no such job here, or it asks for what cannot be done here
        :raises DataError: the data cannot be read
        :raises OutputError: the output cannot be written
        """
        from airflow_clarify.api import measure
        from airflow_clarify.artifacts import list_files
        from airflow_clarify.engines.duckdb import DuckDBEngine
        from airflow_clarify.reports.console import format_table, sanitize_line

        self._check_job_exists()
        worker, here = self._read_hosts()
        if here != worker:
            say(sanitize_line(f"Nothing to do on {here}: every instance has all the data, and {worker} measures", None))
            return
        config, data = self._build_configs()
        self._check_output()
        say(sanitize_line(f"Reading {config.dataset_type} from {self.data}", None))
        data = replace(data, output_path=str(self.output))
        # The folder inside the container says nothing about the dataset to who reads the report.
        analysis = measure(data, config, DuckDBEngine(duckdb_conn_id=None), location={})
        say("\n".join([f"Read {_format_count(analysis.rows or 0, 'row')}", *format_table(analysis)]))
        for warning in analysis.warnings:
            say(sanitize_line(f"warning: {warning}", None))
        say(sanitize_line(f"Wrote {', '.join(list_files(config).values())} to {self.output}", None))
        self._report_success(analysis, say)

    def write_message(self, sentence: str) -> None:
        """Leave a sentence for who looks at the job; where that cannot be done, there is still the log.

        Where there is no folder for jobs, on a laptop, none is made.
        """
        with contextlib.suppress(OSError):
            if self.folder.is_dir():
                self._write_message(sentence)

    # --- What is asked ------------------------------------------------------------------------------------------------

    def _check_job_exists(self) -> None:
        if not _exists(self.config):
            raise ConfigError(
                "the following arguments are required: --data; see airflow-clarify analyze --help (without arguments "
                f"it takes the files of a processing job, and there is no {self.config})"
            )

    def _read_hosts(self) -> tuple[str, str]:
        """The instance that measures, and this one. Where nobody says, there is just one."""
        from airflow_clarify.artifacts import read_file

        if not _exists(self.resources):
            return "", ""
        try:
            resources = json.loads(read_file(str(self.resources)))
            here, hosts = resources["current_host"], sorted(resources["hosts"])
            if here not in hosts:
                raise KeyError("current_host")
        except (ValueError, RecursionError, TypeError, KeyError):
            raise ConfigError(
                f"{self.resources}: does not say which instance this is, as in "
                '{"current_host": "algo-1", "hosts": ["algo-1"]}'
            ) from None
        return hosts[0], here

    def _build_configs(self) -> tuple[AnalysisConfig, DataConfig]:
        from airflow_clarify.artifacts import read_file
        from airflow_clarify.bias.config import AnalysisConfig, DataConfig

        config = AnalysisConfig.parse(read_file(str(self.config)), str(self.config))
        _refuse_unsupported(config, self.data)
        options = parse_options(self.environment)
        of_the_analysis = {name: options.pop(name) for name in _OF_THE_ANALYSIS if name in options}
        config = replace(config, **of_the_analysis)
        _check_types(config)
        self._check_input()
        # Objects of S3 often have names without an ending, so the configuration alone says what they are.
        everything = f"{self.data}/**"
        features = config.document.get("features")
        return config, DataConfig(
            everything, dataset_type=config.dataset_type, headers=config.headers, features=features, **options
        )

    def _check_input(self) -> None:
        from airflow_clarify.io.filesystem import permission_error

        if not _exists(self.data):
            raise DataError(f"{self.data}: no such folder; give the job its dataset as an input with this LocalPath")
        if not os.access(self.data, os.R_OK | os.X_OK):
            raise DataError(permission_error(str(self.data)))

    # --- What is left -------------------------------------------------------------------------------------------------

    def _check_output(self) -> None:
        """Say it before the work, not after, should all of it be in vain."""
        place = next(place for place in (self.output, *self.output.parents) if place.exists())
        if place.is_dir() and not os.access(place, os.W_OK | os.X_OK):
            raise OutputError(
                f"{self.output} cannot be written by user {os.getuid()}, for whom SageMaker has not mounted it; build "
                "the image with another RUN_AS, as container/Dockerfile says"
            )

    def _report_success(self, analysis: Analysis, say: Callable[[str], None]) -> None:
        values = _format_count(sum(1 for _ in analysis.results()), "facet value")
        sentence = f"Completed: airflow-clarify measured {values} over {_format_count(analysis.rows or 0, 'row')}"
        try:
            self._write_message(sentence)
        except OSError as error:
            say(f"warning: {self.message} cannot be written ({error.strerror}); the job will show no message")

    def _write_message(self, sentence: str) -> None:
        from airflow_clarify.reports.console import sanitize_line

        self.message.parent.mkdir(parents=True, exist_ok=True)
        content = sanitize_line(sentence, None).encode()
        if len(content) > _LONGEST_MESSAGE:
            cut = "…".encode()
            # Half a character is left out.
            content = content[: _LONGEST_MESSAGE - len(cut)].decode(errors="ignore").encode() + cut
        self.message.write_bytes(content)


def _exists(path: Path) -> bool:
    """Whether something is; that it may not be looked at is said by whoever reads it."""
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
    """Who asked for SHAP must not get a job that is "Completed" without it."""
    if config.left_to_clarify:
        raise ConfigError(
            f"methods: {', '.join(config.left_to_clarify)}: this needs a trained model, which only Clarify's own image "
            "asks; leave it out, and measure pre_training_bias here"
        )
    if config.document.get("dataset_uri") is not None:
        # To Clarify it counts for more than the job's input; we cannot read it, and must not read something else.
        raise ConfigError(
            f"dataset_uri: only Clarify's own image reads it; leave it out, and give the job its dataset as {data}"
        )


def _check_types(config: AnalysisConfig) -> None:
    """``BiasConfig`` knows what the types may be, and that they speak of facets that there are."""
    from airflow_clarify.bias.config import BiasConfig

    BiasConfig(
        config.label_values,
        [facet.name_or_index for facet in config.facets],
        [facet.values for facet in config.facets],
        label_type=config.label_type,
        facet_type=config.facet_type,
    )


def parse_options(environment: Mapping[str, str]) -> dict[str, Any]:
    """The options that are given beside a job's configuration, checked; null gives none.

    :param environment: the environment variables of the job
    :raises ConfigError: they are not what they should be
    """
    text = _join_option_parts(environment)
    if not text.strip():
        return {}
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{OPTIONS}: not JSON ({error}); give one object, its parts numbered from 1 on") from None
    if not isinstance(options, dict):
        raise ConfigError(f'{OPTIONS}: {options!r} is not an object such as {{"weight": "w"}}')
    unknown = [repr(name) for name in options if name not in _ALLOWED]
    if unknown:
        raise ConfigError(f"{OPTIONS}: no option {', '.join(unknown)}; there are {', '.join(_ALLOWED)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        check_argument(f"{OPTIONS}: {name}", value, _ALLOWED[name])
    return given


def _join_option_parts(environment: Mapping[str, str]) -> str:
    """The variable, or its numbered parts put together; one of them alone would be something else."""
    parts = {name for name in environment if name.startswith(f"{OPTIONS}_")}
    names = [f"{OPTIONS}_{number}" for number in range(1, len(parts) + 1)]
    if strange := sorted(parts - set(names)):
        raise ConfigError(f"{strange[0]}: parts are numbered from 1 on without gaps; with {len(parts)}: {names}")
    if parts and OPTIONS in environment:
        raise ConfigError(f"{OPTIONS}: {names[0]} is there too; give the whole, or its parts")
    return "".join(environment[name] for name in names) if parts else environment.get(OPTIONS, "")
