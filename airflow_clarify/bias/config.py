"""Configuration classes: ``DataConfig`` and ``BiasConfig`` as in the SageMaker SDK, and ``AnalysisConfig``.

A DAG author writes the first two, with the parameter names of the SageMaker Python SDK. Together with the metrics they
form an :class:`AnalysisConfig`, which parses, validates and writes Clarify's ``analysis_config.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal, cast

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import (
    ArgumentType,
    check_argument,
    create_from_mapping,
    is_list,
    is_templated,
    parse_boolean,
    refuse_rendered_text,
    rename_keys,
)
from airflow_clarify.bias.argument_types import describe_given as describe_given
from airflow_clarify.bias.column_types import DeclaredType, Value
from airflow_clarify.bias.crossing import check_crossed_facet, list_parts, name_facet
from airflow_clarify.bias.dataset_types import DATASET_TYPE_BY_SUFFIX
from airflow_clarify.bias.dataset_types import DATASET_TYPES as DATASET_TYPES
from airflow_clarify.bias.metrics import METRICS, Stage
from airflow_clarify.bias.model_config import ModelConfig as ModelConfig
from airflow_clarify.bias.model_config import ModelPredictedLabelConfig as ModelPredictedLabelConfig
from airflow_clarify.bias.post_training import POST_TRAINING_METRICS
from airflow_clarify.exceptions import ConfigError

ColumnRef = str | int
Methods = Literal["all"] | Sequence[str]

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

#: A single column name that an error shows; a file of another format may have been parsed into a single column.
_NAME = re.compile(r"[\w .-]{1,40}")
#: A JMESPath multi-select list of field names, such as ``[age, gender]``.
_FIELDS = re.compile(r"""\s*\[\s*([A-Za-z_]\w*|"[^",]+")(\s*,\s*([A-Za-z_]\w*|"[^",]+"))*\s*\]\s*""")
_DEFAULT_REPORT = {"name": "report", "title": "Analysis Report"}

#: The formats of the report by the key of the file in ``Analysis.outputs``.
REPORT_FORMATS: Mapping[str, str] = {"report": "html", "notebook": "ipynb", "pdf": "pdf"}

#: The argument names of the SDK classes for keys of ``analysis_config.json`` that are named differently.
AUTHOR_NAMES: Mapping[str, str] = {
    "facet": "facet_name",
    "value_or_threshold": "facet_values_or_threshold",
    "group_variable": "group_name",
    "joinsource_name_or_index": "joinsource",
    "predictor": "model_config",
}

#: The stages of bias metrics by their section under ``methods`` of ``analysis_config.json``.
STAGES: Mapping[str, Stage] = {"pre_training_bias": "pre_training", "post_training_bias": "post_training"}
#: Method sections of ``analysis_config.json`` that explain a model. They are preserved; only Clarify runs them.
_MODEL_METHODS = ("shap", "pdp", "asymmetric_shapley_value")
#: The name of a column of predictions without a name, as in Clarify.
DEFAULT_PREDICTED_LABEL = "predicted_label"


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
                _check_headers(getattr(self, name), name)
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
            raise ConfigError(
                "input_path: say where the data are; give it, or table or query with an engine that has them"
            )
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
                _check_headers(lists[name], name)
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


@dataclass
class BiasConfig:
    """Configure the positive label values, the facets and the group variable.

    :param label_values_or_threshold: the positive label values, or one threshold t (a label x > t is then positive)
    :param facet_name: the facet column, by name or by index; or a list of them. In a list, a tuple of columns such as
        ``("gender", "race")`` is a crossed facet, whose values are the combinations that occur (not supported by
        Clarify)
    :param facet_values_or_threshold: the values of the sensitive group, or a threshold; for several facets a list with
        one entry (or None) per facet; None compares each value with the rest. The values of a crossed facet are
        combinations, such as ``("F", "Black")``
    :param group_name: the group variable for CDDL, by name or by index
    :param label_type: "categorical" or "continuous"; None applies Clarify's rule (not supported by Clarify)
    :param facet_type: the type of the facets: one for all, or a mapping of facet columns, as in ``facet_name``, to
        types (not supported by Clarify)
    """

    label_values_or_threshold: Sequence[Value]
    facet_name: ColumnRef | Sequence[ColumnRef | Sequence[ColumnRef]]
    facet_values_or_threshold: Sequence[Any] | None = None
    group_name: ColumnRef | None = None
    label_type: DeclaredType | None = None
    facet_type: DeclaredType | Mapping[str, DeclaredType] | None = None

    template_fields: ClassVar[tuple[str, ...]] = (
        "label_values_or_threshold",
        "facet_name",
        "facet_values_or_threshold",
        "group_name",
    )
    #: None says that each value is compared with the rest, so a template may render to it.
    none_allowed: ClassVar[frozenset[str]] = frozenset({"facet_values_or_threshold"})

    __repr__ = describe_given

    def __post_init__(self) -> None:
        if not is_templated(self.label_values_or_threshold):
            _check_values(self.label_values_or_threshold, "label_values_or_threshold")
        for declared in [self.label_type, *_list_declared_types(self.facet_type)]:
            if declared not in (None, "categorical", "continuous"):
                raise ConfigError(f"label_type and facet_type are 'categorical' or 'continuous', not {declared!r}")
        if not is_templated(self.facet_name) and not is_templated(self.facet_values_or_threshold):
            self.build_facets()
        if self.group_name is not None and not is_templated(self.group_name):
            check_argument("group_name", self.group_name, argument_types.COLUMN)

    @classmethod
    def coerce(cls, given: BiasConfig | Mapping[str, Any]) -> BiasConfig:
        """Convert a mapping of fields, or the SageMaker SDK's ``get_config()``, to a ``BiasConfig``.

        :param given: a ``BiasConfig``, which is returned as it is, or a mapping
        :return: the bias configuration
        :raises ConfigError: the mapping has an unknown field, or lacks a required one
        """
        if isinstance(given, BiasConfig):
            return given
        return create_from_mapping(cls, _map_bias_fields(given))

    def build_facets(self) -> list[dict[str, Any]]:
        """Build the ``facet`` list of ``analysis_config.json``.

        :return: one entry per facet column
        :raises ConfigError: the facet names, values and types do not match
        """
        if isinstance(self.facet_name, str | int):
            names: list[ColumnRef | Sequence[ColumnRef]] = [self.facet_name]
            values: list[Sequence[Any] | None] = [self.facet_values_or_threshold]
        else:
            check_argument("facet_name", self.facet_name, argument_types.FACETS)
            names = list(self.facet_name)
            given = self.facet_values_or_threshold
            if given is not None and not is_list(given):
                raise ConfigError(f"facet_values_or_threshold: give a list with an entry per facet, not {given!r}")
            values = [None] * len(names) if given is None else list(given)
            if len(values) != len(names):
                raise ConfigError(
                    f"facet_values_or_threshold: {len(names)} facets need a list of {len(names)} lists (or None for a "
                    f"facet whose values are all to be tested), not {len(values)}"
                )
        if not names:
            raise ConfigError("facet_name: name at least one facet column")
        if isinstance(self.facet_type, Mapping):
            known = {str(column) for name in names for column in (list_parts(name) or [name])}
            known |= {str(name_facet(name)) for name in names}
            for column in self.facet_type:
                if str(column) not in known:
                    raise ConfigError(
                        f"facet_type: {column!r} is not a facet; facet_name has {', '.join(map(repr, names))}"
                    )
        facets: list[dict[str, Any]] = []
        for name, facet_values in zip(names, values, strict=True):
            parts = list_parts(name)
            facet: dict[str, Any] = {"name_or_index": name if parts is None else list(parts)}
            if parts is not None:
                check_crossed_facet(parts, facet_values, "facet_name", "facet_values_or_threshold")
            if facet_values is not None and parts is not None:
                facet["value_or_threshold"] = [each if isinstance(each, str) else list(each) for each in facet_values]
            elif facet_values is not None:
                facet["value_or_threshold"] = list(_check_values(facet_values, "facet_values_or_threshold"))
            facets.append(facet)
        return facets

    def get_config(self) -> dict[str, Any]:
        """Build this object's keys of ``analysis_config.json``, in the SageMaker SDK's order.

        :return: the keys and their JSON values
        :raises ConfigError: a value has a type that is not allowed, for example after template rendering
        """
        if self.group_name is not None:
            check_argument("group_name", self.group_name, argument_types.COLUMN)
        # The constructor refuses plain strings here, so a string can only come from template rendering.
        for name in ("label_values_or_threshold", "facet_values_or_threshold"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ConfigError(f"{name}: {refuse_rendered_text(value)}")
        if isinstance(self.facet_name, str) and argument_types.is_written_list(self.facet_name):
            raise ConfigError(f"facet_name: {refuse_rendered_text(self.facet_name)}")
        config: dict[str, Any] = {
            "label_values_or_threshold": list(
                _check_values(self.label_values_or_threshold, "label_values_or_threshold")
            ),
            "facet": self.build_facets(),
        }
        if self.group_name is not None:
            config["group_variable"] = self.group_name
        return config


@dataclass(frozen=True)
class FacetConfig:
    """One facet of an analysis: a column, or several that are crossed.

    :param name_or_index: the column, or the columns of a crossed facet
    :param values: the values of the sensitive group, or a threshold; None compares each value with the rest. The values
        of a crossed facet are combinations: a value for each column, or their name such as "F+Black"
    :param declared: the declared type, which overrides Clarify's rule
    """

    name_or_index: ColumnRef | tuple[ColumnRef, ...]
    values: tuple[Any, ...] | None = None
    declared: DeclaredType | None = None

    @property
    def name(self) -> str | None:
        """Name of the facet, such as "gender" or "gender+race"; None if a column is given by index."""
        return name_facet(self.name_or_index)


@dataclass(frozen=True)
class AnalysisConfig:
    """Hold the validated content of Clarify's ``analysis_config.json``.

    :param document: the content of the file
    :param label_type: the declared type of the label (not supported by Clarify, so not part of the file)
    :param facet_type: the declared types of the facets
    :param key_names: the author's names of keys of the file, for error messages: an operator argument or a command
        line option. Keys that are not in the mapping have the same name as in the file
    :raises ConfigError: the document is not a valid configuration; names the key
    """

    document: Mapping[str, Any]
    label_type: DeclaredType | None = None
    facet_type: DeclaredType | Mapping[str, DeclaredType] | None = None
    key_names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        from airflow_clarify.bias.schema import check_document

        check_document(self.document, self.key_names)
        _ = self.report_file

    @classmethod
    def build(
        cls,
        data: DataConfig,
        bias: BiasConfig,
        methods: Methods | None = "all",
        key_names: Mapping[str, str] = AUTHOR_NAMES,
        *,
        post_training_methods: Methods | None = None,
        model_config: ModelConfig | None = None,
        model_predicted_label_config: ModelPredictedLabelConfig | None = None,
    ) -> AnalysisConfig:
        """Build a configuration as the SageMaker SDK does for ``run_bias`` and the runs of a single stage.

        :param data: the dataset, its label column and, for post-training metrics, its column of predictions
        :param bias: the positive label values and the facets
        :param methods: the pre-training metrics: "all", or names; None leaves the stage out
        :param key_names: the author's names of keys of the file, for error messages; "pre_training_bias" and
            "post_training_bias" are the arguments with the metrics of a stage
        :param post_training_methods: the post-training metrics: "all", or names; None leaves the stage out
        :param model_config: the model that a Clarify job on SageMaker gets predictions from
        :param model_predicted_label_config: how predictions are read from scores, or from the output of the model
        :return: the analysis configuration
        :raises ConfigError: a value is missing or not allowed; names the key
        """
        document = data.get_config() | bias.get_config()
        document["methods"] = {"report": dict(_DEFAULT_REPORT)}
        for section, asked in (("pre_training_bias", methods), ("post_training_bias", post_training_methods)):
            if asked is not None:
                check_argument(key_names.get(section, "methods"), asked, argument_types.METHODS)
                document["methods"][section] = {"methods": asked if isinstance(asked, str) else list(asked)}
        if post_training_methods is not None:
            _add_predictor(document, model_config, model_predicted_label_config)
        return cls(document, label_type=bias.label_type, facet_type=bias.facet_type, key_names=key_names)

    @classmethod
    def parse(cls, text: str, source: str = "analysis_config.json") -> AnalysisConfig:
        """Parse the text of an ``analysis_config.json``.

        :param text: the content of the file
        :param source: the file name for error messages
        :return: the analysis configuration
        :raises ConfigError: the text is not JSON, or a key is not allowed; names the key and what is allowed
        """
        if not isinstance(text, str):
            raise ConfigError(f"{source}: give its text, not {type(text).__name__}")
        try:
            return cls(json.loads(text, object_pairs_hook=_refuse_repeated_keys))
        except json.JSONDecodeError as error:
            raise ConfigError(f"{source}: not JSON ({error.msg} at line {error.lineno})") from None
        except RecursionError:
            raise ConfigError(f"{source}: nested too deeply; an analysis_config.json has a few levels only") from None
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None

    def spell_key(self, key: str) -> str:
        """Return the author's name of a key of the file.

        :param key: a key of ``analysis_config.json``, or ``weight``, ``label_type`` or ``facet_type``
        :return: an operator argument, a command line option, or the key itself
        """
        return self.key_names.get(key, key)

    def to_json(self) -> str:
        """Serialize the configuration as the SageMaker SDK does: one line without a final newline.

        :return: the content of ``analysis_config.json``
        """
        return json.dumps(self.document)

    @property
    def sha256(self) -> str:
        """SHA-256 of the configuration and the declared types, independent of the order of keys."""
        configured = {"config": self.document, "label_type": self.label_type, "facet_type": self.facet_type}
        return hashlib.sha256(json.dumps(configured, sort_keys=True).encode()).hexdigest()

    @property
    def declared_types(self) -> dict[str, Any]:
        """The declared types of label and facets; without those that are not set."""
        facet_type = dict(self.facet_type) if isinstance(self.facet_type, Mapping) else self.facet_type
        declared = {"label_type": self.label_type, "facet_type": facet_type}
        return {name: value for name, value in declared.items() if value is not None}

    @property
    def dataset_type(self) -> str:
        return str(self.document["dataset_type"])

    @property
    def headers(self) -> list[str] | None:
        return self.document.get("headers")

    @property
    def label(self) -> ColumnRef:
        """The label column.

        :raises ConfigError: the configuration has no label
        """
        if self.document.get("label") is None:
            raise ConfigError(
                f"{self.spell_key('label')}: name the label column; {self._describe_stages()} bias cannot be measured "
                "without one"
            )
        return cast(ColumnRef, self.document["label"])

    @property
    def label_values(self) -> tuple[Value, ...]:
        """The positive label values, or the threshold.

        :raises ConfigError: the configuration has none
        """
        values = self.document.get("label_values_or_threshold")
        if not values:
            key = self.spell_key("label_values_or_threshold")
            raise ConfigError(f"{key}: say which label values are positive, such as [1]")
        return tuple(values)

    @property
    def facets(self) -> tuple[FacetConfig, ...]:
        """The facets.

        :raises ConfigError: the configuration has none
        """
        given = self.document.get("facet")
        if not given:
            example = '"gender"' if "facet" in self.key_names else '[{"name_or_index": "gender"}]'
            raise ConfigError(f"{self.spell_key('facet')}: name at least one facet, such as {example}")
        return tuple(
            FacetConfig(
                list_parts(facet["name_or_index"]) or facet["name_or_index"],
                tuple(facet["value_or_threshold"]) if facet.get("value_or_threshold") else None,
                self.get_declared_type(name_facet(facet["name_or_index"]) or facet["name_or_index"]),
            )
            for facet in given
        )

    @property
    def group_variable(self) -> ColumnRef | None:
        return self.document.get("group_variable")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages whose metrics are to be computed.

        :raises ConfigError: the configuration has neither ``pre_training_bias`` nor ``post_training_bias``
        """
        stages = tuple(stage for section, stage in STAGES.items() if self.document["methods"].get(section) is not None)
        if not stages:
            raise ConfigError(
                "methods: pre_training_bias or post_training_bias is missing, and these are what is measured here; add "
                '"pre_training_bias": {"methods": "all"}'
            )
        return stages

    def _describe_stages(self) -> str:
        return " and ".join(stage.replace("_", "-") for stage in self.stages)

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the pre-training metrics to compute, sorted as Clarify writes them; empty without that stage.

        :raises ConfigError: the configuration has neither ``pre_training_bias`` nor ``post_training_bias``
        """
        return self._list_methods("pre_training_bias", METRICS)

    @property
    def post_training_methods(self) -> tuple[str, ...]:
        """The names of the post-training metrics to compute, sorted as Clarify writes them; empty without that stage.

        :raises ConfigError: the configuration has neither ``pre_training_bias`` nor ``post_training_bias``
        """
        return self._list_methods("post_training_bias", POST_TRAINING_METRICS)

    def _list_methods(self, section: str, known: Mapping[str, Any]) -> tuple[str, ...]:
        if STAGES[section] not in self.stages:
            return ()
        methods = self.document["methods"][section].get("methods", "all")
        return tuple(known) if methods == "all" else tuple(sorted(set(methods)))

    @property
    def all_methods(self) -> bool:
        """Whether the metrics of some stage are asked for as "all" rather than by name."""
        sections = [self.document["methods"].get(section) for section in STAGES]
        return any(section is not None and section.get("methods", "all") == "all" for section in sections)

    @property
    def predicted_label(self) -> ColumnRef | None:
        """The column of predictions; None if no post-training metric is to be computed.

        :raises ConfigError: post-training metrics are to be computed, and no column of predictions is configured
        """
        if "post_training" not in self.stages:
            return None
        given = self.document.get("predicted_label")
        if given is not None:
            return cast(ColumnRef, given)
        if self.document.get("predicted_label_dataset_uri") is not None:
            return self._default_predicted_label()
        key = self.spell_key("predicted_label")
        if self.document.get("predictor") is not None:
            raise ConfigError(
                f"{self.spell_key('predictor')}: only a Clarify job runs a model; name a column of predictions in "
                f"{key}, or measure with SageMakerEngine and Clarify's image"
            )
        raise ConfigError(f"{key}: name the column of predictions; post-training bias cannot be measured without one")

    def _default_predicted_label(self) -> ColumnRef:
        headers = self.document.get("predicted_label_headers") or [DEFAULT_PREDICTED_LABEL]
        columns = [name for name in headers if name != self.document.get("joinsource_name_or_index")]
        if len(columns) != 1:
            raise ConfigError(
                f"{self.spell_key('predicted_label')}: name the column of predictions; "
                f"{self.spell_key('predicted_label_headers')} has {len(columns)} that may be it"
            )
        return cast(ColumnRef, columns[0])

    @property
    def probability_threshold(self) -> float | None:
        """The threshold above which a score is the prediction 1; None if the predictions are labels."""
        given = self.document.get("probability_threshold")
        return cast("float | None", given) if "post_training" in self.stages else None

    @property
    def report_file(self) -> str:
        """The file name of the HTML report; Clarify's ``report`` method has it without the suffix.

        :raises ConfigError: the name is not a valid file name
        """
        name = str((self.document["methods"].get("report") or _DEFAULT_REPORT).get("name", _DEFAULT_REPORT["name"]))
        if not name.strip() or name.startswith(".") or set(name) & set("/\\\0"):
            raise ConfigError(f"methods.report.name: {name!r} is not a file name; give one without a suffix")
        return f"{name}.html"

    @property
    def left_to_clarify(self) -> tuple[str, ...]:
        """The configured methods that explain a model, which only a Clarify job can run."""
        return tuple(name for name in self.document["methods"] if name in _MODEL_METHODS)

    def get_declared_type(self, facet: ColumnRef) -> DeclaredType | None:
        """Return the declared type of a facet, or of a column of a crossed facet.

        :param facet: the column, or the name of a crossed facet
        :return: the type; None if none is declared
        """
        if isinstance(self.facet_type, Mapping):
            return self.facet_type.get(str(facet))
        return self.facet_type


def resolve_column(reference: ColumnRef, columns: Sequence[str], key: str) -> str:
    """Resolve a column name or index to a column name.

    :param reference: a name, or a zero-based index
    :param columns: the columns of the data, in their order
    :param key: the configuration key for error messages
    :return: the name of the column
    :raises ConfigError: there is no such column, or several columns have the name
    """
    if isinstance(reference, int):
        if not 0 <= reference < len(columns):
            last = len(columns) - 1
            raise ConfigError(f"{key}: index {reference} is outside the {len(columns)} columns (0 to {last})")
        return columns[reference]
    same = [position for position, column in enumerate(columns) if column == reference]
    if len(same) > 1:
        raise ConfigError(f"{key}: {len(same)} columns are named {reference!r}; name one by its index: {same}")
    if same:
        return reference
    raise missing_column_error(reference, columns, key)


def missing_column_error(reference: str, columns: Sequence[str], key: str, where: str = "the data") -> ConfigError:
    """Build the error for an unknown column, with the closest existing name as a suggestion.

    :param reference: the unknown name
    :param columns: the columns of the data
    :param key: the configuration key for the message
    :param where: the name of the data for the message
    :return: the error, to be raised by the caller
    """
    near = close_name(reference, columns)
    hint = f"; did you mean {near!r}?" if near is not None else ""
    if len(columns) == 1:
        # A single column may be the first line of a file of another format, which may hold confidential data.
        hint = hint or suggest_delimiter(columns)
        shown = repr(columns[0]) if _NAME.fullmatch(columns[0]) else "one, whose name is no word"
    else:
        shown = ", ".join(repr(column) for column in columns[:20]) + (", ..." if len(columns) > 20 else "")
    return ConfigError(f"{key}: {where} have no column {reference!r}{hint} (columns: {shown})")


def close_name(name: str, names: Sequence[str]) -> str | None:
    """Return the name that is closest to a misspelt one.

    :param name: the misspelt name
    :param names: the existing names
    :return: the closest name; None where no name is similar

    >>> close_name("Aproved", ["age", "approved"])
    'approved'
    """
    from difflib import get_close_matches

    by_folded = {each.strip().casefold(): each for each in reversed(names)}
    folded = name.strip().casefold()
    near = [folded] if folded in by_folded else get_close_matches(folded, by_folded, n=1, cutoff=0.7)
    return by_folded[near[0]] if near else None


def suggest_delimiter(cells: Sequence[str], delimiter: str = ",") -> str:
    """Suggest another CSV delimiter where a row was parsed into a single cell.

    :param cells: the cells of a row, or the names of all columns
    :param delimiter: the delimiter that the row was split by
    :return: the end of an error message; empty where no other delimiter is found
    """
    if len(cells) == 1:
        for other in (";", "\t", "|", ","):
            if other != delimiter and other in cells[0]:
                return f"; it seems to be separated by {other!r}: set csv_options={{'delim': {other!r}}}"
    return ""


def fill_unset_fields(data: DataConfig, config: AnalysisConfig) -> DataConfig:
    """Fill unset fields of a data configuration from an analysis configuration.

    :param data: the data configuration; one without ``input_path`` is returned as it is
    :param config: the analysis configuration
    :return: a data configuration with the fields set that both have
    """
    if not data.input_path:
        return data
    open_fields = [name for name in _COMMON_FIELDS if getattr(data, name) is None]
    keys = {"joinsource": "joinsource_name_or_index"}
    stated: dict[str, Any] = {name: config.document.get(keys.get(name, name)) for name in open_fields}
    return replace(data, **stated)


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


def _add_predictor(
    document: dict[str, Any], model: ModelConfig | None, predicted: ModelPredictedLabelConfig | None
) -> None:
    """Add the model, and how predictions are read, to a document, as the SageMaker SDK does."""
    threshold, keys = (None, {}) if predicted is None else predicted.get_predictor_config()
    if model is not None:
        document["predictor"] = model.get_predictor_config() | keys
    elif document.get("predicted_label") is None and document.get("predicted_label_dataset_uri") is None:
        raise ConfigError(
            "predicted_label: name the column of predictions; post-training bias cannot be measured without one (a "
            "Clarify job on SageMaker can get them from a model: model_config)"
        )
    elif keys:
        raise ConfigError(
            f"model_predicted_label_config: {next(iter(keys))} is about the output of a model; give model_config too, "
            "or leave it out"
        )
    if threshold is not None:
        document["probability_threshold"] = threshold


def _refuse_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object; refuse repeated keys, of which Python silently keeps the last."""
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ConfigError(f"{repeated}: the key occurs twice; leave one out")
    return document


