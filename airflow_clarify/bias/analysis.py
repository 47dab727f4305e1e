"""Analysis: the metrics and counts of every tested group, and their conversion to files, XCom and pandas.

``analysis.json`` has exactly the format of Clarify. Counts, warnings and fingerprints, which that format does not
include, are written to a separate ``summary.json``, so that readers of Clarify's file are not affected. The formats are
in :mod:`airflow_clarify.bias.serialization`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.contingency import Contingency, Split
from airflow_clarify.bias.metrics import Stage
from airflow_clarify.bias.results import FacetAnalysis as FacetAnalysis
from airflow_clarify.bias.results import FacetResult as FacetResult
from airflow_clarify.bias.results import MetricResult as MetricResult
from airflow_clarify.bias.results import display_name as display_name
from airflow_clarify.bias.results import get_stage

if TYPE_CHECKING:
    import pandas

    from airflow_clarify.bias.config import AnalysisConfig

_MAX_DATA_NAME = 120
#: The cells of a confusion matrix, in the order of ``ConfusionCounts.cells``, in names of columns.
_OUTCOMES = ("true_positive", "false_positive", "false_negative", "true_negative")


@dataclass(frozen=True)
class Analysis:
    """The bias metrics of a dataset.

    :param label: the label column
    :param label_value_or_threshold: the positive label as Clarify writes it
    :param facets: the results, one entry per facet column
    :param methods: the names of the metrics, sorted
    :param engine: name and version of the counting engine
    :param config_sha256: SHA-256 of the configuration
    :param declared_types: the declared types of label and facets, which are not part of Clarify's configuration
    :param warnings: one sentence each
    :param weighted: whether the counts are sums of row weights
    :param outputs: the locations of the output files by kind ("analysis", "summary", "config", and "report",
        "notebook", "pdf" for the formats of the report)
    :param whereabouts: the location of the data: "path", or "table" or "query" with "engine", "conn_id" and "dialect";
        empty if it is not known
    :param run: the Airflow run: ``dag_id``, ``run_id``, ``task_id``, ``date``, and ``instance`` for a mapped task;
        empty outside Airflow
    :param file_sha256: SHA-256 of the ``analysis.json`` that was written or read; empty if there is none
    :param summary_sha256: SHA-256 of the counts in ``summary.json``, as recorded in ``analysis.json``; empty if it is
        not recorded there, as in Clarify's files
    :param label_reading: how the type of the label was inferred; empty if the configuration declares it
    :param predicted_label: the column of predictions; empty if they were not counted
    :param predicted_value_or_threshold: the positive prediction, as ``label_value_or_threshold``
    :param prediction_error: why predictions cannot be compared with labels; empty if they can. The gate does not pass
        such an analysis
    :param suppress_below: counts under this number are hidden wherever the analysis is shown or passed on; the files
        ``analysis.json`` and ``summary.json`` have all of them. 0 hides nothing
    :param selected_from: number of groups that were tested to select the results, for the findings of a search; a
        correction counts all of them. 0 if nothing was selected
    :param hidden_groups: with ``suppress_below``, pairs of facet column and tested group that are hidden beside those
        with a small count, for the findings of a search
    """

    label: str
    label_value_or_threshold: str
    facets: tuple[FacetAnalysis, ...]
    methods: tuple[str, ...]
    engine: str = ""
    config_sha256: str = ""
    declared_types: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    weighted: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    whereabouts: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, str] = field(default_factory=dict)
    file_sha256: str = ""
    summary_sha256: str = ""
    label_reading: str = ""
    predicted_label: str = ""
    predicted_value_or_threshold: str = ""
    prediction_error: str = ""
    suppress_below: int = 0
    selected_from: int = 0
    hidden_groups: frozenset[tuple[str, str]] = frozenset()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the metrics: "pre_training", "post_training" or both."""
        measured = {get_stage(name) for name in self.methods}
        stages: tuple[Stage, ...] = ("pre_training", "post_training")
        return tuple(stage for stage in stages if stage in measured)

    @property
    def available_metrics(self) -> tuple[str, ...]:
        """The names of all metrics that :meth:`FacetResult.metric` has: ``methods``, and DIL if there are counts."""
        own = {metric.name: None for _, result in self.results() for metric in result.own_metrics}
        return (*self.methods, *own)

    @property
    def source(self) -> str:
        """The location of the data as text: a path, a table or a query."""
        return name_source(self.whereabouts)

    @property
    def data_name(self) -> str:
        """Location of the data in one short line; long paths and queries are truncated."""
        name = " ".join(self.source.split())
        name = name if name.isprintable() else repr(name)[1:-1]
        if len(name) <= _MAX_DATA_NAME:
            return name
        if "query" in self.whereabouts:
            return f"{name[: _MAX_DATA_NAME - 1]}…"
        return f"…{name[1 - _MAX_DATA_NAME :]}"

    @classmethod
    def from_contingency(cls, contingency: Contingency, config: AnalysisConfig) -> Analysis:
        """Compute the configured metrics from counts.

        :param contingency: the counts of an engine
        :param config: the analysis configuration
        :return: the analysis
        :raises DataError: the data have no rows
        """
        from airflow_clarify.bias.measurement import build_notices, measure_facets

        methods = (*config.methods, *config.post_training_methods)
        analysis = cls(
            label=contingency.label,
            label_value_or_threshold=contingency.label_text,
            facets=measure_facets(contingency, methods),
            methods=methods,
            engine=contingency.engine,
            config_sha256=config.sha256,
            declared_types=config.declared_types,
            warnings=tuple(contingency.warnings),
            weighted=contingency.weighted,
            label_reading=contingency.label_reading,
            predicted_label=contingency.predicted_label,
            predicted_value_or_threshold=contingency.predicted_text,
            prediction_error=contingency.prediction_error or "",
        )
        notices = build_notices(
            analysis, contingency, expected=not config.all_methods, has_groups=config.group_variable is not None
        )
        return replace(analysis, warnings=(*analysis.warnings, *notices))

    @property
    def rows(self) -> int | None:
        """Number of rows of the data; None if it is not known."""
        first = self.facets[0]
        return None if first.positive is None or first.negative is None else first.positive.rows + first.negative.rows

    @property
    def one_sided_label(self) -> str | None:
        """Warning that all labels have the same outcome; None if both outcomes occur.

        All distances are then 0. Clarify does not report this; the gate treats it as a violation.
        """
        for facet in self.facets:
            if facet.positive is None or facet.negative is None:
                continue
            # Compare weights rather than rows, since rows with weight 0 do not contribute to metrics.
            if not facet.positive.weight or not facet.negative.weight:
                first = list(facet.labels)[:5]
                found = ", ".join("missing" if label is None else display_name(repr(label)) for label in first)
                which = "no row" if not facet.positive.weight else "every row"
                weightless = " (weight 0 counts for nothing)" if facet.positive.rows and facet.negative.rows else ""
                if self.label_reading:
                    return (
                        f"{which} of {facet.positive.rows + facet.negative.rows} counts as positive{weightless}, so "
                        f"DPL and the distances mean nothing: label '{display_name(self.label)}' was "
                        f"{self.label_reading}"
                    )
                return (
                    f"{which} of {facet.positive.rows + facet.negative.rows} counts as positive{weightless}: label "
                    f"'{display_name(self.label)}' was compared with "
                    f"{display_name(self.label_value_or_threshold) or 'an empty interval'} and holds {found}, so "
                    "DPL and the distances mean nothing; check label_values_or_threshold, or set label_type"
                )
        return None

    @property
    def one_sided_prediction(self) -> str | None:
        """Warning that all predictions have the same outcome; None if both outcomes occur, or none were counted.

        If every row is predicted positive, DI is 1 and the differences of rates are 0, which looks fair. If no row is,
        Clarify's job fails. The gate treats both as a violation.
        """
        for facet in self.facets:
            confusion = facet.confusion
            # Compare weights rather than rows, since rows with weight 0 do not contribute to metrics.
            if confusion is None or (confusion.predicted_positive.weight and confusion.predicted_negative.weight):
                continue
            which = "every row" if confusion.predicted_positive.weight else "no row"
            positive = display_name(self.predicted_value_or_threshold or self.label_value_or_threshold)
            return (
                f"{which} of {confusion.total.rows} is predicted positive: predictions "
                f"'{display_name(self.predicted_label)}' were compared with {positive or 'an empty interval'}, so "
                "DPPL, DI and the differences of error rates mean nothing; check label_values_or_threshold, "
                "probability_threshold and the model"
            )
        return None

    def facet(self, column: str) -> FacetAnalysis | None:
        """Return the results of a facet column.

        :param column: the name of the column
        :return: the results; None if the column is not a facet
        """
        return next((facet for facet in self.facets if facet.column == column), None)

    def results(self) -> Iterable[tuple[FacetAnalysis, FacetResult]]:
        """Iterate over the tested groups of all facets.

        :return: pairs of facet and tested group
        """
        for facet in self.facets:
            for result in facet.results:
                yield facet, result

    def to_pandas(self) -> pandas.DataFrame:
        """Convert the analysis to a DataFrame with one row per facet, tested group and metric.

        :return: columns ``facet``, ``value_or_threshold``, ``metric``, ``value`` (float, NaN where undefined),
            ``error``, ``rows``, ``positive_rows``, ``rest_rows`` and ``rest_positive_rows``; with predictions also
            ``true_positive_rows``, ``false_positive_rows``, ``false_negative_rows`` and ``true_negative_rows``, of the
            group and, beginning with ``rest_``, of all other rows
        """
        import pandas

        records = []
        for facet, result in self.results():
            split = result.split
            counts: tuple[int | None, ...] = (
                (split.d.rows, split.d_positive.rows, split.a.rows, split.a_positive.rows) if split else (None,) * 4
            )
            if self.predicted_label:
                counts += _list_outcome_rows(split)
            named = (facet.column, result.value)
            records += [(*named, metric.name, metric.value, metric.error, *counts) for metric in result.metrics]
        columns = ["facet", "value_or_threshold", "metric", "value", "error"]
        columns += ["rows", "positive_rows", "rest_rows", "rest_positive_rows"]
        if self.predicted_label:
            columns += [f"{side}{outcome}_rows" for side in ("", "rest_") for outcome in _OUTCOMES]
        return pandas.DataFrame.from_records(records, columns=columns).astype({"value": "float64"})

    # --- Clarify's file -------------------------------------------------------------------------------------------

    def to_clarify_json(self, summary_sha256: str = "") -> str:
        """Serialize the analysis as Clarify's ``analysis.json``.

        :param summary_sha256: SHA-256 of the counts in the summary, which is added in a separate section
        :return: the text of the file, indented by four spaces, without a final newline
        """
        from airflow_clarify.bias import serialization

        return serialization.format_clarify_json(self, summary_sha256)

    @classmethod
    def from_clarify_json(cls, text: str, source: str = "analysis.json") -> Analysis:
        """Parse the ``analysis.json`` of Clarify or of :meth:`to_clarify_json`, which has no counts.

        :param text: the content of the file
        :param source: the file name for error messages
        :return: the analysis, without counts
        :raises DataError: the text is not an ``analysis.json`` with bias metrics
        """
        from airflow_clarify.bias import serialization

        return cls(**serialization.parse_clarify_json(text, source))

    # --- Our own summary ------------------------------------------------------------------------------------------

    def to_summary(self) -> dict[str, Any]:
        """Build the content of ``summary.json``: counts, warnings, engine and fingerprints.

        :return: JSON values only
        """
        from airflow_clarify.bias import serialization

        return serialization.build_summary(self)

    def with_summary(self, text: str, source: str = "summary.json") -> Analysis:
        """Return a copy of this analysis with the counts of its summary.

        :param text: the content of ``summary.json``
        :param source: the file name for error messages
        :return: the analysis with counts, warnings and locations
        :raises DataError: the text is not a summary, or is the summary of another analysis or run
        """
        from airflow_clarify.bias import serialization

        return replace(self, **serialization.parse_summary(self, text, source))

    # --- XCom -----------------------------------------------------------------------------------------------------

    def to_xcom(self) -> dict[str, Any]:
        """Serialize the analysis for XCom in a compact form.

        It has the counts, from which :meth:`from_xcom` computes the metrics again. Only CDDL, CDDPL and FT, which need
        more than these, are included as numbers; and all metrics are if the analysis has no counts.

        :return: JSON values only
        """
        from airflow_clarify.bias import serialization

        return serialization.build_xcom(self)

    @classmethod
    def from_xcom(cls, document: Mapping[str, Any]) -> Analysis:
        """Deserialize the output of :meth:`to_xcom`, or the result of a search for subgroups.

        :param document: the XCom value
        :return: the analysis; for a search with a facet for each combination of columns that it found
        :raises DataError: the value is None, or is neither
        """
        from airflow_clarify.bias import serialization

        if isinstance(document, Mapping) and document.get("format") == serialization.SUBGROUPS_FORMAT:
            from airflow_clarify.bias.subgroups.adapter import build_analysis
            from airflow_clarify.bias.subgroups.result import SubgroupSearch

            return build_analysis(SubgroupSearch.from_json(document, "the XCom"))
        return cls(**serialization.parse_xcom(document))


def _list_outcome_rows(split: Split | None) -> tuple[int | None, ...]:
    if split is None or split.d_confusion is None or split.a_confusion is None:
        return (None,) * (2 * len(_OUTCOMES))
    return tuple(count.rows for side in (split.d_confusion, split.a_confusion) for count in side.cells)


def name_source(whereabouts: Mapping[str, Any]) -> str:
    """Name the location of data as text: a path, a table or a query.

    :param whereabouts: the location, as :attr:`Analysis.whereabouts` has it
    """
    table = whereabouts.get("table", "")
    named = table if isinstance(table, str) else ".".join(table)
    return str(whereabouts.get("path") or named or whereabouts.get("query", ""))
