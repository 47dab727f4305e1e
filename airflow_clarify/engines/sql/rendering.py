"""How queries are said in a dialect.

Queries are built once, in the words of DuckDB. The few words that others lack are turned into theirs here, and sqlglot
does the rest: names and texts are quoted by it, never pasted.
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

#: The windows that we write, by the names of their columns; an author's own are left as they are.
_WINDOWS = ("airflow_clarify_place", "group_accepted", "group_rejected")
#: The readings that a type can rule out, so that they are NULL in all rows.
_READINGS = ("whole", "number", "truth", "whole_looking")
#: A decimal number as all databases cast it, without infinities; of an exponent that no cast calls out of range.
_DECIMAL_PATTERN = r"[[:space:]]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?[[:space:]]*"
#: What stands for the infinities where a float can be none, or where the dialect has no name for them.
_LARGEST = "1.7976931348623157e+308"
_INFINITE = {
    "athena": "Infinity",
    "mysql": _LARGEST,
    "redshift": "Infinity",
    "sqlite": "9e999",
    "trino": "Infinity",
    "tsql": _LARGEST,
}


def render(query: exp.Expr, dialect: Dialect) -> str:
    """The text of a query in a dialect.

    :param query: an expression
    :param dialect: in which to say it
    :raises ConfigError: it has no words for a part of it
    """
    try:
        translated = _translate(query, dialect)
        return translated.sql(dialect=sqlglot_dialect(dialect), unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise ConfigError(f"{dialect.title} cannot run what is asked ({error})") from None


def sqlglot_dialect(dialect: Dialect) -> DialectType:
    """How sqlglot is to write a dialect."""
    if dialect.name == "redshift":
        return _build_redshift()
    return _build_mysql() if dialect.name == "mysql" else dialect.name


@cache
def _build_mysql() -> DialectType:
    """MySQL with the operator for patterns: MariaDB does not have the function that sqlglot writes."""
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
    """Redshift with quotes that are doubled in texts.

    sqlglot writes a backslash before them, and Redshift takes both. Its driver does not: it looks for placeholders
    outside of texts, and thinks that a text ends at such a quote.
    """
    from sqlglot.dialects.redshift import Redshift

    class ClarifyRedshift(Redshift):
        class Tokenizer(Redshift.Tokenizer):
            STRING_ESCAPES: ClassVar = ["'", "\\"]

    return ClarifyRedshift


def _translate(tree: exp.Expr, dialect: Dialect) -> exp.Expr:
    """A copy in the words of the dialect. What stands in place of a node is not looked at again."""
    return tree.transform(lambda node: _translate_node(node, dialect))


def _translate_node(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        word = _WORDS.get(str(node.this).lower())
        return node if word is None else word(node, dialect)
    if isinstance(node, exp.TryCast):
        return _render_try_cast(node, dialect)
    if isinstance(node, exp.Cast):
        return _render_infinity(node, dialect)
    if isinstance(node, exp.Ordered):
        return _render_ordered(node, dialect)
    own = _OWN.get(dialect.name)
    return node if own is None else own(node)


def _sum(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """DuckDB's compensated sum; others have the plain one."""
    return node if dialect.name == "duckdb" else exp.Sum(this=_translate(node.expressions[0], dialect))


