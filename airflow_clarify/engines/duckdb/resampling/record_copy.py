"""The fast way to write chosen rows of a text file: the bytes of their records as they are.

Where the records of a CSV file end is DuckDB's to say, for it gave every row its position; but it does not tell. So the
bytes are cut into records here, in one of two ways, each of which proves that it cuts where DuckDB does:

- *At every newline.* A record of DuckDB's takes up at least one line, and lines that are blank, skipped or commented
  belong to none. So if there are as many lines as records and headers, every record is exactly one line.
- *At every newline outside quotes.* If each quote that would open a cell stands at the beginning of one, and each that
  would close it stands at its end or is doubled, then DuckDB, too, takes them for that; and if there are as many
  records, it left none out.

Where neither can be proved, :class:`RecordsUnclearError` says so, and the caller writes the rows another way.
"""

from __future__ import annotations

import functools
import io
import itertools
import json
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from airflow_clarify.engines.duckdb.resampling.random_keys import BLOCK
from airflow_clarify.exceptions import DataError
from airflow_clarify.io.filesystem import first_error_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb.csv import CsvDialect
    from airflow_clarify.engines.duckdb.resampling.selection import RowSelection
    from airflow_clarify.engines.duckdb.source import Source

#: Cuts bytes that begin with a record and end in a newline into records, and returns what is left over.
Cutter = Callable[[bytes], tuple[list[bytes], bytes]]

#: Writes the chosen ones of some records, given the row that the first of them is.
_Chooser = Callable[[int, list[bytes]], Iterable[bytes]]

#: What is being done, to who wants to know.
WRITING = "writing the rows"

#: Bytes that are cut at once: about what fits into the processor's cache.
_BLOCK_BYTES = 1 << 18

#: Encodings in which the byte of a newline, quote or delimiter is always just that.
_ASCII_KEPT = frozenset({"utf-8", "latin-1"})

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RecordBoundaryError(Exception):
    """It cannot be proved where records end. Never leaves the package: the rows are then written another way."""


def record_splitters(source: Source, selection: RowSelection) -> list[Cutter]:
    """The ways to cut the data into records that are worth trying, the best first.

    :param source: the data
    :param selection: what to write of each row
    """
    if source.format == "jsonlines":
        return [_cut_json_lines]
    dialect = source.dialect
    if dialect is None or selection.weights is not None:
        # A weight is a cell more. Its place is at the end of a record only if no cell is lacking, which DuckDB knows.
        return []
    if dialect.encoding not in _ASCII_KEPT or dialect.skip:
        return []
    ways: list[Cutter] = [_cut_at_newlines]
    if _is_plain(dialect):
        quote, delimiter = dialect.quote.encode(), dialect.delimiter.encode()
        ways.append(functools.partial(_cut_outside_quotes, quote=quote, delimiter=delimiter))
        if not _is_line_by_line(source):
            ways.reverse()
    return ways


def write_records(
    source: Source,
    selection: RowSelection,
    out: BinaryIO,
    cut: Cutter,
    weight_column: str,
    progress: Progress | None = None,
) -> int:
    """Write the records of the chosen rows.

    :param source: CSV or JSON Lines
    :param selection: what to write of each row
    :param out: where to
    :param cut: how records are found
    :param weight_column: the name of the weights in JSON Lines, where there are any
    :param progress: told how far it is
    :return: the number of rows written
    :raises RecordsUnclearError: records are not where they were looked for; what was written is to be thrown away
    :raises DataError: a file cannot be read, or has changed
    """
    expected = len(selection.codes)
    chooser = _add_weights(selection, weight_column) if selection.weights is not None else _iterate_selected(selection)
    row = 0
    for records in _iterate_records(source, out, cut):
        if row + len(records) > expected and source.format == "csv":
            raise RecordBoundaryError
        out.write(b"".join(chooser(row, records)))
        row += len(records)
        if progress is not None:
            progress(WRITING, row / expected)
    if row != expected:
        raise DataError(f"{source.location}: it changed while it was read; run again when nobody writes to it")
    return selection.rows_out


def _iterate_records(source: Source, out: BinaryIO, cut: Cutter) -> Iterator[list[bytes]]:
    """The records of all files without their headers, of which the first is written."""
    header = source.dialect is not None and source.dialect.header
    for number, file in enumerate(source.files):
        blocks = _cut_blocks(source, file, cut)
        if header:
            first = next(blocks, None)
            if first is None:
                # A file without a header would make up for a record of two lines.
                raise RecordBoundaryError
            if number == 0:
                out.write(first[0])
            yield first[1:]
        yield from blocks


def _cut_blocks(source: Source, file: str, cut: Cutter) -> Iterator[list[bytes]]:
    """The records of a file, some thousand at a time. Each ends in a newline, the last one too."""
    rest = b""
    for block in _iterate_blocks(source, file):
        records, rest = cut(rest + block)
        if records:
            yield records
    if rest:
        raise RecordBoundaryError


