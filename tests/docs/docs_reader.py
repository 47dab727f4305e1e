"""Run the blocks of a page one after the other, as a reader does: in one folder, one Python and one shell."""

from __future__ import annotations

import contextlib
import csv
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from docs_languages import commands_and_outputs
from docs_pages import Block, blocks_of

#: Commands that are run; what others do is outside of this package.
_OURS = re.compile(r"airflow-clarify\b")


class Reader:
    """Run the blocks of a page.

    :param folder: where it works, with a few datasets in it
    :param printed: gives what was printed since it was last asked
    """

    def __init__(self, folder: Path, printed: Callable[[], str]) -> None:
        self.folder = folder
        self.printed = printed
        self.log = ""
        self.names: dict[str, Any] = {}
        make_datasets(folder)

    def follow(self, page: Path) -> None:
        """Run every block of the page.

        :raises AssertionError: one does not work as it stands there; names its line
        """
        for block in blocks_of(page):
            if block.is_directive or block.note == "not run":
                continue
            try:
                self._do(block)
            except Exception as error:
                raise AssertionError(f"{block.place}: {type(error).__name__}: {error}") from error

    def _do(self, block: Block) -> None:
        if block.note == "file":
            (self.folder / block.about).write_text(block.text)
        elif block.note == "log":
            for line in block.text.splitlines():
                assert line in self.log, f"nothing in the log says {line!r}"
        elif block.language == "console":
            self._type(block.text)
        elif block.language == "python" and re.search(r"\bDAG\(|@dag\b", block.text):
            self._load(block)
        elif block.language == "python":
            with contextlib.chdir(self.folder):
                exec(compile(block.text, block.place, "exec"), self.names)

    def _type(self, text: str) -> None:
        """Run the commands of this package, and compare their output, in which "..." matches anything."""
        beside = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
        for command, shown in commands_and_outputs(text):
            if not _OURS.match(command):
                continue
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            # A gate that closes ends with 1.
            assert ran.returncode in ((0, 1) if "clarify gate" in command else (0,)), f"{command}\n{ran.stdout}"
            if shown:
                expected = re.escape("\n".join(shown).strip()).replace(r"\.\.\.", ".*?")
                assert re.fullmatch(expected, ran.stdout.strip(), re.DOTALL), f"{command} prints\n{ran.stdout}"

    def _load(self, block: Block) -> None:
        """Have Airflow read a DAG file, and run its DAGs where the page says so."""
        file = self.folder / f"dag_of_line_{block.line}.py"
        file.write_text(block.text)
        with contextlib.chdir(self.folder):
            dags = load_dags(file)
            assert dags, "Airflow finds no DAG in it"
            if block.note == "run":
                from dag_runs import run

                self.printed()
                for dag in dags:
                    ran = run(dag)
                    assert ran.state == (block.about or "success"), ran.states
                self.log = self.printed()


def load_dags(file: Path) -> list[Any]:
    """Load the DAGs of a file with Airflow's DagBag."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag

    bag = DagBag(str(file))
    assert not bag.import_errors, next(iter(bag.import_errors.values()))
    return list(bag.dags.values())


def make_datasets(folder: Path) -> None:
    """Write the files that the pages read: a few hundred synthetic rows, always the same."""
    draw = random.Random(7)
    _write(folder / "reviews.csv", _reviews(draw))
    _write(folder / "loans.csv", _loans(draw))


def _reviews(draw: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(900):
        category = draw.choice(["Dresses", "Knits", "Trend"])
        pleased = 0.55 if category == "Trend" else 0.8
        yield {
            "review_id": number,
            "sentiment": draw.choices([1, 0, -1], [pleased, (1 - pleased) / 2, (1 - pleased) / 2])[0],
            "review_body": f'"Nice", they said of {number}',
            "product_category": category,
            "region": draw.choice(["EU", "US"]),
        }


def _loans(draw: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(1200):
        gender, job = draw.choice("FM"), draw.choice(["clerk", "nurse", "smith"])
        yield {
            "gender": gender,
            "age": draw.randint(18, 80) + draw.random(),
            "job": job,
            "approved": int(draw.random() < (0.6 if gender == "F" else 0.8)),
        }


def _write(file: Path, rows: Iterator[dict[str, Any]]) -> None:
    records = list(rows)
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)
