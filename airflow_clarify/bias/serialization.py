"""Formats of an analysis: Clarify's ``analysis.json``, our ``summary.json`` with the counts, and the XCom value.

Readers return keyword arguments of :class:`~airflow_clarify.bias.analysis.Analysis`. They also read what earlier
versions wrote, without predictions.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.contingency import ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.metrics import Stage
from airflow_clarify.bias.post_training import ALL_METRICS
from airflow_clarify.bias.results import FacetAnalysis, FacetResult, MetricResult, display_name, measure
from airflow_clarify.exceptions import DataError, MetricError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis

XCOM_FORMAT = "airflow_clarify.analysis/1"
#: The format of the result of a search for subgroups, which :meth:`Analysis.from_xcom` reads too.
SUBGROUPS_FORMAT = "airflow_clarify.subgroups/1"
#: The sections of ``analysis.json`` and the stages of their metrics, in Clarify's order.
_SECTIONS: Mapping[str, Stage] = {
    "post_training_bias_metrics": "post_training",
    "pre_training_bias_metrics": "pre_training",
}
#: The section of ``analysis.json`` for content that is not part of Clarify's format.
_OUR_SECTION = "airflow_clarify"
#: The keys of a summary with counts, which do not depend on the engine or the location of the data.
_COUNTS = ("rows", "weighted", "label", "label_value_or_threshold", "facets")
#: Further keys of this kind, which only a summary with predictions has.
_PREDICTION_KEYS = ("predicted_label", "predicted_value_or_threshold", "prediction_error")
#: The cells of a confusion matrix in a summary, in the order of ``ConfusionCounts.cells``.
_OUTCOMES = ("tp", "fp", "fn", "tn")


# --- Clarify's file -----------------------------------------------------------------------------------------------


def format_clarify_json(analysis: Analysis, summary_sha256: str = "") -> str:
    """Serialize an analysis as Clarify's ``analysis.json``; see ``Analysis.to_clarify_json``.

    :param analysis: the analysis
    :param summary_sha256: SHA-256 of the counts in the summary
    :return: the text of the file
    """
    sections = {
        section: {
            "label": analysis.label,
            "facets": {facet.column: _format_results(facet, stage) for facet in analysis.facets},
            "label_value_or_threshold": analysis.label_value_or_threshold,
        }
        for section, stage in _SECTIONS.items()
        if stage in analysis.stages
    }
    ours = {_OUR_SECTION: {"summary_sha256": summary_sha256}} if summary_sha256 else {}
    return json.dumps({"version": "1.0", **sections, **ours}, indent=4)


def _format_results(facet: FacetAnalysis, stage: Stage) -> list[dict[str, Any]]:
    return [
        {
            "value_or_threshold": result.value,
            "metrics": [_format_metric(metric) for metric in result.list_metrics(stage)],
        }
        for result in facet.results
    ]


def _format_metric(metric: MetricResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": metric.name,
        "description": ALL_METRICS[metric.name].description,
        "value": metric.value if metric.value is None else _number_to_json(metric.value),
    }
    return document | {"error": metric.error} if metric.error is not None else document


def parse_clarify_json(text: str, source: str) -> dict[str, Any]:
    """Parse an ``analysis.json`` with the metrics of one stage or of both; see ``Analysis.from_clarify_json``.

    :param text: the content of the file
    :param source: the file name for error messages
    :return: arguments of ``Analysis``
    :raises DataError: the text is not an ``analysis.json`` with bias metrics, or its sections do not match
    """
    try:
        document = json.loads(text)
        sections = [document[name] for name in reversed(list(_SECTIONS)) if name in document]
        if not sections:
            raise KeyError("pre_training_bias_metrics")
        # A section without facets adds nothing to the other one; alone it is an error below.
        sections = [section for section in sections if section["facets"]] or sections
        labels = {(str(section["label"]), str(section["label_value_or_threshold"])) for section in sections}
        by_stage = [_read_facets(section["facets"]) for section in sections]
        keys = [[(facet.column, [result.value for result in facet.results]) for facet in facets] for facets in by_stage]
        if len(labels) > 1 or any(facets != keys[0] for facets in keys):
            raise ValueError("its two sections have different labels, facets or values")
        # Metrics of labels first, as in an analysis of our own.
        facets = tuple(map(_merge_stages, zip(*by_stage, strict=True)))
        methods: dict[str, None] = {}
        for section_facets in by_stage:
            names = {metric.name for facet in section_facets for result in facet.results for metric in result.metrics}
            methods |= dict.fromkeys(sorted(names))
        ((label, label_value_or_threshold),) = labels
        return {
            "label": label,
            "label_value_or_threshold": label_value_or_threshold,
            "facets": facets,
            "methods": tuple(methods),
            "summary_sha256": str(document.get(_OUR_SECTION, {}).get("summary_sha256", "")),
        }
    except json.JSONDecodeError as error:
        raise DataError(f"{source}: not JSON ({error.msg} at line {error.lineno}); was it cut off?") from None
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(f"{source}: not an analysis.json with bias metrics ({type(error).__name__}: {error})") from None


def _read_facets(document: Mapping[str, Any]) -> tuple[FacetAnalysis, ...]:
    facets = tuple(
        FacetAnalysis(
            str(column),
            tuple(
                FacetResult(str(entry["value_or_threshold"]), tuple(map(_read_metric, entry["metrics"])))
                for entry in entries
            ),
        )
        for column, entries in document.items()
    )
    if not facets or not all(facet.results for facet in facets):
        raise ValueError("a facet without a tested group" if facets else "no facet")
    return facets


def _read_metric(document: Mapping[str, Any]) -> MetricResult:
    value = document["value"]
    error = document.get("error")
    # float() also parses Clarify's "Infinity". NaN becomes undefined, since every comparison with a bound is False.
    # An integer, which Clarify writes for the difference of two infinite ratios, remains one.
    number = value if value is None or type(value) is int else float(value)
    if number is None or math.isnan(number):
        return MetricResult(str(document["name"]), None, error or "no value")
    return MetricResult(str(document["name"]), number, error)


def _merge_stages(facets: Sequence[FacetAnalysis]) -> FacetAnalysis:
    """Merge the results of a facet in the sections of a file."""
    if len(facets) == 1:
        return facets[0]
    results = tuple(
        FacetResult(same[0].value, tuple(metric for result in same for metric in result.metrics))
        for same in zip(*(facet.results for facet in facets), strict=True)
    )
    return FacetAnalysis(facets[0].column, results)


# --- Our own summary ----------------------------------------------------------------------------------------------


def build_summary(analysis: Analysis) -> dict[str, Any]:
    """Build the content of ``summary.json``; see ``Analysis.to_summary``.

    :param analysis: the analysis
    :return: JSON values only
    """
    return {
        "format": "airflow_clarify.summary/1",
        "rows": analysis.rows,
        "weighted": analysis.weighted,
        "label": analysis.label,
        "label_value_or_threshold": analysis.label_value_or_threshold,
        **_serialize_prediction(analysis),
        "facets": {facet.column: _facet_to_summary(facet, analysis.weighted) for facet in analysis.facets},
        "warnings": list(analysis.warnings),
        "engine": analysis.engine,
        "config_sha256": analysis.config_sha256,
        "declared_types": dict(analysis.declared_types),
        "outputs": dict(analysis.outputs),
        "data": dict(analysis.whereabouts),
        **_serialize_optional(analysis),
    }


def compute_summary_fingerprint(summary: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of the counts in a summary.

    :param summary: the output of ``Analysis.to_summary``, or the content of ``summary.json``
    :return: 64 hexadecimal digits
    :raises KeyError: a key of the summary is missing
    """
    counts = {name: summary[name] for name in _COUNTS}
    counts |= {name: summary[name] for name in _PREDICTION_KEYS if name in summary}
    return hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()


