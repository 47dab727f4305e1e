"""Imports go one way: operators and command line, api, artifacts and reports and engines, bias and io."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import airflow_clarify

PACKAGE = Path(airflow_clarify.__file__).parent

#: Packages from the bottom to the top: each imports from packages of a lower line, and from itself.
LINES: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            {"io.redaction"},
            {"exceptions"},
            {"bias", "io"},
            {"engines.base"},
            {"engines.counting"},
            {"engines.duckdb"},
            {"engines.sql"},
            {"engines.spark"},
            {"lineage", "reports"},
            {"artifacts"},
            {"engines.sagemaker"},
            {"history"},
            {"api"},
            {"plugin"},
            {"links", "notifications", "triggers"},
            {"operators"},
            {"sensors", "cli"},
        ),
    )
)
RANK = {package: rank for rank, line in enumerate(LINES) for package in line}
#: Looked up when they are first used, or without any import of ours that counts.
FREE = {"", "_version", "get_provider_info", "engines"}
#: Arrows that still run the wrong way, each to be removed from here when it is gone.
KNOWN: set[tuple[str, str]] = set()


def find_package(module: str) -> str:
    parts = module.split(".")[1:]
    if parts[:1] == ["engines"]:
        return ".".join(parts[:2])
    if parts[:2] == ["io", "redaction"]:
        return "io.redaction"
    return parts[0] if parts else ""


def list_imports(tree: ast.Module) -> set[str]:
    """Modules of the package that a module imports, at its top or inside a function."""
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "airflow_clarify":
            for alias in node.names:
                path = PACKAGE.parent.joinpath(*node.module.split("."), alias.name)
                is_module = path.is_dir() or path.with_suffix(".py").exists()
                imported.add(f"{node.module}.{alias.name}" if is_module else node.module)
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names if alias.name.split(".")[0] == "airflow_clarify"}
    return imported


Arrows = dict[tuple[str, str], set[str]]


@pytest.fixture(scope="module")
def arrows() -> Arrows:
    """The modules that import from another package of ours, by both packages."""
    found: Arrows = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for imported in list_imports(ast.parse(path.read_text(encoding="utf-8"))):
            source, target = find_package(module), find_package(imported)
            if source != target and not {source, target} & FREE:
                found[source, target].add(module)
    return found


def test_every_package_has_a_rule(arrows: Arrows) -> None:
    assert {package for arrow in arrows for package in arrow} <= RANK.keys()


def test_imports_go_downwards(arrows: Arrows) -> None:
    upwards = {
        f"{source} -> {target}": sorted(modules)
        for (source, target), modules in arrows.items()
        if RANK[target] >= RANK[source] and (source, target) not in KNOWN
    }
    assert upwards == {}


def test_known_exceptions_still_exist(arrows: Arrows) -> None:
    assert arrows.keys() >= KNOWN


@pytest.mark.parametrize(
    ("source", "target"), [("bias", "io"), ("io", "bias"), ("bias", "engines.duckdb"), ("engines.duckdb", "reports")]
)
def test_packages_that_must_not_import_each_other(source: str, target: str, arrows: Arrows) -> None:
    assert (source, target) not in arrows
