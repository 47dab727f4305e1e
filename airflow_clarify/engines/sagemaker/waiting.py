"""How often to look at jobs: not all at once, and less often when the service asks for it."""

from __future__ import annotations

import random


def add_jitter(seconds: float) -> float:
    """About so many seconds: jobs that were started together are not looked at together for ever."""
    return seconds * random.uniform(0.8, 1.2)
