"""Run an example DAG on this machine, and print a summary of its tasks: ``make demo``.

Airflow runs the DAG (``dag.test()``), with a separate metadata database in ``out/demo``. Its log is written to a file;
only the summary is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "out" / "demo"
TASKS = ("load", "bias", "gate", "balance", "bias_after", "gate_after", "train")


def main() -> int:
    """Run the DAG and print the summary; return exit status 0 if the model was trained."""
    arguments = _parse_arguments()
    shutil.rmtree(HOME, ignore_errors=True)
    (HOME / "airflow").mkdir(parents=True)
    _prepare_environment()
    log = HOME / "run.log"
    params = _build_params(arguments)
    print(f"Running dags/{arguments.dag}.py with Airflow itself; its log is in {_shorten_path(log)}\n")
    try:
        with _redirect_output(log):
            _run(["-m", "airflow", "db", "migrate"])
            started = time.monotonic()
            results = _run_dag(arguments.dag, params)
            seconds = time.monotonic() - started
    except Exception as error:
        print(f"The demo could not be run: {str(error).splitlines()[0]}; see {_shorten_path(log)}", file=sys.stderr)
        return 2
    _print_summary(results, seconds)
    return 0 if results["train"]["state"] == "success" else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run an example DAG and print a summary of its tasks.")
    parser.add_argument("--dag", default="loan_approvals", help="a file of dags/, without .py")
    parser.add_argument("--data", help="your own CSV, Parquet or JSON Lines file, instead of the Boston mortgages")
    parser.add_argument("--label", help="its label column")
    parser.add_argument("--positive", help="the label values of the positive outcome, separated by commas")
    parser.add_argument("--facet", help="the column whose groups are compared; every value is tested against the rest")
    arguments = parser.parse_args()
    own = (arguments.label, arguments.positive, arguments.facet)
    if arguments.data is None and any(own):
        parser.error("LABEL, POSITIVE and FACET are for your own DATA=file")
    if arguments.data is not None and not all(own):
        parser.error("with DATA=file give also LABEL=column POSITIVE=value,... FACET=column")
    return arguments


def _build_params(arguments: argparse.Namespace) -> dict[str, Any]:
    params: dict[str, Any] = {"folder": str(HOME / "outputs")}
    if arguments.data is not None:
        data = arguments.data if "://" in arguments.data else str(Path(arguments.data).expanduser().resolve())
        positive = [_parse_json_value(value) for value in arguments.positive.split(",")]
        params |= {
            "data": data,
            "label": arguments.label,
            "positive": positive,
            "facet": arguments.facet,
            "sensitive": None,
        }
    return params


def _parse_json_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _prepare_environment() -> None:
    """Separate this Airflow from others on the machine; must be called before Airflow is imported."""
    os.environ |= {
        "AIRFLOW_HOME": str(HOME / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow' / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(HOME / "airflow" / "logs"),
    }
    for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
        del os.environ[name]


@contextlib.contextmanager
def _redirect_output(log: Path) -> Iterator[None]:
    """Redirect the output of this process and its children to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)


def _run(command: list[str]) -> None:
    subprocess.run([sys.executable, *command], check=True)


def _run_dag(name: str, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Run the DAG, and return every task's state, return value and verdict."""
    sys.path.insert(0, str(ROOT / "dags"))
    dag = __import__(name).dag
    run = dag.test(run_conf=params)
    results: dict[str, dict[str, Any]] = {}
    for instance in run.get_task_instances():
        results[instance.task_id] = {
            "state": str(instance.state),
            "xcom": instance.xcom_pull(task_ids=instance.task_id),
            "verdict": instance.xcom_pull(task_ids=instance.task_id, key="verdict"),
        }
    return results


def _print_summary(results: dict[str, dict[str, Any]], seconds: float) -> None:
    from airflow_clarify import Analysis
    from airflow_clarify.reports.console import format_table

    for task_id in [t for t in results if t not in TASKS][:1] + [t for t in TASKS if t in results]:
        result = results[task_id]
        xcom = result["xcom"]
        print(f"{_choose_mark(result['state'])} {task_id:<13}{result['state']}")
        if isinstance(xcom, dict) and xcom.get("format", "").startswith("airflow_clarify.analysis"):
            analysis = Analysis.from_xcom(xcom)
            _print_indented(format_table(analysis, max_values=20))
            _print_indented([f"report: {_shorten_path(analysis.outputs['report'])}"])
        elif result["verdict"]:
            _print_indented([result["verdict"]["sentence"]])
        elif task_id == "balance" and xcom:
            _print_indented(
                [f"{xcom['rows_in']:,} rows in, {xcom['rows_out']:,} rows out: {_shorten_path(xcom['target'])}"]
            )
        elif task_id == "train" and xcom:
            _print_indented(
                [f"trained on {xcom['rows']:,} rows of {_shorten_path(xcom['data'])}, accuracy {xcom['accuracy']:.1%}"]
            )
    trained = results["train"]["state"] == "success"
    repaired = results.get("balance", {}).get("state") == "success"
    end = "The model was trained" + (", on the repaired data only." if repaired else ".")
    print(f"\n{end if trained else 'The model was NOT trained.'} ({seconds:.0f} s)")


def _choose_mark(state: str) -> str:
    return {"success": "+", "skipped": "-", "failed": "x", "upstream_failed": "x"}.get(state, "?")


def _print_indented(lines: list[str]) -> None:
    print("\n".join(f"      {line}" for line in lines))


def _shorten_path(path: Path | str) -> str:
    """Return a path relative to the working directory, if it is below that."""
    with contextlib.suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
