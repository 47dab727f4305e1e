"""Rendering queries in the dialect of a database.

Queries are built once, with the functions of DuckDB. This module replaces the few functions that other dialects lack,
and sqlglot does the rest. It quotes all names and texts; none is concatenated into SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from sqlglot import Dialect as Grammar
from sqlglot import ErrorLevel, exp
from sqlglot.dialects.dialect import DialectType
from sqlglot.errors import UnsupportedError

from airflow_clarify.engines.counting.expressions import INTEGER_PATTERN
from airflow_clarify.engines.sql.dialects import Dialect
from airflow_clarify.exceptions import ConfigError

#: The window columns of this package's queries; windows in an author's query are left unchanged.
_WINDOWS = ("airflow_clarify_place", "group_accepted", "group_rejected")
#: The columns of a profile that are NULL in all rows if the type of the profiled column rules them out.
_READINGS = ("whole", "number", "truth", "whole_looking")
#: A decimal number that all databases can cast: no infinities, and an exponent that is never out of range.
_DECIMAL_PATTERN = r"[[:space:]]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?[[:space:]]*"
#: The largest float: the substitute for infinity in databases without infinities.
_LARGEST = "1.7976931348623157e+308"
#: The text of infinity in dialects that do not read "inf".
_INFINITIES = {
    "athena": "Infinity",
    "mysql": _LARGEST,
    "redshift": "Infinity",
    "sqlite": "9e999",
    "trino": "Infinity",
    "tsql": _LARGEST,
}


def render(query: exp.Expr, dialect: Dialect) -> str:
    """Render a query as SQL.

    :param query: the expression
    :param dialect: the dialect of the database
    :return: the text of the query
    :raises ConfigError: the dialect does not support a part of the query
    """
    try:
        translated = _translate(query, dialect)
        return translated.sql(dialect=sqlglot_dialect(dialect), unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise ConfigError(f"{dialect.title} cannot run this query ({error})") from None


def sqlglot_dialect(dialect: Dialect) -> DialectType:
    """Return the dialect that sqlglot writes for a database.

    :param dialect: the dialect of the database
    """
    if dialect.name == "redshift":
        return _build_redshift()
    return _build_mysql() if dialect.name == "mysql" else dialect.name


@cache
def _build_mysql() -> DialectType:
    """Build a MySQL dialect with RLIKE: MariaDB does not have the REGEXP_LIKE that sqlglot writes."""
    from sqlglot.dialects.mysql import MySQL

    def match_pattern(generator: Any, node: exp.RegexpLike) -> str:
        if node.args.get("flag"):
            return str(generator.function_fallback_sql(node))
        return str(generator.binary(node, "RLIKE"))

    class ClarifyMySQL(MySQL):
        class Generator(MySQL.Generator):  # type: ignore[valid-type,misc] # newer versions assign it
            TRANSFORMS: ClassVar = {**MySQL.Generator.TRANSFORMS, exp.RegexpLike: match_pattern}

    return ClarifyMySQL


@cache
def _build_redshift() -> DialectType:
    """Build a Redshift dialect that escapes quotes in texts by doubling them.

    sqlglot escapes them with a backslash, and Redshift accepts both. Redshift's driver does not: it searches for
    placeholders outside of texts, and ends a text at a quote after a backslash.
    """
    from sqlglot.dialects.redshift import Redshift

    class ClarifyRedshift(Redshift):
        class Tokenizer(Redshift.Tokenizer):
            STRING_ESCAPES: ClassVar = ["'", "\\"]

    return ClarifyRedshift


def _translate(tree: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Copy a tree with the functions of the dialect; replacements are not transformed again."""
    return tree.transform(lambda node: _translate_node(node, dialect))


