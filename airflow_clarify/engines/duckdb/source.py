"""The data to count or to sample, as a relation that DuckDB scans.

Nothing is guessed that could be guessed wrong: the columns of files are settled before any scan, and the cells of text
files are read as the texts they are. What is read, and what is not:

- Only the columns that are asked for. Every row of a text file is split into cells all the same, so a row with too many
  or too few of them is an error wherever it stands; but cells of other columns are not decoded, so bytes of another
  encoding are an error only in columns that are read.
- A folder's files of the right ending, by name. Folders named like "country=US" make a column of a Parquet dataset, as
  they do in Spark and pandas; in a text dataset they mean nothing.
- Columns of Parquet files are matched by name, those of CSV files by position, which is why all must have one header.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from airflow_clarify.bias.config import DATASET_TYPES, PANDAS_NA_VALUES, DataConfig
from airflow_clarify.engines.duckdb.dialect import CsvDialect, csv_relation, settle_csv
from airflow_clarify.engines.duckdb.errors import explain
from airflow_clarify.engines.duckdb.relations import file_list, table_function
from airflow_clarify.engines.duckdb.storage import Storage
from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError

if TYPE_CHECKING:
    import duckdb
    import pandas
    from sqlglot import exp

__all__ = ["CsvDialect", "Format", "Source", "csv_relation", "open_frame", "open_source"]

Format = Literal["csv", "parquet", "jsonlines", "dataframe"]

_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "csv": (".csv", ".tsv", ".txt"),
    "parquet": (".parquet", ".pq"),
    "jsonlines": (".jsonl", ".ndjson", ".json"),
}
_FRAME = "airflow_clarify_frame"

#: Parquet's, as DuckDB calls them.
_WHOLE_NUMBERS = frozenset(
    {f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")}
)

#: Records of JSON Lines that are looked at for their fields.
_JSON_RECORDS = 20_000
#: The longest of them, in bytes.
_JSON_BYTES = 64 << 20


@dataclass
class Source:
    """A dataset that an open DuckDB connection can scan.

    :param connection: opened, with its limits set
    :param location: the data as the author named them
    :param format: what the files hold
    :param files: in reading order
    :param columns: name to DuckDB type, in the order of the data; CSV and JSON Lines cells are all VARCHAR
    :param dialect: of a CSV source
    :param na_values: texts that mean "missing" in CSV and JSON Lines
    :param storage: where the files are; None for a DataFrame
    :param frame: the DataFrame, where the source is one
    :param categorical: columns that are compared by equality whatever they hold
    :param held_as_objects: columns of numbers in a DataFrame that have the dtype object
    :param casts: columns of a DataFrame that DuckDB is given as texts, and the types of their values
    :param partitioned: whether names of folders make columns
    :param at_odds: columns that cannot be read, because the files disagree on them, and how
    """

    connection: duckdb.DuckDBPyConnection
    location: str
    format: Format
    files: list[str]
    columns: dict[str, str]
    dialect: CsvDialect | None = None
    na_values: frozenset[str] = frozenset(PANDAS_NA_VALUES)
    storage: Storage | None = None
    frame: pandas.DataFrame | None = None
    categorical: frozenset[str] = frozenset()
    held_as_objects: frozenset[str] = frozenset()
    casts: Mapping[str, str] = field(default_factory=dict)
    partitioned: bool = False
    at_odds: Mapping[str, str] = field(default_factory=dict)

    @property
    def typed(self) -> bool:
        """Whether the source itself knows the types of its columns; in text files they are told from the cells."""
        return self.format in ("parquet", "dataframe")

    def scan(self, columns: Sequence[str] | None = None) -> exp.Select:
        """``SELECT columns FROM`` the data, in their order.

        :param columns: names; None for all
        :raises DataError: the files disagree on one of them
        """
        from sqlglot import exp

        names = list(self.columns) if columns is None else list(columns)
        for name in names:
            if name in self.at_odds:
                raise DataError(self.at_odds[name])
        selected = [self._column(name) for name in names]
        return exp.select(*(selected or [exp.Literal.number(1)])).from_(self._relation(names))

    def open(self, file: str) -> BinaryIO:
        """The bytes of a file, decompressed.

        :raises DataError: it cannot be opened
        """
        if self.storage is None:
            raise DataError("a DataFrame has no files to open")
        return _decompressed(file, self.storage.open(file), self.dialect)

    def execute(self, query: exp.Expr, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and fetch all of its rows; they are few.

        :raises DataError: DuckDB cannot do it; the sentence says why
        """
        import duckdb

        try:
            return self.connection.execute(query.sql(dialect="duckdb"), list(parameters)).fetchall()
        # OSError is what a remote filesystem raises, through DuckDB.
        except (duckdb.Error, OSError) as error:
            raise explain(error, self.location) from None

    def _column(self, name: str) -> exp.Expr:
        from sqlglot import exp

        column = exp.column(name, quoted=True)
        if name not in self.casts:
            return column
        return exp.cast(column, self.casts[name], dialect="duckdb").as_(name, quoted=True)

    def _relation(self, names: Sequence[str]) -> exp.Expr:
        from sqlglot import exp

        if self.format == "dataframe":
            return exp.to_table(_FRAME)
        files = file_list(self.files)
        if self.format == "parquet":
            return table_function("read_parquet", files, hive_partitioning=self.partitioned)
        if self.format == "jsonlines":
            return _json_relation(files, names or list(self.columns)[:1])
        assert self.dialect is not None
        return csv_relation(files, self.dialect, list(self.columns), keep_empty="" not in self.na_values)


