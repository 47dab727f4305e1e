"""The data to count or resample, as a relation that DuckDB scans.

DuckDB's automatic detection is not used, as it can be wrong: the columns of files are resolved before any scan, and the
cells of text files are read as texts. The following is read:

- Only the requested columns. Every row of a text file is still split into cells, so a row with too many or too few
  cells is always an error; cells of other columns are not decoded, so a wrong encoding is an error only in requested
  columns.
- The files of a folder with a matching ending, sorted by name. Folders named like "country=US" add a column to a
  Parquet dataset, as in Spark and pandas; in a text dataset they have no meaning.
- Columns of Parquet files are matched by name, those of CSV files by position, so all CSV files must have the same
  header.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from sqlglot import exp

from airflow_clarify.bias.config import DATASET_TYPES, PANDAS_NA_VALUES, DataConfig, check_features, close_name
from airflow_clarify.engines.counting.expressions import StorageType
from airflow_clarify.engines.counting.predictions import build_fraction_query
from airflow_clarify.engines.counting.queries import select_from
from airflow_clarify.engines.duckdb.csv import CsvDialect, build_csv_relation, resolve_csv
from airflow_clarify.engines.duckdb.errors import explain_error
from airflow_clarify.engines.duckdb.storage_types import map_storage_type
from airflow_clarify.engines.duckdb.table_functions import build_file_list, build_table_function
from airflow_clarify.exceptions import ConfigError, DataError, UnfitDataError
from airflow_clarify.io.filesystem import InputFiles

if TYPE_CHECKING:
    import duckdb
    import pandas
__all__ = ["CsvDialect", "Format", "Source", "build_csv_relation", "open_frame", "open_source"]

Format = Literal["csv", "parquet", "jsonlines", "dataframe"]

_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "csv": (".csv", ".tsv", ".txt"),
    "parquet": (".parquet", ".pq"),
    "jsonlines": (".jsonl", ".ndjson", ".json"),
}
_FRAME = "airflow_clarify_frame"

#: The integer types of Parquet, by their names in DuckDB.
_WHOLE_NUMBERS = frozenset(
    {f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")}
)

#: The number of lines of the maximum size that DuckDB's buffer holds.
_BUFFERED_LINES = 16

#: The number of first records of JSON Lines that are scanned for field names.
_JSON_RECORDS = 20_000
#: The maximum size of a record, in bytes.
_JSON_BYTES = 64 << 20


@dataclass
class Source:
    """A dataset that an open DuckDB connection can scan.

    :param connection: an open connection with its limits set
    :param location: the location of the data as the user gave it
    :param format: the format of the data
    :param files: the names of the files, in reading order
    :param columns: the DuckDB type of each column, in the order of the data; cells of CSV and JSON Lines are VARCHAR
    :param dialect: the dialect of a CSV source
    :param na_values: the texts that count as missing in CSV and JSON Lines
    :param storage: the filesystem access to the files; None for a DataFrame
    :param frame: the DataFrame, if the source is one
    :param categorical: the columns that are compared by equality whatever their type
    :param held_as_objects: the numeric columns of a DataFrame that have the dtype object
    :param casts: the DuckDB type of each column of a DataFrame that is passed to DuckDB as text
    :param partitioned: whether folder names add columns
    :param unreadable: the columns that cannot be read, with the reason: their type differs between files, or their name
        is not unique
    """

    connection: duckdb.DuckDBPyConnection
    location: str
    format: Format
    files: list[str]
    columns: dict[str, str]
    dialect: CsvDialect | None = None
    na_values: frozenset[str] = frozenset(PANDAS_NA_VALUES)
    storage: InputFiles | None = None
    frame: pandas.DataFrame | None = None
    categorical: frozenset[str] = frozenset()
    held_as_objects: frozenset[str] = frozenset()
    casts: Mapping[str, str] = field(default_factory=dict)
    partitioned: bool = False
    unreadable: Mapping[str, str] = field(default_factory=dict)
    #: The columns of the file of predictions; None if predictions are part of the data.
    prediction_columns: Sequence[str] | None = None
    #: Whether the scores are whole numbers only; None if it has not been checked.
    whole_scores: bool | None = None

    @property
    def typed(self) -> bool:
        """Return whether the columns are typed; in text files, types are inferred from cells."""
        return self.format in ("parquet", "dataframe")

    def is_typed(self, column: str) -> bool:
        """Return whether a column is typed; in text files, types are inferred from cells.

        :param column: the name of the column
        """
        return self.typed

    def scan_numbered(self, columns: Sequence[str], rows: int | None) -> exp.Select:
        """Build the query for columns and the ``position`` of each row.

        :param columns: the names of the columns
        :param rows: the number of first rows to read; None for all
        """
        scan = self.scan(columns) if rows is None else self._scan_head(columns, rows)
        # A window without partition and order numbers the rows while they stream, in the order of the files.
        names = [exp.column(name, quoted=True) for name in columns]
        return select_from(scan.subquery("data"), *names, exp.Window(this=exp.RowNumber()).as_("position"))

    def scan(self, columns: Sequence[str] | None = None) -> exp.Select:
        """Build the query ``SELECT columns FROM`` the data.

        :param columns: the names of the columns, in order; None for all
        :raises DataError: a column cannot be read
        """
        names = list(self.columns) if columns is None else list(columns)
        for name in names:
            if name in self.unreadable:
                raise DataError(self.unreadable[name])
        selected = [self._build_column(name) for name in names]
        return select_from(self._build_relation(names), *(selected or [exp.Literal.number(1)]))

    def _scan_head(self, columns: Sequence[str], rows: int) -> exp.Select:
        """Build the query for the first rows, which are read from text files through small buffers."""
        source = self if self.dialect is None else replace(self, dialect=self.dialect.reduce_buffer())
        return source.scan(columns).limit(rows)

    def has_whole_scores(self, column: str) -> bool:
        """Return whether a column of scores has whole numbers only, so that it holds labels.

        :param column: the name of the column
        :raises DataError: the data cannot be read
        """
        stored = map_storage_type(self.columns[column], typed=self.is_typed(column))
        if self.whole_scores is None and stored is StorageType.TEXT_CELL:
            # The query ends at the first score that is not a whole number.
            query = build_fraction_query(column, self.scan([column]).subquery("data"))
            self.whole_scores = not self.execute(query)
        return stored in (StorageType.INTEGER, StorageType.BOOLEAN) or bool(self.whole_scores)

    def open(self, file: str) -> BinaryIO:
        """Open a file and decompress it.

        :param file: the name of the file
        :raises DataError: the file cannot be opened, or the source is a DataFrame
        """
        if self.storage is None:
            raise DataError("a DataFrame has no files to open")
        return _decompress(file, self.storage.open(file), self.dialect)

    def execute(self, query: exp.Expr, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query with a small result and fetch all of its rows.

        :param query: the query
        :param parameters: the values of its placeholders
        :return: the rows
        :raises DataError: the query fails; the message gives the reason
        """
        import duckdb

        try:
            return self.connection.execute(query.sql(dialect="duckdb"), list(parameters)).fetchall()
        # Remote filesystems raise OSError, which DuckDB passes on.
        except (duckdb.Error, OSError) as error:
            raise explain_error(error, self.location, self.format) from None

    def refuse_null_lines(self) -> None:
        """Check that no line of a JSON Lines dataset is null.

        DuckDB reads such a line as a row without any value. The check scans all lines, so callers run it only if there
        is such a row.

        :raises DataError: a line is null
        """
        if self.format != "jsonlines":
            return
        kind = exp.Anonymous(this="json_type", expressions=[exp.column("json")])
        is_null = exp.EQ(this=kind, expression=exp.Literal.string("NULL"))
        ((lines,),) = self.execute(
            exp.select(exp.Count(this=exp.Star())).from_(_select_json_records(self)).where(is_null)
        )
        if lines:
            raise DataError(
                f"{self.location}: {'a line holds' if lines == 1 else f'{lines:,} lines hold'} null, not an object; "
                "JSON Lines has one object a line"
            )

    def find_nested_fields(self, columns: Iterable[str]) -> frozenset[str]:
        """Find the fields of JSON Lines that hold arrays or objects, which DuckDB reads as texts.

        The check scans all lines, so callers run it only for columns with such texts.

        :param columns: the names of the columns
        :return: those of them that are nested in any record; empty for other formats
        :raises DataError: the data cannot be read
        """
        names = list(columns) if self.format == "jsonlines" else []
        if not names:
            return frozenset()
        pointers = [f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names]
        kinds = [
            exp.Anonymous(this="json_type", expressions=[exp.column("json"), exp.Literal.string(pointer)])
            for pointer in pointers
        ]
        nested = [exp.func("max", kind.isin("ARRAY", "OBJECT")) for kind in kinds]
        (found,) = self.execute(exp.select(*nested).from_(_select_json_records(self)))
        return frozenset(name for name, is_nested in zip(names, found, strict=True) if is_nested)

    def _build_column(self, name: str) -> exp.Expr:
        column = exp.column(name, quoted=True)
        if name not in self.casts:
            return column
        return exp.cast(column, self.casts[name], dialect="duckdb").as_(name, quoted=True)

    def _build_relation(self, names: Sequence[str]) -> exp.Expr:
        if self.format == "dataframe":
            return exp.to_table(_FRAME)
        files = build_file_list(self.files)
        if self.format == "parquet":
            return build_table_function("read_parquet", files, hive_partitioning=self.partitioned)
        if self.format == "jsonlines":
            return _build_json_relation(files, names or list(self.columns)[:1])
        assert self.dialect is not None
        # CSV columns are matched by position. DuckDB rejects duplicate names, so unreadable columns are renamed.
        columns = [f"not read {i}" if name in self.unreadable else name for i, name in enumerate(self.columns)]
        return build_csv_relation(files, self.dialect, columns, keep_empty="" not in self.na_values)


