"""The part of a gate that uses other runs: drift against a baseline, alarms over many runs, and the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.thresholds import Outcome, Thresholds, Verdict
from airflow_clarify.exceptions import ConfigError, UnfitDataError
from airflow_clarify.history.baseline import FROM_HISTORY, accept_baseline, find_baseline, list_baselines, read_baseline
from airflow_clarify.history.nights import order_nights
from airflow_clarify.history.reading import describe_history, open_history
from airflow_clarify.history.record import HistoryRecord, name_outcome
from airflow_clarify.operators._logging import describe_run

if TYPE_CHECKING:
    import datetime

    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.history.reading import HistoryStore
    from airflow_clarify.operators.gate import BiasGateOperator

#: XCom key of the outcomes of the latest nights, for the page: see :meth:`GateHistory.build_series`.
SERIES_KEY = "bias_series"


def build_record(analysis: Analysis, context: Context, verdict: Verdict | None = None, gate: str = "") -> HistoryRecord:
    """Build the record of an analysis of this run.

    :param analysis: the analysis
    :param context: of the task
    :param verdict: its verdict, for a gate
    :param gate: the task ID of the gate
    """
    run = analysis.run if analysis.run.get("dag_id") else describe_run(context)
    start, end = get_interval(context)
    return HistoryRecord.build(analysis, run=run, start=start, end=end, verdict=verdict, gate=gate)


def get_interval(context: Context) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return the start and the end of the data interval of a run, as far as it has one.

    :param context: of the task
    """
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    # A run without a data interval has one without length, or none.
    return start, (None if start is None or end is None or end <= start else end)


def select_earlier(records: Sequence[HistoryRecord], record: HistoryRecord, source: str) -> list[HistoryRecord]:
    """Select the records of the same task and dataset up to the night of a run, without its own.

    :param records: all records of the history
    :param record: that of the run
    :param source: the history, for the error
    :return: the records in order of time
    :raises UnfitDataError: the run has no date
    """
    if record.start is None:
        raise UnfitDataError(
            f"{source}: this run has no date, so its place among the nights is unknown; trigger it with a logical date"
        )
    earlier = [
        each
        for each in records
        if not each.is_baseline
        and each.key != record.key
        and each.dataset == record.dataset
        and (each.is_backfilled or each.series == record.series)
        and each.start is not None
        and each.start <= record.start
    ]
    # The record of a run replaces a backfilled record of the same night.
    own = {each.start for each in (*earlier, record) if not each.is_backfilled and each.has_counts}
    earlier = [each for each in earlier if not each.is_backfilled or each.start not in own]
    return sorted(earlier, key=lambda each: (each.period, each.key))


