"""Report what was compared, also if all tests pass."""

from __future__ import annotations

from collections.abc import Mapping

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    import test_conformance
    import test_sagemaker_sdk

    def tell(title: str, first: str, seen: Mapping[str, int]) -> None:
        if seen:
            terminalreporter.section(title)
            terminalreporter.write_line(f"{first}, CLARIFY_CONFORMANCE_SEED={test_conformance.SEED} repeats them")
            terminalreporter.write_line(", ".join(f"{what}: {times}" for what, times in sorted(seen.items())))

    tell("conformance with smclarify", f"{test_conformance.DATASETS} random datasets", test_conformance.seen)
    random = f"{test_sagemaker_sdk.CONFIGURATIONS} random configurations"
    tell("conformance with the SageMaker SDK", random, test_sagemaker_sdk.seen)
