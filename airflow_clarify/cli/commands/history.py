"""The command ``history``: list, show and export the records of a history."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from airflow_clarify.cli.history_arguments import add_history_arguments, open_history_argument, select_records
from airflow_clarify.cli.terminal import EXIT_OK, print_text
from airflow_clarify.exceptions import ConfigError, DataError

DESCRIPTION = "List, show, export or delete the records of a history."

EPILOG = """\
examples:
  airflow-clarify history list --history history
  airflow-clarify history show --history history --period 2026-01-31
  airflow-clarify history export --history s3://bucket/bias/history --output history.parquet
  airflow-clarify history delete --history history --until 2024-12-31
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command.

    :param parser: its parser
    """
    parser.add_argument("action", choices=("list", "show", "export", "delete"), help="what to do")
    add_history_arguments(parser)
    parser.add_argument("--period", metavar="PERIOD", help="for show: the night, such as 2026-01-31")
    parser.add_argument("--output", metavar="FILE", help="for export: a file that ends in .csv or .parquet")
    parser.add_argument("--json", action="store_true", help="for list and show: print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    :param arguments: the parsed options
    :return: the exit status
    """
    for option, action in (("period", "show"), ("output", "export")):
        if (getattr(arguments, option) is not None) != (arguments.action == action):
            raise ConfigError(f"--{option}: it belongs to {action}, which needs it")
    {"list": _list, "show": _show, "export": _export, "delete": _delete}[arguments.action](arguments)
    return EXIT_OK


def _list(arguments: argparse.Namespace) -> None:
    from collections import Counter

    from airflow_clarify.history.reading import list_outcomes
    from airflow_clarify.reports.console import sanitize_line

    history = open_history_argument(arguments)
    records = select_records(history, arguments)
    n_rows: dict[tuple[str | None, ...], object] = {
        (*record.series, record.run_id): record.document.get("rows") for record in records
    }
    rows = []
    for described in list_outcomes(records, history.source):
        outcome = described.pop("outcome")
        key = tuple(described[name] for name in ("dag_id", "task_id", "instance", "dataset", "run_id"))
        rows.append({**described, "rows": n_rows.get(key), "outcome": outcome})
    if arguments.json:
        print_text(json.dumps(rows, indent=4))
        return
    shown = [list(rows[0]), *(["" if value is None else str(value) for value in row.values()] for row in rows)]
    widths = [min(max(len(row[column]) for row in shown), 40) for column in range(len(shown[0]))]
    for row in shown:
        cells = (f"{cell[:40]:<{width}}" for cell, width in zip(row, widths, strict=True))
        print_text(sanitize_line("  ".join(cells).rstrip(), None))
    counts = Counter(row["outcome"] or "without a verdict" for row in rows)
    print_text(f"\n{len(rows)} runs: {', '.join(f'{count} {outcome}' for outcome, count in counts.most_common())}")


def _show(arguments: argparse.Namespace) -> None:
    from airflow_clarify.reports.console import format_table, sanitize_line

    records = select_records(open_history_argument(arguments), arguments)
    found = [record for record in records if record.period == arguments.period]
    if not found:
        raise DataError(
            f"--period: there is no record of {arguments.period}; there are {records[0].period} to {records[-1].period}"
        )
    if arguments.json:
        print_text(json.dumps([json.loads(record.to_json()) for record in found], indent=4))
        return
    for record in found:
        print_text(sanitize_line(f"{record.period}  {record.dataset}  {record.run_id}", None))
        if record.has_counts:
            print_text("\n".join(format_table(record.analysis)))
        if record.reason:
            print_text(sanitize_line(f"Not judged: {record.reason}", None))
        elif record.verdict is not None:
            print_text(sanitize_line(f"Verdict {record.verdict.get('sentence')}", None))


def _export(arguments: argparse.Namespace) -> None:
    import duckdb

    from airflow_clarify.history.reading import convert_to_pandas
    from airflow_clarify.io.atomic import atomic_write, write_error

    suffix = Path(arguments.output).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ConfigError(f"--output: a file that ends in .csv or .parquet, not {arguments.output!r}")
    frame = convert_to_pandas(select_records(open_history_argument(arguments), arguments))
    with atomic_write(arguments.output) as staged:
        try:
            if suffix == ".csv":
                frame.to_csv(staged, index=False)
            else:
                with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
                    connection.register("history", frame)
                    name = str(staged).replace("'", "''")
                    connection.execute(f"COPY history TO '{name}' (FORMAT parquet)")
        except OSError as error:
            raise write_error(arguments.output, error) from error
    print_text(f"Wrote {len(frame)} rows to {arguments.output}")


def _delete(arguments: argparse.Namespace) -> None:
    if not any((arguments.dag, arguments.task, arguments.dataset, arguments.since, arguments.until)):
        raise ConfigError("delete: name what to delete, by --dag, --task, --dataset, --since or --until")
    history = open_history_argument(arguments)
    records = select_records(history, arguments)
    history.store.delete(records)
    print_text(f"Deleted {len(records)} records, {records[0].period} to {records[-1].period}, of {history.source}")