def open_source(connection: duckdb.DuckDBPyConnection, data: DataConfig) -> Source:
    """Find the files, settle the dialect and the columns.

    :param connection: an open DuckDB connection
    :param data: where the data are
    :raises ConfigError: headers or options do not fit
    :raises DataError: there is no file, or it cannot be read
    """
    dataset_type = data.resolved_dataset_type()
    if dataset_type == "application/json":
        raise ConfigError(
            "dataset_type: application/json needs JMESPath features, which only a Clarify job reads; the embedded "
            "engine reads application/jsonlines"
        )
    kind = cast(Format, DATASET_TYPES[dataset_type])
    if data.csv_options and kind != "csv":
        raise ConfigError(f"csv_options: given for {dataset_type}; they are for text/csv")
    storage = Storage(data.input_path, data.conn_id)
    files = storage.files(_SUFFIXES[kind])
    # An empty file among others (Spark leaves some) holds no rows; Parquet's reader would stumble over it.
    filled = [file for file in files if storage.size(file)]
    if not filled:
        raise UnfitDataError(f"{files[0]}: the file is empty")
    storage.register(connection)
    na_values = frozenset(PANDAS_NA_VALUES if data.na_values is None else data.na_values)
    source = Source(connection, data.input_path, kind, filled, {}, None, na_values, storage)
    settle = {"csv": _settle_csv, "jsonlines": _settle_json, "parquet": _settle_parquet}[kind]
    settle(source, data)
    return source


def open_frame(connection: duckdb.DuckDBPyConnection, frame: pandas.DataFrame) -> Source:
    """Let DuckDB scan a DataFrame.

    :raises DataError: column names are not texts, or stand there twice
    """
    import pandas
    from sqlglot import exp

    from airflow_clarify.engines.duckdb.frames import categorical, check_names, find_nested, plain_column

    check_names(frame)
    _check_distinct(frame.columns, "the DataFrame")
    columns = {name: plain_column(frame[name]) for name in frame.columns}
    plain = pandas.DataFrame({name: column.values for name, column in columns.items()}, copy=False)
    connection.register(_FRAME, plain)
    source = Source(
        connection,
        "the DataFrame",
        "dataframe",
        [],
        {},
        frame=frame,
        categorical=categorical(frame),
        held_as_objects=frozenset(name for name, column in columns.items() if column.held_as_objects),
        casts={name: column.cast for name, column in columns.items() if column.cast is not None},
    )
    source.columns = _described(source, exp.to_table(_FRAME)) | dict(source.casts)
    source.columns |= dict.fromkeys(find_nested(frame), "STRUCT()")
    return source


def _settle_csv(source: Source, data: DataConfig) -> None:
    assert source.storage is not None
    storage = source.storage
    told = CsvDialect.of(source.files[0], data.csv_options)
    source.dialect, names = settle_csv(source.files, lambda file: _decompressed(file, storage.open(file), told), data)
    _check_distinct(names, source.files[0])
    source.columns = dict.fromkeys(names, "VARCHAR")


def _settle_parquet(source: Source, _: DataConfig) -> None:
    assert source.storage is not None
    source.partitioned = source.storage.partitioned(source.files)
    relation = table_function("read_parquet", file_list(source.files), hive_partitioning=source.partitioned)
    source.columns = _described(source, relation)
    if len(source.files) > 1 or _may_be_renamed(source.columns):
        _compare_schemas(source)


def _may_be_renamed(names: Iterable[str]) -> bool:
    """Whether a name looks like those that DuckDB gives to the second of two columns which differ only in case."""
    stems = {name.rpartition("_")[0].lower() for name in names if name.rpartition("_")[2].isdecimal()}
    return any(name.lower() in stems for name in names)


