"""Copy the selected rows of a text file byte by byte, which is faster than parsing and formatting them.

The positions of rows come from DuckDB, which does not expose the byte offsets of records. The bytes are therefore split
into records here, by one of two methods that each verify that they split where DuckDB does:

- *At every newline.* A record in DuckDB spans at least one line, and blank, skipped and commented lines belong to no
  record. If the number of lines equals the number of records and headers, every record is exactly one line.
- *At every newline outside quotes.* If every opening quote is at the beginning of a cell, and every closing quote is at
  its end or doubled, DuckDB interprets the quotes in the same way; if the number of records is also equal, DuckDB
  skipped none.

If neither can be verified, :class:`RecordBoundaryError` is raised, and the caller lets DuckDB write the rows.
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

#: Splits bytes that begin with a record and end in a newline into records; returns them and the incomplete rest.
Splitter = Callable[[bytes], tuple[list[bytes], bytes]]

#: Returns the bytes to write for some records, given the row number of the first one.
_RecordSelector = Callable[[int, list[bytes]], Iterable[bytes]]

#: The description of the step for progress callbacks.
WRITING = "writing the rows"

#: The number of bytes split at once: about the size of the processor's cache.
_BLOCK_BYTES = 1 << 18

#: Encodings in which the byte of a newline, quote or delimiter is never part of another character.
_ASCII_COMPATIBLE = frozenset({"utf-8", "latin-1"})

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RecordBoundaryError(Exception):
    """The ends of records cannot be verified.

    The error is handled within the package: DuckDB then writes the rows.
    """


def record_splitters(source: Source, selection: RowSelection) -> list[Splitter]:
    """List the methods to split the data into records, the most promising first.

    :param source: the data
    :param selection: the copies and the weight of each row
    :return: the methods; empty if none is applicable
    """
    if source.format == "jsonlines":
        return [_split_json_lines]
    dialect = source.dialect
    if dialect is None or selection.weights is not None:
        # Appending a weight as a cell is correct only if the record has all its cells, which only DuckDB checks.
        return []
    if dialect.encoding not in _ASCII_COMPATIBLE or dialect.skip:
        return []
    splitters: list[Splitter] = [_split_at_newlines]
    if _has_standard_quoting(dialect):
        quote, delimiter = dialect.quote.encode(), dialect.delimiter.encode()
        splitters.append(functools.partial(_split_outside_quotes, quote=quote, delimiter=delimiter))
        if not _is_line_by_line(source):
            splitters.reverse()
    return splitters


def write_records(
    source: Source,
    selection: RowSelection,
    out: BinaryIO,
    split: Splitter,
    weight_column: str,
    progress: Progress | None = None,
) -> int:
    """Write the records of the selected rows.

    :param source: the data, CSV or JSON Lines
    :param selection: the copies and the weight of each row
    :param out: the file to write to
    :param split: the method to split the data into records
    :param weight_column: the field of the weights in JSON Lines, if there are any
    :param progress: progress callback
    :return: the number of rows written
    :raises RecordBoundaryError: the ends of records cannot be verified; discard what has been written
    :raises DataError: a file cannot be read, or has changed
    """
    expected = len(selection.codes)
    selector = _add_weights(selection, weight_column) if selection.weights is not None else _build_selector(selection)
    row = 0
    for records in _iterate_records(source, out, split):
        if row + len(records) > expected and source.format == "csv":
            raise RecordBoundaryError
        out.write(b"".join(selector(row, records)))
        row += len(records)
        if progress is not None:
            progress(WRITING, row / expected)
    if row != expected:
        raise DataError(f"{source.location}: it changed while it was read; run again when nobody writes to it")
    return selection.rows_out


def _iterate_records(source: Source, out: BinaryIO, split: Splitter) -> Iterator[list[bytes]]:
    """Iterate over the records of all files without the headers, and write the first header."""
    header = source.dialect is not None and source.dialect.header
    for number, file in enumerate(source.files):
        blocks = _split_blocks(source, file, split)
        if header:
            first = next(blocks, None)
            if first is None:
                # A missing header would compensate for a record of two lines when lines are counted.
                raise RecordBoundaryError
            if number == 0:
                out.write(first[0])
            yield first[1:]
        yield from blocks


def _split_blocks(source: Source, file: str, split: Splitter) -> Iterator[list[bytes]]:
    """Iterate over the records of a file, block by block; each record ends in a newline."""
    rest = b""
    for block in _iterate_blocks(source, file):
        records, rest = split(rest + block)
        if records:
            yield records
    if rest:
        raise RecordBoundaryError


def _iterate_blocks(source: Source, file: str) -> Iterator[bytes]:
    """Iterate over the bytes of a file in blocks of complete lines, without byte order mark."""
    partial: list[bytes] = []
    newline = b"\n"
    try:
        with source.open(file) as raw:
            block = raw.read(_BLOCK_BYTES).removeprefix(_BYTE_ORDER_MARK)
            while block:
                end = block.rfind(b"\n") + 1
                if end:
                    newline = b"\r\n" if block[:end].endswith(b"\r\n") else b"\n"
                    yield b"".join([*partial, block[:end]])
                    partial = []
                partial.append(block[end:])
                block = raw.read(_BLOCK_BYTES)
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({first_error_line(error)})") from None
    last = b"".join(partial)
    if last:
        yield last + newline


# Where records end. ---------------------------------------------------------------------------------------------------


def _split_at_newlines(block: bytes) -> tuple[list[bytes], bytes]:
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        # Some readers interpret a bare carriage return as the end of a record.
        raise RecordBoundaryError
    # Not splitlines(), which is slower and also splits at carriage returns.
    return io.BytesIO(block).readlines(), b""


def _split_json_lines(block: bytes) -> tuple[list[bytes], bytes]:
    return [line for line in io.BytesIO(block).readlines() if not line.isspace()], b""


def _split_outside_quotes(block: bytes, quote: bytes, delimiter: bytes) -> tuple[list[bytes], bytes]:
    import numpy as np

    data = np.frombuffer(block, dtype=np.uint8)
    quotes = np.flatnonzero(data == ord(quote))
    # The block begins outside quotes, so the first quote opens a cell, the second closes it, and so on. A doubled quote
    # closes and reopens the cell, with the same result. The block ends in a newline, so a byte follows each quote.
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
    boundaries = [0, *ends.tolist()]
    return [block[start:end] for start, end in itertools.pairwise(boundaries)], block[boundaries[-1] :]


def _contains_only(data: NDArray[np.uint8], allowed: bytes) -> bool:
    is_allowed = functools.reduce(operator.or_, (data == byte for byte in allowed))
    return bool(is_allowed.all())


def _has_standard_quoting(dialect: CsvDialect) -> bool:
    """Check that quotes are escaped by doubling, and that no option changes their meaning."""
    return (
        dialect.quote == dialect.escape
        and len(dialect.quote.encode()) == len(dialect.delimiter.encode()) == 1
        and not {"comment", "strict_mode"} & dialect.other.keys()
    )


def _is_line_by_line(source: Source) -> bool:
    """Estimate from the first block whether each record is one line.

    It only decides which method is tried first.
    """
    import csv

    assert source.dialect is not None
    try:
        with source.open(source.files[0]) as raw:
            lines = raw.read(_BLOCK_BYTES).decode("latin-1").split("\n")[:-1]
        reader = csv.reader(lines, delimiter=source.dialect.delimiter, quotechar=source.dialect.quote)
        return all(reader.line_num == number for number, _ in enumerate(reader, 1))
    except (OSError, EOFError, csv.Error):
        return True


# What is written of each record. --------------------------------------------------------------------------------------


def _iterate_copies(selection: RowSelection) -> Iterator[int]:
    """Iterate over the number of copies of each row."""
    rows = len(selection.codes)
    blocks = (selection.count_copies(start, min(start + BLOCK, rows)).tolist() for start in range(0, rows, BLOCK))
    return itertools.chain.from_iterable(blocks)


def _build_selector(selection: RowSelection) -> _RecordSelector:
    copies = _iterate_copies(selection)

    def select(_: int, records: list[bytes]) -> Iterable[bytes]:
        if selection.repeats:
            return map(operator.mul, records, itertools.islice(copies, len(records)))
        return itertools.compress(records, itertools.islice(copies, len(records)))

    return select


def _add_weights(selection: RowSelection, weight_column: str) -> _RecordSelector:
    """Build a selector that appends the weight as a field to each JSON object."""
    assert selection.weights is not None
    name = json.dumps(weight_column).encode()
    copies = _iterate_copies(selection)

    def format_field(weight: float) -> bytes:
        return b"%s: %s}\n" % (name, repr(weight).encode())

    by_code = [format_field(weight) for weight in selection.weights]

    def format_fields(start: int, stop: int) -> Iterator[bytes]:
        if selection.prior is None:
            return map(by_code.__getitem__, selection.codes[start:stop].tolist())
        return map(format_field, selection.get_weights(start, stop).tolist())

    def select(row: int, records: list[bytes]) -> Iterable[bytes]:
        for record, field, n_copies in zip(records, format_fields(row, row + len(records)), copies, strict=False):
            if n_copies:
                open_object = record.rstrip()[:-1].rstrip()
                yield open_object + (b"" if open_object.endswith(b"{") else b", ") + field

    return select
