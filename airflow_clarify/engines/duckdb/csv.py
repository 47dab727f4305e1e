"""Resolve the dialect of CSV files before any scan, so that DuckDB infers nothing and cannot infer it wrongly.

The defaults are commas and double quotes, and every cell is read as text. Python reads the first record of every file,
whether or not it is a header; DuckDB reads the rest, and both count lines in the same way.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, cast

from sqlglot import exp

from airflow_clarify.bias.argument_types import parse_boolean
from airflow_clarify.bias.config import DataConfig, suggest_delimiter
from airflow_clarify.bias.header_row import SAMPLE_ROWS, has_header_row
from airflow_clarify.engines.duckdb.table_functions import build_table_function
from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError

#: Opens a file by its name and returns its decompressed bytes.
Open = Callable[[str], BinaryIO]

#: The options that a user may set for CSV files; all others are determined here.
_OPTIONS = frozenset(
    {"comment", "compression", "delim", "encoding", "escape", "max_line_size", "quote", "skip", "strict_mode"}
)

#: The default of ``max_line_size``, in bytes. It is DuckDB's own default.
MAX_LINE_SIZE = 2_000_000
#: The largest ``max_line_size``, in bytes: DuckDB allocates 16 times as much memory.
_LARGEST_MAX_LINE_SIZE = 1_000_000_000
#: The largest value of ``skip``, in lines.
_LARGEST_SKIP = 10**9

#: The encodings that DuckDB reads without an extension, by their names in Python.
_ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "ascii": "utf-8", "iso8859-1": "latin-1", "utf-16": "utf-16"}

_GZIP = b"\x1f\x8b"
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

#: The signs of a binary file or a wrong encoding in a decoded text: NUL, and bytes that could not be decoded.
_UNREADABLE = re.compile("[\x00\udc80-\udcff]")


@dataclass(frozen=True)
class CsvDialect:
    """The dialect of a CSV file.

    :param delimiter: the character between cells
    :param quote: the character around a quoted cell; empty if cells are not quoted
    :param escape: the character before a quote within a quoted cell
    :param header: whether the first record holds the column names
    :param encoding: the encoding of the text: "utf-8", "latin-1" or "utf-16"
    :param compression: "gzip" or "none"; None infers it from the name of each file
    :param skip: the number of lines before the first record
    :param other: further options of DuckDB's reader
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    header: bool = True
    encoding: str = "utf-8"
    compression: str | None = None
    skip: int = 0
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_options(cls, file: str, options: Mapping[str, Any]) -> CsvDialect:
        """Parse the options of a user and complete them with the defaults.

        :param file: the name of the first file, whose ending determines the default delimiter
        :param options: the options
        :raises ConfigError: an option is unknown or has an invalid value
        """
        for name in options:
            if name not in _OPTIONS:
                raise ConfigError(f"csv_options: no option {name!r}; there are {', '.join(sorted(_OPTIONS))}")
        tab_separated = file.lower().removesuffix(".gz").endswith(".tsv")
        delimiter = _check_character("delim", options.get("delim", "\t" if tab_separated else ","), needed=True)
        quote = _check_character("quote", options.get("quote", '"'))
        escape = _check_character("escape", options.get("escape", quote))
        _check_different(delim=delimiter, quote=quote, comment=options.get("comment", ""))
        _check_different(delim=delimiter, escape=escape, comment=options.get("comment", ""))
        parsers: Mapping[str, Callable[[Any], Any]] = {
            "comment": lambda given: _check_character("comment", given),
            "max_line_size": lambda given: _parse_number("max_line_size", given, "bytes", 1, _LARGEST_MAX_LINE_SIZE),
            "strict_mode": lambda given: parse_boolean(given, "csv_options: strict_mode"),
        }
        return cls(
            delimiter=delimiter,
            quote=quote,
            escape=escape,
            encoding=_parse_encoding(options.get("encoding", "utf-8")),
            compression=_parse_compression(options.get("compression")),
            skip=_parse_number("skip", options.get("skip", 0), "lines", 0, _LARGEST_SKIP),
            other={name: parse(options[name]) for name, parse in parsers.items() if name in options},
        )

    @property
    def max_line_size(self) -> int:
        """Return the length of the longest line that is read, in bytes."""
        return int(self.other.get("max_line_size", MAX_LINE_SIZE))

    def reduce_buffer(self) -> CsvDialect:
        """Return the dialect for reading a few rows: DuckDB fills a buffer for 16 lines of the maximum size first."""
        return replace(self, other={**self.other, "buffer_size": 2 * self.max_line_size})


