"""One start of the stack for all that looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stack_on_loopback import Stack, stack_on_loopback


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with stack_on_loopback() as up:
        yield up