def parse_summary(analysis: Analysis, text: str, source: str) -> dict[str, Any]:
    """Parse the summary of an analysis that was read from ``analysis.json``; see ``Analysis.with_summary``.

    :param analysis: the analysis without counts
    :param text: the content of ``summary.json``
    :param source: the file name for error messages
    :return: arguments of ``Analysis``, to be replaced
    :raises DataError: the text is not a summary, or is the summary of another analysis or run
    """
    try:
        summary = json.loads(text)
        if summary["label"] != analysis.label or list(summary["facets"]) != [f.column for f in analysis.facets]:
            raise DataError(f"{source}: belongs to another analysis than the file beside it; run the analysis again")
        _check_same_run(analysis, summary, source)
        prediction_error = str(summary.get("prediction_error", ""))
        return {
            "facets": tuple(
                _add_summary_to_facet(facet, summary["facets"][facet.column], prediction_error)
                for facet in analysis.facets
            ),
            "engine": str(summary["engine"]),
            "config_sha256": str(summary["config_sha256"]),
            "declared_types": dict(summary["declared_types"]),
            "warnings": tuple(map(str, summary["warnings"])),
            "weighted": bool(summary["weighted"]),
            "outputs": dict(summary.get("outputs", {})),
            **_parse_optional(summary),
        }
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise DataError(f"{source}: not a summary ({what}); run the analysis again") from None


