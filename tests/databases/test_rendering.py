"""What is sent to databases that are not here: read back as their SQL, it says what was meant, and gives the same."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
import test_balance_in_databases as balancing
from database_makers import as_parquet
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rendering_makers import Transpiling, read_back
from sqlglot import exp
from test_same_in_databases import Case, answer, assert_same, cases, plain

from airflow_clarify import AnalysisConfig, DataConfig, DuckDBEngine
from airflow_clarify.bias.contingency import Contingency
from airflow_clarify.engines.sql.balance import balance
from airflow_clarify.engines.sql.count import count
from airflow_clarify.engines.sql.dialects import dialect_named
from airflow_clarify.engines.sql.relation import condition, relation, table_named
from airflow_clarify.engines.sql.rendering import render
from airflow_clarify.engines.sql.source import SqlSource
from airflow_clarify.exceptions import ConfigError

#: The dialects whose databases cannot be run here, and the others for good measure.
ABSENT = ["athena", "bigquery", "databricks", "mysql", "redshift", "snowflake", "trino", "tsql"]
EVERY = [*ABSENT, "postgres", "spark", "sqlite"]


class TranspilingEngine:
    """Counts as SQLEngine does, in a database that is not there."""

    def __init__(self, runner: Transpiling, max_cells: int = 200_000) -> None:
        self.runner = runner
        self.max_cells = max_cells

    def source(self, data: DataConfig) -> SqlSource:
        return SqlSource.open(self.runner, data.source, relation(data, self.runner.dialect.name), data)

    def count(self, data: DataConfig, config: AnalysisConfig) -> Contingency:
        return count(self.source(data), config, data.weight, None, max_cells=self.max_cells)

    def balance(self, data: DataConfig, target: str, by: list[str], **plan: Any) -> Any:
        return balance(self.source(data), self.runner, data, target, by, **plan)


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
    """What was sent has no words that the dialect lacks."""
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
    data = DataConfig(table="data", label="y", weight=weight)
    with tempfile.TemporaryDirectory() as folder, Transpiling.of(dialect) as runner:
        path = as_parquet(case.columns, Path(folder) / "data.parquet")
        runner.load("data", path)
        embedded = DuckDBEngine(duckdb_conn_id=None, threads=1)
        expected = answer(embedded, DataConfig(str(path), label="y", weight=weight), case)
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
            lambda **plan: embedded.balance(DataConfig(str(path)), str(to), ["g", "y"], **plan), case
        )
        found = balancing.answer(
            lambda **plan: engine.balance(DataConfig(table="data"), "out", ["g", "y"], key=["id"], **plan), case
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
    """A query with names and texts from outside."""
    rows = exp.select(exp.column(column, quoted=True).as_(alias, quoted=True))
    rows = rows.from_(table_named([table], dialect, "table"))
    return rows.where(*(condition({column: value}, dialect, [column]) for value in (text, [text, "x"])))


@pytest.mark.parametrize("dialect", EVERY)
@given(names=st.tuples(NAMES, NAMES, NAMES), text=TEXTS)
@settings(max_examples=settings.default.max_examples // 2)
def test_names_and_texts_come_back_as_they_are(dialect: str, names: tuple[str, str, str], text: str) -> None:
    # A dot separates the parts of a name in BigQuery, even inside of its quotes.
    assume(dialect != "bigquery" or not any(set(name) & set("`\\\n\r.") for name in names))
    table, column, alias = names
    # Such a table is one of the session in SQL Server, quoted or not.
    assume(dialect != "tsql" or not table.startswith("#"))
    back = read_back(render(meant(*names, text, dialect), dialect_named(dialect)), dialect_named(dialect))
    assert isinstance(back, exp.Select)
    assert [(one.name, one.db) for one in back.find_all(exp.Table)] == [(table, "")]
    assert {one.name for one in back.find_all(exp.Column)} == {column}
    assert [one.alias for one in back.find_all(exp.Alias)] == [alias]
    assert Counter(one.name for one in back.find_all(exp.Literal, exp.National)) == Counter([text, text, "x"])


@pytest.mark.parametrize("sharp", ["`", "\\", "\n"])
def test_bigquery_has_no_names_that_need_an_escape(sharp: str) -> None:
    with pytest.raises(ConfigError, match="can be no name in BigQuery"):
        render(meant("t", f"a{sharp}b", "c", "", "bigquery"), dialect_named("bigquery"))


@given(text=TEXTS)
def test_redshift_s_driver_sees_the_end_of_a_text_where_redshift_does(text: str) -> None:
    """It knows nothing of backslashes, and puts values for placeholders into what it thinks is outside of a text."""
    said = render(exp.select(exp.Literal.string(text)), dialect_named("redshift"))
    assert re.fullmatch(r"SELECT '(?:[^']|'')*'", said)
