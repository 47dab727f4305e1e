"""Command line interface: parser, commands and the SageMaker processing job."""

from __future__ import annotations

from airflow_clarify.cli.main import main

__all__ = ["main"]
