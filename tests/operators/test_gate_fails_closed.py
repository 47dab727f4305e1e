"""Test that the gate fails closed in all known cases, in Airflow's runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, task, task_group
from dag_runs import Ran, run

from airflow_clarify import Analysis, AnalysisConfig, BiasConfig, BiasGateOperator, DataConfig, Thresholds
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.exceptions import ConfigError

pytestmark = pytest.mark.airflow

CONFIG = AnalysisConfig.build(DataConfig("data.csv", label="y"), BiasConfig([1], "f"), ["CI", "DPL"])
TOLERATED = {"DPL": 0.1}


def an_analysis(positive_of_b: int) -> dict[str, Any]:
    """Build the XCom of an analysis of 100 rows of "a", 60 of them positive, and 100 of "b"."""
    counts = {("a", True): 60, ("a", False): 40, ("b", True): positive_of_b, ("b", False): 100 - positive_of_b}
    cells = [
        Cell(facet, "1" if positive else "0", positive, None, WeightedCount.from_rows(n))
        for (facet, positive), n in counts.items()
    ]
    contingency = Contingency("y", "1", [FacetContingency("f", ["a", "b"], cells)])
    return Analysis.from_contingency(contingency, CONFIG).to_xcom()


FAIR, BIASED = an_analysis(60), an_analysis(10)


@task
def measure(outcome: str) -> dict[str, Any] | None:
    if outcome == "fails":
        raise RuntimeError("the data cannot be read")
    return {"fair": FAIR, "biased": BIASED, "nothing": None}[outcome]


def train(task_id: str = "train", **kwargs: Any) -> Any:
    @task(task_id=task_id, **kwargs)
    def do_train() -> None:
        pass

    return do_train()


def tries_of(dag_id: str, task_id: str) -> int:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.task_id == task_id)
        return max(int(instance.try_number) for instance in session.scalars(query))


# --- Missing analyses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", ["fails", "nothing"])
def test_a_mapped_measurement_with_a_missing_analysis_does_not_pass(
    airflow_db: Path, absent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with DAG(f"one_{absent}", schedule=None) as dag:
        measured = measure.expand(outcome=["fair", absent, "fair"])
        gate = BiasGateOperator(
            task_id="gate", analysis=measured, thresholds=TOLERATED, trigger_rule="all_done", retries=3
        )
        gate >> train()

        each = BiasGateOperator.partial(task_id="each", thresholds=TOLERATED, trigger_rule="all_done").expand(
            analysis=measured
        )
        each >> train("train_after_each")

        both = BiasGateOperator(
            task_id="both", analysis=[FAIR, measured], thresholds=TOLERATED, trigger_rule="all_done"
        )
        both >> train("train_after_both")
    ran = run(dag)

    assert (ran.states["gate"], ran.states["train"]) == ("failed", "upstream_failed")
    assert (ran.states["both"], ran.states["train_after_both"]) == ("failed", "upstream_failed")
    assert ran.states["train_after_each"] == "upstream_failed"
    assert tries_of(f"one_{absent}", "gate") <= 1
    assert "an absent analysis never passes" in capsys.readouterr().out


def test_a_complete_mapped_measurement_is_judged(airflow_db: Path) -> None:
    with DAG("all_there", schedule=None) as dag:
        measured = measure.expand(outcome=["fair", "fair"])
        BiasGateOperator(task_id="gate", analysis=measured, thresholds=TOLERATED, trigger_rule="all_done")
        BiasGateOperator(task_id="more", analysis=[FAIR, measured], thresholds=TOLERATED)
        BiasGateOperator.partial(task_id="each", thresholds=TOLERATED).expand(analysis=measured)
    ran = run(dag)

    assert {state for name, state in ran.states.items()} == {"success"}
    assert len(ran.xcoms["more"]["verdict"]["all"]) == 3


def test_a_mapped_group_with_a_failed_instance_does_not_pass(airflow_db: Path) -> None:
    with DAG("group_with_a_failure", schedule=None) as dag:

        @task_group
        def check(outcome: str) -> Any:
            measured = measure(outcome)
            BiasGateOperator(task_id="gate", analysis=measured, thresholds=TOLERATED, trigger_rule="all_done")
            return measured

        measured = check.expand(outcome=["fair", "fails"])
        BiasGateOperator(task_id="of_all", analysis=measured, thresholds=TOLERATED, trigger_rule="all_done")
    ran = run(dag)

    assert (ran.states["check.gate[0]"], ran.states["check.gate[1]"]) == ("success", "failed")
    assert ran.states["of_all"] == "failed"


@pytest.fixture(scope="module")
def texts(airflow_db: Path) -> Ran:
    """Run gates with an analysis that a template renders to text, one task each; all with retries."""
    with DAG("texts", schedule=None, default_args={"retries": 2}) as dag:
        measured, biased, nothing = (
            measure.override(task_id=outcome)(outcome) for outcome in ("fair", "biased", "nothing")
        )
        for name, text in {
            "text_fair": "{{ ti.xcom_pull('fair') }}",
            "text_biased": "{{ ti.xcom_pull('biased') }}",
            "text_json": "{{ ti.xcom_pull('fair') | tojson }}",
            "text_list": "{{ [ti.xcom_pull('fair'), ti.xcom_pull('biased')] }}",
            "text_nothing": "{{ ti.xcom_pull('nothing') }}",
            "text_with_nothing": "{{ [ti.xcom_pull('fair'), ti.xcom_pull('nothing')] }}",
            "text_other": "{{ {'dpl': 0.0} }}",
            "text_broken": "{'format': {{ ti.xcom_pull('fair')['format'] }}",
            "text_half": "/out/{{ ti.xcom_pull('nothing') }}/analysis.json",
        }.items():
            gate = BiasGateOperator(task_id=name, analysis=text, thresholds=TOLERATED)
            [measured, biased, nothing] >> gate
        BiasGateOperator(task_id="output_nothing", analysis=nothing, thresholds=TOLERATED)
        BiasGateOperator(task_id="template_of_thresholds", analysis=measured, thresholds="{{ {'DPL': 0.1} }}")
        BiasGateOperator(task_id="template_of_percents", analysis=biased, thresholds="{{ {'DPL': 90} }}")
        BiasGateOperator(task_id="template_of_a_bound", analysis=biased, thresholds={"DPL": "{{ 9 * 10 }}"})
        BiasGateOperator(task_id="template_of_1_0", analysis=biased, thresholds={"DPL": "{{ '0.9_9' }}"})
        BiasGateOperator(task_id="template_of_digits", analysis=biased, thresholds={"DPL": "{{ '\u0660.\u0669' }}"})
        BiasGateOperator(task_id="before_nothing", analysis=measured, thresholds=TOLERATED, before="{{ None }}")
    return run(dag)


@pytest.mark.parametrize(
    ("task_id", "state"),
    [
        ("text_fair", "success"),
        ("text_biased", "failed"),
        ("text_json", "success"),
        ("text_list", "failed"),
        ("text_nothing", "failed"),
        ("text_with_nothing", "failed"),
        ("text_other", "failed"),
        ("text_broken", "failed"),
        ("text_half", "failed"),
        ("output_nothing", "failed"),
        ("template_of_thresholds", "success"),
        ("template_of_percents", "failed"),
        ("template_of_a_bound", "failed"),
        ("template_of_1_0", "failed"),
        ("template_of_digits", "failed"),
        ("before_nothing", "success"),
    ],
)
def test_rendered_text_is_parsed_or_rejected_without_retries(texts: Ran, task_id: str, state: str) -> None:
    assert texts.states[task_id] == state
    assert tries_of("texts", task_id) <= 1


# --- Small groups --------------------------------------------------------------------------------------------------


def test_a_verdict_on_small_groups_only_reports_that_none_was_judged(airflow_db: Path) -> None:
    with DAG("too_small", schedule=None) as dag:
        rules = {"analysis": BIASED, "thresholds": TOLERATED, "min_rows": 101}
        for below in ("fail", "pass", "ignore"):
            BiasGateOperator(task_id=below, below_min_rows=below, **rules)
    ran = run(dag)

    assert ran.states == {"fail": "failed", "pass": "success", "ignore": "failed"}
    assert ran.xcoms["pass"]["verdict"]["sentence"].startswith("passed: none of 2 checks was judged")


# --- Mapped gates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reaction", [{"on_violation": "skip"}, {"on_violation": "branch", "branch_to": "repair"}])
def test_an_unsupported_mapped_gate_is_rejected_at_parse_time(reaction: Any) -> None:
    name = reaction["on_violation"]
    with (
        DAG("mapped", schedule=None),
        pytest.raises(ConfigError, match=f"task 'gate': on_violation='{name}': .*'fail'"),
    ):
        BiasGateOperator.partial(task_id="gate", thresholds=TOLERATED, **reaction)


def test_an_unsupported_mapped_gate_fails_closed_at_run_time(airflow_db: Path) -> None:
    with DAG("expanded_reaction", schedule=None) as dag:
        gate = BiasGateOperator.partial(task_id="gate", thresholds=TOLERATED, retries=2).expand_kwargs(
            [{"analysis": FAIR, "on_violation": "skip"}, {"analysis": BIASED, "on_violation": "skip"}]
        )
        gate >> train(trigger_rule="none_failed_min_one_success")
    ran = run(dag)

    assert (ran.states["gate[0]"], ran.states["gate[1]"]) == ("failed", "failed")
    assert ran.states["train"] == "upstream_failed"
    assert tries_of("expanded_reaction", "gate") <= 1


@pytest.mark.parametrize("rule", ["none_failed", "none_failed_min_one_success", "all_done", "one_success", "always"])
@pytest.mark.parametrize("where", ["in the group", "after another task", "behind the group"])
def test_a_gate_in_a_mapped_group_cannot_skip_tasks_with_other_trigger_rules(rule: str, where: str) -> None:
    with DAG("mapped_group", schedule=None) as dag:

        @task_group
        def check(analysis: Any) -> None:
            gate = BiasGateOperator(task_id="gate", analysis=analysis, thresholds=TOLERATED, on_violation="skip")
            if where == "in the group":
                gate >> train(trigger_rule=rule)
            elif where == "after another task":
                gate >> train("prepare") >> train(trigger_rule=rule)

        checked = check.expand(analysis=[FAIR, BIASED])
        if where == "behind the group":
            checked >> train(trigger_rule=rule)
    with pytest.raises(
        ConfigError, match=f"task 'check.gate': on_violation='skip': Airflow would still run .*'{rule}'"
    ):
        dag.resolve_template_files()


def test_thresholds_of_a_mapped_gate_are_checked_at_parse_time() -> None:
    with DAG("mapped", schedule=None), pytest.raises(ConfigError, match=r"task 'gate': thresholds: .* percent"):
        BiasGateOperator.partial(task_id="gate", thresholds={"DPL": 10})


def test_bounds_that_always_pass_are_rejected() -> None:
    for rules in ({"DPL": 10}, {"KS": 100}, {"DPL": [-9, 9]}, {"CI": (None, 2)}, {"TVD": (-1, None)}):
        with pytest.raises(ConfigError):
            Thresholds(rules)
