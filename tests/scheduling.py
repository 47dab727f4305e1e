"""Distribute test files over the processes of pytest-xdist, so that all of them are busy until the end."""

from __future__ import annotations

import pytest

try:
    from xdist.scheduler.loadscope import LoadScopeScheduling
except ImportError:  # Without pytest-xdist there is one process.
    LoadScopeScheduling = object

#: Files that run in the same process, because they share a server that is expensive to start.
UNITS: dict[str, tuple[str, ...]] = {
    "airflow services": (
        "tests/sagemaker/test_with_real_services.py",
        "tests/dags/test_bias_waiver.py",
        "tests/dags/test_warehouse_partition_watch.py",
    ),
}
UNIT_OF_FILE = {file: unit for unit, files in UNITS.items() for file in files}

#: Files that run one after the other in one process, because each starts several services. Together they would compete
#: for the cores, and wait for each other's services for longer than all of them take in turn.
SERVICE_FILES = (
    *UNITS["airflow services"],
    "tests/plugin/test_in_browser.py",
    "tests/stack/test_stack.py",
)

#: The files that take longest, mostly because they wait for servers. They start first: a file that starts last is
#: waited for by all other processes.
LONGEST = (
    *SERVICE_FILES,
    "tests/spark/test_spark_engine.py",
    "tests/spark/test_spark_bias_gate.py",
    "tests/spark/test_cluster.py",
    "tests/sagemaker/test_operator_in_airflow.py",
    "tests/cli/test_main.py",
    "tests/sagemaker/test_engine.py",
    "tests/databases/test_rendering.py",
    "tests/engines/test_count.py",
    "tests/engines/test_sample.py",
    "tests/cli/test_sagemaker_job.py",
    "tests/test_imports.py",
    "tests/databases/test_column_types.py",
    "tests/databases/test_sql_engine.py",
    "tests/test_killed_runs.py",
    "tests/lineage/test_openlineage_in_airflow.py",
    "tests/reports/test_notebook.py",
    "tests/databases/test_balance_in_databases.py",
    "tests/reports/test_report_files.py",
    "tests/databases/test_same_in_databases.py",
    "tests/engines/test_bad_input.py",
    "tests/engines/test_source.py",
    "tests/engines/test_same_everywhere.py",
    "tests/docs/test_docs_pages.py",
)


class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Run all tests of a file, and of the files that it shares servers or cores with, in the same process."""

    def _split_scope(self, nodeid: str) -> str:
        unit = get_unit(nodeid)
        return "service files" if unit in SERVICE_FILES or unit in UNITS else unit


def get_unit(nodeid: str) -> str:
    """Return the unit of a test: the name of a group of files, or the test's file."""
    file = nodeid.partition("::")[0]
    return UNIT_OF_FILE.get(file, file)


def sort_by_cost(items: list[pytest.Item]) -> None:
    """Sort tests by file, the longest first."""
    costly = {item.path for item in items if item.get_closest_marker("server") or item.get_closest_marker("slow")}
    rank = {file: number for number, file in enumerate(LONGEST)}

    def key(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        return rank.get(file, len(rank) if item.path in costly else len(rank) + 1)

    items.sort(key=key)
