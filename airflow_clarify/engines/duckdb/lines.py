"""The fast way to write chosen rows of a text file: its lines as they are, bytes for bytes.

It is right where each record is one line. That is proved, not assumed: a record of DuckDB's takes up at least one line,
and lines that are blank, skipped or commented belong to no record; so there are as many lines as records (and headers)
only if every record is exactly one line. Where there are more, the caller writes the rows another way.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from airflow_clarify.engines.duckdb.draw import BLOCK
from airflow_clarify.engines.duckdb.storage import first_line
from airflow_clarify.exceptions import DataError

if TYPE_CHECKING:
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb.selection import Selection
    from airflow_clarify.engines.duckdb.source import Source

#: Bytes that are split into lines at once: about what fits into the processor's cache.
_BLOCK_BYTES = 1 << 18

#: Encodings in which the byte of a newline is always a newline.
_ONE_BYTE_NEWLINES = frozenset({"utf-8", "utf8", "ascii", "latin-1", "latin1", "iso-8859-1", "iso_8859_1", "cp1252"})

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: Writes the chosen ones of some lines that begin at a row.
_Chooser = Callable[[int, list[bytes]], Iterable[bytes]]


class NotLineByLineError(Exception):
    """The records of a file are not its lines. Never leaves the package: the rows are then written another way."""


def can_be_tried(source: Source, selection: Selection) -> bool:
    """Whether records may well be lines, so that it is worth while to begin.

    :param source: the data
    :param selection: what to write of each row
    """
    if source.format == "jsonlines":
        return True
    if source.format != "csv" or source.dialect is None or selection.weights is not None:
        # A weight is a cell more. Its place is at the end of a line only if no row lacks cells, which DuckDB knows.
        return False
    if source.dialect.encoding.lower() not in _ONE_BYTE_NEWLINES or source.dialect.skip:
        return False
    return _begins_line_by_line(source)


def write_lines(
    source: Source, selection: Selection, out: BinaryIO, weight_column: str, progress: Progress | None = None
) -> int:
    """Write the lines of the chosen rows.

    :param source: CSV or JSON Lines
    :param selection: what to write of each row
    :param out: where to
    :param weight_column: the name of the weights in JSON Lines, where there are any
    :param progress: told how far it is
    :return: the number of rows written
    :raises NotLineByLineError: records are not lines; what was written is to be thrown away
    :raises DataError: a file cannot be read, or has changed
    """
    expected = len(selection.codes)
    chooser = _weighted(selection, weight_column) if selection.weights is not None else _chosen(selection)
    row = 0
    for lines in _records(source, out):
        if row + len(lines) > expected and source.format == "csv":
            raise NotLineByLineError
        out.write(b"".join(chooser(row, lines)))
        row += len(lines)
        if progress is not None:
            progress("writing the rows", row / expected)
    if row != expected:
        raise DataError(f"{source.location}: it changed while it was read; run again when nobody writes to it")
    return selection.rows_out


def _records(source: Source, out: BinaryIO) -> Iterator[list[bytes]]:
    """The lines of all files without their headers, of which the first is written."""
    header = source.dialect is not None and source.dialect.header
    for number, file in enumerate(source.files):
        blocks = _blocks(source, file)
        if header:
            first = next(blocks, None)
            if first is None:
                # A file without a header would make up for a record of two lines.
                raise NotLineByLineError
            if number == 0:
                out.write(first[0])
            yield first[1:]
        yield from blocks


def _blocks(source: Source, file: str) -> Iterator[list[bytes]]:
    """The lines of a file, some thousand at a time. Each ends in a newline, the last one too."""
    newline = b"\n"
    for number, block in enumerate(_raw_blocks(source, file)):
        if number == 0:
            block = block.removeprefix(_BYTE_ORDER_MARK)
        if b"\r" in block and source.format == "csv":
            newline = b"\r\n"
            if block.count(b"\r") != block.count(newline):
                # Some take a bare carriage return for the end of a record.
                raise NotLineByLineError
        # Not splitlines(), which is slower and also splits at carriage returns.
        lines = io.BytesIO(block).readlines()
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += newline
        if source.format == "jsonlines":
            lines = [line for line in lines if not line.isspace()]
        if lines:
            yield lines


def _raw_blocks(source: Source, file: str) -> Iterator[bytes]:
    """The bytes of a file, cut after newlines."""
    begun: list[bytes] = []
    try:
        with _opened(source, file) as raw:
            while block := raw.read(_BLOCK_BYTES):
                end = block.rfind(b"\n") + 1
                if end:
                    yield b"".join([*begun, block[:end]])
                    begun = []
                begun.append(block[end:])
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({first_line(error)})") from None
    rest = b"".join(begun)
    if rest:
        yield rest


@contextmanager
def _opened(source: Source, file: str) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed whether or not its name says that it is compressed."""
    with source.open(file) as raw:
        begins = raw.read(2)
        raw.seek(0)
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if begins == _GZIP else raw


def _copies(selection: Selection) -> Iterator[int]:
    """How many times each row is written, row by row."""
    rows = len(selection.codes)
    blocks = (selection.copies_of(start, min(start + BLOCK, rows)).tolist() for start in range(0, rows, BLOCK))
    return itertools.chain.from_iterable(blocks)


def _chosen(selection: Selection) -> _Chooser:
    copies = _copies(selection)

    def choose(_: int, lines: list[bytes]) -> Iterable[bytes]:
        if selection.repeats:
            return map(operator.mul, lines, itertools.islice(copies, len(lines)))
        return itertools.compress(lines, itertools.islice(copies, len(lines)))

    return choose


def _weighted(selection: Selection, weight_column: str) -> _Chooser:
    """JSON objects with a field more."""
    assert selection.weights is not None
    name = json.dumps(weight_column).encode()
    fields = [b"%s: %s}\n" % (name, repr(weight).encode()) for weight in selection.weights]
    copies = _copies(selection)

    def choose(row: int, lines: list[bytes]) -> Iterable[bytes]:
        codes = selection.codes[row : row + len(lines)].tolist()
        for line, code, wanted in zip(lines, codes, copies, strict=False):
            if wanted:
                fields_before = line.rstrip()[:-1].rstrip()
                yield fields_before + (b"" if fields_before.endswith(b"{") else b", ") + fields[code]

    return choose


def _begins_line_by_line(source: Source) -> bool:
    """Whether the beginning of the first file looks as if each record were a line.

    Only a guess, to save the time of finding out far down in the file; the proof is in the count of all lines.
    """
    import csv

    assert source.dialect is not None
    try:
        with _opened(source, source.files[0]) as raw:
            lines = raw.read(_BLOCK_BYTES).decode("latin-1").split("\n")[:-1]
    except (OSError, EOFError):
        return True
    quote = source.dialect.quote
    if not quote:
        return True
    doubled = source.dialect.escape == quote
    reader = csv.reader(
        lines,
        delimiter=source.dialect.delimiter,
        quotechar=quote,
        doublequote=doubled,
        escapechar=None if doubled else source.dialect.escape or None,
    )
    try:
        return all(reader.line_num == number for number, _ in enumerate(reader, 1))
    except csv.Error:
        return True