def build_csv_relation(
    files: exp.Expr, dialect: CsvDialect, columns: Sequence[str], *, keep_empty: bool = False
) -> exp.Expr:
    """Build a call of ``read_csv`` without any automatic detection.

    :param files: an array of file names
    :param dialect: the dialect of the files
    :param columns: the names of all columns, in order
    :param keep_empty: whether to read an empty cell as an empty text; otherwise it is NULL
    """
    options: dict[str, Any] = {
        "auto_detect": False,
        "delim": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": dialect.header,
        "encoding": dialect.encoding,
        "columns": dict.fromkeys(columns, "VARCHAR"),
        # A folder named "country=US" does not add a column to CSV files.
        "hive_partitioning": False,
    }
    if dialect.compression is not None:
        options["compression"] = dialect.compression
    if dialect.skip:
        options["skip"] = dialect.skip
    if keep_empty:
        options["force_not_null"] = list(columns)
    return build_table_function("read_csv", files, **options, **dialect.other)


def resolve_csv(files: Sequence[str], open_file: Open, data: DataConfig) -> tuple[CsvDialect, list[str]]:
    """Resolve the dialect of some files and the names of their columns.

    :param files: the names of the files, in reading order
    :param open_file: opens a file by its name
    :param data: the headers and options that the user gives
    :return: the dialect and the column names
    :raises ConfigError: headers or options do not fit the files
    :raises DataError: a file cannot be read, or the files differ
    """
    dialect = CsvDialect.from_options(files[0], data.csv_options)
    header_row = data.header_row
    more = SAMPLE_ROWS if data.headers is not None and header_row is None else 0
    records = {file: _read_first_record(file, open_file, dialect, more) for file in files}
    first = records[files[0]]
    header = _has_header(files[0], first, data.headers, header_row, dialect)
    if data.headers is not None:
        names = list(data.headers)
    elif header:
        # The name that pandas gives to an unnamed column.
        names = [name or f"Unnamed: {position}" for position, name in enumerate(first.cells)]
    else:
        names = [str(position) for position in range(len(first.cells))]
    _check_alike(records, names, header_row, header=header, named=data.headers is not None)
    return replace(dialect, header=header, skip=dialect.skip + first.blank_lines), names


@dataclass(frozen=True)
class _Record:
    """The first record of a file, the number of preceding blank lines, and some following records."""

    cells: list[str]
    blank_lines: int
    following: list[list[str]]


class _LongLineError(Exception):
    """A line is longer than ``max_line_size``."""


def _has_header(
    file: str, first: _Record, headers: Sequence[str] | None, header_row: bool | None, dialect: CsvDialect
) -> bool:
    if headers is None:
        return header_row is not False
    if len(headers) != len(first.cells):
        raise ConfigError(
            f"headers: {len(headers)} names are given, and {file} has {len(first.cells)} columns"
            + suggest_delimiter(first.cells, dialect.delimiter)
        )
    return has_header_row(file, first.cells, first.following, headers, header_row)


