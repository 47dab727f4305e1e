"""What can go wrong, each in one sentence a person can act on at 3 a.m.

Every error that a user can cause derives from :class:`ClarifyError` and carries one line: what was wrong, where, and
what to do. Operators and the command line print that line; only a defect of ours shows a traceback.
"""

from __future__ import annotations

import sys

#: How Airflow names the modules that it makes of DAG files.
_DAG_FILE = "unusual_prefix_"
#: Packages whose code stands between an author's line and the place where a mistake in it is found.
_NOT_THE_AUTHORS = frozenset({"airflow", "airflow_clarify", "contextlib", "dataclasses", "functools"})


class ClarifyError(Exception):
    """Base of every error that this package raises on purpose. Its sentence holds no secret of a URL."""

    def __init__(self, sentence: object = "", *more: object) -> None:
        # Here, for a DAG file imports this module, and most have no error.
        from airflow_clarify.io.redaction import redact_sentence

        super().__init__(redact_sentence(str(sentence)), *more)


class ConfigError(ClarifyError, ValueError):
    """The configuration asks for something that does not exist or is not allowed. Trying again will not help.

    While a DAG file is parsed, a note beside the sentence names the line of the author's that is wrong: Airflow shows
    only the last lines of a traceback, which are ours.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        line = find_author_line()
        if line is not None:
            self.add_note(line)


class DataError(ClarifyError):
    """The data could not be read, or are not what the configuration says they are."""


class UnfitDataError(DataError):
    """The data, or an analysis, could be read and do not hold what is asked of them. Trying again will not help."""


class MetricError(ClarifyError, ValueError):
    """A metric is not defined for these counts. Its text stands in ``analysis.json`` beside the null value."""


class QuotaError(ClarifyError, ValueError):
    """A stratum is empty, or holds fewer rows than were asked of it."""


class ThresholdError(ConfigError):
    """A threshold names a metric, facet or value that the analysis does not hold, or is not a range."""


class OutputError(ClarifyError):
    """An output could not be written. Nothing is left under its name."""


class ServiceError(ClarifyError):
    """A service refused a call, or could not be reached. Trying again may help."""


class JobError(ClarifyError):
    """A job ended, and not well; or it was stopped because it took too long."""


def find_author_line() -> str | None:
    """Find the line of the DAG's author that is being executed.

    :return: file and line, or None where no DAG file is being parsed
    """
    found = None
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if found is None and module.partition(".")[0] not in _NOT_THE_AUTHORS:
            found = f'File "{frame.f_code.co_filename}", line {frame.f_lineno}'
        if module.startswith(_DAG_FILE):
            return found
        frame = frame.f_back  # type: ignore[assignment]
    return None
