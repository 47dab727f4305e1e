"""Imports go one way: operators and command line, api, artifacts and reports and engines, bias and io."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import airflow_clarify

PACKAGE = Path(airflow_clarify.__file__).parent

#: Rooms from the bottom to the top: a room imports from rooms of a lower line, and from itself.
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
RANK = {room: rank for rank, line in enumerate(LINES) for room in line}
#: Looked up when they are first used, or without any import of ours that counts.
FREE = {"", "_version", "get_provider_info", "engines"}
#: Arrows that still run the wrong way, each to be removed from here when it is gone.
KNOWN: set[tuple[str, str]] = set()


def find_room(module: str) -> str:
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


def find_arrows() -> dict[tuple[str, str], set[str]]:
    arrows: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for imported in list_imports(ast.parse(path.read_text(encoding="utf-8"))):
            source, target = find_room(module), find_room(imported)
            if source != target and not {source, target} & FREE:
                arrows[source, target].add(module)
    return arrows


ARROWS = find_arrows()


def test_every_package_has_a_rule() -> None:
    rooms = {room for arrow in ARROWS for room in arrow}
    assert rooms <= RANK.keys()


@pytest.mark.parametrize("arrow", sorted(ARROWS), ids=" to ".join)
def test_imports_go_downwards(arrow: tuple[str, str]) -> None:
    source, target = arrow
    assert RANK[target] < RANK[source] or arrow in KNOWN, f"{sorted(ARROWS[arrow])} import from {target}"


def test_known_exceptions_still_exist() -> None:
    assert ARROWS.keys() >= KNOWN


@pytest.mark.parametrize(
    ("source", "target"), [("bias", "io"), ("io", "bias"), ("bias", "engines.duckdb"), ("engines.duckdb", "reports")]
)
def test_packages_that_must_not_import_each_other(source: str, target: str) -> None:
    assert (source, target) not in ARROWS
