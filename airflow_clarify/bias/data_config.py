"""Configuration of the dataset: ``DataConfig`` as in the SageMaker SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import (
    ArgumentType,
    check_argument,
    create_from_mapping,
    describe_given,
    is_templated,
    parse_boolean,
    rename_keys,
)
from airflow_clarify.bias.column_names import ColumnRef, check_headers
from airflow_clarify.bias.dataset_types import DATASET_TYPE_BY_SUFFIX, DATASET_TYPES
from airflow_clarify.exceptions import ConfigError

#: The strings that pandas, and therefore Clarify, parses as missing values in text files.
PANDAS_NA_VALUES: tuple[str, ...] = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)

#: In JSON Lines a missing value is null or an absent field. Python's json module also writes a missing number as NaN.
JSON_NA_VALUES: tuple[str, ...] = ("NaN",)

#: A JMESPath multi-select list of field names, such as ``[age, gender]``.
_FIELDS = re.compile(r"""\s*\[\s*([A-Za-z_]\w*|"[^",]+")(\s*,\s*([A-Za-z_]\w*|"[^",]+"))*\s*\]\s*""")

#: Names of the SageMaker SDK's ``DataConfig`` (constructor and ``get_config()``) that differ from ours.
_SDK_NAMES = {
    "s3_data_input_path": "input_path",
    "s3_output_path": "output_path",
    "s3_analysis_config_output_path": "analysis_config_output_path",
    "joinsource_name_or_index": "joinsource",
}


@dataclass
class DataConfig:
    """Configure the location, the columns and the format of the dataset.

    Exactly one of ``input_path``, ``table`` and ``query`` is required.

    :param input_path: a file, a folder or a glob pattern; a local path or a URI supported by Airflow's
        ``ObjectStoragePath``
    :param output_path: the folder for ``analysis.json``, ``summary.json`` and ``report.html``; None writes no files
    :param label: the label column, by name or by zero-based index
    :param headers: the column names, if the file has no header row or Clarify's configuration must contain them
    :param dataset_type: ``text/csv``, ``application/jsonlines`` or ``application/x-parquet``; None infers it from the
        file name
    :param excluded_columns: columns that Clarify excludes, by name or by index
    :param joinsource: the identifier column of a Clarify job on several instances
    :param features: a JMESPath to the features, for JSON only. Dense records, whose features are a list, are read by
        Clarify only
    :param header_row: whether a CSV file begins with a header row. None decides by comparison: with ``headers``, the
        first row is a header row if it has the same names, and an error if it seems to have other names; without
        ``headers``, it is always a header row
    :param weight: a column of row weights; all counts become sums of weights (not supported by Clarify)
    :param na_values: the strings that mean "missing" in a CSV or JSON Lines file; None uses the defaults of pandas for
        CSV, and only NaN for JSON Lines, where a missing value is null or an absent field
    :param csv_options: CSV reader options that DuckDB cannot detect, such as ``{"delim": "|", "quote": "'"}``
    :param conn_id: the Airflow connection for ``input_path`` and ``output_path``; only for the latter with SQLEngine
        and SparkEngine, which read through their own connection
    :param analysis_config_output_path: the S3 folder to which a Clarify job's configuration is uploaded; None uses
        ``output_path``. Used by SageMaker jobs only
    :param table: a table or view, for engines with tables: ``"schema.table"``, or a list of its parts if a name
        contains dots or quotes
    :param query: a SELECT statement in the engine's SQL dialect, instead of a table
    :param where: a row filter: a condition in the engine's SQL dialect, or a mapping of columns to a required value (or
        a list of values), which the engine quotes, so that untrusted values are safe
    :param predicted_label: the column of predictions, by name or by index, for post-training metrics: predicted labels,
        or scores with a ``probability_threshold``
    :param predicted_label_dataset_uri: a file of predictions, if they are not part of the dataset; joined by row
        position, or by ``joinsource``
    :param predicted_label_headers: the column names of the file of predictions, if it has no header row
    :param facet_dataset_uri: a file of facets, if they are not part of the dataset; joined as the file of predictions
    :param facet_headers: the column names of the file of facets, if it has no header row
    """

    input_path: str = ""
    output_path: str | None = None
    label: ColumnRef | None = None
    headers: Sequence[str] | None = None
    dataset_type: str | None = None
    excluded_columns: Sequence[ColumnRef] | None = None
    joinsource: ColumnRef | None = None
    features: str | None = None
    header_row: bool | None = None
    weight: ColumnRef | None = None
    na_values: Sequence[str] | None = None
    csv_options: Mapping[str, Any] = field(default_factory=dict)
    conn_id: str | None = None
    analysis_config_output_path: str | None = None
    table: str | Sequence[str] | None = None
    query: str | None = None
    where: str | Mapping[str, Any] | None = None
    predicted_label: ColumnRef | None = None
    predicted_label_dataset_uri: str | None = None
    predicted_label_headers: Sequence[str] | None = None
    facet_dataset_uri: str | None = None
    facet_headers: Sequence[str] | None = None

    template_fields: ClassVar[tuple[str, ...]] = (
        "input_path",
        "output_path",
        "label",
        "headers",
        "dataset_type",
        "weight",
        "csv_options",
        "conn_id",
        "analysis_config_output_path",
        "table",
        "query",
        "where",
        "predicted_label",
        "predicted_label_dataset_uri",
        "predicted_label_headers",
        "facet_dataset_uri",
        "facet_headers",
    )

    _types: ClassVar[Mapping[str, ArgumentType]] = {
        "input_path": argument_types.LOCATION,
        "output_path": argument_types.LOCATION,
        "label": argument_types.COLUMN,
        "headers": argument_types.TEXTS,
        "dataset_type": argument_types.TEXT,
        "excluded_columns": argument_types.COLUMNS,
        "joinsource": argument_types.COLUMN,
        "features": argument_types.TEXT,
        "weight": argument_types.COLUMN,
        "na_values": argument_types.TEXTS,
        "csv_options": argument_types.OPTIONS,
        "conn_id": argument_types.TEXT,
        "analysis_config_output_path": argument_types.LOCATION,
        "table": argument_types.TABLE,
        "query": argument_types.TEXT,
        "predicted_label": argument_types.COLUMN,
        "predicted_label_dataset_uri": argument_types.LOCATION,
        "predicted_label_headers": argument_types.TEXTS,
        "facet_dataset_uri": argument_types.LOCATION,
        "facet_headers": argument_types.TEXTS,
    }

    __repr__ = describe_given

    def __post_init__(self) -> None:
        self.csv_options = {} if self.csv_options is None else self.csv_options
        self._check_types()
        self._check_source()
        if self.header_row is not None:
            self.header_row = parse_boolean(self.header_row, "header_row")
        if self.dataset_type is not None and not is_templated(self.dataset_type):
            _check_dataset_type(self.dataset_type)
        for name in ("headers", "predicted_label_headers", "facet_headers"):
            if not is_templated(getattr(self, name)):
                check_headers(getattr(self, name), name)
        self._check_joined_files()

    @classmethod
    def coerce(cls, given: DataConfig | Mapping[str, Any]) -> DataConfig:
        """Convert a mapping of fields, as from ``.expand()`` or JSON params, to a ``DataConfig``.

        The names of the SageMaker SDK are accepted too: those of its constructor and of its ``get_config()``.

        :param given: a ``DataConfig``, which is returned as it is, or a mapping of its fields
        :return: the data configuration
        :raises ConfigError: the mapping has an unknown field, or lacks ``input_path``
        """
        return given if isinstance(given, DataConfig) else create_from_mapping(cls, rename_keys(given, _SDK_NAMES))

    @property
    def source(self) -> str:
        """Name of the data for error messages and log lines."""
        if self.table is not None:
            return self.table if isinstance(self.table, str) else ".".join(self.table)
        return "the query" if self.query is not None else str(self.input_path)

    def _check_types(self, *, rendered: bool = False) -> None:
        for name, wanted in self._types.items():
            value = getattr(self, name)
            if value is not None and not is_templated(value):
                check_argument(name, value, wanted, rendered=rendered)

    def _check_source(self) -> None:
        given = [name for name in ("input_path", "table", "query") if getattr(self, name)]
        if len(given) > 1:
            raise ConfigError(f"{given[0]} and {given[1]}: the data can only be one of them; leave one out")
        if not given:
            raise ConfigError("input_path: missing; give it, or table or query with an engine that has them")
        if isinstance(self.where, str | Mapping) and not self.where:
            raise ConfigError("where: it is empty, which would take all rows; leave it out to mean that")

    def _check_joined_files(self) -> None:
        for file, headers in (
            ("predicted_label_dataset_uri", "predicted_label_headers"),
            ("facet_dataset_uri", "facet_headers"),
        ):
            if getattr(self, headers) is not None and getattr(self, file) is None:
                raise ConfigError(f"{headers}: they name the columns of {file}; give that too, or leave them out")

    def resolve_dataset_type(self) -> str:
        """Return the dataset type, inferred from the file name where it is not set.

        :return: a media type; ``text/csv`` where the suffix of the file name is unknown
        :raises ConfigError: ``dataset_type`` is not one of Clarify's types
        """
        if self.dataset_type is not None:
            return _check_dataset_type(self.dataset_type)
        if self.table is not None or self.query is not None:
            # Clarify does not support tables; Parquet is the closest of its types, as its columns are typed.
            return "application/x-parquet"
        name = str(self.input_path).rstrip("/").removesuffix(".gz")
        suffix = PurePosixPath(name).suffix.lower()
        return DATASET_TYPE_BY_SUFFIX.get(suffix, "text/csv")

    def list_missing_texts(self) -> frozenset[str]:
        """Return the strings that are parsed as missing values in a text file.

        :return: ``na_values``, or the defaults for the dataset type
        """
        if self.na_values is not None:
            return frozenset(self.na_values)
        json_lines = DATASET_TYPES[self.resolve_dataset_type()] == "jsonlines"
        return frozenset(JSON_NA_VALUES if json_lines else PANDAS_NA_VALUES)

    def get_config(self) -> dict[str, Any]:
        """Build this object's keys of ``analysis_config.json``, in the SageMaker SDK's order.

        :return: the keys and their JSON values
        :raises ConfigError: a value has a type that is not allowed, for example after template rendering
        """
        self._check_types(rendered=True)
        lists: dict[str, list[Any] | None] = {}
        for name in ("headers", "facet_headers", "predicted_label_headers", "excluded_columns"):
            lists[name] = None if getattr(self, name) is None else list(getattr(self, name))
            if name != "excluded_columns":
                check_headers(lists[name], name)
        uris = {
            name: None if getattr(self, name) is None else str(getattr(self, name))
            for name in ("facet_dataset_uri", "predicted_label_dataset_uri")
        }
        parts = {
            "features": self.features,
            "headers": lists["headers"],
            "label": self.label,
            "joinsource_name_or_index": self.joinsource,
            "facet_dataset_uri": uris["facet_dataset_uri"],
            "facet_headers": lists["facet_headers"],
            "predicted_label_dataset_uri": uris["predicted_label_dataset_uri"],
            "predicted_label_headers": lists["predicted_label_headers"],
            "predicted_label": self.predicted_label,
            "excluded_columns": lists["excluded_columns"],
        }
        config: dict[str, Any] = {"dataset_type": self.resolve_dataset_type()}
        return config | {key: value for key, value in parts.items() if value is not None}


def check_features(features: str | None, headers: Sequence[str] | None, dataset_type: str) -> None:
    """Check that ``features`` of a JSON Lines dataset only selects fields by name.

    A multi-select of fields, such as ``[age, gender]``, is allowed unless ``headers`` renames them, since records are
    read by field name. A JMESPath to a list needs Clarify.

    :param features: the JMESPath to the features in each record
    :param headers: the column names
    :param dataset_type: the type of the data; features concern JSON only
    :raises ConfigError: the JMESPath is not a selection of fields under their own names
    """
    if features is None or DATASET_TYPES.get(dataset_type) != "jsonlines":
        return
    fields_selected = _FIELDS.fullmatch(features)
    names = [name.strip().strip('"') for name in features.strip().strip("[]").split(",")] if fields_selected else []
    if not names or not set(names) <= set(headers if headers is not None else names):
        raise ConfigError(
            f"features: {features!r} is a JMESPath into dense records, which only a Clarify job reads; write records "
            "with one field a column and leave features out, or measure with SageMakerEngine"
        )


def _check_dataset_type(dataset_type: str) -> str:
    if dataset_type not in DATASET_TYPES:
        raise ConfigError(f"dataset_type: {dataset_type!r} is not one of {', '.join(DATASET_TYPES)}")
    return dataset_type
