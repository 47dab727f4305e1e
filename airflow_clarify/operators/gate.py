"""Gate a DAG on bias: `BiasGateOperator` continues it, stops it, or branches to a repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    Asset,
    AssetAlias,
    BaseOperator,
    BranchMixIn,
    XComArg,
)

from airflow_clarify.bias.argument_types import is_templated
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig
from airflow_clarify.bias.thresholds import Rule, Thresholds
from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError, UnfitDataError, find_author_line
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.operators._errors import parse_time_errors, translate_errors
from airflow_clarify.operators._logging import describe_run, log_analysis, push_overview
from airflow_clarify.operators._templates import parse_number, parse_optional_number, parse_rendered
from airflow_clarify.operators.base import TemplateChecks, check_flag, hide_unset_fields

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import BaseNotifier, BaseOperatorLink, Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Verdict
    from airflow_clarify.notifications.notify import NotifyOn

OnViolation = Literal["fail", "skip", "branch", "warn"]
_CHOICES = ("fail", "skip", "branch", "warn")


class BiasGateOperator(TemplateChecks, BaseOperator, BranchMixIn):
    """Judge an analysis against thresholds, and continue the DAG only if it passes.

    The verdict is stored (XCom ``verdict``, then ``verdict.json`` and an updated report beside the analysis) before
    anything stops. A verdict is not retried, because the data would be the same.

    :param analysis: the output of :class:`~airflow_clarify.ClarifyPreTrainingBiasOperator` or of
        :class:`~airflow_clarify.ClarifyJobSensor`, or a list of outputs (such as that of a mapped task), or the
        location of an ``analysis.json`` (templated). A task stands for its output, and a template may render to the
        text of an analysis, as ``"{{ ti.xcom_pull('bias') }}"`` does. Every instance of a mapped task must have
        returned one
    :param thresholds: bounds by metric, such as ``{"DPL": 0.1}``, or a :class:`~airflow_clarify.Thresholds`
        (templated)
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
        when they do. A gate that cannot judge fails without a verdict: use ``on_failure_callback`` for that
    :param min_rows: see :class:`~airflow_clarify.Thresholds`
    :param below_min_rows: see :class:`~airflow_clarify.Thresholds`
    :param confidence: see :class:`~airflow_clarify.Thresholds`
    :param on_inconclusive: see :class:`~airflow_clarify.Thresholds`
    :param undefined: see :class:`~airflow_clarify.Thresholds`
    :param conn_id: the Airflow connection to the files of the analysis
    :raises AirflowFailException: the data do not pass and ``on_violation`` is "fail"; or a threshold names a metric or
        a facet that the analysis does not contain
    """

    inherits_from_skipmixin = True
    template_fields: Sequence[str] = (
        "analysis",
        "thresholds",
        "before",
        "branch_to",
        "asset_extra",
        "min_rows",
        "below_min_rows",
        "confidence",
        "on_inconclusive",
        "undefined",
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
        thresholds: Mapping[str, Rule] | Thresholds,
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
        conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        with parse_time_errors(self, kwargs.get("task_id")):
            _check_reaction(on_violation, branch_to, kwargs.get("outlets"))
            notifiers = _list_outlets(on_verdict)
            _check_notifiers(notifiers, notify_on)
            _check_asset(asset_on_pass, asset_extra)
            check_flag("ignore_downstream_trigger_rules", ignore_downstream_trigger_rules)
            analysis = _list_outputs("analysis", analysis)
            before = _list_outputs("before", before)
        if asset_on_pass is not None:
            kwargs["outlets"] = [*_list_outlets(kwargs.get("outlets")), _build_alias(asset_on_pass)]
        super().__init__(**kwargs)
        self.analysis = analysis
        self.thresholds = thresholds
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
        self.conn_id = conn_id
        self._judged: tuple[Sequence[Analysis], Sequence[Verdict]] = ((), ())
        self._author_line = find_author_line()
        with parse_time_errors(self):
            if on_violation == "branch" and _is_in_mapped_group(self):
                raise ConfigError(_BRANCHES_ARE_NOT_MAPPED)
            if not any(is_templated(value) for value in self._list_rule_arguments()):
                _check_measured(self._build_thresholds(), analysis)

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
                _check_mapped(given["on_violation"])
                _check_reaction(given["on_violation"], given["branch_to"], given["outlets"])
            if "thresholds" in kwargs and not is_templated(kwargs["thresholds"]):
                _read_rules(kwargs["thresholds"])
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
        with translate_errors():
            self.check_rendered()
            from airflow_clarify.api import gate

            if _is_mapped(context["ti"]) and not _is_in_mapped_group(self):
                _check_mapped(self.on_violation)
            self._check_branches()
            self._check_can_skip()
            rules = self._build_thresholds()
            self._check_complete(context)
            analyses = self._load_analyses()
            earlier = self._load_earlier(len(analyses))
            verdicts = [gate(analysis, rules) for analysis in analyses]
        self._judged = (analyses, verdicts)
        result = {**_verdicts_to_xcom(verdicts), "run": describe_run(context)}
        # Pushed before the reactions below: they raise, and a return value is stored only when the task succeeds.
        context["ti"].xcom_push(key="verdict", value=result)
        if self.do_xcom_push and self.on_violation in ("skip", "branch"):
            # These reactions raise although the task does not fail, so the return value is pushed here.
            context["ti"].xcom_push(key="return_value", value=result)
        push_overview(context, analyses, verdicts, rules, self.on_violation)
        for analysis, verdict, before in zip(analyses, verdicts, earlier, strict=True):
            self._log_verdict(analysis, verdict)
            self._write_verdict(analysis, verdict, rules, before)
        passed = all(verdict.passed for verdict in verdicts)
        if not passed or self.notify_on == "always":
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
            inconclusive_passes=task._build_thresholds().on_inconclusive == "pass",
        )

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """Return the same lineage for a gate that failed, which has judged as well.

        :param task_instance: the task instance
        """
        return self.get_openlineage_facets_on_complete(task_instance)

    def _list_rule_arguments(self) -> tuple[Any, ...]:
        return (
            self.thresholds,
            self.min_rows,
            self.below_min_rows,
            self.confidence,
            self.on_inconclusive,
            self.undefined,
        )

    def _build_thresholds(self) -> Thresholds:
        return _read_rules(
            self.thresholds,
            min_rows=parse_number("min_rows", self.min_rows),
            below_min_rows=self.below_min_rows,
            confidence=parse_optional_number("confidence", self.confidence),
            on_inconclusive=self.on_inconclusive,
            undefined=self.undefined,
        )

    def _check_complete(self, context: Context) -> None:
        """Check that every instance of a mapped task has returned an analysis; Airflow omits absent ones.

        :raises UnfitDataError: an instance did not succeed, or returned nothing
        """
        written = getattr(self, "_as_written", {}).get("analysis")
        references: dict[Any, str] = dict(XComArg.iter_xcom_references(written))
        if not _is_in_mapped_group(self):
            # If this gate is itself mapped, Airflow created one instance for each analysis that was present.
            expanded = getattr(context["dag"].task_dict.get(self.task_id), "expand_input", None)
            references |= dict(XComArg.iter_xcom_references(expanded))
        for task, key in references.items():
            if not (task.is_mapped or _list_mapped_groups(task) - _list_mapped_groups(self)):
                # A single instance, or the one of the same map index in the same mapped task group.
                continue
            done = _count_instances(context["ti"], task)
            left = len(_list_analyses(XComArg(task, key).resolve(context), "analysis"))
            if left < done:
                raise UnfitDataError(
                    f"analysis: {done} instances of task '{task.task_id}' have run, and {left} returned an analysis; "
                    "an absent analysis never passes"
                )

    def _load_analyses(self) -> list[Analysis]:
        """Load the analyses to judge.

        :raises ClarifyError: there is none, or one is not an analysis; the gate fails closed
        """
        many = _list_analyses(self.analysis, "analysis")
        if not many:
            raise ConfigError("analysis: the list is empty, so there is nothing to judge")
        return [self._read(one) for one in many]

    def _load_earlier(self, n_judged: int) -> Sequence[Analysis | None]:
        """Load the analyses of the data before their repair, one for each judged analysis.

        :param n_judged: number of judged analyses
        :raises ConfigError: their number differs
        """
        if self.before is None:
            return [None] * n_judged
        try:
            earlier = _list_analyses(self.before, "before")
        except ConfigError as error:
            self.log.warning("The report cannot show the data before the repair: %s", error)
            return [None] * n_judged
        if len(earlier) != n_judged:
            raise ConfigError(f"before: {len(earlier)} analyses, and {n_judged} are judged; give one for each")
        return [self._read_if_possible(one) for one in earlier]

    def _read_if_possible(self, one: Any) -> Analysis | None:
        try:
            return self._read(one)
        except ClarifyError as error:
            # The verdict does not depend on it.
            self.log.warning("The report cannot show the data before the repair: %s", error)
            return None

    def _read(self, one: Any) -> Analysis:
        from airflow_clarify.artifacts import read_analysis
        from airflow_clarify.bias.analysis import Analysis

        if isinstance(one, str):
            return read_analysis(one, self.conn_id)
        try:
            return Analysis.from_xcom(_extract_analysis(one))
        except DataError as error:
            # An XCom does not change between tries; a file may be rewritten.
            raise UnfitDataError(str(error)) from None

    def _log_verdict(self, analysis: Analysis, verdict: Verdict) -> None:
        log_analysis(self.log, analysis, verdict)
        if verdict.passed:
            self.log.info("Verdict %s", verdict.sentence)
        else:
            self.log.error("Verdict %s", verdict.sentence)

    def _write_verdict(self, analysis: Analysis, verdict: Verdict, rules: Thresholds, before: Analysis | None) -> None:
        """Write the verdict beside the analysis, and rewrite the report with it."""
        # Without this package's files, only Clarify's are there, and they are not modified.
        if "config" not in analysis.outputs:
            return
        from airflow_clarify.artifacts import write_verdict

        try:
            write_verdict(analysis, verdict, rules, self.conn_id, before, self.task_id)
        except ClarifyError as error:
            self.log.warning("The report was not updated with the verdict: %s", error)
        except Exception:
            # The report must not decide the outcome; the verdict is in XCom and in the log already.
            self.log.warning("The report was not updated with the verdict", exc_info=True)

    def _apply_pass(self, context: Context, analyses: Sequence[Analysis], verdicts: Sequence[Verdict]) -> None:
        if self.asset_on_pass is not None:
            from airflow_clarify.operators.asset_events import summarize_verdicts

            extra = {**(self.asset_extra or {}), **summarize_verdicts(analyses, verdicts)}
            context["outlet_events"][_build_alias(self.asset_on_pass)].add(self.asset_on_pass, extra=extra)
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
        if _is_mapped(ti):
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
                    f"branch_to: {task_id!r} is not directly downstream of this gate; there are "
                    f"{', '.join(sorted(self.downstream_task_ids)) or 'no tasks'}"
                )

    def _check_can_skip(self) -> None:
        """Check that Airflow skips the tasks downstream of a gate in a mapped task group.

        There the gate can only skip itself, and tasks with a trigger rule other than "all_success" would run. Elsewhere
        the gate skips them independent of their rules.

        :raises ConfigError: a downstream task would run on data that do not pass
        """
        if self.on_violation != "skip" or not _is_in_mapped_group(self):
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
        if _is_mapped(context["ti"]):
            raise AirflowFailException(_BRANCHES_ARE_NOT_MAPPED)
        self.do_branch(context, follow)


#: Airflow 3.3 reads the branch decision under map index -1, so every branch of a mapped gate would be followed.
_BRANCHES_ARE_NOT_MAPPED = (
    "on_violation='branch': Airflow does not apply the branches of a mapped task, so a mapped gate, or one in a "
    "mapped task group, cannot branch; use 'fail' there"
)
#: It does not record what a mapped task skips, so only the trigger rules of downstream tasks decide.
_SKIPS_ARE_NOT_MAPPED = (
    "on_violation='skip': Airflow does not skip what is downstream of a mapped task against its trigger rule, so a "
    "mapped gate cannot skip; use 'fail' there, or a mapped task group with the gate and what waits for it"
)


def _is_mapped(ti: Any) -> bool:
    return ti.map_index is not None and ti.map_index >= 0


def _check_mapped(on_violation: Any) -> None:
    """Check that the reaction of a mapped gate is one that Airflow applies.

    :param on_violation: the reaction
    :raises ConfigError: it is "branch" or "skip"
    """
    if on_violation == "branch":
        raise ConfigError(_BRANCHES_ARE_NOT_MAPPED)
    if on_violation == "skip":
        raise ConfigError(_SKIPS_ARE_NOT_MAPPED)


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


def _check_reaction(on_violation: Any, branch_to: Any, outlets: Any) -> None:
    if on_violation not in _CHOICES:
        raise ConfigError(f"on_violation: one of {', '.join(map(repr, _CHOICES))}, not {on_violation!r}")
    if (on_violation == "branch") != bool(branch_to):
        raise ConfigError("branch_to: name the task to follow, with on_violation='branch' and only with it")
    if on_violation != "fail" and any(not isinstance(outlet, AssetAlias) for outlet in _list_outlets(outlets)):
        raise ConfigError(
            f"outlets: with on_violation={on_violation!r} they would be updated though the data are biased, and what "
            "is scheduled on them would start; use asset_on_pass"
        )


def _check_notifiers(notifiers: Sequence[Any], notify_on: Any) -> None:
    if notify_on not in ("violation", "always"):
        raise ConfigError(f"notify_on: 'violation' or 'always', not {notify_on!r}")
    for notifier in notifiers:
        # Calling a class would only create a notifier, and send nothing.
        if isinstance(notifier, type) or not callable(notifier):
            raise ConfigError(
                f"on_verdict: a notifier, such as SmtpNotifier(to=...), or a list of them, not {notifier!r}"
            )


def _parse_bounds(rules: Any, name: str) -> Any:
    """Parse bounds that templates have rendered to text, in nested mappings and lists."""
    if isinstance(rules, Mapping):
        return {key: _parse_bounds(rule, f"{name}: {key}") for key, rule in rules.items()}
    if isinstance(rules, list | tuple):
        return [parse_number(name, bound) for bound in rules]
    return parse_number(name, rules)


def _check_measured(rules: Thresholds, analysis: Any) -> None:
    """Check that upstream measuring tasks measure the metrics and facets of the rules.

    :param rules: the thresholds
    :param analysis: the gate's argument; only outputs of this package's operators are checked
    :raises ConfigError: a metric or a facet of the rules is not measured
    """
    from airflow_clarify.operators.bias import ClarifyPreTrainingBiasOperator

    for one in analysis if isinstance(analysis, list) else [analysis]:
        task: Any = getattr(one, "operator", None)
        mapped = getattr(task, "partial_kwargs", None)
        if isinstance(task, ClarifyPreTrainingBiasOperator):
            methods, facets = _list_requested(task.bias_config, task.methods, task.analysis_config)
        elif mapped is not None and task.operator_class is ClarifyPreTrainingBiasOperator:
            methods, facets = _list_requested(
                mapped.get("bias_config"), mapped.get("methods"), mapped.get("analysis_config")
            )
        else:
            continue
        missing = [metric for metric in rules.rules if methods is not None and metric not in methods]
        if missing:
            raise ConfigError(
                f"thresholds: {missing[0]} is not measured: methods of task '{task.task_id}' are "
                f"{', '.join(methods or ())}"
            )
        unknown = [facet for facet in rules.facets if facets is not None and facet not in facets]
        if unknown:
            raise ConfigError(
                f"thresholds: facet {unknown[0]!r} is not measured: the facets of task '{task.task_id}' are "
                f"{', '.join(map(repr, facets or ()))}"
            )


def _list_requested(bias: Any, methods: Any, config: Any) -> tuple[Sequence[str] | None, Sequence[str] | None]:
    """Return the metrics and the facets that a task measures; None if unknown while parsing the DAG file."""
    if isinstance(config, Mapping) and not is_templated(config):
        requested = AnalysisConfig(config)
        columns: Any = [facet.name_or_index for facet in requested.facets]
        return requested.methods, columns if all(isinstance(column, str) for column in columns) else None
    if config is not None:
        return None, None
    columns = None
    if isinstance(bias, Mapping) and not is_templated(dict(bias)):
        bias = BiasConfig.coerce(bias)
    if isinstance(bias, BiasConfig) and not is_templated(bias.facet_name):
        columns = [facet["name_or_index"] for facet in bias.build_facets()]
        # The name of a column that is given by index is known only when the data are read.
        columns = columns if all(isinstance(column, str) for column in columns) else None
    known = isinstance(methods, list | tuple | set) and not is_templated(methods)
    return (list(methods) if known else None), columns


def _list_outputs(name: str, given: Any) -> Any:
    """Replace tasks among the given analyses by their outputs.

    :param name: the argument, for the error
    :param given: its value
    :raises ConfigError: it cannot be an analysis
    """
    if isinstance(given, list | tuple):
        return [_list_outputs(name, one) for one in given]
    output = getattr(given, "output", None)
    if isinstance(output, XComArg):
        return output
    if name == "analysis" and not given and not isinstance(given, list):
        raise ConfigError(f"analysis: give the output of a measuring task, as in bias.output, or a path, not {given!r}")
    if given is None or isinstance(given, str | Mapping) or is_templated(given) or hasattr(given, "__getitem__"):
        return given
    raise ConfigError(f"{name}: give the output of a measuring task, as in bias.output, or a path, not {given!r}")


def _list_analyses(given: Any, name: str) -> list[Any]:
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
    listed = [one if one is None or isinstance(one, str | Mapping) else _list_analyses(one, name) for one in given]
    return [one for part in listed for one in (part if isinstance(part, list) else [part])]


def _read_rules(thresholds: Any, **options: Any) -> Thresholds:
    """Build the thresholds, parsing text that templates have rendered.

    :param thresholds: the rendered argument
    :param options: further arguments of :class:`~airflow_clarify.Thresholds`
    :raises ConfigError: the argument is not a valid set of thresholds
    """
    if isinstance(thresholds, Thresholds):
        return thresholds
    if isinstance(thresholds, str):
        thresholds = parse_rendered(thresholds)
    return Thresholds(
        _parse_bounds(thresholds, "thresholds") if isinstance(thresholds, Mapping) else thresholds, **options
    )


def _check_asset(asset_on_pass: Any, asset_extra: Any) -> None:
    if asset_on_pass is not None and not isinstance(asset_on_pass, Asset):
        raise ConfigError(f"asset_on_pass: an Asset, such as Asset('checked'), not {asset_on_pass!r}")
    if asset_extra is not None and not isinstance(asset_extra, Mapping | str) and not is_templated(asset_extra):
        raise ConfigError(f"asset_extra: a mapping, such as {{'day': '{{{{ ds }}}}'}}, not {asset_extra!r}")


def _list_outlets(outlets: Any) -> list[Any]:
    if outlets is None:
        return []
    return list(outlets) if isinstance(outlets, list | tuple) else [outlets]


def _build_alias(asset: Asset) -> AssetAlias:
    """Build the alias for updating an asset on pass; a static outlet would be updated with any verdict."""
    return AssetAlias(f"airflow_clarify.passed:{asset.name}")


def _is_in_mapped_group(task: Any) -> bool:
    return bool(_list_mapped_groups(task))


def _list_mapped_groups(task: Any) -> set[str]:
    return {str(group.group_id) for group in task.iter_mapped_task_groups()}


def _verdicts_to_xcom(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    if len(verdicts) == 1:
        return verdicts[0].to_json()
    most = max(1, 100 // len(verdicts))
    worst = next((verdict for verdict in verdicts if not verdict.passed), verdicts[0])
    return {**worst.to_json(most), "all": [verdict.to_json(most) for verdict in verdicts]}
