"""DuckDB's table functions as expressions: ``read_csv(['a.csv'], delim = ',')``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from airflow_clarify.io.filesystem import build_pattern


def build_table_function(name: str, *arguments: exp.Expr, **options: Any) -> exp.Expr:
    """Build the call of a table function with named options.

    :param name: the name of the function
    :param arguments: the positional arguments
    :param options: the named options; their values are scalars, lists and mappings
    """
    named = [exp.EQ(this=exp.to_identifier(key), expression=_build_constant(value)) for key, value in options.items()]
    return exp.Table(this=exp.Anonymous(this=name, expressions=[*arguments, *named]))


def build_file_list(files: Iterable[str]) -> exp.Expr:
    """Build the array of files to read, with the glob characters in their names escaped.

    :param files: the names of the files
    """
    return exp.array(*(exp.Literal.string(build_pattern(file)) for file in files))


def _build_constant(value: Any) -> exp.Expr:
    if isinstance(value, Mapping):
        # Not exp.convert(), which converts a mapping to a MAP; these options take a STRUCT.
        return exp.Struct(
            expressions=[
                exp.PropertyEQ(this=exp.to_identifier(key, quoted=True), expression=_build_constant(field))
                for key, field in value.items()
            ]
        )
    return exp.convert(value)