def _list_declared_types(given: object) -> list[object]:
    return list(given.values()) if isinstance(given, Mapping) else [given]


def _check_dataset_type(dataset_type: str) -> str:
    if dataset_type not in DATASET_TYPES:
        raise ConfigError(f"dataset_type: {dataset_type!r} is not one of {', '.join(DATASET_TYPES)}")
    return dataset_type


def _check_headers(headers: Sequence[str] | None, key: str) -> None:
    seen: set[str] = set()
    for header in headers or ():
        if header in seen:
            raise ConfigError(f"{key}: {header!r} occurs twice; column names must differ")
        seen.add(header)


def _check_values(values: Sequence[Value], key: str) -> Sequence[Value]:
    if values is None:
        raise ConfigError(f"{key}: None names no value; give a list of values or one threshold, such as [1]")
    if isinstance(values, str | int | float):
        raise ConfigError(f"{key}: give a list, such as [{values!r}]")
    if isinstance(values, bytes) or not isinstance(values, Sequence):
        raise ConfigError(f"{key}: give a list of values or one threshold, such as [1], not {values!r}")
    if not values:
        raise ConfigError(f"{key}: the list is empty; give at least one value or a threshold")
    for value in values:
        if not isinstance(value, str | int | float):
            raise ConfigError(f"{key}: {value!r} is neither a text nor a number")
        if isinstance(value, float) and value != value:
            raise ConfigError(f"{key}: NaN can never match; missing values count as not positive and as the rest")
    return values


