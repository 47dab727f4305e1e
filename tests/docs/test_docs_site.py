"""The pages are built without a warning, and neither building nor reading them needs a network."""

from __future__ import annotations

import html.parser
import importlib.util
import inspect
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from docs_pages import DOCS, PROJECT, blocks_of
from docs_reader import load_dags

import airflow_clarify
from airflow_clarify import BiasConfig, DataConfig, analyze
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.cli.main import COMMANDS
from airflow_clarify.get_provider_info import get_provider_info

needs_sphinx = pytest.mark.skipif(
    importlib.util.find_spec("myst_parser") is None, reason="Sphinx is not installed here; the group `docs` has it"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    folder = tmp_path_factory.mktemp("site")
    began = time.monotonic()
    # In an environment without a way out, so that a page which needs the network fails here and not on a train.
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin"}
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", str(DOCS), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=nowhere,
    )
    assert built.returncode == 0, built.stderr
    assert time.monotonic() - began < 60
    return folder


class _Page(html.parser.HTMLParser):
    """Collect the files that a browser would fetch for a page, and the ids of its entries."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids.add(given.get("id") or "")
        if tag in ("script", "img", "iframe", "source", "video", "embed", "audio"):
            self.fetched.append(given.get("src") or "")
        if tag == "link" and given.get("rel") not in ("canonical", "search", "next", "prev", "index"):
            self.fetched.append(given.get("href") or "")


def _pages(site: Path) -> Iterator[tuple[Path, _Page]]:
    for path in sorted(site.rglob("*.html")):
        yield path, _Page(path.read_text())


@needs_sphinx
def test_reading_the_pages_fetches_nothing_from_elsewhere(site: Path) -> None:
    for path, page in _pages(site):
        outside = [link for link in page.fetched if re.match(r"(\w+:)?//", link)]
        assert not outside, f"{path.name}: {outside}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.read_text()), style.name


@needs_sphinx
def test_formulas_are_drawn_without_a_script(site: Path) -> None:
    metrics = (site / "metrics.html").read_text()
    assert metrics.count("<math") > len(METRICS)
    assert not [link for link in _Page(metrics).fetched if "math" in link.lower()]


@needs_sphinx
def test_every_public_name_has_an_entry(site: Path) -> None:
    entries = {name for _, page in _pages(site) for name in page.ids}
    missing = {f"airflow_clarify.{name}" for name in airflow_clarify.__all__ if name != "__version__"} - entries
    assert not missing


@pytest.mark.parametrize("name", [name for name in airflow_clarify.__all__ if name != "__version__"])
def test_every_parameter_is_explained(name: str) -> None:
    named = getattr(airflow_clarify, name)
    explained = set(re.findall(r":param (\w+):", inspect.getdoc(named) or ""))
    parameters = inspect.signature(named).parameters.values()
    given = {one.name for one in parameters if one.kind is not one.VAR_KEYWORD}
    assert not given - explained


@needs_sphinx
def test_the_pages_contain_no_paths_of_the_build_machine(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert str(PROJECT) not in path.read_text(), path.name


def test_every_setting_of_airflow_is_explained() -> None:
    page = (DOCS / "operations.md").read_text()
    for section, of_section in get_provider_info()["config"].items():
        for option in of_section["options"]:
            assert f"`{option}`" in page, f"[{section}] {option}"


def test_the_bounds_of_the_requirements_are_those_of_the_package() -> None:
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    (listed,) = [block.text.split() for block in blocks_of(DOCS / "installing.md") if "apache-airflow>=" in block.text]
    assert sorted(listed) == sorted(wanted)


def test_the_commands_that_build_the_image_are_those_of_its_dockerfile() -> None:
    def shown(file: Path) -> list[str]:
        """List the commands, each in one line, also those in comments."""
        whole = re.sub(r"\\\n#? *", "", file.read_text())
        return re.findall(r"docker build .*|aws ecr .*", whole)

    assert shown(DOCS / "closed.md") == shown(PROJECT / "container" / "Dockerfile") != []


@pytest.mark.airflow
def test_the_event_of_passed_data_contains_the_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from dag_runs import run
    from sqlalchemy import select

    (block,) = [block for block in blocks_of(DOCS / "gate.md") if "asset_on_pass" in block.text]
    file = tmp_path / "checked.py"
    file.write_text(block.text.replace("s3://my-bucket", str(tmp_path)))
    dags = {dag.dag_id: dag for dag in load_dags(file)}
    (tmp_path / "reviews.csv").write_text("product_category,sentiment\n" + "Knits,1\nKnits,0\nTrend,1\nTrend,0\n" * 25)
    analysis = analyze(
        DataConfig(str(tmp_path / "reviews.csv"), label="sentiment"),
        BiasConfig([1], "product_category"),
        methods=["DPL"],
    )
    found = tmp_path / "bias" / "2026-01-02" / "analysis.json"
    found.parent.mkdir(parents=True)
    found.write_text(analysis.to_clarify_json())

    assert run(dags["check"], datetime(2026, 1, 2, tzinfo=UTC)).state == "success"

    with create_session() as session:
        extra = session.scalars(select(AssetEvent.extra).where(AssetEvent.source_dag_id == "check")).one()
    train = dags["train"].get_task("train").python_callable
    train(triggering_asset_events={"checked_reviews": [SimpleNamespace(extra=extra)]})
    assert "Training on 2026-01-02, where DPL is 0.00 at worst: passed" in capsys.readouterr().out


def test_every_metric_is_explained() -> None:
    headings = re.findall(r"^### (\w+)", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(METRICS)
    headings = re.findall(r"^### (\w+)", (DOCS / "model-metrics.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(ALL_METRICS.keys() - METRICS.keys())


def test_every_option_of_the_command_line_is_explained() -> None:
    page = (DOCS / "command-line.md").read_text()
    for command in COMMANDS:
        shown = subprocess.run(
            [sys.executable, "-m", "airflow_clarify.cli", command, "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", shown.stdout.split("examples:")[0])) - {"--help"}:
            assert f"`{option}" in page, f"{command} {option}"