def _translate_node(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        renderer = _RENDERERS.get(str(node.this).lower())
        return node if renderer is None else renderer(node, dialect)
    if isinstance(node, exp.TryCast):
        return _render_try_cast(node, dialect)
    if isinstance(node, exp.Cast):
        return _render_infinity(node, dialect)
    if isinstance(node, exp.Ordered):
        return _render_ordered(node, dialect)
    adapt = _ADAPTERS.get(dialect.name)
    return node if adapt is None else adapt(node)


def _render_sum(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Render a sum: DuckDB has a compensated one, other databases the plain one."""
    return node if dialect.name == "duckdb" else exp.Sum(this=_translate(node.expressions[0], dialect))


def _render_nan_test(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Render the test for NaN, which is always false in databases without NaN."""
    value, nan = _translate(node.expressions[0], dialect), exp.Literal.string("NaN")
    if dialect.not_a_number == "none":
        return exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    if dialect.not_a_number == "equals":
        return exp.EQ(this=value, expression=exp.cast(nan, "DOUBLE"))
    if dialect.not_a_number == "text":
        return exp.EQ(this=exp.cast(value, "VARCHAR"), expression=nan)
    return exp.Anonymous(this=dialect.not_a_number, expressions=[value])


def _render_exact_text(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Render a text that is compared exactly: case, accents and trailing blanks count.

    The collation of a column may ignore them.
    """
    value = _translate(node.expressions[0], dialect)
    if dialect.name == "sqlite":
        # No cast, because a column may hold values of several types.
        return exp.Collate(this=value, expression=exp.Var(this=dialect.collation))
    if dialect.name == "mysql":
        text = exp.cast(value, exp.DataType.build("CHAR CHARACTER SET utf8mb4", dialect="mysql"))
        return exp.Collate(this=text, expression=exp.Var(this=dialect.collation))
    kind = _LONG_TEXT.get(dialect.name, "VARCHAR")
    text = exp.cast(value, exp.DataType.build(kind, dialect=dialect.name))
    if not dialect.collation:
        return text
    if dialect.collation == "''":
        return exp.Collate(this=text, expression=exp.Literal.string(""))
    if dialect.name == "tsql":
        return exp.Collate(this=text, expression=exp.Var(this=dialect.collation))
    return exp.Collate(this=text, expression=exp.to_identifier(dialect.collation, quoted=True))


def _render_bits(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Render a bit field as an integer, because some drivers return bytes."""
    return exp.cast(_translate(node.expressions[0], dialect), exp.DataType.build("UNSIGNED", dialect="mysql"))


def _render_displayed_float(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Render a single-precision float as the double with the displayed digits: 0.7, not 0.699999988079071."""
    text = exp.cast(_translate(node.expressions[0], dialect), "VARCHAR")
    return exp.cast(text, "DOUBLE")


def _render_pattern_match(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Render the match of a whole text with a regular expression."""
    if dialect.name == "duckdb":
        return node
    value, pattern = (_translate(part, dialect) for part in node.expressions)
    if dialect.name == "tsql":
        if pattern.this != INTEGER_PATTERN:
            raise UnsupportedError("it has no regular expressions")
        return _render_integer_test(value)
    # Form feeds and vertical tabs are left out: dialects differ in how they escape them.
    whole = f"^({pattern.this})$".replace("[[:space:]]", "[ \t\n\r]").replace(r"\.", "[.]")
    return exp.RegexpLike(this=value, expression=exp.Literal.string(whole))


def _render_integer_test(value: exp.Expr) -> exp.Expr:
    """Render the test for an integer in SQL Server, without regular expressions.

    A cast alone is not enough: SQL Server casts "" and "-" to 0.
    """

    def like(pattern: str) -> exp.Expr:
        return exp.Like(this=value.copy(), expression=exp.Literal.string(pattern))

    cast = exp.TryCast(this=value.copy(), to=exp.DataType.build("BIGINT"))
    castable = exp.not_(exp.Is(this=cast, expression=exp.null()))
    return exp.paren(exp.and_(like("%[0-9]%"), exp.not_(like("%[^-+0-9 ]%")), castable))


def _render_try_cast(node: exp.TryCast, dialect: Dialect) -> exp.Expr:
    """Render a cast that returns NULL for texts that are not numbers of 64 bits.

    The casts of some dialects fail on such a text, or return another number. Texts that are cast to an integer match
    the pattern of one, so only their size is tested.
    """
    if node.to.is_type(exp.DataType.Type.DOUBLE) and dialect.name in _NO_TRY_CAST:
        return _render_double_or_null(node.this, dialect)
    # sqlglot assumes that Spark's CAST returns NULL on failure, which was true before Spark 4. It writes Snowflake's
    # TRY_CAST for texts only, and cannot infer that this value is one.
    node.set("safe", True)
    node.set("requires_string", True)
    if not node.to.is_type(exp.DataType.Type.BIGINT):
        return node
    value = _translate(node.this, dialect)
    if dialect.name in _TRIM_BEFORE_CAST:
        value = exp.Trim(this=value)
    is_in_range = _RANGE_TESTS.get(dialect.name)
    if is_in_range is None:
        return _cast_as(value, "BIGINT", safe=True)
    return exp.case().when(is_in_range(value.copy()), _cast_as(value, "BIGINT", safe=dialect.name == "snowflake"))


def _render_double_or_null(text: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Render a text as a float, or NULL if it is not one.

    The casts of these dialects fail on such a text, or return another number (0, or that of a prefix).
    """
    value = _translate(text, dialect)
    if dialect.name == "tsql":
        # SQL Server casts "" to 0.
        has_digit = exp.Like(this=value, expression=exp.Literal.string("%[0-9]%"))
        return exp.case().when(has_digit, _cast_as(value.copy(), "DOUBLE", safe=True))
    pattern = exp.Anonymous(this="regexp_full_match", expressions=[text.copy(), exp.Literal.string(_DECIMAL_PATTERN)])
    case = exp.case()
    if dialect.name == "sqlite":
        # A column may hold numbers and texts; TRIM would convert all of them to texts.
        number = value.this.copy() if isinstance(value, exp.Trim) else value.copy()
        stored = exp.Anonymous(this="TYPEOF", expressions=[number.copy()])
        case = case.when(stored.isin(exp.Literal.string("integer"), exp.Literal.string("real")), number)
    return case.when(_render_pattern_match(pattern, dialect), exp.cast(value, "DOUBLE"))


def _cast_as(value: exp.Expr, kind: str, *, safe: bool = False) -> exp.Expr:
    to = exp.DataType.build(kind, dialect="postgres")
    return exp.TryCast(this=value, to=to, safe=True, requires_string=True) if safe else exp.Cast(this=value, to=to)


def _fits_64_bits(number: exp.Expr) -> exp.Expr:
    """Return whether a number of more than 64 bits fits into 64."""
    low, high = (exp.convert(bound) for bound in (-(2**63), 2**63 - 1))
    return exp.Between(this=number, low=low, high=high)


def _is_integer_in_sqlite(value: exp.Expr) -> exp.Expr:
    """Return whether a number fits into 64 bits in SQLite, where larger ones become floats.

    A cast to an integer would clip these to the largest integer.
    """
    number = exp.Add(this=value, expression=exp.Literal.number(0))
    return exp.EQ(this=exp.Anonymous(this="TYPEOF", expressions=[number]), expression=exp.Literal.string("integer"))


#: The type for texts of any length, in dialects whose VARCHAR is limited.
_LONG_TEXT = {
    "bigquery": "STRING",
    "databricks": "STRING",
    "postgres": "TEXT",
    "redshift": "VARCHAR(65535)",
    "spark": "STRING",
    "tsql": "NVARCHAR(MAX)",
}
#: The dialects without a TRY_CAST to float, or with one that accepts invalid texts.
_NO_TRY_CAST = ("mysql", "postgres", "redshift", "sqlite", "tsql")
#: The dialects that, in some versions, cannot cast a number with surrounding spaces.
_TRIM_BEFORE_CAST = ("athena", "snowflake", "trino")
#: Tests whether a text with the pattern of an integer fits into 64 bits.
_RANGE_TESTS: dict[str, Callable[[exp.Expr], exp.Expr]] = {
    "mysql": lambda value: _fits_64_bits(_cast_as(value, "DECIMAL(65, 0)")),
    "postgres": lambda value: _fits_64_bits(_cast_as(value, "DECIMAL")),
    # Snowflake's BIGINT has 38 digits.
    "snowflake": lambda value: _fits_64_bits(_cast_as(value, "BIGINT", safe=True)),
    "sqlite": _is_integer_in_sqlite,
}


def _render_infinity(node: exp.Cast, dialect: Dialect) -> exp.Expr:
    """Render infinity, which has other names in some dialects and does not exist in others."""
    text = node.this
    name = _INFINITIES.get(dialect.name)
    if name is None or not (isinstance(text, exp.Literal) and text.is_string and text.this in ("inf", "-inf")):
        return node
    signed = name if text.this == "inf" else f"-{name}"
    if dialect.name == "sqlite":
        # SQLite would cast a text to 0.
        return exp.Literal.number(signed)
    node.set("this", exp.Literal.string(signed))
    return node


def _render_ordered(node: exp.Ordered, dialect: Dialect) -> exp.Expr:
    """Keep the default order of NULLs, which needs no NULLS FIRST or LAST."""
    if node.args.get("nulls_first") is None:
        node.set("nulls_first", Grammar.get_or_raise(dialect.name).NULL_ORDERING == "nulls_are_small")
    return node


def _adapt_to_bigquery(node: exp.Expr) -> exp.Expr:
    """Adapt a node to BigQuery: no partitions by floats, no escapes in names."""
    if isinstance(node, exp.Identifier) and set(node.this) & set("`\\\n\r"):
        raise ConfigError(f"{node.this!r} cannot be a name in BigQuery; it has a backtick, a backslash or a line break")
    if isinstance(node, exp.Window) and node.parent is not None and node.parent.alias in _WINDOWS:
        parts = [exp.cast(part.copy(), "VARCHAR") for part in node.args.get("partition_by") or ()]
        node.set("partition_by", parts)
    return node


def _adapt_to_redshift(node: exp.Expr) -> exp.Expr:
    """Adapt a node to Redshift: cast the NULL readings of a profile.

    An untyped NULL of a subquery has no minimum and no distinct values in Redshift.
    """
    if isinstance(node, exp.Alias) and isinstance(node.this, exp.Null) and node.alias in _READINGS:
        node.set("this", exp.cast(exp.null(), "BIGINT"))
    return node


def _adapt_to_tsql(node: exp.Expr) -> exp.Expr:
    """Adapt a node to SQL Server: national texts, and counts of 64 bits.

    Its other texts are limited to one code page, and its plain counts to 32 bits.
    """
    if isinstance(node, exp.Literal) and node.is_string and not node.this.isascii():
        return exp.National(this=node.this)
    # Without a length, VARCHAR means 30 characters.
    if isinstance(node, exp.DataType) and node.this is exp.DataType.Type.VARCHAR and not node.expressions:
        return exp.DataType.build("NVARCHAR(MAX)", dialect="tsql")
    if isinstance(node, exp.Count):
        node.set("big_int", True)
    if isinstance(node, exp.Sum) and isinstance(node.this, exp.Case) and _returns_integers(node.this):
        node.set("this", exp.cast(node.this.copy(), "BIGINT"))
    return node


def _returns_integers(case: exp.Case) -> bool:
    """Return whether all branches of a CASE are integer literals."""
    results = [branch.args["true"] for branch in case.args["ifs"]] + [case.args.get("default")]
    return all(isinstance(each, exp.Literal) and each.is_int for each in results)


#: Replacements of the functions that only DuckDB has, or that only this package uses.
_RENDERERS: dict[str, Callable[[exp.Anonymous, Dialect], exp.Expr]] = {
    "bits": _render_bits,
    "displayed_float": _render_displayed_float,
    "exact_text": _render_exact_text,
    "fsum": _render_sum,
    "isnan": _render_nan_test,
    "regexp_full_match": _render_pattern_match,
}
_ADAPTERS: dict[str, Callable[[exp.Expr], exp.Expr]] = {
    "bigquery": _adapt_to_bigquery,
    "redshift": _adapt_to_redshift,
    "tsql": _adapt_to_tsql,
}
