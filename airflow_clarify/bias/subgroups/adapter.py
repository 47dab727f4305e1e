"""Present the findings of a search as an analysis, so that thresholds can be compared with them."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.contingency import ConfusionCounts, Split, WeightedCount
from airflow_clarify.bias.crossing import join_parts
from airflow_clarify.bias.results import HIDDEN_REASON, FacetAnalysis, FacetResult, MetricResult
from airflow_clarify.bias.subgroups.rates import LABEL_OUTCOMES
from airflow_clarify.bias.subgroups.result import Subgroup, SubgroupSearch
from airflow_clarify.bias.subgroups.suppression import find_hidden_subgroups

#: The facet of an analysis without a finding: the search as a whole, which found no difference.
_NO_FINDING = "subgroups"


def build_analysis(found: SubgroupSearch) -> Analysis:
    """Build an analysis with a facet for each combination of columns of the findings.

    The tested groups are the findings, the listed ones and those that lie furthest from the rest, so a bound of the
    metric is exceeded by one of them if it is exceeded by any finding of the search. Without a finding, the analysis
    has a single group, of all rows, whose metric is 0.

    :param found: the result of a search
    :return: the analysis; a facet of several columns and its values are named as those of a crossed facet
    """
    facets: dict[tuple[str, ...], list[FacetResult]] = {}
    for subgroup in (*found.subgroups, *found.furthest):
        result = FacetResult(
            _name(list(subgroup.group.values())),
            (MetricResult(found.metric, subgroup.value),),
            _build_split(found, subgroup),
        )
        results = facets.setdefault(tuple(subgroup.group), [])
        if all(result.value != other.value for other in results):
            results.append(result)
    named = {_name(columns): results for columns, results in facets.items()}
    if not named and found.hidden:
        reason = f"{HIDDEN_REASON}: a count under {found.suppress_below} could be read or computed from it"
        one = FacetResult(f"{found.hidden:,} hidden", (MetricResult(found.metric, None, reason),))
        named = {_NO_FINDING: [one]}
    if not named:
        whole = _count_outcomes(found.counts, found.weights)
        none = FacetResult(
            f"none of {found.questions:,} tested", (MetricResult(found.metric, 0.0),), _split(found, whole, whole)
        )
        named = {_NO_FINDING: [none]}
    all_rows = None
    if found.counts:
        all_rows = _split(found, _count_outcomes(found.counts, found.weights), [WeightedCount()] * len(found.outcomes))
    return Analysis(
        label=found.label,
        label_value_or_threshold=found.label_value_or_threshold,
        facets=tuple(
            FacetAnalysis(column, tuple(results))
            if all_rows is None
            else FacetAnalysis(column, tuple(results), all_rows.d_positive, all_rows.d_negative)
            for column, results in named.items()
        ),
        methods=(found.metric,),
        engine=found.engine,
        warnings=found.warnings,
        weighted=bool(found.weights),
        whereabouts=found.whereabouts,
        run=found.run,
        selected_from=found.questions,
        suppress_below=found.suppress_below,
        hidden_groups=_list_hidden_groups(found),
    )


def _list_hidden_groups(found: SubgroupSearch) -> frozenset[tuple[str, str]]:
    hidden = find_hidden_subgroups(found)
    every = [one.group for one in (*found.subgroups, *found.furthest) if frozenset(one.group.items()) in hidden]
    return frozenset((_name(list(group)), _name(list(group.values()))) for group in every)


def _name(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else join_parts(parts)


def _build_split(found: SubgroupSearch, subgroup: Subgroup) -> Split:
    own = _count_outcomes(subgroup.counts, subgroup.weights)
    whole = _count_outcomes(found.counts, found.weights)
    return _split(found, own, [total - part for total, part in zip(whole, own, strict=True)])


def _split(found: SubgroupSearch, d: Sequence[WeightedCount], a: Sequence[WeightedCount]) -> Split:
    if found.outcomes == LABEL_OUTCOMES:
        return Split(d[1], d[0], a[1], a[0])
    confusions = [
        ConfusionCounts(**dict(zip(found.outcomes, side, strict=True)))  # the outcomes are tn, fp, fn and tp
        for side in (d, a)
    ]
    return Split.from_confusions(*confusions)


def _count_outcomes(counts: Sequence[int], weights: Sequence[Sequence[float]]) -> list[WeightedCount]:
    if not weights:
        return [WeightedCount.from_rows(rows) for rows in counts]
    sums, squares = weights
    return [WeightedCount.from_weights(*one) for one in zip(counts, sums, squares, strict=True)]
