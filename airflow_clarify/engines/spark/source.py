"""The data of a Spark session: a table, a query, or files, which become a view of the session.

Cells of text files are read as texts, like in the embedded engine, and their types are inferred from the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_clarify.bias.config import (
    DATASET_TYPES,
    DataConfig,
    check_features,
    suggest_delimiter,
)
from airflow_clarify.bias.header_row import SAMPLE_ROWS, has_header_row
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.sql.parsing import source_query
from airflow_clarify.engines.sql.source import SqlSource
from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError

if TYPE_CHECKING:
    from airflow_clarify.engines.spark.session import SparkRunner

_VIEW = "airflow_clarify_data"

#: Spark's names of the options of CSV files, by the names in DuckDB and pandas.
_CSV_OPTIONS: Mapping[str, str] = {
    "delim": "sep",
    "delimiter": "sep",
    "sep": "sep",
    "quote": "quote",
    "escape": "escape",
    "encoding": "encoding",
    "comment": "comment",
    "compression": "compression",
}


def open_source(runner: SparkRunner, data: DataConfig) -> SqlSource:
    """Open the data in a session, and describe their columns.

    :param runner: the session
    :param data: where the data are
    :raises ConfigError: Spark does not support an option, or the columns are ambiguous
    :raises DataError: the data cannot be read
    """
    if data.table is not None or data.query is not None:
        return SqlSource.open(runner, data.source, source_query(data, runner.dialect.name), data)
    dataset_type = data.resolve_dataset_type()
    check_features(data.features, data.headers, dataset_type)
    kind = DATASET_TYPES[dataset_type]
    if data.csv_options and kind != "csv":
        raise ConfigError(f"csv_options: given for {data.dataset_type}; they are for text/csv")
    frame = {"csv": _read_csv, "jsonlines": _read_json, "parquet": _read_parquet}[kind](runner, data)
    frame.createOrReplaceTempView(_VIEW)
    source = SqlSource.open(runner, data.source, source_query(DataConfig(table=_VIEW), runner.dialect.name), data)
    if kind != "parquet":
        source.na_values = data.list_missing_texts()
        source.columns = {
            name: replace(kind, stored=StorageType.TEXT_CELL) if kind.stored is StorageType.TEXT else kind
            for name, kind in source.columns.items()
        }
    return source


def _read_parquet(runner: SparkRunner, data: DataConfig) -> Any:
    return runner.read("parquet", data.input_path)


def _read_csv(runner: SparkRunner, data: DataConfig) -> Any:
    """Read a CSV dataset, every cell as text."""
    options = _build_csv_options(data)
    first, following = _read_first_records(runner, data, options)
    headers = None if data.headers is None else list(data.headers)
    header_row = data.header_row
    if headers is not None and len(headers) != len(first):
        raise ConfigError(
            f"headers: {len(headers)} names are given, and {data.input_path} has {len(first)} columns"
            + suggest_delimiter(first, options.get("sep", ","))
        )
    if headers is None:
        header_row = header_row is not False
    else:
        header_row = has_header_row(data.input_path, first, following, headers, header_row)
    names = headers or (first if header_row else [f"column{position}" for position in range(len(first))])
    _check_distinct(names, data.input_path)
    # Column pruning would hide rows with too few or too many cells, which must be an error.
    runner.session.conf.set("spark.sql.csv.parser.columnPruning.enabled", "false")
    options |= {
        "mode": "FAILFAST",
        "header": str(header_row).lower(),
        # Spark compares the header rows of all files with the names, unless the author gives other names.
        "enforceSchema": str(not (header_row and names == first)).lower(),
    }
    frame = runner.read("csv", data.input_path, names, **options)
    return frame if "" in data.list_missing_texts() else frame.fillna("")


def _read_json(runner: SparkRunner, data: DataConfig) -> Any:
    """Read a JSON Lines dataset, every field as text."""
    names = None if data.headers is None else list(data.headers)
    return runner.read("json", data.input_path, names, primitivesAsString="true", mode="FAILFAST")


def _build_csv_options(data: DataConfig) -> dict[str, str]:
    # Without multiLine, Spark silently splits a row at a line break inside a cell.
    options = {"multiLine": "true", "quote": '"', "escape": '"', "inferSchema": "false"}
    for name, value in data.csv_options.items():
        if name not in _CSV_OPTIONS:
            known = ", ".join(sorted(_CSV_OPTIONS))
            raise ConfigError(f"csv_options: SparkEngine does not support {name!r}; choose from {known}")
        options[_CSV_OPTIONS[name]] = str(value)
    return options


def _read_first_records(
    runner: SparkRunner, data: DataConfig, options: Mapping[str, str]
) -> tuple[list[str], list[list[str]]]:
    """Read the first record, which may be a header, and some records after it."""
    records = runner.read("csv", data.input_path, None, **options, header="false").limit(1 + SAMPLE_ROWS)
    found = [["" if cell is None else str(cell) for cell in record] for record in runner.collect(records)]
    if not found:
        raise UnfitDataError(f"{data.input_path}: the data hold no rows, so there is nothing to measure")
    return found[0], found[1:]


def _check_distinct(names: list[str], where: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other is not name:
            raise DataError(f"{where}: columns {other!r} and {name!r} cannot be told apart; rename one or give headers")