def _check_alike(
    records: Mapping[str, _Record], names: list[str], header_row: bool | None, *, header: bool, named: bool
) -> None:
    """Check that all files have the same header and layout.

    DuckDB reads columns by position and applies one dialect to all files, so a file that differs would be misread
    without an error.
    """
    one, *others = records
    first = records[one]
    for file in others:
        record = records[file]
        if header and record.cells != first.cells:
            raise DataError(
                f"{file}: its header differs from that of {one}; make them the same, or set header_row=False if there "
                "are none"
            )
        # A file with another number of columns is reported when it is read, with the line.
        if not header and named and len(record.cells) == len(names):
            begins_with_header = has_header_row(file, record.cells, record.following, names, header_row)
            if begins_with_header:
                raise DataError(f"{file} begins with a header row, and {one} does not; make them the same")
        if record.blank_lines != first.blank_lines:
            raise DataError(
                f"{file} begins with {record.blank_lines} blank lines, and {one} with {first.blank_lines}; "
                "make them the same"
            )


def _read_first_record(file: str, open_file: Open, dialect: CsvDialect, more: int) -> _Record:
    blank_lines = 0
    try:
        with open_file(file) as raw, _allow_long_cells(dialect.max_line_size):
            # Bytes of another encoding in later lines are left to DuckDB, whose error includes the line.
            text = io.TextIOWrapper(
                cast(Any, raw),
                encoding=_get_python_encoding(file, open_file, dialect),
                errors="surrogateescape",
                newline="",
            )
            lines = _skip_comments(_iterate_lines(text, dialect.max_line_size), dialect)
            if any(next(lines, None) is None for _ in range(dialect.skip)):
                raise DataError(f"{file}: csv_options: skip={dialect.skip} passes over all of its lines; give fewer")
            reader = _build_reader(lines, dialect)
            for cells in reader:
                if cells:
                    break
                blank_lines += 1
            else:
                raise UnfitDataError(f"{file}: the file holds no rows")
            following = _read_more(reader, more)
    except UnicodeError:
        raise DataError(_explain_not_text(file, open_file, dialect)) from None
    except _LongLineError:
        raise DataError(
            f"{file}: its first line is longer than max_line_size ({dialect.max_line_size:,} bytes); is it CSV at all? "
            'Then raise it, as in csv_options={"max_line_size": 20000000}'
        ) from None
    except gzip.BadGzipFile:
        raise DataError(
            f"{file}: not compressed with gzip, contrary to its name or csv_options; correct one or the other"
        ) from None
    except (OSError, EOFError, TypeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV ({error}); set its dialect in csv_options") from None
    if any(not cell.isprintable() and _UNREADABLE.search(cell) for cell in cells):
        raise DataError(_explain_not_text(file, open_file, dialect))
    return _Record(cells, blank_lines, following)


@contextmanager
def _allow_long_cells(size: int) -> Iterator[None]:
    """Raise the field size limit of Python's CSV reader, 131,072 characters, to the longest line."""
    before = csv.field_size_limit(max(size, csv.field_size_limit()))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _iterate_lines(text: io.TextIOWrapper, size: int) -> Iterator[str]:
    """Iterate over the lines of a text, each read up to the maximum size."""
    while line := text.readline(size + 1):
        if len(line) > size:
            raise _LongLineError
        yield line


def _read_more(reader: Iterator[list[str]], rows: int) -> list[list[str]]:
    """Read up to ``rows`` records; errors in them are reported when all records are read."""
    records: list[list[str]] = []
    with contextlib.suppress(csv.Error, UnicodeError, OSError, EOFError, _LongLineError):
        records.extend(cells for cells in itertools.islice(reader, rows) if cells)
    return records


def _get_python_encoding(file: str, open_file: Open, dialect: CsvDialect) -> str:
    """Return Python's name of the encoding, with which a byte order mark is removed."""
    if dialect.encoding != "utf-16":
        return "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    with open_file(file) as raw:
        beginning = raw.read(2)
    if beginning == codecs.BOM_UTF16_BE or (beginning not in _UTF_16_MARKS and beginning.startswith(b"\x00")):
        raise DataError(f"{file}: UTF-16 in big-endian order, which DuckDB does not read; write it again as UTF-8")
    return "utf-16" if beginning in _UTF_16_MARKS else "utf-16-le"


def _skip_comments(lines: Iterator[str], dialect: CsvDialect) -> Iterator[str]:
    """Remove comments from the lines; like DuckDB, before the lines to skip are counted."""
    mark = str(dialect.other.get("comment", ""))
    for line in lines:
        if mark and line.startswith(mark):
            continue
        before = line.partition(mark)[0] if mark else line
        # A comment character within quotes is text.
        within_quotes = dialect.quote and before.count(dialect.quote) % 2
        yield line if within_quotes else before


def _build_reader(lines: Iterator[str], dialect: CsvDialect) -> Iterator[list[str]]:
    doubled = dialect.escape == dialect.quote
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        doublequote=doubled,
        escapechar=None if doubled else dialect.escape or None,
    )


