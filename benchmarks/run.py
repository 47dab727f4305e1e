"""All benchmarks, one after the other: ``make bench``. They print ratios, and assert nothing about time.

Give the name of one (``make bench ARGS="counting --rows 1000000"``) to run it alone with its own options.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

BENCHMARKS = ("startup", "counting", "sampling", "subgroups", "scale", "deferred_jobs", "stages", "alarms", "history")


def main(argv: list[str]) -> int:
    """Run the benchmark that is named first, with the other arguments, or all of them."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    if argv and argv[0] in ("-h", "--help"):
        print(__doc__, f"\nThere are: {', '.join(BENCHMARKS)}")
        return 0
    names, arguments = ([argv[0]], argv[1:]) if argv and argv[0] in BENCHMARKS else (list(BENCHMARKS), argv)
    for name in names:
        print(f"== {name}", flush=True)
        importlib.import_module(name).main(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
