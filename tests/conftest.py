"""Prepare all tests: a separate Airflow home, no cloud account, repeatable random data, and shared servers."""

from __future__ import annotations

import functools
import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from run_folder import locked, run_folder
from scheduling import FileScheduling, get_unit, sort_by_cost

if TYPE_CHECKING:
    from airflow_services import AirflowServices

# Airflow reads its configuration when it is first imported, so all of this comes before anything of Airflow's. What a
# developer has set up for an Airflow of theirs, or for AWS, must neither help nor be touched.
for name in list(os.environ):
    if name.startswith(("AIRFLOW_", "AWS_")):
        del os.environ[name]

AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="airflow-clarify-tests-"))
(AIRFLOW_HOME / "dags").mkdir()
os.environ.update(
    AIRFLOW_HOME=str(AIRFLOW_HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(AIRFLOW_HOME / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    # Tests use the same IDs for different DAGs, which are written to the database within seconds.
    AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL="0",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    AWS_DEFAULT_REGION="us-east-1",
)

# Each of the many processes that tests start would compile all that it imports, which takes several times as long.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell has its background processes ignore Ctrl-C, and they hand that on. Tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Time limits on single examples only measure how busy the machine is. Few examples are enough for a change, because
# each run of the tests generates others; `make test-thorough` searches.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=16)
# The same examples each time.
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, print_blob=True)
# For other environments and for the inner loop.
settings.register_profile("brief", parent=settings.get_profile("ci"), max_examples=10)
settings.register_profile("thorough", parent=settings.get_profile("dev"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_collection_finish() -> None:
    # Airflow, pandas and others have filled the memory with objects that stay. Without this, each full garbage
    # collection visits all of them.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_unconfigure() -> None:
    gc.unfreeze()
    # What is logged at exit goes to a stream that is closed by then; the complaints about it would bury the summary.
    logging.raiseExceptions = False
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling | None:
    """Give whole files to processes, and files that share an expensive server to the same process."""
    return FileScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest, and skip comparisons whose other side is not installed."""
    sort_by_cost(items)
    for item in items:
        for mark in item.iter_markers("conformance"):
            variable = mark.args[0] if mark.args else "CLARIFY_ORACLE_PYTHON"
            if not os.environ.get(variable):
                why = f"compares with what others compute: `make conformance` (sets {variable})"
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The folder of this session's Airflow; it is removed at the end."""
    return AIRFLOW_HOME


@pytest.fixture(scope="session")
def airflow_db(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the metadata database of this process: a copy of one that is migrated once for all processes."""
    database = airflow_home / "airflow.db"
    with locked(run_folder(tmp_path_factory) / "metadata") as folder:
        migrated = folder / "airflow.db"
        if not migrated.exists():
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"`airflow db migrate` failed:\n{done.stdout}\n{done.stderr}"
            shutil.copy(database, migrated)
    shutil.copy(migrated, database)
    _share_api_server()
    return database


def _share_api_server() -> None:
    """Let all tasks that run in this process share an API server, as in Airflow 3.3; 3.1 and 3.2 build many."""
    from airflow.sdk.execution_time import supervisor

    build = supervisor.in_process_api_server
    supervisor.in_process_api_server = build if hasattr(build, "cache_info") else functools.cache(build)


_shared = ExitStack()


@pytest.fixture(scope="session")
def shared_airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServices]:
    """Provide a running Airflow; `scheduling.UNITS` gives the files that use it to the same process."""
    from airflow_services import airflow_services

    home = tmp_path_factory.mktemp("shared-airflow")
    (home / "dags").mkdir()
    with _shared:
        yield _shared.enter_context(airflow_services(home, home / "dags"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the shared Airflow after its last test, rather than at the end of the run: idle services need time too."""
    if nextitem is None or get_unit(item.nodeid) != get_unit(nextitem.nodeid):
        _shared.close()


@pytest.fixture(autouse=True)
def _database_for_the_airflow_mark(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("airflow"):
        request.getfixturevalue("airflow_db")