class GateHistory:
    """The history, the baseline and the rules over many runs of a gate.

    :param gate: the gate, with its templates rendered
    :param context: of the task
    :param rules: its thresholds; None if it judges drift only
    """

    def __init__(self, gate: BiasGateOperator, context: Context, rules: Thresholds | None) -> None:
        self.gate = gate
        self.context = context
        self.rules = rules
        self.store: HistoryStore | None = None if gate.history is None else open_history(gate.history, gate.conn_id)
        self._records: list[HistoryRecord] = []
        self._source = "history"
        if self.store is not None:
            self._source = describe_history(self.store)
            self._records = self.store.read()

    def judge(self, analyses: Sequence[Analysis]) -> list[Verdict]:
        """Judge the analyses of this run.

        :param analyses: the analyses
        :return: one verdict for each
        :raises ClarifyError: an analysis, the history or the baseline cannot be judged; the gate fails closed
        """
        from airflow_clarify.bias.drift import combine

        verdicts: list[Verdict] | None = None
        if self.rules is not None and self.rules.over_runs is not None:
            verdicts = [self._judge_over_runs(analysis, self.rules) for analysis in analyses]
        elif self.rules is not None:
            verdicts = self.rules.judge_all(analyses)
        if self.gate.drift is None:
            assert verdicts is not None
            return verdicts
        drifted = [self._judge_drift(analysis) for analysis in analyses]
        return drifted if verdicts is None else list(map(combine, verdicts, drifted))

    def write(self, analyses: Sequence[Analysis], verdicts: Sequence[Verdict]) -> None:
        """Record the verdicts in the history, and the baseline if it is to be registered on pass.

        :param analyses: the analyses
        :param verdicts: one for each
        """
        if self.store is None:
            return
        records = [
            build_record(analysis, self.context, verdict, self.gate.task_id)
            for analysis, verdict in zip(analyses, verdicts, strict=True)
        ]
        self.store.write(records)
        if self.gate.register_baseline_on_pass and all(verdict.passed for verdict in verdicts):
            for record in records:
                accept_baseline(self.store, record, by=f"gate {self.gate.task_id}", note="registered on pass")

    def has_changed(self, analyses: Sequence[Analysis], verdicts: Sequence[Verdict]) -> bool:
        """Return whether a violation begins, ends, or worsens by more than noise, against the run before.

        :param analyses: the analyses
        :param verdicts: one for each
        """
        return any(map(self._has_one_changed, analyses, verdicts))

    def build_series(self, analysis: Analysis, verdict: Verdict) -> dict[str, Any]:
        """Build the compact copy of the history of an analysis, which the page in Airflow reads from XCom.

        :param analysis: the analysis of this run, with its counts
        :param verdict: its verdict
        :return: as :func:`airflow_clarify.history.series.build_series` returns
        """
        from airflow_clarify.history.series import build_series

        record = build_record(analysis, self.context, verdict, self.gate.task_id)
        return build_series([*self._select_earlier(record), record], analysis, self.rules, verdict)

    def _judge_over_runs(self, analysis: Analysis, rules: Thresholds) -> Verdict:
        from airflow_clarify.bias.alarms.over_runs import judge_over_runs

        record = build_record(analysis, self.context)
        since = next((each.start for each in list_baselines(self._records) if each.dataset == record.dataset), None)
        earlier = [
            each
            for each in self._select_earlier(record)
            if since is None or each.start is None or each.start > since or each.start == record.start
        ]
        nights = order_nights([*earlier, record], self._source)
        if nights[-1].record is None:
            raise UnfitDataError(f"{self._source}: {nights[-1].period} cannot be judged: {nights[-1].problem}")
        for night in nights:
            if night.problem:
                self.gate.log.warning("%s: %s counts as not judged: %s", self._source, night.period, night.problem)
        assert rules.over_runs is not None
        alone = replace(rules, over_runs=None)
        judged = judge_over_runs(
            [None if night.record is None else night.record.analysis for night in nights], alone, rules.over_runs
        )[-1]
        assert judged is not None
        return judged

    def _select_earlier(self, record: HistoryRecord) -> list[HistoryRecord]:
        return select_earlier(self._records, record, self._source)

    def _judge_drift(self, analysis: Analysis) -> Verdict:
        from airflow_clarify.bias.drift import DEFAULT_CONFIDENCE, Drift, build_constraint_violations

        gate = self.gate
        rules = self.rules
        assert gate.drift is not None
        drift = Drift(
            gate.drift,
            confidence=DEFAULT_CONFIDENCE if rules is None or rules.confidence is None else rules.confidence,
            on_inconclusive="pass" if rules is None or rules.on_inconclusive is None else rules.on_inconclusive,
            undefined=gate.undefined,
        )
        baseline = self._find_baseline(analysis)
        if baseline is None:
            gate.log.info("This is the first run of the history, so there is no baseline to compare it with")
            return Verdict(Outcome.PASS, (), (), analysis.data_name)
        verdict = drift.judge(analysis, baseline)
        if gate.violations_path is not None:
            from airflow_clarify.artifacts import write_files

            folder, slash, name = gate.violations_path.rpartition("/")
            content = build_constraint_violations(verdict, analysis, baseline)
            write_files(folder or slash or ".", {name: content}, gate.conn_id)
        return verdict

    def _find_baseline(self, analysis: Analysis) -> Analysis | None:
        given = self.gate.baseline
        if isinstance(given, str) and given in FROM_HISTORY:
            record = build_record(analysis, self.context)
            found = find_baseline(given, self._records, record, self._source)
            return None if found is None else found.analysis
        if isinstance(given, list | tuple) and len(given) == 1:
            given = given[0]
        return read_baseline(given, self.gate.conn_id)

    def _has_one_changed(self, analysis: Analysis, verdict: Verdict) -> bool:
        record = build_record(analysis, self.context)
        judged = [each for each in self._select_earlier(record) if each.verdict is not None and not each.reason]
        if not judged:
            return not verdict.passed
        before = max(judged, key=lambda each: (each.period, each.key))
        assert before.verdict is not None
        if before.verdict.get("outcome") != name_outcome(verdict):
            return True
        return not verdict.passed and before.has_counts and _has_worsened(analysis, before.analysis, verdict)


