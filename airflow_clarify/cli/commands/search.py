"""The command ``search``: find the subgroups that differ most from all other rows."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.cli.arguments import (
    add_data_arguments,
    add_engine_arguments,
    build_data_config,
    build_engine,
    check_output,
)
from airflow_clarify.cli.parsing import parse_number, parse_texts, parse_values, parse_whole_number
from airflow_clarify.cli.terminal import EXIT_OK, print_text, print_warnings, show_progress
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.subgroups.result import Subgroup

DESCRIPTION = """\
Find the subgroups that differ most from all other rows: combinations of column values, ranked by the part of their
difference that no larger group explains."""

EPILOG = """\
A numeric column with more than 20 values, or that Clarify takes for continuous, is cut at quantiles. Only subgroups
that differ beyond chance are printed: p-values are adjusted for the number of groups that were tested.

examples:
  airflow-clarify search --data loans.csv --label approved --positive 1 --columns gender,age,region
  airflow-clarify search --data loans.csv --label approved --positive 1 --columns gender,age,region --max-depth 2 --json
  airflow-clarify search --data scored.parquet --label paid --positive 1 --predicted-label predicted --metric RD \\
      --columns gender,age,region --min-rows 200 --output out
"""

#: The options for arguments, in error messages.
_OPTION_NAMES = {
    "label": "--label",
    "label_values_or_threshold": "--positive",
    "columns": "--columns",
    "predicted_label": "--predicted-label",
    "probability_threshold": "--probability-threshold",
    "weight": "--weight",
    "label_type": "--label-type",
    "dataset_type": "--dataset-type",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    add_data_arguments(parser)
    question = parser.add_argument_group("what to search")
    question.add_argument("--label", metavar="COLUMN", required=True, help="the label column")
    question.add_argument(
        "--positive",
        metavar="VALUES",
        action="append",
        required=True,
        help="the positive label values, or a threshold t for t < x",
    )
    question.add_argument(
        "--predicted-label", metavar="COLUMN", help="the column of predictions, for all metrics but DPL"
    )
    question.add_argument(
        "--probability-threshold",
        metavar="SCORE",
        type=parse_number,
        help="if predictions are scores: a score greater than this is the prediction 1",
    )
    question.add_argument(
        "--columns",
        metavar="COLUMNS",
        action="append",
        required=True,
        help="the columns whose values are combined, such as sex,age,region; or a JSON list",
    )
    question.add_argument(
        "--max-depth",
        metavar="NUMBER",
        type=parse_whole_number,
        default=3,
        help="columns of a combination (default: 3)",
    )
    question.add_argument(
        "--min-rows", metavar="ROWS", type=parse_whole_number, default=100, help="rows of a subgroup (default: 100)"
    )
    question.add_argument("--metric", metavar="NAME", default="DPL", help="DPL (default), AD, DAR, DPPL, DRR, RD or SD")
    question.add_argument(
        "--top", metavar="NUMBER", type=parse_whole_number, default=20, help="subgroups to list (default: 20)"
    )
    question.add_argument(
        "--confidence", metavar="LEVEL", type=parse_number, default=0.95, help="such as 0.99 (default: 0.95)"
    )
    question.add_argument(
        "--correction",
        choices=("holm", "bonferroni", "by", "none"),
        default="holm",
        help="for the number of groups that are tested (default: holm)",
    )
    question.add_argument(
        "--bins",
        metavar="NUMBER",
        type=parse_whole_number,
        default=4,
        help="intervals of a cut column (default: 4)",
    )
    question.add_argument(
        "--categorical", metavar="COLUMNS", action="append", help="numeric columns that are codes, which are not cut"
    )
    question.add_argument(
        "--continuous", metavar="COLUMNS", action="append", help="numeric columns that are cut, regardless of the rule"
    )
    question.add_argument("--label-type", choices=("categorical", "continuous"), help="what the label is")
    question.add_argument("--weight", metavar="COLUMN", help="a column of row weights")
    output = parser.add_argument_group("output")
    output.add_argument("--output", metavar="FOLDER", help="where subgroups.json and a report go (default: only print)")
    output.add_argument(
        "--suppress-below",
        metavar="ROWS",
        type=parse_whole_number,
        default=0,
        help="hide findings that reveal a count under this number; subgroups.json has all (default: 0)",
    )
    output.add_argument("--json", action="store_true", help="print a JSON list of the subgroups, the worst first")
    add_engine_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    from airflow_clarify.api import search
    from airflow_clarify.artifacts import SUBGROUPS, SUBGROUPS_REPORT
    from airflow_clarify.bias.config import BiasConfig
    from airflow_clarify.bias.model_config import ModelPredictedLabelConfig
    from airflow_clarify.bias.subgroups.analysis_config import build_search_config
    from airflow_clarify.bias.subgroups.config import SearchConfig
    from airflow_clarify.bias.subgroups.suppression import hide_small_subgroups
    from airflow_clarify.reports.console import sanitize_line
    from airflow_clarify.reports.sections.subgroups import format_subgroups

    columns = parse_texts(arguments.columns, "--columns")
    types: dict[str, Any] = {
        column: declared
        for declared in ("categorical", "continuous")
        for column in parse_texts(getattr(arguments, declared) or [], f"--{declared}")
    }
    try:
        question = SearchConfig(
            tuple(columns),
            arguments.max_depth,
            arguments.min_rows,
            arguments.metric,
            arguments.top,
            arguments.confidence,
            None if arguments.correction == "none" else arguments.correction,
            arguments.bins,
            types or None,
        )
    except ConfigError as error:
        raise ConfigError(_spell_option(str(error))) from None
    data = build_data_config(
        arguments,
        label=arguments.label,
        dataset_type=arguments.dataset_type,
        weight=arguments.weight,
        predicted_label=arguments.predicted_label,
    )
    bias = BiasConfig(parse_values(arguments.positive, "--positive"), columns, label_type=arguments.label_type)
    predicted = ModelPredictedLabelConfig(probability_threshold=arguments.probability_threshold)
    config = build_search_config(data, bias, question, _OPTION_NAMES, predicted)
    folder = arguments.output
    if folder is not None:
        check_output(folder, "a folder")
    with show_progress() as progress:
        found = search(
            replace(data, output_path=folder),
            config,
            question,
            build_engine(arguments),
            progress=progress,
            suppress_below=arguments.suppress_below,
        )
    found = hide_small_subgroups(found)
    if arguments.json:
        print_text(json.dumps(list(map(_shorten, found.subgroups)), indent=4))
    else:
        print_text("\n".join(format_subgroups(found)))
    print_warnings(found.warnings)
    if folder is not None and not arguments.json:
        print_text(f"Wrote {SUBGROUPS_REPORT}, {SUBGROUPS} to {sanitize_line(folder, None)}")
    return EXIT_OK


def _shorten(subgroup: Subgroup) -> dict[str, Any]:
    document = subgroup.to_json()
    return {name: document[name] for name in ("group", "rows", "value", "excess", "interval", "p_adjusted")}


def _spell_option(sentence: str) -> str:
    """Name the option of the command line in an error about an argument."""
    name, colon, rest = sentence.partition(":")
    option = "--categorical or --continuous" if name == "column_types" else f"--{name.replace('_', '-')}"
    return f"{option}{colon}{rest}"