def _compare_schemas(source: Source) -> None:
    """Find columns whose types differ between the files: DuckDB would cast, and 2.5 would come out as 2 or 3.

    :raises DataError: names stand there twice, or differ only in case
    """
    seen: dict[str, tuple[str, str]] = {}
    at_odds: dict[str, str] = {}
    for file, columns in _schemas(source).items():
        _check_distinct([name for name, _ in columns], file)
        for name, kind in columns:
            other, other_kind = seen.setdefault(name, (file, kind))
            # Casts between whole numbers lose nothing; one that does not fit is an error.
            if kind != other_kind and not {kind, other_kind} <= _WHOLE_NUMBERS:
                at_odds.setdefault(
                    name, f"{file}: column {name!r} is {kind}, and {other_kind} in {other}; give it one type everywhere"
                )
    source.at_odds = at_odds


def _schemas(source: Source) -> dict[str, list[tuple[str, str]]]:
    """The columns of each Parquet file, and their types."""
    from sqlglot import exp

    schemas = table_function("parquet_schema", file_list(source.files))
    nodes: dict[str, list[tuple[str, int, str]]] = {}
    for file, name, children, kind in source.execute(
        exp.select("file_name", "name", "num_children", "duckdb_type").from_(schemas)
    ):
        nodes.setdefault(file, []).append((name, children or 0, kind or "nested"))
    columns: dict[str, list[tuple[str, str]]] = {}
    for file, tree in nodes.items():
        columns[file] = []
        # A column is a child of the root, which comes first; what follows a nested column is part of it.
        descendants = 0
        for name, children, kind in tree[1:]:
            if not descendants:
                columns[file].append((name, kind))
            descendants += children - (1 if descendants else 0)
    return columns


def _settle_json(source: Source, data: DataConfig) -> None:
    """The field names; those of the first records, unless the author lists them."""
    names = list(data.headers) if data.headers is not None else _json_fields(source)
    _check_distinct(names, source.files[0])
    source.columns = dict.fromkeys(names, "VARCHAR")


def _json_fields(source: Source) -> list[str]:
    from sqlglot import exp

    record = exp.column("json")
    records = table_function("read_ndjson_objects", file_list(source.files), maximum_object_size=_JSON_BYTES)
    first = exp.select(
        exp.Anonymous(this="json_keys", expressions=[record]).as_("fields"),
        exp.Window(this=exp.RowNumber()).as_("position"),
    ).from_(exp.select(record.copy()).from_(records).limit(_JSON_RECORDS).subquery("records"))
    query = (
        exp.select("fields")
        .from_(first.subquery("first_records"))
        .group_by("fields")
        .order_by(exp.func("min", exp.column("position")))
    )
    kinds = [fields for (fields,) in source.execute(query)]
    for fields in kinds:
        _check_distinct(fields, source.files[0])
    names = list(dict.fromkeys(name for fields in kinds for name in fields if name))
    if not names and kinds:
        raise DataError(f"{source.files[0]}: its lines are not JSON objects with fields; JSON Lines has one a line")
    if not names:
        raise UnfitDataError(f"{source.files[0]}: the file holds no rows")
    return names


def _json_relation(files: exp.Expr, names: Sequence[str]) -> exp.Expr:
    """The fields as texts."""
    return table_function(
        "read_json",
        files,
        format="newline_delimited",
        # Otherwise a line that is no object would be taken for the value of the only field asked for.
        records="true",
        columns=dict.fromkeys(names, "VARCHAR"),
        maximum_object_size=_JSON_BYTES,
        hive_partitioning=False,
    )


def _decompressed(file: str, raw: BinaryIO, dialect: CsvDialect | None) -> BinaryIO:
    told = dialect.compression if dialect is not None else None
    if told == "gzip" or (told is None and file.lower().endswith(".gz")):
        return cast(BinaryIO, io.BufferedReader(_Decompressing(fileobj=raw)))
    return raw


class _Decompressing(gzip.GzipFile):
    """Closes the file that it decompresses with itself, which GzipFile leaves open."""

    def close(self) -> None:
        compressed = cast(Any, self.fileobj)
        super().close()
        if compressed is not None:
            compressed.close()


def _described(source: Source, relation: exp.Expr) -> dict[str, str]:
    from sqlglot import exp

    query = exp.Describe(this=exp.select("*").from_(relation))
    return {str(row[0]): str(row[1]) for row in source.execute(query)}


def _check_distinct(names: Iterable[str], where: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if name in seen.values():
            raise DataError(f"{where}: column {name!r} stands there twice; rename one, or give headers")
        # DuckDB does not tell "Age" from "age", so neither can a query.
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise DataError(f"{where}: columns {other!r} and {name!r} differ only in case; rename one, or give headers")
