"""Record nights that could not be judged, since their measurement or their gate failed before a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.verdict import VERDICT_FORMAT, Outcome
from airflow_clarify.exceptions import ClarifyError
from airflow_clarify.history.reading import open_history
from airflow_clarify.history.record import NOT_JUDGED, HistoryRecord, describe_not_judged, name_dataset
from airflow_clarify.operators._gate_history import SERIES_KEY, build_record, get_interval, select_earlier
from airflow_clarify.operators._logging import describe_run
from airflow_clarify.operators._stats import send_not_judged

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.operators.gate import BiasGateOperator
    from airflow_clarify.operators.measure import MeasureBiasOperator


def record_failed_measurement(task: MeasureBiasOperator, context: Context, error: ClarifyError) -> None:
    """Record in the history that the data of this run could not be measured.

    A later try or run of the same task instance replaces the record. If it cannot be written, a warning is logged,
    since the task fails anyway.

    :param task: the measuring task, which has a history
    :param context: of the task
    :param error: why it failed
    """
    from airflow_clarify.bias.analysis import name_source
    from airflow_clarify.bias.config import DataConfig
    from airflow_clarify.lineage.dataset import describe_source

    try:
        data = DataConfig.coerce(task.data_config)
        dataset = name_dataset(name_source(describe_source(data, task.engine)))
        store = open_history(task.history, data.conn_id)
        start, end = get_interval(context)
        run = describe_run(context)
        store.write([HistoryRecord.build_not_judged(str(error), dataset, run=run, start=start, end=end)])
    except Exception as failed:  # whatever it is, it must not take the place of the reason why the task failed
        task.log.warning("The history has no record that this run failed: %s", failed)


def record_failed_gate(
    gate: BiasGateOperator, context: Context, analyses: Sequence[Analysis], error: ClarifyError
) -> None:
    """Leave in XCom and in the history that a gate could not judge.

    :param gate: the gate
    :param context: of the task
    :param analyses: the analyses that it was to judge, as far as they could be loaded
    :param error: why it failed
    """
    try:
        _record_unjudged(gate, context, analyses, error)
    except Exception as failed:  # whatever it is, it must not take the place of the reason why the gate failed
        gate.log.warning("There is no record that this gate could not judge: %s", failed)


def _record_unjudged(
    gate: BiasGateOperator, context: Context, analyses: Sequence[Analysis], error: ClarifyError
) -> None:
    result = {**build_not_judged_verdict(str(error)), "run": describe_run(context)}
    context["ti"].xcom_push(key="verdict", value=result)
    send_not_judged(context, gate.log)
    if gate.history is None or not analyses:
        return
    store = open_history(gate.history, gate.conn_id)
    earlier = _read_if_possible(store)
    recorded = {record.key: record for record in earlier}
    records = [_build_unjudged(gate, context, analysis, recorded, str(error)) for analysis in analyses]
    store.write(records)
    if len(records) == 1 and records[0].start is not None:
        from airflow_clarify.history.series import build_series

        before = select_earlier(earlier, records[0], "history")
        series = build_series([*before, records[0]], analyses[0], _build_rules_if_possible(gate))
        context["ti"].xcom_push(key=SERIES_KEY, value=series)


def build_not_judged_verdict(reason: str) -> dict[str, Any]:
    """Build the verdict of a gate that could not judge, in the format of a verdict.

    :param reason: why, in one sentence
    :return: JSON values only; the outcome is "not judged"
    """
    return {
        "format": VERDICT_FORMAT,
        "outcome": NOT_JUDGED,
        "sentence": f"{NOT_JUDGED}: {reason}",
        "reasons": [reason],
        "checks": {outcome.value: 0 for outcome in Outcome},
        "questions": 0,
        "findings": [],
    }


def _read_if_possible(store: Any) -> list[HistoryRecord]:
    """Read a history; what cannot be read may be the reason why the gate failed."""
    try:
        return list(store.read())
    except ClarifyError:
        return []


def _build_rules_if_possible(gate: BiasGateOperator) -> Any:
    """Build the thresholds of a gate; what they lack may be the reason why it failed."""
    try:
        return gate._build_thresholds()
    except ClarifyError:
        return None


def _build_unjudged(
    gate: BiasGateOperator,
    context: Context,
    analysis: Analysis,
    recorded: dict[str, HistoryRecord],
    reason: str,
) -> HistoryRecord:
    """Build the record of an analysis without a verdict.

    Counts that the measuring task has recorded are kept. Otherwise none are written: a second run of a night, which is
    refused, must not prevent that the night is judged by its first.
    """
    record = build_record(analysis, context)
    if record.key in recorded:
        return recorded[record.key].with_verdict(describe_not_judged(reason, gate.task_id))
    run = analysis.run if analysis.run.get("dag_id") else describe_run(context)
    return HistoryRecord.build_not_judged(
        reason, record.dataset, run=run, start=record.start, end=record.end, gate=gate.task_id
    )
