"""The command ``balance``: write a balanced copy of a dataset."""

from __future__ import annotations

import argparse

from airflow_clarify.cli.arguments import (
    add_data_arguments,
    add_engine_arguments,
    build_data_config,
    build_engine,
    check_output,
)
from airflow_clarify.cli.parsing import parse_number, parse_texts, parse_whole_number
from airflow_clarify.cli.terminal import EXIT_OK, print_text, print_warnings, show_progress

DESCRIPTION = "Write a balanced copy of a dataset."

EPILOG = """\
The selected rows depend on the data and the seed only. Their order and the texts or types of their cells are kept.

examples:
  airflow-clarify balance --data loans.csv --by gender,approved --seed 7 --output balanced.csv
  airflow-clarify balance --data loans.csv --by gender,approved --strategy oversample --size 5000 --output more.parquet
  airflow-clarify balance --data loans.csv --by gender,approved --strategy reweigh --output weighted.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    add_data_arguments(parser)
    plan = parser.add_argument_group("how to balance")
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
    plan.add_argument("--size", metavar="ROWS", type=parse_whole_number, help="rows of each stratum instead")
    plan.add_argument(
        "--fraction", metavar="SHARE", type=parse_number, help="this share of the rows of each stratum instead"
    )
    plan.add_argument("--seed", metavar="NUMBER", type=parse_whole_number, default=0, help="of the draw (default: 0)")
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
    add_engine_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    from airflow_clarify.api import resample
    from airflow_clarify.bias.resampling import BalanceConfig
    from airflow_clarify.reports.console import sanitize_line

    check_output(arguments.output, "a file")
    data = build_data_config(arguments, dataset_type=arguments.dataset_type)
    plan = BalanceConfig(
        parse_texts(arguments.by, "--by"),
        strategy=arguments.strategy,
        size=arguments.size,
        fraction=arguments.fraction,
        empty=arguments.empty,
        missing=arguments.missing,
        weight=arguments.weight,
        seed=arguments.seed,
        weight_column=arguments.weight_column,
    )
    with show_progress() as progress:
        result = resample(data, arguments.output, plan, build_engine(arguments), progress=progress)
    print_warnings(result.warnings)
    strata = f"{len(result.strata):,} strata by {', '.join(result.by)}"
    print_text(
        sanitize_line(
            f"Read {result.rows_in:,} rows in {strata}; wrote {result.rows_out:,} rows to {result.target}", None
        )
    )
    return EXIT_OK