def open_source(connection: duckdb.DuckDBPyConnection, data: DataConfig) -> Source:
    """Find the files, and resolve their dialect and columns.

    :param connection: an open DuckDB connection
    :param data: the location and description of the data
    :return: the source
    :raises ConfigError: headers or options do not fit the data
    :raises DataError: there is no file, or a file cannot be read
    """
    dataset_type = data.resolve_dataset_type()
    if dataset_type == "application/json":
        raise ConfigError(
            "dataset_type: application/json needs JMESPath features, which only a Clarify job reads; the embedded "
            "engine reads application/jsonlines"
        )
    check_features(data.features, data.headers, dataset_type)
    kind = cast(Format, DATASET_TYPES[dataset_type])
    if data.csv_options and kind != "csv":
        raise ConfigError(f"csv_options: given for {dataset_type}; they are for text/csv")
    storage = InputFiles(data.input_path, data.conn_id)
    files = storage.list_files(_SUFFIXES[kind])
    # Spark writes some empty files among the others; the reader of Parquet fails on them.
    filled = [file for file in files if storage.get_size(file)]
    if not filled:
        raise UnfitDataError(f"{files[0]}: the file is empty")
    storage.register(connection)
    source = Source(connection, data.input_path, kind, filled, {}, None, data.list_missing_texts(), storage)
    resolve = {"csv": _resolve_csv, "jsonlines": _resolve_json, "parquet": _resolve_parquet}[kind]
    resolve(source, data)
    return source


