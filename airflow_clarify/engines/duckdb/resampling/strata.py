"""Encode the stratum of every row as one small integer, which is all that the draw needs of the data.

The distinct texts of each column are numbered, and the code of a row combines the numbers of its texts. The codes are
read in one parallel scan of only the columns concerned, in the order of the rows, at one byte a row if there are few
strata.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from airflow_clarify.bias.config import missing_column_error
from airflow_clarify.bias.resampling import Stratum
from airflow_clarify.engines.counting.column_profile import format_canonical
from airflow_clarify.engines.counting.expressions import StorageType, cast_to_weight, check_not_nested
from airflow_clarify.engines.counting.weights import (
    LARGEST_WEIGHT,
    SMALLEST_WEIGHT,
    check_weight_type,
    unusable_weights_error,
)
from airflow_clarify.engines.duckdb.dataframe import find_nested
from airflow_clarify.engines.duckdb.errors import explain_error
from airflow_clarify.engines.duckdb.resampling.random_keys import BLOCK
from airflow_clarify.engines.duckdb.source import rename_repeated
from airflow_clarify.engines.duckdb.storage_types import map_storage_type
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from airflow_clarify.engines.duckdb.source import Source

#: The maximum number of strata: more indicate a column of identifiers instead of groups.
MAX_STRATA = 1 << 18

#: The number of first rows from which the texts of a column are collected; the scan of all rows verifies them.
_HEAD = 100_000

#: Up to this number of texts, a linear search is faster than hashing.
_FEW = 32

#: An ENUM needs at least one text, even if no row has it.
_NO_TEXT = [""]

#: Types whose texts in DuckDB differ from the canonical ones.
_REWRITTEN = frozenset({"FLOAT", "DOUBLE", "BOOLEAN"})

#: The temporary table of a column's texts, from which their canonical form is queried.
_TEXTS = "airflow_clarify_texts"

#: Types whose values are equal if and only if their texts are.
_EXACT = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "VARCHAR"}
)


@dataclass(frozen=True)
class StratumEncoding:
    """The encoding of strata as codes: numbers of texts, and of their combinations.

    :param by: the columns
    :param texts: the texts of each column, in the order of their numbers; a missing value has the next number
    :param values: the canonical text of each text of each column; None if it counts as missing
    :param types: the DuckDB types of the columns
    """

    by: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    values: tuple[tuple[str | None, ...], ...]
    types: tuple[str, ...]

    @cached_property
    def size(self) -> int:
        """Return the number of possible codes."""
        return math.prod(len(texts) + 1 for texts in self.texts)

    @cached_property
    def strata(self) -> list[Stratum]:
        """List the stratum of each code.

        Several codes can have the same stratum, as "1" and "1.0" can be the same value.
        """
        strata: list[Stratum] = [()]
        for values in self.values:
            strata = [(*stratum, value) for stratum in strata for value in (*values, None)]
        return strata

    def build_expression(self) -> exp.Expr:
        """Build the SQL expression for a row's code.

        The statement fails for a row with a text that has no number.
        """
        code: exp.Expr = exp.Literal.number(0)
        for name, texts, kind in zip(self.by, self.texts, self.types, strict=True):
            digit = _build_text_number(name, texts, kind)
            code = exp.Add(this=exp.paren(code) * (len(texts) + 1), expression=digit)
        return code


@dataclass(frozen=True)
class EncodedRows:
    """The code of every row.

    :param encoding: the encoding of the strata as codes
    :param codes: the code of each row, in reading order; 1, 2 or 4 bytes each
    """

    encoding: StratumEncoding
    codes: NDArray[np.unsignedinteger]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Count the rows of each code."""
        import numpy as np

        counts = np.zeros(self.encoding.size, dtype=np.int64)
        # Block by block, as bincount converts its input to eight bytes a row.
        for start in range(0, len(self.codes), BLOCK):
            counts += np.bincount(self.codes[start : start + BLOCK], minlength=self.encoding.size)
        return counts

    def count_strata(self) -> dict[Stratum, int]:
        """Count the rows of each stratum that occurs."""
        counts: dict[Stratum, int] = {}
        for stratum, rows in zip(self.encoding.strata, self.counts.tolist(), strict=True):
            if rows:
                counts[stratum] = counts.get(stratum, 0) + rows
        return counts

    def sum_weights(self, weights: NDArray[np.float64]) -> dict[Stratum, Fraction]:
        """Sum the weights of each stratum that occurs, correctly rounded for each code.

        :param weights: the weight of each row
        """
        import numpy as np

        order = np.argsort(self.codes, kind="stable")
        ends = np.cumsum(self.counts).tolist()
        by_code = weights[order]
        sums: dict[Stratum, Fraction] = {}
        for stratum, start, end in zip(self.encoding.strata, [0, *ends], ends, strict=False):
            if end > start:
                blocks = (by_code[begin : min(begin + BLOCK, end)].tolist() for begin in range(start, end, BLOCK))
                total = Fraction(math.fsum(itertools.chain.from_iterable(blocks)))
                sums[stratum] = sums.get(stratum, Fraction()) + total
        return sums


