"""Compare with the analysis before balancing: match its tested groups, and list what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_clarify.bias.analysis import Analysis, FacetAnalysis, FacetResult, display_name

_MAX_NAMES = 5


def match_groups(analysis: Analysis, before: Analysis) -> Iterator[tuple[tuple[str, str], FacetResult]]:
    """Match the tested groups of an analysis with those of the one before.

    :return: column and value of each group that both analyses have, with its earlier result
    """
    for facet in analysis.facets:
        earlier = before.facet(facet.column)
        if earlier is None:
            continue
        by_value = {result.value: result for result in earlier.results}
        for result in facet.results:
            found = by_value.get(result.value) or _match_interval(result, earlier)
            if found is not None:
                yield (facet.column, result.value), found


def list_incomparable(analysis: Analysis, before: Analysis) -> Iterator[str]:
    """List what cannot be compared between the two analyses, one sentence each."""
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
    if before.predicted_label != analysis.predicted_label and before.predicted_label and analysis.predicted_label:
        yield (
            f"the data before had other predictions, '{display_name(before.predicted_label)}' and not "
            f"'{display_name(analysis.predicted_label)}', so the metrics of predictions are those of another model"
        )
    columns, columns_before = ([facet.column for facet in each.facets] for each in (analysis, before))
    if {*columns} != {*columns_before}:
        yield (
            f"before, the facet columns were {_join_names(columns_before)}, and now they are {_join_names(columns)}; "
            "only those of one name are compared"
        )
    for facet in analysis.facets:
        earlier = before.facet(facet.column)
        missing = [] if earlier is None else [result.value for result in earlier.results if not _exists(result, facet)]
        if missing:
            yield f"facet '{display_name(facet.column)}': tested before, but not now: {_join_names(missing)}"


def _exists(result: FacetResult, facet: FacetAnalysis) -> bool:
    return facet.result(result.value) is not None or _match_interval(result, facet) is not None


def _match_interval(result: FacetResult, facet: FacetAnalysis) -> FacetResult | None:
    """Find the interval above the same threshold.

    Its end is the largest value of the data, which balancing can remove, so only the start is compared.
    """
    only = facet.results[0] if len(facet.results) == 1 else None
    return only if only is not None and _is_alike(only.value, result.value) else None


def _is_alike(one: str, other: str) -> bool:
    """Return whether two texts are equal, or are intervals with the same start."""
    return one == other or (
        _get_interval_start(one) is not None and _get_interval_start(one) == _get_interval_start(other)
    )


def _get_interval_start(interval: str) -> str | None:
    """Return the start of an interval such as "(40.0, 65.0]"; None for any other text."""
    start, comma, end = interval.partition(", ")
    return start if comma and start.startswith("(") and end.endswith("]") else None


def _join_names(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(f"'{display_name(name)}'" for name in names[:_MAX_NAMES]) + more
