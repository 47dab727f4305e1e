"""What only a Docker engine shows: the build, users and rights, the network, and what is restarted."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_file import PROJECT
from stack_on_docker import DockerStack, stand_on_stand_ins
from stand_in_images import docker, make_stand_ins

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1800)]

#: The number of the user airflow in Airflow's image.
USER = "50000"


def ours(stack: DockerStack) -> list[str]:
    """The services that run our image and go on."""
    return [
        service.name
        for service in stack.compose.services.values()
        if not service.is_one_shot and service.image.startswith("airflow-clarify")
    ]


def test_containers_of_ours_run_as_their_user_without_capabilities(stack: DockerStack) -> None:
    for name in ours(stack):
        status = stack.execute(name, ["cat", "/proc/1/status"])
        found = dict(re.findall(r"^(Uid|Gid|CapEff|CapPrm|CapBnd|NoNewPrivs):\s+(\S+)", status, re.MULTILINE))
        nothing = "0" * 16
        assert found == {
            "Uid": USER,
            "Gid": "0",
            "CapEff": nothing,
            "CapPrm": nothing,
            "CapBnd": nothing,
            "NoNewPrivs": "1",
        }


def test_keys_are_read_by_their_user_only_and_written_by_nobody(stack: DockerStack) -> None:
    listed = stack.execute("scheduler", ["find", "/var/stack/keys", "-type", "f", "-printf", "%U %m\n"])
    assert set(listed.splitlines()) == {f"{USER} 600"}
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.execute("scheduler", ["touch", "/var/stack/keys/fernet_key"])


def test_the_project_is_read_only_in_containers(stack: DockerStack) -> None:
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.execute("scheduler", ["touch", "/opt/airflow/dags/written_by_a_test.py"])
    assert not (PROJECT / "dags" / "written_by_a_test.py").exists()


def test_no_secret_is_in_what_docker_shows(stack: DockerStack) -> None:
    secrets = [content for name, content in stack.read_volume("keys").items() if not name.startswith("s3.json")]
    for service in stack.compose.services.values():
        if not service.is_on_demand:
            shown = json.dumps(stack.inspect(service.name))
            assert not [secret for secret in secrets if secret in shown], service.name


def test_services_find_each_other_and_only_two_ports_are_on_the_host(stack: DockerStack) -> None:
    assert stack.execute("scheduler", ["curl", "--silent", "http://sagemaker:4600/_stand_in/health"])
    published = {
        (name, port, each["HostIp"])
        for name in (*ours(stack), "postgres")
        for port, bound in stack.inspect(name)["NetworkSettings"]["Ports"].items()
        for each in bound or []
    }
    assert published == {("s3", "8333/tcp", "127.0.0.1"), ("api-server", "8080/tcp", "127.0.0.1")}
    outside = socket.gethostbyname(socket.gethostname())
    if not outside.startswith("127."):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((outside, stack.ports[8080]), timeout=5)


def test_health_checks_are_cheap(stack: DockerStack) -> None:
    """They run every ten seconds for as long as the stack is up; to start an Airflow takes seconds of CPU time."""
    for name in ours(stack):
        check = stack.compose.services[name].health_check
        seconds = stack.execute(name, ["bash", "-c", 'TIMEFORMAT="%U %S"; { time "$@" >/dev/null; } 2>&1', "-", *check])
        assert sum(map(float, seconds.split())) < 0.5, (name, seconds)


def test_every_container_that_is_killed_comes_back(stack: DockerStack) -> None:
    for name in (*ours(stack), "postgres"):
        stack.kill_and_restart(name)
    for name in (*ours(stack), "postgres"):
        stack.wait_until_healthy(name)
    # And they work together again.
    assert "is ready to be started" in stack.run("seed")


def test_a_change_of_the_source_installs_the_package_and_nothing_else(stack: DockerStack, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    kept = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "build", "out", "ui", "tests", "docs")
    shutil.copytree(PROJECT, copy, ignore=kept)
    shutil.copy(PROJECT / ".dockerignore", copy)
    (copy / "airflow_clarify" / "changed_by_a_test.py").write_text("")
    said = stack.build_copy(copy)
    steps = re.split(r"\n(?=#\d+ \[)", said)
    (dependencies,) = [step for step in steps if "--group demo" in step]
    number = re.match(r"#(\d+) ", dependencies)
    assert number
    assert re.search(rf"^#{number[1]} CACHED", said, re.MULTILINE)
    assert "Installing collected packages: airflow-clarify\n" in said
    assert not re.search(r"\bDownloading ", said)


@pytest.fixture(scope="module")
def job_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of container/Dockerfile."""
    make_stand_ins()
    folder = tmp_path_factory.mktemp("image")
    name = "airflow-clarify-test-job:1"
    (folder / "Dockerfile").write_text(stand_on_stand_ins((PROJECT / "container" / "Dockerfile").read_text()))
    build = {"context": str(PROJECT), "dockerfile": f"{folder}/Dockerfile"}
    # Compose brings its own builder, which `docker build` may lack.
    (folder / "compose.yaml").write_text(json.dumps({"services": {"job": {"image": name, "build": build}}}))
    DockerStack.run_compose(folder, ["--file", str(folder / "compose.yaml"), "build"])
    yield name
    docker("image", "rm", name)


def test_the_image_of_a_processing_job_measures(job_image: str, tmp_path: Path) -> None:
    for part in ("input/config", "input/data", "output"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "output").chmod(0o777)
    tmp_path.chmod(0o755)
    (tmp_path / "input/data/data.csv").write_text("y,g\n" + "yes,a\nno,a\nyes,b\nyes,b\n" * 5)
    config = {
        "dataset_type": "text/csv",
        "label": "y",
        "label_values_or_threshold": ["yes"],
        "facet": [{"name_or_index": "g", "value_or_threshold": ["a"]}],
        "methods": {"pre_training_bias": {"methods": ["DPL"]}},
    }
    (tmp_path / "input/config/analysis_config.json").write_text(json.dumps(config))
    mount = f"{tmp_path}:/opt/ml/processing"
    # As hardened as an engine can make it: no rights, no network, nothing to write to but the output and /tmp.
    hardened = ["--network=none", "--cap-drop=ALL", "--read-only", "--tmpfs=/tmp"]
    docker("run", "--rm", *hardened, "--volume", mount, job_image)
    analysis = json.loads((tmp_path / "output/analysis.json").read_text())
    (facet,) = analysis["pre_training_bias_metrics"]["facets"]["g"]
    assert {metric["name"]: metric["value"] for metric in facet["metrics"]} == {"DPL": pytest.approx(0.5)}
    ended = subprocess.run(["docker", "run", "--rm", job_image], capture_output=True, text=True, check=False)
    assert ended.returncode == 2, "without a configuration it is a mistake of its caller, told in a line"
    assert len(ended.stderr.strip().splitlines()) == 1
