"""Command line interface: the DuckDB engine without Airflow, for laptops, CI and containers.

Exit status: 0 success, 1 violation of a threshold, 2 invalid input or configuration. An error message is one line on
stderr, and no partial output remains.

``analyze`` without arguments runs a SageMaker processing job, see :mod:`airflow_clarify.cli.sagemaker_job`. An internal
error ends every command with status 255 and a traceback, since Python's default status, 1, is a verdict.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, NoReturn

from airflow_clarify import __version__
from airflow_clarify.bias.numbers import parse_number
from airflow_clarify.exceptions import ClarifyError, ConfigError, OutputError

if TYPE_CHECKING:
    from airflow_clarify.bias.column_types import Value
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.cli.sagemaker_job import ProcessingJobRun
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb import DuckDBEngine

EXIT_OK, EXIT_VIOLATION, EXIT_USAGE, EXIT_INTERNAL = 0, 1, 2, 255
#: Added to the number of a signal, as in shells: 130 after Ctrl-C, 143 when a container is stopped.
EXIT_SIGNAL_BASE = 128


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    :param argv: the arguments; None uses those of the process
    :return: the exit status
    """
    _allow_any_encoding()
    argv = sys.argv[1:] if argv is None else list(argv)
    job = _create_job() if argv == ["analyze"] else None
    stop = _StopSignals()
    try:
        with stop:
            return _run(argv) if job is None else _run_job(job)
    except (Exception, KeyboardInterrupt) as error:
        status, sentence = _describe_failure(error, stop.received)
        if job is not None:
            job.write_message(sentence)
        _print_error(sentence)
        if status == EXIT_INTERNAL and sys.stderr is not None:
            with contextlib.suppress(OSError):
                traceback.print_exception(error)
        return status


def _describe_failure(error: BaseException, signalled: int | None) -> tuple[int, str]:
    """Return the exit status and the error message."""
    # Checked first, since DuckDB converts an exception that a signal handler raises during a query.
    if signalled is not None or isinstance(error, KeyboardInterrupt):
        return EXIT_SIGNAL_BASE + (signalled or signal.SIGINT), "interrupted"
    if isinstance(error, ClarifyError):
        return EXIT_USAGE, str(error)
    return (
        EXIT_INTERNAL,
        f"a defect of airflow-clarify ({type(error).__name__}: {error}); please report it with its traceback",
    )


def _run(argv: Sequence[str] | None) -> int:
    parser = _build_parser()
    arguments = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] | None = arguments.run
    if run is None:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    return run(arguments)


def _create_job() -> ProcessingJobRun:
    from airflow_clarify.cli.sagemaker_job import ProcessingJobRun

    return ProcessingJobRun()


def _run_job(job: ProcessingJobRun) -> int:
    job.run(_print)
    return EXIT_OK


# --- Commands -----------------------------------------------------------------------------------------------------