def _explain_not_text(file: str, open_file: Open, dialect: CsvDialect) -> str:
    with open_file(file) as raw:
        beginning = raw.read(4096)
    if beginning.startswith(_GZIP):
        return (
            f"{file}: compressed with gzip, but its name does not end in .gz; rename it, or set "
            'csv_options={"compression": "gzip"}'
        )
    if dialect.encoding != "utf-16" and _is_utf_16(beginning):
        return f'{file}: this looks like UTF-16; set csv_options={{"encoding": "utf-16"}}, or write it as UTF-8'
    if b"\x00" in beginning and dialect.encoding != "utf-16":
        return f"{file}: this is a binary file, not CSV; check the path or dataset_type"
    encoding = dialect.encoding.upper()
    return f'{file}: line 1 is not {encoding}; set its encoding, as in csv_options={{"encoding": "latin-1"}}'


def _parse_encoding(given: object) -> str:
    try:
        return _ENCODINGS[codecs.lookup(str(given)).name]
    except LookupError:
        raise ConfigError(
            f"csv_options: encoding {given!r} is not one of utf-8, latin-1 and utf-16, which DuckDB reads"
        ) from None


def _parse_compression(given: object) -> str | None:
    if given in (None, "auto"):
        return None
    if given not in ("gzip", "none"):
        raise ConfigError(f"csv_options: compression {given!r} is not one of gzip, none and auto")
    return str(given)


def _is_utf_16(beginning: bytes) -> bool:
    """Detect UTF-16 by a byte order mark, or by Latin letters of two bytes each."""
    if beginning.startswith(_UTF_16_MARKS):
        return True
    sample = beginning[: len(beginning) // 2 * 2][:200]
    for letters, zeros in ((sample[::2], sample[1::2]), (sample[1::2], sample[::2])):
        if len(zeros) > 3 and not any(zeros) and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in letters):
            return True
    return False


def _check_character(name: str, given: object, *, needed: bool = False) -> str:
    """Parse an option of one character that is not alphanumeric and not a line break.

    Other characters would split cells or rows at the wrong places.

    :raises ConfigError: the value is anything else
    """
    if given == "" and not needed:
        return ""
    is_valid = isinstance(given, str) and len(given) == 1 and not given.isalnum() and given not in "\r\n\x00"
    # DuckDB accepts a delimiter of up to four bytes; all other options are a single byte.
    if not is_valid or (name != "delim" and not str(given).isascii()) or (name == "comment" and str(given).isspace()):
        example = {"delim": ";", "quote": "'", "escape": "\\", "comment": "#"}[name]
        raise ConfigError(
            f"csv_options: {name} is a single character, but not a letter, such as {example!r}, not {given!r}"
        )
    return str(given)


def _check_different(**characters: object) -> None:
    given = [(name, character) for name, character in characters.items() if character]
    for position, (name, character) in enumerate(given):
        for other, same in given[:position]:
            if character == same:
                raise ConfigError(f"csv_options: {other} and {name} are both {character!r}; give them two characters")


def _parse_number(name: str, given: object, unit: str, low: int, high: int) -> int:
    # A templated option is a text.
    text = str(given)
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and low <= int(text) <= high):
        shown = text if len(text) <= 40 else f"{text[:37]}..."
        example = max(low, 1) if name == "skip" else 20_000_000
        raise ConfigError(f"csv_options: {name} is a number of {unit} up to {high:,}, such as {example}, not {shown}")
    return int(text)
