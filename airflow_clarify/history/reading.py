"""Read a history: open it by its location, list its records, and convert it to a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from airflow_clarify.exceptions import ConfigError, DataError
from airflow_clarify.history.folder import FolderHistory
from airflow_clarify.history.nights import Night, find_missing_nights, order_nights, select_series
from airflow_clarify.history.record import NOT_JUDGED

if TYPE_CHECKING:
    import pandas

    from airflow_clarify.history.record import HistoryRecord


@runtime_checkable
class HistoryStore(Protocol):
    """Where the records of a history are: :class:`FolderHistory` or :class:`SQLHistory`."""

    def write(self, records: Iterable[HistoryRecord]) -> None:
        """Write records; each replaces the earlier record of its run.

        :param records: the records
        """
        ...

    def read(self) -> list[HistoryRecord]:
        """Read all records."""
        ...

    def delete(self, records: Sequence[HistoryRecord]) -> None:
        """Delete records.

        :param records: the records
        """
        ...


def open_history(history: Any, conn_id: str | None = None) -> HistoryStore:
    """Open a history.

    :param history: a store, or the location of a folder
    :param conn_id: the Airflow connection for a URI
    :raises ConfigError: it is neither
    """
    if isinstance(history, BiasHistory):
        return history.store
    if isinstance(history, str):
        return FolderHistory(history, conn_id)
    if isinstance(history, HistoryStore) and not isinstance(history, type):
        return history
    raise ConfigError(
        f"history: a folder, such as 's3://bucket/bias/history', or SQLHistory(conn_id, table), not {history!r}"
    )


class BiasHistory:
    """The history of bias: the counts of every run, from which any metric can be computed.

    :param history: a folder (a path or a URI), or a :class:`~airflow_clarify.SQLHistory`
    :param conn_id: the Airflow connection for a URI
    :raises ConfigError: it is not a history
    """

    def __init__(self, history: Any, conn_id: str | None = None) -> None:
        self.store = open_history(history, conn_id)
        self.source = describe_history(self.store)

    def list_records(
        self,
        *,
        dag_id: str | None = None,
        task_id: str | None = None,
        dataset: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[HistoryRecord]:
        """List records in order of time.

        :param dag_id: only of this DAG, and those computed from past data
        :param task_id: only of this task, and those computed from past data
        :param dataset: only of this dataset
        :param since: only of this period and later ones, such as "2026-01-01"
        :param until: only of this period and earlier ones
        :raises DataError: the history cannot be read
        """
        records = [
            record
            for record in self.store.read()
            if not record.is_baseline
            and (dag_id is None or record.dag_id == dag_id or record.is_backfilled)
            and (task_id is None or record.task_id == task_id or record.is_backfilled)
            and (dataset is None or record.dataset == dataset)
            and (since is None or record.period >= since)
            and (until is None or record.period[: len(until)] <= until)
        ]
        return sorted(records, key=lambda record: (record.period, record.key))

    def list_nights(
        self,
        *,
        dag_id: str | None = None,
        task_id: str | None = None,
        dataset: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[Night]:
        """List the nights of one task and dataset, with those that are missing or cannot be judged.

        :param dag_id: the DAG; None if the history has only one
        :param task_id: the task; None if the history has only one
        :param dataset: the dataset; None if the history has only one
        :param since: the first period
        :param until: the last period
        :raises DataError: there are no records, they belong to several tasks, datasets or configurations, or their data
            intervals overlap
        """
        records = self.list_records(since=since, until=until)
        chosen = select_series(records, self.source, dag_id=dag_id, task_id=task_id, dataset=dataset)
        return order_nights(chosen, self.source)

    def accept_baseline(
        self, *, period: str | None = None, by: str = "", note: str = "", **selection: Any
    ) -> HistoryRecord:
        """Accept a night as the baseline of its dataset, instead of an earlier baseline.

        The same as ``airflow-clarify baseline accept``. Rules over many nights begin anew after it.

        :param period: the night, such as "2026-01-31"; None for the last one that has counts
        :param by: who accepts it
        :param note: why
        :param selection: as for :meth:`list_records`
        :return: the record of the baseline
        :raises DataError: there is no such night, or it is of several datasets
        :raises UnfitDataError: the night was not judged, so it has no counts
        :raises OutputError: the history cannot be written
        """
        from airflow_clarify.history.baseline import accept_baseline

        records = self.list_records(**selection)
        if not records:
            raise DataError(f"{self.source}: the history has no such record; check the folder and the selection")
        found = [record for record in records if record.period == period]
        if period is None:
            found = [record for record in records if record.has_counts] or records
        if not found:
            raise DataError(
                f"{self.source}: there is no record of {period}; there are {records[0].period} to {records[-1].period}"
            )
        if len({record.dataset for record in found}) > 1:
            raise DataError(f"{self.source}: the history is of several datasets; name one with dataset (--dataset)")
        # The record of a run replaces a backfilled record of the same night.
        chosen = [record for record in found if record.period == found[-1].period]
        chosen.sort(key=lambda record: (record.has_counts, not record.is_backfilled))
        return accept_baseline(self.store, chosen[-1], by=by, note=note)

    def to_pandas(self, **selection: Any) -> pandas.DataFrame:
        """Convert the history to a DataFrame with one row per run, facet, tested group and metric.

        :param selection: as for :meth:`list_records`
        :return: the columns of :meth:`airflow_clarify.Analysis.to_pandas`, after ``period``, ``dag_id``, ``task_id``,
            ``instance``, ``run_id``, ``dataset`` and ``outcome``
        :raises DataError: the history cannot be read
        """
        return convert_to_pandas(self.list_records(**selection))


def convert_to_pandas(records: Sequence[HistoryRecord]) -> pandas.DataFrame:
    """Convert records to a DataFrame with one row per run, facet, tested group and metric.

    :param records: the records
    :return: as :meth:`BiasHistory.to_pandas`
    """
    import pandas

    frames = []
    for record in records:
        # A night without counts has one row, whose error is the reason.
        frame = record.analysis.to_pandas() if record.has_counts else pandas.DataFrame({"error": [record.reason]})
        for position, (name, value) in enumerate(record.describe().items()):
            frame.insert(position, name, value)
        frames.append(frame)
    columns = ["period", "dag_id", "task_id", "instance", "run_id", "dataset", "outcome", "facet"]
    columns += ["value_or_threshold", "metric", "value", "error"]
    columns += ["rows", "positive_rows", "rest_rows", "rest_positive_rows"]
    if not frames:
        return pandas.DataFrame(columns=columns)
    # An empty or all-missing column must not decide the type of the whole.
    combined = pandas.concat(
        [frame.astype({"outcome": "object", "error": "object"}) for frame in frames], ignore_index=True
    )
    return combined.reindex(columns=[*columns, *(name for name in combined.columns if name not in columns)])


def list_outcomes(records: Sequence[HistoryRecord], source: str) -> list[dict[str, str | None]]:
    """List the runs of a history with their outcomes, and the nights between them that have no record.

    :param records: the records
    :param source: the history, for error messages
    :return: as :meth:`HistoryRecord.describe`, in order of time; a missing night has the outcome "not judged" and no
        run
    """
    rows = [record.describe() for record in records]
    by_series: dict[tuple[str, ...], list[HistoryRecord]] = {}
    for record in records:
        by_series.setdefault(record.series, []).append(record)
    backfilled = [record for record in records if record.is_backfilled]
    for series in by_series.values():
        one = series[0]
        # Backfilled records belong to every task that measures the same dataset.
        past = [] if one.is_backfilled else [record for record in backfilled if record.dataset == one.dataset]
        if one.is_backfilled and any(key[3] == one.dataset and key != one.series for key in by_series):
            continue
        rows += [
            {**one.describe(), "period": night.period, "run_id": "", "outcome": NOT_JUDGED}
            for night in find_missing_nights([*series, *past], source)
        ]
    return sorted(rows, key=lambda row: str(row["period"]))


def describe_history(store: HistoryStore) -> str:
    """Return the name of a history for messages.

    :param store: the history
    """
    if isinstance(store, FolderHistory):
        return store.location
    return f"table {getattr(store, 'table', '?')}"