def _analyze(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from airflow_clarify.api import measure
    from airflow_clarify.artifacts import list_files
    from airflow_clarify.reports.console import format_table, sanitize_line

    data, config = _build_configs(arguments)
    folder = arguments.output
    if folder is not None:
        _check_output(folder, "a folder")
    with _TerminalProgress() as progress:
        analysis = measure(replace(data, output_path=folder), config, _build_engine(arguments), progress=progress)
    _print("\n".join(format_table(analysis)))
    _print_warnings(analysis.warnings)
    if folder is not None:
        _print(f"Wrote {', '.join(list_files(config).values())} to {sanitize_line(folder, None)}")
    return EXIT_OK


def _balance(arguments: argparse.Namespace) -> int:
    from airflow_clarify.reports.console import sanitize_line

    _check_output(arguments.output, "a file")
    data = _build_data_config(arguments, dataset_type=arguments.dataset_type)
    plan = {
        "strategy": arguments.strategy,
        "size": arguments.size,
        "fraction": arguments.fraction,
        "seed": arguments.seed,
        "weight_column": arguments.weight_column,
        "empty": arguments.empty,
        "missing": arguments.missing,
        "weight": arguments.weight,
    }
    by = _parse_texts(arguments.by, "--by")
    with _TerminalProgress() as progress:
        result = _build_engine(arguments).balance(data, arguments.output, by, progress=progress, **plan)
    _print_warnings(result.warnings)
    strata = f"{len(result.strata):,} strata by {', '.join(by)}"
    _print(
        sanitize_line(
            f"Read {result.rows_in:,} rows in {strata}; wrote {result.rows_out:,} rows to {result.target}", None
        )
    )
    return EXIT_OK


def _gate(arguments: argparse.Namespace) -> int:
    from airflow_clarify.api import gate
    from airflow_clarify.artifacts import read_analysis
    from airflow_clarify.bias.thresholds import Thresholds
    from airflow_clarify.reports.console import format_table, sanitize_line

    rules = Thresholds(
        _parse_thresholds(arguments.threshold),
        min_rows=arguments.min_rows,
        below_min_rows=arguments.below_min_rows,
        confidence=arguments.confidence,
        on_inconclusive=arguments.on_inconclusive,
        undefined=arguments.undefined,
    )
    analysis = read_analysis(arguments.analysis)
    verdict = gate(analysis, rules)
    if arguments.json:
        _print(json.dumps(verdict.to_json(), indent=4))
    else:
        _print("\n".join([*format_table(analysis, verdict), sanitize_line(f"Verdict {verdict.sentence}", None)]))
    _print_warnings(warning for warning in analysis.warnings if warning not in verdict.reasons)
    if analysis.rows is None:
        _print_warnings(
            [f"{arguments.analysis}: there are no counts beside it, so whether any label is positive was not checked"]
        )
    return EXIT_OK if verdict.passed else EXIT_VIOLATION


def _check_output(output: str, what: str) -> None:
    """Refuse an empty path, as from an unset shell variable: it is the current folder."""
    if not output.strip():
        raise ConfigError(f"--output: {output!r} is no name; give that of {what}")


# --- Parser -------------------------------------------------------------------------------------------------------

_EXIT_STATUS = (
    "exit status: 0 success, 1 violation of a threshold, 2 invalid input or configuration, 255 internal error"
)

_EPILOG = f"""\
examples:
  airflow-clarify analyze --data loans.csv --label approved --positive 1 --facet gender --output out
  airflow-clarify gate --analysis out/analysis.json --threshold DPL=0.1
  airflow-clarify balance --data loans.csv --by gender,approved --seed 7 --output balanced.csv

{_EXIT_STATUS}
"""

_ANALYZE_EPILOG = f"""\
VALUES are separated by commas and parsed like JSON: 1 is a number, F a string, and "1" in double quotes a string too.
Write values that contain commas as a JSON list, and values that begin with a dash after an equals sign:
  --positive 5,4        --positive '"1"'        --positive '["a,b", "c"]'        --positive=-1

examples:
  airflow-clarify analyze --data loans.csv --label approved --positive 1 --facet gender --output out
  airflow-clarify analyze --data adult.parquet --label income --positive '>50K' --facet sex --facet race --group job
  airflow-clarify analyze --data 's3://bucket/reviews/*.csv' --config analysis_config.json --output s3://bucket/bias

in a container:
  Without arguments, analyze runs as a SageMaker processing job in place of Clarify's. It reads
  /opt/ml/processing/input/config/analysis_config.json and all files in /opt/ml/processing/input/data, writes to
  /opt/ml/processing/output, and writes one sentence to /opt/ml/output/message. Options that are not part of the file
  are set in an environment variable, as in AIRFLOW_CLARIFY_OPTIONS='{{"weight": "w", "na_values": [""]}}'.
  container/Dockerfile builds the image.

{_EXIT_STATUS}
"""

_BALANCE_EPILOG = f"""\
The selected rows depend on the data and the seed only. Their order and the texts or types of their cells are kept.

examples:
  airflow-clarify balance --data loans.csv --by gender,approved --seed 7 --output balanced.csv
  airflow-clarify balance --data loans.csv --by gender,approved --strategy oversample --size 5000 --output more.parquet
  airflow-clarify balance --data loans.csv --by gender,approved --strategy reweigh --output weighted.csv

{_EXIT_STATUS}
"""

_GATE_EPILOG = f"""\
thresholds:
  DPL=0.1               |DPL| is at most 0.1 for every facet value
  DPL=-0.05:0.1         DPL is between the bounds; one of them may be omitted, as in DPL=:0.1
  DPL:gender=0.1        for the values of one facet
  DPL:gender:F=0.1      for one value, instead of the threshold for the others
  '{{"DPL": {{"a:b": [null, 0.1]}}}}'
                        JSON, as thresholds are written in a DAG; for names with colons

examples:
  airflow-clarify gate --analysis out/analysis.json --threshold DPL=0.1 --threshold KL=0.05
  airflow-clarify gate --analysis out/analysis.json --threshold DPL=0.1 --confidence 0.95 --on-inconclusive pass
  airflow-clarify gate --analysis s3://bucket/bias/analysis.json --threshold CI=0.5 --json

{_EXIT_STATUS}
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser with errors in one line, and support for closed pipes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            # An abbreviation that is unique today becomes ambiguous when an option is added.
            allow_abbrev=False,
            **kwargs,
        )

    def error(self, message: str) -> NoReturn:
        if message.endswith("expected one argument"):
            message += " (with an equals sign, as in --option=-1, if it begins with a dash)"
        raise ConfigError(f"{message}; see {self.prog} --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        _print("", end="")
        super().exit(status, message)


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="airflow-clarify",
        description="Measure, repair and judge the bias of training data, as Amazon SageMaker Clarify does.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"airflow-clarify {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_analyze(commands)
    _add_balance(commands)
    _add_gate(commands)
    return parser


def _add_analyze(commands: Any) -> None:
    command = commands.add_parser(
        "analyze",
        help="measure the bias of a dataset",
        description="Measure the bias of a dataset, and write analysis.json and a report.",
        epilog=_ANALYZE_EPILOG,
    )
    _add_data(command)
    analysis = command.add_argument_group("analysis")
    analysis.add_argument("--config", metavar="FILE", help="an analysis_config.json, instead of the six options below")
    analysis.add_argument("--label", metavar="COLUMN", help="the label column")
    analysis.add_argument(
        "--positive", metavar="VALUES", action="append", help="the positive label values, or a threshold t for t < x"
    )
    analysis.add_argument("--facet", metavar="COLUMN", action="append", help="a facet column; may be repeated")
    analysis.add_argument(
        "--facet-values",
        metavar="VALUES",
        action="append",
        help="the sensitive group of a single facet, or a threshold (default: each value against the rest)",
    )
    analysis.add_argument("--group", metavar="COLUMN", help="the group variable, for CDDL")
    analysis.add_argument("--methods", metavar="NAMES", action="append", help="metrics, such as CI,DPL (default: all)")
    types = ("categorical", "continuous")
    analysis.add_argument("--label-type", choices=types, help="what the label is, instead of Clarify's rule")
    analysis.add_argument("--facet-type", choices=types, help="what the facets are, instead of Clarify's rule")
    analysis.add_argument("--weight", metavar="COLUMN", help="a column of row weights")
    analysis.add_argument("--output", metavar="FOLDER", help="where the files go (default: only print)")
    _add_limits(command)
    command.set_defaults(run=_analyze)


def _add_balance(commands: Any) -> None:
    command = commands.add_parser(
        "balance",
        help="write a balanced copy of a dataset",
        description="Write a balanced copy of a dataset.",
        epilog=_BALANCE_EPILOG,
    )
    _add_data(command)
    plan = command.add_argument_group("how to balance")
    plan.add_argument(
        "--by",
        metavar="COLUMNS",
        action="append",
        required=True,
        help="the columns that make the strata, such as gender,approved; or a JSON list; for reweigh the label last",
    )
    plan.add_argument(
        "--strategy",
        choices=("undersample", "oversample", "reweigh"),
        default="undersample",
        help="to the smallest stratum (default), to the largest, or with a column of weights",
    )
    plan.add_argument("--size", metavar="ROWS", type=_parse_whole_number, help="rows of each stratum instead")
    plan.add_argument(
        "--fraction", metavar="SHARE", type=_parse_number, help="this share of the rows of each stratum instead"
    )
    plan.add_argument("--seed", metavar="NUMBER", type=_parse_whole_number, default=0, help="of the draw (default: 0)")
    plan.add_argument(
        "--weight-column", metavar="NAME", default="weight", help="the column that reweigh adds (default: weight)"
    )
    plan.add_argument(
        "--weight", metavar="COLUMN", help="for reweigh: a column of weights that rows have already, to be multiplied"
    )
    plan.add_argument(
        "--empty", choices=("error", "ignore"), default="error", help="combinations without any row (default: error)"
    )
    plan.add_argument(
        "--missing",
        choices=("drop", "keep", "error"),
        help="rows without a value in --by (default: drop, and keep for reweigh)",
    )
    plan.add_argument("--output", metavar="FILE", required=True, help="the copy; never the source itself")
    _add_limits(command)
    command.set_defaults(run=_balance)


def _add_gate(commands: Any) -> None:
    command = commands.add_parser(
        "gate",
        help="judge an analysis",
        description="Compare an analysis with thresholds; the exit status is the verdict.",
        epilog=_GATE_EPILOG,
    )
    command.add_argument("--analysis", metavar="FILE", required=True, help="an analysis.json, ours or Clarify's")
    command.add_argument(
        "--threshold",
        metavar="METRIC=BOUND",
        action="append",
        required=True,
        help="a threshold, see below; may be repeated",
    )
    command.add_argument(
        "--min-rows",
        metavar="ROWS",
        type=_parse_whole_number,
        default=0,
        help="the minimum number of rows of a facet value",
    )
    command.add_argument(
        "--below-min-rows",
        choices=("fail", "pass", "ignore"),
        default="fail",
        help="for facet values with fewer rows (default: fail)",
    )
    command.add_argument(
        "--confidence",
        metavar="LEVEL",
        type=_parse_number,
        help="judge by confidence intervals at this level, such as 0.95",
    )
    command.add_argument(
        "--on-inconclusive", choices=("fail", "pass"), help="when an interval reaches across a bound; no default"
    )
    command.add_argument(
        "--undefined", choices=("fail", "ignore"), default="fail", help="metrics without a value (default: fail)"
    )
    command.add_argument("--json", action="store_true", help="print the verdict as JSON")
    command.set_defaults(run=_gate)


def _add_data(command: argparse.ArgumentParser) -> None:
    data = command.add_argument_group("the data")
    data.add_argument("--data", metavar="PATH", required=True, help="a file, a folder, a glob or a URI")
    data.add_argument(
        "--dataset-type",
        metavar="TYPE",
        help="text/csv, application/jsonlines or application/x-parquet (default: inferred from the file name)",
    )
    data.add_argument(
        "--csv-option", metavar="KEY=VALUE", action="append", default=[], help="such as delim=';'; may be repeated"
    )
    header = data.add_mutually_exclusive_group()
    header.add_argument(
        "--header",
        action="store_const",
        const=True,
        dest="header_row",
        help="the CSV file has a header row, also where --config gives other headers",
    )
    header.add_argument(
        "--no-header",
        action="store_const",
        const=False,
        dest="header_row",
        help="the CSV file has no header row; columns are those of --config, or 0, 1, ...",
    )
    data.add_argument(
        "--na-values", metavar="TEXTS", action="append", help="the texts that mean 'missing' (default: those of pandas)"
    )


def _add_limits(command: argparse.ArgumentParser) -> None:
    limits = command.add_argument_group("the engine")
    limits.add_argument("--memory-limit", metavar="SIZE", help="such as 2GB; what does not fit is spilled to disk")
    limits.add_argument("--threads", metavar="NUMBER", type=_parse_whole_number, help="default: all cores")
    limits.add_argument("--temp-directory", metavar="FOLDER", help="where to spill (default: a temporary folder)")


#: The command line options for keys of ``analysis_config.json``, for error messages.
_OPTION_NAMES = {
    "label": "--label",
    "label_values_or_threshold": "--positive",
    "facet": "--facet",
    "value_or_threshold": "--facet-values",
    "group_variable": "--group",
    "methods": "--methods",
    "weight": "--weight",
    "label_type": "--label-type",
    "facet_type": "--facet-type",
    "dataset_type": "--dataset-type",
}

# --- Parsing of arguments -----------------------------------------------------------------------------------------


def _build_engine(arguments: argparse.Namespace) -> DuckDBEngine:
    from airflow_clarify.engines.duckdb import DuckDBEngine

    return DuckDBEngine(
        duckdb_conn_id=None,
        memory_limit=arguments.memory_limit,
        threads=arguments.threads,
        temp_directory=arguments.temp_directory,
    )


def _build_data_config(arguments: argparse.Namespace, **fields: Any) -> DataConfig:
    from airflow_clarify.bias.config import DataConfig

    return DataConfig(
        arguments.data,
        header_row=arguments.header_row,
        na_values=None if arguments.na_values is None else _parse_texts(arguments.na_values, "--na-values"),
        csv_options=dict(map(_parse_csv_option, arguments.csv_option)),
        **fields,
    )


def _build_configs(arguments: argparse.Namespace) -> tuple[DataConfig, AnalysisConfig]:
    options = {
        "--label": arguments.label,
        "--positive": arguments.positive,
        "--facet": arguments.facet,
        "--facet-values": arguments.facet_values,
        "--group": arguments.group,
        "--methods": arguments.methods,
    }
    given = [option for option, value in options.items() if value is not None]
    if arguments.config is not None:
        if given:
            raise ConfigError(f"{given[0]}: --config already sets this; give one of the two")
        return _build_configs_from_file(arguments)
    missing = [option for option in ("--label", "--positive", "--facet") if option not in given]
    if missing:
        raise ConfigError(f"{missing[0]}: missing; give --label, --positive and --facet, or all of it as --config")
    return _build_configs_from_options(arguments)


def _build_configs_from_file(arguments: argparse.Namespace) -> tuple[DataConfig, AnalysisConfig]:
    from dataclasses import replace

    from airflow_clarify.artifacts import read_file
    from airflow_clarify.bias.config import AnalysisConfig

    config = AnalysisConfig.parse(read_file(arguments.config), arguments.config)
    dataset_type = arguments.dataset_type or config.dataset_type
    data = _build_data_config(
        arguments,
        dataset_type=dataset_type,
        headers=config.headers,
        features=config.document.get("features"),
        weight=arguments.weight,
    )
    key_names = {key: _OPTION_NAMES[key] for key in ("weight", "label_type", "facet_type")}
    return data, replace(config, label_type=arguments.label_type, facet_type=arguments.facet_type, key_names=key_names)


def _build_configs_from_options(arguments: argparse.Namespace) -> tuple[DataConfig, AnalysisConfig]:
    from airflow_clarify.bias.config import AnalysisConfig, BiasConfig

    several = len(arguments.facet) > 1
    if several and arguments.facet_values is not None:
        raise ConfigError("--facet-values: which of the facets has them? For several facets give a --config")
    bias = BiasConfig(
        label_values_or_threshold=_parse_values(arguments.positive, "--positive"),
        facet_name=arguments.facet if several else arguments.facet[0],
        facet_values_or_threshold=(
            None if arguments.facet_values is None else _parse_values(arguments.facet_values, "--facet-values")
        ),
        group_name=arguments.group,
        label_type=arguments.label_type,
        facet_type=arguments.facet_type,
    )
    data = _build_data_config(
        arguments, label=arguments.label, dataset_type=arguments.dataset_type, weight=arguments.weight
    )
    methods = ["all"] if arguments.methods is None else _parse_texts(arguments.methods, "--methods")
    return data, AnalysisConfig.build(data, bias, "all" if methods == ["all"] else methods, _OPTION_NAMES)


def _parse_values(given: Sequence[str], option: str) -> list[Value]:
    """Parse values like JSON: 1 is a number, F and "1" in quotes are strings."""
    return [value for text in given for value in _parse_value_list(text, option)]


def _parse_value_list(text: str, option: str) -> list[Value]:
    if text.lstrip().startswith("["):
        return _parse_json_list(text, option)
    values = _parse_json(f"[{text}]")
    if values is not None and all(map(_is_value, values)):
        return list(values)
    if '"' in text and "," in text:
        raise ConfigError(f"""{option}: {text!r}: with quotes and commas write a JSON list, such as '["a,b", "c"]'""")
    return [_parse_value(part) for part in text.split(",")]


def _parse_value(text: str) -> Value:
    value: Value = _parse_json(text)
    return value if _is_value(value) else text


def _parse_texts(given: Sequence[str], option: str) -> list[str]:
    """Parse strings that are separated by commas, or a JSON list."""
    texts: list[str] = []
    for text in given:
        texts += map(str, _parse_json_list(text, option)) if text.lstrip().startswith("[") else text.split(",")
    return texts


def _parse_json_list(text: str, option: str) -> list[Value]:
    values = _parse_json(text)
    if not isinstance(values, list) or not all(map(_is_value, values)):
        raise ConfigError(
            f'{option}: {text!r} begins with "[" but is not a JSON list of texts and numbers, such as '
            """'["a,b", "[c"]'"""
        )
    return values


def _parse_json(text: str) -> Any:
    """Parse a text as JSON; return None if it is not JSON."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON, though Python reads it")


