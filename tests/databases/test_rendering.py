"""Statements for databases that are not installed: parsed back from their SQL, they have the same results."""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
import test_balance_in_databases as balancing
from database_factories import Column, Database, as_parquet
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rendering_factories import Transpiling, read_back
from sqlglot import exp
from test_same_in_databases import Case, answer, assert_same, cases, plain

from airflow_clarify import AnalysisConfig, BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.bias.column_types import ColumnProfile, is_number
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.engines.counting.expressions import (
    StorageType,
    build_category_text,
    cast_to_float,
    cast_to_integer,
    null_if_missing,
)
from airflow_clarify.engines.sql.column_types import ColumnType
from airflow_clarify.engines.sql.count import count_table
from airflow_clarify.engines.sql.dialects import get_dialect
from airflow_clarify.engines.sql.parsing import parse_table, source_query
from airflow_clarify.engines.sql.rendering import render
from airflow_clarify.engines.sql.resample import resample_table
from airflow_clarify.engines.sql.row_filter import build_conditions
from airflow_clarify.engines.sql.sample_query import build_literal
from airflow_clarify.engines.sql.source import SqlSource
from airflow_clarify.exceptions import ConfigError, OutputError

pytestmark = pytest.mark.skipif(
    int(sqlglot.__version__.split(".")[0]) < 30, reason="an older sqlglot cannot read all that it writes"
)

#: The dialects whose databases cannot be run here, and the others for good measure.
ABSENT = ["athena", "bigquery", "databricks", "mysql", "redshift", "snowflake", "trino", "tsql"]
EVERY = [*ABSENT, "postgres", "spark", "sqlite"]


class TranspilingEngine:
    """Count as SQLEngine does, in a database that is not installed."""

    def __init__(self, runner: Transpiling, max_cells: int = 200_000) -> None:
        self.runner = runner
        self.max_cells = max_cells

    def source(self, data: DataConfig) -> SqlSource:
        return SqlSource.open(self.runner, data.source, source_query(data, self.runner.dialect.name), data)

    def count(self, data: DataConfig, config: AnalysisConfig) -> Contingency:
        return count_table(self.source(data), config, data.weight, None, max_cells=self.max_cells)

    def balance(self, data: DataConfig, target: str, plan: BalanceConfig) -> Any:
        return resample_table(self.source(data), self.runner, data, target, plan)


#: Words that a dialect does not have, or has with another meaning.
FOREIGN = {
    "athena": ["SIGNED", "ISNAN", "NULLS", "||"],
    "bigquery": ["VARCHAR", "DOUBLE", "TRY_CAST", "BIGINT", "NULLS", "||"],
    "databricks": ["VARCHAR", "NULLS"],
    "mysql": ["GROUPING", "TRY_CAST", "VARCHAR", "BIGINT", "NULLS", "||"],
    "redshift": ["ISNAN", "IS_NAN", "DOUBLE AS", "NULLS"],
    "snowflake": ["ISNAN", "IS_NAN", "NULLS"],
    "trino": ["SIGNED", "ISNAN", "NULLS", "||"],
    "tsql": ["LIMIT", "TRUE", "FALSE", "COUNT", "VARCHAR", "DOUBLE", "REGEXP_LIKE", "NULLS", "||"],
}


def assert_own_words(runner: Transpiling) -> None:
    """Check that the statements contain only words of the dialect."""
    for text in runner.seen:
        said = re.sub(r"'(?:[^'\\]|''|\\.)*'", "''", text)
        for word in FOREIGN.get(runner.dialect.name, ()):
            assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said), (word, text)


