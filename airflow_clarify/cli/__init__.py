"""The command line: arguments, what they mean, and the processes they run in."""

from __future__ import annotations

from airflow_clarify.cli.main import main

__all__ = ["main"]
