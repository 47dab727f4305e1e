"""Load the analyses that a gate judges, and serialize its verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import XComArg

from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError, UnfitDataError
from airflow_clarify.operators._gate_arguments import is_in_mapped_group, list_mapped_groups
from airflow_clarify.operators._templates import parse_rendered

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Verdict
    from airflow_clarify.operators.gate import BiasGateOperator


def load_analyses(gate: BiasGateOperator, context: Context) -> list[Analysis]:
    """Load the analyses that a gate judges.

    :param gate: the gate, with its templates rendered
    :param context: of the task
    :return: the analyses
    :raises ClarifyError: there is none, one is missing, or is not an analysis; the gate fails closed
    """
    _check_complete(gate, context)
    many = list_analyses(gate.analysis, "analysis")
    if not many:
        raise ConfigError("analysis: the list is empty, so there is nothing to judge")
    return [_read(one, gate.conn_id) for one in many]


def load_earlier(gate: BiasGateOperator, n_judged: int) -> Sequence[Analysis | None]:
    """Load the analyses of the data before their repair, one for each judged analysis.

    :param gate: the gate, with its templates rendered
    :param n_judged: number of judged analyses
    :return: the analyses; None for those that cannot be read, with a warning in the log
    :raises ConfigError: their number differs
    """
    if gate.before is None:
        return [None] * n_judged
    try:
        earlier = list_analyses(gate.before, "before")
    except ConfigError as error:
        gate.log.warning("The report cannot show the data before the repair: %s", error)
        return [None] * n_judged
    if len(earlier) != n_judged:
        raise ConfigError(f"before: {len(earlier)} analyses, and {n_judged} are judged; give one for each")
    return [_read_if_possible(gate, one) for one in earlier]


def _check_complete(gate: BiasGateOperator, context: Context) -> None:
    """Check that every instance of a mapped task has returned an analysis; Airflow omits absent ones.

    :raises UnfitDataError: an instance did not succeed, or returned nothing
    """
    written = getattr(gate, "_as_written", {}).get("analysis")
    references: dict[Any, str] = dict(XComArg.iter_xcom_references(written))
    if not is_in_mapped_group(gate):
        # If this gate is itself mapped, Airflow created one instance for each analysis that was present.
        expanded = getattr(context["dag"].task_dict.get(gate.task_id), "expand_input", None)
        references |= dict(XComArg.iter_xcom_references(expanded))
    for task, key in references.items():
        if not (task.is_mapped or list_mapped_groups(task) - list_mapped_groups(gate)):
            # A single instance, or the one of the same map index in the same mapped task group.
            continue
        done = _count_instances(context["ti"], task)
        left = len(list_analyses(XComArg(task, key).resolve(context), "analysis"))
        if left < done:
            raise UnfitDataError(
                f"analysis: {done} instances of task '{task.task_id}' have run, and {left} returned an analysis; "
                "an absent analysis never passes"
            )


def _read_if_possible(gate: BiasGateOperator, one: Any) -> Analysis | None:
    try:
        return _read(one, gate.conn_id)
    except ClarifyError as error:
        # The verdict does not depend on it.
        gate.log.warning("The report cannot show the data before the repair: %s", error)
        return None


def _read(one: Any, conn_id: str | None) -> Analysis:
    from airflow_clarify.artifacts import read_analysis
    from airflow_clarify.bias.analysis import Analysis

    if isinstance(one, str):
        return read_analysis(one, conn_id)
    try:
        document = _extract_analysis(one)
        analysis = Analysis.from_xcom(document)
    except DataError as error:
        # An XCom does not change between tries; a file may be rewritten.
        raise UnfitDataError(str(error)) from None
    if not analysis.suppress_below:
        return analysis
    return _read_hidden_findings(document, conn_id) if _is_search(document) else _read_hidden_counts(analysis, conn_id)


def _is_search(document: Mapping[str, Any]) -> bool:
    from airflow_clarify.bias.serialization import SUBGROUPS_FORMAT

    return document.get("format") == SUBGROUPS_FORMAT


def _read_hidden_findings(document: Mapping[str, Any], conn_id: str | None) -> Analysis:
    """Read what the XCom value of a search hides from its file, so that the verdict is the same.

    :raises UnfitDataError: there is no file, or it is of another search
    """
    from airflow_clarify.artifacts import read_exact_search
    from airflow_clarify.bias.subgroups.adapter import build_analysis
    from airflow_clarify.bias.subgroups.result import SubgroupSearch

    return build_analysis(read_exact_search(SubgroupSearch.from_json(document, "the XCom"), conn_id))


def _read_hidden_counts(analysis: Analysis, conn_id: str | None) -> Analysis:
    """Read the counts that an XCom value hides from the files of its analysis, so that the verdict is the same.

    :raises UnfitDataError: there are no files, or they are of another run
    """
    from airflow_clarify.artifacts import read_analysis

    location = analysis.outputs.get("analysis")
    if location is None:
        raise UnfitDataError(
            f"analysis: counts under {analysis.suppress_below} are hidden, and there are no files to read them from; "
            "set output_path in the DataConfig of the measuring task"
        )
    exact = read_analysis(location, conn_id)
    if exact.file_sha256 != analysis.file_sha256 or exact.rows is None:
        raise UnfitDataError(
            f"analysis: the hidden counts cannot be read, as {location} is of another run, or its summary.json is "
            "missing; give each run an output_path of its own"
        )
    return replace(exact, run=analysis.run)


def _count_instances(ti: Any, task: Any) -> int:
    """Count the instances of a mapped task.

    :raises UnfitDataError: one of them did not succeed
    """
    found = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task.task_id], run_ids=[ti.run_id]).get(ti.run_id, {})
    states = {name: state for name, state in found.items() if state != "removed"}
    absent = {name: state for name, state in states.items() if state != "success"}
    if absent:
        name, state = min(absent.items())
        index = name.removeprefix(f"{task.task_id}_")
        raise UnfitDataError(
            f"analysis: {len(absent)} of {len(states)} instances of task '{task.task_id}' returned no analysis, such "
            f"as map index {index} ({state or 'not run'}); an absent analysis never passes"
        )
    return len(states)


def _extract_analysis(given: Any) -> Any:
    """Return the analysis itself; a sensor returns it together with its job."""
    return given["analysis"] if isinstance(given, Mapping) and given.keys() == {"job", "analysis"} else given


def list_analyses(given: Any, name: str) -> list[Any]:
    """List the analyses of an argument, parsing text that templates have rendered.

    :param given: the rendered argument
    :param name: its name, for the error
    :raises ConfigError: the text is neither an analysis nor a path
    """
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "[", ""):
        given = parse_rendered(given)
        if not isinstance(given, Mapping | list | tuple):
            raise ConfigError(
                f"{name}: its template rendered to a text that is not an analysis; write {name}=bias.output"
            )
    if given is None or isinstance(given, str | Mapping):
        return [given]
    # A list may contain the output of a mapped task, which is itself a sequence.
    listed = [one if one is None or isinstance(one, str | Mapping) else list_analyses(one, name) for one in given]
    return [one for part in listed for one in (part if isinstance(part, list) else [part])]


def verdicts_to_xcom(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    if len(verdicts) == 1:
        return verdicts[0].to_json()
    most = max(1, 100 // len(verdicts))
    worst = next((verdict for verdict in verdicts if not verdict.passed), verdicts[0])
    return {**worst.to_json(most), "all": [verdict.to_json(most) for verdict in verdicts]}
