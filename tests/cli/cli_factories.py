"""What the tests of the command line share: the result of a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_clarify.cli.terminal import EXIT_USAGE


@dataclass(frozen=True)
class CommandResult:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str

    def refused(self) -> str:
        """Check that the command was refused, and return its error message."""
        assert (self.status, self.out) == (EXIT_USAGE, ""), self
        assert self.err.endswith("\n")
        (line,) = self.err.splitlines()
        assert line.isprintable()
        assert line.startswith("airflow-clarify: ")
        return line.removeprefix("airflow-clarify: ")


Run = Callable[..., CommandResult]


#: Python code after which a count has no end, and says when it has begun.
COUNT_WITHOUT_END = """
from airflow_clarify.engines.duckdb import DuckDBEngine

def count(*_, **__):
    import duckdb
    connection = duckdb.connect()
    print("counting", flush=True)
    while True:
        connection.execute("SELECT sum(sin(i)) FROM range(3000000) AS numbers(i)").fetchall()

DuckDBEngine.count = count
"""
