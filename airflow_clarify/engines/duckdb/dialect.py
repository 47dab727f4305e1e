"""How a CSV file is written, settled before any scan: nothing is left for DuckDB to guess, and so to guess wrong.

Commas and double quotes unless told otherwise, every cell the text it is. Python reads the first record of every file,
header or not; DuckDB reads the rest, and the two count lines alike.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_clarify.bias.config import DataConfig
from airflow_clarify.engines.duckdb.relations import table_function
from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError

if TYPE_CHECKING:
    from sqlglot import exp

#: Opens a file by its name and gives its bytes, decompressed.
Open = Callable[[str], BinaryIO]

#: What an author may tell of a CSV file; everything else is settled by us.
_OPTIONS = frozenset(
    {"comment", "compression", "delim", "encoding", "escape", "max_line_size", "quote", "skip", "strict_mode"}
)
_PASSED_ON = ("comment", "max_line_size", "strict_mode")

#: The encodings that DuckDB reads without an extension, by Python's names for them.
_ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "ascii": "utf-8", "iso8859-1": "latin-1", "utf-16": "utf-16"}

_GZIP = b"\x1f\x8b"

#: What binary files and other encodings leave in a text: NUL, and bytes that could not be decoded.
_UNREADABLE = re.compile("[\x00\udc80-\udcff]")


@dataclass(frozen=True)
class CsvDialect:
    """How the cells of a CSV file are told apart.

    :param delimiter: between cells
    :param quote: around a cell; empty where there are none
    :param escape: before a quote within a quoted cell
    :param header: whether the first record holds the column names
    :param encoding: of the text: "utf-8", "latin-1" or "utf-16"
    :param compression: "gzip" or "none"; None tells it from each file's name
    :param skip: lines before the first record
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
    def of(cls, file: str, options: Mapping[str, Any]) -> CsvDialect:
        """What an author tells of a file, and the defaults.

        :raises ConfigError: there is no such option, or it cannot be that
        """
        for name in options:
            if name not in _OPTIONS:
                raise ConfigError(f"csv_options: no option {name!r}; there are {', '.join(sorted(_OPTIONS))}")
        tab_separated = file.lower().removesuffix(".gz").endswith(".tsv")
        quote = str(options.get("quote", '"'))
        return cls(
            delimiter=str(options.get("delim", "\t" if tab_separated else ",")),
            quote=quote,
            escape=str(options.get("escape", quote)),
            encoding=_encoding(options.get("encoding", "utf-8")),
            compression=_compression(options.get("compression")),
            skip=_skip(options.get("skip", 0)),
            other={name: options[name] for name in _PASSED_ON if name in options},
        )


def csv_relation(files: exp.Expr, dialect: CsvDialect, columns: Sequence[str], *, keep_empty: bool = False) -> exp.Expr:
    """``read_csv`` with nothing left to guess.

    :param files: an array of names
    :param dialect: how they are written
    :param columns: all of their columns, in order
    :param keep_empty: read an empty cell as an empty text; otherwise it is NULL
    """
    options: dict[str, Any] = {
        "auto_detect": False,
        "delim": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": dialect.header,
        "encoding": dialect.encoding,
        "columns": dict.fromkeys(columns, "VARCHAR"),
        # A folder named "country=US" says nothing about the cells of the files inside.
        "hive_partitioning": False,
    }
    if dialect.compression is not None:
        options["compression"] = dialect.compression
    if dialect.skip:
        options["skip"] = dialect.skip
    if keep_empty:
        options["force_not_null"] = list(columns)
    return table_function("read_csv", files, **options, **dialect.other)


def settle_csv(files: Sequence[str], open_file: Open, data: DataConfig) -> tuple[CsvDialect, list[str]]:
    """The dialect of some files and the names of their columns.

    :param files: in reading order
    :param open_file: opens one
    :param data: what the author says of them
    :raises ConfigError: headers or options do not fit
    :raises DataError: a file cannot be read, or the files differ
    """
    dialect = CsvDialect.of(files[0], data.csv_options)
    records = {file: _first_record(file, open_file, dialect) for file in files}
    first = records[files[0]]
    header = _has_header(files[0], first, data, dialect)
    if data.headers is not None:
        names = list(data.headers)
    elif header:
        # As pandas names them.
        names = [name or f"Unnamed: {position}" for position, name in enumerate(first.cells)]
    else:
        names = [str(position) for position in range(len(first.cells))]
    _check_alike(records, names, data, header=header)
    return replace(dialect, header=header, skip=dialect.skip + first.blank_lines), names


@dataclass(frozen=True)
class _Record:
    """The first record of a file, and how many blank lines stand before it."""

    cells: list[str]
    blank_lines: int


