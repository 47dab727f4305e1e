"""Baselines: an analysis that later runs are compared with."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError
from airflow_clarify.history.record import ACCEPTED, BASELINE, HistoryRecord

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.history.reading import HistoryStore

#: Baselines that are found in the history: that of the first run, of the last run that passed, or the accepted one.
FROM_HISTORY = ("first", "last_passed", "accepted")


def accept_baseline(store: HistoryStore, record: HistoryRecord, *, by: str = "", note: str = "") -> HistoryRecord:
    """Accept a record as the baseline of its dataset, instead of an earlier baseline.

    :param store: the history
    :param record: the record of the run to accept
    :param by: who accepts it
    :param note: why
    :return: the record of the baseline
    :raises UnfitDataError: the record has no counts
    :raises OutputError: the history cannot be written
    """
    if not record.has_counts:
        raise UnfitDataError(
            f"{record.period}: not judged ({record.reason}), so it cannot be a baseline; accept another night"
        )
    now = datetime.datetime.now(datetime.UTC)
    accepted = {
        "outcome": ACCEPTED,
        "sentence": note,
        "by": by,
        "at": now.isoformat(timespec="seconds"),
        "of": ".".join(filter(None, (record.dag_id, record.task_id, record.instance, record.run_id))),
    }
    baseline = replace(
        record, dag_id="", task_id=BASELINE, instance="", run_id=ACCEPTED, verdict=accepted, recorded_at=now
    )
    store.write([baseline])
    return baseline


def list_baselines(records: Sequence[HistoryRecord]) -> list[HistoryRecord]:
    """List the accepted baselines, one for each dataset.

    :param records: all records of a history
    """
    return [record for record in records if record.is_baseline]


def find_accepted(records: Sequence[HistoryRecord], dataset: str | None, source: str) -> HistoryRecord:
    """Find the accepted baseline of a dataset.

    :param records: all records of a history
    :param dataset: the dataset; None if the history has only one baseline
    :param source: the history, for the error
    :raises DataError: there is none, or there are several
    """
    found = [record for record in list_baselines(records) if dataset is None or record.dataset == dataset]
    if not found:
        raise DataError(f"{source}: no baseline was accepted{f' for {dataset}' if dataset else ''}; accept one first")
    if len(found) > 1:
        raise DataError(
            f"{source}: there are baselines of {', '.join(repr(record.dataset) for record in found)}; name one "
            "(--dataset)"
        )
    return found[0]


def find_baseline(
    which: str, records: Sequence[HistoryRecord], current: HistoryRecord | None, source: str
) -> HistoryRecord | None:
    """Find a baseline in the history of a task and dataset.

    :param which: "first", "last_passed" or "accepted"
    :param records: all records of the history
    :param current: the record of this run, which is not a baseline for itself
    :param source: the history, for errors
    :return: the record; None for the first run with "first" or "last_passed", which has nothing to be compared with
    :raises ConfigError: ``which`` is something else
    :raises DataError: no baseline was accepted
    :raises UnfitDataError: no earlier run has passed, though there were some
    """
    if which not in FROM_HISTORY:
        raise ConfigError(f"baseline: one of {', '.join(map(repr, FROM_HISTORY))}, or an analysis, not {which!r}")
    dataset = None if current is None else current.dataset
    if which == "accepted":
        return find_accepted(records, dataset, source)
    earlier = sorted(
        (
            record
            for record in records
            if not record.is_baseline
            and record.has_counts
            and record.start is not None
            and (
                current is None
                or (
                    record.key != current.key
                    and record.dataset == current.dataset
                    and (record.is_backfilled or record.series == current.series)
                    and (current.start is None or record.start < current.start)
                )
            )
        ),
        key=lambda record: (record.start, record.key),
    )
    if not earlier:
        return None
    if which == "first":
        return earlier[0]
    passed = [record for record in earlier if (record.verdict or {}).get("outcome") == "pass"]
    if not passed:
        raise UnfitDataError(
            f"{source}: none of the {len(earlier)} earlier runs has passed a gate, so there is no baseline "
            "'last_passed'; "
            "accept one (airflow-clarify baseline accept)"
        )
    return passed[-1]


def read_baseline(given: Any, conn_id: str | None = None) -> Analysis:
    """Read a baseline that is given as an analysis.

    :param given: an analysis, its XCom, or the location of an ``analysis.json`` of this package or of Clarify
    :param conn_id: the Airflow connection for a URI
    :raises DataError: it cannot be read
    :raises ConfigError: it is something else
    """
    from airflow_clarify.bias.analysis import Analysis

    if isinstance(given, Analysis):
        return given
    if isinstance(given, Mapping):
        inner = given["analysis"] if given.keys() == {"job", "analysis"} else given
        return Analysis.from_xcom(inner)
    if isinstance(given, str):
        from airflow_clarify.artifacts import read_analysis

        return read_analysis(given, conn_id)
    raise ConfigError(
        f"baseline: an analysis, a file, or one of {', '.join(map(repr, FROM_HISTORY))}, not {type(given).__name__}"
    )
