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

from sqlglot import exp

from airflow_clarify.bias.config import DATASET_TYPES, PANDAS_NA_VALUES, DataConfig, check_features, close_name
from airflow_clarify.engines.duckdb.csv import CsvDialect, build_csv_relation, resolve_csv
from airflow_clarify.engines.duckdb.errors import explain_error
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

#: Parquet's, as DuckDB calls them.
_WHOLE_NUMBERS = frozenset(
    {f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")}
)

#: DuckDB's buffer holds so many lines of the greatest length.
_BUFFERED_LINES = 16

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
    :param at_odds: columns that cannot be read, and why: the files disagree on them, or another one has their name
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
    at_odds: Mapping[str, str] = field(default_factory=dict)

    @property
    def typed(self) -> bool:
        """Whether the source itself knows the types of its columns; in text files they are told from the cells."""
        return self.format in ("parquet", "dataframe")

    def scan(self, columns: Sequence[str] | None = None) -> exp.Select:
        """``SELECT columns FROM`` the data, in their order.

        :param columns: names; None for all
        :raises DataError: one of them cannot be read
        """
        names = list(self.columns) if columns is None else list(columns)
        for name in names:
            if name in self.at_odds:
                raise DataError(self.at_odds[name])
        selected = [self._column(name) for name in names]
        return exp.select(*(selected or [exp.Literal.number(1)])).from_(self._build_relation(names))

    def open(self, file: str) -> BinaryIO:
        """The bytes of a file, decompressed.

        :raises DataError: it cannot be opened
        """
        if self.storage is None:
            raise DataError("a DataFrame has no files to open")
        return _decompress(file, self.storage.open(file), self.dialect)

    def execute(self, query: exp.Expr, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and fetch all of its rows; they are few.

        :raises DataError: DuckDB cannot do it; the sentence says why
        """
        import duckdb

        try:
            return self.connection.execute(query.sql(dialect="duckdb"), list(parameters)).fetchall()
        # OSError is what a remote filesystem raises, through DuckDB.
        except (duckdb.Error, OSError) as error:
            raise explain_error(error, self.location, self.format) from None

    def refuse_null_lines(self) -> None:
        """See that no line of a JSON Lines dataset is null, which DuckDB takes for a row without any value.

        It reads all lines, so it is for data with such a row.

        :raises DataError: some are
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

    def _column(self, name: str) -> exp.Expr:
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
        # Columns are taken by position; DuckDB takes no two of one name, and those that have one are not read.
        columns = [f"not read {i}" if name in self.at_odds else name for i, name in enumerate(self.columns)]
        return build_csv_relation(files, self.dialect, columns, keep_empty="" not in self.na_values)


def open_source(connection: duckdb.DuckDBPyConnection, data: DataConfig) -> Source:
    """Find the files, settle the dialect and the columns.

    :param connection: an open DuckDB connection
    :param data: where the data are
    :raises ConfigError: headers or options do not fit
    :raises DataError: there is no file, or it cannot be read
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
    # An empty file among others (Spark leaves some) holds no rows; Parquet's reader would stumble over it.
    filled = [file for file in files if storage.get_size(file)]
    if not filled:
        raise UnfitDataError(f"{files[0]}: the file is empty")
    storage.register(connection)
    source = Source(connection, data.input_path, kind, filled, {}, None, data.list_missing_texts(), storage)
    settle = {"csv": _resolve_csv, "jsonlines": _resolve_json, "parquet": _resolve_parquet}[kind]
    settle(source, data)
    return source


def open_frame(connection: duckdb.DuckDBPyConnection, frame: pandas.DataFrame) -> Source:
    """Let DuckDB scan a DataFrame.

    :raises DataError: column names are not texts
    """
    import pandas

    from airflow_clarify.engines.duckdb.dataframe import check_names, convert_column, find_nested, list_categorical

    check_names(frame)
    names, at_odds = rename_repeated(frame.columns, "the DataFrame")
    if len(at_odds) == len(names):
        raise DataError(next(iter(at_odds.values()), "the DataFrame has no columns; give one with a row per example"))
    read = frame.loc[:, [name not in at_odds for name in names]]
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
    source.columns, source.at_odds = {name: types.get(name, "VARCHAR") for name in names}, at_odds
    return source


def _resolve_csv(source: Source, data: DataConfig) -> None:
    assert source.storage is not None
    storage = source.storage
    told = CsvDialect.from_options(source.files[0], data.csv_options)
    source.dialect, names = resolve_csv(source.files, lambda file: _decompress(file, storage.open(file), told), data)
    _refuse_long_last_lines(source)
    names, source.at_odds = rename_repeated(names, source.files[0])
    source.columns = dict.fromkeys(names, "VARCHAR")


def _refuse_long_last_lines(source: Source) -> None:
    """See that no file ends in a line that is longer than DuckDB's buffer: it passes over such a line in silence.

    Elsewhere, and where they are a little shorter, long lines are errors of DuckDB's own.

    :raises DataError: one does
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
    """Whether a name looks like those that DuckDB gives to the second of two columns which differ only in case."""
    stems = {name.rpartition("_")[0].lower() for name in names if name.rpartition("_")[2].isdecimal()}
    return any(name.lower() in stems for name in names)


def _compare_schemas(source: Source) -> None:
    """Find columns that cannot be read: of one name but for case, or whose types differ between the files.

    DuckDB would cast the latter, and 2.5 would come out as 2 or 3.
    """
    seen: dict[str, tuple[str, str]] = {}
    at_odds: dict[str, str] = {}
    schemas = _read_schemas(source)
    for file, columns in schemas.items():
        names, same_names = rename_repeated([name for name, _ in columns], file)
        if same_names and file == next(iter(schemas)):
            # DuckDB calls the second one differently; columns of folders' names come last.
            described = list(source.columns.items())
            kinds = dict(zip(names, (kind for _, kind in described), strict=False))
            source.columns = kinds | dict(described[len(names) :])
        at_odds |= same_names
        for name, kind in zip(names, (kind for _, kind in columns), strict=True):
            other, other_kind = seen.setdefault(name, (file, kind))
            # Casts between whole numbers lose nothing; one that does not fit is an error.
            if kind != other_kind and not {kind, other_kind} <= _WHOLE_NUMBERS:
                at_odds.setdefault(
                    name, f"{file}: column {name!r} is {kind}, and {other_kind} in {other}; give it one type everywhere"
                )
    source.at_odds = at_odds


def _read_schemas(source: Source) -> dict[str, list[tuple[str, str]]]:
    """The columns of each Parquet file, and their types."""
    schemas = build_table_function("parquet_schema", build_file_list(source.files))
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


def _resolve_json(source: Source, data: DataConfig) -> None:
    """The field names; those of the first records, unless the author lists them."""
    fields, at_odds = _read_json_fields(source)
    names = fields
    if data.headers is not None:
        names = list(data.headers)
        _check_json_headers(names, fields, source.files[0])
    names, same_names = rename_repeated(names, source.files[0])
    source.at_odds = at_odds | same_names
    source.columns = dict.fromkeys(names, "VARCHAR")


def _check_json_headers(headers: Sequence[str], fields: Sequence[str], file: str) -> None:
    """Fields are matched by name, letter by letter; one that is in no record would be a column without any value.

    :raises ConfigError: a header is another spelling of a field, or none is a field at all
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
    """The records of JSON Lines, each as a whole."""
    return build_table_function("read_ndjson_objects", build_file_list(source.files), maximum_object_size=_JSON_BYTES)


def _read_json_fields(source: Source) -> tuple[list[str], dict[str, str]]:
    """The fields of the first records, and which of them cannot be read because others have their names."""
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
    at_odds: dict[str, str] = {}
    for fields in kinds:
        at_odds |= rename_repeated(fields or [], source.files[0])[1]
    names = list(dict.fromkeys(name for fields in kinds for name in fields or [] if name))
    if None in kinds:
        source.refuse_null_lines()
    if not names and kinds:
        raise DataError(f"{source.files[0]}: its lines are not JSON objects with fields; JSON Lines has one a line")
    if not names:
        raise UnfitDataError(f"{source.files[0]}: the file holds no rows")
    return names, at_odds


def _build_json_relation(files: exp.Expr, names: Sequence[str]) -> exp.Expr:
    """The fields as texts."""
    return build_table_function(
        "read_json",
        files,
        format="newline_delimited",
        # Otherwise a line that is no object would be taken for the value of the only field asked for.
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
    """Closes the file that it decompresses with itself, which GzipFile leaves open."""

    def close(self) -> None:
        compressed = cast(Any, self.fileobj)
        super().close()
        if compressed is not None:
            compressed.close()


def _describe_relation(source: Source, relation: exp.Expr) -> dict[str, str]:
    query = exp.Describe(this=exp.select("*").from_(relation))
    return {str(row[0]): str(row[1]) for row in source.execute(query)}


def rename_repeated(names: Iterable[str], where: str) -> tuple[list[str], dict[str, str]]:
    """Names under which columns can be told apart, and which of them cannot be read, with the reason.

    DuckDB does not tell "Age" from "age", so neither can a query. That matters only for columns that take part.

    :param names: of the columns, in their order
    :param where: the data, as an error names them
    :return: the names, a repeated one with a number behind it as in pandas; and a sentence for each that is not the
        only one of its name
    """
    names = list(names)
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        positions.setdefault(name.lower(), []).append(position)
    distinct, taken, at_odds = list(names), set(names), dict[str, str]()
    for same in positions.values():
        if len(same) == 1:
            continue
        spellings = list(dict.fromkeys(names[position] for position in same))
        reason = f"{where}: column {spellings[0]!r} stands there twice; rename one, or give headers"
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
            at_odds[distinct[position]] = reason
        taken |= used
    return distinct, at_odds
