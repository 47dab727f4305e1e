"""The operator that lets a DAG go on, stops it, or sends it to a repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    Asset,
    AssetAlias,
    BaseOperator,
    BranchMixIn,
)

from airflow_clarify.bias.thresholds import Rule, Thresholds
from airflow_clarify.exceptions import ClarifyError, ConfigError
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.operators.base import hide_unset_fields
from airflow_clarify.operators.plainly import at_parse_time, number, number_or_none, plainly, unresolved
from airflow_clarify.operators.telling import describe_run, leave_overview, tell

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import BaseNotifier, BaseOperatorLink, Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Verdict
    from airflow_clarify.notifications.verdicts import NotifyOn

OnViolation = Literal["fail", "skip", "branch", "warn"]
_CHOICES = ("fail", "skip", "branch", "warn")


class BiasGateOperator(BaseOperator, BranchMixIn):
    """Judge an analysis against thresholds, and let the DAG go on only if it passes.

    The verdict is stored (XCom ``verdict``, then ``verdict.json`` and an updated report beside the analysis) before
    anything stops. A verdict is not tried again: the data would not change.

    :param analysis: the output of :class:`~airflow_clarify.ClarifyPreTrainingBiasOperator` or of
        :class:`~airflow_clarify.ClarifyJobSensor`, or of several (as a mapped one gives), or the location of an
        ``analysis.json`` (templated)
    :param thresholds: ``{"DPL": 0.1}`` and so on, see :class:`~airflow_clarify.Thresholds`; or such an object
        (templated)
    :param before: the same of the data before they were repaired, for the report to show beside it; one that cannot be
        read is a warning in the log (templated)
    :param on_violation: "fail" the task; "skip" what is downstream; "branch" to ``branch_to`` and skip the rest; or
        "warn" and go on
    :param branch_to: with "branch": the task, task group, or list of them to follow when the data do not pass; when
        they pass, everything else directly downstream is followed
    :param ignore_downstream_trigger_rules: with "skip": skip all that is downstream (default), or only what is directly
        downstream, and let the trigger rules of the others decide
    :param asset_on_pass: an asset that is updated only when the data pass; its event says ``verdict``, ``checks``,
        the worst value of each judged metric and facet (as in ``"DPL of gender": 0.04``), and ``analysis``, the
        location of ``analysis.json``. A static ``outlets`` would be updated on "skip",
        "branch" and "warn" too, and is refused there
    :param asset_extra: what the asset's event is to say beside the verdict, such as the partition that has passed, for
        DAGs that are scheduled on it (templated)
    :param on_verdict: whom to tell, once the verdict is stored and before anything stops: a notifier of Airflow's
        (mail, chat, a queue), a function that takes the task's context, or a list of them. A notifier's templates also
        know ``verdict`` (the XCom: ``{{ verdict.sentence }}``), ``verdict_text``, ``verdict_markdown``,
        ``verdict_slack``, ``verdict_html`` (the outcome and the worst five findings) and ``verdict_url`` (this task's
        tab "Bias"). One that fails is a warning in the log; the verdict stands
    :param notify_on: "violation" tells when the data do not pass (inconclusive ones too), "always" also when they do.
        A gate that cannot judge at all fails without a verdict: that is for ``on_failure_callback``
    :param min_rows: see :class:`~airflow_clarify.Thresholds`
    :param below_min_rows: see :class:`~airflow_clarify.Thresholds`
    :param confidence: see :class:`~airflow_clarify.Thresholds`
    :param on_inconclusive: see :class:`~airflow_clarify.Thresholds`
    :param undefined: see :class:`~airflow_clarify.Thresholds`
    :param conn_id: the Airflow connection that opens the analysis' files
    :raises AirflowFailException: the data do not pass and ``on_violation`` is "fail"; or a threshold speaks of what the
        analysis does not hold
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
        task_id = str(kwargs.get("task_id"))
        with at_parse_time(task_id):
            _check_reaction(on_violation, branch_to, kwargs.get("outlets"))
            notifiers = _listed(on_verdict)
            _check_notifiers(notifiers, notify_on)
        if asset_on_pass is not None:
            kwargs["outlets"] = [*_listed(kwargs.get("outlets")), _alias_of(asset_on_pass)]
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
        with at_parse_time(self.task_id):
            if on_violation == "branch" and _in_mapped_group(self):
                raise ConfigError(_BRANCHES_ARE_NOT_MAPPED)
            if not any(unresolved(value) for value in self._rule_parts()):
                _check_measured(self._rules(), analysis)

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render the templates."""
        super().render_template_fields(context, jinja_env)
        hide_unset_fields(self)

    def execute(self, context: Context) -> dict[str, Any]:
        with plainly():
            self._check_branches(context)
            rules = self._rules()
            analyses = self._analyses()
            earlier = self._earlier(len(analyses))
            verdicts = [rules.judge(analysis) for analysis in analyses]
        self._judged = (analyses, verdicts)
        result = {**_as_xcom(verdicts), "run": describe_run(context)}
        # First of all, and here: the reactions below raise, and what a task returns is stored only when it ends well.
        context["ti"].xcom_push(key="verdict", value=result)
        if self.do_xcom_push and self.on_violation in ("skip", "branch"):
            # These end the task well, and yet by raising.
            context["ti"].xcom_push(key="return_value", value=result)
        leave_overview(context, analyses, verdicts, rules, self.on_violation)
        for analysis, verdict, before in zip(analyses, verdicts, earlier, strict=True):
            self._tell(analysis, verdict)
            self._keep(analysis, verdict, rules, before)
        passed = all(verdict.passed for verdict in verdicts)
        if not passed or self.notify_on == "always":
            from airflow_clarify.notifications.verdicts import notify

            notify(self.on_verdict, context, result, self.log)
        if passed:
            self._pass(context, analyses, verdicts)
        else:
            self._react(context, [verdict for verdict in verdicts if not verdict.passed])
        return result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The lineage, for OpenLineage where it is installed: what was asserted of the data that were judged."""
        from airflow_clarify import lineage

        # Some versions of the provider ask an earlier copy of the task, which has judged nothing.
        task = task_instance.task
        analyses, verdicts = task._judged
        if not verdicts:
            return lineage.of_nothing()
        return lineage.of_verdicts(
            [analysis.whereabouts for analysis in analyses],
            verdicts,
            stops=task.on_violation != "warn",
            inconclusive_passes=task._rules().on_inconclusive == "pass",
        )

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """A gate that fails has judged all the same."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def _rule_parts(self) -> tuple[Any, ...]:
        return (
            self.thresholds,
            self.min_rows,
            self.below_min_rows,
            self.confidence,
            self.on_inconclusive,
            self.undefined,
        )

    def _rules(self) -> Thresholds:
        if isinstance(self.thresholds, Thresholds):
            return self.thresholds
        return Thresholds(
            _numbers_in(self.thresholds, "thresholds"),
            min_rows=number("min_rows", self.min_rows),
            below_min_rows=self.below_min_rows,
            confidence=number_or_none("confidence", self.confidence),
            on_inconclusive=self.on_inconclusive,
            undefined=self.undefined,
        )

    def _analyses(self) -> list[Analysis]:
        """The analyses to judge.

        :raises DataError: there is none, or one is not an analysis; a gate without evidence stays closed
        """
        many = _listed_analyses(self.analysis)
        if not many:
            raise ConfigError("analysis: the list is empty, so there is nothing to judge")
        return [self._read(one) for one in many]

    def _earlier(self, how_many: int) -> Sequence[Analysis | None]:
        """The analyses of the data before they were repaired, one for each that is judged.

        :raises ConfigError: there are more of them, or fewer
        """
        if self.before is None:
            return [None] * how_many
        earlier = _listed_analyses(self.before)
        if len(earlier) != how_many:
            raise ConfigError(f"before: {len(earlier)} analyses, and {how_many} are judged; give one for each")
        return [self._read_if_possible(one) for one in earlier]

    def _read_if_possible(self, one: Any) -> Analysis | None:
        try:
            return self._read(one)
        except ClarifyError as error:
            # It changes nothing of the verdict.
            self.log.warning("The report cannot show the data before the repair: %s", error)
            return None

    def _read(self, one: Any) -> Analysis:
        from airflow_clarify.bias.analysis import Analysis
        from airflow_clarify.outputs import read_analysis

        return read_analysis(one, self.conn_id) if isinstance(one, str) else Analysis.from_xcom(_analysis_in(one))

    def _tell(self, analysis: Analysis, verdict: Verdict) -> None:
        tell(self.log, analysis, verdict)
        if verdict.passed:
            self.log.info("Verdict %s", verdict.sentence)
        else:
            self.log.error("Verdict %s", verdict.sentence)

    def _keep(self, analysis: Analysis, verdict: Verdict, rules: Thresholds, before: Analysis | None) -> None:
        """Write the verdict beside the analysis, and the report anew with it."""
        # Beside what only Clarify has written there is nothing of ours to update.
        if "config" not in analysis.outputs:
            return
        from airflow_clarify.outputs import write_verdict

        try:
            write_verdict(analysis, verdict, rules, self.conn_id, before, self.task_id)
        except ClarifyError as error:
            self.log.warning("The report was not updated with the verdict: %s", error)
        except Exception:
            # The judgement matters more than its page: it is in XCom and in this log already.
            self.log.warning("The report was not updated with the verdict", exc_info=True)

    def _pass(self, context: Context, analyses: Sequence[Analysis], verdicts: Sequence[Verdict]) -> None:
        if self.asset_on_pass is not None:
            from airflow_clarify.operators.asset_events import of_verdicts

            extra = {**(self.asset_extra or {}), **of_verdicts(analyses, verdicts)}
            context["outlet_events"][_alias_of(self.asset_on_pass)].add(self.asset_on_pass, extra=extra)
        if self.on_violation == "branch":
            repair = set(self._repair_tasks(context))
            follow = sorted(task_id for task_id in context["ti"].task.downstream_task_ids if task_id not in repair)
            self._branch(context, follow)

    def _react(self, context: Context, failed: Sequence[Verdict]) -> None:
        sentence = "; ".join(verdict.sentence for verdict in failed)
        if self.on_violation == "fail":
            raise AirflowFailException(f"Bias gate closed: {sentence}")
        if self.on_violation == "skip":
            self._skip_downstream(context, sentence)
        elif self.on_violation == "branch":
            self._branch(context, self._repair_tasks(context))
        else:
            self.log.warning("Going on in spite of the verdict, as on_violation is 'warn'")

    def _skip_downstream(self, context: Context, sentence: str) -> None:
        ti = context["ti"]
        if ti.map_index is not None and ti.map_index >= 0:
            # Airflow forgets what a mapped task skips, but what waits for a skipped gate does not run.
            raise AirflowSkipException(f"Bias gate closed: {sentence}")
        task = context["task"]
        if self.ignore_downstream_trigger_rules:
            downstream = [t for t in task.get_flat_relatives(upstream=False) if not t.is_teardown]
        else:
            downstream = [t for t in task.get_direct_relatives(upstream=False) if not t.is_teardown]
        self.log.info("Skipping %s", ", ".join(sorted(t.task_id for t in downstream)) or "nothing")
        self.skip(ti, downstream)

    def _check_branches(self, context: Context) -> None:
        """See that the repair can be told from what follows when the data pass.

        :raises ConfigError: it is not directly downstream
        """
        if self.on_violation != "branch":
            return
        direct = context["ti"].task.downstream_task_ids
        for task_id in self._repair_tasks(context):
            if task_id not in direct:
                raise ConfigError(
                    f"branch_to: {task_id!r} is not directly downstream of this gate; there are "
                    f"{', '.join(sorted(direct)) or 'no tasks'}"
                )

    def _repair_tasks(self, context: Context) -> list[str]:
        targets = [self.branch_to] if isinstance(self.branch_to, str) else list(self.branch_to or ())
        return list(self._expand_task_group_roots(context["ti"], targets))

    def _branch(self, context: Context, follow: list[str]) -> None:
        ti = context["ti"]
        if ti.map_index is not None and ti.map_index >= 0:
            raise AirflowFailException(_BRANCHES_ARE_NOT_MAPPED)
        self.do_branch(context, follow)


#: Airflow 3.3 looks for the choice of a branch under map index -1, so every branch of a mapped gate would be followed.
_BRANCHES_ARE_NOT_MAPPED = (
    "on_violation='branch': Airflow does not keep to the branches of a mapped task, so a mapped gate, or one in a "
    "mapped task group, cannot branch; use 'fail' or 'skip' there"
)


def _analysis_in(given: Any) -> Any:
    """The analysis itself; a sensor returns it together with its job."""
    return given["analysis"] if isinstance(given, Mapping) and given.keys() == {"job", "analysis"} else given


def _check_reaction(on_violation: Any, branch_to: Any, outlets: Any) -> None:
    if on_violation not in _CHOICES:
        raise ConfigError(f"on_violation: one of {', '.join(map(repr, _CHOICES))}, not {on_violation!r}")
    if (on_violation == "branch") != bool(branch_to):
        raise ConfigError("branch_to: name the task to follow, with on_violation='branch' and only with it")
    if on_violation != "fail" and any(not isinstance(outlet, AssetAlias) for outlet in _listed(outlets)):
        raise ConfigError(
            f"outlets: with on_violation={on_violation!r} they would be updated though the data are biased, and what "
            "is scheduled on them would start; use asset_on_pass"
        )


def _check_notifiers(notifiers: Sequence[Any], notify_on: Any) -> None:
    if notify_on not in ("violation", "always"):
        raise ConfigError(f"notify_on: 'violation' or 'always', not {notify_on!r}")
    for notifier in notifiers:
        # A class could be called too, and would send nothing.
        if isinstance(notifier, type) or not callable(notifier):
            raise ConfigError(
                f"on_verdict: a notifier, such as SmtpNotifier(to=...), or a list of them, not {notifier!r}"
            )


def _numbers_in(rules: Any, name: str) -> Any:
    """Thresholds whose bounds may be what templates have left: texts."""
    if isinstance(rules, Mapping):
        return {key: _numbers_in(rule, f"{name}: {key}") for key, rule in rules.items()}
    if isinstance(rules, list | tuple):
        return [number(name, bound) for bound in rules]
    return number(name, rules)


def _check_measured(rules: Thresholds, analysis: Any) -> None:
    """Where the analysis is the output of a task of ours, see that it measures what is to be judged."""
    task = getattr(analysis, "operator", None)
    if task is None:
        return
    from airflow_clarify.operators.bias import ClarifyPreTrainingBiasOperator

    if not isinstance(task, ClarifyPreTrainingBiasOperator) or task.analysis_config is not None:
        return
    if isinstance(task.methods, str) or unresolved(task.methods):
        return
    missing = [metric for metric in rules.rules if metric not in task.methods]
    if missing:
        raise ConfigError(
            f"thresholds: {missing[0]} is not measured: methods of task '{task.task_id}' are {', '.join(task.methods)}"
        )


def _listed_analyses(given: Any) -> list[Any]:
    return [given] if given is None or isinstance(given, str | Mapping) else list(given)


def _listed(outlets: Any) -> list[Any]:
    if outlets is None:
        return []
    return list(outlets) if isinstance(outlets, list | tuple) else [outlets]


def _alias_of(asset: Asset) -> AssetAlias:
    """The alias through which the gate updates an asset: a static outlet would be updated whatever the verdict."""
    return AssetAlias(f"airflow_clarify.passed:{asset.name}")


def _in_mapped_group(task: Any) -> bool:
    return next(iter(task.iter_mapped_task_groups()), None) is not None


def _as_xcom(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    if len(verdicts) == 1:
        return verdicts[0].to_json()
    most = max(1, 100 // len(verdicts))
    worst = next((verdict for verdict in verdicts if not verdict.passed), verdicts[0])
    return {**worst.to_json(most), "all": [verdict.to_json(most) for verdict in verdicts]}
