"""The compact copy of a history that a gate stores in XCom, for the page in Airflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, cast

from airflow_clarify.bias.extremes import Extremes, judge_with_extremes
from airflow_clarify.bias.suppression import find_hidden_groups
from airflow_clarify.bias.thresholds import Outcome, Thresholds, Verdict
from airflow_clarify.exceptions import ClarifyError
from airflow_clarify.history.nights import find_missing_nights
from airflow_clarify.history.record import describe_not_judged, parse_time
from airflow_clarify.reports.formatting import build_name, serialize_number, shorten

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.results import FacetResult
    from airflow_clarify.history.record import HistoryRecord

SERIES_FORMAT = "airflow_clarify.series/1"
#: Maximum number of nights: as many as the page shows.
MAX_NIGHTS = 200
#: Maximum number of values of all groups and nights together, since XCom is not meant for large values.
MAX_NUMBERS = 10_000
#: Maximum number of checks of all nights together, so that a gate with very many groups does not take long.
MAX_CHECKS = 50_000
_MIN_NIGHTS = 10
_MAX_SENTENCE_LENGTH = 300
#: The outcome of a group on a night as one letter; "-" for none.
LETTERS = {Outcome.PASS: "p", Outcome.VIOLATION: "v", Outcome.INCONCLUSIVE: "i", Outcome.IGNORED: "g"}
_NO_LETTER = "-"
#: The metric that the page shows first, where the gate has no rules.
_FIRST_METRIC = "DPL"


@dataclass(frozen=True)
class _JudgedNight:
    """A night, judged alone by the rules of this run.

    :param results: the results by facet and value, without those of hidden groups
    :param letters: the outcome as a letter, by metric, facet and value
    :param extremes: the extremes by metric and facet
    """

    results: Mapping[tuple[str, str], FacetResult]
    letters: Mapping[tuple[str, str, str], str]
    extremes: Mapping[tuple[str, str], Extremes]


def build_series(
    records: Sequence[HistoryRecord], analysis: Analysis, rules: Thresholds | None, verdict: Verdict | None = None
) -> dict[str, Any]:
    """Build the compact copy of a history.

    It holds the judged metrics, and as many other metrics as :data:`MAX_NUMBERS` allows; of very many groups, those
    that are worst in this run. Groups with fewer rows than ``suppress_below`` of this run are hidden on every night.

    :param records: the records of one series in order of time, the last one that of this run
    :param analysis: the analysis of this run, with its counts
    :param rules: the thresholds of this run; None if the gate judges drift only
    :param verdict: the verdict of this run, whose findings order the groups
    :return: ``format``; ``dataset``; ``nights``, a list ``[period, run_id, outcome]`` for each, with None for an
        unknown outcome, and "not judged" for a night that could not be judged, or that has no record and therefore an
        empty run ID; ``sentences``, the reason of each night that did not pass, else None; ``values``, by
        ``"metric|facet|value"`` (with ``|`` in the facet as ``\\|``) one number or None for each night; and for judged
        metrics ``outcomes``, by the same keys one letter for each night, and ``extremes``, by ``"metric|facet"``. Both
        are by the rules of this run, with each night judged alone
    """
    judged = list(rules.rules) if rules is not None else []
    n_checks = max(1, len(judged)) * sum(1 for _ in analysis.results())
    records = _insert_missing(records)[-min(MAX_NIGHTS, max(_MIN_NIGHTS, MAX_CHECKS // max(1, n_checks))) :]
    alone = None if rules is None else replace(rules, over_runs=None)
    nights = [_judge_night(record, analysis, alone) for record in records[:-1]]
    nights.append(_judge_analysis(analysis, analysis.suppress_below, alone))
    keys = _choose_keys(analysis, nights, judged, verdict)
    document: dict[str, Any] = {
        "format": SERIES_FORMAT,
        "dataset": records[-1].dataset,
        "nights": [[each.period, each.run_id, each.describe()["outcome"]] for each in records],
        "sentences": [_shorten_reason(each.verdict) for each in records],
        "values": {format_key(*key): [_get_value(night, *key) for night in nights] for key in keys},
    }
    if alone is not None:
        document["outcomes"] = {
            format_key(*key): "".join(
                _NO_LETTER if night is None else night.letters.get(key, _NO_LETTER) for night in nights
            )
            for key in keys
            if key[0] in judged
        }
        extremes = {
            (metric, facet.column): [
                None if night is None else night.extremes.get((metric, facet.column)) for night in nights
            ]
            for metric, facet in product(judged, analysis.facets)
        }
        # A facet without bounds has none on any night.
        document["extremes"] = {
            format_key(*key): _serialize_extremes(ends) for key, ends in extremes.items() if any(ends)
        }
    return document


def _insert_missing(records: Sequence[HistoryRecord]) -> list[HistoryRecord]:
    """Insert a record without counts for each night between two others that has none."""
    missing = find_missing_nights(records, "history")
    if not missing:
        return list(records)
    last = records[-1]
    absent = [
        replace(
            last,
            document={},
            run_id="",
            start=parse_time(night.period, "period"),
            end=None,
            verdict=describe_not_judged(night.problem),
        )
        for night in missing
    ]
    return [*sorted((*records[:-1], *absent), key=lambda each: each.period), last]


def format_key(metric: str, facet: str, *value: str) -> str:
    """Format the key of a metric and a facet, and of a group of it.

    :param metric: the short name of the metric
    :param facet: the facet column
    :param value: the group
    """
    # Very long values are cut, as in the overview.
    named = map(build_name, value)
    return "|".join((metric, facet.replace("\\", "\\\\").replace("|", "\\|"), *named))


def _judge_night(record: HistoryRecord, now: Analysis, rules: Thresholds | None) -> _JudgedNight | None:
    try:
        analysis = record.analysis
        # Earlier records may be from a time when fewer counts were hidden, or from a backfill that hid none.
        return _judge_analysis(analysis, max(analysis.suppress_below, now.suppress_below), rules)
    except ClarifyError:
        # The rules do not fit the data of that night: it is shown as not judged.
        return None


def _judge_analysis(analysis: Analysis, suppress_below: int, rules: Thresholds | None) -> _JudgedNight:
    hidden = find_hidden_groups(replace(analysis, suppress_below=suppress_below))
    results = {(facet.column, result.value): result for facet, result in analysis.results()}
    shown = {group: result for group, result in results.items() if group not in hidden}
    if rules is None:
        return _JudgedNight(shown, {}, {})
    try:
        outcomes, extremes = judge_with_extremes(rules, analysis, hidden)
    except ClarifyError:
        return _JudgedNight(shown, {}, {})
    return _JudgedNight(shown, {key: LETTERS[outcome] for key, outcome in outcomes.items()}, extremes)


def _choose_keys(
    analysis: Analysis, nights: Sequence[_JudgedNight | None], judged: Sequence[str], verdict: Verdict | None
) -> list[tuple[str, str, str]]:
    """Choose metrics and groups: the judged metrics first, and of each the groups that are worst in this run first."""
    findings = () if verdict is None else verdict.findings
    groups = dict.fromkeys((finding.facet, finding.value) for finding in findings)
    groups |= dict.fromkeys((facet.column, result.value) for facet, result in analysis.results())
    for night in nights:
        groups |= {} if night is None else dict.fromkeys(night.results)
    measured = sorted(analysis.available_metrics, key=lambda metric: metric != _FIRST_METRIC)
    keys: list[tuple[str, str, str]] = []
    left = MAX_NUMBERS // len(nights)
    for metric in dict.fromkeys([*judged, *measured]):
        # The page needs all groups of a metric, so only the first one is cut.
        if not keys or left >= len(groups):
            chosen = list(groups)[: max(1, left)]
            keys += [(metric, *group) for group in chosen]
            left -= len(chosen)
    return keys


def _get_value(night: _JudgedNight | None, metric: str, *group: str) -> float | str | None:
    result = None if night is None else night.results.get(cast(tuple[str, str], group))
    found = None if result is None else result.metric(metric)
    return serialize_number(found.value) if found is not None and found.usable else None


def _serialize_extremes(nights: Sequence[Extremes | None]) -> dict[str, Any]:
    """Serialize extremes by column; ``high`` is left out if it is the same as ``low``."""
    low = [[serialize_number(one.low[side]) if one and one.low else None for one in nights] for side in (0, 1)]
    high = [[serialize_number(one.high[side]) if one and one.high else None for one in nights] for side in (0, 1)]
    decided = [None if one is None or one.decided is None else one.decided.value for one in nights]
    document: dict[str, Any] = {"low": low} | ({"high": high} if high != low else {})
    return document | ({"decided": decided} if any(decided) else {})


def _shorten_reason(verdict: Mapping[str, Any] | None) -> str | None:
    if verdict is None or verdict.get("outcome") == Outcome.PASS.value:
        return None
    return shorten(str(verdict.get("sentence", "")), _MAX_SENTENCE_LENGTH)
