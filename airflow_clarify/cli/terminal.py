"""The process and its terminal: printing, a progress line, and signals that stop a command."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, NoReturn

from airflow_clarify.exceptions import OutputError

if TYPE_CHECKING:
    from airflow_clarify.engines.base import Progress

EXIT_OK, EXIT_VIOLATION, EXIT_USAGE, EXIT_INTERNAL = 0, 1, 2, 255
#: Added to the number of a signal, as in shells: 130 after Ctrl-C, 143 when a container is stopped.
EXIT_SIGNAL_BASE = 128


def import_frozen(module: str) -> None:
    """Import a module, and exempt all objects from the searches for garbage until and when the process ends.

    Without it, these searches take a tenth of a short command. DuckDB is to be imported later, since it reports its own
    objects as leaked if they are exempt.

    :param module: the name of the module
    """
    import_module(module)
    if "duckdb" not in sys.modules:
        gc.freeze()


class StopSignals:
    """Convert SIGINT and SIGTERM to exceptions, so that partial output is removed."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread can set signal handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            # A shell that runs the command in the background may have set Ctrl-C to be ignored.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._raise)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _raise(self, number: int, _: FrameType | None) -> NoReturn:
        self.received = number
        raise KeyboardInterrupt


@contextlib.contextmanager
def show_progress() -> Iterator[Progress | None]:
    """Show a progress line on stderr while a command runs.

    :return: a context manager for the progress callback; None if stderr is not a terminal
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    last_line = ""

    def show(what: str, part: float) -> None:
        nonlocal last_line
        line = f"{what} {part:4.0%}" if part >= 0 else what
        if line != last_line:
            last_line = line
            _overwrite_line(line)

    try:
        yield show
    finally:
        _overwrite_line("")


def _overwrite_line(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def allow_any_encoding() -> None:
    """Escape characters that the terminal's encoding does not support, instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def print_text(text: str, end: str = "\n") -> None:
    """Print to stdout.

    A closed pipe, as with ``| head``, does not change the exit status.

    :raises OutputError: stdout is a file that cannot be written, for example on a full disk
    """
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        _redirect_to_devnull(sys.stdout)
    except OSError as error:
        _redirect_to_devnull(sys.stdout)
        raise OutputError(f"standard output cannot be written ({error.strerror}); check where it goes") from None


def _redirect_to_devnull(stream: IO[str]) -> None:
    """Redirect a stream to the null device, since flushing it at exit would fail again."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, stream.fileno())
    os.close(devnull)


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings to stderr, one line each."""
    for warning in warnings:
        _print_error_line(f"warning: {warning}")


def print_error(sentence: str) -> None:
    """Print the error that ended a command to stderr, in one line."""
    _print_error_line(f"airflow-clarify: {sentence}")


def _print_error_line(sentence: str) -> None:
    """Print one line to stderr, with control characters escaped."""
    from airflow_clarify.reports.console import sanitize_line

    # Without stderr, print() would write to stdout.
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(sanitize_line(sentence, None), file=sys.stderr)
