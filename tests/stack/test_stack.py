"""The stack works: it comes up, is seeded, runs the SageMaker lab, and shows it to whoever logs in."""

from __future__ import annotations

import json
import re
import shlex
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from airflow_services import AirflowServices
from browser import CHROMIUM, browser
from compose_file import PROJECT
from stack_on_docker import DockerStack
from stack_on_loopback import PATIENCE, Stack

from airflow_clarify import Analysis

# The first test waits for the start, the second for the lab: on a machine that does much else, for minutes.
pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

DAG = "clarify_on_sagemaker"
#: For people to look at; it is not kept in the repository.
SCREENSHOTS = PROJECT / "out" / "stack"
STAND_IN = "http://127.0.0.1:4600/_stand_in"


class Lab:
    """The lab in the stack, which was seeded and run once.

    :param stack: the stack
    """

    def __init__(self, stack: Stack | DockerStack) -> None:
        self.stack = stack
        self.seeded = stack.run("seed")
        self.url = f"http://127.0.0.1:{stack.ports[8080]}"
        self.password = self.key("admin_password")
        # Its folder only serves messages: the services are the stack's.
        self.airflow = AirflowServices(stack.folder, self.url, {}, _token=log_in(self.url, self.password))
        # As the button in the UI does: the DAG's own parameters.
        self.run_id = self.airflow.trigger(DAG)
        run = f"dags/{DAG}/dagRuns/{self.run_id}"
        ended = ("success", "failed")
        self.airflow.until(
            lambda: self.airflow.call("GET", run)["state"] in ended, "the lab has ended", PATIENCE, self.now
        )

    def now(self) -> str:
        """Where its tasks are."""
        return str(self.states())

    def states(self) -> dict[str, str]:
        """The states of the run's tasks."""
        found = self.airflow.call("GET", f"dags/{DAG}/dagRuns/{self.run_id}/taskInstances")["task_instances"]
        return {one["task_id"]: one["state"] for one in found}

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        return self.airflow.xcom(DAG, self.run_id, task_id, key)

    def key(self, name: str) -> str:
        """What a file of keys holds."""
        return self.stack.read_volume("keys")[name]

    def s3(self) -> Any:
        """A client of the stack's S3, from outside."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.stack.ports[8333]}",
            aws_access_key_id=self.key("s3_access_key"),
            aws_secret_access_key=self.key("s3_secret_key"),
            region_name="us-east-1",
        )


def log_in(url: str, password: str) -> str:
    request = urllib.request.Request(
        f"{url}/auth/token",
        method="POST",
        data=json.dumps({"username": "admin", "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        token: str = json.loads(answer.read())["access_token"]
    return token


@pytest.fixture(scope="module")
def lab(stack: Stack | DockerStack) -> Lab:
    return Lab(stack)


def test_everything_that_runs_on_has_called_itself_healthy(stack: Stack | DockerStack) -> None:
    running = {name for name, service in stack.compose.services.items() if not service.is_one_shot}
    assert all(stack.is_healthy(name) for name in running)
    if isinstance(stack, DockerStack):
        return
    assert stack.health_checks.keys() == running
    # A check that never fails would be none: before the services were up, these have said so.
    assert all(stack.health_checks[name] > 1 for name in ("s3", "api-server", "scheduler"))


def test_the_lab_runs(lab: Lab) -> None:
    assert set(lab.states().values()) == {"success"}, lab.states()
    unbalanced, balanced = (Analysis.from_xcom(lab.xcom(task_id)) for task_id in ("unbalanced", "balanced"))
    trend = unbalanced.facets[0].result("Trend")
    assert trend is not None
    assert {metric.name: metric.value for metric in trend.metrics}["DPL"] == pytest.approx(
        0.11004222980605016, abs=1e-12
    )
    assert (unbalanced.rows, balanced.rows) == (22_626, 486)
    assert lab.xcom("gate", "verdict")["outcome"] == "violation"
    assert lab.xcom("gate_after", "verdict")["outcome"] == "pass"
    assert lab.xcom("train")["rows"] == 486


def test_the_jobs_were_waited_for_by_the_triggerer(lab: Lab) -> None:
    for task_id in ("unbalanced", "balanced"):
        path = f"dags/{DAG}/dagRuns/{lab.run_id}/taskInstances/{task_id}/logs/1"
        said = json.dumps(lab.airflow.call("GET", path))
        # It has a file of its own, in the volume that the api-server reads.
        assert f"task_id={task_id}/attempt=1.log.trigger." in said
        assert "Pausing task as DEFERRED" in said


def test_reports_are_in_s3_which_asks_for_keys(lab: Lab) -> None:
    folder = Analysis.from_xcom(lab.xcom("unbalanced")).outputs["analysis"].removeprefix("s3://my-bucket/")
    key = f"{folder.rpartition('/')[0]}/report.html"
    report = lab.s3().get_object(Bucket="my-bucket", Key=key)["Body"].read()
    assert b"violation" in report.lower()
    for path in ("my-bucket/data/reviews.csv", f"my-bucket/{key}"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{lab.stack.ports[8333]}/{path}", timeout=30)


def test_every_example_is_loaded(lab: Lab) -> None:
    assert lab.airflow.call("GET", "importErrors")["import_errors"] == []
    files = {Path(one["fileloc"]).name for one in lab.airflow.call("GET", "dags")["dags"]}
    assert files == {file.name for file in (PROJECT / "dags").glob("*.py") if "DAG(" in file.read_text()}


def test_nobody_gets_in_without_the_password(lab: Lab) -> None:
    for path in ("api/v2/dags", f"api/v2/dags/{DAG}/dagRuns", "api/v2/connections"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{lab.url}/{path}", timeout=30)
    for wrong in ("admin", "airflow", lab.password[:-1]):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            log_in(lab.url, wrong)


def test_the_commands_of_the_documentation_work(lab: Lab) -> None:
    page = (PROJECT / "docs" / "stack.md").read_text()
    commands = [shlex.split(line) for line in re.findall(r"^docker compose exec (.+)$", page, re.MULTILINE)]
    printed = {" ".join(command): lab.stack.execute(command[0], command[1:]) for command in commands}
    assert printed["api-server cat /var/stack/keys/admin_password"] == lab.password
    assert len(printed) == 5
    # The fault that one of them asks for is gone with the last.
    assert json.loads(lab.stack.execute("sagemaker", ["curl", "-s", f"{STAND_IN}/faults"])) == {"calls": [], "jobs": []}


def test_keys_are_nowhere_else(lab: Lab) -> None:
    """Neither in what the services print, which `docker compose logs` shows, nor in logs of tasks, nor in commands."""
    names = {"s3.json", "database_url", "s3_access_key"}
    secrets = {name: content for name, content in lab.stack.read_volume("keys").items() if name not in names}
    written = lab.stack.printed()
    written |= {name: text for name, text in lab.stack.read_volume("logs").items() if ".log" in name}
    # Each service's, and one of each of the seven tasks, at least.
    assert len(written) >= len(lab.stack.compose.services) + 7
    for file, content in written.items():
        assert [name for name, secret in secrets.items() if secret in content] == [], file
    for command in lab.stack.commands.values():
        assert not [name for name, secret in secrets.items() if secret in " ".join(command)]


def test_what_is_run_again_changes_nothing(lab: Lab) -> None:
    """`docker compose up` runs the one-shots each time."""
    before = lab.stack.read_volume("keys")
    lab.stack.run("keys")
    lab.stack.run("init")
    assert lab.stack.run("seed") == lab.seeded
    assert lab.stack.read_volume("keys") == before
    assert log_in(lab.url, lab.password)
    assert set(lab.states().values()) == {"success"}


def test_an_s3_that_was_killed_comes_back_with_what_it_held(lab: Lab) -> None:
    before = lab.s3().list_objects_v2(Bucket="my-bucket")["KeyCount"]
    lab.stack.kill_and_restart("s3")
    assert lab.s3().list_objects_v2(Bucket="my-bucket")["KeyCount"] == before
    reviews = lab.s3().get_object(Bucket="my-bucket", Key="data/reviews.csv")["Body"].read()
    assert reviews.count(b"\n") == 22_627


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium, which looks at the UI")
def test_the_ui_shows_the_lab_to_whoever_logs_in(lab: Lab) -> None:
    with browser() as page:
        page.open(lab.url)
        page.type_into("input[name=username]", "admin")
        page.type_into("input[name=password]", lab.password)
        page.keep_screenshot(SCREENSHOTS / "login.png")
        page.click("button[type=submit]")
        page.wait_for("location.pathname.indexOf('login') < 0 && document.body.innerText.indexOf('Dags') >= 0")
        page.open(f"{lab.url}/dags/{DAG}/runs/{lab.run_id}")
        page.wait_for("['make_reviews', 'gate_after', 'Success'].every(t => document.body.innerText.indexOf(t) >= 0)")
        assert "Failed" not in page.text()
        page.keep_screenshot(SCREENSHOTS / "lab.png")


def test_what_was_run_is_what_the_file_says(stack: Stack | DockerStack) -> None:
    if isinstance(stack, DockerStack):
        pytest.skip("containers have paths and addresses of their own")
    for name, command in stack.commands.items():
        service = stack.compose.services[name]
        assert Path(command[0]).name == (service.command or ["postgres"])[0]
        said = " ".join(command)
        assert "0.0.0.0" not in said
        # No path of a container is left, which on this machine would be somebody else's.
        assert not re.search(r"(?<![\w/.])/(?:opt/airflow|opt/stack|opt/tools|var/stack)\b", said)
