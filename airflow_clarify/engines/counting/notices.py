"""What a careful reader of the counts should be told, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_clarify.bias.columns import Scale
from airflow_clarify.engines.counting.expressions import is_one_of

if TYPE_CHECKING:
    from airflow_clarify.engines.counting.expressions import Selection
    from airflow_clarify.engines.counting.profile import CountedColumn


def of_missing_texts(column: CountedColumn) -> list[str]:
    """A country "NA" or a name "None" is missing to pandas, and so to Clarify: say so."""
    found = [f"{text!r} in {rows} rows" for text, rows in column.missing_texts.items()]
    if not found:
        return []
    return [
        f"column {column.name!r}: {', '.join(found)} is read as missing, as pandas and so Clarify do; set "
        "na_values=[''] to keep it as a value"
    ]


def of_label(label: CountedColumn, selection: Selection) -> list[str]:
    """Missing labels, and positive label values that no row has."""
    notices = of_missing_texts(label)
    if label.profile.missing:
        notices.append(
            f"label {label.name!r}: {label.profile.missing} rows have none and count as not positive, as in Clarify"
        )
    return notices + _of_absent_values(label, selection, f"label {label.name!r}")


def of_facet(facet: CountedColumn, selection: Selection) -> list[str]:
    """Missing facet values, and configured ones that no row has."""
    notices = of_missing_texts(facet)
    if facet.profile.missing:
        notices.append(
            f"facet {facet.name!r}: {facet.profile.missing} rows have no value and count among the rest of every "
            "value, as in Clarify"
        )
    return notices + _of_absent_values(facet, selection, f"facet {facet.name!r}")


def of_group(group: CountedColumn, *, drop_missing_groups: bool) -> list[str]:
    """Missing groups."""
    notices = of_missing_texts(group)
    if group.profile.missing:
        how = "left out of CDDL, as in Clarify" if drop_missing_groups else "taken as a group of their own"
        notices.append(f"group variable {group.name!r}: {group.profile.missing} rows have none and are {how}")
    return notices


def of_methods_left_out(methods: Sequence[str]) -> list[str]:
    """Methods of the configuration that only Clarify itself computes."""
    if not methods:
        return []
    return [f"methods {', '.join(methods)} need a trained model and were left out; a Clarify job computes them"]


def _of_absent_values(column: CountedColumn, selection: Selection, what: str) -> list[str]:
    """Configured values that never occur, when others do: the sum of all would not show it."""
    from sqlglot import exp

    if selection.scale is not Scale.CATEGORICAL or not selection.keys or column.profile.kind == "float":
        return []
    query = (
        exp.select(column.text.as_("value"))
        .distinct()
        .from_(column.cells.of_facet(column.facet))
        .where(is_one_of(column.text, selection.keys))
    )
    occurring = {value for (value,) in column.cells.execute(query)}
    absent = [repr(key) for key in dict.fromkeys(selection.keys) if key not in occurring]
    return [f"{what}: no row holds {', '.join(absent)}"] if absent else []