def _has_worsened(analysis: Analysis, before: Analysis, verdict: Verdict) -> bool:
    """Return whether a violated metric has grown by more than its 95 % interval of noise."""
    from airflow_clarify.bias.alarms.proportions import is_comparison
    from airflow_clarify.bias.drift import DEFAULT_CONFIDENCE, compute_change
    from airflow_clarify.bias.post_training import ALL_METRICS

    for finding in verdict.violations:
        metric = finding.metric.removesuffix(" drift")
        facet, earlier_facet = analysis.facet(finding.facet), before.facet(finding.facet)
        now = None if facet is None else facet.result(finding.value)
        earlier = None if earlier_facet is None else earlier_facet.result(finding.value)
        if now is None:
            continue
        if earlier is None:
            return True
        value, old = now.metric(metric), earlier.metric(metric)
        if value is None or old is None or value.value is None or old.value is None or not is_comparison(metric):
            continue
        if now.split is None or earlier.split is None:
            continue
        _, interval = compute_change(metric, now, earlier, value.value, old.value, DEFAULT_CONFIDENCE)
        parity = ALL_METRICS[metric].parity
        is_farther = abs(value.value - parity) > abs(old.value - parity)
        if interval is not None and is_farther and not interval[0] <= 0 <= interval[1]:
            return True
    return False


def check_history_arguments(gate: Mapping[str, Any]) -> None:
    """Check the arguments of a gate that belong together.

    :param gate: the arguments
    :raises ConfigError: one needs another that is not given
    """
    if gate["history"] is None:
        if gate["over_runs"] is not None:
            raise ConfigError("over_runs: needs history, which has the counts of earlier runs")
        if gate["notify_on"] == "change":
            raise ConfigError("notify_on: 'change' needs history, which has the verdict of the run before")
        if isinstance(gate["baseline"], str) and gate["baseline"] in FROM_HISTORY:
            raise ConfigError(f"baseline: {gate['baseline']!r} needs history")
        if gate["register_baseline_on_pass"]:
            raise ConfigError("register_baseline_on_pass: needs history, where the baseline is kept")
    if (gate["baseline"] is None) != (gate["drift"] is None):
        missing, given = ("drift", "baseline") if gate["drift"] is None else ("baseline", "drift")
        raise ConfigError(f"{missing}: {given} needs it; give both, as in baseline='first', drift={{'DPL': 0.05}}")
    if gate["thresholds"] is None and gate["drift"] is None:
        raise ConfigError("thresholds: give bounds, such as {'DPL': 0.1}, or baseline and drift")
    if gate["violations_path"] is not None and gate["drift"] is None:
        raise ConfigError("violations_path: needs drift, whose violations it lists")
