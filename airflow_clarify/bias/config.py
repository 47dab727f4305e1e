"""What to measure: ``DataConfig`` and ``BiasConfig`` as in the SageMaker SDK, ``AnalysisConfig`` as in Clarify's file.

A DAG author writes the first two, under the names that a Clarify notebook uses. Together with the methods they make an
:class:`AnalysisConfig`, which reads, checks and writes ``analysis_config.json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal, cast

from airflow_clarify.bias import argument_types
from airflow_clarify.bias.argument_types import (
    ArgumentType,
    check_argument,
    is_known_later,
    is_list,
    parse_boolean,
    refuse_rendered_text,
)
from airflow_clarify.bias.column_types import DeclaredType, Value
from airflow_clarify.bias.metrics import METRICS
from airflow_clarify.exceptions import ConfigError

ColumnRef = str | int
Methods = Literal["all"] | Sequence[str]

#: What pandas, and so Clarify, reads as a missing value in text files.
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

#: In JSON Lines missing values are null or left out. NaN is how Python writes a missing number, as no other text is.
JSON_NA_VALUES: tuple[str, ...] = ("NaN",)

DATASET_TYPES: Mapping[str, str] = {
    "text/csv": "csv",
    "application/jsonlines": "jsonlines",
    "application/json": "json",
    "application/x-parquet": "parquet",
}
_TYPE_BY_SUFFIX = {
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".txt": "text/csv",
    ".jsonl": "application/jsonlines",
    ".ndjson": "application/jsonlines",
    ".json": "application/jsonlines",
    ".parquet": "application/x-parquet",
    ".pq": "application/x-parquet",
}
#: What is shown of a single column, which need not be a column's name at all.
_NAME = re.compile(r"[\w .-]{1,40}")
#: A JMESPath that selects fields by their names.
_FIELDS = re.compile(r"""\s*\[\s*([A-Za-z_]\w*|"[^",]+")(\s*,\s*([A-Za-z_]\w*|"[^",]+"))*\s*\]\s*""")
_DEFAULT_REPORT = {"name": "report", "title": "Analysis Report"}

#: What the author of a DAG or a notebook writes for a key of Clarify's file; all other keys have the same name in both.
AUTHOR_NAMES: Mapping[str, str] = {
    "facet": "facet_name",
    "value_or_threshold": "facet_values_or_threshold",
    "group_variable": "group_name",
    "joinsource_name_or_index": "joinsource",
}

#: Sections of Clarify's file that speak of a trained model. They are kept, and left to Clarify.
_MODEL_METHODS = ("post_training_bias", "shap", "pdp", "asymmetric_shapley_value")


def describe_given(config: Any) -> str:
    """Write a configuration object as Python would, without the fields that nobody has given.

    :param config: a dataclass
    """
    given = [(each.name, getattr(config, each.name)) for each in fields(config) if each.repr]
    written = ", ".join(f"{name}={value!r}" for name, value in given if value is not None and value != {})
    return f"{type(config).__name__}({written})"


@dataclass
class DataConfig:
    """Where the data are and what they look like: a path, a table or a query, one of the three.

    :param input_path: a file, a folder or a glob; a local path or a URI that Airflow's ``ObjectStoragePath`` opens
    :param output_path: the folder for ``analysis.json``, ``summary.json`` and ``report.html``; None writes no file
    :param label: the label column, by name or by index
    :param headers: the column names, when the file has none or Clarify's configuration is to carry them
    :param dataset_type: ``text/csv``, ``application/jsonlines`` or ``application/x-parquet``; None tells it from the
        file's name
    :param excluded_columns: columns that Clarify is to leave out, by name or by index
    :param joinsource: the identifier column of a Clarify job on several instances
    :param features: a JMESPath to the features; JSON only. Only Clarify reads dense records, whose features are a list
    :param header_row: whether a CSV file begins with a header row; None compares: with ``headers``, the first row is
        one when it holds the same names, and an error when it seems to hold others; without, it always is one
    :param weight: a column of row weights; all counts become sums of weights (beyond Clarify)
    :param na_values: the texts that mean "missing" in a CSV or JSON Lines file; None takes those of
        pandas in CSV, and NaN alone in JSON Lines, where a missing value is null or left out
    :param csv_options: what DuckDB cannot guess of a CSV file, such as ``{"delim": "|", "quote": "'"}``
    :param conn_id: the Airflow connection that opens ``input_path`` and ``output_path``; only the latter with SQLEngine
        and SparkEngine, which read through a connection of their own
    :param analysis_config_output_path: the S3 folder into which a Clarify job's configuration is uploaded; None takes
        ``output_path``. Only jobs on SageMaker use it
    :param table: a table or view, for engines that have tables: ``"schema.table"``, or its parts as a list where a name
        has dots or quotes in it
    :param query: a SELECT in the engine's own SQL, instead of a table
    :param where: which rows take part: a condition in the engine's own SQL, or a mapping of columns to the value (or
        list of values) they are to have, which the engine quotes, so that it is safe with values from anywhere
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
    }

    __repr__ = describe_given

    def __post_init__(self) -> None:
        self.csv_options = {} if self.csv_options is None else self.csv_options
        self._check_types()
        self._check_source()
        if self.header_row is not None:
            self.header_row = parse_boolean(self.header_row, "header_row")
        if self.dataset_type is not None and not is_known_later(self.dataset_type):
            _check_dataset_type(self.dataset_type)
        if not is_known_later(self.headers):
            _check_headers(self.headers)

    @classmethod
    def coerce(cls, given: DataConfig | Mapping[str, Any]) -> DataConfig:
        """Accept the object itself or its fields as a mapping, as ``.expand()`` and JSON params give them.

        The names of the SageMaker SDK are accepted too: those of its constructor and of its ``get_config()``.

        :raises ConfigError: the mapping has a field that does not exist, or lacks ``input_path``
        """
        return (
            given if isinstance(given, DataConfig) else cast(DataConfig, _from_mapping(cls, _rename_keys(given, _SDK)))
        )

    @property
    def source(self) -> str:
        """The data as an error or a log line names them."""
        if self.table is not None:
            return self.table if isinstance(self.table, str) else ".".join(self.table)
        return "the query" if self.query is not None else str(self.input_path)

    def _check_types(self, *, rendered: bool = False) -> None:
        for name, wanted in self._types.items():
            value = getattr(self, name)
            if value is not None and not is_known_later(value):
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

    def resolve_dataset_type(self) -> str:
        """The dataset type; told from the name of the input where it was not given, and CSV where that does not tell.

        :raises ConfigError: the given one is none of Clarify's
        """
        if self.dataset_type is not None:
            return _check_dataset_type(self.dataset_type)
        if self.table is not None or self.query is not None:
            # Clarify knows no tables; of its types this is the one whose columns have types.
            return "application/x-parquet"
        name = str(self.input_path).rstrip("/").removesuffix(".gz")
        suffix = PurePosixPath(name).suffix.lower()
        return _TYPE_BY_SUFFIX.get(suffix, "text/csv")

    def list_missing_texts(self) -> frozenset[str]:
        """The texts that mean "missing" in a text file: the given ones, or those of pandas for its format."""
        if self.na_values is not None:
            return frozenset(self.na_values)
        json_lines = DATASET_TYPES[self.resolve_dataset_type()] == "jsonlines"
        return frozenset(JSON_NA_VALUES if json_lines else PANDAS_NA_VALUES)

    def get_config(self) -> dict[str, Any]:
        """This object's part of ``analysis_config.json``, in the order in which the SageMaker SDK writes it.

        :raises ConfigError: a part is not what it should be, also after its templates were rendered
        """
        self._check_types(rendered=True)
        _check_headers(self.headers)
        parts = {
            "features": self.features,
            "headers": None if self.headers is None else list(self.headers),
            "label": self.label,
            "joinsource_name_or_index": self.joinsource,
            "excluded_columns": None if self.excluded_columns is None else list(self.excluded_columns),
        }
        config: dict[str, Any] = {"dataset_type": self.resolve_dataset_type()}
        return config | {key: value for key, value in parts.items() if value is not None}


