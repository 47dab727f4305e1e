"""Counting many periods in one scan: the period as a further key of the cells."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError

#: The column of the period in the cells.
PERIOD = "of_period"


def check_time_column(column: str, needed: Sequence[str]) -> None:
    """Check that the time column has no other role.

    :param column: the column
    :param needed: the analysed columns
    :raises ConfigError: it is the label, a facet, the group variable or the weight too
    """
    if column in needed:
        raise ConfigError(f"time_column: '{column}' is also an analysed column; name a column of dates or times")


def add_period(query: exp.Select) -> exp.Select:
    """Add the period to the columns and to the keys of a query that counts cells.

    :param query: a query of :func:`airflow_clarify.engines.counting.cells.build_grouping_sets_query`
    """
    query = query.select(exp.column(PERIOD))
    group = query.args["group"]
    sets = group.args.get("grouping_sets")
    if not sets:
        return query.group_by(exp.column(PERIOD))
    for grouping_set in sets[0].expressions:
        grouping_set.append("expressions", exp.column(PERIOD))
    return query


def parse_date(value: Any, column: str) -> datetime.date:
    """Parse a value of the time column as a date.

    :param value: a date, a time, or a text such as "2026-01-31" or "20260131"
    :param column: the column, for the error
    :raises DataError: it is not a date, or is missing
    """
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    text = str(value).strip()
    try:
        return datetime.date.fromisoformat(text[:8] if text[:8].isdecimal() else text[:10])
    except ValueError:
        raise unusable_date_error(column, value) from None


def unusable_date_error(column: str, value: Any, rows: int | None = None) -> DataError:
    """Build the error for rows without a date.

    :param column: the column
    :param value: an example
    :param rows: the number of such rows, if known
    """
    shown = "no value" if value is None else f"{str(value)[:40]!r}"
    counted = f"{rows} rows without a date, such as {shown}" if rows is not None else f"{shown}, which is not a date"
    return UnfitDataError(f"time_column: column '{column}' has {counted}; leave such rows out, or write 2026-01-31")
