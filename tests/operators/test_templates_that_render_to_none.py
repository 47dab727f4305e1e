"""Test that a template that renders to None is rejected in every argument, and not used as the text "None"."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task
from dag_runs import run

from airflow_clarify import (
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyBiasOperator,
    ClarifyJobSensor,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    DuckDBEngine,
    SageMakerEngine,
    SparkEngine,
    SQLEngine,
)
from airflow_clarify.exceptions import ConfigError

NONE = "{{ params.absent }}"
DATA, BIAS = DataConfig("data.csv", label="y"), BiasConfig([1], "f")
MEASURE = {"task_id": "task", "data_config": DATA, "bias_config": BIAS}
BALANCE = {"task_id": "task", "source": "data.csv", "target": "balanced.csv", "by": ["f", "y"]}
GATE = {"task_id": "task", "analysis": "analysis.json", "thresholds": {"DPL": 0.1}}

#: Arguments that are optional, or that only accompany a verdict.
MAY_BE_NONE = {"size", "fraction", "confidence", "before", "asset_extra"}
#: Template fields that are configuration objects.
OBJECTS = {"data_config", "bias_config", "engine"}


def a_task(kind: str, field: str) -> Any:
    """Build a task with a template that renders to None in one of its fields."""
    match kind:
        case "measure":
            given = {"bias_config": None} if field == "analysis_config" else {}
            return ClarifyPreTrainingBiasOperator(**{**MEASURE, **given, field: NONE})
        case "post":
            model = {"model_config": {"endpoint_name": "e"}, "engine": SageMakerEngine(role="r")}
            given = {"bias_config": None} if field == "analysis_config" else model
            return ClarifyBiasOperator(**{**MEASURE, **given, field: NONE})
        case "balance":
            engine = {"engine": SQLEngine("c")} if field == "key" else {}
            return BalanceDatasetOperator(**{**BALANCE, **engine, field: NONE})
        case "gate":
            needed: dict[str, Any] = {"on_violation": "branch"} if field == "branch_to" else {}
            if field in ("baseline", "drift", "violations_path"):
                needed = {"baseline": "out/analysis.json", "drift": {"DPL": 0.05}}
            if field == "over_runs":
                needed = {"history": "history/"}
            return BiasGateOperator(**{**GATE, **needed, field: NONE})
        case "sensor":
            return ClarifyJobSensor(**{"task_id": "task", "job_name": "job", field: NONE})
        case "data":
            place = {} if field in ("table", "query") else {"input_path": "data.csv"}
            if field in ("predicted_label_headers", "facet_headers"):
                place[field.replace("headers", "dataset_uri")] = "joined.csv"
            value = {"delim": NONE} if field == "csv_options" else NONE
            engine = (
                {"engine": SQLEngine("c")} if place == {} else {"engine": SparkEngine()} if field == "where" else {}
            )
            data = DataConfig(**{**place, "label": "y", field: value})
            return ClarifyPreTrainingBiasOperator(**{**MEASURE, **engine, "data_config": data})
        case "bias":
            bias = BiasConfig(**{"label_values_or_threshold": [1], "facet_name": "f", field: NONE})
            return ClarifyPreTrainingBiasOperator(**{**MEASURE, "bias_config": bias})
        case "duckdb":
            return ClarifyPreTrainingBiasOperator(**MEASURE, engine=DuckDBEngine(**{field: NONE}))
        case "sql":
            engine = SQLEngine(**{"conn_id": "c", field: {"x": NONE} if field == "hook_params" else NONE})
            data = DataConfig(table="t", label="y")
            return ClarifyPreTrainingBiasOperator(**{**MEASURE, "data_config": data, "engine": engine})
        case "spark":
            return ClarifyPreTrainingBiasOperator(**MEASURE, engine=SparkEngine(**{field: NONE}))
        case _:
            engine = SageMakerEngine(**{"role": "r", field: {"x": NONE} if field in ("env", "tags") else NONE})
            return ClarifyPreTrainingBiasOperator(**MEASURE, engine=engine)


KINDS: dict[str, Any] = {
    "measure": ClarifyPreTrainingBiasOperator,
    "post": ClarifyBiasOperator,
    "balance": BalanceDatasetOperator,
    "gate": BiasGateOperator,
    "sensor": ClarifyJobSensor,
    "data": DataConfig,
    "bias": BiasConfig,
    "duckdb": DuckDBEngine,
    "sql": SQLEngine,
    "spark": SparkEngine,
    "sagemaker": SageMakerEngine,
}
EVERY_FIELD = [
    (kind, field) for kind, owner in KINDS.items() for field in owner.template_fields if field not in OBJECTS
]


@pytest.mark.parametrize(("kind", "field"), EVERY_FIELD)
def test_the_error_names_the_argument_and_the_template(kind: str, field: str) -> None:
    made = a_task(kind, field)
    made.render_template_fields({"params": {"absent": None}})

    if field in MAY_BE_NONE:
        made.check_rendered()
        return
    with pytest.raises(ConfigError) as raised:
        made.check_rendered()
    assert str(raised.value).startswith(f"{field}: the template '{NONE}' gave None; check what it refers to")


def test_none_inside_a_path_is_rejected_but_the_literal_text_is_not() -> None:
    def render(path: str) -> Any:
        data = DataConfig(path, label="y")
        rendered = ClarifyPreTrainingBiasOperator(**{**MEASURE, "data_config": data})
        rendered.render_template_fields({"params": {"absent": None, "word": "None"}})
        return rendered

    with pytest.raises(ConfigError, match="input_path: the template"):
        render("s3://b/{{ params.absent }}/d.csv").check_rendered()
    render("s3://b/None/{{ params.word }}/{{ params.absent or 'd' }}.csv").check_rendered()


def render_natively(template: str, **fields: Any) -> Any:
    dag = DAG("native", schedule=None, render_template_as_native_obj=True)
    made = ClarifyPreTrainingBiasOperator(**{**MEASURE, **fields}, dag=dag)
    made.render_template_fields({"params": {"absent": None, "empty": ""}})
    return made


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("image_uri", lambda template: {"engine": SageMakerEngine(role="r", image_uri=template)}),
        ("output_path", lambda template: {"data_config": DataConfig("data.csv", output_path=template, label="y")}),
    ],
)
def test_an_explicit_none_is_accepted_with_native_rendering(field: str, arguments: Any) -> None:
    template = "{{ params.empty or none }}"
    task = render_natively(template, **arguments(template))
    task.check_rendered()
    assert getattr(task.engine if field == "image_uri" else task.data_config, field) is None
    # Without native objects, it renders to the text "None".
    word = ClarifyPreTrainingBiasOperator(**{**MEASURE, **arguments(template)})
    word.render_template_fields({"params": {"empty": ""}})
    with pytest.raises(ConfigError, match=rf"^{field}: the template"):
        word.check_rendered()
    # A missing value is rejected with native objects too.
    with pytest.raises(ConfigError, match=rf"^{field}: the template"):
        render_natively(NONE, **arguments(NONE)).check_rendered()


def test_facet_values_can_be_none_with_native_rendering() -> None:
    bias = BiasConfig([1], "f", facet_values_or_threshold=NONE)
    task = render_natively(NONE, bias_config=bias)
    task.check_rendered()
    assert task.bias_config.facet_values_or_threshold is None


@pytest.mark.parametrize("field", ["input_path", "label"])
def test_required_arguments_are_never_none(field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("f,y\na,1\nb,0\na,0\nb,1\n")
    template = "{{ none }}"
    data = DataConfig(**{"input_path": "data.csv", "label": "y", field: template})
    ti = SimpleNamespace(dag_id="native", run_id="run", task_id="task", map_index=-1)
    with pytest.raises(AirflowFailException, match=field):
        render_natively(template, data_config=data).execute({"ti": ti})


@pytest.mark.airflow
def test_nothing_is_written_if_a_template_gave_none(
    airflow_db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("f,y\na,1\nb,0\na,0\nb,1\n")
    with DAG("none", schedule=None, params={"absent": None}, default_args={"retries": 2}) as dag:

        @task
        def nothing() -> None:
            return None

        output = nothing()
        for name, place in (("template", NONE), ("output", output)):
            data = DataConfig("data.csv", output_path=place, label="y")
            ClarifyPreTrainingBiasOperator(task_id=f"measure_{name}", data_config=data, bias_config=BIAS)
            BalanceDatasetOperator(task_id=f"balance_{name}", source="data.csv", target=place, by=["f", "y"])
        ClarifyPreTrainingBiasOperator.partial(task_id="mapped", bias_config=BIAS).expand(
            data_config=[{"input_path": "data.csv", "output_path": NONE, "label": "y"}]
        )
    states = run(dag).states

    assert {name for name, state in states.items() if state == "success"} == {"nothing"}
    assert {name for name, state in states.items() if state == "up_for_retry"} == set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv"]
    assert "output_path: the output of task 'nothing' gave None" in capsys.readouterr().out
