"""A record of the history: the counts of one run, with what identifies them.

Counts are recorded, not only metrics, so that any metric and any rule can be applied to the past.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_clarify.exceptions import DataError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.bias.analysis import Analysis
    from airflow_clarify.bias.thresholds import Verdict

#: The format of a record; the number grows when older versions cannot read what newer versions write.
FORMAT = "airflow_clarify.history/1"
_FORMAT_NAME, _, _FORMAT_VERSION = FORMAT.rpartition("/")
#: The task of records that were computed from past data rather than by a run.
BACKFILL = "backfill"
#: The task and the run of the record of an accepted baseline.
BASELINE, ACCEPTED = "baseline", "accepted"
#: The outcome of a night that could not be judged: its measurement or its gate failed, or no group had enough rows.
NOT_JUDGED = "not judged"
#: Parts of a path that differ from run to run: dates, as in "2026-01-31", "20260131" or "year=2026/month=01/day=31".
_DATE = re.compile(
    r"(?<!\d)(?:year=)?(?:19|20)\d\d(?:[-_/]?(?:month=)?(?:0[1-9]|1[0-2]))(?:[-_/]?(?:day=)?(?:0[1-9]|[12]\d|3[01]))?"
    r"(?:T\d\d[:\d]*(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)"
)


@dataclass(frozen=True)
class HistoryRecord:
    """The record of one run.

    :param dataset: the name of the dataset, without dates
    :param document: the analysis, as for XCom; empty if the night could not be measured or judged
    :param dag_id: the DAG; empty outside Airflow
    :param task_id: the measuring task, or "backfill"
    :param instance: the instance of a mapped task; empty if the task is not mapped
    :param run_id: the run
    :param start: the start of the data interval, or the date of a run without one
    :param end: the end of the data interval; None for a run without one
    :param recorded_at: when the record was written
    :param verdict: outcome ("pass", "violation", "inconclusive" or "not judged"), sentence and gate of the verdict;
        None if there is none
    :param versions: the versions of this package and of the engine
    """

    dataset: str
    document: Mapping[str, Any]
    dag_id: str = ""
    task_id: str = ""
    instance: str = ""
    run_id: str = ""
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None
    recorded_at: datetime.datetime | None = None
    verdict: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        analysis: Analysis,
        *,
        run: Mapping[str, str] | None = None,
        start: datetime.datetime | None = None,
        end: datetime.datetime | None = None,
        dataset: str | None = None,
        verdict: Verdict | None = None,
        gate: str | None = None,
    ) -> HistoryRecord:
        """Build the record of an analysis.

        :param analysis: the analysis, with counts; its ``suppress_below`` hides small ones here too
        :param run: what identifies the run: ``dag_id``, ``task_id``, ``run_id``, ``instance``; None uses that of the
            analysis
        :param start: the start of the data interval
        :param end: its end
        :param dataset: the name of the dataset; None derives it from the location of the data
        :param verdict: the verdict of a gate
        :param gate: the task ID of the gate
        """
        from airflow_clarify.bias.suppression import hide_small_counts

        judged = None
        if verdict is not None:
            judged = {"outcome": name_outcome(verdict), "sentence": verdict.sentence, "gate": gate or ""}
        dataset = name_dataset(analysis.source) if dataset is None else dataset
        named = cls._build(dataset, analysis.run if run is None else run, start, end, analysis.engine)
        return replace(named, document=hide_small_counts(analysis).to_xcom(), verdict=judged)

    @classmethod
    def build_not_judged(
        cls,
        reason: str,
        dataset: str,
        *,
        run: Mapping[str, str],
        start: datetime.datetime | None = None,
        end: datetime.datetime | None = None,
        gate: str = "",
    ) -> HistoryRecord:
        """Build the record of a night that could not be measured or judged; it has no counts.

        :param reason: why, in one sentence
        :param dataset: the name of the dataset
        :param run: as for :meth:`build`
        :param start: the start of the data interval
        :param end: its end
        :param gate: the task ID of the gate that could not judge; empty if the measurement failed
        """
        return cls._build(dataset, run, start, end, "").with_verdict(describe_not_judged(reason, gate))

    @classmethod
    def _build(
        cls,
        dataset: str,
        run: Mapping[str, str],
        start: datetime.datetime | None,
        end: datetime.datetime | None,
        engine: str,
    ) -> HistoryRecord:
        import airflow_clarify

        if start is None and run.get("date"):
            start = parse_time(run["date"], "date of the run")
        return cls(
            dataset=dataset,
            document={},
            dag_id=run.get("dag_id", ""),
            task_id=run.get("task_id", ""),
            instance=run.get("instance", ""),
            run_id=run.get("run_id", ""),
            start=None if start is None else _to_utc(start),
            end=None if end is None else _to_utc(end),
            recorded_at=datetime.datetime.now(datetime.UTC),
            versions={"airflow_clarify": airflow_clarify.__version__, "engine": engine},
        )

    @property
    def key(self) -> str:
        """What identifies the record: SHA-256 of DAG, task, instance, run and dataset."""
        parts = [self.dag_id, self.task_id, self.instance, self.run_id, self.dataset]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def series(self) -> tuple[str, str, str, str]:
        """What the records of one history have in common: DAG, task, instance and dataset."""
        return self.dag_id, self.task_id, self.instance, self.dataset

    @property
    def has_counts(self) -> bool:
        """Return whether the record has counts; a night that could not be measured has none."""
        return bool(self.document)

    @property
    def is_backfilled(self) -> bool:
        """Return whether the record was computed from past data rather than by a run."""
        return not self.dag_id and self.task_id == BACKFILL

    @property
    def is_baseline(self) -> bool:
        """Return whether the record is the accepted baseline of its dataset, rather than a run."""
        return not self.dag_id and self.task_id == BASELINE and self.run_id == ACCEPTED

    @property
    def period(self) -> str:
        """The start of the data interval as text; a date if it is midnight."""
        return format_period(self.start) if self.start is not None else self.run_id

    @property
    def fingerprint(self) -> str:
        """What was counted: SHA-256 of label, positive label, facets, declared types, prediction and weighting.

        It does not depend on the metrics, which are computed from the counts, nor on the order of facets, which XCom in
        PostgreSQL does not keep. Empty without counts.
        """
        if not self.has_counts:
            return ""
        names = ("label", "label_value_or_threshold", "declared_types", "weighted", "predicted_label")
        counted = [self.document.get(name) or None for name in names] + [sorted(self.document["facets"])]
        return hashlib.sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest()

    @cached_property
    def analysis(self) -> Analysis:
        """The analysis, with metrics computed from the counts.

        :raises UnfitDataError: the record has no counts
        """
        from airflow_clarify.bias.analysis import Analysis

        if not self.has_counts:
            raise UnfitDataError(f"the record of {self.period} has no counts: {self.reason}")
        return Analysis.from_xcom(self.document)

    @property
    def reason(self) -> str:
        """Why the night was not judged, in one sentence; empty if it was."""
        judged = self.verdict or {}
        return str(judged.get("sentence", "")) if judged.get("outcome") == NOT_JUDGED else ""

    def describe(self) -> dict[str, str | None]:
        """Describe the run of the record, as one row of a table without its counts.

        :return: the period, the identity of the run, the dataset, and the outcome of the verdict; None without one
        """
        return {
            "period": self.period,
            "dag_id": self.dag_id,
            "task_id": self.task_id,
            "instance": self.instance,
            "run_id": self.run_id,
            "dataset": self.dataset,
            "outcome": None if self.verdict is None else self.verdict.get("outcome"),
        }

    def with_verdict(self, verdict: Mapping[str, Any] | None) -> HistoryRecord:
        """Return a copy with another verdict.

        :param verdict: outcome, sentence and gate
        """
        return replace(self, verdict=verdict)

    def to_json(self) -> str:
        """Serialize the record.

        :return: one line of JSON
        """
        document = {
            "format": FORMAT,
            "dag_id": self.dag_id,
            "task_id": self.task_id,
            "instance": self.instance,
            "run_id": self.run_id,
            "dataset": self.dataset,
            "period": self.period,
            "start": None if self.start is None else self.start.isoformat(),
            "end": None if self.end is None else self.end.isoformat(),
            "recorded_at": None if self.recorded_at is None else self.recorded_at.isoformat(),
            "fingerprint": self.fingerprint,
            "config_sha256": str(self.document.get("config_sha256", "")),
            "versions": dict(self.versions),
            "verdict": self.verdict,
            "analysis": self.document or None,
        }
        return json.dumps(document)

    @classmethod
    def parse(cls, text: str, source: str) -> HistoryRecord:
        """Parse a record.

        :param text: the output of :meth:`to_json`
        :param source: the file or table, for error messages
        :raises DataError: it is not a record, or was written by a newer version of this package
        """
        try:
            document = json.loads(text)
            _check_format(document.get("format"), source)
            return cls(
                dataset=str(document["dataset"]),
                document=document["analysis"] or {},
                dag_id=str(document["dag_id"]),
                task_id=str(document["task_id"]),
                instance=str(document["instance"]),
                run_id=str(document["run_id"]),
                start=parse_time(document["start"], f"{source}: start"),
                end=parse_time(document["end"], f"{source}: end"),
                recorded_at=parse_time(document["recorded_at"], f"{source}: recorded_at"),
                verdict=document["verdict"],
                versions=dict(document["versions"]),
            )
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{source}: not a record of a history ({type(error).__name__}: {error}); delete it, or restore it"
            ) from None


def name_outcome(verdict: Verdict) -> str:
    """Name the outcome of a verdict: "not judged" if it passes only since no group had enough rows to be judged.

    :param verdict: the verdict
    """
    return NOT_JUDGED if verdict.passed and verdict.checks and not verdict.judged else verdict.outcome.value


def describe_not_judged(reason: str, gate: str = "") -> dict[str, str]:
    """Describe the outcome of a night that could not be judged, as the verdict of a record.

    :param reason: why, in one sentence
    :param gate: the task ID of the gate
    """
    return {"outcome": NOT_JUDGED, "sentence": reason, "gate": gate}


def _check_format(given: Any, source: str) -> None:
    name, _, version = str(given).rpartition("/")
    if name != _FORMAT_NAME or not version.isdecimal():
        raise DataError(f"{source}: not a record of a history (format {given!r}); keep other files elsewhere")
    if int(version) > int(_FORMAT_VERSION):
        raise DataError(
            f"{source}: written by a newer version of airflow-clarify (format {given}, and this one reads up to "
            f"{FORMAT}); upgrade it here"
        )


def parse_time(given: Any, name: str) -> datetime.datetime | None:
    """Parse a time in ISO format.

    :param given: a text, a datetime, or None
    :param name: what it is, for errors
    :return: the time in UTC; None for None
    :raises DataError: it is not a time
    """
    if given is None:
        return None
    if isinstance(given, datetime.datetime):
        return _to_utc(given)
    try:
        return _to_utc(datetime.datetime.fromisoformat(str(given)))
    except ValueError:
        raise DataError(f"{name}: {given!r} is not a time such as 2026-01-31T00:00:00+00:00") from None


def _to_utc(given: datetime.datetime) -> datetime.datetime:
    utc = given.replace(tzinfo=datetime.UTC) if given.tzinfo is None else given.astimezone(datetime.UTC)
    # Airflow passes subclasses of datetime (pendulum's), whose arithmetic may lose the time zone.
    return datetime.datetime(
        utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=datetime.UTC
    )


def format_period(start: datetime.datetime) -> str:
    """Format the start of a period: a date if it is midnight in UTC, else a time.

    :param start: the start, in UTC
    """
    midnight = (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)
    return start.date().isoformat() if midnight else start.replace(tzinfo=None).isoformat(timespec="seconds")


def name_dataset(source: str) -> str:
    """Name a dataset independent of the run: dates in its location are replaced by "<date>".

    :param source: a path, a table or a query
    """
    return _DATE.sub("<date>", " ".join(source.split()))
