"""Balanced copies inside a database: exact quotas, one statement, whole or absent, and the same rows again."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from database_factories import Column, Database, as_parquet
from hypothesis import given, settings
from hypothesis import strategies as st
from test_same_in_databases import HOSTILE, KINDS, plain

from airflow_clarify import BiasConfig, DataConfig, DuckDBEngine
from airflow_clarify.bias.analysis import Analysis
from airflow_clarify.bias.config import AnalysisConfig
from airflow_clarify.bias.resampling import BalanceConfig, BalanceResult
from airflow_clarify.engines.base import Engine
from airflow_clarify.exceptions import ClarifyError, ConfigError, DataError, OutputError, QuotaError


def reviews(rows: int = 200) -> dict[str, Column]:
    """Reviews of two categories and three sentiments, with an id."""
    return {
        "id": Column("integer", list(range(rows))),
        "category": Column("text", [("O'Hara", "b c", "日本")[i % 7 % 3] for i in range(rows)]),
        "sentiment": Column("integer", [(i // 3) % 2 for i in range(rows)]),
        "note": Column("text", [HOSTILE[i % len(HOSTILE)] for i in range(rows)]),
    }


@pytest.fixture
def engine(database: Database) -> Engine:
    """An engine on the database, which holds reviews and no copy of them."""
    database.load("reviews", reviews())
    database.drop("balanced")
    return database.engine()


def strata(database: Database, table: str) -> Counter[tuple[Any, ...]]:
    return Counter(database.query(f"SELECT category, sentiment FROM {table}"))


REVIEWS = DataConfig(table="reviews")
BY = ["category", "sentiment"]


def test_a_table_has_exact_quotas(database: Database, engine: Engine) -> None:
    before = strata(database, "reviews")
    result = engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"]))
    smallest = min(before.values())
    assert strata(database, "balanced") == dict.fromkeys(before, smallest)
    assert (result.rows_in, result.rows_out) == (200, smallest * len(before))
    assert result.warnings == ()
    assert set(database.query("SELECT * FROM balanced")) <= set(database.query("SELECT * FROM reviews"))


def test_the_same_key_and_seed_give_the_same_rows(database: Database, engine: Engine) -> None:
    drawn = []
    for seed in (7, 7, 8):
        engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"], seed=seed, if_exists="replace"))
        drawn.append(sorted(database.query("SELECT id FROM balanced")))
    assert drawn[0] == drawn[1] != drawn[2]


def test_every_database_draws_the_same_rows(all_databases: dict[str, Database]) -> None:
    drawn = {}
    for name, database in all_databases.items():
        database.load("reviews", reviews())
        database.engine().balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"], if_exists="replace"))
        drawn[name] = sorted(database.query("SELECT id FROM balanced"))
    assert len(drawn) > 1
    assert len({tuple(rows) for rows in drawn.values()}) == 1


def test_without_a_key_the_quotas_hold_and_a_warning_says_so(database: Database, engine: Engine) -> None:
    result = engine.balance(REVIEWS, "balanced", BalanceConfig(BY))
    assert len(set(strata(database, "balanced").values())) == 1
    assert result.warnings == (
        "the draw cannot be repeated without a key; name the columns that identify a row in key",
    )


def test_a_key_that_is_not_unique_is_refused(database: Database, engine: Engine) -> None:
    with pytest.raises(ConfigError, match="key: category does not identify every row"):
        engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["category"]))
    assert not database.has("balanced")


def test_oversampling_repeats_rows_as_evenly_as_possible(database: Database, engine: Engine) -> None:
    before = strata(database, "reviews")
    engine.balance(
        REVIEWS, "balanced", BalanceConfig(BY, strategy="oversample", size=max(before.values()) * 3 + 1, key=["id"])
    )
    assert set(strata(database, "balanced").values()) == {max(before.values()) * 3 + 1}
    for stratum, rows in before.items():
        copies = Counter(
            row[0] for row in database.query("SELECT id, category, sentiment FROM balanced") if row[1:] == stratum
        )
        assert len(copies) == rows
        assert max(copies.values()) - min(copies.values()) <= 1


def test_reweighing_makes_facet_and_label_independent(database: Database, engine: Engine) -> None:
    result = engine.balance(REVIEWS, "balanced", BalanceConfig(BY, strategy="reweigh", weight_column="w'eight"))
    rows = database.query("SELECT * FROM balanced")
    assert len(rows) == 200
    assert sum(row[-1] for row in rows) == pytest.approx(200)
    expected = {share.values: share.weight for share in result.strata}
    assert {(row[1], str(row[2])): row[-1] for row in rows} == expected
    data = DataConfig(table="balanced", label="sentiment", weight="w'eight")
    config = AnalysisConfig.build(data, BiasConfig([1], "category", label_type="categorical"), ["DPL"])
    analysis = Analysis.from_contingency(engine.count(data, config), config)
    for _, group in analysis.results():
        assert group.metrics[0].value == pytest.approx(0.0, abs=2**-53)


@pytest.mark.parametrize("kind", ["float", "text"])
def test_prior_weights_are_counted_in_place_of_rows(kind: Any, database: Database, engine: Engine) -> None:
    if kind == "text" and database.name == "sqlite":
        pytest.skip("SQLite casts any text")
    prior = [[0, 0.5, 1.0, 3.25][i % 4] for i in range(200)]
    columns = {**reviews(), "w": Column(kind, [str(w) for w in prior] if kind == "text" else list(map(float, prior)))}
    database.load("survey", columns)
    data = DataConfig(table="survey", weight="w")
    result = engine.balance(data, "balanced", BalanceConfig(BY, strategy="reweigh", weight_column="v"))
    rows = database.query("SELECT category, sentiment, w, v FROM balanced")
    sums: Counter[tuple[str, str]] = Counter()
    for category, sentiment, w, _ in rows:
        sums[category, str(sentiment)] += float(w)
    of_category, of_sentiment = Counter[str](), Counter[str]()
    for (category, sentiment), weight in sums.items():
        of_category[category] += weight
        of_sentiment[sentiment] += weight
    for share in result.strata:
        category, sentiment = map(str, share.values)
        factor = of_category[category] * of_sentiment[sentiment] / (sum(prior) * sums[category, sentiment])
        assert share.weight == pytest.approx(factor, rel=1e-12)
    factors = {share.values: share.weight for share in result.strata}
    for category, sentiment, w, weight in rows:
        assert weight == pytest.approx(float(w) * (factors[category, str(sentiment)] or 0.0), rel=1e-12)
    database.load("survey", {**columns, "w": Column("float", [1.0] * 199 + [-1.0])})
    with pytest.raises(DataError, match=r"^weight: column 'w' has 1 of 200 rows without a number from 0"):
        engine.balance(data, "unmade", BalanceConfig(BY, strategy="reweigh", weight_column="v"))


def test_an_existing_table_is_replaced_only_with_if_exists_replace(database: Database, engine: Engine) -> None:
    engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"]))
    before = sorted(database.query("SELECT id FROM balanced"))
    with pytest.raises(ConfigError, match="there is a table balanced already; name another, or set if_exists="):
        engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"], seed=1))
    assert sorted(database.query("SELECT id FROM balanced")) == before
    engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"], seed=1, if_exists="replace"))
    assert sorted(database.query("SELECT id FROM balanced")) != before


@pytest.mark.parametrize(
    "data",
    [
        DataConfig(table="reviews"),
        DataConfig(table="REVIEWS"),
        DataConfig(table="main.reviews"),
        DataConfig(query="SELECT * FROM (SELECT * FROM reviews) AS r"),
        DataConfig(query="WITH r AS (SELECT * FROM reviews) SELECT * FROM r"),
    ],
    ids=lambda data: data.source if data.query is None else data.query,
)
def test_the_source_is_never_the_target(database: Database, engine: Engine, data: DataConfig) -> None:
    with pytest.raises((ConfigError, DataError)) as raised:
        engine.balance(data, "reviews", BalanceConfig(BY, key=["id"], if_exists="replace"))
    # There may be no such schema, or names are told apart by their case, so that there is no such table.
    assert "is the source" in str(raised.value) or data.source in ("main.reviews", "REVIEWS")
    assert len(database.query("SELECT * FROM reviews")) == 200


def views(database: Database, *statements: str) -> None:
    with closing(database.connect()) as connection:  # type: ignore[attr-defined]
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


@pytest.mark.parametrize("source", [DataConfig(table="outer_view"), DataConfig(query="SELECT * FROM outer_view")])
def test_a_target_that_a_view_of_the_source_reads_is_refused(
    database: Database, engine: Engine, source: DataConfig
) -> None:
    views(
        database,
        "CREATE VIEW inner_view AS SELECT * FROM reviews WHERE id >= 0",
        "CREATE VIEW outer_view AS WITH part AS (SELECT * FROM inner_view) SELECT * FROM part",
    )
    try:
        with pytest.raises(ConfigError, match="target: reviews is read by a view of the source"):
            engine.balance(source, "reviews", BalanceConfig(BY, key=["id"], if_exists="replace"))
        assert len(database.query("SELECT * FROM reviews")) == 200
        assert engine.balance(source, "balanced", BalanceConfig(BY, key=["id"])).rows_in == 200
        # A view of something else is no reason.
        assert engine.balance(source, "balanced", BalanceConfig(BY, key=["id"], if_exists="replace")).rows_in == 200
    finally:
        views(database, "DROP VIEW outer_view", "DROP VIEW inner_view")


def test_a_target_that_is_a_view_is_refused_and_unchanged(database: Database, engine: Engine) -> None:
    views(database, "CREATE VIEW shown AS SELECT * FROM reviews WHERE id < 7")
    try:
        with pytest.raises(ConfigError, match="target: shown is a view, and a balanced copy is a table"):
            engine.balance(
                DataConfig(query="SELECT 1 AS a, 1 AS id"), "shown", BalanceConfig(["a"], if_exists="replace")
            )
        assert len(database.query("SELECT * FROM shown")) == 7
    finally:
        views(database, "DROP VIEW shown")


def test_a_failed_copy_leaves_no_table(database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"]))
    before = sorted(database.query("SELECT id FROM balanced"))

    def changed(*_: Any) -> None:
        raise OutputError("the data changed")

    monkeypatch.setattr("airflow_clarify.engines.sql.resample._check_strata", changed)
    with pytest.raises(OutputError):
        engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"], seed=3, if_exists="replace"))
    assert sorted(database.query("SELECT id FROM balanced")) == before
    with pytest.raises(OutputError):
        engine.balance(REVIEWS, "balanced_too", BalanceConfig(BY, key=["id"]))
    assert not database.has("balanced_too")


def test_only_the_selected_rows_are_copied(database: Database, engine: Engine) -> None:
    data = DataConfig(table="reviews", where={"category": ["O'Hara", "日本"]})
    result = engine.balance(data, "balanced", BalanceConfig(BY, key=["id"]))
    assert {row[0] for row in strata(database, "balanced")} == {"O'Hara", "日本"}
    assert result.rows_in < 200


def test_an_empty_stratum_is_an_error_before_any_table(database: Database, engine: Engine) -> None:
    data = DataConfig(table="reviews", where="NOT (category = 'b c' AND sentiment = 1)")
    with pytest.raises(QuotaError, match=r"no row \(count 0\) has category='b c' and sentiment='1'"):
        engine.balance(data, "balanced", BalanceConfig(BY, key=["id"]))
    assert not database.has("balanced")


def test_hostile_names_are_quoted(database: Database) -> None:
    columns = {
        'a "b".c': Column("integer", list(range(40))),
        "select": Column("text", [HOSTILE[i % 2] for i in range(40)]),
        "l'abel--": Column("integer", [i // 20 for i in range(40)]),
    }
    database.load("order by; --", columns)
    data = DataConfig(table=["order by; --"])
    database.drop('ba"l.anced')
    result = database.engine().balance(data, ['ba"l.anced'], BalanceConfig(["select", "l'abel--"], key=['a "b".c']))
    assert result.rows_out == 40
    assert database.has('ba"l.anced')


# --- As the embedded engine would ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Random rows, and how they are to be balanced."""

    columns: dict[str, Column]
    plan: dict[str, Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows = draw(st.integers(1, 30))
    columns = {"id": Column("integer", list(range(rows)))}
    for name in ("g", "y"):
        kind, values = KINDS[draw(st.sampled_from(["texts", "integers", "booleans", "dates", "decimals", "floats"]))]
        few = draw(st.lists(values, min_size=1, max_size=3)) + draw(st.sampled_from([[], [None]]))
        cells = draw(st.lists(st.sampled_from(few), min_size=rows, max_size=rows))
        columns[name] = Column(kind, cells)
    plan = draw(
        st.sampled_from(
            [
                {},
                {"size": 2},
                {"fraction": 0.5},
                {"strategy": "oversample"},
                {"strategy": "oversample", "size": 37},
                {"strategy": "reweigh"},
            ]
        )
    )
    missing = draw(st.sampled_from([None, "drop", "keep", "error"]))
    return Case(columns, {**plan, "missing": missing, "empty": draw(st.sampled_from(["error", "ignore"]))})


def answer(balance: Any, case: Case) -> BalanceResult | str:
    try:
        result: BalanceResult = balance(**case.plan)
    except ClarifyError as error:
        return type(error).__name__
    return result


@given(case=cases())
@settings(max_examples=settings.default.max_examples // 3)
def test_a_database_balances_as_the_embedded_engine_does(database: Database, case: Case) -> None:
    case = Case({**case.columns, **database.as_stored({name: case.columns[name] for name in ("g", "y")})}, case.plan)
    database.load("data", case.columns)
    with tempfile.TemporaryDirectory() as folder:
        file = as_parquet(case.columns, Path(folder) / "data.parquet")
        embedded = DuckDBEngine(duckdb_conn_id=None, threads=1)
        to = Path(folder) / "out.parquet"
        expected = answer(
            lambda **plan: embedded.balance(DataConfig(str(file)), str(to), BalanceConfig(["g", "y"], **plan)), case
        )
        rows = duckdb.sql(f"SELECT g, y FROM '{to}'").fetchall() if to.exists() else None
    engine = database.engine()
    found = answer(
        lambda **plan: engine.balance(
            DataConfig(table="data"), "made", BalanceConfig(["g", "y"], key=["id"], if_exists="replace", **plan)
        ),
        case,
    )
    if isinstance(found, str) or isinstance(expected, str):
        assert found == expected
        return
    assert found.strata == expected.strata
    assert rows is not None
    assert Counter(map(_plainly, rows)) == Counter(map(_plainly, database.query("SELECT g, y FROM made")))


def _plainly(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(plain(value) for value in row)