def _check_same_run(analysis: Analysis, summary: Mapping[str, Any], source: str) -> None:
    """Check that a summary and an analysis are from the same run.

    The files of earlier versions do not record this; for them only the metrics are compared with the counts.
    """
    file_sha256 = summary.get("analysis_sha256")
    if not analysis.summary_sha256 and file_sha256 is None:
        if not any(ALL_METRICS[name].function is not None for name in analysis.methods if name in ALL_METRICS):
            raise DataError(
                f"{source}: whether it belongs to the file beside it cannot be seen from "
                f"{', '.join(analysis.methods) or 'no metric'}; run the analysis again"
            )
        return
    same_counts = compute_summary_fingerprint(summary) == analysis.summary_sha256
    if not same_counts or (analysis.file_sha256 and file_sha256 != analysis.file_sha256):
        raise DataError(
            f"{source}: belongs to another run than the file beside it, since a run was killed, or one of the "
            "two was copied or changed; run the analysis again"
        )


def _facet_to_summary(facet: FacetAnalysis, weighted: bool) -> dict[str, Any]:
    return {
        "labels": [{"label": label, **_count_to_summary(tally, weighted)} for label, tally in facet.labels.items()],
        "values": [
            _split_to_summary(result, result.split, weighted) for result in facet.results if result.split is not None
        ],
    }


def _split_to_summary(result: FacetResult, split: Split, weighted: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "value_or_threshold": result.value,
        "positive": _count_to_summary(split.d_positive, weighted),
        "negative": _count_to_summary(split.d_negative, weighted),
        "rest_positive": _count_to_summary(split.a_positive, weighted),
        "rest_negative": _count_to_summary(split.a_negative, weighted),
    }
    for key, side in (("confusion", split.d_confusion), ("rest_confusion", split.a_confusion)):
        if side is not None:
            cells = zip(_OUTCOMES, side.cells, strict=True)
            document[key] = {outcome: _count_to_summary(count, weighted) for outcome, count in cells}
    document["metrics"] = {metric.name: _serialize_number(metric) for metric in result.own_metrics}
    return document


def _count_to_summary(tally: WeightedCount, weighted: bool) -> dict[str, float]:
    if not weighted:
        return {"rows": tally.rows}
    return {"rows": tally.rows, "weight": float(tally.weight), "squares": float(tally.squares)}


def _parse_summary_count(document: Mapping[str, Any]) -> WeightedCount:
    if "weight" not in document:
        return WeightedCount.from_rows(int(document["rows"]))
    return WeightedCount.from_weights(int(document["rows"]), float(document["weight"]), float(document["squares"]))