def read_strata(source: Source, by: Sequence[str]) -> EncodedRows:
    """Read the stratum of every row.

    :param source: the data
    :param by: the columns whose combined values form the strata
    :return: the encoded rows
    :raises ConfigError: a column does not exist or is nested, or there are too many strata
    :raises DataError: the data cannot be read
    """
    for name in by:
        if name not in source.columns:
            raise missing_column_error(name, list(source.columns), "by")
        check_not_nested(name, map_storage_type(source.columns[name], typed=source.typed), "by")
    # The first rows nearly always contain all texts, so that one scan of the data suffices.
    codes = _read_codes(source, encoding := _build_encoding(source, by, _HEAD))
    if codes is None:
        codes = _read_codes(source, encoding := _build_encoding(source, by))
    if codes is None:
        raise DataError(f"{source.location}: it changed while it was read; run again when nobody writes to it")
    rows = EncodedRows(encoding, codes)
    # The last code is that of rows without any value.
    if source.format == "jsonlines" and rows.counts[-1]:
        source.refuse_null_lines()
    return rows


def read_frame_strata(frame: pandas.DataFrame, by: Sequence[str]) -> EncodedRows:
    """Read the stratum of every row of a DataFrame.

    :param frame: the data
    :param by: the columns whose combined values form the strata
    :return: the encoded rows
    :raises ConfigError: a column does not exist or cannot be grouped by, or there are too many strata
    :raises DataError: the name of a column is not unique
    """
    import numpy as np

    names = list(frame.columns)
    same_names = rename_repeated([name for name in names if isinstance(name, str)], "the DataFrame")[1]
    texts_of_columns: list[tuple[str, ...]] = []
    values_of_columns: list[tuple[str | None, ...]] = []
    code = np.zeros(len(frame), dtype=np.int64)
    for name in by:
        if name not in names:
            raise missing_column_error(name, [str(each) for each in names], "by")
        if names.count(name) != 1:
            raise ConfigError(
                f"by: the DataFrame has {names.count(name)} columns {name!r}; name one that is there once"
            )
        if name in same_names:
            raise DataError(same_names[name])
        check_not_nested(name, StorageType.NESTED if find_nested(frame[[name]]) else None, "by")
        texts, values, numbers = _encode_column(frame[name])
        texts_of_columns.append(texts)
        values_of_columns.append(values)
        code = code * (len(texts) + 1) + numbers
        if math.prod(len(texts) + 1 for texts in texts_of_columns) > MAX_STRATA:
            raise _too_many_error(by, "the DataFrame")
    encoding = StratumEncoding(tuple(by), tuple(texts_of_columns), tuple(values_of_columns), ("VARCHAR",) * len(by))
    return EncodedRows(encoding, code.astype(np.uint32))


def read_weights(source: Source, name: str) -> NDArray[np.float64]:
    """Read the weight of every row, in reading order.

    :param source: the data
    :param name: the column of weights
    :return: the weights
    :raises ConfigError: the column does not exist, or is not numeric
    :raises DataError: the data cannot be read, or rows have no usable weight
    """
    import duckdb
    import numpy as np

    if name not in source.columns:
        raise ConfigError(f"weight: {source.location} has no column {name!r}; it has {', '.join(source.columns)}")
    stored = map_storage_type(source.columns[name], typed=source.typed)
    check_weight_type(name, stored, source.columns[name])
    weight = cast_to_weight(exp.column(name, quoted=True), stored)
    query = exp.select(exp.alias_(weight, "weight")).from_(source.scan([name]).subquery("rows_read"))
    try:
        fetched: dict[str, Any] = source.connection.execute(query.sql(dialect="duckdb")).fetchnumpy()
    # Remote filesystems raise OSError, which DuckDB passes on.
    except (duckdb.Error, OSError) as error:
        raise explain_error(error, source.location) from None
    return _check_weights(np.ma.filled(fetched["weight"].astype(np.float64), np.nan), name)


