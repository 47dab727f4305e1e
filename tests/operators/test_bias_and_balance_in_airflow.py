"""Test measuring and balancing in Airflow's runner: outputs, XCom, templates, mapping, and bad input."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Param, task
from dag_runs import Ran, run

from airflow_clarify import (
    Analysis,
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    DuckDBEngine,
)

pytestmark = pytest.mark.airflow

POSITIVE = BiasConfig([1], "f")


def write_csv(path: Path, rows: list[tuple[Any, ...]], header: str = "f,y,g") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write 100 rows each of a (60 positive) and b (10 positive), in three groups."""
    rows = [(f, int(n < positive), n % 3) for f, positive in (("a", 60), ("b", 10)) for n in range(100)]
    random.Random(1).shuffle(rows)
    return write_csv(tmp_path / "data.csv", rows)


def metric(xcom: dict[str, Any], value: str, name: str) -> float | None:
    result = Analysis.from_xcom(xcom).facets[0].result(value)
    assert result is not None
    found = result.metric(name)
    assert found is not None
    return found.value


def test_outputs_of_clarify_and_of_this_package(airflow_db: Path, data: Path, tmp_path: Path) -> None:
    with DAG("outputs", schedule=None) as dag:
        ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(data), output_path=str(tmp_path / "out"), label="y"),
            bias_config=BiasConfig([1], "f", group_name="g"),
        )
    ran = run(dag)

    xcom = ran.xcoms["bias"]["return_value"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "analysis.json",
        "analysis_config.json",
        "report.html",
        "report.ipynb",
        "report.pdf",
        "summary.json",
    ]
    written = json.loads((tmp_path / "out" / "analysis.json").read_text())["pre_training_bias_metrics"]
    names = [one["name"] for one in written["facets"]["f"][0]["metrics"]]
    assert names == ["CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]
    assert metric(xcom, "a", "DPL") == pytest.approx(0.1 - 0.6)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["rows"] == 200
    assert summary["engine"].startswith("duckdb")
    assert xcom["outputs"]["report"] == str(tmp_path / "out" / "report.html")


def test_a_violation_stops_after_writing_all_outputs(airflow_db: Path, data: Path, tmp_path: Path) -> None:
    with DAG("written_first", schedule=None) as dag:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(data), output_path=str(tmp_path / "out"), label="y"),
            bias_config=POSITIVE,
        )
        BiasGateOperator(task_id="gate", analysis=bias.output, thresholds={"DPL": 0.1})
    ran = run(dag)

    assert ran.states == {"bias": "success", "gate": "failed"}
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    in_xcom = dict(ran.xcoms["gate"]["verdict"])
    assert in_xcom.pop("run")["task_id"] == "gate"
    assert verdict == in_xcom | {
        "gate": "gate",
        "thresholds": {"DPL": 0.1},
        "config_sha256": ran.xcoms["bias"]["return_value"]["config_sha256"],
        "analysis_sha256": sha256((tmp_path / "out" / "analysis.json").read_bytes()).hexdigest(),
    }
    assert verdict["outcome"] == "violation"
    assert "Violation" in (tmp_path / "out" / "report.html").read_text()
    assert [path.name for path in (tmp_path / "out").iterdir() if "partial" in path.name] == []


def test_templates_in_configurations_are_rendered_for_each_run(airflow_db: Path, data: Path, tmp_path: Path) -> None:
    with DAG("templated", schedule=None, params={"name": Param("first", type="string")}) as dag:
        ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(
                f"{data.parent}/{{{{ params.name }}}}.csv", output_path=f"{tmp_path}/{{{{ params.name }}}}", label="y"
            ),
            bias_config=POSITIVE,
            engine=DuckDBEngine(memory_limit="{{ '512MB' }}"),
        )
    for name in ("first", "second"):
        data.with_name(f"{name}.csv").write_bytes(data.read_bytes())

    states = [run(dag, name=name).states for name in ("first", "second")]

    assert states == [{"bias": "success"}] * 2
    assert (tmp_path / "first" / "analysis.json").exists()
    assert (tmp_path / "second" / "analysis.json").exists()


