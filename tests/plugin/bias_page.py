"""Drive the page "Bias" in a browser, as a user does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from playwright.sync_api import BrowserContext, ConsoleMessage, Frame, FrameLocator, Page, Response, Route

#: Chromium warns that Airflow's frame allows both scripts and the same origin.
NOT_OURS = "can escape its sandboxing"


class Visitor:
    """A user with a browser window.

    :param context: what keeps the session
    :param url: of Airflow
    :param kept: the folder for screenshots; None saves none
    :param name: what their names begin with
    """

    def __init__(self, context: BrowserContext, url: str, kept: Path | None, name: str) -> None:
        self.page: Page = context.new_page()
        self.context = context
        self.url = url
        self.kept = kept
        self.name = name
        self.complaints: list[str] = []
        self.answers: list[Response] = []
        self.sent: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self._complain(f"{error}\n{error.stack}"))
        self.page.on("response", lambda answer: self.answers.append(answer))

    def _heard(self, message: ConsoleMessage) -> None:
        ours = "/clarify/" in message.location.get("url", "") or "Content Security Policy" in message.text
        if message.type in ("error", "warning") and ours and NOT_OURS not in message.text:
            self._complain(f"{message.type}: {message.text} ({message.location})")

    def _complain(self, complaint: str) -> None:
        if "/clarify/" in complaint or "Content Security Policy" in complaint:
            self.complaints.append(complaint)

    def verdict(self, dag_id: str, run_id: str, task_id: str = "gate") -> Page:
        """Open the page of a task instance, without Airflow's own page around it."""
        asked = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": -1}
        return self._open(f"verdict?{urlencode(asked)}")

    def history(self, dag_id: str) -> Page:
        """Open the page of a DAG, without Airflow's own page around it."""
        return self._open(f"history?{urlencode({'dag_id': dag_id})}")

    def gates(self) -> Page:
        """Open the page of all gates, without Airflow's own page around it."""
        return self._open("gates")

    def _open(self, view: str) -> Page:
        self.page.goto(f"{self.url}/clarify/{view}")
        return self.page

    def verdict_in_airflow(self, dag_id: str, run_id: str, task_id: str = "gate") -> FrameLocator:
        """Open the tab of a task instance in Airflow."""
        self.page.goto(f"{self.url}/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task_id}/plugin/bias-verdict")
        return self.bias

    def history_in_airflow(self, dag_id: str) -> FrameLocator:
        """Open the tab of a DAG in Airflow."""
        self.page.goto(f"{self.url}/dags/{dag_id}/plugin/bias-history")
        return self.bias

    @property
    def bias(self) -> FrameLocator:
        """Return a locator of the plugin's page in Airflow's frame."""
        return self.page.frame_locator("iframe[title=Bias]")

    @property
    def frame(self) -> Frame:
        """Return the frame of the plugin's page, to evaluate scripts in it."""
        return next(frame for frame in reversed(self.page.frames) if "/clarify/" in frame.url)

    def theme(self, mode: str) -> None:
        """Choose light or dark in another window of the same browser, which Airflow and the page adopt."""
        other = self.context.new_page()
        other.goto(f"{self.url}/clarify/icons/bias-light.svg")
        other.evaluate("mode => localStorage.setItem('theme', mode)", mode)
        other.close()

    def screenshot(self, name: str = "") -> None:
        """Save a screenshot, if they are asked for (CLARIFY_SCREENSHOTS)."""
        if self.kept is None:
            return
        path = self.kept / f"{self.name}{'-' if name else ''}{name}.png".replace("/", "_")
        self.page.screenshot(path=path)

    def until(self, happened: Callable[[], Any], patience: float = 120) -> Any:
        """Wait until a condition holds.

        Playwright's own waiting evaluates code from text, which our content security policy forbids.
        """
        end = time.monotonic() + patience
        while not (found := happened()):
            assert time.monotonic() < end, "it has not happened"
            self.page.wait_for_timeout(50)
        return found

    def listen(self) -> None:
        """Record what the server sends to this window from now on, for :meth:`read`."""

        def keep(route: Route) -> None:
            answer = route.fetch()
            if answer.ok:
                self.sent.append(answer.text())
            route.fulfill(response=answer)

        self.page.route("**/api/v2/**", keep)

    def shorten(self, howmany: int) -> None:
        """Cut every list of XComs after a number of entries."""

        def cut(route: Route) -> None:
            answer = route.fetch()
            found = answer.json()
            entries = found["xcom_entries"][:howmany]
            route.fulfill(response=answer, json=found | {"xcom_entries": entries, "total_entries": len(entries)})

        self.page.route("**/xcomEntries?*", cut)

    def spoil(self, pattern: str, which: range, answer: Callable[[Route], None]) -> list[str]:
        """Replace responses of Airflow.

        :param pattern: to which requests
        :param which: to the how manieth of them
        :param answer: gives the other answer
        :return: what is asked for, as it is
        """
        asked: list[str] = []

        def spoiled(route: Route) -> None:
            asked.append(route.request.url)
            if len(asked) - 1 in which:
                answer(route)
            else:
                route.fallback()

        self.page.route(pattern, spoiled)
        return asked

    def read(self) -> str:
        """Return all data that the server has sent."""
        return "\n".join(self.sent)