def _is_value(value: object) -> bool:
    return isinstance(value, str | int | float)


def _parse_number(text: str) -> float:
    """Parse the number of an option.

    :raises argparse.ArgumentTypeError: the text is not a number in decimal notation
    """
    try:
        return float(parse_number(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parse_whole_number(text: str) -> int:
    """Parse the integer of an option.

    :raises argparse.ArgumentTypeError: the text is not an integer in decimal digits
    """
    try:
        number = parse_number(text)
    except ValueError:
        number = 0.5
    if not isinstance(number, int):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return number


def _parse_csv_option(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--csv-option: {text!r} is not of the form KEY=VALUE, such as delim=';'")
    return key, "\t" if value == "\\t" else value


def _parse_thresholds(texts: Sequence[str]) -> dict[str, Any]:
    """Parse thresholds such as ``DPL:gender:F=0.1`` to the rules of :class:`Thresholds`."""
    if any(text.lstrip().startswith("{") for text in texts):
        return _parse_json_thresholds(texts)
    rules: dict[str, dict[str, dict[str, Any]]] = {}
    for text in texts:
        # A facet value may contain an equals sign, bounds cannot.
        where, _, bounds = text.rpartition("=")
        if not where:
            raise ConfigError(f"--threshold: {text!r} is not of the form METRIC=BOUND, such as DPL=0.1")
        metric, *narrower = where.split(":", 2)
        facet, value = (*narrower, "*", "*")[:2]
        facet_rule = rules.setdefault(metric, {}).setdefault(facet, {})
        if value in facet_rule:
            raise ConfigError(f"--threshold: {text!r}: there is another for {where}; leave one out")
        facet_rule[value] = _parse_bounds(bounds, text)
    return rules


def _parse_json_thresholds(texts: Sequence[str]) -> dict[str, Any]:
    if len(texts) > 1:
        raise ConfigError("--threshold: JSON cannot be combined with other thresholds; put all of them into it")
    try:
        rules: dict[str, Any] = json.loads(texts[0], object_pairs_hook=_refuse_repeated_keys)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ClarifyError):
            raise
        raise ConfigError(f"--threshold: {texts[0]!r} is not valid JSON ({error})") from None
    return rules


def _refuse_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object; refuse repeated keys, of which Python silently keeps the last."""
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"--threshold: {twice!r} occurs twice; leave one out")
    return document


def _parse_bounds(text: str, whole: str) -> float | tuple[float | None, float | None]:
    try:
        if ":" in text:
            low, high = text.split(":")
            return (parse_number(low) if low else None, parse_number(high) if high else None)
        return parse_number(text)
    except ValueError:
        raise ConfigError(
            f"--threshold: {whole!r}: {text!r} is neither a number nor a range such as -0.05:0.1"
        ) from None


# --- The process --------------------------------------------------------------------------------------------------


class _StopSignals:
    """Convert SIGINT and SIGTERM to exceptions, so that partial output is removed."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread can set signal handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            # A shell that runs the command in the background may have set Ctrl-C to be ignored.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._raise)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _raise(self, number: int, _: FrameType | None) -> NoReturn:
        self.received = number
        raise KeyboardInterrupt


class _TerminalProgress:
    """A progress line on stderr, if stderr is a terminal."""

    def __enter__(self) -> Progress:
        self._is_enabled = sys.stderr is not None and sys.stderr.isatty()
        self._last_text = ""
        return self._show

    def __exit__(self, *_: object) -> None:
        self._write("\r\x1b[K")

    def _show(self, what: str, part: float) -> None:
        percent = f" {part:4.0%}" if part >= 0 else ""
        if what + percent != self._last_text:
            self._last_text = what + percent
            self._write(f"\r\x1b[K{self._last_text}")

    def _write(self, text: str) -> None:
        if self._is_enabled:
            with contextlib.suppress(OSError):
                print(text, end="", file=sys.stderr, flush=True)


def _allow_any_encoding() -> None:
    """Escape characters that the terminal's encoding does not support, instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _print(text: str, end: str = "\n") -> None:
    """Print to stdout.

    A closed pipe, as with ``| head``, does not change the exit status.

    :raises OutputError: stdout is a file that cannot be written, for example on a full disk
    """
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        _redirect_to_devnull(sys.stdout)
    except OSError as error:
        _redirect_to_devnull(sys.stdout)
        raise OutputError(f"standard output cannot be written ({error.strerror}); check where it goes") from None


def _redirect_to_devnull(stream: IO[str]) -> None:
    """Redirect a stream to the null device, since flushing it at exit would fail again."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)


def _print_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        _print_error_line(f"warning: {warning}")


def _print_error(sentence: str) -> None:
    _print_error_line(f"airflow-clarify: {sentence}")


def _print_error_line(sentence: str) -> None:
    """Print one line to stderr, with control characters escaped."""
    from airflow_clarify.reports.console import sanitize_line

    # Without stderr, print() would write to stdout.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(sanitize_line(sentence, None), file=sys.stderr)
