"""What every test stands on: an Airflow home of its own, no cloud account, and repeatable random data."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    AWS_DEFAULT_REGION="us-east-1",
)

# A shell has its background processes ignore Ctrl-C, and they hand that on. Tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Time limits on single examples only measure how busy the machine is.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time: whoever runs the tests by hand searches further than this.
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True, print_blob=True, max_examples=50)
# For what the full suite has searched already: whether another environment gives the same.
settings.register_profile("brief", parent=settings.get_profile("ci"), max_examples=15)
settings.register_profile("thorough", parent=settings.get_profile("dev"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_unconfigure() -> None:
    # What is logged at exit goes to a stream that is closed by then; the complaints about it would bury the summary.
    logging.raiseExceptions = False
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones; and the mark ``conformance`` may name the variable of the other's Python."""
    # Side by side, whatever is started last is waited for.
    long = {item.path for item in items if item.get_closest_marker("server") or item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)
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
def airflow_db(airflow_home: Path) -> Path:
    """The metadata database, migrated once per session (9 s)."""
    migration = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], capture_output=True, text=True, check=False
    )
    assert migration.returncode == 0, f"`airflow db migrate` failed:\n{migration.stdout}\n{migration.stderr}"
    return airflow_home / "airflow.db"


@pytest.fixture(autouse=True)
def _database_for_the_airflow_mark(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("airflow"):
        request.getfixturevalue("airflow_db")