def _parse_summary_split(entry: Mapping[str, Any]) -> Split:
    sides = [
        ConfusionCounts(*(_parse_summary_count(entry[key][outcome]) for outcome in _OUTCOMES))
        for key in ("confusion", "rest_confusion")
        if key in entry
    ]
    positive, negative, rest_positive, rest_negative = (
        _parse_summary_count(entry[key]) for key in ("positive", "negative", "rest_positive", "rest_negative")
    )
    split = Split(positive, negative, rest_positive, rest_negative, *sides)
    for side, count in zip(sides, (positive, rest_positive), strict=False):
        if side.positive.rows != count.rows:
            raise ValueError(f"the confusion matrix of {entry['value_or_threshold']} has other labels than its counts")
    return split


def _add_summary_to_facet(facet: FacetAnalysis, summary: Mapping[str, Any], prediction_error: str) -> FacetAnalysis:
    counted = {entry["value_or_threshold"]: _parse_summary_split(entry) for entry in summary["values"]}
    splits = [counted[result.value] for result in facet.results]
    for result, split in zip(facet.results, splits, strict=True):
        _check_metrics(result, split, prediction_error)
    return FacetAnalysis(
        facet.column,
        tuple(replace(result, split=split) for result, split in zip(facet.results, splits, strict=True)),
        positive=splits[0].d_positive + splits[0].a_positive,
        negative=splits[0].d_negative + splits[0].a_negative,
        labels={entry["label"]: _parse_summary_count(entry) for entry in summary["labels"]},
    )


def _check_metrics(result: FacetResult, split: Split, prediction_error: str) -> None:
    """Check that counts give the metrics, since a summary may be from an earlier run."""
    for found in result.metrics:
        metric = ALL_METRICS.get(found.name)
        if metric is None or metric.function is None or found.value is None:
            continue
        computed = measure(metric, split, prediction_error)
        if computed.value is None:
            raise MetricError(computed.error)
        if not math.isclose(computed.value, found.value, rel_tol=1e-9, abs_tol=1e-9):
            raise ValueError(f"its counts do not give the {found.name} of {display_name(result.value)}")


# --- XCom ---------------------------------------------------------------------------------------------------------


def build_xcom(analysis: Analysis) -> dict[str, Any]:
    """Build the XCom value of an analysis; see ``Analysis.to_xcom``.

    :param analysis: the analysis
    :return: JSON values only
    """
    return {
        "format": XCOM_FORMAT,
        "label": analysis.label,
        "label_value_or_threshold": analysis.label_value_or_threshold,
        **_serialize_prediction(analysis),
        "methods": list(analysis.methods),
        "facets": {facet.column: _serialize_facet(facet, analysis.weighted) for facet in analysis.facets},
        "rows": analysis.rows,
        "weighted": analysis.weighted,
        "engine": analysis.engine,
        "config_sha256": analysis.config_sha256,
        "declared_types": dict(analysis.declared_types),
        "warnings": _shorten_warnings(analysis.warnings),
        "outputs": dict(analysis.outputs),
        "data": dict(analysis.whereabouts),
        "analysis_sha256": analysis.file_sha256,
        **_serialize_optional(analysis),
    }


def parse_xcom(document: object) -> dict[str, Any]:
    """Parse the XCom value of an analysis; see ``Analysis.from_xcom``.

    :param document: the value
    :return: arguments of ``Analysis``
    :raises DataError: the value is None, or is not an analysis
    """
    if not isinstance(document, Mapping) or document.get("format") != XCOM_FORMAT:
        what = "nothing" if document is None else f"{type(document).__name__}"
        raise DataError(
            f"expected an analysis (XCom of ClarifyPreTrainingBiasOperator, format {XCOM_FORMAT}), got {what}; "
            "did the upstream task run and return one?"
        )
    try:
        reader = _XComReader(document)
        return {
            "label": document["label"],
            "label_value_or_threshold": document["label_value_or_threshold"],
            "facets": tuple(reader.parse_facet(column, facet) for column, facet in document["facets"].items()),
            "methods": reader.methods,
            "engine": document["engine"],
            "config_sha256": document["config_sha256"],
            "declared_types": dict(document["declared_types"]),
            "warnings": tuple(document["warnings"]),
            "weighted": reader.weighted,
            "outputs": document["outputs"],
            "file_sha256": str(document.get("analysis_sha256", "")),
            **_parse_optional(document),
        }
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DataError(f"the analysis is damaged ({type(error).__name__}: {error}); run its task again") from None