@dataclass
class BiasConfig:
    """Which labels are positive, and which groups are to be compared.

    :param label_values_or_threshold: the positive label values, or one threshold t (positive is then t < x)
    :param facet_name: the facet column, by name or by index; or a list of them
    :param facet_values_or_threshold: the sensitive group's values, or a threshold; for several facets a list with one
        entry (or None) per facet; None tests every value one against the rest
    :param group_name: the group variable for CDDL, by name or by index
    :param label_type: "categorical" or "continuous"; None leaves it to Clarify's rule (beyond Clarify)
    :param facet_type: the same for the facets: one word for all, or one per facet, named as in ``facet_name`` (beyond
        Clarify)
    """

    label_values_or_threshold: Sequence[Value]
    facet_name: ColumnRef | Sequence[ColumnRef]
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

    __repr__ = describe_given

    def __post_init__(self) -> None:
        if not is_known_later(self.label_values_or_threshold):
            _check_values(self.label_values_or_threshold, "label_values_or_threshold")
        for declared in [self.label_type, *_list_declared_types(self.facet_type)]:
            if declared not in (None, "categorical", "continuous"):
                raise ConfigError(f"label_type and facet_type are 'categorical' or 'continuous', not {declared!r}")
        if not is_known_later(self.facet_name) and not is_known_later(self.facet_values_or_threshold):
            self.build_facets()
        if self.group_name is not None and not is_known_later(self.group_name):
            check_argument("group_name", self.group_name, argument_types.COLUMN)

    @classmethod
    def coerce(cls, given: BiasConfig | Mapping[str, Any]) -> BiasConfig:
        """Accept the object itself or its fields as a mapping, or what ``get_config()`` of the SageMaker SDK gives.

        :raises ConfigError: the mapping has a field that does not exist, or lacks one that is required
        """
        if isinstance(given, BiasConfig):
            return given
        return cast(BiasConfig, _from_mapping(cls, _map_bias_fields(given)))

    def build_facets(self) -> list[dict[str, Any]]:
        """The ``facet`` list of ``analysis_config.json``.

        :raises ConfigError: the names and the values do not fit each other
        """
        if isinstance(self.facet_name, str | int):
            names: list[ColumnRef] = [self.facet_name]
            values: list[Sequence[Value] | None] = [self.facet_values_or_threshold]
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
            for column in self.facet_type:
                if str(column) not in map(str, names):
                    raise ConfigError(
                        f"facet_type: {column!r} is not a facet; facet_name has {', '.join(map(repr, names))}"
                    )
        facets: list[dict[str, Any]] = []
        for name, of_facet in zip(names, values, strict=True):
            facet: dict[str, Any] = {"name_or_index": name}
            if of_facet is not None:
                facet["value_or_threshold"] = list(_check_values(of_facet, "facet_values_or_threshold"))
            facets.append(facet)
        return facets

    def get_config(self) -> dict[str, Any]:
        """This object's part of ``analysis_config.json``, in the order in which the SageMaker SDK writes it.

        :raises ConfigError: a part is not what it should be, also after its templates were rendered
        """
        if self.group_name is not None:
            check_argument("group_name", self.group_name, argument_types.COLUMN)
        # Their author wrote no texts here, which were refused at once, so a template did.
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
    """One facet column of an analysis.

    :param name_or_index: the column
    :param values: the sensitive group's values, or a threshold; None tests every value one against the rest
    :param declared: the author's word on its type, which beats Clarify's rule
    """

    name_or_index: ColumnRef
    values: tuple[Value, ...] | None = None
    declared: DeclaredType | None = None


