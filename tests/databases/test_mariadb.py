"""Types and permissions of MariaDB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from database_factories import Database, MariaDatabase, connection_of, mariadb_is_here
from servers import MariaDBServer
from test_balance_in_databases import BY, REVIEWS, reviews
from test_sql_engine import HOMES, analyse

from airflow_clarify import DataConfig, SQLEngine
from airflow_clarify.bias.resampling import BalanceConfig
from airflow_clarify.exceptions import ConfigError, DataError

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not mariadb_is_here(), reason="MariaDB is not here; see `make test-databases`"),
]


@pytest.fixture
def mariadb(all_databases: dict[str, Database]) -> Iterator[MariaDatabase]:
    """The server, with a table of its own types, and reviews."""
    database = all_databases["mariadb"]
    assert isinstance(database, MariaDatabase)
    database.load("reviews", reviews())
    run(
        database,
        "DROP TABLE IF EXISTS balanced, own",
        "CREATE TABLE own (id INT, flag BIT(1), flags BIT(9), size ENUM('10', '2', 'big'), tags SET('p', 'q'), "
        "name VARCHAR(9) CHARACTER SET latin1, code CHAR(5), born YEAR, bytes VARBINARY(5), y INT)",
    )
    rows = ", ".join(
        f"({n}, b'{n % 2}', b'10000000{n % 2}', '{('10', '2', 'big')[n % 3]}', '{('p', 'p,q')[n % 2]}', "
        f"'{('é', 'e', 'E ')[n % 3]}', '{('x ', 'y')[n % 2]}', {2000 + n % 2}, 'b{n % 2}', {n // 2 % 2})"
        for n in range(24)
    )
    run(database, f"INSERT INTO own VALUES {rows}")
    yield database
    database.drop("own")


def run(database: MariaDatabase, *statements: str) -> None:
    with closing(database.connect()) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


FACETS = {
    "flag": ["0", "1"],
    "flags": ["256", "257"],
    "size": ["10", "2", "big"],
    "tags": ["p", "p,q"],
    "name": ["E ", "e", "é"],
    "code": ["x", "y"],
    "born": ["2000", "2001"],
}


@HOMES
@pytest.mark.parametrize("facet", FACETS)
def test_each_type_has_its_values_on_both_paths(facet: str, max_cells: int, mariadb: MariaDatabase) -> None:
    # A number with 5 % distinct values is continuous, unless the author says otherwise.
    values = [int(each) for each in FACETS[facet]] if facet in ("flag", "flags", "born") else None
    data = DataConfig(table="own", label="y")
    analysis = analyse(mariadb.engine(max_cells), data, facet, facet_values_or_threshold=values)
    results = analysis.facets[0].results
    assert [result.value for result in results] == (FACETS[facet] if values is None else [",".join(FACETS[facet])])
    result = mariadb.engine().balance(
        DataConfig(table="own"), "balanced", BalanceConfig([facet, "y"], key=["id"], if_exists="replace")
    )
    assert sorted({share.values[0] or "" for share in result.strata}) == FACETS[facet]


def test_binary_columns_are_not_categories(mariadb: MariaDatabase) -> None:
    with pytest.raises(ConfigError, match="column 'bytes' holds bytes values, which cannot be categories"):
        analyse(mariadb.engine(), DataConfig(table="own", label="y"), "bytes")


@HOMES
@pytest.mark.parametrize("weight", ["size", "tags", "born", "bytes", "name"])
def test_a_value_that_is_not_a_number_is_not_a_weight(weight: str, max_cells: int, mariadb: MariaDatabase) -> None:
    """MariaDB would convert an ENUM to its position, a SET to its bits, and a YEAR to a number."""
    refused = r"^weight: column '\w+' (holds (YEAR|BINARY) values, which cannot be weights|has \d+ of 24 rows without)"
    with pytest.raises((ConfigError, DataError), match=refused):
        analyse(mariadb.engine(max_cells), DataConfig(table="own", label="y", weight=weight), "code")


@pytest.mark.parametrize(
    ("where", "rows"),
    [({"name": "E "}, 8), ({"name": ["e", "日本"]}, 8), ({"name": "E"}, 0), ({"size": "2"}, 8), ({"flag": 1}, 12)],
    ids=str,
)
def test_conditions_on_the_types_of_mariadb(where: dict[str, object], rows: int, mariadb: MariaDatabase) -> None:
    data = DataConfig(table="own", label="y", where=where)
    if not rows:
        with pytest.raises(DataError, match="the data hold no rows"):
            analyse(mariadb.engine(), data, "code")
        return
    assert analyse(mariadb.engine(), data, "code").rows == rows


@HOMES
def test_patterns_of_mariadb_in_a_query_are_kept(max_cells: int, mariadb: MariaDatabase) -> None:
    data = DataConfig(query="SELECT * FROM own WHERE size REGEXP '^[0-9]+$'", label="y", where="name RLIKE 'e'")
    assert analyse(mariadb.engine(max_cells), data, "code").rows == 8


# --- Users --------------------------------------------------------------------------------------------------------

#: As docs/databases.md has them.
TO_MEASURE = "GRANT SELECT ON clarify.reviews TO {user}"
TO_BALANCE = "GRANT CREATE, INSERT, SELECT ON clarify.* TO {user}"
TO_REPLACE = "GRANT ALTER, DROP ON clarify.* TO {user}"


@pytest.fixture
def somebody(mariadb: MariaDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A user who may do nothing yet, and the connection ``somebody``."""
    user = "'somebody'@'127.0.0.1'"
    run(mariadb, f"DROP USER IF EXISTS {user}", f"CREATE USER {user} IDENTIFIED BY 'only-on-loopback'")
    theirs = MariaDatabase(MariaDBServer(mariadb.server.port, user="somebody"))
    monkeypatch.setenv("AIRFLOW_CONN_SOMEBODY", json.dumps(json.loads(connection_of(theirs))))
    yield user
    run(mariadb, f"DROP USER {user}")