def _serialize_prediction(analysis: Analysis) -> dict[str, str]:
    """Serialize what describes the predictions; without them, documents are as in earlier versions."""
    if not analysis.predicted_label:
        return {}
    return {name: getattr(analysis, name) for name in _PREDICTION_KEYS if getattr(analysis, name)}


def _serialize_optional(analysis: Analysis) -> dict[str, Any]:
    document: dict[str, Any] = {"run": dict(analysis.run)} if analysis.run else {}
    document |= {"label_reading": analysis.label_reading} if analysis.label_reading else {}
    return document | ({"suppress_below": analysis.suppress_below} if analysis.suppress_below else {})


def _parse_optional(document: Mapping[str, Any]) -> dict[str, Any]:
    """Parse keys that not every summary or XCom value has."""
    return {
        "whereabouts": dict(document.get("data", {})),
        "run": dict(document.get("run", {})),
        "label_reading": str(document.get("label_reading", "")),
        "suppress_below": int(document.get("suppress_below", 0)),
        **{name: str(document.get(name, "")) for name in _PREDICTION_KEYS},
    }


def _list_counts(split: Split) -> tuple[WeightedCount, ...]:
    """List the counts of a tested group: its confusion matrix, or its labels if predictions are not counted."""
    return (split.d_positive, split.d_negative) if split.d_confusion is None else split.d_confusion.cells


def _list_rest_counts(split: Split) -> tuple[WeightedCount, ...]:
    return (split.a_positive, split.a_negative) if split.a_confusion is None else split.a_confusion.cells


def _serialize_facet(facet: FacetAnalysis, weighted: bool) -> dict[str, Any]:
    values: list[list[Any]] = []
    rest: dict[str, list[Any]] = {}
    errors = _find_common_errors(facet)
    for result in facet.results:
        if result.split is None:
            values.append([result.value, {m.name: _serialize_number(m) for m in result.metrics}])
            continue
        counts, others = _list_counts(result.split), _list_rest_counts(result.split)
        if weighted and any(other.weight < count.weight for count, other in zip(counts, others, strict=True)):
            # The difference of rounded sums is inexact if it is small, so the rest is stored, for few groups only.
            rest[str(len(values))] = _serialize_counts(others, weighted)
        given = [_serialize_number(m) for m in result.metrics if _is_given(m.name) and m.name not in errors]
        values.append([result.value, *_serialize_counts(counts, weighted), *given])
    document: dict[str, Any] = {"values": values} | ({"rest": rest} if rest else {})
    document |= {"errors": errors} if errors else {}
    if facet.positive is not None and facet.negative is not None:
        confusion = _find_total_confusion(facet)
        total = (facet.positive, facet.negative) if confusion is None else confusion.cells
        document["total"] = _serialize_counts(total, weighted)
        labels = list(facet.labels.items())[:20]
        document["labels"] = [[label, _serialize_count(tally, weighted)] for label, tally in labels]
    return document


def _find_total_confusion(facet: FacetAnalysis) -> ConfusionCounts | None:
    """Find the confusion matrix of all rows, from any group whose counts are not hidden."""
    for result in facet.results:
        if result.split is not None and result.split.d_confusion is not None and result.split.a_confusion is not None:
            return result.split.d_confusion + result.split.a_confusion
    return None


def _find_common_errors(facet: FacetAnalysis) -> dict[str, str]:
    """Find the metrics that are not computed from counts and undefined for each group, for the same reason."""
    if any(result.split is None for result in facet.results):
        return {}
    reasons: dict[str, set[str | None]] = {}
    for result in facet.results:
        for metric in result.metrics:
            if _is_given(metric.name):
                reasons.setdefault(metric.name, set()).add(metric.error if metric.value is None else None)
    return {name: next(iter(found)) or "" for name, found in reasons.items() if len(found) == 1 and None not in found}