@dataclass(frozen=True)
class AnalysisConfig:
    """All of an analysis: Clarify's ``analysis_config.json``, checked.

    :param document: the file's content, every key in its place
    :param label_type: the author's word on the label's type (beyond Clarify, so not in the file)
    :param facet_type: the author's word on the facets' types
    :param key_names: what the author wrote for a key of the file, for error sentences: an argument of an operator, an
        option of the command line. Keys that are not named here were written as they stand in the file
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
        methods: Methods = "all",
        key_names: Mapping[str, str] = AUTHOR_NAMES,
    ) -> AnalysisConfig:
        """Put the parts together as the SageMaker SDK does for ``run_pre_training_bias``.

        :param data: where the data are, and their label
        :param bias: which labels are positive, and which groups to compare
        :param methods: "all", or names of metrics
        :param key_names: what the author writes for a key of the file, for error sentences
        :raises ConfigError: a part is missing or not allowed; names the key
        """
        check_argument("methods", methods, argument_types.METHODS)
        document = data.get_config() | bias.get_config()
        document["methods"] = {
            "report": dict(_DEFAULT_REPORT),
            "pre_training_bias": {"methods": methods if isinstance(methods, str) else list(methods)},
        }
        return cls(document, label_type=bias.label_type, facet_type=bias.facet_type, key_names=key_names)

    @classmethod
    def parse(cls, text: str, source: str = "analysis_config.json") -> AnalysisConfig:
        """Read the text of an ``analysis_config.json``.

        :param source: the name to show in an error
        :raises ConfigError: it is not JSON, or a key is wrong; names the key and says what is allowed
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
        """Return the name under which the author wrote a key of the file.

        :param key: a key of ``analysis_config.json``, or ``weight``, ``label_type`` or ``facet_type``
        """
        return self.key_names.get(key, key)

    def to_json(self) -> str:
        """The file as the SageMaker SDK writes it: one line, keys in its order, no newline at the end."""
        return json.dumps(self.document)

    @property
    def sha256(self) -> str:
        """A fingerprint of what was asked, types included, independent of the order of keys."""
        asked = {"config": self.document, "label_type": self.label_type, "facet_type": self.facet_type}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    @property
    def declared_types(self) -> dict[str, Any]:
        """What the author said of the columns' types, as far as anything."""
        facet_type = dict(self.facet_type) if isinstance(self.facet_type, Mapping) else self.facet_type
        said = {"label_type": self.label_type, "facet_type": facet_type}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def dataset_type(self) -> str:
        return str(self.document["dataset_type"])

    @property
    def headers(self) -> list[str] | None:
        return self.document.get("headers")

    @property
    def label(self) -> ColumnRef:
        """The label column.

        :raises ConfigError: the configuration names none
        """
        if self.document.get("label") is None:
            raise ConfigError(
                f"{self.spell_key('label')}: name the label column; pre-training bias cannot be measured without one"
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
                facet["name_or_index"],
                tuple(facet["value_or_threshold"]) if facet.get("value_or_threshold") else None,
                self._get_declared_type(facet["name_or_index"]),
            )
            for facet in given
        )

    @property
    def group_variable(self) -> ColumnRef | None:
        return self.document.get("group_variable")

    @property
    def methods(self) -> tuple[str, ...]:
        """The metrics asked for, sorted by name as Clarify writes them.

        :raises ConfigError: the configuration asks for no pre-training bias
        """
        section = self.document["methods"].get("pre_training_bias")
        if section is None:
            raise ConfigError(
                "methods: pre_training_bias is missing, and it is what is measured here; add "
                '"pre_training_bias": {"methods": "all"}'
            )
        methods = section.get("methods", "all")
        return tuple(METRICS) if methods == "all" else tuple(sorted(set(methods)))

    @property
    def report_file(self) -> str:
        """The name of the HTML report, which Clarify's ``report`` method says without its ending.

        :raises ConfigError: it is no file name
        """
        name = str((self.document["methods"].get("report") or _DEFAULT_REPORT).get("name", _DEFAULT_REPORT["name"]))
        if not name.strip() or name.startswith(".") or set(name) & set("/\\\0"):
            raise ConfigError(f"methods.report.name: {name!r} is no file name; give one without an ending")
        return f"{name}.html"

    @property
    def left_to_clarify(self) -> tuple[str, ...]:
        """The methods that need a trained model, which only a Clarify job computes."""
        return tuple(name for name in self.document["methods"] if name in _MODEL_METHODS)

    def _get_declared_type(self, facet: ColumnRef) -> DeclaredType | None:
        if isinstance(self.facet_type, Mapping):
            return self.facet_type.get(str(facet))
        return self.facet_type


