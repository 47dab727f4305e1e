"""Run a command of the command line in the process of the test."""

from __future__ import annotations

import pytest
from cli_factories import CommandResult, Run

from airflow_clarify.cli.main import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run_command(*arguments: object) -> CommandResult:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return CommandResult(status, *capsys.readouterr())

    return run_command