def test_mapping_over_datasets(airflow_db: Path, data: Path, tmp_path: Path) -> None:
    other = write_csv(tmp_path / "other.csv", [("a", 1, 0), ("a", 0, 0), ("b", 1, 0), ("b", 0, 0)] * 20)
    with DAG("mapped", schedule=None) as dag:

        @task
        def datasets() -> list[dict[str, Any]]:
            return [{"input_path": str(path), "label": "y"} for path in (data, other)]

        mapped = ClarifyPreTrainingBiasOperator.partial(
            task_id="bias",
            bias_config=POSITIVE,
            map_index_template="{{ task.data_config['input_path'].rpartition('/')[2] }}",
        ).expand(data_config=datasets())
        BiasGateOperator(task_id="gate", analysis=mapped.output, thresholds={"DPL": 0.1}, on_violation="warn")
        ClarifyPreTrainingBiasOperator.partial(task_id="literal", bias_config=POSITIVE).expand(
            data_config=[DataConfig(str(data), label="y"), DataConfig(str(other), label="y")]
        )
        BalanceDatasetOperator.partial(task_id="balance", by=["f", "y"], source=str(data)).expand(
            target=[str(tmp_path / "one.csv"), str(tmp_path / "two.csv")], seed=[1, 2]
        )
    ran = run(dag)

    assert set(ran.states.values()) == {"success"}
    for task_id in ("bias", "literal"):
        assert metric(ran.xcoms[f"{task_id}[0]"]["return_value"], "a", "DPL") == pytest.approx(-0.5)
        assert metric(ran.xcoms[f"{task_id}[1]"]["return_value"], "a", "DPL") == 0
    verdict = ran.xcoms["gate"]["verdict"]
    assert [one["outcome"] for one in verdict["all"]] == ["violation", "pass"]
    assert [one["data"] for one in verdict["all"]] == [str(data), str(other)]
    assert verdict["sentence"].endswith(f"; data: {data}")
    assert (verdict["run"]["dag_id"], verdict["run"]["task_id"]) == ("mapped", "gate")
    assert ran.xcoms["bias[1]"]["bias_overview"]["instance"] == "other.csv"
    assert ran.xcoms["literal[1]"]["bias_overview"]["instance"] == "1"
    assert len([task_id for task_id in ran.states if task_id.startswith("balance")]) == 4


def test_a_complete_clarify_configuration_is_accepted(airflow_db: Path, data: Path, tmp_path: Path) -> None:
    config = {
        "dataset_type": "text/csv",
        "headers": ["f", "y", "g"],
        "label": "y",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": 0, "value_or_threshold": ["b"]}],
        "methods": {"pre_training_bias": {"methods": ["DPL"]}},
    }
    path = tmp_path / "analysis_config.json"
    path.write_text(json.dumps(config))
    with DAG("whole_config", schedule=None) as dag:
        for task_id, given in (("mapping", config), ("file", str(path))):
            ClarifyPreTrainingBiasOperator(task_id=task_id, data_config=DataConfig(str(data)), analysis_config=given)
    ran = run(dag)

    for task_id in ("mapping", "file"):
        assert metric(ran.xcoms[task_id]["return_value"], "b", "DPL") == pytest.approx(0.5)