def _is_not_a_number(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    value, nan = _translate(node.expressions[0], dialect), exp.Literal.string("NaN")
    if dialect.not_a_number == "none":
        return exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    if dialect.not_a_number == "equals":
        return exp.EQ(this=value, expression=exp.cast(nan, "DOUBLE"))
    if dialect.not_a_number == "text":
        return exp.EQ(this=exp.cast(value, "VARCHAR"), expression=nan)
    return exp.Anonymous(this=dialect.not_a_number, expressions=[value])


def _render_exact_text(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """A text that equals no other, whatever the collation of its column (case, accents, blanks at the end)."""
    value = _translate(node.expressions[0], dialect)
    if dialect.name == "sqlite":
        # Without a cast, since a column may hold values of several types.
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
    """The whole number that some bits write; some drivers give bytes instead."""
    return exp.cast(_translate(node.expressions[0], dialect), exp.DataType.build("UNSIGNED", dialect="mysql"))


def _render_displayed_float(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """The double that a float of single precision is displayed as: 0.7, not 0.699999988079071."""
    text = exp.cast(_translate(node.expressions[0], dialect), "VARCHAR")
    return exp.cast(text, "DOUBLE")


def _render_pattern_match(node: exp.Anonymous, dialect: Dialect) -> exp.Expr:
    """Whether a text is, as a whole, of a pattern."""
    if dialect.name == "duckdb":
        return node
    value, pattern = (_translate(part, dialect) for part in node.expressions)
    if dialect.name == "tsql":
        if pattern.this != INTEGER_PATTERN:
            raise UnsupportedError("it knows no patterns")
        return _render_whole_number_test(value)
    # Form feeds and vertical tabs are left out: dialects differ in how they escape them.
    whole = f"^({pattern.this})$".replace("[[:space:]]", "[ \t\n\r]").replace(r"\.", "[.]")
    return exp.RegexpLike(this=value, expression=exp.Literal.string(whole))


def _render_whole_number_test(value: exp.Expr) -> exp.Expr:
    """SQL Server has no patterns that could say it; it casts "" and "-" to 0, and takes white space."""

    def like(pattern: str) -> exp.Expr:
        return exp.Like(this=value.copy(), expression=exp.Literal.string(pattern))

    cast = exp.TryCast(this=value.copy(), to=exp.DataType.build("BIGINT"))
    castable = exp.not_(exp.Is(this=cast, expression=exp.null()))
    return exp.paren(exp.and_(like("%[0-9]%"), exp.not_(like("%[^-+0-9 ]%")), castable))


def _render_try_cast(node: exp.TryCast, dialect: Dialect) -> exp.Expr:
    """A cast that gives NULL where a text is no number, or one beyond 64 bits.

    Some dialects only have casts that fail on such a text, or that give another number. What is cast to a whole number
    looks like one, so only its size remains to be seen.
    """
    if node.to.is_type(exp.DataType.Type.DOUBLE) and dialect.name in _NO_TRY_CAST:
        return _render_double_or_null(node.this, dialect)
    # sqlglot takes Spark's CAST for one that gives NULL, which it was before Spark 4; and Snowflake's TRY_CAST only
    # for texts, as does Snowflake, but it does not know that this is one.
    node.set("safe", True)
    node.set("requires_string", True)
    if not node.to.is_type(exp.DataType.Type.BIGINT):
        return node
    value = _translate(node.this, dialect)
    if dialect.name in _TRIMMED:
        value = exp.Trim(this=value)
    within = _FITTING.get(dialect.name)
    if within is None:
        return _cast_as(value, "BIGINT", safe=True)
    return exp.case().when(within(value.copy()), _cast_as(value, "BIGINT", safe=dialect.name == "snowflake"))


def _render_double_or_null(text: exp.Expr, dialect: Dialect) -> exp.Expr:
    """A text as a float, where a cast fails on what is no number, or gives another number (0, or a part of it)."""
    value = _translate(text, dialect)
    if dialect.name == "tsql":
        # It casts "" to 0.
        has_digit = exp.Like(this=value, expression=exp.Literal.string("%[0-9]%"))
        return exp.case().when(has_digit, _cast_as(value.copy(), "DOUBLE", safe=True))
    pattern = exp.Anonymous(this="regexp_full_match", expressions=[text.copy(), exp.Literal.string(_DECIMAL_PATTERN)])
    case = exp.case()
    if dialect.name == "sqlite":
        # A column may hold numbers and texts; TRIM would make texts of all of them.
        number = value.this.copy() if isinstance(value, exp.Trim) else value.copy()
        stored = exp.Anonymous(this="TYPEOF", expressions=[number.copy()])
        case = case.when(stored.isin(exp.Literal.string("integer"), exp.Literal.string("real")), number)
    return case.when(_render_pattern_match(pattern, dialect), exp.cast(value, "DOUBLE"))


def _cast_as(value: exp.Expr, kind: str, *, safe: bool = False) -> exp.Expr:
    to = exp.DataType.build(kind, dialect="postgres")
    return exp.TryCast(this=value, to=to, safe=True, requires_string=True) if safe else exp.Cast(this=value, to=to)


def _fits_64_bits(number: exp.Expr) -> exp.Expr:
    """Whether a number of more than 64 bits would do with 64."""
    low, high = (exp.convert(bound) for bound in (-(2**63), 2**63 - 1))
    return exp.Between(this=number, low=low, high=high)


def _is_integer_in_sqlite(value: exp.Expr) -> exp.Expr:
    """SQLite makes a float of a number that is too large; a cast to a whole one would give the largest there is."""
    number = exp.Add(this=value, expression=exp.Literal.number(0))
    return exp.EQ(this=exp.Anonymous(this="TYPEOF", expressions=[number]), expression=exp.Literal.string("integer"))


#: A text of any length, where VARCHAR is not.
_LONG_TEXT = {
    "bigquery": "STRING",
    "databricks": "STRING",
    "postgres": "TEXT",
    "redshift": "VARCHAR(65535)",
    "spark": "STRING",
    "tsql": "NVARCHAR(MAX)",
}
#: The dialects that cannot try whether a text is a float, or that take more for one than it is.
_NO_TRY_CAST = ("mysql", "postgres", "redshift", "sqlite", "tsql")
#: The dialects some of whose versions cast no text with spaces around its number.
_TRIMMED = ("athena", "snowflake", "trino")
#: How to see that a text, which looks like a whole number, is one of 64 bits.
_FITTING: dict[str, Callable[[exp.Expr], exp.Expr]] = {
    "mysql": lambda value: _fits_64_bits(_cast_as(value, "DECIMAL(65, 0)")),
    "postgres": lambda value: _fits_64_bits(_cast_as(value, "DECIMAL")),
    # Its BIGINT has 38 digits.
    "snowflake": lambda value: _fits_64_bits(_cast_as(value, "BIGINT", safe=True)),
    "sqlite": _is_integer_in_sqlite,
}


def _render_infinity(node: exp.Cast, dialect: Dialect) -> exp.Expr:
    """The infinities have other names in some dialects, and in some there are none."""
    text = node.this
    name = _INFINITE.get(dialect.name)
    if name is None or not (isinstance(text, exp.Literal) and text.is_string and text.this in ("inf", "-inf")):
        return node
    signed = name if text.this == "inf" else f"-{name}"
    if dialect.name == "sqlite":
        # A text would be cast to 0.
        return exp.Literal.number(signed)
    node.set("this", exp.Literal.string(signed))
    return node


def _render_ordered(node: exp.Ordered, dialect: Dialect) -> exp.Expr:
    """Where nothing is said of NULLs, they are where the dialect has them anyway, and it needs no words for that."""
    if node.args.get("nulls_first") is None:
        node.set("nulls_first", Grammar.get_or_raise(dialect.name).NULL_ORDERING == "nulls_are_small")
    return node


def _adapt_to_bigquery(node: exp.Expr) -> exp.Expr:
    """BigQuery partitions by no floats, and has no names that would need an escape."""
    if isinstance(node, exp.Identifier) and set(node.this) & set("`\\\n\r"):
        raise ConfigError(f"{node.this!r} can be no name in BigQuery; it has a backtick, a backslash or a line break")
    if isinstance(node, exp.Window) and node.parent is not None and node.parent.alias in _WINDOWS:
        parts = [exp.cast(part.copy(), "VARCHAR") for part in node.args.get("partition_by") or ()]
        node.set("partition_by", parts)
    return node


def _adapt_to_redshift(node: exp.Expr) -> exp.Expr:
    """In Redshift, a NULL of a subquery stays without a type, and then has no smallest or distinct values."""
    if isinstance(node, exp.Alias) and isinstance(node.this, exp.Null) and node.alias in _READINGS:
        node.set("this", exp.cast(exp.null(), "BIGINT"))
    return node


def _adapt_to_tsql(node: exp.Expr) -> exp.Expr:
    """SQL Server's texts are of one code page unless they are national, and its counts are of 32 bits unless big."""
    if isinstance(node, exp.Literal) and node.is_string and not node.this.isascii():
        return exp.National(this=node.this)
    # Without a length SQL Server means 30 characters.
    if isinstance(node, exp.DataType) and node.this is exp.DataType.Type.VARCHAR and not node.expressions:
        return exp.DataType.build("NVARCHAR(MAX)", dialect="tsql")
    if isinstance(node, exp.Count):
        node.set("big_int", True)
    if isinstance(node, exp.Sum) and isinstance(node.this, exp.Case) and _holds_numbers(node.this):
        node.set("this", exp.cast(node.this.copy(), "BIGINT"))
    return node


def _holds_numbers(case: exp.Case) -> bool:
    """Whether all that a CASE can give is written there as a number."""
    given = [branch.args["true"] for branch in case.args["ifs"]] + [case.args.get("default")]
    return all(isinstance(each, exp.Literal) and each.is_int for each in given)


_WORDS: dict[str, Callable[[exp.Anonymous, Dialect], exp.Expr]] = {
    "bits": _render_bits,
    "displayed_float": _render_displayed_float,
    "exact_text": _render_exact_text,
    "fsum": _sum,
    "isnan": _is_not_a_number,
    "regexp_full_match": _render_pattern_match,
}
_OWN: dict[str, Callable[[exp.Expr], exp.Expr]] = {
    "bigquery": _adapt_to_bigquery,
    "redshift": _adapt_to_redshift,
    "tsql": _adapt_to_tsql,
}
