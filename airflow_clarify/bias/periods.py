"""Periods of time by which past data are grouped: days, weeks and months."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from airflow_clarify.exceptions import ConfigError

Every = Literal["day", "week", "month"]
EVERY: tuple[Every, ...] = ("day", "week", "month")


def check_every(every: Any) -> None:
    """Check the length of periods.

    :param every: the argument
    :raises ConfigError: it is not "day", "week" or "month"
    """
    if every not in EVERY:
        raise ConfigError(f"every: one of {', '.join(map(repr, EVERY))}, not {every!r}")


def truncate_date(date: datetime.date, every: Every) -> datetime.date:
    """Return the first day of the period of a date; weeks begin on Monday.

    :param date: the date
    :param every: the length of the periods
    """
    if every == "week":
        return date - datetime.timedelta(days=date.weekday())
    return date.replace(day=1) if every == "month" else date


def add_period_length(date: datetime.date, every: Every) -> datetime.date:
    """Return the first day of the next period.

    :param date: the first day of a period
    :param every: the length of the periods
    """
    if every == "month":
        return (date + datetime.timedelta(days=32)).replace(day=1)
    return date + datetime.timedelta(days=7 if every == "week" else 1)