def test_six_hundred_facet_values_fit_into_xcom(airflow_db: Path, tmp_path: Path) -> None:
    rows = [(f"category number {n % 600}", n % 7 % 2, n % 5) for n in range(12_000)]
    data = write_csv(tmp_path / "wide.csv", rows)
    with DAG("wide", schedule=None) as dag:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias",
            data_config=DataConfig(str(data), label="y"),
            bias_config=BiasConfig([1], "f", group_name="g"),
        )
        BiasGateOperator(task_id="gate", analysis=bias.output, thresholds={"DPL": 0.01}, on_violation="warn")
    ran = run(dag)

    assert set(ran.states.values()) == {"success"}
    analysis = Analysis.from_xcom(ran.xcoms["bias"]["return_value"])
    assert sum(len(result.metrics) for result in analysis.facets[0].results) == 600 * 8
    # 64 KB is the smallest limit on an XCom value among the usual metadata databases.
    assert len(json.dumps(ran.xcoms["bias"]["return_value"])) < 65_535
    assert len(json.dumps(ran.xcoms["gate"]["verdict"])) < 65_535


@pytest.fixture
def bad_runs(airflow_db: Path, data: Path, tmp_path: Path) -> Ran:
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("f,y\na,1\nb\n")
    (tmp_path / "analysis.json").write_text('{"f": "a", "y": 1}\n')
    with DAG("bad_input", schedule=None) as dag:
        for task_id, path, bias in (
            ("no_file", tmp_path / "nowhere.csv", POSITIVE),
            ("ragged", ragged, POSITIVE),
            ("no_column", data, BiasConfig([1], "gender")),
        ):
            ClarifyPreTrainingBiasOperator(
                task_id=task_id,
                data_config=DataConfig(str(path), output_path=str(tmp_path / task_id), label="y"),
                bias_config=bias,
            )
        BalanceDatasetOperator(
            task_id="onto_itself", source=str(data), target=f"{data.parent}/./{data.name}", by=["f", "y"]
        )
        BalanceDatasetOperator(
            task_id="too_many", source=str(data), target=str(tmp_path / "too_many.csv"), by=["f", "y"], size=1000
        )
        for task_id, wrong in (
            ("size_no_number", {"size": "{{ 'many' }}"}),
            ("size_no_rows", {"size": "{{ 1.5 }}"}),
            ("seed_no_number", {"seed": "{{ none }}"}),
            ("by_no_list", {"by": "{{ 'f,y' }}"}),
        ):
            BalanceDatasetOperator(
                task_id=task_id, source=str(data), target=str(tmp_path / "no.csv"), **{"by": ["f", "y"], **wrong}
            )
        ClarifyPreTrainingBiasOperator(
            task_id="over_the_data",
            data_config=DataConfig(
                f"{tmp_path}/analysis.json", output_path=str(tmp_path), label="y", dataset_type="application/jsonlines"
            ),
            bias_config=POSITIVE,
        )
    return run(dag)


def test_bad_input_fails_without_outputs(bad_runs: Ran, data: Path, tmp_path: Path) -> None:
    assert set(bad_runs.states.values()) == {"failed"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["analysis.json", "data.csv", "ragged.csv"]
    assert (tmp_path / "analysis.json").read_text() == '{"f": "a", "y": 1}\n'
    assert data.read_text().startswith("f,y,g\n")


def test_the_log_contains_the_error_as_one_sentence(
    airflow_db: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with DAG("told", schedule=None) as dag:
        ClarifyPreTrainingBiasOperator(
            task_id="bias", data_config=DataConfig(str(tmp_path / "nowhere.csv"), label="y"), bias_config=POSITIVE
        )
    run(dag)

    assert f"{tmp_path / 'nowhere.csv'}: no such file or folder" in capfd.readouterr().out


def test_the_log_contains_a_table(airflow_db: Path, data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with DAG("table", schedule=None) as dag:
        bias = ClarifyPreTrainingBiasOperator(
            task_id="bias", data_config=DataConfig(str(data), label="y"), bias_config=POSITIVE, methods=["CI", "DPL"]
        )
        BiasGateOperator(task_id="gate", analysis=bias.output, thresholds={"DPL": 0.1}, on_violation="warn")
    run(dag)

    log = capfd.readouterr().out
    assert "f  rows    y=1      CI     DIL      DPL" in log
    assert "0.5000 !" in log
    assert "! violates its threshold" in log
