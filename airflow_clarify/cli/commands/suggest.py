"""The command ``suggest``: thresholds from a history."""

from __future__ import annotations

import argparse
import json

from airflow_clarify.cli.history_arguments import add_history_arguments, open_history_argument, select_nights
from airflow_clarify.cli.parsing import parse_number
from airflow_clarify.cli.terminal import EXIT_OK, print_text, print_warnings

DESCRIPTION = "Suggest a bound for each facet, from the nights of a history, for a wanted rate of alarms."

EPILOG = """\
Each bound is the upper limit of a beta-binomial prediction interval: a further night like those of the history exceeds
one of the bounds with the probability --alarm-rate. The bounds describe the past, and not whether it was acceptable.

examples:
  airflow-clarify suggest --history history
  airflow-clarify suggest --history history --metric DPL --alarm-rate 0.003 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    add_history_arguments(parser)
    parser.add_argument("--metric", metavar="NAME", default="DPL", help="a difference of proportions (default: DPL)")
    parser.add_argument(
        "--alarm-rate",
        metavar="SHARE",
        type=parse_number,
        default=0.01,
        help="the share of nights with an alarm (default: 0.01)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the bounds as JSON, as thresholds are written in a DAG"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    from airflow_clarify.history.suggest import suggest_bounds
    from airflow_clarify.reports.console import sanitize_line

    nights = select_nights(open_history_argument(arguments), arguments)
    left_out = [night for night in nights if night.record is None]
    analyses = [night.record.analysis for night in nights if night.record is not None]
    found = suggest_bounds(analyses, arguments.metric, arguments.alarm_rate)
    if arguments.json:
        print_text(json.dumps({arguments.metric: {one.facet: one.bound for one in found}}, indent=4))
    else:
        for one in found:
            print_text(
                sanitize_line(
                    f"--threshold {one.metric}:{one.facet}={one.bound:g}   "
                    f"({one.groups} groups, {one.nights} nights, typically {one.typical:.3f})",
                    None,
                )
            )
    print_warnings([f"{night.period}: left out: {night.problem}" for night in left_out[:5]])
    return EXIT_OK
