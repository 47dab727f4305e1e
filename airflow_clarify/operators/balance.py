"""Balance a dataset in a task: `BalanceDatasetOperator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_clarify.bias.argument_types import is_templated
from airflow_clarify.bias.config import DataConfig
from airflow_clarify.bias.dataset_types import check_ending
from airflow_clarify.bias.resampling import WEIGHT_COLUMN, BalanceConfig
from airflow_clarify.engines.duckdb import DuckDBEngine
from airflow_clarify.exceptions import ConfigError
from airflow_clarify.operators._errors import translate_errors
from airflow_clarify.operators._logging import log_warnings
from airflow_clarify.operators._templates import parse_number, parse_optional_number
from airflow_clarify.operators.base import ConfiguredOperator, check_engine, copy_config

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_clarify.bias.resampling import BalanceResult
    from airflow_clarify.engines.base import Engine

#: Stand for templated arguments while a DAG is parsed, when the others are checked.
_DEFAULTS = {"weight": None, "seed": 0, "weight_column": WEIGHT_COLUMN, "key": ()}


class BalanceDatasetOperator(ConfiguredOperator):
    """Write a balanced copy of a dataset, in full or not at all.

    The same data and seed give the same rows, independent of threads and memory. Rows keep their order, columns their
    types, and the cells of a CSV file their text. Returns the numbers of rows drawn from each stratum;
    ``output["target"]`` is the location of the copy. The events of its ``outlets`` contain ``rows_before`` and
    ``rows_after``.

    With ``engine=SQLEngine(...)`` or ``SparkEngine(...)`` the copy is a table beside its source, created by one
    statement. A table has no order, so ``key`` names the columns that identify its rows, and the same data, key and
    seed give the same rows.

    :param source: the dataset: a path or URI, or the name of a table for an engine with tables; a
        :class:`~airflow_clarify.DataConfig`, or its fields as a mapping (templated)
    :param target: the file to write, or the table to create; never the source itself (templated)
    :param by: the columns whose combinations are the strata, such as the facet and the label; for "reweigh" the label
        comes last (templated)
    :param strategy: "undersample" reduces every stratum to the size of the smallest one, or to ``size`` or
        ``fraction``; "oversample" repeats rows up to the size of the largest; "reweigh" keeps all rows and adds a
        column of weights that make the facet and the label independent (Kamiran and Calders 2012)
    :param size: number of rows of each stratum
    :param fraction: for "undersample": share of the rows of each stratum, which keeps their proportions
    :param seed: seed of the random draw (templated)
    :param weight_column: the column that "reweigh" adds
    :param weight: for "reweigh": a column of existing row weights, such as those of a survey. The strata are sums of
        these weights instead of row counts, and each new weight is the row's weight times a factor. By default the
        ``weight`` of ``source``, if that is a DataConfig (templated)
    :param empty: how to treat a combination without rows: "error" or "ignore"
    :param missing: how to treat rows without a value in one of the columns: "drop" them (with a warning, the default),
        "keep" them as a stratum of their own (the default of "reweigh"), or "error"
    :param key: for tables: the columns that identify a row; without them the draw is not reproducible (templated)
    :param if_exists: for tables: "fail" if the target exists (the default), or "replace" it in one step. A file is
        always replaced
    :param engine: where to sample; :class:`~airflow_clarify.DuckDBEngine` by default
    :raises AirflowFailException: a stratum is empty or too small, or the configuration does not fit the data
    :raises AirflowException: the data cannot be read, or the target cannot be written
    """

    template_fields: Sequence[str] = (
        "source",
        "target",
        "by",
        "size",
        "fraction",
        "seed",
        "weight_column",
        "weight",
        "key",
        "engine",
    )
    none_allowed = frozenset({"size", "fraction"})
    ui_color = "#e3f9e8"

    def __init__(
        self,
        *,
        source: str | DataConfig | Mapping[str, Any],
        target: str,
        by: Sequence[str | int],
        strategy: Literal["undersample", "oversample", "reweigh"] = "undersample",
        size: int | None = None,
        fraction: float | None = None,
        seed: int = 0,
        weight_column: str = "weight",
        weight: str | int | None = None,
        empty: Literal["error", "ignore"] = "error",
        missing: str | None = None,
        key: Sequence[str] | None = None,
        if_exists: Literal["fail", "replace"] | None = None,
        engine: Engine | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = copy_config(source)
        self.target = target
        self.by = by
        self.strategy = strategy
        self.size = size
        self.fraction = fraction
        self.seed = seed
        self.weight_column = weight_column
        self.weight = weight
        self.empty = empty
        self.missing = missing
        self.key = key
        self.if_exists = if_exists
        self.engine = copy_config(engine) if engine is not None else DuckDBEngine()
        self._drawn: BalanceResult | None = None
        self.wait_for_nested(source)
        self.check_now()

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the balanced copy, and return the draw.

        :param context: of the task
        :return: the draw as JSON: rows before and after, the strata, and the location of the copy
        """
        from airflow_clarify.api import resample
        from airflow_clarify.operators.asset_events import add_event_extra, summarize_balance

        with translate_errors():
            self.check_rendered()
            data = self._build_data_config()
            plan = self._build_plan()
            self.log.info("Balancing %s by %s (%s)", data.source, ", ".join(plan.names), plan.strategy)
            result = resample(data, self.target, plan, self.engine, progress=self._log_progress)
        self.log.info("Read %s rows, wrote %s to %s", f"{result.rows_in:,}", f"{result.rows_out:,}", result.target)
        log_warnings(self.log, result.warnings)
        # Makes balance.output["target"] available to the next task.
        context["ti"].xcom_push(key="target", value=result.target)
        add_event_extra(context, self.outlets, summarize_balance(data.source, result))
        self._drawn = result
        return result.to_json()

    def on_kill(self) -> None:
        """Cancel the running query."""
        self.engine.cancel()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of the copy; OpenLineage calls this, if it is installed.

        :param task_instance: the task instance
        """
        from airflow_clarify.lineage import openlineage as lineage
        from airflow_clarify.lineage.dataset import describe_source, describe_target

        # Some versions of the provider call this on an earlier copy of the task, which has no results.
        task = task_instance.task
        return lineage.build_balance_lineage(
            describe_source(task._build_data_config(), task.engine),
            describe_target(task.target, task.engine),
            task._drawn,
        )

    def _build_plan(self, unknown: Mapping[str, Any] | None = None) -> BalanceConfig:
        """Build the configuration; ``unknown`` replaces arguments that are templates not rendered yet."""
        fields: dict[str, Any] = {
            "by": self.by,
            "strategy": self.strategy,
            "size": parse_optional_number("size", self.size),
            "fraction": parse_optional_number("fraction", self.fraction),
            "empty": self.empty,
            "missing": self.missing,
            "weight": self.weight,
            "seed": self.seed,
            "weight_column": self.weight_column,
            "key": () if self.key is None else self.key,
            "if_exists": self.if_exists,
        } | dict(unknown or {})
        return BalanceConfig(**fields | {"seed": parse_number("seed", fields["seed"])})

    def _build_data_config(self) -> DataConfig:
        return (
            self.engine.data_config_for(self.source) if isinstance(self.source, str) else DataConfig.coerce(self.source)
        )

    def _check(self) -> None:
        check_engine(self.engine)
        if not any(map(is_templated, (self.by, self.strategy, self.size, self.fraction))):
            self._build_plan({name: value for name, value in _DEFAULTS.items() if is_templated(getattr(self, name))})
        if not hasattr(self.engine, "balance"):
            raise ConfigError(
                f"engine: {type(self.engine).__name__} measures only; balance with DuckDBEngine, the default"
            )
        if isinstance(self.source, str) and self.source == self.target:
            raise ConfigError(f"target: {self.target!r} is the source itself; give another name")
        if isinstance(self.target, str) and not self.engine.samples_by_key and not is_templated(self.target):
            check_ending(self.target)
        for name in ("key", "if_exists"):
            if getattr(self, name) is not None and not self.engine.samples_by_key:
                raise ConfigError(
                    f"{name}: {type(self.engine).__name__} draws rows by their position in files, and writes the "
                    "target anew; leave it out"
                )
        if not isinstance(self.source, str) and not is_templated(self.source):
            self.engine.check_data(DataConfig.coerce(self.source))
