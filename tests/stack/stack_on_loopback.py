"""The services of docker-compose.yaml as processes on loopback, for machines that have no Docker engine.

Commands, environments, health checks and the order of the file are what is run. Translated is only what a container
gives: names of hosts become 127.0.0.1, ports become free ones, volumes become folders, mounts the folders they mount.
In place of the images stand this environment and the PostgreSQL that pip installs.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import postgres_image
from compose_file import PROJECT, ComposeFile, Service

#: Any Python that has what stack/Dockerfile installs.
PYTHON = os.environ.get("CLARIFY_STACK_PYTHON", sys.executable)
#: Seconds for whatever is waited for, on a machine that does much else.
PATIENCE = 400
#: Seconds that Docker gives a container to end.
PATIENCE_FOR_AN_END = 10


class Stack:
    """The stack.

    :param compose: its file
    :param folder: an empty folder for its volumes, logs and the homes of its services
    :param ports: the port on loopback by the port in the file
    """

    def __init__(self, compose: ComposeFile, folder: Path, ports: Mapping[int, int]) -> None:
        self.compose, self.folder, self.ports = compose, folder, ports
        self.commands: dict[str, list[str]] = {}
        self.health_checks: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._done: set[str] = set()
        self._healthy: set[str] = set()
        for volume in compose.volumes:
            (folder / "volumes" / volume).mkdir(parents=True)

    # --- What Docker Compose does -------------------------------------------------------------------------------------

    def up(self) -> None:
        """``docker compose up --wait``: start everything in order, until everything is healthy."""
        wanted = [service for service in self.compose.services.values() if not service.is_on_demand]
        deadline = time.monotonic() + PATIENCE
        while not all(self._is_settled(service) for service in wanted):
            assert time.monotonic() < deadline, f"not up after {PATIENCE} s: {self._unsettled(wanted)}\n{self.ends()}"
            for service in wanted:
                if service.name not in self.commands and self._may_start(service):
                    self._start(service)
            self._look_at(wanted)
            time.sleep(0.2)

    def run(self, name: str) -> str:
        """``docker compose run --rm NAME``, when everything it waits for is there.

        :return: what it has printed
        """
        service = self.compose.services[name]
        assert self._may_start(service), f"{name} would wait for {service.waits_for}"
        before = self.log(name).stat().st_size if self.log(name).exists() else 0
        self._start(service)
        code = self._processes[name].wait(PATIENCE)
        printed = self.log(name).read_text(errors="replace")[before:]
        assert code == 0, f"{name} has ended with {code}:\n{printed}"
        self._done.add(name)
        return printed

    def execute(self, name: str, command: list[str]) -> str:
        """``docker compose exec NAME COMMAND``: beside a running service, in its surroundings.

        :return: what it has printed
        """
        service = self.compose.services[name]
        done = subprocess.run(
            [self._translated(word, service) for word in command],
            env=self._environment(service),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def kill_and_restart(self, name: str) -> None:
        """What the restart policy does when a service dies; its volumes stay."""
        self._stop([name], signal.SIGKILL)
        self._start(self.compose.services[name])
        deadline = time.monotonic() + PATIENCE
        while not self.is_healthy(name):
            assert time.monotonic() < deadline, f"{name} does not come back:\n{self.ends()}"
            time.sleep(0.2)

    def down(self) -> None:
        """End everything, the database last."""
        # Some would say goodbye for a quarter of a minute, and all that they hold is thrown away.
        self._stop([name for name in self._processes if name != "postgres"], signal.SIGKILL)
        # Its processes are no group, so it has to end them itself.
        self._stop([name for name in self._processes if name == "postgres"], signal.SIGINT)

    def _stop(self, names: list[str], number: signal.Signals) -> None:
        # The number of one that has ended before may be another's by now.
        running = [self._processes[name] for name in names if self._processes[name].poll() is None]
        for process in running:
            process.send_signal(number)
        deadline = time.monotonic() + PATIENCE_FOR_AN_END
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))
            # What a process has started goes with its container.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def log(self, name: str) -> Path:
        """What a service has printed."""
        return self.folder / f"{name}.log"

    def volume(self, name: str) -> Path:
        """The folder that stands for a volume."""
        return self.folder / "volumes" / name

    def read_volume(self, name: str) -> dict[str, str]:
        """The texts in a volume by their paths in it."""
        folder = self.volume(name)
        files = [file for file in folder.rglob("*") if file.is_file()]
        return {str(file.relative_to(folder)): file.read_text(errors="replace") for file in files}

    def printed(self) -> dict[str, str]:
        """What each service has printed."""
        return {name: self.log(name).read_text(errors="replace") for name in self.commands}

    def ends(self) -> str:
        """The last lines of every service."""
        return "\n".join(f"{name}: …{self.log(name).read_text(errors='replace')[-1500:]}" for name in self.commands)

    def _may_start(self, service: Service) -> bool:
        return all(
            name in (self._done if condition == "service_completed_successfully" else self._healthy)
            for name, condition in service.waits_for.items()
        )

    def _is_settled(self, service: Service) -> bool:
        return service.name in (self._done if service.is_one_shot else self._healthy)

    def _unsettled(self, services: list[Service]) -> str:
        return ", ".join(service.name for service in services if not self._is_settled(service))

    def _look_at(self, services: list[Service]) -> None:
        unsettled = [service for service in services if service.name in self.commands and not self._is_settled(service)]
        waiting = [service for service in services if service.name not in self.commands]
        # First those that others wait for: some checks cost as much as starting a service does.
        first = [service for service in unsettled if any(service.name in other.waits_for for other in waiting)]
        for service in first or unsettled:
            code = self._processes[service.name].poll()
            if service.is_one_shot:
                assert code in (None, 0), f"{service.name} has ended with {code}:\n{self.ends()}"
                self._done.update({service.name} if code == 0 else ())
            else:
                assert code is None, f"{service.name} has ended with {code}:\n{self.ends()}"
                self._healthy.update({service.name} if self.is_healthy(service.name) else ())

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of a service succeeds now, within its own time limit."""
        service = self.compose.services[name]
        limit = float(service.raw["healthcheck"]["timeout"].removesuffix("s"))
        self.health_checks[name] = self.health_checks.get(name, 0) + 1
        command = [self._translated(word, service) for word in service.health_check]
        try:
            return not subprocess.run(
                command, env=self._environment(service), capture_output=True, timeout=limit, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return False

    # --- What a container gives ---------------------------------------------------------------------------------------

    def _start(self, service: Service) -> None:
        command = [self._translated(word, service) for word in service.command]
        environment, user = self._environment(service), None
        if service.image.startswith("postgres:"):
            command, user = postgres_image.prepare(self.volume("database") / "data", environment)
        self.commands[service.name] = command
        with self.log(service.name).open("ab") as log:
            self._processes[service.name] = subprocess.Popen(
                command,
                env=environment,
                cwd=self._home(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
            )

    def _home(self, service: Service) -> Path:
        home = self.folder / "homes" / service.name
        home.mkdir(parents=True, exist_ok=True)
        return home

    def _environment(self, service: Service) -> dict[str, str]:
        """That of the file, over what any image sets. Nothing of the test's own gets in."""
        programs = postgres_image.programs() if service.image.startswith("postgres:") else Path(PYTHON).parent
        here = {
            "PATH": f"{programs}:{os.defpath}",
            "HOME": str(self._home(service)),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
        }
        return here | {key: self._translated(value, service) for key, value in service.environment.items()}

    def _translated(self, text: str, service: Service) -> str:
        for name in self.compose.services:
            text = re.sub(rf"(?<![\w-]){name}:(?=\d)", "127.0.0.1:", text)
        text = text.replace("0.0.0.0", "127.0.0.1")
        text = re.sub(r"\b\d{4,5}\b", lambda found: str(self.ports.get(int(found[0]), found[0])), text)
        folders = {mount.target: self._source(mount.source) for mount in service.mounts}
        # Of what is in the image, only Airflow's home is written to.
        folders["/opt/airflow"] = self._home(service)
        for target in sorted(folders, key=len, reverse=True):
            text = re.sub(rf"(?<![\w/.]){target}(?![\w-])", str(folders[target]), text)
        return text

    def _source(self, source: str) -> Path:
        return PROJECT / source if source.startswith(".") else self.volume(source)


def find_free_ports(wanted: set[int]) -> dict[int, int]:
    """Find a free port of the loopback address for each of some ports."""
    with ExitStack() as held:
        holders = {number: held.enter_context(socket.socket()) for number in sorted(wanted)}
        for holder in holders.values():
            holder.bind(("127.0.0.1", 0))
        return {number: holder.getsockname()[1] for number, holder in holders.items()}


@contextmanager
def stack_on_loopback() -> Iterator[Stack]:
    """The stack of docker-compose.yaml, which is up; all that it writes goes with it."""
    compose = ComposeFile.read()
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-stack-", ignore_cleanup_errors=True) as folder:
        # The user of PostgreSQL may have to get through to its data.
        Path(folder).chmod(0o711)
        stack = Stack(compose, Path(folder), find_free_ports(compose.ports()))
        try:
            stack.up()
            yield stack
        finally:
            stack.down()
