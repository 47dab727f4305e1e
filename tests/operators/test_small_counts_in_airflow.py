"""Test that small counts are hidden in everything that tasks publish, and that verdicts stay the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from dag_runs import Ran, run

from airflow_clarify import (
    Analysis,
    BiasConfig,
    BiasGateOperator,
    ClarifyBiasOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    SageMakerEngine,
)
from airflow_clarify.exceptions import ConfigError

#: Positive and negative rows by store. C has 7 and 6, and B, the smallest of the others, hides C with 17 and 26.
COUNTS = {"A": (153, 147), "B": (17, 26), "C": (7, 6), "D": (81, 119)}
SHOWN, HIDDEN = ("A", "D"), ("B", "C")
BIAS = BiasConfig([1], "store")
RULES: dict[str, Any] = {"thresholds": {"DPL": 0.05}, "confidence": 0.9, "on_inconclusive": "fail"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small")
    lines = [
        f"{store},{label}"
        for store, counts in COUNTS.items()
        for label, rows in zip((1, 0), counts, strict=True)
        for _ in range(rows)
    ]
    (path / "stores.csv").write_text("\n".join(["store,approved", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def ran(folder: Path, airflow_db: Path) -> Ran:
    def data(output: str) -> DataConfig:
        return DataConfig(str(folder / "stores.csv"), output_path=str(folder / output), label="approved")

    with DAG("small_counts", schedule=None) as dag:
        options: dict[str, Any] = {"bias_config": BIAS, "report_formats": ["html"]}
        exact = ClarifyPreTrainingBiasOperator(task_id="exact", data_config=data("exact"), **options)
        hidden = ClarifyPreTrainingBiasOperator(
            task_id="hidden", data_config=data("hidden"), suppress_below=10, **options
        )
        BiasGateOperator(task_id="gate_exact", analysis=exact.output, on_violation="warn", **RULES)
        BiasGateOperator(task_id="gate_hidden", analysis=hidden.output, on_violation="warn", **RULES)
        BiasGateOperator(
            task_id="gate_file",
            analysis=str(folder / "hidden" / "analysis.json"),
            on_violation="warn",
            trigger_rule="all_done",
            **RULES,
        ).set_upstream(hidden)
    return run(dag)


@pytest.mark.airflow
def test_the_xcoms_hold_no_count_of_a_hidden_group(ran: Ran) -> None:
    facet = ran.xcoms["hidden"]["return_value"]["facets"]["store"]
    values = {row[0]: row[1:] for row in facet["values"]}
    for store in SHOWN:
        assert values[store][:2] == list(COUNTS[store])
    for store in HIDDEN:
        (metrics,) = values[store]
        assert set(metrics.values()) == {"hidden: a count under 10 could be read or computed from it"}
    ((shown,),) = [one["facets"] for one in ran.xcoms["hidden"]["bias_overview"]["analyses"]]
    assert sorted(shown["values"][rank] for rank in shown["hidden"]) == sorted(HIDDEN)
    for rank in shown["hidden"]:
        assert shown["rows"][rank] is shown["positive"][rank] is shown["rest"][rank] is None
        assert {values[rank] for values in shown["metrics"].values()} == {None}


@pytest.mark.airflow
@pytest.mark.parametrize("gate", ["gate_hidden", "gate_file"])
def test_the_verdict_is_the_same_without_the_numbers_of_hidden_groups(ran: Ran, gate: str) -> None:
    exact, hidden = ran.xcoms["gate_exact"]["verdict"], ran.xcoms[gate]["verdict"]
    assert hidden["outcome"] == exact["outcome"]
    assert hidden["checks"] == exact["checks"]
    outcomes = [{(f["value"], f["outcome"]) for f in one["findings"]} for one in (exact, hidden)]
    assert outcomes[0] == outcomes[1]
    for finding in hidden["findings"]:
        if finding["value"] in HIDDEN:
            assert finding["measured"] is None
            assert not {"rows", "interval", "rows_needed"} & finding.keys()
            assert finding["reason"].endswith("its numbers are hidden (suppress_below=10)")


@pytest.mark.airflow
def test_report_and_verdict_file_hide_them_and_the_json_files_of_the_analysis_do_not(ran: Ran, folder: Path) -> None:
    exact, hidden = (json.loads((folder / name / "analysis.json").read_text()) for name in ("exact", "hidden"))
    assert hidden["pre_training_bias_metrics"] == exact["pre_training_bias_metrics"]
    summary = json.loads((folder / "hidden" / "summary.json").read_text())
    counts = {one["value_or_threshold"]: one["positive"]["rows"] for one in summary["facets"]["store"]["values"]}
    assert counts == {store: positive for store, (positive, _) in COUNTS.items()}
    verdict = json.loads((folder / "hidden" / "verdict.json").read_text())
    assert {f["measured"] for f in verdict["findings"] if f["value"] in HIDDEN} == {None}
    report = (folder / "hidden" / "report.html").read_text()
    assert "hidden: a count under 10 could be read or computed from it" in report
    assert "53.8" not in report  # the share of C


@pytest.mark.airflow
def test_hidden_counts_of_another_run_are_never_judged(ran: Ran, folder: Path, airflow_db: Path) -> None:
    xcom = {**ran.xcoms["hidden"]["return_value"], "analysis_sha256": "0" * 64}
    nowhere = {**ran.xcoms["hidden"]["return_value"], "outputs": {}}
    with DAG("other_counts", schedule=None) as dag:
        BiasGateOperator(task_id="other_run", analysis=xcom, **RULES)
        BiasGateOperator(task_id="no_files", analysis=nowhere, **RULES)
    other = run(dag)
    assert set(other.states.values()) == {"failed"}
    for gate in ("other_run", "no_files"):
        assert other.xcoms[gate]["verdict"]["outcome"] == "not judged"
        assert other.xcoms[gate]["verdict"]["findings"] == []
    assert Analysis.from_xcom(xcom).suppress_below == 10


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"suppress_below": -1}, "suppress_below: a number of rows such as 10, or 0 to hide nothing, not -1"),
        ({"suppress_below": "10"}, "suppress_below: a number of rows such as 10, or 0 to hide nothing, not '10'"),
        ({"suppress_below": 10}, "suppress_below: set output_path in the DataConfig; the files there keep the hidden"),
        (
            {"suppress_below": 10, "engine": SageMakerEngine(role="r")},
            "suppress_below: a job on SageMaker writes its report itself, with all counts; leave it out",
        ),
    ],
)
@pytest.mark.parametrize("kind", [ClarifyPreTrainingBiasOperator, ClarifyBiasOperator])
def test_what_cannot_be_hidden_is_refused_when_the_dag_is_parsed(kind: Any, options: Any, text: str) -> None:
    data = DataConfig("s3://bucket/stores.csv", label="approved", predicted_label="predicted")
    if kind is ClarifyPreTrainingBiasOperator:
        data = DataConfig("s3://bucket/stores.csv", label="approved")
    with pytest.raises(ConfigError) as raised:
        kind(task_id="bias", data_config=data, bias_config=BIAS, **options)
    assert text in str(raised.value)
