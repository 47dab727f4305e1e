"""The data to count or to sample, as a relation that DuckDB scans.

Nothing is guessed that could be guessed wrong: a CSV file is read with commas and double quotes unless told otherwise,
every cell as the text it is; whether there is a header row is settled once, before any scan.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from airflow_clarify.bias.config import DATASET_TYPES, PANDAS_NA_VALUES, DataConfig
from airflow_clarify.engines.duckdb.errors import explain
from airflow_clarify.engines.duckdb.storage import Storage, as_pattern
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    import duckdb
    import pandas
    from sqlglot import exp

Format = Literal["csv", "parquet", "jsonlines", "dataframe"]

_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "csv": (".csv", ".tsv", ".txt"),
    "parquet": (".parquet", ".pq"),
    "jsonlines": (".jsonl", ".ndjson", ".json"),
}
#: What an author may tell of a CSV file; everything else is settled by us.
_CSV_OPTIONS = frozenset(
    {"delim", "quote", "escape", "encoding", "compression", "skip", "comment", "max_line_size", "new_line", "strict_mode"}
)
_FRAME = "airflow_clarify_frame"


@dataclass(frozen=True)
class CsvDialect:
    """How the cells of a CSV file are told apart.

    :param delimiter: between cells
    :param quote: around a cell
    :param escape: before a quote within a quoted cell
    :param newline: between records; "\\n" or "\\r\\n"
    :param header: whether the first record holds the column names
    :param encoding: of the text
    :param compression: "gzip", or None
    :param skip: lines to leave out at the start
    :param other: further options of DuckDB's reader
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    newline: str = "\n"
    header: bool = True
    encoding: str = "utf-8"
    compression: str | None = None
    skip: int = 0
    other: Mapping[str, Any] = field(default_factory=dict)


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

    @property
    def is_local(self) -> bool:
        return self.storage is not None and not self.storage.remote

    @property
    def typed(self) -> bool:
        """Whether the source itself knows the types of its columns; in text files they are told from the cells."""
        return self.format in ("parquet", "dataframe")

    def scan(self, columns: Sequence[str] | None = None) -> exp.Select:
        """``SELECT columns FROM`` the data, in their order.

        :param columns: names; None for all
        """
        from sqlglot import exp

        names = list(self.columns) if columns is None else list(columns)
        selected = [exp.column(name, quoted=True) for name in names] or [exp.Literal.number(1)]
        return exp.select(*selected).from_(self._relation(names))

    def open(self, file: str) -> BinaryIO:
        """The bytes of a file, decompressed.

        :raises DataError: it cannot be opened
        """
        if self.storage is None:
            raise DataError("a DataFrame has no files to open")
        raw = self.storage.open(file)
        if self.dialect is not None and self.dialect.compression == "gzip":
            return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=raw)))  # type: ignore[arg-type]
        return raw

    def execute(self, query: exp.Expression, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and fetch all of its rows; they are few.

        :raises DataError: DuckDB cannot do it; the sentence says why
        """
        import duckdb

        try:
            return self.connection.execute(query.sql(dialect="duckdb"), list(parameters)).fetchall()
        except duckdb.Error as error:
            raise explain(error, self.location) from None

    def _relation(self, names: Sequence[str]) -> exp.Expression:
        from sqlglot import exp

        if self.format == "dataframe":
            return exp.to_table(_FRAME)
        files = exp.array(*(exp.Literal.string(as_pattern(file)) for file in self.files))
        if self.format == "parquet":
            return _function("read_parquet", files)
        if self.format == "jsonlines":
            columns = {name: "VARCHAR" for name in names} or {next(iter(self.columns)): "VARCHAR"}
            return _function(
                "read_json", files, format="newline_delimited", columns=columns, maximum_object_size=64 << 20
            )
        assert self.dialect is not None
        return csv_relation(files, self.dialect, list(self.columns))


def csv_relation(files: exp.Expression, dialect: CsvDialect, columns: Sequence[str]) -> exp.Expression:
    """``read_csv`` with nothing left to guess."""
    options: dict[str, Any] = {
        "auto_detect": False,
        "delim": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": dialect.header,
        "encoding": dialect.encoding,
        "columns": {name: "VARCHAR" for name in columns},
    }
    if dialect.compression:
        options["compression"] = dialect.compression
    if dialect.skip:
        options["skip"] = dialect.skip
    return _function("read_csv", files, **options, **dialect.other)


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
            "dataset_type: application/json needs JMESPath features, which only a Clarify job reads; the embedded engine "
            "reads application/jsonlines"
        )
    kind = cast(Format, DATASET_TYPES[dataset_type])
    if data.csv_options and kind != "csv":
        raise ConfigError(f"csv_options: given for {dataset_type}; they are for text/csv")
    storage = Storage(data.input_path, data.conn_id)
    files = storage.files(_SUFFIXES[kind])
    empty = [file for file in files if not storage.size(file)]
    if len(empty) == len(files):
        raise DataError(f"{empty[0]}: the file is empty")
    storage.register(connection)
    na_values = frozenset(PANDAS_NA_VALUES if data.na_values is None else data.na_values)
    # An empty file among others (Spark leaves some) holds no rows; Parquet's reader would stumble over it.
    source = Source(connection, data.input_path, kind, [f for f in files if f not in empty], {}, None, na_values, storage)
    if kind == "csv":
        _settle_csv(source, data)
    elif kind == "jsonlines":
        _settle_json(source, data.headers)
    else:
        source.columns = _described(source, _function("read_parquet", _files(source)))
    return source


def open_frame(connection: duckdb.DuckDBPyConnection, frame: pandas.DataFrame) -> Source:
    """Let DuckDB scan a DataFrame.

    :raises DataError: column names are not texts, or stand there twice
    """
    from sqlglot import exp

    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names):
        raise DataError("the DataFrame has columns whose names are not texts; rename them with df.columns = [...]")
    _check_distinct(names, "the DataFrame")
    connection.register(_FRAME, _plain(frame))
    source = Source(connection, "the DataFrame", "dataframe", [], {}, frame=frame)
    source.columns = _described(source, exp.to_table(_FRAME))
    return source


def _settle_csv(source: Source, data: DataConfig) -> None:
    source.dialect = _dialect(source.files[0], data.csv_options)
    first = _first_record(source, source.files[0])
    if data.headers is None:
        has_header = data.header_row is not False
        names = [name or f"Unnamed: {i}" for i, name in enumerate(first)]
        if not has_header:
            names = [str(i) for i in range(len(first))]
    else:
        names = list(data.headers)
        if len(names) != len(first):
            raise ConfigError(
                f"headers: {len(names)} names are given, and {source.files[0]} has {len(first)} columns"
                + _other_delimiter(first, source.dialect.delimiter)
            )
        has_header = data.header_row if data.header_row is not None else first == names
    _check_distinct(names, source.files[0])
    if has_header:
        _check_same_header(source, first)
    source.columns = dict.fromkeys(names, "VARCHAR")
    source.dialect = CsvDialect(**{**vars(source.dialect), "header": has_header})


def _dialect(file: str, options: Mapping[str, Any]) -> CsvDialect:
    unknown = sorted(set(options) - _CSV_OPTIONS)
    if unknown:
        raise ConfigError(f"csv_options: no option {unknown[0]!r}; there are {', '.join(sorted(_CSV_OPTIONS))}")
    name = file.lower()
    tab = name.removesuffix(".gz").endswith(".tsv")
    quote = str(options.get("quote", '"'))
    return CsvDialect(
        delimiter=str(options.get("delim", "\t" if tab else ",")),
        quote=quote,
        escape=str(options.get("escape", quote)),
        encoding=str(options.get("encoding", "utf-8")),
        compression=options.get("compression", "gzip" if name.endswith(".gz") else None),
        skip=int(options.get("skip", 0)),
        other={k: options[k] for k in ("comment", "max_line_size", "new_line", "strict_mode") if k in options},
    )


def _check_same_header(source: Source, first: list[str]) -> None:
    """DuckDB takes columns by position, so a file with another order would be read wrongly in silence."""
    for file in source.files[1:]:
        if _first_record(source, file) != first:
            raise DataError(f"{file}: its header differs from that of {source.files[0]}; make them the same")


def _first_record(source: Source, file: str) -> list[str]:
    """The cells of the first record of a file, header or not."""
    import csv

    assert source.dialect is not None
    dialect = source.dialect
    try:
        with source.open(file) as raw:
            # A byte order mark is no part of the first name.
            encoding = "utf-8-sig" if dialect.encoding.lower() in ("utf-8", "utf8") else dialect.encoding
            text = io.TextIOWrapper(cast(Any, raw), encoding=encoding, newline="")
            for _ in range(dialect.skip):
                text.readline()
            lines = (line for line in text if not _comment(line, dialect))
            doubled = dialect.escape == dialect.quote
            reader = csv.reader(
                lines,
                delimiter=dialect.delimiter,
                quotechar=dialect.quote or None,
                quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
                doublequote=doubled,
                escapechar=None if doubled else dialect.escape or None,
            )
            first = next((record for record in reader if record), None)
    except UnicodeDecodeError:
        if _is_binary(source, file):
            raise DataError(_binary(file)) from None
        raise DataError(
            f"{file} is not {dialect.encoding}; say which encoding it has, as in "
            'csv_options={"encoding": "latin-1"}'
        ) from None
    except (OSError, EOFError, LookupError, TypeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV ({error}); tell its dialect in csv_options") from None
    if first is None:
        raise DataError(f"{file}: the file holds no rows")
    if any("\x00" in cell for cell in first):
        raise DataError(_binary(file))
    return first


def _is_binary(source: Source, file: str) -> bool:
    with source.open(file) as raw:
        return b"\x00" in raw.read(4096)


def _binary(file: str) -> str:
    return f"{file}: this is a binary file, not CSV; check the path or dataset_type"


def _comment(line: str, dialect: CsvDialect) -> bool:
    mark = dialect.other.get("comment")
    return bool(mark) and line.startswith(str(mark))


def _settle_json(source: Source, headers: Sequence[str] | None) -> None:
    """The field names; those of the first records, unless the author lists them."""
    if headers is not None:
        source.columns = dict.fromkeys(headers, "VARCHAR")
        return
    relation = _function("read_json", _files(source), format="newline_delimited", maximum_object_size=64 << 20)
    found = _described(source, relation)
    if list(found) == ["json"]:
        raise DataError(f"{source.files[0]}: its lines are not JSON objects; JSON Lines has one object a line")
    source.columns = dict.fromkeys(found, "VARCHAR")


def _described(source: Source, relation: exp.Expression) -> dict[str, str]:
    from sqlglot import exp

    query = exp.Describe(this=exp.select("*").from_(relation))
    return {str(row[0]): str(row[1]) for row in source.execute(query)}


def _files(source: Source) -> exp.Expression:
    from sqlglot import exp

    return exp.array(*(exp.Literal.string(as_pattern(file)) for file in source.files))


def _function(name: str, *arguments: exp.Expression, **options: Any) -> exp.Expression:
    """A table function with named options: read_csv([...], delim = ',')."""
    from sqlglot import exp

    named = [
        exp.EQ(this=exp.to_identifier(key), expression=_constant(value)) for key, value in options.items()
    ]
    return exp.Table(this=exp.Anonymous(this=name, expressions=[*arguments, *named]))


def _constant(value: Any) -> exp.Expression:
    from sqlglot import exp

    if isinstance(value, Mapping):
        return exp.Struct(
            expressions=[
                exp.PropertyEQ(this=exp.to_identifier(key, quoted=True), expression=_constant(of_key))
                for key, of_key in value.items()
            ]
        )
    return exp.convert(value)


def _check_distinct(names: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        # DuckDB does not tell "Age" from "age", so neither can a query.
        if name.lower() in seen:
            raise DataError(f"{where}: column {name!r} stands there twice (case aside); rename one, or give headers")
        seen.add(name.lower())


def _other_delimiter(first: Sequence[str], delimiter: str) -> str:
    """A hint, where one cell looks as if it held many."""
    if len(first) == 1:
        for other in (";", "\t", "|", ","):
            if other != delimiter and other in first[0]:
                return f"; it seems to be separated by {other!r}: set csv_options={{'delim': {other!r}}}"
    return ""


def _plain(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The frame with columns of mixed objects and categories as texts, which DuckDB would guess the type of."""
    import pandas

    mixed = {}
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pandas.CategoricalDtype):
            column = column.astype(object)
        if column.dtype == object:
            mixed[name] = column.where(column.notna(), None).map(_text, na_action="ignore").astype("str")
    return frame.assign(**mixed) if mixed else frame


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)
