"""Options that several commands share, and the configurations that they describe."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_clarify.cli.parsing import (
    parse_csv_option,
    parse_number,
    parse_texts,
    parse_thresholds,
    parse_values,
    parse_whole_number,
)
from airflow_clarify.cli.terminal import import_frozen, print_text
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.config import AnalysisConfig, DataConfig
    from airflow_clarify.bias.thresholds import Thresholds
    from airflow_clarify.engines.duckdb import DuckDBEngine


class CommandParser(argparse.ArgumentParser):
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
        print_text("", end="")
        super().exit(status, message)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the data of a command.

    :param parser: the parser of the command
    """
    data = parser.add_argument_group("the data")
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
        help="the CSV file has a header row, even if --config gives other headers",
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


def add_analysis_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to measure: a configuration file, or label, facets and metrics.

    :param parser: the parser of the command
    """
    analysis = parser.add_argument_group("analysis")
    analysis.add_argument("--config", metavar="FILE", help="an analysis_config.json, instead of the next 8 options")
    analysis.add_argument("--label", metavar="COLUMN", help="the label column")
    analysis.add_argument(
        "--positive", metavar="VALUES", action="append", help="the positive label values, or a threshold t for t < x"
    )
    analysis.add_argument(
        "--facet", metavar="COLUMN", action="append", help="a facet column; A+B crosses two; may be repeated"
    )
    analysis.add_argument(
        "--facet-values",
        metavar="VALUES",
        action="append",
        help="the sensitive group of a single facet, or a threshold (default: each value against the rest)",
    )
    analysis.add_argument("--group", metavar="COLUMN", help="the group variable, for CDDL")
    analysis.add_argument("--methods", metavar="NAMES", action="append", help="metrics, such as CI,DPL (default: all)")
    analysis.add_argument(
        "--predicted-label", metavar="COLUMN", help="the column of a model's predictions, for metrics such as DI and RD"
    )
    analysis.add_argument(
        "--probability-threshold",
        metavar="T",
        help="predictions are scores: 1 if above T, from 0 to 1",
    )
    types = ("categorical", "continuous")
    analysis.add_argument("--label-type", choices=types, help="what the label is, instead of Clarify's rule")
    analysis.add_argument("--facet-type", choices=types, help="what the facets are, instead of Clarify's rule")
    analysis.add_argument("--weight", metavar="COLUMN", help="a column of row weights")


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that limit the resources of the engine.

    :param parser: the parser of the command
    """
    limits = parser.add_argument_group("the engine")
    limits.add_argument("--memory-limit", metavar="SIZE", help="such as 2GB; what does not fit is spilled to disk")
    limits.add_argument("--threads", metavar="NUMBER", type=parse_whole_number, help="default: all cores")
    limits.add_argument("--temp-directory", metavar="FOLDER", help="where to spill (default: a temporary folder)")


#: The command line options for keys of ``analysis_config.json``, for error messages.
_OPTION_NAMES = {
    "label": "--label",
    "label_values_or_threshold": "--positive",
    "facet": "--facet",
    "value_or_threshold": "--facet-values",
    "group_variable": "--group",
    "methods": "--methods",
    "pre_training_bias": "--methods",
    "post_training_bias": "--methods",
    "predicted_label": "--predicted-label",
    "probability_threshold": "--probability-threshold",
    "weight": "--weight",
    "label_type": "--label-type",
    "facet_type": "--facet-type",
    "dataset_type": "--dataset-type",
}


def check_output(output: str, what: str) -> None:
    """Refuse an empty path, as from an unset shell variable: it would be the current folder.

    :param output: the value of --output
    :param what: what the path is of, for the error: "a folder" or "a file"
    :raises ConfigError: the path is empty
    """
    if not output.strip():
        raise ConfigError(f"--output: {output!r} is not a name; give the name of {what}")


def build_engine(arguments: argparse.Namespace) -> DuckDBEngine:
    """Build the engine from the options of :func:`add_engine_arguments`.

    :param arguments: the parsed options
    """
    from airflow_clarify.engines.duckdb import DuckDBEngine

    import_frozen("airflow_clarify.engines.duckdb.count")
    return DuckDBEngine(
        duckdb_conn_id=None,
        memory_limit=arguments.memory_limit,
        threads=arguments.threads,
        temp_directory=arguments.temp_directory,
    )


