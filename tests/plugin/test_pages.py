"""What the plugin adds to Airflow, and what its web application answers."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_clarify.plugin import ClarifyPlugin

PROJECT = Path(__file__).resolve().parents[2]
STATIC = PROJECT / "airflow_clarify" / "plugin" / "static"


@pytest.fixture(scope="module")
def client() -> Iterator[object]:
    """Create an HTTP client of the application, mounted below a path as in Airflow."""
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    airflow = FastAPI()
    for app in ClarifyPlugin.fastapi_apps:
        airflow.mount(app["url_prefix"], app["app"])
    with TestClient(airflow) as client:
        yield client


def test_airflow_takes_the_plugin_and_its_three_views() -> None:
    from airflow.plugins_manager import ensure_plugins_loaded, is_valid_plugin

    ensure_plugins_loaded()
    assert is_valid_plugin(ClarifyPlugin)
    views = ClarifyPlugin.external_views
    assert {view["destination"]: view["name"] for view in views} == dict.fromkeys(
        ("nav", "dag", "task_instance"), "Bias"
    )
    # Airflow leaves out a view whose route another one has.
    assert len({view["url_route"] for view in views}) == 3
    addresses = [view[key] for view in views for key in ("href", "icon", "icon_dark_mode")]
    assert [address for address in addresses if not re.match(r"clarify/[a-z]", address)] == []


def test_a_scheduler_that_loads_the_plugin_is_spared_the_web_framework() -> None:
    code = "import sys, airflow.plugins_manager; before = set(sys.modules); import airflow_clarify.plugin\n"
    code += "print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    added = set(found.stdout.splitlines()[-1].split())
    assert "airflow_clarify.plugin.lazy_app" in added
    assert {name for name in added if name.split(".")[0] in ("fastapi", "starlette")} == set()
    assert len(added) < 30


@pytest.mark.parametrize("view", ["verdict", "history", "gates"])
def test_the_page_comes_with_a_policy_of_its_own(client, view: str) -> None:
    answers = [client.get(f"/clarify/{view}?dag_id=any") for _ in range(2)]
    nonces = []
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["frame-ancestors"] == "'self'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        nonces.append(re.fullmatch(r"'self' 'nonce-([\w-]{20,})'", policy["style-src"])[1])
        assert f'nonce="{nonces[-1]}"' in answer.text
        assert "__CSP_NONCE__" not in answer.text
    assert nonces[0] != nonces[1]


def test_what_is_named_by_its_content_is_kept_for_good_and_nothing_else_is(client) -> None:
    page = client.get("/clarify/gates").text
    assets = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)
    assert assets
    for asset in assets:
        answer = client.get(f"/clarify/{asset}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    for mode in ("light", "dark"):
        icon = client.get(f"/clarify/icons/bias-{mode}.svg")
        assert icon.headers["content-type"] == "image/svg+xml"
        assert icon.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'self'"
        assert "immutable" not in icon.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/index.html",
        "/built-from.json",
        "/openapi.json",
        "/docs",
        "/assets/",
        "/assets/../index.html",
        "/assets/%2e%2e/built-from.json",
        "/assets/..%2f..%2fpages.py",
        "/icons/....//....//pages.py",
        "/icons/%5c..%5cpages.py",
        "/icons//etc/passwd",
    ],
)
def test_nothing_else_is_served(client, path: str) -> None:
    answer = client.get(f"/clarify{path}", follow_redirects=False)
    assert answer.status_code in (404, 307)
    # Without a slash at its end the address is Airflow's to answer.
    assert answer.status_code == 307 or answer.headers["x-content-type-options"] == "nosniff"
    assert "sha256" not in answer.text
    assert "import" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(client, method: str) -> None:
    assert client.request(method, "/clarify/gates").status_code == 405


def test_no_route_returns_data() -> None:
    from airflow_clarify.plugin.pages import create_app

    assert sorted(route.path for route in create_app().routes) == ["/assets", "/icons", "/{view}"]


def test_every_static_file_is_in_the_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        shipped = {name for name in wheel.namelist() if name.startswith("airflow_clarify/plugin/static/")}
    there = {path.relative_to(PROJECT).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    assert shipped == there
    assert {"index.html", "built-from.json"} <= {Path(name).name for name in shipped}


@pytest.mark.parametrize(
    ("setting", "places"),
    [
        (None, ["nav", "dag", "task_instance"]),
        ("dag", ["dag"]),
        ("task_instance, NAV", ["nav", "task_instance"]),
        ("none", []),
        ("", []),
    ],
)
def test_a_setting_hides_the_page(setting: str | None, places: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_clarify.plugin import is_task_tab_shown, read_shown_views

    if setting is not None:
        monkeypatch.setenv("AIRFLOW__CLARIFY__BIAS_PAGE", setting)
    assert read_shown_views() == places
    assert is_task_tab_shown() == ("task_instance" in places)
