"""One start of the stack for all that looks at it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from stack_on_docker import DockerStack, stack_on_docker
from stack_on_loopback import Stack, stack_on_loopback

#: Whether the stack runs in containers, which `make test-stack` asks for.
ON_DOCKER = os.environ.get("CLARIFY_STACK_ENGINE") == "docker"

collect_ignore = [] if ON_DOCKER else ["test_on_docker.py"]


# On loopback one file uses the stack, and services that nobody uses would slow the other tests.
@pytest.fixture(scope="session" if ON_DOCKER else "module")
def stack() -> Iterator[Stack | DockerStack]:
    with stack_on_docker() if ON_DOCKER else stack_on_loopback() as up:
        yield up