def resolve_column(reference: ColumnRef, columns: Sequence[str], key: str) -> str:
    """The name of the column that a name or an index means.

    :param reference: a name, or a position counted from 0
    :param columns: the columns of the data, in their order
    :param key: the configuration key to name in an error
    :raises ConfigError: there is no such column, or several have that name
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
    """The error about a column that is not there, with the one that was perhaps meant.

    :param reference: the name that was given
    :param columns: the columns of the data
    :param key: the configuration key to name
    :param where: the data, as the error names them
    """
    near = close_name(reference, columns)
    hint = f"; did you mean {near!r}?" if near is not None else ""
    if len(columns) == 1:
        # A single column may be a file of another kind altogether, whose first line is nobody's business.
        hint = hint or suggest_delimiter(columns)
        shown = repr(columns[0]) if _NAME.fullmatch(columns[0]) else "one, whose name is no word"
    else:
        shown = ", ".join(repr(column) for column in columns[:20]) + (", ..." if len(columns) > 20 else "")
    return ConfigError(f"{key}: {where} have no column {reference!r}{hint} (columns: {shown})")


def close_name(name: str, names: Sequence[str]) -> str | None:
    """The one of some names that is closest to another; None where none is close.

    >>> close_name("Aproved", ["age", "approved"])
    'approved'
    """
    from difflib import get_close_matches

    by_folded = {each.strip().casefold(): each for each in reversed(names)}
    folded = name.strip().casefold()
    near = [folded] if folded in by_folded else get_close_matches(folded, by_folded, n=1, cutoff=0.7)
    return by_folded[near[0]] if near else None


def suggest_delimiter(cells: Sequence[str], delimiter: str = ",") -> str:
    """What to say where a single cell looks as if it held many; empty where it does not.

    :param cells: those of a row, or the names of all columns
    :param delimiter: the one that was looked for
    """
    if len(cells) == 1:
        for other in (";", "\t", "|", ","):
            if other != delimiter and other in cells[0]:
                return f"; it seems to be separated by {other!r}: set csv_options={{'delim': {other!r}}}"
    return ""


def complete_from(data: DataConfig, config: AnalysisConfig) -> DataConfig:
    """Take what a configuration file says of the files, where the data configuration leaves it open.

    :param data: where the data are
    :param config: an analysis configuration, whose headers, features and dataset type describe them
    """
    if not data.input_path:
        return data
    open_fields = [name for name in ("headers", "features", "dataset_type") if getattr(data, name) is None]
    stated: dict[str, Any] = {name: config.document.get(name) for name in open_fields}
    return replace(data, **stated)


def check_features(features: str | None, headers: Sequence[str] | None, dataset_type: str) -> None:
    """See that the records of a JSON Lines dataset are read by their fields' names, not by a JMESPath to a list.

    A selection of fields, such as ``[age, gender]``, names what is read anyway, unless ``headers`` rename it.

    :param features: the JMESPath to the features in each record
    :param headers: the column names
    :param dataset_type: of the data; features concern JSON only
    :raises ConfigError: the features are not fields by their own names
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