def _has_header(file: str, first: _Record, data: DataConfig, dialect: CsvDialect) -> bool:
    if data.headers is None:
        return data.header_row is not False
    if len(data.headers) != len(first.cells):
        raise ConfigError(
            f"headers: {len(data.headers)} names are given, and {file} has {len(first.cells)} columns"
            + _other_delimiter(first.cells, dialect.delimiter)
        )
    return first.cells == list(data.headers) if data.header_row is None else data.header_row


def _check_alike(records: Mapping[str, _Record], names: list[str], data: DataConfig, *, header: bool) -> None:
    """DuckDB takes columns by position and treats all files alike: a different one would be read wrongly in silence."""
    one, *others = records
    first = records[one]
    for file in others:
        record = records[file]
        if header and record.cells != first.cells:
            raise DataError(
                f"{file}: its header differs from that of {one}; make them the same, or say header_row=False if there "
                "are none"
            )
        if not header and data.header_row is None and record.cells == names:
            raise DataError(f"{file} begins with a header row, and {one} does not; make them the same")
        if record.blank_lines != first.blank_lines:
            raise DataError(
                f"{file} begins with {record.blank_lines} blank lines, and {one} with {first.blank_lines}; "
                "make them the same"
            )


def _first_record(file: str, open_file: Open, dialect: CsvDialect) -> _Record:
    blank_lines = 0
    try:
        with open_file(file) as raw:
            # A byte order mark is no part of the first name.
            encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
            # Bytes of another encoding further down are DuckDB's to find, for it knows in which line they are.
            text = io.TextIOWrapper(cast(Any, raw), encoding=encoding, errors="surrogateescape", newline="")
            lines = _without_comments(text, dialect)
            for _ in range(dialect.skip):
                next(lines, None)
            for cells in _reader(lines, dialect):
                if cells:
                    break
                blank_lines += 1
            else:
                raise UnfitDataError(f"{file}: the file holds no rows")
    except UnicodeDecodeError:
        raise DataError(_not_text(file, open_file, dialect)) from None
    except gzip.BadGzipFile:
        raise DataError(
            f"{file}: not compressed with gzip, as its name or csv_options say; mend one or the other"
        ) from None
    except (OSError, EOFError, TypeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV ({error}); tell its dialect in csv_options") from None
    if any(not cell.isprintable() and _UNREADABLE.search(cell) for cell in cells):
        raise DataError(_not_text(file, open_file, dialect))
    return _Record(cells, blank_lines)


def _without_comments(lines: Iterator[str], dialect: CsvDialect) -> Iterator[str]:
    """The lines that count: DuckDB skips commented ones before it counts those to skip."""
    mark = str(dialect.other.get("comment", ""))
    for line in lines:
        if mark and line.startswith(mark):
            continue
        before = line.partition(mark)[0] if mark else line
        # A mark within quotes is text.
        within_quotes = dialect.quote and before.count(dialect.quote) % 2
        yield line if within_quotes else before


def _reader(lines: Iterator[str], dialect: CsvDialect) -> Iterator[list[str]]:
    doubled = dialect.escape == dialect.quote
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        doublequote=doubled,
        escapechar=None if doubled else dialect.escape or None,
    )


def _not_text(file: str, open_file: Open, dialect: CsvDialect) -> str:
    with open_file(file) as raw:
        beginning = raw.read(4096)
    if beginning.startswith(_GZIP):
        return (
            f"{file}: compressed with gzip, and its name does not say so; end it in .gz, or set "
            'csv_options={"compression": "gzip"}'
        )
    if b"\x00" in beginning and dialect.encoding != "utf-16":
        return f"{file}: this is a binary file, not CSV; check the path or dataset_type"
    encoding = dialect.encoding.upper()
    return f'{file}: line 1 is not {encoding}; say which encoding it has, as in csv_options={{"encoding": "latin-1"}}'


def _encoding(given: object) -> str:
    try:
        return _ENCODINGS[codecs.lookup(str(given)).name]
    except LookupError:
        raise ConfigError(
            f"csv_options: encoding {given!r} is not one of utf-8, latin-1 and utf-16, which DuckDB reads"
        ) from None


def _compression(given: object) -> str | None:
    if given in (None, "auto"):
        return None
    if given not in ("gzip", "none"):
        raise ConfigError(f"csv_options: compression {given!r} is not one of gzip, none and auto")
    return str(given)


def _skip(given: object) -> int:
    # A templated option is a text.
    if not str(given).isdecimal():
        raise ConfigError(f"csv_options: skip is a number of lines, such as 1, not {given!r}")
    return int(str(given))


def _other_delimiter(first: Sequence[str], delimiter: str) -> str:
    """A hint, where one cell looks as if it held many."""
    if len(first) == 1:
        for other in (";", "\t", "|", ","):
            if other != delimiter and other in first[0]:
                return f"; it seems to be separated by {other!r}: set csv_options={{'delim': {other!r}}}"
    return ""
