"""The operator that measures pre-training bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, conf

from airflow_clarify.artifacts import FORMATS
from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig, Methods, complete_from
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.engines.sagemaker import SageMakerEngine
from airflow_clarify.exceptions import ConfigError, JobError
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.links.sagemaker import JOB_LINKS, push_job, read_job
from airflow_clarify.operators._errors import is_templated, translate_errors
from airflow_clarify.operators._logging import describe_run, log_analysis, push_overview
from airflow_clarify.operators.base import ConfiguredOperator, check_engine, check_flag, check_seconds, copy_config

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.engines.base import Engine
    from airflow_clarify.operators.sagemaker_job import TaskJob


class ClarifyPreTrainingBiasOperator(ConfiguredOperator):
    """Measure the bias of a dataset with Clarify's pre-training metrics, where the data live.

    With ``engine=SageMakerEngine(...)`` a processing job measures it: Clarify's own, or our image. The task waits for
    the job, in the worker or deferred, or returns its name at once. Every try of the task asks for the same job, so a
    try that comes after a crash finds it running; and the job is stopped when the task is.

    Writes ``analysis.json`` (Clarify's format), ``summary.json`` (counts, warnings, fingerprints), the report and
    ``analysis_config.json`` to ``data_config.output_path``, and returns a small JSON form of the analysis, which
    :class:`~airflow_clarify.operators.gate.BiasGateOperator` judges. The events of its ``outlets`` say ``rows``,
    the largest value of each metric and facet (as in ``"DPL of gender": -0.2``), and ``analysis``, the location.

    :param data_config: where the data are: a :class:`~airflow_clarify.DataConfig`, or its fields as a mapping
        (templated)
    :param bias_config: which labels are positive and which groups to compare: a
        :class:`~airflow_clarify.BiasConfig`, or its fields as a mapping (templated)
    :param methods: "all", or names among CDDL, CI, DPL, JS, KL, KS, LP, TVD (templated)
    :param analysis_config: instead of ``bias_config`` and ``methods``: the content of an ``analysis_config.json``, as a
        mapping (such as the SageMaker SDK's ``get_config()`` gives) or as a path to the file (templated)
    :param engine: where to count; :class:`~airflow_clarify.DuckDBEngine` by default
    :param report_formats: "html", "ipynb" and "pdf", as Clarify leaves them, or some of these, for an engine that
        counts in the task
    :param wait_for_completion: of a job on SageMaker. False returns the job's name as soon as it is started, for
        :class:`~airflow_clarify.ClarifyJobSensor`
    :param deferrable: wait for a job in the triggerer, without a worker's slot. An engine that counts in the task has
        nothing to defer
    :param poll_interval: seconds between two looks at a job, on average
    :param timeout: how long a job may take from its creation, waiting for an instance included, in seconds or as a
        ``timedelta``; by default an hour more than SageMaker lets it run. A shorter ``execution_timeout`` counts too
    :param durable: whether a retry takes over the job of an earlier try
    :param stop_job_on_kill: whether the job is stopped when it takes too long, and when the task is killed, cleared or
        marked, deferred too
    :param logs: whether the job's log lines go to the task's log; when deferred, once it has ended
    :raises AirflowFailException: the configuration does not fit the data; it is not tried again
    :raises AirflowException: the data cannot be read, the outputs cannot be written, or the job did not complete
    """

    template_fields: Sequence[str] = ("data_config", "bias_config", "methods", "analysis_config", "engine")
    template_fields_renderers: ClassVar[dict[str, str]] = {"analysis_config": "json"}
    operator_extra_links: Sequence[BaseOperatorLink] = (BiasReportLink(), *JOB_LINKS)
    ui_color = "#e3eef9"

    def __init__(
        self,
        *,
        data_config: DataConfig | Mapping[str, Any],
        bias_config: BiasConfig | Mapping[str, Any] | None = None,
        methods: Methods = "all",
        analysis_config: Mapping[str, Any] | str | None = None,
        engine: Engine | SageMakerEngine | None = None,
        report_formats: Sequence[str] = FORMATS,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30,
        timeout: float | timedelta | None = None,
        durable: bool = True,
        stop_job_on_kill: bool = True,
        logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_config = copy_config(data_config)
        self.bias_config = copy_config(bias_config)
        self.methods = methods
        self.analysis_config = copy_config(analysis_config)
        self.engine: Engine | SageMakerEngine = copy_config(DuckDBEngine() if engine is None else engine)
        self.report_formats = report_formats
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.durable = durable
        self.stop_job_on_kill = stop_job_on_kill
        self.logs = logs
        self._job_name: str | None = None
        self._killed = False
        self._measured: Analysis | None = None
        if not isinstance(self.engine, SageMakerEngine):
            self.operator_extra_links = (BiasReportLink(),)
        self.wait_for_nested(data_config, bias_config, engine)
        self.check_now()

    def execute(self, context: Context) -> dict[str, Any] | str:
        with translate_errors():
            self.check_rendered()
            data = DataConfig.coerce(self.data_config)
            config = self._build_config(data)
            self.log.info("Measuring the bias of %s", data.source)
            if isinstance(self.engine, SageMakerEngine):
                return self._run_job(context, self.engine, data, config)
            analysis = self._count(context, self.engine, data, config)
            return self._publish(context, analysis)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Go on when the triggerer says that the job has ended.

        What it says is not taken for granted: the job is looked at again.
        """
        from airflow_clarify.engines.sagemaker.status import JobStatus
        from airflow_clarify.operators.sagemaker_job import TaskJob, get_start_time

        assert isinstance(self.engine, SageMakerEngine)
        with translate_errors():
            job = TaskJob(self.engine, self.log)
            config = self._build_config(DataConfig.coerce(self.data_config))
            name = read_job(context)["job_name"]
            if not isinstance(event, Mapping) or event.get("status") != "ended":
                self._stop_job(job, name)
                raise JobError(_event_error(event, name))
            description = job.jobs.describe(name)
            if not JobStatus.from_description(description).ended:
                # The event was of another job: some databases give a new trigger the number of one that is gone.
                self._defer(self.engine, name, get_start_time(description) + self._compute_timeout(self.engine))
            if self.logs:
                job.log_job_lines(name)
            return self._publish(context, job.finish(description, config, shown=self.logs))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after a deferral. When the triggerer itself gave up, nobody else would stop the job."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except BaseException:
            if next_method != "execute_complete":
                self._stop_abandoned(context)
            raise

    def on_kill(self) -> None:
        self._killed = True
        if not isinstance(self.engine, SageMakerEngine):
            self.engine.cancel()
        elif self._job_name is not None:
            from airflow_clarify.operators.sagemaker_job import TaskJob

            # With clients of its own: what this signal has interrupted may be in the middle of a call.
            self._stop_job(TaskJob(self.engine, self.log), self._job_name)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The lineage, for OpenLineage where it is installed."""
        from airflow_clarify.lineage import openlineage as lineage
        from airflow_clarify.lineage.dataset import describe_source

        # Some versions of the provider ask an earlier copy of the task, which has measured nothing.
        task = task_instance.task
        return lineage.build_analysis_lineage(
            describe_source(DataConfig.coerce(task.data_config), task.engine), task._measured
        )

    def _count(self, context: Context, engine: Engine, data: DataConfig, config: AnalysisConfig) -> Analysis:
        from airflow_clarify.artifacts import check_folder
        from airflow_clarify.bias.analysis import Analysis
        from airflow_clarify.lineage.dataset import describe_source

        data = complete_from(data, config)
        if data.output_path is not None:
            check_folder(data.output_path, data, config, self.report_formats)
        contingency = engine.count(data, config, progress=self._log_progress)
        analysis = Analysis.from_contingency(contingency, config)
        analysis = replace(analysis, whereabouts=describe_source(data, engine), run=describe_run(context))
        return self._write(analysis, config, data)

    def _publish(self, context: Context, analysis: Analysis) -> dict[str, Any]:
        """Tell of an analysis, and give it as the task returns it."""
        from airflow_clarify.operators.asset_events import add_event_extra, summarize_analysis

        analysis = replace(analysis, run=describe_run(context))
        log_analysis(self.log, analysis)
        push_overview(context, [analysis])
        add_event_extra(context, self.outlets, summarize_analysis(analysis))
        self._measured = analysis
        return analysis.to_xcom()

    # --- Jobs -----------------------------------------------------------------------------------------------------

    def _run_job(
        self, context: Context, engine: SageMakerEngine, data: DataConfig, config: AnalysisConfig
    ) -> dict[str, Any] | str:
        from airflow_clarify.operators.sagemaker_job import JobIdentity, TaskJob, get_start_time

        job = TaskJob(engine, self.log)
        plan = engine.plan(data, config)
        whose = JobIdentity.from_context(context)
        if self.durable and self.stop_job_on_kill:
            job.stop_cleared(plan, whose)
        found = job.find_or_start(plan, config, whose if self.durable else None, self._remember_job)
        push_job(context, found.name, job.jobs.region, job.jobs.partition, plan.get_output_uri(found.name))
        self._raise_if_killed(job)
        if not self.wait_for_completion:
            return found.name
        if found.analysis is not None:
            return self._publish(context, found.analysis)
        deadline = get_start_time(found.description) + self._compute_timeout(engine)
        if self.deferrable:
            self._defer(engine, found.name, deadline)
        try:
            ended = job.wait(
                found.name, deadline, self.poll_interval, lambda: self._raise_if_killed(job), logs=self.logs
            )
        except JobError:
            self._stop_job(job, found.name)
            raise
        return self._publish(context, job.finish(ended, config, shown=self.logs))

    def _remember_job(self, name: str) -> None:
        self._job_name = name

    def _raise_if_killed(self, job: TaskJob) -> None:
        """Stop here when the task was killed; Airflow lets it run on after that.

        :raises AirflowException: it was
        """
        if self._killed:
            self._stop_job(job, self._job_name)
            raise AirflowException("the task was killed while its job was running")

    def _stop_job(self, job: TaskJob, name: str | None) -> None:
        if name is not None and self.stop_job_on_kill:
            job.stop(name)

    def _defer(self, engine: SageMakerEngine, name: str, deadline: float) -> NoReturn:
        import time

        from airflow_clarify.triggers.sagemaker import ClarifyJobTrigger

        if self.execution_timeout is not None:
            # Airflow counts it anew in every process, so a deferred task would never come to its end.
            deadline = min(deadline, time.time() + self.execution_timeout.total_seconds())
        trigger = ClarifyJobTrigger(
            job_name=name,
            deadline=deadline,
            poll_interval=self.poll_interval,
            stop_job_on_kill=self.stop_job_on_kill,
            **engine.connection.to_dict(),
        )
        # The trigger minds the time itself, and tells. This is for one that cannot, because no triggerer is running.
        patience = timedelta(seconds=max(deadline - time.time(), 0)) + timedelta(minutes=10)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=patience)
        raise AssertionError("defer() does not return")

    def _compute_timeout(self, engine: SageMakerEngine) -> float:
        if self.timeout is None:
            return engine.longest_run + 3600
        return self.timeout.total_seconds() if isinstance(self.timeout, timedelta) else float(self.timeout)

    def _stop_abandoned(self, context: Context) -> None:
        from airflow_clarify.operators.sagemaker_job import TaskJob

        assert isinstance(self.engine, SageMakerEngine)
        self._stop_job(TaskJob(self.engine, self.log), read_job(context)["job_name"])

    # --- Configuration --------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Find what can be found wrong before any data are seen."""
        check_engine(self.engine)
        for name in ("wait_for_completion", "deferrable", "durable", "stop_job_on_kill", "logs"):
            check_flag(name, getattr(self, name))
        check_seconds("poll_interval", self.poll_interval)
        if self.timeout is not None:
            check_seconds("timeout", self.timeout)
        if not self.wait_for_completion and not isinstance(self.engine, SageMakerEngine):
            raise ConfigError(
                f"wait_for_completion: {type(self.engine).__name__} counts in the task itself, so there is nothing to "
                "leave running; leave it out"
            )
        formats = self.report_formats
        if not isinstance(formats, list | tuple | set | frozenset) or not all(one in FORMATS for one in formats):
            raise ConfigError(f"report_formats: a list of some of {', '.join(FORMATS)}, not {self.report_formats!r}")
        if (self.bias_config is None) == (self.analysis_config is None):
            raise ConfigError("give bias_config, or analysis_config, one of the two")
        if self.analysis_config is not None and self.methods != "all":
            raise ConfigError("methods: analysis_config says what to measure; leave one of them out")
        if not is_templated(self.data_config):
            self.engine.check_data(DataConfig.coerce(self.data_config))
        if self.bias_config is not None and not is_templated(self.bias_config):
            BiasConfig.coerce(self.bias_config)
        if isinstance(self.analysis_config, Mapping) and not is_templated(self.analysis_config):
            AnalysisConfig(self.analysis_config)
        parts = [self.data_config, self.bias_config, self.methods]
        if self.bias_config is not None and not any(_is_templated_anywhere(part) for part in parts):
            data, bias = DataConfig.coerce(self.data_config), BiasConfig.coerce(self.bias_config)
            # What else can be wrong with it is checked when it is built.
            config = AnalysisConfig.build(data, bias, self.methods)
            _ = config.label
            if not isinstance(self.methods, str) and "CDDL" in config.methods and bias.group_name is None:
                raise ConfigError(
                    "group_name: CDDL needs a group variable; name its column in BiasConfig, or leave "
                    "CDDL out of methods"
                )

    def _build_config(self, data: DataConfig) -> AnalysisConfig:
        if self.bias_config is not None:
            return AnalysisConfig.build(data, BiasConfig.coerce(self.bias_config), self.methods)
        if isinstance(self.analysis_config, str):
            from airflow_clarify.artifacts import read_file

            return AnalysisConfig.parse(read_file(self.analysis_config, data.conn_id), self.analysis_config)
        if self.analysis_config is None:
            raise ConfigError("analysis_config: nothing is left of it after templating")
        return AnalysisConfig(dict(self.analysis_config))

    def _write(self, analysis: Analysis, config: AnalysisConfig, data: DataConfig) -> Analysis:
        """Write the files, and note where they are."""
        if data.output_path is None:
            return analysis
        from airflow_clarify.artifacts import write_analysis

        analysis = write_analysis(data.output_path, analysis, config, data.conn_id, self.report_formats)
        self.log.info("Wrote %s", ", ".join(analysis.outputs.values()))
        return analysis

    def _log_progress(self, what: str, part: float) -> None:
        self.log.debug("%s (%.0f %%)", what, 100 * max(part, 0))


def _event_error(event: Any, name: str) -> str:
    """Why the triggerer's event is not that the job has ended."""
    if isinstance(event, Mapping) and event.get("status") == "timeout":
        return f"the processing job {name} had not ended when its time was up"
    if isinstance(event, Mapping) and event.get("message"):
        return f"the processing job {name} cannot be waited for: {event['message']}"
    return f"the triggerer said nothing that can be understood of the processing job {name}: {event!r}"


def _is_templated_anywhere(value: Any) -> bool:
    """Whether a value, or a field of a configuration object, is known only when the task runs."""
    fields = getattr(value, "template_fields", None)
    return any(is_templated(getattr(value, name)) for name in fields) if fields else is_templated(value)