def _refuse_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object. Python would let the last of two equal keys win, in silence."""
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ConfigError(f"{repeated}: the key stands there twice; leave one out")
    return document


def _list_declared_types(given: object) -> list[object]:
    return list(given.values()) if isinstance(given, Mapping) else [given]


def _check_dataset_type(dataset_type: str) -> str:
    if dataset_type not in DATASET_TYPES:
        raise ConfigError(f"dataset_type: {dataset_type!r} is not one of {', '.join(DATASET_TYPES)}")
    return dataset_type


def _check_headers(headers: Sequence[str] | None) -> None:
    seen: set[str] = set()
    for header in headers or ():
        if header in seen:
            raise ConfigError(f"headers: {header!r} stands there twice; column names must differ")
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


#: Names of the SageMaker SDK's ``DataConfig`` that are not ours: of its constructor, and of its ``get_config()``.
_SDK = {
    "s3_data_input_path": "input_path",
    "s3_output_path": "output_path",
    "s3_analysis_config_output_path": "analysis_config_output_path",
    "joinsource_name_or_index": "joinsource",
}


def _rename_keys(given: Any, names: Mapping[str, str]) -> Any:
    return {names.get(name, name): value for name, value in given.items()} if isinstance(given, Mapping) else given


def _map_bias_fields(given: Any) -> Any:
    """Our fields from a part of ``analysis_config.json``, which lists facets with their values."""
    facets = given.get("facet") if isinstance(given, Mapping) else None
    if not isinstance(facets, Sequence) or not all(isinstance(f, Mapping) and "name_or_index" in f for f in facets):
        return given
    values = [facet.get("value_or_threshold") for facet in facets]
    fields_given = {name: value for name, value in given.items() if name != "facet"} | {
        "facet_name": [facet["name_or_index"] for facet in facets],
        "facet_values_or_threshold": values if any(value is not None for value in values) else None,
    }
    return _rename_keys(fields_given, {"group_variable": "group_name"})


def _from_mapping(cls: type, given: Mapping[str, Any]) -> object:
    if not isinstance(given, Mapping):
        raise ConfigError(f"expected a {cls.__name__} or a mapping of its fields, got {type(given).__name__}")
    allowed = [each.name for each in fields(cls)]
    unknown = [name for name in given if name not in allowed]
    if unknown:
        raise ConfigError(f"{cls.__name__}: no field {unknown[0]!r}; the fields are {', '.join(allowed)}")
    try:
        return cls(**given)
    except TypeError as error:
        raise ConfigError(f"{cls.__name__}: {str(error).removeprefix(f'{cls.__name__}.__init__() ')}") from None
