"""The operator that measures pre-training bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.config import AnalysisConfig, BiasConfig, DataConfig, Methods
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.operators.base import ConfiguredOperator, own_copy
from airflow_clarify.operators.plainly import plainly, unresolved

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.engines.base import Engine


class ClarifyPreTrainingBiasOperator(ConfiguredOperator):
    """Measure the bias of a dataset with Clarify's pre-training metrics, where the data live.

    Writes ``analysis.json`` (Clarify's format), ``summary.json`` (counts, warnings, fingerprints), ``report.html`` and
    ``analysis_config.json`` to ``data_config.output_path``, and returns a small JSON form of the analysis, which
    :class:`~airflow_clarify.operators.gate.BiasGateOperator` judges.

    :param data_config: where the data are: a :class:`~airflow_clarify.DataConfig`, or its fields as a mapping
        (templated)
    :param bias_config: which labels are positive and which groups to compare: a
        :class:`~airflow_clarify.BiasConfig`, or its fields as a mapping (templated)
    :param methods: "all", or names among CDDL, CI, DPL, JS, KL, KS, LP, TVD (templated)
    :param analysis_config: instead of ``bias_config`` and ``methods``: the content of an ``analysis_config.json``, as a
        mapping (such as the SageMaker SDK's ``get_config()`` gives) or as a path to the file (templated)
    :param engine: where to count; :class:`~airflow_clarify.DuckDBEngine` by default
    :raises AirflowFailException: the configuration does not fit the data; it is not tried again
    :raises AirflowException: the data cannot be read, or the outputs cannot be written
    """

    template_fields: Sequence[str] = ("data_config", "bias_config", "methods", "analysis_config", "engine")
    template_fields_renderers: ClassVar[dict[str, str]] = {"analysis_config": "json"}
    ui_color = "#e3eef9"

    def __init__(
        self,
        *,
        data_config: DataConfig | Mapping[str, Any],
        bias_config: BiasConfig | Mapping[str, Any] | None = None,
        methods: Methods = "all",
        analysis_config: Mapping[str, Any] | str | None = None,
        engine: Engine | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_config = own_copy(data_config)
        self.bias_config = own_copy(bias_config)
        self.methods = methods
        self.analysis_config = own_copy(analysis_config)
        self.engine = own_copy(engine) if engine is not None else DuckDBEngine()
        self.wait_for_nested(data_config, bias_config)
        self.check_now()

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_clarify.bias.analysis import Analysis
        from airflow_clarify.reports.table import printable, table

        with plainly():
            data = DataConfig.of(self.data_config)
            config = self._config(data)
            self.log.info("Measuring the bias of %s", data.input_path)
            contingency = self.engine.count(data, config, progress=self._progress)
            analysis = Analysis.from_contingency(contingency, config)
            for line in table(analysis):
                self.log.info("%s", line)
            for warning in analysis.warnings:
                self.log.warning("%s", printable(warning, None))
            analysis = self._write(analysis, config, data)
        return analysis.to_xcom()

    def on_kill(self) -> None:
        self.engine.cancel()

    def _check(self) -> None:
        """Find what can be found wrong before any data are seen."""
        if (self.bias_config is None) == (self.analysis_config is None):
            raise ConfigError("give bias_config, or analysis_config, one of the two")
        if not unresolved(self.data_config):
            DataConfig.of(self.data_config)
        if self.bias_config is not None and not unresolved(self.bias_config):
            BiasConfig.of(self.bias_config)
        if isinstance(self.analysis_config, Mapping) and not unresolved(self.analysis_config):
            AnalysisConfig(self.analysis_config)
        parts = [self.data_config, self.bias_config, self.methods]
        if self.bias_config is not None and not any(_anywhere_unresolved(part) for part in parts):
            data, bias = DataConfig.of(self.data_config), BiasConfig.of(self.bias_config)
            # What else can be wrong with it is checked when it is built.
            _ = AnalysisConfig.build(data, bias, self.methods).label

    def _config(self, data: DataConfig) -> AnalysisConfig:
        if self.bias_config is not None:
            return AnalysisConfig.build(data, BiasConfig.of(self.bias_config), self.methods)
        if isinstance(self.analysis_config, str):
            from airflow_clarify.outputs import read_file

            return AnalysisConfig.parse(read_file(self.analysis_config, data.conn_id), self.analysis_config)
        if self.analysis_config is None:
            raise ConfigError("analysis_config: nothing is left of it after templating")
        return AnalysisConfig(dict(self.analysis_config))

    def _write(self, analysis: Analysis, config: AnalysisConfig, data: DataConfig) -> Analysis:
        """Write the files, and note where they are."""
        if data.output_path is None:
            return analysis
        from airflow_clarify.outputs import write_analysis

        analysis = write_analysis(data.output_path, analysis, config, data.conn_id)
        self.log.info("Wrote %s", ", ".join(analysis.outputs.values()))
        return analysis

    def _progress(self, what: str, part: float) -> None:
        self.log.debug("%s (%.0f %%)", what, 100 * max(part, 0))


def _anywhere_unresolved(value: Any) -> bool:
    """Whether a value, or a field of a configuration object, is known only when the task runs."""
    fields = getattr(value, "template_fields", None)
    return any(unresolved(getattr(value, name)) for name in fields) if fields else unresolved(value)