# --- As the embedded engine would ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", EVERY)
@given(case=cases())
@settings(max_examples=settings.default.max_examples // 6)
def test_a_dialect_counts_as_the_embedded_engine_does(dialect: str, case: Case) -> None:
    weight = "w" if case.weighted else None
    data = DataConfig(table="data", label="y", weight=weight, predicted_label="p")
    with tempfile.TemporaryDirectory() as folder, Transpiling.of(dialect) as runner:
        path = as_parquet(case.columns, Path(folder) / "data.parquet")
        runner.load("data", path)
        embedded = DuckDBEngine(duckdb_conn_id=None, threads=1)
        expected = answer(embedded, replace(data, table=None, input_path=str(path)), case)
        at_home, afar = (answer(TranspilingEngine(runner, max_cells), data, case) for max_cells in (200_000, 0))
    assert_same(at_home, expected)
    assert_same(afar, expected)
    assert_own_words(runner)


@pytest.mark.parametrize("dialect", EVERY)
@given(case=balancing.cases())
@settings(max_examples=settings.default.max_examples // 10)
def test_a_dialect_balances_as_the_embedded_engine_does(dialect: str, case: balancing.Case) -> None:
    with tempfile.TemporaryDirectory() as folder, Transpiling.of(dialect) as runner:
        path, to = as_parquet(case.columns, Path(folder) / "data.parquet"), Path(folder) / "out.parquet"
        runner.load("data", path)
        embedded, engine = DuckDBEngine(duckdb_conn_id=None, threads=1), TranspilingEngine(runner)
        expected = balancing.answer(
            lambda **plan: embedded.balance(DataConfig(str(path)), str(to), BalanceConfig(["g", "y"], **plan)), case
        )
        found = balancing.answer(
            lambda **plan: engine.balance(
                DataConfig(table="data"), "out", BalanceConfig(["g", "y"], key=["id"], **plan)
            ),
            case,
        )
        if isinstance(found, str) or isinstance(expected, str):
            assert found == expected
            return
        assert found.strata == expected.strata
        copied = runner.connection.execute("SELECT g, y FROM out").fetchall()
        wanted = duckdb.sql(f"SELECT g, y FROM '{to}'").fetchall()
    assert Counter(map(_plainly, copied)) == Counter(map(_plainly, wanted))
    assert_own_words(runner)


def _plainly(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(plain(value) for value in row)


# --- Names and texts are only names and texts ---------------------------------------------------------------------

#: What could end a name or a text, or be taken for something else inside it.
SHARP = [
    "'",
    '"',
    "`",
    "[",
    "]",
    "\\",
    "\n",
    "\r",
    "\t",
    "%s",
    "%",
    "--",
    "/*",
    "*/",
    ";",
    ".",
    "?",
    ":x",
    "$$",
    "{x}",
    "N'",
]
WORDS = ["select", "Order By", "é", "日本", "👍", "#t", "@v", " ", "a"]
ANY = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=3)
NAMES = st.lists(st.sampled_from([*SHARP, *WORDS]) | ANY, min_size=1).map("".join).filter(len)
TEXTS = NAMES | st.sampled_from(["", "' OR 1 = 1 --", "\\' OR 1 = 1 --", "x'); DROP TABLE t; --", "NaN", "NULL"])


def meant(table: str, column: str, alias: str, text: str, dialect: str) -> exp.Select:
    """Build a query with names and texts of users."""
    rows = exp.select(exp.column(column, quoted=True).as_(alias, quoted=True))
    rows = rows.from_(parse_table([table], dialect, "table"))
    return rows.where(*(has(column, value, StorageType.TEXT, dialect) for value in (text, [text, "x"])))


def has(column: str, value: Any, stored: StorageType, dialect: str) -> exp.Expr:
    """A condition that a column has a value."""
    return build_conditions(
        {column: value},
        lambda _: ColumnType(stored, "plain"),
        lambda name: exp.column(name, quoted=True),
        get_dialect(dialect),
    )


def build_names(dialect: str) -> st.SearchStrategy[str]:
    """Build the strategy for the names that a dialect can write."""
    if dialect == "bigquery":
        # A dot separates the parts of a name in BigQuery, even inside of its quotes.
        return NAMES.map(lambda name: re.sub(r"[`\\\n\r.]", "", name) or "a")
    if dialect == "tsql":
        # A table whose name begins so is one of the session in SQL Server, quoted or not.
        return NAMES.map(lambda name: name.lstrip("#") or "a")
    return NAMES


@pytest.mark.parametrize("dialect", EVERY)
@given(data=st.data(), text=TEXTS)
@settings(max_examples=settings.default.max_examples // 2)
def test_names_and_texts_come_back_as_they_are(dialect: str, data: st.DataObject, text: str) -> None:
    # SQLite compares the text of a number with numbers too.
    assume(get_dialect(dialect).has_column_types or not is_number(text))
    table, column, alias = names = data.draw(st.tuples(*[build_names(dialect)] * 3))
    back = read_back(render(meant(*names, text, dialect), get_dialect(dialect)), get_dialect(dialect))
    assert isinstance(back, exp.Select)
    assert [(one.name, one.db) for one in back.find_all(exp.Table)] == [(table, "")]
    assert {one.name for one in back.find_all(exp.Column)} == {column}
    assert [one.alias for one in back.find_all(exp.Alias)] == [alias]
    # SQLite compares texts only with values that are stored as such: TYPEOF(column) = 'text'.
    words = [] if get_dialect(dialect).has_column_types else ["text", "text"]
    assert Counter(one.name for one in back.find_all(exp.Literal, exp.National)) == Counter([text, text, "x", *words])


@pytest.mark.parametrize("sharp", ["`", "\\", "\n"])
def test_names_that_need_an_escape_are_refused_for_bigquery(sharp: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a name in BigQuery"):
        render(meant("t", f"a{sharp}b", "c", "", "bigquery"), get_dialect("bigquery"))


@given(text=TEXTS)
def test_text_literals_of_redshift_end_where_its_driver_expects(text: str) -> None:
    """The driver does not support backslashes, and replaces placeholders outside of text literals."""
    said = render(exp.select(exp.Literal.string(text)), get_dialect("redshift"))
    assert re.fullmatch(r"SELECT '(?:[^']|'')*'", said)


# --- At the edges of types ----------------------------------------------------------------------------------------

EDGES: dict[str, tuple[Column, list[Any] | None]] = {
    "texts beyond 64 bits": (Column("text", [" 7", "-0", str(2**63), str(-(2**63) - 1), "9" * 37, "9" * 70] * 2), None),
    "texts within 64 bits": (Column("text", [" 7", "-0", str(2**63 - 1), str(-(2**63)), "+3", "01"] * 2), ["01"]),
    "infinities": (Column("float", [math.inf, -math.inf, 0.5, 1.5, -0.0, 3.25] * 2), [0.5]),
    "no numbers": (Column("float", [math.nan, None, 0.5, 1.5, -0.0, math.nan] * 2), [0.5]),
}
#: Those whose databases have no such values.
WITHOUT = {
    "infinities": ["mysql", "mariadb", "tsql"],
    "no numbers": ["mysql", "mariadb", "sqlite", "tsql"],
}


def edge(name: str) -> Case:
    """A facet at an edge of its type."""
    facet, values = EDGES[name]
    label = Column("integer", [n // 3 % 2 for n in range(12)])
    group = Column("float", [1.5, math.nan, 2.5] * 4) if name == "no numbers" else label
    return Case({"g": facet, "y": label, "z": group}, [1], values, ["g"], weighted=False)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("dialect", EVERY)
def test_limits_of_types_are_those_of_the_embedded_engine(dialect: str, name: str, tmp_path: Path) -> None:
    if dialect in WITHOUT.get(name, ()):
        pytest.skip("it has none, so DuckDB cannot stand in for it")
    path = as_parquet(edge(name).columns, tmp_path / "data.parquet")
    with Transpiling.of(dialect) as runner:
        runner.load("data", path)
        expected = answer(DuckDBEngine(duckdb_conn_id=None, threads=1), DataConfig(str(path), label="y"), edge(name))
        for max_cells in (200_000, 0):
            engine = TranspilingEngine(runner, max_cells)
            assert_same(answer(engine, DataConfig(table="data", label="y"), edge(name)), expected)


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("max_cells", [200_000, 0], ids=["at home", "afar"])
def test_limits_of_types_are_the_same_in_real_databases(
    database: Database, max_cells: int, name: str, tmp_path: Path
) -> None:
    if database.name in WITHOUT.get(name, ()):
        pytest.skip("it has none")
    database.load("edges", edge(name).columns)
    path = as_parquet(edge(name).columns, tmp_path / "data.parquet")
    expected = answer(DuckDBEngine(duckdb_conn_id=None, threads=1), DataConfig(str(path), label="y"), edge(name))
    found = answer(database.engine(max_cells), DataConfig(table="edges", label="y"), edge(name))
    assert_same(found, expected)


# --- Tables are replaced and dropped in each dialect's way --------------------------------------------------------

DROPPED = {
    # Athena's statements about tables are Hive's, and its queries are Trino's.
    "athena": "DROP TABLE IF EXISTS `fair`",
    "bigquery": "DROP TABLE IF EXISTS `fair`",
    "databricks": "DROP TABLE IF EXISTS `fair`",
    "mysql": "DROP TABLE IF EXISTS `fair`",
    "redshift": 'DROP TABLE IF EXISTS "fair"',
    "snowflake": 'DROP TABLE IF EXISTS "FAIR"',
    "trino": 'DROP TABLE IF EXISTS "fair"',
    "tsql": "DROP TABLE IF EXISTS [fair]",
}
#: The bounds of whole numbers of 64 bits.
WITHIN = f"BETWEEN {-(2**63)} AND {2**63 - 1}"
LOANS = {
    "id": Column("integer", list(range(12))),
    "Age": Column("float", [18 + 5.5 * (n % 4) for n in range(12)]),
    "region": Column("text", [["O'Hara", "São"][n % 2] for n in range(12)]),
    "approved": Column("integer", [n // 3 % 2 for n in range(12)]),
    "w": Column("float", [1.0, 0.5, 2.0] * 4),
}


@contextmanager
def loans(dialect: str, folder: Path) -> Iterator[Transpiling]:
    """A database with a table of loans."""
    with Transpiling.of(dialect) as runner:
        runner.load("loans", as_parquet(LOANS, folder / f"{dialect}.parquet"))
        yield runner


def made_fair(runner: Transpiling, **plan: Any) -> list[tuple[Any, ...]]:
    """Return the ids of a balanced copy."""
    TranspilingEngine(runner).balance(
        DataConfig(table="loans"), "fair", BalanceConfig(["Age"], key=["id"], size=2, **plan)
    )
    return sorted(runner.connection.execute("SELECT id FROM fair").fetchall())


@pytest.mark.parametrize("dialect", ABSENT)
def test_a_table_is_replaced_in_one_step_or_not_at_all(dialect: str, tmp_path: Path) -> None:
    replacing = get_dialect(dialect).replacing
    with loans(dialect, tmp_path) as runner:
        before = made_fair(runner)
        runner.seen.clear()
        if replacing == "no":
            with pytest.raises(ConfigError, match="cannot replace a table in one step"):
                made_fair(runner, seed=1, if_exists="replace")
            return
        assert made_fair(runner, seed=1, if_exists="replace") != before
        tables = {name for (name,) in runner.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    (made,) = [text for text in runner.seen if "airflow_clarify_place" in text]
    assert {name.lower() for name in tables} == {"loans", "fair"}
    assert made.startswith("CREATE OR REPLACE TABLE ") == (replacing == "or replace")
    assert (DROPPED[dialect] in runner.seen) == (replacing == "transaction")
    both = r"RENAME TABLE `fair` TO `airflow_clarify_\w+`, `airflow_clarify_\w+` TO `fair`"
    assert any(re.fullmatch(both, text) for text in runner.seen) == (replacing == "rename")


@pytest.mark.parametrize("dialect", ABSENT)
def test_a_failed_statement_leaves_no_table(dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*_: Any) -> None:
        raise OutputError("the data changed")

    monkeypatch.setattr("airflow_clarify.engines.sql.resample._check_strata", changed)
    with loans(dialect, tmp_path) as runner:
        with pytest.raises(OutputError):
            made_fair(runner)
        assert runner.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("loans",)]
    if get_dialect(dialect).replacing != "transaction":
        assert runner.seen[-1] == DROPPED[dialect]


# --- What each dialect says in its own words ----------------------------------------------------------------------


def says(dialect: str, *parts: exp.Expr) -> str:
    """Some parts of a query in a dialect."""
    said = render(exp.select(*parts), get_dialect(dialect))
    read_back(said, get_dialect(dialect))
    return said.removeprefix("SELECT ")


def test_texts_of_sql_server_are_nvarchar() -> None:
    value = exp.column("a", quoted=True)
    is_one = exp.case().when(value.isin("x", "日本"), exp.Literal.number(1))
    assert says("tsql", is_one) == "CASE WHEN [a] IN ('x', N'日本') THEN 1 END"
    assert says("tsql", exp.cast(value, "VARCHAR")) == "CAST([a] AS NVARCHAR(MAX))"


def test_conditions_of_sql_server_use_no_booleans() -> None:
    a = exp.column("a", quoted=True)
    assert says("tsql", exp.case().when(has("a", True, StorageType.BOOLEAN, "tsql"), exp.Literal.number(1))) == (
        "CASE WHEN [a] = 1 THEN 1 END"
    )
    assert says(
        "tsql", exp.case().when(has("a", [True, False], StorageType.BOOLEAN, "tsql"), exp.Literal.number(1))
    ) == ("CASE WHEN [a] IN (1, 0) THEN 1 END")
    truth = build_category_text(a, StorageType.BOOLEAN, ColumnProfile("a", "boolean", present=1))
    assert says("tsql", truth) == "CASE WHEN [a] <> 0 THEN 'True' WHEN NOT [a] <> 0 THEN 'False' END"


def test_whole_numbers_are_recognized_without_patterns_on_sql_server() -> None:
    assert says("tsql", cast_to_integer(exp.column("a", quoted=True), StorageType.TEXT)) == (
        "CASE WHEN ([a] LIKE '%[0-9]%' AND NOT [a] LIKE '%[^-+0-9 ]%' AND NOT TRY_CAST([a] AS BIGINT) IS NULL) "
        "THEN TRY_CAST([a] AS BIGINT) END"
    )
    with pytest.raises(ConfigError, match="SQL Server cannot run this query"):
        says("tsql", cast_to_float(exp.column("a", quoted=True), StorageType.TEXT_CELL))


@pytest.mark.parametrize(
    ("dialect", "number"),
    [
        ("athena", 'TRY_CAST(TRIM("a") AS BIGINT)'),
        ("bigquery", "SAFE_CAST(`a` AS INT64)"),
        ("databricks", "TRY_CAST(`a` AS BIGINT)"),
        ("mysql", f"CASE WHEN CAST(`a` AS DECIMAL(65, 0)) {WITHIN} THEN CAST(`a` AS SIGNED) END"),
        ("postgres", f'CASE WHEN CAST("a" AS DECIMAL) {WITHIN} THEN CAST("a" AS BIGINT) END'),
        ("redshift", 'TRY_CAST("a" AS BIGINT)'),
        ("snowflake", f'CASE WHEN TRY_CAST(TRIM("a") AS BIGINT) {WITHIN} THEN TRY_CAST(TRIM("a") AS BIGINT) END'),
        ("spark", "TRY_CAST(`a` AS BIGINT)"),
        ("sqlite", 'CASE WHEN TYPEOF("a" + 0) = \'integer\' THEN CAST("a" AS INTEGER) END'),
        ("trino", 'TRY_CAST(TRIM("a") AS BIGINT)'),
    ],
)
def test_a_text_is_cast_only_if_it_is_a_64_bit_number(dialect: str, number: str) -> None:
    said = says(dialect, cast_to_integer(exp.column("a", quoted=True), StorageType.TEXT))
    assert said.startswith("CASE WHEN ")
    assert said.endswith(f" THEN {number} END")


@pytest.mark.parametrize(
    ("dialect", "asked"),
    [
        ("athena", 'IS_NAN("a")'),
        ("bigquery", "IS_NAN(`a`)"),
        ("databricks", "ISNAN(`a`)"),
        ("mysql", "1 = 0"),
        ("redshift", "CAST(\"a\" AS VARCHAR) = 'NaN'"),
        ("snowflake", "\"a\" = CAST('NaN' AS DOUBLE)"),
        ("trino", 'IS_NAN("a")'),
        ("tsql", "1 = 0"),
    ],
)
def test_nan_and_infinity_are_recognized(dialect: str, asked: str) -> None:
    quoted = exp.column("a", quoted=True)
    name = quoted.sql(dialect)
    said = f"CASE WHEN {asked} THEN NULL WHEN {name} = 0 THEN ABS({name}) ELSE {name} END"
    assert says(dialect, null_if_missing(quoted, StorageType.FLOAT, ())) == said


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("athena", "CAST('-Infinity' AS DOUBLE)"),
        ("bigquery", "CAST('-inf' AS FLOAT64)"),
        ("databricks", "CAST('-inf' AS DOUBLE)"),
        ("mysql", "CAST('-1.7976931348623157e+308' AS DOUBLE)"),
        ("redshift", "CAST('-Infinity' AS DOUBLE PRECISION)"),
        ("snowflake", "CAST('-inf' AS DOUBLE)"),
        ("trino", "CAST('-Infinity' AS DOUBLE)"),
        ("tsql", "CAST('-1.7976931348623157e+308' AS FLOAT)"),
    ],
)
def test_infinities_are_rendered_for_each_dialect(dialect: str, said: str) -> None:
    assert says(dialect, build_literal(-math.inf)) == said


def test_bigquery_partitions_by_texts_except_in_windows_of_the_query() -> None:
    data = DataConfig(query="SELECT *, ROW_NUMBER() OVER (PARTITION BY s ORDER BY t) AS r FROM x")
    rows = source_query(data, "bigquery")
    assert render(rows, get_dialect("bigquery")) == (
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s ORDER BY t) AS r FROM x) AS data"
    )


def test_nulls_are_cast_for_redshift(tmp_path: Path) -> None:
    with loans("redshift", tmp_path) as runner:
        data = DataConfig(table="loans", label="approved")
        config = AnalysisConfig.build(data, BiasConfig([1], ["region"], None, None))
        TranspilingEngine(runner, max_cells=0).count(data, config)
    asked = [text for text in runner.seen if "COUNT(truth)" in text]
    assert asked
    for text in asked:
        assert "CAST(NULL AS BIGINT) AS truth" in text
        assert not re.search(r"(?<!THEN )(?<!CAST\()NULL AS ", text)


def test_a_query_keeps_its_ctes_if_the_dialect_supports_them() -> None:
    query = "WITH r AS (SELECT a, COUNT(*) AS k FROM t GROUP BY a) SELECT * FROM r"
    said = render(source_query(DataConfig(query=query), "tsql"), get_dialect("tsql"))
    assert said.startswith("WITH r AS (SELECT a AS a, COUNT_BIG(*) AS k FROM t GROUP BY a) SELECT ")
    read_back(said, get_dialect("tsql"))


# --- What is sent -------------------------------------------------------------------------------------------------

#: One facet with weights, of some rows.
ONE_FACET = {
    "athena": """
        SELECT COUNT(DISTINCT weight) FROM (SELECT weight FROM (SELECT "Age" AS facet0, "approved" AS label,
          CAST("w" AS DOUBLE) AS weight FROM (SELECT "Age" AS "Age", "approved" AS "approved", "w" AS "w" FROM
          "loans" AS data WHERE "region" IN ('O''Hara', 'São')) AS data) AS data_rows LIMIT 10000) AS first_rows;
        SELECT facet0, label, weight, COUNT(*) AS n, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS
          DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN 0 ELSE 1 END) AS bad, SUM(CASE WHEN (weight = 0) OR
          ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN weight END) AS w,
          SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE)))
          THEN weight * weight END) AS w2 FROM (SELECT "Age" AS facet0, "approved" AS label, CAST("w" AS DOUBLE)
          AS weight FROM (SELECT "Age" AS "Age", "approved" AS "approved", "w" AS "w" FROM "loans" AS data WHERE
          "region" IN ('O''Hara', 'São')) AS data) AS data_rows GROUP BY facet0, label, weight LIMIT 200001
    """,
    "bigquery": r"""
        SELECT COUNT(DISTINCT weight) FROM (SELECT weight FROM (SELECT `Age` AS facet0, `approved` AS label,
          CAST(`w` AS FLOAT64) AS weight FROM (SELECT `Age` AS `Age`, `approved` AS `approved`, `w` AS `w` FROM
          `loans` AS data WHERE `region` IN ('O\'Hara', 'São') AND COLLATE(CAST(`region` AS STRING), '') IN
          ('O\'Hara', 'São')) AS data) AS data_rows LIMIT 10000) AS first_rows;
        SELECT facet0, label, weight, COUNT(*) AS n, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS
          FLOAT64)) AND (weight <= CAST('1e+100' AS FLOAT64))) THEN 0 ELSE 1 END) AS bad, SUM(CASE WHEN (weight = 0) OR
          ((weight >= CAST('1e-100' AS FLOAT64)) AND (weight <= CAST('1e+100' AS FLOAT64))) THEN weight END) AS w,
          SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS FLOAT64)) AND (weight <= CAST('1e+100' AS
          FLOAT64))) THEN weight * weight END) AS w2 FROM (SELECT `Age` AS facet0, `approved` AS label, CAST(`w` AS
          FLOAT64) AS weight FROM (SELECT `Age` AS `Age`, `approved` AS `approved`, `w` AS `w` FROM `loans` AS
          data WHERE `region` IN ('O\'Hara', 'São') AND COLLATE(CAST(`region` AS STRING), '') IN ('O\'Hara',
          'São')) AS data) AS data_rows GROUP BY facet0, label, weight LIMIT 200001
    """,
    "databricks": r"""
        SELECT COUNT(DISTINCT weight) FROM (SELECT weight FROM (SELECT `Age` AS facet0, `approved` AS label,
          CAST(`w` AS DOUBLE) AS weight FROM (SELECT `Age` AS `Age`, `approved` AS `approved`, `w` AS `w` FROM
          `loans` AS data WHERE `region` IN ('O\'Hara', 'São')) AS data) AS data_rows LIMIT 10000) AS first_rows;
        SELECT facet0, label, weight, COUNT(*) AS n, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS
          DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN 0 ELSE 1 END) AS bad, SUM(CASE WHEN (weight = 0) OR
          ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN weight END) AS w,
          SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE)))
          THEN weight * weight END) AS w2 FROM (SELECT `Age` AS facet0, `approved` AS label, CAST(`w` AS DOUBLE)
          AS weight FROM (SELECT `Age` AS `Age`, `approved` AS `approved`, `w` AS `w` FROM `loans` AS data WHERE
          `region` IN ('O\'Hara', 'São')) AS data) AS data_rows GROUP BY facet0, label, weight LIMIT 200001
    """,
    "mysql": """
        SELECT COUNT(DISTINCT weight) FROM (SELECT weight FROM (SELECT `Age` AS facet0, `approved` AS label,
          CAST(`w` AS DOUBLE) AS weight FROM (SELECT `Age` AS `Age`, `approved` AS `approved`, `w` AS `w` FROM
          `loans` AS data WHERE CAST(`region` AS CHAR) COLLATE utf8mb4_0900_bin IN ('O''Hara', 'São')) AS data) AS
          data_rows LIMIT 10000) AS first_rows;
        SELECT facet0, label, weight, COUNT(*) AS n, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS
          DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN 0 ELSE 1 END) AS bad, SUM(CASE WHEN (weight = 0) OR
          ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN weight END) AS w,
          SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE)))
          THEN weight * weight END) AS w2 FROM (SELECT `Age` AS facet0, `approved` AS label, CAST(`w` AS DOUBLE)
          AS weight FROM (SELECT `Age` AS `Age`, `approved` AS `approved`, `w` AS `w` FROM `loans` AS data WHERE
          CAST(`region` AS CHAR) COLLATE utf8mb4_0900_bin IN ('O''Hara', 'São')) AS data) AS data_rows GROUP BY
          facet0, label, weight LIMIT 200001
    """,
    "redshift": """
        SELECT COUNT(DISTINCT weight) FROM (SELECT weight FROM (SELECT "Age" AS facet0, "approved" AS label,
          CAST("w" AS DOUBLE PRECISION) AS weight FROM (SELECT "Age" AS "Age", "approved" AS "approved", "w" AS
          "w" FROM "loans" AS data WHERE "region" IN ('O''Hara', 'São')) AS data) AS data_rows LIMIT 10000) AS
          first_rows;
        SELECT facet0, label, weight, COUNT(*) AS n, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS
          DOUBLE PRECISION)) AND (weight <= CAST('1e+100' AS DOUBLE PRECISION))) THEN 0 ELSE 1 END) AS bad, SUM(CASE
          WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS DOUBLE PRECISION)) AND (weight <= CAST('1e+100' AS DOUBLE
          PRECISION))) THEN weight END) AS w, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS DOUBLE
          PRECISION)) AND (weight <= CAST('1e+100' AS DOUBLE PRECISION))) THEN weight * weight END) AS w2 FROM
          (SELECT "Age" AS facet0, "approved" AS label, CAST("w" AS DOUBLE PRECISION) AS weight FROM (SELECT "Age"
          AS "Age", "approved" AS "approved", "w" AS "w" FROM "loans" AS data WHERE "region" IN ('O''Hara',
          'São')) AS data) AS data_rows GROUP BY facet0, label, weight LIMIT 200001
    """,
    "snowflake": r"""
        SELECT COUNT(DISTINCT weight) FROM (SELECT weight FROM (SELECT "Age" AS facet0, "approved" AS label,
          CAST("w" AS DOUBLE) AS weight FROM (SELECT "Age" AS "Age", "approved" AS "approved", "w" AS "w" FROM
          "LOANS" AS data WHERE "region" IN ('O\'Hara', 'São') AND COLLATE(CAST("region" AS VARCHAR), '') IN
          ('O\'Hara', 'São')) AS data) AS data_rows LIMIT 10000) AS first_rows;
        SELECT facet0, label, weight, COUNT(*) AS n, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS
          DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN 0 ELSE 1 END) AS bad, SUM(CASE WHEN (weight = 0) OR
          ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN weight END) AS w,
          SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE)))
          THEN weight * weight END) AS w2 FROM (SELECT "Age" AS facet0, "approved" AS label, CAST("w" AS DOUBLE)
          AS weight FROM (SELECT "Age" AS "Age", "approved" AS "approved", "w" AS "w" FROM "LOANS" AS data WHERE
          "region" IN ('O\'Hara', 'São') AND COLLATE(CAST("region" AS VARCHAR), '') IN ('O\'Hara', 'São')) AS
          data) AS data_rows GROUP BY facet0, label, weight LIMIT 200001
    """,
    "trino": """
        SELECT COUNT(DISTINCT weight) FROM (SELECT weight FROM (SELECT "Age" AS facet0, "approved" AS label,
          CAST("w" AS DOUBLE) AS weight FROM (SELECT "Age" AS "Age", "approved" AS "approved", "w" AS "w" FROM
          "loans" AS data WHERE "region" IN ('O''Hara', 'São')) AS data) AS data_rows LIMIT 10000) AS first_rows;
        SELECT facet0, label, weight, COUNT(*) AS n, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS
          DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN 0 ELSE 1 END) AS bad, SUM(CASE WHEN (weight = 0) OR
          ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE))) THEN weight END) AS w,
          SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS DOUBLE)) AND (weight <= CAST('1e+100' AS DOUBLE)))
          THEN weight * weight END) AS w2 FROM (SELECT "Age" AS facet0, "approved" AS label, CAST("w" AS DOUBLE)
          AS weight FROM (SELECT "Age" AS "Age", "approved" AS "approved", "w" AS "w" FROM "loans" AS data WHERE
          "region" IN ('O''Hara', 'São')) AS data) AS data_rows GROUP BY facet0, label, weight LIMIT 200001
    """,
    "tsql": """
        SELECT COUNT_BIG(DISTINCT weight) FROM (SELECT TOP 10000 weight AS weight FROM (SELECT [Age] AS facet0,
          [approved] AS label, CAST([w] AS FLOAT) AS weight FROM (SELECT [Age] AS [Age], [approved] AS [approved],
          [w] AS [w] FROM [loans] AS data WHERE [region] IN ('O''Hara', N'São') AND CAST([region] AS
          NVARCHAR(MAX)) COLLATE Latin1_General_100_BIN2 IN ('O''Hara', N'São')) AS data) AS data_rows) AS
          first_rows;
        SELECT TOP 200001 facet0, label, weight, COUNT_BIG(*) AS n, SUM(CAST(CASE WHEN (weight = 0) OR ((weight >=
          CAST('1e-100' AS FLOAT)) AND (weight <= CAST('1e+100' AS FLOAT))) THEN 0 ELSE 1 END AS BIGINT)) AS bad,
          SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS FLOAT)) AND (weight <= CAST('1e+100' AS FLOAT)))
          THEN weight END) AS w, SUM(CASE WHEN (weight = 0) OR ((weight >= CAST('1e-100' AS FLOAT)) AND (weight <=
          CAST('1e+100' AS FLOAT))) THEN weight * weight END) AS w2 FROM (SELECT [Age] AS facet0, [approved] AS
          label, CAST([w] AS FLOAT) AS weight FROM (SELECT [Age] AS [Age], [approved] AS [approved], [w] AS [w]
          FROM [loans] AS data WHERE [region] IN ('O''Hara', N'São') AND CAST([region] AS NVARCHAR(MAX)) COLLATE
          Latin1_General_100_BIN2 IN ('O''Hara', N'São')) AS data) AS data_rows GROUP BY facet0, label, weight
    """,
}

#: Two facets with a group: in one statement, where there are grouping sets.
TWO_FACETS = {
    "athena": """
        SELECT facet0, facet1, label, grp, COUNT(*) AS n, GROUPING(facet0) * 2 + GROUPING(facet1) * 1 AS which
        FROM (SELECT "Age" AS facet0, "region" AS facet1, "approved" AS label, "id" AS grp
        FROM (SELECT "Age" AS "Age", "region" AS "region", "approved" AS "approved", "id" AS "id"
        FROM "loans" AS data) AS data) AS data_rows
        GROUP BY GROUPING SETS ((facet0, label, grp), (facet1, label, grp))
        LIMIT 200001
    """,
    "bigquery": """
        SELECT facet0, facet1, label, grp, COUNT(*) AS n, GROUPING(facet0) * 2 + GROUPING(facet1) * 1 AS which
        FROM (SELECT `Age` AS facet0, `region` AS facet1, `approved` AS label, `id` AS grp
        FROM (SELECT `Age` AS `Age`, COLLATE(CAST(`region` AS STRING), '') AS `region`, `approved` AS `approved`,
          `id` AS `id`
        FROM `loans` AS data) AS data) AS data_rows
        GROUP BY GROUPING SETS ((facet0, label, grp), (facet1, label, grp))
        LIMIT 200001
    """,
    "databricks": """
        SELECT facet0, facet1, label, grp, COUNT(*) AS n, GROUPING(facet0) * 2 + GROUPING(facet1) * 1 AS which
        FROM (SELECT `Age` AS facet0, `region` AS facet1, `approved` AS label, `id` AS grp
        FROM (SELECT `Age` AS `Age`, `region` AS `region`, `approved` AS `approved`, `id` AS `id`
        FROM `loans` AS data) AS data) AS data_rows
        GROUP BY GROUPING SETS ((facet0, label, grp), (facet1, label, grp))
        LIMIT 200001
    """,
    "mysql": """
        SELECT facet0, label, grp, COUNT(*) AS n
        FROM (SELECT `Age` AS facet0, `approved` AS label, `id` AS grp
        FROM (SELECT `Age` AS `Age`, `approved` AS `approved`, `id` AS `id`
        FROM `loans` AS data) AS data) AS data_rows
        GROUP BY facet0, label, grp
        LIMIT 200001;
        SELECT facet0, label, grp, COUNT(*) AS n
        FROM (SELECT `region` AS facet0, `approved` AS label, `id` AS grp
        FROM (SELECT CAST(`region` AS CHAR) COLLATE utf8mb4_0900_bin AS `region`, `approved` AS `approved`, `id` AS
          `id`
        FROM `loans` AS data) AS data) AS data_rows
        GROUP BY facet0, label, grp
        LIMIT 199989
    """,
    "redshift": """
        SELECT facet0, facet1, label, grp, COUNT(*) AS n, GROUPING(facet0) * 2 + GROUPING(facet1) * 1 AS which
        FROM (SELECT "Age" AS facet0, "region" AS facet1, "approved" AS label, "id" AS grp
        FROM (SELECT "Age" AS "Age", "region" AS "region", "approved" AS "approved", "id" AS "id"
        FROM "loans" AS data) AS data) AS data_rows
        GROUP BY GROUPING SETS ((facet0, label, grp), (facet1, label, grp))
        LIMIT 200001
    """,
    "snowflake": """
        SELECT facet0, facet1, label, grp, COUNT(*) AS n, GROUPING(facet0) * 2 + GROUPING(facet1) * 1 AS which
        FROM (SELECT "Age" AS facet0, "region" AS facet1, "approved" AS label, "id" AS grp
        FROM (SELECT "Age" AS "Age", COLLATE(CAST("region" AS VARCHAR), '') AS "region", "approved" AS "approved",
          "id" AS "id"
        FROM "LOANS" AS data) AS data) AS data_rows
        GROUP BY GROUPING SETS ((facet0, label, grp), (facet1, label, grp))
        LIMIT 200001
    """,
    "trino": """
        SELECT facet0, facet1, label, grp, COUNT(*) AS n, GROUPING(facet0) * 2 + GROUPING(facet1) * 1 AS which
        FROM (SELECT "Age" AS facet0, "region" AS facet1, "approved" AS label, "id" AS grp
        FROM (SELECT "Age" AS "Age", "region" AS "region", "approved" AS "approved", "id" AS "id"
        FROM "loans" AS data) AS data) AS data_rows
        GROUP BY GROUPING SETS ((facet0, label, grp), (facet1, label, grp))
        LIMIT 200001
    """,
    "tsql": """
        SELECT TOP 200001 facet0, facet1, label, grp, COUNT_BIG(*) AS n, GROUPING(facet0) * 2 + GROUPING(facet1) * 1
          AS which
        FROM (SELECT [Age] AS facet0, [region] AS facet1, [approved] AS label, [id] AS grp
        FROM (SELECT [Age] AS [Age], CAST([region] AS NVARCHAR(MAX)) COLLATE Latin1_General_100_BIN2 AS [region],
          [approved] AS [approved], [id] AS [id]
        FROM [loans] AS data) AS data) AS data_rows
        GROUP BY GROUPING SETS ((facet0, label, grp), (facet1, label, grp))
    """,
}

#: Two rows of each stratum, drawn by the digest of the seed and the key.
FAIR = {
    "athena": """
        CREATE TABLE "fair" AS SELECT "id", "Age", "region", "approved", "w"
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN IS_NAN("Age") THEN NULL WHEN "Age" = 0 THEN
          ABS("Age") ELSE "Age" END ORDER BY
          airflow_clarify_draw, "id") AS airflow_clarify_place
        FROM (SELECT *, LOWER(TO_HEX(MD5(TO_UTF8(CONCAT('airflow-clarify draw 1 0', '|', COALESCE(CAST("id" AS
          VARCHAR), '')))))) AS airflow_clarify_draw
        FROM (SELECT * FROM "loans" AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2
    """,
    "bigquery": """
        CREATE TABLE `fair` AS SELECT `id`, `Age`, `region`, `approved`, `w`
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CAST(CASE WHEN IS_NAN(`Age`) THEN NULL WHEN `Age` = 0 THEN
          ABS(`Age`) ELSE `Age` END AS
          STRING) ORDER BY airflow_clarify_draw, `id`) AS airflow_clarify_place
        FROM (SELECT *, TO_HEX(MD5(CONCAT('airflow-clarify draw 1 0', '|', COALESCE(CAST(`id` AS STRING), '')))) AS
          airflow_clarify_draw
        FROM (SELECT * FROM `loans` AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2
    """,
    "databricks": """
        CREATE TABLE `fair` AS SELECT `id`, `Age`, `region`, `approved`, `w`
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN ISNAN(`Age`) THEN NULL WHEN `Age` = 0 THEN
          ABS(`Age`) ELSE `Age` END ORDER BY
          airflow_clarify_draw, `id`) AS airflow_clarify_place
        FROM (SELECT *, MD5(CONCAT('airflow-clarify draw 1 0', '|', COALESCE(CAST(`id` AS STRING), ''))) AS
          airflow_clarify_draw
        FROM (SELECT * FROM `loans` AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2
    """,
    "mysql": """
        CREATE TABLE `fair` AS SELECT `id`, `Age`, `region`, `approved`, `w`
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN 1 = 0 THEN NULL WHEN `Age` = 0 THEN
          ABS(`Age`) ELSE `Age` END ORDER BY
          airflow_clarify_draw, `id`) AS airflow_clarify_place
        FROM (SELECT *, MD5(CONCAT('airflow-clarify draw 1 0', '|', COALESCE(CAST(`id` AS CHAR), ''))) AS
          airflow_clarify_draw
        FROM (SELECT * FROM `loans` AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2
    """,
    "redshift": """
        CREATE TABLE "fair" AS SELECT "id", "Age", "region", "approved", "w"
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN CAST("Age" AS VARCHAR) = 'NaN' THEN NULL WHEN
          "Age" = 0 THEN
          ABS("Age") ELSE "Age" END ORDER BY airflow_clarify_draw, "id") AS airflow_clarify_place
        FROM (SELECT *, MD5('airflow-clarify draw 1 0' || '|' || COALESCE(CAST("id" AS VARCHAR), '')) AS
          airflow_clarify_draw
        FROM (SELECT * FROM "loans" AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2
    """,
    "snowflake": """
        CREATE TABLE "FAIR" AS SELECT "id", "Age", "region", "approved", "w"
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN "Age" = CAST('NaN' AS DOUBLE) THEN NULL WHEN "Age"
          = 0 THEN
          ABS("Age") ELSE "Age" END ORDER BY airflow_clarify_draw, "id") AS airflow_clarify_place
        FROM (SELECT *, MD5(CONCAT('airflow-clarify draw 1 0', '|', COALESCE(CAST("id" AS VARCHAR), ''))) AS
          airflow_clarify_draw
        FROM (SELECT * FROM "LOANS" AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2
    """,
    "trino": """
        CREATE TABLE "fair" AS SELECT "id", "Age", "region", "approved", "w"
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN IS_NAN("Age") THEN NULL WHEN "Age" = 0 THEN
          ABS("Age") ELSE "Age" END ORDER BY
          airflow_clarify_draw, "id") AS airflow_clarify_place
        FROM (SELECT *, LOWER(TO_HEX(MD5(TO_UTF8(CONCAT('airflow-clarify draw 1 0', '|', COALESCE(CAST("id" AS
          VARCHAR), '')))))) AS airflow_clarify_draw
        FROM (SELECT * FROM "loans" AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2
    """,
    "tsql": """
        SELECT * INTO [fair]
        FROM (SELECT [id] AS [id], [Age] AS [Age], [region] AS [region], [approved] AS [approved], [w] AS [w]
        FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY CASE WHEN 1 = 0 THEN NULL WHEN [Age] = 0 THEN
          ABS([Age]) ELSE [Age] END ORDER BY
          airflow_clarify_draw, [id]) AS airflow_clarify_place
        FROM (SELECT *, HASHBYTES('MD5', 'airflow-clarify draw 1 0' + '|' + COALESCE(CAST([id] AS NVARCHAR(MAX)),
          '')) AS airflow_clarify_draw
        FROM (SELECT * FROM [loans] AS data) AS data) AS data) AS data
        WHERE airflow_clarify_place <= 2) AS temp
    """,
}


@pytest.mark.parametrize("dialect", ABSENT)
def test_the_statement_for_one_facet_with_weights(dialect: str, tmp_path: Path) -> None:
    where = {"region": ["O'Hara", "São"]}
    data = DataConfig(table="loans", label="approved", weight="w", where=where)
    with loans(dialect, tmp_path) as runner:
        config = AnalysisConfig.build(data, BiasConfig([1], ["Age"], [[20.5]], None))
        TranspilingEngine(runner).count(data, config)
    assert runner.seen[1:] == lines(ONE_FACET[dialect])


@pytest.mark.parametrize("dialect", ABSENT)
def test_the_statement_for_two_facets_with_a_group_variable(dialect: str, tmp_path: Path) -> None:
    data = DataConfig(table="loans", label="approved")
    with loans(dialect, tmp_path) as runner:
        config = AnalysisConfig.build(data, BiasConfig([1], ["Age", "region"], [[20.5], None], "id"))
        TranspilingEngine(runner).count(data, config)
    assert runner.seen[1:] == lines(TWO_FACETS[dialect])


@pytest.mark.parametrize("dialect", ABSENT)
def test_the_statement_for_a_balanced_copy(dialect: str, tmp_path: Path) -> None:
    with loans(dialect, tmp_path) as runner:
        made_fair(runner)
    assert [text for text in runner.seen if "airflow_clarify_place" in text] == lines(FAIR[dialect])


def lines(statements: str) -> list[str]:
    """Join statements that are wrapped for readability."""
    return [" ".join(statement.split()) for statement in statements.split(";")]
