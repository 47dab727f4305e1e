"""Fixtures of this folder: real databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from database_factories import Database, databases, names_of_databases


@pytest.fixture(scope="session")
def all_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Database]]:
    """A DuckDB, an SQLite and a PostgreSQL; a MariaDB, where there is one."""
    with databases(tmp_path_factory.mktemp("databases")) as made:
        yield made


@pytest.fixture(scope="session", params=names_of_databases())
def database(request: pytest.FixtureRequest, all_databases: dict[str, Database]) -> Database:
    """Provide each database in turn."""
    return all_databases[request.param]
