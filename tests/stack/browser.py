"""A browser without a window: Debian's chromium, spoken to through a pipe."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """A page of a browser.

    :param commands: the end of the pipe that takes commands
    :param answers: the end of the pipe that answers come from
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers, self._rest, self._number = commands, answers, b"", 0
        self._session: str | None = None
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        size = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._do("Emulation.setDeviceMetricsOverride", **size)

    def open(self, url: str) -> None:
        self._do("Page.navigate", url=url)

    def ask(self, script: str) -> Any:
        """The value of an expression in JavaScript; None while the page is being exchanged for another."""
        answer = self._do("Runtime.evaluate", expression=script, returnByValue=True)
        return answer.get("result", {}).get("value")

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.ask("document.body ? document.body.innerText : ''"))

    def wait_for(self, script: str, patience: float = 150) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + patience
        while not self.ask(script):
            assert time.monotonic() < deadline, f"never true: {script}; on the page: {self.text()[:2000]}"
            time.sleep(0.2)

    def type_into(self, selector: str, text: str) -> None:
        """Type as a person does, so that the page notices."""
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})")
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        self._do("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        self.ask(f"document.querySelector({json.dumps(selector)}).click()")

    def keep_screenshot(self, file: Path) -> None:
        """Write what the page looks like, as PNG."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(self._do("Page.captureScreenshot", format="png")["data"]))

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._answers, 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def browser() -> Iterator[Page]:
    """A browser with an empty profile, as a person has who was never there."""
    assert CHROMIUM
    from_us, to_us = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="airflow-clarify-browser-", ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe", "--hide-scrollbars"]
        # As root there is no sandbox; what it opens is ours.
        options += ["--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        # It takes commands from the file descriptor 3, and answers to 4.
        command = ["bash", "-c", f'exec "$0" "$@" 3<&{from_us[0]} 4>&{to_us[1]}', CHROMIUM, *options]
        process = subprocess.Popen(
            command,
            pass_fds=(from_us[0], to_us[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(from_us[0])
        os.close(to_us[1])
        try:
            yield Page(from_us[1], to_us[0])
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            os.close(from_us[1])
            os.close(to_us[0])