def build_data_config(arguments: argparse.Namespace, **fields: Any) -> DataConfig:
    """Build the data configuration from the options of :func:`add_data_arguments`.

    :param arguments: the parsed options
    :param fields: further fields of the configuration
    """
    from airflow_clarify.bias.config import DataConfig

    return DataConfig(
        arguments.data,
        header_row=arguments.header_row,
        na_values=None if arguments.na_values is None else parse_texts(arguments.na_values, "--na-values"),
        csv_options=dict(map(parse_csv_option, arguments.csv_option)),
        **fields,
    )


def build_configs(arguments: argparse.Namespace) -> tuple[DataConfig, AnalysisConfig]:
    """Build both configurations from the options of :func:`add_analysis_arguments` and :func:`add_data_arguments`.

    :param arguments: the parsed options
    :raises ConfigError: an option is missing, is given twice, or is not valid
    """
    options = {
        "--label": arguments.label,
        "--positive": arguments.positive,
        "--facet": arguments.facet,
        "--facet-values": arguments.facet_values,
        "--group": arguments.group,
        "--methods": arguments.methods,
        "--predicted-label": arguments.predicted_label,
        "--probability-threshold": arguments.probability_threshold,
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
    data = build_data_config(
        arguments,
        dataset_type=dataset_type,
        headers=config.headers,
        features=config.document.get("features"),
        weight=arguments.weight,
    )
    key_names = {key: _OPTION_NAMES[key] for key in ("weight", "label_type", "facet_type")}
    return data, replace(config, label_type=arguments.label_type, facet_type=arguments.facet_type, key_names=key_names)


def _build_configs_from_options(arguments: argparse.Namespace) -> tuple[DataConfig, AnalysisConfig]:
    from airflow_clarify.bias.config import BiasConfig
    from airflow_clarify.bias.stages import infer_config

    several = len(arguments.facet) > 1
    if several and arguments.facet_values is not None:
        raise ConfigError("--facet-values: which of the facets has them? For several facets give a --config")
    bias = BiasConfig(
        label_values_or_threshold=parse_values(arguments.positive, "--positive"),
        facet_name=arguments.facet if several else arguments.facet[0],
        facet_values_or_threshold=(
            None if arguments.facet_values is None else parse_values(arguments.facet_values, "--facet-values")
        ),
        group_name=arguments.group,
        label_type=arguments.label_type,
        facet_type=arguments.facet_type,
    )
    data = build_data_config(
        arguments,
        label=arguments.label,
        predicted_label=arguments.predicted_label,
        dataset_type=arguments.dataset_type,
        weight=arguments.weight,
    )
    methods = ["all"] if arguments.methods is None else parse_texts(arguments.methods, "--methods")
    asked = "all" if methods == ["all"] else methods
    return data, infer_config(data, bias, asked, arguments.probability_threshold, _OPTION_NAMES)


def add_rule_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options that say how thresholds are applied.

    :param parser: the parser of the command, or a group of its options
    """
    parser.add_argument(
        "--min-rows",
        metavar="ROWS",
        type=parse_whole_number,
        default=0,
        help="the minimum number of rows of a facet value",
    )
    parser.add_argument(
        "--below-min-rows",
        choices=("fail", "pass", "ignore"),
        default="fail",
        help="for facet values with fewer rows (default: fail)",
    )
    parser.add_argument(
        "--confidence",
        metavar="LEVEL",
        type=parse_number,
        help="judge by confidence intervals at this level, such as 0.95",
    )
    parser.add_argument(
        "--on-inconclusive", choices=("fail", "pass"), help="when an interval reaches across a bound; no default"
    )
    parser.add_argument(
        "--undefined", choices=("fail", "ignore"), default="fail", help="metrics without a value (default: fail)"
    )


def build_thresholds(arguments: argparse.Namespace, **others: Any) -> Thresholds:
    """Build the thresholds that the options describe.

    :param arguments: the parsed options
    :param others: further arguments of :class:`~airflow_clarify.Thresholds`
    :raises ConfigError: an option is not allowed
    """
    from airflow_clarify.bias.thresholds import Thresholds

    return Thresholds(
        parse_thresholds(arguments.threshold),
        min_rows=arguments.min_rows,
        below_min_rows=arguments.below_min_rows,
        confidence=arguments.confidence,
        on_inconclusive=arguments.on_inconclusive,
        undefined=arguments.undefined,
        **others,
    )
