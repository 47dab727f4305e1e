"""Gate a DAG on bias: `BiasGateOperator` continues it, stops it, or branches to a repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    Asset,
    BaseOperator,
    BranchMixIn,
)

from airflow_clarify.bias.argument_types import is_templated
from airflow_clarify.bias.thresholds import Rule, Thresholds
from airflow_clarify.exceptions import ClarifyError, ConfigError, find_author_line
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.operators._errors import parse_time_errors, translate_errors
from airflow_clarify.operators._gate_arguments import (
    BRANCHES_ARE_NOT_MAPPED,
    build_alias,
    check_asset,
    check_mapped,
    check_measured,
    check_notifiers,
    check_reaction,
    is_in_mapped_group,
    is_mapped,
    list_outlets,
    read_rules,
    replace_tasks,
)
from airflow_clarify.operators._logging import describe_run, log_analysis, push_overview
from airflow_clarify.operators._templates import parse_number, parse_optional_number
from airflow_clarify.operators.base import TemplateChecks, check_flag, hide_unset_fields

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import BaseNotifier, BaseOperatorLink, Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Verdict
    from airflow_clarify.notifications.notify import NotifyOn
    from airflow_clarify.operators._gate_history import GateHistory

OnViolation = Literal["fail", "skip", "branch", "warn"]


class BiasGateOperator(TemplateChecks, BaseOperator, BranchMixIn):
    """Judge an analysis against thresholds, and continue the DAG only if it passes.

    The verdict is stored (XCom ``verdict``, then ``verdict.json`` and an updated report beside the analysis) before
    anything stops. A verdict is not retried, because the data would be the same.

    :param analysis: the output of :class:`~airflow_clarify.ClarifyPreTrainingBiasOperator` or of
        :class:`~airflow_clarify.ClarifyJobSensor`, or a list of outputs (such as that of a mapped task), or the
        location of an ``analysis.json`` (templated). A task stands for its output, and a template may render to the
        text of an analysis, as ``"{{ ti.xcom_pull('bias') }}"`` does. Every instance of a mapped task must have
        returned one
    :param thresholds: bounds by metric, such as ``{"DPL": 0.1}``, or a :class:`~airflow_clarify.Thresholds`;
        optional with ``drift`` (templated)
    :param baseline: what ``drift`` compares with: an analysis, given like ``analysis``; or, with
        ``history``, "first" (the first run), "last_passed" (the last run that passed) or "accepted" (the one that a
        person has accepted) (templated)
    :param drift: the largest change against ``baseline`` by metric, such as ``{"DPL": 0.05}``, judged by the confidence
        interval of the change (95 %, or ``confidence``); a change whose interval reaches across the bound is
        reported, and fails only with ``on_inconclusive="fail"``. Or "model-monitor": the rule of Amazon SageMaker Model
        Monitor, under which no absolute value may exceed that of the baseline
    :param history: where the counts and the verdict of each run are recorded: a folder, such as
        ``"s3://bucket/bias/history"``, or a :class:`~airflow_clarify.SQLHistory` (templated)
    :param over_runs: see :class:`~airflow_clarify.Thresholds`; needs ``history``
    :param register_baseline_on_pass: whether the analyses become the accepted baseline when they pass
    :param violations_path: write a ``constraint_violations.json`` in Model Monitor's format there (templated)
    :param before: the analysis of the data before their repair, which the report shows for comparison; given like
        ``analysis``. If it cannot be read, a warning is logged (templated)
    :param on_violation: "fail" the task; "skip" downstream tasks; "branch" to ``branch_to`` and skip the rest; or
        "warn" and continue. A mapped gate cannot skip or branch, because Airflow does not apply either to mapped tasks;
        a gate in a mapped task group can skip if all downstream tasks have the trigger rule "all_success"
    :param branch_to: with "branch": the task, task group, or list of them to follow when the data do not pass; when
        they pass, all other tasks directly downstream are followed
    :param ignore_downstream_trigger_rules: with "skip": whether to skip all downstream tasks (default), or only those
        directly downstream and leave the others to their trigger rules
    :param asset_on_pass: an asset that is updated only when the data pass; its event contains ``verdict``, ``checks``,
        the worst value of each judged metric and facet (as in ``"DPL of gender": 0.04``), and ``analysis``, the
        location of ``analysis.json``. Static ``outlets`` would be updated on "skip", "branch" and "warn" too, and are
        rejected there
    :param asset_extra: further content of the asset's event, such as the partition that has passed, for DAGs that are
        scheduled on it (templated)
    :param on_verdict: notifications to send, after the verdict is stored and before anything stops: an Airflow
        notifier (mail, chat, a queue), a function that takes the task's context, or a list of them. The templates of a
        notifier can use ``verdict`` (the XCom: ``{{ verdict.sentence }}``), ``verdict_text``, ``verdict_markdown``,
        ``verdict_slack``, ``verdict_html`` (the outcome and the worst five findings) and ``verdict_url`` (this task's
        tab "Bias"). If one fails, a warning is logged; the verdict is unchanged
    :param notify_on: "violation" notifies when the data do not pass (including inconclusive verdicts), "always" also
        when they do, "change" when a violation begins, ends, or worsens by more than noise (needs ``history``). A gate
        that cannot judge fails without a verdict: use ``on_failure_callback`` for that
    :param min_rows: see :class:`~airflow_clarify.Thresholds`
    :param below_min_rows: see :class:`~airflow_clarify.Thresholds`
    :param confidence: see :class:`~airflow_clarify.Thresholds`
    :param on_inconclusive: see :class:`~airflow_clarify.Thresholds`
    :param undefined: see :class:`~airflow_clarify.Thresholds`
    :param correction: see :class:`~airflow_clarify.Thresholds`; it counts the questions of all judged analyses
    :param conn_id: the Airflow connection to the files of the analysis
    :raises AirflowFailException: the data do not pass and ``on_violation`` is "fail"; or a threshold names a metric or
        a facet that the analysis does not contain
    """

    inherits_from_skipmixin = True
    template_fields: Sequence[str] = (
        "analysis",
        "thresholds",
        "baseline",
        "drift",
        "history",
        "over_runs",
        "violations_path",
        "before",
        "branch_to",
        "asset_extra",
        "min_rows",
        "below_min_rows",
        "confidence",
        "on_inconclusive",
        "undefined",
        "correction",
        "conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"analysis": "json", "before": "json", "thresholds": "json"}
    operator_extra_links: Sequence[BaseOperatorLink] = (BiasReportLink(),)
    # ``before`` and ``asset_extra`` only accompany a verdict and must not decide it, so a None there is a warning.
    none_allowed = frozenset({"confidence", "before", "asset_extra"})
    ui_color = "#f9e3e3"

    def __init__(
        self,
        *,
        analysis: Any,
        thresholds: Mapping[str, Rule] | Thresholds | None = None,
        baseline: Any = None,
        drift: Mapping[str, Any] | Literal["model-monitor"] | None = None,
        history: Any = None,
        over_runs: Any = None,
        register_baseline_on_pass: bool = False,
        violations_path: str | None = None,
        before: Any = None,
        on_violation: OnViolation = "fail",
        branch_to: str | Sequence[str] | None = None,
        ignore_downstream_trigger_rules: bool = True,
        asset_on_pass: Asset | None = None,
        asset_extra: Mapping[str, Any] | None = None,
        on_verdict: BaseNotifier | Callable[[Context], Any] | Sequence[BaseNotifier | Callable[[Context], Any]] = (),
        notify_on: NotifyOn = "violation",
        min_rows: int = 0,
        below_min_rows: Literal["fail", "pass", "ignore"] = "fail",
        confidence: float | None = None,
        on_inconclusive: Literal["fail", "pass"] | None = None,
        undefined: Literal["fail", "ignore"] = "fail",
        correction: Literal["holm", "bonferroni", "by"] | None = None,
        conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        with parse_time_errors(self, kwargs.get("task_id")):
            check_reaction(on_violation, branch_to, kwargs.get("outlets"))
            notifiers = list_outlets(on_verdict)
            check_notifiers(notifiers, notify_on)
            check_asset(asset_on_pass, asset_extra)
            check_flag("ignore_downstream_trigger_rules", ignore_downstream_trigger_rules)
            analysis = replace_tasks("analysis", analysis)
            before = replace_tasks("before", before)
            baseline = None if baseline is None else replace_tasks("baseline", baseline)
            check_flag("register_baseline_on_pass", register_baseline_on_pass)
            self._check_history_arguments(locals())
        if asset_on_pass is not None:
            kwargs["outlets"] = [*list_outlets(kwargs.get("outlets")), build_alias(asset_on_pass)]
        super().__init__(**kwargs)
        self.analysis = analysis
        self.thresholds = thresholds
        self.baseline = baseline
        self.drift = drift
        self.history = history
        self.over_runs = over_runs
        self.register_baseline_on_pass = register_baseline_on_pass
        self.violations_path = violations_path
        self.before = before
        self.on_violation = on_violation
        self.branch_to = branch_to
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        self.asset_on_pass = asset_on_pass
        self.asset_extra = asset_extra
        self.on_verdict = notifiers
        self.notify_on = notify_on
        self.min_rows = min_rows
        self.below_min_rows = below_min_rows
        self.confidence = confidence
        self.on_inconclusive = on_inconclusive
        self.undefined = undefined
        self.correction = correction
        self.conn_id = conn_id
        self._judged: tuple[Sequence[Analysis], Sequence[Verdict]] = ((), ())
        self._author_line = find_author_line()
        with parse_time_errors(self):
            if on_violation == "branch" and is_in_mapped_group(self):
                raise ConfigError(BRANCHES_ARE_NOT_MAPPED)
            if not any(is_templated(value) for value in self._list_rule_arguments()):
                rules = self._build_thresholds()
                if rules is not None:
                    check_measured(rules, analysis)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the template fields.

        :param context: of the task
        :param jinja_env: the Jinja environment; the DAG's by default
        """
        super().render_template_fields(context, jinja_env)
        hide_unset_fields(self)

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """Create a partial mapped gate, and check the arguments that are known.

        :param kwargs: as for the constructor
        :return: as :meth:`airflow.sdk.BaseOperator.partial` returns
        :raises ConfigError: it would skip or branch
        """
        with parse_time_errors(cls, kwargs.get("task_id")):
            given = {"on_violation": "fail", "branch_to": None, "outlets": None, **kwargs}
            if not is_templated(given["on_violation"]):
                check_mapped(given["on_violation"])
                check_reaction(given["on_violation"], given["branch_to"], given["outlets"])
            if "thresholds" in kwargs and not is_templated(kwargs["thresholds"]):
                read_rules(kwargs["thresholds"])
        return cast(Any, super()).partial(**kwargs)

    def prepare_template(self) -> None:
        """Check what depends on the complete DAG; Airflow calls this for every task of a parsed DAG file.

        :raises ConfigError: a branch does not exist, or Airflow could not skip a downstream task
        """
        super().prepare_template()
        try:
            with parse_time_errors(self):
                if not is_templated(self.branch_to):
                    self._check_branches()
                self._check_can_skip()
        except ConfigError as error:
            if self._author_line is None:
                raise
            # For an error at this stage Airflow shows only the message, without notes.
            raise ConfigError(f"{error} ({self._author_line})") from None

    def execute(self, context: Context) -> dict[str, Any]:
        """Judge the analyses, store the verdict, and react to it.

        :param context: of the task
        :return: the verdict as JSON
        """
        analyses: list[Analysis] = []
        with translate_errors(), self._record_failure(context, analyses):
            self.check_rendered()
            from airflow_clarify.api import gate_all
            from airflow_clarify.bias.suppression import hide_small_counts, hide_small_findings
            from airflow_clarify.operators._gate_analyses import load_analyses, load_earlier, verdicts_to_xcom

            if is_mapped(context["ti"]) and not is_in_mapped_group(self):
                check_mapped(self.on_violation)
            self._check_branches()
            self._check_can_skip()
            rules = self._build_thresholds()
            analyses.extend(load_analyses(self, context))
            earlier = load_earlier(self, len(analyses))
            history = self._open_history(context, rules)
            verdicts = history.judge(analyses) if history is not None else gate_all(analyses, rules or {})
        counted = analyses
        verdicts = [hide_small_findings(*judged) for judged in zip(verdicts, analyses, strict=True)]
        # From here on everything is shown or passed on, so small counts are hidden.
        analyses = [hide_small_counts(analysis) for analysis in analyses]
        self._judged = (analyses, verdicts)
        result = {**verdicts_to_xcom(verdicts), "run": describe_run(context)}
        # Pushed before the reactions below: they raise, and a return value is stored only when the task succeeds.
        context["ti"].xcom_push(key="verdict", value=result)
        if self.do_xcom_push and self.on_violation in ("skip", "branch"):
            # These reactions raise although the task does not fail, so the return value is pushed here.
            context["ti"].xcom_push(key="return_value", value=result)
        from airflow_clarify.operators._stats import send_verdicts

        send_verdicts(context, verdicts, self.log)
        has_series = self.history is not None and len(analyses) == 1
        push_overview(context, analyses, verdicts, rules, self.on_violation, earlier, series=has_series)
        for analysis, verdict, before in zip(analyses, verdicts, earlier, strict=True):
            self._log_verdict(analysis, verdict, rules, before)
            self._write_verdict(analysis, verdict, rules, before)
        is_to_notify = self._is_to_notify(history, counted, verdicts)
        if history is not None:
            with translate_errors():
                history.write(counted, verdicts)
                if has_series:
                    from airflow_clarify.operators._gate_history import SERIES_KEY

                    context["ti"].xcom_push(key=SERIES_KEY, value=history.build_series(counted[0], verdicts[0]))
        passed = all(verdict.passed for verdict in verdicts)
        if is_to_notify:
            from airflow_clarify.notifications.notify import notify_all

            notify_all(self.on_verdict, context, result, self.log)
        if passed:
            self._apply_pass(context, analyses, verdicts)
        else:
            self._apply_violation(context, [verdict for verdict in verdicts if not verdict.passed])
        return result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the assertions on the judged data; OpenLineage calls this, if it is installed.

        :param task_instance: the task instance
        """
        from airflow_clarify.lineage import openlineage as lineage

        # Some versions of the provider call this on an earlier copy of the task, which has no results.
        task = task_instance.task
        analyses, verdicts = task._judged
        if not verdicts:
            return lineage.build_empty_lineage()
        return lineage.build_verdict_lineage(
            [analysis.whereabouts for analysis in analyses],
            verdicts,
            stops=task.on_violation != "warn",
            inconclusive_passes=(rules := task._build_thresholds()) is None or rules.on_inconclusive == "pass",
        )

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """Return the same lineage for a gate that failed, which has judged as well.

        :param task_instance: the task instance
        """
        return self.get_openlineage_facets_on_complete(task_instance)

    @contextmanager
    def _record_failure(self, context: Context, analyses: Sequence[Analysis]) -> Iterator[None]:
        """Leave in XCom and in the history that the gate could not judge, if it fails before a verdict."""
        try:
            yield
        except ClarifyError as error:
            from airflow_clarify.operators._not_judged import record_failed_gate

            record_failed_gate(self, context, analyses, error)
            raise

    def _open_history(self, context: Context, rules: Thresholds | None) -> GateHistory | None:
        """Open what a gate needs of other runs; None if it judges this run alone."""
        if self.history is None and rules is not None and rules.over_runs is not None:
            raise ConfigError("over_runs: needs history, which has the counts of earlier runs")
        if self.history is None and self.drift is None:
            return None
        from airflow_clarify.operators._gate_history import GateHistory

        return GateHistory(self, context, rules)

    def _is_to_notify(
        self, history: GateHistory | None, analyses: Sequence[Analysis], verdicts: Sequence[Verdict]
    ) -> bool:
        if self.notify_on == "always":
            return True
        if self.notify_on == "change" and history is not None:
            return history.has_changed(analyses, verdicts)
        return not all(verdict.passed for verdict in verdicts)

    @staticmethod
    def _check_history_arguments(given: Mapping[str, Any]) -> None:
        names = ("baseline", "drift", "history", "over_runs", "violations_path")
        uses_history = any(given[name] is not None for name in names) or given["register_baseline_on_pass"]
        if uses_history or given["thresholds"] is None or given["notify_on"] == "change":
            # Imported only by DAG files that use it.
            from airflow_clarify.operators._gate_history import check_history_arguments

            check_history_arguments(given)

    def _list_rule_arguments(self) -> tuple[Any, ...]:
        return (
            self.thresholds,
            self.min_rows,
            self.below_min_rows,
            self.confidence,
            self.on_inconclusive,
            self.undefined,
            self.correction,
            self.over_runs,
        )

    def _build_thresholds(self) -> Thresholds | None:
        if self.thresholds is None:
            return None
        return read_rules(
            self.thresholds,
            min_rows=parse_number("min_rows", self.min_rows),
            below_min_rows=self.below_min_rows,
            confidence=parse_optional_number("confidence", self.confidence),
            on_inconclusive=self.on_inconclusive,
            undefined=self.undefined,
            correction=self.correction,
            over_runs=self.over_runs,
        )

    def _log_verdict(
        self, analysis: Analysis, verdict: Verdict, rules: Thresholds | None, before: Analysis | None
    ) -> None:
        log_analysis(self.log, analysis, verdict, rules, before)
        if verdict.passed:
            self.log.info("Verdict %s", verdict.sentence)
        else:
            self.log.error("Verdict %s", verdict.sentence)

    def _write_verdict(
        self, analysis: Analysis, verdict: Verdict, rules: Thresholds | None, before: Analysis | None
    ) -> None:
        """Write the verdict beside the analysis, and rewrite the report with it."""
        # Without this package's files, only Clarify's are there, and they are not modified.
        if "config" not in analysis.outputs:
            return
        from airflow_clarify.artifacts import write_verdict

        try:
            write_verdict(analysis, verdict, rules, self.conn_id, before, self.task_id, self.drift)
        except ClarifyError as error:
            self.log.warning("The report was not updated with the verdict: %s", error)
        except Exception:
            # The report must not decide the outcome; the verdict is in XCom and in the log already.
            self.log.warning("The report was not updated with the verdict", exc_info=True)

    def _apply_pass(self, context: Context, analyses: Sequence[Analysis], verdicts: Sequence[Verdict]) -> None:
        if self.asset_on_pass is not None:
            from airflow_clarify.operators.asset_events import summarize_verdicts

            extra = {**(self.asset_extra or {}), **summarize_verdicts(analyses, verdicts)}
            context["outlet_events"][build_alias(self.asset_on_pass)].add(self.asset_on_pass, extra=extra)
        if self.on_violation == "branch":
            repair = set(self._find_repair_tasks())
            follow = sorted(task_id for task_id in context["ti"].task.downstream_task_ids if task_id not in repair)
            self._follow_branch(context, follow)

    def _apply_violation(self, context: Context, failed: Sequence[Verdict]) -> None:
        sentence = "; ".join(verdict.sentence for verdict in failed)
        if self.on_violation == "fail":
            raise AirflowFailException(f"Bias gate closed: {sentence}")
        if self.on_violation == "skip":
            self._skip_downstream(context, sentence)
        elif self.on_violation == "branch":
            self._follow_branch(context, self._find_repair_tasks())
        else:
            self.log.warning("Continuing despite the verdict, because on_violation is 'warn'")

    def _skip_downstream(self, context: Context, sentence: str) -> None:
        ti = context["ti"]
        if is_mapped(ti):
            # Airflow does not record what a mapped task skips, but tasks downstream of a skipped gate do not run.
            raise AirflowSkipException(f"Bias gate closed: {sentence}")
        task = context["task"]
        if self.ignore_downstream_trigger_rules:
            downstream = [t for t in task.get_flat_relatives(upstream=False) if not t.is_teardown]
        else:
            downstream = [t for t in task.get_direct_relatives(upstream=False) if not t.is_teardown]
        self.log.info("Skipping %s", ", ".join(sorted(t.task_id for t in downstream)) or "nothing")
        self.skip(ti, downstream)

    def _check_branches(self) -> None:
        """Check that the tasks of ``branch_to`` are directly downstream.

        :raises ConfigError: one is not, so it could not be distinguished from what follows when the data pass
        """
        if self.on_violation != "branch":
            return
        for task_id in self._find_repair_tasks():
            if task_id not in self.downstream_task_ids:
                raise ConfigError(
                    f"branch_to: {task_id!r} is not directly downstream of this gate; these tasks are: "
                    f"{', '.join(sorted(self.downstream_task_ids)) or 'none'}"
                )

    def _check_can_skip(self) -> None:
        """Check that Airflow skips the tasks downstream of a gate in a mapped task group.

        There the gate can only skip itself, and tasks with a trigger rule other than "all_success" would run. Elsewhere
        the gate skips them independent of their rules.

        :raises ConfigError: a downstream task would run on data that do not pass
        """
        if self.on_violation != "skip" or not is_in_mapped_group(self):
            return
        downstream = (
            self.get_flat_relatives(upstream=False)
            if self.ignore_downstream_trigger_rules
            else self.get_direct_relatives(upstream=False)
        )
        for task in sorted(downstream, key=lambda task: task.task_id):
            rule = str(getattr(task.trigger_rule, "value", task.trigger_rule))
            if rule != "all_success" and not task.is_teardown:
                raise ConfigError(
                    f"on_violation='skip': Airflow would still run task '{task.task_id}': its trigger rule is "
                    f"'{rule}', and the gate is in a mapped task group; use on_violation='fail', or 'all_success' there"
                )

    def _find_repair_tasks(self) -> list[str]:
        """Return the task ids of ``branch_to``, with each task group replaced by its first tasks."""
        targets = [self.branch_to] if isinstance(self.branch_to, str) else list(self.branch_to or ())
        dag = self.get_dag()
        groups = {} if dag is None else dag.task_group_dict
        return [
            task_id
            for target in targets
            for task_id in ([root.task_id for root in groups[target].roots] if target in groups else [target])
        ]

    def _follow_branch(self, context: Context, follow: list[str]) -> None:
        if is_mapped(context["ti"]):
            raise AirflowFailException(BRANCHES_ARE_NOT_MAPPED)
        self.do_branch(context, follow)
