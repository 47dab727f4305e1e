"""A real Airflow for a test: api-server, scheduler, DAG processor and triggerer, as processes on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from servers import postgres

SERVICES = {
    "api-server": ("api-server", "--workers", "1"),
    "scheduler": ("scheduler",),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer",),
}


@dataclass
class AirflowServices:
    """A running Airflow.

    :param home: its folder: database, DAGs, logs
    :param url: of the api-server
    :param environment: of every process
    :param processes: by name
    """

    home: Path
    url: str
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _token: str = ""

    def start(self, name: str) -> None:
        """Start a service."""
        log = (self.home / f"{name}.log").open("ab")
        port = ("--port", str(urlsplit(self.url).port)) if name == "api-server" else ()
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "airflow", *SERVICES[name], *port],
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def stop(self, name: str, with_signal: int = signal.SIGTERM, patience: float = 20) -> None:
        """End a service and all of its processes."""
        process = self.processes.pop(name)
        with_group = os.getpgid(process.pid) if process.poll() is None else process.pid
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(with_group, with_signal)
            process.wait(patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(with_group, signal.SIGKILL)
        process.wait(patience)

    def stop_all(self, patience: float = 5) -> None:
        """End all services at once. What they still hold is thrown away, so they are not waited for."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + patience
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(end - time.monotonic(), 0))
        for name in list(self.processes):
            self.stop(name, signal.SIGKILL)

    # --- The REST API -------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, document: Any = None) -> Any:
        """Call the public API, as an administrator."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Authorization": f"Bearer {self._bearer()}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def add_dags(self, file: str, source: str) -> None:
        """Add a file to the folder of DAGs; the DAG processor finds it within seconds."""
        aside = self.home / f"{file}.part"
        aside.write_text(source)
        aside.rename(self.home / "dags" / file)

    def add_connection(self, conn_id: str, value: str) -> None:
        """Store a connection in the metadata database.

        :param value: in the JSON format of the variables ``AIRFLOW_CONN_...``
        """
        given = json.loads(value)
        extra = {"extra": json.dumps(given["extra"])} if "extra" in given else {}
        self.call("POST", "connections", {**given, **extra, "connection_id": conn_id})

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG, once it is known."""
        self.until(lambda: self._known(dag_id), f"DAG {dag_id} is known", 90)
        self.call("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, logical_date: str | None = None, **conf: Any) -> str:
        """Start a run, once the DAG is known.

        :return: its run id
        """
        self.unpause(dag_id)
        run = self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": logical_date, "conf": conf})
        return str(run["dag_run_id"])

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """A task instance."""
        found: dict[str, Any] = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return found

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """An XCom of a task."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.call("GET", path)["value"]

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task, as a user does who wants it to run again."""
        document = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        self.call("POST", f"dags/{dag_id}/clearTaskInstances", document | {"reset_dag_runs": True})

    def mark(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task as failed or succeeded, as a user does."""
        self.call("PATCH", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", {"new_state": state})

    def wait_for(self, dag_id: str, run_id: str, task_id: str, *states: str, patience: float = 180) -> dict[str, Any]:
        """Wait until a task is in one of these states."""
        last: dict[str, Any] = {}

        def reached() -> bool:
            last.update(self.task(dag_id, run_id, task_id))
            return last["state"] in states

        self.until(reached, f"{task_id} is {' or '.join(states)}", patience, lambda: str(last.get("state")))
        return last

    def wait_for_run(self, dag_id: str, run_id: str, patience: float = 180) -> None:
        """Wait until the scheduler has closed a run; what is cleared at that very moment is not run again."""
        ended = ("success", "failed")
        run = f"dags/{dag_id}/dagRuns/{run_id}"
        self.until(lambda: self.call("GET", run)["state"] in ended, "the run has ended", patience)

    def until(
        self, happened: Callable[[], bool], what: str, patience: float = 180, now: Callable[[], str] = lambda: ""
    ) -> None:
        """Wait until something has happened."""
        end = time.monotonic() + patience
        while not happened():
            assert time.monotonic() < end, f"after {patience} s not yet: {what} ({now()}); see {self.home}"
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} has ended:\n{self.log_of(name)[-3000:]}"
            time.sleep(0.5)

    def log_of(self, name: str) -> str:
        """What a service has printed."""
        return (self.home / f"{name}.log").read_text(errors="replace")

    def _known(self, dag_id: str) -> bool:
        try:
            self.call("GET", f"dags/{dag_id}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True

    def _bearer(self) -> str:
        if not self._token:
            with urllib.request.urlopen(f"{self.url}/auth/token", timeout=60) as answer:
                self._token = json.loads(answer.read())["access_token"]
        return self._token

    def is_up(self) -> bool:
        """Whether the api-server answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def airflow_services(
    home: Path,
    dags: Path,
    only: Collection[str] = tuple(SERVICES),
    meanwhile: Callable[[AirflowServices], None] = lambda _: None,
    path: str = "",
    **environment: str,
) -> Iterator[AirflowServices]:
    """An Airflow with PostgreSQL and the local executor.

    :param home: an empty folder for it
    :param dags: the folder of its DAGs
    :param only: the services to start
    :param meanwhile: what to do with the migrated database while they start
    :param path: the path below which it is found, as behind a proxy
    :param environment: more environment variables, such as connections
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}{path}"
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")}
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__BASE_URL": f"{url}/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # A worker that is killed is noticed within seconds, and triggers are looked at often.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "12",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # Files that tests add are found at once; those that are known do not change.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }
    with postgres() as where:
        settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"postgresql+psycopg2://{where}"
        settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = f"postgresql+asyncpg://{where}"
        services = AirflowServices(home, url, {**inherited, **settings, **environment})
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, env=services.environment, check=True, capture_output=True)
        yield from _running(services, only, meanwhile)


def _running(
    services: AirflowServices, only: Collection[str], meanwhile: Callable[[AirflowServices], None]
) -> Iterator[AirflowServices]:
    try:
        for name in only:
            services.start(name)
        meanwhile(services)
        services.until(services.is_up, "the api-server is up", 120)
        yield services
    finally:
        services.stop_all()


def _free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])
