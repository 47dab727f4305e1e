"""The command ``baseline``: accept, show or clear the baseline of a dataset."""

from __future__ import annotations

import argparse
import json

from airflow_clarify.cli.history_arguments import add_history_arguments, get_selection, open_history_argument
from airflow_clarify.cli.terminal import EXIT_OK, print_text
from airflow_clarify.exceptions import ConfigError

DESCRIPTION = "Accept a run or an analysis as the baseline of its dataset, show the baseline, or clear it."

EPILOG = """\
examples:
  airflow-clarify baseline accept --history history --period 2026-01-31 --by ann --note "after the repair"
  airflow-clarify baseline accept --history history --analysis out/analysis.json
  airflow-clarify baseline show --history history
  airflow-clarify baseline clear --history history
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    parser.add_argument("action", choices=("accept", "show", "clear"), help="what to do")
    add_history_arguments(parser)
    accept = parser.add_argument_group("for accept")
    accept.add_argument("--period", metavar="PERIOD", help="the night to accept (default: the last one)")
    accept.add_argument("--analysis", metavar="FILE", help="an analysis.json to accept, instead of a night")
    accept.add_argument("--by", metavar="NAME", default="", help="who accepts it")
    accept.add_argument("--note", metavar="TEXT", default="", help="why")
    parser.add_argument("--json", action="store_true", help="for show: print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    {"accept": _accept, "show": _show, "clear": _clear}[arguments.action](arguments)
    return EXIT_OK


def _accept(arguments: argparse.Namespace) -> None:
    from airflow_clarify.history.baseline import accept_baseline
    from airflow_clarify.history.record import HistoryRecord
    from airflow_clarify.reports.console import sanitize_line

    history = open_history_argument(arguments)
    named = {"by": arguments.by, "note": arguments.note}
    if arguments.analysis is not None:
        from airflow_clarify.artifacts import read_analysis

        if arguments.period is not None:
            raise ConfigError("--period: --analysis names the baseline already; give one of the two")
        record = HistoryRecord.build(read_analysis(arguments.analysis), dataset=arguments.dataset)
        accepted = accept_baseline(history.store, record, **named)
    else:
        accepted = history.accept_baseline(period=arguments.period, **named, **get_selection(arguments))
    print_text(
        sanitize_line(f"Accepted {accepted.period or arguments.analysis} as baseline of {accepted.dataset}", None)
    )


def _show(arguments: argparse.Namespace) -> None:
    from airflow_clarify.history.baseline import find_accepted
    from airflow_clarify.reports.console import format_table, sanitize_line

    history = open_history_argument(arguments)
    baseline = find_accepted(history.store.read(), arguments.dataset, history.source)
    if arguments.json:
        print_text(json.dumps(json.loads(baseline.to_json()), indent=4))
        return
    accepted = baseline.verdict or {}
    by = f" by {accepted['by']}" if accepted.get("by") else ""
    note = f": {accepted['sentence']}" if accepted.get("sentence") else ""
    print_text(sanitize_line(f"{baseline.period}  {baseline.dataset}  accepted {accepted.get('at')}{by}{note}", None))
    print_text("\n".join(format_table(baseline.analysis)))


def _clear(arguments: argparse.Namespace) -> None:
    from airflow_clarify.history.baseline import find_accepted
    from airflow_clarify.reports.console import sanitize_line

    history = open_history_argument(arguments)
    baseline = find_accepted(history.store.read(), arguments.dataset, history.source)
    history.store.delete([baseline])
    print_text(sanitize_line(f"Cleared the baseline of {baseline.dataset}", None))