def test_the_permissions_of_the_docs_are_enough(somebody: str, mariadb: MariaDatabase) -> None:
    engine = SQLEngine("somebody")
    run(mariadb, TO_MEASURE.format(user=somebody))
    assert analyse(engine, DataConfig(table="reviews", label="sentiment")).rows == 200
    run(mariadb, TO_BALANCE.format(user=somebody))
    assert engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"])).rows_in == 200
    run(mariadb, TO_REPLACE.format(user=somebody))
    assert engine.balance(REVIEWS, "balanced", BalanceConfig(BY, key=["id"], if_exists="replace")).rows_in == 200
    left = [name for (name,) in mariadb.query("SHOW TABLES") if name.startswith("airflow_clarify")]
    assert not left


def test_a_view_with_a_hidden_definition_is_refused(somebody: str, mariadb: MariaDatabase) -> None:
    run(
        mariadb,
        "CREATE OR REPLACE VIEW hidden AS SELECT * FROM reviews",
        "CREATE TABLE balanced (a INT)",
        f"GRANT CREATE, INSERT, SELECT, ALTER, DROP ON clarify.* TO {somebody}",
    )
    try:
        with pytest.raises(
            ConfigError, match="whether the view hidden, a part of the source, reads balanced cannot be"
        ):
            SQLEngine("somebody").balance(
                DataConfig(table="hidden"), "balanced", BalanceConfig(BY, key=["id"], if_exists="replace")
            )
        run(mariadb, f"GRANT SHOW VIEW ON clarify.* TO {somebody}")
        SQLEngine("somebody").balance(
            DataConfig(table="hidden"), "balanced", BalanceConfig(BY, key=["id"], if_exists="replace")
        )
    finally:
        run(mariadb, "DROP VIEW hidden")
