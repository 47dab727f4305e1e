"""Compare the lines of the package that two runs of the tests cover.

    scripts/compare_coverage.py BEFORE AFTER

Each argument is a data file of coverage.py, as `make coverage` writes it to build/coverage. The runs may be of
different versions of the package, if the sources of both still exist: lines that both versions have are matched, and
lines that only one has are counted, but not compared. Lists the lines that only the first run covers; the exit status
is 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from coverage import CoverageData
from coverage.python import PythonParser

PACKAGE = "airflow_clarify"


@dataclass(frozen=True)
class Source:
    """A file of the package, and what a run covers of it.

    :param lines: the text of each line
    :param statements: the numbers of the lines that can be covered
    :param covered: the numbers of those that are
    """

    lines: list[str]
    statements: set[int]
    covered: set[int]


def read_run(data_file: Path) -> dict[str, Source]:
    """Read the covered lines of a run, by the path of the file within the repository."""
    data = CoverageData(str(data_file))
    data.read()
    found = {}
    for path in data.measured_files():
        _, inside, rest = path.rpartition(f"/{PACKAGE}/")
        if inside and Path(path).exists():
            text = Path(path).read_text(encoding="utf-8")
            parser = PythonParser(text=text, filename=path)
            parser.parse_source()
            executed = {parser.first_line(line) for line in data.lines(path) or ()}
            found[f"{PACKAGE}/{rest}"] = Source(text.splitlines(), parser.statements, executed & parser.statements)
    return found


def lost_lines(before: Source, after: Source) -> Iterator[int]:
    """Yield the lines of the second version that only the first run covers."""
    matcher = SequenceMatcher(None, before.lines, after.lines, autojunk=False)
    for old, new, size in matcher.get_matching_blocks():
        for number in range(size):
            is_lost = old + number + 1 in before.covered and new + number + 1 not in after.covered
            if is_lost and new + number + 1 in after.statements:
                yield new + number + 1


def report(before: dict[str, Source], after: dict[str, Source]) -> int:
    """Print the difference, and return how many lines are lost."""
    lost = 0
    for path in sorted(before.keys() & after.keys()):
        for number in lost_lines(before[path], after[path]):
            print(f"{path}:{number}: {after[path].lines[number - 1].strip()}")
            lost += 1
    for name, run in (("before", before), ("after", after)):
        covered, statements = (sum(len(getattr(one, of)) for one in run.values()) for of in ("covered", "statements"))
        print(f"{name}: {covered} of {statements} lines in {len(run)} files ({covered / statements:.2%})")
    missing = sorted(before.keys() - after.keys())
    print(f"lost: {lost} lines" + (f"; only before: {', '.join(missing)}" if missing else ""))
    return lost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    given = parser.parse_args()
    return 1 if report(read_run(given.before), read_run(given.after)) else 0


if __name__ == "__main__":
    sys.exit(main())
