"""Dataset types of ``analysis_config.json``: their media types, their file formats and their file name suffixes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from airflow_clarify.exceptions import ConfigError

#: The file format of each supported ``dataset_type``, which is a media type as in Clarify's configuration.
DATASET_TYPES: Mapping[str, str] = {
    "text/csv": "csv",
    "application/jsonlines": "jsonlines",
    "application/json": "json",
    "application/x-parquet": "parquet",
}

#: The dataset type that a file name suffix implies, where the configuration does not set ``dataset_type``.
DATASET_TYPE_BY_SUFFIX: Mapping[str, str] = {
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".txt": "text/csv",
    ".jsonl": "application/jsonlines",
    ".ndjson": "application/jsonlines",
    ".json": "application/jsonlines",
    ".parquet": "application/x-parquet",
    ".pq": "application/x-parquet",
}

#: Endings of unsupported formats: the contents of such a file would not match its name.
_OTHER_FORMATS = frozenset(
    {
        ".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".orc", ".avro", ".feather", ".arrow", ".ipc", ".delta",
        ".h5", ".hdf5", ".pkl", ".pickle", ".npy", ".npz", ".sav", ".dta", ".sas7bdat", ".db", ".sqlite",
        ".sqlite3", ".duckdb", ".sql", ".html", ".htm", ".xml", ".yaml", ".yml", ".pdf", ".doc", ".docx",
        ".md", ".png", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".7z", ".snappy", ".br",
    }
)  # fmt: skip


def check_ending(target: str) -> None:
    """Check that the ending of a balanced copy is not that of an unsupported format.

    :param target: the target, as a path or URI
    :raises ConfigError: the format is not supported
    """
    name = target.rsplit("/", 1)[-1].lower()
    suffix = PurePosixPath(name.removesuffix(".gz")).suffix
    if suffix in _OTHER_FORMATS:
        raise ConfigError(
            f"{target}: {suffix} files are not written; end it in .csv, .tsv, .parquet or .jsonl, or a text in .csv.gz"
        )
    if name.endswith(".gz") and suffix in (".parquet", ".pq"):
        raise ConfigError(f"{target}: Parquet is compressed already, and not with gzip as .gz says; end it in .parquet")
