"""Translate DuckDB's errors to one sentence each: what is wrong, where, and what to do.

Line numbers of a CSV are DuckDB's: line breaks inside quoted cells are not counted.
"""

from __future__ import annotations

import re

from airflow_clarify.exceptions import ClarifyError, DataError
from airflow_clarify.io.filesystem import first_error_line, permission_error

_LINE = re.compile(r"Line: (\d+)")
_CELLS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
#: The file in the list of options that DuckDB's CSV reader appends to a message.
_FILE = re.compile(r"^\s*file = (.+)$", re.MULTILINE)
_QUOTED_FILE = re.compile(r"""file ["'](.+?)["']""", re.IGNORECASE)
_JSON_SYNTAX = re.compile(r'Malformed JSON in file "(.+?)", at byte \d+ in line (\d+): (.+)')
_JSON_RECORD = re.compile(r'JSON transform error in file "(.+?)", in line (\d+): (.+)')
_MISSING_COLUMN = re.compile(r'column "(.+?)" was read from the original file "(.+?)".*in file "(.+?)"', re.DOTALL)
_CAST = re.compile(r'file "(.+?)": failed to cast column "(.+?)" from type (\S+) to (\S+?):')


def explain_error(error: Exception, location: str, kind: str = "parquet") -> ClarifyError:
    """Translate an error of DuckDB to an error with a clear message.

    :param error: the error of DuckDB, or of a filesystem through which it read
    :param location: the location of the data, for errors that do not name a file
    :param kind: the format of the data
    :return: the translated error
    """
    if isinstance(error, ClarifyError):
        return error
    text = str(error)
    sentence = _explain_runtime(error, location)
    if kind == "parquet":
        sentence = sentence or _explain_parquet(text, location)
    sentence = sentence or _explain_csv(text, location) or _explain_json(text)
    if sentence is None and any(sign in text for sign in ("read enough bytes", "reading past the end")):
        sentence = f"{_find_file(text, location)}: it ends too soon; it is cut off, or changed while it was read"
    return DataError(sentence or f"{location}: {_strip_error_class(text)}")


def is_short_of_threads(error: BaseException) -> bool:
    """Check whether the system refused to start a thread, in Python or in DuckDB.

    :param error: the error
    """
    text = str(error).lower()
    return "can't start new thread" in text or ("resource temporarily unavailable" in text and "file" not in text)


def _explain_runtime(error: Exception, location: str) -> str | None:
    """Explain an error that is not caused by the contents of the data."""
    kind, text = type(error).__name__, str(error)
    if kind == "InterruptException":
        return f"{location}: stopped before all of it was read"
    if "max_temp_directory_size" in text:
        return (
            f"{location}: the data spilled from memory do not fit into temp_directory; free some space "
            "there, or give another or a larger memory_limit"
        )
    if is_short_of_threads(error):
        return (
            f"{location}: the system refuses to start more threads; set fewer with threads, or run fewer tasks at once"
        )
    if kind == "OutOfMemoryException":
        return (
            f"{location}: memory_limit is too small for this data and so many threads; raise it, or set fewer threads "
            f"({_strip_error_class(text)})"
        )
    if "Could not write" in text or "no space left" in text.lower():
        reason = _strip_error_class(text).rpartition(": ")[2]
        return (
            f"{location}: the data spilled from memory cannot be written to temp_directory ({reason}); free some "
            "space there, or give another"
        )
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return permission_error(_find_file(text, location))
    if isinstance(error, FileNotFoundError) or "No files found that match" in text:
        return f"{location}: a file vanished while it was read; run again when nobody writes to it"
    return None


def _explain_csv(text: str, location: str) -> str | None:
    # The message can quote a record that looks like an option, so the last match is the file.
    named = _FILE.findall(text)
    file = named[-1].strip() if named else location
    line = _LINE.search(text)
    at = f"{file}: line {line.group(1)}" if line else file
    if counts := _CELLS.search(text):
        expected, found = counts.groups()
        cells = "1 cell" if found == "1" else f"{found} cells"
        return f"{at} has {cells}, not {expected}; correct the file, or set its dialect in csv_options"
    if "unterminated quote" in text:
        return (
            f"{at} has a quote that is not closed, or text after a closing one; correct it, or set quote in csv_options"
        )
    if "not utf-8 encoded" in text or "Invalid unicode" in text or "is not valid UTF8" in text:
        return f'{at} is not UTF-8; set its encoding, as in csv_options={{"encoding": "latin-1"}}'
    if "does not support a full read" in text:
        at = f"{file}: a line"
    if "Maximum line size" in text or "does not support a full read" in text:
        return f'{at} is longer than max_line_size; raise it, as in csv_options={{"max_line_size": 20000000}}'
    if "state machine reached an invalid state" in text:
        return (
            f"{file}: its line endings differ (\\n and \\r\\n), or unquoted cells contain quotes; correct it, "
            'or set csv_options={"strict_mode": False}'
        )
    if "GZIP" in text:
        broken = "is cut off" if "end of GZIP" in text else "is not compressed with gzip, contrary to its name"
        return f"{_extract_last_word(text, location)} {broken}; write it again"
    return f"{at} cannot be read with these csv_options; is it CSV at all?" if "CSV Error" in text else None


def _explain_json(text: str) -> str | None:
    if syntax := _JSON_SYNTAX.search(text):
        file, line, reason = syntax.groups()
        # DuckDB reports the line after the malformed one.
        what = _strip_error_class(reason).rstrip(". ")
        return f"{file}: line {int(line) - 1} is not a JSON object ({what}); correct the file"
    if record := _JSON_RECORD.search(text):
        file, line, reason = record.groups()
        what = "has a field twice" if "duplicate key" in reason else "is not a JSON object"
        return f"{file}: line {line} {what}; JSON Lines has one object a line"
    if "maximum_object_size" in text:
        return f"{_find_file(text, 'the data')}: an object is larger than 64 MB; is it JSON Lines at all?"
    return None


def _explain_parquet(text: str, location: str) -> str | None:
    if missing := _MISSING_COLUMN.search(text):
        column, first, file = missing.groups()
        return f"{file}: there is no column {column!r}, which {first} has; give all files the same columns"
    if cast := _CAST.search(text):
        file, column, kind, first_kind = cast.groups()
        return f"{file}: column {column!r} is {kind}, and {first_kind} in other files; give it one type everywhere"
    signs = (
        "magic bytes",
        "Parquet",
        "parquet",
        "decompression",
        "read enough bytes",
        "don't know what type",
        "TProtocol",
    )
    if any(sign in text for sign in signs):
        return f"{_find_file(text, location)}: not a Parquet file, or a damaged one ({_strip_error_class(text)})"
    return None


def _find_file(text: str, otherwise: str) -> str:
    named = _QUOTED_FILE.search(text)
    return named.group(1) if named else otherwise


def _extract_last_word(text: str, otherwise: str) -> str:
    """Extract the file name from a message such as "Input is not a GZIP stream: data.csv.gz"."""
    return first_error_line(Exception(text)).rpartition("stream: ")[2] or otherwise


def _strip_error_class(text: str) -> str:
    """Return the first line without the error class, such as "Invalid Input Error: "."""
    return re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", first_error_line(Exception(text)))
