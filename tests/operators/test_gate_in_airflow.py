"""Test the gate in Airflow's runner: states of downstream tasks, stored verdicts, and updated assets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, task, task_group
from dag_runs import Ran, run

from airflow_clarify import Analysis, AnalysisConfig, BiasConfig, BiasGateOperator, DataConfig
from airflow_clarify import artifacts as outputs
from airflow_clarify.bias.contingency import Cell, Contingency, FacetContingency, WeightedCount
from airflow_clarify.exceptions import ConfigError

pytestmark = pytest.mark.airflow


CONFIG = AnalysisConfig.build(DataConfig("data.csv", label="y"), BiasConfig([1], "f"), ["CI", "DPL"])


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
TOLERATED = {"DPL": 0.1}


def nothing(task_id: str, **kwargs: Any) -> Any:
    @task(task_id=task_id, **kwargs)
    def do_nothing() -> None:
        pass

    return do_nothing()


@pytest.fixture(scope="module")
def gates(airflow_db: Path) -> Ran:
    """Run a DAG with a gate of every kind, each with its own downstream tasks."""
    with DAG("gates", schedule=None) as dag:
        for name, analysis in (("fair", FAIR), ("biased", BIASED)):
            judged = {"analysis": analysis, "thresholds": TOLERATED}
            fail = BiasGateOperator(task_id=f"fail_{name}", retries=3, **judged)
            fail >> nothing(f"train_fail_{name}")

            skip = BiasGateOperator(task_id=f"skip_{name}", on_violation="skip", **judged)
            skip >> nothing(f"train_skip_{name}") >> nothing(f"always_skip_{name}", trigger_rule="all_done")

            direct = BiasGateOperator(
                task_id=f"direct_{name}", on_violation="skip", ignore_downstream_trigger_rules=False, **judged
            )
            direct >> nothing(f"train_direct_{name}") >> nothing(f"always_direct_{name}", trigger_rule="all_done")

            branch = BiasGateOperator(
                task_id=f"branch_{name}", on_violation="branch", branch_to=f"repair_{name}", **judged
            )
            join = nothing(f"train_branch_{name}", trigger_rule="none_failed_min_one_success")
            branch >> [nothing(f"repair_{name}"), nothing(f"straight_{name}")] >> join

            warn = BiasGateOperator(task_id=f"warn_{name}", on_violation="warn", **judged)
            warn >> nothing(f"train_warn_{name}")
    return run(dag)


@pytest.mark.parametrize(
    ("task_id", "state"),
    [
        ("fail_fair", "success"),
        ("train_fail_fair", "success"),
        ("fail_biased", "failed"),
        ("train_fail_biased", "upstream_failed"),
        ("skip_fair", "success"),
        ("train_skip_fair", "success"),
        ("always_skip_fair", "success"),
        ("skip_biased", "success"),
        ("train_skip_biased", "skipped"),
        ("always_skip_biased", "skipped"),
        ("train_direct_fair", "success"),
        ("train_direct_biased", "skipped"),
        ("always_direct_biased", "success"),
        ("branch_fair", "success"),
        ("repair_fair", "skipped"),
        ("straight_fair", "success"),
        ("train_branch_fair", "success"),
        ("branch_biased", "success"),
        ("repair_biased", "success"),
        ("straight_biased", "skipped"),
        ("train_branch_biased", "success"),
        ("warn_fair", "success"),
        ("warn_biased", "success"),
        ("train_warn_biased", "success"),
    ],
)
def test_task_states_after_each_gate(gates: Ran, task_id: str, state: str) -> None:
    assert gates.states[task_id] == state


@pytest.mark.parametrize("kind", ["fail", "skip", "direct", "branch", "warn"])
def test_the_verdict_is_stored_for_every_reaction(gates: Ran, kind: str) -> None:
    fair, biased = (gates.xcoms[f"{kind}_{name}"]["verdict"] for name in ("fair", "biased"))

    assert fair["outcome"] == "pass"
    assert biased["outcome"] == "violation"
    assert biased["checks"]["violation"] == 1  # both groups, which mirror each other
    assert {finding["value"] for finding in biased["findings"]} == {"a", "b"}
    assert len(json.dumps(biased)) < 2000


@pytest.mark.parametrize("name", ["fair", "biased"])
@pytest.mark.parametrize("kind", ["skip", "direct", "branch", "warn"])
def test_a_gate_that_succeeds_returns_its_verdict(gates: Ran, kind: str, name: str) -> None:
    left = gates.xcoms[f"{kind}_{name}"]
    assert left["return_value"] == left["verdict"]


def test_a_verdict_is_not_retried(gates: Ran, airflow_db: Path) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(TaskInstance).where(TaskInstance.dag_id == "gates", TaskInstance.task_id == "fail_biased")
        instance = session.scalars(query).one()

    assert instance.max_tries == 3
    assert instance.try_number <= 1


def test_an_asset_is_updated_only_when_the_data_pass(airflow_db: Path) -> None:
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    assets = {name: Asset(f"checked_{name}", uri=f"file:///checked/{name}.csv") for name in ("fair", "biased")}
    with DAG("gated_assets", schedule=None) as dag:
        for name, analysis in (("fair", FAIR), ("biased", BIASED)):
            BiasGateOperator(
                task_id=name,
                analysis=analysis,
                thresholds=TOLERATED,
                on_violation="warn",
                asset_on_pass=assets[name],
            )
    ran = run(dag)

    assert set(ran.states.values()) == {"success"}
    with create_session() as session:
        query = select(AssetModel.name, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        updated = dict(session.execute(query.where(AssetEvent.source_dag_id == "gated_assets")).all())
    assert set(updated) == {"checked_fair"}
    assert updated["checked_fair"]["verdict"].startswith("passed")


def test_mapped_gates_block_tasks_downstream_of_all_instances(airflow_db: Path) -> None:
    with DAG("mapped_gates", schedule=None) as dag:
        failing = BiasGateOperator.partial(task_id="failing", thresholds=TOLERATED).expand(analysis=[FAIR, BIASED])
        failing >> nothing("train_after_failing")
    ran = run(dag)

    assert (ran.states["failing[0]"], ran.states["failing[1]"]) == ("success", "failed")
    assert ran.xcoms["failing[1]"]["verdict"]["outcome"] == "violation"
    assert ran.states["train_after_failing"] == "upstream_failed"


def test_a_gate_in_a_mapped_task_group_blocks_only_its_dataset(airflow_db: Path) -> None:
    with DAG("mapped_groups", schedule=None) as dag:

        @task
        def measure() -> list[dict[str, Any]]:
            return [FAIR, BIASED]

        @task_group
        def check(analysis: Any) -> None:
            gate = BiasGateOperator(task_id="gate", analysis=analysis, thresholds=TOLERATED, on_violation="skip")
            gate >> nothing("train") >> nothing("publish")

        check.expand(analysis=measure())
    ran = run(dag)

    assert (ran.states["check.train[0]"], ran.states["check.publish[0]"]) == ("success", "success")
    assert (ran.states["check.train[1]"], ran.states["check.publish[1]"]) == ("skipped", "skipped")


def test_a_branch_in_a_mapped_task_group_is_rejected_at_parse_time() -> None:
    """Airflow would follow both of its branches."""
    with DAG("mapped_branches", schedule=None):

        @task_group
        def check(analysis: Any) -> None:
            BiasGateOperator(
                task_id="gate", analysis=analysis, thresholds=TOLERATED, on_violation="branch", branch_to="check.repair"
            )

        with pytest.raises(ConfigError, match=r"task 'check\.gate': on_violation='branch': .*use 'fail'"):
            check.expand(analysis=[FAIR, BIASED])


def test_one_gate_judges_all_instances_of_a_mapped_check(airflow_db: Path) -> None:
    with DAG("gate_of_many", schedule=None) as dag:

        @task
        def measure(analysis: dict[str, Any]) -> dict[str, Any]:
            return analysis

        measured = measure.expand(analysis=[FAIR, BIASED, FAIR])
        BiasGateOperator(task_id="gate", analysis=measured, thresholds=TOLERATED) >> nothing("train")
    ran = run(dag)

    assert (ran.states["gate"], ran.states["train"]) == ("failed", "upstream_failed")
    assert [one["outcome"] for one in ran.xcoms["gate"]["verdict"]["all"]] == ["pass", "violation", "pass"]


def test_a_failed_report_does_not_change_the_verdict(
    airflow_db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(outputs, "write_verdict", broken)
    written = outputs.write_analysis(str(tmp_path), Analysis.from_xcom(BIASED), CONFIG).to_xcom()
    with DAG("unadorned", schedule=None) as dag:
        judged = {"analysis": written, "thresholds": TOLERATED}
        BiasGateOperator(task_id="no_report", on_violation="warn", **judged)
        BiasGateOperator(task_id="closed", **judged)
        BiasGateOperator(task_id="no_before", on_violation="warn", before="/nowhere/analysis.json", **judged)
        BiasGateOperator(task_id="two_before", on_violation="warn", before=[FAIR, FAIR], **judged)
    ran = run(dag)

    assert ran.states == {"no_report": "success", "closed": "failed", "no_before": "success", "two_before": "failed"}
    assert {ran.xcoms[name]["verdict"]["outcome"] for name in ("no_report", "closed", "no_before")} == {"violation"}


def test_a_gate_on_a_location_writes_the_same_outputs(airflow_db: Path, tmp_path: Path) -> None:
    outputs.write_analysis(str(tmp_path), Analysis.from_xcom(BIASED), CONFIG, formats=["html"])
    with DAG("located", schedule=None) as dag:
        BiasGateOperator(
            task_id="gate", analysis=f"{tmp_path}/analysis.json", thresholds=TOLERATED, on_violation="warn"
        )
    run(dag)

    assert json.loads((tmp_path / "verdict.json").read_text())["gate"] == "gate"
    assert "Violation" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("branch_to", ["balnce", "train", ["balance", "train"]])
def test_an_invalid_branch_is_rejected_at_parse_time(branch_to: Any) -> None:
    with DAG("misspelt_branch", schedule=None) as dag:
        gate = BiasGateOperator(
            task_id="gate", analysis=BIASED, thresholds=TOLERATED, on_violation="branch", branch_to=branch_to
        )
        gate >> nothing("balance") >> nothing("train")

    with pytest.raises(ConfigError, match=r"task 'gate': branch_to: .* is not directly downstream of this gate"):
        dag.resolve_template_files()


@pytest.mark.parametrize("analysis", [FAIR, BIASED], ids=["fair", "biased"])
def test_an_invalid_templated_branch_fails_for_every_verdict(airflow_db: Path, analysis: dict[str, Any]) -> None:
    with DAG("templated_branch", schedule=None) as dag:
        gate = BiasGateOperator(
            task_id="gate", analysis=analysis, thresholds=TOLERATED, on_violation="branch", branch_to="{{ 'balnce' }}"
        )
        gate >> nothing("balance") >> nothing("train")
    assert run(dag).states == {"gate": "failed", "balance": "upstream_failed", "train": "upstream_failed"}


def test_a_branch_to_a_task_group_runs_its_first_tasks(airflow_db: Path) -> None:
    with DAG("branch_to_a_group", schedule=None) as dag:

        @task_group
        def repair() -> None:
            nothing("balance") >> nothing("measure_again")

        gate = BiasGateOperator(
            task_id="gate", analysis=BIASED, thresholds=TOLERATED, on_violation="branch", branch_to="repair"
        )
        gate >> [repair(), nothing("straight")]
    states = run(dag).states

    assert (states["repair.balance"], states["repair.measure_again"], states["straight"]) == (
        "success",
        "success",
        "skipped",
    )


def test_numbers_rendered_to_text_are_parsed(airflow_db: Path) -> None:
    with DAG("templated", schedule=None, params={"bound": 0.6, "low": -0.6, "rows": 50, "none": None}) as dag:
        BiasGateOperator(
            task_id="gate",
            analysis=BIASED,
            thresholds={"DPL": {"f": {"a": "{{ params.bound }}", "*": ["{{ params.low }}", "{{ params.bound }}"]}}},
            min_rows="{{ params.rows }}",
            confidence="{{ params.none }}",
        )
        BiasGateOperator(task_id="no_number", analysis=BIASED, thresholds={"DPL": "{{ params.none }}"})
    assert run(dag).states == {"gate": "success", "no_number": "failed"}


def test_a_gate_without_an_analysis_fails(airflow_db: Path) -> None:
    with DAG("no_evidence", schedule=None) as dag:

        @task
        def none() -> None:
            return None

        @task
        def something_else() -> dict[str, Any]:
            return {"dpl": 0.0}

        for producer in (none, something_else):
            name = producer.function.__name__
            BiasGateOperator(
                task_id=f"gate_{name}", analysis=producer(), thresholds=TOLERATED, on_violation="warn"
            ) >> nothing(f"train_{name}")
        BiasGateOperator(task_id="gate_empty", analysis=[], thresholds=TOLERATED, on_violation="warn")
        BiasGateOperator(task_id="gate_absent", analysis="/nowhere/analysis.json", thresholds=TOLERATED)
        BiasGateOperator(task_id="gate_wrong", analysis=FAIR, thresholds={"KL": 0.1}, on_violation="warn")
    ran = run(dag)

    assert {task_id for task_id, state in ran.states.items() if state == "success"} == {"none", "something_else"}


@pytest.mark.parametrize(("task_id", "outcome"), [("fail_fair", "pass"), ("fail_biased", "violation")])
def test_the_overview_is_pushed_before_a_gate_stops(gates: Ran, task_id: str, outcome: str) -> None:
    overview = gates.xcoms[task_id]["bias_overview"]
    assert (overview["kind"], overview["outcome"], overview["reaction"]) == ("gate", outcome, "fail")
    assert overview["analyses"][0]["facets"][0]["rows"] == [100, 100]