def read_frame_weights(frame: pandas.DataFrame, name: str) -> NDArray[np.float64]:
    """Read the weight of every row of a DataFrame.

    :param frame: the data
    :param name: the column of weights
    :return: the weights
    :raises ConfigError: the column does not exist or its name is not unique, or it is not numeric
    :raises DataError: rows have no usable weight
    """
    import numpy as np
    import pandas

    if list(frame.columns).count(name) != 1:
        count = list(frame.columns).count(name)
        raise ConfigError(f"weight: the DataFrame has {count} columns {name!r}; name one that is there once")
    column = frame[name]
    check_weight_type(name, StorageType.OTHER if column.dtype.kind in "mMc" else StorageType.FLOAT, str(column.dtype))
    return _check_weights(pandas.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan), name)


def _check_weights(weights: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    is_usable = (weights == 0) | ((weights >= SMALLEST_WEIGHT) & (weights <= LARGEST_WEIGHT))
    if not is_usable.all():
        raise unusable_weights_error(name, int((~is_usable).sum()), len(weights))
    return weights


def cast_to_text(name: str) -> exp.Expr:
    """Build the cast of a column to text.

    :param name: the column
    """
    return exp.cast(exp.column(name, quoted=True), "VARCHAR")


def _build_text_number(name: str, texts: Sequence[str], kind: str) -> exp.Expr:
    """Build the SQL expression for the number of a text, which fails for unknown texts."""
    listed = exp.array(*(exp.Literal.string(text) for text in texts))
    # A cast to an ENUM looks texts up by hashing, so that many are as fast as few.
    enumeration = exp.DataType(this=exp.DataType.Type.ENUM, expressions=listed.expressions)
    number: exp.Expr = exp.Anonymous(this="enum_code", expressions=[exp.Cast(this=cast_to_text(name), to=enumeration)])
    number = exp.cast(number, "BIGINT")
    missing = exp.Literal.number(len(texts))
    if len(texts) > _FEW:
        return exp.Coalesce(this=number, expressions=[missing])
    # Searching a short list is several times faster, especially in the type of the column.
    value: exp.Expr = cast_to_text(name)
    values: exp.Expr = listed.copy()
    if kind in _EXACT and list(texts) != _NO_TEXT:
        value = exp.column(name, quoted=True)
        values = exp.cast(values, f"{kind}[]", dialect="duckdb")
    position = exp.cast(exp.Anonymous(this="list_position", expressions=[values, value]), "BIGINT")
    index = exp.Sub(this=position, expression=exp.Literal.number(1))
    return exp.Coalesce(this=index, expressions=[number, missing])


def _build_encoding(source: Source, by: Sequence[str], head: int | None = None) -> StratumEncoding:
    """Build the encoding of the texts in all rows, or in the first ``head`` rows."""
    rows = source.scan(by) if head is None else source.scan(by).limit(head)
    combinations = exp.select(*(cast_to_text(name) for name in by)).distinct().from_(rows.subquery("rows_read"))
    rows_found = source.execute(combinations.limit(MAX_STRATA + 1))
    columns = list(zip(*rows_found, strict=True)) or [()] * len(by)
    texts = tuple(tuple(sorted(set(column) - {None}) or _NO_TEXT) for column in columns)
    suspected = [name for name, column in zip(by, texts, strict=True) if any(map(_looks_nested, column))]
    for name in source.find_nested_fields(suspected):
        check_not_nested(name, StorageType.NESTED, "by")
    values = tuple(_parse_texts(source, name, column_texts) for name, column_texts in zip(by, texts, strict=True))
    encoding = StratumEncoding(tuple(by), texts, values, tuple(source.columns[name] for name in by))
    if len(rows_found) > MAX_STRATA or encoding.size > MAX_STRATA:
        raise _too_many_error(by, source.location)
    return encoding


def _looks_nested(text: str) -> bool:
    return text[:1] in ("[", "{")


def _encode_column(
    column: pandas.Series[Any],
) -> tuple[tuple[str, ...], tuple[str | None, ...], NDArray[np.int64]]:
    """Return the texts of a column, their canonical texts, and each row's number."""
    import duckdb
    import numpy as np
    import pandas

    from airflow_clarify.engines.duckdb.dataframe import convert_column

    try:
        if pandas.api.types.is_object_dtype(column.dtype):
            pandas.factorize(column)
        plain = convert_column(column)
        codes, values = pandas.factorize(plain.values)
    except TypeError:
        raise ConfigError(f"by: column {column.name!r} holds values that cannot be compared; choose another") from None
    with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as connection:
        rows = pandas.DataFrame({"raw": pandas.Series(values), "position": range(len(values))})
        connection.register("airflow_clarify_frame", rows)
        raw = "raw" if plain.cast is None else f"CAST(raw AS {plain.cast})"
        connection.execute(f"CREATE TABLE {_TEXTS} AS SELECT position, {raw} AS raw FROM airflow_clarify_frame")
        ((kind,),) = connection.execute(f"SELECT typeof(min(raw)) FROM {_TEXTS}").fetchall()
        canonical = _format_canonical(connection, map_storage_type(kind, typed=True), frozenset())
    texts = sorted({text for text in canonical if text is not None})
    text_numbers = {text: number for number, text in enumerate(texts)}
    # factorize() codes missing values as -1; they have the number after the last text.
    numbers = np.array(
        [*(len(texts) if text is None else text_numbers[text] for text in canonical), len(texts)], dtype=np.int64
    )
    return tuple(texts), tuple(texts), numbers[codes]


def _format_canonical(
    connection: duckdb.DuckDBPyConnection, stored: StorageType, na_values: frozenset[str]
) -> list[str | None]:
    """Format the values in the table of texts in canonical form."""

    def execute(query: exp.Expr) -> list[tuple[Any, ...]]:
        return connection.execute(query.sql(dialect="duckdb")).fetchall()

    return format_canonical(execute, exp.to_table(_TEXTS), stored, na_values)[1]


def _too_many_error(by: Sequence[str], where: str) -> ConfigError:
    return ConfigError(
        f"by: {', '.join(by)} make more than {MAX_STRATA} strata in {where}; balance by fewer columns, or by such as "
        "have few values"
    )


def _parse_texts(source: Source, name: str, texts: Sequence[str]) -> tuple[str | None, ...]:
    """Return the canonical text of each text of a column, in their order."""
    kind = source.columns[name]
    if source.typed and (kind not in _REWRITTEN or list(texts) == _NO_TEXT):
        return tuple(texts)
    raw = f"CAST(text AS {kind})" if source.typed else "text"
    source.connection.execute(
        f"CREATE OR REPLACE TEMPORARY TABLE {_TEXTS} AS SELECT position, {raw} AS raw FROM "
        f"(SELECT unnest(range({len(texts)})) AS position, unnest(?::VARCHAR[]) AS text)",
        [list(texts)],
    )
    return tuple(_format_canonical(source.connection, map_storage_type(kind, typed=source.typed), source.na_values))


def _read_codes(source: Source, encoding: StratumEncoding) -> NDArray[np.unsignedinteger] | None:
    """Read the code of every row; return None if a text has no number."""
    import duckdb

    code = exp.cast(encoding.build_expression(), _choose_type(encoding.size), dialect="duckdb")
    query = exp.select(exp.alias_(code, "code")).from_(source.scan(encoding.by).subquery("rows_read"))
    try:
        # The result is streamed into one array, without objects for its rows.
        fetched: dict[str, Any] = source.connection.execute(query.sql(dialect="duckdb")).fetchnumpy()
    except duckdb.ConversionException:
        return None
    # Remote filesystems raise OSError, which DuckDB passes on.
    except (duckdb.Error, OSError) as error:
        raise explain_error(error, source.location, source.format) from None
    codes: NDArray[np.unsignedinteger] = fetched["code"]
    return codes


def _choose_type(size: int) -> str:
    if size <= 1 << 8:
        return "UTINYINT"
    return "USMALLINT" if size <= 1 << 16 else "UINTEGER"
