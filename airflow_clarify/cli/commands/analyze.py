"""The command ``analyze``: measure the bias of a dataset."""

from __future__ import annotations

import argparse
from dataclasses import replace

from airflow_clarify.cli.arguments import (
    add_analysis_arguments,
    add_data_arguments,
    add_engine_arguments,
    build_configs,
    build_engine,
    check_output,
)
from airflow_clarify.cli.parsing import parse_whole_number
from airflow_clarify.cli.terminal import EXIT_OK, print_text, print_warnings, show_progress

DESCRIPTION = "Measure the bias of a dataset and of a model's predictions in it, and write analysis.json and a report."

EPILOG = """\
VALUES are separated by commas and parsed like JSON: 1 is a number, F a string, and "1" in double quotes a string too.
Write values that contain commas as a JSON list, and values that begin with a dash after an equals sign:
  --positive 5,4        --positive '"1"'        --positive '["a,b", "c"]'        --positive=-1

examples:
  airflow-clarify analyze --data loans.csv --label approved --positive 1 --facet gender --output out
  airflow-clarify analyze --data adult.parquet --label income --positive '>50K' --facet sex --facet race --group job
  airflow-clarify analyze --data scored.csv --label approved --positive 1 --facet gender --predicted-label predicted
  airflow-clarify analyze --data 's3://bucket/reviews/*.csv' --config analysis_config.json --output s3://bucket/bias

in a container:
  Without arguments, analyze runs as a SageMaker processing job in place of Clarify's. It reads
  /opt/ml/processing/input/config/analysis_config.json and all files in /opt/ml/processing/input/data, writes to
  /opt/ml/processing/output, and writes one sentence to /opt/ml/output/message. Options that are not part of the file
  are set in an environment variable, as in AIRFLOW_CLARIFY_OPTIONS='{"weight": "w", "na_values": [""]}'.
  container/Dockerfile builds the image.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    add_data_arguments(parser)
    add_analysis_arguments(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--output", metavar="FOLDER", help="where the files go (default: only print)")
    output.add_argument(
        "--suppress-below",
        metavar="ROWS",
        type=parse_whole_number,
        default=0,
        help="hide counts under this number in the table and the report; the JSON files have all of them (default: 0)",
    )
    add_engine_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    from airflow_clarify.api import measure
    from airflow_clarify.bias.suppression import hide_small_counts
    from airflow_clarify.reports.console import format_table, sanitize_line

    data, config = build_configs(arguments)
    folder = arguments.output
    if folder is not None:
        check_output(folder, "a folder")
    with show_progress() as progress:
        analysis = measure(
            replace(data, output_path=folder),
            config,
            build_engine(arguments),
            progress=progress,
            suppress_below=arguments.suppress_below,
        )
    analysis = hide_small_counts(analysis)
    print_text("\n".join(format_table(analysis)))
    print_warnings(analysis.warnings)
    if folder is not None:
        from airflow_clarify.artifacts import list_files

        print_text(f"Wrote {', '.join(list_files(config).values())} to {sanitize_line(folder, None)}")
    return EXIT_OK
