"""Test checks at parse time, whose errors name the task, and arguments that are checked only at run time."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, cast

import pytest
from airflow.sdk import DAG, Asset, AssetAlias, BaseOperator, task

from airflow_clarify import (
    BalanceDatasetOperator,
    BiasConfig,
    BiasGateOperator,
    ClarifyBiasOperator,
    ClarifyPostTrainingBiasOperator,
    ClarifyPreTrainingBiasOperator,
    DataConfig,
    DuckDBEngine,
    ModelConfig,
    SageMakerEngine,
    SparkEngine,
    SQLEngine,
    Thresholds,
)
from airflow_clarify.exceptions import ConfigError

DATA = DataConfig("data.csv", label="y")
PREDICTIONS = DataConfig("data.csv", label="y", predicted_label="p")
BIAS = BiasConfig([1], "f")
MODEL = {"model_name": "m", "instance_type": "ml.m5.large", "instance_count": 1}


def check(**changes: Any) -> ClarifyPreTrainingBiasOperator:
    arguments: dict[str, Any] = {"data_config": DATA, "bias_config": BIAS, **changes}
    return ClarifyPreTrainingBiasOperator(task_id="bias", **arguments)


def check_model(**changes: Any) -> ClarifyPostTrainingBiasOperator:
    arguments: dict[str, Any] = {"data_config": PREDICTIONS, "bias_config": BIAS, **changes}
    return ClarifyPostTrainingBiasOperator(task_id="model_bias", **arguments)


def check_both(**changes: Any) -> ClarifyBiasOperator:
    arguments: dict[str, Any] = {"data_config": PREDICTIONS, "bias_config": BIAS, **changes}
    return ClarifyBiasOperator(task_id="both", **arguments)


def gate(**changes: Any) -> BiasGateOperator:
    arguments: dict[str, Any] = {"analysis": "analysis.json", "thresholds": {"DPL": 0.1}, **changes}
    return BiasGateOperator(task_id="gate", **arguments)


def balance(**changes: Any) -> BalanceDatasetOperator:
    arguments: dict[str, Any] = {"source": "data.csv", "target": "balanced.csv", "by": ["f", "y"], **changes}
    return BalanceDatasetOperator(task_id="balance", **arguments)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: check(data_config={"input_path": "x", "header_row": "no"}), "header_row: it is true or"),
        (
            lambda: check(engine=SageMakerEngine("r", enable_network_isolation=cast(Any, "no"))),
            "enable_network_isolation: it is true or false, not 'no'",
        ),
        (lambda: balance(target="a/out.xlsx"), "a/out.xlsx: .xlsx files are not written; end it"),
        (lambda: balance(target="out.orc"), "task 'balance': out.orc: .orc files are not written; end it in .csv"),
        (lambda: balance(target="out.parquet.gz"), "out.parquet.gz: Parquet is compressed already"),
        (lambda: balance(engine=DuckDBEngine(threads=10**9)), "threads: it is a whole number from 1 to 1024, not 1"),
    ],
)
def test_invalid_values_are_rejected(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make()
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: check(methods=["DPL", "XYZ"]), "task 'bias': methods: there is no metric"),
        (lambda: check(bias_config=None), "task 'bias': give either bias_config or analysis_config"),
        (lambda: check(analysis_config={"dataset_type": "text/csv"}), "task 'bias': give either bias_config or"),
        (
            lambda: check(bias_config=None, analysis_config={"dataset_type": "text/csv"}),
            "task 'bias': methods: required, and missing",
        ),
        (lambda: check(data_config={"path": "data.csv"}), "task 'bias': DataConfig: no field 'path'; the fields are"),
        (
            lambda: check(bias_config={"facet_name": "f", "label_values_or_threshold": []}),
            "task 'bias': label_values_or_threshold: the list is empty",
        ),
        (
            lambda: check(wait_for_completion=False),
            "task 'bias': wait_for_completion: DuckDBEngine counts in the task itself, so there is no job to leave",
        ),
        (lambda: check(engine=SageMakerEngine(role="")), "role: name the IAM role that the job runs under"),
        (
            lambda: balance(engine=SageMakerEngine(role="r")),
            "task 'balance': engine: SageMakerEngine measures only; balance with DuckDBEngine, the default",
        ),
        (lambda: gate(thresholds={"DPX": 0.1}), "task 'gate': thresholds: there is no metric 'DPX'"),
        (
            lambda: gate(analysis=check(methods=["CI"]).output),
            "task 'gate': thresholds: DPL is not measured: methods of task 'bias' are CI",
        ),
        (
            lambda: gate(analysis=check().output, thresholds={"DI": 0.8}),
            "task 'gate': thresholds: DI is not measured: methods of task 'bias' are CDDL, CI, DPL",
        ),
        (
            lambda: check(bias_config=None, analysis_config={"dataset_type": "text/csv"}, methods=["KL"]),
            "task 'bias': methods: analysis_config defines what to measure",
        ),
        (lambda: check(data_config=DataConfig("data.csv")), "task 'bias': label: name the label column"),
        (lambda: gate(thresholds={}), "task 'gate': thresholds: give at least one"),
        (lambda: gate(thresholds={"DPL": -0.1}), "task 'gate': thresholds: DPL: a single number"),
        (lambda: gate(confidence=0.95), "task 'gate': on_inconclusive: required with confidence"),
        (lambda: gate(on_violation="stop"), "task 'gate': on_violation: one of 'fail', 'skip', 'branch', 'warn'"),
        (lambda: gate(on_violation="branch"), "task 'gate': branch_to: name the task to follow"),
        (lambda: gate(branch_to="repair"), "task 'gate': branch_to: name the task to follow"),
        (lambda: gate(on_violation="warn", outlets=[Asset("a")]), "task 'gate': outlets: with on_violation='warn'"),
        (lambda: balance(strategy="smote"), "task 'balance': strategy: there is no 'smote'; choose one of undersample"),
        (lambda: balance(by="f"), "task 'balance': by: 'f' is not a list of columns"),
        (lambda: balance(by=[]), "task 'balance': by: [] is not a list of columns; give at least one"),
        (lambda: balance(size=3, fraction=0.5), "task 'balance': size and fraction: only one of them"),
        (lambda: balance(target="data.csv"), "task 'balance': target: 'data.csv' is the source itself"),
    ],
)
def test_parse_time_errors_name_the_task(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        make()

    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: check_model(data_config=DATA),
            "task 'model_bias': predicted_label: name the column of predictions; post-training bias cannot be measured",
        ),
        (
            lambda: check_model(data_config=DataConfig("data.csv", label="y", predicted_label="y")),
            "task 'model_bias': predicted_label: 'y' is the label; name the column of predictions",
        ),
        (lambda: check_model(methods=["DPL"]), "task 'model_bias': methods: there is no metric 'DPL'; there are AD,"),
        (lambda: check(methods=["DPPL"]), "task 'bias': methods: there is no metric 'DPPL'; there are CDDL, CI,"),
        (lambda: check_model(methods=None), "task 'model_bias': methods: "),
        (
            lambda: check_both(post_training_methods=["DI", "XYZ"]),
            "task 'both': post_training_methods: there is no metric 'XYZ'; there are AD,",
        ),
        (
            lambda: check_both(pre_training_methods=["DI"]),
            "task 'both': pre_training_methods: there is no metric 'DI'; there are CDDL,",
        ),
        (
            lambda: check_both(post_training_methods=["CDDPL"]),
            "task 'both': group_name: CDDPL needs a group variable; name its column in BiasConfig, or leave CDDPL out "
            "of post_training_methods",
        ),
        (
            lambda: check_both(model_config=MODEL),
            "task 'both': model_config: only a Clarify job on SageMaker runs a model, and DuckDBEngine does not",
        ),
        (
            lambda: check_model(model_predicted_label_config={"probability_threshold": 1.5}),
            "task 'model_bias': probability_threshold: 1.5 is outside 0 to 1",
        ),
        (
            lambda: check_model(bias_config=None, analysis_config={"x": 1}, model_config=MODEL),
            "task 'model_bias': model_config: analysis_config defines what to measure; leave one of them out",
        ),
        (
            lambda: check_both(bias_config=None, analysis_config={"x": 1}, pre_training_methods=["CI"]),
            "task 'both': pre_training_methods: analysis_config defines what to measure; leave one of them out",
        ),
        (
            lambda: gate(analysis=check().output, thresholds={"DPPL": 0.1}),
            "task 'gate': thresholds: DPPL is not measured: methods of task 'bias' are CDDL, CI,",
        ),
        (
            lambda: gate(analysis=check_model(methods=["DI"]).output, thresholds={"DPL": 0.1}),
            "task 'gate': thresholds: DPL is not measured: methods of task 'model_bias' are DI",
        ),
    ],
)
def test_parse_time_errors_of_predictions(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        make()

    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_a_gate_reads_both_stages_and_the_ratio_of_labels() -> None:
    with DAG("stages", schedule=None):
        both = check_both(pre_training_methods=["DPL"], post_training_methods=["DI"])
        gate(analysis=both.output, thresholds={"DPL": 0.1, "DI": 0.8, "DIL": 0.8})
        mapped = ClarifyBiasOperator.partial(task_id="mapped", bias_config=BIAS).expand(
            data_config=[{"input_path": "x"}]
        )
        BiasGateOperator(task_id="another", analysis=mapped.output, thresholds={"DPL": 0.1, "RD": 0.1})


def test_operators_share_their_parameters_and_state_them_all() -> None:
    shared = set(inspect.signature(ClarifyPreTrainingBiasOperator).parameters) - {"methods"}
    for operator in (ClarifyPostTrainingBiasOperator, ClarifyBiasOperator):
        parameters = inspect.signature(operator).parameters
        assert shared < set(parameters)
        described = re.findall(r":param (\w+):", operator.__doc__ or "")
        assert described == [name for name in parameters if name != "kwargs"]
        assert set(operator.template_fields) <= set(parameters)


def test_default_arguments_reach_what_the_operators_share() -> None:
    with DAG("defaults", schedule=None, default_args={"poll_interval": 7, "methods": ["DI"], "deferrable": True}):
        task = ClarifyPostTrainingBiasOperator(task_id="bias", data_config=PREDICTIONS, bias_config=BIAS)

    assert (task.poll_interval, task.methods, task.deferrable) == (7, ["DI"], True)


def test_a_model_may_be_templated_and_runs_on_sagemaker_only() -> None:
    model = ModelConfig(model_name="{{ params.model }}", instance_type="ml.m5.large", instance_count=1)
    task = check_both(data_config=DATA, model_config=model, engine=SageMakerEngine("r"))

    task.render_template_fields({"params": {"model": "loans"}})

    assert task.model_config.model_name == "loans"
    assert model.model_name == "{{ params.model }}"


def test_a_task_that_was_pickled_before_there_were_predictions_still_runs() -> None:
    task = check(methods=["DPL"])
    state = task.__getstate__()
    assert not {"model_config", "model_predicted_label_config"} & set(state)

    copied = ClarifyPreTrainingBiasOperator.__new__(ClarifyPreTrainingBiasOperator)
    copied.__setstate__(state)

    assert copied._build_config(DATA).methods == ("DPL",)


def test_templated_arguments_are_not_checked_at_parse_time() -> None:
    check(
        data_config=DataConfig("{{ params.path }}", label="{{ params.label }}", dataset_type="{{ params.type }}"),
        bias_config=BiasConfig("{{ params.positive }}", "{{ params.facet }}"),
        methods="{{ params.methods }}",
    )
    check(bias_config=None, analysis_config="{{ params.config }}")
    gate(thresholds={"DPL": "{{ params.dpl }}"}, min_rows="{{ params.rows }}")
    gate(thresholds="{{ params.thresholds }}")
    balance(by="{{ params.by }}", seed="{{ params.seed }}")


def test_metrics_of_other_operators_are_not_checked_at_parse_time() -> None:
    """The gate checks them at run time."""

    class Fetch(BaseOperator):
        methods: Any = None

    with DAG("others", schedule=None):
        for task_id, methods in (("nothing", None), ("number", 5), ("verbs", ["GET"])):
            fetch = Fetch(task_id=task_id)
            fetch.methods = methods
            BiasGateOperator(task_id=f"gate_{task_id}", analysis=fetch.output, thresholds={"DPL": 0.1})
        gate(analysis=check(methods=["CI", "{{ params.metric }}"]).output)


def test_thresholds_objects_and_safe_static_outlets_are_accepted() -> None:
    gate(thresholds=Thresholds({"DPL": 0.1}))
    gate(outlets=[Asset("trained_on")])
    gate(on_violation="skip", outlets=[AssetAlias("alias")])


def test_task_outputs_inside_configurations_create_dependencies() -> None:
    with DAG("nested", schedule=None):

        @task
        def path() -> str:
            return "data.csv"

        @task
        def label() -> str:
            return "y"

        found, named = path(), label()
        bias = check(data_config=DataConfig(found, label=named))
        repaired = balance(source=DataConfig(found))

    assert bias.upstream_task_ids == {"path", "label"}
    assert repaired.upstream_task_ids == {"path"}


def test_one_configuration_can_be_used_by_several_tasks() -> None:
    """Airflow renders in place, so each task needs its own copy."""
    engine = DuckDBEngine(memory_limit="{{ params.memory }}")
    one, other = check(engine=engine), check(engine=engine)

    assert one.data_config is not DATA
    assert one.data_config is not other.data_config
    assert one.engine is not other.engine
    assert one.engine == engine


# --- Engines that read other data ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: check(engine=SQLEngine("warehouse")),
            "input_path: a database cannot read data.csv; load it",
        ),
        (lambda: check(data_config=DataConfig(table="t", label="y")), "table: DuckDBEngine reads files"),
        (lambda: check(data_config={"query": "SELECT 1", "label": "y"}), "query: DuckDBEngine reads files"),
        (
            lambda: check(data_config=DataConfig(query="SELECT 1", label="y"), engine=SageMakerEngine(role="r")),
            "query: a job on SageMaker reads files in S3",
        ),
        (
            lambda: check(
                data_config=DataConfig("d.json", label="y", dataset_type="application/json"), engine=SparkEngine()
            ),
            "dataset_type: application/json needs JMESPath features",
        ),
        (lambda: balance(key=["id"]), "key: DuckDBEngine draws rows by their position in files"),
        (lambda: balance(if_exists="replace"), "if_exists: DuckDBEngine draws rows by their position"),
        (lambda: balance(source=DataConfig(table="t")), "table: DuckDBEngine reads files"),
        (
            lambda: balance(source=DataConfig("data.csv"), target="t", engine=SQLEngine("warehouse")),
            "input_path: a database cannot read data.csv",
        ),
        (lambda: balance(source="t", target="t", engine=SQLEngine("warehouse")), "target: 't' is the source itself"),
    ],
)
def test_data_that_an_engine_cannot_read_are_rejected(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make()
    assert sentence in str(raised.value)


def test_a_text_as_source_is_interpreted_by_the_engine() -> None:
    assert balance(source="lake.t", target="lake.b", engine=SQLEngine("w"))._build_data_config() == DataConfig(
        table="lake.t"
    )
    assert balance(source="lake.t", target="lake.b", engine=SparkEngine())._build_data_config() == DataConfig(
        table="lake.t"
    )
    assert balance(source="s3a://b/t/", target="lake.b", engine=SparkEngine())._build_data_config() == DataConfig(
        "s3a://b/t/"
    )
    assert balance(source="t.csv")._build_data_config() == DataConfig("t.csv")
