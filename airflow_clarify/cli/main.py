"""Command line interface: the DuckDB engine without Airflow, for laptops, CI and containers.

Exit status: 0 success, 1 violation of a threshold, 2 invalid input or configuration. An error message is one line on
stderr, and no partial output remains.

``analyze`` without arguments runs a SageMaker processing job, see :mod:`airflow_clarify.cli.sagemaker_job`. An internal
error ends every command with status 255 and a traceback, since Python's default status, 1, is a verdict.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_clarify import __version__
from airflow_clarify.cli.arguments import CommandParser
from airflow_clarify.cli.terminal import (
    EXIT_INTERNAL,
    EXIT_OK,
    EXIT_SIGNAL_BASE,
    EXIT_USAGE,
    StopSignals,
    allow_any_encoding,
    print_error,
    print_text,
)
from airflow_clarify.exceptions import ClarifyError

if TYPE_CHECKING:
    from airflow_clarify.cli.sagemaker_job import ProcessingJobRun

#: The commands, each a module of ``airflow_clarify.cli.commands``, with their lines in the list of commands.
COMMANDS = {
    "analyze": "measure the bias of a dataset, and of predictions",
    "balance": "write a balanced copy of a dataset",
    "gate": "judge an analysis",
    "history": "list, show, export or delete the records of a history",
    "backfill": "fill a history from past data",
    "backtest": "show which nights thresholds would have stopped",
    "suggest": "suggest thresholds from a history",
    "baseline": "accept, show or clear a baseline",
    "search": "find the worst subgroups of a dataset",
}

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    :param argv: the arguments; None uses those of the process
    :return: the exit status
    """
    # Imports create many objects that live to the end; to search them for garbage takes a tenth of a short command.
    gc.set_threshold(50_000, 20, 20)
    allow_any_encoding()
    argv = sys.argv[1:] if argv is None else list(argv)
    job = _create_job() if argv == ["analyze"] else None
    stop = StopSignals()
    try:
        with stop:
            return _run_command(argv) if job is None else _run_job(job)
    except (Exception, KeyboardInterrupt) as error:
        status, sentence = _describe_failure(error, stop.received)
        if job is not None:
            job.write_message(sentence)
        print_error(sentence)
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


def _run_command(argv: Sequence[str]) -> int:
    parser = build_parser(argv)
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
    job.run(print_text)
    return EXIT_OK


def build_parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Build the parser.

    :param argv: the arguments to parse: only the modules of commands that they name are imported; None for all
    """
    parser = CommandParser(
        prog="airflow-clarify",
        description="Measure the bias of data, gate on it, and balance data, with Amazon SageMaker Clarify's metrics.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"airflow-clarify {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if argv is None or name in argv:
            module = import_module(f"airflow_clarify.cli.commands.{name}")
            command.description = module.DESCRIPTION
            command.epilog = f"{module.EPILOG}\n{_EXIT_STATUS}\n"
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