#: Fields of a data configuration that an analysis configuration has too.
_COMMON_FIELDS = (
    "headers",
    "features",
    "dataset_type",
    "joinsource",
    "predicted_label",
    "predicted_label_dataset_uri",
    "predicted_label_headers",
    "facet_dataset_uri",
    "facet_headers",
)

#: Names of the SageMaker SDK's ``DataConfig`` (constructor and ``get_config()``) that differ from ours.
_SDK_NAMES = {
    "s3_data_input_path": "input_path",
    "s3_output_path": "output_path",
    "s3_analysis_config_output_path": "analysis_config_output_path",
    "joinsource_name_or_index": "joinsource",
}


def _map_bias_fields(given: Any) -> Any:
    """Map keys of ``analysis_config.json``, where facets are a list, to fields of ``BiasConfig``."""
    facets = given.get("facet") if isinstance(given, Mapping) else None
    if not isinstance(facets, Sequence) or not all(isinstance(f, Mapping) and "name_or_index" in f for f in facets):
        return given
    values = [facet.get("value_or_threshold") for facet in facets]
    fields_given = {name: value for name, value in given.items() if name != "facet"} | {
        "facet_name": [facet["name_or_index"] for facet in facets],
        "facet_values_or_threshold": values if any(value is not None for value in values) else None,
    }
    return rename_keys(fields_given, {"group_variable": "group_name"})
