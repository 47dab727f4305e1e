"""Results of an analysis: metrics and counts of every tested group, and their serialization.

``analysis.json`` has exactly the format of Clarify. Counts, warnings and fingerprints, which that format does not
include, are written to a separate ``summary.json``, so that readers of Clarify's file are not affected.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.contingency import Contingency, FacetContingency, Split, WeightedCount
from airflow_clarify.bias.metrics import (
    METRICS,
    NO_GROUP_VARIABLE,
    Metric,
    compute_conditional_demographic_disparity,
    has_dropped_outcome,
)
from airflow_clarify.exceptions import DataError, MetricError, UnfitDataError

if TYPE_CHECKING:
    import pandas

    from airflow_clarify.bias.config import AnalysisConfig

XCOM_FORMAT = "airflow_clarify.analysis/1"
_SECTION = "pre_training_bias_metrics"
_MAX_DATA_NAME = 120
#: The section of ``analysis.json`` for content that is not part of Clarify's format.
_OUR_SECTION = "airflow_clarify"
#: The keys of a summary with counts, which do not depend on the engine or the location of the data.
_COUNTS = ("rows", "weighted", "label", "label_value_or_threshold", "facets")


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The value of one metric, or the reason why it is undefined.

    :param name: the short name, such as "DPL"
    :param value: the value; None if the metric is undefined
    :param error: the reason why it is undefined; None if it is defined
    """

    name: str
    value: float | None
    error: str | None = None

    @property
    def usable(self) -> bool:
        """Whether the value can be compared with a threshold: it is defined and finite."""
        return self.value is not None and math.isfinite(self.value) and self.error is None


