"""Dataset types of ``analysis_config.json``: their media types, their file formats and their file name suffixes."""

from __future__ import annotations

from collections.abc import Mapping

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
