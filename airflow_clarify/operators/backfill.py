"""Fill a history from past data in a task: `BackfillBiasHistoryOperator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_clarify.bias.argument_types import is_column, is_templated, is_templated_anywhere
from airflow_clarify.bias.config import BiasConfig, DataConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.operators._errors import translate_errors
from airflow_clarify.operators._logging import log_warnings
from airflow_clarify.operators.base import ConfiguredOperator, check_engine, copy_config

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.config import AnalysisConfig, Methods
    from airflow_clarify.engines.base import Engine

#: Maximum number of different warnings of the periods that are logged.
_MAX_WARNINGS = 20


class BackfillBiasHistoryOperator(ConfiguredOperator):
    """Count past data by day, week or month in one scan, and write a record of each period to a history.

    The same as ``airflow-clarify backfill``. Filling a history again replaces the records of the same periods; the
    record of a run replaces a backfilled record of the same night. Returns ``periods`` (their number), ``first``,
    ``last``, ``rows`` and ``dataset``.

    :param data_config: where the data are: a :class:`~airflow_clarify.DataConfig`, or its fields as a mapping
        (templated)
    :param bias_config: which labels are positive and which groups to compare: a :class:`~airflow_clarify.BiasConfig`,
        or its fields as a mapping (templated)
    :param time_column: the column of dates or times by which the rows are grouped, by name or index (templated)
    :param history: a folder, such as ``"s3://bucket/bias/history"``, or a :class:`~airflow_clarify.SQLHistory`
        (templated)
    :param every: the length of the periods: "day", "week" (from Monday) or "month" (templated)
    :param methods: "all" metrics for which there are columns, or names of metrics of labels and of predictions
        (templated)
    :param probability_threshold: the threshold above which a score is the prediction 1, for a column of scores
        (templated)
    :param dataset: the name of the dataset in the history; None derives it from the location of the data, with
        ``<date>`` instead of dates, as the measuring operators do (templated)
    :param engine: where to count; :class:`~airflow_clarify.DuckDBEngine` by default
    :raises AirflowFailException: the configuration does not fit the data; the task is not retried
    :raises AirflowException: the data cannot be read, or the history cannot be written; the task may be retried
    """

    template_fields: Sequence[str] = (
        "data_config",
        "bias_config",
        "time_column",
        "history",
        "every",
        "methods",
        "probability_threshold",
        "dataset",
        "engine",
    )
    none_allowed: ClassVar[frozenset[str]] = frozenset({"probability_threshold", "dataset"})
    ui_color = "#e3eef9"

    def __init__(
        self,
        *,
        data_config: DataConfig | Mapping[str, Any],
        bias_config: BiasConfig | Mapping[str, Any],
        time_column: str | int,
        history: Any,
        every: str = "day",
        methods: Methods = "all",
        probability_threshold: float | str | None = None,
        dataset: str | None = None,
        engine: Engine | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_config = copy_config(data_config)
        self.bias_config = copy_config(bias_config)
        self.time_column = time_column
        self.history = history
        self.every = every
        self.methods = methods
        self.probability_threshold = probability_threshold
        self.dataset = dataset
        self.engine: Engine = copy_config(DuckDBEngine() if engine is None else engine)
        self.wait_for_nested(data_config, bias_config, engine)
        self.check_now()

    def execute(self, context: Context) -> dict[str, Any]:
        """Count the past data, and write the history.

        :param context: of the task
        :return: the number of periods, the first and the last one, the number of rows, and the dataset
        """
        from airflow_clarify.history.backfill import backfill

        with translate_errors():
            self.check_rendered()
            data = DataConfig.coerce(self.data_config)
            self.log.info("Counting %s by %s", data.source, self.every)
            records = backfill(
                data,
                self._build_config(data),
                self.engine,
                self.history,
                time_column=self.time_column,
                every=self.every,  # type: ignore[arg-type]  # checked there
                dataset=self.dataset,
                progress=self._log_progress,
            )
        first, last = records[0], records[-1]
        self.log.info("Wrote %d records, %s to %s, of %s", len(records), first.period, last.period, first.dataset)
        warnings = dict.fromkeys(warning for record in records for warning in record.document["warnings"])
        log_warnings(self.log, list(warnings)[:_MAX_WARNINGS])
        return {
            "periods": len(records),
            "first": first.period,
            "last": last.period,
            "rows": sum(int(record.document["rows"] or 0) for record in records),
            "dataset": first.dataset,
        }

    def on_kill(self) -> None:
        """Cancel the running query."""
        self.engine.cancel()

    # --- Configuration --------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Check the arguments that are known before any data are read."""
        from airflow_clarify.bias.periods import check_every
        from airflow_clarify.engines.base import check_ability

        check_engine(self.engine)
        check_ability(self.engine, "count_periods")
        if not is_templated(self.every):
            check_every(self.every)
        if not is_column(self.time_column) and not is_templated(self.time_column):
            raise ConfigError(f"time_column: the name or the index of a column, not {self.time_column!r}")
        if not is_templated(self.history):
            # Imported only by DAG files that use it.
            from airflow_clarify.history.reading import open_history

            open_history(self.history)
        if not is_templated(self.data_config):
            self.engine.check_data(DataConfig.coerce(self.data_config))
        parts = (self.data_config, self.bias_config, self.methods, self.probability_threshold)
        if any(map(is_templated_anywhere, parts)):
            return
        # Building the configuration checks everything but the columns, which are checked on access.
        label = self._build_config(DataConfig.coerce(self.data_config)).label
        if label == self.time_column:
            raise ConfigError(f"time_column: {label!r} is the label; name the column of dates or times")

    def _build_config(self, data: DataConfig) -> AnalysisConfig:
        from airflow_clarify.bias.stages import infer_config

        return infer_config(data, BiasConfig.coerce(self.bias_config), self.methods, self.probability_threshold)