@dataclass(frozen=True)
class FacetResult:
    """The result for one tested group: a facet value, several values, or an interval.

    :param value: the name of the group as Clarify writes it
    :param metrics: its metrics, sorted by name
    :param split: the counts of the group and of the rest; None for an analysis that was read from Clarify's file
    """

    value: str
    metrics: tuple[MetricResult, ...]
    split: Split | None = None

    def metric(self, name: str) -> MetricResult | None:
        """Return the metric with a name.

        :param name: the short name
        :return: the metric; None if it was not computed
        """
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True)
class FacetAnalysis:
    """The results for all tested groups of one facet column.

    :param column: the facet column
    :param results: one per tested group, in Clarify's order
    :param positive: the count of all rows with a positive label; None for an analysis that was read from Clarify's file
    :param negative: the count of all other rows
    :param labels: the count of each label; the missing label has the key None
    """

    column: str
    results: tuple[FacetResult, ...]
    positive: WeightedCount | None = None
    negative: WeightedCount | None = None
    labels: Mapping[str | None, WeightedCount] = field(default_factory=dict)

    def result(self, value: str) -> FacetResult | None:
        """Return the result for a tested group.

        :param value: the name of the group
        :return: the result; None if there is no such group
        """
        return next((result for result in self.results if result.value == value), None)


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

    @property
    def source(self) -> str:
        """The location of the data as text: a path, a table or a query."""
        table = self.whereabouts.get("table", "")
        named = table if isinstance(table, str) else ".".join(table)
        return str(self.whereabouts.get("path") or named or self.whereabouts.get("query", ""))

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
        methods = config.methods
        all_methods = config.document["methods"]["pre_training_bias"].get("methods", "all") == "all"
        analysis = cls(
            label=contingency.label,
            label_value_or_threshold=contingency.label_text,
            facets=tuple(_analyze_facet(facet, methods) for facet in contingency.facets),
            methods=methods,
            engine=contingency.engine,
            config_sha256=config.sha256,
            declared_types=config.declared_types,
            warnings=tuple(contingency.warnings),
            weighted=contingency.weighted,
            label_reading=contingency.label_reading,
        )
        without_groups = config.group_variable is None and all_methods
        return replace(
            analysis, warnings=(*analysis.warnings, *_build_notices(analysis, expect_groups=not without_groups))
        )

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
                        f"DPL and the distances say nothing: label '{display_name(self.label)}' was "
                        f"{self.label_reading}"
                    )
                return (
                    f"{which} of {facet.positive.rows + facet.negative.rows} counts as positive{weightless}: label "
                    f"'{display_name(self.label)}' was compared with "
                    f"{display_name(self.label_value_or_threshold) or 'an empty interval'} and holds {found}, so "
                    "DPL and the distances say nothing; check label_values_or_threshold, or set label_type"
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
            ``error``, ``rows``, ``positive_rows``, ``rest_rows`` and ``rest_positive_rows``
        """
        import pandas

        records = []
        for facet, result in self.results():
            split = result.split
            counts = (
                (split.d.rows, split.d_positive.rows, split.a.rows, split.a_positive.rows) if split else (None,) * 4
            )
            named = (facet.column, result.value)
            records += [(*named, metric.name, metric.value, metric.error, *counts) for metric in result.metrics]
        columns = ["facet", "value_or_threshold", "metric", "value", "error"]
        columns += ["rows", "positive_rows", "rest_rows", "rest_positive_rows"]
        return pandas.DataFrame.from_records(records, columns=columns).astype({"value": "float64"})

    # --- Clarify's file -------------------------------------------------------------------------------------------

    def to_clarify_json(self, summary_sha256: str = "") -> str:
        """Serialize the analysis as Clarify's ``analysis.json``.

        :param summary_sha256: SHA-256 of the counts in the summary, which is added in a separate section
        :return: the text of the file, indented by four spaces, without a final newline
        """
        facets = {
            facet.column: [
                {"value_or_threshold": result.value, "metrics": [_metric_to_json(m) for m in result.metrics]}
                for result in facet.results
            ]
            for facet in self.facets
        }
        section = {
            "label": self.label,
            "facets": facets,
            "label_value_or_threshold": self.label_value_or_threshold,
        }
        ours = {_OUR_SECTION: {"summary_sha256": summary_sha256}} if summary_sha256 else {}
        return json.dumps({"version": "1.0", _SECTION: section, **ours}, indent=4)

    @classmethod
    def from_clarify_json(cls, text: str, source: str = "analysis.json") -> Analysis:
        """Parse the ``analysis.json`` of Clarify or of :meth:`to_clarify_json`, which has no counts.

        :param text: the content of the file
        :param source: the file name for error messages
        :return: the analysis, without counts
        :raises DataError: the text is not an ``analysis.json`` with pre-training bias metrics
        """
        try:
            document = json.loads(text)
            section = document[_SECTION]
            facets = tuple(
                FacetAnalysis(
                    str(column),
                    tuple(
                        FacetResult(
                            str(entry["value_or_threshold"]), tuple(_read_metric(metric) for metric in entry["metrics"])
                        )
                        for entry in entries
                    ),
                )
                for column, entries in section["facets"].items()
            )
            if not facets or not all(facet.results for facet in facets):
                raise ValueError("a facet without a tested group" if facets else "no facet")
            methods = {metric.name for facet in facets for result in facet.results for metric in result.metrics}
            return cls(
                str(section["label"]),
                str(section["label_value_or_threshold"]),
                facets,
                tuple(sorted(methods)),
                summary_sha256=str(document.get(_OUR_SECTION, {}).get("summary_sha256", "")),
            )
        except json.JSONDecodeError as error:
            raise DataError(f"{source}: not JSON ({error.msg} at line {error.lineno}); was it cut off?") from None
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
            raise DataError(
                f"{source}: not an analysis.json with {_SECTION} ({type(error).__name__}: {error})"
            ) from None

    # --- Our own summary ------------------------------------------------------------------------------------------

    def to_summary(self) -> dict[str, Any]:
        """Build the content of ``summary.json``: counts, warnings, engine and fingerprints.

        :return: JSON values only
        """
        return {
            "format": "airflow_clarify.summary/1",
            "rows": self.rows,
            "weighted": self.weighted,
            "label": self.label,
            "label_value_or_threshold": self.label_value_or_threshold,
            "facets": {facet.column: _facet_to_summary(facet, self.weighted) for facet in self.facets},
            "warnings": list(self.warnings),
            "engine": self.engine,
            "config_sha256": self.config_sha256,
            "declared_types": dict(self.declared_types),
            "outputs": dict(self.outputs),
            "data": dict(self.whereabouts),
            **({"run": dict(self.run)} if self.run else {}),
            **self._serialized_label_reading,
        }

    @property
    def _serialized_label_reading(self) -> dict[str, str]:
        return {"label_reading": self.label_reading} if self.label_reading else {}

    def with_summary(self, text: str, source: str = "summary.json") -> Analysis:
        """Return a copy of this analysis with the counts of its summary.

        :param text: the content of ``summary.json``
        :param source: the file name for error messages
        :return: the analysis with counts, warnings and locations
        :raises DataError: the text is not a summary, or is the summary of another analysis or run
        """
        try:
            summary = json.loads(text)
            if summary["label"] != self.label or list(summary["facets"]) != [facet.column for facet in self.facets]:
                raise DataError(
                    f"{source}: belongs to another analysis than the file beside it; run the analysis again"
                )
            self._check_run_of(summary, source)
            return replace(
                self,
                facets=tuple(_add_summary_to_facet(facet, summary["facets"][facet.column]) for facet in self.facets),
                engine=str(summary["engine"]),
                config_sha256=str(summary["config_sha256"]),
                declared_types=dict(summary["declared_types"]),
                warnings=tuple(map(str, summary["warnings"])),
                weighted=bool(summary["weighted"]),
                outputs=dict(summary.get("outputs", {})),
                whereabouts=dict(summary.get("data", {})),
                run=dict(summary.get("run", {})),
                label_reading=str(summary.get("label_reading", "")),
            )
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            what = f"{type(error).__name__}: {error}"
            raise DataError(f"{source}: not a summary ({what}); run the analysis again") from None

    def _check_run_of(self, summary: Mapping[str, Any], source: str) -> None:
        """Check that a summary and this analysis are from the same run.

        The files of earlier versions do not record this; for them only the metrics are compared with the counts.
        """
        file_sha256 = summary.get("analysis_sha256")
        if not self.summary_sha256 and file_sha256 is None:
            if not any(METRICS[name].function is not None for name in self.methods if name in METRICS):
                raise DataError(
                    f"{source}: whether it belongs to the file beside it cannot be seen from "
                    f"{', '.join(self.methods) or 'no metric'}; run the analysis again"
                )
            return
        is_of_run = compute_summary_fingerprint(summary) == self.summary_sha256
        if not is_of_run or (self.file_sha256 and file_sha256 != self.file_sha256):
            raise DataError(
                f"{source}: belongs to another run than the file beside it, as a run that was killed leaves it, or who "
                "copies or changes one of the two; run the analysis again"
            )

    # --- XCom -----------------------------------------------------------------------------------------------------

    def to_xcom(self) -> dict[str, Any]:
        """Serialize the analysis for XCom in a compact form.

        It has the counts, from which :meth:`from_xcom` computes the metrics again. Only CDDL, which needs many counts,
        is included as a number; and all metrics are if the analysis has no counts.

        :return: JSON values only
        """
        return {
            "format": XCOM_FORMAT,
            "label": self.label,
            "label_value_or_threshold": self.label_value_or_threshold,
            "methods": list(self.methods),
            "facets": {facet.column: _serialize_facet(facet, self.weighted) for facet in self.facets},
            "rows": self.rows,
            "weighted": self.weighted,
            "engine": self.engine,
            "config_sha256": self.config_sha256,
            "declared_types": dict(self.declared_types),
            "warnings": _shorten_warnings(self.warnings),
            "outputs": dict(self.outputs),
            "data": dict(self.whereabouts),
            **({"run": dict(self.run)} if self.run else {}),
            "analysis_sha256": self.file_sha256,
            **self._serialized_label_reading,
        }

    @classmethod
    def from_xcom(cls, document: Mapping[str, Any]) -> Analysis:
        """Deserialize the output of :meth:`to_xcom`.

        :param document: the XCom value
        :return: the analysis
        :raises DataError: the value is None, or is not an analysis
        """
        if not isinstance(document, Mapping) or document.get("format") != XCOM_FORMAT:
            what = "nothing" if document is None else f"{type(document).__name__}"
            raise DataError(
                f"expected an analysis (XCom of ClarifyPreTrainingBiasOperator, format {XCOM_FORMAT}), got {what}; "
                "did the upstream task run and return one?"
            )
        try:
            methods = tuple(document["methods"])
            weighted = bool(document["weighted"])
            return cls(
                label=document["label"],
                label_value_or_threshold=document["label_value_or_threshold"],
                facets=tuple(
                    _parse_facet(column, facet, methods, weighted) for column, facet in document["facets"].items()
                ),
                methods=methods,
                engine=document["engine"],
                config_sha256=document["config_sha256"],
                declared_types=dict(document["declared_types"]),
                warnings=tuple(document["warnings"]),
                weighted=weighted,
                outputs=document["outputs"],
                whereabouts=dict(document.get("data", {})),
                run=dict(document.get("run", {})),
                file_sha256=str(document.get("analysis_sha256", "")),
                label_reading=str(document.get("label_reading", "")),
            )
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise DataError(f"the analysis is damaged ({type(error).__name__}: {error}); run its task again") from None


def compute_summary_fingerprint(summary: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of the counts in a summary.

    :param summary: the output of :meth:`Analysis.to_summary`, or the content of ``summary.json``
    :return: 64 hexadecimal digits
    :raises KeyError: a key of the summary is missing
    """
    counts = {name: summary[name] for name in _COUNTS}
    return hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()


# --- Computing ----------------------------------------------------------------------------------------------------


def _analyze_facet(facet: FacetContingency, methods: Sequence[str]) -> FacetAnalysis:
    positive, negative = facet.total
    if not positive.rows + negative.rows:
        raise UnfitDataError("the data hold no rows, so there is nothing to measure; check the input path")
    results = []
    for name, members in facet.list_tested():
        split = facet.split(members)
        metrics = tuple(_measure(METRICS[method], split, facet, name, members) for method in methods)
        results.append(FacetResult(name, metrics, split))
    return FacetAnalysis(facet.column, tuple(results), positive, negative, facet.label_values())


def _measure(
    metric: Metric, split: Split, facet: FacetContingency, name: str, members: frozenset[str | None]
) -> MetricResult:
    try:
        if metric.function is not None:
            return MetricResult(metric.name, metric.function(split.counts))
        return MetricResult(metric.name, _compute_disparity(facet, name, members))
    except MetricError as error:
        return MetricResult(metric.name, None, str(error))


def _compute_disparity(facet: FacetContingency, name: str, members: frozenset[str | None]) -> float:
    if not facet.grouped:
        raise MetricError(NO_GROUP_VARIABLE)
    positive, negative = facet.total
    if facet.disparities is not None and positive.weight and negative.weight:
        return facet.disparities.get(name, 0.0)
    return compute_conditional_demographic_disparity(
        facet.groups(members), positive.weight, negative.weight, facet.grouped_weight
    )


def _build_notices(analysis: Analysis, *, expect_groups: bool) -> list[str]:
    """Build warnings about metrics that are undefined or of limited meaning, one sentence each."""
    notices = []
    if analysis.one_sided_label:
        notices.append(analysis.one_sided_label)
        return notices
    for facet in analysis.facets:
        dropped = [
            display_name(r.value) for r in facet.results if r.split is not None and has_dropped_outcome(r.split.counts)
        ]
        if dropped and {"KL", "JS", "LP", "TVD"} & set(analysis.methods):
            notices.append(
                f"facet '{display_name(facet.column)}': an outcome occurs on one side only for {_list_some(dropped)}, "
                "and Clarify leaves it out of KL, JS, LP and TVD, so these do not show the whole difference; read DPL"
            )
        undefined: dict[str, list[str]] = {}
        for result in facet.results:
            for metric in result.metrics:
                if metric.error and (expect_groups or metric.error != NO_GROUP_VARIABLE):
                    undefined.setdefault(metric.error, []).append(f"{metric.name} of {display_name(result.value)}")
        for error, metrics in undefined.items():
            notices.append(f"facet '{display_name(facet.column)}': not defined: {_list_some(metrics)} ({error})")
    return notices


def display_name(text: str, max_length: int = 60) -> str:
    """Format a name from the data for a one-line message.

    :param text: the name, such as a column or a facet value
    :param max_length: the maximum number of characters
    :return: the name, truncated if necessary, with control characters escaped
    """
    shown = text if text.isprintable() else repr(text)
    return shown if len(shown) <= max_length else f"{shown[: max_length - 3]}..."


def _list_some(names: Sequence[str], max_names: int = 5) -> str:
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more


# --- Writing and reading ------------------------------------------------------------------------------------------


def _metric_to_json(metric: MetricResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": metric.name,
        "description": METRICS[metric.name].description,
        "value": metric.value if metric.value is None else _number_to_json(metric.value),
    }
    return document | {"error": metric.error} if metric.error is not None else document


def _read_metric(document: Mapping[str, Any]) -> MetricResult:
    value = document["value"]
    error = document.get("error")
    # float() also parses Clarify's "Infinity". NaN becomes undefined, since every comparison with a bound is False.
    number = None if value is None else float(value)
    if number is None or math.isnan(number):
        return MetricResult(str(document["name"]), None, error or "no value")
    return MetricResult(str(document["name"]), number, error)


def _facet_to_summary(facet: FacetAnalysis, weighted: bool) -> dict[str, Any]:
    return {
        "labels": [{"label": label, **_count_to_summary(tally, weighted)} for label, tally in facet.labels.items()],
        "values": [
            {
                "value_or_threshold": result.value,
                "positive": _count_to_summary(result.split.d_positive, weighted),
                "negative": _count_to_summary(result.split.d_negative, weighted),
                "rest_positive": _count_to_summary(result.split.a_positive, weighted),
                "rest_negative": _count_to_summary(result.split.a_negative, weighted),
            }
            for result in facet.results
            if result.split is not None
        ],
    }


def _count_to_summary(tally: WeightedCount, weighted: bool) -> dict[str, float]:
    if not weighted:
        return {"rows": tally.rows}
    return {"rows": tally.rows, "weight": float(tally.weight), "squares": float(tally.squares)}


def _parse_summary_count(document: Mapping[str, Any]) -> WeightedCount:
    if "weight" not in document:
        return WeightedCount.from_rows(int(document["rows"]))
    return WeightedCount.from_weights(int(document["rows"]), float(document["weight"]), float(document["squares"]))


def _add_summary_to_facet(facet: FacetAnalysis, summary: Mapping[str, Any]) -> FacetAnalysis:
    counted = {
        entry["value_or_threshold"]: Split(
            *(_parse_summary_count(entry[key]) for key in ("positive", "negative", "rest_positive", "rest_negative"))
        )
        for entry in summary["values"]
    }
    splits = [counted[result.value] for result in facet.results]
    for result, split in zip(facet.results, splits, strict=True):
        _check_belongs(result, split)
    return FacetAnalysis(
        facet.column,
        tuple(replace(result, split=split) for result, split in zip(facet.results, splits, strict=True)),
        positive=splits[0].d_positive + splits[0].a_positive,
        negative=splits[0].d_negative + splits[0].a_negative,
        labels={entry["label"]: _parse_summary_count(entry) for entry in summary["labels"]},
    )


def _check_belongs(result: FacetResult, split: Split) -> None:
    """Check that counts match metrics, since a summary may be from an earlier run."""
    for metric in result.metrics:
        function = METRICS[metric.name].function if metric.name in METRICS else None
        if function is None or metric.value is None:
            continue
        if not math.isclose(function(split.counts), metric.value, rel_tol=1e-9, abs_tol=1e-9):
            raise ValueError(f"its counts do not give the {metric.name} of {display_name(result.value)}")


def _serialize_facet(facet: FacetAnalysis, weighted: bool) -> dict[str, Any]:
    values: list[list[Any]] = []
    rest: dict[str, list[Any]] = {}
    for result in facet.results:
        if result.split is None:
            values.append([result.value, {m.name: _serialize_number(m) for m in result.metrics}])
            continue
        row: list[Any] = [result.value]
        row += [
            _serialize_count(result.split.d_positive, weighted),
            _serialize_count(result.split.d_negative, weighted),
        ]
        a_positive, a_negative = result.split.a_positive, result.split.a_negative
        if weighted and (
            a_positive.weight < result.split.d_positive.weight or a_negative.weight < result.split.d_negative.weight
        ):
            # The difference of rounded sums is inexact if it is small, so the rest is stored, for few groups only.
            rest[str(len(values))] = [_serialize_count(a_positive, weighted), _serialize_count(a_negative, weighted)]
        cddl = result.metric("CDDL")
        if cddl is not None:
            row.append(_serialize_number(cddl))
        values.append(row)
    document: dict[str, Any] = {"values": values} | ({"rest": rest} if rest else {})
    if facet.positive is not None and facet.negative is not None:
        document["total"] = [_serialize_count(facet.positive, weighted), _serialize_count(facet.negative, weighted)]
        labels = list(facet.labels.items())[:20]
        document["labels"] = [[label, _serialize_count(tally, weighted)] for label, tally in labels]
    return document


def _parse_facet(column: str, document: Mapping[str, Any], methods: Sequence[str], weighted: bool) -> FacetAnalysis:
    if "total" not in document:
        results = tuple(
            FacetResult(value, tuple(_parse_metric(name, metrics[name]) for name in methods if name in metrics))
            for value, metrics in document["values"]
        )
        return FacetAnalysis(column, results)
    positive, negative = (_parse_count(tally, weighted) for tally in document["total"])
    rest = document.get("rest", {})
    results = tuple(
        _parse_result(row, positive, negative, rest.get(str(position)), methods, weighted)
        for position, row in enumerate(document["values"])
    )
    labels = {label: _parse_count(tally, weighted) for label, tally in document["labels"]}
    return FacetAnalysis(column, results, positive, negative, labels)


def _parse_result(
    row: Sequence[Any],
    positive: WeightedCount,
    negative: WeightedCount,
    rest: Sequence[Any] | None,
    methods: Sequence[str],
    weighted: bool,
) -> FacetResult:
    d_positive, d_negative = _parse_count(row[1], weighted), _parse_count(row[2], weighted)
    a_positive, a_negative = positive - d_positive, negative - d_negative
    if rest is not None:
        a_positive, a_negative = (_parse_count(tally, weighted) for tally in rest)
    split = Split(d_positive, d_negative, a_positive, a_negative)
    metrics = []
    for name in methods:
        function = METRICS[name].function
        if function is None:
            metrics.append(_parse_metric(name, row[3]))
            continue
        try:
            metrics.append(MetricResult(name, function(split.counts)))
        except MetricError as error:
            metrics.append(MetricResult(name, None, str(error)))
    return FacetResult(row[0], tuple(metrics), split)


def _serialize_count(tally: WeightedCount, weighted: bool) -> Any:
    return [tally.rows, float(tally.weight), float(tally.squares)] if weighted else tally.rows


def _parse_count(document: Any, weighted: bool) -> WeightedCount:
    return WeightedCount.from_weights(*document) if weighted else WeightedCount.from_rows(int(document))


def _serialize_number(metric: MetricResult) -> float | str | None:
    """Serialize the value of a metric, or the reason why it is undefined."""
    if metric.value is None:
        return metric.error or "no value"
    return _number_to_json(metric.value)


def _number_to_json(value: float) -> float | str:
    """Convert infinities, which JSON does not support, to strings, as Clarify does."""
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _parse_metric(name: str, value: float | str | None) -> MetricResult:
    if isinstance(value, str):
        if value in ("Infinity", "-Infinity"):
            return MetricResult(name, float(value))
        return MetricResult(name, None, value)
    return MetricResult(name, None, "no value") if value is None or value != value else MetricResult(name, float(value))


def _shorten_warnings(warnings: Sequence[str], max_warnings: int = 20) -> list[str]:
    kept = [warning if len(warning) <= 500 else f"{warning[:497]}..." for warning in warnings[:max_warnings]]
    omitted = len(warnings) - max_warnings
    return [*kept, f"... and {omitted} more warnings"] if omitted > 0 else kept
