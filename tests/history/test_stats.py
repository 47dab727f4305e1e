"""Verdicts in Airflow's metrics: a real StatsD client sends them to a socket of this machine."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from history_factories import make_context, make_night

from airflow_clarify import BiasGateOperator, Thresholds
from airflow_clarify.exceptions import UnfitDataError
from airflow_clarify.operators import _stats
from airflow_clarify.operators._not_judged import record_failed_gate


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Configure Airflow to send its metrics to a socket, as its settings do."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        settings = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(server.getsockname()[1])}
        for name, value in settings.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        initialize_stats()
        yield server
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "False")
        initialize_stats()


def initialize_stats() -> None:
    """Initialize Airflow's metrics from its settings, as the process of a task does."""
    stats = _stats._import_stats()
    try:
        from airflow.sdk.observability.metrics import stats_utils
    except ImportError:  # Airflow 3.1, whose metrics initialize themselves
        stats.instance = None
        if hasattr(type(stats), "factory"):
            del type(stats).factory
        type(stats).__init__(stats)
        return
    try:
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
    except TypeError:  # Airflow 3.2
        stats.initialize(factory=stats_utils.get_stats_factory(stats))


def receive(server: socket.socket, last: str) -> list[str]:
    """Receive lines until one begins with a name."""
    lines: list[str] = []
    while not any(line.startswith(last) for line in lines):
        lines += server.recv(65536).decode().splitlines()
    return lines


class _Log:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, message: str, *arguments: object) -> None:
        self.warnings.append(message % arguments)


def send(difference: float, context: Any) -> list[str]:
    """Send the verdict on a night, and return the warnings."""
    log: Any = _Log()
    verdict = Thresholds({"DPL": 0.1, "CI": 0.9}).judge(make_night(0, difference))
    _stats.send_verdicts(context, [verdict], log)
    return log.warnings


@pytest.mark.parametrize(("difference", "outcome", "passed"), [(0.3, "violation", 0), (0.0, "pass", 1)])
def test_a_verdict_is_sent_under_both_names(
    statsd: socket.socket, difference: float, outcome: str, passed: int
) -> None:
    send(difference, make_context(0, "checks.gate"))
    lines = receive(statsd, "airflow.clarify.worst.watch.checks__gate.CI.g:")

    assert "airflow.clarify.verdict:1|c" in lines
    assert f"airflow.clarify.verdict.watch.checks__gate.{outcome}:1|c" in lines
    assert f"airflow.clarify.passed.watch.checks__gate:{passed}|g" in lines
    (worst,) = (line for line in lines if line.startswith("airflow.clarify.worst.watch.checks__gate.DPL.g:"))
    assert abs(float(re.findall(r":(.*)\|g", worst)[0]) - difference) < 0.1


def test_a_gate_that_cannot_judge_is_counted(statsd: socket.socket) -> None:
    gate = BiasGateOperator(task_id="gate", analysis="analysis.json", thresholds={"DPL": 0.1})
    record_failed_gate(gate, make_context(0, "gate"), [], UnfitDataError("no rows"))
    lines = receive(statsd, "airflow.clarify.passed.watch.gate:")

    assert "airflow.clarify.verdict.watch.gate.not_judged:1|c" in lines
    assert "airflow.clarify.passed.watch.gate:0|g" in lines


def test_metrics_that_cannot_be_sent_do_not_fail_the_task() -> None:
    assert send(0.0, {}) == ["The verdict was not sent to Airflow's metrics (KeyError: 'ti')"]
