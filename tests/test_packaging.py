"""The built distributions, and what Airflow finds in them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

import airflow_clarify
from airflow_clarify.get_provider_info import get_provider_info

CONSTRAINTS = ("constraints-dev.txt", "constraints-oldest.txt", "constraints-airflow-3.2.txt")
PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "airflow_clarify"

# The lists of provider info, each named like the sub-package it is about, and what the classes in there are.
MODULE_LISTS = {
    "operators": "BaseOperator",
    "sensors": "BaseSensorOperator",
    "hooks": "BaseHook",
    "triggers": "BaseTrigger",
}


def listed_modules(info: dict[str, Any], kind: str) -> list[str]:
    return [module for entry in info.get(kind, []) for module in entry["python-modules"]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_the_version_is_written_once(metadata: Message) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    assert "version" not in project
    assert metadata["Version"] == airflow_clarify.__version__
    assert get_provider_info()["versions"] == [airflow_clarify.__version__]


def test_the_changelog_has_the_version() -> None:
    assert f"## [{airflow_clarify.__version__}]" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_wheel_is_complete_and_typed(wheel: zipfile.ZipFile) -> None:
    shipped = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    ours = {
        str(path.relative_to(PROJECT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == ours
    assert "airflow_clarify/py.typed" in shipped


def test_the_wheel_carries_its_license(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("/licenses/LICENSE") for name in wheel.namelist())


def test_the_wheel_announces_the_provider_and_the_command(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    entry_points = wheel.read(name).decode()

    assert "airflow_clarify.get_provider_info:get_provider_info" in entry_points
    assert "airflow-clarify = airflow_clarify.cli.main:main" in entry_points


def test_the_source_distribution_holds_what_images_are_built_from_and_what_make_runs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]

    needed = {".ci/run", ".dockerignore", "Makefile", "docker-compose.yaml", *CONSTRAINTS}
    for dockerfile in ("container/Dockerfile", "stack/Dockerfile"):
        needed.add(dockerfile)
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", (PROJECT / dockerfile).read_text(), re.MULTILINE):
            needed |= {word for word in line.split() if not word.startswith("--")}
    needed |= set(re.findall(r"\b(?:scripts|benchmarks)/[\w-]+\.\w+", (PROJECT / "Makefile").read_text()))
    assert [one for one in sorted(needed) if not any(f"{name}/".startswith(f"{one}/") for name in names)] == []
    assert [name for name in names if "node_modules" in name or ".venv" in name] == []


def test_provider_info_follows_the_schema_of_airflow() -> None:
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())

    jsonschema.validate(get_provider_info(), schema)


def test_every_listed_module_belongs_to_a_known_integration() -> None:
    info = get_provider_info()
    integrations = {integration["integration-name"] for integration in info["integrations"]}

    assert {entry["integration-name"] for kind in MODULE_LISTS for entry in info.get(kind, [])} <= integrations


def offers(module: ModuleType, base: str) -> bool:
    """Return whether a module defines a public class of this kind."""
    defined_here = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    return any(
        isinstance(value, type) and base in {ancestor.__name__ for ancestor in value.__mro__} for value in defined_here
    )


@pytest.mark.parametrize(("kind", "base"), MODULE_LISTS.items())
def test_provider_info_lists_exactly_the_modules_there_are(kind: str, base: str) -> None:
    names = [f"airflow_clarify.{kind}.{module.name}" for module in pkgutil.iter_modules([str(PACKAGE / kind)])]
    there_are = {
        name
        for name in names
        if not name.endswith((".base", ".measure")) and offers(importlib.import_module(name), base)
    }
    assert set(listed_modules(get_provider_info(), kind)) == there_are


def test_everything_that_provider_info_names_can_be_imported() -> None:
    info = get_provider_info()
    for kind in MODULE_LISTS:
        for module in listed_modules(info, kind):
            importlib.import_module(module)

    classes = [*info["extra-links"], *(entry["hook-class-name"] for entry in info.get("connection-types", []))]
    for path in classes:
        module, _, name = path.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), name), type), path


def test_airflow_finds_the_provider() -> None:
    from airflow.providers_manager import ProvidersManager

    found = ProvidersManager().providers["airflow-clarify"]
    assert found.data["name"] == "Clarify"


def test_every_option_has_its_default_in_the_configuration_of_airflow() -> None:
    from airflow.providers.common.compat.sdk import conf
    from airflow.providers_manager import ProvidersManager

    ProvidersManager().initialize_providers_configuration()
    options = get_provider_info()["config"]["clarify"]["options"]
    assert {option: conf.get("clarify", option) for option in options} == {
        option: declared["default"] for option, declared in options.items()
    }


def test_the_constraints_name_versions_and_nothing_else() -> None:
    for name in CONSTRAINTS:
        pins = [line for line in (PROJECT / name).read_text().splitlines() if line and not line.startswith("#")]
        assert [pin for pin in pins if "==" not in pin or "://" in pin or " @ " in pin] == []


def test_what_airflow_3_2_needs_is_pinned_and_documented() -> None:
    pins = (PROJECT / "constraints-airflow-3.2.txt").read_text().splitlines()
    page = (PROJECT / "docs" / "installing.md").read_text()
    for pin in ("apache-airflow==3.2.2", "fastapi==0.136.3", "svcs==25.1.0"):
        assert pin in pins
        assert pin in page


# --- What a package index shows -----------------------------------------------------------------------------------


def test_the_index_can_show_the_description(wheel: zipfile.ZipFile) -> None:
    assert wheel.filename is not None
    check = [sys.executable, "-m", "twine", "check", "--strict", wheel.filename]
    ran = subprocess.run(check, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_description_stands_by_itself(metadata: Message) -> None:
    description = str(metadata.get_payload())
    assert description.startswith("# airflow-clarify")
    targets = re.findall(r"\]\(([^)\s]+)|<(?:a|img)[^>]*(?:href|src)=[\"']([^\"']+)", description)
    assert not [target for pair in targets for target in pair if target and not target.startswith("https://")]
    assert "![" not in description


def test_authors_and_urls_are_complete_if_given(metadata: Message) -> None:
    for name in ("Author", "Author-email", "Project-URL"):
        for value in metadata.get_all(name, []):
            assert "..." not in value
