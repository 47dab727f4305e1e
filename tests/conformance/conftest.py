"""Says what was compared, also when all is well."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from test_conformance import DATASETS, SEED, seen

    if seen:
        terminalreporter.section("conformance with smclarify")
        terminalreporter.write_line(f"{DATASETS} random datasets, CLARIFY_CONFORMANCE_SEED={SEED} repeats them")
        terminalreporter.write_line(", ".join(f"{what}: {times}" for what, times in sorted(seen.items())))