def _iterate_blocks(source: Source, file: str) -> Iterator[bytes]:
    """The bytes of a file, cut after some newlines, without a byte order mark."""
    begun: list[bytes] = []
    newline = b"\n"
    try:
        with source.open(file) as raw:
            block = raw.read(_BLOCK_BYTES).removeprefix(_BYTE_ORDER_MARK)
            while block:
                end = block.rfind(b"\n") + 1
                if end:
                    newline = b"\r\n" if block[:end].endswith(b"\r\n") else b"\n"
                    yield b"".join([*begun, block[:end]])
                    begun = []
                begun.append(block[end:])
                block = raw.read(_BLOCK_BYTES)
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({first_error_line(error)})") from None
    last = b"".join(begun)
    if last:
        yield last + newline


# Where records end. ---------------------------------------------------------------------------------------------------


def _cut_at_newlines(block: bytes) -> tuple[list[bytes], bytes]:
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        # Some take a bare carriage return for the end of a record.
        raise RecordBoundaryError
    # Not splitlines(), which is slower and also splits at carriage returns.
    return io.BytesIO(block).readlines(), b""


def _cut_json_lines(block: bytes) -> tuple[list[bytes], bytes]:
    return [line for line in io.BytesIO(block).readlines() if not line.isspace()], b""


def _cut_outside_quotes(block: bytes, quote: bytes, delimiter: bytes) -> tuple[list[bytes], bytes]:
    import numpy as np

    data = np.frombuffer(block, dtype=np.uint8)
    quotes = np.flatnonzero(data == ord(quote))
    # The block begins outside quotes, so the first quote opens a cell, the second closes it, and so on. A doubled one
    # closes a cell and opens it again, which comes to the same. The block ends in a newline, so a byte follows each.
    opening, closing = quotes[::2], quotes[1::2]
    before = data[opening[1:] - 1] if len(opening) and opening[0] == 0 else data[opening - 1]
    if not (
        _contains_only(before, delimiter + quote + b"\n")
        and _contains_only(data[closing + 1], delimiter + quote + b"\r\n")
    ):
        raise RecordBoundaryError
    if b"\r" in block:
        returns = np.flatnonzero(data == ord("\r"))
        bare = returns[data[returns + 1] != ord("\n")]
        if (np.searchsorted(quotes, bare) % 2 == 0).any():
            raise RecordBoundaryError
    newlines = np.flatnonzero(data == ord("\n"))
    ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0] + 1
    if len(ends) == len(newlines):
        return io.BytesIO(block).readlines(), b""
    places = [0, *ends.tolist()]
    return [block[start:end] for start, end in itertools.pairwise(places)], block[places[-1] :]


def _contains_only(data: NDArray[np.uint8], allowed: bytes) -> bool:
    fits = functools.reduce(operator.or_, (data == byte for byte in allowed))
    return bool(fits.all())


def _is_plain(dialect: CsvDialect) -> bool:
    """Whether quotes are doubled within quotes, and nothing else gives them another meaning."""
    return (
        dialect.quote == dialect.escape
        and len(dialect.quote.encode()) == len(dialect.delimiter.encode()) == 1
        and not {"comment", "strict_mode"} & dialect.other.keys()
    )


def _is_line_by_line(source: Source) -> bool:
    """Whether the beginning of the data looks as if each record were a line. Only a guess, to save time."""
    import csv

    assert source.dialect is not None
    try:
        with source.open(source.files[0]) as raw:
            lines = raw.read(_BLOCK_BYTES).decode("latin-1").split("\n")[:-1]
        reader = csv.reader(lines, delimiter=source.dialect.delimiter, quotechar=source.dialect.quote)
        return all(reader.line_num == number for number, _ in enumerate(reader, 1))
    except (OSError, EOFError, csv.Error):
        return True


# What is written of them. ---------------------------------------------------------------------------------------------


def _iterate_copies(selection: RowSelection) -> Iterator[int]:
    """How many times each row is written, row by row."""
    rows = len(selection.codes)
    blocks = (selection.count_copies(start, min(start + BLOCK, rows)).tolist() for start in range(0, rows, BLOCK))
    return itertools.chain.from_iterable(blocks)


def _iterate_selected(selection: RowSelection) -> _Chooser:
    copies = _iterate_copies(selection)

    def choose(_: int, records: list[bytes]) -> Iterable[bytes]:
        if selection.repeats:
            return map(operator.mul, records, itertools.islice(copies, len(records)))
        return itertools.compress(records, itertools.islice(copies, len(records)))

    return choose


def _add_weights(selection: RowSelection, weight_column: str) -> _Chooser:
    """JSON objects with a field more."""
    assert selection.weights is not None
    name = json.dumps(weight_column).encode()
    copies = _iterate_copies(selection)

    def field(weight: float) -> bytes:
        return b"%s: %s}\n" % (name, repr(weight).encode())

    by_code = [field(weight) for weight in selection.weights]

    def fields(start: int, stop: int) -> Iterator[bytes]:
        if selection.prior is None:
            return map(by_code.__getitem__, selection.codes[start:stop].tolist())
        return map(field, selection.get_weights(start, stop).tolist())

    def choose(row: int, records: list[bytes]) -> Iterable[bytes]:
        for record, added, wanted in zip(records, fields(row, row + len(records)), copies, strict=False):
            if wanted:
                open_object = record.rstrip()[:-1].rstrip()
                yield open_object + (b"" if open_object.endswith(b"{") else b", ") + added

    return choose
