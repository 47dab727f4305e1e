"""Convert the columns of DataFrames to types that DuckDB reads exactly.

DuckDB scans the columns of pandas in place. Columns whose type it would have to infer (mixed objects), or does not
support (sparse columns, periods, intervals), are converted first.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from airflow_clarify.bias.config import ColumnRef, DataConfig
from airflow_clarify.engines.duckdb.decimals import find_decimal_type
from airflow_clarify.exceptions import ConfigError, DataError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class PlainColumn:
    """A column of a DataFrame, in a type that DuckDB reads exactly.

    :param values: the values
    :param cast: the type of DuckDB to which the values must be cast, if they are passed as texts
    :param held_as_objects: whether the values are numbers with the dtype object
    """

    values: pandas.Series
    cast: str | None = None
    held_as_objects: bool = False


def check_frame(given: object, wanted: str = "a pandas DataFrame") -> None:
    """Check that a value is a DataFrame.

    :param given: the value
    :param wanted: what is needed, for the error message
    :raises ConfigError: it is not a DataFrame
    """
    import pandas

    if not isinstance(given, pandas.DataFrame):
        raise ConfigError(f"data: {wanted} is needed, not {type(given).__name__}")


def describe_frame(frame: pandas.DataFrame, label: ColumnRef | None, predicted_label: ColumnRef | None) -> DataConfig:
    """Build the configuration that describes a DataFrame.

    :param frame: the data
    :param label: the label column
    :param predicted_label: the column of predictions
    :return: a configuration with the names of the columns; it has no location of files
    :raises ConfigError: the value is not a DataFrame
    """
    check_frame(frame, "a pandas DataFrame or a DataConfig")
    headers = [str(column) for column in frame.columns]
    return DataConfig(
        "DataFrame", label=label, predicted_label=predicted_label, headers=headers, dataset_type="text/csv"
    )


def check_names(frame: pandas.DataFrame) -> None:
    """Check that all column names are strings, which a query requires.

    :param frame: the data
    :raises DataError: a name is not a string
    """
    if not all(isinstance(name, str) for name in frame.columns):
        raise DataError("the DataFrame has columns whose names are not texts; rename them with df.columns = [...]")


def list_categorical(frame: pandas.DataFrame) -> frozenset[str]:
    """List the columns of pandas' category type, which Clarify always compares by equality.

    :param frame: the data
    """
    import pandas

    return frozenset(name for name in frame.columns if isinstance(frame[name].dtype, pandas.CategoricalDtype))


def find_nested(frame: pandas.DataFrame) -> list[str]:
    """Find the columns that hold lists, dictionaries and other containers, which have no canonical text.

    :param frame: the data
    """
    import pandas

    nested = (list, tuple, dict, set, frozenset)
    names = []
    for name in frame.columns:
        column = frame[name]
        if not pandas.api.types.is_object_dtype(column.dtype) or pandas.api.types.infer_dtype(column) != "mixed":
            continue
        # An array of numpy has dimensions, a scalar of numpy has none.
        if any(isinstance(value, nested) or getattr(value, "ndim", 0) for value in column):
            names.append(name)
    return names


def convert_column(column: pandas.Series) -> PlainColumn:
    """Convert a column to a type that DuckDB reads exactly, without a copy if possible.

    :param column: the column
    """
    import pandas

    kind = column.dtype
    if isinstance(kind, pandas.CategoricalDtype):
        return _convert_categories(column)
    if isinstance(kind, pandas.SparseDtype):
        return convert_column(pandas.Series(column.array.to_dense(), index=column.index))
    if isinstance(kind, pandas.PeriodDtype | pandas.IntervalDtype) or kind.kind == "c":
        return PlainColumn(_convert_to_texts(column))
    return _convert_objects(column) if pandas.api.types.is_object_dtype(kind) else PlainColumn(column)


def _convert_categories(column: pandas.Series) -> PlainColumn:
    """Convert a category column to the type of its categories."""
    import pandas

    kind = column.cat.categories.dtype
    if pandas.api.types.is_bool_dtype(kind):
        return PlainColumn(column.astype("boolean"))
    if pandas.api.types.is_integer_dtype(kind):
        # Not int64, as values may be missing.
        return PlainColumn(column.astype("Int64"))
    if pandas.api.types.is_numeric_dtype(kind) or pandas.api.types.is_datetime64_any_dtype(kind):
        return PlainColumn(column.astype(kind))
    return (
        _convert_objects(column.astype(object))
        if pandas.api.types.is_object_dtype(kind)
        else PlainColumn(_convert_to_texts(column))
    )


def _convert_objects(column: pandas.Series) -> PlainColumn:
    """Convert a column of Python objects to numbers or booleans if possible, otherwise to texts."""
    import pandas

    kind = pandas.api.types.infer_dtype(column, skipna=True)
    if kind == "string":
        return PlainColumn(column)
    if kind == "boolean":
        return PlainColumn(column.astype("boolean"))
    if kind in ("floating", "mixed-integer-float"):
        return PlainColumn(column.astype("float64"), held_as_objects=True)
    if kind == "integer":
        try:
            return PlainColumn(column.astype("Int64"), held_as_objects=True)
        except OverflowError:
            return PlainColumn(_convert_to_texts(column))
    return (_convert_decimals(column) if kind in ("decimal", "mixed", "mixed-integer") else None) or PlainColumn(
        _convert_to_texts(column)
    )


def _convert_decimals(column: pandas.Series) -> PlainColumn | None:
    """Convert a column of decimals, int and float; return None if it holds anything else."""
    is_missing = column.isna()
    present = column[~is_missing]
    kinds = {type(value) for value in present}
    if Decimal not in kinds or not all(issubclass(kind, Decimal | int | float) and kind is not bool for kind in kinds):
        return None
    cast = None if any(issubclass(kind, float) for kind in kinds) else find_decimal_type(present)
    if cast is None:
        return PlainColumn(column.astype("float64"), held_as_objects=True)
    texts = column.map(lambda value: f"{Decimal(value):f}", na_action="ignore")
    return PlainColumn(texts.where(~is_missing, None), cast=cast)


def _convert_to_texts(column: pandas.Series) -> pandas.Series:
    """Convert each value with str(); missing values stay missing."""
    objects = column.astype(object)
    return objects.where(column.isna(), objects.map(str, na_action="ignore")).where(column.notna(), None)
