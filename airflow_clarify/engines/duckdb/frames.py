"""DataFrames as DuckDB is to see them.

DuckDB scans pandas' columns where they are. Those whose values it would have to guess the type of (mixed objects), or
does not know (sparse columns, periods, intervals), are given to it as something plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_clarify.exceptions import DataError

if TYPE_CHECKING:
    import pandas


def check_names(frame: pandas.DataFrame) -> None:
    """See to it that every column can be named in a query.

    :raises DataError: a name is not a text
    """
    if not all(isinstance(name, str) for name in frame.columns):
        raise DataError("the DataFrame has columns whose names are not texts; rename them with df.columns = [...]")


def plain(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The frame with every column as something that DuckDB takes as it is. What is plain already is not copied."""
    import pandas

    return pandas.DataFrame({name: _plain_column(frame[name]) for name in frame.columns}, copy=False)


def categorical(frame: pandas.DataFrame) -> frozenset[str]:
    """The columns of pandas' category type, which Clarify always compares by equality."""
    import pandas

    return frozenset(name for name in frame.columns if isinstance(frame[name].dtype, pandas.CategoricalDtype))


def _plain_column(column: pandas.Series) -> pandas.Series:
    import pandas

    kind = column.dtype
    if isinstance(kind, pandas.CategoricalDtype):
        return _plain_categories(column)
    if isinstance(kind, pandas.SparseDtype):
        return _plain_column(pandas.Series(column.array.to_dense(), index=column.index))
    if isinstance(kind, pandas.PeriodDtype | pandas.IntervalDtype) or kind.kind == "c":
        return _texts(column)
    return _plain_objects(column) if pandas.api.types.is_object_dtype(kind) else column


def _plain_categories(column: pandas.Series) -> pandas.Series:
    """The values of a category column, of the type that its categories have."""
    import pandas

    kind = column.cat.categories.dtype
    if pandas.api.types.is_bool_dtype(kind):
        return column.astype("boolean")
    if pandas.api.types.is_integer_dtype(kind):
        # Not int64: there may be gaps.
        return column.astype("Int64")
    if pandas.api.types.is_numeric_dtype(kind) or pandas.api.types.is_datetime64_any_dtype(kind):
        return column.astype(kind)
    return _texts(column)


def _plain_objects(column: pandas.Series) -> pandas.Series:
    import pandas

    kind = pandas.api.types.infer_dtype(column, skipna=True)
    if kind == "string":
        return column
    if kind == "boolean":
        return column.astype("boolean")
    return column.astype("float64") if kind in ("floating", "mixed-integer-float") else _texts(column)


def _texts(column: pandas.Series) -> pandas.Series:
    """Each value as the text that str() gives; missing ones stay missing."""
    objects = column.astype(object)
    return objects.where(column.isna(), objects.map(str, na_action="ignore")).where(column.notna(), None)
