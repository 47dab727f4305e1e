"""What can go wrong, each in one sentence a person can act on at 3 a.m.

Every error that a user can cause derives from :class:`ClarifyError` and carries one line: what was wrong, where, and
what to do. Operators and the command line print that line; only a defect of ours shows a traceback.
"""

from __future__ import annotations


class ClarifyError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(ClarifyError, ValueError):
    """The configuration asks for something that does not exist or is not allowed. Trying again will not help."""


class DataError(ClarifyError):
    """The data could not be read, or are not what the configuration says they are."""


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