def open_frame(connection: duckdb.DuckDBPyConnection, frame: pandas.DataFrame) -> Source:
    """Register a DataFrame as a source.

    :param connection: an open DuckDB connection
    :param frame: the data
    :return: the source
    :raises DataError: a column name is not a string, or no column can be read
    """
    import pandas

    from airflow_clarify.engines.duckdb.dataframe import check_names, convert_column, find_nested, list_categorical

    check_names(frame)
    names, unreadable = rename_repeated(frame.columns, "the DataFrame")
    if len(unreadable) == len(names):
        raise DataError(
            next(iter(unreadable.values()), "the DataFrame has no columns; give one with a row per example")
        )
    read = frame.loc[:, [name not in unreadable for name in names]]
    columns = {name: convert_column(read[name]) for name in read.columns}
    plain = pandas.DataFrame({name: column.values for name, column in columns.items()}, copy=False)
    connection.register(_FRAME, plain)
    source = Source(
        connection,
        "the DataFrame",
        "dataframe",
        [],
        {},
        frame=frame,
        categorical=list_categorical(read),
        held_as_objects=frozenset(name for name, column in columns.items() if column.held_as_objects),
        casts={name: column.cast for name, column in columns.items() if column.cast is not None},
    )
    types = _describe_relation(source, exp.to_table(_FRAME)) | dict(source.casts)
    types |= dict.fromkeys(find_nested(read), "STRUCT()")
    source.columns, source.unreadable = {name: types.get(name, "VARCHAR") for name in names}, unreadable
    return source


def _resolve_csv(source: Source, data: DataConfig) -> None:
    assert source.storage is not None
    storage = source.storage
    given = CsvDialect.from_options(source.files[0], data.csv_options)
    source.dialect, names = resolve_csv(source.files, lambda file: _decompress(file, storage.open(file), given), data)
    _refuse_long_last_lines(source)
    names, source.unreadable = rename_repeated(names, source.files[0])
    source.columns = dict.fromkeys(names, "VARCHAR")


