"""Find the worst subgroups in a task: `FindBiasedSubgroupsOperator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_clarify.bias.argument_types import is_templated, is_templated_anywhere
from airflow_clarify.bias.config import BiasConfig, ColumnRef, DataConfig
from airflow_clarify.bias.model_config import ModelPredictedLabelConfig
from airflow_clarify.bias.subgroups.config import Correction, SearchConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.links.report import BiasReportLink
from airflow_clarify.operators._errors import translate_errors
from airflow_clarify.operators._logging import describe_run, log_lines, log_warnings, push_search_overview
from airflow_clarify.operators._templates import parse_number, parse_rendered
from airflow_clarify.operators.base import ConfiguredOperator, check_engine, check_keeps_counts, copy_config

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_clarify.bias.column_types import DeclaredType
    from airflow_clarify.bias.subgroups.result import SubgroupSearch
    from airflow_clarify.engines.base import Engine


class FindBiasedSubgroupsOperator(ConfiguredOperator):
    """Find the subgroups that differ from all other rows by more than their parents explain.

    Counts all combinations of values of up to ``max_depth`` columns where the data are, and ranks those with at least
    ``min_rows`` rows by their excess: the part of their difference that no group that contains them explains. Only
    subgroups that differ beyond chance are returned, and combinations that a subgroup explains are folded into it.
    Numeric columns are cut at quantiles.

    With ``data_config.output_path`` it writes ``subgroups.json`` and a report with the tree of findings,
    ``subgroups.html``. Returns the result as JSON, which
    :class:`~airflow_clarify.BiasGateOperator` accepts as ``analysis``. The events of its ``outlets`` contain ``rows``,
    ``subgroups`` (the number of findings) and ``worst`` (the first of them).

    :param data_config: where the data are: a :class:`~airflow_clarify.DataConfig`, or its fields as a mapping
        (templated)
    :param label: the label column, by name or index; None takes that of ``data_config`` (templated)
    :param columns: the columns whose values are combined, by name or index (templated)
    :param label_values_or_threshold: the positive label values, or one threshold; alternatively ``bias_config``
        (templated)
    :param bias_config: a :class:`~airflow_clarify.BiasConfig`, or its fields as a mapping, of which the positive label
        values are taken (templated)
    :param max_depth: the maximum number of columns in a combination, from 1 to 5 (templated)
    :param min_rows: the minimum number of rows of a subgroup (templated)
    :param metric: the metric by which subgroups are ranked: DPL, or with a column of predictions
        (``data_config.predicted_label``) AD, DAR, DPPL, DRR, RD or SD (templated)
    :param top: the maximum number of subgroups in the result (templated)
    :param confidence: the confidence level. With ``correction="holm"``, the probability that no subgroup of the result
        is there by chance is at least this
    :param correction: the correction for the number of tested groups: "holm", "bonferroni" or "by"; None for no
        correction
    :param bins: the number of intervals into which a numeric column is cut
    :param column_types: "categorical" or "continuous" for some columns, instead of the rule: a numeric column is cut if
        Clarify takes it for continuous, or if it has more than 20 values
    :param model_predicted_label_config: if the predictions are scores: a
        :class:`~airflow_clarify.ModelPredictedLabelConfig` with their ``probability_threshold`` (templated)
    :param suppress_below: hide findings from which a count under this number, such as 10, could be read or computed, in
        report, log, XCom and lineage; only ``subgroups.json`` in ``output_path`` has all of them, and the gate reads
        them there. 0 hides nothing
    :param engine: where to count; :class:`~airflow_clarify.DuckDBEngine` by default
    :raises AirflowFailException: the configuration does not fit the data; the task is not retried
    :raises AirflowException: the data cannot be read, or the outputs cannot be written; the task may be retried
    """

    template_fields: Sequence[str] = (
        "data_config",
        "label_column",
        "columns",
        "label_values_or_threshold",
        "bias_config",
        "max_depth",
        "min_rows",
        "metric",
        "top",
        "model_predicted_label_config",
        "engine",
    )
    operator_extra_links: Sequence[BaseOperatorLink] = (BiasReportLink(),)
    none_allowed: ClassVar[frozenset[str]] = frozenset({"label_column"})
    ui_color = "#f4e8fb"

    def __init__(
        self,
        *,
        data_config: DataConfig | Mapping[str, Any],
        columns: Sequence[ColumnRef],
        label: ColumnRef | None = None,
        label_values_or_threshold: Sequence[Any] | None = None,
        bias_config: BiasConfig | Mapping[str, Any] | None = None,
        max_depth: int = 3,
        min_rows: int = 100,
        metric: str = "DPL",
        top: int = 20,
        confidence: float = 0.95,
        correction: Correction | None = "holm",
        bins: int = 4,
        column_types: Mapping[str, DeclaredType] | None = None,
        model_predicted_label_config: ModelPredictedLabelConfig | Mapping[str, Any] | None = None,
        suppress_below: int = 0,
        engine: Engine | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_config = copy_config(data_config)
        # Airflow's own operators have a property "label", which the graph shows.
        self.label_column = label
        self.columns = columns
        self.label_values_or_threshold = label_values_or_threshold
        self.bias_config = copy_config(bias_config)
        self.max_depth = max_depth
        self.min_rows = min_rows
        self.metric = metric
        self.top = top
        self.confidence = confidence
        self.correction = correction
        self.bins = bins
        self.column_types = column_types
        self.model_predicted_label_config = copy_config(model_predicted_label_config)
        self.suppress_below = suppress_below
        self.engine: Engine = copy_config(DuckDBEngine() if engine is None else engine)
        self._found: SubgroupSearch | None = None
        self.wait_for_nested(data_config, bias_config, model_predicted_label_config, engine)
        self.check_now()

    def execute(self, context: Context) -> dict[str, Any]:
        """Search for subgroups, write the outputs, and return the result.

        :param context: of the task
        :return: the result as JSON
        """
        from airflow_clarify.api import search
        from airflow_clarify.bias.subgroups.analysis_config import build_search_config
        from airflow_clarify.bias.subgroups.suppression import hide_small_subgroups
        from airflow_clarify.operators.asset_events import add_event_extra
        from airflow_clarify.reports.sections.subgroups import format_subgroups

        with translate_errors():
            self.check_rendered()
            data, question = self._build_data_config(), self._build_question()
            check_keeps_counts(self.suppress_below, data, "subgroups.json there keeps")
            self.log.info("Searching %s for subgroups", data.source)
            config = build_search_config(data, self._build_bias(), question, predicted=self._build_predicted())
            found = search(
                data,
                config,
                question,
                self.engine,
                run=describe_run(context),
                progress=self._log_progress,
                suppress_below=self.suppress_below,
            )
        # From here on everything is shown or passed on, so small counts are hidden.
        found = hide_small_subgroups(found)
        if found.outputs:
            self.log.info("Wrote %s", ", ".join(found.outputs.values()))
        log_lines(self.log, format_subgroups(found))
        log_warnings(self.log, found.warnings)
        push_search_overview(context, found)
        extra: dict[str, Any] = {"rows": found.rows, "subgroups": found.found}
        add_event_extra(context, self.outlets, extra | ({"worst": found.sentence} if found.subgroups else {}))
        self._found = found
        return found.to_json()

    def on_kill(self) -> None:
        """Cancel the running query."""
        self.engine.cancel()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of the searched data; OpenLineage calls this, if it is installed.

        :param task_instance: the task instance
        """
        from airflow_clarify.lineage import openlineage as lineage
        from airflow_clarify.lineage.dataset import describe_source

        # Some versions of the provider call this on an earlier copy of the task, which has no results.
        task = task_instance.task
        return lineage.build_search_lineage(
            describe_source(DataConfig.coerce(task.data_config), task.engine), task._found
        )

    # --- Configuration --------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Check the arguments that are known before any data are read."""
        from airflow_clarify.engines.base import check_ability

        check_engine(self.engine)
        check_ability(self.engine, "count_combinations")
        if (self.bias_config is None) == (self.label_values_or_threshold is None):
            raise ConfigError("label_values_or_threshold: give either it or bias_config")
        question = [self.columns, self.max_depth, self.min_rows, self.metric, self.top]
        if not any(map(is_templated, question)):
            self._build_question()
        if self.suppress_below != 0:
            from airflow_clarify.bias.suppression import check_suppress_below

            check_suppress_below(self.suppress_below)
        if not is_templated(self.data_config):
            check_keeps_counts(self.suppress_below, DataConfig.coerce(self.data_config), "subgroups.json there keeps")
            self.engine.check_data(DataConfig.coerce(self.data_config))
        if is_templated(self.label_values_or_threshold) or is_templated(self.bias_config):
            return
        bias, predicted = self._build_bias(), None
        if not is_templated(self.model_predicted_label_config):
            predicted = self._build_predicted()
        if any(map(is_templated_anywhere, (self.data_config, bias, self.label_column, *question))):
            return
        from airflow_clarify.bias.subgroups.analysis_config import build_search_config

        data, asked = self._build_data_config(), self._build_question()
        # Building the configuration checks everything but the label, which is checked on access.
        label = build_search_config(data, bias, asked, predicted=predicted).label
        if label in asked.columns:
            raise ConfigError(f"columns: {label!r} is the label; a label cannot be biased against itself")

    def _build_question(self) -> SearchConfig:
        columns = parse_rendered(self.columns) if isinstance(self.columns, str) else self.columns
        is_list = isinstance(columns, Sequence) and not isinstance(columns, str | bytes)
        return SearchConfig(
            tuple(columns) if is_list else cast(Any, columns),
            cast(int, parse_number("max_depth", self.max_depth)),
            cast(int, parse_number("min_rows", self.min_rows)),
            self.metric,
            cast(int, parse_number("top", self.top)),
            self.confidence,
            self.correction,
            self.bins,
            self.column_types,
        )

    def _build_data_config(self) -> DataConfig:
        data = DataConfig.coerce(self.data_config)
        return data if self.label_column is None else replace(data, label=self.label_column)

    def _build_bias(self) -> BiasConfig:
        """Build a configuration of the positive label values; its facets are not used."""
        if self.bias_config is not None:
            return BiasConfig.coerce(self.bias_config)
        values = self.label_values_or_threshold
        if isinstance(values, str):
            values = parse_rendered(values)
        return BiasConfig(cast(Any, values), "")

    def _build_predicted(self) -> ModelPredictedLabelConfig | None:
        given = self.model_predicted_label_config
        return None if given is None else ModelPredictedLabelConfig.coerce(given)
