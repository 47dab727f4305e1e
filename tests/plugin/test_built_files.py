"""Test that the built page is up to date, small, and free of references to the machine that built it."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
UI = PROJECT / "ui"
STATIC = PROJECT / "airflow_clarify" / "plugin" / "static"

LICENSES = "third-party-licenses.md"

pytestmark = pytest.mark.skipif(
    not UI.is_dir(), reason="the sources of the front end are not here, only what was built"
)


def fingerprint() -> str:
    """Compute the hash of the sources, as ui/sources.ts does in a build."""
    names = ["index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts", "sources.ts"]
    paths = [UI / name for name in names]
    paths += [path for folder in ("public", "src") for path in (UI / folder).rglob("*") if path.is_file()]
    whole = hashlib.sha256()
    for name, path in sorted((path.relative_to(UI).as_posix(), path) for path in paths):
        whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def test_the_built_files_are_those_of_the_sources() -> None:
    built = json.loads((STATIC / "built-from.json").read_text())
    assert built["sources_sha256"] == fingerprint(), (
        "the page is older than ui/: run `npm ci && npm run build` in there"
    )


def test_they_are_small_and_complete() -> None:
    scripts = list(STATIC.rglob("*.js"))
    assert sum(path.stat().st_size for path in scripts) < 700_000
    assert list(STATIC.rglob("*.map")) == []
    assert {path.suffix for path in STATIC.rglob("*") if path.is_file()} == {
        *(".css", ".html", ".js", ".json", ".md", ".svg")
    }


def test_they_name_no_other_place() -> None:
    # XML namespaces, addresses in the error messages of libraries, and links that a person may follow. The page itself
    # requests none of them.
    names = (
        "http://www.w3.org/",
        "https://react.dev/errors/",
        "https://github.com/",
        "https://mui.com/",
        "https://bit.ly/",
        "https://console.aws.amazon.com/s3/",
        "https://console.cloud.google.com/storage/browser/",
    )
    for path in STATIC.rglob("*"):
        if not path.is_file() or path.name == LICENSES:
            continue
        text = path.read_text(encoding="utf-8")
        assert [found for found in re.findall(r"https?://[^\s\"'`)\\]+", text) if not found.startswith(names)] == []
        assert "sourceMappingURL" not in text
        assert not re.search(r"/(work|home|root|Users|tmp)/", text)


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((UI / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert name == "" or package.get("link") or package["integrity"].startswith("sha512-"), name


def test_every_version_is_pinned() -> None:
    package = json.loads((UI / "package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert {name: version for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)} == {}


def test_the_licenses_of_what_is_built_in_are_shipped_with_it() -> None:
    licenses = (STATIC / LICENSES).read_text()
    for package in json.loads((UI / "package.json").read_text())["dependencies"]:
        assert f"## {package} - " in licenses, package
    assert licenses.count("Permission is hereby granted") > 10


def test_the_explanations_are_those_of_the_report() -> None:
    script = runpy.run_path(str(PROJECT / "scripts" / "explanations.py"))
    assert script["FILE"].read_text(encoding="utf-8") == script["format_explanations"](), (
        "the page's explanations are out of date: run `make ui`, which runs scripts/explanations.py"
    )
