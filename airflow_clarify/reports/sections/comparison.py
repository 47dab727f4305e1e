"""The data before their repair: which of their tested groups is which of now, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, display_name

_MAX_NAMES = 5


def match_groups(analysis: Analysis, before: Analysis) -> Iterator[tuple[tuple[str, str], FacetResult]]:
    """Column and value of each tested group of now that there was before, with what it was then."""
    for facet in analysis.facets:
        then = before.facet(facet.column)
        if then is None:
            continue
        by_value = {result.value: result for result in then.results}
        for result in facet.results:
            found = by_value.get(result.value) or _is_same_interval(result, then)
            if found is not None:
                yield (facet.column, result.value), found


def list_incomparable(analysis: Analysis, before: Analysis) -> Iterator[str]:
    """What a reader of "before" and "after" should be told, one sentence each."""
    if before.label != analysis.label:
        yield (
            f"the data before were measured by another label, '{display_name(before.label)}' and not "
            f"'{display_name(analysis.label)}', so their values cannot be compared"
        )
    elif not _is_alike(before.label_value_or_threshold, analysis.label_value_or_threshold):
        yield (
            f"before, label '{display_name(analysis.label)}' was positive when "
            f"{display_name(before.label_value_or_threshold)}, which is now "
            f"{display_name(analysis.label_value_or_threshold)}, so the values cannot be compared"
        )
    columns, earlier = ([facet.column for facet in each.facets] for each in (analysis, before))
    if {*columns} != {*earlier}:
        yield (
            f"before, the facet columns were {_join_names(earlier)}, and now they are {_join_names(columns)}; "
            "only those of one name are compared"
        )
    for facet in analysis.facets:
        then = before.facet(facet.column)
        gone = [] if then is None else [result.value for result in then.results if not _exists(result, facet)]
        if gone:
            yield f"facet '{display_name(facet.column)}': tested before and no longer there: {_join_names(gone)}"


def _exists(result: FacetResult, facet: FacetAnalysis) -> bool:
    return facet.result(result.value) is not None or _is_same_interval(result, facet) is not None


def _is_same_interval(result: FacetResult, facet: FacetAnalysis) -> FacetResult | None:
    """The interval above the same threshold. Its end is the largest number of the data, which a repair can take out."""
    only = facet.results[0] if len(facet.results) == 1 else None
    return only if only is not None and _is_alike(only.value, result.value) else None


def _is_alike(one: str, other: str) -> bool:
    """Whether two texts are the same, or are intervals that begin alike."""
    return one == other or (
        _get_interval_start(one) is not None and _get_interval_start(one) == _get_interval_start(other)
    )


def _get_interval_start(interval: str) -> str | None:
    """Where an interval, written "(40.0, 65.0]", begins; None of any other text."""
    start, comma, end = interval.partition(", ")
    return start if comma and start.startswith("(") and end.endswith("]") else None


def _join_names(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(f"'{display_name(name)}'" for name in names[:_MAX_NAMES]) + more