def _refuse_long_last_lines(source: Source) -> None:
    """Check that no file ends in a line longer than DuckDB's buffer.

    DuckDB skips such a line without an error. Long lines anywhere else, and somewhat shorter last lines, are errors of
    DuckDB itself.

    :raises DataError: the last line of a file is too long
    """
    assert source.dialect is not None
    assert source.storage is not None
    size = source.dialect.max_line_size
    for file in source.files:
        end = source.storage.get_size(file)
        if end <= _BUFFERED_LINES * size or _is_compressed(file, source.dialect):
            continue
        with source.open(file) as raw:
            raw.seek(end - size)
            tail = raw.read(size)
        if b"\n" not in tail[:-1] and b"\r" not in tail[:-1]:
            raise DataError(
                f"{file}: its last line is longer than max_line_size; raise it, as in "
                'csv_options={"max_line_size": 20000000}'
            )


def _resolve_parquet(source: Source, data: DataConfig) -> None:
    assert source.storage is not None
    source.partitioned = source.storage.is_partitioned(source.files)
    relation = build_table_function("read_parquet", build_file_list(source.files), hive_partitioning=source.partitioned)
    source.columns = _describe_relation(source, relation)
    if len(source.files) > 1 or _looks_renamed(source.columns):
        _compare_schemas(source)
    names = list(source.columns)
    if data.headers is not None and list(data.headers) != names and sorted(data.headers) == sorted(names):
        raise ConfigError(
            f"headers: {source.files[0]} has the same names in another order; Parquet files name their own columns, so "
            "leave headers out"
        )


def _looks_renamed(names: Iterable[str]) -> bool:
    """Check for names such as DuckDB gives to duplicates that differ only in case."""
    stems = {name.rpartition("_")[0].lower() for name in names if name.rpartition("_")[2].isdecimal()}
    return any(name.lower() in stems for name in names)


def _compare_schemas(source: Source) -> None:
    """Find unreadable columns: names that differ only in case, or types that differ between files.

    DuckDB would cast the latter to the type in the first file, so that 2.5 could become 2 or 3.
    """
    seen: dict[str, tuple[str, str]] = {}
    unreadable: dict[str, str] = {}
    schemas = _read_schemas(source)
    for file, columns in schemas.items():
        names, same_names = rename_repeated([name for name, _ in columns], file)
        if same_names and file == next(iter(schemas)):
            # DuckDB renames the second column; the columns from folder names come last.
            described = list(source.columns.items())
            kinds = dict(zip(names, (kind for _, kind in described), strict=False))
            source.columns = kinds | dict(described[len(names) :])
        unreadable |= same_names
        for name, kind in zip(names, (kind for _, kind in columns), strict=True):
            other, other_kind = seen.setdefault(name, (file, kind))
            # Casts between integer types are lossless; a value that does not fit is an error.
            if kind != other_kind and not {kind, other_kind} <= _WHOLE_NUMBERS:
                unreadable.setdefault(
                    name, f"{file}: column {name!r} is {kind}, and {other_kind} in {other}; give it one type everywhere"
                )
    source.unreadable = unreadable


def _read_schemas(source: Source) -> dict[str, list[tuple[str, str]]]:
    """Read the columns of each Parquet file, with their types."""
    schemas = build_table_function("parquet_schema", build_file_list(source.files))
    nodes: dict[str, list[tuple[str, int, str]]] = {}
    for file, name, children, kind in source.execute(
        exp.select("file_name", "name", "num_children", "duckdb_type").from_(schemas)
    ):
        nodes.setdefault(file, []).append((name, children or 0, kind or "nested"))
    columns: dict[str, list[tuple[str, str]]] = {}
    for file, tree in nodes.items():
        columns[file] = []
        # Columns are the children of the root, which comes first; the fields of a nested column follow it.
        descendants = 0
        for name, children, kind in tree[1:]:
            if not descendants:
                columns[file].append((name, kind))
            descendants += children - (1 if descendants else 0)
    return columns


def _resolve_json(source: Source, data: DataConfig) -> None:
    """Set the columns to the given headers, or else to the fields of the first records."""
    fields, unreadable = _read_json_fields(source)
    names = fields
    if data.headers is not None:
        names = list(data.headers)
        _check_json_headers(names, fields, source.files[0])
    names, same_names = rename_repeated(names, source.files[0])
    source.unreadable = unreadable | same_names
    source.columns = dict.fromkeys(names, "VARCHAR")


def _check_json_headers(headers: Sequence[str], fields: Sequence[str], file: str) -> None:
    """Check that headers are fields of the records.

    A header that is not a field would be a column without any value.

    :raises ConfigError: a header is a misspelt field, or no header is a field
    """
    known = set(fields)
    unknown = [name for name in headers if name not in known]
    shown = ", ".join(map(repr, fields[:20])) + (", ..." if len(fields) > 20 else "")
    if len(unknown) == len(headers):
        raise ConfigError(
            f"headers: none of them is a field of the records in {file} (fields: {shown}); JSON Lines is read by the "
            "names of its fields, so leave headers out"
        )
    for name in unknown:
        near = close_name(name, fields)
        if near is not None and near not in headers:
            raise ConfigError(f"headers: the records in {file} have no field {name!r}; did you mean {near!r}?")


