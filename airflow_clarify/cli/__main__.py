"""Run the command line as ``python -m airflow_clarify.cli``."""

from __future__ import annotations

import sys

from airflow_clarify.cli.main import main

sys.exit(main())
