"""Warnings about the counts, one sentence each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from airflow_clarify.bias.column_types import FEW_VALUES, Scale, is_number
from airflow_clarify.engines.counting.expressions import is_at, is_one_of
from airflow_clarify.engines.counting.queries import select_from

if TYPE_CHECKING:
    from airflow_clarify.engines.counting.column_profile import CellColumn
    from airflow_clarify.engines.counting.expressions import ValueFilter

#: A number written with commas: "1,200", "1,200.50" or "1,5".
_WITH_COMMAS = re.compile(r"[-+]?\d+(,\d+)+(\.\d+)?")


def warn_of_missing_texts(column: CellColumn) -> list[str]:
    """Warn of texts that are read as missing, such as a country "NA".

    The texts are those of pandas, which Clarify uses.

    :param column: the column
    """
    counts = [f"{text!r} in {rows} rows" for text, rows in column.missing_texts.items()]
    if not counts:
        return []
    return [
        f"column {column.name!r}: {', '.join(counts)} is read as missing, as pandas and so Clarify do; set "
        "na_values=[''] to keep it as a value"
    ]


def warn_of_leading_zeros(column: CellColumn) -> list[str]:
    """Warn of postcodes and identifiers that lose leading zeros because they are read as numbers.

    :param column: the column
    """
    zeros = column.leading_zeros
    if zeros is None:
        return []
    return [
        f"column {column.name!r}: {zeros.rows} rows lose their leading zeros, as {zeros.example!r} does, because a "
        "column of whole numbers in a text file is read as numbers, as in Clarify; to keep them, store the column as "
        "text in Parquet"
    ]


def warn_of_label(label: CellColumn, selection: ValueFilter, reading: str) -> list[str]:
    """Warn of missing labels, positive values without rows, and an ambiguous threshold.

    A threshold is ambiguous if it may be meant as a value.

    :param label: the label column
    :param selection: the filter for positive labels
    :param reading: how the label was interpreted, from :func:`describe_reading`
    """
    notices = warn_of_missing_texts(label) + warn_of_leading_zeros(label)
    if label.profile.missing:
        notices.append(
            f"label {label.name!r}: {label.profile.missing} rows have no label and count as not positive, as in Clarify"
        )
    # If no row is above the threshold, the analysis itself adds a warning.
    if selection.interval is not None and selection.interval.low is not None:
        notices += _warn_of_threshold(label, selection, f"label {label.name!r}", reading)
    return notices + _warn_of_absent_values(label, selection, f"label {label.name!r}")


def warn_of_facet(facet: CellColumn, selection: ValueFilter, reading: str) -> list[str]:
    """Warn of missing facet values, configured values without rows, and an ambiguous threshold.

    A threshold is ambiguous if it may be meant as a value.

    :param facet: the facet column
    :param selection: the filter for the group under test
    :param reading: how the facet was interpreted, from :func:`describe_reading`
    """
    notices = warn_of_missing_texts(facet) + warn_of_leading_zeros(facet)
    if facet.profile.missing:
        notices.append(
            f"facet {facet.name!r}: {facet.profile.missing} rows have no value and count among the rest of every "
            "value, as in Clarify"
        )
    notices += _warn_of_threshold(facet, selection, f"facet {facet.name!r}", reading)
    return notices + _warn_of_absent_values(facet, selection, f"facet {facet.name!r}")


def describe_reading(column: CellColumn, selection: ValueFilter, what: str, categorical: str) -> str:
    """Describe the interpretation of a column that was inferred to be continuous.

    :param column: the column
    :param selection: the filter that the configuration defines on it
    :param what: what the threshold selects, such as "positive"
    :param categorical: the setting that makes the column categorical, as the user writes it
    :return: the description; empty if the column is categorical or its type was declared
    """
    if selection.interval is None or selection.declared is not None:
        return ""
    profile, threshold = column.profile, selection.values[0]
    described = (
        f"treated as continuous ({profile.distinct} distinct values in {profile.present} rows), so {what} means above "
        f"{threshold!s:.40}"
    )
    if selection.interval.low is None:
        described += ", and no value is"
    few = profile.distinct <= FEW_VALUES
    return f"{described}; set {categorical} to compare it with {threshold!s:.40}" if few else described


def _warn_of_threshold(column: CellColumn, selection: ValueFilter, what: str, reading: str) -> list[str]:
    """Warn of a threshold that equals one of few values, and may be meant as that value."""
    if not reading or selection.interval is None or column.profile.distinct > FEW_VALUES:
        return []
    if selection.interval.low is not None and not has_row(column, selection.is_at_threshold(column.value)):
        return []
    return [f"{what}: {reading}"]


def warn_of_group(group: CellColumn, *, drop_missing_groups: bool) -> list[str]:
    """Warn of missing groups.

    :param group: the group variable
    :param drop_missing_groups: whether CDDL leaves out rows without a group
    """
    notices = warn_of_missing_texts(group) + warn_of_leading_zeros(group)
    if group.profile.missing:
        how = "left out of CDDL, as in Clarify" if drop_missing_groups else "taken as a group of their own"
        notices.append(f"group variable {group.name!r}: {group.profile.missing} rows have no group and are {how}")
    return notices


def warn_of_omitted_methods(methods: Sequence[str]) -> list[str]:
    """Warn of configured methods that only Clarify itself computes.

    :param methods: the omitted methods
    """
    if not methods:
        return []
    return [f"methods {', '.join(methods)} need a trained model and were left out; a Clarify job computes them"]


def _warn_of_absent_values(column: CellColumn, selection: ValueFilter, what: str) -> list[str]:
    """Warn of configured values without rows, which the sum over all values does not reveal."""
    if selection.scale is not Scale.CATEGORICAL or not selection.keys or column.profile.kind == "float":
        return []
    if column.profile.kind == "timestamp":
        absent = [repr(key) for key in dict.fromkeys(selection.keys) if not has_row(column, is_at(column.text, [key]))]
    else:
        cells, is_key = column.cells.select_facet_cells(column.facet), is_one_of(column.text, selection.keys)
        query = select_from(cells, column.text.as_("value"), where=is_key).distinct(copy=False)
        occurring = {value for (value,) in column.cells.execute(query)}
        absent = [repr(key) for key in dict.fromkeys(selection.keys) if key not in occurring]
    if not absent:
        return []
    return [f"{what}: no row holds {', '.join(absent)}{_explain_separators(column, selection)}"]


def has_row(column: CellColumn, condition: exp.Expr) -> bool:
    """Check whether a condition holds for a cell of a column's facet.

    :param column: the column
    :param condition: the condition, over the columns of the cells
    """
    cells, one = column.cells.select_facet_cells(column.facet), exp.Literal.number(1).as_("one")
    return bool(column.cells.execute(select_from(cells, one, where=condition).limit(1)))


def _explain_separators(column: CellColumn, selection: ValueFilter) -> str:
    """Explain why a number matches no row if the column's numbers are written with commas."""
    numbers = [value for value in selection.values if isinstance(value, int | float) or is_number(value)]
    if column.profile.kind != "text" or not numbers:
        return ""
    cells = column.cells.select_facet_cells(column.facet)
    query = exp.select(column.text.as_("value")).from_(cells).where(column.text.like("%,%")).limit(100)
    texts = (str(value) for (value,) in column.cells.execute(query))
    example = next((value for value in texts if _WITH_COMMAS.fullmatch(value.strip())), None)
    if example is None:
        return ""
    return (
        f"; the column holds texts, such as {example!r}, which are not numbers because of their commas: write them "
        "without, and with a point for decimals"
    )
