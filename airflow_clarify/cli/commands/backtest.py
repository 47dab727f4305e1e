"""The command ``backtest``: apply thresholds to the past."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING

from airflow_clarify.cli.arguments import add_rule_arguments, build_thresholds
from airflow_clarify.cli.history_arguments import add_history_arguments, open_history_argument, select_nights
from airflow_clarify.cli.parsing import parse_number
from airflow_clarify.cli.terminal import EXIT_OK, print_text, print_warnings

if TYPE_CHECKING:
    from airflow_clarify.history.backtest import JudgedNight

DESCRIPTION = "Show which nights of a history some thresholds would have stopped."

EPILOG = """\
Thresholds are written as for gate. Without --over-runs each night is judged alone.

over runs:
  confidence-sequence   on the counts of all nights since the first: the probability of ever raising a false violation
                        is at most one minus --confidence (default: 0.05)
  change                on the evidence since an unknown night: at least --run-length nights pass on average until a
                        false violation

picture:
  . pass    X violation    ? inconclusive    - not judged

examples:
  airflow-clarify backtest --history history --threshold DPL=0.1
  airflow-clarify backtest --history history --threshold DPL=0.1 --confidence 0.95 --on-inconclusive pass
  airflow-clarify backtest --history history --threshold DPL=0.1 --over-runs change --json
"""

_MARKS = {"pass": ".", "violation": "X", "inconclusive": "?", "not judged": "-"}
_NIGHTS_PER_LINE = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    add_history_arguments(parser)
    rules = parser.add_argument_group("the rules")
    rules.add_argument(
        "--threshold", metavar="METRIC=BOUND", action="append", required=True, help="a threshold; may be repeated"
    )
    add_rule_arguments(rules)
    rules.add_argument("--over-runs", choices=("confidence-sequence", "change"), help="judge on all nights up to each")
    rules.add_argument(
        "--run-length",
        metavar="NIGHTS",
        type=parse_number,
        help="for change: nights between false alarms (default: 7300)",
    )
    parser.add_argument("--json", action="store_true", help="print a list of periods and outcomes as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    from airflow_clarify.bias.alarms.config import OverRuns
    from airflow_clarify.exceptions import ConfigError
    from airflow_clarify.history.backtest import backtest

    rules = build_thresholds(arguments)
    over_runs = OverRuns.coerce(arguments.over_runs, arguments.confidence)
    if arguments.run_length is not None:
        if over_runs is None or over_runs.method != "change":
            raise ConfigError("--run-length: needs --over-runs change")
        over_runs = OverRuns("change", over_runs.alpha, arguments.run_length)
    history = open_history_argument(arguments)
    judged = backtest(select_nights(history, arguments), rules, over_runs)
    if arguments.json:
        print_text(json.dumps([night.to_json() for night in judged], indent=4))
    else:
        print_text("\n".join([*_format_table(judged), "", *_draw_picture(judged), "", _summarize(judged)]))
    missing = [night for night in judged if night.outcome == "not judged"]
    print_warnings([f"{night.period}: not judged: {night.sentence}" for night in missing[:5]])
    return EXIT_OK


def _format_table(judged: list[JudgedNight]) -> list[str]:
    """Format the nights that do not pass, one line each."""
    from airflow_clarify.reports.console import sanitize_line

    stopped = [night for night in judged if night.outcome != "pass"]
    if not stopped:
        return ["No night would have been stopped."]
    width = max(len(night.period) for night in stopped)
    return [f"{'period':<{width}}  {'outcome':<12}  reason"] + [
        sanitize_line(f"{night.period:<{width}}  {night.outcome:<12}  {night.sentence}", 160) for night in stopped
    ]


def _draw_picture(judged: list[JudgedNight]) -> list[str]:
    """Draw the nights as a line of marks, which begins with the period of its first night."""
    lines = []
    for start in range(0, len(judged), _NIGHTS_PER_LINE):
        part = judged[start : start + _NIGHTS_PER_LINE]
        lines.append(f"{part[0].period}  {''.join(_MARKS.get(night.outcome, '?') for night in part)}")
    return lines


def _summarize(judged: list[JudgedNight]) -> str:
    counts = Counter(night.outcome for night in judged)
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _MARKS if counts[outcome])
    return f"{len(judged)} nights: {told}"
