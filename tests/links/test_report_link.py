"""Test the link "Bias report": to the report if a browser can open it, to the tab "Bias" otherwise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_clarify import BiasGateOperator, ClarifyJobSensor
from airflow_clarify.links.report import BiasReportLink, build_task_url, get_report_url


def reported(location: str | None) -> dict[str, Any]:
    return {"analyses": [{"outputs": {} if location is None else {"report": location}}]}


@pytest.mark.parametrize(
    ("location", "address"),
    [
        (
            "s3://bucket/bias/a b/report.html",
            "https://console.aws.amazon.com/s3/object/bucket?prefix=bias/a%20b/report.html",
        ),
        ("s3://my_connection@bucket/report.html", "https://console.aws.amazon.com/s3/object/bucket?prefix=report.html"),
        ("gs://bucket/report.html", "https://console.cloud.google.com/storage/browser/_details/bucket/report.html"),
        ("https://reports.example.org/report.html", "https://reports.example.org/report.html"),
        ("https://ana:secret@reports.example.org/report.html", ""),
        ("/mnt/bias/report.html", ""),
        (None, ""),
    ],
)
def test_the_url_of_a_report(location: str | None, address: str) -> None:
    assert get_report_url(reported(location)) == address
    assert get_report_url({"analyses": []}) == ""


@pytest.mark.parametrize(("map_index", "instance"), [(-1, "gate"), (2, "gate/mapped/2")])
def test_a_report_on_a_disk_is_shown_by_the_tab(map_index: int, instance: str) -> None:
    key: Any = SimpleNamespace(dag_id="loans", run_id="manual__1+2", task_id="gate", map_index=map_index)
    address = build_task_url(key, with_tab=True)
    assert address.endswith(f"/dags/loans/runs/manual__1%2B2/tasks/{instance}/plugin/bias-verdict")
    assert build_task_url(key, with_tab=False).endswith(f"/tasks/{instance}")


def test_gates_and_sensors_have_the_link() -> None:
    gate = BiasGateOperator(task_id="gate", analysis="out/analysis.json", thresholds={"DPL": 0.1})
    for task in (gate, ClarifyJobSensor(task_id="sensor", job_name="job")):
        assert isinstance(task.operator_extra_links[0], BiasReportLink)