def _is_given(name: str) -> bool:
    """Return whether a metric is serialized as a number, as the counts in XCom do not give it."""
    return ALL_METRICS[name].function is None


class _XComReader:
    """Reads the facets of an XCom value.

    :param document: the value
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.methods = tuple(document["methods"])
        self.weighted = bool(document["weighted"])
        self._prediction_error = str(document.get("prediction_error", ""))

    def parse_facet(self, column: str, document: Mapping[str, Any]) -> FacetAnalysis:
        """Parse the results of a facet column.

        :param column: the name of the column
        :param document: its part of the XCom value
        """
        if "total" not in document:
            results = tuple(
                FacetResult(value, tuple(_parse_metric(n, metrics[n]) for n in self.methods if n in metrics))
                for value, metrics in document["values"]
            )
            return FacetAnalysis(column, results)
        total = self._parse_counts(document["total"])
        if len(total) not in (2, 4):
            raise ValueError("the totals are two counts, or four with predictions")
        rest = document.get("rest", {})
        errors = {name: str(error) for name, error in document.get("errors", {}).items()}
        results = tuple(
            self._parse_result(row, total, rest.get(str(position)), errors)
            for position, row in enumerate(document["values"])
        )
        labels = {label: _parse_count(tally, self.weighted) for label, tally in document["labels"]}
        positive, negative = total if len(total) == 2 else _sum_by_label(total)
        return FacetAnalysis(column, results, positive, negative, labels)

    def _parse_result(
        self,
        row: Sequence[Any],
        total: Sequence[WeightedCount],
        rest: Sequence[Any] | None,
        errors: Mapping[str, str],
    ) -> FacetResult:
        name, *numbers = row
        if len(numbers) == 1 and isinstance(numbers[0], Mapping):
            # A group whose counts are hidden.
            return FacetResult(name, tuple(_parse_metric(n, numbers[0][n]) for n in self.methods if n in numbers[0]))
        counts = self._parse_counts(numbers[: len(total)])
        names = [method for method in self.methods if _is_given(method) and method not in errors]
        given = dict(zip(names, numbers[len(total) :], strict=True))
        if rest is None:
            others = tuple(whole - count for whole, count in zip(total, counts, strict=True))
        else:
            others = self._parse_counts(rest)
        if any(count.rows < 0 for count in (*counts, *others)):
            raise ValueError(f"the counts of {display_name(str(name))} do not fit the totals")
        split = _build_split(counts, others)

        def parse(method: str) -> MetricResult:
            if method in errors:
                return MetricResult(method, None, errors[method])
            if method in given:
                return _parse_metric(method, given[method])
            return measure(ALL_METRICS[method], split, self._prediction_error)

        return FacetResult(name, tuple(map(parse, self.methods)), split)

    def _parse_counts(self, documents: Iterable[Any]) -> tuple[WeightedCount, ...]:
        return tuple(_parse_count(document, self.weighted) for document in documents)


def _build_split(counts: Sequence[WeightedCount], others: Sequence[WeightedCount]) -> Split:
    if len(counts) == 2:
        return Split(counts[0], counts[1], others[0], others[1])
    return Split.from_confusions(ConfusionCounts(*counts), ConfusionCounts(*others))


def _sum_by_label(cells: Sequence[WeightedCount]) -> tuple[WeightedCount, WeightedCount]:
    confusion = ConfusionCounts(*cells)
    return confusion.positive, confusion.negative


def _serialize_counts(tallies: Iterable[WeightedCount], weighted: bool) -> list[Any]:
    return [_serialize_count(tally, weighted) for tally in tallies]


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
    if value is None or value != value:
        return MetricResult(name, None, "no value")
    return MetricResult(name, value if type(value) is int else float(value))


def _shorten_warnings(warnings: Sequence[str], max_warnings: int = 20) -> list[str]:
    kept = [warning if len(warning) <= 500 else f"{warning[:497]}..." for warning in warnings[:max_warnings]]
    omitted = len(warnings) - max_warnings
    return [*kept, f"... and {omitted} more warnings"] if omitted > 0 else kept
