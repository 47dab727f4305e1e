"""The nights of a history in order of time, with the reason for each night that cannot be judged."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from airflow_clarify.exceptions import DataError
from airflow_clarify.history.record import HistoryRecord, format_period

#: Maximum number of missing nights that are listed one by one.
_MAX_HOLES = 1000
#: Runs without data intervals are regular if this share of the distances is the same.
_REGULAR_SHARE = 0.9
_SKEW = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Night:
    """A night of a history.

    :param period: its name: the start of its data interval
    :param record: its record; None if it cannot be judged
    :param problem: why it cannot be judged, in one sentence; empty if it can
    :param run_id: its run, if it has one that cannot be judged
    """

    period: str
    record: HistoryRecord | None
    problem: str = ""
    run_id: str = ""

    @property
    def is_missing(self) -> bool:
        """Return whether there is no record of the night at all."""
        return self.record is None and not self.run_id


def select_series(
    records: Sequence[HistoryRecord],
    source: str,
    *,
    dag_id: str | None = None,
    task_id: str | None = None,
    dataset: str | None = None,
) -> list[HistoryRecord]:
    """Select the records of one measuring task and dataset.

    Records that were computed from past data belong to every task that measures the same dataset.

    :param records: all records of the history
    :param source: the history, for error messages
    :param dag_id: the DAG; None for any
    :param task_id: the task; None for any
    :param dataset: the dataset; None for any
    :raises DataError: there is no such record, or they belong to several tasks or datasets
    """
    chosen = [
        record
        for record in records
        if (dataset is None or record.dataset == dataset)
        and (
            record.is_backfilled
            or (dag_id or record.dag_id, task_id or record.task_id) == (record.dag_id, record.task_id)
        )
    ]
    if not chosen:
        wanted = ", ".join(str(each) for each in (dag_id, task_id, dataset) if each is not None)
        raise DataError(f"{source}: the history has no record{f' of {wanted}' if wanted else ''}; fill it first")
    datasets = sorted({record.dataset for record in chosen})
    if len(datasets) > 1:
        named = ", ".join(map(repr, datasets[:5]))
        raise DataError(f"{source}: the history is of several datasets: {named}; name one with dataset (--dataset)")
    tasks = sorted({record.series[:3] for record in chosen if not record.is_backfilled})
    if len(tasks) > 1:
        named = ", ".join(".".join(filter(None, task)) or "(no task)" for task in tasks[:5])
        raise DataError(
            f"{source}: the history is of several tasks: {named}; name one with dag_id and task_id (--dag, --task)"
        )
    return chosen


def order_nights(records: Sequence[HistoryRecord], source: str) -> list[Night]:
    """Put the records of one series in order of time, and find the nights that cannot be judged.

    :param records: the records of one series
    :param source: the history, for error messages
    :return: one entry for each night, also for those that are missing
    :raises DataError: the records are of different configurations, or their data intervals overlap
    """
    check_configuration(records, source)
    undated = [record for record in records if record.start is None]
    if undated:
        raise DataError(f"{source}: the record of run {undated[0].run_id!r} has no date, so its night is unknown")
    by_start: dict[datetime.datetime, list[HistoryRecord]] = {}
    for record in records:
        assert record.start is not None
        by_start.setdefault(record.start, []).append(record)
    nights = [_build_night(by_start[start]) for start in sorted(by_start)]
    _check_overlap([night.record for night in nights if night.record is not None], source)
    return list(_insert_holes(nights, sorted(by_start), by_start))


def find_missing_nights(records: Sequence[HistoryRecord], source: str) -> list[Night]:
    """Find the nights between others that have no record.

    :param records: the records of one series
    :param source: the history, for error messages
    :return: the missing nights; empty if the records have no order of nights, as those of several configurations
    """
    try:
        return [night for night in order_nights(records, source) if night.is_missing]
    except DataError:
        return []


def check_configuration(records: Sequence[HistoryRecord], source: str) -> None:
    """Check that all records have counted the same: label, positive values, facets and weighting.

    :param records: the records
    :param source: the history, for error messages
    :raises DataError: they have not
    """
    records = [record for record in records if record.has_counts]
    if not records:
        return
    newest = max(records, key=lambda record: (record.start is not None, record.start or record.recorded_at))
    for record in records:
        if record.fingerprint != newest.fingerprint:
            raise DataError(
                f"{source}: the record of {record.period} is of another configuration (label, positive values or "
                f"facets) than that of {newest.period}, so they cannot be judged together; leave older records out "
                "with since (--since), or begin a new history"
            )


def _build_night(records: Sequence[HistoryRecord]) -> Night:
    counted = [record for record in records if record.has_counts]
    own = [record for record in counted if not record.is_backfilled] or counted
    if not own:
        latest = max(records, key=lambda each: (each.recorded_at is not None, each.recorded_at))
        return Night(latest.period, None, latest.reason or "it has no counts", latest.run_id)
    record = own[0]
    if len(own) > 1:
        runs = " and ".join(repr(each.run_id) for each in own[:3])
        why = f"two runs of one night: {runs}; delete the records of one of them"
        return Night(record.period, None, why, own[-1].run_id)
    if record.end is not None and record.start is not None and record.end < record.start:
        why = "its data interval ends before it begins; check the clock of the scheduler"
        return Night(record.period, None, why, record.run_id)
    early = record.recorded_at is not None and record.start is not None and record.recorded_at < record.start - _SKEW
    if early and not record.is_backfilled:
        why = "it was recorded before its night began; check the clock of the worker"
        return Night(record.period, None, why, record.run_id)
    return Night(record.period, record)


def _check_overlap(records: Sequence[HistoryRecord], source: str) -> None:
    for earlier, later in pairwise(records):
        assert later.start is not None
        if earlier.end is not None and earlier.end > later.start and earlier.start != later.start:
            raise DataError(
                f"{source}: the data intervals of {earlier.period} and {later.period} overlap; a sliding window counts "
                "rows twice, which the evidence of separate nights must not; record disjoint intervals"
            )


def _insert_holes(
    nights: Sequence[Night],
    starts: Sequence[datetime.datetime],
    by_start: dict[datetime.datetime, list[HistoryRecord]],
) -> Iterator[Night]:
    """Insert a night for each that is missing between two others.

    A night is missing only if the next one begins at least half a night after it was expected: a run that began a few
    minutes late, or on the day when the clocks change, leaves no gap.
    """
    step = _find_regular_step(starts)
    for position, night in enumerate(nights):
        yield night
        if position + 1 == len(nights):
            return
        following = starts[position + 1]
        end = by_start[starts[position]][0].end
        has_interval = end is not None and end > starts[position]
        length = end - starts[position] if end is not None and has_interval else step
        if length is None:
            continue
        expected = starts[position] + length
        for _ in range(_MAX_HOLES):
            if expected + length / 2 > following:
                break
            yield Night(format_period(expected), None, "no record of this night; run it again, or backfill it")
            expected = _add_length(expected, starts[position], end) if has_interval else expected + length


def _add_length(time: datetime.datetime, start: datetime.datetime, end: datetime.datetime | None) -> datetime.datetime:
    """Add the length of an interval to a time; whole months stay whole months."""
    assert end is not None
    if start.day == end.day == 1 and (end - start).days >= 28 and time.day == 1:
        return (time + datetime.timedelta(days=32)).replace(day=1)
    return time + (end - start)


def _find_regular_step(starts: Sequence[datetime.datetime]) -> datetime.timedelta | None:
    """Find the distance of runs without data intervals; None if it is not regular, as on working days."""
    distances = Counter(later - earlier for earlier, later in pairwise(starts))
    if not distances:
        return None
    step, count = distances.most_common(1)[0]
    return step if count >= 3 and count >= _REGULAR_SHARE * (len(starts) - 1) else None
