"""Exceptions of this package, whose messages name what is wrong, where, and what to do.

Every error that a user can cause derives from :class:`ClarifyError` and has a message of one line. Operators and the
command line print that line; only an internal error shows a traceback.
"""

from __future__ import annotations

import sys

#: The prefix of the module names that Airflow gives to DAG files.
_DAG_FILE = "unusual_prefix_"
#: Packages whose frames are skipped when the line of a DAG file that caused an error is searched.
_SKIPPED_PACKAGES = frozenset({"airflow", "airflow_clarify", "contextlib", "dataclasses", "functools"})


class ClarifyError(Exception):
    """Base class of all errors that this package raises; secrets in URLs are redacted.

    :param sentence: the message, in one line
    :param more: further arguments of the exception
    """

    def __init__(self, sentence: object = "", *more: object) -> None:
        # Imported lazily, since every DAG file imports this module and few raise an error.
        from airflow_clarify.io.redaction import redact_sentence

        super().__init__(redact_sentence(str(sentence)), *more)


class ConfigError(ClarifyError, ValueError):
    """The configuration names something that does not exist or is not allowed.

    A retry cannot succeed. While a DAG file is parsed, a note (PEP 678) adds the line of the DAG file that caused the
    error, since Airflow shows only the last lines of a traceback, which are in this package.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        line = find_author_line()
        if line is not None:
            self.add_note(line)


class DataError(ClarifyError):
    """The data could not be read, or do not match the configuration."""


class UnfitDataError(DataError):
    """The data or the analysis lack required content, such as rows; a retry cannot succeed."""


class MetricError(ClarifyError, ValueError):
    """A metric is undefined for the counts.

    The message is part of ``analysis.json``, next to the null value.
    """


class QuotaError(ClarifyError, ValueError):
    """A stratum is empty, or its number of rows does not permit the quota."""


class ThresholdError(ConfigError):
    """A threshold is not valid, or is for a metric, facet or value without result."""


class OutputError(ClarifyError):
    """An output could not be written. No partial output remains."""


class ServiceError(ClarifyError):
    """A service refused a request, or could not be reached. A retry can succeed."""


class JobError(ClarifyError):
    """A job failed, or was stopped because of a timeout."""


def find_author_line() -> str | None:
    """Find the line of a DAG author's code that is being executed.

    :return: file and line; None if no DAG file is being parsed
    """
    found = None
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if found is None and module.partition(".")[0] not in _SKIPPED_PACKAGES:
            found = f'File "{frame.f_code.co_filename}", line {frame.f_lineno}'
        if module.startswith(_DAG_FILE):
            return found
        frame = frame.f_back  # type: ignore[assignment]
    return None
