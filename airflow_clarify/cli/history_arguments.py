"""Options of the commands that read a history."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    from airflow_clarify.history.nights import Night
    from airflow_clarify.history.reading import BiasHistory
    from airflow_clarify.history.record import HistoryRecord


def add_history_arguments(parser: argparse.ArgumentParser, *, selection: bool = True) -> None:
    """Add the options that name a history, and a part of it.

    :param parser: the parser of the command
    :param selection: whether a part can be selected
    """
    history = parser.add_argument_group("the history")
    history.add_argument("--history", metavar="FOLDER", help="its folder, as a path or a URI")
    history.add_argument("--conn-id", metavar="ID", help="the Airflow connection of a database, instead of --history")
    history.add_argument("--table", metavar="NAME", help="the table in that database (default: clarify_history)")
    if selection:
        history.add_argument("--dag", metavar="ID", help="only runs of this DAG")
        history.add_argument("--task", metavar="ID", help="only runs of this task")
        history.add_argument("--dataset", metavar="NAME", help="only this dataset")
        history.add_argument("--since", metavar="PERIOD", help="only this period and later ones, such as 2026-01-31")
        history.add_argument("--until", metavar="PERIOD", help="only this period and earlier ones")


def open_history_argument(arguments: argparse.Namespace) -> BiasHistory:
    """Open the history that the options name.

    :param arguments: the parsed options
    :raises ConfigError: none or both of --history and --conn-id are given
    """
    from airflow_clarify.history.reading import BiasHistory
    from airflow_clarify.history.sql import SQLHistory

    if (arguments.history is None) == (arguments.conn_id is None):
        raise ConfigError("--history: give either the folder of the history, or --conn-id for a database")
    if arguments.table is not None and arguments.conn_id is None:
        raise ConfigError("--table: needs --conn-id, the Airflow connection of the database")
    if arguments.conn_id is not None:
        return BiasHistory(SQLHistory(arguments.conn_id, arguments.table or "clarify_history"))
    return BiasHistory(arguments.history)


def select_records(history: BiasHistory, arguments: argparse.Namespace) -> list[HistoryRecord]:
    """List the selected records.

    :param history: the history
    :param arguments: the parsed options
    :raises DataError: there is none
    """
    records = history.list_records(**get_selection(arguments))
    if not records:
        raise DataError(f"{history.source}: the history has no such record; check the folder and the selection")
    return records


def select_nights(history: BiasHistory, arguments: argparse.Namespace) -> list[Night]:
    """List the nights of the selected series.

    :param history: the history
    :param arguments: the parsed options
    """
    return history.list_nights(**get_selection(arguments))


def get_selection(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the selection of records that the options state.

    :param arguments: the parsed options
    """
    return {
        "dag_id": arguments.dag,
        "task_id": arguments.task,
        "dataset": arguments.dataset,
        "since": arguments.since,
        "until": arguments.until,
    }
