"""A container, which here is a process in a session of its own, and a folder that stands for /opt/ml."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

#: How the container's entry point learns where /opt/ml is, outside of a container.
ML_FOLDER_VARIABLE = "AIRFLOW_CLARIFY_ML_FOLDER"
#: What a shell, and Docker, answer when there is no such command.
NO_SUCH_COMMAND = 127


class Container:
    """A container that runs.

    :param command: its entry point and arguments
    :param folder: what stands for /opt/ml; it is also where the process starts
    :param environment: what the job sets
    :param write: takes what it prints, line by line
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: dict[str, str], write: Callable[[str], None]
    ) -> None:
        self._write = write
        self._process: subprocess.Popen[bytes] | None = None
        self._code: int | None = None
        try:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=_environment(folder, environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                # One stream for both, as CloudWatch has them, so that their lines keep their order.
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            write(f"The container's entry point cannot be started: {error}")
            self._code = NO_SUCH_COMMAND
            return
        self._reader = threading.Thread(target=self._read, name=f"log-of-{self._process.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int | None:
        """The process, which is also its process group; None if it could not be started."""
        return None if self._process is None else self._process.pid

    def exit_code(self) -> int | None:
        """How it ended, as Docker tells it; None as long as it runs."""
        if self._code is None and self._process is not None:
            code = self._process.poll()
            if code is not None:
                # A container ends with its first process: nothing that it started lives on.
                self.send(signal.SIGKILL)
                self._reader.join(timeout=5)
                self._code = code if code >= 0 else 128 - code
        return self._code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything it started."""
        # Once it has ended, its number may become another's.
        if self._code is None and self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                text = line.decode(errors="replace").rstrip("\r\n")
                # CloudWatch has no empty events.
                if text:
                    self._write(text)


def _environment(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(scratch),
        # A container's /tmp goes with the container.
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        # As images that run Python have it, or the log would come in blocks, or never.
        "PYTHONUNBUFFERED": "1",
        **environment,
        ML_FOLDER_VARIABLE: str(folder),
    }
