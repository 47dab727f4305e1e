"""Create users and run DAGs in process: what the page needs in Airflow's database, without a scheduler.

Called with the file of the DAGs and the address of the api-server; prints the run ids as JSON, in the order of the
runs, as the last line.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request

from airflow_with_bias import ADMIN, PASSWORD, READABLE, READER, SECRET, STALLED

PAGES = ("Website", "DAG Runs", "Task Instances", "XComs", "Plugins", "DAG Versions")


def wait_for_server(url: str, patience: float = 180) -> None:
    """Wait until the api-server answers: while it starts, it creates permissions of its own."""
    end = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5):
                return
        except OSError:
            assert time.monotonic() < end, f"the api-server is not up after {patience} s"
            time.sleep(0.5)


def create_users() -> None:
    """Create an administrator, and a reader who may read every DAG but one."""
    from airflow.providers.fab.www.app import create_app

    app = create_app(enable_plugins=False)
    manager = app.appbuilder.sm
    with app.app_context():
        reader = manager.add_role("reader")
        for action, resource in [
            *(("can_read", page) for page in PAGES),
            *(("menu_access", menu) for menu in ("DAGs", "Plugins")),
            *(("can_read", f"DAG:{dag_id}") for dag_id in READABLE),
        ]:
            manager.add_permission_to_role(reader, manager.create_permission(action, resource))
        for name, role in ((ADMIN, manager.find_role("Admin")), (READER, reader)):
            assert manager.add_user(name, name, "Tester", f"{name}@example.org", role, PASSWORD)


def run_dags(file: str) -> list[tuple[str, str]]:
    """Run each DAG of the page once, and one of them twice.

    :return: DAG and run ids
    """
    from dag_runs import run

    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag

    bag = DagBag(dag_folder=file)
    assert not bag.import_errors, bag.import_errors
    return [(dag_id, run(bag.dags[dag_id]).run_id) for dag_id in (SECRET, *READABLE, STALLED)]


if __name__ == "__main__":
    file, address = sys.argv[1:]
    found = run_dags(file)
    wait_for_server(address)
    create_users()
    print(json.dumps(found))
