"""Suppression of small counts: which groups to hide, so that no count under a limit can be read or computed.

A group is hidden as a whole, counts and metrics, since its counts could be computed from its metrics and the counts of
the rest. Complementary suppression hides further groups, so that subtracting the shown groups from the totals gives no
small count. See
A. Hundepool et al., "Statistical Disclosure Control" (2012), chapter 4: minimum frequency and secondary suppression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_clarify.bias.contingency import Split, WeightedCount
from airflow_clarify.bias.crossing import split_parts
from airflow_clarify.bias.results import HIDDEN_REASON, FacetAnalysis, FacetResult, MetricResult, display_name
from airflow_clarify.bias.verdict import Finding, Outcome, Verdict
from airflow_clarify.exceptions import ConfigError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis

#: A number that counts something in a warning.
_SMALL_NUMBER = re.compile(
    r"(?<![\w.,'\"=-])(\d{1,9})(?= (?:rows?|labels?|values?|predictions?|groups?|facet|weights?|of)\b)"
)


def check_suppress_below(suppress_below: object) -> None:
    """Check the limit under which counts are hidden.

    :param suppress_below: the limit; 0 hides nothing
    :raises ConfigError: it is not a number of rows
    """
    if isinstance(suppress_below, bool) or not isinstance(suppress_below, int) or suppress_below < 0:
        raise ConfigError(f"suppress_below: a number of rows such as 10, or 0 to hide nothing, not {suppress_below!r}")


def find_hidden_groups(analysis: Analysis) -> set[tuple[str, str]]:
    """Find the tested groups that have to be hidden.

    :param analysis: the analysis with its exact counts
    :return: pairs of facet column and tested group; empty if ``suppress_below`` is 0
    """
    below = analysis.suppress_below
    hidden: set[tuple[str, str]] = set()
    if not below:
        return hidden
    hidden |= analysis.hidden_groups
    for facet in analysis.facets:
        hidden |= {(facet.column, value) for value in _find_hidden_values(facet, below)}
    columns = {column for column, _ in hidden}
    for facet in analysis.facets:
        # The groups of a crossed facet add up to those of its parts, and the other way round.
        parts = split_parts(facet.column)
        if len(parts) > 1 and columns & {facet.column, *parts}:
            hidden |= {(facet.column, result.value) for result in facet.results}
    return hidden


def hide_small_counts(analysis: Analysis) -> Analysis:
    """Return an analysis without its small counts, as it is shown in reports, logs and XCom.

    :param analysis: the analysis; unchanged if its ``suppress_below`` is 0
    :return: a copy in which hidden groups have no counts, and no metrics but the reason why
    """
    if not analysis.suppress_below:
        return analysis
    hidden = find_hidden_groups(analysis)
    facets = tuple(_hide_groups(facet, hidden, analysis.suppress_below) for facet in analysis.facets)
    warnings = tuple(hide_small_numbers(warning, analysis.suppress_below) for warning in analysis.warnings)
    return replace(analysis, facets=facets, warnings=warnings)


def hide_small_findings(verdict: Verdict, analysis: Analysis) -> Verdict:
    """Return a verdict without the numbers of hidden groups; its outcomes are the same.

    :param verdict: the verdict on the exact counts
    :param analysis: the analysis with its exact counts
    :return: a copy in which the findings on hidden groups have an outcome and bounds only
    """
    hidden = find_hidden_groups(analysis)
    if not hidden:
        return verdict
    findings = tuple(
        _hide_numbers(finding, analysis.suppress_below) if (finding.facet, finding.value) in hidden else finding
        for finding in verdict.findings
    )
    return replace(verdict, findings=findings)


def _hide_numbers(finding: Finding, below: int) -> Finding:
    reason = finding.reason
    if reason:
        where = f"{finding.metric} of {display_name(finding.facet)}={display_name(finding.value)}"
        what = {
            Outcome.VIOLATION: "is a violation",
            Outcome.INCONCLUSIVE: "is inconclusive",
            Outcome.PASS: "was not judged",
            Outcome.IGNORED: "was ignored",
        }[finding.outcome]
        reason = f"{where} {what}; its numbers are hidden (suppress_below={below})"
    return replace(
        finding,
        measured=None,
        reason=reason,
        interval=None,
        rows=None,
        denominator=None,
        p_value=None,
        rows_needed=None,
    )


def _find_hidden_values(facet: FacetAnalysis, below: int) -> set[str]:
    """Find the hidden groups of one facet: those with a small count, and those from which it could be computed."""
    counted = [(result.value, result.split) for result in facet.results if result.split is not None]
    if not counted:
        return set()
    hidden = {value for value, split in counted if _has_small_count(split, below)}
    total = [d + a for d, a in zip(*map(_list_rows, _get_sides(counted[0][1])), strict=True)]
    shown = sorted(
        ((value, _list_rows(_get_sides(split)[0])) for value, split in counted if value not in hidden and split.d.rows),
        key=lambda entry: (sum(entry[1]), entry[0]),
    )
    while shown:
        # What is left of the totals: hidden groups, and rows without a value of the facet.
        left = [whole - sum(cells[at] for _, cells in shown) for at, whole in enumerate(total)]
        # One hidden group alone would be what is left. More of them have to hide each other.
        n_hidden = sum(1 for value, split in counted if value in hidden and split.d.rows)
        if not sum(left) or (min(left) >= below and n_hidden != 1):
            break
        hidden.add(shown.pop(0)[0])
    return hidden


def _has_small_count(split: Split, below: int) -> bool:
    """Return whether a count of a group, or of the rest, is small; an empty side has no counts to hide."""
    return any(sum(cells) and min(cells) < below for cells in map(_list_rows, _get_sides(split)))


def _get_sides(split: Split) -> tuple[Sequence[WeightedCount], Sequence[WeightedCount]]:
    if split.d_confusion is None or split.a_confusion is None:
        return (split.d_positive, split.d_negative), (split.a_positive, split.a_negative)
    return split.d_confusion.cells, split.a_confusion.cells


def _list_rows(counts: Iterable[WeightedCount]) -> list[int]:
    return [count.rows for count in counts]


def _hide_groups(facet: FacetAnalysis, hidden: set[tuple[str, str]], below: int) -> FacetAnalysis:
    results = tuple(
        _hide_result(result, below) if (facet.column, result.value) in hidden else result for result in facet.results
    )
    totals = [count for count in (facet.positive, facet.negative) if count is not None]
    if any(count.rows < below for count in totals):
        return FacetAnalysis(facet.column, results)
    # Labels of one class add up to its total, so either all or none of them are shown.
    labels = {} if any(count.rows < below for count in facet.labels.values()) else facet.labels
    return replace(facet, results=results, labels=labels)


def _hide_result(result: FacetResult, below: int) -> FacetResult:
    reason = f"{HIDDEN_REASON}: a count under {below} could be read or computed from it"
    return FacetResult(result.value, tuple(MetricResult(metric.name, None, reason) for metric in result.metrics))


def hide_small_numbers(sentence: str, below: int) -> str:
    """Replace small numbers of rows, labels and the like in a sentence.

    :param sentence: the sentence, such as a warning
    :param below: the limit
    """
    return _SMALL_NUMBER.sub(lambda found: found[1] if int(found[1]) >= below else f"fewer than {below}", sentence)
