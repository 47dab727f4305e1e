"""DuckDB's errors, each as one sentence for a person."""

from __future__ import annotations

import re

from airflow_clarify.engines.duckdb.storage import first_line
from airflow_clarify.exceptions import ClarifyError, DataError

_LINE = re.compile(r"Line: (\d+)")
_COLUMNS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_FILE = re.compile(r"^\s*file = (.+)$", re.MULTILINE)
_JSON = re.compile(r'Malformed JSON in file "(.+?)", at byte \d+ in line (\d+)')


def explain(error: Exception, location: str) -> ClarifyError:
    """Say what DuckDB could not do with the data.

    :param error: DuckDB's error
    :param location: the data it was to read, for errors that do not name a file
    """
    if isinstance(error, ClarifyError):
        return error
    text = str(error)
    file = match.group(1).strip() if (match := _FILE.search(text)) else location
    at = f"{file}: line {match.group(1)}" if (match := _LINE.search(text)) else file
    if match := _COLUMNS.search(text):
        expected, found = match.groups()
        return DataError(
            f"{at} has {found} columns where {expected} are expected; mend the file, or tell its dialect in csv_options"
        )
    if "unterminated quote" in text:
        return DataError(f"{at} opens a quote that is never closed; mend the file, or tell its dialect in csv_options")
    if "not utf-8 encoded" in text or "Invalid unicode" in text or "is not valid UTF8" in text:
        return DataError(f'{at} is not UTF-8; say which encoding it has, as in csv_options={{"encoding": "latin-1"}}')
    if "state machine reached an invalid state" in text or "CSV Error" in text:
        return DataError(f"{at} is not a CSV file that can be read with these csv_options; is it CSV at all?")
    if "Maximum line size" in text:
        return DataError(
            f'{at} is longer than max_line_size; raise it in csv_options, as {{"max_line_size": 20000000}}'
        )
    if match := _JSON.search(text):
        return DataError(f"{match.group(1)}: line {match.group(2)} is not a JSON object")
    if "magic bytes" in text or "too small to be a Parquet file" in text or "Parquet" in text:
        return DataError(f"{file}: not a Parquet file, or a damaged one ({_without_prefix(text)})")
    if type(error).__name__ == "OutOfMemoryException":
        return DataError(
            f"{location}: memory_limit is too small for this data; raise it, or give a temp_directory to spill to "
            f"({_without_prefix(text)})"
        )
    if "Permission denied" in text:
        return DataError(f"{location}: no permission to read it")
    if "No space left" in text or "no space left" in text:
        return DataError(f"the disk of temp_directory is full while reading {location}; free some space")
    if type(error).__name__ == "InterruptException":
        return DataError(f"{location}: stopped before it was read")
    return DataError(f"{location}: {_without_prefix(text)}")


def _without_prefix(text: str) -> str:
    """The first line, without DuckDB's "Invalid Input Error: "."""
    return re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", first_line(Exception(text)))
