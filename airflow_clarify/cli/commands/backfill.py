"""The command ``backfill``: fill a history from past data."""

from __future__ import annotations

import argparse
import json

from airflow_clarify.bias.periods import EVERY
from airflow_clarify.cli.arguments import (
    add_analysis_arguments,
    add_data_arguments,
    add_engine_arguments,
    build_configs,
    build_engine,
)
from airflow_clarify.cli.history_arguments import add_history_arguments, open_history_argument
from airflow_clarify.cli.terminal import EXIT_OK, print_text, print_warnings, show_progress

DESCRIPTION = "Count past data by day, week or month in one scan, and write a record of each period to a history."

EPILOG = """\
examples:
  airflow-clarify backfill --data loans.parquet --label ok --positive 1 --facet g --time-column night --every day \\
      --history history
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    add_data_arguments(parser)
    add_analysis_arguments(parser)
    periods = parser.add_argument_group("periods")
    periods.add_argument("--time-column", metavar="COLUMN", required=True, help="a column of dates or times")
    periods.add_argument("--every", choices=EVERY, default="day", help="their length (default: day)")
    periods.add_argument("--dataset", metavar="NAME", help="the name of the dataset in the history (default: its path)")
    periods.add_argument("--json", action="store_true", help="print the periods as JSON")
    add_history_arguments(parser, selection=False)
    add_engine_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    from airflow_clarify.history.backfill import backfill

    history = open_history_argument(arguments)
    data, config = build_configs(arguments)
    with show_progress() as progress:
        records = backfill(
            data,
            config,
            build_engine(arguments),
            history.store,
            time_column=arguments.time_column,
            every=arguments.every,
            dataset=arguments.dataset,
            progress=progress,
        )
    if arguments.json:
        periods = [{"period": record.period, "rows": record.document["rows"]} for record in records]
        print_text(json.dumps(periods, indent=4))
    else:
        first, last = records[0].period, records[-1].period
        print_text(f"Wrote {len(records)} records, {first} to {last}, to {history.source}")
    shown = dict.fromkeys(warning for record in records for warning in record.document["warnings"])
    print_warnings(list(shown)[:5])
    return EXIT_OK