def _select_json_records(source: Source) -> exp.Expr:
    """Build the relation of the records of JSON Lines, each as one JSON value."""
    return build_table_function("read_ndjson_objects", build_file_list(source.files), maximum_object_size=_JSON_BYTES)


def _read_json_fields(source: Source) -> tuple[list[str], dict[str, str]]:
    """Read the fields of the first records, and find those whose name is not unique."""
    record = exp.column("json")
    first = exp.select(
        exp.Anonymous(this="json_keys", expressions=[record]).as_("fields"),
        exp.Window(this=exp.RowNumber()).as_("position"),
    ).from_(exp.select(record.copy()).from_(_select_json_records(source)).limit(_JSON_RECORDS).subquery("records"))
    query = (
        exp.select("fields")
        .from_(first.subquery("first_records"))
        .group_by("fields")
        .order_by(exp.func("min", exp.column("position")))
    )
    kinds = [fields for (fields,) in source.execute(query)]
    unreadable: dict[str, str] = {}
    for fields in kinds:
        unreadable |= rename_repeated(fields or [], source.files[0])[1]
    names = list(dict.fromkeys(name for fields in kinds for name in fields or [] if name))
    if None in kinds:
        source.refuse_null_lines()
    if not names and kinds:
        raise DataError(f"{source.files[0]}: its lines are not JSON objects with fields; JSON Lines has one a line")
    if not names:
        raise UnfitDataError(f"{source.files[0]}: the file holds no rows")
    return names, unreadable


def _build_json_relation(files: exp.Expr, names: Sequence[str]) -> exp.Expr:
    """Build the relation of the fields as texts."""
    return build_table_function(
        "read_json",
        files,
        format="newline_delimited",
        # Otherwise a line that is not an object would be read as the value of the field, if only one is requested.
        records="true",
        columns=dict.fromkeys(names, "VARCHAR"),
        maximum_object_size=_JSON_BYTES,
        hive_partitioning=False,
    )


def _is_compressed(file: str, dialect: CsvDialect | None) -> bool:
    stated = dialect.compression if dialect is not None else None
    return stated == "gzip" or (stated is None and file.lower().endswith(".gz"))


def _decompress(file: str, raw: BinaryIO, dialect: CsvDialect | None) -> BinaryIO:
    if _is_compressed(file, dialect):
        return cast(BinaryIO, io.BufferedReader(_Decompressing(fileobj=raw)))
    return raw


class _Decompressing(gzip.GzipFile):
    """A gzip reader that also closes the compressed file, which GzipFile leaves open."""

    def close(self) -> None:
        """Close the reader and the compressed file."""
        compressed = cast(Any, self.fileobj)
        super().close()
        if compressed is not None:
            compressed.close()


def _describe_relation(source: Source, relation: exp.Expr) -> dict[str, str]:
    query = exp.Describe(this=select_from(relation, exp.Star()))
    return {str(row[0]): str(row[1]) for row in source.execute(query)}


def rename_repeated(names: Iterable[str], where: str) -> tuple[list[str], dict[str, str]]:
    """Make column names unique, and report the columns that share a name.

    Names in DuckDB are not case-sensitive, so a query cannot distinguish "Age" from "age". That is an error only for
    analysed columns.

    :param names: the names of the columns, in order
    :param where: the location of the data, for error messages
    :return: the names, duplicates numbered as in pandas; and the error message for each column whose name is not unique
    """
    names = list(names)
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        positions.setdefault(name.lower(), []).append(position)
    distinct, taken, unreadable = list(names), set(names), dict[str, str]()
    for same in positions.values():
        if len(same) == 1:
            continue
        spellings = list(dict.fromkeys(names[position] for position in same))
        reason = f"{where}: column {spellings[0]!r} occurs twice; rename one, or give headers"
        if len(spellings) > 1:
            reason = (
                f"{where}: columns {spellings[0]!r} and {spellings[1]!r} differ only in case; rename one, or give "
                "headers"
            )
        used: set[str] = set()
        for position in same:
            name, number = names[position], 0
            while distinct[position] in used or (number and distinct[position] in taken):
                number += 1
                distinct[position] = f"{name}.{number}"
            used.add(distinct[position])
            unreadable[distinct[position]] = reason
        taken |= used
    return distinct, unreadable
