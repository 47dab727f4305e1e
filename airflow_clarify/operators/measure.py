"""The task that measures bias: the base class of the bias operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, conf

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import check_argument, is_templated, is_templated_anywhere
from airflow_clarify.bias.config import ALL_FORMATS, AUTHOR_NAMES, STAGES, AnalysisConfig, BiasConfig, DataConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.engines.sagemaker import SageMakerEngine
from airflow_clarify.exceptions import ClarifyError, ConfigError, JobError
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.links.sagemaker import JOB_LINKS, push_job, read_job
from airflow_clarify.operators._errors import translate_errors
from airflow_clarify.operators._logging import describe_run, log_analysis, push_overview
from airflow_clarify.operators.base import (
    ConfiguredOperator,
    check_engine,
    check_flag,
    check_keeps_counts,
    check_seconds,
    copy_config,
    inherit_parameters,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.engines.base import Engine
    from airflow_clarify.operators.sagemaker_job import TaskJob


class MeasureBiasOperator(ConfiguredOperator):
    """Measure bias where the data live: everything that the bias operators have in common.

    A subclass states in ``methods_arguments`` which stages it measures, and calls :meth:`check_now` at the end of its
    constructor.

    :param data_config: where the data are: a :class:`~airflow_clarify.DataConfig`, or its fields as a mapping
        (templated)
    :param bias_config: which labels are positive and which groups to compare: a
        :class:`~airflow_clarify.BiasConfig`, or its fields as a mapping (templated)
    :param analysis_config: instead of ``bias_config`` and the methods: the content of an ``analysis_config.json``, as a
        mapping (such as the SageMaker SDK's ``get_config()`` gives) or as a path to the file (templated)
    :param engine: where to count; :class:`~airflow_clarify.DuckDBEngine` by default
    :param report_formats: which of "html", "ipynb" and "pdf" to write, for an engine that counts in the task; all
        three by default, as Clarify does
    :param suppress_below: hide counts under this number, such as 10, in report, log, XCom, page, lineage and history,
        and further counts from which they could be computed; only ``analysis.json`` and ``summary.json`` in
        ``output_path`` have all counts, and the gate reads them there. 0 hides nothing. Not for SageMaker,
        whose jobs write the report
    :param wait_for_completion: whether to wait for a job on SageMaker. False returns the job's name as soon as it is
        started, for :class:`~airflow_clarify.ClarifyJobSensor`
    :param deferrable: wait for a job in the triggerer, without occupying a worker slot. Without effect for an engine
        that counts in the task
    :param poll_interval: average number of seconds between two polls of a job
    :param timeout: how long a job may take from its creation, including the wait for an instance, in seconds or as a
        ``timedelta``; by default one hour more than SageMaker lets it run. A shorter ``execution_timeout`` applies too
    :param durable: whether a retry takes over the job of an earlier try
    :param stop_job_on_kill: whether to stop the job when it takes too long, and when the task is killed, cleared or
        marked, also while it is deferred
    :param logs: whether to copy the job's log lines to the task's log; if deferred, after the job has ended
    :param history: where the counts of each run are recorded: a folder, such as ``"s3://bucket/bias/history"``, or a
        :class:`~airflow_clarify.SQLHistory` (templated)
    :raises AirflowFailException: the configuration does not fit the data; the task is not retried
    :raises AirflowException: the data cannot be read, the outputs cannot be written, or the job did not complete; the
        task may be retried
    """

    template_fields: Sequence[str] = ("data_config", "bias_config", "analysis_config", "engine", "history")
    template_fields_renderers: ClassVar[dict[str, str]] = {"analysis_config": "json"}
    operator_extra_links: Sequence[BaseOperatorLink] = (BiasReportLink(), *JOB_LINKS)
    ui_color = "#e3eef9"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherit_parameters(cls, first=("data_config", "bias_config"))

    #: The stages that the operator measures, as sections of ``analysis_config.json``, and the arguments with their
    #: metrics.
    methods_arguments: ClassVar[Mapping[str, str]]
    #: The model of a Clarify job and how its output is read; only operators of the post-training stage have them.
    model_config: Any = None
    model_predicted_label_config: Any = None

    def __init__(
        self,
        *,
        data_config: DataConfig | Mapping[str, Any],
        bias_config: BiasConfig | Mapping[str, Any] | None = None,
        analysis_config: Mapping[str, Any] | str | None = None,
        engine: Engine | SageMakerEngine | None = None,
        report_formats: Sequence[str] = ALL_FORMATS,
        suppress_below: int = 0,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float = 30,
        timeout: float | timedelta | None = None,
        durable: bool = True,
        stop_job_on_kill: bool = True,
        logs: bool = True,
        history: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_config = copy_config(data_config)
        self.bias_config = copy_config(bias_config)
        self.analysis_config = copy_config(analysis_config)
        self.engine: Engine | SageMakerEngine = copy_config(DuckDBEngine() if engine is None else engine)
        self.report_formats = report_formats
        self.suppress_below = suppress_below
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.durable = durable
        self.stop_job_on_kill = stop_job_on_kill
        self.logs = logs
        self.history = history
        self._job_name: str | None = None
        self._killed = False
        self._stopper: TaskJob | None = None
        self._measured: Analysis | None = None
        if not isinstance(self.engine, SageMakerEngine):
            self.operator_extra_links = (BiasReportLink(),)
        self.wait_for_nested(data_config, bias_config, engine)

    def execute(self, context: Context) -> dict[str, Any] | str:
        """Measure the bias, write the outputs, and return the analysis.

        :param context: of the task
        :return: the analysis as JSON, or the name of a job that is not waited for
        """
        with translate_errors(), self._record_failure(context):
            self.check_rendered()
            data = DataConfig.coerce(self.data_config)
            config = self._build_config(data)
            self.log.info("Measuring the bias of %s", data.source)
            if isinstance(self.engine, SageMakerEngine):
                return self._run_job(context, self.engine, data, config)
            analysis = self._count(context, self.engine, data, config)
            return self._publish(context, analysis)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Resume after the trigger has fired, and read the analysis of the job.

        The job is described again, because the trigger's event alone is no evidence of its state.

        :param context: of the task
        :param event: of :class:`~airflow_clarify.triggers.sagemaker.ClarifyJobTrigger`
        :return: the analysis as JSON
        """
        from airflow_clarify.engines.sagemaker.status import JobStatus
        from airflow_clarify.operators.sagemaker_job import TaskJob, get_start_time

        assert isinstance(self.engine, SageMakerEngine)
        with translate_errors(), self._record_failure(context):
            job = TaskJob(self.engine, self.log)
            config = self._build_config(DataConfig.coerce(self.data_config))
            name = read_job(context)["job_name"]
            if not isinstance(event, Mapping) or event.get("status") != "ended":
                self._stop_job(job, name)
                raise JobError(_explain_event(event, name))
            description = job.jobs.describe(name)
            if not JobStatus.from_description(description).ended:
                # The event belongs to another job: some databases reuse the id of a deleted trigger.
                self._defer(self.engine, name, get_start_time(description) + self._compute_timeout(self.engine))
            if self.logs:
                job.log_job_lines(name)
            return self._publish(context, job.finish(description, config, shown=self.logs))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; stop the job if the deferral itself failed.

        A trigger that failed or timed out cannot stop the job.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except BaseException:
            if next_method != "execute_complete":
                self._stop_abandoned(context)
            raise

    def on_kill(self) -> None:
        """Cancel the count, or stop the job."""
        self._killed = True
        if not isinstance(self.engine, SageMakerEngine):
            self.engine.cancel()
        elif self._job_name is not None:
            from airflow_clarify.operators.sagemaker_job import TaskJob

            # With other clients than the task's: the signal may have interrupted one of their calls.
            self._stop_job(self._stopper or TaskJob(self.engine, self.log), self._job_name)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of the measured data; OpenLineage calls this, if it is installed.

        :param task_instance: the task instance
        """
        from airflow_clarify.lineage import openlineage as lineage
        from airflow_clarify.lineage.dataset import describe_source

        # Some versions of the provider call this on an earlier copy of the task, which has no results.
        task = task_instance.task
        return lineage.build_analysis_lineage(
            describe_source(DataConfig.coerce(task.data_config), task.engine), task._measured
        )

    def _count(self, context: Context, engine: Engine, data: DataConfig, config: AnalysisConfig) -> Analysis:
        from airflow_clarify.api import measure

        check_keeps_counts(self.suppress_below, data, "the files there keep")
        analysis = measure(
            data,
            config,
            engine,
            run=describe_run(context),
            formats=self.report_formats,
            progress=self._log_progress,
            suppress_below=self.suppress_below,
        )
        if analysis.outputs:
            self.log.info("Wrote %s", ", ".join(analysis.outputs.values()))
        return analysis

    def _publish(self, context: Context, analysis: Analysis) -> dict[str, Any]:
        """Log an analysis, push its overview, fill asset events, and return it as JSON."""
        from airflow_clarify.bias.suppression import hide_small_counts
        from airflow_clarify.operators.asset_events import add_event_extra, summarize_analysis

        # From here on everything is shown or passed on, so small counts are hidden.
        analysis = hide_small_counts(replace(analysis, run=describe_run(context)))
        log_analysis(self.log, analysis)
        push_overview(context, [analysis])
        add_event_extra(context, self.outlets, summarize_analysis(analysis))
        self._measured = analysis
        if self.history is not None:
            # The gate adds its verdict to the same record.
            from airflow_clarify.history.reading import open_history
            from airflow_clarify.operators._gate_history import build_record

            store = open_history(self.history, DataConfig.coerce(self.data_config).conn_id)
            store.write([build_record(analysis, context)])
        return analysis.to_xcom()

    @contextmanager
    def _record_failure(self, context: Context) -> Iterator[None]:
        """Record in the history that the data of this run could not be measured."""
        try:
            yield
        except ClarifyError as error:
            if self.history is not None:
                from airflow_clarify.operators._not_judged import record_failed_measurement

                record_failed_measurement(self, context, error)
            raise

    # --- Jobs -----------------------------------------------------------------------------------------------------

    def _run_job(
        self, context: Context, engine: SageMakerEngine, data: DataConfig, config: AnalysisConfig
    ) -> dict[str, Any] | str:
        from airflow_clarify.operators.sagemaker_job import JobIdentity, TaskJob, get_start_time

        job = TaskJob(engine, self.log)
        self._prepare_stop(engine)
        plan = engine.plan(data, config)
        identity = JobIdentity.from_context(context)
        if self.durable and self.stop_job_on_kill:
            job.stop_cleared(plan, identity)
        found = job.find_or_start(plan, config, identity if self.durable else None, self._remember_job)
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

    def _prepare_stop(self, engine: SageMakerEngine) -> None:
        """Create the client that stops the job when the task is killed.

        ``on_kill`` has five seconds before Airflow ends the process, and may have interrupted a request to Airflow, in
        which it cannot ask for the connection.
        """
        from airflow_clarify.operators.sagemaker_job import TaskJob

        if self.stop_job_on_kill and self.wait_for_completion:
            self._stopper = TaskJob(engine, self.log)
            self._stopper.jobs.connect()

    def _remember_job(self, name: str) -> None:
        self._job_name = name

    def _raise_if_killed(self, job: TaskJob) -> None:
        """Stop the job and raise if the task was killed; Airflow lets the task run on after ``on_kill``.

        :raises AirflowException: the task was killed
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
            # Airflow restarts this timeout in every process, so a deferred task would never reach it.
            deadline = min(deadline, time.time() + self.execution_timeout.total_seconds())
        trigger = ClarifyJobTrigger(
            job_name=name,
            deadline=deadline,
            poll_interval=self.poll_interval,
            stop_job_on_kill=self.stop_job_on_kill,
            **engine.connection.to_dict(),
        )
        # The trigger enforces the deadline itself. This longer timeout applies when no triggerer is running.
        timeout = timedelta(seconds=max(deadline - time.time(), 0)) + timedelta(minutes=10)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
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
        """Check the arguments that are known before any data are read."""
        check_engine(self.engine)
        for name in ("wait_for_completion", "deferrable", "durable", "stop_job_on_kill", "logs"):
            check_flag(name, getattr(self, name))
        check_seconds("poll_interval", self.poll_interval)
        if self.timeout is not None:
            check_seconds("timeout", self.timeout)
        if not self.wait_for_completion and not isinstance(self.engine, SageMakerEngine):
            raise ConfigError(
                f"wait_for_completion: {type(self.engine).__name__} counts in the task itself, so there is no job to "
                "leave running; leave it out"
            )
        formats = self.report_formats
        if not isinstance(formats, list | tuple | set | frozenset) or not all(one in ALL_FORMATS for one in formats):
            raise ConfigError(
                f"report_formats: a list of some of {', '.join(ALL_FORMATS)}, not {self.report_formats!r}"
            )
        if self.suppress_below != 0:
            # Imported only where it is needed, as DAG files are parsed often.
            from airflow_clarify.bias.suppression import check_suppress_below

            check_suppress_below(self.suppress_below)
        if self.suppress_below and isinstance(self.engine, SageMakerEngine):
            raise ConfigError(
                "suppress_below: a job on SageMaker writes its report itself, with all counts; leave it out, or use an "
                "engine that counts in the task"
            )
        if (self.bias_config is None) == (self.analysis_config is None):
            raise ConfigError("give either bias_config or analysis_config")
        if self.analysis_config is not None:
            self._check_no_arguments_beside_file()
        if self.model_config is not None and not isinstance(self.engine, SageMakerEngine):
            raise ConfigError(
                f"model_config: only a Clarify job on SageMaker runs a model, and {type(self.engine).__name__} does "
                "not; name a column of predictions in DataConfig(predicted_label=...), or use SageMakerEngine"
            )
        if not is_templated(self.data_config):
            self.engine.check_data(DataConfig.coerce(self.data_config))
            check_keeps_counts(self.suppress_below, DataConfig.coerce(self.data_config), "the files there keep")
        if self.bias_config is not None and not is_templated(self.bias_config):
            BiasConfig.coerce(self.bias_config)
        if isinstance(self.analysis_config, Mapping) and not is_templated(self.analysis_config):
            self._check_facets(AnalysisConfig(self.analysis_config))
        if self.bias_config is not None and not any(map(is_templated_anywhere, self._list_parts())):
            # Building the configuration checks everything but the columns, which are checked on access.
            config = self._build_from_arguments(DataConfig.coerce(self.data_config))
            _ = config.label
            if not isinstance(self.engine, SageMakerEngine):
                _ = config.predicted_label
            self._check_group(config)
            self._check_facets(config)

    def _check_facets(self, config: AnalysisConfig) -> None:
        if isinstance(self.engine, SageMakerEngine):
            self.engine.check_facets(config)

    def _check_no_arguments_beside_file(self) -> None:
        arguments = dict.fromkeys(self.methods_arguments.values(), "all")
        for name, default in {**arguments, "model_config": None, "model_predicted_label_config": None}.items():
            if getattr(self, name) != default:
                raise ConfigError(f"{name}: analysis_config defines what to measure; leave one of them out")

    def _check_group(self, config: AnalysisConfig) -> None:
        for name in self.methods_arguments.values():
            asked = getattr(self, name)
            conditional = [] if isinstance(asked, str) else [metric for metric in ("CDDL", "CDDPL") if metric in asked]
            if conditional and config.group_variable is None:
                raise ConfigError(
                    f"group_name: {conditional[0]} needs a group variable; name its column in BiasConfig, or leave "
                    f"{conditional[0]} out of {name}"
                )

    def _list_parts(self) -> list[Any]:
        """List the arguments that a configuration is built from."""
        methods = [getattr(self, name) for name in self.methods_arguments.values()]
        return [self.data_config, self.bias_config, *methods, self.model_config, self.model_predicted_label_config]

    def _build_config(self, data: DataConfig) -> AnalysisConfig:
        if self.bias_config is not None:
            return self._build_from_arguments(data)
        if isinstance(self.analysis_config, str):
            from airflow_clarify.artifacts import read_file

            config = AnalysisConfig.parse(read_file(self.analysis_config, data.conn_id), self.analysis_config)
        elif self.analysis_config is None:
            raise ConfigError("analysis_config: empty after its template was rendered")
        else:
            config = AnalysisConfig(dict(self.analysis_config))
        return config if isinstance(self.engine, SageMakerEngine) else self._select_stages(config)

    def _build_from_arguments(self, data: DataConfig) -> AnalysisConfig:
        assert self.bias_config is not None
        from airflow_clarify.bias.config import ModelConfig, ModelPredictedLabelConfig

        methods = {section: getattr(self, name) for section, name in self.methods_arguments.items()}
        for section, name in self.methods_arguments.items():
            check_argument(name, methods[section], argument_types.METHODS)
        model, predicted = self.model_config, self.model_predicted_label_config
        return AnalysisConfig.build(
            data,
            BiasConfig.coerce(self.bias_config),
            methods.get("pre_training_bias"),
            {**AUTHOR_NAMES, **self.methods_arguments},
            post_training_methods=methods.get("post_training_bias"),
            model_config=None if model is None else ModelConfig.coerce(model),
            model_predicted_label_config=None if predicted is None else ModelPredictedLabelConfig.coerce(predicted),
        )

    def _select_stages(self, config: AnalysisConfig) -> AnalysisConfig:
        """Leave out the stages of a configuration that this operator does not measure, with a warning.

        :raises ConfigError: the configuration has none of the operator's stages
        """
        methods = config.document["methods"]
        asked = [section for section in STAGES if methods.get(section) is not None]
        left_out = [section for section in asked if section not in self.methods_arguments]
        if not left_out:
            return config
        if len(left_out) == len(asked):
            raise ConfigError(
                f"methods: {' and '.join(self.methods_arguments)} is missing, and it is what "
                f"{type(self).__name__} measures; add it, or use ClarifyBiasOperator"
            )
        self.log.warning(
            "methods: %s is left out; %s does not measure it, ClarifyBiasOperator does",
            " and ".join(left_out),
            type(self).__name__,
        )
        kept = {section: value for section, value in methods.items() if section not in left_out}
        return replace(config, document={**config.document, "methods": kept})


def _explain_event(event: Any, name: str) -> str:
    """Explain a trigger event that does not report the end of the job."""
    if isinstance(event, Mapping) and event.get("status") == "timeout":
        return f"the processing job {name} did not end within its timeout"
    if isinstance(event, Mapping) and event.get("message"):
        return f"the processing job {name} cannot be waited for: {event['message']}"
    return f"the trigger sent no valid event for the processing job {name}: {event!r}"
