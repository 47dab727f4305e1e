"""Write the selected rows in one stream, in the order of the source.

If source and target are the same text format, records are copied byte by byte where their ends can be verified (see
:mod:`airflow_clarify.engines.duckdb.resampling.record_copy`). In all other cases DuckDB runs one statement: scan,
filter, ``COPY``. As it has no join, DuckDB preserves the order of rows, whatever the number of threads.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from sqlglot import exp

from airflow_clarify.bias.dataset_types import check_ending
from airflow_clarify.engines.counting.expressions import cast_to_weight
from airflow_clarify.engines.duckdb.errors import explain_error
from airflow_clarify.engines.duckdb.progress import report_progress
from airflow_clarify.engines.duckdb.resampling.record_copy import (
    WRITING,
    RecordBoundaryError,
    record_splitters,
    write_records,
)
from airflow_clarify.engines.duckdb.storage_types import map_storage_type
from airflow_clarify.exceptions import ConfigError, DataError
from airflow_clarify.io.atomic import write_error

if TYPE_CHECKING:
    from airflow_clarify.engines.base import Progress
    from airflow_clarify.engines.duckdb.resampling.selection import RowSelection
    from airflow_clarify.engines.duckdb.source import Source

TargetFormat = Literal["csv", "parquet", "jsonlines"]

_FORMATS: dict[str, TargetFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonlines",
    ".ndjson": "jsonlines",
    ".json": "jsonlines",
}

#: Virtual columns of DuckDB's Parquet reader.
_FILE, _ROW_OF_FILE = "file_index", "file_row_number"


@dataclass(frozen=True)
class OutputFormat:
    """The output format, derived from the name of the target.

    :param format: the format of the file
    :param delimiter: the delimiter of a CSV
    :param compressed: whether a text file is compressed with gzip
    """

    format: TargetFormat
    delimiter: str
    compressed: bool


def parse_output_format(name: str, source: Source) -> OutputFormat:
    """Determine the output format from the ending of the target, or else from the source.

    :param name: the target, as a path or URI
    :param source: the data
    :return: the output format
    :raises ConfigError: the format is not supported, or neither target nor source determines it
    """
    *_, base = name.lower().rsplit("/", 1)
    compressed = base.endswith(".gz")
    suffix = Path(base.removesuffix(".gz")).suffix
    check_ending(name)
    target_format = _FORMATS.get(suffix)
    if target_format is None:
        if source.format == "dataframe":
            raise ConfigError(f"{name}: its ending does not determine the format; end it in .csv, .parquet or .jsonl")
        target_format = source.format
    return OutputFormat(target_format, _choose_delimiter(suffix, source), compressed and target_format != "parquet")


def write_rows(
    source: Source,
    selection: RowSelection,
    path: Path,
    target: OutputFormat,
    *,
    weight_column: str,
    name: str,
    progress: Progress | None = None,
) -> None:
    """Write the selected rows.

    :param source: the data
    :param selection: the copies and the weight of each row
    :param path: the local path to write to
    :param target: the output format
    :param weight_column: the name of the column of weights, if there are any
    :param name: the name of the target, for error messages
    :param progress: progress callback
    :raises DataError: the source cannot be read, or has changed since the rows were selected
    :raises OutputError: the target cannot be written
    """
    written = _write_text(source, selection, path, target, weight_column, progress)
    if written is None:
        written = _copy(source, selection, path, target, weight_column, name, progress)
    if written != selection.rows_out:
        raise DataError(f"{source.location}: it changed while it was read; run again when nobody writes to it")


def _write_text(
    source: Source,
    selection: RowSelection,
    path: Path,
    target: OutputFormat,
    weight_column: str,
    progress: Progress | None,
) -> int | None:
    """Copy the records of the selected rows; return their number, or None if impossible."""
    if source.format != target.format or target.format == "parquet":
        return None
    if source.dialect is not None and source.dialect.delimiter != target.delimiter:
        return None
    for split in record_splitters(source, selection):
        with _open_output(path, target) as out:
            try:
                return write_records(source, selection, out, split, weight_column, progress)
            except RecordBoundaryError:
                continue
    return None


def _choose_delimiter(suffix: str, source: Source) -> str:
    if suffix == ".tsv":
        return "\t"
    if source.dialect is None:
        return ","
    from_tsv = source.files[0].lower().removesuffix(".gz").endswith(".tsv")
    return "," if from_tsv and suffix == ".csv" else source.dialect.delimiter


@contextmanager
def _open_output(path: Path, target: OutputFormat) -> Iterator[BinaryIO]:
    with path.open("wb") as plain:
        if not target.compressed:
            yield plain
            return
        # Without a file name and a time in the header, the same rows give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0, compresslevel=6) as packed:
            buffered = io.BufferedWriter(cast(Any, packed), 1 << 20)
            yield buffered
            buffered.flush()


def _copy(
    source: Source,
    selection: RowSelection,
    path: Path,
    target: OutputFormat,
    weight_column: str,
    name: str,
    progress: Progress | None,
) -> int:
    """Write the selected rows with DuckDB; return the number of rows."""
    import duckdb

    statement = _build_copy_statement(source, selection, path, target, weight_column)
    reporting = report_progress(source.connection, WRITING, progress) if progress is not None else nullcontext()
    try:
        with reporting:
            rows = source.connection.execute(statement.sql(dialect="duckdb")).fetchall()
    # Remote filesystems raise OSError, which DuckDB passes on.
    except (duckdb.Error, OSError) as error:
        # An error about the output contains its name; all other errors are about the source.
        raise (
            write_error(name, error)
            if path.name in str(error)
            else explain_error(error, source.location, source.format)
        ) from None
    return int(rows[0][0])


def _build_copy_statement(
    source: Source, selection: RowSelection, path: Path, target: OutputFormat, weight_column: str
) -> exp.Expr:
    options: dict[str, exp.Expr] = {"format": exp.var("json" if target.format == "jsonlines" else target.format)}
    if target.format == "csv":
        options |= _build_csv_options(source, target)
    if target.compressed:
        options["compression"] = exp.var("gzip")
    # The path is a staging file already.
    options["use_tmp_file"] = exp.false()
    return exp.Copy(
        this=select_rows(source, selection, weight_column, as_text=target.format == "csv").subquery(),
        kind=False,
        files=[exp.Literal.string(str(path))],
        params=[exp.CopyParameter(this=exp.var(option.upper()), expression=value) for option, value in options.items()],
    )


def _build_csv_options(source: Source, target: OutputFormat) -> dict[str, exp.Expr]:
    options: dict[str, exp.Expr] = {"header": exp.true(), "delimiter": exp.Literal.string(target.delimiter)}
    dialect = source.dialect
    if dialect is not None:
        options["header"] = exp.convert(dialect.header)
        options["quote"] = exp.Literal.string(dialect.quote)
        options["escape"] = exp.Literal.string(dialect.escape)
    return options


def select_rows(source: Source, selection: RowSelection, weight_column: str, *, as_text: bool) -> exp.Select:
    """Build the query for the selected rows and their copies, in source order.

    :param source: the data
    :param selection: the copies and the weight of each row
    :param weight_column: the name of the column of weights, if there are any
    :param as_text: whether weights are formatted as texts, so that they do not depend on the writer
    """
    prefix = _find_unused_prefix(source.columns)
    position, key, code = f"{prefix}position", f"{prefix}key", f"{prefix}code"
    query = source.scan() if selection.everything else _add_position(source, position)
    if not selection.everything:
        query = selection.draw.add_to_query(query, position, key)
    if selection.weights is not None or not selection.everything:
        query = _add_column(query, code, selection.encoding.build_expression())
    columns: list[exp.Expr] = [exp.column(name, quoted=True) for name in source.columns]
    if selection.weights is not None:
        weight = _build_weight(selection.weights, code, as_text and selection.prior is None)
        if selection.prior is not None:
            weight = exp.Mul(this=_select_prior_weight(source, selection.prior[0]), expression=weight)
            weight = exp.cast(weight, "VARCHAR") if as_text else weight
        columns.append(exp.alias_(weight, weight_column, quoted=True))
    if selection.everything:
        return exp.select(*columns).from_(query.subquery("chosen"))
    drawn = exp.LT(
        this=exp.column(key, quoted=True), expression=_look_up_code(selection.limits.tolist(), "UBIGINT", code)
    )
    if not selection.repeats:
        return exp.select(*columns).from_(query.subquery("chosen")).where(drawn)
    copies = exp.Add(
        this=_look_up_code(selection.copies.tolist(), "BIGINT", code), expression=exp.cast(drawn, "BIGINT")
    )
    repeated = exp.Anonymous(this="unnest", expressions=[exp.Anonymous(this="range", expressions=[copies])])
    return exp.select(*columns).from_(_add_column(query, f"{prefix}copy", repeated).subquery("chosen"))


def _add_position(source: Source, position: str) -> exp.Select:
    """Add a column with the position of each row, from 0 and over all files."""
    taken = {name.lower() for name in source.columns}
    if source.format == "parquet" and not taken & {_FILE, _ROW_OF_FILE}:
        in_file: exp.Expr = exp.column(_ROW_OF_FILE)
        if len(source.files) > 1:
            number = exp.Add(this=exp.cast(exp.column(_FILE), "BIGINT"), expression=exp.Literal.number(1))
            before = exp.Anonymous(this="list_extract", expressions=[exp.array(*_count_preceding_rows(source)), number])
            in_file = exp.Add(this=in_file, expression=before)
        return source.scan().select(exp.alias_(in_file, position, quoted=True))
    # A window without partition and order numbers the rows while they stream, but in one thread, unlike the row numbers
    # of Parquet.
    numbered = exp.Sub(this=exp.Window(this=exp.RowNumber()), expression=exp.Literal.number(1))
    return source.scan().select(exp.alias_(numbered, position, quoted=True))


def _count_preceding_rows(source: Source) -> list[exp.Expr]:
    """Count the rows of all files before each file."""
    counted = source.scan([]).select(exp.column(_FILE), exp.Count(this=exp.Star()), append=False).group_by(_FILE)
    rows = dict(source.execute(counted))
    before = 0
    offsets: list[exp.Expr] = []
    for number in range(len(source.files)):
        offsets.append(exp.Literal.number(before))
        before += rows.get(number, 0)
    return offsets


def _add_column(query: exp.Select, name: str, value: exp.Expr) -> exp.Select:
    return exp.select("*", exp.alias_(value, name, quoted=True)).from_(query.subquery("rows_read"))


def _select_prior_weight(source: Source, column: str) -> exp.Expr:
    return cast_to_weight(exp.column(column, quoted=True), map_storage_type(source.columns[column], typed=source.typed))


def _build_weight(weights: Sequence[float], code: str, as_text: bool) -> exp.Expr:
    # As texts, because DuckDB would parse literals as decimals and round them.
    texts = exp.array(*(exp.Literal.string(repr(weight)) for weight in weights))
    values = texts if as_text else exp.cast(texts, "DOUBLE[]")
    return _get_element(values, code)


def _look_up_code(values: Sequence[int], kind: str, code: str) -> exp.Expr:
    """Build the lookup of a value by a row's code, in constant time."""
    return _get_element(
        exp.cast(exp.array(*(exp.Literal.number(value) for value in values)), f"{kind}[]", dialect="duckdb"), code
    )


def _get_element(values: exp.Expr, code: str) -> exp.Expr:
    index = exp.Add(this=exp.column(code, quoted=True), expression=exp.Literal.number(1))
    return exp.Anonymous(this="list_extract", expressions=[values, index])


def _find_unused_prefix(columns: dict[str, str]) -> str:
    """Find a prefix with which no column name begins."""
    prefix = "clarify "
    while any(name.lower().startswith(prefix) for name in columns):
        prefix = f"_{prefix}"
    return prefix
