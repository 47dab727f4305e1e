"""Names of jobs: unique in an account and region, and the same for every try of the same thing.

A job's name is all that SageMaker lets a request be recognised by: a second request with a name that exists is refused.
So a name that follows from the task instance makes submitting safe to repeat, whether an answer was lost, a worker
died, or a task is tried again: whoever comes second finds the job of the first.
"""

from __future__ import annotations

import hashlib
import re
import uuid

from airflow_clarify.exceptions import ConfigError

DEFAULT_PREFIX = "Clarify-Pretraining-Bias"
LONGEST = 63
#: Enough that two different jobs of an account will not share a name: 16^12 possibilities.
_DIGITS = 12


def build_job_name(prefix: str, identity: str | None, attempt: int = 1) -> str:
    """The name of a job.

    What tells jobs apart stands at the end and is never cut off; a long prefix is.

    :param prefix: its beginning; what SageMaker does not allow in a name becomes a dash
    :param identity: what the job is for; None makes a name that never comes again
    :param attempt: 1 for the first job of that identity, 2 when that one failed, and so on
    :raises ConfigError: the prefix holds no letter or digit
    """
    if identity is None:
        identity = uuid.uuid4().hex
    ending = f"-{hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]}-{attempt}"
    beginning = re.sub(r"[^a-zA-Z0-9-]", "-", prefix).strip("-")
    if not beginning:
        raise ConfigError(f"job_name_prefix: {prefix!r} holds no letter or digit from a to z and 0 to 9; give one")
    return beginning[: LONGEST - len(ending)].rstrip("-") + ending
