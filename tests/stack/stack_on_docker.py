"""The services of docker-compose.yaml as containers of a Docker engine, on the stand-ins for their base images.

The files are run as they are, but for the names of the base images and of the image that is built, and for the ports on
this machine, which are free ones.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import secrets
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compose_file import PROJECT, ComposeFile
from stack_on_loopback import PATIENCE, find_free_ports
from stand_in_images import STAND_INS, copy_compose, docker, make_stand_ins

#: Seconds for a build, which downloads and installs what the image holds.
PATIENCE_FOR_A_BUILD = 1800


class DockerStack:
    """The stack in containers.

    :param compose: its file, as it stands in the project
    :param folder: an empty folder for the copies of the files, and for Compose
    :param ports: the port on this machine by the port in the file
    """

    def __init__(self, compose: ComposeFile, folder: Path, ports: Mapping[int, int]) -> None:
        self.compose, self.folder, self.ports = compose, folder, ports
        self.project = f"airflow-clarify-test-{secrets.token_hex(4)}"
        self.image = f"{self.project}:1"
        self._file = folder / "compose.yaml"
        self._file.write_text(self._translate())

    def build(self) -> str:
        """``docker compose build``: everything that is built here.

        :return: what the builder has printed
        """
        return self._do("--progress", "plain", "build", timeout=PATIENCE_FOR_A_BUILD, with_errors=True)

    def build_copy(self, project: Path) -> str:
        """Build the image of a copy of the project, under a name of its own, as the containers have the other one.

        :return: what the builder has printed
        """
        file, image = self.folder / "copy.yaml", f"{self.project}-copy:1"
        file.write_text(self._file.read_text().replace(f"image: {self.image}", f"image: {image}"))
        options = ["--project-directory", str(project), "--project-name", f"{self.project}-copy", "--file", str(file)]
        try:
            return self.run_compose(self.folder, [*options, "--progress", "plain", "build"], with_errors=True)
        finally:
            with contextlib.suppress(AssertionError):
                docker("image", "rm", image)

    def up(self) -> None:
        """``docker compose up --wait``: start everything in order, until everything is healthy."""
        try:
            self._do("up", "--wait", "--no-build")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._do('ps', '--all')}\n{self._do('logs', '--tail', '30')}") from None

    def run(self, name: str) -> str:
        """``docker compose run --rm NAME``.

        :return: what it has printed
        """
        return self._do("run", "--rm", "-T", name)

    def execute(self, name: str, command: list[str]) -> str:
        """``docker compose exec NAME COMMAND``.

        :return: what it has printed
        """
        return self._do("exec", "-T", name, *command)

    def kill_and_restart(self, name: str) -> None:
        """Let the main process of a container die, and wait until the restart policy has brought it back."""
        before = self.inspect(name)
        os.kill(before["State"]["Pid"], signal.SIGKILL)
        self.wait_until_healthy(name, before["RestartCount"])

    def wait_until_healthy(self, name: str, restarts: int = -1) -> None:
        """Wait until a container was restarted more often than so, and is healthy."""
        deadline = time.monotonic() + PATIENCE
        while not ((now := self.inspect(name))["RestartCount"] > restarts and self._is_healthy(now)):
            assert time.monotonic() < deadline, f"{name} does not come back: {now['State']}"
            time.sleep(0.5)

    def is_healthy(self, name: str) -> bool:
        """Whether Docker calls a service healthy."""
        return self._is_healthy(self.inspect(name))

    def inspect(self, name: str) -> dict[str, Any]:
        """All that Docker tells of a service's container."""
        container = self._do("ps", "--all", "--quiet", name).split()[0]
        found: dict[str, Any] = json.loads(docker("inspect", container))[0]
        return found

    def read_volume(self, name: str) -> dict[str, str]:
        """The texts in a volume by their paths in it, as a container sees them."""
        service, mount = next(
            (service, mount)
            for service in self.compose.services.values()
            for mount in service.mounts
            if mount.source == name and not service.is_on_demand
        )
        command = ["docker", "cp", f"{self.inspect(service.name)['Id']}:{mount.target}", "-"]
        copied = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True).stdout
        found = {}
        with tarfile.open(fileobj=io.BytesIO(copied)) as archive:
            for member in archive:
                if content := archive.extractfile(member) if member.isfile() else None:
                    found[member.name.partition("/")[2]] = content.read().decode(errors="replace")
        return found

    def printed(self) -> dict[str, str]:
        """What each service has printed."""
        return {
            name: self._do("logs", "--no-color", "--no-log-prefix", name, with_errors=True) for name in self.commands
        }

    @property
    def commands(self) -> dict[str, list[str]]:
        """What each service's container runs."""
        running = [service.name for service in self.compose.services.values() if not service.is_on_demand]
        seen = {name: self.inspect(name)["Config"] for name in running}
        return {name: [*(config["Entrypoint"] or []), *(config["Cmd"] or [])] for name, config in seen.items()}

    def down(self) -> None:
        """Remove the containers, their volumes, and the image that was built."""
        self._do("down", "--volumes", "--timeout", "5")
        with contextlib.suppress(AssertionError):
            docker("image", "rm", self.image)

    @staticmethod
    def run_compose(
        folder: Path, arguments: Sequence[str], timeout: float = PATIENCE_FOR_A_BUILD, *, with_errors: bool = False
    ) -> str:
        """Run Docker Compose, which lies in an image of ours.

        :param folder: where to put Compose, and what it needs to know of its builder
        :param arguments: its command line
        :param timeout: seconds
        :param with_errors: whether to return what it prints to standard error too
        :return: what it has printed
        """
        program = folder / "docker-compose"
        if not program.exists():
            copy_compose(program)
        done = subprocess.run(
            [str(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if with_errors else subprocess.PIPE,
            env={**os.environ, "DOCKER_CONFIG": str(folder / "config")},
            text=True,
            timeout=timeout,
            check=False,
        )
        said = f"{done.stdout}{done.stderr or ''}"
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}: …{said[-4000:]}"
        return done.stdout

    def _do(self, *arguments: str, timeout: float = PATIENCE, with_errors: bool = False) -> str:
        options = ["--project-directory", str(PROJECT), "--project-name", self.project, "--file", str(self._file)]
        return self.run_compose(self.folder, [*options, *arguments], timeout, with_errors=with_errors)

    def _translate(self) -> str:
        dockerfile = self.folder / "Dockerfile"
        dockerfile.write_text(stand_on_stand_ins((PROJECT / "stack" / "Dockerfile").read_text()))
        text = self.compose.text.replace("dockerfile: stack/Dockerfile", f"dockerfile: {dockerfile}")
        text = re.sub(r"image: airflow-clarify-stack:\S+", f"image: {self.image}", text)
        text = re.sub(r"image: postgres:\S+", f"image: {STAND_INS['postgres']}", text)
        for port in (8080, 8333):
            text = text.replace(f"127.0.0.1:{port}:{port}", f"127.0.0.1:{self.ports[port]}:{port}")
        return text.replace("&ui http://localhost:8080", f"&ui http://localhost:{self.ports[8080]}")

    @staticmethod
    def _is_healthy(inspected: Mapping[str, Any]) -> bool:
        return bool(inspected["State"].get("Health", {}).get("Status") == "healthy")


def stand_on_stand_ins(dockerfile: str) -> str:
    """A Dockerfile with the stand-ins in place of its base images."""
    text, found = re.subn(
        r"^FROM ([\w/]+):\S+", lambda base: f"FROM {STAND_INS[base[1]]}", dockerfile, flags=re.MULTILINE
    )
    assert found
    return text


@contextmanager
def stack_on_docker() -> Iterator[DockerStack]:
    """The stack of docker-compose.yaml, built and up; nothing of it is left but the stand-ins for the base images."""
    make_stand_ins()
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-stack-") as folder:
        stack = DockerStack(ComposeFile.read(), Path(folder), find_free_ports({8080, 8333}))
        try:
            stack.build()
            stack.up()
            yield stack
        finally:
            stack.down()
